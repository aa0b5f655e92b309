//! Route tables of transit gateways: CreateTransitGatewayRouteTable, DeleteTransitGatewayRouteTable,
//! DescribeTransitGatewayRouteTables.
//!
//! Owns the record with its static routes and its references to prefix lists. Which attachments are associated with a
//! table or propagate to it is in the records of the attachments. Refuses to know which route a packet takes.
//! <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-route-tables.html>

use aws_api::ec2::{self as api, operation as op};
use aws_types::{
    PrefixListId, Tags, Timestamp, TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use super::attachment::TransitGatewayAttachment;
use super::{TransitGateway, has_non_deleted};
use crate::filter::{Filters, flag, text};
use crate::page::Page;
use crate::progress::{self, Change, Progress, Progressing};
use crate::state::{Edit, Naming, State, resource};
use crate::{Ec2, error, pace, quota, tag};

/// A static route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitGatewayRoute {
    /// What it is for.
    pub destination: IpNet,
    /// The attachment that it leads to; `None` drops packets.
    pub target: Option<TransitGatewayAttachmentId>,
}

/// A route to everything that a prefix list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixListReference {
    /// The list.
    pub list: PrefixListId,
    /// The attachment that its routes lead to; `None` drops packets.
    pub target: Option<TransitGatewayAttachmentId>,
    /// Until when it is shown as being made or changed; it counts at once.
    #[serde(flatten)]
    pub progress: Progress,
}

/// A route table of a transit gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransitGatewayRouteTable {
    /// Its id.
    pub id: TransitGatewayRouteTableId,
    /// Its gateway.
    pub gateway: TransitGatewayId,
    /// Its static routes, one for a destination.
    pub routes: Vec<TransitGatewayRoute>,
    /// Its references to prefix lists, one for a list.
    pub references: Vec<PrefixListReference>,
    /// What was last done to it.
    pub progress: Progress,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    TransitGatewayRouteTable,
    TransitGatewayRouteTableId,
    "ec2.transit-gateway-route-table",
    Naming {
        resource_type: "transit-gateway-route-table",
        noun: "transitGatewayRouteTable",
        not_found: "InvalidRouteTableID.NotFound",
        malformed: "InvalidRouteTableId.Malformed",
    },
    fn not_found_message(id: &str) -> String {
        format!("Transit Gateway Route Table {id} was deleted or does not exist.")
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.progress.ends_at()
    }
);

impl Progressing for TransitGatewayRouteTable {
    fn progress(&self) -> Progress {
        self.progress
    }
}

impl TransitGatewayRouteTable {
    /// Whether it refers to that prefix list.
    pub fn has_prefix_list(&self, list: PrefixListId) -> bool {
        self.references.iter().any(|reference| reference.list == list)
    }
}

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateTransitGatewayRouteTable>(create)
        .with::<op::DeleteTransitGatewayRouteTable>(delete)
        .with::<op::DescribeTransitGatewayRouteTables>(describe)
}

/// Checks that a table is one of that gateway.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn check_gateway(
    table: &TransitGatewayRouteTable,
    gateway: TransitGatewayId,
) -> Result<(), ServiceError> {
    if table.gateway == gateway {
        return Ok(());
    }
    let message = format!("Transit Gateway Route Table {} does not belong to {gateway}.", table.id);
    Err(error::invalid_value(message))
}

/// Writes a new table.
pub(super) fn make(
    edit: &mut Edit<'_>,
    gateway: TransitGatewayId,
    tags: Tags,
    done_at: Timestamp,
) -> TransitGatewayRouteTableId {
    let id = edit.new_id();
    let created_at = edit.now();
    edit.put(TransitGatewayRouteTable {
        id,
        gateway,
        routes: Vec::new(),
        references: Vec::new(),
        progress: Progress::new(Change::Create, done_at),
        created_at,
        tags,
    });
    id
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateTransitGatewayRouteTableRequest,
) -> Result<api::CreateTransitGatewayRouteTableResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "transit-gateway-route-table")?;
    ec2.edit(context, input.dry_run, |edit| {
        let gateway = progress::available::<TransitGateway>(edit, &input.transit_gateway_id)?.id;
        let count = edit
            .all::<TransitGatewayRouteTable>()
            .filter(|table| table.gateway == gateway && !table.progress.is_ended())
            .count();
        quota::ROUTE_TABLES_PER_TRANSIT_GATEWAY.check(edit, count + 1)?;
        let done_at = pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit);
        let id = make(edit, gateway, tags, done_at);
        let table = edit.held::<TransitGatewayRouteTable>(id)?;
        Ok(api::CreateTransitGatewayRouteTableResult {
            transit_gateway_route_table: Some(shown(edit, &table)),
        })
    })
}

/// What propagates to the table does so no longer.
fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteTransitGatewayRouteTableRequest,
) -> Result<api::DeleteTransitGatewayRouteTableResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let text = &input.transit_gateway_route_table_id;
        let mut table = progress::available::<TransitGatewayRouteTable>(edit, text)?;
        let gateway = edit.held::<TransitGateway>(table.gateway)?;
        let defaults = [
            ("association", gateway.options.association_table),
            ("propagation", gateway.options.propagation_table),
        ];
        for (kind, default) in defaults {
            if default == Some(table.id) {
                let message = format!("{} is the default {kind} route table of {}.", table.id, gateway.id);
                return Err(ServiceError::new("IncorrectState", message));
            }
        }
        let mut associated = Vec::new();
        let mut propagating = Vec::new();
        for attachment in edit.all::<TransitGatewayAttachment>() {
            if attachment.association_at(edit.now()).is_some_and(|held| held.table == table.id) {
                associated.push(attachment.id.to_string());
            }
            if attachment.propagations.contains(&table.id) {
                propagating.push(TransitGatewayAttachment::clone(&attachment));
            }
        }
        has_non_deleted(table.id, "Associations", &associated)?;
        for mut attachment in propagating {
            attachment.propagations.retain(|&held| held != table.id);
            edit.put(attachment);
        }
        table.routes.clear();
        table.references.clear();
        table.progress = Progress::new(Change::Delete, pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit));
        edit.put(table.clone());
        Ok(api::DeleteTransitGatewayRouteTableResult {
            transit_gateway_route_table: Some(shown(edit, &table)),
        })
    })
}

fn shown(state: &impl State, table: &TransitGatewayRouteTable) -> api::TransitGatewayRouteTable {
    let gateway = state.find::<TransitGateway>(table.gateway);
    let is_default = |default: fn(&TransitGateway) -> Option<TransitGatewayRouteTableId>| {
        Some(gateway.as_ref().is_some_and(|gateway| default(gateway) == Some(table.id)))
    };
    api::TransitGatewayRouteTable {
        transit_gateway_route_table_id: Some(table.id.to_string()),
        transit_gateway_id: Some(table.gateway.to_string()),
        state: Some(table.progress.state(state.now()).to_owned()),
        default_association_route_table: is_default(|gateway| gateway.options.association_table),
        default_propagation_route_table: is_default(|gateway| gateway.options.propagation_table),
        creation_time: Some(table.created_at),
        tags: tag::shown(&table.tags),
    }
}

static FILTERS: Filters<api::TransitGatewayRouteTable> = Filters {
    tags: Some(|table| table.tags.as_deref().unwrap_or_default()),
    named: &[
        ("default-association-route-table", |table| flag(table.default_association_route_table)),
        ("default-propagation-route-table", |table| flag(table.default_propagation_route_table)),
        ("state", |table| text(&table.state)),
        ("transit-gateway-id", |table| text(&table.transit_gateway_id)),
        ("transit-gateway-route-table-id", |table| text(&table.transit_gateway_route_table_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeTransitGatewayRouteTablesRequest,
) -> Result<api::DescribeTransitGatewayRouteTablesResult, ServiceError> {
    let view = ec2.view(context);
    let page = Page::new("DescribeTransitGatewayRouteTables", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (tables, next_token) = page.of(
        &view,
        input.transit_gateway_route_table_ids.as_ref(),
        wanted,
        |table: &TransitGatewayRouteTable| shown(&view, table),
    )?;
    ec2.answer(
        input.dry_run,
        api::DescribeTransitGatewayRouteTablesResult {
            transit_gateway_route_tables: Some(tables),
            next_token,
        },
    )
}
