//! What S3 does with requests otherwise than all other services, before they come to it.
//!
//! Owns which unsigned requests are taken for its, what it says of signatures, and the forms that a request may have beside
//! that of its model. Refuses to know buckets and objects.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>

use aws_protocol::{Codec, Request};
use aws_types::Region;
use http::header::{AUTHORIZATION, CONTENT_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use service_api::ServiceError;
use sigv4::{CLOCK_SKEW_SECS, Flavour, MAX_PRESIGNED_SECS, Place, Presented, SignatureError};

use crate::target::{TARGET_HEADER, version};
use crate::virtual_host;

/// The name of the model, and of the service in signatures.
pub(crate) const S3: &str = "s3";
/// What bodies in chunks have for their content encoding. It is no property of the object.
const AWS_CHUNKED: &str = "aws-chunked";
/// Parameters of a presigned query that are about its signature. The others of the prefix stand for headers.
const OF_SIGNATURE: [&str; 8] = [
    "x-amz-algorithm",
    "x-amz-content-sha256",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// Whether a request that is not signed, and whose host names no service, is taken for one to S3: every path can be a bucket
/// and a key, so that it is what nothing else claims.
pub(crate) fn claims(request: &Request, host: Option<&str>) -> bool {
    let is_of_another = request.headers.contains_key(TARGET_HEADER)
        || request.path.starts_with("/service/")
        || version(request).is_some();
    let has_bucket = !request.path.trim_matches('/').is_empty()
        || host.is_some_and(|host| virtual_host::bucket(host).is_some());
    !is_of_another && has_bucket
}

/// What whoever does not sign may not ask for at all.
///
/// # Errors
/// The request asks for it.
pub(crate) fn check_anonymous(request: &Request) -> Result<(), ServiceError> {
    if names(&request.query).any(|name| name.starts_with("response-")) {
        let message = "Request specific response headers cannot be used for anonymous GET requests.";
        return Err(ServiceError::new("InvalidRequest", message).with_status(400));
    }
    Ok(())
}

/// What a signature is not looked at for: a request that is signed in two ways.
///
/// # Errors
/// It is.
pub(crate) fn check_one_signature(
    presented: &Presented,
    request: &sigv4::Request<'_>,
) -> Result<(), SignatureError> {
    let in_query = |name: &str| ["X-Amz-Algorithm", "X-Amz-Signature", "AWSAccessKeyId"].contains(&name);
    let is_twice = presented.place == Place::Header && names(request.query).any(in_query);
    if is_twice { Err(SignatureError::Several) } else { Ok(()) }
}

/// The same request as the model knows it: with the bucket of its host in its path, and with the headers that are in its
/// query. `None` where it is so already, and for other services.
pub(crate) fn as_modelled(codec: Codec, request: &Request, host: Option<&str>) -> Option<Request> {
    let addressed = virtual_host::in_path(codec, request, host);
    let is_presigned = codec.model().metadata.signing_name == S3
        && names(&request.query).any(|name| name == "X-Amz-Signature");
    if !is_presigned {
        return addressed;
    }
    let mut modelled = addressed.unwrap_or_else(|| request.clone());
    take_headers_from_query(&mut modelled);
    Some(modelled)
}

/// What is answered to whoever does not sign and may not.
pub(crate) fn denied() -> ServiceError {
    ServiceError::new("AccessDenied", "Access Denied").with_status(403)
}

/// What is answered to whoever does not sign and names a bucket that is not there.
pub(crate) fn no_such_bucket(name: &str) -> ServiceError {
    let error = ServiceError::new("NoSuchBucket", "The specified bucket does not exist").with_status(404);
    error.with_field("BucketName", name)
}

/// Makes headers of what a presigned query has in their place: clients put every header of AWS there, so that whoever gets
/// the address need not send them.
fn take_headers_from_query(request: &mut Request) {
    let mut found = Vec::new();
    for pair in request.query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = name.to_ascii_lowercase();
        if !name.starts_with("x-amz-") || OF_SIGNATURE.contains(&name.as_str()) {
            continue;
        }
        let value: Vec<u8> = percent_decode_str(value).collect();
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&value))
        {
            found.push((name, value));
        }
    }
    for (name, value) in found {
        request.headers.entry(name).or_insert(value);
    }
}

/// Takes the framing of the body out of what is said of its encoding.
pub(crate) fn forget_chunks(headers: &mut HeaderMap) {
    let Some(encoding) = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()) else { return };
    let parts = || encoding.split(',').map(str::trim);
    if !parts().any(|part| part.eq_ignore_ascii_case(AWS_CHUNKED)) {
        return;
    }
    let kept: Vec<&str> = parts().filter(|part| !part.eq_ignore_ascii_case(AWS_CHUNKED)).collect();
    match HeaderValue::from_str(&kept.join(",")) {
        Ok(value) if !kept.is_empty() => drop(headers.insert(CONTENT_ENCODING, value)),
        _ => drop(headers.remove(CONTENT_ENCODING)),
    }
}

/// What is wrong with how a request is signed, in S3's words and with what it tells beside them.
pub(crate) fn signature_error(
    error: &SignatureError,
    request: &Request,
    presented: Option<&Presented>,
    endpoint: &Region,
) -> ServiceError {
    let aws = error.to_aws(Flavour::S3);
    let failed = |code: &'static str, message: String| ServiceError::new(code, message).with_status(400);
    let same = |message: String| ServiceError::new(aws.code, message).with_status(aws.status);
    match error {
        SignatureError::Incomplete(message) if !request.headers.contains_key(AUTHORIZATION) => {
            failed("AuthorizationQueryParametersError", message.clone())
        }
        SignatureError::BadExpiry(secs) => same(bad_expiry(*secs)),
        SignatureError::BadRegion(region) => same(format!(
            "The authorization header is malformed; the region '{region}' is wrong; expecting '{endpoint}'"
        ))
        .with_field("Region", endpoint.as_str()),
        SignatureError::UnknownKey => {
            same(aws.message.clone()).with_field("AWSAccessKeyId", key_of(presented))
        }
        SignatureError::Mismatch { canonical_request, string_to_sign } => {
            let error = same(aws.message.clone())
                .with_field("AWSAccessKeyId", key_of(presented))
                .with_field("StringToSign", string_to_sign.as_str())
                .with_field("SignatureProvided", presented.map_or("", |presented| &presented.signature));
            // What is signed of a form is its policy, and no request.
            let is_form = canonical_request.is_empty();
            if is_form { error } else { error.with_field("CanonicalRequest", canonical_request.as_str()) }
        }
        SignatureError::Expired { time, now } | SignatureError::NotYetCurrent { time, now } => {
            same(aws.message.clone())
                .with_field("RequestTime", time.to_string())
                .with_field("ServerTime", now.to_iso8601())
                .with_field("MaxAllowedSkewMilliseconds", (CLOCK_SKEW_SECS * 1000).to_string())
        }
        SignatureError::PresignedExpired { until, now } => {
            let expires = presented.and_then(|presented| match presented.place {
                Place::Query { expires_secs } => Some(expires_secs.to_string()),
                Place::Header | Place::Form => None,
            });
            same(aws.message.clone())
                .with_field("X-Amz-Expires", expires.unwrap_or_default())
                .with_field("Expires", until.to_iso8601())
                .with_field("ServerTime", now.to_iso8601())
        }
        SignatureError::HeaderNotSigned(name) => {
            same("There were headers present in the request which were not signed".to_owned())
                .with_field("HeadersNotSigned", name.as_str())
        }
        SignatureError::BadPayloadHash(value) => same(aws.message.clone())
            .with_field("ArgumentName", "x-amz-content-sha256")
            .with_field("ArgumentValue", value.as_str()),
        _ => same(aws.message.clone()),
    }
}

fn bad_expiry(secs: u32) -> String {
    if secs > MAX_PRESIGNED_SECS {
        format!(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than {MAX_PRESIGNED_SECS} seconds"
        )
    } else {
        "X-Amz-Expires must be greater than 0 seconds".to_owned()
    }
}

fn key_of(presented: Option<&Presented>) -> &str {
    presented.map_or("", |presented| &presented.access_key_id)
}

/// The names of a query's parameters, as they were sent.
pub(crate) fn names(query: &str) -> impl Iterator<Item = &str> {
    query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, target: &str) -> Request {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
        }
    }

    #[test]
    fn what_nothing_else_claims_is_for_s3() {
        let check = |target: &str, host: &str, expected: bool| {
            assert_eq!(claims(&request("GET", target), Some(host)), expected, "{host}{target}");
        };
        check("/bucket", "localhost:4566", true);
        check("/bucket/a/b?versionId=1", "127.0.0.1", true);
        check("/", "localhost", false);
        check("/", "bucket.localhost:4566", true);
        check("/?Action=ListUsers&Version=2010-05-08", "bucket.localhost", false);
        check("/service/GraniteServiceVersion20100801/operation/ListMetrics", "localhost", false);
    }

    #[test]
    fn chunks_are_no_encoding_of_what_is_stored() {
        let check = |before: &str, after: Option<&str>| {
            let mut headers = HeaderMap::from_iter([(CONTENT_ENCODING, before.parse().expect("a value"))]);
            forget_chunks(&mut headers);
            assert_eq!(headers.get(CONTENT_ENCODING).map(|value| value.to_str().expect("text")), after);
        };
        check("gzip", Some("gzip"));
        check("aws-chunked", None);
        check("gzip, aws-chunked", Some("gzip"));
        check("aws-chunked,gzip, br", Some("gzip,br"));
        check("aws-chunked, AWS-chunked", None);
    }

    #[test]
    fn a_presigned_query_stands_for_headers() {
        let mut asked = request(
            "PUT",
            "/b/k?X-Amz-Date=x&x-amz-acl=public-read&X-Amz-Meta-A=b%20c&x-id=PutObject&x-amz-tagging=a",
        );
        asked.headers.insert("x-amz-tagging", HeaderValue::from_static("sent"));
        take_headers_from_query(&mut asked);
        let header = |name: &str| asked.header(name);
        assert_eq!(header("x-amz-acl"), Some("public-read"));
        assert_eq!(header("x-amz-meta-a"), Some("b c"));
        assert_eq!(header("x-amz-tagging"), Some("sent"));
        assert_eq!(header("x-amz-date"), None);
    }
}
