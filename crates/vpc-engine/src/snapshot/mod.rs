//! The network's intent, compiled: what a decision is made from.
//!
//! Owns the persistent maps of objects, their compiled forms, and the indexes that keep a change small. Refuses to know
//! packets and connections.
//!
//! A snapshot never changes. [`Snapshot::apply`] makes another one that shares everything that did not change, so
//! whoever decides packets keeps using the one it has until it takes the next.

mod apply;
mod chunked;
mod gateways;
mod index;
mod paths;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use aws_types::{
    DhcpOptionsId, MacAddress, NetworkAclId, NetworkInterfaceId, ResourceId, RouteTableId, SecurityGroupId,
    SubnetId, VpcId,
};
use ipnet::IpNet;
use vpc_model::{
    DhcpOptions, IdleTimeouts, Interface, InterfaceRole, NetworkAcl, Path, PathId, Port, RouteTable,
    SecurityGroup, Subnet, Vpc, subnet,
};

use crate::compile::{Acl, Policy, Routes};
use chunked::{ChunkedMap, Slots};
use gateways::fnv;
use index::{Index, Map, Numbers};

pub use gateways::Domain;
pub(crate) use gateways::Gateways;
use paths::Paths;

/// The lengths of a VPC's IPv6 blocks.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html#vpc-sizing-ipv6>
const IPV6_BLOCK_LENGTHS: [u8; 5] = [60, 56, 52, 48, 44];

/// An immutable, compiled view of the network's intent; cheap to clone, to share and to change.
#[derive(Clone, Default)]
pub struct Snapshot(Arc<Network>);

/// What [`Snapshot::apply`] answers.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The network after the changes.
    pub snapshot: Snapshot,
    /// The ports whose cached decisions may have changed.
    pub stale: StalePorts,
    /// The domains whose cached decisions may have changed, ascending: of a decision that has one.
    pub stale_domains: Vec<Domain>,
    /// The ports that no longer have the interface that they had, or have it in another subnet or without its NAT
    /// gateway, ascending.
    /// [`crate::Flows::forget_port`] is due for each of them.
    pub removed: Vec<Port>,
    /// The paths whose conditions changed.
    pub changed_paths: Vec<PathId>,
    /// Whether anything is stale or removed for another reason than that. Otherwise whatever was let pass before would be let
    /// pass now, if by other paths.
    pub has_new_rules: bool,
}

/// Ports whose cached decisions may have changed, ascending. A cached decision depends on its ingress port and its
/// egress port, and on nothing else but its domain, if it has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StalePorts(Vec<Port>);

/// An interface with what its decisions need, close together in memory: in one line of the processor's cache.
#[derive(Clone)]
#[repr(align(64))]
pub(crate) struct PluggedInterface {
    pub(crate) vpc: u32,
    pub(crate) subnet: u32,
    pub(crate) policy: u32,
    pub(crate) port: Port,
    pub(crate) ipv4: Ipv4Addr,
    pub(crate) mac: MacAddress,
    pub(crate) source_dest_check: bool,
    pub(crate) role: InterfaceRole,
    pub(crate) tracking_limit: u32,
    pub(crate) idle_timeouts: IdleTimeouts,
    /// All of it, for reasons and the rarer questions.
    pub(crate) interface: Arc<Interface>,
}

/// A subnet with what its decisions need.
pub(crate) struct CompiledSubnet {
    pub(crate) subnet: Subnet,
    pub(crate) vpc: Option<Arc<Vpc>>,
    /// The number of its VPC; none while no interface is in that.
    pub(crate) vpc_number: Option<u32>,
    pub(crate) resolver: Option<Ipv4Addr>,
    pub(crate) router: Ipv4Addr,
    pub(crate) router_mac: MacAddress,
    pub(crate) routes: Option<Arc<Routes>>,
    pub(crate) acl: Option<Arc<Acl>>,
}

const _: () = assert!(size_of::<Option<PluggedInterface>>() == 64);

#[derive(Clone, Default)]
pub(crate) struct Network {
    // What was said.
    vpcs: Map<VpcId, Arc<Vpc>>,
    subnets: Map<SubnetId, Arc<Subnet>>,
    route_tables: Map<RouteTableId, Arc<RouteTable>>,
    network_acls: Map<NetworkAclId, Arc<NetworkAcl>>,
    security_groups: Map<SecurityGroupId, Arc<SecurityGroup>>,
    dhcp_options: Map<DhcpOptionsId, Arc<DhcpOptions>>,
    interfaces: Map<NetworkInterfaceId, PluggedInterface>,
    pub(crate) gateways: Gateways,
    pub(crate) paths: Paths,

    // What follows from it, as packets need it.
    ports: Slots<PluggedInterface>,
    ipv4: ChunkedMap<(u32, u32), Port>,
    ipv6: ChunkedMap<(u32, u128), Port>,
    // By what the addresses of a prefix have in common: all prefixes of a family have one length.
    ipv4_prefixes: Map<(u32, u32), Port>,
    ipv6_prefixes: Map<(u32, u128), Port>,
    neighbours: Map<(u32, MacAddress), Port>,
    /// The interface of each public address.
    public_ipv4: Map<Ipv4Addr, Port>,
    /// The VPC of an IPv6 block, by its length and what its addresses have in common. Should two have the same block, it is
    /// the one with the lower id.
    ipv6_blocks: Index<(u8, u128), VpcId>,
    compiled_subnets: Slots<Arc<CompiledSubnet>>,
    policies: Slots<Arc<Policy>>,
    routes: Map<RouteTableId, Arc<Routes>>,
    acls: Map<NetworkAclId, Arc<Acl>>,

    // What keeps a change small.
    vpc_numbers: Numbers<VpcId>,
    subnet_numbers: Numbers<SubnetId>,
    policy_numbers: Numbers<Arc<[SecurityGroupId]>>,
    policies_of_group: Index<SecurityGroupId, u32>,
    ports_of_group: Index<SecurityGroupId, Port>,
    ports_of_subnet: Index<SubnetId, Port>,
    subnets_of_vpc: Index<VpcId, SubnetId>,
    subnets_of_table: Index<RouteTableId, SubnetId>,
    subnets_of_acl: Index<NetworkAclId, SubnetId>,
    tables_of_vpc: Index<VpcId, RouteTableId>,
}

impl StalePorts {
    /// The ports, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Port> + '_ {
        self.0.iter().copied()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a port is among them.
    pub fn contains(&self, port: Port) -> bool {
        self.0.binary_search(&port).is_ok()
    }
}

impl Snapshot {
    /// A network with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same network, with a host of the internet at every public address that nobody has: to ask about the internet as a
    /// whole.
    #[must_use]
    pub fn supposing_hosts(&self) -> Self {
        let mut supposed = self.clone();
        Arc::make_mut(&mut supposed.0).gateways.suppose_hosts();
        supposed
    }

    /// The interface at a port.
    pub fn interface(&self, port: Port) -> Option<&Interface> {
        self.0.at(port).map(|plugged| &*plugged.interface)
    }

    /// The interface with an id.
    pub fn interface_by_id(&self, id: NetworkInterfaceId) -> Option<&Interface> {
        self.0.interfaces.get(&id).map(|plugged| &*plugged.interface)
    }

    /// The port of the interface that has an address in a VPC.
    pub fn port_of_address(&self, vpc: VpcId, address: IpAddr) -> Option<Port> {
        let number = self.0.vpc_numbers.get(&vpc)?;
        self.0.port_of(number, address)
    }

    /// Every interface, in no order.
    pub fn interfaces(&self) -> impl Iterator<Item = &Interface> {
        self.0.interfaces.values().map(|plugged| &*plugged.interface)
    }

    /// The VPC with an id.
    pub fn vpc(&self, id: VpcId) -> Option<&Vpc> {
        self.0.vpcs.get(&id).map(Arc::as_ref)
    }

    /// The subnet with an id.
    pub fn subnet(&self, id: SubnetId) -> Option<&Subnet> {
        self.0.subnets.get(&id).map(Arc::as_ref)
    }

    /// The DHCP option set with an id.
    pub fn dhcp_options(&self, id: DhcpOptionsId) -> Option<&DhcpOptions> {
        self.0.dhcp_options.get(&id).map(Arc::as_ref)
    }

    /// Every path that has a condition, in no order.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.paths.iter()
    }

    pub(crate) fn network(&self) -> &Network {
        &self.0
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("vpcs", &self.0.vpcs.len())
            .field("subnets", &self.0.subnets.len())
            .field("interfaces", &self.0.interfaces.len())
            .finish_non_exhaustive()
    }
}

/// What the addresses of a prefix have in common.
pub(crate) fn ipv4_prefix(address: Ipv4Addr) -> u32 {
    address.to_bits() >> (32 - Interface::IPV4_PREFIX_LENGTH)
}

/// What the addresses of an IPv6 prefix have in common.
pub(crate) fn ipv6_prefix(address: Ipv6Addr) -> u128 {
    address.to_bits() >> (128 - Interface::IPV6_PREFIX_LENGTH)
}

/// What the addresses of an IPv6 block of that length have in common, with the length.
pub(crate) fn ipv6_block(length: u8, address: Ipv6Addr) -> (u8, u128) {
    (length, address.to_bits().checked_shr(128 - u32::from(length)).unwrap_or_default())
}

impl Network {
    /// The interface at a port.
    pub(crate) fn at(&self, port: Port) -> Option<&PluggedInterface> {
        self.ports.get(port.index())
    }

    /// The port of the interface that has an address in a VPC, as one of its own or within a prefix.
    pub(crate) fn port_of(&self, vpc: u32, address: IpAddr) -> Option<Port> {
        match address {
            IpAddr::V4(address) => {
                let single = self.ipv4.get(&(vpc, address.to_bits()));
                single.or_else(|| self.ipv4_prefixes.get(&(vpc, ipv4_prefix(address))).copied())
            }
            IpAddr::V6(address) => {
                let single = self.ipv6.get(&(vpc, address.to_bits()));
                single.or_else(|| self.ipv6_prefixes.get(&(vpc, ipv6_prefix(address))).copied())
            }
        }
    }

    /// The interface that has an address in a VPC.
    pub(crate) fn owner(&self, vpc: u32, address: IpAddr) -> Option<&PluggedInterface> {
        self.at(self.port_of(vpc, address)?)
    }

    /// The interface that a public address stands for, and which private address of it.
    pub(crate) fn public_ipv4(&self, public: Ipv4Addr) -> Option<(&PluggedInterface, Ipv4Addr)> {
        let plugged = self.at(*self.public_ipv4.get(&public)?)?;
        let pair = plugged.interface.public_ipv4.iter().find(|pair| pair.public == public)?;
        Some((plugged, pair.private))
    }

    /// The public address that stands for a private one of a VPC.
    pub(crate) fn public_of_private(&self, vpc: u32, private: Ipv4Addr) -> Option<Ipv4Addr> {
        let owner = self.owner(vpc, IpAddr::V4(private))?;
        owner.interface.public_ipv4.iter().find(|pair| pair.private == private).map(|pair| pair.public)
    }

    /// The public addresses that somebody has, and the IPv6 blocks of VPCs, in no order.
    pub(crate) fn public_owned(&self) -> impl Iterator<Item = ipnet::IpNet> {
        let ipv4 = self.public_ipv4.keys().map(|address| ipnet::IpNet::from(IpAddr::V4(*address)));
        let ipv6 = self.ipv6_blocks.keys().filter_map(|&(length, bits)| {
            let first = bits.checked_shl(128 - u32::from(length)).unwrap_or_default();
            ipnet::Ipv6Net::new(Ipv6Addr::from_bits(first), length).ok().map(ipnet::IpNet::V6)
        });
        ipv4.chain(ipv6)
    }

    /// The VPC that has an IPv6 address, and its number while an interface is in it.
    pub(crate) fn vpc_of_ipv6(&self, address: Ipv6Addr) -> Option<VpcId> {
        let mut found = IPV6_BLOCK_LENGTHS.into_iter().map(|length| ipv6_block(length, address));
        found.find_map(|block| self.ipv6_blocks.values(&block).next()).copied()
    }

    /// The number of a VPC while an interface is in it.
    pub(crate) fn number_of_vpc(&self, vpc: VpcId) -> Option<u32> {
        self.vpc_numbers.get(&vpc)
    }

    /// The VPC with an id.
    pub(crate) fn vpc(&self, id: VpcId) -> Option<&Vpc> {
        self.vpcs.get(&id).map(Arc::as_ref)
    }

    /// A security group, as it was said.
    pub(crate) fn group(&self, id: SecurityGroupId) -> Option<&SecurityGroup> {
        self.security_groups.get(&id).map(Arc::as_ref)
    }

    /// How many interfaces carry a group.
    pub(crate) fn carriers_of(&self, group: SecurityGroupId) -> usize {
        self.ports_of_group.count(&group)
    }

    /// A network ACL, as it was said.
    pub(crate) fn network_acl(&self, id: NetworkAclId) -> Option<&NetworkAcl> {
        self.network_acls.get(&id).map(Arc::as_ref)
    }

    /// A route table, as it was said.
    pub(crate) fn route_table(&self, id: RouteTableId) -> Option<&RouteTable> {
        self.route_tables.get(&id).map(Arc::as_ref)
    }

    /// A subnet, as it was said.
    pub(crate) fn subnet_object(&self, id: SubnetId) -> Option<&Subnet> {
        self.subnets.get(&id).map(Arc::as_ref)
    }

    /// A public address of the cloud that no interface has: the lowest.
    pub(crate) fn free_public_address(&self) -> Option<Ipv4Addr> {
        let mut blocks: Vec<ipnet::Ipv4Net> = self.gateways.public_ipv4_blocks().collect();
        blocks.sort_unstable();
        let mut addresses = blocks.iter().flat_map(ipnet::Ipv4Net::hosts);
        addresses.find(|address| !self.public_ipv4.contains_key(address))
    }

    /// A route table, compiled.
    pub(crate) fn routes(&self, id: RouteTableId) -> Option<&Routes> {
        self.routes.get(&id).map(Arc::as_ref)
    }

    /// The interface that has a MAC address in a subnet.
    pub(crate) fn neighbour(&self, subnet: u32, mac: MacAddress) -> Option<&PluggedInterface> {
        self.at(*self.neighbours.get(&(subnet, mac))?)
    }

    /// The interface that a route leads to.
    pub(crate) fn target(&self, id: NetworkInterfaceId) -> Option<&PluggedInterface> {
        self.interfaces.get(&id)
    }

    /// The subnet of an interface.
    pub(crate) fn subnet_of(&self, plugged: &PluggedInterface) -> Option<&CompiledSubnet> {
        self.compiled_subnets.get(plugged.subnet as usize).map(Arc::as_ref)
    }

    /// What the groups of an interface let pass.
    pub(crate) fn policy_of(&self, plugged: &PluggedInterface) -> Option<&Policy> {
        self.policies.get(plugged.policy as usize).map(Arc::as_ref)
    }

    /// The policy with that number.
    pub(crate) fn policy(&self, number: u32) -> Option<&Policy> {
        self.policies.get(number as usize).map(Arc::as_ref)
    }

    /// The groups that an interface carries, ascending: those of its policy, which many interfaces share and which is
    /// therefore more likely to be in the processor's cache than the interface's own list.
    pub(crate) fn groups_of(&self, plugged: &PluggedInterface) -> &[SecurityGroupId] {
        self.policy_of(plugged).map_or(&[], |policy| &policy.groups)
    }
}

impl CompiledSubnet {
    /// Its blocks.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = IpNet> + use<> {
        [IpNet::V4(self.subnet.cidr)].into_iter().chain(self.subnet.ipv6_cidr.map(IpNet::V6))
    }

    /// Whether an address is one of the subnet's.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.subnet.cidr.contains(&address),
            IpAddr::V6(address) => self.subnet.ipv6_cidr.is_some_and(|cidr| cidr.contains(&address)),
        }
    }
}

/// The MAC address of a subnet's router: the same for every interface of the subnet (fact A9), and made of the subnet's
/// id, so that it stays when a daemon restarts. Its first byte is none that an interface's address begins with.
pub fn router_mac(subnet: SubnetId) -> MacAddress {
    let text = subnet.to_string();
    let [.., a, b, c, d, e] = fnv(&text[SubnetId::PREFIX.len() + 1..]).to_be_bytes();
    MacAddress([0x0a, a, b, c, d, e])
}

/// The router of a subnet for IPv4.
fn router_of(subnet: &Subnet) -> Ipv4Addr {
    subnet::router(subnet.cidr)
}
