//! DescribeVolumeStatus.
//!
//! Owns what is said of a volume's health, which nothing here can harm.
//! <https://docs.aws.amazon.com/ebs/latest/userguide/monitoring-volume-checks.html>

use aws_api::ec2::{self as api, operation as op};
use aws_types::Timestamp;
use service_api::{Operations, RequestContext, ServiceError};

use super::{Volume, VolumeType};
use crate::Ec2;
use crate::filter::{Filters, text};
use crate::page::{LIMITS, Page};
use crate::state::State;

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::DescribeVolumeStatus>(describe)
}

fn shown(volume: &Volume, now: Timestamp) -> api::VolumeStatusItem {
    let detail = |name: &str, status: &str| api::VolumeStatusDetails {
        name: Some(name.to_owned()),
        status: Some(status.to_owned()),
    };
    let is_made = now >= volume.available_at;
    // Performance is watched of volumes with provisioned operations that are attached.
    let is_watched = matches!(volume.specification.volume_type, VolumeType::Io1 | VolumeType::Io2)
        && volume.attached(now).is_some();
    let (status, performance) = match (is_made, is_watched) {
        (false, _) => ("insufficient-data", "insufficient-data"),
        (true, true) => ("ok", "normal"),
        (true, false) => ("ok", "not-applicable"),
    };
    let enabled = if is_made { "passed" } else { "insufficient-data" };
    api::VolumeStatusItem {
        actions: Some(Vec::new()),
        attachment_statuses: Some(
            volume
                .attached(now)
                .map(|held| api::VolumeStatusAttachmentStatus {
                    instance_id: Some(held.instance.to_string()),
                    io_performance: Some(performance.to_owned()),
                })
                .into_iter()
                .collect(),
        ),
        availability_zone: Some(volume.zone.to_string()),
        availability_zone_id: Some(volume.zone_id.clone()),
        events: Some(Vec::new()),
        volume_id: Some(volume.id.to_string()),
        volume_status: Some(api::VolumeStatusInfo {
            details: Some(vec![detail("io-enabled", enabled), detail("io-performance", performance)]),
            status: Some(status.to_owned()),
        }),
        ..Default::default()
    }
}

/// A member of the checks.
macro_rules! details {
    ($member:ident) => {
        |item| {
            let details = item.volume_status.iter().flat_map(|held| held.details.iter().flatten());
            details.filter_map(|detail| detail.$member.clone()).collect()
        }
    };
}

static FILTERS: Filters<api::VolumeStatusItem> = Filters {
    tags: None,
    named: &[
        ("availability-zone", |item| text(&item.availability_zone)),
        ("availability-zone-id", |item| text(&item.availability_zone_id)),
        ("operator.managed", |_| vec!["false".to_owned()]),
        ("volume-status.details-name", details!(name)),
        ("volume-status.details-status", details!(status)),
        ("volume-status.status", |item| {
            item.volume_status.iter().filter_map(|held| held.status.clone()).collect()
        }),
    ],
    absent: &[
        "action.code",
        "action.description",
        "action.event-id",
        "event.description",
        "event.event-id",
        "event.event-type",
        "event.not-after",
        "event.not-before",
        "operator.principal",
    ],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVolumeStatusRequest,
) -> Result<api::DescribeVolumeStatusResult, ServiceError> {
    super::describe::check_page(input.volume_ids.as_ref(), input.max_results)?;
    let view = ec2.view(context);
    let page = Page::capped("DescribeVolumeStatus", input.max_results, input.next_token.as_ref(), LIMITS);
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (items, next_token) =
        page.of(&view, input.volume_ids.as_ref(), wanted, |volume: &Volume| shown(volume, view.now()))?;
    ec2.answer(input.dry_run, api::DescribeVolumeStatusResult { next_token, volume_statuses: Some(items) })
}
