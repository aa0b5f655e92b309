//! What reconcilers write back: what became of instances on the host.
//!
//! Owns the observed half of the record. Each function is one transaction and answers whether the observation changed
//! anything: one that comes too late, because the instance is asked for something else by now, changes nothing and is
//! no error. Refuses to know how it was observed.

use aws_types::{InstanceId, Timestamp};
use service_api::ServiceError;
use store::Scope;

use super::lifecycle::{Event, InstanceState, StateReason};
use super::{Instance, ShutdownBehavior};
use crate::network_interface::{self, NetworkInterface, public_address};
use crate::state::{Edit, State};
use crate::{Ec2, pace};

/// Deletes the interfaces that go with a terminated instance, and frees the others.
fn release_interfaces(edit: &mut Edit<'_>, instance: &mut Instance) -> Result<(), ServiceError> {
    for id in instance.interfaces.clone() {
        let Some(interface) = edit.find::<NetworkInterface>(id) else { continue };
        let mut interface = std::sync::Arc::unwrap_or_clone(interface);
        let goes = interface
            .attachment
            .as_ref()
            .is_some_and(|held| held.delete_on_termination && !held.is_detaching());
        network_interface::detach(&mut interface, instance);
        if goes {
            network_interface::remove(edit, &interface);
        } else {
            public_address::give_back(edit, &mut interface);
            edit.put(interface);
        }
    }
    Ok(())
}

impl Ec2 {
    /// Applies an observation, if the instance is still there and in a state where it means something.
    fn observe(
        &self,
        scope: &Scope,
        id: InstanceId,
        at: Timestamp,
        event: impl FnOnce(&Instance) -> Event,
        note: impl FnOnce(&mut Instance),
    ) -> Result<bool, ServiceError> {
        self.transact(scope, at, |edit| {
            let Some(instance) = edit.find::<Instance>(id) else { return Ok(false) };
            let mut instance = std::sync::Arc::unwrap_or_clone(instance);
            let Ok(after) = instance.state.transition(event(&instance)) else { return Ok(false) };
            if after == InstanceState::Running {
                instance.checked_at = pace::INSTANCE_STATUS_CHECK.done_after(edit, at);
            }
            instance.enter(after, at);
            note(&mut instance);
            if after == InstanceState::Terminated {
                release_interfaces(edit, &mut instance)?;
                crate::volume::release(edit, &mut instance);
                super::profile::forget(edit, instance.id);
            }
            let primary = instance.interfaces.first().copied().filter(|_| after == InstanceState::Stopped);
            edit.put(instance);
            if let Some(primary) = primary {
                public_address::settle(edit, primary)?;
            }
            Ok(true)
        })
    }

    /// A pending instance was seen to run.
    ///
    /// # Errors
    /// A failed commit.
    pub fn instance_started(
        &self,
        scope: &Scope,
        id: InstanceId,
        at: Timestamp,
    ) -> Result<bool, ServiceError> {
        self.observe(
            scope,
            id,
            at,
            |_| Event::Started,
            |instance| {
                instance.state_reason = None;
                instance.state_transition_reason = String::new();
            },
        )
    }

    /// A stopping instance was seen to have stopped.
    ///
    /// # Errors
    /// A failed commit.
    pub fn instance_stopped(
        &self,
        scope: &Scope,
        id: InstanceId,
        at: Timestamp,
    ) -> Result<bool, ServiceError> {
        self.observe(scope, id, at, |_| Event::Stopped, |_| {})
    }

    /// A running instance was seen to have shut itself down. It is stopped then, or asked to terminate, as its shutdown
    /// behavior says.
    ///
    /// # Errors
    /// A failed commit.
    pub fn instance_shut_down(
        &self,
        scope: &Scope,
        id: InstanceId,
        at: Timestamp,
    ) -> Result<bool, ServiceError> {
        let event = |instance: &Instance| match instance.shutdown_behavior {
            ShutdownBehavior::Terminate if instance.state == InstanceState::Running => {
                Event::TerminateRequested
            }
            ShutdownBehavior::Stop | ShutdownBehavior::Terminate => Event::Stopped,
        };
        self.observe(scope, id, at, event, |instance| {
            // Stopping was asked for by a request, which has left its reason.
            if instance.state_reason.is_none() {
                instance.state_reason = Some(StateReason::instance_initiated());
            }
        })
    }

    /// Nothing is left on the host of an instance that was to be terminated. Its interfaces are deleted or freed.
    ///
    /// # Errors
    /// A failed commit.
    pub fn instance_terminated(
        &self,
        scope: &Scope,
        id: InstanceId,
        at: Timestamp,
    ) -> Result<bool, ServiceError> {
        self.observe(scope, id, at, |_| Event::Terminated, |_| {})
    }

    /// An instance could not be started: it is terminated when that was its first boot, else stopped, also when it was on
    /// record as running. Nothing of it may be left on the host.
    ///
    /// # Errors
    /// A failed commit.
    pub fn instance_failed(
        &self,
        scope: &Scope,
        id: InstanceId,
        at: Timestamp,
        reason: StateReason,
    ) -> Result<bool, ServiceError> {
        let event = |instance: &Instance| match instance.state {
            InstanceState::Running => Event::Stopped,
            _ if instance.is_launching() => Event::LaunchFailed,
            _ => Event::StartFailed,
        };
        self.observe(scope, id, at, event, |instance| {
            instance.state_transition_reason = reason.code.clone();
            instance.state_reason = Some(reason);
        })
    }

    /// A running instance was rebooted for the `reboots_requested` that its record had then.
    ///
    /// # Errors
    /// A failed commit.
    pub fn instance_rebooted(
        &self,
        scope: &Scope,
        id: InstanceId,
        at: Timestamp,
        reboots: u64,
    ) -> Result<bool, ServiceError> {
        self.transact(scope, at, |edit| {
            let Some(instance) = edit.find::<Instance>(id) else { return Ok(false) };
            let mut instance = std::sync::Arc::unwrap_or_clone(instance);
            let done = reboots.min(instance.reboots_requested);
            if done <= instance.reboots_done {
                return Ok(false);
            }
            instance.reboots_done = done;
            edit.put(instance);
            Ok(true)
        })
    }
}
