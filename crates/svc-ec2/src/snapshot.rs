//! Snapshots of volumes: CreateSnapshot, DeleteSnapshot, DescribeSnapshots.
//!
//! Owns the record, and how those of other accounts and those behind the built-in images are shown. Copies and
//! permissions are in the modules below. Refuses to know bytes: a snapshot holds
//! what its volume was, not what was on it.
//! <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-snapshots.html>

mod copy;
pub(crate) mod permission;

use std::sync::Arc;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_catalog::Image;
use aws_types::{AccountId, SnapshotId, Tags, Timestamp, VolumeId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

pub use permission::CreateVolumePermissions;

use crate::filter::{Filters, flag, number, text};
use crate::page::{LIMITS, Page};
use crate::state::{Naming, State, parse_id, resource};
use crate::volume::{Volume, VolumeState};
use crate::{Ec2, error, pace, quota, tag};

/// The volume of a snapshot that was made of none of the account's, and of a copy.
const NO_VOLUME: &str = "vol-ffffffff";
const MAX_DESCRIPTION_CHARACTERS: usize = 255;

/// A snapshot of a volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its id.
    pub id: SnapshotId,
    /// The volume, which may be gone; none of a copy.
    pub volume: Option<VolumeId>,
    /// The size of the volume in GiB.
    pub size_gib: u32,
    /// Whether the volume was to be encrypted.
    pub is_encrypted: bool,
    /// What its maker says of it.
    pub description: String,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// When it is complete.
    pub completed_at: Timestamp,
    /// Who beside its owner can make volumes of it.
    #[serde(default)]
    pub permissions: CreateVolumePermissions,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    Snapshot,
    SnapshotId,
    "ec2.snapshot",
    Naming {
        resource_type: "snapshot",
        noun: "snapshot",
        not_found: "InvalidSnapshot.NotFound",
        malformed: "InvalidSnapshotID.Malformed",
    },
    fn not_found_message(id: &str) -> String {
        format!("The snapshot '{id}' does not exist.")
    },
    fn none_found_message(ids: &[String]) -> String {
        format!("The snapshots '{}' do not exist.", ids.join(", "))
    }
);

/// What a volume is made from.
pub(crate) struct Source {
    pub(crate) id: SnapshotId,
    pub(crate) size_gib: u32,
    pub(crate) is_encrypted: bool,
}

impl Source {
    /// Whether a volume of that size can be made from it.
    ///
    /// # Errors
    /// The message; whose code depends on who asks.
    pub(crate) fn check_size(&self, size_gib: u32) -> Result<(), String> {
        if size_gib >= self.size_gib {
            return Ok(());
        }
        Err(format!(
            "Volume of size {size_gib}GB is smaller than snapshot '{}', expect size >= {}GB",
            self.id, self.size_gib
        ))
    }
}

fn image_with(state: &impl State, id: SnapshotId) -> Option<Image> {
    aws_catalog::images(state.region()).into_iter().find(|image| image.root_snapshot_id == id)
}

/// The snapshot that a request names to make a volume from.
///
/// # Errors
/// The codes for malformed and unknown ids; `IncorrectState` for one that is not complete.
pub(crate) fn source(state: &impl State, text: &str) -> Result<Source, ServiceError> {
    let id = parse_id::<Snapshot>(text)?;
    if let Some(image) = image_with(state, id) {
        return Ok(Source { id, size_gib: image.root_volume_gib, is_encrypted: false });
    }
    let snapshot = match permission::other(state, id) {
        Some((_, shared)) => shared,
        None => state.named::<Snapshot>(text)?,
    };
    if state.now() < snapshot.completed_at {
        return Err(ServiceError::new("IncorrectState", format!("Snapshot '{id}' is not 'completed'.")));
    }
    Ok(Source { id, size_gib: snapshot.size_gib, is_encrypted: snapshot.is_encrypted })
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table
        .with::<op::CreateSnapshot>(create)
        .with::<op::DeleteSnapshot>(delete)
        .with::<op::DescribeSnapshots>(describe);
    permission::operations(copy::operations(table))
}

/// # Errors
/// `InvalidParameterValue` for a description that is too long.
fn checked_description(description: Option<&String>) -> Result<String, ServiceError> {
    let description = description.cloned().unwrap_or_default();
    if description.chars().count() > MAX_DESCRIPTION_CHARACTERS {
        let message = format!("The description has more than {MAX_DESCRIPTION_CHARACTERS} characters.");
        return Err(error::invalid_value(message));
    }
    Ok(description)
}

/// # Errors
/// `OperationNotPermitted` for a snapshot of an image, which is Amazon's.
fn check_not_of_image(state: &impl State, text: &str) -> Result<(), ServiceError> {
    let id = parse_id::<Snapshot>(text)?;
    if image_with(state, id).is_some() {
        return Err(error::not_permitted(format!("The snapshot '{id}' belongs to another account.")));
    }
    Ok(())
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateSnapshotRequest,
) -> Result<api::Snapshot, ServiceError> {
    if input.outpost_arn.is_some() || input.location.as_deref().is_some_and(|held| held != "regional") {
        return Err(error::unsupported("Snapshots outside of the region's storage are not supported."));
    }
    let description = checked_description(input.description.as_ref())?;
    let tags = tag::specified(input.tag_specifications.as_ref(), "snapshot")?;
    ec2.edit(context, input.dry_run, |edit| {
        let volume = edit.named::<Volume>(&input.volume_id)?;
        match volume.state(edit.now()) {
            VolumeState::Available | VolumeState::InUse => {}
            state @ (VolumeState::Creating | VolumeState::Deleting) => {
                let message = format!("Volume '{}' is in the '{}' state.", volume.id, state.as_str());
                return Err(ServiceError::new("IncorrectState", message));
            }
        }
        quota::SNAPSHOTS_PER_REGION.check(edit, edit.count::<Snapshot>() + 1)?;
        let snapshot = Snapshot {
            id: edit.new_id(),
            volume: Some(volume.id),
            size_gib: volume.specification(edit.now()).size_gib,
            is_encrypted: volume.specification.is_encrypted,
            description,
            started_at: edit.now(),
            completed_at: pace::SNAPSHOT_COMPLETION.done_at(edit),
            permissions: CreateVolumePermissions::default(),
            tags,
        };
        edit.put(snapshot.clone());
        Ok(shown(edit, edit.account(), &snapshot))
    })
}

/// Volumes that were made from it stay as they are.
fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteSnapshotRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        check_not_of_image(edit, &input.snapshot_id)?;
        let snapshot = edit.named::<Snapshot>(&input.snapshot_id)?;
        permission::forget(edit, snapshot.id);
        edit.remove::<Snapshot>(snapshot.id);
        Ok(Unit)
    })
}

/// As this account sees it, whose tags are its own.
fn shown(state: &impl State, owner: AccountId, snapshot: &Snapshot) -> api::Snapshot {
    let is_complete = state.now() >= snapshot.completed_at;
    api::Snapshot {
        completion_time: is_complete.then_some(snapshot.completed_at),
        description: Some(snapshot.description.clone()),
        encrypted: Some(snapshot.is_encrypted),
        owner_id: Some(owner.to_string()),
        progress: Some(if is_complete { "100%" } else { "0%" }.to_owned()),
        snapshot_id: Some(snapshot.id.to_string()),
        start_time: Some(snapshot.started_at),
        state: Some(if is_complete { "completed" } else { "pending" }.to_owned()),
        storage_tier: Some("standard".to_owned()),
        tags: if owner == state.account() { tag::shown(&snapshot.tags) } else { None },
        volume_id: Some(snapshot.volume.map_or_else(|| NO_VOLUME.to_owned(), |volume| volume.to_string())),
        volume_size: i32::try_from(snapshot.size_gib).ok(),
        ..Default::default()
    }
}

fn shown_of_image(image: &Image) -> api::Snapshot {
    api::Snapshot {
        completion_time: Some(image.created_at),
        description: Some(format!("The root volume of {}", image.name)),
        encrypted: Some(false),
        owner_alias: Some(image.owner_alias.to_owned()),
        owner_id: Some(image.owner_id.to_owned()),
        progress: Some("100%".to_owned()),
        snapshot_id: Some(image.root_snapshot_id.to_string()),
        start_time: Some(image.created_at),
        state: Some("completed".to_owned()),
        storage_tier: Some("standard".to_owned()),
        volume_id: Some(NO_VOLUME.to_owned()),
        volume_size: i32::try_from(image.root_volume_gib).ok(),
        ..Default::default()
    }
}

static FILTERS: Filters<api::Snapshot> = Filters {
    tags: Some(|snapshot| snapshot.tags.as_deref().unwrap_or_default()),
    named: &[
        ("description", |snapshot| text(&snapshot.description)),
        ("encrypted", |snapshot| flag(snapshot.encrypted)),
        ("owner-alias", |snapshot| text(&snapshot.owner_alias)),
        ("owner-id", |snapshot| text(&snapshot.owner_id)),
        ("progress", |snapshot| text(&snapshot.progress)),
        ("snapshot-id", |snapshot| text(&snapshot.snapshot_id)),
        ("start-time", |snapshot| snapshot.start_time.iter().map(ToString::to_string).collect()),
        ("status", |snapshot| text(&snapshot.state)),
        ("storage-tier", |snapshot| text(&snapshot.storage_tier)),
        ("volume-id", |snapshot| text(&snapshot.volume_id)),
        ("volume-size", |snapshot| number(snapshot.volume_size)),
    ],
    absent: &["transfer-type"],
};

/// A snapshot that an account can use.
struct Listed {
    shown: api::Snapshot,
    is_own: bool,
    /// The record; those of images have none, and are for all.
    record: Option<Arc<Snapshot>>,
}

impl Listed {
    fn of(state: &impl State, owner: AccountId, snapshot: &Arc<Snapshot>) -> Self {
        Self {
            shown: shown(state, owner, snapshot),
            is_own: owner == state.account(),
            record: Some(Arc::clone(snapshot)),
        }
    }

    fn of_image(image: &Image) -> Self {
        Self { shown: shown_of_image(image), is_own: false, record: None }
    }

    /// Whether everybody can make volumes of it.
    fn is_for_all(&self) -> bool {
        self.record.as_ref().is_none_or(|snapshot| snapshot.permissions.all)
    }

    /// Whether one account can make volumes of it without everybody being able to, as far as this one is told.
    fn is_for(&self, state: &impl State, user: AccountId) -> bool {
        let accounts = self.record.as_ref().map(|snapshot| &snapshot.permissions.accounts);
        let is_named = accounts.is_some_and(|accounts| accounts.contains(&user));
        if user == state.account() { self.is_own || is_named } else { self.is_own && is_named }
    }
}

/// The snapshots that a request is about: those named, or all that the account can use.
fn selected(state: &impl State, ids: Option<&Vec<String>>) -> Result<Vec<Listed>, ServiceError> {
    let own = |snapshots: Vec<Arc<Snapshot>>| -> Vec<Listed> {
        snapshots.iter().map(|snapshot| Listed::of(state, state.account(), snapshot)).collect()
    };
    let Some(ids) = ids.filter(|ids| !ids.is_empty()) else {
        let mut all = own(state.all::<Snapshot>().collect());
        all.extend(aws_catalog::images(state.region()).iter().map(Listed::of_image));
        let others = permission::others(state);
        all.extend(others.iter().map(|(owner, snapshot)| Listed::of(state, *owner, snapshot)));
        return Ok(all);
    };
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for text in ids {
        let id = parse_id::<Snapshot>(text).ok();
        if let Some(image) = id.and_then(|id| image_with(state, id)) {
            found.push(Listed::of_image(&image));
        } else if let Some((owner, snapshot)) = id.and_then(|id| permission::other(state, id)) {
            found.push(Listed::of(state, owner, &snapshot));
        } else {
            others.push(text.clone());
        }
    }
    if !others.is_empty() {
        found.extend(own(state.selected::<Snapshot>(Some(&others))?));
    }
    Ok(found)
}

/// # Errors
/// `InvalidUserID.Malformed`.
fn check_accounts(accounts: &[String], aliases: &[&str]) -> Result<(), ServiceError> {
    let mut named = accounts.iter().filter(|text| !aliases.contains(&text.as_str()));
    named.try_for_each(|text| permission::account(text).map(drop))
}

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeSnapshotsRequest,
) -> Result<api::DescribeSnapshotsResult, ServiceError> {
    let has_ids = input.snapshot_ids.as_ref().is_some_and(|ids| !ids.is_empty());
    if has_ids && input.max_results.is_some() {
        return Err(error::combination(
            "The parameter snapshotSet cannot be used with the parameter maxResults",
        ));
    }
    let view = ec2.view(context);
    let mut listed = selected(&view, input.snapshot_ids.as_ref())?;
    if let Some(owners) = input.owner_ids.filter(|owners| !owners.is_empty()) {
        check_accounts(&owners, &["self", "amazon"])?;
        listed.retain(|held| {
            owners.iter().any(|owner| match owner.as_str() {
                "self" => held.is_own,
                owner => {
                    held.shown.owner_alias.as_deref() == Some(owner)
                        || held.shown.owner_id.as_deref() == Some(owner)
                }
            })
        });
    }
    if let Some(users) = input.restorable_by_user_ids.filter(|users| !users.is_empty()) {
        check_accounts(&users, &["self", "all"])?;
        listed.retain(|held| {
            users.iter().any(|user| match user.as_str() {
                "all" => held.is_for_all(),
                "self" => held.is_for(&view, view.account()),
                user => user.parse().is_ok_and(|user| held.is_for(&view, user)),
            })
        });
    }
    let mut snapshots: Vec<api::Snapshot> = listed.into_iter().map(|held| held.shown).collect();
    FILTERS.apply(&mut snapshots, input.filters.as_ref())?;
    snapshots.sort_by(|one, other| one.snapshot_id.cmp(&other.snapshot_id));
    snapshots.dedup_by(|one, other| one.snapshot_id == other.snapshot_id);
    let page = Page::capped("DescribeSnapshots", input.max_results, input.next_token.as_ref(), LIMITS);
    let (snapshots, next_token) =
        page.cut(snapshots, |snapshot| snapshot.snapshot_id.as_deref().unwrap_or_default())?;
    ec2.answer(input.dry_run, api::DescribeSnapshotsResult { next_token, snapshots: Some(snapshots) })
}
