//! The canonical form of a request.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::encode::{decode, encode, encode_path, normalise_path};

/// How the path is made canonical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UriRules {
    /// Every service but S3: dot segments and doubled slashes are removed, and the encoded path is encoded again.
    Normalised,
    /// S3: the path is an object key and is taken as it is, encoded once.
    S3,
}

/// The body as the signature covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The lower-case hexadecimal SHA-256 of the body.
    Sha256(String),
    /// The body is not covered.
    Unsigned,
    /// The body is sent in chunks, which are covered by themselves or not at all: what `x-amz-content-sha256` says.
    Streaming(String),
}

impl Payload {
    /// Covers these bytes.
    pub fn of(body: &[u8]) -> Self {
        Self::Sha256(sha256_hex(body))
    }

    /// The last line of the canonical request.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Sha256(hash) | Self::Streaming(hash) => hash,
            Self::Unsigned => "UNSIGNED-PAYLOAD",
        }
    }
}

/// The lower-case hexadecimal SHA-256 of some bytes.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// What a signature covers of a request, beside its body; as it is on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method in upper case.
    pub method: &'a str,
    /// The path, still percent-encoded.
    pub path: &'a str,
    /// What follows the `?`, still percent-encoded; empty without one.
    pub query: &'a str,
    /// All headers with lower-case names, in the order received, `host` among them (for HTTP/2, `:authority`).
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl<'a> Request<'a> {
    /// The first header of that (lower-case) name, as text and trimmed.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.headers.iter().find(|(header, _)| *header == name)?;
        std::str::from_utf8(value).ok().map(str::trim)
    }

    /// The decoded names and values of the query, in the order given.
    pub(crate) fn query_pairs(&self) -> impl Iterator<Item = (String, String)> + use<'a> {
        self.query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let text = |part| String::from_utf8_lossy(&decode(part)).into_owned();
            (text(name), text(value))
        })
    }

    /// The canonical request.
    pub(crate) fn canonical(&self, rules: UriRules, signed_headers: &[String], payload: &Payload) -> String {
        let mut text = String::with_capacity(512);
        text.push_str(self.method);
        text.push('\n');
        text.push_str(&self.canonical_path(rules));
        text.push('\n');
        text.push_str(&self.canonical_query());
        text.push('\n');
        for name in signed_headers {
            text.push_str(name);
            text.push(':');
            text.push_str(&self.canonical_header(name));
            text.push('\n');
        }
        write!(text, "\n{}\n{}", signed_headers.join(";"), payload.as_str())
            .expect("writing to a string does not fail");
        text
    }

    fn canonical_path(&self, rules: UriRules) -> String {
        let path = if self.path.is_empty() { "/" } else { self.path };
        match rules {
            UriRules::Normalised => encode_path(&normalise_path(path), false),
            UriRules::S3 => encode_path(path, true),
        }
    }

    /// Names and values encoded, sorted by both; without the signature itself.
    fn canonical_query(&self) -> String {
        let mut pairs: Vec<(String, String)> = self
            .query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (encode(&decode(name)), encode(&decode(value))))
            .filter(|(name, _)| name != "X-Amz-Signature")
            .collect();
        pairs.sort();
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }

    /// The values of all headers of that name: trimmed, runs of spaces made one, joined by commas.
    fn canonical_header(&self, name: &str) -> String {
        let values = self.headers.iter().filter(|(header, _)| *header == name).map(|(_, value)| {
            let text = String::from_utf8_lossy(value);
            text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
        });
        values.collect::<Vec<_>>().join(",")
    }
}
