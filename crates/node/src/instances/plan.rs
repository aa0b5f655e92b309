//! What has to be done about an instance, given what is wanted and what is there. A pure table.

use sandbox::Exit;
use svc_ec2::record::InstanceState;

/// What the host has of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Observed<'a> {
    /// Nothing, or a root disk alone.
    Nothing,
    /// A sandbox that runs.
    Running,
    /// A sandbox that ended without having been told to.
    Ended(&'a Exit),
}

/// What EC2 wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The state on record.
    pub(super) state: InstanceState,
    /// Whether a reboot was asked for that was not carried out.
    pub(super) needs_reboot: bool,
    /// Whether its account is closed: then it does not run, whatever is on record, which holds again when the account is
    /// opened again.
    pub(super) is_suspended: bool,
}

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Make a sandbox and plug its interfaces in.
    Start,
    /// It was started again and again and does not go on running, for this reason: say that it is stopped.
    GiveUp(String),
    /// Let a running sandbox start over.
    Reboot,
    /// Shut it down and say that it is stopped.
    Stop,
    /// End it and say nothing: it is to run again when its account is opened again.
    Suspend,
    /// Nothing runs any more: say that it is stopped.
    RecordStop,
    /// It shut itself down: say so. EC2 knows whether that means stopped or terminated.
    RecordShutdown,
    /// Remove everything of it and say that it is terminated.
    Terminate,
    /// Remove everything of it; nobody is waiting for that.
    Remove,
    /// Plug in what should be plugged in, and unplug the rest.
    Plug,
}

/// The next step for an instance on record. A start of one that should run already counts; see
/// [`Restarts`](super::restarts::Restarts).
///
/// | on record     | nothing on the host | running        | ended by itself                        |
/// | ------------- | ------------------- | -------------- | -------------------------------------- |
/// | pending       | start               | start (anew)   | start                                  |
/// | running       | start (host reboot) | reboot or plug | power-off: record it; else start       |
/// | stopping      | record stop         | stop           | record stop                            |
/// | stopped       |                     | stop           |                                        |
/// | shutting-down | terminate           | terminate      | terminate                              |
/// | terminated    | remove              | remove         | remove                                 |
///
/// One of a closed account that is pending or running is suspended where it runs, and left alone where it does not. What
/// was to end goes on to do so.
pub(super) fn plan(wanted: Wanted, observed: Observed<'_>) -> Option<Action> {
    if wanted.is_suspended && matches!(wanted.state, InstanceState::Pending | InstanceState::Running) {
        return (observed == Observed::Running).then_some(Action::Suspend);
    }
    match (wanted.state, observed) {
        (InstanceState::Pending, _) | (InstanceState::Running, Observed::Nothing) => Some(Action::Start),
        (InstanceState::Running, Observed::Running) => {
            Some(if wanted.needs_reboot { Action::Reboot } else { Action::Plug })
        }
        (InstanceState::Running, Observed::Ended(Exit::PoweredOff)) => Some(Action::RecordShutdown),
        (InstanceState::Running, Observed::Ended(_)) => Some(Action::Start),
        (InstanceState::Stopping, Observed::Running) => Some(Action::Stop),
        (InstanceState::Stopping, Observed::Nothing | Observed::Ended(_)) => Some(Action::RecordStop),
        (InstanceState::Stopped, Observed::Running) => Some(Action::Stop),
        (InstanceState::Stopped, Observed::Nothing | Observed::Ended(_)) => None,
        (InstanceState::ShuttingDown, _) => Some(Action::Terminate),
        (InstanceState::Terminated, _) => Some(Action::Remove),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(state: InstanceState, observed: Observed<'_>, expect: Option<Action>) {
        let wanted = Wanted { state, needs_reboot: false, is_suspended: false };
        assert_eq!(plan(wanted, observed), expect, "{state:?} {observed:?}");
    }

    #[test]
    fn nothing_of_a_closed_account_runs_and_what_was_to_end_ends() {
        use InstanceState::{Pending, Running, ShuttingDown, Stopped, Stopping, Terminated};
        let killed = Exit::Killed;
        for needs_reboot in [false, true] {
            for observed in [Observed::Nothing, Observed::Running, Observed::Ended(&killed)] {
                let plan = |state| plan(Wanted { state, needs_reboot, is_suspended: true }, observed);
                let suspend = (observed == Observed::Running).then_some(Action::Suspend);
                assert_eq!(plan(Running), suspend, "{observed:?}");
                assert_eq!(plan(Pending), suspend, "{observed:?}");
                assert_eq!(plan(ShuttingDown), Some(Action::Terminate));
                assert_eq!(plan(Terminated), Some(Action::Remove));
                let is_running = observed == Observed::Running;
                assert_eq!(plan(Stopped), is_running.then_some(Action::Stop));
                assert_eq!(plan(Stopping), Some(if is_running { Action::Stop } else { Action::RecordStop }));
            }
        }
        // When the account is opened again, it is started as after any end that it has not brought about itself.
        check(Running, Observed::Ended(&killed), Some(Action::Start));
    }

    #[test]
    fn every_state_meets_every_host() {
        use InstanceState::{Pending, Running, ShuttingDown, Stopped, Stopping, Terminated};
        let lost = Exit::Lost;
        for observed in [Observed::Nothing, Observed::Running, Observed::Ended(&lost)] {
            check(Pending, observed, Some(Action::Start));
            check(ShuttingDown, observed, Some(Action::Terminate));
            check(Terminated, observed, Some(Action::Remove));
        }
        check(Running, Observed::Nothing, Some(Action::Start));
        check(Running, Observed::Running, Some(Action::Plug));
        check(Running, Observed::Ended(&Exit::Lost), Some(Action::Start));
        check(Running, Observed::Ended(&Exit::RebootRequested), Some(Action::Start));
        check(Running, Observed::Ended(&Exit::PoweredOff), Some(Action::RecordShutdown));
        check(Stopping, Observed::Nothing, Some(Action::RecordStop));
        check(Stopping, Observed::Running, Some(Action::Stop));
        check(Stopped, Observed::Nothing, None);
        check(Stopped, Observed::Running, Some(Action::Stop));
    }

    #[test]
    fn a_reboot_waits_for_a_running_sandbox() {
        let wanted = Wanted { state: InstanceState::Running, needs_reboot: true, is_suspended: false };
        assert_eq!(plan(wanted, Observed::Running), Some(Action::Reboot));
        assert_eq!(plan(wanted, Observed::Nothing), Some(Action::Start));
    }
}
