//! A compiled route table: the longest matching prefix (fact 1) as a binary search over disjoint ranges.

use std::net::IpAddr;

use aws_types::RouteTableId;
use ipnet::IpNet;
use vpc_model::{Route, RouteTable, RouteTarget, Vpc};

use super::axis::{Point, bounds, interval};
use crate::reach::Span;

/// A compiled route table.
#[derive(Debug)]
pub(crate) struct Routes {
    pub(crate) id: RouteTableId,
    routes: Blocks<Route>,
}

/// Blocks of addresses, each with a value: the longest that holds an address counts, and of two for the same addresses the
/// later. The families are apart: 0.0.0.0/0 does not cover IPv6 (fact 5).
#[derive(Debug)]
pub(crate) struct Blocks<T> {
    values: Box<[T]>,
    ipv4: Ranges<u32>,
    ipv6: Ranges<u128>,
}

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self { values: Box::default(), ipv4: Ranges::new(&[]), ipv6: Ranges::new(&[]) }
    }
}

impl<T: Copy> Blocks<T> {
    pub(crate) fn new(blocks: impl IntoIterator<Item = (IpNet, T)>) -> Self {
        let mut blocks: Vec<(IpNet, T)> = blocks.into_iter().collect();
        // The sort is stable: of two for the same addresses, the later is painted over the earlier.
        blocks.sort_by_key(|(block, _)| block.prefix_len());
        let (mut ipv4, mut ipv6) = (Vec::new(), Vec::new());
        for (index, (block, _)) in (0..).zip(&blocks) {
            match block {
                IpNet::V4(net) => ipv4.push((net.network().to_bits(), net.broadcast().to_bits(), index)),
                IpNet::V6(net) => ipv6.push((net.network().to_bits(), net.broadcast().to_bits(), index)),
            }
        }
        let values = blocks.into_iter().map(|(_, value)| value).collect();
        Self { values, ipv4: Ranges::new(&ipv4), ipv6: Ranges::new(&ipv6) }
    }

    /// The value of an address.
    pub(crate) fn find(&self, address: IpAddr) -> Option<T> {
        self.find_ref(address).copied()
    }
}

impl<T> Blocks<T> {
    /// The addresses around one that have the same value.
    pub(crate) fn around(&self, address: IpAddr) -> Span {
        match address {
            IpAddr::V4(address) => self.ipv4.around(address.to_bits(), u32::MAX),
            IpAddr::V6(address) => self.ipv6.around(address.to_bits(), u128::MAX),
        }
    }

    fn find_ref(&self, address: IpAddr) -> Option<&T> {
        let index = match address {
            IpAddr::V4(address) => self.ipv4.find(address.to_bits()),
            IpAddr::V6(address) => self.ipv6.find(address.to_bits()),
        };
        index.map(|index| &self.values[index as usize])
    }
}

/// Disjoint ranges and the route of each.
#[derive(Debug)]
struct Ranges<T> {
    starts: Box<[T]>,
    best: Box<[Option<u32>]>,
}

impl<T: Point> Ranges<T> {
    /// Paints the routes, shorter prefixes first, so that the longest is on top.
    fn new(spans: &[(T, T, u32)]) -> Self {
        let starts = bounds(spans.iter().map(|&(first, last, _)| (first, last)));
        let mut best = vec![None; starts.len()].into_boxed_slice();
        for &(first, last, route) in spans {
            best[interval(&starts, first)..=interval(&starts, last)].fill(Some(route));
        }
        Self { starts, best }
    }

    fn find(&self, point: T) -> Option<u32> {
        self.best[interval(&self.starts, point)]
    }

    fn around(&self, point: T, greatest: T) -> Span
    where
        T: Into<u128>,
    {
        let at = interval(&self.starts, point);
        let last = self.starts.get(at + 1).map_or(greatest, |&next| next.previous());
        Span { first: self.starts[at].into(), last: last.into() }
    }
}

impl Routes {
    /// Compiles a table of a VPC: its own routes, and a local one for each block that it has no route for (fact 6).
    pub(crate) fn new(table: &RouteTable, vpc: &Vpc) -> Self {
        let blocks = vpc.ipv4_cidrs.iter().map(|&cidr| IpNet::V4(cidr));
        let blocks = blocks.chain(vpc.ipv6_cidrs.iter().map(|&cidr| IpNet::V6(cidr)));
        let mut routes: Vec<Route> = blocks
            .map(|destination| Route::fixed(destination.trunc(), RouteTarget::Local))
            .chain(
                table.routes.iter().map(|route| Route { destination: route.destination.trunc(), ..*route }),
            )
            .collect();
        // The last of a destination counts: the strongest (facts 2, 3), and of equals the later.
        routes.sort_by_key(|route| route.origin);
        let routes = routes.into_iter().map(|route| (route.destination, route));
        Self { id: table.id, routes: Blocks::new(routes) }
    }

    /// The destinations around one that have the same route.
    pub(crate) fn around(&self, destination: IpAddr) -> Span {
        self.routes.around(destination)
    }

    /// The route for a destination.
    pub(crate) fn find(&self, destination: IpAddr) -> Option<&Route> {
        self.routes.find_ref(destination)
    }
}

#[cfg(test)]
mod tests {
    use aws_types::ResourceId;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::strategies;

    proptest! {
        #[test]
        fn finds_the_longest_prefix(
            nets in prop::collection::vec(strategies::net(), 0..24),
            addresses in prop::collection::vec(strategies::address(), 32),
        ) {
            let vpc = Vpc {
                id: aws_types::VpcId::from_bits(1),
                ipv4_cidrs: vec!["10.0.0.0/16".parse().unwrap()],
                ipv6_cidrs: vec!["2600:1f00::/56".parse().unwrap()],
                dns_support: true,
                dhcp_options: None,
            };
            // The target says which route of the list it is.
            let target = |index| RouteTarget::Interface(aws_types::NetworkInterfaceId::from_bits(index));
            let routes: Vec<Route> = (0..)
                .zip(&nets)
                .map(|(index, &destination)| Route::fixed(destination, target(index)))
                .collect();
            let table = RouteTable { id: RouteTableId::from_bits(1), vpc: vpc.id, routes: routes.clone() };
            let compiled = Routes::new(&table, &vpc);
            let mut all: Vec<Route> = vec![
                Route::fixed("10.0.0.0/16".parse().unwrap(), RouteTarget::Local),
                Route::fixed("2600:1f00::/56".parse().unwrap(), RouteTarget::Local),
            ];
            all.extend(routes);
            for address in addresses {
                // The last of the longest: `max_by_key` answers the last of equals.
                let naive = all
                    .iter()
                    .filter(|route| route.destination.contains(&address))
                    .max_by_key(|route| route.destination.prefix_len());
                prop_assert_eq!(compiled.find(address).map(|route| route.target), naive.map(|route| route.target));
            }
        }
    }
}
