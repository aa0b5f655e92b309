//! Checksums in requests, answers and rows.
//!
//! Owns where they are. How they are computed is `checksums`'s. Requests and answers have a member for each algorithm, so that
//! the macros here are what reads and writes them.

use checksums::{Checksum, ChecksumAlgorithm, ChecksumType};
use serde::{Deserialize, Serialize};
use service_api::ServiceError;

use crate::error;

/// The checksum that an object or part has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The algorithm, by AWS's name.
    pub(crate) algorithm: String,
    /// In base64; that of parts' checksums has their number behind it.
    pub(crate) value: String,
    /// Of what it is.
    #[serde(rename = "type")]
    pub(crate) of: String,
}

impl Kept {
    /// The checksum of all bytes.
    pub(crate) fn whole(checksum: &Checksum) -> Self {
        Self::of(checksum.algorithm(), checksum.to_base64(), ChecksumType::FullObject)
    }

    pub(crate) fn of(algorithm: ChecksumAlgorithm, value: String, of: ChecksumType) -> Self {
        Self { algorithm: algorithm.name().to_owned(), value, of: of.name().to_owned() }
    }

    /// The algorithm.
    pub(crate) fn algorithm(&self) -> Option<ChecksumAlgorithm> {
        ChecksumAlgorithm::named(&self.algorithm)
    }

    /// The checksum, where it is of bytes.
    pub(crate) fn checksum(&self) -> Option<Checksum> {
        Checksum::of_base64(self.algorithm()?, &self.value).ok()
    }

    /// Whether it is of all bytes.
    pub(crate) fn is_whole(&self) -> bool {
        self.of == ChecksumType::FullObject.name()
    }
}

/// The texts of a structure's members for checksums, each with its algorithm.
macro_rules! members {
    ($from:expr) => {{
        use ::checksums::ChecksumAlgorithm as Algorithm;
        [
            (Algorithm::Crc32, $from.checksum_crc32.as_deref()),
            (Algorithm::Crc32c, $from.checksum_crc32_c.as_deref()),
            (Algorithm::Crc64Nvme, $from.checksum_crc64_nvme.as_deref()),
            (Algorithm::Sha1, $from.checksum_sha1.as_deref()),
            (Algorithm::Sha256, $from.checksum_sha256.as_deref()),
            (Algorithm::Sha512, $from.checksum_sha512.as_deref()),
            (Algorithm::Md5, $from.checksum_md5.as_deref()),
            (Algorithm::Xxhash64, $from.checksum_xxhash64.as_deref()),
            (Algorithm::Xxhash3, $from.checksum_xxhash3.as_deref()),
            (Algorithm::Xxhash128, $from.checksum_xxhash128.as_deref()),
        ]
    }};
}

/// Sets the member of a structure that is for the algorithm of a checksum.
macro_rules! show {
    ($into:expr, $kept:expr) => {{
        use ::checksums::ChecksumAlgorithm as Algorithm;
        let kept: &$crate::checksum::Kept = $kept;
        let value = Some(kept.value.clone());
        match kept.algorithm() {
            Some(Algorithm::Crc32) => $into.checksum_crc32 = value,
            Some(Algorithm::Crc32c) => $into.checksum_crc32_c = value,
            Some(Algorithm::Crc64Nvme) => $into.checksum_crc64_nvme = value,
            Some(Algorithm::Sha1) => $into.checksum_sha1 = value,
            Some(Algorithm::Sha256) => $into.checksum_sha256 = value,
            Some(Algorithm::Sha512) => $into.checksum_sha512 = value,
            Some(Algorithm::Md5) => $into.checksum_md5 = value,
            Some(Algorithm::Xxhash64) => $into.checksum_xxhash64 = value,
            Some(Algorithm::Xxhash3) => $into.checksum_xxhash3 = value,
            Some(Algorithm::Xxhash128) => $into.checksum_xxhash128 = value,
            None => {}
        }
    }};
}

pub(crate) use {members, show};

/// The one checksum that a request has.
///
/// # Errors
/// It has several.
pub(crate) fn only<'a>(
    members: impl IntoIterator<Item = (ChecksumAlgorithm, Option<&'a str>)>,
) -> Result<Option<(ChecksumAlgorithm, &'a str)>, ServiceError> {
    let mut given = members.into_iter().filter_map(|(algorithm, value)| Some((algorithm, value?)));
    let first = given.next();
    if given.next().is_some() {
        return Err(several());
    }
    Ok(first)
}

/// What somebody is told who sends more than one checksum.
pub(crate) fn several() -> ServiceError {
    error::invalid_request(
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
    )
}

/// The one checksum of bytes that a request has.
///
/// # Errors
/// It has several, or one that is none.
pub(crate) fn given<'a>(
    members: impl IntoIterator<Item = (ChecksumAlgorithm, Option<&'a str>)>,
) -> Result<Option<Checksum>, ServiceError> {
    let Some((algorithm, value)) = only(members)? else { return Ok(None) };
    let read = Checksum::of_base64(algorithm, value);
    read.map(Some).map_err(|bad| error::invalid_request(bad.to_string()))
}

/// The algorithm of this name.
///
/// # Errors
/// There is none.
pub(crate) fn algorithm(name: &str) -> Result<ChecksumAlgorithm, ServiceError> {
    let found = ChecksumAlgorithm::named(name);
    found.ok_or_else(|| error::invalid_request("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"))
}
