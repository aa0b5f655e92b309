//! Sets of packet headers, as boxes.
//!
//! Owns the algebra of boxes: intersection, difference, union. Refuses to know what the fields mean to a network.
//!
//! A box has a range for each field; a set is boxes without a header in common. The decisions of the engine are made by
//! ranges (a prefix, an interval of ports), so that what they agree about is a box, and every set that comes of them is a few.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use vpc_model::{PortRange, Protocol};

/// Fields of a header.
pub const FIELDS: usize = 4;

/// A field of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The source address.
    Source,
    /// The destination address.
    Destination,
    /// The source port; 0 where the protocol has none.
    SourcePort,
    /// The destination port; of ICMP, type × 256 + code; 0 for other protocols.
    DestinationPort,
}

impl Field {
    /// Every field, in the order in which a box has them.
    pub const ALL: [Self; FIELDS] =
        [Self::Source, Self::Destination, Self::SourcePort, Self::DestinationPort];
}

/// An inclusive range of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The least value.
    pub first: u128,
    /// The greatest value, not less than the least.
    pub last: u128,
}

impl Span {
    /// Every value that a field can have.
    pub const ALL: Self = Self { first: 0, last: u128::MAX };

    /// One value.
    pub const fn one(value: u128) -> Self {
        Self { first: value, last: value }
    }

    /// The addresses of a block.
    pub fn of_block(block: IpNet) -> Self {
        Self { first: bits(block.network()), last: bits(block.broadcast()) }
    }

    /// Whether a value is in it.
    pub fn contains(&self, value: u128) -> bool {
        (self.first..=self.last).contains(&value)
    }

    /// What two have in common.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        (first <= last).then_some(Self { first, last })
    }

    /// How many values there are, less one.
    pub fn extent(&self) -> u128 {
        self.last - self.first
    }
}

impl From<PortRange> for Span {
    fn from(ports: PortRange) -> Self {
        Self { first: ports.from().into(), last: ports.to().into() }
    }
}

/// An address as a value of a field. The families are apart: a set is of one.
pub fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address that a value of a field is.
pub fn address(value: u128, is_ipv6: bool) -> IpAddr {
    if is_ipv6 {
        Ipv6Addr::from_bits(value).into()
    } else {
        Ipv4Addr::from_bits(u32::try_from(value).unwrap_or(u32::MAX)).into()
    }
}

/// A header: one value for each field.
pub type Header = [u128; FIELDS];

/// Headers with a range for each field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeaderBox {
    /// The range of each field, in the order of [`Field::ALL`].
    pub spans: [Span; FIELDS],
}

impl HeaderBox {
    /// Whether a header is in it.
    pub fn contains(&self, header: &Header) -> bool {
        self.spans.iter().zip(header).all(|(span, &value)| span.contains(value))
    }

    /// What two have in common.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let mut spans = self.spans;
        for (span, other) in spans.iter_mut().zip(&other.spans) {
            *span = span.intersection(other)?;
        }
        Some(Self { spans })
    }

    /// The header with the least value of each field.
    pub fn first(&self) -> Header {
        self.spans.map(|span| span.first)
    }

    /// The range of a field.
    pub fn span(&self, field: Field) -> Span {
        self.spans[field as usize]
    }

    /// Adds the boxes of what is in this one and not in the other, which have no header in common.
    pub fn minus(&self, other: &Self, rest: &mut Vec<Self>) {
        let Some(common) = self.intersection(other) else {
            rest.push(*self);
            return;
        };
        // What is left and right of the common part in one field, and inside of it in the fields before.
        let mut inside = *self;
        for field in 0..FIELDS {
            let (own, cut) = (inside.spans[field], common.spans[field]);
            if own.first < cut.first {
                let mut left = inside;
                left.spans[field].last = cut.first - 1;
                rest.push(left);
            }
            if cut.last < own.last {
                let mut right = inside;
                right.spans[field].first = cut.last + 1;
                rest.push(right);
            }
            inside.spans[field] = cut;
        }
    }
}

/// Headers of one family and one protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderSet {
    boxes: Vec<HeaderBox>,
}

impl HeaderSet {
    /// The headers of a box.
    pub fn of(one: HeaderBox) -> Self {
        Self { boxes: vec![one] }
    }

    /// The boxes, no two of which have a header in common.
    pub fn boxes(&self) -> &[HeaderBox] {
        &self.boxes
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.boxes.is_empty()
    }

    /// Whether a header is in it.
    pub fn contains(&self, header: &Header) -> bool {
        self.boxes.iter().any(|held| held.contains(header))
    }

    /// Takes a box in.
    pub fn insert(&mut self, one: HeaderBox) {
        let mut new = vec![one];
        for held in &self.boxes {
            let mut rest = Vec::with_capacity(new.len());
            new.iter().for_each(|part| part.minus(held, &mut rest));
            new = rest;
        }
        self.boxes.extend(new);
        self.join();
    }

    /// Takes a box out.
    pub fn remove(&mut self, one: &HeaderBox) {
        let mut rest = Vec::with_capacity(self.boxes.len());
        self.boxes.iter().for_each(|held| held.minus(one, &mut rest));
        self.boxes = rest;
    }

    /// What two have in common.
    pub fn intersection(&self, other: &Self) -> Self {
        let pairs = self.boxes.iter().flat_map(|one| other.boxes.iter().map(move |two| (one, two)));
        Self { boxes: pairs.filter_map(|(one, two)| one.intersection(two)).collect() }
    }

    /// What is in this one and not in the other.
    pub fn minus(&self, other: &Self) -> Self {
        let mut left = self.clone();
        other.boxes.iter().for_each(|held| left.remove(held));
        left
    }

    /// Makes one of boxes that lie side by side: that differ in one field, in which one begins where the other ends.
    fn join(&mut self) {
        'again: loop {
            for one in 0..self.boxes.len() {
                for two in one + 1..self.boxes.len() {
                    if let Some(both) = joined(&self.boxes[one], &self.boxes[two]) {
                        self.boxes[one] = both;
                        self.boxes.swap_remove(two);
                        continue 'again;
                    }
                }
            }
            return;
        }
    }
}

fn joined(one: &HeaderBox, two: &HeaderBox) -> Option<HeaderBox> {
    let mut differing = (0..FIELDS).filter(|&field| one.spans[field] != two.spans[field]);
    let Some(field) = differing.next() else { return Some(*one) };
    if differing.next().is_some() {
        return None;
    }
    let (a, b) = (one.spans[field], two.spans[field]);
    let (low, high) = if a.first < b.first { (a, b) } else { (b, a) };
    if low.last.checked_add(1) != Some(high.first) {
        return None;
    }
    let mut both = *one;
    both.spans[field] = Span { first: low.first, last: high.last };
    Some(both)
}

/// A set in words, such as `10.0.0.5:1024-65535 > 10.0.1.7:22`.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The box.
    pub headers: &'a HeaderBox,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its family.
    pub is_ipv6: bool,
}

impl Shown<'_> {
    fn end(&self, f: &mut fmt::Formatter<'_>, addresses: Span, ports: Span) -> fmt::Result {
        let has_ports = matches!(self.protocol, Protocol::TCP | Protocol::UDP);
        let (first, last) = (address(addresses.first, self.is_ipv6), address(addresses.last, self.is_ipv6));
        let is_bracketed = self.is_ipv6 && has_ports;
        let [open, close] = if is_bracketed { ["[", "]"] } else { ["", ""] };
        write!(f, "{open}{first}")?;
        if first != last {
            write!(f, "-{last}")?;
        }
        f.write_str(close)?;
        match ports.extent() {
            _ if !has_ports => Ok(()),
            0 => write!(f, ":{}", ports.first),
            _ if ports == Span::from(PortRange::ALL) => f.write_str(":*"),
            _ => write!(f, ":{}-{}", ports.first, ports.last),
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [source, destination, source_port, destination_port] = self.headers.spans;
        self.end(f, source, source_port)?;
        f.write_str(" > ")?;
        self.end(f, destination, destination_port)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Small values, so that boxes meet.
    fn a_box() -> impl Strategy<Value = HeaderBox> {
        let span = (0_u128..6, 0_u128..4).prop_map(|(first, extent)| Span { first, last: first + extent });
        prop::array::uniform4(span).prop_map(|spans| HeaderBox { spans })
    }

    fn a_set() -> impl Strategy<Value = HeaderSet> {
        prop::collection::vec(a_box(), 0..5).prop_map(|boxes| {
            let mut set = HeaderSet::default();
            boxes.into_iter().for_each(|one| set.insert(one));
            set
        })
    }

    fn headers() -> impl Iterator<Item = Header> {
        (0..10_u128.pow(4)).map(|number| [number / 1000, number / 100 % 10, number / 10 % 10, number % 10])
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn sets_are_what_their_headers_are(one in a_set(), two in a_set(), cut in a_box()) {
            let (both, left) = (one.intersection(&two), one.minus(&two));
            let (mut more, mut less) = (one.clone(), one.clone());
            more.insert(cut);
            less.remove(&cut);
            for header in headers() {
                let (in_one, in_two, in_cut) = (one.contains(&header), two.contains(&header), cut.contains(&header));
                prop_assert_eq!(both.contains(&header), in_one && in_two);
                prop_assert_eq!(left.contains(&header), in_one && !in_two);
                prop_assert_eq!(more.contains(&header), in_one || in_cut);
                prop_assert_eq!(less.contains(&header), in_one && !in_cut);
            }
        }

        #[test]
        fn no_header_is_in_two_boxes(set in a_set()) {
            let boxes = set.boxes();
            for (index, one) in boxes.iter().enumerate() {
                prop_assert!(boxes[index + 1..].iter().all(|two| one.intersection(two).is_none()));
            }
        }
    }

    #[test]
    fn boxes_side_by_side_become_one() {
        let all = HeaderBox { spans: [Span { first: 0, last: 99 }; FIELDS] };
        let mut middle = all;
        middle.spans[2] = Span { first: 10, last: 20 };
        let mut set = HeaderSet::of(all);
        set.remove(&middle);
        assert_eq!(set.boxes().len(), 2);
        set.insert(middle);
        assert_eq!(set.boxes(), [all]);
    }

    #[test]
    fn it_is_shown_as_people_write_it() {
        let block = |text: &str| Span::of_block(text.parse().unwrap());
        let mut headers = HeaderBox {
            spans: [block("10.0.0.5/32"), block("10.0.1.0/24"), PortRange::ALL.into(), Span::one(22)],
        };
        let shown = |headers: &HeaderBox, protocol, is_ipv6| Shown { headers, protocol, is_ipv6 }.to_string();
        assert_eq!(shown(&headers, Protocol::TCP, false), "10.0.0.5:* > 10.0.1.0-10.0.1.255:22");
        assert_eq!(shown(&headers, Protocol::ICMP, false), "10.0.0.5 > 10.0.1.0-10.0.1.255");
        (headers.spans[0], headers.spans[1]) = (block("2001:db8::1/128"), block("2001:db8::2/128"));
        assert_eq!(shown(&headers, Protocol::UDP, true), "[2001:db8::1]:* > [2001:db8::2]:22");
    }
}
