//! Changes of the network's intent. Refuses to know their cause and their effect.

use std::net::IpAddr;

use aws_types::{
    DhcpOptionsId, EgressOnlyInternetGatewayId, InternetGatewayId, NatGatewayId, NetworkAclId,
    NetworkInterfaceId, RouteTableId, SecurityGroupId, SubnetId, TransitGatewayAttachmentId,
    TransitGatewayId, TransitGatewayRouteTableId, VpcEndpointId, VpcId, VpcPeeringConnectionId, VpnGatewayId,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    DhcpOptions, EgressOnlyInternetGateway, Interface, InternetGateway, InternetHost, NatGateway, NetworkAcl,
    Path, PathId, PublicAddresses, RouteTable, SecurityGroup, ServiceAddresses, Subnet, TransitGateway,
    TransitGatewayAttachment, TransitGatewayPeering, TransitGatewayRouteTable, Vpc, VpcEndpoint,
    VpcPeeringConnection, VpnGateway,
};

/// One change. The later of two about the same object counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "a list of deltas is short and lives as long as one change")]
pub enum Delta {
    /// The object is there, and is this.
    Put(Object),
    /// The object is gone.
    Remove(ObjectId),
}

macro_rules! objects {
    ($($(#[$doc:meta])* $name:ident($id:ty),)*) => {
        /// Something that the engine is told about.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Object {
            $($(#[$doc])* $name($name),)*
        }

        /// The id of an [`Object`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum ObjectId {
            $($(#[$doc])* $name($id),)*
        }

        impl Object {
            /// The id of the object.
            pub fn id(&self) -> ObjectId {
                match self {
                    $(Self::$name(object) => ObjectId::$name(object.id),)*
                }
            }
        }

        impl std::fmt::Display for ObjectId {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $(Self::$name(id) => id.fmt(f),)*
                }
            }
        }

        $(
            impl From<$name> for Object {
                fn from(object: $name) -> Self {
                    Self::$name(object)
                }
            }

            impl From<$name> for Delta {
                fn from(object: $name) -> Self {
                    Self::Put(Object::$name(object))
                }
            }
        )*
    };
}

objects! {
    /// A VPC.
    Vpc(VpcId),
    /// A subnet.
    Subnet(SubnetId),
    /// A route table.
    RouteTable(RouteTableId),
    /// A network ACL.
    NetworkAcl(NetworkAclId),
    /// A security group.
    SecurityGroup(SecurityGroupId),
    /// A network interface.
    Interface(NetworkInterfaceId),
    /// A DHCP option set.
    DhcpOptions(DhcpOptionsId),
    /// An internet gateway.
    InternetGateway(InternetGatewayId),
    /// An egress-only internet gateway.
    EgressOnlyInternetGateway(EgressOnlyInternetGatewayId),
    /// A NAT gateway.
    NatGateway(NatGatewayId),
    /// A virtual private gateway.
    VpnGateway(VpnGatewayId),
    /// A VPC peering connection.
    VpcPeeringConnection(VpcPeeringConnectionId),
    /// A transit gateway.
    TransitGateway(TransitGatewayId),
    /// An attachment of a transit gateway.
    TransitGatewayAttachment(TransitGatewayAttachmentId),
    /// A peering of transit gateways.
    TransitGatewayPeering(TransitGatewayAttachmentId),
    /// A route table of a transit gateway.
    TransitGatewayRouteTable(TransitGatewayRouteTableId),
    /// A VPC endpoint.
    VpcEndpoint(VpcEndpointId),
    /// Public addresses of a service.
    ServiceAddresses(IpNet),
    /// Public addresses of the cloud.
    PublicAddresses(IpNet),
    /// A host of the simulated internet.
    InternetHost(IpAddr),
    /// A part of ways with a condition of its own.
    Path(PathId),
}

macro_rules! ids {
    ($($name:ident($id:ty),)*) => {
        $(
            impl From<$id> for ObjectId {
                fn from(id: $id) -> Self {
                    Self::$name(id)
                }
            }
        )*
    };
}

// Those that tell what they are the id of.
ids! {
    Vpc(VpcId),
    Subnet(SubnetId),
    RouteTable(RouteTableId),
    NetworkAcl(NetworkAclId),
    SecurityGroup(SecurityGroupId),
    Interface(NetworkInterfaceId),
    DhcpOptions(DhcpOptionsId),
    InternetGateway(InternetGatewayId),
    EgressOnlyInternetGateway(EgressOnlyInternetGatewayId),
    NatGateway(NatGatewayId),
    VpnGateway(VpnGatewayId),
    VpcPeeringConnection(VpcPeeringConnectionId),
    TransitGateway(TransitGatewayId),
    TransitGatewayRouteTable(TransitGatewayRouteTableId),
    VpcEndpoint(VpcEndpointId),
    Path(PathId),
}
