//! What a gateway is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_model::Value;
use aws_types::{Partition, Region, Timestamp};
use service_api::{Principal, RequestContext, Service, ServiceError, TooMany};
use sigv4::SignatureError;

/// Where to listen and what to allow.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address and port; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Where the certificate authority is kept; made if it is not there.
    pub tls_dir: PathBuf,
    /// The partition that the regions are of.
    pub partition: Partition,
    /// The regions that exist. A signature for another is refused.
    pub regions: Vec<Region>,
    /// What one client may use up.
    pub limits: Limits,
}

impl Config {
    /// The default limits, in the public partition.
    pub fn new(listen: SocketAddr, tls_dir: PathBuf, regions: Vec<Region>) -> Self {
        Self { listen, tls_dir, partition: Partition::Aws, regions, limits: Limits::default() }
    }
}

/// Bounds on what clients may use up. Everything beyond is refused or waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at one time; further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// Calls of services at one time; further ones wait.
    pub max_calls: usize,
    /// Payloads that are read as they come, such as those of large objects, at one time; further ones are refused.
    pub max_payloads: usize,
    /// Connections from inside the cloud's network at one time, which are not counted among the others; further ones wait.
    pub max_inside_connections: usize,
    /// Of these, those of one interface, or of all that come through one NAT gateway; further ones are closed.
    pub max_inside_connections_of_one: usize,
    /// Calls of services from inside at one time, which are not counted among the others; further ones wait.
    pub max_inside_calls: usize,
    /// Payloads from inside that are read as they come, which are not counted among the others; further ones are refused.
    pub max_inside_payloads: usize,
    /// Of these, those of one interface, or of all that come through one NAT gateway.
    pub max_inside_payloads_of_one: usize,
    /// The body of one request, also after decompression.
    pub max_body_bytes: usize,
    /// The bodies of all requests that are being read or answered, and may turn out to be signed.
    pub max_bodies_bytes: usize,
    /// Of these, the bodies of one peer (an IPv4 address or an IPv6 /64) whose signatures are not verified yet.
    pub max_peer_bodies_bytes: usize,
    /// The body of one request whose head alone shows that it will be refused: without a signature, with an unknown key,
    /// or of another time. Of a larger one the refusal is all that is answered. It has to do for the operations that
    /// need no signature, of which a SAML assertion is the largest part: 100,000 characters, some of which are escaped.
    pub max_refused_body_bytes: usize,
    /// The bodies of all such requests, which are not counted among the others.
    pub max_refused_bodies_bytes: usize,
    /// The head of one HTTP/1 request, and the header list of one HTTP/2 request.
    pub max_head_bytes: usize,
    /// Headers of one request.
    pub max_headers: usize,
    /// From the start of a connection to its first byte or, if that begins one, to the end of its TLS handshake.
    pub handshake_timeout: Duration,
    /// From the end of an answer, but for what is on its way, or the start of the connection, to the end of the next request's head, in every version
    /// of HTTP. A connection without a request for so long is told to end, which is the time to take its last answer too.
    pub head_timeout: Duration,
    /// Between two parts of a body, and between two times that a client takes something of a long answer.
    pub body_timeout: Duration,
    /// How long the next part of a body waits for room among the bodies.
    pub body_wait: Duration,
    /// From the end of a request's head to the end of its body.
    pub body_deadline: Duration,
    /// How long requests that have begun may take to end after shutdown begins, and a connection that was told to end
    /// because it is idle.
    pub shutdown_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_calls: 64,
            max_payloads: 64,
            max_inside_connections: 1024,
            max_inside_connections_of_one: 256,
            max_inside_calls: 32,
            max_inside_payloads: 64,
            max_inside_payloads_of_one: 24,
            max_body_bytes: 16 << 20,
            max_bodies_bytes: 256 << 20,
            max_peer_bodies_bytes: 64 << 20,
            max_refused_body_bytes: 128 << 10,
            max_refused_bodies_bytes: 16 << 20,
            max_head_bytes: 64 << 10,
            max_headers: 128,
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            body_wait: Duration::from_secs(5),
            body_deadline: Duration::from_secs(60),
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}

/// What a request claims, of which nothing is verified.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The id of the access key that it says it is signed with.
    pub access_key_id: &'a str,
    /// The session token that came with it.
    pub session_token: Option<&'a str>,
    /// The signing name of the service that it is for, such as `ec2`.
    pub service: &'a str,
    /// The time now.
    pub now: Timestamp,
}

/// What an access key stands for.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The secret access key.
    pub secret: String,
    /// Who it proves to be.
    pub principal: Principal,
}

/// Never prints the secret.
impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("principal", &self.principal).finish_non_exhaustive()
    }
}

/// Knows the access keys.
pub trait Credentials: Send + Sync + 'static {
    /// What the access key of a claim stands for.
    ///
    /// # Errors
    /// Why it may not be used.
    fn lookup(&self, claim: &Claim<'_>) -> Result<Credential, SignatureError>;

    /// Hears of each request whose signature was right: whose it was, and for which region and service, by its signing
    /// name. It is called before the request is answered, and must not wait.
    fn used(&self, principal: &Principal, region: &Region, service: &str, now: Timestamp) {
        let _ = (principal, region, service, now);
    }
}

/// A request that a service is about to be asked to carry out.
#[derive(Clone, Copy)]
pub struct AccessRequest<'a> {
    /// Who asks, where, and when.
    pub context: &'a RequestContext,
    /// The service that is asked.
    pub service: &'a dyn Service,
    /// The operation, which the service implements.
    pub operation: &'static str,
    /// Its input, which the model allows.
    pub input: &'a Value,
}

/// Why a request may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Policies let it pass.
    ByPolicies,
    /// It needs no permission, so that everybody may make it who signs.
    WithoutPermission,
}

/// Why a request may not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// What the caller is told, in AWS's words.
    pub message: String,
    /// The same decision in full, sealed for DecodeAuthorizationMessage. Told by the services that do so.
    pub encoded: String,
}

/// Why a request does not come to its service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It may not be made.
    Denied(Denied),
    /// It has too many of something to be decided.
    TooMany(TooMany),
}

/// Decides which requests may be made.
pub trait Authorizer: Send + Sync + 'static {
    /// Decides about one request, before its service hears of it.
    ///
    /// # Errors
    /// Why it is not carried out.
    fn authorize(&self, request: AccessRequest<'_>) -> Result<Allowed, Refused>;

    /// Decides whether a request that may be made is one that every service takes from whoever makes it: what its account's
    /// organization says of the tags in it.
    ///
    /// # Errors
    /// What the caller is answered.
    fn admit(&self, request: AccessRequest<'_>) -> Result<(), ServiceError>;
}

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(jiff::Timestamp::now().as_millisecond())
    }
}

impl<F: Fn() -> Timestamp + Send + Sync + 'static> Clock for F {
    fn now(&self) -> Timestamp {
        self()
    }
}

impl<C: Credentials> Credentials for Arc<C> {
    fn lookup(&self, claim: &Claim<'_>) -> Result<Credential, SignatureError> {
        C::lookup(self, claim)
    }

    fn used(&self, principal: &Principal, region: &Region, service: &str, now: Timestamp) {
        C::used(self, principal, region, service, now);
    }
}
