//! Reading everything there is, to find what is damaged while there may still be a copy elsewhere.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::error::{BlobError, Place, StoreError};
use crate::index::Entry;
use crate::reader::{BlobReader, SealedFile};
use crate::row::{Row, split_key};
use crate::snapshot::State;
use crate::{Address, BlobRef, ObjectStore, Snapshot};

/// How many blobs are listed at once.
const BLOBS_AT_ONCE: usize = 256;

/// How many damaged blobs a report has. Beyond it they are counted only.
pub const MAX_DAMAGES: usize = 10_000;

/// How many rows are named for each damaged blob.
pub const MAX_ROWS_PER_DAMAGE: usize = 100;

/// How many rows are looked at under one snapshot when those with damaged blobs are sought.
const ROWS_PER_SNAPSHOT: usize = 4096;

/// The longest that a scrub waits before it asks again whether to go on.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// How a scrub goes about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScrubOptions {
    /// How many bytes it reads in a second, if it is to leave the disk to others.
    pub bytes_per_sec: Option<u64>,
}

/// How far a scrub has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScrubProgress {
    /// Blobs that were read.
    pub blobs: u64,
    /// How many there were when it began.
    pub blobs_in_all: u64,
    /// How many bytes of stored forms were read.
    pub bytes: u64,
}

/// What a scrub found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrubReport {
    /// How far it came.
    pub progress: ScrubProgress,
    /// Blobs under secrets that the store does not have: their check sums are right, which is what can be known.
    pub without_secret: u64,
    /// How many are missing or damaged.
    pub damaged: u64,
    /// Which, up to [`MAX_DAMAGES`] of them.
    pub damages: Vec<Damage>,
    /// Whether it was cancelled.
    pub is_cancelled: bool,
}

/// A blob that cannot be read any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which one.
    pub address: Address,
    /// How long its content was.
    pub length_bytes: u64,
    /// What is wrong.
    pub kind: DamageKind,
    /// The rows that refer to it, up to [`MAX_ROWS_PER_DAMAGE`] of them.
    pub rows: Vec<RowId>,
}

/// What is wrong with a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// Its bytes are not there.
    Missing,
    /// Its bytes are not those that were written.
    Damaged(Place),
    /// The disk does not give its bytes out.
    Unreadable,
    /// A newer build wrote it.
    NewerFormat,
}

/// Which row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowId {
    /// Its table's name.
    pub table: String,
    /// Its key.
    pub key: Vec<u8>,
}

/// Keeps to the rate, and asks whether to go on.
struct Pace<'a> {
    options: ScrubOptions,
    started: Instant,
    progress: ScrubProgress,
    ask: &'a mut dyn FnMut(ScrubProgress) -> ControlFlow<()>,
    is_cancelled: bool,
}

impl Pace<'_> {
    /// Some bytes were read. Says whether to go on.
    fn read(&mut self, bytes: u64) -> bool {
        self.progress.bytes += bytes;
        loop {
            self.is_cancelled |= (self.ask)(self.progress).is_break();
            let wait = self.wait();
            if self.is_cancelled || wait.is_zero() {
                return !self.is_cancelled;
            }
            std::thread::sleep(wait.min(LONGEST_WAIT));
        }
    }

    /// How long until as much may have been read.
    fn wait(&self) -> Duration {
        let Some(rate) = self.options.bytes_per_sec else { return Duration::ZERO };
        let due_secs = self.progress.bytes as f64 / rate.max(1) as f64;
        Duration::try_from_secs_f64(due_secs).unwrap_or(Duration::MAX).saturating_sub(self.started.elapsed())
    }
}

impl ObjectStore {
    /// Reads and verifies every blob that rows refer to, small ones too. Contents under a secret that the store does not
    /// have are compared with their check sums. `progress` is called after each block and can end it.
    ///
    /// # Errors
    /// The index could not be read. What is wrong with blobs is in the report.
    pub fn scrub(
        &self,
        options: ScrubOptions,
        mut progress: impl FnMut(ScrubProgress) -> ControlFlow<()>,
    ) -> Result<ScrubReport, StoreError> {
        let begun = ScrubProgress { blobs_in_all: self.usage()?.blobs, ..ScrubProgress::default() };
        let (started, ask) = (Instant::now(), &mut progress);
        let mut pace = Pace { options, started, progress: begun, ask, is_cancelled: false };
        let mut report = ScrubReport::default();
        let mut after = None;
        while !pace.is_cancelled {
            let state = self.snapshot().state;
            let entries = state.read(|view| view.entries_after(after, BLOBS_AT_ONCE))?;
            drop(state);
            let Some((last, _)) = entries.last() else { break };
            after = Some(*last);
            for (address, _) in entries {
                self.scrub_one(address, &mut pace, &mut report)?;
                if pace.is_cancelled {
                    break;
                }
                pace.progress.blobs += 1;
            }
        }
        report.progress = pace.progress;
        report.is_cancelled = pace.is_cancelled;
        self.find_rows(&mut report.damages)?;
        Ok(report)
    }

    fn scrub_one(
        &self,
        address: Address,
        pace: &mut Pace<'_>,
        report: &mut ScrubReport,
    ) -> Result<(), StoreError> {
        // Not for longer than it takes to open it: what has gone since the listing is skipped.
        let snapshot = self.snapshot();
        let Some(entry) = entry_in(&snapshot, address)? else { return Ok(()) };
        let reference = BlobRef { address, length_bytes: entry.length_bytes };
        let verified = match entry.is_inline {
            true => self.scrub_inline(&snapshot.state, reference, pace),
            false => {
                let opened = SealedFile::open(reference, &*snapshot.blobs.bytes);
                drop(snapshot);
                opened.and_then(|file| self.scrub_bytes(reference, file, pace))
            }
        };
        let kind = match verified {
            Ok(HadSecret(had_secret)) => {
                report.without_secret += u64::from(!had_secret);
                return Ok(());
            }
            Err(BlobError::Index(error)) => return Err(error),
            Err(BlobError::Missing(_)) => DamageKind::Missing,
            Err(BlobError::Damaged { place, .. }) => DamageKind::Damaged(place),
            Err(BlobError::NewerFormat(_)) => DamageKind::NewerFormat,
            Err(_) => DamageKind::Unreadable,
        };
        if entry_in(&self.snapshot(), address)?.is_none() {
            return Ok(());
        }
        report.damaged += 1;
        tracing::error!(%address, ?kind, "a blob is damaged");
        if report.damages.len() < MAX_DAMAGES {
            let length_bytes = entry.length_bytes;
            report.damages.push(Damage { address, length_bytes, kind, rows: Vec::new() });
        }
        Ok(())
    }

    fn scrub_inline(
        &self,
        state: &State,
        reference: BlobRef,
        pace: &mut Pace<'_>,
    ) -> Result<HadSecret, BlobError> {
        let stored = state.read(|view| view.inline(&reference.address))?;
        let stored = stored.ok_or(BlobError::Missing(reference.address))?;
        let opened = BlobReader::of_inline(reference, &stored, self.secret());
        pace.read(stored.len() as u64);
        match opened {
            Ok(_) => Ok(HadSecret(true)),
            // Its check sum was compared before its secret.
            Err(BlobError::OtherSecret(_)) => Ok(HadSecret(false)),
            Err(error) => Err(error),
        }
    }

    fn scrub_bytes(
        &self,
        reference: BlobRef,
        file: SealedFile,
        pace: &mut Pace<'_>,
    ) -> Result<HadSecret, BlobError> {
        if file.secret != self.secret().id() {
            file.check_sums(|bytes| pace.read(bytes as u64))?;
            return Ok(HadSecret(false));
        }
        let mut reader = BlobReader::of_file(reference, file, self.secret())?;
        while let Some(block) = reader.next_part()? {
            let bytes = block.len() as u64;
            if !pace.read(bytes) {
                break;
            }
        }
        Ok(HadSecret(true))
    }

    /// Finds the rows that refer to what is damaged.
    fn find_rows(&self, damages: &mut [Damage]) -> Result<(), StoreError> {
        if damages.is_empty() {
            return Ok(());
        }
        let places: BTreeMap<Address, usize> =
            damages.iter().enumerate().map(|(place, damage)| (damage.address, place)).collect();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let snapshot = self.snapshot();
            let page = refs_after(&snapshot.state, after.as_deref(), ROWS_PER_SNAPSHOT)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, blobs) in page {
                for place in blobs.iter().filter_map(|blob| places.get(&blob.address)) {
                    let (table, key) = split_key(&key)?;
                    let row = RowId { table: table.to_owned(), key: key.to_vec() };
                    let rows = &mut damages[*place].rows;
                    if rows.len() < MAX_ROWS_PER_DAMAGE && rows.last() != Some(&row) {
                        rows.push(row);
                    }
                }
            }
        }
    }
}

fn entry_in(snapshot: &Snapshot, address: Address) -> Result<Option<Entry>, StoreError> {
    snapshot.state.read(|view| view.entry(&address))
}

/// Whether what was verified was verified with its secret.
struct HadSecret(bool);

/// Keys among all tables, and what their rows refer to.
pub(crate) type Refs = Vec<(Vec<u8>, Vec<BlobRef>)>;

/// Up to `limit` rows of any table after a key among all tables, with what they refer to.
pub(crate) fn refs_after(state: &State, after: Option<&[u8]>, limit: usize) -> Result<Refs, StoreError> {
    use std::ops::Bound::{Excluded, Unbounded};
    let lower = after.map_or(Unbounded, Excluded);
    let page = state.read(|view| {
        let mut page = Vec::new();
        for entry in view.rows((lower, Unbounded))?.take(limit) {
            let (key, row) = entry?;
            page.push((key.value().to_vec(), Row::refs_from_bytes(row.value()).map(Iterator::collect)));
        }
        Ok(page)
    })?;
    page.into_iter().map(|(key, blobs): (_, Result<_, StoreError>)| Ok((key, blobs?))).collect()
}
