//! The prefix lists that AWS manages: the addresses of the services that gateway endpoints lead to.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html>
//!
//! Owns which there are and what is in them. The addresses are those of 198.19.0.0/16 from 198.19.64.0 on, a part of what is
//! reserved for benchmarks, so that nobody's real address is among them; below are Elastic IP addresses. Refuses to know
//! what answers there.

use std::net::Ipv4Addr;

use aws_types::{PrefixListId, Region, ResourceId as _};
use ipnet::Ipv4Net;

use crate::{region, stable_hash};

/// A prefix list that AWS manages in a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsPrefixList {
    /// Its id, the same for every account.
    pub id: PrefixListId,
    /// Its name, such as `com.amazonaws.us-east-1.s3`.
    pub name: String,
    /// What is in it, ascending.
    pub blocks: Vec<Ipv4Net>,
}

impl AwsPrefixList {
    /// As how many rules a reference to one of the gateway endpoints' lists counts.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html#aws-managed-prefix-list-weights>
    pub const WEIGHT: usize = 1;
}

/// How many addresses a region has for all its lists: a /22.
const ADDRESSES_PER_REGION: u32 = 1024;

/// The pieces of a region's addresses by the lists that they belong to: how far from the first, and the prefix length.
///
/// | Piece of the /22 | List       |
/// | ---------------- | ---------- |
/// | x.0/23           | `s3`       |
/// | x+2.0/24         | `s3`       |
/// | x+3.0/24         | `dynamodb` |
const PIECES: [(&str, &[(u32, u8)]); 2] = [("dynamodb", &[(768, 24)]), ("s3", &[(0, 23), (512, 24)])];

/// The lists of a region: those of DynamoDB and of S3.
pub fn prefix_lists(region: &Region) -> Vec<AwsPrefixList> {
    let Some(number) = region::number(region) else { return Vec::new() };
    let first = u32::from(Ipv4Addr::new(198, 19, 64, 0)) + number * ADDRESSES_PER_REGION;
    let list = |(service, pieces): (&str, &[(u32, u8)])| AwsPrefixList {
        id: PrefixListId::from_bits(stable_hash::bits(&["prefix-list", region.as_str(), service])),
        name: format!("com.amazonaws.{region}.{service}"),
        blocks: pieces
            .iter()
            .map(|(offset, length)| Ipv4Net::new_assert(Ipv4Addr::from(first + offset), *length))
            .collect(),
    };
    PIECES.into_iter().map(list).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regions;

    #[test]
    fn every_region_has_lists_of_its_own() {
        let space: Ipv4Net = "198.19.0.0/16".parse().unwrap();
        let all: Vec<AwsPrefixList> =
            regions().iter().flat_map(|facts| prefix_lists(&facts.region())).collect();
        assert_eq!(all.len(), 2 * regions().len());
        let ids: std::collections::HashSet<_> = all.iter().map(|list| list.id).collect();
        assert_eq!(ids.len(), all.len());
        let blocks: Vec<Ipv4Net> = all.iter().flat_map(|list| list.blocks.clone()).collect();
        assert_eq!(blocks.len(), 3 * regions().len());
        for (index, block) in blocks.iter().enumerate() {
            assert!(space.contains(block) && block.trunc() == *block, "{block}");
            assert!(
                !blocks[..index].iter().any(|other| other.contains(block) || block.contains(other)),
                "{block}"
            );
        }
        assert!(prefix_lists(&"xx-nowhere-1".parse().unwrap()).is_empty());
    }

    /// Users write these into their rules and routes.
    #[test]
    fn lists_stay_what_they_were() {
        let lists = prefix_lists(&"us-east-1".parse().unwrap());
        let shown: Vec<String> =
            lists.iter().map(|list| format!("{} {} {:?}", list.id, list.name, list.blocks)).collect();
        assert_eq!(
            shown,
            [
                "pl-29f5b4be3cd640b90 com.amazonaws.us-east-1.dynamodb [198.19.187.0/24]",
                "pl-158d4b14e3457b950 com.amazonaws.us-east-1.s3 [198.19.184.0/23, 198.19.186.0/24]",
            ]
        );
    }
}
