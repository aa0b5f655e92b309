//! Changes of VPN connections: ModifyVpnConnection, ModifyVpnConnectionOptions, ModifyVpnTunnelOptions.
//!
//! Owns which changes there can be. Refuses to know the values of a tunnel's options.
//! <https://docs.aws.amazon.com/vpn/latest/s2svpn/modify-vpn-target.html>

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::tunnel::{self, VpnTunnelSettings};
use super::{TargetGateway, VpnConnection, available, between, check_keys, join, selector, shown, target};
use crate::customer_gateway::{self, CustomerGateway};
use crate::progress::{Change, Progress};
use crate::state::{Edit, State};
use crate::transit_gateway::vpn_attachment;
use crate::{Ec2, error, pace};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::ModifyVpnConnection>(modify)
        .with::<op::ModifyVpnConnectionOptions>(modify_options)
        .with::<op::ModifyVpnTunnelOptions>(modify_tunnel)
}

/// Writes a changed connection, and shows it.
fn begin(edit: &mut Edit<'_>, mut connection: VpnConnection) -> api::VpnConnection {
    connection.progress = Progress::new(Change::Modify, pace::VPN_CONNECTION_CHANGE.done_at(edit));
    edit.put(connection.clone());
    shown(edit, &connection)
}

/// Moves a connection to another gateway. Its static routes have to go before, because a transit gateway has its own.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpnConnection.html>
fn move_to(
    edit: &mut Edit<'_>,
    connection: &mut VpnConnection,
    gateway: TargetGateway,
) -> Result<(), ServiceError> {
    let (id, now) = (connection.id, edit.now());
    let others = tunnel::of_gateway(edit, gateway, id);
    if connection.tunnels.iter().any(|tunnel| others.contains(&tunnel.inside)) {
        return Err(error::invalid_value(
            "The gateway has another VPN connection, with a tunnel of the same inside CIDR block.",
        ));
    }
    match gateway {
        TargetGateway::TransitGateway(_)
            if connection.routes.iter().any(|route| !route.progress.is_gone(now)) =>
        {
            return Err(error::invalid_value(format!(
                "The VPN connection {id} has static routes, which have to be deleted before it is moved to a transit \
                 gateway."
            )));
        }
        TargetGateway::VpnGateway(_) if connection.acceleration => {
            return Err(error::invalid_value(format!(
                "The VPN connection {id} is accelerated and cannot be moved to a virtual private gateway."
            )));
        }
        TargetGateway::TransitGateway(_) | TargetGateway::VpnGateway(_) => {}
    }
    connection.gateway = gateway;
    let done_at = pace::VPN_CONNECTION_CHANGE.done_at(edit);
    connection.progress = Progress::new(Change::Modify, done_at);
    vpn_attachment::detach(edit, id, done_at);
    join(edit, connection)
}

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyVpnConnectionRequest,
) -> Result<api::ModifyVpnConnectionResult, ServiceError> {
    let named = [
        ("customerGatewayId", &input.customer_gateway_id),
        ("transitGatewayId", &input.transit_gateway_id),
        ("vpnGatewayId", &input.vpn_gateway_id),
    ];
    let named: Vec<_> = named.into_iter().filter(|(_, id)| id.is_some()).map(|(name, _)| name).collect();
    match named[..] {
        [_] => {}
        [one, other, ..] => {
            let message = format!("The parameter {one} cannot be used with the parameter {other}");
            return Err(error::combination(message));
        }
        [] => return Err(error::missing("customerGatewayId, transitGatewayId or vpnGatewayId")),
    }
    ec2.edit(context, input.dry_run, |edit| {
        let mut connection = available(edit, &input.vpn_connection_id)?;
        if let Some(customer) = &input.customer_gateway_id {
            let customer = customer_gateway::available(edit, customer)?;
            check_keys(&customer, connection.tunnels.iter().map(|tunnel| &tunnel.settings))?;
            connection.customer_gateway = customer.id;
        } else {
            let gateway = target(edit, input.vpn_gateway_id.as_ref(), input.transit_gateway_id.as_ref())?;
            if gateway != connection.gateway {
                move_to(edit, &mut connection, gateway)?;
            }
        }
        let same = between(edit, connection.customer_gateway, connection.gateway);
        if let Some(same) = same.filter(|same| same.id != connection.id) {
            let message = format!("The VPN connection {} is between these gateways already.", same.id);
            return Err(error::invalid_value(message));
        }
        Ok(api::ModifyVpnConnectionResult { vpn_connection: Some(begin(edit, connection)) })
    })
}

fn modify_options(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyVpnConnectionOptionsRequest,
) -> Result<api::ModifyVpnConnectionOptionsResult, ServiceError> {
    if input.local_ipv6_network_cidr.is_some()
        || input.remote_ipv6_network_cidr.is_some()
        || input.tunnel_bandwidth.is_some()
    {
        return Err(error::combination(
            "IPv6 and the bandwidth of tunnels cannot be changed for a VPN connection with IPv4 tunnels.",
        ));
    }
    let (local, remote) = (input.local_ipv4_network_cidr.as_ref(), input.remote_ipv4_network_cidr.as_ref());
    if local.is_none() && remote.is_none() {
        return Err(error::missing_either("localIpv4NetworkCidr", "remoteIpv4NetworkCidr"));
    }
    let local_cidr = selector(local, "localIpv4NetworkCidr")?;
    let remote_cidr = selector(remote, "remoteIpv4NetworkCidr")?;
    ec2.edit(context, input.dry_run, |edit| {
        let mut connection = available(edit, &input.vpn_connection_id)?;
        if local.is_some() {
            connection.local_cidr = local_cidr;
        }
        if remote.is_some() {
            connection.remote_cidr = remote_cidr;
        }
        Ok(api::ModifyVpnConnectionOptionsResult { vpn_connection: Some(begin(edit, connection)) })
    })
}

fn modify_tunnel(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyVpnTunnelOptionsRequest,
) -> Result<api::ModifyVpnTunnelOptionsResult, ServiceError> {
    if input.skip_tunnel_replacement == Some(true) {
        return Err(error::unsupported("The lifecycle of tunnels cannot be controlled."));
    }
    if input.pre_shared_key_storage.as_deref().is_some_and(|storage| storage != "Standard") {
        return Err(error::unsupported("Pre-shared keys are stored with the connection alone."));
    }
    let settings = VpnTunnelSettings::modified(&input.tunnel_options)?;
    if settings == VpnTunnelSettings::default() {
        return Err(error::missing("tunnelOptions"));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let mut connection = available(edit, &input.vpn_connection_id)?;
        let outside = &input.vpn_tunnel_outside_ip_address;
        let place = connection.tunnels.iter().position(|tunnel| tunnel.outside.to_string() == *outside);
        let place = place.ok_or_else(|| {
            let why = format!("The VPN connection {} has no tunnel with this address.", connection.id);
            error::invalid_value_for(outside, "vpnTunnelOutsideIpAddress", &why)
        })?;
        if let Some(inside) = settings.inside {
            let mut taken = tunnel::of_gateway(edit, connection.gateway, connection.id);
            let others = connection.tunnels.iter().enumerate().filter(|(other, _)| *other != place);
            taken.extend(others.map(|(_, tunnel)| tunnel.inside));
            tunnel::check_free(inside, &taken)?;
        }
        let customer = edit.held::<CustomerGateway>(connection.customer_gateway)?;
        check_keys(&customer, std::iter::once(&settings))?;
        connection.tunnels[place].change(settings)?;
        Ok(api::ModifyVpnTunnelOptionsResult { vpn_connection: Some(begin(edit, connection)) })
    })
}
