//! Transit gateways: their attachments, peerings and route tables. Refuses to know how their states come to be: what is
//! here is in use.
//! <https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html>

use aws_types::{
    NetworkInterfaceId, SubnetId, TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId,
    VpcId,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A transit gateway.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TransitGateway {
    /// Its id.
    pub id: TransitGatewayId,
    /// Whether rules of security groups can name groups of other attached VPCs (fact 20).
    pub security_group_referencing: bool,
}

/// What is attached to a transit gateway, but for other gateways, which are a [`TransitGatewayPeering`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TransitGatewayAttachment {
    /// Its id.
    pub id: TransitGatewayAttachmentId,
    /// The gateway.
    pub gateway: TransitGatewayId,
    /// What is attached.
    pub target: AttachedNetwork,
    /// The table that packets which come by it are routed by (fact 58).
    pub association: Option<TransitGatewayRouteTableId>,
}

/// What is attached to a transit gateway.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AttachedNetwork {
    /// A VPC.
    Vpc(AttachedVpc),
    /// A VPN connection. There is no VPN engine, so its tunnels are down.
    Vpn,
    /// An appliance behind tunnels over another attachment, which nothing ends yet.
    Connect,
}

/// A VPC as a transit gateway has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AttachedVpc {
    /// The VPC.
    pub vpc: VpcId,
    /// The gateway's interfaces, each in the subnet of a zone of its own (fact 56).
    pub subnets: Vec<AttachedSubnet>,
    /// Whether IPv6 passes.
    pub ipv6: bool,
    /// Whether both directions of a connection pass the same zone (fact 57).
    pub appliance_mode: bool,
    /// Whether rules of the VPC's groups can name groups of other attached VPCs (fact 20).
    pub security_group_referencing: bool,
}

/// A subnet by which packets pass between a VPC and a transit gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AttachedSubnet {
    /// The subnet.
    pub subnet: SubnetId,
    /// The gateway's interface in it.
    pub interface: NetworkInterfaceId,
}

/// A peering of two transit gateways. Both sides have it as an attachment with this id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TransitGatewayPeering {
    /// Its id.
    pub id: TransitGatewayAttachmentId,
    /// Who asked, then who was asked.
    pub sides: [PeeringSide; 2],
}

/// A gateway of a peering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PeeringSide {
    /// The gateway.
    pub gateway: TransitGatewayId,
    /// The gateway's table that packets from the other side are routed by.
    pub association: Option<TransitGatewayRouteTableId>,
}

impl TransitGatewayPeering {
    /// The other side of one of its gateways.
    pub fn peer_of(&self, gateway: TransitGatewayId) -> Option<PeeringSide> {
        match self.sides {
            [one, other] if one.gateway == gateway => Some(other),
            [one, other] if other.gateway == gateway => Some(one),
            _ => None,
        }
    }
}

/// A route table of a transit gateway.
///
/// The longest prefix decides; between equal ones a static route, then one of a prefix list, then a propagated one of a
/// VPC, of Connect, of VPN (fact 54), and between those of one kind the one that is listed first.
/// <https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html#tgw-route-evaluation-overview>
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TransitGatewayRouteTable {
    /// Its id.
    pub id: TransitGatewayRouteTableId,
    /// Its gateway.
    pub gateway: TransitGatewayId,
    /// Its static routes and those of prefix lists.
    pub routes: Vec<TransitGatewayRoute>,
    /// The attachments whose networks are known to it, the oldest first: of several with one block it has the route. The
    /// engine makes the routes: those of a VPC are its blocks.
    /// <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html>
    pub propagations: Vec<TransitGatewayAttachmentId>,
}

/// A route of a transit gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TransitGatewayRoute {
    /// The destinations it is for.
    pub destination: IpNet,
    /// The attachment it leads to; none drops (fact 55).
    pub target: Option<TransitGatewayAttachmentId>,
    /// Whether it is of a prefix list and not a static one.
    pub is_of_prefix_list: bool,
}
