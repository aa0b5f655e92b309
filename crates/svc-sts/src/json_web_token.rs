//! JSON web tokens of OpenID Connect providers: what they say, and whether the provider signed them.
//!
//! Owns the form of tokens and of providers' public keys (RFC 7515, 7517 and 7519). Refuses to know where the keys are from:
//! nothing is fetched here.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, EcdsaVerificationAlgorithm, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaParameters, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

/// Why a text is no set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It has another form.
    #[error("it is no JSON Web Key Set: an object with a list `keys`")]
    Malformed,
}

/// A public key of an identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderKey {
    id: Option<String>,
    public: PublicKey,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PublicKey {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// The point, uncompressed.
    P256(Vec<u8>),
    P384(Vec<u8>),
}

/// A key as JSON has it.
#[derive(Deserialize)]
struct WrittenKey {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct WrittenSet {
    keys: Vec<Value>,
}

impl ProviderKey {
    /// Reads a set of keys. Those of kinds that are not known here are left out.
    ///
    /// # Errors
    /// When it is no set of keys.
    pub fn parse_set(json: &str) -> Result<Vec<Self>, KeyError> {
        let set: WrittenSet = serde_json::from_str(json).map_err(|_| KeyError::Malformed)?;
        Ok(set.keys.into_iter().filter_map(Self::parse).collect())
    }

    fn parse(json: Value) -> Option<Self> {
        let key: WrittenKey = serde_json::from_value(json).ok()?;
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_ref()?).ok();
        let point = |length: usize| {
            let (x, y) = (bytes(&key.x)?, bytes(&key.y)?);
            (x.len() == length && y.len() == length).then(|| [vec![4], x, y].concat())
        };
        if key.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        let public = match (key.kty.as_str(), key.crv.as_deref()) {
            ("RSA", _) => PublicKey::Rsa { modulus: bytes(&key.n)?, exponent: bytes(&key.e)? },
            ("EC", Some("P-256")) => PublicKey::P256(point(32)?),
            ("EC", Some("P-384")) => PublicKey::P384(point(48)?),
            _ => return None,
        };
        Some(Self { id: key.kid, public })
    }

    fn has_signed(&self, token: &Token<'_>) -> bool {
        let (message, signature) = (token.signed.as_bytes(), token.signature.as_slice());
        let rsa = |parameters: &'static RsaParameters, n: &[u8], e: &[u8]| {
            PublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
        };
        let ecdsa = |algorithm: &'static EcdsaVerificationAlgorithm, point: &[u8]| {
            UnparsedPublicKey::new(algorithm, point).verify(message, signature).is_ok()
        };
        match (&self.public, token.algorithm) {
            (PublicKey::Rsa { modulus, exponent }, Algorithm::Rs256) => {
                rsa(&RSA_PKCS1_2048_8192_SHA256, modulus, exponent)
            }
            (PublicKey::Rsa { modulus, exponent }, Algorithm::Rs384) => {
                rsa(&RSA_PKCS1_2048_8192_SHA384, modulus, exponent)
            }
            (PublicKey::Rsa { modulus, exponent }, Algorithm::Rs512) => {
                rsa(&RSA_PKCS1_2048_8192_SHA512, modulus, exponent)
            }
            (PublicKey::P256(point), Algorithm::Es256) => ecdsa(&ECDSA_P256_SHA256_FIXED, point),
            (PublicKey::P384(point), Algorithm::Es384) => ecdsa(&ECDSA_P384_SHA384_FIXED, point),
            // An algorithm is for keys of its own kind.
            (PublicKey::Rsa { .. } | PublicKey::P256(_) | PublicKey::P384(_), _) => false,
        }
    }
}

/// How a token can be signed. There is no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Es256,
    Es384,
}

#[derive(Deserialize)]
struct Header {
    alg: Algorithm,
    kid: Option<String>,
}

/// A token. Nothing that it says is true before one of the provider's keys is found to have signed it.
pub(crate) struct Token<'a> {
    algorithm: Algorithm,
    key_id: Option<String>,
    signed: &'a str,
    signature: Vec<u8>,
    claims: Claims,
}

/// What a token says of who has it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Claims {
    /// Who issued it.
    pub(crate) iss: String,
    /// Who has it.
    pub(crate) sub: String,
    /// Whom it is for.
    pub(crate) aud: Audience,
    /// Who asked for it.
    pub(crate) azp: Option<String>,
    /// Until when it holds, in seconds since the epoch.
    pub(crate) exp: f64,
    /// From when on it holds.
    pub(crate) nbf: Option<f64>,
    /// How its holder proved to be the one.
    #[serde(default)]
    pub(crate) amr: Vec<String>,
    #[serde(rename = "https://aws.amazon.com/tags")]
    pub(crate) tags: Option<ClaimedTags>,
    #[serde(rename = "https://aws.amazon.com/source_identity")]
    pub(crate) source_identity: Option<String>,
}

/// One audience, or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several.as_slice(),
        }
        .iter()
        .map(String::as_str)
    }
}

/// Session tags that a provider gives.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct ClaimedTags {
    /// Each with one value.
    #[serde(default)]
    pub(crate) principal_tags: std::collections::BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(crate) transitive_tag_keys: Vec<String>,
}

impl<'a> Token<'a> {
    /// Reads a token; `None` for what is none, or is signed in a way that is not known.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
        Some(Self {
            algorithm: header.alg,
            key_id: header.kid,
            signed,
            signature: decode(signature)?,
            claims: serde_json::from_slice(&decode(claims)?).ok()?,
        })
    }

    /// What it says, before it is known whether that is true: for finding out who has to have signed it.
    pub(crate) fn unverified(&self) -> &Claims {
        &self.claims
    }

    /// What it says, if one of these keys signed it.
    pub(crate) fn verified(&self, keys: &[ProviderKey]) -> Option<&Claims> {
        let may_be = |key: &&ProviderKey| self.key_id.is_none() || key.id.is_none() || key.id == self.key_id;
        keys.iter().filter(may_be).any(|key| key.has_signed(self)).then_some(&self.claims)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Texts that are nearly tokens: parts that are JSON, in base64 or not.
    fn texts() -> impl Strategy<Value = String> {
        let json = prop_oneof![
            Just(r#"{"alg":"RS256","kid":"r"}"#.to_owned()),
            Just(r#"{"alg":"ES384"}"#.to_owned()),
            Just(r#"{"iss":"https://a","sub":"b","aud":["c"],"exp":1}"#.to_owned()),
            Just(r#"{"iss":1,"aud":{},"exp":1e400}"#.to_owned()),
            "\\PC{0,20}",
        ];
        let part = (json, any::<bool>())
            .prop_map(|(text, is_encoded)| if is_encoded { URL_SAFE_NO_PAD.encode(text) } else { text });
        prop::collection::vec(part, 0..5).prop_map(|parts| parts.join("."))
    }

    fn keys() -> Vec<ProviderKey> {
        let text = |length: usize| URL_SAFE_NO_PAD.encode(vec![1; length]);
        let set = serde_json::json!({"keys": [
            {"kty": "RSA", "n": text(256), "e": text(1)},
            {"kty": "EC", "crv": "P-256", "x": text(32), "y": text(32)},
            {"kty": "EC", "crv": "P-384", "x": text(48), "y": text(48)},
            {"kty": "EC", "crv": "P-256", "x": text(31), "y": text(32)},
            {"kty": "RSA", "n": text(256), "e": text(1), "use": "enc"},
            {"kty": "oct", "k": "AA"}, {}, 7,
        ]});
        ProviderKey::parse_set(&set.to_string()).unwrap_or_default()
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_none_is_believed(text in texts()) {
            if let Some(token) = Token::parse(&text) {
                prop_assert!(token.verified(&keys()).is_none());
            }
        }

        #[test]
        fn any_set_of_keys_is_read(text in "\\PC{0,50}") {
            let _ = ProviderKey::parse_set(&text);
        }
    }

    #[test]
    fn keys_of_other_kinds_are_left_out() {
        assert_eq!(keys().len(), 3);
        assert_eq!(ProviderKey::parse_set("{}"), Err(KeyError::Malformed));
    }
}
