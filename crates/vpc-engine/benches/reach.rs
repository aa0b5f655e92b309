//! How long reachability takes on networks as companies have them, and how that grows.
//!
//! `cargo bench -p vpc-engine --bench reach` prints one table: networks of [`vpc_engine::testing::estate`] with 1,000, 10,000
//! and 100,000 workloads; and all pairs of 1,000 for one port by the engine, by a trace of each pair, and in Datalog, by
//! turns in one run, with their ratios. The three must agree on every pair.
//! `-- --sizes=1000,10000` measures those, `-- --rounds=N` repeats what is for all pairs so often (3 unless told), and
//! `-- --pairs-max=N` finds all pairs of larger networks too (10,000 unless told).
//!
//! Memory is what the allocator was asked for and did not get back while a network was compiled, its objects included.
#![allow(unsafe_code, reason = "an allocator that counts")]

#[path = "../tests/datalog/mod.rs"]
mod datalog;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_types::{NetworkInterfaceId, ResourceId, SecurityGroupRuleId};
use vpc_engine::reach::{Pairs, Question, Sent, Tracer, repair};
use vpc_engine::testing::{DB_PORT, Random, Topology, WEB_PORT, estate};
use vpc_engine::{Endpoint, Snapshot};
use vpc_model::{
    Delta, Direction, Interface, InterfaceRole, Peer, Port, PortRange, Protocol, Route, RouteTarget,
    SecurityGroupRule, Traffic,
};

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
const QUESTIONS: usize = 2_000;
const CHANGES: usize = 200;
const CLIENT_PORT: u16 = 40_000;
/// Of the pairs that are traced one by one, every so many.
const PAIRS_STEP: usize = 10;

struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on as it is to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's layout is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: it was allocated by the system's allocator with this layout.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Times of the same thing, ascending.
struct Times(Vec<Duration>);

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    fn at(&self, percent: usize) -> Duration {
        self.0[(self.0.len() - 1) * percent / 100]
    }

    fn median(&self) -> Duration {
        self.at(50)
    }
}

fn micros(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begin = Instant::now();
    let done = work();
    (begin.elapsed(), done)
}

fn row(name: &str, what: &str) {
    println!("  {name:<58} {what}");
}

fn workloads(topology: &Topology) -> Vec<&Interface> {
    topology.interfaces.iter().filter(|held| held.role == InterfaceRole::Workload).collect()
}

fn question(from: &Interface, to: &Interface, port: u16) -> Question {
    Question {
        from: from.port,
        source: Endpoint { address: from.ipv4.into(), port: CLIENT_PORT },
        destination: Endpoint { address: to.ipv4.into(), port },
        protocol: Protocol::TCP,
    }
}

/// Questions about pairs: near each other in the order of workloads, of one VPC mostly, or anywhere.
fn questions(workloads: &[&Interface], random: &mut Random) -> Vec<Question> {
    let count = workloads.len();
    let pair = |random: &mut Random| {
        let from = random.below(count);
        let within = match random.below(4) {
            0 => 24,
            1 => 500,
            _ => count,
        };
        let to = (from + 1 + random.below(within.min(count) - 1)) % count;
        let port = random.pick(&[22, WEB_PORT, 8080, DB_PORT]);
        question(workloads[from], workloads[to], port)
    };
    std::iter::repeat_with(|| pair(random)).take(QUESTIONS).collect()
}

/// A trace of each question, and what would have to change for it.
fn measure_questions(snapshot: &Snapshot, questions: &[Question]) {
    let mut tracer = Tracer::new(snapshot);
    let mut open = 0;
    let (mut traces, mut reaching, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    let mut whole = 0;
    // The first time is to warm up.
    for is_counted in [false, true] {
        for &question in questions {
            let (time, trace) = timed(|| tracer.trace(question).expect("the port is there"));
            let (rest, repair) = timed(|| repair(snapshot, question).expect("the port is there"));
            if is_counted {
                traces.push(time);
                open += usize::from(trace.reaches());
                whole += usize::from(repair.is_whole());
                if trace.reaches() { &mut reaching } else { &mut refused }.push(time + rest);
            }
        }
    }
    let of = |times: Vec<Duration>| {
        let times = Times::of(times);
        format!(
            "p50 {}, p99 {}, most {}",
            micros(times.median()),
            micros(times.at(99)),
            micros(times.at(100))
        )
    };
    row("a trace", &of(traces));
    row(&format!("with what to change, where it reaches ({open})"), &of(reaching.clone()));
    row(
        &format!("the same, where it is refused ({}, {whole} whole)", questions.len() - open),
        &of(refused.clone()),
    );
    row("the same, all", &of(reaching.into_iter().chain(refused).collect()));
}

/// One change after the other, each followed by a question.
fn measure_changes(
    name: &str,
    snapshot: &Snapshot,
    questions: &[Question],
    mut change: impl FnMut(usize) -> Delta,
) {
    let mut current = snapshot.clone();
    let (mut applied, mut both, mut stale) = (Vec::new(), Vec::new(), 0);
    for number in 0..CHANGES {
        let delta = [change(number)];
        let (time, next) = timed(|| current.apply(black_box(&delta)));
        let question = questions[number % questions.len()];
        let (asked, _) = timed(|| black_box(Tracer::new(&next.snapshot).trace(question)));
        stale += next.stale.len();
        // The old one is let go outside of the time.
        current = next.snapshot;
        applied.push(time);
        both.push(time + asked);
    }
    let (applied, both) = (Times::of(applied), Times::of(both));
    row(
        name,
        &format!(
            "p50 {}, p99 {}; with a trace p50 {}; {} interfaces",
            micros(applied.median()),
            micros(applied.at(99)),
            micros(both.median()),
            stale / CHANGES
        ),
    );
}

fn measure_all_changes(topology: &Topology, snapshot: &Snapshot, questions: &[Question]) {
    let mut random = Random::new(11);
    let rule = |number: usize| SecurityGroupRule {
        id: SecurityGroupRuleId::from_bits((1 << 50) + number as u128),
        direction: Direction::Ingress,
        traffic: Traffic::Tcp(PortRange::one(7_000 + number as u16)),
        peer: Peer::Cidr("10.3.0.0/16".parse().expect("a block")),
    };
    let has_many = |id| {
        let carry = topology.interfaces.iter().filter(|held| held.security_groups.contains(&id));
        carry.take(100).count() == 100
    };
    // Those of a VPC come first among its groups; the applications' follow.
    let own: Vec<usize> = (0..topology.security_groups.len())
        .filter(|&index| {
            index == 0 || topology.security_groups[index].vpc != topology.security_groups[index - 1].vpc
        })
        .collect();
    assert!(has_many(topology.security_groups[own[1]].id));
    let mut groups = topology.security_groups.clone();
    let count = groups.len();
    let mut authorize = |index: usize, number| -> Delta {
        groups[index].rules.push(rule(number));
        groups[index].clone().into()
    };
    measure_changes("a rule of a tier's group", snapshot, questions, |number| {
        let index = std::iter::repeat_with(|| random.below(count)).find(|index| !own.contains(index));
        authorize(index.expect("there are others"), number)
    });
    measure_changes("a rule of a VPC's group", snapshot, questions, |number| {
        authorize(own[number % own.len()], number)
    });
    let mut tables = topology.route_tables.clone();
    measure_changes("a route", snapshot, questions, |number| {
        let index = random.below(tables.len());
        let block = format!("172.31.{}.0/24", number % 256).parse().expect("a block");
        tables[index].routes.push(Route::fixed(block, RouteTarget::Blackhole));
        tables[index].clone().into()
    });
    let all = workloads(topology);
    let next = topology.interfaces.iter().map(|held| held.port.number()).max().unwrap_or_default() + 1;
    measure_changes("an interface", snapshot, questions, |number| {
        let like = all[random.below(all.len())];
        let mut new = Interface::clone(like);
        new.id = NetworkInterfaceId::from_bits((1 << 50) + number as u128);
        new.port = Port::new(next + number as u32).expect("few enough");
        new.mac = aws_types::MacAddress::local((1 << 32) + number as u64);
        new.public_ipv4.clear();
        // Free addresses of the subnet.
        new.ipv4 = std::net::Ipv4Addr::from_bits((like.ipv4.to_bits() & !0xfff) + 3_000 + number as u32);
        new.into()
    });
}

fn sent(port: u16) -> Sent {
    Sent { protocol: Protocol::TCP, source_port: CLIENT_PORT, destination_port: port }
}

fn measure_pairs(snapshot: &Snapshot, rounds: usize) {
    for port in [WEB_PORT, DB_PORT] {
        let mut times = Vec::new();
        let mut found = None;
        let before = ALLOCATED.load(Ordering::Relaxed);
        for _ in 0..rounds {
            found = None;
            let (time, pairs) = timed(|| snapshot.pairs(sent(port)));
            times.push(time);
            found.get_or_insert(pairs);
        }
        let bytes = ALLOCATED.load(Ordering::Relaxed) - before;
        let Some(pairs) = found else { continue };
        let count = pairs.interfaces().len() as u64;
        let times = Times::of(times);
        row(
            &format!("all pairs, tcp {port}"),
            &format!(
                "{:.3} s ({:.3} to {:.3}); {} of {} reach, {} different rows, {:.1} MiB",
                times.median().as_secs_f64(),
                times.at(0).as_secs_f64(),
                times.at(100).as_secs_f64(),
                pairs.count(),
                count * count,
                pairs.distinct(),
                bytes as f64 / (1 << 20) as f64
            ),
        );
    }
}

fn measure(size: usize, options: &Options) {
    let topology = estate(7, size);
    println!(
        "\n{size} workloads: {} VPCs, {} subnets, {} groups with {} rules, {} peerings, {} transit gateways",
        topology.vpcs.len(),
        topology.subnets.len(),
        topology.security_groups.len(),
        topology.security_groups.iter().map(|group| group.rules.len()).sum::<usize>(),
        topology.peerings.len(),
        topology.transit_gateways.len()
    );
    let before = ALLOCATED.load(Ordering::Relaxed);
    let (time, snapshot) = {
        let deltas = topology.deltas();
        let base = Snapshot::new();
        timed(|| base.apply(&deltas).snapshot)
    };
    let bytes = ALLOCATED.load(Ordering::Relaxed) - before;
    row("compiled at once", &format!("{:.0} ms", time.as_secs_f64() * 1e3));
    row("memory, all objects included", &format!("{} bytes an interface", bytes / size));
    let questions = questions(&workloads(&topology), &mut Random::new(5));
    measure_questions(&snapshot, &questions);
    measure_all_changes(&topology, &snapshot, &questions);
    if size <= options.pairs_max {
        measure_pairs(&snapshot, options.rounds);
    }
}

/// All pairs by the engine, by a trace of each, and in Datalog.
fn compare(size: usize, rounds: usize) {
    let topology = estate(7, size);
    let snapshot = Snapshot::new().apply(&topology.deltas()).snapshot;
    let all = workloads(&topology);
    println!("\n{size} workloads, all pairs by turns, tcp {DB_PORT}:");
    let (mut engine, mut traced, mut datalog) = (Vec::new(), Vec::new(), Vec::new());
    let (mut of_traces, mut of_datalog) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (time, pairs) = timed(|| snapshot.pairs(sent(DB_PORT)));
        engine.push(time);
        let mut tracer = Tracer::new(&snapshot);
        let (one, ()) = timed(|| {
            for number in (0..all.len() * all.len()).step_by(PAIRS_STEP) {
                let (from, to) = (all[number / all.len()], all[number % all.len()]);
                let trace = tracer.trace(question(from, to, DB_PORT)).expect("the port is there");
                assert_eq!(pairs.reaches(from.id, to.id), trace.reaches(), "{from:?} {to:?}");
            }
        });
        traced.push(one * PAIRS_STEP as u32);
        // Only what follows from the facts is timed, not their making.
        let mut reach = datalog::facts(&topology, CLIENT_PORT, DB_PORT);
        let (two, ()) = timed(|| reach.run());
        datalog.push(two);
        agree(&pairs, &all, &reach);
        of_traces.push(one.as_secs_f64() * PAIRS_STEP as f64 / time.as_secs_f64());
        of_datalog.push(two.as_secs_f64() / time.as_secs_f64());
    }
    let middle = |mut ratios: Vec<f64>| {
        ratios.sort_unstable_by(f64::total_cmp);
        (ratios[ratios.len() / 2], ratios[0], ratios[ratios.len() - 1])
    };
    let seconds = |times: Vec<Duration>| format!("{:.4} s", Times::of(times).median().as_secs_f64());
    row("the engine", &seconds(engine));
    let (ratio, least, most) = middle(of_traces);
    row(
        &format!("a trace of each pair (every {PAIRS_STEP}th is made)"),
        &format!("{}, {ratio:.0} times as long ({least:.0} to {most:.0})", seconds(traced)),
    );
    let (ratio, least, most) = middle(of_datalog);
    row(
        "Datalog (ascent)",
        &format!("{}, {ratio:.0} times as long ({least:.0} to {most:.0})", seconds(datalog)),
    );
    row("they agree", "on every pair");
}

fn agree(pairs: &Pairs, all: &[&Interface], reach: &datalog::Reach) {
    let mut count = 0;
    for &(from, to) in &reach.reaches {
        let (from, to) = (all[from as usize], all[to as usize]);
        assert!(pairs.reaches(from.id, to.id), "Datalog alone has {from:?} reach {to:?}");
        count += 1;
    }
    assert_eq!(pairs.count(), count, "pairs that Datalog does not have");
}

struct Options {
    sizes: Vec<usize>,
    rounds: usize,
    pairs_max: usize,
}

fn main() {
    let value =
        |name: &str| std::env::args().find_map(|argument| Some(argument.strip_prefix(name)?.to_owned()));
    let number = |name: &str| value(name).map(|text| text.parse::<usize>().expect("a number"));
    let sizes = value("--sizes=");
    let sizes = sizes.map(|text| text.split(',').map(|size| size.parse().expect("a number")).collect());
    let options = Options {
        sizes: sizes.unwrap_or_else(|| SIZES.to_vec()),
        rounds: number("--rounds=").unwrap_or(3),
        pairs_max: number("--pairs-max=").unwrap_or(10_000),
    };
    for &size in &options.sizes {
        measure(size, &options);
    }
    compare(1_000, options.rounds);
}
