//! What the network engine is told: VPCs, subnets, route tables, groups, ACLs, interfaces, and the deltas between them.
//!
//! Owns the network's nouns as data, the checked values they are made of, and the address rules of a VPC and a
//! subnet. Refuses to know packets, verdicts, the API's records and the host: a projection makes these objects from
//! the control plane's records, and the engine compiles them.

mod delta;
mod dhcp_options;
mod interface;
mod network_acl;
mod port;
mod route_table;
mod security_group;
pub mod subnet;
mod traffic;
pub mod vpc;

pub use delta::{Delta, Object, ObjectId};
pub use dhcp_options::{DhcpOptions, NetbiosNodeType, Resolver};
pub use interface::{IdleTimeouts, IdleTimeoutsError, Interface};
pub use network_acl::{AclAction, AclRuleNumber, AclRuleNumberError, NetworkAcl, NetworkAclEntry};
pub use port::{Port, PortError};
pub use route_table::{Route, RouteTable, RouteTarget};
pub use security_group::{Peer, SecurityGroup, SecurityGroupRule};
pub use subnet::Subnet;
pub use traffic::{Direction, IcmpMatch, PortRange, PortRangeError, Protocol, Traffic};
pub use vpc::Vpc;
