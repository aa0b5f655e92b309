//! Snapshots of volumes: CreateSnapshot, DeleteSnapshot, DescribeSnapshots.
//!
//! Owns the record, and how the snapshots behind the built-in images are shown. Refuses to know bytes: a snapshot holds
//! what its volume was, not what was on it.
//! <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-snapshots.html>

use std::sync::Arc;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_catalog::Image;
use aws_types::{SnapshotId, Tags, Timestamp, VolumeId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use crate::filter::{Filters, flag, number, text};
use crate::page::{LIMITS, Page};
use crate::state::{Naming, State, parse_id, resource};
use crate::volume::{Volume, VolumeState};
use crate::{Ec2, error, pace, quota, tag};

/// The volume of a snapshot that was made of none of the account's.
const NO_VOLUME: &str = "vol-ffffffff";
const MAX_DESCRIPTION_CHARACTERS: usize = 255;

/// A snapshot of a volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its id.
    pub id: SnapshotId,
    /// The volume, which may be gone.
    pub volume: VolumeId,
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
    let snapshot = state.named::<Snapshot>(text)?;
    if state.now() < snapshot.completed_at {
        return Err(ServiceError::new("IncorrectState", format!("Snapshot '{id}' is not 'completed'.")));
    }
    Ok(Source { id, size_gib: snapshot.size_gib, is_encrypted: snapshot.is_encrypted })
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateSnapshot>(create)
        .with::<op::DeleteSnapshot>(delete)
        .with::<op::DescribeSnapshots>(describe)
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateSnapshotRequest,
) -> Result<api::Snapshot, ServiceError> {
    if input.outpost_arn.is_some() || input.location.as_deref().is_some_and(|held| held != "regional") {
        return Err(error::unsupported("Snapshots outside of the region's storage are not supported."));
    }
    let description = input.description.clone().unwrap_or_default();
    if description.chars().count() > MAX_DESCRIPTION_CHARACTERS {
        let message = format!("The description has more than {MAX_DESCRIPTION_CHARACTERS} characters.");
        return Err(error::invalid_value(message));
    }
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
            volume: volume.id,
            size_gib: volume.specification(edit.now()).size_gib,
            is_encrypted: volume.specification.is_encrypted,
            description,
            started_at: edit.now(),
            completed_at: pace::SNAPSHOT_COMPLETION.done_at(edit),
            tags,
        };
        edit.put(snapshot.clone());
        Ok(shown(edit, &snapshot))
    })
}

/// Volumes that were made from it stay as they are.
fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteSnapshotRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let id = parse_id::<Snapshot>(&input.snapshot_id)?;
        if image_with(edit, id).is_some() {
            return Err(error::not_permitted(format!("The snapshot '{id}' belongs to another account.")));
        }
        edit.named::<Snapshot>(&input.snapshot_id)?;
        edit.remove::<Snapshot>(id);
        Ok(Unit)
    })
}

fn shown(state: &impl State, snapshot: &Snapshot) -> api::Snapshot {
    let is_complete = state.now() >= snapshot.completed_at;
    api::Snapshot {
        completion_time: is_complete.then_some(snapshot.completed_at),
        description: Some(snapshot.description.clone()),
        encrypted: Some(snapshot.is_encrypted),
        owner_id: Some(state.account().to_string()),
        progress: Some(if is_complete { "100%" } else { "0%" }.to_owned()),
        snapshot_id: Some(snapshot.id.to_string()),
        start_time: Some(snapshot.started_at),
        state: Some(if is_complete { "completed" } else { "pending" }.to_owned()),
        storage_tier: Some("standard".to_owned()),
        tags: tag::shown(&snapshot.tags),
        volume_id: Some(snapshot.volume.to_string()),
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

/// The snapshots that a request is about: those named, or all that the account can use.
fn selected(state: &impl State, ids: Option<&Vec<String>>) -> Result<Vec<api::Snapshot>, ServiceError> {
    let own = |snapshots: Vec<Arc<Snapshot>>| -> Vec<api::Snapshot> {
        snapshots.iter().map(|snapshot| shown(state, snapshot)).collect()
    };
    let Some(ids) = ids.filter(|ids| !ids.is_empty()) else {
        let mut all = own(state.all::<Snapshot>().collect());
        all.extend(aws_catalog::images(state.region()).iter().map(shown_of_image));
        return Ok(all);
    };
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for text in ids {
        match parse_id::<Snapshot>(text).ok().and_then(|id| image_with(state, id)) {
            Some(image) => found.push(shown_of_image(&image)),
            None => others.push(text.clone()),
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
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    match accounts.iter().find(|text| !aliases.contains(&text.as_str()) && !is_account(text)) {
        Some(bad) => Err(ServiceError::new("InvalidUserID.Malformed", format!("Invalid user id: \"{bad}\""))),
        None => Ok(()),
    }
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
    let account = view.account().to_string();
    let mut snapshots = selected(&view, input.snapshot_ids.as_ref())?;
    let is_own = |snapshot: &api::Snapshot| snapshot.owner_id.as_ref() == Some(&account);
    if let Some(owners) = input.owner_ids.filter(|owners| !owners.is_empty()) {
        check_accounts(&owners, &["self", "amazon"])?;
        snapshots.retain(|snapshot| {
            owners.iter().any(|owner| match owner.as_str() {
                "self" => is_own(snapshot),
                owner => {
                    snapshot.owner_alias.as_deref() == Some(owner)
                        || snapshot.owner_id.as_deref() == Some(owner)
                }
            })
        });
    }
    if let Some(users) = input.restorable_by_user_ids.filter(|users| !users.is_empty()) {
        check_accounts(&users, &["self", "all"])?;
        // No snapshot is shared with an account by name; those of the images are for all.
        snapshots.retain(|snapshot| {
            users.iter().any(|user| match user.as_str() {
                "all" => !is_own(snapshot),
                "self" => is_own(snapshot),
                user => user == account && is_own(snapshot),
            })
        });
    }
    FILTERS.apply(&mut snapshots, input.filters.as_ref())?;
    snapshots.sort_by(|one, other| one.snapshot_id.cmp(&other.snapshot_id));
    snapshots.dedup_by(|one, other| one.snapshot_id == other.snapshot_id);
    let page = Page::capped("DescribeSnapshots", input.max_results, input.next_token.as_ref(), LIMITS);
    let (snapshots, next_token) =
        page.cut(snapshots, |snapshot| snapshot.snapshot_id.as_deref().unwrap_or_default())?;
    ec2.answer(input.dry_run, api::DescribeSnapshotsResult { next_token, snapshots: Some(snapshots) })
}
