//! Peerings of transit gateways of different regions or accounts: CreateTransitGatewayPeeringAttachment,
//! AcceptTransitGatewayPeeringAttachment, RejectTransitGatewayPeeringAttachment, DeleteTransitGatewayPeeringAttachment,
//! DescribeTransitGatewayPeeringAttachments.
//!
//! Owns who may do what, and that both sides' records change in one transaction. Refuses to know routes, which are
//! static over a peering.
//! <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-peering.html>

use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, Tags};
use service_api::{Operations, RequestContext, ServiceError};

use super::TransitGateway;
use super::attachment::{self, AttachmentTarget, PeeringSide, TransitGatewayAttachment};
use crate::filter::{Filters, text};
use crate::page::Page;
use crate::progress::{self, Change, Progress, incorrect_state};
use crate::state::{Edit, State};
use crate::{Ec2, error, pace, tag, zone};

const KIND: &str = "peering";

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateTransitGatewayPeeringAttachment>(create)
        .with::<op::AcceptTransitGatewayPeeringAttachment>(accept)
        .with::<op::RejectTransitGatewayPeeringAttachment>(reject)
        .with::<op::DeleteTransitGatewayPeeringAttachment>(delete)
        .with::<op::DescribeTransitGatewayPeeringAttachments>(describe)
}

fn check_options(
    options: Option<&api::CreateTransitGatewayPeeringAttachmentRequestOptions>,
) -> Result<(), ServiceError> {
    let Some(options) = options else { return Ok(()) };
    if super::switch(options.dynamic_routing.as_ref(), false, "DynamicRouting")? {
        return Err(error::unsupported("Dynamic routing over a peering is not supported."));
    }
    if options.allow_multipath_resilience == Some(true) || options.multipath_resilience_mode.is_some() {
        return Err(error::unsupported("Multipath resilience of a peering is not supported."));
    }
    Ok(())
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateTransitGatewayPeeringAttachmentRequest,
) -> Result<api::CreateTransitGatewayPeeringAttachmentResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "transit-gateway-attachment")?;
    check_options(input.options.as_ref())?;
    let has_options = input.options.is_some();
    let account: AccountId = input.peer_account_id.parse().map_err(|_| {
        let why = "It must be an AWS account ID.";
        error::invalid_value_for(&input.peer_account_id, "peerAccountId", why)
    })?;
    let region = zone::region_named(&input.peer_region, "peerRegion")?;
    ec2.edit(context, input.dry_run, |edit| {
        let gateway = progress::available::<TransitGateway>(edit, &input.transit_gateway_id)?;
        if account == edit.account() && region == *edit.region() {
            return Err(error::unsupported(
                "Peerings of transit gateways of one account in one region are not supported.",
            ));
        }
        attachment::check_quota(edit, gateway.id)?;
        let requester =
            PeeringSide { gateway: gateway.id, account: edit.account(), region: edit.region().clone() };
        let id = edit.new_id();
        let done_at = pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit);
        let record = |edit: &Edit<'_>, gateway, target, tags| TransitGatewayAttachment {
            id,
            gateway,
            target,
            association: None,
            propagations: Vec::new(),
            progress: Progress::new(Change::Request, done_at),
            created_at: edit.now(),
            tags,
            vpc_owner_tags: Tags::default(),
        };
        let accepter = {
            let mut other = edit.elsewhere(account, region.clone());
            let peer = progress::available::<TransitGateway>(&other, &input.peer_transit_gateway_id)?;
            let accepter = PeeringSide { gateway: peer.id, account, region: region.clone() };
            let is_peered = other.all::<TransitGatewayAttachment>().any(|held| {
                held.gateway == peer.id
                    && held.is_there(other.now())
                    && held.other_side().is_some_and(|side| side.gateway == requester.gateway)
            });
            if is_peered {
                let message = format!(
                    "{} has non-deleted Transit Gateway Attachments with same Transit Gateway ID.",
                    requester.gateway
                );
                return Err(ServiceError::new("DuplicateTransitGatewayAttachment", message));
            }
            attachment::check_quota(&mut other, peer.id)?;
            let target = AttachmentTarget::Peering {
                requester: requester.clone(),
                accepter: accepter.clone(),
                is_accepter: true,
                has_options,
            };
            let theirs = record(&other, peer.id, target, Tags::default());
            other.put(theirs);
            accepter
        };
        let target = AttachmentTarget::Peering { requester, accepter, is_accepter: false, has_options };
        let ours = record(edit, gateway.id, target, tags);
        edit.put(ours.clone());
        Ok(api::CreateTransitGatewayPeeringAttachmentResult {
            transit_gateway_peering_attachment: Some(shown(edit, &ours)),
        })
    })
}

/// Changes and writes the records of both sides.
fn change_both(
    edit: &mut Edit<'_>,
    ours: TransitGatewayAttachment,
    change: impl Fn(&mut Edit<'_>, TransitGatewayAttachment) -> Result<TransitGatewayAttachment, ServiceError>,
) -> Result<api::TransitGatewayPeeringAttachment, ServiceError> {
    let ours = change(edit, ours)?;
    if let Some(side) = ours.other_side() {
        let mut other = edit.elsewhere(side.account, side.region.clone());
        let theirs = other.held::<TransitGatewayAttachment>(ours.id)?;
        change(&mut other, theirs)?;
    }
    Ok(shown(edit, &ours))
}

/// A peering that waits for its accepter, who asks.
fn pending(edit: &Edit<'_>, text: &str) -> Result<TransitGatewayAttachment, ServiceError> {
    let peering = attachment::of_kind(progress::live::<TransitGatewayAttachment>(edit, text)?, KIND)?;
    if !matches!(peering.target, AttachmentTarget::Peering { is_accepter: true, .. }) {
        let message = format!("{text} can be accepted or rejected by the owner of the accepter only.");
        return Err(error::not_permitted(message));
    }
    if peering.progress.state(edit.now()) == "pendingAcceptance" {
        Ok(peering)
    } else {
        Err(incorrect_state(text))
    }
}

fn accept(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AcceptTransitGatewayPeeringAttachmentRequest,
) -> Result<api::AcceptTransitGatewayPeeringAttachmentResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let peering = pending(edit, &input.transit_gateway_attachment_id)?;
        let shown = change_both(edit, peering, |edit, mut peering| {
            let done_at = pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit);
            let gateway = edit.held::<TransitGateway>(peering.gateway)?;
            peering.use_defaults(&gateway, done_at);
            peering.progress = Progress::new(Change::Accept, done_at);
            edit.put(peering.clone());
            Ok(peering)
        })?;
        Ok(api::AcceptTransitGatewayPeeringAttachmentResult {
            transit_gateway_peering_attachment: Some(shown),
        })
    })
}

fn reject(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::RejectTransitGatewayPeeringAttachmentRequest,
) -> Result<api::RejectTransitGatewayPeeringAttachmentResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let peering = pending(edit, &input.transit_gateway_attachment_id)?;
        let shown = change_both(edit, peering, |edit, peering| {
            let done_at = pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit);
            Ok(attachment::end(edit, peering, Progress::new(Change::Reject, done_at)))
        })?;
        Ok(api::RejectTransitGatewayPeeringAttachmentResult {
            transit_gateway_peering_attachment: Some(shown),
        })
    })
}

/// Either side deletes it, accepted or not.
fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteTransitGatewayPeeringAttachmentRequest,
) -> Result<api::DeleteTransitGatewayPeeringAttachmentResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let text = &input.transit_gateway_attachment_id;
        let peering = attachment::of_kind(progress::live::<TransitGatewayAttachment>(edit, text)?, KIND)?;
        if !matches!(peering.progress.state(edit.now()), "available" | "pendingAcceptance") {
            return Err(incorrect_state(text));
        }
        let shown = change_both(edit, peering, |edit, peering| {
            let done_at = pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit);
            Ok(attachment::end(edit, peering, Progress::new(Change::Delete, done_at)))
        })?;
        Ok(api::DeleteTransitGatewayPeeringAttachmentResult {
            transit_gateway_peering_attachment: Some(shown),
        })
    })
}

fn shown_side(side: &PeeringSide) -> api::PeeringTgwInfo {
    api::PeeringTgwInfo {
        transit_gateway_id: Some(side.gateway.to_string()),
        core_network_id: None,
        owner_id: Some(side.account.to_string()),
        region: Some(side.region.to_string()),
    }
}

fn shown(state: &impl State, peering: &TransitGatewayAttachment) -> api::TransitGatewayPeeringAttachment {
    let phase = peering.progress.state(state.now());
    let mut shown = api::TransitGatewayPeeringAttachment {
        transit_gateway_attachment_id: Some(peering.id.to_string()),
        status: Some(api::PeeringAttachmentStatus { code: Some(phase.to_owned()), message: None }),
        state: Some(phase.to_owned()),
        creation_time: Some(peering.created_at),
        tags: tag::shown(&peering.tags),
        ..Default::default()
    };
    if let AttachmentTarget::Peering { requester, accepter, has_options, .. } = &peering.target {
        shown.options = has_options.then(|| api::TransitGatewayPeeringAttachmentOptions {
            dynamic_routing: super::switched(false),
            ..Default::default()
        });
        shown.requester_tgw_info = Some(shown_side(requester));
        shown.accepter_tgw_info = Some(shown_side(accepter));
    }
    shown
}

/// What filters look at: which side is whose is not in the answer.
struct Found {
    shown: api::TransitGatewayPeeringAttachment,
    local_owner: String,
    remote_owner: String,
    gateway: String,
}

static FILTERS: Filters<Found> = Filters {
    tags: Some(|found| found.shown.tags.as_deref().unwrap_or_default()),
    named: &[
        ("local-owner-id", |found| vec![found.local_owner.clone()]),
        ("remote-owner-id", |found| vec![found.remote_owner.clone()]),
        ("state", |found| text(&found.shown.state)),
        ("transit-gateway-attachment-id", |found| text(&found.shown.transit_gateway_attachment_id)),
        ("transit-gateway-id", |found| vec![found.gateway.clone()]),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeTransitGatewayPeeringAttachmentsRequest,
) -> Result<api::DescribeTransitGatewayPeeringAttachmentsResult, ServiceError> {
    let view = ec2.view(context);
    let ids = input.transit_gateway_attachment_ids.as_ref();
    let mut found: Vec<_> = attachment::selected_of_kind(&view, ids, KIND)?
        .into_iter()
        .map(|held| held.resource)
        .map(|peering| Found {
            shown: shown(&view, &peering),
            local_owner: view.account().to_string(),
            remote_owner: peering.other_side().map_or_else(String::new, |side| side.account.to_string()),
            gateway: peering.gateway.to_string(),
        })
        .collect();
    FILTERS.apply(&mut found, input.filters.as_ref())?;
    let page =
        Page::new("DescribeTransitGatewayPeeringAttachments", input.max_results, input.next_token.as_ref());
    let (found, next_token) =
        page.cut(found, |held| held.shown.transit_gateway_attachment_id.as_deref().unwrap_or_default())?;
    ec2.answer(
        input.dry_run,
        api::DescribeTransitGatewayPeeringAttachmentsResult {
            transit_gateway_peering_attachments: Some(found.into_iter().map(|held| held.shown).collect()),
            next_token,
        },
    )
}
