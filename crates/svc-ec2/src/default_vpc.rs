//! What every region of every account has from the start: DHCP options, and the default VPC with its subnets and its
//! internet gateway. CreateDefaultVpc, CreateDefaultSubnet.
//!
//! Owns the making of it, once, when the region is first used. Refuses to make it again: who deletes the default VPC
//! asks for another.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc-components.html>

use aws_api::ec2::{self as api, operation as op};
use aws_types::{DhcpOptionsId, Tags, Timestamp};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Record, RecordKind, Scope};

use crate::dhcp_options::DhcpOptions;
use crate::internet_gateway::InternetGateway;
use crate::state::{Edit, State};
use crate::subnet::{self, NewSubnet, Subnet};
use crate::vpc::{self, NewVpc, Tenancy, Vpc};
use crate::{Ec2, due, error, quota, route_table, zone};

/// What marks a region as used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct RegionState {
    /// The DHCP options that new VPCs get.
    dhcp_options: DhcpOptionsId,
}

impl Record for RegionState {
    const KIND: &'static str = "ec2.region";
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<RegionState>()];

const ID: &str = "region";

/// The block of a default VPC; each zone's default subnet is the next `/20` of it.
const BLOCK: &str = "172.31.0.0/16";
const SUBNET_PREFIX: u8 = 20;

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::CreateDefaultVpc>(create).with::<op::CreateDefaultSubnet>(create_subnet)
}

impl Ec2 {
    /// Makes what a region has from the start, unless it has been made. Every request does this first; reconcilers
    /// need not.
    ///
    /// # Errors
    /// `InvalidRegion` for a region that does not exist; a failed commit.
    pub fn ensure_region(&self, scope: &Scope, now: Timestamp) -> Result<(), ServiceError> {
        if self.store.snapshot().contains::<RegionState>(scope, ID) {
            return Ok(());
        }
        if aws_catalog::region(&scope.region).is_none() {
            return Err(ServiceError::new(
                "InvalidRegion",
                format!("The region '{}' does not exist", scope.region),
            ));
        }
        self.transact(scope, now, |edit| {
            if edit.record::<RegionState>(ID).is_some() {
                return Ok(());
            }
            let options = DhcpOptions::of_amazon(edit);
            due::index_all(edit);
            edit.put_record(ID, RegionState { dhcp_options: options.id });
            edit.put(options);
            make(edit).map(drop)
        })
    }
}

/// The DHCP options that a new VPC gets; none when the account has deleted them.
pub(crate) fn dhcp_options(state: &impl State) -> Option<DhcpOptionsId> {
    let region = state.record::<RegionState>(ID)?;
    state.find::<DhcpOptions>(region.dhcp_options).map(|options| options.id)
}

/// The region's default VPC.
pub(crate) fn find(state: &impl State) -> Option<std::sync::Arc<Vpc>> {
    state.all::<Vpc>().find(|vpc| vpc.is_default)
}

/// The region's default VPC, for a request that names none.
///
/// # Errors
/// `VPCIdNotSpecified` when there is none.
pub(crate) fn required(state: &impl State) -> Result<std::sync::Arc<Vpc>, ServiceError> {
    find(state).ok_or_else(|| ServiceError::new("VPCIdNotSpecified", "No default VPC for this user"))
}

fn make(edit: &mut Edit<'_>) -> Result<Vpc, ServiceError> {
    let block: Ipv4Net = BLOCK.parse().expect("the block is written correctly");
    let vpc = vpc::make(
        edit,
        NewVpc { block, ipv6: None, tenancy: Tenancy::Default, is_default: true, tags: Tags::default() },
    )?;
    quota::INTERNET_GATEWAYS_PER_REGION.check(edit, edit.count::<InternetGateway>() + 1)?;
    let gateway = InternetGateway { id: edit.new_id(), attachment: Some(vpc.id), tags: Tags::default() };
    route_table::add_default_route(edit, vpc.id, gateway.id);
    edit.put(gateway);
    let zones = zone::zones(edit);
    for (zone, cidr) in zones.into_iter().zip(block.subnets(SUBNET_PREFIX).expect("20 is longer than 16")) {
        subnet::make(
            edit,
            &vpc,
            NewSubnet { zone, cidr, ipv6: None, is_default: true, tags: Tags::default() },
        )?;
    }
    Ok(vpc)
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateDefaultVpcRequest,
) -> Result<api::CreateDefaultVpcResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        if find(edit).is_some() {
            return Err(ServiceError::new(
                "DefaultVpcAlreadyExists",
                "A Default VPC already exists for this account in this region.",
            ));
        }
        let vpc = make(edit)?;
        Ok(api::CreateDefaultVpcResult { vpc: Some(vpc::shown_as_made(edit, &vpc)) })
    })
}

fn create_subnet(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateDefaultSubnetRequest,
) -> Result<api::CreateDefaultSubnetResult, ServiceError> {
    if input.ipv6_native == Some(true) {
        return Err(error::unsupported("IPv6-only subnets are not supported."));
    }
    let by_id = input.availability_zone_id.as_deref();
    if input.availability_zone.is_none() && by_id.is_none() {
        return Err(error::missing("availabilityZone"));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let zone =
            zone::choose(edit, input.availability_zone.as_deref(), by_id)?.expect("one of them was given");
        let vpc = find(edit).ok_or_else(|| {
            ServiceError::new(
                "DefaultVpcDoesNotExist",
                "There is no Default VPC for this account in this region.",
            )
        })?;
        let siblings: Vec<_> = edit.parts::<Subnet, _>(vpc.id).collect();
        if let Some(held) = siblings.iter().find(|subnet| subnet.is_default && subnet.zone == zone.name) {
            return Err(ServiceError::new(
                "DefaultSubnetAlreadyExistsInAvailabilityZone",
                format!("'{}' is already the default subnet in {}.", held.id, zone.name),
            ));
        }
        let mut blocks = vpc.primary_block().subnets(SUBNET_PREFIX).expect("20 is longer than 16");
        let cidr = blocks
            .find(|cidr| !siblings.iter().any(|subnet| vpc_model::vpc::overlap(subnet.cidr, *cidr)))
            .ok_or_else(|| {
                ServiceError::new(
                    "InsufficientSubnetCidr",
                    "There is no room for a default subnet in the Default VPC.",
                )
            })?;
        let new = NewSubnet { zone, cidr, ipv6: None, is_default: true, tags: Tags::default() };
        let subnet = subnet::make(edit, &vpc, new)?;
        Ok(api::CreateDefaultSubnetResult { subnet: Some(subnet::shown(edit, &subnet, 0)) })
    })
}
