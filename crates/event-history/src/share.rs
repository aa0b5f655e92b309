//! What is forgotten when there is too much: nobody's events push out those of others.
//!
//! Owns the choice. Every account that has events has an equal share of the bytes, and may use what others leave. When
//! there is no room, those that have more than their share lose their oldest. Refuses to know how a file is written anew.

use std::collections::{BTreeMap, BTreeSet};

use aws_types::{AccountId, Timestamp};

use crate::Limits;
use crate::segment::SegmentFile;

/// A file is written anew only where that gives room of this part of a full one. Of files that have less of those who have
/// too much, the oldest goes as a whole: most of it is of everybody else.
const WORTH_WRITING: u64 = 4;

/// How to make room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// By removing the file at this place.
    Remove(usize),
    /// By writing the file at this place anew without the events of these accounts.
    Rewrite(usize, BTreeSet<AccountId>),
}

/// How to make room among these files, oldest first, if it is needed. The last is being written and stays.
pub(crate) fn room<'a>(
    files: impl ExactSizeIterator<Item = &'a SegmentFile> + Clone,
    limits: &Limits,
    oldest_kept: Timestamp,
) -> Option<Room> {
    let closed = || files.clone().take(files.len().saturating_sub(1));
    if let Some(at) = closed().position(|file| file.newest < oldest_kept) {
        return Some(Room::Remove(at));
    }
    let bytes: u64 = files.clone().map(|file| file.bytes).sum();
    if bytes <= limits.history_bytes || closed().len() == 0 {
        return None;
    }
    let mut held: BTreeMap<AccountId, u64> = BTreeMap::new();
    for (account, bytes) in files.clone().flat_map(|file| &file.accounts) {
        *held.entry(*account).or_default() += bytes;
    }
    let share = limits.history_bytes / held.len().max(1) as u64;
    let over: BTreeSet<AccountId> =
        held.into_iter().filter(|(_, bytes)| *bytes > share).map(|(account, _)| account).collect();
    let of_over = |file: &SegmentFile| {
        file.accounts
            .iter()
            .filter(|(account, _)| over.contains(account))
            .map(|(_, bytes)| bytes)
            .sum::<u64>()
    };
    let worth = limits.segment_bytes / WORTH_WRITING;
    let found = closed().enumerate().find(|(_, file)| of_over(file) >= worth.max(1));
    Some(match found {
        Some((at, file)) if of_over(file) < file.bytes => Room::Rewrite(at, over),
        Some((at, _)) => Room::Remove(at),
        None => Room::Remove(0),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    fn account(number: u64) -> AccountId {
        format!("{number:012}").parse().unwrap()
    }

    fn room_of(files: &[&[(u64, u64)]]) -> Option<Room> {
        let file = |(number, held): (u64, &&[(u64, u64)])| SegmentFile {
            number,
            path: Default::default(),
            bytes: held.iter().map(|(_, bytes)| bytes).sum(),
            newest: Timestamp::from_unix_secs(100),
            can_go_on: false,
            accounts: held.iter().map(|(number, bytes)| (account(*number), *bytes)).collect(),
        };
        let files: Vec<SegmentFile> = (1..).zip(files).map(file).collect();
        let limits = Limits { history_bytes: 400, segment_bytes: 100, age_millis: 0 };
        room(files.iter(), &limits, Timestamp::from_unix_secs(0))
    }

    #[test]
    fn who_has_more_than_a_share_gives_way() {
        let rewrite =
            |at, without: &[u64]| Some(Room::Rewrite(at, without.iter().copied().map(account).collect()));
        // There is room, or nothing but what is written.
        assert_eq!(room_of(&[&[(1, 100)], &[(1, 100)], &[(1, 100)]]), None);
        assert_eq!(room_of(&[&[(1, 1000)]]), None);
        // One account alone loses its oldest file.
        assert_eq!(room_of(&[&[(1, 100)], &[(1, 100)], &[(1, 100)], &[(1, 101)]]), Some(Room::Remove(0)));
        // The oldest file is of somebody quiet: the first with much of the loud one gives way.
        let quiet_first: &[&[(u64, u64)]] = &[&[(2, 100)], &[(1, 60), (2, 40)], &[(1, 100)], &[(1, 101)]];
        assert_eq!(room_of(quiet_first), rewrite(1, &[1]));
        assert_eq!(room_of(&[&[(2, 100)], &[(1, 100)], &[(1, 100)], &[(1, 101)]]), Some(Room::Remove(1)));
        // Where they are equal, and each has but a little of each file, the oldest goes.
        let all: Vec<(u64, u64)> = (1..=10).map(|number| (number, 10)).collect();
        assert_eq!(room_of(&[&all, &all, &all, &all, &[(11, 1)]]), Some(Room::Remove(0)));
    }
}
