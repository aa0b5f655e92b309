//! What becomes of every packet of a set.
//!
//! Owns how a set is taken apart into boxes whose packets all go the same way. Refuses to know what ways there are.
//!
//! A packet is traced, which tells a box of headers that go the same way; then a packet is taken of what is left, until
//! nothing is. So the boxes are exact, where no hash of the header chooses ([`Trace::is_by_header`]), and as few as the rules and routes on the ways make them.

use std::net::IpAddr;

use vpc_model::{Port, Protocol};

use super::headers::{Field, Header, HeaderBox, HeaderSet, Span, address};
use super::trace::{Question, Trace, Tracer};
use crate::packet::Endpoint;

/// Packets that open a connection, of one family and one protocol, which come in by one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Questions {
    /// The port that they come in by.
    pub from: Port,
    /// Their protocol.
    pub protocol: Protocol,
    /// Whether they are IPv6.
    pub is_ipv6: bool,
    /// Their headers.
    pub headers: HeaderBox,
}

/// What becomes of packets.
#[derive(Clone, Debug)]
pub struct Exploration {
    /// Boxes of headers, no two of which have one in common, and what becomes of each.
    pub parts: Vec<(HeaderBox, Trace)>,
    /// What was not looked at, because there were more parts than were asked for.
    pub rest: HeaderSet,
}

impl Exploration {
    /// The headers of packets that get there and whose replies come back.
    pub fn reaching(&self) -> HeaderSet {
        let mut reaching = HeaderSet::default();
        let open = self.parts.iter().filter(|(_, trace)| trace.reaches());
        open.for_each(|(part, _)| reaching.insert(*part));
        reaching
    }
}

impl Questions {
    /// The packet with a header of these.
    pub fn question(&self, header: &Header) -> Question {
        let [source, destination, source_port, destination_port] = *header;
        let at = |value: u128| -> IpAddr { address(value, self.is_ipv6) };
        let port = |value: u128| u16::try_from(value).unwrap_or(u16::MAX);
        Question {
            from: self.from,
            source: Endpoint { address: at(source), port: port(source_port) },
            destination: Endpoint { address: at(destination), port: port(destination_port) },
            protocol: self.protocol,
        }
    }
}

impl Tracer<'_> {
    /// What becomes of each of these packets, in so many parts at most. None where nothing is at the port.
    pub fn explore(&mut self, questions: &Questions, parts_max: usize) -> Option<Exploration> {
        let mut headers = questions.headers;
        if !matches!(questions.protocol, Protocol::TCP | Protocol::UDP) {
            // Without ports there is one value of each.
            let [.., source_port, destination_port] = questions.question(&headers.first()).header();
            headers.spans[Field::SourcePort as usize] = Span::one(source_port);
            headers.spans[Field::DestinationPort as usize] = Span::one(destination_port);
        }
        let mut left = vec![headers];
        let mut parts = Vec::new();
        while let Some(one) = left.pop() {
            if parts.len() == parts_max {
                left.push(one);
                break;
            }
            let header = one.first();
            let trace = self.trace(questions.question(&header))?;
            let part = one.intersection(&trace.headers).expect("the traced header is in both");
            one.minus(&part, &mut left);
            parts.push((part, trace));
        }
        let mut rest = HeaderSet::default();
        left.into_iter().for_each(|one| rest.insert(one));
        Some(Exploration { parts, rest })
    }
}
