//! New connections that the flow cache lets in by itself, being like one decided before: that they are let in, tracked, and
//! judged like all others.
#![allow(clippy::unwrap_used)]

mod lab;

use std::net::{TcpListener, TcpStream};

use data_plane::ModeChoice;
use lab::*;
use vpc_model::{AclAction, Delta, Direction, Interface, PortRange, Traffic};

/// A connection and its other end.
type Ends = (TcpStream, TcpStream);

/// A connection to port 80 of another guest.
fn open(one: &Guest, two: &Guest, listener: &TcpListener) -> Ends {
    let client = one.connect((two.address, 80), PATIENCE).expect("port 80 is open");
    (client, accept(listener).0)
}

fn works((client, server): &mut Ends) -> bool {
    passes(client, server, PATIENCE) && passes(server, client, PATIENCE)
}

/// Two guests of which the second listens on port 80, and two connections that the slow path has decided about.
fn acquainted(lab: &Lab) -> (Guest, Guest, TcpListener, [Ends; 2]) {
    let [one, two] = pair(lab, &[out()], &[tcp_in(80, "10.0.0.0/16")]);
    let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
    let listener = two.listen(80);
    let first = [(); 2].map(|()| open(&one, &two, &listener));
    (one, two, listener, first)
}

#[test]
fn the_third_connection_costs_no_upcall_and_is_tracked() {
    in_both_modes(|lab| {
        let (one, two, listener, mut first) = acquainted(&lab);
        assert!(first.iter_mut().all(works));
        let before = lab.plane().counters();
        let mut more: Vec<Ends> = (0..50).map(|_| open(&one, &two, &listener)).collect();
        assert!(more.iter_mut().all(works));
        let after = lab.plane().counters();
        match lab.choice {
            ModeChoice::Auto => {
                assert_eq!(after.connections_admitted - before.connections_admitted, 50, "{after:?}");
                let came_up = after.frames_decided - before.frames_decided;
                assert!(came_up < 20, "{came_up} frames came up for fifty connections");
            }
            ModeChoice::SlowOnly => assert_eq!(after.connections_admitted, 0),
        }
        let flows = lab.plane().flows();
        assert_eq!(flows.len(), 2 * 52, "a record at each end of each connection");
        assert!(
            flows.iter().all(|flow| flow.state() == vpc_engine::flows::FlowState::Established),
            "{flows:?}"
        );
        // Each has sent a word and answered one, besides opening.
        assert!(flows.iter().all(|flow| flow.packets_sent >= 2 && flow.packets_received >= 2), "{flows:?}");
        lab.finish();
    });
}

#[test]
fn a_rule_that_goes_lets_nobody_else_in_and_cuts_nobody_off() {
    // Fact 22.
    in_both_modes(|lab| {
        let (one, two, listener, _first) = acquainted(&lab);
        let mut third = open(&one, &two, &listener);
        lab.plane().apply(&[group(2, 1, &[])]);
        assert!(one.connect((two.address, 80), SILENCE).is_none(), "the rule is gone");
        assert!(works(&mut third), "it is tracked");
        lab.plane().apply(&[group(2, 1, &[tcp_in(80, "10.0.0.0/16")])]);
        for _ in 0..3 {
            assert!(works(&mut open(&one, &two, &listener)));
        }
        lab.finish();
    });
}

#[test]
fn what_a_change_meets_in_flight_is_either_let_in_or_not() {
    in_both_modes(|lab| {
        let (one, two, listener, _first) = acquainted(&lab);
        let rules = [tcp_in(80, "10.0.0.0/16")];
        for round in 0..20 {
            let mut ends = std::thread::scope(|scope| {
                let changing = scope.spawn(|| lab.plane().apply(&[group(2, 1, &[])]));
                let ends =
                    one.connect((two.address, 80), SILENCE).map(|client| (client, accept(&listener).0));
                changing.join().unwrap();
                ends
            });
            // Whoever got in by the old rules is tracked, and stays.
            assert!(ends.iter_mut().all(works), "round {round}");
            assert!(one.connect((two.address, 80), SILENCE / 3).is_none(), "round {round}: the rule is gone");
            lab.plane().apply(&[group(2, 1, &rules)]);
            for _ in 0..2 {
                assert!(works(&mut open(&one, &two, &listener)), "round {round}");
            }
        }
        lab.finish();
    });
}

#[test]
fn an_admission_is_for_the_ports_that_replies_may_go_to() {
    // Fact 17: an ACL is stateless, so a reply needs an entry of its own.
    in_both_modes(|lab| {
        let (one, two, listener, first) = acquainted(&lab);
        drop(first);
        let denial = acl_entry(
            10,
            Direction::Ingress,
            Traffic::Tcp(PortRange::new(2000, 2999).unwrap()),
            "10.0.2.0/24",
            AclAction::Deny,
        );
        lab.plane().apply(&[open_acl(1, vec![denial]).into()]);
        for port in [3000, 3001, 3002, 1999, 1998] {
            assert!(one.connect_from(port, (two.address, 80), PATIENCE).is_some(), "port {port}");
            accept(&listener);
        }
        for port in [2000, 2500, 2999] {
            assert!(one.connect_from(port, (two.address, 80), SILENCE).is_none(), "port {port}");
        }
        assert!(one.connect_from(3003, (two.address, 80), PATIENCE).is_some());
        lab.finish();
    });
}

#[test]
fn the_limit_of_tracked_connections_is_kept() {
    // Fact 27.
    const LIMIT: u32 = 8;
    in_both_modes(|lab| {
        let interfaces = [interface(1, 1, 1, "10.0.1.10", &[1]), interface(2, 1, 2, "10.0.2.10", &[2])];
        let limited = Interface { tracking_limit: Some(LIMIT), ..interfaces[1].clone() };
        let mut deltas = vpc(1, "10.0.0.0/16");
        deltas.extend([subnet(1, 1, "10.0.1.0/24"), subnet(2, 1, "10.0.2.0/24")]);
        deltas.extend([group(1, 1, &[out()]), group(2, 1, &[tcp_in(80, "10.0.0.0/16")])]);
        deltas.extend([interfaces[0].clone().into(), Delta::from(limited)]);
        lab.plane().apply(&deltas);
        let (one, two) = (lab.guest(&interfaces[0], 24), lab.guest(&interfaces[1], 24));
        let listener = two.listen(80);
        let mut all: Vec<Ends> = (0..LIMIT).map(|_| open(&one, &two, &listener)).collect();
        assert!(one.connect((two.address, 80), SILENCE).is_none(), "one more than the limit");
        assert!(all.iter_mut().all(works), "old connections live");
        lab.finish();
    });
}

#[test]
fn connections_let_in_without_a_daemon_are_known_to_the_next() {
    in_both_modes(|mut lab| {
        if lab.choice == ModeChoice::SlowOnly {
            return lab.finish();
        }
        let (one, two, listener, mut first) = acquainted(&lab);
        for stays_allowed in [true, false] {
            lab.plane = None;
            let mut orphan = open(&one, &two, &listener);
            assert!(works(&mut orphan), "nobody has to be there");
            lab.restart();
            let rules = if stays_allowed { vec![tcp_in(80, "10.0.0.0/16")] } else { Vec::new() };
            let mut deltas = vpc(1, "10.0.0.0/16");
            deltas.extend([subnet(1, 1, "10.0.1.0/24"), subnet(2, 1, "10.0.2.0/24")]);
            deltas.extend([group(1, 1, &[out()]), group(2, 1, &rules)]);
            deltas.push(interface(1, 1, 1, "10.0.1.10", &[1]).into());
            deltas.push(interface(2, 1, 2, "10.0.2.10", &[2]).into());
            lab.plane().apply(&deltas);
            assert!(first.iter_mut().all(works));
            let (client, server) = &mut orphan;
            let within = if stays_allowed { PATIENCE } else { SILENCE };
            assert_eq!(passes(client, server, within), stays_allowed, "what no rule allows is not tracked");
            for _ in 0..2 {
                let again = one.connect((two.address, 80), if stays_allowed { PATIENCE } else { SILENCE });
                assert_eq!(again.is_some(), stays_allowed);
                if stays_allowed {
                    accept(&listener);
                }
            }
        }
        lab.finish();
    });
}
