//! Keys: (partition, account, region, kind, id), and how they are written to disk.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use aws_types::{AccountId, Partition, Region};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Separates the parts of a key on disk. No part before the id can contain it: they are AWS names and our own kinds.
const SEPARATOR: u8 = 0;

/// What a record belongs to. Global records (accounts, their keys) have the region `aws-global`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// The partition.
    pub partition: Partition,
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
}

impl Scope {
    /// The scope of regional records.
    pub fn new(partition: Partition, account: AccountId, region: Region) -> Self {
        Self { partition, account, region }
    }

    /// The scope of the account's global records.
    pub fn global(partition: Partition, account: AccountId) -> Self {
        Self { partition, account, region: "aws-global".parse().expect("a valid region name") }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.partition, self.account, self.region)
    }
}

/// The full key of a record. Ordered by scope, then kind, then id, so that one kind in one scope is one range.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// What it belongs to.
    pub scope: Scope,
    /// The record's kind, such as `ec2.vpc`.
    pub kind: &'static str,
    /// Its id in that kind.
    pub id: Arc<str>,
}

impl Key {
    /// The bytes that backends order and store records by; their order is that of the keys' texts.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.id.len());
        for part in [
            self.scope.partition.to_string().as_str(),
            self.scope.account.to_string().as_str(),
            self.scope.region.as_str(),
            self.kind,
        ] {
            bytes.extend_from_slice(part.as_bytes());
            bytes.push(SEPARATOR);
        }
        bytes.extend_from_slice(self.id.as_bytes());
        bytes
    }

    /// Reads what [`Key::to_bytes`] wrote; `None` when it is not that.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut parts = bytes.splitn(5, |byte| *byte == SEPARATOR).map(std::str::from_utf8);
        let mut part = || parts.next()?.ok();
        let partition = part()?;
        let partition = [Partition::Aws].into_iter().find(|known| known.to_string() == partition)?;
        let account = part()?.parse().ok()?;
        let region = part()?.parse().ok()?;
        let kind = intern(part()?);
        let id = part()?.into();
        Some(Self { scope: Scope { partition, account, region }, kind, id })
    }
}

/// The one copy of a kind's name. Kinds are few and live as long as the process, also those that only a newer build
/// knows, so leaking them is bounded.
fn intern(kind: &str) -> &'static str {
    static KINDS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut kinds = KINDS.lock();
    if let Some(known) = kinds.get(kind) {
        return known;
    }
    let leaked: &'static str = Box::leak(kind.to_owned().into_boxed_str());
    kinds.insert(leaked);
    leaked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: &'static str, id: &str) -> Key {
        let scope = Scope::new(Partition::Aws, "000000000042".parse().unwrap(), "eu-west-1".parse().unwrap());
        Key { scope, kind, id: id.into() }
    }

    #[test]
    fn bytes_read_back_and_keep_the_order() {
        let keys = [key("a.b", ""), key("a.b", "x"), key("a.b", "x\0y"), key("a.b", "é/ü"), key("a.c", "0")];
        for pair in keys.windows(2) {
            assert!(pair[0] < pair[1] && pair[0].to_bytes() < pair[1].to_bytes(), "{pair:?}");
        }
        for key in keys {
            assert_eq!(Key::from_bytes(&key.to_bytes()), Some(key));
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        for bad in [
            &b""[..],
            b"aws",
            b"aws\x00000000000042\0eu-west-1\0kind",
            b"mars\x00000000000042\0r\0k\0i",
            b"aws\0x\0r\0k\0i",
        ] {
            assert_eq!(Key::from_bytes(bad), None, "{bad:?}");
        }
    }
}
