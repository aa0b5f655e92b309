//! Transfers to other accounts.

use super::{allocate, associate, describe, public_subnet, release, with_interface};
use crate::cloud::{Cloud, api, input, op, tagged, tags};

const OTHER: &str = "210987654321";
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

fn enable(id: &str) -> api::EnableAddressTransferRequest {
    input!(EnableAddressTransferRequest { allocation_id: id, transfer_account_id: OTHER })
}

fn disable(id: &str) -> api::DisableAddressTransferRequest {
    input!(DisableAddressTransferRequest { allocation_id: id })
}

fn accept(address: &str) -> api::AcceptAddressTransferRequest {
    input!(AcceptAddressTransferRequest { address: address })
}

/// The allocations and states of the transfers that an account sees.
fn transfers(cloud: &Cloud) -> Vec<(String, String)> {
    let found = cloud.ok::<op::DescribeAddressTransfers>(input!(DescribeAddressTransfersRequest {}));
    let shown = found.address_transfers.unwrap().into_iter();
    shown.map(|held| (held.allocation_id.unwrap(), held.address_transfer_status.unwrap())).collect()
}

fn state(id: &str, state: &str) -> Vec<(String, String)> {
    vec![(id.to_owned(), state.to_owned())]
}

#[test]
fn an_address_changes_hands() {
    let cloud = Cloud::new();
    let other = cloud.seen_by(OTHER, "us-east-1");
    let (id, address) = allocate(&cloud);
    cloud.ok::<op::CreateTags>(input!(CreateTagsRequest { resources: [&id], tags: tags(&[("a", "b")]) }));
    let offered = cloud.ok::<op::EnableAddressTransfer>(enable(&id)).address_transfer.unwrap();
    assert_eq!(offered.address_transfer_status.as_deref(), Some("pending"));
    assert_eq!(offered.allocation_id.as_ref(), Some(&id));
    assert_eq!(offered.public_ip.as_ref(), Some(&address));
    assert_eq!(offered.transfer_account_id.as_deref(), Some(OTHER));
    assert_eq!(offered.transfer_offer_accepted_timestamp, None);
    let expires_at = cloud.now().plus_millis(7 * DAY_MILLIS);
    assert_eq!(offered.transfer_offer_expiration_timestamp, Some(expires_at));
    // The offer is its maker's alone, and changes nothing yet.
    assert_eq!(transfers(&cloud), state(&id, "pending"));
    assert_eq!(transfers(&other), []);
    assert_eq!(describe(&cloud, &id).tags, Some(tags(&[("a", "b")])));

    cloud.wait(1000);
    let dry = input!(AcceptAddressTransferRequest { address: &address, dry_run: true });
    other.refuses::<op::AcceptAddressTransfer>(dry, "DryRunOperation", "…");
    let wanted = api::AcceptAddressTransferRequest {
        tag_specifications: Some(tagged("elastic-ip", &[("Name", "mine")])),
        ..accept(&address)
    };
    let accepted = other.ok::<op::AcceptAddressTransfer>(wanted).address_transfer.unwrap();
    assert_eq!(accepted.address_transfer_status.as_deref(), Some("accepted"));
    assert_eq!(accepted.transfer_offer_accepted_timestamp, Some(cloud.now()));
    let held = describe(&other, &id);
    assert_eq!((held.public_ip.as_ref(), held.tags), (Some(&address), Some(tags(&[("Name", "mine")]))));
    let unknown = format!("The allocation ID '{id}' does not exist");
    let gone = input!(DescribeAddressesRequest { allocation_ids: [&id] });
    cloud.refuses::<op::DescribeAddresses>(gone, "InvalidAllocationID.NotFound", &unknown);
    // It can be accepted once.
    let message = format!("Address '{address}' not found.");
    other.refuses::<op::AcceptAddressTransfer>(accept(&address), "InvalidAddress.NotFound", &message);
    // It is shown for 14 days to the account that had it.
    let by_id = input!(DescribeAddressTransfersRequest { allocation_ids: [&id] });
    assert_eq!(cloud.ok::<op::DescribeAddressTransfers>(by_id).address_transfers.unwrap().len(), 1);
    assert_eq!(transfers(&other), []);
    cloud.wait(14 * DAY_MILLIS - 1);
    assert_eq!(transfers(&cloud), state(&id, "accepted"));
    cloud.wait(1);
    assert_eq!(transfers(&cloud), []);
    // Whoever has it now gives it back to the cloud.
    release(&other, &id);
    assert_eq!(
        other.ok::<op::DescribeAddresses>(input!(DescribeAddressesRequest {})).addresses,
        Some(vec![])
    );
}

#[test]
fn an_offer_ends() {
    let cloud = Cloud::new();
    let other = cloud.seen_by(OTHER, "us-east-1");
    let (id, address) = allocate(&cloud);
    let refused = |reason: &str| {
        let message = format!("Address '{address}' not found.");
        assert_eq!(transfers(&cloud), [], "{reason}");
        other.refuses::<op::AcceptAddressTransfer>(accept(&address), "InvalidAddress.NotFound", &message);
    };
    cloud.ok::<op::EnableAddressTransfer>(enable(&id));
    let disabled = cloud.ok::<op::DisableAddressTransfer>(disable(&id)).address_transfer.unwrap();
    assert_eq!(disabled.address_transfer_status.as_deref(), Some("disabled"));
    refused("disabled");

    cloud.ok::<op::EnableAddressTransfer>(enable(&id));
    cloud.wait(7 * DAY_MILLIS - 1);
    assert_eq!(transfers(&cloud), state(&id, "pending"));
    cloud.wait(1);
    refused("expired");

    cloud.ok::<op::EnableAddressTransfer>(enable(&id));
    release(&cloud, &id);
    refused("released");
}

#[test]
fn transfers_that_cannot_be() {
    let cloud = Cloud::new();
    let other = cloud.seen_by(OTHER, "us-east-1");
    let (id, address) = allocate(&cloud);
    let not_pending = format!("The address {address} is not being transferred.");
    cloud.refuses::<op::DisableAddressTransfer>(disable(&id), "IncorrectState", &not_pending);
    for account in ["1", "123456789012"] {
        let input = input!(EnableAddressTransferRequest { allocation_id: &id, transfer_account_id: account });
        let message = format!("Value ({account}) for parameter transferAccountId is invalid. …");
        cloud.refuses::<op::EnableAddressTransfer>(input, "InvalidParameterValue", &message);
    }
    let unknown = "eipalloc-0123456789abcdef0";
    let not_found = format!("The allocation ID '{unknown}' does not exist");
    let code = "InvalidAllocationID.NotFound";
    cloud.refuses::<op::EnableAddressTransfer>(enable(unknown), code, &not_found);
    cloud.refuses::<op::DisableAddressTransfer>(disable(unknown), code, &not_found);
    let by_id = |id: &str| input!(DescribeAddressTransfersRequest { allocation_ids: [id] });
    cloud.refuses::<op::DescribeAddressTransfers>(by_id(unknown), code, &not_found);
    cloud.refuses::<op::DescribeAddressTransfers>(by_id("x"), "InvalidAllocationID.Malformed", "…");
    assert_eq!(cloud.ok::<op::DescribeAddressTransfers>(by_id(&id)).address_transfers, Some(vec![]));
    other.refuses::<op::EnableAddressTransfer>(
        input!(EnableAddressTransferRequest { allocation_id: &id, transfer_account_id: "123456789012" }),
        code,
        &format!("The allocation ID '{id}' does not exist"),
    );
    let dry = api::EnableAddressTransferRequest { dry_run: Some(true), ..enable(&id) };
    cloud.refuses::<op::EnableAddressTransfer>(dry, "DryRunOperation", "…");
    // An address of one's own range stays with the range.
    let pool = crate::byoip::pool(&cloud, "203.0.113.0/24");
    let own = cloud.ok::<op::AllocateAddress>(input!(AllocateAddressRequest { public_ipv4_pool: &pool }));
    let message = "Addresses of a range of one's own cannot be transferred.";
    let offer = enable(&own.allocation_id.unwrap());
    cloud.refuses::<op::EnableAddressTransfer>(offer, "UnsupportedOperation", message);

    // What stands for something can be offered, and not be accepted.
    let interface = cloud.interface(&public_subnet(&cloud));
    let association = associate(&cloud, with_interface(&id, &interface));
    cloud.ok::<op::EnableAddressTransfer>(enable(&id));
    let dry = api::DisableAddressTransferRequest { dry_run: Some(true), ..disable(&id) };
    cloud.refuses::<op::DisableAddressTransfer>(dry, "DryRunOperation", "…");
    let pending = format!("The address {address} is being transferred to the account {OTHER}.");
    cloud.refuses::<op::EnableAddressTransfer>(enable(&id), "IncorrectState", &pending);
    other.refuses::<op::AcceptAddressTransfer>(
        accept(&address),
        "InvalidTransfer.AddressAssociated",
        &format!("The address {address} is associated, and cannot be transferred."),
    );
    cloud.ok::<op::DisassociateAddress>(input!(DisassociateAddressRequest { association_id: &association }));
    // Nobody else accepts it, nor the account itself, nor in another region.
    let missing = format!("Address '{address}' not found.");
    for (account, region) in
        [("111122223333", "us-east-1"), ("123456789012", "us-east-1"), (OTHER, "us-west-2")]
    {
        let stranger = cloud.seen_by(account, region);
        stranger.refuses::<op::AcceptAddressTransfer>(accept(&address), "InvalidAddress.NotFound", &missing);
    }
    other.refuses::<op::AcceptAddressTransfer>(accept("x"), "InvalidAddress.Malformed", "…");
    let wrong = api::AcceptAddressTransferRequest {
        tag_specifications: Some(tagged("instance", &[("a", "b")])),
        ..accept(&address)
    };
    other.refuses::<op::AcceptAddressTransfer>(wrong, "InvalidParameterValue", "'instance' is not …");
    // An account has up to five addresses, however it comes to them; those that it has brought do not count.
    let pool = crate::byoip::pool_of(&other, OTHER, "192.0.2.0/24");
    for _ in 0..5 {
        other.ok::<op::AllocateAddress>(input!(AllocateAddressRequest { public_ipv4_pool: &pool }));
    }
    let ids: Vec<_> = (0..5).map(|_| allocate(&other).0).collect();
    other.refuses::<op::AcceptAddressTransfer>(accept(&address), "AddressLimitExceeded", "…");
    release(&other, &ids[0]);
    other.ok::<op::AcceptAddressTransfer>(accept(&address));
    other.refuses::<op::AllocateAddress>(input!(AllocateAddressRequest {}), "AddressLimitExceeded", "…");
}

#[test]
fn transfers_come_in_pages() {
    let cloud = Cloud::without_quotas();
    for _ in 0..7 {
        cloud.ok::<op::EnableAddressTransfer>(enable(&allocate(&cloud).0));
    }
    let page = |next_token: Option<String>| {
        let input =
            api::DescribeAddressTransfersRequest { max_results: Some(5), next_token, ..Default::default() };
        let found = cloud.ok::<op::DescribeAddressTransfers>(input);
        (found.address_transfers.unwrap().len(), found.next_token)
    };
    let (first, token) = page(None);
    assert_eq!((first, page(token)), (5, (2, None)));
}
