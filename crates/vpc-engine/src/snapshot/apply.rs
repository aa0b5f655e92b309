//! A change of the network: what is said, what must be compiled again, and which ports notice.
//!
//! Owns the order of work: first all deltas are taken down and what they touch is marked, then each marked thing is
//! compiled once, from the leaves up. So the order of deltas in a batch does not matter, and references may dangle.

use std::net::IpAddr;
use std::sync::Arc;

use aws_types::{
    NatGatewayId, NetworkAclId, NetworkInterfaceId, RouteTableId, SecurityGroupId, SubnetId, VpcId,
};
use rustc_hash::{FxHashMap, FxHashSet};
use vpc_model::{
    Delta, Interface, NatGateway, NetworkAcl, Object, ObjectId, Port, RouteTable, SecurityGroup, Subnet, Vpc,
};

use super::gateways::TouchedGateways;
use super::index::Map;
use super::paths::TouchedPaths;
use super::{
    Applied, CompiledSubnet, Domain, Network, PluggedInterface, Snapshot, StalePorts, ipv4_prefix,
    ipv6_block, ipv6_prefix, router_mac, router_of,
};
use crate::compile::{Acl, Policy, Routes};
use crate::flows::TRACKED_CONNECTIONS_PER_INTERFACE;

/// What a batch of deltas has touched.
#[derive(Default)]
struct Touched {
    groups: FxHashSet<SecurityGroupId>,
    tables: FxHashSet<RouteTableId>,
    acls: FxHashSet<NetworkAclId>,
    subnets: FxHashSet<SubnetId>,
    policies: FxHashMap<u32, Arc<[SecurityGroupId]>>,
    gateways: TouchedGateways,
    paths: TouchedPaths,
    /// Whether anything but paths was touched.
    rules: bool,
    stale: FxHashSet<Port>,
    removed: FxHashSet<Port>,
}

impl Snapshot {
    /// The network after these changes. They may come in any order; of two about the same object the later counts.
    /// What refers to something that is not there drops packets with [`crate::DropReason::Missing`] (security groups
    /// that are not there allow nothing) until it is.
    ///
    /// The cost grows with what changes: an interface costs a few map entries whatever its groups; a security group's
    /// rules, one compilation for each distinct set of groups that it is in; a route table or ACL, one compilation.
    /// Becoming or ceasing to be a member of a group compiles nothing.
    pub fn apply(&self, deltas: &[Delta]) -> Applied {
        let mut network = Network::clone(&self.0);
        let mut touched = Touched::default();
        // Interfaces are unplugged before others are plugged in, so that ports and addresses can change hands in a batch.
        let mut interfaces: Vec<NetworkInterfaceId> = Vec::new();
        let mut last: FxHashMap<NetworkInterfaceId, Option<&Interface>> = FxHashMap::default();
        for delta in deltas {
            let (id, interface) = match delta {
                Delta::Put(Object::Interface(interface)) => (interface.id, Some(interface)),
                Delta::Remove(ObjectId::Interface(id)) => (*id, None),
                Delta::Put(object) => {
                    network.put(object, &mut touched);
                    continue;
                }
                Delta::Remove(id) => {
                    network.remove(*id, &mut touched);
                    continue;
                }
            };
            if last.insert(id, interface).is_none() {
                interfaces.push(id);
            }
        }
        interfaces.retain(|id| network.withdraw(*id, last[id], &mut touched));
        for interface in interfaces.iter().filter_map(|id| last[id]) {
            network.plug(interface, &mut touched);
        }
        network.compile(&mut touched);
        let sorted = |ports: FxHashSet<Port>| {
            let mut ports: Vec<Port> = ports.into_iter().collect();
            ports.sort_unstable();
            ports
        };
        let mut stale_domains: Vec<Domain> = std::mem::take(&mut touched.gateways.domains);
        stale_domains.sort_unstable();
        stale_domains.dedup();
        Applied {
            snapshot: Self(Arc::new(network)),
            stale_domains,
            stale: StalePorts(sorted(touched.stale)),
            removed: sorted(touched.removed),
            changed_paths: touched.paths.paths,
            has_new_rules: touched.rules,
        }
    }
}

/// Replaces a value; answers the old one, or `Err` when the new one is the same.
fn replace<K: Clone + Eq + std::hash::Hash, V: Clone + Eq>(
    map: &mut Map<K, Arc<V>>,
    key: K,
    value: Option<&V>,
) -> Result<Option<Arc<V>>, Unchanged> {
    if map.get(&key).map(Arc::as_ref) == value {
        return Err(Unchanged);
    }
    Ok(match value {
        Some(value) => map.insert(key, Arc::new(value.clone())),
        None => map.remove(&key),
    })
}

struct Unchanged;

/// The groups of an interface, ascending, which name its policy.
fn carried_groups(interface: &Interface) -> Arc<[SecurityGroupId]> {
    let mut groups = interface.security_groups.clone();
    groups.sort_unstable();
    groups.dedup();
    groups.into()
}

impl Network {
    fn put(&mut self, object: &Object, touched: &mut Touched) {
        match object {
            Object::Vpc(vpc) => self.set_vpc(vpc.id, Some(vpc), touched),
            Object::Subnet(subnet) => self.set_subnet(subnet.id, Some(subnet), touched),
            Object::RouteTable(table) => self.set_route_table(table.id, Some(table), touched),
            Object::NetworkAcl(acl) => self.set_network_acl(acl.id, Some(acl), touched),
            Object::SecurityGroup(group) => self.set_security_group(group.id, Some(group), touched),
            // Taken apart by the caller.
            Object::Interface(_) => {}
            Object::DhcpOptions(options) => {
                self.dhcp_options.insert(options.id, Arc::new(options.clone()));
            }
            Object::InternetGateway(it) => self.gateways.set_internet(it.id, Some(it), &mut touched.gateways),
            Object::EgressOnlyInternetGateway(it) => {
                self.gateways.set_egress_only(it.id, Some(it), &mut touched.gateways);
            }
            Object::NatGateway(it) => self.set_nat_gateway(it.id, Some(it), touched),
            Object::VpnGateway(it) => self.gateways.set_vpn(it.id, Some(it)),
            Object::VpcPeeringConnection(it) => {
                self.gateways.set_peering(it.id, Some(it), &mut touched.gateways);
            }
            Object::TransitGateway(it) => self.gateways.set_transit(it.id, Some(it), &mut touched.gateways),
            Object::TransitGatewayAttachment(it) => {
                self.gateways.set_attachment(it.id, Some(it), &mut touched.gateways);
            }
            Object::TransitGatewayPeering(it) => {
                self.gateways.set_transit_peering(it.id, Some(it), &mut touched.gateways);
            }
            Object::TransitGatewayRouteTable(it) => {
                self.gateways.set_transit_table(it.id, Some(it), &mut touched.gateways);
            }
            Object::VpcEndpoint(it) => self.gateways.set_endpoint(it.id, Some(it), &mut touched.gateways),
            Object::ServiceAddresses(it) => self.gateways.set_service(it.id, Some(it), &mut touched.gateways),
            Object::PublicAddresses(it) => self.gateways.set_public(it.id, true, &mut touched.gateways),
            Object::InternetHost(it) => self.gateways.set_host(it.id, Some(it), &mut touched.gateways),
            Object::Path(path) => self.paths.set(path.id, Some(path), &mut touched.paths),
        }
    }

    fn remove(&mut self, id: ObjectId, touched: &mut Touched) {
        match id {
            ObjectId::Vpc(id) => self.set_vpc(id, None, touched),
            ObjectId::Subnet(id) => self.set_subnet(id, None, touched),
            ObjectId::RouteTable(id) => self.set_route_table(id, None, touched),
            ObjectId::NetworkAcl(id) => self.set_network_acl(id, None, touched),
            ObjectId::SecurityGroup(id) => self.set_security_group(id, None, touched),
            ObjectId::Interface(_) => {}
            ObjectId::DhcpOptions(id) => {
                self.dhcp_options.remove(&id);
            }
            ObjectId::InternetGateway(id) => self.gateways.set_internet(id, None, &mut touched.gateways),
            ObjectId::EgressOnlyInternetGateway(id) => {
                self.gateways.set_egress_only(id, None, &mut touched.gateways);
            }
            ObjectId::NatGateway(id) => self.set_nat_gateway(id, None, touched),
            ObjectId::VpnGateway(id) => self.gateways.set_vpn(id, None),
            ObjectId::VpcPeeringConnection(id) => self.gateways.set_peering(id, None, &mut touched.gateways),
            ObjectId::TransitGateway(id) => self.gateways.set_transit(id, None, &mut touched.gateways),
            ObjectId::TransitGatewayAttachment(id) => {
                self.gateways.set_attachment(id, None, &mut touched.gateways);
            }
            ObjectId::TransitGatewayPeering(id) => {
                self.gateways.set_transit_peering(id, None, &mut touched.gateways);
            }
            ObjectId::TransitGatewayRouteTable(id) => {
                self.gateways.set_transit_table(id, None, &mut touched.gateways);
            }
            ObjectId::VpcEndpoint(id) => self.gateways.set_endpoint(id, None, &mut touched.gateways),
            ObjectId::ServiceAddresses(id) => self.gateways.set_service(id, None, &mut touched.gateways),
            ObjectId::PublicAddresses(id) => self.gateways.set_public(id, false, &mut touched.gateways),
            ObjectId::InternetHost(id) => self.gateways.set_host(id, None, &mut touched.gateways),
            ObjectId::Path(id) => self.paths.set(id, None, &mut touched.paths),
        }
    }

    /// The connections of a NAT gateway go with it, though its interface may stay for a while.
    fn set_nat_gateway(&mut self, id: NatGatewayId, gateway: Option<&NatGateway>, touched: &mut Touched) {
        let left = self.gateways.set_nat(id, gateway, &mut touched.gateways);
        touched.removed.extend(left.and_then(|interface| self.target(interface)).map(|plugged| plugged.port));
    }

    fn set_vpc(&mut self, id: VpcId, vpc: Option<&Vpc>, touched: &mut Touched) {
        let Ok(old) = replace(&mut self.vpcs, id, vpc) else { return };
        touched.tables.extend(self.tables_of_vpc.values(&id));
        touched.subnets.extend(self.subnets_of_vpc.values(&id));
        for cidr in old.iter().flat_map(|old| &old.ipv6_cidrs) {
            self.ipv6_blocks.remove(&ipv6_block(cidr.prefix_len(), cidr.network()), &id);
        }
        for cidr in vpc.iter().flat_map(|vpc| &vpc.ipv6_cidrs) {
            self.ipv6_blocks.insert(ipv6_block(cidr.prefix_len(), cidr.network()), id);
        }
        self.gateways.touch_blocks(id, &mut touched.gateways);
    }

    fn set_subnet(&mut self, id: SubnetId, subnet: Option<&Subnet>, touched: &mut Touched) {
        let Ok(old) = replace(&mut self.subnets, id, subnet) else { return };
        if let Some(old) = old {
            self.subnets_of_vpc.remove(&old.vpc, &id);
            self.subnets_of_table.remove(&old.route_table, &id);
            self.subnets_of_acl.remove(&old.network_acl, &id);
        }
        if let Some(subnet) = subnet {
            self.subnets_of_vpc.insert(subnet.vpc, id);
            self.subnets_of_table.insert(subnet.route_table, id);
            self.subnets_of_acl.insert(subnet.network_acl, id);
        }
        touched.subnets.insert(id);
    }

    fn set_route_table(&mut self, id: RouteTableId, table: Option<&RouteTable>, touched: &mut Touched) {
        let Ok(old) = replace(&mut self.route_tables, id, table) else { return };
        if let Some(old) = old {
            self.tables_of_vpc.remove(&old.vpc, &id);
        }
        if let Some(table) = table {
            self.tables_of_vpc.insert(table.vpc, id);
        }
        touched.tables.insert(id);
    }

    fn set_network_acl(&mut self, id: NetworkAclId, acl: Option<&NetworkAcl>, touched: &mut Touched) {
        if replace(&mut self.network_acls, id, acl).is_ok() {
            touched.acls.insert(id);
        }
    }

    fn set_security_group(
        &mut self,
        id: SecurityGroupId,
        group: Option<&SecurityGroup>,
        touched: &mut Touched,
    ) {
        if replace(&mut self.security_groups, id, group).is_ok() {
            touched.groups.insert(id);
        }
    }

    /// Unplugs what an interface was, unless it is that still; answers whether it was not.
    fn withdraw(
        &mut self,
        id: NetworkInterfaceId,
        interface: Option<&Interface>,
        touched: &mut Touched,
    ) -> bool {
        let old = self.interfaces.get(&id).cloned();
        if old.as_ref().map(|plugged| &*plugged.interface) == interface {
            return false;
        }
        if let Some(old) = old {
            // An interface never leaves its subnet: what is in another one begins without connections.
            let place = |interface: &Interface| (interface.port, interface.subnet);
            if interface.map(place) != Some(place(&old.interface)) {
                touched.removed.insert(old.interface.port);
            }
            self.unplug(&old, touched);
        }
        true
    }

    fn plug(&mut self, interface: &Interface, touched: &mut Touched) {
        let port = interface.port;
        // Two interfaces that claim one port contradict each other: the later one has it, the earlier is unplugged.
        if let Some(before) = self.at(port).cloned() {
            touched.removed.insert(port);
            self.unplug(&before, touched);
        }
        let groups = carried_groups(interface);
        let (vpc, is_new_vpc) = self.vpc_numbers.mention(&interface.vpc);
        let (subnet, is_new_subnet) = self.subnet_numbers.mention(&interface.subnet);
        let (policy, is_new_policy) = self.policy_numbers.mention(&groups);
        if is_new_vpc {
            touched.subnets.extend(self.subnets_of_vpc.values(&interface.vpc));
        }
        if is_new_subnet {
            touched.subnets.insert(interface.subnet);
        }
        if is_new_policy {
            for &group in groups.iter() {
                self.policies_of_group.insert(group, policy);
            }
            touched.policies.insert(policy, groups.clone());
        }
        for &group in groups.iter() {
            self.ports_of_group.insert(group, port);
        }
        self.ports_of_subnet.insert(interface.subnet, port);
        for address in interface.addresses() {
            // An address that another interface still claims moves; decisions about the other one are then stale.
            let before = match address {
                IpAddr::V4(address) => self.ipv4.insert((vpc, address.to_bits()), port),
                IpAddr::V6(address) => self.ipv6.insert((vpc, address.to_bits()), port),
            };
            if let Some(before) = before.filter(|&before| before != port) {
                touched.stale.insert(before);
            }
        }
        let before = interface
            .ipv4_prefixes
            .iter()
            .filter_map(|prefix| self.ipv4_prefixes.insert((vpc, ipv4_prefix(prefix.network())), port));
        touched.stale.extend(before.filter(|&before| before != port));
        let before = interface
            .ipv6_prefixes
            .iter()
            .filter_map(|prefix| self.ipv6_prefixes.insert((vpc, ipv6_prefix(prefix.network())), port));
        touched.stale.extend(before.filter(|&before| before != port));
        self.neighbours.insert((subnet, interface.mac), port);
        for pair in &interface.public_ipv4 {
            let before = self.public_ipv4.insert(pair.public, port);
            touched.stale.extend(before.filter(|&before| before != port));
        }
        // Middleboxes send on what has its public addresses.
        if interface.role.passes_on() || !interface.public_ipv4.is_empty() {
            self.gateways.touch(interface.vpc, &mut touched.gateways);
        }
        let plugged = PluggedInterface {
            vpc,
            subnet,
            policy,
            port,
            ipv4: interface.ipv4,
            mac: interface.mac,
            source_dest_check: interface.source_dest_check,
            role: interface.role,
            tracking_limit: interface.tracking_limit.unwrap_or(TRACKED_CONNECTIONS_PER_INTERFACE),
            idle_timeouts: interface.idle_timeouts,
            interface: Arc::new(interface.clone()),
        };
        self.ports.set(port.index(), Some(plugged.clone()));
        self.interfaces.insert(interface.id, plugged);
        touched.stale.insert(port);
    }

    fn unplug(&mut self, plugged: &PluggedInterface, touched: &mut Touched) {
        let PluggedInterface { interface, vpc, subnet, policy, .. } = plugged;
        let port = interface.port;
        self.interfaces.remove(&interface.id);
        touched.stale.insert(port);
        self.ports.set(port.index(), None);
        for address in interface.addresses() {
            if self.port_of(*vpc, address) == Some(port) {
                match address {
                    IpAddr::V4(address) => self.ipv4.remove(&(*vpc, address.to_bits())),
                    IpAddr::V6(address) => self.ipv6.remove(&(*vpc, address.to_bits())),
                }
            }
        }
        for prefix in &interface.ipv4_prefixes {
            let key = (*vpc, ipv4_prefix(prefix.network()));
            if self.ipv4_prefixes.get(&key) == Some(&port) {
                self.ipv4_prefixes.remove(&key);
            }
        }
        for prefix in &interface.ipv6_prefixes {
            let key = (*vpc, ipv6_prefix(prefix.network()));
            if self.ipv6_prefixes.get(&key) == Some(&port) {
                self.ipv6_prefixes.remove(&key);
            }
        }
        for pair in &interface.public_ipv4 {
            if self.public_ipv4.get(&pair.public) == Some(&port) {
                self.public_ipv4.remove(&pair.public);
            }
        }
        if interface.role.passes_on() || !interface.public_ipv4.is_empty() {
            self.gateways.touch(interface.vpc, &mut touched.gateways);
        }
        let key = (*subnet, interface.mac);
        if self.neighbours.get(&key) == Some(&port) {
            self.neighbours.remove(&key);
        }
        self.ports_of_subnet.remove(&interface.subnet, &port);
        let groups = carried_groups(interface);
        for group in groups.iter() {
            self.ports_of_group.remove(group, &port);
        }
        if self.vpc_numbers.unmention(&interface.vpc).is_some() {
            touched.subnets.extend(self.subnets_of_vpc.values(&interface.vpc));
        }
        if self.subnet_numbers.unmention(&interface.subnet).is_some() {
            self.compiled_subnets.set(*subnet as usize, None);
        }
        if self.policy_numbers.unmention(&groups).is_some() {
            for group in groups.iter() {
                self.policies_of_group.remove(group, policy);
            }
            self.policies.set(*policy as usize, None);
            touched.policies.remove(policy);
        }
    }

    /// Compiles what was touched, leaves first.
    fn compile(&mut self, touched: &mut Touched) {
        for group in &touched.groups {
            for &number in self.policies_of_group.values(group) {
                if let Some(policy) = self.policies.get(number as usize) {
                    touched.policies.insert(number, policy.groups.clone());
                }
            }
            touched.stale.extend(self.ports_of_group.values(group));
        }
        for (&number, groups) in &touched.policies {
            let policy = Policy::new(groups.clone(), |id| self.security_groups.get(&id).map(Arc::as_ref));
            self.policies.set(number as usize, Some(Arc::new(policy)));
        }
        for id in &touched.tables {
            let table = self.route_tables.get(id);
            let compiled = table.and_then(|table| Some(Routes::new(table, self.vpcs.get(&table.vpc)?)));
            match compiled {
                Some(routes) => self.routes.insert(*id, Arc::new(routes)),
                None => self.routes.remove(id),
            };
            touched.subnets.extend(self.subnets_of_table.values(id));
            self.gateways.touch_gateway_table(*id, &mut touched.gateways);
        }
        for id in &touched.acls {
            match self.network_acls.get(id).map(|acl| Acl::new(acl)) {
                Some(acl) => self.acls.insert(*id, Arc::new(acl)),
                None => self.acls.remove(id),
            };
            touched.subnets.extend(self.subnets_of_acl.values(id));
        }
        for id in &touched.subnets {
            // A subnet without interfaces has no number and needs none.
            if let Some(number) = self.subnet_numbers.get(id) {
                let compiled = self.subnets.get(id).map(|subnet| Arc::new(self.compile_subnet(subnet)));
                self.compiled_subnets.set(number as usize, compiled);
                for &port in self.ports_of_subnet.values(id) {
                    touched.stale.insert(port);
                    // What passes a gateway in the subnet depends on the subnet, wherever it comes from and goes to.
                    let at = self.ports.get(port.index());
                    if let Some(at) = at.filter(|at| at.role.passes_on()) {
                        self.gateways.touch(at.interface.vpc, &mut touched.gateways);
                    }
                }
            }
        }
        touched.rules = !touched.stale.is_empty()
            || !touched.removed.is_empty()
            || touched.gateways != TouchedGateways::default();
        self.compile_paths(touched);
        self.gateways.compile(&mut touched.gateways, &self.vpcs);
        for vpc in &touched.gateways.at_the_internet {
            let subnets = self.subnets_of_vpc.values(vpc);
            touched.stale.extend(subnets.flat_map(|subnet| self.ports_of_subnet.values(subnet)));
        }
        if touched.gateways.hosts {
            touched.stale.extend([Port::INTERNET, Port::WORKSTATION, Port::SERVICES]);
        }
    }

    /// A way that takes a path between zones begins or ends in one of them, or passes a gateway there.
    fn compile_paths(&mut self, touched: &mut Touched) {
        self.paths.compile(&touched.paths);
        touched.gateways.hosts |= touched.paths.hosts;
        if touched.paths.zones.is_empty() {
            return;
        }
        for subnet in self.subnets.values().filter(|subnet| touched.paths.zones.contains(&subnet.zone)) {
            touched.stale.extend(self.ports_of_subnet.values(&subnet.id));
            self.gateways.touch(subnet.vpc, &mut touched.gateways);
        }
    }

    fn compile_subnet(&self, subnet: &Subnet) -> CompiledSubnet {
        let vpc = self.vpcs.get(&subnet.vpc).cloned();
        CompiledSubnet {
            resolver: vpc.as_ref().and_then(|vpc| vpc.resolver()),
            vpc,
            vpc_number: self.vpc_numbers.get(&subnet.vpc),
            router: router_of(subnet),
            router_mac: router_mac(subnet.id),
            routes: self.routes.get(&subnet.route_table).cloned(),
            acl: self.acls.get(&subnet.network_acl).cloned(),
            subnet: subnet.clone(),
        }
    }
}
