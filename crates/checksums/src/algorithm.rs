//! Which checksums there are.

use std::fmt;

/// How a checksum is computed.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Checksum.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChecksumAlgorithm {
    /// CRC-32 of ISO 3309.
    Crc32,
    /// CRC-32C (Castagnoli, RFC 3720).
    Crc32c,
    /// CRC-64 of the NVM Express specification: what S3 takes where a request says nothing.
    Crc64Nvme,
    /// MD5 (RFC 1321).
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// XXH64, with seed 0.
    Xxhash64,
    /// XXH3 of 64 bits, with seed 0.
    Xxhash3,
    /// XXH3 of 128 bits, with seed 0.
    Xxhash128,
}

/// What the checksum of an object that was uploaded in parts is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChecksumType {
    /// Of the checksums of its parts.
    Composite,
    /// Of all of its bytes.
    FullObject,
}

impl ChecksumAlgorithm {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Md5,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
        Self::Xxhash64,
        Self::Xxhash3,
        Self::Xxhash128,
    ];

    /// AWS's name, such as `CRC64NVME`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
            Self::Xxhash64 => "XXHASH64",
            Self::Xxhash3 => "XXHASH3",
            Self::Xxhash128 => "XXHASH128",
        }
    }

    /// The one of this name; AWS's clients also write it in lower case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The header and trailer that carry it, such as `x-amz-checksum-crc64nvme`.
    pub fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Md5 => "x-amz-checksum-md5",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
            Self::Sha512 => "x-amz-checksum-sha512",
            Self::Xxhash64 => "x-amz-checksum-xxhash64",
            Self::Xxhash3 => "x-amz-checksum-xxhash3",
            Self::Xxhash128 => "x-amz-checksum-xxhash128",
        }
    }

    /// The one that a header or trailer carries.
    pub fn of_header(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.header().eq_ignore_ascii_case(name))
    }

    /// How long it is, in bytes.
    pub fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme | Self::Xxhash64 | Self::Xxhash3 => 8,
            Self::Md5 | Self::Xxhash128 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Of what it can be, of an object that was uploaded in parts.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html>
    pub fn has_type(self, of: ChecksumType) -> bool {
        match of {
            ChecksumType::Composite => self != Self::Crc64Nvme,
            ChecksumType::FullObject => matches!(self, Self::Crc32 | Self::Crc32c | Self::Crc64Nvme),
        }
    }

    /// Of what it is where an upload does not say.
    pub fn default_type(self) -> ChecksumType {
        if self == Self::Crc64Nvme { ChecksumType::FullObject } else { ChecksumType::Composite }
    }
}

impl fmt::Display for ChecksumAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ChecksumType {
    /// AWS's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Composite => "COMPOSITE",
            Self::FullObject => "FULL_OBJECT",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Composite, Self::FullObject].into_iter().find(|of| of.name() == name)
    }
}
