//! Computing a checksum of bytes as they come.

use std::hash::Hasher as _;

use crc_fast::{CrcAlgorithm, Digest as Crc};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use twox_hash::{XxHash3_64, XxHash3_128, XxHash64};

use crate::{Checksum, ChecksumAlgorithm};

/// Computes one checksum.
#[derive(Clone)]
pub struct Hasher {
    algorithm: ChecksumAlgorithm,
    state: State,
}

#[derive(Clone)]
enum State {
    Crc(Box<Crc>),
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
    Xxhash64(XxHash64),
    Xxhash3(Box<XxHash3_64>),
    Xxhash128(Box<XxHash3_128>),
}

/// The CRC of an algorithm that is one.
pub(crate) fn crc(algorithm: ChecksumAlgorithm) -> Option<CrcAlgorithm> {
    match algorithm {
        ChecksumAlgorithm::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
        ChecksumAlgorithm::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
        ChecksumAlgorithm::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
        _ => None,
    }
}

/// A CRC as a checksum: its lowest bits, as many as it has.
pub(crate) fn of_crc(algorithm: ChecksumAlgorithm, crc: u64) -> Checksum {
    Checksum::new(algorithm, &crc.to_be_bytes()[8 - algorithm.length()..])
}

impl Hasher {
    /// Of no bytes yet.
    pub fn new(algorithm: ChecksumAlgorithm) -> Self {
        let state = match algorithm {
            ChecksumAlgorithm::Crc32 => State::Crc(Box::new(Crc::new(CrcAlgorithm::Crc32IsoHdlc))),
            ChecksumAlgorithm::Crc32c => State::Crc(Box::new(Crc::new(CrcAlgorithm::Crc32Iscsi))),
            ChecksumAlgorithm::Crc64Nvme => State::Crc(Box::new(Crc::new(CrcAlgorithm::Crc64Nvme))),
            ChecksumAlgorithm::Md5 => State::Md5(Md5::new()),
            ChecksumAlgorithm::Sha1 => State::Sha1(Sha1::new()),
            ChecksumAlgorithm::Sha256 => State::Sha256(Sha256::new()),
            ChecksumAlgorithm::Sha512 => State::Sha512(Sha512::new()),
            ChecksumAlgorithm::Xxhash64 => State::Xxhash64(XxHash64::with_seed(0)),
            ChecksumAlgorithm::Xxhash3 => State::Xxhash3(Box::new(XxHash3_64::new())),
            ChecksumAlgorithm::Xxhash128 => State::Xxhash128(Box::new(XxHash3_128::new())),
        };
        Self { algorithm, state }
    }

    /// What it computes.
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Crc(state) => state.update(bytes),
            State::Md5(state) => state.update(bytes),
            State::Sha1(state) => state.update(bytes),
            State::Sha256(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
            State::Xxhash64(state) => state.write(bytes),
            State::Xxhash3(state) => state.write(bytes),
            State::Xxhash128(state) => state.write(bytes),
        }
    }

    /// The checksum of all bytes so far.
    pub fn finish(self) -> Checksum {
        let algorithm = self.algorithm;
        match self.state {
            State::Crc(state) => of_crc(algorithm, state.finalize()),
            State::Md5(state) => Checksum::new(algorithm, &state.finalize()),
            State::Sha1(state) => Checksum::new(algorithm, &state.finalize()),
            State::Sha256(state) => Checksum::new(algorithm, &state.finalize()),
            State::Sha512(state) => Checksum::new(algorithm, &state.finalize()),
            State::Xxhash64(state) => Checksum::new(algorithm, &state.finish().to_be_bytes()),
            State::Xxhash3(state) => Checksum::new(algorithm, &state.finish().to_be_bytes()),
            State::Xxhash128(state) => Checksum::new(algorithm, &state.finish_128().to_be_bytes()),
        }
    }

    /// The checksum of these bytes.
    pub fn of(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Checksum {
        let mut hasher = Self::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }
}
