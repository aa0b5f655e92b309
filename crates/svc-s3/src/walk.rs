//! A page of rows in the order of keys, with what they have in common up to a delimiter told once.
//!
//! Owns how a page is cut. Refuses to know what rows say. What is not shown is not read: behind a common prefix, and behind the
//! newest of many versions where only that one counts, the walk goes on by a new seek.

use std::ops::Bound;

use object_store::{Direction, Read, Row, Snapshot, Table, after_prefix};

use crate::error::Failure;
use crate::place::{self, Incarnation};

/// How many rows of one key are passed one by one before it is left by a seek.
const ROWS_BEFORE_SEEK: usize = 8;

/// Which rows are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) table: Table,
    pub(crate) incarnation: &'a Incarnation,
    pub(crate) prefix: &'a str,
    /// Empty: none.
    pub(crate) delimiter: &'a str,
    pub(crate) most: usize,
    /// Whether only the first row of each key counts.
    pub(crate) one_per_key: bool,
    /// The key or common prefix that the page comes after.
    pub(crate) after: Option<&'a str>,
}

/// One entry of a page.
#[derive(Clone, Debug)]
pub(crate) enum Entry<T> {
    Row(T),
    Prefix(String),
}

/// A page, and whether there is more.
pub(crate) struct Page<T> {
    pub(crate) entries: Vec<Entry<T>>,
    pub(crate) is_truncated: bool,
}

/// Makes a page. `from` is where it begins, among all rows of the table; `show` makes an entry of a key, of what is behind it in
/// the row's key, and of the row, or leaves it out.
///
/// # Errors
/// Rows cannot be read, and those of `show`.
pub(crate) fn page<T>(
    rows: &Snapshot,
    wanted: &Wanted<'_>,
    from: Bound<Vec<u8>>,
    mut show: impl FnMut(&str, Vec<u8>, Row) -> Result<Option<T>, Failure>,
) -> Result<Page<T>, Failure> {
    let mut page = Page { entries: Vec::new(), is_truncated: false };
    if wanted.most == 0 {
        return Ok(page);
    }
    let first = place::of_beginning(wanted.incarnation, wanted.prefix);
    let end = after_prefix(&first);
    let mut lower = later(from, first);
    let mut last: Option<(String, usize)> = None;
    'seek: loop {
        if is_over(&lower, &end) {
            return Ok(page);
        }
        let bounds = (as_slice(&lower), as_slice(&end));
        for found in rows.scan(wanted.table, bounds.0, bounds.1, Direction::Forward) {
            let (row, stored) = found?;
            let (key, _) =
                place::split(&row).ok_or_else(|| Failure::Malformed("a row without a key".to_owned()))?;
            if let Some((of, count)) = last.as_mut().filter(|(of, _)| wanted.one_per_key && *of == key) {
                *count += 1;
                if *count < ROWS_BEFORE_SEEK {
                    continue;
                }
                lower = Bound::Included(place::after_key(wanted.incarnation, of));
                continue 'seek;
            }
            last = Some((key.clone(), 0));
            let prefix = common(&key, wanted);
            if let Some(prefix) = prefix.filter(|prefix| Some(*prefix) == wanted.after) {
                lower = after_prefix(&place::of_beginning(wanted.incarnation, prefix));
                lower = as_lower(lower);
                continue 'seek;
            }
            let Some(entry) = show(&key, row, stored)? else { continue };
            if page.entries.len() == wanted.most {
                page.is_truncated = true;
                return Ok(page);
            }
            match prefix {
                None => page.entries.push(Entry::Row(entry)),
                Some(prefix) => {
                    page.entries.push(Entry::Prefix(prefix.to_owned()));
                    lower = as_lower(after_prefix(&place::of_beginning(wanted.incarnation, prefix)));
                    continue 'seek;
                }
            }
        }
        return Ok(page);
    }
}

/// What of a key is in common with others: up to the first delimiter behind the prefix.
fn common<'k>(key: &'k str, wanted: &Wanted<'_>) -> Option<&'k str> {
    if wanted.delimiter.is_empty() {
        return None;
    }
    let behind = key.get(wanted.prefix.len()..)?;
    let at = behind.find(wanted.delimiter)?;
    Some(&key[..wanted.prefix.len() + at + wanted.delimiter.len()])
}

/// The end of one range as the beginning of the next.
fn as_lower(end: Bound<Vec<u8>>) -> Bound<Vec<u8>> {
    match end {
        Bound::Excluded(end) => Bound::Included(end),
        other => other,
    }
}

fn later(from: Bound<Vec<u8>>, first: Vec<u8>) -> Bound<Vec<u8>> {
    match from {
        Bound::Included(from) if from > first => Bound::Included(from),
        Bound::Excluded(from) if from >= first => Bound::Excluded(from),
        _ => Bound::Included(first),
    }
}

fn is_over(lower: &Bound<Vec<u8>>, end: &Bound<Vec<u8>>) -> bool {
    match (lower, end) {
        (Bound::Included(lower) | Bound::Excluded(lower), Bound::Excluded(end)) => lower >= end,
        _ => false,
    }
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}
