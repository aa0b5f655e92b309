//! AWS Resource Access Manager: sharing resources with other accounts.
//!
//! Owns the operations of the `ram` model: shares, who is invited and has accepted, and what sharing allows by AWS's own
//! permissions. Refuses to know the shared resources: whether one is there is asked of whoever composes the cloud
//! ([`Resources`]), and the service of a resource asks `resource-shares` whom it is shared with.
//!
//! <https://docs.aws.amazon.com/ram/latest/APIReference/Welcome.html>

mod association;
mod authorization;
mod error;
mod invitation;
mod list;
mod page;
mod permission;
mod share;
mod tag;

use std::sync::Arc;

use aws_api::ram::operation as op;
use aws_model::Value;
use resource_shares::{Invitation, ResourceShare, SharingPartner};
use service_api::{
    ConditionKeys, IdSource, NeededPermission, Operations, RequestContext, ResourceFacts, Service,
    ServiceError,
};
use store::{RecordKind, Scope, Snapshot, Store, StoreError};

/// A type of resources that can be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceType {
    /// `ec2:PrefixList`.
    PrefixList,
    /// `ec2:Subnet`.
    Subnet,
    /// `ec2:TransitGateway`.
    TransitGateway,
}

/// Whoever knows the resources that are shared.
pub trait Resources: Send + Sync + 'static {
    /// Whether an account and region has a resource.
    fn has(&self, snapshot: &Snapshot, scope: &Scope, resource_type: ResourceType, id: &str) -> bool;
    /// Whether a resource that is there can be shared.
    fn can_be_shared(
        &self,
        snapshot: &Snapshot,
        scope: &Scope,
        resource_type: ResourceType,
        id: &str,
    ) -> bool;
}

/// The service.
pub struct Ram {
    state: State,
    operations: Operations<State>,
}

/// What the operations work on.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) resources: Box<dyn Resources>,
}

impl Ram {
    /// A service on this store.
    pub fn new(store: Store, ids: Arc<dyn IdSource>, resources: impl Resources) -> Self {
        let operations = Operations::new()
            .with::<op::CreateResourceShare>(share::create)
            .with::<op::UpdateResourceShare>(share::update)
            .with::<op::DeleteResourceShare>(share::delete)
            .with::<op::GetResourceShares>(share::get)
            .with::<op::AssociateResourceShare>(association::associate)
            .with::<op::DisassociateResourceShare>(association::disassociate)
            .with::<op::GetResourceShareAssociations>(association::get)
            .with::<op::GetResourceShareInvitations>(invitation::get)
            .with::<op::AcceptResourceShareInvitation>(invitation::accept)
            .with::<op::RejectResourceShareInvitation>(invitation::reject)
            .with::<op::ListPendingInvitationResources>(invitation::list_resources)
            .with::<op::ListResources>(list::resources)
            .with::<op::ListPrincipals>(list::principals)
            .with::<op::GetResourcePolicies>(list::policies)
            .with::<op::ListResourceTypes>(permission::list_types)
            .with::<op::ListPermissions>(permission::list)
            .with::<op::GetPermission>(permission::get)
            .with::<op::ListResourceSharePermissions>(permission::list_of_share)
            .with::<op::EnableSharingWithAwsOrganization>(share::enable_organization)
            .with::<op::TagResource>(tag::tag)
            .with::<op::UntagResource>(tag::untag);
        Self { state: State { store, ids, resources: Box::new(resources) }, operations }
    }

    /// Every kind of record that the service writes.
    pub fn record_kinds() -> impl Iterator<Item = RecordKind> {
        [
            RecordKind::of::<Invitation>(),
            RecordKind::of::<ResourceShare>(),
            RecordKind::of::<SharingPartner>(),
        ]
        .into_iter()
    }

    /// Brings the records that older builds wrote into today's form.
    ///
    /// # Errors
    /// A failed commit.
    pub fn upgrade_records(store: &Store) -> Result<(), StoreError> {
        resource_shares::upgrade_records(store)
    }
}

impl Service for Ram {
    fn model(&self) -> &'static str {
        "ram"
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

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        self.operations.call(&self.state, context, operation, input)
    }

    fn resource(&self, context: &RequestContext, resource_type: &str, id: &str) -> Option<ResourceFacts> {
        authorization::facts(&self.state, context, resource_type, id)
    }

    fn said_of(
        &self,
        _context: &RequestContext,
        _operation: &str,
        _resource_type: &str,
        _is_new: bool,
        input: &Value,
    ) -> ConditionKeys {
        authorization::said_of(input)
    }
}
