//! VPCs and their DHCP options. Refuses to know what is in a VPC.

use ipnet::IpNet;
use store::Scope;
use svc_ec2::record as ec2;
use vpc_model::{DhcpOptions, NetbiosNodeType, ObjectId, Resolver, Vpc};

use super::View;
use super::stale::{Source, Stale};

impl Source for ec2::Vpc {
    fn object(&self, scope: &Scope) -> Option<(Scope, ObjectId)> {
        Some((scope.clone(), self.id.into()))
    }

    /// Of what lists and gateways bring, a table has no routes for the VPC's own blocks.
    fn add_dependents(
        view: &View<'_>,
        scope: &Scope,
        before: Option<&Self>,
        after: Option<&Self>,
        stale: &mut Stale,
    ) {
        if let (Some(before), Some(after)) = (before, after)
            && blocks(before).ne(blocks(after))
        {
            let tables = view.parts::<ec2::RouteTable, _>(scope, after.id);
            tables.for_each(|table| stale.add(scope, table.id));
        }
    }
}

impl Source for ec2::DhcpOptions {
    fn object(&self, scope: &Scope) -> Option<(Scope, ObjectId)> {
        Some((scope.clone(), self.id.into()))
    }
}

/// All blocks of a VPC, of both families.
pub(super) fn blocks(record: &ec2::Vpc) -> impl Iterator<Item = IpNet> {
    record.blocks().map(IpNet::V4).chain(record.ipv6_blocks().map(IpNet::V6))
}

pub(super) fn vpc(record: &ec2::Vpc) -> Vpc {
    Vpc {
        id: record.id,
        ipv4_cidrs: record.blocks().collect(),
        ipv6_cidrs: record.ipv6_blocks().collect(),
        dns_support: record.enable_dns_support,
        dhcp_options: record.dhcp_options,
    }
}

pub(super) fn dhcp_options(record: &ec2::DhcpOptions) -> DhcpOptions {
    let values = |name: &str| record.options.get(name).map_or(&[][..], Vec::as_slice).iter();
    DhcpOptions {
        id: record.id,
        domain_name: values("domain-name").next().cloned(),
        resolvers: values("domain-name-servers")
            .filter_map(|server| match server.as_str() {
                "AmazonProvidedDNS" => Some(Resolver::AmazonProvided),
                address => address.parse().ok().map(Resolver::Address),
            })
            .collect(),
        ntp_servers: values("ntp-servers").filter_map(|server| server.parse().ok()).collect(),
        netbios_name_servers: values("netbios-name-servers")
            .filter_map(|server| server.parse().ok())
            .collect(),
        netbios_node_type: values("netbios-node-type").next().and_then(|kind| match kind.as_str() {
            "1" => Some(NetbiosNodeType::Broadcast),
            "2" => Some(NetbiosNodeType::PointToPoint),
            "4" => Some(NetbiosNodeType::Mixed),
            "8" => Some(NetbiosNodeType::Hybrid),
            _ => None,
        }),
        mtu_bytes: DhcpOptions::VPC_MTU_BYTES,
        ipv6_preferred_lease_secs: values("ipv6-address-preferred-lease-time")
            .next()
            .and_then(|secs| secs.parse().ok())
            .unwrap_or(DhcpOptions::IPV6_PREFERRED_LEASE_SECS),
    }
}
