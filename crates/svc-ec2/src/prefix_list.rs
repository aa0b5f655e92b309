//! Managed prefix lists: CreateManagedPrefixList, ModifyManagedPrefixList, DeleteManagedPrefixList.
//!
//! Owns the record of a customer's lists, and the states that they show as a function of time. The lists that AWS manages
//! have no record; [`describe`] puts both kinds together. Entries as requests write them are in [`entry`], earlier
//! versions in [`version`]. Refuses to know what a rule or a route makes of a list.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/managed-prefix-lists.html>

mod describe;
mod entry;
mod version;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, PrefixListId, Tags, Timestamp};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Scope};

pub(crate) use describe::Listed;
pub use entry::PrefixListEntry;
pub(crate) use version::RECORDS;

use crate::idempotency::Attempt;
use crate::quota::PREFIX_LISTS_PER_REGION;
use crate::sharing::{self, Sharing};
use crate::state::{Edit, Naming, State, not_found, resource};
use crate::{Ec2, dependency, error, route_table, security_group, tag};

/// How long a change is shown as `…-in-progress`. The entries are those of after the change from the first moment on.
const TRANSITION_MILLIS: i64 = 1000;

/// How long a list is shown as `delete-complete`.
const SHOWN_AFTERWARDS_MILLIS: i64 = 60_000;

/// How many entries a list can be made for.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-quotas-managed-prefix-lists>
const MOST_ENTRIES: i32 = 1000;

/// Why a resize failed; the resources follow.
const RESIZE_FAILED: &str = "The following resources cannot support the new maximum number of entries";
/// How many of the resources that stand against a resize its failure names.
const MOST_NAMED_IN_FAILURE: usize = 10;

/// How long a name can be.
const MAX_NAME_CHARACTERS: usize = 255;

/// What the names of AWS's own lists begin with.
const RESERVED_PREFIXES: [&str; 3] = ["com.amazonaws.", "com.amazon.", "com.aws."];

/// The state of a list that could not be resized.
const MODIFY_FAILED: &str = "modify-failed";

/// Which addresses a list is of, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressFamily {
    /// `IPv4`.
    Ipv4,
    /// `IPv6`.
    Ipv6,
}

impl AddressFamily {
    fn parse(text: &str) -> Result<Self, ServiceError> {
        match text {
            "IPv4" => Ok(Self::Ipv4),
            "IPv6" => Ok(Self::Ipv6),
            other => {
                Err(error::invalid_value_for(other, "addressFamily", "Valid values are 'IPv4' and 'IPv6'."))
            }
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        }
    }

    /// Whether a block is of this family.
    pub(crate) fn has(self, block: IpNet) -> bool {
        match self {
            Self::Ipv4 => matches!(block, IpNet::V4(_)),
            Self::Ipv6 => matches!(block, IpNet::V6(_)),
        }
    }
}

/// What was last done to a list.
///
/// ```text
/// create-in-progress ──1 s──> create-complete ──┐
/// modify-in-progress ──1 s──> modify-complete ──┼─ modify, restore: from any state that is complete to either one
///                        └──> modify-failed ────┤
/// restore-in-progress ─1 s──> restore-complete ─┤
///                                               └─ delete ──> delete-in-progress ──1 s──> delete-complete ──60 s──> gone
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrefixListChange {
    /// It was made.
    Create,
    /// Its entries or their largest number were changed.
    Modify,
    /// The entries of an earlier version became the newest again.
    Restore,
    /// It was deleted, and is only shown for a while.
    Delete,
}

impl PrefixListChange {
    /// The state while the change is under way, and the one after it.
    fn states(self) -> [&'static str; 2] {
        match self {
            Self::Create => ["create-in-progress", "create-complete"],
            Self::Modify => ["modify-in-progress", "modify-complete"],
            Self::Restore => ["restore-in-progress", "restore-complete"],
            Self::Delete => ["delete-in-progress", "delete-complete"],
        }
    }
}

/// A prefix list of a customer's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrefixList {
    /// Its id.
    pub id: PrefixListId,
    /// Its name; others may have the same.
    pub name: String,
    /// Which addresses it is of.
    pub family: AddressFamily,
    /// How many entries it can have; rules and routes that name it count as so many.
    pub max_entries: usize,
    /// The number of the newest version: 1 at first, one more with every change of the entries.
    pub version: i64,
    /// The entries of the newest version, in order of their blocks, no block twice.
    pub entries: Vec<PrefixListEntry>,
    /// What was last done to it.
    pub change: PrefixListChange,
    /// When.
    pub changed_at: Timestamp,
    /// The number of the version before, if that made another.
    #[serde(default)]
    pub version_before: Option<i64>,
    /// Why that failed, if it did.
    pub failure: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    PrefixList,
    PrefixListId,
    "ec2.prefix-list",
    Naming {
        resource_type: "prefix-list",
        noun: "prefix list",
        not_found: "InvalidPrefixListID.NotFound",
        malformed: "InvalidPrefixListId.Malformed",
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.is_deleted().then(|| self.changed_at.plus_millis(TRANSITION_MILLIS + SHOWN_AFTERWARDS_MILLIS))
    },
    fn is_seen_by(&self, reader: &impl Read, owner: &Scope, account: AccountId) -> bool {
        sharing::is_shared(reader, owner, account, &format!("prefix-list/{}", self.id))
    },
    /// What stood against a resize can be another account's.
    fn hide(&mut self) {
        self.tags = Tags::default();
        if let Some(failure) = &mut self.failure {
            failure.truncate(RESIZE_FAILED.len());
        }
    },
    const SHARING: Sharing = Sharing::Itself;
);

impl PrefixList {
    /// Whether it is only shown for a while yet.
    pub fn is_deleted(&self) -> bool {
        self.change == PrefixListChange::Delete
    }

    fn is_in_progress(&self, now: Timestamp) -> bool {
        now < self.changed_at.plus_millis(TRANSITION_MILLIS)
    }

    /// The state that describe operations show.
    fn state(&self, now: Timestamp) -> &'static str {
        let [under_way, complete] = self.change.states();
        if self.is_in_progress(now) {
            return under_way;
        }
        if self.failure.is_some() { MODIFY_FAILED } else { complete }
    }

    /// Why the last change failed, once that is shown.
    fn failure_at(&self, now: Timestamp) -> Option<&str> {
        self.failure.as_deref().filter(|_| !self.is_in_progress(now))
    }

    /// The version that describe operations show: the new one once the change that made it is complete.
    fn shown_version(&self, now: Timestamp) -> i64 {
        self.version_before.filter(|_| self.is_in_progress(now)).unwrap_or(self.version)
    }

    fn begin(&mut self, change: PrefixListChange, now: Timestamp) {
        self.change = change;
        self.version_before = None;
        self.failure = None;
        self.changed_at = now;
    }
}

/// What the prefix list of an account in a region, or AWS's own there, has in it; nothing when there is none. A list that
/// another account has shared stays in use when it is shared no more.
pub fn prefix_list_blocks(read: &impl Read, scope: &Scope, id: PrefixListId) -> Vec<IpNet> {
    if let Some(list) = aws_catalog::prefix_lists(&scope.region).into_iter().find(|list| list.id == id) {
        return list.blocks.into_iter().map(IpNet::V4).collect();
    }
    let id = id.to_string();
    let of_others = || {
        let mut others = resource_shares::related(read, scope).into_iter();
        others.find_map(|account| {
            read.get::<PrefixList>(&Scope::new(scope.partition, account, scope.region.clone()), &id)
        })
    };
    let list = read.get::<PrefixList>(scope, &id).or_else(of_others);
    list.map_or_else(Vec::new, |list| list.entries.iter().map(|entry| entry.block).collect())
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table
        .with::<op::CreateManagedPrefixList>(create)
        .with::<op::ModifyManagedPrefixList>(modify)
        .with::<op::DeleteManagedPrefixList>(delete);
    describe::operations(version::operations(entry::operations(table)))
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    if name.is_empty() {
        return Err(error::missing("PrefixListName"));
    }
    if RESERVED_PREFIXES.iter().any(|reserved| name.starts_with(reserved)) {
        return Err(error::invalid_value(format!(
            "The prefix list name cannot begin with ({}).",
            RESERVED_PREFIXES.join(", ")
        )));
    }
    if name.chars().count() > MAX_NAME_CHARACTERS || name.chars().any(char::is_control) {
        return Err(error::invalid_value_for(
            name,
            "prefixListName",
            "Prefix list names are at most 255 characters, none of them a control character.",
        ));
    }
    Ok(())
}

/// The largest number of entries, as a request asks for it.
fn max_entries(wanted: i32) -> Result<usize, ServiceError> {
    usize::try_from(wanted)
        .ok()
        .filter(|_| (1..=MOST_ENTRIES).contains(&wanted))
        .ok_or_else(|| error::invalid_value(format!("Must specify a max size between 1 and {MOST_ENTRIES}")))
}

/// The error for more entries than a list is made for.
fn exceeded() -> ServiceError {
    ServiceError::new(
        "PrefixListMaxEntriesExceeded",
        "You've reached the maximum number of entries for the prefix list.",
    )
}

/// Checks the version that a request takes for the newest.
///
/// # Errors
/// `InvalidParameterValue`, `PrefixListVersionMismatch`.
fn check_version(list: &PrefixList, stated: Option<i64>) -> Result<(), ServiceError> {
    match stated {
        Some(stated) if stated < 1 => Err(error::invalid_value(
            "The specified value for version is not valid. The value must be greater than (1).",
        )),
        Some(stated) if stated != list.version => Err(ServiceError::new(
            "PrefixListVersionMismatch",
            "The prefix list has the incorrect version number.",
        )),
        _ => Ok(()),
    }
}

/// A list to be changed: one of the customer's, with no other change under way.
///
/// # Errors
/// `InvalidPrefixListID.NotFound`, `InvalidPrefixListId.Malformed`, `IncorrectState`; `OperationNotPermitted` for a list
/// that AWS manages, `UnauthorizedOperation` for one that another account shares.
fn changeable(edit: &Edit<'_>, text: &str) -> Result<PrefixList, ServiceError> {
    let list = match Listed::named(edit, text)? {
        Listed::OfAws(list) => {
            let message = format!("The prefix list '{}' is managed by AWS and cannot be changed.", list.id);
            return Err(error::not_permitted(message));
        }
        Listed::OfCustomer(list) if list.owner != edit.account() => {
            return Err(sharing::not_owned::<PrefixList>());
        }
        Listed::OfCustomer(list) => list.resource,
    };
    if list.is_in_progress(edit.now()) {
        return Err(ServiceError::new(
            "IncorrectState",
            format!(
                "The request cannot be completed while the prefix list ({}) is in the current state ({}).",
                list.id,
                list.state(edit.now())
            ),
        ));
    }
    if list.is_deleted() {
        return Err(not_found::<PrefixList>(text));
    }
    Ok(PrefixList::clone(&list))
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::CreateManagedPrefixListRequest,
) -> Result<api::CreateManagedPrefixListResult, ServiceError> {
    check_name(&input.prefix_list_name)?;
    let family = AddressFamily::parse(&input.address_family)?;
    let max_entries = max_entries(input.max_entries)?;
    let wanted = input.entries.clone().unwrap_or_default();
    if wanted.len() > entry::MOST_PER_REQUEST {
        return Err(error::invalid_value(format!(
            "The number of entries per request cannot exceeds limit ({}).",
            entry::MOST_PER_REQUEST
        )));
    }
    let entries = entry::changed(family, &[], &wanted, &[])?;
    if entries.len() > max_entries {
        return Err(exceeded());
    }
    let tags = tag::specified(input.tag_specifications.as_ref(), "prefix-list")?;
    let dry_run = input.dry_run.take();
    let attempt = Attempt::new("CreateManagedPrefixList", input.client_token.as_ref(), &input)?;
    ec2.edit(context, dry_run, |edit| {
        let answer = |edit: &Edit<'_>, list: &PrefixList| api::CreateManagedPrefixListResult {
            prefix_list: Some(describe::shown_of_customer(edit, list)),
        };
        if let Some(attempt) = &attempt
            && let Some(list) = attempt.made::<PrefixList>(edit)?.filter(|list| !list.is_deleted())
        {
            return Ok(answer(edit, &list));
        }
        let count = edit.all::<PrefixList>().filter(|list| !list.is_deleted()).count();
        PREFIX_LISTS_PER_REGION.check(edit, count + 1)?;
        let list = PrefixList {
            id: edit.new_id(),
            name: input.prefix_list_name,
            family,
            max_entries,
            version: 1,
            entries,
            change: PrefixListChange::Create,
            changed_at: edit.now(),
            version_before: None,
            failure: None,
            tags,
        };
        edit.put(list.clone());
        if let Some(attempt) = &attempt {
            attempt.remember(edit, vec![list.id.to_string()]);
        }
        Ok(answer(edit, &list))
    })
}

/// Changes the largest number of entries, unless there are groups that then had too many rules. That is no error of the
/// request's: the list shows it.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyManagedPrefixList.html>
fn resize(edit: &mut Edit<'_>, list: &mut PrefixList, max_entries: usize) {
    let before = std::mem::replace(&mut list.max_entries, max_entries);
    list.begin(PrefixListChange::Modify, edit.now());
    // What a list stands for is counted by its record.
    edit.put(list.clone());
    let tables = route_table::route::overfull(edit, list.id);
    let groups = security_group::overfull(edit, list.id);
    let overfull = tables.iter().map(ToString::to_string).chain(groups.iter().map(ToString::to_string));
    let named: Vec<String> = overfull.take(MOST_NAMED_IN_FAILURE).collect();
    if max_entries > before && !named.is_empty() {
        list.failure = Some(format!("{RESIZE_FAILED}: {}", named.join(", ")));
        list.max_entries = before;
    }
}

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyManagedPrefixListRequest,
) -> Result<api::ModifyManagedPrefixListResult, ServiceError> {
    if input.ipam_prefix_list_resolver_sync_enabled.is_some() {
        return Err(error::unsupported("IPAM prefix list resolvers are not supported."));
    }
    let added = input.add_entries.unwrap_or_default();
    let removed = input.remove_entries.unwrap_or_default();
    let has_entries = !added.is_empty() || !removed.is_empty();
    if has_entries && input.max_entries.is_some() {
        return Err(error::combination(
            "You cannot modify the entries and the maximum entries for the prefix list in the same request.",
        ));
    }
    if !has_entries && input.max_entries.is_none() && input.prefix_list_name.is_none() {
        return Err(error::missing("AddEntry, RemoveEntry, MaxEntries or PrefixListName"));
    }
    if added.len().max(removed.len()) > entry::MOST_PER_REQUEST {
        return Err(error::invalid_value(format!(
            "Request cannot contain more than {} entry additions or removals.",
            entry::MOST_PER_REQUEST
        )));
    }
    input.prefix_list_name.as_deref().map(check_name).transpose()?;
    let max_entries = input.max_entries.map(max_entries).transpose()?;
    ec2.edit(context, input.dry_run, |edit| {
        let mut list = changeable(edit, &input.prefix_list_id)?;
        check_version(&list, input.current_version)?;
        let now = edit.now();
        if let Some(name) = input.prefix_list_name {
            list.name = name;
        }
        if has_entries {
            let entries = entry::changed(list.family, &list.entries, &added, &removed)?;
            if entries.len() > list.max_entries {
                return Err(exceeded());
            }
            list.begin(PrefixListChange::Modify, now);
            version::advance(edit, &mut list, entries);
        }
        if let Some(max_entries) = max_entries {
            if max_entries < list.entries.len() {
                return Err(entry::invalid_modification(format!(
                    "The prefix list has {} entries. The maximum number of entries cannot be less than that.",
                    list.entries.len()
                )));
            }
            resize(edit, &mut list, max_entries);
        }
        edit.put(list.clone());
        Ok(api::ModifyManagedPrefixListResult { prefix_list: Some(describe::shown_of_customer(edit, &list)) })
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteManagedPrefixListRequest,
) -> Result<api::DeleteManagedPrefixListResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let mut list = changeable(edit, &input.prefix_list_id)?;
        dependency::check_prefix_list(edit, list.id)?;
        version::forget(edit, &list);
        list.begin(PrefixListChange::Delete, edit.now());
        edit.put(list.clone());
        Ok(api::DeleteManagedPrefixListResult { prefix_list: Some(describe::shown_of_customer(edit, &list)) })
    })
}
