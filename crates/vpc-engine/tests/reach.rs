//! What is told of a packet's way is what [`vpc_engine::forward`] does, for the packet and for all of the headers that are
//! said to go the same way, through random networks.
//!
//! `BRUME_TOPOLOGIES` sets how many networks (200 unless set), `BRUME_SEED` replays one.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use vpc_engine::reach::{Field, Fix, Header, HeaderBox, Question, Questions, Span, Tracer, bits, repair};
use vpc_engine::testing::{DB_PORT, Random, Scenario, Step, estate};
use vpc_engine::{
    DropReason, Endpoint, FlowOptions, Flows, Millis, Packet, Snapshot, Transport, Verdict, forward,
};
use vpc_model::{Delta, Interface, InterfaceRole, Object, Protocol};

const TOPOLOGIES: u64 = 200;
const PACKETS: usize = 30;
/// Networks that have shown a mistake: 3507 has a peering of transit gateways without a table for what comes by it.
const SHOWN: [u64; 1] = [3507];
/// Other headers of a trace that are tried.
const SAMPLES: usize = 12;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// The networks that are asked for, as they are before anything changes.
fn networks() -> impl Iterator<Item = (u64, Snapshot, Scenario)> {
    let (seeds, shown) = match number("BRUME_SEED") {
        Some(seed) => (seed..seed + 1, &[][..]),
        None => (0..number("BRUME_TOPOLOGIES").unwrap_or(TOPOLOGIES), &SHOWN[..]),
    };
    seeds.clone().chain(shown.iter().copied().filter(move |seed| !seeds.contains(seed))).map(|seed| {
        let scenario = Scenario::full(seed);
        let deltas: Vec<Delta> = scenario.topology().deltas();
        (seed, Snapshot::new().apply(&deltas).snapshot, scenario)
    })
}

/// The question that a packet is, if it opens a connection.
fn question(from: vpc_model::Port, packet: &Packet) -> Option<Question> {
    let at = |address, port| Endpoint { address, port };
    let (source, destination) = match packet.transport {
        Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
            (source, destination)
        }
        Transport::Icmp { kind: 8 | 128, code: 0, id, .. } => (id, id),
        _ => return None,
    };
    Some(Question {
        from,
        source: at(packet.source, source),
        destination: at(packet.destination, destination),
        protocol: packet.protocol,
    })
}

/// What the engine does with a question's packet when nothing else is known: where it leaves, or the name of the reason.
fn decided(snapshot: &Snapshot, question: &Question) -> Result<vpc_model::Port, &'static str> {
    let packet = question.packet(snapshot).ok_or("no port")?;
    match forward(snapshot, &mut Flows::new(FlowOptions::default()), question.from, &packet, Millis(1000)) {
        Verdict::Deliver(delivery) => Ok(delivery.to),
        Verdict::Drop(reason) => Err(reason.name()),
    }
}

/// One of the headers of a box: often at its ends, where mistakes are.
fn sample(random: &mut Random, headers: &HeaderBox) -> Header {
    headers.spans.map(|Span { first, last }| match random.below(4) {
        0 => first,
        1 => last,
        _ => first + u128::from(random.bits()) % (last - first).saturating_add(1),
    })
}

/// What a trace says of the packet: its outcome there and back.
fn told(tracer: &mut Tracer<'_>, question: Question) -> (Result<vpc_model::Port, &'static str>, bool) {
    let trace = tracer.trace(question).unwrap();
    let there = match trace.there.refusals().next() {
        Some(reason) => Err(reason.name()),
        None => Ok(trace.there.landed.unwrap().0),
    };
    (there, trace.reaches())
}

#[test]
fn a_trace_is_what_the_engine_does_for_all_headers_that_it_names() {
    let mut outcomes: BTreeMap<&'static str, usize> = BTreeMap::new();
    let (mut wide, mut count) = (0, 0);
    for (seed, snapshot, mut scenario) in networks() {
        let mut random = Random::new(seed);
        let mut tracer = Tracer::new(&snapshot);
        for _ in 0..PACKETS {
            let Step::Packet(from, packet) = scenario.packet() else { continue };
            let Some(question) = question(from, &packet) else { continue };
            if question.packet(&snapshot).is_none() {
                continue;
            }
            let trace = tracer.trace(question).unwrap();
            let expected = decided(&snapshot, &question);
            let (there, reaches) = told(&mut tracer, question);
            assert_eq!(there, expected, "seed {seed}: {question:?} {trace:#?}");
            assert!(trace.headers.contains(&question.header()), "seed {seed}: {question:?} {trace:#?}");
            *outcomes
                .entry(expected.err().unwrap_or(if reaches { "reaches" } else { "no way back" }))
                .or_default() += 1;
            count += 1;
            if trace.is_by_header {
                continue;
            }
            let protocol = question.protocol;
            let questions =
                Questions { from, protocol, is_ipv6: packet.source.is_ipv6(), headers: trace.headers };
            for _ in 0..SAMPLES {
                let header = sample(&mut random, &trace.headers);
                let mut other = questions.question(&header);
                if !matches!(protocol, Protocol::TCP | Protocol::UDP) {
                    (other.source.port, other.destination.port) =
                        (question.source.port, question.destination.port);
                }
                wide += usize::from(header != question.header());
                assert_eq!(
                    decided(&snapshot, &other),
                    expected,
                    "seed {seed}: {other:?} like {question:?}: {trace:#?}"
                );
                let told = told(&mut tracer, other);
                assert_eq!(told, (expected, reaches), "seed {seed}: {other:?} like {question:?}: {trace:#?}");
            }
        }
    }
    println!("{count} packets, {wide} others like them: {outcomes:?}");
    assert!(
        number("BRUME_SEED").is_some() || (outcomes["reaches"] > count / 20 && outcomes.len() > 20),
        "{outcomes:?}"
    );
}

#[test]
fn the_parts_of_an_exploration_are_all_of_it_and_exact() {
    let (mut parts, mut open) = (0, 0);
    for (seed, snapshot, mut scenario) in networks() {
        let mut random = Random::new(seed);
        let mut tracer = Tracer::new(&snapshot);
        for _ in 0..PACKETS / 10 {
            let Step::Packet(from, packet) = scenario.packet() else { continue };
            let Some(question) = question(from, &packet) else { continue };
            if question.packet(&snapshot).is_none()
                || !matches!(question.protocol, Protocol::TCP | Protocol::UDP)
            {
                continue;
            }
            let ports = Span { first: 0, last: u16::MAX.into() };
            let (source, destination) = (bits(packet.source), bits(packet.destination));
            let around = Span {
                first: destination.saturating_sub(4),
                last: destination.saturating_add(4).min(u32::MAX.into()),
            };
            let is_ipv6 = packet.source.is_ipv6();
            let destinations = if is_ipv6 { Span::one(destination) } else { around };
            let headers = HeaderBox { spans: [Span::one(source), destinations, ports, ports] };
            let questions = Questions { from, protocol: question.protocol, is_ipv6, headers };
            let exploration = tracer.explore(&questions, 5_000).unwrap();
            assert!(exploration.rest.is_empty(), "seed {seed}: {questions:?}");
            let reaching = exploration.reaching();
            parts += exploration.parts.len();
            open += reaching.boxes().len();
            for _ in 0..SAMPLES {
                let mut header = sample(&mut random, &headers);
                if !matches!(question.protocol, Protocol::TCP | Protocol::UDP) {
                    // Echo requests have one value each.
                    let [.., source_port, destination_port] = question.header();
                    (header[2], header[3]) = (source_port, destination_port);
                }
                let of: Vec<_> =
                    exploration.parts.iter().filter(|(part, _)| part.contains(&header)).collect();
                assert_eq!(of.len(), 1, "seed {seed}: {header:?} of {questions:?}");
                let is_by_header = of[0].1.is_by_header;
                let reaches = tracer.trace(questions.question(&header)).unwrap().reaches();
                assert!(
                    is_by_header || reaching.contains(&header) == reaches,
                    "seed {seed}: {header:?} of {questions:?}"
                );
            }
            let is_whole = exploration.parts.iter().all(|(part, _)| {
                Field::ALL.into_iter().all(|field| {
                    headers.span(field).intersection(&part.span(field)) == Some(part.span(field))
                })
            });
            assert!(is_whole);
        }
    }
    println!("{parts} parts, {open} boxes that reach");
    assert!(parts > 0);
}

#[test]
fn a_trace_names_everything_that_refuses() {
    let (mut several, mut gone_on) = (0, 0);
    for (seed, snapshot, mut scenario) in networks() {
        let mut tracer = Tracer::new(&snapshot);
        for _ in 0..PACKETS {
            let Step::Packet(from, packet) = scenario.packet() else { continue };
            let Some(question) = question(from, &packet) else { continue };
            let Some(trace) = tracer.trace(question) else { continue };
            let named: Vec<_> = trace.there.refusals().map(|reason| reason.name()).collect();
            let repair = repair(&snapshot, question).unwrap();
            // Such a change takes its own refusal away and nothing else changes on the way.
            let (Some(fix), Some(first)) = (repair.fixes.first(), named.first()) else { continue };
            let is_of_a_gate =
                matches!(fix, Fix::Rule { .. } | Fix::AclEntry { .. } | Fix::NoSourceDestCheck { .. });
            if !is_of_a_gate || !is_gate(first) {
                continue;
            }
            let changed = snapshot.apply(&repair.deltas[..1]).snapshot;
            // One rule may take more than one refusal away, of two interfaces with the same group.
            match decided(&changed, &question) {
                Ok(_) => {
                    assert!(named.iter().all(|name| is_gate(name)), "seed {seed}: {question:?} {trace:#?}");
                }
                Err(next) => {
                    assert!(
                        named.contains(&next),
                        "seed {seed}: {next} is not named: {question:?} {trace:#?}"
                    );
                    gone_on += 1;
                }
            }
            several += usize::from(named.len() > 1);
        }
    }
    println!(
        "{several} with several refusals, {gone_on} refused by another of them after the first was taken away"
    );
    assert!((several > 10 && gone_on > 10) || number("BRUME_SEED").is_some(), "{several} {gone_on}");
}

fn is_gate(name: &str) -> bool {
    matches!(name, "NoEgressRule" | "NoIngressRule" | "NetworkAclDenied" | "SourceCheck" | "DestinationCheck")
}

#[test]
fn what_a_repair_changes_lets_the_packet_through() {
    // How often, and in which network last.
    let (mut repaired, mut beyond) = (0, BTreeMap::<&'static str, (usize, u64)>::new());
    for (seed, snapshot, mut scenario) in networks() {
        for _ in 0..PACKETS {
            let Step::Packet(from, packet) = scenario.packet() else { continue };
            let Some(question) = question(from, &packet) else { continue };
            let Some(trace) = Tracer::new(&snapshot).trace(question) else { continue };
            let repair = repair(&snapshot, question).unwrap();
            assert_eq!(trace.reaches(), repair.is_whole() && repair.fixes.is_empty());
            if trace.reaches() {
                continue;
            }
            // The changes are made where users would make them, and judged by the engine.
            let changed = snapshot.apply(&repair.deltas).snapshot;
            assert_eq!(
                Tracer::new(&changed).trace(question).unwrap(),
                repair.after,
                "seed {seed}: {question:?}"
            );
            if repair.is_whole() {
                repaired += 1;
                let landed = repair.after.there.landed.unwrap().0;
                assert_eq!(decided(&changed, &question), Ok(landed), "seed {seed}: {question:?}");
            } else {
                let reason = repair.after.refusals().next().map(|(reason, _)| *reason);
                if let Some(
                    DropReason::NoEgressRule { interface } | DropReason::NoIngressRule { interface },
                ) = reason
                {
                    let groups = &snapshot.interface_by_id(interface).unwrap().security_groups;
                    assert!(groups.is_empty(), "seed {seed}: {question:?} {:#?}", repair.after);
                }
                let held = beyond.entry(reason.map_or("no way back", |reason| reason.name())).or_default();
                *held = (held.0 + 1, seed);
            }
        }
    }
    println!("{repaired} repaired; beyond repair: {beyond:?}");
    // What any user of the network could change is changed.
    for reason in
        ["DestinationCheck", "NetworkAclDenied", "NoAssociation", "Ipv6NotAttached", "PublicAccessBlocked"]
    {
        assert!(!beyond.contains_key(reason), "{reason}: {beyond:?}");
    }
    assert!(repaired > 100 || number("BRUME_SEED").is_some(), "{repaired}");
}

#[test]
fn a_rule_is_added_to_the_group_that_fewest_interfaces_carry() {
    let topology = estate(1, 120);
    let snapshot = Snapshot::new().apply(&topology.deltas()).snapshot;
    let carriers = |group| {
        topology.interfaces.iter().filter(|interface| interface.security_groups.contains(&group)).count()
    };
    let workloads: Vec<_> =
        topology.interfaces.iter().filter(|held| held.role == vpc_model::InterfaceRole::Workload).collect();
    let (mut random, mut rules) = (Random::new(1), 0);
    for _ in 0..100 {
        let (from, to) = (random.pick(&workloads), random.pick(&workloads));
        let question = Question {
            from: from.port,
            source: Endpoint { address: from.ipv4.into(), port: 40_000 },
            destination: Endpoint { address: to.ipv4.into(), port: DB_PORT },
            protocol: Protocol::TCP,
        };
        for fix in repair(&snapshot, question).unwrap().fixes {
            let Fix::Rule { group, interface, .. } = fix else { continue };
            let interface = snapshot.interface_by_id(interface).unwrap();
            let least = interface.security_groups.iter().map(|&group| carriers(group)).min();
            assert_eq!(Some(carriers(group)), least, "{fix}");
            rules += 1;
        }
    }
    assert!(rules > 50, "{rules}");
}

/// Hubs that are peered and whose tables have lost the routes over their peerings.
#[test]
fn a_repair_leads_over_peered_transit_gateways() {
    /// So many that there are two hubs.
    const WORKLOADS: usize = 33_000;
    const STEP: usize = 160;
    let mut deltas = estate(7, WORKLOADS).deltas();
    let peerings: Vec<_> = deltas
        .iter()
        .filter_map(|delta| match delta {
            Delta::Put(Object::TransitGatewayPeering(peering)) => Some(peering.id),
            _ => None,
        })
        .collect();
    assert!(!peerings.is_empty());
    for delta in &mut deltas {
        if let Delta::Put(Object::TransitGatewayRouteTable(table)) = delta {
            table.routes.retain(|route| route.target.is_none_or(|target| !peerings.contains(&target)));
        }
    }
    let snapshot = Snapshot::new().apply(&deltas).snapshot;
    let interfaces: Vec<_> =
        snapshot.interfaces().filter(|held| held.role == InterfaceRole::Workload).collect();
    let mut repaired = 0;
    for (one, other) in
        interfaces.iter().zip(interfaces.iter().rev()).take(interfaces.len() / 2).step_by(STEP)
    {
        let end = |interface: &Interface, port| Endpoint { address: interface.ipv4.into(), port };
        let protocol = Protocol::TCP;
        let question =
            Question { from: one.port, source: end(one, 40_000), destination: end(other, 443), protocol };
        let trace = Tracer::new(&snapshot).trace(question).unwrap();
        let is_cut = trace.refusals().any(|(reason, _)| matches!(reason, DropReason::NoTransitRoute { .. }));
        let repair = repair(&snapshot, question).unwrap();
        let is_over_peering = repair
            .fixes
            .iter()
            .any(|fix| matches!(fix, Fix::TransitRoute { target, .. } if peerings.contains(target)));
        if is_cut && is_over_peering {
            assert!(repair.is_whole(), "{question:?}: {:#?}", repair.after);
            repaired += 1;
        }
    }
    assert!(repaired > 0);
}
