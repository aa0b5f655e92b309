//! What the resolver asks of the state.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use aws_types::InstanceId;
use hickory_proto::rr::RecordType;
use ipnet::IpNet;

/// The network behind a link address, as far as names are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsNetwork {
    /// The VPC's `enableDnsSupport`. When it is off the resolver does not answer.
    pub is_supported: bool,
    /// Whether the resolver knows private names of instances: where `enableDnsSupport` and `enableDnsHostnames` are both
    /// on.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html#vpc-dns-support>
    pub has_private_names: bool,
    /// The domain of private instance names: `ec2.internal` in us-east-1, else `REGION.compute.internal`.
    pub private_domain: Arc<str>,
    /// The subnet's `enableDns64`: names that have IPv4 addresses alone get IPv6 addresses that stand for them.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-nat64-dns64.html>
    pub has_dns64: bool,
    /// The VPC's blocks, of both families. The resolver answers for the names of their addresses by itself.
    pub blocks: Vec<IpNet>,
}

/// A question about a name that is not one of the VPC's private instance names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsQuestion {
    /// The name in lower case, without the dot at its end.
    pub name: String,
    /// The address that the name is about, when it is one in `in-addr.arpa` or `ip6.arpa`.
    pub address: Option<IpAddr>,
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
        /// The zone that the name is in.
        zone: String,
    },
    /// An address whose name is this; for questions in `in-addr.arpa` and `ip6.arpa`.
    Pointer {
        /// The name, without the dot at its end.
        name: String,
        /// How long it may be cached.
        ttl_secs: u32,
    },
    /// There is no such name in a zone of AWS's.
    NoSuchName {
        /// The zone.
        zone: String,
    },
    /// The name is none of AWS's: the internet may know it.
    Elsewhere,
    /// The resolver does not answer such questions.
    Refused,
}

/// The state as the resolver needs it. Called for every query, from the server's task: it must not block.
pub trait DnsDirectory: Send + Sync + 'static {
    /// The network that an interface is in. `None` when no interface has that link address: its queries are dropped.
    fn network(&self, peer: IpAddr) -> Option<DnsNetwork>;

    /// Whether an interface that `peer` can know by name has that private address. Only then `ip-A-B-C-D` and its pointer
    /// exist.
    fn has_private_address(&self, peer: IpAddr, address: Ipv4Addr) -> bool;

    /// The addresses that the resource name of an instance (`i-0123456789abcdef0.DOMAIN`) stands for, in the VPC of
    /// `peer`. Empty when there is no such instance, or its resource name has no records.
    fn resource_name(&self, peer: IpAddr, instance: InstanceId) -> Vec<IpAddr> {
        let _ = (peer, instance);
        Vec::new()
    }

    /// The instance in the VPC of `peer` whose resource name stands for that address.
    fn instance_with(&self, peer: IpAddr, address: Ipv6Addr) -> Option<InstanceId> {
        let _ = (peer, address);
        None
    }

    /// Every other name: public instance names, endpoints, services of AWS. By default there are none.
    fn other(&self, peer: IpAddr, question: &DnsQuestion) -> DnsAnswer {
        let _ = (peer, question);
        DnsAnswer::Elsewhere
    }
}

/// The names of the internet: what the resolver asks for every name that is none of AWS's. Called from the server's task:
/// it must not block.
pub trait PublicNames: Send + Sync + 'static {
    /// The addresses of a name, which is given in lower case and without the dot at its end. `None` when there is no such
    /// name.
    fn addresses(&self, name: &str) -> Option<Vec<IpAddr>>;

    /// The name of an address, without the dot at its end.
    fn name(&self, address: IpAddr) -> Option<String>;
}

/// An internet without names.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPublicNames;

impl PublicNames for NoPublicNames {
    fn addresses(&self, _name: &str) -> Option<Vec<IpAddr>> {
        None
    }

    fn name(&self, _address: IpAddr) -> Option<String> {
        None
    }
}
