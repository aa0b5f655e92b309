//! What requests to RAM touch, as policies see it.
//!
//! Owns the condition keys of shares and invitations, and of what a request shares. Refuses to know policies.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsresourceaccessmanagerram.html>

use aws_model::Value;
use resource_shares::{Invitation, ResourceShare};
use service_api::{
    ConditionKeys, NeededPermission, RequestContext, ResourceFacts, dependent, needed_by_table,
};
use store::Read;

use crate::{Ram, State, share};

/// The resources that RAM shares here, by what their ARNs call them.
const SHARED: [(&str, &str); 3] =
    [("prefix-list", "ec2:PrefixList"), ("subnet", "ec2:Subnet"), ("transit-gateway", "ec2:TransitGateway")];

/// What the service is called by others.
const SERVICE: &str = "ram.amazonaws.com";

fn key(name: &str, value: impl ToString) -> (String, Vec<String>) {
    (name.to_owned(), vec![value.to_string()])
}

/// What a request needs. Sharing with an organization lets the service into it.
///
/// <https://docs.aws.amazon.com/ram/latest/userguide/getting-started-sharing.html>
pub(crate) fn needed(
    ram: &Ram,
    context: &RequestContext,
    operation: &str,
    input: &Value,
) -> Option<Vec<NeededPermission>> {
    let mut needed = needed_by_table(ram, context, operation, input)?;
    if operation == "EnableSharingWithAwsOrganization" {
        let mut access = dependent::on_all("organizations:EnableAWSServiceAccess");
        access.keys.push(key("organizations:ServicePrincipal", SERVICE));
        needed.extend([
            dependent::on_all("organizations:DescribeOrganization"),
            access,
            dependent::linked_role(context, SERVICE, "AWSServiceRoleForResourceAccessManager"),
        ]);
    }
    Some(needed)
}

/// What is known of a share of the caller's, or of an invitation to it.
pub(crate) fn facts(
    state: &State,
    context: &RequestContext,
    resource_type: &str,
    arn: &str,
) -> Option<ResourceFacts> {
    let snapshot = state.store.snapshot();
    match resource_type {
        "resource-share" => {
            let share: ResourceShare = share::own(&snapshot, context, arn).ok()?;
            Some(ResourceFacts {
                tags: share.tags,
                keys: vec![
                    key("ram:ResourceShareName", share.name),
                    key("ram:AllowsExternalPrincipals", share.allow_external_principals),
                ],
                ..ResourceFacts::default()
            })
        }
        "resource-share-invitation" => {
            let scope = context.scope();
            let mut all = snapshot.scan::<Invitation>(&scope);
            let (_, found) = all.find(|(_, held)| held.arn == arn)?;
            Some(ResourceFacts {
                keys: vec![
                    key("ram:ResourceShareName", &found.share_name),
                    key("ram:ShareOwnerAccountId", found.sender),
                ],
                ..ResourceFacts::default()
            })
        }
        _ => None,
    }
}

/// What a request shares, with whom, and how.
pub(crate) fn said_of(input: &Value) -> ConditionKeys {
    let Value::Structure(fields) = input else { return Vec::new() };
    let texts = |name: &str| -> Vec<String> {
        let Some(Value::List(items)) = fields.get(name) else { return Vec::new() };
        let text = |item: &Value| if let Value::String(text) = item { Some(text.clone()) } else { None };
        items.iter().filter_map(text).collect()
    };
    let mut keys = ConditionKeys::new();
    let arns = texts("resourceArns");
    let mut types: Vec<String> = arns.iter().filter_map(|arn| shared_type(arn)).map(str::to_owned).collect();
    types.dedup();
    for (name, values) in [
        ("ram:Principal", texts("principals")),
        ("ram:ResourceArn", arns),
        ("ram:RequestedResourceType", types),
    ] {
        if !values.is_empty() {
            keys.push((name.to_owned(), values));
        }
    }
    if let Some(Value::Boolean(allows)) = fields.get("allowExternalPrincipals") {
        keys.push(key("ram:RequestedAllowsExternalPrincipals", allows));
    }
    if let Some(Value::String(arn)) = fields.get("permissionArn") {
        keys.push(key("ram:PermissionArn", arn));
    }
    keys
}

/// The type of a resource, as shares call it.
fn shared_type(arn: &str) -> Option<&'static str> {
    let resource = arn.splitn(6, ':').nth(5)?;
    let (kind, _) = resource.split_once('/')?;
    SHARED.iter().find(|(held, _)| *held == kind).map(|(_, name)| *name)
}
