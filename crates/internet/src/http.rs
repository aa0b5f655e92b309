//! A host's web server: `/whoami`, and what was declared.
//!
//! Owns the answers. Refuses to know whether the connection is encrypted.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::folder::{Folder, Found};
use crate::host::{Content, Host};

/// How long a client may take to send a request's head, and to begin the next one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection may last.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(600);
/// The largest request head.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Who is asking, as the packets arrived: what shows a translation of addresses.
const WHOAMI: &str = "/whoami";

const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What a host answers.
pub(crate) struct Web {
    host: Host,
    folder: Option<Folder>,
}

impl Web {
    pub(crate) fn new(host: Host) -> Self {
        let folder = match &host.content {
            Content::Directory(path) => Some(Folder::new(path.clone())),
            Content::Name | Content::Text(_) => None,
        };
        Self { host, folder }
    }

    async fn answer(&self, method: &Method, path: &str, from: SocketAddr) -> Response<Body> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        if path == WHOAMI {
            return whoami(&self.host, from);
        }
        match (&self.host.content, &self.folder) {
            (Content::Text(told), _) => text(StatusCode::OK, told),
            (Content::Directory(_), Some(folder)) => found(folder.find(path).await),
            (Content::Name | Content::Directory(_), _) => {
                text(StatusCode::OK, &format!("{}\n", self.host.name))
            }
        }
    }
}

fn whoami(host: &Host, from: SocketAddr) -> Response<Body> {
    let told = serde_json::json!({
        "address": from.ip().to_canonical(),
        "port": from.port(),
        "host": host.name,
    });
    with_body(StatusCode::OK, JSON, format!("{told}\n").into())
}

fn text(status: StatusCode, text: &str) -> Response<Body> {
    with_body(status, PLAIN_TEXT, Bytes::copy_from_slice(text.as_bytes()))
}

fn with_body(status: StatusCode, kind: HeaderValue, body: Bytes) -> Response<Body> {
    let length = body.len();
    let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

fn found(found: io::Result<Found>) -> Response<Body> {
    match found {
        Ok(Found::File { kind, length, body }) => {
            let mut response = Response::new(body);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
            response
        }
        Ok(Found::Folder(path)) => match HeaderValue::try_from(path) {
            Ok(path) => {
                let mut response = text(StatusCode::MOVED_PERMANENTLY, "");
                response.headers_mut().insert(LOCATION, path);
                response
            }
            Err(_) => text(StatusCode::NOT_FOUND, "not found\n"),
        },
        Ok(Found::Nothing) => text(StatusCode::NOT_FOUND, "not found\n"),
        Err(error) => {
            tracing::debug!(%error, "a file of a host could not be read");
            text(StatusCode::INTERNAL_SERVER_ERROR, "the file cannot be read\n")
        }
    }
}

/// Answers requests on a connection until it ends.
pub(crate) async fn converse<S>(web: Arc<Web>, stream: S, from: SocketAddr) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let web = Arc::clone(&web);
        async move {
            let response = web.answer(request.method(), request.uri().path(), from).await;
            let is_head = request.method() == Method::HEAD;
            let nothing = || Empty::new().map_err(|never| match never {}).boxed_unsync();
            io::Result::Ok(if is_head { response.map(|_| nothing()) } else { response })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    tokio::time::timeout(CONNECTION_TIMEOUT, connection).await?.map_err(io::Error::other)
}
