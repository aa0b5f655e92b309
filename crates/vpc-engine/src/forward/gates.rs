//! The gates that a packet passes at an interface and at the edge of a subnet: rules, ACLs, checks.
//!
//! Owns each gate as one function that only reads. Refuses to know connections, whoever asks a rule has found none, and
//! the way between the gates.

use std::net::IpAddr;

use aws_types::{SecurityGroupId, SecurityGroupRuleId};
use vpc_model::{AclAction, AclRuleNumber, Direction, InterfaceRole, PortRange, Protocol};

use super::journey::Hop;
use crate::compile::{Probe, Rules};
use crate::flows::{Tuple, TupleKind};
use crate::reach::Span;
use crate::reason::DropReason;
use crate::snapshot::{CompiledSubnet, Network, PluggedInterface};

impl Probe {
    /// What a rule compares of a packet.
    pub(crate) fn of(tuple: &Tuple) -> Self {
        match tuple.kind {
            TupleKind::Ports { destination, .. } => match tuple.protocol {
                Protocol::TCP => Self::Tcp(destination),
                Protocol::UDP => Self::Udp(destination),
                Protocol(number) => Self::Other(number),
            },
            TupleKind::Query { kind, is_reply, .. } => {
                Self::icmp(tuple.protocol, if is_reply { reply_kind(kind) } else { kind }, 0)
            }
            TupleKind::Message { kind, code } => Self::icmp(tuple.protocol, kind, code),
        }
    }

    fn icmp(protocol: Protocol, kind: u8, code: u8) -> Self {
        let message = u16::from_be_bytes([kind, code]);
        if protocol == Protocol::ICMP { Self::Icmp(message) } else { Self::Icmpv6(message) }
    }
}

/// The ICMP type that answers a query.
pub(crate) fn reply_kind(kind: u8) -> u8 {
    match kind {
        8 => 0,
        kind => kind + 1,
    }
}

/// Asks the rules of an interface's groups about a packet to or from `peer`, which carries these groups as far as a rule
/// may know (fact 19); answers which rule lets it pass, and whether the connection is to be tracked there.
pub(crate) fn rules(
    network: &Network,
    plugged: &PluggedInterface,
    direction: Direction,
    tuple: &Tuple,
    peer: IpAddr,
    peer_groups: &[SecurityGroupId],
) -> Result<(SecurityGroupRuleId, bool), DropReason> {
    let asked = || {
        let policy = network.policy_of(plugged)?;
        let (rules, opposite) = (policy.rules(direction), policy.rules(direction.opposite()));
        let admission = rules.admit(Probe::of(tuple), peer, peer_groups)?;
        Some((admission.rule, !is_untracked(admission.open, rules, opposite, tuple, peer)))
    };
    asked().ok_or_else(|| {
        let interface = plugged.interface.id;
        match direction {
            Direction::Egress => DropReason::NoEgressRule { interface },
            Direction::Ingress => DropReason::NoIngressRule { interface },
        }
    })
}

/// Of what the rules of an interface decide about a packet: the destination ports, the source ports and the peers around
/// its own for which they decide the same.
pub(crate) fn rules_around(
    network: &Network,
    plugged: &PluggedInterface,
    direction: Direction,
    tuple: &Tuple,
    peer: IpAddr,
    peer_groups: &[SecurityGroupId],
) -> [Span; 3] {
    let Some(policy) = network.policy_of(plugged) else { return [Span::ALL; 3] };
    let rules = policy.rules(direction);
    let probe = Probe::of(tuple);
    let (ports, peers) = rules.around(probe, peer, peer_groups);
    // Only what a rule for any address lets pass may be untracked, by what the opposite rules say of the reply.
    if !rules.admit(probe, peer, peer_groups).is_some_and(|admission| admission.open) {
        return [ports, Span::ALL, peers];
    }
    let opposite = policy.rules(direction.opposite());
    let (source_ports, also) = opposite.open_around(Probe::of(&tuple.reversed()), peer);
    [ports, source_ports, peers.intersection(&also).unwrap_or(peers)]
}

/// Fact 23: TCP and UDP that a rule for any address lets pass, while one in the other direction lets any address
/// and all ports pass, is not tracked. Either of the two may be the rule for the request, so that the first packet
/// and its reply are judged alike.
fn is_untracked(open: bool, rules: &Rules, opposite: &Rules, tuple: &Tuple, peer: IpAddr) -> bool {
    let protocol = tuple.protocol;
    if !open || !matches!(protocol, Protocol::TCP | Protocol::UDP) {
        return false;
    }
    opposite.is_open_to_all_ports(protocol, peer)
        || (rules.is_open_to_all_ports(protocol, peer)
            && opposite.is_open_to(Probe::of(&tuple.reversed()), peer))
}

/// Asks the ACL of a subnet about a packet to or from `peer` (facts 17, 28); answers which entry lets it pass.
pub(crate) fn acl(
    subnet: &CompiledSubnet,
    direction: Direction,
    tuple: &Tuple,
    peer: IpAddr,
) -> Result<Option<AclRuleNumber>, DropReason> {
    let acl = subnet.acl.as_deref();
    let acl = acl.ok_or(DropReason::Missing { object: subnet.subnet.network_acl.into() })?;
    match acl.decide(direction, Probe::of(tuple), peer) {
        (AclAction::Allow, rule) => Ok(rule),
        (AclAction::Deny, rule) => Err(DropReason::NetworkAclDenied { acl: acl.id, direction, rule }),
    }
}

/// The TCP destination ports around a packet's own for which the ACL of a subnet decides as it does for it.
pub(crate) fn acl_ports_around(subnet: &CompiledSubnet, direction: Direction, tuple: &Tuple) -> PortRange {
    match (subnet.acl.as_deref(), tuple.kind) {
        (Some(acl), TupleKind::Ports { destination, .. }) if tuple.protocol == Protocol::TCP => {
            acl.tcp_ports_around(direction, destination)
        }
        (_, TupleKind::Ports { destination, .. }) => PortRange::one(destination),
        (_, TupleKind::Query { .. } | TupleKind::Message { .. }) => PortRange::ALL,
    }
}

/// Refuses what would pass an interface of a closed account.
pub(crate) fn open_account(plugged: &PluggedInterface) -> Result<(), DropReason> {
    if plugged.role == InterfaceRole::ClosedAccount {
        return Err(DropReason::AccountClosed { interface: plugged.interface.id });
    }
    Ok(())
}

/// The destination check (fact 31).
pub(crate) fn destination_check(hop: &Hop<'_>, address: IpAddr) -> Result<(), DropReason> {
    if hop.receiver.source_dest_check && !hop.is_direct {
        return Err(DropReason::DestinationCheck { interface: hop.receiver.interface.id, address });
    }
    Ok(())
}
