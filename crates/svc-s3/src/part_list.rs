//! The parts of an object in one row: their numbers, lengths and checksums, in the order of its contents.
//!
//! An object has up to 10,000 parts and a row one mebibyte, so that this one is no JSON:
//!
//! | bytes | what |
//! | --- | --- |
//! | 2 | the format: `2`, line feed |
//! | 1 | how long the name of the algorithm is; 0 where there are no checksums |
//! | so many | the name |
//! | for each part 4 | its number |
//! | and 8 | its length |
//! | and as many as the algorithm gives | its checksum |
//!
//! Numbers have their highest byte first. Parts are read when they are asked for: ranges need none of this.

use std::ops::Range;

use checksums::{Checksum, ChecksumAlgorithm};

use crate::error::Failure;

const FORMAT: &[u8] = b"2\n";
const NUMBER_BYTES: usize = 4;
const LENGTH_BYTES: usize = 8;

/// The parts of an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PartList {
    algorithm: Option<ChecksumAlgorithm>,
    /// One after the other, as rows have them.
    parts: Vec<u8>,
}

/// One part of an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ObjectPart {
    /// Its number in the upload.
    pub(crate) number: u32,
    /// How long it is.
    pub(crate) size_bytes: u64,
    /// Its checksum.
    pub(crate) checksum: Option<Checksum>,
}

impl PartList {
    /// An empty one, of parts with checksums by this algorithm.
    pub(crate) fn new(algorithm: Option<ChecksumAlgorithm>) -> Self {
        Self { algorithm, parts: Vec::new() }
    }

    fn width(&self) -> usize {
        NUMBER_BYTES + LENGTH_BYTES + self.algorithm.map_or(0, ChecksumAlgorithm::length)
    }

    /// Adds a part.
    ///
    /// # Errors
    /// It has another checksum than the list.
    pub(crate) fn push(&mut self, part: &ObjectPart) -> Result<(), Failure> {
        if part.checksum.as_ref().map(Checksum::algorithm) != self.algorithm {
            return Err(Failure::Malformed("a part with another checksum than its object".to_owned()));
        }
        self.parts.extend_from_slice(&part.number.to_be_bytes());
        self.parts.extend_from_slice(&part.size_bytes.to_be_bytes());
        self.parts.extend_from_slice(part.checksum.as_ref().map(Checksum::bytes).unwrap_or_default());
        Ok(())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.parts.len() / self.width()
    }

    /// Every one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = ObjectPart> + '_ {
        self.parts.chunks_exact(self.width()).map(|part| {
            let (number, rest) = part.split_at(NUMBER_BYTES);
            let (length, sum) = rest.split_at(LENGTH_BYTES);
            let checksum = self.algorithm.map(|algorithm| {
                Checksum::of_bytes(algorithm, sum).expect("a part is as wide as the algorithm has it")
            });
            ObjectPart {
                number: u32::from_be_bytes(number.try_into().expect("the slice has this length")),
                size_bytes: u64::from_be_bytes(length.try_into().expect("the slice has this length")),
                checksum,
            }
        })
    }

    /// The part of a number, and where it is in the object.
    pub(crate) fn find(&self, number: i32) -> Option<(Range<u64>, ObjectPart)> {
        let mut start = 0;
        for part in self.iter() {
            let end = start + part.size_bytes;
            if i64::from(part.number) == i64::from(number) {
                return Some((start..end, part));
            }
            start = end;
        }
        None
    }

    /// The row's value.
    pub(crate) fn to_row(&self) -> Vec<u8> {
        let name = self.algorithm.map_or("", ChecksumAlgorithm::name);
        let length = u8::try_from(name.len()).expect("names of algorithms are short");
        [FORMAT, &[length], name.as_bytes(), &self.parts].concat()
    }

    /// What a row's value says.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn of_row(bytes: &[u8]) -> Result<Self, Failure> {
        let malformed = |what: &str| Failure::Malformed(what.to_owned());
        let rest = bytes.strip_prefix(FORMAT);
        let rest = rest.ok_or_else(|| malformed("its format is that of another build"))?;
        let named = rest.split_first().and_then(|(length, rest)| rest.split_at_checked((*length).into()));
        let (name, parts) = named.ok_or_else(|| malformed("a list of parts that ends early"))?;
        let algorithm = match name {
            [] => None,
            name => {
                let found = str::from_utf8(name).ok().and_then(ChecksumAlgorithm::named);
                Some(found.ok_or_else(|| malformed("parts with checksums that no build knows"))?)
            }
        };
        let list = Self { algorithm, parts: parts.to_vec() };
        if !list.parts.len().is_multiple_of(list.width()) {
            return Err(malformed("a list of parts that ends early"));
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use checksums::Hasher;

    use super::*;

    #[test]
    fn lists_come_back() {
        let algorithms = ChecksumAlgorithm::ALL.into_iter().map(Some).chain([None]);
        for algorithm in algorithms {
            let mut list = PartList::new(algorithm);
            assert_eq!(PartList::of_row(&list.to_row()).unwrap(), list);
            let parts = [(1_u32, 5 << 20), (7, 5 << 30), (10_000, 0)].map(|(number, size_bytes)| {
                let checksum = algorithm.map(|algorithm| Hasher::of(algorithm, &number.to_be_bytes()));
                ObjectPart { number, size_bytes, checksum }
            });
            parts.iter().for_each(|part| list.push(part).unwrap());
            let row = list.to_row();
            let read = PartList::of_row(&row).unwrap();
            assert_eq!((read.len(), read.iter().collect::<Vec<_>>()), (3, parts.to_vec()));
            let second = (5 << 20)..(5 << 20) + (5 << 30);
            assert_eq!(read.find(7), Some((second, parts[1].clone())));
            assert_eq!(read.find(2), None);
            assert!(PartList::of_row(&row[..row.len() - 1]).is_err());
        }
        for bad in [b"".as_slice(), b"1\n{}", b"2\n", b"2\n\x05SHA", b"2\n\x03SHA", b"2\n\0\0\0\0"] {
            assert!(PartList::of_row(bad).is_err(), "{bad:?}");
        }
        let other = Some(Hasher::of(ChecksumAlgorithm::Crc32, b""));
        let part = ObjectPart { number: 1, size_bytes: 0, checksum: other };
        assert!(PartList::new(Some(ChecksumAlgorithm::Sha1)).push(&part).is_err());
    }
}
