//! The records as of a time, to be made objects of.
//!
//! Owns what is worked out once for several objects, and when the object that is being made changes next by itself. Refuses
//! to know what objects are made of.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use aws_types::{AccountId, Timestamp, VpcId};
use store::{Read as _, Record, Scope, Snapshot};

use super::subnet::RouteTablesInUse;

/// The records of a snapshot at a time.
pub(super) struct View<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) now: Timestamp,
    changes_at: Cell<Option<Timestamp>>,
    tables_in_use: RefCell<HashMap<VpcId, Rc<RouteTablesInUse>>>,
    open: RefCell<HashMap<AccountId, bool>>,
}

impl<'a> View<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, now: Timestamp) -> Self {
        Self {
            snapshot,
            now,
            changes_at: Cell::default(),
            tables_in_use: RefCell::default(),
            open: RefCell::default(),
        }
    }

    /// One record.
    pub(super) fn get<R: Record>(&self, scope: &Scope, id: impl ToString) -> Option<Arc<R>> {
        self.snapshot.get(scope, &id.to_string())
    }

    /// The records of a kind that are part of something.
    pub(super) fn parts<R: Record, W: ToString>(
        &self,
        scope: &Scope,
        whole: W,
    ) -> impl Iterator<Item = Arc<R>> + use<'a, R, W> {
        let snapshot = self.snapshot;
        snapshot.parts(scope, &whole.to_string()).map(|(_, record)| record)
    }

    /// Says that the object which is being made is another one from then on, though no record changes.
    pub(super) fn changes_at(&self, at: Option<Timestamp>) {
        let earliest = self.changes_at.get().into_iter().chain(at).min();
        self.changes_at.set(earliest);
    }

    /// Makes an object; with it comes when it changes next by itself.
    pub(super) fn observe<T>(&self, make: impl FnOnce() -> T) -> (T, Option<Timestamp>) {
        self.changes_at.set(None);
        let made = make();
        (made, self.changes_at.take())
    }

    /// Whether the account of a scope is not closed.
    pub(super) fn is_open(&self, scope: &Scope) -> bool {
        let of_record = || identities::is_reachable(self.snapshot, scope.partition, scope.account);
        *self.open.borrow_mut().entry(scope.account).or_insert_with(of_record)
    }

    /// The tables of a VPC's subnets.
    pub(super) fn route_tables_in_use(&self, scope: &Scope, vpc: VpcId) -> Rc<RouteTablesInUse> {
        let mut held = self.tables_in_use.borrow_mut();
        Rc::clone(held.entry(vpc).or_insert_with(|| Rc::new(RouteTablesInUse::read(self, scope, vpc))))
    }
}
