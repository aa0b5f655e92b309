//! Amazon Resource Names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AccountId, Partition, Region};

/// `arn:partition:service:region:account:resource`.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn(String);

/// The text does not have the six colon-separated parts of an ARN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an ARN: {0:?}")]
pub struct ParseArnError(String);

impl Arn {
    /// The ARN of a regional resource; `resource` is the part after the fifth colon.
    pub fn new(
        partition: Partition,
        service: &str,
        region: &Region,
        account: AccountId,
        resource: &str,
    ) -> Self {
        Self(format!("arn:{partition}:{service}:{region}:{account}:{resource}"))
    }

    /// The ARN of a global resource, whose region part is empty.
    pub fn global(partition: Partition, service: &str, account: AccountId, resource: &str) -> Self {
        Self(format!("arn:{partition}:{service}::{account}:{resource}"))
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the fifth colon.
    pub fn resource(&self) -> &str {
        self.0.splitn(6, ':').nth(5).expect("the constructor checked the six parts")
    }
}

impl FromStr for Arn {
    type Err = ParseArnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(6, ':');
        let valid = parts.next() == Some("arn")
            && parts.next().is_some_and(|partition| !partition.is_empty())
            && parts.next().is_some_and(|service| !service.is_empty())
            && parts.next().is_some()
            && parts.next().is_some()
            && parts.next().is_some_and(|resource| !resource.is_empty());
        if valid { Ok(Self(text.to_owned())) } else { Err(ParseArnError(text.to_owned())) }
    }
}

impl TryFrom<String> for Arn {
    type Error = ParseArnError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> Self {
        arn.0
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
