//! What buckets take: objects, versions, uploads in progress and bytes, counted from their rows.
//!
//! Owns the counting. Refuses to know what of it is on the disk once, which is `object-store`'s to tell.

use aws_types::{AccountId, Region};
use serde::{Deserialize, Serialize};

use crate::S3;
use crate::bucket::Bucket;
use crate::place;
use crate::rows::{self, Part, Version};
use crate::survey::{Survey, SurveyError, Watcher};

/// What is behind the key in a row of a version.
const ORDER_BYTES: usize = 8;

/// What one bucket takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketUsage {
    /// Its name.
    pub bucket: String,
    /// Whose it is.
    pub owner: AccountId,
    /// Where it is.
    pub region: Region,
    /// Keys whose newest version is an object: what a listing shows.
    pub objects: u64,
    /// Versions with a content, those objects among them.
    pub versions: u64,
    /// Versions that say that there is no object.
    pub delete_markers: u64,
    /// How long the contents of all versions are together.
    pub bytes: u64,
    /// Uploads in parts that were begun and neither completed nor aborted.
    pub uploads: u64,
    /// How long their parts are together.
    pub upload_bytes: u64,
}

impl S3 {
    /// What each bucket takes, or the one of that name, in the order of names. Every row of theirs is read.
    ///
    /// # Errors
    /// [`SurveyError`].
    pub fn usage(&self, bucket: Option<&str>, watcher: Watcher<'_>) -> Result<Vec<BucketUsage>, SurveyError> {
        let mut survey = Survey::new(&self.state.store, &self.state.objects, watcher);
        let mut buckets: Vec<_> = survey.buckets().into_values().collect();
        buckets.retain(|found| bucket.is_none_or(|wanted| found.name.as_str() == wanted));
        if let (true, Some(wanted)) = (buckets.is_empty(), bucket) {
            return Err(SurveyError::NoSuchBucket(wanted.to_owned()));
        }
        buckets.sort_by(|one, other| one.name.cmp(&other.name));
        buckets.iter().map(|bucket| usage_of(&mut survey, bucket)).collect()
    }
}

fn usage_of(survey: &mut Survey<'_>, bucket: &Bucket) -> Result<BucketUsage, SurveyError> {
    let mut usage = BucketUsage {
        bucket: bucket.name.to_string(),
        owner: bucket.owner,
        region: bucket.region.clone(),
        objects: 0,
        versions: 0,
        delete_markers: 0,
        bytes: 0,
        uploads: 0,
        upload_bytes: 0,
    };
    let first = bucket.incarnation.bytes();
    let mut key = Vec::new();
    survey.each(place::OBJECTS, first, |_, row, stored| {
        let version: Version = rows::read(&stored.value)?;
        let of_key = &row[..row.len().saturating_sub(ORDER_BYTES)];
        let is_newest = key != of_key;
        if is_newest {
            of_key.clone_into(&mut key);
        }
        if version.is_marker {
            usage.delete_markers += 1;
        } else {
            usage.versions += 1;
            usage.objects += u64::from(is_newest);
            usage.bytes += version.size_bytes;
        }
        Ok(())
    })?;
    survey.each(place::UPLOADS, first, |_, _, _| {
        usage.uploads += 1;
        Ok(())
    })?;
    survey.each(place::PARTS, first, |_, _, stored| {
        let part: Part = rows::read(&stored.value)?;
        usage.upload_bytes += part.size_bytes;
        Ok(())
    })?;
    Ok(usage)
}
