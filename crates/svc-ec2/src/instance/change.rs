//! StartInstances, StopInstances, RebootInstances, TerminateInstances.
//!
//! Owns what these requests ask of an instance's life. Refuses to bring it about: reconcilers do.

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::InstanceId;
use service_api::{Operations, RequestContext, ServiceError};

use super::lifecycle::{Event, InstanceState, StateReason, transition_reason};
use super::{Instance, placement, running_vcpus};
use crate::network_interface::public_address;
use crate::state::{Edit, State};
use crate::{Ec2, error, instance_type, quota};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::StartInstances>(start)
        .with::<op::StopInstances>(stop)
        .with::<op::RebootInstances>(reboot)
        .with::<op::TerminateInstances>(terminate)
}

fn change_of(id: InstanceId, before: InstanceState, after: InstanceState) -> api::InstanceStateChange {
    api::InstanceStateChange {
        current_state: Some(after.shown()),
        instance_id: Some(id.to_string()),
        previous_state: Some(before.shown()),
    }
}

/// Asks the same of every instance that is named, or of none.
fn each(
    ec2: &Ec2,
    context: &RequestContext,
    dry_run: Option<bool>,
    ids: &[String],
    mut ask: impl FnMut(&Edit<'_>, &mut Instance) -> Result<(), ServiceError>,
) -> Result<Vec<api::InstanceStateChange>, ServiceError> {
    if ids.is_empty() {
        return Err(error::missing("InstanceId"));
    }
    ec2.edit(context, dry_run, |edit| {
        let mut changes = Vec::new();
        for instance in edit.selected::<Instance>(Some(&ids.to_vec()))? {
            let mut instance = std::sync::Arc::unwrap_or_clone(instance);
            let before = instance.state;
            ask(edit, &mut instance)?;
            changes.push(change_of(instance.id, before, instance.state));
            let primary = instance.interfaces.first().copied();
            edit.put(instance);
            if let Some(primary) = primary {
                public_address::settle(edit, primary)?;
            }
        }
        Ok(changes)
    })
}

fn start(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::StartInstancesRequest,
) -> Result<api::StartInstancesResult, ServiceError> {
    // Counted once, however many are started.
    let mut vcpus = None;
    let changes = each(ec2, context, input.dry_run, &input.instance_ids, |edit, instance| {
        let before = instance.state;
        let after = before.transition(Event::StartRequested).map_err(|_| {
            let message =
                format!("The instance '{}' is not in a state from which it can be started.", instance.id);
            ServiceError::new("IncorrectInstanceState", message)
        })?;
        if before != after {
            let vcpus = vcpus.get_or_insert_with(|| running_vcpus(edit));
            *vcpus += u64::from(instance_type::named(&instance.instance_type)?.vcpus);
            quota::check_vcpus(edit, *vcpus)?;
            placement::check_start(edit, instance)?;
            instance.boots += 1;
            instance.skip_os_shutdown = false;
            instance.reboots_done = instance.reboots_requested;
            instance.launched_at = edit.now();
            instance.state_reason = None;
            instance.state_transition_reason = String::new();
        }
        instance.enter(after, edit.now());
        Ok(())
    })?;
    Ok(api::StartInstancesResult { starting_instances: Some(changes) })
}

fn stop(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::StopInstancesRequest,
) -> Result<api::StopInstancesResult, ServiceError> {
    if input.hibernate == Some(true) {
        return Err(ServiceError::new(
            "UnsupportedHibernationConfiguration",
            "Instances that are not enabled for hibernation cannot be hibernated.",
        ));
    }
    let changes = each(ec2, context, input.dry_run, &input.instance_ids, |edit, instance| {
        let after = instance.state.transition(Event::StopRequested).map_err(|_| {
            let message =
                format!("This instance '{}' is not in a state from which it can be stopped.", instance.id);
            ServiceError::new("IncorrectInstanceState", message)
        })?;
        if instance.disable_api_stop {
            return Err(error::not_permitted(format!(
                "The instance '{}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.",
                instance.id
            )));
        }
        note_urgency(instance, input.force, input.skip_os_shutdown);
        if after != instance.state {
            user_initiated(edit, instance);
        }
        instance.enter(after, edit.now());
        Ok(())
    })?;
    Ok(api::StopInstancesResult { stopping_instances: Some(changes) })
}

/// Notes how much time the guest gets to shut down. Every stop is forced here in AWS's sense, because a guest that has
/// not shut down within its grace is killed; so `Force` only says something new of one that is on its way already.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StopInstances.html>
fn note_urgency(instance: &mut Instance, force: Option<bool>, skip_os_shutdown: Option<bool>) {
    let is_under_way = matches!(instance.state, InstanceState::Stopping | InstanceState::ShuttingDown);
    instance.skip_os_shutdown |= skip_os_shutdown == Some(true) || (force == Some(true) && is_under_way);
}

fn user_initiated(edit: &Edit<'_>, instance: &mut Instance) {
    instance.state_reason = Some(StateReason::user_initiated());
    instance.state_transition_reason = transition_reason(edit.now());
}

fn terminate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::TerminateInstancesRequest,
) -> Result<api::TerminateInstancesResult, ServiceError> {
    let changes = each(ec2, context, input.dry_run, &input.instance_ids, |edit, instance| {
        if instance.disable_api_termination {
            return Err(error::not_permitted(format!(
                "The instance '{}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try \
                 again.",
                instance.id
            )));
        }
        let after = instance.state.transition(Event::TerminateRequested);
        let after = after.map_err(|wrong| ServiceError::internal(wrong.to_string()))?;
        note_urgency(instance, input.force, input.skip_os_shutdown);
        if after != instance.state {
            user_initiated(edit, instance);
        }
        instance.enter(after, edit.now());
        Ok(())
    })?;
    Ok(api::TerminateInstancesResult { terminating_instances: Some(changes) })
}

fn reboot(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::RebootInstancesRequest,
) -> Result<Unit, ServiceError> {
    each(ec2, context, input.dry_run, &input.instance_ids, |_, instance| match instance.state {
        InstanceState::Running => {
            instance.reboots_requested += 1;
            Ok(())
        }
        state @ (InstanceState::Pending
        | InstanceState::Stopping
        | InstanceState::Stopped
        | InstanceState::ShuttingDown
        | InstanceState::Terminated) => Err(ServiceError::new(
            "IncorrectState",
            format!("Cannot reboot instance {} that is currently in {} state.", instance.id, state.as_str()),
        )),
    })?;
    Ok(Unit)
}
