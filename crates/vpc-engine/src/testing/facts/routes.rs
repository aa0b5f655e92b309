//! The facts about routes, rules and ACLs, each as rows of what is sent and what becomes of it.

use std::net::IpAddr;

use crate::router_mac;
use crate::testing::world::steps::{Change, Send, SendOdd, as_is, check};
use aws_types::MacAddress;

pub fn addressing() {
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

pub fn routing() {
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
        "2",
        |world| {
            world.routes(
                "A",
                &[
                    "192.0.2.0/24 blackhole",
                    "192.0.2.0/24 @m propagated",
                    "198.51.100.0/24 @m propagated",
                    "198.51.100.0/24 blackhole",
                    "198.51.100.128/25 @m propagated",
                ],
            );
        },
        &[
            Send("a", "192.0.2.1", "udp 1 2", "Blackhole"),
            Send("a", "198.51.100.1", "udp 1 2", "Blackhole"),
            // The longer prefix, whatever its origin.
            Send("a", "198.51.100.129", "udp 1 2", "DestinationCheck"),
        ],
    );
    check(
        "3",
        |world| {
            for name in ["m", "b"] {
                world.modify(name, |interface| interface.source_dest_check = false);
            }
            world.routes(
                "A",
                &["192.0.2.0/24 @m", "192.0.2.0/24 @b listed", "192.0.2.0/24 blackhole propagated"],
            );
        },
        &[
            Send("a", "192.0.2.1", "udp 1 2", "m"),
            Change(|world| {
                world.routes("A", &["192.0.2.0/24 @b listed", "192.0.2.0/24 blackhole propagated"]);
            }),
            Send("a", "192.0.2.1", "udp 3 2", "b"),
            Change(|world| world.routes("A", &["192.0.2.0/24 blackhole propagated"])),
            Send("a", "192.0.2.1", "udp 4 2", "Blackhole"),
        ],
    );
    check(
        "4",
        |world| {
            for name in ["m", "b"] {
                world.modify(name, |interface| interface.source_dest_check = false);
            }
            world.routes("A", &["192.0.2.0/24 @m listed", "192.0.2.0/24 @b listed"]);
        },
        &[
            Send("a", "192.0.2.1", "udp 1 2", "b"),
            Send("a", "192.0.2.9", "tcp 7 8 S", "b"),
            // Nor does it change with something else.
            Change(|world| world.acl("B", &["in 1 allow all 0.0.0.0/0", "out 1 allow all 0.0.0.0/0"])),
            Send("a", "192.0.2.1", "udp 3 2", "b"),
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
        "7",
        |world| {
            world.modify("m", |interface| interface.source_dest_check = false);
            world.routes("A", &["10.0.1.0/24 @m"]);
        },
        &[
            Send("a", "10.0.1.20", "udp 1 2", "m"),
            // What is in no such subnet stays local.
            Send("a", "10.0.7.7", "udp 1 2", "NoSuchAddress"),
            Send("b", "10.0.0.10", "udp 1 2", "a"),
        ],
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
                    packet.destination_mac = router_mac(crate::testing::world::subnet("A"));
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

pub fn the_order_of_the_gates() {
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

pub fn network_acls() {
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
        "69",
        |world| world.acl("B", &["in 1 allow icmp * 0.0.0.0/0"]),
        &[
            Send("a", "10.0.1.20", "icmp 8 0 7", "b"),
            Send("b", "10.0.0.10", "icmp 0 0 7", "NetworkAclDenied"),
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

pub fn security_group_rules() {
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

pub fn an_interface_owns_all_of_its_prefixes() {
    check(
        "prefixes",
        |world| {
            world.modify("b", |interface| {
                interface.ipv4_prefixes.push("10.0.1.48/28".parse().unwrap());
                interface.ipv6_prefixes.push("2600:1f00:0:1:7::/80".parse().unwrap());
            });
        },
        &[
            Send("a", "10.0.1.48", "tcp 1 22 S", "b"),
            Send("a", "10.0.1.63", "udp 1 2", "b"),
            Send("a", "10.0.1.64", "udp 1 2", "NoSuchAddress"),
            Send("a", "2600:1f00:0:1:7:8:9:a", "tcp 1 22 S", "b"),
            Send("a", "2600:1f00:0:1:8::1", "udp 1 2", "NoSuchAddress"),
            SendOdd("b", "10.0.0.10", "udp 5 6", |_, packet| packet.source = [10, 0, 1, 50].into(), "a"),
            SendOdd(
                "b",
                "10.0.0.10",
                "udp 5 6",
                |_, packet| packet.source = [10, 0, 1, 64].into(),
                "SourceCheck",
            ),
            // A prefix changes hands.
            Change(|world| world.modify("b", |interface| interface.ipv4_prefixes.clear())),
            Send("a", "10.0.1.49", "udp 7 8", "NoSuchAddress"),
            Change(|world| {
                world.modify("b2", |interface| {
                    interface.ipv4_prefixes.push("10.0.1.48/28".parse().unwrap());
                });
            }),
            Send("a", "10.0.1.49", "udp 7 8", "b2"),
        ],
    );
}
