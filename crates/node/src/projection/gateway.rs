//! Gateways of one VPC: internet, egress-only, NAT and virtual private gateways, the last with their VPN connections. Refuses
//! to know which routes lead to them.

use store::Scope;
use svc_ec2::record as ec2;
use vpc_model::{EgressOnlyInternetGateway, InternetGateway, NatGateway, ObjectId, VpnGateway};

use super::View;
use super::route_table::add_propagated_to;
use super::stale::{Source, Stale};

impl Source for ec2::InternetGateway {
    fn object(&self, scope: &Scope) -> Option<(Scope, ObjectId)> {
        Some((scope.clone(), self.id.into()))
    }
}

impl Source for ec2::EgressOnlyInternetGateway {
    fn object(&self, scope: &Scope) -> Option<(Scope, ObjectId)> {
        Some((scope.clone(), self.id.into()))
    }
}

impl Source for ec2::NatGateway {
    fn object(&self, scope: &Scope) -> Option<(Scope, ObjectId)> {
        Some((scope.clone(), self.id.into()))
    }
}

impl Source for ec2::VpnGateway {
    fn object(&self, scope: &Scope) -> Option<(Scope, ObjectId)> {
        Some((scope.clone(), self.id.into()))
    }

    /// The tables that the gateway's routes are propagated to.
    fn add_dependents(
        view: &View<'_>,
        scope: &Scope,
        before: Option<&Self>,
        after: Option<&Self>,
        stale: &mut Stale,
    ) {
        let attachment = |gateway: Option<&Self>| gateway.and_then(|gateway| gateway.attachment.clone());
        let (before, after, id) = match (before, after) {
            (_, Some(gateway)) | (Some(gateway), None) => (attachment(before), attachment(after), gateway.id),
            (None, None) => return,
        };
        if before != after {
            for held in before.into_iter().chain(after) {
                add_propagated_to(view, scope, held.vpc, id, stale);
            }
        }
    }
}

impl Source for ec2::VpnConnection {
    /// The tables that the routes of the connection's gateway are propagated to.
    fn add_dependents(
        view: &View<'_>,
        scope: &Scope,
        before: Option<&Self>,
        after: Option<&Self>,
        stale: &mut Stale,
    ) {
        for id in before.into_iter().chain(after).filter_map(ec2::VpnConnection::vpn_gateway) {
            let gateway = view.get::<ec2::VpnGateway>(scope, id);
            if let Some(held) = gateway.as_ref().and_then(|gateway| gateway.attachment.as_ref()) {
                add_propagated_to(view, scope, held.vpc, id, stale);
            }
        }
    }
}

pub(super) fn internet_gateway(
    view: &View<'_>,
    scope: &Scope,
    record: &ec2::InternetGateway,
) -> Option<InternetGateway> {
    let vpc = record.attachment?;
    let mut tables = view.parts::<ec2::RouteTable, _>(scope, vpc);
    let route_table = tables.find(|table| table.has_internet_gateway(record.id)).map(|table| table.id);
    Some(InternetGateway { id: record.id, vpc, route_table })
}

pub(super) fn egress_only_internet_gateway(
    record: &ec2::EgressOnlyInternetGateway,
) -> EgressOnlyInternetGateway {
    EgressOnlyInternetGateway { id: record.id, vpc: record.vpc }
}

pub(super) fn nat_gateway(view: &View<'_>, record: &ec2::NatGateway) -> Option<NatGateway> {
    view.changes_at(record.changes_after(view.now));
    match record.state(view.now) {
        ec2::NatGatewayState::Available => Some(NatGateway {
            id: record.id,
            vpc: record.vpc,
            subnet: record.subnet,
            interface: record.interface?,
            addresses: record.private_addresses(view.now),
        }),
        ec2::NatGatewayState::Pending
        | ec2::NatGatewayState::Failed
        | ec2::NatGatewayState::Deleting
        | ec2::NatGatewayState::Deleted => None,
    }
}

pub(super) fn vpn_gateway(view: &View<'_>, record: &ec2::VpnGateway) -> Option<VpnGateway> {
    view.changes_at(record.changes_after(view.now));
    Some(VpnGateway { id: record.id, vpc: record.attached_vpc(view.now)? })
}
