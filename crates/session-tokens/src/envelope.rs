//! Authenticated encryption: AES-256-GCM, with what it is for as additional data.
//!
//! ```text
//!  version │ nonce    │ ciphertext … tag
//!  1 byte  │ 12 bytes │ the plain text's length, and 16 bytes
//! ```

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// The length of a key.
pub(crate) const KEY_BYTES: usize = 32;
/// Raise it when what is sealed changes its form: what older builds sealed is refused then, and has to be asked for anew.
///
/// 2: federated users have the stable id of whoever made them, and sessions say how somebody was vouched for.
const VERSION: u8 = 2;

/// What is sealed, which keeps one kind of text from being taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A session token.
    Credentials,
    /// An encoded authorization message.
    Message,
}

impl Purpose {
    /// What is authenticated beside the text: what it is, and for whom.
    fn aad(self, of: &str) -> Aad<Vec<u8>> {
        let name = match self {
            Self::Credentials => "credentials",
            Self::Message => "message",
        };
        Aad::from(format!("brume {name} {of}").into_bytes())
    }
}

pub(crate) fn key(bytes: &[u8; KEY_BYTES]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("a key of AES-256 has 32 bytes"))
}

/// Seals. The bits are the nonce, and must be others each time; random ones are for 2^32 texts.
pub(crate) fn seal(key: &LessSafeKey, purpose: Purpose, of: &str, plain: Vec<u8>, bits: u128) -> Vec<u8> {
    let mut nonce = [0; NONCE_LEN];
    nonce.copy_from_slice(&bits.to_be_bytes()[..NONCE_LEN]);
    let mut text = plain;
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), purpose.aad(of), &mut text)
        .expect("what is sealed is far shorter than the 64 GiB that GCM takes");
    let mut sealed = Vec::with_capacity(1 + NONCE_LEN + text.len());
    sealed.push(VERSION);
    sealed.extend(nonce);
    sealed.extend(text);
    sealed
}

/// Opens; `None` for what was not sealed with that key for that purpose.
pub(crate) fn open(key: &LessSafeKey, purpose: Purpose, of: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (version, rest) = sealed.split_first()?;
    let (nonce, text) = rest.split_at_checked(NONCE_LEN)?;
    if *version != VERSION {
        return None;
    }
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    let length = key.open_in_place(nonce, purpose.aad(of), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}
