//! New connections that the flow cache lets in by itself, being like one decided before: that they are let in, tracked, and
//! judged like all others.
#![allow(clippy::unwrap_used)]

mod lab;

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use data_plane::ModeChoice;
use lab::gateways::{Connection, HOST, NAT_PUBLIC, Network, PUBLIC, host};
use lab::*;
use vpc_engine::flows::FlowState;
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
        assert!(flows.iter().all(|flow| flow.state() == FlowState::Established), "{flows:?}");
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
    // Fact 27. There is room for everything that can be let in unheard, and for a hundred connections more.
    const LIMIT: u32 = vpc_abi::UNHEARD_ADMISSIONS_MAX + 100;
    in_both_modes(|lab| {
        let interfaces = [interface(1, 1, 1, "10.0.1.10", &[1]), interface(2, 1, 2, "10.0.2.10", &[2])];
        let limited = Interface { tracking_limit: Some(LIMIT), ..interfaces[1].clone() };
        let mut deltas = vpc(1, "10.0.0.0/16");
        deltas.extend([subnet(1, 1, "10.0.1.0/24"), subnet(2, 1, "10.0.2.0/24")]);
        let udp = rule(Direction::Ingress, Traffic::Udp(PortRange::ALL), "10.0.0.0/16");
        deltas.extend([group(1, 1, &[out()]), group(2, 1, &[tcp_in(80, "10.0.0.0/16"), udp])]);
        deltas.extend([interfaces[0].clone().into(), Delta::from(limited)]);
        lab.plane().apply(&deltas);
        let (one, two) = (lab.guest(&interfaces[0], 24), lab.guest(&interfaces[1], 24));
        let listener = two.listen(80);
        let mut all: Vec<Ends> = (0..3).map(|_| open(&one, &two, &listener)).collect();
        let admitted = lab.plane().counters().connections_admitted;
        assert_eq!(admitted, u64::from(lab.choice == ModeChoice::Auto));
        // Not by connections of that kind, the interface is filled: by datagrams, each to another port.
        let socket = one.udp(1000);
        let tracked = || lab.plane().counters().connections_tracked / 2;
        for port in 10_000..10_000 + LIMIT as u16 - 3 {
            socket.send_to(b"word", (two.address, port)).unwrap();
            // No faster than the slow path takes them.
            while port % 64 == 0 && tracked() < usize::from(port - 10_000) {
                std::thread::yield_now();
            }
        }
        wait_until("the interface tracks as many as it may", || tracked() == LIMIT as usize);
        assert!(one.connect((two.address, 80), SILENCE).is_none(), "one more than the limit");
        assert_eq!(lab.plane().counters().connections_admitted, admitted, "nor let in for a moment");
        let mut drops = lab.plane().drops().into_iter();
        assert!(drops.any(|drop| drop.last.name() == "TrackingTableFull"), "the drop is counted");
        assert!(all.iter_mut().all(works), "old connections live");
        lab.finish();
    });
}

#[test]
fn a_port_is_let_in_again_when_its_connection_is_over() {
    // Whatever of the connection is tracked (fact 23): both ends, the client's alone, or neither.
    let tracked_at_both = ([out()], vec![tcp_in(80, "0.0.0.0/0")]);
    let tracked_at_one = ([out()], vec![tcp_in(80, "0.0.0.0/0"), out()]);
    in_both_modes(|lab| {
        let untracked = anything();
        let rules = [
            (&tracked_at_both.0[..], &tracked_at_both.1[..], 2),
            (&tracked_at_one.0[..], &tracked_at_one.1[..], 1),
            (&untracked[..], &untracked[..], 0),
        ];
        let [one, two] = pair(&lab, &[], &[]);
        let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
        let listener = two.listen(80);
        for (of_one, of_two, ends_tracked) in rules {
            lab.plane().apply(&[group(1, 1, of_one), group(2, 1, of_two)]);
            let acquainted = [(); 2].map(|()| open(&one, &two, &listener));
            let before = lab.plane().counters();
            let established =
                lab.plane().flows().into_iter().filter(|flow| flow.state() == FlowState::Established);
            assert_eq!(established.count(), 2 * ends_tracked);
            for round in 1..=3 {
                for port in 3000..3010 {
                    let client =
                        one.connect_from(port, (two.address, 80), PATIENCE).expect("port 80 is open");
                    let mut ends = (client, accept(&listener).0);
                    assert!(works(&mut ends));
                    // The server goes first, so that the client's port is free at once.
                    ends.1.shutdown(std::net::Shutdown::Both).unwrap();
                    assert_eq!(std::io::Read::read(&mut ends.0, &mut [0]).unwrap(), 0);
                }
                wait_until("nothing is left of them in the cache", || {
                    lab.plane().counters().entries_cached == before.entries_cached
                });
                let admitted = lab.plane().counters().connections_admitted - before.connections_admitted;
                let expected = if lab.choice == ModeChoice::Auto { 10 * round } else { 0 };
                assert_eq!(admitted, expected, "round {round}, tracked at {ends_tracked} ends");
            }
            drop(acquainted);
            wait_until("all is over", || lab.plane().counters().entries_cached == 0);
        }
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

/// How many connections the cache lets in meanwhile, and how many frames come up.
fn counted(lab: &Lab, action: impl FnOnce()) -> (u64, u64) {
    let before = lab.plane().counters();
    action();
    let after = lab.plane().counters();
    (after.connections_admitted - before.connections_admitted, after.frames_decided - before.frames_decided)
}

#[test]
fn connections_through_gateways_are_let_in_like_one_before() {
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let [a, b, x, y] = ["a", "b", "x", "y"].map(|name| network.guest(&lab, name));
        let host = host(&lab);
        let ways: [(&str, &Guest, &Guest, IpAddr); 5] = [
            ("peering", &b, &x, x.address),
            ("transit gateway", &b, &y, y.address),
            ("NAT gateway", &b, &host, HOST),
            ("internet gateway, out", &a, &host, HOST),
            ("internet gateway, in", &host, &a, PUBLIC),
        ];
        for (way, from, at, to) in ways {
            let listener = at.listen(443);
            let mut all: Vec<Connection> =
                (0..2).map(|_| Connection::open(from, (to, 443), &listener)).collect();
            let (admitted, came_up) =
                counted(&lab, || all.extend((0..20).map(|_| Connection::open(from, (to, 443), &listener))));
            match lab.choice {
                ModeChoice::Auto => {
                    assert_eq!(admitted, 20, "{way}");
                    assert!(came_up < 20, "{way}: {came_up} frames came up");
                }
                ModeChoice::SlowOnly => assert_eq!(admitted, 0),
            }
            for connection in &mut all {
                assert!(connection.passes(PATIENCE), "{way}: {}", connection.peer);
                assert_eq!(connection.peer.ip() == NAT_PUBLIC, way == "NAT gateway");
            }
            if way == "transit gateway" {
                let sizes = all.iter().map(|open| (segment_bytes(&open.near), segment_bytes(&open.far)));
                assert_eq!(sizes.collect::<HashSet<_>>().len(), 1, "each is told the same of large segments");
            }
            let last = all.last_mut().unwrap();
            last.must_be_carried(&lab);
        }
        lab.finish();
    });
}

/// The largest segment that a socket sends.
fn segment_bytes(socket: &TcpStream) -> u32 {
    nix::sys::socket::getsockopt(socket, nix::sys::socket::sockopt::TcpMaxSeg).unwrap()
}

#[test]
fn clients_of_a_nat_gateway_never_get_each_others_ports() {
    // Fact 42.
    in_both_modes_with_a_workstation(|mut lab| {
        let network = Network::apply(&lab);
        let (b, c, host) = (network.guest(&lab, "b"), network.guest(&lab, "c"), host(&lab));
        let listener = host.listen(443);
        let open = |client: &Guest, port| {
            let near = client.connect_from(port, (HOST, 443), PATIENCE).expect("a way out");
            let (far, peer) = accept(&listener);
            Connection { near, far, peer }
        };
        let mut all: Vec<Connection> = Vec::new();
        // Each may keep its ports, as long as they are its own.
        for (client, first) in [(&b, 20_000), (&c, 30_000)] {
            all.extend((first..first + 5).map(|port| open(client, port)));
        }
        assert_eq!(lab.plane().counters().connections_admitted > 0, lab.choice == ModeChoice::Auto);
        // The other one's are in use, whoever has let them in, and are after a restart.
        all.extend((20_000..20_005).map(|port| open(&c, port)));
        lab.restart();
        network.put_in_force(&lab);
        all.extend((30_000..30_005).map(|port| open(&b, port)));
        let peers: HashSet<SocketAddr> = all.iter().map(|open| open.peer).collect();
        assert_eq!(peers.len(), all.len());
        assert!(all.iter_mut().all(|open| open.passes(PATIENCE)));
        // What has ended gives its port back.
        for open in &all {
            socket2::SockRef::from(&open.near).set_linger(Some(Duration::ZERO)).unwrap();
        }
        drop(all);
        wait_until("they have ended", || lab.plane().flows().is_empty());
        let again: Vec<u16> = (20_000..20_005).map(|port| open(&c, port).peer.port()).collect();
        assert_eq!(again, [20_000, 20_001, 20_002, 20_003, 20_004]);
        lab.finish();
    });
}

#[test]
fn what_the_cache_takes_at_a_nat_gateway_in_vain_is_given_back() {
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        if lab.choice == ModeChoice::Auto {
            let (b, host) = (network.guest(&lab, "b"), host(&lab));
            let mut connection = Connection::open(&b, (HOST, 443), &host.listen(443));
            let pins = lab.dir.path().join("bpf");
            let mut cache = host_ebpf::FlowCache::open(&pins).unwrap();
            let in_use = |cache: &mut host_ebpf::FlowCache| cache.walk_translations().unwrap().0.to_vec();
            let known = in_use(&mut cache);
            assert_eq!(known.len(), 1, "that of the connection");
            assert!(cache.take_translation(&vpc_abi::FlowKey { source_port: [200, 1], ..known[0] }).unwrap());
            wait_until("it is given back", || {
                in_use(&mut host_ebpf::FlowCache::open(&pins).unwrap()) == known
            });
            assert!(connection.passes(PATIENCE));
        }
        lab.finish();
    });
}
