//! What is stored of a parameter.
//!
//! The parameter and each of its versions are records of their own, so that a new version writes one value and not a
//! hundred.

use std::ops::Bound;
use std::sync::Arc;

use aws_types::{Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Read, Record, Scope};

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterKind {
    /// Text.
    String,
    /// Texts separated by commas.
    StringList,
    /// Text that is shown only to those who ask for its decryption.
    SecureString,
}

impl ParameterKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::String, Self::StringList, Self::SecureString];

    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::StringList => "StringList",
            Self::SecureString => "SecureString",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The tier of a parameter, which bounds its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterTier {
    /// Values of up to 4,096 characters.
    Standard,
    /// Values of up to 8,192 characters.
    Advanced,
}

impl ParameterTier {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "Standard",
            Self::Advanced => "Advanced",
        }
    }

    /// The longest value in characters.
    ///
    /// <https://docs.aws.amazon.com/general/latest/gr/ssm.html#limits_ssm>
    pub fn max_value_chars(self) -> usize {
        match self {
            Self::Standard => 4096,
            Self::Advanced => 8192,
        }
    }
}

/// A parameter: what all its versions share. Its id is its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// The number of the newest version.
    pub latest: i64,
    /// Its tags.
    pub tags: Tags,
}

impl Record for Parameter {
    const KIND: &'static str = "ssm.parameter";
}

/// One version of a parameter. Its id is the name, a colon (which no name has) and the number with leading zeros.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterVersion {
    /// The number, from 1.
    pub version: i64,
    /// The type.
    pub kind: ParameterKind,
    /// The tier.
    pub tier: ParameterTier,
    /// The value in plain text. KMS does not exist yet, so nothing could encrypt it at rest.
    pub value: String,
    /// What is shown in place of a `SecureString`'s value to those who do not ask for decryption: random text.
    pub sealed: Option<String>,
    /// The KMS key, for a `SecureString`.
    pub key_id: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// The regular expression that values have to match.
    pub allowed_pattern: Option<String>,
    /// `text` or `aws:ec2:image`.
    pub data_type: String,
    /// The labels that point at this version.
    pub labels: Vec<String>,
    /// When it was made.
    pub modified_at: Timestamp,
    /// The ARN of who made it.
    pub modified_by: String,
}

impl Record for ParameterVersion {
    const KIND: &'static str = "ssm.parameter-version";
}

impl ParameterVersion {
    /// The id of the record.
    pub(super) fn id(name: &str, version: i64) -> String {
        format!("{name}:{version:019}")
    }

    /// The value as the API shows it.
    pub(super) fn shown(&self, with_decryption: bool) -> &str {
        match &self.sealed {
            Some(sealed) if !with_decryption => sealed,
            _ => &self.value,
        }
    }
}

/// All versions of a parameter, oldest first.
pub(super) fn versions<'a, S: Read>(
    state: &'a S,
    scope: &Scope,
    name: &str,
) -> impl Iterator<Item = Arc<ParameterVersion>> + use<'a, S> {
    let prefix = format!("{name}:");
    let from = state.scan_from::<ParameterVersion>(scope, Bound::Included(&prefix));
    from.take_while(move |(id, _)| id.starts_with(&prefix)).map(|(_, version)| version)
}

/// A parameter and its newest version.
pub(super) fn latest<S: Read>(
    state: &S,
    scope: &Scope,
    name: &str,
) -> Option<(Arc<Parameter>, Arc<ParameterVersion>)> {
    let parameter = state.get::<Parameter>(scope, name)?;
    let version = state.get::<ParameterVersion>(scope, &ParameterVersion::id(name, parameter.latest))?;
    Some((parameter, version))
}
