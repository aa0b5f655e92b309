//! The policies of endpoints.
//!
//! Owns which text is a policy, and what an endpoint has without one. Refuses to evaluate them.
//! <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html>

use service_api::ServiceError;

use super::VpcEndpointKind;

/// How many characters a policy can have, white space included.
const MAX_CHARACTERS: usize = 20_480;

const GATEWAY_DEFAULT: &str = r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

const INTERFACE_DEFAULT: &str = "{\n  \"Statement\": [\n    {\n      \"Action\": \"*\", \n      \"Effect\": \"Allow\", \n      \
                                 \"Principal\": \"*\", \n      \"Resource\": \"*\"\n    }\n  ]\n}";

/// AWS's policy for endpoints without one of their own: everything is allowed.
pub(super) fn default_of(kind: VpcEndpointKind) -> Option<String> {
    match kind {
        VpcEndpointKind::Gateway => Some(GATEWAY_DEFAULT.to_owned()),
        VpcEndpointKind::Interface => Some(INTERFACE_DEFAULT.to_owned()),
        VpcEndpointKind::GatewayLoadBalancer => None,
    }
}

/// Checks that a text is an object with statements, each of which has an effect.
///
/// # Errors
/// `InvalidPolicyDocument`.
pub(super) fn check(text: &str) -> Result<(), ServiceError> {
    let invalid = || {
        let message = "The specified policy document is not a valid JSON policy document.";
        ServiceError::new("InvalidPolicyDocument", message)
    };
    if text.chars().count() > MAX_CHARACTERS {
        return Err(invalid());
    }
    let policy: serde_json::Value = serde_json::from_str(text).map_err(|_| invalid())?;
    let has_effect = |statement: &serde_json::Value| {
        matches!(statement.get("Effect").and_then(serde_json::Value::as_str), Some("Allow" | "Deny"))
    };
    let is_policy = match policy.get("Statement") {
        Some(serde_json::Value::Array(statements)) => {
            !statements.is_empty() && statements.iter().all(has_effect)
        }
        Some(statement) => has_effect(statement),
        None => false,
    };
    if is_policy { Ok(()) } else { Err(invalid()) }
}
