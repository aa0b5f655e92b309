//! VPCs and their DHCP options. Refuses to know what is in a VPC.

use svc_ec2::record as ec2;
use vpc_model::{DhcpOptions, NetbiosNodeType, Resolver, Vpc};

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
    }
}
