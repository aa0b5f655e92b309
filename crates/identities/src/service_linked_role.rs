//! Service-linked roles, as services make them.
//!
//! Owns what such a role is like. Which services have one is in [`crate::linked_service`]. Refuses to know how IAM is asked for
//! one, and how one is deleted: `svc-iam` does.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_types::{AccountId, Arn, Partition, Tags, Timestamp};
use iam_policy::{Policy, PolicyKind};
use store::{Read as _, Scope, Transaction};

use crate::linked_service::{self, LinkedService};
use crate::{IdKind, Role, name_key, unique_id};

/// What the paths of all such roles begin with.
pub const SERVICE_LINKED_ROLE_PATH: &str = "/aws-service-role/";
/// What their names begin with.
const NAME_START: &str = "AWSServiceRoleFor";
/// How long a session lasts at most.
const DEFAULT_SESSION_SECS: u32 = 3600;

/// Why a service has no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkedRoleError {
    /// No service of this cloud has this principal.
    #[error("Service-linked roles are not available for {0}.")]
    UnknownService(String),
    /// The service has one role only.
    #[error("Custom suffix is not allowed for {0}")]
    SuffixNotAllowed(String),
    /// The account has the role.
    #[error("Service role name {0} has been taken in this account, please try a different suffix.")]
    Taken(String),
}

/// Gives a service its role in an account, as CreateServiceLinkedRole does, or as the service does for itself.
///
/// # Errors
/// [`LinkedRoleError`].
pub fn create_service_linked_role(
    transaction: &mut Transaction,
    (partition, account): (Partition, AccountId),
    bits: &mut dyn FnMut() -> u128,
    now: Timestamp,
    service: &str,
    suffix: Option<&str>,
) -> Result<Role, LinkedRoleError> {
    let linked =
        linked_service::find(service).ok_or_else(|| LinkedRoleError::UnknownService(service.to_owned()))?;
    if suffix.is_some() && !linked.takes_suffix {
        return Err(LinkedRoleError::SuffixNotAllowed(service.to_owned()));
    }
    let suffix = suffix.map(|suffix| format!("_{suffix}")).unwrap_or_default();
    let name = format!("{NAME_START}{}{suffix}", linked.role);
    let scope = Scope::global(partition, account);
    if transaction.contains::<Role>(&scope, &name_key(&name)) {
        return Err(LinkedRoleError::Taken(name));
    }
    let path = format!("{SERVICE_LINKED_ROLE_PATH}{service}/");
    let policy = aws_managed_policies::by_name(linked.policy).expect("a test has looked for all of them");
    let role = Role {
        id: unique_id(IdKind::Role, bits),
        arn: Arn::global(partition, "iam", account, &format!("role{path}{name}")),
        name,
        path,
        created: now,
        trust_policy: trust_policy(linked),
        description: None,
        max_session_secs: DEFAULT_SESSION_SECS,
        permissions_boundary: None,
        inline_policies: BTreeMap::new(),
        attached_policies: BTreeSet::from([policy.arn()]),
        tags: Tags::default(),
        linked_service: Some(service.to_owned()),
    };
    transaction.put(&scope, &name_key(&role.name), role.clone());
    Ok(role)
}

fn trust_policy(linked: &LinkedService) -> Policy {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"{}"}},"Action":"sts:AssumeRole"}}]}}"#,
        linked.principal
    );
    Policy::parse(&text, PolicyKind::Trust).expect("the text is that of a trust policy")
}

/// The principals of the services that have such a role.
pub fn services_with_linked_roles() -> impl Iterator<Item = &'static str> {
    linked_service::SERVICES.iter().map(|service| service.principal)
}
