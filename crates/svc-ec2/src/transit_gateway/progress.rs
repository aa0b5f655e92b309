//! Changes that AWS carries out after it has answered, as gateways, attachments, tables and Connect peers have them.
//!
//! Owns their states as a function of time, and the errors for one that is in another state than a request needs. Refuses
//! to know what a change does.

use aws_types::Timestamp;
use serde::{Deserialize, Serialize};
use service_api::ServiceError;

use crate::pace::SHOWN_AFTER_DELETION_MILLIS;
use crate::sharing::Owned;
use crate::state::{Edit, Resource, State, not_found};

/// What was last done to a resource.
///
/// ```text
/// Create:  pending ──> available          Request: initiatingRequest ──> pendingAcceptance
/// Modify:  modifying ──> available        Accept:  pending ──> available
/// Delete:  deleting ──> deleted ──1 h──> not shown
/// Reject:  rejecting ──> rejected ──1 h──> not shown
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// It was made.
    Create,
    /// It was changed.
    Modify,
    /// It was deleted, and is only shown for a while.
    Delete,
    /// It was asked for, and another account or region is to accept it.
    Request,
    /// It was accepted.
    Accept,
    /// It was rejected, and is only shown for a while.
    Reject,
}

/// A change and when it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What was done.
    pub change: Change,
    /// From when on it is done.
    pub done_at: Timestamp,
}

impl Progress {
    /// A change that is done at that time.
    pub(crate) fn new(change: Change, done_at: Timestamp) -> Self {
        Self { change, done_at }
    }

    /// The state that describe operations show.
    pub fn state(&self, now: Timestamp) -> &'static str {
        let [under_way, done] = match self.change {
            Change::Create | Change::Accept => ["pending", "available"],
            Change::Modify => ["modifying", "available"],
            Change::Delete => ["deleting", "deleted"],
            Change::Request => ["initiatingRequest", "pendingAcceptance"],
            Change::Reject => ["rejecting", "rejected"],
        };
        if now < self.done_at { under_way } else { done }
    }

    /// Whether it is only shown for a while yet.
    pub fn is_ended(&self) -> bool {
        matches!(self.change, Change::Delete | Change::Reject)
    }

    /// Whether the resource does its work: it is available, changing or not.
    pub fn is_in_service(&self, now: Timestamp) -> bool {
        matches!(self.state(now), "available" | "modifying")
    }

    /// Whether describe operations show it.
    pub(crate) fn is_visible(&self, now: Timestamp) -> bool {
        !self.is_ended() || now < self.done_at.plus_millis(SHOWN_AFTER_DELETION_MILLIS)
    }
}

/// A resource with a state of its own.
pub(crate) trait Progressing: Resource {
    /// What was last done to it.
    fn progress(&self) -> Progress;
}

/// The error for a resource that is in another state than the request needs.
pub(crate) fn incorrect_state(id: impl std::fmt::Display) -> ServiceError {
    ServiceError::new("IncorrectState", format!("{id} is in invalid state"))
}

/// One resource that a request names, which is not deleted.
///
/// # Errors
/// The resource's codes for malformed and unknown ids.
pub(crate) fn live<R: Progressing>(state: &impl State, text: &str) -> Result<R, ServiceError> {
    let found = state.named::<R>(text)?;
    if found.progress().is_ended() { Err(not_found::<R>(text)) } else { Ok(R::clone(&found)) }
}

/// One resource that a request names, which is available and is not being changed.
///
/// # Errors
/// The resource's codes for malformed and unknown ids, `IncorrectState`.
pub(crate) fn available<R: Progressing>(state: &impl State, text: &str) -> Result<R, ServiceError> {
    let found = live::<R>(state, text)?;
    if found.progress().state(state.now()) == "available" { Ok(found) } else { Err(incorrect_state(text)) }
}

/// One resource that a request names and this account sees, which is available and is not being changed.
///
/// # Errors
/// The resource's codes for malformed and unknown ids, `IncorrectState`.
pub(crate) fn usable<R: Progressing>(state: &impl State, text: &str) -> Result<Owned<R>, ServiceError> {
    let found = state.usable::<R>(text)?;
    let progress = found.resource.progress();
    if progress.is_ended() {
        return Err(not_found::<R>(text));
    }
    if progress.state(state.now()) == "available" { Ok(found) } else { Err(incorrect_state(text)) }
}

/// Removes the records of a kind that nobody can see any more.
pub(crate) fn forget<R: Progressing>(edit: &mut Edit<'_>) {
    use store::Read;
    let now = edit.now();
    let gone: Vec<R::Id> = edit
        .reader()
        .scan::<R>(edit.scope())
        .filter(|(_, resource)| !resource.is_visible(now))
        .map(|(_, resource)| resource.id())
        .collect();
    for id in gone {
        edit.remove::<R>(id);
    }
}
