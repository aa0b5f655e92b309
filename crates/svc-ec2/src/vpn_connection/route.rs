//! The static routes of VPN connections: CreateVpnConnectionRoute, DeleteVpnConnectionRoute.
//!
//! Owns which blocks are at the customer's end. Refuses to know the route tables that they are propagated to.
//! <https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-edit-static-routes.html>

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::{Timestamp, VpnGatewayId};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Scope};

use super::{TargetGateway, VpnConnection, available};
use crate::progress::{Change, Progress};
use crate::state::{Edit, State};
use crate::{Ec2, cidr, error, pace};

/// A static route.
///
/// ```text
/// pending ──> available ──delete──> deleting ──> not shown
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpnConnectionRoute {
    /// What is at the customer's end.
    pub destination: Ipv4Net,
    /// Whether it is being made or deleted, and until when.
    #[serde(flatten)]
    pub progress: Progress,
}

impl VpnConnectionRoute {
    /// The route as answers have it, while there is one.
    pub(super) fn shown(&self, now: Timestamp) -> Option<api::VpnStaticRoute> {
        (!self.progress.is_gone(now)).then(|| api::VpnStaticRoute {
            destination_cidr_block: Some(self.destination.to_string()),
            source: Some("Static".to_owned()),
            state: Some(self.progress.state(now).to_owned()),
        })
    }
}

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::CreateVpnConnectionRoute>(create).with::<op::DeleteVpnConnectionRoute>(delete)
}

/// The static routes of a gateway's connections that are not about to go.
fn all_of(
    read: &impl Read,
    scope: &Scope,
    gateway: VpnGatewayId,
) -> impl Iterator<Item = VpnConnectionRoute> {
    let connections = read.parts::<VpnConnection>(scope, &gateway.to_string());
    connections
        .filter(|(_, connection)| !connection.is_ending())
        .flat_map(|(_, connection)| connection.routes.clone())
        .filter(|route| !route.progress.is_ended())
}

/// When the blocks that a gateway's connections lead to change next by themselves.
pub fn vpn_gateway_blocks_change_after(
    read: &impl Read,
    scope: &Scope,
    gateway: VpnGatewayId,
    now: Timestamp,
) -> Option<Timestamp> {
    all_of(read, scope, gateway).filter_map(|route| route.progress.changes_after(now)).min()
}

/// The blocks that a gateway's connections lead to, in order and each once.
pub fn vpn_gateway_blocks(
    read: &impl Read,
    scope: &Scope,
    gateway: VpnGatewayId,
    now: Timestamp,
) -> Vec<Ipv4Net> {
    let mut blocks: Vec<Ipv4Net> = all_of(read, scope, gateway)
        .filter(|route| route.progress.is_done(now))
        .map(|route| route.destination)
        .collect();
    blocks.sort_unstable();
    blocks.dedup();
    blocks
}

fn destination(text: &str) -> Result<Ipv4Net, ServiceError> {
    let why = "This is not a valid CIDR block.";
    cidr::parse_v4(text).ok_or_else(|| error::invalid_value_for(text, "destinationCidrBlock", why))
}

/// The connection that a request is about, without the routes that are gone.
fn connection(edit: &Edit<'_>, id: &str) -> Result<VpnConnection, ServiceError> {
    let mut connection = available(edit, id)?;
    connection.routes.retain(|route| !route.progress.is_gone(edit.now()));
    Ok(connection)
}

/// The same request again is no change.
fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateVpnConnectionRouteRequest,
) -> Result<Unit, ServiceError> {
    let destination = destination(&input.destination_cidr_block)?;
    ec2.edit(context, None, |edit| {
        let mut connection = connection(edit, &input.vpn_connection_id)?;
        if let TargetGateway::TransitGateway(gateway) = connection.gateway {
            return Err(error::invalid_value(format!(
                "The VPN connection {} is on {gateway}: static routes to it are those of the transit gateway's route \
                 tables.",
                connection.id
            )));
        }
        if !connection.static_routes_only {
            return Err(error::invalid_value(format!(
                "The VPN connection {} learns its routes by BGP and cannot have static ones.",
                connection.id
            )));
        }
        if connection.routes.iter().any(|route| route.destination == destination && !route.progress.is_ended()) {
            return Ok(Unit);
        }
        connection.routes.retain(|route| route.destination != destination);
        let progress = Progress::new(Change::Create, pace::VPN_CONNECTION_ROUTE.done_at(edit));
        connection.routes.push(VpnConnectionRoute { destination, progress });
        edit.put(connection);
        Ok(Unit)
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteVpnConnectionRouteRequest,
) -> Result<Unit, ServiceError> {
    let destination = destination(&input.destination_cidr_block)?;
    ec2.edit(context, None, |edit| {
        let mut connection = connection(edit, &input.vpn_connection_id)?;
        let progress = Progress::new(Change::Delete, pace::VPN_CONNECTION_ROUTE.done_at(edit));
        let held = connection
            .routes
            .iter_mut()
            .find(|route| route.destination == destination && !route.progress.is_ended());
        let Some(route) = held else {
            let message = format!("no route to {destination} in VPN connection {}", connection.id);
            return Err(ServiceError::new("InvalidRoute.NotFound", message));
        };
        route.progress = progress;
        edit.put(connection);
        Ok(Unit)
    })
}
