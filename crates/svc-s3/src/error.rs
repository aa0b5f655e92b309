//! Errors in AWS's words, and what the stores say as such.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>

use std::borrow::Cow;

use bucket_rules::RuleError;
use object_store::{BlobError, StoreError};
use service_api::ServiceError;

/// Why an operation was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What AWS answers.
    #[error(transparent)]
    Answer(#[from] ServiceError),
    /// What the rules of buckets refuse.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// The records of buckets could not be changed.
    #[error(transparent)]
    Records(#[from] store::StoreError),
    /// Rows could not be read or written.
    #[error(transparent)]
    Rows(#[from] StoreError),
    /// A content could not be read or written.
    #[error(transparent)]
    Content(#[from] BlobError),
    /// A row is nothing that any build writes.
    #[error("a row of S3 does not decode: {0}")]
    Malformed(String),
}

impl From<Failure> for ServiceError {
    fn from(failure: Failure) -> Self {
        let is_full = matches!(failure, Failure::Rows(StoreError::Full) | Failure::Content(BlobError::Full));
        match failure {
            Failure::Answer(error) => error,
            Failure::Rule(refused) => of_rule(&refused),
            Failure::Records(error) => error.into(),
            // A disk that is full is answered as load that passes: clients wait and try again.
            _ if is_full => Self {
                status: Some(503),
                is_fault: true,
                ..Self::new("SlowDown", "Please reduce your request rate.")
            },
            // A copy's source was removed between being found and being referred to.
            Failure::Rows(StoreError::UnknownBlob(_)) => conflict(),
            Failure::Rows(StoreError::Interrupted | StoreError::Unavailable | StoreError::Closed) => Self {
                status: Some(503),
                is_fault: true,
                ..Self::new("ServiceUnavailable", "Service is unable to handle request.")
            },
            Failure::Content(BlobError::TooLong) => entity_too_large(),
            other => Self::internal(format!("We encountered an internal error. Please try again. ({other})")),
        }
    }
}

/// An error with its status.
pub(crate) fn error(
    status: u16,
    code: impl Into<Cow<'static, str>>,
    message: impl Into<String>,
) -> ServiceError {
    ServiceError::new(code, message).with_status(status)
}

/// What a rule refuses, with the elements that stand beside the message.
pub(crate) fn of_rule(refused: &RuleError) -> ServiceError {
    let plain = error(refused.status(), refused.code(), refused.to_string());
    refused.details().into_iter().fold(plain, |error, (name, value)| error.with_field(name, value))
}

/// Something is not configured of a bucket.
pub(crate) fn not_configured(code: &'static str, message: &str, bucket: &str) -> ServiceError {
    error(404, code, message).with_field("BucketName", bucket)
}

pub(crate) fn no_such_bucket(name: &str) -> ServiceError {
    error(404, "NoSuchBucket", "The specified bucket does not exist").with_field("BucketName", name)
}

pub(crate) fn no_such_key(key: &str) -> ServiceError {
    error(404, "NoSuchKey", "The specified key does not exist.").with_field("Key", key)
}

pub(crate) fn no_such_version(key: &str, version: &str) -> ServiceError {
    let error = error(404, "NoSuchVersion", "The specified version does not exist.");
    error.with_field("Key", key).with_field("VersionId", version)
}

pub(crate) fn no_such_upload(upload: &str) -> ServiceError {
    let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or \
                   completed.";
    error(404, "NoSuchUpload", message).with_field("UploadId", upload)
}

/// An argument is not one that it can be.
pub(crate) fn invalid_argument(message: impl Into<String>, name: &str, value: &str) -> ServiceError {
    let error = error(400, "InvalidArgument", message);
    error.with_field("ArgumentName", name).with_field("ArgumentValue", value)
}

pub(crate) fn invalid_request(message: impl Into<String>) -> ServiceError {
    error(400, "InvalidRequest", message)
}

pub(crate) fn bad_digest(message: impl Into<String>) -> ServiceError {
    error(400, "BadDigest", message)
}

pub(crate) fn access_denied(message: &str) -> ServiceError {
    error(403, "AccessDenied", message)
}

/// Something is not built.
pub(crate) fn not_implemented(what: &str) -> ServiceError {
    let message = format!("A header you provided implies functionality that is not implemented: {what}.");
    error(501, "NotImplemented", message)
}

pub(crate) fn conflict() -> ServiceError {
    let message = "A conflicting conditional operation is currently in progress against this resource. Please try again.";
    error(409, "OperationAborted", message)
}

pub(crate) fn entity_too_large() -> ServiceError {
    error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
}

pub(crate) fn malformed_xml() -> ServiceError {
    let message = "The XML you provided was not well-formed or did not validate against our published schema";
    error(400, "MalformedXML", message)
}
