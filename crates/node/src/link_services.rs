//! The services that every subnet has: the resolver, instance metadata and time.
//!
//! Owns where they listen. Refuses to know what they answer, which is `vpc-services`'.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use data_plane::DataPlane;
use tokio::task::JoinSet;
use vpc_engine::services::{LinkService, port_of_link_address};
use vpc_services::{DnsServer, LinkLocalBudget, MetadataServer, NtpServer};

use crate::directory::Directory;
use crate::paths::RunDir;
use crate::{NodeError, identity};

/// Starts the resolver, the metadata service and the time service in the namespace that the data plane delivers to.
pub(crate) fn serve(
    tasks: &mut JoinSet<()>,
    plane: &DataPlane,
    directory: &Arc<Directory>,
    names: Arc<internet::PublicNames>,
    token_key: [u8; 32],
) -> Result<(), NodeError> {
    let namespace = plane.services_namespace();
    let addresses = |service: LinkService, port: u16| {
        [IpAddr::V4(service.ipv4()), IpAddr::V6(service.ipv6())].map(|address| SocketAddr::new(address, port))
    };
    let mut resolvers = Vec::new();
    let mut resolver_listeners = Vec::new();
    for address in addresses(LinkService::Dns, 53) {
        resolvers.push(host_net::udp_socket(namespace, address)?);
        resolver_listeners.push(host_net::tcp_listener(namespace, address)?);
    }
    let mut metadata_listeners = Vec::new();
    for address in addresses(LinkService::Metadata, 80) {
        metadata_listeners.push(host_net::tcp_listener(namespace, address)?);
    }
    let mut clocks = Vec::new();
    for address in addresses(LinkService::Ntp, 123) {
        clocks.push(host_net::udp_socket(namespace, address)?);
    }
    let of_interface = |peer| port_of_link_address(peer).map(vpc_model::Port::number);
    let budget = Arc::new(LinkLocalBudget::of_interfaces(of_interface));
    let ntp = NtpServer::new(Arc::clone(&budget));
    tasks.spawn(async move {
        let Err(error) = ntp.serve(clocks).await;
        tracing::error!(%error, "the time service ended");
    });
    let dns = DnsServer::new(Arc::clone(directory) as _, Arc::clone(&budget)).with_public_names(names);
    tasks.spawn(async move {
        let Err(error) = dns.serve(resolvers, resolver_listeners).await;
        tracing::error!(%error, "the resolver ended");
    });
    let metadata = MetadataServer::new(Arc::clone(directory) as _, budget).with_token_key(token_key);
    tasks.spawn(async move {
        let Err(error) = metadata.serve(metadata_listeners).await;
        tracing::error!(%error, "the metadata service ended");
    });
    Ok(())
}

/// The key of the metadata service's session tokens. It is kept for as long as instances run, so that their tokens
/// outlive a daemon.
pub(crate) fn token_key(run_dir: &RunDir) -> Result<[u8; 32], NodeError> {
    let path = run_dir.token_key();
    if let Some(key) = std::fs::read(&path).ok().and_then(|kept| kept.try_into().ok()) {
        return Ok(key);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).expect("Linux has had getrandom(2) since 3.17 and it does not fail after boot");
    identity::write_private(&path, &key).map_err(NodeError::file(path))?;
    Ok(key)
}
