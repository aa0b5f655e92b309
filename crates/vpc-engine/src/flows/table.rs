//! The table of tracked connections: a slab, a hash index over it, a list per port, and a timing wheel.
//!
//! Owns storage, lookup, limits and expiry. Refuses to know packets and rules: [`super`] and the forwarding path
//! decide what is stored. Every operation but forgetting a port takes constant time.

use hashbrown::HashTable;
use rustc_hash::FxHashMap;
use vpc_model::Port;

use super::key::PackedKey;
use super::record::{CloseReason, FlowEvent, FlowRecord};
use super::state::{FlowState, Progress, Side, Step, Timeouts};
use super::wheel::{NONE, Wheel};
use crate::packet::TcpFlags;
use crate::services::LinkService;
use crate::time::Millis;

/// A connection's place in the table, and which of the connections that have been there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct EntryId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// Which allowance of its interface a connection uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// The tracked connections.
    Tracked,
    /// The connections with services of the link.
    Service,
    /// The translated connections of a NAT gateway: the half that the far side sees.
    Nat,
    /// None: the other half of a translation, and what is closing.
    Free,
}

/// What a new connection starts with.
pub(crate) struct Opening {
    pub(crate) key: PackedKey,
    pub(crate) account: Account,
    pub(crate) opened_by_local: bool,
    pub(crate) progress: Progress,
    pub(crate) timeouts: Timeouts,
}

/// A packet, or several of the same direction, as a connection is told of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) sent_by_local: bool,
    pub(crate) flags: TcpFlags,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) at: Millis,
}

struct Entry {
    key: PackedKey,
    generation: u32,
    live: bool,
    account: Account,
    opened_by_local: bool,
    progress: Progress,
    timeouts: Timeouts,
    /// The slot of the other half of a translation.
    translated: u32,
    previous_of_port: u32,
    next_of_port: u32,
    opened: Millis,
    last_seen: Millis,
    deadline: Millis,
    packets: [u64; 2],
    bytes: [u64; 2],
}

/// The connections of one port.
#[derive(Clone, Copy)]
struct PortList {
    head: u32,
    tracked: u32,
    services: u32,
    nat: u32,
}

const NO_FLOWS: PortList = PortList { head: NONE, tracked: 0, services: 0, nat: 0 };

/// One address of a NAT gateway and one destination of its connections (fact 41).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct NatPair {
    port: u32,
    local: u128,
    remote: u128,
    remote_port: u16,
    protocol: u8,
}

impl NatPair {
    fn of(key: &PackedKey) -> Self {
        let PackedKey { local, remote, port, remote_port, protocol, .. } = *key;
        Self { port, local, remote, remote_port, protocol }
    }
}

/// Where a connection is, with its key's hash, so that most comparisons and a growing index need not look at the entry.
#[derive(Clone, Copy)]
struct Indexed {
    hash: u32,
    slot: u32,
}

pub(crate) struct Table {
    seed: u64,
    index: HashTable<Indexed>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    ports: Vec<PortList>,
    /// How many connections there are of each pair.
    nat_pairs: FxHashMap<NatPair, u32>,
    wheel: Wheel,
    events: Option<Vec<FlowEvent>>,
}

/// A hash as the index takes it: it uses the lowest bits and the highest ones.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

/// The second in which a deadline has passed for certain.
fn due(deadline: Millis) -> u64 {
    deadline.0.div_ceil(1000)
}

impl Table {
    pub(crate) fn new(seed: u64, record_events: bool) -> Self {
        Self {
            seed,
            index: HashTable::new(),
            entries: Vec::new(),
            free: Vec::new(),
            ports: Vec::new(),
            nat_pairs: FxHashMap::default(),
            wheel: Wheel::new(),
            events: record_events.then(Vec::new),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// The connection with that key, unless it has been idle for too long.
    pub(crate) fn find(&self, key: &PackedKey, now: Millis) -> Option<u32> {
        let slot = self.find_any(key)?;
        (self.entries[slot as usize].deadline > now).then_some(slot)
    }

    fn find_any(&self, key: &PackedKey) -> Option<u32> {
        self.find_hashed(key, key.hash(self.seed))
    }

    fn find_hashed(&self, key: &PackedKey, hash: u32) -> Option<u32> {
        let is_it = |at: &Indexed| at.hash == hash && self.entries[at.slot as usize].key == *key;
        self.index.find(spread(hash), is_it).map(|at| at.slot)
    }

    pub(crate) fn id(&self, slot: u32) -> EntryId {
        EntryId { slot, generation: self.entries[slot as usize].generation }
    }

    /// The slot of a connection that is still in the table.
    pub(crate) fn slot(&self, id: EntryId) -> Option<u32> {
        let entry = self.entries.get(id.slot as usize)?;
        (entry.live && entry.generation == id.generation).then_some(id.slot)
    }

    pub(crate) fn key(&self, slot: u32) -> PackedKey {
        self.entries[slot as usize].key
    }

    /// Whether a TCP segment with these flags begins anew on this connection.
    pub(crate) fn restarts(&self, slot: u32, flags: TcpFlags) -> bool {
        self.entries[slot as usize].progress.restarts(flags)
    }

    /// Whether the near end of a connection has begun it.
    pub(crate) fn opened_by_local(&self, slot: u32) -> bool {
        self.entries[slot as usize].opened_by_local
    }

    /// The other half of a translation.
    pub(crate) fn translated(&self, slot: u32) -> Option<u32> {
        let other = self.entries[slot as usize].translated;
        (other != NONE).then_some(other)
    }

    /// How many connections a port has in an account.
    pub(crate) fn used(&self, port: Port, account: Account) -> u32 {
        let list = self.ports.get(port.index()).unwrap_or(&NO_FLOWS);
        match account {
            Account::Tracked => list.tracked,
            Account::Service => list.services,
            Account::Nat => list.nat,
            Account::Free => 0,
        }
    }

    /// How many connections of a NAT gateway have the address and the destination of a key.
    pub(crate) fn nat_connections(&self, key: &PackedKey) -> u32 {
        self.nat_pairs.get(&NatPair::of(key)).copied().unwrap_or_default()
    }

    /// A number that senders cannot guess, for a key.
    pub(crate) fn hash_of(&self, key: &PackedKey) -> u32 {
        key.hash(self.seed)
    }

    /// Adds a connection and makes its event; an entry that has its key is replaced.
    pub(crate) fn open(&mut self, opening: Opening, seen: Seen) -> u32 {
        let slot = self.place(opening, seen);
        self.announce(slot);
        slot
    }

    /// Makes the event of a new connection.
    pub(crate) fn announce(&mut self, slot: u32) {
        self.record(slot, FlowEvent::Opened);
    }

    /// Adds a connection without an event, for what is not complete yet.
    pub(crate) fn place(&mut self, opening: Opening, seen: Seen) -> u32 {
        let hash = opening.key.hash(self.seed);
        if let Some(old) = self.find_hashed(&opening.key, hash) {
            let idle = self.entries[old as usize].deadline <= seen.at;
            self.close(old, if idle { CloseReason::Idle } else { CloseReason::Replaced });
        }
        let mut entry = Entry {
            key: opening.key,
            generation: 0,
            live: true,
            account: opening.account,
            opened_by_local: opening.opened_by_local,
            progress: opening.progress,
            timeouts: opening.timeouts,
            translated: NONE,
            previous_of_port: NONE,
            next_of_port: NONE,
            opened: seen.at,
            last_seen: seen.at,
            deadline: seen.at.plus_secs(opening.timeouts.secs(opening.progress.state)),
            packets: [0; 2],
            bytes: [0; 2],
        };
        entry.packets[usize::from(!seen.sent_by_local)] = seen.packets;
        entry.bytes[usize::from(!seen.sent_by_local)] = seen.bytes;
        self.insert(entry, hash, seen.at)
    }

    /// Puts an entry into a slot, the index, its port's list and the wheel.
    fn insert(&mut self, mut entry: Entry, hash: u32, now: Millis) -> u32 {
        let slot = self.free.pop().unwrap_or(self.entries.len() as u32);
        let port = entry.key.port as usize;
        if port >= self.ports.len() {
            self.ports.resize(port + 1, NO_FLOWS);
        }
        let list = &mut self.ports[port];
        entry.next_of_port = std::mem::replace(&mut list.head, slot);
        match entry.account {
            Account::Tracked => list.tracked += 1,
            Account::Service => list.services += 1,
            Account::Nat => {
                list.nat += 1;
                *self.nat_pairs.entry(NatPair::of(&entry.key)).or_default() += 1;
            }
            Account::Free => {}
        }
        let (next, deadline) = (entry.next_of_port, entry.deadline);
        match self.entries.get_mut(slot as usize) {
            Some(place) => {
                entry.generation = place.generation.wrapping_add(1);
                *place = entry;
            }
            None => self.entries.push(entry),
        }
        if next != NONE {
            self.entries[next as usize].previous_of_port = slot;
        }
        self.index.insert_unique(spread(hash), Indexed { hash, slot }, |at| spread(at.hash));
        self.wheel.schedule(slot, due(deadline), now.0 / 1000);
        slot
    }

    /// Makes two connections the halves of one translation.
    pub(crate) fn pair(&mut self, one: u32, other: u32) {
        self.entries[one as usize].translated = other;
        self.entries[other as usize].translated = one;
    }

    /// Takes packets of a connection into account; false when they ended it.
    pub(crate) fn advance(&mut self, slot: u32, seen: Seen) -> bool {
        let entry = &mut self.entries[slot as usize];
        let side = if entry.opened_by_local == seen.sent_by_local { Side::Opener } else { Side::Responder };
        let way = usize::from(!seen.sent_by_local);
        entry.packets[way] += seen.packets;
        entry.bytes[way] += seen.bytes;
        entry.last_seen = entry.last_seen.max(seen.at);
        let step = entry.progress.advance(side, seen.flags);
        entry.deadline = entry.last_seen.plus_secs(entry.timeouts.secs(entry.progress.state));
        let due = due(entry.deadline);
        match step {
            Step::Closed => {
                self.close(slot, CloseReason::Reset);
                return false;
            }
            Step::Changed => {
                if entry.progress.state == FlowState::Closing {
                    self.stop_counting(slot);
                }
                self.record(slot, FlowEvent::Changed);
            }
            Step::Same => {}
        }
        // A later deadline is looked at when the earlier one comes.
        if due < self.wheel.due(slot) {
            self.wheel.schedule(slot, due, seen.at.0 / 1000);
        }
        true
    }

    /// Uses new timeouts from the next packet on.
    pub(crate) fn set_timeouts(&mut self, slot: u32, timeouts: Timeouts) {
        self.entries[slot as usize].timeouts = timeouts;
    }

    fn stop_counting(&mut self, slot: u32) {
        let entry = &mut self.entries[slot as usize];
        let list = &mut self.ports[entry.key.port as usize];
        match std::mem::replace(&mut entry.account, Account::Free) {
            Account::Tracked => list.tracked -= 1,
            Account::Service => list.services -= 1,
            Account::Nat => {
                list.nat -= 1;
                let pair = NatPair::of(&entry.key);
                if let Some(count) = self.nat_pairs.get_mut(&pair) {
                    *count -= 1;
                    if *count == 0 {
                        self.nat_pairs.remove(&pair);
                    }
                }
            }
            Account::Free => {}
        }
    }

    /// Removes a connection, and the other half of a translation with it.
    pub(crate) fn close(&mut self, slot: u32, reason: CloseReason) {
        let other = self.entries[slot as usize].translated;
        self.remove(slot, reason);
        if other != NONE {
            self.remove(other, CloseReason::TranslationGone);
        }
    }

    fn remove(&mut self, slot: u32, reason: CloseReason) {
        self.record(slot, |record| FlowEvent::Closed(record, reason));
        self.stop_counting(slot);
        self.wheel.cancel(slot);
        let entry = &mut self.entries[slot as usize];
        entry.live = false;
        let (key, previous, next) = (entry.key, entry.previous_of_port, entry.next_of_port);
        match previous {
            NONE => self.ports[key.port as usize].head = next,
            previous => self.entries[previous as usize].next_of_port = next,
        }
        if next != NONE {
            self.entries[next as usize].previous_of_port = previous;
        }
        if let Ok(found) = self.index.find_entry(spread(key.hash(self.seed)), |at| at.slot == slot) {
            found.remove();
        }
        self.free.push(slot);
    }

    /// Removes what has been idle for too long.
    pub(crate) fn expire(&mut self, now: Millis) -> usize {
        let mut taken = Vec::new();
        self.wheel.advance(now.0 / 1000, |slot| taken.push(slot));
        let mut closed = 0;
        for slot in taken {
            let entry = &self.entries[slot as usize];
            if !entry.live {
                continue;
            }
            if entry.deadline > now {
                self.wheel.schedule(slot, due(entry.deadline), now.0 / 1000);
            } else {
                self.close(slot, CloseReason::Idle);
                closed += 1;
            }
        }
        closed
    }

    /// Removes every connection of a port.
    pub(crate) fn forget_port(&mut self, port: Port) {
        while let Some(&PortList { head, .. }) = self.ports.get(port.index()).filter(|list| list.head != NONE)
        {
            self.close(head, CloseReason::PortGone);
        }
    }

    pub(crate) fn clear(&mut self) {
        for slot in 0..self.entries.len() {
            if self.entries[slot].live {
                self.close(slot as u32, CloseReason::PortGone);
            }
        }
    }

    pub(crate) fn record_of(&self, slot: u32) -> FlowRecord {
        let entry = &self.entries[slot as usize];
        FlowRecord {
            key: entry.key.into(),
            translated: self.translated(slot).map(|other| self.entries[other as usize].key.into()),
            opened_by_local: entry.opened_by_local,
            opened: entry.opened,
            last_seen: entry.last_seen,
            packets_sent: entry.packets[0],
            packets_received: entry.packets[1],
            bytes_sent: entry.bytes[0],
            bytes_received: entry.bytes[1],
            progress: entry.progress,
            timeouts: entry.timeouts,
        }
    }

    fn record(&mut self, slot: u32, event: impl FnOnce(FlowRecord) -> FlowEvent) {
        if self.events.is_some() {
            let event = event(self.record_of(slot));
            self.events.get_or_insert_default().push(event);
        }
    }

    pub(crate) fn drain_events(&mut self) -> impl Iterator<Item = FlowEvent> + '_ {
        self.events.iter_mut().flat_map(|events| events.drain(..))
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = FlowRecord> + '_ {
        let live = self.entries.iter().enumerate().filter(|(_, entry)| entry.live);
        live.map(|(slot, _)| self.record_of(slot as u32))
    }

    /// Puts back what a record says, without an event; false when that connection is idle by now, or known.
    pub(crate) fn restore(&mut self, record: &FlowRecord, now: Millis) -> bool {
        let key = PackedKey::from(record.key);
        let hash = key.hash(self.seed);
        if record.deadline() <= now || self.find_hashed(&key, hash).is_some() {
            return false;
        }
        let account = match (record.key.port, record.translated, record.progress.state) {
            (Port::SERVICES, ..) | (.., FlowState::Closing) => Account::Free,
            // Both halves of a NAT gateway's are at its own port, and the far side's is the one that it opened itself.
            (port, Some(other), _) if other.port == port => match record.opened_by_local {
                true => Account::Nat,
                false => Account::Free,
            },
            // A gateway endpoint's connection counts as any of the interface.
            (_, Some(other), _) if LinkService::at(other.local.address).is_none() => Account::Tracked,
            (_, Some(_), _) => Account::Service,
            (_, None, _) => Account::Tracked,
        };
        let entry = Entry {
            key,
            generation: 0,
            live: true,
            account,
            opened_by_local: record.opened_by_local,
            progress: record.progress,
            timeouts: record.timeouts,
            translated: NONE,
            previous_of_port: NONE,
            next_of_port: NONE,
            opened: record.opened,
            last_seen: record.last_seen,
            deadline: record.deadline(),
            packets: [record.packets_sent, record.packets_received],
            bytes: [record.bytes_sent, record.bytes_received],
        };
        let slot = self.insert(entry, hash, now);
        if let Some(other) = record.translated.and_then(|key| self.find_any(&key.into())) {
            self.pair(slot, other);
        }
        true
    }
}
