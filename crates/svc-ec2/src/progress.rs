//! Changes that AWS carries out after it has answered: what was done last, and when that is done.
//!
//! Owns their states as a function of time, and the errors for one that is in another state than a request needs. Refuses
//! to know what a change does.

use aws_types::Timestamp;
use serde::{Deserialize, Serialize};
use service_api::ServiceError;

use crate::pace::SHOWN_AFTER_DELETION_MILLIS;
use crate::sharing::Owned;
use crate::state::{Resource, State, not_found};

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
    #[serde(alias = "Creation")]
    Create,
    /// It was changed.
    #[serde(alias = "Modification")]
    Modify,
    /// It was deleted, and is only shown for a while.
    #[serde(alias = "Deletion")]
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
#[serde(from = "Written")]
pub struct Progress {
    /// What was done.
    pub change: Change,
    /// From when on it is done.
    pub done_at: Timestamp,
}

/// Progress as it is found in a record: older builds wrote a flag in place of the change where there are but two.
#[derive(Deserialize)]
struct Written {
    change: Option<Change>,
    #[serde(default)]
    is_ending: bool,
    #[serde(default)]
    is_deleting: bool,
    #[serde(default)]
    is_modified: bool,
    done_at: Timestamp,
}

impl From<Written> for Progress {
    fn from(written: Written) -> Self {
        let Written { change, is_ending, is_deleting, is_modified, done_at } = written;
        let flagged = match (is_ending || is_deleting, is_modified) {
            (true, _) => Change::Delete,
            (false, true) => Change::Modify,
            (false, false) => Change::Create,
        };
        Self { change: change.unwrap_or(flagged), done_at }
    }
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
        if self.is_done(now) { done } else { under_way }
    }

    /// The state of what is made and ended, and nothing else, in words of its own for these four.
    pub(crate) fn in_words(
        &self,
        now: Timestamp,
        [making, made, ending, ended]: [&'static str; 4],
    ) -> &'static str {
        match (self.is_ended(), self.is_done(now)) {
            (false, false) => making,
            (false, true) => made,
            (true, false) => ending,
            (true, true) => ended,
        }
    }

    /// Whether nothing is under way any more.
    pub fn is_done(&self, now: Timestamp) -> bool {
        now >= self.done_at
    }

    /// When it is done, if that is yet to come.
    pub fn changes_after(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.done_at).filter(|done_at| now < *done_at)
    }

    /// Whether it was made and is not ended, but for what is under way: it is from when it is made until it is ended.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.is_ended() != self.is_done(now)
    }

    /// Whether it is ended and nothing is under way any more.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.is_ended() && self.is_done(now)
    }

    /// Whether it is only shown for a while yet.
    pub fn is_ended(&self) -> bool {
        matches!(self.change, Change::Delete | Change::Reject)
    }

    /// Whether the resource does its work: it is available, changing or not.
    pub fn is_in_service(&self, now: Timestamp) -> bool {
        matches!(self.state(now), "available" | "modifying")
    }

    /// From when on describe operations show it no more.
    pub(crate) fn ends_at(&self) -> Option<Timestamp> {
        self.is_ended().then(|| self.done_at.plus_millis(SHOWN_AFTER_DELETION_MILLIS))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A record with a field beside its progress.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Door {
        id: String,
        #[serde(flatten)]
        progress: Progress,
    }

    #[test]
    fn what_older_builds_wrote_is_read() {
        let at = |millis| serde_json::to_string(&Timestamp::from_unix_millis(millis)).unwrap();
        let done_at = at(7);
        for (written, change) in [
            (r#""change":"Create""#, Change::Create),
            (r#""change":"Reject""#, Change::Reject),
            (r#""change":"Creation""#, Change::Create),
            (r#""change":"Modification""#, Change::Modify),
            (r#""change":"Deletion""#, Change::Delete),
            (r#""is_ending":false"#, Change::Create),
            (r#""is_ending":true"#, Change::Delete),
            (r#""is_deleting":false"#, Change::Create),
            (r#""is_deleting":true"#, Change::Delete),
            (r#""is_modified":false"#, Change::Create),
            (r#""is_modified":true"#, Change::Modify),
        ] {
            let expected = Progress::new(change, Timestamp::from_unix_millis(7));
            let alone = format!("{{{written},\"done_at\":{done_at}}}");
            assert_eq!(serde_json::from_str::<Progress>(&alone).unwrap(), expected, "{alone}");
            let door = Door { id: "door".to_owned(), progress: expected };
            let beside = format!("{{\"id\":\"door\",{written},\"done_at\":{done_at}}}");
            assert_eq!(serde_json::from_str::<Door>(&beside).unwrap(), door, "{beside}");
            let again = serde_json::to_string(&door).unwrap();
            assert_eq!(serde_json::from_str::<Door>(&again).unwrap(), door, "{again}");
        }
        assert!(serde_json::from_str::<Progress>(r#"{"change":"Create"}"#).is_err());
    }
}
