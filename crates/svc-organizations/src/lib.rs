//! AWS Organizations: accounts together, in units, under policies.
//!
//! Owns the operations of the `organizations` model, one file for each resource. The records are those of the crate
//! `organization`, because authorization reads them for every request. Refuses to know what permissions policies come to
//! (`iam-policy`, asked by authorization), how tag and backup policies merge (`management-policies`), and what an account
//! is (`identities`, of which it makes and closes some).
//!
//! <https://docs.aws.amazon.com/organizations/latest/APIReference/Welcome.html>

mod account;
mod attachment;
mod authorization;
mod caller;
mod delegated_administrator;
mod effective_policy;
mod error;
mod handshake;
mod new_account;
mod organization;
mod page;
mod policy;
mod resource_policy;
mod root;
mod service_access;
mod service_role;
mod tag;
mod unit;

use std::sync::Arc;

use ::organization::organization_of;
use aws_api::organizations::operation as op;
use aws_model::Value;
use service_api::{
    ConditionKeys, IdSource, NeededPermission, Operations, RequestContext, ResourceFacts, Service,
    ServiceError,
};
use store::{RecordKind, Store};

use crate::caller::Delegated;

/// How the service behaves.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Whether accounts are made and closed, and can leave, at the pace that they have on AWS, rather than at once.
    pub realistic_timing: bool,
    /// How many accounts an organization can have, the management account and invitations counted.
    pub max_accounts: usize,
}

/// What AWS lets a new organization have.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
pub const DEFAULT_MAX_ACCOUNTS: usize = 10;

impl Default for Config {
    fn default() -> Self {
        Self { realistic_timing: false, max_accounts: DEFAULT_MAX_ACCOUNTS }
    }
}

/// The service.
pub struct Organizations {
    state: State,
    operations: Operations<State>,
}

/// What the operations work on.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) config: Config,
    /// What the organization's resource policy is asked, where it has a say in the call.
    pub(crate) delegated: Option<Arc<Delegated>>,
}

impl Organizations {
    /// A service on this store.
    pub fn new(store: Store, ids: Arc<dyn IdSource>, config: Config) -> Self {
        let operations = with_policies(with_accounts(Operations::new()));
        Self { state: State { store, ids, config, delegated: None }, operations }
    }

    /// What the resource policy is asked about a call, unless there is none or the caller needs none.
    fn delegated(&self, context: &RequestContext, operation: &str, input: &Value) -> Option<Delegated> {
        let snapshot = self.state.store.snapshot();
        let organization = organization_of(&snapshot, context.partition, context.account())?;
        if organization.management == context.account() || organization.resource_policy.is_none() {
            return None;
        }
        let needed = self.needed_permissions(context, operation, input)?;
        Some(Delegated::of(&snapshot, context, operation, organization.management, &needed))
    }

    /// Every kind of record that the service writes, beside those of `identities`.
    pub fn record_kinds() -> impl Iterator<Item = RecordKind> {
        ::organization::RECORDS.iter().copied()
    }
}

fn with_accounts(operations: Operations<State>) -> Operations<State> {
    operations
        .with::<op::CreateOrganization>(organization::create)
        .with::<op::DescribeOrganization>(organization::describe)
        .with::<op::DeleteOrganization>(organization::delete)
        .with::<op::EnableAllFeatures>(organization::enable_all_features)
        .with::<op::CreateOrganizationalUnit>(unit::create)
        .with::<op::UpdateOrganizationalUnit>(unit::update)
        .with::<op::DeleteOrganizationalUnit>(unit::delete)
        .with::<op::DescribeOrganizationalUnit>(unit::describe)
        .with::<op::ListOrganizationalUnitsForParent>(unit::list_for_parent)
        .with::<op::ListChildren>(unit::list_children)
        .with::<op::ListParents>(unit::list_parents)
        .with::<op::CreateAccount>(new_account::create)
        .with::<op::DescribeCreateAccountStatus>(new_account::describe)
        .with::<op::ListCreateAccountStatus>(new_account::list)
        .with::<op::DescribeAccount>(account::describe)
        .with::<op::ListAccounts>(account::list)
        .with::<op::ListAccountsForParent>(account::list_for_parent)
        .with::<op::MoveAccount>(account::move_account)
        .with::<op::RemoveAccountFromOrganization>(account::remove)
        .with::<op::LeaveOrganization>(account::leave_organization)
        .with::<op::CloseAccount>(account::close)
        .with::<op::InviteAccountToOrganization>(handshake::invite)
        .with::<op::AcceptHandshake>(handshake::accept)
        .with::<op::DeclineHandshake>(handshake::decline)
        .with::<op::CancelHandshake>(handshake::cancel)
        .with::<op::DescribeHandshake>(handshake::describe)
        .with::<op::ListHandshakesForAccount>(handshake::list_for_account)
        .with::<op::ListHandshakesForOrganization>(handshake::list_for_organization)
}

fn with_policies(operations: Operations<State>) -> Operations<State> {
    operations
        .with::<op::ListRoots>(root::list)
        .with::<op::EnablePolicyType>(root::enable_type)
        .with::<op::DisablePolicyType>(root::disable_type)
        .with::<op::CreatePolicy>(policy::create)
        .with::<op::UpdatePolicy>(policy::update)
        .with::<op::DeletePolicy>(policy::delete)
        .with::<op::DescribePolicy>(policy::describe)
        .with::<op::ListPolicies>(policy::list)
        .with::<op::AttachPolicy>(attachment::attach)
        .with::<op::DetachPolicy>(attachment::detach)
        .with::<op::ListTargetsForPolicy>(attachment::list_targets)
        .with::<op::ListPoliciesForTarget>(attachment::list_policies)
        .with::<op::DescribeEffectivePolicy>(effective_policy::describe)
        .with::<op::ListAccountsWithInvalidEffectivePolicy>(effective_policy::list_invalid)
        .with::<op::ListEffectivePolicyValidationErrors>(effective_policy::list_errors)
        .with::<op::EnableAWSServiceAccess>(service_access::enable)
        .with::<op::DisableAWSServiceAccess>(service_access::disable)
        .with::<op::ListAWSServiceAccessForOrganization>(service_access::list)
        .with::<op::RegisterDelegatedAdministrator>(delegated_administrator::register)
        .with::<op::DeregisterDelegatedAdministrator>(delegated_administrator::deregister)
        .with::<op::ListDelegatedAdministrators>(delegated_administrator::list)
        .with::<op::ListDelegatedServicesForAccount>(delegated_administrator::list_services)
        .with::<op::PutResourcePolicy>(resource_policy::put)
        .with::<op::DescribeResourcePolicy>(resource_policy::describe)
        .with::<op::DeleteResourcePolicy>(resource_policy::delete)
        .with::<op::TagResource>(tag::tag)
        .with::<op::UntagResource>(tag::untag)
        .with::<op::ListTagsForResource>(tag::list)
}

impl Service for Organizations {
    fn model(&self) -> &'static str {
        "organizations"
    }

    fn implements(&self, operation: &str) -> bool {
        self.operations.contains(operation)
    }

    fn needed_permissions(
        &self,
        context: &RequestContext,
        operation: &str,
        input: &Value,
    ) -> Option<Vec<NeededPermission>> {
        authorization::needed(self, context, operation, input)
    }

    fn resource(&self, context: &RequestContext, resource_type: &str, id: &str) -> Option<ResourceFacts> {
        authorization::facts(&self.state, context, resource_type, id)
    }

    fn said_of(
        &self,
        context: &RequestContext,
        _operation: &str,
        _resource_type: &str,
        _is_new: bool,
        input: &Value,
    ) -> ConditionKeys {
        authorization::said(&self.state, context, input)
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        match self.delegated(context, operation, &input) {
            None => self.operations.call(&self.state, context, operation, input),
            Some(delegated) => {
                let state = State { delegated: Some(Arc::new(delegated)), ..self.state.clone() };
                self.operations.call(&state, context, operation, input)
            }
        }
    }
}
