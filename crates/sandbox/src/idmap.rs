//! Which host ids stand for the users of a guest.
//!
//! Each root disk has a range of 65,536 ids of its own. Ranges lie in 0x70000000 to 0x7FFDFFFF, which systemd's
//! registry of ids (<https://systemd.io/UIDS-GIDS/>) leaves to nobody.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use aws_types::InstanceId;
use serde::{Deserialize, Serialize};

const FIRST_ID: u32 = 0x7000_0000;
const IDS_PER_RANGE: u32 = 0x1_0000;
const RANGES: u32 = (0x7FFE_0000 - FIRST_ID) / IDS_PER_RANGE;

/// The ids of one guest: guest id 0 is host id `first`, and so on, for users and groups alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct IdRange {
    /// The host id of the guest's root.
    pub(crate) first: u32,
}

impl IdRange {
    /// The host id of a guest id.
    pub(crate) fn host_id(self, guest_id: u32) -> u32 {
        debug_assert!(guest_id < IDS_PER_RANGE, "guest ids are 16 bits wide");
        self.first + guest_id
    }

    /// The line for `uid_map` and `gid_map`.
    pub(crate) fn map_line(self) -> String {
        format!("0 {} {IDS_PER_RANGE}\n", self.first)
    }
}

/// Picks a range that is not `taken`. Which one depends on the instance and on the cloud (`seed`), so that clouds
/// beside each other on one host seldom meet.
pub(crate) fn pick(instance_id: InstanceId, seed: &impl Hash, taken: &HashSet<IdRange>) -> Option<IdRange> {
    let mut hasher = DefaultHasher::new();
    (instance_id, seed).hash(&mut hasher);
    let start = (hasher.finish() % u64::from(RANGES)) as u32;
    (0..RANGES)
        .map(|step| IdRange { first: FIRST_ID + (start + step) % RANGES * IDS_PER_RANGE })
        .find(|range| !taken.contains(range))
}

#[cfg(test)]
mod tests {
    use aws_types::ResourceId;

    use super::*;

    #[test]
    fn ranges_are_distinct_until_none_is_left() {
        let mut taken = HashSet::new();
        for number in 0..RANGES {
            let range = pick(InstanceId::from_bits(number.into()), &"cloud", &taken).unwrap();
            assert!(range.first >= FIRST_ID && range.host_id(65_535) < 0x7FFE_0000);
            assert!(taken.insert(range));
        }
        assert_eq!(pick(InstanceId::from_bits(1), &"cloud", &taken), None);
    }
}
