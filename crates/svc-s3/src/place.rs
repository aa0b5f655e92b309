//! Where rows are: how bucket, key and version become the keys of `object-store`, so that their order is AWS's.
//!
//! | table | key | row | its contents |
//! | --- | --- | --- | --- |
//! | `s3-bucket` | incarnation | the bucket's name: it is there for as long as the bucket takes rows | none |
//! | `s3-object` | incarnation, key, newness | a version or delete marker: `rows::Version` | one, but for markers and parts |
//! | `s3-object-parts` | as its version's | sizes and checksums of an object's parts: `part_list::PartList` | one for each part |
//! | `s3-upload` | incarnation, key, stamp | an upload that was begun: `rows::Upload` | none |
//! | `s3-part` | incarnation, stamp, number | a part that was uploaded: `rows::Part` | one |
//!
//! - An *incarnation* is 16 random bytes. A bucket that is made again under its name has another one and finds nothing old.
//! - A *key* is its UTF-8, with each zero byte as `00 FF`, and `00 01` behind it. So keys are ordered bytewise, as AWS lists
//!   them, also where one is the beginning of another.
//! - *Newness* is the complement of the version's order, 8 bytes, the highest first: the newest version of a key comes first.
//!   Orders are microseconds since 1970, or one more than the newest version's, whichever is later.
//! - A *stamp* is an order and 16 random bytes. In base64 it is the id of a version or upload. So the id of a version tells
//!   where its row is; what else it has to be is in the row.
//! - A *number* has 4 bytes, the highest first.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use object_store::Table;
use serde::{Deserialize, Serialize};

pub(crate) const BUCKETS: Table = Table::new("s3-bucket");
pub(crate) const OBJECTS: Table = Table::new("s3-object");
pub(crate) const OBJECT_PARTS: Table = Table::new("s3-object-parts");
pub(crate) const UPLOADS: Table = Table::new("s3-upload");
pub(crate) const PARTS: Table = Table::new("s3-part");

pub(crate) const INCARNATION_BYTES: usize = 16;
const STAMP_BYTES: usize = 24;
const ORDER_BYTES: usize = 8;
/// What a zero byte of a key is written as.
const ZERO: [u8; 2] = [0, 0xff];
/// What ends a key.
const END: [u8; 2] = [0, 1];
/// What is after all rows of a key and before those of the next.
const AFTER: [u8; 2] = [0, 2];

/// One life of a bucket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Incarnation([u8; INCARNATION_BYTES]);

impl Incarnation {
    /// One of these random bits.
    pub(crate) fn from_bits(bits: u128) -> Self {
        Self(bits.to_be_bytes())
    }

    /// The one that a row begins with.
    pub(crate) fn of_row(row: &[u8]) -> Option<Self> {
        row.first_chunk().copied().map(Self)
    }

    /// The same as [`Self::bytes`], with its length.
    pub(crate) fn array(&self) -> &[u8; INCARNATION_BYTES] {
        &self.0
    }

    /// What rows of a bucket begin with.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Incarnation> for String {
    fn from(incarnation: Incarnation) -> Self {
        incarnation.to_string()
    }
}

/// The text has other than 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an incarnation of a bucket has 32 hexadecimal digits")]
pub struct ParseIncarnationError;

impl TryFrom<String> for Incarnation {
    type Error = ParseIncarnationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; INCARNATION_BYTES];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| ParseIncarnationError)?;
        Ok(Self(bytes))
    }
}

/// When something was made, and random bytes beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp([u8; STAMP_BYTES]);

impl Stamp {
    pub(crate) fn new(order: u64, random: u128) -> Self {
        let mut bytes = [0; STAMP_BYTES];
        bytes[..ORDER_BYTES].copy_from_slice(&order.to_be_bytes());
        bytes[ORDER_BYTES..].copy_from_slice(&random.to_be_bytes());
        Self(bytes)
    }

    /// Reads an id; `None` where it is none that could have been given.
    pub(crate) fn parse(id: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
        Self::of_bytes(&bytes)
    }

    pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn order(&self) -> u64 {
        u64::from_be_bytes(*self.0.first_chunk().expect("a stamp is longer"))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

fn push_text(row: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            0 => row.extend_from_slice(&ZERO),
            other => row.push(other),
        }
    }
}

/// What the rows of all keys with this beginning begin with.
pub(crate) fn of_beginning(incarnation: &Incarnation, beginning: &str) -> Vec<u8> {
    let mut row = Vec::with_capacity(INCARNATION_BYTES + beginning.len() + STAMP_BYTES + END.len());
    row.extend_from_slice(incarnation.bytes());
    push_text(&mut row, beginning);
    row
}

/// What all rows of a key begin with.
pub(crate) fn of_key(incarnation: &Incarnation, key: &str) -> Vec<u8> {
    let mut row = of_beginning(incarnation, key);
    row.extend_from_slice(&END);
    row
}

/// What is after all rows of a key.
pub(crate) fn after_key(incarnation: &Incarnation, key: &str) -> Vec<u8> {
    let mut row = of_beginning(incarnation, key);
    row.extend_from_slice(&AFTER);
    row
}

/// The row of a version.
pub(crate) fn of_version(incarnation: &Incarnation, key: &str, order: u64) -> Vec<u8> {
    let mut row = of_key(incarnation, key);
    row.extend_from_slice(&(!order).to_be_bytes());
    row
}

/// The row of an upload.
pub(crate) fn of_upload(incarnation: &Incarnation, key: &str, stamp: &Stamp) -> Vec<u8> {
    let mut row = of_key(incarnation, key);
    row.extend_from_slice(stamp.bytes());
    row
}

/// What all parts of an upload begin with.
pub(crate) fn of_parts(incarnation: &Incarnation, stamp: &Stamp) -> Vec<u8> {
    [incarnation.bytes(), stamp.bytes()].concat()
}

/// The row of a part.
pub(crate) fn of_part(incarnation: &Incarnation, stamp: &Stamp, number: u32) -> Vec<u8> {
    [incarnation.bytes(), stamp.bytes(), &number.to_be_bytes()].concat()
}

/// The stamp of the upload that a part is of, by its row; `None` where that is as long as no row of a part.
pub(crate) fn stamp_of_part(row: &[u8]) -> Option<&[u8]> {
    const NUMBER_BYTES: usize = 4;
    let is_one = row.len() == INCARNATION_BYTES + STAMP_BYTES + NUMBER_BYTES;
    is_one.then(|| &row[INCARNATION_BYTES..INCARNATION_BYTES + STAMP_BYTES])
}

/// The number of a part, by its row.
pub(crate) fn number_of(row: &[u8]) -> Option<u32> {
    row.last_chunk().map(|number| u32::from_be_bytes(*number))
}

/// The order of a version, by what is behind its key.
pub(crate) fn order_of(behind: &[u8]) -> Option<u64> {
    behind.try_into().ok().map(|newness| !u64::from_be_bytes(newness))
}

/// The key in a row of versions or uploads, and what is behind it.
pub(crate) fn split(row: &[u8]) -> Option<(String, &[u8])> {
    let mut rest = row.get(INCARNATION_BYTES..)?;
    let mut key = Vec::with_capacity(rest.len());
    loop {
        let zero = rest.iter().position(|byte| *byte == 0)?;
        key.extend_from_slice(&rest[..zero]);
        let (escaped, behind) = rest[zero..].split_first_chunk::<2>()?;
        rest = behind;
        match *escaped {
            ZERO => key.push(0),
            END => return Some((String::from_utf8(key).ok()?, rest)),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIFE: Incarnation = Incarnation([7; INCARNATION_BYTES]);

    proptest! {
        #[test]
        fn rows_are_ordered_by_key_and_then_by_newness(
            one in "[a-c\\x00\\x01é]{0,4}", other in "[a-c\\x00\\x01é]{0,4}", first: u64, second: u64,
        ) {
            let rows = (of_version(&LIFE, &one, first), of_version(&LIFE, &other, second));
            let expected = one.as_bytes().cmp(other.as_bytes()).then(second.cmp(&first));
            prop_assert_eq!(rows.0.cmp(&rows.1), expected);
            let (key, behind) = split(&rows.0).unwrap();
            prop_assert_eq!((key, order_of(behind)), (one.clone(), Some(first)));
            let after = after_key(&LIFE, &one);
            prop_assert!(rows.0 < after && (one.as_bytes() >= other.as_bytes() || after < rows.1));
            prop_assert_eq!(other.starts_with(&one), rows.1.starts_with(&of_beginning(&LIFE, &one)));
        }

        #[test]
        fn stamps_are_read_back(order: u64, random: u128) {
            let stamp = Stamp::new(order, random);
            prop_assert_eq!(Stamp::parse(&stamp.to_string()), Some(stamp));
            prop_assert_eq!((stamp.order(), stamp.to_string().len()), (order, 32));
        }
    }

    #[test]
    fn other_texts_are_no_stamps() {
        for text in ["", "null", "x", "AAAA", "not base64 but as long as one is"] {
            assert_eq!(Stamp::parse(text), None, "{text}");
        }
    }
}
