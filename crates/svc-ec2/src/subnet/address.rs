//! Which addresses of a subnet are free.
//!
//! Owns the choice of private addresses, and the memory of where it stands. Refuses to keep a list: what is taken is
//! what interfaces of the subnet have, read once for a request, so that a launch of many instances does not read it many
//! times. The choice of prefixes is in [`super::prefix`].

use std::collections::{BTreeSet, HashSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use aws_types::{AccountId, SubnetId};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use service_api::ServiceError;
use store::{Read as _, Record, RecordKind, Scope};
use vpc_model::subnet::is_reserved;

use super::Subnet;
use super::prefix::{prefix_of, prefix_of_v6};
use super::reservation::{ReservationType, SubnetCidrReservation};
use crate::cidr;
use crate::error;
use crate::network_interface::NetworkInterface;
use crate::sharing;
use crate::state::{Edit, State};

/// How many addresses at the start of a subnet's IPv6 block are not for interfaces; the last one is not, either.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html#subnet-sizing-ipv6>
pub(super) const RESERVED_AT_START_V6: u128 = 4;

/// The address that a subnet gave last by its own choice; stored under the subnet's id. The next choice begins behind
/// it, so that an address which was given back is not at once another interface's, whose peers may still hold
/// connections, names and neighbour entries of the former one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LastGiven {
    address: Ipv4Addr,
}

impl Record for LastGiven {
    const KIND: &'static str = "ec2.subnet-last-address";
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<LastGiven>()];

/// Forgets where the choice stands in a subnet that is deleted.
pub(super) fn forget(edit: &mut Edit<'_>, subnet: SubnetId) {
    edit.remove_record::<LastGiven>(&subnet.to_string());
}

/// The addresses of one subnet, with those that are taken.
pub(crate) struct Addresses {
    pub(super) subnet: Subnet,
    pub(super) taken: HashSet<Ipv4Addr>,
    pub(super) taken_v6: BTreeSet<Ipv6Addr>,
    /// Prefixes that interfaces have: their addresses are taken too.
    pub(super) prefixes: HashSet<Ipv4Net>,
    pub(super) prefixes_v6: HashSet<Ipv6Net>,
    /// The first address of the lowest prefix that the search for a free one has seen: no higher one is free.
    pub(super) lowest_seen: Option<u32>,
    /// Whose the subnet is; who takes addresses may be another account.
    owner: AccountId,
    /// Blocks that "any" keeps out of.
    pub(super) reserved: Vec<Ipv4Net>,
    pub(super) reserved_v6: Vec<Ipv6Net>,
    /// Those of them that are for prefixes.
    pub(super) for_prefixes: Vec<Ipv4Net>,
    pub(super) for_prefixes_v6: Vec<Ipv6Net>,
    /// Where the search for a free address goes on.
    next: Ipv4Addr,
    /// How many addresses are still to be searched: all before `next` that were searched are taken or reserved.
    unsearched: u64,
}

impl Addresses {
    /// As of now.
    pub(crate) fn of(state: &impl State, subnet: &Subnet) -> Self {
        let (mut taken, mut taken_v6) = (HashSet::new(), BTreeSet::new());
        let (mut prefixes, mut prefixes_v6) = (HashSet::new(), HashSet::new());
        let owner = state.anyones::<Subnet>(subnet.id).map_or(state.account(), |(owner, _)| owner);
        let scope = Scope::new(state.scope().partition, owner, state.region().clone());
        let scopes = sharing::scopes_with::<NetworkInterface>(state);
        for interface in sharing::parts_of::<NetworkInterface, _>(state, &scopes, subnet.id) {
            taken.extend(&interface.private_addresses);
            taken_v6.extend(&interface.ipv6_addresses);
            prefixes.extend(&interface.ipv4_prefixes);
            prefixes_v6.extend(&interface.ipv6_prefixes);
        }
        let last = state.reader().get::<LastGiven>(&scope, &subnet.id.to_string());
        let next = last.map_or(subnet.cidr.network(), |last| after(subnet, last.address));
        let (mut reserved, mut reserved_v6) = (Vec::new(), Vec::new());
        let (mut for_prefixes, mut for_prefixes_v6) = (Vec::new(), Vec::new());
        for (_, held) in state.reader().parts::<SubnetCidrReservation>(&scope, &subnet.id.to_string()) {
            let is_for_prefixes = held.reservation_type == ReservationType::Prefix;
            match held.block {
                IpNet::V4(block) => {
                    reserved.push(block);
                    for_prefixes.extend(is_for_prefixes.then_some(block));
                }
                IpNet::V6(block) => {
                    reserved_v6.push(block);
                    for_prefixes_v6.extend(is_for_prefixes.then_some(block));
                }
            }
        }
        Self {
            subnet: subnet.clone(),
            owner,
            taken,
            taken_v6,
            prefixes,
            prefixes_v6,
            lowest_seen: None,
            reserved,
            reserved_v6,
            for_prefixes,
            for_prefixes_v6,
            next,
            unsearched: cidr::size_v4(subnet.cidr),
        }
    }

    /// The subnet.
    pub(crate) fn subnet(&self) -> SubnetId {
        self.subnet.id
    }

    /// Takes the address that a request names.
    ///
    /// # Errors
    /// `InvalidParameterValue` for an address that is not the subnet's to give, `InvalidIPAddress.InUse`.
    pub(crate) fn take(&mut self, text: &str) -> Result<Ipv4Addr, ServiceError> {
        let address: Ipv4Addr =
            text.parse().map_err(|_| error::invalid_value_for(text, "address", "Invalid IPv4 address."))?;
        if !self.subnet.cidr.contains(&address) {
            return Err(error::invalid_value(format!(
                "Address {address} does not fall within the subnet's address range"
            )));
        }
        if is_reserved(self.subnet.cidr, address) {
            return Err(error::invalid_value(format!(
                "Address {address} is in subnet's reserved address range"
            )));
        }
        if self.prefixes.contains(&prefix_of(address)) || !self.taken.insert(address) {
            return Err(in_use(address));
        }
        Ok(address)
    }

    /// Takes any free address: the first after the one that was given last, and after the highest the lowest.
    ///
    /// # Errors
    /// `InsufficientFreeAddressesInSubnet`.
    pub(crate) fn take_any(&mut self, edit: &mut Edit<'_>) -> Result<Ipv4Addr, ServiceError> {
        while self.unsearched > 0 {
            let address = self.next;
            self.next = after(&self.subnet, address);
            self.unsearched -= 1;
            let is_kept = is_reserved(self.subnet.cidr, address)
                || self.reserved.iter().any(|block| block.contains(&address))
                || self.prefixes.contains(&prefix_of(address));
            if !is_kept && self.taken.insert(address) {
                let mut edit = edit.of_owner(self.owner);
                edit.put_record(&self.subnet.id.to_string(), LastGiven { address });
                return Ok(address);
            }
        }
        Err(no_more())
    }

    pub(super) fn block_v6(&self) -> Result<Ipv6Net, ServiceError> {
        self.subnet.ipv6_block().ok_or_else(|| {
            error::invalid_value(format!(
                "The subnet '{}' does not have an IPv6 CIDR block associated with it.",
                self.subnet.id
            ))
        })
    }

    /// Takes the IPv6 address that a request names.
    ///
    /// # Errors
    /// `InvalidParameterValue` for an address that is not the subnet's to give, `InvalidIPAddress.InUse`.
    pub(crate) fn take_v6(&mut self, text: &str) -> Result<Ipv6Addr, ServiceError> {
        let block = self.block_v6()?;
        let address: Ipv6Addr = text
            .parse()
            .map_err(|_| error::invalid_value_for(text, "ipv6Address", "Invalid IPv6 address."))?;
        if !block.contains(&address) {
            return Err(error::invalid_value(format!(
                "Address {address} does not fall within the subnet's address range"
            )));
        }
        let offset = u128::from(address) - u128::from(block.network());
        let last = u128::from(block.broadcast());
        if offset < RESERVED_AT_START_V6 || u128::from(address) == last {
            return Err(error::invalid_value(format!(
                "Address {address} is in subnet's reserved address range"
            )));
        }
        if self.prefixes_v6.contains(&prefix_of_v6(address)) || !self.taken_v6.insert(address) {
            return Err(in_use(address));
        }
        Ok(address)
    }

    /// Takes a free IPv6 address made of these random bits.
    ///
    /// # Errors
    /// `InvalidParameterValue` when the subnet has no IPv6 block, `InsufficientFreeAddressesInSubnet`.
    pub(crate) fn take_any_v6(&mut self, mut bits: u128) -> Result<Ipv6Addr, ServiceError> {
        let block = self.block_v6()?;
        let host_mask = u128::from(block.hostmask());
        // Reserved blocks do not overlap, so that the search meets each of them once before it is around.
        let mut unmet = self.reserved_v6.len();
        loop {
            let host = bits & host_mask;
            let address = Ipv6Addr::from(u128::from(block.network()) | host);
            if let Some(reserved) = self.reserved_v6.iter().find(|reserved| reserved.contains(&address)) {
                if unmet == 0 {
                    return Err(no_more());
                }
                unmet -= 1;
                bits = u128::from(reserved.broadcast()).wrapping_add(1);
                continue;
            }
            if self.prefixes_v6.contains(&prefix_of_v6(address)) {
                bits = u128::from(prefix_of_v6(address).broadcast()).wrapping_add(1);
                continue;
            }
            let is_reserved = host < RESERVED_AT_START_V6 || host == host_mask;
            if !is_reserved && self.taken_v6.insert(address) {
                return Ok(address);
            }
            // A block has so many addresses that the next free one is near.
            bits = bits.wrapping_add(1);
        }
    }
}

/// The address behind another in a subnet; behind the last comes the first.
fn after(subnet: &Subnet, address: Ipv4Addr) -> Ipv4Addr {
    if address == subnet.cidr.broadcast() {
        subnet.cidr.network()
    } else {
        Ipv4Addr::from(u32::from(address).wrapping_add(1))
    }
}

fn no_more() -> ServiceError {
    ServiceError::new(
        "InsufficientFreeAddressesInSubnet",
        "The specified subnet does not have enough free addresses to satisfy the request.",
    )
}

pub(super) fn in_use(address: impl std::fmt::Display) -> ServiceError {
    ServiceError::new("InvalidIPAddress.InUse", format!("Address {address} is in use."))
}
