//! What requests to CloudTrail need to be allowed, as policies see it.
//!
//! Owns what trails and administrators of an organization need of other services. Refuses to know policies.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudtrail.html>
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-delegated-administrator-permissions.html>

use std::borrow::Cow;

use aws_model::Value;
use aws_types::Arn;
use service_api::{NeededPermission, RequestContext, dependent, needed_by_table};

use crate::CloudTrail;

const SERVICE: &str = "cloudtrail.amazonaws.com";
const ROLE: &str = "AWSServiceRoleForCloudTrail";

/// What a request needs.
pub(crate) fn needed(
    trails: &CloudTrail,
    context: &RequestContext,
    operation: &str,
    input: &Value,
) -> Option<Vec<NeededPermission>> {
    let mut needed = needed_by_table(trails, context, operation, input)?;
    match operation {
        "CreateTrail" | "UpdateTrail" => {
            if operation == "CreateTrail" && !dependent::texts_at(input, &["TagsList", "Key"]).is_empty() {
                let of_trail = needed.first().cloned();
                let tagging = |of: NeededPermission| NeededPermission {
                    action: Cow::Borrowed("cloudtrail:AddTags"),
                    ..of
                };
                needed.extend(of_trail.map(tagging));
            }
            if dependent::is_true(input, "IsOrganizationTrail") {
                needed.extend(service_role(context));
                needed.push(access_of_organization());
            }
        }
        "RegisterOrganizationDelegatedAdmin" => {
            let action = "organizations:RegisterDelegatedAdministrator";
            needed.push(administrator(trails, context, action, input, "MemberAccountId"));
            needed.push(access_of_organization());
            needed.extend(service_role(context));
        }
        "DeregisterOrganizationDelegatedAdmin" => {
            let action = "organizations:DeregisterDelegatedAdministrator";
            needed.push(administrator(trails, context, action, input, "DelegatedAdminAccountId"));
            needed.push(access_of_organization());
        }
        _ => {}
    }
    Some(needed)
}

/// The service's role is looked for, and made where it is not there.
fn service_role(context: &RequestContext) -> [NeededPermission; 2] {
    let arn = dependent::linked_role_arn(context, SERVICE, ROLE);
    [dependent::linked_role(context, SERVICE, ROLE), dependent::on("iam:GetRole", arn)]
}

fn access_of_organization() -> NeededPermission {
    dependent::on_all("organizations:ListAWSServiceAccessForOrganization")
}

/// What is asked of Organizations about an account of the caller's organization.
fn administrator(
    trails: &CloudTrail,
    context: &RequestContext,
    action: &'static str,
    input: &Value,
    member: &str,
) -> NeededPermission {
    let account = dependent::texts_at(input, &[member]).first().copied().unwrap_or("*");
    let held = trails.state.organizations.membership(context.account());
    let mut needed = match held {
        Some(held) => {
            let path = format!("account/{}/{account}", held.organization);
            dependent::on(
                action,
                Arn::global(context.partition, "organizations", held.management, &path).to_string(),
            )
        }
        None => dependent::on_all(action),
    };
    needed.keys.push(("organizations:ServicePrincipal".to_owned(), vec![SERVICE.to_owned()]));
    needed
}
