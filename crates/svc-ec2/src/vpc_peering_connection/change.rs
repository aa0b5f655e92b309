//! AcceptVpcPeeringConnection, RejectVpcPeeringConnection, DeleteVpcPeeringConnection and
//! ModifyVpcPeeringConnectionOptions.
//!
//! Owns who may change a connection, and in which state. Refuses to know how one is asked for.

use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::{PeeredVpc, PeeringDecision, PeeringState, VpcPeeringConnection, shown, write};
use crate::state::{Edit, State};
use crate::{Ec2, error, pace, quota};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::AcceptVpcPeeringConnection>(accept)
        .with::<op::RejectVpcPeeringConnection>(reject)
        .with::<op::DeleteVpcPeeringConnection>(delete)
        .with::<op::ModifyVpcPeeringConnectionOptions>(modify_options)
}

fn wrong_state(connection: &VpcPeeringConnection, from: PeeringState, to: &str) -> ServiceError {
    ServiceError::new(
        "InvalidStateTransition",
        format!(
            "Invalid state transition for {}, attempted to transition from {} to {to}",
            connection.id,
            from.as_str()
        ),
    )
}

/// Checks that the request comes from the accepter, whose answer is `done`, such as `accepted`.
///
/// # Errors
/// `OperationNotPermitted`.
fn check_accepter(
    edit: &Edit<'_>,
    connection: &VpcPeeringConnection,
    doing: &str,
    done: &str,
) -> Result<(), ServiceError> {
    let accepter = &connection.accepter;
    if edit.account() != accepter.account {
        let message = format!("User ({}) cannot {doing} peering {}", edit.account(), connection.id);
        return Err(error::not_permitted(message));
    }
    if *edit.region() != accepter.region {
        return Err(error::not_permitted(format!(
            "Incorrect region ({}) specified for this request. VPC peering connection {} must be {done} in region {}",
            edit.region(),
            connection.id,
            accepter.region
        )));
    }
    Ok(())
}

/// Checks that the accepter can answer: the request is under way or with it, and will not fail.
fn check_open(edit: &Edit<'_>, connection: &VpcPeeringConnection, to: &str) -> Result<(), ServiceError> {
    let state = connection.state(edit.now());
    let is_open = match state {
        PeeringState::PendingAcceptance => true,
        PeeringState::InitiatingRequest => connection.decision == PeeringDecision::None,
        PeeringState::Provisioning
        | PeeringState::Active
        | PeeringState::Deleting
        | PeeringState::Deleted
        | PeeringState::Rejected
        | PeeringState::Failed
        | PeeringState::Expired => false,
    };
    if is_open { Ok(()) } else { Err(wrong_state(connection, state, to)) }
}

/// # Errors
/// `ActiveVpcPeeringConnectionPerVpcLimitExceeded`.
fn check_active_quota(edit: &mut Edit<'_>, side: &PeeredVpc) -> Result<(), ServiceError> {
    let there = edit.elsewhere(side.account, side.region.clone());
    let now = there.now();
    let is_accepted = |held: &Arc<VpcPeeringConnection>| {
        held.peer_of(side.vpc).is_some()
            && matches!(held.state(now), PeeringState::Provisioning | PeeringState::Active)
    };
    let count = there.all::<VpcPeeringConnection>().filter(is_accepted).count();
    quota::ACTIVE_PEERING_CONNECTIONS_PER_VPC.check(&there, count + 1)
}

fn accept(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AcceptVpcPeeringConnectionRequest,
) -> Result<api::AcceptVpcPeeringConnectionResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let connection = edit.named::<VpcPeeringConnection>(&input.vpc_peering_connection_id)?;
        check_accepter(edit, &connection, "accept", "accepted")?;
        check_open(edit, &connection, "provisioning")?;
        for side in [&connection.requester, &connection.accepter] {
            check_active_quota(edit, side)?;
        }
        let active_at = pace::PEERING_CHANGE.done_at(edit);
        write(edit, &connection, |copy| copy.decision = PeeringDecision::Accepted { active_at });
        let connection = edit.held::<VpcPeeringConnection>(connection.id)?;
        Ok(api::AcceptVpcPeeringConnectionResult { vpc_peering_connection: Some(shown(edit, &connection)) })
    })
}

fn reject(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::RejectVpcPeeringConnectionRequest,
) -> Result<api::RejectVpcPeeringConnectionResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let connection = edit.named::<VpcPeeringConnection>(&input.vpc_peering_connection_id)?;
        check_accepter(edit, &connection, "reject", "accepted or rejected")?;
        check_open(edit, &connection, "rejected")?;
        let at = edit.now();
        write(edit, &connection, |copy| copy.decision = PeeringDecision::Rejected { at });
        Ok(api::RejectVpcPeeringConnectionResult { r#return: Some(true) })
    })
}

/// Both owners can delete an active connection, and who asked for it one that is not accepted yet.
fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteVpcPeeringConnectionRequest,
) -> Result<api::DeleteVpcPeeringConnectionResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let connection = edit.named::<VpcPeeringConnection>(&input.vpc_peering_connection_id)?;
        match connection.state(edit.now()) {
            PeeringState::Provisioning | PeeringState::Active => {}
            PeeringState::InitiatingRequest | PeeringState::PendingAcceptance => {
                check_open(edit, &connection, "deleting")?;
                if edit.account() != connection.requester.account {
                    let message =
                        format!("User ({}) cannot delete peering {}", edit.account(), connection.id);
                    return Err(error::not_permitted(message));
                }
            }
            state @ (PeeringState::Deleting
            | PeeringState::Deleted
            | PeeringState::Rejected
            | PeeringState::Failed
            | PeeringState::Expired) => return Err(wrong_state(&connection, state, "deleting")),
        }
        let decision =
            PeeringDecision::Deleted { by: edit.account(), done_at: pace::PEERING_CHANGE.done_at(edit) };
        write(edit, &connection, |copy| copy.decision = decision);
        Ok(api::DeleteVpcPeeringConnectionResult { r#return: Some(true) })
    })
}

/// Whether the other VPC is to resolve names to private addresses, as a request has it.
fn wanted_dns(options: Option<&api::PeeringConnectionOptionsRequest>) -> Result<Option<bool>, ServiceError> {
    let Some(options) = options else { return Ok(None) };
    if options.allow_egress_from_local_classic_link_to_remote_vpc == Some(true)
        || options.allow_egress_from_local_vpc_to_remote_classic_link == Some(true)
    {
        return Err(error::unsupported("There is no EC2-Classic any more to be linked with."));
    }
    if options.allow_multipath_resilience.is_some() || options.multipath_resilience_mode.is_some() {
        return Err(error::unsupported("Multipath resilience of peering connections is not supported."));
    }
    Ok(options.allow_dns_resolution_from_remote_vpc)
}

/// Checks that the options of a side can be changed from here.
///
/// # Errors
/// `OperationNotPermitted`.
fn check_side(edit: &Edit<'_>, noun: &str, side: &PeeredVpc, id: &str) -> Result<(), ServiceError> {
    if side.account != edit.account() {
        let message = format!("User ({}) cannot modify {noun} options of peering {id}", edit.account());
        return Err(error::not_permitted(message));
    }
    if side.region != *edit.region() {
        return Err(error::not_permitted(format!(
            "Incorrect region ({}) specified for this request. The {noun} options of VPC peering connection {id} must \
             be modified in region {}",
            edit.region(),
            side.region
        )));
    }
    Ok(())
}

fn modify_options(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyVpcPeeringConnectionOptionsRequest,
) -> Result<api::ModifyVpcPeeringConnectionOptionsResult, ServiceError> {
    let requester = wanted_dns(input.requester_peering_connection_options.as_ref())?;
    let accepter = wanted_dns(input.accepter_peering_connection_options.as_ref())?;
    let has_requester = input.requester_peering_connection_options.is_some();
    let has_accepter = input.accepter_peering_connection_options.is_some();
    if !has_requester && !has_accepter {
        return Err(error::missing_either(
            "accepterPeeringConnectionOptions",
            "requesterPeeringConnectionOptions",
        ));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let id = &input.vpc_peering_connection_id;
        let connection = edit.named::<VpcPeeringConnection>(id)?;
        if !connection.is_active(edit.now()) {
            return Err(error::not_permitted(format!(
                "Peering {id} is not active. Peering options can be added only to active peerings."
            )));
        }
        if has_requester {
            check_side(edit, "requester", &connection.requester, id)?;
        }
        if has_accepter {
            check_side(edit, "accepter", &connection.accepter, id)?;
        }
        write(edit, &connection, |copy| {
            copy.requester.allow_dns_resolution = requester.unwrap_or(copy.requester.allow_dns_resolution);
            copy.accepter.allow_dns_resolution = accepter.unwrap_or(copy.accepter.allow_dns_resolution);
        });
        let connection = edit.held::<VpcPeeringConnection>(connection.id)?;
        let shown = |side: &PeeredVpc| api::PeeringConnectionOptions {
            allow_dns_resolution_from_remote_vpc: Some(side.allow_dns_resolution),
            allow_egress_from_local_classic_link_to_remote_vpc: Some(false),
            allow_egress_from_local_vpc_to_remote_classic_link: Some(false),
            ..Default::default()
        };
        Ok(api::ModifyVpcPeeringConnectionOptionsResult {
            accepter_peering_connection_options: has_accepter.then(|| shown(&connection.accepter)),
            requester_peering_connection_options: has_requester.then(|| shown(&connection.requester)),
        })
    })
}
