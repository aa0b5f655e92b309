//! Contents on their way in: hashed and sealed in one pass, and compared with what the client says of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checksums::{Checksum, ChecksumAlgorithm, Hasher};
use object_store::{Blob, BlobSecret};
use service_api::{Payload, ServiceError};

use crate::State;
use crate::error::{self, Failure};

/// How long an object can be that is sent in one request, and a part.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
pub(crate) const MOST_BYTES: u64 = 5 << 30;

/// What a client says of a content.
#[derive(Default)]
pub(crate) struct Said {
    /// The header of MD5.
    pub(crate) md5: Option<Checksum>,
    /// The header of another checksum.
    pub(crate) checksum: Option<Checksum>,
    /// The algorithm that it uses.
    pub(crate) algorithm: Option<ChecksumAlgorithm>,
}

/// A content that was taken in.
pub(crate) struct Taken {
    pub(crate) blob: Blob,
    pub(crate) md5: Checksum,
    /// The checksum to keep.
    pub(crate) checksum: Checksum,
}

impl Said {
    /// Reads the headers.
    ///
    /// # Errors
    /// A digest that is none, or algorithms that are not one.
    pub(crate) fn of(
        md5: Option<&str>,
        checksum: Option<Checksum>,
        algorithm: Option<&str>,
    ) -> Result<Self, ServiceError> {
        let md5 = md5.map(|text| {
            let read = STANDARD.decode(text).ok();
            let read = read.and_then(|bytes| Checksum::of_bytes(ChecksumAlgorithm::Md5, &bytes).ok());
            read.ok_or_else(|| {
                let error = error::error(400, "InvalidDigest", "The Content-MD5 you specified was invalid.");
                error.with_field("Content-MD5", text)
            })
        });
        let algorithm = algorithm.map(crate::checksum::algorithm).transpose()?;
        if let (Some(algorithm), Some(checksum)) = (algorithm, &checksum)
            && algorithm != checksum.algorithm()
        {
            return Err(error::invalid_request("Value for x-amz-sdk-checksum-algorithm header is invalid."));
        }
        Ok(Self { md5: md5.transpose()?, checksum, algorithm })
    }

    /// Takes a content in. What is kept is a checksum by `keep`, or by the algorithm that the client uses.
    ///
    /// # Errors
    /// It is not what the client says, or cannot be written; nothing is left of it then.
    pub(crate) fn take(
        self,
        state: &State,
        secret: &BlobSecret,
        payload: &mut dyn Payload,
        keep: Option<ChecksumAlgorithm>,
    ) -> Result<Taken, Failure> {
        if payload.length() > MOST_BYTES {
            return Err(error::entity_too_large().into());
        }
        let used = self.checksum.as_ref().map(Checksum::algorithm).or(self.algorithm);
        let keep = keep.or(used);
        let mut md5 = Hasher::new(ChecksumAlgorithm::Md5);
        let mut hashers = Vec::new();
        for algorithm in [used, Some(keep.unwrap_or(ChecksumAlgorithm::Crc64Nvme))].into_iter().flatten() {
            if !hashers.iter().any(|hasher: &Hasher| hasher.algorithm() == algorithm) {
                hashers.push(Hasher::new(algorithm));
            }
        }
        let mut writer = state.objects.writer_under(secret);
        while let Some(piece) = payload.next()? {
            md5.update(&piece);
            hashers.iter_mut().for_each(|hasher| hasher.update(&piece));
            writer.write(&piece)?;
        }
        let md5 = md5.finish();
        if self.md5.as_ref().is_some_and(|said| *said != md5) {
            return Err(
                error::bad_digest("The Content-MD5 you specified did not match what we received.").into()
            );
        }
        let mut computed: Vec<Checksum> = hashers.into_iter().map(Hasher::finish).collect();
        let behind = trailing(payload)?;
        // For each the content would be read once more.
        if behind.len() + usize::from(self.checksum.is_some()) > 1 {
            return Err(crate::checksum::several().into());
        }
        if self.algorithm.is_some() && self.checksum.is_none() && behind.is_empty() {
            let message = "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer \
                           headers were found.";
            return Err(error::invalid_request(message).into());
        }
        let blob = writer.finish()?;
        let keep = keep.or(behind.first().map(Checksum::algorithm)).unwrap_or(ChecksumAlgorithm::Crc64Nvme);
        for said in self.checksum.iter().chain(&behind) {
            let checksum = of_content(&mut computed, &blob, secret, said.algorithm())?;
            if checksum != *said {
                let message =
                    format!("The {} you specified did not match the calculated checksum.", said.algorithm());
                return Err(error::bad_digest(message).into());
            }
        }
        let checksum = of_content(&mut computed, &blob, secret, keep)?;
        Ok(Taken { blob, md5, checksum })
    }
}

/// The checksums behind a payload.
fn trailing(payload: &dyn Payload) -> Result<Vec<Checksum>, ServiceError> {
    let mut found = Vec::new();
    for algorithm in ChecksumAlgorithm::ALL {
        if let Some(text) = payload.trailing(algorithm.header()) {
            let read = Checksum::of_base64(algorithm, text.trim());
            found.push(read.map_err(|bad| error::invalid_request(bad.to_string()))?);
        }
    }
    Ok(found)
}

/// Whether there is a checksum behind a payload that was read.
///
/// # Errors
/// It is none.
pub(crate) fn has_trailing(payload: &dyn Payload) -> Result<bool, ServiceError> {
    Ok(!trailing(payload)?.is_empty())
}

/// A checksum of a content: one that was computed, or another, for which it is read again. That is so where only what is
/// behind the payload tells the algorithm.
fn of_content(
    computed: &mut Vec<Checksum>,
    blob: &Blob,
    secret: &BlobSecret,
    algorithm: ChecksumAlgorithm,
) -> Result<Checksum, Failure> {
    if let Some(found) = computed.iter().find(|checksum| checksum.algorithm() == algorithm) {
        return Ok(found.clone());
    }
    let mut reader = blob.open(secret)?;
    let mut hasher = Hasher::new(algorithm);
    while let Some(part) = reader.next_part()? {
        hasher.update(part);
    }
    let checksum = hasher.finish();
    computed.push(checksum.clone());
    Ok(checksum)
}
