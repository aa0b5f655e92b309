//! A hash whose values are part of what users see: ids of images and the order of zones are made of it, so it never
//! changes. The standard library's hashers promise no such thing.

/// FNV-1a over 128 bits, with the parts kept apart by a byte that no part contains.
pub(crate) fn bits(parts: &[&str]) -> u128 {
    const OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let mut hash = OFFSET_BASIS;
    for part in parts {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u128::from(byte)).wrapping_mul(PRIME);
        }
    }
    // The low bits of FNV mix less than the high ones; ids take the low ones.
    hash ^ (hash >> 67)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_what_it_was() {
        assert_eq!(bits(&["us-east-1", "a"]), bits(&["us-east-1", "a"]));
        assert_ne!(bits(&["ab", "c"]), bits(&["a", "bc"]));
        assert_eq!(format!("{:032x}", bits(&["us-east-1"])), "26a2d160c0e32baa9d18835e78af6a58");
    }
}
