//! The facts about connections, services and interfaces, each as rows of what is sent and what becomes of it.

use std::net::IpAddr;

use crate::services::{LINK_ROUTER_MAC, SERVICES_MAC, link_ipv4, link_ipv6};
use crate::testing::world::World;
use crate::testing::world::steps::{Change, Error, Send, SendOdd, Wait, as_is, check, usual};
use crate::{Packet, TcpFlags, Transport, Verdict, router_mac};
use aws_types::MacAddress;
use vpc_model::IdleTimeouts;

/// A server that one client's address may reach, so that its connections are tracked.
fn narrow_server(world: &mut World) {
    world.group(
        "narrow",
        &[
            "in tcp 22 10.0.0.10/32",
            "in udp 53 10.0.0.10/32",
            "in icmp 8 10.0.0.10/32",
            "in proto 47 10.0.0.10/32",
        ],
    );
    world.interface("s", &["10.0.1.30"], &["narrow"]);
}

/// A server that anybody may reach and that may send anything: its connections are not tracked there.
fn open_server(world: &mut World) {
    world.group(
        "wide",
        &["in tcp 22 0.0.0.0/0", "in udp 53 0.0.0.0/0", "in icmp * 0.0.0.0/0", "out all 0.0.0.0/0"],
    );
    world.interface("s", &["10.0.1.30"], &["wide"]);
}

pub fn tracked_and_untracked() {
    check(
        "22",
        narrow_server,
        &[
            Send("a", "10.0.1.30", "tcp 40000 22 S", "s"),
            Send("s", "10.0.0.10", "tcp 22 40000 SA", "a"),
            Change(|world| world.group("narrow", &[])),
            Send("a", "10.0.1.30", "tcp 40000 22 A", "s"),
            Send("s", "10.0.0.10", "tcp 22 40000 A", "a"),
            // Not a new one, not even with the same ports.
            Send("a", "10.0.1.30", "tcp 40001 22 S", "NoIngressRule"),
            Send("a", "10.0.1.30", "tcp 40000 22 S", "NoIngressRule"),
            Send("a", "10.0.1.30", "tcp 40000 22 A", "s"),
        ],
    );
    check(
        "22",
        narrow_server,
        &[
            Send("a", "10.0.1.30", "udp 40000 53", "s"),
            Change(|world| world.group("narrow", &[])),
            Send("s", "10.0.0.10", "udp 53 40000", "a"),
        ],
    );
    check(
        "23",
        open_server,
        &[
            Send("a", "10.0.1.30", "tcp 40000 22 S", "s"),
            Send("s", "10.0.0.10", "tcp 22 40000 SA", "a"),
            Send("a", "10.0.1.30", "tcp 40000 22 A", "s"),
            Change(|world| world.group("wide", &["in udp 53 0.0.0.0/0", "out all 0.0.0.0/0"])),
            Send("a", "10.0.1.30", "tcp 40000 22 A", "NoIngressRule"),
            // What the server still sends, its rules allow; that does not bring the connection back.
            Send("s", "10.0.0.10", "tcp 22 40000 A", "a"),
            Send("a", "10.0.1.30", "tcp 40000 22 A", "NoIngressRule"),
        ],
    );
    check(
        "23 the other way round",
        open_server,
        &[
            Send("a", "10.0.1.30", "udp 40000 53", "s"),
            Change(|world| world.group("wide", &["in udp 53 0.0.0.0/0"])),
            // Nothing remembers the question, so the answer needs a rule.
            Send("s", "10.0.0.10", "udp 53 40000", "NoEgressRule"),
        ],
    );
    check(
        "23 not open to all ports",
        |world| {
            world.group("wide", &["in tcp 22 0.0.0.0/0", "out tcp 1024-65535 0.0.0.0/0"]);
            world.interface("s", &["10.0.1.30"], &["wide"]);
        },
        &[
            Send("a", "10.0.1.30", "tcp 40000 22 S", "s"),
            Change(|world| world.group("wide", &[])),
            Send("a", "10.0.1.30", "tcp 40000 22 A", "s"),
        ],
    );
    check(
        "24",
        open_server,
        &[
            Send("a", "10.0.1.30", "icmp 8 0 5", "s"),
            Change(|world| world.group("wide", &[])),
            Send("a", "10.0.1.30", "icmp 8 0 5", "s"),
            Send("s", "10.0.0.10", "icmp 0 0 5", "a"),
            Send("s", "10.0.0.10", "icmp 0 0 6", "NoEgressRule"),
            Send("s", "10.0.0.10", "icmp 8 0 5", "NoEgressRule"),
            Wait(30),
            Send("s", "10.0.0.10", "icmp 0 0 5", "NoEgressRule"),
        ],
    );
    check(
        "24 errors about a tracked connection",
        narrow_server,
        &[
            Send("a", "10.0.1.30", "udp 40000 53", "s"),
            Error("a", "10.0.1.30", "udp 40000 53", ("s", 3, 3), "a"),
            Error("a", "10.0.1.30", "udp 40001 53", ("s", 3, 3), "NoEgressRule"),
            Error("a2", "10.0.1.30", "udp 40000 53", ("s", 3, 3), "NoEgressRule"),
        ],
    );
    check(
        "25",
        narrow_server,
        &[
            Send("s", "10.0.0.10", "proto 47", "NoEgressRule"),
            Send("a", "10.0.1.30", "proto 47", "s"),
            Wait(599),
            Send("s", "10.0.0.10", "proto 47", "a"),
            Wait(600),
            Send("s", "10.0.0.10", "proto 47", "NoEgressRule"),
        ],
    );
    check(
        "25 while it lasts",
        narrow_server,
        &[
            Send("a", "10.0.1.30", "proto 47", "s"),
            Change(|world| world.group("narrow", &[])),
            Send("s", "10.0.0.10", "proto 47", "a"),
            Send("s", "10.0.0.11", "proto 47", "NoEgressRule"),
            Send("s", "10.0.0.10", "proto 50", "NoEgressRule"),
        ],
    );
    check(
        "27",
        |world| {
            narrow_server(world);
            world.modify("s", |interface| interface.tracking_limit = Some(2));
        },
        &[
            Send("a", "10.0.1.30", "tcp 1 22 S", "s"),
            Send("a", "10.0.1.30", "tcp 2 22 S", "s"),
            Send("a", "10.0.1.30", "tcp 3 22 S", "TrackingTableFull"),
            Send("s", "10.0.0.10", "tcp 22 1 SA", "a"),
            Send("a", "10.0.1.30", "tcp 1 22 A", "s"),
            // A connection that ends makes room; so does one that idles.
            Send("a", "10.0.1.30", "tcp 1 22 R", "s"),
            Send("a", "10.0.1.30", "tcp 3 22 S", "s"),
            Send("a", "10.0.1.30", "tcp 4 22 S", "TrackingTableFull"),
            Wait(61),
            Send("a", "10.0.1.30", "tcp 4 22 S", "s"),
        ],
    );
}

pub fn services_of_the_link() {
    check(
        "29",
        |world| {
            world.interface("t", &["10.0.0.60", "2600:1f00::60"], &["tight"]);
            world.acl("A", &[]);
        },
        &[
            Send("t", "10.0.1.20", "udp 1 53", "NoEgressRule"),
            Send("t", "169.254.169.254", "tcp 40000 80 S", "services"),
            Send("t", "169.254.169.253", "udp 40000 53", "services"),
            Send("t", "10.0.0.2", "udp 40000 53", "services"),
            Send("t", "169.254.169.123", "udp 40000 123", "services"),
            Send("t", "fd00:ec2::254", "tcp 40000 80 S", "services"),
            Send("t", "fd00:ec2::253", "udp 40000 53", "services"),
            Send("t", "169.254.169.254", "icmp 8 0 1", "ServiceProtocol"),
        ],
    );
    check(
        "62 the resolver needs enableDnsSupport",
        |world| {
            let mut vpc = world.vpcs["v"].clone();
            vpc.dns_support = false;
            world.apply(&[vpc.into()]);
        },
        &[
            Send("a", "10.0.0.2", "udp 1 53", "DnsSupportDisabled"),
            Send("a", "169.254.169.253", "udp 1 53", "DnsSupportDisabled"),
            Send("a", "169.254.169.254", "tcp 1 80 S", "services"),
            Send("w", "169.254.169.253", "udp 1 53", "services"),
        ],
    );
}

/// The answer of a service to a packet that has arrived.
fn answer(world: &mut World, asked: &Packet, verdict: Verdict, flags: TcpFlags) -> (Packet, Verdict) {
    let delivery = *verdict.delivery().expect("delivered");
    let (source, destination) =
        (delivery.rewrite.destination.expect("rewritten"), delivery.rewrite.source.expect("rewritten"));
    let (source_port, port) = (source.port, destination.port);
    let packet = Packet {
        source_mac: SERVICES_MAC,
        destination_mac: LINK_ROUTER_MAC,
        source: source.address,
        destination: destination.address,
        transport: match asked.transport {
            Transport::Tcp { .. } => Transport::Tcp { source: source_port, destination: port, flags },
            _ => Transport::Udp { source: source_port, destination: port },
        },
        ..*asked
    };
    let verdict = world.send("services", &packet);
    (packet, verdict)
}

pub fn services_tell_interfaces_of_different_vpcs_apart() {
    let mut world = usual();
    for name in ["a", "w"] {
        let asked = world.packet(name, "10.0.0.2", "udp 40000 53");
        let verdict = world.send(name, &asked);
        let rewrite = verdict.delivery().unwrap().rewrite;
        assert_eq!(rewrite.source.unwrap().address, link_ipv4(world.port(name)));
        assert_eq!(rewrite.destination.unwrap().address, IpAddr::from([169, 254, 169, 253]));
        let (_, verdict) = answer(&mut world, &asked, verdict, TcpFlags::ACK);
        let delivery = *verdict.delivery().unwrap();
        assert_eq!(delivery.to, world.port(name));
        // The answer comes from the address that was asked, to the one that asked.
        assert_eq!(delivery.rewrite.source.unwrap().address, IpAddr::from([10, 0, 0, 2]));
        assert_eq!(delivery.rewrite.destination.unwrap().address, IpAddr::from([10, 0, 0, 10]));
    }
    let asked = world.packet("a", "fd00:ec2::254", "tcp 40000 80 S");
    let verdict = world.send("a", &asked);
    assert_eq!(verdict.delivery().unwrap().rewrite.source.unwrap().address, link_ipv6(world.port("a")));
}

pub fn requests_that_differ_only_in_what_the_service_cannot_see_stay_apart() {
    let mut world = usual();
    world.interface("two", &["10.0.0.70", "10.0.0.71"], &["open"]);
    let mut ports = Vec::new();
    for (source, to) in
        [([10, 0, 0, 70], "10.0.0.2"), ([10, 0, 0, 71], "10.0.0.2"), ([10, 0, 0, 70], "169.254.169.253")]
    {
        let mut asked = world.packet("two", to, "udp 5000 53");
        asked.source = source.into();
        let verdict = world.send("two", &asked);
        ports.push(verdict.delivery().unwrap().rewrite.source.unwrap().port);
        let (_, back) = answer(&mut world, &asked, verdict, TcpFlags::ACK);
        let rewrite = back.delivery().unwrap().rewrite;
        assert_eq!(rewrite.destination.unwrap().address, IpAddr::from(source));
        assert_eq!(rewrite.source.unwrap().address, to.parse::<IpAddr>().unwrap());
        assert_eq!(rewrite.destination.unwrap().port, 5000);
    }
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 3, "{ports:?}");
    // A service begins nothing.
    let mut asked = world.packet("a", "10.0.0.2", "udp 1 53");
    asked.source = "169.254.169.253".parse().unwrap();
    asked.destination = link_ipv4(world.port("a")).into();
    assert_eq!(world.outcome("services", &asked), "UnsolicitedByService");
}

pub fn idle_timeouts() {
    check(
        "30 TCP",
        narrow_server,
        &[
            Send("a", "10.0.1.30", "tcp 1 22 S", "s"),
            Send("s", "10.0.0.10", "tcp 22 1 SA", "a"),
            Send("a", "10.0.1.30", "tcp 1 22 A", "s"),
            Change(|world| world.group("narrow", &[])),
            Wait(431_999),
            Send("a", "10.0.1.30", "tcp 1 22 A", "s"),
            Wait(432_000),
            Send("a", "10.0.1.30", "tcp 1 22 A", "NoIngressRule"),
        ],
    );
    check(
        "30 TCP, configured",
        |world| {
            narrow_server(world);
            world.modify("s", |interface| interface.idle_timeouts = IdleTimeouts::new(60, 60, 60).unwrap());
        },
        &[
            Send("a", "10.0.1.30", "tcp 1 22 S", "s"),
            Send("s", "10.0.0.10", "tcp 22 1 SA", "a"),
            Send("a", "10.0.1.30", "tcp 1 22 A", "s"),
            Wait(60),
            Change(|world| world.group("narrow", &[])),
            Send("a", "10.0.1.30", "tcp 1 22 A", "NoIngressRule"),
        ],
    );
    check(
        "30 UDP, one exchange",
        narrow_server,
        &[
            Send("a", "10.0.1.30", "udp 1 53", "s"),
            Send("s", "10.0.0.10", "udp 53 1", "a"),
            Wait(29),
            Send("s", "10.0.0.10", "udp 53 1", "a"),
            Wait(30),
            Send("s", "10.0.0.10", "udp 53 1", "NoEgressRule"),
        ],
    );
    check(
        "30 UDP stream",
        narrow_server,
        &[
            Send("a", "10.0.1.30", "udp 1 53", "s"),
            Send("s", "10.0.0.10", "udp 53 1", "a"),
            Send("a", "10.0.1.30", "udp 1 53", "s"),
            Send("s", "10.0.0.10", "udp 53 1", "a"),
            Wait(179),
            Send("s", "10.0.0.10", "udp 53 1", "a"),
            Wait(180),
            Send("s", "10.0.0.10", "udp 53 1", "NoEgressRule"),
        ],
    );
}

pub fn interfaces() {
    check(
        "31",
        as_is,
        &[
            SendOdd(
                "a",
                "10.0.1.20",
                "udp 1 2",
                |_, packet| packet.source = IpAddr::from([10, 0, 0, 11]),
                "SourceCheck",
            ),
            SendOdd(
                "a",
                "10.0.1.20",
                "udp 1 2",
                |_, packet| packet.source = IpAddr::from([192, 0, 2, 1]),
                "SourceCheck",
            ),
            Change(|world| world.routes("A", &["192.0.2.0/24 @b"])),
            Send("a", "192.0.2.1", "udp 1 2", "DestinationCheck"),
            Change(|world| {
                world.modify("b", |interface| interface.source_dest_check = false);
                world.modify("a", |interface| interface.source_dest_check = false);
            }),
            Send("a", "192.0.2.1", "udp 1 2", "b"),
            SendOdd(
                "a",
                "10.0.1.21",
                "udp 1 2",
                |_, packet| packet.source = IpAddr::from([192, 0, 2, 1]),
                "b2",
            ),
            // Without its check an interface still cannot send from nowhere, or as somebody else on the link.
            SendOdd(
                "a",
                "10.0.1.20",
                "udp 1 2",
                |_, packet| packet.source = IpAddr::from([0, 0, 0, 0]),
                "InvalidSource",
            ),
            SendOdd(
                "a",
                "10.0.1.20",
                "udp 1 2",
                |world, packet| packet.source_mac = world.interfaces["a2"].mac,
                "SpoofedMac",
            ),
        ],
    );
    check(
        "31 a neighbour as next hop",
        as_is,
        &[
            SendOdd(
                "a",
                "192.0.2.1",
                "udp 1 2",
                |world, packet| {
                    packet.destination_mac = world.interfaces["m"].mac;
                },
                "DestinationCheck",
            ),
            Change(|world| world.modify("m", |interface| interface.source_dest_check = false)),
            SendOdd(
                "a",
                "192.0.2.1",
                "udp 1 2",
                |world, packet| packet.destination_mac = world.interfaces["m"].mac,
                "m",
            ),
            SendOdd(
                "a",
                "10.0.1.20",
                "udp 1 2",
                |world, packet| {
                    packet.destination_mac = world.interfaces["b"].mac;
                },
                "b",
            ),
        ],
    );
    check(
        "a neighbour's stale MAC address",
        as_is,
        &[SendOdd(
            "a",
            "10.0.0.11",
            "udp 1 2",
            |_, packet| packet.destination_mac = MacAddress::local(0xdead),
            "a2",
        )],
    );
    check(
        "overlapping VPCs",
        as_is,
        &[
            Send("w", "10.0.0.11", "udp 1 2", "NoSuchAddress"),
            Send("w", "10.0.1.20", "udp 1 2", "NoSuchAddress"),
            Send("a2", "10.0.0.10", "udp 1 2", "a"),
        ],
    );
    check(
        "an address changes hands",
        |world| {
            world.modify("b2", |interface| interface.secondary_ipv4.clear());
            world.modify("b", |interface| interface.secondary_ipv4.push([10, 0, 1, 121].into()));
        },
        &[Send("a", "10.0.1.121", "udp 1 2", "b")],
    );
}

pub fn what_arrives_is_what_was_sent() {
    // 37, 61a: within a VPC nothing changes but the link addresses; the TTL is in no rewrite at all.
    let mut world = usual();
    let packet = world.packet("a", "10.0.1.20", "tcp 1 22 S");
    let rewrite = world.delivery("a", &packet).rewrite;
    assert_eq!((rewrite.source, rewrite.destination), (None, None));
    assert_eq!(rewrite.source_mac, router_mac(world.interfaces["b"].subnet));
    assert_eq!(rewrite.destination_mac, world.interfaces["b"].mac);
    let packet = world.packet("a", "10.0.0.11", "tcp 1 22 S");
    let rewrite = world.delivery("a", &packet).rewrite;
    assert_eq!(
        (rewrite.source_mac, rewrite.destination_mac),
        (world.interfaces["a"].mac, world.interfaces["a2"].mac)
    );
}
