//! Connect attachments: CreateTransitGatewayConnect, DeleteTransitGatewayConnect, DescribeTransitGatewayConnects.
//!
//! Owns over which attachments they can run. Refuses to know their peers, and any tunnel.
//! <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-connect.html>

use aws_api::ec2::{self as api, operation as op};
use aws_types::Tags;
use service_api::{Operations, RequestContext, ServiceError};

use super::attachment::{self, AttachmentTarget, TransitGatewayAttachment};
use super::connect_peer::TransitGatewayConnectPeer;
use super::{TransitGateway, has_non_deleted};
use crate::filter::{Filters, text};
use crate::page::Page;
use crate::progress::{self, Change, Progress};
use crate::state::State;
use crate::{Ec2, error, pace, tag};

pub(super) const KIND: &str = "connect";
/// The one protocol of tunnels.
pub(super) const PROTOCOL: &str = "gre";

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateTransitGatewayConnect>(create)
        .with::<op::DeleteTransitGatewayConnect>(delete)
        .with::<op::DescribeTransitGatewayConnects>(describe)
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateTransitGatewayConnectRequest,
) -> Result<api::CreateTransitGatewayConnectResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "transit-gateway-attachment")?;
    let protocol = &input.options.protocol;
    if protocol != PROTOCOL {
        return Err(error::invalid_value_for(protocol, "protocol", "The valid value is 'gre'."));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let text = &input.transport_transit_gateway_attachment_id;
        let transport = progress::available::<TransitGatewayAttachment>(edit, text)?;
        if transport.vpc().is_none() {
            let message = format!("{text} is not an attachment over which Connect attachments can run.");
            return Err(error::invalid_value(message));
        }
        let gateway = edit.held::<TransitGateway>(transport.gateway)?;
        attachment::check_quota(edit, gateway.id)?;
        let done_at = pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit);
        let mut connect = TransitGatewayAttachment {
            id: edit.new_id(),
            gateway: gateway.id,
            target: AttachmentTarget::Connect { transport: transport.id },
            association: None,
            propagations: Vec::new(),
            progress: Progress::new(Change::Create, done_at),
            created_at: edit.now(),
            tags,
            vpc_owner_tags: Tags::default(),
        };
        connect.use_defaults(&gateway, done_at);
        edit.put(connect.clone());
        Ok(api::CreateTransitGatewayConnectResult { transit_gateway_connect: Some(shown(edit, &connect)) })
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteTransitGatewayConnectRequest,
) -> Result<api::DeleteTransitGatewayConnectResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let held =
            progress::available::<TransitGatewayAttachment>(edit, &input.transit_gateway_attachment_id)?;
        let connect = attachment::of_kind(held, KIND)?;
        let peers: Vec<_> = edit
            .all::<TransitGatewayConnectPeer>()
            .filter(|peer| peer.connect == connect.id && !peer.progress.is_ended())
            .map(|peer| peer.id.to_string())
            .collect();
        has_non_deleted(connect.id, "Connect Peers", &peers)?;
        let progress = Progress::new(Change::Delete, pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit));
        let connect = attachment::end(edit, connect, progress);
        Ok(api::DeleteTransitGatewayConnectResult { transit_gateway_connect: Some(shown(edit, &connect)) })
    })
}

fn shown(state: &impl State, connect: &TransitGatewayAttachment) -> api::TransitGatewayConnect {
    api::TransitGatewayConnect {
        transit_gateway_attachment_id: Some(connect.id.to_string()),
        transport_transit_gateway_attachment_id: Some(connect.resource_id()),
        transit_gateway_id: Some(connect.gateway.to_string()),
        state: Some(connect.progress.state(state.now()).to_owned()),
        creation_time: Some(connect.created_at),
        options: Some(api::TransitGatewayConnectOptions { protocol: Some(PROTOCOL.to_owned()) }),
        tags: tag::shown(&connect.tags),
    }
}

static FILTERS: Filters<api::TransitGatewayConnect> = Filters {
    tags: Some(|connect| connect.tags.as_deref().unwrap_or_default()),
    named: &[
        ("options.protocol", |connect| {
            connect.options.as_ref().map_or_else(Vec::new, |options| text(&options.protocol))
        }),
        ("state", |connect| text(&connect.state)),
        ("transit-gateway-attachment-id", |connect| text(&connect.transit_gateway_attachment_id)),
        ("transit-gateway-id", |connect| text(&connect.transit_gateway_id)),
        ("transport-transit-gateway-attachment-id", |connect| {
            text(&connect.transport_transit_gateway_attachment_id)
        }),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeTransitGatewayConnectsRequest,
) -> Result<api::DescribeTransitGatewayConnectsResult, ServiceError> {
    let view = ec2.view(context);
    let ids = input.transit_gateway_attachment_ids.as_ref();
    let connects = attachment::selected_of_kind(&view, ids, KIND)?;
    let page = Page::new("DescribeTransitGatewayConnects", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (connects, next_token) = page.of_owned(&view, connects, wanted, shown)?;
    ec2.answer(
        input.dry_run,
        api::DescribeTransitGatewayConnectsResult { transit_gateway_connects: Some(connects), next_token },
    )
}
