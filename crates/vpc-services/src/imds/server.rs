//! The sockets of the metadata service.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_types::Timestamp;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::answer::{self, Answer, Asked};
use super::metadata::MetadataDirectory;
use super::token::Tokens;
use crate::budget::LinkLocalBudget;
use crate::connections::Connections;

/// How long a client may take to send its request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may last: one request and its answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);
/// The largest request head.
const MAX_HEAD: usize = 16 * 1024;

/// The metadata service of all instances.
pub struct MetadataServer {
    directory: Arc<dyn MetadataDirectory>,
    budget: Arc<LinkLocalBudget>,
    connections: Arc<Connections>,
    tokens: Tokens,
}

impl MetadataServer {
    /// A service that asks this directory, with a fresh key for its tokens.
    pub fn new(directory: Arc<dyn MetadataDirectory>, budget: Arc<LinkLocalBudget>) -> Self {
        Self { directory, budget, connections: Arc::default(), tokens: Tokens::new() }
    }

    /// The same service with a key that was kept (32 random bytes that nobody else knows), so that tokens survive a
    /// restart.
    #[must_use]
    pub fn with_token_key(mut self, key: [u8; 32]) -> Self {
        self.tokens = Tokens::with_key(key);
        self
    }

    /// Answers on these listeners, for ever.
    ///
    /// # Errors
    /// The listeners cannot be driven by this runtime, or one of the tasks failed.
    pub async fn serve(self, listeners: Vec<std::net::TcpListener>) -> io::Result<Infallible> {
        let server = Arc::new(self);
        let mut tasks = JoinSet::new();
        for listener in listeners {
            listener.set_nonblocking(true)?;
            tasks.spawn(Arc::clone(&server).listen(TcpListener::from_std(listener)?));
        }
        match tasks.join_next().await {
            Some(Err(failed)) => Err(io::Error::other(failed)),
            Some(Ok(never)) => match never {},
            None => std::future::pending().await,
        }
    }

    async fn listen(self: Arc<Self>, listener: TcpListener) -> Infallible {
        let connections = Arc::clone(&self.connections);
        let converse = move |stream, from| Arc::clone(&self).converse(stream, from);
        connections.serve(listener, converse).await
    }

    /// One request and its answer. The connection is closed after it, as AWS does, which also keeps the hop limit of a
    /// token's packets from being another answer's.
    async fn converse(self: Arc<Self>, stream: tokio::net::TcpStream, from: SocketAddr) -> io::Result<()> {
        let stream = stream.into_std()?;
        // A second handle on the socket, for its options: the first belongs to the HTTP connection.
        let socket = stream.try_clone()?;
        let stream = tokio::net::TcpStream::from_std(stream)?;
        let service = service_fn(|request| {
            let peer = from.ip().to_canonical();
            let answered = match self.answer_within_budget(peer, &request) {
                Some(answer) => limit_hops(&socket, peer, answer),
                None => Err(reset(&socket)),
            };
            std::future::ready(answered)
        });
        let connection = http1::Builder::new()
            .keep_alive(false)
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        tokio::time::timeout(CONNECTION_TIMEOUT, connection).await?.map_err(io::Error::other)
    }

    /// The answer to a request, if the peer gets one. What [`Self::serve`] sends, but for the budget and the hop limit.
    pub fn answer<B>(
        &self,
        peer: IpAddr,
        request: &Request<B>,
        now: Timestamp,
    ) -> Option<Response<Full<Bytes>>> {
        self.travelling_answer(peer, request, now).map(|answer| answer.response)
    }

    fn answer_within_budget(&self, peer: IpAddr, request: &Request<Incoming>) -> Option<Answer> {
        if !self.budget.take(peer) {
            return Some(Answer::error(StatusCode::SERVICE_UNAVAILABLE));
        }
        self.travelling_answer(peer, request, now())
    }

    fn travelling_answer<B>(&self, peer: IpAddr, request: &Request<B>, now: Timestamp) -> Option<Answer> {
        let (method, path, headers) = (request.method(), request.uri().path(), request.headers());
        let asked = Asked { peer, method, path, headers, now };
        answer::answer(&*self.directory, &self.tokens, &asked)
    }
}

/// Sets how far the answer's packets may travel. When that cannot be set the connection ends without an answer, since a
/// token that travels farther than the instance allows is worse than none.
fn limit_hops(
    socket: &std::net::TcpStream,
    peer: IpAddr,
    answer: Answer,
) -> io::Result<Response<Full<Bytes>>> {
    let hops = u32::from(answer.hop_limit);
    match peer {
        IpAddr::V4(_) => socket.set_ttl(hops)?,
        // An IPv6 socket takes a time to live too, and does nothing with it.
        IpAddr::V6(_) => SockRef::from(socket).set_unicast_hops_v6(hops)?,
    }
    Ok(answer.response)
}

/// Has the connection end by a reset, which is as near to a closed port as a listener comes that others are answered at.
fn reset(socket: &std::net::TcpStream) -> io::Error {
    match SockRef::from(socket).set_linger(Some(Duration::ZERO)) {
        Ok(()) => io::Error::other("the instance did not enable the service's IPv6 address"),
        Err(error) => error,
    }
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
