//! Rows about connections through gateways: what is decided of them for others too, and what they end with.

use super::gateways::{HOST, ends, gets, port, sends};
use crate::testing::world::gateways::{endpoint, everything, nat, reply, transit_table, vpc};
use crate::testing::world::{World, subnet};
use crate::{Endpoint, Packet, TcpFlags, Transport};
use vpc_model::InterfaceRole;

pub fn fact_54_of_two_vpcs_with_one_block_the_older_attachment_has_it() {
    let mut world = everything();
    let blocks = ["10.1.0.0/16", "10.2.0.0/16"].map(|block| block.parse().unwrap());
    let id = vpc("x");
    let vpc = world.snapshot.vpc(id).unwrap().clone();
    world.put(vpc_model::Vpc { ipv4_cidrs: blocks.to_vec(), ..vpc });
    world.put(transit_table(&[], &["v", "y", "x"]));
    sends(&mut world, "b", "10.2.0.10", "tcp 4000 22 S", "y");
    // Nobody has the address in the other.
    world.put(transit_table(&[], &["v", "x", "y"]));
    sends(&mut world, "b", "10.2.0.10", "tcp 4001 22 S", "NoSuchAddress");
}

pub fn fact_59_a_gateway_endpoint_serves_its_own_vpc_alone() {
    let mut world = everything();
    let s3 = "198.19.64.5";
    world.route("v", "T", &[("0.0.0.0/0", "endpoint")]);
    sends(&mut world, "y", s3, "tcp 4000 443 S", "EndpointOfOtherVpc");
    // What a NAT gateway of the VPC sends is the VPC's own.
    world.route("v", "T", &[("0.0.0.0/0", "nat")]);
    world.route("v", "A", &[("198.19.64.0/24", "endpoint"), ("10.2.0.0/16", "transit")]);
    let at_service = sends(&mut world, "y", s3, "tcp 4000 443 S", "services");
    let listener = Endpoint { address: at_service.destination, port: 443 };
    let peer = Endpoint { address: at_service.source, port: port(&at_service) };
    let found = world.flows.service_peer(&world.snapshot, listener, peer, world.now).unwrap();
    assert_eq!(
        (found.source.address.to_string(), found.port, found.endpoint),
        ("10.0.0.200".to_owned(), world.port("n"), Some(endpoint().id))
    );
    let back = gets(&mut world, "services", &reply(&at_service), "y");
    assert_eq!(ends(&back), ("198.19.64.5:443".to_owned(), "10.2.0.10:4000".to_owned()));
}

pub fn what_a_service_answers_does_not_follow_an_interface_to_another_subnet() {
    let mut world = everything();
    let at_service = sends(&mut world, "b", "198.19.64.5", "tcp 4000 443 S", "services");
    let (vpc, subnet) = (vpc("y"), subnet("Y"));
    world.modify("b", |interface| (interface.vpc, interface.subnet) = (vpc, subnet));
    gets(&mut world, "services", &reply(&at_service), "UnsolicitedByService");
    assert_eq!(world.flows.tracked(world.port("b")), 0);
}

pub fn an_address_that_a_nat_gateway_loses_takes_its_connections_with_it() {
    let mut world = everything();
    let out = sends(&mut world, "b", HOST, "udp 4000 53", "internet");
    let at_b = gets(&mut world, "internet", &reply(&out), "b");
    let error = crate::testing::world::error_about(&at_b, world.interfaces["b"].mac, 3, 3);
    gets(&mut world, "b", &error, "internet");
    world.put(vpc_model::NatGateway { addresses: vec!["10.0.0.201".parse().unwrap()], ..nat() });
    gets(&mut world, "internet", &reply(&out), "NatUnsolicited");
    gets(&mut world, "b", &error, "NatIdle");
    // And one that goes takes all of them, though its interface stays.
    world.put(nat());
    gets(&mut world, "internet", &reply(&out), "b");
    world.apply(&[vpc_model::Delta::Remove(nat().id.into())]);
    world.put(nat());
    gets(&mut world, "internet", &reply(&out), "NatUnsolicited");
}

pub fn a_service_does_not_answer_what_the_asker_has_forgotten() {
    let mut world = everything();
    world.modify("b", |interface| {
        interface.idle_timeouts = vpc_model::IdleTimeouts::new(60, 60, 30).unwrap();
    });
    let at_service = sends(&mut world, "b", "198.19.64.5", "tcp 4000 443 S", "services");
    gets(&mut world, "services", &reply(&at_service), "b");
    sends(&mut world, "b", "198.19.64.5", "tcp 4000 443 A", "services");
    world.now = crate::Millis(world.now.0 + 61_000);
    gets(&mut world, "services", &reply(&at_service), "UnsolicitedByService");
}

pub fn what_is_decided_of_a_connection_holds_for_other_ports_of_its_opener() {
    let mut world = everything();
    let ports = |world: &mut World, from: &str, to: &str, source: u16| {
        let packet = world.packet(from, to, &format!("tcp {source} 443 S"));
        world.delivery(from, &packet).cache.unwrap().source_ports.map(<(u16, u16)>::from)
    };
    for to in ["10.1.0.10", "10.2.0.10"] {
        assert_eq!(ports(&mut world, "b", to, 4000), Some((0, 65535)), "peering, transit gateway");
    }
    assert_eq!(ports(&mut world, "a", HOST, 4000), Some((0, 65535)), "internet gateway");
    // A NAT gateway keeps the ports that it may have itself, as long as nobody else has them.
    let syn = world.packet("b", HOST, "tcp 4000 443 S");
    let plan = world.delivery("b", &syn).cache.unwrap();
    assert_eq!(plan.source_ports.map(<(u16, u16)>::from), Some((1024, 65535)));
    let translation = plan.translation.unwrap();
    assert_eq!((translation.port, translation.local.port), (world.interfaces["n"].port, 4000));
    let other =
        Packet { transport: Transport::Tcp { source: 5000, destination: 443, flags: TcpFlags::SYN }, ..syn };
    let at_host = gets(&mut world, "b", &other, "internet");
    assert_eq!(port(&at_host), 5000);
    let far = world.flows.records().filter(crate::flows::FlowRecord::is_translation);
    let mut far: Vec<u16> = far.map(|record| record.key.local.port).collect();
    far.sort_unstable();
    assert_eq!(far, [4000, 5000]);
    assert_eq!(ports(&mut world, "b", HOST, 80), Some((80, 80)), "it has to take another port");

    // The ACLs on the way back say so: of the client's subnet, and of the attachment's.
    world.acl(
        "B",
        &["in 90 deny tcp 3000-3999 0.0.0.0/0", "in 100 allow all 0.0.0.0/0", "out 100 allow all 0.0.0.0/0"],
    );
    for to in ["10.1.0.10", "10.2.0.10", HOST] {
        assert_eq!(ports(&mut world, "b", to, 4001), Some((4000, 65535)), "to {to}");
    }
    world.acl(
        "T",
        &["in 90 deny tcp 5000 0.0.0.0/0", "in 100 allow all 0.0.0.0/0", "out 100 allow all 0.0.0.0/0"],
    );
    assert_eq!(ports(&mut world, "b", "10.2.0.10", 4002), Some((4000, 65535)), "only an attachment's egress");
    world.acl(
        "T",
        &["in 100 allow all 0.0.0.0/0", "out 90 deny tcp 5000 0.0.0.0/0", "out 100 allow all 0.0.0.0/0"],
    );
    assert_eq!(ports(&mut world, "b", "10.2.0.10", 4003), Some((4000, 4999)));
}

pub fn public_addresses_are_those_that_the_cloud_says_it_has() {
    let mut world = everything();
    sends(&mut world, "a", "198.18.0.99", "udp 1 2", "NoSuchPublicAddress");
    sends(&mut world, "a", "198.51.100.9", "udp 1 2", "NoSuchHost");
    let [old, new] = ["198.18.0.0/15", "198.51.100.0/24"].map(|block| block.parse().unwrap());
    world.apply(&[
        vpc_model::Delta::Remove(vpc_model::ObjectId::PublicAddresses(old)),
        vpc_model::PublicAddresses { id: new }.into(),
    ]);
    assert!(world.last.as_ref().unwrap().stale.is_empty(), "nobody's packets go elsewhere");
    sends(&mut world, "a", "198.18.0.99", "udp 1 2", "NoSuchHost");
    sends(&mut world, "a", "198.51.100.9", "udp 1 2", "NoSuchPublicAddress");
    world.set_public("m", "198.51.100.9");
    sends(&mut world, "a", "198.51.100.9", "udp 1 2", "m");
    let ping = world.packet_from_internet(HOST, "198.51.100.9", "icmp 8 0 7");
    gets(&mut world, "internet", &ping, "m");
}

pub fn a_closed_account_is_out_of_reach_until_it_is_opened_again() {
    fn become_role(world: &mut World, name: &str, role: InterfaceRole) {
        world.modify(name, |interface| interface.role = role);
    }
    let mut world = everything();
    let closed = "AccountClosed";
    // What a service answers, of a connection that is known.
    let at_resolver = sends(&mut world, "b", "169.254.169.253", "udp 1 53", "services");
    become_role(&mut world, "b", InterfaceRole::ClosedAccount);
    gets(&mut world, "services", &reply(&at_resolver), closed);
    sends(&mut world, "b", "169.254.169.253", "udp 1 53", closed);
    become_role(&mut world, "b", InterfaceRole::Workload);
    gets(&mut world, "services", &reply(&at_resolver), "b");
    // Over a peering connection, a connection that is known included.
    let at_x = sends(&mut world, "b", "10.1.0.10", "tcp 4000 443 S", "x");
    let at_b = gets(&mut world, "x", &reply(&at_x), "b");
    become_role(&mut world, "x", InterfaceRole::ClosedAccount);
    gets(&mut world, "b", &reply(&at_b), closed);
    gets(&mut world, "x", &reply(&at_x), closed);
    sends(&mut world, "b", "10.1.0.10", "icmp 8 0 7", closed);
    sends(&mut world, "x", "10.0.1.20", "udp 1 2", closed);
    become_role(&mut world, "x", InterfaceRole::Workload);
    sends(&mut world, "b", "10.1.0.10", "icmp 8 0 7", "x");
    sends(&mut world, "x", "10.0.1.20", "udp 1 2", "b");
    // Into an attached VPC, and out of one.
    for attached in ["tv", "ty"] {
        sends(&mut world, "b", "10.2.0.10", "udp 1 2", "y");
        become_role(&mut world, attached, InterfaceRole::ClosedAccount);
        sends(&mut world, "b", "10.2.0.10", "udp 1 2", closed);
        become_role(&mut world, attached, InterfaceRole::TransitGateway);
    }
    sends(&mut world, "b", "10.2.0.10", "udp 1 2", "y");
    // Through a NAT gateway, and from the internet.
    let out = sends(&mut world, "b", HOST, "udp 1 2", "internet");
    become_role(&mut world, "n", InterfaceRole::ClosedAccount);
    sends(&mut world, "b", HOST, "udp 1 2", closed);
    gets(&mut world, "internet", &reply(&out), closed);
    become_role(&mut world, "a", InterfaceRole::ClosedAccount);
    let ping = world.packet_from_internet(HOST, "198.18.0.10", "icmp 8 0 7");
    gets(&mut world, "internet", &ping, closed);
    become_role(&mut world, "a", InterfaceRole::Workload);
    gets(&mut world, "internet", &ping, "a");
}
