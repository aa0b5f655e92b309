//! The objects of S3, looked after while the daemon runs.
//!
//! Owns when that is done: what a crash left is removed after a start, rules are applied once a day, and everything is read and
//! verified once a week; and what operators ask for, one thing at a time. Refuses to know how ([`tasks`]), and what rules say.
//!
//! ```text
//!  start ──> sweep, a 256th at a time with pauses
//!        ├─> DAILY at midnight, or every minute where states move at once
//!        └─> scrub a week after the last one, at a bounded rate ──> objects-scrub.json, status, metrics, log
//! ```
//!
//! All of it reads a page or a block at a time, and looks now and again whether the daemon ends.

mod offline;
mod running;
mod summary;
mod tasks;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_types::Timestamp;
use object_store::ScrubOptions;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use svc_s3::S3;

use crate::expectations::Stop;
use crate::now;

pub use offline::{OfflineError, look_offline};
pub use running::TaskState;
pub use summary::{ScrubCause, ScrubSummary};
pub use svc_s3::{BucketUsage, CheckReport, Fault, FaultKind, Holder};
pub use tasks::{
    DAMAGES_TOLD_MAX, DamageTold, FsckTold, ObjectsTask, ScrubTold, TaskOutcome, TaskProgress, TaskStage,
    UsageTold,
};

use running::Running;

/// What is done to all objects once a day, one after the other: what it is called, and the work, which tells the buckets that it
/// could not do it to, and why.
const DAILY: [(&str, Daily); 1] = [("lifecycle rules", |s3, now| s3.run_lifecycle(now).failures)];

type Daily = fn(&S3, Timestamp) -> Vec<(String, String)>;

/// How long it is between two steps of a sweep, of which there are 256.
const SWEEP_PAUSE: Duration = Duration::from_millis(20);

/// How often rules are applied where states move at once.
const RULES_PERIOD: Duration = Duration::from_secs(60);

/// How often they are on AWS: at midnight, as the day is in UTC.
const DAY_MILLIS: i64 = 24 * 3600 * 1000;

/// How long after the end of a scrub the next one is due.
const SCRUB_PERIOD_MILLIS: i64 = 7 * DAY_MILLIS;

/// How long after a start it is first looked whether a scrub is due, and how often afterwards.
const SCRUB_LOOK: Duration = Duration::from_secs(3600);

/// How much a scrub in the background reads in a second.
const SCRUB_BYTES_PER_SEC: u64 = 16 << 20;

/// What runs in a cloud, of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectsStatus {
    /// Contents, each once.
    pub contents: u64,
    /// How long they are together.
    pub content_bytes: u64,
    /// How long they are as they are stored.
    pub stored_bytes: u64,
    /// What the last scrub found that went through.
    pub last_scrub: Option<ScrubSummary>,
}

/// The objects of a cloud.
pub(crate) struct Objects {
    s3: Arc<S3>,
    dir: PathBuf,
    summary_file: PathBuf,
    realistic_timing: bool,
    last_scrub: Mutex<Option<ScrubSummary>>,
    /// What an operator asked for, and what came of it.
    asked: Mutex<Option<Running>>,
    /// Ends the scrub in the background where an operator wants one now.
    background: Mutex<Stop>,
    end: Stop,
}

impl Objects {
    /// The objects in a directory, with the last scrub's summary in a file.
    pub(crate) fn new(s3: Arc<S3>, dir: PathBuf, summary_file: PathBuf, realistic_timing: bool) -> Self {
        let last_scrub = summary::read(&summary_file);
        Self {
            s3,
            dir,
            summary_file,
            realistic_timing,
            last_scrub: Mutex::new(last_scrub),
            asked: Mutex::default(),
            background: Mutex::default(),
            end: Stop::default(),
        }
    }

    /// Looks after the objects until it is told to end.
    pub(crate) async fn follow(self: Arc<Self>) {
        let _end = EndWith(Arc::clone(&self));
        self.aside("the sweep of objects", |me| me.sweep()).await;
        tokio::join!(self.rules(), self.scrubs());
    }

    /// Runs something on a thread that may block.
    async fn aside(self: &Arc<Self>, what: &'static str, work: impl FnOnce(&Self) + Send + 'static) {
        let me = Arc::clone(self);
        if tokio::task::spawn_blocking(move || work(&me)).await.is_err() {
            tracing::error!("{what} panicked");
        }
    }

    /// Removes bytes that nothing refers to: what a crash left.
    fn sweep(&self) {
        let mut sweep = self.s3.objects().sweep();
        let mut removed = 0;
        loop {
            match sweep.step() {
                Ok(Some(step)) => removed += step.removed,
                Ok(None) => break,
                Err(error) => tracing::warn!(%error, "a part of the objects could not be swept"),
            }
            if self.end.check().is_err() {
                return;
            }
            std::thread::sleep(SWEEP_PAUSE);
        }
        if removed > 0 {
            tracing::info!(removed, "contents that nothing referred to are removed");
        }
    }

    async fn rules(self: &Arc<Self>) {
        loop {
            tokio::time::sleep(until_rules(now(), self.realistic_timing)).await;
            self.aside("applying rules to objects", |me| {
                for (what, work) in DAILY {
                    for (bucket, error) in work(&me.s3, now()) {
                        tracing::error!(bucket, error, what, "it is tried again the next time");
                    }
                }
            })
            .await;
        }
    }

    async fn scrubs(self: &Arc<Self>) {
        loop {
            tokio::time::sleep(SCRUB_LOOK).await;
            let is_due = is_due(self.last_scrub.lock().as_ref(), now());
            if is_due && !self.is_asked_something() {
                self.aside("the scrub of objects", |me| me.scrub_in_background()).await;
            }
        }
    }

    fn is_asked_something(&self) -> bool {
        self.asked.lock().as_ref().is_some_and(|running| !running.has_ended())
    }

    fn scrub_in_background(&self) {
        let stop = Stop::default();
        *self.background.lock() = stop.clone();
        let options = ScrubOptions { bytes_per_sec: Some(SCRUB_BYTES_PER_SEC) };
        let mut watch = |_: TaskProgress| self.going_on(&stop);
        match tasks::scrub(&self.s3, options, ScrubCause::Background, &mut watch) {
            Ok(told) => self.keep(&told),
            Err(_) if self.going_on(&stop).is_break() => {}
            Err(error) => tracing::error!(%error, "the objects could not be scrubbed"),
        }
    }

    fn going_on(&self, stop: &Stop) -> std::ops::ControlFlow<()> {
        if stop.check().and(self.end.check()).is_err() {
            std::ops::ControlFlow::Break(())
        } else {
            std::ops::ControlFlow::Continue(())
        }
    }

    /// Keeps what a scrub found, and says each damage.
    fn keep(&self, told: &ScrubTold) {
        tasks::log_damages(told);
        if let Err(error) = summary::write(&self.summary_file, &told.summary) {
            tracing::warn!(%error, "what the scrub found is not kept beyond this daemon");
        }
        *self.last_scrub.lock() = Some(told.summary.clone());
    }

    /// What `brume status` and the metrics tell.
    pub(crate) fn status(&self) -> ObjectsStatus {
        let usage = self.s3.objects().usage().unwrap_or_else(|error| {
            tracing::warn!(%error, "how many objects there are cannot be told");
            object_store::Usage::default()
        });
        ObjectsStatus {
            contents: usage.blobs,
            content_bytes: usage.content_bytes,
            stored_bytes: usage.stored_bytes,
            last_scrub: self.last_scrub.lock().clone(),
        }
    }
}

/// Ends what is looked at when nobody follows any more.
struct EndWith(Arc<Objects>);

impl Drop for EndWith {
    fn drop(&mut self) {
        self.0.end.stop();
    }
}

/// How long until rules are applied the next time.
fn until_rules(now: Timestamp, realistic_timing: bool) -> Duration {
    if !realistic_timing {
        return RULES_PERIOD;
    }
    let of_day = now.unix_millis().rem_euclid(DAY_MILLIS);
    Duration::from_millis((DAY_MILLIS - of_day).unsigned_abs())
}

/// Whether a scrub is due.
fn is_due(last: Option<&ScrubSummary>, now: Timestamp) -> bool {
    last.is_none_or(|last| now.unix_millis() - last.ended.unix_millis() >= SCRUB_PERIOD_MILLIS)
}

#[cfg(test)]
mod tests;
