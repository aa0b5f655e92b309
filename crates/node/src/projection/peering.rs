//! VPC peering connections. Each side has a record, and both say the same: the requester's leads. Refuses to know routes.

use store::Scope;
use svc_ec2::record as ec2;
use vpc_model::{ObjectId, VpcPeeringConnection};

use super::View;
use super::stale::{Source, Stale};

/// Where a side's records are.
fn scope_of(any: &Scope, side: &ec2::PeeredVpc) -> Scope {
    Scope::new(any.partition, side.account, side.region.clone())
}

impl Source for ec2::VpcPeeringConnection {
    fn object(&self, scope: &Scope) -> Option<(Scope, ObjectId)> {
        Some((scope_of(scope, &self.requester), self.id.into()))
    }

    /// The groups of the record's own side that name groups of the other side.
    fn add_dependents(
        view: &View<'_>,
        scope: &Scope,
        before: Option<&Self>,
        after: Option<&Self>,
        stale: &mut Stale,
    ) {
        let Some(record) = after.or(before) else { return };
        if before.map(|held| held.decision) == after.map(|held| held.decision) {
            return;
        }
        for side in [&record.requester, &record.accepter] {
            if scope_of(scope, side) == *scope {
                view.parts::<ec2::SecurityGroup, _>(scope, side.vpc)
                    .filter(|group| group.has_peering_connection(record.id))
                    .for_each(|group| stale.add(scope, group.id));
            }
        }
    }
}

pub(super) fn vpc_peering_connection(
    view: &View<'_>,
    record: &ec2::VpcPeeringConnection,
) -> Option<VpcPeeringConnection> {
    view.changes_at(record.changes_after(view.now));
    record.is_active(view.now).then(|| VpcPeeringConnection {
        id: record.id,
        requester: record.requester.vpc,
        accepter: record.accepter.vpc,
        is_inter_region: !record.is_in_one_region(),
    })
}
