//! What is in the flow cache: the engine's plans as entries, which flow each entry belongs to, and what the entries say of
//! packets that the engine did not see.
//!
//! Refuses to decide anything: it installs what a plan says, removes what an event says, and reports what was counted.

use std::collections::{BTreeSet, VecDeque};
use std::os::fd::BorrowedFd;

use flow_logs::Collector;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use host_ebpf::{FlowCache, FlowCacheError};
use smallvec::SmallVec;
use vpc_abi as abi;
use vpc_engine::flows::FlowRecord;
use vpc_engine::{
    Activity, CacheEntry, CachePlan, Domain, FlowDirection, FlowId, Flows, Packet, TcpFlags, Transport,
};
use vpc_model::{Port, Protocol};
use zerocopy::FromZeros;

use crate::admissions::Admissions;
use crate::clock::CacheTime;
use crate::entry::{Macs, cache_entry_of, entry_of, is_cacheable, key_of_packet, key_sent, slot_of_domain};
use crate::installed::{Belongs, Epochs, Installed};
use crate::translations::Translations;

/// How long the entries of a connection that both sides have closed stay, for its last acknowledgement.
const CLOSING_NS: u64 = 200_000_000;
/// How long an entry may be there without its connection being known here. The program reports a connection when it makes
/// its entries, and every report is heard within a tick.
const STRANGER_SECS: u64 = 1;
/// Entries unused for so long are removed; their flow's next packet costs an upcall.
const IDLE_SECS: u64 = 300;
/// The same while the cache is full.
const IDLE_WHEN_FULL_SECS: u64 = 5;

/// The cache, and for each entry in it what is known of it here.
pub(crate) struct Cache {
    cache: FlowCache,
    admissions: Admissions,
    translations: Translations,
    installed: HashMap<abi::FlowKey, Installed>,
    /// By slot: see [`slot_of`] and [`slot_of_domain`].
    epochs: HashMap<u32, u32>,
    is_full: bool,
    /// Entries of connections that both sides have closed, and since when they are.
    closing: VecDeque<(abi::FlowKey, u64)>,
    swept: Vec<(abi::FlowKey, abi::FlowEntry)>,
    /// Entries whose connection is not known, and since when.
    strangers: HashMap<abi::FlowKey, u64>,
    /// Ports whose frames have to come by their host ends, where somebody captures them.
    observed: BTreeSet<Port>,
    /// What was carried from and to ports with a flow log.
    pub(crate) logged: Collector,
}

/// The epoch slot of a port; none beyond the cache's limit.
fn slot_of(port: Port) -> Option<u32> {
    Some(port.number()).filter(|&number| number < abi::PORT_LIMIT)
}

/// An entry that is about to be installed.
struct Prepared {
    key: abi::FlowKey,
    entry: abi::FlowEntry,
    installed: Installed,
}

impl Cache {
    /// A cache without entries of its own, on maps that may hold a predecessor's.
    pub(crate) fn new(cache: FlowCache) -> Self {
        Self {
            cache,
            admissions: Admissions::default(),
            translations: Translations::default(),
            installed: HashMap::new(),
            epochs: HashMap::new(),
            is_full: false,
            closing: VecDeque::new(),
            swept: Vec::new(),
            strangers: HashMap::new(),
            observed: BTreeSet::new(),
            logged: Collector::default(),
        }
    }

    /// Takes over the entries that a predecessor left, and reports what they have counted. Those whose connection is not
    /// known may be of one that the program has let in meanwhile: [`Self::remove_strangers`] is for when its reports were
    /// heard.
    pub(crate) fn adopt(&mut self, flows: &mut Flows, time: CacheTime) -> Result<(), FlowCacheError> {
        let mut found = Vec::new();
        while !self.cache.walk(|key, entry| found.push((*key, *entry)))? {}
        let now = time.engine_time(time.cache_now_ns());
        for (key, entry) in &found {
            let Some(flow) = cache_entry_of(key, entry).and_then(|entry| flows.find(&entry, now)) else {
                self.strangers.insert(*key, time.cache_now_ns());
                continue;
            };
            let installed = Installed {
                flow: Some(flow),
                direction: FlowDirection::Forward,
                other: None,
                macs: Macs(entry.match_macs),
                is_seen: true,
                epochs: Epochs {
                    ingress: entry.ingress_epoch,
                    egress: entry.egress_epoch,
                    domain: entry.domain_epoch,
                },
                answers_syn: false,
                since_ns: entry.last_seen_ns,
                is_retired: false,
                packets: 0,
                bytes: 0,
                tcp_flags: 0,
                logged_flags: entry.tcp_flags,
            };
            self.installed.insert(*key, installed);
            self.report_entry(key, entry, flows, time)?;
        }
        self.admissions.adopt(&self.cache, time)?;
        self.translations.adopt(&mut self.cache, flows)?;
        // Once more for the handshakes of which the opener's half was reported before the answer.
        for (key, entry) in &found {
            if let Some(Installed { flow: Some(flow), direction, .. }) = self.installed.get(key)
                && Protocol(key.protocol) == Protocol::TCP
                && entry.packets > 0
            {
                let activity = Activity { flags: TcpFlags::ACK, packets: 0, bytes: 0 };
                flows.touch(*flow, *direction, activity, time.engine_time(entry.last_seen_ns));
            }
        }
        Ok(())
    }

    /// Takes out the entries of which no connection is known, once everything that the program had to report was heard.
    pub(crate) fn remove_strangers(&mut self) -> Result<(), FlowCacheError> {
        let strangers: Vec<abi::FlowKey> = self.strangers.drain().map(|(key, _)| key).collect();
        for key in strangers.iter().filter(|key| !self.installed.contains_key(*key)) {
            self.cache.remove(key)?;
        }
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.installed.len()
    }

    /// Has frames to these ports come by their host ends, and those to others go to the guests straight.
    pub(crate) fn observe(&mut self, ports: BTreeSet<Port>) -> Result<(), FlowCacheError> {
        let changed: Vec<Port> = self.observed.symmetric_difference(&ports).copied().collect();
        self.observed = ports;
        // What goes otherwise from now on is decided anew.
        changed.into_iter().map(|port| self.bump(port)).fold(Ok(()), Result::and)
    }

    /// Makes every entry that has to do with a port stale.
    pub(crate) fn bump(&mut self, port: Port) -> Result<(), FlowCacheError> {
        slot_of(port).map_or(Ok(()), |slot| self.bump_slot(slot))
    }

    /// Makes every entry that depends on a domain stale.
    pub(crate) fn bump_domain(&mut self, domain: Domain) -> Result<(), FlowCacheError> {
        self.bump_slot(slot_of_domain(domain))
    }

    fn bump_slot(&mut self, slot: u32) -> Result<(), FlowCacheError> {
        if let Some(epoch) = self.epoch(slot)? {
            let next = epoch.wrapping_add(1);
            self.cache.set_epoch(slot, next)?;
            self.epochs.insert(slot, next);
        }
        Ok(())
    }

    fn epoch(&mut self, slot: u32) -> Result<Option<u32>, FlowCacheError> {
        if let Some(&epoch) = self.epochs.get(&slot) {
            return Ok(Some(epoch));
        }
        let epoch = self.cache.epoch(slot)?;
        self.epochs.extend(epoch.map(|epoch| (slot, epoch)));
        Ok(epoch)
    }

    /// The epochs that an entry for a plan has to carry now; none where a port is beyond the cache's limit.
    fn epochs_of(&mut self, plan: &CacheEntry) -> Result<Option<Epochs>, FlowCacheError> {
        let (Some(from), Some(to)) = (slot_of(plan.from), slot_of(plan.to)) else { return Ok(None) };
        let domain = match plan.domain {
            Some(domain) => self.epoch(slot_of_domain(domain))?,
            None => Some(0),
        };
        let (Some(ingress), Some(egress), Some(domain)) = (self.epoch(from)?, self.epoch(to)?, domain) else {
            return Ok(None);
        };
        Ok(Some(Epochs { ingress, egress, domain }))
    }

    /// Installs both directions of a plan, and where the plan holds for more connections and `may_admit`, perhaps an
    /// admission for them.
    pub(crate) fn install(
        &mut self,
        plan: &CachePlan,
        flow: Option<FlowId>,
        may_admit: bool,
        flows: &mut Flows,
        time: CacheTime,
    ) -> Result<(), FlowCacheError> {
        let (forward, reverse) = Belongs::of(plan, flow);
        let forward = self.prepare(&plan.forward, forward, flows, time)?;
        let reverse = match plan.reverse.zip(reverse) {
            Some((entry, belongs)) => self.prepare(&entry, belongs, flows, time)?,
            None => None,
        };
        if let (Some(ports), Some(forward), Some(reverse)) = (plan.source_ports, &forward, &reverse)
            && may_admit
            && ports.from() < ports.to()
            && (plan.translation.is_none() || self.translations.is_complete())
        {
            let translation = plan.translation.as_ref().map(key_sent);
            let translation = translation.unwrap_or_else(abi::FlowKey::new_zeroed);
            let admission = abi::Admission {
                forward: forward.entry,
                reverse: reverse.entry,
                translation: abi::FlowKey { source_port: [0; 2], ..translation },
                first_source_port: ports.from(),
                last_source_port: ports.to(),
            };
            self.admissions.consider(&mut self.cache, &forward.key, &admission, time)?;
        }
        let prepared: SmallVec<[Prepared; 2]> = forward.into_iter().chain(reverse).collect();
        let keys: SmallVec<[abi::FlowKey; 2]> = prepared.iter().map(|prepared| prepared.key).collect();
        let entries: SmallVec<[abi::FlowEntry; 2]> = prepared.iter().map(|prepared| prepared.entry).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let count = self.cache.insert(&keys, &entries)?;
        self.is_full |= count < keys.len();
        for prepared in prepared.into_iter().take(count) {
            self.installed.insert(prepared.key, prepared.installed);
        }
        Ok(())
    }

    /// What is to be installed for one direction; none when it is not to be.
    fn prepare(
        &mut self,
        plan: &CacheEntry,
        belongs: Belongs,
        flows: &mut Flows,
        time: CacheTime,
    ) -> Result<Option<Prepared>, FlowCacheError> {
        if !is_cacheable(&plan.key) {
            return Ok(None);
        }
        let Some(epochs) = self.epochs_of(plan)? else { return Ok(None) };
        let Belongs { key, direction, .. } = belongs;
        let macs = Macs::new(plan.destination_mac, plan.source_mac);
        let is_seen = direction == FlowDirection::Forward;
        if let Some(known) = self.installed.get(&key) {
            // A sender may address its frames otherwise than its peer would expect; the entry for what it was seen to do is
            // better than one for what it is supposed to do, and replacing one by the other forever helps nobody.
            if !is_seen && known.is_seen && known.macs != macs && known.epochs == epochs {
                return Ok(None);
            }
            // What the earlier entry counted goes with it.
            self.report(&key, flows, time)?;
        }
        let mut entry = entry_of(plan, epochs);
        if self.observed.contains(&plan.to) {
            entry.actions &= !abi::ACTION_PEER;
        }
        let installed = Installed::new(plan, belongs, epochs, time);
        Ok(Some(Prepared { key, entry, installed }))
    }

    /// Takes over the entries that the program has made for a connection that it let in, now that the connection is known.
    /// Where its tables have no room for many more, no more are let in unasked.
    pub(crate) fn note_admitted(
        &mut self,
        plan: &CachePlan,
        flow: Option<FlowId>,
        may_admit: bool,
        time: CacheTime,
    ) -> Result<(), FlowCacheError> {
        let (forward, reverse) = Belongs::of(plan, flow);
        for (entry, belongs) in [(Some(&plan.forward), Some(forward)), (plan.reverse.as_ref(), reverse)] {
            let (Some(entry), Some(belongs)) = (entry, belongs) else { continue };
            let Some(epochs) = self.epochs_of(entry)? else { continue };
            if !self.strangers.is_empty() {
                self.strangers.remove(&belongs.key);
            }
            self.installed.insert(belongs.key, Installed::new(entry, belongs, epochs, time));
        }
        if may_admit {
            self.admissions.used(&forward.key, time);
            return Ok(());
        }
        self.admissions.withdraw(&mut self.cache, &forward.key)
    }

    /// Takes out what the program has made for a connection that is not to be.
    pub(crate) fn refuse_admitted(&mut self, syn: &abi::FlowKey) -> Result<(), FlowCacheError> {
        self.admissions.withdraw(&mut self.cache, syn)?;
        let Some(entry) = self.cache.get(syn)? else { return Ok(()) };
        let reverse = abi::FlowKey {
            port: entry.egress_port,
            source: entry.destination,
            destination: entry.source,
            source_port: syn.destination_port,
            destination_port: syn.source_port,
            ..*syn
        };
        for key in [syn, &reverse] {
            self.strangers.remove(key);
            self.installed.remove(key);
            self.cache.remove(key)?;
        }
        Ok(())
    }

    pub(crate) fn has_admissions(&self) -> bool {
        !self.admissions.is_empty()
    }

    /// Notes that a connection has opened or is gone, for what NAT gateways have in use. From when on the program cannot know
    /// all of that, it lets nobody in any more through one.
    pub(crate) fn note_translation(
        &mut self,
        record: &FlowRecord,
        is_open: bool,
    ) -> Result<(), FlowCacheError> {
        let was_complete = self.translations.is_complete();
        let noted = self.translations.note(&mut self.cache, record, is_open);
        if was_complete && !self.translations.is_complete() {
            tracing::warn!(
                "the flow cache has no room for what NAT gateways have in use; new connections go the slow way"
            );
            return noted.and(self.admissions.withdraw_translated(&mut self.cache));
        }
        noted
    }

    /// Goes through the next part of what NAT gateways have in use, and gives back what no connection has.
    pub(crate) fn sweep_translations(
        &mut self,
        flows: &Flows,
        time: CacheTime,
    ) -> Result<(), FlowCacheError> {
        self.translations.sweep(&mut self.cache, flows, time)
    }

    /// Lets in nobody any more that comes from a port or goes to it, or to a NAT gateway's, without asking.
    pub(crate) fn withdraw_admissions_of(&mut self, port: Port) -> Result<(), FlowCacheError> {
        self.admissions.withdraw_of(&mut self.cache, port)
    }

    /// Lets in nobody any more without asking.
    pub(crate) fn withdraw_admissions(&mut self) -> Result<(), FlowCacheError> {
        self.admissions.withdraw_all(&mut self.cache)
    }

    /// Withdraws admissions that nobody has used for long.
    pub(crate) fn withdraw_idle_admissions(&mut self, time: CacheTime) -> Result<(), FlowCacheError> {
        self.admissions.withdraw_idle(&mut self.cache, time)
    }

    /// Takes out what belongs to a connection that is gone, by what an interface sends on it.
    pub(crate) fn forget(&mut self, key: &abi::FlowKey) -> Result<(), FlowCacheError> {
        self.remove_both(key)
    }

    /// Takes out, soon, what carries a connection that both sides have closed, by what an interface sends on it. It will not
    /// be used any more; a cache with nothing but what is used is a fast one, and where an old entry is no new connection
    /// can be let in.
    pub(crate) fn retire(&mut self, key: &abi::FlowKey, time: CacheTime) {
        let Some(known) = self.installed.get_mut(key) else { return };
        let other = known.other;
        if std::mem::replace(&mut known.is_retired, true) {
            return;
        }
        if let Some(other) = other.and_then(|other| self.installed.get_mut(&other)) {
            other.is_retired = true;
        }
        self.closing.push_back((*key, time.cache_now_ns()));
    }

    /// Takes out what was retired long enough ago, and reports what it has carried.
    pub(crate) fn remove_retired(
        &mut self,
        flows: &mut Flows,
        time: CacheTime,
    ) -> Result<(), FlowCacheError> {
        while let Some(&(key, since_ns)) = self.closing.front()
            && since_ns + CLOSING_NS <= time.cache_now_ns()
        {
            let Some(known) = self.installed.get(&key) else {
                self.closing.pop_front();
                continue;
            };
            // The answers are told before what the opener sent: see `report_entry`.
            let both = match known.direction {
                FlowDirection::Forward => [known.other, Some(key)],
                FlowDirection::Reverse => [Some(key), known.other],
            };
            for key in both.into_iter().flatten() {
                let Entry::Occupied(known) = self.installed.entry(key) else { continue };
                // A new connection may have the same key.
                if !known.get().is_retired || known.get().since_ns > since_ns {
                    continue;
                }
                let entry = self.cache.take(&key)?;
                let mut known = known.remove();
                if let Some(entry) = entry
                    && let Some(activity) = known.tell(&key, &entry, &mut self.logged, time)
                    && let Some(flow) = known.flow
                {
                    // What has ended by now needs no more telling, and no entry is left to take out.
                    flows.touch(flow, known.direction, activity, time.engine_time(entry.last_seen_ns));
                }
            }
            self.closing.pop_front();
        }
        Ok(())
    }

    fn remove_both(&mut self, key: &abi::FlowKey) -> Result<(), FlowCacheError> {
        let Some(removed) = self.installed.remove(key) else { return Ok(()) };
        self.cache.remove(key)?;
        if let Some(other) = removed.other
            && self.installed.remove(&other).is_some()
        {
            self.cache.remove(&other)?;
        }
        Ok(())
    }

    /// Tells the engine what the cache knows of the connection whose 5-tuple a SYN asks for again, before it decides.
    pub(crate) fn report_reopened(
        &mut self,
        from: Port,
        packet: &Packet,
        flows: &mut Flows,
        time: CacheTime,
    ) -> Result<(), FlowCacheError> {
        let Transport::Tcp { flags, .. } = packet.transport else { return Ok(()) };
        if !flags.opens() {
            return Ok(());
        }
        let key = key_of_packet(from, packet);
        if self.installed.contains_key(&key) {
            self.report(&key, flows, time)?;
        }
        Ok(())
    }

    /// The oldest SYN, FIN or RST that the cache has let pass and that was not taken off yet.
    pub(crate) fn next_event(&mut self) -> Option<abi::TcpEvent> {
        self.cache.next_event()
    }

    /// Takes that off, now that its consequences are on record.
    pub(crate) fn take_event(&mut self) {
        self.cache.take_event();
    }

    /// Readable when many events wait.
    pub(crate) fn events(&self) -> BorrowedFd<'_> {
        self.cache.events()
    }

    /// Tells the engine of a FIN or RST that the cache has let pass.
    pub(crate) fn report_closing(
        &mut self,
        event: &abi::TcpEvent,
        flows: &mut Flows,
        time: CacheTime,
    ) -> Result<(), FlowCacheError> {
        let Some(known) = self.installed.get_mut(&event.key) else { return Ok(()) };
        let new_flags = event.tcp_flags & !known.tcp_flags;
        let Some(flow) = known.flow else {
            known.tcp_flags |= new_flags;
            self.retire_untracked(&event.key, time);
            return Ok(());
        };
        if new_flags & abi::TCP_RST != 0 {
            // The connection is gone when that is told, so what it has carried is told with it.
            self.report(&event.key, flows, time)?;
        } else if new_flags != 0 {
            known.tcp_flags |= new_flags;
            let activity = Activity { flags: TcpFlags(new_flags as u8), packets: 0, bytes: 0 };
            let seen = time.engine_time(time.cache_now_ns());
            if !flows.touch(flow, known.direction, activity, seen) {
                self.remove_both(&event.key)?;
            }
        }
        Ok(())
    }

    /// Retires what carries a connection that neither end tracks, once both sides have closed it or one has reset it.
    fn retire_untracked(&mut self, key: &abi::FlowKey, time: CacheTime) {
        let flags = |known: &Installed| known.tcp_flags;
        let Some(known) = self.installed.get(key) else { return };
        let other = known.other.and_then(|other| self.installed.get(&other)).map_or(abi::TCP_FIN, flags);
        if known.tcp_flags & abi::TCP_RST != 0 || known.tcp_flags & other & abi::TCP_FIN != 0 {
            self.retire(key, time);
        }
    }

    fn report(
        &mut self,
        key: &abi::FlowKey,
        flows: &mut Flows,
        time: CacheTime,
    ) -> Result<(), FlowCacheError> {
        match self.cache.get(key)? {
            Some(entry) => self.report_entry(key, &entry, flows, time),
            None => {
                self.installed.remove(key);
                Ok(())
            }
        }
    }

    fn report_entry(
        &mut self,
        key: &abi::FlowKey,
        entry: &abi::FlowEntry,
        flows: &mut Flows,
        time: CacheTime,
    ) -> Result<(), FlowCacheError> {
        let Some(known) = self.installed.get_mut(key) else {
            let since = *self.strangers.entry(*key).or_insert(time.cache_now_ns());
            if time.secs_since(since) > STRANGER_SECS {
                self.strangers.remove(key);
                self.cache.remove(key)?;
            }
            return Ok(());
        };
        let Some(flow) = known.flow else {
            known.tell(key, entry, &mut self.logged, time);
            return Ok(());
        };
        // A handshake is over when its opener acknowledges the answer, so the answer has to be told first.
        let is_first = known.packets == 0 && known.direction == FlowDirection::Forward;
        if let Some(other) = known.other.filter(|_| is_first && Protocol(key.protocol) == Protocol::TCP)
            && self.installed.get(&other).is_some_and(|other| other.direction == FlowDirection::Reverse)
        {
            self.report(&other, flows, time)?;
        }
        let Some(known) = self.installed.get_mut(key) else { return Ok(()) };
        let Some(activity) = known.tell(key, entry, &mut self.logged, time) else { return Ok(()) };
        if !flows.touch(flow, known.direction, activity, time.engine_time(entry.last_seen_ns)) {
            self.remove_both(key)?;
        }
        Ok(())
    }

    /// Goes through the next part of the cache: reports what was counted and removes what is idle. Answers whether the
    /// whole cache has been gone through.
    pub(crate) fn sweep(&mut self, flows: &mut Flows, time: CacheTime) -> Result<bool, FlowCacheError> {
        let mut swept = std::mem::take(&mut self.swept);
        swept.clear();
        let is_end = self.cache.walk(|key, entry| swept.push((*key, *entry)));
        let idle_secs = if self.is_full { IDLE_WHEN_FULL_SECS } else { IDLE_SECS };
        for (key, entry) in &swept {
            self.report_entry(key, entry, flows, time)?;
            if let Some(known) = self.installed.get(key)
                && time.secs_since(entry.last_seen_ns.max(known.since_ns)) > idle_secs
            {
                self.cache.remove(key)?;
                self.installed.remove(key);
            }
        }
        self.swept = swept;
        let is_end = is_end?;
        self.is_full &= !is_end;
        Ok(is_end)
    }

    /// Goes through the whole cache at once.
    pub(crate) fn sweep_all(&mut self, flows: &mut Flows, time: CacheTime) -> Result<(), FlowCacheError> {
        self.cache.restart_walk();
        while !self.sweep(flows, time)? {}
        Ok(())
    }
}
