//! Route tables. Refuses to know which subnets use one, and whether what a route leads to is there.

use std::collections::BTreeSet;

use aws_types::VpcId;
use ipnet::IpNet;
use store::Scope;
use svc_ec2::record as ec2;
use vpc_model::{ObjectId, Route, RouteOrigin, RouteTable, RouteTarget};

use super::stale::{Source, Stale, symmetric_difference};
use super::{View, subnet, vpc};

impl Source for ec2::RouteTable {
    fn object(&self, scope: &Scope) -> Option<(Scope, ObjectId)> {
        Some((scope.clone(), self.id.into()))
    }

    /// The subnets and gateways that use the table, or have done so.
    fn add_dependents(
        view: &View<'_>,
        scope: &Scope,
        before: Option<&Self>,
        after: Option<&Self>,
        stale: &mut Stale,
    ) {
        let Some(vpc) = before.or(after).map(|table| table.vpc) else { return };
        let associations = |table: Option<&Self>| table.map_or_else(Vec::new, |one| one.associations.clone());
        for association in symmetric_difference(&associations(before), &associations(after)) {
            match association.target {
                ec2::AssociationTarget::Main => subnet::add_of_vpc(view, scope, vpc, stale),
                ec2::AssociationTarget::Subnet(subnet) => stale.add(scope, subnet),
                ec2::AssociationTarget::InternetGateway(gateway) => stale.add(scope, gateway),
            }
        }
    }
}

/// The blocks of AWS's prefix lists and the propagated ones are routes beside those of the record. Each destination has one
/// route: that for a block in so many words, then that of a prefix list (fact 3), the record's before an endpoint's and the
/// earlier before the later (fact 4), then a propagated one. What is inside the VPC stays local but for routes in so many
/// words. <https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html>
///
/// The local routes that no route replaces are the engine's own.
pub(super) fn route_table(view: &View<'_>, scope: &Scope, record: &ec2::RouteTable) -> RouteTable {
    let mut routes = Vec::with_capacity(record.routes.len());
    let mut taken = BTreeSet::new();
    for route in &record.routes {
        if let ec2::Destination::Block(destination) = route.destination {
            taken.insert(destination);
            routes.push(Route::fixed(destination, target(&route.target)));
        }
    }
    let vpc = view.get::<ec2::Vpc>(scope, record.vpc);
    let local: Vec<IpNet> = vpc.iter().flat_map(|vpc| vpc::blocks(vpc)).collect();
    let mut add = |destination: IpNet, target, origin| {
        if !local.iter().any(|block| block.contains(&destination)) && taken.insert(destination) {
            routes.push(Route { destination, target, origin });
        }
    };
    for (list, target) in lists(view, scope, record) {
        for destination in ec2::prefix_list_blocks(view.snapshot, scope, list) {
            add(destination, target, RouteOrigin::PrefixList);
        }
    }
    for (destination, target) in propagated(view, scope, record) {
        add(destination, target, RouteOrigin::Propagated);
    }
    RouteTable { id: record.id, vpc: record.vpc, routes }
}

/// The prefix lists that a table has routes to: the record's, and those that gateway endpoints have put there.
fn lists(
    view: &View<'_>,
    scope: &Scope,
    record: &ec2::RouteTable,
) -> impl Iterator<Item = (aws_types::PrefixListId, RouteTarget)> {
    let of_endpoints = ec2::gateway_endpoint_routes(view.snapshot, scope, record);
    let own = record.routes.iter().filter_map(|route| match route.destination {
        ec2::Destination::PrefixList(list) => Some((list, target(&route.target))),
        ec2::Destination::Block(_) => None,
    });
    own.chain(of_endpoints.into_iter().map(|(list, endpoint)| (list, RouteTarget::VpcEndpoint(endpoint))))
}

/// The routes that virtual private gateways make known to a table.
fn propagated(view: &View<'_>, scope: &Scope, record: &ec2::RouteTable) -> Vec<(IpNet, RouteTarget)> {
    let mut routes = Vec::new();
    for &id in &record.propagating {
        let Some(gateway) = view.get::<ec2::VpnGateway>(scope, id) else { continue };
        view.changes_at(gateway.changes_after(view.now));
        if gateway.attached_vpc(view.now) == Some(record.vpc) {
            view.changes_at(ec2::vpn_gateway_blocks_change_after(view.snapshot, scope, id, view.now));
            let blocks = ec2::vpn_gateway_blocks(view.snapshot, scope, id, view.now);
            routes.extend(blocks.into_iter().map(|block| (IpNet::V4(block), RouteTarget::VpnGateway(id))));
        }
    }
    routes
}

/// The target of a route as the engine knows it.
pub(crate) fn target(target: &ec2::RouteTarget) -> RouteTarget {
    match *target {
        ec2::RouteTarget::InternetGateway(id) => RouteTarget::InternetGateway(id),
        ec2::RouteTarget::EgressOnlyInternetGateway(id) => RouteTarget::EgressOnlyInternetGateway(id),
        ec2::RouteTarget::NatGateway(id) => RouteTarget::NatGateway(id),
        ec2::RouteTarget::NetworkInterface(id) => RouteTarget::Interface(id),
        ec2::RouteTarget::VpcPeeringConnection(id) => RouteTarget::VpcPeeringConnection(id),
        ec2::RouteTarget::VpnGateway(id) => RouteTarget::VpnGateway(id),
        ec2::RouteTarget::VpcEndpoint(id) => RouteTarget::VpcEndpoint(id),
        ec2::RouteTarget::TransitGateway(id) => RouteTarget::TransitGateway(id),
    }
}

/// Adds the tables of a VPC to which a virtual private gateway's routes are propagated.
pub(super) fn add_propagated_to(
    view: &View<'_>,
    scope: &Scope,
    vpc: VpcId,
    gateway: aws_types::VpnGatewayId,
    stale: &mut Stale,
) {
    view.parts::<ec2::RouteTable, _>(scope, vpc)
        .filter(|table| table.propagating.contains(&gateway))
        .for_each(|table| stale.add(scope, table.id));
}
