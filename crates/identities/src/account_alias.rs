//! Aliases of accounts.

use aws_types::{AccountId, Partition};
use serde::{Deserialize, Serialize};
use store::{Read, Record};

use crate::cloud_scope;

/// Whose an alias is. Kept under [`cloud_scope`], by the alias; part of its account by the account's number.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/console_account-alias.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountAlias {
    /// The account.
    pub account: AccountId,
}

impl Record for AccountAlias {
    const KIND: &'static str = "iam.account-alias";
    const HAS_WHOLE: bool = true;

    fn whole(&self) -> Option<String> {
        Some(self.account.to_string())
    }
}

/// The alias of an account.
pub fn alias_of(reader: &impl Read, partition: Partition, account: AccountId) -> Option<String> {
    let mut held = reader.parts::<AccountAlias>(&cloud_scope(partition), &account.to_string());
    held.next().map(|(alias, _)| alias.to_owned())
}
