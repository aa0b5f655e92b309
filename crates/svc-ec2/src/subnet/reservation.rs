//! Reservations of blocks in a subnet: CreateSubnetCidrReservation, DeleteSubnetCidrReservation,
//! GetSubnetCidrReservations.
//!
//! Owns the record. Refuses to choose addresses: [`super::address`] stays out of reserved blocks.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/subnet-cidr-reservation.html>

use aws_api::ec2::{self as api, operation as op};
use aws_types::{SubnetCidrReservationId, SubnetId, Tags};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use vpc_model::vpc::overlap;

use super::Subnet;
use crate::filter::{Filters, text};
use crate::page::Page;
use crate::state::{Edit, Naming, State, resource};
use crate::{Ec2, cidr, error, tag};

/// What a reserved block is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReservationType {
    /// Prefixes of interfaces.
    Prefix,
    /// Addresses that requests name.
    Explicit,
}

impl ReservationType {
    /// As answers print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::Explicit => "explicit",
        }
    }
}

/// A reserved block of a subnet: no interface gets an address of it without naming it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubnetCidrReservation {
    /// Its id.
    pub id: SubnetCidrReservationId,
    /// The subnet that the block is part of.
    pub subnet: SubnetId,
    /// The block.
    pub block: IpNet,
    /// What it is for.
    pub reservation_type: ReservationType,
    /// What its maker says it is for.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    SubnetCidrReservation,
    SubnetCidrReservationId,
    "ec2.subnet-cidr-reservation" in subnet,
    Naming {
        resource_type: "subnet-cidr-reservation",
        noun: "subnet CIDR reservation",
        not_found: "InvalidSubnetCidrReservationID.NotFound",
        malformed: "InvalidSubnetCidrReservationID.Malformed",
    }
);

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateSubnetCidrReservation>(create)
        .with::<op::DeleteSubnetCidrReservation>(delete)
        .with::<op::GetSubnetCidrReservations>(describe)
}

/// The reservations in a subnet.
pub(super) fn of(state: &impl State, subnet: SubnetId) -> Vec<SubnetCidrReservation> {
    state.parts::<SubnetCidrReservation, _>(subnet).map(std::sync::Arc::unwrap_or_clone).collect()
}

/// Removes the reservations of a subnet that is deleted.
pub(super) fn forget(edit: &mut Edit<'_>, subnet: SubnetId) {
    for held in of(edit, subnet) {
        edit.remove::<SubnetCidrReservation>(held.id);
    }
}

fn parse(text: &str) -> Result<IpNet, ServiceError> {
    let v4 = cidr::parse_v4(text).map(IpNet::V4);
    v4.or_else(|| cidr::parse_v6(text).map(IpNet::V6))
        .ok_or_else(|| error::invalid_value_for(text, "cidr", "This is not a valid CIDR block."))
}

/// Checks that a block is a part of the subnet and no other reservation has any of it.
fn check(edit: &Edit<'_>, subnet: &Subnet, block: IpNet) -> Result<(), ServiceError> {
    let blocks = [Some(IpNet::V4(subnet.cidr)), subnet.ipv6_block().map(IpNet::V6)];
    if !blocks.iter().flatten().any(|whole| whole.contains(&block)) {
        return Err(error::invalid_value(format!(
            "The CIDR '{block}' does not fall within the CIDR blocks of the subnet '{}'.",
            subnet.id
        )));
    }
    let overlaps = |held: &SubnetCidrReservation| overlap(held.block, block);
    match of(edit, subnet.id).iter().find(|held| overlaps(held)) {
        Some(held) => Err(ServiceError::new(
            "InvalidCidr.Conflict",
            format!("The CIDR '{block}' conflicts with the subnet CIDR reservation '{}'.", held.id),
        )),
        None => Ok(()),
    }
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateSubnetCidrReservationRequest,
) -> Result<api::CreateSubnetCidrReservationResult, ServiceError> {
    let block = parse(&input.cidr)?;
    let reservation_type = match input.reservation_type.as_str() {
        "prefix" => ReservationType::Prefix,
        "explicit" => ReservationType::Explicit,
        other => {
            let why = "It must be prefix or explicit.";
            return Err(error::invalid_value_for(other, "reservationType", why));
        }
    };
    let tags = tag::specified(input.tag_specifications.as_ref(), "subnet-cidr-reservation")?;
    ec2.edit(context, input.dry_run, |edit| {
        let subnet = edit.named::<Subnet>(&input.subnet_id)?;
        check(edit, &subnet, block)?;
        let reservation = SubnetCidrReservation {
            id: edit.new_id(),
            subnet: subnet.id,
            block,
            reservation_type,
            description: input.description,
            tags,
        };
        edit.put(reservation.clone());
        Ok(api::CreateSubnetCidrReservationResult {
            subnet_cidr_reservation: Some(shown(edit, &reservation)),
        })
    })
}

/// Addresses of the block that interfaces have stay theirs.
fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteSubnetCidrReservationRequest,
) -> Result<api::DeleteSubnetCidrReservationResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let reservation = edit.named::<SubnetCidrReservation>(&input.subnet_cidr_reservation_id)?;
        edit.remove::<SubnetCidrReservation>(reservation.id);
        Ok(api::DeleteSubnetCidrReservationResult {
            deleted_subnet_cidr_reservation: Some(shown(edit, &reservation)),
        })
    })
}

fn shown(state: &impl State, reservation: &SubnetCidrReservation) -> api::SubnetCidrReservation {
    api::SubnetCidrReservation {
        cidr: Some(reservation.block.to_string()),
        description: reservation.description.clone(),
        owner_id: Some(state.account().to_string()),
        reservation_type: Some(reservation.reservation_type.as_str().to_owned()),
        subnet_cidr_reservation_id: Some(reservation.id.to_string()),
        subnet_id: Some(reservation.subnet.to_string()),
        tags: tag::shown(&reservation.tags),
    }
}

static FILTERS: Filters<api::SubnetCidrReservation> = Filters {
    tags: Some(|reservation| reservation.tags.as_deref().unwrap_or_default()),
    named: &[
        ("reservationType", |reservation| text(&reservation.reservation_type)),
        ("subnet-id", |reservation| text(&reservation.subnet_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::GetSubnetCidrReservationsRequest,
) -> Result<api::GetSubnetCidrReservationsResult, ServiceError> {
    let view = ec2.view(context);
    let subnet = view.named::<Subnet>(&input.subnet_id)?;
    let mut reservations: Vec<_> = of(&view, subnet.id).iter().map(|held| shown(&view, held)).collect();
    FILTERS.apply(&mut reservations, input.filters.as_ref())?;
    let page = Page::new("GetSubnetCidrReservations", input.max_results, input.next_token.as_ref());
    let (reservations, next_token) =
        page.cut(reservations, |held| held.subnet_cidr_reservation_id.as_deref().unwrap_or_default())?;
    let is_v6 =
        |held: &api::SubnetCidrReservation| held.cidr.as_deref().is_some_and(|cidr| cidr.contains(':'));
    let (v6, v4) = reservations.into_iter().partition(is_v6);
    ec2.answer(
        input.dry_run,
        api::GetSubnetCidrReservationsResult {
            next_token,
            subnet_ipv4_cidr_reservations: Some(v4),
            subnet_ipv6_cidr_reservations: Some(v6),
        },
    )
}
