//! RSA keys in the forms that SSH and X.509 have for them.
//!
//! Owns the forms. RFC 4253, 6.6 is SSH's; RFC 5280, 4.1 and RFC 8017, A.1.1 are those of PEM files.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::PublicKeyComponents;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::{PublicKey, RSAPublicKey};
use x509_parser::x509::SubjectPublicKeyInfo;

/// What the name is that SSH has for RSA.
const NAME: &str = "ssh-rsa";
/// The label of PKCS #1, which the PEM reader does not know.
const PKCS1_LABEL: &str = "RSA PUBLIC KEY";
const PEM_LINE_CHARS: usize = 64;
const MIN_BITS: usize = 2048;

/// A public RSA key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RsaPublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// It is in no form that is known here.
    Encoding,
    /// It is in one, but is no RSA key of 2048 bits or more.
    Key,
}

impl RsaPublicKey {
    /// Reads `ssh-rsa AAAA… comment`, or a PEM file.
    pub(crate) fn read(text: &str) -> Result<Self, ReadError> {
        let text = text.trim();
        if text.starts_with(NAME) {
            let encoded = text.split_ascii_whitespace().nth(1).ok_or(ReadError::Key)?;
            return Self::from_ssh(&STANDARD.decode(encoded).map_err(|_| ReadError::Key)?)
                .ok_or(ReadError::Key);
        }
        if !text.starts_with("-----BEGIN ") {
            return Err(ReadError::Encoding);
        }
        Self::from_pem(text).ok_or(ReadError::Key)
    }

    fn new(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let trimmed = |number: &[u8]| {
            let start = number.iter().position(|byte| *byte != 0)?;
            Some(number[start..].to_vec())
        };
        let (modulus, exponent) = (trimmed(modulus)?, trimmed(exponent)?);
        let bits = modulus.len() * 8 - modulus[0].leading_zeros() as usize;
        (bits >= MIN_BITS).then_some(Self { modulus, exponent })
    }

    fn from_ssh(blob: &[u8]) -> Option<Self> {
        let (name, rest) = next_field(blob)?;
        let (exponent, rest) = next_field(rest)?;
        let (modulus, rest) = next_field(rest)?;
        if name != NAME.as_bytes() || !rest.is_empty() {
            return None;
        }
        Self::new(modulus, exponent)
    }

    fn from_pem(text: &str) -> Option<Self> {
        if let Some(body) = text.strip_prefix(&format!("-----BEGIN {PKCS1_LABEL}-----")) {
            let body = body.strip_suffix(&format!("-----END {PKCS1_LABEL}-----"))?;
            let body: String = body.chars().filter(|character| !character.is_whitespace()).collect();
            let der = STANDARD.decode(body).ok()?;
            let (_, key) = RSAPublicKey::from_der(&der).ok()?;
            return Self::new(key.modulus, key.exponent);
        }
        let der = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()).ok()?;
        let (_, info) = SubjectPublicKeyInfo::from_der(der.as_ref()).ok()?;
        match info.parsed().ok()? {
            PublicKey::RSA(key) => Self::new(key.modulus, key.exponent),
            _ => None,
        }
    }

    fn blob(&self) -> Vec<u8> {
        [field(NAME.as_bytes()), number(&self.exponent), number(&self.modulus)].concat()
    }

    /// `ssh-rsa AAAA…`.
    pub(crate) fn ssh(&self) -> String {
        format!("{NAME} {}", STANDARD.encode(self.blob()))
    }

    /// A PEM file with the label `PUBLIC KEY`. `None` where the numbers are none of a key.
    pub(crate) fn pem(&self) -> Option<String> {
        let numbers = PublicKeyComponents { n: &self.modulus, e: &self.exponent };
        let der: PublicKeyX509Der<'_> = numbers.as_der().ok()?;
        let body = STANDARD.encode(der.as_ref());
        let mut text = "-----BEGIN PUBLIC KEY-----\n".to_owned();
        for line in body.as_bytes().chunks(PEM_LINE_CHARS) {
            text.extend(line.iter().map(|byte| char::from(*byte)));
            text.push('\n');
        }
        text.push_str("-----END PUBLIC KEY-----\n");
        Some(text)
    }

    /// MD5 of SSH's form, as pairs of digits with colons between.
    pub(crate) fn fingerprint(&self) -> String {
        Md5::digest(self.blob()).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
    }
}

/// A field of SSH: its length in four bytes, and what it holds.
fn next_field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

fn field(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("a key is far shorter than 4 GiB");
    [&length.to_be_bytes(), bytes].concat()
}

/// A positive number: with a zero byte before it where the first bit is set.
fn number(bytes: &[u8]) -> Vec<u8> {
    let needs_zero = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    if needs_zero { field(&[&[0], bytes].concat()) } else { field(bytes) }
}
