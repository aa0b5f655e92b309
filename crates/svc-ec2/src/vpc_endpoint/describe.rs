//! DescribeVpcEndpoints and DescribeVpcEndpointAssociations.
//!
//! Owns how an endpoint is shown, its DNS names included. Refuses to change it.

use aws_api::ec2::{self as api, operation as op};
use aws_types::SecurityGroupId;
use service_api::{Operations, RequestContext, ServiceError};

use super::VpcEndpoint;
use crate::filter::{Filters, text};
use crate::page::{LIMITS_FROM_ONE, Page};
use crate::security_group::SecurityGroup;
use crate::state::State;
use crate::subnet::Subnet;
use crate::{Ec2, tag};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::DescribeVpcEndpoints>(describe)
        .with::<op::DescribeVpcEndpointAssociations>(describe_associations)
}

fn entry(name: String, zone: &str) -> api::DnsEntry {
    api::DnsEntry { dns_name: Some(name), hosted_zone_id: Some(zone.to_owned()) }
}

/// The hosted zone that the names of all endpoints in a region are in; that of us-east-1 on AWS stands for all.
const HOSTED_ZONE: &str = "Z7HUB22UULQXV";

/// The names of an endpoint but those in its zones, and its private ones.
pub(crate) fn dns_entries(endpoint: &VpcEndpoint) -> Vec<api::DnsEntry> {
    let Some(base) = &endpoint.base_dns_name else { return Vec::new() };
    vec![entry(format!("{}-{}.{base}", endpoint.id, endpoint.dns_label), HOSTED_ZONE)]
}

fn all_dns_entries(state: &impl State, endpoint: &VpcEndpoint) -> Vec<api::DnsEntry> {
    let mut entries = dns_entries(endpoint);
    let Some(base) = &endpoint.base_dns_name else { return entries };
    let mut zones: Vec<String> = endpoint
        .subnets
        .iter()
        .filter_map(|held| state.find::<Subnet>(held.subnet).map(|subnet| subnet.zone.to_string()))
        .collect();
    zones.sort();
    entries.extend(
        zones
            .iter()
            .map(|zone| entry(format!("{}-{}-{zone}.{base}", endpoint.id, endpoint.dns_label), HOSTED_ZONE)),
    );
    if endpoint.private_dns_enabled {
        // Each endpoint has a private hosted zone of its own.
        let zone = format!("Z{}", endpoint.id.to_string().trim_start_matches("vpce-").to_uppercase());
        entries.extend(endpoint.private_dns_names.iter().map(|name| entry(name.clone(), &zone)));
    }
    entries
}

fn shown_group(state: &impl State, id: SecurityGroupId) -> api::SecurityGroupIdentifier {
    api::SecurityGroupIdentifier {
        group_id: Some(id.to_string()),
        group_name: state.find::<SecurityGroup>(id).map(|group| group.name.clone()),
    }
}

/// An endpoint as answers have it.
pub(super) fn shown(state: &impl State, endpoint: &VpcEndpoint) -> api::VpcEndpoint {
    let ids = |list: &mut dyn Iterator<Item = String>| Some(list.collect::<Vec<_>>());
    api::VpcEndpoint {
        creation_timestamp: Some(endpoint.created_at),
        dns_entries: Some(all_dns_entries(state, endpoint)),
        dns_options: Some(api::DnsOptions {
            dns_record_ip_type: Some(endpoint.dns_record_ip_type.clone()),
            private_dns_only_for_inbound_resolver_endpoint: endpoint.private_dns_only_for_inbound,
            ..Default::default()
        }),
        groups: Some(endpoint.groups.iter().map(|&id| shown_group(state, id)).collect()),
        ip_address_type: Some(endpoint.ip_address_type.as_str().to_owned()),
        network_interface_ids: ids(&mut endpoint.subnets.iter().map(|held| held.interface.to_string())),
        owner_id: Some(state.account().to_string()),
        policy_document: endpoint.policy.clone(),
        private_dns_enabled: Some(endpoint.private_dns_enabled),
        requester_managed: Some(false),
        route_table_ids: ids(&mut endpoint.route_tables.iter().map(ToString::to_string)),
        service_name: Some(endpoint.service.clone()),
        service_region: Some(state.region().to_string()),
        state: Some(endpoint.state(state.now()).to_owned()),
        subnet_ids: ids(&mut endpoint.subnets.iter().map(|held| held.subnet.to_string())),
        tags: Some(tag::shown_always(&endpoint.tags)),
        vpc_endpoint_id: Some(endpoint.id.to_string()),
        vpc_endpoint_type: Some(endpoint.kind.as_str().to_owned()),
        vpc_id: Some(endpoint.vpc.to_string()),
        ..Default::default()
    }
}

static FILTERS: Filters<api::VpcEndpoint> = Filters {
    tags: Some(|endpoint| endpoint.tags.as_deref().unwrap_or_default()),
    named: &[
        ("ip-address-type", |endpoint| text(&endpoint.ip_address_type)),
        ("service-name", |endpoint| text(&endpoint.service_name)),
        ("service-region", |endpoint| text(&endpoint.service_region)),
        ("vpc-endpoint-id", |endpoint| text(&endpoint.vpc_endpoint_id)),
        ("vpc-endpoint-state", |endpoint| text(&endpoint.state)),
        ("vpc-endpoint-type", |endpoint| text(&endpoint.vpc_endpoint_type)),
        ("vpc-id", |endpoint| text(&endpoint.vpc_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVpcEndpointsRequest,
) -> Result<api::DescribeVpcEndpointsResult, ServiceError> {
    let view = ec2.view(context);
    let page =
        Page::capped("DescribeVpcEndpoints", input.max_results, input.next_token.as_ref(), LIMITS_FROM_ONE);
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (endpoints, next_token) =
        page.of(&view, input.vpc_endpoint_ids.as_ref(), wanted, |endpoint: &VpcEndpoint| {
            shown(&view, endpoint)
        })?;
    ec2.answer(input.dry_run, api::DescribeVpcEndpointsResult { next_token, vpc_endpoints: Some(endpoints) })
}

/// Only endpoints to resources and service networks, which there are none of, are associated with anything.
static ASSOCIATION_FILTERS: Filters<api::VpcEndpointAssociation> = Filters {
    tags: None,
    named: &[("vpc-endpoint-id", |held| text(&held.vpc_endpoint_id))],
    absent: &[
        "associated-resource-accessibility",
        "associated-resource-id",
        "association-id",
        "resource-configuration-group-arn",
        "service-network-arn",
        "service-network-resource-association-id",
    ],
};

fn describe_associations(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVpcEndpointAssociationsRequest,
) -> Result<api::DescribeVpcEndpointAssociationsResult, ServiceError> {
    let view = ec2.view(context);
    view.selected::<VpcEndpoint>(input.vpc_endpoint_ids.as_ref())?;
    let mut none = Vec::new();
    ASSOCIATION_FILTERS.apply(&mut none, input.filters.as_ref())?;
    let page = Page::within(
        "DescribeVpcEndpointAssociations",
        input.max_results,
        input.next_token.as_ref(),
        (1, 100),
    );
    let (none, next_token) = page.cut(none, |held| held.id.as_deref().unwrap_or_default())?;
    let answer =
        api::DescribeVpcEndpointAssociationsResult { next_token, vpc_endpoint_associations: Some(none) };
    ec2.answer(input.dry_run, answer)
}
