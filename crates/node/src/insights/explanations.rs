//! What stops a packet, in the codes of the Reachability Analyzer.
//!
//! Owns which code and which components each reason has. Refuses to judge: the reasons are those that the engine drops by.
//! <https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html>

use std::net::IpAddr;

use aws_api::ec2 as api;
use aws_types::{AccountId, InternetGatewayId, NetworkInterfaceId, RouteTableId, SubnetId, VpcId};
use ipnet::Ipv4Net;
use store::Read as _;
use svc_ec2::record as ec2;
use vpc_engine::DropReason;
use vpc_engine::reach::{Ends, Met, Step};
use vpc_model::{Direction, ObjectId, RouteOrigin, RouteTarget};

use super::components::{acl_rule, direction_word, group_rule, route, transit_route, zone_of};
use super::records::Records;

/// An explanation with that code.
pub(super) fn code(code: &str) -> api::Explanation {
    api::Explanation { explanation_code: Some(code.to_owned()), ..api::Explanation::default() }
}

/// What refuses a packet after these steps, the packet as it is there, and what AWS says of it.
pub(super) fn explain(
    records: &Records<'_>,
    before: &[Step],
    reason: &DropReason,
    ends: &Ends,
) -> Vec<api::Explanation> {
    let gateway = matches!(
        reason,
        DropReason::NoPublicAddress { .. }
            | DropReason::PrivateDestination { .. }
            | DropReason::PrivateSource { .. }
            | DropReason::NoSuchPublicAddress { .. }
    );
    let concerned = concerned(reason).or_else(|| Some(passed_gateway(before).filter(|_| gateway)?.into()));
    if let Some(account) = concerned.and_then(|object| records.foreign_object(object)) {
        // What others have configured is theirs to know.
        let component = concerned.and_then(|object| records.object(object));
        return vec![api::Explanation {
            component,
            component_account: Some(account.to_string()),
            ..code("NO_POSSIBLE_DESTINATION")
        }];
    }
    match *reason {
        DropReason::NoEgressRule { interface } => groups(records, before, interface, Direction::Egress, ends),
        DropReason::NoIngressRule { interface } => {
            groups(records, before, interface, Direction::Ingress, ends)
        }
        _ => vec![explain_one(records, before, reason, ends)],
    }
}

fn explain_one(records: &Records<'_>, before: &[Step], reason: &DropReason, ends: &Ends) -> api::Explanation {
    match *reason {
        DropReason::NetworkAclDenied { acl, direction, rule } => {
            let vpc = records.get::<ec2::NetworkAcl>(acl).map(|record| record.vpc);
            api::Explanation {
                acl: Some(records.network_acl(acl)),
                acl_rule: Some(acl_rule(records, acl, direction, rule, ends.source.is_ipv6())),
                direction: Some(direction_word(direction).to_owned()),
                subnet: subnet_of_acl(records, before, acl, direction).map(|subnet| records.subnet(subnet)),
                vpc: vpc.map(|vpc| records.vpc(vpc)),
                ..code("SUBNET_ACL_RESTRICTION")
            }
        }
        DropReason::SourceCheck { interface, address } => {
            check(records, interface, address, Direction::Egress, "ENI_SOURCE_DEST_CHECK_RESTRICTION")
        }
        DropReason::DestinationCheck { interface, address } => {
            check(records, interface, address, Direction::Ingress, "ENI_SOURCE_DEST_CHECK_RESTRICTION")
        }
        DropReason::ManagedInterface { interface } => {
            check(records, interface, ends.destination, Direction::Ingress, "ENI_ADDRESS_RESTRICTION")
        }
        DropReason::NoRoute { table, address } => api::Explanation {
            address: Some(address.to_string()),
            ..of_table(records, table, "NO_ROUTE_TO_DESTINATION")
        },
        DropReason::Blackhole { table, destination } => api::Explanation {
            route_table_route: Some(route(destination, RouteTarget::Blackhole, RouteOrigin::Static, None)),
            ..of_table(records, table, "BAD_STATE_ROUTE")
        },
        DropReason::NoSuchAddress { vpc, address } => api::Explanation {
            address: Some(address.to_string()),
            vpc: Some(records.vpc(vpc)),
            component: Some(records.vpc(vpc)),
            ..code("NO_POSSIBLE_DESTINATION")
        },
        DropReason::NoPublicAddress { address } => api::Explanation {
            address: Some(address.to_string()),
            ..at_internet_gateway(records, before, "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS")
        },
        DropReason::PrivateDestination { address } => api::Explanation {
            address: Some(address.to_string()),
            ..at_internet_gateway(records, before, not_in(address, false))
        },
        DropReason::PrivateSource { address } => api::Explanation {
            address: Some(address.to_string()),
            ..at_internet_gateway(records, before, not_in(address, true))
        },
        DropReason::NoSuchPublicAddress { address } => api::Explanation {
            address: Some(address.to_string()),
            ..at_internet_gateway(records, before, "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS")
        },
        DropReason::PublicAccessBlocked { subnet } => api::Explanation {
            subnet: Some(records.subnet(subnet)),
            ..at_internet_gateway(records, before, "VPC_BLOCK_PUBLIC_ACCESS_ENABLED")
        },
        DropReason::NoInternetGateway { vpc } => {
            let vpc = records.vpc(vpc);
            api::Explanation {
                component: Some(vpc.clone()),
                vpc: Some(vpc),
                ..code("UNASSOCIATED_COMPONENT")
            }
        }
        DropReason::MiddleboxBypassed { gateway, address } => api::Explanation {
            address: Some(address.to_string()),
            internet_gateway: Some(records.internet_gateway(gateway)),
            ingress_route_table: ingress_table(records, gateway).map(|table| records.route_table(table)),
            ..code("INGRESS_RTB_TRAFFIC_REDIRECTION")
        },
        DropReason::Ipv4ThroughEgressOnly { gateway } | DropReason::EgressOnly { gateway } => {
            api::Explanation {
                component: Some(records.egress_only_internet_gateway(gateway)),
                ..code("PROTOCOL_RESTRICTION")
            }
        }
        DropReason::NatUnsolicited { gateway } => api::Explanation {
            nat_gateway: Some(records.nat_gateway(gateway)),
            ..code("NGW_DEST_ADDRESS_PRESERVATION")
        },
        DropReason::NatProtocol { gateway } | DropReason::NatIpv6 { gateway } => api::Explanation {
            component: Some(records.nat_gateway(gateway)),
            protocols: Some(["tcp", "udp", "icmp"].map(str::to_owned).to_vec()),
            ..code("PROTOCOL_RESTRICTION")
        },
        DropReason::PeeringTransit { connection, address } => api::Explanation {
            address: Some(address.to_string()),
            vpc_peering_connection: Some(records.peering(connection)),
            ..code("PCX_REQUIRES_ADDRESS_IN_VPC_CIDR")
        },
        DropReason::NotAttached { gateway, vpc } => api::Explanation {
            transit_gateway: Some(records.transit_gateway(gateway)),
            component: Some(records.transit_gateway(gateway)),
            attached_to: Some(records.vpc(vpc)),
            vpc: Some(records.vpc(vpc)),
            ..code("BAD_STATE_ATTACHMENT")
        },
        DropReason::ZoneNotAttached { attachment, subnet } => api::Explanation {
            transit_gateway_attachment: Some(records.attachment(attachment)),
            transit_gateway: transit_gateway_of(records, attachment),
            subnet: Some(records.subnet(subnet)),
            availability_zones: zone_of(records, subnet).map(|zone| vec![zone]),
            ..code("TGW_ROUTE_AZ_RESTRICTION")
        },
        DropReason::NoAssociation { attachment } => api::Explanation {
            transit_gateway_attachment: Some(records.attachment(attachment)),
            transit_gateway: transit_gateway_of(records, attachment),
            ..code("TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION")
        },
        DropReason::NoTransitRoute { table, address } => api::Explanation {
            address: Some(address.to_string()),
            transit_gateway_route_table: Some(records.transit_gateway_route_table(table)),
            ..code("TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT")
        },
        DropReason::TransitBlackhole { table, destination } => api::Explanation {
            transit_gateway_route_table: Some(records.transit_gateway_route_table(table)),
            transit_gateway_route_table_route: Some(transit_route(records, table, destination, None)),
            ..code("TGW_RTB_BAD_STATE_ROUTE")
        },
        DropReason::TunnelDown { object: ObjectId::VpnGateway(gateway) } => api::Explanation {
            vpn_gateway: Some(records.vpn_gateway(gateway)),
            component: Some(records.vpn_gateway(gateway)),
            ..code("BAD_STATE_VPN")
        },
        DropReason::TunnelDown { object } => {
            api::Explanation { component: records.object(object), ..code("TGW_BAD_STATE_VPN") }
        }
        DropReason::Ipv6NotAttached { attachment } => api::Explanation {
            component: Some(records.attachment(attachment)),
            transit_gateway_attachment: Some(records.attachment(attachment)),
            ..code("PROTOCOL_RESTRICTION")
        },
        DropReason::EndpointProtocol { endpoint } => api::Explanation {
            vpc_endpoint: Some(records.endpoint(endpoint)),
            ..code("VPCE_GATEWAY_PROTOCOL_RESTRICTION")
        },
        DropReason::NoAppliance { endpoint } => api::Explanation {
            component: Some(records.endpoint(endpoint)),
            vpc_endpoint: Some(records.endpoint(endpoint)),
            ..code("BAD_STATE")
        },
        DropReason::NoEndpointService { interface } => api::Explanation {
            component: Some(records.interface(interface)),
            network_interface: Some(records.interface(interface)),
            ..code("BAD_STATE")
        },
        DropReason::AccountClosed { interface } => api::Explanation {
            component: Some(records.interface(interface)),
            network_interface: Some(records.interface(interface)),
            ..code("BAD_STATE")
        },
        DropReason::NoSuchHost { address } => {
            api::Explanation { address: Some(address.to_string()), ..code("UNKNOWN_DESTINATION") }
        }
        DropReason::Missing { object } => {
            api::Explanation { component: records.object(object), ..code("UNASSOCIATED_COMPONENT") }
        }
        // What is left has no code of its own on AWS: nothing there takes the packet.
        _ => api::Explanation {
            address: Some(ends.destination.to_string()),
            component: last_component(records, before),
            ..code("NO_POSSIBLE_DESTINATION")
        },
    }
}

/// What a reason is about, as far as it may be somebody else's.
fn concerned(reason: &DropReason) -> Option<ObjectId> {
    Some(match *reason {
        DropReason::NoEgressRule { interface }
        | DropReason::NoIngressRule { interface }
        | DropReason::SourceCheck { interface, .. }
        | DropReason::DestinationCheck { interface, .. }
        | DropReason::ManagedInterface { interface }
        | DropReason::AccountClosed { interface }
        | DropReason::NoEndpointService { interface } => interface.into(),
        DropReason::NetworkAclDenied { acl, .. } => acl.into(),
        DropReason::NoRoute { table, .. } | DropReason::Blackhole { table, .. } => table.into(),
        DropReason::NoTransitRoute { table, .. } | DropReason::TransitBlackhole { table, .. } => table.into(),
        DropReason::NoSuchAddress { vpc, .. } | DropReason::NoInternetGateway { vpc } => vpc.into(),
        DropReason::PublicAccessBlocked { subnet } => subnet.into(),
        DropReason::MiddleboxBypassed { gateway, .. } => gateway.into(),
        DropReason::NatUnsolicited { gateway }
        | DropReason::NatProtocol { gateway }
        | DropReason::NatIpv6 { gateway } => gateway.into(),
        DropReason::EndpointProtocol { endpoint } | DropReason::NoAppliance { endpoint } => endpoint.into(),
        DropReason::NoAssociation { attachment } | DropReason::Ipv6NotAttached { attachment } => {
            ObjectId::TransitGatewayAttachment(attachment)
        }
        DropReason::ZoneNotAttached { subnet, .. } => subnet.into(),
        DropReason::NotAttached { vpc, .. } => vpc.into(),
        DropReason::Ipv4ThroughEgressOnly { gateway } | DropReason::EgressOnly { gateway } => gateway.into(),
        DropReason::TunnelDown { object } | DropReason::Missing { object } => object,
        _ => return None,
    })
}

/// The groups of an interface, none of whose rules lets a packet pass; and why one might that does not.
fn groups(
    records: &Records<'_>,
    before: &[Step],
    interface: NetworkInterfaceId,
    direction: Direction,
    ends: &Ends,
) -> Vec<api::Explanation> {
    let record = records.get::<ec2::NetworkInterface>(interface);
    let ids = record.as_ref().map(|record| record.groups.clone()).unwrap_or_default();
    let vpc = record.as_ref().map(|record| records.vpc(record.vpc));
    let mismatch = api::Explanation {
        direction: Some(direction_word(direction).to_owned()),
        network_interface: Some(records.interface(interface)),
        security_groups: Some(ids.iter().map(|&id| records.security_group(id)).collect()),
        vpc: vpc.clone(),
        ..code("ENI_SG_RULES_MISMATCH")
    };
    let mut explanations = vec![mismatch];
    let held: Vec<_> = ids.iter().filter_map(|id| records.get::<ec2::SecurityGroup>(id)).collect();
    for group in held.iter().filter(|group| group.rules.is_empty()) {
        let security_group = Some(records.security_group(group.id));
        explanations.push(api::Explanation { security_group, vpc: vpc.clone(), ..code("SG_HAS_NO_RULES") });
    }
    if direction == Direction::Ingress
        && let Some(component) = hides_groups(records, before)
    {
        let sender = sender_groups(records, before);
        let meant = held.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule))).find(
            |(_, rule)| {
                let is_of_sender = match rule.peer {
                    ec2::Peer::Group(group) => sender.contains(&group),
                    ec2::Peer::PeeredGroup(peered) => sender.contains(&peered.group),
                    _ => false,
                };
                let has_port = rule.ports.is_none_or(|(from, to)| {
                    (from..=to).contains(&i32::from(ends.destination_port)) || !rule.protocol.has_ports()
                });
                !rule.egress && is_of_sender && has_port
            },
        );
        if let Some((group, rule)) = meant {
            explanations.push(api::Explanation {
                component: Some(component),
                security_group: Some(records.security_group(group.id)),
                security_group_rule: Some(group_rule(rule, direction)),
                vpc,
                ..code("SG_REFERENCES_NOT_PRESERVED")
            });
        }
    }
    explanations
}

/// What on the way keeps the groups of the sender from being known.
fn hides_groups(records: &Records<'_>, before: &[Step]) -> Option<api::AnalysisComponent> {
    before.iter().find_map(|step| match step.met {
        Met::Through(object @ (ObjectId::NatGateway(_) | ObjectId::InternetGateway(_))) => {
            records.object(object)
        }
        _ => None,
    })
}

fn sender_groups(records: &Records<'_>, before: &[Step]) -> Vec<aws_types::SecurityGroupId> {
    match before.first().map(|step| step.met) {
        Some(Met::Interface(sender)) => records
            .get::<ec2::NetworkInterface>(sender)
            .map(|record| record.groups.clone())
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn check(
    records: &Records<'_>,
    interface: NetworkInterfaceId,
    address: IpAddr,
    direction: Direction,
    name: &str,
) -> api::Explanation {
    let place = records.place(interface);
    api::Explanation {
        address: Some(address.to_string()),
        direction: Some(direction_word(direction).to_owned()),
        network_interface: Some(records.interface(interface)),
        vpc: place.map(|(vpc, _)| records.vpc(vpc)),
        ..code(name)
    }
}

/// An explanation about a route table.
pub(super) fn of_table(records: &Records<'_>, table: RouteTableId, name: &str) -> api::Explanation {
    let vpc: Option<VpcId> = records.get::<ec2::RouteTable>(table).map(|record| record.vpc);
    api::Explanation {
        route_table: Some(records.route_table(table)),
        vpc: vpc.map(|vpc| records.vpc(vpc)),
        ..code(name)
    }
}

/// An explanation about the internet gateway that a packet came to, or that of its VPC.
fn at_internet_gateway(records: &Records<'_>, before: &[Step], name: &str) -> api::Explanation {
    let passed = passed_gateway(before);
    let vpc = passed.and_then(|gateway| records.get::<ec2::InternetGateway>(gateway)?.attachment);
    api::Explanation {
        internet_gateway: passed.map(|gateway| records.internet_gateway(gateway)),
        vpc: vpc.map(|vpc| records.vpc(vpc)),
        ..code(name)
    }
}

/// The internet gateway that a packet came to last.
fn passed_gateway(before: &[Step]) -> Option<InternetGatewayId> {
    before.iter().rev().find_map(|step| match step.met {
        Met::Through(ObjectId::InternetGateway(gateway))
        | Met::Route { target: RouteTarget::InternetGateway(gateway), .. } => Some(gateway),
        _ => None,
    })
}

/// The code for an address of RFC 1918 or RFC 6598 at an internet gateway: the source of what comes in, or the destination
/// of what goes out.
fn not_in(address: IpAddr, is_source: bool) -> &'static str {
    let shared = Ipv4Net::new_assert(std::net::Ipv4Addr::new(100, 64, 0, 0), 10);
    let is_shared = matches!(address, IpAddr::V4(address) if shared.contains(&address));
    match (is_source, is_shared) {
        (true, false) => "IGW_SOURCE_ADDRESS_NOT_IN_RFC1918_INGRESS",
        (true, true) => "IGW_SOURCE_ADDRESS_NOT_IN_RFC6598_INGRESS",
        (false, false) => "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS",
        (false, true) => "IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS",
    }
}

/// The gateway route table of an internet gateway.
fn ingress_table(records: &Records<'_>, gateway: aws_types::InternetGatewayId) -> Option<RouteTableId> {
    let (owner, record) = records.find::<ec2::InternetGateway>(gateway)?;
    let vpc = record.attachment?;
    let tables = records.snapshot.parts::<ec2::RouteTable>(&owner, &vpc.to_string());
    tables.map(|(_, table)| table).find_map(|table| {
        let is_its = |held: &ec2::RouteTableAssociation| {
            held.target == ec2::AssociationTarget::InternetGateway(gateway)
        };
        table.associations.iter().any(is_its).then_some(table.id)
    })
}

fn transit_gateway_of(
    records: &Records<'_>,
    attachment: aws_types::TransitGatewayAttachmentId,
) -> Option<api::AnalysisComponent> {
    let record = records.get::<ec2::TransitGatewayAttachment>(attachment)?;
    Some(records.transit_gateway(record.gateway))
}

/// The subnet whose ACL refuses a packet after these steps.
fn subnet_of_acl(
    records: &Records<'_>,
    before: &[Step],
    acl: aws_types::NetworkAclId,
    direction: Direction,
) -> Option<SubnetId> {
    let (owner, _) = records.find::<ec2::NetworkAcl>(acl)?;
    let guarded: Vec<SubnetId> = records
        .snapshot
        .scan::<ec2::NetworkAclAssociation>(&owner)
        .map(|(_, held)| held)
        .filter(|held| held.acl == acl)
        .map(|held| held.subnet)
        .collect();
    let last_interface = before.iter().rev().find_map(|step| match step.met {
        Met::Interface(interface) => records.place(interface).map(|(_, subnet)| subnet),
        _ => None,
    });
    match direction {
        // It leaves the subnet that it is in.
        Direction::Egress => last_interface.filter(|subnet| guarded.contains(subnet)),
        Direction::Ingress => None,
    }
    .or_else(|| guarded.first().copied().filter(|_| guarded.len() == 1))
}

fn last_component(records: &Records<'_>, before: &[Step]) -> Option<api::AnalysisComponent> {
    before.iter().rev().find_map(|step| match step.met {
        Met::Interface(interface) => Some(records.interface(interface)),
        Met::Through(object) => records.object(object),
        Met::Route { table, .. } => Some(records.route_table(table)),
        _ => None,
    })
}

/// The other accounts that explanations are about.
pub(super) fn accounts(explanations: &[api::Explanation]) -> Vec<AccountId> {
    let accounts = explanations.iter().filter_map(|told| told.component_account.as_ref()?.parse().ok());
    let mut accounts: Vec<AccountId> = accounts.collect();
    accounts.dedup();
    accounts
}
