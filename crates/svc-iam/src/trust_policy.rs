//! Trust policies: who may assume a role.
//!
//! Owns what IAM checks when one is written beside its language: that the principals of this cloud that it names are there,
//! and that it knows the services; how accounts are kept; and what becomes of users and roles that it names when these go.
//! Refuses to know who is let in (`svc-sts` and `iam-policy` do).
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use std::collections::BTreeSet;

use aws_types::{AccountId, Arn};
use iam_policy::{Policy, PolicyKind};
use identities::{Role, principal_is_there};
use serde::de::IgnoredAny;
use serde_json::Value;
use service_api::{RequestContext, ServiceError};
use store::{Read, Transaction};

use crate::{document, quota, service_principal};

/// Reads the document of a trust policy.
///
/// # Errors
/// `MalformedPolicyDocument`, `LimitExceeded`.
pub(crate) fn read(reader: &impl Read, context: &RequestContext, text: &str) -> Result<Policy, ServiceError> {
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return Err(ServiceError::new("MalformedPolicyDocument", "This policy contains invalid Json"));
    }
    let policy = document::parse(text, PolicyKind::Trust)?;
    quota::TRUST_POLICY_CHARS.check(document::chars(&policy))?;
    let invalid = |kind: &str, principal: &str| {
        let message = format!("Invalid principal in policy: \"{kind}\":\"{principal}\"");
        Err(ServiceError::new("MalformedPolicyDocument", message))
    };
    for principal in principals(text, "AWS") {
        if !principal_is_there(reader, context.partition, &principal) {
            return invalid("AWS", &principal);
        }
    }
    for service in principals(text, "Service") {
        if service != "*" && !service_principal::is_known(&service) {
            return invalid("SERVICE", &service);
        }
    }
    Ok(with_roots(policy, context))
}

/// A policy in which accounts that are named by their numbers are named by the ARNs of their roots, as IAM keeps them.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-accounts>
fn with_roots(policy: Policy, context: &RequestContext) -> Policy {
    let accounts: BTreeSet<AccountId> =
        principals(policy.text(), "AWS").iter().filter_map(|principal| principal.parse().ok()).collect();
    accounts.into_iter().fold(policy, |policy, account| {
        let root = Arn::global(context.partition, "iam", account, "root");
        let text = replaced(policy.text(), &account.to_string(), root.as_str());
        Policy::parse_stored(&text).expect("it is the same policy but for a name")
    })
}

/// What a document names under `Principal` and this kind.
fn principals(text: &str, kind: &str) -> Vec<String> {
    let mut document: Value = serde_json::from_str(text).unwrap_or_default();
    let mut found = Vec::new();
    each_principal(&mut document, kind, &mut |principal| found.push(principal.clone()));
    found
}

fn each_principal(document: &mut Value, kind: &str, visit: &mut impl FnMut(&mut String)) {
    for statement in one_or_many(document.get_mut("Statement")) {
        for element in ["Principal", "NotPrincipal"] {
            let named = statement.get_mut(element).and_then(|element| element.get_mut(kind));
            for principal in one_or_many(named) {
                if let Value::String(principal) = principal {
                    visit(principal);
                }
            }
        }
    }
}

fn one_or_many(value: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    match value {
        Some(Value::Array(values)) => values.as_mut_slice(),
        Some(one) => std::slice::from_mut(one),
        None => &mut [],
    }
    .iter_mut()
}

/// Writes another principal in the place of one into all trust policies of the cloud: the new ARN of a user that was renamed,
/// or the id of what was deleted, so that nobody takes its place who is given its name.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
pub(crate) fn replace(transaction: &mut Transaction, from: &str, to: &str) {
    let names = |role: &Role| {
        role.trust_policy.statements().iter().any(|held| held.principal_arns().any(|arn| arn == from))
    };
    let found = transaction.scan_all::<Role>().filter(|(_, _, role)| names(role));
    let found: Vec<_> =
        found.map(|(scope, key, role)| (scope.clone(), key.to_owned(), (*role).clone())).collect();
    for (scope, key, mut role) in found {
        let text = replaced(role.trust_policy.text(), from, to);
        role.trust_policy = Policy::parse_stored(&text).expect("it is the same policy but for a name");
        transaction.put(&scope, &key, role);
    }
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    let (quoted, count) =
        (format!("\"{from}\""), principals(text, "AWS").iter().filter(|held| *held == from).count());
    // Where the name stands nowhere else, the text stays as its owner wrote it.
    if text.matches(&quoted).count() == count {
        return text.replace(&quoted, &format!("\"{to}\""));
    }
    let mut document: Value = serde_json::from_str(text).unwrap_or_default();
    each_principal(&mut document, "AWS", &mut |principal| {
        if principal == from {
            to.clone_into(principal);
        }
    });
    document.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_alone_is_replaced() {
        let check = |text: &str, expect: &str| assert_eq!(replaced(text, "a:b", "ID"), expect);
        check(
            r#"{"Statement": {"Principal": {"AWS": ["x", "a:b"]}}}"#,
            r#"{"Statement": {"Principal": {"AWS": ["x", "ID"]}}}"#,
        );
        check(
            r#"{"Statement": [{"NotPrincipal": {"AWS": "a:b"}, "Condition": {"k": "a:b"}}]}"#,
            r#"{"Statement":[{"Condition":{"k":"a:b"},"NotPrincipal":{"AWS":"ID"}}]}"#,
        );
        check(
            r#"{"Statement": {"Principal": {"AWS": "a\u003ab"}}}"#,
            r#"{"Statement":{"Principal":{"AWS":"ID"}}}"#,
        );
    }
}
