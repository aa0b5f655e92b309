//! What requests to IAM touch, as policies see it.
//!
//! Owns how names lead to ARNs, which have paths, and tags; and whom a request is about that names nobody. Refuses to know
//! policies.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>

use aws_model::Value;
use aws_types::{Arn, Tags};
use identities::{
    AccessKey, AccessKeyOwner, Group, InstanceProfile, ManagedPolicy, Role, User, cloud_scope, name_key,
};
use service_api::{ConditionKeys, PrincipalKind, RequestContext, ResourceFacts};
use store::{Read as _, Snapshot};

use crate::{State, scope};

/// The boundary that a user or role has, or is given.
const PERMISSIONS_BOUNDARY: &str = "iam:PermissionsBoundary";

/// What is known of a user, group, role, policy or instance profile, by its name or ARN.
pub(crate) fn facts(
    state: &State,
    context: &RequestContext,
    resource_type: &str,
    text: &str,
) -> Option<ResourceFacts> {
    let snapshot = state.store.snapshot();
    if text.starts_with("arn:") {
        let name = text.rsplit('/').next().unwrap_or_default();
        let held = found(&snapshot, context, resource_type, name).filter(|held| held.arn.as_str() == text);
        let (tags, keys) = held.map(|held| (held.tags, boundary(held.boundary))).unwrap_or_default();
        return Some(ResourceFacts { arn: Some(text.to_owned()), tags, keys, ..ResourceFacts::default() });
    }
    let name = match resource_type {
        "user" => key_owner(&snapshot, context, text).unwrap_or_else(|| text.to_owned()),
        _ => text.to_owned(),
    };
    let held = found(&snapshot, context, resource_type, &name)?;
    let keys = boundary(held.boundary);
    Some(ResourceFacts { arn: Some(held.arn.to_string()), tags: held.tags, keys, ..ResourceFacts::default() })
}

/// What policies can ask of a resource.
struct Found {
    arn: Arn,
    tags: Tags,
    boundary: Option<String>,
}

fn boundary(arn: Option<String>) -> ConditionKeys {
    arn.map(|arn| (PERMISSIONS_BOUNDARY.to_owned(), vec![arn])).into_iter().collect()
}

/// What a request says of what it touches: the policy that it attaches, the boundary that it sets, the service that it
/// makes a role for.
pub(crate) fn said(input: &Value) -> ConditionKeys {
    let Value::Structure(fields) = input else { return Vec::new() };
    let members = [
        ("PolicyArn", "iam:PolicyARN"),
        ("PermissionsBoundary", PERMISSIONS_BOUNDARY),
        ("AWSServiceName", "iam:AWSServiceName"),
    ];
    let said = members.into_iter().filter_map(|(member, key)| match fields.get(member)? {
        Value::String(text) => Some((key.to_owned(), vec![text.clone()])),
        _ => None,
    });
    said.collect()
}

fn found(snapshot: &Snapshot, context: &RequestContext, resource_type: &str, name: &str) -> Option<Found> {
    let (scope, key) = (scope(context), name_key(name));
    let held = |arn: &Arn, tags: &Tags, boundary: &Option<String>| Found {
        arn: arn.clone(),
        tags: tags.clone(),
        boundary: boundary.clone(),
    };
    match resource_type {
        "user" => {
            let user = snapshot.get::<User>(&scope, &key)?;
            Some(held(&user.arn, &user.tags, &user.permissions_boundary))
        }
        "group" => snapshot.get::<Group>(&scope, &key).map(|group| held(&group.arn, &Tags::default(), &None)),
        "role" => {
            let role = snapshot.get::<Role>(&scope, &key)?;
            Some(held(&role.arn, &role.tags, &role.permissions_boundary))
        }
        "policy" => {
            snapshot.get::<ManagedPolicy>(&scope, &key).map(|policy| held(&policy.arn, &policy.tags, &None))
        }
        "instance-profile" => snapshot
            .get::<InstanceProfile>(&scope, &key)
            .map(|profile| held(&profile.arn, &profile.tags, &None)),
        _ => None,
    }
}

/// The user whose access key this is, for GetAccessKeyLastUsed.
fn key_owner(snapshot: &Snapshot, context: &RequestContext, text: &str) -> Option<String> {
    let key = snapshot.get::<AccessKey>(&cloud_scope(context.partition), text)?;
    match &key.owner {
        AccessKeyOwner::User { name, .. } if key.account == context.account() => Some(name.clone()),
        _ => None,
    }
}

/// Whom a request means that names no user: whoever asks. A root user is no resource.
pub(crate) fn implied(context: &RequestContext, operation: &str, resource_type: &str) -> Option<Vec<String>> {
    if resource_type != "user" || operation == "CreateUser" {
        return None;
    }
    Some(match &context.principal.kind {
        PrincipalKind::User { name } => vec![name.clone()],
        _ => Vec::new(),
    })
}
