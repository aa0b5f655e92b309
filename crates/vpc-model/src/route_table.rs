//! A route table. Refuses to know which subnets use it and how a route came to be.

use aws_types::{
    EgressOnlyInternetGatewayId, InternetGatewayId, NatGatewayId, NetworkInterfaceId, RouteTableId,
    TransitGatewayId, VpcEndpointId, VpcId, VpcPeeringConnectionId, VpnGatewayId,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::ObjectId;

/// A route table.
///
/// The local routes are implied: the engine adds one for every CIDR block of the VPC, whether the table lists it or
/// not, so a table can never lose them and a new block is reachable at once. A listed route for exactly a VPC block
/// replaces the implied one (AWS's ReplaceRoute on the local route); listing `Local` there says the same as not
/// listing it. Of several routes for one destination the one with the stronger [`RouteOrigin`] counts, and of equal
/// ones the later in the list.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/RouteTables.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RouteTable {
    /// Its id.
    pub id: RouteTableId,
    /// The VPC whose local routes it has.
    pub vpc: VpcId,
    /// The routes beside, or in place of, the local ones.
    pub routes: Vec<Route>,
}

/// One route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Route {
    /// The destinations it is for.
    pub destination: IpNet,
    /// Where they go.
    pub target: RouteTarget,
    /// How it came to be.
    pub origin: RouteOrigin,
}

impl Route {
    /// A route that somebody made.
    pub const fn fixed(destination: IpNet, target: RouteTarget) -> Self {
        Self { destination, target, origin: RouteOrigin::Static }
    }
}

/// How a route came to be, the weakest first (facts 2, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RouteOrigin {
    /// A virtual private gateway made it known.
    Propagated,
    /// It is for a block of a prefix list.
    PrefixList,
    /// Somebody made it for this very destination.
    Static,
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RouteTarget {
    /// To the interface of the VPC that has the destination address.
    Local,
    /// To this interface, whatever the destination address: an appliance, which needs its source/destination check off.
    /// A target that is gone, of this kind or another, makes the route a blackhole.
    Interface(NetworkInterfaceId),
    /// To the internet.
    InternetGateway(InternetGatewayId),
    /// To the internet, for what is opened from inside by IPv6.
    EgressOnlyInternetGateway(EgressOnlyInternetGatewayId),
    /// To a NAT gateway.
    NatGateway(NatGatewayId),
    /// To the VPC at the other side.
    VpcPeeringConnection(VpcPeeringConnectionId),
    /// To a transit gateway that the VPC is attached to.
    TransitGateway(TransitGatewayId),
    /// To a gateway endpoint or a Gateway Load Balancer endpoint.
    VpcEndpoint(VpcEndpointId),
    /// To a virtual private gateway.
    VpnGateway(VpnGatewayId),
    /// Nowhere: the target was deleted.
    Blackhole,
}

impl RouteTarget {
    /// What is passed next; none where that is no object, or is an interface.
    pub fn object(self) -> Option<ObjectId> {
        Some(match self {
            Self::Local | Self::Interface(_) | Self::Blackhole => return None,
            Self::InternetGateway(id) => id.into(),
            Self::EgressOnlyInternetGateway(id) => id.into(),
            Self::NatGateway(id) => id.into(),
            Self::VpcPeeringConnection(id) => id.into(),
            Self::TransitGateway(id) => id.into(),
            Self::VpcEndpoint(id) => id.into(),
            Self::VpnGateway(id) => id.into(),
        })
    }
}
