//! The services that a caller can make endpoints to: DescribeVpcEndpointServices.
//!
//! Owns how the services of AWS ([`aws_catalog::endpoint_services`]) and those of customers are one list. Refuses to change
//! either.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpointServices.html>

use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, ResourceId as _, Tags, VpcEndpointServiceId};
use service_api::{Operations, Principal, RequestContext, ServiceError};
use store::Read as _;

use super::{ServiceOwner, connection};
use crate::filter::{Filters, text};
use crate::page::{LIMITS_FROM_ONE, Page};
use crate::state::{State, nobody};
use crate::vpc_endpoint::VpcEndpointKind;
use crate::{Ec2, error, tag};

/// A service, whosever it is.
pub(crate) struct Offer {
    pub(crate) name: String,
    pub(crate) id: VpcEndpointServiceId,
    pub(crate) kind: VpcEndpointKind,
    /// `None` stands for AWS.
    pub(crate) owner: Option<AccountId>,
    pub(crate) acceptance_required: bool,
    pub(crate) base_dns_name: String,
    pub(crate) private_dns_names: Vec<String>,
    /// `verified`, `pendingVerification` or `failed`.
    pub(crate) verification: &'static str,
    pub(crate) ip_address_types: Vec<String>,
    payer: Option<String>,
    tags: Tags,
}

/// All services in the region that a caller can see, in order of their names, of one name the gateway's first.
pub(crate) fn all(state: &impl State, caller: &Principal) -> Vec<Offer> {
    let region = state.region();
    let of_aws = aws_catalog::endpoint_services(region).into_iter().map(|service| Offer {
        name: service.name,
        id: VpcEndpointServiceId::from_bits(service.id_bits),
        kind: if service.is_gateway { VpcEndpointKind::Gateway } else { VpcEndpointKind::Interface },
        owner: None,
        acceptance_required: false,
        base_dns_name: service.base_dns_name,
        private_dns_names: service.private_dns_names,
        verification: "verified",
        ip_address_types: if service.is_gateway { vec!["ipv4"] } else { vec!["ipv4", "ipv6"] }
            .into_iter()
            .map(str::to_owned)
            .collect(),
        payer: None,
        tags: Tags::default(),
    });
    let owners: Vec<_> = state.reader().scan::<ServiceOwner>(&state.part_of(nobody())).collect();
    let of_customers = owners.into_iter().filter_map(|(id, _)| {
        let (owner, service) = super::find(state, id.parse().ok()?)?;
        let private = service.private_dns_name.as_ref();
        service.admits(state.scope().partition, owner, caller).then(|| Offer {
            name: service.name(region),
            id: service.id,
            kind: service.kind,
            owner: Some(owner),
            acceptance_required: service.acceptance_required,
            base_dns_name: service.base_dns_name(region),
            private_dns_names: private.map(|private| private.name.clone()).into_iter().collect(),
            verification: private.map_or("pendingVerification", |private| private.state(state.now())),
            ip_address_types: service.ip_address_types(),
            payer: service.payer(),
            // Tags are each account's own.
            tags: if owner == caller.account { service.tags.clone() } else { Tags::default() },
        })
    });
    let mut all: Vec<_> = of_aws.chain(of_customers).collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

/// The service that a caller names for an endpoint of a kind.
///
/// # Errors
/// `InvalidServiceName` for one that is not there or not for the caller, `InvalidParameter` for another kind.
pub(crate) fn named(
    state: &impl State,
    caller: &Principal,
    name: &str,
    kind: VpcEndpointKind,
) -> Result<Offer, ServiceError> {
    let mut found: Vec<_> = all(state, caller).into_iter().filter(|offer| offer.name == name).collect();
    let kinds: Vec<_> = found.iter().map(|offer| offer.kind).collect();
    found.retain(|offer| offer.kind == kind);
    match (found.pop(), kinds.is_empty()) {
        (Some(offer), _) => Ok(offer),
        (None, true) => Err(connection::no_such_service(name)),
        (None, false) => Err(connection::wrong_type(kind, &kinds)),
    }
}

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::DescribeVpcEndpointServices>(describe)
}

fn shown(state: &impl State, offer: Offer) -> api::ServiceDetail {
    let zones = aws_catalog::zones(state.region(), state.account());
    let names = offer.private_dns_names;
    api::ServiceDetail {
        acceptance_required: Some(offer.acceptance_required),
        availability_zone_ids: Some(zones.iter().map(|zone| zone.zone_id.clone()).collect()),
        availability_zones: Some(zones.iter().map(|zone| zone.name.to_string()).collect()),
        base_endpoint_dns_names: Some(vec![offer.base_dns_name]),
        manages_vpc_endpoints: Some(false),
        payer_responsibility: offer.payer,
        owner: Some(offer.owner.map_or_else(|| "amazon".to_owned(), |owner| owner.to_string())),
        private_dns_name: names.first().cloned(),
        private_dns_name_verification_state: names.first().map(|_| offer.verification.to_owned()),
        private_dns_names: (!names.is_empty()).then(|| {
            names.iter().map(|name| api::PrivateDnsDetails { private_dns_name: Some(name.clone()) }).collect()
        }),
        service_id: Some(offer.id.to_string()),
        service_name: Some(offer.name),
        service_region: Some(state.region().to_string()),
        service_type: Some(vec![api::ServiceTypeDetail {
            service_type: Some(offer.kind.as_str().to_owned()),
        }]),
        supported_ip_address_types: Some(offer.ip_address_types),
        tags: Some(tag::shown_always(&offer.tags)),
        vpc_endpoint_policy_supported: Some(offer.owner.is_none()),
    }
}

static FILTERS: Filters<api::ServiceDetail> = Filters {
    tags: Some(|service| service.tags.as_deref().unwrap_or_default()),
    named: &[
        ("owner", |service| text(&service.owner)),
        ("service-name", |service| text(&service.service_name)),
        ("service-region", |service| text(&service.service_region)),
        ("service-type", |service| {
            service.service_type.iter().flatten().filter_map(|held| held.service_type.clone()).collect()
        }),
        ("supported-ip-address-types", |service| {
            service.supported_ip_address_types.clone().unwrap_or_default()
        }),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVpcEndpointServicesRequest,
) -> Result<api::DescribeVpcEndpointServicesResult, ServiceError> {
    let view = ec2.view(context);
    let regions = input.service_regions.unwrap_or_default();
    if let Some(region) = regions.iter().find(|region| region.as_str() != context.region.as_str()) {
        return Err(error::unsupported(format!("Services in other Regions ({region}) are not supported.")));
    }
    let mut offers = all(&view, &context.principal);
    let wanted = input.service_names.unwrap_or_default();
    if let Some(unknown) = wanted.iter().find(|name| !offers.iter().any(|offer| offer.name == **name)) {
        return Err(connection::no_such_service(unknown));
    }
    offers.retain(|offer| wanted.is_empty() || wanted.contains(&offer.name));
    let mut details: Vec<_> = offers.into_iter().map(|offer| shown(&view, offer)).collect();
    FILTERS.apply(&mut details, input.filters.as_ref())?;
    // Two services have one name, so that the id is part of the key.
    let mut keyed: Vec<_> = details
        .into_iter()
        .map(|detail| {
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            (format!("{} {}", part(&detail.service_name), part(&detail.service_id)), detail)
        })
        .collect();
    keyed.sort_by(|one, other| one.0.cmp(&other.0));
    let page = Page::capped(
        "DescribeVpcEndpointServices",
        input.max_results,
        input.next_token.as_ref(),
        LIMITS_FROM_ONE,
    );
    let (page, next_token) = page.cut(keyed, |(key, _)| key)?;
    let details: Vec<_> = page.into_iter().map(|(_, detail)| detail).collect();
    let mut names: Vec<String> = details.iter().filter_map(|detail| detail.service_name.clone()).collect();
    names.dedup();
    let answer = api::DescribeVpcEndpointServicesResult {
        next_token,
        service_details: Some(details),
        service_names: Some(names),
    };
    ec2.answer(input.dry_run, answer)
}
