//! Records: what services store, and the stored form that is decoded once, when first read.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{DecodeError, Read as _, Scope, Snapshot, Store, StoreError, Transaction};

/// Separates the format version from the JSON in a stored record.
const VERSION_END: u8 = b'\n';

/// A type that can be stored. It is written as JSON, so a build that adds a member with `#[serde(default)]` reads
/// what an older one wrote without a new version.
pub trait Record: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name of the kind, such as `ec2.vpc`; one type for each name.
    const KIND: &'static str;

    /// The version of the JSON form that this build writes. Raise it, and implement [`Record::upgrade`], when an
    /// older form would not decode.
    const VERSION: u32 = 1;

    /// Whether records of the kind are found by what they are part of: [`crate::Read::parts`] finds them without a look at
    /// all others.
    const HAS_WHOLE: bool = false;

    /// The id of what the record is part of, where [`Record::HAS_WHOLE`] says so; it is in the same scope or in another.
    fn whole(&self) -> Option<String> {
        None
    }

    /// Turns the JSON that a build of version `from` (lower than [`Record::VERSION`]) wrote into today's form.
    ///
    /// # Errors
    /// What is wrong with it.
    fn upgrade(from: u32, json: serde_json::Value) -> Result<serde_json::Value, DecodeError> {
        let _ = from;
        Ok(json)
    }
}

/// A kind of record, for lists of all that there are.
#[derive(Clone, Copy, Debug)]
pub struct RecordKind {
    name: &'static str,
    check: fn(&Store) -> Result<(), StoreError>,
    check_snapshot: fn(&mut Snapshot) -> Result<(), StoreError>,
    remove: fn(&mut Transaction, &Scope, usize) -> usize,
}

impl RecordKind {
    /// The kind of that type.
    pub const fn of<R: Record>() -> Self {
        Self {
            name: R::KIND,
            check: Store::check::<R>,
            check_snapshot: Snapshot::check::<R>,
            remove: remove::<R>,
        }
    }

    /// [`Record::KIND`].
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// [`Store::check`].
    ///
    /// # Errors
    /// The first record of the kind that does not decode.
    pub fn check(&self, store: &Store) -> Result<(), StoreError> {
        (self.check)(store)
    }

    /// The same of a snapshot that is no store's: [`Snapshot::of_records`].
    ///
    /// # Errors
    /// The first record of the kind that does not decode.
    pub fn check_snapshot(&self, snapshot: &mut Snapshot) -> Result<(), StoreError> {
        (self.check_snapshot)(snapshot)
    }

    /// Removes records of the kind from a scope, `most` at most. Returns how many.
    pub fn remove(&self, transaction: &mut Transaction, scope: &Scope, most: usize) -> usize {
        (self.remove)(transaction, scope, most)
    }
}

fn remove<R: Record>(transaction: &mut Transaction, scope: &Scope, most: usize) -> usize {
    let ids: Vec<String> = transaction.scan::<R>(scope).take(most).map(|(id, _)| id.to_owned()).collect();
    ids.iter().filter(|id| transaction.delete::<R>(scope, id)).count()
}

/// One record as stored: its bytes, the decoded form once somebody has asked for it, or both. The bytes of a record take
/// more memory than what they decode to, so they are forgotten once a backend has them.
pub struct Stored {
    bytes: Mutex<Option<Box<[u8]>>>,
    /// How many bytes it was made with.
    length: usize,
    decoded: OnceLock<Arc<dyn Decoded>>,
}

/// A record of whatever kind, which knows how to become bytes again.
trait Decoded: Any + Send + Sync {
    fn encode(&self) -> Vec<u8>;
}

impl<R: Record> Decoded for R {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = R::VERSION.to_string().into_bytes();
        bytes.push(VERSION_END);
        serde_json::to_writer(&mut bytes, self)
            .expect("records derive Serialize with string keys, and writing to memory does not fail");
        bytes
    }
}

impl Stored {
    /// Encodes a record.
    pub(crate) fn new<R: Record>(record: R) -> Self {
        let bytes = record.encode().into_boxed_slice();
        let decoded: Arc<dyn Decoded> = Arc::new(record);
        Self { length: bytes.len(), bytes: Mutex::new(Some(bytes)), decoded: OnceLock::from(decoded) }
    }

    /// Takes a record as a backend read it, whatever its kind.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self { length: bytes.len(), bytes: Mutex::new(Some(bytes.into())), decoded: OnceLock::new() }
    }

    /// The bytes that backends write.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = self.bytes.lock();
        match &*bytes {
            Some(bytes) => bytes.to_vec(),
            None => self.decoded.get().expect("what has no bytes is decoded").encode(),
        }
    }

    /// How many bytes it takes.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Keeps the decoded form alone, where there is one. For bytes that this build made.
    pub(crate) fn forget_bytes(&self) {
        if self.decoded.get().is_some() {
            *self.bytes.lock() = None;
        }
    }

    /// [`Stored::forget_bytes`] for bytes that any build may have made: they stay where the decoded form would become
    /// others, as it does where a newer build wrote members that this one does not know, or an older one a form of
    /// before.
    pub(crate) fn forget_bytes_made_alike(&self) {
        let Some(decoded) = self.decoded.get() else { return };
        let mut bytes = self.bytes.lock();
        if bytes.as_deref().is_some_and(|bytes| *bytes == *decoded.encode()) {
            *bytes = None;
        }
    }

    /// The record, decoded now if it has not been before.
    ///
    /// # Errors
    /// What is wrong with the bytes, or that they are of a newer version.
    pub(crate) fn decode<R: Record>(&self) -> Result<Arc<R>, DecodeError> {
        if let Some(decoded) = self.decoded.get() {
            return Self::downcast(decoded);
        }
        let parsed = match &*self.bytes.lock() {
            Some(bytes) => Some(Self::parse::<R>(bytes)?),
            // Somebody else has decoded it meanwhile.
            None => None,
        };
        let decoded = self.decoded.get_or_init(|| Arc::new(parsed.expect("what has no bytes is decoded")));
        Self::downcast(decoded)
    }

    fn downcast<R: Record>(decoded: &Arc<dyn Decoded>) -> Result<Arc<R>, DecodeError> {
        let any: Arc<dyn Any + Send + Sync> = Arc::clone(decoded) as _;
        any.downcast().map_err(|_| DecodeError::TwoTypes(R::KIND))
    }

    fn parse<R: Record>(bytes: &[u8]) -> Result<R, DecodeError> {
        let end = bytes.iter().position(|byte| *byte == VERSION_END).ok_or(DecodeError::NoVersion)?;
        let version: u32 = std::str::from_utf8(&bytes[..end])
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or(DecodeError::BadVersion)?;
        let json = &bytes[end + 1..];
        if version > R::VERSION {
            return Err(DecodeError::Newer { found: version, supported: R::VERSION });
        }
        if version == R::VERSION {
            return Ok(serde_json::from_slice(json)?);
        }
        let old = serde_json::from_slice(json)?;
        Ok(serde_json::from_value(R::upgrade(version, old)?)?)
    }
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || self.to_bytes() == other.to_bytes()
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Cat {
        name: String,
        lives: u8,
    }

    impl Record for Cat {
        const KIND: &'static str = "test.cat";
        const VERSION: u32 = 3;

        fn upgrade(from: u32, mut json: serde_json::Value) -> Result<serde_json::Value, DecodeError> {
            if from < 2 {
                return Err(DecodeError::TooOld { found: from });
            }
            json["lives"] = 9.into();
            Ok(json)
        }
    }

    fn check(bytes: &str, expect: Result<u8, &str>) {
        let read = Stored::from_bytes(bytes.as_bytes()).decode::<Cat>();
        match (read, expect) {
            (Ok(cat), Ok(lives)) => assert_eq!(cat.lives, lives, "{bytes:?}"),
            (Err(error), Err(part)) => {
                let error = error.to_string();
                assert!(error.contains(part), "{bytes:?}: {error}");
            }
            (read, _) => panic!("{bytes:?}: {read:?}"),
        }
    }

    #[test]
    fn reads_its_own_version_older_ones_by_upgrade_and_refuses_newer_ones() {
        check("3\n{\"name\":\"Tom\",\"lives\":2}", Ok(2));
        check("2\n{\"name\":\"Tom\"}", Ok(9));
        check("1\n{\"name\":\"Tom\"}", Err("too old"));
        check("4\n{\"name\":\"Tom\",\"lives\":2}", Err("version 4"));
        check("3\n{\"name\":\"Tom\"}", Err("lives"));
        check("x\n{}", Err("not a number"));
        check("{}", Err("no format version"));
    }

    #[test]
    fn is_decoded_once() {
        let stored = Stored::from_bytes(&Stored::new(Cat { name: "Tom".to_owned(), lives: 7 }).to_bytes());
        let first = stored.decode::<Cat>().unwrap();
        assert!(Arc::ptr_eq(&first, &stored.decode::<Cat>().unwrap()));
    }

    #[test]
    fn keeps_the_bytes_that_another_build_made() {
        let check = |bytes: &str, are_kept: bool| {
            let stored = Stored::from_bytes(bytes.as_bytes());
            stored.decode::<Cat>().unwrap();
            stored.forget_bytes_made_alike();
            assert_eq!(stored.bytes.lock().is_some(), are_kept, "{bytes:?}");
            assert_eq!(stored.to_bytes(), bytes.as_bytes());
        };
        check("3\n{\"name\":\"Tom\",\"lives\":7}", false);
        check("3\n{\"name\":\"Tom\",\"lives\":7,\"colour\":\"red\"}", true);
        check("2\n{\"name\":\"Tom\",\"lives\":9}", true);
    }

    #[test]
    fn has_its_bytes_again_after_they_are_forgotten() {
        let bytes = b"3\n{\"name\":\"Tom\",\"lives\":7}";
        let stored = Stored::from_bytes(bytes);
        // What nobody has decoded has nothing else.
        stored.forget_bytes();
        assert_eq!(stored.to_bytes(), bytes);
        stored.decode::<Cat>().unwrap();
        stored.forget_bytes();
        assert!(stored.bytes.lock().is_none());
        assert_eq!(stored.to_bytes(), bytes);
        assert_eq!(stored, Stored::from_bytes(bytes));
        assert_eq!(stored.decode::<Cat>().unwrap().lives, 7);
    }
}
