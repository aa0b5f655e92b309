//! Access logs on their way into buckets.
//!
//! Lines wait in memory until somebody has them delivered. That is by best effort, as on AWS: what waits when the process ends is
//! lost, and what is too much is counted and dropped. Refuses to know policies: whoever has logs delivered says whether the target
//! lets the logging service in.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html>

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_types::{AccountId, Partition, Timestamp};
use bucket_rules::{AccessLogEntry, Acl, LogKeyFormat, LoggingTarget};
use bytes::Bytes;
use parking_lot::Mutex;
use service_api::Whole;
use store::{Read as _, Scope};

use crate::attached::Attached;
use crate::bucket::{self, Bucket};
use crate::checksum::Kept;
use crate::error::Failure;
use crate::intake::Said;
use crate::place::Incarnation;
use crate::rows::{Headers, Version};
use crate::versions::Contents;
use crate::{S3, State, encryption, versions};

/// Who puts logs into buckets, which policies of target buckets name.
pub const LOGGING_SERVICE: &str = "logging.s3.amazonaws.com";
/// How much waits of one bucket, and how much of all.
const BUCKET_BYTES_MAX: usize = 4 << 20;
const ALL_BYTES_MAX: usize = 32 << 20;
const DAY_MILLIS: i64 = 86_400_000;

/// The lines that wait.
#[derive(Default)]
pub(crate) struct AccessLogs(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    buckets: BTreeMap<(Partition, String), Lines>,
    size_bytes: usize,
    dropped: u64,
}

/// The lines of one bucket, by the day that they are of.
struct Lines {
    incarnation: Incarnation,
    days: BTreeMap<i64, (Timestamp, String)>,
    size_bytes: usize,
}

/// A log that is about to be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDelivery {
    /// Where both buckets are.
    pub partition: Partition,
    /// The bucket that it goes to, which is whose the source is.
    pub target: String,
    /// Its key there.
    pub key: String,
    /// The bucket that the log is of: `aws:SourceArn`.
    pub source_arn: String,
    /// Whose it is: `aws:SourceAccount`.
    pub source_account: AccountId,
}

/// What became of the logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogReport {
    /// Logs that are objects now.
    pub delivered: u64,
    /// Requests that no log has: there was too much of them, or no place for them.
    pub dropped: u64,
    /// Logs that could not be put, by the buckets that they are of.
    pub failures: Vec<(String, String)>,
}

impl S3 {
    /// Whether a bucket has a log.
    pub fn is_logged(&self, partition: Partition, bucket: &str) -> bool {
        self.bucket(partition, bucket).is_some_and(|bucket| bucket.configuration.logging.is_some())
    }

    /// Whether there is something to deliver, or to tell of.
    pub fn has_access_logs(&self) -> bool {
        let waiting = self.state.access_logs.0.lock();
        !waiting.buckets.is_empty() || waiting.dropped > 0
    }

    /// Takes a request into the log of its bucket, if that has one. Nothing is written yet.
    pub fn log_access(&self, partition: Partition, entry: &AccessLogEntry) {
        let held = self.state.store.snapshot().get::<Bucket>(&bucket::scope(partition), &entry.bucket);
        let Some(held) = held.filter(|held| held.configuration.logging.is_some()) else { return };
        let line = entry.line(held.owner);
        let day = entry.time.unix_millis().div_euclid(DAY_MILLIS);
        let mut waiting = self.state.access_logs.0.lock();
        let is_full = waiting.size_bytes + line.len() > ALL_BYTES_MAX;
        let lines = waiting.buckets.entry((partition, entry.bucket.clone())).or_insert_with(|| Lines {
            incarnation: held.incarnation,
            days: BTreeMap::new(),
            size_bytes: 0,
        });
        // A bucket that is made again under its name tells nothing of the one before.
        let is_other = lines.incarnation != held.incarnation;
        if is_full || is_other || lines.size_bytes + line.len() > BUCKET_BYTES_MAX {
            waiting.dropped += 1;
            return;
        }
        lines.size_bytes += line.len();
        lines.days.entry(day).or_insert_with(|| (entry.time, String::new())).1.push_str(&line);
        waiting.size_bytes += line.len();
    }

    /// Puts what waits into the buckets that it is for. `may_put` says whether a target's policy, or its access
    /// control list, lets [`LOGGING_SERVICE`] put an object. Blocks for the disk.
    pub fn deliver_access_logs(&self, now: Timestamp, may_put: impl Fn(&LogDelivery) -> bool) -> LogReport {
        let waiting = std::mem::take(&mut *self.state.access_logs.0.lock());
        let mut report = LogReport { dropped: waiting.dropped, ..LogReport::default() };
        for ((partition, name), lines) in waiting.buckets {
            let source = Source::find(&self.state, partition, &name, &lines);
            for (event, text) in lines.together(source.as_ref()) {
                let requests = text.bytes().filter(|byte| *byte == b'\n').count() as u64;
                let put = match &source {
                    None => Err("the bucket, its target or its logging is gone".to_owned()),
                    Some(source) => source.put(&self.state, (event, now), text, &may_put),
                };
                match put {
                    Ok(()) => report.delivered += 1,
                    Err(why) => {
                        report.dropped += requests;
                        report.failures.push((name.clone(), why));
                    }
                }
            }
        }
        report
    }
}

impl Lines {
    /// The logs to put: one for each day where keys tell it, else one of all.
    fn together(self, source: Option<&Source>) -> Vec<(Timestamp, String)> {
        let by_day = source.is_some_and(|source| source.logging.format == LogKeyFormat::PartitionedByEvent);
        if by_day {
            return self.days.into_values().collect();
        }
        let mut days = self.days.into_values();
        let first = days.next();
        first
            .map(|(event, text)| (event, days.fold(text, |text, (_, more)| text + &more)))
            .into_iter()
            .collect()
    }
}

/// A bucket with a log, and where that goes.
struct Source {
    partition: Partition,
    bucket: Arc<Bucket>,
    logging: LoggingTarget,
    target: Arc<Bucket>,
}

impl Source {
    fn find(state: &State, partition: Partition, name: &str, lines: &Lines) -> Option<Self> {
        let (records, scope) = (state.store.snapshot(), bucket::scope(partition));
        let bucket = records.get::<Bucket>(&scope, name)?;
        let logging = bucket.configuration.logging.clone()?;
        let target = records.get::<Bucket>(&scope, logging.bucket.as_str())?;
        // The target may be another bucket by now than the one that was looked at.
        let is_right = bucket.incarnation == lines.incarnation
            && target.owner == bucket.owner
            && target.region == bucket.region;
        is_right.then_some(Self { partition, bucket, logging, target })
    }

    fn put(
        &self,
        state: &State,
        (event, now): (Timestamp, Timestamp),
        text: String,
        may_put: &impl Fn(&LogDelivery) -> bool,
    ) -> Result<(), String> {
        let unique = hex::encode_upper(&state.ids.bits().to_be_bytes()[..8]);
        let source = (self.bucket.owner, &self.bucket.region, &self.bucket.name);
        let key = self.logging.key(source, event, now, &unique);
        let delivery = LogDelivery {
            partition: self.partition,
            target: self.target.name.to_string(),
            key: key.clone(),
            source_arn: self.bucket.arn(self.partition),
            source_account: self.bucket.owner,
        };
        if !may_put(&delivery) {
            return Err(format!("{} does not let {LOGGING_SERVICE} put logs", self.target.name));
        }
        let log = (key.as_str(), text, self.acl());
        let scope = bucket::scope(self.partition);
        write(state, (&scope, &self.target), log, now).map_err(|failure| failure.to_string())
    }

    /// The list of a log: the owner's, and whoever the logs are for. `None` where lists do not count.
    fn acl(&self) -> Option<Acl> {
        if !self.target.access.has_lists() || self.logging.grants.is_empty() {
            return None;
        }
        let mut acl = Acl::private(self.target.owner_id());
        acl.grants.extend(&self.logging.grants);
        Some(acl)
    }
}

/// Writes a log as an object.
fn write(
    state: &State,
    (scope, bucket): (&Scope, &Bucket),
    (key, text, acl): (&str, String, Option<Acl>),
    now: Timestamp,
) -> Result<(), Failure> {
    let secret = encryption::secret(&state.objects, None);
    let mut payload = Whole::new(Bytes::from(text));
    let taken = Said::default().take(state, &secret, &mut payload, None)?;
    let mut version = Version {
        modified: now,
        size_bytes: taken.blob.length_bytes(),
        e_tag: hex::encode(taken.md5.bytes()),
        checksum: Some(Kept::whole(&taken.checksum)),
        headers: Headers { content_type: Some("text/plain".to_owned()), ..Headers::default() },
        acl,
        ..Version::default()
    };
    let random = state.ids.bits();
    state.objects.transact(|rows| {
        let bucket = bucket::current(state, scope, bucket)?;
        version.attached = Attached::default().with_default(&bucket, now);
        let contents = Contents::Whole(vec![rows.adopt(&taken.blob)]);
        versions::put(rows, &bucket, key, (version, contents), (now, random)).map(|_| ())
    })
}
