//! What requests to IAM need to be allowed, beside what the table of operations says.
//!
//! Owns the resources of lists, and to whom the role of an instance profile is passed. Refuses to know policies.

use aws_model::Value;
use service_api::{NeededPermission, RequestContext, TargetResource, dependent, needed_by_table};

use crate::{Iam, arn, authorization};

/// Lists, and what the ARN begins with of all that each may have in it. The reference knows no resources of theirs, but AWS
/// asks for these: for `arn:aws:iam::123456789012:user/`, or with the path that the request wants behind it.
const LISTS: [(&str, &str); 8] = [
    ("ListGroups", "group"),
    ("ListInstanceProfiles", "instance-profile"),
    ("ListOpenIDConnectProviders", "oidc-provider"),
    ("ListRoles", "role"),
    ("ListSAMLProviders", "saml-provider"),
    ("ListServerCertificates", "server-certificate"),
    ("ListUsers", "user"),
    ("ListVirtualMFADevices", "mfa"),
];

/// What a request needs.
pub(crate) fn needed(
    iam: &Iam,
    context: &RequestContext,
    operation: &str,
    input: &Value,
) -> Option<Vec<NeededPermission>> {
    let mut needed = needed_by_table(iam, context, operation, input)?;
    authorization::add_new_name(&mut needed, operation, input);
    if let Some((_, kind)) = LISTS.iter().find(|(list, _)| *list == operation) {
        let path = dependent::texts_at(input, &["PathPrefix"]).first().copied().unwrap_or("/");
        let arn = arn(context, kind, path, "").to_string();
        if let Some(list) = needed.first_mut() {
            list.resources = vec![TargetResource { arn, ..TargetResource::default() }];
        }
    }
    let passes = |permission: &&mut NeededPermission| permission.action == "iam:PassRole";
    for permission in needed.iter_mut().filter(passes) {
        permission.keys.push(("iam:PassedToService".to_owned(), vec!["ec2.amazonaws.com".to_owned()]));
    }
    Some(needed)
}
