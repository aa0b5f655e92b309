//! Propagations of attachments to route tables: EnableTransitGatewayRouteTablePropagation,
//! DisableTransitGatewayRouteTablePropagation, GetTransitGatewayRouteTablePropagations,
//! GetTransitGatewayAttachmentPropagations.
//!
//! Owns which attachments can propagate to which tables, at once. The routes themselves follow from the attached VPC's
//! blocks whenever they are asked for. Refuses to keep them.

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::attachment::TransitGatewayAttachment;
use super::route_table::{self, TransitGatewayRouteTable};
use crate::filter::{Filters, text};
use crate::page::Page;
use crate::progress;
use crate::state::{Edit, State};
use crate::{Ec2, error};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::EnableTransitGatewayRouteTablePropagation>(enable)
        .with::<op::DisableTransitGatewayRouteTablePropagation>(disable)
        .with::<op::GetTransitGatewayRouteTablePropagations>(get)
        .with::<op::GetTransitGatewayAttachmentPropagations>(get_of_attachment)
}

/// The table and the attachment that a request names.
fn named(
    edit: &Edit<'_>,
    table: &str,
    attachment: Option<&String>,
    announcement: Option<&String>,
) -> Result<(TransitGatewayRouteTable, TransitGatewayAttachment), ServiceError> {
    if announcement.is_some() {
        return Err(error::unsupported("Transit gateway route table announcements are not supported."));
    }
    let attachment = attachment.ok_or_else(|| error::missing("TransitGatewayAttachmentId"))?;
    let table = progress::available::<TransitGatewayRouteTable>(edit, table)?;
    let attachment = progress::live::<TransitGatewayAttachment>(edit, attachment)?;
    route_table::check_gateway(&table, attachment.gateway)?;
    Ok((table, attachment))
}

fn shown(
    attachment: &TransitGatewayAttachment,
    table: &TransitGatewayRouteTable,
    state: &str,
) -> api::TransitGatewayPropagation {
    api::TransitGatewayPropagation {
        transit_gateway_attachment_id: Some(attachment.id.to_string()),
        resource_id: Some(attachment.resource_id()),
        resource_type: Some(attachment.resource_type().to_owned()),
        transit_gateway_route_table_id: Some(table.id.to_string()),
        state: Some(state.to_owned()),
        transit_gateway_route_table_announcement_id: None,
    }
}

fn enable(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::EnableTransitGatewayRouteTablePropagationRequest,
) -> Result<api::EnableTransitGatewayRouteTablePropagationResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let (table, mut attachment) = named(
            edit,
            &input.transit_gateway_route_table_id,
            input.transit_gateway_attachment_id.as_ref(),
            input.transit_gateway_route_table_announcement_id.as_ref(),
        )?;
        if attachment.other_side().is_some() {
            let message = format!(
                "Propagation is not supported for {}: a peering attachment needs static routes.",
                attachment.id
            );
            return Err(error::unsupported(message));
        }
        if attachment.progress.state(edit.now()) != "available" {
            return Err(progress::incorrect_state(attachment.id));
        }
        if attachment.propagations.contains(&table.id) {
            let message = format!(
                "Propagation {} already exists in Transit Gateway Route Table {}.",
                attachment.id, table.id
            );
            return Err(ServiceError::new("TransitGatewayRouteTablePropagation.Duplicate", message));
        }
        attachment.propagations.push(table.id);
        attachment.propagations.sort();
        edit.put(attachment.clone());
        Ok(api::EnableTransitGatewayRouteTablePropagationResult {
            propagation: Some(shown(&attachment, &table, "enabled")),
        })
    })
}

fn disable(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DisableTransitGatewayRouteTablePropagationRequest,
) -> Result<api::DisableTransitGatewayRouteTablePropagationResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let (table, mut attachment) = named(
            edit,
            &input.transit_gateway_route_table_id,
            input.transit_gateway_attachment_id.as_ref(),
            input.transit_gateway_route_table_announcement_id.as_ref(),
        )?;
        if !attachment.propagations.contains(&table.id) {
            let message = format!(
                "Propagation {} does not exist in Transit Gateway Route Table {}.",
                attachment.id, table.id
            );
            return Err(ServiceError::new("TransitGatewayRouteTablePropagation.NotFound", message));
        }
        attachment.propagations.retain(|&held| held != table.id);
        edit.put(attachment.clone());
        Ok(api::DisableTransitGatewayRouteTablePropagationResult {
            propagation: Some(shown(&attachment, &table, "disabled")),
        })
    })
}

static FILTERS: Filters<api::TransitGatewayRouteTablePropagation> = Filters {
    tags: None,
    named: &[
        ("resource-id", |held| text(&held.resource_id)),
        ("resource-type", |held| text(&held.resource_type)),
        ("transit-gateway-attachment-id", |held| text(&held.transit_gateway_attachment_id)),
    ],
    absent: &[],
};

fn get(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::GetTransitGatewayRouteTablePropagationsRequest,
) -> Result<api::GetTransitGatewayRouteTablePropagationsResult, ServiceError> {
    let view = ec2.view(context);
    let table = progress::live::<TransitGatewayRouteTable>(&view, &input.transit_gateway_route_table_id)?;
    let mut propagations: Vec<_> = view
        .all::<TransitGatewayAttachment>()
        .filter(|attachment| attachment.propagations.contains(&table.id))
        .map(|attachment| api::TransitGatewayRouteTablePropagation {
            transit_gateway_attachment_id: Some(attachment.id.to_string()),
            resource_id: Some(attachment.resource_id()),
            resource_type: Some(attachment.resource_type().to_owned()),
            state: Some("enabled".to_owned()),
            transit_gateway_route_table_announcement_id: None,
        })
        .collect();
    FILTERS.apply(&mut propagations, input.filters.as_ref())?;
    let page =
        Page::new("GetTransitGatewayRouteTablePropagations", input.max_results, input.next_token.as_ref());
    let (propagations, next_token) =
        page.cut(propagations, |held| held.transit_gateway_attachment_id.as_deref().unwrap_or_default())?;
    ec2.answer(
        input.dry_run,
        api::GetTransitGatewayRouteTablePropagationsResult {
            transit_gateway_route_table_propagations: Some(propagations),
            next_token,
        },
    )
}

static FILTERS_OF_ATTACHMENT: Filters<api::TransitGatewayAttachmentPropagation> = Filters {
    tags: None,
    named: &[("transit-gateway-route-table-id", |held| text(&held.transit_gateway_route_table_id))],
    absent: &[],
};

fn get_of_attachment(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::GetTransitGatewayAttachmentPropagationsRequest,
) -> Result<api::GetTransitGatewayAttachmentPropagationsResult, ServiceError> {
    let view = ec2.view(context);
    let attachment = view.named::<TransitGatewayAttachment>(&input.transit_gateway_attachment_id)?;
    let mut propagations: Vec<_> = attachment
        .propagations
        .iter()
        .map(|table| api::TransitGatewayAttachmentPropagation {
            transit_gateway_route_table_id: Some(table.to_string()),
            state: Some("enabled".to_owned()),
        })
        .collect();
    FILTERS_OF_ATTACHMENT.apply(&mut propagations, input.filters.as_ref())?;
    let page =
        Page::new("GetTransitGatewayAttachmentPropagations", input.max_results, input.next_token.as_ref());
    let (propagations, next_token) =
        page.cut(propagations, |held| held.transit_gateway_route_table_id.as_deref().unwrap_or_default())?;
    ec2.answer(
        input.dry_run,
        api::GetTransitGatewayAttachmentPropagationsResult {
            transit_gateway_attachment_propagations: Some(propagations),
            next_token,
        },
    )
}
