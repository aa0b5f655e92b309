//! The keys of OpenID Connect issuers, as an operator gives them.
//!
//! Owns which issuers have some. AWS fetches them from the issuer; this cloud reaches nothing outside, so that whoever runs it
//! brings them. Refuses to know tokens, which STS reads.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html>

use std::fmt;
use std::io;
use std::str::FromStr;

use aws_types::{Partition, Timestamp};
use identities::{ProviderKeys, cloud_scope};
use serde::{Deserialize, Serialize};
use store::{Read as _, Store, StoreError};
use svc_sts::{KeyError, ProviderKey};

use crate::control::{self, Question};
use crate::now;
use crate::paths::RunDir;

/// The largest set of keys.
pub const KEY_SET_BYTES_MAX: usize = 64 << 10;
/// How many issuers can have keys.
const ISSUERS_MAX: usize = 1000;
const SCHEME: &str = "https://";

/// The URL of an issuer: what tokens have in `iss`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IssuerUrl(String);

/// The text is no URL of an issuer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an issuer is https://HOST, or https://HOST/PATH")]
pub struct ParseIssuerUrlError;

impl IssuerUrl {
    /// What it is kept by, and providers of IAM by, too.
    fn without_scheme(&self) -> &str {
        &self.0
    }
}

impl FromStr for IssuerUrl {
    type Err = ParseIssuerUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix(SCHEME).ok_or(ParseIssuerUrlError)?;
        let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let is_path = |path: &str| path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte));
        if !host.split('.').all(is_label) || !path.is_none_or(is_path) {
            return Err(ParseIssuerUrlError);
        }
        let host = host.to_ascii_lowercase();
        Ok(Self(path.map_or_else(|| host.clone(), |path| format!("{host}/{path}"))))
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}

impl TryFrom<String> for IssuerUrl {
    type Error = ParseIssuerUrlError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<IssuerUrl> for String {
    fn from(url: IssuerUrl) -> Self {
        url.to_string()
    }
}

/// Why keys are not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderKeysError {
    /// They are too large.
    #[error("a key set has at most {KEY_SET_BYTES_MAX} bytes")]
    TooLarge,
    /// They are no keys.
    #[error("this is no key set: {0}")]
    KeySet(#[from] KeyError),
    /// None of them can be used.
    #[error(
        "none of these keys can be used: they are to be RSA keys of 2048 to 8192 bits, or EC keys on P-256 or P-384, for signatures"
    )]
    NoneUsable,
    /// There are too many issuers.
    #[error("{ISSUERS_MAX} issuers have keys, and no more can")]
    TooMany,
    /// There are none.
    #[error("no keys of {0} are known")]
    NotKnown(IssuerUrl),
    /// The state.
    #[error("the keys could not be stored: {0}")]
    Store(#[from] StoreError),
}

/// An issuer whose keys are known, as `brume identity-provider list` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerStatus {
    /// Its URL.
    pub issuer: IssuerUrl,
    /// How many of its keys can be used.
    pub keys: usize,
    /// When they were given.
    pub given: Timestamp,
}

impl IssuerStatus {
    /// Gives an issuer these keys, in place of those that it has. The set is as the issuer publishes it, in JSON.
    ///
    /// # Errors
    /// When the daemon does not answer in time, or does not take them.
    pub fn set(run_dir: &RunDir, issuer: IssuerUrl, key_set: String) -> io::Result<Self> {
        control::ask(run_dir, &Question::SetProviderKeys { issuer, key_set })
    }

    /// All issuers whose keys are known, by URL.
    ///
    /// # Errors
    /// When the daemon does not answer in time.
    pub fn list(run_dir: &RunDir) -> io::Result<Vec<Self>> {
        control::ask(run_dir, &Question::ListProviderKeys)
    }

    /// Forgets the keys of an issuer.
    ///
    /// # Errors
    /// When the daemon does not answer in time, or knows none.
    pub fn remove(run_dir: &RunDir, issuer: IssuerUrl) -> io::Result<()> {
        control::ask(run_dir, &Question::RemoveProviderKeys { issuer })
    }
}

/// The keys in the state.
pub(crate) struct Issuers(pub(crate) Store);

impl Issuers {
    pub(crate) fn set(&self, issuer: IssuerUrl, key_set: String) -> Result<IssuerStatus, ProviderKeysError> {
        if key_set.len() > KEY_SET_BYTES_MAX {
            return Err(ProviderKeysError::TooLarge);
        }
        let usable = ProviderKey::parse_set(&key_set)?.len();
        if usable == 0 {
            return Err(ProviderKeysError::NoneUsable);
        }
        let keys = ProviderKeys { key_set, usable, given: now() };
        let (scope, id) = (cloud_scope(Partition::Aws), issuer.without_scheme());
        self.0.transact(|transaction| {
            let is_known = transaction.contains::<ProviderKeys>(&scope, id);
            if !is_known && transaction.count::<ProviderKeys>(&scope) >= ISSUERS_MAX {
                return Err(ProviderKeysError::TooMany);
            }
            transaction.put(&scope, id, keys.clone());
            Ok(())
        })?;
        Ok(IssuerStatus { issuer, keys: usable, given: keys.given })
    }

    pub(crate) fn list(&self) -> Vec<IssuerStatus> {
        let snapshot = self.0.snapshot();
        let all = snapshot.scan::<ProviderKeys>(&cloud_scope(Partition::Aws));
        all.map(|(id, keys)| {
            let issuer = IssuerUrl(id.to_owned());
            IssuerStatus { issuer, keys: keys.usable, given: keys.given }
        })
        .collect()
    }

    pub(crate) fn remove(&self, issuer: &IssuerUrl) -> Result<(), ProviderKeysError> {
        let (scope, id) = (cloud_scope(Partition::Aws), issuer.without_scheme());
        self.0.transact(|transaction| {
            if !transaction.contains::<ProviderKeys>(&scope, id) {
                return Err(ProviderKeysError::NotKnown(issuer.clone()));
            }
            transaction.delete::<ProviderKeys>(&scope, id);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use store::MemoryBackend;

    use super::*;

    #[test]
    fn issuers_are_urls_without_queries() {
        for (text, expect) in [
            ("https://ID.Example.com", "https://id.example.com"),
            ("https://id.example.com/", "https://id.example.com/"),
            ("https://id.example.com/Realm/x", "https://id.example.com/Realm/x"),
        ] {
            assert_eq!(text.parse::<IssuerUrl>().map(|url| url.to_string()), Ok(expect.to_owned()));
        }
        for bad in ["id.example.com", "http://a.b", "https://", "https://a..b", "https://a:1", "https://a/?x"]
        {
            assert_eq!(bad.parse::<IssuerUrl>(), Err(ParseIssuerUrlError), "{bad}");
        }
    }

    #[test]
    fn keys_are_kept_replaced_and_forgotten() {
        let issuers = Issuers(Store::open(MemoryBackend::new()).unwrap());
        let issuer: IssuerUrl = "https://id.example.com/realm".parse().unwrap();
        let rsa = serde_json::json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"});
        let set = |keys: serde_json::Value| {
            issuers.set(issuer.clone(), serde_json::json!({ "keys": keys }).to_string())
        };
        assert!(matches!(issuers.set(issuer.clone(), "{}".to_owned()), Err(ProviderKeysError::KeySet(_))));
        assert!(matches!(set(serde_json::json!([{"kty": "oct"}])), Err(ProviderKeysError::NoneUsable)));
        assert!(matches!(
            issuers.set(issuer.clone(), " ".repeat(KEY_SET_BYTES_MAX + 1)),
            Err(ProviderKeysError::TooLarge)
        ));
        assert_eq!(set(serde_json::json!([rsa, {"kty": "oct"}])).unwrap().keys, 1);
        let now_two = set(serde_json::json!([rsa, rsa])).unwrap();
        assert_eq!(issuers.list(), [now_two]);
        issuers.remove(&issuer).unwrap();
        assert!(matches!(issuers.remove(&issuer), Err(ProviderKeysError::NotKnown(_))));
        assert!(issuers.list().is_empty());
    }
}
