//! Which public addresses each region gives.
//!
//! Owns the ranges: one for each region, by default or as somebody has said, and that no two are about the same addresses.
//! Refuses to know which addresses of a range are free.
//!
//! By default they are of those that are reserved for benchmarks (RFC 2544), which no host on the internet has: each region
//! has a block of 2,048 of them, by its number, and gives those but the first and the last.

use std::net::Ipv4Addr;

use aws_types::{Partition, Region};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use store::{Read, Record, RecordKind, Scope, Transaction};
use vpc_model::vpc::overlap;

use super::pool;
use crate::byoip::BroughtRange;
use crate::state::nobody;

/// All public addresses that are given by default.
const CLOUD: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(198, 18, 0, 0), 15);
/// The length of a region's range. 40 regions have room: from 198.19.64.0 on are the prefix lists of AWS.
const REGION_LENGTH: u8 = 21;
/// The lengths that a range can have. Who looks for a free address goes through all of them.
const LENGTHS: std::ops::RangeInclusive<u8> = 16..=28;

/// What nobody has on the internet.
const RESERVED: [(Ipv4Net, &str); 8] = [
    (Ipv4Net::new_assert(Ipv4Addr::new(0, 0, 0, 0), 8), "reserved for hosts without an address"),
    (Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8), "private"),
    (Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10), "shared by carriers and their customers"),
    (Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8), "loopback"),
    (Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16), "link-local"),
    (Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12), "private"),
    (Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16), "private"),
    (Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 3), "multicast or reserved"),
];

/// The range of a region that has another than by default. Stored under the region's name, for the whole cloud.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PublicPool {
    block: Ipv4Net,
}

impl Record for PublicPool {
    const KIND: &'static str = "ec2.public-pool";
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<PublicPool>()];

fn scope() -> Scope {
    Scope::global(Partition::Aws, nobody())
}

/// Why a region cannot have a range of public addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicPoolError {
    /// There is no such region.
    #[error("there is no region {0}")]
    NoSuchRegion(Region),
    /// The region is there twice.
    #[error("{0} has one range of public addresses, not two")]
    Twice(Region),
    /// The range is none.
    #[error("{0} is no range of public addresses: /{min} to /{max}, beginning with its first address, such as 203.0.113.0/24", min = LENGTHS.start(), max = LENGTHS.end())]
    Form(Ipv4Net),
    /// Nobody can have these addresses.
    #[error(
        "{block} overlaps {reserved}, which is {what}; take a part of 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 or any public range"
    )]
    Reserved {
        /// The range.
        block: Ipv4Net,
        /// What it overlaps.
        reserved: Ipv4Net,
        /// What that is for.
        what: &'static str,
    },
    /// AWS has them.
    #[error("{block} overlaps {list}, where AWS's prefix list {name} is")]
    PrefixList {
        /// The range.
        block: Ipv4Net,
        /// What it overlaps.
        list: Ipv4Net,
        /// The list.
        name: String,
    },
    /// An account has brought them.
    #[error("{block} overlaps {brought}, which an account has brought")]
    Brought {
        /// The range.
        block: Ipv4Net,
        /// What it overlaps.
        brought: ipnet::IpNet,
    },
    /// Another region has them.
    #[error("{block} of {region} overlaps {other_block} of {other}; give each a range of its own")]
    Overlap {
        /// The region.
        region: Region,
        /// Its range.
        block: Ipv4Net,
        /// The other region.
        other: Region,
        /// Its range.
        other_block: Ipv4Net,
    },
    /// Addresses of the range that the region had are given.
    #[error(
        "{region} keeps its public addresses {block} as long as any is given ({count} are, such as {first}); release \
         them first"
    )]
    InUse {
        /// The region.
        region: Region,
        /// The range that it has.
        block: Ipv4Net,
        /// How many are given.
        count: usize,
        /// The first of them.
        first: Ipv4Addr,
    },
}

/// The range of a region by default; `None` for a region that the catalog does not know.
fn default_block(region: &Region) -> Option<Ipv4Net> {
    CLOUD.subnets(REGION_LENGTH).ok()?.nth(aws_catalog::region_number(region)? as usize)
}

/// The public addresses of a region; `None` for a region that the catalog does not know.
pub fn block(records: &impl Read, region: &Region) -> Option<Ipv4Net> {
    let default = default_block(region)?;
    let configured = records.get::<PublicPool>(&scope(), region.as_str());
    Some(configured.map_or(default, |configured| configured.block))
}

/// The public addresses of all regions.
pub fn blocks(records: &impl Read) -> Vec<(Region, Ipv4Net)> {
    let regions = aws_catalog::regions().iter().map(aws_catalog::RegionFacts::region);
    regions.filter_map(|region| Some((region.clone(), block(records, &region)?))).collect()
}

/// Gives regions these ranges; others keep theirs.
///
/// # Errors
/// The first conflict. The transaction must not be committed then.
pub fn set_blocks(
    transaction: &mut Transaction,
    wanted: &[(Region, Ipv4Net)],
) -> Result<(), PublicPoolError> {
    for (index, (region, wanted_block)) in wanted.iter().enumerate() {
        let before = block(transaction, region);
        let before = before.ok_or_else(|| PublicPoolError::NoSuchRegion(region.clone()))?;
        if wanted[..index].iter().any(|(other, _)| other == region) {
            return Err(PublicPoolError::Twice(region.clone()));
        }
        if before == *wanted_block {
            continue;
        }
        check(transaction, *wanted_block)?;
        let given = pool::given(transaction, before);
        if let Some(&first) = given.first() {
            let (region, count) = (region.clone(), given.len());
            return Err(PublicPoolError::InUse { region, block: before, count, first });
        }
        if default_block(region) == Some(*wanted_block) {
            transaction.delete::<PublicPool>(&scope(), region.as_str());
        } else {
            transaction.put(&scope(), region.as_str(), PublicPool { block: *wanted_block });
        }
    }
    let all = blocks(transaction);
    for (region, block) in wanted {
        let other = all.iter().find(|(other, held)| other != region && overlap(*held, *block));
        if let Some((other, other_block)) = other.cloned() {
            return Err(PublicPoolError::Overlap {
                region: region.clone(),
                block: *block,
                other,
                other_block,
            });
        }
    }
    Ok(())
}

/// Whether a region can have a range, as far as no other region is concerned.
fn check(transaction: &Transaction, block: Ipv4Net) -> Result<(), PublicPoolError> {
    if block != block.trunc() || !LENGTHS.contains(&block.prefix_len()) {
        return Err(PublicPoolError::Form(block));
    }
    if let Some(&(reserved, what)) = RESERVED.iter().find(|(reserved, _)| overlap(*reserved, block)) {
        return Err(PublicPoolError::Reserved { block, reserved, what });
    }
    for facts in aws_catalog::regions() {
        for list in aws_catalog::prefix_lists(&facts.region()) {
            if let Some(&of_list) = list.blocks.iter().find(|of_list| overlap(**of_list, block)) {
                return Err(PublicPoolError::PrefixList { block, list: of_list, name: list.name });
            }
        }
    }
    let mut brought = transaction.scan_all::<BroughtRange>().map(|(_, _, held)| held.block);
    match brought.find(|brought| overlap(*brought, block)) {
        Some(brought) => Err(PublicPoolError::Brought { block, brought }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_region_has_a_block_of_its_own() {
        let regions = aws_catalog::regions();
        let blocks: HashSet<_> =
            regions.iter().map(|facts| default_block(&facts.region()).expect(facts.name)).collect();
        assert_eq!(blocks.len(), regions.len());
        assert!(blocks.iter().all(|block| CLOUD.contains(block) && block.hosts().count() == 2046));
        let lists = regions.iter().flat_map(|facts| aws_catalog::prefix_lists(&facts.region()));
        for of_aws in lists.flat_map(|list| list.blocks) {
            assert!(!blocks.iter().any(|block| block.contains(&of_aws)), "{of_aws} is given to accounts too");
        }
        assert_eq!(default_block(&"xx-nowhere-1".parse().expect("it has the form of a region")), None);
    }
}
