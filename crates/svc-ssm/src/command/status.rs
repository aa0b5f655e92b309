//! The life of an invocation: one command on one instance.
//!
//! ```text
//!            +--> Undeliverable   (the instance is gone)
//!            +--> DeliveryTimedOut
//!            +--> Terminated      (too many others failed)
//!            +--> Cancelled
//!  Pending --+--> InProgress --+--> Success
//!                     |        +--> Failed
//!                     |        +--> ExecutionTimedOut
//!                     v        |
//!                 Cancelling --+--> Cancelled
//! ```
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html>

use serde::{Deserialize, Serialize};

/// The state of an invocation, as detailed as AWS tells it (`StatusDetails`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InvocationStatus {
    /// It waits to be delivered.
    Pending,
    /// It runs.
    InProgress,
    /// It runs and is to be stopped.
    Cancelling,
    /// It ended with exit code 0.
    Success,
    /// It ended with another exit code.
    Failed,
    /// It was stopped on request, or never started because of one.
    Cancelled,
    /// It was not delivered in time.
    DeliveryTimedOut,
    /// It did not end in time.
    ExecutionTimedOut,
    /// Its instance is gone.
    Undeliverable,
    /// It never started because too many others failed.
    Terminated,
}

impl InvocationStatus {
    /// Whether nothing follows it.
    pub fn is_final(self) -> bool {
        match self {
            Self::Pending | Self::InProgress | Self::Cancelling => false,
            Self::Success
            | Self::Failed
            | Self::Cancelled
            | Self::DeliveryTimedOut
            | Self::ExecutionTimedOut
            | Self::Undeliverable
            | Self::Terminated => true,
        }
    }

    /// The state after this one, when it may follow. A command that ends while it is being cancelled ends as it did.
    pub fn transition(self, next: Self) -> Option<Self> {
        let may_follow = match self {
            Self::Pending => !matches!(next, Self::Pending | Self::Cancelling),
            Self::InProgress => {
                !matches!(next, Self::Pending | Self::InProgress | Self::DeliveryTimedOut | Self::Terminated)
            }
            Self::Cancelling => matches!(
                next,
                Self::Success
                    | Self::Failed
                    | Self::Cancelled
                    | Self::ExecutionTimedOut
                    | Self::Undeliverable
            ),
            Self::Success
            | Self::Failed
            | Self::Cancelled
            | Self::DeliveryTimedOut
            | Self::ExecutionTimedOut
            | Self::Undeliverable
            | Self::Terminated => false,
        };
        may_follow.then_some(next)
    }

    /// The coarse state, `Status`.
    pub fn coarse(self) -> &'static str {
        match self {
            Self::DeliveryTimedOut | Self::ExecutionTimedOut => "TimedOut",
            Self::Undeliverable => "Failed",
            Self::Terminated => "Cancelled",
            Self::Pending
            | Self::InProgress
            | Self::Cancelling
            | Self::Success
            | Self::Failed
            | Self::Cancelled => self.details(),
        }
    }

    /// The detailed state, `StatusDetails`.
    pub fn details(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Cancelling => "Cancelling",
            Self::Success => "Success",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::DeliveryTimedOut => "DeliveryTimedOut",
            Self::ExecutionTimedOut => "ExecutionTimedOut",
            Self::Undeliverable => "Undeliverable",
            Self::Terminated => "Terminated",
        }
    }

    /// Whether it counts against the command's `MaxErrors`.
    pub fn is_error(self) -> bool {
        matches!(self, Self::Failed | Self::ExecutionTimedOut | Self::DeliveryTimedOut | Self::Undeliverable)
    }
}

#[cfg(test)]
mod tests {
    use super::InvocationStatus::{self as S, *};

    const ALL: [S; 10] = [
        Pending,
        InProgress,
        Cancelling,
        Success,
        Failed,
        Cancelled,
        DeliveryTimedOut,
        ExecutionTimedOut,
        Undeliverable,
        Terminated,
    ];

    #[test]
    fn nothing_follows_a_final_state_and_everything_else_can_end() {
        for from in ALL {
            for to in ALL {
                let allowed = from.transition(to).is_some();
                assert!(!(from.is_final() && allowed), "{from:?} -> {to:?}");
                assert!(from != to || !allowed, "{from:?} -> {to:?}");
            }
            assert_eq!(from.is_final(), !ALL.iter().any(|to| from.transition(*to).is_some()), "{from:?}");
        }
        assert_eq!(Pending.transition(InProgress), Some(InProgress));
        assert_eq!(InProgress.transition(Cancelling), Some(Cancelling));
        assert_eq!(Cancelling.transition(Success), Some(Success));
        assert_eq!(Pending.transition(Cancelling), None, "what did not start is cancelled at once");
        assert_eq!(InProgress.transition(DeliveryTimedOut), None);
    }
}
