//! Routes that a virtual private gateway brings into a table: EnableVgwRoutePropagation, DisableVgwRoutePropagation.
//!
//! Owns which gateways a table listens to. The routes are in no record: they follow from the gateway's connections.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/WorkWithRouteTables.html#EnableDisableRouteProp>

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::VpnGatewayId;
use ipnet::IpNet;
use service_api::{Operations, RequestContext, ServiceError};

use super::RouteTable;
use crate::state::{Edit, State};
use crate::vpn_connection::route::vpn_gateway_blocks;
use crate::vpn_gateway::VpnGateway;
use crate::{Ec2, vpn_gateway};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::DisableVgwRoutePropagation>(disable).with::<op::EnableVgwRoutePropagation>(enable)
}

/// Ends all propagation from a gateway, which is detached.
pub(crate) fn end(edit: &mut Edit<'_>, gateway: VpnGatewayId) {
    let tables: Vec<_> =
        edit.all::<RouteTable>().filter(|table| table.propagating.contains(&gateway)).collect();
    for table in tables {
        let mut table = RouteTable::clone(&table);
        table.propagating.retain(|held| *held != gateway);
        edit.put(table);
    }
}

/// The blocks that the gateways of a table lead to, in order, and by which gateway. Routes of the table's own and the
/// local ones are preferred.
pub(super) fn routes(state: &impl State, table: &RouteTable) -> Vec<(IpNet, VpnGatewayId)> {
    let mut routes = Vec::new();
    for &id in &table.propagating {
        let gateway = state.find::<VpnGateway>(id);
        if gateway.is_some_and(|gateway| gateway.is_attached_to(table.vpc, state.now())) {
            let blocks = vpn_gateway_blocks(state.reader(), state.scope(), id, state.now());
            routes.extend(blocks.into_iter().map(|block| (IpNet::V4(block), id)));
        }
    }
    routes
}

/// The same request again is no change.
fn enable(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::EnableVgwRoutePropagationRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let mut table = RouteTable::clone(&*edit.named::<RouteTable>(&input.route_table_id)?);
        let gateway = vpn_gateway::available(edit, &input.gateway_id)?;
        if !gateway.is_attached_to(table.vpc, edit.now()) {
            let message = format!("resource {} is not attached to network {}", gateway.id, table.vpc);
            return Err(ServiceError::new("Gateway.NotAttached", message));
        }
        if !table.propagating.contains(&gateway.id) {
            table.propagating.push(gateway.id);
            edit.put(table);
        }
        Ok(Unit)
    })
}

/// Where nothing is propagated, nothing changes.
fn disable(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DisableVgwRoutePropagationRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let mut table = RouteTable::clone(&*edit.named::<RouteTable>(&input.route_table_id)?);
        let gateway = vpn_gateway::available(edit, &input.gateway_id)?;
        if table.propagating.contains(&gateway.id) {
            table.propagating.retain(|held| *held != gateway.id);
            edit.put(table);
        }
        Ok(Unit)
    })
}
