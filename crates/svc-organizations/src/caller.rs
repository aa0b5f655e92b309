//! Who may ask what of an organization, beside what policies allow.
//!
//! Owns AWS's rule for each kind of operation: every account of the organization may ask about itself, the management
//! account may do everything, delegated administrators may look at everything, and other members do what the
//! organization's resource policy lets them. Refuses to know the caller's own policies: authorization has looked at them.

use std::sync::Arc;

use authorization::{caller_of, context_of};
use aws_types::AccountId;
use iam_policy::{Attached, Context, Policies, Policy, PolicyKind, Request, ResourceRule, evaluate};
use organization::{Member, Organization, organization_of};
use service_api::{NeededPermission, RequestContext, ServiceError, TargetResource};
use store::{Read, Scope, Snapshot};

use crate::{State, error, policy};

/// What stands for all that a request names.
const ALL: &str = "*";

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
    state: &State,
    reader: &impl Read,
    context: &RequestContext,
    operation: &str,
) -> Result<Place, ServiceError> {
    let place = member(reader, context)?;
    check_reading(state, reader, context, operation, &place, ALL)?;
    Ok(place)
}

/// The organization of a caller that may look at one account, root, unit or policy of it, by its id.
///
/// # Errors
/// `AWSOrganizationsNotInUseException`, `AccessDeniedException`.
pub(crate) fn reading_of(
    state: &State,
    reader: &impl Read,
    context: &RequestContext,
    operation: &str,
    id: &str,
) -> Result<Place, ServiceError> {
    let place = member(reader, context)?;
    let resource = policy::resource_arn(reader, context, &place, id);
    check_reading(state, reader, context, operation, &place, &resource)?;
    Ok(place)
}

fn check_reading(
    state: &State,
    reader: &impl Read,
    context: &RequestContext,
    operation: &str,
    place: &Place,
    resource: &str,
) -> Result<(), ServiceError> {
    let own = place.member(reader, context.account());
    if own.is_some_and(|one| !one.delegated_services.is_empty()) {
        return Ok(());
    }
    check(state, place, context, operation, resource)
}

/// Whether the management account is asking, or the organization's resource policy lets the caller do something to a
/// resource; to all that the request names, where that is `*`.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_delegate_policies.html>
pub(crate) fn may(
    state: &State,
    place: &Place,
    context: &RequestContext,
    operation: &str,
    resource: &str,
) -> bool {
    let organization = &place.organization;
    if organization.management == context.account() {
        return true;
    }
    let (Some(policy), Some(delegated)) = (&organization.resource_policy, &state.delegated) else {
        return false;
    };
    delegated.is_allowed(&policy.policy, organization.management, context, operation, resource)
}

/// [`may`], for an operation that changes something.
///
/// # Errors
/// `AccessDeniedException`.
pub(crate) fn check(
    state: &State,
    place: &Place,
    context: &RequestContext,
    operation: &str,
    resource: &str,
) -> Result<(), ServiceError> {
    if may(state, place, context, operation, resource) { Ok(()) } else { Err(error::access_denied()) }
}

/// What the resource policy of an organization is asked about one call: what policies see of each resource that it names.
pub(crate) struct Delegated(Vec<(String, Context)>);

impl Delegated {
    /// About a call that needs these permissions. What it names is the management account's.
    pub(crate) fn of(
        snapshot: &Snapshot,
        context: &RequestContext,
        operation: &str,
        management: AccountId,
        needed: &[NeededPermission],
    ) -> Self {
        let is_own = |permission: &&NeededPermission| {
            permission.action.split_once(':').is_some_and(|(_, name)| name.eq_ignore_ascii_case(operation))
        };
        let of_resource = |permission: &NeededPermission, resource: &TargetResource| {
            let resource = TargetResource { owner: Some(management), ..resource.clone() };
            let keys = context_of(snapshot, context, permission, &resource);
            (resource.arn, keys)
        };
        let asked = needed.iter().filter(is_own).flat_map(|permission| {
            permission.resources.iter().map(move |resource| of_resource(permission, resource))
        });
        Self(asked.collect())
    }

    fn is_allowed(
        &self,
        policy: &Policy,
        management: AccountId,
        context: &RequestContext,
        operation: &str,
        resource: &str,
    ) -> bool {
        /// The caller's own policies have been looked at.
        const ALLOWED: &str =
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
        let Ok(allowed) = Policy::parse(ALLOWED, PolicyKind::Identity) else { return false };
        let caller = caller_of(&context.principal);
        let owner = context.principal.arn.as_str();
        let policies = Policies {
            identity: vec![Attached { name: "", owner, policy: &allowed }],
            resource: Some(Attached { name: "", owner, policy }),
            resource_rule: ResourceRule::Required,
            resource_owner: Some(management),
            ..Policies::default()
        };
        let action = format!("organizations:{operation}");
        let is_allowed = |resource: &str, keys: &Context| {
            evaluate(&policies, &Request { caller: &caller, action: &action, resource, context: keys })
                .is_allowed()
        };
        if resource == ALL {
            return !self.0.is_empty() && self.0.iter().all(|(resource, keys)| is_allowed(resource, keys));
        }
        // Some operations know what they are about by its id alone: then it is the one that the request names.
        let only = if let [only] = &self.0[..] { Some(only) } else { None };
        let of_resource = self.0.iter().find(|(named, _)| named == resource).or(only);
        of_resource.is_some_and(|(named, keys)| is_allowed(named, keys))
    }
}
