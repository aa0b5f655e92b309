//! Versions of objects in their rows: found, written and removed.
//!
//! Owns which version is the newest and what becomes of the one called `null`. Refuses to know requests.

use std::ops::Bound;

use aws_types::Timestamp;
use bucket_rules::{ObjectKey, RuleError, WriteCondition, WriteRefused};
use object_store::{BlobRef, Direction, Read, Row, Transaction, after_prefix};
use service_api::ServiceError;

use crate::State;
use crate::bucket::{self, Bucket};
use crate::error::{self, Failure};
use crate::part_list::PartList;
use crate::place::{self, Stamp};
use crate::rows::{self, NULL, Version};
use crate::versioning::Versioning;

/// Among how many versions of a key the one is looked for that an upload became.
const MOST_LOOKED_THROUGH: usize = 100;

/// A version that is there.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    row: Vec<u8>,
    order: u64,
    pub(crate) version: Version,
    /// The content, where it is not in parts.
    blobs: Vec<BlobRef>,
}

/// The contents of a version.
pub(crate) enum Contents {
    /// One, which the version's row refers to.
    Whole(Vec<BlobRef>),
    /// One for each part.
    Parts(PartList, Vec<BlobRef>),
}

impl Contents {
    pub(crate) fn blobs(&self) -> &[BlobRef] {
        match self {
            Self::Whole(blobs) | Self::Parts(_, blobs) => blobs,
        }
    }

    pub(crate) fn parts(&self) -> Option<&PartList> {
        match self {
            Self::Whole(_) => None,
            Self::Parts(list, _) => Some(list),
        }
    }
}

impl Found {
    pub(crate) fn of_row(row: Vec<u8>, order: u64, stored: Row) -> Result<Self, Failure> {
        Ok(Self { row, order, version: rows::read(&stored.value)?, blobs: stored.blobs })
    }

    /// When it was made, among the versions of its key.
    pub(crate) fn order(&self) -> u64 {
        self.order
    }

    /// What it contains.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn contents(self, reader: &impl Read) -> Result<(Version, Contents), Failure> {
        if self.version.parts.is_none() {
            return Ok((self.version, Contents::Whole(self.blobs)));
        }
        let list = reader.get(place::OBJECT_PARTS, &self.row)?;
        let list = list.ok_or_else(|| Failure::Malformed("an object without its parts".to_owned()))?;
        Ok((self.version, Contents::Parts(PartList::of_row(&list.value)?, list.blobs)))
    }
}

/// Whether an object can be called so.
///
/// # Errors
/// `KeyTooLongError`.
pub(crate) fn check_key(key: &str) -> Result<(), Failure> {
    Ok(key.parse::<ObjectKey>().map(|_| ())?)
}

/// Whether a write may go on, in the transaction that writes.
///
/// # Errors
/// `PreconditionFailed`, or `NoSuchKey` where something has to be there.
pub(crate) fn check_condition(
    condition: &WriteCondition,
    key: &str,
    newest: Option<&Found>,
) -> Result<(), ServiceError> {
    let there = newest.filter(|found| !found.version.is_marker);
    condition.check(there.map(|found| found.version.e_tag.as_str())).map_err(|refused| match refused {
        WriteRefused::NoSuchKey => error::no_such_key(key),
        WriteRefused::Precondition(header) => error::of_rule(&RuleError::Precondition(header)),
    })
}

/// The versions of a key, the newest first.
pub(crate) fn of_key<'a>(
    reader: &'a impl Read,
    bucket: &Bucket,
    key: &str,
) -> impl Iterator<Item = Result<Found, Failure>> + 'a {
    let first = place::of_key(&bucket.incarnation, key);
    let end = after_prefix(&first);
    let end = end.as_ref().map(Vec::as_slice);
    let scan = reader.scan(place::OBJECTS, Bound::Included(first.as_slice()), end, Direction::Forward);
    let behind = first.len();
    scan.map(move |found| {
        let (row, stored) = found?;
        let order = row.get(behind..).and_then(place::order_of);
        let order = order.ok_or_else(|| Failure::Malformed("a version in no place".to_owned()))?;
        Found::of_row(row, order, stored)
    })
}

/// The newest version, or delete marker.
///
/// # Errors
/// Rows cannot be read.
pub(crate) fn newest(reader: &impl Read, bucket: &Bucket, key: &str) -> Result<Option<Found>, Failure> {
    of_key(reader, bucket, key).next().transpose()
}

/// The version that is called `null`. It is the newest one, where versions never were; otherwise it is looked for among all.
fn null(reader: &impl Read, bucket: &Bucket, key: &str) -> Result<Option<Found>, Failure> {
    of_key(reader, bucket, key)
        .find(|found| found.as_ref().is_ok_and(|found| found.version.id.is_none()) || found.is_err())
        .transpose()
}

/// The version that an upload became, where it is still among the newest of its key.
///
/// # Errors
/// Rows cannot be read.
pub(crate) fn of_upload(
    reader: &impl Read,
    bucket: &Bucket,
    key: &str,
    upload: &str,
) -> Result<Option<Version>, Failure> {
    for found in of_key(reader, bucket, key).take(MOST_LOOKED_THROUGH) {
        let version = found?.version;
        if version.upload.as_ref().is_some_and(|of| of.id == upload) {
            return Ok(Some(version));
        }
    }
    Ok(None)
}

/// The version with an id.
///
/// # Errors
/// `InvalidArgument`, where it is no id; rows cannot be read.
pub(crate) fn with_id(
    reader: &impl Read,
    bucket: &Bucket,
    key: &str,
    id: &str,
) -> Result<Option<Found>, Failure> {
    if id == NULL {
        return null(reader, bucket, key);
    }
    let invalid = || error::invalid_argument("Invalid version id specified", "versionId", id);
    let order = Stamp::parse(id).ok_or_else(invalid)?.order();
    let row = place::of_version(&bucket.incarnation, key, order);
    let Some(stored) = reader.get(place::OBJECTS, &row)? else { return Ok(None) };
    let found = Found::of_row(row, order, stored)?;
    Ok(Some(found).filter(|found| found.version.id.as_deref() == Some(id)))
}

/// The version that a request reads.
///
/// # Errors
/// `NoSuchKey`, also where the newest is a delete marker; `NoSuchVersion`; `MethodNotAllowed` for a delete marker's id.
pub(crate) fn find(
    reader: &impl Read,
    bucket: &Bucket,
    key: &str,
    id: Option<&str>,
) -> Result<Found, Failure> {
    check_key(key)?;
    let Some(id) = id else {
        let found = newest(reader, bucket, key)?.ok_or_else(|| error::no_such_key(key))?;
        if found.version.is_marker {
            let error = error::no_such_key(key).with_field("DeleteMarker", "true");
            return Err(error.with_field("VersionId", found.version.public_id()).into());
        }
        return Ok(found);
    };
    let found = with_id(reader, bucket, key, id)?.ok_or_else(|| error::no_such_version(key, id))?;
    if found.version.is_marker {
        let message = "The specified method is not allowed against this resource.";
        let error = error::error(405, "MethodNotAllowed", message).with_field("Method", "GET");
        let error = error.with_field("ResourceType", "DeleteMarker").with_field("DeleteMarker", "true");
        return Err(error.into());
    }
    Ok(found)
}

/// Writes a version as the newest of its key, in place of the one called `null` where the bucket gives no ids. Returns its id,
/// where the bucket has versions. The record of the bucket is the one of now: see [`bucket::current`].
///
/// # Errors
/// `NoSuchBucket`; `AccessDenied` where a locked version would go; rows cannot be written.
pub(crate) fn put(
    rows: &mut Transaction<'_>,
    bucket: &Bucket,
    key: &str,
    (mut version, contents): (Version, Contents),
    (now, random): (Timestamp, u128),
) -> Result<Option<String>, Failure> {
    bucket::check_lives(rows, bucket)?;
    let newest = newest(rows, bucket, key)?;
    let order = order_after(now, newest.as_ref().map(Found::order));
    if bucket.versioning == Versioning::Enabled {
        version.id = Some(Stamp::new(order, random).to_string());
    } else {
        version.id = None;
        if let Some(replaced) = null(rows, bucket, key)? {
            replaced.version.attached.check_delete(false, now)?;
            remove(rows, &replaced)?;
        }
    }
    let row = place::of_version(&bucket.incarnation, key, order);
    let id = match bucket.versioning {
        Versioning::Never => None,
        Versioning::Enabled | Versioning::Suspended => Some(version.public_id().to_owned()),
    };
    let blobs = match contents {
        Contents::Whole(blobs) => blobs,
        Contents::Parts(list, blobs) => {
            version.parts = Some(u32::try_from(list.len()).expect("an object has at most 10,000 parts"));
            rows.put(place::OBJECT_PARTS, &row, Row { value: list.to_row(), blobs })?;
            Vec::new()
        }
    };
    rows.put(place::OBJECTS, &row, Row { value: rows::write(&version), blobs })?;
    Ok(id)
}

/// The order of what is made now. Clocks are set back; orders are not.
pub(crate) fn order_after(now: Timestamp, newest: Option<u64>) -> u64 {
    let now = u64::try_from(now.unix_millis()).unwrap_or(0).saturating_mul(1000);
    newest.map_or(now, |newest| now.max(newest.saturating_add(1)))
}

/// The id of a version, where its bucket has versions.
pub(crate) fn shown_id(bucket: &Bucket, version: &Version) -> Option<String> {
    match bucket.versioning {
        Versioning::Never => None,
        Versioning::Enabled | Versioning::Suspended => Some(version.public_id().to_owned()),
    }
}

/// Changes what is attached to the version that a request names, and returns its id as [`shown_id`] does. What `change` refuses
/// changes nothing.
///
/// # Errors
/// `NoSuchBucket`, those of [`find`] and of `change`; rows cannot be written.
pub(crate) fn change(
    state: &State,
    bucket: &Bucket,
    (key, id): (&str, Option<&str>),
    change: impl FnOnce(&mut Version) -> Result<(), Failure>,
) -> Result<Option<String>, Failure> {
    state.objects.transact(|rows| {
        bucket::check_lives(rows, bucket)?;
        let found = find(rows, bucket, key, id)?;
        let shown = shown_id(bucket, &found.version);
        rewrite(rows, found, change)?;
        Ok(shown)
    })
}

/// Writes a version again with something changed; its contents stay.
///
/// # Errors
/// Those of `change`; rows cannot be written.
pub(crate) fn rewrite(
    rows: &mut Transaction<'_>,
    mut found: Found,
    change: impl FnOnce(&mut Version) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let before = found.version.clone();
    change(&mut found.version)?;
    if found.version != before {
        let row = Row { value: rows::write(&found.version), blobs: found.blobs };
        rows.put(place::OBJECTS, &found.row, row)?;
    }
    Ok(())
}

/// Removes a version.
///
/// # Errors
/// Rows cannot be written.
pub(crate) fn remove(rows: &mut Transaction<'_>, found: &Found) -> Result<(), Failure> {
    rows.delete(place::OBJECTS, &found.row)?;
    if found.version.parts.is_some() {
        rows.delete(place::OBJECT_PARTS, &found.row)?;
    }
    Ok(())
}

/// What a deletion did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deleted {
    /// Whether a delete marker was made, or removed.
    pub(crate) is_marker: bool,
    /// The id of the version that was made or removed.
    pub(crate) id: Option<String>,
}

/// Deletes an object, by a delete marker where the bucket has versions, or a version of it. `may_bypass` is whether governance
/// is bypassed. The record of the bucket is the one of now: see [`bucket::current`].
///
/// # Errors
/// `NoSuchBucket`; `InvalidArgument`, where an id is none; `AccessDenied` for a version that is locked; rows cannot be written.
pub(crate) fn delete(
    rows: &mut Transaction<'_>,
    bucket: &Bucket,
    (key, id): (&str, Option<&str>),
    may_bypass: bool,
    (now, random): (Timestamp, u128),
) -> Result<Deleted, Failure> {
    bucket::check_lives(rows, bucket)?;
    if let Some(id) = id {
        let found = with_id(rows, bucket, key, id)?;
        if let Some(found) = &found {
            found.version.attached.check_delete(may_bypass, now)?;
            remove(rows, found)?;
        }
        let is_marker = found.is_some_and(|found| found.version.is_marker);
        return Ok(Deleted { is_marker, id: Some(id.to_owned()) });
    }
    if bucket.versioning == Versioning::Never {
        if let Some(found) = null(rows, bucket, key)? {
            found.version.attached.check_delete(false, now)?;
            remove(rows, &found)?;
        }
        return Ok(Deleted::default());
    }
    let marker = Version { modified: now, is_marker: true, ..Version::default() };
    let id = put(rows, bucket, key, (marker, Contents::Whole(Vec::new())), (now, random))?;
    Ok(Deleted { is_marker: true, id })
}

#[cfg(test)]
mod tests {
    use bucket_rules::object_lock::{Retention, RetentionMode};
    use object_store::{BlobSecret, ObjectStore};

    use super::*;
    use crate::place::Incarnation;

    /// Whatever the record of a bucket says, what is locked is not taken away.
    #[test]
    fn a_locked_version_goes_for_no_write_and_no_deletion() {
        let dir = tempfile::TempDir::new().unwrap();
        let objects = ObjectStore::open(dir.path(), BlobSecret::new([9; 32])).unwrap();
        let bucket = Bucket {
            name: "bucket".parse().unwrap(),
            owner: "123456789012".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
            incarnation: Incarnation::from_bits(1),
            created: Timestamp::from_unix_secs(0),
            versioning: Versioning::Never,
            access: crate::Access::default(),
            configuration: crate::Configuration::default(),
            cors: None,
            website: None,
        };
        let now = Timestamp::from_unix_secs(1000);
        let retention = Retention { mode: RetentionMode::Compliance, until: now.plus_millis(1) };
        let mut locked = Version { modified: now, ..Version::default() };
        locked.attached.retention = Some(retention);
        let write = |version: Version| {
            let contents = Contents::Whole(Vec::new());
            objects.transact(|rows| put(rows, &bucket, "key", (version, contents), (now, 1)))
        };
        objects
            .transact(|rows| rows.put(place::BUCKETS, bucket.incarnation.bytes(), Row::default()))
            .unwrap();
        write(locked).unwrap();
        let is_denied = |failure: Failure| ServiceError::from(failure).code == "AccessDenied";
        let other = Version { modified: now, ..Version::default() };
        assert!(is_denied(write(other).unwrap_err()));
        let deleted = objects.transact(|rows| delete(rows, &bucket, ("key", None), true, (now, 1)));
        assert!(is_denied(deleted.unwrap_err()));
        let held = newest(&objects.snapshot(), &bucket, "key").unwrap().unwrap();
        assert_eq!(held.version.attached.retention, Some(retention));
    }
}
