//! Frames in, frames out: what the fabric answers, and what rewriting does to bytes.
//!
//! Answers are read with other people's parsers, and checksums are compared with ones computed from scratch.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_types::{DhcpOptionsId, MacAddress, ResourceId as _};
use dhcproto::{Decodable, Decoder, Encodable, v4, v6};
use proptest::prelude::*;
use vpc_engine::frame::{TransportChecksum, apply_rewrite, parse, router_advertisement};
use vpc_engine::services::{LINK_ROUTER_MAC, SERVICES_MAC};
use vpc_engine::testing::world::World;
use vpc_engine::testing::{Scenario, Step, frame, with_checksums};
use vpc_engine::{
    Endpoint, Flows, FrameAction, Packet, Rewrite, Snapshot, TcpFlags, Transport, handle_frame, router_mac,
};
use vpc_model::{DhcpOptions, NetbiosNodeType, Port, Protocol, Resolver, Vpc};

fn network() -> World {
    let mut world = World::new();
    world.group("open", &["in all 0.0.0.0/0", "out all 0.0.0.0/0", "in all ::/0", "out all ::/0"]);
    world.interface("a", &["10.0.0.10", "2600:1f00::10"], &["open"]);
    world.interface("a2", &["10.0.0.11", "2600:1f00::11"], &["open"]);
    world.interface("b", &["10.0.1.20", "2600:1f00:0:1::20"], &["open"]);
    world.interface("w", &["10.0.0.99"], &["open"]);
    world
}

fn act(world: &mut World, from: &str, bytes: &[u8]) -> FrameAction {
    let port = world.port(from);
    handle_frame(&world.snapshot, &mut world.flows, port, bytes, None, world.now)
}

fn reply(world: &mut World, from: &str, bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    match act(world, from, bytes) {
        FrameAction::Reply(bytes) => Ok(bytes),
        FrameAction::Drop(reason) | FrameAction::Refuse(reason, _) => Err(reason.name()),
        FrameAction::Forward(_) => Err("Forward"),
    }
}

fn arp(mac: MacAddress, sender: &str, target: &str) -> Vec<u8> {
    let mut bytes = vec![0xff; 6];
    bytes.extend(mac.0);
    bytes.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]);
    bytes.extend(mac.0);
    bytes.extend(sender.parse::<Ipv4Addr>().expect("an address").octets());
    bytes.extend([0; 6]);
    bytes.extend(target.parse::<Ipv4Addr>().expect("an address").octets());
    bytes
}

#[test]
fn a9_arp_is_answered_by_the_fabric() {
    let mut world = network();
    let (a, a2) = (world.interfaces["a"].mac, world.interfaces["a2"].mac);
    let router = router_mac(world.interfaces["a"].subnet);
    let mut check = |mac: MacAddress,
                     sender: &str,
                     target: &str,
                     expected: Result<MacAddress, &'static str>| {
        let answer = reply(&mut world, "a", &arp(mac, sender, target));
        let mac_of = |bytes: &Vec<u8>| MacAddress(*bytes[22..].first_chunk().expect("an ARP packet"));
        assert_eq!(
            answer.as_ref().map(mac_of).map_err(|reason| *reason),
            expected,
            "{sender} asks for {target}"
        );
        if let Ok(bytes) = answer {
            assert_eq!(bytes[..6], a.0, "to who asked");
            assert_eq!(bytes[20..22], [0, 2], "a reply");
            assert_eq!(bytes[28..32], target.parse::<Ipv4Addr>().unwrap().octets(), "about what was asked");
        }
    };
    check(a, "10.0.0.10", "10.0.0.11", Ok(a2));
    check(a, "10.0.0.10", "10.0.0.1", Ok(router));
    check(a, "10.0.0.10", "10.0.0.2", Ok(router));
    check(a, "10.0.0.10", "169.254.169.254", Ok(router));
    check(a, "0.0.0.0", "10.0.0.11", Ok(a2));
    // Probes and announcements of the own address; addresses of nobody, of another subnet, of another VPC.
    check(a, "0.0.0.0", "10.0.0.10", Err("Unanswered"));
    check(a, "10.0.0.10", "10.0.0.10", Err("Unanswered"));
    check(a, "10.0.0.10", "10.0.0.77", Err("Unanswered"));
    check(a, "10.0.0.10", "10.0.1.20", Err("Unanswered"));
    check(a, "10.0.0.10", "10.0.0.99", Err("Unanswered"));
    check(a2, "10.0.0.10", "10.0.0.11", Err("SpoofedMac"));
    check(a, "10.0.0.11", "10.0.0.1", Err("SpoofedAddress"));
    assert_ne!(router, router_mac(world.interfaces["b"].subnet));
}

#[test]
fn the_services_reach_every_interface_through_one_next_hop() {
    let mut world = network();
    let answer = reply(&mut world, "services", &arp(SERVICES_MAC, "169.254.169.254", "100.64.0.3")).unwrap();
    assert_eq!(answer[6..12], LINK_ROUTER_MAC.0);
    assert_eq!(
        reply(&mut world, "services", &arp(SERVICES_MAC, "169.254.169.254", "10.0.0.10")),
        Err("Unanswered")
    );
}

fn udp_packet(world: &World, name: &str, source: IpAddr, destination: IpAddr, ports: (u16, u16)) -> Packet {
    Packet {
        source_mac: world.interfaces[name].mac,
        destination_mac: MacAddress::BROADCAST,
        source,
        destination,
        protocol: Protocol::UDP,
        transport: Transport::Udp { source: ports.0, destination: ports.1 },
        fragment: None,
        ttl: 64,
        length_bytes: 0,
        segment_bytes: 0,
        may_be_fragmented: true,
    }
}

fn dhcp(
    world: &mut World,
    kind: v4::MessageType,
    change: impl FnOnce(&mut v4::Message),
) -> Result<v4::Message, &'static str> {
    let mac = world.interfaces["a"].mac;
    let unspecified = Ipv4Addr::UNSPECIFIED;
    let mut message = v4::Message::new_with_id(7, unspecified, unspecified, unspecified, unspecified, &mac.0);
    message.opts_mut().insert(v4::DhcpOption::MessageType(kind));
    change(&mut message);
    let source = if message.ciaddr().is_unspecified() { unspecified } else { message.ciaddr() };
    let to = if source.is_unspecified() { Ipv4Addr::BROADCAST } else { Ipv4Addr::new(10, 0, 0, 1) };
    let packet = udp_packet(world, "a", source.into(), to.into(), (68, 67));
    let bytes = frame(&packet, &message.to_vec().expect("encodes"));
    let answer = reply(world, "a", &bytes)?;
    assert_eq!(with_checksums(answer.clone()), answer, "checksums");
    let headers = parse(&answer).expect("a packet");
    assert_eq!(headers.source, IpAddr::from([10, 0, 0, 1]));
    assert_eq!(headers.transport, Transport::Udp { source: 67, destination: 68 });
    let answer = v4::Message::decode(&mut Decoder::new(&answer[42..])).expect("decodes");
    assert_eq!((answer.xid(), answer.opcode()), (7, v4::Opcode::BootReply));
    Ok(answer)
}

#[test]
fn dhcp_leases_the_primary_address() {
    use v4::{DhcpOption, MessageType, OptionCode};
    let mut world = network();
    let offer = dhcp(&mut world, MessageType::Discover, |_| {}).unwrap();
    assert_eq!(offer.opts().msg_type(), Some(MessageType::Offer));
    assert_eq!(offer.yiaddr(), Ipv4Addr::new(10, 0, 0, 10));
    let ask = |message: &mut v4::Message| {
        message.opts_mut().insert(DhcpOption::RequestedIpAddress(Ipv4Addr::new(10, 0, 0, 10)));
        message.opts_mut().insert(DhcpOption::ServerIdentifier(Ipv4Addr::new(10, 0, 0, 1)));
    };
    let ack = dhcp(&mut world, MessageType::Request, ask).unwrap();
    assert_eq!(ack.opts().msg_type(), Some(MessageType::Ack));
    for expected in [
        DhcpOption::SubnetMask(Ipv4Addr::new(255, 255, 255, 0)),
        DhcpOption::Router(vec![Ipv4Addr::new(10, 0, 0, 1)]),
        DhcpOption::DomainNameServer(vec![Ipv4Addr::new(10, 0, 0, 2)]),
        DhcpOption::NtpServers(vec![Ipv4Addr::new(169, 254, 169, 123)]),
        DhcpOption::InterfaceMtu(9001),
        DhcpOption::AddressLeaseTime(3600),
        DhcpOption::ServerIdentifier(Ipv4Addr::new(10, 0, 0, 1)),
        DhcpOption::Hostname("ip-10-0-0-10".to_owned()),
        DhcpOption::DomainName("ec2.internal".to_owned()),
    ] {
        let code = OptionCode::from(&expected);
        assert_eq!(ack.opts().get(code), Some(&expected), "fact 71");
    }
    // A renewal goes straight to the server, from the address in use.
    let renewed = dhcp(&mut world, MessageType::Request, |message| {
        message.set_ciaddr(Ipv4Addr::new(10, 0, 0, 10));
    });
    assert_eq!(renewed.unwrap().opts().msg_type(), Some(MessageType::Ack));
    let other = dhcp(&mut world, MessageType::Request, |message| {
        message.opts_mut().insert(DhcpOption::RequestedIpAddress(Ipv4Addr::new(10, 0, 0, 11)));
    });
    assert_eq!(other.unwrap().opts().msg_type(), Some(MessageType::Nak));
    let elsewhere = dhcp(&mut world, MessageType::Request, |message| {
        message.opts_mut().insert(DhcpOption::ServerIdentifier(Ipv4Addr::new(10, 0, 0, 77)));
    });
    assert_eq!(elsewhere.unwrap_err(), "Unanswered");
    let informed = dhcp(&mut world, MessageType::Inform, |message| {
        message.set_ciaddr(Ipv4Addr::new(10, 0, 0, 10));
    });
    let informed = informed.unwrap();
    assert_eq!(
        (informed.opts().msg_type(), informed.yiaddr()),
        (Some(MessageType::Ack), Ipv4Addr::UNSPECIFIED)
    );
    assert_eq!(informed.opts().get(OptionCode::AddressLeaseTime), None);
    assert_eq!(dhcp(&mut world, MessageType::Release, ask).unwrap_err(), "Unanswered");
    let somebody = dhcp(&mut world, MessageType::Discover, |message| {
        message.set_chaddr(&[2, 2, 2, 2, 2, 2]);
    });
    assert_eq!(somebody.unwrap_err(), "SpoofedMac");
}

/// A set in the place of the VPC's own.
fn option_set(change: impl FnOnce(&mut DhcpOptions)) -> DhcpOptions {
    let mut set = DhcpOptions {
        id: DhcpOptionsId::from_bits(1),
        domain_name: Some("one.example two.example".to_owned()),
        resolvers: vec![
            Resolver::Address("10.0.0.53".parse().expect("an address")),
            Resolver::AmazonProvided,
            Resolver::Address("2001:db8::53".parse().expect("an address")),
            Resolver::Address("10.0.0.54".parse().expect("an address")),
        ],
        ntp_servers: vec![
            "10.0.0.123".parse().expect("an address"),
            "fd00:ec2::123".parse().expect("an address"),
        ],
        netbios_name_servers: vec![
            "10.0.0.137".parse().expect("an address"),
            "10.0.0.138".parse().expect("an address"),
        ],
        netbios_node_type: Some(NetbiosNodeType::PointToPoint),
        mtu_bytes: DhcpOptions::VPC_MTU_BYTES,
        ipv6_preferred_lease_secs: 600,
    };
    change(&mut set);
    set
}

/// Every option of a set is in the answer to the renewal after it has changed, and gone with the next.
#[test]
fn fact_71_a_renewal_takes_a_changed_option_set() {
    use v4::{DhcpOption, MessageType, NodeType, OptionCode};
    let mut world = network();
    let renew = |world: &mut World| {
        let renewed = dhcp(world, MessageType::Request, |message| {
            message.set_ciaddr(Ipv4Addr::new(10, 0, 0, 10));
        });
        renewed.unwrap()
    };
    let before = renew(&mut world);
    assert_eq!(before.opts().get(OptionCode::Renewal), Some(&DhcpOption::Renewal(1800)));
    assert_eq!(before.opts().get(OptionCode::Rebinding), Some(&DhcpOption::Rebinding(3150)));
    world.apply(&[option_set(|_| {}).into()]);
    let changed = renew(&mut world);
    let v4 = |address: [u8; 4]| Ipv4Addr::from(address);
    for expected in [
        // Several domains are one text.
        DhcpOption::DomainName("one.example two.example".to_owned()),
        DhcpOption::DomainNameServer(vec![v4([10, 0, 0, 53]), v4([10, 0, 0, 2]), v4([10, 0, 0, 54])]),
        DhcpOption::NtpServers(vec![v4([10, 0, 0, 123])]),
        DhcpOption::NetBiosNameServers(vec![v4([10, 0, 0, 137]), v4([10, 0, 0, 138])]),
        DhcpOption::NetBiosNodeType(NodeType::P),
        DhcpOption::AddressLeaseTime(3600),
        DhcpOption::InterfaceMtu(9001),
    ] {
        assert_eq!(changed.opts().get(OptionCode::from(&expected)), Some(&expected));
    }
    // AWS sends no classless routes.
    assert_eq!(changed.opts().get(OptionCode::ClasslessStaticRoute), None);
    let bare = option_set(|set| {
        set.domain_name = None;
        set.ntp_servers.clear();
        set.netbios_name_servers.clear();
        set.netbios_node_type = None;
    });
    world.apply(&[bare.into()]);
    let changed = renew(&mut world);
    for code in [
        OptionCode::DomainName,
        OptionCode::NtpServers,
        OptionCode::NetBiosNameServers,
        OptionCode::NetBiosNodeType,
    ] {
        assert_eq!(changed.opts().get(code), None);
    }
}

/// A VPC whose options are `default`.
#[test]
fn fact_71_without_an_option_set_the_resolver_is_the_link_local_one() {
    use v4::{DhcpOption, MessageType, OptionCode};
    let mut world = network();
    let vpc = Vpc { dhcp_options: None, ..world.vpcs["v"].clone() };
    world.apply(&[vpc.into()]);
    let offer = dhcp(&mut world, MessageType::Discover, |_| {}).unwrap();
    let resolver = DhcpOption::DomainNameServer(vec![Ipv4Addr::new(169, 254, 169, 253)]);
    assert_eq!(offer.opts().get(OptionCode::DomainNameServer), Some(&resolver));
    assert_eq!(offer.opts().get(OptionCode::InterfaceMtu), Some(&DhcpOption::InterfaceMtu(9001)));
    assert_eq!(offer.opts().get(OptionCode::DomainName), None);
}

fn dhcp6(
    world: &mut World,
    kind: v6::MessageType,
    named: Option<Ipv6Addr>,
) -> Result<v6::Message, &'static str> {
    use v6::{DhcpOption, DhcpOptions, IAAddr, IANA, Message};
    let mut message = Message::new_with_id(kind, [1, 2, 3]);
    message.opts_mut().insert(DhcpOption::ClientId(vec![0, 3, 0, 1, 2, 2, 2, 2, 2, 2]));
    let mut opts = DhcpOptions::new();
    if let Some(addr) = named {
        opts.insert(DhcpOption::IAAddr(IAAddr {
            addr,
            preferred_life: 0,
            valid_life: 0,
            opts: DhcpOptions::new(),
        }));
    }
    message.opts_mut().insert(DhcpOption::IANA(IANA { id: 9, t1: 0, t2: 0, opts }));
    let (source, to): (IpAddr, IpAddr) =
        ("fe80::10".parse().expect("an address"), "ff02::1:2".parse().expect("one"));
    let packet = udp_packet(world, "a", source, to, (546, 547));
    let answer = reply(world, "a", &frame(&packet, &message.to_vec().expect("encodes")))?;
    assert_eq!(with_checksums(answer.clone()), answer, "checksums");
    assert_eq!(parse(&answer).expect("a packet").destination, source);
    Ok(Message::decode(&mut Decoder::new(&answer[62..])).expect("decodes"))
}

#[test]
fn dhcpv6_leases_the_ipv6_address() {
    use v6::{DhcpOption, MessageType, OptionCode};
    let mut world = network();
    let own: Ipv6Addr = "2600:1f00::10".parse().unwrap();
    for (kind, expected) in
        [(MessageType::Solicit, MessageType::Advertise), (MessageType::Request, MessageType::Reply)]
    {
        let answer = dhcp6(&mut world, kind, None).unwrap();
        assert_eq!(answer.msg_type(), expected);
        let Some(DhcpOption::IANA(association)) = answer.opts().get(OptionCode::IANA) else {
            panic!("an address")
        };
        let Some(DhcpOption::IAAddr(leased)) = association.opts.get(OptionCode::IAAddr) else {
            panic!("an address")
        };
        assert_eq!((association.id, leased.addr), (9, own));
        assert_eq!((leased.preferred_life, leased.valid_life), (140, 450));
        assert_eq!((association.t1, association.t2), (70, 112));
        // An instance with IPv4 addresses has these by DHCP for IPv4.
        for code in [OptionCode::DomainNameServers, OptionCode::DomainSearchList] {
            assert_eq!(answer.opts().get(code), None);
        }
    }
    // What the interface has not ends at once.
    let answer = dhcp6(&mut world, MessageType::Renew, Some("2600:1f00::dead".parse().unwrap())).unwrap();
    let Some(DhcpOption::IANA(association)) = answer.opts().get(OptionCode::IANA) else {
        panic!("an association")
    };
    let lives: Vec<u32> = association
        .opts
        .iter()
        .filter_map(|option| match option {
            DhcpOption::IAAddr(address) => Some(address.valid_life),
            _ => None,
        })
        .collect();
    assert_eq!(lives, [450, 0]);
    world.apply(&[option_set(|_| {}).into()]);
    let answer = dhcp6(&mut world, MessageType::Renew, Some(own)).unwrap();
    let Some(DhcpOption::IANA(association)) = answer.opts().get(OptionCode::IANA) else {
        panic!("an association")
    };
    let Some(DhcpOption::IAAddr(renewed)) = association.opts.get(OptionCode::IAAddr) else {
        panic!("an address")
    };
    let times = (association.t1, association.t2, renewed.preferred_life, renewed.valid_life);
    assert_eq!(times, (300, 480, 600, 910), "fact 71");
}

fn solicitation(world: &World, source: &str, target: &str) -> Vec<u8> {
    let target: Ipv6Addr = target.parse().expect("an address");
    let packet = Packet {
        source_mac: world.interfaces["a"].mac,
        destination_mac: MacAddress([0x33, 0x33, 0xff, 0, 0, 1]),
        source: source.parse().expect("an address"),
        destination: "ff02::1:ff00:1".parse().expect("an address"),
        protocol: Protocol::ICMPV6,
        transport: Transport::Icmp { kind: 135, code: 0, id: 0, about: None },
        fragment: None,
        ttl: 255,
        length_bytes: 0,
        segment_bytes: 0,
        may_be_fragmented: true,
    };
    let mut bytes = frame(&packet, &target.octets());
    // Where the identifier of a query would be there is nothing.
    bytes[58..62].fill(0);
    with_checksums(bytes)
}

#[test]
fn a9_neighbours_and_the_router_are_found() {
    let mut world = network();
    let router = router_mac(world.interfaces["a"].subnet);
    let a2 = world.interfaces["a2"].mac;
    let check =
        |world: &mut World, source: &str, target: &str, expected: Result<MacAddress, &'static str>| {
            let bytes = solicitation(world, source, target);
            let answer = reply(world, "a", &bytes);
            let mac_of = |bytes: &Vec<u8>| MacAddress(*bytes[80..].first_chunk().expect("an option"));
            assert_eq!(
                answer.as_ref().map(mac_of).map_err(|reason| *reason),
                expected,
                "{source} asks for {target}"
            );
            if let Ok(bytes) = answer {
                assert_eq!(with_checksums(bytes.clone()), bytes, "checksums");
                assert_eq!((bytes[54], bytes[21]), (136, 255), "an advertisement with hop limit 255");
            }
        };
    check(&mut world, "2600:1f00::10", "2600:1f00::11", Ok(a2));
    check(&mut world, "fe80::10", "2600:1f00::11", Ok(a2));
    check(&mut world, "2600:1f00::10", "fd00:ec2::254", Ok(router));
    check(&mut world, "::", "2600:1f00::10", Err("Unanswered"));
    check(&mut world, "2600:1f00::10", "2600:1f00:0:1::20", Err("Unanswered"));
    check(&mut world, "2600:1f00::11", "2600:1f00::11", Err("SpoofedAddress"));

    let advertisement = router_advertisement(&world.snapshot, world.port("a")).unwrap();
    assert_eq!(with_checksums(advertisement.clone()), advertisement, "checksums");
    let source = parse(&advertisement).unwrap().source.to_string();
    check(&mut world, "2600:1f00::10", &source, Ok(router));
    // Managed addresses, a default router, the subnet's prefix on the link and not for autoconfiguration.
    assert_eq!((advertisement[54], advertisement[59] & 0xc0), (134, 0xc0));
    let prefix = &advertisement[86..];
    assert_eq!(
        (prefix[..4].to_vec(), &prefix[16..32]),
        (vec![3, 4, 64, 0x80], &"2600:1f00::".parse::<Ipv6Addr>().unwrap().octets()[..])
    );
    // Nobody else is a router.
    let mut bytes = solicitation(&world, "fe80::10", "fe80::10");
    bytes[54] = 134;
    assert_eq!(reply(&mut world, "a", &with_checksums(bytes)), Err("Unanswered"));
}

#[test]
fn frames_of_other_kinds_are_dropped() {
    let mut world = network();
    let mac = world.interfaces["a"].mac;
    let mut tagged = arp(mac, "10.0.0.10", "10.0.0.11");
    tagged[12..14].copy_from_slice(&[0x81, 0]);
    assert_eq!(reply(&mut world, "a", &tagged), Err("UnsupportedEtherType"));
    assert_eq!(reply(&mut world, "a", &tagged[..13]), Err("Malformed"));
    let server = udp_packet(&world, "a", "10.0.0.10".parse().unwrap(), Ipv4Addr::BROADCAST.into(), (67, 68));
    assert_eq!(reply(&mut world, "a", &frame(&server, &[0; 300])), Err("Broadcast"));
}

/// Packets as scenarios make them.
fn scenario_packets(seed: u64) -> impl Iterator<Item = (Port, Packet)> {
    let mut scenario = Scenario::new(seed);
    (0..40).map(move |_| match scenario.packet() {
        Step::Packet(port, packet) => (port, packet),
        _ => unreachable!("a packet was asked for"),
    })
}

fn endpoint(bits: u128, port: u16, like: IpAddr) -> Endpoint {
    let address = if like.is_ipv4() {
        IpAddr::from((bits as u32).to_be_bytes())
    } else {
        IpAddr::from(bits.to_be_bytes())
    };
    Endpoint { address, port }
}

/// The sum of the pseudo header, which a partial checksum holds.
fn set_partial(bytes: &mut [u8]) {
    let headers = parse(bytes).expect("a packet");
    let (transport, addresses) = if headers.source.is_ipv4() { (34, 26..34) } else { (54, 22..54) };
    let length = (bytes.len() - transport) as u32;
    let words = bytes[addresses].chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let mut sum = words.sum::<u32>() + u32::from(headers.protocol.0) + length;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let at = transport + if headers.protocol == Protocol::TCP { 16 } else { 6 };
    bytes[at..at + 2].copy_from_slice(&(sum as u16).to_be_bytes());
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(seed in any::<u64>(), payload in prop::collection::vec(any::<u8>(), 0..64)) {
        for (_, packet) in scenario_packets(seed) {
            let bytes = frame(&packet, &payload);
            let mut read = parse(&bytes);
            if let Ok(read) = &mut read {
                prop_assert_eq!(read.length_bytes as usize, bytes.len() - 14);
                prop_assert_eq!(read.segment_bytes, read.length_bytes);
                (read.length_bytes, read.segment_bytes) = (packet.length_bytes, packet.segment_bytes);
            }
            let mut expected = packet;
            // An error without a quote may quote the payload.
            if let (Transport::Icmp { about: about @ None, .. }, Ok(Packet { transport: Transport::Icmp { about: found, .. }, .. })) =
                (&mut expected.transport, &read)
            {
                *about = *found;
            }
            prop_assert_eq!(read, Ok(expected));
            // Padding at the end is not part of the packet.
            let mut padded = bytes.clone();
            padded.extend([0; 7]);
            prop_assert_eq!(parse(&padded).map(|read| read.length_bytes as usize), Ok(bytes.len() - 14));
        }
    }

    #[test]
    fn a_rewrite_leaves_right_checksums(
        seed in any::<u64>(),
        payload in prop::collection::vec(any::<u8>(), 0..64),
        (source, destination) in (any::<u128>(), any::<u128>()),
        ports in any::<(u16, u16)>(),
        which in 0_u8..4,
    ) {
        for (_, packet) in scenario_packets(seed) {
            if packet.fragment.is_some() {
                continue;
            }
            let rewrite = Rewrite {
                source_mac: MacAddress::local(1),
                destination_mac: MacAddress::local(2),
                source: (which & 1 != 0).then(|| endpoint(source, ports.0, packet.source)),
                destination: (which & 2 != 0).then(|| endpoint(destination, ports.1, packet.source)),
                quoted: None,
                segment_payload_max: None,
            };
            let mut bytes = frame(&packet, &payload);
            apply_rewrite(&mut bytes, &rewrite, TransportChecksum::Complete).unwrap();
            let fresh = with_checksums(bytes.clone());
            // Both zeros of ones' complement arithmetic are the same checksum.
            let is_same = |a: &[u8], b: &[u8]| a.chunks(2).zip(b.chunks(2)).all(|(a, b)| {
                a == b || ([a, b].iter().all(|word| matches!(**word, [0, 0] | [0xff, 0xff])))
            });
            prop_assert!(is_same(&bytes, &fresh));
            let read = parse(&bytes).unwrap();
            prop_assert_eq!((read.source_mac, read.destination_mac, read.ttl), (rewrite.source_mac, rewrite.destination_mac, packet.ttl));
            prop_assert_eq!(read.source, rewrite.source.map_or(packet.source, |new| new.address));
            prop_assert_eq!(read.destination, rewrite.destination.map_or(packet.destination, |new| new.address));

            if matches!(packet.transport, Transport::Tcp { .. } | Transport::Udp { .. }) {
                let mut partial = frame(&packet, &payload);
                set_partial(&mut partial);
                apply_rewrite(&mut partial, &rewrite, TransportChecksum::Partial).unwrap();
                let mut expected = partial.clone();
                set_partial(&mut expected);
                prop_assert!(is_same(&partial, &expected));
            }
        }
    }

    #[test]
    fn no_bytes_are_too_strange(
        seed in any::<u64>(),
        cut in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        noise in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let snapshot = Snapshot::new().apply(&Scenario::new(seed).topology().deltas()).snapshot;
        let mut flows = Flows::default();
        let now = vpc_engine::Millis(0);
        for (port, packet) in scenario_packets(seed).take(8) {
            let mut bytes = frame(&packet, &noise);
            for (at, value) in &damage {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            let action = handle_frame(&snapshot, &mut flows, port, &bytes, None, now);
            if let FrameAction::Forward(delivery) = action {
                apply_rewrite(&mut bytes, &delivery.rewrite, TransportChecksum::Complete).unwrap();
            }
            handle_frame(&snapshot, &mut flows, port, &noise, None, now);
        }
    }
}

#[test]
fn udp_without_a_checksum_stays_without() {
    let world = network();
    let packet = world.packet("a", "10.0.0.2", "udp 5000 53");
    let mut bytes = frame(&packet, b"question");
    bytes[40..42].fill(0);
    let rewrite = Rewrite {
        source_mac: LINK_ROUTER_MAC,
        destination_mac: SERVICES_MAC,
        source: Some(Endpoint { address: "100.64.0.1".parse().unwrap(), port: 5001 }),
        destination: None,
        quoted: None,
        segment_payload_max: None,
    };
    apply_rewrite(&mut bytes, &rewrite, TransportChecksum::Complete).unwrap();
    assert_eq!(bytes[40..42], [0, 0]);
    assert_eq!(bytes[34..36], 5001_u16.to_be_bytes());
}

#[test]
fn tiny_and_overlapping_fragments_are_refused() {
    let world = network();
    let mut packet = world.packet("a", "10.0.1.20", "tcp 1 2 S");
    packet.fragment = Some(vpc_engine::Fragment { id: 1, offset_bytes: 0, more: true });
    let mut bytes = frame(&packet, &[]);
    bytes.truncate(14 + 20 + 8);
    bytes[16..18].copy_from_slice(&28_u16.to_be_bytes());
    assert_eq!(parse(&bytes).unwrap_err().name(), "Malformed");
    packet.transport = Transport::Continuation;
    packet.fragment = Some(vpc_engine::Fragment { id: 1, offset_bytes: 8, more: false });
    assert_eq!(parse(&frame(&packet, &[0; 40])).unwrap_err().name(), "Malformed");
    assert!(!TcpFlags::default().opens());
}
