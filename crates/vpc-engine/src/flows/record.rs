//! What outlives a daemon: tracked connections as records, and the events that keep a journal of them.
//!
//! Owns the record and the events. Refuses to know where a journal is kept.

use serde::{Deserialize, Serialize};

use super::key::FlowKey;
use super::state::{FlowState, Progress, Timeouts};
use crate::time::Millis;

/// One interface's record of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowRecord {
    /// What identifies it.
    pub key: FlowKey,
    /// For a connection with a service of the link: the other half of the translation.
    pub translated: Option<FlowKey>,
    /// Whether the interface itself began it.
    pub opened_by_local: bool,
    /// When its first packet was seen.
    pub opened: Millis,
    /// When its last known packet was seen.
    pub last_seen: Millis,
    /// Packets that the interface sent, as far as known.
    pub packets_sent: u64,
    /// Packets that it received.
    pub packets_received: u64,
    /// Bytes that it sent, IP headers included.
    pub bytes_sent: u64,
    /// Bytes that it received.
    pub bytes_received: u64,
    pub(crate) progress: Progress,
    pub(crate) timeouts: Timeouts,
}

impl FlowRecord {
    /// Its state.
    pub fn state(&self) -> FlowState {
        self.progress.state
    }

    /// Whether it is what a NAT gateway tracks of the far side of a connection that it translates: its own address and port,
    /// and who they are used with.
    pub fn is_translation(&self) -> bool {
        self.timeouts == Timeouts::NAT && self.opened_by_local
    }

    /// When it is forgotten unless another packet is seen.
    pub fn deadline(&self) -> Millis {
        self.last_seen.plus_secs(self.timeouts.secs(self.progress.state))
    }
}

/// What happened to a tracked connection at one interface. A connection between two interfaces that both track it makes
/// events for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlowEvent {
    /// It is new.
    Opened(FlowRecord),
    /// It is in another state, which has another timeout.
    Changed(FlowRecord),
    /// It is gone, and what a cache holds for it must go too.
    Closed(FlowRecord, CloseReason),
}

/// Why a connection is no longer tracked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CloseReason {
    /// Nothing was seen of it for as long as its state may idle. A TCP connection that was closed by both sides ends
    /// this way a few seconds later.
    Idle,
    /// A TCP RST.
    Reset,
    /// A new connection has the same key.
    Replaced,
    /// Its interface is gone, or another one has its port.
    PortGone,
    /// The other half of its translation is gone.
    TranslationGone,
}
