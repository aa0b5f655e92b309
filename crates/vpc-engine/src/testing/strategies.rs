//! Property-test strategies for rules and packets, drawn from few values so that they meet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_types::{NetworkAclId, ResourceId, SecurityGroupId, SecurityGroupRuleId, VpcId};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;
use vpc_model::{
    AclAction, AclRuleNumber, Direction, IcmpMatch, NetworkAcl, NetworkAclEntry, Peer, PortRange, Protocol,
    SecurityGroup, SecurityGroupRule, Traffic,
};

use crate::compile::Probe;

pub(crate) fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0_u8..4, 0_u8..4, any::<u8>()).prop_map(|(b, c, d)| Ipv4Addr::new(10, b, c, d).into()),
        any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
        (0_u128..4, 0_u128..1024).prop_map(|(subnet, host)| {
            Ipv6Addr::from_bits(0x2600_1f00_u128 << 96 | subnet << 64 | host).into()
        }),
        any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).into()),
    ]
}

pub(crate) fn net() -> impl Strategy<Value = IpNet> {
    (address(), 0_u8..=128, 0_u8..4).prop_map(|(address, prefix, whole)| match address {
        IpAddr::V4(address) => {
            let prefix = if whole == 0 { 0 } else { prefix % 33 };
            IpNet::V4(Ipv4Net::new(address, prefix).unwrap().trunc())
        }
        IpAddr::V6(address) => {
            let prefix = if whole == 0 { 0 } else { prefix };
            IpNet::V6(Ipv6Net::new(address, prefix).unwrap().trunc())
        }
    })
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![0_u16..30, Just(22), Just(443), Just(u16::MAX), any::<u16>()]
}

fn ports() -> impl Strategy<Value = PortRange> {
    prop_oneof![
        Just(PortRange::ALL),
        (port(), port()).prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap()),
    ]
}

fn icmp() -> impl Strategy<Value = IcmpMatch> {
    prop_oneof![
        Just(IcmpMatch::Any),
        (0_u8..12).prop_map(IcmpMatch::Type),
        (0_u8..12, 0_u8..4).prop_map(|(kind, code)| IcmpMatch::TypeAndCode(kind, code)),
    ]
}

pub(crate) fn traffic() -> impl Strategy<Value = Traffic> {
    prop_oneof![
        Just(Traffic::All),
        ports().prop_map(Traffic::Tcp),
        ports().prop_map(Traffic::Udp),
        icmp().prop_map(Traffic::Icmp),
        icmp().prop_map(Traffic::Icmpv6),
        prop_oneof![Just(1_u8), Just(6), Just(17), Just(47), Just(58), any::<u8>()]
            .prop_map(|number| Traffic::Protocol(Protocol(number))),
    ]
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::Ingress), Just(Direction::Egress)]
}

pub(crate) fn network_acl() -> impl Strategy<Value = NetworkAcl> {
    let entry = (1_u16..200, direction(), traffic(), net(), any::<bool>());
    prop::collection::vec(entry, 0..40).prop_map(|entries| {
        let mut seen = std::collections::HashSet::new();
        let entries = entries.into_iter().filter(|entry| seen.insert((entry.0, entry.1)));
        let entries = entries
            .map(|(number, direction, traffic, cidr, allow)| NetworkAclEntry {
                number: AclRuleNumber::new(number).unwrap(),
                direction,
                traffic,
                cidr,
                action: if allow { AclAction::Allow } else { AclAction::Deny },
            })
            .collect();
        NetworkAcl { id: NetworkAclId::from_bits(1), vpc: VpcId::from_bits(1), entries }
    })
}

pub(crate) fn group_id(number: u8) -> SecurityGroupId {
    SecurityGroupId::from_bits(u128::from(number))
}

pub(crate) fn security_groups() -> impl Strategy<Value = Vec<SecurityGroup>> {
    let peer =
        prop_oneof![net().prop_map(Peer::Cidr), (0_u8..6).prop_map(|number| Peer::Group(group_id(number)))];
    let rule = (any::<u64>(), direction(), traffic(), peer).prop_map(|(id, direction, traffic, peer)| {
        SecurityGroupRule { id: SecurityGroupRuleId::from_bits(id.into()), direction, traffic, peer }
    });
    prop::collection::vec(prop::collection::vec(rule, 0..50), 0..4).prop_map(|groups| {
        let groups = (0..).zip(groups);
        groups
            .map(|(id, rules)| SecurityGroup { id: group_id(id), vpc: VpcId::from_bits(1), rules })
            .collect()
    })
}

pub(crate) fn probe() -> impl Strategy<Value = (Probe, IpAddr)> {
    let message = (0_u8..12, 0_u8..4).prop_map(|(kind, code)| u16::from_be_bytes([kind, code]));
    let probe = prop_oneof![
        port().prop_map(Probe::Tcp),
        port().prop_map(Probe::Udp),
        message.clone().prop_map(Probe::Icmp),
        message.prop_map(Probe::Icmpv6),
        prop_oneof![Just(47_u8), Just(50), Just(0)].prop_map(Probe::Other),
    ];
    (probe, address())
}

/// Whether a rule's traffic covers a packet, read off the rule.
pub(crate) fn covers(traffic: Traffic, probe: Probe) -> bool {
    let number = match probe {
        Probe::Tcp(_) => 6,
        Probe::Udp(_) => 17,
        Probe::Icmp(_) => 1,
        Probe::Icmpv6(_) => 58,
        Probe::Other(number) => number,
    };
    match (traffic, probe) {
        (Traffic::All, _) => true,
        (Traffic::Protocol(protocol), _) => protocol.0 == number,
        (Traffic::Tcp(ports), Probe::Tcp(port)) | (Traffic::Udp(ports), Probe::Udp(port)) => {
            ports.from() <= port && port <= ports.to()
        }
        (Traffic::Icmp(wanted), Probe::Icmp(message)) | (Traffic::Icmpv6(wanted), Probe::Icmpv6(message)) => {
            match wanted {
                IcmpMatch::Any => true,
                IcmpMatch::Type(kind) => message >> 8 == u16::from(kind),
                IcmpMatch::TypeAndCode(kind, code) => message == u16::from(kind) * 256 + u16::from(code),
            }
        }
        _ => false,
    }
}
