//! What NAT gateways have in use, as the flow cache's program has to know it before it lets a connection in by itself.
//!
//! The program takes a gateway's port by putting it in a map, which fails when another connection has it; here the map is
//! kept equal to what the engine tracks. Refuses to know how ports are chosen.

use hashbrown::HashSet;
use host_ebpf::{FlowCache, FlowCacheError};
use vpc_abi as abi;
use vpc_engine::flows::FlowRecord;
use vpc_engine::{Flows, Millis};
use vpc_model::Protocol;

use crate::entry::{flow_sending, key_sent};

/// What is known of the map.
#[derive(Default)]
pub(crate) struct Translations {
    /// What a predecessor left that no known connection has. The program may have put it there for one not heard of yet.
    unknown: Vec<abi::FlowKey>,
    /// Whether something found no place in the map, so that the program cannot know what is free.
    is_incomplete: bool,
}

impl Translations {
    /// Completes what a predecessor left. [`Self::remove_unknown`] is for when all that the program had to report was heard.
    pub(crate) fn adopt(&mut self, cache: &mut FlowCache, flows: &Flows) -> Result<(), FlowCacheError> {
        let known: HashSet<abi::FlowKey> = keys(flows).collect();
        let found: HashSet<abi::FlowKey> = cache.translations()?.into_iter().collect();
        for key in known.difference(&found) {
            self.take(cache, key)?;
        }
        self.unknown = found.difference(&known).copied().collect();
        Ok(())
    }

    /// Gives back what a predecessor left and nobody has.
    pub(crate) fn remove_unknown(
        &mut self,
        cache: &mut FlowCache,
        flows: &Flows,
    ) -> Result<(), FlowCacheError> {
        if self.unknown.is_empty() {
            return Ok(());
        }
        let known: HashSet<abi::FlowKey> = keys(flows).collect();
        let unknown = self.unknown.drain(..).filter(|key| !known.contains(key));
        unknown.map(|key| cache.give_translation_back(&key)).fold(Ok(()), Result::and)
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

    /// Gives back what the program has taken for a connection that is not to be, unless another one has it.
    pub(crate) fn give_back(
        &mut self,
        cache: &mut FlowCache,
        taken: &abi::FlowKey,
        flows: &Flows,
        now: Millis,
    ) -> Result<(), FlowCacheError> {
        let is_known = flow_sending(taken).is_some_and(|key| flows.tracks(&key, now));
        if is_known { Ok(()) } else { cache.give_translation_back(taken) }
    }

    /// Whether the program knows all that is in use.
    pub(crate) fn is_complete(&self) -> bool {
        !self.is_incomplete
    }

    fn take(&mut self, cache: &mut FlowCache, key: &abi::FlowKey) -> Result<(), FlowCacheError> {
        self.is_incomplete |= !cache.take_translation(key)?;
        Ok(())
    }
}

/// Only TCP connections are let in by the program.
fn is_of_interest(record: &FlowRecord) -> bool {
    record.key.protocol == Protocol::TCP && record.is_translation()
}

fn keys(flows: &Flows) -> impl Iterator<Item = abi::FlowKey> {
    flows.records().filter(is_of_interest).map(|record| key_sent(&record.key))
}
