//! From one VPC into another: peering connections and transit gateways.
//!
//! Owns what a peering carries (facts 51, 52), and how a transit gateway routes (facts 54 to 58). Refuses to know subnets
//! beyond those of attachments.

use aws_types::{AvailabilityZone, TransitGatewayAttachmentId, TransitGatewayId, VpcPeeringConnectionId};
use vpc_model::{
    AttachedNetwork, AttachedVpc, TransitGateway, TransitGatewayAttachment, VpcPeeringConnection,
};

use super::gates;
use super::journey::{Hop, Journey, Place};
use super::witness::{Event, Witness};
use crate::compile::TransitRoutes;
use crate::flows::{PackedKey, Way};
use crate::reach::Field;
use crate::reason::DropReason;
use crate::snapshot::{CompiledSubnet, PluggedInterface};
use vpc_model::{ObjectId, Port};

/// The largest packet between regions and through a transit gateway, in bytes (fact 64).
/// <https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-quotas.html#mtu-quotas>
pub(super) const TRANSIT_MTU_BYTES: u16 = 8500;
/// Transit gateways that a packet passes one after the other at most.
const TRANSIT_GATEWAYS_MAX: usize = 8;

impl<'n, W: Witness<'n>> Journey<'n, '_, W> {
    /// Over a peering into the other VPC, where the interface that has the destination gets the packet: the route tables
    /// there are not asked, so it cannot go on to a third place (fact 51).
    pub(super) fn over_peering(
        &mut self,
        peering: &'n VpcPeeringConnection,
        subnet: &'n CompiledSubnet,
    ) -> Result<Place<'n>, DropReason> {
        let address = self.trip.packet.destination;
        let transit = DropReason::PeeringTransit { connection: peering.id, address };
        let peer = peering.peer_of(subnet.subnet.vpc).ok_or(transit)?;
        let blocks = self.network.vpc(peer).ok_or(DropReason::Missing { object: peer.into() })?;
        self.beside(Field::Destination, blocks.blocks());
        self.beside(Field::Source, blocks.blocks());
        if !blocks.contains(address) && !blocks.contains(self.trip.packet.source) {
            return Err(transit);
        }
        self.enters_domain(subnet);
        if peering.is_inter_region {
            self.limit_mtu(TRANSIT_MTU_BYTES);
            self.trip.shows_groups = false;
        }
        self.exit = None;
        let number = self.network.number_of_vpc(peer);
        self.by_owner();
        let receiver = number.and_then(|number| self.network.owner(number, address));
        let receiver = receiver.ok_or(DropReason::NoSuchAddress { vpc: peer, address })?;
        Ok(Place::Interface(Hop { receiver, is_direct: true }, None))
    }

    /// The interface over a peering that has the destination, as far as rules may name its groups.
    pub(super) fn peer_over(
        &self,
        id: VpcPeeringConnectionId,
        subnet: &CompiledSubnet,
    ) -> Option<&'n PluggedInterface> {
        let peering = self.network.gateways.peering(id).filter(|peering| !peering.is_inter_region)?;
        let number = self.network.number_of_vpc(peering.peer_of(subnet.subnet.vpc)?)?;
        self.network.owner(number, self.trip.packet.destination)
    }

    /// From a subnet through a transit gateway into a subnet of another VPC.
    /// <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-nacls.html>
    pub(super) fn enter_transit_gateway(
        &mut self,
        gateway: &'n TransitGateway,
        subnet: &'n CompiledSubnet,
    ) -> Result<Place<'n>, DropReason> {
        let (vpc, zone) = (subnet.subnet.vpc, &subnet.subnet.zone);
        let attached = self.network.gateways.attachment_of(vpc, gateway.id);
        let (attachment, attached) = attached.ok_or(DropReason::NotAttached { gateway: gateway.id, vpc })?;
        self.check_family(attachment, attached)?;
        let entrance = self.interfaces_of(attached).find(|(_, at)| at.subnet.zone == *zone);
        let unzoned = DropReason::ZoneNotAttached { attachment: attachment.id, subnet: subnet.subnet.id };
        let (interface, entrance) = entrance.ok_or(unzoned)?;
        gates::open_account(interface)?;
        self.note(Event::Through { object: ObjectId::TransitGatewayAttachment(attachment.id) });
        // In the subnet of the attachment itself both lists of the ACL are asked, elsewhere one of each subnet.
        self.enter_subnet(entrance)?;
        self.come_into(entrance);
        self.enters_domain(subnet);
        self.limit_mtu(TRANSIT_MTU_BYTES);
        self.trip.passed_transit_gateway = true;
        self.trip.is_tracked = true;
        self.exit = None;
        let referencing = gateway.security_group_referencing && attached.security_group_referencing;
        self.trip.shows_groups &= referencing;
        self.through_transit_gateways(gateway.id, attachment, zone)
    }

    /// By the tables of one gateway after the other.
    fn through_transit_gateways(
        &mut self,
        first: TransitGatewayId,
        attachment: &TransitGatewayAttachment,
        zone: &AvailabilityZone,
    ) -> Result<Place<'n>, DropReason> {
        let gateways = &self.network.gateways;
        let destination = self.trip.packet.destination;
        let (mut gateway, mut came_by, mut table) = (first, attachment.id, attachment.association);
        let mut zone = Some(zone);
        for _ in 0..TRANSIT_GATEWAYS_MAX {
            let routes = table
                .and_then(|table| gateways.transit_routes(table))
                .ok_or(DropReason::NoAssociation { attachment: came_by })?;
            let (target, blackhole) = self.transit_target(routes)?;
            if let Some(peering) = gateways.transit_peering(target) {
                let side = peering.peer_of(gateway).ok_or(blackhole)?;
                gateways.transit(side.gateway).ok_or(blackhole)?;
                self.note(Event::Through { object: ObjectId::TransitGatewayPeering(peering.id) });
                self.note(Event::Through { object: side.gateway.into() });
                (gateway, came_by, table) = (side.gateway, peering.id, side.association);
                // The zones of the other gateway are others.
                zone = None;
                self.trip.shows_groups = false;
                continue;
            }
            let attachment = gateways.attachment(target).filter(|held| held.gateway == gateway);
            let attachment = attachment.ok_or(blackhole)?;
            self.note(Event::Through { object: ObjectId::TransitGatewayAttachment(attachment.id) });
            return match &attachment.target {
                AttachedNetwork::Vpc(attached) => self.out_of_transit_gateway(attachment, attached, zone),
                AttachedNetwork::Vpn | AttachedNetwork::Connect => {
                    Err(DropReason::TunnelDown { object: ObjectId::TransitGatewayAttachment(attachment.id) })
                }
            };
        }
        Err(DropReason::RoutingLoop { address: destination })
    }

    /// Where a table of a transit gateway leads, and what to say if nothing is there.
    fn transit_target(
        &mut self,
        routes: &TransitRoutes,
    ) -> Result<(TransitGatewayAttachmentId, DropReason), DropReason> {
        let address = self.trip.packet.destination;
        if W::LOOKS {
            self.witness.same_for(Field::Destination, routes.around(address));
        }
        let route = routes.find(address).ok_or(DropReason::NoTransitRoute { table: routes.id, address })?;
        self.note(Event::TransitRoute { table: routes.id, route });
        let blackhole = DropReason::TransitBlackhole { table: routes.id, destination: route.destination };
        route.target.map(|target| (target, blackhole)).ok_or(blackhole)
    }

    /// Into an attached VPC, by the subnet of the zone that the packet comes from if there is one. With appliance mode the
    /// connection decides, so that both directions pass one zone (fact 57).
    fn out_of_transit_gateway(
        &mut self,
        attachment: &'n TransitGatewayAttachment,
        attached: &'n AttachedVpc,
        zone: Option<&AvailabilityZone>,
    ) -> Result<Place<'n>, DropReason> {
        self.check_family(attachment, attached)?;
        self.trip.shows_groups &= attached.security_group_referencing;
        let count = self.interfaces_of(attached).count();
        let in_zone =
            zone.and_then(|zone| self.interfaces_of(attached).find(|(_, at)| at.subnet.zone == *zone));
        if attached.appliance_mode && count > 1 {
            self.trip.opener_ports = None;
            self.witness.chosen_by_header();
        }
        let exit = if attached.appliance_mode && count > 0 {
            self.interfaces_of(attached).nth(self.connection_number() as usize % count)
        } else {
            in_zone.or_else(|| self.interfaces_of(attached).next())
        };
        let (exit, subnet) = exit.ok_or(DropReason::Missing { object: attached.vpc.into() })?;
        gates::open_account(exit)?;
        self.come_into(subnet);
        Ok(Place::Router(subnet, exit.subnet))
    }

    /// The interfaces of an attachment with their subnets.
    fn interfaces_of(
        &self,
        attached: &'n AttachedVpc,
    ) -> impl Iterator<Item = (&'n PluggedInterface, &'n CompiledSubnet)> + use<'n, W> {
        let network = self.network;
        attached.subnets.iter().filter_map(move |held| {
            let plugged = network.target(held.interface)?;
            Some((plugged, network.subnet_of(plugged)?))
        })
    }

    fn check_family(
        &self,
        attachment: &TransitGatewayAttachment,
        attached: &AttachedVpc,
    ) -> Result<(), DropReason> {
        if self.trip.packet.source.is_ipv6() && !attached.ipv6 {
            return Err(DropReason::Ipv6NotAttached { attachment: attachment.id });
        }
        Ok(())
    }

    /// A number that is the same for both directions of a connection.
    fn connection_number(&self) -> u32 {
        let one = PackedKey::new(Port::SERVICES, Way::Out, &self.trip.tuple);
        let other = PackedKey::new(Port::SERVICES, Way::In, &self.trip.tuple);
        // Without the seed of the table: a restart must not move connections to another zone.
        one.hash(0) ^ other.hash(0)
    }
}
