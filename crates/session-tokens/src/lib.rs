//! Temporary credentials, and encoded authorization messages: sealed, so that whoever holds one brings everything about it,
//! and nothing of it has to be kept.
//!
//! Owns the key that seals, the form of session tokens, the ids of temporary access keys and how large a session's policies
//! and tags may be. Refuses to know who may have which session (`svc-sts`), and whether the role or user of a session is
//! still there, which is looked up for each request.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp.html>

mod access_key_id;
mod credentials;
mod envelope;
mod message;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::LessSafeKey;
use aws_types::Partition;
use identities::cloud_scope;
use serde::{Deserialize, Serialize};
use store::{Read as _, Record, RecordKind, Store, StoreError};

pub use access_key_id::account_of;
pub use credentials::{NewSession, PACKED_LIMIT_BYTES, PackedPolicyTooLarge, Temporary, TokenError};
pub use message::InvalidMessage;

use crate::envelope::KEY_BYTES;

/// The id of the one key.
const CURRENT: &str = "current";

/// The key of a cloud, under [`cloud_scope`]. Never printed.
#[derive(Clone, Serialize, Deserialize)]
struct TokenKey {
    /// In hexadecimal.
    key: String,
}

impl Record for TokenKey {
    const KIND: &'static str = "sts.token-key";
}

/// The kinds of records that are written here.
pub const RECORDS: &[RecordKind] = &[RecordKind::of::<TokenKey>()];

/// Why a cloud has no key to seal with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The state has something else in its place.
    #[error(
        "the key that session tokens are sealed with (sts.token-key) is damaged; take the data directory from a backup"
    )]
    Damaged,
    /// The state cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Seals and opens. Clones have the same key.
#[derive(Clone)]
pub struct Tokens {
    key: Arc<LessSafeKey>,
}

impl Tokens {
    /// With the key of a cloud, which is made of these bits if there is none yet.
    ///
    /// # Errors
    /// When it cannot be kept, or what is kept is no key: another one would end every session, so that none is made.
    pub fn of_store(
        store: &Store,
        partition: Partition,
        bits: &mut dyn FnMut() -> u128,
    ) -> Result<Self, KeyError> {
        let scope = cloud_scope(partition);
        let key = store.transact(|transaction| {
            if let Some(kept) = transaction.get::<TokenKey>(&scope, CURRENT) {
                let key = hex::decode(&kept.key).ok().and_then(|key| key.try_into().ok());
                return key.ok_or(KeyError::Damaged);
            }
            let mut made = [0; KEY_BYTES];
            for half in made.chunks_mut(16) {
                half.copy_from_slice(&bits().to_be_bytes());
            }
            transaction.put(&scope, CURRENT, TokenKey { key: hex::encode(made) });
            Ok(made)
        })?;
        Ok(Self::with_key(&key))
    }

    /// With a key of the caller's.
    pub fn with_key(key: &[u8; KEY_BYTES]) -> Self {
        Self { key: Arc::new(envelope::key(key)) }
    }
}

/// Never prints the key.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use store::MemoryBackend;

    use super::*;

    #[test]
    fn a_damaged_key_is_an_error_and_stays_as_it_is() {
        let scope = cloud_scope(Partition::Aws);
        for damaged in ["", "00", "not hexadecimal"] {
            let store = Store::open(MemoryBackend::new()).unwrap();
            let put = store.transact(|transaction| {
                transaction.put(&scope, CURRENT, TokenKey { key: damaged.to_owned() });
                Ok::<_, StoreError>(())
            });
            put.unwrap();
            let error = Tokens::of_store(&store, Partition::Aws, &mut || 7).unwrap_err();
            assert!(
                matches!(error, KeyError::Damaged) && error.to_string().contains("sts.token-key"),
                "{error}"
            );
            assert_eq!(store.snapshot().get::<TokenKey>(&scope, CURRENT).unwrap().key, damaged);
        }
    }
}
