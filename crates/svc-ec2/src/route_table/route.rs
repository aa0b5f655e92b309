//! The routes of a table: CreateRoute, ReplaceRoute, DeleteRoute.
//!
//! Owns which destinations and targets a route may have, and whether a target is there (`active`) or not (`blackhole`).
//! Refuses to know which route a packet takes.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/RouteTables.html>

use std::sync::Arc;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::VpcId;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use service_api::{Operations, RequestContext, ServiceError};

use super::association::different_networks;
use super::{Route, RouteTable, RouteTarget};
use crate::egress_only_internet_gateway::EgressOnlyInternetGateway;
use crate::instance::Instance;
use crate::instance::lifecycle::InstanceState;
use crate::internet_gateway::InternetGateway;
use crate::network_interface::{self, NetworkInterface};
use crate::state::{Edit, Resource, State};
use crate::subnet::Subnet;
use crate::vpc::Vpc;
use crate::{Ec2, cidr, error, quota};

/// What `GatewayId` says for the interface of the VPC that has the address.
pub(super) const LOCAL: &str = "local";

/// Link-local addresses and their IPv6 counterpart that services of AWS answer at; they cannot be routed (fact 8).
const RESERVED: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(std::net::Ipv4Addr::new(169, 254, 168, 0), 22)),
    IpNet::V6(Ipv6Net::new_assert(std::net::Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32)),
];

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::CreateRoute>(create).with::<op::DeleteRoute>(delete).with::<op::ReplaceRoute>(replace)
}

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

/// The destination that a request names.
macro_rules! destination {
    ($input:ident) => {
        destination(
            $input.destination_cidr_block.as_ref(),
            $input.destination_ipv6_cidr_block.as_ref(),
            $input.destination_prefix_list_id.as_ref(),
        )
    };
}

/// Reads the one destination that a request has. Host bits are cleared, as AWS does.
fn destination(
    v4: Option<&String>,
    v6: Option<&String>,
    prefix_list: Option<&String>,
) -> Result<IpNet, ServiceError> {
    let invalid =
        |text, parameter| error::invalid_value_for(text, parameter, "This is not a valid CIDR block.");
    match (v4, v6, prefix_list) {
        (Some(text), None, None) => {
            cidr::parse_v4(text).map(IpNet::V4).ok_or_else(|| invalid(text, "destinationCidrBlock"))
        }
        (None, Some(text), None) => {
            cidr::parse_v6(text).map(IpNet::V6).ok_or_else(|| invalid(text, "destinationIpv6CidrBlock"))
        }
        (None, None, Some(_)) => Err(error::unsupported("Routes to prefix lists are not supported.")),
        (None, None, None) => Err(error::missing("destinationCidrBlock or destinationIpv6CidrBlock")),
        _ => Err(error::combination(
            "Only one of destinationCidrBlock, destinationIpv6CidrBlock and destinationPrefixListId can be specified.",
        )),
    }
}

/// The one target that a request names.
fn only<'a, const N: usize>(
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

fn no_target() -> ServiceError {
    error::missing("gatewayId, egressOnlyInternetGatewayId, instanceId or networkInterfaceId")
}

/// The internet gateway that a request names as one of several kinds of gateways, whose code for unknown ids it has.
pub(super) fn gateway_named(edit: &Edit<'_>, text: &str) -> Result<Arc<InternetGateway>, ServiceError> {
    edit.named::<InternetGateway>(text).map_err(|error| {
        if error.code == InternetGateway::NAMING.not_found {
            let message = format!("The gateway ID '{text}' does not exist");
            ServiceError::new(EgressOnlyInternetGateway::NAMING.not_found, message)
        } else {
            error
        }
    })
}

/// Whether a route of a VPC's tables is for addresses of a block that is to be the VPC's.
pub(crate) fn are_in(edit: &Edit<'_>, vpc: VpcId, block: IpNet) -> bool {
    let mut tables = edit.all::<RouteTable>().filter(|table| table.vpc == vpc);
    tables.any(|table| table.routes.iter().any(|route| block.contains(&route.destination)))
}

/// Removes what stands in place of the local routes for a block that is no longer the VPC's, and what leads to its parts.
pub(crate) fn forget_block(edit: &mut Edit<'_>, vpc: VpcId, block: IpNet) {
    let is_inside = |route: &Route| block.contains(&route.destination);
    let tables: Vec<_> = edit
        .all::<RouteTable>()
        .filter(|table| table.vpc == vpc && table.routes.iter().any(is_inside))
        .collect();
    for table in tables {
        let mut table = Arc::unwrap_or_clone(table);
        table.routes.retain(|route| !is_inside(route));
        edit.put(table);
    }
}

/// The target that a request names, in the VPC of the table.
fn target(
    edit: &Edit<'_>,
    table: &RouteTable,
    destination: IpNet,
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
            Err(error::unsupported("Routes to virtual private gateways are not supported."))
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
            if matches!(destination, IpNet::V4(_)) {
                return Err(error::invalid_value(format!(
                    "The destination CIDR block {destination} cannot be routed to an egress-only internet gateway, \
                     which is for IPv6 only."
                )));
            }
            Ok(RouteTarget::EgressOnlyInternetGateway(gateway.id))
        }
        "instanceId" => through(&network_interface::only_one_of(edit, &*edit.named::<Instance>(id)?)?),
        "networkInterfaceId" => through(&*edit.named::<NetworkInterface>(id)?),
        other => Err(error::unsupported(format!("Routes with {other} are not supported."))),
    }
}

/// Checks what a route may be for, given where it leads (facts 7, 8 and 13).
fn check(
    edit: &Edit<'_>,
    table: &RouteTable,
    destination: IpNet,
    target: &RouteTarget,
) -> Result<(), ServiceError> {
    if RESERVED.iter().any(|reserved| reserved.contains(&destination)) {
        return Err(error::invalid_value(format!(
            "The destination CIDR block {destination} is reserved for services of AWS."
        )));
    }
    let vpc = edit.held::<Vpc>(table.vpc)?;
    let is_interface = matches!(target, RouteTarget::NetworkInterface(_));
    if !vpc.all_blocks().any(|block| block.contains(&destination)) {
        return if table.has_gateway() { Err(outside_of_vpc(table, destination)) } else { Ok(()) };
    }
    if !is_interface {
        return Err(error::invalid_value(format!(
            "The destination CIDR block {destination} is equal to or more specific than one of this VPC's CIDR \
             blocks. This route can target only an interface or an instance."
        )));
    }
    if !is_local(edit, table, destination)? && !is_of_subnet(edit, table, destination) {
        return Err(error::invalid_value(format!(
            "The destination CIDR block {destination} is more specific than one of this VPC's CIDR blocks and not \
             the CIDR block of one of its subnets."
        )));
    }
    Ok(())
}

fn is_of_subnet(edit: &Edit<'_>, table: &RouteTable, destination: IpNet) -> bool {
    edit.all::<Subnet>().filter(|subnet| subnet.vpc == table.vpc).any(|subnet| match destination {
        IpNet::V4(block) => subnet.cidr == block,
        IpNet::V6(block) => subnet.ipv6_block() == Some(block),
    })
}

fn outside_of_vpc(table: &RouteTable, destination: IpNet) -> ServiceError {
    error::invalid_value(format!(
        "Route table {} is associated with a gateway, so the destination CIDR block {destination} must be one of the \
         VPC or one of its subnets.",
        table.id
    ))
}

/// Checks that a table may become the one of a gateway: all its routes stay inside the VPC and lead to interfaces
/// (fact 13).
pub(super) fn check_for_gateway(edit: &Edit<'_>, table: &RouteTable) -> Result<(), ServiceError> {
    let vpc = edit.held::<Vpc>(table.vpc)?;
    let outside =
        table.routes.iter().find(|route| !vpc.all_blocks().any(|block| block.contains(&route.destination)));
    match outside {
        Some(route) => Err(outside_of_vpc(table, route.destination)),
        None => Ok(()),
    }
}

fn is_local(edit: &Edit<'_>, table: &RouteTable, destination: IpNet) -> Result<bool, ServiceError> {
    Ok(edit.held::<Vpc>(table.vpc)?.all_blocks().any(|block| block == destination))
}

fn already_exists(destination: IpNet) -> ServiceError {
    ServiceError::new("RouteAlreadyExists", format!("The route identified by {destination} already exists."))
}

/// The same route again is no change; a route to another target needs ReplaceRoute.
fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateRouteRequest,
) -> Result<api::CreateRouteResult, ServiceError> {
    let destination = destination!(input)?;
    let named = only(targets!(input))?.ok_or_else(no_target)?;
    ec2.edit(context, input.dry_run, |edit| {
        let mut table = RouteTable::clone(&*edit.named::<RouteTable>(&input.route_table_id)?);
        let target = target(edit, &table, destination, named)?;
        check(edit, &table, destination, &target)?;
        let answer = api::CreateRouteResult { r#return: Some(true) };
        match table.routes.iter().find(|route| route.destination == destination) {
            Some(held) if held.target == target => return Ok(answer),
            Some(_) => return Err(already_exists(destination)),
            None if is_local(edit, &table, destination)? => return Err(already_exists(destination)),
            None => {}
        }
        let blocks: Vec<IpNet> = edit.held::<Vpc>(table.vpc)?.all_blocks().collect();
        let counts = |route: &&Route| {
            let is_alike = matches!(route.destination, IpNet::V4(_)) == matches!(destination, IpNet::V4(_));
            is_alike && !blocks.contains(&route.destination)
        };
        let count = table.routes.iter().filter(counts).count();
        quota::ROUTES_PER_ROUTE_TABLE.check(edit.config, count + 1)?;
        table.routes.push(Route { destination, target });
        edit.put(table);
        Ok(answer)
    })
}

fn replace(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ReplaceRouteRequest,
) -> Result<Unit, ServiceError> {
    let destination = destination!(input)?;
    let named = only(targets!(input))?;
    let wants_local = input.local_target == Some(true);
    if wants_local && named.is_some() {
        return Err(error::combination("localTarget cannot be used with another target."));
    }
    let wants_local = wants_local || named == Some(("gatewayId", LOCAL));
    ec2.edit(context, input.dry_run, |edit| {
        let mut table = RouteTable::clone(&*edit.named::<RouteTable>(&input.route_table_id)?);
        let held = table.routes.iter().position(|route| route.destination == destination);
        let is_local = is_local(edit, &table, destination)?;
        if held.is_none() && !is_local {
            return Err(error::invalid_value(format!(
                "There is no route defined for '{destination}' in the route table. Use CreateRoute instead."
            )));
        }
        if wants_local {
            if !is_local {
                return Err(error::invalid_value(format!(
                    "The destination CIDR block {destination} is not one of this VPC's CIDR blocks, so its route \
                     cannot target local."
                )));
            }
            table.routes.retain(|route| route.destination != destination);
        } else {
            let target = target(edit, &table, destination, named.ok_or_else(no_target)?)?;
            check(edit, &table, destination, &target)?;
            match held {
                Some(at) => table.routes[at].target = target,
                None => table.routes.push(Route { destination, target }),
            }
        }
        edit.put(table);
        Ok(Unit)
    })
}

/// The local route itself cannot be removed, also while it leads elsewhere.
fn delete(ec2: &Ec2, context: &RequestContext, input: api::DeleteRouteRequest) -> Result<Unit, ServiceError> {
    let destination = destination!(input)?;
    ec2.edit(context, input.dry_run, |edit| {
        let mut table = RouteTable::clone(&*edit.named::<RouteTable>(&input.route_table_id)?);
        if is_local(edit, &table, destination)? {
            return Err(error::invalid_value(format!(
                "cannot remove local route {destination} in route table {}",
                table.id
            )));
        }
        let count = table.routes.len();
        table.routes.retain(|route| route.destination != destination);
        if table.routes.len() == count {
            let parameter = match destination {
                IpNet::V4(_) => "destination-cidr-block",
                IpNet::V6(_) => "destination-ipv6-cidr-block",
            };
            return Err(ServiceError::new(
                "InvalidRoute.NotFound",
                format!("no route with {parameter} {destination} in route table {}", table.id),
            ));
        }
        edit.put(table);
        Ok(Unit)
    })
}

/// A route as answers have it, without its target.
fn shown_to(destination: IpNet, origin: &str, is_active: bool) -> api::Route {
    let (v4, v6) = match destination {
        IpNet::V4(block) => (Some(block.to_string()), None),
        IpNet::V6(block) => (None, Some(block.to_string())),
    };
    api::Route {
        destination_cidr_block: v4,
        destination_ipv6_cidr_block: v6,
        origin: Some(origin.to_owned()),
        state: Some(if is_active { "active" } else { "blackhole" }.to_owned()),
        ..Default::default()
    }
}

/// All routes of a table as answers have them: the local ones first.
pub(super) fn shown(state: &impl State, table: &RouteTable) -> Vec<api::Route> {
    let vpc = state.find::<Vpc>(table.vpc);
    let blocks: Vec<IpNet> = vpc.iter().flat_map(|vpc| vpc.all_blocks()).collect();
    let is_replaced = |block: &IpNet| table.routes.iter().any(|route| route.destination == *block);
    let local = blocks.iter().filter(|block| !is_replaced(block)).map(|&block| api::Route {
        gateway_id: Some(LOCAL.to_owned()),
        ..shown_to(block, "CreateRouteTable", true)
    });
    let others = table.routes.iter().map(|route| {
        let origin = if blocks.contains(&route.destination) { "CreateRouteTable" } else { "CreateRoute" };
        shown_route(state, table, route, origin)
    });
    local.chain(others).collect()
}

fn shown_route(state: &impl State, table: &RouteTable, route: &Route, origin: &str) -> api::Route {
    let shown = |is_active| shown_to(route.destination, origin, is_active);
    match route.target {
        RouteTarget::InternetGateway(id) => {
            let gateway = state.find::<InternetGateway>(id);
            let is_active = gateway.is_some_and(|gateway| gateway.attachment == Some(table.vpc));
            api::Route { gateway_id: Some(id.to_string()), ..shown(is_active) }
        }
        RouteTarget::EgressOnlyInternetGateway(id) => api::Route {
            egress_only_internet_gateway_id: Some(id.to_string()),
            ..shown(state.find::<EgressOnlyInternetGateway>(id).is_some())
        },
        RouteTarget::NetworkInterface(id) => {
            let interface = state.find::<NetworkInterface>(id);
            let attachment = interface.as_ref().and_then(|interface| interface.attachment.as_ref());
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
