//! A compiled network ACL: the first matching entry decides (fact 17).

use std::net::IpAddr;

use aws_types::NetworkAclId;
use vpc_model::{AclAction, AclRuleNumber, Direction, NetworkAcl, NetworkAclEntry, PortRange};

use super::classifier::{Classifier, Probe};
use crate::reach::Span;

/// A compiled ACL.
#[derive(Debug)]
pub(crate) struct Acl {
    pub(crate) id: NetworkAclId,
    ingress: List,
    egress: List,
}

/// One direction: entries in ascending order, so that the lowest bit decides.
#[derive(Debug)]
struct List {
    classifier: Classifier,
    entries: Box<[(AclRuleNumber, AclAction)]>,
}

impl List {
    fn new(acl: &NetworkAcl, direction: Direction) -> Self {
        let mut entries: Vec<&NetworkAclEntry> =
            acl.entries.iter().filter(|entry| entry.direction == direction).collect();
        entries.sort_by_key(|entry| entry.number);
        let rules: Vec<_> = entries.iter().map(|entry| (entry.traffic, Some(entry.cidr))).collect();
        Self {
            classifier: Classifier::new(&rules),
            entries: entries.iter().map(|entry| (entry.number, entry.action)).collect(),
        }
    }
}

impl Acl {
    pub(crate) fn new(acl: &NetworkAcl) -> Self {
        Self {
            id: acl.id,
            ingress: List::new(acl, Direction::Ingress),
            egress: List::new(acl, Direction::Egress),
        }
    }

    /// The TCP ports around one that [`Self::decide`] answers the same for, whoever the peer is.
    pub(crate) fn tcp_ports_around(&self, direction: Direction, port: u16) -> PortRange {
        self.list(direction).classifier.tcp_ports_around(port)
    }

    /// The traffic and the peers around these that [`Self::decide`] answers the same for.
    pub(crate) fn around(&self, direction: Direction, probe: Probe, peer: IpAddr) -> (Span, Span) {
        let classifier = &self.list(direction).classifier;
        let decided = self.decide(direction, probe, peer);
        let traffic = classifier.traffic_alike(probe, |other| self.decide(direction, other, peer) == decided);
        (traffic, classifier.address_around(peer))
    }

    fn list(&self, direction: Direction) -> &List {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    /// Whether a packet may pass, and which entry says so; none is the implicit denial.
    pub(crate) fn decide(
        &self,
        direction: Direction,
        probe: Probe,
        peer: IpAddr,
    ) -> (AclAction, Option<AclRuleNumber>) {
        let list = self.list(direction);
        let rows = list.classifier.traffic(probe).iter().zip(list.classifier.address(peer));
        for (word, (traffic, address)) in rows.enumerate() {
            let matching = traffic & address;
            if matching != 0 {
                let (number, action) = list.entries[word * 64 + matching.trailing_zeros() as usize];
                return (action, Some(number));
            }
        }
        (AclAction::Deny, None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::strategies;

    proptest! {
        #[test]
        fn decides_as_the_list_read_from_the_top(
            acl in strategies::network_acl(),
            packets in prop::collection::vec(strategies::probe(), 32),
        ) {
            let compiled = Acl::new(&acl);
            for (probe, peer) in packets {
                for direction in [Direction::Ingress, Direction::Egress] {
                    let mut entries: Vec<_> =
                        acl.entries.iter().filter(|entry| entry.direction == direction).collect();
                    entries.sort_by_key(|entry| entry.number);
                    let first = entries
                        .into_iter()
                        .find(|entry| entry.cidr.contains(&peer) && strategies::covers(entry.traffic, probe));
                    let expected = first
                        .map_or((AclAction::Deny, None), |entry| (entry.action, Some(entry.number)));
                    prop_assert_eq!(compiled.decide(direction, probe, peer), expected);
                }
            }
        }
    }
}
