//! The secret that a cloud's objects are sealed under.

use aws_types::{AccountId, Partition};
use object_store::{BlobSecret, SECRET_BYTES};
use serde::{Deserialize, Serialize};
use store::{Read as _, Record, Scope, Store, StoreError};

/// The id of the one secret.
const CURRENT: &str = "current";

/// The secret of a cloud, in its scope. Never printed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SealSecret {
    /// In hexadecimal.
    secret: String,
}

impl Record for SealSecret {
    const KIND: &'static str = "s3.seal-secret";
}

/// Why a cloud has no secret to seal objects under.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The state has something else in its place.
    #[error(
        "the secret that objects are sealed under (s3.seal-secret) is damaged; take the data directory from a backup"
    )]
    Damaged,
    /// The state cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The secret of a cloud, which is made of these bits if there is none yet.
///
/// # Errors
/// When it cannot be kept, or what is kept is no secret: nothing could be read under another one, so that none is made.
pub fn secret_of_store(
    store: &Store,
    partition: Partition,
    bits: &mut dyn FnMut() -> u128,
) -> Result<BlobSecret, SealError> {
    let scope = Scope::global(partition, AccountId::CLOUD);
    let secret = store.transact(|transaction| {
        if let Some(kept) = transaction.get::<SealSecret>(&scope, CURRENT) {
            let mut secret = [0; SECRET_BYTES];
            return match hex::decode_to_slice(&kept.secret, &mut secret) {
                Ok(()) => Ok(secret),
                Err(_) => Err(SealError::Damaged),
            };
        }
        let mut made = [0; SECRET_BYTES];
        for half in made.chunks_mut(size_of::<u128>()) {
            half.copy_from_slice(&bits().to_be_bytes());
        }
        transaction.put(&scope, CURRENT, SealSecret { secret: hex::encode(made) });
        Ok(made)
    })?;
    Ok(BlobSecret::new(secret))
}
