//! Account ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The twelve decimal digits that name an AWS account.
///
/// <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html>
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(u64);

impl AccountId {
    /// What has no account: records of the whole cloud are kept under it. No account has the number.
    pub const CLOUD: Self = Self(0);
    /// Who has no account: whoever asks without a signature. No account has the number, and nothing is kept under it but what
    /// is told of such requests.
    pub const NOBODY: Self = Self(1);

    /// Whether no account can have the number.
    pub const fn is_reserved(self) -> bool {
        matches!(self, Self::CLOUD | Self::NOBODY)
    }
}

/// The text is not twelve decimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an account id is 12 decimal digits, not {0:?}")]
pub struct ParseAccountIdError(String);

impl FromStr for AccountId {
    type Err = ParseAccountIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 12 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseAccountIdError(text.to_owned()));
        }
        text.parse().map(Self).map_err(|_| ParseAccountIdError(text.to_owned()))
    }
}

impl TryFrom<String> for AccountId {
    type Error = ParseAccountIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(account: AccountId) -> Self {
        account.to_string()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records of the cloud, such as its keys, are no more nobody's than they are anybody else's.
    #[test]
    fn nobody_is_not_the_cloud() {
        assert_ne!(AccountId::NOBODY, AccountId::CLOUD);
        for (account, text) in [(AccountId::CLOUD, "000000000000"), (AccountId::NOBODY, "000000000001")] {
            assert_eq!((account.to_string().as_str(), account.is_reserved()), (text, true));
            assert_eq!(text.parse(), Ok(account));
        }
        assert!(!"123456789012".parse::<AccountId>().unwrap().is_reserved());
    }

    #[test]
    fn keeps_leading_zeros_and_refuses_the_rest() {
        assert_eq!("000000000042".parse::<AccountId>().unwrap().to_string(), "000000000042");
        for bad in ["", "42", "1234567890123", "12345678901x", "+12345678901", "１２３４"] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
    }
}
