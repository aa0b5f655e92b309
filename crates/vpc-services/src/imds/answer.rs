//! From one request to one response, without sockets.

use std::net::IpAddr;

use aws_types::Timestamp;
use bytes::Bytes;
use http::header::{ACCEPT_RANGES, ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, LAST_MODIFIED, SERVER};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::Full;
use percent_encoding::percent_decode_str;

use super::metadata::{InstanceMetadata, MetadataDirectory, TokenPolicy};
use super::token::Tokens;
use super::tree::{self, Node};

const TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";
const FORWARDED_HEADER: &str = "x-forwarded-for";
const TOKEN_PATH: &str = "latest/api/token";

/// The time to live, or the IPv6 hop limit, of packets that carry no token.
const DEFAULT_HOP_LIMIT: u8 = 64;

/// A response and how far it may travel.
pub(super) struct Answer {
    pub(super) response: Response<Full<Bytes>>,
    pub(super) hop_limit: u8,
}

impl Answer {
    fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut response = Response::new(Full::new(body.into()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(SERVER, HeaderValue::from_static("EC2ws"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        Self { response, hop_limit: DEFAULT_HOP_LIMIT }
    }

    fn text(body: impl Into<Bytes>) -> Self {
        Self::new(StatusCode::OK, "text/plain", body)
    }

    /// An error page, as the service's web server prints it.
    pub(super) fn error(status: StatusCode) -> Self {
        let title = format!("{} - {}", status.as_str(), status.canonical_reason().unwrap_or("Error"));
        let page = format!(
            "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n\
             <!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n\
             \t\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n\
             <html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n\
             \x20<head>\n  <title>{title}</title>\n </head>\n <body>\n  <h1>{title}</h1>\n </body>\n</html>\n"
        );
        Self::new(status, "text/html", page)
    }

    fn with_token_lifetime(mut self, secs: u32) -> Self {
        self.response.headers_mut().insert(TTL_HEADER, secs.into());
        self
    }
}

/// What a request asks for: everything of it that matters.
pub(super) struct Asked<'a> {
    pub(super) peer: IpAddr,
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) now: Timestamp,
}

/// Answers a request; `None` when the service is not to be found at the address that was asked, which is the IPv6 one of
/// an instance that did not enable it.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-IMDS-new-instances-ipv4-ipv6-endpoints.html>
pub(super) fn answer(
    directory: &dyn MetadataDirectory,
    tokens: &Tokens,
    asked: &Asked<'_>,
) -> Option<Answer> {
    let Some(metadata) = directory.instance(asked.peer) else {
        return Some(Answer::error(StatusCode::NOT_FOUND));
    };
    if asked.peer.is_ipv6() && !metadata.options.is_ipv6_enabled {
        return None;
    }
    Some(answer_instance(tokens, asked, &metadata))
}

fn answer_instance(tokens: &Tokens, asked: &Asked<'_>, metadata: &InstanceMetadata) -> Answer {
    if !metadata.options.is_enabled {
        return Answer::error(StatusCode::FORBIDDEN);
    }
    let Ok(path) = percent_decode_str(asked.path).decode_utf8() else {
        return Answer::error(StatusCode::BAD_REQUEST);
    };
    let path = path.trim_matches('/');
    match (asked.method, path == TOKEN_PATH) {
        (&Method::PUT, true) => grant(tokens, asked, metadata),
        (_, true) => {
            let mut refused = Answer::new(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "");
            refused.response.headers_mut().insert(ALLOW, HeaderValue::from_static("OPTIONS, PUT"));
            refused
        }
        (&Method::GET | &Method::HEAD, false) => show(tokens, asked, metadata, path),
        (_, false) => Answer::error(StatusCode::METHOD_NOT_ALLOWED),
    }
}

/// `PUT /latest/api/token`. A request that came through a proxy gets none, since the proxy's own requests would be worth
/// the instance's.
fn grant(tokens: &Tokens, asked: &Asked<'_>, metadata: &InstanceMetadata) -> Answer {
    if asked.headers.contains_key(FORWARDED_HEADER) {
        return Answer::error(StatusCode::FORBIDDEN);
    }
    let header = asked.headers.get(TTL_HEADER).and_then(|value| value.to_str().ok());
    let Some(lifetime_secs) = header.and_then(Tokens::lifetime_secs) else {
        return Answer::error(StatusCode::BAD_REQUEST);
    };
    let token = tokens.mint(asked.peer, metadata.instance, lifetime_secs, asked.now);
    Answer {
        hop_limit: metadata.options.hop_limit.max(1),
        ..Answer::text(token).with_token_lifetime(lifetime_secs)
    }
}

fn show(tokens: &Tokens, asked: &Asked<'_>, metadata: &InstanceMetadata, path: &str) -> Answer {
    let lifetime_secs = match (asked.headers.get(TOKEN_HEADER), metadata.options.tokens) {
        (None, TokenPolicy::Optional) => None,
        (None, TokenPolicy::Required) => return Answer::error(StatusCode::UNAUTHORIZED),
        (Some(token), _) => {
            let token = token.to_str().unwrap_or_default();
            match tokens.check(token, asked.peer, metadata.instance, asked.now) {
                Some(secs) => Some(secs),
                None => return Answer::error(StatusCode::UNAUTHORIZED),
            }
        }
    };
    let mut answer = match tree::find(metadata, path) {
        None => return Answer::error(StatusCode::NOT_FOUND),
        Some(Node::Leaf(text)) => Answer::text(text),
        Some(Node::Directory(entries)) => Answer::text(Node::listing(&entries)),
        Some(Node::Data(bytes)) => Answer::new(StatusCode::OK, "application/octet-stream", bytes),
    };
    let headers = answer.response.headers_mut();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("none"));
    if let Ok(changed) = HeaderValue::from_str(&http_date(metadata.pending_at)) {
        headers.insert(LAST_MODIFIED, changed);
    }
    match lifetime_secs {
        Some(secs) => answer.with_token_lifetime(secs),
        None => answer,
    }
}

/// RFC 9110, section 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_second(time.unix_secs()).unwrap_or(jiff::Timestamp::MAX);
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap_or_default()
}
