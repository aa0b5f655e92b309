//! The cloud's accounts and their root keys, until IAM owns them.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::str::FromStr;

use aws_types::{AccountId, Partition, Timestamp};
use gateway::{Credential, Credentials};
use serde::{Deserialize, Serialize};
use service_api::{IdSource, Principal};
use store::{Read as _, Record, RecordKind, Scope, Store, StoreError};

use crate::paths::DataDir;

/// The lengths that IAM allows for an access key id.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html>
const ACCESS_KEY_ID_LENGTH: std::ops::RangeInclusive<usize> = 4..=128;

/// An access key given on the command line as `ID:SECRET`.
#[derive(Clone, PartialEq, Eq)]
pub struct RootKey {
    id: String,
    secret: String,
}

impl RootKey {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    pub(crate) fn record(&self, created: Timestamp, is_given: bool) -> RootKeyRecord {
        RootKeyRecord { id: self.id.clone(), secret: self.secret.clone(), created, is_given }
    }

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

/// An account of this cloud, under its global scope.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccountRecord {
    /// The account.
    pub id: AccountId,
    /// When it was created.
    pub created: Timestamp,
    /// What the operator calls it.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether it was made beside the first one, which `brume up` and `brume env` are about.
    #[serde(default)]
    pub is_further: bool,
}

impl Record for AccountRecord {
    const KIND: &'static str = "account.account";
}

/// An access key of an account's root user, under the account's global scope.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RootKeyRecord {
    /// The access key id.
    pub id: String,
    /// The secret access key.
    pub secret: String,
    /// When it was created.
    pub created: Timestamp,
    /// Whether the operator gave it; else Brume made it at first start.
    #[serde(default)]
    pub is_given: bool,
}

impl RootKeyRecord {
    fn key(&self) -> RootKey {
        RootKey { id: self.id.clone(), secret: self.secret.clone() }
    }
}

impl Record for RootKeyRecord {
    const KIND: &'static str = "account.root-key";
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] =
    &[RecordKind::of::<AccountRecord>(), RecordKind::of::<RootKeyRecord>()];

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
        store.transact(|transaction| {
            let first = transaction.scan_all::<AccountRecord>().find(|(_, _, account)| !account.is_further);
            let existing = first.map(|(_, _, account)| account.id);
            let account = existing.or(wanted_account).unwrap_or_else(|| random_account(ids));
            let scope = Scope::global(Partition::Aws, account);
            if existing.is_none() {
                let record = AccountRecord { id: account, created: now, name: None, is_further: false };
                transaction.put(&scope, &account.to_string(), record);
            }
            let known: Vec<RootKeyRecord> = transaction
                .scan::<RootKeyRecord>(&scope)
                .map(|(_, key)| RootKeyRecord::clone(&key))
                .collect();
            let made = known
                .iter()
                .find(|key| !key.is_given)
                .cloned()
                .unwrap_or_else(|| random_key(ids).record(now, false));
            // A key that was given earlier is no longer good: giving another one is how it is revoked.
            for earlier in known.iter().filter(|key| key.is_given && given.is_some()) {
                transaction.delete::<RootKeyRecord>(&scope, &earlier.id);
            }
            let key = given.cloned().unwrap_or_else(|| made.key());
            if given.is_none_or(|given| given.id != made.id) {
                transaction.put(&scope, &made.id.clone(), made);
            }
            if let Some(given) = given {
                transaction.put(&scope, &given.id, given.record(now, true));
            }
            Ok(Self { account, key })
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

pub(crate) fn random_account(ids: &dyn IdSource) -> AccountId {
    let number = 100_000_000_000 + ids.bits() % 900_000_000_000;
    number.to_string().parse().expect("a number of twelve digits")
}

/// A key in the form that AWS gives them: `AKIA` and 16 of the base32 alphabet, and 40 characters of base64.
pub(crate) fn random_key(ids: &dyn IdSource) -> RootKey {
    const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let pick = |alphabet: &[u8], count: usize| -> String {
        let mut text = String::new();
        while text.len() < count {
            let bytes = ids.bits().to_be_bytes();
            text.extend(
                bytes
                    .iter()
                    .take(count - text.len())
                    .map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])),
            );
        }
        text
    };
    RootKey { id: format!("AKIA{}", pick(BASE32, 16)), secret: pick(BASE64, 40) }
}

/// Looks keys up in the store, so that a key added by one command is known to the next request.
#[derive(Clone)]
pub(crate) struct StoredCredentials(pub(crate) Store);

impl Credentials for StoredCredentials {
    fn lookup(&self, access_key_id: &str) -> Option<Credential> {
        let snapshot = self.0.snapshot();
        let (account, secret) = snapshot
            .scan_all::<RootKeyRecord>()
            .find(|(_, id, _)| *id == access_key_id)
            .map(|(scope, _, key)| (scope.account, key.secret.clone()))?;
        Some(Credential {
            secret,
            session_token: None,
            principal: Principal::root(Partition::Aws, account, access_key_id),
        })
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
        let credentials = StoredCredentials(store.clone());
        let made = start(None).key;
        assert_eq!(start(Some("TEST:one")).key.id, "TEST");
        assert_eq!(credentials.lookup("TEST").unwrap().secret, "one");
        assert_eq!(start(Some("OTHER:two")).key.id, "OTHER");
        assert!(credentials.lookup("TEST").is_none());
        assert_eq!(credentials.lookup(&made.id).unwrap().secret, made.secret);
        assert_eq!(start(None).key, made);
        assert_eq!(credentials.lookup("OTHER").unwrap().secret, "two");
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
