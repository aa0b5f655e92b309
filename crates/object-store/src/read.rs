//! Reading rows: one by its key, or many in order, in bounded memory.

use std::collections::VecDeque;
use std::ops::Bound;

use crate::error::StoreError;
use crate::row::{Row, Table};

/// How many rows a scan reads at once: few at first, for who wants few.
const FIRST_ROWS: usize = 16;
const MOST_ROWS: usize = 512;

/// How many bytes of rows a scan reads at once. One row is read whatever its size.
pub(crate) const CHUNK_BYTES: usize = 256 << 10;

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the lowest key up.
    Forward,
    /// From the highest key down.
    Backward,
}

/// A state whose rows can be read.
pub trait Read: Layers {
    /// A row.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Interrupted`], [`StoreError::Unavailable`].
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Row>, StoreError> {
        self.row(&table.key(key))
    }

    /// The rows of a table between bounds of their keys, in order. It goes on where it is after an error, but for those that
    /// [`Read::get`] has and that end it.
    fn scan(
        &self,
        table: Table,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
        direction: Direction,
    ) -> Scan<'_, Self>
    where
        Self: Sized,
    {
        let lower = match lower {
            Bound::Included(key) => Bound::Included(table.key(key)),
            Bound::Excluded(key) => Bound::Excluded(table.key(key)),
            Bound::Unbounded => Bound::Included(table.key(&[])),
        };
        let upper = match upper {
            Bound::Included(key) => Bound::Included(table.key(key)),
            Bound::Excluded(key) => Bound::Excluded(table.key(key)),
            Bound::Unbounded => Bound::Excluded(table.end()),
        };
        let is_done = is_empty(&lower, &upper);
        Scan {
            layers: self,
            table,
            lower,
            upper,
            direction,
            rows: VecDeque::new(),
            next: FIRST_ROWS,
            is_done,
        }
    }
}

impl<L: Layers> Read for L {}

/// What is after all keys that begin with `prefix`: the upper bound of a scan for them.
pub fn after_prefix(prefix: &[u8]) -> Bound<Vec<u8>> {
    match prefix.iter().rposition(|byte| *byte != u8::MAX) {
        Some(last) => {
            let mut after = prefix[..=last].to_vec();
            after[last] += 1;
            Bound::Excluded(after)
        }
        None => Bound::Unbounded,
    }
}

/// What a scan reads from. Only this crate's states are such.
pub trait Layers: sealed::Sealed {
    #[doc(hidden)]
    fn row(&self, key: &[u8]) -> Result<Option<Row>, StoreError>;

    #[doc(hidden)]
    fn chunk(&self, wanted: Wanted<'_>) -> Result<Chunk, StoreError>;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// The next rows that a scan wants, with keys among all tables.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub(crate) bounds: (Bound<&'a [u8]>, Bound<&'a [u8]>),
    pub(crate) direction: Direction,
    pub(crate) rows: usize,
}

/// The next rows of a scan, in its order.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Chunk {
    pub(crate) rows: VecDeque<(Vec<u8>, Row)>,
    /// The last key that was looked at; `None` when there are no more.
    pub(crate) end: Option<Vec<u8>>,
}

/// The rows of a scan, one after the other.
pub struct Scan<'a, L> {
    layers: &'a L,
    table: Table,
    lower: Bound<Vec<u8>>,
    upper: Bound<Vec<u8>>,
    direction: Direction,
    rows: VecDeque<(Vec<u8>, Row)>,
    next: usize,
    is_done: bool,
}

impl<L: Layers> Scan<'_, L> {
    fn fetch(&mut self) -> Result<(), StoreError> {
        let bounds = (as_slice(&self.lower), as_slice(&self.upper));
        let chunk = self.layers.chunk(Wanted { bounds, direction: self.direction, rows: self.next })?;
        self.next = (self.next * 4).min(MOST_ROWS);
        self.rows = chunk.rows;
        match chunk.end {
            None => self.is_done = true,
            Some(end) => {
                let bound = match self.direction {
                    Direction::Forward => &mut self.lower,
                    Direction::Backward => &mut self.upper,
                };
                *bound = Bound::Excluded(end);
                self.is_done = is_empty(&self.lower, &self.upper);
            }
        }
        Ok(())
    }
}

impl<L: Layers> Iterator for Scan<'_, L> {
    /// The row's key in its table, and the row.
    type Item = Result<(Vec<u8>, Row), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((mut key, row)) = self.rows.pop_front() {
                key.drain(..self.table.prefix_bytes());
                return Some(Ok((key, row)));
            }
            if self.is_done {
                return None;
            }
            if let Err(error) = self.fetch() {
                self.is_done = true;
                return Some(Err(error));
            }
        }
    }
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

/// Whether there is nothing between them. Maps of the standard library panic where the bounds cross.
fn is_empty(lower: &Bound<Vec<u8>>, upper: &Bound<Vec<u8>>) -> bool {
    match (lower, upper) {
        (Bound::Included(lower), Bound::Included(upper)) => lower > upper,
        (
            Bound::Included(lower) | Bound::Excluded(lower),
            Bound::Excluded(upper) | Bound::Included(upper),
        ) => lower >= upper,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_prefix() {
        assert_eq!(after_prefix(b"ab"), Bound::Excluded(b"ac".to_vec()));
        assert_eq!(after_prefix(b"a\xff\xff"), Bound::Excluded(b"b".to_vec()));
        assert_eq!(after_prefix(b"\xff"), Bound::Unbounded);
        assert_eq!(after_prefix(b""), Bound::Unbounded);
    }
}
