//! What lifecycle rules have due is done.
//!
//! A pass goes over all buckets with rules, and in each over all versions and uploads. It remembers nothing: a pass that is ended
//! early or by a crash is taken up by the next, and one that finds nothing due writes nothing. Keys with something due are found
//! in a snapshot, and looked at again in the transaction that changes them, under the rules and the versioning of that moment.
//! Refuses to know when passes are made; AWS makes one a day.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html>

use std::ops::Bound;
use std::sync::Arc;

use aws_types::Timestamp;
use bucket_rules::{Due, Lifecycle, LifecycleAction, Place};
use object_store::{Direction, Read, Transaction, after_prefix};
use store::{Read as _, Scope};

use crate::asked::STANDARD;
use crate::bucket::{self, Bucket};
use crate::error::Failure;
use crate::lifecycle::facts;
use crate::place::{self, Stamp};
use crate::rows::{self, Upload, Version};
use crate::versions::Found;
use crate::{S3, State, multipart, versions};

/// How many keys are looked at in one transaction.
const KEYS_AT_ONCE: usize = 100;
/// How many rows are changed in one transaction, and one more key's.
const CHANGES_AT_ONCE: usize = 200;

/// What a pass did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LifecycleReport {
    /// Buckets with rules.
    pub buckets: u64,
    /// Current versions that expired: removed, or covered by a delete marker.
    pub expired: u64,
    /// Delete markers that went because no version was left behind them.
    pub markers_removed: u64,
    /// Noncurrent versions removed.
    pub noncurrent_removed: u64,
    /// Versions that are in another storage class now.
    pub moved: u64,
    /// Uploads in parts that were given up.
    pub uploads_aborted: u64,
    /// Versions that were due and are locked.
    pub locked: u64,
    /// Buckets that the pass did not come to the end of, with the reason. The others were gone through all the same.
    pub failures: Vec<(String, String)>,
}

impl S3 {
    /// Does what the lifecycle rules of all buckets have due by now, and says what that was. Blocks for the disk. Requests go on
    /// meanwhile: what is changed at once is little.
    pub fn run_lifecycle(&self, now: Timestamp) -> LifecycleReport {
        let mut report = LifecycleReport::default();
        let buckets: Vec<(Scope, Arc<Bucket>)> = {
            let records = self.state.store.snapshot();
            let all = records.scan_all::<Bucket>();
            let ruled = all.filter(|(_, _, bucket)| bucket.configuration.lifecycle.is_some());
            ruled.map(|(scope, _, bucket)| (scope.clone(), bucket)).collect()
        };
        for (scope, bucket) in buckets {
            report.buckets += 1;
            let name = bucket.name.clone();
            let mut pass = Pass { state: &self.state, scope, bucket, now, report: &mut report };
            match pass.versions().and_then(|()| pass.uploads()) {
                Ok(()) => {}
                // It was removed meanwhile.
                Err(Failure::Answer(error)) if error.code == "NoSuchBucket" => {}
                Err(failure) => report.failures.push((name.to_string(), failure.to_string())),
            }
        }
        report
    }
}

/// A pass over one bucket.
struct Pass<'a> {
    state: &'a State,
    scope: Scope,
    bucket: Arc<Bucket>,
    now: Timestamp,
    report: &'a mut LifecycleReport,
}

impl Pass<'_> {
    /// Takes the record of the bucket as it is now. `None`: it is gone, or has no rules any more.
    fn rules(&mut self) -> Option<Lifecycle> {
        let held = self.state.store.snapshot().get::<Bucket>(&self.scope, self.bucket.name.as_str())?;
        if held.incarnation != self.bucket.incarnation {
            return None;
        }
        self.bucket = held;
        self.bucket.configuration.lifecycle.clone()
    }

    fn versions(&mut self) -> Result<(), Failure> {
        let first = place::of_beginning(&self.bucket.incarnation, "");
        let mut from = Bound::Included(first);
        loop {
            let Some(lifecycle) = self.rules() else { return Ok(()) };
            let found = self.due_keys(&lifecycle, &from)?;
            let mut rest = found.keys.as_slice();
            while !rest.is_empty() {
                let Some(done) = self.settle(rest)? else { return Ok(()) };
                rest = &rest[done..];
            }
            match found.next {
                Some(next) => from = Bound::Included(next),
                None => return Ok(()),
            }
        }
    }

    /// Some keys with something due, in their order, and where to look for more.
    fn due_keys(&self, lifecycle: &Lifecycle, from: &Bound<Vec<u8>>) -> Result<DueKeys, Failure> {
        let rows = self.state.objects.snapshot();
        let incarnation = &self.bucket.incarnation;
        let end = after_prefix(&place::of_beginning(incarnation, ""));
        let bounds = (from.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice));
        let mut found = DueKeys::default();
        let all = rows.scan(place::OBJECTS, bounds.0, bounds.1, Direction::Forward).map(|row| {
            let (row, stored) = row?;
            let key = place::split(&row).map(|(key, _)| key);
            let key = key.ok_or_else(|| Failure::Malformed("a row without a key".to_owned()))?;
            Ok::<(String, Version), Failure>((key, rows::read(&stored.value)?))
        });
        let mut all = all.peekable();
        let (mut last, mut walk) = (None, Walk::default());
        while let Some(version) = all.next() {
            let (key, version) = version?;
            if last.as_ref() != Some(&key) {
                if found.keys.len() >= KEYS_AT_ONCE {
                    found.next = Some(place::of_key(incarnation, &key));
                    return Ok(found);
                }
                walk = Walk::default();
            }
            let is_last = !matches!(all.peek(), Some(Ok((next, _))) if *next == key);
            let place = walk.place(&version, is_last);
            if found.keys.last() != Some(&key) && self.due(lifecycle, (&key, &version), place).is_some() {
                found.keys.push(key.clone());
            }
            last = Some(key);
        }
        Ok(found)
    }

    /// What is to be done with a version by now.
    fn due(&self, lifecycle: &Lifecycle, (key, version): (&str, &Version), place: Place) -> Option<Work> {
        let facts = facts(key, version, place);
        let due = lifecycle.due(&facts).filter(|due| due.at <= self.now);
        if let Some(Due { action, .. }) = due {
            return Some(Work::Do(action));
        }
        let class = version.storage_class.as_deref().unwrap_or(STANDARD);
        lifecycle.class_due(&facts, class, self.now).map(|class| Work::Move(class.as_str()))
    }

    /// Does what is due for the first of these keys, in one transaction. Returns how many of them are done with; `None` where
    /// there are no rules any more.
    fn settle(&mut self, keys: &[String]) -> Result<Option<usize>, Failure> {
        let settled = self.state.objects.transact(|rows| {
            // The rules may have been taken away meanwhile, and the versioning be another.
            let Some(lifecycle) = self.rules() else { return Ok(None) };
            let mut did = LifecycleReport::default();
            let mut changes = 0;
            let mut done = 0;
            bucket::check_lives(rows, &self.bucket)?;
            for key in keys {
                let is_done = self.settle_key(rows, &lifecycle, key, (&mut changes, &mut did))?;
                if !is_done {
                    break;
                }
                done += 1;
                if changes >= CHANGES_AT_ONCE {
                    break;
                }
            }
            Ok::<_, Failure>(Some((done, did)))
        })?;
        let Some((done, did)) = settled else { return Ok(None) };
        self.report.expired += did.expired;
        self.report.markers_removed += did.markers_removed;
        self.report.noncurrent_removed += did.noncurrent_removed;
        self.report.moved += did.moved;
        self.report.locked += did.locked;
        Ok(Some(done))
    }

    /// Does what is due for one key. Returns whether that was all of it.
    fn settle_key(
        &self,
        rows: &mut Transaction<'_>,
        lifecycle: &Lifecycle,
        key: &str,
        (changes, did): (&mut usize, &mut LifecycleReport),
    ) -> Result<bool, Failure> {
        let most = CHANGES_AT_ONCE;
        let mut work: Vec<(Found, Work)> = Vec::new();
        let mut is_all = true;
        let mut walk = Walk::default();
        let mut all = versions::of_key(rows, &self.bucket, key).peekable();
        while let Some(found) = all.next() {
            let found = found?;
            let place = walk.place(&found.version, all.peek().is_none());
            let Some(due) = self.due(lifecycle, (key, &found.version), place) else { continue };
            let is_removal = matches!(due, Work::Do(LifecycleAction::DeleteNoncurrent));
            if is_removal && found.version.attached.check_delete(false, self.now).is_err() {
                did.locked += 1;
                continue;
            }
            if work.len() == most {
                is_all = false;
                break;
            }
            work.push((found, due));
        }
        drop(all);
        *changes += work.len();
        // The newest last: where it expires, the version called `null` may go, which must not be written again then.
        for (found, due) in work.into_iter().rev() {
            self.act(rows, key, found, due, did)?;
        }
        Ok(is_all)
    }

    fn act(
        &self,
        rows: &mut Transaction<'_>,
        key: &str,
        found: Found,
        due: Work,
        did: &mut LifecycleReport,
    ) -> Result<(), Failure> {
        match due {
            Work::Do(LifecycleAction::Expire) => {
                let made = (self.now, self.state.ids.bits());
                versions::delete(rows, &self.bucket, (key, None), false, made)?;
                did.expired += 1;
            }
            Work::Do(LifecycleAction::RemoveExpiredMarker) => {
                versions::remove(rows, &found)?;
                did.markers_removed += 1;
            }
            Work::Do(LifecycleAction::DeleteNoncurrent) => {
                versions::remove(rows, &found)?;
                did.noncurrent_removed += 1;
            }
            Work::Move(class) => {
                versions::rewrite(rows, found, |version| {
                    version.storage_class = Some(class.to_owned());
                    Ok(())
                })?;
                did.moved += 1;
            }
        }
        Ok(())
    }

    fn uploads(&mut self) -> Result<(), Failure> {
        let Some(lifecycle) = self.rules() else { return Ok(()) };
        let rows = self.state.objects.snapshot();
        let first = place::of_beginning(&self.bucket.incarnation, "");
        let end = after_prefix(&first);
        let bounds = (Bound::Included(first.as_slice()), end.as_ref().map(Vec::as_slice));
        for row in rows.scan(place::UPLOADS, bounds.0, bounds.1, Direction::Forward) {
            let (row, stored) = row?;
            let named = place::split(&row).and_then(|(key, behind)| Some((key, Stamp::of_bytes(behind)?)));
            let (key, stamp) = named.ok_or_else(|| Failure::Malformed("an upload in no place".to_owned()))?;
            let upload: Upload = rows::read(&stored.value)?;
            let due = lifecycle.abort_due(&key, upload.initiated);
            if due.is_none_or(|(at, _)| at > self.now) {
                continue;
            }
            let Some(lifecycle) = self.rules() else { return Ok(()) };
            if lifecycle.abort_due(&key, upload.initiated).is_none_or(|(at, _)| at > self.now) {
                continue;
            }
            let id = stamp.to_string();
            let is_aborted = self.state.objects.transact(|rows| {
                match multipart::find(rows, &self.bucket, &key, &id) {
                    Ok(found) => found.remove(rows, &self.bucket).map(|()| true),
                    // It was completed or aborted meanwhile.
                    Err(Failure::Answer(_)) => Ok(false),
                    Err(other) => Err(other),
                }
            })?;
            self.report.uploads_aborted += u64::from(is_aborted);
        }
        Ok(())
    }
}

/// What is to be done with a version.
enum Work {
    Do(LifecycleAction),
    /// It goes to this class.
    Move(&'static str),
}

#[derive(Default)]
struct DueKeys {
    keys: Vec<String>,
    /// Where to go on; `None` at the end.
    next: Option<Vec<u8>>,
}

/// The places of the versions of a key, the newest first.
#[derive(Default)]
struct Walk {
    /// When the version before was made.
    since: Option<Timestamp>,
    /// How many noncurrent versions there were. Delete markers are not counted: they hold nothing that somebody wants kept.
    newer: u64,
}

impl Walk {
    /// The place of the next version. `is_last` is whether none is behind it.
    fn place(&mut self, version: &Version, is_last: bool) -> Place {
        let place = match self.since {
            None if version.is_marker => Place::CurrentMarker { is_alone: is_last },
            None => Place::Current,
            Some(since) => {
                let place = Place::Noncurrent { since, newer: self.newer };
                self.newer += u64::from(!version.is_marker);
                place
            }
        };
        self.since = Some(version.modified);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_from_the_order() {
        let at = |secs, is_marker| Version {
            modified: Timestamp::from_unix_secs(secs),
            is_marker,
            ..Version::default()
        };
        let mut walk = Walk::default();
        assert_eq!(walk.place(&at(9, true), false), Place::CurrentMarker { is_alone: false });
        for (version, since, newer) in [(at(7, false), 9, 0), (at(5, true), 7, 1), (at(3, false), 5, 1)] {
            let since = Timestamp::from_unix_secs(since);
            assert_eq!(walk.place(&version, false), Place::Noncurrent { since, newer });
        }
        assert_eq!(Walk::default().place(&at(9, true), true), Place::CurrentMarker { is_alone: true });
        assert_eq!(Walk::default().place(&at(9, false), true), Place::Current);
    }
}
