//! The IPv6 block of a subnet: AssociateSubnetCidrBlock, DisassociateSubnetCidrBlock.
//!
//! Owns which blocks a subnet may have. Refuses to know the VPC's pool.

use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::SubnetCidrAssociationId;
use ipnet::Ipv6Net;
use service_api::{Operations, RequestContext, ServiceError};
use vpc_model::vpc::overlap;

use super::{Subnet, conflict, reservation};
use crate::cidr::{self, Ipv6Source, SubnetIpv6CidrAssociation};
use crate::network_interface::NetworkInterface;
use crate::sharing;
use crate::state::State;
use crate::vpc::Vpc;
use crate::{Ec2, error};

/// The shortest and longest prefix of a subnet's IPv6 block; lengths go in steps of four.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html>
const SHORTEST: u8 = 44;
const LONGEST: u8 = 64;
const STEP: u8 = 4;

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::AssociateSubnetCidrBlock>(associate)
        .with::<op::DisassociateSubnetCidrBlock>(disassociate)
}

/// Reads a block that a subnet may have as such.
///
/// # Errors
/// `InvalidParameterValue`, `InvalidSubnet.Range`.
pub(super) fn parse(text: &str) -> Result<Ipv6Net, ServiceError> {
    let block = cidr::parse_v6(text).ok_or_else(|| {
        error::invalid_value_for(text, "ipv6CidrBlock", "This is not a valid IPv6 CIDR block.")
    })?;
    let length = block.prefix_len();
    if (SHORTEST..=LONGEST).contains(&length) && length.is_multiple_of(STEP) {
        Ok(block)
    } else {
        Err(invalid(block))
    }
}

fn invalid(block: Ipv6Net) -> ServiceError {
    ServiceError::new("InvalidSubnet.Range", format!("The CIDR '{block}' is invalid."))
}

/// Checks a block against the VPC and the other subnets.
///
/// # Errors
/// `InvalidSubnet.Range`, `InvalidSubnet.Conflict`.
pub(super) fn check(vpc: &Vpc, siblings: &[Arc<Subnet>], block: Ipv6Net) -> Result<(), ServiceError> {
    if !vpc.ipv6_blocks().any(|held| held.contains(&block)) {
        return Err(invalid(block));
    }
    let overlaps = |held: Ipv6Net| overlap(held, block);
    if siblings.iter().filter_map(|subnet| subnet.ipv6_block()).any(overlaps) {
        return Err(conflict(block));
    }
    Ok(())
}

/// An IPv6 block as answers have it.
pub(super) fn shown(
    state: &impl State,
    association: &SubnetIpv6CidrAssociation,
) -> api::SubnetIpv6CidrBlockAssociation {
    let (ip_source, ipv6_address_attribute) = Ipv6Source::shown(association.source);
    api::SubnetIpv6CidrBlockAssociation {
        association_id: Some(association.id.to_string()),
        ip_source,
        ipv6_address_attribute,
        ipv6_cidr_block: Some(association.block.to_string()),
        ipv6_cidr_block_state: Some(api::SubnetCidrBlockState {
            state: Some(association.state(state.now()).to_owned()),
            ..Default::default()
        }),
    }
}

fn associate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AssociateSubnetCidrBlockRequest,
) -> Result<api::AssociateSubnetCidrBlockResult, ServiceError> {
    if input.ipv6_ipam_pool_id.is_some() || input.ipv6_netmask_length.is_some() {
        return Err(error::unsupported("IPAM pools are not supported."));
    }
    let block = parse(input.ipv6_cidr_block.as_deref().ok_or_else(|| error::missing("ipv6CidrBlock"))?)?;
    ec2.edit(context, None, |edit| {
        let mut subnet = Subnet::clone(&*edit.named::<Subnet>(&input.subnet_id)?);
        let vpc = edit.held::<Vpc>(subnet.vpc)?;
        let now = edit.now();
        subnet.ipv6_associations.retain(|held| held.is_shown(now));
        if subnet.ipv6_block().is_some() {
            return Err(ServiceError::new(
                "InvalidSubnet.Conflict",
                format!("Subnet {} already has an IPv6 CIDR block.", subnet.id),
            ));
        }
        let siblings: Vec<_> = edit.parts::<Subnet, _>(vpc.id).collect();
        check(&vpc, &siblings, block)?;
        let mut association = SubnetIpv6CidrAssociation::added(edit.new_id(), block, now);
        association.source = vpc.ipv6_source(block);
        let answer = api::AssociateSubnetCidrBlockResult {
            ipv6_cidr_block_association: Some(shown(edit, &association)),
            subnet_id: Some(subnet.id.to_string()),
        };
        subnet.ipv6_associations.push(association);
        edit.put(subnet);
        Ok(answer)
    })
}

fn disassociate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DisassociateSubnetCidrBlockRequest,
) -> Result<api::DisassociateSubnetCidrBlockResult, ServiceError> {
    let text = &input.association_id;
    let unknown = || {
        ServiceError::new(
            "InvalidSubnetCidrBlockAssociationID.NotFound",
            format!("The subnet CIDR block with association ID '{text}' does not exist"),
        )
    };
    let id: SubnetCidrAssociationId = text.parse().map_err(|_| unknown())?;
    ec2.edit(context, None, |edit| {
        let is_it = |held: &SubnetIpv6CidrAssociation| held.id == id && held.is_current();
        let holder = edit.all::<Subnet>().find(|subnet| subnet.ipv6_associations.iter().any(is_it));
        let mut subnet = Subnet::clone(&*holder.ok_or_else(unknown)?);
        let id_of_subnet = subnet.id;
        let association = subnet.ipv6_associations.iter_mut().find(|held| is_it(held)).ok_or_else(unknown)?;
        let scopes = sharing::scopes_with::<NetworkInterface>(edit);
        let is_used = sharing::parts_of::<NetworkInterface, _>(edit, &scopes, id_of_subnet)
            .any(|interface| interface.address_counts().1 > 0);
        let is_reserved = reservation::of(edit, id_of_subnet).iter().any(|held| held.block.addr().is_ipv6());
        if is_reserved {
            return Err(ServiceError::new(
                "InvalidCidr.InUse",
                format!("The CIDR block {} has subnet CIDR reservations", association.block),
            ));
        }
        if is_used {
            return Err(ServiceError::new(
                "InvalidCidr.InUse",
                format!("Network interfaces use addresses of the CIDR block {}", association.block),
            ));
        }
        association.end(edit.now());
        let answer = api::DisassociateSubnetCidrBlockResult {
            ipv6_cidr_block_association: Some(shown(edit, association)),
            subnet_id: Some(id_of_subnet.to_string()),
        };
        subnet.assign_ipv6_address_on_creation = false;
        edit.put(subnet);
        Ok(answer)
    })
}
