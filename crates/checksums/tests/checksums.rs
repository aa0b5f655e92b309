//! Against values that others computed, and against whole objects.

use checksums::{
    BadChecksum, Checksum, ChecksumAlgorithm as A, ChecksumType, Hasher, composite, full_object,
};
use proptest::prelude::*;

/// Of `123456789`, from the catalogue of CRCs, RFC 1321's and FIPS 180's kin, and the xxHash reference.
const CHECKS: [(A, &str); 10] = [
    (A::Crc32, "cbf43926"),
    (A::Crc32c, "e3069283"),
    (A::Crc64Nvme, "ae8b14860a799888"),
    (A::Md5, "25f9e794323b453885f5181f1b624d0b"),
    (A::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
    (A::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
    (
        A::Sha512,
        "d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274ad27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85",
    ),
    (A::Xxhash64, "8cb841db40e6ae83"),
    (A::Xxhash3, "72dcb18b67a17dff"),
    (A::Xxhash128, "33119477ede5dcd5e9716427681d5860"),
];

fn hex(checksum: &Checksum) -> String {
    checksum.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_algorithm_computes_what_is_known_of_it() {
    for (algorithm, known) in CHECKS {
        let checksum = Hasher::of(algorithm, b"123456789");
        assert_eq!(hex(&checksum), known, "{algorithm}");
        assert_eq!(checksum.bytes().len(), algorithm.length());
        assert_eq!(Checksum::of_base64(algorithm, &checksum.to_base64()), Ok(checksum));
    }
}

#[test]
fn names_and_headers_lead_back() {
    for algorithm in A::ALL {
        assert_eq!(A::named(algorithm.name()), Some(algorithm));
        assert_eq!(A::named(&algorithm.name().to_lowercase()), Some(algorithm));
        assert_eq!(A::of_header(algorithm.header()), Some(algorithm));
        assert!(algorithm.has_type(algorithm.default_type()));
    }
    assert_eq!((A::named("CRC16"), A::of_header("x-amz-checksum-type")), (None, None));
    for of in [ChecksumType::Composite, ChecksumType::FullObject] {
        assert_eq!(ChecksumType::named(of.name()), Some(of));
    }
}

#[test]
fn what_is_no_checksum_is_refused() {
    for text in ["", "AAAA", "AAAAAAA=", "?", "AAAAAA==\n"] {
        assert_eq!(Checksum::of_base64(A::Crc32, text), Err(BadChecksum(A::Crc32)), "{text:?}");
    }
    assert_eq!(Checksum::of_base64(A::Crc32, "AAAAAA==").map(|sum| hex(&sum)), Ok("00000000".to_owned()));
}

proptest! {
    #[test]
    fn parts_give_the_checksum_of_the_whole(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..6)) {
        let whole = parts.concat();
        for algorithm in A::ALL {
            let sums: Vec<_> = parts.iter().map(|part| (Hasher::of(algorithm, part), part.len() as u64)).collect();
            let found = full_object(algorithm, sums.iter().map(|(sum, length)| (sum, *length)));
            let expected = algorithm.has_type(ChecksumType::FullObject).then(|| Hasher::of(algorithm, &whole));
            prop_assert_eq!(found, expected);
            let joined: Vec<u8> = sums.iter().flat_map(|(sum, _)| sum.bytes().to_vec()).collect();
            let expected = algorithm.has_type(ChecksumType::Composite).then(|| Hasher::of(algorithm, &joined));
            prop_assert_eq!(composite(algorithm, sums.iter().map(|(sum, _)| sum)), expected);
        }
    }

    #[test]
    fn how_bytes_come_does_not_matter(bytes in prop::collection::vec(any::<u8>(), 0..3000), at in any::<prop::sample::Index>()) {
        let at = at.index(bytes.len() + 1);
        for algorithm in A::ALL {
            let mut hasher = Hasher::new(algorithm);
            hasher.update(&bytes[..at]);
            hasher.update(&bytes[at..]);
            prop_assert_eq!(hasher.finish(), Hasher::of(algorithm, &bytes));
        }
    }
}

#[test]
fn parts_by_other_algorithms_give_nothing() {
    let (crc, sha) = (Hasher::of(A::Crc32, b"a"), Hasher::of(A::Sha256, b"a"));
    assert_eq!(full_object(A::Crc32, [(&crc, 1), (&sha, 1)]), None);
    assert_eq!(composite(A::Crc32, [&crc, &sha]), None);
}
