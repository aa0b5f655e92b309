//! Ids and secrets in the forms that IAM gives them, made from bits that the caller brings.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// How much of an id follows its prefix.
const ID_CHARS: usize = 17;
const ACCESS_KEY_CHARS: usize = 16;
const SECRET_CHARS: usize = 40;
const SIGNING_CERTIFICATE_CHARS: usize = 32;

/// What a unique id is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdKind {
    /// `AIDA`.
    User,
    /// `AGPA`.
    Group,
    /// `AROA`.
    Role,
    /// `AIPA`.
    InstanceProfile,
    /// `ANPA`.
    ManagedPolicy,
    /// `ASCA`.
    ServerCertificate,
    /// `APKA`.
    PublicKey,
    /// `ACCA`.
    ServiceSpecificCredential,
    /// `SPKA`, of keys that decrypt SAML assertions.
    SamlPrivateKey,
}

impl IdKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::User => "AIDA",
            Self::Group => "AGPA",
            Self::Role => "AROA",
            Self::InstanceProfile => "AIPA",
            Self::ManagedPolicy => "ANPA",
            Self::ServerCertificate => "ASCA",
            Self::PublicKey => "APKA",
            Self::ServiceSpecificCredential => "ACCA",
            Self::SamlPrivateKey => "SPKA",
        }
    }
}

/// A unique id, such as `AIDACKCEVSQ6C2EXAMPLE`, from random bits.
pub fn unique_id(kind: IdKind, bits: &mut dyn FnMut() -> u128) -> String {
    format!("{}{}", kind.prefix(), pick(BASE32, ID_CHARS, bits))
}

/// The id of an access key: `AKIA…` of one that lasts, `ASIA…` of a temporary one.
pub fn access_key_id(is_temporary: bool, bits: &mut dyn FnMut() -> u128) -> String {
    format!("{}{}", if is_temporary { "ASIA" } else { "AKIA" }, pick(BASE32, ACCESS_KEY_CHARS, bits))
}

/// The id of a signing certificate, such as `TA7SMP42TDN5Z26OBPJE7EXAMPLE`.
pub fn signing_certificate_id(bits: &mut dyn FnMut() -> u128) -> String {
    pick(BASE32, SIGNING_CERTIFICATE_CHARS, bits)
}

/// A secret access key.
pub fn secret_access_key(bits: &mut dyn FnMut() -> u128) -> String {
    pick(BASE64, SECRET_CHARS, bits)
}

fn pick(alphabet: &[u8], count: usize, bits: &mut dyn FnMut() -> u128) -> String {
    let mut text = String::new();
    while text.len() < count {
        let bytes = bits().to_be_bytes();
        let characters = bytes.iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()]));
        text.extend(characters.take(count - text.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_forms_of_iam() {
        let mut next = 0_u128;
        let mut bits = || {
            next += 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
            next
        };
        let is_base32 = |text: &str| text.bytes().all(|byte| BASE32.contains(&byte));
        let id = unique_id(IdKind::Role, &mut bits);
        assert!(id.len() == 21 && id.starts_with("AROA") && is_base32(&id), "{id}");
        let key = access_key_id(true, &mut bits);
        assert!(key.len() == 20 && key.starts_with("ASIA") && is_base32(&key), "{key}");
        assert_eq!(secret_access_key(&mut bits).len(), SECRET_CHARS);
    }
}
