//! Which new connections the flow cache's program lets in by itself.
//!
//! A sender that opens a second connection to the same service gets an admission for it: the decision about the SYN, for
//! all source ports that make no difference. Its further connections cost no upcall; the program reports each, and
//! [`crate::decide`] takes the decision again for the connection's own state. An admission carries the epochs of its
//! ports, so it ends with them like every cached decision.
//!
//! Owns which admissions there are and for how long. Refuses to know what they hold.

use hashbrown::HashMap;
use host_ebpf::{FlowCache, FlowCacheError};
use vpc_abi as abi;

use crate::clock::CacheTime;

/// Admissions unused for so long are withdrawn.
const IDLE_SECS: u64 = 60;
/// How long a first connection is remembered for the second one.
const CANDIDATE_SECS: u64 = 60;
/// First connections remembered at once. Beyond that all are forgotten, which a scan of ports may bring about; who comes
/// again is remembered anew.
const CANDIDATES_MAX: usize = 8192;
/// Between looks at what is idle.
const LOOK_SECS: u64 = 10;

/// The admissions in force, by the key of the SYN without its source port.
#[derive(Default)]
pub(crate) struct Admissions {
    /// When each was last used.
    used_ns: HashMap<abi::FlowKey, u64>,
    /// Who has opened one connection, and when.
    candidates: HashMap<abi::FlowKey, u64>,
    looked_ns: u64,
}

impl Admissions {
    /// Takes over what a predecessor left. It is stale as soon as intent is known, and then goes like what is unused.
    pub(crate) fn adopt(&mut self, cache: &FlowCache, time: CacheTime) -> Result<(), FlowCacheError> {
        let now = time.cache_now_ns();
        self.used_ns.extend(cache.admitted()?.into_iter().map(|key| (key, now)));
        Ok(())
    }

    /// Puts an admission in force if it is the second time that this sender asks for this service.
    pub(crate) fn consider(
        &mut self,
        cache: &mut FlowCache,
        syn: &abi::FlowKey,
        admission: &abi::Admission,
        time: CacheTime,
    ) -> Result<(), FlowCacheError> {
        let key = service_of(syn);
        let now = time.cache_now_ns();
        if !self.used_ns.contains_key(&key) {
            if self.candidates.len() >= CANDIDATES_MAX {
                self.candidates.clear();
            }
            let first = self.candidates.insert(key, now);
            if first.is_none_or(|first| time.secs_since(first) > CANDIDATE_SECS) {
                return Ok(());
            }
            self.candidates.remove(&key);
        }
        if cache.admit(&key, admission)? {
            self.used_ns.insert(key, now);
        }
        Ok(())
    }

    /// Notes that a connection was let in.
    pub(crate) fn used(&mut self, syn: &abi::FlowKey, time: CacheTime) {
        if let Some(used_ns) = self.used_ns.get_mut(&service_of(syn)) {
            *used_ns = time.cache_now_ns();
        }
    }

    /// Has the slow path decide about the next connection again.
    pub(crate) fn withdraw(
        &mut self,
        cache: &mut FlowCache,
        syn: &abi::FlowKey,
    ) -> Result<(), FlowCacheError> {
        let key = service_of(syn);
        self.used_ns.remove(&key);
        cache.withdraw(&key)
    }

    /// Withdraws what has not been used for long.
    pub(crate) fn withdraw_idle(
        &mut self,
        cache: &mut FlowCache,
        time: CacheTime,
    ) -> Result<(), FlowCacheError> {
        if time.secs_since(self.looked_ns) < LOOK_SECS {
            return Ok(());
        }
        self.looked_ns = time.cache_now_ns();
        self.candidates.retain(|_, since| time.secs_since(*since) <= CANDIDATE_SECS);
        let idle = self.used_ns.extract_if(|_, used| time.secs_since(*used) > IDLE_SECS);
        idle.map(|(key, _)| cache.withdraw(&key)).fold(Ok(()), Result::and)
    }
}

/// A SYN's key, whatever its source port.
fn service_of(syn: &abi::FlowKey) -> abi::FlowKey {
    abi::FlowKey { source_port: [0; 2], ..*syn }
}
