//! MonitorInstances, UnmonitorInstances.
//!
//! Owns whether detailed monitoring is asked for. Refuses to know metrics: there are none.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/manage-detailed-monitoring.html>

use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::Instance;
use super::lifecycle::DesiredState;
use crate::state::State;
use crate::{Ec2, error};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::MonitorInstances>(monitor).with::<op::UnmonitorInstances>(unmonitor)
}

/// Turns detailed monitoring on or off for every instance that is named, or for none. An answer shows a change as under
/// way that is done when it is sent.
fn set(
    ec2: &Ec2,
    context: &RequestContext,
    dry_run: Option<bool>,
    ids: &Vec<String>,
    categories: Option<&Vec<String>>,
    is_wanted: bool,
) -> Result<Vec<api::InstanceMonitoring>, ServiceError> {
    if ids.is_empty() {
        return Err(error::missing("InstanceId"));
    }
    if categories.is_some_and(|categories| !categories.is_empty()) {
        return Err(error::unsupported("Categories of metrics are not supported."));
    }
    ec2.edit(context, dry_run, |edit| {
        let mut answer = Vec::new();
        for instance in edit.selected::<Instance>(Some(ids))? {
            if instance.desired() == DesiredState::Terminated {
                let message = format!(
                    "The instance '{}' is {} and cannot be monitored.",
                    instance.id,
                    instance.state.as_str()
                );
                return Err(ServiceError::new("IncorrectInstanceState", message));
            }
            let state = match (instance.monitoring, is_wanted) {
                (true, true) => "enabled",
                (false, true) => "pending",
                (true, false) => "disabling",
                (false, false) => "disabled",
            };
            answer.push(api::InstanceMonitoring {
                instance_id: Some(instance.id.to_string()),
                monitoring: Some(api::Monitoring { state: Some(state.to_owned()), ..Default::default() }),
            });
            if instance.monitoring != is_wanted {
                edit.put(Instance { monitoring: is_wanted, ..Arc::unwrap_or_clone(instance) });
            }
        }
        Ok(answer)
    })
}

fn monitor(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::MonitorInstancesRequest,
) -> Result<api::MonitorInstancesResult, ServiceError> {
    let (ids, categories) = (&input.instance_ids, input.metric_category_ids.as_ref());
    let answer = set(ec2, context, input.dry_run, ids, categories, true)?;
    Ok(api::MonitorInstancesResult { instance_monitorings: Some(answer) })
}

fn unmonitor(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::UnmonitorInstancesRequest,
) -> Result<api::UnmonitorInstancesResult, ServiceError> {
    let (ids, categories) = (&input.instance_ids, input.metric_category_ids.as_ref());
    let answer = set(ec2, context, input.dry_run, ids, categories, false)?;
    Ok(api::UnmonitorInstancesResult { instance_monitorings: Some(answer) })
}
