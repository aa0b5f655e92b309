//! A route table. Refuses to know which subnets use it and how a route came to be.

use aws_types::{NetworkInterfaceId, RouteTableId, VpcId};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A route table.
///
/// The local routes are implied: the engine adds one for every CIDR block of the VPC, whether the table lists it or
/// not, so a table can never lose them and a new block is reachable at once. A listed route for exactly a VPC block
/// replaces the implied one (AWS's ReplaceRoute on the local route); listing `Local` there says the same as not
/// listing it. At most one route per destination: of two, the later in the list counts.
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
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RouteTarget {
    /// To the interface of the VPC that has the destination address.
    Local,
    /// To this interface, whatever the destination address: an appliance, which needs its source/destination check off.
    /// An interface that is gone makes the route a blackhole.
    Interface(NetworkInterfaceId),
    /// Nowhere: the target was deleted.
    Blackhole,
}
