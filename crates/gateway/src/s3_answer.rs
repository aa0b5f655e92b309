//! What answers of S3 have that its model does not say.
//!
//! Owns which members of errors are headers, the status of a part of an object, and the region beside answers about a bucket.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonResponseHeaders.html>

use aws_model::Value;
use aws_protocol::Response;
use aws_types::Region;
use bucket_rules::RuleError;
use bytes::Bytes;
use http::header::{CONTENT_RANGE, SERVER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use service_api::ServiceError;

const BUCKET_REGION: &str = "x-amz-bucket-region";

/// An answer without a body.
pub(crate) fn empty(status: StatusCode, request_id: &str) -> Response {
    let mut headers = HeaderMap::new();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amz-id-2", id.clone());
        headers.insert("x-amz-request-id", id);
    }
    Response { status, headers, body: Bytes::new() }
}

/// Sets the status of what succeeded: a part of an object has one of its own.
pub(crate) fn set_status(response: &mut Response) {
    if response.status == StatusCode::OK && response.headers.contains_key(CONTENT_RANGE) {
        response.status = StatusCode::PARTIAL_CONTENT;
    }
}

/// Makes headers of those members of an error that S3 tells there, for who asks by HEAD sees nothing else.
pub(crate) fn with_headers(mut error: ServiceError) -> ServiceError {
    if let Some(region) = text(&error, "Region") {
        error = error.with_header(BUCKET_REGION, region);
    }
    if take(&mut error, "DeleteMarker").is_some() {
        error = error.with_header("x-amz-delete-marker", "true");
        if let Some(version) = take(&mut error, "VersionId") {
            error = error.with_header("x-amz-version-id", version);
        }
        if error.code == "MethodNotAllowed" {
            error = error.with_header("allow", "DELETE");
        }
    }
    if error.code == "NotModified"
        && let Some(tag) = take(&mut error, "ETag")
    {
        error = error.with_header("etag", tag);
    }
    error
}

fn text(error: &ServiceError, name: &str) -> Option<String> {
    match error.fields.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    }
}

fn take(error: &mut ServiceError, name: &str) -> Option<String> {
    match error.fields.take(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// Sets what every answer of S3 has, and the region where it is about a bucket.
pub(crate) fn finish(headers: &mut HeaderMap, region: Option<&Region>) {
    headers.insert(SERVER, HeaderValue::from_static("AmazonS3"));
    if let Some(region) = region
        && let Ok(region) = HeaderValue::from_str(region.as_str())
    {
        headers.entry(HeaderName::from_static(BUCKET_REGION)).or_insert(region);
    }
}

/// What a rule refuses.
pub(crate) fn of_rule(refused: &RuleError) -> ServiceError {
    let error = ServiceError::new(refused.code(), refused.to_string()).with_status(refused.status());
    refused.details().into_iter().fold(error, |error, (name, value)| error.with_field(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_become_headers() {
        let check = |error: ServiceError, headers: &[(&str, &str)], fields: &[&str]| {
            let error = with_headers(error);
            let found: Vec<_> = error.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(found, headers);
            assert_eq!(error.fields.iter().map(|(name, _)| name).collect::<Vec<_>>(), fields);
        };
        let error = |code: &'static str| ServiceError::new(code, "");
        check(
            error("PermanentRedirect").with_field("Region", "eu-west-1"),
            &[("x-amz-bucket-region", "eu-west-1")],
            &["Region"],
        );
        check(
            error("NoSuchKey")
                .with_field("Key", "a")
                .with_field("DeleteMarker", "true")
                .with_field("VersionId", "v"),
            &[("x-amz-delete-marker", "true"), ("x-amz-version-id", "v")],
            &["Key"],
        );
        check(
            error("MethodNotAllowed").with_field("DeleteMarker", "true"),
            &[("x-amz-delete-marker", "true"), ("allow", "DELETE")],
            &[],
        );
        check(error("NotModified").with_field("ETag", "\"a\""), &[("etag", "\"a\"")], &[]);
        check(error("NoSuchVersion").with_field("VersionId", "v"), &[], &["VersionId"]);
    }
}
