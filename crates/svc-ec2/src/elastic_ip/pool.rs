//! The public addresses of each region.
//!
//! Owns which of them are free, over all accounts. Refuses to know who has the others, what for, and which addresses are a
//! region's: that is [`super::public_pool`]'s. The records of what is given are of the whole cloud, and name no region.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::ops::Bound;

use aws_types::{AccountId, Timestamp};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use store::{Read, Record, RecordKind, Transaction};

use super::public_pool::block;
use crate::state::{Edit, State};

/// How long an address rests before another allocation gets it unasked. Until then, whoever released it by mistake can
/// have it back by its name, and peers that still hold connections or names of it reach nobody else.
const RESTS_MILLIS: i64 = 10 * 60 * 1000;

/// An address that is given, or has been until lately. Stored under [`id`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PublicAddress {
    address: Ipv4Addr,
    /// Since when it is free; `None` while it is given.
    free_since: Option<Timestamp>,
    /// Who has released it, and can have it back while it rests.
    #[serde(default)]
    released_by: Option<AccountId>,
}

impl Record for PublicAddress {
    const KIND: &'static str = "ec2.public-address";
}

impl PublicAddress {
    fn given(address: Ipv4Addr) -> Self {
        Self { address, free_since: None, released_by: None }
    }
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<PublicAddress>()];

/// The order of these texts is that of the addresses.
fn id(address: Ipv4Addr) -> String {
    format!("{:010}", u32::from(address))
}

/// The addresses of a range that are given, ascending.
pub(super) fn given(transaction: &Transaction, block: Ipv4Net) -> Vec<Ipv4Addr> {
    let all = transaction.scan_all::<PublicAddress>().map(|(_, _, held)| held);
    let held = all.filter(|held| held.free_since.is_none() && block.contains(&held.address));
    held.map(|held| held.address).collect()
}

/// Takes the lowest address of the region that is free and has rested. When there is none, the one that has rested for
/// longest; `None` when all are given.
pub(crate) fn take_any(edit: &mut Edit<'_>) -> Option<Ipv4Addr> {
    let block = block(edit.reader(), edit.region())?;
    let now = edit.now();
    let has_rested = |since: Timestamp| since.plus_millis(RESTS_MILLIS) <= now;
    let (transaction, scope) = edit.cloud();
    let mut known: BTreeMap<Ipv4Addr, Option<Timestamp>> = transaction
        .scan_from::<PublicAddress>(&scope, Bound::Included(&id(block.network())))
        .map(|(_, held)| (held.address, held.free_since))
        .take_while(|(address, _)| block.contains(address))
        .collect();
    // What has rested is as if it had never been given.
    known.retain(|address, free_since| {
        let is_forgotten = free_since.is_some_and(has_rested);
        if is_forgotten {
            transaction.delete::<PublicAddress>(&scope, &id(*address));
        }
        !is_forgotten
    });
    let resting = known.iter().filter_map(|(address, since)| since.map(|since| (since, *address)));
    let longest = resting.min().map(|(_, address)| address);
    let address = block.hosts().find(|address| !known.contains_key(address)).or(longest)?;
    transaction.put(&scope, &id(address), PublicAddress::given(address));
    Some(address)
}

/// Takes back an address that the account has released; `None` when it has not, or another has it by now.
pub(super) fn take(edit: &mut Edit<'_>, address: Ipv4Addr) -> Option<Ipv4Addr> {
    let block = block(edit.reader(), edit.region())?;
    let account = edit.account();
    let (transaction, scope) = edit.cloud();
    let held = transaction.get::<PublicAddress>(&scope, &id(address))?;
    if !block.contains(&address) || held.free_since.is_none() || held.released_by != Some(account) {
        return None;
    }
    transaction.put(&scope, &id(address), PublicAddress::given(address));
    Some(address)
}

/// Takes back an address that was given, and that the account can have again by its name.
pub(crate) fn give_back(edit: &mut Edit<'_>, address: Ipv4Addr) {
    let released_by = edit.account();
    rest(edit, address, Some(released_by));
}

/// Takes back an address that was never the account's own.
pub(crate) fn give_back_assigned(edit: &mut Edit<'_>, address: Ipv4Addr) {
    rest(edit, address, None);
}

fn rest(edit: &mut Edit<'_>, address: Ipv4Addr, released_by: Option<AccountId>) {
    let free_since = Some(edit.now());
    let (transaction, scope) = edit.cloud();
    transaction.put(&scope, &id(address), PublicAddress { address, free_since, released_by });
}
