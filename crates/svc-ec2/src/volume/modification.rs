//! ModifyVolume, DescribeVolumesModifications.
//!
//! Owns the last modification of a volume. Refuses to know what a type allows: [`VolumeSpecification`] does.
//! <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modify-volume.html>

use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::Timestamp;
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use super::specification::Wanted;
use super::{Volume, VolumeSpecification, VolumeState, held_gib, wrong_state};
use crate::filter::{Filters, flag, number, text};
use crate::page::Page;
use crate::state::State;
use crate::{Ec2, error, pace, quota};

/// A modification of a volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeModification {
    /// What the volume was.
    pub original: VolumeSpecification,
    /// What it becomes.
    pub target: VolumeSpecification,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// From when on the volume has its new size.
    pub optimizing_at: Timestamp,
    /// When it is done.
    pub completed_at: Timestamp,
}

impl VolumeModification {
    /// As answers print it.
    pub fn state(&self, now: Timestamp) -> &'static str {
        if now < self.optimizing_at {
            "modifying"
        } else if now < self.completed_at {
            "optimizing"
        } else {
            "completed"
        }
    }

    fn is_done(&self, now: Timestamp) -> bool {
        now >= self.completed_at
    }
}

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::ModifyVolume>(modify).with::<op::DescribeVolumesModifications>(describe)
}

fn shown(volume: &Volume, held: &VolumeModification, now: Timestamp) -> api::VolumeModification {
    let size = |of: &VolumeSpecification| i32::try_from(of.size_gib).ok();
    let iops = |of: &VolumeSpecification| of.iops.and_then(|iops| i32::try_from(iops).ok());
    let throughput = |of: &VolumeSpecification| of.throughput_mibps.and_then(|held| i32::try_from(held).ok());
    let is_done = held.is_done(now);
    api::VolumeModification {
        end_time: is_done.then_some(held.completed_at),
        modification_state: Some(held.state(now).to_owned()),
        original_iops: iops(&held.original),
        original_multi_attach_enabled: Some(false),
        original_size: size(&held.original),
        original_throughput: throughput(&held.original),
        original_volume_type: Some(held.original.volume_type.as_str().to_owned()),
        progress: Some(if is_done { 100 } else { 0 }),
        start_time: Some(held.started_at),
        target_iops: iops(&held.target),
        target_multi_attach_enabled: Some(false),
        target_size: size(&held.target),
        target_throughput: throughput(&held.target),
        target_volume_type: Some(held.target.volume_type.as_str().to_owned()),
        volume_id: Some(volume.id.to_string()),
        ..Default::default()
    }
}

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyVolumeRequest,
) -> Result<api::ModifyVolumeResult, ServiceError> {
    if input.multi_attach_enabled == Some(true) {
        return Err(error::unsupported("Volumes for several instances are not supported."));
    }
    let wanted = Wanted {
        volume_type: input.volume_type.as_deref(),
        size: input.size,
        iops: input.iops,
        throughput: input.throughput,
        encrypted: None,
    };
    let says_nothing = input.volume_type.is_none()
        && input.size.is_none()
        && input.iops.is_none()
        && input.throughput.is_none()
        && input.multi_attach_enabled.is_none();
    if says_nothing {
        return Err(error::missing("size, volumeType, iops or throughput"));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let now = edit.now();
        let mut volume = Volume::clone(&*edit.named::<Volume>(&input.volume_id)?);
        match volume.state(now) {
            VolumeState::Available | VolumeState::InUse => {}
            VolumeState::Creating | VolumeState::Deleting => return Err(wrong_state(&volume, now)),
        }
        if let Some(held) = volume.modification.as_ref().filter(|held| !held.is_done(now)) {
            let state = held.state(now).to_uppercase();
            let message =
                format!("Cannot modify volume {}, currently in modification state {state}", volume.id);
            return Err(ServiceError::new("IncorrectModificationState", message));
        }
        let original = volume.specification.clone();
        let target = original.modified(wanted)?;
        let others = held_gib(edit, target.volume_type);
        let own = if original.volume_type == target.volume_type { original.size_gib } else { 0 };
        let held = others - u64::from(own) + u64::from(target.size_gib);
        quota::check_storage(edit, target.volume_type, held)?;
        let optimizing_at = pace::VOLUME_MODIFICATION.done_at(edit);
        volume.specification = target.clone();
        let modification = VolumeModification {
            original,
            target,
            started_at: now,
            optimizing_at,
            completed_at: pace::VOLUME_OPTIMIZATION.done_after(edit, optimizing_at),
        };
        let answer = shown(&volume, &modification, now);
        volume.modification = Some(modification);
        edit.put(volume);
        Ok(api::ModifyVolumeResult { volume_modification: Some(answer) })
    })
}

static FILTERS: Filters<api::VolumeModification> = Filters {
    tags: None,
    named: &[
        ("modification-state", |held| text(&held.modification_state)),
        ("original-iops", |held| number(held.original_iops)),
        ("original-size", |held| number(held.original_size)),
        ("original-volume-type", |held| text(&held.original_volume_type)),
        ("originalMultiAttachEnabled", |held| flag(held.original_multi_attach_enabled)),
        ("start-time", |held| held.start_time.iter().map(ToString::to_string).collect()),
        ("target-iops", |held| number(held.target_iops)),
        ("target-size", |held| number(held.target_size)),
        ("target-volume-type", |held| text(&held.target_volume_type)),
        ("targetMultiAttachEnabled", |held| flag(held.target_multi_attach_enabled)),
        ("volume-id", |held| text(&held.volume_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVolumesModificationsRequest,
) -> Result<api::DescribeVolumesModificationsResult, ServiceError> {
    let view = ec2.view(context);
    let page =
        Page::capped("DescribeVolumesModifications", input.max_results, input.next_token.as_ref(), (1, 500));
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let show = |volume: &Volume| {
        let held = volume.modification.as_ref().expect("those without are left out");
        shown(volume, held, view.now())
    };
    let has_modification = |volume: &Arc<Volume>| volume.modification.is_some();
    let (found, next_token) = if input.volume_ids.as_ref().is_some_and(|ids| !ids.is_empty()) {
        let volumes = view.selected::<Volume>(input.volume_ids.as_ref())?;
        if let Some(unmodified) = volumes.iter().find(|volume| !has_modification(volume)) {
            let message = format!("Modification for volume '{}' does not exist.", unmodified.id);
            return Err(ServiceError::new("InvalidVolumeModification.NotFound", message));
        }
        page.of_these(volumes, wanted, show)?
    } else {
        page.of_these(view.all::<Volume>().filter(has_modification), wanted, show)?
    };
    ec2.answer(
        input.dry_run,
        api::DescribeVolumesModificationsResult { next_token, volumes_modifications: Some(found) },
    )
}
