//! What somebody brings from an identity provider.

use aws_types::Timestamp;
use saml_assertions::{Assertion, Expected};

/// A SAML response: whatever it is, nothing of it is believed where no key is.
pub fn saml_response(bytes: &[u8]) {
    let Ok(xml) = std::str::from_utf8(bytes) else { return };
    let expected = Expected {
        issuer: "https://idp.example.com/saml",
        certificates: &[],
        audiences: &["https://signin.aws.amazon.com/saml"],
        is_recipient: |_| true,
        now: Timestamp::from_unix_secs(1_800_000_000),
    };
    match Assertion::of_response(xml, &expected) {
        Ok(told) => panic!("{told:?} is believed"),
        Err(refusal) => assert!(!refusal.to_string().is_empty(), "a refusal says why"),
    }
}
