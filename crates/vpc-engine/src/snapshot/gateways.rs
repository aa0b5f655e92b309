//! Gateways, and which networks they join.
//!
//! Owns what was said about internet, egress-only, NAT and transit gateways, peerings, endpoints and the internet, the
//! routes of transit gateways compiled, and the domains. Refuses to know packets.
//!
//! A decision about a packet that passes a gateway depends on more than its two ports: on the subnet of a NAT gateway, on
//! the tables of a transit gateway. All that two VPCs can have to do with one another is one domain: those that are joined
//! by peerings and transit gateways. A cached decision carries its domain's number, and a change anywhere between the
//! VPCs makes the domain stale. Distinct domains may share a number, which costs a look at a few packets and no more.

use std::net::IpAddr;
use std::sync::Arc;

use aws_types::{
    EgressOnlyInternetGatewayId, InternetGatewayId, NatGatewayId, NetworkInterfaceId, RouteTableId,
    TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId, VpcEndpointId, VpcId,
    VpcPeeringConnectionId, VpnGatewayId,
};
use ipnet::IpNet;
use rustc_hash::FxHashMap;
use vpc_model::{
    AttachedNetwork, AttachedVpc, EgressOnlyInternetGateway, InternetGateway, InternetHost, InternetPlace,
    ManagedService, NatGateway, ServiceAddresses, TransitGateway, TransitGatewayAttachment,
    TransitGatewayPeering, TransitGatewayRouteTable, Vpc, VpcEndpoint, VpcPeeringConnection, VpnGateway,
};

use super::index::{Index, Map};
use crate::compile::{Blocks, TransitRoutes};
use crate::reach::Span;

/// The number of a domain; see the head of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(u16);

impl Domain {
    /// How many numbers there are: from 0 to one less than this.
    pub const LIMIT: u32 = 4096;

    /// The number.
    pub const fn number(self) -> u32 {
        self.0 as u32
    }

    /// The domain of the VPCs that are joined with this one, and of none with a lower id.
    fn of(root: VpcId) -> Self {
        let hash = fnv(&root.to_string());
        Self((hash % u64::from(Self::LIMIT)) as u16)
    }
}

/// FNV-1a: ids are random, so any mixing of all of their digits will do.
pub(super) fn fnv(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What was said about gateways, and what follows from it.
#[derive(Clone, Default)]
pub(crate) struct Gateways {
    internet: Map<InternetGatewayId, Arc<InternetGateway>>,
    internet_of_vpc: Map<VpcId, InternetGatewayId>,
    internet_of_table: Index<RouteTableId, InternetGatewayId>,
    egress_only: Map<EgressOnlyInternetGatewayId, Arc<EgressOnlyInternetGateway>>,
    nat: Map<NatGatewayId, Arc<NatGateway>>,
    nat_of_interface: Map<NetworkInterfaceId, NatGatewayId>,
    vpn: Map<VpnGatewayId, Arc<VpnGateway>>,
    peerings: Map<VpcPeeringConnectionId, Arc<VpcPeeringConnection>>,
    transit: Map<TransitGatewayId, Arc<TransitGateway>>,
    attachments: Map<TransitGatewayAttachmentId, Arc<TransitGatewayAttachment>>,
    attachments_of_gateway: Index<TransitGatewayId, TransitGatewayAttachmentId>,
    attachments_of_vpc: Index<VpcId, TransitGatewayAttachmentId>,
    transit_peerings: Map<TransitGatewayAttachmentId, Arc<TransitGatewayPeering>>,
    transit_tables: Map<TransitGatewayRouteTableId, Arc<TransitGatewayRouteTable>>,
    transit_routes: Map<TransitGatewayRouteTableId, Arc<TransitRoutes>>,
    /// The tables to which an attachment propagates.
    tables_of_attachment: Index<TransitGatewayAttachmentId, TransitGatewayRouteTableId>,
    endpoints: Map<VpcEndpointId, Arc<VpcEndpoint>>,
    services: Map<IpNet, ManagedService>,
    service_blocks: Arc<Blocks<ManagedService>>,
    public: Map<IpNet, ()>,
    public_blocks: Arc<Blocks<()>>,
    hosts: Map<IpAddr, InternetPlace>,
    /// Whether a host is supposed at every public address that nobody has.
    supposes_hosts: bool,
    /// The lowest VPC that each one is joined with, of those that are joined with any.
    roots: Map<VpcId, VpcId>,
}

/// What a change of gateways touches.
#[derive(Default, PartialEq, Eq)]
pub(super) struct TouchedGateways {
    /// The VPCs whose interfaces reach the internet by another way.
    pub(super) at_the_internet: Vec<VpcId>,
    /// The VPCs whose domains, as they were or will be, are stale.
    pub(super) vpcs: Vec<VpcId>,
    /// Domains that are stale, as they were.
    pub(super) domains: Vec<Domain>,
    /// Whether all that goes to a host of the internet or comes from one is.
    pub(super) hosts: bool,
    /// Tables of transit gateways that must be compiled.
    tables: Vec<TransitGatewayRouteTableId>,
    /// Whether other VPCs may be joined than before.
    joins: bool,
    services: bool,
    public: bool,
}

/// What an object of a map was and is.
type Replaced<V> = (Option<Arc<V>>, Option<Arc<V>>);

/// A set or removed object of a map; none when it is as it was.
fn replace<K: Clone + Eq + std::hash::Hash, V: Clone + Eq>(
    map: &mut Map<K, Arc<V>>,
    key: K,
    value: Option<&V>,
) -> Option<Replaced<V>> {
    if map.get(&key).map(Arc::as_ref) == value {
        return None;
    }
    let new = value.map(|value| Arc::new(value.clone()));
    let old = match &new {
        Some(new) => map.insert(key, Arc::clone(new)),
        None => map.remove(&key),
    };
    Some((old, new))
}

impl Gateways {
    pub(crate) fn internet(&self, id: InternetGatewayId) -> Option<&InternetGateway> {
        self.internet.get(&id).map(Arc::as_ref)
    }

    /// The internet gateway that is attached to a VPC.
    pub(crate) fn internet_of(&self, vpc: VpcId) -> Option<&InternetGateway> {
        self.internet(*self.internet_of_vpc.get(&vpc)?)
    }

    pub(crate) fn egress_only(&self, id: EgressOnlyInternetGatewayId) -> Option<&EgressOnlyInternetGateway> {
        self.egress_only.get(&id).map(Arc::as_ref)
    }

    pub(crate) fn nat(&self, id: NatGatewayId) -> Option<&NatGateway> {
        self.nat.get(&id).map(Arc::as_ref)
    }

    /// The NAT gateway that an interface is of.
    pub(crate) fn nat_of(&self, interface: NetworkInterfaceId) -> Option<&NatGateway> {
        self.nat(*self.nat_of_interface.get(&interface)?)
    }

    pub(crate) fn vpn(&self, id: VpnGatewayId) -> Option<&VpnGateway> {
        self.vpn.get(&id).map(Arc::as_ref)
    }

    pub(crate) fn peering(&self, id: VpcPeeringConnectionId) -> Option<&VpcPeeringConnection> {
        self.peerings.get(&id).map(Arc::as_ref)
    }

    pub(crate) fn transit(&self, id: TransitGatewayId) -> Option<&TransitGateway> {
        self.transit.get(&id).map(Arc::as_ref)
    }

    pub(crate) fn attachment(&self, id: TransitGatewayAttachmentId) -> Option<&TransitGatewayAttachment> {
        self.attachments.get(&id).map(Arc::as_ref)
    }

    pub(crate) fn transit_peering(&self, id: TransitGatewayAttachmentId) -> Option<&TransitGatewayPeering> {
        self.transit_peerings.get(&id).map(Arc::as_ref)
    }

    pub(crate) fn transit_routes(&self, id: TransitGatewayRouteTableId) -> Option<&TransitRoutes> {
        self.transit_routes.get(&id).map(Arc::as_ref)
    }

    /// The attachment by which a VPC reaches a transit gateway.
    pub(crate) fn attachment_of(
        &self,
        vpc: VpcId,
        gateway: TransitGatewayId,
    ) -> Option<(&TransitGatewayAttachment, &AttachedVpc)> {
        let mut attachments = self.attachments_of_vpc.values(&vpc).filter_map(|id| self.attachment(*id));
        let attachment = attachments.find(|attachment| attachment.gateway == gateway)?;
        Some((attachment, attached_vpc(attachment)?))
    }

    pub(crate) fn endpoint(&self, id: VpcEndpointId) -> Option<&VpcEndpoint> {
        self.endpoints.get(&id).map(Arc::as_ref)
    }

    /// The service of AWS that has a public address.
    pub(crate) fn service(&self, address: IpAddr) -> Option<ManagedService> {
        self.service_blocks.find(address)
    }

    /// The addresses around one that belong to the same service of AWS, or to none as it does.
    pub(crate) fn service_around(&self, address: IpAddr) -> Span {
        self.service_blocks.around(address)
    }

    /// Whether an address is one of the cloud's public ones, whoever has it.
    pub(crate) fn is_public(&self, address: IpAddr) -> bool {
        self.public_blocks.find(address).is_some()
    }

    /// The addresses around one that are the cloud's public ones, or not, as it is.
    pub(crate) fn public_around(&self, address: IpAddr) -> Span {
        self.public_blocks.around(address)
    }

    /// The addresses of the hosts of the internet, in no order.
    pub(crate) fn host_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.hosts.keys().copied()
    }

    /// Whether a host is supposed at every public address that nobody has.
    pub(crate) fn supposes_hosts(&self) -> bool {
        self.supposes_hosts
    }

    pub(super) fn suppose_hosts(&mut self) {
        self.supposes_hosts = true;
    }

    /// Where a host of the internet is.
    pub(crate) fn host(&self, address: IpAddr) -> Option<InternetPlace> {
        self.hosts.get(&address).copied()
    }

    /// Every peering of transit gateways, in no order.
    pub(crate) fn transit_peerings(&self) -> impl Iterator<Item = &TransitGatewayPeering> {
        self.transit_peerings.values().map(Arc::as_ref)
    }

    /// Every peering connection, in no order.
    pub(crate) fn peerings(&self) -> impl Iterator<Item = &VpcPeeringConnection> {
        self.peerings.values().map(Arc::as_ref)
    }

    /// Every attachment of a transit gateway, in no order.
    pub(crate) fn attachments(&self) -> impl Iterator<Item = &TransitGatewayAttachment> {
        self.attachments.values().map(Arc::as_ref)
    }

    /// Every NAT gateway, in no order.
    pub(crate) fn nat_gateways(&self) -> impl Iterator<Item = &NatGateway> {
        self.nat.values().map(Arc::as_ref)
    }

    /// A route table of a transit gateway, as it was said.
    pub(crate) fn transit_table(&self, id: TransitGatewayRouteTableId) -> Option<&TransitGatewayRouteTable> {
        self.transit_tables.get(&id).map(Arc::as_ref)
    }

    /// The route tables of a transit gateway, in no order.
    pub(crate) fn transit_tables_of(
        &self,
        gateway: TransitGatewayId,
    ) -> impl Iterator<Item = TransitGatewayRouteTableId> {
        self.transit_tables.values().filter(move |table| table.gateway == gateway).map(|table| table.id)
    }

    /// The blocks of the cloud's public IPv4 addresses, in no order.
    pub(crate) fn public_ipv4_blocks(&self) -> impl Iterator<Item = ipnet::Ipv4Net> {
        self.public.keys().filter_map(|block| match block {
            IpNet::V4(block) => Some(*block),
            IpNet::V6(_) => None,
        })
    }

    /// The domain of a VPC.
    pub(crate) fn domain(&self, vpc: VpcId) -> Domain {
        Domain::of(self.roots.get(&vpc).copied().unwrap_or(vpc))
    }

    pub(super) fn touch(&self, vpc: VpcId, touched: &mut TouchedGateways) {
        touched.domains.push(self.domain(vpc));
        touched.vpcs.push(vpc);
    }

    /// Every VPC that is attached to a gateway is in one domain.
    fn touch_transit(&self, gateway: TransitGatewayId, touched: &mut TouchedGateways) {
        let mut attachments = self.attachments_of_gateway.values(&gateway);
        let vpc = attachments.find_map(|id| Some(attached_vpc(self.attachment(*id)?)?.vpc));
        if let Some(vpc) = vpc {
            self.touch(vpc, touched);
        }
    }

    pub(super) fn set_internet(
        &mut self,
        id: InternetGatewayId,
        gateway: Option<&InternetGateway>,
        touched: &mut TouchedGateways,
    ) {
        let Some((old, new)) = replace(&mut self.internet, id, gateway) else { return };
        if let Some(old) = &old {
            if self.internet_of_vpc.get(&old.vpc) == Some(&id) {
                self.internet_of_vpc.remove(&old.vpc);
            }
            if let Some(table) = old.route_table {
                self.internet_of_table.remove(&table, &id);
            }
        }
        if let Some(new) = &new {
            self.internet_of_vpc.insert(new.vpc, id);
            if let Some(table) = new.route_table {
                self.internet_of_table.insert(table, id);
            }
        }
        for gateway in old.iter().chain(&new) {
            touched.at_the_internet.push(gateway.vpc);
            // By way of NAT gateways.
            self.touch(gateway.vpc, touched);
        }
    }

    /// Whether what comes in by an internet gateway is routed by that table: then its VPC is touched.
    pub(super) fn touch_gateway_table(&self, table: RouteTableId, touched: &mut TouchedGateways) {
        let gateways = self.internet_of_table.values(&table).filter_map(|id| self.internet(*id));
        for gateway in gateways {
            touched.at_the_internet.push(gateway.vpc);
            self.touch(gateway.vpc, touched);
        }
    }

    pub(super) fn set_egress_only(
        &mut self,
        id: EgressOnlyInternetGatewayId,
        gateway: Option<&EgressOnlyInternetGateway>,
        touched: &mut TouchedGateways,
    ) {
        let Some((old, new)) = replace(&mut self.egress_only, id, gateway) else { return };
        for gateway in old.iter().chain(&new) {
            self.touch(gateway.vpc, touched);
            // What came in by the internet gateway meanwhile knows no domain.
            touched.at_the_internet.push(gateway.vpc);
        }
    }

    pub(super) fn set_nat(
        &mut self,
        id: NatGatewayId,
        gateway: Option<&NatGateway>,
        touched: &mut TouchedGateways,
    ) -> Option<NetworkInterfaceId> {
        let (old, new) = replace(&mut self.nat, id, gateway)?;
        if let Some(old) = &old {
            self.nat_of_interface.remove(&old.interface);
        }
        if let Some(new) = &new {
            self.nat_of_interface.insert(new.interface, id);
        }
        old.iter().chain(&new).for_each(|gateway| self.touch(gateway.vpc, touched));
        let is_at =
            |interface: &NetworkInterfaceId| new.as_ref().is_some_and(|new| new.interface == *interface);
        old.map(|old| old.interface).filter(|interface| !is_at(interface))
    }

    pub(super) fn set_vpn(&mut self, id: VpnGatewayId, gateway: Option<&VpnGateway>) {
        // Nothing passes it, so nothing that is cached depends on it.
        replace(&mut self.vpn, id, gateway);
    }

    pub(super) fn set_peering(
        &mut self,
        id: VpcPeeringConnectionId,
        peering: Option<&VpcPeeringConnection>,
        touched: &mut TouchedGateways,
    ) {
        let Some((old, new)) = replace(&mut self.peerings, id, peering) else { return };
        for peering in old.iter().chain(&new) {
            self.touch(peering.requester, touched);
            self.touch(peering.accepter, touched);
        }
        touched.joins = true;
    }

    pub(super) fn set_transit(
        &mut self,
        id: TransitGatewayId,
        gateway: Option<&TransitGateway>,
        touched: &mut TouchedGateways,
    ) {
        if replace(&mut self.transit, id, gateway).is_some() {
            self.touch_transit(id, touched);
        }
    }

    pub(super) fn set_attachment(
        &mut self,
        id: TransitGatewayAttachmentId,
        attachment: Option<&TransitGatewayAttachment>,
        touched: &mut TouchedGateways,
    ) {
        let Some((old, new)) = replace(&mut self.attachments, id, attachment) else { return };
        if let Some(old) = &old {
            self.attachments_of_gateway.remove(&old.gateway, &id);
            if let Some(attached) = attached_vpc(old) {
                self.attachments_of_vpc.remove(&attached.vpc, &id);
            }
        }
        if let Some(new) = &new {
            self.attachments_of_gateway.insert(new.gateway, id);
            if let Some(attached) = attached_vpc(new) {
                self.attachments_of_vpc.insert(attached.vpc, id);
            }
        }
        for attachment in old.iter().chain(&new) {
            self.touch_transit(attachment.gateway, touched);
            if let Some(attached) = attached_vpc(attachment) {
                self.touch(attached.vpc, touched);
            }
        }
        touched.tables.extend(self.tables_of_attachment.values(&id));
        touched.joins = true;
    }

    pub(super) fn set_transit_peering(
        &mut self,
        id: TransitGatewayAttachmentId,
        peering: Option<&TransitGatewayPeering>,
        touched: &mut TouchedGateways,
    ) {
        let Some((old, new)) = replace(&mut self.transit_peerings, id, peering) else { return };
        for side in old.iter().chain(&new).flat_map(|peering| &peering.sides) {
            self.touch_transit(side.gateway, touched);
        }
        touched.joins = true;
    }

    pub(super) fn set_transit_table(
        &mut self,
        id: TransitGatewayRouteTableId,
        table: Option<&TransitGatewayRouteTable>,
        touched: &mut TouchedGateways,
    ) {
        let Some((old, new)) = replace(&mut self.transit_tables, id, table) else { return };
        for attachment in old.iter().flat_map(|table| &table.propagations) {
            self.tables_of_attachment.remove(attachment, &id);
        }
        for attachment in new.iter().flat_map(|table| &table.propagations) {
            self.tables_of_attachment.insert(*attachment, id);
        }
        for table in old.iter().chain(&new) {
            self.touch_transit(table.gateway, touched);
        }
        touched.tables.push(id);
    }

    pub(super) fn set_endpoint(
        &mut self,
        id: VpcEndpointId,
        endpoint: Option<&VpcEndpoint>,
        touched: &mut TouchedGateways,
    ) {
        let Some((old, new)) = replace(&mut self.endpoints, id, endpoint) else { return };
        old.iter().chain(&new).for_each(|endpoint| self.touch(endpoint.vpc, touched));
    }

    pub(super) fn set_service(
        &mut self,
        id: IpNet,
        addresses: Option<&ServiceAddresses>,
        touched: &mut TouchedGateways,
    ) {
        let service = addresses.map(|addresses| addresses.service);
        if self.services.get(&id).copied() == service {
            return;
        }
        match service {
            Some(service) => self.services.insert(id, service),
            None => self.services.remove(&id),
        };
        touched.services = true;
        touched.hosts = true;
    }

    /// It only says why a packet does not arrive, so nothing that is cached depends on it.
    pub(super) fn set_public(&mut self, id: IpNet, is_there: bool, touched: &mut TouchedGateways) {
        match is_there {
            true => self.public.insert(id, ()),
            false => self.public.remove(&id),
        };
        touched.public = true;
    }

    pub(super) fn set_host(
        &mut self,
        id: IpAddr,
        host: Option<&InternetHost>,
        touched: &mut TouchedGateways,
    ) {
        let place = host.map(|host| host.place);
        if self.hosts.get(&id).copied() == place {
            return;
        }
        match place {
            Some(place) => self.hosts.insert(id, place),
            None => self.hosts.remove(&id),
        };
        touched.hosts = true;
    }

    /// A VPC has other blocks, or is gone.
    pub(super) fn touch_blocks(&self, vpc: VpcId, touched: &mut TouchedGateways) {
        self.touch(vpc, touched);
        for id in self.attachments_of_vpc.values(&vpc) {
            touched.tables.extend(self.tables_of_attachment.values(id));
        }
    }

    /// Compiles what was touched.
    pub(super) fn compile(&mut self, touched: &mut TouchedGateways, vpcs: &Map<VpcId, Arc<Vpc>>) {
        if touched.services {
            let blocks = self.services.iter().map(|(&block, &service)| (block, service));
            self.service_blocks = Arc::new(Blocks::new(blocks));
        }
        if touched.public {
            self.public_blocks = Arc::new(Blocks::new(self.public.keys().map(|&block| (block, ()))));
        }
        touched.tables.sort_unstable();
        touched.tables.dedup();
        for id in std::mem::take(&mut touched.tables) {
            let compiled = self.transit_tables.get(&id).map(|table| {
                let blocks_of = |attachment: TransitGatewayAttachmentId| {
                    let attached = self.attachment(attachment).filter(|held| held.gateway == table.gateway);
                    attached.and_then(attached_vpc).and_then(|attached| vpcs.get(&attached.vpc))
                };
                Arc::new(TransitRoutes::new(table, |id| blocks_of(id).map(Arc::as_ref)))
            });
            match compiled {
                Some(compiled) => self.transit_routes.insert(id, compiled),
                None => self.transit_routes.remove(&id),
            };
            if let Some(table) = self.transit_tables.get(&id) {
                self.touch_transit(table.gateway, touched);
            }
        }
        if touched.joins {
            self.join();
        }
        touched.domains.extend(touched.vpcs.iter().map(|&vpc| self.domain(vpc)));
    }

    /// Finds out anew which VPCs are joined.
    fn join(&mut self) {
        let mut union = Union::default();
        for peering in self.peerings.values() {
            union.join(Node::Vpc(peering.requester), Node::Vpc(peering.accepter));
        }
        for attachment in self.attachments.values() {
            if let Some(attached) = attached_vpc(attachment) {
                union.join(Node::Vpc(attached.vpc), Node::Gateway(attachment.gateway));
            }
        }
        for peering in self.transit_peerings.values() {
            let [one, other] = peering.sides.map(|side| Node::Gateway(side.gateway));
            union.join(one, other);
        }
        self.roots = union.roots();
    }
}

/// The VPC of an attachment.
fn attached_vpc(attachment: &TransitGatewayAttachment) -> Option<&AttachedVpc> {
    match &attachment.target {
        AttachedNetwork::Vpc(attached) => Some(attached),
        AttachedNetwork::Vpn | AttachedNetwork::Connect => None,
    }
}

/// What can be joined. VPCs come first, so that the lowest of joined ones is a VPC if any is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Node {
    Vpc(VpcId),
    Gateway(TransitGatewayId),
}

/// Disjoint sets, each named after its lowest member.
#[derive(Default)]
struct Union(FxHashMap<Node, Node>);

impl Union {
    fn root(&mut self, node: Node) -> Node {
        let mut root = node;
        while let Some(&parent) = self.0.get(&root).filter(|&&parent| parent != root) {
            root = parent;
        }
        // What was on the way finds it at once from now on.
        let mut at = node;
        while at != root {
            at = self.0.insert(at, root).unwrap_or(root);
        }
        root
    }

    fn join(&mut self, one: Node, other: Node) {
        let (one_root, other_root) = (self.root(one), self.root(other));
        let root = one_root.min(other_root);
        for node in [one, other, one_root, other_root] {
            self.0.insert(node, root);
        }
    }

    fn roots(mut self) -> Map<VpcId, VpcId> {
        let nodes: Vec<Node> = self.0.keys().copied().collect();
        let mut roots = Map::default();
        for node in nodes {
            if let (Node::Vpc(vpc), Node::Vpc(root)) = (node, self.root(node)) {
                roots.insert(vpc, root);
            }
        }
        roots
    }
}

#[cfg(test)]
mod tests {
    use aws_types::ResourceId;

    use super::*;

    #[test]
    fn what_is_joined_has_one_domain() {
        let vpc = VpcId::from_bits;
        let mut gateways = Gateways::default();
        let mut touched = TouchedGateways::default();
        let peering = |id, requester, accepter| VpcPeeringConnection {
            id: VpcPeeringConnectionId::from_bits(id),
            requester: vpc(requester),
            accepter: vpc(accepter),
            is_inter_region: false,
        };
        for (id, one, other) in [(1, 1, 2), (2, 4, 3), (3, 3, 2)] {
            let peering = peering(id, one, other);
            gateways.set_peering(peering.id, Some(&peering), &mut touched);
        }
        gateways.compile(&mut touched, &Map::default());
        assert!((1..=4).all(|number| gateways.domain(vpc(number)) == Domain::of(vpc(1))));
        assert_eq!(gateways.domain(vpc(5)), Domain::of(vpc(5)));

        let mut touched = TouchedGateways::default();
        gateways.set_peering(VpcPeeringConnectionId::from_bits(3), None, &mut touched);
        gateways.compile(&mut touched, &Map::default());
        assert_eq!(gateways.domain(vpc(4)), Domain::of(vpc(3)));
        for stale in [Domain::of(vpc(1)), Domain::of(vpc(3))] {
            assert!(touched.domains.contains(&stale), "as they were and as they are");
        }
    }
}
