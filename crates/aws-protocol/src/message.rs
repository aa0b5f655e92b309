//! HTTP messages as the codecs see them: whole, with raw paths and queries.

use std::borrow::Cow;

use aws_model::Routable;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;

/// A request whose body has been read to its end.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, such as `POST`.
    pub method: String,
    /// The path as it was sent, percent-encoded.
    pub path: String,
    /// The query as it was sent, without the question mark; empty when there is none.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, with any transfer framing removed.
    pub body: Bytes,
}

/// A whole response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers, without those of transfer such as `Content-Length`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// The header of that name, if there is one and it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The parameters of the query, percent-decoded. A `+` stands for itself here, as it does in S3 keys, because
    /// clients of the REST protocols encode spaces as `%20`.
    pub(crate) fn query_parameters(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.query.split('&').filter(|parameter| !parameter.is_empty()).map(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            (percent_decode_str(name).decode_utf8_lossy(), percent_decode_str(value).decode_utf8_lossy())
        })
    }
}

impl Routable for Request {
    fn method(&self) -> &str {
        &self.method
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn has_query(&self, name: &str, value: Option<&str>) -> bool {
        self.query_parameters().any(|(n, v)| n == name && value.is_none_or(|value| v == value))
    }

    fn has_header(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }
}
