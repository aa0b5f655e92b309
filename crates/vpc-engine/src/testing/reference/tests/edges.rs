//! Facts 31 to 61a: the internet, NAT gateways, peering connections, transit gateways and endpoints.

use aws_types::{InternetGatewayId, ResourceId, VpcPeeringConnectionId};
use vpc_model::{AttachedNetwork, Direction, InterfaceRole, InternetBlock};

use super::world::{Again, Change, Fails, Reply, Send, Wait, attachment, check};

const HOST: &str = "203.0.113.10";
const HOST6: &str = "2001:db8::10";

#[test]
fn interfaces_and_the_internet_gateway() {
    check("31", &[Send("x", "10.0.0.10", "udp 1 2", "p 10.0.0.11 10.0.0.10")]);
    check(
        "33",
        &[
            Send("p", HOST, "tcp 1000 80 S", "internet 198.18.0.10 203.0.113.10"),
            Send("p", "192.0.2.50", "udp 1 2", "workstation 198.18.0.10 192.0.2.50"),
            Send("x", HOST, "tcp 1000 80 S", "NoPublicAddress"),
            Send("p", "203.0.113.99", "udp 1 2", "NoSuchHost"),
            Send("p", "198.18.9.9", "udp 1 2", "NoSuchPublicAddress"),
            Change(|world| world.remove(InternetGatewayId::from_bits(1))),
            Send("p", HOST, "tcp 1000 80 S", "Blackhole"),
        ],
    );
    check(
        "34",
        &[
            Send("internet 203.0.113.10", "198.18.0.10", "tcp 1 80 S", "p 203.0.113.10 10.0.0.10"),
            Send("internet 203.0.113.77", "198.18.0.10", "icmp 8 3", "p 203.0.113.77 10.0.0.10"),
            Send("internet 203.0.113.10", "198.18.0.77", "tcp 1 80 S", "NoSuchPublicAddress"),
            Change(|world| world.group("v", &["out 0.0.0.0/0"])),
            Send("workstation 192.0.2.50", "198.18.0.10", "tcp 1 80 S", "NoIngressRule"),
            Change(|world| world.deny("p", &[(Direction::Ingress, "192.0.2.0/24")])),
            Send("workstation 192.0.2.50", "198.18.0.10", "tcp 1 80 S", "NetworkAclDenied"),
            Change(|world| world.remove(InternetGatewayId::from_bits(1))),
            Send("workstation 192.0.2.50", "198.18.0.10", "tcp 1 80 S", "NoInternetGateway"),
        ],
    );
    check("35", &[Send("p", "192.168.3.3", "udp 1 2", "PrivateDestination")]);
    check("35", &[Send("p", "100.64.3.3", "udp 1 2", "PrivateDestination")]);
    check("36", &[Send("internet 10.0.0.5", "198.18.0.10", "udp 1 2", "PrivateSource")]);
    check(
        "37",
        &[
            Send("internet 203.0.113.10", "198.18.0.10", "udp 1 2", "p 203.0.113.10 10.0.0.10"),
            Reply("", "internet 198.18.0.10 203.0.113.10"),
            Fails("p 203.0.113.10 10.0.0.10 about 10.0.0.10:2 to 203.0.113.10:1"),
            Send("internet 203.0.113.10", "198.18.0.10", "udp 3 4", "p 203.0.113.10 10.0.0.10"),
            Fails("internet 198.18.0.10 203.0.113.10 about 203.0.113.10:3 to 198.18.0.10:4"),
        ],
    );
    check(
        "38",
        &[
            Send("p", "198.18.0.50", "udp 1 2", "m 198.18.0.10 10.0.0.50"),
            Reply("", "p 198.18.0.50 10.0.0.10"),
            Send("p", "198.18.0.10", "udp 1 2", "p 198.18.0.10 10.0.0.10"),
        ],
    );
    check(
        "39",
        &[
            Change(|world| world.block("p", InternetBlock::Ingress)),
            Send("internet 203.0.113.10", "198.18.0.10", "udp 1 2", "PublicAccessBlocked"),
            Send("p", HOST, "udp 1 2", "internet 198.18.0.10"),
            Send("q", HOST, "udp 1 2", "internet 198.18.0.100"),
            Reply("", "q 203.0.113.10 10.0.1.20"),
            Change(|world| world.block("p", InternetBlock::Bidirectional)),
            Send("p", HOST, "udp 1 2", "PublicAccessBlocked"),
            Send("q", HOST, "udp 1 2", "PublicAccessBlocked"),
        ],
    );
}

#[test]
fn ipv6_gateways() {
    check(
        "40",
        &[
            Send("p", HOST6, "udp 1 2", "internet 2600:1f00::70 2001:db8::10"),
            Send("internet 2001:db8::10", "2600:1f00::70", "udp 9 2", "p 2001:db8::10 2600:1f00::70"),
            Send("internet 2001:db8::10", "2600:1f00:0:1::71", "udp 9 2", "EgressOnly"),
            Send("q", HOST6, "udp 1 2", "internet 2600:1f00:0:1::71 2001:db8::10"),
            Reply("", "q 2001:db8::10 2600:1f00:0:1::71"),
            Send("q", HOST6, "tcp 1 2 S", "internet 2600:1f00:0:1::71 2001:db8::10"),
            Fails("q 2001:db8::10 2600:1f00:0:1::71 about 2600:1f00:0:1::71:1 to 2001:db8::10:2"),
            Change(|world| world.routes("q", "v", &["0.0.0.0/0 eigw"])),
            Send("q", HOST, "udp 1 2", "Ipv4ThroughEgressOnly"),
            Send("internet 2001:db8::10", "2600:1f00::99", "udp 9 2", "NoSuchPublicAddress"),
            Send("internet 2001:db8::10", "2600:1f00:0:100::77", "udp 9 2", "NoInternetGateway"),
        ],
    );
}

#[test]
fn middleboxes() {
    check(
        "11, 12, 13",
        &[
            Change(|world| world.ingress_routes(&["10.0.0.0/24 @m"])),
            Send("internet 203.0.113.10", "198.18.0.10", "udp 1 2", "m 203.0.113.10 10.0.0.10"),
            Send("internet 203.0.113.10", "198.18.0.50", "udp 1 2", "m 203.0.113.10 10.0.0.50"),
            Send("p", HOST, "udp 1 2", "MiddleboxBypassed"),
            Send("m", HOST, "udp 1 2", "internet 198.18.0.50"),
            Change(|world| world.ingress_routes(&["10.0.0.0/24 gwlbe"])),
            Send("internet 203.0.113.10", "198.18.0.10", "udp 1 2", "NoAppliance"),
            Change(|world| world.ingress_routes(&["10.0.0.0/24 @z"])),
            Send("internet 203.0.113.10", "198.18.0.10", "udp 1 2", "Blackhole"),
            Change(|world| world.ingress_routes(&[])),
            Send("internet 203.0.113.10", "198.18.0.10", "udp 1 2", "p 203.0.113.10 10.0.0.10"),
        ],
    );
}

#[test]
fn nat_gateways() {
    check(
        "43",
        &[
            Send("q", HOST, "tcp 1000 80 S", "internet 198.18.0.100 203.0.113.10"),
            Reply("SA", "q 203.0.113.10 10.0.1.20"),
            Reply("A", "internet 198.18.0.100 203.0.113.10"),
            Wait(349),
            Again("A", "internet 198.18.0.100 203.0.113.10"),
            Wait(350),
            Again("A", "NatIdle"),
            Again("S", "internet 198.18.0.100 203.0.113.10"),
            Again("R", "internet 198.18.0.100 203.0.113.10"),
            Again("A", "NatIdle"),
        ],
    );
    check(
        "43",
        &[
            Send("q", HOST, "tcp 1000 80 S", "internet 198.18.0.100"),
            Again("FA", "internet 198.18.0.100"),
            Reply("FA", "q 203.0.113.10 10.0.1.20"),
            Wait(6),
            Send("q", HOST, "tcp 1000 80 A", "NatIdle"),
        ],
    );
    check(
        "44",
        &[
            Send("q", HOST, "gre", "NatProtocol"),
            Send("q", HOST, "icmp 9 0", "NatProtocol"),
            Send("q", HOST, "icmp 8 7", "internet 198.18.0.100"),
            Reply("", "q 203.0.113.10 10.0.1.20"),
            Change(|world| world.routes("q", "v", &["::/0 nat"])),
            Send("q", HOST6, "udp 1 2", "NatIpv6"),
        ],
    );
    check(
        "45",
        &[
            Send("q", HOST, "tcp 1 2 S fragment", "NatFragment"),
            Send("q", HOST, "icmp 8 1 fragment", "NatFragment"),
            Send("q", HOST, "udp 1 2 fragment", "internet 198.18.0.100"),
        ],
    );
    check(
        "46",
        &[
            Change(|world| world.deny("p", &[(Direction::Ingress, "10.0.1.0/24")])),
            Send("q", HOST, "udp 1 2", "NetworkAclDenied"),
            Change(|world| world.deny("p", &[(Direction::Egress, "203.0.113.0/24")])),
            Send("q", HOST, "udp 1 2", "NetworkAclDenied"),
            Change(|world| world.deny("p", &[])),
            Send("q", HOST, "udp 1 2", "internet"),
            Change(|world| world.deny("p", &[(Direction::Ingress, "203.0.113.0/24")])),
            Reply("", "NetworkAclDenied"),
        ],
    );
    check(
        "47",
        &[Send("u", HOST, "udp 1 2", "NoTransitRoute"), Send("w", HOST, "udp 1 2", "PeeringTransit")],
    );
    check(
        "48",
        &[
            Send("internet 203.0.113.10", "198.18.0.100", "tcp 1 80 S", "NatUnsolicited"),
            Send("x", "10.0.0.100", "udp 1 2", "NatUnsolicited"),
            Send("x", "10.0.2.200", "udp 1 2", "ManagedInterface"),
        ],
    );
    // An interface endpoint has a network interface and nobody behind it.
    check(
        "61",
        &[
            Change(|world| world.change_interface("p", |own| own.role = InterfaceRole::InterfaceEndpoint)),
            Send("x", "10.0.0.10", "tcp 1 80 S", "NoEndpointService"),
            Change(|world| world.deny("p", &[(Direction::Ingress, "0.0.0.0/0")])),
            Send("q", "10.0.0.10", "tcp 1 80 S", "NetworkAclDenied"),
        ],
    );
    check(
        "49",
        &[
            Change(|world| world.change_interface("n", |interface| interface.public_ipv4.clear())),
            Send("q", HOST, "udp 1 2", "NoPublicAddress"),
        ],
    );
    check(
        "50",
        &[
            Send("q", HOST, "udp 5 6", "internet 198.18.0.100 203.0.113.10"),
            Fails("q 203.0.113.10 10.0.1.20 about 10.0.1.20:5 to 203.0.113.10:6"),
            Send("q", HOST, "udp 5 6", "internet 198.18.0.100 203.0.113.10"),
            Reply("", "q 203.0.113.10 10.0.1.20"),
            Fails("internet 198.18.0.100 203.0.113.10 about 203.0.113.10:6 to 198.18.0.100:1"),
        ],
    );
}

#[test]
fn peering() {
    check(
        "51",
        &[
            Send("q", "10.1.0.30", "udp 1 2", "w 10.0.1.20 10.1.0.30"),
            Send("q", "10.1.0.31", "udp 1 2", "NoSuchAddress"),
            Send("w", "10.2.0.40", "udp 1 2", "PeeringTransit"),
        ],
    );
    check(
        "52",
        &[
            Send("p", "10.1.0.30", "udp 1 2", "PrivateDestination"),
            Send("q", "10.1.0.30", "udp 1 2", "w"),
            Reply("", "q 10.1.0.30 10.0.1.20"),
            Change(|world| world.routes("w", "w", &[])),
            Send("w", "10.0.1.20", "udp 2 1", "NoRoute"),
            Change(|world| world.remove(VpcPeeringConnectionId::from_bits(1))),
            Send("q", "10.1.0.30", "udp 1 2", "Blackhole"),
        ],
    );
}

#[test]
fn transit_gateways() {
    let same_zone = |world: &mut super::world::World| world.zone("u", "us-east-1a");
    check("54", &[Change(same_zone), Send("q", "10.2.0.40", "udp 1 2", "u 10.0.1.20 10.2.0.40")]);
    check(
        "54",
        &[
            Change(|world| world.transit_routes(&["10.2.0.0/16 v list", "10.2.0.0/16 u"])),
            Send("q", "10.2.0.40", "udp 1 2", "u 10.0.1.20 10.2.0.40"),
            // A prefix list's goes before a propagated one: back into the VPC, where it is not.
            Change(|world| world.transit_routes(&["10.2.0.0/16 v list"])),
            Send("q", "10.2.0.40", "udp 1 2", "NoRoute"),
        ],
    );
    check(
        "55",
        &[
            Change(|world| world.transit_routes(&["10.2.0.40/32 -"])),
            Send("q", "10.2.0.40", "udp 1 2", "TransitBlackhole"),
            Send("q", "10.2.0.41", "udp 1 2", "NoSuchAddress"),
            Change(|world| world.transit_routes(&["10.2.0.40/32 gone"])),
            Send("q", "10.2.0.40", "udp 1 2", "TransitBlackhole"),
        ],
    );
    check(
        "56",
        &[
            Send("u", "10.0.1.20", "udp 1 2", "q 10.2.0.40 10.0.1.20"),
            Change(|world| world.zone("q", "us-east-1b")),
            Send("q", "10.2.0.40", "udp 1 2", "ZoneNotAttached"),
            Send("w", "10.2.0.40", "udp 1 2", "PeeringTransit"),
        ],
    );
    check(
        "58",
        &[
            Change(|world| world.change_attachment(0, |attachment| attachment.association = None)),
            Send("q", "10.2.0.40", "udp 1 2", "NoAssociation"),
            Change(|world| world.change_attachment(0, |attachment| attachment.target = AttachedNetwork::Vpn)),
            Send("q", "10.2.0.40", "udp 1 2", "NotAttached"),
            Change(|world| world.remove(vpc_model::ObjectId::TransitGatewayAttachment(attachment("u")))),
            Send("u", "10.0.1.20", "udp 1 2", "NotAttached"),
        ],
    );
    check(
        "58, IPv6",
        &[
            Change(|world| world.routes("q", "v", &["2600:1f00:0:200::/56 tgw"])),
            Send("q", "2600:1f00:0:200::75", "udp 1 2", "Ipv6NotAttached"),
        ],
    );
    check(
        "47, through a transit gateway",
        &[
            Change(|world| {
                world.transit_routes(&["0.0.0.0/0 v"]);
                world.routes("t", "v", &["0.0.0.0/0 nat"]);
                world.routes("p", "v", &["0.0.0.0/0 igw", "10.2.0.0/16 tgw"]);
            }),
            Send("u", HOST, "tcp 7 80 S", "internet 198.18.0.100 203.0.113.10"),
            Reply("SA", "u 203.0.113.10 10.2.0.40"),
        ],
    );
    check(
        "28, at the attachment's subnet",
        &[
            Send("q", "10.2.0.40", "udp 1 2", "u"),
            Change(|world| world.deny("t", &[(Direction::Ingress, "10.0.1.0/24")])),
            Send("q", "10.2.0.40", "udp 1 2", "NetworkAclDenied"),
            Change(|world| world.deny("t", &[(Direction::Egress, "10.0.1.0/24")])),
            Send("u", "10.0.1.20", "udp 1 2", "NetworkAclDenied"),
        ],
    );
}

#[test]
fn endpoints() {
    check(
        "59",
        &[
            Send("q", "52.216.0.7", "tcp 1 443 S", "services"),
            Reply("SA", "q 52.216.0.7 10.0.1.20"),
            Send("q", "52.216.0.7", "icmp 8 3", "services"),
            Reply("", "q 52.216.0.7 10.0.1.20"),
            Send("q", "52.216.0.7", "udp 1 443", "EndpointProtocol"),
        ],
    );
    check(
        "59, from another network",
        &[
            Change(|world| {
                world.routes("u", "u", &["52.216.0.0/24 tgw"]);
                world.transit_routes(&["52.216.0.0/24 v"]);
                world.routes("t", "v", &["52.216.0.0/24 s3 list"]);
            }),
            Send("u", "52.216.0.7", "tcp 1 443 S", "EndpointOfOtherVpc"),
            Change(|world| {
                world.routes("t", "v", &["52.216.0.0/24 nat"]);
                world.routes("p", "v", &["52.216.0.0/24 s3 list", "10.2.0.0/16 tgw"]);
            }),
            Send("u", "52.216.0.7", "tcp 1 443 S", "services"),
            Reply("SA", "u 52.216.0.7 10.2.0.40"),
        ],
    );
    check(
        "59, over the internet",
        &[
            Send("p", "52.216.0.7", "tcp 1 443 S", "services"),
            Reply("SA", "p 52.216.0.7 10.0.0.10"),
            Change(|world| world.routes("q", "v", &["0.0.0.0/0 nat"])),
            Send("q", "52.216.0.7", "tcp 1 443 S", "services"),
            Reply("SA", "q 52.216.0.7 10.0.1.20"),
        ],
    );
    check(
        "60",
        &[
            Change(|world| world.routes("q", "v", &["203.0.113.0/24 gwlbe"])),
            Send("q", HOST, "udp 1 2", "NoAppliance"),
        ],
    );
    check("61, virtual private gateways", &[Send("q", "172.16.1.1", "udp 1 2", "TunnelDown")]);
}
