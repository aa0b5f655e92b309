//! The dimensions that security groups and network ACLs share: traffic and the peer's address.

use std::net::IpAddr;

use ipnet::IpNet;
use vpc_model::{IcmpMatch, PortRange, Protocol, Traffic};

use super::axis::{Axis, Cover, Row};
use crate::reach::Span;

/// The traffic side of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// TCP to a port.
    Tcp(u16),
    /// UDP to a port.
    Udp(u16),
    /// ICMP, type × 256 + code.
    Icmp(u16),
    /// ICMPv6, type × 256 + code.
    Icmpv6(u16),
    /// Another protocol.
    Other(u8),
}

impl Probe {
    /// The same protocol with another port or message; none for protocols that have neither.
    fn with(self, value: u16) -> Option<Self> {
        match self {
            Self::Tcp(_) => Some(Self::Tcp(value)),
            Self::Udp(_) => Some(Self::Udp(value)),
            Self::Icmp(_) => Some(Self::Icmp(value)),
            Self::Icmpv6(_) => Some(Self::Icmpv6(value)),
            Self::Other(_) => None,
        }
    }
}

/// Traffic and addresses of a list of rules, one bit each in the order of the list.
#[derive(Debug)]
pub(crate) struct Classifier {
    tcp: Axis<u16>,
    udp: Axis<u16>,
    icmp: Axis<u16>,
    icmpv6: Axis<u16>,
    others: Axis<u8>,
    ipv4: Axis<u32>,
    ipv6: Axis<u128>,
}

fn icmp_range(wanted: IcmpMatch) -> (u16, u16) {
    match wanted {
        IcmpMatch::Any => (0, u16::MAX),
        IcmpMatch::Type(kind) => (u16::from_be_bytes([kind, 0]), u16::from_be_bytes([kind, 255])),
        IcmpMatch::TypeAndCode(kind, code) => {
            let one = u16::from_be_bytes([kind, code]);
            (one, one)
        }
    }
}

/// An interval of an axis as a range of a field; without an end it reaches to the greatest point.
fn wide<T: Into<u128>>((first, last): (T, Option<T>), greatest: T) -> Span {
    Span { first: first.into(), last: last.unwrap_or(greatest).into() }
}

impl Classifier {
    /// Compiles rules: the traffic of each, and its peer's addresses where it has any.
    pub(crate) fn new(rules: &[(Traffic, Option<IpNet>)]) -> Self {
        let (mut tcp, mut udp, mut icmp, mut icmpv6) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut others, mut ipv4, mut ipv6) = (Vec::new(), Vec::new(), Vec::new());
        let all = |rule| Cover { first: 0, last: u16::MAX, rule };
        for (rule, &(traffic, peer)) in rules.iter().enumerate() {
            match traffic {
                Traffic::All => {
                    for axis in [&mut tcp, &mut udp, &mut icmp, &mut icmpv6] {
                        axis.push(all(rule));
                    }
                    others.push(Cover { first: 0, last: u8::MAX, rule });
                }
                Traffic::Tcp(ports) => tcp.push(Cover { first: ports.from(), last: ports.to(), rule }),
                Traffic::Udp(ports) => udp.push(Cover { first: ports.from(), last: ports.to(), rule }),
                Traffic::Icmp(wanted) | Traffic::Icmpv6(wanted) => {
                    let (first, last) = icmp_range(wanted);
                    let axis = if matches!(traffic, Traffic::Icmp(_)) { &mut icmp } else { &mut icmpv6 };
                    axis.push(Cover { first, last, rule });
                }
                Traffic::Protocol(Protocol::TCP) => tcp.push(all(rule)),
                Traffic::Protocol(Protocol::UDP) => udp.push(all(rule)),
                Traffic::Protocol(Protocol::ICMP) => icmp.push(all(rule)),
                Traffic::Protocol(Protocol::ICMPV6) => icmpv6.push(all(rule)),
                Traffic::Protocol(Protocol(number)) => {
                    others.push(Cover { first: number, last: number, rule });
                }
            }
            match peer {
                Some(IpNet::V4(net)) => {
                    ipv4.push(Cover {
                        first: net.network().to_bits(),
                        last: net.broadcast().to_bits(),
                        rule,
                    });
                }
                Some(IpNet::V6(net)) => {
                    ipv6.push(Cover {
                        first: net.network().to_bits(),
                        last: net.broadcast().to_bits(),
                        rule,
                    });
                }
                None => {}
            }
        }
        let count = rules.len();
        Self {
            tcp: Axis::new(count, &tcp),
            udp: Axis::new(count, &udp),
            icmp: Axis::new(count, &icmp),
            icmpv6: Axis::new(count, &icmpv6),
            others: Axis::new(count, &others),
            ipv4: Axis::new(count, &ipv4),
            ipv6: Axis::new(count, &ipv6),
        }
    }

    /// The rules about this traffic.
    pub(crate) fn traffic(&self, probe: Probe) -> &Row {
        match probe {
            Probe::Tcp(port) => self.tcp.row(port),
            Probe::Udp(port) => self.udp.row(port),
            Probe::Icmp(message) => self.icmp.row(message),
            Probe::Icmpv6(message) => self.icmpv6.row(message),
            Probe::Other(protocol) => self.others.row(protocol),
        }
    }

    /// The TCP ports around one that the same rules are about.
    pub(crate) fn tcp_ports_around(&self, port: u16) -> PortRange {
        let (first, last) = self.tcp.around(port);
        PortRange::new(first, last.unwrap_or(u16::MAX)).expect("an interval ends after it begins")
    }

    /// The traffic around this for which something is as it is for this, as a range of what the probe holds.
    pub(crate) fn traffic_alike(&self, probe: Probe, mut is_alike: impl FnMut(Probe) -> bool) -> Span {
        let mut span = self.traffic_around(probe);
        let at = |value: u128| u16::try_from(value).ok().and_then(|value| probe.with(value));
        while let Some(before) = span.first.checked_sub(1).and_then(at).filter(|before| is_alike(*before)) {
            span.first = self.traffic_around(before).first;
        }
        while let Some(next) = span.last.checked_add(1).and_then(at).filter(|next| is_alike(*next)) {
            span.last = self.traffic_around(next).last;
        }
        span
    }

    /// The traffic around this that the same rules are about, as a range of what the probe holds.
    pub(crate) fn traffic_around(&self, probe: Probe) -> Span {
        match probe {
            Probe::Tcp(port) => wide(self.tcp.around(port), u16::MAX),
            Probe::Udp(port) => wide(self.udp.around(port), u16::MAX),
            Probe::Icmp(message) => wide(self.icmp.around(message), u16::MAX),
            Probe::Icmpv6(message) => wide(self.icmpv6.around(message), u16::MAX),
            Probe::Other(_) => Span::ALL,
        }
    }

    /// The addresses around this one that the same rules are about.
    pub(crate) fn address_around(&self, address: IpAddr) -> Span {
        match address {
            IpAddr::V4(address) => wide(self.ipv4.around(address.to_bits()), u32::MAX),
            IpAddr::V6(address) => wide(self.ipv6.around(address.to_bits()), u128::MAX),
        }
    }

    /// The IPv4 addresses that rules are about, of which these are some.
    pub(crate) fn ipv4_of(&self, rules: &Row) -> Vec<(u32, u32)> {
        let mut spans: Vec<(u32, u32)> = Vec::new();
        for (first, last, row) in self.ipv4.intervals() {
            if row.iter().zip(rules).all(|(row, rules)| row & rules == 0) {
                continue;
            }
            let last = last.unwrap_or(u32::MAX);
            match spans.last_mut().filter(|before| before.1.checked_add(1) == Some(first)) {
                Some(before) => before.1 = last,
                None => spans.push((first, last)),
            }
        }
        spans
    }

    /// The rules about this address.
    pub(crate) fn address(&self, address: IpAddr) -> &Row {
        match address {
            IpAddr::V4(address) => self.ipv4.row(address.to_bits()),
            IpAddr::V6(address) => self.ipv6.row(address.to_bits()),
        }
    }
}
