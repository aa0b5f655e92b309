//! The first account of a cloud, and the key that works for it.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::str::FromStr;

use aws_types::{AccountId, Partition, Timestamp};
use identities::{
    AccessKey, AccessKeyOwner, AccessKeyStatus, AccessKeyUse, Account, AccountState, change_email,
    cloud_scope, new_root_key, random_account,
};
use serde::{Deserialize, Serialize};
use service_api::IdSource;
use store::{Read as _, Record, RecordKind, Scope, Store, StoreError};

use crate::paths::DataDir;

/// The lengths that IAM allows for an access key id.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html>
const ACCESS_KEY_ID_LENGTH: std::ops::RangeInclusive<usize> = 4..=128;

/// What the first account is called whose operator does not name it.
const DEFAULT_NAME: &str = "Brume";
/// Where it gets letters then: nowhere, as no such domain can be.
/// <https://www.rfc-editor.org/rfc/rfc2606#section-2>
const DEFAULT_DOMAIN: &str = "brume.example";

/// An access key given on the command line as `ID:SECRET`.
#[derive(Clone, PartialEq, Eq)]
pub struct RootKey {
    id: String,
    secret: String,
}

impl RootKey {
    /// The key as `ID:SECRET`, to hand it to another process. Never log it.
    pub fn to_secret_text(&self) -> String {
        format!("{}:{}", self.id, self.secret)
    }
}

/// The text is not a usable access key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a root key is ID:SECRET, the id of 4 to 128 letters, digits and underscores, the secret not empty")]
pub struct ParseRootKeyError;

impl FromStr for RootKey {
    type Err = ParseRootKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, secret) = text.split_once(':').ok_or(ParseRootKeyError)?;
        let valid = ACCESS_KEY_ID_LENGTH.contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !secret.is_empty();
        if valid { Ok(Self { id: id.to_owned(), secret: secret.to_owned() }) } else { Err(ParseRootKeyError) }
    }
}

/// Never prints the secret.
impl std::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RootKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An access key of an account's root user, as builds before 0.2 wrote them: under the account's global scope.
#[derive(Serialize, Deserialize)]
struct OldRootKey {
    id: String,
    secret: String,
    created: Timestamp,
    #[serde(default)]
    is_given: bool,
}

impl Record for OldRootKey {
    const KIND: &'static str = "account.root-key";
}

/// The kinds of records that this build reads and does not write.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<OldRootKey>()];

/// Moves the root keys of older builds to where all access keys are.
///
/// # Errors
/// A failed commit.
pub(crate) fn upgrade_records(store: &Store) -> Result<(), StoreError> {
    store.transact(|transaction| {
        let old: Vec<_> = transaction
            .scan_all::<OldRootKey>()
            .map(|(scope, id, key)| (scope.clone(), id.to_owned(), key))
            .collect();
        for (scope, id, key) in old {
            let cloud = cloud_scope(scope.partition);
            // Of two accounts with the same key, the first one had it.
            if !transaction.contains::<AccessKey>(&cloud, &id) {
                let secret = key.secret.clone();
                let kept = root_key(scope.account, id.clone(), secret, key.created, key.is_given);
                transaction.put(&cloud, &id, kept);
            }
            transaction.delete::<OldRootKey>(&scope, &id);
        }
        Ok(())
    })
}

fn root_key(account: AccountId, id: String, secret: String, created: Timestamp, is_given: bool) -> AccessKey {
    let (owner, status) = (AccessKeyOwner::Root, AccessKeyStatus::Active);
    AccessKey { id, secret, account, owner, status, created, is_given }
}

/// The first account of a cloud and a key that works for it.
#[derive(Clone)]
pub(crate) struct Identity {
    /// The account.
    pub(crate) account: AccountId,
    key: RootKey,
}

impl Identity {
    /// Reads the cloud's identity, or makes one at first start; a key given by the operator is kept beside it.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub(crate) fn load_or_create(
        store: &Store,
        ids: &dyn IdSource,
        wanted_account: Option<AccountId>,
        given: Option<&RootKey>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let cloud = cloud_scope(Partition::Aws);
        store.transact(|transaction| {
            let first = transaction.scan_all::<Account>().find(|(_, _, account)| !account.is_further);
            let existing = first.map(|(_, _, account)| account.id);
            let account = existing.or(wanted_account).unwrap_or_else(|| random_account(&mut || ids.bits()));
            if existing.is_none() {
                let scope = Scope::global(Partition::Aws, account);
                transaction.put(&scope, &account.to_string(), first_account(account, now));
            }
            let whole = AccessKey::whole_of(account, &AccessKeyOwner::Root);
            let known: Vec<AccessKey> = transaction
                .parts::<AccessKey>(&cloud, &whole)
                .map(|(_, key)| AccessKey::clone(&key))
                .collect();
            // A key that was given earlier is no longer good: giving another one is how it is revoked.
            for earlier in known.iter().filter(|key| key.is_given && given.is_some()) {
                transaction.delete::<AccessKey>(&cloud, &earlier.id);
                transaction.delete::<AccessKeyUse>(&cloud, &earlier.id);
            }
            let works = |key: &&AccessKey| !key.is_given && key.status == AccessKeyStatus::Active;
            let made = known.iter().filter(works).min_by_key(|key| key.created).cloned();
            let made = made.unwrap_or_else(|| {
                new_root_key(transaction, Partition::Aws, account, &mut || ids.bits(), now)
            });
            let key = given.cloned().unwrap_or(RootKey { id: made.id, secret: made.secret });
            if given.is_some() {
                let record = root_key(account, key.id.clone(), key.secret.clone(), now, true);
                transaction.put(&cloud, &key.id, record);
            }
            Ok(Self { account, key })
        })
    }

    /// Gives the account a name and an e-mail address: what the operator says, or else what it has, or else the usual. Says
    /// whether it has the address: it has not where another account does.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub(crate) fn name(
        &self,
        store: &Store,
        name: Option<&str>,
        email: Option<&str>,
    ) -> Result<bool, StoreError> {
        store.transact(|transaction| {
            let partition = Partition::Aws;
            let Some(found) = identities::account(transaction, partition, self.account) else {
                return Ok(true);
            };
            let new_name = name.or(found.name.as_deref()).unwrap_or(DEFAULT_NAME);
            if found.name.as_deref() != Some(new_name) {
                let named = Account { name: Some(new_name.to_owned()), ..(*found).clone() };
                transaction.put(&Scope::global(partition, self.account), &self.account.to_string(), named);
            }
            if email.is_none() && found.email.is_some() {
                return Ok(true);
            }
            let default = format!("root@{}.{DEFAULT_DOMAIN}", self.account);
            let wanted = email.unwrap_or(&default);
            let is_new = found.email.as_deref() != Some(wanted);
            Ok(!is_new || change_email(transaction, partition, self.account, wanted))
        })
    }

    /// Writes the files that AWS clients read, for their owner only.
    ///
    /// # Errors
    /// When the data directory cannot be written.
    pub(crate) fn write_profile(&self, data_dir: &DataDir, listen: SocketAddr) -> io::Result<()> {
        let path = data_dir.credentials();
        let directory = path.parent().expect("the credentials file has a directory");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let RootKey { id, secret } = &self.key;
        let credentials = format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
        write_private(&path, credentials.as_bytes())?;
        let config = format!("[default]\nregion = us-east-1\nendpoint_url = http://{listen}\n");
        write_private(&directory.join("config"), config.as_bytes())
    }
}

/// Replaces a file with one that only its owner may read.
pub(crate) fn write_private(path: &std::path::Path, bytes: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("new");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(bytes)?;
    fs::rename(partial, path)
}

fn first_account(id: AccountId, created: Timestamp) -> Account {
    Account {
        id,
        created,
        name: None,
        is_further: false,
        email: None,
        state: AccountState::Active,
        contact: None,
    }
}

/// Reads the profile of a cloud back, as `brume env` prints it.
///
/// # Errors
/// When the cloud was never started, or its files are damaged.
pub fn read_profile(data_dir: &DataDir) -> io::Result<Vec<(&'static str, String)>> {
    let credentials = fs::read_to_string(data_dir.credentials())?;
    let config = fs::read_to_string(data_dir.credentials().with_file_name("config"))?;
    let value = |text: &str, key: &str| {
        text.lines()
            .filter_map(|line| line.split_once(" = "))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value.to_owned())
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("no {key} in the profile")))
    };
    Ok(vec![
        ("AWS_ENDPOINT_URL", value(&config, "endpoint_url")?),
        ("AWS_ACCESS_KEY_ID", value(&credentials, "aws_access_key_id")?),
        ("AWS_SECRET_ACCESS_KEY", value(&credentials, "aws_secret_access_key")?),
        ("AWS_REGION", value(&config, "region")?),
        // The AWS CLI of version 1, and boto3, read this one.
        ("AWS_DEFAULT_REGION", value(&config, "region")?),
    ])
}

#[cfg(test)]
mod tests {
    use store::MemoryBackend;

    use super::*;

    fn secret_of(store: &Store, id: &str) -> Option<String> {
        let key = store.snapshot().get::<AccessKey>(&cloud_scope(Partition::Aws), id)?;
        Some(key.secret.clone())
    }

    struct Counting(std::sync::atomic::AtomicU64);

    impl IdSource for Counting {
        fn bits(&self) -> u128 {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed).into()
        }
    }

    #[test]
    fn a_given_key_replaces_the_one_given_before_and_not_the_one_made() {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let ids = Counting(std::sync::atomic::AtomicU64::new(1));
        let start = |given: Option<&str>| {
            let given = given.map(|text| text.parse().unwrap());
            Identity::load_or_create(&store, &ids, None, given.as_ref(), Timestamp::default()).unwrap()
        };
        let secret = |id: &str| secret_of(&store, id);
        let made = start(None).key;
        assert_eq!(start(Some("TEST:one")).key.id, "TEST");
        assert_eq!(secret("TEST").unwrap(), "one");
        assert_eq!(start(Some("OTHER:two")).key.id, "OTHER");
        assert!(secret("TEST").is_none());
        assert_eq!(secret(&made.id).unwrap(), made.secret);
        assert_eq!(start(None).key, made);
        assert_eq!(secret("OTHER").unwrap(), "two");
    }

    #[test]
    fn keys_of_older_builds_go_on() {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let [first, other] = ["111111111111", "222222222222"].map(|account| account.parse().unwrap());
        let scope = |account| Scope::global(Partition::Aws, account);
        let put = store.transact(|transaction| {
            transaction.put(&scope(first), "first", first_account(first, Timestamp::default()));
            for (account, id, is_given) in
                [(first, "MADE", false), (first, "GIVEN", true), (other, "OTHER", false)]
            {
                let created = Timestamp::from_unix_secs(7);
                let key =
                    OldRootKey { id: id.to_owned(), secret: format!("secret of {id}"), created, is_given };
                transaction.put(&scope(account), id, key);
            }
            Ok::<_, StoreError>(())
        });
        put.unwrap();
        upgrade_records(&store).unwrap();
        upgrade_records(&store).unwrap();
        let snapshot = store.snapshot();
        assert_eq!(snapshot.scan_all::<OldRootKey>().count(), 0);
        assert_eq!(snapshot.count::<AccessKey>(&cloud_scope(Partition::Aws)), 3);
        for (account, id) in [(first, "MADE"), (first, "GIVEN"), (other, "OTHER")] {
            let key = snapshot.get::<AccessKey>(&cloud_scope(Partition::Aws), id).unwrap();
            assert_eq!((key.account, &*key.secret), (account, &*format!("secret of {id}")));
        }
        let ids = Counting(std::sync::atomic::AtomicU64::new(1));
        let started = Identity::load_or_create(&store, &ids, None, None, Timestamp::default()).unwrap();
        assert_eq!((started.account, started.key.id.as_str()), (first, "MADE"));
    }

    #[test]
    fn the_first_account_has_a_name_and_an_address() {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let ids = Counting(std::sync::atomic::AtomicU64::new(1));
        let wanted = Some("123456789012".parse().unwrap());
        let identity = Identity::load_or_create(&store, &ids, wanted, None, Timestamp::default()).unwrap();
        let other = store.transact(|transaction| {
            let bits = &mut || ids.bits();
            let (now, email) = (Timestamp::default(), Some("taken@example.com".to_owned()));
            Ok::<_, StoreError>(identities::new_account(transaction, Partition::Aws, bits, now, None, email))
        });
        assert!(other.unwrap().is_some());
        let check = |name: Option<&str>, email: Option<&str>, expect: (bool, &str, &str)| {
            let has_it = identity.name(&store, name, email).unwrap();
            let found = identities::account(&store.snapshot(), Partition::Aws, identity.account).unwrap();
            let held = (found.name.as_deref().unwrap(), found.email.as_deref().unwrap());
            assert_eq!((has_it, held.0, held.1), expect);
        };
        check(None, None, (true, "Brume", "root@123456789012.brume.example"));
        check(Some("main"), Some("ann@example.com"), (true, "main", "ann@example.com"));
        // What it has stays.
        check(None, None, (true, "main", "ann@example.com"));
        check(None, Some("Taken@example.com"), (false, "main", "ann@example.com"));
    }

    #[test]
    fn root_keys_are_ids_and_secrets() {
        for good in ["test:test", "AKIA0123456789ABCDEF:with:colon"] {
            assert!(good.parse::<RootKey>().is_ok(), "{good}");
        }
        for bad in ["", "test", "abc:secret", "test:", "te st:secret", &format!("{}:secret", "a".repeat(129))]
        {
            assert!(bad.parse::<RootKey>().is_err(), "{bad}");
        }
    }
}
