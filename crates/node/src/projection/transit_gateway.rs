//! Transit gateways, their attachments, peerings and route tables. An attachment's record is its gateway's owner's, whosever
//! the attached VPC is; of a peering each side has a record. Refuses to know which route a packet takes.

use std::collections::BTreeSet;

use aws_types::TransitGatewayRouteTableId;
use store::Scope;
use svc_ec2::record as ec2;
use vpc_model::{
    AttachedNetwork, AttachedSubnet, AttachedVpc, ObjectId, PeeringSide, TransitGateway,
    TransitGatewayAttachment, TransitGatewayPeering, TransitGatewayRoute, TransitGatewayRouteTable,
};

use super::View;
use super::stale::{Source, Stale, symmetric_difference};

impl Source for ec2::TransitGateway {
    fn object(&self, scope: &Scope) -> Option<(Scope, ObjectId)> {
        Some((scope.clone(), self.id.into()))
    }
}

impl Source for ec2::TransitGatewayAttachment {
    fn object(&self, scope: &Scope) -> Option<(Scope, ObjectId)> {
        Some(match &self.target {
            ec2::AttachmentTarget::Peering { requester, .. } => {
                (scope_of(scope, requester), ObjectId::TransitGatewayPeering(self.id))
            }
            ec2::AttachmentTarget::Vpc { .. }
            | ec2::AttachmentTarget::Connect { .. }
            | ec2::AttachmentTarget::Vpn { .. } => {
                (scope.clone(), ObjectId::TransitGatewayAttachment(self.id))
            }
        })
    }

    /// The tables that it propagates to, or has.
    fn add_dependents(
        _: &View<'_>,
        scope: &Scope,
        before: Option<&Self>,
        after: Option<&Self>,
        stale: &mut Stale,
    ) {
        fn tables(record: Option<&ec2::TransitGatewayAttachment>) -> &[TransitGatewayRouteTableId] {
            record.map_or(&[], |record| &record.propagations)
        }
        symmetric_difference(tables(before), tables(after)).for_each(|table| stale.add(scope, *table));
    }
}

impl Source for ec2::TransitGatewayRouteTable {
    fn object(&self, scope: &Scope) -> Option<(Scope, ObjectId)> {
        Some((scope.clone(), self.id.into()))
    }
}

/// Where a side's records are.
fn scope_of(any: &Scope, side: &ec2::PeeringSide) -> Scope {
    Scope::new(any.partition, side.account, side.region.clone())
}

/// Whether what has that progress does its work.
fn is_in_service(view: &View<'_>, progress: ec2::Progress) -> bool {
    view.changes_at(progress.changes_after(view.now));
    progress.is_in_service(view.now)
}

/// The table that what comes by an attachment is routed by.
fn association(
    view: &View<'_>,
    record: &ec2::TransitGatewayAttachment,
) -> Option<TransitGatewayRouteTableId> {
    let held = record.association?;
    view.changes_at(held.progress.changes_after(view.now));
    held.progress.is_in_force(view.now).then_some(held.table)
}

/// A gateway, while it does its work: routes to that of a closed account lead nowhere.
pub(super) fn transit_gateway(
    view: &View<'_>,
    scope: &Scope,
    record: &ec2::TransitGateway,
) -> Option<TransitGateway> {
    (is_in_service(view, record.progress) && view.is_open(scope)).then_some(TransitGateway {
        id: record.id,
        security_group_referencing: record.options.security_group_referencing_support,
    })
}

pub(super) fn attachment(
    view: &View<'_>,
    record: &ec2::TransitGatewayAttachment,
) -> Option<TransitGatewayAttachment> {
    if !is_in_service(view, record.progress) {
        return None;
    }
    let target = match &record.target {
        ec2::AttachmentTarget::Vpc { vpc, owner: _, subnets, options } => AttachedNetwork::Vpc(AttachedVpc {
            vpc: *vpc,
            subnets: subnets
                .iter()
                .map(|held| AttachedSubnet { subnet: held.subnet, interface: held.interface })
                .collect(),
            ipv6: options.ipv6_support,
            appliance_mode: options.appliance_mode_support,
            security_group_referencing: options.security_group_referencing_support,
        }),
        ec2::AttachmentTarget::Vpn { .. } => AttachedNetwork::Vpn,
        ec2::AttachmentTarget::Connect { .. } => AttachedNetwork::Connect,
        ec2::AttachmentTarget::Peering { .. } => return None,
    };
    Some(TransitGatewayAttachment {
        id: record.id,
        gateway: record.gateway,
        target,
        association: association(view, record),
    })
}

/// A peering, of the requester's record and the accepter's.
pub(super) fn peering(
    view: &View<'_>,
    scope: &Scope,
    record: &ec2::TransitGatewayAttachment,
) -> Option<TransitGatewayPeering> {
    let ec2::AttachmentTarget::Peering { accepter, .. } = &record.target else { return None };
    let other = view.get::<ec2::TransitGatewayAttachment>(&scope_of(scope, accepter), record.id)?;
    let side = |record: &ec2::TransitGatewayAttachment| {
        is_in_service(view, record.progress)
            .then(|| PeeringSide { gateway: record.gateway, association: association(view, record) })
    };
    Some(TransitGatewayPeering { id: record.id, sides: [side(record)?, side(&other)?] })
}

/// A table. Each destination has one route: a static one, or that of the first list that has it.
pub(super) fn route_table(
    view: &View<'_>,
    scope: &Scope,
    record: &ec2::TransitGatewayRouteTable,
) -> Option<TransitGatewayRouteTable> {
    if !is_in_service(view, record.progress) {
        return None;
    }
    let mut routes = Vec::with_capacity(record.routes.len());
    let mut taken = BTreeSet::new();
    for route in &record.routes {
        taken.insert(route.destination);
        routes.push(TransitGatewayRoute {
            destination: route.destination,
            target: route.target,
            is_of_prefix_list: false,
        });
    }
    for reference in &record.references {
        for destination in ec2::prefix_list_blocks(view.snapshot, scope, reference.list) {
            if taken.insert(destination) {
                let target = reference.target;
                routes.push(TransitGatewayRoute { destination, target, is_of_prefix_list: true });
            }
        }
    }
    let mut propagating: Vec<_> = view
        .parts::<ec2::TransitGatewayAttachment, _>(scope, record.gateway)
        .filter(|attachment| attachment.propagations.contains(&record.id))
        .collect();
    // As the API shows the routes: the oldest attachment has a block.
    propagating.sort_by_key(|attachment| (attachment.created_at, attachment.id));
    let propagations = propagating.iter().map(|attachment| attachment.id).collect();
    Some(TransitGatewayRouteTable { id: record.id, gateway: record.gateway, routes, propagations })
}
