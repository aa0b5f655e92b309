//! Who can make volumes of a snapshot: DescribeSnapshotAttribute, ModifySnapshotAttribute, ResetSnapshotAttribute.
//!
//! Owns the permissions and how others find what is shared with them. Refuses to know what they make of it.
//! <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modifying-snapshot-permissions.html>

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, SnapshotId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Record, RecordKind};

use super::{Snapshot, check_not_of_image};
use crate::state::{Edit, State, nobody};
use crate::{Ec2, error};

const ATTRIBUTE: &str = "createVolumePermission";

/// How many permissions one request can add or remove.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySnapshotAttribute.html>
const MOST_CHANGES: usize = 500;

/// With how many accounts a snapshot can be shared. AWS publishes no number; this is that of an image.
const MOST_ACCOUNTS: usize = 1000;

/// Who beside its owner sees a snapshot and can make volumes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateVolumePermissions {
    /// Whether everybody.
    pub all: bool,
    /// These accounts.
    pub accounts: BTreeSet<AccountId>,
}

impl CreateVolumePermissions {
    /// Whether anybody.
    fn is_any(&self) -> bool {
        self.all || !self.accounts.is_empty()
    }

    /// Whether an account.
    fn has(&self, account: AccountId) -> bool {
        self.all || self.accounts.contains(&account)
    }
}

/// That a snapshot is shared. Stored in the part of its region that is nobody's, under the snapshot's id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SharedSnapshot {
    owner: AccountId,
}

impl Record for SharedSnapshot {
    const KIND: &'static str = "ec2.shared-snapshot";
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<SharedSnapshot>()];

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::DescribeSnapshotAttribute>(describe)
        .with::<op::ModifySnapshotAttribute>(modify)
        .with::<op::ResetSnapshotAttribute>(reset)
}

fn shared_with(state: &impl State, id: &str, shared: &SharedSnapshot) -> Option<Arc<Snapshot>> {
    let found = state.reader().get::<Snapshot>(&state.part_of(shared.owner), id)?;
    let is_shared = shared.owner != state.account()
        && found.permissions.has(state.account())
        && state.is_open(shared.owner);
    is_shared.then_some(found)
}

/// The snapshot of another account that is shared with this one, and its owner.
pub(crate) fn other(state: &impl State, id: SnapshotId) -> Option<(AccountId, Arc<Snapshot>)> {
    let id = id.to_string();
    let shared = state.reader().get::<SharedSnapshot>(&state.part_of(nobody()), &id)?;
    Some((shared.owner, shared_with(state, &id, &shared)?))
}

/// The snapshots of other accounts that are shared with this one, with their owners.
pub(super) fn others(state: &impl State) -> Vec<(AccountId, Arc<Snapshot>)> {
    let nobodys = state.part_of(nobody());
    let shared = state.reader().scan::<SharedSnapshot>(&nobodys);
    shared.filter_map(|(id, shared)| Some((shared.owner, shared_with(state, id, &shared)?))).collect()
}

/// Writes a snapshot, and whether others can find it.
fn put(edit: &mut Edit<'_>, snapshot: Snapshot) {
    let (owner, region, id) = (edit.account(), edit.region().clone(), snapshot.id.to_string());
    let is_shared = snapshot.permissions.is_any();
    edit.put(snapshot);
    let mut nobodys = edit.elsewhere(nobody(), region);
    if is_shared {
        nobodys.put_record(&id, SharedSnapshot { owner });
    } else {
        nobodys.remove_record::<SharedSnapshot>(&id);
    }
}

/// Lets nobody find a snapshot that is gone.
pub(crate) fn forget(edit: &mut Edit<'_>, id: SnapshotId) {
    let region = edit.region().clone();
    edit.elsewhere(nobody(), region).remove_record::<SharedSnapshot>(&id.to_string());
}

/// # Errors
/// `InvalidUserID.Malformed`.
pub(super) fn account(text: &str) -> Result<AccountId, ServiceError> {
    let malformed = |_| ServiceError::new("InvalidUserID.Malformed", format!("Invalid user id: \"{text}\""));
    text.parse().map_err(malformed)
}

/// Reads whom a request names.
fn named<'a>(
    users: impl Iterator<Item = &'a String>,
    groups: impl Iterator<Item = &'a String>,
) -> Result<CreateVolumePermissions, ServiceError> {
    let mut all = false;
    for group in groups {
        if group != "all" {
            return Err(error::invalid_value_for(group, "group", "The only group is all."));
        }
        all = true;
    }
    Ok(CreateVolumePermissions { all, accounts: users.map(|text| account(text)).collect::<Result<_, _>>()? })
}

fn listed(list: Option<&Vec<api::CreateVolumePermission>>) -> Result<CreateVolumePermissions, ServiceError> {
    let list = list.map_or(&[][..], Vec::as_slice);
    if list.iter().any(|held| held.user_id.is_some() == held.group.is_some()) {
        return Err(error::combination("Each permission must name either a user or a group."));
    }
    let users = list.iter().filter_map(|held| held.user_id.as_ref());
    named(users, list.iter().filter_map(|held| held.group.as_ref()))
}

/// Whom a request adds and whom it removes; one of them is nobody.
fn changes(
    input: &api::ModifySnapshotAttributeRequest,
) -> Result<[CreateVolumePermissions; 2], ServiceError> {
    let modern = input.create_volume_permission.clone().unwrap_or_default();
    let mut changes = [listed(modern.add.as_ref())?, listed(modern.remove.as_ref())?];
    let lists = [input.user_ids.as_ref(), input.group_names.as_ref()];
    let older = lists.into_iter().flatten().map(Vec::len).sum::<usize>();
    match input.operation_type.as_deref() {
        None if older > 0 => return Err(error::missing("operationType")),
        None => {}
        Some(operation) => {
            let place = match operation {
                "add" => 0,
                "remove" => 1,
                other => {
                    let why = "It must be add or remove.";
                    return Err(error::invalid_value_for(other, "operationType", why));
                }
            };
            let users = input.user_ids.iter().flatten();
            let more = named(users, input.group_names.iter().flatten())?;
            changes[place].all |= more.all;
            changes[place].accounts.extend(more.accounts);
        }
    }
    if changes.iter().all(CreateVolumePermissions::is_any) {
        return Err(error::combination("Permissions cannot be added and removed in the same request."));
    }
    if !changes.iter().any(CreateVolumePermissions::is_any) {
        return Err(error::missing(ATTRIBUTE));
    }
    let wanted = [modern.add, modern.remove].iter().flatten().map(Vec::len).sum::<usize>() + older;
    if wanted > MOST_CHANGES {
        let message = format!("A request can make at most {MOST_CHANGES} modifications to a snapshot.");
        return Err(error::invalid_value(message));
    }
    Ok(changes)
}

/// # Errors
/// `InvalidParameterValue` for another attribute than the one that can be changed.
fn check_attribute(attribute: &str) -> Result<(), ServiceError> {
    if attribute == ATTRIBUTE {
        return Ok(());
    }
    Err(error::invalid_value_for(attribute, "attribute", "The attribute cannot be modified."))
}

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifySnapshotAttributeRequest,
) -> Result<Unit, ServiceError> {
    input.attribute.as_deref().map_or(Ok(()), check_attribute)?;
    let [added, removed] = changes(&input)?;
    ec2.edit(context, input.dry_run, |edit| {
        check_not_of_image(edit, &input.snapshot_id)?;
        let mut snapshot = Snapshot::clone(&*edit.named::<Snapshot>(&input.snapshot_id)?);
        // All keys are the account's default one, of which other accounts can make no use.
        if snapshot.is_encrypted && added.is_any() {
            return Err(error::not_permitted("Encrypted snapshots with EBS default key cannot be shared"));
        }
        let held = &mut snapshot.permissions;
        held.all = (held.all || added.all) && !removed.all;
        held.accounts.extend(&added.accounts);
        held.accounts.retain(|account| !removed.accounts.contains(account));
        // A snapshot of an older state that is shared with more can lose some.
        if held.accounts.len() > MOST_ACCOUNTS && !added.accounts.is_empty() {
            let message = format!("A snapshot can be shared with at most {MOST_ACCOUNTS} accounts.");
            return Err(ServiceError::new("ResourceLimitExceeded", message));
        }
        put(edit, snapshot);
        Ok(Unit)
    })
}

fn reset(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ResetSnapshotAttributeRequest,
) -> Result<Unit, ServiceError> {
    check_attribute(&input.attribute)?;
    ec2.edit(context, input.dry_run, |edit| {
        check_not_of_image(edit, &input.snapshot_id)?;
        let snapshot = Snapshot::clone(&*edit.named::<Snapshot>(&input.snapshot_id)?);
        put(edit, Snapshot { permissions: CreateVolumePermissions::default(), ..snapshot });
        Ok(Unit)
    })
}

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeSnapshotAttributeRequest,
) -> Result<api::DescribeSnapshotAttributeResult, ServiceError> {
    let view = ec2.view(context);
    check_not_of_image(&view, &input.snapshot_id)?;
    let snapshot = view.named::<Snapshot>(&input.snapshot_id)?;
    let mut answer = api::DescribeSnapshotAttributeResult {
        snapshot_id: Some(snapshot.id.to_string()),
        ..Default::default()
    };
    match input.attribute.as_str() {
        ATTRIBUTE => {
            let everybody = snapshot
                .permissions
                .all
                .then(|| api::CreateVolumePermission { group: Some("all".to_owned()), user_id: None });
            let accounts = snapshot.permissions.accounts.iter().map(|account| api::CreateVolumePermission {
                group: None,
                user_id: Some(account.to_string()),
            });
            answer.create_volume_permissions = Some(everybody.into_iter().chain(accounts).collect());
        }
        "productCodes" => answer.product_codes = Some(Vec::new()),
        other => return Err(error::invalid_value_for(other, "attribute", "Unknown snapshot attribute")),
    }
    ec2.answer(input.dry_run, answer)
}
