//! The entries of prefix lists: GetManagedPrefixListEntries, and how requests add and remove entries.
//!
//! Owns what an entry can be. Refuses to know versions; its caller keeps them.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/managed-prefix-lists.html#managed-prefix-lists-concepts>

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use aws_api::ec2::{self as api, operation as op};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use super::{AddressFamily, Listed, PrefixList, version};
use crate::page::Page;
use crate::state::not_found;
use crate::{Ec2, error};

/// How many entries one request can add, and how many it can remove.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyManagedPrefixList.html>
pub(super) const MOST_PER_REQUEST: usize = 100;

/// How long a description can be.
const MAX_DESCRIPTION_CHARACTERS: usize = 255;

/// How many entries a page can have.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetManagedPrefixListEntries.html>
const PAGE_LIMITS: (i32, i32) = (1, 100);

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixListEntry {
    /// The addresses; no bit of the host part is set.
    pub block: IpNet,
    /// What its maker says about it.
    pub description: Option<String>,
}

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::GetManagedPrefixListEntries>(get)
}

pub(super) fn invalid_modification(message: String) -> ServiceError {
    ServiceError::new("InvalidPrefixListModification", message)
}

/// Reads a block as an entry can have it.
///
/// # Errors
/// `InvalidParameterValue`.
fn parse(family: AddressFamily, text: &str) -> Result<IpNet, ServiceError> {
    let invalid = |why: &str| error::invalid_value_for(text, "Cidr", why);
    let block: IpNet = text.parse().map_err(|_| invalid("This is not a valid CIDR block."))?;
    if !family.has(block) {
        return Err(invalid(&format!("The address family of the prefix list is {}.", family.as_str())));
    }
    if block.trunc() != block {
        return Err(invalid(&format!("Bits of the host part are set. The network is {}.", block.trunc())));
    }
    Ok(block)
}

fn check_description(description: Option<&String>) -> Result<(), ServiceError> {
    let Some(text) = description else { return Ok(()) };
    if text.chars().count() > MAX_DESCRIPTION_CHARACTERS || text.chars().any(char::is_control) {
        return Err(error::invalid_value_for(
            text,
            "Description",
            "Descriptions are at most 255 characters, none of them a control character.",
        ));
    }
    Ok(())
}

/// The entries after a request that adds some and removes some, in order of their blocks.
///
/// # Errors
/// `InvalidParameterValue` for an entry that cannot be or is named twice, `InvalidPrefixListModification` for one that is
/// there already or is not there.
pub(super) fn changed(
    family: AddressFamily,
    held: &[PrefixListEntry],
    added: &[api::AddPrefixListEntry],
    removed: &[api::RemovePrefixListEntry],
) -> Result<Vec<PrefixListEntry>, ServiceError> {
    let mut entries: BTreeMap<IpNet, Option<String>> =
        held.iter().map(|entry| (entry.block, entry.description.clone())).collect();
    let mut gone = BTreeSet::new();
    for entry in removed {
        let block = parse(family, &entry.cidr)?;
        if !gone.insert(block) {
            return Err(twice(block));
        }
        if entries.remove(&block).is_none() {
            return Err(invalid_modification(format!("The entry with the CIDR {block} does not exist.")));
        }
    }
    let mut come = BTreeSet::new();
    for entry in added {
        let block = parse(family, &entry.cidr)?;
        check_description(entry.description.as_ref())?;
        if gone.contains(&block) {
            return Err(error::invalid_value(format!(
                "Request cannot contain Cidr {block} in both AddPrefixListEntries and RemovePrefixListEntries"
            )));
        }
        if !come.insert(block) {
            return Err(twice(block));
        }
        let description = entry.description.clone().filter(|text| !text.is_empty());
        if entries.insert(block, description).is_some() {
            return Err(invalid_modification(format!("The entry with the CIDR {block} already exists.")));
        }
    }
    Ok(entries.into_iter().map(|(block, description)| PrefixListEntry { block, description }).collect())
}

fn twice(block: IpNet) -> ServiceError {
    error::invalid_value(format!("Request cannot contain Cidr {block} more than once"))
}

/// A text that is ordered as blocks are.
fn page_key(block: IpNet) -> String {
    match block.network() {
        IpAddr::V4(address) => format!("{:08x}/{:03}", u32::from(address), block.prefix_len()),
        IpAddr::V6(address) => format!("{:032x}/{:03}", u128::from(address), block.prefix_len()),
    }
}

fn get(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::GetManagedPrefixListEntriesRequest,
) -> Result<api::GetManagedPrefixListEntriesResult, ServiceError> {
    let view = ec2.view(context);
    let list = Listed::named(&view, &input.prefix_list_id)?;
    let entries = match &list {
        Listed::OfCustomer(held) if held.resource.is_deleted() => {
            return Err(not_found::<PrefixList>(list.id()));
        }
        Listed::OfCustomer(held) => {
            let wanted = input.target_version.unwrap_or(held.resource.version);
            version::entries_of(&view.of_owner(held.owner), &held.resource, wanted)
                .ok_or_else(|| version::unknown_version(list.id(), wanted))?
        }
        Listed::OfAws(held) => match input.target_version {
            None => list.entries(),
            Some(wanted) => return Err(version::unknown_version(held.id, wanted)),
        },
    };
    let entries = entries.into_iter().map(|entry| {
        let shown =
            api::PrefixListEntry { cidr: Some(entry.block.to_string()), description: entry.description };
        (page_key(entry.block), shown)
    });
    let page = Page::within(
        "GetManagedPrefixListEntries",
        input.max_results,
        input.next_token.as_ref(),
        PAGE_LIMITS,
    );
    let (entries, next_token) = page.cut(entries.collect(), |(key, _)| key)?;
    let entries = entries.into_iter().map(|(_, entry)| entry).collect();
    ec2.answer(input.dry_run, api::GetManagedPrefixListEntriesResult { entries: Some(entries), next_token })
}
