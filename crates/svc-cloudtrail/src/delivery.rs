//! Log files: the events that trails select, gathered and given to a bucket.
//!
//! Owns which trail gets which event, when a file is full or due, its name and its form. Refuses to know buckets: whoever has
//! them is [`TrailDelivery`].
//!
//! Events that are gathered and not yet delivered are in memory alone: a daemon that is killed delivers them to no trail. They
//! are in the history all the same.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html>

use std::collections::BTreeMap;
use std::io::Write as _;

use aws_types::{AccountId, Region, Timestamp};
use cloudtrail_events::{Event, is_global};
use flate2::Compression;
use flate2::write::GzEncoder;
use store::{Read as _, Scope};

use crate::{State, Trail};

/// How long events are gathered for a file.
const FILE_MILLIS: i64 = 5 * 60 * 1000;
/// How many bytes of events a file has, before they are compressed.
const FILE_BYTES: usize = 4 << 20;
/// How many files are gathered at one time: a trail of an organization has one for each account and region.
const FILES_MAX: usize = 1024;

/// A file of a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// The bucket.
    pub bucket: String,
    /// Its name in it.
    pub key: String,
    /// JSON, compressed by gzip.
    pub body: Vec<u8>,
    /// Whose trail it is: the account that the bucket's policy is asked for.
    pub trail_owner: AccountId,
}

/// Whoever has buckets.
pub trait TrailDelivery: Send + Sync + 'static {
    /// Whether there is a bucket of that name.
    fn bucket_exists(&self, bucket: &str) -> bool;

    /// Puts a file into its bucket.
    ///
    /// # Errors
    /// S3's error code.
    fn deliver(&self, file: LogFile) -> Result<(), String>;
}

/// A cloud without buckets.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBuckets;

impl TrailDelivery for NoBuckets {
    fn bucket_exists(&self, _: &str) -> bool {
        false
    }

    fn deliver(&self, _: LogFile) -> Result<(), String> {
        Err("NoSuchBucket".to_owned())
    }
}

/// The files that are gathered, by trail and by the account and region of their events.
#[derive(Default)]
pub(crate) struct Pending(BTreeMap<(Scope, String, AccountId, Region), Gathered>);

struct Gathered {
    since: Timestamp,
    /// The events, with commas between.
    records: String,
    /// Makes the name of the file its own.
    unique: String,
}

/// Gives new events to the trails that select them.
pub(crate) fn take(state: &State, events: &[Event], now: Timestamp) {
    let snapshot = state.store.snapshot();
    let trails = snapshot.scan_all::<Trail>().filter(|(_, _, trail)| trail.is_logging);
    let trails: Vec<_> = trails.map(|(scope, _, trail)| (scope.clone(), trail)).collect();
    if trails.is_empty() {
        return;
    }
    for event in events {
        let account = event.recipient_account_id;
        let mut membership = None;
        for (scope, trail) in &trails {
            let is_of_account = scope.account == account
                || (trail.is_organization
                    && membership
                        .get_or_insert_with(|| state.organizations.membership(account))
                        .as_ref()
                        .is_some_and(|of_account| of_account.management == scope.account));
            if is_of_account && is_in(scope, trail, event) {
                gather(state, scope, trail, event, now);
            }
        }
    }
    flush(state, now, false);
}

/// Whether an event of the trail's accounts is one of its regions, and selected.
fn is_in(scope: &Scope, trail: &Trail, event: &Event) -> bool {
    let is_of_region = trail.is_multi_region || event.aws_region == scope.region;
    let is_left_out = is_global(&event.event_source) && !trail.has_global_events;
    is_of_region && !is_left_out && trail.selectors.select(event)
}

fn gather(state: &State, scope: &Scope, trail: &Trail, event: &Event, now: Timestamp) {
    let key = (scope.clone(), trail.name.clone(), event.recipient_account_id, event.aws_region.clone());
    let mut pending = state.pending.lock();
    if pending.0.len() >= FILES_MAX && !pending.0.contains_key(&key) {
        tracing::warn!(
            trail = trail.name,
            event = event.event_id,
            "too many log files are gathered at one time"
        );
        return;
    }
    let file = pending.0.entry(key).or_insert_with(|| Gathered {
        since: now,
        records: String::new(),
        unique: event.event_id.chars().filter(char::is_ascii_alphanumeric).take(16).collect(),
    });
    if !file.records.is_empty() {
        file.records.push(',');
    }
    file.records.push_str(&event.to_json());
}

/// Delivers what is full or due, or everything.
pub(crate) fn flush(state: &State, now: Timestamp, all: bool) {
    let due: Vec<_> = {
        let mut pending = state.pending.lock();
        let is_due = |file: &Gathered| {
            all || file.records.len() >= FILE_BYTES || now >= file.since.plus_millis(FILE_MILLIS)
        };
        let keys: Vec<_> =
            pending.0.iter().filter(|(_, file)| is_due(file)).map(|(key, _)| key.clone()).collect();
        keys.into_iter().filter_map(|key| pending.0.remove_entry(&key)).collect()
    };
    for ((scope, name, account, region), file) in due {
        // A trail that was deleted meanwhile gets no more.
        let Some(trail) = state.store.snapshot().get::<Trail>(&scope, &name) else { continue };
        let organization = trail.is_organization.then(|| state.organizations.membership(scope.account));
        let organization = organization.flatten().map(|membership| membership.organization);
        let done = compress(&file.records).and_then(|body| {
            let key = key(&trail, organization.as_deref(), account, &region, file.since, &file.unique);
            let bucket = trail.bucket.clone();
            state.delivery.deliver(LogFile { bucket, key, body, trail_owner: scope.account })
        });
        if let Err(error) = &done {
            tracing::warn!(trail = name, error, "a log file could not be delivered");
        }
        note(state, &scope, &name, now, done.err());
    }
}

fn compress(records: &str) -> Result<Vec<u8>, String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(format!("{{\"Records\":[{records}]}}").as_bytes());
    written.and_then(|()| encoder.finish()).map_err(|error| error.to_string())
}

/// `[PREFIX/]AWSLogs/[o-…/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_UNIQUE.json.gz`
fn key(
    trail: &Trail,
    organization: Option<&str>,
    account: AccountId,
    region: &Region,
    since: Timestamp,
    unique: &str,
) -> String {
    let prefix = trail.prefix.as_ref().map(|prefix| format!("{prefix}/")).unwrap_or_default();
    let organization = organization.map(|id| format!("{id}/")).unwrap_or_default();
    // 2026-11-22T14:28:00.000Z
    let time = since.to_string();
    let (year, month, day) = (&time[0..4], &time[5..7], &time[8..10]);
    let minute = format!("{year}{month}{day}T{}{}Z", &time[11..13], &time[14..16]);
    format!(
        "{prefix}AWSLogs/{organization}{account}/CloudTrail/{region}/{year}/{month}/{day}/\
         {account}_CloudTrail_{region}_{minute}_{unique}.json.gz"
    )
}

/// Notes how a delivery went, for GetTrailStatus.
fn note(state: &State, scope: &Scope, name: &str, now: Timestamp, error: Option<String>) {
    let noted = state.store.transact(|transaction| {
        if let Some(trail) = transaction.get::<Trail>(scope, name) {
            let mut trail = (*trail).clone();
            trail.delivery_tried = Some(now);
            if error.is_none() {
                trail.delivered = Some(now);
            }
            trail.delivery_error.clone_from(&error);
            transaction.put(scope, name, trail);
        }
        Ok::<_, store::StoreError>(())
    });
    if let Err(error) = noted {
        tracing::warn!(trail = name, %error, "how a delivery went could not be stored");
    }
}
