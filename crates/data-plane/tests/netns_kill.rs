//! A daemon that is killed at random moments under load: no connection through a NAT gateway or a transit gateway is lost,
//! nothing passes that the rules forbid, and new connections come about again at once.
//!
//! `BRUME_DAEMON_KILLS` says how often it is killed: 5 times unless it does, 100 times in `cargo xtask test --long`.
#![allow(clippy::unwrap_used)]

mod lab;

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use aws_types::{
    InternetGatewayId, NatGatewayId, ResourceId, RouteTableId, TransitGatewayAttachmentId, TransitGatewayId,
    TransitGatewayRouteTableId,
};
use data_plane::{DataPlane, ModeChoice};
use lab::*;
use vpc_engine::services::INTERNET_MAC;
use vpc_model::{
    AttachedNetwork, AttachedSubnet, AttachedVpc, Delta, Interface, InterfaceRole, InternetGateway,
    InternetHost, InternetPlace, NatGateway, Object, PublicIpv4, Route, RouteTable, RouteTarget,
    TransitGateway, TransitGatewayAttachment, TransitGatewayRouteTable,
};

/// Names the mode and the run directory to the process that plays the daemon.
const DAEMON: &str = "BRUME_TEST_DAEMON";
/// How often the daemon is killed in each mode, unless `BRUME_DAEMON_KILLS` says otherwise.
const KILLS: u32 = 5;
/// Connections that are kept for the whole of the test, by each way.
const KEPT: usize = 8;
/// A connection that carries nothing for so long is lost.
const LOST: Duration = Duration::from_secs(20);
/// How long new connections may be kept waiting by a daemon that is killed and started again, at the median. A build
/// without optimisation only has to come back.
const BLACKOUT: Duration = if cfg!(debug_assertions) { LOST } else { Duration::from_millis(270) };

/// A host of the simulated internet.
const HOST: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
/// The NAT gateway's public address.
const NAT: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 200);
const TCP_PORT: u16 = 80;
/// Where the host answers what comes by UDP.
const UDP_PORT: u16 = 53;
/// No rule lets anything in there.
const FORBIDDEN: u16 = 9999;

/// The network: 10.0.1.0/24 with the client leads to the internet by a NAT gateway in 10.0.2.0/24, and to the server's VPC
/// 10.2.0.0/16 by a transit gateway.
struct Network {
    deltas: Vec<Delta>,
    client: Interface,
    server: Interface,
}

impl Network {
    fn new() -> Self {
        let client = interface(1, 1, 1, "10.0.1.10", &[1]);
        let server = interface(2, 2, 3, "10.2.1.10", &[2]);
        let of_gateway = |number, vpc, subnet, address, role| Interface {
            role,
            ipv6: Vec::new(),
            ..interface(number, vpc, subnet, address, &[])
        };
        let mut nat = of_gateway(3, 1, 2, "10.0.2.200", InterfaceRole::NatGateway);
        nat.public_ipv4 = vec![PublicIpv4 { public: NAT, private: nat.ipv4 }];
        let transit = [
            of_gateway(4, 1, 1, "10.0.1.5", InterfaceRole::TransitGateway),
            of_gateway(5, 2, 3, "10.2.1.5", InterfaceRole::TransitGateway),
        ];
        let mut deltas = vpc(1, "10.0.0.0/16");
        deltas.extend(vpc(2, "10.2.0.0/16"));
        deltas.extend([subnet(1, 1, "10.0.1.0/24"), subnet(3, 2, "10.2.1.0/24")]);
        let Delta::Put(Object::Subnet(mut public)) = subnet(2, 1, "10.0.2.0/24") else { unreachable!() };
        public.route_table = RouteTableId::from_bits(3);
        deltas.push(public.into());
        // No rule lets an answer in anywhere: only tracking does.
        deltas.push(group(1, 1, &[out()]));
        deltas.push(group(2, 2, &[tcp_in(TCP_PORT, "10.0.0.0/16"), out()]));
        let all = [&client, &server, &nat].into_iter().chain(&transit);
        deltas.extend(all.cloned().map(Delta::from));

        let (igw, gateway) = (InternetGatewayId::from_bits(1), TransitGatewayId::from_bits(1));
        deltas.push(InternetGateway { id: igw, vpc: vpc_id(1), route_table: None }.into());
        deltas.push(InternetHost { id: HOST.into(), place: InternetPlace::Declared }.into());
        let nat = NatGateway {
            id: NatGatewayId::from_bits(1),
            vpc: vpc_id(1),
            subnet: subnet_id(2),
            interface: nat.id,
            addresses: vec![nat.ipv4],
        };
        deltas.push(TransitGateway { id: gateway, security_group_referencing: false }.into());
        let table = TransitGatewayRouteTableId::from_bits(1);
        let attachments = [1, 2].map(TransitGatewayAttachmentId::from_bits);
        for ((id, interface), number) in attachments.into_iter().zip(&transit).zip(1..) {
            let target = AttachedNetwork::Vpc(AttachedVpc {
                vpc: vpc_id(number),
                subnets: vec![AttachedSubnet { subnet: interface.subnet, interface: interface.id }],
                ipv6: false,
                appliance_mode: false,
                security_group_referencing: false,
            });
            deltas.push(TransitGatewayAttachment { id, gateway, target, association: Some(table) }.into());
        }
        let propagations = attachments.to_vec();
        deltas.push(TransitGatewayRouteTable { id: table, gateway, routes: Vec::new(), propagations }.into());
        deltas.extend([
            routes(
                1,
                1,
                &[
                    ("0.0.0.0/0", RouteTarget::NatGateway(nat.id)),
                    ("10.2.0.0/16", RouteTarget::TransitGateway(gateway)),
                ],
            ),
            routes(2, 2, &[("10.0.0.0/16", RouteTarget::TransitGateway(gateway))]),
            routes(3, 1, &[("0.0.0.0/0", RouteTarget::InternetGateway(igw))]),
        ]);
        deltas.push(nat.into());
        Self { deltas, client, server }
    }
}

fn routes(number: u128, vpc: u128, routes: &[(&str, RouteTarget)]) -> Delta {
    let route = |(to, target): &(&str, RouteTarget)| Route::fixed(to.parse().unwrap(), *target);
    let routes = routes.iter().map(route).collect();
    RouteTable { id: RouteTableId::from_bits(number), vpc: vpc_id(vpc), routes }.into()
}

#[test]
fn connections_through_gateways_survive_kills_under_load() {
    if let Some(argument) = std::env::var_os(DAEMON) {
        play_the_daemon(argument.to_str().unwrap());
    }
    let kills = std::env::var("BRUME_DAEMON_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    in_both_modes(|mut lab| {
        let network = Network::new();
        lab.plane().apply(&network.deltas);
        lab.plane().set_internet_hosts(&[HOST.into()]).unwrap();
        let (client, server) = (lab.guest(&network.client, 24), lab.guest(&network.server, 24));
        let namespace = lab.plane().internet_namespace().clone();
        let internet = Guest { namespace, mac: INTERNET_MAC, address: HOST.into() };
        let mut random = Random::new();

        lab.plane = None;
        let mut daemon = Daemon::start(&lab);
        let load = Load::start(&client, &server, &internet);
        let forbidden = Forbidden::start(&client, &server, &internet);
        let mut blackouts = Vec::new();
        for _ in 0..kills {
            std::thread::sleep(random.below(Duration::from_millis(200)));
            let mut killed = Instant::now();
            drop(daemon);
            let is_cut_short = random.next().is_multiple_of(4);
            if is_cut_short {
                // Killed again while it starts.
                let hasty = Daemon::start(&lab);
                std::thread::sleep(random.below(Duration::from_millis(100)));
                killed = Instant::now();
                drop(hasty);
            }
            daemon = Daemon::start(&lab);
            blackouts.push(time_until_a_new_flow_passes(&client, killed));
            load.goes_on();
        }
        load.finish();
        forbidden.finish();
        drop(daemon);

        // What was forbidden would have been seen, had it been let pass.
        lab.restart();
        let mut deltas = network.deltas;
        deltas.extend([group(1, 1, &anything()), group(2, 2, &anything())]);
        lab.plane().apply(&deltas);
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (sender, receiver) = (from.udp(0), to.udp(FORBIDDEN));
            sender.send_to(b"now", (to.address, FORBIDDEN)).unwrap();
            assert_eq!(receiver.recv(&mut [0; 16]).unwrap(), 3);
        }
        lab.finish();

        blackouts.sort_unstable();
        let (median, longest) = (blackouts[blackouts.len() / 2], blackouts[blackouts.len() - 1]);
        eprintln!("{kills} kills; new flows waited for {median:.0?} (median), {longest:.0?} (longest)");
        assert!(median < BLACKOUT, "{blackouts:?}");
    });
}

/// A process with a data plane, which is killed when it is dropped.
struct Daemon(Child);

impl Daemon {
    fn start(lab: &Lab) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "connections_through_gateways_survive_kills_under_load", "--nocapture"])
            .env(DAEMON, format!("{:?} {}", lab.choice, lab.dir.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        assert!(
            self.0.try_wait().unwrap().is_none() || std::thread::panicking(),
            "the daemon ended by itself"
        );
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Runs a data plane on what is there, until it is killed.
fn play_the_daemon(argument: &str) -> ! {
    let (choice, path) = argument.split_once(' ').unwrap();
    let choice = if choice == "Auto" { ModeChoice::Auto } else { ModeChoice::SlowOnly };
    let plane = DataPlane::start(&config(Path::new(path), choice)).unwrap();
    plane.apply(&Network::new().deltas);
    loop {
        std::thread::park();
    }
}

/// From an instant on: how long it takes until a connection that is none yet gets an answer from the internet. Each needs
/// an address and port of the NAT gateway's, which only the daemon gives.
fn time_until_a_new_flow_passes(client: &Guest, from: Instant) -> Duration {
    let mut asked: Vec<UdpSocket> = Vec::new();
    loop {
        assert!(from.elapsed() < LOST, "no new flow passes");
        let socket = client.udp(0);
        socket.set_nonblocking(true).unwrap();
        // Without a daemon there may be nobody who says where the router is.
        let _ = socket.send_to(b"new", (HOST, UDP_PORT));
        asked.push(socket);
        std::thread::sleep(Duration::from_millis(1));
        if asked.iter().any(|socket| socket.recv(&mut [0; 16]).is_ok()) {
            return from.elapsed();
        }
    }
}

/// Connections that are kept, and short ones all the time.
struct Load {
    is_over: Arc<AtomicBool>,
    /// Exchanges over each connection that is kept.
    exchanged: Vec<Arc<AtomicU64>>,
    kept: Vec<JoinHandle<io::Result<()>>>,
    short: JoinHandle<[u32; 2]>,
}

impl Load {
    fn start(client: &Guest, server: &Guest, internet: &Guest) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let answers = internet.udp(UDP_PORT);
        answers.set_read_timeout(None).unwrap();
        std::thread::spawn(move || answer_datagrams(&answers));
        for end in [server, internet] {
            let listener = end.listen(TCP_PORT);
            std::thread::spawn(move || answer_connections(&listener));
        }
        let (mut exchanged, mut kept) = (Vec::new(), Vec::new());
        let ends = [server.address, internet.address];
        for end in ends.into_iter().flat_map(|end| std::iter::repeat_n(end, KEPT)) {
            let stream = client.connect((end, TCP_PORT), LOST).expect("a connection before the first kill");
            let (count, is_over) = (Arc::new(AtomicU64::new(0)), Arc::clone(&is_over));
            exchanged.push(Arc::clone(&count));
            kept.push(std::thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    exchange(&stream, count.fetch_add(1, Ordering::Relaxed))?;
                    std::thread::sleep(Duration::from_millis(10));
                }
                Ok(())
            }));
        }
        let (namespace, over) = (client.namespace.clone(), Arc::clone(&is_over));
        let short =
            std::thread::spawn(move || namespace.run(|| make_short_connections(ends, &over)).unwrap());
        Self { is_over, exchanged, kept, short }
    }

    /// Waits until every connection that is kept has carried something that was sent after now.
    fn goes_on(&self) {
        let before: Vec<u64> = self.exchanged.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let since = Instant::now();
        let has_gone_on = || {
            let now = self.exchanged.iter().map(|count| count.load(Ordering::Relaxed));
            now.zip(&before).all(|(now, before)| now > before + 1)
        };
        while !has_gone_on() {
            let has_failed = self.kept.iter().any(JoinHandle::is_finished);
            assert!(!has_failed && since.elapsed() < LOST, "a connection was lost");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn finish(self) {
        self.is_over.store(true, Ordering::Relaxed);
        for kept in self.kept {
            kept.join().unwrap().expect("a connection was lost");
        }
        let [transit, nat] = self.short.join().unwrap();
        eprintln!("short connections: {transit} by the transit gateway, {nat} by the NAT gateway");
        assert!(transit > 0 && nat > 0);
    }
}

/// Connects, exchanges and closes, in turn to both ends. One that cannot be made is nobody's loss, and one that was made is
/// none to be lost. Answers how many there were by each way.
fn make_short_connections(ends: [IpAddr; 2], is_over: &AtomicBool) -> [u32; 2] {
    let mut made = [0, 0];
    while !is_over.load(Ordering::Relaxed) {
        for (end, made) in ends.into_iter().zip(&mut made) {
            let Ok(stream) = TcpStream::connect_timeout(&(end, TCP_PORT).into(), LOST) else { continue };
            exchange(&stream, 0).expect("a short connection was lost");
            *made += 1;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    made
}

fn exchange(mut stream: &TcpStream, number: u64) -> io::Result<()> {
    stream.set_read_timeout(Some(LOST))?;
    stream.write_all(&number.to_be_bytes())?;
    let mut answer = [0; 8];
    stream.read_exact(&mut answer)?;
    assert_eq!(u64::from_be_bytes(answer), number);
    Ok(())
}

fn answer_connections(listener: &TcpListener) {
    listener.set_nonblocking(false).unwrap();
    while let Ok((mut stream, _)) = listener.accept() {
        std::thread::spawn(move || {
            let mut word = [0; 8];
            while stream.read_exact(&mut word).and_then(|()| stream.write_all(&word)).is_ok() {}
        });
    }
}

fn answer_datagrams(socket: &UdpSocket) {
    let mut datagram = [0; 64];
    while let Ok((length, from)) = socket.recv_from(&mut datagram) {
        let _ = socket.send_to(&datagram[..length], from);
    }
}

/// Datagrams that no rule lets in: to the client, from the server and from the internet by the NAT gateway's public
/// address, and to the server at a port that is not open.
struct Forbidden {
    is_over: Arc<AtomicBool>,
    sender: JoinHandle<()>,
    receivers: [UdpSocket; 2],
}

impl Forbidden {
    fn start(client: &Guest, server: &Guest, internet: &Guest) -> Self {
        let receivers = [client, server].map(|guest| guest.udp(FORBIDDEN));
        let ways: [(UdpSocket, IpAddr); 3] =
            [(client.udp(0), server.address), (server.udp(0), client.address), (internet.udp(0), NAT.into())];
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let sender = std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                for (socket, to) in &ways {
                    let _ = socket.send_to(b"forbidden", (*to, FORBIDDEN));
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Self { is_over, sender, receivers }
    }

    fn finish(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.sender.join().unwrap();
        std::thread::sleep(SILENCE);
        for receiver in &self.receivers {
            receiver.set_nonblocking(true).unwrap();
            let received = receiver.recv_from(&mut [0; 16]);
            assert!(received.is_err(), "what no rule lets in came in: {received:?}");
        }
    }
}

/// Moments that nobody chose (splitmix64).
struct Random(u64);

impl Random {
    fn new() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Self(since.as_nanos() as u64)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: Duration) -> Duration {
        Duration::from_micros(self.next() % limit.as_micros() as u64)
    }
}
