//! Further addresses of interfaces: AssignPrivateIpAddresses, UnassignPrivateIpAddresses, AssignIpv6Addresses,
//! UnassignIpv6Addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::{NetworkInterface, check_address_count, check_requester};
use crate::elastic_ip::association;
use crate::instance::Instance;
use crate::instance_type;
use crate::state::{Edit, State};
use crate::subnet::Subnet;
use crate::subnet::address::Addresses;
use crate::{Ec2, error};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::AssignPrivateIpAddresses>(assign)
        .with::<op::UnassignPrivateIpAddresses>(unassign)
        .with::<op::AssignIpv6Addresses>(assign_v6)
        .with::<op::UnassignIpv6Addresses>(unassign_v6)
}

fn is_given<T>(list: Option<&Vec<T>>) -> bool {
    list.is_some_and(|list| !list.is_empty())
}

fn refuse_prefixes(is_given: bool) -> Result<(), ServiceError> {
    if is_given { Err(error::unsupported("Prefix delegation is not supported.")) } else { Ok(()) }
}

fn interface_named(edit: &Edit<'_>, text: &str) -> Result<(NetworkInterface, Subnet), ServiceError> {
    let interface = NetworkInterface::clone(&*edit.named::<NetworkInterface>(text)?);
    check_requester(&interface)?;
    let subnet = edit.held::<Subnet>(interface.subnet)?;
    Ok((interface, subnet))
}

/// Checks the limits of an interface, and of the type of the instance that it hangs on, if it does.
fn check_limits(edit: &Edit<'_>, interface: &NetworkInterface) -> Result<(), ServiceError> {
    check_address_count(interface.private_addresses.len())?;
    check_address_count(interface.ipv6_addresses.len())?;
    let Some(attachment) = &interface.attachment else { return Ok(()) };
    let instance = edit.held::<Instance>(attachment.instance)?;
    instance_type::check_addresses(&instance.instance_type, interface)
}

/// Takes an address away from another interface that has it as a secondary one. A public address goes with it.
fn reassign(
    edit: &mut Edit<'_>,
    to: &NetworkInterface,
    text: &str,
    allowed: bool,
) -> Result<(), ServiceError> {
    let Ok(address) = text.parse::<Ipv4Addr>() else { return Ok(()) };
    let holder = edit.all::<NetworkInterface>().find(|interface| {
        interface.id != to.id
            && interface.subnet == to.subnet
            && interface.private_addresses.contains(&address)
    });
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
    refuse_prefixes(is_given(input.ipv4_prefixes.as_ref()) || input.ipv4_prefix_count.unwrap_or(0) != 0)?;
    let named = input.private_ip_addresses.unwrap_or_default();
    let count = input.secondary_private_ip_address_count.unwrap_or(0);
    let count = usize::try_from(count)
        .map_err(|_| error::invalid_value_for(count, "secondaryPrivateIpAddressCount", "It is negative."))?;
    match (named.is_empty(), count) {
        (true, 0) => {
            return Err(error::missing_either("privateIpAddresses", "secondaryPrivateIpAddressCount"));
        }
        (false, 1..) => {
            return Err(error::combination(
                "The parameter privateIpAddresses cannot be used with the parameter secondaryPrivateIpAddressCount",
            ));
        }
        (true, 1..) | (false, 0) => {}
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
        for _ in 0..count {
            added.push(addresses.take_any(edit)?);
        }
        interface.private_addresses.extend(&added);
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
            network_interface_id: Some(interface.id.to_string()),
            ..Default::default()
        };
        edit.put(interface);
        Ok(answer)
    })
}

fn not_assigned(interface: &NetworkInterface, addresses: &[String]) -> ServiceError {
    error::invalid_value(format!(
        "Some of [{}] are not assigned to interface {}",
        addresses.join(", "),
        interface.id
    ))
}

fn unassign(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::UnassignPrivateIpAddressesRequest,
) -> Result<Unit, ServiceError> {
    refuse_prefixes(is_given(input.ipv4_prefixes.as_ref()))?;
    let named = input.private_ip_addresses.filter(|list| !list.is_empty());
    let named = named.ok_or_else(|| error::missing("privateIpAddresses"))?;
    ec2.edit(context, None, |edit| {
        let (mut interface, _) = interface_named(edit, &input.network_interface_id)?;
        for text in &named {
            let address = text.parse::<Ipv4Addr>().ok();
            let place = interface.private_addresses.iter().position(|held| Some(*held) == address);
            match place {
                None => return Err(not_assigned(&interface, &named)),
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
        edit.put(interface);
        Ok(Unit)
    })
}

fn assign_v6(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AssignIpv6AddressesRequest,
) -> Result<api::AssignIpv6AddressesResult, ServiceError> {
    refuse_prefixes(is_given(input.ipv6_prefixes.as_ref()) || input.ipv6_prefix_count.unwrap_or(0) != 0)?;
    let named = input.ipv6_addresses.unwrap_or_default();
    let count = input.ipv6_address_count.unwrap_or(0);
    let count = usize::try_from(count)
        .map_err(|_| error::invalid_value_for(count, "ipv6AddressCount", "It is negative."))?;
    if named.is_empty() == (count == 0) {
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
        for _ in 0..count {
            added.push(addresses.take_any_v6(edit.new_bits())?);
        }
        interface.ipv6_addresses.extend(&added);
        check_limits(edit, &interface)?;
        let answer = api::AssignIpv6AddressesResult {
            assigned_ipv6_addresses: Some(added.iter().map(ToString::to_string).collect()),
            network_interface_id: Some(interface.id.to_string()),
            ..Default::default()
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
    refuse_prefixes(is_given(input.ipv6_prefixes.as_ref()))?;
    let named = input
        .ipv6_addresses
        .filter(|list| !list.is_empty())
        .ok_or_else(|| error::missing("ipv6Addresses"))?;
    ec2.edit(context, None, |edit| {
        let (mut interface, _) = interface_named(edit, &input.network_interface_id)?;
        for text in &named {
            let address = text.parse::<Ipv6Addr>().ok();
            let place = interface.ipv6_addresses.iter().position(|held| Some(*held) == address);
            match place {
                None => return Err(not_assigned(&interface, &named)),
                Some(0) if interface.has_primary_ipv6 => {
                    return Err(error::invalid_value(format!(
                        "The primary IPv6 address {text} cannot be unassigned"
                    )));
                }
                Some(place) => _ = interface.ipv6_addresses.remove(place),
            }
        }
        let answer = api::UnassignIpv6AddressesResult {
            network_interface_id: Some(interface.id.to_string()),
            unassigned_ipv6_addresses: Some(named.clone()),
            ..Default::default()
        };
        edit.put(interface);
        Ok(answer)
    })
}
