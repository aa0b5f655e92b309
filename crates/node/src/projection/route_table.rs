//! Route tables. Refuses to know which subnets use one.

use std::collections::BTreeSet;

use ipnet::IpNet;
use store::{Read as _, Scope, Snapshot};
use svc_ec2::record as ec2;
use vpc_model::{Route, RouteOrigin, RouteTable, RouteTarget};

use super::Projection;

/// Puts the route tables of one account in one region that are meant.
pub(super) fn put_tables(
    projection: &mut Projection,
    snapshot: &Snapshot,
    scope: &Scope,
    is_meant: impl Fn(&ec2::RouteTable) -> bool,
) {
    for (_, record) in snapshot.scan::<ec2::RouteTable>(scope) {
        if is_meant(&record) {
            projection.put(route_table(snapshot, scope, &record));
        }
    }
}

/// The local routes that no route replaces are the engine's own. No gateway carries packets yet, so a route to one leads
/// nowhere. A route for a prefix list is one for each block that the list has in `snapshot`, but for those that have a
/// route of their own (fact 3), are the VPC's, or are in a list of an earlier route (fact 4).
pub(super) fn route_table(snapshot: &Snapshot, scope: &Scope, record: &ec2::RouteTable) -> RouteTable {
    let target = |route: &ec2::Route| match route.target {
        ec2::RouteTarget::NetworkInterface(interface) => RouteTarget::Interface(interface),
        // Nothing else carries packets yet.
        _ => RouteTarget::Blackhole,
    };
    let mut routes = Vec::with_capacity(record.routes.len());
    let mut taken = BTreeSet::new();
    for route in &record.routes {
        if let ec2::Destination::Block(destination) = route.destination {
            taken.insert(destination);
            routes.push(Route::fixed(destination, target(route)));
        }
    }
    let vpc = snapshot.get::<ec2::Vpc>(scope, &record.vpc.to_string());
    let local: Vec<IpNet> = vpc
        .iter()
        .flat_map(|vpc| vpc.blocks().map(IpNet::V4).chain(vpc.ipv6_blocks().map(IpNet::V6)))
        .collect();
    for route in &record.routes {
        let ec2::Destination::PrefixList(list) = route.destination else { continue };
        for destination in ec2::prefix_list_blocks(snapshot, scope, list) {
            let is_local = local.iter().any(|block| block.contains(&destination));
            if !is_local && taken.insert(destination) {
                routes.push(Route { destination, target: target(route), origin: RouteOrigin::PrefixList });
            }
        }
    }
    RouteTable { id: record.id, vpc: record.vpc, routes }
}
