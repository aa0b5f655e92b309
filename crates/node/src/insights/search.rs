//! Whether packets get along a path, along what, and what stops them.
//!
//! Owns which packets a path means, which of them is told of, and what AWS's filters leave. Refuses to decide packets: each
//! is traced by the engine, and stands for all headers that go the same way. To a gateway the addresses that nobody has are
//! asked about, one for each range that the network's blocks make no difference in, and those that group rules name.
//! <https://docs.aws.amazon.com/vpc/latest/reachability/how-reachability-analyzer-works.html>

use std::collections::BTreeMap;
use std::net::IpAddr;

use aws_api::ec2 as api;
use aws_types::{AccountId, Arn};
use svc_ec2::PathAnswer;
use svc_ec2::record::{self as ec2, PathFilter, PathResource, PathTraffic};
use vpc_engine::DropReason;
use vpc_engine::reach::{Ends, Field, HeaderBox, Met, Questions, Span, Step, Trace};
use vpc_model::{ObjectId, Port, PortRange};

use super::components::{Components, Told, in_order_of_gates};
use super::ends::{Goal, Start};
use super::explanations::{self, code, explain};
use super::headers::Headers;
use super::model::{Model, one};
use super::records::Records;
use super::{Until, wrong_ways};

/// How many different ways are looked at for one analysis at most.
const WAYS_MAX: usize = 20_000;

/// A path whose packets are looked for.
pub(super) struct Search<'a> {
    pub(super) records: Records<'a>,
    pub(super) model: &'a Model,
    pub(super) path: &'a ec2::NetworkInsightsPath,
    pub(super) additional_accounts: &'a [AccountId],
    pub(super) filter_in: &'a [Arn],
    pub(super) filter_out: &'a [Arn],
    pub(super) until: Until,
}

/// One way that packets of a path take.
struct Candidate {
    trace: Trace,
    headers: HeaderBox,
    /// Where its start is passed: 0 for one that sends itself.
    begins_at: usize,
    /// Where its goal is passed; none for one that is landed at.
    ends_at: Option<usize>,
    /// Whether its reply is part of the path.
    has_reply: bool,
    /// Up to which step of the reply's way it is told of.
    replied_until: usize,
    /// How many things refuse it before its goal.
    refusals: usize,
    /// Whether it comes to its goal, refusals aside.
    is_about_goal: bool,
    /// What is asked of the packet at its destination and does not hold.
    unmet: Vec<&'static str>,
}

impl Candidate {
    fn reaches(&self) -> bool {
        self.is_about_goal && self.refusals == 0
    }
}

/// What was looked at.
#[derive(Default)]
struct Looked {
    candidates: Vec<Candidate>,
    ways: usize,
    /// Whether there was more.
    is_cut_off: bool,
}

impl Search<'_> {
    /// The answer.
    pub(super) fn answer(&self) -> PathAnswer {
        let network = &self.model.network;
        let starts = Start::of(self.records, network, self.path.source.resource);
        let goal = Goal::of(self.records, network, self.path.leads_to());
        let (starts, goal) = match (starts, goal) {
            (Ok(starts), Ok(goal)) => (starts, goal),
            (starts, goal) => {
                let ends = starts.err().into_iter().chain(goal.err());
                let mut explanations: Vec<_> = ends.map(|told| *told).collect();
                explanations.dedup();
                return PathAnswer { explanations, ..PathAnswer::default() };
            }
        };
        if let (PathResource::InternetGateway(gateway), true) = (self.path.source.resource, goal.is_private())
        {
            let interface = goal.interfaces().first().map(|&id| self.records.interface(id));
            let told = api::Explanation {
                internet_gateway: Some(self.records.internet_gateway(gateway)),
                network_interface: interface,
                ..code("IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS")
            };
            return PathAnswer { explanations: vec![told], ..PathAnswer::default() };
        }
        let looked = self.look(&starts, &goal, &self.path.traffic);
        let mut answer = self.judge(&looked, &goal);
        if !answer.found {
            self.explain_filters(&mut answer, &starts, &goal);
        }
        if looked.is_cut_off {
            answer.warning = Some(format!(
                "There are more ways than those that were looked at, {WAYS_MAX} at most and for {} s. Say more of the \
                 addresses and ports to look at all of them.",
                Until::ANALYSIS_SECS
            ));
        }
        answer.suggested_accounts.retain(|account| {
            *account != self.records.scope.account && !self.additional_accounts.contains(account)
        });
        answer.suggested_accounts.sort_unstable();
        answer.suggested_accounts.dedup();
        answer
    }

    /// Looks at all ways of the packets that are meant, from all starts.
    fn look(&self, starts: &[Start], goal: &Goal, traffic: &PathTraffic) -> Looked {
        let mut looked = Looked::default();
        let is_of_internet = |start: &Start| {
            start.port.is_reserved() || matches!(goal, Goal::Through(ObjectId::InternetGateway(_)))
        };
        let (mut plain, mut supposing) = (self.model.tracer(), self.model.supposing_tracer());
        for start in starts {
            let tracer = if is_of_internet(start) { &mut supposing } else { &mut plain };
            for Asked { is_ipv6, headers, sources, destinations } in
                questions(self.model, start, goal, traffic)
            {
                if looked.ways >= WAYS_MAX || self.until.is_over() {
                    looked.is_cut_off = true;
                    return looked;
                }
                let questions =
                    Questions { from: start.port, protocol: traffic.protocol.number(), is_ipv6, headers };
                let left = WAYS_MAX - looked.ways;
                let Some(explored) = tracer.explore(&questions, left) else { continue };
                looked.ways += explored.parts.len();
                for (mut headers, mut trace) in explored.parts {
                    headers.spans[Field::Source as usize] = sources;
                    headers.spans[Field::Destination as usize] = destinations;
                    in_order_of_gates(&mut trace);
                    if let Some(candidate) = candidate(start, goal, traffic, headers, trace) {
                        looked.candidates.push(candidate);
                    }
                }
            }
        }
        looked
    }

    /// The way that is told of: the shortest that packets take, or else the one that least stops them on.
    fn judge(&self, looked: &Looked, goal: &Goal) -> PathAnswer {
        let open =
            looked.candidates.iter().filter(|candidate| candidate.reaches() && candidate.unmet.is_empty());
        let mut unfit = None;
        for (candidate, headers) in ways(open) {
            let answer = self.tell(candidate, &headers);
            if self.misses(&answer).is_empty() {
                return answer;
            }
            unfit.get_or_insert(answer);
        }
        if let Some(shortest) = unfit {
            // There is a way, and it is not the one that was asked for: what it passes is another one to ask for.
            let explanations = self.misses(&shortest);
            return PathAnswer {
                explanations,
                alternate_path_hints: hints(&shortest),
                suggested_accounts: shortest.suggested_accounts,
                ..PathAnswer::default()
            };
        }
        let nearest = looked.candidates.iter().min_by_key(|candidate| {
            let extent = |field| std::cmp::Reverse(candidate.headers.span(field).extent());
            // Of the packets that do not come to the goal, most is said by those to most addresses.
            let refusals = if candidate.is_about_goal { candidate.refusals } else { 0 };
            (
                !candidate.is_about_goal,
                extent(Field::Source),
                refusals,
                candidate.unmet.len(),
                extent(Field::Destination),
                extent(Field::DestinationPort),
            )
        });
        let mut explanations = match nearest {
            Some(nearest) => self.explain(nearest, goal),
            None => Vec::new(),
        };
        if explanations.is_empty() {
            explanations.push(code("NO_PATH"));
        }
        let suggested_accounts = explanations::accounts(&explanations);
        // What stops the reply is understood beside the way there.
        let forward = nearest.filter(|nearest| nearest.has_reply && nearest.trace.there.is_open());
        let forward = forward.and_then(|nearest| {
            let headers = Headers::merged([nearest.headers]).into_iter().next()?;
            Some(self.components(nearest, &headers, false).list)
        });
        let forward = forward.unwrap_or_default();
        PathAnswer { forward, explanations, suggested_accounts, ..PathAnswer::default() }
    }

    /// A way that packets take.
    fn tell(&self, candidate: &Candidate, headers: &Headers) -> PathAnswer {
        let forward = self.components(candidate, headers, false);
        let back = if candidate.has_reply { Some(self.components(candidate, headers, true)) } else { None };
        let back = back.unwrap_or_default();
        let suggested_accounts = forward.accounts.into_iter().chain(back.accounts).collect();
        let warning = candidate.trace.is_by_header.then(|| {
            "Which of several zones or addresses a packet takes depends on all of its header; others of these headers may \
             take another one."
                .to_owned()
        });
        PathAnswer {
            found: true,
            forward: forward.list,
            return_: back.list,
            suggested_accounts,
            warning,
            ..PathAnswer::default()
        }
    }

    fn components(&self, candidate: &Candidate, headers: &Headers, is_reply: bool) -> Components {
        let question = candidate.trace.question;
        let told = Told { records: self.records, question, headers, is_reply };
        let Candidate { trace, begins_at, ends_at, replied_until, .. } = candidate;
        match (is_reply, &trace.back) {
            (false, _) => {
                let until = ends_at.map_or(trace.there.steps.len(), |at| at + 1);
                told.components(&trace.there, *begins_at..until)
            }
            // The reply to what came by a gateway goes back by it, and what is behind it is not part of the path.
            (true, Some(back)) => told.components(back, 0..*replied_until),
            (true, None) => Components::default(),
        }
    }

    /// What is asked of a way and it does not have, in codes.
    fn misses(&self, answer: &PathAnswer) -> Vec<api::Explanation> {
        let passes = |arn: &Arn| {
            let all = answer.forward.iter().chain(&answer.return_);
            all.filter_map(|told| told.component.as_ref()?.arn.as_deref())
                .any(|passed| passed == arn.as_str())
        };
        let missing = self.filter_in.iter().filter(|arn| !passes(arn));
        let missing = missing.map(|arn| (arn, "COMPONENT_FILTER_RESTRICTION"));
        let removed = self.filter_out.iter().filter(|arn| passes(arn));
        let removed = removed.map(|arn| (arn, "COMPONENT_FILTER_RESTRICTION_REMOVED_COMPONENT"));
        missing
            .chain(removed)
            .map(|(arn, name)| {
                let id = arn.resource().rsplit('/').next().unwrap_or_default().to_owned();
                let component =
                    api::AnalysisComponent { id: Some(id), arn: Some(arn.as_str().to_owned()), name: None };
                api::Explanation { component: Some(component), ..code(name) }
            })
            .collect()
    }

    /// Everything that stops a way.
    fn explain(&self, candidate: &Candidate, goal: &Goal) -> Vec<api::Explanation> {
        let mut explanations = Vec::new();
        let there = &candidate.trace.there.steps;
        let until = candidate.ends_at.map_or(there.len(), |at| counted_until(there, at));
        let back = candidate.trace.back.as_ref().filter(|_| candidate.has_reply);
        let back = back.map(|back| (&back.steps, back.steps.len(), 0));
        for (steps, until, from) in std::iter::once((there, until, candidate.begins_at)).chain(back) {
            for (index, step) in steps[..until].iter().enumerate().skip(from) {
                if let Met::Refused(reason) = &step.met {
                    explanations.extend(explain(&self.records, &steps[..index], reason, &step.ends));
                }
            }
        }
        explanations.extend(wrong_ways::other_routes(&self.records, &candidate.trace, goal));
        explanations.extend(wrong_ways::disconnected(&self.records, &candidate.trace, goal));
        explanations.extend(candidate.unmet.iter().map(|name| code(name)));
        explanations
    }

    /// Which filters keep packets from being found: those without which there would be some.
    fn explain_filters(&self, answer: &mut PathAnswer, starts: &[Start], goal: &Goal) {
        let traffic = &self.path.traffic;
        for (name, relaxed) in relaxed(traffic) {
            let looked = self.look(starts, goal, &relaxed);
            let open = looked.candidates.iter();
            let open = open.filter(|candidate| candidate.reaches() && candidate.unmet.is_empty());
            let mut open = ways(open);
            let mut is_open =
                || open.any(|(candidate, headers)| self.misses(&self.tell(candidate, &headers)).is_empty());
            let is_told =
                answer.explanations.iter().any(|told| told.explanation_code.as_deref() == Some(name));
            if !is_told && is_open() {
                answer.explanations.push(code(name));
            }
        }
    }
}

/// A path's packets, each without one of the filters, with the code for that one.
fn relaxed(traffic: &PathTraffic) -> Vec<(&'static str, PathTraffic)> {
    type Take = fn(&mut PathFilter) -> bool;
    const FILTERS: [(Take, &str, &str); 4] = [
        (
            |filter| filter.source_address.take().is_some(),
            "FILTER_AT_SOURCE_SOURCE_ADDRESS",
            "FILTER_AT_DESTINATION_SOURCE_ADDRESS",
        ),
        (
            |filter| filter.source_ports.take().is_some(),
            "FILTER_AT_SOURCE_SOURCE_PORT_RANGE",
            "FILTER_AT_DESTINATION_SOURCE_PORT_RANGE",
        ),
        (
            |filter| filter.destination_address.take().is_some(),
            "FILTER_AT_SOURCE_DESTINATION_ADDRESS",
            "FILTER_AT_DESTINATION_DESTINATION_ADDRESS",
        ),
        (
            |filter| filter.destination_ports.take().is_some(),
            "FILTER_AT_SOURCE_DESTINATION_PORT_RANGE",
            "FILTER_AT_DESTINATION_DESTINATION_PORT_RANGE",
        ),
    ];
    let mut all = Vec::new();
    for (take, at_source, at_destination) in FILTERS {
        let mut without = *traffic;
        if without.filter_at_source.as_mut().is_some_and(take) {
            all.push((at_source, without));
        }
        let mut without = *traffic;
        if without.filter_at_destination.as_mut().is_some_and(take) {
            all.push((at_destination, without));
        }
    }
    all
}

/// The ways that packets take, the shortest first, each with one of its packets and the headers of all.
fn ways<'c>(
    candidates: impl Iterator<Item = &'c Candidate>,
) -> impl Iterator<Item = (&'c Candidate, Headers)> {
    let mut alike: BTreeMap<(usize, String), Vec<&'c Candidate>> = BTreeMap::new();
    for candidate in candidates {
        let there = candidate.trace.there.steps.iter().map(|step| step.met);
        let back = candidate.trace.back.iter().flat_map(|back| back.steps.iter().map(|step| step.met));
        let there: Vec<Met> = there.skip(candidate.begins_at).collect();
        let until = candidate.ends_at.map_or(there.len(), |at| at + 1 - candidate.begins_at);
        let back: Vec<Met> = back.filter(|_| candidate.has_reply).collect();
        let (there, question) = (&there[..until], candidate.trace.question);
        let key = (there.len(), format!("{there:?} {back:?} {}", question.source.address.is_ipv6()));
        alike.entry(key).or_default().push(candidate);
    }
    alike.into_values().flat_map(|alike| {
        // One that is told to go this way whatever else is in its header, if there is one.
        let first = alike.iter().copied().min_by_key(|candidate| candidate.trace.is_by_header);
        let first = first.unwrap_or(alike[0]);
        let merged = Headers::merged(alike.iter().map(|candidate| candidate.headers));
        merged.into_iter().map(move |headers| (first, headers))
    })
}

/// Packets that are asked about.
struct Asked {
    is_ipv6: bool,
    headers: HeaderBox,
    /// The sources and destinations for which nothing is another than for those of the headers.
    sources: Span,
    destinations: Span,
}

/// The packets that a path means from a start, for each pair of addresses or of ranges of them.
fn questions(model: &Model, start: &Start, goal: &Goal, traffic: &PathTraffic) -> Vec<Asked> {
    let at_source = traffic.filter_at_source.unwrap_or_default();
    let at_destination = traffic.filter_at_destination.unwrap_or_default();
    let source = traffic.source_ip.or(at_source.source_address);
    let destination = traffic.destination_address();
    let source_ports = span(at_source.source_ports);
    // No port of a destination is replaced on the way.
    let destination_ports =
        traffic.destination_port.map(|port| Span { first: port.into(), last: port.into() });
    let destination_ports = destination_ports.unwrap_or_else(|| span(at_source.destination_ports));
    let Some(destination_ports) = destination_ports.intersection(&span(at_destination.destination_ports))
    else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for is_ipv6 in [false, true] {
        let itself = |address: IpAddr| (one(address), one(address));
        let is_family = |address: &IpAddr| address.is_ipv6() == is_ipv6;
        let ranges = || model.atoms(is_ipv6, &[]).into_iter().map(|atom| (one(atom.address), atom.span));
        let sources: Vec<(Span, Span)> = match (source, start.addresses()) {
            (Some(source), _) => Some(source).into_iter().filter(is_family).map(itself).collect(),
            (None, Some(own)) => own.iter().copied().filter(is_family).map(itself).collect(),
            (None, None) => ranges().collect(),
        };
        let destinations: Vec<(Span, Span)> = match (destination, goal.addresses(start)) {
            (Some(destination), _) => Some(destination).into_iter().filter(is_family).map(itself).collect(),
            (None, Some(own)) => own.into_iter().filter(is_family).map(itself).collect(),
            (None, None) => {
                let sender = model.network.interface(start.port);
                let peers = sender.map(|sender| model.peers_by_group(sender, is_ipv6)).unwrap_or_default();
                ranges().chain(peers.into_iter().map(itself)).collect()
            }
        };
        for (source, sources) in &sources {
            for (destination, destinations) in &destinations {
                all.push(Asked {
                    is_ipv6,
                    headers: HeaderBox { spans: [*source, *destination, source_ports, destination_ports] },
                    sources: *sources,
                    destinations: *destinations,
                });
            }
        }
    }
    all
}

fn span(ports: Option<PortRange>) -> Span {
    ports.map_or(Span { first: 0, last: u16::MAX.into() }, |ports| Span {
        first: ports.from().into(),
        last: ports.to().into(),
    })
}

/// A way as a candidate; none for one that does not begin where it is to.
fn candidate(
    start: &Start,
    goal: &Goal,
    traffic: &PathTraffic,
    headers: HeaderBox,
    trace: Trace,
) -> Option<Candidate> {
    let steps = &trace.there.steps;
    let passes = |object: ObjectId| steps.iter().position(|step| step.met == Met::Through(object));
    let begins_at = match start.through.map(passes) {
        None => 0,
        Some(Some(at)) => at,
        // What is refused on the internet comes to no gateway.
        Some(None)
            if start.port.is_reserved()
                && !trace.there.is_open()
                && !steps
                    .iter()
                    .any(|step| matches!(step.met, Met::Through(ObjectId::InternetGateway(_)))) =>
        {
            0
        }
        Some(None) => return None,
    };
    let (ends_at, is_about_goal) = match goal {
        Goal::Landing(places) => {
            let lands = |port: Port| places.iter().any(|place| place.port == port);
            (None, trace.there.landed.is_none_or(|(port, _)| lands(port)))
        }
        Goal::Address(_) => (None, true),
        Goal::Through(object) => {
            let at = passes(*object).filter(|at| *at >= begins_at);
            (at, at.is_some())
        }
    };
    let refused = |steps: &[Step]| steps.iter().filter(|step| matches!(step.met, Met::Refused(_))).count();
    // What goes on by an internet gateway is answered from the internet; behind others nobody may be.
    let is_out = matches!(goal, Goal::Through(ObjectId::InternetGateway(_)))
        && trace.there.landed.is_some_and(|(port, _)| port.is_reserved());
    let has_reply = ends_at.is_none() || is_out;
    let mut refusals = refused(&steps[..ends_at.map_or(steps.len(), |at| counted_until(steps, at))]);
    if has_reply {
        refusals += trace.back.as_ref().map_or(0, |back| refused(&back.steps));
        // Where nothing refuses it, the reply has to come back as one.
        refusals += usize::from(refusals == 0 && !trace.reaches());
    }
    let seen = match ends_at {
        Some(at) => Some(steps[at].ends),
        None => trace.there.landed.map(|(_, ends)| ends),
    };
    let unmet = unmet(traffic.filter_at_destination.as_ref(), seen.as_ref(), &trace, &headers);
    // What no translation has replaced is at the destination as it was sent.
    let is_kept = seen.is_none_or(|seen| seen.source_port == trace.question.source.port);
    let wanted = span(traffic.filter_at_destination.and_then(|filter| filter.source_ports));
    let mut headers = headers;
    if let Some(ports) = headers.span(Field::SourcePort).intersection(&wanted).filter(|_| is_kept) {
        headers.spans[Field::SourcePort as usize] = ports;
    }
    let replied_until = trace.back.as_ref().map_or(0, |back| replied_until(start, back));
    Some(Candidate {
        trace,
        headers,
        begins_at,
        ends_at,
        has_reply,
        replied_until,
        refusals,
        is_about_goal,
        unmet,
    })
}

/// Up to which step a reply is part of the path: what is behind the gateway that the path begins at is not.
fn replied_until(start: &Start, back: &vpc_engine::reach::Way) -> usize {
    let passed =
        start.through.and_then(|object| back.steps.iter().position(|step| step.met == Met::Through(object)));
    passed.map_or(back.steps.len(), |at| at + 1)
}

/// Up to which step a packet that is to come to an object can be refused there: what refuses it behind is not the path's.
pub(super) fn counted_until(steps: &[Step], at: usize) -> usize {
    let is_at_object = |reason: &DropReason| {
        matches!(
            reason,
            DropReason::NoPublicAddress { .. }
                | DropReason::PrivateDestination { .. }
                | DropReason::PublicAccessBlocked { .. }
                | DropReason::MiddleboxBypassed { .. }
                | DropReason::Ipv4ThroughEgressOnly { .. }
                | DropReason::NatProtocol { .. }
                | DropReason::NatIpv6 { .. }
                | DropReason::PeeringTransit { .. }
                | DropReason::NotAttached { .. }
                | DropReason::ZoneNotAttached { .. }
                | DropReason::Ipv6NotAttached { .. }
                | DropReason::TunnelDown { .. }
                | DropReason::EndpointProtocol { .. }
                | DropReason::NoAppliance { .. }
                | DropReason::EndpointOfOtherVpc { .. }
                | DropReason::NoSuchService { .. }
        )
    };
    let behind = steps[at + 1..].iter().take_while(|step| match &step.met {
        Met::Refused(reason) => is_at_object(reason),
        _ => false,
    });
    at + 1 + behind.count()
}

/// What is asked of packets at their destination and these do not have.
fn unmet(
    filter: Option<&PathFilter>,
    seen: Option<&Ends>,
    trace: &Trace,
    headers: &HeaderBox,
) -> Vec<&'static str> {
    let (Some(filter), Some(landed)) = (filter, seen) else { return Vec::new() };
    let mut unmet = Vec::new();
    if filter.source_address.is_some_and(|address| address != landed.source) {
        unmet.push("FILTER_AT_DESTINATION_SOURCE_ADDRESS");
    }
    if filter.destination_address.is_some_and(|address| address != landed.destination) {
        unmet.push("FILTER_AT_DESTINATION_DESTINATION_ADDRESS");
    }
    let question = &trace.question;
    let ports = if landed.source_port == question.source.port {
        headers.span(Field::SourcePort)
    } else {
        Span { first: landed.source_port.into(), last: landed.source_port.into() }
    };
    if filter.source_ports.is_some() && ports.intersection(&span(filter.source_ports)).is_none() {
        unmet.push("FILTER_AT_DESTINATION_SOURCE_PORT_RANGE");
    }
    unmet
}

/// What can be asked to be passed of a way that is there: its gateways.
fn hints(answer: &PathAnswer) -> Vec<api::AlternatePathHint> {
    const GATEWAYS: [&str; 7] = ["igw-", "nat-", "pcx-", "tgw-", "vpce-", "eigw-", "vgw-"];
    let all = answer.forward.iter().filter_map(|told| told.component.as_ref());
    let gateways = all.filter(|component| {
        component.id.as_deref().is_some_and(|id| GATEWAYS.iter().any(|prefix| id.starts_with(prefix)))
    });
    gateways
        .map(|component| api::AlternatePathHint {
            component_id: component.id.clone(),
            component_arn: component.arn.clone(),
        })
        .collect()
}
