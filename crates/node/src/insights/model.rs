//! The network of one revision, and the addresses at which its decisions can change.
//!
//! Owns how all addresses fall into ranges between which rules, routes, blocks and services make no difference. Refuses to
//! know what is decided about any.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;
use vpc_engine::Snapshot as Network;
use vpc_engine::reach::{Span, Tracer, address, bits};
use vpc_model::{Delta, Object, Peer};

/// What is special about addresses whatever a network has.
const SPECIAL: [&str; 18] = [
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
    "64:ff9b::/96",
    "2000::/3",
    "fc00::/7",
    "fd00:ec2::/32",
    "fe80::/10",
    "ff00::/8",
];

/// How many addresses of a range are looked at for one that nobody has.
const TRIES: u128 = 64;

/// A network, with what its addresses are told apart by.
pub(super) struct Model {
    pub(super) network: Network,
    seed: u64,
    blocks: Vec<IpNet>,
    owned: HashSet<IpAddr>,
}

/// Addresses between which only who has them makes a difference, and one of them for all that nobody has.
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
        let mut owned = HashSet::new();
        for interface in network.interfaces() {
            owned.extend(interface.addresses());
            owned.extend(interface.public_ipv4.iter().map(|pair| IpAddr::V4(pair.public)));
        }
        Self { network, seed, blocks: blocks.into_iter().collect(), owned }
    }

    /// Traces as the data plane decides.
    pub(super) fn tracer(&self) -> Tracer<'_> {
        Tracer::seeded(&self.network, self.seed)
    }

    /// All addresses of a family, told apart by these blocks too.
    pub(super) fn atoms(&self, is_ipv6: bool, more: &[IpNet]) -> Vec<Atom> {
        let greatest = if is_ipv6 { u128::MAX } else { u32::MAX.into() };
        let of_family = self.blocks.iter().chain(more).filter(|block| block.addr().is_ipv6() == is_ipv6);
        let mut firsts = BTreeSet::from([0]);
        for block in of_family {
            let Span { first, last } = Span::of_block(*block);
            firsts.insert(first);
            firsts.extend(last.checked_add(1).filter(|next| *next <= greatest));
        }
        let firsts: Vec<u128> = firsts.into_iter().collect();
        let lasts = firsts[1..].iter().map(|next| next - 1).chain([greatest]);
        firsts.iter().zip(lasts).map(|(&first, last)| self.atom(Span { first, last }, is_ipv6)).collect()
    }

    fn atom(&self, span: Span, is_ipv6: bool) -> Atom {
        let middle = span.first + (span.last - span.first) / 2;
        let candidates = (middle..=span.last).take(TRIES as usize).chain(span.first..middle);
        let mut candidates = candidates.take(2 * TRIES as usize).map(|value| address(value, is_ipv6));
        let free = candidates.find(|address| !self.owned.contains(address));
        Atom { span, address: free.unwrap_or_else(|| address(span.first, is_ipv6)) }
    }

    /// Every address that an interface has or is known by.
    pub(super) fn owned(&self, is_ipv6: bool) -> impl Iterator<Item = Span> + '_ {
        let of_family = self.owned.iter().filter(move |address| address.is_ipv6() == is_ipv6);
        of_family.map(|&address| one(address))
    }
}

/// One address.
pub(super) fn one(address: IpAddr) -> Span {
    Span { first: bits(address), last: bits(address) }
}

/// The blocks that an object tells addresses apart by.
fn blocks_of(object: &Object) -> Vec<IpNet> {
    match object {
        Object::Vpc(vpc) => vpc.blocks().collect(),
        Object::Subnet(subnet) => {
            let ipv6 = subnet.ipv6_cidr.map(IpNet::V6);
            let broadcast = IpNet::from(IpAddr::V4(subnet.cidr.broadcast()));
            // The first addresses are the subnet's own, its router's and the resolver's among them.
            let first = IpNet::new(subnet.cidr.network().into(), 30).ok();
            [Some(IpNet::V4(subnet.cidr)), ipv6, Some(broadcast), first].into_iter().flatten().collect()
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
