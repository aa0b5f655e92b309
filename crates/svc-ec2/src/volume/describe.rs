//! DescribeVolumes, and how volumes are shown.

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::{Volume, attachment};
use crate::filter::{Filters, each, flag, number, text};
use crate::page::Page;
use crate::state::State;
use crate::{Ec2, error, tag};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::DescribeVolumes>(describe)
}

/// A volume as answers have it.
pub(super) fn shown(state: &impl State, volume: &Volume) -> api::Volume {
    let specification = volume.specification(state.now());
    let count = |value: Option<u32>| value.and_then(|value| i32::try_from(value).ok());
    api::Volume {
        attachments: Some(attachment::shown_all(volume, state.now())),
        availability_zone: Some(volume.zone.to_string()),
        availability_zone_id: Some(volume.zone_id.clone()),
        create_time: Some(volume.created_at),
        encrypted: Some(specification.is_encrypted),
        iops: count(specification.iops),
        multi_attach_enabled: Some(false),
        size: count(Some(specification.size_gib)),
        // A volume that was made empty has an empty one.
        snapshot_id: Some(specification.snapshot.map(|id| id.to_string()).unwrap_or_default()),
        state: Some(volume.state(state.now()).as_str().to_owned()),
        tags: tag::shown(&volume.tags),
        throughput: count(specification.throughput_mibps),
        volume_id: Some(volume.id.to_string()),
        volume_type: Some(specification.volume_type.as_str().to_owned()),
        ..Default::default()
    }
}

static FILTERS: Filters<api::Volume> = Filters {
    tags: Some(|volume| volume.tags.as_deref().unwrap_or_default()),
    named: &[
        ("attachment.attach-time", |volume| {
            each(&volume.attachments, |held| held.attach_time.map(|time| time.to_string()))
        }),
        ("attachment.delete-on-termination", |volume| {
            each(&volume.attachments, |held| held.delete_on_termination.map(|flag| flag.to_string()))
        }),
        ("attachment.device", |volume| each(&volume.attachments, |held| held.device.clone())),
        ("attachment.instance-id", |volume| each(&volume.attachments, |held| held.instance_id.clone())),
        ("attachment.status", |volume| each(&volume.attachments, |held| held.state.clone())),
        ("availability-zone", |volume| text(&volume.availability_zone)),
        ("availability-zone-id", |volume| text(&volume.availability_zone_id)),
        ("create-time", |volume| volume.create_time.iter().map(ToString::to_string).collect()),
        ("encrypted", |volume| flag(volume.encrypted)),
        ("fast-restored", |_| vec!["false".to_owned()]),
        ("multi-attach-enabled", |volume| flag(volume.multi_attach_enabled)),
        ("operator.managed", |_| vec!["false".to_owned()]),
        ("size", |volume| number(volume.size)),
        ("snapshot-id", |volume| text(&volume.snapshot_id)),
        ("status", |volume| text(&volume.state)),
        ("volume-id", |volume| text(&volume.volume_id)),
        ("volume-type", |volume| text(&volume.volume_type)),
    ],
    absent: &["operator.principal", "source-volume-id"],
};

/// Refuses a page of volumes that are named.
///
/// # Errors
/// `InvalidParameterCombination`.
pub(super) fn check_page(ids: Option<&Vec<String>>, max_results: Option<i32>) -> Result<(), ServiceError> {
    if ids.is_some_and(|ids| !ids.is_empty()) && max_results.is_some() {
        return Err(error::combination(
            "The parameter volumeIds cannot be used with the parameter maxResults",
        ));
    }
    Ok(())
}

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVolumesRequest,
) -> Result<api::DescribeVolumesResult, ServiceError> {
    check_page(input.volume_ids.as_ref(), input.max_results)?;
    let view = ec2.view(context);
    let page = Page::capped("DescribeVolumes", input.max_results, input.next_token.as_ref(), (5, 500));
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let show = |volume: &Volume| shown(&view, volume);
    let (volumes, next_token) = page.of(&view, input.volume_ids.as_ref(), wanted, show)?;
    ec2.answer(input.dry_run, api::DescribeVolumesResult { next_token, volumes: Some(volumes) })
}
