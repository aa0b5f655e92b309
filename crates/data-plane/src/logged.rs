//! What decisions and the flow cache's counts say to flow logs.
//!
//! Owns at which interface a packet was let through or refused: at its sender's, its receiver's, or at none that has a log.
//! Refuses to know logs, windows and records: [`flow_logs`] does. All of it is left out for ports without a log, and nothing
//! is done for a packet that the cache carries: the cache counts it, and what it has counted comes by here.

use std::net::IpAddr;

use flow_logs::{Action, Collector, Counts, Flow};
use vpc_abi as abi;
use vpc_engine::{Activity, CacheKey, DropReason, Millis, Packet, Rewrite, Snapshot, TcpFlags, Transport};
use vpc_model::{Direction, Port, Protocol};

use crate::entry::cache_entry_of;

/// Where a packet was refused.
enum Refused {
    /// Before it was anybody's traffic: it was no packet that a VPC carries.
    Unseen,
    /// By the sender's own rules or its subnet's.
    AtSender(Action),
    /// By the receiver's, having left its sender.
    AtReceiver(Option<Port>, Action),
    /// After it had left its sender: by a route, a gateway, or for want of a receiver.
    Beyond,
}

impl Refused {
    fn of(snapshot: &Snapshot, from: Port, packet: &Packet, reason: &DropReason) -> Self {
        let port = |interface| snapshot.interface_by_id(interface).map(|interface| interface.port);
        let acl_of = |port| {
            let subnet = snapshot.subnet(snapshot.interface(port)?.subnet)?;
            Some(subnet.network_acl)
        };
        match *reason {
            DropReason::UnknownPort { .. }
            | DropReason::Malformed
            | DropReason::UnsupportedEtherType { .. }
            | DropReason::Broadcast
            | DropReason::Multicast
            | DropReason::Unanswered
            | DropReason::FragmentWithoutFirst
            | DropReason::SlowPathBudget { .. }
            | DropReason::SpoofedMac { .. }
            | DropReason::SpoofedAddress { .. }
            | DropReason::InvalidSource { .. }
            | DropReason::InvalidDestination { .. }
            | DropReason::NoSuchService { .. }
            | DropReason::DnsSupportDisabled { .. }
            | DropReason::ServiceProtocol { .. }
            | DropReason::UnsolicitedByService
            | DropReason::UnknownServiceConnection => Self::Unseen,
            DropReason::SourceCheck { .. } | DropReason::NoEgressRule { .. } | DropReason::FlowTableFull => {
                Self::AtSender(Action::Reject)
            }
            DropReason::DestinationCheck { interface, .. } | DropReason::NoIngressRule { interface } => {
                Self::AtReceiver(port(interface), Action::Reject)
            }
            DropReason::TrackingTableFull { interface } => match port(interface) {
                Some(port) if port == from => Self::AtSender(Action::Reject),
                port => Self::AtReceiver(port, Action::Reject),
            },
            // The subnet of a gateway's interface may have refused it, too; that is beyond the sender.
            DropReason::NetworkAclDenied { acl, direction: Direction::Egress, .. } => match acl_of(from) {
                Some(own) if own == acl => Self::AtSender(Action::Reject),
                _ => Self::Beyond,
            },
            DropReason::NetworkAclDenied { acl, direction: Direction::Ingress, .. } => {
                let receiver = snapshot
                    .interface(from)
                    .and_then(|sender| snapshot.port_of_address(sender.vpc, packet.destination))
                    .filter(|&port| acl_of(port) == Some(acl));
                Self::AtReceiver(receiver, Action::Reject)
            }
            // Its rules have let it in.
            DropReason::NoEndpointService { interface } => {
                let receiver = snapshot.interface_by_id(interface).map(|interface| interface.port);
                Self::AtReceiver(receiver, Action::Accept)
            }
            DropReason::PublicAccessBlocked { subnet } => {
                let is_senders = snapshot.interface(from).is_some_and(|sender| sender.subnet == subnet);
                if is_senders { Self::AtSender(Action::RejectPublicAccess) } else { Self::Beyond }
            }
            _ => Self::Beyond,
        }
    }
}

/// Addresses and ports of a packet.
#[derive(Clone, Copy)]
struct Addresses {
    source: IpAddr,
    destination: IpAddr,
    protocol: Protocol,
    source_port: u16,
    destination_port: u16,
}

impl Addresses {
    fn of(packet: &Packet) -> Self {
        let (source_port, destination_port) = match packet.transport {
            Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
                (source, destination)
            }
            Transport::Icmp { .. } | Transport::Other | Transport::Continuation => (0, 0),
        };
        let Packet { source, destination, protocol, .. } = *packet;
        Self { source, destination, protocol, source_port, destination_port }
    }

    /// The same as the receiver sees them.
    fn rewritten(self, rewrite: &Rewrite) -> Self {
        let mut seen = self;
        if let Some(source) = rewrite.source {
            (seen.source, seen.source_port) = (source.address, source.port);
        }
        if let Some(destination) = rewrite.destination {
            (seen.destination, seen.destination_port) = (destination.address, destination.port);
        }
        seen
    }
}

/// Counts at a port, if that has a log.
fn count(
    collector: &mut Collector,
    port: Port,
    direction: Direction,
    seen: Addresses,
    action: Action,
    counts: Counts,
) {
    let Some(interface) = collector.interface(port) else { return };
    let Addresses { source, destination, protocol, source_port, destination_port } = seen;
    let flow =
        Flow { interface, direction, source, destination, protocol, source_port, destination_port, action };
    collector.count(flow, counts);
}

fn counts_of(packet: &Packet, now: Millis) -> Counts {
    let flags = match packet.transport {
        Transport::Tcp { flags, .. } => flags,
        _ => TcpFlags::default(),
    };
    Counts::at(now.0.cast_signed(), 1, u64::from(packet.length_bytes), flags.0)
}

/// A packet was let through.
pub(crate) fn passed(
    collector: &mut Collector,
    from: Port,
    packet: &Packet,
    (to, rewrite): (Port, &Rewrite),
    now: Millis,
) {
    left(collector, from, packet, now);
    arrived(collector, packet, (to, rewrite), now);
}

/// A packet was let through by its sender's end, and is under way.
pub(crate) fn left(collector: &mut Collector, from: Port, packet: &Packet, now: Millis) {
    let counts = counts_of(packet, now);
    count(collector, from, Direction::Egress, Addresses::of(packet), Action::Accept, counts);
}

/// A packet has come to its receiver's end, by which it was let through.
pub(crate) fn arrived(
    collector: &mut Collector,
    packet: &Packet,
    (to, rewrite): (Port, &Rewrite),
    now: Millis,
) {
    let (seen, counts) = (Addresses::of(packet).rewritten(rewrite), counts_of(packet, now));
    count(collector, to, Direction::Ingress, seen, Action::Accept, counts);
}

/// A packet was not. What leaves its sender is accepted there, whatever becomes of it.
pub(crate) fn refused(
    collector: &mut Collector,
    snapshot: &Snapshot,
    from: Port,
    packet: &Packet,
    reason: &DropReason,
    now: Millis,
) {
    let (sent, counts) = (Addresses::of(packet), counts_of(packet, now));
    let mut at = |port, direction, seen, action| count(collector, port, direction, seen, action, counts);
    match Refused::of(snapshot, from, packet, reason) {
        Refused::Unseen => {}
        Refused::AtSender(action) => at(from, Direction::Egress, sent, action),
        Refused::AtReceiver(receiver, action) => {
            at(from, Direction::Egress, sent, Action::Accept);
            let Some(receiver) = receiver else { return };
            let public = snapshot.interface(receiver).and_then(|interface| {
                let stands_for = |public: &&vpc_model::PublicIpv4| sent.destination == public.public;
                interface.public_ipv4.iter().find(stands_for)
            });
            let destination = public.map_or(sent.destination, |public| public.private.into());
            at(receiver, Direction::Ingress, Addresses { destination, ..sent }, action);
        }
        Refused::Beyond => at(from, Direction::Egress, sent, Action::Accept),
    }
}

/// What an entry of the cache has carried since the last time. The first packet of what answers a SYN is the SYN with ACK,
/// of which the cache keeps no flags.
pub(crate) fn carried(
    collector: &mut Collector,
    key: &abi::FlowKey,
    entry: &abi::FlowEntry,
    activity: &Activity,
    answers_syn: bool,
    seen: Millis,
) {
    let Some(plan) = cache_entry_of(key, entry) else { return };
    let CacheKey { source, destination, protocol, source_port, destination_port } = plan.key;
    let sent = Addresses { source, destination, protocol, source_port, destination_port };
    let flags = match answers_syn && !activity.flags.contains(TcpFlags::RST) {
        true => activity.flags.with(TcpFlags::SYN).with(TcpFlags::ACK),
        false => activity.flags,
    };
    let counts = Counts::at(seen.0.cast_signed(), activity.packets, activity.bytes, flags.0);
    count(collector, plan.from, Direction::Egress, sent, Action::Accept, counts);
    count(collector, plan.to, Direction::Ingress, sent.rewritten(&plan.rewrite), Action::Accept, counts);
}
