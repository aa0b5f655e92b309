//! References from route tables to prefix lists: CreateTransitGatewayPrefixListReference,
//! ModifyTransitGatewayPrefixListReference, DeleteTransitGatewayPrefixListReference,
//! GetTransitGatewayPrefixListReferences.
//!
//! Owns the references; a list with one cannot be deleted. Refuses to know what is in a list: the routes follow it.
//! <https://docs.aws.amazon.com/vpc/latest/tgw/create-prefix-list-reference.html>

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::attachment::TransitGatewayAttachment;
use super::route;
use super::route_table::{PrefixListReference, TransitGatewayRouteTable};
use crate::filter::{Filters, flag, text};
use crate::page::Page;
use crate::prefix_list::{Listed, PrefixList};
use crate::progress::{self, Change, Progress};
use crate::state::{Edit, State, not_found, parse_id};
use crate::{Ec2, pace};

/// Who owns the lists that AWS manages.
const AWS_OWNER: &str = "AWS";

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateTransitGatewayPrefixListReference>(create)
        .with::<op::ModifyTransitGatewayPrefixListReference>(modify)
        .with::<op::DeleteTransitGatewayPrefixListReference>(delete)
        .with::<op::GetTransitGatewayPrefixListReferences>(get)
}

fn shown(
    state: &impl State,
    table: &TransitGatewayRouteTable,
    reference: PrefixListReference,
) -> api::TransitGatewayPrefixListReference {
    let owner = match Listed::find(state, reference.list) {
        Some(Listed::OfAws(_)) => AWS_OWNER.to_owned(),
        Some(Listed::OfCustomer(list)) => list.owner.to_string(),
        None => state.account().to_string(),
    };
    let attachment = reference.target.map(|id| {
        let held = state.find::<TransitGatewayAttachment>(id);
        api::TransitGatewayPrefixListAttachment {
            transit_gateway_attachment_id: Some(id.to_string()),
            resource_type: held.as_ref().map(|held| held.resource_type().to_owned()),
            resource_id: held.as_ref().map(|held| held.resource_id()),
        }
    });
    api::TransitGatewayPrefixListReference {
        transit_gateway_route_table_id: Some(table.id.to_string()),
        prefix_list_id: Some(reference.list.to_string()),
        prefix_list_owner_id: Some(owner),
        state: Some(reference.progress.state(state.now()).to_owned()),
        blackhole: Some(reference.target.is_none()),
        transit_gateway_attachment: attachment,
    }
}

/// The list that a request names, which is not deleted.
fn listed(edit: &Edit<'_>, text: &str) -> Result<Listed, ServiceError> {
    match Listed::named(edit, text)? {
        Listed::OfCustomer(list) if list.resource.is_deleted() => Err(not_found::<PrefixList>(text)),
        list => Ok(list),
    }
}

/// Where a table has its reference to the list that a request names.
fn place(edit: &Edit<'_>, table: &TransitGatewayRouteTable, list: &str) -> Result<usize, ServiceError> {
    // A reference stays when the list is shared no more.
    let id = parse_id::<PrefixList>(list)?;
    if let Some(place) = table.references.iter().position(|reference| reference.list == id) {
        return Ok(place);
    }
    listed(edit, list)?;
    let message = format!("{} has no reference to the prefix list {list}.", table.id);
    Err(ServiceError::new("InvalidPrefixListID.NotFound", message))
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateTransitGatewayPrefixListReferenceRequest,
) -> Result<api::CreateTransitGatewayPrefixListReferenceResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let text = &input.transit_gateway_route_table_id;
        let mut table = progress::available::<TransitGatewayRouteTable>(edit, text)?;
        let list = listed(edit, &input.prefix_list_id)?.id();
        let attachment = input.transit_gateway_attachment_id.as_ref();
        let target = route::target(edit, &table, attachment, input.blackhole)?;
        if table.has_prefix_list(list) {
            let message = format!("{} already has a reference to the prefix list {list}.", table.id);
            return Err(ServiceError::new("RouteAlreadyExists", message));
        }
        let progress = Progress::new(Change::Create, pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit));
        let reference = PrefixListReference { list, target, progress };
        table.references.push(reference);
        table.references.sort_by_key(|reference| reference.list);
        edit.put(table.clone());
        Ok(api::CreateTransitGatewayPrefixListReferenceResult {
            transit_gateway_prefix_list_reference: Some(shown(edit, &table, reference)),
        })
    })
}

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyTransitGatewayPrefixListReferenceRequest,
) -> Result<api::ModifyTransitGatewayPrefixListReferenceResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let text = &input.transit_gateway_route_table_id;
        let mut table = progress::available::<TransitGatewayRouteTable>(edit, text)?;
        let place = place(edit, &table, &input.prefix_list_id)?;
        let attachment = input.transit_gateway_attachment_id.as_ref();
        let target = route::target(edit, &table, attachment, input.blackhole)?;
        let progress = Progress::new(Change::Modify, pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit));
        let list = table.references[place].list;
        let reference = PrefixListReference { list, target, progress };
        table.references[place] = reference;
        edit.put(table.clone());
        Ok(api::ModifyTransitGatewayPrefixListReferenceResult {
            transit_gateway_prefix_list_reference: Some(shown(edit, &table, reference)),
        })
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteTransitGatewayPrefixListReferenceRequest,
) -> Result<api::DeleteTransitGatewayPrefixListReferenceResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let text = &input.transit_gateway_route_table_id;
        let mut table = progress::available::<TransitGatewayRouteTable>(edit, text)?;
        let place = place(edit, &table, &input.prefix_list_id)?;
        let reference = table.references.remove(place);
        edit.put(table.clone());
        let shown = shown(edit, &table, reference);
        Ok(api::DeleteTransitGatewayPrefixListReferenceResult {
            transit_gateway_prefix_list_reference: Some(api::TransitGatewayPrefixListReference {
                state: Some("deleting".to_owned()),
                ..shown
            }),
        })
    })
}

/// A member of the attachment of a reference, as a filter's values.
fn attached(
    reference: &api::TransitGatewayPrefixListReference,
    value: fn(&api::TransitGatewayPrefixListAttachment) -> &Option<String>,
) -> Vec<String> {
    reference.transit_gateway_attachment.as_ref().map_or_else(Vec::new, |held| text(value(held)))
}

static FILTERS: Filters<api::TransitGatewayPrefixListReference> = Filters {
    tags: None,
    named: &[
        ("attachment.resource-id", |reference| attached(reference, |held| &held.resource_id)),
        ("attachment.resource-type", |reference| attached(reference, |held| &held.resource_type)),
        ("attachment.transit-gateway-attachment-id", |reference| {
            attached(reference, |held| &held.transit_gateway_attachment_id)
        }),
        ("is-blackhole", |reference| flag(reference.blackhole)),
        ("prefix-list-id", |reference| text(&reference.prefix_list_id)),
        ("prefix-list-owner-id", |reference| text(&reference.prefix_list_owner_id)),
        ("state", |reference| text(&reference.state)),
    ],
    absent: &[],
};

fn get(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::GetTransitGatewayPrefixListReferencesRequest,
) -> Result<api::GetTransitGatewayPrefixListReferencesResult, ServiceError> {
    let view = ec2.view(context);
    let table = progress::live::<TransitGatewayRouteTable>(&view, &input.transit_gateway_route_table_id)?;
    let mut references: Vec<_> =
        table.references.iter().map(|&reference| shown(&view, &table, reference)).collect();
    FILTERS.apply(&mut references, input.filters.as_ref())?;
    let page =
        Page::new("GetTransitGatewayPrefixListReferences", input.max_results, input.next_token.as_ref());
    let (references, next_token) =
        page.cut(references, |reference| reference.prefix_list_id.as_deref().unwrap_or_default())?;
    ec2.answer(
        input.dry_run,
        api::GetTransitGatewayPrefixListReferencesResult {
            transit_gateway_prefix_list_references: Some(references),
            next_token,
        },
    )
}
