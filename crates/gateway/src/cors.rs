//! Requests of pages from other origins: the headers beside their answers, and preflights.
//!
//! Owns which bucket's rules are asked, and what is said where there is no bucket. What the rules mean is in `bucket-rules`.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html>

use aws_protocol::Request;
use aws_types::Partition;
use bucket_rules::{CorsHeaders, CorsRequest, RuleError, preflight};
use http::header::ORIGIN;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Buckets;
use crate::virtual_host::Addressed;

const REQUEST_METHOD: &str = "access-control-request-method";
const REQUEST_HEADERS: &str = "access-control-request-headers";
const NO_BUCKET: &str = "Bucket not found";

/// What a request says of where it comes from.
pub(crate) struct CrossOrigin {
    method: String,
    origin: Option<String>,
    request_method: Option<String>,
    request_headers: Option<String>,
    addressed: Addressed,
}

impl CrossOrigin {
    pub(crate) fn of(request: &Request, addressed: Addressed) -> Self {
        let header = |name: &str| request.header(name).map(str::to_owned);
        Self {
            method: request.method.clone(),
            origin: header(ORIGIN.as_str()),
            request_method: header(REQUEST_METHOD),
            request_headers: header(REQUEST_HEADERS),
            addressed,
        }
    }

    fn asked(&self) -> CorsRequest<'_> {
        CorsRequest {
            method: &self.method,
            origin: self.origin.as_deref(),
            request_method: self.request_method.as_deref(),
            request_headers: self.request_headers.as_deref(),
            is_object: !self.addressed.key.is_empty(),
        }
    }

    /// The answer to a preflight.
    ///
    /// # Errors
    /// It is none, or the rules do not let pass what it asks for.
    pub(crate) fn preflight(
        &self,
        buckets: &dyn Buckets,
        partition: Partition,
    ) -> Result<CorsHeaders, RuleError> {
        let bucket = buckets.bucket(partition, &self.addressed.bucket);
        let rules = bucket.as_ref().and_then(|bucket| bucket.cors.as_deref());
        preflight(rules, &self.asked()).map_err(|refused| match refused {
            RuleError::CorsForbidden { method, resource_type, .. } if bucket.is_none() => {
                RuleError::CorsForbidden { message: NO_BUCKET, method, resource_type }
            }
            refused => refused,
        })
    }

    /// Adds to an answer what lets a page of another origin read it.
    pub(crate) fn add_headers(&self, buckets: &dyn Buckets, partition: Partition, headers: &mut HeaderMap) {
        if self.origin.is_none() {
            return;
        }
        let bucket = buckets.bucket(partition, &self.addressed.bucket);
        if let Some(rules) = bucket.and_then(|bucket| bucket.cors) {
            insert(headers, rules.headers(&self.asked()));
        }
    }
}

/// Sets headers of rules.
pub(crate) fn insert(headers: &mut HeaderMap, from: CorsHeaders) {
    for (name, value) in from {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(name, value);
        }
    }
}
