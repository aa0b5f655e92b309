//! Requests for new accounts.

use aws_types::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};
use store::Record;

use crate::AccountRequestId;

/// For how long a request is shown after it was made.
///
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListCreateAccountStatus.html>
pub const ACCOUNT_REQUEST_SHOWN_MILLIS: i64 = 90 * 24 * 60 * 60 * 1000;

/// What a request for a new account came to. Until [`AccountRequest::completes`], it is shown in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountOutcome {
    /// There is an account.
    Succeeded {
        /// Which.
        account: AccountId,
    },
    /// There is none.
    Failed {
        /// Why, as CreateAccountFailureReason has it.
        reason: String,
    },
}

/// A request for a new account. Kept under the organization's scope, by its id.
///
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccountStatus.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRequest {
    /// `car-…`
    pub id: AccountRequestId,
    /// The name that was asked for.
    pub account_name: String,
    /// When.
    pub requested: Timestamp,
    /// From when on what it came to is shown.
    pub completes: Timestamp,
    /// What it came to.
    pub outcome: AccountOutcome,
}

impl Record for AccountRequest {
    const KIND: &'static str = "organizations.account-request";
}
