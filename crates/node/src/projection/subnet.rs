//! Subnets, each made of several records: its route table is the one associated with it or else its VPC's main one, and its
//! network ACL is the one of its association. Refuses to know what is in either.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_types::{RouteTableId, SubnetId, VpcId};
use store::{Read as _, Scope, Snapshot};
use svc_ec2::record as ec2;
use vpc_model::{Delta, InternetBlock, ObjectId, Subnet};

use super::Projection;

/// Which subnets of a scope have to be told to the engine.
pub(super) enum StaleSubnets {
    All,
    Some { vpcs: BTreeSet<VpcId>, subnets: BTreeSet<SubnetId> },
}

impl Default for StaleSubnets {
    fn default() -> Self {
        Self::Some { vpcs: BTreeSet::new(), subnets: BTreeSet::new() }
    }
}

impl StaleSubnets {
    pub(super) fn add(&mut self, subnet: SubnetId) {
        if let Self::Some { subnets, .. } = self {
            subnets.insert(subnet);
        }
    }

    pub(super) fn add_vpc(&mut self, vpc: VpcId) {
        if let Self::Some { vpcs, .. } = self {
            vpcs.insert(vpc);
        }
    }

    /// Their records, as far as they are there.
    fn records(&self, snapshot: &Snapshot, scope: &Scope) -> Vec<Arc<ec2::Subnet>> {
        let all = || snapshot.scan::<ec2::Subnet>(scope).map(|(_, record)| record);
        match self {
            Self::All => all().collect(),
            Self::Some { vpcs, subnets } if vpcs.is_empty() => {
                subnets.iter().filter_map(|id| snapshot.get(scope, &id.to_string())).collect()
            }
            Self::Some { vpcs, subnets } => {
                all().filter(|record| vpcs.contains(&record.vpc) || subnets.contains(&record.id)).collect()
            }
        }
    }
}

/// Puts subnets of one account in one region.
pub(super) fn put_subnets(
    projection: &mut Projection,
    snapshot: &Snapshot,
    scope: &Scope,
    stale: &StaleSubnets,
) {
    let records = stale.records(snapshot, scope);
    if records.is_empty() {
        return;
    }
    let mut tables: BTreeMap<SubnetId, RouteTableId> = BTreeMap::new();
    let mut main_tables: BTreeMap<VpcId, RouteTableId> = BTreeMap::new();
    for (_, table) in snapshot.scan::<ec2::RouteTable>(scope) {
        for association in &table.associations {
            match association.target {
                ec2::AssociationTarget::Main => _ = main_tables.insert(table.vpc, table.id),
                ec2::AssociationTarget::Subnet(subnet) => _ = tables.insert(subnet, table.id),
                // What comes in by a gateway does not come yet.
                ec2::AssociationTarget::InternetGateway(_) => {}
            }
        }
    }
    for record in records {
        let association = snapshot.get::<ec2::NetworkAclAssociation>(scope, &record.id.to_string());
        let route_table = tables.get(&record.id).or_else(|| main_tables.get(&record.vpc));
        let (Some(&route_table), Some(association)) = (route_table, association) else {
            // EC2 writes a subnet with both in one transaction, so this is a damaged state: nothing may pass.
            tracing::error!(subnet = %record.id, "a subnet has no route table or no network ACL");
            projection.deltas.push(Delta::Remove(ObjectId::Subnet(record.id)));
            continue;
        };
        projection.put(Subnet {
            id: record.id,
            vpc: record.vpc,
            cidr: record.cidr,
            ipv6_cidr: record.ipv6_block(),
            zone: record.zone.clone(),
            route_table,
            network_acl: association.acl,
            internet_block: InternetBlock::Off,
        });
    }
}
