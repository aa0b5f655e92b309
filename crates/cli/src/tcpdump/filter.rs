//! A subset of pcap's filter language: which frames are wanted.
//!
//! Owns reading it and asking it of a frame. Refuses to know where frames come from.
//! <https://www.tcpdump.org/manpages/pcap-filter.7.html>
//!
//! ```text
//!   expression  = term { ("and" | "&&" | "or" | "||") term }      from left to right, both alike, as in pcap
//!   term        = ("not" | "!") term | "(" expression ")" | primitive
//!   primitive   = "ip" | "ip6" | "arp" | "tcp" | "udp" | "icmp" | "icmp6"
//!               | [ "ip" | "ip6" | "tcp" | "udp" ] [ "src" | "dst" ] ( "host" ADDRESS | "net" BLOCK | "port" NUMBER | ADDRESS )
//! ```
//! An address of ARP is a host or in a net, too. Frames with VLAN tags there are none.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// What nests is not read deeper than this.
const DEPTH_MAX: usize = 64;

/// A filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Protocol(Protocol),
    Host(Side, IpNet),
    Port(Side, u16),
    Not(Box<Filter>),
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
}

/// What a protocol's name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Ip,
    Ip6,
    Arp,
    Tcp,
    Udp,
    Icmp,
    Icmp6,
}

/// Which end of a packet is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Either,
    Source,
    Destination,
}

/// A text is no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FilterError {
    text: String,
    /// Where, in characters from 0.
    position: usize,
    expected: &'static str,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, position, expected } = self;
        let found: String = text.chars().skip(*position).take_while(|c| !c.is_whitespace()).collect();
        let found = if found.is_empty() { "the end".to_owned() } else { format!("'{found}'") };
        let mark = " ".repeat(*position);
        write!(
            f,
            "the filter at position {}: expected {expected}, found {found}\n  {text}\n  {mark}^",
            position + 1
        )
    }
}

impl std::error::Error for FilterError {}

/// A word of the text, and where it begins.
#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    position: usize,
}

struct Reader<'a> {
    text: &'a str,
    words: Vec<Word<'a>>,
    next: usize,
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let (mut rest, mut position) = (text, 0);
    while let Some(first) = rest.chars().next() {
        let is_double = rest.starts_with("&&") || rest.starts_with("||");
        let length = match first {
            _ if is_double => 2,
            c if c.is_whitespace() || "()!".contains(c) => first.len_utf8(),
            _ => rest
                .find(|c: char| c.is_whitespace() || "()!&|".contains(c))
                .unwrap_or(rest.len())
                .max(first.len_utf8()),
        };
        let (word, after) = rest.split_at(length);
        if !first.is_whitespace() {
            words.push(Word { text: word, position });
        }
        position += word.chars().count();
        rest = after;
    }
    words
}

const PRIMITIVE: &str = "a protocol, 'host', 'net', 'port', 'src', 'dst', 'not' or '('";

impl Filter {
    /// Reads a filter.
    pub(super) fn parse(text: &str) -> Result<Self, FilterError> {
        let mut reader = Reader { text, words: words(text), next: 0 };
        let filter = reader.expression(0)?;
        match reader.peek() {
            None => Ok(filter),
            Some(_) => Err(reader.error("'and', 'or' or the end")),
        }
    }

    /// Whether a frame is wanted.
    pub(super) fn wants(&self, frame: &[u8]) -> bool {
        self.holds(&Headers::of(frame))
    }

    fn holds(&self, headers: &Headers) -> bool {
        let either = |side: Side, source: bool, destination: bool| match side {
            Side::Either => source || destination,
            Side::Source => source,
            Side::Destination => destination,
        };
        match self {
            Self::Not(inner) => !inner.holds(headers),
            Self::And(one, other) => one.holds(headers) && other.holds(headers),
            Self::Or(one, other) => one.holds(headers) || other.holds(headers),
            Self::Protocol(protocol) => headers.has(*protocol),
            Self::Host(side, block) => {
                let is_in = |address: Option<IpAddr>| address.is_some_and(|address| block.contains(&address));
                either(*side, is_in(headers.source), is_in(headers.destination))
            }
            Self::Port(side, port) => headers
                .ports
                .is_some_and(|(source, destination)| either(*side, source == *port, destination == *port)),
        }
    }
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.next).map(|word| word.text)
    }

    fn take_if(&mut self, is_it: impl Fn(&str) -> bool) -> bool {
        let takes = self.peek().is_some_and(is_it);
        self.next += usize::from(takes);
        takes
    }

    fn error(&self, expected: &'static str) -> FilterError {
        let end = self.text.chars().count();
        let position = self.words.get(self.next).map_or(end, |word| word.position);
        FilterError { text: self.text.to_owned(), position, expected }
    }

    fn expression(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut filter = self.term(depth)?;
        loop {
            let boxed = |filter, term| (Box::new(filter), Box::new(term));
            if self.take_if(|word| matches!(word, "and" | "&&")) {
                let (one, other) = boxed(filter, self.term(depth)?);
                filter = Filter::And(one, other);
            } else if self.take_if(|word| matches!(word, "or" | "||")) {
                let (one, other) = boxed(filter, self.term(depth)?);
                filter = Filter::Or(one, other);
            } else {
                return Ok(filter);
            }
        }
    }

    fn term(&mut self, depth: usize) -> Result<Filter, FilterError> {
        if depth > DEPTH_MAX {
            return Err(self.error("less that is nested"));
        }
        if self.take_if(|word| matches!(word, "not" | "!")) {
            return Ok(Filter::Not(Box::new(self.term(depth + 1)?)));
        }
        if self.take_if(|word| word == "(") {
            let filter = self.expression(depth + 1)?;
            return if self.take_if(|word| word == ")") { Ok(filter) } else { Err(self.error("')'")) };
        }
        self.primitive()
    }

    fn primitive(&mut self) -> Result<Filter, FilterError> {
        let protocol = match self.peek() {
            Some("ip") => Some(Protocol::Ip),
            Some("ip6") => Some(Protocol::Ip6),
            Some("arp") => Some(Protocol::Arp),
            Some("tcp") => Some(Protocol::Tcp),
            Some("udp") => Some(Protocol::Udp),
            Some("icmp") => Some(Protocol::Icmp),
            Some("icmp6") => Some(Protocol::Icmp6),
            _ => None,
        };
        let Some(protocol) = protocol else { return self.end(PRIMITIVE) };
        self.next += 1;
        let alone = Filter::Protocol(protocol);
        let may_have_end = matches!(protocol, Protocol::Ip | Protocol::Ip6 | Protocol::Tcp | Protocol::Udp);
        let has_end = self.peek().is_some_and(|word| matches!(word, "src" | "dst" | "host" | "net" | "port"));
        if !has_end || !may_have_end {
            return Ok(alone);
        }
        Ok(Filter::And(Box::new(alone), Box::new(self.end(PRIMITIVE)?)))
    }

    /// What is said of an end of a packet.
    fn end(&mut self, expected: &'static str) -> Result<Filter, FilterError> {
        let (side, expected) = if self.take_if(|word| word == "src") {
            (Side::Source, "'host', 'net', 'port' or an address")
        } else if self.take_if(|word| word == "dst") {
            (Side::Destination, "'host', 'net', 'port' or an address")
        } else {
            (Side::Either, expected)
        };
        if self.take_if(|word| word == "port") {
            return Ok(Filter::Port(side, self.value("a port from 0 to 65535", |word| word.parse().ok())?));
        }
        if self.take_if(|word| word == "net") {
            let block =
                |word: &str| word.parse::<IpNet>().ok().filter(|block| block.addr() == block.network());
            return Ok(Filter::Host(
                side,
                self.value("a block such as 10.0.0.0/16, without bits below its prefix", block)?,
            ));
        }
        let expected = if self.take_if(|word| word == "host") { "an address" } else { expected };
        let host = |word: &str| word.parse::<IpAddr>().ok().map(IpNet::from);
        Ok(Filter::Host(side, self.value(expected, host)?))
    }

    fn value<T>(
        &mut self,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, FilterError> {
        let value = self.peek().and_then(read).ok_or_else(|| self.error(expected))?;
        self.next += 1;
        Ok(value)
    }
}

/// What a filter can ask of a frame. A header that is cut off says nothing.
#[derive(Default)]
struct Headers {
    ether_type: u16,
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    protocol: Option<u8>,
    ports: Option<(u16, u16)>,
}

const ETHERNET_BYTES: usize = 14;
const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
const TCP: u8 = 6;
const UDP: u8 = 17;

impl Headers {
    fn of(frame: &[u8]) -> Self {
        let Some(ether_type) = u16_at(frame, 12) else { return Self::default() };
        let payload = &frame[ETHERNET_BYTES..];
        let mut headers = Self { ether_type, ..Self::default() };
        // What is missing stays unsaid.
        let _ = match ether_type {
            IPV4 => headers.read_ipv4(payload),
            IPV6 => headers.read_ipv6(payload),
            ARP => headers.read_arp(payload),
            _ => None,
        };
        headers
    }

    fn read_arp(&mut self, packet: &[u8]) -> Option<()> {
        self.source = Some(ipv4_at(packet, 14)?);
        self.destination = Some(ipv4_at(packet, 24)?);
        Some(())
    }

    fn read_ipv4(&mut self, packet: &[u8]) -> Option<()> {
        self.protocol = packet.get(9).copied();
        self.source = Some(ipv4_at(packet, 12)?);
        self.destination = Some(ipv4_at(packet, 16)?);
        let is_first = u16_at(packet, 6)? & 0x1fff == 0;
        let header_bytes = usize::from(packet.first()? & 0xf) * 4;
        if is_first { self.read_ports(packet.get(header_bytes..)?) } else { None }
    }

    fn read_ipv6(&mut self, packet: &[u8]) -> Option<()> {
        self.source = Some(ipv6_at(packet, 8)?);
        self.destination = Some(ipv6_at(packet, 24)?);
        let (mut next, mut rest) = (*packet.get(6)?, packet.get(40..)?);
        loop {
            let length = match next {
                // Hop by hop, routing, destination options.
                0 | 43 | 60 => (usize::from(*rest.get(1)?) + 1) * 8,
                // A fragment.
                44 => {
                    if u16_at(rest, 2)? & 0xfff8 != 0 {
                        self.protocol = rest.first().copied();
                        return None;
                    }
                    8
                }
                _ => break,
            };
            next = *rest.first()?;
            rest = rest.get(length..)?;
        }
        self.protocol = Some(next);
        self.read_ports(rest)
    }

    fn read_ports(&mut self, segment: &[u8]) -> Option<()> {
        if matches!(self.protocol, Some(TCP | UDP)) {
            self.ports = Some((u16_at(segment, 0)?, u16_at(segment, 2)?));
        }
        Some(())
    }

    fn has(&self, protocol: Protocol) -> bool {
        match protocol {
            Protocol::Ip => self.ether_type == IPV4,
            Protocol::Ip6 => self.ether_type == IPV6,
            Protocol::Arp => self.ether_type == ARP,
            Protocol::Tcp => self.protocol == Some(TCP),
            Protocol::Udp => self.protocol == Some(UDP),
            Protocol::Icmp => self.ether_type == IPV4 && self.protocol == Some(1),
            Protocol::Icmp6 => self.ether_type == IPV6 && self.protocol == Some(58),
        }
    }
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(offset..offset + 2)?.try_into().ok()?))
}

fn ipv4_at(bytes: &[u8], offset: usize) -> Option<IpAddr> {
    let octets: [u8; 4] = bytes.get(offset..offset + 4)?.try_into().ok()?;
    Some(Ipv4Addr::from(octets).into())
}

fn ipv6_at(bytes: &[u8], offset: usize) -> Option<IpAddr> {
    let octets: [u8; 16] = bytes.get(offset..offset + 16)?.try_into().ok()?;
    Some(Ipv6Addr::from(octets).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of IPv4 from 10.0.0.1 to 10.0.1.2, without options.
    fn ipv4(protocol: u8, source: u16, destination: u16, fragment: u16) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0, 0x45, 0, 0, 28, 0, 0]);
        frame.extend(fragment.to_be_bytes());
        frame.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 1, 2]);
        frame.extend(source.to_be_bytes());
        frame.extend(destination.to_be_bytes());
        frame.extend([0; 4]);
        frame
    }

    /// A frame of IPv6 from fd00::1 to fd00::2, with a header of destination options.
    fn ipv6(protocol: u8, source: u16, destination: u16) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 16, 60, 64]);
        for last in [1, 2] {
            frame.extend(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last).octets());
        }
        frame.extend([protocol, 0, 0, 0, 0, 0, 0, 0]);
        frame.extend(source.to_be_bytes());
        frame.extend(destination.to_be_bytes());
        frame.extend([0; 4]);
        frame
    }

    fn arp() -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([
            0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, 2, 2, 2, 2, 2, 2, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 9,
        ]);
        frame
    }

    #[test]
    fn filters_want_what_they_say() {
        let frames = [
            ("tcp4", ipv4(6, 1000, 22, 0)),
            ("udp4", ipv4(17, 53, 1000, 0)),
            ("icmp4", ipv4(1, 0x0800, 0, 0)),
            ("later", ipv4(6, 1000, 22, 9)),
            ("tcp6", ipv6(6, 1000, 443)),
            ("icmp6", ipv6(58, 0x8000, 0)),
            ("arp", arp()),
            ("cut", ipv4(6, 1000, 22, 0)[..30].to_vec()),
            ("empty", Vec::new()),
        ];
        for (text, wanted) in [
            ("tcp", "tcp4 later tcp6 cut"),
            ("tcp port 22", "tcp4"),
            ("udp", "udp4"),
            ("icmp", "icmp4"),
            ("icmp6", "icmp6"),
            ("ip", "tcp4 udp4 icmp4 later cut"),
            ("ip6", "tcp6 icmp6"),
            ("arp", "arp"),
            ("port 1000", "tcp4 udp4 tcp6"),
            ("src port 1000", "tcp4 tcp6"),
            ("dst port 1000", "udp4"),
            ("udp src port 53", "udp4"),
            ("host 10.0.0.1", "tcp4 udp4 icmp4 later arp cut"),
            ("10.0.0.9", "arp"),
            ("ip host 10.0.0.1 and not tcp", "udp4 icmp4"),
            ("dst host 10.0.0.1", ""),
            ("src 10.0.0.1 and arp", "arp"),
            ("net 10.0.1.0/24", "tcp4 udp4 icmp4 later"),
            ("host fd00::2", "tcp6 icmp6"),
            ("net fd00::/16 and tcp", "tcp6"),
            ("not (ip or ip6)", "arp empty"),
            ("!ip && !ip6 && !arp", "empty"),
            // As in pcap, from left to right.
            ("arp or tcp and port 22", "tcp4"),
            ("arp or (tcp and port 22)", "tcp4 arp"),
            ("udp || icmp", "udp4 icmp4"),
        ] {
            let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{error}"));
            let found: Vec<&str> =
                frames.iter().filter(|(_, frame)| filter.wants(frame)).map(|(name, _)| *name).collect();
            assert_eq!(found.join(" "), wanted, "{text}");
        }
    }

    #[test]
    fn errors_name_the_position() {
        for (text, position, expected) in [
            ("", 1, "a protocol"),
            ("tcp port x", 10, "a port"),
            ("tcp port 70000", 10, "a port"),
            ("tcp port", 9, "a port"),
            ("host 10.0.0", 6, "an address"),
            ("net 10.0.0.1/8", 5, "a block"),
            ("(tcp or udp", 12, "')'"),
            ("tcp udp", 5, "'and', 'or'"),
            ("tcp and", 8, "a protocol"),
            ("sctp", 1, "a protocol"),
            ("tcp) or", 4, "'and', 'or'"),
            ("src tcp", 5, "'host'"),
            ("é or tcp", 1, "a protocol"),
            ("tcp & udp", 5, "'and', 'or'"),
        ] {
            let error = Filter::parse(text).unwrap_err().to_string();
            assert!(error.contains(&format!("position {position}: expected {expected}")), "{text}: {error}");
        }
        let error = Filter::parse("tcp port x").unwrap_err().to_string();
        assert!(error.ends_with("found 'x'\n  tcp port x\n           ^"), "{error}");
        let deep = format!("{}tcp{}", "(".repeat(100), ")".repeat(100));
        assert!(Filter::parse(&deep).unwrap_err().to_string().contains("nested"));
    }
}
