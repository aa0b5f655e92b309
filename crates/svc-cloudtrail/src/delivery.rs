//! Log files: the events that trails select, gathered and given to a bucket.
//!
//! Owns which trail gets which event, a file's name and its form, and that what a bucket refuses is tried again. Refuses to know
//! buckets: whoever has them is [`TrailDelivery`]. Where events are until then is in [`crate::spool`].
//!
//! Every event is delivered at least once. One that is delivered again is in a file of the same name, which takes the place of
//! the first.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html>

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use aws_types::{AccountId, Partition, Region, Timestamp};
use cloudtrail_events::{Event, is_global};
use flate2::Compression;
use flate2::write::GzEncoder;
use store::{Read as _, Scope};

use crate::spool::Head;
use crate::trail_name::Arn;
use crate::{State, Trail};

/// For how long a file that is refused is tried again.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-find-log-files.html>
const RETRIED_MILLIS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Where files are gathered, and for how long.
#[derive(Clone, Debug)]
pub struct Gathering {
    /// The directory, which is made when there is something.
    pub directory: PathBuf,
    /// How long events are gathered for a file, and how long one waits that was refused.
    pub period_millis: i64,
}

impl Gathering {
    /// The period of AWS.
    pub const AWS_MILLIS: i64 = 5 * 60 * 1000;
}

/// Where a file of a trail goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPlace {
    /// The bucket.
    pub bucket: String,
    /// Its name in it.
    pub key: String,
    /// The trail's.
    pub trail_arn: String,
    /// The trail's.
    pub partition: Partition,
    /// Whose trail it is: the account that the bucket's policy is asked for.
    pub trail_owner: AccountId,
}

/// A file of a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Where it goes.
    pub place: LogPlace,
    /// JSON, compressed by gzip.
    pub body: Vec<u8>,
}

/// Why a file does not get into a bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// There is no such bucket.
    #[error("NoSuchBucket")]
    NoSuchBucket,
    /// Its policy does not let CloudTrail in.
    #[error("AccessDenied")]
    AccessDenied,
    /// S3's error code.
    #[error("{0}")]
    Other(String),
}

/// Whoever has buckets.
pub trait TrailDelivery: Send + Sync + 'static {
    /// Looks whether a file could be delivered there, as it is when a trail is made.
    ///
    /// # Errors
    /// [`DeliveryError`].
    fn check(&self, place: &LogPlace, now: Timestamp) -> Result<(), DeliveryError>;

    /// Puts a file into its bucket.
    ///
    /// # Errors
    /// [`DeliveryError`].
    fn deliver(&self, file: LogFile, now: Timestamp) -> Result<(), DeliveryError>;
}

/// A cloud without buckets.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBuckets;

impl TrailDelivery for NoBuckets {
    fn check(&self, _: &LogPlace, _: Timestamp) -> Result<(), DeliveryError> {
        Err(DeliveryError::NoSuchBucket)
    }

    fn deliver(&self, _: LogFile, _: Timestamp) -> Result<(), DeliveryError> {
        Err(DeliveryError::NoSuchBucket)
    }
}

/// Looks again whether a trail that logs selects data events, of which there are too many to make any that nobody wants.
pub(crate) fn note_wanted(state: &State) {
    let snapshot = state.store.snapshot();
    let mut trails = snapshot.scan_all::<Trail>().map(|(_, _, trail)| trail);
    let wants = trails.any(|trail| trail.is_logging && trail.selectors.has_data());
    state.wants_data.store(wants, Ordering::Relaxed);
}

/// Gives new events to the trails that select them.
pub(crate) fn take(state: &State, events: &[Event], now: Timestamp) {
    let snapshot = state.store.snapshot();
    let trails: Vec<(&Scope, Arc<Trail>)> = snapshot
        .scan_all::<Trail>()
        .filter(|(_, _, trail)| trail.is_logging)
        .map(|(scope, _, trail)| (scope, trail))
        .collect();
    if trails.is_empty() {
        return;
    }
    let mut gathered: BTreeMap<(usize, AccountId, Region), (Head, String)> = BTreeMap::new();
    for event in events {
        let account = event.recipient_account_id;
        let (mut membership, mut line) = (None, None);
        for (index, (scope, trail)) in trails.iter().enumerate() {
            let is_of_account = scope.account == account
                || (trail.is_organization
                    && membership
                        .get_or_insert_with(|| state.organizations.membership(account))
                        .as_ref()
                        .is_some_and(|of_account| of_account.management == scope.account));
            if !is_of_account || !is_in(scope, trail, event) {
                continue;
            }
            let place = (index, account, event.aws_region.clone());
            let (_, lines) =
                gathered.entry(place).or_insert_with(|| (head(scope, trail, event, now), String::new()));
            lines.push_str(line.get_or_insert_with(|| event.to_json() + "\n"));
        }
    }
    for (head, lines) in gathered.into_values() {
        let trail = head.trail.clone();
        if let Err(error) = state.spool.add(head, &lines) {
            let events = lines.lines().count();
            tracing::error!(trail, events, %error, "events of a trail cannot be kept; they are in no file of it");
        }
    }
}

fn head(scope: &Scope, trail: &Trail, event: &Event, now: Timestamp) -> Head {
    Head {
        scope: scope.clone(),
        trail: trail.name.clone(),
        created: trail.created,
        account: event.recipient_account_id,
        region: event.aws_region.clone(),
        since: now,
        unique: event.event_id.chars().filter(char::is_ascii_alphanumeric).take(16).collect(),
    }
}

/// Whether an event of the trail's accounts is one of its regions, and selected.
fn is_in(scope: &Scope, trail: &Trail, event: &Event) -> bool {
    let is_of_region = trail.is_multi_region || event.aws_region == scope.region;
    let is_left_out = is_global(&event.event_source) && !trail.has_global_events;
    is_of_region && !is_left_out && trail.selectors.select(event)
}

/// Delivers what is full or due, or everything.
pub(crate) fn flush(state: &State, now: Timestamp, all: bool) {
    // Two that deliver the same would do no harm, and no good.
    let _alone = state.flushing.lock();
    state.spool.sync();
    let mut outcomes: BTreeMap<(Scope, String), Option<DeliveryError>> = BTreeMap::new();
    for (number, head) in state.spool.due(now, state.period_millis, all) {
        let trail = state.store.snapshot().get::<Trail>(&head.scope, &head.trail);
        // A trail that was deleted meanwhile gets no more.
        let Some(trail) = trail.filter(|trail| trail.created == head.created) else {
            state.spool.remove(number);
            continue;
        };
        let done = deliver(state, &trail, number, &head, now);
        if let Err(error) = &done {
            tracing::warn!(trail = head.trail, %error, "a log file could not be delivered");
            if now < head.since.plus_millis(RETRIED_MILLIS) {
                state.spool.retry_at(number, now.plus_millis(state.period_millis));
            } else {
                tracing::error!(trail = head.trail, "a log file is given up that could not be delivered");
                state.spool.remove(number);
            }
        } else {
            state.spool.remove(number);
        }
        let outcome = outcomes.entry((head.scope, head.trail)).or_default();
        *outcome = outcome.take().or(done.err());
    }
    for ((scope, name), error) in outcomes {
        note(state, &scope, &name, now, error);
    }
}

fn deliver(
    state: &State,
    trail: &Trail,
    number: u64,
    head: &Head,
    now: Timestamp,
) -> Result<(), DeliveryError> {
    let failed = |error: std::io::Error| DeliveryError::Other(error.to_string());
    let body = state.spool.read(number).and_then(|lines| compress(&lines)).map_err(failed)?;
    state.delivery.deliver(LogFile { place: place(state, trail, head), body }, now)
}

/// The events as one document: `{"Records":[…]}`.
fn compress(lines: &str) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(b"{\"Records\":[")?;
    for (index, line) in lines.lines().enumerate() {
        if index > 0 {
            encoder.write_all(b",")?;
        }
        encoder.write_all(line.as_bytes())?;
    }
    encoder.write_all(b"]}")?;
    encoder.finish()
}

/// Where a file of a trail goes.
fn place(state: &State, trail: &Trail, head: &Head) -> LogPlace {
    let Scope { partition, account, region } = &head.scope;
    let organization = trail.is_organization.then(|| state.organizations.membership(*account)).flatten();
    LogPlace {
        bucket: trail.bucket.clone(),
        key: key(trail, organization.map(|membership| membership.organization).as_deref(), head),
        trail_arn: Arn::text(*partition, region, *account, &trail.name),
        partition: *partition,
        trail_owner: *account,
    }
}

/// Where a file of a trail would go that is delivered now, for whoever looks whether it could be.
pub(crate) fn place_now(state: &State, scope: &Scope, trail: &Trail, now: Timestamp) -> LogPlace {
    let head = Head {
        scope: scope.clone(),
        trail: trail.name.clone(),
        created: trail.created,
        account: scope.account,
        region: scope.region.clone(),
        since: now,
        unique: String::new(),
    };
    place(state, trail, &head)
}

/// `[PREFIX/]AWSLogs/[o-…/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_UNIQUE.json.gz`
fn key(trail: &Trail, organization: Option<&str>, head: &Head) -> String {
    let prefix = trail.prefix.as_ref().map(|prefix| format!("{prefix}/")).unwrap_or_default();
    let organization = organization.map(|id| format!("{id}/")).unwrap_or_default();
    // 2026-11-22T14:28:00.000Z
    let time = head.since.to_string();
    let (year, month, day) = (&time[0..4], &time[5..7], &time[8..10]);
    let minute = format!("{year}{month}{day}T{}{}Z", &time[11..13], &time[14..16]);
    let Head { account, region, unique, .. } = head;
    format!(
        "{prefix}AWSLogs/{organization}{account}/CloudTrail/{region}/{year}/{month}/{day}/\
         {account}_CloudTrail_{region}_{minute}_{unique}.json.gz"
    )
}

/// Notes how a delivery went, for GetTrailStatus.
fn note(state: &State, scope: &Scope, name: &str, now: Timestamp, error: Option<DeliveryError>) {
    let error = error.map(|error| error.to_string());
    let noted = state.store.transact(|transaction| {
        if let Some(trail) = transaction.get::<Trail>(scope, name) {
            let mut trail = Trail::clone(&trail);
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
