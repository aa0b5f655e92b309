//! What a network access scope finds: every path that matches one of its conditions and none of its exceptions.
//!
//! Owns which paths there are and what a condition says of one. Refuses to decide packets: each way is traced by the engine
//! and stands for a box of headers, and conditions take boxes apart, so that what is found is all that there is.
//! <https://docs.aws.amazon.com/vpc/latest/network-access-analyzer/how-network-access-analyzer-works.html>

use aws_types::InternetGatewayId;
use ipnet::IpNet;
use svc_ec2::AccessScopeAnswer;
use svc_ec2::record::{
    self as ec2, AccessScopePath, AccessScopeResource, AccessScopeResourceType, AddressStatement,
    PacketHeaderStatement, PathProtocol, ResourceStatement,
};
use vpc_engine::reach::{Field, HeaderBox, HeaderSet, Met, Questions, Span, Trace, Tracer, bits};
use vpc_model::{Interface, InterfaceRole, ObjectId, Port, PortRange};

use super::components::{Told, in_order_of_gates};
use super::model::{Atom, Model, one};
use super::records::Records;
use super::search::{counted_until, is_answered};

/// Findings of one analysis at most, so that one cannot fill the state.
pub(super) const FINDINGS_MAX: usize = 20_000;
/// Different ways of the packets of one interface that are looked at, at most.
const WAYS_MAX: usize = 100_000;

/// A scope whose paths are looked for.
pub(super) struct ScopeSearch<'a> {
    pub(super) records: Records<'a>,
    pub(super) model: &'a Model,
    pub(super) match_paths: &'a [AccessScopePath],
    pub(super) exclude_paths: &'a [AccessScopePath],
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
}

/// One end of a path.
struct End<'n> {
    element: Element<'n>,
    /// Where on the way there.
    at: usize,
}

impl ScopeSearch<'_> {
    /// The answer.
    ///
    /// # Errors
    /// When there is too much to be told.
    pub(super) fn answer(&self) -> Result<AccessScopeAnswer, TooMuch> {
        let own = || self.model.network.interfaces().filter(|interface| self.is_own(interface));
        let mut findings = Vec::new();
        let senders = own().filter(|interface| interface.role == InterfaceRole::Workload);
        let starts = senders.map(|interface| (interface.port, Some(interface)));
        let from_internet = self.gateways().first().map(|_| (Port::INTERNET, None));
        let mut tracer = self.model.tracer();
        let atoms = [false, true].map(|is_ipv6| (is_ipv6, self.model.atoms(is_ipv6, &self.named_blocks())));
        for (port, interface) in starts.chain(from_internet) {
            for protocol in [PathProtocol::Tcp, PathProtocol::Udp] {
                for (is_ipv6, atoms) in &atoms {
                    let sent = Sent { port, interface, protocol, is_ipv6: *is_ipv6, atoms };
                    self.look(&mut tracer, &sent, &mut findings)?;
                }
            }
        }
        let analyzed_enis = u32::try_from(own().count()).unwrap_or(u32::MAX);
        Ok(AccessScopeAnswer { findings, analyzed_enis })
    }

    /// Looks at the ways of all packets of one family that one port sends, as far as a condition may be about them.
    fn look(
        &self,
        tracer: &mut Tracer<'_>,
        sent: &Sent<'_>,
        findings: &mut Vec<Vec<aws_api::ec2::PathComponent>>,
    ) -> Result<(), TooMuch> {
        let Sent { port, interface, protocol, is_ipv6, atoms } = *sent;
        let mut wanted = HeaderSet::default();
        for sources in own_addresses(interface, is_ipv6) {
            let all = HeaderBox { spans: [sources, every(is_ipv6), PORTS, PORTS] };
            for condition in self.match_paths {
                // Of a source that is no gateway's, what it sends is what its condition is about; a destination's statement is
                // about the packet as it arrives, which may be another one by then.
                let may_begin = match interface {
                    Some(interface) => self.may_begin(condition, interface),
                    None => true,
                };
                if may_begin {
                    let statement =
                        condition.source.as_ref().and_then(|source| source.packet_header.as_ref());
                    self.boxes(statement, protocol, is_ipv6).into_iter().for_each(|part| {
                        if let Some(part) = part.intersection(&all) {
                            wanted.insert(part);
                        }
                    });
                }
            }
        }
        let mut ways = 0;
        for &headers in wanted.boxes() {
            for (headers, stands_for, has_owner) in self.told_apart(interface, headers, atoms, is_ipv6) {
                let questions = Questions { from: port, protocol: protocol.number(), is_ipv6, headers };
                let Some(explored) = tracer.explore(&questions, WAYS_MAX - ways) else { continue };
                ways += explored.parts.len();
                if !explored.rest.is_empty() || ways == WAYS_MAX {
                    return Err(TooMuch::Ways);
                }
                for (mut part, mut trace) in explored.parts {
                    for (field, span) in [(Field::Source, stands_for[0]), (Field::Destination, stands_for[1])]
                    {
                        part.spans[field as usize] = span;
                    }
                    in_order_of_gates(&mut trace);
                    self.find(interface, protocol, (part, has_owner), &trace, findings)?;
                }
            }
        }
        Ok(())
    }

    /// A box of headers by addresses that make a difference: those that somebody has, and one of each range that nobody has.
    /// With each come the addresses that it stands for, and whether somebody has its destination.
    fn told_apart(
        &self,
        interface: Option<&Interface>,
        headers: HeaderBox,
        atoms: &[Atom],
        is_ipv6: bool,
    ) -> Vec<(HeaderBox, [Span; 2], bool)> {
        let within = |field: Field| {
            let wanted = headers.span(field);
            let of_atom = move |atom: &Atom| {
                let span = atom.span.intersection(&wanted)?;
                let asked =
                    if span.contains(bits(atom.address)) { one(atom.address) } else { first_of(span) };
                Some((asked, span))
            };
            atoms.iter().filter_map(of_atom)
        };
        let owned =
            self.model.owned(is_ipv6).filter(|span| headers.span(Field::Destination).contains(span.first));
        let owned = owned.map(|span| ((span, span), true));
        let destinations: Vec<((Span, Span), bool)> =
            owned.chain(within(Field::Destination).map(|atom| (atom, false))).collect();
        let sources: Vec<(Span, Span)> = match interface {
            Some(_) => vec![(headers.span(Field::Source), headers.span(Field::Source))],
            None => within(Field::Source).collect(),
        };
        let mut all = Vec::new();
        for (source, of_sources) in &sources {
            for ((destination, of_destinations), has_owner) in &destinations {
                let mut asked = headers;
                asked.spans[Field::Source as usize] = *source;
                asked.spans[Field::Destination as usize] = *destination;
                all.push((asked, [*of_sources, *of_destinations], *has_owner));
            }
        }
        all
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
    fn find(
        &self,
        interface: Option<&Interface>,
        protocol: PathProtocol,
        (part, has_owner): (HeaderBox, bool),
        trace: &Trace,
        findings: &mut Vec<Vec<aws_api::ec2::PathComponent>>,
    ) -> Result<(), TooMuch> {
        let (starts, goals) = self.ends(interface, trace);
        for start in &starts {
            // What lands is told of whom it lands at, and what passes a gateway of all addresses that lead there.
            let told = goals.iter().filter(|goal| goal.at > start.at && has_owner == (goal.at == usize::MAX));
            for goal in told {
                let mut found = HeaderSet::default();
                for condition in self.match_paths {
                    for part in self.matching(condition, protocol, start, goal, part, trace).boxes() {
                        found.insert(*part);
                    }
                }
                for condition in self.exclude_paths {
                    for part in self.matching(condition, protocol, start, goal, part, trace).boxes() {
                        found.remove(part);
                    }
                }
                for headers in found.boxes() {
                    let until = goal.at.saturating_add(1).min(trace.there.steps.len());
                    let question = trace.question;
                    let told_of =
                        Told { records: self.records, question, headers: *headers, is_reply: false };
                    let components = told_of.components(&trace.there, start.at..until).list;
                    if findings.len() == FINDINGS_MAX {
                        return Err(TooMuch::Findings);
                    }
                    findings.push(components);
                }
            }
        }
        Ok(())
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
            .filter(|_| is_answered(trace))
            .and_then(|(port, _)| self.model.network.interface(port));
        let landed = landed.map(|interface| End { element: Element::Interface(interface), at: usize::MAX });
        let again = |ends: &[End<'n>]| -> Vec<End<'n>> {
            ends.iter().map(|end| End { element: end.element, at: end.at }).collect()
        };
        let goals = again(&gateways).into_iter().chain(landed).collect();
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
        match statement {
            None => match element {
                Element::Interface(interface) => self.is_own(interface),
                Element::Object(object) => matches!(object, ObjectId::InternetGateway(_)),
            },
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
        let found = self.records.find::<ec2::NetworkInterface>(interface.id);
        found.is_some_and(|(owner, _)| owner == *self.records.scope)
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

fn first_of(span: Span) -> Span {
    Span { first: span.first, last: span.first }
}

const PORTS: Span = Span { first: 0, last: 65_535 };

fn every(is_ipv6: bool) -> Span {
    Span { first: 0, last: if is_ipv6 { u128::MAX } else { u32::MAX.into() } }
}

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
