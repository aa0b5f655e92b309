//! Transfers of elastic IP addresses to other accounts: EnableAddressTransfer, DisableAddressTransfer,
//! AcceptAddressTransfer, DescribeAddressTransfers.
//!
//! Owns the offer, which is its maker's alone until the other account accepts it. Refuses to know who uses the address.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/transfer-EIPs-intro-ec2.html>

use std::net::Ipv4Addr;
use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, AllocationId, Timestamp};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Record, RecordKind};

use super::{ElasticIp, check_room, parse_address, unknown_address};
use crate::due::{Due, Timed};
use crate::page::Page;
use crate::state::{Edit, State, not_found, parse_id};
use crate::{Ec2, error, tag};

/// How long an offer can be accepted.
const OFFERED_MILLIS: i64 = 7 * 24 * 60 * 60 * 1000;
/// How long an accepted transfer is shown.
const SHOWN_AFTER_ACCEPTANCE_MILLIS: i64 = 14 * 24 * 60 * 60 * 1000;
/// The smallest and largest `MaxResults` of DescribeAddressTransfers.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAddressTransfers.html>
const PAGE_LIMITS: (i32, i32) = (5, 1000);

/// An offer of an address to another account. Stored with the account that makes it, under the id of its allocation.
///
/// ```text
/// pending ──accept──> accepted ──14 d──> not shown
///    │
///    └──disable, release or 7 d──> not shown
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AddressTransfer {
    allocation: AllocationId,
    address: Ipv4Addr,
    /// Whose the address is to be.
    to: AccountId,
    /// Until when it can be accepted.
    expires_at: Timestamp,
    accepted_at: Option<Timestamp>,
}

impl Record for AddressTransfer {
    const KIND: &'static str = "ec2.address-transfer";
}

impl Timed for AddressTransfer {
    fn due(&self) -> Option<Due> {
        Some(Due::End(self.ends_at()))
    }
}

impl AddressTransfer {
    /// From when on it is not shown.
    fn ends_at(&self) -> Timestamp {
        self.accepted_at.map_or(self.expires_at, |at| at.plus_millis(SHOWN_AFTER_ACCEPTANCE_MILLIS))
    }

    fn is_shown(&self, now: Timestamp) -> bool {
        now < self.ends_at()
    }

    fn is_pending(&self, now: Timestamp) -> bool {
        self.accepted_at.is_none() && self.is_shown(now)
    }
}

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::AcceptAddressTransfer>(accept)
        .with::<op::DescribeAddressTransfers>(describe)
        .with::<op::DisableAddressTransfer>(disable)
        .with::<op::EnableAddressTransfer>(enable)
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<AddressTransfer>()];

/// The offer of an address that can still be accepted.
fn pending(state: &impl State, allocation: AllocationId) -> Option<Arc<AddressTransfer>> {
    let held = state.record::<AddressTransfer>(&allocation.to_string())?;
    held.is_pending(state.now()).then_some(held)
}

/// Ends the offer of an address that its account releases.
pub(super) fn forget(edit: &mut Edit<'_>, allocation: AllocationId) {
    if pending(edit, allocation).is_some() {
        edit.remove_timed::<AddressTransfer>(&allocation.to_string());
    }
}

fn shown(transfer: &AddressTransfer, status: &str) -> api::AddressTransfer {
    api::AddressTransfer {
        address_transfer_status: Some(status.to_owned()),
        allocation_id: Some(transfer.allocation.to_string()),
        public_ip: Some(transfer.address.to_string()),
        transfer_account_id: Some(transfer.to.to_string()),
        transfer_offer_accepted_timestamp: transfer.accepted_at,
        transfer_offer_expiration_timestamp: Some(transfer.expires_at),
    }
}

/// An address that stands for something can be offered; it cannot be accepted as long as it does.
fn enable(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::EnableAddressTransferRequest,
) -> Result<api::EnableAddressTransferResult, ServiceError> {
    let text = &input.transfer_account_id;
    let invalid = |why: &str| error::invalid_value_for(text, "transferAccountId", why);
    let to: AccountId = text.parse().map_err(|_| invalid("An account ID has 12 digits."))?;
    ec2.edit(context, input.dry_run, |edit| {
        let elastic_ip = edit.named::<ElasticIp>(&input.allocation_id)?;
        if to == edit.account() {
            return Err(invalid("The address is this account's already."));
        }
        if elastic_ip.pool.is_some() {
            return Err(error::unsupported("Addresses of a range of one's own cannot be transferred."));
        }
        if let Some(held) = pending(edit, elastic_ip.id) {
            return Err(ServiceError::new(
                "IncorrectState",
                format!("The address {} is being transferred to the account {}.", held.address, held.to),
            ));
        }
        let transfer = AddressTransfer {
            allocation: elastic_ip.id,
            address: elastic_ip.address,
            to,
            expires_at: edit.now().plus_millis(OFFERED_MILLIS),
            accepted_at: None,
        };
        let answer = api::EnableAddressTransferResult { address_transfer: Some(shown(&transfer, "pending")) };
        edit.put_timed(&elastic_ip.id.to_string(), transfer);
        Ok(answer)
    })
}

fn disable(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DisableAddressTransferRequest,
) -> Result<api::DisableAddressTransferResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let elastic_ip = edit.named::<ElasticIp>(&input.allocation_id)?;
        let transfer = pending(edit, elastic_ip.id).ok_or_else(|| {
            let message = format!("The address {} is not being transferred.", elastic_ip.address);
            ServiceError::new("IncorrectState", message)
        })?;
        edit.remove_timed::<AddressTransfer>(&elastic_ip.id.to_string());
        Ok(api::DisableAddressTransferResult { address_transfer: Some(shown(&transfer, "disabled")) })
    })
}

/// The address keeps its allocation, and loses its tags.
fn accept(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AcceptAddressTransferRequest,
) -> Result<api::AcceptAddressTransferResult, ServiceError> {
    let address = parse_address(&input.address)?;
    let tags = tag::specified(input.tag_specifications.as_ref(), "elastic-ip")?;
    ec2.edit(context, input.dry_run, |edit| {
        let (now, to, region) = (edit.now(), edit.account(), edit.region().clone());
        let offer = edit
            .reader()
            .scan_all::<AddressTransfer>()
            .find(|(scope, _, held)| {
                scope.region == region && held.address == address && held.to == to && held.is_pending(now)
            })
            .map(|(scope, _, held)| (scope.account, held));
        let offer = offer.filter(|(from, _)| edit.is_open(*from));
        let (from, offer) = offer.ok_or_else(|| unknown_address(&input.address))?;
        check_room(edit)?;
        let mut source = edit.elsewhere(from, region);
        let elastic_ip = source.held::<ElasticIp>(offer.allocation)?;
        if elastic_ip.association.is_some() {
            return Err(ServiceError::new(
                "InvalidTransfer.AddressAssociated",
                format!("The address {address} is associated, and cannot be transferred."),
            ));
        }
        let transfer = AddressTransfer { accepted_at: Some(now), ..AddressTransfer::clone(&offer) };
        source.remove::<ElasticIp>(elastic_ip.id);
        source.put_timed(&elastic_ip.id.to_string(), transfer.clone());
        edit.put(ElasticIp { allocated_at: now, tags, ..elastic_ip });
        Ok(api::AcceptAddressTransferResult { address_transfer: Some(shown(&transfer, "accepted")) })
    })
}

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeAddressTransfersRequest,
) -> Result<api::DescribeAddressTransfersResult, ServiceError> {
    let view = ec2.view(context);
    let mut wanted = Vec::new();
    for text in input.allocation_ids.iter().flatten() {
        let id = parse_id::<ElasticIp>(text)?;
        // An address that was transferred is no more this account's, and known by its transfer.
        let transfer = view.record::<AddressTransfer>(text);
        let is_known = view.find::<ElasticIp>(id).is_some()
            || transfer.is_some_and(|transfer| transfer.is_shown(view.now()));
        if !is_known {
            return Err(not_found::<ElasticIp>(text));
        }
        wanted.push(id);
    }
    let transfers = view
        .reader()
        .scan::<AddressTransfer>(view.scope())
        .map(|(_, held)| held)
        .filter(|held| held.is_shown(view.now()))
        .filter(|held| wanted.is_empty() || wanted.contains(&held.allocation))
        .map(|held| shown(&held, if held.accepted_at.is_some() { "accepted" } else { "pending" }))
        .collect();
    let page =
        Page::within("DescribeAddressTransfers", input.max_results, input.next_token.as_ref(), PAGE_LIMITS);
    let (transfers, next_token) =
        page.cut(transfers, |held| held.allocation_id.as_deref().unwrap_or_default())?;
    ec2.answer(
        input.dry_run,
        api::DescribeAddressTransfersResult { address_transfers: Some(transfers), next_token },
    )
}
