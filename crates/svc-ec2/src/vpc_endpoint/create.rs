//! CreateVpcEndpoint.
//!
//! Owns what each type of endpoint may be made with. Refuses to know services: they are offered to it.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, Principal, RequestContext, ServiceError};

use super::{
    EndpointAddressType, EndpointPhase, VpcEndpoint, VpcEndpointKind, current, describe, place, policy,
    private_dns,
};
use crate::idempotency::Attempt;
use crate::state::{Edit, State};
use crate::vpc::Vpc;
use crate::vpc_endpoint_service::offer::{self, Offer};
use crate::vpc_endpoint_service::{connection, invalid};
use crate::{Ec2, error, pace, quota, security_group, tag};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::CreateVpcEndpoint>(create)
}

fn kind(text: Option<&str>) -> Result<VpcEndpointKind, ServiceError> {
    match text {
        None | Some("Gateway") => Ok(VpcEndpointKind::Gateway),
        Some("Interface") => Ok(VpcEndpointKind::Interface),
        Some("GatewayLoadBalancer") => Ok(VpcEndpointKind::GatewayLoadBalancer),
        Some(other @ ("Resource" | "ServiceNetwork")) => {
            Err(error::unsupported(format!("VPC endpoints of type {other} are not supported.")))
        }
        Some(_) => {
            Err(ServiceError::new("InvalidVpcEndpointType", "The specified VPC endpoint type is not valid."))
        }
    }
}

/// Reads an IP address type.
pub(super) fn address_type(
    kind: VpcEndpointKind,
    offered: &[String],
    text: Option<&str>,
) -> Result<EndpointAddressType, ServiceError> {
    let offers = |family: &str| offered.iter().any(|held| held == family);
    let wanted = match text {
        None | Some("ipv4") => EndpointAddressType::Ipv4,
        Some("dualstack") if kind == VpcEndpointKind::Gateway => {
            return Err(error::unsupported("Gateway endpoints for IPv6 are not supported."));
        }
        Some("dualstack") => EndpointAddressType::Dualstack,
        Some("ipv6") => {
            return Err(error::unsupported("VPC endpoints without IPv4 addresses are not supported."));
        }
        Some(other) => return Err(invalid(format!("The IP address type '{other}' is not valid"))),
    };
    if !offers("ipv4") || (wanted == EndpointAddressType::Dualstack && !offers("ipv6")) {
        return Err(invalid(format!(
            "The service does not support the IP address type {}: it has {}",
            wanted.as_str(),
            offered.join(", ")
        )));
    }
    Ok(wanted)
}

/// Reads which records an endpoint's names have.
pub(super) fn record_type(wanted: EndpointAddressType, text: &str) -> Result<String, ServiceError> {
    let fits = match text {
        "ipv4" | "service-defined" => true,
        "dualstack" | "ipv6" => wanted == EndpointAddressType::Dualstack,
        _ => return Err(invalid(format!("The DNS record IP type '{text}' is not valid"))),
    };
    if fits {
        return Ok(text.to_owned());
    }
    Err(invalid(format!(
        "The DNS record IP type {text} cannot be used with the IP address type {}",
        wanted.as_str()
    )))
}

/// Refuses what no endpoint can have here.
pub(super) fn check_dns_options(options: Option<&api::DnsOptionsSpecification>) -> Result<(), ServiceError> {
    let Some(options) = options else { return Ok(()) };
    if options.private_dns_preference.is_some()
        || options.private_dns_specified_domains.as_ref().is_some_and(|domains| !domains.is_empty())
    {
        return Err(error::unsupported("Private DNS preferences and domains are not supported."));
    }
    Ok(())
}

fn check_parameters(
    kind: VpcEndpointKind,
    input: &api::CreateVpcEndpointRequest,
) -> Result<(), ServiceError> {
    if input.resource_configuration_arn.is_some() || input.service_network_arn.is_some() {
        return Err(error::unsupported("VPC endpoints to resources and service networks are not supported."));
    }
    let some = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let is_gateway = kind == VpcEndpointKind::Gateway;
    if some(&input.route_table_ids) && !is_gateway {
        return Err(invalid("Route table IDs are only supported for Gateway type VPC Endpoint."));
    }
    let has_subnets =
        some(&input.subnet_ids) || input.subnet_configurations.as_ref().is_some_and(|list| !list.is_empty());
    if has_subnets && is_gateway {
        return Err(invalid(
            "Subnet IDs are only supported for Interface and Gateway Load Balancer type VPC Endpoints.",
        ));
    }
    if some(&input.security_group_ids) && kind != VpcEndpointKind::Interface {
        return Err(invalid("Security group IDs are only supported for Interface type VPC Endpoints."));
    }
    let options = input.dns_options.as_ref();
    if options.is_some_and(|options| options.private_dns_only_for_inbound_resolver_endpoint.is_some())
        && kind != VpcEndpointKind::Interface
    {
        return Err(invalid(
            "DnsOptions PrivateDnsOnlyForInboundResolverEndpoint is applicable only to Interface VPC Endpoints.",
        ));
    }
    check_dns_options(options)
}

/// Checks a policy that a request has for an endpoint.
pub(super) fn check_policy(
    kind: VpcEndpointKind,
    is_of_customer: bool,
    text: &str,
) -> Result<(), ServiceError> {
    if kind == VpcEndpointKind::GatewayLoadBalancer || is_of_customer {
        return Err(invalid("The service does not support endpoint policies."));
    }
    policy::check(text)
}

fn check_quota(edit: &Edit<'_>, vpc: &Vpc, kind: VpcEndpointKind) -> Result<(), ServiceError> {
    if kind == VpcEndpointKind::Gateway {
        let count = current(edit).filter(|held| held.kind == kind).count();
        quota::GATEWAY_ENDPOINTS_PER_REGION.check(edit, count + 1)
    } else {
        let counts = |held: &VpcEndpoint| held.vpc == vpc.id && held.kind != VpcEndpointKind::Gateway;
        let count = current(edit).filter(|held| counts(held)).count();
        quota::INTERFACE_ENDPOINTS_PER_VPC.check(edit, count + 1)
    }
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::CreateVpcEndpointRequest,
) -> Result<api::CreateVpcEndpointResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "vpc-endpoint")?;
    let kind = kind(input.vpc_endpoint_type.as_deref())?;
    check_parameters(kind, &input)?;
    if let Some(region) = input.service_region.as_deref().filter(|region| *region != context.region.as_str())
    {
        return Err(error::unsupported(format!("Services in other Regions ({region}) are not supported.")));
    }
    let dry_run = input.dry_run.take();
    let attempt = Attempt::new("CreateVpcEndpoint", input.client_token.as_ref(), &input)?;
    ec2.edit(context, dry_run, |edit| {
        let answer = |edit: &Edit<'_>, endpoint: &VpcEndpoint| api::CreateVpcEndpointResult {
            client_token: input.client_token.clone(),
            vpc_endpoint: Some(describe::shown(edit, endpoint)),
        };
        if let Some(attempt) = &attempt
            && let Some(endpoint) = attempt.made::<VpcEndpoint>(edit)?
        {
            return Ok(answer(edit, &endpoint));
        }
        let offer = offered(edit, &context.principal, &input, kind)?;
        let mut endpoint = begun(edit, &input, &offer)?;
        endpoint.tags = tags;
        for text in input.route_table_ids.iter().flatten() {
            let table = place::route_table(edit, endpoint.vpc, &offer.name, None, text)?;
            if !endpoint.route_tables.contains(&table) {
                endpoint.route_tables.push(table);
            }
        }
        let wanted = place::wanted_subnets(input.subnet_ids.as_ref(), input.subnet_configurations.as_ref())?;
        for subnet in &wanted {
            place::add_subnet(edit, &mut endpoint, subnet)?;
        }
        edit.put(endpoint.clone());
        if let Some(owner) = offer.owner {
            connection::connect(edit, owner, offer.id, endpoint.id);
        }
        if let Some(attempt) = &attempt {
            attempt.remember(edit, vec![endpoint.id.to_string()]);
        }
        Ok(answer(edit, &endpoint))
    })
}

fn offered(
    edit: &Edit<'_>,
    caller: &Principal,
    input: &api::CreateVpcEndpointRequest,
    kind: VpcEndpointKind,
) -> Result<Offer, ServiceError> {
    let name = input.service_name.as_deref().ok_or_else(|| error::missing("ServiceName"))?;
    offer::named(edit, caller, name, kind)
}

/// An endpoint that is nowhere yet.
fn begun(
    edit: &Edit<'_>,
    input: &api::CreateVpcEndpointRequest,
    offer: &Offer,
) -> Result<VpcEndpoint, ServiceError> {
    let kind = offer.kind;
    let vpc = edit.named::<Vpc>(&input.vpc_id)?;
    check_quota(edit, &vpc, kind)?;
    if let Some(text) = &input.policy_document {
        check_policy(kind, offer.owner.is_some(), text)?;
    }
    let ip_address_type = address_type(kind, &offer.ip_address_types, input.ip_address_type.as_deref())?;
    let options = input.dns_options.as_ref();
    let usual_record = match kind {
        VpcEndpointKind::Gateway => "service-defined",
        VpcEndpointKind::Interface | VpcEndpointKind::GatewayLoadBalancer => ip_address_type.as_str(),
    };
    let record = options.and_then(|options| options.dns_record_ip_type.as_deref()).unwrap_or(usual_record);
    let groups = match input.security_group_ids.as_deref().unwrap_or_default() {
        [] if kind == VpcEndpointKind::Interface => vec![security_group::default_of(edit, vpc.id)?.id],
        ids => place::groups(edit, vpc.id, ids)?,
    };
    let bits = format!("{:032x}", edit.new_bits());
    let mut endpoint = VpcEndpoint {
        id: edit.new_id(),
        vpc: vpc.id,
        kind,
        service: offer.name.clone(),
        customer_service: offer.owner.map(|_| offer.id),
        policy: input.policy_document.clone().or_else(|| policy::default_of(kind)),
        route_tables: Vec::new(),
        subnets: Vec::new(),
        groups,
        ip_address_type,
        dns_record_ip_type: record_type(ip_address_type, record)?,
        base_dns_name: (kind == VpcEndpointKind::Interface).then(|| offer.base_dns_name.clone()),
        dns_label: bits[24..].to_owned(),
        private_dns_names: offer.private_dns_names.clone(),
        private_dns_enabled: false,
        private_dns_only_for_inbound: options
            .and_then(|options| options.private_dns_only_for_inbound_resolver_endpoint),
        phase: if offer.acceptance_required {
            EndpointPhase::PendingAcceptance
        } else {
            EndpointPhase::Present
        },
        done_at: match kind {
            // There is nothing to wait for: the routes are there at once.
            VpcEndpointKind::Gateway => edit.now(),
            VpcEndpointKind::Interface | VpcEndpointKind::GatewayLoadBalancer => {
                pace::ENDPOINT_CHANGE.done_at(edit)
            }
        },
        created_at: edit.now(),
        tags: aws_types::Tags::default(),
    };
    endpoint.private_dns_enabled =
        input.private_dns_enabled.unwrap_or_else(|| private_dns::is_usual(edit, &endpoint));
    private_dns::check(edit, &endpoint)?;
    Ok(endpoint)
}
