//! Subnets, each made of several records: its route table is the one associated with it or else its VPC's main one, its
//! network ACL is the one of its association, and what VPC Block Public Access keeps from it is said by the account's
//! options and exclusions. Refuses to know what is in the table and the ACL.

use std::collections::BTreeMap;

use aws_types::{RouteTableId, SubnetId, VpcId};
use store::{Read as _, Scope};
use svc_ec2::record as ec2;
use vpc_model::{InternetBlock, ObjectId, Subnet};

use super::View;
use super::stale::{Source, Stale};

impl Source for ec2::Subnet {
    fn object(&self, scope: &Scope) -> Option<(Scope, ObjectId)> {
        Some((scope.clone(), self.id.into()))
    }
}

impl Source for ec2::NetworkAclAssociation {
    fn add_dependents(
        _: &View<'_>,
        scope: &Scope,
        before: Option<&Self>,
        after: Option<&Self>,
        stale: &mut Stale,
    ) {
        before.into_iter().chain(after).for_each(|held| stale.add(scope, held.subnet));
    }
}

impl Source for ec2::BlockPublicAccessOptions {
    fn add_dependents(
        view: &View<'_>,
        scope: &Scope,
        before: Option<&Self>,
        after: Option<&Self>,
        stale: &mut Stale,
    ) {
        let mode = |held: Option<&Self>| held.map_or(ec2::BlockMode::Off, |held| held.mode);
        if mode(before) != mode(after) {
            let subnets = view.snapshot.scan::<ec2::Subnet>(scope);
            subnets.for_each(|(_, subnet)| stale.add(scope, subnet.id));
        }
    }
}

impl Source for ec2::VpcBlockPublicAccessExclusion {
    fn add_dependents(
        view: &View<'_>,
        scope: &Scope,
        before: Option<&Self>,
        after: Option<&Self>,
        stale: &mut Stale,
    ) {
        for held in before.into_iter().chain(after) {
            match held.excluded {
                ec2::Excluded::Vpc(vpc) => add_of_vpc(view, scope, vpc, stale),
                ec2::Excluded::Subnet(subnet) => stale.add(scope, subnet),
            }
        }
    }
}

/// Adds the subnets of a VPC.
pub(super) fn add_of_vpc(view: &View<'_>, scope: &Scope, vpc: VpcId, stale: &mut Stale) {
    view.parts::<ec2::Subnet, _>(scope, vpc).for_each(|subnet| stale.add(scope, subnet.id));
}

/// Which table each subnet of a VPC has.
pub(super) struct RouteTablesInUse {
    main: Option<RouteTableId>,
    by_subnet: BTreeMap<SubnetId, RouteTableId>,
}

impl RouteTablesInUse {
    pub(super) fn read(view: &View<'_>, scope: &Scope, vpc: VpcId) -> Self {
        let mut tables = Self { main: None, by_subnet: BTreeMap::new() };
        for table in view.parts::<ec2::RouteTable, _>(scope, vpc) {
            for association in &table.associations {
                match association.target {
                    ec2::AssociationTarget::Main => tables.main = Some(table.id),
                    ec2::AssociationTarget::Subnet(subnet) => _ = tables.by_subnet.insert(subnet, table.id),
                    ec2::AssociationTarget::InternetGateway(_) => {}
                }
            }
        }
        tables
    }

    fn of_subnet(&self, subnet: SubnetId) -> Option<RouteTableId> {
        self.by_subnet.get(&subnet).copied().or(self.main)
    }
}

pub(super) fn subnet(view: &View<'_>, scope: &Scope, record: &ec2::Subnet) -> Option<Subnet> {
    let route_table = view.route_tables_in_use(scope, record.vpc).of_subnet(record.id);
    let association = view.get::<ec2::NetworkAclAssociation>(scope, record.id);
    let (Some(route_table), Some(association)) = (route_table, association) else {
        // EC2 writes a subnet with both in one transaction, so this is a damaged state: nothing may pass.
        tracing::error!(subnet = %record.id, "a subnet has no route table or no network ACL");
        return None;
    };
    Some(Subnet {
        id: record.id,
        vpc: record.vpc,
        cidr: record.cidr,
        ipv6_cidr: record.ipv6_block(),
        zone: record.zone.clone(),
        route_table,
        network_acl: association.acl,
        internet_block: internet_block(view, scope, record),
    })
}

fn internet_block(view: &View<'_>, scope: &Scope, record: &ec2::Subnet) -> InternetBlock {
    match ec2::internet_gateway_block_mode(view.snapshot, scope, record.vpc, Some(record.id)) {
        ec2::BlockMode::Off => InternetBlock::Off,
        ec2::BlockMode::BlockIngress => InternetBlock::Ingress,
        ec2::BlockMode::BlockBidirectional => InternetBlock::Bidirectional,
    }
}
