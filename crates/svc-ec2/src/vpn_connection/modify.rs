//! Changes of VPN connections: ModifyVpnConnection, ModifyVpnConnectionOptions, ModifyVpnTunnelOptions.
//!
//! Owns which changes there can be. Refuses to know the values of a tunnel's options.
//! <https://docs.aws.amazon.com/vpn/latest/s2svpn/modify-vpn-target.html>

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::tunnel::{self, VpnTunnelSettings};
use super::{VpnConnection, available, check_room, selector, shown, transit_gateway};
use crate::progress::{Change, Progress};
use crate::state::{Edit, State};
use crate::{Ec2, customer_gateway, error, pace, vpn_gateway};

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

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyVpnConnectionRequest,
) -> Result<api::ModifyVpnConnectionResult, ServiceError> {
    if input.transit_gateway_id.is_some() {
        return Err(transit_gateway());
    }
    ec2.edit(context, input.dry_run, |edit| {
        let mut connection = available(edit, &input.vpn_connection_id)?;
        match (&input.customer_gateway_id, &input.vpn_gateway_id) {
            (Some(customer), None) => {
                connection.customer_gateway = customer_gateway::available(edit, customer)?.id;
            }
            (None, Some(gateway)) => {
                let gateway = vpn_gateway::available(edit, gateway)?.id;
                if gateway != connection.vpn_gateway {
                    check_room(edit, gateway)?;
                }
                let others = tunnel::of_gateway(edit, gateway, connection.id);
                if connection.tunnels.iter().any(|tunnel| others.contains(&tunnel.inside)) {
                    return Err(error::invalid_value(format!(
                        "The virtual private gateway {gateway} has a tunnel with the same inside CIDR block."
                    )));
                }
                connection.vpn_gateway = gateway;
            }
            (Some(_), Some(_)) => {
                return Err(error::combination(
                    "The parameter customerGatewayId cannot be used with the parameter vpnGatewayId",
                ));
            }
            (None, None) => return Err(error::missing_either("customerGatewayId", "vpnGatewayId")),
        }
        let now = edit.now();
        let is_same = |held: &VpnConnection| {
            held.id != connection.id
                && !held.is_deleted(now)
                && (held.customer_gateway, held.vpn_gateway)
                    == (connection.customer_gateway, connection.vpn_gateway)
        };
        if let Some(same) = edit.all::<VpnConnection>().find(|held| is_same(held)) {
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
            "IPv6 and the bandwidth of tunnels cannot be changed for a VPN connection on a virtual private gateway.",
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
            let mut taken = tunnel::of_gateway(edit, connection.vpn_gateway, connection.id);
            let others = connection.tunnels.iter().enumerate().filter(|(other, _)| *other != place);
            taken.extend(others.map(|(_, tunnel)| tunnel.inside));
            tunnel::check_free(inside, &taken)?;
        }
        connection.tunnels[place].change(settings);
        Ok(api::ModifyVpnTunnelOptionsResult { vpn_connection: Some(begin(edit, connection)) })
    })
}
