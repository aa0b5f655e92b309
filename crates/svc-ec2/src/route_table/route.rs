//! The routes of a table: CreateRoute, ReplaceRoute, DeleteRoute.
//!
//! Owns which destinations a route may have, given where it leads. Refuses to know which route a packet takes.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/RouteTables.html>

use std::sync::Arc;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::VpcId;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use service_api::{Operations, RequestContext, ServiceError};

use super::target::{self, targets};
use super::{Route, RouteTable, RouteTarget, propagation};
use crate::state::{Edit, State};
use crate::subnet::Subnet;
use crate::vpc::Vpc;
use crate::{Ec2, cidr, error, quota, vpc_endpoint};

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
    let is_interface = match target {
        RouteTarget::NetworkInterface(_) | RouteTarget::VpcEndpoint(_) => true,
        RouteTarget::NatGateway(_) => !table.has_gateway(),
        _ => false,
    };
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
    if let Some((list, _)) = vpc_endpoint::routes(edit, table.id).first() {
        return Err(error::invalid_value(format!(
            "Route table {} has a VPC endpoint route to {list}, and cannot be associated with a gateway.",
            table.id
        )));
    }
    if let Some(route) = outside {
        return Err(outside_of_vpc(table, route.destination));
    }
    match table.routes.iter().find(|route| matches!(route.target, RouteTarget::NatGateway(_))) {
        Some(route) => Err(error::invalid_value(format!(
            "Route table {} is to be associated with a gateway, and its route for {} leads to a NAT gateway.",
            table.id, route.destination
        ))),
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
    let named = target::only(targets!(input))?.ok_or_else(target::no_target)?;
    ec2.edit(context, input.dry_run, |edit| {
        let mut table = RouteTable::clone(&*edit.named::<RouteTable>(&input.route_table_id)?);
        let target = target::named(edit, &table, destination, named)?;
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
        quota::ROUTES_PER_ROUTE_TABLE.check(edit, count + 1)?;
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
    let named = target::only(targets!(input))?;
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
            let target = target::named(edit, &table, destination, named.ok_or_else(target::no_target)?)?;
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
    ec2.edit(context, input.dry_run, |edit| {
        let mut table = RouteTable::clone(&*edit.named::<RouteTable>(&input.route_table_id)?);
        if let Some(list) = &input.destination_prefix_list_id {
            vpc_endpoint::check_route(edit, table.id, list)?;
        }
        let destination = destination!(input)?;
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

/// A route as answers have it, without its target and its state.
fn shown_to(destination: IpNet, origin: &str) -> api::Route {
    let (v4, v6) = match destination {
        IpNet::V4(block) => (Some(block.to_string()), None),
        IpNet::V6(block) => (None, Some(block.to_string())),
    };
    api::Route {
        destination_cidr_block: v4,
        destination_ipv6_cidr_block: v6,
        origin: Some(origin.to_owned()),
        ..Default::default()
    }
}

/// All routes of a table as answers have them: the local ones first, those of virtual private gateways last.
pub(super) fn shown(state: &impl State, table: &RouteTable) -> Vec<api::Route> {
    let vpc = state.find::<Vpc>(table.vpc);
    let blocks: Vec<IpNet> = vpc.iter().flat_map(|vpc| vpc.all_blocks()).collect();
    let is_replaced = |block: &IpNet| table.routes.iter().any(|route| route.destination == *block);
    let local = blocks.iter().filter(|block| !is_replaced(block)).map(|&block| api::Route {
        gateway_id: Some(LOCAL.to_owned()),
        state: Some("active".to_owned()),
        ..shown_to(block, "CreateRouteTable")
    });
    let others = table.routes.iter().map(|route| {
        let origin = if blocks.contains(&route.destination) { "CreateRouteTable" } else { "CreateRoute" };
        target::shown(state, table, &route.target, shown_to(route.destination, origin))
    });
    let mut shown: Vec<api::Route> = local.chain(others).collect();
    let mut taken: Vec<IpNet> =
        blocks.iter().copied().chain(table.routes.iter().map(|route| route.destination)).collect();
    for (destination, gateway) in propagation::routes(state, table) {
        if !taken.contains(&destination) {
            taken.push(destination);
            let route = shown_to(destination, "EnableVgwRoutePropagation");
            shown.push(target::shown(state, table, &RouteTarget::VpnGateway(gateway), route));
        }
    }
    let of_endpoints = vpc_endpoint::routes(state, table.id).into_iter().map(|(list, endpoint)| api::Route {
        destination_prefix_list_id: Some(list.to_string()),
        gateway_id: Some(endpoint.to_string()),
        origin: Some("CreateRoute".to_owned()),
        state: Some("active".to_owned()),
        ..Default::default()
    });
    shown.extend(of_endpoints);
    shown
}
