//! Which requests a tag policy refuses.
//!
//! Owns where the requests of each service have tags, and how each service tells of a refusal. Refuses to know the policy
//! and the resources: both are passed in.
//!
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_tag-policies-enforcement.html>

use aws_model::{Fields, Value};
use management_policies::TagRules;
use service_api::{ServiceError, tag_specifications, tags_in, tags_of_request};

/// Tags that a request would set on a resource, or on all that it makes of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedTags {
    /// The resource's type, such as `ec2:vpc`.
    pub resource_type: String,
    /// The keys and values.
    pub tags: Vec<(String, String)>,
}

/// The requests outside EC2 whose tags are of one type of resources: model, operation, resource type. Users, roles and the
/// resource policies of organizations have tags that no policy is enforced for.
const TAGGING: &[(&str, &str, &str)] = &[
    ("backup", "CreateBackupVault", "backup:backup-vault"),
    ("backup", "CreateBackupPlan", "backup:backup-plan"),
    ("cloudtrail", "AddTags", "cloudtrail:trail"),
    ("cloudtrail", "CreateTrail", "cloudtrail:trail"),
    ("iam", "CreateInstanceProfile", "iam:instance-profile"),
    ("iam", "CreateOpenIDConnectProvider", "iam:oidc-provider"),
    ("iam", "CreatePolicy", "iam:policy"),
    ("iam", "CreateSAMLProvider", "iam:saml-provider"),
    ("iam", "CreateVirtualMFADevice", "iam:mfa"),
    ("iam", "TagInstanceProfile", "iam:instance-profile"),
    ("iam", "TagMFADevice", "iam:mfa"),
    ("iam", "TagOpenIDConnectProvider", "iam:oidc-provider"),
    ("iam", "TagPolicy", "iam:policy"),
    ("iam", "TagSAMLProvider", "iam:saml-provider"),
    ("iam", "TagServerCertificate", "iam:server-certificate"),
    ("iam", "UploadServerCertificate", "iam:server-certificate"),
    ("organizations", "CreateAccount", "organizations:account"),
    ("organizations", "CreateOrganizationalUnit", "organizations:ou"),
    ("organizations", "CreatePolicy", "organizations:policy"),
    ("organizations", "InviteAccountToOrganization", "organizations:account"),
    ("ram", "CreateResourceShare", "ram:resource-share"),
    ("ram", "TagResource", "ram:resource-share"),
    ("ssm", "PutParameter", "ssm:parameter"),
    ("ssm", "AddTagsToResource", "ssm:parameter"),
];

/// The error that a service answers with to tags that a policy does not allow.
const ERRORS: &[(&str, &str)] = &[
    ("ec2", "TagPolicyViolation"),
    ("iam", "AccessDenied"),
    ("organizations", "ConstraintViolationException"),
    ("ram", "TagPolicyViolationException"),
];
/// For services that have none.
const OTHER_ERROR: &str = "AccessDeniedException";
/// Why, as Organizations has it.
const REASON: &str = "TAG_POLICY_VIOLATION";

/// What the account's tag policy answers to a request; `None` when it may go on to its service. The rules are asked for only
/// when the request has tags. `type_of` tells the type, such as `vpc`, of a resource of EC2 by its id.
pub fn refusal(
    rules: impl FnOnce() -> Result<TagRules, ServiceError>,
    model: &str,
    operation: &str,
    input: &Value,
    type_of: impl Fn(&str) -> Option<&'static str>,
) -> Option<ServiceError> {
    let requested = requested_tags(model, operation, input, type_of);
    if requested.iter().all(|requested| requested.tags.is_empty()) {
        return None;
    }
    let rules = match rules() {
        Ok(rules) => rules,
        // What nobody can tell does not allow anything.
        Err(fault) => return Some(fault),
    };
    let violation = requested.iter().find_map(|requested| {
        let tags = requested.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        rules.violation(&requested.resource_type, tags)
    })?;
    let code = ERRORS.iter().find(|(held, _)| *held == model).map_or(OTHER_ERROR, |(_, code)| code);
    let mut error = ServiceError::new(code, violation.to_string());
    if model == "organizations" {
        error.fields.push("Reason", Value::String(REASON.to_owned()));
    }
    Some(error)
}

/// The tags that a request would set.
pub fn requested_tags(
    model: &str,
    operation: &str,
    input: &Value,
    type_of: impl Fn(&str) -> Option<&'static str>,
) -> Vec<RequestedTags> {
    let Value::Structure(fields) = input else { return Vec::new() };
    let tags = || tags_of_request(model, operation, input);
    let member = |name: &str| fields.get(name).and_then(text).unwrap_or_default();
    let one = |resource_type: String| vec![RequestedTags { resource_type, tags: tags() }];
    match (model, operation) {
        ("ec2", "CreateTags") => {
            let ids = list(fields, "Resources").iter().filter_map(text);
            ids.filter_map(type_of)
                .map(|held| RequestedTags { resource_type: format!("ec2:{held}"), tags: tags() })
                .collect()
        }
        ("ec2", _) => tag_specifications(input)
            .map(|(held, tags)| RequestedTags { resource_type: format!("ec2:{held}"), tags: tags_in(tags) })
            .collect(),
        // The plan or the vault is told by the ARN.
        ("backup", "TagResource") => {
            one(format!("backup:{}", member("ResourceArn").split(':').nth(5).unwrap_or_default()))
        }
        // What it is is told by the id.
        ("organizations", "TagResource") => match member("ResourceId").split_once('-') {
            None => one("organizations:account".to_owned()),
            Some(("ou", _)) => one("organizations:ou".to_owned()),
            Some(("p", _)) => one("organizations:policy".to_owned()),
            Some(("r", _)) => one("organizations:root".to_owned()),
            Some(_) => Vec::new(),
        },
        _ => TAGGING
            .iter()
            .filter(|(held, name, _)| *held == model && *name == operation)
            .flat_map(|(_, _, resource_type)| one((*resource_type).to_owned()))
            .collect(),
    }
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
