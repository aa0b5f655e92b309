//! Who reaches whom, in Datalog: the same meaning from the same objects, with nothing of the engine in it.
//!
//! Covers TCP over IPv4 between primary addresses of workloads, within a VPC, over peering connections, through transit
//! gateways and from one of those to the next; security groups with blocks and with other groups, where those may be named;
//! network ACLs in both directions; the longest prefix of route tables, with local, static and propagated routes. What
//! goes to internet and NAT gateways goes nowhere, as no private address is reached through them. Does not cover
//! middleboxes, private NAT gateways, appliance mode, prefixes of interfaces, blocks that overlap, and IPv6: none of which
//! [`vpc_engine::testing::estate`] has.

use std::collections::HashMap;
use std::hash::Hash;

use ascent::ascent;
use ipnet::IpNet;
use vpc_engine::testing::Topology;
use vpc_model::{
    AclAction, AttachedNetwork, Direction, InterfaceRole, Peer, PortRange, Route, RouteTarget, Traffic,
};

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    Local,
    Peering(u32),
    Transit(u32),
    Attachment(u32),
    TransitPeering(u32),
    Nowhere,
}

ascent! {
    /// The facts and what follows from them. Of a direction, true is outward; of a packet, true is a reply.
    pub(crate) struct Reach;

    relation asked(u16, u16);
    relation interface(u32, u32, u32);
    // Its VPC, zone, route table and ACL.
    relation subnet(u32, u32, u32, u32, u32);
    relation member(u32, u32);
    relation rule_block(u32, bool, u16, u16, u32, u32);
    relation rule_group(u32, bool, u16, u16, u32);
    relation entry(u32, bool, u16, u16, u16, u32, u32, bool);
    // Of a table: the addresses, and how strong it is.
    relation route(u32, u32, u32, u8, Target);
    relation peering(u32, u32, u32, bool);
    // Of a transit gateway, a VPC, the attachment, its table, whether groups may be named.
    relation attached(u32, u32, u32, u32, bool);
    relation zone_of_attachment(u32, u32, u32);
    relation first_of_attachment(u32, u32);
    // From one gateway to another, by which table there.
    relation transit_peering(u32, u32, u32, u32);

    // Which port a packet goes to: the one that is asked for, or the client's.
    relation to_port(bool, u16);
    to_port(false, destination) <-- asked(_, destination);
    to_port(true, source) <-- asked(source, _);

    // The rules about the packet.
    relation opens_block(u32, bool, u32, u32);
    opens_block(g, out, first, last) <--
        asked(_, port), rule_block(g, out, from, to, first, last), if from <= port && port <= to;
    relation opens_group(u32, bool, u32);
    opens_group(g, out, peer) <--
        asked(_, port), rule_group(g, out, from, to, peer), if from <= port && port <= to;

    // The first entry of an ACL about a packet to or from an interface.
    relation hits(u32, bool, bool, u32, u16, bool);
    hits(acl, out, reply, i, number, allow) <--
        entry(acl, out, number, from, to, first, last, allow), to_port(reply, port),
        if from <= port && port <= to, interface(i, _, address), if first <= address && address <= last;
    relation later(u32, bool, bool, u32, u16);
    later(acl, out, reply, i, number) <--
        hits(acl, out, reply, i, number, _), hits(acl, out, reply, i, other, _), if other < number;
    relation allows(u32, bool, bool, u32);
    allows(acl, out, reply, i) <--
        hits(acl, out, reply, i, number, allow), if *allow, !later(acl, out, reply, i, number);

    // The strongest route of a table to an interface.
    relation covers(u32, u32, u8, Target);
    covers(table, i, strength, target) <--
        route(table, first, last, strength, target), interface(i, _, address),
        if first <= address && address <= last;
    relation weaker(u32, u32, u8);
    weaker(table, i, strength) <--
        covers(table, i, strength, _), covers(table, i, other, _), if other > strength;
    relation goes(u32, u32, Target);
    goes(table, i, target) <-- covers(table, i, strength, target), !weaker(table, i, strength);

    // The way of what a subnet sends to an interface: at a router, in a transit gateway by a table, landed.
    relation at_router(u32, u32, u32);
    at_router(s, s, j) <-- interface(_, s, _), interface(j, _, _);
    relation in_transit(u32, u32, u32, u32, Option<u32>);
    relation lands(u32, u32);
    relation leaves(u32, u32, u32);
    relation enters(u32, u32, u32);
    // Where rules of the receiver may not name groups of the sender, and where those of the sender may.
    relation hides(u32, u32);
    relation names_receiver(u32, u32);

    lands(s, j), names_receiver(s, j) <-- at_router(s, x, j), interface(j, x, _);
    relation local(u32, u32, u32, u32);
    local(s, j, acl, other) <--
        at_router(s, x, j), interface(j, y, _), if x != y, subnet(x, vpc, _, table, acl),
        goes(table, j, ?Target::Local), subnet(y, vpc, _, _, other);
    lands(s, j), leaves(s, j, acl), enters(s, j, other) <-- local(s, j, acl, other);
    names_receiver(s, j) <-- local(s, j, _, _);

    relation peered(u32, u32, u32, u32, bool);
    peered(s, j, acl, other, shows) <--
        at_router(s, x, j), interface(j, y, _), if x != y, subnet(x, vpc, _, table, acl),
        goes(table, j, ?Target::Peering(p)), peering(p, vpc, peer, shows), subnet(y, peer, _, _, other);
    lands(s, j), leaves(s, j, acl), enters(s, j, other) <-- peered(s, j, acl, other, _);
    names_receiver(s, j) <-- peered(s, j, _, _, shows), if *shows;
    hides(s, j) <-- peered(s, j, _, _, shows), if !*shows;

    relation into_transit(u32, u32, u32, u32, u32);
    into_transit(s, j, acl, a, zone) <--
        at_router(s, x, j), interface(j, y, _), if x != y, subnet(x, vpc, zone, table, acl),
        goes(table, j, ?Target::Transit(g)), attached(g, vpc, a, _, _);
    leaves(s, j, acl), enters(s, j, other), in_transit(s, j, g, table, Some(*zone)) <--
        into_transit(s, j, acl, a, zone), zone_of_attachment(a, zone, e), subnet(e, _, _, _, other),
        attached(g, _, a, table, _);
    hides(s, j) <-- into_transit(s, j, _, a, _), attached(_, _, a, _, shows), if !*shows;
    in_transit(s, j, other, over, None::<u32>), hides(s, j) <--
        in_transit(s, j, g, table, _), goes(table, j, ?Target::TransitPeering(p)),
        transit_peering(p, g, other, over);
    relation out_of_transit(u32, u32, u32, Option<u32>);
    out_of_transit(s, j, a, zone) <--
        in_transit(s, j, g, table, zone), goes(table, j, ?Target::Attachment(a)), attached(g, _, a, _, _);
    hides(s, j) <-- out_of_transit(s, j, a, _), attached(_, _, a, _, shows), if !*shows;
    at_router(s, e, j) <-- out_of_transit(s, j, a, ?Some(zone)), zone_of_attachment(a, zone, e);
    at_router(s, e, j) <--
        out_of_transit(s, j, a, ?Some(zone)), !zone_of_attachment(a, zone, _), first_of_attachment(a, e);
    at_router(s, e, j) <-- out_of_transit(s, j, a, ?None), first_of_attachment(a, e);

    // Where a list on the way drops the packet.
    relation stopped(bool, u32, u32);
    stopped(reply, i, j) <--
        leaves(s, j, acl), to_port(reply, _), !allows(acl, true, reply, j), interface(i, s, _);
    stopped(reply, i, j) <--
        enters(s, j, acl), interface(i, s, _), to_port(reply, _), !allows(acl, false, reply, i);

    // What rules let pass, if there is a way.
    relation sends(u32, u32);
    sends(i, j) <--
        opens_block(g, true, first, last), member(i, g), interface(j, _, address),
        if first <= address && address <= last;
    sends(i, j) <--
        opens_group(g, true, peer), member(i, g), member(j, peer), interface(i, s, _), names_receiver(s, j);
    relation takes(u32, u32);
    takes(i, j) <--
        opens_block(g, false, first, last), member(j, g), interface(i, _, address),
        if first <= address && address <= last;
    takes(i, j) <--
        opens_group(g, false, peer), member(j, g), member(i, peer), interface(i, s, _), !hides(s, j);

    relation reaches(u32, u32);
    reaches(i, j) <--
        sends(i, j), if i != j, takes(i, j), interface(i, s, _), lands(s, j), interface(j, r, _), lands(r, i),
        !stopped(false, i, j), !stopped(true, j, i);
}

/// Numbers of ids, in the order in which they are mentioned.
struct Numbers<K>(HashMap<K, u32>);

impl<K: Copy + Eq + Hash> Numbers<K> {
    fn new() -> Self {
        Self(HashMap::new())
    }

    fn of(&mut self, id: K) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(id).or_insert(next)
    }
}

fn span(block: IpNet) -> Option<(u32, u32)> {
    match block {
        IpNet::V4(net) => Some((net.network().to_bits(), net.broadcast().to_bits())),
        IpNet::V6(_) => None,
    }
}

/// The TCP ports that a rule is about.
fn tcp(traffic: Traffic) -> Option<PortRange> {
    match traffic {
        Traffic::All | Traffic::Protocol(vpc_model::Protocol::TCP) => Some(PortRange::ALL),
        Traffic::Tcp(ports) => Some(ports),
        _ => None,
    }
}

/// Longer prefixes are stronger, and of equal ones those of a better origin.
fn strength(block: IpNet, origin: u8) -> u8 {
    block.prefix_len() * 4 + origin
}

/// A network as facts. Interfaces are numbered in the order in which the topology has its workloads.
pub(crate) fn facts(topology: &Topology, source_port: u16, destination_port: u16) -> Reach {
    let mut facts = Reach { asked: vec![(source_port, destination_port)], ..Reach::default() };
    let (mut vpcs, mut subnets, mut zones) = (Numbers::new(), Numbers::new(), Numbers::new());
    let (mut tables, mut acls, mut groups) = (Numbers::new(), Numbers::new(), Numbers::new());
    let (mut gateways, mut peerings, mut attachments) = (Numbers::new(), Numbers::new(), Numbers::new());
    let mut transit_tables = Numbers::new();
    for subnet in &topology.subnets {
        let row = (
            subnets.of(subnet.id),
            vpcs.of(subnet.vpc),
            zones.of(&subnet.zone),
            tables.of(subnet.route_table),
            acls.of(subnet.network_acl),
        );
        facts.subnet.push(row);
    }
    let workloads = topology.interfaces.iter().filter(|held| held.role == InterfaceRole::Workload);
    for (number, held) in (0..).zip(workloads) {
        facts.interface.push((number, subnets.of(held.subnet), held.ipv4.to_bits()));
        facts.member.extend(held.security_groups.iter().map(|&group| (number, groups.of(group))));
    }
    for group in &topology.security_groups {
        for rule in &group.rules {
            let Some(ports) = tcp(rule.traffic) else { continue };
            let (own, out) = (groups.of(group.id), rule.direction == Direction::Egress);
            match rule.peer {
                Peer::Group(peer) => {
                    facts.rule_group.push((own, out, ports.from(), ports.to(), groups.of(peer)));
                }
                Peer::Cidr(block) => facts.rule_block.extend(
                    span(block).map(|(first, last)| (own, out, ports.from(), ports.to(), first, last)),
                ),
            }
        }
    }
    for acl in &topology.network_acls {
        for entry in &acl.entries {
            let (Some(ports), Some((first, last))) = (tcp(entry.traffic), span(entry.cidr)) else { continue };
            let (out, allow) = (entry.direction == Direction::Egress, entry.action == AclAction::Allow);
            let number = entry.number.get();
            facts.entry.push((acls.of(acl.id), out, number, ports.from(), ports.to(), first, last, allow));
        }
    }
    for peering in &topology.peerings {
        let (id, shows) = (peerings.of(peering.id), !peering.is_inter_region);
        let (one, other) = (vpcs.of(peering.requester), vpcs.of(peering.accepter));
        facts.peering.extend([(id, one, other, shows), (id, other, one, shows)]);
    }
    for table in &topology.route_tables {
        let number = tables.of(table.id);
        let vpc = topology.vpcs.iter().find(|vpc| vpc.id == table.vpc);
        let local = vpc.into_iter().flat_map(|vpc| &vpc.ipv4_cidrs);
        let local = local.map(|&block| Route::fixed(block.into(), RouteTarget::Local));
        for (origin, route) in
            local.map(|route| (0, route)).chain(table.routes.iter().map(|route| (1, *route)))
        {
            let target = match route.target {
                RouteTarget::Local => Target::Local,
                RouteTarget::VpcPeeringConnection(id) => Target::Peering(peerings.of(id)),
                RouteTarget::TransitGateway(id) => Target::Transit(gateways.of(id)),
                _ => Target::Nowhere,
            };
            let Some((first, last)) = span(route.destination) else { continue };
            facts.route.push((number, first, last, strength(route.destination, origin), target));
        }
    }
    for attachment in &topology.attachments {
        let AttachedNetwork::Vpc(attached) = &attachment.target else { continue };
        let Some(table) = attachment.association else { continue };
        let gateway = topology.transit_gateways.iter().find(|held| held.id == attachment.gateway);
        let shows = gateway.is_some_and(|gateway| gateway.security_group_referencing)
            && attached.security_group_referencing;
        let (id, table) = (attachments.of(attachment.id), transit_tables.of(table) + TRANSIT_TABLES);
        facts.attached.push((gateways.of(attachment.gateway), vpcs.of(attached.vpc), id, table, shows));
        let held = attached.subnets.iter().map(|held| subnets.of(held.subnet));
        let held: Vec<u32> = held.collect();
        facts.first_of_attachment.extend(held.first().map(|&subnet| (id, subnet)));
        let zone = |subnet: u32| facts.subnet.iter().find(|row| row.0 == subnet).map(|row| row.2);
        let zones: Vec<_> = held.iter().filter_map(|&subnet| Some((id, zone(subnet)?, subnet))).collect();
        facts.zone_of_attachment.extend(zones);
    }
    for peering in &topology.transit_peerings {
        let [one, other] = &peering.sides;
        for (from, to) in [(one, other), (other, one)] {
            let Some(table) = to.association else { continue };
            let table = transit_tables.of(table) + TRANSIT_TABLES;
            let id = attachments.of(peering.id);
            facts.transit_peering.push((id, gateways.of(from.gateway), gateways.of(to.gateway), table));
        }
    }
    for table in &topology.transit_tables {
        let number = transit_tables.of(table.id) + TRANSIT_TABLES;
        let is_peering = |id| topology.transit_peerings.iter().any(|held| held.id == id);
        for route in &table.routes {
            let target = match route.target {
                Some(id) if is_peering(id) => Target::TransitPeering(attachments.of(id)),
                Some(id) => Target::Attachment(attachments.of(id)),
                None => Target::Nowhere,
            };
            let Some((first, last)) = span(route.destination) else { continue };
            facts.route.push((number, first, last, strength(route.destination, 1), target));
        }
        for &id in &table.propagations {
            let attachment = topology.attachments.iter().find(|held| held.id == id);
            let Some(AttachedNetwork::Vpc(attached)) = attachment.map(|held| &held.target) else { continue };
            let vpc = topology.vpcs.iter().find(|vpc| vpc.id == attached.vpc);
            for &block in vpc.into_iter().flat_map(|vpc| &vpc.ipv4_cidrs) {
                let Some((first, last)) = span(block.into()) else { continue };
                let target = Target::Attachment(attachments.of(id));
                facts.route.push((number, first, last, strength(block.into(), 0), target));
            }
        }
    }
    facts
}

/// Tables of transit gateways have other numbers than those of VPCs.
const TRANSIT_TABLES: u32 = 1 << 20;
