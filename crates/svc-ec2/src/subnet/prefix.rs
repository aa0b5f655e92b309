//! Which prefixes of a subnet are free.
//!
//! Owns the choice of the blocks that interfaces get whole: of 16 IPv4 addresses, or of 2^48 IPv6 addresses. Refuses to
//! know which interface gets them.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-prefix-eni.html>

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use service_api::ServiceError;
use vpc_model::Interface;
use vpc_model::subnet::is_reserved;

use super::address::{Addresses, RESERVED_AT_START_V6, in_use};
use crate::{cidr, error};

const IPV4_PREFIX_LENGTH: u8 = Interface::IPV4_PREFIX_LENGTH;
const IPV6_PREFIX_LENGTH: u8 = Interface::IPV6_PREFIX_LENGTH;

/// How many addresses of a subnet a prefix takes.
pub(crate) const ADDRESSES_PER_PREFIX: usize = 16;

const _: () = assert!(ADDRESSES_PER_PREFIX == 1 << (32 - IPV4_PREFIX_LENGTH));

/// The prefix that an address would be in.
pub(super) fn prefix_of(address: Ipv4Addr) -> Ipv4Net {
    Ipv4Net::new_assert(address, IPV4_PREFIX_LENGTH).trunc()
}

/// The prefix that an IPv6 address would be in.
pub(super) fn prefix_of_v6(address: Ipv6Addr) -> Ipv6Net {
    Ipv6Net::new_assert(address, IPV6_PREFIX_LENGTH).trunc()
}

fn malformed(text: &str, parameter: &str, length: u8) -> ServiceError {
    error::invalid_value_for(text, parameter, &format!("It must be a CIDR block of the length /{length}."))
}

fn outside(prefix: impl std::fmt::Display) -> ServiceError {
    error::invalid_value(format!("Prefix {prefix} does not fall within the subnet's address range"))
}

fn reserved(prefix: impl std::fmt::Display) -> ServiceError {
    error::invalid_value(format!("Prefix {prefix} overlaps the subnet's reserved address range"))
}

fn no_more() -> ServiceError {
    ServiceError::new(
        "InsufficientCidrBlocks",
        "The specified subnet does not have enough free cidr blocks to satisfy the request.",
    )
}

/// Reads the prefix that a request names.
///
/// # Errors
/// `InvalidParameterValue`.
pub(crate) fn parse(text: &str) -> Result<Ipv4Net, ServiceError> {
    let prefix = text.parse::<Ipv4Net>().ok();
    prefix
        .filter(|prefix| prefix.prefix_len() == IPV4_PREFIX_LENGTH && prefix.trunc() == *prefix)
        .ok_or_else(|| malformed(text, "ipv4Prefix", IPV4_PREFIX_LENGTH))
}

/// Reads the IPv6 prefix that a request names.
///
/// # Errors
/// `InvalidParameterValue`.
pub(crate) fn parse_v6(text: &str) -> Result<Ipv6Net, ServiceError> {
    let prefix = text.parse::<Ipv6Net>().ok();
    prefix
        .filter(|prefix| prefix.prefix_len() == IPV6_PREFIX_LENGTH && prefix.trunc() == *prefix)
        .ok_or_else(|| malformed(text, "ipv6Prefix", IPV6_PREFIX_LENGTH))
}

impl Addresses {
    /// The addresses of a prefix.
    fn members(prefix: Ipv4Net) -> impl Iterator<Item = Ipv4Addr> {
        (u32::from(prefix.network())..=u32::from(prefix.broadcast())).map(Ipv4Addr::from)
    }

    fn has_reserved(&self, prefix: Ipv4Net) -> bool {
        Self::members(prefix).any(|address| is_reserved(self.subnet.cidr, address))
    }

    fn is_used(&self, prefix: Ipv4Net) -> bool {
        self.prefixes.contains(&prefix) || Self::members(prefix).any(|address| self.taken.contains(&address))
    }

    fn has_reserved_v6(block: Ipv6Net, prefix: Ipv6Net) -> bool {
        let first = u128::from(block.network());
        u128::from(prefix.network()) < first + RESERVED_AT_START_V6 || prefix.broadcast() == block.broadcast()
    }

    fn is_used_v6(&self, prefix: Ipv6Net) -> bool {
        let addresses = prefix.network()..=prefix.broadcast();
        self.prefixes_v6.contains(&prefix) || self.taken_v6.range(addresses).next().is_some()
    }

    /// Takes the prefix that a request names.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a prefix that is not the subnet's to give, `InvalidIPAddress.InUse`.
    pub(crate) fn take_prefix(&mut self, prefix: Ipv4Net) -> Result<Ipv4Net, ServiceError> {
        if !self.subnet.cidr.contains(&prefix) {
            return Err(outside(prefix));
        }
        if self.has_reserved(prefix) {
            return Err(reserved(prefix));
        }
        if self.is_used(prefix) {
            return Err(in_use(prefix));
        }
        self.prefixes.insert(prefix);
        Ok(prefix)
    }

    /// Takes any free prefix: one of the blocks that are reserved for prefixes, if there are such, and else one that no
    /// reservation has a part of. The highest is given first, so that single addresses, which are given from the lowest
    /// on, leave prefixes whole.
    ///
    /// # Errors
    /// `InsufficientCidrBlocks`.
    pub(crate) fn take_any_prefix(&mut self) -> Result<Ipv4Net, ServiceError> {
        let (mut within, avoided) = if self.for_prefixes.is_empty() {
            (vec![self.subnet.cidr], &self.reserved[..])
        } else {
            (self.for_prefixes.clone(), &[][..])
        };
        let is_avoided =
            |prefix: &Ipv4Net| avoided.iter().any(|block| block.contains(prefix) || prefix.contains(block));
        let is_free = |first: &u32| {
            let prefix = prefix_of(Ipv4Addr::from(*first));
            !is_avoided(&prefix) && !self.has_reserved(prefix) && !self.is_used(prefix)
        };
        within.sort_unstable();
        let found = within.iter().rev().flat_map(|block| self.unseen(*block)).find(is_free);
        // Once nothing was found, nothing will be.
        self.lowest_seen = Some(found.unwrap_or(0));
        let found = prefix_of(Ipv4Addr::from(found.ok_or_else(no_more)?));
        self.prefixes.insert(found);
        Ok(found)
    }

    /// The first addresses of the prefixes of a block that the search has not seen yet, the highest first.
    fn unseen(&self, block: Ipv4Net) -> impl Iterator<Item = u32> + use<> {
        let size = ADDRESSES_PER_PREFIX as u32;
        // A block that is smaller than a prefix has none.
        let count = (cidr::size_v4(block) / u64::from(size)) as u32;
        let first = u32::from(block.network());
        let unseen = self.lowest_seen.map_or(count, |seen| (seen.saturating_sub(first) / size).min(count));
        (0..unseen).rev().map(move |place| first + place * size)
    }

    /// Takes the IPv6 prefix that a request names.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a prefix that is not the subnet's to give, `InvalidIPAddress.InUse`.
    pub(crate) fn take_prefix_v6(&mut self, prefix: Ipv6Net) -> Result<Ipv6Net, ServiceError> {
        let block = self.block_v6()?;
        if !block.contains(&prefix) {
            return Err(outside(prefix));
        }
        if Self::has_reserved_v6(block, prefix) {
            return Err(reserved(prefix));
        }
        if self.is_used_v6(prefix) {
            return Err(in_use(prefix));
        }
        self.prefixes_v6.insert(prefix);
        Ok(prefix)
    }

    /// Takes a free IPv6 prefix made of these random bits, with the same regard for reservations as
    /// [`Self::take_any_prefix`].
    ///
    /// # Errors
    /// `InvalidParameterValue` when the subnet has no IPv6 block, `InsufficientCidrBlocks`.
    pub(crate) fn take_any_prefix_v6(&mut self, bits: u128) -> Result<Ipv6Net, ServiceError> {
        let block = self.block_v6()?;
        let (within, avoided) = if self.for_prefixes_v6.is_empty() {
            (vec![block], &self.reserved_v6[..])
        } else {
            (self.for_prefixes_v6.clone(), &[][..])
        };
        let found = within.into_iter().find_map(|within| self.free_prefix_v6(block, within, avoided, bits));
        let found = found.ok_or_else(no_more)?;
        self.prefixes_v6.insert(found);
        Ok(found)
    }

    /// A free prefix within one block, searched from a random one on and around.
    fn free_prefix_v6(
        &self,
        block: Ipv6Net,
        within: Ipv6Net,
        avoided: &[Ipv6Net],
        bits: u128,
    ) -> Option<Ipv6Net> {
        let host_bits = 128 - IPV6_PREFIX_LENGTH;
        // A block that is smaller than a prefix has none.
        let count = 1 << IPV6_PREFIX_LENGTH.checked_sub(within.prefix_len())?;
        let mut place = bits % count;
        let mut seen: u128 = 0;
        while seen < count {
            let network = u128::from(within.network()) + (place << host_bits);
            let prefix = Ipv6Net::new_assert(Ipv6Addr::from(network), IPV6_PREFIX_LENGTH);
            let reserved = avoided.iter().find(|block| block.contains(&prefix) || prefix.contains(*block));
            // What is reserved as a whole is passed in one step.
            let step = match reserved {
                Some(reserved) => ((u128::from(reserved.broadcast()) - network) >> host_bits) + 1,
                None if !Self::has_reserved_v6(block, prefix) && !self.is_used_v6(prefix) => {
                    return Some(prefix);
                }
                None => 1,
            };
            place = (place + step) % count;
            seen += step;
        }
        None
    }
}
