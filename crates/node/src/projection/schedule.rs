//! What changes by itself, and when.
//!
//! Owns one time for each object at most. Refuses to know why.

use std::collections::{BTreeSet, HashMap};

use aws_types::Timestamp;
use store::Scope;
use vpc_model::ObjectId;

use super::stale::Stale;

/// The objects that change by themselves, in order of time.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    order: BTreeSet<(Timestamp, ObjectId)>,
    entries: HashMap<ObjectId, (Timestamp, Scope)>,
}

impl Schedule {
    /// Says when an object changes next; `None` if never.
    pub(super) fn set(&mut self, id: ObjectId, scope: &Scope, at: Option<Timestamp>) {
        if let Some((before, _)) = self.entries.remove(&id) {
            self.order.remove(&(before, id));
        }
        if let Some(at) = at {
            self.order.insert((at, id));
            self.entries.insert(id, (at, scope.clone()));
        }
    }

    /// When the first one changes.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Those whose time has come, which are no longer here.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Stale {
        let mut due = Stale::default();
        while let Some(&(at, id)) = self.order.first().filter(|(at, _)| *at <= now) {
            self.order.remove(&(at, id));
            if let Some((_, scope)) = self.entries.remove(&id) {
                due.add(&scope, id);
            }
        }
        due
    }
}
