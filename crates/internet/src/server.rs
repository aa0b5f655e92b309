//! The servers of one host: echo, HTTP and HTTPS at each of its addresses.
//!
//! Owns their limits. Refuses to know where the sockets are, and what the network does on the way to them.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use vpc_services::Connections;

use crate::host::Host;
use crate::http::Web;
use crate::{echo, http};

/// How many connections the servers of one host hold open, each kind of server at each address for itself.
pub const MAX_CONNECTIONS: usize = 512;
/// How many of them one peer may have. Everything behind a NAT gateway is one peer.
pub const MAX_CONNECTIONS_PER_PEER: usize = 256;
/// How long a client may take for its TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a certificate is used before a new one is made, well within its validity.
const RENEW_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);
/// A pause after a failed receive, so that a lasting failure does not spin.
pub(crate) const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// Makes certificates for hosts.
pub trait CertifyHost: Send + Sync + 'static {
    /// A certificate for the host's name and addresses, valid for longer than a month. `None` when there can be none, and
    /// then handshakes fail.
    fn certify(&self, host: &Host) -> Option<Arc<CertifiedKey>>;
}

/// The sockets of one address of a host.
#[derive(Debug)]
pub struct HostSockets {
    /// TCP, port 7.
    pub echo: TcpListener,
    /// UDP, port 7.
    pub echo_packets: UdpSocket,
    /// TCP, port 80.
    pub http: TcpListener,
    /// TCP, port 443.
    pub https: TcpListener,
}

impl HostSockets {
    /// The port of the echo service.
    pub const ECHO: u16 = echo::PORT;
    /// The port of HTTP.
    pub const HTTP: u16 = 80;
    /// The port of HTTPS.
    pub const HTTPS: u16 = 443;
}

/// The servers of one host.
pub struct HostServer {
    web: Arc<Web>,
    tls: TlsAcceptor,
}

impl HostServer {
    /// Servers for what was declared.
    pub fn new(host: Host, certify: Arc<dyn CertifyHost>) -> Self {
        let certificate = HostCertificate { host: host.clone(), certify, made: Mutex::default() };
        let mut tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has the ciphers of TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certificate));
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { web: Arc::new(Web::new(host)), tls: TlsAcceptor::from(Arc::new(tls)) }
    }

    /// Answers on these sockets, for ever.
    ///
    /// # Errors
    /// The sockets cannot be driven by this runtime, or one of the tasks failed.
    pub async fn serve(self, sockets: Vec<HostSockets>) -> io::Result<Infallible> {
        let mut tasks = JoinSet::new();
        for sockets in sockets {
            sockets.echo_packets.set_nonblocking(true)?;
            tasks.spawn(echo::serve(tokio::net::UdpSocket::from_std(sockets.echo_packets)?));
            tasks.spawn(connections().serve(listener(sockets.echo)?, |stream, _| echo::converse(stream)));
            let web = Arc::clone(&self.web);
            let plain = move |stream, from| http::converse(Arc::clone(&web), stream, from);
            tasks.spawn(connections().serve(listener(sockets.http)?, plain));
            let (web, tls) = (Arc::clone(&self.web), self.tls.clone());
            let secure = move |stream, from| {
                let (web, tls) = (Arc::clone(&web), tls.clone());
                async move {
                    let stream = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await??;
                    http::converse(web, stream, from).await
                }
            };
            tasks.spawn(connections().serve(listener(sockets.https)?, secure));
        }
        match tasks.join_next().await {
            Some(Err(failed)) => Err(io::Error::other(failed)),
            Some(Ok(never)) => match never {},
            None => std::future::pending().await,
        }
    }
}

fn connections() -> Arc<Connections> {
    Arc::new(Connections::with_limits(MAX_CONNECTIONS, MAX_CONNECTIONS_PER_PEER))
}

fn listener(listener: TcpListener) -> io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

/// The certificate of a host, made when somebody first asks for it.
struct HostCertificate {
    host: Host,
    certify: Arc<dyn CertifyHost>,
    made: Mutex<Option<(Instant, Arc<CertifiedKey>)>>,
}

impl ResolvesServerCert for HostCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut made = self.made.lock();
        match &*made {
            Some((since, certificate)) if since.elapsed() < RENEW_AFTER => Some(Arc::clone(certificate)),
            _ => {
                let certificate = self.certify.certify(&self.host)?;
                *made = Some((Instant::now(), Arc::clone(&certificate)));
                Some(certificate)
            }
        }
    }
}

impl fmt::Debug for HostCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostCertificate").field("host", &self.host.name).finish_non_exhaustive()
    }
}
