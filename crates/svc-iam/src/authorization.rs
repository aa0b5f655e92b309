//! What requests to IAM touch, as policies see it.
//!
//! Owns how names lead to ARNs, which have paths, and tags; whom a request is about that names nobody; and that a new name or
//! path is asked about as the old one is. Refuses to know policies.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>

use aws_model::Value;
use aws_types::{Arn, Tags};
use identities::{
    AccessKey, AccessKeyOwner, Group, InstanceProfile, ManagedPolicy, OpenIdConnectProvider, Role,
    SamlProvider, ServerCertificate, User, VirtualMfaDevice, cloud_scope, name_key,
};
use service_api::{
    ConditionKeys, NeededPermission, PrincipalKind, RequestContext, ResourceFacts, TargetResource,
};
use store::{Read as _, Snapshot};

use crate::{State, scope, service_specific_credential};

/// What renames and moves things, and the member that has the new name.
const MOVES: [(&str, &str); 3] = [
    ("UpdateGroup", "NewGroupName"),
    ("UpdateServerCertificate", "NewServerCertificateName"),
    ("UpdateUser", "NewUserName"),
];

/// The boundary that a user or role has, or is given.
const PERMISSIONS_BOUNDARY: &str = "iam:PermissionsBoundary";

/// The service that a service-specific credential is for.
const CREDENTIAL_SERVICE: &str = "iam:ServiceSpecificCredentialServiceName";

/// What is known of something that IAM keeps, by its name or ARN.
pub(crate) fn facts(
    state: &State,
    context: &RequestContext,
    resource_type: &str,
    text: &str,
) -> Option<ResourceFacts> {
    let snapshot = state.store.snapshot();
    if text.starts_with("arn:") {
        let name = match (resource_type, text.split_once('/')) {
            // What stands in for its name has slashes itself: a path of a URL, or the serial number, which is the ARN.
            ("oidc-provider", Some((_, url))) => url,
            ("mfa", _) => text,
            _ => text.rsplit('/').next().unwrap_or_default(),
        };
        let held = found(&snapshot, context, resource_type, name).filter(|held| held.arn == text);
        let (tags, keys) = held.map(|held| (held.tags, boundary(held.boundary))).unwrap_or_default();
        return Some(ResourceFacts { arn: Some(text.to_owned()), tags, keys, ..ResourceFacts::default() });
    }
    let name = match resource_type {
        "user" => key_owner(&snapshot, context, text).unwrap_or_else(|| text.to_owned()),
        _ => text.to_owned(),
    };
    let held = found(&snapshot, context, resource_type, &name)?;
    let keys = boundary(held.boundary);
    Some(ResourceFacts { arn: Some(held.arn), tags: held.tags, keys, ..ResourceFacts::default() })
}

/// What policies can ask of a resource.
struct Found {
    arn: String,
    tags: Tags,
    boundary: Option<String>,
}

fn boundary(arn: Option<String>) -> ConditionKeys {
    arn.map(|arn| (PERMISSIONS_BOUNDARY.to_owned(), vec![arn])).into_iter().collect()
}

/// Asks about what a user, group or certificate is to be called, too: who renames or moves one needs the action on both.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_users_rename.html>
pub(crate) fn add_new_name(needed: &mut [NeededPermission], operation: &str, input: &Value) {
    let Some((_, name_member)) = MOVES.iter().find(|(held, _)| *held == operation) else { return };
    let (new_name, new_path) = (text_of(input, name_member), text_of(input, "NewPath"));
    let Some(resources) = needed.first_mut().map(|permission| &mut permission.resources) else { return };
    let moved = |resource: &TargetResource| {
        let (kind, place) = resource.arn.split_once('/')?;
        let (path, name) = match place.rsplit_once('/') {
            Some((path, name)) => (format!("/{path}/"), name),
            None => ("/".to_owned(), place),
        };
        let arn = format!("{kind}{}{}", new_path.unwrap_or(&path), new_name.unwrap_or(name));
        // It is the same thing, with its tags and its boundary.
        (arn != resource.arn).then(|| TargetResource { arn, ..resource.clone() })
    };
    let moved: Vec<TargetResource> = resources.iter().filter_map(moved).collect();
    resources.extend(moved);
}

fn text_of<'a>(input: &'a Value, member: &str) -> Option<&'a str> {
    match input {
        Value::Structure(fields) => match fields.get(member) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// What a request says of what it touches: the policy that it attaches, the boundary that it sets, the service that it makes
/// a role or a credential for.
pub(crate) fn said(state: &State, context: &RequestContext, input: &Value) -> ConditionKeys {
    let members = [
        ("PolicyArn", "iam:PolicyARN"),
        ("PermissionsBoundary", PERMISSIONS_BOUNDARY),
        ("AWSServiceName", "iam:AWSServiceName"),
        ("ServiceName", CREDENTIAL_SERVICE),
    ];
    let said = members.into_iter().filter_map(|(member, key)| {
        let text = text_of(input, member)?;
        Some((key.to_owned(), vec![text.to_owned()]))
    });
    let credential = text_of(input, "ServiceSpecificCredentialId");
    let service = credential
        .and_then(|id| service_specific_credential::service_of(&state.store.snapshot(), context, id));
    let days = match input {
        Value::Structure(fields) => fields.get("CredentialAgeDays"),
        _ => None,
    };
    let days = match days {
        Some(Value::Integer(days)) => {
            Some(("iam:ServiceSpecificCredentialAgeDays".to_owned(), vec![days.to_string()]))
        }
        _ => None,
    };
    said.chain(service.map(|service| (CREDENTIAL_SERVICE.to_owned(), vec![service]))).chain(days).collect()
}

fn found(snapshot: &Snapshot, context: &RequestContext, resource_type: &str, name: &str) -> Option<Found> {
    let (scope, key) = (scope(context), name_key(name));
    let held = |arn: &Arn, tags: &Tags, boundary: &Option<String>| Found {
        arn: arn.to_string(),
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
        "server-certificate" => snapshot
            .get::<ServerCertificate>(&scope, &key)
            .map(|certificate| held(&certificate.arn, &certificate.tags, &None)),
        "saml-provider" => snapshot
            .get::<SamlProvider>(&scope, &key)
            .map(|provider| held(&provider.arn, &provider.tags, &None)),
        "oidc-provider" => snapshot
            .get::<OpenIdConnectProvider>(&scope, name)
            .map(|provider| held(&provider.arn, &provider.tags, &None)),
        "mfa" => {
            let device = snapshot.get::<VirtualMfaDevice>(&scope, &VirtualMfaDevice::key_of(name))?;
            Some(Found { arn: device.serial_number.to_string(), tags: device.tags.clone(), boundary: None })
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
