//! Which resources there are to be shared: what RAM asks, answered from EC2's records; and how those are found by whoever
//! else refers to them.

use std::sync::Arc;

use store::{Read as _, Record, Scope, Snapshot};
use svc_ec2::record as ec2;
use svc_ram::{ResourceType, Resources};

/// The resources of EC2.
pub(crate) struct Shareable;

impl Resources for Shareable {
    fn has(&self, snapshot: &Snapshot, scope: &Scope, resource_type: ResourceType, id: &str) -> bool {
        match resource_type {
            ResourceType::PrefixList => snapshot.contains::<ec2::PrefixList>(scope, id),
            ResourceType::Subnet => snapshot.contains::<ec2::Subnet>(scope, id),
            ResourceType::TransitGateway => snapshot.contains::<ec2::TransitGateway>(scope, id),
        }
    }

    /// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-sharing.html>
    fn can_be_shared(
        &self,
        snapshot: &Snapshot,
        scope: &Scope,
        resource_type: ResourceType,
        id: &str,
    ) -> bool {
        match resource_type {
            ResourceType::PrefixList | ResourceType::TransitGateway => true,
            ResourceType::Subnet => {
                snapshot.get::<ec2::Subnet>(scope, id).is_some_and(|subnet| !subnet.is_default)
            }
        }
    }
}

/// Where the records are that can refer to those of an account in a region, or be referred to by them: its own, and those of
/// whoever it shares with.
pub(crate) fn scopes(snapshot: &Snapshot, scope: &Scope) -> impl Iterator<Item = Scope> {
    let others = resource_shares::related(snapshot, scope).into_iter();
    let (partition, region) = (scope.partition, scope.region.clone());
    let others = others.map(move |account| Scope::new(partition, account, region.clone()));
    std::iter::once(scope.clone()).chain(others)
}

/// A record of an account, or of another one in its region that has shared it, and whose it is.
pub(crate) fn anyones<R: Record>(snapshot: &Snapshot, scope: &Scope, id: &str) -> Option<(Scope, Arc<R>)> {
    scopes(snapshot, scope).find_map(|place| {
        let found = snapshot.get::<R>(&place, id)?;
        Some((place, found))
    })
}
