//! Accounts.

use std::sync::Arc;

use aws_types::{AccountId, Partition, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Read, Record, Scope, Transaction};

use crate::{
    AccessKey, AccessKeyOwner, AccessKeyStatus, AccessKeyUse, AccountAlias, access_key_id, alias_of,
    cloud_scope, secret_access_key,
};

/// For how long a closed account can be opened again; after that its data is removed.
///
/// <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-closing.html>
pub const CLOSED_FOR_MILLIS: i64 = 90 * 24 * 60 * 60 * 1000;

/// Whether an account can be used.
///
/// ```text
/// Active ──CloseAccount──> Suspended ──90 days──> Gone
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
    /// It is closed for good: what it had is being removed, or has been. The number and the e-mail address stay taken.
    Gone {
        /// When it was closed.
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

    /// Whether it was closed so long ago that it cannot be opened again, and nothing shows it any more.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        match self.state {
            AccountState::Active => false,
            AccountState::Suspended { closed } => now > closed.plus_millis(CLOSED_FOR_MILLIS),
            AccountState::Gone { .. } => true,
        }
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

/// An account, by its number.
pub fn account(reader: &impl Read, partition: Partition, id: AccountId) -> Option<Arc<Account>> {
    reader.get(&Scope::global(partition, id), &id.to_string())
}

/// Whose an e-mail address is; case does not matter.
pub fn account_of_email(reader: &impl Read, partition: Partition, email: &str) -> Option<AccountId> {
    let found = reader.get::<Email>(&cloud_scope(partition), &email.to_ascii_lowercase());
    found.map(|email| email.account)
}

/// Gives an account another e-mail address. Returns whether it has it: it does not where another account does.
pub fn change_email(transaction: &mut Transaction, partition: Partition, id: AccountId, email: &str) -> bool {
    let Some(found) = account(transaction, partition, id) else { return false };
    if account_of_email(transaction, partition, email).is_some_and(|owner| owner != id) {
        return false;
    }
    let cloud = cloud_scope(partition);
    if let Some(old) = &found.email {
        transaction.delete::<Email>(&cloud, &old.to_ascii_lowercase());
    }
    transaction.put(&cloud, &email.to_ascii_lowercase(), Email { account: id });
    let changed = Account { email: Some(email.to_owned()), ..(*found).clone() };
    transaction.put(&Scope::global(partition, id), &id.to_string(), changed);
    true
}

/// Whether what an account has is to be reached: its instances answer, and its public addresses, peers and shares see them.
/// An account that nobody knows has nothing that was closed.
pub fn is_reachable(reader: &impl Read, partition: Partition, id: AccountId) -> bool {
    account(reader, partition, id).is_none_or(|account| account.is_active())
}

/// Why an account cannot be closed or opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// There is no such account.
    #[error("there is no such account")]
    Unknown,
    /// It is closed already.
    #[error("the account is closed already")]
    AlreadyClosed,
    /// It is not closed.
    #[error("the account is not closed")]
    NotClosed,
    /// It was closed too long ago.
    #[error("the account was closed more than 90 days ago")]
    Gone,
}

/// Closes an account.
///
/// # Errors
/// [`StateError::Unknown`], [`StateError::AlreadyClosed`].
pub fn close_account(
    transaction: &mut Transaction,
    partition: Partition,
    id: AccountId,
    now: Timestamp,
) -> Result<(), StateError> {
    let found = account(transaction, partition, id).ok_or(StateError::Unknown)?;
    if !found.is_active() {
        return Err(StateError::AlreadyClosed);
    }
    let closed = Account { state: AccountState::Suspended { closed: now }, ..(*found).clone() };
    transaction.put(&Scope::global(partition, id), &id.to_string(), closed);
    Ok(())
}

/// Opens a closed account again, as AWS's support does within 90 days.
///
/// # Errors
/// [`StateError::Unknown`], [`StateError::NotClosed`], [`StateError::Gone`].
pub fn reopen_account(
    transaction: &mut Transaction,
    partition: Partition,
    id: AccountId,
    now: Timestamp,
) -> Result<(), StateError> {
    let found = account(transaction, partition, id).ok_or(StateError::Unknown)?;
    if found.is_active() {
        return Err(StateError::NotClosed);
    }
    if found.is_gone(now) {
        return Err(StateError::Gone);
    }
    let open = Account { state: AccountState::Active, ..(*found).clone() };
    transaction.put(&Scope::global(partition, id), &id.to_string(), open);
    Ok(())
}

/// Makes an account that was closed too long ago one that is closed for good: it cannot come back, whatever the clock says
/// later, and it has no keys, no alias and nobody to contact. What else it has is not removed by this.
///
/// # Errors
/// [`StateError::Unknown`]; [`StateError::NotClosed`] also for one that can be opened again.
pub fn end_account(
    transaction: &mut Transaction,
    partition: Partition,
    id: AccountId,
    now: Timestamp,
) -> Result<(), StateError> {
    let found = account(transaction, partition, id).ok_or(StateError::Unknown)?;
    let closed = match found.state {
        AccountState::Suspended { closed } if found.is_gone(now) => closed,
        AccountState::Gone { .. } => return Ok(()),
        AccountState::Active | AccountState::Suspended { .. } => return Err(StateError::NotClosed),
    };
    let cloud = cloud_scope(partition);
    let keys = transaction.scan::<AccessKey>(&cloud).filter(|(_, key)| key.account == id);
    let keys: Vec<String> = keys.map(|(key, _)| key.to_owned()).collect();
    for key in keys {
        transaction.delete::<AccessKeyUse>(&cloud, &key);
        transaction.delete::<AccessKey>(&cloud, &key);
    }
    if let Some(alias) = alias_of(transaction, partition, id) {
        transaction.delete::<AccountAlias>(&cloud, &alias);
    }
    let gone =
        Account { state: AccountState::Gone { closed }, name: None, contact: None, ..(*found).clone() };
    transaction.put(&Scope::global(partition, id), &id.to_string(), gone);
    Ok(())
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

#[cfg(test)]
mod tests {
    use store::{MemoryBackend, Store, StoreError};

    use super::*;

    #[test]
    fn a_closed_account_can_be_opened_again_for_ninety_days() {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let start = Timestamp::from_unix_secs(1_800_000_000);
        let in_days = |days: i64| start.plus_millis(days * 24 * 60 * 60 * 1000);
        let mut next = 0;
        let mut bits = || {
            next += 1;
            next
        };
        let partition = Partition::Aws;
        let name = Some("one".to_owned());
        let done = store.transact(|transaction| {
            let id = new_account(transaction, partition, &mut bits, start, name, None).unwrap().id;
            assert!(is_reachable(transaction, partition, id));
            assert_eq!(reopen_account(transaction, partition, id, start), Err(StateError::NotClosed));
            assert_eq!(close_account(transaction, partition, id, start), Ok(()));
            assert_eq!(close_account(transaction, partition, id, start), Err(StateError::AlreadyClosed));
            assert!(!is_reachable(transaction, partition, id));
            assert_eq!(reopen_account(transaction, partition, id, in_days(91)), Err(StateError::Gone));
            assert_eq!(reopen_account(transaction, partition, id, in_days(90)), Ok(()));
            assert!(is_reachable(transaction, partition, id));
            new_root_key(transaction, partition, id, &mut bits, start);
            assert_eq!(end_account(transaction, partition, id, in_days(365)), Err(StateError::NotClosed));
            assert_eq!(close_account(transaction, partition, id, in_days(90)), Ok(()));
            assert_eq!(end_account(transaction, partition, id, in_days(180)), Err(StateError::NotClosed));
            assert_eq!(end_account(transaction, partition, id, in_days(181)), Ok(()));
            // It does not come back when the clock does.
            assert_eq!(reopen_account(transaction, partition, id, in_days(91)), Err(StateError::Gone));
            assert_eq!(transaction.count::<AccessKey>(&cloud_scope(partition)), 0);
            assert_eq!(account(transaction, partition, id).unwrap().name, None);
            let other = "999999999999".parse().unwrap();
            assert_eq!(close_account(transaction, partition, other, start), Err(StateError::Unknown));
            Ok::<_, StoreError>(())
        });
        done.unwrap();
    }
}
