//! Numbers that are unique in the whole cloud, over all accounts and regions.
//!
//! Owns the counters. Refuses to know what the numbers are for beyond their form. A number is never given twice.

use aws_types::MacAddress;
use ipnet::Ipv6Net;
use serde::{Deserialize, Serialize};
use store::{Read, Record, Store, StoreError};

use crate::state::Edit;

/// The next numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Counters {
    /// The port given last; ports begin at 1.
    last_port: u32,
    /// How many IPv6 blocks were given to VPCs.
    ipv6_blocks: u32,
}

impl Record for Counters {
    const KIND: &'static str = "ec2.counters";
}

/// # Errors
/// The first record that does not decode.
pub(crate) fn check_records(store: &Store) -> Result<(), StoreError> {
    store.check::<Counters>()
}

const ID: &str = "cloud";

/// VPCs get their `/56` out of the second documentation prefix (RFC 9637), which no real host has.
const IPV6_POOL: u128 = 0x3fff_0000_0000_0000_0000_0000_0000_0000;
const IPV6_POOL_LENGTH: u8 = 20;
const IPV6_BLOCK_LENGTH: u8 = 56;
const _: () =
    assert!(IPV6_POOL_LENGTH + 32 <= IPV6_BLOCK_LENGTH, "the counter's 32 bits stay inside the pool");

fn next<T>(edit: &mut Edit<'_>, take: impl FnOnce(&mut Counters) -> T) -> T {
    let (transaction, scope) = edit.cloud();
    let mut counters =
        transaction.get::<Counters>(&scope, ID).map(|counters| (*counters).clone()).unwrap_or_default();
    let taken = take(&mut counters);
    transaction.put(&scope, ID, counters);
    taken
}

/// The number by which the data plane knows an interface; never 0.
pub(crate) fn port(edit: &mut Edit<'_>) -> u32 {
    next(edit, |counters| {
        counters.last_port =
            counters.last_port.checked_add(1).expect("fewer than four billion interfaces are ever made");
        counters.last_port
    })
}

/// The MAC address of the interface with that port: unique because multiplication by an odd number is one to one
/// modulo 2^40, and without a pattern that looks like a counter.
pub(crate) fn mac(port: u32) -> MacAddress {
    const ODD: u64 = 0xd1_b54a_32d1;
    MacAddress::local(u64::from(port).wrapping_mul(ODD) & 0xff_ffff_ffff)
}

/// A block for a VPC that asks for an Amazon-provided one; `None` when 2^32 have been given.
pub(crate) fn ipv6_block(edit: &mut Edit<'_>) -> Option<Ipv6Net> {
    let number = next(edit, |counters| {
        let number = counters.ipv6_blocks;
        counters.ipv6_blocks = number.checked_add(1)?;
        Some(number)
    })?;
    let bits = IPV6_POOL | u128::from(number) << (128 - IPV6_BLOCK_LENGTH);
    Some(Ipv6Net::new(bits.into(), IPV6_BLOCK_LENGTH).expect("56 is a prefix length"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn macs_are_distinct() {
        let macs: HashSet<MacAddress> = (1..100_000).map(mac).collect();
        assert_eq!(macs.len(), 99_999);
    }
}
