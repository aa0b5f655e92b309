//! The records in memory, as persistent maps: cloning is constant time, and a clone never changes.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use aws_types::{AccountId, Partition};
use imbl::{OrdMap, OrdSet};

use crate::record::{Record, Stored};
use crate::{DecodeError, Key, Scope, StoreError};

type ById = OrdMap<Arc<str>, Arc<Stored>>;
type ByScope = OrdMap<Scope, ById>;

/// The ids of wholes, each with the ids of its parts. Both are texts that the records' keys or their neighbours have anyway.
type Parts = OrdSet<(Arc<str>, Arc<str>)>;

/// All records: by kind, then scope, then id. A look-up compares the scope once and then only ids.
#[derive(Clone, Default)]
pub struct Tables {
    kinds: OrdMap<&'static str, ByScope>,
    /// Of the kinds whose records have wholes. A kind is here with all its records or not at all: records that were
    /// loaded are bytes until somebody knows their kind.
    parts: OrdMap<&'static str, OrdMap<Scope, Parts>>,
}

impl Tables {
    /// One record.
    pub(crate) fn stored(&self, kind: &str, scope: &Scope, id: &str) -> Option<&Arc<Stored>> {
        self.kinds.get(kind)?.get(scope)?.get(id)
    }

    /// Sets or removes a record and returns what was there.
    pub(crate) fn set(&mut self, key: &Key, value: Option<Arc<Stored>>) -> Option<Arc<Stored>> {
        match value {
            Some(value) => {
                if !self.kinds.contains_key(key.kind) {
                    self.kinds.insert(key.kind, ByScope::new());
                }
                let scopes = self.kinds.get_mut(key.kind).expect("it was just inserted");
                if !scopes.contains_key(&key.scope) {
                    scopes.insert(key.scope.clone(), ById::new());
                }
                let ids = scopes.get_mut(&key.scope).expect("it was just inserted");
                ids.insert(Arc::clone(&key.id), value)
            }
            None => self.kinds.get_mut(key.kind)?.get_mut(&key.scope)?.remove(&*key.id),
        }
    }

    /// Every record of every kind, in no order that matters.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Key, &Arc<Stored>)> {
        self.kinds.iter().flat_map(|(kind, scopes)| {
            scopes.iter().flat_map(move |(scope, ids)| {
                ids.iter()
                    .map(move |(id, stored)| (Key { scope: scope.clone(), kind, id: Arc::clone(id) }, stored))
            })
        })
    }

    /// The scopes of an account that have any record.
    pub(crate) fn scopes_of(&self, partition: Partition, account: AccountId) -> BTreeSet<Scope> {
        let all = self.kinds.iter().flat_map(|(_, scopes)| scopes.iter());
        all.filter(|(scope, ids)| scope.account == account && scope.partition == partition && !ids.is_empty())
            .map(|(scope, _)| scope.clone())
            .collect()
    }

    /// Puts all records of a kind into the index of parts, unless they are in it.
    pub(crate) fn index<R: Record>(&mut self) {
        if !R::HAS_WHOLE || self.parts.contains_key(R::KIND) {
            return;
        }
        let mut parts = OrdMap::new();
        for (scope, ids) in self.kinds.get(R::KIND).into_iter().flatten() {
            let mut of_scope = Parts::new();
            for (id, stored) in ids {
                join::<R>(&mut of_scope, scope, id, stored);
            }
            parts.insert(scope.clone(), of_scope);
        }
        self.parts.insert(R::KIND, parts);
    }

    /// Sets or removes a record, with its place in the index of parts, and returns what was there.
    pub(crate) fn set_indexed<R: Record>(
        &mut self,
        key: &Key,
        value: Option<Arc<Stored>>,
    ) -> Option<Arc<Stored>> {
        self.index::<R>();
        let before = self.set(key, value.clone());
        if let Some(parts) = self.parts.get_mut(R::KIND) {
            if !parts.contains_key(&key.scope) {
                parts.insert(key.scope.clone(), Parts::new());
            }
            let parts = parts.get_mut(&key.scope).expect("it was just inserted");
            let whole_of =
                |stored: &Option<Arc<Stored>>| decoded::<R>(stored.as_ref()?, &key.scope, &key.id).whole();
            let whole = whole_of(&before);
            if whole != whole_of(&value) {
                whole.map(|whole| parts.remove(&(whole.into(), Arc::clone(&key.id))));
                value.iter().for_each(|stored| join::<R>(parts, &key.scope, &key.id, stored));
            }
        }
        before
    }

    /// The ids of the parts of one whole, in their order; `None` where the kind is not in the index.
    fn parts<'a>(
        &'a self,
        kind: &str,
        scope: &Scope,
        whole: &str,
    ) -> Option<impl Iterator<Item = &'a Arc<str>> + use<'a>> {
        let parts = self.parts.get(kind)?.get(scope);
        let from = first_of(whole);
        let found = parts.map(|parts| parts.range(from.clone()..)).into_iter().flatten();
        Some(found.take_while(move |(held, _)| *held == from.0).map(|(_, id)| id))
    }

    fn ids(&self, kind: &str, scope: &Scope) -> Option<&ById> {
        self.kinds.get(kind)?.get(scope)
    }
}

/// What comes before all parts of a whole.
fn first_of(whole: &str) -> (Arc<str>, Arc<str>) {
    (whole.into(), "".into())
}

/// Puts a record into the index of parts. Parts of one whole share its id's text.
fn join<R: Record>(parts: &mut Parts, scope: &Scope, id: &Arc<str>, stored: &Stored) {
    if let Some(whole) = decoded::<R>(stored, scope, id).whole() {
        let from = first_of(&whole);
        let sibling = parts.range(from.clone()..).next().filter(|(held, _)| *held == from.0);
        let whole = sibling.map_or(from.0, |(held, _)| Arc::clone(held));
        parts.insert((whole, Arc::clone(id)));
    }
}

/// Reading, from a [`crate::Snapshot`] or inside a [`crate::Transaction`] (which sees its own writes).
///
/// A record that does not decode as its kind is a broken invariant, and reading it panics: [`crate::Store::check`]
/// finds such records at start-up and reports them as errors.
pub trait Read {
    /// The records that are read from.
    #[doc(hidden)]
    fn tables(&self) -> &Tables;

    /// One record.
    fn get<R: Record>(&self, scope: &Scope, id: &str) -> Option<Arc<R>> {
        self.tables().stored(R::KIND, scope, id).map(|stored| decoded(stored, scope, id))
    }

    /// Whether a record is there.
    fn contains<R: Record>(&self, scope: &Scope, id: &str) -> bool {
        self.tables().stored(R::KIND, scope, id).is_some()
    }

    /// How many records of a kind a scope has.
    fn count<R: Record>(&self, scope: &Scope) -> usize {
        self.tables().ids(R::KIND, scope).map_or(0, OrdMap::len)
    }

    /// All records of a kind in a scope, in order of their ids.
    fn scan<'a, R: Record>(
        &'a self,
        scope: &Scope,
    ) -> impl Iterator<Item = (&'a str, Arc<R>)> + use<'a, Self, R> {
        self.scan_from(scope, Bound::Unbounded)
    }

    /// The records of a kind in a scope, in order of their ids, from an id on: for pages and for ids with a common
    /// beginning.
    fn scan_from<'a, R: Record>(
        &'a self,
        scope: &Scope,
        from: Bound<&str>,
    ) -> impl Iterator<Item = (&'a str, Arc<R>)> + use<'a, Self, R> {
        self.tables()
            .kinds
            .get(R::KIND)
            .and_then(|scopes| scopes.get_key_value(scope))
            .map(|(scope, ids)| {
                ids.range::<_, str>((from, Bound::Unbounded))
                    .map(move |(id, stored)| (&**id, decoded(stored, scope, id)))
            })
            .into_iter()
            .flatten()
    }

    /// The records of a kind in a scope that are part of something, in order of their ids. It takes as long as there are
    /// such, however many others there are.
    fn parts<'a, R: Record>(
        &'a self,
        scope: &Scope,
        whole: &str,
    ) -> impl Iterator<Item = (&'a str, Arc<R>)> + use<'a, Self, R> {
        const { assert!(R::HAS_WHOLE, "the kind has no whole") }
        let tables = self.tables();
        let found = tables.parts(R::KIND, scope, whole);
        // A store whose records were not checked after it was opened knows its parts with the first that is written.
        let unindexed = found.is_none().then(|| {
            let whole = whole.to_owned();
            self.scan::<R>(scope).filter(move |(_, record)| record.whole().as_ref() == Some(&whole))
        });
        let ids = tables.kinds.get(R::KIND).and_then(|scopes| scopes.get_key_value(scope));
        let indexed = found.zip(ids).into_iter().flat_map(|(parts, (scope, ids))| {
            parts.filter_map(move |id| {
                let stored = ids.get(id)?;
                Some((&**id, decoded(stored, scope, id)))
            })
        });
        indexed.chain(unindexed.into_iter().flatten())
    }

    /// All records of a kind in all scopes, in order of scope and id.
    fn scan_all<'a, R: Record>(
        &'a self,
    ) -> impl Iterator<Item = (&'a Scope, &'a str, Arc<R>)> + use<'a, Self, R> {
        self.tables().kinds.get(R::KIND).into_iter().flat_map(|scopes| {
            scopes.iter().flat_map(|(scope, ids)| {
                ids.iter().map(move |(id, stored)| (scope, &**id, decoded(stored, scope, id)))
            })
        })
    }
}

fn decoded<R: Record>(stored: &Stored, scope: &Scope, id: &str) -> Arc<R> {
    stored.decode().unwrap_or_else(|reason| panic!("{}", undecodable::<R>(scope, id, reason)))
}

/// The error for a record that does not decode.
pub(crate) fn undecodable<R: Record>(scope: &Scope, id: &str, reason: DecodeError) -> StoreError {
    StoreError::Undecodable { kind: R::KIND, scope: scope.to_string(), id: id.to_owned(), reason }
}

/// Decodes every record of a kind.
///
/// # Errors
/// The first that does not decode.
pub(crate) fn check<R: Record>(tables: &Tables) -> Result<(), StoreError> {
    for (scope, ids) in tables.kinds.get(R::KIND).into_iter().flatten() {
        for (id, stored) in ids {
            stored.decode::<R>().map_err(|reason| undecodable::<R>(scope, id, reason))?;
            stored.forget_bytes_made_alike();
        }
    }
    Ok(())
}
