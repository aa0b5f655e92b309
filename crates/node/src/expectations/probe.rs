//! What becomes of every packet of a pair of ends.
//!
//! Owns which packets an assertion is about, and why some do not do as expected. Refuses to know who is meant.

use assertions::{Assertion, Family, Ports, Traffic};
use vpc_engine::Snapshot;
use vpc_engine::reach::{self, HeaderBox, HeaderSet, Questions, Shown, Span, Trace, Tracer};
use vpc_model::{Port, Protocol};

use super::places::{Kind, Place, Places};
use super::{PairFailure, is_to_pass};
use crate::traces::steps;

/// Into how many boxes the packets of a pair are taken apart at most.
pub(super) const PARTS_MAX: usize = 10_000;
/// How many sets of packets that do not do as expected are told of, for each pair.
const SHOWN_MAX: usize = 4;

/// Asks about packets.
pub(super) struct Prober<'s> {
    /// Of the data plane's table of connections.
    seed: u64,
    plain: (&'s Snapshot, Tracer<'s>),
    /// With hosts where nobody is: for what is about the internet as a whole.
    supposing: (&'s Snapshot, Tracer<'s>),
}

/// Packets of one protocol between two ends.
pub(super) struct Packets {
    pub(super) name: &'static str,
    pub(super) questions: Questions,
}

impl<'s> Prober<'s> {
    pub(super) fn new(plain: &'s Snapshot, supposing: &'s Snapshot, seed: u64) -> Self {
        let with_tracer = |snapshot| (snapshot, Tracer::seeded(snapshot, seed));
        Self { seed, plain: with_tracer(plain), supposing: with_tracer(supposing) }
    }

    /// Whether a pair does as expected, and why if it does not.
    ///
    /// # Errors
    /// What to say when it cannot be told.
    pub(super) fn pair(
        &mut self,
        places: &Places<'_>,
        assertion: &Assertion,
        from: &Place<'_>,
        to: &Place<'_>,
        is_explained: bool,
    ) -> Result<Judged, String> {
        let passes = is_to_pass(assertion);
        let mut failure = PairFailure { from: from.name.clone(), to: to.name.clone(), ..Default::default() };
        let packets = match packets(places, assertion, from, to) {
            Ok(packets) => packets,
            // What has no way to be sent does not get there.
            Err(_) if !passes => return Ok(Judged::default()),
            Err(reason) => {
                failure.refusals.push(reason);
                return Ok(Judged { failure: Some(failure), is_by_header: false });
            }
        };
        let is_about_all = matches!(from.kind, Kind::Internet) || matches!(to.kind, Kind::Internet);
        let (snapshot, tracer) = if is_about_all { &mut self.supposing } else { &mut self.plain };
        let (mut wrong, mut is_by_header) = (Wrong::default(), false);
        for Packets { name, questions } in packets {
            let explored = tracer.explore(&questions, PARTS_MAX);
            let explored = explored.ok_or_else(|| format!("{} is not in the network", from.name))?;
            if !explored.rest.is_empty() {
                return Err(format!("what becomes of the packets has more than {PARTS_MAX} parts"));
            }
            for (part, trace) in explored.parts {
                is_by_header |= trace.is_by_header;
                let is_as_expected = match passes {
                    true => trace.reaches() && lands_at(&trace, to),
                    false => !(trace.there.is_open() && lands_at(&trace, to)),
                };
                if !is_as_expected {
                    wrong.add(name, &questions, part, trace);
                }
            }
        }
        let Some(trace) = wrong.first.take() else { return Ok(Judged { failure: None, is_by_header }) };
        if is_explained {
            explain(&mut failure, (snapshot, self.seed), &trace, passes, to);
            failure.packets = wrong.shown();
        }
        Ok(Judged { failure: Some(failure), is_by_header })
    }
}

/// What is found of a pair.
#[derive(Default)]
pub(super) struct Judged {
    /// Why it does not do as expected; none where it does.
    pub(super) failure: Option<PairFailure>,
    /// Whether a hash of the header chooses between several ways for some packets, of which one alone was looked at.
    pub(super) is_by_header: bool,
}

/// Packets that do not do as expected.
#[derive(Default)]
struct Wrong {
    sets: Vec<(&'static str, Questions, HeaderSet)>,
    first: Option<Trace>,
}

impl Wrong {
    fn add(&mut self, name: &'static str, questions: &Questions, part: HeaderBox, trace: Trace) {
        let is_same = |(held, of, _): &&mut (&str, Questions, HeaderSet)| {
            *held == name && of.is_ipv6 == questions.is_ipv6
        };
        match self.sets.iter_mut().find(is_same) {
            Some((_, _, set)) => set.insert(part),
            None => self.sets.push((name, *questions, HeaderSet::of(part))),
        }
        self.first.get_or_insert(trace);
    }

    fn shown(&self) -> Vec<String> {
        let mut shown = Vec::new();
        let mut left_out = 0;
        for (name, Questions { protocol, is_ipv6, .. }, set) in &self.sets {
            for headers in set.boxes() {
                if shown.len() == SHOWN_MAX {
                    left_out += 1;
                    continue;
                }
                let one = Shown { headers, protocol: *protocol, is_ipv6: *is_ipv6 };
                shown.push(format!("{name} {one}"));
            }
        }
        if left_out > 0 {
            shown.push(format!("and {left_out} more"));
        }
        shown
    }
}

/// Whether a packet lands where it was to.
pub(super) fn lands_at(trace: &Trace, to: &Place<'_>) -> bool {
    let Some((port, _)) = trace.there.landed else { return false };
    match &to.kind {
        Kind::Address(_) => true,
        Kind::Interface(interface, _) => port == interface.port,
        Kind::Outside(outside, _) => port == *outside,
        Kind::Internet => port == Port::INTERNET,
    }
}

fn explain(
    failure: &mut PairFailure,
    (snapshot, seed): (&Snapshot, u64),
    trace: &Trace,
    passes: bool,
    to: &Place<'_>,
) {
    failure.packet = trace.there.steps.first().map(|step| step.ends.to_string()).unwrap_or_default();
    failure.is_by_header = trace.is_by_header;
    if !passes {
        failure.way = steps(&trace.there);
        return;
    }
    failure.refusals = trace.refusals().map(|(reason, _)| reason.to_string()).collect();
    if failure.refusals.is_empty() {
        failure.refusals.push(match trace.there.landed {
            Some((_, ends)) if !lands_at(trace, to) => format!("it gets to somebody else, as {ends}"),
            _ => "the reply does not come back to who sent the packet".to_owned(),
        });
    }
    if let Some(repair) = reach::repair_seeded(snapshot, trace.question, seed) {
        failure.fixes = repair.fixes.iter().map(ToString::to_string).collect();
        failure.fixes_are_enough = repair.is_whole();
    }
}

/// The packets that an assertion is about, between two ends.
///
/// # Errors
/// Why there are none.
pub(super) fn packets(
    places: &Places<'_>,
    assertion: &Assertion,
    from: &Place<'_>,
    to: &Place<'_>,
) -> Result<Vec<Packets>, String> {
    let port = from.port().ok_or_else(|| format!("{} sends nothing", from.name))?;
    let all = !is_to_pass(assertion);
    let from_outside = port.is_reserved();
    let families: &[bool] = match assertion.family {
        Some(Family::Ipv4) => &[false],
        Some(Family::Ipv6) => &[true],
        None => &[false, true],
    };
    let mut packets = Vec::new();
    for &is_ipv6 in families {
        let sources = from.sources(places, is_ipv6, all);
        let destinations = to.destinations(places, is_ipv6, from_outside, all);
        for source in &sources {
            for destination in &destinations {
                let ends = [*source, *destination];
                packets.extend(sent(assertion, port, ends, is_ipv6));
            }
        }
        // The first family that both have stands for what is to get through; nothing of what is not may.
        if !packets.is_empty() && !all {
            break;
        }
    }
    if !packets.is_empty() {
        return Ok(packets);
    }
    Err(match &to.kind {
        Kind::Interface(..) if from_outside => {
            format!("{} has no public address by which the internet would know it", to.name)
        }
        _ => format!("{} and {} have no addresses of one family", from.name, to.name),
    })
}

/// The protocols that somebody's traffic has, between two ranges of addresses.
fn sent(assertion: &Assertion, from: Port, ends: [Span; 2], is_ipv6: bool) -> Vec<Packets> {
    let span = |ports: Ports| Span { first: ports.first.into(), last: ports.last.into() };
    let client = span(assertion.client_ports);
    let one = |name, protocol, ports: Option<Ports>| {
        let (own, far) = match ports {
            Some(ports) => (client, span(ports)),
            None => (Span::one(0), Span::one(0)),
        };
        let headers = HeaderBox { spans: [ends[0], ends[1], own, far] };
        Packets { name, questions: Questions { from, protocol, is_ipv6, headers } }
    };
    let ping = || one("ping", if is_ipv6 { Protocol::ICMPV6 } else { Protocol::ICMP }, None);
    match assertion.traffic {
        Traffic::Tcp(ports) => vec![one("tcp", Protocol::TCP, Some(ports))],
        Traffic::Udp(ports) => vec![one("udp", Protocol::UDP, Some(ports))],
        Traffic::Ping => vec![ping()],
        Traffic::Protocol(number) => vec![one("protocol", Protocol(number), None)],
        Traffic::All => vec![
            one("tcp", Protocol::TCP, Some(Ports::ALL)),
            one("udp", Protocol::UDP, Some(Ports::ALL)),
            ping(),
        ],
    }
}
