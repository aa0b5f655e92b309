//! Ids in the forms that Organizations gives them, made from bits that the caller brings.
//!
//! <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Types.html>

use std::fmt;
use std::str::FromStr;

use aws_types::AccountId;
use serde::{Deserialize, Serialize};

const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// The text is not an id of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of {what}: {text:?}")]
pub struct ParseIdError {
    /// What was given.
    pub text: String,
    /// What was wanted.
    pub what: &'static str,
}

/// Lower-case letters and digits.
fn random(count: usize, bits: &mut dyn FnMut() -> u128) -> String {
    let mut text = String::with_capacity(count);
    while text.len() < count {
        let bytes = bits().to_be_bytes();
        let characters = bytes.iter().map(|byte| char::from(BASE36[usize::from(*byte) % BASE36.len()]));
        text.extend(characters.take(count - text.len()));
    }
    text
}

fn is_base36(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $what:literal, $prefix:literal, $new:literal, $least:literal..=$most:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// A new id, of random bits.
            pub fn random(bits: &mut dyn FnMut() -> u128) -> Self {
                Self(format!("{}{}", $prefix, random($new, bits)))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let rest = text.strip_prefix($prefix).filter(|rest| is_base36(rest, $least, $most));
                rest.map(|_| Self(text.to_owned()))
                    .ok_or_else(|| ParseIdError { text: text.to_owned(), what: $what })
            }
        }

        id_texts!($name);
    )*};
}

macro_rules! id_texts {
    ($name:ident) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

ids! {
    /// An organization.
    OrganizationId = "an organization", "o-", 10, 10..=32;
    /// The root of an organization.
    RootId = "a root", "r-", 4, 4..=32;
    /// A handshake.
    HandshakeId = "a handshake", "h-", 32, 8..=32;
    /// A request for a new account.
    AccountRequestId = "a request for an account", "car-", 32, 8..=32;
    /// The resource policy of an organization.
    ResourcePolicyId = "a resource policy", "rp-", 8, 4..=128;
}

/// An organizational unit: its id has that of its root's in it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitId(String);

impl UnitId {
    /// A new id under a root, of random bits.
    pub fn random(root: &RootId, bits: &mut dyn FnMut() -> u128) -> Self {
        let root = root.as_str().trim_start_matches("r-");
        Self(format!("ou-{root}-{}", random(8, bits)))
    }
}

impl FromStr for UnitId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.strip_prefix("ou-").and_then(|rest| rest.split_once('-'));
        let is_one = parts.is_some_and(|(root, own)| is_base36(root, 4, 32) && is_base36(own, 8, 32));
        is_one
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| ParseIdError { text: text.to_owned(), what: "an organizational unit" })
    }
}

id_texts!(UnitId);

/// A policy. Those of AWS have names for ids, such as `p-FullAWSAccess`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PolicyId(String);

impl PolicyId {
    /// A new id, of random bits.
    pub fn random(bits: &mut dyn FnMut() -> u128) -> Self {
        // Ten at least: it is what the form of a policy's ARN wants.
        Self(format!("p-{}", random(10, bits)))
    }
}

impl FromStr for PolicyId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_one = text.strip_prefix("p-").is_some_and(|rest| {
            (8..=128).contains(&rest.len())
                && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        is_one
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| ParseIdError { text: text.to_owned(), what: "a policy" })
    }
}

id_texts!(PolicyId);

/// Where accounts and units can be: in the root or in a unit.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ParentId {
    /// The root.
    Root(RootId),
    /// A unit.
    Unit(UnitId),
}

impl ParentId {
    /// The text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Root(id) => id.as_str(),
            Self::Unit(id) => id.as_str(),
        }
    }
}

impl FromStr for ParentId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let root = text.parse().map(Self::Root);
        root.or_else(|_| text.parse().map(Self::Unit))
            .map_err(|_: ParseIdError| ParseIdError { text: text.to_owned(), what: "a root or unit" })
    }
}

impl TryFrom<String> for ParentId {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ParentId> for String {
    fn from(id: ParentId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for ParentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ParentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What policies can be attached to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TargetId {
    /// The root or a unit.
    Parent(ParentId),
    /// An account.
    Account(AccountId),
}

impl FromStr for TargetId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parent = text.parse().map(Self::Parent);
        parent
            .or_else(|_| text.parse().map(Self::Account))
            .map_err(|_| ParseIdError { text: text.to_owned(), what: "a root, unit or account" })
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parent(id) => id.fmt(f),
            Self::Account(id) => id.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_forms_of_organizations() {
        let mut next = 0_u128;
        let mut bits = || {
            next += 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
            next
        };
        let organization = OrganizationId::random(&mut bits);
        assert!(organization.as_str().parse::<OrganizationId>().is_ok() && organization.as_str().len() == 12);
        let root = RootId::random(&mut bits);
        assert_eq!(root.as_str().len(), 6);
        let unit = UnitId::random(&root, &mut bits);
        assert_eq!(unit.as_str().parse::<ParentId>().unwrap(), ParentId::Unit(unit.clone()));
        assert!(unit.as_str().starts_with(&format!("ou-{}-", &root.as_str()[2..])), "{unit}");
        let policy = PolicyId::random(&mut bits);
        assert_eq!(policy.as_str().parse::<PolicyId>().unwrap(), policy);
        assert_eq!(HandshakeId::random(&mut bits).as_str().len(), 34);
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in ["", "r-", "r-ab", "r-AB12", "ou-ab12", "ou-ab12-short", "12345678901", "p-FullAWSAccess"]
        {
            assert!(bad.parse::<TargetId>().is_err(), "{bad}");
        }
        for good in ["r-ab12", "ou-ab12-12345678", "123456789012"] {
            assert_eq!(good.parse::<TargetId>().unwrap().to_string(), good);
        }
        assert!("p-FullAWSAccess".parse::<PolicyId>().is_ok() && "p-short".parse::<PolicyId>().is_err());
    }
}
