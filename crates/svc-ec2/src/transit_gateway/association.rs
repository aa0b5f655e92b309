//! Associations of attachments with route tables: AssociateTransitGatewayRouteTable, DisassociateTransitGatewayRouteTable,
//! GetTransitGatewayRouteTableAssociations.
//!
//! Owns the rule that an attachment has one table at most. Refuses to know what is in the table.

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::attachment::{TransitGatewayAssociation, TransitGatewayAttachment};
use super::route_table::{self, TransitGatewayRouteTable};
use crate::filter::{Filters, text};
use crate::page::Page;
use crate::progress::{self, Change, Progress, incorrect_state};
use crate::state::State;
use crate::{Ec2, pace};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::AssociateTransitGatewayRouteTable>(associate)
        .with::<op::DisassociateTransitGatewayRouteTable>(disassociate)
        .with::<op::GetTransitGatewayRouteTableAssociations>(get)
}

fn shown(
    state: &impl State,
    attachment: &TransitGatewayAttachment,
    held: TransitGatewayAssociation,
) -> api::TransitGatewayAssociation {
    api::TransitGatewayAssociation {
        transit_gateway_route_table_id: Some(held.table.to_string()),
        transit_gateway_attachment_id: Some(attachment.id.to_string()),
        resource_id: Some(attachment.resource_id()),
        resource_type: Some(attachment.resource_type().to_owned()),
        state: Some(held.state(state.now()).to_owned()),
    }
}

fn associate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AssociateTransitGatewayRouteTableRequest,
) -> Result<api::AssociateTransitGatewayRouteTableResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let table =
            progress::available::<TransitGatewayRouteTable>(edit, &input.transit_gateway_route_table_id)?;
        let mut attachment =
            progress::available::<TransitGatewayAttachment>(edit, &input.transit_gateway_attachment_id)?;
        route_table::check_gateway(&table, attachment.gateway)?;
        if attachment.association_at(edit.now()).is_some() {
            let message = format!(
                "Transit Gateway Attachment {} is already associated to a route table.",
                attachment.id
            );
            return Err(ServiceError::new("Resource.AlreadyAssociated", message));
        }
        let progress = Progress::new(Change::Create, pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit));
        let held = TransitGatewayAssociation { table: table.id, progress };
        attachment.association = Some(held);
        edit.put(attachment.clone());
        Ok(api::AssociateTransitGatewayRouteTableResult { association: Some(shown(edit, &attachment, held)) })
    })
}

fn disassociate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DisassociateTransitGatewayRouteTableRequest,
) -> Result<api::DisassociateTransitGatewayRouteTableResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let table =
            progress::available::<TransitGatewayRouteTable>(edit, &input.transit_gateway_route_table_id)?;
        let mut attachment =
            progress::live::<TransitGatewayAttachment>(edit, &input.transit_gateway_attachment_id)?;
        let held = attachment.association_at(edit.now()).filter(|held| held.table == table.id);
        let Some(held) = held else {
            let message = format!("{} is not associated with {}.", attachment.id, table.id);
            return Err(ServiceError::new("InvalidAssociation.NotFound", message));
        };
        if held.state(edit.now()) != "associated" {
            return Err(incorrect_state(attachment.id));
        }
        let progress = Progress::new(Change::Delete, pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit));
        let held = TransitGatewayAssociation { progress, ..held };
        attachment.association = Some(held);
        edit.put(attachment.clone());
        Ok(api::DisassociateTransitGatewayRouteTableResult {
            association: Some(shown(edit, &attachment, held)),
        })
    })
}

static FILTERS: Filters<api::TransitGatewayRouteTableAssociation> = Filters {
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
    input: api::GetTransitGatewayRouteTableAssociationsRequest,
) -> Result<api::GetTransitGatewayRouteTableAssociationsResult, ServiceError> {
    let view = ec2.view(context);
    let table = progress::live::<TransitGatewayRouteTable>(&view, &input.transit_gateway_route_table_id)?;
    let now = view.now();
    let mut associations: Vec<_> = view
        .all::<TransitGatewayAttachment>()
        .filter_map(|attachment| {
            let held = attachment.association_at(now).filter(|held| held.table == table.id)?;
            Some(api::TransitGatewayRouteTableAssociation {
                transit_gateway_attachment_id: Some(attachment.id.to_string()),
                resource_id: Some(attachment.resource_id()),
                resource_type: Some(attachment.resource_type().to_owned()),
                state: Some(held.state(now).to_owned()),
            })
        })
        .collect();
    FILTERS.apply(&mut associations, input.filters.as_ref())?;
    let page =
        Page::new("GetTransitGatewayRouteTableAssociations", input.max_results, input.next_token.as_ref());
    let (associations, next_token) =
        page.cut(associations, |held| held.transit_gateway_attachment_id.as_deref().unwrap_or_default())?;
    ec2.answer(
        input.dry_run,
        api::GetTransitGatewayRouteTableAssociationsResult { associations: Some(associations), next_token },
    )
}
