//! Accounts.

use aws_types::{AccountId, Partition, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Read as _, Record, Scope, Transaction};

use crate::{AccessKey, AccessKeyOwner, AccessKeyStatus, access_key_id, cloud_scope, secret_access_key};

/// For how long a closed account can be opened again; after that its data is removed.
///
/// <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-closing.html>
pub const CLOSED_FOR_MILLIS: i64 = 90 * 24 * 60 * 60 * 1000;

/// Whether an account can be used.
///
/// ```text
/// Active ──CloseAccount──> Suspended ──90 days──> gone
///    ^                        │
///    └──────reopened──────────┘
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountState {
    /// It can.
    #[default]
    Active,
    /// It was closed: every call is refused, and what it had is unreachable.
    Suspended {
        /// When.
        closed: Timestamp,
    },
}

/// The primary contact of an account, as the members of the Account API.
///
/// <https://docs.aws.amazon.com/accounts/latest/reference/API_ContactInformation.html>
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ContactInformation {
    pub full_name: String,
    pub company_name: Option<String>,
    pub address_line1: String,
    pub address_line2: Option<String>,
    pub address_line3: Option<String>,
    pub city: String,
    pub district_or_county: Option<String>,
    pub state_or_region: Option<String>,
    pub postal_code: String,
    pub country_code: String,
    pub phone_number: String,
    pub website_url: Option<String>,
}

/// An account of this cloud, under its global scope, by its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The account.
    pub id: AccountId,
    /// When it was created.
    pub created: Timestamp,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether it was made beside the first one, which `brume up` and `brume env` are about.
    #[serde(default)]
    pub is_further: bool,
    /// The e-mail address of its root user, unique in the cloud ([`Email`]).
    #[serde(default)]
    pub email: Option<String>,
    /// Whether it can be used.
    #[serde(default)]
    pub state: AccountState,
    /// Its primary contact, which it needs before it can stand alone.
    #[serde(default)]
    pub contact: Option<ContactInformation>,
}

impl Account {
    /// Whether its requests are answered.
    pub fn is_active(&self) -> bool {
        self.state == AccountState::Active
    }
}

impl Record for Account {
    const KIND: &'static str = "account.account";
}

/// Whose an e-mail address is. Kept under [`cloud_scope`], by the address without case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    /// The account.
    pub account: AccountId,
}

impl Record for Email {
    const KIND: &'static str = "account.email";
}

/// Makes an account, without a key. `None` when another account has the e-mail address.
pub fn new_account(
    transaction: &mut Transaction,
    partition: Partition,
    bits: &mut dyn FnMut() -> u128,
    now: Timestamp,
    name: Option<String>,
    email: Option<String>,
) -> Option<Account> {
    let by_email = email.as_deref().map(str::to_ascii_lowercase);
    let cloud = cloud_scope(partition);
    if by_email.as_deref().is_some_and(|email| transaction.contains::<Email>(&cloud, email)) {
        return None;
    }
    let scope = |account| Scope::global(partition, account);
    let id = std::iter::repeat_with(|| random_account(bits))
        .find(|id| !transaction.contains::<Account>(&scope(*id), &id.to_string()))
        .expect("there are more account numbers than accounts");
    let account = Account {
        id,
        created: now,
        name,
        is_further: true,
        email,
        state: AccountState::Active,
        contact: None,
    };
    if let Some(email) = by_email {
        transaction.put(&cloud, &email, Email { account: id });
    }
    transaction.put(&scope(id), &id.to_string(), account.clone());
    Some(account)
}

/// Gives an account's root user another access key.
pub fn new_root_key(
    transaction: &mut Transaction,
    partition: Partition,
    account: AccountId,
    bits: &mut dyn FnMut() -> u128,
    now: Timestamp,
) -> AccessKey {
    let key = AccessKey {
        id: access_key_id(false, bits),
        secret: secret_access_key(bits),
        account,
        owner: AccessKeyOwner::Root,
        status: AccessKeyStatus::Active,
        created: now,
        is_given: false,
    };
    transaction.put(&cloud_scope(partition), &key.id.clone(), key.clone());
    key
}

/// A number that an account may have.
pub fn random_account(bits: &mut dyn FnMut() -> u128) -> AccountId {
    let number = 100_000_000_000 + bits() % 900_000_000_000;
    number.to_string().parse().expect("a number of twelve digits")
}
