//! The resolver at the VPC's base address plus two and at 169.254.169.253.
//!
//! <https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html>

mod directory;
mod look_up;
mod names;
mod server;
mod wire;

pub use directory::{DnsAnswer, DnsDirectory, DnsNetwork, DnsQuestion, NoPublicNames, PublicNames};
pub use server::DnsServer;
