//! Which interface reaches which, of all of them, with one kind of packet.
//!
//! Owns how the answer for every ordered pair is put together. Refuses to decide anything: ways are found by
//! [`super::ways`], and rules are those that packets are asked by.
//!
//! Whether one interface reaches another is
//!
//! ```text
//!   rules of the sender let pass to the receiver     of a set of groups and an interface: one bit each
//!   and rules of the receiver from the sender        likewise
//!   and there is a way there and back                of two subnets and the parts of them that go the same way
//! ```
//! A reply is never asked by rules: its connection is tracked, or the rules that leave it untracked let it pass (fact 23).
//! So a row of the answer is made of a few rows of bits, and no pair is looked at by itself: but for those of interfaces
//! that are not as others, and those whose way a hash of the header chooses. They are traced.

use std::net::IpAddr;
use std::ops::Range;

use aws_types::{NetworkInterfaceId, SecurityGroupId};
use rustc_hash::FxHashMap;
use vpc_model::{Direction, InterfaceRole, Port, Protocol};

use super::bits::{Bits, Sparse};
use super::headers::{Field, bits};
use super::trace::{Question, Tracer};
use super::ways::{Found, Seen, Way, Ways};
use crate::compile::{Admitted, Probe};
use crate::flows::Tuple;
use crate::packet::Endpoint;
use crate::snapshot::{Network, PluggedInterface, Snapshot};

/// What is sent from each interface to each other, from and to their primary private IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sent {
    /// The protocol.
    pub protocol: Protocol,
    /// The source port, of TCP and UDP.
    pub source_port: u16,
    /// The destination port, of TCP and UDP.
    pub destination_port: u16,
}

/// Which interface reaches which: of those that workloads have.
#[derive(Clone, Debug)]
pub struct Pairs {
    interfaces: Vec<NetworkInterfaceId>,
    numbers: FxHashMap<NetworkInterfaceId, u32>,
    /// The row of each interface: whom it reaches. Many have the same.
    row_of: Vec<u32>,
    rows: Vec<Bits>,
}

impl Pairs {
    /// The interfaces, in an order that puts those of a subnet together.
    pub fn interfaces(&self) -> &[NetworkInterfaceId] {
        &self.interfaces
    }

    /// Whether a packet from one gets to the other, at that very interface, and its reply comes back. No interface reaches
    /// itself by the network.
    pub fn reaches(&self, from: NetworkInterfaceId, to: NetworkInterfaceId) -> bool {
        let number = |id| self.numbers.get(&id).map(|&number| number as usize);
        let (Some(from), Some(to)) = (number(from), number(to)) else { return false };
        self.row(from).has(to)
    }

    /// How many ordered pairs reach.
    pub fn count(&self) -> u64 {
        let counts: Vec<u64> = self.rows.iter().map(Bits::count).collect();
        self.row_of.iter().map(|&row| counts[row as usize]).sum()
    }

    /// How many different sets of interfaces are reached.
    pub fn distinct(&self) -> usize {
        self.rows.len()
    }

    /// Whom an interface reaches.
    pub fn reached_from(&self, from: NetworkInterfaceId) -> impl Iterator<Item = NetworkInterfaceId> + '_ {
        let row = self.numbers.get(&from).map(|&number| self.row(number as usize));
        row.into_iter().flat_map(Bits::iter).map(|to| self.interfaces[to])
    }

    /// Every pair that reaches.
    pub fn iter(&self) -> impl Iterator<Item = (NetworkInterfaceId, NetworkInterfaceId)> + '_ {
        self.interfaces.iter().flat_map(|&from| self.reached_from(from).map(move |to| (from, to)))
    }

    fn row(&self, number: usize) -> &Bits {
        &self.rows[self.row_of[number] as usize]
    }
}

impl Snapshot {
    /// Which interface reaches which with such a packet: what a trace of each pair would say, for all pairs.
    pub fn pairs(&self, sent: Sent) -> Pairs {
        Finder::new(self, sent).find()
    }
}

/// Interfaces of one subnet, whose numbers follow each other, by address.
struct Site {
    members: Range<usize>,
}

/// Interfaces between which there is a way.
struct Passage {
    from: Range<usize>,
    to: Range<usize>,
    way: Way,
}

/// What the interfaces with one set of groups let pass.
struct PolicyBits {
    members: Sparse,
    /// Whom its members may send to: by address alone, and by groups too.
    egress: [Bits; 2],
    /// From whom they may receive, likewise.
    ingress: [Bits; 2],
    admitted: Option<Admitted>,
}

struct Finder<'s> {
    snapshot: &'s Snapshot,
    network: &'s Network,
    sent: Sent,
    /// Those that are as others, by site; then those that are not.
    plugged: Vec<&'s PluggedInterface>,
    odd_from: usize,
    sites: Vec<Site>,
    policies: Vec<PolicyBits>,
    /// The index of each policy's number.
    policy_index: FxHashMap<u32, usize>,
}

impl<'s> Finder<'s> {
    fn new(snapshot: &'s Snapshot, sent: Sent) -> Self {
        let network = snapshot.network();
        let workloads = snapshot
            .interfaces()
            .filter(|interface| interface.role == InterfaceRole::Workload)
            .filter_map(|interface| network.at(interface.port));
        let (mut plugged, mut odd): (Vec<_>, Vec<_>) =
            workloads.partition(|plugged| is_plain(network, plugged));
        plugged.sort_unstable_by_key(|plugged| (plugged.vpc, plugged.subnet, plugged.ipv4));
        odd.sort_unstable_by_key(|plugged| plugged.port);
        let odd_from = plugged.len();
        let mut sites: Vec<Site> = Vec::new();
        for (number, one) in plugged.iter().enumerate() {
            let place = |plugged: &PluggedInterface| (plugged.vpc, plugged.subnet);
            match sites.last_mut().filter(|site| place(plugged[site.members.start]) == place(one)) {
                Some(site) => site.members.end = number + 1,
                None => sites.push(Site { members: number..number + 1 }),
            }
        }
        plugged.append(&mut odd);
        let (policies, policy_index) = (Vec::new(), FxHashMap::default());
        Self { snapshot, network, sent, plugged, odd_from, sites, policies, policy_index }
    }

    fn question(&self, from: usize, to: usize) -> Question {
        let (from, to) = (self.plugged[from], self.plugged[to]);
        let Sent { protocol, source_port, destination_port } = self.sent;
        let at = |plugged: &PluggedInterface, port| Endpoint { address: plugged.ipv4.into(), port };
        Question {
            from: from.port,
            source: at(from, source_port),
            destination: at(to, destination_port),
            protocol,
        }
    }

    /// What rules compare of the packet.
    fn probe(&self) -> Option<Probe> {
        let any = self.plugged.first()?;
        let packet = Question { from: any.port, ..self.question(0, 0) }.packet(self.snapshot)?;
        Some(Probe::of(&Tuple::of(&packet)))
    }

    fn find(mut self) -> Pairs {
        let count = self.plugged.len();
        self.compile_policies();
        let mut ways = Ways::new(self.snapshot);
        let mut tracer = Tracer::new(self.snapshot);
        let mut rows = Rows::default();
        for site in 0..self.sites.len() {
            let (passages, alone) = self.passages(site, &mut ways);
            for from in self.sites[site].members.clone() {
                let mut row = self.row(from, &passages);
                for &(_, to) in alone.iter().filter(|&&(of, _)| of == from) {
                    self.set_traced(&mut row, from, to, &mut tracer);
                }
                for to in self.odd_from..count {
                    self.set_traced(&mut row, from, to, &mut tracer);
                }
                row.remove(from);
                rows.push(row);
            }
        }
        for from in self.odd_from..count {
            let mut row = Bits::new(count);
            (0..count).for_each(|to| self.set_traced(&mut row, from, to, &mut tracer));
            rows.push(row);
        }
        let interfaces: Vec<NetworkInterfaceId> = self.plugged.iter().map(|one| one.interface.id).collect();
        let numbers = interfaces.iter().copied().zip(0..).collect();
        Pairs { interfaces, numbers, row_of: rows.row_of, rows: rows.rows }
    }

    /// Asks about a pair by itself.
    fn set_traced(&self, row: &mut Bits, from: usize, to: usize, tracer: &mut Tracer<'_>) {
        let reached = |port: Port| Some(port) == Some(self.plugged[to].port);
        let trace = (from != to).then(|| tracer.trace(self.question(from, to))).flatten();
        let trace = trace.filter(|trace| trace.reaches());
        if trace.is_some_and(|trace| trace.there.landed.is_some_and(|(port, _)| reached(port))) {
            row.add(to);
        }
    }

    fn compile_policies(&mut self) {
        let Some(probe) = self.probe() else { return };
        let count = self.plugged.len();
        let mut members: FxHashMap<SecurityGroupId, Bits> = FxHashMap::default();
        for (number, plugged) in self.plugged.iter().enumerate() {
            for &group in self.network.groups_of(plugged) {
                members.entry(group).or_insert_with(|| Bits::new(count)).add(number);
            }
            let next = self.policies.len();
            let index = *self.policy_index.entry(plugged.policy).or_insert(next);
            if index == next {
                let none = || [Bits::default(), Bits::default()];
                self.policies.push(PolicyBits {
                    members: Sparse::default(),
                    egress: none(),
                    ingress: none(),
                    admitted: None,
                });
            }
            self.policies[index].members.add(number);
        }
        for (number, &index) in &self.policy_index {
            let Some(policy) = self.network.policy(*number) else { continue };
            let [egress, ingress] = [Direction::Egress, Direction::Ingress].map(|direction| {
                let admitted = policy.rules(direction).admitted(probe);
                let by_address = self.of_addresses(&admitted);
                let mut by_groups = by_address.clone();
                let named = admitted.groups.iter().filter_map(|group| members.get(group));
                named.for_each(|members| by_groups.join(members));
                ([by_address, by_groups], admitted)
            });
            let held = &mut self.policies[index];
            (held.egress, held.ingress, held.admitted) = (egress.0, ingress.0, Some(ingress.1));
        }
    }

    /// Who has an address that rules let pass.
    fn of_addresses(&self, admitted: &Admitted) -> Bits {
        let mut bits = Bits::new(self.plugged.len());
        match admitted.ipv4[..] {
            [] => {}
            [(0, u32::MAX)] => bits.fill(0..self.plugged.len()),
            _ => {
                for site in &self.sites {
                    let members = &self.plugged[site.members.clone()];
                    let (Some(first), Some(last)) = (members.first(), members.last()) else { continue };
                    let bounds = (first.ipv4.to_bits(), last.ipv4.to_bits());
                    let begin = admitted.ipv4.partition_point(|span| span.1 < bounds.0);
                    for span in admitted.ipv4[begin..].iter().take_while(|span| span.0 <= bounds.1) {
                        let from = members.partition_point(|one| one.ipv4.to_bits() < span.0);
                        let to = members.partition_point(|one| one.ipv4.to_bits() <= span.1);
                        bits.fill(site.members.start + from..site.members.start + to);
                    }
                }
                let odd = self.odd_from..self.plugged.len();
                odd.filter(|&one| admitted.has_address(self.plugged[one].ipv4.to_bits()))
                    .for_each(|one| bits.add(one));
            }
        }
        bits
    }

    /// The ways from the interfaces of a site to all others, and pairs that each have a way of their own.
    fn passages(&self, site: usize, ways: &mut Ways<'_>) -> (Vec<Passage>, Vec<(usize, usize)>) {
        let (mut passages, mut alone) = (Vec::new(), Vec::new());
        for to in &self.sites {
            let mut left = vec![(self.sites[site].members.clone(), to.members.clone())];
            while let Some((from, to)) = left.pop() {
                let Some((one, other)) = different(&from, &to) else { continue };
                let Found { way, headers, is_by_header } =
                    ways.find(&self.question(one, other), self.plugged[other].port);
                let (mut like_one, mut like_other) = (one..one + 1, other..other + 1);
                if is_by_header {
                    alone.push((one, other));
                } else {
                    like_one = self.within(&from, headers.span(Field::Source), one);
                    like_other = self.within(&to, headers.span(Field::Destination), other);
                }
                // What is before and after the senders that are alike, and of those the receivers that are not.
                let rests = [
                    (from.start..like_one.start, to.clone()),
                    (like_one.end..from.end, to.clone()),
                    (like_one.clone(), to.start..like_other.start),
                    (like_one.clone(), like_other.end..to.end),
                ];
                left.extend(rests.into_iter().filter(|(from, to)| !from.is_empty() && !to.is_empty()));
                if let Some(way) = way.filter(|_| !is_by_header) {
                    passages.push(Passage { from: like_one, to: like_other, way });
                }
            }
        }
        (passages, alone)
    }

    /// Those of some neighbours whose addresses are in a range, `one` among them.
    fn within(&self, all: &Range<usize>, span: super::Span, one: usize) -> Range<usize> {
        let value = |number: usize| bits(IpAddr::V4(self.plugged[number].ipv4));
        let members = &self.plugged[all.clone()];
        let at = |test: &dyn Fn(u128) -> bool| {
            all.start + members.partition_point(|plugged| test(bits(IpAddr::V4(plugged.ipv4))))
        };
        debug_assert!(span.contains(value(one)));
        at(&|value| value < span.first)..at(&|value| value <= span.last)
    }

    /// Whom an interface reaches by these passages.
    fn row(&self, from: usize, passages: &[Passage]) -> Bits {
        let count = self.plugged.len();
        let mut row = Bits::new(count);
        // The rules of each receiver, asked about the sender with and without its groups.
        let mut receives = [None, None];
        let policy = &self.policies[self.policy_index[&self.plugged[from].policy]];
        for passage in passages.iter().filter(|passage| passage.from.contains(&from)) {
            let egress = &policy.egress[usize::from(passage.way.shows_receiver)];
            match passage.way.seen {
                Seen::Itself { shows_groups } => {
                    let by_groups = usize::from(shows_groups);
                    let receives = receives[by_groups].get_or_insert_with(|| self.receivers(from, by_groups));
                    row.join_common(egress, receives, passage.to.clone());
                }
                Seen::As(IpAddr::V4(address)) => {
                    let admits = |to: &usize| {
                        let policy = &self.policies[self.policy_index[&self.plugged[*to].policy]];
                        let admitted = policy.admitted.as_ref();
                        egress.has(*to)
                            && admitted.is_some_and(|admitted| admitted.has_address(address.to_bits()))
                    };
                    passage.to.clone().filter(admits).for_each(|to| row.add(to));
                }
                Seen::As(IpAddr::V6(_)) => {}
            }
        }
        row
    }

    /// Whose rules let pass what an interface sends, by its address alone or by its groups too.
    fn receivers(&self, from: usize, by_groups: usize) -> Bits {
        let mut receivers = Bits::new(self.plugged.len());
        for policy in self.policies.iter().filter(|policy| policy.ingress[by_groups].has(from)) {
            receivers.join_sparse(&policy.members);
        }
        receivers
    }
}

/// Whether an interface is as most are: where it is said to be, alone with its address, and able to track a connection.
fn is_plain(network: &Network, plugged: &PluggedInterface) -> bool {
    let is_in_place = network.subnet_of(plugged).is_some_and(|subnet| subnet.vpc_number == Some(plugged.vpc));
    let has_address = network.port_of(plugged.vpc, plugged.ipv4.into()) == Some(plugged.port);
    is_in_place && has_address && plugged.tracking_limit > 0
}

/// A pair of two different ones.
fn different(one: &Range<usize>, other: &Range<usize>) -> Option<(usize, usize)> {
    let candidates = [(one.start, other.start), (one.start, other.start + 1), (one.start + 1, other.start)];
    candidates.into_iter().find(|(a, b)| a != b && one.contains(a) && other.contains(b))
}

/// Rows of the answer, each held once.
#[derive(Default)]
struct Rows {
    rows: Vec<Bits>,
    row_of: Vec<u32>,
    known: FxHashMap<Bits, u32>,
}

impl Rows {
    fn push(&mut self, row: Bits) {
        let next = self.rows.len() as u32;
        let number = *self.known.entry(row).or_insert_with_key(|row| {
            self.rows.push(row.clone());
            next
        });
        self.row_of.push(number);
    }
}
