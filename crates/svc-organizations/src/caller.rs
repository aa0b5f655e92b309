//! Who may ask what of an organization, beside what policies allow.
//!
//! Owns AWS's rule for each kind of operation: every account of the organization may ask about itself, the management
//! account may do everything, delegated administrators may look at everything, and other members do what the
//! organization's resource policy lets them. Refuses to know the caller's own policies: authorization has looked at them.

use std::sync::Arc;

use authorization::caller_of;
use aws_types::AccountId;
use iam_policy::{Attached, Context, Policies, Policy, PolicyKind, Request, ResourceRule, evaluate};
use organization::{Member, Organization, organization_of};
use service_api::{RequestContext, ServiceError};
use store::{Read, Scope};

use crate::error;

/// An organization, where it is kept, and when it is looked at.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) organization: Arc<Organization>,
    pub(crate) scope: Scope,
}

impl Place {
    /// The account's record in the organization.
    pub(crate) fn member(&self, reader: &impl Read, account: AccountId) -> Option<Arc<Member>> {
        reader.get(&self.scope, &account.to_string())
    }
}

/// The organization of the caller, whoever it is.
///
/// # Errors
/// `AWSOrganizationsNotInUseException`.
pub(crate) fn member(reader: &impl Read, context: &RequestContext) -> Result<Place, ServiceError> {
    let found = organization_of(reader, context.partition, context.account());
    let organization = found.ok_or_else(error::not_in_use)?;
    Ok(Place { scope: organization.scope(context.partition), organization })
}

/// The organization that the caller manages.
///
/// # Errors
/// `AWSOrganizationsNotInUseException`, `AccessDeniedException`.
pub(crate) fn management(reader: &impl Read, context: &RequestContext) -> Result<Place, ServiceError> {
    let place = member(reader, context)?;
    if place.organization.management == context.account() { Ok(place) } else { Err(error::access_denied()) }
}

/// The organization of a caller that may look at all of it.
///
/// # Errors
/// `AWSOrganizationsNotInUseException`, `AccessDeniedException`.
pub(crate) fn reading(
    reader: &impl Read,
    context: &RequestContext,
    operation: &str,
) -> Result<Place, ServiceError> {
    let place = member(reader, context)?;
    let is_delegate =
        place.member(reader, context.account()).is_some_and(|one| !one.delegated_services.is_empty());
    if is_delegate || may(&place, context, operation, "*") { Ok(place) } else { Err(error::access_denied()) }
}

/// Whether the management account is asking, or the organization's resource policy lets the caller do something to a
/// resource.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_delegate_policies.html>
pub(crate) fn may(place: &Place, context: &RequestContext, operation: &str, resource: &str) -> bool {
    let organization = &place.organization;
    organization.management == context.account()
        || organization.resource_policy.as_ref().is_some_and(|delegation| {
            is_delegated(&delegation.policy, organization.management, context, operation, resource)
        })
}

/// [`may`], for an operation that changes something.
///
/// # Errors
/// `AccessDeniedException`.
pub(crate) fn check(
    place: &Place,
    context: &RequestContext,
    operation: &str,
    resource: &str,
) -> Result<(), ServiceError> {
    if may(place, context, operation, resource) { Ok(()) } else { Err(error::access_denied()) }
}

fn is_delegated(
    delegation: &Policy,
    management: AccountId,
    context: &RequestContext,
    operation: &str,
    resource: &str,
) -> bool {
    /// The caller's own policies have been looked at.
    const ALLOWED: &str =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let Ok(allowed) = Policy::parse(ALLOWED, PolicyKind::Identity) else { return false };
    let principal = &context.principal;
    let caller = caller_of(principal);
    let owner = principal.arn.as_str();
    let mut keys = Context::new();
    keys.set("aws:PrincipalArn", owner.to_owned());
    keys.set("aws:PrincipalAccount", principal.account.to_string());
    let policies = Policies {
        identity: vec![Attached { name: "", owner, policy: &allowed }],
        resource: Some(Attached { name: "", owner, policy: delegation }),
        resource_rule: ResourceRule::Required,
        resource_owner: Some(management),
        ..Policies::default()
    };
    let action = format!("organizations:{operation}");
    evaluate(&policies, &Request { caller: &caller, action: &action, resource, context: &keys }).is_allowed()
}
