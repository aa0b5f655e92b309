//! The life of an instance: its states, what leads from one to the next, and why.
//!
//! ```text
//!                       fails (first boot) ────────────────────────────────┐
//! RunInstances          │                                                  v
//!      └────────> pending ──starts──> running ──stop──> stopping ──stops─> stopped
//!                   ^ │ └─ fails (later boot) ──────────────────────────────^ │ │   terminated
//!                   │ └─terminate─┐      │ └─ halts ─────────────────────────┘ │ │        ^
//!                   │             v      v terminate        terminate          │ │        │
//!                   │         shutting-down <──────────────────────────────────┼─┘        │
//!                   │             └──terminates───────────────────────────────────────────┘
//!                   └──────────────────────────── start ───────────────────────┘
//! ```
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html>

use aws_api::ec2 as api;
use aws_types::Timestamp;
use serde::{Deserialize, Serialize};

/// What an instance is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// It is to run and does not yet.
    Pending,
    /// It runs.
    Running,
    /// It is to stop and has not yet.
    Stopping,
    /// It does not run, and can be started again.
    Stopped,
    /// It is to go for good and has not yet.
    ShuttingDown,
    /// It is gone for good, and still shown for a while.
    Terminated,
}

/// What a reconciler is to bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DesiredState {
    /// It runs.
    Running,
    /// It does not run, and keeps its disk and interfaces.
    Stopped,
    /// Nothing of it is left on the host.
    Terminated,
}

/// What was asked of an instance or seen of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A request to start it.
    StartRequested,
    /// A request to stop it.
    StopRequested,
    /// A request to terminate it.
    TerminateRequested,
    /// It was seen to run.
    Started,
    /// It was seen to have stopped, as asked or by itself.
    Stopped,
    /// Nothing of it was seen to be left.
    Terminated,
    /// Its first boot failed.
    LaunchFailed,
    /// A later boot failed.
    StartFailed,
}

/// The event does not lead anywhere from the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an instance that is {} does not go anywhere by {event:?}", state.as_str())]
pub struct WrongState {
    /// The state.
    pub state: InstanceState,
    /// The event.
    pub event: Event,
}

impl InstanceState {
    /// The state that an event leads to.
    ///
    /// # Errors
    /// It leads nowhere: a request that AWS refuses in that state, or an observation that came too late.
    pub fn transition(self, event: Event) -> Result<Self, WrongState> {
        let wrong = Err(WrongState { state: self, event });
        match (self, event) {
            (Self::Pending, Event::Started) => Ok(Self::Running),
            (Self::Pending, Event::LaunchFailed) => Ok(Self::Terminated),
            (Self::Pending, Event::StartFailed) => Ok(Self::Stopped),
            (Self::Pending, Event::StartRequested) => Ok(Self::Pending),
            (Self::Pending, Event::TerminateRequested) => Ok(Self::ShuttingDown),
            (Self::Pending, Event::StopRequested | Event::Stopped | Event::Terminated) => wrong,

            (Self::Running, Event::StopRequested) => Ok(Self::Stopping),
            (Self::Running, Event::Stopped) => Ok(Self::Stopped),
            (Self::Running, Event::TerminateRequested) => Ok(Self::ShuttingDown),
            (Self::Running, Event::StartRequested) => Ok(Self::Running),
            (
                Self::Running,
                Event::Started | Event::Terminated | Event::LaunchFailed | Event::StartFailed,
            ) => wrong,

            (Self::Stopping, Event::Stopped) => Ok(Self::Stopped),
            (Self::Stopping, Event::StopRequested) => Ok(Self::Stopping),
            (Self::Stopping, Event::TerminateRequested) => Ok(Self::ShuttingDown),
            (Self::Stopping, Event::StartRequested | Event::Started | Event::Terminated) => wrong,
            (Self::Stopping, Event::LaunchFailed | Event::StartFailed) => wrong,

            (Self::Stopped, Event::StartRequested) => Ok(Self::Pending),
            (Self::Stopped, Event::StopRequested) => Ok(Self::Stopped),
            (Self::Stopped, Event::TerminateRequested) => Ok(Self::ShuttingDown),
            (Self::Stopped, Event::Started | Event::Stopped | Event::Terminated) => wrong,
            (Self::Stopped, Event::LaunchFailed | Event::StartFailed) => wrong,

            (Self::ShuttingDown, Event::Terminated) => Ok(Self::Terminated),
            (Self::ShuttingDown, Event::TerminateRequested) => Ok(Self::ShuttingDown),
            (Self::ShuttingDown, Event::StartRequested | Event::StopRequested) => wrong,
            (
                Self::ShuttingDown,
                Event::Started | Event::Stopped | Event::LaunchFailed | Event::StartFailed,
            ) => wrong,

            (Self::Terminated, Event::TerminateRequested) => Ok(Self::Terminated),
            (Self::Terminated, Event::StartRequested | Event::StopRequested | Event::Terminated) => wrong,
            (
                Self::Terminated,
                Event::Started | Event::Stopped | Event::LaunchFailed | Event::StartFailed,
            ) => wrong,
        }
    }

    /// What a reconciler is to bring about in this state.
    pub fn desired(self) -> DesiredState {
        match self {
            Self::Pending | Self::Running => DesiredState::Running,
            Self::Stopping | Self::Stopped => DesiredState::Stopped,
            Self::ShuttingDown | Self::Terminated => DesiredState::Terminated,
        }
    }

    /// As answers print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
        }
    }

    /// The number that stands for it.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html>
    pub fn code(self) -> i32 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    pub(super) fn shown(self) -> api::InstanceState {
        api::InstanceState { code: Some(self.code()), name: Some(self.as_str().to_owned()) }
    }
}

/// Why an instance is in its state.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateReason {
    /// Such as `Client.UserInitiatedShutdown`.
    pub code: String,
    /// The code and a sentence.
    pub message: String,
}

impl StateReason {
    fn new(code: &str, sentence: &str) -> Self {
        Self { code: code.to_owned(), message: format!("{code}: {sentence}") }
    }

    /// A request stopped or terminated it.
    pub(super) fn user_initiated() -> Self {
        Self::new("Client.UserInitiatedShutdown", "User initiated shutdown")
    }

    /// It shut itself down.
    pub(super) fn instance_initiated() -> Self {
        Self::new("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")
    }

    /// Something that should have worked on the host did not. AWS says no more than the first words; here whoever asks
    /// runs the cloud, and has to know what to mend.
    pub fn internal_error(cause: &str) -> Self {
        Self::new("Server.InternalError", &format!("Internal error on launch: {cause}"))
    }
}

/// `User initiated (2026-11-22 14:28:00 GMT)`.
pub(super) fn transition_reason(at: Timestamp) -> String {
    let text = at.to_string();
    let (date, time) = text.split_once('T').unwrap_or((&text, ""));
    format!("User initiated ({date} {} GMT)", time.get(..8).unwrap_or(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_in_every_state() {
        use Event as E;
        use InstanceState as S;
        const EVENTS: [Event; 8] = [
            E::StartRequested,
            E::StopRequested,
            E::TerminateRequested,
            E::Started,
            E::Stopped,
            E::Terminated,
            E::LaunchFailed,
            E::StartFailed,
        ];
        #[rustfmt::skip]
        let table = [
            (S::Pending,      [Some(S::Pending), None, Some(S::ShuttingDown), Some(S::Running), None, None, Some(S::Terminated), Some(S::Stopped)]),
            (S::Running,      [Some(S::Running), Some(S::Stopping), Some(S::ShuttingDown), None, Some(S::Stopped), None, None, None]),
            (S::Stopping,     [None, Some(S::Stopping), Some(S::ShuttingDown), None, Some(S::Stopped), None, None, None]),
            (S::Stopped,      [Some(S::Pending), Some(S::Stopped), Some(S::ShuttingDown), None, None, None, None, None]),
            (S::ShuttingDown, [None, None, Some(S::ShuttingDown), None, None, Some(S::Terminated), None, None]),
            (S::Terminated,   [None, None, Some(S::Terminated), None, None, None, None, None]),
        ];
        for (state, row) in table {
            for (event, expected) in EVENTS.into_iter().zip(row) {
                assert_eq!(state.transition(event).ok(), expected, "{state:?} {event:?}");
            }
        }
    }

    #[test]
    fn the_reason_has_the_time() {
        let at = Timestamp::from_unix_millis(1_795_357_680_123);
        assert_eq!(transition_reason(at), "User initiated (2026-11-22 14:28:00 GMT)");
    }
}
