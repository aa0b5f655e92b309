//! What DecodeAuthorizationMessage answers: a decision in AWS's form.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html>

use iam_policy::{Context, Decision, Reason};
use serde_json::{Value, json};
use service_api::Principal;

/// The whole decision, before it is sealed.
pub(crate) fn decision(
    principal: &Principal,
    action: &str,
    resource: &str,
    keys: &Context,
    decision: &Decision,
) -> String {
    let matched: Vec<Value> = decision
        .statement
        .iter()
        .map(|statement| {
            json!({
                "statementId": statement.sid.as_deref().unwrap_or(""),
                "effect": "DENY",
                "sourcePolicyId": statement.policy,
            })
        })
        .collect();
    let conditions: Vec<Value> = keys
        .iter()
        .map(|(key, values)| {
            let values: Vec<Value> = values.iter().map(|value| json!({ "value": value })).collect();
            json!({ "key": key, "values": { "items": values } })
        })
        .collect();
    json!({
        "allowed": false,
        "explicitDeny": matches!(decision.reason, Reason::ExplicitDeny(_)),
        "matchedStatements": { "items": matched },
        "failures": { "items": [] },
        "context": {
            "principal": { "id": principal.user_id, "arn": principal.arn.as_str() },
            "action": action,
            "resource": resource,
            "conditions": { "items": conditions },
        },
    })
    .to_string()
}
