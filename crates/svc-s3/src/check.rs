//! Whether rows are as operations leave them: what `brume s3 fsck` looks for beside what `object-store` counts.
//!
//! | what holds | what is wrong otherwise | what repairs it |
//! | --- | --- | --- |
//! | a row reads as what its table has | [`FaultKind::Unreadable`] | nothing |
//! | a version refers to as much content as it says | [`FaultKind::OtherContents`] | nothing |
//! | a version in parts has their list, and a list its version | [`FaultKind::NoParts`], [`FaultKind::PartsLeft`] | the list goes |
//! | a part is of an upload that is there | [`FaultKind::PartLeft`] | the part goes |
//! | rows are of a bucket that is there | [`FaultKind::LostBucket`] | uploads and parts go; objects, where that is asked for |
//! | a bucket takes rows, and what takes rows is a bucket | [`FaultKind::HalfBucket`] | the next start, or who is alone |
//!
//! All rows of one version are read under one snapshot. What spans more is looked at a second time, so that what was changed
//! meanwhile is no fault.

use std::collections::BTreeSet;
use std::ops::{Bound, ControlFlow};

use object_store::{BlobRef, Direction, Read as _, Row, Snapshot};
use serde::{Deserialize, Serialize};

use crate::bucket::{self, Bucket};
use crate::error::Failure;
use crate::part_list::PartList;
use crate::place::{self, Incarnation, Stamp};
use crate::rows::{self, Part, Upload, Version};
use crate::survey::{OF_BUCKETS, Survey, SurveyError, Watcher};
use crate::{S3, multipart};

/// How many faults are told. Beyond it they are counted only.
pub const MAX_FAULTS: usize = 1_000;

/// How many uploads with parts are looked for in one pass. It bounds the memory.
const UPLOADS_PER_PASS: usize = 100_000;

/// How many rows are removed in one transaction.
const ROWS_AT_ONCE: usize = 1_000;

/// What a check may change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// Whether it may change anything.
    pub repair: bool,
    /// Whether it may remove the objects of buckets that are not there any more.
    pub remove_lost: bool,
    /// Whether nobody else uses the store, so that what is half done will never be done.
    pub is_alone: bool,
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// It says nothing that a build writes.
    Unreadable,
    /// Its contents are not as many or as long as it says.
    OtherContents,
    /// A version in parts without their list.
    NoParts,
    /// A list of parts without a version.
    PartsLeft,
    /// A part of an upload that is not there.
    PartLeft,
    /// Rows of a bucket that is not there.
    LostBucket,
    /// A bucket that was made or removed by half.
    HalfBucket,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// The bucket's name, or where there is none what its rows begin with.
    pub bucket: String,
    /// The key, where it is about one.
    pub key: Option<String>,
    /// More, in words.
    pub detail: String,
    /// Whether it is repaired.
    pub is_repaired: bool,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// How many rows were looked at.
    pub rows: u64,
    /// How many faults there are.
    pub faults: u64,
    /// How many of them are repaired.
    pub repaired: u64,
    /// Which, up to [`MAX_FAULTS`] of them.
    pub told: Vec<Fault>,
}

impl CheckReport {
    fn add(&mut self, fault: Fault) {
        self.faults += 1;
        self.repaired += u64::from(fault.is_repaired);
        if self.told.len() < MAX_FAULTS {
            self.told.push(fault);
        }
    }

    /// Whether nothing is wrong, or nothing any more.
    pub fn is_clean(&self) -> bool {
        self.faults == self.repaired
    }
}

impl S3 {
    /// Looks at all rows, and repairs what may be repaired.
    ///
    /// # Errors
    /// [`SurveyError`].
    pub fn check(&self, repair: Repair, watcher: Watcher<'_>) -> Result<CheckReport, SurveyError> {
        let survey = Survey::new(&self.state.store, &self.state.objects, watcher);
        let mut check = Check { s3: self, survey, repair, report: CheckReport::default() };
        check.half_buckets()?;
        for bucket in check.survey.buckets().into_values() {
            check.versions(&bucket)?;
            check.part_lists(&bucket)?;
            check.uploads(&bucket)?;
            check.parts_left(&bucket)?;
        }
        check.lost_buckets()?;
        check.report.rows = check.survey.rows;
        Ok(check.report)
    }
}

struct Check<'a> {
    s3: &'a S3,
    survey: Survey<'a>,
    repair: Repair,
    report: CheckReport,
}

fn fault(
    kind: FaultKind,
    bucket: impl Into<String>,
    key: Option<String>,
    detail: impl Into<String>,
) -> Fault {
    Fault { kind, bucket: bucket.into(), key, detail: detail.into(), is_repaired: false }
}

fn length_bytes(blobs: &[BlobRef]) -> u64 {
    blobs.iter().map(|blob| blob.length_bytes).sum()
}

/// What is wrong with a version: the kind, and words for it.
fn wrong_with(
    snapshot: &Snapshot,
    row: &[u8],
    stored: &Row,
) -> Result<Option<(FaultKind, String)>, SurveyError> {
    let unreadable = |why: String| Ok(Some((FaultKind::Unreadable, why)));
    let Some((_, behind)) = place::split(row) else { return unreadable("its key is none".to_owned()) };
    if place::order_of(behind).is_none() {
        return unreadable("its place among versions is none".to_owned());
    }
    let version: Version = match rows::read(&stored.value) {
        Ok(version) => version,
        Err(failure) => return unreadable(failure.to_string()),
    };
    let (mut blobs, mut parts) = (stored.blobs.clone(), None);
    if let Some(count) = version.parts {
        let Some(list) = snapshot.get(place::OBJECT_PARTS, row)? else {
            return Ok(Some((FaultKind::NoParts, format!("the list of its {count} parts is not there"))));
        };
        match PartList::of_row(&list.value) {
            Ok(found) => parts = Some(found),
            Err(failure) => return unreadable(format!("the list of its parts: {failure}")),
        }
        blobs = list.blobs;
    }
    let sizes_differ = parts.as_ref().is_some_and(|parts| {
        parts.len() != blobs.len()
            || version.parts.is_none_or(|count| count as usize != parts.len())
            || parts.iter().zip(&blobs).any(|(part, blob)| part.size_bytes != blob.length_bytes)
    });
    let has_none = blobs.is_empty() && !version.is_marker;
    if sizes_differ || has_none || length_bytes(&blobs) != version.size_bytes {
        let (count, bytes) = (blobs.len(), length_bytes(&blobs));
        let detail = format!("it has {} bytes, and {count} contents of {bytes} bytes", version.size_bytes);
        return Ok(Some((FaultKind::OtherContents, detail)));
    }
    Ok(None)
}

impl Check<'_> {
    fn versions(&mut self, bucket: &Bucket) -> Result<(), SurveyError> {
        let report = &mut self.report;
        self.survey.each(place::OBJECTS, bucket.incarnation.bytes(), |snapshot, row, stored| {
            if let Some((kind, detail)) = wrong_with(snapshot, row, &stored)? {
                let key = place::split(row).map(|(key, _)| key);
                report.add(fault(kind, bucket.name.as_str(), key, detail));
            }
            Ok(())
        })
    }

    fn part_lists(&mut self, bucket: &Bucket) -> Result<(), SurveyError> {
        let mut left = Vec::new();
        self.survey.each(place::OBJECT_PARTS, bucket.incarnation.bytes(), |snapshot, row, _| {
            let version = snapshot.get(place::OBJECTS, row)?;
            let version = version.map(|stored| rows::read::<Version>(&stored.value));
            if !matches!(version, Some(Err(_)) | Some(Ok(Version { parts: Some(_), .. }))) {
                left.push(row.to_vec());
            }
            Ok(())
        })?;
        for row in left {
            let key = place::split(&row).map(|(key, _)| key);
            let mut found =
                fault(FaultKind::PartsLeft, bucket.name.as_str(), key, "a list of parts that no version has");
            if self.repair.repair {
                self.s3.state.objects.transact(|rows| {
                    // The version may have been written since.
                    let version = rows.get(place::OBJECTS, &row)?;
                    let version = version.and_then(|stored| rows::read::<Version>(&stored.value).ok());
                    if version.is_none_or(|version| version.parts.is_none()) {
                        rows.delete(place::OBJECT_PARTS, &row)?;
                    }
                    Ok::<_, Failure>(())
                })?;
                found.is_repaired = true;
            }
            self.report.add(found);
        }
        Ok(())
    }

    fn uploads(&mut self, bucket: &Bucket) -> Result<(), SurveyError> {
        let report = &mut self.report;
        let first = bucket.incarnation.bytes();
        self.survey.each(place::UPLOADS, first, |_, row, stored| {
            let split = place::split(row);
            let has_stamp = split.as_ref().is_some_and(|(_, behind)| Stamp::of_bytes(behind).is_some());
            if !has_stamp || rows::read::<Upload>(&stored.value).is_err() {
                let key = split.map(|(key, _)| key);
                report.add(fault(
                    FaultKind::Unreadable,
                    bucket.name.as_str(),
                    key,
                    "an upload that reads as none",
                ));
            }
            Ok(())
        })?;
        self.survey.each(place::PARTS, first, |_, row, stored| {
            let part: Result<Part, Failure> = rows::read(&stored.value);
            let wrong = match (place::stamp_of_part(row), part) {
                (None, _) | (_, Err(_)) => Some((FaultKind::Unreadable, "a part that reads as none")),
                (_, Ok(part)) if part.size_bytes != length_bytes(&stored.blobs) => {
                    Some((FaultKind::OtherContents, "a part whose content has another length"))
                }
                _ => None,
            };
            if let Some((kind, detail)) = wrong {
                report.add(fault(kind, bucket.name.as_str(), None, detail));
            }
            Ok(())
        })
    }

    /// Parts whose uploads are not there. Those with parts are noted first, so that an upload that is begun meanwhile is not
    /// missed, and one that ends meanwhile has no parts any more.
    fn parts_left(&mut self, bucket: &Bucket) -> Result<(), SurveyError> {
        let first = bucket.incarnation.bytes();
        let mut from = first.to_vec();
        loop {
            let mut stamps = self.stamps(&from, first)?;
            let Some(last) = stamps.last().cloned() else { return Ok(()) };
            self.survey.each(place::UPLOADS, first, |_, row, _| {
                if let Some((_, behind)) = place::split(row) {
                    stamps.remove(behind);
                }
                Ok(())
            })?;
            for stamp in &stamps {
                let parts = [first, stamp].concat();
                let count =
                    multipart::keys(&self.survey.objects.snapshot(), place::PARTS, &parts, usize::MAX)?.len();
                if count == 0 {
                    continue;
                }
                let detail = format!("{count} parts of an upload that is not there");
                let mut found = fault(FaultKind::PartLeft, bucket.name.as_str(), None, detail);
                if self.repair.repair {
                    self.remove(place::PARTS, &parts)?;
                    found.is_repaired = true;
                }
                self.report.add(found);
            }
            match object_store::after_prefix(&[first, &last].concat()) {
                Bound::Excluded(next) => from = next,
                _ => return Ok(()),
            }
        }
    }

    /// The next uploads that have parts, in the order of their stamps.
    fn stamps(&mut self, from: &[u8], first: &[u8]) -> Result<BTreeSet<Vec<u8>>, SurveyError> {
        let end = object_store::after_prefix(first);
        let end = end.as_ref().map(Vec::as_slice);
        let mut stamps = BTreeSet::new();
        let mut lower = from.to_vec();
        while stamps.len() < UPLOADS_PER_PASS {
            let snapshot = self.survey.objects.snapshot();
            let mut scan = snapshot.scan(place::PARTS, Bound::Included(&lower), end, Direction::Forward);
            let Some((row, _)) = scan.next().transpose()? else { break };
            // One that is as long as no part's is told of with what cannot be read.
            let Some(stamp) = place::stamp_of_part(&row) else {
                lower = [row.as_slice(), &[0]].concat();
                continue;
            };
            stamps.insert(stamp.to_vec());
            match object_store::after_prefix(&[first, stamp].concat()) {
                Bound::Excluded(next) => lower = next,
                _ => break,
            }
        }
        Ok(stamps)
    }

    fn lost_buckets(&mut self) -> Result<(), SurveyError> {
        let mut found: Vec<Incarnation> = Vec::new();
        for table in OF_BUCKETS {
            found.extend(self.survey.incarnations(table)?);
        }
        found.sort_by_key(|incarnation| *incarnation.array());
        found.dedup();
        // Looked up after its rows were seen: a record is there before they are, and goes after them.
        let known = self.survey.buckets();
        for incarnation in found.into_iter().filter(|found| !known.contains_key(found.array())) {
            self.lost_bucket(&incarnation)?;
        }
        Ok(())
    }

    fn lost_bucket(&mut self, incarnation: &Incarnation) -> Result<(), SurveyError> {
        let mut counts = [0_u64; OF_BUCKETS.len()];
        for (table, count) in OF_BUCKETS.into_iter().zip(&mut counts) {
            self.survey.each(table, incarnation.bytes(), |_, _, _| {
                *count += 1;
                Ok(())
            })?;
        }
        let [versions, lists, uploads, parts] = counts;
        if counts == [0; OF_BUCKETS.len()] {
            return Ok(());
        }
        let has_objects = versions + lists > 0;
        let mut detail =
            format!("a bucket that is not there has {versions} versions, {uploads} uploads, {parts} parts");
        if has_objects && self.repair.repair && !self.repair.remove_lost {
            detail.push_str("; the versions are kept, --remove-lost removes them");
        }
        let mut found = fault(FaultKind::LostBucket, incarnation.to_string(), None, detail);
        if self.repair.repair {
            let goes = if self.repair.remove_lost { &OF_BUCKETS[..] } else { &OF_BUCKETS[2..] };
            for table in goes {
                self.remove(*table, incarnation.bytes())?;
            }
            found.is_repaired = !has_objects || self.repair.remove_lost;
        }
        self.report.add(found);
        Ok(())
    }

    /// Removes all rows of a table that begin so.
    fn remove(&self, table: object_store::Table, first: &[u8]) -> Result<(), SurveyError> {
        loop {
            let removed = self.s3.state.objects.transact(|rows| {
                let found = multipart::keys(rows, table, first, ROWS_AT_ONCE)?;
                for row in &found {
                    rows.delete(table, row)?;
                }
                Ok::<_, Failure>(found.len())
            })?;
            if removed < ROWS_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Buckets are made and removed in two steps, so that only who is alone knows that one will never be done.
    fn half_buckets(&mut self) -> Result<(), SurveyError> {
        if !self.repair.is_alone {
            return Ok(());
        }
        let snapshot = self.survey.objects.snapshot();
        let mut taking = BTreeSet::new();
        for found in snapshot.scan(place::BUCKETS, Bound::Unbounded, Bound::Unbounded, Direction::Forward) {
            taking.insert(found?.0);
        }
        let mut half = Vec::new();
        for bucket in self.survey.buckets().into_values() {
            if !taking.remove(bucket.incarnation.bytes()) {
                half.push((bucket.name.to_string(), "its removal was not ended"));
            }
        }
        half.extend(taking.into_iter().map(|row| (hex::encode(row), "it was never made")));
        if self.repair.repair && !half.is_empty() {
            bucket::repair(&self.s3.state)?;
        }
        for (bucket, detail) in half {
            let found = fault(FaultKind::HalfBucket, bucket, None, detail);
            self.report.add(Fault { is_repaired: self.repair.repair, ..found });
        }
        Ok(())
    }
}

/// Goes on whatever comes.
pub fn unwatched(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
