//! Facts 1 to 28, where gateways are on the way.

use vpc_model::Direction;

use super::world::{Change, Reply, Send, World, check};

const HOST: &str = "203.0.113.10";

#[test]
fn routes() {
    check(
        "1",
        &[
            Change(|world| world.routes("p", "v", &["0.0.0.0/0 igw", "203.0.113.0/24 blackhole learnt"])),
            Send("p", HOST, "udp 1 2", "Blackhole"),
            Send("p", "192.0.2.50", "udp 1 2", "workstation"),
        ],
    );
    check(
        "2, 3",
        &[
            Change(|world| {
                let tied =
                    ["203.0.113.0/24 igw", "203.0.113.0/24 vgw list", "203.0.113.0/24 blackhole learnt"];
                world.routes("p", "v", &tied);
            }),
            Send("p", HOST, "udp 1 2", "internet"),
            Change(|world| {
                let tied = ["203.0.113.0/24 blackhole learnt", "203.0.113.0/24 vgw list"];
                world.routes("p", "v", &tied);
            }),
            Send("p", HOST, "udp 1 2", "TunnelDown"),
            Change(|world| world.routes("p", "v", &["203.0.113.0/24 vgw list", "203.0.113.0/24 igw learnt"])),
            Send("p", HOST, "udp 1 2", "TunnelDown"),
        ],
    );
    check(
        "5",
        &[
            Change(|world| world.routes("p", "v", &["0.0.0.0/0 igw"])),
            Send("p", "2001:db8::10", "udp 1 2", "NoRoute"),
        ],
    );
    check(
        "6, 7",
        &[
            Change(|world| world.routes("q", "v", &["10.0.0.0/24 @m", "10.0.2.0/24 nat"])),
            Send("q", "10.0.0.10", "udp 1 2", "m 10.0.1.20 10.0.0.10"),
            Send("q", "10.0.2.9", "udp 1 2", "NoSuchAddress"),
        ],
    );
    check(
        "10, 14",
        &[Change(|world| world.routes("p", "v", &["0.0.0.0/0 @z"])), Send("p", HOST, "udp 1 2", "Blackhole")],
    );
}

#[test]
fn groups_and_lists_on_the_way() {
    check(
        "15",
        &[
            // The group of the sender is asked before the list of its subnet, and both before the way.
            Change(|world| {
                world.group("v", &["out 10.0.0.0/8"]);
                world.deny("p", &[(Direction::Egress, "0.0.0.0/0")]);
                world.routes("p", "v", &[]);
            }),
            Send("p", HOST, "udp 1 2", "NoEgressRule"),
            Change(|world| world.group("v", &[])),
            Send("p", HOST, "udp 1 2", "NetworkAclDenied"),
            Change(|world| world.deny("p", &[])),
            Send("p", HOST, "udp 1 2", "NoRoute"),
        ],
    );
    check(
        "16",
        &[
            Change(|world| {
                world.deny("p", &[(Direction::Egress, "0.0.0.0/0"), (Direction::Ingress, "0.0.0.0/0")]);
            }),
            Send("p", "10.0.0.11", "udp 1 2", "x"),
            Send("p", "198.18.0.50", "udp 1 2", "NetworkAclDenied"),
        ],
    );
    check(
        "17, 28",
        &[
            Send("p", HOST, "udp 1 2", "internet"),
            Change(|world| world.deny("p", &[(Direction::Ingress, "203.0.113.0/24")])),
            Reply("", "NetworkAclDenied"),
        ],
    );
    check(
        "19",
        &[
            Change(|world| world.group("v", &["in v", "out 0.0.0.0/0"])),
            Send("p", "10.0.0.50", "udp 1 2", "m"),
            Send("p", "198.18.0.50", "udp 3 2", "NoIngressRule"),
            Change(|world| world.group("v", &["in 0.0.0.0/0", "out v"])),
            Send("p", "10.0.0.50", "udp 5 2", "m"),
            Send("p", "198.18.0.50", "udp 7 2", "NoEgressRule"),
        ],
    );
    check(
        "20",
        &[
            Change(|world| world.group("u", &["in v"])),
            Send("q", "10.2.0.40", "udp 1 2", "u"),
            Change(|world| world.refer(false)),
            Send("q", "10.2.0.40", "udp 3 2", "NoIngressRule"),
        ],
    );
    check(
        "21",
        &[
            Change(|world| world.group("w", &["in v"])),
            Send("q", "10.1.0.30", "udp 1 2", "w"),
            Change(|world| world.peering(true)),
            Send("q", "10.1.0.30", "udp 3 2", "NoIngressRule"),
        ],
    );
    check(
        "22, 26",
        &[
            // Untracked to an interface by an internet gateway, tracked through a transit gateway.
            Send("internet 203.0.113.10", "198.18.0.10", "udp 1 2", "p"),
            Change(|world| world.group("v", &["in 0.0.0.0/0"])),
            Reply("", "NoEgressRule"),
            Send("u", "10.0.1.20", "udp 1 2", "q"),
            Reply("", "u 10.0.1.20 10.2.0.40"),
        ],
    );
    check(
        "23",
        &[
            Send("p", HOST, "udp 1 2", "internet"),
            Change(|world: &mut World| world.group("v", &["out 0.0.0.0/0"])),
            Reply("", "NoIngressRule"),
        ],
    );
    check(
        "24",
        &[
            Send("p", HOST, "icmp 8 1", "internet"),
            Change(|world| world.group("v", &["out 0.0.0.0/0"])),
            Reply("", "p 203.0.113.10 10.0.0.10"),
        ],
    );
}
