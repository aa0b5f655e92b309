//! Routes of transit gateways: CreateTransitGatewayRoute, ReplaceTransitGatewayRoute, DeleteTransitGatewayRoute,
//! SearchTransitGatewayRoutes.
//!
//! Owns which routes a table has: static ones, those of prefix lists, and those that attachments propagate, of which the
//! first kind that has a destination is in force. Refuses to know which route a packet takes.
//! <https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html#tgw-route-evaluation-overview>

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{PrefixListId, TransitGatewayAttachmentId};
use ipnet::IpNet;
use service_api::{Operations, RequestContext, ServiceError};

use super::attachment::TransitGatewayAttachment;
use super::route_table::{self, TransitGatewayRoute, TransitGatewayRouteTable};
use crate::filter::{Filters, each, text};
use crate::page::Page;
use crate::prefix_list::prefix_list_blocks;
use crate::progress;
use crate::state::{Edit, State};
use crate::{Ec2, error, quota};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateTransitGatewayRoute>(create)
        .with::<op::ReplaceTransitGatewayRoute>(replace)
        .with::<op::DeleteTransitGatewayRoute>(delete)
        .with::<op::SearchTransitGatewayRoutes>(search)
}

/// Reads a destination; host bits are cleared.
fn destination(text: &str) -> Result<IpNet, ServiceError> {
    text.parse::<IpNet>().map(|block| block.trunc()).map_err(|_| {
        error::invalid_value_for(text, "destinationCidrBlock", "This is not a valid CIDR block.")
    })
}

/// Where a route or a reference of a table is to lead, as a request has it: an attachment of the same gateway, or
/// nowhere (`None`).
///
/// # Errors
/// `MissingParameter`, `InvalidParameterCombination`; unknown attachments, and those that are not available.
pub(super) fn target(
    edit: &Edit<'_>,
    table: &TransitGatewayRouteTable,
    attachment: Option<&String>,
    blackhole: Option<bool>,
) -> Result<Option<TransitGatewayAttachmentId>, ServiceError> {
    match (attachment, blackhole == Some(true)) {
        (Some(_), true) => Err(error::combination(
            "The parameter Blackhole cannot be used with the parameter TransitGatewayAttachmentId",
        )),
        (None, true) => Ok(None),
        (None, false) => Err(error::missing_either("TransitGatewayAttachmentId", "Blackhole")),
        (Some(text), false) => {
            let attachment = progress::live::<TransitGatewayAttachment>(edit, text)?;
            route_table::check_gateway(table, attachment.gateway)?;
            if !attachment.progress.is_in_service(edit.now()) {
                return Err(progress::incorrect_state(text));
            }
            Ok(Some(attachment.id))
        }
    }
}

/// A route in force.
struct InForce {
    destination: IpNet,
    list: Option<PrefixListId>,
    attachment: Option<Arc<TransitGatewayAttachment>>,
    is_propagated: bool,
}

impl InForce {
    fn shown(&self) -> api::TransitGatewayRoute {
        let attachments = self.attachment.iter().map(|attachment| api::TransitGatewayRouteAttachment {
            resource_id: Some(attachment.resource_id()),
            transit_gateway_attachment_id: Some(attachment.id.to_string()),
            resource_type: Some(attachment.resource_type().to_owned()),
        });
        api::TransitGatewayRoute {
            destination_cidr_block: Some(self.destination.to_string()),
            prefix_list_id: self.list.map(|list| list.to_string()),
            transit_gateway_route_table_announcement_id: None,
            transit_gateway_attachments: self.attachment.as_ref().map(|_| attachments.collect()),
            r#type: Some(if self.is_propagated { "propagated" } else { "static" }.to_owned()),
            state: Some(if self.attachment.is_some() { "active" } else { "blackhole" }.to_owned()),
        }
    }
}

/// The attachment that a route leads to, while it is in service.
fn reached(
    state: &impl State,
    target: Option<TransitGatewayAttachmentId>,
) -> Option<Arc<TransitGatewayAttachment>> {
    target
        .and_then(|target| state.find::<TransitGatewayAttachment>(target))
        .filter(|attachment| attachment.progress.is_in_service(state.now()))
}

/// The routes in force of a table, by destination. Of two VPCs that propagate one block, the older attachment has it.
fn in_force(state: &impl State, table: &TransitGatewayRouteTable) -> BTreeMap<IpNet, InForce> {
    let mut found = BTreeMap::new();
    let mut add = |destination: IpNet, list, attachment, is_propagated| {
        found.entry(destination).or_insert(InForce { destination, list, attachment, is_propagated });
    };
    for route in &table.routes {
        add(route.destination, None, reached(state, route.target), false);
    }
    for reference in &table.references {
        for block in prefix_list_blocks(state.reader(), state.scope(), reference.list) {
            add(block, Some(reference.list), reached(state, reference.target), false);
        }
    }
    let mut propagating: Vec<_> = state
        .all::<TransitGatewayAttachment>()
        .filter(|attachment| {
            attachment.propagations.contains(&table.id) && attachment.progress.is_in_service(state.now())
        })
        .collect();
    propagating.sort_by_key(|attachment| (attachment.created_at, attachment.id));
    for attachment in propagating {
        for block in attachment.blocks(state) {
            add(block, None, Some(Arc::clone(&attachment)), true);
        }
    }
    found
}

fn shown_static(state: &impl State, route: TransitGatewayRoute) -> api::TransitGatewayRoute {
    let attachment = reached(state, route.target);
    InForce { destination: route.destination, list: None, attachment, is_propagated: false }.shown()
}

fn no_route(table: &TransitGatewayRouteTable, destination: IpNet) -> ServiceError {
    let message = format!("Route {destination} does not exist in Transit Gateway Route Table {}.", table.id);
    ServiceError::new("InvalidRoute.NotFound", message)
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateTransitGatewayRouteRequest,
) -> Result<api::CreateTransitGatewayRouteResult, ServiceError> {
    let destination = destination(&input.destination_cidr_block)?;
    ec2.edit(context, input.dry_run, |edit| {
        let text = &input.transit_gateway_route_table_id;
        let mut table = progress::available::<TransitGatewayRouteTable>(edit, text)?;
        let target = target(edit, &table, input.transit_gateway_attachment_id.as_ref(), input.blackhole)?;
        if table.routes.iter().any(|route| route.destination == destination) {
            let message =
                format!("Route {destination} already exists in Transit Gateway Route Table {}.", table.id);
            return Err(ServiceError::new("RouteAlreadyExists", message));
        }
        let count: usize = edit
            .all::<TransitGatewayRouteTable>()
            .filter(|other| other.gateway == table.gateway)
            .map(|other| other.routes.len())
            .sum();
        quota::STATIC_ROUTES_PER_TRANSIT_GATEWAY.check(edit, count + 1)?;
        let route = TransitGatewayRoute { destination, target };
        table.routes.push(route);
        edit.put(table);
        Ok(api::CreateTransitGatewayRouteResult { route: Some(shown_static(edit, route)) })
    })
}

fn replace(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ReplaceTransitGatewayRouteRequest,
) -> Result<api::ReplaceTransitGatewayRouteResult, ServiceError> {
    let destination = destination(&input.destination_cidr_block)?;
    ec2.edit(context, input.dry_run, |edit| {
        let text = &input.transit_gateway_route_table_id;
        let mut table = progress::available::<TransitGatewayRouteTable>(edit, text)?;
        let target = target(edit, &table, input.transit_gateway_attachment_id.as_ref(), input.blackhole)?;
        let place = table.routes.iter().position(|route| route.destination == destination);
        let place = place.ok_or_else(|| no_route(&table, destination))?;
        let route = TransitGatewayRoute { destination, target };
        table.routes[place] = route;
        edit.put(table);
        Ok(api::ReplaceTransitGatewayRouteResult { route: Some(shown_static(edit, route)) })
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteTransitGatewayRouteRequest,
) -> Result<api::DeleteTransitGatewayRouteResult, ServiceError> {
    let destination = destination(&input.destination_cidr_block)?;
    ec2.edit(context, input.dry_run, |edit| {
        let text = &input.transit_gateway_route_table_id;
        let mut table = progress::available::<TransitGatewayRouteTable>(edit, text)?;
        let place = table.routes.iter().position(|route| route.destination == destination);
        let place = place.ok_or_else(|| no_route(&table, destination))?;
        let route = table.routes.remove(place);
        edit.put(table);
        let shown = shown_static(edit, route);
        let route = Some(api::TransitGatewayRoute { state: Some("deleted".to_owned()), ..shown });
        Ok(api::DeleteTransitGatewayRouteResult { route })
    })
}

static FILTERS: Filters<api::TransitGatewayRoute> = Filters {
    tags: None,
    named: &[
        ("attachment.resource-id", |route| {
            each(&route.transit_gateway_attachments, |held| held.resource_id.clone())
        }),
        ("attachment.resource-type", |route| {
            each(&route.transit_gateway_attachments, |held| held.resource_type.clone())
        }),
        ("attachment.transit-gateway-attachment-id", |route| {
            each(&route.transit_gateway_attachments, |held| held.transit_gateway_attachment_id.clone())
        }),
        ("prefix-list-id", |route| text(&route.prefix_list_id)),
        ("state", |route| text(&route.state)),
        ("type", |route| text(&route.r#type)),
    ],
    absent: &[],
};

/// Whether an address or block is matched as a `route-search` filter asks, by a route of that destination.
type Search = fn(route: IpNet, wanted: IpNet) -> bool;

/// The filters that compare destinations. The longest match is found among those that contain what is asked for.
const SEARCHES: [(&str, Search); 4] = [
    ("route-search.exact-match", |route, wanted| route == wanted),
    ("route-search.longest-prefix-match", |route, wanted| route.contains(&wanted)),
    ("route-search.subnet-of-match", |route, wanted| wanted.contains(&route)),
    ("route-search.supernet-of-match", |route, wanted| route.contains(&wanted)),
];
const LONGEST: &str = "route-search.longest-prefix-match";

/// Reads a block, or an address as the block of itself.
fn searched(name: &str, text: &str) -> Result<IpNet, ServiceError> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse::<IpNet>()).map(|block| block.trunc()).map_err(|_| {
        error::invalid_value_for(text, name, "This is neither an IP address nor a valid CIDR block.")
    })
}

/// Keeps the routes that a `route-search` filter matches.
fn keep_searched(
    routes: &mut BTreeMap<IpNet, InForce>,
    (name, matches): (&str, Search),
    values: &[String],
) -> Result<(), ServiceError> {
    if values.is_empty() {
        return Err(error::missing("Filter.Value"));
    }
    let mut kept = Vec::new();
    for text in values {
        let wanted = searched(name, text)?;
        let found = routes.keys().copied().filter(|&route| matches(route, wanted));
        if name == LONGEST {
            kept.extend(found.max_by_key(IpNet::prefix_len));
        } else {
            kept.extend(found);
        }
    }
    routes.retain(|route, _| kept.contains(route));
    Ok(())
}

/// A key that orders routes as their destinations are ordered.
fn page_key(block: IpNet) -> String {
    match block {
        IpNet::V4(block) => format!("4{:08x}/{:03}", block.network().to_bits(), block.prefix_len()),
        IpNet::V6(block) => format!("6{:032x}/{:03}", block.network().to_bits(), block.prefix_len()),
    }
}

fn search(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::SearchTransitGatewayRoutesRequest,
) -> Result<api::SearchTransitGatewayRoutesResult, ServiceError> {
    if input.filters.is_empty() {
        return Err(error::missing("Filters"));
    }
    let view = ec2.view(context);
    let table = progress::live::<TransitGatewayRouteTable>(&view, &input.transit_gateway_route_table_id)?;
    let mut found = in_force(&view, &table);
    let mut others = Vec::new();
    for filter in input.filters {
        let name = filter.name.as_deref().unwrap_or_default();
        match SEARCHES.into_iter().find(|(known, _)| *known == name) {
            Some(search) => {
                keep_searched(&mut found, search, filter.values.as_deref().unwrap_or_default())?;
            }
            None => others.push(filter),
        }
    }
    let mut routes: Vec<_> = found.values().map(InForce::shown).collect();
    FILTERS.apply(&mut routes, Some(&others))?;
    let mut keyed: Vec<_> = routes
        .into_iter()
        .filter_map(|route| {
            let block = route.destination_cidr_block.as_deref()?.parse().ok()?;
            Some((page_key(block), route))
        })
        .collect();
    keyed.sort_by(|one, other| one.0.cmp(&other.0));
    let page = Page::new("SearchTransitGatewayRoutes", input.max_results, input.next_token.as_ref());
    let (keyed, next_token) = page.cut(keyed, |(key, _)| key)?;
    ec2.answer(
        input.dry_run,
        api::SearchTransitGatewayRoutesResult {
            routes: Some(keyed.into_iter().map(|(_, route)| route).collect()),
            additional_routes_available: Some(next_token.is_some()),
            next_token,
        },
    )
}
