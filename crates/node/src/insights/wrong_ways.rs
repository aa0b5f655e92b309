//! Why packets that are stopped somewhere did not go where a path is to lead: routes that were not used.
//!
//! Owns which routes lead towards a goal, and what kept packets from them. Refuses to know what stops packets elsewhere.
//! <https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html>

use std::collections::BTreeSet;
use std::net::IpAddr;

use aws_api::ec2 as api;
use aws_types::{RouteTableId, TransitGatewayAttachmentId, TransitGatewayRouteTableId, VpcId};
use ipnet::IpNet;
use store::Read as _;
use svc_ec2::record as ec2;
use vpc_engine::DropReason;
use vpc_engine::reach::{Met, Trace};
use vpc_model::{ObjectId, RouteOrigin, RouteTarget};

use super::components::{route, transit_route};
use super::ends::Goal;
use super::explanations::{code, of_table};
use super::records::Records;
use crate::projection::route_table;

/// The routes that lead towards a goal in the tables that sent a packet elsewhere, and why they were not used.
pub(super) fn other_routes(records: &Records<'_>, trace: &Trace, goal: &Goal) -> Vec<api::Explanation> {
    let source = trace.there.steps.iter().find_map(|step| match step.met {
        Met::Interface(interface) => records.place(interface).map(|(vpc, _)| vpc),
        _ => None,
    });
    // Within one VPC nothing but the local route leads there.
    if source.is_some_and(|source| vpcs_of(records, goal).contains(&source)) {
        return Vec::new();
    }
    let towards = Towards::of(records, goal);
    let mut explanations = Vec::new();
    for step in &trace.there.steps {
        let address = step.ends.destination;
        match step.met {
            Met::Route { table, destination, target, .. } if !towards.target(target) => {
                explanations.extend(towards.routes_of(table, address, Some(destination), false));
            }
            Met::Refused(DropReason::NoRoute { table, .. }) => {
                explanations.extend(towards.routes_of(table, address, None, false));
            }
            Met::Refused(DropReason::Blackhole { table, destination }) => {
                explanations.extend(towards.routes_of(table, address, Some(destination), true));
            }
            Met::TransitRoute { table, destination, target }
                if target.is_none_or(|target| !towards.attachments.contains(&target)) =>
            {
                explanations.extend(towards.transit_routes_of(table, address, Some(destination)));
            }
            Met::Refused(DropReason::NoTransitRoute { table, .. }) => {
                explanations.extend(towards.transit_routes_of(table, address, None));
            }
            _ => {}
        }
    }
    explanations
}

/// Whether the VPCs at the ends of a path have nothing in between.
pub(super) fn disconnected(records: &Records<'_>, trace: &Trace, goal: &Goal) -> Option<api::Explanation> {
    let source = trace.there.steps.iter().find_map(|step| match step.met {
        Met::Interface(interface) => records.place(interface).map(|(vpc, _)| vpc),
        _ => None,
    })?;
    let destination = *vpcs_of(records, goal).first()?;
    if records.foreign_owner::<ec2::Vpc>(source).or(records.foreign_owner::<ec2::Vpc>(destination)).is_some()
    {
        return None;
    }
    (!connected(records, source).contains(&destination)).then(|| api::Explanation {
        source_vpc: Some(records.vpc(source)),
        destination_vpc: Some(records.vpc(destination)),
        ..code("DISCONNECTED_VPCS")
    })
}

fn vpcs_of(records: &Records<'_>, goal: &Goal) -> BTreeSet<VpcId> {
    goal.interfaces().into_iter().filter_map(|id| records.place(id)).map(|(vpc, _)| vpc).collect()
}

/// The VPCs that a VPC has anything to do with, over peering connections and transit gateways, one after the other.
fn connected(records: &Records<'_>, from: VpcId) -> BTreeSet<VpcId> {
    let peerings: Vec<[VpcId; 2]> = records
        .snapshot
        .scan_all::<ec2::VpcPeeringConnection>()
        .filter(|(_, _, held)| matches!(held.decision, ec2::PeeringDecision::Accepted { .. }))
        .map(|(_, _, held)| [held.requester.vpc, held.accepter.vpc])
        .collect();
    let mut gateways = Vec::new();
    let mut attached = Vec::new();
    for (_, _, held) in records.snapshot.scan_all::<ec2::TransitGatewayAttachment>() {
        match &held.target {
            ec2::AttachmentTarget::Vpc { vpc, .. } => attached.push((held.gateway, *vpc)),
            ec2::AttachmentTarget::Peering { requester, accepter, .. } => {
                gateways.push([requester.gateway, accepter.gateway]);
            }
            _ => {}
        }
    }
    let mut vpcs = BTreeSet::from([from]);
    let mut passed = BTreeSet::new();
    loop {
        let before = (vpcs.len(), passed.len());
        for [one, other] in &peerings {
            if vpcs.contains(one) || vpcs.contains(other) {
                vpcs.extend([*one, *other]);
            }
        }
        for (gateway, vpc) in &attached {
            if vpcs.contains(vpc) {
                passed.insert(*gateway);
            }
            if passed.contains(gateway) {
                vpcs.insert(*vpc);
            }
        }
        for [one, other] in &gateways {
            if passed.contains(one) || passed.contains(other) {
                passed.extend([*one, *other]);
            }
        }
        if before == (vpcs.len(), passed.len()) {
            return vpcs;
        }
    }
}

/// What leads towards a goal.
struct Towards<'r, 's> {
    records: &'r Records<'s>,
    objects: BTreeSet<ObjectId>,
    attachments: BTreeSet<TransitGatewayAttachmentId>,
}

impl<'r, 's> Towards<'r, 's> {
    fn of(records: &'r Records<'s>, goal: &Goal) -> Self {
        let mut objects = BTreeSet::new();
        let mut attachments = BTreeSet::new();
        if let Goal::Through(object) = goal {
            objects.insert(*object);
            if let ObjectId::TransitGatewayAttachment(id) | ObjectId::TransitGatewayPeering(id) = object {
                attachments.insert(*id);
                let gateway = records.get::<ec2::TransitGatewayAttachment>(id).map(|held| held.gateway);
                objects.extend(gateway.map(ObjectId::from));
            }
        }
        let vpcs = vpcs_of(records, goal);
        if !vpcs.is_empty() {
            for (_, _, held) in records.snapshot.scan_all::<ec2::VpcPeeringConnection>() {
                if vpcs.contains(&held.requester.vpc) || vpcs.contains(&held.accepter.vpc) {
                    objects.insert(held.id.into());
                }
            }
            for (_, _, held) in records.snapshot.scan_all::<ec2::TransitGatewayAttachment>() {
                if let ec2::AttachmentTarget::Vpc { vpc, .. } = held.target
                    && vpcs.contains(&vpc)
                {
                    attachments.insert(held.id);
                    objects.insert(held.gateway.into());
                }
            }
        }
        Self { records, objects, attachments }
    }

    fn target(&self, target: RouteTarget) -> bool {
        target.object().is_some_and(|object| self.objects.contains(&object))
    }

    /// The routes of a table that lead towards the goal, while the packet used the one for that block, or none.
    fn routes_of(
        &self,
        table: RouteTableId,
        address: IpAddr,
        used: Option<IpNet>,
        is_blackhole: bool,
    ) -> Vec<api::Explanation> {
        let Some((owner, record)) = self.records.find::<ec2::RouteTable>(table) else { return Vec::new() };
        if owner.account != self.records.scope.account {
            return Vec::new();
        }
        let mut routes = Vec::new();
        for held in &record.routes {
            let target = route_table::target(&held.target);
            if !self.target(target) {
                continue;
            }
            let (blocks, origin, list) = match held.destination {
                ec2::Destination::Block(block) => (vec![block], RouteOrigin::Static, None),
                ec2::Destination::PrefixList(list) => {
                    let holder = self.records.find::<ec2::PrefixList>(list);
                    let holder = holder.map_or_else(|| owner.clone(), |(holder, _)| holder);
                    let blocks = ec2::prefix_list_blocks(self.records.snapshot, &holder, list);
                    (blocks, RouteOrigin::PrefixList, Some(list.to_string()))
                }
            };
            let Some(shown) = blocks.first().copied() else { continue };
            // The one that was used is no other one, though its target may be gone.
            let is_used = is_blackhole && list.is_none() && used == Some(shown);
            let told = route(shown, target, origin, list);
            routes.push((Unused::of(&blocks, address, used.filter(|_| !is_used), is_used), told));
        }
        let codes = ["CANNOT_ROUTE", "MORE_SPECIFIC_ROUTE", "HIGHER_PRIORITY_ROUTE"];
        let told = told(routes, codes).into_iter().map(|(name, told)| api::Explanation {
            address: Some(address.to_string()),
            route_table_route: Some(told),
            ..of_table(self.records, table, name)
        });
        told.collect()
    }

    /// The same of a transit gateway's table.
    fn transit_routes_of(
        &self,
        table: TransitGatewayRouteTableId,
        address: IpAddr,
        used: Option<IpNet>,
    ) -> Vec<api::Explanation> {
        let Some((owner, record)) = self.records.find::<ec2::TransitGatewayRouteTable>(table) else {
            return Vec::new();
        };
        if owner.account != self.records.scope.account {
            return Vec::new();
        }
        let fixed = record.routes.iter().filter_map(|held| Some((held.destination, held.target?)));
        let mut routes: Vec<(IpNet, TransitGatewayAttachmentId)> = fixed.collect();
        for &id in &self.attachments {
            let Some(held) = self.records.get::<ec2::TransitGatewayAttachment>(id) else { continue };
            if let (true, ec2::AttachmentTarget::Vpc { vpc, .. }) =
                (held.propagations.contains(&table), &held.target)
                && let Some(vpc) = self.records.get::<ec2::Vpc>(vpc)
            {
                routes.extend(vpc.blocks().map(|block| (IpNet::V4(block), id)));
            }
        }
        routes.retain(|(_, target)| self.attachments.contains(target));
        let routes = routes.into_iter().map(|(block, target)| {
            let told = transit_route(self.records, table, block, Some(target));
            (Unused::of(&[block], address, used, false), told)
        });
        let codes = ["TGW_RTB_CANNOT_ROUTE", "TGW_RTB_MORE_SPECIFIC_ROUTE", "TGW_RTB_HIGHER_PRIORITY_ROUTE"];
        let told = told(routes.collect(), codes).into_iter().map(|(name, told)| api::Explanation {
            address: Some(address.to_string()),
            transit_gateway_route_table: Some(self.records.transit_gateway_route_table(table)),
            transit_gateway_route_table_route: Some(told),
            ..code(name)
        });
        told.collect()
    }
}

/// Why a route was not used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unused {
    /// It is for other addresses.
    OtherAddresses,
    /// Another one is more specific.
    LessSpecific,
    /// Another one has the same destination, and goes before.
    LowerPriority,
    /// It was.
    Used,
}

impl Unused {
    /// Of a route to these blocks, where the one to another block was used, or none.
    fn of(blocks: &[IpNet], address: IpAddr, used: Option<IpNet>, is_used: bool) -> Self {
        let fitting = blocks.iter().filter(|block| block.contains(&address)).map(IpNet::prefix_len).max();
        match (fitting, used.map(|used| used.prefix_len())) {
            _ if is_used => Self::Used,
            (None, _) => Self::OtherAddresses,
            (Some(own), Some(used)) if own < used => Self::LessSpecific,
            _ => Self::LowerPriority,
        }
    }
}

/// The routes that are told of, each with its code of those for other addresses, less specific and lower priority. Routes for
/// other addresses are only where none is for this one.
fn told<T>(routes: Vec<(Unused, T)>, [other, less, lower]: [&'static str; 3]) -> Vec<(&'static str, T)> {
    let has_fitting = routes.iter().any(|(unused, _)| *unused != Unused::OtherAddresses);
    let told = routes.into_iter().filter_map(|(unused, route)| match unused {
        Unused::OtherAddresses => (!has_fitting).then_some((other, route)),
        Unused::LessSpecific => Some((less, route)),
        Unused::LowerPriority => Some((lower, route)),
        Unused::Used => None,
    });
    told.collect()
}
