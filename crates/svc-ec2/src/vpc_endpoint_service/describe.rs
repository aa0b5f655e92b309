//! DescribeVpcEndpointServiceConfigurations.
//!
//! Owns how a service is shown to its owner. Refuses to change it.

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::VpcEndpointService;
use crate::filter::{Filters, text};
use crate::page::{LIMITS, Page};
use crate::state::State;
use crate::vpc_endpoint::VpcEndpointKind;
use crate::{Ec2, tag};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::DescribeVpcEndpointServiceConfigurations>(describe)
}

/// A service as its owner sees it.
pub(super) fn shown(state: &impl State, service: &VpcEndpointService) -> api::ServiceConfiguration {
    let (region, now) = (state.region(), state.now());
    let zones = aws_catalog::zones(region, state.account());
    let is_gateway = service.kind == VpcEndpointKind::GatewayLoadBalancer;
    let load_balancers = Some(service.load_balancers.clone());
    let (network, gateway) = if is_gateway { (None, load_balancers) } else { (load_balancers, None) };
    let private = service.private_dns_name.as_ref();
    api::ServiceConfiguration {
        acceptance_required: Some(service.acceptance_required),
        availability_zone_ids: Some(zones.iter().map(|zone| zone.zone_id.clone()).collect()),
        availability_zones: Some(zones.iter().map(|zone| zone.name.to_string()).collect()),
        base_endpoint_dns_names: Some(vec![service.base_dns_name(region)]),
        gateway_load_balancer_arns: gateway,
        manages_vpc_endpoints: Some(false),
        network_load_balancer_arns: network,
        payer_responsibility: service.payer(),
        private_dns_name: private.map(|private| private.name.clone()),
        private_dns_name_configuration: private.map(|private| api::PrivateDnsNameConfiguration {
            name: Some(private.record_name.clone()),
            state: Some(private.state(now).to_owned()),
            r#type: Some("TXT".to_owned()),
            value: Some(private.record_value.clone()),
        }),
        remote_access_enabled: Some(false),
        service_id: Some(service.id.to_string()),
        service_name: Some(service.name(region)),
        service_state: Some(service.state(now).to_owned()),
        service_type: Some(vec![api::ServiceTypeDetail {
            service_type: Some(service.kind.as_str().to_owned()),
        }]),
        supported_ip_address_types: Some(service.ip_address_types()),
        tags: Some(tag::shown_always(&service.tags)),
        ..Default::default()
    }
}

static FILTERS: Filters<api::ServiceConfiguration> = Filters {
    tags: Some(|service| service.tags.as_deref().unwrap_or_default()),
    named: &[
        ("service-id", |service| text(&service.service_id)),
        ("service-name", |service| text(&service.service_name)),
        ("service-state", |service| text(&service.service_state)),
        ("supported-ip-address-types", |service| {
            service.supported_ip_address_types.clone().unwrap_or_default()
        }),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVpcEndpointServiceConfigurationsRequest,
) -> Result<api::DescribeVpcEndpointServiceConfigurationsResult, ServiceError> {
    let view = ec2.view(context);
    let page = Page::capped(
        "DescribeVpcEndpointServiceConfigurations",
        input.max_results,
        input.next_token.as_ref(),
        LIMITS,
    );
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (services, next_token) =
        page.of(&view, input.service_ids.as_ref(), wanted, |service: &VpcEndpointService| {
            shown(&view, service)
        })?;
    let answer = api::DescribeVpcEndpointServiceConfigurationsResult {
        next_token,
        service_configurations: Some(services),
    };
    ec2.answer(input.dry_run, answer)
}
