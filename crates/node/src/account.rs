//! The accounts of a cloud beside its first one: each with a root access key of its own, and resources that no other
//! account sees.
//!
//! Owns what the operator does about them, who stands for AWS's sign-up page and support: making, listing, closing and
//! reopening them. Refuses to know what they may do, and the first account, which a start of the cloud makes.

use std::io;

use aws_types::{AccountId, Partition, Timestamp};
use identities::{
    AccessKey, AccessKeyOwner, AccessKeyStatus, AccountState, StateError, close_account, cloud_scope,
    new_account, new_root_key, reopen_account,
};
use serde::{Deserialize, Serialize};
use service_api::{IdSource, OsRandom};
use store::{Read as _, Store, StoreError};

use crate::control::{self, Question};
use crate::now;
use crate::paths::RunDir;

/// The longest name of an account, in characters, as AWS allows it.
///
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccount.html>
pub const MAX_NAME_CHARS: usize = 50;

/// An account, as `brume account list` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The account.
    pub account: AccountId,
    /// What the operator calls it.
    pub name: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Whether it is the one that `brume env` is about.
    pub is_first: bool,
    /// The e-mail address of its root user.
    #[serde(default)]
    pub email: Option<String>,
    /// The organization that it is in.
    #[serde(default)]
    pub organization: Option<String>,
    /// Since when it is closed.
    #[serde(default)]
    pub closed: Option<Timestamp>,
}

impl Account {
    /// Asks the daemon of a run directory for all accounts, the first one first.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub fn list(run_dir: &RunDir) -> io::Result<Vec<Self>> {
        control::ask(run_dir, &Question::ListAccounts)
    }

    /// Asks the daemon to close an account, as its root user could: every call of it is refused from then on, its instances do
    /// not run, and nothing reaches what it has. After 90 days that is removed.
    ///
    /// # Errors
    /// When it cannot, or does not answer in time.
    pub fn close(run_dir: &RunDir, account: AccountId) -> io::Result<()> {
        control::ask(run_dir, &Question::CloseAccount { account })
    }

    /// Asks the daemon to open a closed account again, as AWS's support could.
    ///
    /// # Errors
    /// When it cannot, or does not answer in time.
    pub fn reopen(run_dir: &RunDir, account: AccountId) -> io::Result<()> {
        control::ask(run_dir, &Question::ReopenAccount { account })
    }

    /// Asks the daemon for an access key of an account's root user, which is made where there is none.
    ///
    /// # Errors
    /// When there is no such account, or the daemon does not answer in time.
    pub fn root_key(run_dir: &RunDir, account: AccountId) -> io::Result<AccountKey> {
        control::ask(run_dir, &Question::AccountKey { account })
    }
}

/// An access key of an account's root user.
#[derive(Clone, Serialize, Deserialize)]
pub struct AccountKey {
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key. Never log it.
    pub secret_access_key: String,
}

/// Why nothing was done about an account.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    /// The state could not be written.
    #[error("the account could not be stored: {0}")]
    Store(#[from] StoreError),
    /// Another account has the e-mail address.
    #[error("another account has the e-mail address {0}")]
    EmailTaken(String),
    /// It is not as it would have to be.
    #[error("{0}")]
    State(#[from] StateError),
    /// No key of it works.
    #[error("the account is closed, and none of its keys work; `brume account reopen {0}` opens it again")]
    Closed(AccountId),
    /// Nobody could use the cloud without it.
    #[error("the first account is that of `brume env`, and stays open")]
    First,
    /// Others depend on it.
    #[error("the account manages an organization; delete that first")]
    Management,
}

/// An account that was just made, and the access key of its root user: the only time that the secret is shown.
#[derive(Clone, Serialize, Deserialize)]
pub struct NewAccount {
    /// The account.
    pub account: AccountId,
    /// What the operator calls it.
    pub name: Option<String>,
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key. Never log it.
    pub secret_access_key: String,
}

impl NewAccount {
    /// Asks the daemon of a run directory to make an account.
    ///
    /// # Errors
    /// When it cannot, or does not answer in time.
    pub fn create(run_dir: &RunDir, name: Option<&str>, email: Option<&str>) -> io::Result<Self> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        control::ask(run_dir, &Question::CreateAccount { name: owned(name), email: owned(email) })
    }
}

/// What the daemon does about accounts.
pub(crate) struct Accounts(pub(crate) Store);

impl Accounts {
    /// Makes an account with a root access key.
    ///
    /// # Errors
    /// When the state cannot be written, or another account has the e-mail address; there is no new account then.
    pub(crate) fn create(
        &self,
        name: Option<String>,
        email: Option<String>,
    ) -> Result<NewAccount, AccountError> {
        self.create_with(&OsRandom, name, email, now())
    }

    fn create_with(
        &self,
        ids: &dyn IdSource,
        name: Option<String>,
        email: Option<String>,
        now: Timestamp,
    ) -> Result<NewAccount, AccountError> {
        self.0.transact(|transaction| {
            let bits = &mut || ids.bits();
            let made = new_account(transaction, Partition::Aws, bits, now, name.clone(), email.clone());
            let account = made.ok_or_else(|| AccountError::EmailTaken(email.clone().unwrap_or_default()))?.id;
            let key = new_root_key(transaction, Partition::Aws, account, bits, now);
            Ok(NewAccount { account, name, access_key_id: key.id, secret_access_key: key.secret })
        })
    }

    /// Closes an account.
    ///
    /// # Errors
    /// When it is not open, or is one that stays so.
    pub(crate) fn close(&self, account: AccountId) -> Result<(), AccountError> {
        self.close_at(account, now())
    }

    fn close_at(&self, account: AccountId, now: Timestamp) -> Result<(), AccountError> {
        self.0.transact(|transaction| {
            let found = identities::account(transaction, Partition::Aws, account);
            if found.is_some_and(|account| !account.is_further) {
                return Err(AccountError::First);
            }
            if organization::managed_by(transaction, Partition::Aws, account).is_some() {
                return Err(AccountError::Management);
            }
            Ok(close_account(transaction, Partition::Aws, account, now)?)
        })
    }

    /// Opens a closed account again.
    ///
    /// # Errors
    /// When it is not closed, or has been for too long.
    pub(crate) fn reopen(&self, account: AccountId) -> Result<(), AccountError> {
        self.reopen_at(account, now())
    }

    fn reopen_at(&self, account: AccountId, now: Timestamp) -> Result<(), AccountError> {
        self.0.transact(|transaction| Ok(reopen_account(transaction, Partition::Aws, account, now)?))
    }

    /// An access key of an account's root user. An account that an organization made has none before it is asked for.
    ///
    /// # Errors
    /// When there is no such account or it is closed, or the state cannot be written.
    pub(crate) fn root_key(&self, account: AccountId) -> Result<AccountKey, AccountError> {
        self.0.transact(|transaction| {
            let found =
                identities::account(transaction, Partition::Aws, account).ok_or(StateError::Unknown)?;
            if found.is_gone(now()) {
                return Err(StateError::Gone.into());
            }
            if !found.is_active() {
                return Err(AccountError::Closed(account));
            }
            let whole = AccessKey::whole_of(account, &AccessKeyOwner::Root);
            let mut keys = transaction.parts::<AccessKey>(&cloud_scope(Partition::Aws), &whole);
            let found = keys
                .find(|(_, key)| key.owner == AccessKeyOwner::Root && key.status == AccessKeyStatus::Active);
            let found = found.map(|(_, key)| (*key).clone());
            drop(keys);
            let key = found.unwrap_or_else(|| {
                new_root_key(transaction, Partition::Aws, account, &mut || OsRandom.bits(), now())
            });
            Ok(AccountKey { access_key_id: key.id, secret_access_key: key.secret })
        })
    }

    /// All accounts but those that are closed for good, the first one first and then in the order in which they were made.
    pub(crate) fn list(&self) -> Vec<Account> {
        self.list_at(now())
    }

    fn list_at(&self, now: Timestamp) -> Vec<Account> {
        let snapshot = self.0.snapshot();
        let mut accounts: Vec<Account> = snapshot
            .scan_all::<identities::Account>()
            .filter(|(_, _, record)| !record.is_gone(now))
            .map(|(_, _, record)| Account {
                account: record.id,
                name: record.name.clone(),
                created: record.created,
                is_first: !record.is_further,
                email: record.email.clone(),
                organization: organization::organization_of(&snapshot, Partition::Aws, record.id)
                    .map(|organization| organization.id.to_string()),
                closed: match record.state {
                    AccountState::Active => None,
                    AccountState::Suspended { closed } | AccountState::Gone { closed } => Some(closed),
                },
            })
            .collect();
        accounts.sort_by_key(|account| (!account.is_first, account.created, account.account));
        accounts
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use gateway::{Claim, Credential, Credentials as _};
    use identities::cloud_scope;
    use session_tokens::Tokens;
    use store::{MemoryBackend, RecordKind};

    use super::*;
    use crate::credentials::StoredCredentials;
    use crate::identity::Identity;

    /// Small numbers, each twice.
    struct Twice(AtomicU64);

    impl IdSource for Twice {
        fn bits(&self) -> u128 {
            u128::from(self.0.fetch_add(1, Ordering::Relaxed) / 2)
        }
    }

    fn credential(store: &Store, access_key_id: &str) -> Credential {
        let tokens = Tokens::with_key(&[7; 32]);
        let now = Timestamp::default();
        let claim = Claim { access_key_id, session_token: None, service: "ec2", now };
        StoredCredentials::new(store.clone(), tokens).lookup(&claim).unwrap()
    }

    #[test]
    fn a_key_acts_in_its_own_account_and_the_first_account_stays_the_first() {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let ids = Twice(AtomicU64::new(0));
        let start = || {
            let wanted = Some("999999999999".parse().unwrap());
            Identity::load_or_create(&store, &ids, wanted, None, Timestamp::default()).unwrap().account
        };
        let first = start();
        let accounts = Accounts(store.clone());
        let named =
            accounts.create_with(&ids, Some("prod".to_owned()), None, Timestamp::from_unix_secs(1)).unwrap();
        let unnamed = accounts.create_with(&ids, None, None, Timestamp::from_unix_secs(2)).unwrap();
        // The others have lower numbers, and come first in the store.
        assert!(named.account < first && unnamed.account < first && named.account != unnamed.account);
        assert_eq!(start(), first);
        for made in [&named, &unnamed] {
            let credential = credential(&store, &made.access_key_id);
            assert_eq!(credential.secret, made.secret_access_key);
            assert_eq!(credential.principal.account, made.account);
            assert_eq!(credential.principal.arn.as_str(), format!("arn:aws:iam::{}:root", made.account));
        }
        let listed = accounts.list();
        let shown: Vec<_> =
            listed.iter().map(|one| (one.account, one.name.as_deref(), one.is_first)).collect();
        let expected =
            [(first, None, true), (named.account, Some("prod"), false), (unnamed.account, None, false)];
        assert_eq!(shown, expected);
    }

    #[test]
    fn an_e_mail_address_is_of_one_account() {
        let accounts = Accounts(Store::open(MemoryBackend::new()).unwrap());
        let create = |email: &str| accounts.create(None, Some(email.to_owned()));
        let made = create("ann@example.com").unwrap();
        assert!(matches!(create("Ann@example.com"), Err(AccountError::EmailTaken(_))));
        create("bob@example.com").unwrap();
        let listed = accounts.list();
        assert_eq!(listed.len(), 2);
        let one = listed.iter().find(|one| one.account == made.account).unwrap();
        assert_eq!(one.email.as_deref(), Some("ann@example.com"));
    }

    #[test]
    fn an_account_is_closed_and_opened_again() {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let ids = Twice(AtomicU64::new(0));
        let wanted = Some("999999999999".parse().unwrap());
        let first =
            Identity::load_or_create(&store, &ids, wanted, None, Timestamp::default()).unwrap().account;
        let accounts = Accounts(store);
        assert!(matches!(accounts.close(first), Err(AccountError::First)));
        let account = accounts.create(None, None).unwrap().account;
        let closed = Timestamp::from_unix_secs(1_800_000_000);
        let state = || accounts.list().into_iter().find(|one| one.account == account).unwrap().closed;
        assert!(matches!(
            accounts.reopen_at(account, closed),
            Err(AccountError::State(StateError::NotClosed))
        ));
        accounts.close_at(account, closed).unwrap();
        assert_eq!(state(), Some(closed));
        let in_days = |days: i64| closed.plus_millis(days * 24 * 60 * 60 * 1000);
        let too_late = accounts.reopen_at(account, in_days(91));
        assert!(matches!(too_late, Err(AccountError::State(StateError::Gone))));
        assert_eq!(accounts.list_at(in_days(90)).len(), 2);
        assert_eq!(accounts.list_at(in_days(91)).len(), 1);
        accounts.reopen_at(account, in_days(89)).unwrap();
        assert_eq!(state(), None);
    }

    #[test]
    fn the_key_of_an_account_stays_the_same() {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let accounts = Accounts(store.clone());
        let made = accounts.create(None, None).unwrap();
        let key = accounts.root_key(made.account).unwrap();
        assert_eq!(key.access_key_id, made.access_key_id);
        assert_eq!(key.secret_access_key, made.secret_access_key);
        // An account that an organization made has none yet.
        let bare = store.transact(|transaction| {
            let made = new_account(
                transaction,
                Partition::Aws,
                &mut || OsRandom.bits(),
                Timestamp::default(),
                None,
                None,
            );
            Ok::<_, StoreError>(made.unwrap().id)
        });
        let bare = bare.unwrap();
        let key = accounts.root_key(bare).unwrap();
        assert_eq!(accounts.root_key(bare).unwrap().access_key_id, key.access_key_id);
        assert_eq!(credential(&store, &key.access_key_id).principal.account, bare);
        // Those of a closed account would not work.
        accounts.close(bare).unwrap();
        assert!(matches!(accounts.root_key(bare), Err(AccountError::Closed(_))));
        let none = accounts.root_key("123456789012".parse().unwrap());
        assert!(matches!(none, Err(AccountError::State(StateError::Unknown))));
    }

    #[test]
    fn an_account_number_is_given_once() {
        /// The same number twelve times, then the next.
        struct Stuck(AtomicU64);

        impl IdSource for Stuck {
            fn bits(&self) -> u128 {
                u128::from(self.0.fetch_add(1, Ordering::Relaxed) / 12)
            }
        }

        let accounts = Accounts(Store::open(MemoryBackend::new()).unwrap());
        let ids = Stuck(AtomicU64::new(0));
        let made: std::collections::BTreeSet<AccountId> = (0..20)
            .map(|_| accounts.create_with(&ids, None, None, Timestamp::default()).unwrap().account)
            .collect();
        assert_eq!(made.len(), 20);
    }

    /// No release, but the last build before 0.2, until that release writes its own file in the place of this one.
    const NEWEST_BUILD: &str = "before-0.2";
    /// The builds whose state is kept.
    const BUILDS: [&str; 1] = [NEWEST_BUILD];
    const GIVEN: &str = "TEST:one";

    fn file(release: &str) -> std::path::PathBuf {
        let states = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/states");
        states.join(format!("{release}.redb.gz"))
    }

    fn start(store: &Store, given: Option<&str>) -> AccountId {
        let wanted = Some("999999999999".parse().unwrap());
        let given = given.map(|text| text.parse().unwrap());
        let ids = Twice(AtomicU64::new(0));
        Identity::load_or_create(store, &ids, wanted, given.as_ref(), Timestamp::default()).unwrap().account
    }

    /// The kinds of records in it.
    const KINDS: [&str; 2] = ["account.account", "account.root-key"];
    /// The kinds that a file of this build has.
    const KINDS_NOW: [&str; 2] = ["account.account", "iam.access-key"];
    /// Kinds that no file has yet.
    const WITHOUT_RELEASE: [&str; 4] = ["account.email", "iam.access-key", "internet.host", "network.path"];

    /// How the newest build's file is made, with its code: `cargo nextest run -p node --run-ignored only write_state`.
    #[test]
    #[ignore = "writes the state file of a release"]
    fn write_state() {
        let made = crate::state_file::write(&file(NEWEST_BUILD), |store| {
            start(&store, Some(GIVEN));
            let created = Timestamp::from_unix_secs(1);
            let ids = Twice(AtomicU64::new(0));
            Accounts(store).create_with(&ids, Some("prod".to_owned()), None, created).unwrap();
        });
        assert_eq!(made, KINDS_NOW.into());
    }

    #[test]
    fn every_kind_of_record_is_in_the_state_of_a_release() {
        // Those of IAM's own are in the states of its service.
        let of_accounts = [
            RecordKind::of::<identities::Account>(),
            RecordKind::of::<identities::Email>(),
            RecordKind::of::<identities::AccessKey>(),
        ];
        let kinds = crate::identity::RECORDS.iter().chain(crate::internet_hosts::RECORDS);
        let kinds = kinds.chain(crate::path_conditions::RECORDS).copied().chain(of_accounts);
        let kept: std::collections::BTreeSet<&str> = KINDS.into_iter().chain(WITHOUT_RELEASE).collect();
        assert_eq!(crate::state_file::names(kinds), kept);
    }

    #[test]
    fn the_state_of_every_release_opens() {
        for release in BUILDS {
            let directory = crate::state_file::directory(&file(release));
            let kinds = crate::state_file::kinds(&crate::state_file::contents(&directory));
            assert_eq!(kinds, KINDS.into(), "{release}");
            let store = crate::state_file::open(&directory);
            crate::check_records(&store).unwrap();
            crate::identity::upgrade_records(&store).unwrap();
            let listed = Accounts(store.clone()).list();
            let shown: Vec<_> = listed
                .iter()
                .map(|one| (one.account.to_string(), one.name.as_deref(), one.is_first))
                .collect();
            assert_eq!(shown.len(), 2, "{release}");
            assert_eq!(shown[0], ("999999999999".to_owned(), None, true), "{release}");
            assert_eq!((shown[1].1, shown[1].2), (Some("prod"), false), "{release}");
            assert_eq!(credential(&store, "TEST").secret, "one", "{release}");
            // The counting source had given both accounts the same key beside that, which is now the one's alone.
            let keys = store.snapshot().count::<identities::AccessKey>(&cloud_scope(Partition::Aws));
            assert_eq!(keys, 2, "{release}");
            // The first account stays the first.
            assert_eq!(start(&store, None), listed[0].account, "{release}");
        }
    }
}
