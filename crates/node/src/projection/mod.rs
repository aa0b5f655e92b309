//! What EC2's records mean to the network: a pure function from records to the engine's objects.
//!
//! Owns which objects a change of a record is about; what each object is made of is in the file of its kind. Refuses to
//! know what the engine does with them.

mod filter;
mod interface;
mod route_table;
mod subnet;
mod vpc;

use std::collections::{BTreeMap, BTreeSet};

use aws_types::{NetworkInterfaceId, VpcId};
use ipnet::IpNet;
use store::{Commit, Read as _, Record as _, Scope, Snapshot};
use svc_ec2::record as ec2;
use vpc_model::{Delta, Object, ObjectId};

use self::filter::{network_acl, put_groups_of_list, security_group};
use self::interface::interface;
use self::route_table::{put_tables, route_table};
use self::subnet::{StaleSubnets, put_subnets};
use self::vpc::{dhcp_options, vpc};
use crate::shareable;

/// The deltas of one step, and the scopes that the interfaces among them belong to.
#[derive(Debug, Default)]
pub(crate) struct Projection {
    /// What to tell the engine.
    pub(crate) deltas: Vec<Delta>,
    /// Whose the interfaces among them are.
    pub(crate) scopes: Vec<(NetworkInterfaceId, Scope)>,
}

impl Projection {
    fn put(&mut self, object: impl Into<Object>) {
        self.deltas.push(Delta::Put(object.into()));
    }

    /// Without its ACL nothing passes into or out of a subnet.
    fn put_network_acl(&mut self, record: &ec2::NetworkAcl) {
        match network_acl(record) {
            Some(acl) => self.put(acl),
            None => {
                tracing::error!(acl = %record.id, "an entry of a network ACL means nothing; its subnets are cut off");
                self.deltas.push(Delta::Remove(ObjectId::NetworkAcl(record.id)));
            }
        }
    }

    fn put_interface(&mut self, scope: &Scope, record: &ec2::NetworkInterface) {
        if let Some(interface) = interface(record) {
            self.scopes.push((interface.id, scope.clone()));
            self.put(interface);
        }
    }

    /// Adds the removal of every known object that this projection does not have.
    pub(crate) fn remove_unlisted(&mut self, known: impl IntoIterator<Item = ObjectId>) {
        let listed: BTreeSet<ObjectId> = self
            .deltas
            .iter()
            .filter_map(|delta| match delta {
                Delta::Put(object) => Some(object.id()),
                Delta::Remove(_) => None,
            })
            .collect();
        self.deltas.extend(known.into_iter().filter(|id| !listed.contains(id)).map(Delta::Remove));
    }
}

/// Every object of a snapshot.
pub(crate) fn everything(snapshot: &Snapshot) -> Projection {
    let mut projection = Projection::default();
    for (_, _, record) in snapshot.scan_all::<ec2::Vpc>() {
        projection.put(vpc(&record));
    }
    for (_, _, record) in snapshot.scan_all::<ec2::DhcpOptions>() {
        projection.put(dhcp_options(&record));
    }
    for (scope, _, record) in snapshot.scan_all::<ec2::RouteTable>() {
        projection.put(route_table(snapshot, scope, &record));
    }
    for (_, _, record) in snapshot.scan_all::<ec2::NetworkAcl>() {
        projection.put_network_acl(&record);
    }
    for (scope, _, record) in snapshot.scan_all::<ec2::SecurityGroup>() {
        projection.put(security_group(snapshot, scope, &record));
    }
    let scopes: BTreeSet<Scope> =
        snapshot.scan_all::<ec2::Subnet>().map(|(scope, _, _)| scope.clone()).collect();
    for scope in scopes {
        put_subnets(&mut projection, snapshot, &scope, &StaleSubnets::All);
    }
    for (scope, _, record) in snapshot.scan_all::<ec2::NetworkInterface>() {
        projection.put_interface(scope, &record);
    }
    projection
}

/// What a commit changed. Objects are as of `snapshot`, which may be newer: then a later commit says the same again.
pub(crate) fn changed(snapshot: &Snapshot, commit: &Commit) -> Projection {
    let mut projection = Projection::default();
    let mut stale_subnets: BTreeMap<Scope, StaleSubnets> = BTreeMap::new();
    // These have no subnets but those that are among the changes themselves.
    let new_vpcs: BTreeSet<VpcId> = commit
        .changes
        .iter()
        .filter(|change| change.before::<ec2::Vpc>().is_none())
        .filter_map(|change| Some(change.after::<ec2::Vpc>()?.id))
        .collect();
    for change in commit.changes.iter() {
        let scope = &change.key.scope;
        if change.is_removal() {
            projection.deltas.extend(object_id(change.key.kind, &change.key.id).map(Delta::Remove));
        }
        if let Some(record) = change.after::<ec2::Vpc>() {
            projection.put(vpc(&record));
            // Of what lists have in them, a table has no routes for the VPC's own blocks.
            let blocks = |vpc: &ec2::Vpc| {
                vpc.blocks().map(IpNet::V4).chain(vpc.ipv6_blocks().map(IpNet::V6)).collect()
            };
            if change.before::<ec2::Vpc>().is_some_and(|before| {
                let (before, after): (Vec<IpNet>, Vec<IpNet>) = (blocks(&before), blocks(&record));
                before != after
            }) {
                put_tables(&mut projection, snapshot, scope, |table| {
                    let is_list =
                        |route: &ec2::Route| matches!(route.destination, ec2::Destination::PrefixList(_));
                    table.vpc == record.id && table.routes.iter().any(is_list)
                });
            }
        } else if let Some(record) = change.after::<ec2::DhcpOptions>() {
            projection.put(dhcp_options(&record));
        } else if let Some(record) = change.after::<ec2::RouteTable>() {
            projection.put(route_table(snapshot, scope, &record));
            let before = change.before::<ec2::RouteTable>();
            let before = before.as_ref().map_or(&[][..], |before| &before.associations);
            for association in symmetric_difference(before, &record.associations) {
                match association.target {
                    ec2::AssociationTarget::Main if new_vpcs.contains(&record.vpc) => {}
                    ec2::AssociationTarget::Main => stale_in(&mut stale_subnets, scope).add_vpc(record.vpc),
                    ec2::AssociationTarget::Subnet(subnet) => stale_in(&mut stale_subnets, scope).add(subnet),
                    ec2::AssociationTarget::InternetGateway(_) => {}
                }
            }
        } else if let Some(record) = change.after::<ec2::NetworkAcl>() {
            projection.put_network_acl(&record);
        } else if let Some(record) = change.after::<ec2::NetworkAclAssociation>() {
            stale_in(&mut stale_subnets, scope).add(record.subnet);
        } else if let Some(record) = change.after::<ec2::SecurityGroup>() {
            projection.put(security_group(snapshot, scope, &record));
        } else if let Some(record) = change.after::<ec2::PrefixList>() {
            if change.before::<ec2::PrefixList>().is_none_or(|before| before.entries != record.entries) {
                for scope in shareable::scopes(snapshot, scope) {
                    put_groups_of_list(&mut projection, snapshot, &scope, record.id);
                    put_tables(&mut projection, snapshot, &scope, |table| table.has_prefix_list(record.id));
                }
            }
        } else if let Some(record) = change.after::<ec2::Subnet>() {
            stale_in(&mut stale_subnets, scope).add(record.id);
        } else if let Some(record) = change.after::<ec2::NetworkInterface>() {
            projection.put_interface(scope, &record);
        }
    }
    for (scope, stale) in stale_subnets {
        put_subnets(&mut projection, snapshot, &scope, &stale);
    }
    projection
}

fn stale_in<'a>(stale: &'a mut BTreeMap<Scope, StaleSubnets>, scope: &Scope) -> &'a mut StaleSubnets {
    stale.entry(scope.clone()).or_default()
}

/// What only one of two lists of associations has.
fn symmetric_difference<'a>(
    before: &'a [ec2::RouteTableAssociation],
    after: &'a [ec2::RouteTableAssociation],
) -> impl Iterator<Item = &'a ec2::RouteTableAssociation> {
    let ended = before.iter().filter(|held| !after.contains(held));
    ended.chain(after.iter().filter(|held| !before.contains(held)))
}

/// The object that a record of EC2 stands for.
fn object_id(kind: &str, id: &str) -> Option<ObjectId> {
    Some(match kind {
        ec2::Vpc::KIND => ObjectId::Vpc(id.parse().ok()?),
        ec2::DhcpOptions::KIND => ObjectId::DhcpOptions(id.parse().ok()?),
        ec2::RouteTable::KIND => ObjectId::RouteTable(id.parse().ok()?),
        ec2::NetworkAcl::KIND => ObjectId::NetworkAcl(id.parse().ok()?),
        ec2::SecurityGroup::KIND => ObjectId::SecurityGroup(id.parse().ok()?),
        ec2::Subnet::KIND => ObjectId::Subnet(id.parse().ok()?),
        ec2::NetworkInterface::KIND => ObjectId::Interface(id.parse().ok()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
