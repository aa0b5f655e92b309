//! What requests to IAM touch, as policies see it.
//!
//! Owns how names lead to ARNs, which have paths, and tags; and whom a request is about that names nobody. Refuses to know
//! policies.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>

use aws_types::{Arn, Tags};
use identities::{
    AccessKey, AccessKeyOwner, Group, InstanceProfile, ManagedPolicy, Role, User, cloud_scope, name_key,
};
use service_api::{PrincipalKind, RequestContext, ResourceFacts};
use store::{Read as _, Snapshot};

use crate::{State, scope};

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
        let tags = found(&snapshot, context, resource_type, name).filter(|(arn, _)| arn.as_str() == text);
        let tags = tags.map(|(_, tags)| tags).unwrap_or_default();
        return Some(ResourceFacts { arn: Some(text.to_owned()), tags, ..ResourceFacts::default() });
    }
    let name = match resource_type {
        "user" => key_owner(&snapshot, context, text).unwrap_or_else(|| text.to_owned()),
        _ => text.to_owned(),
    };
    let (arn, tags) = found(&snapshot, context, resource_type, &name)?;
    Some(ResourceFacts { arn: Some(arn.to_string()), tags, ..ResourceFacts::default() })
}

fn found(
    snapshot: &Snapshot,
    context: &RequestContext,
    resource_type: &str,
    name: &str,
) -> Option<(Arn, Tags)> {
    let (scope, key) = (scope(context), name_key(name));
    match resource_type {
        "user" => snapshot.get::<User>(&scope, &key).map(|held| (held.arn.clone(), held.tags.clone())),
        "group" => snapshot.get::<Group>(&scope, &key).map(|held| (held.arn.clone(), Tags::default())),
        "role" => snapshot.get::<Role>(&scope, &key).map(|held| (held.arn.clone(), held.tags.clone())),
        "policy" => {
            snapshot.get::<ManagedPolicy>(&scope, &key).map(|held| (held.arn.clone(), held.tags.clone()))
        }
        "instance-profile" => {
            snapshot.get::<InstanceProfile>(&scope, &key).map(|held| (held.arn.clone(), held.tags.clone()))
        }
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
