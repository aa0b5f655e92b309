//! The facts, each as rows of what is sent and what becomes of it.

mod world;

use std::net::IpAddr;

use aws_types::MacAddress;
use vpc_engine::services::{LINK_ROUTER_MAC, SERVICES_MAC, link_ipv4, link_ipv6};
use vpc_engine::{Millis, Packet, TcpFlags, Transport, Verdict, router_mac};
use vpc_model::IdleTimeouts;
use world::{World, error_about};

/// One thing that happens in a row.
enum Step {
    /// From an interface, to an address, what, and what becomes of it: the receiver's name or the reason's.
    Send(&'static str, &'static str, &'static str, &'static str),
    /// The same with something unusual about the packet.
    SendOdd(&'static str, &'static str, &'static str, fn(&World, &mut Packet), &'static str),
    /// An ICMP error about a packet like that, sent by its receiver (the third name), with type and code.
    Error(&'static str, &'static str, &'static str, (&'static str, u8, u8), &'static str),
    /// A change.
    Change(fn(&mut World)),
    /// So many seconds.
    Wait(u64),
}

use Step::{Change, Error, Send, SendOdd, Wait};

const EVERYTHING: [&str; 4] = ["in all 0.0.0.0/0", "out all 0.0.0.0/0", "in all ::/0", "out all ::/0"];

/// Two VPCs with the same addresses. `a`, `a2` and `m` are in subnet A, `b` and `b2` in B, `w` in the other VPC.
fn usual() -> World {
    let mut world = World::new();
    world.group("open", &EVERYTHING);
    world.group("out", &["out all 0.0.0.0/0", "out all ::/0"]);
    world.group("tight", &[]);
    world.interface("a", &["10.0.0.10", "2600:1f00::10"], &["open"]);
    world.interface("a2", &["10.0.0.11", "2600:1f00::11"], &["open"]);
    world.interface("b", &["10.0.1.20", "2600:1f00:0:1::20"], &["open"]);
    world.interface("b2", &["10.0.1.21", "10.0.1.121"], &["open"]);
    world.interface("m", &["10.0.0.50"], &["open"]);
    world.interface("w", &["10.0.0.10"], &["open"]);
    world
}

fn check(fact: &str, setup: fn(&mut World), steps: &[Step]) {
    let mut world = usual();
    setup(&mut world);
    for (index, step) in steps.iter().enumerate() {
        let (from, packet, expected) = match *step {
            Send(from, to, spec, expected) => (from, world.packet(from, to, spec), expected),
            SendOdd(from, to, spec, change, expected) => {
                let mut packet = world.packet(from, to, spec);
                change(&world, &mut packet);
                (from, packet, expected)
            }
            Error(from, to, spec, (receiver, kind, code), expected) => {
                let packet = world.packet(from, to, spec);
                let mac = world.interfaces[receiver].mac;
                let mut error = error_about(&packet, mac, kind, code);
                let subnet_of = |name: &str| world.interfaces[name].subnet;
                if subnet_of(receiver) != subnet_of(from) {
                    error.destination_mac = router_mac(subnet_of(receiver));
                }
                (receiver, error, expected)
            }
            Change(change) => {
                change(&mut world);
                continue;
            }
            Wait(secs) => {
                world.now = Millis(world.now.0 + secs * 1000);
                continue;
            }
        };
        let outcome = world.outcome(from, &packet);
        assert_eq!(outcome, expected, "fact {fact}, step {index}: {packet:?}");
    }
}

fn as_is(_: &mut World) {}

#[test]
fn addressing() {
    check(
        "A3",
        as_is,
        &[
            Send("a", "10.0.0.1", "icmp 8 0 1", "RouterAddress"),
            Send("a", "10.0.0.3", "icmp 8 0 1", "NoSuchAddress"),
            Send("a", "10.0.1.1", "icmp 8 0 1", "NoSuchAddress"),
        ],
    );
    check(
        "A4",
        as_is,
        &[Send("a", "2600:1f00:0:1::20", "tcp 1 22 S", "b"), Send("a", "2600:1f00::11", "udp 1 2", "a2")],
    );
    check(
        "A8",
        as_is,
        &[
            Send("a", "255.255.255.255", "udp 1 2", "Broadcast"),
            Send("a", "10.0.0.255", "udp 1 2", "Broadcast"),
            SendOdd(
                "a",
                "10.0.0.11",
                "udp 1 2",
                |_, packet| packet.destination_mac = MacAddress::BROADCAST,
                "Broadcast",
            ),
            Send("a", "224.0.0.251", "udp 5353 5353", "Multicast"),
            Send("a", "ff02::fb", "udp 5353 5353", "Multicast"),
        ],
    );
    // A9 is shown with frames.
}

#[test]
fn routing() {
    check(
        "1",
        |world| world.routes("A", &["10.0.1.0/24 blackhole", "10.0.1.20/32 @m", "10.0.1.16/28 local"]),
        &[
            Send("a", "10.0.1.21", "udp 1 2", "b2"),
            Send("a", "10.0.1.121", "udp 1 2", "Blackhole"),
            Send("a", "10.0.1.20", "udp 1 2", "DestinationCheck"),
        ],
    );
    check(
        "5",
        |world| world.routes("A", &["0.0.0.0/0 @m"]),
        &[
            Send("a", "192.0.2.1", "udp 1 2", "DestinationCheck"),
            Send("a", "2001:db8::1", "udp 1 2", "NoRoute"),
        ],
    );
    check(
        "6",
        as_is,
        &[
            Send("a", "10.0.1.20", "udp 1 2", "b"),
            Send("a", "192.0.2.1", "udp 1 2", "NoRoute"),
            Change(|world| world.routes("A", &["10.0.0.0/16 blackhole"])),
            Send("a", "10.0.1.20", "udp 1 2", "Blackhole"),
            Change(|world| world.routes("A", &["10.0.0.0/16 local"])),
            Send("a", "10.0.1.20", "udp 1 2", "b"),
        ],
    );
    check(
        "6",
        |world| {
            let mut vpc = world.vpcs["v"].clone();
            vpc.ipv4_cidrs.push("100.64.0.0/24".parse().unwrap());
            world.apply(&[vpc.into()]);
        },
        &[Send("a", "100.64.0.9", "udp 1 2", "NoSuchAddress"), Send("a", "100.64.1.9", "udp 1 2", "NoRoute")],
    );
    check(
        "8",
        |world| world.routes("A", &["0.0.0.0/0 @m", "169.254.0.0/16 @m"]),
        &[
            Send("a", "169.254.169.254", "tcp 1 80 S", "services"),
            Send("a", "169.254.168.1", "udp 1 2", "NoSuchService"),
            Send("a", "fd00:ec2::77", "udp 1 2", "NoSuchService"),
        ],
    );
    check(
        "9",
        |world| world.routes("A", &["10.0.0.0/24 blackhole", "10.0.0.11/32 @m"]),
        &[
            Send("a", "10.0.0.11", "udp 1 2", "a2"),
            SendOdd(
                "a",
                "10.0.0.11",
                "udp 1 2",
                |_, packet| {
                    packet.destination_mac = router_mac(world::subnet("A"));
                },
                "a2",
            ),
        ],
    );
    check(
        "10",
        |world| world.routes("A", &["10.0.1.20/32 blackhole"]),
        &[Send("a", "10.0.1.20", "udp 1 2", "Blackhole"), Send("a", "10.0.1.21", "udp 1 2", "b2")],
    );
    check(
        "14",
        |world| world.routes("A", &["192.0.2.0/24 @m"]),
        &[Change(|world| world.remove("m")), Send("a", "192.0.2.1", "udp 1 2", "Blackhole")],
    );
}

#[test]
fn the_order_of_the_gates() {
    // Everything is against the packet; then one obstacle after the other goes, in the order of the gates.
    check(
        "15",
        |world| {
            world.group("x", &[]);
            world.group("y", &[]);
            world.modify("a", |interface| interface.security_groups.clear());
            world.modify("b", |interface| interface.security_groups.clear());
            world.acl("A", &[]);
            world.acl("B", &[]);
            world.routes("A", &["10.0.1.0/24 blackhole"]);
        },
        &[
            SendOdd(
                "a",
                "10.0.1.20",
                "udp 1 2",
                |_, packet| packet.source = IpAddr::from([10, 0, 0, 99]),
                "SourceCheck",
            ),
            Send("a", "10.0.1.20", "udp 1 2", "NoEgressRule"),
            Change(|world| {
                world.group("x", &["out all 0.0.0.0/0"]);
                let groups = vec!["sg-00000000000000078".parse().unwrap()];
                world.modify("a", |interface| interface.security_groups = groups);
            }),
            Send("a", "10.0.1.20", "udp 1 2", "NetworkAclDenied"),
            Change(|world| world.acl("A", &["out 1 allow all 0.0.0.0/0"])),
            Send("a", "10.0.1.20", "udp 1 2", "Blackhole"),
            Change(|world| world.routes("A", &[])),
            Send("a", "10.0.1.20", "udp 1 2", "NetworkAclDenied"),
            Change(|world| world.acl("B", &["in 1 allow all 0.0.0.0/0"])),
            Send("a", "10.0.1.20", "udp 1 2", "NoIngressRule"),
            Change(|world| {
                world.group("y", &["in udp 2 10.0.0.10/32"]);
                let groups = vec!["sg-00000000000000079".parse().unwrap()];
                world.modify("b", |interface| interface.security_groups = groups);
            }),
            Send("a", "10.0.1.20", "udp 1 2", "b"),
        ],
    );
}

#[test]
fn network_acls() {
    check(
        "16",
        |world| world.acl("A", &[]),
        &[Send("a", "10.0.0.11", "udp 1 2", "a2"), Send("a", "10.0.1.20", "udp 1 2", "NetworkAclDenied")],
    );
    check(
        "17",
        |world| {
            world.acl(
                "B",
                &[
                    "in 200 allow all 0.0.0.0/0",
                    "in 100 deny tcp 22-23 10.0.0.0/24",
                    "in 90 allow tcp 23 10.0.0.0/25",
                    "in 300 deny udp * 0.0.0.0/0",
                    "out 100 allow tcp 1024-65535 0.0.0.0/0",
                ],
            );
        },
        &[
            Send("a", "10.0.1.20", "tcp 40000 22 S", "NetworkAclDenied"),
            Send("a", "10.0.1.20", "tcp 40000 23 S", "b"),
            Send("a", "10.0.1.20", "udp 40000 53", "b"),
            // Stateless: the answer needs a rule of its own.
            Send("b", "10.0.0.10", "tcp 23 40000 SA", "a"),
            Send("b", "10.0.0.10", "udp 53 40000", "NetworkAclDenied"),
            Send("b", "10.0.0.10", "tcp 22 22 S", "NetworkAclDenied"),
            // No entry is for IPv6.
            Send("a", "2600:1f00:0:1::20", "tcp 1 23 S", "NetworkAclDenied"),
        ],
    );
    check(
        "17",
        |world| world.acl("B", &["in 1 allow icmp 8 0.0.0.0/0", "out 1 allow icmp 0/0 0.0.0.0/0"]),
        &[
            Send("a", "10.0.1.20", "icmp 8 0 7", "b"),
            Send("b", "10.0.0.10", "icmp 0 0 7", "a"),
            Send("b", "10.0.0.10", "icmp 8 0 7", "NetworkAclDenied"),
        ],
    );
    check(
        "28",
        as_is,
        &[
            Send("a", "10.0.1.20", "tcp 40000 22 S", "b"),
            Send("b", "10.0.0.10", "tcp 22 40000 SA", "a"),
            Change(|world| world.acl("B", &["in 1 deny tcp 22 0.0.0.0/0", "out 1 allow all 0.0.0.0/0"])),
            Send("a", "10.0.1.20", "tcp 40000 22 A", "NetworkAclDenied"),
            Send("b", "10.0.0.10", "tcp 22 40000 A", "a"),
        ],
    );
}

#[test]
fn security_group_rules() {
    check(
        "18",
        |world| {
            world.group("g1", &["in tcp 22 10.0.0.10/32"]);
            world.group("g2", &["in tcp 80-90 10.0.0.0/16", "in icmp 8 0.0.0.0/0", "in proto 47 0.0.0.0/0"]);
            world.interface("s", &["10.0.1.30", "2600:1f00:0:1::30"], &["g1", "g2"]);
        },
        &[
            Send("a", "10.0.1.30", "tcp 1 22 S", "s"),
            Send("a2", "10.0.1.30", "tcp 1 22 S", "NoIngressRule"),
            Send("a", "10.0.1.30", "tcp 1 79 S", "NoIngressRule"),
            Send("a", "10.0.1.30", "tcp 1 80 S", "s"),
            Send("a2", "10.0.1.30", "tcp 1 90 S", "s"),
            Send("a", "10.0.1.30", "tcp 1 91 S", "NoIngressRule"),
            Send("a", "10.0.1.30", "udp 1 85", "NoIngressRule"),
            Send("a", "10.0.1.30", "icmp 8 0 1", "s"),
            Send("a", "10.0.1.30", "icmp 13 0 1", "NoIngressRule"),
            Send("a", "10.0.1.30", "proto 47", "s"),
            Send("a", "10.0.1.30", "proto 50", "NoIngressRule"),
            Send("a", "2600:1f00:0:1::30", "tcp 1 22 S", "NoIngressRule"),
            // Nothing lets it begin anything.
            Send("s", "10.0.0.11", "tcp 5 6 S", "NoEgressRule"),
            // Only what it answers.
            Send("s", "10.0.0.10", "tcp 22 1 SA", "a"),
        ],
    );
    check(
        "18",
        |world| {
            world.group("six", &["in icmpv6 128 ::/0", "in tcp 443 2600:1f00::/64"]);
            world.interface("s", &["10.0.1.30", "2600:1f00:0:1::30"], &["six"]);
        },
        &[
            Send("a", "2600:1f00:0:1::30", "icmpv6 128 0 3", "s"),
            Send("a", "2600:1f00:0:1::30", "tcp 1 443 S", "s"),
            Send("b", "2600:1f00:0:1::30", "tcp 1 443 S", "NoIngressRule"),
            Send("a", "10.0.1.30", "tcp 1 443 S", "NoIngressRule"),
        ],
    );
    check(
        "19",
        |world| {
            world.group("client", &["out all 0.0.0.0/0"]);
            world.group("server", &["in tcp 22 @client"]);
            world.interface("c", &["10.0.0.40", "10.0.0.41"], &["client"]);
            world.interface("s", &["10.0.1.30"], &["server"]);
            world.interface("wc", &["10.0.0.40"], &["client"]);
        },
        &[
            Send("c", "10.0.1.30", "tcp 1 22 S", "s"),
            SendOdd(
                "c",
                "10.0.1.30",
                "tcp 2 22 S",
                |_, packet| packet.source = IpAddr::from([10, 0, 0, 41]),
                "s",
            ),
            Send("a", "10.0.1.30", "tcp 1 22 S", "NoIngressRule"),
            // Joining and leaving the group counts at once.
            Change(|world| {
                world.modify("a", |interface| {
                    interface.security_groups.push("sg-00000636c69656e74".parse().unwrap());
                });
            }),
            Send("a", "10.0.1.30", "tcp 1 22 S", "s"),
            Change(|world| {
                world.modify("a", |interface| {
                    interface.security_groups.pop();
                });
            }),
            Send("a", "10.0.1.30", "tcp 2 22 S", "NoIngressRule"),
            // An address that is not the member's own is not the group's, though the same address was a member's before.
            Change(|world| {
                world.remove("c");
                world.modify("m", |interface| interface.source_dest_check = false);
            }),
            SendOdd(
                "m",
                "10.0.1.30",
                "tcp 3 22 S",
                |_, packet| packet.source = IpAddr::from([10, 0, 0, 40]),
                "NoIngressRule",
            ),
        ],
    );
    check(
        "19 after a middlebox",
        |world| {
            world.group("client", &["out all 0.0.0.0/0"]);
            world.group("server", &["in tcp 22 @client"]);
            world.interface("c", &["10.0.0.40"], &["client"]);
            world.interface("s", &["10.0.1.30"], &["server"]);
            world.modify("m", |interface| interface.source_dest_check = false);
            world.routes("A", &["10.0.1.0/24 @m"]);
        },
        &[
            Send("c", "10.0.1.30", "tcp 1 22 S", "m"),
            SendOdd(
                "m",
                "10.0.1.30",
                "tcp 1 22 S",
                |world, packet| {
                    packet.source = IpAddr::from([10, 0, 0, 40]);
                    packet.destination_mac = router_mac(world.interfaces["m"].subnet);
                },
                "Hairpin",
            ),
            Change(|world| world.routes("A", &[])),
            SendOdd(
                "m",
                "10.0.1.30",
                "tcp 1 22 S",
                |_, packet| packet.source = IpAddr::from([10, 0, 0, 40]),
                "NoIngressRule",
            ),
        ],
    );
    check(
        "21 a group that is not there",
        |world| {
            world.group("server", &["in tcp 22 @gone"]);
            world.interface("s", &["10.0.1.30"], &["server", "gone-too"]);
        },
        &[Send("a", "10.0.1.30", "tcp 1 22 S", "NoIngressRule")],
    );
}

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

#[test]
fn tracked_and_untracked() {
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

#[test]
fn services_of_the_link() {
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

#[test]
fn services_tell_interfaces_of_different_vpcs_apart() {
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

#[test]
fn requests_that_differ_only_in_what_the_service_cannot_see_stay_apart() {
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

#[test]
fn idle_timeouts() {
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

#[test]
fn interfaces() {
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

#[test]
fn what_arrives_is_what_was_sent() {
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
