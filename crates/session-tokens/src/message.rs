//! Encoded authorization messages: why a request was denied, readable only for those who may decode it.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html>

use aws_types::AccountId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Tokens;
use crate::credentials::{deflate, inflate};
use crate::envelope::{self, Purpose};

/// The text is no message of this cloud for that account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the encoded authorization message is invalid")]
pub struct InvalidMessage;

impl Tokens {
    /// Seals a message for the account whose principal was denied.
    pub fn seal_message(&self, account: AccountId, message: &str, bits: &mut dyn FnMut() -> u128) -> String {
        let packed = deflate(message.as_bytes());
        let sealed = envelope::seal(&self.key, Purpose::Message, &account.to_string(), packed, bits());
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// Opens a message for an account.
    ///
    /// # Errors
    /// When it is none, or another account's.
    pub fn open_message(&self, account: AccountId, encoded: &str) -> Result<String, InvalidMessage> {
        let open = || {
            let sealed = URL_SAFE_NO_PAD.decode(encoded).ok()?;
            let packed = envelope::open(&self.key, Purpose::Message, &account.to_string(), &sealed)?;
            String::from_utf8(inflate(&packed)?).ok()
        };
        open().ok_or(InvalidMessage)
    }
}
