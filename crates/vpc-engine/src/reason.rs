//! Why a packet was dropped: one vocabulary for counters, flow logs and the analyzer.
//!
//! Owns the reasons, their stable codes and their sentences. Refuses to know how a decision is made.

use std::net::IpAddr;

use aws_types::{
    EgressOnlyInternetGatewayId, InternetGatewayId, MacAddress, NatGatewayId, NetworkAclId,
    NetworkInterfaceId, RouteTableId, SubnetId, TransitGatewayAttachmentId, TransitGatewayId,
    TransitGatewayRouteTableId, VpcEndpointId, VpcId, VpcPeeringConnectionId,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use vpc_model::{AclRuleNumber, Direction, ObjectId, PathId, Port};

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

            /// Whether it comes of what else is under way, or of what is known of connections, and not of the network alone.
            pub const fn is_of_load(&self) -> bool {
                matches!(
                    self,
                    Self::SlowPathBudget { .. }
                        | Self::TrackingTableFull { .. }
                        | Self::FlowTableFull
                        | Self::NatPortAllocation { .. }
                        | Self::PathLoss { .. }
                        | Self::PathQueueFull { .. }
                        | Self::RulesChanged
                        | Self::NotTaken { .. }
                )
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
    /// The interface has more frames decided than it may, so that others have theirs decided too.
    9 SlowPathBudget {
        /// The port.
        port: Port,
    } => "port {port} sends more than may be decided one by one; established connections are not affected",

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

    /// The account of an interface is closed, or that of its VPC's owner.
    /// <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-closing.html>
    36 AccountClosed {
        /// The interface.
        interface: NetworkInterfaceId,
    } => "nothing passes {interface}: its account, or that of its VPC's owner, is closed",

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
    /// The services of the link take TCP and UDP, those with public addresses TCP and ICMP echo.
    42 ServiceProtocol {
        /// The service.
        address: IpAddr,
    } => "the service at {address} does not take this protocol",
    /// A service sent something that belongs to no request.
    43 UnsolicitedByService => "the services answer requests and send nothing of their own",
    /// A reset that belongs to no connection with a service.
    44 UnknownServiceConnection => "the reset belongs to no connection with a service",

    // The way to and from the internet.
    /// Fact 33: out through an internet gateway needs a public address that stands for the source.
    50 NoPublicAddress {
        /// The source.
        address: IpAddr,
    } => "{address} has no public address, without which nothing goes out through an internet gateway",
    /// Fact 35: a destination that nobody on the internet can have.
    51 PrivateDestination {
        /// The destination.
        address: IpAddr,
    } => "{address} is a private address, which an internet gateway does not send to",
    /// Fact 36: a source that nobody on the internet can have.
    52 PrivateSource {
        /// The source.
        address: IpAddr,
    } => "{address} is a private address, which an internet gateway does not take packets from",
    /// Fact 39.
    53 PublicAccessBlocked {
        /// The subnet.
        subnet: SubnetId,
    } => "VPC Block Public Access keeps {subnet} from the internet",
    /// The simulated internet has no such host.
    54 NoSuchHost {
        /// The destination.
        address: IpAddr,
    } => "no host on the internet has the address {address}; `brume internet add` makes one",
    /// Fact 34: no interface has the public address, or it cannot be reached by it.
    55 NoSuchPublicAddress {
        /// The destination.
        address: IpAddr,
    } => "no network interface has the public address {address}",
    /// The VPC of the public address has no internet gateway.
    56 NoInternetGateway {
        /// The VPC.
        vpc: VpcId,
    } => "no internet gateway is attached to {vpc}",
    /// Fact 40: an egress-only gateway takes in nothing that was not asked for from inside.
    57 EgressOnly {
        /// The gateway.
        gateway: EgressOnlyInternetGatewayId,
    } => "{gateway} only lets in what belongs to a connection that was opened from inside",
    /// Fact 12: what comes in for the source by the gateway goes to a middlebox, which what goes out must pass too.
    58 MiddleboxBypassed {
        /// The gateway.
        gateway: InternetGatewayId,
        /// The source.
        address: IpAddr,
    } => "{gateway} sends what comes for {address} to a middlebox, which has not sent this packet",
    /// An egress-only gateway carries IPv6 alone.
    59 Ipv4ThroughEgressOnly {
        /// The gateway.
        gateway: EgressOnlyInternetGatewayId,
    } => "{gateway} carries IPv6 only",

    // NAT gateways.
    /// Fact 48: nothing that was not asked for from inside.
    60 NatUnsolicited {
        /// The gateway.
        gateway: NatGatewayId,
    } => "{gateway} has no connection that this packet belongs to",
    /// Fact 44: TCP, UDP and ICMP queries.
    61 NatProtocol {
        /// The gateway.
        gateway: NatGatewayId,
    } => "{gateway} translates TCP, UDP and ICMP only",
    /// Fact 41: the gateway has no port left for this destination, which its metric ErrorPortAllocation counts.
    62 NatPortAllocation {
        /// The gateway.
        gateway: NatGatewayId,
        /// The destination.
        address: IpAddr,
    } => "{gateway} has no port left for connections to {address}",
    /// Fact 43: the connection has been idle for too long; the sender gets a reset.
    63 NatIdle {
        /// The gateway.
        gateway: NatGatewayId,
    } => "{gateway} does not know this connection, or not any more",
    /// Fact 45: fragments of TCP and ICMP.
    64 NatFragment {
        /// The gateway.
        gateway: NatGatewayId,
    } => "{gateway} passes fragments of UDP only",
    /// NAT gateways translate IPv4 to IPv4.
    65 NatIpv6 {
        /// The gateway.
        gateway: NatGatewayId,
    } => "{gateway} translates IPv4 only",
    /// The address is that of an interface which AWS manages, and which takes no packets for itself.
    66 ManagedInterface {
        /// The interface.
        interface: NetworkInterfaceId,
    } => "{interface} is managed by AWS and takes no packets for itself",

    // Peering connections and transit gateways.
    /// Fact 51: no transit.
    70 PeeringTransit {
        /// The connection.
        connection: VpcPeeringConnectionId,
        /// The destination.
        address: IpAddr,
    } => "{connection} carries packets of its two VPCs only, and {address} is in neither block",
    /// The VPC of the route table is not attached to the gateway.
    71 NotAttached {
        /// The gateway.
        gateway: TransitGatewayId,
        /// The VPC.
        vpc: VpcId,
    } => "{vpc} is not attached to {gateway}",
    /// Fact 56: the attachment has no subnet in the sender's zone.
    72 ZoneNotAttached {
        /// The attachment.
        attachment: TransitGatewayAttachmentId,
        /// The subnet that the packet comes from.
        subnet: SubnetId,
    } => "{attachment} has no subnet in the zone of {subnet}",
    /// Fact 58.
    73 NoAssociation {
        /// The attachment.
        attachment: TransitGatewayAttachmentId,
    } => "{attachment} is associated with no route table",
    /// No route of the gateway leads there.
    74 NoTransitRoute {
        /// The route table.
        table: TransitGatewayRouteTableId,
        /// The destination.
        address: IpAddr,
    } => "{table} has no route to {address}",
    /// Fact 55, or the attachment that a route leads to is gone.
    75 TransitBlackhole {
        /// The route table.
        table: TransitGatewayRouteTableId,
        /// The route.
        destination: IpNet,
    } => "the route {destination} of {table} is a blackhole",
    /// There is no VPN engine: the tunnels of virtual private gateways, VPN and Connect attachments are down.
    76 TunnelDown {
        /// What the tunnels are of.
        object: ObjectId,
    } => "the tunnels of {object} are down: Brume has no VPN engine yet",
    /// The attachment carries no IPv6.
    77 Ipv6NotAttached {
        /// The attachment.
        attachment: TransitGatewayAttachmentId,
    } => "IPv6 support of {attachment} is off",
    /// The packet goes round in circles between gateways.
    78 RoutingLoop {
        /// The destination.
        address: IpAddr,
    } => "the routes to {address} lead in circles",

    // Endpoints.
    /// Fact 59: a gateway endpoint takes TCP and ICMP echo.
    80 EndpointProtocol {
        /// The endpoint.
        endpoint: VpcEndpointId,
    } => "{endpoint} takes TCP and ICMP echo only",
    /// There is no load balancer behind it.
    81 NoAppliance {
        /// The endpoint.
        endpoint: VpcEndpointId,
    } => "no appliance is behind {endpoint}: Brume has no Gateway Load Balancers yet",
    /// Fact 59: what comes into its VPC from another network cannot use a gateway endpoint.
    82 EndpointOfOtherVpc {
        /// The endpoint.
        endpoint: VpcEndpointId,
    } => "{endpoint} serves its own VPC only, and this comes from another network",
    /// The interface is that of an interface endpoint, and its service is not there.
    83 NoEndpointService {
        /// The interface.
        interface: NetworkInterfaceId,
    } => "{interface} belongs to an interface endpoint, whose service does not exist here yet",

    // Sizes.
    /// Fact 64: the packet must not be fragmented and is too large; the sender is told so.
    90 PacketTooBig {
        /// The largest packet that the path carries, in bytes.
        mtu_bytes: u16,
    } => "the packet is larger than the {mtu_bytes} bytes that the path carries, and must not be fragmented",
    /// The same at a transit gateway, which tells nobody.
    91 TransitPacketTooBig {
        /// The largest packet that it carries, in bytes.
        mtu_bytes: u16,
    } => "the packet is larger than the {mtu_bytes} bytes that a transit gateway carries",

    // Conditions of paths, which somebody has set.
    /// It was lost, as so many are to be.
    95 PathLoss {
        /// The path.
        path: PathId,
    } => "the packet was lost on its way, as the condition of {path} wants; `brume net conditions` shows it",
    /// More than the path carries, and as much as may wait for it waits already; or the sender has as many packets under way
    /// as it may, or all senders together have.
    96 PathQueueFull {
        /// The path.
        path: PathId,
    } => "too many packets wait for {path} already, or its sender has too many under way; `brume net conditions` shows what \
        it carries",
    /// It was under way when what had let it pass changed, or one of its ends was no more what it was.
    97 RulesChanged => "the rules of its way, or its ends, changed while it was under way",
    /// It would take more paths with conditions than are carried out for one packet.
    98 TooManyPaths {
        /// Where it goes.
        address: IpAddr,
    } => "the way to {address} leads over more paths with conditions than one packet may take; `brume net conditions` shows \
        them",
    /// It is for an interface behind which nothing runs, or whose queue is full.
    99 NotTaken {
        /// The port of the interface.
        port: Port,
    } => "nothing runs behind the interface at port {port}, or its queue is full",
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
