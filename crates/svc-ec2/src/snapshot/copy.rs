//! CopySnapshot.
//!
//! Owns what a copy takes over. Refuses to know bytes: there are none to be copied.
//! <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-copy-snapshot.html>

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::{CreateVolumePermissions, Snapshot, checked_description, source};
use crate::state::{Edit, State};
use crate::{Ec2, error, pace, quota, tag, zone};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::CopySnapshot>(copy)
}

/// The copy is of another volume than any: which one it was is not told in another region.
fn copy(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CopySnapshotRequest,
) -> Result<api::CopySnapshotResult, ServiceError> {
    error::refuse_unsupported(&[
        (input.kms_key_id.is_some(), "Keys of one's own for snapshots"),
        (input.destination_outpost_arn.is_some(), "Outposts"),
        (input.destination_availability_zone.is_some(), "Snapshots in Local Zones"),
        (input.completion_duration_minutes.is_some(), "Copies that take a chosen time"),
    ])?;
    let tags = tag::specified(input.tag_specifications.as_ref(), "snapshot")?;
    let description = checked_description(input.description.as_ref())?;
    let from = zone::region_named(&input.source_region, "sourceRegion")?;
    ec2.edit(context, input.dry_run, |edit: &mut Edit<'_>| {
        // Clients name their own region, with which they sign.
        if let Some(to) = input.destination_region.as_deref().filter(|to| *to != edit.region().as_str()) {
            let why = "It must be the region that the request is sent to.";
            return Err(error::invalid_value_for(to, "destinationRegion", why));
        }
        let account = edit.account();
        let source = source(&edit.elsewhere(account, from.clone()), &input.source_snapshot_id)?;
        quota::SNAPSHOTS_PER_REGION.check(edit, edit.count::<Snapshot>() + 1)?;
        let snapshot = Snapshot {
            id: edit.new_id(),
            volume: None,
            size_gib: source.size_gib,
            is_encrypted: source.is_encrypted || input.encrypted == Some(true),
            description,
            started_at: edit.now(),
            completed_at: pace::SNAPSHOT_COMPLETION.done_at(edit),
            permissions: CreateVolumePermissions::default(),
            tags,
        };
        let answer = api::CopySnapshotResult {
            snapshot_id: Some(snapshot.id.to_string()),
            tags: tag::shown(&snapshot.tags),
        };
        edit.put(snapshot);
        Ok(answer)
    })
}
