//! CreateVpcPeeringConnection.
//!
//! Owns whom a VPC can ask, and which requests fail. Refuses to know what becomes of a request.

use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, Tags};
use service_api::{Operations, RequestContext, ServiceError};
use store::Read;

use super::{
    ACCEPTABLE_MILLIS, PeeredVpc, PeeringDecision, PeeringState, VpcPeeringConnection, scope_of, shown,
};
use crate::state::{Edit, State, parse_id};
use crate::vpc::Vpc;
use crate::{Ec2, error, pace, quota, tag, zone};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::CreateVpcPeeringConnection>(create)
}

fn account(text: &str) -> Result<AccountId, ServiceError> {
    text.parse().map_err(|error: aws_types::ParseAccountIdError| {
        error::invalid_value_for(text, "peerOwnerId", &format!("{error}."))
    })
}

/// Whether two VPCs can be connected: the peer exists, and no blocks overlap.
fn is_possible(edit: &Edit<'_>, vpc: &Vpc, accepter: &PeeredVpc) -> bool {
    let peer = edit.reader().get::<Vpc>(&scope_of(edit, accepter), &accepter.vpc.to_string());
    peer.is_some_and(|peer| {
        !vpc.blocks().any(|block| peer.blocks().any(|other| vpc_model::vpc::overlap(block, other)))
    })
}

/// # Errors
/// `VpcPeeringConnectionAlreadyExists`, `OutstandingVpcPeeringConnectionLimitExceeded`.
fn check_others(edit: &Edit<'_>, requester: &PeeredVpc, accepter: &PeeredVpc) -> Result<(), ServiceError> {
    let now = edit.now();
    let mut outstanding = 0;
    for held in edit.all::<VpcPeeringConnection>() {
        if !held.is_live(now) {
            continue;
        }
        if held.is_between(requester, accepter) {
            return Err(ServiceError::new(
                "VpcPeeringConnectionAlreadyExists",
                format!(
                    "The VPC peering connection {} between {} and {} already exists",
                    held.id, requester.vpc, accepter.vpc
                ),
            ));
        }
        let is_open =
            matches!(held.state(now), PeeringState::InitiatingRequest | PeeringState::PendingAcceptance);
        let is_own = held.requester.account == requester.account && held.requester.region == requester.region;
        outstanding += usize::from(is_open && is_own);
    }
    quota::OUTSTANDING_PEERING_REQUESTS.check(edit, outstanding + 1)
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateVpcPeeringConnectionRequest,
) -> Result<api::CreateVpcPeeringConnectionResult, ServiceError> {
    if input.requester_peering_connection_options.is_some() {
        return Err(error::unsupported("Multipath resilience of peering connections is not supported."));
    }
    let tags = tag::specified(input.tag_specifications.as_ref(), "vpc-peering-connection")?;
    let peer = input.peer_vpc_id.as_deref().ok_or_else(|| error::missing("peerVpcId"))?;
    let peer = parse_id::<Vpc>(peer)?;
    let peer_account = input.peer_owner_id.as_deref().map(account).transpose()?;
    let named = |text| zone::region_named(text, "peerRegion");
    let peer_region = input.peer_region.as_deref().map(named).transpose()?;
    ec2.edit(context, input.dry_run, |edit| {
        let vpc = edit.named::<Vpc>(&input.vpc_id)?;
        let requester = PeeredVpc {
            account: edit.account(),
            region: edit.region().clone(),
            vpc: vpc.id,
            allow_dns_resolution: false,
        };
        let accepter = PeeredVpc {
            account: peer_account.unwrap_or(requester.account),
            region: peer_region.unwrap_or_else(|| requester.region.clone()),
            vpc: peer,
            allow_dns_resolution: false,
        };
        let is_possible = is_possible(edit, &vpc, &accepter);
        if is_possible {
            check_others(edit, &requester, &accepter)?;
        }
        let connection = VpcPeeringConnection {
            id: edit.new_id(),
            holder: requester.account,
            requester,
            accepter,
            requested_at: pace::PEERING_REQUEST.done_at(edit),
            expires_at: edit.now().plus_millis(ACCEPTABLE_MILLIS),
            decision: if is_possible { PeeringDecision::None } else { PeeringDecision::Failed },
            tags,
        };
        let (requester, accepter) = (&connection.requester, &connection.accepter);
        let is_elsewhere = scope_of(edit, requester) != scope_of(edit, accepter);
        // Whoever is asked in vain hears nothing of it.
        if is_possible && is_elsewhere {
            let copy = VpcPeeringConnection {
                holder: accepter.account,
                tags: Tags::default(),
                ..connection.clone()
            };
            edit.elsewhere(accepter.account, accepter.region.clone()).put(copy);
        }
        edit.put(connection.clone());
        Ok(api::CreateVpcPeeringConnectionResult { vpc_peering_connection: Some(shown(edit, &connection)) })
    })
}
