//! The simulated internet: hosts that somebody declares, what they serve, and its public names.
//!
//! Owns which names and addresses a host may have, the file that declares them, the servers of the hosts (echo, HTTP and
//! HTTPS) and the lookup of public names. Refuses to know namespaces and packets (it is given sockets that somebody else
//! made), the store, and who makes certificates.
//!
//! A server runs as long as its future is polled; dropping the future closes every socket and connection. Everybody on the
//! network can send it anything, so connections, bytes and times have limits with names.

mod echo;
mod file;
mod folder;
mod host;
mod http;
mod names;
mod server;

pub use file::{FileError, parse as parse_file};
pub use host::{
    Content, DNS_ADDRESSES, Host, HostError, HostName, MAX_ADDRESSES, MAX_HOSTS, MAX_LATENCY_MS,
    MAX_TEXT_BYTES, PUBLIC_IPV4, PUBLIC_IPV6, WORKSTATION_IPV4, WORKSTATION_IPV6, check_address,
};
pub use names::{InternetDirectory, PublicNames, RegionNames};
pub use rustls::sign::CertifiedKey;
pub use server::{CertifyHost, HostServer, HostSockets, MAX_CONNECTIONS, MAX_CONNECTIONS_PER_PEER};
