//! What records tell of interfaces, from EC2's records.
//!
//! Owns which interfaces a log has, and which way their packets take. Refuses to know flows.

use std::collections::HashMap;
use std::sync::Arc;

use aws_types::{NetworkInterfaceId, SubnetId, VpcId};
use flow_logs::{InterfaceFacts, TrafficPath};
use ipnet::IpNet;
use store::{Read as _, Scope, Snapshot};
use svc_ec2::record as ec2;
use vpc_model::Port;

use crate::shareable::anyones;

/// Facts of interfaces, each looked up once in a snapshot however many logs have it.
#[derive(Default)]
pub(super) struct Facts {
    interfaces: HashMap<NetworkInterfaceId, Option<(Port, Arc<InterfaceFacts>)>>,
    paths: HashMap<SubnetId, Paths>,
}

/// Destinations, and the way to each.
type Paths = Vec<(IpNet, TrafficPath)>;

impl Facts {
    /// The interfaces of a log, which are its account's own.
    pub(super) fn of_log(
        &mut self,
        snapshot: &Snapshot,
        scope: &Scope,
        resource: ec2::FlowLogResource,
    ) -> Vec<(Port, Arc<InterfaceFacts>)> {
        let all = || snapshot.scan::<ec2::NetworkInterface>(scope).map(|(_, record)| record);
        let records: Vec<Arc<ec2::NetworkInterface>> = match resource {
            ec2::FlowLogResource::Vpc(vpc) => all().filter(|record| record.vpc == vpc).collect(),
            ec2::FlowLogResource::Subnet(subnet) => all().filter(|record| record.subnet == subnet).collect(),
            ec2::FlowLogResource::NetworkInterface(id) => {
                snapshot.get(scope, &id.to_string()).into_iter().collect()
            }
            ec2::FlowLogResource::TransitGateway(_) | ec2::FlowLogResource::TransitGatewayAttachment(_) => {
                Vec::new()
            }
        };
        records.iter().filter_map(|record| self.of_interface(snapshot, scope, record)).collect()
    }

    /// None for an interface that nobody can send through: one that hangs on no instance.
    fn of_interface(
        &mut self,
        snapshot: &Snapshot,
        scope: &Scope,
        record: &ec2::NetworkInterface,
    ) -> Option<(Port, Arc<InterfaceFacts>)> {
        if let Some(known) = self.interfaces.get(&record.id) {
            return known.clone();
        }
        let facts = self.look_up(snapshot, scope, record);
        self.interfaces.insert(record.id, facts.clone());
        facts
    }

    fn look_up(
        &mut self,
        snapshot: &Snapshot,
        scope: &Scope,
        record: &ec2::NetworkInterface,
    ) -> Option<(Port, Arc<InterfaceFacts>)> {
        let instance = record.attachment.as_ref()?.instance;
        let (owner, subnet) = anyones::<ec2::Subnet>(snapshot, scope, &record.subnet.to_string())?;
        let vpc = snapshot.get::<ec2::Vpc>(&owner, &record.vpc.to_string())?;
        let resolver = vpc.blocks().next().map(|block| (block.network().to_bits() + 2).into());
        let paths = self.paths.entry(subnet.id).or_insert_with(|| paths(snapshot, &owner, &vpc, subnet.id));
        let facts = InterfaceFacts {
            account: scope.account,
            region: scope.region.clone(),
            interface: record.id,
            vpc: record.vpc,
            subnet: record.subnet,
            zone_id: record.zone_id.clone(),
            instance: Some(instance),
            is_managed: record.kind.is_some(),
            ipv4: record.primary_address(),
            ipv6: record.ipv6_addresses.first().copied(),
            resolver,
            router: vpc_model::subnet::router(subnet.cidr),
            paths: paths.clone(),
        };
        Some((Port::new(record.port).ok()?, Arc::new(facts)))
    }
}

/// Which way the packets of a subnet take: the VPC's own blocks, and the routes of its table. Prefix lists are left out.
fn paths(snapshot: &Snapshot, owner: &Scope, vpc: &ec2::Vpc, subnet: SubnetId) -> Paths {
    let mut paths: Paths = vpc
        .blocks()
        .map(IpNet::V4)
        .chain(vpc.ipv6_blocks().map(IpNet::V6))
        .map(|block| (block, TrafficPath::SameVpc))
        .collect();
    let Some(table) = table_of(snapshot, owner, vpc.id, subnet) else { return paths };
    for route in &table.routes {
        if let ec2::Destination::Block(block) = route.destination {
            paths.push((block, path(snapshot, owner, &route.target)));
        }
    }
    paths
}

fn table_of(
    snapshot: &Snapshot,
    owner: &Scope,
    vpc: VpcId,
    subnet: SubnetId,
) -> Option<Arc<ec2::RouteTable>> {
    let mut main = None;
    for (_, table) in snapshot.scan::<ec2::RouteTable>(owner).filter(|(_, table)| table.vpc == vpc) {
        for association in &table.associations {
            match association.target {
                ec2::AssociationTarget::Subnet(own) if own == subnet => return Some(table),
                ec2::AssociationTarget::Main => main = Some(Arc::clone(&table)),
                ec2::AssociationTarget::Subnet(_) | ec2::AssociationTarget::InternetGateway(_) => {}
            }
        }
    }
    main
}

/// What has an interface in the VPC is on the way within the VPC.
fn path(snapshot: &Snapshot, owner: &Scope, target: &ec2::RouteTarget) -> TrafficPath {
    match target {
        ec2::RouteTarget::InternetGateway(_) | ec2::RouteTarget::EgressOnlyInternetGateway(_) => {
            TrafficPath::InternetGateway
        }
        ec2::RouteTarget::NatGateway(_)
        | ec2::RouteTarget::NetworkInterface(_)
        | ec2::RouteTarget::VpcEndpoint(_)
        | ec2::RouteTarget::TransitGateway(_) => TrafficPath::SameVpc,
        ec2::RouteTarget::VpnGateway(_) => TrafficPath::VpnGateway,
        ec2::RouteTarget::VpcPeeringConnection(id) => {
            let peering = snapshot.get::<ec2::VpcPeeringConnection>(owner, &id.to_string());
            match peering {
                Some(peering) if peering.requester.region != peering.accepter.region => {
                    TrafficPath::PeeringBetweenRegions
                }
                Some(_) => TrafficPath::PeeringInRegion,
                None => TrafficPath::Other,
            }
        }
    }
}
