//! Who asks from inside the cloud's network, at the public addresses of one service.
//!
//! Owns what such a client may use up, so that no guest takes what the clients of this machine need or what other guests need, and
//! that nothing but that one service is there: neither another one nor the gateway's own pages. Refuses to know the
//! network: who is at the other end of a connection, and what stands between, the network tells.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;

use aws_model::Service;
use aws_protocol::Request;
use service_api::{EndpointPassed, ServiceError};
use sigv4::{Place, Presented};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Limits;
use crate::by_peer::ByPeer;

/// The public addresses of a service.
pub struct ServiceEndpoint {
    /// The name of the service's model.
    pub service: &'static str,
    /// What clients that name no host get a certificate for, such as `s3.amazonaws.com`.
    pub name: &'static str,
    /// Where connections come in. They do not block.
    pub listeners: Vec<TcpListener>,
    /// Who knows where they come from.
    pub network: Arc<dyn Network>,
}

/// What is known of connections inside the network.
pub trait Network: Send + Sync + 'static {
    /// Who is at the other end of a connection, and by which way. `None`: nobody, or not any more.
    fn asker(&self, listener: SocketAddr, peer: SocketAddr) -> Option<Box<dyn Asker>>;

    /// Whether a name stands for the service's addresses, so that clients may ask for its certificate.
    fn is_named(&self, name: &str) -> bool;
}

/// Somebody at the other end of a connection. Who it is, and by which way it came, does not change with the connection.
pub trait Asker: Send + Sync + 'static {
    /// The address that its requests come from.
    fn source_ip(&self) -> IpAddr;

    /// Stands for all those who have one share of everything. It need not be an address of anybody.
    fn share(&self) -> IpAddr;

    /// The VPC endpoint in between, as it is now.
    ///
    /// # Errors
    /// It is not there any more.
    fn endpoint(&self) -> Result<Option<EndpointPassed>, Gone>;
}

/// The way that a connection came is not there any more: what comes by it is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the way that the connection came is gone")]
pub struct Gone;

/// What clients of one kind may have at one time.
#[derive(Debug)]
pub(crate) struct Pools {
    /// Calls of services.
    pub(crate) calls: Semaphore,
    /// Payloads that are read as they come.
    pub(crate) payloads: Arc<Semaphore>,
}

impl Pools {
    /// For those of this machine.
    pub(crate) fn outside(limits: &Limits) -> Self {
        Self::of(limits.max_calls, limits.max_payloads)
    }

    /// For those inside the network.
    pub(crate) fn inside(limits: &Limits) -> Self {
        Self::of(limits.max_inside_calls, limits.max_inside_payloads)
    }

    fn of(calls: usize, payloads: usize) -> Self {
        Self { calls: Semaphore::new(calls), payloads: Arc::new(Semaphore::new(payloads)) }
    }
}

/// What one asker has of that which those inside have together.
#[derive(Debug)]
pub(crate) struct Share {
    connections: Arc<Semaphore>,
    payloads: Arc<Semaphore>,
}

/// Who lets connections to an endpoint in.
pub(crate) struct Doorkeeper {
    pub(crate) service: &'static Service,
    network: Arc<dyn Network>,
    shares: ByPeer<Share>,
    limits: Limits,
}

impl Doorkeeper {
    pub(crate) fn new(service: &'static Service, network: Arc<dyn Network>, limits: &Limits) -> Self {
        Self { service, network, shares: ByPeer::default(), limits: limits.clone() }
    }

    /// Takes a connection in. `None` where it is nobody's, or its asker has too many already.
    pub(crate) fn admit(&self, listener: SocketAddr, peer: SocketAddr) -> Option<Inside> {
        let asker = self.network.asker(listener, peer)?;
        let share = self.shares.get(asker.share(), || Share {
            connections: Arc::new(Semaphore::new(self.limits.max_inside_connections_of_one)),
            payloads: Arc::new(Semaphore::new(self.limits.max_inside_payloads_of_one)),
        });
        let permit = Arc::clone(&share.connections).try_acquire_owned();
        if permit.is_err() {
            tracing::debug!(source = %asker.source_ip(), "a client has too many connections");
        }
        Some(Inside { service: self.service, asker, share, _permit: permit.ok()? })
    }
}

/// A connection from inside.
pub(crate) struct Inside {
    pub(crate) service: &'static Service,
    pub(crate) asker: Box<dyn Asker>,
    share: Arc<Share>,
    _permit: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inside").field("source_ip", &self.asker.source_ip()).finish_non_exhaustive()
    }
}

impl Inside {
    /// Room for one payload in the asker's own share.
    pub(crate) fn payload(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.share.payloads).try_acquire_owned().ok()
    }
}

/// What is said of a request that is signed for another service than the one that is there.
///
/// # Errors
/// It is.
pub(crate) fn check_service(
    service: &Service,
    request: &Request,
    presented: Option<&Presented>,
) -> Result<(), ServiceError> {
    let own = service.signing_name;
    let Some(presented) = presented.filter(|presented| presented.scope.service != own) else { return Ok(()) };
    let asked = &presented.scope.service;
    tracing::debug!(path = request.path, asked, own, "a request for another service");
    let (code, what) = match presented.place {
        Place::Header | Place::Form => {
            ("AuthorizationHeaderMalformed", "The authorization header is malformed")
        }
        Place::Query { .. } => {
            ("AuthorizationQueryParametersError", "Error parsing the X-Amz-Credential parameter")
        }
    };
    let message = format!("{what}; incorrect service \"{asked}\". This endpoint belongs to \"{own}\".");
    Err(ServiceError::new(code, message).with_status(400))
}
