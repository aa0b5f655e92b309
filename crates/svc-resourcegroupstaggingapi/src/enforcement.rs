//! Which requests a tag policy refuses.
//!
//! Owns where the requests of each service have tags, and how each service tells of a refusal. Refuses to know the policy
//! and the resources: both are passed in.
//!
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_tag-policies-enforcement.html>

use aws_model::{Fields, Value};
use management_policies::TagRules;
use service_api::ServiceError;

/// Tags that a request would set on a resource, or on all that it makes of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedTags {
    /// The resource's type, such as `ec2:vpc`.
    pub resource_type: String,
    /// The keys and values.
    pub tags: Vec<(String, String)>,
}

/// The requests outside EC2 that have tags: model, operation, resource type, the way to the tags.
const TAGGING: &[(&str, &str, &str, &str)] = &[
    ("backup", "CreateBackupVault", "backup:backup-vault", "BackupVaultTags"),
    ("backup", "CreateBackupPlan", "backup:backup-plan", "BackupPlanTags"),
    ("ram", "CreateResourceShare", "ram:resource-share", "tags"),
    ("ram", "TagResource", "ram:resource-share", "tags"),
    ("ssm", "PutParameter", "ssm:parameter", "Tags"),
    ("ssm", "AddTagsToResource", "ssm:parameter", "Tags"),
];

/// The error that a service answers with to tags that a policy does not allow.
const ERRORS: &[(&str, &str)] = &[("ec2", "TagPolicyViolation"), ("ram", "TagPolicyViolationException")];
/// For services that have none.
const OTHER_ERROR: &str = "AccessDeniedException";

/// What the account's tag policy answers to a request; `None` when it may go on to its service. The rules are asked for only
/// when the request has tags. `type_of` tells the type, such as `vpc`, of a resource of EC2 by its id.
pub fn refusal(
    rules: impl FnOnce() -> TagRules,
    model: &str,
    operation: &str,
    input: &Value,
    type_of: impl Fn(&str) -> Option<&'static str>,
) -> Option<ServiceError> {
    let requested = requested_tags(model, operation, input, type_of);
    if requested.iter().all(|requested| requested.tags.is_empty()) {
        return None;
    }
    let rules = rules();
    let violation = requested.iter().find_map(|requested| {
        let tags = requested.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        rules.violation(&requested.resource_type, tags)
    })?;
    let code = ERRORS.iter().find(|(held, _)| *held == model).map_or(OTHER_ERROR, |(_, code)| code);
    Some(ServiceError::new(code, violation.to_string()))
}

/// The tags that a request would set.
pub fn requested_tags(
    model: &str,
    operation: &str,
    input: &Value,
    type_of: impl Fn(&str) -> Option<&'static str>,
) -> Vec<RequestedTags> {
    let Value::Structure(input) = input else { return Vec::new() };
    match (model, operation) {
        ("ec2", "CreateTags") => {
            let tags = input.get("Tags").map(tags).unwrap_or_default();
            let ids = list(input, "Resources").iter().filter_map(text);
            ids.filter_map(type_of)
                .map(|held| RequestedTags { resource_type: format!("ec2:{held}"), tags: tags.clone() })
                .collect()
        }
        ("ec2", _) => ["TagSpecifications", "TagSpecification"]
            .iter()
            .flat_map(|member| list(input, member))
            .filter_map(of_specification)
            .collect(),
        // The plan or the vault is told by the ARN.
        ("backup", "TagResource") => {
            let arn = input.get("ResourceArn").and_then(text).unwrap_or_default();
            let kind = arn.split(':').nth(5).unwrap_or_default();
            let tags = input.get("Tags").map(tags).unwrap_or_default();
            vec![RequestedTags { resource_type: format!("backup:{kind}"), tags }]
        }
        _ => TAGGING
            .iter()
            .filter(|(held, name, ..)| *held == model && *name == operation)
            .map(|(_, _, resource_type, member)| RequestedTags {
                resource_type: (*resource_type).to_owned(),
                tags: input.get(member).map(tags).unwrap_or_default(),
            })
            .collect(),
    }
}

fn of_specification(value: &Value) -> Option<RequestedTags> {
    let Value::Structure(specification) = value else { return None };
    Some(RequestedTags {
        resource_type: format!("ec2:{}", specification.get("ResourceType").and_then(text)?),
        tags: specification.get("Tags").map(tags).unwrap_or_default(),
    })
}

fn list<'a>(fields: &'a Fields, member: &str) -> &'a [Value] {
    match fields.get(member) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Tags come as a map, or as a list of keys and values.
fn tags(value: &Value) -> Vec<(String, String)> {
    let pair = |key: Option<&Value>, value: Option<&Value>| {
        let value = value.and_then(text).unwrap_or_default();
        Some((key.and_then(text)?.to_owned(), value.to_owned()))
    };
    match value {
        Value::Map(pairs) => {
            pairs.iter().filter_map(|(key, value)| Some((key.clone(), text(value)?.to_owned()))).collect()
        }
        Value::List(items) => items
            .iter()
            .filter_map(|item| match item {
                Value::Structure(tag) => pair(
                    tag.get("Key").or_else(|| tag.get("key")),
                    tag.get("Value").or_else(|| tag.get("value")),
                ),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}
