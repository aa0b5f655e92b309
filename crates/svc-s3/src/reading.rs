//! Contents on their way out: a range of an object's content, over however many parts it has.
//!
//! A part is opened when its turn comes. Until the last one is, the snapshot is held that says that all are there.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use object_store::{BlobReader, BlobRef, BlobSecret, Snapshot};
use service_api::{Content, Payload, ServiceError};

use crate::error::Failure;

/// A range of a content.
pub(crate) struct Reading {
    length: u64,
    open: Option<BlobReader>,
    /// What comes after it: contents, and what of each.
    rest: VecDeque<(BlobRef, Range<u64>)>,
    snapshot: Option<Snapshot>,
    secret: BlobSecret,
}

impl Reading {
    /// Begins to read a range of contents that follow each other. The first one is opened, so that what cannot be read is
    /// told before anything is.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn new(
        snapshot: Snapshot,
        secret: BlobSecret,
        blobs: &[BlobRef],
        range: Range<u64>,
    ) -> Result<Self, Failure> {
        let mut rest = VecDeque::new();
        let mut start = 0;
        for blob in blobs {
            let end = start + blob.length_bytes;
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                rest.push_back((*blob, from - start..to - start));
            }
            start = end;
        }
        let length = rest.iter().map(|(_, range)| range.end - range.start).sum();
        let mut reading = Self { length, open: None, rest, snapshot: Some(snapshot), secret };
        reading.open_next()?;
        Ok(reading)
    }

    fn open_next(&mut self) -> Result<bool, Failure> {
        self.open = None;
        let (Some(snapshot), Some((blob, range))) = (&self.snapshot, self.rest.pop_front()) else {
            self.snapshot = None;
            return Ok(false);
        };
        let mut reader = snapshot.open_blob(blob, &self.secret)?;
        reader.set_range(range);
        self.open = Some(reader);
        if self.rest.is_empty() {
            self.snapshot = None;
        }
        Ok(true)
    }

    fn piece(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if let Some(reader) = &mut self.open
                && let Some(part) = reader.next_part()?
            {
                return Ok(Some(Bytes::copy_from_slice(part)));
            }
            if !self.open_next()? {
                return Ok(None);
            }
        }
    }
}

impl Content for Reading {
    fn length(&self) -> u64 {
        self.length
    }

    fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
        Ok(self.piece()?)
    }
}

/// The source of a copy is taken in as if a client sent it.
impl Payload for Reading {
    fn length(&self) -> u64 {
        self.length
    }

    fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
        Ok(self.piece()?)
    }

    fn trailing(&self, _: &str) -> Option<&str> {
        None
    }
}
