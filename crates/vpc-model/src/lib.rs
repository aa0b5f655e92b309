//! What the network engine is told: VPCs, subnets, route tables, groups, ACLs, interfaces, and the deltas between them.
//!
//! Owns the network's nouns as data, the checked values they are made of, and the address rules of a VPC and a
//! subnet. Refuses to know packets, verdicts, the API's records and the host: a projection makes these objects from
//! the control plane's records, and the engine compiles them.

mod delta;
mod dhcp_options;
mod endpoint;
mod gateway;
mod interface;
mod network_acl;
mod path;
mod peering;
mod port;
mod route_table;
mod security_group;
pub mod subnet;
mod traffic;
mod transit_gateway;
pub mod vpc;

pub use delta::{Delta, Object, ObjectId};
pub use dhcp_options::{DhcpOptions, NetbiosNodeType, Resolver};
pub use endpoint::{
    InternetHost, InternetPlace, ManagedService, PublicAddresses, ServiceAddresses, VpcEndpoint,
    VpcEndpointKind,
};
pub use gateway::{EgressOnlyInternetGateway, InternetGateway, NatGateway, VpnGateway};
pub use interface::{IdleTimeouts, IdleTimeoutsError, Interface, InterfaceRole, PublicIpv4};
pub use network_acl::{AclAction, AclRuleNumber, AclRuleNumberError, NetworkAcl, NetworkAclEntry};
pub use path::{Bandwidth, Condition, ConditionError, Latency, Loss, Path, PathEnds, PathId};
pub use peering::VpcPeeringConnection;
pub use port::{Port, PortError};
pub use route_table::{Route, RouteOrigin, RouteTable, RouteTarget};
pub use security_group::{Peer, SecurityGroup, SecurityGroupRule};
pub use subnet::{InternetBlock, Subnet};
pub use traffic::{Direction, IcmpMatch, PortRange, PortRangeError, Protocol, Traffic};
pub use transit_gateway::{
    AttachedNetwork, AttachedSubnet, AttachedVpc, PeeringSide, TransitGateway, TransitGatewayAttachment,
    TransitGatewayPeering, TransitGatewayRoute, TransitGatewayRouteTable,
};
pub use vpc::Vpc;
