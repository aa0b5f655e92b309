//! The packet that is sent, and how it is known again wherever it comes out.
//!
//! Owns its bytes. Refuses to know where it is looked for.

use std::net::IpAddr;

use host_net::{NamespaceError, NetworkNamespace, RawPacket, send_raw};
use vpc_engine::frame::{ETHERNET_BYTES, parse};
use vpc_engine::reach::{Ends, Question};
use vpc_engine::{Packet, TcpFlags, Transport};
use vpc_model::Protocol;

const IPV6_BYTES: usize = 40;
/// What is offered as the window of a connection; nothing is ever sent on it.
const WINDOW: u16 = 64_240;

/// A packet that opens a connection and can be told from all others.
pub(super) struct Probe {
    question: Question,
    /// In the payload; of TCP the sequence number is the first half of it.
    mark: [u8; 16],
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Accepted,
    Reset,
    Datagram,
    PortUnreachable,
    Echo,
}

impl Answer {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Accepted => "the connection was accepted (SYN, ACK)",
            Self::Reset => "the connection was refused (RST): nothing listens there",
            Self::Datagram => "a datagram",
            Self::PortUnreachable => "an ICMP error: nothing listens at that port",
            Self::Echo => "an echo reply",
        }
    }
}

impl Probe {
    /// A packet like that. `random` is never the same twice.
    pub(super) fn new(question: Question, random: u128) -> Self {
        Self { question, mark: random.to_be_bytes() }
    }

    fn sequence(&self) -> u32 {
        let [a, b, c, d, ..] = self.mark;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Has its sender's kernel send it.
    pub(super) fn send(
        &self,
        namespace: &NetworkNamespace,
        device: Option<&str>,
    ) -> Result<(), NamespaceError> {
        let Question { source, destination, protocol, .. } = self.question;
        let body = self.body();
        let packet = RawPacket {
            source: source.address,
            destination: destination.address,
            protocol: protocol.0,
            body: &body,
        };
        send_raw(namespace, &packet, device)
    }

    /// What comes after its IP header.
    fn body(&self) -> Vec<u8> {
        let Question { source, destination, protocol, .. } = self.question;
        let ports = [source.port.to_be_bytes(), destination.port.to_be_bytes()].concat();
        let (mut body, sum_at) = match protocol {
            Protocol::TCP => {
                let [high, low] = WINDOW.to_be_bytes();
                let rest = [0, 0, 0, 0, 0x50, TcpFlags::SYN.0, high, low, 0, 0, 0, 0];
                ([&ports[..], &self.sequence().to_be_bytes(), &rest].concat(), 16)
            }
            Protocol::UDP => {
                let length = (8 + self.mark.len()) as u16;
                ([&ports[..], &length.to_be_bytes(), &[0, 0], &self.mark].concat(), 6)
            }
            _ => {
                let kind = if source.address.is_ipv4() { 8 } else { 128 };
                let [high, low] = source.port.to_be_bytes();
                ([&[kind, 0, 0, 0, high, low, 0, 1][..], &self.mark].concat(), 2)
            }
        };
        let pseudo = match protocol {
            Protocol::ICMP => Vec::new(),
            _ => pseudo_header(source.address, destination.address, protocol, body.len()),
        };
        let sum = match !ones_complement(&[&pseudo[..], &body].concat()) {
            // Of UDP 0 says that there is none.
            0 => u16::MAX,
            sum => sum,
        };
        if let Some(place) = body.get_mut(sum_at..sum_at + 2) {
            place.copy_from_slice(&sum.to_be_bytes());
        }
        body
    }

    /// The packet that a frame is, if it is this one.
    pub(super) fn recognize(&self, frame: &[u8]) -> Option<Packet> {
        let packet = parse(frame).ok().filter(|packet| packet.protocol == self.question.protocol)?;
        let is_it = match packet.transport {
            Transport::Tcp { flags, .. } => flags == TcpFlags::SYN && self.word_is(frame, 4, self.sequence()),
            Transport::Udp { .. } | Transport::Icmp { kind: 8 | 128, about: None, .. } => {
                self.is_marked(frame)
            }
            _ => false,
        };
        is_it.then_some(packet)
    }

    /// The packet that a frame is, and what it says, if it is the answer to this one where it was sent.
    pub(super) fn answer(&self, frame: &[u8], own: Ends) -> Option<(Packet, Answer)> {
        let packet = parse(frame).ok()?;
        let is_ours = packet.protocol == self.question.protocol && Ends::of(&packet) == own.reversed();
        let answer = match packet.transport {
            Transport::Tcp { flags, .. }
                if is_ours && self.word_is(frame, 8, self.sequence().wrapping_add(1)) =>
            {
                let is_reset = flags.0 & TcpFlags::RST.0 != 0;
                if is_reset { Answer::Reset } else { Answer::Accepted }
            }
            Transport::Udp { .. } if is_ours => Answer::Datagram,
            Transport::Icmp { kind: 0 | 129, .. } if is_ours && self.is_marked(frame) => Answer::Echo,
            Transport::Icmp { kind: 3, code: 3, about: Some(_), .. }
            | Transport::Icmp { kind: 1, code: 4, about: Some(_), .. }
                if self.is_marked(frame) =>
            {
                Answer::PortUnreachable
            }
            _ => return None,
        };
        Some((packet, answer))
    }

    fn is_marked(&self, frame: &[u8]) -> bool {
        frame.windows(self.mark.len()).any(|window| window == self.mark)
    }

    /// Whether the four bytes there in the transport header are this number.
    fn word_is(&self, frame: &[u8], at: usize, number: u32) -> bool {
        let header_bytes = match self.question.source.address {
            IpAddr::V4(_) => frame.get(ETHERNET_BYTES).map_or(0, |first| usize::from(first & 0xf) * 4),
            IpAddr::V6(_) => IPV6_BYTES,
        };
        let at = ETHERNET_BYTES + header_bytes + at;
        frame.get(at..at + 4) == Some(&number.to_be_bytes()[..])
    }
}

fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: Protocol, length: usize) -> Vec<u8> {
    let octets = |address| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let mut header = [octets(source), octets(destination)].concat();
    header.extend([0, protocol.0]);
    header.extend((length as u16).to_be_bytes());
    header
}

fn ones_complement(bytes: &[u8]) -> u16 {
    bytes.chunks(2).fold(0_u16, |sum, pair| {
        let word = u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]);
        let (sum, carry) = sum.overflowing_add(word);
        sum + u16::from(carry)
    })
}

#[cfg(test)]
mod tests {
    use vpc_engine::Endpoint;
    use vpc_model::Port;

    use super::*;

    fn probe(protocol: Protocol, source: &str, destination: &str) -> Probe {
        let at = |address: &str, port| Endpoint { address: address.parse().unwrap(), port };
        let from = Port::new(1).unwrap();
        let (source, destination) = (at(source, 40_000), at(destination, 80));
        let question = Question { from, source, destination, protocol };
        Probe::new(question, 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10)
    }

    /// The frame as a kernel would make it.
    fn frame(probe: &Probe) -> Vec<u8> {
        let body = probe.body();
        let mut frame = vec![2; 12];
        match (probe.question.source.address, probe.question.destination.address) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                frame.extend([8, 0, 0x45, 0]);
                frame.extend(((20 + body.len()) as u16).to_be_bytes());
                frame.extend([0, 0, 0x40, 0, 64, probe.question.protocol.0, 0, 0]);
                frame.extend([source.octets(), destination.octets()].concat());
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
                frame.extend((body.len() as u16).to_be_bytes());
                frame.extend([probe.question.protocol.0, 64]);
                frame.extend([source.octets(), destination.octets()].concat());
            }
            _ => panic!("of one family"),
        }
        frame.extend(body);
        frame
    }

    #[test]
    fn a_packet_is_known_again_and_its_checksum_holds() {
        for (protocol, source, destination) in [
            (Protocol::TCP, "10.0.0.5", "10.0.0.6"),
            (Protocol::UDP, "10.0.0.5", "10.0.0.6"),
            (Protocol::ICMP, "10.0.0.5", "10.0.0.6"),
            (Protocol::TCP, "2001:db8::1", "2001:db8::2"),
            (Protocol::UDP, "2001:db8::1", "2001:db8::2"),
            (Protocol::ICMPV6, "2001:db8::1", "2001:db8::2"),
        ] {
            let one = probe(protocol, source, destination);
            let seen = one.recognize(&frame(&one));
            assert_eq!(seen.map(|packet| packet.protocol), Some(protocol), "{protocol:?}");
            let other = Probe { mark: [7; 16], ..probe(protocol, source, destination) };
            assert_eq!(other.recognize(&frame(&one)), None, "{protocol:?}");
            let body = one.body();
            let pseudo = match protocol {
                Protocol::ICMP => Vec::new(),
                _ => {
                    pseudo_header(source.parse().unwrap(), destination.parse().unwrap(), protocol, body.len())
                }
            };
            assert_eq!(ones_complement(&[pseudo, body].concat()), u16::MAX, "{protocol:?}");
        }
    }
}
