//! Policy documents, as requests bring them and answers have them.

use std::fmt::Write as _;

use iam_policy::{Policy, PolicyKind};
use service_api::ServiceError;

/// Reads a policy document.
///
/// # Errors
/// `MalformedPolicyDocument`.
pub(crate) fn parse(text: &str, kind: PolicyKind) -> Result<Policy, ServiceError> {
    Policy::parse(text, kind).map_err(|error| ServiceError::new("MalformedPolicyDocument", error.to_string()))
}

/// A policy document as answers have it: encoded as RFC 3986 has it, all but the unreserved characters.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUserPolicy.html>
pub(crate) fn shown(policy: &Policy) -> String {
    let mut encoded = String::new();
    for byte in policy.text().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to memory does not fail");
        }
    }
    encoded
}

/// How many characters of a policy count against quotas: white space does not.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub(crate) fn chars(policy: &Policy) -> usize {
    Policy::billed_chars(policy.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_shown_encoded() {
        let text = r#"{"Id": "a-b_c.d~é", "Statement": {"Effect":"Deny","Action":"*","Resource":"*"}}"#;
        let encoded = "%7B%22Id%22%3A%20%22a-b_c.d~%C3%A9%22%2C%20%22Statement%22%3A%20%7B%22Effect%22%3A%22Deny%22%2C%22Action%22%3A%22%2A%22%2C%22Resource%22%3A%22%2A%22%7D%7D";
        assert_eq!(shown(&Policy::parse_stored(text).unwrap()), encoded);
    }
}
