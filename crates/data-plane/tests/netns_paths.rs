//! What paths with conditions do to packets between guests, and between guests and hosts of the internet.
#![allow(clippy::unwrap_used)]

mod lab;

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use lab::gateways::*;
use lab::*;
use vpc_model::{Condition, Delta, Direction, Path, PathEnds, PathId};

/// What a machine with other things to do may add to a time.
const SLACK: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

fn path(ends: PathEnds, latency: &str, loss: &str, bandwidth: &str) -> Path {
    let condition = Condition {
        latency: latency.parse().unwrap(),
        loss: loss.parse().unwrap(),
        bandwidth: bandwidth.parse().unwrap(),
    };
    Path { id: PathId::of_name("a path"), ends, condition }
}

fn between_zones(latency: &str, loss: &str, bandwidth: &str) -> Path {
    let zones = |zone: &str| vec![zone.parse().unwrap()];
    path(PathEnds::Zones(zones("us-east-1a"), zones("us-east-1b")), latency, loss, bandwidth)
}

fn clear(lab: &Lab) {
    lab.plane().apply(&[Delta::Remove(PathId::of_name("a path").into())]);
}

/// How long something takes that must succeed.
fn time(what: impl FnOnce() -> bool) -> Duration {
    let start = Instant::now();
    assert!(what(), "it does not get through");
    start.elapsed()
}

fn dropped(lab: &Lab, reason: &str) -> u64 {
    let drops = lab.plane().drops();
    drops.iter().filter(|drop| drop.last.name() == reason).map(|drop| drop.count).sum()
}

#[test]
fn a_zone_pair_has_its_latency_and_loss_until_they_are_cleared() {
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let (b, y, x) = (network.guest(&lab, "b"), network.guest(&lab, "y"), network.guest(&lab, "x"));
        let listener = y.listen(22);
        let mut connection = Connection::open(&b, (y.address, 22), &listener);
        connection.must_be_carried(&lab);
        assert!(b.ping(x.address, 9, PATIENCE));

        // A connection that was carried past the slow path is late at once, and so is a new one, whichever end opens it.
        lab.plane().apply(&[between_zones("20ms", "0%", "unlimited").into()]);
        for _ in 0..5 {
            let round_trip = time(|| connection.passes(PATIENCE));
            assert!(round_trip >= 40 * MS && round_trip < 40 * MS + SLACK, "{round_trip:?}");
        }
        for (one, other) in [(&b, &y), (&y, &b)] {
            let round_trip = time(|| one.ping(other.address, 1, PATIENCE));
            assert!(round_trip >= 40 * MS && round_trip < 40 * MS + SLACK, "{round_trip:?}");
        }
        let opening = time(|| {
            let mut fresh = Connection::open(&b, (y.address, 22), &listener);
            fresh.passes(PATIENCE)
        });
        assert!(opening >= 80 * MS, "a round trip before the first word: {opening:?}");
        // Nothing else is late.
        let elsewhere = (0..10).map(|id| time(|| b.ping(x.address, 20 + id, PATIENCE))).min().unwrap();
        assert!(elsewhere < 20 * MS, "{elsewhere:?}");

        // All is lost, and counted, and logged as what it is: sent, and not received.
        let interfaces = ["b", "y"].map(|name| network.interface(name));
        lab.plane().set_logged(interfaces.map(|interface| (interface.port, interface.id)));
        lab.plane().take_logged();
        lab.plane().apply(&[between_zones("20ms", "100%", "unlimited").into()]);
        for id in 40..43 {
            assert!(!b.ping(y.address, id, SILENCE));
        }
        assert!(dropped(&lab, "PathLoss") >= 3, "{:?}", lab.plane().drops());
        let logged = lab.plane().take_logged();
        let counted = |index: usize, direction| {
            let of_interface = logged.flows.iter().filter(|(flow, _)| flow.interface == interfaces[index].id);
            of_interface.filter(|(flow, _)| flow.direction == direction).count()
        };
        assert!(counted(0, Direction::Egress) > 0, "{:?}", logged.flows);
        assert_eq!(counted(1, Direction::Ingress), 0, "{:?}", logged.flows);

        clear(&lab);
        assert!(connection.passes(PATIENCE));
        connection.must_be_carried(&lab);
        assert!(time(|| b.ping(y.address, 50, PATIENCE)) < SLACK);
        lab.finish();
    });
}

#[test]
fn a_host_of_the_internet_is_as_far_away_as_it_is_said_to_be() {
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let (a, b, host) = (network.guest(&lab, "a"), network.guest(&lab, "b"), host(&lab));
        let workstation = workstation(&lab);
        let listener = host.listen(80);
        let mut direct = Connection::open(&a, (HOST, 80), &listener);
        let mut translated = Connection::open(&b, (HOST, 80), &listener);
        direct.must_be_carried(&lab);
        translated.must_be_carried(&lab);
        lab.plane()
            .apply(&[path(PathEnds::InternetHost(vec![HOST, HOST_IPV6]), "30ms", "0%", "unlimited").into()]);
        for connection in [&mut direct, &mut translated] {
            let round_trip = time(|| connection.passes(PATIENCE));
            assert!(round_trip >= 60 * MS && round_trip < 60 * MS + SLACK, "{round_trip:?}");
        }
        for (id, (from, to)) in [(&a, HOST), (&workstation, HOST), (&host, PUBLIC)].into_iter().enumerate() {
            let round_trip = time(|| from.ping(to, id as u16, PATIENCE));
            assert!(round_trip >= 60 * MS && round_trip < 60 * MS + SLACK, "{round_trip:?}");
        }
        let elsewhere = (0..10).map(|id| time(|| workstation.ping(PUBLIC, 20 + id, PATIENCE))).min().unwrap();
        assert!(elsewhere < 60 * MS, "{elsewhere:?}");
        clear(&lab);
        direct.must_be_carried(&lab);
        translated.must_be_carried(&lab);
        lab.finish();
    });
}

#[test]
fn no_more_passes_than_the_bandwidth() {
    const BYTES_PER_SEC: f64 = 1e6;
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let (b, y) = (network.guest(&lab, "b"), network.guest(&lab, "y"));
        let listener = y.listen(22);
        let mut connection = Connection::open(&b, (y.address, 22), &listener);
        connection.must_be_carried(&lab);
        lab.plane().apply(&[between_zones("0ms", "0%", "8mbit").into()]);
        let mut sender = connection.near.try_clone().unwrap();
        sender.set_write_timeout(Some(PATIENCE)).unwrap();
        let start = Instant::now();
        let sending = std::thread::spawn(move || {
            let block = vec![7; 64 << 10];
            while start.elapsed() < Duration::from_millis(1500) {
                sender.write_all(&block).unwrap();
            }
        });
        let (mut received, mut buffer) = (0, vec![0; 64 << 10]);
        while start.elapsed() < Duration::from_millis(1500) {
            received += connection.far.read(&mut buffer).unwrap();
            let possible = start.elapsed().as_secs_f64() * BYTES_PER_SEC;
            assert!((received as f64) < possible, "{received} of {possible} bytes");
        }
        assert!(received as f64 > 0.4 * BYTES_PER_SEC, "{received} bytes in 1.5 s");
        clear(&lab);
        // All that was sent comes, whatever was dropped meanwhile.
        let draining = std::thread::spawn(move || {
            let mut far = connection.far;
            far.set_read_timeout(Some(PATIENCE)).unwrap();
            while far.read(&mut buffer).is_ok_and(|length| length > 0) {}
        });
        sending.join().unwrap();
        drop(connection.near);
        draining.join().unwrap();

        // What comes on top of what may wait is dropped. The other direction has its own turn.
        lab.plane().apply(&[between_zones("0ms", "0%", "8mbit").into()]);
        let (flooding, flooded) = (b.udp(5000), y.udp(5000));
        for _ in 0..500 {
            flooding.send_to(&[7; 1000], (y.address, 5000)).unwrap();
        }
        flooded.send_to(b"back", (b.address, 5000)).unwrap();
        let answered = time(|| flooding.recv(&mut [0; 10]).is_ok_and(|length| length == 4));
        assert!(answered < 150 * MS, "it has waited for the other direction: {answered:?}");
        wait_until("what does not fit is dropped", || dropped(&lab, "PathQueueFull") > 200);
        let mut arrived = 0;
        flooded.set_read_timeout(Some(SILENCE)).unwrap();
        while flooded.recv(&mut [0; 2000]).is_ok() {
            arrived += 1;
        }
        assert!((150..260).contains(&arrived), "{arrived} of those that may wait");
        lab.finish();
    });
}

#[test]
fn what_is_under_way_by_rules_that_are_revoked_does_not_arrive() {
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let (b, y) = (network.guest(&lab, "b"), network.guest(&lab, "y"));
        let (near, far) = (b.udp(5000), y.udp(5000));
        lab.plane().apply(&[between_zones("300ms", "0%", "unlimited").into()]);
        let arrives = |before: &dyn Fn()| {
            let decided = lab.plane().counters().frames_decided;
            near.send_to(b"word", (y.address, 5000)).unwrap();
            wait_until("it is under way", || lab.plane().counters().frames_decided > decided);
            before();
            far.set_read_timeout(Some(SILENCE.max(600 * MS))).unwrap();
            far.recv(&mut [0; 10]).is_ok()
        };
        assert!(arrives(&|| {}));
        // Another condition revokes nothing.
        assert!(arrives(&|| lab.plane().apply(&[between_zones("200ms", "0%", "unlimited").into()])));
        lab.plane().apply(&[between_zones("300ms", "0%", "unlimited").into()]);
        let before = dropped(&lab, "RulesChanged");
        let interface = network.interface("y");
        let closed = vpc_model::Interface { security_groups: Vec::new(), ..interface.clone() };
        assert!(
            !arrives(&|| lab.plane().apply(&[closed.clone().into()])),
            "it was let pass by a rule that is gone"
        );
        assert!(dropped(&lab, "RulesChanged") > before, "{:?}", lab.plane().drops());
        lab.finish();
    });
}
