//! Ids of commands: UUIDs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id of a command, such as `1d062099-91ba-4520-bcf1-b0e42f26d26e`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommandId(String);

/// The text is not a UUID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a command: {0:?}")]
pub struct ParseCommandIdError(String);

impl CommandId {
    /// Makes a version 4 UUID of these random bits.
    pub fn from_bits(bits: u128) -> Self {
        Self(service_api::RequestId::from_bits(bits).as_str().to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CommandId {
    type Err = ParseCommandIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lengths = text.split('-').map(str::len);
        let is_hex = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
        if is_hex && lengths.eq([8, 4, 4, 4, 12]) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(ParseCommandIdError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for CommandId {
    type Error = ParseCommandIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CommandId> for String {
    fn from(id: CommandId) -> Self {
        id.0
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
