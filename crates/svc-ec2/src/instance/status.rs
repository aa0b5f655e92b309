//! DescribeInstanceStatus.
//!
//! Owns the status checks as far as there are any: an instance that the node reports as running has passed them
//! some time later.

use aws_api::ec2::{self as api, operation as op};
use aws_types::Timestamp;
use service_api::{Operations, RequestContext, ServiceError};

use super::Instance;
use super::lifecycle::InstanceState;
use crate::filter::{Filters, text};
use crate::page::Page;
use crate::state::State;
use crate::{Ec2, error};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::DescribeInstanceStatus>(describe)
}

/// The summary of the checks and its one detail.
fn checks(instance: &Instance, now: Timestamp) -> (&'static str, Option<&'static str>) {
    match instance.state {
        InstanceState::Pending => ("initializing", Some("initializing")),
        InstanceState::Running if now < instance.checked_at => ("initializing", Some("initializing")),
        InstanceState::Running => ("ok", Some("passed")),
        InstanceState::Stopping
        | InstanceState::Stopped
        | InstanceState::ShuttingDown
        | InstanceState::Terminated => ("not-applicable", None),
    }
}

fn shown(instance: &Instance, now: Timestamp) -> api::InstanceStatus {
    let (status, detail) = checks(instance, now);
    let summary = || api::InstanceStatusSummary {
        details: detail.map(|detail| {
            vec![api::InstanceStatusDetails {
                name: Some("reachability".to_owned()),
                status: Some(detail.to_owned()),
                ..Default::default()
            }]
        }),
        status: Some(status.to_owned()),
    };
    api::InstanceStatus {
        availability_zone: Some(instance.zone.to_string()),
        availability_zone_id: Some(instance.zone_id.clone()),
        instance_id: Some(instance.id.to_string()),
        instance_state: Some(instance.state.shown()),
        instance_status: Some(summary()),
        system_status: Some(summary()),
        ..Default::default()
    }
}

/// A member of a summary.
macro_rules! summary {
    ($which:ident) => {
        |status| status.$which.iter().filter_map(|held| held.status.clone()).collect()
    };
    ($which:ident, details) => {
        |status| {
            let details = status.$which.iter().flat_map(|held| held.details.iter().flatten());
            details.filter_map(|detail| detail.status.clone()).collect()
        }
    };
}

static FILTERS: Filters<api::InstanceStatus> = Filters {
    tags: None,
    named: &[
        ("availability-zone", |status| text(&status.availability_zone)),
        ("availability-zone-id", |status| text(&status.availability_zone_id)),
        ("instance-state-code", |status| {
            status.instance_state.iter().filter_map(|held| held.code).map(|code| code.to_string()).collect()
        }),
        ("instance-state-name", |status| {
            status.instance_state.iter().filter_map(|held| held.name.clone()).collect()
        }),
        ("instance-status.reachability", summary!(instance_status, details)),
        ("instance-status.status", summary!(instance_status)),
        ("operator.managed", |_| vec!["false".to_owned()]),
        ("system-status.reachability", summary!(system_status, details)),
        ("system-status.status", summary!(system_status)),
    ],
    absent: &[
        "application-status.status",
        "attached-ebs-status.status",
        "event.code",
        "event.description",
        "event.instance-event-id",
        "event.not-after",
        "event.not-before",
        "event.not-before-deadline",
        "operator.principal",
    ],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeInstanceStatusRequest,
) -> Result<api::DescribeInstanceStatusResult, ServiceError> {
    let has_ids = input.instance_ids.as_ref().is_some_and(|ids| !ids.is_empty());
    if has_ids && input.max_results.is_some() {
        return Err(error::combination(
            "The parameter instancesSet cannot be used with the parameter maxResults",
        ));
    }
    let view = ec2.view(context);
    let all = input.include_all_instances == Some(true);
    let instances = view.selected::<Instance>(input.instance_ids.as_ref())?;
    let instances = instances.into_iter().filter(|instance| all || instance.state == InstanceState::Running);
    let page = Page::new("DescribeInstanceStatus", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (statuses, next_token) = page.of_these(instances, wanted, |instance| shown(instance, view.now()))?;
    ec2.answer(
        input.dry_run,
        api::DescribeInstanceStatusResult { instance_statuses: Some(statuses), next_token },
    )
}
