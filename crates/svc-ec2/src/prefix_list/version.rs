//! Versions of prefix lists: RestoreManagedPrefixListVersion, and the entries of versions that are not the newest.
//!
//! Owns which versions are kept. Refuses to know how entries change.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/managed-prefix-lists.html#managed-prefix-lists-concepts>

use aws_api::ec2::{self as api, operation as op};
use aws_types::PrefixListId;
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Record, RecordKind};

use super::describe::shown_of_customer;
use super::{PrefixList, PrefixListChange, PrefixListEntry, changeable, check_version, exceeded};
use crate::state::{Edit, State};
use crate::{Ec2, error};

/// How many versions of a list are kept; the oldest goes when there would be more.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-quotas-managed-prefix-lists>
const MOST_VERSIONS: i64 = 1000;

/// The entries of a version that is not the newest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct EarlierVersion {
    entries: Vec<PrefixListEntry>,
}

impl Record for EarlierVersion {
    const KIND: &'static str = "ec2.prefix-list-version";
}

fn version_key(list: PrefixListId, version: i64) -> String {
    format!("{list}/{version}")
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<EarlierVersion>()];

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::RestoreManagedPrefixListVersion>(restore)
}

/// The versions before the newest that are kept.
fn earlier(list: &PrefixList) -> impl Iterator<Item = i64> + use<> {
    (list.version - MOST_VERSIONS + 1).max(1)..list.version
}

/// Forgets every version before the newest.
pub(super) fn forget(edit: &mut Edit<'_>, list: &PrefixList) {
    for version in earlier(list) {
        edit.remove_record::<EarlierVersion>(&version_key(list.id, version));
    }
}

/// Makes entries the next version of a list.
pub(super) fn advance(edit: &mut Edit<'_>, list: &mut PrefixList, entries: Vec<PrefixListEntry>) {
    let earlier = EarlierVersion { entries: std::mem::replace(&mut list.entries, entries) };
    edit.put_record(&version_key(list.id, list.version), earlier);
    list.version_before = Some(list.version);
    list.version += 1;
    edit.remove_record::<EarlierVersion>(&version_key(list.id, list.version - MOST_VERSIONS));
}

/// The entries of a version, if it is kept.
pub(super) fn entries_of(
    state: &impl State,
    list: &PrefixList,
    version: i64,
) -> Option<Vec<PrefixListEntry>> {
    if version == list.version {
        return Some(list.entries.clone());
    }
    state.record::<EarlierVersion>(&version_key(list.id, version)).map(|held| held.entries.clone())
}

/// The error for a version that a list never had or has no more.
pub(super) fn unknown_version(list: PrefixListId, version: i64) -> ServiceError {
    error::invalid_value(format!("The version ({version}) of the prefix list '{list}' does not exist."))
}

fn restore(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::RestoreManagedPrefixListVersionRequest,
) -> Result<api::RestoreManagedPrefixListVersionResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let mut list = changeable(edit, &input.prefix_list_id)?;
        check_version(&list, Some(input.current_version))?;
        if input.previous_version == list.version {
            return Err(error::invalid_value_for(
                input.previous_version,
                "previousVersion",
                "It is the current version of the prefix list.",
            ));
        }
        let entries = entries_of(edit, &list, input.previous_version)
            .ok_or_else(|| unknown_version(list.id, input.previous_version))?;
        if entries.len() > list.max_entries {
            return Err(exceeded());
        }
        list.begin(PrefixListChange::Restore, edit.now());
        advance(edit, &mut list, entries);
        edit.put(list.clone());
        Ok(api::RestoreManagedPrefixListVersionResult { prefix_list: Some(shown_of_customer(edit, &list)) })
    })
}
