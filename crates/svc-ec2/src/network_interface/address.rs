//! Further addresses and prefixes of interfaces: AssignPrivateIpAddresses, UnassignPrivateIpAddresses, AssignIpv6Addresses,
//! UnassignIpv6Addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::{NetworkInterface, WantedPrefixes, check_address_count, check_requester, prefix};
use crate::elastic_ip::association;
use crate::instance::Instance;
use crate::instance_type::{Equipment, check_growth};
use crate::state::{Edit, State};
use crate::subnet::Subnet;
use crate::subnet::address::Addresses;
use crate::subnet::prefix as subnet_prefix;
use crate::{Ec2, error};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::AssignPrivateIpAddresses>(assign)
        .with::<op::UnassignPrivateIpAddresses>(unassign)
        .with::<op::AssignIpv6Addresses>(assign_v6)
        .with::<op::UnassignIpv6Addresses>(unassign_v6)
}

fn interface_named(edit: &Edit<'_>, text: &str) -> Result<(NetworkInterface, Subnet), ServiceError> {
    let interface = NetworkInterface::clone(&*edit.named::<NetworkInterface>(text)?);
    check_requester(&interface)?;
    let subnet = edit.held::<Subnet>(interface.subnet)?;
    Ok((interface, subnet))
}

/// Checks the limits of an interface, and of the type of the instance that it hangs on, if it does.
fn check_limits(edit: &Edit<'_>, interface: &NetworkInterface) -> Result<(), ServiceError> {
    let (v4_count, v6_count) = interface.address_counts();
    check_address_count(v4_count)?;
    check_address_count(v6_count)?;
    let Some(attachment) = &interface.attachment else { return Ok(()) };
    let instance = edit.held::<Instance>(attachment.instance)?;
    let before = Equipment::of(edit, &instance);
    check_growth(&instance.instance_type, &before, &before.clone().with_interface(interface))
}

/// Takes an address away from another interface that has it as a secondary one. A public address goes with it.
fn reassign(
    edit: &mut Edit<'_>,
    to: &NetworkInterface,
    text: &str,
    allowed: bool,
) -> Result<(), ServiceError> {
    let Ok(address) = text.parse::<Ipv4Addr>() else { return Ok(()) };
    let holder = edit
        .parts::<NetworkInterface, _>(to.subnet)
        .find(|interface| interface.id != to.id && interface.private_addresses.contains(&address));
    let Some(holder) = holder else { return Ok(()) };
    if !allowed || holder.primary_address() == address {
        return Err(ServiceError::new(
            "Resource.AlreadyAssigned",
            format!("The private IP address {address} is already assigned to {}.", holder.id),
        ));
    }
    check_requester(&holder)?;
    association::follow(edit, address, holder.id, to.id);
    let mut holder = NetworkInterface::clone(&*holder);
    holder.private_addresses.retain(|held| *held != address);
    edit.put(holder);
    Ok(())
}

fn assign(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AssignPrivateIpAddressesRequest,
) -> Result<api::AssignPrivateIpAddressesResult, ServiceError> {
    let prefixes = WantedPrefixes::of_ipv4(input.ipv4_prefixes.as_ref(), input.ipv4_prefix_count)?;
    let named = input.private_ip_addresses.unwrap_or_default();
    let count = input.secondary_private_ip_address_count.unwrap_or(0);
    let count = usize::try_from(count)
        .map_err(|_| error::invalid_value_for(count, "secondaryPrivateIpAddressCount", "It is negative."))?;
    match (named.is_empty(), count) {
        (true, 0) if prefixes.counts() == (0, 0) => {
            return Err(error::missing_either("privateIpAddresses", "secondaryPrivateIpAddressCount"));
        }
        (false, 1..) => {
            return Err(error::combination(
                "The parameter privateIpAddresses cannot be used with the parameter secondaryPrivateIpAddressCount",
            ));
        }
        (true, _) | (false, 0) => {}
    }
    check_address_count(named.len().max(count))?;
    ec2.edit(context, None, |edit| {
        let (mut interface, subnet) = interface_named(edit, &input.network_interface_id)?;
        let mut new = Vec::new();
        for text in &named {
            // What the interface has already stays as it is.
            if text.parse::<Ipv4Addr>().is_ok_and(|address| interface.private_addresses.contains(&address)) {
                continue;
            }
            reassign(edit, &interface, text, input.allow_reassignment == Some(true))?;
            new.push(text);
        }
        let mut addresses = Addresses::of(edit, &subnet);
        let mut added = new.iter().map(|text| addresses.take(text)).collect::<Result<Vec<_>, _>>()?;
        let prefixes = prefixes.without(&interface.ipv4_prefixes, &[]);
        let mut taken = prefixes.take_named(&mut addresses)?;
        for _ in 0..count {
            added.push(addresses.take_any(edit)?);
        }
        prefixes.take_others(edit, &mut addresses, &mut taken)?;
        interface.private_addresses.extend(&added);
        interface.ipv4_prefixes.extend(&taken.v4);
        check_limits(edit, &interface)?;
        let answer = api::AssignPrivateIpAddressesResult {
            assigned_private_ip_addresses: Some(
                added
                    .iter()
                    .map(|address| api::AssignedPrivateIpAddress {
                        private_ip_address: Some(address.to_string()),
                    })
                    .collect(),
            ),
            assigned_ipv4_prefixes: prefix::shown(&taken.v4),
            network_interface_id: Some(interface.id.to_string()),
        };
        edit.put(interface);
        Ok(answer)
    })
}

/// Takes named prefixes from those that an interface has.
fn take_away<N: PartialEq>(
    interface: &str,
    held: &mut Vec<N>,
    named: &[String],
    parse: fn(&str) -> Result<N, ServiceError>,
) -> Result<(), ServiceError> {
    for text in named {
        let prefix = parse(text)?;
        let place = held.iter().position(|other| *other == prefix);
        let place = place.ok_or_else(|| not_assigned(interface, named))?;
        held.remove(place);
    }
    Ok(())
}

fn not_assigned(interface: &str, addresses: &[String]) -> ServiceError {
    error::invalid_value(format!(
        "Some of [{}] are not assigned to interface {}",
        addresses.join(", "),
        interface
    ))
}

fn unassign(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::UnassignPrivateIpAddressesRequest,
) -> Result<Unit, ServiceError> {
    let named = input.private_ip_addresses.unwrap_or_default();
    let prefixes = input.ipv4_prefixes.unwrap_or_default();
    if named.is_empty() && prefixes.is_empty() {
        return Err(error::missing("privateIpAddresses"));
    }
    ec2.edit(context, None, |edit| {
        let (mut interface, _) = interface_named(edit, &input.network_interface_id)?;
        for text in &named {
            let address = text.parse::<Ipv4Addr>().ok();
            let place = interface.private_addresses.iter().position(|held| Some(*held) == address);
            match place {
                None => return Err(not_assigned(&interface.id.to_string(), &named)),
                Some(0) => {
                    return Err(error::invalid_value(format!(
                        "The primary private IP address {text} cannot be unassigned"
                    )));
                }
                Some(place) => {
                    let address = interface.private_addresses.remove(place);
                    association::end(edit, interface.id, Some(address));
                }
            }
        }
        let id = interface.id.to_string();
        take_away(&id, &mut interface.ipv4_prefixes, &prefixes, subnet_prefix::parse)?;
        edit.put(interface);
        Ok(Unit)
    })
}

fn assign_v6(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AssignIpv6AddressesRequest,
) -> Result<api::AssignIpv6AddressesResult, ServiceError> {
    let prefixes = WantedPrefixes::of_ipv6(input.ipv6_prefixes.as_ref(), input.ipv6_prefix_count)?;
    let named = input.ipv6_addresses.unwrap_or_default();
    let count = input.ipv6_address_count.unwrap_or(0);
    let count = usize::try_from(count)
        .map_err(|_| error::invalid_value_for(count, "ipv6AddressCount", "It is negative."))?;
    let is_missing = named.is_empty() && count == 0 && prefixes.counts() == (0, 0);
    if is_missing || (!named.is_empty() && count > 0) {
        return Err(error::missing_either("ipv6Addresses", "ipv6AddressCount"));
    }
    check_address_count(named.len().max(count))?;
    ec2.edit(context, None, |edit| {
        let (mut interface, subnet) = interface_named(edit, &input.network_interface_id)?;
        let mut addresses = Addresses::of(edit, &subnet);
        let mut added = Vec::new();
        for text in &named {
            if text.parse::<Ipv6Addr>().is_ok_and(|address| interface.ipv6_addresses.contains(&address)) {
                continue;
            }
            added.push(addresses.take_v6(text)?);
        }
        let prefixes = prefixes.without(&[], &interface.ipv6_prefixes);
        let mut taken = prefixes.take_named(&mut addresses)?;
        for _ in 0..count {
            added.push(addresses.take_any_v6(edit.new_bits())?);
        }
        prefixes.take_others(edit, &mut addresses, &mut taken)?;
        interface.ipv6_addresses.extend(&added);
        interface.ipv6_prefixes.extend(&taken.v6);
        check_limits(edit, &interface)?;
        let answer = api::AssignIpv6AddressesResult {
            assigned_ipv6_addresses: Some(added.iter().map(ToString::to_string).collect()),
            assigned_ipv6_prefixes: Some(taken.v6.iter().map(ToString::to_string).collect()),
            network_interface_id: Some(interface.id.to_string()),
        };
        edit.put(interface);
        Ok(answer)
    })
}

fn unassign_v6(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::UnassignIpv6AddressesRequest,
) -> Result<api::UnassignIpv6AddressesResult, ServiceError> {
    let named = input.ipv6_addresses.unwrap_or_default();
    let prefixes = input.ipv6_prefixes.unwrap_or_default();
    if named.is_empty() && prefixes.is_empty() {
        return Err(error::missing("ipv6Addresses"));
    }
    ec2.edit(context, None, |edit| {
        let (mut interface, _) = interface_named(edit, &input.network_interface_id)?;
        for text in &named {
            let address = text.parse::<Ipv6Addr>().ok();
            let place = interface.ipv6_addresses.iter().position(|held| Some(*held) == address);
            match place {
                None => return Err(not_assigned(&interface.id.to_string(), &named)),
                Some(0) if interface.has_primary_ipv6 => {
                    return Err(error::invalid_value(format!(
                        "The primary IPv6 address {text} cannot be unassigned"
                    )));
                }
                Some(place) => _ = interface.ipv6_addresses.remove(place),
            }
        }
        let id = interface.id.to_string();
        take_away(&id, &mut interface.ipv6_prefixes, &prefixes, subnet_prefix::parse_v6)?;
        let answer = api::UnassignIpv6AddressesResult {
            network_interface_id: Some(interface.id.to_string()),
            unassigned_ipv6_addresses: Some(named.clone()),
            unassigned_ipv6_prefixes: Some(prefixes.clone()),
        };
        edit.put(interface);
        Ok(answer)
    })
}
