//! What the access log of a bucket tells of a request.
//!
//! Owns which requests are followed, which are those that name a bucket with a log, whoever makes them and whatever is answered; and
//! when they are told: once, when the last byte of the answer was given to the connection, or nobody takes the rest. Refuses to know
//! where lines go.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html>

use std::sync::Arc;
use std::time::Instant;

use aws_protocol::Request;
use aws_types::Partition;
use bucket_rules::{AccessLogEntry, CanonicalUserId, operation_name};
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, REFERER, USER_AGENT};
use http::{HeaderMap, Method, StatusCode};
use percent_encoding::percent_decode_str;
use service_api::{Principal, PrincipalKind};
use sigv4::Place;

use super::{Handler, Received};
use crate::Buckets;
use crate::access::Access;
use crate::incoming;
use crate::virtual_host::Addressed;

/// How requests are signed.
const SIGNATURE_VERSION: &str = "SigV4";
/// The other id of a request, which answers have beside the first.
const HOST_ID: &str = "x-amz-id-2";

/// A request that is followed. Tells of it when it is dropped.
pub(crate) struct BucketLog {
    buckets: Arc<dyn Buckets>,
    partition: Partition,
    method: String,
    is_website: bool,
    /// How long the payload of the request is.
    given_bytes: Option<u64>,
    came: Instant,
    /// When answering began.
    begun: Instant,
    sent_bytes: u64,
    /// Whether there is an answer, and the request was one to S3.
    is_answered: bool,
    entry: AccessLogEntry,
}

impl Handler {
    /// Follows a request, if it names a bucket that has a log.
    pub(super) fn follow(
        &self,
        received: &Received,
        addressed: &Addressed,
        access: &Access,
    ) -> Option<Box<BucketLog>> {
        let partition = self.config.partition;
        if addressed.bucket.is_empty() || !self.buckets.is_logged(partition, &addressed.bucket) {
            return None;
        }
        let Received { request, version, host, presented, peer, site, .. } = received;
        let header = |name: &str| request.header(name).map(str::to_owned);
        let place = presented.as_ref().ok().map(|presented| presented.place);
        let key = match site {
            Some(_) => decoded(request.path.strip_prefix('/').unwrap_or(&request.path)),
            None => addressed.key.clone(),
        };
        let separator = if request.query.is_empty() { "" } else { "?" };
        let entry = AccessLogEntry {
            bucket: addressed.bucket.clone(),
            time: self.clock.now(),
            remote_ip: Some(peer.ip),
            request_id: access.request_id.to_string(),
            key: Some(key).filter(|key| !key.is_empty()),
            request_uri: Some(format!(
                "{} {}{separator}{} {version:?}",
                request.method, request.path, request.query
            )),
            referer: header(REFERER.as_str()),
            user_agent: header(USER_AGENT.as_str()),
            version_id: version_id(&request.query),
            signature_version: place.map(|_| SIGNATURE_VERSION),
            cipher_suite: peer.tls.map(|tls| tls.cipher_suite.to_owned()),
            authentication: place.and_then(|place| match place {
                Place::Header => Some("AuthHeader"),
                Place::Query { .. } => Some("QueryString"),
                Place::Form => None,
            }),
            host_header: host.clone(),
            tls_version: peer.tls.map(|tls| tls.version.to_owned()),
            ..AccessLogEntry::default()
        };
        Some(Box::new(BucketLog {
            buckets: Arc::clone(&self.buckets),
            partition,
            method: request.method.clone(),
            is_website: site.is_some(),
            given_bytes: given_bytes(request),
            came: access.started,
            begun: Instant::now(),
            sent_bytes: 0,
            is_answered: false,
            entry,
        }))
    }
}

impl BucketLog {
    /// Who asks: the canonical id of an account, for its root user, and the ARN of everybody else.
    pub(crate) fn set_requester(&mut self, principal: &Principal) {
        self.entry.requester = match principal.kind {
            PrincipalKind::Anonymous => None,
            PrincipalKind::Root => Some(CanonicalUserId::of(principal.account).to_string()),
            PrincipalKind::User { .. }
            | PrincipalKind::AssumedRole { .. }
            | PrincipalKind::FederatedUser { .. } => Some(principal.arn.to_string()),
        };
    }

    /// What it is about, where its path does not tell.
    pub(crate) fn set_key(&mut self, key: &str) {
        self.entry.key = Some(key.to_owned());
    }

    /// The form of a browser was signed.
    pub(crate) fn set_signed(&mut self) {
        self.entry.signature_version = Some(SIGNATURE_VERSION);
    }

    /// The answer is there, and its head is about to be sent.
    pub(crate) fn answered(&mut self, operation: &str, status: u16, code: Option<&str>, headers: &HeaderMap) {
        self.is_answered = true;
        self.entry.operation = self.operation(operation);
        self.entry.status = Some(status);
        self.entry.error_code = code.map(str::to_owned);
        self.entry.object_bytes = self.object_bytes(operation, status, headers);
        self.entry.host_id = text(headers, HOST_ID).map(str::to_owned);
        self.entry.turn_around_millis = Some(millis(self.begun));
    }

    /// More of the answer's body was given to the connection.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent_bytes += bytes as u64;
    }

    fn operation(&self, name: &str) -> String {
        let method = self.method.as_str();
        if self.is_website {
            return format!("WEBSITE.{method}.OBJECT");
        }
        if name != Access::NO_OPERATION {
            return operation_name(name, method);
        }
        let resource = if method == Method::OPTIONS.as_str() {
            "PREFLIGHT"
        } else if self.entry.key.is_some() {
            "OBJECT"
        } else {
            "BUCKET"
        };
        format!("REST.{method}.{resource}")
    }

    /// How long the object is that was read, or written in one piece.
    fn object_bytes(&self, operation: &str, status: u16, headers: &HeaderMap) -> Option<u64> {
        const OK: u16 = StatusCode::OK.as_u16();
        const PARTIAL: u16 = StatusCode::PARTIAL_CONTENT.as_u16();
        match (operation, status) {
            ("GetObject" | "HeadObject", OK) => text(headers, CONTENT_LENGTH.as_str())?.parse().ok(),
            ("GetObject" | "HeadObject", PARTIAL) => {
                text(headers, CONTENT_RANGE.as_str())?.rsplit_once('/')?.1.parse().ok()
            }
            ("PutObject" | "UploadPart", OK) if self.method == Method::PUT.as_str() => self.given_bytes,
            _ => None,
        }
    }
}

impl Drop for BucketLog {
    fn drop(&mut self) {
        if !self.is_answered {
            return;
        }
        self.entry.sent_bytes = Some(self.sent_bytes).filter(|bytes| *bytes > 0);
        self.entry.total_millis = Some(millis(self.came));
        self.buckets.log_access(self.partition, &self.entry);
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// How long a payload is, without the framing of its chunks.
fn given_bytes(request: &Request) -> Option<u64> {
    let decoded = request.header(incoming::DECODED_LENGTH).map(|length| length.trim().parse().ok());
    decoded.unwrap_or_else(|| incoming::announced(request))
}

fn version_id(query: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == "versionId")?;
    Some(decoded(value))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
