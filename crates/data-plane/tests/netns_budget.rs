//! One interface that floods with new flows, and another that connects: the budget of the one keeps room for the other.
#![allow(clippy::unwrap_used)]

mod lab;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use data_plane::{Mode, SlowPathBudget};
use lab::*;
use vpc_model::{Delta, Direction, Traffic};

const BUDGET: u16 = 9;
/// Threads that flood.
const FLOODERS: u8 = 4;
/// How long connections are made for, in each state of the network.
const MEASURED: Duration = Duration::from_secs(2);
/// How long one may take: longer than the first retransmission of a SYN, shorter than the second.
const CONNECT_PATIENCE: Duration = Duration::from_millis(2500);

/// Connections that were made one after the other, and that were not.
#[derive(Debug, Default)]
struct Made {
    connections: usize,
    failed: usize,
    /// Median and worst time, milliseconds.
    median_ms: f64,
    worst_ms: f64,
}

fn connect_for(client: &Guest, to: SocketAddr) -> Made {
    let (start, mut made, mut times) = (Instant::now(), Made::default(), Vec::new());
    while start.elapsed() < MEASURED {
        let began = Instant::now();
        match client.connect(to, CONNECT_PATIENCE) {
            Some(_) => times.push(began.elapsed().as_secs_f64() * 1000.0),
            None => made.failed += 1,
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    times.sort_by(f64::total_cmp);
    made.connections = times.len();
    made.median_ms = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
    made.worst_ms = times.last().copied().unwrap_or(f64::NAN);
    made
}

/// Datagrams to ever other addresses and ports, none of which has been seen before, until it is over.
fn flood(guest: &Guest, flooder: u8, is_over: &AtomicBool, sent: &AtomicU64) {
    let socket = guest.namespace.run(|| UdpSocket::bind((guest.address, 0)).unwrap()).unwrap();
    let mut number = 0_u32;
    while !is_over.load(Ordering::Relaxed) {
        for _ in 0..64 {
            number = number.wrapping_add(1);
            let address = Ipv4Addr::new(10, 0, 2, 20 + flooder * 50 + (number >> 16) as u8 % 50);
            // What the queue of the device has no room for is not sent.
            if socket.send_to(b"flood", (IpAddr::V4(address), 1 + number as u16 % 65_000)).is_ok() {
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[test]
fn an_interface_that_floods_does_not_keep_others_from_connecting() {
    in_both_modes(|lab| {
        if lab.plane().mode() != Mode::FlowCache {
            return lab.finish();
        }
        let groups = [rule(Direction::Egress, Traffic::All, "0.0.0.0/0"), tcp_in(80, "0.0.0.0/0")];
        let [flooder, client, server] = [(1, 1, "10.0.1.10"), (2, 1, "10.0.1.11"), (3, 2, "10.0.2.10")]
            .map(|(number, subnet, address)| interface(number, 1, subnet, address, &[1]));
        let mut deltas: Vec<Delta> = vpc(1, "10.0.0.0/16");
        deltas.extend([subnet(1, 1, "10.0.1.0/24"), subnet(2, 1, "10.0.2.0/24"), group(1, 1, &groups)]);
        deltas.extend([&flooder, &client, &server].map(|interface| interface.clone().into()));
        lab.plane().apply(&deltas);
        let [flooder, client, server] = [&flooder, &client, &server].map(|it| lab.guest(it, 24));
        let listener = server.listen(80);
        let to = SocketAddr::new(server.address, 80);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    if listener.accept().is_err() {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
            });
            let quiet = connect_for(&client, to);
            let measured_under = |budget: SlowPathBudget| {
                lab.plane().set_slow_path_budget(budget);
                let (ends, sent, decided) =
                    (AtomicBool::new(false), AtomicU64::new(0), lab.plane().counters().frames_decided);
                let start = Instant::now();
                let made = std::thread::scope(|flooding| {
                    let (flooder, ends, sent) = (&flooder, &ends, &sent);
                    for number in 0..FLOODERS {
                        flooding.spawn(move || flood(flooder, number, ends, sent));
                    }
                    std::thread::sleep(Duration::from_millis(300));
                    let made = connect_for(&client, to);
                    ends.store(true, Ordering::Relaxed);
                    made
                });
                let secs = start.elapsed().as_secs_f64();
                let rate = |count: u64| (count as f64 / secs) as u64;
                let came = lab.plane().counters().frames_decided - decided;
                let (sent, came) = (rate(sent.load(Ordering::Relaxed)), rate(came));
                eprintln!("  {made:?}; {sent} datagrams/s sent, {came} frames/s came to the slow path");
                made
            };
            let none = SlowPathBudget { frames_per_sec: u32::MAX, burst_frames: u32::MAX };
            eprintln!("quiet:\n  {quiet:?}\nflooded, without a budget:");
            let without = measured_under(none);
            let of_budget = |number| {
                let drops = lab.plane().drops();
                let is_it =
                    |drop: &&data_plane::DropCount| drop.port == port(number) && drop.last.code() == BUDGET;
                drops.iter().find(is_it).map_or(0, |drop| drop.count)
            };
            assert_eq!(of_budget(1), 0);
            eprintln!("flooded, with the budget:");
            let with = measured_under(SlowPathBudget { burst_frames: 1000, ..SlowPathBudget::default() });
            is_over.store(true, Ordering::Relaxed);
            let ratio = with.connections as f64 / without.connections.max(1) as f64;
            eprintln!("{ratio:.2} times the connections with the budget as without");
            assert_eq!((quiet.failed, with.failed), (0, 0), "{quiet:?} {with:?}");
            assert!(of_budget(1) > 1000, "the flood is over its budget: {:?}", lab.plane().drops());
            assert_eq!((of_budget(2), of_budget(3)), (0, 0), "nobody else is");
            assert!(
                with.connections * 4 > quiet.connections,
                "connections go on: {quiet:?} {without:?} {with:?}"
            );
        });
        lab.finish();
    });
}

#[test]
fn what_the_cache_carries_is_not_in_the_budget() {
    in_both_modes(|lab| {
        let [one, two] = pair(&lab, &[out()], &[tcp_in(80, "0.0.0.0/0")]);
        let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
        let listener = two.listen(80);
        let mut client = one.connect((two.address, 80), PATIENCE).unwrap();
        let (mut server, _) = accept(&listener);
        assert!(passes(&mut client, &mut server, PATIENCE));
        lab.plane().set_slow_path_budget(SlowPathBudget { frames_per_sec: 0, burst_frames: 0 });
        for _ in 0..50 {
            assert!(passes(&mut client, &mut server, PATIENCE) && passes(&mut server, &mut client, PATIENCE));
        }
        let is_new_one_made =
            one.connect((two.address, 81), SILENCE).is_some() || one.ping(two.address, 4, SILENCE);
        assert!(!is_new_one_made);
        let dropped = lab.plane().drops().iter().any(|drop| drop.last.code() == BUDGET);
        assert_eq!(
            dropped,
            lab.plane().mode() == Mode::FlowCache,
            "without a cache everything comes to the slow path"
        );
        lab.finish();
    });
}

#[test]
fn frames_that_the_queue_has_no_room_for_are_counted() {
    in_both_modes(|mut lab| {
        let [one, two] = pair(&lab, &anything(), &anything());
        let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
        let sender = one.udp(0);
        sender.send_to(b"first", (two.address, 53)).unwrap();
        wait_until("the router is known", || lab.plane().counters().frames_decided > 2);
        assert_eq!(lab.plane().counters().frames_lost, 0);
        // Before the first intent is known, frames wait.
        lab.restart();
        for _ in 0..20_000 {
            let _ = sender.send_to(&[0; 8000], (two.address, 54));
        }
        wait_until("losses are counted", || lab.plane().counters().frames_lost > 0);
        let lost = lab.plane().counters().frames_lost;
        assert_eq!(lab.plane().counters().frames_lost, lost, "they are counted once");
        lab.finish();
    });
}
