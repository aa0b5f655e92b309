//! Session tokens.
//!
//! A token is its expiry and a keyed hash of it, of the interface and of the instance, so that none is stored and one is
//! worth nothing to any other interface. Unless the key is kept, it lives as long as the process; a client whose token a
//! restart made invalid gets a 401 and asks for another, as it must when one expires.

use std::net::IpAddr;

use aws_types::{InstanceId, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The lifetimes that can be asked for, in seconds.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>
const LIFETIME_SECS: std::ops::RangeInclusive<u32> = 1..=21_600;

/// The time until expiry at the head of a token, in bytes.
const EXPIRY_LEN: usize = 8;

/// Mints and checks tokens.
pub(super) struct Tokens {
    key: [u8; 32],
}

impl Tokens {
    /// With a fresh key.
    pub(super) fn new() -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .expect("Linux has had getrandom(2) since 3.17 and it does not fail after boot");
        Self::with_key(key)
    }

    /// With a key that was kept, so that tokens outlive the process.
    pub(super) fn with_key(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Reads the lifetime that a client asks for. `None` when it is not a number of seconds in the range.
    pub(super) fn lifetime_secs(header: &str) -> Option<u32> {
        let text = header.trim();
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|secs| is_plain && LIFETIME_SECS.contains(secs))
    }

    /// A token for an interface of an instance: 56 characters, as AWS's have.
    pub(super) fn mint(
        &self,
        peer: IpAddr,
        instance: InstanceId,
        lifetime_secs: u32,
        now: Timestamp,
    ) -> String {
        let expiry = now.plus_millis(i64::from(lifetime_secs) * 1000).unix_millis().to_be_bytes();
        let seal = self.seal(expiry, peer, instance).finalize().into_bytes();
        URL_SAFE.encode([expiry.as_slice(), &seal].concat())
    }

    /// How many seconds a token is still valid for this interface; `None` when it is not.
    pub(super) fn check(
        &self,
        token: &str,
        peer: IpAddr,
        instance: InstanceId,
        now: Timestamp,
    ) -> Option<u32> {
        let bytes = URL_SAFE.decode(token).ok()?;
        let (expiry, seal) = bytes.split_first_chunk::<EXPIRY_LEN>()?;
        self.seal(*expiry, peer, instance).verify_slice(seal).ok()?;
        let left_millis = i64::from_be_bytes(*expiry).saturating_sub(now.unix_millis());
        if left_millis <= 0 {
            return None;
        }
        u32::try_from(left_millis.saturating_add(999) / 1000).ok()
    }

    fn seal(&self, expiry: [u8; EXPIRY_LEN], peer: IpAddr, instance: InstanceId) -> Hmac<Sha256> {
        let mut seal = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        seal.update(&expiry);
        seal.update(format!("{peer} {instance}").as_bytes());
        seal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_secs(1_800_000_000);

    #[test]
    fn a_token_is_for_one_interface_one_instance_and_a_time() {
        let tokens = Tokens::new();
        let (peer, other) = (IpAddr::from([100, 64, 0, 1]), IpAddr::from([100, 64, 0, 2]));
        let (instance, another) =
            ("i-00000000000000001".parse().unwrap(), "i-00000000000000002".parse().unwrap());
        let token = tokens.mint(peer, instance, 60, NOW);
        assert_eq!(token.len(), 56);
        let check = |peer, instance, after_millis, expected| {
            assert_eq!(tokens.check(&token, peer, instance, NOW.plus_millis(after_millis)), expected);
        };
        check(peer, instance, 0, Some(60));
        check(peer, instance, 59_001, Some(1));
        check(peer, instance, 60_000, None);
        check(other, instance, 0, None);
        check(peer, another, 0, None);
        assert_eq!(Tokens::new().check(&token, peer, instance, NOW), None, "another process has another key");
        let kept = Tokens::with_key(tokens.key);
        assert_eq!(kept.check(&token, peer, instance, NOW), Some(60), "unless it was kept");
        for position in 0..token.len() - 2 {
            let mut forged = token.clone().into_bytes();
            forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(tokens.check(&forged, peer, instance, NOW), None, "{forged}");
        }
        for bad in ["", "x", "AAAA", "=", "not base64 at all"] {
            assert_eq!(tokens.check(bad, peer, instance, NOW), None, "{bad}");
        }
    }

    #[test]
    fn lifetimes() {
        let check = |header: &str, expected: Option<u32>| {
            assert_eq!(Tokens::lifetime_secs(header), expected, "{header}");
        };
        check("1", Some(1));
        check("21600", Some(21_600));
        check(" 60 ", Some(60));
        for bad in ["", "0", "-1", "+1", "21601", "1.5", "abc", "99999999999", "60s"] {
            check(bad, None);
        }
    }
}
