//! The services that every VPC has at fixed addresses: the DNS resolver, the instance metadata service and the time.
//!
//! Owns the three servers: their wire formats, limits, tokens and answers. Refuses to know namespaces and packets: it is
//! given sockets that somebody else made, and the network rewrites each sender to the link address of its interface
//! (100.64.0.0/10 and the number of its port), so that two instances with the same private address stay apart. It also
//! refuses to know the state: who stands behind a link address is asked of a [`DnsDirectory`] and a
//! [`MetadataDirectory`], and what the internet's names are of [`PublicNames`].
//!
//! A server runs as long as its future is polled; dropping the future closes every socket and connection.

mod budget;
mod connections;
mod dns;
mod imds;
pub mod ntp;

pub use hickory_proto::rr::RecordType;

pub use budget::{InterfaceNumber, LINK_LOCAL_PACKETS_PER_SEC, LinkLocalBudget};
pub use connections::Connections;
pub use dns::{DnsAnswer, DnsDirectory, DnsNetwork, DnsQuestion, DnsServer, NoPublicNames, PublicNames};
pub use imds::{
    AttachedInterface, BlockDevice, InstanceMetadata, InstanceProfile, InstanceRole, MetadataDirectory,
    MetadataOptions, MetadataServer, PublicKey, SecurityCredentials, TokenPolicy,
};
pub use ntp::NtpServer;
