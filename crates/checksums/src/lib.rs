//! The checksums that S3 keeps of objects: compute, read, combine.
//!
//! Owns the algorithms by AWS's names, and how the checksum of an object follows from those of its parts. Refuses to know
//! requests and where bytes are. Pure.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>

mod algorithm;
mod checksum;
mod hasher;
mod parts;

pub use algorithm::{ChecksumAlgorithm, ChecksumType};
pub use checksum::{BadChecksum, Checksum};
pub use hasher::Hasher;
pub use parts::{composite, full_object};
