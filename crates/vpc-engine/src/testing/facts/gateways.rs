//! The facts about gateways, peerings, transit gateways and endpoints, each as what is sent and what becomes of it.

use crate::testing::world::World;
use crate::testing::world::gateways::{
    arrived, attachment, endpoint, everything, igw, nat, peering, reply, target, transit_table,
};
use crate::{Delivery, DropReason, Endpoint, FlowDirection, Packet, Transport, Verdict};
use vpc_model::{
    AttachedNetwork, InterfaceRole, InternetBlock, Object, Port, Route, RouteTable, Subnet, VpcEndpointKind,
};

/// Sends a packet and expects it somewhere; answers what arrives there.
pub(super) fn sends(world: &mut World, from: &str, to: &str, spec: &str, expected: &str) -> Packet {
    let packet = world.packet(from, to, spec);
    gets(world, from, &packet, expected)
}

pub(super) fn gets(world: &mut World, from: &str, packet: &Packet, expected: &str) -> Packet {
    let verdict = world.send(from, packet);
    let (name, arrives) = match &verdict {
        Verdict::Drop(reason) => (reason.name().to_owned(), *packet),
        Verdict::Deliver(delivery) => (place(world, delivery), arrived(packet, delivery)),
    };
    assert_eq!(name, expected, "from {from}: {packet:?}: {verdict:?}");
    arrives
}

fn place(world: &World, delivery: &Delivery) -> String {
    match delivery.to {
        Port::SERVICES => "services".to_owned(),
        Port::INTERNET => "internet".to_owned(),
        Port::WORKSTATION => "workstation".to_owned(),
        to => world
            .interfaces
            .iter()
            .find(|(_, interface)| interface.port == to)
            .expect("a port of the world")
            .0
            .clone(),
    }
}

pub(super) fn ends(packet: &Packet) -> (String, String) {
    let (source, destination) = match packet.transport {
        Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
            (source, destination)
        }
        Transport::Icmp { id, .. } => (id, id),
        _ => (0, 0),
    };
    (format!("{}:{source}", packet.source), format!("{}:{destination}", packet.destination))
}

pub(super) fn port(packet: &Packet) -> u16 {
    match packet.transport {
        Transport::Tcp { source, .. } | Transport::Udp { source, .. } => source,
        Transport::Icmp { id, .. } => id,
        _ => 0,
    }
}

pub(super) const HOST: &str = "203.0.113.9";

pub fn facts_33_and_37_an_internet_gateway_translates_one_to_one() {
    let mut world = everything();
    let out = sends(&mut world, "a", HOST, "tcp 4000 443 S", "internet");
    assert_eq!(ends(&out), ("198.18.0.10:4000".to_owned(), "203.0.113.9:443".to_owned()));
    let back = gets(&mut world, "internet", &reply(&out), "a");
    assert_eq!(ends(&back), ("203.0.113.9:443".to_owned(), "10.0.0.10:4000".to_owned()));
    // Without a public address there is no way out.
    sends(&mut world, "m", HOST, "tcp 4000 443 S", "NoPublicAddress");
}

pub fn fact_34_in_through_an_internet_gateway_needs_a_public_address() {
    let mut world = everything();
    let ping = world.packet_from_internet(HOST, "198.18.0.10", "icmp 8 0 7");
    let at_a = gets(&mut world, "internet", &ping, "a");
    assert_eq!(ends(&at_a).1, "10.0.0.10:7");
    let pong = gets(&mut world, "a", &reply(&at_a), "internet");
    assert_eq!(ends(&pong).0, "198.18.0.10:7");
    let stray = world.packet_from_internet(HOST, "198.18.0.11", "icmp 8 0 7");
    gets(&mut world, "internet", &stray, "NoSuchPublicAddress");
    sends(&mut world, "a", "198.51.100.1", "udp 1 2", "NoSuchHost");
    world.apply(&[vpc_model::Delta::Remove(igw().id.into())]);
    gets(&mut world, "internet", &ping, "NoInternetGateway");
    sends(&mut world, "a", HOST, "udp 1 2", "Blackhole");
}

pub fn facts_35_and_36_private_addresses_do_not_pass() {
    let mut world = everything();
    for private in ["172.16.0.1", "192.168.1.1", "100.64.0.1", "10.9.0.1"] {
        sends(&mut world, "a", private, "udp 1 2", "PrivateDestination");
        let spoofed = world.packet_from_internet(private, "198.18.0.10", "udp 1 2");
        gets(&mut world, "internet", &spoofed, "PrivateSource");
    }
}

pub fn fact_38_a_public_address_inside_the_vpc_shows_the_senders_public_one() {
    let mut world = everything();
    world.set_public("m", "198.18.0.50");
    let at_a = sends(&mut world, "m", "198.18.0.10", "tcp 4000 22 S", "a");
    assert_eq!(ends(&at_a), ("198.18.0.50:4000".to_owned(), "10.0.0.10:22".to_owned()));
    let at_m = gets(&mut world, "a", &reply(&at_a), "m");
    assert_eq!(ends(&at_m), ("198.18.0.10:22".to_owned(), "10.0.0.50:4000".to_owned()));
    // Fact 19: so a rule that names a group does not mean it.
    world.group("open", &["out all 0.0.0.0/0", "in all @open"]);
    sends(&mut world, "m", "198.18.0.10", "tcp 4001 22 S", "NoIngressRule");
    sends(&mut world, "m", "10.0.0.10", "tcp 4001 22 S", "a");
}

pub fn fact_39_block_public_access() {
    let mut world = everything();
    let block = |world: &mut World, block| {
        let subnet = world.snapshot.subnet(crate::testing::world::subnet("A")).unwrap().clone();
        world.put(Subnet { internet_block: block, ..subnet });
    };
    block(&mut world, InternetBlock::Ingress);
    let ping = world.packet_from_internet(HOST, "198.18.0.10", "icmp 8 0 7");
    gets(&mut world, "internet", &ping, "PublicAccessBlocked");
    let out = sends(&mut world, "b", HOST, "tcp 4000 443 S", "internet");
    gets(&mut world, "internet", &reply(&out), "b");
    block(&mut world, InternetBlock::Bidirectional);
    sends(&mut world, "a", HOST, "udp 1 2", "PublicAccessBlocked");
    sends(&mut world, "b", HOST, "tcp 4001 443 S", "PublicAccessBlocked");
}

pub fn fact_40_ipv6_is_not_translated_and_an_egress_only_gateway_opens_from_inside_alone() {
    let mut world = everything();
    let host = "2001:db8::9";
    let out = sends(&mut world, "a", host, "tcp 4000 443 S", "internet");
    assert_eq!(ends(&out).0, "2600:1f00::10:4000");
    gets(&mut world, "internet", &reply(&out), "a");
    let ping = world.packet_from_internet(host, "2600:1f00::10", "icmpv6 128 0 7");
    gets(&mut world, "internet", &ping, "a");
    let stray = world.packet_from_internet(host, "2600:1f00:0:1::20", "tcp 5 22 S");
    gets(&mut world, "internet", &stray, "EgressOnly");
    let out = sends(&mut world, "b", host, "tcp 4000 443 S", "internet");
    gets(&mut world, "internet", &reply(&out), "b");
}

pub fn facts_11_to_13_a_gateway_route_table_leads_through_a_middlebox() {
    let mut world = everything();
    world.set_public("b", "198.18.0.20");
    world.route("v", "B", &[("0.0.0.0/0", "@m")]);
    world.modify("m", |interface| interface.source_dest_check = false);
    let id = "rtb-00000000000000099".parse().unwrap();
    let routes = vec![Route::fixed("10.0.1.0/24".parse().unwrap(), target("@m"))];
    world.put(RouteTable { id, vpc: igw().vpc, routes });
    world.put(vpc_model::InternetGateway { route_table: Some(id), ..igw() });
    let ping = world.packet_from_internet(HOST, "198.18.0.20", "tcp 7 80 S");
    let at_m = gets(&mut world, "internet", &ping, "m");
    assert_eq!(ends(&at_m), ("203.0.113.9:7".to_owned(), "10.0.1.20:80".to_owned()));
    // The middlebox sends it on.
    let mac = world.interfaces["m"].mac;
    let router = crate::router_mac(crate::testing::world::subnet("A"));
    let on = Packet { source_mac: mac, destination_mac: router, ..at_m };
    let at_b = gets(&mut world, "m", &on, "b");
    let back = gets(&mut world, "b", &reply(&at_b), "m");
    let on = Packet { source_mac: mac, destination_mac: router, ..back };
    let out = gets(&mut world, "m", &on, "internet");
    assert_eq!(ends(&out).0, "198.18.0.20:80");
    // Fact 12.
    world.route("v", "B", &[("0.0.0.0/0", "igw")]);
    gets(&mut world, "b", &reply(&at_b), "MiddleboxBypassed");
    // What the table does not mention goes to its interface.
    let ping = world.packet_from_internet(HOST, "198.18.0.10", "tcp 7 80 S");
    gets(&mut world, "internet", &ping, "a");
    // Fact 11: the middlebox itself is on the internet by a public address of its own.
    sends(&mut world, "m", HOST, "udp 1 2", "NoPublicAddress");
    let to_m = world.packet_from_internet(HOST, "198.18.0.50", "tcp 7 80 S");
    gets(&mut world, "internet", &to_m, "NoSuchPublicAddress");
    world.set_public("m", "198.18.0.50");
    gets(&mut world, "internet", &to_m, "m");
    // Fact 13: a target that such a table cannot have leads nowhere.
    let routes = vec![Route::fixed("10.0.1.0/24".parse().unwrap(), target("nat"))];
    world.put(RouteTable { id, vpc: igw().vpc, routes });
    let ping = world.packet_from_internet(HOST, "198.18.0.20", "tcp 8 80 S");
    gets(&mut world, "internet", &ping, "NoRoute");
}

pub fn facts_41_to_50_a_nat_gateway() {
    let mut world = everything();
    // 42, 50: a port of its own, and the destination as it was.
    let out = sends(&mut world, "b", HOST, "tcp 80 443 S", "internet");
    assert_eq!(
        (out.source.to_string(), ends(&out).1),
        ("198.18.0.200".to_owned(), "203.0.113.9:443".to_owned())
    );
    assert!(port(&out) >= 1024);
    let back = gets(&mut world, "internet", &reply(&out), "b");
    assert_eq!(ends(&back), ("203.0.113.9:443".to_owned(), "10.0.1.20:80".to_owned()));
    // 24, 44: ICMP is translated, other protocols are not.
    let ping = sends(&mut world, "b", HOST, "icmp 8 0 9", "internet");
    let pong = gets(&mut world, "internet", &reply(&ping), "b");
    assert_eq!(port(&pong), 9);
    sends(&mut world, "b", HOST, "proto 47", "NatProtocol");
    // 48: nothing comes in unasked.
    let stray = world.packet_from_internet(HOST, "198.18.0.200", "tcp 5 22 S");
    gets(&mut world, "internet", &stray, "NatUnsolicited");
    // 46: the ACL of its subnet applies.
    world.acl(
        "A",
        &["in 100 allow all 0.0.0.0/0", "out 90 deny tcp 443 0.0.0.0/0", "out 100 allow all 0.0.0.0/0"],
    );
    sends(&mut world, "b", HOST, "tcp 81 443 S", "NetworkAclDenied");
    sends(&mut world, "b", HOST, "tcp 81 80 S", "internet");
    // 43: an idle connection is forgotten, and a later packet of it gets a reset.
    world.wait(351);
    sends(&mut world, "b", HOST, "tcp 81 80 A", "NatIdle");
}

pub fn fact_7_a_route_for_a_whole_subnet_leads_to_a_nat_gateway() {
    let mut world = everything();
    let at_a = sends(&mut world, "b", "10.0.0.10", "tcp 4000 22 S", "a");
    assert_eq!(at_a.source.to_string(), "10.0.1.20");
    world.route("v", "B", &[("10.0.0.0/24", "nat")]);
    let at_a = sends(&mut world, "b", "10.0.0.10", "tcp 4001 22 S", "a");
    assert_eq!(at_a.source.to_string(), "10.0.0.200");
    gets(&mut world, "a", &reply(&at_a), "b");
}

pub fn fact_21_a_group_of_a_peered_vpc_that_is_gone_matches_nothing() {
    let mut world = everything();
    world.group("out", &["out all 0.0.0.0/0"]);
    world.group("client", &[]);
    world.group("server", &["in tcp 22 @client"]);
    let groups = |world: &mut World, name: &str, groups: &[&str]| {
        let groups = groups.iter().map(|name| crate::testing::world::group_id(name)).collect();
        world.modify(name, |interface| interface.security_groups = groups);
    };
    groups(&mut world, "x", &["out", "client"]);
    groups(&mut world, "b", &["server"]);
    sends(&mut world, "x", "10.0.1.20", "tcp 4000 22 S", "b");
    sends(&mut world, "a", "10.0.1.20", "tcp 4000 22 S", "NoIngressRule");
    // The group goes, and the rule that names it stays.
    groups(&mut world, "x", &["out"]);
    world.apply(&[vpc_model::Delta::Remove(crate::testing::world::group_id("client").into())]);
    sends(&mut world, "x", "10.0.1.20", "tcp 4001 22 S", "NoIngressRule");
    sends(&mut world, "a", "10.0.1.20", "tcp 4001 22 S", "NoIngressRule");
}

pub fn fact_26_what_passes_certain_gateways_is_always_tracked() {
    let mut world = everything();
    world.group("wide", &crate::testing::world::steps::EVERYTHING);
    for name in ["a", "b"] {
        let wide = vec![crate::testing::world::group_id("wide")];
        world.modify(name, |interface| interface.security_groups = wide);
    }
    let ways = [
        ("a NAT gateway", "b", HOST, "internet", "internet"),
        ("an egress-only gateway", "b", "2001:db8::9", "internet", "internet"),
        ("a transit gateway", "b", "10.2.0.10", "y", "y"),
        ("a gateway endpoint", "b", "198.19.64.5", "services", "services"),
        // Fact 23: by these, all that is open to all is not.
        ("an internet gateway", "a", HOST, "internet", "NoEgressRule"),
        ("a peering connection", "b", "10.1.0.10", "x", "NoEgressRule"),
        ("the local route", "b", "10.0.0.50", "m", "NoEgressRule"),
    ];
    for (_, from, to, expected, _) in ways {
        let opened = sends(&mut world, from, to, "tcp 4000 443 S", expected);
        gets(&mut world, expected, &reply(&opened), from);
    }
    world.group("wide", &[]);
    for (_, from, to, _, expected) in ways {
        sends(&mut world, from, to, "tcp 4000 443 A", expected);
        sends(&mut world, from, to, "tcp 4001 443 S", "NoEgressRule");
    }
}

pub fn fact_32_gateways_drop_spoofed_sources() {
    let mut world = everything();
    world.modify("a", |interface| interface.source_dest_check = false);
    world.modify("b", |interface| interface.source_dest_check = false);
    // Somebody outside, nobody, a neighbour without a public address, the sender's own public one.
    for spoofed in ["192.0.2.77", "10.0.0.99", "10.0.0.50", "198.18.0.10"] {
        let packet = Packet { source: spoofed.parse().unwrap(), ..world.packet("a", HOST, "udp 1 2") };
        gets(&mut world, "a", &packet, "NoPublicAddress");
    }
    // An internet gateway and one for egress only.
    for from in ["a", "b"] {
        let spoofed = "2001:db8:7::1".parse().unwrap();
        let packet = Packet { source: spoofed, ..world.packet(from, "2001:db8::9", "udp 1 2") };
        gets(&mut world, from, &packet, "NoPublicAddress");
    }
    // What a NAT gateway sends has its own address.
    let packet = Packet { source: "192.0.2.77".parse().unwrap(), ..world.packet("b", HOST, "udp 1 2") };
    let out = gets(&mut world, "b", &packet, "internet");
    assert_eq!(out.source.to_string(), "198.18.0.200");
}

pub fn fact_53_addresses_that_two_vpcs_have_are_each_ones_own() {
    let mut world = everything();
    world.place("w", "W", "w", "10.0.0.99", InterfaceRole::Workload);
    // No such connection can be asked for.
    world.put(vpc_model::VpcPeeringConnection {
        id: "pcx-00000000000000002".parse().unwrap(),
        requester: igw().vpc,
        accepter: crate::testing::world::gateways::vpc("w"),
        is_inter_region: false,
    });
    sends(&mut world, "b", "10.0.0.10", "udp 1 2", "a");
    sends(&mut world, "b", "10.0.0.99", "udp 1 2", "NoSuchAddress");
    sends(&mut world, "w", "10.0.0.10", "udp 1 2", "NoSuchAddress");
}

pub fn facts_60_and_61_an_interface_endpoint_is_an_interface_with_groups() {
    let mut world = everything();
    world.place("v", "A", "e", "10.0.0.61", InterfaceRole::Workload);
    world.group("endpoint", &["in tcp 443 10.0.0.0/8"]);
    world.modify("e", |interface| {
        interface.security_groups = vec![crate::testing::world::group_id("endpoint")];
    });
    // From its VPC, over a peering connection and through a transit gateway.
    for from in ["b", "x", "y"] {
        let at_e = sends(&mut world, from, "10.0.0.61", "tcp 4000 443 S", "e");
        gets(&mut world, "e", &reply(&at_e), from);
        sends(&mut world, from, "10.0.0.61", "tcp 4000 80 S", "NoIngressRule");
    }
    sends(&mut world, "e", "10.0.1.20", "tcp 4000 443 S", "NoEgressRule");
}

pub fn fact_41_ports_run_out_for_one_destination_alone() {
    let mut world = everything();
    world.modify("b", |interface| interface.tracking_limit = Some(u32::MAX));
    let mut ports = std::collections::HashSet::new();
    // 42: whatever the port of the client is.
    for number in 0..crate::flows::NAT_CONNECTIONS_PER_DESTINATION {
        let out = sends(&mut world, "b", HOST, &format!("udp {} 53", number + 1), "internet");
        assert!(ports.insert(port(&out)) && port(&out) >= 1024);
    }
    assert_eq!(world.flows.translated(world.interfaces["n"].port), 55_000);
    sends(&mut world, "b", HOST, "udp 60000 53", "NatPortAllocation");
    sends(&mut world, "b", HOST, "udp 60000 54", "internet");
    // A second address has 55,000 more.
    world.modify("n", |interface| {
        let pair = |public: &str, private: &str| vpc_model::PublicIpv4 {
            public: public.parse().unwrap(),
            private: private.parse().unwrap(),
        };
        interface.secondary_ipv4 = vec!["10.0.0.201".parse().unwrap()];
        interface.public_ipv4 = vec![pair("198.18.0.200", "10.0.0.200"), pair("198.18.0.201", "10.0.0.201")];
    });
    let addresses = ["10.0.0.200", "10.0.0.201"].map(|text| text.parse().unwrap()).to_vec();
    world.put(vpc_model::NatGateway { addresses, ..nat() });
    let out = sends(&mut world, "b", HOST, "udp 60000 53", "internet");
    assert_eq!(out.source.to_string(), "198.18.0.201");
    let back = gets(&mut world, "internet", &reply(&out), "b");
    assert_eq!(ends(&back).1, "10.0.1.20:60000");
}

pub fn fact_43_what_a_cache_carries_keeps_a_translation_alive() {
    let mut world = everything();
    let packet = world.packet("b", HOST, "udp 4000 53");
    let delivery = world.delivery("b", &packet);
    let plan = delivery.cache.expect("a flow that lasts");
    assert!(plan.reverse.is_some(), "{plan:?}");
    assert!(plan.forward.domain.is_some());
    for _ in 0..10 {
        world.wait(29);
        let activity = crate::Activity { packets: 1, bytes: 100, ..Default::default() };
        for direction in [FlowDirection::Forward, FlowDirection::Reverse] {
            assert!(world.flows.touch(delivery.flow.unwrap(), direction, activity, world.now));
        }
    }
    let back = gets(&mut world, "internet", &reply(&arrived(&packet, &delivery)), "b");
    assert_eq!(ends(&back).1, "10.0.1.20:4000");
}

pub fn fact_45_fragments_at_a_nat_gateway() {
    let mut world = everything();
    let fragment = |offset_bytes, more| Some(crate::Fragment { id: 7, offset_bytes, more });
    let mut first = world.packet("b", HOST, "udp 4000 53");
    first.fragment = fragment(0, true);
    let out = gets(&mut world, "b", &first, "internet");
    let later = Packet { transport: Transport::Continuation, fragment: fragment(64, false), ..first };
    let delivery = world.delivery("b", &later);
    assert_eq!(arrived(&later, &delivery).source, out.source);
    for spec in ["tcp 4000 80 S", "icmp 8 0 3"] {
        let mut packet = world.packet("b", HOST, spec);
        packet.fragment = fragment(0, true);
        gets(&mut world, "b", &packet, "NatFragment");
    }
}

pub fn fact_49_a_private_nat_gateway_has_no_way_to_the_internet() {
    let mut world = everything();
    world.modify("n", |interface| interface.public_ipv4.clear());
    sends(&mut world, "b", HOST, "tcp 4000 443 S", "NoPublicAddress");
    // Through a transit gateway it has one.
    world.route("v", "B", &[("10.2.0.0/16", "nat")]);
    let at_y = sends(&mut world, "b", "10.2.0.10", "tcp 4000 443 S", "y");
    assert_eq!(at_y.source.to_string(), "10.0.0.200");
    let back = gets(&mut world, "y", &reply(&at_y), "b");
    assert_eq!(ends(&back), ("10.2.0.10:443".to_owned(), "10.0.1.20:4000".to_owned()));
}

pub fn facts_51_and_52_a_peering_carries_its_two_vpcs_alone() {
    let mut world = everything();
    let at_x = sends(&mut world, "b", "10.1.0.10", "tcp 4000 22 S", "x");
    assert_eq!(ends(&at_x), ("10.0.1.20:4000".to_owned(), "10.1.0.10:22".to_owned()));
    // 61a: the time to live stays.
    assert_eq!(at_x.ttl, 64);
    gets(&mut world, "x", &reply(&at_x), "b");
    // 47: no transit to the internet, the NAT gateway or a third VPC.
    world.route("x", "X", &[("0.0.0.0/0", "peering")]);
    for beyond in [HOST, "10.2.0.10", "198.19.64.5"] {
        sends(&mut world, "x", beyond, "tcp 1 2 S", "PeeringTransit");
    }
    sends(&mut world, "x", "10.0.0.99", "tcp 1 2 S", "NoSuchAddress");
    // 52: both sides need routes.
    world.route("x", "X", &[]);
    gets(&mut world, "x", &reply(&at_x), "NoRoute");
    // Group references work over it (20, 21), in one region.
    world.route("x", "X", &[("10.0.0.0/16", "peering")]);
    world.group("open", &["out all 0.0.0.0/0", "in all @open"]);
    sends(&mut world, "b", "10.1.0.10", "tcp 4001 22 S", "x");
    world.put(vpc_model::VpcPeeringConnection { is_inter_region: true, ..peering() });
    sends(&mut world, "b", "10.1.0.10", "tcp 4002 22 S", "NoIngressRule");
    world.apply(&[vpc_model::Delta::Remove(peering().id.into())]);
    sends(&mut world, "b", "10.1.0.10", "tcp 4003 22 S", "Blackhole");
}

pub fn facts_54_to_58_a_transit_gateway_routes_by_its_tables() {
    let mut world = everything();
    let at_y = sends(&mut world, "b", "10.2.0.10", "tcp 4000 22 S", "y");
    assert_eq!(ends(&at_y).0, "10.0.1.20:4000");
    // 56: the other VPC has no attachment in zone b's sender's zone but has its own.
    gets(&mut world, "y", &reply(&at_y), "b");
    world.put(attachment("y", &[]));
    gets(&mut world, "y", &reply(&at_y), "ZoneNotAttached");
    world.put(attachment("y", &[("TY", "ty")]));
    // 54: the longest prefix, then static before propagated; 55: blackholes drop.
    world.put(transit_table(&[("10.2.0.0/16", None)], &["v", "x", "y"]));
    sends(&mut world, "b", "10.2.0.10", "tcp 4001 22 S", "TransitBlackhole");
    world.put(transit_table(&[("10.2.0.0/16", None), ("10.2.0.10/32", Some("y"))], &["v", "x"]));
    sends(&mut world, "b", "10.2.0.10", "tcp 4002 22 S", "y");
    // That of a prefix list is between them. `z` is gone; without an order between them the lower attachment would count.
    let listed = |target, routes: &[(&str, Option<&str>)], propagations: &[&str]| {
        let mut table = transit_table(&[("10.2.0.0/16", Some(target))], propagations);
        table.routes[0].is_of_prefix_list = true;
        table.routes.extend(transit_table(routes, &[]).routes);
        table
    };
    world.put(listed("z", &[], &["v", "x", "y"]));
    sends(&mut world, "b", "10.2.0.10", "tcp 4012 22 S", "TransitBlackhole");
    world.put(listed("y", &[], &["v", "x"]));
    sends(&mut world, "b", "10.2.0.10", "tcp 4013 22 S", "y");
    world.put(listed("y", &[("10.2.0.0/16", Some("z"))], &["v", "x"]));
    sends(&mut world, "b", "10.2.0.10", "tcp 4014 22 S", "TransitBlackhole");
    world.put(transit_table(&[], &["v", "x"]));
    sends(&mut world, "b", "10.2.0.10", "tcp 4003 22 S", "NoTransitRoute");
    // 58: no forwarding without an association.
    world.put(transit_table(&[], &["v", "x", "y"]));
    world.put(vpc_model::TransitGatewayAttachment { association: None, ..attachment("v", &[("T", "tv")]) });
    sends(&mut world, "b", "10.2.0.10", "tcp 4004 22 S", "NoAssociation");
    world.apply(&[vpc_model::Delta::Remove(vpc_model::ObjectId::TransitGatewayAttachment(
        crate::testing::world::gateways::attachment_id("v"),
    ))]);
    sends(&mut world, "b", "10.2.0.10", "tcp 4005 22 S", "NotAttached");
}

pub fn recipe_1_10_a_shared_nat_gateway_behind_a_transit_gateway() {
    // Fact 47: by this way a NAT gateway is of use to other VPCs.
    let mut world = everything();
    let out = sends(&mut world, "y", HOST, "tcp 4000 443 S", "internet");
    assert_eq!(out.source.to_string(), "198.18.0.200");
    // The way back needs a route in the NAT gateway's subnet, which is there.
    let back = gets(&mut world, "internet", &reply(&out), "y");
    assert_eq!(ends(&back), ("203.0.113.9:443".to_owned(), "10.2.0.10:4000".to_owned()));
    let packet = world.packet("y", HOST, "udp 4001 443");
    let delivery = world.delivery("y", &packet);
    let plan = delivery.cache.unwrap();
    assert!(plan.reverse.is_some(), "one cached flow each way");
    assert_eq!(plan.forward.mtu_bytes, 1500);
}

pub fn fact_20_groups_across_a_transit_gateway_need_support_on_both_sides() {
    let mut world = everything();
    world.group("open", &["out all 0.0.0.0/0", "in all @open"]);
    sends(&mut world, "b", "10.2.0.10", "tcp 4000 22 S", "y");
    let mut without = attachment("y", &[("TY", "ty")]);
    let AttachedNetwork::Vpc(attached) = &mut without.target else { panic!("a VPC") };
    attached.security_group_referencing = false;
    world.put(without);
    sends(&mut world, "b", "10.2.0.10", "tcp 4001 22 S", "NoIngressRule");
}

pub fn fact_57_appliance_mode_keeps_both_directions_in_one_zone() {
    let mut world = everything();
    // An inspection VPC x with a subnet in each zone, whose route tables lead to different appliances.
    world.place("x", "X", "ma", "10.1.0.66", InterfaceRole::Workload);
    world.modify("ma", |interface| interface.source_dest_check = false);
    let zone_b = Subnet {
        id: crate::testing::world::subnet("XB"),
        cidr: "10.1.1.0/24".parse().unwrap(),
        zone: "us-east-1b".parse().unwrap(),
        route_table: "rtb-00000000000000077".parse().unwrap(),
        ..world.snapshot.subnet(crate::testing::world::subnet("X")).unwrap().clone()
    };
    world.put(zone_b);
    world.place("x", "XB", "mb", "10.1.1.66", InterfaceRole::Workload);
    world.modify("mb", |interface| interface.source_dest_check = false);
    world.place("x", "XB", "txb", "10.1.1.5", InterfaceRole::TransitGateway);
    world.route("x", "X", &[("0.0.0.0/0", "@ma")]);
    world.put(RouteTable {
        id: "rtb-00000000000000077".parse().unwrap(),
        vpc: crate::testing::world::gateways::vpc("x"),
        routes: vec![Route::fixed("0.0.0.0/0".parse().unwrap(), target("@mb"))],
    });
    let mut inspection = attachment("x", &[("X", "tx"), ("XB", "txb")]);
    let AttachedNetwork::Vpc(attached) = &mut inspection.target else { panic!("a VPC") };
    attached.appliance_mode = true;
    world.put(inspection);
    world.put(transit_table(&[("0.0.0.0/0", Some("x"))], &[]));
    let mut zones = std::collections::HashSet::new();
    for number in 1..40 {
        let there = world.packet("b", "10.2.0.10", &format!("tcp {} 22 S", 4000 + number));
        let appliance = world.outcome("b", &there);
        let mut back = world.packet("y", "10.0.1.20", "tcp 22 1 SA");
        back.transport = reply(&there).transport;
        assert_eq!(world.outcome("y", &back), appliance, "connection {number}");
        zones.insert(appliance);
    }
    assert_eq!(zones.len(), 2, "both zones are used");
}

pub fn facts_59_and_60_a_gateway_endpoint() {
    let mut world = everything();
    let s3 = "198.19.64.5";
    let at_service = sends(&mut world, "b", s3, "tcp 4000 443 S", "services");
    let listener = Endpoint { address: at_service.destination, port: 443 };
    let peer = Endpoint { address: at_service.source, port: port(&at_service) };
    let found = world.flows.service_peer(&world.snapshot, listener, peer, world.now).unwrap();
    assert_eq!(
        (found.source.address.to_string(), found.endpoint),
        ("10.0.1.20".to_owned(), Some(endpoint().id))
    );
    let back = gets(&mut world, "services", &reply(&at_service), "b");
    assert_eq!(ends(&back), ("198.19.64.5:443".to_owned(), "10.0.1.20:4000".to_owned()));
    sends(&mut world, "b", s3, "udp 4000 443", "EndpointProtocol");
    let ping = sends(&mut world, "b", s3, "icmp 8 0 77", "services");
    gets(&mut world, "services", &reply(&ping), "b");
    // 60: it begins nothing.
    let stray = Packet { source_mac: at_service.destination_mac, ..reply(&at_service) };
    let stray = Packet {
        transport: Transport::Tcp { source: 443, destination: 9, flags: Default::default() },
        ..stray
    };
    gets(&mut world, "services", &stray, "UnsolicitedByService");
    // Over the internet the service sees the public address, and no endpoint.
    let at_service = sends(&mut world, "a", s3, "tcp 4000 443 S", "services");
    let listener = Endpoint { address: at_service.destination, port: 443 };
    let peer = Endpoint { address: at_service.source, port: port(&at_service) };
    let found = world.flows.service_peer(&world.snapshot, listener, peer, world.now).unwrap();
    assert_eq!((found.source.address.to_string(), found.endpoint), ("198.18.0.10".to_owned(), None));
    let back = gets(&mut world, "services", &reply(&at_service), "a");
    assert_eq!(ends(&back), ("198.19.64.5:443".to_owned(), "10.0.0.10:4000".to_owned()));
    // Without the endpoint, by way of the NAT gateway.
    world.apply(&[vpc_model::Delta::Remove(endpoint().id.into())]);
    sends(&mut world, "b", s3, "tcp 4001 443 S", "Blackhole");
    world.route("v", "B", &[("0.0.0.0/0", "nat")]);
    let at_service = sends(&mut world, "b", s3, "tcp 4002 443 S", "services");
    let back = gets(&mut world, "services", &reply(&at_service), "b");
    assert_eq!(ends(&back), ("198.19.64.5:443".to_owned(), "10.0.1.20:4002".to_owned()));
}

pub fn a_gateway_load_balancer_endpoint_and_a_vpn_gateway_lead_nowhere_yet() {
    let mut world = everything();
    world.put(vpc_model::VpcEndpoint { kind: VpcEndpointKind::GatewayLoadBalancer, ..endpoint() });
    sends(&mut world, "b", "198.19.64.5", "tcp 1 2 S", "NoAppliance");
    world.route("v", "B", &[("0.0.0.0/0", "vgw")]);
    sends(&mut world, "b", HOST, "tcp 1 2 S", "Blackhole");
    world.put(vpc_model::VpnGateway { id: "vgw-00000000000000001".parse().unwrap(), vpc: igw().vpc });
    sends(&mut world, "b", HOST, "tcp 1 2 S", "TunnelDown");
}

pub fn the_workstation_is_a_host_like_others() {
    let mut world = everything();
    let curl = world.packet_from_internet("192.0.2.1", "198.18.0.10", "tcp 5000 80 S");
    let at_a = gets(&mut world, "workstation", &curl, "a");
    assert_eq!(at_a.source.to_string(), "192.0.2.1");
    let back = gets(&mut world, "a", &reply(&at_a), "workstation");
    assert_eq!(back.source.to_string(), "198.18.0.10");
    world.group("open", &["out all 0.0.0.0/0"]);
    let curl = world.packet_from_internet("192.0.2.1", "198.18.0.10", "tcp 5001 80 S");
    gets(&mut world, "workstation", &curl, "NoIngressRule");
    let to_host = world.packet_from_internet("192.0.2.1", HOST, "tcp 5001 80 S");
    gets(&mut world, "workstation", &to_host, "internet");
}

pub fn fact_64_sizes() {
    let mut world = everything();
    let sized = |world: &World, from: &str, to: &str, bytes, may_be_fragmented| Packet {
        length_bytes: bytes,
        segment_bytes: bytes,
        may_be_fragmented,
        ..world.packet(from, to, "udp 1 2")
    };
    for (from, to, mtu, place) in
        [("a", HOST, 1500, "internet"), ("b", "10.1.0.10", 9001, "x"), ("b", HOST, 1500, "internet")]
    {
        let fits = sized(&world, from, to, mtu, false);
        gets(&mut world, from, &fits, place);
        let larger = sized(&world, from, to, mtu + 1, false);
        let reason = world.reason(from, &larger);
        assert_eq!(reason, DropReason::PacketTooBig { mtu_bytes: mtu as u16 });
        let larger = sized(&world, from, to, mtu + 1, true);
        assert_eq!(world.delivery(from, &larger).mtu_bytes, mtu as u16, "to be fragmented");
    }
    let larger = sized(&world, "b", "10.2.0.10", 8501, true);
    assert_eq!(world.reason("b", &larger), DropReason::TransitPacketTooBig { mtu_bytes: 8500 });
    let syn = world.packet("b", "10.2.0.10", "tcp 1 2 S");
    let opening = world.delivery("b", &syn);
    assert_eq!(opening.rewrite.segment_payload_max, Some(8460));
    // The answer says how large the first side's segments may be, and may well be carried by an entry.
    let reverse = opening.cache.unwrap().reverse.unwrap();
    assert_eq!(reverse.rewrite.segment_payload_max, Some(8460));
    let answer = reply(&arrived(&syn, &opening));
    let answer = world.delivery("y", &answer);
    assert_eq!(answer.rewrite, reverse.rewrite);
    let established = world.packet("b", "10.2.0.10", "tcp 1 2 A");
    assert!(world.delivery("b", &established).cache.is_some());
}

pub fn errors_are_translated_with_what_they_quote() {
    let mut world = everything();
    let out = sends(&mut world, "b", HOST, "udp 4000 53", "internet");
    let error = crate::testing::world::error_about(&out, crate::services::INTERNET_MAC, 3, 3);
    let error = Packet { destination_mac: crate::services::LINK_ROUTER_MAC, ..error };
    let at_b = gets(&mut world, "internet", &error, "b");
    assert_eq!(at_b.destination.to_string(), "10.0.1.20");
    let Transport::Icmp { about: Some(about), .. } = at_b.transport else { panic!("an error") };
    assert_eq!(about.source.to_string(), "10.0.1.20");
    assert_eq!(about.transport, crate::InnerTransport::Ports { source: 4000, destination: 53 });

    // And from inside: about a packet that came for the public address.
    let query = world.packet_from_internet(HOST, "198.18.0.10", "udp 9 7");
    let at_a = gets(&mut world, "internet", &query, "a");
    let error = crate::testing::world::error_about(&at_a, world.interfaces["a"].mac, 3, 3);
    let outside = gets(&mut world, "a", &error, "internet");
    assert_eq!(outside.source.to_string(), "198.18.0.10");
    let Transport::Icmp { about: Some(about), .. } = outside.transport else { panic!("an error") };
    assert_eq!(about.destination.to_string(), "198.18.0.10");
}

pub fn a_change_between_vpcs_makes_the_domain_stale_and_no_port() {
    let mut world = everything();
    let packet = world.packet("y", HOST, "udp 4001 443");
    let domain = world.delivery("y", &packet).cache.unwrap().forward.domain.unwrap();
    let stale = |world: &mut World, object: Object| {
        world.apply(&[vpc_model::Delta::Put(object)]);
        world.last.as_ref().unwrap().stale_domains.contains(&domain)
    };
    assert!(stale(&mut world, transit_table(&[], &["v"]).into()));
    assert!(world.last.as_ref().unwrap().stale.is_empty());
    assert!(stale(&mut world, transit_table(&[("0.0.0.0/0", Some("v"))], &["v", "y"]).into()));
    assert!(stale(&mut world, vpc_model::NatGateway { addresses: Vec::new(), ..nat() }.into()));
    world.put(nat());
    // The subnet of the NAT gateway.
    world.acl("A", &["in 100 deny all 0.0.0.0/0"]);
    assert!(world.last.as_ref().unwrap().stale_domains.contains(&domain));
    // A subnet that no gateway is in.
    world.acl("B", &["in 100 deny all 0.0.0.0/0"]);
    assert!(!world.last.as_ref().unwrap().stale_domains.contains(&domain));
}
