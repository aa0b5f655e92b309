//! The prefix lists that AWS manages: the addresses of the services that gateway endpoints lead to.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html>
//!
//! Owns which there are and what is in them. The addresses are those of 198.19.0.0/16 from 198.19.64.0 on, a part of
//! what is reserved for benchmarks, so that nobody's real address is among them; below are Elastic IP addresses. Refuses to know what answers there.

use std::net::Ipv4Addr;

use aws_types::{PrefixListId, Region, ResourceId as _};
use ipnet::Ipv4Net;

use crate::stable_hash;

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

/// The regions in the order in which they got their addresses: new ones come at the end, so that no list ever changes.
#[rustfmt::skip]
const NUMBERED: &[&str] = &[
    "af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
    "ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4",
    "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1",
    "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3",
    "il-central-1", "me-central-1", "me-south-1", "mx-central-1", "sa-east-1", "us-east-1", "us-east-2",
    "us-west-1", "us-west-2",
];

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
    let Some(number) = NUMBERED.iter().position(|name| *name == region.as_str()) else { return Vec::new() };
    let number = u32::try_from(number).expect("there are fewer regions than that");
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
