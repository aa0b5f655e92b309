//! The role that every account of an organization has for Organizations itself, and the one by which the management account
//! reaches an account that it made.

use std::collections::{BTreeMap, BTreeSet};

use aws_types::{AccountId, Arn, Tags};
use iam_policy::{Policy, PolicyKind};
use identities::{IdKind, Role, create_service_linked_role, name_key, unique_id};
use service_api::{RequestContext, ServiceError};
use store::{Scope, Transaction};

use crate::State;

pub(crate) const SERVICE: &str = "organizations.amazonaws.com";
pub(crate) const SERVICE_ROLE: &str = "AWSServiceRoleForOrganizations";
const DESCRIPTION: &str = "Service-linked role used by AWS Organizations to enable integration of other AWS services with Organizations.";
const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
const MAX_SESSION_SECS: u32 = 3600;

fn new_role(
    state: &State,
    context: &RequestContext,
    account: AccountId,
    (path, name): (&str, &str),
    trust_policy: Policy,
) -> Role {
    Role {
        id: unique_id(IdKind::Role, &mut || state.ids.bits()),
        name: name.to_owned(),
        path: path.to_owned(),
        arn: Arn::global(context.partition, "iam", account, &format!("role{path}{name}")),
        created: context.now,
        trust_policy,
        description: None,
        max_session_secs: MAX_SESSION_SECS,
        permissions_boundary: None,
        inline_policies: BTreeMap::new(),
        attached_policies: BTreeSet::new(),
        tags: Tags::default(),
        linked_service: None,
    }
}

fn trust(principal: &str) -> Option<Policy> {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}]}}"#
    );
    Policy::parse(&text, PolicyKind::Trust).ok()
}

/// Gives an account the service-linked role of Organizations, unless it has it.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_integrate_services.html>
pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    transaction: &mut Transaction,
    account: AccountId,
) {
    let place = (context.partition, account);
    let mut bits = || state.ids.bits();
    // It is there, or has just been made: the service is one of those that have a role.
    if let Ok(role) = create_service_linked_role(transaction, place, &mut bits, context.now, SERVICE, None) {
        let scope = Scope::global(context.partition, account);
        let key = name_key(&role.name);
        transaction.put(&scope, &key, Role { description: Some(DESCRIPTION.to_owned()), ..role });
    }
}

/// Gives a new account the role that lets the management account administer it.
///
/// # Errors
/// `InvalidInputException` for a name that no role can have.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access.html>
pub(crate) fn put_access(
    state: &State,
    context: &RequestContext,
    transaction: &mut Transaction,
    account: AccountId,
    name: &str,
) -> Result<(), ServiceError> {
    let management = format!("arn:{}:iam::{}:root", context.partition, context.account());
    let trust_policy = trust(&format!(r#"{{"AWS":"{management}"}}"#))
        .ok_or_else(|| ServiceError::internal("the trust policy of a new account's role is no policy"))?;
    let mut role = new_role(state, context, account, ("/", name), trust_policy);
    role.attached_policies.insert(ADMINISTRATOR.to_owned());
    transaction.put(&Scope::global(context.partition, account), &name_key(name), role);
    Ok(())
}
