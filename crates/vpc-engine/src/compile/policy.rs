//! A compiled set of security groups: the union of their rules (fact 18), and which flows they leave untracked
//! (fact 23).

use std::net::IpAddr;
use std::sync::Arc;

use aws_types::{SecurityGroupId, SecurityGroupRuleId};
use ipnet::IpNet;
use rustc_hash::FxHashMap;
use vpc_model::{Direction, Peer, PortRange, Protocol, SecurityGroup, SecurityGroupRule, Traffic};

use super::axis::{Row, set, words};
use super::classifier::{Classifier, Probe};
use crate::reach::Span;

/// What the interfaces that carry one set of groups let pass.
#[derive(Debug)]
pub(crate) struct Policy {
    /// The groups, ascending.
    pub(crate) groups: Arc<[SecurityGroupId]>,
    pub(crate) ingress: Rules,
    pub(crate) egress: Rules,
}

/// One direction of a policy.
#[derive(Debug)]
pub(crate) struct Rules {
    classifier: Classifier,
    /// The rules that name each group. Who carries a group is a property of the peer, looked up with it, so a group
    /// that gains or loses a member changes nothing here.
    groups: FxHashMap<SecurityGroupId, Box<Row>>,
    /// The rules for 0.0.0.0/0 and ::/0.
    open: Box<Row>,
    ids: Box<[SecurityGroupRuleId]>,
    /// Whether one rule is open to all ports of a protocol: TCP and UDP over IPv4, then over IPv6.
    open_to_all_ports: [[bool; 2]; 2],
}

/// A rule that lets a packet pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    /// The first such rule, for who wants to know; a packet only needs that there is one.
    pub(crate) rule: SecurityGroupRuleId,
    /// Whether a rule for any address lets it pass.
    pub(crate) open: bool,
}

/// Whom the rules of a direction let some traffic pass to or from.
pub(crate) struct Admitted {
    /// Ranges of IPv4 addresses, ascending and apart.
    pub(crate) ipv4: Vec<(u32, u32)>,
    /// Groups whose members may pass wherever they are, as far as their groups may be known.
    pub(crate) groups: Vec<SecurityGroupId>,
}

impl Admitted {
    /// Whether an address is among those.
    pub(crate) fn has_address(&self, address: u32) -> bool {
        let after = self.ipv4.partition_point(|&(first, _)| first <= address);
        after > 0 && address <= self.ipv4[after - 1].1
    }
}

fn is_open(rule: &SecurityGroupRule) -> bool {
    matches!(rule.peer, Peer::Cidr(cidr) if cidr.prefix_len() == 0)
}

fn covers_all_ports(traffic: Traffic, protocol: Protocol) -> bool {
    match traffic {
        Traffic::All => true,
        Traffic::Tcp(PortRange::ALL) => protocol == Protocol::TCP,
        Traffic::Udp(PortRange::ALL) => protocol == Protocol::UDP,
        Traffic::Protocol(named) => named == protocol,
        Traffic::Tcp(_) | Traffic::Udp(_) | Traffic::Icmp(_) | Traffic::Icmpv6(_) => false,
    }
}

impl Rules {
    fn new(rules: &[SecurityGroupRule]) -> Self {
        let words = words(rules.len());
        let mut groups: FxHashMap<SecurityGroupId, Box<Row>> = FxHashMap::default();
        let mut open = vec![0; words].into_boxed_slice();
        let mut open_to_all_ports = [[false; 2]; 2];
        for (index, rule) in rules.iter().enumerate() {
            match rule.peer {
                Peer::Group(group) => {
                    set(groups.entry(group).or_insert_with(|| vec![0; words].into()), index);
                }
                Peer::Cidr(cidr) if is_open(rule) => {
                    set(&mut open, index);
                    let family = usize::from(matches!(cidr, IpNet::V6(_)));
                    for (at, protocol) in [Protocol::TCP, Protocol::UDP].into_iter().enumerate() {
                        open_to_all_ports[family][at] |= covers_all_ports(rule.traffic, protocol);
                    }
                }
                Peer::Cidr(_) => {}
            }
        }
        let shapes: Vec<_> = rules
            .iter()
            .map(|rule| match rule.peer {
                Peer::Cidr(cidr) => (rule.traffic, Some(cidr)),
                Peer::Group(_) => (rule.traffic, None),
            })
            .collect();
        Self {
            classifier: Classifier::new(&shapes),
            groups,
            open,
            ids: rules.iter().map(|rule| rule.id).collect(),
            open_to_all_ports,
        }
    }

    /// Whether a packet may pass, to or from this address, whose interface carries these groups. The groups are empty
    /// where the packet does not come from, or go to, that interface itself (fact 19).
    pub(crate) fn admit(
        &self,
        probe: Probe,
        peer: IpAddr,
        peer_groups: &[SecurityGroupId],
    ) -> Option<Admission> {
        let traffic = self.classifier.traffic(probe);
        let address = self.classifier.address(peer);
        let mut first = None;
        let mut open = 0;
        for (word, (traffic, address)) in traffic.iter().zip(address).enumerate() {
            let matching = traffic & address;
            open |= matching & self.open[word];
            if matching != 0 && first.is_none() {
                first = Some(word * 64 + matching.trailing_zeros() as usize);
            }
        }
        if first.is_none() && !self.groups.is_empty() {
            first = peer_groups.iter().filter_map(|group| self.groups.get(group)).find_map(|row| {
                let words = traffic.iter().zip(row.iter()).enumerate();
                words
                    .filter(|(_, (traffic, row))| *traffic & *row != 0)
                    .map(|(word, (traffic, row))| word * 64 + (traffic & row).trailing_zeros() as usize)
                    .next()
            });
        }
        first.map(|rule| Admission { rule: self.ids[rule], open: open != 0 })
    }

    /// Everybody for whom [`Self::admit`] lets this traffic pass.
    pub(crate) fn admitted(&self, probe: Probe) -> Admitted {
        let traffic = self.classifier.traffic(probe);
        let is_about = |row: &Row| traffic.iter().zip(row).any(|(traffic, row)| traffic & row != 0);
        let groups = self.groups.iter().filter(|(_, row)| is_about(row)).map(|(group, _)| *group).collect();
        Admitted { ipv4: self.classifier.ipv4_of(traffic), groups }
    }

    /// The traffic and the peers around these for which [`Self::admit`] answers the same.
    pub(crate) fn around(&self, probe: Probe, peer: IpAddr, peer_groups: &[SecurityGroupId]) -> (Span, Span) {
        let admitted = self.admit(probe, peer, peer_groups);
        let is_alike = |other| self.admit(other, peer, peer_groups) == admitted;
        (self.classifier.traffic_alike(probe, is_alike), self.classifier.address_around(peer))
    }

    /// The traffic and the peers around these for which [`Self::is_open_to`] answers the same.
    pub(crate) fn open_around(&self, probe: Probe, like: IpAddr) -> (Span, Span) {
        let is_open = self.is_open_to(probe, like);
        let is_alike = |other| self.is_open_to(other, like) == is_open;
        (self.classifier.traffic_alike(probe, is_alike), self.classifier.address_around(like))
    }

    /// Whether a rule for any address of the family lets this traffic pass.
    pub(crate) fn is_open_to(&self, probe: Probe, like: IpAddr) -> bool {
        let rows = self.classifier.traffic(probe).iter().zip(self.classifier.address(like)).zip(&self.open);
        rows.fold(0, |any, ((traffic, address), open)| any | (traffic & address & open)) != 0
    }

    /// Whether one rule lets all ports of a protocol pass, to or from any address of the family.
    pub(crate) fn is_open_to_all_ports(&self, protocol: Protocol, like: IpAddr) -> bool {
        let of_family = self.open_to_all_ports[usize::from(like.is_ipv6())];
        match protocol {
            Protocol::TCP => of_family[0],
            Protocol::UDP => of_family[1],
            _ => false,
        }
    }
}

impl Policy {
    /// Compiles the rules of some groups. A group that does not exist has no rules.
    pub(crate) fn new<'a>(
        groups: Arc<[SecurityGroupId]>,
        find: impl Fn(SecurityGroupId) -> Option<&'a SecurityGroup>,
    ) -> Self {
        let rules = |direction| {
            let rules: Vec<SecurityGroupRule> = groups
                .iter()
                .filter_map(|&id| find(id))
                .flat_map(|group| group.rules.iter().copied().filter(|rule| rule.direction == direction))
                .collect();
            Rules::new(&rules)
        };
        Self { ingress: rules(Direction::Ingress), egress: rules(Direction::Egress), groups }
    }

    /// The rules of a direction.
    pub(crate) fn rules(&self, direction: Direction) -> &Rules {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::strategies;

    proptest! {
        #[test]
        fn admits_what_any_rule_of_any_group_allows(
            groups in strategies::security_groups(),
            carried in prop::collection::vec(0_u8..6, 0..4),
            packets in prop::collection::vec(strategies::probe(), 32),
        ) {
            let carried: Vec<_> = carried.into_iter().map(strategies::group_id).collect();
            let ids: Arc<[_]> = groups.iter().map(|group| group.id).collect();
            let policy = Policy::new(ids, |id| groups.iter().find(|group| group.id == id));
            for (probe, peer) in packets {
                for direction in [Direction::Ingress, Direction::Egress] {
                    let matching: Vec<_> = groups
                        .iter()
                        .flat_map(|group| &group.rules)
                        .filter(|rule| rule.direction == direction && strategies::covers(rule.traffic, probe))
                        .filter(|rule| match rule.peer {
                            Peer::Cidr(cidr) => cidr.contains(&peer),
                            Peer::Group(group) => carried.contains(&group),
                        })
                        .collect();
                    let admission = policy.rules(direction).admit(probe, peer, &carried);
                    prop_assert_eq!(admission.is_some(), !matching.is_empty());
                    if let Some(admission) = admission {
                        prop_assert!(matching.iter().any(|rule| rule.id == admission.rule));
                        prop_assert_eq!(admission.open, matching.iter().any(|rule| is_open(rule)));
                    }
                    let open = matching.iter().any(|rule| is_open(rule));
                    prop_assert_eq!(policy.rules(direction).is_open_to(probe, peer), open);
                }
            }
        }
    }
}
