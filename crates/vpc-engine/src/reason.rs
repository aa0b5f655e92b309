//! Why a packet was dropped: one vocabulary for counters, flow logs and the analyzer.
//!
//! Owns the reasons, their stable codes and their sentences. Refuses to know how a decision is made.

use std::net::IpAddr;

use aws_types::{MacAddress, NetworkAclId, NetworkInterfaceId, RouteTableId, VpcId};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use vpc_model::{AclRuleNumber, Direction, ObjectId, Port};

macro_rules! reasons {
    ($($(#[$doc:meta])* $code:literal $name:ident $({ $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })? => $sentence:literal $(($($argument:tt)*))?,)*) => {
        /// Why a packet was dropped. Codes are stable: a code is never given to another reason.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
        pub enum DropReason {
            $(
                $(#[$doc])*
                #[error($sentence $(, $($argument)*)?)]
                $name $({ $($(#[$field_doc])* $field: $type,)* })?,
            )*
        }

        impl DropReason {
            /// Every code with the name of its reason, for counters and their legends.
            pub const CODES: &'static [(u16, &'static str)] = &[$(($code, stringify!($name)),)*];

            /// The stable code of the reason.
            pub const fn code(&self) -> u16 {
                match self {
                    $(Self::$name $({ $($field: _,)* })? => $code,)*
                }
            }

            /// The name of the reason, without what it is about.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$name $({ $($field: _,)* })? => stringify!($name),)*
                }
            }
        }
    };
}

/// The number of a network ACL entry, or `*` for the implicit denial.
fn rule_word(number: &Option<AclRuleNumber>) -> String {
    number.map_or_else(|| "*".to_owned(), |number| number.to_string())
}

/// The word for a direction.
fn direction_word(direction: &Direction) -> &'static str {
    match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    }
}

reasons! {
    // What is wrong with the frame itself.
    /// No interface is plugged in there.
    1 UnknownPort {
        /// The port.
        port: Port,
    } => "no interface is plugged into port {port}",
    /// The frame ends inside a header, or a header contradicts itself.
    2 Malformed => "the frame is truncated or contradicts itself",
    /// Neither ARP, IPv4 nor IPv6.
    3 UnsupportedEtherType {
        /// The EtherType.
        ether_type: u16,
    } => "a VPC carries ARP, IPv4 and IPv6, not EtherType {ether_type:#06x}",
    /// A8: no broadcast.
    4 Broadcast => "a VPC carries no broadcast",
    /// A8: no multicast.
    5 Multicast => "a VPC carries no multicast without a transit gateway multicast domain",
    /// The fabric has no answer to it: a question about an address that nobody has, an announcement, or a probe.
    7 Unanswered => "the fabric does not answer this ARP, neighbour discovery or DHCP message",
    /// A later fragment whose first one was not seen, or was dropped.
    8 FragmentWithoutFirst => "the first fragment of this packet was not seen",

    // What the source interface's checks find.
    /// The Ethernet source is not the interface's.
    10 SpoofedMac {
        /// The interface.
        interface: NetworkInterfaceId,
        /// The claimed source.
        mac: MacAddress,
    } => "{mac} is not the MAC address of {interface}",
    /// An ARP or neighbour discovery message that claims an address of somebody else.
    11 SpoofedAddress {
        /// The interface.
        interface: NetworkInterfaceId,
        /// The claimed address.
        address: IpAddr,
    } => "{interface} claims {address}, which is not its own",
    /// Fact 31, out: the source is not an address of the sender, and its check is on.
    12 SourceCheck {
        /// The sender.
        interface: NetworkInterfaceId,
        /// The source.
        address: IpAddr,
    } => "the source/destination check of {interface} refuses the source {address}",
    /// Fact 31, in: the destination is not an address of the receiver, and its check is on.
    13 DestinationCheck {
        /// The receiver.
        interface: NetworkInterfaceId,
        /// The destination.
        address: IpAddr,
    } => "the source/destination check of {interface} refuses the destination {address}",
    /// The source is an address that nobody can send from: unspecified, loopback, multicast, broadcast.
    14 InvalidSource {
        /// The source.
        address: IpAddr,
    } => "{address} cannot be the source of a packet",
    /// The destination is an address that nobody can be sent to: unspecified, loopback, link-local.
    15 InvalidDestination {
        /// The destination.
        address: IpAddr,
    } => "{address} cannot be a destination in a VPC",

    // Security groups and network ACLs.
    /// No egress rule of the sender's security groups allows it.
    20 NoEgressRule {
        /// The sender.
        interface: NetworkInterfaceId,
    } => "no egress rule of the security groups of {interface} allows it",
    /// No ingress rule of the receiver's security groups allows it.
    21 NoIngressRule {
        /// The receiver.
        interface: NetworkInterfaceId,
    } => "no ingress rule of the security groups of {interface} allows it",
    /// An entry of a network ACL, or its implicit denial, denies it.
    22 NetworkAclDenied {
        /// The ACL.
        acl: NetworkAclId,
        /// Which of its lists.
        direction: Direction,
        /// The entry, or none for the implicit denial.
        rule: Option<AclRuleNumber>,
    } => "{direction} rule {rule} of {acl} denies it" (direction = direction_word(.direction), rule = rule_word(.rule)),
    /// Fact 27: the interface tracks as many connections as it may.
    23 TrackingTableFull {
        /// The interface.
        interface: NetworkInterfaceId,
    } => "{interface} tracks as many connections as it may",
    /// All interfaces together track as many connections as this host may.
    24 FlowTableFull => "the host tracks as many connections as it may",

    // Routing.
    /// No route leads there.
    30 NoRoute {
        /// The route table.
        table: RouteTableId,
        /// The destination.
        address: IpAddr,
    } => "{table} has no route to {address}",
    /// Fact 10: the longest matching route is a blackhole.
    31 Blackhole {
        /// The route table.
        table: RouteTableId,
        /// The route.
        destination: IpNet,
    } => "the route {destination} of {table} is a blackhole",
    /// The local route leads to an address that no interface has.
    32 NoSuchAddress {
        /// The VPC.
        vpc: VpcId,
        /// The destination.
        address: IpAddr,
    } => "no interface of {vpc} has the address {address}",
    /// The destination is the router of a subnet, which answers ARP and neighbour discovery and nothing else.
    33 RouterAddress {
        /// The destination.
        address: IpAddr,
    } => "{address} is the address of a router, which takes no packets for itself",
    /// The packet would go out where it came in.
    34 Hairpin {
        /// The interface.
        interface: NetworkInterfaceId,
    } => "the packet would return to {interface}, which sent it",
    /// Something that a decision needs is not there.
    35 Missing {
        /// What is not there.
        object: ObjectId,
    } => "{object} does not exist",

    // Services of the link.
    /// Fact 8: inside 169.254.168.0/22 and fd00:ec2::/32 only the services are reachable, whatever the routes say.
    40 NoSuchService {
        /// The destination.
        address: IpAddr,
    } => "no service listens at {address}",
    /// The VPC's attribute `enableDnsSupport` is off.
    41 DnsSupportDisabled {
        /// The VPC.
        vpc: VpcId,
    } => "the attribute enableDnsSupport of {vpc} is false",
    /// The services take TCP and UDP.
    42 ServiceProtocol {
        /// The service.
        address: IpAddr,
    } => "the service at {address} takes TCP and UDP only",
    /// A service sent something that belongs to no request.
    43 UnsolicitedByService => "the services answer requests and send nothing of their own",
    /// A reset that belongs to no connection with a service.
    44 UnknownServiceConnection => "the reset belongs to no connection with a service",
}

#[cfg(test)]
mod tests {
    use super::DropReason;

    #[test]
    fn codes_are_unique_and_ascend() {
        assert!(DropReason::CODES.windows(2).all(|pair| pair[0].0 < pair[1].0), "{:?}", DropReason::CODES);
    }

    #[test]
    fn a_reason_names_what_decided() {
        let acl = "acl-0000000000000000a".parse().unwrap();
        let number = vpc_model::AclRuleNumber::new(100).unwrap();
        let direction = vpc_model::Direction::Egress;
        let mut reason = DropReason::NetworkAclDenied { acl, direction, rule: Some(number) };
        assert_eq!(reason.to_string(), "egress rule 100 of acl-0000000000000000a denies it");
        reason = DropReason::NetworkAclDenied { acl, direction, rule: None };
        assert_eq!(reason.to_string(), "egress rule * of acl-0000000000000000a denies it");
        assert_eq!((reason.code(), reason.name()), (22, "NetworkAclDenied"));
    }
}
