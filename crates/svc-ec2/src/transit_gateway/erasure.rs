//! What an account that is closed for good has together with others at transit gateways. Refuses to know when that is.

use std::sync::Arc;

use aws_types::AccountId;
use store::Read as _;

use super::attachment::{self, TransitGatewayAttachment};
use super::vpc_attachment::remove_interfaces;
use crate::progress::{Change, Progress};
use crate::state::{Edit, State};

/// Takes what is attached to a gateway of the account from it: a VPC's interfaces, or the other side's record of a peering.
pub(crate) fn detach(edit: &mut Edit<'_>, attachment: &TransitGatewayAttachment) {
    remove_interfaces(edit, attachment);
    if let Some(side) = attachment.other_side() {
        let mut other = edit.elsewhere(side.account, side.region.clone());
        let theirs = other.own::<TransitGatewayAttachment>(attachment.id);
        if let Some(theirs) = theirs.filter(|theirs| !theirs.progress.is_ended()) {
            let progress = Progress::new(Change::Delete, other.now());
            attachment::end(&mut other, Arc::unwrap_or_clone(theirs), progress);
        }
    }
}

/// The attachments of the account's VPCs to gateways of others, with these: `most` at most.
pub(crate) fn attachments_to_others(
    edit: &Edit<'_>,
    most: usize,
) -> Vec<(AccountId, Arc<TransitGatewayAttachment>)> {
    let of_owner = |owner: AccountId| {
        let held = edit.reader().scan::<TransitGatewayAttachment>(&edit.part_of(owner));
        held.map(move |(_, attachment)| (owner, attachment))
    };
    let others = resource_shares::related(edit.reader(), edit.scope()).into_iter();
    let its = |attachment: &TransitGatewayAttachment| {
        attachment.vpc_owner() == Some(edit.account()) && !attachment.progress.is_ended()
    };
    others.flat_map(of_owner).filter(|(_, attachment)| its(attachment)).take(most).collect()
}

/// Takes a VPC of the account from another one's gateway.
pub(crate) fn leave(edit: &mut Edit<'_>, owner: AccountId, attachment: Arc<TransitGatewayAttachment>) {
    let mut there = edit.of_owner(owner);
    remove_interfaces(&mut there, &attachment);
    let progress = Progress::new(Change::Delete, there.now());
    attachment::end(&mut there, Arc::unwrap_or_clone(attachment), progress);
}
