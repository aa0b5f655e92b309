//! The states of a tracked connection and how long each may idle.
//!
//! Owns the state machines of TCP and UDP as one interface sees them. Refuses to know where a connection is stored.
//!
//! ```text
//! TCP    SYN            reply, then ACK of the opener       FIN both ways
//!  ---> Opening --------------------------> Established ------------------> Closing ---> closed (5 s)
//!            |  (a segment without SYN, to  ^             | FIN one way        |
//!            |   a service, enters here)                  v                    |
//!            |                                        HalfClosed --------------+
//!            +---------------- RST in any state: closed at once
//! UDP    ---> Exchange ---- second request answered ----> Stream
//! ```

use serde::{Deserialize, Serialize};
use vpc_model::{IdleTimeouts, Protocol};

use crate::packet::TcpFlags;

/// How long an unanswered TCP handshake is tracked. AWS publishes no number.
pub const TCP_OPENING_SECS: u32 = 60;
/// How long a TCP connection that one side has closed is tracked when idle. AWS publishes no number.
pub const TCP_HALF_CLOSED_SECS: u32 = 600;
/// How long a TCP connection that both sides have closed is remembered, for late segments.
pub const TCP_CLOSING_SECS: u32 = 5;
/// How long an ICMP query is tracked. AWS publishes no number; this is Linux's.
pub const ICMP_SECS: u32 = 30;
/// How long other protocols are tracked, by address and protocol (fact 25).
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html>
pub const OTHER_PROTOCOLS_SECS: u32 = 600;

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FlowState {
    /// TCP: a SYN was seen, the handshake is not complete.
    Opening,
    /// TCP: data may flow.
    Established,
    /// TCP: one side has sent FIN.
    HalfClosed,
    /// TCP: both sides have sent FIN. No longer counts as a connection of the interface.
    Closing,
    /// UDP: at most one request and its response.
    Exchange,
    /// UDP: more than one request with a response.
    Stream,
    /// ICMP.
    Icmp,
    /// Any other protocol.
    Other,
}

/// Which side of the connection a packet is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The one that began.
    Opener,
    /// The other one.
    Responder,
}

/// State and what it takes to advance it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) state: FlowState,
    /// TCP: which sides have sent FIN. UDP: unused.
    fin_from_opener: bool,
    fin_from_responder: bool,
    /// Whether the responder has sent anything.
    answered: bool,
    /// UDP: whether the opener has sent again since the first response.
    asked_again: bool,
}

/// What a packet does to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It stays as it was.
    Same,
    /// It is in another state.
    Changed,
    /// It is over.
    Closed,
}

impl Progress {
    /// The progress of a connection at its first packet.
    pub(crate) fn begin(protocol: Protocol, flags: TcpFlags) -> Self {
        let state = match protocol {
            Protocol::TCP if flags.opens() => FlowState::Opening,
            Protocol::TCP if flags.contains(TcpFlags::FIN) => FlowState::HalfClosed,
            Protocol::TCP => FlowState::Established,
            Protocol::UDP => FlowState::Exchange,
            Protocol::ICMP | Protocol::ICMPV6 => FlowState::Icmp,
            _ => FlowState::Other,
        };
        let fin = state == FlowState::HalfClosed;
        Self { state, fin_from_opener: fin, fin_from_responder: false, answered: false, asked_again: false }
    }

    /// Whether a TCP segment with these flags is to be judged as a new connection although this one is known: a SYN,
    /// unless it repeats the SYN that is being answered, or crosses it.
    pub(crate) fn restarts(&self, flags: TcpFlags) -> bool {
        flags.opens() && self.state != FlowState::Opening
    }

    /// Takes a packet into account.
    pub(crate) fn advance(&mut self, side: Side, flags: TcpFlags) -> Step {
        let before = self.state;
        match self.state {
            FlowState::Opening | FlowState::Established | FlowState::HalfClosed | FlowState::Closing => {
                if flags.contains(TcpFlags::RST) {
                    return Step::Closed;
                }
                self.advance_tcp(side, flags);
            }
            FlowState::Exchange => match side {
                Side::Opener => self.asked_again = self.answered,
                Side::Responder if self.asked_again => self.state = FlowState::Stream,
                Side::Responder => self.answered = true,
            },
            FlowState::Stream | FlowState::Icmp | FlowState::Other => {}
        }
        if self.state == before { Step::Same } else { Step::Changed }
    }

    fn advance_tcp(&mut self, side: Side, flags: TcpFlags) {
        let fin = flags.contains(TcpFlags::FIN);
        match side {
            Side::Opener => {
                if self.state == FlowState::Opening && self.answered && flags.contains(TcpFlags::ACK) {
                    self.state = FlowState::Established;
                }
                self.fin_from_opener |= fin;
            }
            Side::Responder => {
                self.answered = true;
                self.fin_from_responder |= fin;
            }
        }
        match (self.fin_from_opener, self.fin_from_responder) {
            (true, true) => self.state = FlowState::Closing,
            (true, false) | (false, true) => self.state = FlowState::HalfClosed,
            (false, false) => {}
        }
    }
}

/// How long a connection through a NAT gateway may idle, whatever its protocol (fact 43).
/// <https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html#nat-gateway-troubleshooting-timeout>
pub const NAT_IDLE_SECS: u32 = 350;

/// How long each state may idle, in seconds. Written to journals as the interface's own timeouts once were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Timeouts {
    tcp_established_secs: u32,
    udp_stream_secs: u32,
    udp_secs: u32,
}

impl From<IdleTimeouts> for Timeouts {
    fn from(timeouts: IdleTimeouts) -> Self {
        Self {
            tcp_established_secs: timeouts.tcp_established_secs(),
            udp_stream_secs: timeouts.udp_stream_secs(),
            udp_secs: timeouts.udp_secs(),
        }
    }
}

impl Timeouts {
    /// Those of a NAT gateway. No interface's UDP timeouts are as long, which tells them apart.
    pub(crate) const NAT: Self =
        Self { tcp_established_secs: NAT_IDLE_SECS, udp_stream_secs: NAT_IDLE_SECS, udp_secs: NAT_IDLE_SECS };

    pub(crate) fn secs(&self, state: FlowState) -> u32 {
        match state {
            FlowState::Closing => TCP_CLOSING_SECS,
            _ if *self == Self::NAT => NAT_IDLE_SECS,
            FlowState::Opening => TCP_OPENING_SECS,
            FlowState::Established => self.tcp_established_secs,
            FlowState::HalfClosed => TCP_HALF_CLOSED_SECS.min(self.tcp_established_secs),
            FlowState::Exchange => self.udp_secs,
            FlowState::Stream => self.udp_stream_secs,
            FlowState::Icmp => ICMP_SECS,
            FlowState::Other => OTHER_PROTOCOLS_SECS,
        }
    }
}
