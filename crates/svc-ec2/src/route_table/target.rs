//! The targets of routes: which of them a request names, and how each is shown.
//!
//! Owns, for each kind of target, what a table may lead to and whether it is there (`active`) or not (`blackhole`).
//! Refuses to know destinations, but for the kinds of target that are for one family alone.

use std::net::Ipv6Addr;
use std::sync::Arc;

use aws_api::ec2 as api;
use ipnet::{IpNet, Ipv6Net};
use service_api::ServiceError;

use super::association::different_networks;
use super::{Destination, RouteTable, RouteTarget};
use crate::egress_only_internet_gateway::EgressOnlyInternetGateway;
use crate::error;
use crate::instance::Instance;
use crate::instance::lifecycle::InstanceState;
use crate::internet_gateway::InternetGateway;
use crate::nat_gateway::{NatGateway, NatGatewayState};
use crate::network_interface::{self, NetworkInterface};
use crate::prefix_list::AddressFamily;
use crate::state::{Edit, Resource, State, parse_id};
use crate::transit_gateway::{self, TransitGateway};
use crate::vpc_endpoint::{self, EndpointPhase, VpcEndpoint, VpcEndpointKind};
use crate::vpc_peering_connection::VpcPeeringConnection;
use crate::vpn_gateway::{self, VpnGateway};

/// The targets that a request names, each with the name of its parameter.
macro_rules! targets {
    ($input:ident) => {
        [
            ("carrierGatewayId", &$input.carrier_gateway_id),
            ("coreNetworkArn", &$input.core_network_arn),
            ("egressOnlyInternetGatewayId", &$input.egress_only_internet_gateway_id),
            ("gatewayId", &$input.gateway_id),
            ("instanceId", &$input.instance_id),
            ("localGatewayId", &$input.local_gateway_id),
            ("natGatewayId", &$input.nat_gateway_id),
            ("networkInterfaceId", &$input.network_interface_id),
            ("odbNetworkArn", &$input.odb_network_arn),
            ("transitGatewayId", &$input.transit_gateway_id),
            ("vpcEndpointId", &$input.vpc_endpoint_id),
            ("vpcPeeringConnectionId", &$input.vpc_peering_connection_id),
        ]
    };
}
pub(super) use targets;

/// The one target that a request names.
pub(super) fn only<'a, const N: usize>(
    targets: [(&'static str, &'a Option<String>); N],
) -> Result<Option<(&'static str, &'a str)>, ServiceError> {
    let mut named = targets.into_iter().filter_map(|(name, id)| Some((name, id.as_deref()?)));
    let first = named.next();
    match (first, named.next()) {
        (Some((one, _)), Some((other, _))) => {
            Err(error::combination(format!("The parameter {one} cannot be used with the parameter {other}")))
        }
        _ => Ok(first),
    }
}

pub(super) fn no_target() -> ServiceError {
    error::missing(
        "gatewayId, egressOnlyInternetGatewayId, instanceId, natGatewayId, networkInterfaceId, transitGatewayId, \
         vpcEndpointId or vpcPeeringConnectionId",
    )
}

/// The internet gateway that a request names as one of several kinds of gateways, whose code for unknown ids it has.
pub(super) fn gateway_named(edit: &Edit<'_>, text: &str) -> Result<Arc<InternetGateway>, ServiceError> {
    edit.named::<InternetGateway>(text)
        .map_err(|error| as_of_any_kind(error, InternetGateway::NAMING.not_found, text))
}

/// The error for a gateway whose kind only its id tells.
fn as_of_any_kind(error: ServiceError, not_found: &str, id: &str) -> ServiceError {
    if error.code != not_found {
        return error;
    }
    let message = format!("The gateway ID '{id}' does not exist");
    ServiceError::new(EgressOnlyInternetGateway::NAMING.not_found, message)
}

/// Where IPv6 addresses stand for IPv4 ones (NAT64), which a NAT gateway reaches.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-nat64-dns64.html>
const NAT64: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// The NAT gateway that a request names: one that is there, or is being made.
fn nat_gateway_named(
    edit: &Edit<'_>,
    table: &RouteTable,
    destination: Destination,
    id: &str,
) -> Result<RouteTarget, ServiceError> {
    let unknown = || {
        let message = format!("The natGateway ID '{id}' does not exist");
        ServiceError::new("InvalidNatGatewayID.NotFound", message)
    };
    let gateway = match edit.named::<NatGateway>(id) {
        Ok(gateway) => gateway,
        Err(error) if error.code == NatGateway::NAMING.not_found => return Err(unknown()),
        Err(error) => return Err(error),
    };
    match gateway.state(edit.now()) {
        NatGatewayState::Pending | NatGatewayState::Available => {}
        NatGatewayState::Failed | NatGatewayState::Deleting | NatGatewayState::Deleted => {
            return Err(unknown());
        }
    }
    if gateway.vpc != table.vpc {
        return Err(different_networks(table, &format!("NAT gateway {id}")));
    }
    let is_beyond = |block: &IpNet| matches!(block, IpNet::V6(block) if !NAT64.contains(block));
    if destination.blocks(edit).iter().any(is_beyond) {
        return Err(error::invalid_value(format!(
            "The destination CIDR block {destination} cannot be routed to a NAT gateway, which of IPv6 takes only \
             {NAT64}."
        )));
    }
    Ok(RouteTarget::NatGateway(gateway.id))
}

/// The target that a request names, in the VPC of the table.
pub(super) fn named(
    edit: &Edit<'_>,
    table: &RouteTable,
    destination: Destination,
    (parameter, id): (&'static str, &str),
) -> Result<RouteTarget, ServiceError> {
    let through = |interface: &NetworkInterface| {
        if interface.vpc == table.vpc {
            Ok(RouteTarget::NetworkInterface(interface.id))
        } else {
            Err(different_networks(table, &format!("interface {}", interface.id)))
        }
    };
    match parameter {
        "gatewayId" if id.starts_with("vgw-") => {
            let gateway = vpn_gateway::available(edit, id)
                .map_err(|error| as_of_any_kind(error, VpnGateway::NAMING.not_found, id))?;
            if !gateway.is_attached_to(table.vpc, edit.now()) {
                return Err(different_networks(table, &format!("network gateway {}", gateway.id)));
            }
            Ok(RouteTarget::VpnGateway(gateway.id))
        }
        "gatewayId" => {
            let gateway = gateway_named(edit, id)?;
            if gateway.attachment != Some(table.vpc) {
                return Err(different_networks(table, &format!("network gateway {}", gateway.id)));
            }
            Ok(RouteTarget::InternetGateway(gateway.id))
        }
        "egressOnlyInternetGatewayId" => {
            let gateway = edit.named::<EgressOnlyInternetGateway>(id)?;
            if gateway.vpc != table.vpc {
                return Err(different_networks(table, &format!("network gateway {}", gateway.id)));
            }
            if destination.family(edit) == AddressFamily::Ipv4 {
                return Err(error::invalid_value(format!(
                    "The destination CIDR block {destination} cannot be routed to an egress-only internet gateway, \
                     which is for IPv6 only."
                )));
            }
            Ok(RouteTarget::EgressOnlyInternetGateway(gateway.id))
        }
        "natGatewayId" => nat_gateway_named(edit, table, destination, id),
        "instanceId" => through(&network_interface::only_one_of(edit, &*edit.named::<Instance>(id)?)?),
        "networkInterfaceId" => through(&*edit.named::<NetworkInterface>(id)?),
        "vpcPeeringConnectionId" => peering_connection(edit, table, id),
        "vpcEndpointId" => {
            let endpoint = vpc_endpoint::named(edit, id)?;
            if endpoint.vpc != table.vpc {
                return Err(different_networks(table, &format!("VPC endpoint {}", endpoint.id)));
            }
            if endpoint.kind != VpcEndpointKind::GatewayLoadBalancer {
                return Err(error::invalid_value(format!(
                    "VPC endpoint {} is not a Gateway Load Balancer endpoint, and routes cannot target it.",
                    endpoint.id
                )));
            }
            Ok(RouteTarget::VpcEndpoint(endpoint.id))
        }
        "transitGatewayId" => {
            let gateway = parse_id::<TransitGateway>(id)?;
            // AWS knows the gateway from a table once the table's VPC is attached to it.
            if !transit_gateway::attachment::carries(edit, gateway, table.vpc) {
                let message = format!("The transitGateway ID '{id}' does not exist");
                return Err(ServiceError::new(TransitGateway::NAMING.not_found, message));
            }
            Ok(RouteTarget::TransitGateway(gateway))
        }
        other => Err(error::unsupported(format!("Routes with {other} are not supported."))),
    }
}

/// The peering connection that a request names. One that is not accepted yet can have routes, which are blackholes.
/// <https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-routing.html>
fn peering_connection(edit: &Edit<'_>, table: &RouteTable, id: &str) -> Result<RouteTarget, ServiceError> {
    let connection = edit.named::<VpcPeeringConnection>(id)?;
    if connection.peer_of(table.vpc).is_none() {
        return Err(different_networks(table, &format!("vpc peering connection {id}")));
    }
    let state = connection.state(edit.now());
    if !state.is_live() {
        let state = state.as_str();
        return Err(error::invalid_value(format!(
            "The vpcPeeringConnection '{id}' is in the state {state}."
        )));
    }
    Ok(RouteTarget::VpcPeeringConnection(connection.id))
}

/// A route as answers have it: the target's members are set, and it is a blackhole where the target is not there.
/// `unset` has the rest.
pub(super) fn shown(
    state: &impl State,
    table: &RouteTable,
    target: &RouteTarget,
    unset: api::Route,
) -> api::Route {
    let shown = |is_active: bool| api::Route {
        state: Some(if is_active { "active" } else { "blackhole" }.to_owned()),
        ..unset.clone()
    };
    match *target {
        RouteTarget::InternetGateway(id) => {
            let gateway = state.find::<InternetGateway>(id);
            let is_active = gateway.is_some_and(|gateway| gateway.attachment == Some(table.vpc));
            api::Route { gateway_id: Some(id.to_string()), ..shown(is_active) }
        }
        RouteTarget::EgressOnlyInternetGateway(id) => api::Route {
            egress_only_internet_gateway_id: Some(id.to_string()),
            ..shown(state.find::<EgressOnlyInternetGateway>(id).is_some())
        },
        RouteTarget::VpcPeeringConnection(id) => {
            let connection = state.find::<VpcPeeringConnection>(id);
            let is_active = connection.is_some_and(|connection| connection.is_active(state.now()));
            api::Route { vpc_peering_connection_id: Some(id.to_string()), ..shown(is_active) }
        }
        RouteTarget::VpnGateway(id) => {
            let gateway = state.find::<VpnGateway>(id);
            let is_active = gateway.is_some_and(|gateway| gateway.is_attached_to(table.vpc, state.now()));
            api::Route { gateway_id: Some(id.to_string()), ..shown(is_active) }
        }
        RouteTarget::VpcEndpoint(id) => {
            let endpoint = state.find::<VpcEndpoint>(id);
            let is_active = endpoint.is_some_and(|endpoint| endpoint.phase == EndpointPhase::Present);
            api::Route { gateway_id: Some(id.to_string()), ..shown(is_active) }
        }
        RouteTarget::TransitGateway(id) => api::Route {
            transit_gateway_id: Some(id.to_string()),
            ..shown(transit_gateway::attachment::carries(state, id, table.vpc))
        },
        RouteTarget::NatGateway(id) => {
            let gateway = state.find::<NatGateway>(id);
            let is_active = gateway.is_some_and(|gateway| gateway.is_there(state.now()));
            api::Route { nat_gateway_id: Some(id.to_string()), ..shown(is_active) }
        }
        RouteTarget::NetworkInterface(id) => {
            let interface = state.find::<NetworkInterface>(id);
            // Packets end when an attachment begins to.
            let attachment = interface.as_ref().and_then(|interface| interface.attachment.as_ref());
            let attachment = attachment.filter(|attachment| !attachment.is_detaching());
            let instance = attachment.and_then(|attachment| state.find::<Instance>(attachment.instance));
            let is_active = instance.as_ref().is_some_and(|instance| {
                matches!(instance.state, InstanceState::Pending | InstanceState::Running)
            });
            api::Route {
                instance_id: instance.as_ref().map(|instance| instance.id.to_string()),
                instance_owner_id: instance.map(|_| state.account().to_string()),
                network_interface_id: Some(id.to_string()),
                ..shown(is_active)
            }
        }
    }
}
