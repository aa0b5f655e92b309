//! Keys of objects.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::RuleError;

/// In UTF-8.
pub const KEY_BYTES_MAX: usize = 1_024;

/// The key of an object: any characters, case sensitive, in the order of its bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectKey(String);

impl ObjectKey {
    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ObjectKey {
    type Err = RuleError;

    /// # Errors
    /// [`RuleError::KeyTooLong`], and [`RuleError::Request`] for an empty one, which would name the bucket.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        match text.len() {
            0 => Err(RuleError::Request("Key must not be empty".into())),
            1..=KEY_BYTES_MAX => Ok(Self(text.to_owned())),
            size_bytes => Err(RuleError::KeyTooLong { size_bytes }),
        }
    }
}

impl TryFrom<String> for ObjectKey {
    type Error = RuleError;

    fn try_from(text: String) -> Result<Self, RuleError> {
        text.parse()
    }
}

impl From<ObjectKey> for String {
    fn from(key: ObjectKey) -> Self {
        key.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_and_not_characters() {
        let longest = "é".repeat(512);
        assert_eq!(longest.parse::<ObjectKey>().unwrap().as_str(), longest);
        let too_long = format!("{longest}a");
        assert_eq!(too_long.parse::<ObjectKey>(), Err(RuleError::KeyTooLong { size_bytes: 1_025 }));
        assert!("".parse::<ObjectKey>().is_err());
        for odd in ["/", "a//b", " ", "\u{0}", "../x", "日本"] {
            assert_eq!(odd.parse::<ObjectKey>().unwrap().to_string(), odd);
        }
    }
}
