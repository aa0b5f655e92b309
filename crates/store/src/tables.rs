//! The records in memory, as persistent maps: cloning is constant time, and a clone never changes.

use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

use crate::record::{Record, Stored};
use crate::{DecodeError, Key, Scope, StoreError};

type ById = OrdMap<Arc<str>, Arc<Stored>>;
type ByScope = OrdMap<Scope, ById>;

/// All records: by kind, then scope, then id. A look-up compares the scope once and then only ids.
#[derive(Clone, Default)]
pub struct Tables {
    kinds: OrdMap<&'static str, ByScope>,
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

    fn ids(&self, kind: &str, scope: &Scope) -> Option<&ById> {
        self.kinds.get(kind)?.get(scope)
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

    /// The records of a kind with that id in all scopes.
    fn get_all<'a, 'i, R: Record>(
        &'a self,
        id: &'i str,
    ) -> impl Iterator<Item = (&'a Scope, Arc<R>)> + use<'a, 'i, Self, R> {
        self.tables().kinds.get(R::KIND).into_iter().flat_map(move |scopes| {
            scopes.iter().filter_map(move |(scope, ids)| Some((scope, decoded(ids.get(id)?, scope, id))))
        })
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
        }
    }
    Ok(())
}
