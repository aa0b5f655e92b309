//! The endpoints that use a service: DescribeVpcEndpointConnections, AcceptVpcEndpointConnections,
//! RejectVpcEndpointConnections.
//!
//! Owns the record by which the owner of a service finds the endpoints of other accounts. Refuses to keep their state:
//! that is the endpoint's.
//! <https://docs.aws.amazon.com/vpc/latest/privatelink/configure-endpoint-service.html#accept-reject-connection-requests>

use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, Tags, Timestamp, VpcEndpointConnectionId, VpcEndpointId, VpcEndpointServiceId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::Read as _;

use super::{VpcEndpointService, invalid, named};
use crate::filter::{Filters, text};
use crate::page::{LIMITS, Page};
use crate::state::{Edit, Naming, Resource, State, not_found, parse_id, resource};
use crate::vpc_endpoint::{EndpointPhase, VpcEndpoint, VpcEndpointKind, describe as endpoint, unsuccessful};
use crate::{Ec2, error, pace, tag};

/// That an endpoint uses a service; the service's owner has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VpcEndpointConnection {
    /// Its id.
    pub id: VpcEndpointConnectionId,
    /// The service.
    pub service: VpcEndpointServiceId,
    /// The endpoint.
    pub endpoint: VpcEndpointId,
    /// Whose the endpoint is.
    pub endpoint_owner: AccountId,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when its endpoint is shown, and so it, once that is deleted.
    #[serde(default)]
    pub shown_until: Option<Timestamp>,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    VpcEndpointConnection,
    VpcEndpointConnectionId,
    "ec2.vpc-endpoint-connection",
    Naming {
        resource_type: "vpc-endpoint-connection",
        noun: "VpcEndpointConnection",
        not_found: "InvalidVpcEndpointConnectionId.NotFound",
        malformed: "InvalidVpcEndpointConnectionId.Malformed",
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.shown_until
    }
);

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::AcceptVpcEndpointConnections>(accept)
        .with::<op::RejectVpcEndpointConnections>(reject)
        .with::<op::DescribeVpcEndpointConnections>(describe)
}

/// The endpoint of a connection, as long as it is shown.
fn endpoint_of(state: &impl State, held: &VpcEndpointConnection) -> Option<Arc<VpcEndpoint>> {
    let scope = state.part_of(held.endpoint_owner);
    let endpoint = state.reader().get::<VpcEndpoint>(&scope, &held.endpoint.to_string())?;
    endpoint.is_visible(state.now()).then_some(endpoint)
}

/// The connections of a service of the account.
pub(super) fn of_service<'a>(
    state: &'a impl State,
    service: VpcEndpointServiceId,
) -> impl Iterator<Item = (Arc<VpcEndpointConnection>, Arc<VpcEndpoint>)> + 'a {
    state
        .all::<VpcEndpointConnection>()
        .filter(move |held| held.service == service)
        .filter_map(|held| endpoint_of(state, &held).map(|endpoint| (held, endpoint)))
}

/// Rejects all endpoints of a service.
pub(super) fn reject_all(edit: &mut Edit<'_>, service: VpcEndpointServiceId) {
    let held: Vec<_> = of_service(edit, service).filter(|(_, endpoint)| !endpoint.is_ended()).collect();
    for (connection, endpoint) in held {
        let mut endpoint = Arc::unwrap_or_clone(endpoint);
        endpoint.phase = EndpointPhase::Rejected;
        let region = edit.region().clone();
        edit.elsewhere(connection.endpoint_owner, region).put(endpoint);
    }
}

/// Removes the connections of a service that is deleted.
pub(super) fn forget_service(edit: &mut Edit<'_>, service: VpcEndpointServiceId) {
    let held: Vec<_> = edit.all::<VpcEndpointConnection>().filter(|held| held.service == service).collect();
    held.iter().for_each(|held| edit.remove::<VpcEndpointConnection>(held.id));
}

/// Ends the connection of an endpoint of the account that is deleted.
pub(crate) fn end(edit: &mut Edit<'_>, endpoint: &VpcEndpoint) {
    let Some(owner) = endpoint.customer_service.and_then(|service| super::owner(edit, service)) else {
        return;
    };
    let region = edit.region().clone();
    let mut there = edit.elsewhere(owner, region);
    let held = there.all::<VpcEndpointConnection>().find(|held| held.endpoint == endpoint.id);
    if let Some(held) = held {
        let mut held = Arc::unwrap_or_clone(held);
        held.shown_until = endpoint.ends_at();
        there.put(held);
    }
}

/// Puts the connections of the account into the index of what is due, those included whose endpoint was deleted before
/// they knew until when they are shown.
pub(crate) fn index(edit: &mut Edit<'_>) {
    let connections: Vec<_> =
        edit.all::<VpcEndpointConnection>().filter(|held| held.shown_until.is_none()).collect();
    for held in connections {
        let mut held = Arc::unwrap_or_clone(held);
        let scope = edit.part_of(held.endpoint_owner);
        let endpoint = edit.reader().get::<VpcEndpoint>(&scope, &held.endpoint.to_string());
        held.shown_until = endpoint.map_or_else(|| Some(edit.now()), |endpoint| endpoint.ends_at());
        edit.put(held);
    }
}

/// Changes the phase of each endpoint that a request names.
fn decide(
    edit: &mut Edit<'_>,
    service: &VpcEndpointService,
    endpoints: &[String],
    decision: &dyn Fn(&Edit<'_>, &mut VpcEndpoint) -> Result<(), ServiceError>,
) -> Vec<api::UnsuccessfulItem> {
    unsuccessful(edit, endpoints, |edit, text| {
        let id = parse_id::<VpcEndpoint>(text)?;
        let found = of_service(edit, service.id).find(|(held, _)| held.endpoint == id);
        let (held, endpoint) = found.ok_or_else(|| not_found::<VpcEndpoint>(text))?;
        let mut endpoint = Arc::unwrap_or_clone(endpoint);
        decision(edit, &mut endpoint)?;
        let region = edit.region().clone();
        edit.elsewhere(held.endpoint_owner, region).put(endpoint);
        Ok(())
    })
}

fn wrong_state(endpoint: &VpcEndpoint, now: Timestamp, wanted: &str) -> ServiceError {
    let state = endpoint.state(now);
    let message = format!("The VPC endpoint {} must be {wanted}, and is {state}", endpoint.id);
    ServiceError::new("InvalidState", message)
}

fn check(endpoints: &[String], attachments: Option<&Vec<String>>) -> Result<(), ServiceError> {
    if attachments.is_some_and(|attachments| !attachments.is_empty()) {
        return Err(error::unsupported("Endpoints that transit gateway attachments use are not supported."));
    }
    if endpoints.is_empty() {
        return Err(error::missing("VpcEndpointId"));
    }
    Ok(())
}

/// A connection that was rejected can be accepted after all.
fn accept(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AcceptVpcEndpointConnectionsRequest,
) -> Result<api::AcceptVpcEndpointConnectionsResult, ServiceError> {
    check(&input.vpc_endpoint_ids, input.transit_gateway_attachment_ids.as_ref())?;
    ec2.edit(context, input.dry_run, |edit| {
        let service = named(edit, &input.service_id)?;
        let items = decide(edit, &service, &input.vpc_endpoint_ids, &|edit, endpoint| match endpoint.phase {
            EndpointPhase::PendingAcceptance | EndpointPhase::Rejected => {
                endpoint.phase = EndpointPhase::Present;
                endpoint.done_at = pace::ENDPOINT_CHANGE.done_at(edit);
                Ok(())
            }
            EndpointPhase::Present | EndpointPhase::Deleting => {
                Err(wrong_state(endpoint, edit.now(), "pendingAcceptance or rejected"))
            }
        });
        Ok(api::AcceptVpcEndpointConnectionsResult { unsuccessful: Some(items) })
    })
}

/// A connection that was accepted can be rejected as well.
fn reject(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::RejectVpcEndpointConnectionsRequest,
) -> Result<api::RejectVpcEndpointConnectionsResult, ServiceError> {
    check(&input.vpc_endpoint_ids, input.transit_gateway_attachment_ids.as_ref())?;
    ec2.edit(context, input.dry_run, |edit| {
        let service = named(edit, &input.service_id)?;
        let items = decide(edit, &service, &input.vpc_endpoint_ids, &|edit, endpoint| match endpoint.phase {
            EndpointPhase::PendingAcceptance | EndpointPhase::Present => {
                endpoint.phase = EndpointPhase::Rejected;
                Ok(())
            }
            EndpointPhase::Rejected | EndpointPhase::Deleting => {
                Err(wrong_state(endpoint, edit.now(), "pendingAcceptance or available"))
            }
        });
        Ok(api::RejectVpcEndpointConnectionsResult { unsuccessful: Some(items) })
    })
}

fn shown(
    state: &impl State,
    held: &VpcEndpointConnection,
    endpoint: &VpcEndpoint,
) -> api::VpcEndpointConnection {
    let service = state.find::<VpcEndpointService>(held.service);
    let load_balancers = service.as_ref().map(|service| service.load_balancers.clone());
    let is_gateway = endpoint.kind == VpcEndpointKind::GatewayLoadBalancer;
    let (network, gateway) = if is_gateway { (None, load_balancers) } else { (load_balancers, None) };
    api::VpcEndpointConnection {
        creation_timestamp: Some(held.created_at),
        dns_entries: Some(endpoint::dns_entries(endpoint)),
        gateway_load_balancer_arns: gateway,
        ip_address_type: Some(endpoint.ip_address_type.as_str().to_owned()),
        network_load_balancer_arns: network,
        service_id: Some(held.service.to_string()),
        tags: Some(tag::shown_always(&held.tags)),
        vpc_endpoint_connection_id: Some(held.id.to_string()),
        vpc_endpoint_id: Some(held.endpoint.to_string()),
        vpc_endpoint_owner: Some(held.endpoint_owner.to_string()),
        vpc_endpoint_region: Some(state.region().to_string()),
        vpc_endpoint_state: Some(endpoint.state(state.now()).to_owned()),
        ..Default::default()
    }
}

static FILTERS: Filters<api::VpcEndpointConnection> = Filters {
    tags: None,
    named: &[
        ("ip-address-type", |held| text(&held.ip_address_type)),
        ("service-id", |held| text(&held.service_id)),
        ("vpc-endpoint-id", |held| text(&held.vpc_endpoint_id)),
        ("vpc-endpoint-owner", |held| text(&held.vpc_endpoint_owner)),
        ("vpc-endpoint-region", |held| text(&held.vpc_endpoint_region)),
        ("vpc-endpoint-state", |held| text(&held.vpc_endpoint_state)),
    ],
    absent: &["transit-gateway-attachment-id"],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVpcEndpointConnectionsRequest,
) -> Result<api::DescribeVpcEndpointConnectionsResult, ServiceError> {
    let view = ec2.view(context);
    let mut all: Vec<_> = view
        .all::<VpcEndpointConnection>()
        .filter_map(|held| endpoint_of(&view, &held).map(|endpoint| shown(&view, &held, &endpoint)))
        .collect();
    FILTERS.apply(&mut all, input.filters.as_ref())?;
    let page =
        Page::capped("DescribeVpcEndpointConnections", input.max_results, input.next_token.as_ref(), LIMITS);
    let (all, next_token) =
        page.cut(all, |held| held.vpc_endpoint_connection_id.as_deref().unwrap_or_default())?;
    let answer =
        api::DescribeVpcEndpointConnectionsResult { next_token, vpc_endpoint_connections: Some(all) };
    ec2.answer(input.dry_run, answer)
}

/// Records that an endpoint of the account is to use a service of that owner.
pub(crate) fn connect(
    edit: &mut Edit<'_>,
    owner: AccountId,
    service: VpcEndpointServiceId,
    endpoint: VpcEndpointId,
) {
    let held = VpcEndpointConnection {
        id: edit.new_id(),
        service,
        endpoint,
        endpoint_owner: edit.account(),
        created_at: edit.now(),
        shown_until: None,
        tags: Tags::default(),
    };
    let region = edit.region().clone();
    edit.elsewhere(owner, region).put(held);
}

/// The error for a service that cannot be used.
pub(crate) fn no_such_service(name: &str) -> ServiceError {
    ServiceError::new("InvalidServiceName", format!("The Vpc Endpoint Service '{name}' does not exist"))
}

/// The error for an endpoint whose type its service does not have.
pub(crate) fn wrong_type(wanted: VpcEndpointKind, has: &[VpcEndpointKind]) -> ServiceError {
    let has: Vec<_> = has.iter().map(|kind| kind.as_str()).collect();
    invalid(format!(
        "Endpoint type ({}) does not match available service types ([{}]).",
        wanted.as_str(),
        has.join(", ")
    ))
}
