//! What an operator sees of objects, with and without a daemon.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Instant;

use aws_model::{Fields, Value};
use bytes::Bytes;
use object_store::BlobSecret;
use service_api::{OsRandom, Payload, Service as _, ServiceError};
use store::{MemoryBackend, Store};

use super::*;
use crate::testing::context;

struct Whole(Option<Bytes>);

impl Payload for Whole {
    fn length(&self) -> u64 {
        self.0.as_ref().map_or(0, |bytes| bytes.len() as u64)
    }

    fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
        Ok(self.0.take())
    }

    fn trailing(&self, _: &str) -> Option<&str> {
        None
    }
}

/// A cloud's objects, of which one large enough for a file is called `large` and one in the index `small`.
fn objects(dir: &std::path::Path) -> Arc<Objects> {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let s3 = S3::open(store, Arc::new(OsRandom), &dir.join("objects"), BlobSecret::new([3; 32])).unwrap();
    let call = |operation: &str, fields: Vec<(&'static str, &str)>, body: Vec<u8>| {
        let fields = fields.into_iter().map(|(name, value)| (name, Value::String(value.to_owned())));
        let input = Value::Structure(Fields::from_iter(fields));
        s3.call_streaming(&context(), operation, input, &mut Whole(Some(body.into()))).map(|_| ()).unwrap();
    };
    call("CreateBucket", vec![("Bucket", "papers")], Vec::new());
    call("PutObject", vec![("Bucket", "papers"), ("Key", "small")], vec![1; 100]);
    call("PutObject", vec![("Bucket", "papers"), ("Key", "large")], vec![2; 100_000]);
    Arc::new(Objects::new(Arc::new(s3), dir.join("objects"), dir.join("scrub.json"), false))
}

fn finished(objects: &Arc<Objects>, task: ObjectsTask) -> TaskOutcome {
    let number = objects.begin(task).unwrap().number;
    let began = Instant::now();
    loop {
        let state = objects.state_of(number).unwrap();
        if let Some(outcome) = state.outcome {
            return outcome.unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{state:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn damage(dir: &std::path::Path) {
    for part in std::fs::read_dir(dir.join("objects/blobs")).unwrap() {
        for file in std::fs::read_dir(part.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
    }
}

#[test]
fn what_is_damaged_is_told_by_its_name_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let objects = objects(dir.path());
    let TaskOutcome::Scrub(told) = finished(&objects, ObjectsTask::Scrub) else { panic!() };
    assert_eq!((told.summary.contents, told.summary.damaged, told.damages.len()), (2, 0, 0));
    damage(dir.path());
    let TaskOutcome::Scrub(told) = finished(&objects, ObjectsTask::Scrub) else { panic!() };
    assert_eq!((told.summary.contents, told.summary.damaged), (2, 1));
    let [damage] = &told.damages[..] else { panic!("{told:?}") };
    let [holder] = &damage.holders[..] else { panic!("{told:?}") };
    let named = (holder.bucket.as_deref(), holder.key.as_deref(), holder.version.as_deref());
    assert_eq!(named, (Some("papers"), Some("large"), Some("null")));
    // What the next daemon knows, and what is told meanwhile.
    assert_eq!(objects.status().last_scrub.as_ref(), Some(&told.summary));
    assert_eq!(summary::read(&dir.path().join("scrub.json")), Some(told.summary));
}

#[test]
fn buckets_are_counted_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let objects = objects(dir.path());
    let TaskOutcome::Usage(told) = finished(&objects, ObjectsTask::Usage { bucket: None }) else { panic!() };
    let [bucket] = &told.buckets[..] else { panic!("{told:?}") };
    assert_eq!((bucket.objects, bucket.bytes), (2, 100_100));
    assert_eq!((told.contents, told.content_bytes, told.shared_bytes), (2, 100_100, Some(0)));
    assert!(told.stored_bytes > told.content_bytes && told.index_bytes > 0);
    let fsck = ObjectsTask::Fsck { repair: true, remove_lost: false };
    let TaskOutcome::Fsck(told) = finished(&objects, fsck) else { panic!() };
    assert!(told.is_clean && told.contents == 2 && told.removed == 0, "{told:?}");
    let number = objects.begin(ObjectsTask::Usage { bucket: Some("other".to_owned()) }).unwrap().number;
    let outcome = loop {
        if let Some(outcome) = objects.state_of(number).unwrap().outcome {
            break outcome;
        }
    };
    assert_eq!(outcome, Err("there is no bucket other".to_owned()));
    assert!(objects.state_of(number - 1).is_err(), "it was followed by another");
}

#[test]
fn what_a_crash_left_is_swept() {
    let dir = tempfile::tempdir().unwrap();
    let objects = objects(dir.path());
    let left = dir.path().join("objects/blobs/ab").join("ab".repeat(32));
    std::fs::write(&left, "left").unwrap();
    objects.sweep();
    assert!(!left.exists());
    let TaskOutcome::Scrub(told) = finished(&objects, ObjectsTask::Scrub) else { panic!() };
    assert_eq!(told.summary.damaged, 0);
}

#[test]
fn nothing_goes_on_beyond_the_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let objects = objects(dir.path());
    drop(EndWith(Arc::clone(&objects)));
    assert!(objects.going_on(&Stop::default()).is_break());
    let mut seen = BTreeMap::new();
    let mut watch = |progress: TaskProgress| {
        *seen.entry(format!("{:?}", progress.stage)).or_insert(0) += 1;
        ControlFlow::Break(())
    };
    let ended = tasks::perform(&objects.s3, dir.path(), &ObjectsTask::Scrub, false, &mut watch);
    assert!(ended.unwrap_err().contains("ended"));
    assert_eq!(seen.len(), 1);
}

#[test]
fn rules_are_applied_at_midnight_and_scrubs_weekly() {
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let now = Timestamp::from_unix_millis(at("2026-11-28T23:59:30Z"));
    assert_eq!(until_rules(now, true), Duration::from_secs(30));
    assert_eq!(until_rules(Timestamp::from_unix_millis(at("2026-11-28T00:00:00Z")), true).as_secs(), 86_400);
    assert_eq!(until_rules(now, false), RULES_PERIOD);
    let summary = |ended: &str| ScrubSummary {
        began: now,
        ended: Timestamp::from_unix_millis(at(ended)),
        cause: ScrubCause::Background,
        contents: 0,
        bytes: 0,
        without_secret: 0,
        damaged: 0,
    };
    assert!(is_due(None, now) && is_due(Some(&summary("2026-11-21T23:59:30Z")), now));
    assert!(!is_due(Some(&summary("2026-11-21T23:59:31Z")), now));
}
