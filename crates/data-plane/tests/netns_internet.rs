//! The host's side of the simulated internet: the namespace of its hosts, and the workstation's link. What passes between
//! them and interfaces is the engine's concern.
#![allow(clippy::unwrap_used)]

mod lab;

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Instant;

use aws_types::MacAddress;
use data_plane::{Config, DataPlane, ModeChoice, Workstation, WorkstationLink};
use host_net::{
    EtherType, FrameBatch, Netlink, NetworkNamespace, PacketSocket, Transmission, VethPeer, VethSpec,
    VirtioNetHeader,
};
use lab::{PATIENCE, wait_until};
use vpc_engine::services::LINK_ROUTER_MAC;
use vpc_model::Port;

const DEVICE: &str = "brume-test";
/// See `vpc_abi`.
const PORT_IFINDEX_BASE: u32 = 64;

/// Runs a test in a namespace that plays the workstation, with a run directory of its own.
fn on_a_workstation(test: impl FnOnce(&Config) + Send) {
    let namespace = match NetworkNamespace::create_unpinned() {
        Ok(namespace) => namespace,
        Err(error) => {
            assert!(std::env::var_os("BRUME_REQUIRE_ALL").is_none(), "{error}");
            eprintln!("SKIPPED: {error}");
            return;
        }
    };
    Netlink::open(&namespace).unwrap().set_up(1, true).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let workstation = Workstation {
        device: DEVICE.to_owned(),
        addresses: vec![ip("192.0.2.1"), ip("2001:db8:ffff::1")],
        public: vec!["198.18.0.0/15".parse().unwrap(), "3fff::/20".parse().unwrap()],
    };
    let config = Config { workstation: Some(workstation), ..lab::config(dir.path(), ModeChoice::SlowOnly) };
    namespace.run(|| test(&config)).unwrap();
    DataPlane::destroy(dir.path()).unwrap();
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let devices = namespace.run(|| std::fs::read_to_string("/proc/thread-self/net/dev").unwrap()).unwrap();
    assert!(!devices.contains(DEVICE), "the workstation's device is left: {devices}");
    assert_eq!(routes(&namespace, DEVICE), Vec::<String>::new());
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The routes by a device as the kernel's tables in `/proc` have them, those of one address and of the kernel's own aside.
fn routes(namespace: &NetworkNamespace, device: &str) -> Vec<String> {
    let read = |name: &str| {
        let path = format!("/proc/thread-self/net/{name}");
        namespace.run(|| std::fs::read_to_string(&path).unwrap_or_default()).unwrap()
    };
    let mut found = Vec::new();
    for line in read("route").lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if fields[0] == device {
            let address = Ipv4Addr::from(u32::from_str_radix(fields[1], 16).unwrap().to_le_bytes());
            let mask = u32::from_str_radix(fields[7], 16).unwrap().count_ones();
            found.push(format!("{address}/{mask}"));
        }
    }
    for line in read("ipv6_route").lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let gateway = fields[4] != "0".repeat(32);
        if fields[9] == device && gateway {
            let address = std::net::Ipv6Addr::from_bits(u128::from_str_radix(fields[0], 16).unwrap());
            found.push(format!("{address}/{}", u8::from_str_radix(fields[1], 16).unwrap()));
        }
    }
    found.sort();
    found
}

fn here() -> NetworkNamespace {
    NetworkNamespace::current().unwrap()
}

fn link() -> host_net::Link {
    Netlink::open(&here()).unwrap().link_named(DEVICE).unwrap().unwrap()
}

fn left_out(plane: &DataPlane) -> Vec<(String, String)> {
    match plane.workstation() {
        WorkstationLink::Linked { device, left_out } => {
            assert_eq!(device, DEVICE);
            left_out.into_iter().map(|route| (route.destination.to_string(), route.reason)).collect()
        }
        WorkstationLink::Absent(reason) => panic!("{reason}"),
    }
}

fn fabric(config: &Config) -> NetworkNamespace {
    NetworkNamespace::open(&config.run_dir.join("netns/fabric")).unwrap()
}

/// The first frame for which `is_wanted` says so, with the port that it came in by.
fn receive(socket: &PacketSocket, is_wanted: impl Fn(&[u8]) -> bool) -> (u32, Vec<u8>) {
    let until = Instant::now() + PATIENCE;
    let mut batch = FrameBatch::new(8);
    loop {
        for index in 0..socket.receive(&mut batch).unwrap() {
            if is_wanted(batch.frame(index)) {
                return (batch.device(index) - PORT_IFINDEX_BASE, batch.frame(index).to_vec());
            }
        }
        assert!(Instant::now() < until, "no such frame");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

#[test]
fn the_workstation_reaches_the_cloud_and_the_hosts_by_a_device_of_its_own() {
    on_a_workstation(|config| {
        let plane = DataPlane::start(config).unwrap();
        plane.apply(&[]);
        assert_eq!(routes(&here(), DEVICE), ["198.18.0.0/15", "3fff::/20"]);
        plane.set_internet_hosts(&[ip("198.51.100.7"), ip("2001:db8::7")]).unwrap();
        let expected = ["198.18.0.0/15", "198.51.100.7/32", "2001:db8::7/128", "3fff::/20"];
        assert_eq!(routes(&here(), DEVICE), expected);
        assert_eq!(left_out(&plane), []);
        assert!(link().is_up && link().mtu_bytes == 1500, "{:?}", link());
        let addresses = Netlink::open(&here()).unwrap().addresses(link().index).unwrap();
        assert_eq!(addresses, [(ip("192.0.2.1"), 32), (ip("2001:db8:ffff::1"), 128)]);
        // It is no interface of the cloud's.
        assert!(plane.ports().unwrap().is_empty() && !plane.has_adopted());
        for port in [Port::SERVICES, Port::INTERNET, Port::WORKSTATION] {
            assert!(plane.detach(port).is_err(), "{port:?}");
        }

        let fabric = fabric(config);
        for (protocol, to, from, destination_at) in [
            (EtherType::Ipv4, "198.18.0.1", "192.0.2.1", 30),
            (EtherType::Ipv4, "198.51.100.7", "192.0.2.1", 30),
            (EtherType::Ipv6, "3fff::1", "2001:db8:ffff::1", 38),
        ] {
            let socket = PacketSocket::receiver(&fabric, protocol, 1 << 20).unwrap();
            let sender = UdpSocket::bind((if to.contains(':') { "::" } else { "0.0.0.0" }, 0)).unwrap();
            sender.send_to(b"hello", (ip(to), 9)).unwrap();
            let octets = |address: IpAddr| match address {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            };
            let (to, from) = (octets(ip(to)), octets(ip(from)));
            let (port, frame) = receive(&socket, |frame| frame[destination_at..].starts_with(&to));
            assert_eq!(port, Port::WORKSTATION.number());
            assert_eq!(frame[..6], LINK_ROUTER_MAC.0);
            assert_eq!(frame[6..12], [0x0e, 0, 0, 0, 0, 4]);
            assert!(frame[destination_at - from.len()..].starts_with(&from), "{frame:?}");
        }
    });
}

#[test]
fn routes_of_others_stay_and_are_told_of() {
    on_a_workstation(|config| {
        // Somebody's device with routes to a part of the cloud's addresses and to a net with a host in it.
        let elsewhere = NetworkNamespace::create_unpinned().unwrap();
        let netlink = Netlink::open(&here()).unwrap();
        let vpn = VethSpec {
            index: 50,
            name: "vpn0".to_owned(),
            mac: MacAddress([2, 0, 0, 0, 0, 1]),
            group: 0,
            mtu_bytes: 1500,
            peer: VethPeer {
                namespace: &elsewhere,
                name: "vpn0".to_owned(),
                mac: MacAddress([2, 0, 0, 0, 0, 2]),
            },
        };
        netlink.create_veth(&vpn).unwrap();
        netlink.add_address(50, ip("198.18.0.1"), 16).unwrap();
        netlink.add_route(ip("203.0.113.0"), 24, 50, None).unwrap();
        netlink.add_route(ip("0.0.0.0"), 0, 50, Some(ip("198.18.0.2"))).unwrap();
        let before = routes(&here(), "vpn0");

        let plane = DataPlane::start(config).unwrap();
        plane.set_internet_hosts(&[ip("203.0.113.9"), ip("198.51.100.7")]).unwrap();
        assert_eq!(routes(&here(), "vpn0"), before);
        assert_eq!(routes(&here(), DEVICE), ["198.51.100.7/32", "3fff::/20"]);
        let told = left_out(&plane);
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told[0].0, "198.18.0.0/15");
        assert_eq!(told[0].1, "there is a route to 198.18.0.0/16 by vpn0 already, which stays");
        assert_eq!(told[1].0, "203.0.113.9/32");

        // Once it is gone, the cloud's own takes its place.
        netlink.delete_link(50).unwrap();
        plane.set_internet_hosts(&[ip("203.0.113.9")]).unwrap();
        assert_eq!(routes(&here(), DEVICE), ["198.18.0.0/15", "203.0.113.9/32", "3fff::/20"]);
        assert_eq!(left_out(&plane), []);
    });
}

#[test]
fn the_machines_own_addresses_and_gateways_are_not_cut_off() {
    on_a_workstation(|config| {
        // A machine whose address has no net of its own, and whose gateway is elsewhere.
        let elsewhere = NetworkNamespace::create_unpinned().unwrap();
        let netlink = Netlink::open(&here()).unwrap();
        let uplink = VethSpec {
            index: 50,
            name: "uplink0".to_owned(),
            mac: MacAddress([2, 0, 0, 0, 0, 1]),
            group: 0,
            mtu_bytes: 1500,
            peer: VethPeer {
                namespace: &elsewhere,
                name: "uplink0".to_owned(),
                mac: MacAddress([2, 0, 0, 0, 0, 2]),
            },
        };
        netlink.create_veth(&uplink).unwrap();
        netlink.add_address(50, ip("203.0.113.5"), 32).unwrap();
        netlink.add_route(ip("198.51.100.1"), 32, 50, None).unwrap();
        netlink.add_route(ip("0.0.0.0"), 0, 50, Some(ip("198.51.100.1"))).unwrap();
        netlink.remove_route("198.51.100.1/32".parse().unwrap(), 50).unwrap();

        let plane = DataPlane::start(config).unwrap();
        let blocks = ["203.0.113.0/28", "203.0.113.16/28", "198.51.100.0/28"].map(|it| it.parse().unwrap());
        plane.set_public_addresses(blocks.to_vec());
        plane.set_internet_hosts(&[]).unwrap();
        assert_eq!(routes(&here(), DEVICE), ["203.0.113.16/28"]);
        let expected = [
            (
                "198.51.100.0/28",
                "198.51.100.1 is the gateway of the route to 0.0.0.0/0, which would be cut off",
            ),
            ("203.0.113.0/28", "203.0.113.5 is an address of uplink0, which would be cut off"),
        ];
        assert_eq!(left_out(&plane), expected.map(|(one, other)| (one.to_owned(), other.to_owned())));
    });
}

#[test]
fn a_restart_adopts_the_link_and_the_hosts_and_follows_what_has_changed() {
    on_a_workstation(|config| {
        let plane = DataPlane::start(config).unwrap();
        plane.set_internet_hosts(&[ip("198.51.100.7"), ip("198.51.100.8")]).unwrap();
        let index = link().index;
        drop(plane);
        assert!(routes(&here(), DEVICE).contains(&"198.51.100.8/32".to_owned()), "they outlive the daemon");

        let plane = DataPlane::start(config).unwrap();
        assert!(routes(&here(), DEVICE).contains(&"198.51.100.8/32".to_owned()), "until the hosts are known");
        plane.set_internet_hosts(&[ip("198.51.100.8"), ip("198.51.100.9")]).unwrap();
        assert_eq!(link().index, index, "the device was made anew");
        let expected = ["198.18.0.0/15", "198.51.100.8/32", "198.51.100.9/32", "3fff::/20"];
        assert_eq!(routes(&here(), DEVICE), expected);
        let internet = Netlink::open(plane.internet_namespace()).unwrap();
        let eth0 = internet.link_named("eth0").unwrap().unwrap().index;
        assert_eq!(internet.addresses(eth0).unwrap(), [(ip("198.51.100.8"), 32), (ip("198.51.100.9"), 32)]);
        drop(plane);

        // A start without it takes it away, one from another namespace takes it there.
        drop(DataPlane::start(&Config { workstation: None, ..config.clone() }).unwrap());
        assert!(Netlink::open(&here()).unwrap().link_named(DEVICE).unwrap().is_none());
        drop(DataPlane::start(config).unwrap());
        assert!(link().is_up);
        let other = NetworkNamespace::create_unpinned().unwrap();
        let plane = other.run(|| DataPlane::start(config).unwrap()).unwrap();
        assert!(Netlink::open(&here()).unwrap().link_named(DEVICE).unwrap().is_none());
        assert!(Netlink::open(&other).unwrap().link_named(DEVICE).unwrap().is_some());
        drop(plane);
    });
}

#[test]
fn without_a_link_everything_else_works() {
    on_a_workstation(|config| {
        // Somebody has a device of that name.
        let elsewhere = NetworkNamespace::create_unpinned().unwrap();
        let netlink = Netlink::open(&here()).unwrap();
        let mac = MacAddress([2, 0, 0, 0, 0, 1]);
        let peer = VethPeer { namespace: &elsewhere, name: "far".to_owned(), mac };
        let name = DEVICE.to_owned();
        netlink.create_veth(&VethSpec { index: 50, name, mac, group: 0, mtu_bytes: 1500, peer }).unwrap();
        let plane = DataPlane::start(config).unwrap();
        plane.set_internet_hosts(&[ip("198.51.100.7")]).unwrap();
        match plane.workstation() {
            WorkstationLink::Absent(reason) => assert!(reason.contains(DEVICE), "{reason}"),
            linked => panic!("{linked:?}"),
        }
        assert_eq!(netlink.link_named(DEVICE).unwrap().unwrap().index, 50, "it was somebody else's");
        let internet = Netlink::open(plane.internet_namespace()).unwrap();
        let eth0 = internet.link_named("eth0").unwrap().unwrap().index;
        assert_eq!(internet.addresses(eth0).unwrap(), [(ip("198.51.100.7"), 32)]);
        netlink.delete_link(50).unwrap();
    });
}

#[test]
fn hosts_answer_pings_that_the_fabric_delivers() {
    on_a_workstation(|config| {
        let plane = DataPlane::start(config).unwrap();
        plane.set_internet_hosts(&[ip("198.51.100.7")]).unwrap();
        let fabric = fabric(config);
        let receiver = PacketSocket::receiver(&fabric, EtherType::Ipv4, 1 << 20).unwrap();
        let sender = PacketSocket::sender(&fabric, 1 << 20).unwrap();
        let mut frame = vec![0x0e, 0, 0, 0, 0, 3];
        frame.extend(LINK_ROUTER_MAC.0);
        frame.extend([8, 0]);
        frame.extend([0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0, 198, 18, 0, 1, 198, 51, 100, 7]);
        let sum = checksum(&frame[14..34]);
        frame[24..26].copy_from_slice(&sum);
        let echo = frame.len();
        frame.extend([8, 0, 0, 0, 1, 2, 3, 4]);
        let sum = checksum(&frame[echo..]);
        frame[echo + 2..echo + 4].copy_from_slice(&sum);
        let device = Port::INTERNET.number() + PORT_IFINDEX_BASE;
        let internet = plane.internet_namespace();
        wait_until("the host takes packets", || {
            Netlink::open(internet).unwrap().link_named("eth0").unwrap().unwrap().is_running
        });
        let transmission = Transmission { device, header: VirtioNetHeader::default(), frame: &frame };
        assert!(sender.send(&[transmission]).unwrap().is_empty());
        let is_reply = |frame: &[u8]| frame[23] == 1 && frame[26..34] == [198, 51, 100, 7, 198, 18, 0, 1];
        let (port, reply) = receive(&receiver, is_reply);
        assert_eq!(port, Port::INTERNET.number());
        assert_eq!((reply[..6].to_vec(), reply[34]), (LINK_ROUTER_MAC.0.to_vec(), 0));
        assert_eq!(reply[38..42], [1, 2, 3, 4]);
    });
}

fn checksum(bytes: &[u8]) -> [u8; 2] {
    let sum: u32 = bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    (!(((sum & 0xffff) + (sum >> 16)) as u16)).to_be_bytes()
}
