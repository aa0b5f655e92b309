//! The ways of a packet and its reply as path components of the Reachability Analyzer.
//!
//! Owns the order and the shape of components. Refuses to judge. Of what another account has, its id is told and no more.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_PathComponent.html>

use std::net::IpAddr;
use std::ops::Range;

use aws_api::ec2 as api;
use aws_types::{AccountId, NetworkAclId, NetworkInterfaceId, SecurityGroupRuleId, SubnetId};
use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use svc_ec2::record as ec2;
use vpc_engine::DropReason;
use vpc_engine::reach::{Ends, Field, Met, Question, Span, Step, Trace, Way, address};
use vpc_model::{AclRuleNumber, Direction, ObjectId, RouteOrigin, RouteTarget};

use super::headers::Headers;
use super::records::Records;

/// A way to be told of.
pub(super) struct Told<'a> {
    pub(super) records: Records<'a>,
    /// The packet that was asked about, and the headers that go the same way.
    pub(super) question: Question,
    pub(super) headers: &'a Headers,
    /// Whether it is the way of the reply.
    pub(super) is_reply: bool,
}

/// Puts what a packet passes into the order in which AWS tells of it: the list of a subnet that it leaves comes before the
/// route, which the engine has found first.
pub(super) fn in_order_of_gates(trace: &mut Trace) {
    let leaves = |met: &Met| {
        matches!(
            met,
            Met::NetworkAcl { direction: Direction::Egress, .. }
                | Met::Refused(DropReason::NetworkAclDenied { direction: Direction::Egress, .. })
        )
    };
    for way in std::iter::once(&mut trace.there).chain(&mut trace.back) {
        for index in 0..way.steps.len() {
            if !leaves(&way.steps[index].met) {
                continue;
            }
            let is_route = |at: usize| matches!(way.steps[at].met, Met::Route { .. });
            let through = index.checked_sub(1).filter(|&at| matches!(way.steps[at].met, Met::Through(_)));
            let route = through.or(Some(index)).and_then(|at| at.checked_sub(1)).filter(|&at| is_route(at));
            if let Some(route) = route {
                way.steps[route..=index].rotate_right(1);
            }
        }
    }
}

/// The components of a way, and the other accounts that some of them are of.
#[derive(Default)]
pub(super) struct Components {
    pub(super) list: Vec<api::PathComponent>,
    pub(super) accounts: Vec<AccountId>,
}

impl Components {
    fn push(&mut self, component: api::PathComponent) {
        let sequence_number = i32::try_from(self.list.len() + 1).ok();
        self.list.push(api::PathComponent { sequence_number, ..component });
    }

    /// A component of another account, of which nothing but its name is told.
    fn push_foreign(&mut self, component: api::AnalysisComponent, account: AccountId) {
        if !self.accounts.contains(&account) {
            self.accounts.push(account);
        }
        self.push(of(component));
    }
}

fn of(component: api::AnalysisComponent) -> api::PathComponent {
    api::PathComponent { component: Some(component), ..api::PathComponent::default() }
}

impl Told<'_> {
    /// The components of a part of a way.
    pub(super) fn components(&self, way: &Way, part: Range<usize>) -> Components {
        let mut components = Components::default();
        let mut arrived_at: Option<(NetworkInterfaceId, Ends)> = None;
        for index in part {
            let Step { met, ends } = &way.steps[index];
            // The rules of an interface come before it where a packet arrives.
            if let Some((interface, came)) = arrived_at
                && !matches!(met, Met::Rules { direction: Direction::Ingress, .. } | Met::Refused(_))
            {
                self.arrive(&mut components, interface, &came, true);
                arrived_at = None;
            }
            match *met {
                Met::Interface(id) if index == 0 => self.leave(&mut components, id, ends),
                Met::Interface(id) => arrived_at = Some((id, *ends)),
                Met::Rules { interface, direction, rule } => {
                    self.rules(&mut components, interface, direction, rule);
                }
                Met::NetworkAcl { acl, direction, rule, .. } => {
                    self.network_acl(&mut components, acl, direction, rule);
                }
                Met::Route { table, destination, target, origin } => {
                    let component = self.records.route_table(table);
                    if let Some(account) = self.records.foreign_owner::<ec2::RouteTable>(table) {
                        components.push_foreign(component, account);
                        continue;
                    }
                    let vpc = self.records.get::<ec2::RouteTable>(table).map(|table| table.vpc);
                    components.push(api::PathComponent {
                        route_table_route: Some(self.route(table, destination, target, origin)),
                        vpc: vpc.map(|vpc| self.records.vpc(vpc)),
                        ..of(component)
                    });
                }
                Met::TransitRoute { table, destination, target } => {
                    let component = self.records.transit_gateway_route_table(table);
                    if let Some(account) = self.records.foreign_owner::<ec2::TransitGatewayRouteTable>(table)
                    {
                        components.push_foreign(component, account);
                        continue;
                    }
                    let gateway =
                        self.records.get::<ec2::TransitGatewayRouteTable>(table).map(|table| table.gateway);
                    components.push(api::PathComponent {
                        transit_gateway: gateway.map(|gateway| self.records.transit_gateway(gateway)),
                        transit_gateway_route_table_route: Some(transit_route(
                            &self.records,
                            table,
                            destination,
                            target,
                        )),
                        ..of(component)
                    });
                }
                Met::Through(object) if comes_again(&way.steps[index + 1..], object) => {}
                Met::Through(object) => {
                    let before = index.checked_sub(1).map_or(ends, |before| &way.steps[before].ends);
                    let after = way.steps.get(index + 1).map_or(ends, |after| &after.ends);
                    self.through(&mut components, object, before, after);
                }
                Met::OnLink { .. } | Met::Internet | Met::Refused(_) => {}
            }
        }
        if let Some((interface, came)) = arrived_at {
            self.arrive(&mut components, interface, &came, false);
        }
        components
    }

    /// Where a packet begins: the instance, then its interface.
    fn leave(&self, components: &mut Components, id: NetworkInterfaceId, ends: &Ends) {
        let interface = self.records.interface(id);
        if let Some(account) = self.records.foreign_owner::<ec2::NetworkInterface>(id) {
            return components.push_foreign(interface, account);
        }
        let instance = self.instance_of(id);
        let outbound_header = Some(self.header(ends));
        if let Some(instance) = &instance {
            let outbound_header = outbound_header.clone();
            components.push(api::PathComponent { outbound_header, ..of(instance.clone()) });
        }
        components.push(api::PathComponent {
            outbound_header,
            attached_to: instance,
            ..self.placed(interface, id)
        });
    }

    /// Where a packet arrives: the interface, then its instance. A middlebox sends it on.
    fn arrive(&self, components: &mut Components, id: NetworkInterfaceId, ends: &Ends, goes_on: bool) {
        let interface = self.records.interface(id);
        if let Some(account) = self.records.foreign_owner::<ec2::NetworkInterface>(id) {
            return components.push_foreign(interface, account);
        }
        let instance = self.instance_of(id);
        let inbound_header = Some(self.header(ends));
        components.push(api::PathComponent {
            inbound_header: inbound_header.clone(),
            attached_to: instance.clone(),
            additional_details: self.crosses_zones(components, id),
            ..self.placed(interface.clone(), id)
        });
        let Some(instance) = instance else { return };
        components
            .push(api::PathComponent { inbound_header: inbound_header.clone(), ..of(instance.clone()) });
        if goes_on {
            let outbound_header = inbound_header;
            let attached_to = Some(instance);
            components.push(api::PathComponent {
                outbound_header,
                attached_to,
                ..self.placed(interface, id)
            });
        }
    }

    fn placed(&self, component: api::AnalysisComponent, id: NetworkInterfaceId) -> api::PathComponent {
        let place = self.records.place(id);
        api::PathComponent {
            vpc: place.map(|(vpc, _)| self.records.vpc(vpc)),
            subnet: place.map(|(_, subnet)| self.records.subnet(subnet)),
            ..of(component)
        }
    }

    fn instance_of(&self, id: NetworkInterfaceId) -> Option<api::AnalysisComponent> {
        let interface = self.records.get::<ec2::NetworkInterface>(id)?;
        interface.attachment.as_ref().map(|attachment| self.records.instance(attachment.instance))
    }

    /// <https://docs.aws.amazon.com/vpc/latest/reachability/additional-detail-codes.html>
    fn crosses_zones(
        &self,
        components: &Components,
        id: NetworkInterfaceId,
    ) -> Option<Vec<api::AdditionalDetail>> {
        let zone_of =
            |id: &str| self.records.get::<ec2::NetworkInterface>(id).map(|record| record.zone.clone());
        let mut ids = components.list.iter().filter_map(|told| told.component.as_ref()?.id.as_deref());
        let first = ids.find_map(zone_of)?;
        (first != zone_of(&id.to_string())?).then(|| {
            let additional_detail_type = Some("AVAILABILITY_ZONE_CROSSED".to_owned());
            vec![api::AdditionalDetail { additional_detail_type, ..api::AdditionalDetail::default() }]
        })
    }

    fn rules(
        &self,
        components: &mut Components,
        interface: NetworkInterfaceId,
        direction: Direction,
        rule: Option<SecurityGroupRuleId>,
    ) {
        let Some((_, record)) = self.records.find::<ec2::NetworkInterface>(interface) else { return };
        let groups = record.groups.iter().filter_map(|group| self.records.find::<ec2::SecurityGroup>(group));
        let with = groups.filter_map(|(owner, group)| {
            let found = group.rules.iter().find(|held| Some(held.id) == rule).cloned();
            (rule.is_none() || found.is_some()).then_some((owner, group, found))
        });
        let Some((owner, group, found)) = with.take(1).next() else { return };
        let component = self.records.security_group(group.id);
        if owner.account != self.records.scope.account {
            return components.push_foreign(component, owner.account);
        }
        let security_group_rule = found.map(|rule| group_rule(&rule, direction));
        components.push(api::PathComponent {
            security_group_rule,
            vpc: Some(self.records.vpc(group.vpc)),
            ..of(component)
        });
    }

    fn network_acl(
        &self,
        components: &mut Components,
        acl: NetworkAclId,
        direction: Direction,
        rule: Option<AclRuleNumber>,
    ) {
        let component = self.records.network_acl(acl);
        if let Some(account) = self.records.foreign_owner::<ec2::NetworkAcl>(acl) {
            return components.push_foreign(component, account);
        }
        let acl_rule =
            Some(acl_rule(&self.records, acl, direction, rule, self.question.source.address.is_ipv6()));
        let vpc = self.records.get::<ec2::NetworkAcl>(acl).map(|acl| self.records.vpc(acl.vpc));
        components.push(api::PathComponent { acl_rule, vpc, ..of(component) });
    }

    fn through(&self, components: &mut Components, object: ObjectId, before: &Ends, after: &Ends) {
        let Some(component) = self.records.object(object) else { return };
        if let Some(account) = self.records.foreign_object(object) {
            return components.push_foreign(component, account);
        }
        let records = &self.records;
        let mut told = api::PathComponent {
            inbound_header: Some(self.header(before)),
            outbound_header: Some(self.header(after)),
            ..of(component)
        };
        match object {
            ObjectId::InternetGateway(id) => {
                let vpc = records.get::<ec2::InternetGateway>(id).and_then(|record| record.attachment);
                told.vpc = vpc.map(|vpc| records.vpc(vpc));
            }
            ObjectId::NatGateway(id) => {
                let record = records.get::<ec2::NatGateway>(id);
                told.vpc = record.as_ref().map(|record| records.vpc(record.vpc));
                told.subnet = record.as_ref().map(|record| records.subnet(record.subnet));
            }
            ObjectId::VpcPeeringConnection(id) => {
                let sides = records.get::<ec2::VpcPeeringConnection>(id).map(|record| {
                    let [one, other] = [&record.requester, &record.accepter].map(|side| side.vpc);
                    let is_first =
                        components.list.iter().rev().find_map(|told| told.vpc.as_ref()?.id.clone());
                    if is_first.is_none_or(|id| id == one.to_string()) { (one, other) } else { (other, one) }
                });
                told.source_vpc = sides.map(|(source, _)| records.vpc(source));
                told.destination_vpc = sides.map(|(_, destination)| records.vpc(destination));
            }
            ObjectId::TransitGatewayAttachment(id) | ObjectId::TransitGatewayPeering(id) => {
                let record = records.get::<ec2::TransitGatewayAttachment>(id);
                told.transit_gateway = record.as_ref().map(|record| records.transit_gateway(record.gateway));
                told.attached_to = told.transit_gateway.clone();
                told.vpc = record.as_ref().and_then(|record| match record.target {
                    ec2::AttachmentTarget::Vpc { vpc, .. } => Some(records.vpc(vpc)),
                    _ => None,
                });
            }
            ObjectId::VpcEndpoint(id) => {
                let record = records.get::<ec2::VpcEndpoint>(id);
                told.vpc = record.as_ref().map(|record| records.vpc(record.vpc));
                told.service_name = record.map(|record| record.service.clone());
            }
            _ => {}
        }
        components.push(told);
    }

    fn route(
        &self,
        table: aws_types::RouteTableId,
        destination: IpNet,
        target: RouteTarget,
        origin: RouteOrigin,
    ) -> api::AnalysisRouteTableRoute {
        let list = (origin == RouteOrigin::PrefixList)
            .then(|| listed_route(&self.records, table, destination))
            .flatten();
        route(destination, target, origin, list)
    }

    /// The packet's header somewhere: what no translation has changed is the same for all headers that go this way.
    fn header(&self, ends: &Ends) -> api::AnalysisPacketHeader {
        let question = &self.question;
        let (source, destination) = if self.is_reply {
            (
                (question.destination, [Field::Destination, Field::DestinationPort]),
                (question.source, [Field::Source, Field::SourcePort]),
            )
        } else {
            (
                (question.source, [Field::Source, Field::SourcePort]),
                (question.destination, [Field::Destination, Field::DestinationPort]),
            )
        };
        let addresses = |is: IpAddr, (asked, [field, _]): (vpc_engine::Endpoint, [Field; 2])| {
            let own = [Span::of_block(is.into())];
            let spans = if is == asked.address { self.headers.spans(field) } else { &own[..] };
            Some(spans.iter().flat_map(|span| blocks(*span, is.is_ipv6())).collect())
        };
        let ports = |is: u16, (asked, [_, field]): (vpc_engine::Endpoint, [Field; 2])| {
            let own = [Span { first: is.into(), last: is.into() }];
            let spans = if is == asked.port { self.headers.spans(field) } else { &own[..] };
            Some(spans.iter().map(|span| port_range(*span)).collect())
        };
        api::AnalysisPacketHeader {
            source_addresses: addresses(ends.source, source),
            destination_addresses: addresses(ends.destination, destination),
            source_port_ranges: ports(ends.source_port, source),
            destination_port_ranges: ports(ends.destination_port, destination),
            protocol: Some(self.question.protocol.0.to_string()),
        }
    }
}

/// Whether an object is passed once more before anything but ACLs: a NAT gateway is met where the packet comes and where it
/// goes on as another one.
fn comes_again(steps: &[Step], object: ObjectId) -> bool {
    let mut steps = steps.iter().map(|step| &step.met);
    let next = steps.find(|met| !matches!(met, Met::NetworkAcl { .. } | Met::Refused(_) | Met::Interface(_)));
    matches!(next, Some(Met::Through(again)) if *again == object)
}

/// The blocks of a range of addresses.
pub(super) fn blocks(span: Span, is_ipv6: bool) -> Vec<String> {
    match (address(span.first, is_ipv6), address(span.last, is_ipv6)) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            Ipv4Subnets::new(first, last, 0).map(|block| block.to_string()).collect()
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            Ipv6Subnets::new(first, last, 0).map(|block| block.to_string()).collect()
        }
        _ => Vec::new(),
    }
}

/// A range of ports.
pub(super) fn port_range(span: Span) -> api::PortRange {
    let port = |value: u128| i32::try_from(value).ok();
    api::PortRange { from: port(span.first), to: port(span.last) }
}

/// A rule of a security group.
pub(super) fn group_rule(
    rule: &ec2::SecurityGroupRule,
    direction: Direction,
) -> api::AnalysisSecurityGroupRule {
    let mut told = api::AnalysisSecurityGroupRule {
        direction: Some(direction_word(direction).to_owned()),
        protocol: Some(protocol_word(rule.protocol)),
        port_range: rule
            .ports
            .filter(|_| rule.protocol.has_ports())
            .map(|(from, to)| api::PortRange { from: Some(from), to: Some(to) }),
        ..api::AnalysisSecurityGroupRule::default()
    };
    match rule.peer {
        ec2::Peer::Ipv4(block) => told.cidr = Some(block.to_string()),
        ec2::Peer::Ipv6(block) => told.cidr = Some(block.to_string()),
        ec2::Peer::Group(group) => told.security_group_id = Some(group.to_string()),
        ec2::Peer::PeeredGroup(peered) => told.security_group_id = Some(peered.group.to_string()),
        ec2::Peer::PrefixList(list) => told.prefix_list_id = Some(list.to_string()),
    }
    told
}

fn protocol_word(protocol: ec2::IpProtocol) -> String {
    protocol.number().map_or_else(|| "all".to_owned(), |_| protocol.to_string())
}

/// The word for a direction.
pub(super) fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    }
}

/// An entry of a network ACL, or its denial of everything else, whose number AWS shows so.
pub(super) fn acl_rule(
    records: &Records<'_>,
    acl: NetworkAclId,
    direction: Direction,
    number: Option<AclRuleNumber>,
    is_ipv6: bool,
) -> api::AnalysisAclRule {
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html>
    const DEFAULT_RULE_NUMBER: i32 = 32_767;
    let egress = direction == Direction::Egress;
    let record = records.get::<ec2::NetworkAcl>(acl);
    let entry = record.as_ref().zip(number).and_then(|(record, number)| {
        record.entries.iter().find(|entry| entry.egress == egress && entry.number == number.get())
    });
    match entry {
        Some(entry) => api::AnalysisAclRule {
            cidr: Some(entry.cidr.to_string()),
            egress: Some(egress),
            port_range: entry
                .ports
                .map(|(from, to)| api::PortRange { from: Some(from.into()), to: Some(to.into()) }),
            protocol: Some(protocol_word(entry.protocol)),
            rule_action: Some(if entry.action == ec2::Action::Allow { "allow" } else { "deny" }.to_owned()),
            rule_number: Some(entry.number.into()),
        },
        None => api::AnalysisAclRule {
            cidr: Some(if is_ipv6 { "::/0" } else { "0.0.0.0/0" }.to_owned()),
            egress: Some(egress),
            port_range: None,
            protocol: Some("all".to_owned()),
            rule_action: Some("deny".to_owned()),
            rule_number: Some(DEFAULT_RULE_NUMBER),
        },
    }
}

/// The prefix list that a route of a table is for.
fn listed_route(records: &Records<'_>, table: aws_types::RouteTableId, block: IpNet) -> Option<String> {
    let record = records.get::<ec2::RouteTable>(table)?;
    record.routes.iter().find_map(|route| match route.destination {
        ec2::Destination::PrefixList(list) => {
            let (owner, _) = records.find::<ec2::PrefixList>(list)?;
            let blocks = ec2::prefix_list_blocks(records.snapshot, &owner, list);
            blocks.contains(&block).then(|| list.to_string())
        }
        ec2::Destination::Block(_) => None,
    })
}

/// A route of a VPC's table.
pub(super) fn route(
    destination: IpNet,
    target: RouteTarget,
    origin: RouteOrigin,
    list: Option<String>,
) -> api::AnalysisRouteTableRoute {
    let mut told = api::AnalysisRouteTableRoute {
        destination_cidr: list.is_none().then(|| destination.to_string()),
        destination_prefix_list_id: list,
        origin: Some(
            match (target, origin) {
                (RouteTarget::Local, _) => "createroutetable",
                (_, RouteOrigin::Propagated) => "enablevgwroutepropagation",
                (_, RouteOrigin::PrefixList | RouteOrigin::Static) => "createroute",
            }
            .to_owned(),
        ),
        state: Some(if target == RouteTarget::Blackhole { "blackhole" } else { "active" }.to_owned()),
        ..api::AnalysisRouteTableRoute::default()
    };
    match target {
        RouteTarget::Local => told.gateway_id = Some("local".to_owned()),
        RouteTarget::Interface(id) => told.network_interface_id = Some(id.to_string()),
        RouteTarget::InternetGateway(id) => told.gateway_id = Some(id.to_string()),
        RouteTarget::EgressOnlyInternetGateway(id) => {
            told.egress_only_internet_gateway_id = Some(id.to_string());
        }
        RouteTarget::NatGateway(id) => told.nat_gateway_id = Some(id.to_string()),
        RouteTarget::VpcPeeringConnection(id) => told.vpc_peering_connection_id = Some(id.to_string()),
        RouteTarget::TransitGateway(id) => told.transit_gateway_id = Some(id.to_string()),
        RouteTarget::VpcEndpoint(id) => told.gateway_id = Some(id.to_string()),
        RouteTarget::VpnGateway(id) => told.gateway_id = Some(id.to_string()),
        RouteTarget::Blackhole => {}
    }
    told
}

/// A route of a transit gateway's table.
pub(super) fn transit_route(
    records: &Records<'_>,
    table: aws_types::TransitGatewayRouteTableId,
    destination: IpNet,
    target: Option<aws_types::TransitGatewayAttachmentId>,
) -> api::TransitGatewayRouteTableRoute {
    let is_static = records
        .get::<ec2::TransitGatewayRouteTable>(table)
        .is_some_and(|record| record.routes.iter().any(|route| route.destination == destination));
    let attachment = target.and_then(|target| records.get::<ec2::TransitGatewayAttachment>(target));
    let (resource_id, resource_type) = match attachment.as_ref().map(|attachment| &attachment.target) {
        Some(ec2::AttachmentTarget::Vpc { vpc, .. }) => (Some(vpc.to_string()), Some("vpc".to_owned())),
        Some(ec2::AttachmentTarget::Peering { requester, accepter, is_accepter, .. }) => {
            let peer = if *is_accepter { requester } else { accepter };
            (Some(peer.gateway.to_string()), Some("peering".to_owned()))
        }
        _ => (None, None),
    };
    api::TransitGatewayRouteTableRoute {
        destination_cidr: Some(destination.to_string()),
        state: Some(if target.is_some() { "active" } else { "blackhole" }.to_owned()),
        route_origin: Some(if is_static { "static" } else { "propagated" }.to_owned()),
        attachment_id: target.map(|target| target.to_string()),
        resource_id,
        resource_type,
        ..api::TransitGatewayRouteTableRoute::default()
    }
}

/// The zone of a subnet.
pub(super) fn zone_of(records: &Records<'_>, subnet: SubnetId) -> Option<String> {
    records.get::<ec2::Subnet>(subnet).map(|record| record.zone.to_string())
}
