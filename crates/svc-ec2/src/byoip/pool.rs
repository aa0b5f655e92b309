//! The pools that brought ranges become: DescribeIpv6Pools, GetAssociatedIpv6PoolCidrs, DescribePublicIpv4Pools.
//!
//! Owns their records, and which of their addresses are free. Refuses to know VPCs and Elastic IP addresses beyond what
//! they have of a pool.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{Ipv6PoolId, PublicIpv4PoolId, Tags, Timestamp};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use vpc_model::vpc::overlap;

use super::Provisioning;
use crate::cidr::Ipv6Source;
use crate::elastic_ip::ElasticIp;
use crate::filter::Filters;
use crate::page::Page;
use crate::state::{Edit, Naming, Resource, State, not_found, resource};
use crate::vpc::Vpc;
use crate::{Ec2, cidr, dependency, error, tag};

/// The IPv6 addresses of a range that the account has brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ipv6Pool {
    /// Its id.
    pub id: Ipv6PoolId,
    /// The range.
    pub block: Ipv6Net,
    /// What became of the range.
    pub provisioning: Provisioning,
    /// Its tags.
    pub tags: Tags,
}

// AWS publishes no codes for IPv6 pools; these are after those for IPv4 pools.
resource!(
    Ipv6Pool,
    Ipv6PoolId,
    "ec2.ipv6-pool",
    Naming {
        resource_type: "ipv6pool-ec2",
        noun: "IPv6 pool",
        not_found: "InvalidIpv6PoolID.NotFound",
        malformed: "InvalidIpv6PoolID.Malformed",
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.provisioning.ends_at()
    },
    fn is_visible(&self, now: Timestamp) -> bool {
        self.provisioning.has_pool(now)
    }
);

/// The IPv4 addresses of a range that the account has brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublicIpv4Pool {
    /// Its id.
    pub id: PublicIpv4PoolId,
    /// The range.
    pub block: Ipv4Net,
    /// What became of the range.
    pub provisioning: Provisioning,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    PublicIpv4Pool,
    PublicIpv4PoolId,
    "ec2.public-ipv4-pool",
    Naming {
        resource_type: "ipv4pool-ec2",
        noun: "public IPv4 pool",
        not_found: "InvalidPublicIpv4PoolID.NotFound",
        malformed: "InvalidPublicIpv4PoolID.Malformed",
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.provisioning.ends_at()
    },
    fn is_visible(&self, now: Timestamp) -> bool {
        self.provisioning.has_pool(now)
    }
);

/// A pool of either family.
pub(super) trait AddressPool: Resource {
    /// The range.
    fn block(&self) -> IpNet;
    /// What became of the range.
    fn provisioning(&self) -> &Provisioning;
    /// The same, to be changed.
    fn provisioning_mut(&mut self) -> &mut Provisioning;
    /// Whether something has addresses of it.
    fn is_used(&self, edit: &Edit<'_>) -> bool;
}

macro_rules! address_pool {
    ($pool:ty, $is_held:path) => {
        impl AddressPool for $pool {
            fn block(&self) -> IpNet {
                self.block.into()
            }

            fn provisioning(&self) -> &Provisioning {
                &self.provisioning
            }

            fn provisioning_mut(&mut self) -> &mut Provisioning {
                &mut self.provisioning
            }

            fn is_used(&self, edit: &Edit<'_>) -> bool {
                $is_held(edit, self.id)
            }
        }
    };
}
address_pool!(Ipv6Pool, dependency::holds_ipv6_pool);
address_pool!(PublicIpv4Pool, dependency::holds_public_ipv4_pool);

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::DescribeIpv6Pools>(describe_ipv6)
        .with::<op::GetAssociatedIpv6PoolCidrs>(associated)
        .with::<op::DescribePublicIpv4Pools>(describe_ipv4)
}

/// The length of a VPC's block for which a request names none.
const CHOSEN_LENGTH: u8 = 56;
/// The lengths that a VPC's block can have.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html#vpc-sizing-ipv6>
const LENGTHS: std::ops::RangeInclusive<u8> = 44..=60;
const LENGTH_STEP: u8 = 4;

/// The blocks that VPCs have of a pool, each with its VPC.
fn given(state: &impl State, pool: Ipv6PoolId) -> Vec<(Ipv6Net, Arc<Vpc>)> {
    let mut blocks = Vec::new();
    for vpc in state.all::<Vpc>() {
        for held in vpc.ipv6_associations.iter().filter(|held| held.is_current()) {
            if held.source.is_some_and(|source| source.pool == pool) {
                blocks.push((held.block, Arc::clone(&vpc)));
            }
        }
    }
    blocks
}

fn check_usable(pool: &impl AddressPool, now: Timestamp) -> Result<(), ServiceError> {
    if pool.provisioning().is_usable(now) { Ok(()) } else { Err(super::wrong_state(pool, now)) }
}

/// Takes a block out of a pool for a VPC: the one named, or the lowest that is free.
///
/// # Errors
/// The pool's codes for malformed and unknown ids; `IncorrectState` for one that is about to go; for a block
/// `InvalidParameterValue` where it is not in the pool, `InvalidCidr.InUse` where a VPC has a part of it, and
/// `InsufficientCapacity` where none is left. AWS publishes none of the last three.
pub(crate) fn take_ipv6(
    edit: &Edit<'_>,
    pool: &str,
    wanted: Option<Ipv6Net>,
) -> Result<(Ipv6Net, Ipv6Source), ServiceError> {
    let pool = edit.named::<Ipv6Pool>(pool)?;
    check_usable(&*pool, edit.now())?;
    let given = given(edit, pool.id);
    let is_free = |block: Ipv6Net| !given.iter().any(|(held, _)| overlap(*held, block));
    let block = match wanted {
        Some(block) => {
            let refused = |why: &str| error::invalid_value_for(block, "ipv6CidrBlock", why);
            if !LENGTHS.contains(&block.prefix_len()) || !block.prefix_len().is_multiple_of(LENGTH_STEP) {
                return Err(refused("The block of a VPC is a /44 to a /60, in steps of 4."));
            }
            if !pool.block.contains(&block) {
                return Err(refused(&format!("It is not inside the pool {}.", pool.id)));
            }
            if !is_free(block) {
                let message = format!("The CIDR '{block}' is in use by a VPC.");
                return Err(ServiceError::new("InvalidCidr.InUse", message));
            }
            block
        }
        None => lowest_free(pool.block, given.iter().map(|(held, _)| *held).collect()).ok_or_else(|| {
            ServiceError::new(
                "InsufficientCapacity",
                format!("There are no blocks left in the pool {}.", pool.id),
            )
        })?,
    };
    Ok((block, Ipv6Source { pool: pool.id, is_advertisable: pool.provisioning.is_advertisable }))
}

/// The lowest block of [`CHOSEN_LENGTH`] in a range that has nothing of the blocks held, none of which overlap.
fn lowest_free(range: Ipv6Net, mut held: Vec<Ipv6Net>) -> Option<Ipv6Net> {
    let size: u128 = 1 << (128 - CHOSEN_LENGTH);
    let mut network = u128::from(range.network());
    held.sort_unstable();
    for block in held {
        if network + (size - 1) < u128::from(block.network()) {
            break;
        }
        // The next block of that length that begins after this one.
        network = network.max((u128::from(block.broadcast()) / size + 1) * size);
    }
    let block = Ipv6Net::new_assert(Ipv6Addr::from(network), CHOSEN_LENGTH);
    range.contains(&block).then_some(block)
}

/// The Elastic IP addresses of a pool.
fn allocated(state: &impl State, pool: PublicIpv4PoolId) -> HashSet<Ipv4Addr> {
    state.all::<ElasticIp>().filter(|held| held.pool == Some(pool)).map(|held| held.address).collect()
}

/// Takes an address out of the account's own pools: the one named, or the lowest of a pool that is free. `None` for an
/// address that is in no pool of the account.
///
/// # Errors
/// `InvalidPublicIpv4PoolID.NotFound`; `IncorrectState` for a pool that is about to go; `InvalidParameterValue` for an
/// address that is not in the pool or is given, and `InsufficientAddressCapacity` where none is left.
pub(crate) fn take_ipv4(
    edit: &Edit<'_>,
    pool: Option<&str>,
    wanted: Option<Ipv4Addr>,
) -> Result<Option<(Ipv4Addr, PublicIpv4PoolId)>, ServiceError> {
    let pool = match (pool, wanted) {
        (Some(text), _) => {
            let found = text.parse().ok().and_then(|id| edit.find::<PublicIpv4Pool>(id));
            found.ok_or_else(|| not_found::<PublicIpv4Pool>(text))?
        }
        (None, Some(address)) => {
            match edit.all::<PublicIpv4Pool>().find(|pool| pool.block.contains(&address)) {
                Some(pool) => pool,
                None => return Ok(None),
            }
        }
        (None, None) => return Ok(None),
    };
    check_usable(&*pool, edit.now())?;
    let given = allocated(edit, pool.id);
    let address = match wanted {
        Some(address) if !pool.block.contains(&address) => {
            let why = format!("It is not in the pool {}.", pool.id);
            return Err(error::invalid_value_for(address, "address", &why));
        }
        Some(address) if given.contains(&address) => {
            return Err(error::invalid_value_for(address, "address", "It is allocated already."));
        }
        Some(address) => address,
        None => {
            whole(pool.block).find(|address| !given.contains(address)).ok_or_else(error::no_free_address)?
        }
    };
    Ok(Some((address, pool.id)))
}

/// All addresses of a range, the first and the last too.
fn whole(block: Ipv4Net) -> impl Iterator<Item = Ipv4Addr> {
    (u32::from(block.network())..=u32::from(block.broadcast())).map(Ipv4Addr::from)
}

static IPV6_FILTERS: Filters<api::Ipv6Pool> =
    Filters { tags: Some(|pool| pool.tags.as_deref().unwrap_or_default()), named: &[], absent: &[] };

fn describe_ipv6(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeIpv6PoolsRequest,
) -> Result<api::DescribeIpv6PoolsResult, ServiceError> {
    let view = ec2.view(context);
    let pools = view.selected::<Ipv6Pool>(input.pool_ids.as_ref())?;
    let shown = |pool: &Arc<Ipv6Pool>| api::Ipv6Pool {
        pool_id: Some(pool.id.to_string()),
        description: pool.provisioning.description.clone(),
        pool_cidr_blocks: Some(vec![api::PoolCidrBlock { cidr: Some(pool.block.to_string()) }]),
        tags: tag::shown(&pool.tags),
    };
    let mut pools: Vec<_> = pools.iter().map(shown).collect();
    IPV6_FILTERS.apply(&mut pools, input.filters.as_ref())?;
    let page = Page::within("DescribeIpv6Pools", input.max_results, input.next_token.as_ref(), (1, 1000));
    let (pools, next_token) = page.cut(pools, |pool| pool.pool_id.as_deref().unwrap_or_default())?;
    ec2.answer(input.dry_run, api::DescribeIpv6PoolsResult { ipv6_pools: Some(pools), next_token })
}

fn associated(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::GetAssociatedIpv6PoolCidrsRequest,
) -> Result<api::GetAssociatedIpv6PoolCidrsResult, ServiceError> {
    let view = ec2.view(context);
    let pool = view.named::<Ipv6Pool>(&input.pool_id)?;
    let shown = |(block, vpc): (Ipv6Net, Arc<Vpc>)| api::Ipv6CidrAssociation {
        ipv6_cidr: Some(block.to_string()),
        associated_resource: Some(vpc.id.to_string()),
    };
    let mut blocks: Vec<_> = given(&view, pool.id).into_iter().map(shown).collect();
    blocks.sort_by(|one, other| one.ipv6_cidr.cmp(&other.ipv6_cidr));
    let page =
        Page::within("GetAssociatedIpv6PoolCidrs", input.max_results, input.next_token.as_ref(), (1, 1000));
    let (blocks, next_token) = page.cut(blocks, |block| block.ipv6_cidr.as_deref().unwrap_or_default())?;
    ec2.answer(
        input.dry_run,
        api::GetAssociatedIpv6PoolCidrsResult { ipv6_cidr_associations: Some(blocks), next_token },
    )
}

/// A count as answers have it: a range of IPv4 has 2^31 addresses at most once it is one that can be brought.
fn count(number: usize) -> Option<i32> {
    Some(i32::try_from(number).unwrap_or(i32::MAX))
}

static IPV4_FILTERS: Filters<api::PublicIpv4Pool> =
    Filters { tags: Some(|pool| pool.tags.as_deref().unwrap_or_default()), named: &[], absent: &[] };

fn describe_ipv4(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribePublicIpv4PoolsRequest,
) -> Result<api::DescribePublicIpv4PoolsResult, ServiceError> {
    let view = ec2.view(context);
    let pools = view.selected::<PublicIpv4Pool>(input.pool_ids.as_ref())?;
    let shown = |pool: &Arc<PublicIpv4Pool>| {
        let total = usize::try_from(cidr::size_v4(pool.block)).unwrap_or(usize::MAX);
        let available = total - allocated(&view, pool.id).len();
        let range = api::PublicIpv4PoolRange {
            first_address: Some(pool.block.network().to_string()),
            last_address: Some(pool.block.broadcast().to_string()),
            address_count: count(total),
            available_address_count: count(available),
        };
        api::PublicIpv4Pool {
            pool_id: Some(pool.id.to_string()),
            description: pool.provisioning.description.clone(),
            pool_address_ranges: Some(vec![range]),
            total_address_count: count(total),
            total_available_address_count: count(available),
            network_border_group: Some(view.region().to_string()),
            tags: tag::shown(&pool.tags),
        }
    };
    let mut pools: Vec<_> = pools.iter().map(shown).collect();
    IPV4_FILTERS.apply(&mut pools, input.filters.as_ref())?;
    let page = Page::within("DescribePublicIpv4Pools", input.max_results, input.next_token.as_ref(), (1, 10));
    let (pools, next_token) = page.cut(pools, |pool| pool.pool_id.as_deref().unwrap_or_default())?;
    Ok(api::DescribePublicIpv4PoolsResult { public_ipv4_pools: Some(pools), next_token })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(range: &str, held: &[&str], expect: Option<&str>) {
        let parse = |text: &&str| text.parse::<Ipv6Net>().unwrap();
        let held: Vec<_> = held.iter().map(parse).collect();
        let found = lowest_free(parse(&range), held.clone());
        assert_eq!(found, expect.as_ref().map(parse), "{range} {held:?}");
        // What looking at every block finds.
        let mut all = parse(&range).subnets(CHOSEN_LENGTH).into_iter().flatten();
        assert_eq!(found, all.find(|block| !held.iter().any(|held| overlap(*held, *block))));
    }

    #[test]
    fn the_lowest_free_block_is_found() {
        let range = "2001:db8::/48";
        check(range, &[], Some("2001:db8::/56"));
        check(range, &["2001:db8::/60"], Some("2001:db8:0:100::/56"));
        check(range, &["2001:db8:0:f0::/60"], Some("2001:db8:0:100::/56"));
        check(range, &["2001:db8:0:10::/60", "2001:db8::/60"], Some("2001:db8:0:100::/56"));
        check(range, &["2001:db8:0:200::/56", "2001:db8::/56"], Some("2001:db8:0:100::/56"));
        check(range, &["2001:db8::/52", "2001:db8:0:2000::/52"], Some("2001:db8:0:1000::/56"));
        check(range, &["2001:db8::/48"], None);
        check("2001:db8::/56", &["2001:db8:0:f0::/60"], None);
        check("2001:db8::/56", &[], Some("2001:db8::/56"));
    }
}
