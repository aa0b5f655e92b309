//! What guests, hosts of the internet and the workstation see of each other through gateways, with the flow cache and with
//! the slow path alone.
#![allow(clippy::unwrap_used)]

mod lab;

use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use data_plane::Mode;
use host_net::{EtherType, FrameBatch, Netlink, PacketSocket, tcp_listener};
use lab::gateways::*;
use lab::*;
use vpc_engine::services::{managed_listener, port_of_link_address};
use vpc_model::{
    AclAction, Delta, Direction, InternetGateway, ManagedService, ObjectId, Traffic, TransitGatewayRoute,
};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Sends datagrams to and fro. Answers who the receiver sees.
fn exchange(from: &Guest, to: IpAddr, at: &Guest, length: usize) -> SocketAddr {
    let (asker, answerer) = (from.udp(0), at.udp(0));
    let port = answerer.local_addr().unwrap().port();
    let mut buffer = vec![0; 65_536];
    let mut seen = None;
    for round in 0..10_u8 {
        let sent: Vec<u8> = (0..length).map(|index| (index % 251) as u8 ^ round).collect();
        asker.send_to(&sent, (to, port)).unwrap();
        let (received, peer) = answerer.recv_from(&mut buffer).unwrap();
        assert!(buffer[..received] == sent, "{received} of {length} bytes");
        assert!(seen.is_none_or(|seen| seen == peer), "{seen:?} {peer}");
        seen = Some(peer);
        answerer.send_to(&sent, peer).unwrap();
        let (received, answered_by) = asker.recv_from(&mut buffer).unwrap();
        assert!(buffer[..received] == sent, "{received} of {length} bytes back");
        assert_eq!(answered_by, SocketAddr::new(to, port));
    }
    seen.unwrap()
}

/// Sends a MiB, some of which needs larger segments than a word does.
fn transfer(lab: &Lab, from: &mut TcpStream, to: &mut TcpStream) {
    let sent: Vec<u8> = (0..1_u32 << 20).map(|index| (index.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
    from.set_write_timeout(Some(PATIENCE)).unwrap();
    let received = std::thread::scope(|scope| {
        scope.spawn(|| from.write_all(&sent).expect("all of it is sent"));
        let mut received = vec![0; sent.len()];
        to.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut length = 0;
        while length < sent.len() {
            match to.read(&mut received[length..]) {
                Ok(more) if more > 0 => length += more,
                ended => panic!("{ended:?} after {length} bytes: {:?}", lab.plane().drops()),
            }
        }
        received
    });
    assert!(received == sent, "the transfer arrived otherwise");
}

fn has_dropped(lab: &Lab, reason: &str) -> bool {
    lab.plane().drops().iter().any(|drop| drop.last.name() == reason)
}

#[test]
fn an_internet_gateway_translates_one_to_one_in_both_directions() {
    // Facts 33 and 34.
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let (a, host, workstation) = (network.guest(&lab, "a"), host(&lab), workstation(&lab));
        for (id, outside) in [(1, &host), (2, &workstation)] {
            let listener = outside.listen(80);
            let mut out = Connection::open(&a, (outside.address, 80), &listener);
            assert_eq!(out.peer.ip(), PUBLIC);
            out.must_be_carried(&lab);
            transfer(&lab, &mut out.near, &mut out.far);
            transfer(&lab, &mut out.far, &mut out.near);
            let listener = a.listen(80);
            let mut into = Connection::open(outside, (PUBLIC, 80), &listener);
            assert_eq!(into.peer.ip(), outside.address, "the instance sees who it is");
            into.must_be_carried(&lab);
            transfer(&lab, &mut into.near, &mut into.far);
            transfer(&lab, &mut into.far, &mut into.near);
            assert_eq!(exchange(&a, outside.address, outside, 1000).ip(), PUBLIC);
            assert_eq!(exchange(outside, PUBLIC, &a, 1000).ip(), outside.address);
            for _ in 0..3 {
                assert!(a.ping(outside.address, id, PATIENCE));
                assert!(outside.ping(PUBLIC, id, PATIENCE));
            }
        }
        assert!(workstation.ping(HOST, 3, PATIENCE), "the workstation is a host like others");
        // The gateway's route to what has no public address leads nowhere, and nobody reaches the private one.
        assert!(host.connect((ip("198.18.0.11"), 80), SILENCE).is_none());
        assert!(host.connect((a.address, 80), SILENCE).is_none());
        lab.finish();
    });
}

#[test]
fn clients_share_a_nat_gateway() {
    // Facts 42 and 48.
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let (b, c, host) = (network.guest(&lab, "b"), network.guest(&lab, "c"), host(&lab));
        let listener = host.listen(443);
        let mut peers = HashSet::new();
        let mut connections = Vec::new();
        // The same ports at both clients, and some that a gateway does not take.
        for port in [600, 1024, 4000, 4001] {
            for client in [&b, &c] {
                let near = client.connect_from(port, (HOST, 443), PATIENCE).expect("a way out");
                let (far, peer) = accept(&listener);
                assert_eq!(peer.ip(), NAT_PUBLIC);
                assert!(peer.port() >= 1024 && peers.insert(peer), "{peer} of {peers:?}");
                connections.push(Connection { near, far, peer });
            }
        }
        for connection in &mut connections {
            connection.must_be_carried(&lab);
        }
        let [one, other, ..] = &mut connections[..] else { panic!("two") };
        transfer(&lab, &mut one.near, &mut one.far);
        transfer(&lab, &mut other.far, &mut other.near);
        for client in [&b, &c] {
            let peer = exchange(client, HOST, &host, 1000);
            assert!(peer.ip() == NAT_PUBLIC && peer.port() >= 1024, "{peer}");
            for _ in 0..5 {
                assert!(client.ping(HOST, 77, PATIENCE), "the same identifier at both clients");
            }
        }
        // Nobody comes in by it.
        assert!(host.connect((NAT_PUBLIC, 4000), SILENCE).is_none());
        assert!(!host.ping(NAT_PUBLIC, 1, SILENCE));
        assert!(has_dropped(&lab, "NatUnsolicited"), "{:?}", lab.plane().drops());
        lab.finish();
    });
}

#[test]
fn a_nat_gateway_resets_what_it_has_forgotten() {
    // Fact 43. Nobody waits for 350 s: with the gateway's interface go its translations.
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let (b, host) = (network.guest(&lab, "b"), host(&lab));
        let listener = host.listen(443);
        let mut connection = Connection::open(&b, (HOST, 443), &listener);
        connection.must_be_carried(&lab);
        let interface = network.interface("n").clone();
        lab.plane().apply(&[Delta::Remove(interface.id.into())]);
        lab.plane().apply(&[interface.into(), network.nat().into()]);
        // An acknowledgement that was still due may have been answered first.
        connection.near.set_read_timeout(Some(PATIENCE)).unwrap();
        let sent = connection.near.write_all(b"word");
        let error = sent.and_then(|()| connection.near.read(&mut [0; 4])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        // The next one is translated.
        Connection::open(&b, (HOST, 443), &listener).must_be_carried(&lab);
        lab.finish();
    });
}

#[test]
fn datagrams_larger_than_the_way_go_in_fragments() {
    // Facts 45 and 64.
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let (a, b, host) = (network.guest(&lab, "a"), network.guest(&lab, "b"), host(&lab));
        // Their packets may be fragmented on the way.
        for guest in [&a, &b] {
            guest.namespace.set_parameter("ipv4/ip_no_pmtu_disc", "1").unwrap();
        }
        for length in [4000, 8900, 20_000] {
            assert_eq!(exchange(&b, HOST, &host, length).ip(), NAT_PUBLIC);
            assert_eq!(exchange(&a, HOST, &host, length).ip(), PUBLIC);
        }
        assert_eq!(exchange(&host, PUBLIC, &a, 4000).ip(), HOST);
        lab.finish();
    });
}

#[test]
fn senders_of_large_packets_are_told_of_the_internets_size() {
    // Fact 64.
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let (a, b, host) = (network.guest(&lab, "a"), network.guest(&lab, "b"), host(&lab));
        // A host that asks for segments larger than the internet carries.
        let netlink = Netlink::open(&host.namespace).unwrap();
        let eth0 = netlink.link_named("eth0").unwrap().unwrap().index;
        netlink.set_mtu(eth0, 9001).unwrap();
        let listener = host.listen(80);
        for client in [&a, &b] {
            let mut connection = Connection::open(client, (HOST, 80), &listener);
            transfer(&lab, &mut connection.near, &mut connection.far);
            let drops = lab.plane().drops();
            let was_told = drops.iter().any(|drop| drop.last.name() == "PacketTooBig");
            assert!(was_told, "it sent none of more than 1500 bytes: {drops:?}");
        }
        // Datagrams: the first that is not to be fragmented is lost, and the sender makes smaller ones of the next.
        let host_socket = host.udp(5000);
        host_socket.set_read_timeout(Some(SILENCE)).unwrap();
        let fresh = network.guest(&lab, "c");
        let sender = fresh.udp(5000);
        let mut arrived = Vec::new();
        for _ in 0..3 {
            sender.send_to(&[7; 3000], (HOST, 5000)).unwrap();
            arrived.push(host_socket.recv(&mut [0; 4000]).is_ok_and(|length| length == 3000));
        }
        assert_eq!(arrived, [false, true, true]);
        lab.finish();
    });
}

#[test]
fn errors_from_the_internet_find_their_way_through_a_nat_gateway() {
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let (a, b, _host) = (network.guest(&lab, "a"), network.guest(&lab, "b"), host(&lab));
        for client in [&b, &a] {
            let socket = client.udp(0);
            socket.connect((HOST, 9)).unwrap();
            socket.send(b"anybody?").unwrap();
            let error = socket.recv(&mut [0; 10]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{}", client.address);
            // Of ICMP errors a kernel sends one a second to the same receiver.
            std::thread::sleep(Duration::from_secs(1));
            let to = SocketAddr::new(HOST, 9);
            let refused = client.namespace.run(|| TcpStream::connect_timeout(&to, PATIENCE)).unwrap();
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused, "{}", client.address);
        }
        lab.finish();
    });
}

#[test]
fn a_peering_carries_between_its_vpcs() {
    // Fact 51.
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let (b, x) = (network.guest(&lab, "b"), network.guest(&lab, "x"));
        for (id, from, to) in [(1, &b, &x), (2, &x, &b)] {
            let listener = to.listen(22);
            let mut connection = Connection::open(from, (to.address, 22), &listener);
            assert_eq!(connection.peer.ip(), from.address);
            connection.must_be_carried(&lab);
            transfer(&lab, &mut connection.near, &mut connection.far);
            assert_eq!(exchange(from, to.address, to, 8900).ip(), from.address, "a jumbo frame");
            assert!(from.ping(to.address, id, PATIENCE));
        }
        assert!(x.connect((HOST, 80), SILENCE).is_none(), "it leads no further");
        lab.finish();
    });
}

/// The largest segment that a SYN to this port announces, when it comes.
fn announced(socket: &PacketSocket, port: u16) -> u16 {
    let mut batch = FrameBatch::new(8);
    let until = Instant::now() + PATIENCE;
    loop {
        for index in 0..socket.receive(&mut batch).unwrap() {
            let frame = batch.frame(index);
            let is_syn = frame[23] == 6 && frame[47] & 0x3f == 2 && frame[36..38] == port.to_be_bytes();
            if !is_syn {
                continue;
            }
            let mut options = &frame[54..34 + usize::from(frame[46] >> 4) * 4];
            while let [kind, rest @ ..] = options {
                match (kind, rest) {
                    (0, _) => break,
                    (1, _) => options = rest,
                    (2, [4, high, low, ..]) => return u16::from_be_bytes([*high, *low]),
                    (_, [length, ..]) => options = &options[usize::from(*length)..],
                    _ => break,
                }
            }
            panic!("a SYN without a segment size: {frame:?}");
        }
        assert!(Instant::now() < until, "no SYN");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_transit_gateway_carries_packets_of_8500_bytes() {
    // Facts 54 and 64.
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let (b, y) = (network.guest(&lab, "b"), network.guest(&lab, "y"));
        for (id, from, to) in [(1, &b, &y), (2, &y, &b)] {
            let socket = PacketSocket::receiver(&to.namespace, EtherType::Ipv4, 1 << 20).unwrap();
            let listener = to.listen(22);
            let mut connection = Connection::open(from, (to.address, 22), &listener);
            assert_eq!(announced(&socket, 22), 8460);
            assert_eq!(connection.peer.ip(), from.address);
            connection.must_be_carried(&lab);
            transfer(&lab, &mut connection.near, &mut connection.far);
            transfer(&lab, &mut connection.far, &mut connection.near);
            assert!(!has_dropped(&lab, "TransitPacketTooBig"), "{:?}", lab.plane().drops());
            assert_eq!(exchange(from, to.address, to, 8472).ip(), from.address);
            assert!(from.ping(to.address, id, PATIENCE));
            // Larger ones are lost, and nobody is told.
            let (sender, receiver) = (from.udp(6000), to.udp(6000));
            receiver.set_read_timeout(Some(SILENCE)).unwrap();
            for _ in 0..2 {
                sender.send_to(&[7; 8473], (to.address, 6000)).unwrap();
                assert!(receiver.recv(&mut [0; 9000]).is_err(), "more than 8500 bytes");
            }
            assert!(has_dropped(&lab, "TransitPacketTooBig"), "{:?}", lab.plane().drops());
            // So that the other direction sees its own drops alone.
            lab.plane().apply(&[Delta::Remove(network.interface("b").id.into())]);
            lab.plane().apply(&[Delta::Remove(network.interface("y").id.into())]);
            network.put_in_force(&lab);
        }
        lab.finish();
    });
}

#[test]
fn a_shared_nat_gateway_behind_a_transit_gateway() {
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let (y, host) = (network.guest(&lab, "y"), host(&lab));
        let listener = host.listen(443);
        let mut connection = Connection::open(&y, (HOST, 443), &listener);
        assert_eq!(connection.peer.ip(), NAT_PUBLIC);
        connection.must_be_carried(&lab);
        transfer(&lab, &mut connection.near, &mut connection.far);
        transfer(&lab, &mut connection.far, &mut connection.near);
        assert!(y.ping(HOST, 1, PATIENCE));
        lab.finish();
    });
}

#[test]
fn ipv6_goes_out_by_either_gateway_and_comes_in_by_one() {
    // Fact 40.
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let (a, b, host) = (network.guest(&lab, "a"), network.guest(&lab, "b"), host(&lab));
        for (id, name, guest) in [(1, "a", &a), (2, "b", &b)] {
            wait_until("the guest has a router", || guest.has_ipv6_router());
            let own = IpAddr::V6(network.interface(name).ipv6[0]);
            let listener = host.listen_at(HOST_IPV6, 80);
            let mut connection = Connection::open(guest, (HOST_IPV6, 80), &listener);
            assert_eq!(connection.peer.ip(), own, "nothing is translated");
            connection.must_be_carried(&lab);
            transfer(&lab, &mut connection.near, &mut connection.far);
            transfer(&lab, &mut connection.far, &mut connection.near);
            assert!(guest.ping(HOST_IPV6, id, PATIENCE));
            let listener = guest.listen_at(own, 80);
            if name == "a" {
                let mut connection = Connection::open(&host, (own, 80), &listener);
                assert_eq!(connection.peer.ip(), HOST_IPV6);
                connection.must_be_carried(&lab);
                assert!(host.ping(own, id, PATIENCE));
            } else {
                assert!(host.connect((own, 80), SILENCE).is_none());
                assert!(!host.ping(own, 9, SILENCE));
                assert!(has_dropped(&lab, "EgressOnly"), "{:?}", lab.plane().drops());
            }
        }
        lab.finish();
    });
}

#[test]
fn a_service_of_aws_knows_who_asks_and_by_which_way() {
    // Facts 59 and 60.
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let (a, b, host) = (network.guest(&lab, "a"), network.guest(&lab, "b"), host(&lab));
        let at: SocketAddr = (managed_listener(ManagedService::S3, S3), 443).into();
        let listener = tcp_listener(lab.plane().services_namespace(), at).unwrap();
        let check = |client: &Guest, source: IpAddr, is_by_endpoint: bool| {
            let mut connection = Connection::open(client, (S3, 443), &listener);
            let local = connection.far.local_addr().unwrap();
            let found = lab.plane().service_peer(local, connection.peer).expect("who asks");
            assert_eq!(found.service, ManagedService::S3);
            assert_eq!((found.source.address, found.destination.address), (source, S3));
            assert_eq!(found.endpoint, is_by_endpoint.then(|| endpoint().id));
            if is_by_endpoint {
                assert_eq!(port_of_link_address(connection.peer.ip()), Some(found.port));
                assert_eq!(connection.near.local_addr().unwrap().port(), found.source.port);
            }
            connection.must_be_carried(&lab);
            transfer(&lab, &mut connection.near, &mut connection.far);
            transfer(&lab, &mut connection.far, &mut connection.near);
        };
        check(&b, b.address, true);
        check(&a, PUBLIC, false);
        check(&host, HOST, false);
        assert!(b.ping(S3, 1, PATIENCE));
        let stranger = lab.plane().service_peer(at, "100.64.0.99:7".parse().unwrap());
        assert!(stranger.is_none(), "{stranger:?}");
        let without = PRIVATE_ROUTES.iter().copied().filter(|(_, word)| *word != "endpoint");
        lab.plane().apply(&[routes(2, 1, &without.collect::<Vec<_>>())]);
        check(&b, NAT_PUBLIC, false);
        lab.finish();
    });
}

#[test]
fn ingress_routing_leads_through_a_middlebox() {
    // Facts 11 and 12.
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let gateway = InternetGateway { route_table: Some(table_id(90)), ..igw() };
        lab.plane().apply(&[
            routes(90, 1, &[("10.0.1.0/24", "m")]),
            routes(1, 1, &[("0.0.0.0/0", "m")]),
            gateway.into(),
        ]);
        let (a, m, host) = (network.guest(&lab, "a"), network.guest(&lab, "m"), host(&lab));
        let forwards = |does: bool| {
            m.namespace.set_parameter("ipv4/ip_forward", if does { "1" } else { "0" }).unwrap();
        };
        for (parameter, value) in [
            ("ipv4/conf/all/rp_filter", "0"),
            ("ipv4/conf/eth0/rp_filter", "0"),
            ("ipv4/conf/all/send_redirects", "0"),
            ("ipv4/conf/eth0/send_redirects", "0"),
        ] {
            m.namespace.set_parameter(parameter, value).unwrap();
        }
        forwards(true);
        let (inside, outside) = (a.listen(80), host.listen(80));
        let mut into = Connection::open(&host, (PUBLIC, 80), &inside);
        assert_eq!(into.peer.ip(), HOST);
        let mut out = Connection::open(&a, (HOST, 80), &outside);
        assert_eq!(out.peer.ip(), PUBLIC);
        for connection in [&mut into, &mut out] {
            connection.must_be_carried(&lab);
            transfer(&lab, &mut connection.near, &mut connection.far);
            transfer(&lab, &mut connection.far, &mut connection.near);
        }
        assert!(a.ping(HOST, 1, PATIENCE) && host.ping(PUBLIC, 2, PATIENCE));
        // All of it goes through the middlebox.
        forwards(false);
        for connection in [&mut into, &mut out] {
            assert!(!passes(&mut connection.near, &mut connection.far, SILENCE));
        }
        assert!(host.connect((PUBLIC, 80), SILENCE).is_none());
        forwards(true);
        for connection in [&mut into, &mut out] {
            assert!(passes(&mut connection.near, &mut connection.far, PATIENCE));
        }
        lab.finish();
    });
}

#[test]
fn a_change_cuts_what_the_cache_carries_at_once() {
    in_both_modes_with_a_workstation(|lab| {
        let network = Network::apply(&lab);
        let guests = ["a", "b", "x", "y"].map(|name| network.guest(&lab, name));
        let ([a, b, x, y], host) = (&guests, &host(&lab));
        let deny = |direction, cidr: &str| acl_entry(10, direction, Traffic::All, cidr, AclAction::Deny);
        let blackhole = TransitGatewayRoute {
            destination: "10.2.0.0/16".parse().unwrap(),
            target: None,
            is_of_prefix_list: false,
        };
        let hide = |name: &str| {
            let mut interface = network.interface(name).clone();
            interface.public_ipv4.clear();
            Delta::from(interface)
        };
        let remove = |id: ObjectId| Delta::Remove(id);
        let cases: Vec<(&str, &Guest, IpAddr, &Guest, Delta)> = vec![
            ("the NAT gateway goes", b, HOST, host, remove(network.nat().id.into())),
            ("the NAT gateway's subnet denies it entry", b, HOST, host, {
                acl(1, 1, vec![deny(Direction::Ingress, "10.0.2.0/24")])
            }),
            ("the NAT gateway's subnet denies the way out", b, HOST, host, {
                acl(1, 1, vec![deny(Direction::Egress, "203.0.113.0/24")])
            }),
            ("the NAT gateway's subnet has no route", b, HOST, host, routes(1, 1, &[])),
            ("the NAT gateway loses its address", b, HOST, host, hide("n")),
            ("the instance loses its address", a, HOST, host, hide("a")),
            ("the internet gateway goes", a, HOST, host, remove(igw().id.into())),
            ("the internet gateway goes", host, PUBLIC, a, remove(igw().id.into())),
            ("the peering goes", b, x.address, x, remove(peering().id.into())),
            ("the transit gateway has a blackhole", b, y.address, y, transit_table(&[blackhole]).into()),
            ("the attachment's subnet denies it", b, y.address, y, {
                acl(7, 3, vec![deny(Direction::Egress, "0.0.0.0/0")])
            }),
            ("the host goes", a, HOST, host, remove(ObjectId::InternetHost(HOST))),
        ];
        for (what, from, to, at, change) in cases {
            let listener = at.listen(80);
            let mut connection = Connection::open(from, (to, 80), &listener);
            connection.must_be_carried(&lab);
            lab.plane().apply(&[change]);
            assert!(!passes(&mut connection.near, &mut connection.far, SILENCE), "{what}");
            network.put_in_force(&lab);
            // A NAT gateway takes its connections with it.
            if what == "the NAT gateway goes" {
                assert!(!passes(&mut connection.near, &mut connection.far, SILENCE), "they are gone");
                connection = Connection::open(from, (to, 80), &listener);
            }
            assert!(passes(&mut connection.near, &mut connection.far, PATIENCE), "{what}, and comes back");
        }
        lab.finish();
    });
}

#[test]
fn connections_through_gateways_survive_a_restart() {
    in_both_modes_with_a_workstation(|mut lab| {
        let network = Network::apply(&lab);
        let guests = ["a", "b", "c", "x", "y"].map(|name| network.guest(&lab, name));
        let ([a, b, c, x, y], outside) = (&guests, &[host(&lab), workstation(&lab)]);
        let [host, workstation] = outside;
        let at: SocketAddr = (managed_listener(ManagedService::S3, S3), 443).into();
        let service = tcp_listener(lab.plane().services_namespace(), at).unwrap();
        let listener = host.listen(443);
        let mut connections: Vec<Connection> =
            [b, c, y, a].iter().map(|client| Connection::open(client, (HOST, 443), &listener)).collect();
        connections.push(Connection::open(b, (S3, 443), &service));
        for (from, to, at) in
            [(workstation, PUBLIC, a), (b, x.address, x), (b, y.address, y), (host, PUBLIC, a)]
        {
            connections.push(Connection::open(from, (to, 80), &at.listen(80)));
        }
        for connection in &mut connections {
            connection.must_be_carried(&lab);
        }
        lab.plane = None;
        if lab.choice == data_plane::ModeChoice::Auto {
            for connection in &mut connections {
                assert!(connection.passes(PATIENCE), "a cached flow needs no daemon: {}", connection.peer);
            }
        }
        lab.restart();
        network.put_in_force(&lab);
        assert!(matches!(lab.plane().mode(), Mode::FlowCache) || lab.choice != data_plane::ModeChoice::Auto);
        for connection in &mut connections {
            connection.must_be_carried(&lab);
        }
        let (far, peer) = (connections[4].far.local_addr().unwrap(), connections[4].peer);
        let found = lab.plane().service_peer(far, peer).expect("who asks");
        assert_eq!(found.source.address, b.address);
        // New connections do not get the ports of old ones.
        let taken: HashSet<SocketAddr> = connections[..3].iter().map(|connection| connection.peer).collect();
        let wanted: Vec<u16> = taken.iter().map(SocketAddr::port).collect();
        let own = connections[1].near.local_addr().unwrap().port();
        for port in wanted.into_iter().filter(|&port| port != own) {
            let near = c.connect_from(port, (HOST, 443), PATIENCE).expect("a way out");
            let (far, peer) = accept(&listener);
            assert!(!taken.contains(&peer), "{peer} is another's");
            Connection { near, far, peer }.must_be_carried(&lab);
        }
        lab.finish();
    });
}
