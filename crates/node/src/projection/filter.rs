//! What filters packets: network ACLs and security groups. Refuses to know which subnets and interfaces have them.

use ipnet::IpNet;
use store::Scope;
use svc_ec2::record as ec2;
use vpc_model::{
    AclAction, AclRuleNumber, Direction, IcmpMatch, NetworkAcl, NetworkAclEntry, ObjectId, Peer, PortRange,
    Protocol, SecurityGroup, SecurityGroupRule, Traffic,
};

use super::View;
use super::stale::Source;

impl Source for ec2::NetworkAcl {
    fn object(&self, scope: &Scope) -> Option<(Scope, ObjectId)> {
        Some((scope.clone(), self.id.into()))
    }
}

impl Source for ec2::SecurityGroup {
    fn object(&self, scope: &Scope) -> Option<(Scope, ObjectId)> {
        Some((scope.clone(), self.id.into()))
    }
}

/// The ACL, unless an entry of it means nothing: EC2 checks entries before it stores them, so that is a damaged state, in
/// which leaving the entry out could let pass what it denies. Without its ACL nothing passes into or out of a subnet.
pub(super) fn network_acl(record: &ec2::NetworkAcl) -> Option<NetworkAcl> {
    let entry = |entry: &ec2::NetworkAclEntry| {
        let ports = entry.ports.map(|(from, to)| (i32::from(from), i32::from(to)));
        let icmp = entry.icmp.map(|(kind, code)| (i32::from(kind), i32::from(code)));
        Some(NetworkAclEntry {
            number: AclRuleNumber::new(entry.number).ok()?,
            direction: direction(entry.egress),
            traffic: traffic(entry.protocol, ports.or(icmp))?,
            cidr: entry.cidr,
            action: match entry.action {
                ec2::Action::Allow => AclAction::Allow,
                ec2::Action::Deny => AclAction::Deny,
            },
        })
    };
    let entries = record.entries.iter().map(entry).collect::<Option<_>>();
    if entries.is_none() {
        tracing::error!(acl = %record.id, "an entry of a network ACL means nothing; its subnets are cut off");
    }
    Some(NetworkAcl { id: record.id, vpc: record.vpc, entries: entries? })
}

/// The group. A rule that names a prefix list is one for each block that the list has; one that names a group of a peered
/// VPC is there while the connection is active.
pub(super) fn security_group(view: &View<'_>, scope: &Scope, record: &ec2::SecurityGroup) -> SecurityGroup {
    let mut rules = Vec::with_capacity(record.rules.len());
    for rule in &record.rules {
        let Some(traffic) = traffic(rule.protocol, rule.ports) else { continue };
        let mut add = |peer| {
            rules.push(SecurityGroupRule { id: rule.id, direction: direction(rule.egress), traffic, peer });
        };
        match rule.peer {
            ec2::Peer::Ipv4(block) => add(Peer::Cidr(IpNet::V4(block))),
            ec2::Peer::Ipv6(block) => add(Peer::Cidr(IpNet::V6(block))),
            ec2::Peer::Group(group) => add(Peer::Group(group)),
            ec2::Peer::PeeredGroup(peered) => {
                let connection = view.get::<ec2::VpcPeeringConnection>(scope, peered.connection);
                view.changes_at(connection.as_ref().and_then(|held| held.changes_after(view.now)));
                if connection.is_some_and(|held| held.is_active(view.now)) {
                    add(Peer::Group(peered.group));
                }
            }
            ec2::Peer::PrefixList(list) => ec2::prefix_list_blocks(view.snapshot, scope, list)
                .into_iter()
                .for_each(|block| add(Peer::Cidr(block))),
        }
    }
    SecurityGroup { id: record.id, vpc: record.vpc, rules }
}

fn direction(egress: bool) -> Direction {
    if egress { Direction::Egress } else { Direction::Ingress }
}

/// The traffic of a rule: for TCP and UDP `range` is the ports, for ICMP the type and code with -1 for any. EC2 checks
/// both before it stores them; a range that is none all the same is no rule.
fn traffic(protocol: ec2::IpProtocol, range: Option<(i32, i32)>) -> Option<Traffic> {
    let Some(number) = protocol.number() else { return Some(Traffic::All) };
    let protocol = Protocol(number);
    let ports = || match range {
        None => Some(PortRange::ALL),
        Some((from, to)) => PortRange::new(from.try_into().ok()?, to.try_into().ok()?).ok(),
    };
    let icmp = || match range {
        None | Some((-1, _)) => Some(IcmpMatch::Any),
        Some((kind, -1)) => kind.try_into().ok().map(IcmpMatch::Type),
        Some((kind, code)) => Some(IcmpMatch::TypeAndCode(kind.try_into().ok()?, code.try_into().ok()?)),
    };
    match protocol {
        Protocol::TCP => ports().map(Traffic::Tcp),
        Protocol::UDP => ports().map(Traffic::Udp),
        Protocol::ICMP => icmp().map(Traffic::Icmp),
        Protocol::ICMPV6 => icmp().map(Traffic::Icmpv6),
        other => Some(Traffic::Protocol(other)),
    }
}
