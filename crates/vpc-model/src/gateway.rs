//! Gateways of one VPC: internet, egress-only, NAT and virtual private gateways. Refuses to know which routes lead to
//! them and what they have translated.

use std::net::Ipv4Addr;

use aws_types::{
    EgressOnlyInternetGatewayId, InternetGatewayId, NatGatewayId, NetworkInterfaceId, RouteTableId, SubnetId,
    VpcId, VpnGatewayId,
};
use serde::{Deserialize, Serialize};

/// An internet gateway that is attached to a VPC.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InternetGateway {
    /// Its id.
    pub id: InternetGatewayId,
    /// The VPC that it is attached to.
    pub vpc: VpcId,
    /// The gateway route table: where packets go that come in by it. Without one they go straight to their interfaces.
    pub route_table: Option<RouteTableId>,
}

/// An egress-only internet gateway: IPv6 connections can only be opened from inside.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/egress-only-internet-gateway.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EgressOnlyInternetGateway {
    /// Its id.
    pub id: EgressOnlyInternetGatewayId,
    /// Its VPC.
    pub vpc: VpcId,
}

/// A NAT gateway that is available.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NatGateway {
    /// Its id.
    pub id: NatGatewayId,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its subnet, by whose route table it sends on what it has translated.
    pub subnet: SubnetId,
    /// Its interface.
    pub interface: NetworkInterfaceId,
    /// The private addresses that it translates to, the primary one first; at most [`Self::ADDRESSES_MAX`]. The public ones
    /// that stand for them are the interface's.
    pub addresses: Vec<Ipv4Addr>,
}

impl NatGateway {
    /// How many addresses a gateway has at most.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html>
    pub const ADDRESSES_MAX: usize = 8;
}

/// A virtual private gateway that is attached to a VPC. There is no VPN engine, so its tunnels are down.
/// <https://docs.aws.amazon.com/vpn/latest/s2svpn/how_it_works.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VpnGateway {
    /// Its id.
    pub id: VpnGatewayId,
    /// The VPC that it is attached to.
    pub vpc: VpcId,
}
