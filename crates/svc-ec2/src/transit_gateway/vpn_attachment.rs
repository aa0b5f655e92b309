//! VPN attachments of transit gateways, which come and go with their VPN connections.
//!
//! Owns how a connection is attached. Refuses to know tunnels; it has no operations of its own.
//! <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpn-attachments.html>

use aws_types::{Tags, Timestamp, VpnConnectionId};
use service_api::ServiceError;

use super::TransitGateway;
use super::attachment::{self, AttachmentTarget, TransitGatewayAttachment};
use crate::progress::{Change, Progress};
use crate::state::{Edit, State};

/// Attaches a connection to a gateway. It is associated and propagates as the gateway's defaults are; nothing is learnt
/// over tunnels that are down, so that it brings no routes.
///
/// # Errors
/// `TransitGatewayAttachmentLimitExceeded`.
pub(crate) fn attach(
    edit: &mut Edit<'_>,
    gateway: &TransitGateway,
    connection: VpnConnectionId,
    done_at: Timestamp,
) -> Result<(), ServiceError> {
    attachment::check_quota(edit, gateway.id)?;
    let mut attachment = TransitGatewayAttachment {
        id: edit.new_id(),
        gateway: gateway.id,
        target: AttachmentTarget::Vpn { connection },
        association: None,
        propagations: Vec::new(),
        progress: Progress::new(Change::Create, done_at),
        created_at: edit.now(),
        tags: Tags::default(),
        vpc_owner_tags: Tags::default(),
    };
    attachment.use_defaults(gateway, done_at);
    edit.put(attachment);
    Ok(())
}

/// Ends the attachment of a connection, if it has one.
pub(crate) fn detach(edit: &mut Edit<'_>, connection: VpnConnectionId, done_at: Timestamp) {
    let target = AttachmentTarget::Vpn { connection };
    let held = edit
        .all::<TransitGatewayAttachment>()
        .find(|attachment| attachment.target == target && !attachment.progress.is_ended());
    if let Some(held) = held {
        let held = TransitGatewayAttachment::clone(&held);
        attachment::end(edit, held, Progress::new(Change::Delete, done_at));
    }
}
