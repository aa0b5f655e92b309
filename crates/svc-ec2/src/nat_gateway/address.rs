//! Further addresses of NAT gateways: AssociateNatGatewayAddress, DisassociateNatGatewayAddress,
//! AssignPrivateNatGatewayAddress, UnassignPrivateNatGatewayAddress.
//!
//! Owns how many addresses a gateway can have, and which of them can go: all but the primary one.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-working-with.html>

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::AddressAssociationId;
use service_api::{Operations, RequestContext, ServiceError};

use super::describe::shown_address;
use super::{
    AddressChange, Connectivity, NatGateway, NatGatewayAddress, NatGatewayElasticIp, NatGatewayState,
};
use crate::elastic_ip::{ElasticIp, association};
use crate::network_interface::NetworkInterface;
use crate::state::{Edit, State};
use crate::subnet::Subnet;
use crate::subnet::address::Addresses;
use crate::{Ec2, error, pace, quota};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::AssignPrivateNatGatewayAddress>(assign)
        .with::<op::AssociateNatGatewayAddress>(associate)
        .with::<op::DisassociateNatGatewayAddress>(disassociate)
        .with::<op::UnassignPrivateNatGatewayAddress>(unassign)
}

/// How many addresses any gateway can have, whatever the quotas.
const MAX_ADDRESSES: usize = 8;

/// How long connections of an address that goes can last at most, in seconds.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisassociateNatGatewayAddress.html>
const DRAIN_SECS: std::ops::RangeInclusive<i32> = 1..=4000;

/// Reads a number of addresses.
pub(super) fn count(count: Option<i32>, parameter: &str) -> Result<usize, ServiceError> {
    let count = count.unwrap_or(0);
    usize::try_from(count).map_err(|_| error::invalid_value_for(count, parameter, "It is negative."))
}

/// Checks that a request names nothing twice.
pub(super) fn check_distinct(names: &[String], parameter: &str) -> Result<(), ServiceError> {
    let mut seen = BTreeSet::new();
    match names.iter().find(|name| !seen.insert(*name)) {
        Some(name) => Err(error::invalid_value_for(name, parameter, "It is given twice.")),
        None => Ok(()),
    }
}

/// How many private addresses are left to the subnet for so many public ones, when a request names this many.
pub(super) fn unnamed(public: usize, private: usize) -> Result<usize, ServiceError> {
    match private {
        0 => Ok(public),
        named if named == public => Ok(0),
        named => Err(error::invalid_value(format!(
            "There must be as many private IP addresses ({named}) as allocation IDs ({public})."
        ))),
    }
}

/// Checks how many addresses a gateway is to have.
pub(super) fn check_count(
    edit: &Edit<'_>,
    connectivity: Connectivity,
    count: usize,
) -> Result<(), ServiceError> {
    if connectivity == Connectivity::Public {
        quota::ELASTIC_IPS_PER_NAT_GATEWAY.check(edit, count)?;
    }
    if count > MAX_ADDRESSES {
        return Err(quota::ADDRESSES_PER_NAT_GATEWAY.exceeded());
    }
    Ok(())
}

/// Lets an Elastic IP address stand for a private address of a gateway's interface, if there is one for it.
pub(super) fn associated(
    edit: &mut Edit<'_>,
    elastic_ip: &Arc<ElasticIp>,
    held: Option<(&NetworkInterface, Ipv4Addr)>,
) -> NatGatewayElasticIp {
    let association =
        held.map(|(interface, private)| association::begin(edit, elastic_ip, interface, private));
    NatGatewayElasticIp { allocation: elastic_ip.id, address: elastic_ip.address, association }
}

/// A gateway whose addresses a request changes.
fn changeable(edit: &Edit<'_>, id: &str, connectivity: Connectivity) -> Result<NatGateway, ServiceError> {
    let gateway = NatGateway::clone(&*edit.named::<NatGateway>(id)?);
    let state = gateway.state(edit.now());
    if state != NatGatewayState::Available {
        return Err(ServiceError::new(
            "IncorrectState",
            format!("The NAT gateway {id} is {}, and not available.", state.as_str()),
        ));
    }
    if gateway.connectivity != connectivity {
        let which = match connectivity {
            Connectivity::Public => "public",
            Connectivity::Private => "private",
        };
        return Err(error::invalid_value(format!(
            "The NAT gateway {id} is not {which}; this operation is for {which} NAT gateways only."
        )));
    }
    // AWS allows no change while connections of an address are drained.
    if gateway.addresses.iter().any(|address| matches!(address.change, AddressChange::Removed(_))) {
        return Err(ServiceError::new(
            "IncorrectState",
            format!("Addresses of the NAT gateway {id} are being removed."),
        ));
    }
    Ok(gateway)
}

/// The interface of a gateway that has one.
fn interface_of(edit: &Edit<'_>, gateway: &NatGateway) -> Result<NetworkInterface, ServiceError> {
    edit.held(gateway.interface.expect("an available gateway has an interface"))
}

/// Gives the interface of a gateway further private addresses: those named, and so many others.
fn extend(
    edit: &mut Edit<'_>,
    gateway: &NatGateway,
    named: &[String],
    others: usize,
) -> Result<(NetworkInterface, Vec<Ipv4Addr>), ServiceError> {
    let mut interface = interface_of(edit, gateway)?;
    let subnet = edit.held::<Subnet>(gateway.subnet)?;
    let mut addresses = Addresses::of(edit, &subnet);
    let mut added = named.iter().map(|text| addresses.take(text)).collect::<Result<Vec<_>, _>>()?;
    for _ in 0..others {
        added.push(addresses.take_any(edit)?);
    }
    interface.private_addresses.extend(&added);
    edit.put(interface.clone());
    Ok((interface, added))
}

/// Adds addresses to a gateway, and shows them.
fn add(
    edit: &mut Edit<'_>,
    mut gateway: NatGateway,
    added: Vec<(Ipv4Addr, Option<NatGatewayElasticIp>)>,
) -> Vec<api::NatGatewayAddress> {
    let change = AddressChange::Added(pace::NAT_GATEWAY_ADDRESS.done_at(edit));
    let added: Vec<_> = added
        .into_iter()
        .map(|(private, elastic)| NatGatewayAddress { private: Some(private), elastic, change })
        .collect();
    gateway.addresses.extend(&added);
    let shown = added.iter().map(|address| shown_address(edit, &gateway, address)).collect();
    edit.put(gateway);
    shown
}

fn associate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AssociateNatGatewayAddressRequest,
) -> Result<api::AssociateNatGatewayAddressResult, ServiceError> {
    if input.availability_zone.is_some() || input.availability_zone_id.is_some() {
        return Err(error::combination(
            "The parameters AvailabilityZone and AvailabilityZoneId can be used with regional NAT gateways only",
        ));
    }
    if input.allocation_ids.is_empty() {
        return Err(error::missing("AllocationIds"));
    }
    check_distinct(&input.allocation_ids, "AllocationId")?;
    let named = input.private_ip_addresses.unwrap_or_default();
    let others = unnamed(input.allocation_ids.len(), named.len())?;
    ec2.edit(context, input.dry_run, |edit| {
        let gateway = changeable(edit, &input.nat_gateway_id, Connectivity::Public)?;
        let elastic_ips = input
            .allocation_ids
            .iter()
            .map(|id| edit.named::<ElasticIp>(id))
            .collect::<Result<Vec<_>, _>>()?;
        for elastic_ip in &elastic_ips {
            association::check_free(elastic_ip)?;
        }
        check_count(edit, Connectivity::Public, gateway.addresses.len() + elastic_ips.len())?;
        let (interface, privates) = extend(edit, &gateway, &named, others)?;
        let mut added = Vec::with_capacity(privates.len());
        for (private, elastic_ip) in privates.into_iter().zip(&elastic_ips) {
            added.push((private, Some(associated(edit, elastic_ip, Some((&interface, private))))));
        }
        Ok(api::AssociateNatGatewayAddressResult {
            nat_gateway_id: Some(gateway.id.to_string()),
            nat_gateway_addresses: Some(add(edit, gateway, added)),
        })
    })
}

fn assign(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AssignPrivateNatGatewayAddressRequest,
) -> Result<api::AssignPrivateNatGatewayAddressResult, ServiceError> {
    let named = input.private_ip_addresses.unwrap_or_default();
    let others = count(input.private_ip_address_count, "privateIpAddressCount")?;
    match (named.is_empty(), others) {
        (true, 0) => return Err(error::missing_either("privateIpAddresses", "privateIpAddressCount")),
        (false, 1..) => {
            return Err(error::combination(
                "The parameter privateIpAddresses cannot be used with the parameter privateIpAddressCount",
            ));
        }
        (true, 1..) | (false, 0) => {}
    }
    ec2.edit(context, input.dry_run, |edit| {
        let gateway = changeable(edit, &input.nat_gateway_id, Connectivity::Private)?;
        let added = named.len().saturating_add(others).saturating_add(gateway.addresses.len());
        check_count(edit, Connectivity::Private, added)?;
        let (_, privates) = extend(edit, &gateway, &named, others)?;
        let added = privates.into_iter().map(|private| (private, None)).collect();
        Ok(api::AssignPrivateNatGatewayAddressResult {
            nat_gateway_id: Some(gateway.id.to_string()),
            nat_gateway_addresses: Some(add(edit, gateway, added)),
        })
    })
}

fn check_drain(secs: Option<i32>) -> Result<(), ServiceError> {
    match secs.filter(|secs| !DRAIN_SECS.contains(secs)) {
        Some(secs) => Err(error::invalid_value_for(
            secs,
            "maxDrainDurationSeconds",
            &format!("It must be between {} and {} seconds.", DRAIN_SECS.start(), DRAIN_SECS.end()),
        )),
        None => Ok(()),
    }
}

/// Lets the addresses at these places go, and shows them. They have no connections to wait for.
fn remove(
    edit: &mut Edit<'_>,
    mut gateway: NatGateway,
    places: &BTreeSet<usize>,
) -> Result<Vec<api::NatGatewayAddress>, ServiceError> {
    if places.contains(&0) {
        return Err(error::invalid_value(format!(
            "The primary address of the NAT gateway {} cannot be removed.",
            gateway.id
        )));
    }
    let done_at = pace::NAT_GATEWAY_ADDRESS.done_at(edit);
    for place in places {
        gateway.addresses[*place].change = AddressChange::Removed(done_at);
    }
    let shown =
        places.iter().map(|place| shown_address(edit, &gateway, &gateway.addresses[*place])).collect();
    edit.put(gateway);
    Ok(shown)
}

fn disassociate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DisassociateNatGatewayAddressRequest,
) -> Result<api::DisassociateNatGatewayAddressResult, ServiceError> {
    check_drain(input.max_drain_duration_seconds)?;
    if input.association_ids.is_empty() {
        return Err(error::missing("AssociationIds"));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let gateway = changeable(edit, &input.nat_gateway_id, Connectivity::Public)?;
        let mut places = BTreeSet::new();
        for text in &input.association_ids {
            let id = text.parse::<AddressAssociationId>().ok();
            let is_it = |address: &NatGatewayAddress| {
                id.is_some() && address.elastic.and_then(|elastic| elastic.association) == id
            };
            let place = gateway.addresses.iter().position(is_it).ok_or_else(|| {
                ServiceError::new(
                    "InvalidAssociationID.NotFound",
                    format!("The association ID '{text}' does not exist"),
                )
            })?;
            places.insert(place);
        }
        Ok(api::DisassociateNatGatewayAddressResult {
            nat_gateway_id: Some(gateway.id.to_string()),
            nat_gateway_addresses: Some(remove(edit, gateway, &places)?),
        })
    })
}

fn unassign(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::UnassignPrivateNatGatewayAddressRequest,
) -> Result<api::UnassignPrivateNatGatewayAddressResult, ServiceError> {
    check_drain(input.max_drain_duration_seconds)?;
    if input.private_ip_addresses.is_empty() {
        return Err(error::missing("PrivateIpAddresses"));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let gateway = changeable(edit, &input.nat_gateway_id, Connectivity::Private)?;
        let mut places = BTreeSet::new();
        for text in &input.private_ip_addresses {
            let wanted = text.parse::<Ipv4Addr>().ok();
            let is_it = |address: &NatGatewayAddress| wanted.is_some() && address.private == wanted;
            let place = gateway.addresses.iter().position(is_it).ok_or_else(|| {
                error::invalid_value(format!(
                    "The address {text} is not assigned to the NAT gateway {}",
                    gateway.id
                ))
            })?;
            places.insert(place);
        }
        Ok(api::UnassignPrivateNatGatewayAddressResult {
            nat_gateway_id: Some(gateway.id.to_string()),
            nat_gateway_addresses: Some(remove(edit, gateway, &places)?),
        })
    })
}
