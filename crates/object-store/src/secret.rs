//! Secrets, and what is derived from them: hashes, addresses and the keys that seal.
//!
//! | key | from | what for |
//! | --- | --- | --- |
//! | hash key | secret | keyed hash of each block's content |
//! | address key | secret | keyed hash over block hashes and length |
//! | key of a block | secret, block's hash | AES-256-GCM of the block |
//! | key of a list | secret, address | AES-256-GCM of the list of block hashes |
//! | key of a small content | secret, address | AES-256-GCM of a content that is kept in the index |
//!
//! A key seals one plaintext only, which is determined by what the key is derived from. So the nonce can be constant, and
//! equal contents are equal on disk.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::Address;

/// How long a secret is.
pub const SECRET_BYTES: usize = 32;

/// How long a tag of AES-GCM is.
pub(crate) const TAG_BYTES: usize = 16;

/// How long a hash of a block is.
pub(crate) const HASH_BYTES: usize = 32;

/// How long a [`KeyId`] is.
pub(crate) const KEY_ID_BYTES: usize = 16;

/// The keyed hash of one block's content.
pub(crate) type BlockHash = [u8; HASH_BYTES];

/// Which secret something was sealed under. It tells nothing else about the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyId(pub(crate) [u8; KEY_ID_BYTES]);

/// What contents are hashed and sealed under: the store's own, or one that somebody brings for a content of theirs and
/// has to bring again to read it. Clones share what is derived.
#[derive(Clone)]
pub struct BlobSecret(Arc<Derived>);

struct Derived {
    hash: [u8; 32],
    seal: [u8; 32],
    address: [u8; 32],
    id: KeyId,
}

/// What is sealed, so that the bytes of one use are never accepted as those of another.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose<'a> {
    /// A block, under its hash.
    Block(&'a BlockHash),
    /// The list of block hashes, under the address.
    List(&'a Address),
    /// A small content, under the address.
    Inline(&'a Address),
}

/// Sealed bytes are not what was sealed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotGenuine;

impl BlobSecret {
    /// A secret of random bytes, which whoever brings them keeps.
    pub fn new(secret: [u8; SECRET_BYTES]) -> Self {
        let derive = |context: &str| blake3::derive_key(context, &secret);
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&derive("brume object-store 2026 id of a secret")[..KEY_ID_BYTES]);
        Self(Arc::new(Derived {
            hash: derive("brume object-store 2026 hash of a block"),
            seal: derive("brume object-store 2026 key that seals"),
            address: derive("brume object-store 2026 address of a content"),
            id: KeyId(id),
        }))
    }

    pub(crate) fn id(&self) -> KeyId {
        self.0.id
    }

    pub(crate) fn hash_of_block(&self, content: &[u8]) -> BlockHash {
        *blake3::keyed_hash(&self.0.hash, content).as_bytes()
    }

    pub(crate) fn address(&self, hashes: &[BlockHash], length_bytes: u64) -> Address {
        let mut hasher = blake3::Hasher::new_keyed(&self.0.address);
        hasher.update(&length_bytes.to_le_bytes());
        hasher.update(hashes.as_flattened());
        Address(*hasher.finalize().as_bytes())
    }

    /// Seals in place; the tag is apart.
    pub(crate) fn seal(&self, purpose: Purpose<'_>, content: &mut [u8]) -> [u8; TAG_BYTES] {
        let (key, label) = self.key(purpose);
        let tag = key
            .seal_in_place_separate_tag(nonce(), Aad::from(label), content)
            .expect("a block is shorter than AES-GCM's limit");
        let mut bytes = [0; TAG_BYTES];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }

    /// Opens what [`BlobSecret::seal`] made, with its tag at the end, in place. The content is all but the tag.
    pub(crate) fn open<'a>(
        &self,
        purpose: Purpose<'_>,
        sealed: &'a mut [u8],
    ) -> Result<&'a [u8], NotGenuine> {
        let (key, label) = self.key(purpose);
        key.open_in_place(nonce(), Aad::from(label), sealed).map(|content| &*content).map_err(|_| NotGenuine)
    }

    fn key(&self, purpose: Purpose<'_>) -> (LessSafeKey, &'static [u8]) {
        let (label, input) = match purpose {
            Purpose::Block(hash) => (b"block".as_slice(), hash),
            Purpose::List(address) => (b"list".as_slice(), &address.0),
            Purpose::Inline(address) => (b"inline".as_slice(), &address.0),
        };
        let mut hasher = blake3::Hasher::new_keyed(&self.0.seal);
        let key = hasher.update(input).update(label).finalize();
        let key = UnboundKey::new(&AES_256_GCM, key.as_bytes()).expect("a hash is as long as a key");
        (LessSafeKey::new(key), label)
    }
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

impl fmt::Debug for BlobSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlobSecret(..)")
    }
}
