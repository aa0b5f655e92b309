//! What EC2's records, and those of the internet's hosts, mean to the network: a pure function from records to the engine's objects.
//!
//! Owns the mapping, and nothing else. A subnet is the one object that is made of several records: its route table is
//! the one associated with it or else its VPC's main one, and its network ACL is the one of its association.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_types::{NetworkInterfaceId, PrefixListId, RouteTableId, SubnetId, VpcId};
use ipnet::IpNet;
use store::{Commit, Read as _, Record as _, Scope, Snapshot};
use svc_ec2::record as ec2;
use vpc_model::{
    AclAction, AclRuleNumber, Delta, DhcpOptions, Direction, IcmpMatch, IdleTimeouts, Interface,
    InterfaceRole, InternetBlock, NetbiosNodeType, NetworkAcl, NetworkAclEntry, Object, ObjectId, Peer, Port,
    PortRange, Protocol, Resolver, Route, RouteOrigin, RouteTable, RouteTarget, SecurityGroup,
    SecurityGroupRule, Subnet, Traffic, Vpc,
};

use crate::{internet_hosts, shareable};

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
    projection.deltas.extend(internet_hosts::everything(snapshot));
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
        projection.deltas.extend(internet_hosts::changed(change));
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

/// Which subnets of a scope have to be told to the engine.
enum StaleSubnets {
    All,
    Some { vpcs: BTreeSet<VpcId>, subnets: BTreeSet<SubnetId> },
}

impl Default for StaleSubnets {
    fn default() -> Self {
        Self::Some { vpcs: BTreeSet::new(), subnets: BTreeSet::new() }
    }
}

impl StaleSubnets {
    fn add(&mut self, subnet: SubnetId) {
        if let Self::Some { subnets, .. } = self {
            subnets.insert(subnet);
        }
    }

    fn add_vpc(&mut self, vpc: VpcId) {
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

/// Puts subnets of one account in one region.
fn put_subnets(projection: &mut Projection, snapshot: &Snapshot, scope: &Scope, stale: &StaleSubnets) {
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

fn vpc(record: &ec2::Vpc) -> Vpc {
    Vpc {
        id: record.id,
        ipv4_cidrs: record.blocks().collect(),
        ipv6_cidrs: record.ipv6_blocks().collect(),
        dns_support: record.enable_dns_support,
        dhcp_options: record.dhcp_options,
    }
}

fn dhcp_options(record: &ec2::DhcpOptions) -> DhcpOptions {
    let values = |name: &str| record.options.get(name).map_or(&[][..], Vec::as_slice).iter();
    DhcpOptions {
        id: record.id,
        domain_name: values("domain-name").next().cloned(),
        resolvers: values("domain-name-servers")
            .filter_map(|server| match server.as_str() {
                "AmazonProvidedDNS" => Some(Resolver::AmazonProvided),
                address => address.parse().ok().map(Resolver::Address),
            })
            .collect(),
        ntp_servers: values("ntp-servers").filter_map(|server| server.parse().ok()).collect(),
        netbios_name_servers: values("netbios-name-servers")
            .filter_map(|server| server.parse().ok())
            .collect(),
        netbios_node_type: values("netbios-node-type").next().and_then(|kind| match kind.as_str() {
            "1" => Some(NetbiosNodeType::Broadcast),
            "2" => Some(NetbiosNodeType::PointToPoint),
            "4" => Some(NetbiosNodeType::Mixed),
            "8" => Some(NetbiosNodeType::Hybrid),
            _ => None,
        }),
        mtu_bytes: DhcpOptions::VPC_MTU_BYTES,
        ipv6_preferred_lease_secs: values("ipv6-address-preferred-lease-time")
            .next()
            .and_then(|secs| secs.parse().ok())
            .unwrap_or(DhcpOptions::IPV6_PREFERRED_LEASE_SECS),
    }
}

/// Puts the route tables of one account in one region that are meant.
fn put_tables(
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
fn route_table(snapshot: &Snapshot, scope: &Scope, record: &ec2::RouteTable) -> RouteTable {
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

/// The ACL, unless an entry of it means nothing: EC2 checks entries before it stores them, so that is a damaged state, in
/// which leaving the entry out could let pass what it denies.
fn network_acl(record: &ec2::NetworkAcl) -> Option<NetworkAcl> {
    let entries = record
        .entries
        .iter()
        .map(|entry| {
            let ports = entry.ports.map(|(from, to)| (i32::from(from), i32::from(to)));
            let icmp = entry.icmp.map(|(kind, code)| (i32::from(kind), i32::from(code)));
            Some(NetworkAclEntry {
                number: AclRuleNumber::new(entry.number).ok()?,
                direction: direction(entry.egress),
                traffic: traffic(entry.protocol, ports.or(icmp))?,
                cidr: entry.cidr,
                action: match entry.action {
                    ec2::Action::Allow => AclAction::Allow,
                    ec2::Action::Deny => AclAction::Deny,
                },
            })
        })
        .collect::<Option<_>>()?;
    Some(NetworkAcl { id: record.id, vpc: record.vpc, entries })
}

/// Puts the groups of one account in one region that name a prefix list.
fn put_groups_of_list(projection: &mut Projection, snapshot: &Snapshot, scope: &Scope, list: PrefixListId) {
    for (_, record) in snapshot.scan::<ec2::SecurityGroup>(scope) {
        if record.has_prefix_list(list) {
            projection.put(security_group(snapshot, scope, &record));
        }
    }
}

/// The group; a rule that names a prefix list is one for each block that the list has in `snapshot`.
fn security_group(snapshot: &Snapshot, scope: &Scope, record: &ec2::SecurityGroup) -> SecurityGroup {
    let mut rules = Vec::with_capacity(record.rules.len());
    for rule in &record.rules {
        let Some(traffic) = traffic(rule.protocol, rule.ports) else { continue };
        let mut add = |peer| {
            rules.push(SecurityGroupRule { id: rule.id, direction: direction(rule.egress), traffic, peer });
        };
        match rule.peer {
            ec2::Peer::Ipv4(block) => add(Peer::Cidr(IpNet::V4(block))),
            ec2::Peer::Ipv6(block) => add(Peer::Cidr(IpNet::V6(block))),
            ec2::Peer::Group(group) => add(Peer::Group(group)),
            // Nothing comes from a peered VPC yet.
            ec2::Peer::PeeredGroup(_) => {}
            ec2::Peer::PrefixList(list) => ec2::prefix_list_blocks(snapshot, scope, list)
                .into_iter()
                .for_each(|block| add(Peer::Cidr(block))),
        }
    }
    SecurityGroup { id: record.id, vpc: record.vpc, rules }
}

fn direction(egress: bool) -> Direction {
    if egress { Direction::Egress } else { Direction::Ingress }
}

/// The traffic of a rule: for TCP and UDP `range` is the ports, for ICMP the type and code with -1 for any. EC2 checks
/// both before it stores them; a range that is none all the same is no rule.
fn traffic(protocol: ec2::IpProtocol, range: Option<(i32, i32)>) -> Option<Traffic> {
    let Some(number) = protocol.number() else { return Some(Traffic::All) };
    let protocol = Protocol(number);
    let ports = || match range {
        None => Some(PortRange::ALL),
        Some((from, to)) => PortRange::new(from.try_into().ok()?, to.try_into().ok()?).ok(),
    };
    let icmp = || match range {
        None | Some((-1, _)) => Some(IcmpMatch::Any),
        Some((kind, -1)) => kind.try_into().ok().map(IcmpMatch::Type),
        Some((kind, code)) => Some(IcmpMatch::TypeAndCode(kind.try_into().ok()?, code.try_into().ok()?)),
    };
    match protocol {
        Protocol::TCP => ports().map(Traffic::Tcp),
        Protocol::UDP => ports().map(Traffic::Udp),
        Protocol::ICMP => icmp().map(Traffic::Icmp),
        Protocol::ICMPV6 => icmp().map(Traffic::Icmpv6),
        other => Some(Traffic::Protocol(other)),
    }
}

fn interface(record: &ec2::NetworkInterface) -> Option<Interface> {
    let tracking = record.connection_tracking;
    let default = IdleTimeouts::DEFAULT;
    let idle_timeouts = IdleTimeouts::new(
        tracking.tcp_established_secs.unwrap_or(default.tcp_established_secs()),
        tracking.udp_stream_secs.unwrap_or(default.udp_stream_secs()),
        tracking.udp_secs.unwrap_or(default.udp_secs()),
    );
    Some(Interface {
        id: record.id,
        port: Port::new(record.port).ok()?,
        vpc: record.vpc,
        subnet: record.subnet,
        mac: record.mac,
        ipv4: record.primary_address(),
        secondary_ipv4: record.private_addresses[1..].to_vec(),
        ipv6: record.ipv6_addresses.clone(),
        ipv4_prefixes: record.ipv4_prefixes.clone(),
        ipv6_prefixes: record.ipv6_prefixes.clone(),
        public_ipv4: Vec::new(),
        role: InterfaceRole::Workload,
        security_groups: record.groups.clone(),
        source_dest_check: record.source_dest_check,
        idle_timeouts: idle_timeouts.unwrap_or_default(),
        tracking_limit: None,
        hostname: None,
    })
}

#[cfg(test)]
mod tests;
