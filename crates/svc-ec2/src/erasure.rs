//! What an account that is closed for good has in a region, before its records go.
//!
//! Owns what of it concerns others: instances that are to end on the host, what other accounts have on record of the same
//! things, and what the whole cloud lends. Refuses to know when an account is closed for good, and to remove the records
//! that concern nobody else: whoever asks removes them afterwards.
//! <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-closing.html>

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_types::{AccountId, SubnetId, Timestamp, VpcId};
use service_api::ServiceError;
use store::{Read as _, Scope};

use crate::byoip::BroughtRange;
use crate::record::{
    ElasticIp, Event, Instance, InstanceState, Ipv6Pool, NetworkInterface, PublicIpv4Pool, SecurityGroup,
    Snapshot, Subnet, TransitGatewayAttachment, Vpc, VpcEndpoint, VpcEndpointService, VpcPeeringConnection,
};
use crate::state::{Edit, Resource, State};
use crate::{
    Ec2, elastic_ip, network_interface, snapshot, transit_gateway, vpc_endpoint, vpc_endpoint_service,
    vpc_peering_connection,
};

/// How far an account's part of a region has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// There is more to do, and it can be done now.
    Going,
    /// Instances have to end on the host first, or other accounts have something in its VPCs.
    Waiting,
    /// What is left concerns nobody else.
    Ready,
}

/// How many things one step is about at most, so that none takes long.
const MOST_AT_ONCE: usize = 100;

impl Ec2 {
    /// Goes one step further. Each step is whole, and may be done again.
    ///
    /// # Errors
    /// A failed commit.
    pub fn erase(&self, scope: &Scope, now: Timestamp) -> Result<Erasure, ServiceError> {
        self.transact(scope, now, |edit| Ok(step(edit)))
    }
}

fn step(edit: &mut Edit<'_>) -> Erasure {
    let mut left = MOST_AT_ONCE;
    end_instances(edit, &mut left);
    if left == 0 {
        return Erasure::Going;
    }
    let is_there = |instance: &Instance| instance.state != InstanceState::Terminated;
    if edit.all::<Instance>().any(|instance| is_there(&instance)) || others_are_in(edit) {
        return Erasure::Waiting;
    }
    let parts: [fn(&mut Edit<'_>, &mut usize); 8] = [
        |edit, left| each::<TransitGatewayAttachment>(edit, left, transit_gateway::detach),
        |edit, left| {
            let others = transit_gateway::attachments_to_others(edit, *left);
            *left -= others.len();
            others.into_iter().for_each(|(owner, held)| transit_gateway::leave(edit, owner, held));
        },
        |edit, left| each::<VpcPeeringConnection>(edit, left, vpc_peering_connection::give_up),
        |edit, left| each::<VpcEndpoint>(edit, left, vpc_endpoint::disconnect),
        |edit, left| each::<VpcEndpointService>(edit, left, vpc_endpoint_service::withdraw),
        |edit, left| each::<Snapshot>(edit, left, |edit, held| snapshot::permission::forget(edit, held.id)),
        |edit, left| each::<NetworkInterface>(edit, left, network_interface::remove),
        addresses,
    ];
    for part in parts {
        part(edit, &mut left);
        if left == 0 {
            return Erasure::Going;
        }
    }
    Erasure::Ready
}

/// Gives up the account's resources of a kind, and removes their records.
fn each<R: Resource>(edit: &mut Edit<'_>, left: &mut usize, give_up: fn(&mut Edit<'_>, &R)) {
    let held: Vec<Arc<R>> = edit.reader().scan::<R>(edit.scope()).map(|(_, held)| held).take(*left).collect();
    *left -= held.len();
    for one in held {
        give_up(edit, &one);
        edit.remove::<R>(one.id());
    }
}

/// The addresses that it has of the cloud's, and the ranges that it has brought, which others can bring from now on.
fn addresses(edit: &mut Edit<'_>, left: &mut usize) {
    each::<ElasticIp>(edit, left, elastic_ip::give_up);
    each::<PublicIpv4Pool>(edit, left, |edit, pool| free_range(edit, &pool.id.to_string()));
    each::<Ipv6Pool>(edit, left, |edit, pool| free_range(edit, &pool.id.to_string()));
}

fn free_range(edit: &mut Edit<'_>, pool: &str) {
    edit.whole_cloud().remove_timed::<BroughtRange>(pool);
}

/// Has instances terminated, those too that requests may not terminate.
fn end_instances(edit: &mut Edit<'_>, left: &mut usize) {
    let living: Vec<Arc<Instance>> = edit
        .reader()
        .scan::<Instance>(edit.scope())
        .map(|(_, instance)| instance)
        .filter(|instance| !matches!(instance.state, InstanceState::ShuttingDown | InstanceState::Terminated))
        .take(*left)
        .collect();
    *left -= living.len();
    for instance in living {
        if let Ok(after) = instance.state.transition(Event::TerminateRequested) {
            let mut instance = Arc::unwrap_or_clone(instance);
            instance.enter(after, edit.now());
            edit.put(instance);
        }
    }
}

/// Whether other accounts have an interface in a subnet of this one's, or a group in a VPC. What they have there goes on being
/// theirs to remove.
fn others_are_in(edit: &Edit<'_>) -> bool {
    let subnets: BTreeSet<SubnetId> = edit.all::<Subnet>().map(|subnet| subnet.id).collect();
    let vpcs: BTreeSet<VpcId> = edit.all::<Vpc>().map(|vpc| vpc.id).collect();
    let others: BTreeSet<AccountId> = resource_shares::related(edit.reader(), edit.scope());
    others.into_iter().map(|account| edit.part_of(account)).any(|scope| {
        let reader = edit.reader();
        reader.scan::<NetworkInterface>(&scope).any(|(_, held)| subnets.contains(&held.subnet))
            || reader.scan::<SecurityGroup>(&scope).any(|(_, held)| vpcs.contains(&held.vpc))
    })
}
