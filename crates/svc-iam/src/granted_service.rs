//! Which services policies let their holders use, and which policies do: ListPoliciesGrantingServiceAccess.
//!
//! Owns what of a policy's text names services. Conditions and resources do not count, as they do not with AWS.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPoliciesGrantingServiceAccess.html>

use aws_api::iam::{
    ListPoliciesGrantingServiceAccessEntry, ListPoliciesGrantingServiceAccessRequest,
    ListPoliciesGrantingServiceAccessResponse, PolicyGrantingServiceAccess, operation as op,
};
use iam_policy::{Attached, stands_for_action};
use serde_json::Value;
use service_api::{Operations, RequestContext, ServiceError};

use crate::State;
use crate::entity::Entity;
use crate::page;

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table.with::<op::ListPoliciesGrantingServiceAccess>(list)
}

/// What the actions of a service begin with.
pub fn namespace(service: &'static aws_model::Service) -> &'static str {
    match service.signing_name {
        // CloudWatch signs with another name.
        "monitoring" => "cloudwatch",
        other => other,
    }
}

/// The namespaces of the services of this cloud, sorted.
pub(crate) fn namespaces() -> Vec<&'static str> {
    let mut all: Vec<_> = aws_model::services().iter().map(namespace).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether a policy allows any action of a service.
pub(crate) fn grants(text: &str, namespace: &str) -> bool {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let many = |value: &Value| match value {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    many(&document["Statement"]).iter().filter(|statement| statement["Effect"] == "Allow").any(|statement| {
        let texts = |name: &str| {
            let texts = many(&statement[name]);
            texts.iter().filter_map(Value::as_str).map(str::to_ascii_lowercase).collect::<Vec<_>>()
        };
        if statement.get("NotAction").is_some() {
            // All but these: a service is out where it is named as a whole.
            return !texts("NotAction")
                .iter()
                .any(|action| *action == "*" || *action == format!("{namespace}:*"));
        }
        texts("Action").iter().any(|action| {
            let service = action.split_once(':').map_or(action.as_str(), |(service, _)| service);
            stands_for_action(service, namespace)
        })
    })
}

fn shown(attached: &Attached<'_>) -> PolicyGrantingServiceAccess {
    if attached.name.starts_with("arn:") {
        return PolicyGrantingServiceAccess {
            policy_name: attached.name.rsplit('/').next().unwrap_or_default().to_owned(),
            policy_type: "MANAGED".to_owned(),
            policy_arn: Some(attached.name.to_owned()),
            entity_type: None,
            entity_name: None,
        };
    }
    let resource = attached.owner.splitn(6, ':').nth(5).unwrap_or_default();
    let (kind, path) = resource.split_once('/').unwrap_or_default();
    PolicyGrantingServiceAccess {
        policy_name: attached.name.to_owned(),
        policy_type: "INLINE".to_owned(),
        policy_arn: None,
        entity_type: Some(kind.to_ascii_uppercase()),
        entity_name: path.rsplit('/').next().map(str::to_owned),
    }
}

fn list(
    state: &State,
    context: &RequestContext,
    request: ListPoliciesGrantingServiceAccessRequest,
) -> Result<ListPoliciesGrantingServiceAccessResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let held = Entity::find(&snapshot, context, &request.arn)?.policies(&snapshot, context);
    let policies = held.identity();
    let entry = |namespace: &String| {
        let mut granting: Vec<PolicyGrantingServiceAccess> = Vec::new();
        for one in &policies {
            if grants(one.policy.text(), &namespace.to_ascii_lowercase()) {
                let one = shown(one);
                // A managed policy that a user and its group have is one.
                if !granting.contains(&one) {
                    granting.push(one);
                }
            }
        }
        ListPoliciesGrantingServiceAccessEntry {
            service_namespace: Some(namespace.clone()),
            policies: Some(granting),
        }
    };
    let entries = request.service_namespaces.iter().enumerate();
    let entries = entries.map(|(index, namespace)| (format!("{index:09}"), entry(namespace)));
    let page = page::take(entries, request.marker.as_deref(), None)?;
    Ok(ListPoliciesGrantingServiceAccessResponse {
        is_truncated: page.is_truncated(),
        policies_granting_service_access: page.items,
        marker: page.marker,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(element: &str, expect: &[&str]) {
        let text = format!(r#"{{"Statement":{{"Effect":"Allow",{element},"Resource":"*"}}}}"#);
        let granted: Vec<_> = ["ec2", "ecs", "s3"].into_iter().filter(|name| grants(&text, name)).collect();
        assert_eq!(granted, expect, "{element}");
        assert!(!grants(&text.replace("Allow", "Deny"), "ec2"));
    }

    #[test]
    fn actions_name_services() {
        check(r#""Action":"*""#, &["ec2", "ecs", "s3"]);
        check(r#""Action":["EC2:Describe*","x:y"]"#, &["ec2"]);
        check(r#""Action":"e?s:*""#, &["ecs"]);
        check(r#""Action":"e*:List*""#, &["ec2", "ecs"]);
        check(r#""NotAction":["ec2:*","s3:Get*"]"#, &["ecs", "s3"]);
        check(r#""NotAction":"*""#, &[]);
        assert!(
            namespaces().windows(2).all(|pair| pair[0] < pair[1]) && namespaces().contains(&"cloudwatch")
        );
    }
}
