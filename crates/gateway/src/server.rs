//! The port: connections, TLS, HTTP, time-outs and shutdown.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use service_api::Service;

use crate::handler::Handler;
use crate::idle::Requests;
use crate::inside::{Doorkeeper, Gone, ServiceEndpoint};
use crate::outgoing::Outgoing;
use crate::peer::Peer;
use crate::record::{Recorder, TlsDetails};
use crate::tls::{Authority, Certificates, date_of, today};
use crate::{Authorizer, Buckets, Clock, Config, Credentials, GatewayError, Limits};

/// The first byte of a TLS handshake record, which no HTTP method begins with (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// How long to wait before accepting again when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often an HTTP/2 peer that is silent is asked whether it is there, and how long it may take to answer.
const H2_PING_INTERVAL: Duration = Duration::from_secs(30);
const H2_PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Requests at one time on one HTTP/2 connection.
const H2_MAX_STREAMS: u32 = 128;

/// The signed front of a cloud.
pub struct Gateway;

impl Gateway {
    /// Listens. Nothing is answered before [`Bound::serve`].
    ///
    /// # Errors
    /// The address is in use, the certificate authority is unusable, or the services are not a set.
    pub async fn bind(
        config: Config,
        services: Vec<Arc<dyn Service>>,
        credentials: Arc<dyn Credentials>,
        authorizer: Arc<dyn Authorizer>,
        clock: Arc<dyn Clock>,
        recorder: Arc<dyn Recorder>,
    ) -> Result<Bound, GatewayError> {
        let now = {
            let clock = Arc::clone(&clock);
            move || today(jiff::Timestamp::from_second(clock.now().unix_secs()).unwrap_or_default())
        };
        let authority = Authority::open(&config.tls_dir, now())?;
        let ca_path = authority.ca_path().to_owned();
        let tls = Certificates::new(authority, config.listen.ip(), now).server_config();
        let cannot_listen = |cause| GatewayError::Listen { address: config.listen, cause };
        let listener = TcpListener::bind(config.listen).await.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let (limits, tls_dir) = (config.limits.clone(), config.tls_dir.clone());
        let permits = Arc::new(Semaphore::new(limits.max_connections));
        let door = Door { listener, permits, keeper: None, tls: TlsAcceptor::from(Arc::new(tls)) };
        let handler = Handler::new(config, services, credentials, authorizer, Arc::clone(&clock), recorder)?;
        let handler = Arc::new(handler);
        Ok(Bound { doors: vec![door], address, ca_path, tls_dir, clock, handler, limits })
    }
}

/// A gateway that listens.
pub struct Bound {
    /// Its own port, and the service endpoints.
    doors: Vec<Door>,
    address: SocketAddr,
    ca_path: PathBuf,
    tls_dir: PathBuf,
    clock: Arc<dyn Clock>,
    handler: Arc<Handler>,
    limits: Limits,
}

impl Bound {
    /// The same gateway, which also answers browsers: for websites, and pages of other origins.
    #[must_use]
    pub fn with_buckets(mut self, buckets: Arc<dyn Buckets>) -> Self {
        Arc::get_mut(&mut self.handler).expect("no connection has it before it serves").set_buckets(buckets);
        self
    }

    /// The address, with the port that the system chose if it was to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The file with the certificate that clients have to trust for HTTPS.
    pub fn ca_path(&self) -> &Path {
        &self.ca_path
    }

    /// Answers at the public addresses of a service, too, for clients inside the cloud's network.
    ///
    /// # Errors
    /// There is no model of the service, the certificate authority is unusable, or so are the listeners.
    pub fn add_endpoint(&mut self, endpoint: ServiceEndpoint) -> Result<(), GatewayError> {
        let ServiceEndpoint { service, name, listeners, network } = endpoint;
        let service = aws_model::service(service).ok_or(GatewayError::UnknownModel(service))?;
        let authority = Authority::open(&self.tls_dir, date_of(&*self.clock))?;
        let (named, clock) = (Arc::clone(&network), Arc::clone(&self.clock));
        let is_named = move |host: &str| named.is_named(host);
        let tls = Certificates::of_endpoint(authority, name, is_named, move || date_of(&*clock));
        let tls = TlsAcceptor::from(Arc::new(tls.server_config()));
        let keeper = Arc::new(Doorkeeper::new(service, network, &self.limits));
        let permits = Arc::new(Semaphore::new(self.limits.max_inside_connections));
        for listener in listeners {
            let unspecified = SocketAddr::from(([0, 0, 0, 0], 0));
            let address = listener.local_addr().unwrap_or(unspecified);
            let listener =
                TcpListener::from_std(listener).map_err(|cause| GatewayError::Listen { address, cause })?;
            let (permits, keeper, tls) = (Arc::clone(&permits), Some(Arc::clone(&keeper)), tls.clone());
            self.doors.push(Door { listener, permits, keeper, tls });
        }
        Ok(())
    }

    /// Answers requests until `shutdown` is ready; then takes no more, lets those that have begun end within
    /// [`Limits::shutdown_timeout`], and returns.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let (stop, stopped) = watch::channel(false);
        let mut doors = JoinSet::new();
        for door in self.doors {
            let (handler, limits) = (Arc::clone(&self.handler), self.limits.clone());
            doors.spawn(door.serve(handler, limits, stopped.clone()));
        }
        tokio::select! {
            () = &mut shutdown => {}
            // None ends by itself but by a panic, and a gateway does not go on without one.
            Some(Err(ended)) = doors.join_next() => {
                if let Ok(panic) = ended.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
        stop.send_replace(true);
        while doors.join_next().await.is_some() {}
    }
}

/// A place where connections come in.
struct Door {
    listener: TcpListener,
    /// Connections that may come in at one time.
    permits: Arc<Semaphore>,
    /// Whom it lets in, where it is one of a service endpoint.
    keeper: Option<Arc<Doorkeeper>>,
    tls: TlsAcceptor,
}

impl Door {
    /// Takes connections in until it is stopped, and lets those that have begun end.
    async fn serve(self, handler: Arc<Handler>, limits: Limits, stopped: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = is_stopped(stopped.clone()) => break,
                Some(_) = connections.join_next() => continue,
                accepted = self.accept() => accepted,
            };
            match accepted {
                Ok((stream, address, permit)) => {
                    let Some(peer) = self.admit(&stream, address) else { continue };
                    let connection = Connection {
                        tls: self.tls.clone(),
                        handler: Arc::clone(&handler),
                        limits: limits.clone(),
                        stopped: stopped.clone(),
                    };
                    connections.spawn(async move {
                        connection.run(stream, peer).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        let all_ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(limits.shutdown_timeout, all_ended).await.is_err() {
            tracing::warn!(connections = connections.len(), "connections were cut at shutdown");
            connections.shutdown().await;
        }
    }

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = self.listener.accept().await?;
        Ok((stream, peer, permit))
    }

    /// Who a connection is of. `None` where it is closed at once.
    fn admit(&self, stream: &TcpStream, address: SocketAddr) -> Option<Peer> {
        let Some(keeper) = &self.keeper else { return Some(Peer::outside(address.ip().to_canonical())) };
        keeper.admit(stream.local_addr().ok()?, address).map(Peer::inside)
    }
}

/// One connection and what it needs.
struct Connection {
    tls: TlsAcceptor,
    handler: Arc<Handler>,
    limits: Limits,
    stopped: watch::Receiver<bool>,
}

impl Connection {
    async fn run(self, stream: TcpStream, mut peer: Peer) {
        let opened = Instant::now();
        // Answers are written whole, so waiting to fill packets only costs time.
        let _ = stream.set_nodelay(true);
        let stopped = self.stopped.clone();
        let handshake = tokio::time::timeout(self.limits.handshake_timeout, self.handshake(stream));
        let shaken = tokio::select! {
            shaken = handshake => shaken,
            () = is_stopped(stopped) => return,
        };
        match shaken {
            Ok(Ok(Shaken::Tls(stream))) => {
                peer.tls = Some(details(stream.get_ref().1));
                self.serve(*stream, opened, peer).await;
            }
            Ok(Ok(Shaken::Plain(stream))) => self.serve(stream, opened, peer).await,
            Ok(Ok(Shaken::Closed)) => {}
            Ok(Err(error)) => tracing::debug!(ip = %peer.ip, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(ip = %peer.ip, "the client did not speak in time"),
        }
    }

    /// Tells HTTPS from HTTP by the first byte.
    async fn handshake(&self, stream: TcpStream) -> io::Result<Shaken> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Ok(Shaken::Closed);
        }
        if first[0] == TLS_HANDSHAKE {
            Ok(Shaken::Tls(Box::new(self.tls.accept(stream).await?)))
        } else {
            Ok(Shaken::Plain(stream))
        }
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        opened: Instant,
        peer: Peer,
    ) {
        let (handler, ip) = (Arc::clone(&self.handler), peer.ip);
        let (requests, mut idleness) = Requests::none_yet();
        let stopped = self.stopped.clone();
        let timeout = self.limits.body_timeout;
        let service = service_fn(move |request: http::Request<Incoming>| {
            let handler = Arc::clone(&handler);
            let running = requests.begin();
            let stopped = stopped.clone();
            let peer = peer.now();
            async move {
                let peer = peer?;
                let is_http_1 = request.version() < http::Version::HTTP_2;
                let mut response = handler.handle(request, peer).await;
                // The answer is on its way before this task looks whether shutdown has begun meanwhile.
                if is_http_1 && *stopped.borrow() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                response.body_mut().begin(timeout, running);
                Ok::<http::Response<Outgoing>, Gone>(response)
            }
        });
        let builder = http_builder(&self.limits);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = is_stopped(self.stopped.clone()) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            // Hyper's own timer covers the heads of HTTP/1. It covers neither the first bytes, which may become either
            // version, nor HTTP/2, nor clients that do not take their answers.
            () = idleness.lasts(opened, self.limits.head_timeout) => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection => ended,
                    // What the client asked before it heard of that is answered; then it is cut off.
                    () = idleness.lasts(Instant::now(), self.limits.shutdown_timeout) => Ok(()),
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%ip, %error, "a connection ended early");
        }
    }
}

/// Ready when shutdown begins.
async fn is_stopped(mut stopped: watch::Receiver<bool>) {
    // An error says that the sender is gone, which is the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// How a connection is encrypted, once the handshake is over.
fn details(connection: &rustls::ServerConnection) -> TlsDetails {
    let suite = connection.negotiated_cipher_suite();
    TlsDetails {
        version: connection.protocol_version().and_then(|version| version.as_str()).unwrap_or("-"),
        cipher_suite: suite.and_then(|suite| suite.suite().as_str()).unwrap_or("-"),
    }
}

enum Shaken {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
    /// The client went away without a word.
    Closed,
}

fn http_builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits.max_head_bytes)
        .max_headers(limits.max_headers)
        .half_close(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(H2_PING_INTERVAL)
        .keep_alive_timeout(H2_PING_TIMEOUT)
        .max_concurrent_streams(H2_MAX_STREAMS)
        .max_header_list_size(u32::try_from(limits.max_head_bytes).unwrap_or(u32::MAX));
    builder
}
