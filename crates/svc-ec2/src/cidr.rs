//! CIDR blocks as requests have them, and their association with a VPC or subnet over time.
//!
//! Owns parsing, and the states `associating` to `disassociated` as a function of time. Refuses to know which blocks
//! a VPC or subnet may have.

use aws_types::{Ipv6PoolId, SubnetCidrAssociationId, Timestamp, VpcCidrAssociationId};
use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// How long a block is shown as `associating` or `disassociating`; it is usable, or gone, from the first moment on.
const TRANSITION_MILLIS: i64 = 1000;

/// How long a block is shown as `disassociated`.
const SHOWN_AFTERWARDS_MILLIS: i64 = 60_000;

/// Reads an IPv4 block; host bits are cleared, as AWS does.
pub(crate) fn parse_v4(text: &str) -> Option<Ipv4Net> {
    text.parse::<Ipv4Net>().ok().map(|block| block.trunc())
}

/// Reads an IPv6 block; host bits are cleared, as AWS does.
pub(crate) fn parse_v6(text: &str) -> Option<Ipv6Net> {
    text.parse::<Ipv6Net>().ok().map(|block| block.trunc())
}

/// How many addresses an IPv4 block has.
pub(crate) fn size_v4(block: Ipv4Net) -> u64 {
    1 << (32 - u32::from(block.prefix_len()))
}

/// Where an IPv6 block is from that the account has brought along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipv6Source {
    /// The pool.
    pub pool: Ipv6PoolId,
    /// Whether its range can be advertised to the internet.
    pub is_advertisable: bool,
}

impl Ipv6Source {
    /// The `IpSource` and the `Ipv6AddressAttribute` of a block, which is Amazon's where it has no source.
    pub(crate) fn shown(source: Option<Self>) -> (Option<String>, Option<String>) {
        let (from, attribute) = match source {
            None => ("amazon", "public"),
            Some(source) if source.is_advertisable => ("byoip", "public"),
            Some(_) => ("byoip", "private"),
        };
        (Some(from.to_owned()), Some(attribute.to_owned()))
    }
}

/// The association of a block with a VPC or a subnet.
///
/// ```text
/// associating ──1 s──> associated ──disassociate──> disassociating ──1 s──> disassociated ──60 s──> not shown
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CidrAssociation<I, N> {
    /// Its id.
    pub id: I,
    /// The block.
    pub block: N,
    /// From when on it is shown as `associated`.
    pub associated_at: Timestamp,
    /// When it was given up; it counts no more from then on.
    pub ended_at: Option<Timestamp>,
    /// Where an IPv6 block is from that is not Amazon's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Ipv6Source>,
}

/// An IPv4 block of a VPC.
pub type VpcCidrAssociation = CidrAssociation<VpcCidrAssociationId, Ipv4Net>;
/// An IPv6 block of a VPC.
pub type VpcIpv6CidrAssociation = CidrAssociation<VpcCidrAssociationId, Ipv6Net>;
/// An IPv6 block of a subnet.
pub type SubnetIpv6CidrAssociation = CidrAssociation<SubnetCidrAssociationId, Ipv6Net>;

impl<I, N> CidrAssociation<I, N> {
    /// A block that comes with its VPC or subnet, associated from the start.
    pub(crate) fn original(id: I, block: N, now: Timestamp) -> Self {
        Self { id, block, associated_at: now, ended_at: None, source: None }
    }

    /// A block that is added later.
    pub(crate) fn added(id: I, block: N, now: Timestamp) -> Self {
        let associated_at = now.plus_millis(TRANSITION_MILLIS);
        Self { id, block, associated_at, ended_at: None, source: None }
    }

    /// Gives the block up.
    pub(crate) fn end(&mut self, now: Timestamp) {
        self.ended_at = Some(now);
    }

    /// Whether the block counts.
    pub fn is_current(&self) -> bool {
        self.ended_at.is_none()
    }

    /// Whether describe operations still show it.
    pub(crate) fn is_shown(&self, now: Timestamp) -> bool {
        self.ended_at.is_none_or(|ended| now < ended.plus_millis(TRANSITION_MILLIS + SHOWN_AFTERWARDS_MILLIS))
    }

    /// The state that describe operations show.
    pub(crate) fn state(&self, now: Timestamp) -> &'static str {
        match self.ended_at {
            None if now < self.associated_at => "associating",
            None => "associated",
            Some(ended) if now < ended.plus_millis(TRANSITION_MILLIS) => "disassociating",
            Some(_) => "disassociated",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_follow_time() {
        let at = Timestamp::from_unix_millis;
        let id: VpcCidrAssociationId = "vpc-cidr-assoc-00000000000000001".parse().unwrap();
        let mut association = VpcCidrAssociation::added(id, "10.0.0.0/16".parse().unwrap(), at(0));
        let check = |association: &VpcCidrAssociation, now, state, shown| {
            assert_eq!((association.state(at(now)), association.is_shown(at(now))), (state, shown), "{now}");
        };
        check(&association, 0, "associating", true);
        check(&association, 999, "associating", true);
        check(&association, 1000, "associated", true);
        association.end(at(5000));
        assert!(!association.is_current());
        check(&association, 5000, "disassociating", true);
        check(&association, 6000, "disassociated", true);
        check(&association, 65_999, "disassociated", true);
        check(&association, 66_000, "disassociated", false);
    }
}
