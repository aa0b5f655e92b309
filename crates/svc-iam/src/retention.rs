//! Which of the records that nobody deletes have to go: the old ones, and the oldest where there are too many.
//!
//! Refuses to know what they are.

use aws_types::Timestamp;

/// The ids of those that are older than `kept_millis`, and of the oldest beyond `most`. Each comes with when it was made.
pub(crate) fn gone(
    mut held: Vec<(Timestamp, String)>,
    now: Timestamp,
    kept_millis: i64,
    most: usize,
) -> Vec<String> {
    held.sort();
    let beyond = held.len().saturating_sub(most);
    let is_gone = |index: usize, made: Timestamp| index < beyond || made.plus_millis(kept_millis) < now;
    held.into_iter()
        .enumerate()
        .filter(|(index, (made, _))| is_gone(*index, *made))
        .map(|(_, (_, id))| id)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_and_the_oldest_go() {
        let at = |secs| Timestamp::from_unix_secs(secs);
        let held = || ["d", "b", "a", "c"].map(|id| (at(id.as_bytes()[0].into()), id.to_owned())).to_vec();
        let gone = |now, kept_secs: i64, most| gone(held(), at(now), kept_secs * 1000, most);
        assert_eq!(gone(100, 3, 4), Vec::<String>::new());
        assert_eq!(gone(101, 3, 4), ["a"]);
        assert_eq!(gone(100, 3, 2), ["a", "b"]);
        assert_eq!(gone(102, 3, 1), ["a", "b", "c"]);
    }
}
