//! The address blocks of a VPC: AssociateVpcCidrBlock, DisassociateVpcCidrBlock.
//!
//! Owns which blocks a VPC may have. Refuses to know routes; a VPC's local routes follow from its blocks.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html>

use aws_api::ec2::{self as api, operation as op};
use aws_types::{Region, VpcCidrAssociationId};
use ipnet::{Ipv4Net, Ipv6Net};
use service_api::{Operations, RequestContext, ServiceError};
use vpc_model::vpc::{PREFIX_MAX, PREFIX_MIN, VpcCidrError, check_additional_cidr, overlap};

use super::Vpc;
use crate::byoip::pool;
use crate::cidr::{self, Ipv6Source, VpcCidrAssociation, VpcIpv6CidrAssociation};
use crate::quota::{IPV4_BLOCKS_PER_VPC, IPV6_BLOCKS_PER_VPC, Quota};
use crate::route_table::route;
use crate::state::{Edit, State};
use crate::subnet::Subnet;
use crate::{Ec2, counter, error, network_acl, vpc_peering_connection, zone};

/// The shortest and longest prefix of a VPC's or subnet's IPv4 block.
pub(crate) const PREFIX_LENGTHS: std::ops::RangeInclusive<u8> = PREFIX_MIN..=PREFIX_MAX;

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::AssociateVpcCidrBlock>(associate).with::<op::DisassociateVpcCidrBlock>(disassociate)
}

fn block(text: &str) -> Ipv4Net {
    text.parse().expect("the blocks in this file are written correctly")
}

fn invalid(block: Ipv4Net) -> ServiceError {
    ServiceError::new("InvalidVpc.Range", format!("The CIDR '{block}' is invalid."))
}

/// The error when the IPv6 pool is used up.
pub(crate) fn no_ipv6_left() -> ServiceError {
    ServiceError::new("InsufficientCapacity", "There are no Amazon-provided IPv6 CIDR blocks left.")
}

/// Reads a block that a VPC may have as such.
///
/// # Errors
/// `InvalidParameterValue` for what is no block, `InvalidVpc.Range` for one of a wrong size or of special addresses.
pub(crate) fn parse(text: &str) -> Result<Ipv4Net, ServiceError> {
    let parsed = cidr::parse_v4(text)
        .ok_or_else(|| error::invalid_value_for(text, "cidrBlock", "This is not a valid CIDR block."))?;
    // "This" network, loopback, link-local, multicast and reserved addresses cannot be given to interfaces.
    let special = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"];
    if !PREFIX_LENGTHS.contains(&parsed.prefix_len())
        || special.iter().any(|special| overlap(block(special), parsed))
    {
        return Err(invalid(parsed));
    }
    Ok(parsed)
}

/// An IPv4 block as answers have it.
pub(super) fn shown(state: &impl State, association: &VpcCidrAssociation) -> api::VpcCidrBlockAssociation {
    api::VpcCidrBlockAssociation {
        association_id: Some(association.id.to_string()),
        cidr_block: Some(association.block.to_string()),
        cidr_block_state: Some(api::VpcCidrBlockState {
            state: Some(association.state(state.now()).to_owned()),
            ..Default::default()
        }),
    }
}

/// An IPv6 block as answers have it.
pub(super) fn shown_v6(
    state: &impl State,
    association: &VpcIpv6CidrAssociation,
) -> api::VpcIpv6CidrBlockAssociation {
    let (ip_source, ipv6_address_attribute) = Ipv6Source::shown(association.source);
    let pool = association.source.map_or_else(|| "Amazon".to_owned(), |source| source.pool.to_string());
    api::VpcIpv6CidrBlockAssociation {
        association_id: Some(association.id.to_string()),
        ip_source,
        ipv6_address_attribute,
        ipv6_cidr_block: Some(association.block.to_string()),
        ipv6_cidr_block_state: Some(api::VpcCidrBlockState {
            state: Some(association.state(state.now()).to_owned()),
            ..Default::default()
        }),
        ipv6_pool: Some(pool),
        network_border_group: Some(state.region().to_string()),
    }
}

/// Checks from where an IPv6 block is to be advertised: a region is one border group here.
///
/// # Errors
/// `InvalidParameterValue` for another group, `InvalidParameterCombination` for one without an Amazon-provided block.
pub(super) fn check_border_group(
    region: &Region,
    group: Option<&str>,
    is_amazon_provided: Option<bool>,
) -> Result<(), ServiceError> {
    if group.is_some() && is_amazon_provided != Some(true) {
        return Err(error::combination(
            "The parameter ipv6CidrBlockNetworkBorderGroup can only be used with an Amazon-provided IPv6 CIDR block",
        ));
    }
    zone::check_border_group_of(region, "ipv6CidrBlockNetworkBorderGroup", group)
}

/// What IPv6 block a request wants for a VPC.
#[derive(Clone, Debug)]
pub(crate) enum Ipv6Wish {
    /// Amazon's.
    Amazon,
    /// One out of a pool of the account's: this one, or any.
    Pool(String, Option<Ipv6Net>),
}

/// What requests for VPCs and for further blocks say of IPv6.
pub(super) struct Ipv6Members<'a> {
    pub(super) is_amazon_provided: Option<bool>,
    pub(super) pool: Option<&'a String>,
    pub(super) block: Option<&'a String>,
    pub(super) ipam_pool: Option<&'a String>,
    pub(super) netmask_length: Option<i32>,
    pub(super) border_group: Option<&'a String>,
}

impl Ipv6Members<'_> {
    /// # Errors
    /// `UnsupportedOperation` for IPAM pools, `InvalidParameterCombination`, `InvalidParameterValue`, and
    /// `MissingParameter` for a block without its pool.
    pub(super) fn wish(&self, region: &Region) -> Result<Option<Ipv6Wish>, ServiceError> {
        if self.ipam_pool.is_some() || self.netmask_length.is_some() {
            return Err(error::unsupported("IPAM pools are not supported."));
        }
        let group = self.border_group.map(String::as_str);
        check_border_group(region, group, self.is_amazon_provided)?;
        let is_amazon_provided = self.is_amazon_provided == Some(true);
        let Some(pool) = self.pool else {
            return match self.block {
                Some(_) => Err(error::missing("ipv6Pool")),
                None => Ok(is_amazon_provided.then_some(Ipv6Wish::Amazon)),
            };
        };
        if is_amazon_provided {
            return Err(error::combination(
                "The parameter amazonProvidedIpv6CidrBlock cannot be used with the parameter ipv6Pool",
            ));
        }
        let parse = |text: &String| {
            let why = "This is not a valid CIDR block.";
            cidr::parse_v6(text).ok_or_else(|| error::invalid_value_for(text, "ipv6CidrBlock", why))
        };
        Ok(Some(Ipv6Wish::Pool(pool.clone(), self.block.map(parse).transpose()?)))
    }
}

/// Takes the IPv6 block that a request wants.
///
/// # Errors
/// `InsufficientCapacity`, or those of the pool.
pub(super) fn take_ipv6(
    edit: &mut Edit<'_>,
    wish: &Ipv6Wish,
) -> Result<VpcIpv6CidrAssociation, ServiceError> {
    let (block, source) = match wish {
        Ipv6Wish::Amazon => (counter::ipv6_block(edit).ok_or_else(no_ipv6_left)?, None),
        Ipv6Wish::Pool(pool, block) => {
            let (block, source) = pool::take_ipv6(edit, pool, *block)?;
            (block, Some(source))
        }
    };
    Ok(VpcIpv6CidrAssociation { source, ..VpcIpv6CidrAssociation::added(edit.new_id(), block, edit.now()) })
}

fn check_count(edit: &Edit<'_>, vpc: &Vpc, quota: Quota, count: usize) -> Result<(), ServiceError> {
    quota.check(edit, count).map_err(|error| {
        let most = quota.most_in(edit);
        let message = format!("This network {} has met its maximum number of allowed CIDRs: {most}", vpc.id);
        ServiceError::new(error.code, message)
    })
}

fn check_added(edit: &Edit<'_>, vpc: &Vpc, added: Ipv4Net) -> Result<(), ServiceError> {
    let blocks: Vec<Ipv4Net> = vpc.blocks().collect();
    check_additional_cidr(&blocks, added).map_err(|error| match error {
        VpcCidrError::Size(block) => invalid(block),
        VpcCidrError::Overlap(..) => ServiceError::new(
            "InvalidVpc.Conflict",
            format!("The CIDR '{added}' conflicts with another CIDR of the VPC"),
        ),
        VpcCidrError::Restricted(..) => ServiceError::new(
            "InvalidVpc.Range",
            format!(
                "The CIDR '{added}' is restricted. Use a CIDR from the same private address range as the current VPC \
                 CIDR, or use a publicly-routable CIDR. For additional restrictions, see \
                 https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html#add-cidr-block-restrictions"
            ),
        ),
    })?;
    check_count(edit, vpc, IPV4_BLOCKS_PER_VPC, blocks.len() + 1)
}

fn associate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AssociateVpcCidrBlockRequest,
) -> Result<api::AssociateVpcCidrBlockResult, ServiceError> {
    if input.ipv4_ipam_pool_id.is_some() || input.ipv4_netmask_length.is_some() {
        return Err(error::unsupported("IPAM pools are not supported."));
    }
    let members = Ipv6Members {
        is_amazon_provided: input.amazon_provided_ipv6_cidr_block,
        pool: input.ipv6_pool.as_ref(),
        block: input.ipv6_cidr_block.as_ref(),
        ipam_pool: input.ipv6_ipam_pool_id.as_ref(),
        netmask_length: input.ipv6_netmask_length,
        border_group: input.ipv6_cidr_block_network_border_group.as_ref(),
    };
    let wish = members.wish(&context.region)?;
    let added = input.cidr_block.as_deref().map(parse).transpose()?;
    if let (Some(_), Some(wish)) = (added, &wish) {
        let other = match wish {
            Ipv6Wish::Amazon => "amazonProvidedIpv6CidrBlock",
            Ipv6Wish::Pool(..) => "ipv6Pool",
        };
        let message = format!("The parameter cidrBlock cannot be used with the parameter {other}");
        return Err(error::combination(message));
    }
    ec2.edit(context, None, |edit| {
        let mut vpc = Vpc::clone(&*edit.named::<Vpc>(&input.vpc_id)?);
        let now = edit.now();
        vpc.cidr_associations.retain(|association| association.is_shown(now));
        vpc.ipv6_associations.retain(|association| association.is_shown(now));
        let mut answer =
            api::AssociateVpcCidrBlockResult { vpc_id: Some(vpc.id.to_string()), ..Default::default() };
        if let Some(added) = added {
            check_added(edit, &vpc, added)?;
            // <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html#vpc-resize>
            if route::are_in(edit, vpc.id, added.into()) {
                return Err(ServiceError::new(
                    "InvalidVpc.Conflict",
                    format!("The CIDR '{added}' is the destination of a route in a route table of the VPC, or larger"),
                ));
            }
            if let Some(peer) = vpc_peering_connection::overlapping_peer(edit, vpc.id, added) {
                return Err(ServiceError::new(
                    "InvalidVpc.Conflict",
                    format!("The CIDR '{added}' conflicts with a CIDR of the peered VPC {peer}"),
                ));
            }
            let association = VpcCidrAssociation::added(edit.new_id(), added, now);
            answer.cidr_block_association = Some(shown(edit, &association));
            vpc.cidr_associations.push(association);
        } else if let Some(wish) = &wish {
            check_count(edit, &vpc, IPV6_BLOCKS_PER_VPC, vpc.ipv6_blocks().count() + 1)?;
            let association = take_ipv6(edit, wish)?;
            answer.ipv6_cidr_block_association = Some(shown_v6(edit, &association));
            vpc.ipv6_associations.push(association);
            network_acl::open_for_ipv6(edit, vpc.id);
        } else {
            return Err(error::missing_either("cidrBlock", "amazonProvidedIpv6CidrBlock"));
        }
        edit.put(vpc);
        Ok(answer)
    })
}

/// The error for an association that no VPC has.
fn unknown(id: &str) -> ServiceError {
    ServiceError::new(
        "InvalidVpcCidrBlockAssociationID.NotFound",
        format!("The vpc CIDR block association ID '{id}' does not exist"),
    )
}

/// The error for a block that subnets are made of.
fn in_use(block: impl std::fmt::Display) -> ServiceError {
    ServiceError::new(
        "InvalidCidr.InUse",
        format!("The vpc currently has a subnet within CIDR block {block}"),
    )
}

fn disassociate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DisassociateVpcCidrBlockRequest,
) -> Result<api::DisassociateVpcCidrBlockResult, ServiceError> {
    let text = &input.association_id;
    let id: VpcCidrAssociationId = text.parse().map_err(|_| unknown(text))?;
    ec2.edit(context, None, |edit| {
        let now = edit.now();
        let holder = edit.all::<Vpc>().find(|vpc| {
            vpc.cidr_associations.iter().any(|held| held.id == id && held.is_current())
                || vpc.ipv6_associations.iter().any(|held| held.id == id && held.is_current())
        });
        let mut vpc = Vpc::clone(&*holder.ok_or_else(|| unknown(text))?);
        let subnets: Vec<_> = edit.parts::<Subnet, _>(vpc.id).collect();
        let mut answer =
            api::DisassociateVpcCidrBlockResult { vpc_id: Some(vpc.id.to_string()), ..Default::default() };
        if let Some(place) = vpc.cidr_associations.iter().position(|held| held.id == id) {
            if place == 0 {
                return Err(error::not_permitted(format!(
                    "The vpc CIDR block with association ID {id} may not be disassociated. It is the primary IPv4 CIDR \
                     block of the VPC"
                )));
            }
            let association = &mut vpc.cidr_associations[place];
            if subnets.iter().any(|subnet| association.block.contains(&subnet.cidr)) {
                return Err(in_use(association.block));
            }
            association.end(now);
            answer.cidr_block_association = Some(shown(edit, association));
            route::forget_block(edit, vpc.id, association.block.into());
        } else if let Some(association) = vpc.ipv6_associations.iter_mut().find(|held| held.id == id) {
            if subnets.iter().any(|subnet| subnet.ipv6_block().is_some_and(|held| association.block.contains(&held))) {
                return Err(in_use(association.block));
            }
            association.end(now);
            answer.ipv6_cidr_block_association = Some(shown_v6(edit, association));
            route::forget_block(edit, vpc.id, association.block.into());
        }
        edit.put(vpc);
        Ok(answer)
    })
}
