//! What NAT gateways have in use, as the flow cache's program has to know it before it lets a connection in by itself.
//!
//! The program takes a gateway's port by putting it in a map, which fails when another connection has it; here the map is
//! kept equal to what the engine tracks, by what opens and ends, and by a sweep for what the program has taken in vain.
//! Refuses to know how ports are chosen.

use hashbrown::HashMap;
use host_ebpf::{FlowCache, FlowCacheError};
use vpc_abi as abi;
use vpc_engine::Flows;
use vpc_engine::flows::FlowRecord;
use vpc_model::Protocol;

use crate::clock::CacheTime;
use crate::entry::{flow_sending, key_sent};

/// How long something may be in use without its connection being known here. The program reports a connection when it takes
/// something for it, and every report is heard within a tick.
const UNKNOWN_NS: u64 = 1_000_000_000;

/// What is known of the map.
#[derive(Default)]
pub(crate) struct Translations {
    /// What no known connection has, since when, and in which walk that was seen last.
    unknown: HashMap<abi::FlowKey, (u64, u64)>,
    /// How many walks have ended.
    walks: u64,
    /// Whether something is not in the map that should be, so that the program cannot know what is free.
    is_incomplete: bool,
}

impl Translations {
    /// Completes what a predecessor left.
    pub(crate) fn adopt(&mut self, cache: &mut FlowCache, flows: &Flows) -> Result<(), FlowCacheError> {
        keys(flows).map(|key| self.take(cache, &key)).fold(Ok(()), Result::and)
    }

    /// Notes that a connection has opened, or that it is gone.
    pub(crate) fn note(
        &mut self,
        cache: &mut FlowCache,
        record: &FlowRecord,
        is_open: bool,
    ) -> Result<(), FlowCacheError> {
        match is_open {
            _ if !is_of_interest(record) => Ok(()),
            true => self.take(cache, &key_sent(&record.key)),
            false => cache.give_translation_back(&key_sent(&record.key)),
        }
    }

    /// Whether the program knows all that is in use.
    pub(crate) fn is_complete(&self) -> bool {
        !self.is_incomplete
    }

    /// Looks at the next part of the map, and gives back what no connection has. After a look at all of it, what had no room
    /// is put in again.
    pub(crate) fn sweep(
        &mut self,
        cache: &mut FlowCache,
        flows: &Flows,
        time: CacheTime,
    ) -> Result<(), FlowCacheError> {
        let (now_ns, now) = (time.cache_now_ns(), time.engine_time(time.cache_now_ns()));
        let is_known = |key: &abi::FlowKey| flow_sending(key).is_some_and(|flow| flows.tracks(&flow, now));
        let (found, is_end) = cache.walk_translations()?;
        let mut free = Vec::new();
        for key in found.iter().filter(|key| !is_known(key)) {
            let (since_ns, walk) = self.unknown.entry(*key).or_insert((now_ns, self.walks));
            *walk = self.walks;
            if now_ns.saturating_sub(*since_ns) > UNKNOWN_NS {
                free.push(*key);
            }
        }
        for key in &free {
            self.unknown.remove(key);
            cache.give_translation_back(key)?;
        }
        if is_end {
            self.unknown.retain(|key, (_, walk)| *walk == self.walks && !is_known(key));
            self.walks += 1;
            if std::mem::take(&mut self.is_incomplete) {
                self.adopt(cache, flows)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, cache: &mut FlowCache, key: &abi::FlowKey) -> Result<(), FlowCacheError> {
        let taken = cache.take_translation(key);
        self.is_incomplete |= !matches!(taken, Ok(true));
        taken.map(drop)
    }
}

/// Only TCP connections are let in by the program.
fn is_of_interest(record: &FlowRecord) -> bool {
    record.key.protocol == Protocol::TCP && record.is_translation()
}

fn keys(flows: &Flows) -> impl Iterator<Item = abi::FlowKey> {
    flows.records().filter(is_of_interest).map(|record| key_sent(&record.key))
}
