//! What the passwords of an account's users have to be like.

use serde::{Deserialize, Serialize};
use store::Record;

/// An account's password policy. Kept under its global scope, by [`PasswordPolicy::KEY`]; without it, AWS's own rules hold.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PasswordPolicy.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordPolicy {
    /// How many characters there are at least.
    pub minimum_length: u32,
    /// Whether there is one that is neither letter nor digit.
    pub require_symbols: bool,
    /// Whether there is a digit.
    pub require_numbers: bool,
    /// Whether there is a capital letter of the Latin alphabet.
    pub require_uppercase: bool,
    /// Whether there is a small one.
    pub require_lowercase: bool,
    /// Whether each user may change its own: it has the permission without a policy that gives it.
    pub allow_users_to_change: bool,
    /// After how many days one ends.
    pub max_age_days: Option<u32>,
    /// How many earlier ones cannot come again.
    pub reuse_prevention: Option<u32>,
    /// Whether only an administrator can replace one that has ended.
    pub hard_expiry: bool,
}

impl PasswordPolicy {
    /// The one key.
    pub const KEY: &'static str = "password-policy";
}

impl Record for PasswordPolicy {
    const KIND: &'static str = "iam.password-policy";
}
