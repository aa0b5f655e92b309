//! Comparing what the index counts with what rows refer to, and with the bytes that are there.
//!
//! A wrong count stays wrong by the same number whatever transactions do meanwhile, because they change counts by
//! differences. So the comparison needs one snapshot, and the repair is a transaction like any other.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{BlobError, StoreError};
use crate::format::Shape;
use crate::index::Entry;
use crate::overlay::Source;
use crate::reader::may_be_inline;
use crate::scrub::refs_after;
use crate::snapshot::State;
use crate::{Address, BlobRef, ObjectStore};

/// How many blobs are counted in one pass over the rows. It bounds the memory, to some 20 MiB.
const BLOBS_PER_PASS: usize = 262_144;

/// How many rows are read at once.
const ROWS_AT_ONCE: usize = 1024;

/// How many findings of each kind a report has. Beyond it they are counted only.
pub const MAX_FINDINGS: usize = 10_000;

/// What is not as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FsckReport {
    /// Blobs that were compared.
    pub blobs: u64,
    /// Rows that were read.
    pub rows: u64,
    /// Blobs whose count is wrong.
    pub miscounted: u64,
    /// Which, up to [`MAX_FINDINGS`].
    pub miscounts: Vec<Miscount>,
    /// How many of them were corrected.
    pub repaired: u64,
    /// Blobs that are counted and whose bytes are not there: as many as are found, up to [`MAX_FINDINGS`]. A scrub tells which
    /// rows refer to them.
    pub missing: Vec<Address>,
    /// Bytes that nothing refers to. A sweep removes them.
    pub unreferenced: u64,
}

impl FsckReport {
    /// Whether everything is as it should be, but for what a sweep removes.
    pub fn is_clean(&self) -> bool {
        self.miscounted == self.repaired && self.missing.is_empty()
    }
}

/// A blob whose count is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Miscount {
    /// Which one.
    pub blob: BlobRef,
    /// How many references are counted.
    pub counted: u64,
    /// How many rows have.
    pub found: u64,
}

/// What is counted and what is found, of one pass.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    length_bytes: u64,
    counted: u64,
    found: u64,
}

impl ObjectStore {
    /// Counts all references anew and compares them with the index, and the index with the bytes that are there. With
    /// `repair`, counts are corrected. Holds a snapshot meanwhile.
    ///
    /// # Errors
    /// [`BlobError`]: something could not be read, or a correction not be written.
    pub fn fsck(&self, repair: bool) -> Result<FsckReport, BlobError> {
        let mut report = FsckReport::default();
        let mut after = None;
        loop {
            let snapshot = self.snapshot();
            let last_of_pass = end_of_pass(&snapshot.state, after)?;
            let miscounts = compare(&snapshot.state, after, last_of_pass, &mut report)?;
            drop(snapshot);
            for miscount in &miscounts {
                report.miscounted += 1;
                if repair {
                    self.correct(miscount)?;
                    report.repaired += 1;
                }
                if report.miscounts.len() < MAX_FINDINGS {
                    report.miscounts.push(*miscount);
                }
            }
            if last_of_pass.is_none() {
                break;
            }
            after = last_of_pass;
        }
        for part in 0..=u8::MAX {
            self.compare_bytes(part, &mut report)?;
        }
        Ok(report)
    }

    fn correct(&self, miscount: &Miscount) -> Result<(), BlobError> {
        let Miscount { blob, counted, found } = *miscount;
        let difference =
            i64::try_from(found).unwrap_or(i64::MAX) - i64::try_from(counted).unwrap_or(i64::MAX);
        let shape = Shape::of(blob.length_bytes).ok_or(StoreError::Malformed("a blob that is too long"))?;
        let stored_bytes = self.shared().blobs.bytes.find(&blob.address).map_err(BlobError::write)?;
        self.transact(|tx| {
            let inline = match may_be_inline(blob) {
                true => tx.state.read(|view| view.inline(&blob.address))?,
                false => None,
            };
            let entry = Entry {
                references: 0,
                length_bytes: blob.length_bytes,
                stored_bytes: inline
                    .as_ref()
                    .map_or(stored_bytes.unwrap_or(shape.stored_bytes()), |inline| inline.len() as u64),
                is_inline: inline.is_some(),
            };
            tx.correct(blob.address, difference, Some(Source::Found(entry)));
            Ok::<_, StoreError>(())
        })?;
        Ok(())
    }

    fn compare_bytes(&self, part: u8, report: &mut FsckReport) -> Result<(), BlobError> {
        // The listing is older than the first snapshot and younger than the second: what is in neither is nobody's, and
        // what is in both has to be listed.
        let before = addresses_of(&self.snapshot().state, part)?;
        let listed: BTreeSet<Address> =
            self.shared().blobs.bytes.list(part).map_err(BlobError::write)?.into_iter().collect();
        let after = addresses_of(&self.snapshot().state, part)?;
        let lacking = before.intersection(&after).filter(|address| !listed.contains(*address));
        report.missing.extend(lacking.take(MAX_FINDINGS - report.missing.len().min(MAX_FINDINGS)));
        let is_counted = |address: &Address| before.contains(address) || after.contains(address);
        report.unreferenced += listed.iter().filter(|address| !is_counted(address)).count() as u64;
        Ok(())
    }
}

/// The last address of the pass that begins after one; `None` for the last pass.
fn end_of_pass(state: &State, after: Option<Address>) -> Result<Option<Address>, StoreError> {
    let entries = state.read(|view| view.entries_after(after, BLOBS_PER_PASS))?;
    Ok(entries.last().filter(|_| entries.len() == BLOBS_PER_PASS).map(|(address, _)| *address))
}

/// Counts references to addresses after one and up to another.
fn compare(
    state: &State,
    after: Option<Address>,
    last: Option<Address>,
    report: &mut FsckReport,
) -> Result<Vec<Miscount>, StoreError> {
    let is_of_pass = |address: Address| {
        after.is_none_or(|after| address > after) && last.is_none_or(|last| address <= last)
    };
    let mut tallies: BTreeMap<Address, Tally> = BTreeMap::new();
    for (address, entry) in state.read(|view| view.entries_after(after, BLOBS_PER_PASS))? {
        let tally = Tally { length_bytes: entry.length_bytes, counted: entry.references, found: 0 };
        tallies.insert(address, tally);
    }
    report.blobs += tallies.len() as u64;
    let mut row: Option<Vec<u8>> = None;
    let mut rows = 0;
    loop {
        let page = refs_after(state, row.as_deref(), ROWS_AT_ONCE)?;
        rows += page.len() as u64;
        for blob in page.iter().flat_map(|(_, blobs)| blobs).filter(|blob| is_of_pass(blob.address)) {
            let tally = tallies.entry(blob.address).or_default();
            tally.length_bytes = blob.length_bytes;
            tally.found += 1;
        }
        match page.into_iter().next_back() {
            Some((key, _)) => row = Some(key),
            None => break,
        }
    }
    report.rows = rows;
    let wrong = tallies.into_iter().filter(|(_, tally)| tally.counted != tally.found);
    let miscount = |(address, tally): (Address, Tally)| {
        let blob = BlobRef { address, length_bytes: tally.length_bytes };
        Miscount { blob, counted: tally.counted, found: tally.found }
    };
    Ok(wrong.map(miscount).collect())
}

/// All blobs of one part that should have bytes.
fn addresses_of(state: &State, part: u8) -> Result<BTreeSet<Address>, StoreError> {
    // What is before all addresses of the part.
    let mut after = part.checked_sub(1).map(|before| {
        let mut bytes = [u8::MAX; crate::ADDRESS_BYTES];
        bytes[0] = before;
        Address(bytes)
    });
    let mut found = BTreeSet::new();
    loop {
        let entries = state.read(|view| view.entries_after(after, ROWS_AT_ONCE))?;
        let Some((last, _)) = entries.last() else { return Ok(found) };
        after = Some(*last);
        let is_past = last.part() > part;
        let of_part = entries.iter().filter(|(address, entry)| address.part() == part && !entry.is_inline);
        found.extend(of_part.map(|(address, _)| *address));
        if is_past {
            return Ok(found);
        }
    }
}
