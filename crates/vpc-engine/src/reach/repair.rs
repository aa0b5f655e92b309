//! What would have to change for a packet to get there and its reply to come back.
//!
//! Owns which change takes a refusal away. Refuses to guess whether it does: each change is made in a copy of the network,
//! which is cheap, and the packet traced there again, until it passes or nothing is left that could be changed.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use aws_types::{
    NetworkAclId, NetworkInterfaceId, ResourceId, RouteTableId, SecurityGroupId, SecurityGroupRuleId,
    SubnetId, TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId, VpcId,
};
use ipnet::IpNet;
use vpc_model::{
    AclAction, AclRuleNumber, AttachedNetwork, Delta, Direction, IcmpMatch, InternetBlock, NetworkAclEntry,
    Object, Peer, PortRange, Protocol, PublicIpv4, Route, RouteTarget, SecurityGroupRule, Traffic,
    TransitGatewayAttachment, TransitGatewayRoute, Vpc,
};

use super::trace::{Ends, Met, Question, Step, Trace, Tracer};
use crate::flows::FlowOptions;
use crate::reason::DropReason;
use crate::snapshot::{Network, Snapshot};

/// How often a network is changed and looked at again. Each time goes one obstacle further at least.
const ROUNDS_MAX: usize = 16;
/// The ports that clients use, which replies go to.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports>
const CLIENT_PORTS: (u16, u16) = (1024, u16::MAX);

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fix {
    /// A security group of an interface gets a rule.
    Rule {
        /// The group.
        group: SecurityGroupId,
        /// The interface that carries it.
        interface: NetworkInterfaceId,
        /// Whether it is about what comes or what goes.
        direction: Direction,
        /// What it lets pass.
        traffic: Traffic,
        /// From where, or to where.
        peer: IpNet,
    },
    /// A network ACL gets an entry that allows.
    AclEntry {
        /// The ACL.
        acl: NetworkAclId,
        /// Whether it is about what comes into its subnets or what leaves them.
        direction: Direction,
        /// Its number, before whatever denies.
        number: AclRuleNumber,
        /// What it lets pass.
        traffic: Traffic,
        /// From where, or to where.
        peer: IpNet,
    },
    /// An interface gives up its source/destination check.
    NoSourceDestCheck {
        /// The interface.
        interface: NetworkInterfaceId,
    },
    /// A route table gets a route, in the place of the one for the same destination if there is one.
    Route {
        /// The table.
        table: RouteTableId,
        /// The route's destination.
        destination: IpNet,
        /// Its target.
        target: RouteTarget,
    },
    /// A route table of a transit gateway gets a static route, likewise.
    TransitRoute {
        /// The table.
        table: TransitGatewayRouteTableId,
        /// The route's destination.
        destination: IpNet,
        /// The attachment that it leads to.
        target: TransitGatewayAttachmentId,
    },
    /// An attachment is associated with a route table of its transit gateway.
    Association {
        /// The attachment.
        attachment: TransitGatewayAttachmentId,
        /// The table.
        table: TransitGatewayRouteTableId,
    },
    /// An attachment takes IPv6.
    AttachmentIpv6 {
        /// The attachment.
        attachment: TransitGatewayAttachmentId,
    },
    /// A private address of an interface gets a public one.
    PublicAddress {
        /// The interface.
        interface: NetworkInterfaceId,
        /// The private address.
        private: Ipv4Addr,
        /// A public one that no interface has.
        public: Ipv4Addr,
    },
    /// A subnet is excluded from Block Public Access.
    NoPublicAccessBlock {
        /// The subnet.
        subnet: SubnetId,
    },
}

/// Changes after which a packet gets there and its reply comes back, as far as there are such.
#[derive(Clone, Debug)]
pub struct Repair {
    /// The changes, in the order in which they were found.
    pub fixes: Vec<Fix>,
    /// The same, as the engine is told.
    pub deltas: Vec<Delta>,
    /// What becomes of the packet after all of them.
    pub after: Trace,
}

impl Repair {
    /// Whether they are enough.
    pub fn is_whole(&self) -> bool {
        self.after.reaches()
    }
}

/// What would have to change; none where nothing is at the port. A packet that passes needs nothing.
pub fn repair(snapshot: &Snapshot, question: Question) -> Option<Repair> {
    repair_seeded(snapshot, question, FlowOptions::default().seed)
}

/// The same as by [`Tracer::seeded`].
pub fn repair_seeded(snapshot: &Snapshot, question: Question, seed: u64) -> Option<Repair> {
    let mut changed = snapshot.clone();
    let (mut fixes, mut deltas): (Vec<Fix>, Vec<Delta>) = (Vec::new(), Vec::new());
    let mut after = Tracer::seeded(&changed, seed).trace(question)?;
    for _ in 0..ROUNDS_MAX {
        if after.reaches() {
            break;
        }
        let mut is_changed = false;
        let context = Context { question, trace: &after };
        for (reason, ends) in after.refusals() {
            // Each is looked for in the network as the ones before leave it.
            let Some(fix) = context.fix(changed.network(), reason, ends) else { continue };
            if fixes.contains(&fix) {
                continue;
            }
            let Some(object) = fix.made(changed.network(), fixes.len()) else { continue };
            let delta = Delta::Put(object);
            changed = changed.apply(std::slice::from_ref(&delta)).snapshot;
            fixes.push(fix);
            deltas.push(delta);
            is_changed = true;
        }
        if !is_changed {
            break;
        }
        after = Tracer::seeded(&changed, seed).trace(question)?;
    }
    Some(Repair { fixes, deltas, after })
}

/// A packet that is refused.
struct Context<'t> {
    question: Question,
    trace: &'t Trace,
}

/// One address, as a block.
fn one(address: IpAddr) -> IpNet {
    IpNet::from(address)
}

/// The block of a VPC that an address is in.
fn block_of(vpc: &Vpc, address: IpAddr) -> Option<IpNet> {
    vpc.blocks().find(|block| block.contains(&address))
}

impl Context<'_> {
    /// The change that takes a refusal away, if there is one that a user of the network could make.
    fn fix(&self, network: &Network, reason: &DropReason, ends: &Ends) -> Option<Fix> {
        match *reason {
            DropReason::NoEgressRule { interface } => self.rule(network, interface, Direction::Egress, ends),
            DropReason::NoIngressRule { interface } => {
                self.rule(network, interface, Direction::Ingress, ends)
            }
            DropReason::NetworkAclDenied { acl, direction, rule } => {
                let number = free_number(network, acl, direction, rule)?;
                let peer = if direction == Direction::Egress { ends.destination } else { ends.source };
                Some(Fix::AclEntry { acl, direction, number, traffic: self.traffic(ends), peer: one(peer) })
            }
            DropReason::SourceCheck { interface, .. } | DropReason::DestinationCheck { interface, .. } => {
                Some(Fix::NoSourceDestCheck { interface })
            }
            DropReason::NoRoute { table, .. } => {
                let (destination, target) = way_to(network, table, ends)?;
                Some(Fix::Route { table, destination, target })
            }
            DropReason::Blackhole { table, destination } => {
                let (block, target) = way_to(network, table, ends)?;
                Some(Fix::Route { table, destination: narrower(block, destination), target })
            }
            DropReason::PrivateDestination { .. } => {
                let table = self.table_before(reason)?;
                let (destination, target) = way_to(network, table, ends)?;
                Some(Fix::Route { table, destination, target })
            }
            DropReason::NoTransitRoute { table, address } => transit_route(network, table, address, None),
            DropReason::TransitBlackhole { table, destination } => {
                transit_route(network, table, ends.destination, Some(destination))
            }
            DropReason::NoAssociation { attachment } => self.association(network, attachment),
            DropReason::Ipv6NotAttached { attachment } => Some(Fix::AttachmentIpv6 { attachment }),
            DropReason::NoPublicAddress { address: IpAddr::V4(private) } => {
                let interface = self.exit(network, private)?;
                Some(Fix::PublicAddress { interface, private, public: network.free_public_address()? })
            }
            DropReason::PublicAccessBlocked { subnet } => Some(Fix::NoPublicAccessBlock { subnet }),
            _ => None,
        }
    }

    /// The table whose route led to where a packet is refused.
    fn table_before(&self, reason: &DropReason) -> Option<RouteTableId> {
        self.trace.ways().find_map(|way| {
            let at = way.steps.iter().position(|step| step.met == Met::Refused(*reason))?;
            way.steps[..at].iter().rev().find_map(|step| match step.met {
                Met::Route { table, .. } => Some(table),
                _ => None,
            })
        })
    }

    fn rule(
        &self,
        network: &Network,
        interface: NetworkInterfaceId,
        direction: Direction,
        ends: &Ends,
    ) -> Option<Fix> {
        let plugged = network.target(interface)?;
        // Of several groups the one that fewest carry: so the change opens the least, and costs the least to try.
        let groups = network.groups_of(plugged).iter().filter(|group| network.group(**group).is_some());
        let group = groups.min_by_key(|group| network.carriers_of(**group))?;
        let peer = if direction == Direction::Egress { ends.destination } else { ends.source };
        Some(Fix::Rule { group: *group, interface, direction, traffic: self.traffic(ends), peer: one(peer) })
    }

    /// A table for what comes to a transit gateway by an attachment.
    fn association(&self, network: &Network, attachment: TransitGatewayAttachmentId) -> Option<Fix> {
        let gateways = &network.gateways;
        let gateway = match gateways.attachment(attachment) {
            Some(attachment) => attachment.gateway,
            // Both gateways of a peering have it: it is the one that the packet came to, at the end of its way.
            None => {
                let peering = gateways.transit_peering(attachment)?;
                let mut back = self.trace.ways().last()?.steps.iter().rev();
                let left = back.find_map(|step| match step.met {
                    Met::TransitRoute { table, target, .. } if target == Some(attachment) => Some(table),
                    _ => None,
                })?;
                peering.peer_of(gateways.transit_table(left)?.gateway)?.gateway
            }
        };
        let table = gateways.transit_tables_of(gateway).min()?;
        Some(Fix::Association { attachment, table })
    }

    /// What a rule would have to let pass for this packet, and for those of other clients where it is a reply.
    fn traffic(&self, ends: &Ends) -> Traffic {
        let is_reply = ends.destination_port != self.question.destination.port
            && ends.source_port == self.question.destination.port;
        let (first, last) = CLIENT_PORTS;
        let port = ends.destination_port;
        let ports = match PortRange::new(first, last) {
            Ok(ports) if is_reply && ports.contains(port) => ports,
            _ => PortRange::one(port),
        };
        match self.question.protocol {
            Protocol::TCP => Traffic::Tcp(ports),
            Protocol::UDP => Traffic::Udp(ports),
            Protocol::ICMP => Traffic::Icmp(IcmpMatch::Any),
            Protocol::ICMPV6 => Traffic::Icmpv6(IcmpMatch::Any),
            other => Traffic::Protocol(other),
        }
    }

    /// The interface that a private address belongs to which has no public one: of those on the way.
    fn exit(&self, network: &Network, private: Ipv4Addr) -> Option<NetworkInterfaceId> {
        let steps = self.trace.ways().flat_map(|way| &way.steps);
        steps
            .filter_map(|step: &Step| match step.met {
                Met::Interface(interface) => network.target(interface),
                _ => None,
            })
            .map(|plugged| &plugged.interface)
            .find(|own| own.ipv4 == private || own.secondary_ipv4.contains(&private))
            .map(|own| own.id)
    }
}

/// The smaller of two blocks of which one holds the other.
fn narrower(one: IpNet, other: IpNet) -> IpNet {
    if one.prefix_len() > other.prefix_len() { one } else { other }
}

/// Where a route of a table would have to lead for a packet, and for which destinations. Of several the lowest id, so that
/// one network has one answer.
fn way_to(network: &Network, table: RouteTableId, ends: &Ends) -> Option<(IpNet, RouteTarget)> {
    let (vpc, address, gateways) = (network.route_table(table)?.vpc, ends.destination, &network.gateways);
    let peerings = gateways.peerings().filter_map(|peering| {
        let block = block_of(network.vpc(peering.peer_of(vpc)?)?, address)?;
        Some((block, peering.id))
    });
    if let Some((block, id)) = peerings.min_by_key(|(_, id)| *id) {
        return Some((block, RouteTarget::VpcPeeringConnection(id)));
    }
    let own = gateways.attachments().filter(|held| attached_vpc(held) == Some(vpc));
    let transits = own.filter_map(|own| Some((transit_way(network, own.gateway, address)?.0, own.gateway)));
    if let Some((block, id)) = transits.min_by_key(|(_, id)| *id) {
        return Some((block, RouteTarget::TransitGateway(id)));
    }
    way_out(network, table, vpc, ends)
}

/// The same for an address of the internet: by the internet gateway for who has a public address, and else by a NAT gateway,
/// which has its own routes elsewhere.
fn way_out(network: &Network, table: RouteTableId, vpc: VpcId, ends: &Ends) -> Option<(IpNet, RouteTarget)> {
    if crate::forward::is_private(ends.destination) {
        return None;
    }
    let everywhere = match ends.destination {
        IpAddr::V4(_) => IpNet::from(ipnet::Ipv4Net::default()),
        IpAddr::V6(_) => IpNet::from(ipnet::Ipv6Net::default()),
    };
    let has_public = match ends.source {
        IpAddr::V6(_) => true,
        IpAddr::V4(source) => network
            .number_of_vpc(vpc)
            .is_some_and(|number| network.public_of_private(number, source).is_some()),
    };
    let nat = network.gateways.nat_gateways().filter(|nat| {
        let is_public =
            network.target(nat.interface).is_some_and(|own| !own.interface.public_ipv4.is_empty());
        let has_this_table =
            network.subnet_object(nat.subnet).is_none_or(|subnet| subnet.route_table == table);
        nat.vpc == vpc && is_public && !has_this_table
    });
    match (nat.map(|nat| nat.id).min(), network.gateways.internet_of(vpc)) {
        (Some(nat), _) if !has_public => Some((everywhere, RouteTarget::NatGateway(nat))),
        (_, Some(gateway)) => Some((everywhere, RouteTarget::InternetGateway(gateway.id))),
        _ => None,
    }
}

fn attached_vpc(attachment: &TransitGatewayAttachment) -> Option<VpcId> {
    match &attachment.target {
        AttachedNetwork::Vpc(attached) => Some(attached.vpc),
        AttachedNetwork::Vpn | AttachedNetwork::Connect => None,
    }
}

/// The block of an attached VPC that has an address, and by which attachment a transit gateway leads there: the VPC's own, or
/// else the peering that begins the shortest way over other gateways.
fn transit_way(
    network: &Network,
    gateway: TransitGatewayId,
    address: IpAddr,
) -> Option<(IpNet, TransitGatewayAttachmentId)> {
    let gateways = &network.gateways;
    let mut peerings: Vec<_> = gateways.transit_peerings().collect();
    peerings.sort_by_key(|peering| peering.id);
    let mut seen = BTreeSet::from([gateway]);
    let mut next = vec![(gateway, None)];
    while !next.is_empty() {
        let attached = next.iter().flat_map(|&(gateway, first)| {
            let of_gateway = gateways.attachments().filter(move |held| held.gateway == gateway);
            of_gateway.filter_map(move |held| {
                let block = block_of(network.vpc(attached_vpc(held)?)?, address)?;
                Some((block, first.unwrap_or(held.id)))
            })
        });
        if let Some(found) = attached.min_by_key(|(_, target)| *target) {
            return Some(found);
        }
        let mut beyond = Vec::new();
        for (gateway, first) in next {
            for peering in &peerings {
                if let Some(peer) = peering.peer_of(gateway).filter(|peer| seen.insert(peer.gateway)) {
                    beyond.push((peer.gateway, Some(first.unwrap_or(peering.id))));
                }
            }
        }
        next = beyond;
    }
    None
}

/// A static route of a transit gateway's table towards the attached VPC that has an address.
fn transit_route(
    network: &Network,
    table: TransitGatewayRouteTableId,
    address: IpAddr,
    destination: Option<IpNet>,
) -> Option<Fix> {
    let gateway = network.gateways.transit_table(table)?.gateway;
    let (block, target) = transit_way(network, gateway, address)?;
    let destination = destination.map_or(block, |destination| narrower(block, destination));
    Some(Fix::TransitRoute { table, destination, target })
}

/// A number for an entry that is asked before the one that denies; none where there is no room.
fn free_number(
    network: &Network,
    acl: NetworkAclId,
    direction: Direction,
    denied_by: Option<AclRuleNumber>,
) -> Option<AclRuleNumber> {
    let acl = network.network_acl(acl)?;
    let mut taken =
        acl.entries.iter().filter(|entry| entry.direction == direction).map(|entry| entry.number.get());
    let below = denied_by.map_or(AclRuleNumber::MAX.get(), |number| number.get() - 1);
    let taken: Vec<u16> = taken.by_ref().collect();
    (1..=below)
        .rev()
        .find(|number| !taken.contains(number))
        .and_then(|number| AclRuleNumber::new(number).ok())
}

impl Fix {
    /// The object that it changes, as it is afterwards; none where it is gone. `number` tells new rules apart.
    fn made(&self, network: &Network, number: usize) -> Option<Object> {
        Some(match *self {
            Self::Rule { group, direction, traffic, peer, .. } => {
                let mut group = network.group(group)?.clone();
                let id = SecurityGroupRuleId::from_bits(u128::from(u64::MAX) - number as u128);
                group.rules.push(SecurityGroupRule { id, direction, traffic, peer: Peer::Cidr(peer) });
                group.into()
            }
            Self::AclEntry { acl, direction, number, traffic, peer } => {
                let mut acl = network.network_acl(acl)?.clone();
                let action = AclAction::Allow;
                acl.entries.push(NetworkAclEntry { number, direction, traffic, cidr: peer, action });
                acl.into()
            }
            Self::NoSourceDestCheck { interface } => {
                let mut interface = vpc_model::Interface::clone(&network.target(interface)?.interface);
                interface.source_dest_check = false;
                interface.into()
            }
            Self::Route { table, destination, target } => {
                let mut table = network.route_table(table)?.clone();
                table.routes.retain(|route| route.destination.trunc() != destination.trunc());
                table.routes.push(Route::fixed(destination, target));
                table.into()
            }
            Self::TransitRoute { table, destination, target } => {
                let mut table = network.gateways.transit_table(table)?.clone();
                table.routes.retain(|route| route.destination.trunc() != destination.trunc());
                table.routes.push(TransitGatewayRoute {
                    destination,
                    target: Some(target),
                    is_of_prefix_list: false,
                });
                table.into()
            }
            Self::Association { attachment, table } => match network.gateways.attachment(attachment) {
                Some(attachment) => {
                    let association = Some(table);
                    Object::TransitGatewayAttachment(TransitGatewayAttachment {
                        association,
                        ..attachment.clone()
                    })
                }
                None => {
                    let mut peering = network.gateways.transit_peering(attachment)?.clone();
                    let gateway = network.gateways.transit_table(table)?.gateway;
                    let side = peering.sides.iter_mut().find(|side| side.gateway == gateway)?;
                    side.association = Some(table);
                    Object::TransitGatewayPeering(peering)
                }
            },
            Self::AttachmentIpv6 { attachment } => {
                let mut attachment = network.gateways.attachment(attachment)?.clone();
                if let AttachedNetwork::Vpc(attached) = &mut attachment.target {
                    attached.ipv6 = true;
                }
                Object::TransitGatewayAttachment(attachment)
            }
            Self::PublicAddress { interface, private, public } => {
                let mut interface = vpc_model::Interface::clone(&network.target(interface)?.interface);
                interface.public_ipv4.push(PublicIpv4 { public, private });
                interface.into()
            }
            Self::NoPublicAccessBlock { subnet } => {
                let mut subnet = network.subnet_object(subnet)?.clone();
                subnet.internet_block = InternetBlock::Off;
                subnet.into()
            }
        })
    }
}
