//! What is said of all pairs is what a trace says of each.
//!
//! `BRUME_TOPOLOGIES` sets how many random networks (150 unless set), `BRUME_SEED` replays one.
#![allow(clippy::unwrap_used)]

mod datalog;

use vpc_engine::reach::{Pairs, Question, Sent, Tracer};
use vpc_engine::testing::{DB_PORT, Random, Topology, WEB_PORT, estate};
use vpc_engine::{Endpoint, Snapshot};
use vpc_model::{Interface, InterfaceRole, Protocol};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn snapshot(topology: &Topology) -> Snapshot {
    Snapshot::new().apply(&topology.deltas()).snapshot
}

fn workloads(topology: &Topology) -> Vec<&Interface> {
    topology.interfaces.iter().filter(|interface| interface.role == InterfaceRole::Workload).collect()
}

/// What a trace says of a pair.
fn traced(tracer: &mut Tracer<'_>, sent: Sent, from: &Interface, to: &Interface) -> bool {
    let question = Question {
        from: from.port,
        source: Endpoint { address: from.ipv4.into(), port: sent.source_port },
        destination: Endpoint { address: to.ipv4.into(), port: sent.destination_port },
        protocol: sent.protocol,
    };
    let trace = tracer.trace(question).filter(|trace| trace.reaches());
    trace.is_some_and(|trace| trace.there.landed.is_some_and(|(port, _)| port == to.port))
}

fn check_all(what: &str, topology: &Topology, sent: Sent) -> (u64, usize) {
    let snapshot = snapshot(topology);
    let pairs = snapshot.pairs(sent);
    let mut tracer = Tracer::new(&snapshot);
    let workloads = workloads(topology);
    let mut count = 0;
    for from in &workloads {
        for to in &workloads {
            let expected = from.id != to.id && traced(&mut tracer, sent, from, to);
            count += u64::from(expected);
            assert_eq!(pairs.reaches(from.id, to.id), expected, "{what} {sent:?}: {from:?} to {to:?}");
        }
    }
    check_itself(&pairs, count);
    (count, workloads.len() * workloads.len())
}

fn check_itself(pairs: &Pairs, count: u64) {
    assert_eq!(pairs.count(), count);
    assert_eq!(pairs.iter().count() as u64, count);
    assert!(pairs.iter().all(|(from, to)| pairs.reaches(from, to)));
}

fn tcp(source_port: u16, destination_port: u16) -> Sent {
    Sent { protocol: Protocol::TCP, source_port, destination_port }
}

#[test]
fn all_pairs_of_random_networks_are_as_traces_say() {
    let seeds = match number("BRUME_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BRUME_TOPOLOGIES").unwrap_or(150),
    };
    let (mut reached, mut all) = (0, 0);
    for seed in seeds {
        let mut random = Random::new(seed);
        let topology = match seed % 4 {
            0 => Topology::plain(&mut random),
            1 | 2 => Topology::crowded(20..=40, &mut random),
            _ => Topology::random(&mut random),
        };
        let ports = [22, 53, 80, 1024, 40_000, 65_535];
        for _ in 0..4 {
            let protocol = random.pick(&[
                Protocol::TCP,
                Protocol::TCP,
                Protocol::UDP,
                Protocol::ICMP,
                Protocol(47),
                Protocol::ICMPV6,
            ]);
            let sent =
                Sent { protocol, source_port: random.pick(&ports), destination_port: random.pick(&ports) };
            let (count, of) = check_all(&format!("seed {seed}"), &topology, sent);
            reached += count;
            all += of;
        }
    }
    println!("{reached} of {all} pairs reach");
    assert!(number("BRUME_SEED").is_some() || reached > 300, "{reached}");
}

#[test]
fn all_pairs_of_a_small_estate_are_as_traces_say() {
    for seed in 0..2 {
        let topology = estate(seed, 200);
        for port in if seed == 0 { [22, WEB_PORT] } else { [8080, DB_PORT] } {
            let (count, all) = check_all(&format!("seed {seed}"), &topology, tcp(40_000, port));
            println!("{count} of {all} pairs reach port {port}");
            assert!(count > 0);
        }
    }
}

#[test]
fn pairs_of_an_estate_of_a_thousand_are_as_traces_say() {
    let topology = estate(7, 1_000);
    let snapshot = snapshot(&topology);
    let workloads = workloads(&topology);
    assert_eq!(workloads.len(), 1_000);
    let mut random = Random::new(7);
    let mut reached = 0;
    for port in [WEB_PORT, DB_PORT] {
        let sent = tcp(40_000, port);
        let pairs = snapshot.pairs(sent);
        let mut tracer = Tracer::new(&snapshot);
        for _ in 0..10_000 {
            let (from, to) = (random.pick(&workloads), random.pick(&workloads));
            let expected = from.id != to.id && traced(&mut tracer, sent, from, to);
            reached += usize::from(expected);
            assert_eq!(pairs.reaches(from.id, to.id), expected, "{from:?} to {to:?}");
        }
        // Most pairs do not reach, and those that do are few by chance.
        let every = (pairs.count() / 2_000).max(1) as usize;
        for (from, to) in pairs.iter().step_by(every) {
            let [from, to] = [from, to].map(|id| snapshot.interface_by_id(id).unwrap());
            assert!(traced(&mut tracer, sent, from, to), "{from:?} to {to:?}");
        }
        check_itself(&pairs, pairs.count());
    }
    println!("{reached} of 20000 reach");
    assert!(reached > 100, "{reached}");
}

#[test]
fn all_pairs_of_a_small_estate_are_as_datalog_says() {
    let topology = estate(3, 120);
    let snapshot = snapshot(&topology);
    let workloads = workloads(&topology);
    for port in [22, WEB_PORT, 8080, DB_PORT] {
        let pairs = snapshot.pairs(tcp(40_000, port));
        let mut reach = datalog::facts(&topology, 40_000, port);
        reach.run();
        let mut told = reach.reaches.clone();
        let mut held: Vec<_> = Vec::new();
        for (i, from) in (0_u32..).zip(&workloads) {
            let to = (0_u32..).zip(&workloads).filter(|(_, to)| pairs.reaches(from.id, to.id));
            held.extend(to.map(|(j, _)| (i, j)));
        }
        told.sort_unstable();
        assert_eq!(told, held, "port {port}");
        assert!(!held.is_empty());
    }
}
