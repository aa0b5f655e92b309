//! Which reachabilities changed between two revisions, as `brume diff` says.
//!
//! Owns which pairs are compared, and why each difference is one. Refuses to know which revisions are kept (`history` does) and
//! to judge packets (the engine does).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use assertions::{Assertion, CLIENT_PORTS, Expectation, Family, Ports, Selector, Traffic};
use aws_types::NetworkInterfaceId;
use serde::{Deserialize, Serialize};
use store::{Revision, Snapshot as Records};
use vpc_engine::Snapshot;
use vpc_engine::reach::{Field, HeaderBox, HeaderSet, Met, Shown, Trace, Tracer};
use vpc_model::{Delta, InterfaceRole, Object, ObjectId, RouteTarget};

use super::places::{Kind, Place, Places};
use super::probe::{PARTS_MAX, Packets, lands_at, packets};
use super::{Outside, Stop, without_conditions};
use crate::control::{self, Question};
use crate::history::{History, Past};
use crate::internet_hosts::Internet;
use crate::paths::RunDir;
use crate::projection::Projector;

/// How many pairs are compared at most.
pub const PAIRS_MAX: usize = 200_000;
/// How many changes are told of at most.
pub const CHANGES_TOLD_MAX: usize = 10_000;

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DiffRequest {
    /// The revision that is compared with.
    pub from: u64,
    /// The revision that is compared.
    pub to: u64,
    /// What is sent; where it is empty, TCP and UDP to every port, pings, and the protocols that rules name by their numbers.
    pub traffic: Vec<Traffic>,
}

/// What is another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffReport {
    /// The revision that was compared with.
    pub from: u64,
    /// The revision that was compared.
    pub to: u64,
    /// How many pairs of ends could have changed and were compared.
    pub pairs: usize,
    /// What changed; [`CHANGES_TOLD_MAX`] at most.
    pub changes: Vec<ReachChange>,
    /// How many changes there are beside those.
    pub left_out: usize,
}

/// Packets that get through in one of two revisions alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReachChange {
    /// The one end.
    pub from: String,
    /// The other.
    pub to: String,
    /// `tcp`, `udp`, `ping` or `protocol/NUMBER`.
    pub protocol: String,
    /// The ports that they go to; none where the protocol has none.
    pub ports: Option<(u16, u16)>,
    /// Whether they get through in the later revision, or did in the earlier.
    pub is_added: bool,
    /// All of their header, such as `10.0.0.5:1024-65535 > 10.0.1.7:22`.
    pub packets: String,
    /// What decides it: what lets them through that was not there before, or everything that stops them now.
    pub why: Vec<String>,
}

impl DiffReport {
    /// Asks the daemon of a run directory.
    ///
    /// # Errors
    /// When it does not answer in time, or a revision is not kept.
    pub fn ask(run_dir: &RunDir, request: DiffRequest) -> io::Result<Self> {
        control::ask(run_dir, &Question::Diff { request })
    }
}

/// What is needed to see an earlier network.
pub(crate) struct Revisions {
    pub(crate) history: Arc<History>,
    /// What the engine is told that is in no record.
    pub(crate) fixed: Vec<Delta>,
    /// The seed of the data plane's table of connections.
    pub(crate) seed: u64,
}

/// Compares.
///
/// # Errors
/// What to say when a revision is not kept, or too much would have to be compared, or nobody waits for the answer any more.
pub(crate) fn diff(
    revisions: &Revisions,
    internet: &Internet,
    request: &DiffRequest,
    stop: &Stop,
) -> Result<DiffReport, String> {
    let past = |revision| revisions.history.at(Revision(revision));
    let (from, to) = (past(request.from)?, past(request.to)?);
    let outside = [&from, &to].map(|past| Outside::of(internet, &past.records));
    let [from, to] = [&from, &to].map(|past| Side::of(past, &revisions.fixed));
    let today = revisions.history.today();
    let concerned = concerned(&from, &to);
    compared(&from, &to, &outside, &Task { request, today: &today, concerned, seed: revisions.seed, stop })
}

/// What is compared, and how it is named.
struct Task<'a> {
    request: &'a DiffRequest,
    /// The newest state: instances have their names from it, since states of earlier have no instances.
    today: &'a Records,
    concerned: Concerned,
    /// Of the tables of connections.
    seed: u64,
    stop: &'a Stop,
}

/// A network of a revision.
pub(super) struct Side<'a> {
    records: &'a Records,
    objects: BTreeMap<ObjectId, Object>,
    plain: Snapshot,
    supposing: Snapshot,
}

impl<'a> Side<'a> {
    pub(super) fn of(past: &'a Past, fixed: &[Delta]) -> Self {
        let mut deltas = Projector::default().everything(&past.records, past.at).deltas;
        deltas.extend(fixed.iter().cloned());
        let plain = without_conditions(&Snapshot::new().apply(&deltas).snapshot);
        let put = deltas.into_iter().filter_map(|delta| match delta {
            Delta::Put(object) => Some((object.id(), object)),
            Delta::Remove(_) => None,
        });
        Self { records: &past.records, objects: put.collect(), supposing: plain.supposing_hosts(), plain }
    }
}

/// Whose reachability may be another.
#[derive(Debug, PartialEq, Eq)]
enum Concerned {
    Everybody,
    /// These alone, with each other and with all others.
    Interfaces(BTreeSet<NetworkInterfaceId>),
}

/// An interface concerns itself, and a security group those who carry it. Whatever else is another may be on the way of anybody.
fn concerned(from: &Side<'_>, to: &Side<'_>) -> Concerned {
    let ids: BTreeSet<&ObjectId> = from.objects.keys().chain(to.objects.keys()).collect();
    let is_target = |id: NetworkInterfaceId| {
        let tables = from.objects.values().chain(to.objects.values());
        tables.into_iter().any(|object| match object {
            Object::RouteTable(table) => {
                table.routes.iter().any(|route| route.target == RouteTarget::Interface(id))
            }
            _ => false,
        })
    };
    let mut interfaces = BTreeSet::new();
    let mut groups = BTreeSet::new();
    for id in ids {
        let both = [from.objects.get(id), to.objects.get(id)];
        if both[0] == both[1] {
            continue;
        }
        match *id {
            ObjectId::DhcpOptions(_) | ObjectId::Path(_) => {}
            ObjectId::SecurityGroup(group) => _ = groups.insert(group),
            ObjectId::Interface(interface) => {
                let passes_on = both.into_iter().flatten().any(|object| match object {
                    Object::Interface(held) => {
                        held.role != InterfaceRole::Workload || !held.source_dest_check
                    }
                    _ => true,
                });
                if passes_on || is_target(interface) {
                    return Concerned::Everybody;
                }
                interfaces.insert(interface);
            }
            _ => return Concerned::Everybody,
        }
    }
    for object in from.objects.values().chain(to.objects.values()) {
        if let Object::Interface(held) = object
            && held.security_groups.iter().any(|group| groups.contains(group))
        {
            // A middlebox with other rules lets others of other people's packets on.
            if held.role != InterfaceRole::Workload || !held.source_dest_check || is_target(held.id) {
                return Concerned::Everybody;
            }
            interfaces.insert(held.id);
        }
    }
    Concerned::Interfaces(interfaces)
}

/// An end, in either revision.
#[derive(Default)]
struct End<'a> {
    places: [Option<Place<'a>>; 2],
    is_concerned: bool,
}

impl End<'_> {
    fn name(&self) -> &str {
        let [from, to] = &self.places;
        to.as_ref().or(from.as_ref()).map_or("", |place| place.name.as_str())
    }
}

/// Everybody who can be at an end of a pair, by their ids; those outside come by their names.
fn ends<'a>(places: &'a [Places<'a>; 2], concerned: &Concerned) -> Vec<End<'a>> {
    let mut ends: BTreeMap<String, End<'a>> = BTreeMap::new();
    for (side, places) in places.iter().enumerate() {
        for place in places.everybody() {
            let (id, is_concerned) = match &place.kind {
                Kind::Interface(interface, _) => (
                    interface.id.to_string(),
                    match concerned {
                        Concerned::Everybody => true,
                        Concerned::Interfaces(ids) => ids.contains(&interface.id),
                    },
                ),
                _ => (place.name.clone(), *concerned == Concerned::Everybody),
            };
            let end = ends.entry(id).or_default();
            end.is_concerned |= is_concerned;
            end.places[side] = Some(place);
        }
    }
    ends.into_values().collect()
}

/// TCP and UDP to every port, pings, and the protocols that rules name by their numbers.
fn all_traffic(sides: [&Side<'_>; 2]) -> Vec<Traffic> {
    let mut numbers = BTreeSet::new();
    for object in sides.into_iter().flat_map(|side| side.objects.values()) {
        let named: Vec<vpc_model::Traffic> = match object {
            Object::SecurityGroup(group) => group.rules.iter().map(|rule| rule.traffic).collect(),
            Object::NetworkAcl(acl) => acl.entries.iter().map(|entry| entry.traffic).collect(),
            _ => continue,
        };
        numbers.extend(named.into_iter().filter_map(|traffic| match traffic {
            vpc_model::Traffic::Protocol(protocol) => Some(protocol.0),
            _ => None,
        }));
    }
    let usual = [Traffic::Tcp(Ports::ALL), Traffic::Udp(Ports::ALL), Traffic::Ping];
    usual.into_iter().chain(numbers.into_iter().map(Traffic::Protocol)).collect()
}

/// Compares two networks.
fn compared(
    from: &Side<'_>,
    to: &Side<'_>,
    outside: &[Outside; 2],
    task: &Task<'_>,
) -> Result<DiffReport, String> {
    let Task { request, today, concerned, seed, stop } = task;
    let places = [(from, &outside[0]), (to, &outside[1])]
        .map(|(side, outside)| Places::of(side.records, today, &side.plain, outside));
    let ends = ends(&places, concerned);
    let traffic = if request.traffic.is_empty() { all_traffic([from, to]) } else { request.traffic.clone() };
    let pairs = pairs(&ends)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(pairs.len().max(1));
    let of_thread = |thread: usize| -> Result<Told, String> {
        let sides = [from, to].map(|side| Tracers::of(side, *seed));
        let mut comparer = Comparer { places: &places, sides };
        let mut told = Told::new(CHANGES_TOLD_MAX);
        for (one, other) in pairs.iter().skip(thread).step_by(threads) {
            stop.check()?;
            comparer.pair(one, other, &traffic, &mut told)?;
        }
        Ok(told)
    };
    let told = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|thread| scope.spawn(move || of_thread(thread))).collect();
        let mut told = of_thread(0)?;
        for other in others {
            told.merge(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok::<_, String>(told)
    })?;
    let (changes, left_out) = told.finish();
    Ok(DiffReport { from: request.from, to: request.to, pairs: pairs.len(), changes, left_out })
}

/// The pairs that are compared: each end with all others, where one of the two is concerned. They are counted first, since those
/// of a large network would fill the memory.
fn pairs<'e, 'a>(ends: &'e [End<'a>]) -> Result<Vec<(&'e End<'a>, &'e End<'a>)>, String> {
    let (all, concerned) = (ends.len(), ends.iter().filter(|end| end.is_concerned).count());
    let count = pair_count(all, concerned);
    if count > PAIRS_MAX {
        return Err(format!(
            "{count} pairs could have changed, and {PAIRS_MAX} can be compared; compare revisions that are closer to each other"
        ));
    }
    let of_concern: Vec<usize> = (0..all).filter(|at| ends[*at].is_concerned).collect();
    let mut pairs = Vec::with_capacity(count);
    for (at, one) in ends.iter().enumerate() {
        if one.is_concerned {
            pairs.extend(
                ends.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| (one, other)),
            );
        } else {
            pairs.extend(of_concern.iter().map(|other| (one, &ends[*other])));
        }
    }
    Ok(pairs)
}

/// How many pairs there are, in both orders, of which at least one is concerned: all, without those of which neither is.
fn pair_count(all: usize, concerned: usize) -> usize {
    let of = |count: usize| count.saturating_mul(count.saturating_sub(1));
    of(all) - of(all - concerned)
}

/// The first changes, in their order, and how many there are beside them.
struct Told {
    changes: Vec<ReachChange>,
    left_out: usize,
    most: usize,
}

impl Told {
    const fn new(most: usize) -> Self {
        Self { changes: Vec::new(), left_out: 0, most }
    }

    fn add(&mut self, change: ReachChange) {
        self.changes.push(change);
        // Not each time: to sort them costs as much as there are.
        if self.changes.len() >= 2 * self.most {
            self.shorten();
        }
    }

    fn merge(&mut self, other: Self) {
        self.left_out += other.left_out;
        other.changes.into_iter().for_each(|change| self.add(change));
    }

    fn shorten(&mut self) {
        self.changes.sort_unstable();
        self.left_out += self.changes.len().saturating_sub(self.most);
        self.changes.truncate(self.most);
    }

    fn finish(mut self) -> (Vec<ReachChange>, usize) {
        self.shorten();
        (self.changes, self.left_out)
    }
}

struct Tracers<'s> {
    plain: Tracer<'s>,
    supposing: Tracer<'s>,
}

impl<'s> Tracers<'s> {
    fn of(side: &'s Side<'_>, seed: u64) -> Self {
        Self { plain: Tracer::seeded(&side.plain, seed), supposing: Tracer::seeded(&side.supposing, seed) }
    }
}

/// Packets that all go one way, what becomes of them, and whether they get through.
type Part = (HeaderBox, Trace, bool);

struct Comparer<'p, 's> {
    places: &'p [Places<'p>; 2],
    sides: [Tracers<'s>; 2],
}

impl Comparer<'_, '_> {
    fn pair(
        &mut self,
        from: &End<'_>,
        to: &End<'_>,
        traffic: &[Traffic],
        told: &mut Told,
    ) -> Result<(), String> {
        for &traffic in traffic {
            for family in [Family::Ipv4, Family::Ipv6] {
                let mut parts: [BTreeMap<&'static str, (Packets, Vec<Part>)>; 2] = Default::default();
                for (side, parts) in parts.iter_mut().enumerate() {
                    let (Some(one), Some(other)) = (&from.places[side], &to.places[side]) else { continue };
                    self.explore(side, one, other, (traffic, family), parts)?;
                }
                let [before, after] = &parts;
                for name in before.keys().chain(after.keys()).copied().collect::<BTreeSet<_>>() {
                    let [old, new] =
                        [before, after].map(|parts| parts.get(name).map_or(&[][..], |(_, parts)| parts));
                    let Some((packets, _)) = before.get(name).or(after.get(name)) else { continue };
                    let is_new = |end: &End<'_>| end.places[0].is_none();
                    let mut found = Found::default();
                    found.add(true, new, old, if is_new(from) { from.name() } else { to.name() });
                    found.add(
                        false,
                        old,
                        new,
                        if from.places[1].is_none() { from.name() } else { to.name() },
                    );
                    found.tell((from, to), packets, told);
                }
            }
        }
        Ok(())
    }

    fn explore(
        &mut self,
        side: usize,
        from: &Place<'_>,
        to: &Place<'_>,
        (traffic, family): (Traffic, Family),
        parts: &mut BTreeMap<&'static str, (Packets, Vec<Part>)>,
    ) -> Result<(), String> {
        let asked = Assertion {
            line: 0,
            from: Selector::Internet,
            to: Selector::Internet,
            family: Some(family),
            traffic,
            client_ports: CLIENT_PORTS,
            expect: Expectation::Allow,
        };
        let is_about_all = matches!(from.kind, Kind::Internet) || matches!(to.kind, Kind::Internet);
        // Without addresses of the family nothing is sent.
        for packets in packets(&self.places[side], &asked, from, to).unwrap_or_default() {
            let Tracers { plain, supposing } = &mut self.sides[side];
            let tracer = if is_about_all { supposing } else { plain };
            let Some(explored) = tracer.explore(&packets.questions, PARTS_MAX) else { continue };
            if !explored.rest.is_empty() {
                let ends = format!("{} to {}", from.name, to.name);
                return Err(format!(
                    "what becomes of the packets from {ends} has more than {PARTS_MAX} parts"
                ));
            }
            let judged = explored.parts.into_iter().map(|(part, trace)| {
                let passes = trace.reaches() && lands_at(&trace, to);
                (part, trace, passes)
            });
            let held = parts.entry(packets.name).or_insert_with(|| (packets, Vec::new()));
            held.1.extend(judged);
        }
        Ok(())
    }
}

/// Differences of a pair by what decides them.
#[derive(Default)]
struct Found(BTreeMap<(bool, Vec<String>), HeaderSet>);

impl Found {
    /// What gets through on this side and not on that one. `missing` is who is not there, where somebody is not.
    fn add(&mut self, is_added: bool, this: &[Part], that: &[Part], missing: &str) {
        for (part, trace, _) in this.iter().filter(|(_, _, passes)| *passes) {
            let mut left = vec![*part];
            for (other, other_trace, other_passes) in that {
                let mut rest = Vec::new();
                for piece in left {
                    if let Some(common) = piece.intersection(other).filter(|_| !other_passes) {
                        let why = if is_added { opened(other_trace, trace) } else { closed(other_trace) };
                        self.0.entry((is_added, why)).or_default().insert(common);
                    }
                    piece.minus(other, &mut rest);
                }
                left = rest;
            }
            for piece in left {
                let why = format!(
                    "{missing} {}",
                    if is_added {
                        "was not there, or had another address"
                    } else {
                        "is gone, or has another address"
                    }
                );
                self.0.entry((is_added, vec![why])).or_default().insert(piece);
            }
        }
    }

    fn tell(self, (from, to): (&End<'_>, &End<'_>), packets: &Packets, told: &mut Told) {
        let questions = &packets.questions;
        for ((is_added, why), set) in self.0 {
            for headers in set.boxes() {
                let ports = headers.span(Field::DestinationPort);
                let port = |value: u128| u16::try_from(value).unwrap_or(u16::MAX);
                let has_ports = matches!(packets.name, "tcp" | "udp");
                let mut protocol = packets.name.to_owned();
                if protocol == "protocol" {
                    _ = write!(protocol, "/{}", questions.protocol.0);
                }
                let shown = Shown { headers, protocol: questions.protocol, is_ipv6: questions.is_ipv6 };
                told.add(ReachChange {
                    from: from.name().to_owned(),
                    to: to.name().to_owned(),
                    protocol,
                    ports: has_ports.then(|| (port(ports.first), port(ports.last))),
                    is_added,
                    packets: shown.to_string(),
                    why: why.clone(),
                });
            }
        }
    }
}

/// What lets packets through that was not met before; where all of it was, that which refused them.
fn opened(before: &Trace, after: &Trace) -> Vec<String> {
    let met =
        |trace: &Trace| trace.ways().flat_map(|way| &way.steps).map(|step| step.met).collect::<Vec<_>>();
    let decides = |met: &Met| {
        matches!(
            met,
            Met::Rules { .. }
                | Met::NetworkAcl { .. }
                | Met::Route { .. }
                | Met::TransitRoute { .. }
                | Met::Through(_)
        )
    };
    let known = met(before);
    let mut new: Vec<String> = Vec::new();
    for met in met(after).iter().filter(|met| decides(met) && !known.contains(met)) {
        let text = met.to_string();
        if !new.contains(&text) {
            new.push(text);
        }
    }
    if new.is_empty() {
        new.extend(closed(before).into_iter().map(|refusal| format!("no more: {refusal}")));
    }
    new
}

/// Everything that stops packets.
fn closed(trace: &Trace) -> Vec<String> {
    let mut refusals: Vec<String> = trace.refusals().map(|(reason, _)| reason.to_string()).collect();
    if refusals.is_empty() {
        refusals.push("they get to somebody else, or replies do not come back".to_owned());
    }
    refusals
}

/// Compares two revisions of a history, where public addresses are those of the cloud and nothing else is outside. All pairs
/// are compared where `everybody` says so.
#[cfg(test)]
pub(crate) fn compare_for_tests(
    history: &History,
    request: &DiffRequest,
    everybody: bool,
) -> Result<DiffReport, String> {
    let past = |revision| history.at(Revision(revision));
    let (from, to) = (past(request.from)?, past(request.to)?);
    let given: ipnet::IpNet = "198.18.0.0/15".parse().expect("a block");
    let outside = || Outside { hosts: Vec::new(), workstation: Vec::new(), taken: vec![given] };
    let fixed = [vpc_model::PublicAddresses { id: given }.into()];
    let [from, to] = [&from, &to].map(|past| Side::of(past, &fixed));
    let concerned = if everybody { Concerned::Everybody } else { concerned(&from, &to) };
    let today = history.today();
    let seed = vpc_engine::FlowOptions::default().seed;
    let task = Task { request, today: &today, concerned, seed, stop: &Stop::default() };
    compared(&from, &to, &[outside(), outside()], &task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_counted_as_they_are_listed() {
        for bits in 0_u32..1 << 6 {
            let ends: Vec<End<'_>> =
                (0..6).map(|at| End { is_concerned: bits >> at & 1 == 1, ..End::default() }).collect();
            let count = |one: &End<'_>| {
                ends.iter()
                    .filter(|other| !std::ptr::eq(one, *other) && (one.is_concerned || other.is_concerned))
                    .count()
            };
            let expect: usize = ends.iter().map(count).sum();
            let listed = pairs(&ends).unwrap();
            assert_eq!(
                (listed.len(), pair_count(6, bits.count_ones() as usize)),
                (expect, expect),
                "{bits:b}"
            );
            assert!(listed.iter().all(|(one, other)| {
                !std::ptr::eq(*one, *other) && (one.is_concerned || other.is_concerned)
            }));
        }
        let many: Vec<End<'_>> = (0..10_000).map(|_| End { is_concerned: true, ..End::default() }).collect();
        let error = pairs(&many).err().unwrap();
        assert!(error.starts_with("99990000 pairs could have changed"), "{error}");
    }

    #[test]
    fn the_first_changes_are_told_of_and_the_others_counted() {
        let change = |number: usize| ReachChange {
            from: format!("{number:03}"),
            to: String::new(),
            protocol: String::new(),
            ports: None,
            is_added: true,
            packets: String::new(),
            why: Vec::new(),
        };
        let mut parts = [Told::new(5), Told::new(5)];
        for number in 0..100 {
            let part = &mut parts[number % 2];
            part.add(change(number * 37 % 100));
            assert!(part.changes.len() < 10);
        }
        let [mut told, other] = parts;
        told.merge(other);
        assert_eq!(told.finish(), ((0..5).map(change).collect(), 95));
    }
}
