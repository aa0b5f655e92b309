//! The public addresses of S3, as the network's clients reach them: through a gateway endpoint, or over the internet.
//!
//! Owns where S3 listens, and who is at the other end of a connection there. Who that is, and by which way it came, does not
//! change with the connection, as packets that take another way are another connection's; what the endpoint says is
//! looked up for each request. Refuses to know what is asked, and what policies mean.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use aws_types::{Timestamp, VpcEndpointId};
use data_plane::DataPlane;
use gateway::{Asker, Bound, Gone, Network, ServiceEndpoint};
use service_api::EndpointPassed;
use store::{Read as _, Scope, Store};
use svc_ec2::record as ec2;
use vpc_engine::services::{link_ipv4, managed_listener};
use vpc_model::ManagedService;

use crate::NodeError;
use crate::directory::{Directory, is_of_s3};
use crate::shareable::anyones;

/// HTTP and HTTPS.
const PORTS: [u16; 2] = [80, 443];
/// What clients that name no host get a certificate for.
const NAME: &str = "s3.amazonaws.com";

/// Has the gateway answer at the addresses of S3.
pub(crate) fn serve_s3(
    gateway: &mut Bound,
    plane: &Arc<DataPlane>,
    directory: &Arc<Directory>,
    store: &Store,
    clock: fn() -> Timestamp,
) -> Result<(), NodeError> {
    let unspecified = [IpAddr::from([0; 4]), IpAddr::from([0_u16; 8])];
    let at = unspecified.map(|like| managed_listener(ManagedService::S3, like));
    let mut listeners = Vec::new();
    for address in at.into_iter().flat_map(|at| PORTS.map(|port| SocketAddr::new(at, port))) {
        listeners.push(host_net::tcp_listener(plane.services_namespace(), address)?);
    }
    let (plane, directory, store) = (Arc::clone(plane), Arc::clone(directory), store.clone());
    let network = Arc::new(OfDataPlane { plane, directory, store, clock });
    Ok(gateway.add_endpoint(ServiceEndpoint { service: "s3", name: NAME, listeners, network })?)
}

/// What the data plane knows of connections.
struct OfDataPlane {
    plane: Arc<DataPlane>,
    directory: Arc<Directory>,
    store: Store,
    clock: fn() -> Timestamp,
}

impl Network for OfDataPlane {
    fn asker(&self, listener: SocketAddr, peer: SocketAddr) -> Option<Box<dyn Asker>> {
        let found = self.plane.service_peer(listener, peer)?;
        // The subnets of a shared VPC have interfaces of others; endpoints are the VPC's.
        let endpoint = match found.endpoint {
            Some(id) => {
                let scope = self.directory.scope_on(found.port)?;
                let (scope, _) =
                    anyones::<ec2::VpcEndpoint>(&self.store.snapshot(), &scope, &id.to_string())?;
                Some((scope, id))
            }
            None => None,
        };
        let (store, clock) = (self.store.clone(), self.clock);
        let (source_ip, share) = (found.source.address.to_canonical(), link_ipv4(found.port).into());
        Some(Box::new(Peer { source_ip, share, endpoint, store, clock }))
    }

    fn is_named(&self, name: &str) -> bool {
        is_of_s3(name)
    }
}

/// Who is at the other end of one connection.
struct Peer {
    source_ip: IpAddr,
    /// The address under which the services see the interface: each has one of its own, and none is anybody else's.
    share: IpAddr,
    endpoint: Option<(Scope, VpcEndpointId)>,
    store: Store,
    clock: fn() -> Timestamp,
}

impl Asker for Peer {
    fn source_ip(&self) -> IpAddr {
        self.source_ip
    }

    fn share(&self) -> IpAddr {
        self.share
    }

    fn endpoint(&self) -> Result<Option<EndpointPassed>, Gone> {
        let Some((scope, id)) = &self.endpoint else { return Ok(None) };
        let record = self.store.snapshot().get::<ec2::VpcEndpoint>(scope, &id.to_string());
        let record = record.filter(|record| record.is_available((self.clock)())).ok_or(Gone)?;
        Ok(Some(EndpointPassed {
            endpoint_id: id.to_string(),
            account: scope.account,
            vpc_id: record.vpc.to_string(),
            source_ip: self.source_ip,
            policy: record.policy.clone(),
        }))
    }
}
