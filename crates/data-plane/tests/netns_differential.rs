//! The engine by itself against the data plane with real packets: through random networks that change, with gateways of all
//! kinds, the internet and the workstation, every frame has to arrive at the same port with the same bytes, or nowhere, with
//! the flow cache and with the slow path alone.
//!
//! `BRUME_REAL_TOPOLOGIES` sets how many networks (50 unless set), `BRUME_SEED` replays one.
#![allow(clippy::unwrap_used)]

mod lab;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_types::MacAddress;
use data_plane::{DataPlane, Mode, PortSpec};
use host_net::{FrameBatch, NetworkNamespace};
use lab::wires::Wire;
use lab::{Lab, SEED, for_each_seed, in_both_modes_with_a_workstation};
use vpc_engine::frame::{TransportChecksum, apply_rewrite};
use vpc_engine::testing::{Arrival, Scenario, Step, frame};
use vpc_engine::{
    Delivery, FlowOptions, Flows, FrameAction, Millis, Packet, Snapshot, Transport, handle_frame,
};
use vpc_model::{InterfaceRole, Port};

/// How many networks are tried unless the environment says otherwise.
const TOPOLOGIES: u64 = 50;
/// How many things happen in each.
const STEPS: usize = 300;
/// How long a frame may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The data plane of one run and a wire at each of its ports.
struct Bench<'a> {
    plane: &'a DataPlane,
    wires: Vec<Wire>,
    batch: FrameBatch,
}

impl<'a> Bench<'a> {
    fn new(lab: &'a Lab, ports: impl Iterator<Item = Port>) -> Self {
        let plane = lab.plane();
        let mut wires = Wire::of_reserved_ports(lab);
        for port in ports {
            let namespace = NetworkNamespace::create_unpinned().unwrap();
            namespace.set_parameter("ipv6/conf/default/disable_ipv6", "1").unwrap();
            let mac = MacAddress::local(1 << 33 | u64::from(port.number()));
            let guest_name = "eth0".to_owned();
            let spec = PortSpec { port, mac, mtu_bytes: 9001, namespace: &namespace, guest_name };
            plane.attach(&spec).unwrap();
            wires.push(Wire::new(port, &namespace, "eth0"));
        }
        Self { plane, wires, batch: FrameBatch::new(8) }
    }

    /// What has come out since the last look.
    fn look(&mut self) -> Vec<(Port, Vec<u8>)> {
        let mut seen = Vec::new();
        for wire in &self.wires {
            seen.extend(wire.look(&mut self.batch));
        }
        seen
    }

    /// Sends a frame and answers what comes out, once the data plane is done with it.
    fn send(&mut self, from: Port, frame: &[u8]) -> Vec<(Port, Vec<u8>)> {
        let before = self.plane.counters().frames_decided;
        self.wires.iter().find(|wire| wire.port == from).unwrap().send(frame);
        let until = Instant::now() + PATIENCE;
        loop {
            let seen = self.look();
            if !seen.is_empty() {
                return seen;
            }
            if self.plane.counters().frames_decided > before {
                self.plane.catch_up();
                return self.look();
            }
            assert!(Instant::now() < until, "neither delivered nor decided");
            std::thread::yield_now();
        }
    }
}

/// What the engine has decided about, so that a run that shows nothing does not pass.
#[derive(Default)]
struct Shown {
    delivered: u64,
    /// From or to the internet.
    of_internet: u64,
    dropped: u64,
    decided: u64,
}

fn run(lab: &Lab, seed: u64, shown: &mut Shown) -> Result<(), String> {
    let plane = lab.plane();
    let mut scenario = Scenario::full(seed);
    let deltas = scenario.topology().deltas();
    plane.apply(&deltas);
    let mut snapshot = Snapshot::new().apply(&deltas).snapshot;
    // Of the same seed: the ports that NAT gateways take depend on it.
    let mut flows = Flows::new(FlowOptions { seed: SEED, ..FlowOptions::default() });
    // What AWS manages is nobody's guest.
    let interfaces = scenario.topology().interfaces.iter();
    let workloads = interfaces.filter(|interface| interface.role == InterfaceRole::Workload);
    let ports: Vec<Port> = workloads.map(|interface| interface.port).collect();
    let mut bench = Bench::new(lab, ports.into_iter());
    for step in 0..STEPS {
        match scenario.step() {
            // Real time passes by itself.
            Step::Wait(_) => {}
            Step::Change(deltas) => {
                plane.apply(&deltas);
                let applied = snapshot.apply(&deltas);
                snapshot = applied.snapshot;
                applied.removed.iter().for_each(|&port| flows.forget_port(port));
            }
            Step::Packet(from, packet) => {
                let payload = [step as u8; 16];
                let sent = frame(&packet, &payload);
                let action = handle_frame(&snapshot, &mut flows, from, &sent, None, now());
                let (expected, arrival) = expect(action, from, &packet, &sent);
                let seen = bench.send(from, &sent);
                if seen != expected {
                    return Err(format!(
                        "step {step}: {packet:?} from {from}\nexpected {expected:02x?}\nseen     {seen:02x?}"
                    ));
                }
                match arrival {
                    Some(arrival) => {
                        shown.delivered += 1;
                        let is_outside = |port| matches!(port, Port::INTERNET | Port::WORKSTATION);
                        shown.of_internet += u64::from(is_outside(from) || is_outside(arrival.to));
                        scenario.arrived(&packet, &arrival);
                    }
                    None => shown.dropped += 1,
                }
                plane.catch_up();
            }
        }
    }
    shown.decided += plane.counters().frames_decided;
    Ok(())
}

fn now() -> Millis {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    let secs: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
    Millis((secs * 1000.0) as u64)
}

/// What comes out where when the data plane does as the engine says.
fn expect(
    action: FrameAction,
    from: Port,
    packet: &Packet,
    sent: &[u8],
) -> (Vec<(Port, Vec<u8>)>, Option<Arrival>) {
    match action {
        FrameAction::Drop(_) => (Vec::new(), None),
        FrameAction::Reply(answer) | FrameAction::Refuse(_, answer) => (vec![(from, answer)], None),
        FrameAction::Forward(delivery) => {
            let mut frame = sent.to_vec();
            apply_rewrite(&mut frame, &delivery.rewrite, TransportChecksum::Complete).unwrap();
            (vec![(delivery.to, frame)], Some(arrival(packet, &delivery)))
        }
    }
}

fn arrival(packet: &Packet, delivery: &Delivery) -> Arrival {
    let (source, destination) = match packet.transport {
        Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
            (source, destination)
        }
        _ => (0, 0),
    };
    let mut rewrite = delivery.rewrite;
    // An identifier that stays is not spoken of.
    if let Transport::Icmp { id, .. } = packet.transport {
        for endpoint in [&mut rewrite.source, &mut rewrite.destination].into_iter().flatten() {
            endpoint.port = if endpoint.port == id { 0 } else { endpoint.port };
        }
    }
    let new =
        |endpoint: Option<vpc_engine::Endpoint>, old| endpoint.map_or(old, |new| (new.address, new.port));
    Arrival {
        to: delivery.to,
        source_mac: rewrite.source_mac,
        destination_mac: rewrite.destination_mac,
        source: new(rewrite.source, (packet.source, source)),
        destination: new(rewrite.destination, (packet.destination, destination)),
        any_other_source_port: false,
    }
}

/// Runs one network with the cache and without.
fn agree(seed: u64, carried_by_cache: &AtomicU64, of_internet: &AtomicU64) {
    in_both_modes_with_a_workstation(|lab| {
        let mut shown = Shown::default();
        if let Err(difference) = run(&lab, seed, &mut shown) {
            panic!("BRUME_SEED={seed} with {:?}: {difference}", lab.plane().mode());
        }
        let Shown { delivered, dropped, decided, .. } = shown;
        of_internet.fetch_add(shown.of_internet, Ordering::Relaxed);
        match lab.plane().mode() {
            Mode::FlowCache => {
                let carried = (delivered + dropped).saturating_sub(decided);
                carried_by_cache.fetch_add(carried, Ordering::Relaxed);
            }
            // Its own stack's last IPv6 messages may have come up too.
            Mode::SlowOnly(_) => assert!(decided >= delivered + dropped),
        }
        lab.finish();
    });
}

#[test]
fn real_packets_go_where_the_engine_says() {
    let (carried_by_cache, of_internet) = (AtomicU64::new(0), AtomicU64::new(0));
    let networks = for_each_seed(TOPOLOGIES, |seed| agree(seed, &carried_by_cache, &of_internet));
    let carried = carried_by_cache.into_inner();
    let of_internet = of_internet.into_inner();
    eprintln!(
        "{carried} packets were carried by the cache; {of_internet} came from the internet or went there"
    );
    // Four or so a network; less on a host that skips the cache, which has said so.
    let is_long = networks >= 20;
    assert!(!is_long || carried == 0 || carried > 200, "the cache was hardly used: {carried}");
    assert!(!is_long || of_internet > 200, "the internet was hardly used: {of_internet}");
}
