//! Authoritative connection tracking, per interface, as AWS does it.
//!
//! Owns which connections are known at which interface, their states, their limits and their journal. Refuses to know
//! rules and routes: the forwarding path asks whether a packet belongs to a known connection, and says what to track.
//! Memory is bounded: [`TRACKED_CONNECTIONS_PER_INTERFACE`], [`SERVICE_CONNECTIONS_PER_INTERFACE`] and
//! [`FlowOptions::entries_max`].
//!
//! Architecture invariant: this is state, not a cache. A cache of decisions may lose any entry; this table may not.

mod fragments;
mod key;
mod record;
mod state;
mod table;
mod wheel;

pub use fragments::{FRAGMENTED_PACKETS_PER_INTERFACE, FRAGMENTS_SECS};
pub use key::FlowKey;
pub use record::{CloseReason, FlowEvent, FlowRecord};
pub use state::{
    FlowState, ICMP_SECS, NAT_IDLE_SECS, OTHER_PROTOCOLS_SECS, TCP_CLOSING_SECS, TCP_HALF_CLOSED_SECS,
    TCP_OPENING_SECS,
};

pub(crate) use fragments::Fragments;
pub(crate) use key::{PackedKey, Tuple, TupleKind, Way, address, bits, icmp_query};
pub(crate) use state::{Progress, Timeouts};
pub(crate) use table::{Account, EntryId, Opening, Seen, Table};

use vpc_model::Port;

use crate::packet::TcpFlags;
use crate::snapshot::Snapshot;
use crate::time::Millis;
use crate::verdict::CacheEntry;

/// How many connections an interface tracks unless it is told otherwise. AWS's allowance depends on the instance type
/// and is not published.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html#connection-tracking-throttling>
pub const TRACKED_CONNECTIONS_PER_INTERFACE: u32 = 65_536;

/// How many connections with the services of the link (DNS, metadata, time) an interface has at once. They are apart
/// from the tracked ones, so that names still resolve when those are used up.
///
/// A query that is answered is remembered for 30 s, and AWS lets 1,024 packets a second through to the resolver (fact 62).
pub const SERVICE_CONNECTIONS_PER_INTERFACE: u32 = 32_768;

/// What a [`Flows`] is made with.
#[derive(Clone, Copy, Debug)]
pub struct FlowOptions {
    /// A random number: senders must not be able to guess which connections share a hash bucket.
    pub seed: u64,
    /// The most entries over all interfaces. A connection between two interfaces that both track it is two.
    pub entries_max: usize,
    /// Whether events are kept for [`Flows::drain_events`]. Whoever sets it must drain them.
    pub record_events: bool,
}

impl Default for FlowOptions {
    fn default() -> Self {
        Self { seed: 0x9e37_79b9_7f4a_7c15, entries_max: 1 << 20, record_events: false }
    }
}

/// Connections of one address of a NAT gateway to one destination (fact 41).
/// <https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html>
pub const NAT_CONNECTIONS_PER_DESTINATION: u32 = 55_000;

/// Entries of a connection at a NAT gateway.
pub(crate) const TRANSLATION_ENTRIES: usize = 2;

/// The most translations that a packet passes: a private NAT gateway, a public one, and that of a service of AWS.
pub(crate) const NAT_GATEWAYS_PASSED_MAX: usize = 3;

/// A tracked connection, at the sender, the receiver or both, and at NAT gateways between them. Stays unique after the
/// connection is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId {
    pub(crate) sender: Option<EntryId>,
    pub(crate) receiver: Option<EntryId>,
    pub(crate) nat: [Option<NatFlow>; NAT_GATEWAYS_PASSED_MAX],
}

/// A connection at a NAT gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NatFlow {
    /// The half that the far side sees.
    pub(crate) far: EntryId,
    /// Whether the packet that the flow's id came with goes to the far side.
    pub(crate) is_outward: bool,
}

impl FlowId {
    /// A value that no other flow has, for whoever logs or prints it.
    pub fn bits(self) -> u128 {
        let half = |entry: Option<EntryId>| {
            entry.map_or(0, |entry| u64::from(entry.slot) << 32 | u64::from(entry.generation) | 1 << 63)
        };
        u128::from(half(self.sender)) << 64 | u128::from(half(self.receiver))
    }
}

/// Which way packets went, seen from the delivery that a [`FlowId`] came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlowDirection {
    /// Like that packet.
    Forward,
    /// The other way.
    Reverse,
}

/// Packets of one direction that the engine did not see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// All their TCP flags.
    pub flags: TcpFlags,
    /// How many.
    pub packets: u64,
    /// Their bytes, IP headers included.
    pub bytes: u64,
}

/// The connections of all interfaces.
pub struct Flows {
    pub(crate) table: Table,
    pub(crate) fragments: Fragments,
    pub(crate) entries_max: usize,
}

impl Default for Flows {
    fn default() -> Self {
        Self::new(FlowOptions::default())
    }
}

impl Flows {
    /// No connections.
    pub fn new(options: FlowOptions) -> Self {
        Self {
            table: Table::new(options.seed, options.record_events),
            fragments: Fragments::default(),
            entries_max: options.entries_max,
        }
    }

    /// Forgets every connection.
    pub(crate) fn clear(&mut self) {
        self.table.clear();
        self.fragments = Fragments::default();
    }

    /// How many entries there are over all interfaces.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether nothing is tracked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many connections count against the limit of an interface.
    pub fn tracked(&self, port: Port) -> u32 {
        self.table.used(port, Account::Tracked)
    }

    /// Whether so many more connections of an interface can be tracked, the other end's entries included.
    pub fn has_room(&self, snapshot: &Snapshot, port: Port, connections: u32) -> bool {
        // The cloud's own ports are no interfaces.
        let limit = match port.is_reserved() {
            true => u32::MAX,
            false => snapshot.network().at(port).map_or(0, |plugged| plugged.tracking_limit),
        };
        self.tracked(port).saturating_add(connections) <= limit && self.has_room_for(connections)
    }

    /// Whether so many more connections can be tracked in all, should no interface's limit forbid it, and be translated by a
    /// NAT gateway.
    pub fn has_room_for(&self, connections: u32) -> bool {
        self.len() + (2 + TRANSLATION_ENTRIES) * connections as usize <= self.entries_max
    }

    /// Whether a NAT gateway may translate so many more connections with the address and the destination of that one
    /// (fact 41).
    pub fn has_room_at_gateway(&self, translation: &FlowKey, connections: u32) -> bool {
        let translated = self.table.nat_connections(&PackedKey::from(*translation));
        translated.saturating_add(connections) <= NAT_CONNECTIONS_PER_DESTINATION
    }

    /// Whether a connection is tracked under that key.
    pub fn tracks(&self, key: &FlowKey, now: Millis) -> bool {
        self.table.find(&PackedKey::from(*key), now).is_some()
    }

    /// Reports packets of a flow that a cache let pass, the last of them at `seen`. Answers whether the flow is still
    /// tracked wherever it was; when not, what is cached of it must be dropped, so that the engine decides anew.
    pub fn touch(
        &mut self,
        flow: FlowId,
        direction: FlowDirection,
        activity: Activity,
        seen: Millis,
    ) -> bool {
        let mut alive = true;
        for (entry, is_sender) in [(flow.sender, true), (flow.receiver, false)] {
            let Some(entry) = entry else { continue };
            let Some(slot) = self.table.slot(entry) else {
                alive = false;
                continue;
            };
            let sent_by_local = is_sender == (direction == FlowDirection::Forward);
            let Activity { flags, packets, bytes } = activity;
            alive &= self.table.advance(slot, Seen { sent_by_local, flags, packets, bytes, at: seen });
        }
        for nat in flow.nat.into_iter().flatten() {
            let Some(far) = self.table.slot(nat.far) else {
                alive = false;
                continue;
            };
            let Activity { flags, packets, bytes } = activity;
            let seen = Seen { sent_by_local: true, flags, packets, bytes, at: seen };
            alive &= self.advance_nat(far, nat.is_outward == (direction == FlowDirection::Forward), seen);
        }
        alive
    }

    /// Takes packets of a connection through a NAT gateway into account at both its halves; false when they ended it.
    pub(crate) fn advance_nat(&mut self, far: u32, is_outward: bool, seen: Seen) -> bool {
        let near = self.table.translated(far);
        // The gateway sends on to the far side what the near side has sent it.
        self.table.advance(far, Seen { sent_by_local: is_outward, ..seen })
            && near.is_none_or(|near| self.table.advance(near, Seen { sent_by_local: !is_outward, ..seen }))
    }

    /// How many connections a NAT gateway translates, by the port of its interface.
    pub fn translated(&self, port: Port) -> u32 {
        self.table.used(port, Account::Nat)
    }

    /// Forgets what has been idle for too long, at least once a second or so; answers how many that were. Lookups never
    /// find what is idle for too long, however late this is called. The events say which.
    pub fn expire(&mut self, now: Millis) -> usize {
        self.fragments.expire(now);
        self.table.expire(now)
    }

    /// Forgets everything of a port, whose interface is gone. To be called for each of [`crate::Applied::removed`]
    /// before the port is used again.
    pub fn forget_port(&mut self, port: Port) {
        self.fragments.forget_port(port);
        self.table.forget_port(port);
    }

    /// What has happened since the last call, in order. Empty unless [`FlowOptions::record_events`] is set.
    pub fn drain_events(&mut self) -> impl Iterator<Item = FlowEvent> + '_ {
        self.table.drain_events()
    }

    /// Every connection, for a journal that starts afresh.
    pub fn records(&self) -> impl Iterator<Item = FlowRecord> + '_ {
        self.table.records()
    }

    /// The records of a flow at the sender and at the receiver of the packet that it came with.
    pub fn get(&self, flow: FlowId) -> (Option<FlowRecord>, Option<FlowRecord>) {
        let record = |entry: Option<EntryId>| Some(self.table.record_of(self.table.slot(entry?)?));
        (record(flow.sender), record(flow.receiver))
    }

    /// When a flow is forgotten at one of its places, unless another packet is seen; none when that has happened.
    pub fn deadline(&self, flow: FlowId) -> Option<Millis> {
        let nat = flow.nat.into_iter().flatten().map(|nat| nat.far);
        let entries = flow.sender.into_iter().chain(flow.receiver).chain(nat);
        let deadline = |entry| Some(self.table.record_of(self.table.slot(entry)?).deadline());
        entries.map(deadline).try_fold(Millis(u64::MAX), |least, deadline| Some(least.min(deadline?)))
    }

    /// Whether a flow is still tracked wherever it was.
    pub fn is_alive(&self, flow: FlowId) -> bool {
        let nat = flow.nat.into_iter().flatten().map(|nat| nat.far);
        let entries = flow.sender.into_iter().chain(flow.receiver).chain(nat);
        entries.into_iter().all(|entry| self.table.slot(entry).is_some())
    }

    /// Puts back a connection from a journal. Answers false, and changes nothing, when it would have been forgotten by
    /// now, or is known already.
    pub fn restore(&mut self, record: &FlowRecord, now: Millis) -> bool {
        self.len() < self.entries_max && self.table.restore(record, now)
    }

    /// The flow that a cached decision belongs to, for a daemon that finds entries of its predecessor.
    pub fn find(&self, entry: &CacheEntry, now: Millis) -> Option<FlowId> {
        let sent = Tuple::of_cached(&entry.key);
        let mut received = sent;
        if let Some(source) = entry.rewrite.source {
            received.set_source(source);
        }
        if let Some(destination) = entry.rewrite.destination {
            received.set_destination(destination);
        }
        let id = |port, way, tuple| {
            let slot = self.table.find(&PackedKey::new(port, way, &tuple), now)?;
            Some(self.table.id(slot))
        };
        // Those at NAT gateways cannot be told from here. Whoever adopts entries has the engine decide about each again
        // once intent is given, and learns of them then.
        let flow = FlowId {
            sender: id(entry.from, Way::Out, sent),
            receiver: id(entry.to, Way::In, received),
            ..FlowId::default()
        };
        (flow.sender.is_some() || flow.receiver.is_some()).then_some(flow)
    }
}
