//! Which resources there are to be shared: what RAM asks, answered from EC2's records.

use store::{Read as _, Scope, Snapshot};
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
}
