//! The end of all buckets of an account that is closed for good.
//!
//! Owns the order. What an account has goes in steps that may each be done again; a bucket takes rows until none is left, and what a
//! crash leaves after that [`bucket::repair`] ends. Locks hold nothing here: with the account ends what they protect.

use std::ops::Bound;

use aws_types::{AccountId, Partition};
use object_store::{Direction, Read as _, after_prefix};
use store::Read as _;

use crate::bucket::{self, Bucket};
use crate::error::Failure;
use crate::place::{self, Incarnation};
use crate::{S3, State};

/// How many rows of versions go at once.
const MOST_AT_ONCE: usize = 500;

impl S3 {
    /// Removes all buckets of an account, with all that is in them, and returns how many there were. Blocks for the disk.
    ///
    /// # Errors
    /// Something could not be read or written, in words. What was removed stays so, and the rest goes the next time.
    pub fn erase(&self, partition: Partition, account: AccountId) -> Result<usize, String> {
        let scope = bucket::scope(partition);
        let snapshot = self.state.store.snapshot();
        let held: Vec<_> = snapshot
            .scan_all::<Bucket>()
            .filter(|(of, _, bucket)| **of == scope && bucket.owner == account)
            .map(|(_, _, bucket)| bucket)
            .collect();
        for bucket in &held {
            empty(&self.state, &bucket.incarnation).map_err(|failure| failure.to_string())?;
            bucket::remove(&self.state, &scope, bucket).map_err(|failure| failure.to_string())?;
        }
        Ok(held.len())
    }
}

/// Removes all versions, and with the last of them that the bucket takes rows.
fn empty(state: &State, incarnation: &Incarnation) -> Result<(), Failure> {
    let first = place::of_beginning(incarnation, "");
    loop {
        let is_empty = state.objects.transact(|rows| {
            let end = after_prefix(&first);
            let from = Bound::Included(first.as_slice());
            let scan = rows.scan(place::OBJECTS, from, end.as_ref().map(Vec::as_slice), Direction::Forward);
            let found =
                scan.take(MOST_AT_ONCE).map(|found| Ok(found?.0)).collect::<Result<Vec<_>, Failure>>()?;
            for row in &found {
                rows.delete(place::OBJECTS, row)?;
                rows.delete(place::OBJECT_PARTS, row)?;
            }
            if found.is_empty() {
                rows.delete(place::BUCKETS, incarnation.bytes())?;
            }
            Ok::<_, Failure>(found.is_empty())
        })?;
        if is_empty {
            return Ok(());
        }
    }
}
