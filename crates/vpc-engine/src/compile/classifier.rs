//! The dimensions that security groups and network ACLs share: traffic and the peer's address.

use std::net::IpAddr;

use ipnet::IpNet;
use vpc_model::{IcmpMatch, PortRange, Protocol, Traffic};

use super::axis::{Axis, Row, Span};

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

impl Classifier {
    /// Compiles rules: the traffic of each, and its peer's addresses where it has any.
    pub(crate) fn new(rules: &[(Traffic, Option<IpNet>)]) -> Self {
        let (mut tcp, mut udp, mut icmp, mut icmpv6) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut others, mut ipv4, mut ipv6) = (Vec::new(), Vec::new(), Vec::new());
        let all = |rule| Span { first: 0, last: u16::MAX, rule };
        for (rule, &(traffic, peer)) in rules.iter().enumerate() {
            match traffic {
                Traffic::All => {
                    for axis in [&mut tcp, &mut udp, &mut icmp, &mut icmpv6] {
                        axis.push(all(rule));
                    }
                    others.push(Span { first: 0, last: u8::MAX, rule });
                }
                Traffic::Tcp(ports) => tcp.push(Span { first: ports.from(), last: ports.to(), rule }),
                Traffic::Udp(ports) => udp.push(Span { first: ports.from(), last: ports.to(), rule }),
                Traffic::Icmp(wanted) | Traffic::Icmpv6(wanted) => {
                    let (first, last) = icmp_range(wanted);
                    let axis = if matches!(traffic, Traffic::Icmp(_)) { &mut icmp } else { &mut icmpv6 };
                    axis.push(Span { first, last, rule });
                }
                Traffic::Protocol(Protocol::TCP) => tcp.push(all(rule)),
                Traffic::Protocol(Protocol::UDP) => udp.push(all(rule)),
                Traffic::Protocol(Protocol::ICMP) => icmp.push(all(rule)),
                Traffic::Protocol(Protocol::ICMPV6) => icmpv6.push(all(rule)),
                Traffic::Protocol(Protocol(number)) => {
                    others.push(Span { first: number, last: number, rule });
                }
            }
            match peer {
                Some(IpNet::V4(net)) => {
                    ipv4.push(Span { first: net.network().to_bits(), last: net.broadcast().to_bits(), rule });
                }
                Some(IpNet::V6(net)) => {
                    ipv6.push(Span { first: net.network().to_bits(), last: net.broadcast().to_bits(), rule });
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

    /// The rules about this address.
    pub(crate) fn address(&self, address: IpAddr) -> &Row {
        match address {
            IpAddr::V4(address) => self.ipv4.row(address.to_bits()),
            IpAddr::V6(address) => self.ipv6.row(address.to_bits()),
        }
    }
}
