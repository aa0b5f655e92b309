//! What a network access scope finds: every path that matches one of its conditions and none of its exceptions.
//!
//! Owns which paths there are and what a condition says of one. Refuses to decide packets: each way is traced by the engine
//! and stands for headers, and conditions take these apart. A finding is a way between two ends that the account has, with all
//! headers that go it, whatever has cut them; what ends at somebody else's is nobody's finding here.
//! <https://docs.aws.amazon.com/vpc/latest/network-access-analyzer/how-network-access-analyzer-works.html>

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;

use aws_api::ec2 as api;
use aws_types::InternetGatewayId;
use ipnet::IpNet;
use svc_ec2::AccessScopeAnswer;
use svc_ec2::record::{
    self as ec2, AccessScopePath, AccessScopeResource, AccessScopeResourceType, AddressStatement,
    PacketHeaderStatement, PathProtocol, ResourceStatement,
};
use vpc_engine::reach::{Field, HeaderBox, HeaderSet, Met, Questions, Span, Trace, Tracer, bits};
use vpc_model::{Interface, InterfaceRole, ObjectId, Port, PortRange};

use super::Until;
use super::components::{Told, in_order_of_gates};
use super::headers::Headers;
use super::model::{Atom, Model, every, one};
use super::records::Records;
use super::search::counted_until;

/// Findings of one analysis at most, so that one cannot fill the state.
pub(super) const FINDINGS_MAX: usize = 20_000;
/// Different ways of the packets of one source that are looked at, at most, of each protocol and family.
const WAYS_MAX: usize = 1_000_000;

/// A scope whose paths are looked for.
pub(super) struct ScopeSearch<'a> {
    pub(super) records: Records<'a>,
    pub(super) model: &'a Model,
    pub(super) match_paths: &'a [AccessScopePath],
    pub(super) exclude_paths: &'a [AccessScopePath],
    pub(super) until: Until,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TooMuch {
    #[error(
        "There are more than {FINDINGS_MAX} findings. Name fewer sources, destinations or ports in the match paths, or exclude \
         what is meant to be."
    )]
    Findings,
    #[error(
        "The packets of one source take more than {WAYS_MAX} different ways. Name addresses or ports in the match paths."
    )]
    Ways,
    #[error(
        "It took more than {} s. Name fewer sources, addresses or ports in the match paths.",
        Until::ANALYSIS_SECS
    )]
    Time,
}

/// Something at an end of a path, or on it.
#[derive(Clone, Copy)]
enum Element<'n> {
    Interface(&'n Interface),
    Object(ObjectId),
}

/// What is sent by one port, of one protocol and family.
#[derive(Clone, Copy)]
struct Sent<'n> {
    port: Port,
    interface: Option<&'n Interface>,
    protocol: PathProtocol,
    is_ipv6: bool,
    atoms: &'n [Atom],
    /// What the account has.
    own: &'n [&'n Interface],
}

/// One end of a path.
#[derive(Clone, Copy)]
struct End<'n> {
    element: Element<'n>,
    /// Where on the way there.
    at: usize,
}

/// The packets between two ends that go one way.
struct Found {
    trace: Trace,
    steps: Range<usize>,
    boxes: Vec<HeaderBox>,
}

/// What was found of one source, by its way.
type FoundBy = BTreeMap<String, Found>;

impl ScopeSearch<'_> {
    /// The answer.
    ///
    /// # Errors
    /// When there is too much to be told.
    pub(super) fn answer(&self) -> Result<AccessScopeAnswer, TooMuch> {
        let own = self.model.network.interfaces().filter(|interface| self.is_own(interface));
        let own: Vec<&Interface> = own.collect();
        let mut findings = Vec::new();
        let senders = own.iter().copied().filter(|interface| interface.role == InterfaceRole::Workload);
        let starts = senders.map(|interface| (interface.port, Some(interface)));
        let from_internet = self.gateways().first().map(|_| (Port::INTERNET, None));
        let (mut plain, mut supposing) = (self.model.tracer(), self.model.supposing_tracer());
        let atoms = [false, true].map(|is_ipv6| (is_ipv6, self.model.atoms(is_ipv6, &self.named_blocks())));
        for (port, interface) in starts.chain(from_internet) {
            for protocol in [PathProtocol::Tcp, PathProtocol::Udp] {
                for (is_ipv6, atoms) in &atoms {
                    let sent = Sent { port, interface, protocol, is_ipv6: *is_ipv6, atoms, own: &own };
                    // Who asks from the internet may be anybody there.
                    let tracer = if interface.is_some() { &mut plain } else { &mut supposing };
                    let found = self.look(tracer, &sent)?;
                    self.tell(found, &mut findings)?;
                }
            }
        }
        let analyzed_enis = u32::try_from(own.len()).unwrap_or(u32::MAX);
        Ok(AccessScopeAnswer { findings, analyzed_enis })
    }

    /// The findings of one source: one for each way, with all headers that go it.
    fn tell(&self, found: FoundBy, findings: &mut Vec<Vec<api::PathComponent>>) -> Result<(), TooMuch> {
        for Found { trace, steps, boxes } in found.into_values() {
            for headers in Headers::merged(boxes) {
                if findings.len() == FINDINGS_MAX {
                    return Err(TooMuch::Findings);
                }
                let told = Told {
                    records: self.records,
                    question: trace.question,
                    headers: &headers,
                    is_reply: false,
                };
                findings.push(told.components(&trace.there, steps.clone()).list);
            }
        }
        Ok(())
    }

    /// Looks at the ways of all packets of one family that one port sends, as far as a condition may be about them.
    fn look(&self, tracer: &mut Tracer<'_>, sent: &Sent<'_>) -> Result<FoundBy, TooMuch> {
        let Sent { port, interface, protocol, is_ipv6, .. } = *sent;
        let mut wanted = HeaderSet::default();
        for sources in own_addresses(interface, is_ipv6) {
            let all = HeaderBox { spans: [sources, every(is_ipv6), PORTS, PORTS] };
            for condition in self.match_paths {
                for part in self.asked_about(condition, sent) {
                    part.intersection(&all).into_iter().for_each(|part| wanted.insert(part));
                }
            }
        }
        let (sources, destinations) = (self.sources(sent), self.destinations(sent));
        let (mut found, mut ways) = (FoundBy::new(), 0);
        for &headers in wanted.boxes() {
            let of = |field| {
                let wanted = headers.span(field);
                move |ranges: &(Span, Span)| self.within(*ranges, wanted, is_ipv6)
            };
            for source in sources.iter().filter_map(of(Field::Source)) {
                for destination in destinations.iter().filter_map(of(Field::Destination)) {
                    if self.until.is_over() {
                        return Err(TooMuch::Time);
                    }
                    let mut headers = headers;
                    headers.spans[Field::Source as usize] = source.0;
                    headers.spans[Field::Destination as usize] = destination.0;
                    let questions = Questions { from: port, protocol: protocol.number(), is_ipv6, headers };
                    let Some(explored) = tracer.explore(&questions, WAYS_MAX - ways) else { continue };
                    ways += explored.parts.len();
                    if !explored.rest.is_empty() || ways == WAYS_MAX {
                        return Err(TooMuch::Ways);
                    }
                    for (mut part, mut trace) in explored.parts {
                        part.spans[Field::Source as usize] = source.1;
                        part.spans[Field::Destination as usize] = destination.1;
                        in_order_of_gates(&mut trace);
                        self.find(sent, part, &trace, &mut found);
                    }
                }
            }
        }
        Ok(found)
    }

    /// The headers that a condition may be about of what a port sends.
    fn asked_about(&self, condition: &AccessScopePath, sent: &Sent<'_>) -> Vec<HeaderBox> {
        let may_begin = sent.interface.is_none_or(|interface| self.may_begin(condition, interface));
        if !may_begin {
            return Vec::new();
        }
        let source = condition.source.as_ref();
        // Behind a gateway a packet may be another one than it was when it was sent.
        let is_as_sent = sent.interface.is_none_or(|interface| {
            self.fits(source.and_then(|source| source.resource.as_ref()), Element::Interface(interface))
        });
        let statement = source.and_then(|source| source.packet_header.as_ref()).filter(|_| is_as_sent);
        self.boxes(statement, sent.protocol, sent.is_ipv6)
    }

    /// What is asked for a range, as far as it is wanted: an address, and what it stands for.
    fn within(&self, (asked, range): (Span, Span), wanted: Span, is_ipv6: bool) -> Option<(Span, Span)> {
        let range = range.intersection(&wanted)?;
        if wanted.contains(asked.first) {
            return Some((asked, range));
        }
        Some((one(self.model.atom(range, is_ipv6)?.address), range))
    }

    /// The sources that make a difference: an interface's own, or one of each range of the internet.
    fn sources(&self, sent: &Sent<'_>) -> Vec<(Span, Span)> {
        match sent.interface {
            Some(interface) => {
                own_addresses(Some(interface), sent.is_ipv6).into_iter().map(|span| (span, span)).collect()
            }
            None => sent.atoms.iter().map(|atom| (one(atom.address), atom.span)).collect(),
        }
    }

    /// The destinations that make a difference: what the account has, what group rules name, and one of each range that nobody
    /// has; each with what it stands for.
    fn destinations(&self, sent: &Sent<'_>) -> Vec<(Span, Span)> {
        let Sent { interface, is_ipv6, atoms, own, .. } = *sent;
        let mut addresses: BTreeSet<IpAddr> = BTreeSet::new();
        for held in own {
            match interface {
                Some(_) => addresses.extend(held.addresses()),
                None => addresses.extend(held.ipv6.iter().copied().map(IpAddr::V6)),
            }
            addresses.extend(held.public_ipv4.iter().map(|pair| IpAddr::V4(pair.public)));
        }
        if let Some(interface) = interface {
            addresses.extend(self.model.peers_by_group(interface, is_ipv6));
        }
        let owned = addresses.into_iter().filter(|address| address.is_ipv6() == is_ipv6).map(one);
        let ranges = atoms.iter().map(|atom| (one(atom.address), atom.span));
        owned.map(|span| (span, span)).chain(ranges).collect()
    }

    /// The blocks that the conditions name.
    fn named_blocks(&self) -> Vec<IpNet> {
        let conditions = self.match_paths.iter().chain(self.exclude_paths);
        let ends = conditions.flat_map(|condition| [&condition.source, &condition.destination]);
        let headers = ends.flatten().filter_map(|end| end.packet_header.as_ref());
        headers
            .flat_map(|header| [&header.source, &header.destination])
            .flat_map(|held| self.blocks(held))
            .collect()
    }

    /// The findings on one way.
    fn find(&self, sent: &Sent<'_>, part: HeaderBox, trace: &Trace, found: &mut FoundBy) {
        let (starts, goals) = self.ends(sent.interface, trace);
        for start in &starts {
            for goal in goals.iter().filter(|goal| goal.at > start.at) {
                let mut headers = HeaderSet::default();
                for condition in self.match_paths {
                    for part in self.matching(condition, sent.protocol, start, goal, part, trace).boxes() {
                        headers.insert(*part);
                    }
                }
                for condition in self.exclude_paths {
                    for part in self.matching(condition, sent.protocol, start, goal, part, trace).boxes() {
                        headers.remove(part);
                    }
                }
                if headers.is_empty() {
                    continue;
                }
                let steps = start.at..goal.at.saturating_add(1).min(trace.there.steps.len());
                let passed: Vec<Met> = trace.there.steps[steps.clone()].iter().map(|step| step.met).collect();
                let landed = trace.there.landed.filter(|_| goal.at == usize::MAX).map(|(port, _)| port);
                let key = format!("{passed:?} {landed:?}");
                let alike = || Found { trace: trace.clone(), steps, boxes: Vec::new() };
                found.entry(key).or_insert_with(alike).boxes.extend(headers.boxes());
            }
        }
    }

    /// Where paths can begin and end on a way: at its interfaces, and at each gateway that it passes unrefused.
    fn ends<'n>(&'n self, interface: Option<&'n Interface>, trace: &Trace) -> (Vec<End<'n>>, Vec<End<'n>>) {
        let steps = &trace.there.steps;
        let refused = steps.iter().position(|step| matches!(step.met, Met::Refused(_)));
        // A packet that a gateway refuses has not come to it.
        let is_passed = |at: usize| refused.is_none_or(|refused| refused >= counted_until(steps, at));
        let passed = steps.iter().enumerate().filter_map(|(at, step)| match step.met {
            Met::Through(object) if is_passed(at) => Some(End { element: Element::Object(object), at }),
            _ => None,
        });
        let gateways: Vec<End<'n>> = passed.collect();
        let own = interface.map(|interface| End { element: Element::Interface(interface), at: 0 });
        let landed = trace
            .there
            .landed
            .filter(|_| trace.reaches())
            .and_then(|(port, _)| self.model.network.interface(port));
        let landed = landed.map(|interface| End { element: Element::Interface(interface), at: usize::MAX });
        // A gateway that is passed twice has been come to at the first time.
        let is_first = |end: &&End<'n>| {
            let met = steps[end.at].met;
            !steps[..end.at].iter().any(|step| step.met == met)
        };
        let goals = gateways.iter().filter(is_first).copied().chain(landed).collect();
        // What comes in by an internet gateway is asked about as that.
        let begins = |end: &End<'n>| {
            interface.is_none() || !matches!(end.element, Element::Object(ObjectId::InternetGateway(_)))
        };
        let gateways = gateways.into_iter().filter(begins);
        let starts = own.into_iter().chain(gateways).collect();
        (starts, goals)
    }

    /// The headers of a way that a condition is about, between two ends.
    fn matching(
        &self,
        condition: &AccessScopePath,
        protocol: PathProtocol,
        start: &End<'_>,
        goal: &End<'_>,
        part: HeaderBox,
        trace: &Trace,
    ) -> HeaderSet {
        let source = condition.source.as_ref();
        let destination = condition.destination.as_ref();
        let fits = self.fits(source.and_then(|source| source.resource.as_ref()), start.element)
            && self.fits(destination.and_then(|destination| destination.resource.as_ref()), goal.element)
            && self.passes(condition.through.as_ref(), start, goal, trace);
        if !fits {
            return HeaderSet::default();
        }
        let is_ipv6 = trace.question.source.address.is_ipv6();
        let at_source =
            self.boxes(source.and_then(|source| source.packet_header.as_ref()), protocol, is_ipv6);
        let at_destination = self.boxes(
            destination.and_then(|destination| destination.packet_header.as_ref()),
            protocol,
            is_ipv6,
        );
        let mut found = HeaderSet::default();
        for one in &at_source {
            let Some(one) = seen_at(one, part, trace, start.at).filter(|_| !at_destination.is_empty()) else {
                continue;
            };
            for other in &at_destination {
                if let Some(both) = seen_at(other, one, trace, goal.at) {
                    found.insert(both);
                }
            }
        }
        found
    }

    /// Whether a condition may be about what an interface sends.
    fn may_begin(&self, condition: &AccessScopePath, interface: &Interface) -> bool {
        let resource = condition.source.as_ref().and_then(|source| source.resource.as_ref());
        // What begins at a gateway is what comes by it from elsewhere.
        let is_of_gateway = match resource {
            Some(ResourceStatement::Types(types)) => {
                types.iter().any(|kind| *kind != AccessScopeResourceType::NetworkInterface)
            }
            Some(ResourceStatement::Resources(resources)) => resources.iter().any(|named| {
                matches!(
                    named.resource,
                    AccessScopeResource::VpcPeeringConnection(_)
                        | AccessScopeResource::TransitGatewayAttachment(_)
                )
            }),
            None => true,
        };
        is_of_gateway || self.fits(resource, Element::Interface(interface))
    }

    fn passes(
        &self,
        through: Option<&ResourceStatement>,
        start: &End<'_>,
        goal: &End<'_>,
        trace: &Trace,
    ) -> bool {
        let Some(through) = through else { return true };
        let until = goal.at.min(trace.there.steps.len().saturating_sub(1));
        trace.there.steps[start.at.min(until)..=until].iter().any(|step| match step.met {
            Met::Through(object) => self.fits(Some(through), Element::Object(object)),
            _ => false,
        })
    }

    /// Whether a statement is about something.
    fn fits(&self, statement: Option<&ResourceStatement>, element: Element<'_>) -> bool {
        // What others have is nothing that an account is told of.
        let is_own = match element {
            Element::Interface(interface) => self.is_own(interface),
            Element::Object(object) => self.records.is_own_object(object),
        };
        match statement {
            _ if !is_own => false,
            None => matches!(element, Element::Interface(_) | Element::Object(ObjectId::InternetGateway(_))),
            Some(ResourceStatement::Types(types)) => types.iter().any(|kind| is_of_type(*kind, element)),
            Some(ResourceStatement::Resources(resources)) => {
                resources.iter().any(|named| self.is(named.resource, element))
            }
        }
    }

    fn is(&self, resource: AccessScopeResource, element: Element<'_>) -> bool {
        use AccessScopeResource as Named;
        match element {
            Element::Interface(interface) => match resource {
                Named::NetworkInterface(id) => interface.id == id,
                Named::Subnet(id) => interface.subnet == id,
                Named::Vpc(id) => interface.vpc == id,
                Named::SecurityGroup(id) => interface.security_groups.contains(&id),
                Named::Instance(id) => {
                    let record = self.records.get::<ec2::NetworkInterface>(interface.id);
                    let attachment = record.as_ref().and_then(|record| record.attachment.as_ref());
                    attachment.is_some_and(|attachment| attachment.instance == id)
                }
                Named::VpcEndpoint(id) => {
                    let record = self.records.get::<ec2::VpcEndpoint>(id);
                    record.is_some_and(|record| {
                        record.subnets.iter().any(|subnet| subnet.interface == interface.id)
                    })
                }
                _ => false,
            },
            Element::Object(object) => match resource {
                Named::InternetGateway(id) => object == id.into(),
                Named::NatGateway(id) => object == id.into(),
                Named::VpcPeeringConnection(id) => object == id.into(),
                Named::VpcEndpoint(id) => object == id.into(),
                Named::VpnGateway(id) => object == id.into(),
                Named::TransitGatewayAttachment(id) => {
                    object == ObjectId::TransitGatewayAttachment(id)
                        || object == ObjectId::TransitGatewayPeering(id)
                }
                _ => false,
            },
        }
    }

    fn is_own(&self, interface: &Interface) -> bool {
        self.records.has::<ec2::NetworkInterface>(interface.id)
    }

    /// The internet gateways of the account, in its region.
    fn gateways(&self) -> Vec<InternetGatewayId> {
        use store::Read as _;
        let all = self.records.snapshot.scan::<ec2::InternetGateway>(self.records.scope);
        all.map(|(_, record)| record)
            .filter(|record| record.attachment.is_some())
            .map(|record| record.id)
            .collect()
    }

    /// The headers that a statement is about; all, for none.
    fn boxes(
        &self,
        statement: Option<&PacketHeaderStatement>,
        protocol: PathProtocol,
        is_ipv6: bool,
    ) -> Vec<HeaderBox> {
        let Some(statement) = statement else {
            return vec![HeaderBox { spans: [every(is_ipv6), every(is_ipv6), PORTS, PORTS] }];
        };
        if !statement.protocols.is_empty() && !statement.protocols.contains(&protocol) {
            return Vec::new();
        }
        let sources = self.addresses(&statement.source, is_ipv6);
        let destinations = self.addresses(&statement.destination, is_ipv6);
        let (source_ports, destination_ports) =
            (ports(&statement.source_ports), ports(&statement.destination_ports));
        let mut boxes = Vec::new();
        for source in &sources {
            for destination in &destinations {
                for source_ports in &source_ports {
                    for destination_ports in &destination_ports {
                        let spans = [*source, *destination, *source_ports, *destination_ports];
                        boxes.push(HeaderBox { spans });
                    }
                }
            }
        }
        boxes
    }

    fn addresses(&self, statement: &AddressStatement, is_ipv6: bool) -> Vec<Span> {
        if *statement == AddressStatement::Any {
            return vec![every(is_ipv6)];
        }
        let of_family = self.blocks(statement).into_iter().filter(|block| block.addr().is_ipv6() == is_ipv6);
        of_family.map(Span::of_block).collect()
    }

    /// The blocks that a statement names.
    fn blocks(&self, statement: &AddressStatement) -> Vec<IpNet> {
        match statement {
            AddressStatement::Any => Vec::new(),
            AddressStatement::Addresses(addresses) => {
                addresses.iter().map(|address| address.block()).collect()
            }
            AddressStatement::PrefixLists(lists) => {
                let of_list = |list: &ec2::NamedPrefixList| {
                    let found = self.records.find::<ec2::PrefixList>(list.id);
                    let owner = found.map_or_else(|| self.records.scope.clone(), |(owner, _)| owner);
                    ec2::prefix_list_blocks(self.records.snapshot, &owner, list.id)
                };
                lists.iter().flat_map(of_list).collect()
            }
        }
    }
}

const PORTS: Span = Span { first: 0, last: 65_535 };

fn ports(ranges: &[PortRange]) -> Vec<Span> {
    if ranges.is_empty() {
        return vec![PORTS];
    }
    ranges.iter().map(|range| Span { first: range.from().into(), last: range.to().into() }).collect()
}

/// The addresses that packets begin with: an interface's own, or any.
fn own_addresses(interface: Option<&Interface>, is_ipv6: bool) -> Vec<Span> {
    let Some(interface) = interface else { return vec![every(is_ipv6)] };
    let single = interface.addresses().filter(|address| address.is_ipv6() == is_ipv6);
    let single = single.map(one);
    let prefixes = interface.ipv4_prefixes.iter().map(|&block| IpNet::V4(block));
    let prefixes = prefixes.chain(interface.ipv6_prefixes.iter().map(|&block| IpNet::V6(block)));
    let prefixes = prefixes.filter(|block| block.addr().is_ipv6() == is_ipv6);
    single.chain(prefixes.map(Span::of_block)).collect()
}

/// Whether something is of a type that conditions name.
fn is_of_type(kind: AccessScopeResourceType, element: Element<'_>) -> bool {
    use AccessScopeResourceType as Kind;
    match (kind, element) {
        (Kind::NetworkInterface, Element::Interface(interface)) => interface.role == InterfaceRole::Workload,
        (Kind::VpcEndpoint, Element::Interface(interface)) => {
            interface.role == InterfaceRole::InterfaceEndpoint
        }
        (Kind::InternetGateway, Element::Object(ObjectId::InternetGateway(_)))
        | (Kind::NatGateway, Element::Object(ObjectId::NatGateway(_)))
        | (Kind::VpcEndpoint, Element::Object(ObjectId::VpcEndpoint(_)))
        | (Kind::VpcPeeringConnection, Element::Object(ObjectId::VpcPeeringConnection(_)))
        | (Kind::VpnGateway, Element::Object(ObjectId::VpnGateway(_)))
        | (
            Kind::TransitGatewayAttachment,
            Element::Object(ObjectId::TransitGatewayAttachment(_) | ObjectId::TransitGatewayPeering(_)),
        ) => true,
        _ => false,
    }
}

/// The headers, as they are sent, of those packets of a way that are in a box somewhere on it: where a translation has
/// replaced something, that is one value for all of them.
fn seen_at(wanted: &HeaderBox, part: HeaderBox, trace: &Trace, at: usize) -> Option<HeaderBox> {
    let ends = match trace.there.steps.get(at) {
        Some(step) => step.ends,
        None => trace.there.landed.map(|(_, ends)| ends)?,
    };
    let asked = &trace.question;
    let mut spans = part.spans;
    let values = [
        (Field::Source, bits(ends.source), bits(asked.source.address)),
        (Field::Destination, bits(ends.destination), bits(asked.destination.address)),
        (Field::SourcePort, ends.source_port.into(), asked.source.port.into()),
        (Field::DestinationPort, ends.destination_port.into(), asked.destination.port.into()),
    ];
    for (field, is, was) in values {
        let wanted = wanted.span(field);
        if is == was {
            spans[field as usize] = spans[field as usize].intersection(&wanted)?;
        } else if !wanted.contains(is) {
            return None;
        }
    }
    Some(HeaderBox { spans })
}
