//! Network interfaces. Refuses to know what hangs on one.

use store::Scope;
use svc_ec2::record as ec2;
use vpc_model::{IdleTimeouts, Interface, InterfaceRole, ObjectId, Port, PublicIpv4};

use super::stale::{Source, Stale};
use super::{View, account};

impl Source for ec2::NetworkInterface {
    fn object(&self, scope: &Scope) -> Option<(Scope, ObjectId)> {
        Some((scope.clone(), self.id.into()))
    }
}

impl Source for ec2::ElasticIp {
    fn add_dependents(
        _: &View<'_>,
        scope: &Scope,
        before: Option<&Self>,
        after: Option<&Self>,
        stale: &mut Stale,
    ) {
        if before.map(|held| &held.association) != after.map(|held| &held.association) {
            let interfaces = before.into_iter().chain(after).filter_map(ec2::ElasticIp::interface);
            interfaces.for_each(|interface| stale.add(scope, interface));
        }
    }
}

fn role(view: &View<'_>, scope: &Scope, record: &ec2::NetworkInterface) -> InterfaceRole {
    if account::is_closed(view, scope, record) {
        return InterfaceRole::ClosedAccount;
    }
    match record.kind {
        None => InterfaceRole::Workload,
        Some(ec2::ManagedKind::VpcEndpoint) => InterfaceRole::InterfaceEndpoint,
        Some(ec2::ManagedKind::NatGateway) => InterfaceRole::NatGateway,
        Some(ec2::ManagedKind::TransitGateway) => InterfaceRole::TransitGateway,
        Some(ec2::ManagedKind::GatewayLoadBalancerEndpoint) => InterfaceRole::GatewayLoadBalancerEndpoint,
    }
}

pub(super) fn interface(view: &View<'_>, scope: &Scope, record: &ec2::NetworkInterface) -> Option<Interface> {
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
        public_ipv4: ec2::public_addresses(view.snapshot, scope, record)
            .into_iter()
            .map(|(public, private)| PublicIpv4 { public, private })
            .collect(),
        role: role(view, scope, record),
        security_groups: record.groups.clone(),
        source_dest_check: record.source_dest_check,
        idle_timeouts: idle_timeouts.unwrap_or_default(),
        tracking_limit: None,
        hostname: None,
    })
}
