//! The Resource Groups Tagging API: tags over all services, and whether they comply with tag policies.
//!
//! Owns the operations of the `resourcegroupstaggingapi` model, and which requests of any service a tag policy refuses
//! ([`refusal`]). Refuses to know the services whose resources carry the tags, and the organization: both are asked of
//! whoever composes the cloud ([`TaggedResources`], [`EffectiveTagPolicy`]). It keeps nothing.
//!
//! <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/overview.html>

mod change;
mod compliance;
mod enforcement;
mod error;
mod keys;
mod page;
mod report;
mod resources;
mod summary;

use aws_api::resourcegroupstaggingapi::operation as op;
use aws_model::Value;
use aws_types::{AccountId, Arn, Partition, Region, Tags, Timestamp};
use management_policies::TagRules;
use service_api::{Operations, RequestContext, Service, ServiceError};
use store::{Scope, Snapshot, Store};

pub use enforcement::{RequestedTags, refusal, requested_tags};

/// A resource that can carry tags.
#[derive(Clone, Debug, PartialEq)]
pub struct TaggedResource {
    /// Its ARN.
    pub arn: Arn,
    /// Its type, such as `ec2:vpc`.
    pub resource_type: String,
    /// Its tags; it may have none.
    pub tags: Tags,
}

/// Whoever knows the resources of all services.
pub trait TaggedResources: Send + Sync + 'static {
    /// The regions that resources can be in.
    fn regions(&self) -> Vec<Region>;

    /// All resources of an account in a region that can carry tags, in any order.
    fn list(&self, snapshot: &Snapshot, scope: &Scope, now: Timestamp) -> Vec<TaggedResource>;

    /// Sets tags on a resource of the caller's in the region of the request, as the resource's own service does it for who
    /// may do it.
    ///
    /// # Errors
    /// What the service answers; no such resource; the caller may not tag it.
    fn tag(&self, context: &RequestContext, arn: &Arn, tags: &Tags) -> Result<(), ServiceError>;

    /// Removes tags from it.
    ///
    /// # Errors
    /// What the service answers; no such resource; the caller may not.
    fn untag(&self, context: &RequestContext, arn: &Arn, keys: &[String]) -> Result<(), ServiceError>;
}

/// Whoever knows the organization.
pub trait EffectiveTagPolicy: Send + Sync + 'static {
    /// The rules of the effective tag policy of an account; none when no policy is in force.
    ///
    /// # Errors
    /// A fault, where a policy should be in force and nobody can tell what it says.
    fn rules(
        &self,
        snapshot: &Snapshot,
        partition: Partition,
        account: AccountId,
    ) -> Result<TagRules, ServiceError>;

    /// The accounts of the organization of which an account is the management account, or a delegated administrator for tag
    /// policies.
    ///
    /// # Errors
    /// Why it cannot see the compliance of an organization.
    fn members(
        &self,
        snapshot: &Snapshot,
        partition: Partition,
        account: AccountId,
    ) -> Result<Vec<Member>, NoMembers>;
}

/// An account of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The account.
    pub account: AccountId,
    /// The ids of its root and of the organizational units down to it.
    pub ancestors: Vec<String>,
}

/// Why an account cannot see the compliance of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoMembers {
    /// It is in none, or does not manage it.
    NotManagement,
    /// Trusted access of `tagpolicies.tag.amazonaws.com` is not enabled.
    NotTrusted,
}

/// The service.
pub struct ResourceGroupsTagging {
    state: State,
    operations: Operations<State>,
}

/// What the operations work on.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) resources: Box<dyn TaggedResources>,
    pub(crate) policy: Box<dyn EffectiveTagPolicy>,
}

impl State {
    /// The resources of the caller in the region of the request, in order of their ARNs.
    pub(crate) fn own(&self, context: &RequestContext) -> Vec<TaggedResource> {
        let mut all = self.resources.list(&self.store.snapshot(), &context.scope(), context.now);
        all.sort_by(|one, other| one.arn.cmp(&other.arn));
        all
    }
}

impl ResourceGroupsTagging {
    /// A service over these resources.
    pub fn new(store: Store, resources: impl TaggedResources, policy: impl EffectiveTagPolicy) -> Self {
        let operations = Operations::new()
            .with::<op::GetResources>(resources::get)
            .with::<op::GetTagKeys>(keys::keys)
            .with::<op::GetTagValues>(keys::values)
            .with::<op::TagResources>(change::tag)
            .with::<op::UntagResources>(change::untag)
            .with::<op::GetComplianceSummary>(summary::get)
            .with::<op::StartReportCreation>(report::start)
            .with::<op::DescribeReportCreation>(report::describe);
        Self { state: State { store, resources: Box::new(resources), policy: Box::new(policy) }, operations }
    }
}

impl Service for ResourceGroupsTagging {
    fn model(&self) -> &'static str {
        "resourcegroupstaggingapi"
    }

    fn implements(&self, operation: &str) -> bool {
        self.operations.contains(operation)
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        self.operations.call(&self.state, context, operation, input)
    }
}
