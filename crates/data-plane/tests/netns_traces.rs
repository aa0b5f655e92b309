//! What is traced is what becomes of real packets: through random networks with gateways of all kinds, the internet and the
//! workstation, a packet that opens a connection has to arrive where the trace says with the header that it says, or to be
//! dropped for the reason that it says; so has the answer; and after the changes that are to let a packet through it has to
//! arrive. With the flow cache and with the slow path alone.
//!
//! Who sends are namespaces without addresses, so that no kernel answers by itself: the test answers what arrives, as its
//! receiver would. Neighbours are asked for as a guest would ask for them.
//!
//! A file that `brume trace --live` has written of a disagreement is played by `BRUME_CASE=FILE`.
//! `BRUME_REAL_TOPOLOGIES` sets how many networks (8 unless set), `BRUME_SEED` replays one.
#![allow(clippy::unwrap_used)]

mod lab;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use aws_types::MacAddress;
use data_plane::{DataPlane, DropCount, Mode, PortSpec};
use host_net::{FrameBatch, NetworkNamespace};
use lab::wires::Wire;
use lab::{Lab, SEED, for_each_seed, in_both_modes_seeded, in_both_modes_with_a_workstation};
use parking_lot::Mutex;
use vpc_engine::frame::parse;
use vpc_engine::reach::{Case, Ends, Field, Question, Trace, Tracer, Way, repair_seeded};
use vpc_engine::testing::{Random, Scenario, Step, frame, with_checksums};
use vpc_engine::{
    DropReason, Endpoint, FlowOptions, Flows, FrameAction, Millis, Packet, Snapshot, TcpFlags, Transport,
    handle_frame,
};
use vpc_model::{Delta, Interface, InterfaceRole, Object, ObjectId, Port, Protocol};

/// How many networks are tried unless the environment says otherwise.
const TOPOLOGIES: u64 = 8;
/// Packets in each.
const PACKETS: usize = 40;
/// Others with headers that are said to go the same way, of each that gets there.
const LIKE: usize = 3;
/// How long a frame may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What has become of a packet.
#[derive(Debug, PartialEq)]
enum Seen {
    /// It came out by that port like this.
    Landed(Port, Packet),
    /// The data plane counted it as dropped.
    Dropped(DropReason),
}

/// The data plane of one run and a wire at each of its ports.
struct Bench<'a> {
    plane: &'a DataPlane,
    wires: Vec<Wire>,
    batch: FrameBatch,
    /// Tells a frame from all others.
    number: u64,
}

impl<'a> Bench<'a> {
    fn new<'i>(lab: &'a Lab, interfaces: impl Iterator<Item = &'i Interface>) -> Self {
        let plane = lab.plane();
        let mut wires = Wire::of_reserved_ports(lab);
        for interface in interfaces {
            let namespace = NetworkNamespace::create_unpinned().unwrap();
            namespace.set_parameter("ipv6/conf/default/disable_ipv6", "1").unwrap();
            let (port, mac) = (interface.port, interface.mac);
            let guest_name = "eth0".to_owned();
            plane
                .attach(&PortSpec { port, mac, mtu_bytes: 9001, namespace: &namespace, guest_name })
                .unwrap();
            wires.push(Wire::new(port, &namespace, "eth0"));
        }
        Self { plane, wires, batch: FrameBatch::new(8), number: 0 }
    }

    /// What has come out of frames that end like this.
    fn look(&mut self, mark: &[u8]) -> Vec<(Port, Packet)> {
        let mut seen = Vec::new();
        for wire in &self.wires {
            seen.extend(wire.look(&mut self.batch));
        }
        let marked = seen.into_iter().filter(|(_, frame)| frame.ends_with(mark));
        marked.map(|(port, frame)| (port, parse(&frame).unwrap())).collect()
    }

    /// Sends a packet and answers what becomes of it.
    fn send(&mut self, from: Port, packet: &Packet) -> Seen {
        self.number += 1;
        let mark = [*b"a packet", self.number.to_be_bytes()].concat();
        let sent = frame(packet, &mark);
        let drops = self.plane.drops_by_reason();
        let wire = self.wires.iter().find(|wire| wire.port == from);
        wire.unwrap_or_else(|| panic!("no wire at {from}")).send(&sent);
        let until = Instant::now() + PATIENCE;
        loop {
            let mut seen = self.look(&mark);
            if let Some((port, packet)) = seen.pop() {
                assert!(seen.is_empty(), "it has come out more than once");
                return Seen::Landed(port, packet);
            }
            if let Some(reason) = dropped(&drops, &self.plane.drops_by_reason(), from) {
                return Seen::Dropped(reason);
            }
            assert!(Instant::now() < until, "neither delivered nor dropped: {packet:?} from {from}");
            std::thread::yield_now();
        }
    }
}

/// For which reason one more frame of a port was dropped. Of those beyond what is counted each for itself, the last is known.
fn dropped(before: &[DropCount], after: &[DropCount], from: Port) -> Option<DropReason> {
    let count = |drops: &[DropCount], reason| {
        let of = drops.iter().filter(|drop| drop.port == from && drop.last == reason);
        of.map(|drop| drop.count).max().unwrap_or(0)
    };
    let mut reasons = after.iter().filter(|drop| drop.port == from).map(|drop| drop.last);
    reasons.find(|&reason| count(after, reason) > count(before, reason))
}

/// What a run has shown, so that one that shows nothing does not pass.
#[derive(Clone, Debug, Default)]
struct Shown {
    /// Data planes that were started.
    runs: u64,
    packets: u64,
    reached: u64,
    /// Of those, by headers that are said to go the same way as others.
    like_others: u64,
    answers: u64,
    repaired: u64,
    /// Blocked, and what there is to change is said not to be enough; and is not.
    repaired_in_part: u64,
    /// Blocked, and there is nothing to change.
    beyond_repair: u64,
    admitted: u64,
    reasons: BTreeMap<&'static str, u64>,
}

impl Shown {
    fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.packets += other.packets;
        self.reached += other.reached;
        self.like_others += other.like_others;
        self.answers += other.answers;
        self.repaired += other.repaired;
        self.repaired_in_part += other.repaired_in_part;
        self.beyond_repair += other.beyond_repair;
        self.admitted += other.admitted;
        other.reasons.iter().for_each(|(reason, count)| *self.reasons.entry(reason).or_default() += count);
    }
}

fn ends(packet: &Packet) -> Ends {
    let (source_port, destination_port) = match packet.transport {
        Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
            (source, destination)
        }
        Transport::Icmp { id, .. } => (id, id),
        Transport::Other | Transport::Continuation => (0, 0),
    };
    Ends { source: packet.source, source_port, destination: packet.destination, destination_port }
}

/// Whether a packet went the way that was told.
fn compare(way: &Way, seen: &Seen) -> Result<(), String> {
    let is_so = match (way.refusals().next(), seen) {
        (None, Seen::Landed(port, packet)) => way.landed == Some((*port, ends(packet))),
        (Some(told), Seen::Dropped(reason)) => told == reason,
        _ => false,
    };
    if is_so { Ok(()) } else { Err(format!("told {way:#?}\nseen {seen:#?}")) }
}

/// The packet as the receiver of another answers it.
fn answer(packet: &Packet) -> Packet {
    let transport = match packet.transport {
        Transport::Tcp { source, destination, .. } => Transport::Tcp {
            source: destination,
            destination: source,
            flags: TcpFlags::SYN.with(TcpFlags::ACK),
        },
        Transport::Udp { source, destination } => Transport::Udp { source: destination, destination: source },
        Transport::Icmp { kind: 8, code, id, about } => Transport::Icmp { kind: 0, code, id, about },
        Transport::Icmp { kind, code, id, about } => Transport::Icmp { kind: kind + 1, code, id, about },
        other => other,
    };
    Packet {
        source_mac: packet.destination_mac,
        destination_mac: packet.source_mac,
        source: packet.destination,
        destination: packet.source,
        transport,
        ..*packet
    }
}

/// The question that a packet is, if it opens a connection.
fn question(from: Port, packet: &Packet) -> Option<Question> {
    let (source, destination) = match packet.transport {
        Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
            (source, destination)
        }
        Transport::Icmp { kind: 8 | 128, code: 0, id, .. } => (id, id),
        _ => return None,
    };
    let at = |address, port| Endpoint { address, port };
    let protocol = packet.protocol;
    let (source, destination) = (at(packet.source, source), at(packet.destination, destination));
    Some(Question { from, source, destination, protocol })
}

/// The packet with the link address that its sender's kernel would send it to: the neighbour's, if there is one.
fn as_sent(snapshot: &Snapshot, question: &Question) -> Option<Packet> {
    let packet = question.packet(snapshot)?;
    let destination_mac = neighbour(snapshot, question, &packet).unwrap_or(packet.destination_mac);
    Some(Packet { destination_mac, ..packet })
}

/// What the fabric tells about a destination on the sender's own link.
fn neighbour(snapshot: &Snapshot, question: &Question, packet: &Packet) -> Option<MacAddress> {
    let sender = snapshot.interface(question.from)?;
    let subnet = snapshot.subnet(sender.subnet)?;
    let asks = match packet.destination {
        IpAddr::V4(target) if subnet.cidr.contains(&target) => {
            let mut arp = [&[0xff; 6], &sender.mac.0[..], &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1]].concat();
            arp.extend([&sender.mac.0[..], &sender.ipv4.octets(), &[0; 6], &target.octets()].concat());
            arp
        }
        IpAddr::V6(target) if subnet.ipv6_cidr.is_some_and(|block| block.contains(&target)) => {
            let transport = Transport::Icmp { kind: 135, code: 0, id: 0, about: None };
            let solicitation = Packet { protocol: Protocol::ICMPV6, transport, ttl: 255, ..*packet };
            let options = [&target.octets()[..], &[1, 1], &sender.mac.0].concat();
            let mut solicitation = frame(&solicitation, &options);
            // What stands for a sequence number is reserved here.
            solicitation[60..62].fill(0);
            with_checksums(solicitation)
        }
        _ => return None,
    };
    let mut flows = Flows::new(FlowOptions::default());
    match handle_frame(snapshot, &mut flows, question.from, &asks, None, Millis(1000)) {
        FrameAction::Reply(told) => Some(MacAddress(told[6..12].try_into().unwrap())),
        _ => None,
    }
}

/// One network and everything that is tried in it.
struct Run<'a> {
    bench: Bench<'a>,
    /// As it is before anything is repaired.
    deltas: Vec<Delta>,
    /// Its interfaces: what is removed so that no connection is known any more.
    interfaces: Vec<ObjectId>,
    snapshot: Snapshot,
    random: Random,
    shown: Shown,
}

impl Run<'_> {
    /// Puts the network in force with these changes, and no connection known.
    fn anew(&self, changes: &[Delta]) {
        let gone: Vec<Delta> = self.interfaces.iter().copied().map(Delta::Remove).collect();
        self.bench.plane.apply(&gone);
        self.bench.plane.apply(&[&self.deltas, changes].concat());
    }

    /// Sends a packet, answers it, and sees whether both go the way that was told.
    fn check(&mut self, snapshot: &Snapshot, trace: &Trace) -> Result<(), String> {
        let question = trace.question;
        let packet = as_sent(snapshot, &question).unwrap();
        let seen = self.bench.send(question.from, &packet);
        compare(&trace.there, &seen)?;
        self.shown.packets += 1;
        let (port, landed) = match seen {
            Seen::Landed(port, landed) => (port, landed),
            Seen::Dropped(reason) => {
                *self.shown.reasons.entry(reason.name()).or_default() += 1;
                return Ok(());
            }
        };
        let seen = self.bench.send(port, &answer(&landed));
        compare(trace.back.as_ref().unwrap(), &seen).map_err(|error| format!("the answer: {error}"))?;
        self.shown.answers += 1;
        let own = answer(&packet);
        let is_back = matches!(&seen, Seen::Landed(port, back)
            if *port == question.from && ends(back) == ends(&own));
        if is_back != trace.reaches() {
            return Err(format!("told {} seen {seen:#?}", trace.reaches()));
        }
        self.shown.reached += u64::from(is_back);
        if let Seen::Dropped(reason) = seen {
            *self.shown.reasons.entry(reason.name()).or_default() += 1;
        }
        Ok(())
    }

    /// Asks about a packet, about others like it, and about how it could get there.
    fn ask(&mut self, question: Question) -> Result<(), String> {
        self.anew(&[]);
        let snapshot = self.snapshot.clone();
        let trace = Tracer::seeded(&snapshot, SEED).trace(question).unwrap();
        self.check(&snapshot, &trace)?;
        if trace.reaches() {
            return self.ask_the_same_way(&snapshot, &trace);
        }
        let repair = repair_seeded(&snapshot, question, SEED).unwrap();
        if repair.deltas.is_empty() {
            self.shown.beyond_repair += 1;
            return Ok(());
        }
        self.anew(&repair.deltas);
        let changed = snapshot.apply(&repair.deltas).snapshot;
        let check = self.check(&changed, &repair.after);
        check.map_err(|error| format!("after {:?}: {error}", repair.fixes))?;
        let count =
            if repair.is_whole() { &mut self.shown.repaired } else { &mut self.shown.repaired_in_part };
        *count += 1;
        Ok(())
    }

    /// The same from other ports, without forgetting: the flow cache may let some of these in by itself.
    fn ask_the_same_way(&mut self, snapshot: &Snapshot, trace: &Trace) -> Result<(), String> {
        let has_limits = snapshot.interfaces().any(|interface| interface.tracking_limit.is_some());
        let has_ports = matches!(trace.question.protocol, Protocol::TCP | Protocol::UDP);
        if has_limits || !has_ports || trace.is_by_header {
            return Ok(());
        }
        let ports = trace.headers.span(Field::SourcePort);
        for _ in 0..LIKE {
            let port = ports.first + u128::from(self.random.bits()) % (ports.extent() + 1);
            let mut question = trace.question;
            question.source.port = u16::try_from(port).unwrap();
            if question == trace.question {
                continue;
            }
            let other = Tracer::seeded(snapshot, SEED).trace(question).unwrap();
            self.check(snapshot, &other).map_err(|error| format!("like another: {question:?}: {error}"))?;
            self.shown.like_others += 1;
        }
        Ok(())
    }
}

impl<'a> Run<'a> {
    fn new(lab: &'a Lab, deltas: Vec<Delta>, seed: u64) -> Self {
        let interfaces = || {
            deltas.iter().filter_map(|delta| match delta {
                Delta::Put(Object::Interface(interface)) => Some(interface),
                _ => None,
            })
        };
        // What AWS manages is nobody's guest.
        let workloads = interfaces().filter(|held| held.role == InterfaceRole::Workload);
        Self {
            bench: Bench::new(lab, workloads),
            interfaces: interfaces().map(|interface| ObjectId::Interface(interface.id)).collect(),
            snapshot: Snapshot::new().apply(&deltas).snapshot,
            deltas,
            random: Random::new(seed),
            shown: Shown { runs: 1, ..Shown::default() },
        }
    }
}

fn run(lab: &Lab, seed: u64) -> Result<Shown, String> {
    let mut scenario = Scenario::full(seed);
    let mut run = Run::new(lab, scenario.topology().deltas(), seed);
    for number in 0..PACKETS {
        let Step::Packet(from, packet) = scenario.packet() else { continue };
        let Some(question) = question(from, &packet) else { continue };
        run.ask(question).map_err(|error| format!("packet {number}: {question:?}: {error}"))?;
    }
    run.shown.admitted = run.bench.plane.counters().connections_admitted;
    Ok(run.shown)
}

/// Runs one network with the cache and without.
fn agree(seed: u64, shown: &Mutex<Shown>) {
    in_both_modes_with_a_workstation(|lab| {
        match run(&lab, seed) {
            Ok(seen) => {
                assert!(lab.plane().mode() == Mode::FlowCache || seen.admitted == 0);
                shown.lock().add(&seen);
            }
            Err(difference) => panic!("BRUME_SEED={seed} with {:?}: {difference}", lab.plane().mode()),
        }
        lab.finish();
    });
}

#[test]
fn real_packets_go_where_a_trace_says_and_after_a_repair_they_arrive() {
    let shown = Mutex::default();
    let networks = for_each_seed(TOPOLOGIES, |seed| agree(seed, &shown));
    let shown = shown.into_inner();
    eprintln!("{shown:?}");
    // Far more. Only a host on which no data plane has started, and that has said so, may show nothing.
    let is_long = networks >= 8 && shown.runs > 0;
    assert!(!is_long || (shown.reached > 50 && shown.repaired > 50 && shown.reasons.len() > 10), "{shown:?}");
}

/// The case of a file of a disagreement.
fn read_case(text: &str) -> Case {
    let mut file: serde_json::Value = serde_json::from_str(text).unwrap();
    serde_json::from_value(file["case"].take()).unwrap()
}

#[test]
fn a_case_on_file_is_played() {
    let case = match std::env::var_os("BRUME_CASE") {
        Some(path) => read_case(&std::fs::read_to_string(path).unwrap()),
        None => {
            let mut scenario = Scenario::full(3);
            let deltas = scenario.topology().deltas();
            let question = loop {
                let Step::Packet(from, packet) = scenario.packet() else { continue };
                let Some(question) = question(from, &packet) else { continue };
                let case = Case { seed: 5, question, deltas: deltas.clone() };
                if case.trace().is_some_and(|trace| trace.reaches()) {
                    break question;
                }
            };
            let written = serde_json::json!({ "case": Case { seed: 5, question, deltas } }).to_string();
            let case = read_case(&written);
            assert_eq!(serde_json::json!({ "case": &case }).to_string(), written);
            case
        }
    };
    let trace = case.trace().expect("something is at its port");
    in_both_modes_seeded(case.seed, |lab| {
        let mut run = Run::new(&lab, case.deltas.clone(), case.seed);
        run.anew(&[]);
        let snapshot = case.snapshot();
        run.check(&snapshot, &trace).unwrap_or_else(|difference| panic!("{difference}"));
        assert_eq!(run.shown.reached, u64::from(trace.reaches()));
        drop(run);
        lab.finish();
    });
}
