//! What somebody brings from an identity provider.

use std::sync::LazyLock;

use aws_types::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use saml_assertions::{Assertion, Expected};

/// Who signed the seeds.
const CERTIFICATE: &str = include_str!("../../crates/saml-assertions/tests/fixtures/rsa.certificate.txt");

static CERTIFICATES: LazyLock<[Vec<u8>; 1]> =
    LazyLock::new(|| [STANDARD.decode(CERTIFICATE.trim()).expect("a certificate in base64")]);

/// A SAML response: whatever it is, nothing of it is believed but what was signed.
pub fn saml_response(bytes: &[u8]) {
    let Ok(xml) = std::str::from_utf8(bytes) else { return };
    let expected = Expected {
        issuer: "https://idp.example.com/saml",
        certificates: &*CERTIFICATES,
        audiences: &["https://signin.aws.amazon.com/saml"],
        is_recipient: |_| true,
        now: Timestamp::from_unix_secs(1_800_000_000),
    };
    match Assertion::of_response(xml, &expected) {
        Ok(told) => assert_eq!((told.subject.name.as_str(), told.attribute_names().count()), ("ann", 8)),
        Err(refusal) => assert!(!refusal.to_string().is_empty(), "a refusal says why"),
    }
}
