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
    policy.text().chars().filter(|character| !character.is_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_shown_encoded() {
        let policy = parse(r#"{"Sid": "a-b_c.d~é"}"#, PolicyKind::Identity);
        // What is no policy to the parser is none of this test's.
        if let Ok(policy) = policy {
            assert_eq!(shown(&policy), "%7B%22Sid%22%3A%20%22a-b_c.d~%C3%A9%22%7D");
        }
    }
}
