//! The way through transit gateways (facts 54 to 58). Refuses to know how packets came to the attachment's VPC.

use aws_types::{AvailabilityZone, TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId};
use vpc_model::{
    AttachedNetwork, AttachedVpc, Direction, Subnet, TransitGateway, TransitGatewayAttachment,
    TransitGatewayRouteTable,
};

use super::walk::{End, Leaver, Trip};
use super::{Reason, Reference};

/// Where a route of a transit gateway leads.
struct TransitRoute {
    prefix: u8,
    /// Fact 54: the lower is the stronger. Of propagated ones the older attachment's.
    strength: usize,
    attachment: Option<TransitGatewayAttachmentId>,
}

impl Reference {
    pub(super) fn leave_by_transit_gateway(
        &self,
        trip: &mut Trip,
        gateway: &TransitGateway,
        from: &Subnet,
    ) -> Result<End, Reason> {
        let network = &self.network;
        let attached = network.attachments.iter().find_map(|attachment| match &attachment.target {
            AttachedNetwork::Vpc(vpc) if attachment.gateway == gateway.id && vpc.vpc == from.vpc => {
                Some((attachment, vpc))
            }
            _ => None,
        });
        trip.has_left = true;
        trip.passed_transit_gateway = true;
        trip.always_tracked = true;
        trip.shows_groups &= gateway.security_group_referencing;
        let (attachment, vpc) = attached.ok_or("NotAttached")?;
        trip.shows_groups &= vpc.security_group_referencing;
        if trip.packet.destination.is_ipv6() && !vpc.ipv6 {
            return Err("Ipv6NotAttached");
        }
        let subnets: Vec<&Subnet> =
            vpc.subnets.iter().filter_map(|attached| network.subnet(attached.subnet)).collect();
        let subnet = subnets.into_iter().find(|subnet| subnet.zone == from.zone).ok_or("ZoneNotAttached")?;
        trip.pass(subnet, Direction::Ingress);
        let table = attachment.association.ok_or("NoAssociation")?;
        self.cross_transit_gateway(trip, gateway.id, table, Some(&from.zone))
    }

    fn cross_transit_gateway(
        &self,
        trip: &mut Trip,
        gateway: TransitGatewayId,
        table: TransitGatewayRouteTableId,
        zone: Option<&AvailabilityZone>,
    ) -> Result<End, Reason> {
        trip.legs += 1;
        if trip.legs > 16 {
            return Err("RoutingLoop");
        }
        let network = &self.network;
        let table = network.transit_tables.iter().find(|listed| listed.id == table).ok_or("Missing")?;
        let target = self.transit_route(table, trip)?.ok_or("TransitBlackhole")?;
        let mut attachments = network.attachments.iter();
        if let Some(attachment) =
            attachments.find(|attachment| attachment.id == target && attachment.gateway == gateway)
        {
            return match &attachment.target {
                AttachedNetwork::Vpc(vpc) => self.enter_from_transit_gateway(trip, vpc, zone),
                AttachedNetwork::Vpn | AttachedNetwork::Connect => Err("TunnelDown"),
            };
        }
        let peering = network.transit_peerings.iter().find(|peering| peering.id == target);
        let other = peering.and_then(|peering| peering.peer_of(gateway)).ok_or("TransitBlackhole")?;
        trip.shows_groups = false;
        let mut gateways = network.transit_gateways.iter();
        gateways.find(|gateway| gateway.id == other.gateway).ok_or("TransitBlackhole")?;
        let table = other.association.ok_or("NoAssociation")?;
        // The other gateway may be in another region: to it the packet comes from a peering, and from no zone.
        self.cross_transit_gateway(trip, other.gateway, table, None)
    }

    /// The attachment that a packet goes to, or none where a blackhole takes it.
    fn transit_route(
        &self,
        table: &TransitGatewayRouteTable,
        trip: &Trip,
    ) -> Result<Option<TransitGatewayAttachmentId>, Reason> {
        let destination = trip.packet.destination;
        let mut routes: Vec<TransitRoute> = Vec::new();
        for route in table.routes.iter().filter(|route| route.destination.contains(&destination)) {
            routes.push(TransitRoute {
                prefix: route.destination.prefix_len(),
                strength: usize::from(route.is_of_prefix_list),
                attachment: route.target,
            });
        }
        for (age, id) in table.propagations.iter().enumerate() {
            let mut attachments = self.network.attachments.iter();
            let known =
                attachments.find(|attachment| attachment.id == *id && attachment.gateway == table.gateway);
            let Some(TransitGatewayAttachment { target: AttachedNetwork::Vpc(attached), .. }) = known else {
                continue;
            };
            let Some(vpc) = self.network.vpc(attached.vpc) else { continue };
            let v4 = vpc.ipv4_cidrs.iter().copied().map(ipnet::IpNet::V4);
            for block in v4.chain(vpc.ipv6_cidrs.iter().copied().map(ipnet::IpNet::V6)) {
                if block.contains(&destination) {
                    let (prefix, attachment) = (block.prefix_len(), Some(*id));
                    routes.push(TransitRoute { prefix, strength: 2 + age, attachment });
                }
            }
        }
        routes.sort_by_key(|route| (std::cmp::Reverse(route.prefix), route.strength));
        Ok(routes.first().ok_or("NoTransitRoute")?.attachment)
    }

    fn enter_from_transit_gateway(
        &self,
        trip: &mut Trip,
        vpc: &AttachedVpc,
        zone: Option<&AvailabilityZone>,
    ) -> Result<End, Reason> {
        trip.shows_groups &= vpc.security_group_referencing;
        if trip.packet.destination.is_ipv6() && !vpc.ipv6 {
            return Err("Ipv6NotAttached");
        }
        let subnets: Vec<&Subnet> =
            vpc.subnets.iter().filter_map(|attached| self.network.subnet(attached.subnet)).collect();
        let first = *subnets.first().ok_or("ZoneNotAttached")?;
        let same_zone = subnets.iter().copied().find(|subnet| Some(&subnet.zone) == zone);
        let subnet = if vpc.appliance_mode {
            // Which one is the engine's own business, as long as both directions come to the same end.
            subnets[trip.candidate % subnets.len()]
        } else {
            same_zone.unwrap_or(first)
        };
        self.leave(trip, subnet, Leaver::TransitGateway)
    }
}
