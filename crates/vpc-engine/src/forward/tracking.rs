//! What connection tracking says to a packet, and what it takes from it.
//!
//! Owns when a packet belongs to a known connection and when a new one begins. Refuses to know rules and routes.

use vpc_model::{Port, Protocol};

use crate::flows::{
    Account, EntryId, Flows, Opening, PackedKey, Progress, Seen, Timeouts, Tuple, TupleKind, Way,
};
use crate::packet::{Packet, TcpFlags, Transport};
use crate::reason::DropReason;
use crate::snapshot::PluggedInterface;
use crate::time::Millis;

/// How a packet got past the rules of one interface.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gate {
    /// It belongs to the connection in that slot (fact 22).
    Known(u32),
    /// It is an ICMP error about a known connection.
    Related,
    /// A rule let it pass.
    Passed {
        /// Whether the connection is to be tracked.
        track: bool,
    },
}

/// One of the two interfaces of a connection, with what it sees of a packet that has passed its gate.
#[derive(Clone, Copy)]
pub(crate) struct End<'a> {
    pub(crate) plugged: &'a PluggedInterface,
    pub(crate) way: Way,
    pub(crate) gate: Gate,
    pub(crate) packet: &'a Packet,
    pub(crate) tuple: &'a Tuple,
}

/// The TCP flags of a packet; none for other protocols.
pub(crate) fn flags(packet: &Packet) -> TcpFlags {
    match packet.transport {
        Transport::Tcp { flags, .. } => flags,
        _ => TcpFlags::default(),
    }
}

/// What one packet tells an entry, whose local end sent it or did not.
pub(crate) fn seen(packet: &Packet, sent_by_local: bool, now: Millis) -> Seen {
    Seen { sent_by_local, flags: flags(packet), packets: 1, bytes: u64::from(packet.length_bytes), at: now }
}

/// Whether an interface tracks the connection of a packet that it sends or receives.
pub(crate) fn known(
    flows: &Flows,
    port: Port,
    way: Way,
    packet: &Packet,
    tuple: &Tuple,
    now: Millis,
) -> Option<Gate> {
    if matches!(tuple.kind, TupleKind::Message { .. }) {
        return related(flows, port, way, packet, now);
    }
    let slot = flows.table.find(&PackedKey::new(port, way, tuple), now)?;
    // A new connection must be allowed by the rules of now, even if it reuses the ports of an old one.
    (!flows.table.restarts(slot, flags(packet))).then_some(Gate::Known(slot))
}

/// Whether a packet is an ICMP error about a packet that went the other way on a known connection. Whoever received
/// that packet sends the error, and it goes to who sent the packet.
fn related(flows: &Flows, port: Port, way: Way, packet: &Packet, now: Millis) -> Option<Gate> {
    let Transport::Icmp { about: Some(inner), .. } = packet.transport else { return None };
    if inner.source != packet.destination {
        return None;
    }
    let opposite = match way {
        Way::Out => Way::In,
        Way::In => Way::Out,
    };
    let key = PackedKey::new(port, opposite, &Tuple::of_inner(&inner));
    flows.table.find(&key, now).map(|_| Gate::Related)
}

/// Whether a packet can begin a connection: of TCP what opens one, else neither replies nor errors.
///
/// A TCP segment within a connection that is not tracked has to be let pass by a rule, and so has each that answers it.
/// Otherwise what a server happens to send after its rule has gone would bring an untracked connection back, which is to be
/// cut (fact 23).
pub(crate) fn begins(packet: &Packet, tuple: &Tuple) -> bool {
    match tuple.kind {
        TupleKind::Ports { .. } => tuple.protocol != Protocol::TCP || flags(packet).opens(),
        TupleKind::Query { is_reply, .. } => !is_reply,
        TupleKind::Message { .. } => false,
    }
}

/// Whether later packets of the connection will pass both interfaces as this one did: because it is tracked, or because
/// it need not be. Not so for replies, errors and resets that a rule let pass: they begin nothing. An end that is no
/// interface lets everything pass.
pub(crate) fn lasts(ends: [Option<End<'_>>; 2], packet: &Packet, tuple: &Tuple) -> bool {
    let begins = begins(packet, tuple);
    let is_remembered = |end: Option<End<'_>>| match end.map(|end| end.gate) {
        None | Some(Gate::Known(_) | Gate::Passed { track: false }) => true,
        Some(Gate::Passed { track: true }) => begins,
        Some(Gate::Related) => false,
    };
    let flags = flags(packet);
    let closes = flags.contains(TcpFlags::RST) || flags.contains(TcpFlags::FIN);
    ends.into_iter().all(is_remembered) && !closes
}

/// Takes a packet that has passed all gates into account at both interfaces, with room left for so many further entries.
/// Answers where it is tracked, unless it ended with this packet.
pub(crate) fn track(
    flows: &mut Flows,
    ends: [Option<End<'_>>; 2],
    further_entries: usize,
    now: Millis,
) -> Result<[Option<EntryId>; 2], DropReason> {
    let is_new =
        |end: &End<'_>| begins(end.packet, end.tuple) && matches!(end.gate, Gate::Passed { track: true });
    for end in ends.iter().flatten().filter(|end| is_new(end)) {
        make_room(flows, end.plugged, further_entries, now)?;
    }
    if further_entries > 0 && flows.len() + 2 + further_entries > flows.entries_max {
        flows.expire(now);
        if flows.len() + 2 + further_entries > flows.entries_max {
            return Err(DropReason::FlowTableFull);
        }
    }
    Ok(ends.map(|end| {
        let end = end?;
        let seen = seen(end.packet, end.way == Way::Out, now);
        let timeouts = Timeouts::from(end.plugged.idle_timeouts);
        match end.gate {
            Gate::Known(slot) => {
                flows.table.set_timeouts(slot, timeouts);
                flows.table.advance(slot, seen).then(|| flows.table.id(slot))
            }
            _ if is_new(&end) => {
                let opening = Opening {
                    key: PackedKey::new(end.plugged.port, end.way, end.tuple),
                    account: Account::Tracked,
                    opened_by_local: end.way == Way::Out,
                    progress: Progress::begin(end.tuple.protocol, flags(end.packet)),
                    timeouts,
                };
                let slot = flows.table.open(opening, seen);
                Some(flows.table.id(slot))
            }
            Gate::Passed { .. } | Gate::Related => None,
        }
    }))
}

/// Checks the limits before a connection is added (fact 27). What is idle is forgotten first.
fn make_room(
    flows: &mut Flows,
    plugged: &PluggedInterface,
    further_entries: usize,
    now: Millis,
) -> Result<(), DropReason> {
    let limit = plugged.tracking_limit;
    let port = plugged.port;
    // A connection may add an entry at each of its two ends.
    let is_full = |flows: &Flows| flows.len() + 2 + further_entries > flows.entries_max;
    if flows.tracked(port) >= limit || is_full(flows) {
        flows.expire(now);
    }
    if flows.tracked(port) >= limit {
        return Err(DropReason::TrackingTableFull { interface: plugged.interface.id });
    }
    if is_full(flows) { Err(DropReason::FlowTableFull) } else { Ok(()) }
}
