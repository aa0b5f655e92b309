//! The compiled route table of a transit gateway.
//!
//! Owns which of its routes counts (fact 54). Refuses to know how a packet gets to the gateway and from it.

use std::net::IpAddr;

use aws_types::{TransitGatewayAttachmentId, TransitGatewayRouteTableId};
use ipnet::IpNet;
use vpc_model::{TransitGatewayRouteTable, Vpc};

use super::routes::Blocks;
use crate::reach::Span;

/// A compiled route table of a transit gateway.
#[derive(Debug)]
pub(crate) struct TransitRoutes {
    pub(crate) id: TransitGatewayRouteTableId,
    routes: Blocks<TransitRoute>,
}

/// A route that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TransitRoute {
    pub(crate) destination: IpNet,
    /// None drops.
    pub(crate) target: Option<TransitGatewayAttachmentId>,
}

/// How strong a route is among those for one destination.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Propagated,
    PrefixList,
    Static,
}

impl TransitRoutes {
    /// Compiles a table. `vpc_of` is asked for the VPC of each attachment that propagates to it; those that are no VPC's
    /// make nothing known, as their tunnels are down.
    pub(crate) fn new<'a>(
        table: &TransitGatewayRouteTable,
        vpc_of: impl Fn(TransitGatewayAttachmentId) -> Option<&'a Vpc>,
    ) -> Self {
        let mut routes: Vec<(Strength, TransitRoute)> = Vec::with_capacity(table.routes.len());
        // The last of a destination counts: the strongest, of equals that of the attachment that was there first.
        for &attachment in table.propagations.iter().rev() {
            let Some(vpc) = vpc_of(attachment) else { continue };
            let blocks = vpc.ipv4_cidrs.iter().copied().map(IpNet::V4);
            let blocks = blocks.chain(vpc.ipv6_cidrs.iter().copied().map(IpNet::V6));
            routes.extend(blocks.map(|destination| {
                let destination = destination.trunc();
                (Strength::Propagated, TransitRoute { destination, target: Some(attachment) })
            }));
        }
        for route in table.routes.iter().rev() {
            let strength = if route.is_of_prefix_list { Strength::PrefixList } else { Strength::Static };
            routes.push((
                strength,
                TransitRoute { destination: route.destination.trunc(), target: route.target },
            ));
        }
        routes.sort_by_key(|(strength, _)| *strength);
        let routes = routes.into_iter().map(|(_, route)| (route.destination, route));
        Self { id: table.id, routes: Blocks::new(routes) }
    }

    /// The destinations around one that have the same route.
    pub(crate) fn around(&self, destination: IpAddr) -> Span {
        self.routes.around(destination)
    }

    /// The route for a destination.
    pub(crate) fn find(&self, destination: IpAddr) -> Option<TransitRoute> {
        self.routes.find(destination)
    }
}
