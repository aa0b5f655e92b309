//! What EC2's records mean to the network: a pure function from records to the engine's objects.
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
    NetbiosNodeType, NetworkAcl, NetworkAclEntry, Object, ObjectId, Peer, Port, PortRange, Protocol,
    Resolver, Route, RouteTable, RouteTarget, SecurityGroup, SecurityGroupRule, Subnet, Traffic, Vpc,
};

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
    for change in commit.changes.iter() {
        let scope = &change.key.scope;
        if change.is_removal() {
            projection.deltas.extend(object_id(change.key.kind, &change.key.id).map(Delta::Remove));
        }
        if let Some(record) = change.after::<ec2::Vpc>() {
            projection.put(vpc(&record));
            // Of what lists have in them, a table has no routes for the VPC's own blocks.
            put_tables(&mut projection, snapshot, &change.key.scope, |table| {
                let is_list =
                    |route: &ec2::Route| matches!(route.destination, ec2::Destination::PrefixList(_));
                table.vpc == record.id && table.routes.iter().any(is_list)
            });
        } else if let Some(record) = change.after::<ec2::DhcpOptions>() {
            projection.put(dhcp_options(&record));
        } else if let Some(record) = change.after::<ec2::RouteTable>() {
            projection.put(route_table(snapshot, scope, &record));
            let before = change.before::<ec2::RouteTable>();
            let before = before.as_ref().map_or(&[][..], |before| &before.associations);
            for association in symmetric_difference(before, &record.associations) {
                match association.target {
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
    for record in stale.records(snapshot, scope) {
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
            routes.push(Route { destination, target: target(route) });
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
                routes.push(Route { destination, target: target(route) });
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
        security_groups: record.groups.clone(),
        source_dest_check: record.source_dest_check,
        idle_timeouts: idle_timeouts.unwrap_or_default(),
        tracking_limit: None,
        hostname: None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use aws_api::Operation;
    use aws_api::ec2::{self as api, operation as op};
    use aws_types::{InstanceId, Partition, Timestamp};
    use service_api::{IdSource, Principal, PrincipalKind, RequestContext, RequestId, Service as _};
    use store::{MemoryBackend, Store};
    use svc_ec2::{Config, Ec2, HostView};

    use super::*;

    mod shared;

    struct Ids(AtomicU64);

    impl IdSource for Ids {
        fn bits(&self) -> u128 {
            u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1) << 64
        }
    }

    struct NoHost;

    impl HostView for NoHost {
        fn console_output(&self, _: InstanceId) -> Option<Vec<u8>> {
            None
        }
    }

    fn context() -> RequestContext {
        RequestContext {
            partition: Partition::Aws,
            region: "us-east-1".parse().unwrap(),
            principal: Principal {
                account: "123456789012".parse().unwrap(),
                kind: PrincipalKind::Root,
                arn: "arn:aws:iam::123456789012:root".parse().unwrap(),
                user_id: "123456789012".to_owned(),
                access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            },
            request_id: RequestId::from_bits(1),
            now: Timestamp::from_unix_millis(1_795_357_680_000),
            source_ip: "127.0.0.1".parse().unwrap(),
            user_agent: String::new(),
            secure_transport: false,
        }
    }

    /// Carries out an operation, and gives its answer with what it tells the engine.
    fn told<O: Operation>(store: &Store, ec2: &Ec2, input: O::Input) -> (O::Output, Vec<Delta>)
    where
        O::Input: Into<aws_model::Value>,
        O::Output: TryFrom<aws_model::Value, Error: std::fmt::Debug>,
    {
        told_by::<O>(&context(), store, ec2, input)
    }

    fn told_by<O: Operation>(
        context: &RequestContext,
        store: &Store,
        ec2: &Ec2,
        input: O::Input,
    ) -> (O::Output, Vec<Delta>)
    where
        O::Input: Into<aws_model::Value>,
        O::Output: TryFrom<aws_model::Value, Error: std::fmt::Debug>,
    {
        ec2.ensure_region(&context.scope(), context.now).unwrap();
        let mut tail = store.tail(store.snapshot().revision());
        let answer = ec2.call(context, O::NAME, input.into()).unwrap();
        let mut deltas = Vec::new();
        while let Some(commit) = tail.try_next().unwrap() {
            deltas.extend(changed(&store.snapshot(), &commit).deltas);
        }
        (O::Output::try_from(answer).unwrap(), deltas)
    }

    #[test]
    fn the_prefixes_of_an_interface_reach_the_engine() {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let ec2 = Ec2::new(store.clone(), Ids(AtomicU64::new(0)), NoHost, Config::default());
        let vpc_input = api::CreateVpcRequest {
            cidr_block: Some("10.0.0.0/16".to_owned()),
            amazon_provided_ipv6_cidr_block: Some(true),
            ..Default::default()
        };
        let (made, _) = told::<op::CreateVpc>(&store, &ec2, vpc_input);
        let subnet_input = api::CreateSubnetRequest {
            vpc_id: made.vpc.unwrap().vpc_id.unwrap(),
            cidr_block: Some("10.0.0.0/24".to_owned()),
            ipv6_cidr_block: Some("3fff::/64".to_owned()),
            ..Default::default()
        };
        let (made, _) = told::<op::CreateSubnet>(&store, &ec2, subnet_input);
        let interface_input = api::CreateNetworkInterfaceRequest {
            subnet_id: made.subnet.unwrap().subnet_id.unwrap(),
            ipv4_prefix_count: Some(1),
            ipv6_prefix_count: Some(1),
            ..Default::default()
        };
        let (made, deltas) = told::<op::CreateNetworkInterface>(&store, &ec2, interface_input);
        let [Delta::Put(Object::Interface(interface))] = &deltas[..] else { panic!("{deltas:?}") };
        assert_eq!(interface.ipv4_prefixes, ["10.0.0.224/28".parse().unwrap()]);
        assert_eq!(interface.ipv6_prefixes.len(), 1);
        let unassign = api::UnassignPrivateIpAddressesRequest {
            network_interface_id: made.network_interface.unwrap().network_interface_id.unwrap(),
            ipv4_prefixes: Some(vec!["10.0.0.224/28".to_owned()]),
            private_ip_addresses: None,
        };
        let (_, deltas) = told::<op::UnassignPrivateIpAddresses>(&store, &ec2, unassign);
        let [Delta::Put(Object::Interface(interface))] = &deltas[..] else { panic!("{deltas:?}") };
        assert_eq!((interface.ipv4_prefixes.len(), interface.ipv6_prefixes.len()), (0, 1));
    }

    #[test]
    fn a_dhcp_option_set_reaches_the_engine_whole() {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let ec2 = Ec2::new(store.clone(), Ids(AtomicU64::new(0)), NoHost, Config::default());
        let vpc_input =
            api::CreateVpcRequest { cidr_block: Some("10.0.0.0/16".to_owned()), ..Default::default() };
        let (made, _) = told::<op::CreateVpc>(&store, &ec2, vpc_input);
        let vpc_id = made.vpc.unwrap().vpc_id.unwrap();

        let options: [(&str, &[&str]); 5] = [
            ("domain-name", &["example.com"]),
            ("domain-name-servers", &["10.0.0.53", "AmazonProvidedDNS", "2001:db8::53"]),
            ("ntp-servers", &["10.0.0.123", "fd00:ec2::123"]),
            ("netbios-name-servers", &["10.0.0.137"]),
            ("netbios-node-type", &["2"]),
        ];
        let configurations = options.iter().map(|(key, values)| api::NewDhcpConfiguration {
            key: Some((*key).to_owned()),
            values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
        });
        let set_input = api::CreateDhcpOptionsRequest {
            dhcp_configurations: configurations.collect(),
            ..Default::default()
        };
        let (made, deltas) = told::<op::CreateDhcpOptions>(&store, &ec2, set_input);
        let set_id = made.dhcp_options.unwrap().dhcp_options_id.unwrap();
        let expected = DhcpOptions {
            id: set_id.parse().unwrap(),
            domain_name: Some("example.com".to_owned()),
            resolvers: vec![
                Resolver::Address("10.0.0.53".parse().unwrap()),
                Resolver::AmazonProvided,
                Resolver::Address("2001:db8::53".parse().unwrap()),
            ],
            ntp_servers: vec!["10.0.0.123".parse().unwrap(), "fd00:ec2::123".parse().unwrap()],
            netbios_name_servers: vec!["10.0.0.137".parse().unwrap()],
            netbios_node_type: Some(NetbiosNodeType::PointToPoint),
            mtu_bytes: 9001,
        };
        assert_eq!(deltas, [Delta::Put(expected.clone().into())]);

        let associate = |id: &str| api::AssociateDhcpOptionsRequest {
            dhcp_options_id: id.to_owned(),
            vpc_id: vpc_id.clone(),
            dry_run: None,
        };
        for (id, reference) in [(set_id.as_str(), Some(expected.id)), ("default", None)] {
            let (_, deltas) = told::<op::AssociateDhcpOptions>(&store, &ec2, associate(id));
            let [Delta::Put(Object::Vpc(vpc))] = &deltas[..] else { panic!("{deltas:?}") };
            assert_eq!((vpc.id.to_string(), vpc.dhcp_options), (vpc_id.clone(), reference));
        }
        let everything = everything(&store.snapshot()).deltas;
        assert!(everything.contains(&Delta::Put(expected.clone().into())), "{everything:?}");

        let delete = api::DeleteDhcpOptionsRequest { dhcp_options_id: set_id, dry_run: None };
        let (_, deltas) = told::<op::DeleteDhcpOptions>(&store, &ec2, delete);
        assert_eq!(deltas, [Delta::Remove(ObjectId::DhcpOptions(expected.id))]);
    }
}

#[cfg(test)]
mod prefix_lists {
    use store::{MemoryBackend, Store, StoreError, Transaction};

    use super::*;

    fn scope() -> Scope {
        let account = "123456789012".parse().unwrap();
        Scope::new(aws_types::Partition::Aws, account, "us-east-1".parse().unwrap())
    }

    fn write(store: &Store, change: impl FnOnce(&mut Transaction)) {
        let done = store.transact(|transaction| {
            change(transaction);
            Ok::<_, StoreError>(())
        });
        done.unwrap();
    }

    fn group(peers: &[ec2::Peer]) -> ec2::SecurityGroup {
        let rules = peers.iter().map(|peer| ec2::SecurityGroupRule {
            id: "sgr-00000000000000001".parse().unwrap(),
            egress: false,
            protocol: ec2::IpProtocol::ALL,
            ports: None,
            peer: *peer,
            description: None,
            tags: aws_types::Tags::default(),
        });
        ec2::SecurityGroup {
            id: "sg-00000000000000001".parse().unwrap(),
            vpc: "vpc-00000000000000001".parse().unwrap(),
            name: "g".to_owned(),
            description: "d".to_owned(),
            rules: rules.collect(),
            tags: aws_types::Tags::default(),
        }
    }

    fn list(blocks: &[&str]) -> ec2::PrefixList {
        let entries = blocks
            .iter()
            .map(|block| ec2::PrefixListEntry { block: block.parse().unwrap(), description: None });
        ec2::PrefixList {
            id: "pl-00000000000000001".parse().unwrap(),
            name: "l".to_owned(),
            family: ec2::AddressFamily::Ipv4,
            max_entries: 10,
            version: 1,
            entries: entries.collect(),
            change: ec2::PrefixListChange::Create,
            changed_at: aws_types::Timestamp::default(),
            version_before: None,
            failure: None,
            tags: aws_types::Tags::default(),
        }
    }

    /// The blocks of the groups' rules among the deltas.
    fn blocks(projection: &Projection) -> Vec<String> {
        let mut blocks = Vec::new();
        for delta in &projection.deltas {
            let Delta::Put(Object::SecurityGroup(group)) = delta else { continue };
            for rule in &group.rules {
                let Peer::Cidr(block) = rule.peer else { panic!("{rule:?}") };
                blocks.push(block.to_string());
            }
        }
        blocks
    }

    #[test]
    fn a_rule_that_names_a_prefix_list_follows_it() {
        let (scope, first) = (scope(), list(&["10.1.0.0/16", "10.2.0.0/16"]));
        let of_aws = aws_catalog::prefix_lists(&scope.region).remove(0);
        let peers = [ec2::Peer::PrefixList(first.id), ec2::Peer::PrefixList(of_aws.id)];
        let store = Store::open(MemoryBackend::new()).unwrap();
        let mut tail = store.tail(store.snapshot().revision());
        let mut next = || {
            let commit = tail.try_next().unwrap().unwrap();
            changed(&store.snapshot(), &commit)
        };
        write(&store, |transaction| {
            transaction.put(&scope, &first.id.to_string(), first.clone());
            let group = group(&peers);
            transaction.put(&scope, &group.id.to_string(), group);
        });
        let held: Vec<String> = of_aws.blocks.iter().map(ToString::to_string).collect();
        let with_held = |blocks: &[&str]| -> Vec<String> {
            blocks.iter().map(|block| (*block).to_owned()).chain(held.clone()).collect()
        };
        assert_eq!(blocks(&everything(&store.snapshot())), with_held(&["10.1.0.0/16", "10.2.0.0/16"]));
        next();
        let second = ec2::PrefixList { version: 2, ..list(&["10.3.0.0/16"]) };
        write(&store, |transaction| transaction.put(&scope, &second.id.to_string(), second.clone()));
        assert_eq!(blocks(&next()), with_held(&["10.3.0.0/16"]));
        // A list that only looks different is nothing to the engine.
        let renamed = ec2::PrefixList { name: "other".to_owned(), ..second };
        write(&store, |transaction| transaction.put(&scope, &renamed.id.to_string(), renamed));
        assert!(next().deltas.is_empty());
    }

    /// The destinations of the tables' routes among the deltas.
    fn destinations(projection: &Projection) -> Vec<String> {
        let mut destinations = Vec::new();
        for delta in &projection.deltas {
            let Delta::Put(Object::RouteTable(table)) = delta else { continue };
            destinations.extend(table.routes.iter().map(|route| route.destination.to_string()));
        }
        destinations
    }

    #[test]
    fn a_route_to_a_prefix_list_follows_it() {
        let (scope, first) = (scope(), list(&["10.1.0.0/16", "10.2.0.0/16"]));
        let interface = "eni-00000000000000001".parse().unwrap();
        let route =
            |destination| ec2::Route { destination, target: ec2::RouteTarget::NetworkInterface(interface) };
        let table = ec2::RouteTable {
            id: "rtb-00000000000000001".parse().unwrap(),
            vpc: "vpc-00000000000000001".parse().unwrap(),
            associations: Vec::new(),
            routes: vec![
                route(ec2::Destination::PrefixList(first.id)),
                route(ec2::Destination::Block("10.2.0.0/16".parse().unwrap())),
            ],
            propagating: Vec::new(),
            tags: aws_types::Tags::default(),
        };
        let store = Store::open(MemoryBackend::new()).unwrap();
        let mut tail = store.tail(store.snapshot().revision());
        let mut next = || {
            let commit = tail.try_next().unwrap().unwrap();
            changed(&store.snapshot(), &commit)
        };
        write(&store, |transaction| {
            transaction.put(&scope, &first.id.to_string(), first.clone());
            transaction.put(&scope, &table.id.to_string(), table);
        });
        // The route for a block comes before the list that has it too.
        assert_eq!(destinations(&everything(&store.snapshot())), ["10.2.0.0/16", "10.1.0.0/16"]);
        next();
        let second = ec2::PrefixList { version: 2, ..list(&["10.3.0.0/16"]) };
        write(&store, |transaction| transaction.put(&scope, &second.id.to_string(), second.clone()));
        assert_eq!(destinations(&next()), ["10.2.0.0/16", "10.3.0.0/16"]);
    }
}
