//! Tables, keys and rows, and how they are in the index.
//!
//! All tables are in one ordered map: a key is the table's name, a zero byte, and the row's key. A row is format (1), number
//! of references (4), for each the address (32) and the length of the content (8), and the value.

use crate::address::{ADDRESS_BYTES, Address, BlobRef};
use crate::error::StoreError;

/// How long a row's key may be.
pub const MAX_KEY_BYTES: usize = 4096;

/// How long a row's value may be.
pub const MAX_VALUE_BYTES: usize = 1 << 20;

/// How many blobs a row may refer to.
pub const MAX_BLOBS_PER_ROW: usize = 16_384;

const FORMAT: u8 = 1;
const MAX_NAME_BYTES: usize = 32;
const REF_BYTES: usize = ADDRESS_BYTES + 8;

/// One ordered table of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Table(&'static str);

impl Table {
    /// The table of this name: up to 32 lower-case letters, digits and hyphens.
    ///
    /// # Panics
    /// It is no name. In a constant that is an error of the compiler.
    pub const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        assert!(!bytes.is_empty() && bytes.len() <= MAX_NAME_BYTES, "a table's name has 1 to 32 letters");
        let mut at = 0;
        while at < bytes.len() {
            assert!(matches!(bytes[at], b'a'..=b'z' | b'0'..=b'9' | b'-'), "a table's name is lower-case");
            at += 1;
        }
        Self(name)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// A row's key among all tables.
    pub(crate) fn key(self, key: &[u8]) -> Vec<u8> {
        let mut whole = Vec::with_capacity(self.0.len() + 1 + key.len());
        whole.extend_from_slice(self.0.as_bytes());
        whole.push(0);
        whole.extend_from_slice(key);
        whole
    }

    /// What is after all keys of this table.
    pub(crate) fn end(self) -> Vec<u8> {
        let mut end = self.0.as_bytes().to_vec();
        end.push(1);
        end
    }

    /// How many bytes of a key are the table's.
    pub(crate) fn prefix_bytes(self) -> usize {
        self.0.len() + 1
    }
}

/// The table's name and the row's key, out of a key among all tables.
pub(crate) fn split_key(whole: &[u8]) -> Result<(&str, &[u8]), StoreError> {
    let malformed = StoreError::Malformed("a row of no table");
    let zero = whole.iter().position(|byte| *byte == 0).ok_or_else(|| malformed.clone())?;
    let name = str::from_utf8(&whole[..zero]).map_err(|_| malformed)?;
    Ok((name, &whole[zero + 1..]))
}

/// One row: bytes that the caller understands, and the blobs that it refers to, in the caller's order. The same blob may be
/// there several times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// What the row says.
    pub value: Vec<u8>,
    /// What it refers to.
    pub blobs: Vec<BlobRef>,
}

impl Row {
    /// A row without blobs.
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        Self { value: value.into(), blobs: Vec::new() }
    }

    pub(crate) fn check(&self, key: &[u8]) -> Result<(), StoreError> {
        let limits = [
            ("key", key.len(), MAX_KEY_BYTES),
            ("value", self.value.len(), MAX_VALUE_BYTES),
            ("list of blobs", self.blobs.len(), MAX_BLOBS_PER_ROW),
        ];
        match limits.into_iter().find(|(_, found, limit)| found > limit) {
            Some((what, found, limit)) => Err(StoreError::TooLarge { what, found, limit }),
            None => Ok(()),
        }
    }

    /// About how much of it there is.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.value.len() + self.blobs.len() * REF_BYTES
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(5 + self.weight_bytes());
        bytes.push(FORMAT);
        let count = u32::try_from(self.blobs.len()).expect("a row has few blobs");
        bytes.extend_from_slice(&count.to_le_bytes());
        for blob in &self.blobs {
            bytes.extend_from_slice(blob.address.as_bytes());
            bytes.extend_from_slice(&blob.length_bytes.to_le_bytes());
        }
        bytes.extend_from_slice(&self.value);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let (refs, value) = split_row(bytes).ok_or(StoreError::Malformed("a row that no build writes"))?;
        Ok(Self { value: value.to_vec(), blobs: refs_in(refs).collect() })
    }

    /// The references of a row, without the rest.
    pub(crate) fn refs_from_bytes(bytes: &[u8]) -> Result<impl Iterator<Item = BlobRef> + '_, StoreError> {
        let (refs, _) = split_row(bytes).ok_or(StoreError::Malformed("a row that no build writes"))?;
        Ok(refs_in(refs))
    }
}

fn split_row(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(5)?;
    let count = u32::from_le_bytes(head[1..].try_into().ok()?);
    (head[0] == FORMAT).then(|| rest.split_at_checked(count as usize * REF_BYTES))?
}

fn refs_in(refs: &[u8]) -> impl Iterator<Item = BlobRef> + '_ {
    refs.chunks_exact(REF_BYTES).map(|bytes| {
        let (address, length) = bytes.split_at(ADDRESS_BYTES);
        BlobRef {
            address: Address(address.try_into().expect("the slice has this length")),
            length_bytes: u64::from_le_bytes(length.try_into().expect("the slice has this length")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back() {
        let blob = BlobRef { address: Address([7; 32]), length_bytes: 9 };
        for row in [Row::default(), Row::new("a"), Row { value: b"b".to_vec(), blobs: vec![blob, blob] }] {
            assert_eq!(Row::from_bytes(&row.to_bytes()).unwrap(), row);
        }
        for bytes in [b"".as_slice(), b"\x01\x01\0\0\0", b"\x02\0\0\0\0"] {
            assert!(Row::from_bytes(bytes).is_err());
        }
    }

    #[test]
    fn tables_do_not_mix() {
        let (short, long) = (Table::new("a"), Table::new("a-b"));
        assert!(short.key(&[255; 9]) < short.end() && short.end() <= long.key(&[]));
        assert_eq!(split_key(&long.key(b"x\0y")).unwrap(), ("a-b", b"x\0y".as_slice()));
    }
}
