//! Permissions that an operation needs beside its own actions, because its service calls others for whoever asks.
//!
//! Owns how they are written. Refuses to know which operations need them: their services say.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>

use std::borrow::Cow;

use aws_model::Value;
use aws_types::Arn;

use crate::{ConditionKeys, NeededPermission, RequestContext, TargetResource};

/// What passes a role to a service.
const PASS_ROLE: &str = "iam:PassRole";

fn needed(action: &'static str, arn: String, keys: ConditionKeys) -> NeededPermission {
    let resources = vec![TargetResource { arn, ..TargetResource::default() }];
    NeededPermission { action: Cow::Borrowed(action), resources, keys }
}

/// An action on all resources.
pub fn on_all(action: &'static str) -> NeededPermission {
    NeededPermission {
        action: Cow::Borrowed(action),
        resources: vec![TargetResource::all()],
        keys: Vec::new(),
    }
}

/// An action on the resource with this ARN.
pub fn on(action: &'static str, arn: impl Into<String>) -> NeededPermission {
    needed(action, arn.into(), Vec::new())
}

/// Whoever gives a service a role passes it. What is no ARN is no role, and asked for as any.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>
pub fn passed_role(role_arn: &str, service: &str) -> NeededPermission {
    let arn = if role_arn.parse::<Arn>().is_ok() { role_arn } else { "*" };
    needed(PASS_ROLE, arn.to_owned(), vec![("iam:PassedToService".to_owned(), vec![service.to_owned()])])
}

/// Whoever has a service make its service-linked role could make it.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-service-linked-role.html>
pub fn linked_role(context: &RequestContext, service: &str, role: &str) -> NeededPermission {
    needed(
        "iam:CreateServiceLinkedRole",
        linked_role_arn(context, service, role),
        vec![("iam:AWSServiceName".to_owned(), vec![service.to_owned()])],
    )
}

/// The ARN of a service-linked role of the caller's account.
pub fn linked_role_arn(context: &RequestContext, service: &str, role: &str) -> String {
    let path = format!("role/aws-service-role/{service}/{role}");
    Arn::global(context.partition, "iam", context.account(), &path).to_string()
}

/// Every text that stands at a path of members of a request; lists between them have no name.
pub fn texts_at<'a>(input: &'a Value, path: &[&str]) -> Vec<&'a str> {
    let mut found = Vec::new();
    authorization_table::texts_at(input, path, &mut |text| found.push(text));
    found
}

/// Whether a request says yes to something.
pub fn is_true(input: &Value, member: &str) -> bool {
    matches!(input, Value::Structure(fields) if fields.get(member) == Some(&Value::Boolean(true)))
}
