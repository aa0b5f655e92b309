//! A network ACL: numbered, stateless rules of a subnet. Refuses to know which subnets use it.

use std::fmt;

use aws_types::{NetworkAclId, VpcId};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{Direction, Traffic};

/// A network ACL. What no entry decides is denied (the entry that AWS shows as `*`, number 32767).
/// <https://docs.aws.amazon.com/vpc/latest/userguide/nacl-basics.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NetworkAcl {
    /// Its id.
    pub id: NetworkAclId,
    /// The VPC it is part of.
    pub vpc: VpcId,
    /// The entries in any order, without the implicit denials.
    pub entries: Vec<NetworkAclEntry>,
}

/// One entry; its number is unique within its direction, over both address families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NetworkAclEntry {
    /// Its place: entries are tried in ascending order and the first that matches decides.
    pub number: AclRuleNumber,
    /// Into or out of the subnet.
    pub direction: Direction,
    /// The traffic it is about.
    pub traffic: Traffic,
    /// The source (ingress) or destination (egress) addresses it is about.
    pub cidr: IpNet,
    /// What it decides.
    pub action: AclAction,
}

/// What an entry decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AclAction {
    /// The packet may pass.
    Allow,
    /// The packet is dropped.
    Deny,
}

/// The number of a network ACL entry, 1 to 32766.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAclEntry.html>
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct AclRuleNumber(u16);

/// The number is not one that an entry can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a network ACL rule number is 1 to 32766, not {0}")]
pub struct AclRuleNumberError(u16);

impl AclRuleNumber {
    /// The highest number of an entry; 32767 is the implicit denial.
    pub const MAX: Self = Self(32_766);

    /// The checked number.
    ///
    /// # Errors
    /// When it is 0 or above [`AclRuleNumber::MAX`].
    pub const fn new(number: u16) -> Result<Self, AclRuleNumberError> {
        if number == 0 || number > Self::MAX.0 { Err(AclRuleNumberError(number)) } else { Ok(Self(number)) }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for AclRuleNumber {
    type Error = AclRuleNumberError;

    fn try_from(number: u16) -> Result<Self, Self::Error> {
        Self::new(number)
    }
}

impl From<AclRuleNumber> for u16 {
    fn from(number: AclRuleNumber) -> Self {
        number.0
    }
}

impl fmt::Display for AclRuleNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for AclRuleNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
