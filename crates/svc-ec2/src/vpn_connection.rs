//! Site-to-Site VPN connections: CreateVpnConnection, DeleteVpnConnection, DescribeVpnConnections, their options, tunnels
//! and static routes.
//!
//! Owns the record. Refuses to know what passes a tunnel: no engine brings one up yet.
//! <https://docs.aws.amazon.com/vpn/latest/s2svpn/how_it_works.html>

mod configuration;
mod device;
mod modify;
pub(crate) mod route;
mod tunnel;

use std::sync::Arc;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::{CustomerGatewayId, Tags, Timestamp, TransitGatewayId, VpnConnectionId, VpnGatewayId};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use crate::customer_gateway::{self, CustomerGateway, IPSEC};
use crate::elastic_ip::pool;
use crate::filter::{Filters, each, flag, text};
use crate::progress::{self, Change, Progress};
use crate::state::{Edit, Naming, State, not_found, resource};
use crate::transit_gateway::{TransitGateway, vpn_attachment};
use crate::vpn_gateway::{self, VpnGateway};
use crate::{Ec2, cidr, error, pace, quota, tag};

pub use route::VpnConnectionRoute;
pub use tunnel::{VpnTunnel, VpnTunnelSettings};

/// How many tunnels a connection has.
const TUNNELS: usize = 2;

/// The end of a connection at AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TargetGateway {
    /// A virtual private gateway. Older builds knew no other end, and wrote its id alone.
    VpnGateway(VpnGatewayId),
    /// A transit gateway, which has an attachment of the connection.
    TransitGateway(TransitGatewayId),
}

/// A VPN connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VpnConnection {
    /// Its id.
    pub id: VpnConnectionId,
    /// Its end at the customer's.
    pub customer_gateway: CustomerGatewayId,
    /// Its end at AWS.
    #[serde(rename = "vpn_gateway")]
    pub gateway: TargetGateway,
    /// Whether its tunnels begin near the customer. It may with a transit gateway.
    #[serde(default)]
    pub acceleration: bool,
    /// Whether its routes are told rather than learnt.
    pub static_routes_only: bool,
    /// The customer's addresses that may pass.
    pub local_cidr: Ipv4Net,
    /// The VPC's addresses that may pass.
    pub remote_cidr: Ipv4Net,
    /// Its tunnels.
    pub tunnels: Vec<VpnTunnel>,
    /// Its static routes.
    pub routes: Vec<VpnConnectionRoute>,
    /// What happens to it, or happened last.
    #[serde(flatten)]
    pub progress: Progress,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    VpnConnection,
    VpnConnectionId,
    "ec2.vpn-connection" of vpn_gateway,
    Naming {
        resource_type: "vpn-connection",
        noun: "vpnConnection",
        not_found: "InvalidVpnConnectionID.NotFound",
        malformed: "InvalidVpnConnectionId.Malformed",
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.progress.ends_at()
    }
);

impl VpnConnection {
    /// The virtual private gateway that is its end at AWS, if that is one.
    pub fn vpn_gateway(&self) -> Option<VpnGatewayId> {
        match self.gateway {
            TargetGateway::VpnGateway(gateway) => Some(gateway),
            TargetGateway::TransitGateway(_) => None,
        }
    }

    fn state(&self, now: Timestamp) -> &'static str {
        self.progress.state(now)
    }

    /// Whether it is gone, and only shown.
    pub(crate) fn is_deleted(&self, now: Timestamp) -> bool {
        self.progress.is_gone(now)
    }

    fn is_ending(&self) -> bool {
        self.progress.is_ended()
    }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table
        .with::<op::CreateVpnConnection>(create)
        .with::<op::DeleteVpnConnection>(delete)
        .with::<op::DescribeVpnConnections>(describe);
    [device::operations, modify::operations, route::operations]
        .into_iter()
        .fold(table, |table, add| add(table))
}

/// A connection to be changed, which has to be available.
fn available(edit: &Edit<'_>, id: &str) -> Result<VpnConnection, ServiceError> {
    let connection = edit.named::<VpnConnection>(id)?;
    if connection.is_deleted(edit.now()) {
        return Err(not_found::<VpnConnection>(id));
    }
    match connection.state(edit.now()) {
        "available" => Ok(VpnConnection::clone(&connection)),
        state => {
            let message = format!("The VPN connection {id} is not available: its state is {state}.");
            Err(ServiceError::new("IncorrectState", message))
        }
    }
}

/// Checks that a gateway can have one more connection.
fn check_room(edit: &Edit<'_>, gateway: VpnGatewayId) -> Result<(), ServiceError> {
    let now = edit.now();
    let is_there =
        |held: &VpnConnection| held.gateway == TargetGateway::VpnGateway(gateway) && !held.is_deleted(now);
    let count = edit.all::<VpnConnection>().filter(|held| is_there(held)).count();
    quota::VPN_CONNECTIONS_PER_GATEWAY.check(edit, count + 1)
}

/// Reads a block that may pass; all may where there is none.
fn selector(text: Option<&String>, parameter: &str) -> Result<Ipv4Net, ServiceError> {
    let Some(text) = text else { return Ok(Ipv4Net::default()) };
    cidr::parse_v4(text)
        .ok_or_else(|| error::invalid_value_for(text, parameter, "This is not a valid CIDR block."))
}

/// Refuses what only connections of transit gateways have; and of that what there is not, for such connections.
fn check_options(
    options: &api::VpnConnectionOptionsSpecification,
    is_transit: bool,
) -> Result<(), ServiceError> {
    let is_other = |value: &Option<String>, usual: &str| value.as_deref().is_some_and(|value| value != usual);
    let refused = [
        ("EnableAcceleration", options.enable_acceleration == Some(true) && !is_transit),
        ("TunnelInsideIpVersion", is_other(&options.tunnel_inside_ip_version, "ipv4")),
        ("LocalIpv6NetworkCidr", options.local_ipv6_network_cidr.is_some()),
        ("RemoteIpv6NetworkCidr", options.remote_ipv6_network_cidr.is_some()),
        ("OutsideIpAddressType", is_other(&options.outside_ip_address_type, "PublicIpv4")),
        ("TransportTransitGatewayAttachmentId", options.transport_transit_gateway_attachment_id.is_some()),
        ("TunnelBandwidth", is_other(&options.tunnel_bandwidth, "standard")),
    ];
    match refused.into_iter().find(|(_, is_refused)| *is_refused) {
        Some((name, _)) if is_transit => {
            Err(error::unsupported(format!("This value of {name} is not supported.")))
        }
        Some((name, _)) => Err(error::combination(format!(
            "{name} cannot be given so for a VPN connection on a virtual private gateway."
        ))),
        None => Ok(()),
    }
}

/// The gateway that a request names as one of two kinds; one of them is given.
fn target(
    edit: &Edit<'_>,
    virtual_private: Option<&String>,
    transit: Option<&String>,
) -> Result<TargetGateway, ServiceError> {
    match (virtual_private, transit) {
        (_, Some(id)) => {
            Ok(TargetGateway::TransitGateway(progress::available::<TransitGateway>(edit, id)?.id))
        }
        (Some(id), None) => Ok(TargetGateway::VpnGateway(vpn_gateway::available(edit, id)?.id)),
        (None, None) => Err(error::missing_either("vpnGatewayId", "transitGatewayId")),
    }
}

/// The connection that is between two gateways, if it is a virtual private gateway: there is one at most, beside those that
/// are about to go.
fn between(
    edit: &Edit<'_>,
    customer: CustomerGatewayId,
    gateway: TargetGateway,
) -> Option<Arc<VpnConnection>> {
    let is_it = |held: &Arc<VpnConnection>| {
        (held.customer_gateway, held.gateway) == (customer, gateway) && !held.is_ending()
    };
    match gateway {
        TargetGateway::VpnGateway(_) => edit.all::<VpnConnection>().find(is_it),
        TargetGateway::TransitGateway(_) => None,
    }
}

/// Checks that tunnels to a customer gateway can have the keys that were chosen for them.
///
/// # Errors
/// `InvalidParameterCombination` for a key with a gateway that has no address.
fn check_keys<'a>(
    customer: &CustomerGateway,
    mut settings: impl Iterator<Item = &'a VpnTunnelSettings>,
) -> Result<(), ServiceError> {
    if customer.address.is_none() && settings.any(|held| held.pre_shared_key.is_some()) {
        return Err(error::combination(
            "A pre-shared key cannot be used with a customer gateway that has no IP address.",
        ));
    }
    Ok(())
}

/// Gives a connection its place on a gateway that it was not on. Its record is written after.
fn join(edit: &mut Edit<'_>, connection: &VpnConnection) -> Result<(), ServiceError> {
    match connection.gateway {
        TargetGateway::VpnGateway(gateway) => check_room(edit, gateway),
        TargetGateway::TransitGateway(gateway) => {
            let gateway = edit.held::<TransitGateway>(gateway)?;
            vpn_attachment::attach(edit, &gateway, connection.id, connection.progress.done_at)
        }
    }
}

/// A second request for the same customer gateway and virtual private gateway finds the connection that is there. To a
/// transit gateway there can be several, which share the load.
fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateVpnConnectionRequest,
) -> Result<api::CreateVpnConnectionResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "vpn-connection")?;
    customer_gateway::check_type(&input.r#type)?;
    match (&input.vpn_gateway_id, &input.transit_gateway_id) {
        (Some(_), Some(_)) => {
            return Err(error::combination(
                "The parameter vpnGatewayId cannot be used with the parameter transitGatewayId",
            ));
        }
        (None, None) if input.vpn_concentrator_id.is_some() => {
            return Err(error::unsupported("VPN concentrators are not supported."));
        }
        (None, None) => {
            return Err(error::unsupported("VPN connections without a gateway are not supported."));
        }
        (Some(_), None) | (None, Some(_)) => {}
    }
    if input.pre_shared_key_storage.as_deref().is_some_and(|storage| storage != "Standard") {
        return Err(error::unsupported("Pre-shared keys are stored with the connection alone."));
    }
    let options = input.options.unwrap_or_default();
    check_options(&options, input.transit_gateway_id.is_some())?;
    let local_cidr = selector(options.local_ipv4_network_cidr.as_ref(), "localIpv4NetworkCidr")?;
    let remote_cidr = selector(options.remote_ipv4_network_cidr.as_ref(), "remoteIpv4NetworkCidr")?;
    let wanted = options.tunnel_options.unwrap_or_default();
    if wanted.len() > TUNNELS {
        return Err(error::invalid_value("A VPN connection has two tunnels."));
    }
    let settings = wanted.iter().map(VpnTunnelSettings::created).collect::<Result<Vec<_>, _>>()?;
    let static_routes_only = options.static_routes_only.unwrap_or(false);
    ec2.edit(context, input.dry_run, |edit| {
        let customer = customer_gateway::available(edit, &input.customer_gateway_id)?;
        let gateway = target(edit, input.vpn_gateway_id.as_ref(), input.transit_gateway_id.as_ref())?;
        let now = edit.now();
        if let Some(same) = between(edit, customer.id, gateway) {
            if same.static_routes_only != static_routes_only {
                return Err(error::invalid_value(format!(
                    "The VPN connection {} is between these gateways already, with other options.",
                    same.id
                )));
            }
            return Ok(api::CreateVpnConnectionResult { vpn_connection: Some(shown(edit, &same)) });
        }
        let count = edit.all::<VpnConnection>().filter(|held| !held.is_deleted(now)).count();
        quota::VPN_CONNECTIONS_PER_REGION.check(edit, count + 1)?;
        check_keys(&customer, settings.iter())?;
        let tunnels = tunnel::make(edit, gateway, settings)?;
        let connection = VpnConnection {
            id: edit.new_id(),
            customer_gateway: customer.id,
            gateway,
            acceleration: options.enable_acceleration == Some(true),
            static_routes_only,
            local_cidr,
            remote_cidr,
            tunnels,
            routes: Vec::new(),
            progress: Progress::new(Change::Create, pace::VPN_CONNECTION_CREATION.done_at(edit)),
            created_at: now,
            tags,
        };
        join(edit, &connection)?;
        edit.put(connection.clone());
        Ok(api::CreateVpnConnectionResult { vpn_connection: Some(shown(edit, &connection)) })
    })
}

/// Its routes are no longer propagated, and its attachment to a transit gateway ends.
fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteVpnConnectionRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit: &mut Edit<'_>| {
        let held = edit.named::<VpnConnection>(&input.vpn_connection_id)?;
        if held.is_ending() {
            return Err(not_found::<VpnConnection>(held.id));
        }
        let mut connection = VpnConnection::clone(&held);
        for tunnel in &connection.tunnels {
            pool::give_back(edit, tunnel.outside);
        }
        connection.progress = Progress::new(Change::Delete, pace::VPN_CONNECTION_CHANGE.done_at(edit));
        vpn_attachment::detach(edit, connection.id, connection.progress.done_at);
        edit.put(connection);
        Ok(Unit)
    })
}

fn shown_options(connection: &VpnConnection) -> api::VpnConnectionOptions {
    api::VpnConnectionOptions {
        enable_acceleration: Some(connection.acceleration),
        local_ipv4_network_cidr: Some(connection.local_cidr.to_string()),
        outside_ip_address_type: Some("PublicIpv4".to_owned()),
        remote_ipv4_network_cidr: Some(connection.remote_cidr.to_string()),
        static_routes_only: Some(connection.static_routes_only),
        tunnel_inside_ip_version: Some("ipv4".to_owned()),
        tunnel_options: Some(connection.tunnels.iter().map(VpnTunnel::shown).collect()),
        ..Default::default()
    }
}

/// The autonomous system of the gateway at AWS's end.
fn amazon_side_asn(state: &impl State, connection: &VpnConnection) -> Option<i64> {
    match connection.gateway {
        TargetGateway::VpnGateway(id) => {
            state.record::<VpnGateway>(&id.to_string()).map(|gateway| gateway.asn)
        }
        TargetGateway::TransitGateway(id) => {
            let gateway = state.record::<TransitGateway>(&id.to_string());
            gateway.map(|gateway| gateway.options.amazon_side_asn)
        }
    }
}

/// A connection as answers have it. Its tunnels are down, because nothing brings them up yet.
fn shown(state: &impl State, connection: &VpnConnection) -> api::VpnConnection {
    let now = state.now();
    let telemetry = connection.tunnels.iter().map(|tunnel| api::VgwTelemetry {
        accepted_route_count: Some(0),
        last_status_change: Some(connection.created_at),
        outside_ip_address: Some(tunnel.outside.to_string()),
        status: Some("DOWN".to_owned()),
        status_message: Some(String::new()),
        ..Default::default()
    });
    let is_usable = !connection.is_ending();
    let customer = state.record::<CustomerGateway>(&connection.customer_gateway.to_string());
    let (vpn_gateway, transit_gateway) = match connection.gateway {
        TargetGateway::VpnGateway(id) => (Some(id), None),
        TargetGateway::TransitGateway(id) => (None, Some(id)),
    };
    let configuration = match (customer, amazon_side_asn(state, connection)) {
        (Some(customer), Some(asn)) if is_usable => Some(configuration::document(connection, &customer, asn)),
        _ => None,
    };
    api::VpnConnection {
        category: Some("VPN".to_owned()),
        customer_gateway_configuration: configuration,
        customer_gateway_id: Some(connection.customer_gateway.to_string()),
        options: Some(shown_options(connection)),
        routes: Some(connection.routes.iter().filter_map(|route| route.shown(now)).collect()),
        state: Some(connection.state(now).to_owned()),
        tags: tag::shown(&connection.tags),
        r#type: Some(IPSEC.to_owned()),
        vgw_telemetry: Some(telemetry.filter(|_| is_usable).collect()),
        vpn_connection_id: Some(connection.id.to_string()),
        transit_gateway_id: transit_gateway.map(|id| id.to_string()),
        vpn_gateway_id: vpn_gateway.map(|id| id.to_string()),
        ..Default::default()
    }
}

/// A connection, and what only filters look at.
struct Found {
    shown: api::VpnConnection,
    customer_asn: Option<u32>,
}

static FILTERS: Filters<Found> = Filters {
    tags: Some(|found| found.shown.tags.as_deref().unwrap_or_default()),
    named: &[
        ("bgp-asn", |found| found.customer_asn.iter().map(u32::to_string).collect()),
        ("customer-gateway-configuration", |found| text(&found.shown.customer_gateway_configuration)),
        ("customer-gateway-id", |found| text(&found.shown.customer_gateway_id)),
        ("option.static-routes-only", |found| {
            flag(found.shown.options.as_ref().and_then(|options| options.static_routes_only))
        }),
        ("route.destination-cidr-block", |found| {
            each(&found.shown.routes, |route| route.destination_cidr_block.clone())
        }),
        ("state", |found| text(&found.shown.state)),
        ("transit-gateway-id", |found| text(&found.shown.transit_gateway_id)),
        ("type", |found| text(&found.shown.r#type)),
        ("vpn-connection-id", |found| text(&found.shown.vpn_connection_id)),
        ("vpn-gateway-id", |found| text(&found.shown.vpn_gateway_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVpnConnectionsRequest,
) -> Result<api::DescribeVpnConnectionsResult, ServiceError> {
    let view = ec2.view(context);
    let connections = view.selected::<VpnConnection>(input.vpn_connection_ids.as_ref())?;
    let found = |connection: &VpnConnection| Found {
        shown: shown(&view, connection),
        customer_asn: view.find::<CustomerGateway>(connection.customer_gateway).map(|held| held.asn),
    };
    let mut found: Vec<_> = connections.iter().map(|connection| found(connection)).collect();
    FILTERS.apply(&mut found, input.filters.as_ref())?;
    let connections = found.into_iter().map(|found| found.shown).collect();
    ec2.answer(input.dry_run, api::DescribeVpnConnectionsResult { vpn_connections: Some(connections) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_of_an_older_build_is_read() {
        let id = "vgw-00000000000000001";
        let connection = VpnConnection {
            id: "vpn-00000000000000001".parse().unwrap(),
            customer_gateway: "cgw-00000000000000001".parse().unwrap(),
            gateway: TargetGateway::VpnGateway(id.parse().unwrap()),
            acceleration: false,
            static_routes_only: true,
            local_cidr: Ipv4Net::default(),
            remote_cidr: Ipv4Net::default(),
            tunnels: Vec::new(),
            routes: Vec::new(),
            progress: Progress::new(Change::Create, Timestamp::default()),
            created_at: Timestamp::default(),
            tags: Tags::default(),
        };
        let mut json = serde_json::to_value(&connection).unwrap();
        assert_eq!(json["vpn_gateway"], id);
        json.as_object_mut().unwrap().remove("acceleration");
        assert_eq!(serde_json::from_value::<VpnConnection>(json).unwrap(), connection);
        let gateway = TargetGateway::TransitGateway("tgw-00000000000000001".parse().unwrap());
        let json = serde_json::to_value(VpnConnection { gateway, ..connection }).unwrap();
        assert_eq!(serde_json::from_value::<VpnConnection>(json).unwrap().gateway, gateway);
    }
}
