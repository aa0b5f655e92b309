//! Guests with an interface: a veth pair whose host end is in a network namespace of the test, with a DHCP server
//! there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dhcproto::v4::{DhcpOption, Message, MessageType, Opcode, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable, Encoder};
use sandbox::{Driver, Exit, Readiness, Running};
use support::{Cloud, eventually, id, skip, spec};

/// Runs a test in a thread with a network namespace of its own, in which it plays the fabric.
fn as_fabric(test: fn(&Cloud)) {
    let thread = std::thread::spawn(move || {
        let Some(cloud) = Cloud::new() else { return };
        if let Err(error) = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET) {
            return skip(&format!("no network namespace: {error}"));
        }
        if Command::new("ip").arg("-V").output().is_err() {
            return skip("no ip command to make interfaces with");
        }
        test(&cloud);
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn ip(args: &str) {
    let output = Command::new("ip").args(args.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {args}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Gives a guest an interface, as the node does.
fn plug(running: &Running, host_name: &str, guest_name: &str, mac: &str) {
    ip(&format!("link add {host_name} type veth peer name p{host_name} address {mac}"));
    ip(&format!("link set p{host_name} netns {} name {guest_name}", running.init.pid));
    ip(&format!("link set {host_name} up"));
}

/// A DHCP server on one interface: one address, counted requests, and options that the test can change.
struct DhcpServer {
    stop: Arc<AtomicBool>,
    requests: Arc<AtomicU32>,
    options: Arc<Mutex<OptionSet>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What the DHCP option set of a VPC says.
#[derive(Clone)]
struct OptionSet {
    name_servers: Vec<Ipv4Addr>,
    domain_name: &'static str,
}

impl DhcpServer {
    fn start(interface: &str, last_octet: u8, lease_secs: u32) -> Self {
        Self::giving([10, 0, last_octet, 5], interface, lease_secs)
    }

    fn giving(address: [u8; 4], interface: &str, lease_secs: u32) -> Self {
        let last_octet = address[2];
        ip(&format!("addr add 10.0.{last_octet}.1/24 dev {interface}"));
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.set_broadcast(true).unwrap();
        socket.bind_device(Some(interface.as_bytes())).unwrap();
        socket.bind(&std::net::SocketAddr::from(([0, 0, 0, 0], 67)).into()).unwrap();
        let socket = std::net::UdpSocket::from(socket);
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert!(socket.as_raw_fd() >= 0);
        let stop = Arc::new(AtomicBool::new(false));
        let requests = Arc::new(AtomicU32::new(0));
        let name_servers = vec![Ipv4Addr::new(10, 0, last_octet, 2)];
        let options = Arc::new(Mutex::new(OptionSet { name_servers, domain_name: "ec2.internal" }));
        let shared = (Arc::clone(&stop), Arc::clone(&requests), Arc::clone(&options));
        let thread = std::thread::spawn(move || {
            let (stop, requests, options) = shared;
            let mut buffer = [0; 1500];
            while !stop.load(Ordering::Relaxed) {
                let Ok((count, from)) = socket.recv_from(&mut buffer) else { continue };
                let request = Message::decode(&mut Decoder::new(&buffer[..count])).unwrap();
                let mut reply = Message::new_with_id(
                    request.xid(),
                    request.ciaddr(),
                    address.into(),
                    Ipv4Addr::UNSPECIFIED,
                    Ipv4Addr::UNSPECIFIED,
                    &request.chaddr()[..6],
                );
                reply.set_opcode(Opcode::BootReply);
                let kind = match request.opts().msg_type().unwrap() {
                    MessageType::Discover => MessageType::Offer,
                    _ => {
                        requests.fetch_add(1, Ordering::Relaxed);
                        MessageType::Ack
                    }
                };
                assert!(request.opts().get(OptionCode::ClientIdentifier).is_some());
                let gateway = Ipv4Addr::new(10, 0, last_octet, 1);
                let OptionSet { name_servers, domain_name } = options.lock().unwrap().clone();
                for option in [
                    DhcpOption::MessageType(kind),
                    DhcpOption::ServerIdentifier(gateway),
                    DhcpOption::SubnetMask([255, 255, 255, 0].into()),
                    DhcpOption::Router(vec![gateway]),
                    DhcpOption::DomainNameServer(name_servers),
                    DhcpOption::DomainName(domain_name.to_owned()),
                    DhcpOption::InterfaceMtu(9001),
                    DhcpOption::AddressLeaseTime(lease_secs),
                ] {
                    reply.opts_mut().insert(option);
                }
                let mut bytes = Vec::new();
                reply.encode(&mut Encoder::new(&mut bytes)).unwrap();
                let to = if from.ip().is_unspecified() {
                    std::net::SocketAddr::from(([255, 255, 255, 255], 68))
                } else {
                    from
                };
                socket.send_to(&bytes, to).unwrap();
            }
        });
        Self { stop, requests, options, thread: Some(thread) }
    }
}

impl Drop for DhcpServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn networked(number: u32) -> sandbox::Spec {
    sandbox::Spec { interfaces: vec!["eth0".to_owned()], ..spec(number) }
}

#[test]
fn the_network_is_configured_before_user_data_runs() {
    as_fabric(|cloud| {
        let began = Instant::now();
        let mut with_script = networked(1);
        with_script.user_data = Some(
            b"#!/bin/sh\nping -c1 -W1 10.0.1.1 || /opt/brume/bin/ping -c1 -W1 10.0.1.1\ncat /etc/resolv.conf\n".to_vec(),
        );
        let running = cloud.driver.start(&with_script).unwrap();
        plug(&running, "v1", "eth0", "02:00:00:00:00:05");
        let server = DhcpServer::start("v1", 1, 3600);
        let released = Instant::now();
        cloud.driver.release(&running).unwrap();
        assert_eq!(cloud.driver.wait_ready(&running, Duration::from_secs(10)).unwrap(), Readiness::Ready);
        eprintln!("ready {:?} after the start, {:?} after the release", began.elapsed(), released.elapsed());
        eventually("user data has run", || cloud.console(1).contains("user data ended with code 0"));
        let console = cloud.console(1);
        assert!(console.contains("1 received"), "{console}");
        assert!(console.contains("search ec2.internal\nnameserver 10.0.1.2\n"), "{console}");
        assert!(console.contains("eth0: 10.0.1.5/24 from 10.0.1.1"), "{console}");
        let shown = cloud.run(&running, "/opt/brume/bin/ip addr show eth0; /opt/brume/bin/ip route").stdout;
        assert!(shown.contains("inet 10.0.1.5/24 brd 10.0.1.255 scope global eth0"), "{shown}");
        assert!(shown.contains("mtu 9001") && shown.contains("link/ether 02:00:00:00:00:05"), "{shown}");
        assert!(shown.contains("default via 10.0.1.1 dev eth0 proto dhcp metric 512\n"), "{shown}");
        assert_eq!(server.requests.load(Ordering::Relaxed), 1);

        // From the host into the guest, and after a reboot again.
        ip("link show v1");
        cloud.driver.reboot(&running).unwrap();
        eventually("it asks again", || server.requests.load(Ordering::Relaxed) == 2);
        eventually("it is back", || {
            cloud.run(&running, "/opt/brume/bin/ip -4 addr show eth0").stdout.contains("10.0.1.5/24")
        });
    });
}

/// Fact 71.
#[test]
fn a_lease_is_prolonged_and_its_changes_taken_over() {
    as_fabric(|cloud| {
        let running = cloud.driver.start(&networked(1)).unwrap();
        plug(&running, "v1", "eth0", "02:00:00:00:00:05");
        let server = DhcpServer::start("v1", 1, 2);
        cloud.driver.release(&running).unwrap();
        cloud.driver.wait_ready(&running, Duration::from_secs(10)).unwrap();
        let resolver = || cloud.run(&running, "cat /etc/resolv.conf").stdout;
        eventually("the first set", || resolver().contains("search ec2.internal\nnameserver 10.0.1.2\n"));
        *server.options.lock().unwrap() = OptionSet {
            name_servers: vec![[10, 0, 1, 53].into(), [10, 0, 1, 54].into()],
            domain_name: "one.example two.example",
        };
        eventually("the lease is prolonged", || server.requests.load(Ordering::Relaxed) >= 3);
        eventually("the change is taken over", || {
            let changed = "search one.example two.example\nnameserver 10.0.1.53\nnameserver 10.0.1.54\n";
            resolver().contains(changed) && !resolver().contains("10.0.1.2\n")
        });
        drop(server);
        eventually("an address without a lease goes", || {
            !cloud.run(&running, "/opt/brume/bin/ip -4 addr show eth0").stdout.contains("10.0.1.5")
        });
        // A server that comes back is found.
        ip("addr del 10.0.1.1/24 dev v1");
        let _server = DhcpServer::start("v1", 1, 3600);
        eventually("it has an address again", || {
            cloud.run(&running, "/opt/brume/bin/ip -4 addr show eth0").stdout.contains("10.0.1.5/24")
        });
    });
}

#[test]
fn interfaces_may_come_late_and_go() {
    as_fabric(|cloud| {
        let running = cloud.boot(&spec(1));
        plug(&running, "v1", "eth0", "02:00:00:00:00:05");
        let _first = DhcpServer::start("v1", 1, 3600);
        plug(&running, "v2", "eth1", "02:00:00:00:00:06");
        let _second = DhcpServer::start("v2", 2, 3600);
        let shows = |text: &str| {
            cloud.run(&running, "/opt/brume/bin/ip addr; /opt/brume/bin/ip route").stdout.contains(text)
        };
        eventually("eth0 is configured", || shows("inet 10.0.1.5/24"));
        eventually("eth1 is configured", || shows("inet 10.0.2.5/24"));
        eventually("the first is preferred", || shows("default via 10.0.1.1 dev eth0 proto dhcp metric 512"));
        assert!(shows("default via 10.0.2.1 dev eth1 proto dhcp metric 522"));
        ip("link del v2");
        eventually("eth1 has gone", || !shows("eth1"));
        assert!(shows("inet 10.0.1.5/24"));
        assert_eq!(cloud.driver.stop(&running, Duration::from_secs(5)).unwrap(), Exit::PoweredOff);
        // The host's end goes with the guest's namespace.
        eventually("the pair has gone", || {
            !Command::new("ip").args(["link", "show", "v1"]).output().unwrap().status.success()
        });
        cloud.driver.destroy(id(1)).unwrap();
    });
}

/// The fabric drops what comes from an address by an interface that is not its own; here the kernel does, by strict
/// reverse path filtering and a route to each address.
#[test]
fn two_interfaces_in_one_subnet_are_each_reached_at_their_address() {
    as_fabric(|cloud| {
        let running = cloud.driver.start(&networked(1)).unwrap();
        plug(&running, "v1", "eth0", "02:00:00:00:00:05");
        let _first = DhcpServer::giving([10, 0, 1, 5], "v1", 3600);
        cloud.driver.release(&running).unwrap();
        cloud.driver.wait_ready(&running, Duration::from_secs(10)).unwrap();
        plug(&running, "v2", "eth1", "02:00:00:00:00:06");
        let _second = DhcpServer::giving([10, 0, 1, 60], "v2", 2);
        for (interface, address) in [("v1", "10.0.1.5"), ("v2", "10.0.1.60")] {
            ip(&format!("route add {address} dev {interface}"));
            std::fs::write(format!("/proc/sys/net/ipv4/conf/{interface}/rp_filter"), "1").unwrap();
        }
        let inside = |pid: u32, args: &str| {
            let all = format!("-t {pid} -n ip {args}");
            let output = Command::new("nsenter").args(all.split(' ')).output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        // That nothing listens is an answer too.
        let answers = |address: &str| {
            let to = std::net::SocketAddr::new(address.parse().unwrap(), 9);
            let refused = std::net::TcpStream::connect_timeout(&to, Duration::from_millis(100)).unwrap_err();
            refused.kind() == std::io::ErrorKind::ConnectionRefused
        };
        let pid = u32::try_from(running.init.pid).unwrap();
        let check = |when: &str| {
            eventually("eth1 has its address", || inside(pid, "-4 addr show eth1").contains("10.0.1.60/24"));
            eventually(&format!("eth0 answers {when}"), || answers("10.0.1.5"));
            eventually(&format!("eth1 answers {when}"), || answers("10.0.1.60"));
            // A reboot that was asked for may only begin now, so nothing is looked at but what comes about.
            for route in [
                "10.0.1.0/24 dev eth0 proto dhcp scope link src 10.0.1.5 metric 512",
                "10.0.1.0/24 dev eth1 proto dhcp scope link src 10.0.1.60 metric 522",
            ] {
                eventually(&format!("{route} {when}"), || inside(pid, "route").contains(route));
            }
            eventually(&format!("eth1 has a table {when}"), || {
                let own = inside(pid, "route show table 10001");
                own.contains("default via 10.0.1.1 dev eth1") && own.contains("10.0.1.0/24 dev eth1")
            });
            eventually(&format!("eth1 has one rule {when}"), || {
                inside(pid, "rule").matches("from 10.0.1.60 lookup 10001").count() == 1
            });
        };
        check("after it came");
        std::thread::sleep(Duration::from_secs(2));
        check("after its lease was prolonged");
        cloud.driver.reboot(&running).unwrap();
        check("after a reboot");
        ip("link del v2");
        eventually("the rule has gone with eth1", || !inside(pid, "rule").contains("10001"));
        assert!(answers("10.0.1.5"));
    });
}

/// Says on an interface, as a router, that addresses come by DHCPv6.
fn advertise_router(interface: &str) {
    let socket =
        socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::RAW, Some(socket2::Protocol::ICMPV6))
            .unwrap();
    socket.bind_device(Some(interface.as_bytes())).unwrap();
    socket.set_multicast_hops_v6(255).unwrap();
    let index = nix::net::if_::if_nametoindex(interface).unwrap();
    // Router advertisement: hop limit 64, managed, router for 1800 s; the kernel adds the checksum (RFC 4861, 4.2).
    let message = [134, 0, 0, 0, 64, 0x80, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0];
    let all_nodes = std::net::SocketAddrV6::new("ff02::1".parse().unwrap(), 0, 0, index);
    // Fails for as long as the interface makes sure that its own address is unique; the caller tries again.
    let _ = socket.send_to(&message, &all_nodes.into());
}

/// A DHCPv6 server that gives one address, in one exchange.
fn serve_dhcp6(interface: &str, renewals: &Arc<AtomicU32>, valid_secs: u32) {
    use dhcproto::v6::{DhcpOption, DhcpOptions, IAAddr, IANA, Message, MessageType, OptionCode};
    let socket = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::DGRAM, None).unwrap();
    socket.bind_device(Some(interface.as_bytes())).unwrap();
    socket.bind(&"[::]:547".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    let index = nix::net::if_::if_nametoindex(interface).unwrap();
    socket.join_multicast_v6(&"ff02::1:2".parse().unwrap(), index).unwrap();
    let socket = std::net::UdpSocket::from(socket);
    socket.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
    let renewals = Arc::clone(renewals);
    // Ends when nobody asks any more.
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((count, from)) = socket.recv_from(&mut buffer) {
            let request = Message::decode(&mut Decoder::new(&buffer[..count])).unwrap();
            if request.msg_type() == MessageType::Renew {
                renewals.fetch_add(1, Ordering::Relaxed);
            }
            let Some(DhcpOption::IANA(asked)) = request.opts().get(OptionCode::IANA) else { continue };
            let mut addresses = DhcpOptions::new();
            addresses.insert(DhcpOption::IAAddr(IAAddr {
                addr: "2001:db8::5".parse().unwrap(),
                preferred_life: valid_secs,
                valid_life: valid_secs,
                opts: DhcpOptions::new(),
            }));
            let mut reply = Message::new_with_id(MessageType::Reply, request.xid());
            let options = reply.opts_mut();
            options.insert(request.opts().get(OptionCode::ClientId).unwrap().clone());
            options.insert(DhcpOption::ServerId(vec![0, 3, 0, 1, 2, 0, 0, 0, 0, 1]));
            options.insert(DhcpOption::RapidCommit);
            options.insert(DhcpOption::IANA(IANA { id: asked.id, t1: 0, t2: 0, opts: addresses }));
            let mut bytes = Vec::new();
            reply.encode(&mut Encoder::new(&mut bytes)).unwrap();
            socket.send_to(&bytes, from).unwrap();
        }
    });
}

#[test]
fn ipv6_addresses_come_by_dhcp_when_a_router_says_so() {
    as_fabric(|cloud| {
        let running = cloud.boot(&spec(1));
        plug(&running, "v1", "eth0", "02:00:00:00:00:05");
        let renewals = Arc::new(AtomicU32::new(0));
        serve_dhcp6("v1", &renewals, 4);
        let addresses = || cloud.run(&running, "/opt/brume/bin/ip -6 addr show eth0").stdout;
        eventually("the link-local address is there", || addresses().contains("inet6 fe80::ff:fe00:5/64"));
        assert!(!addresses().contains("2001:db8"), "{}", addresses());
        let began = Instant::now();
        eventually("there is an address", || {
            advertise_router("v1");
            addresses().contains("inet6 2001:db8::5/128")
        });
        eprintln!("an IPv6 address {:?} after the advertisement", began.elapsed());
        let routes = cloud.run(&running, "/opt/brume/bin/ip -6 route").stdout;
        assert!(routes.contains("default via fe80::") && routes.contains("dev eth0 proto ra"), "{routes}");
        eventually("it is prolonged", || renewals.load(Ordering::Relaxed) >= 2);
        assert!(addresses().contains("2001:db8::5"), "{}", addresses());
    });
}
