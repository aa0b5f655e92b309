//! A security group: stateful, allow-only rules of the interfaces that carry it. Refuses to know which those are.

use aws_types::{SecurityGroupId, SecurityGroupRuleId, VpcId};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{Direction, Traffic};

/// A security group.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Its id.
    pub id: SecurityGroupId,
    /// The VPC it is part of.
    pub vpc: VpcId,
    /// Its rules, in any order: each allows, none denies.
    pub rules: Vec<SecurityGroupRule>,
}

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SecurityGroupRule {
    /// Its id.
    pub id: SecurityGroupRuleId,
    /// Which way it looks.
    pub direction: Direction,
    /// The traffic it is about.
    pub traffic: Traffic,
    /// Who may send (ingress) or be sent to (egress).
    pub peer: Peer,
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Peer {
    /// These addresses.
    Cidr(IpNet),
    /// The private addresses of the interfaces that carry this group.
    Group(SecurityGroupId),
}
