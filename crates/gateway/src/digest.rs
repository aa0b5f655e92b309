//! Whether a body is the one that its digests are of.
//!
//! Owns the bodies of S3's requests that are read whole. Refuses to know payloads that are read as they come: whoever stores
//! those computes their checksums while it does.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html>

use aws_chunked::{Mode, Trailer};
use aws_model::{Location, Model, Operation};
use aws_protocol::Request;
use checksums::{Checksum, ChecksumAlgorithm, Hasher};
use service_api::ServiceError;
use sigv4::{ChunkSignatures, Flavour};

use crate::authenticate::CONTENT_SHA256;
use crate::incoming;

const CONTENT_MD5: &str = "content-md5";
/// What says by which algorithm the body is covered.
const SDK_ALGORITHM: &str = "x-amz-sdk-checksum-algorithm";
/// Operations whose body may be covered and need not be. All others that can say by what have to.
const NOT_REQUIRED: [&str; 3] = ["PutBucketAbac", "PutBucketAccelerateConfiguration", "RestoreObject"];

/// Takes the framing off a body that is all there, and looks at its digests.
///
/// # Errors
/// It is not what the head says.
pub(crate) fn settle(
    model: &Model,
    operation: &Operation,
    request: &mut Request,
    chunks: Option<ChunkSignatures>,
) -> Result<(), ServiceError> {
    let mut trailer = Trailer::new();
    if request.header(CONTENT_SHA256).and_then(Mode::of_header).is_some() {
        (request.body, trailer) = incoming::unframed(request, chunks, Flavour::S3)?;
        request.headers.remove(CONTENT_SHA256);
    }
    verify(model, operation, request, &trailer)
}

/// Compares a body with what the head and the trailer say of it.
///
/// # Errors
/// It is another, they are none, or there are none where there have to be.
fn verify(
    model: &Model,
    operation: &Operation,
    request: &Request,
    trailer: &[(String, String)],
) -> Result<(), ServiceError> {
    let has_md5 = match request.header(CONTENT_MD5) {
        Some(text) => verify_md5(text, &request.body).map(|()| true)?,
        None => false,
    };
    // In others, such as the one that completes an upload, checksums are those of an object.
    if !is_covered(model, operation) {
        return Ok(());
    }
    let has_checksum = verify_checksum(request, trailer)?;
    let is_required = !NOT_REQUIRED.contains(&operation.name) && !request.body.is_empty();
    if is_required && !has_md5 && !has_checksum {
        let message = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*";
        return Err(invalid(message));
    }
    Ok(())
}

/// Whether the head of an operation's requests can say by which algorithm its body is covered.
fn is_covered(model: &Model, operation: &Operation) -> bool {
    let input = operation.input.as_ref().and_then(|input| model.structure(input.shape));
    input.is_some_and(|input| {
        let mut members = input.members.iter().filter(|member| member.location == Location::Header);
        members.any(|member| member.wire_name() == SDK_ALGORITHM)
    })
}

fn verify_md5(text: &str, body: &[u8]) -> Result<(), ServiceError> {
    let algorithm = ChecksumAlgorithm::Md5;
    let said = Checksum::of_base64(algorithm, text.trim()).map_err(|_| {
        let message = "The Content-MD5 you specified was invalid.";
        ServiceError::new("InvalidDigest", message).with_status(400).with_field("Content-MD5", text)
    })?;
    let found = Hasher::of(algorithm, body);
    if said == found {
        return Ok(());
    }
    let message = "The Content-MD5 you specified did not match what we received.";
    let error = ServiceError::new("BadDigest", message).with_status(400);
    Err(error
        .with_field("ExpectedDigest", said.to_base64())
        .with_field("CalculatedDigest", found.to_base64()))
}

/// Tells whether there is a checksum, which then is the body's.
fn verify_checksum(request: &Request, trailer: &[(String, String)]) -> Result<bool, ServiceError> {
    let in_head =
        request.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let in_trailer = trailer.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let said: Vec<(ChecksumAlgorithm, &str)> = in_head
        .chain(in_trailer)
        .filter_map(|(name, value)| Some((ChecksumAlgorithm::of_header(name)?, value)))
        .collect();
    let named = request.header(SDK_ALGORITHM);
    let (algorithm, text) = match said[..] {
        [] if named.is_some() => {
            return Err(invalid(
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
            ));
        }
        [] => return Ok(false),
        [one] => one,
        _ => {
            return Err(invalid(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
    };
    if named.is_some_and(|named| ChecksumAlgorithm::named(named) != Some(algorithm)) {
        return Err(invalid("Value for x-amz-sdk-checksum-algorithm header is invalid."));
    }
    let said = Checksum::of_base64(algorithm, text.trim()).map_err(|error| invalid(&error.to_string()))?;
    if said == Hasher::of(algorithm, &request.body) {
        return Ok(true);
    }
    let message = format!("The {algorithm} you specified did not match the calculated checksum.");
    Err(ServiceError::new("BadDigest", message).with_status(400))
}

fn invalid(message: &str) -> ServiceError {
    ServiceError::new("InvalidRequest", message).with_status(400)
}
