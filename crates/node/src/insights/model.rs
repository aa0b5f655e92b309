//! The network of one revision, and the addresses at which its decisions can change.
//!
//! Owns how all addresses fall into ranges between which rules, routes, blocks and services make no difference. Refuses to
//! know what is decided about any.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use aws_types::SecurityGroupId;

use ipnet::IpNet;
use vpc_engine::Snapshot as Network;
use vpc_engine::reach::{Span, Tracer, address, bits};
use vpc_model::{Delta, Direction, Interface, Object, Peer};

/// What is special about addresses whatever a network has.
const SPECIAL: [&str; 19] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "169.254.168.0/22",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "::/127",
    "::ffff:0:0/96",
    "64:ff9b::/96",
    "2000::/3",
    "fc00::/7",
    "fd00:ec2::/32",
    "fe80::/10",
    "ff00::/8",
];

/// A network, with what its addresses are told apart by.
pub(super) struct Model {
    pub(super) network: Network,
    /// The same with a host at every public address that nobody has, for what is about the internet as a whole.
    supposing: Network,
    seed: u64,
    blocks: Vec<IpNet>,
    /// What somebody has, of each family.
    owned: [BTreeSet<u128>; 2],
    /// The groups that rules of a group let packets go out to.
    egress_peers: HashMap<SecurityGroupId, Vec<SecurityGroupId>>,
    /// The addresses of who carries a group.
    members: HashMap<SecurityGroupId, Vec<IpAddr>>,
}

/// Addresses of which those that nobody has are decided about alike, and one of these: an atomic predicate of the network's
/// blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Atom {
    pub(super) span: Span,
    pub(super) address: IpAddr,
}

impl Model {
    /// Of everything that the engine is told, and the seed of its connections.
    pub(super) fn new(deltas: &[Delta], seed: u64) -> Self {
        let network = Network::new().apply(deltas).snapshot;
        let mut blocks: BTreeSet<IpNet> = SPECIAL.iter().filter_map(|block| block.parse().ok()).collect();
        for delta in deltas {
            if let Delta::Put(object) = delta {
                blocks.extend(blocks_of(object));
            }
        }
        let mut owned = [BTreeSet::new(), BTreeSet::new()];
        let mut members: HashMap<SecurityGroupId, Vec<IpAddr>> = HashMap::new();
        for interface in network.interfaces() {
            let public = interface.public_ipv4.iter().map(|pair| IpAddr::V4(pair.public));
            for address in interface.addresses().chain(public) {
                owned[usize::from(address.is_ipv6())].insert(bits(address));
            }
            for group in &interface.security_groups {
                members.entry(*group).or_default().extend(interface.addresses());
            }
        }
        let egress_peers = deltas.iter().filter_map(egress_peers).collect();
        let supposing = network.supposing_hosts();
        let blocks = blocks.into_iter().collect();
        Self { network, supposing, seed, blocks, owned, egress_peers, members }
    }

    /// Traces as the data plane decides.
    pub(super) fn tracer(&self) -> Tracer<'_> {
        Tracer::seeded(&self.network, self.seed)
    }

    /// The same with a host at every public address that nobody has.
    pub(super) fn supposing_tracer(&self) -> Tracer<'_> {
        Tracer::seeded(&self.supposing, self.seed)
    }

    /// All addresses of a family, told apart by these blocks too.
    pub(super) fn atoms(&self, is_ipv6: bool, more: &[IpNet]) -> Vec<Atom> {
        let greatest = every(is_ipv6).last;
        let of_family = self.blocks.iter().chain(more).filter(|block| block.addr().is_ipv6() == is_ipv6);
        let mut firsts = BTreeSet::from([0]);
        for block in of_family {
            let Span { first, last } = Span::of_block(*block);
            firsts.insert(first);
            firsts.extend(last.checked_add(1).filter(|next| *next <= greatest));
        }
        let firsts: Vec<u128> = firsts.into_iter().collect();
        let lasts = firsts[1..].iter().map(|next| next - 1).chain([greatest]);
        firsts
            .iter()
            .zip(lasts)
            .filter_map(|(&first, last)| self.atom(Span { first, last }, is_ipv6))
            .collect()
    }

    /// None where somebody has each of the addresses.
    pub(super) fn atom(&self, span: Span, is_ipv6: bool) -> Option<Atom> {
        let mut free = span.first;
        for owned in self.owned[usize::from(is_ipv6)].range(span.first..=span.last) {
            if *owned != free {
                break;
            }
            free = owned.checked_add(1)?;
        }
        (free <= span.last).then(|| Atom { span, address: address(free, is_ipv6) })
    }

    /// The addresses that rules let an interface send to because of the groups that are carried there.
    pub(super) fn peers_by_group(&self, interface: &Interface, is_ipv6: bool) -> Vec<IpAddr> {
        let groups =
            interface.security_groups.iter().filter_map(|group| self.egress_peers.get(group)).flatten();
        let addresses = groups.filter_map(|group| self.members.get(group)).flatten().copied();
        let addresses: BTreeSet<IpAddr> = addresses.filter(|address| address.is_ipv6() == is_ipv6).collect();
        addresses.into_iter().collect()
    }
}

/// The groups that rules of a group let packets go out to.
fn egress_peers(delta: &Delta) -> Option<(SecurityGroupId, Vec<SecurityGroupId>)> {
    let Delta::Put(Object::SecurityGroup(group)) = delta else { return None };
    let out = group.rules.iter().filter(|rule| rule.direction == Direction::Egress);
    let peers = out.filter_map(|rule| match rule.peer {
        Peer::Group(peer) => Some(peer),
        Peer::Cidr(_) => None,
    });
    Some((group.id, peers.collect()))
}

/// All addresses of a family.
pub(super) fn every(is_ipv6: bool) -> Span {
    Span { first: 0, last: if is_ipv6 { u128::MAX } else { u32::MAX.into() } }
}

/// One address.
pub(super) fn one(address: IpAddr) -> Span {
    Span { first: bits(address), last: bits(address) }
}

/// The blocks that an object tells addresses apart by.
fn blocks_of(object: &Object) -> Vec<IpNet> {
    match object {
        Object::Vpc(vpc) => {
            // With the resolver at the base.
            let bases = vpc.ipv4_cidrs.iter().map(|block| block.network().to_bits().wrapping_add(2));
            let resolvers = bases.map(|address| IpNet::from(IpAddr::V4(address.into())));
            vpc.blocks().chain(resolvers).collect()
        }
        Object::Subnet(subnet) => {
            let ipv6 = subnet.ipv6_cidr.map(IpNet::V6);
            let broadcast = IpNet::from(IpAddr::V4(subnet.cidr.broadcast()));
            // The first addresses are the subnet's own: itself, its router's, and a resolver's.
            let first = subnet.cidr.hosts().take(3).map(IpAddr::V4).chain([subnet.cidr.network().into()]);
            let own = [Some(IpNet::V4(subnet.cidr)), ipv6, Some(broadcast)];
            own.into_iter().flatten().chain(first.map(IpNet::from)).collect()
        }
        Object::RouteTable(table) => table.routes.iter().map(|route| route.destination).collect(),
        Object::NetworkAcl(acl) => acl.entries.iter().map(|entry| entry.cidr).collect(),
        Object::SecurityGroup(group) => {
            let of_rule = |peer: &Peer| match peer {
                Peer::Cidr(block) => Some(*block),
                Peer::Group(_) => None,
            };
            group.rules.iter().filter_map(|rule| of_rule(&rule.peer)).collect()
        }
        Object::TransitGatewayRouteTable(table) => {
            table.routes.iter().map(|route| route.destination).collect()
        }
        Object::ServiceAddresses(service) => vec![service.id],
        Object::PublicAddresses(range) => vec![range.id],
        Object::InternetHost(host) => vec![IpNet::from(host.id)],
        Object::Interface(interface) => {
            let ipv4 = interface.ipv4_prefixes.iter().map(|&block| IpNet::V4(block));
            ipv4.chain(interface.ipv6_prefixes.iter().map(|&block| IpNet::V6(block))).collect()
        }
        Object::DhcpOptions(_)
        | Object::InternetGateway(_)
        | Object::EgressOnlyInternetGateway(_)
        | Object::NatGateway(_)
        | Object::VpnGateway(_)
        | Object::VpcPeeringConnection(_)
        | Object::TransitGateway(_)
        | Object::TransitGatewayAttachment(_)
        | Object::TransitGatewayPeering(_)
        | Object::VpcEndpoint(_)
        | Object::Path(_) => Vec::new(),
    }
}
