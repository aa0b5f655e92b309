//! The routes of a table: CreateRoute, ReplaceRoute, DeleteRoute.
//!
//! Owns which destinations a route may have, given where it leads. Refuses to know which route a packet takes.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/RouteTables.html>

use std::sync::Arc;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::{PrefixListId, RouteTableId, VpcId};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use service_api::{Operations, RequestContext, ServiceError};

use super::target::{self, targets};
use super::{Destination, Route, RouteTable, RouteTarget, propagation};
use crate::prefix_list::{AddressFamily, Listed, PrefixList};
use crate::sharing;
use crate::state::{Edit, State, not_found, parse_id};
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

/// The destination that a request names.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Block(IpNet),
    PrefixList(&'a str),
}

impl Wanted<'_> {
    /// The destination, if there is such a one.
    ///
    /// # Errors
    /// `InvalidPrefixListID.NotFound`, `InvalidPrefixListId.Malformed`.
    fn found(self, state: &impl State) -> Result<Destination, ServiceError> {
        match self {
            Self::Block(block) => Ok(Destination::Block(block)),
            Self::PrefixList(text) => match Listed::named(state, text)? {
                Listed::OfCustomer(list) if list.resource.is_deleted() => Err(not_found::<PrefixList>(text)),
                list => Ok(Destination::PrefixList(list.id())),
            },
        }
    }

    /// The destination, for which the table may have a route: that stays when a prefix list is shared no more.
    ///
    /// # Errors
    /// `InvalidPrefixListID.NotFound`, `InvalidPrefixListId.Malformed`.
    fn found_in(self, state: &impl State, table: &RouteTable) -> Result<Destination, ServiceError> {
        match self {
            Self::PrefixList(text) => {
                let id = parse_id::<PrefixList>(text)?;
                if table.has_prefix_list(id) { Ok(Destination::PrefixList(id)) } else { self.found(state) }
            }
            Self::Block(_) => self.found(state),
        }
    }
}

/// Reads the one destination that a request has. Host bits are cleared, as AWS does.
fn destination<'a>(
    v4: Option<&String>,
    v6: Option<&String>,
    prefix_list: Option<&'a String>,
) -> Result<Wanted<'a>, ServiceError> {
    let invalid =
        |text, parameter| error::invalid_value_for(text, parameter, "This is not a valid CIDR block.");
    match (v4, v6, prefix_list) {
        (Some(text), None, None) => match cidr::parse_v4(text) {
            Some(block) => Ok(Wanted::Block(IpNet::V4(block))),
            None => Err(invalid(text, "destinationCidrBlock")),
        },
        (None, Some(text), None) => match cidr::parse_v6(text) {
            Some(block) => Ok(Wanted::Block(IpNet::V6(block))),
            None => Err(invalid(text, "destinationIpv6CidrBlock")),
        },
        (None, None, Some(id)) => Ok(Wanted::PrefixList(id)),
        (None, None, None) => {
            Err(error::missing("destinationCidrBlock, destinationIpv6CidrBlock or destinationPrefixListId"))
        }
        _ => Err(error::combination(
            "Only one of destinationCidrBlock, destinationIpv6CidrBlock and destinationPrefixListId can be specified.",
        )),
    }
}

/// Whether a route of a VPC's tables is for addresses of a block that is to be the VPC's.
pub(crate) fn are_in(edit: &Edit<'_>, vpc: VpcId, block: IpNet) -> bool {
    let mut tables = edit.all::<RouteTable>().filter(|table| table.vpc == vpc);
    tables.any(|table| table.routes.iter().any(|route| route.destination.is_in(block)))
}

/// Removes what stands in place of the local routes for a block that is no longer the VPC's, and what leads to its parts.
pub(crate) fn forget_block(edit: &mut Edit<'_>, vpc: VpcId, block: IpNet) {
    let is_inside = |route: &Route| route.destination.is_in(block);
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
    vpc: &Vpc,
    destination: Destination,
    target: &RouteTarget,
) -> Result<(), ServiceError> {
    // What a list has in it changes, so it is not compared with the VPC's blocks: those stay local in any case.
    let Destination::Block(block) = destination else {
        return if table.has_gateway() { Err(outside_of_vpc(table, destination)) } else { Ok(()) };
    };
    if RESERVED.iter().any(|reserved| reserved.contains(&block)) {
        return Err(error::invalid_value(format!(
            "The destination CIDR block {destination} is reserved for services of AWS."
        )));
    }
    let is_interface = match target {
        RouteTarget::NetworkInterface(_) | RouteTarget::VpcEndpoint(_) => true,
        RouteTarget::NatGateway(_) => !table.has_gateway(),
        _ => false,
    };
    if !vpc.all_blocks().any(|held| held.contains(&block)) {
        return if table.has_gateway() { Err(outside_of_vpc(table, destination)) } else { Ok(()) };
    }
    if !is_interface {
        return Err(error::invalid_value(format!(
            "The destination CIDR block {destination} is equal to or more specific than one of this VPC's CIDR \
             blocks. This route can target only an interface or an instance."
        )));
    }
    if !is_local(vpc, destination) && !is_of_subnet(edit, table, block) {
        return Err(error::invalid_value(format!(
            "The destination CIDR block {destination} is more specific than one of this VPC's CIDR blocks and not \
             the CIDR block of one of its subnets."
        )));
    }
    Ok(())
}

fn is_of_subnet(edit: &Edit<'_>, table: &RouteTable, destination: IpNet) -> bool {
    edit.parts::<Subnet, _>(table.vpc).any(|subnet| match destination {
        IpNet::V4(block) => subnet.cidr == block,
        IpNet::V6(block) => subnet.ipv6_block() == Some(block),
    })
}

fn outside_of_vpc(table: &RouteTable, destination: Destination) -> ServiceError {
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
        table.routes.iter().find(|route| !vpc.all_blocks().any(|block| route.destination.is_in(block)));
    if let Some((list, _)) = vpc_endpoint::routes(edit, table).first() {
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

fn is_local(vpc: &Vpc, destination: Destination) -> bool {
    vpc.all_blocks().any(|block| Destination::Block(block) == destination)
}

/// Checks how many routes of a family a table has beside the local ones. A prefix list counts as as many as it can have
/// entries. <https://docs.aws.amazon.com/vpc/latest/userguide/managed-prefix-lists.html>
fn check_count(
    edit: &Edit<'_>,
    table: &RouteTable,
    vpc: &Vpc,
    family: AddressFamily,
) -> Result<(), ServiceError> {
    let weight = |route: &Route| match route.destination {
        Destination::Block(block) => usize::from(family.has(block) && !is_local(vpc, route.destination)),
        Destination::PrefixList(id) => {
            Listed::find(edit, id).filter(|list| list.family() == family).map_or(0, |list| list.weight())
        }
    };
    quota::ROUTES_PER_ROUTE_TABLE.check(edit, table.routes.iter().map(weight).sum())
}

/// The tables with routes to a prefix list that cannot have as many routes as it stands for now.
pub(crate) fn overfull(edit: &Edit<'_>, list: PrefixListId) -> Vec<RouteTableId> {
    let family = Destination::PrefixList(list).family(edit);
    let is_overfull = |table: &RouteTable| {
        let vpc = edit.find::<Vpc>(table.vpc);
        vpc.is_some_and(|vpc| check_count(edit, table, &vpc, family).is_err())
    };
    sharing::of_all::<RouteTable>(edit)
        .map(|(_, table)| table)
        .filter(|table| table.has_prefix_list(list) && is_overfull(table))
        .map(|table| table.id)
        .collect()
}

/// Whether a gateway endpoint leads from a table to a prefix list.
fn is_of_endpoint(edit: &Edit<'_>, table: &RouteTable, destination: Destination) -> bool {
    let routes = vpc_endpoint::routes(edit, table);
    routes.iter().any(|(list, _)| Destination::PrefixList(*list) == destination)
}

/// The error for a route that comes and goes with its endpoint.
fn of_endpoint(verb: &str, table: &RouteTable, destination: Destination) -> ServiceError {
    let id = table.id;
    error::invalid_value(format!("cannot {verb} VPC endpoint route {destination} in route table {id}"))
}

fn already_exists(destination: Destination) -> ServiceError {
    ServiceError::new("RouteAlreadyExists", format!("The route identified by {destination} already exists."))
}

/// A destination that has a route already is refused, whatever the target: another target needs ReplaceRoute.
fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateRouteRequest,
) -> Result<api::CreateRouteResult, ServiceError> {
    let wanted = destination!(input)?;
    let named = target::only(targets!(input))?.ok_or_else(target::no_target)?;
    ec2.edit(context, input.dry_run, |edit| {
        let mut table = RouteTable::clone(&*edit.named::<RouteTable>(&input.route_table_id)?);
        let destination = wanted.found(edit)?;
        let vpc = edit.held::<Vpc>(table.vpc)?;
        let target = target::named(edit, &table, destination, named)?;
        check(edit, &table, &vpc, destination, &target)?;
        if table.routes.iter().any(|route| route.destination == destination)
            || is_local(&vpc, destination)
            || is_of_endpoint(edit, &table, destination)
        {
            return Err(already_exists(destination));
        }
        table.routes.push(Route { destination, target });
        check_count(edit, &table, &vpc, destination.family(edit))?;
        edit.put(table);
        Ok(api::CreateRouteResult { r#return: Some(true) })
    })
}

fn replace(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ReplaceRouteRequest,
) -> Result<Unit, ServiceError> {
    let wanted = destination!(input)?;
    let named = target::only(targets!(input))?;
    let wants_local = input.local_target == Some(true);
    if wants_local && named.is_some() {
        return Err(error::combination("localTarget cannot be used with another target."));
    }
    let wants_local = wants_local || named == Some(("gatewayId", LOCAL));
    ec2.edit(context, input.dry_run, |edit| {
        let mut table = RouteTable::clone(&*edit.named::<RouteTable>(&input.route_table_id)?);
        let destination = wanted.found_in(edit, &table)?;
        if is_of_endpoint(edit, &table, destination) {
            return Err(of_endpoint("replace", &table, destination));
        }
        let vpc = edit.held::<Vpc>(table.vpc)?;
        let held = table.routes.iter().position(|route| route.destination == destination);
        let is_local = is_local(&vpc, destination);
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
            check(edit, &table, &vpc, destination, &target)?;
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
    let wanted = destination!(input)?;
    ec2.edit(context, input.dry_run, |edit| {
        let mut table = RouteTable::clone(&*edit.named::<RouteTable>(&input.route_table_id)?);
        let destination = wanted.found_in(edit, &table)?;
        if is_of_endpoint(edit, &table, destination) {
            return Err(of_endpoint("remove", &table, destination));
        }
        if is_local(&edit.held::<Vpc>(table.vpc)?, destination) {
            return Err(error::invalid_value(format!(
                "cannot remove local route {destination} in route table {}",
                table.id
            )));
        }
        let count = table.routes.len();
        table.routes.retain(|route| route.destination != destination);
        if table.routes.len() == count {
            let parameter = match destination {
                Destination::Block(IpNet::V4(_)) => "destination-cidr-block",
                Destination::Block(IpNet::V6(_)) => "destination-ipv6-cidr-block",
                Destination::PrefixList(_) => "destination-prefix-list-id",
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
fn shown_to(destination: Destination, origin: &str) -> api::Route {
    let mut shown = api::Route { origin: Some(origin.to_owned()), ..Default::default() };
    let member = match destination {
        Destination::Block(IpNet::V4(_)) => &mut shown.destination_cidr_block,
        Destination::Block(IpNet::V6(_)) => &mut shown.destination_ipv6_cidr_block,
        Destination::PrefixList(_) => &mut shown.destination_prefix_list_id,
    };
    *member = Some(destination.to_string());
    shown
}

/// All routes of a table as answers have them: the local ones first, those of virtual private gateways last.
pub(super) fn shown(state: &impl State, table: &RouteTable) -> Vec<api::Route> {
    let vpc = state.find::<Vpc>(table.vpc);
    let blocks: Vec<IpNet> = vpc.iter().flat_map(|vpc| vpc.all_blocks()).collect();
    let is_replaced =
        |block: &IpNet| table.routes.iter().any(|route| route.destination == Destination::Block(*block));
    let local = blocks.iter().filter(|block| !is_replaced(block)).map(|&block| api::Route {
        gateway_id: Some(LOCAL.to_owned()),
        state: Some("active".to_owned()),
        ..shown_to(Destination::Block(block), "CreateRouteTable")
    });
    let others = table.routes.iter().map(|route| {
        let is_local = blocks.iter().any(|block| Destination::Block(*block) == route.destination);
        let origin = if is_local { "CreateRouteTable" } else { "CreateRoute" };
        target::shown(state, table, &route.target, shown_to(route.destination, origin))
    });
    let mut shown: Vec<api::Route> = local.chain(others).collect();
    let mut taken: Vec<Destination> = blocks
        .iter()
        .map(|block| Destination::Block(*block))
        .chain(table.routes.iter().map(|route| route.destination))
        .collect();
    for (block, gateway) in propagation::routes(state, table) {
        let destination = Destination::Block(block);
        if !taken.contains(&destination) {
            taken.push(destination);
            let route = shown_to(destination, "EnableVgwRoutePropagation");
            shown.push(target::shown(state, table, &RouteTarget::VpnGateway(gateway), route));
        }
    }
    let of_endpoints = vpc_endpoint::routes(state, table).into_iter().map(|(list, endpoint)| api::Route {
        destination_prefix_list_id: Some(list.to_string()),
        gateway_id: Some(endpoint.to_string()),
        origin: Some("CreateRoute".to_owned()),
        state: Some("active".to_owned()),
        ..Default::default()
    });
    shown.extend(of_endpoints);
    shown
}
