//! Trust policies: who may assume a role.
//!
//! Owns what IAM checks when one is written beside its language: that the principals of this cloud that it names are there.
//! Refuses to know who is let in by it (`svc-sts` and `iam-policy` do).
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use aws_types::{AccountId, Arn};
use iam_policy::{Policy, PolicyKind};
use identities::{Account, Role, User, name_key};
use serde_json::Value;
use service_api::{RequestContext, ServiceError};
use store::{Read, Scope};

use crate::{document, quota};

/// Reads the document of a trust policy.
///
/// # Errors
/// `MalformedPolicyDocument`, `LimitExceeded`.
pub(crate) fn read(reader: &impl Read, context: &RequestContext, text: &str) -> Result<Policy, ServiceError> {
    let policy = document::parse(text, PolicyKind::Trust)?;
    quota::TRUST_POLICY_CHARS.check(document::chars(&policy))?;
    for principal in principals(text) {
        if !is_there(reader, context, &principal) {
            return Err(ServiceError::new(
                "MalformedPolicyDocument",
                format!("Invalid principal in policy: \"AWS\":\"{principal}\""),
            ));
        }
    }
    Ok(policy)
}

/// What a document names under `Principal` and `AWS`.
fn principals(text: &str) -> Vec<String> {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let one_or_many = |value: &Value| match value {
        Value::Array(values) => values.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    let statements = one_or_many(&document["Statement"]);
    let named = ["Principal", "NotPrincipal"].into_iter().flat_map(|element| {
        let of = |statement: &Value| one_or_many(&statement[element]["AWS"]);
        statements.iter().flat_map(of).collect::<Vec<_>>()
    });
    named.filter_map(|principal| principal.as_str().map(str::to_owned)).collect()
}

/// Whether a principal can be one of this cloud. Sessions and federated users are not looked for: they come and go. Neither
/// are ids, which stand for what may be deleted.
fn is_there(reader: &impl Read, context: &RequestContext, principal: &str) -> bool {
    let account_is_there = |account: AccountId| {
        let scope = Scope::global(context.partition, account);
        reader.contains::<Account>(&scope, &account.to_string())
    };
    if principal == "*" || is_unique_id(principal) {
        return true;
    }
    if let Ok(account) = principal.parse::<AccountId>() {
        return account_is_there(account);
    }
    let Ok(arn) = principal.parse::<Arn>() else { return false };
    let mut parts = principal.split(':');
    let service = parts.nth(2);
    let account = parts.nth(1).and_then(|account| account.parse::<AccountId>().ok());
    let (Some(service), Some(account)) = (service, account) else { return false };
    if !account_is_there(account) {
        return false;
    }
    let scope = Scope::global(context.partition, account);
    let name = arn.resource().rsplit('/').next().map(name_key).unwrap_or_default();
    match (service, arn.resource().split('/').next()) {
        ("iam", Some("root")) => arn.resource() == "root",
        ("iam", Some("user")) => reader.get::<User>(&scope, &name).is_some_and(|user| user.arn == arn),
        ("iam", Some("role")) => reader.get::<Role>(&scope, &name).is_some_and(|role| role.arn == arn),
        ("sts", Some("assumed-role" | "federated-user")) => true,
        _ => false,
    }
}

fn is_unique_id(principal: &str) -> bool {
    let is_one = ["AIDA", "AROA"].iter().any(|prefix| principal.starts_with(prefix));
    is_one && principal.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
