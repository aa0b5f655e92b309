//! What records are about: flows as one interface sees them, and what was counted of each.
//!
//! Owns what tells flows apart. Refuses to know how packets are decided.

use std::net::IpAddr;

use aws_types::NetworkInterfaceId;
use vpc_model::{Direction, Protocol};

/// TCP flags of which records tell: FIN, SYN and RST, and ACK beside SYN.
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// What became of a flow's packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// They were let through.
    Accept,
    /// They were not.
    Reject,
    /// VPC Block Public Access did not let them through.
    RejectPublicAccess,
}

/// One direction of a flow at one interface: what gets a record of its own in each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The interface.
    pub interface: NetworkInterfaceId,
    /// Whether the interface sends or receives.
    pub direction: Direction,
    /// The packet's own source.
    pub source: IpAddr,
    /// The packet's own destination.
    pub destination: IpAddr,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The source port; 0 where the protocol has none.
    pub source_port: u16,
    /// The destination port; 0 where the protocol has none.
    pub destination_port: u16,
    /// What became of it.
    pub action: Action,
}

impl Flow {
    /// The same without what stands in the place of ports where a protocol has none.
    #[must_use]
    pub fn with_ports_of_protocol(self) -> Self {
        match self.protocol {
            Protocol::TCP | Protocol::UDP => self,
            _ => Self { source_port: 0, destination_port: 0, ..self },
        }
    }
}

/// What was counted of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Packets.
    pub packets: u64,
    /// Their bytes, IP headers included.
    pub bytes: u64,
    /// The flags of their TCP headers that records tell of, ORed.
    pub tcp_flags: u8,
    /// When the first of them was seen, in milliseconds of one clock or another.
    pub first_ms: i64,
    /// When the last was.
    pub last_ms: i64,
}

impl Counts {
    /// Packets that were seen at one time, with the flags of one of them.
    pub fn at(time_ms: i64, packets: u64, bytes: u64, flags: u8) -> Self {
        // An ACK of its own is in every packet but the first, and says nothing; SYN with ACK is the answer to a SYN.
        let kept = if flags & SYN != 0 { FIN | SYN | RST | ACK } else { FIN | RST };
        Self { packets, bytes, tcp_flags: flags & kept, first_ms: time_ms, last_ms: time_ms }
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, more: &Self) {
        self.packets += more.packets;
        self.bytes += more.bytes;
        self.tcp_flags |= more.tcp_flags;
        self.first_ms = self.first_ms.min(more.first_ms);
        self.last_ms = self.last_ms.max(more.last_ms);
    }

    /// The same by a clock that is so many milliseconds ahead.
    #[must_use]
    pub fn shifted(self, ahead_ms: i64) -> Self {
        Self { first_ms: self.first_ms + ahead_ms, last_ms: self.last_ms + ahead_ms, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_those_that_records_tell_of() {
        let flags = |flags| Counts::at(0, 1, 40, flags).tcp_flags;
        assert_eq!(flags(SYN), 2);
        assert_eq!(flags(SYN | ACK), 18);
        assert_eq!(flags(ACK | 0x08), 0);
        assert_eq!(flags(FIN | ACK), 1);
        let mut both = Counts::at(5, 1, 40, SYN);
        both.add(&Counts::at(3, 2, 80, FIN | ACK));
        assert_eq!(both, Counts { packets: 3, bytes: 120, tcp_flags: 3, first_ms: 3, last_ms: 5 });
    }
}
