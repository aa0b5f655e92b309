//! A data plane of a test's own, guests on it, and small networks for it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod gateways;
pub mod wires;

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_types::{
    MacAddress, NetworkAclId, NetworkInterfaceId, ResourceId, RouteTableId, SecurityGroupId,
    SecurityGroupRuleId, SubnetId, VpcId,
};
use data_plane::{ADVERTISING, Config, DataPlane, DataPlaneError, Mode, ModeChoice, PortSpec, Workstation};
use host_net::{Netlink, NetworkNamespace};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use socket2::{Domain, Protocol, Socket, Type};
use tempfile::TempDir;
use vpc_model::{
    AclAction, AclRuleNumber, Delta, Direction, IdleTimeouts, Interface, InterfaceRole, InternetBlock,
    NetworkAcl, NetworkAclEntry, Peer, Port, PortRange, RouteTable, SecurityGroup, SecurityGroupRule, Subnet,
    Traffic, Vpc,
};

/// Long enough for a packet that gets through, on a machine with other things to do.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long a packet that must not get through is waited for.
pub const SILENCE: Duration = Duration::from_millis(300);

/// Of every data plane in a lab.
pub const SEED: u64 = 7;
/// The workstation's device.
pub const WORKSTATION_DEVICE: &str = "brume-test";

/// A data plane in a run directory of its own, and its guests.
pub struct Lab {
    pub plane: Option<DataPlane>,
    pub choice: ModeChoice,
    pub seed: u64,
    pub dir: TempDir,
    /// Plays the workstation, where there is one.
    pub workstation: Option<NetworkNamespace>,
}

/// Runs a test with the flow cache and again without. What the host does not allow is said to be skipped.
pub fn in_both_modes(test: impl Fn(Lab)) {
    run_in_both_modes(false, test);
}

/// The same with a namespace that plays the workstation.
pub fn in_both_modes_with_a_workstation(test: impl Fn(Lab)) {
    run_in_both_modes(true, test);
}

/// The same with another seed than [`SEED`].
pub fn in_both_modes_seeded(seed: u64, test: impl Fn(Lab)) {
    MODES.into_iter().for_each(|choice| run_in_mode(choice, (true, seed), &test));
}

/// The same as [`in_both_modes`], for a test that does nothing but wait.
pub fn in_both_modes_at_once(test: impl Fn(Lab) + Sync) {
    std::thread::scope(|scope| {
        for choice in MODES {
            let test = &test;
            scope.spawn(move || run_in_mode(choice, (false, SEED), test));
        }
    });
}

/// Runs a test for as many seeds as `BRUME_REAL_TOPOLOGIES` says, or for the one of `BRUME_SEED`. Answers for how many.
pub fn for_each_seed(unless_said: u64, test: impl Fn(u64) + Sync) -> usize {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seeds = match number("BRUME_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BRUME_REAL_TOPOLOGIES").unwrap_or(unless_said),
    };
    let next = AtomicU64::new(seeds.start);
    // Most of the time goes into making and removing namespaces, which is waiting.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !seeds.contains(&seed) {
                        break;
                    }
                    test(seed);
                }
            });
        }
    });
    seeds.count()
}

const MODES: [ModeChoice; 2] = [ModeChoice::Auto, ModeChoice::SlowOnly];

fn run_in_both_modes(has_workstation: bool, test: impl Fn(Lab)) {
    MODES.into_iter().for_each(|choice| run_in_mode(choice, (has_workstation, SEED), &test));
}

fn run_in_mode(choice: ModeChoice, (has_workstation, seed): (bool, u64), test: impl Fn(Lab)) {
    let dir = tempfile::tempdir().unwrap();
    let workstation = has_workstation.then(NetworkNamespace::create_unpinned).transpose();
    let workstation = match workstation {
        Ok(workstation) => workstation,
        Err(error) => return skip(&error.to_string()),
    };
    let plane = match start(dir.path(), choice, (workstation.as_ref(), seed)) {
        Ok(plane) => plane,
        Err(error) => {
            let _ = DataPlane::destroy(dir.path());
            return skip(&error.to_string());
        }
    };
    if let (ModeChoice::Auto, Mode::SlowOnly(reason)) = (choice, plane.mode()) {
        skip(&reason);
        drop(plane);
        DataPlane::destroy(dir.path()).unwrap();
        return;
    }
    eprintln!("-- {choice:?}");
    test(Lab { plane: Some(plane), choice, seed, dir, workstation });
}

fn skip(reason: &str) {
    assert!(std::env::var_os("BRUME_REQUIRE_ALL").is_none(), "{reason}");
    eprintln!("SKIPPED: {reason}");
}

pub fn config(run_dir: &Path, mode: ModeChoice) -> Config {
    Config { run_dir: run_dir.to_owned(), mode, advertising: ADVERTISING, workstation: None }
}

fn start(
    run_dir: &Path,
    choice: ModeChoice,
    (workstation, seed): (Option<&NetworkNamespace>, u64),
) -> Result<DataPlane, DataPlaneError> {
    let config = config(run_dir, choice);
    let Some(namespace) = workstation else { return DataPlane::start_seeded(&config, seed) };
    Netlink::open(namespace).unwrap().set_up(1, true).unwrap();
    let workstation = Workstation {
        device: WORKSTATION_DEVICE.to_owned(),
        addresses: vec![gateways::WORKSTATION],
        public: vec!["198.18.0.0/15".parse().unwrap()],
    };
    let config = Config { workstation: Some(workstation), ..config };
    namespace.run(|| DataPlane::start_seeded(&config, seed)).unwrap()
}

impl Lab {
    pub fn plane(&self) -> &DataPlane {
        self.plane.as_ref().expect("started")
    }

    /// A guest plugged in at a port: see [`plug_guest`].
    pub fn guest(&self, interface: &Interface, prefix_len: u8) -> Guest {
        plug_guest(self.plane(), interface, prefix_len)
    }

    pub fn plug(&self, interface: &Interface, guest: &Guest) {
        plug(self.plane(), interface, guest);
    }

    /// Ends the daemon as far as a library can, and starts another on what it left.
    pub fn restart(&mut self) {
        self.plane = None;
        self.plane =
            Some(start(self.dir.path(), self.choice, (self.workstation.as_ref(), self.seed)).unwrap());
    }

    /// Takes everything away and looks whether anything is left.
    pub fn finish(mut self) {
        self.plane = None;
        DataPlane::destroy(self.dir.path()).unwrap();
        DataPlane::destroy(self.dir.path()).unwrap();
        let left: Vec<_> = std::fs::read_dir(self.dir.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(self.dir.path().to_str().unwrap()), "a mount is left");
        if let Some(workstation) = &self.workstation {
            let left = Netlink::open(workstation).unwrap().link_named(WORKSTATION_DEVICE).unwrap();
            assert!(left.is_none(), "the workstation's device is left");
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.plane = None;
        if let Err(error) = DataPlane::destroy(self.dir.path()) {
            eprintln!("{error}");
        }
    }
}

/// A guest plugged in at a port, its device up, with the interface's addresses and the router of its subnet as default
/// route.
pub fn plug_guest(plane: &DataPlane, interface: &Interface, prefix_len: u8) -> Guest {
    let namespace = NetworkNamespace::create_unpinned().unwrap();
    let guest = Guest { namespace, mac: interface.mac, address: interface.ipv4.into() };
    plug(plane, interface, &guest);
    let netlink = Netlink::open(&guest.namespace).unwrap();
    let eth0 = netlink.link_named("eth0").unwrap().unwrap().index;
    netlink.set_up(1, true).unwrap();
    netlink.set_up(eth0, true).unwrap();
    for address in interface.addresses() {
        let prefix_len = if address.is_ipv4() { prefix_len } else { 64 };
        netlink.add_address(eth0, address, prefix_len).unwrap();
    }
    let router = Ipv4Net::new(interface.ipv4, prefix_len).unwrap().network().to_bits() + 1;
    let router = IpAddr::V4(Ipv4Addr::from_bits(router));
    netlink.add_route(Ipv4Addr::UNSPECIFIED.into(), 0, eth0, Some(router)).unwrap();
    for address in &interface.ipv6 {
        wait_until("the guest takes packets to its IPv6 address", || guest.takes_packets_to(*address));
    }
    guest
}

fn plug(plane: &DataPlane, interface: &Interface, guest: &Guest) {
    let spec = PortSpec {
        port: interface.port,
        mac: interface.mac,
        mtu_bytes: 9001,
        namespace: &guest.namespace,
        guest_name: "eth0".to_owned(),
    };
    plane.attach(&spec).unwrap();
}

/// A workload.
pub struct Guest {
    pub namespace: NetworkNamespace,
    pub mac: MacAddress,
    pub address: IpAddr,
}

impl Guest {
    pub fn listen(&self, port: u16) -> TcpListener {
        let listener = self.namespace.run(|| TcpListener::bind((self.address, port)).unwrap()).unwrap();
        listener.set_nonblocking(true).unwrap();
        listener
    }

    pub fn listen_at(&self, address: IpAddr, port: u16) -> TcpListener {
        let listener = self.namespace.run(|| TcpListener::bind((address, port)).unwrap()).unwrap();
        listener.set_nonblocking(true).unwrap();
        listener
    }

    /// A connection to an address, if it comes about within the time.
    pub fn connect(&self, to: impl Into<SocketAddr> + Send, within: Duration) -> Option<TcpStream> {
        let to = to.into();
        let stream = self.namespace.run(|| TcpStream::connect_timeout(&to, within)).unwrap();
        match stream {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                Some(stream)
            }
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => None,
            Err(error) => panic!("connect to {to}: {error}"),
        }
    }

    /// The same from a port of the guest's, which may still be waiting for late segments of an earlier connection.
    pub fn connect_from(
        &self,
        port: u16,
        to: impl Into<SocketAddr> + Send,
        within: Duration,
    ) -> Option<TcpStream> {
        let to = to.into();
        let socket = self.namespace.run(|| Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap());
        let socket = socket.unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&SocketAddr::new(self.address, port).into()).unwrap();
        socket.connect_timeout(&to.into(), within).ok()?;
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Some(socket.into())
    }

    pub fn udp(&self, port: u16) -> UdpSocket {
        let socket = self.namespace.run(|| UdpSocket::bind((self.address, port)).unwrap()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// Whether the guest's kernel knows an IPv6 address as its own. It has the address at once, and the local route to it
    /// only when a worker of the kernel's has come to it, for which that needs the lock of all network configuration on the
    /// machine; what arrives before is dropped.
    pub fn takes_packets_to(&self, address: Ipv6Addr) -> bool {
        let routes =
            self.namespace.run(|| std::fs::read_to_string("/proc/thread-self/net/ipv6_route").unwrap());
        let local = format!("{:032x} 80 ", address.to_bits());
        routes.unwrap().lines().any(|route| route.starts_with(&local) && route.contains(" 80200001 "))
    }

    /// Whether the guest has learned of its subnet's IPv6 router.
    pub fn has_ipv6_router(&self) -> bool {
        let routes =
            self.namespace.run(|| std::fs::read_to_string("/proc/thread-self/net/ipv6_route").unwrap());
        let everything = format!("{:032x} 00 {:032x} 00 fe80", 0, 0);
        routes.unwrap().lines().any(|route| route.starts_with(&everything))
    }

    /// Whether an echo request is answered within the time.
    pub fn ping(&self, to: IpAddr, id: u16, within: Duration) -> bool {
        let (domain, protocol, kind) = match to {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, 8),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, 128),
        };
        let mut socket =
            self.namespace.run(|| Socket::new(domain, Type::RAW, Some(protocol)).unwrap()).unwrap();
        let [high, low] = id.to_be_bytes();
        let mut request = vec![kind, 0, 0, 0, high, low, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8];
        if to.is_ipv4() {
            let sum: u32 =
                request.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
            let sum = !(((sum & 0xffff) + (sum >> 16)) as u16);
            request[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        socket.set_read_timeout(Some(within)).unwrap();
        if socket.send_to(&request, &SocketAddr::new(to, 0).into()).is_err() {
            return false;
        }
        let until = std::time::Instant::now() + within;
        let mut buffer = [0; 256];
        while std::time::Instant::now() < until {
            let Ok(length) = socket.read(&mut buffer) else { return false };
            let answer = if to.is_ipv4() { &buffer[20..length] } else { &buffer[..length] };
            if matches!(answer[0], 0 | 129) && answer[4..6] == [high, low] {
                return true;
            }
        }
        false
    }
}

/// Waits for something that comes about by itself, within the time of patience.
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let until = std::time::Instant::now() + PATIENCE;
    while !is_so() {
        assert!(std::time::Instant::now() < until, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Accepts a connection within the time of patience.
pub fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let until = std::time::Instant::now() + PATIENCE;
    loop {
        match listener.accept() {
            Ok((stream, peer)) => {
                stream.set_nonblocking(false).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                return (stream, peer);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(std::time::Instant::now() < until, "nobody connected");
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Whether a word gets from one end of a connection to the other within the time.
pub fn passes(from: &mut TcpStream, to: &mut TcpStream, within: Duration) -> bool {
    from.write_all(b"word").unwrap();
    to.set_read_timeout(Some(within)).unwrap();
    let mut word = [0; 4];
    match to.read_exact(&mut word) {
        Ok(()) => {
            assert_eq!(&word, b"word");
            true
        }
        Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => false,
        Err(error) => panic!("{error}"),
    }
}

// Networks.

pub fn port(number: u32) -> Port {
    Port::new(number).unwrap()
}

pub fn vpc_id(number: u128) -> VpcId {
    VpcId::from_bits(number)
}

pub fn subnet_id(number: u128) -> SubnetId {
    SubnetId::from_bits(number)
}

pub fn group_id(number: u128) -> SecurityGroupId {
    SecurityGroupId::from_bits(number)
}

/// A VPC with its main route table and an ACL that allows everything, all with the same number.
pub fn vpc(number: u128, cidr: &str) -> Vec<Delta> {
    let id = vpc_id(number);
    let vpc = Vpc {
        id,
        ipv4_cidrs: vec![cidr.parse().unwrap()],
        ipv6_cidrs: vec![ipv6_cidr(number, 0, 56)],
        dns_support: true,
        dhcp_options: None,
    };
    let table = RouteTable { id: RouteTableId::from_bits(number), vpc: id, routes: Vec::new() };
    vec![vpc.into(), table.into(), open_acl(number, Vec::new()).into()]
}

fn ipv6_cidr(vpc: u128, subnet: u128, prefix_len: u8) -> Ipv6Net {
    Ipv6Net::new(Ipv6Addr::from_bits(0x2600_1f00_u128 << 96 | vpc << 72 | subnet << 64), prefix_len).unwrap()
}

/// An ACL with these entries before one that allows everything.
pub fn open_acl(number: u128, mut entries: Vec<NetworkAclEntry>) -> NetworkAcl {
    for (order, direction, cidr) in [
        (30_000, Direction::Ingress, "0.0.0.0/0"),
        (30_000, Direction::Egress, "0.0.0.0/0"),
        (30_001, Direction::Ingress, "::/0"),
        (30_001, Direction::Egress, "::/0"),
    ] {
        entries.push(acl_entry(order, direction, Traffic::All, cidr, AclAction::Allow));
    }
    NetworkAcl { id: NetworkAclId::from_bits(number), vpc: vpc_id(number), entries }
}

pub fn acl_entry(
    number: u16,
    direction: Direction,
    traffic: Traffic,
    cidr: &str,
    action: AclAction,
) -> NetworkAclEntry {
    let number = AclRuleNumber::new(number).unwrap();
    NetworkAclEntry { number, direction, traffic, cidr: cidr.parse().unwrap(), action }
}

/// A subnet of a VPC of [`vpc`], with its route table and ACL.
pub fn subnet(number: u128, vpc: u128, cidr: &str) -> Delta {
    Subnet {
        id: subnet_id(number),
        vpc: vpc_id(vpc),
        cidr: cidr.parse().unwrap(),
        ipv6_cidr: Some(ipv6_cidr(vpc, number, 64)),
        zone: "us-east-1a".parse().unwrap(),
        route_table: RouteTableId::from_bits(vpc),
        network_acl: NetworkAclId::from_bits(vpc),
        internet_block: InternetBlock::Off,
    }
    .into()
}

/// A rule for traffic from or to a CIDR block.
pub fn rule(direction: Direction, traffic: Traffic, cidr: &str) -> SecurityGroupRule {
    let peer = Peer::Cidr(cidr.parse::<IpNet>().unwrap());
    SecurityGroupRule { id: SecurityGroupRuleId::from_bits(0), direction, traffic, peer }
}

/// A security group with these rules, numbered.
pub fn group(number: u128, vpc: u128, rules: &[SecurityGroupRule]) -> Delta {
    let rules = rules.iter().zip(1..);
    let rules = rules
        .map(|(rule, id)| SecurityGroupRule {
            id: SecurityGroupRuleId::from_bits(number << 16 | id),
            ..*rule
        })
        .collect();
    SecurityGroup { id: group_id(number), vpc: vpc_id(vpc), rules }.into()
}

/// All traffic both ways.
pub fn anything() -> Vec<SecurityGroupRule> {
    let both = [Direction::Ingress, Direction::Egress];
    both.iter()
        .flat_map(|&direction| ["0.0.0.0/0", "::/0"].map(|cidr| rule(direction, Traffic::All, cidr)))
        .collect()
}

/// An interface with that number as port, in a subnet of [`subnet`].
pub fn interface(number: u32, vpc: u128, in_subnet: u128, ipv4: &str, groups: &[u128]) -> Interface {
    let ipv6 = ipv6_cidr(vpc, in_subnet, 64).addr().to_bits() | u128::from(number) << 8 | 0xa;
    Interface {
        id: NetworkInterfaceId::from_bits(number.into()),
        port: port(number),
        vpc: vpc_id(vpc),
        subnet: subnet_id(in_subnet),
        mac: MacAddress::local(number.into()),
        ipv4: ipv4.parse().unwrap(),
        secondary_ipv4: Vec::new(),
        public_ipv4: Vec::new(),
        role: InterfaceRole::Workload,
        ipv6: vec![Ipv6Addr::from_bits(ipv6)],
        ipv4_prefixes: Vec::new(),
        ipv6_prefixes: Vec::new(),
        security_groups: groups.iter().copied().map(group_id).collect(),
        source_dest_check: true,
        idle_timeouts: IdleTimeouts::DEFAULT,
        tracking_limit: None,
        hostname: None,
    }
}

/// Two interfaces in two subnets of a VPC, the first with group 1, the second with group 2.
pub fn pair(lab: &Lab, first: &[SecurityGroupRule], second: &[SecurityGroupRule]) -> [Interface; 2] {
    let interfaces = [interface(1, 1, 1, "10.0.1.10", &[1]), interface(2, 1, 2, "10.0.2.10", &[2])];
    let mut deltas = vpc(1, "10.0.0.0/16");
    deltas.extend([subnet(1, 1, "10.0.1.0/24"), subnet(2, 1, "10.0.2.0/24")]);
    deltas.extend([group(1, 1, first), group(2, 1, second)]);
    deltas.extend(interfaces.iter().cloned().map(Into::into));
    lab.plane().apply(&deltas);
    interfaces
}

pub fn out() -> SecurityGroupRule {
    rule(Direction::Egress, Traffic::All, "0.0.0.0/0")
}

pub fn tcp_in(port: u16, cidr: &str) -> SecurityGroupRule {
    rule(Direction::Ingress, Traffic::Tcp(PortRange::one(port)), cidr)
}
