//! What can be done with all objects at once: counted, verified, checked and repaired.
//!
//! Owns what each of it reports. Refuses to know who asked, and whether a daemon runs.

use std::ops::ControlFlow;
use std::path::Path;

use object_store::{DamageKind, FsckReport, ScrubOptions, ScrubProgress};
use serde::{Deserialize, Serialize};
use svc_s3::{BucketUsage, CheckReport, Holder, Repair, S3};

use super::summary::{ScrubCause, ScrubSummary};
use crate::now;

/// How many damaged contents are told of. Beyond it they are counted only.
pub const DAMAGES_TOLD_MAX: usize = 1_000;

/// The index, in the directory of objects.
const INDEX: &str = "objects.redb";

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectsTask {
    /// What each bucket takes, or the one that is named.
    Usage {
        /// Which.
        bucket: Option<String>,
    },
    /// Everything is read and verified, as fast as the disk does it.
    Scrub,
    /// Whether index, files and rows agree.
    Fsck {
        /// Whether what can be repaired is.
        repair: bool,
        /// Whether objects of buckets that are not there are removed, too.
        remove_lost: bool,
    },
}

/// What is done at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskStage {
    /// Nothing yet.
    #[default]
    Waiting,
    /// Rows are read.
    Rows,
    /// Contents are read.
    Contents,
    /// References are counted.
    Index,
    /// Files that nothing refers to are removed.
    Sweep,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskProgress {
    /// What is done.
    pub stage: TaskStage,
    /// How much of it: rows, contents, or parts of a sweep.
    pub done: u64,
    /// Of how many, where that is known.
    pub in_all: Option<u64>,
    /// How many bytes were read.
    pub bytes: u64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskOutcome {
    /// Of [`ObjectsTask::Usage`].
    Usage(UsageTold),
    /// Of [`ObjectsTask::Scrub`].
    Scrub(ScrubTold),
    /// Of [`ObjectsTask::Fsck`].
    Fsck(FsckTold),
}

/// What buckets take, and the store of them all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageTold {
    /// Each bucket.
    pub buckets: Vec<BucketUsage>,
    /// Contents of all buckets, each once.
    pub contents: u64,
    /// How long they are together.
    pub content_bytes: u64,
    /// How long they are as they are stored.
    pub stored_bytes: u64,
    /// How long the index is, in which small contents are, too.
    pub index_bytes: u64,
    /// How much more buckets have than there is, because equal contents are there once; `None` where not all were counted.
    pub shared_bytes: Option<u64>,
}

/// A content that cannot be read any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamageTold {
    /// Its address, which is the name of its file.
    pub content: String,
    /// How long it was.
    pub length_bytes: u64,
    /// What is wrong.
    pub problem: String,
    /// Whose it is.
    pub holders: Vec<Holder>,
}

/// What a scrub found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubTold {
    /// In numbers.
    pub summary: ScrubSummary,
    /// What is damaged, up to [`DAMAGES_TOLD_MAX`].
    pub damages: Vec<DamageTold>,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FsckTold {
    /// Whether everything is as it should be, or is now.
    pub is_clean: bool,
    /// Contents whose references were counted.
    pub contents: u64,
    /// Those whose count in the index was wrong.
    pub miscounted: u64,
    /// How many of these were corrected.
    pub recounted: u64,
    /// Contents without their bytes. A scrub tells whose they are.
    pub missing: Vec<String>,
    /// Files that nothing refers to, or that are on their way in.
    pub unreferenced: u64,
    /// How many of them were removed.
    pub removed: u64,
    /// What is wrong with rows.
    pub rows: CheckReport,
}

type Watch<'a> = &'a mut dyn FnMut(TaskProgress) -> ControlFlow<()>;

/// Does it. `dir` is where the objects are; `is_alone`: nobody else uses the store.
///
/// # Errors
/// Something could not be read or written, or `watch` ended it; in words.
pub(super) fn perform(
    s3: &S3,
    dir: &Path,
    task: &ObjectsTask,
    is_alone: bool,
    watch: Watch<'_>,
) -> Result<TaskOutcome, String> {
    match task {
        ObjectsTask::Usage { bucket } => usage(s3, dir, bucket.as_deref(), watch).map(TaskOutcome::Usage),
        ObjectsTask::Scrub => {
            scrub(s3, ScrubOptions::default(), ScrubCause::Operator, watch).map(TaskOutcome::Scrub)
        }
        ObjectsTask::Fsck { repair, remove_lost } => {
            let repair = Repair { repair: *repair, remove_lost: *remove_lost, is_alone };
            fsck(s3, repair, watch).map(TaskOutcome::Fsck)
        }
    }
}

fn in_words(error: impl ToString) -> String {
    error.to_string()
}

fn of_rows(watch: Watch<'_>) -> impl FnMut(u64) -> ControlFlow<()> + '_ {
    |done| watch(TaskProgress { stage: TaskStage::Rows, done, ..TaskProgress::default() })
}

fn usage(s3: &S3, dir: &Path, bucket: Option<&str>, watch: Watch<'_>) -> Result<UsageTold, String> {
    let buckets = s3.usage(bucket, &mut of_rows(watch)).map_err(in_words)?;
    let usage = s3.objects().usage().map_err(in_words)?;
    let asked: u64 = buckets.iter().map(|bucket| bucket.bytes + bucket.upload_bytes).sum();
    Ok(UsageTold {
        shared_bytes: bucket.is_none().then(|| asked.saturating_sub(usage.content_bytes)),
        buckets,
        contents: usage.blobs,
        content_bytes: usage.content_bytes,
        stored_bytes: usage.stored_bytes,
        index_bytes: std::fs::metadata(dir.join(INDEX)).map_err(in_words)?.len(),
    })
}

/// Reads and verifies everything.
pub(super) fn scrub(
    s3: &S3,
    options: ScrubOptions,
    cause: ScrubCause,
    watch: Watch<'_>,
) -> Result<ScrubTold, String> {
    let began = now();
    let report = s3.objects().scrub(options, |progress: ScrubProgress| {
        watch(TaskProgress {
            stage: TaskStage::Contents,
            done: progress.blobs,
            in_all: Some(progress.blobs_in_all),
            bytes: progress.bytes,
        })
    });
    let report = report.map_err(in_words)?;
    if report.is_cancelled {
        return Err("it was ended before it was done".to_owned());
    }
    let summary = ScrubSummary {
        began,
        ended: now(),
        cause,
        contents: report.progress.blobs,
        bytes: report.progress.bytes,
        without_secret: report.without_secret,
        damaged: report.damaged,
    };
    let damages = report.damages.into_iter().take(DAMAGES_TOLD_MAX).map(|damage| DamageTold {
        content: damage.address.to_string(),
        length_bytes: damage.length_bytes,
        problem: problem(damage.kind),
        holders: s3.holders(&damage.rows),
    });
    Ok(ScrubTold { summary, damages: damages.collect() })
}

fn problem(kind: DamageKind) -> String {
    match kind {
        DamageKind::Missing => "its bytes are not there".to_owned(),
        DamageKind::Damaged(place) => format!("its bytes are not those that were written: {place}"),
        DamageKind::Unreadable => "the disk does not give its bytes out".to_owned(),
        DamageKind::NewerFormat => "a newer build wrote it".to_owned(),
    }
}

/// Says each damage, by bucket and key.
pub(super) fn log_damages(told: &ScrubTold) {
    for damage in &told.damages {
        for holder in &damage.holders {
            tracing::error!(
                bucket = holder.bucket.as_deref().unwrap_or_default(),
                key = holder.key.as_deref().unwrap_or_default(),
                version = holder.version.as_deref().unwrap_or_default(),
                upload = holder.upload.as_deref().unwrap_or_default(),
                content = damage.content,
                "an object is damaged: {}",
                damage.problem
            );
        }
    }
}

fn fsck(s3: &S3, repair: Repair, watch: Watch<'_>) -> Result<FsckTold, String> {
    let rows = s3.check(repair, &mut of_rows(watch)).map_err(in_words)?;
    let stage = |stage, done| TaskProgress { stage, done, ..TaskProgress::default() };
    let ended = || "it was ended before it was done".to_owned();
    if watch(stage(TaskStage::Index, 0)).is_break() {
        return Err(ended());
    }
    let index: FsckReport = s3.objects().fsck(repair.repair).map_err(in_words)?;
    let mut removed = 0;
    if repair.repair {
        let mut sweep = s3.objects().sweep();
        let mut done = 0;
        while let Some(step) = sweep.step().map_err(in_words)? {
            removed += step.removed;
            done += 1;
            let progress = TaskProgress { in_all: Some(256), ..stage(TaskStage::Sweep, done) };
            if watch(progress).is_break() {
                return Err(ended());
            }
        }
    }
    // Where others write, what is on its way in is no fault.
    let has_leaks = repair.is_alone && index.unreferenced > removed;
    Ok(FsckTold {
        is_clean: rows.is_clean() && index.is_clean() && !has_leaks,
        contents: index.blobs,
        miscounted: index.miscounted,
        recounted: index.repaired,
        missing: index.missing.iter().map(ToString::to_string).collect(),
        unreferenced: index.unreferenced,
        removed,
        rows,
    })
}
