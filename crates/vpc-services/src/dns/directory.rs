//! What the resolver asks of the state.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use aws_types::InstanceId;
use hickory_proto::rr::RecordType;

/// The network behind a link address, as far as names are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsNetwork {
    /// The VPC's `enableDnsSupport`. When it is off the resolver does not answer.
    pub is_supported: bool,
    /// The domain of private instance names: `ec2.internal` in us-east-1, else `REGION.compute.internal`.
    pub private_domain: Arc<str>,
}

/// A question about a name that is not one of the VPC's private instance names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsQuestion {
    /// The name in lower case, without the dot at its end.
    pub name: String,
    /// What is asked for.
    pub kind: RecordType,
}

/// What is known about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsAnswer {
    /// A host with these addresses; a question for a kind that it has none of gets an empty answer.
    Host {
        /// IPv4 and IPv6 addresses.
        addresses: Vec<IpAddr>,
        /// How long they may be cached.
        ttl_secs: u32,
    },
    /// An address whose name is this; for questions in `in-addr.arpa` and `ip6.arpa`.
    Pointer {
        /// The name, without the dot at its end.
        name: String,
        /// How long it may be cached.
        ttl_secs: u32,
    },
    /// There is no such name.
    NoSuchName,
    /// The resolver does not answer such questions.
    Refused,
}

/// The state as the resolver needs it. Called for every query, from the server's task: it must not block.
pub trait DnsDirectory: Send + Sync + 'static {
    /// The network that an interface is in. `None` when no interface has that link address: its queries are dropped.
    fn network(&self, peer: IpAddr) -> Option<DnsNetwork>;

    /// Whether an interface in the VPC of `peer` has that private address. Only then `ip-A-B-C-D` and its pointer exist.
    fn has_private_address(&self, peer: IpAddr, address: Ipv4Addr) -> bool;

    /// The addresses that the resource name of an instance (`i-0123456789abcdef0.DOMAIN`) stands for, in the VPC of
    /// `peer`. Empty when there is no such instance, or its resource name has no records.
    fn resource_name(&self, peer: IpAddr, instance: InstanceId) -> Vec<IpAddr> {
        let _ = (peer, instance);
        Vec::new()
    }

    /// Every other name: public instance names, hosts on the internet. By default there are none.
    fn other(&self, peer: IpAddr, question: &DnsQuestion) -> DnsAnswer {
        let _ = (peer, question);
        DnsAnswer::NoSuchName
    }
}
