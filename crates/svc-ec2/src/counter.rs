//! Numbers that are unique in the whole cloud, over all accounts and regions.
//!
//! Owns the counters, and the ports that are free again. Refuses to know what the numbers are for beyond their form.
//! MAC addresses and IPv6 blocks are never given twice; a port is, once the interface that had it is gone and the host
//! has had time to notice, so that ports stay as small as the number of interfaces that there are.

use aws_types::{MacAddress, Timestamp};
use ipnet::Ipv6Net;
use serde::{Deserialize, Serialize};
use store::{Read, Record, RecordKind};
use vpc_model::Port;

use crate::state::{Edit, State};

/// The next numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Counters {
    /// The highest port ever given; ports begin at 1.
    last_port: u32,
    /// How many MAC addresses were given. Records of builds that gave no port twice lack it: there, each port had the
    /// MAC address of its own number.
    #[serde(default)]
    macs: u64,
    /// How many IPv6 blocks were given to VPCs.
    ipv6_blocks: u32,
}

impl Record for Counters {
    const KIND: &'static str = "ec2.counters";
}

/// A port whose interface is gone. Stored under the time and the port ([`FreePort::id`]), so that the records are a
/// queue: whoever takes a port looks at the first alone, however many there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct FreePort {
    port: u32,
    /// Since when it is free.
    since: Timestamp,
}

impl Record for FreePort {
    const KIND: &'static str = "ec2.free-port";
}

impl FreePort {
    /// The order of these texts is the order of time, and at one time that of the ports.
    fn id(&self) -> String {
        format!("{:016}-{:010}", self.since.unix_millis().max(0), self.port)
    }
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<Counters>(), RecordKind::of::<FreePort>()];

const ID: &str = "cloud";

/// How long a port rests before it is given again: by then the host has unplugged the interface that had it, and
/// answers that were under way to that interface are gone.
const PORT_RESTS_MILLIS: i64 = 60_000;

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

/// Where a new interface is on the fabric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    /// The number by which the data plane knows it: never 0, and no other interface's.
    pub(crate) port: u32,
    /// A link-layer address that no interface has or ever had.
    pub(crate) mac: MacAddress,
}

/// A place for a new interface; `None` when all ports are in use or rest.
pub(crate) fn place(edit: &mut Edit<'_>) -> Option<Place> {
    let free = take_free_port(edit);
    next(edit, |counters| {
        counters.macs = counters.macs.max(counters.last_port.into()) + 1;
        if free.is_none() {
            let mut ports = counters.last_port + 1..=Port::MAX.number();
            counters.last_port = ports.find(|&port| Port::new(port).is_ok_and(|port| !port.is_reserved()))?;
        }
        Some(Place { port: free.unwrap_or(counters.last_port), mac: mac(counters.macs) })
    })
}

/// The port that has been free for longest, if it has rested.
fn take_free_port(edit: &mut Edit<'_>) -> Option<u32> {
    let now = edit.now();
    let (transaction, scope) = edit.cloud();
    let (_, free) = transaction.scan::<FreePort>(&scope).next()?;
    if now.unix_millis().saturating_sub(free.since.unix_millis()) < PORT_RESTS_MILLIS {
        return None;
    }
    transaction.delete::<FreePort>(&scope, &free.id());
    Some(free.port)
}

/// Takes back the port of an interface that is gone.
pub(crate) fn free_port(edit: &mut Edit<'_>, port: u32) {
    let free = FreePort { port, since: edit.now() };
    let (transaction, scope) = edit.cloud();
    transaction.put(&scope, &free.id(), free);
}

/// The MAC address of that number: unique because multiplication by an odd number is one to one modulo 2^40, and
/// without a pattern that looks like a counter.
fn mac(number: u64) -> MacAddress {
    const ODD: u64 = 0xd1_b54a_32d1;
    MacAddress::local(number.wrapping_mul(ODD) & 0xff_ffff_ffff)
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

    use service_api::{IdSource, ServiceError};
    use store::{MemoryBackend, Scope, Store, Transaction};

    use super::*;
    use crate::Config;

    struct NoIds;

    impl IdSource for NoIds {
        fn bits(&self) -> u128 {
            0
        }
    }

    /// The counters as builds wrote them that gave no port twice.
    #[derive(Serialize, Deserialize)]
    struct OldCounters {
        last_port: u32,
        ipv6_blocks: u32,
    }

    impl Record for OldCounters {
        const KIND: &'static str = Counters::KIND;
    }

    struct Cloud(Store);

    impl Cloud {
        /// With the state of an older build that has given so many ports.
        fn after(last_port: u32) -> Self {
            let backend = MemoryBackend::new();
            let old = Self(Store::open(backend.clone()).unwrap());
            old.at(0, |edit| {
                let (transaction, scope) = edit.cloud();
                transaction.put(&scope, ID, OldCounters { last_port, ipv6_blocks: 0 });
            });
            drop(old);
            let store = Store::open(backend).unwrap();
            store.check::<Counters>().unwrap();
            Self(store)
        }

        /// Changes something so many seconds after the start.
        fn at<T>(&self, secs: i64, change: impl FnOnce(&mut Edit<'_>) -> T) -> T {
            let scope = Scope::new(
                aws_types::Partition::Aws,
                "123456789012".parse().unwrap(),
                "us-east-1".parse().unwrap(),
            );
            let now = Timestamp::from_unix_millis(1_795_357_680_000 + secs * 1000);
            let change = |transaction: &mut Transaction| {
                Ok::<_, ServiceError>(change(&mut Edit::new(
                    transaction,
                    &NoIds,
                    &Config::default(),
                    scope,
                    now,
                )))
            };
            self.0.transact(change).unwrap()
        }

        fn port(&self, secs: i64) -> Option<u32> {
            self.at(secs, place).map(|place| place.port)
        }
    }

    #[test]
    fn macs_are_distinct() {
        let macs: HashSet<MacAddress> = (1..100_000).map(mac).collect();
        assert_eq!(macs.len(), 99_999);
    }

    #[test]
    fn a_port_rests_and_is_given_again_oldest_first() {
        let cloud = Cloud::after(0);
        assert_eq!([cloud.port(0), cloud.port(0), cloud.port(0)], [Some(1), Some(2), Some(3)]);
        cloud.at(10, |edit| free_port(edit, 3));
        cloud.at(20, |edit| free_port(edit, 1));
        assert_eq!(cloud.port(69), Some(4), "none has rested");
        assert_eq!([cloud.port(100), cloud.port(100), cloud.port(100)], [Some(3), Some(1), Some(5)]);
    }

    #[test]
    fn a_mac_is_never_given_again() {
        let cloud = Cloud::after(0);
        let mut macs = HashSet::new();
        for round in 0..5 {
            let place = cloud.at(round * 100, place).unwrap();
            assert_eq!(place.port, 1);
            assert!(macs.insert(place.mac));
            cloud.at(round * 100, |edit| free_port(edit, 1));
        }
    }

    #[test]
    fn counters_of_older_builds_go_on() {
        let cloud = Cloud::after(7);
        // Older builds gave the interface with port 7 the MAC address of number 7.
        assert_eq!(cloud.at(0, place), Some(Place { port: 8, mac: mac(8) }));
    }

    #[test]
    fn ports_come_to_an_end_and_begin_again() {
        let cloud = Cloud::after(4_194_302);
        assert_eq!(cloud.port(0), Some(4_194_303));
        assert_eq!(cloud.port(0), None);
        cloud.at(0, |edit| free_port(edit, 5));
        assert_eq!([cloud.port(1), cloud.port(60)], [None, Some(5)]);
    }
}
