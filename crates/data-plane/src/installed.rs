//! What is known here of one entry of the flow cache: whose it is, when it was made, and what it has told so far.
//!
//! Refuses to know the cache: an entry's counts are shown to it.

use flow_logs::Collector;
use vpc_abi as abi;
use vpc_engine::{Activity, CacheEntry, CachePlan, FlowDirection, FlowId, TcpFlags};
use vpc_model::Protocol;

use crate::clock::CacheTime;
use crate::entry::{Macs, key_of};
use crate::logged;

/// One entry of the cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Installed {
    pub(crate) flow: Option<FlowId>,
    pub(crate) direction: FlowDirection,
    /// The entry for the other direction, when a plan had both.
    pub(crate) other: Option<abi::FlowKey>,
    /// The link addresses of the frames that it is for.
    pub(crate) macs: Macs,
    /// Whether such a frame was seen; otherwise one is expected.
    pub(crate) is_seen: bool,
    /// Of its two ports and of its domain.
    pub(crate) epochs: Epochs,
    /// Whether what it carries first answers a SYN.
    pub(crate) answers_syn: bool,
    /// When it was installed, in the cache's time.
    pub(crate) since_ns: u64,
    /// Whether its connection is over and it is only there for the last acknowledgement.
    pub(crate) is_retired: bool,
    /// What has been reported to the engine so far.
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) tcp_flags: u32,
    /// The flags that logs have been told of.
    pub(crate) logged_flags: u32,
}

/// The epochs of two ports and of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epochs {
    pub(crate) ingress: u32,
    pub(crate) egress: u32,
    /// 0 where there is no domain.
    pub(crate) domain: u32,
}

/// What an entry that is about to be installed belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Belongs {
    pub(crate) key: abi::FlowKey,
    pub(crate) flow: Option<FlowId>,
    pub(crate) direction: FlowDirection,
    pub(crate) other: Option<abi::FlowKey>,
    pub(crate) answers_syn: bool,
}

impl Belongs {
    /// The entries of a plan; the second is of the replies, if the plan has one.
    pub(crate) fn of(plan: &CachePlan, flow: Option<FlowId>) -> (Self, Option<Self>) {
        let key = key_of(&plan.forward);
        let reverse = plan.reverse.as_ref().map(key_of);
        let direction = FlowDirection::Reverse;
        // Only a packet that opens a connection has source ports that it holds for.
        let answers_syn = plan.source_ports.is_some();
        (
            Self { key, flow, direction: FlowDirection::Forward, other: reverse, answers_syn: false },
            reverse.map(|reverse| Self { key: reverse, flow, direction, other: Some(key), answers_syn }),
        )
    }
}

impl Installed {
    /// What is known of an entry that has carried nothing yet.
    pub(crate) fn new(plan: &CacheEntry, belongs: Belongs, epochs: Epochs, time: CacheTime) -> Self {
        let Belongs { flow, direction, other, answers_syn, .. } = belongs;
        Self {
            flow,
            direction,
            other,
            macs: Macs::new(plan.destination_mac, plan.source_mac),
            is_seen: direction == FlowDirection::Forward,
            epochs,
            answers_syn,
            since_ns: time.cache_now_ns(),
            is_retired: false,
            packets: 0,
            bytes: 0,
            tcp_flags: 0,
            logged_flags: 0,
        }
    }

    /// What an entry has carried that has not been told yet; from now on it has.
    fn news(&mut self, key: &abi::FlowKey, entry: &abi::FlowEntry) -> Option<Activity> {
        let packets = entry.packets.saturating_sub(self.packets);
        let new_flags = entry.tcp_flags & !self.tcp_flags;
        if packets == 0 && new_flags == 0 {
            return None;
        }
        // An established connection's ACK is not among the flags that an entry keeps; anything that passed had it.
        let flags = match Protocol(key.protocol) {
            Protocol::TCP => TcpFlags(new_flags as u8).with(TcpFlags::ACK),
            _ => TcpFlags::default(),
        };
        let activity = Activity { flags, packets, bytes: entry.bytes.saturating_sub(self.bytes) };
        (self.packets, self.bytes, self.tcp_flags) = (entry.packets, entry.bytes, entry.tcp_flags);
        Some(activity)
    }

    /// [`Self::news`], which the logs of the entry's two ports are told, too.
    pub(crate) fn tell(
        &mut self,
        key: &abi::FlowKey,
        entry: &abi::FlowEntry,
        logged: &mut Collector,
        time: CacheTime,
    ) -> Option<Activity> {
        let answers_syn = self.answers_syn && self.packets == 0;
        let activity = self.news(key, entry)?;
        if !logged.is_empty() {
            // The engine may have heard of an end before it was counted.
            let flags = TcpFlags((entry.tcp_flags & !self.logged_flags) as u8);
            self.logged_flags = entry.tcp_flags;
            let (activity, seen) = (Activity { flags, ..activity }, time.engine_time(entry.last_seen_ns));
            logged::carried(logged, key, entry, &activity, answers_syn, seen);
        }
        Some(activity)
    }
}
