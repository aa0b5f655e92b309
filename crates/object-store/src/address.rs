//! Names of contents, and references to them.

use std::fmt;
use std::str::FromStr;

/// How long an address is.
pub const ADDRESS_BYTES: usize = 32;

/// What a content is found by: a keyed hash over the hashes of its blocks and its length. Equal contents under one
/// secret have one address, and nobody without the secret can tell from it what the content is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address(pub(crate) [u8; ADDRESS_BYTES]);

impl Address {
    /// An address whose bytes are known, as another store of bytes finds them in a name.
    pub const fn from_bytes(bytes: [u8; ADDRESS_BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; ADDRESS_BYTES] {
        &self.0
    }

    /// Which of the 256 parts of all contents this is in.
    pub const fn part(&self) -> u8 {
        self.0[0]
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address has 64 lower-case hexadecimal digits")]
pub struct ParseAddressError;

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, ParseAddressError> {
        let mut bytes = [0; ADDRESS_BYTES];
        if text.bytes().any(|byte| byte.is_ascii_uppercase())
            || hex::decode_to_slice(text, &mut bytes).is_err()
        {
            return Err(ParseAddressError);
        }
        Ok(Self(bytes))
    }
}

/// What a row says of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobRef {
    /// Where it is.
    pub address: Address,
    /// How long its content is.
    pub length_bytes: u64,
}
