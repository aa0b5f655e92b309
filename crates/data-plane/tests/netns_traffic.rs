//! What guests see of the network: connections, datagrams and echoes that get through or do not, with the flow cache and
//! with the slow path alone.
#![allow(clippy::unwrap_used)]

mod lab;

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};

use data_plane::Mode;
use host_net::{tcp_listener, udp_socket};
use lab::*;
use vpc_engine::services::{LinkService, port_of_link_address};
use vpc_model::{AclAction, Direction, PortRange, Traffic};

#[test]
fn what_is_sent_to_an_interface_behind_which_nothing_runs_is_told() {
    in_both_modes(|lab| {
        let [one, two] = pair(&lab, &[out()], &[tcp_in(22, "10.0.0.0/16")]);
        let absent = (IpAddr::from(two.ipv4), 22);
        let one = lab.guest(&one, 24);
        assert!(one.connect(absent, SILENCE).is_none());
        let drops = lab.plane().drops();
        let told = drops.iter().find(|drop| drop.last.name() == "NotTaken");
        assert_eq!(told.map(|drop| drop.port), Some(port(1)), "{drops:?}");
        // Its own rules are asked first.
        assert!(one.connect((absent.0, 23), SILENCE).is_none());
        assert!(lab.plane().drops().iter().any(|drop| drop.last.name() == "NoIngressRule"));
        let two = lab.guest(&two, 24);
        let listener = two.listen(22);
        let mut client = one.connect(absent, PATIENCE).expect("it is there now");
        assert!(passes(&mut client, &mut accept(&listener).0, PATIENCE));
        lab.finish();
    });
}

#[test]
fn a_rule_lets_connections_through_and_its_absence_does_not() {
    in_both_modes(|lab| {
        let [one, two] = pair(&lab, &[out()], &[tcp_in(22, "10.0.0.0/16")]);
        let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
        let (open, shut) = (two.listen(22), two.listen(23));
        let mut client = one.connect((two.address, 22), PATIENCE).expect("port 22 is open");
        let (mut server, peer) = accept(&open);
        assert_eq!(peer.ip(), one.address, "the source address is the sender's own");
        for _ in 0..20 {
            assert!(passes(&mut client, &mut server, PATIENCE) && passes(&mut server, &mut client, PATIENCE));
        }
        assert!(one.connect((two.address, 23), SILENCE).is_none(), "no rule opens port 23");
        assert!(shut.accept().is_err());
        assert!(two.connect((one.address, 22), SILENCE).is_none(), "group 1 has no ingress rule");
        assert!(!one.ping(two.address, 7, SILENCE), "no rule allows ICMP");
        let drops = lab.plane().drops();
        assert!(
            drops.iter().any(|drop| drop.port == port(1) && drop.last.name() == "NoIngressRule"),
            "{drops:?}"
        );
        lab.finish();
    });
}

#[test]
fn echoes_and_datagrams_are_answered_when_allowed() {
    in_both_modes(|lab| {
        let [one, two] = pair(&lab, &[out()], &anything());
        let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
        for id in 1..20 {
            assert!(one.ping(two.address, id, PATIENCE), "echo {id}");
        }
        let (asker, answerer) = (one.udp(1000), two.udp(2000));
        let mut buffer = [0; 100];
        for round in 0..20_u8 {
            asker.send_to(&[round; 9], (two.address, 2000)).unwrap();
            let (length, from) = answerer.recv_from(&mut buffer).unwrap();
            assert_eq!((&buffer[..length], from), (&[round; 9][..], SocketAddr::new(one.address, 1000)));
            answerer.send_to(&[round; 3], from).unwrap();
            assert_eq!(asker.recv(&mut buffer).unwrap(), 3);
        }
        // Up to a jumbo frame, and beyond it in fragments, between smaller ones that the cache carries.
        let mut buffer = vec![0; 40_000];
        for length in [1, 1400, 8900, 9000, 30_000, 17, 20_000] {
            let sent: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
            asker.send_to(&sent, (two.address, 2000)).unwrap();
            let (received, _) = answerer.recv_from(&mut buffer).unwrap();
            assert!(buffer[..received] == sent, "{received} of {length} bytes");
        }
        lab.finish();
    });
}

#[test]
fn ipv6_is_carried_like_ipv4() {
    in_both_modes(|lab| {
        // One subnet, so that neighbours find each other by neighbour discovery.
        let interfaces = [interface(1, 1, 1, "10.0.1.10", &[1]), interface(2, 1, 1, "10.0.1.11", &[1])];
        let mut deltas = vpc(1, "10.0.0.0/16");
        deltas.extend([subnet(1, 1, "10.0.1.0/24"), group(1, 1, &anything())]);
        deltas.extend(interfaces.iter().cloned().map(Into::into));
        lab.plane().apply(&deltas);
        let [one, two] = interfaces.each_ref().map(|interface| lab.guest(interface, 24));
        let there = IpAddr::V6(interfaces[1].ipv6[0]);
        for id in 1..5 {
            assert!(one.ping(there, id, PATIENCE));
        }
        let listener = two.listen_at(there, 80);
        let mut client = one.connect((there, 80), PATIENCE).unwrap();
        let (mut server, peer) = accept(&listener);
        assert_eq!(peer.ip(), IpAddr::V6(interfaces[0].ipv6[0]));
        for _ in 0..20 {
            assert!(passes(&mut client, &mut server, PATIENCE) && passes(&mut server, &mut client, PATIENCE));
        }
        lab.finish();
    });
}

#[test]
fn a_bulk_transfer_arrives_whole() {
    in_both_modes(|lab| {
        let [one, two] = pair(&lab, &[out()], &[tcp_in(80, "0.0.0.0/0")]);
        let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
        let listener = two.listen(80);
        let mut client = one.connect((two.address, 80), PATIENCE).unwrap();
        let (mut server, _) = accept(&listener);
        transfer(&mut client, &mut server);
        transfer(&mut server, &mut client);
        let record = lab.plane().flows();
        assert_eq!(record.len(), 2, "one record at each interface: {record:?}");
        let decided = lab.plane().counters().frames_decided;
        match lab.plane().mode() {
            Mode::FlowCache => assert!(decided < 50, "{decided} frames came up from a cached flow"),
            Mode::SlowOnly(_) => assert!(decided > 500, "{decided} frames for 48 MiB"),
        }
        lab.finish();
    });
}

/// Sends 24 MiB that no repetition or loss would leave unnoticed.
fn transfer(from: &mut std::net::TcpStream, to: &mut std::net::TcpStream) {
    const WORDS: u64 = 3 << 20;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut block = Vec::with_capacity(1 << 16);
            for word in 0..WORDS {
                block.extend_from_slice(&word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
                if block.len() == 1 << 16 {
                    from.write_all(&block).unwrap();
                    block.clear();
                }
            }
        });
        let mut block = vec![0; 1 << 16];
        let mut word = 0_u64;
        while word < WORDS {
            to.read_exact(&mut block).unwrap();
            for bytes in block.chunks_exact(8) {
                assert_eq!(bytes, word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes(), "word {word}");
                word += 1;
            }
        }
    });
}

#[test]
fn services_tell_interfaces_with_the_same_address_apart() {
    in_both_modes(|lab| {
        let interfaces = [interface(1, 1, 1, "10.0.0.10", &[1]), interface(2, 2, 2, "10.0.0.10", &[2])];
        let mut deltas = [vpc(1, "10.0.0.0/16"), vpc(2, "10.0.0.0/16")].concat();
        deltas.extend([subnet(1, 1, "10.0.0.0/24"), subnet(2, 2, "10.0.0.0/24")]);
        // Fact 29: no rule, and the services still answer.
        deltas.extend([group(1, 1, &[]), group(2, 2, &[])]);
        deltas.extend(interfaces.iter().cloned().map(Into::into));
        lab.plane().apply(&deltas);
        let guests = interfaces.each_ref().map(|interface| lab.guest(interface, 24));
        let metadata = IpAddr::V4(LinkService::Metadata.ipv4());
        let resolver = IpAddr::V4(LinkService::Dns.ipv4());
        let services = lab.plane().services_namespace();
        let listener = tcp_listener(services, (metadata, 80).into()).unwrap();
        let dns = udp_socket(services, (resolver, 53).into()).unwrap();
        dns.set_nonblocking(false).unwrap();
        dns.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut buffer = [0; 100];
        for (guest, interface) in guests.iter().zip(&interfaces) {
            let mut client = guest.connect((metadata, 80), PATIENCE).expect("the metadata service");
            let (mut server, peer) = accept(&listener);
            assert_eq!(port_of_link_address(peer.ip()), Some(interface.port), "{peer}");
            for _ in 0..10 {
                assert!(
                    passes(&mut client, &mut server, PATIENCE) && passes(&mut server, &mut client, PATIENCE)
                );
            }
            transfer(&mut client, &mut server);
            transfer(&mut server, &mut client);
            // The resolver has the VPC's address too (fact 62).
            for asked in [resolver, "10.0.0.2".parse().unwrap()] {
                let asker = guest.udp(0);
                asker.connect((asked, 53)).unwrap();
                for _ in 0..5 {
                    asker.send(b"question").unwrap();
                    let (length, from) = dns.recv_from(&mut buffer).unwrap();
                    assert_eq!(&buffer[..length], b"question");
                    assert_eq!(port_of_link_address(from.ip()), Some(interface.port));
                    dns.send_to(b"answer", from).unwrap();
                    assert_eq!(asker.recv(&mut buffer).unwrap(), 6, "the answer comes from {asked}");
                }
            }
        }
        lab.finish();
    });
}

#[test]
fn a_tracked_connection_outlives_its_rule_and_an_untracked_one_does_not() {
    // Facts 22 and 23.
    for (cidr, survives) in [("10.0.0.0/16", true), ("0.0.0.0/0", false)] {
        in_both_modes(|lab| {
            let everywhere = rule(Direction::Egress, Traffic::All, "0.0.0.0/0");
            let [one, two] = pair(&lab, &[out()], &[tcp_in(80, cidr), everywhere]);
            let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
            let listener = two.listen(80);
            let mut client = one.connect((two.address, 80), PATIENCE).unwrap();
            let (mut server, _) = accept(&listener);
            assert!(passes(&mut client, &mut server, PATIENCE) && passes(&mut server, &mut client, PATIENCE));
            lab.plane().apply(&[group(2, 1, &[everywhere])]);
            assert!(passes(&mut server, &mut client, PATIENCE), "what the server sends its rules allow");
            let within = if survives { PATIENCE } else { SILENCE };
            assert_eq!(passes(&mut client, &mut server, within), survives, "{cidr}");
            assert!(one.connect((two.address, 80), SILENCE).is_none(), "the rule is gone");
            lab.finish();
        });
    }
}

#[test]
fn a_new_acl_denial_cuts_what_was_established() {
    // Fact 28.
    in_both_modes(|lab| {
        let [one, two] = pair(&lab, &[out()], &[tcp_in(80, "10.0.0.0/16")]);
        let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
        let listener = two.listen(80);
        let mut client = one.connect((two.address, 80), PATIENCE).unwrap();
        let (mut server, _) = accept(&listener);
        assert!(passes(&mut client, &mut server, PATIENCE) && passes(&mut server, &mut client, PATIENCE));
        let denial = acl_entry(
            10,
            Direction::Ingress,
            Traffic::Tcp(PortRange::one(80)),
            "10.0.1.0/24",
            AclAction::Deny,
        );
        lab.plane().apply(&[open_acl(1, vec![denial]).into()]);
        assert!(!passes(&mut client, &mut server, SILENCE), "an ACL is stateless");
        lab.plane().apply(&[open_acl(1, Vec::new()).into()]);
        // What was dropped is sent again.
        assert!(passes(&mut client, &mut server, PATIENCE));
        lab.finish();
    });
}

#[test]
fn a_closed_connection_is_no_longer_tracked() {
    in_both_modes(|lab| {
        let [one, two] = pair(&lab, &[out()], &[tcp_in(80, "10.0.0.0/16")]);
        let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
        let listener = two.listen(80);
        for close_by_reset in [true, false] {
            let mut client = one.connect((two.address, 80), PATIENCE).unwrap();
            let (mut server, _) = accept(&listener);
            assert!(passes(&mut client, &mut server, PATIENCE) && passes(&mut server, &mut client, PATIENCE));
            assert_eq!(lab.plane().flows().len(), 2);
            if close_by_reset {
                socket2::SockRef::from(&client).set_linger(Some(std::time::Duration::ZERO)).unwrap();
            }
            drop(client);
            let _ = server.read(&mut [0; 1]);
            drop(server);
            let until = std::time::Instant::now() + std::time::Duration::from_secs(12);
            while !lab.plane().flows().is_empty() {
                assert!(std::time::Instant::now() < until, "{:?}", lab.plane().flows());
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
        }
        lab.finish();
    });
}

#[test]
fn a_five_tuple_that_is_used_again_is_decided_again() {
    in_both_modes(|lab| {
        let [one, two] = pair(&lab, &[out()], &[tcp_in(80, "10.0.0.0/16")]);
        let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
        let listener = two.listen(80);
        let connect_from_4000 = |within| {
            let stream = one.connect_from(4000, (two.address, 80), within)?;
            // Gone at once when it is closed, so that the port is free again.
            socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
            Some(stream)
        };
        for _ in 0..5 {
            let mut client = connect_from_4000(PATIENCE).expect("again from port 4000");
            let (mut server, _) = accept(&listener);
            assert!(passes(&mut client, &mut server, PATIENCE) && passes(&mut server, &mut client, PATIENCE));
        }
        lab.plane().apply(&[group(2, 1, &[])]);
        assert!(connect_from_4000(SILENCE).is_none(), "a SYN is never a cached decision");
        lab.finish();
    });
}

#[test]
fn nobody_sends_as_somebody_else() {
    in_both_modes(|lab| {
        let [one, two] = pair(&lab, &[out()], &anything());
        let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
        assert!(one.ping(two.address, 1, PATIENCE));
        let netlink = host_net::Netlink::open(&one.namespace).unwrap();
        let eth0 = netlink.link_named("eth0").unwrap().unwrap().index;
        // Another address on the device: the source check of fact 31.
        netlink.add_address(eth0, "10.0.1.99".parse().unwrap(), 24).unwrap();
        let spoof = one.namespace.run(|| std::net::UdpSocket::bind("10.0.1.99:1000").unwrap()).unwrap();
        let victim = two.udp(2000);
        victim.set_read_timeout(Some(SILENCE)).unwrap();
        spoof.send_to(b"spoof", (two.address, 2000)).unwrap();
        assert!(victim.recv(&mut [0; 10]).is_err());
        // Another MAC address, on a flow that is cached.
        let honest = one.udp(1001);
        honest.send_to(b"first", (two.address, 2000)).unwrap();
        assert_eq!(victim.recv(&mut [0; 10]).unwrap(), 5);
        netlink.set_mac(eth0, aws_types::MacAddress([2, 9, 9, 9, 9, 9])).unwrap();
        honest.send_to(b"other", (two.address, 2000)).unwrap();
        assert!(victim.recv(&mut [0; 10]).is_err());
        let names: Vec<_> = lab.plane().drops().iter().map(|drop| drop.last.name()).collect();
        assert!(names.contains(&"SourceCheck") && names.contains(&"SpoofedMac"), "{names:?}");
        lab.finish();
    });
}

#[test]
fn thousands_of_short_connections_over_few_ports_all_succeed() {
    const CLIENTS: usize = 4;
    const EACH: usize = 1500;
    in_both_modes(|lab| {
        let [one, two] = pair(&lab, &[out()], &[tcp_in(80, "10.0.0.0/16")]);
        let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
        // So few that every 5-tuple is used again and again.
        one.namespace.set_parameter("ipv4/ip_local_port_range", "20000 20400").unwrap();
        let listener = two.listen(80);
        listener.set_nonblocking(false).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..CLIENTS * EACH {
                    let (mut stream, _) = listener.accept().unwrap();
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    let mut request = [0; 100];
                    stream
                        .read_exact(&mut request)
                        .unwrap_or_else(|error| panic!("request {number}: {error}"));
                    stream.write_all(&request).unwrap();
                }
            });
            for client in 0..CLIENTS {
                let (one, address) = (&one, two.address);
                scope.spawn(move || {
                    one.namespace
                        .run(|| {
                            for number in 0..EACH {
                                let mut stream = std::net::TcpStream::connect((address, 80)).unwrap();
                                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                                stream.write_all(&[client as u8; 100]).unwrap();
                                let mut response = Vec::new();
                                stream
                                    .read_to_end(&mut response)
                                    .unwrap_or_else(|error| panic!("client {client}, {number}: {error}"));
                                assert_eq!(response, [client as u8; 100]);
                            }
                        })
                        .unwrap();
                });
            }
        });
        let drops = lab.plane().drops();
        assert!(drops.iter().all(|drop| drop.last.name() != "TrackingTableFull"), "{drops:?}");
        // What is closed leaves the cache soon and the table a few seconds later.
        let until = std::time::Instant::now() + std::time::Duration::from_secs(2);
        while lab.plane().counters().entries_cached > 100 {
            assert!(std::time::Instant::now() < until, "{:?}", lab.plane().counters());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        lab.finish();
    });
}
