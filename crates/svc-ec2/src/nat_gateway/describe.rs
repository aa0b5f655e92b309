//! DescribeNatGateways, and how gateways are shown.

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::{AddressChange, Connectivity, NatGateway, NatGatewayAddress, NatGatewayState};
use crate::Ec2;
use crate::filter::{Filters, text};
use crate::page::Page;
use crate::state::State;
use crate::tag;

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::DescribeNatGateways>(describe)
}

/// An address of a gateway as answers have it.
pub(super) fn shown_address(
    state: &impl State,
    gateway: &NatGateway,
    address: &NatGatewayAddress,
) -> api::NatGatewayAddress {
    let now = state.now();
    let (adding, removing) = match gateway.connectivity {
        Connectivity::Public => ("associating", "disassociating"),
        Connectivity::Private => ("assigning", "unassigning"),
    };
    let failure = gateway.failure.as_ref().filter(|_| now >= gateway.ready_at);
    let status = match address.change {
        AddressChange::Removed(_) => removing,
        AddressChange::Added(done_at) if now < done_at => adding,
        AddressChange::Added(_) if failure.is_some() => "failed",
        AddressChange::Added(_) => "succeeded",
    };
    let association = address.elastic.and_then(|elastic| elastic.association);
    api::NatGatewayAddress {
        allocation_id: address.elastic.map(|elastic| elastic.allocation.to_string()),
        association_id: association.map(|id| id.to_string()),
        failure_message: failure.map(|failure| failure.message.clone()),
        is_primary: Some(gateway.addresses.first() == Some(address)),
        network_interface_id: gateway.interface.map(|id| id.to_string()),
        private_ip: address.private.map(|address| address.to_string()),
        public_ip: address.elastic.filter(|_| association.is_some()).map(|held| held.address.to_string()),
        status: Some(status.to_owned()),
        ..Default::default()
    }
}

/// A gateway as answers have it.
pub(super) fn shown(state: &impl State, gateway: &NatGateway) -> api::NatGateway {
    let now = state.now();
    let failure = gateway.failure.as_ref().filter(|_| now >= gateway.ready_at);
    let asked_at = gateway.deletion.as_ref().map(|deletion| deletion.asked_at);
    let connectivity = match gateway.connectivity {
        Connectivity::Public => "public",
        Connectivity::Private => "private",
    };
    let addresses = gateway.addresses.iter().filter(|address| !address.is_gone(now));
    api::NatGateway {
        availability_mode: Some("zonal".to_owned()),
        connectivity_type: Some(connectivity.to_owned()),
        create_time: Some(gateway.created_at),
        delete_time: asked_at.or(failure.map(|_| gateway.ready_at)),
        failure_code: failure.map(|failure| failure.code.clone()),
        failure_message: failure.map(|failure| failure.message.clone()),
        nat_gateway_addresses: Some(
            addresses.map(|address| shown_address(state, gateway, address)).collect(),
        ),
        nat_gateway_id: Some(gateway.id.to_string()),
        state: Some(NatGatewayState::as_str(gateway.state(now)).to_owned()),
        subnet_id: Some(gateway.subnet.to_string()),
        tags: tag::shown(&gateway.tags),
        vpc_id: Some(gateway.vpc.to_string()),
        ..Default::default()
    }
}

static FILTERS: Filters<api::NatGateway> = Filters {
    tags: Some(|gateway| gateway.tags.as_deref().unwrap_or_default()),
    named: &[
        ("nat-gateway-id", |gateway| text(&gateway.nat_gateway_id)),
        ("state", |gateway| text(&gateway.state)),
        ("subnet-id", |gateway| text(&gateway.subnet_id)),
        ("vpc-id", |gateway| text(&gateway.vpc_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeNatGatewaysRequest,
) -> Result<api::DescribeNatGatewaysResult, ServiceError> {
    let view = ec2.view(context);
    let page = Page::new("DescribeNatGateways", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filter.as_ref());
    let (gateways, next_token) =
        page.of(&view, input.nat_gateway_ids.as_ref(), wanted, |gateway: &NatGateway| shown(&view, gateway))?;
    ec2.answer(input.dry_run, api::DescribeNatGatewaysResult { nat_gateways: Some(gateways), next_token })
}
