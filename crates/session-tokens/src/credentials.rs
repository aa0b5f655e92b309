//! Session tokens: everything about a session, behind a seal.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use aws_types::{AccountId, Arn, Tags, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use identities::secret_access_key;
use serde::{Deserialize, Serialize};
use service_api::{Principal, PrincipalKind, Session};

use crate::envelope::{self, Purpose};
use crate::{Tokens, access_key_id};

/// What a session's policies and tags may take once they are packed. AWS packs them too, and does not tell its limit.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const PACKED_LIMIT_BYTES: usize = 2048;

/// Longer texts are no tokens.
const MAX_TOKEN_BYTES: usize = 16 << 10;
/// What is packed was not larger: it is ours, and this is beyond the limits of all its parts together.
const MAX_UNPACKED_BYTES: u64 = 1 << 20;

/// A session that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// The account of who it is.
    pub account: AccountId,
    /// Who it is.
    pub kind: PrincipalKind,
    /// The ARN of who it is.
    pub arn: Arn,
    /// Its stable id.
    pub user_id: String,
    /// What else the credentials carry.
    pub session: Session,
}

/// Temporary credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Temporary {
    /// `ASIA…`
    pub access_key_id: String,
    /// The secret access key.
    pub secret: String,
    /// The session token.
    pub token: String,
    /// When they end.
    pub expires: Timestamp,
    /// How much of the room for policies and tags they take, in percent; `None` when they have none.
    pub packed_percent: Option<u32>,
}

/// Never prints the secret.
impl fmt::Debug for Temporary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Temporary")
            .field("access_key_id", &self.access_key_id)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// The policies and tags of a session are too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Packed size of session policies and tags consumes {percent}% of allotted space.")]
pub struct PackedPolicyTooLarge {
    /// How much they would take, in percent.
    pub percent: u32,
}

/// What is wrong with a session token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no token of this cloud, or not of that access key.
    #[error("the session token is invalid")]
    Invalid,
    /// Its session has ended.
    #[error("the session has ended")]
    Expired,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    secret: String,
    account: AccountId,
    kind: PrincipalKind,
    arn: Arn,
    user_id: String,
    /// Without what is packed.
    session: Session,
    /// [`Packed`], when it is not empty.
    packed: Vec<u8>,
}

/// What callers choose freely, and what therefore has a limit.
#[derive(Default, PartialEq, Serialize, Deserialize)]
struct Packed {
    policies: Vec<String>,
    policy_arns: Vec<String>,
    tags: Tags,
    transitive_tag_keys: BTreeSet<String>,
}

impl Packed {
    /// Takes its parts out of a session.
    fn take_from(session: &mut Session) -> Self {
        Self {
            policies: std::mem::take(&mut session.policies),
            policy_arns: std::mem::take(&mut session.policy_arns),
            tags: std::mem::take(&mut session.tags),
            transitive_tag_keys: std::mem::take(&mut session.transitive_tag_keys),
        }
    }

    /// Puts its parts back.
    fn put_into(self, session: &mut Session) {
        let Self { policies, policy_arns, tags, transitive_tag_keys } = self;
        (session.policies, session.policy_arns) = (policies, policy_arns);
        (session.tags, session.transitive_tag_keys) = (tags, transitive_tag_keys);
    }

    fn pack(&self) -> Vec<u8> {
        if *self == Self::default() {
            return Vec::new();
        }
        deflate(&encode(self))
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        decode(&inflate(bytes)?)
    }
}

impl Tokens {
    /// Makes the credentials of a session.
    ///
    /// # Errors
    /// When its policies and tags are too large.
    pub fn seal(
        &self,
        new: NewSession,
        bits: &mut dyn FnMut() -> u128,
    ) -> Result<Temporary, PackedPolicyTooLarge> {
        let NewSession { account, kind, arn, user_id, mut session } = new;
        let expires = session.expires;
        let packed = Packed::take_from(&mut session).pack();
        let percent = u32::try_from((packed.len() * 100).div_ceil(PACKED_LIMIT_BYTES)).unwrap_or(u32::MAX);
        if packed.len() > PACKED_LIMIT_BYTES {
            return Err(PackedPolicyTooLarge { percent });
        }
        let access_key_id = access_key_id::make(account, bits());
        let secret = secret_access_key(bits);
        let sealed = Sealed { secret: secret.clone(), account, kind, arn, user_id, session, packed };
        let purpose = Purpose::Credentials;
        let token = envelope::seal(&self.key, purpose, &access_key_id, encode(&sealed), bits());
        Ok(Temporary {
            access_key_id,
            secret,
            token: STANDARD.encode(token),
            expires,
            packed_percent: (percent > 0).then_some(percent),
        })
    }

    /// Who an access key with that token stands for, and the secret that it signs with.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn open(
        &self,
        access_key_id: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<(String, Principal), TokenError> {
        let Sealed { secret, account, kind, arn, user_id, mut session, packed } =
            self.unseal(access_key_id, token).ok_or(TokenError::Invalid)?;
        Packed::unpack(&packed).ok_or(TokenError::Invalid)?.put_into(&mut session);
        if session.expires <= now {
            return Err(TokenError::Expired);
        }
        let access_key_id = access_key_id.to_owned();
        let session = Some(Arc::new(session));
        Ok((secret, Principal { account, kind, arn, user_id, access_key_id, session }))
    }

    fn unseal(&self, access_key_id: &str, token: &str) -> Option<Sealed> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let sealed = STANDARD.decode(token).ok()?;
        decode(&envelope::open(&self.key, Purpose::Credentials, access_key_id, &sealed)?)
    }
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, Vec::new()).expect("texts, numbers and lists of them become bytes")
}

fn decode<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Option<T> {
    postcard::from_bytes(bytes).ok()
}

pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}

pub(crate) fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    DeflateDecoder::new(bytes).take(MAX_UNPACKED_BYTES).read_to_end(&mut text).ok()?;
    Some(text)
}
