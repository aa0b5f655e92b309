//! Which new connections the flow cache's program lets in by itself.
//!
//! A sender that opens a second connection to the same service gets an admission for it: the decision about the SYN, for
//! all source ports that make no difference. Its further connections cost no upcall; the program reports each, and
//! [`crate::decide`] takes the decision again for the connection's own state. An admission carries the epochs of its
//! ports, so it ends with them like every cached decision.
//!
//! Owns which admissions there are and for how long. Refuses to know what they hold.

use hashbrown::{HashMap, HashSet};
use host_ebpf::{FlowCache, FlowCacheError};
use vpc_abi as abi;
use vpc_model::Port;

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
    in_force: HashMap<abi::FlowKey, InForce>,
    /// Who has opened one connection, and when.
    candidates: HashMap<abi::FlowKey, u64>,
    /// Ports that no admission has to do with, because they have no room for its connections.
    without: HashSet<u32>,
    looked_ns: u64,
}

/// What is known of one.
struct InForce {
    egress_port: u32,
    /// The port of the NAT gateway that translates its connections; none where none is on the way.
    nat_port: Option<u32>,
    used_ns: u64,
}

impl InForce {
    /// Whether a port has to do with it, beside the one that the SYN comes in by.
    fn concerns(&self, port: u32) -> bool {
        self.egress_port == port || self.nat_port == Some(port)
    }
}

impl Admissions {
    pub(crate) fn is_empty(&self) -> bool {
        self.in_force.is_empty()
    }

    /// Takes over what a predecessor left. It is stale as soon as intent is known, and then goes like what is unused.
    pub(crate) fn adopt(&mut self, cache: &FlowCache, time: CacheTime) -> Result<(), FlowCacheError> {
        let now = time.cache_now_ns();
        let in_force =
            |key: abi::FlowKey| (key, InForce { egress_port: key.port, nat_port: None, used_ns: now });
        self.in_force.extend(cache.admitted()?.into_iter().map(in_force));
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
        if !self.in_force.contains_key(&key) {
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
            let egress_port = admission.forward.egress_port;
            let nat_port = Some(admission.translation).filter(|far| far.family != 0).map(|far| far.port);
            let ports = [Some(key.port), Some(egress_port), nat_port];
            for port in ports.into_iter().flatten() {
                self.without.remove(&port);
            }
            self.in_force.insert(key, InForce { egress_port, nat_port, used_ns: now });
        }
        Ok(())
    }

    /// Notes that a connection was let in.
    pub(crate) fn used(&mut self, syn: &abi::FlowKey, time: CacheTime) {
        if let Some(in_force) = self.in_force.get_mut(&service_of(syn)) {
            in_force.used_ns = time.cache_now_ns();
        }
    }

    /// Has the slow path decide about the next connection again.
    pub(crate) fn withdraw(
        &mut self,
        cache: &mut FlowCache,
        syn: &abi::FlowKey,
    ) -> Result<(), FlowCacheError> {
        let key = service_of(syn);
        self.in_force.remove(&key);
        cache.withdraw(&key)
    }

    /// Withdraws every admission of connections that a NAT gateway translates.
    pub(crate) fn withdraw_translated(&mut self, cache: &mut FlowCache) -> Result<(), FlowCacheError> {
        let translated = self.in_force.extract_if(|_, in_force| in_force.nat_port.is_some());
        translated.map(|(key, _)| cache.withdraw(&key)).fold(Ok(()), Result::and)
    }

    /// Withdraws every admission that has to do with a port.
    pub(crate) fn withdraw_of(&mut self, cache: &mut FlowCache, port: Port) -> Result<(), FlowCacheError> {
        let port = port.number();
        if !self.without.insert(port) {
            return Ok(());
        }
        let of_port = self.in_force.extract_if(|key, in_force| key.port == port || in_force.concerns(port));
        of_port.map(|(key, _)| cache.withdraw(&key)).fold(Ok(()), Result::and)
    }

    /// Withdraws every one.
    pub(crate) fn withdraw_all(&mut self, cache: &mut FlowCache) -> Result<(), FlowCacheError> {
        self.in_force.drain().map(|(key, _)| cache.withdraw(&key)).fold(Ok(()), Result::and)
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
        let idle = self.in_force.extract_if(|_, in_force| time.secs_since(in_force.used_ns) > IDLE_SECS);
        idle.map(|(key, _)| cache.withdraw(&key)).fold(Ok(()), Result::and)
    }
}

/// A SYN's key, whatever its source port.
fn service_of(syn: &abi::FlowKey) -> abi::FlowKey {
    abi::FlowKey { source_port: [0; 2], ..*syn }
}
