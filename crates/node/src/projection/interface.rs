//! Network interfaces. Refuses to know what hangs on one.

use svc_ec2::record as ec2;
use vpc_model::{IdleTimeouts, Interface, InterfaceRole, Port};

pub(super) fn interface(record: &ec2::NetworkInterface) -> Option<Interface> {
    let tracking = record.connection_tracking;
    let default = IdleTimeouts::DEFAULT;
    let idle_timeouts = IdleTimeouts::new(
        tracking.tcp_established_secs.unwrap_or(default.tcp_established_secs()),
        tracking.udp_stream_secs.unwrap_or(default.udp_stream_secs()),
        tracking.udp_secs.unwrap_or(default.udp_secs()),
    );
    Some(Interface {
        id: record.id,
        port: Port::new(record.port).ok()?,
        vpc: record.vpc,
        subnet: record.subnet,
        mac: record.mac,
        ipv4: record.primary_address(),
        secondary_ipv4: record.private_addresses[1..].to_vec(),
        ipv6: record.ipv6_addresses.clone(),
        ipv4_prefixes: record.ipv4_prefixes.clone(),
        ipv6_prefixes: record.ipv6_prefixes.clone(),
        public_ipv4: Vec::new(),
        role: InterfaceRole::Workload,
        security_groups: record.groups.clone(),
        source_dest_check: record.source_dest_check,
        idle_timeouts: idle_timeouts.unwrap_or_default(),
        tracking_limit: None,
        hostname: None,
    })
}
