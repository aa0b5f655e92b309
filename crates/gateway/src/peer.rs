//! Who is at the other end of a connection.

use std::net::IpAddr;
use std::sync::Arc;

use aws_model::Service;
use service_api::EndpointPassed;

use crate::inside::{Gone, Inside};
use crate::record::TlsDetails;

/// Who is at the other end of a connection, and with a request, by which way it came.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) ip: IpAddr,
    pub(crate) tls: Option<TlsDetails>,
    /// Where it is inside of the cloud's network.
    pub(crate) inside: Option<Arc<Inside>>,
    /// The VPC endpoint that the request came through.
    pub(crate) endpoint: Option<Arc<EndpointPassed>>,
}

impl Peer {
    /// A client of this machine or beyond.
    pub(crate) fn outside(ip: IpAddr) -> Self {
        Self { ip, tls: None, inside: None, endpoint: None }
    }

    /// A client inside the network.
    pub(crate) fn inside(inside: Inside) -> Self {
        let ip = inside.asker.source_ip();
        Self { ip, tls: None, inside: Some(Arc::new(inside)), endpoint: None }
    }

    /// The same with what is known of its way now: the policy of an endpoint, say, may be another than with the request before.
    ///
    /// # Errors
    /// The way is gone.
    pub(crate) fn now(&self) -> Result<Self, Gone> {
        let endpoint = self.inside.as_ref().map(|inside| inside.asker.endpoint()).transpose()?.flatten();
        Ok(Self { endpoint: endpoint.map(Arc::new), ..self.clone() })
    }

    /// By what its share of room for bodies is known. Private addresses are in many networks.
    pub(crate) fn share(&self) -> IpAddr {
        self.inside.as_ref().map_or(self.ip, |inside| inside.asker.share())
    }

    /// The service that alone is there for it.
    pub(crate) fn only_service(&self) -> Option<&'static Service> {
        self.inside.as_ref().map(|inside| inside.service)
    }
}
