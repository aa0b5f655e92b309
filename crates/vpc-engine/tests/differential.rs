//! The engine against the reference evaluator, packet by packet, through random networks that change.
//!
//! `BRUME_TOPOLOGIES` sets how many networks (2,000 unless set), `BRUME_SEED` replays one,
//! `BRUME_TRACE` prints the network, every change of it, and every packet and its verdict.

use std::collections::HashMap;

use vpc_engine::testing::{Arrival, Reference, Scenario, Step};
use vpc_engine::{
    CacheEntry, CacheKey, CachePlan, Delivery, DropReason, FlowId, FlowOptions, Flows, Inner, InnerTransport,
    Millis, Packet, Snapshot, TcpFlags, Transport, Verdict,
};
use vpc_model::Port;

/// How many networks are tried unless the environment says otherwise.
const TOPOLOGIES: u64 = 2_000;
/// How many things happen in each.
const STEPS: usize = 60;
/// How many networks in a hundred may end at a packet that the reference cannot judge.
const CUT_SHORT_PERCENT_MAX: u64 = 1;
/// How many packets of a network are at least delivered, by the engine and the reference alike, on average.
const DELIVERED_MIN: u64 = 15;
/// Which networks: those with gateways too, and some of each without.
const NETWORKS: fn(u64) -> Scenario = Scenario::full;

/// An exact-match cache that is filled and emptied as the engine documents it.
#[derive(Default)]
struct Cache(HashMap<(Port, CacheKey), (CacheEntry, Option<FlowId>)>);

/// What was decided for a packet that opened a connection, and holds for others like it.
struct Admission {
    packet: Packet,
    plan: CachePlan,
}

impl Admission {
    /// The same packet from another of its source ports.
    fn another(&self, random: u64) -> Option<Packet> {
        let ports = self.plan.source_ports?;
        let Transport::Tcp { destination, flags, .. } = self.packet.transport else { return None };
        let width = u64::from(ports.to() - ports.from()) + 1;
        let source = ports.from() + (random % width) as u16;
        Some(Packet { transport: Transport::Tcp { source, destination, flags }, ..self.packet })
    }

    /// What it says of that packet.
    fn plan_for(&self, packet: &Packet) -> CachePlan {
        let Transport::Tcp { source, .. } = packet.transport else { unreachable!("only TCP opens") };
        let mut plan = self.plan;
        plan.forward.key.source_port = source;
        if let Some(seen) = &mut plan.forward.rewrite.source {
            seen.port = source;
        }
        if let Some(reverse) = &mut plan.reverse {
            reverse.key.destination_port = source;
            if let Some(opener) = &mut reverse.rewrite.destination {
                opener.port = source;
            }
        }
        if let Some(translation) = &mut plan.translation {
            translation.local.port = source;
        }
        plan
    }
}

impl Cache {
    fn learn(&mut self, delivery: &Delivery) {
        let Some(plan) = delivery.cache else { return };
        for entry in [Some(plan.forward), plan.reverse].into_iter().flatten() {
            self.0.insert((entry.from, entry.key), (entry, delivery.flow));
        }
    }

    /// The entry that a data plane would use for a packet, had it just heard of all closed flows.
    fn find(&self, flows: &Flows, from: Port, packet: &Packet, now: Millis) -> Option<&CacheEntry> {
        let (source_port, destination_port) = match packet.transport {
            _ if packet.fragment.is_some() => return None,
            Transport::Tcp { flags, .. }
                if flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK) =>
            {
                return None;
            }
            Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
                (source, destination)
            }
            Transport::Icmp { kind, code, id, .. } => (id, u16::from_be_bytes([kind, code])),
            Transport::Other | Transport::Continuation => (0, 0),
        };
        let key = CacheKey {
            source: packet.source,
            destination: packet.destination,
            protocol: packet.protocol,
            source_port,
            destination_port,
        };
        let (entry, flow) = self.0.get(&(from, key))?;
        let is_same_hop =
            (entry.source_mac, entry.destination_mac) == (packet.source_mac, packet.destination_mac);
        let is_closed = flow.is_some_and(|flow| flows.deadline(flow).is_none_or(|deadline| deadline <= now));
        (is_same_hop && !is_closed).then_some(entry)
    }
}

/// How a packet of the engine's verdict arrives.
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
    Arrival {
        to: delivery.to,
        source_mac: rewrite.source_mac,
        destination_mac: rewrite.destination_mac,
        source: rewrite.source.map_or((packet.source, source), |new| (new.address, new.port)),
        destination: rewrite
            .destination
            .map_or((packet.destination, destination), |new| (new.address, new.port)),
        any_other_source_port: false,
    }
}

/// The packet that an ICMP error quotes, as the receiver of the error sees it.
fn quoted(packet: &Packet, delivery: &Delivery) -> Option<Inner> {
    let Transport::Icmp { about: Some(mut about), .. } = packet.transport else { return None };
    if let Some(quoted) = delivery.rewrite.quoted {
        (about.source, about.destination) = (quoted.source.address, quoted.destination.address);
        match &mut about.transport {
            InnerTransport::Ports { source, destination } => {
                (*source, *destination) = (quoted.source.port, quoted.destination.port);
            }
            InnerTransport::Icmp { id, .. } => *id = quoted.source.port,
            InnerTransport::Other => {}
        }
    }
    Some(about)
}

/// Whether a packet is an ICMP error.
fn quotes(packet: &Packet) -> bool {
    matches!(packet.transport, Transport::Icmp { about: Some(_), .. })
}

/// Counts of what a run has shown, so that a test that shows nothing does not pass.
#[derive(Default)]
struct Shown {
    reasons: HashMap<&'static str, u64>,
    cached: u64,
    admitted: u64,
    admitted_by_gateways: u64,
    admitted_by_nat_gateways: u64,
}

/// Prints a line if `BRUME_TRACE` asks for it.
fn trace(line: impl FnOnce() -> String) {
    if std::env::var_os("BRUME_TRACE").is_some() {
        println!("{}", line());
    }
}

fn run(seed: u64, shown: &mut Shown) -> Result<(), String> {
    let mut scenario = NETWORKS(seed);
    let mut reference = Reference::default();
    let mut flows = Flows::new(FlowOptions { seed, ..FlowOptions::default() });
    let mut cache = Cache::default();
    let mut admissions: Vec<Admission> = Vec::new();
    let mut now = Millis::from_secs(1_000_000);

    // Deltas come in any order.
    let mut deltas = scenario.topology().deltas();
    deltas.iter().for_each(|delta| trace(|| format!("{delta:?}")));
    let middle = deltas.len() / 2;
    if seed.is_multiple_of(2) {
        deltas.reverse();
    } else {
        deltas.rotate_left(middle);
    }
    let mut snapshot = Snapshot::new().apply(&deltas).snapshot;
    reference.apply(&deltas);

    for step in 0..STEPS {
        // Every third step repeats a packet that has opened a connection, but for its source port.
        let random = (seed ^ step as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
        // Of those through NAT gateways there are few, so they come in other steps too.
        let is_rare = |held: &&Admission| held.plan.translation.is_some();
        let rare = admissions.iter().rev().find(is_rare).filter(|_| step % 3 == 1);
        let any = admissions.get(random as usize % admissions.len().max(1)).filter(|_| step % 3 == 2);
        let admission = rare.or(any);
        let repeated = admission.and_then(|admission| {
            let packet = admission.another(random)?;
            let plan = admission.plan_for(&packet);
            let is_taken = |far| flows.records().any(|record| record.key == far);
            let is_free = !cache.0.contains_key(&(plan.forward.from, plan.forward.key))
                && !plan.translation.is_some_and(is_taken);
            Some((plan.forward.from, packet, is_free.then_some(plan)))
        });
        let admitted = repeated.and_then(|(_, _, plan)| plan);
        match repeated.map_or_else(|| scenario.step(), |(from, packet, _)| Step::Packet(from, packet)) {
            Step::Wait(secs) => {
                now = Millis(now.0 + secs * 1000);
                if secs % 2 == 0 {
                    flows.expire(now);
                }
            }
            Step::Change(deltas) => {
                trace(|| format!("step {step}: {deltas:?}"));
                let applied = snapshot.apply(&deltas);
                snapshot = applied.snapshot;
                for &port in &applied.removed {
                    flows.forget_port(port);
                }
                let is_current = |entry: &CacheEntry| {
                    let is_domain_stale =
                        entry.domain.is_some_and(|domain| applied.stale_domains.contains(&domain));
                    !applied.stale.contains(entry.from)
                        && !applied.stale.contains(entry.to)
                        && !is_domain_stale
                };
                cache.0.retain(|_, (entry, _)| is_current(entry));
                admissions.retain(|Admission { plan, .. }| is_current(&plan.forward));
                reference.apply(&deltas);
            }
            Step::Packet(from, packet) => {
                let at = format!("step {step}: from {from} at {now}: {packet:?}");
                let cached = cache.find(&flows, from, &packet, now).copied();
                let verdict = vpc_engine::forward(&snapshot, &mut flows, from, &packet, now);
                trace(|| format!("{at}\n   {verdict:?}"));
                let actual = match &verdict {
                    Verdict::Deliver(delivery) => Ok(arrival(&packet, delivery)),
                    Verdict::Drop(reason) => Err(reason.name()),
                };
                let expected = reference.judge(from, &packet, now, &actual);
                if matches!(expected, Err(Reference::UNKNOWABLE)) {
                    // Nothing that follows is known either.
                    *shown.reasons.entry(Reference::UNKNOWABLE).or_default() += 1;
                    return Ok(());
                }
                *shown
                    .reasons
                    .entry(actual.as_ref().map_or_else(|reason| *reason, |_| "Delivered"))
                    .or_default() += 1;
                match (expected, actual) {
                    (Ok(mut expected), Ok(actual)) => {
                        let wanted = &mut expected.arrival;
                        if wanted.any_other_source_port && wanted.source.1 != actual.source.1 {
                            wanted.source.1 = actual.source.1;
                            wanted.any_other_source_port = false;
                            reference.note_source_port(actual.source.1);
                        }
                        let about = verdict.delivery().and_then(|delivery| quoted(&packet, delivery));
                        if !expected.agrees(&actual, about) {
                            return Err(format!(
                                "{at}\nexpected {expected:?}\n  actual {actual:?}, {about:?}"
                            ));
                        }
                        scenario.arrived(&packet, &actual);
                    }
                    (Err(expected), Err(actual)) if expected == actual => {}
                    // The reference never forgets what a service of AWS was asked; the engine does, in time.
                    (_, Err("UnsolicitedByService")) if from == Port::SERVICES => {}
                    (Ok(expected), Err("EndpointProtocol" | "ServiceProtocol"))
                        if expected.is_managed && quotes(&packet) => {}
                    (expected, actual) => {
                        return Err(format!("{at}\nexpected {expected:?}\n  actual {actual:?}"));
                    }
                }
                if let Some(entry) = cached {
                    shown.cached += 1;
                    let decided = verdict.delivery().map(|delivery| (delivery.to, delivery.rewrite));
                    if decided != Some((entry.to, entry.rewrite)) {
                        return Err(format!("{at}\ncached {entry:?}\ndecided {verdict:?}"));
                    }
                }
                // Whoever admits leaves room in the tables.
                let has_room = !matches!(verdict, Verdict::Drop(DropReason::TrackingTableFull { .. }));
                if let Some(admitted) = admitted.filter(|_| has_room) {
                    shown.admitted += 1;
                    shown.admitted_by_gateways += u64::from(admitted.forward.domain.is_some());
                    shown.admitted_by_nat_gateways += u64::from(admitted.translation.is_some());
                    let decided = verdict.delivery().and_then(|delivery| delivery.cache);
                    if decided != Some(admitted) {
                        return Err(format!("{at}\nadmitted {admitted:?}\ndecided {verdict:?}"));
                    }
                }
                if let Verdict::Deliver(delivery) = &verdict {
                    cache.learn(delivery);
                    let plan = delivery
                        .cache
                        .filter(|plan| plan.source_ports.is_some_and(|ports| ports.from() < ports.to()));
                    admissions.extend(plan.map(|plan| Admission { packet, plan }));
                }
            }
        }
    }
    Ok(())
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn the_engine_agrees_with_the_facts() {
    let mut shown = Shown::default();
    let seeds = match number("BRUME_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BRUME_TOPOLOGIES").unwrap_or(TOPOLOGIES),
    };
    let networks = seeds.end - seeds.start;
    let is_replay = networks == 1;
    for seed in seeds {
        if let Err(problem) = run(seed, &mut shown) {
            panic!("BRUME_SEED={seed}: {problem}");
        }
    }
    let mut reasons: Vec<_> = shown.reasons.iter().collect();
    reasons.sort();
    println!(
        "{reasons:?}, decided by the cache alike: {}, admitted alike: {}, of these by gateways: {}, and by NAT gateways: {}",
        shown.cached, shown.admitted, shown.admitted_by_gateways, shown.admitted_by_nat_gateways
    );
    if !is_replay {
        let count = |of: &str| shown.reasons.get(of).copied().unwrap_or_default();
        // What comes after a packet that the reference cannot judge is not compared.
        let cut_short = count(Reference::UNKNOWABLE);
        assert!(
            cut_short <= networks * CUT_SHORT_PERCENT_MAX / 100,
            "{cut_short} of {networks} networks were cut short"
        );
        let delivered = count("Delivered");
        assert!(
            delivered >= networks * DELIVERED_MIN,
            "only {delivered} deliveries were compared in {networks} networks"
        );
        for expected in [
            "Delivered",
            "SpoofedMac",
            "SourceCheck",
            "DestinationCheck",
            "NoEgressRule",
            "NoIngressRule",
            "NetworkAclDenied",
            "TrackingTableFull",
            "NoRoute",
            "Blackhole",
            "NoSuchAddress",
            "RouterAddress",
            "Hairpin",
            "Broadcast",
            "Multicast",
            "UnknownPort",
            "FragmentWithoutFirst",
            "InvalidSource",
            "InvalidDestination",
            "NoSuchService",
            "DnsSupportDisabled",
            "ServiceProtocol",
            "UnsolicitedByService",
            "AccountClosed",
        ] {
            assert!(
                shown.reasons.get(expected).is_some_and(|&count| count >= 10),
                "too few of {expected}: {reasons:?}"
            );
        }
        assert!(shown.admitted > 1_000, "hardly a connection was admitted: {}", shown.admitted);
        assert!(shown.admitted_by_gateways > 100, "too few by gateways: {}", shown.admitted_by_gateways);
        let by_nat = shown.admitted_by_nat_gateways;
        assert!(by_nat > 0, "none by NAT gateways");
        assert!(shown.cached > 1_000, "the cache was hardly used: {}", shown.cached);
    }
}
