//! Keys and the files that hold them: PEM, PuTTY's and OpenSSH's.
//!
//! Owns the making of keys, the reading of public ones, and fingerprints.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/verify-keys.html>

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use aws_lc_rs::{hmac, rand, rsa};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::wire;

const RSA_NAME: &str = "ssh-rsa";
const ED25519_NAME: &str = "ssh-ed25519";

/// The sizes of RSA keys that can be imported.
const RSA_BITS: [usize; 3] = [1024, 2048, 4096];

/// What kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyType {
    /// RSA of 2048 bits when made here.
    Rsa,
    /// Ed25519.
    Ed25519,
}

impl KeyType {
    /// As answers print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ed25519 => "ed25519",
        }
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PublicKey {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    Ed25519([u8; 32]),
}

fn with_colons(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

impl PublicKey {
    /// Reads a key in OpenSSH's form (`ssh-rsa AAAA… comment`) or RFC 4716's.
    pub(super) fn read(file: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(file).ok()?.trim();
        let encoded: String = if text.starts_with("---- BEGIN SSH2 PUBLIC KEY ----") {
            // Header lines have a colon, and go on where one ends with a backslash.
            let mut in_header = false;
            let body = text.lines().skip(1).take_while(|line| !line.starts_with("---- END"));
            body.filter(|line| {
                let is_header = in_header || line.contains(':');
                in_header = is_header && line.ends_with('\\');
                !is_header
            })
            .map(str::trim)
            .collect()
        } else {
            let mut words = text.split_ascii_whitespace();
            let name = words.next()?;
            if ![RSA_NAME, ED25519_NAME].contains(&name) {
                return None;
            }
            words.next()?.to_owned()
        };
        Self::from_blob(&STANDARD.decode(encoded).ok()?)
    }

    fn from_blob(blob: &[u8]) -> Option<Self> {
        let (name, rest) = wire::next_ssh_string(blob)?;
        if name == ED25519_NAME.as_bytes() {
            let (key, []) = wire::next_ssh_string(rest)? else { return None };
            return Some(Self::Ed25519(key.try_into().ok()?));
        }
        if name != RSA_NAME.as_bytes() {
            return None;
        }
        let (exponent, rest) = wire::next_ssh_string(rest)?;
        let (modulus, []) = wire::next_ssh_string(rest)? else { return None };
        let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
        let is_sized = RSA_BITS.contains(&(modulus.len() * 8)) && modulus[0] & 0x80 != 0;
        (is_sized && !exponent.is_empty())
            .then(|| Self::Rsa { modulus: modulus.to_vec(), exponent: exponent.to_vec() })
    }

    pub(super) fn key_type(&self) -> KeyType {
        match self {
            Self::Rsa { .. } => KeyType::Rsa,
            Self::Ed25519(_) => KeyType::Ed25519,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Rsa { .. } => RSA_NAME,
            Self::Ed25519(_) => ED25519_NAME,
        }
    }

    /// SSH's encoding (RFC 4253, 6.6; RFC 8709, 4).
    fn blob(&self) -> Vec<u8> {
        let name = wire::ssh_string(self.name().as_bytes());
        match self {
            Self::Rsa { modulus, exponent } => {
                [name, wire::ssh_number(exponent), wire::ssh_number(modulus)].concat()
            }
            Self::Ed25519(key) => [name, wire::ssh_string(key)].concat(),
        }
    }

    /// A line of `authorized_keys`.
    pub(super) fn line(&self, comment: &str) -> String {
        format!("{} {} {comment}", self.name(), STANDARD.encode(self.blob()))
    }

    /// The fingerprint of an imported key: MD5 of an RSA key's DER, SHA-256 of an Ed25519 key's SSH form.
    pub(super) fn fingerprint(&self) -> String {
        match self {
            Self::Rsa { modulus, exponent } => {
                with_colons(&Md5::digest(wire::rsa_public_key_info(modulus, exponent)))
            }
            Self::Ed25519(_) => STANDARD.encode(digest(&SHA256, &self.blob())),
        }
    }
}

/// A private key, fresh.
pub(super) enum PrivateKey {
    Rsa { pkcs8: Vec<u8> },
    Ed25519 { seed: [u8; 32], public: [u8; 32] },
}

impl PrivateKey {
    /// Makes a key.
    ///
    /// # Errors
    /// The cryptographic library refuses.
    pub(super) fn generate(key_type: KeyType) -> Result<Self, Unspecified> {
        match key_type {
            KeyType::Rsa => {
                let pair = rsa::KeyPair::generate(KeySize::Rsa2048)?;
                let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair)?.as_ref().to_vec();
                Ok(Self::Rsa { pkcs8 })
            }
            KeyType::Ed25519 => {
                let mut seed = [0; 32];
                rand::fill(&mut seed)?;
                let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| Unspecified)?;
                let public = pair.public_key().as_ref().try_into().map_err(|_| Unspecified)?;
                Ok(Self::Ed25519 { seed, public })
            }
        }
    }

    fn pkcs1(pkcs8: &[u8]) -> &[u8] {
        wire::inner_key(pkcs8).expect("the library writes PKCS #8")
    }

    fn numbers(pkcs8: &[u8]) -> [&[u8]; 9] {
        wire::rsa_numbers(Self::pkcs1(pkcs8)).expect("the library writes PKCS #1 inside PKCS #8")
    }

    pub(super) fn public(&self) -> PublicKey {
        match self {
            Self::Rsa { pkcs8 } => {
                let [_, modulus, exponent, ..] = Self::numbers(pkcs8);
                let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
                PublicKey::Rsa { modulus: modulus.to_vec(), exponent: exponent.to_vec() }
            }
            Self::Ed25519 { public, .. } => PublicKey::Ed25519(*public),
        }
    }

    /// The fingerprint of a key made here: SHA-1 of an RSA key's PKCS #8, SHA-256 of an Ed25519 key's public half.
    pub(super) fn fingerprint(&self) -> String {
        match self {
            Self::Rsa { pkcs8 } => with_colons(digest(&SHA1_FOR_LEGACY_USE_ONLY, pkcs8).as_ref()),
            Self::Ed25519 { .. } => self.public().fingerprint(),
        }
    }

    /// The PEM file: PKCS #1 for RSA, OpenSSH's own form for Ed25519.
    pub(super) fn pem(&self) -> String {
        match self {
            Self::Rsa { pkcs8 } => armored("RSA PRIVATE KEY", Self::pkcs1(pkcs8), 64),
            Self::Ed25519 { seed, public } => armored("OPENSSH PRIVATE KEY", &self.openssh(seed, public), 70),
        }
    }

    /// OpenSSH's form without a passphrase, as its `PROTOCOL.key` describes it.
    fn openssh(&self, seed: &[u8; 32], public: &[u8; 32]) -> Vec<u8> {
        const BLOCK: usize = 8;
        let blob = self.public().blob();
        // Two equal numbers tell a reader that it decrypted rightly; without encryption any will do.
        let mut private = vec![0; 8];
        private.extend(&blob);
        private.extend(wire::ssh_string(&[&seed[..], public].concat()));
        private.extend(wire::ssh_string(b""));
        private.extend((1..=u8::MAX).take((BLOCK - private.len() % BLOCK) % BLOCK));
        [
            b"openssh-key-v1\0".to_vec(),
            wire::ssh_string(b"none"),
            wire::ssh_string(b"none"),
            wire::ssh_string(b""),
            1_u32.to_be_bytes().to_vec(),
            wire::ssh_string(&blob),
            wire::ssh_string(&private),
        ]
        .concat()
    }

    /// PuTTY's file, version 2, without a passphrase.
    /// <https://the.earth.li/~sgtatham/putty/0.83/htmldoc/AppendixC.html>
    pub(super) fn ppk(&self, comment: &str) -> String {
        let public = self.public();
        let blob = public.blob();
        let private = match self {
            Self::Rsa { pkcs8 } => {
                let [_, _, _, d, p, q, _, _, inverse] = Self::numbers(pkcs8);
                [d, p, q, inverse].map(wire::ssh_number).concat()
            }
            Self::Ed25519 { seed, .. } => wire::ssh_string(seed),
        };
        let key = digest(&SHA1_FOR_LEGACY_USE_ONLY, b"putty-private-key-file-mac-key");
        let covered = [public.name().as_bytes(), b"none", comment.as_bytes(), &blob, &private]
            .map(wire::ssh_string)
            .concat();
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_ref()), &covered);
        let lines = |bytes: &[u8]| {
            let text = wrapped(bytes, 64);
            (text.lines().count(), text)
        };
        let ((public_count, public_lines), (private_count, private_lines)) = (lines(&blob), lines(&private));
        format!(
            "PuTTY-User-Key-File-2: {}\nEncryption: none\nComment: {comment}\nPublic-Lines: {public_count}\n{public_lines}\
             Private-Lines: {private_count}\n{private_lines}Private-MAC: {}\n",
            public.name(),
            hex::encode(mac)
        )
    }
}

/// Base64 in lines.
fn wrapped(bytes: &[u8], columns: usize) -> String {
    let encoded = STANDARD.encode(bytes);
    let mut out = String::with_capacity(encoded.len() + encoded.len() / columns + 1);
    for (place, character) in encoded.chars().enumerate() {
        if place > 0 && place % columns == 0 {
            out.push('\n');
        }
        out.push(character);
    }
    out.push('\n');
    out
}

fn armored(label: &str, bytes: &[u8], columns: usize) -> String {
    format!("-----BEGIN {label}-----\n{}-----END {label}-----", wrapped(bytes, columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_keys_read_back_from_their_line() {
        for key_type in [KeyType::Rsa, KeyType::Ed25519] {
            let public = PrivateKey::generate(key_type).unwrap().public();
            assert_eq!(public.key_type(), key_type);
            assert_eq!(PublicKey::read(public.line("a comment").as_bytes()), Some(public));
        }
    }

    #[test]
    fn other_keys_are_refused() {
        let blob = |parts: &[&[u8]]| {
            STANDARD.encode(parts.iter().map(|part| wire::ssh_string(part)).collect::<Vec<_>>().concat())
        };
        for bad in [
            String::new(),
            "ssh-rsa".to_owned(),
            "ssh-rsa !!!".to_owned(),
            "ssh-dss AAAAB3NzaC1kc3M=".to_owned(),
            format!("ssh-ed25519 {}", blob(&[b"ssh-ed25519", &[1; 31]])),
            format!("ssh-rsa {}", blob(&[b"ssh-rsa", &[1, 0, 1], &[0x80; 100]])),
            format!("ssh-rsa {}", blob(&[b"ssh-rsa", &[1, 0, 1]])),
        ] {
            assert_eq!(PublicKey::read(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn rfc_4716_files_are_read() {
        let public = PrivateKey::generate(KeyType::Ed25519).unwrap().public();
        let body = wrapped(&public.blob(), 70);
        let file = format!(
            "---- BEGIN SSH2 PUBLIC KEY ----\nComment: \"on two \\\nlines\"\n{body}---- END SSH2 PUBLIC KEY ----\n"
        );
        assert_eq!(PublicKey::read(file.as_bytes()), Some(public));
    }
}
