//! The checksum of an object from those of its parts.

use crate::hasher::{crc, of_crc};
use crate::{Checksum, ChecksumAlgorithm, ChecksumType, Hasher};

/// The checksum of all bytes of parts, each with its length in bytes: for the CRCs alone, which can be combined. `None` for
/// others, and where a part's checksum is by another algorithm.
pub fn full_object<'a>(
    algorithm: ChecksumAlgorithm,
    parts: impl IntoIterator<Item = (&'a Checksum, u64)>,
) -> Option<Checksum> {
    let crc = crc(algorithm)?;
    let mut combined = Hasher::of(algorithm, b"");
    for (part, length) in parts {
        if part.algorithm() != algorithm {
            return None;
        }
        let whole = crc_fast::checksum_combine(crc, number(&combined), number(part), length);
        combined = of_crc(algorithm, whole);
    }
    Some(combined)
}

/// The checksum of the parts' checksums. AWS writes it with the number of parts behind it: `base64-2`. `None` where the
/// algorithm has none of this type, and where a part's checksum is by another algorithm.
pub fn composite<'a>(
    algorithm: ChecksumAlgorithm,
    parts: impl IntoIterator<Item = &'a Checksum>,
) -> Option<Checksum> {
    if !algorithm.has_type(ChecksumType::Composite) {
        return None;
    }
    let mut hasher = Hasher::new(algorithm);
    for part in parts {
        if part.algorithm() != algorithm {
            return None;
        }
        hasher.update(part.bytes());
    }
    Some(hasher.finish())
}

/// A CRC as a number.
fn number(checksum: &Checksum) -> u64 {
    checksum.bytes().iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
