//! What elastic IP addresses stand for: AssociateAddress, DisassociateAddress.
//!
//! Owns that an address stands for one private address at most, and that a private address has one at most; and what
//! becomes of an association when its private address goes. An address of Amazon's pool that the private one had goes
//! back to the pool, and another comes when the association ends.

use std::net::Ipv4Addr;
use std::sync::Arc;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::{AddressAssociationId, NetworkInterfaceId};
use service_api::{Operations, RequestContext, ServiceError};

use super::{AddressAssociation, ElasticIp, by_address};
use crate::instance::Instance;
use crate::instance::lifecycle::InstanceState;
use crate::network_interface::{self, NetworkInterface, public_address};
use crate::state::{Edit, State};
use crate::{Ec2, error, internet_gateway};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::AssociateAddress>(associate).with::<op::DisassociateAddress>(disassociate)
}

/// The error for a request that names an address in two ways.
pub(super) fn both_names() -> ServiceError {
    error::combination("You may specify public IP or allocation id, but not both in the same call")
}

/// The address that a request names by its allocation or by itself.
fn wanted(
    edit: &Edit<'_>,
    id: Option<&String>,
    address: Option<&String>,
) -> Result<Arc<ElasticIp>, ServiceError> {
    match (id, address) {
        (Some(_), Some(_)) => Err(both_names()),
        (Some(id), None) => edit.named::<ElasticIp>(id),
        (None, Some(address)) => by_address(edit, address),
        (None, None) => {
            Err(ServiceError::new("MissingParameter", "Either public IP or allocation id must be specified"))
        }
    }
}

/// Whether an instance in that state can be given a public address.
fn takes_addresses(state: InstanceState) -> bool {
    match state {
        InstanceState::Running | InstanceState::Stopping | InstanceState::Stopped => true,
        InstanceState::Pending | InstanceState::ShuttingDown | InstanceState::Terminated => false,
    }
}

/// The one interface of an instance.
fn interface_of(edit: &Edit<'_>, text: &str) -> Result<NetworkInterface, ServiceError> {
    let instance = edit.named::<Instance>(text)?;
    if !takes_addresses(instance.state) {
        let state = instance.state.as_str();
        return Err(ServiceError::new(
            "InvalidInstanceID",
            format!("The {state} instance '{text}' is not in a valid state for this operation."),
        ));
    }
    network_interface::only_one_of(edit, &instance)
}

/// The interface that a request names itself.
fn interface_named(edit: &Edit<'_>, text: &str) -> Result<NetworkInterface, ServiceError> {
    let interface = NetworkInterface::clone(&*edit.named::<NetworkInterface>(text)?);
    network_interface::check_requester(&interface)?;
    let Some(attachment) = &interface.attachment else { return Ok(interface) };
    let state = edit.held::<Instance>(attachment.instance)?.state;
    if !takes_addresses(state) {
        let state =
            if state == InstanceState::Pending { "pending-instance-creation" } else { state.as_str() };
        return Err(ServiceError::new(
            "IncorrectInstanceState",
            format!(
                "The {state} instance to which '{text}' is attached is not in a valid state for this operation"
            ),
        ));
    }
    Ok(interface)
}

/// The private address that a public one is to stand for: the primary one when the request names none.
fn private_address(interface: &NetworkInterface, text: Option<&String>) -> Result<Ipv4Addr, ServiceError> {
    let Some(text) = text else { return Ok(interface.primary_address()) };
    let address = text
        .parse()
        .map_err(|_| error::invalid_value_for(text, "privateIpAddress", "Invalid IPv4 address."))?;
    if !interface.private_addresses.contains(&address) {
        let why = format!("It is not an address of interface {}.", interface.id);
        return Err(error::invalid_value_for(text, "privateIpAddress", &why));
    }
    Ok(address)
}

fn associate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AssociateAddressRequest,
) -> Result<api::AssociateAddressResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let elastic_ip = wanted(edit, input.allocation_id.as_ref(), input.public_ip.as_ref())?;
        let interface = match (&input.instance_id, &input.network_interface_id) {
            (Some(_), Some(_)) => {
                return Err(error::combination(
                    "You may specify instance ID or network interface id, but not both in the same call",
                ));
            }
            (Some(instance), None) => interface_of(edit, instance)?,
            (None, Some(interface)) => interface_named(edit, interface)?,
            (None, None) => {
                return Err(ServiceError::new(
                    "MissingParameter",
                    "Either instance ID or network interface id must be specified",
                ));
            }
        };
        let private_address = private_address(&interface, input.private_ip_address.as_ref())?;
        let vpc = interface.vpc;
        if internet_gateway::of_vpc(edit, vpc).is_none() {
            return Err(ServiceError::new(
                "Gateway.NotAttached",
                format!("Network {vpc} is not attached to any internet gateway"),
            ));
        }
        let answer =
            |id: AddressAssociationId| api::AssociateAddressResult { association_id: Some(id.to_string()) };
        if let Some(held) = &elastic_ip.association {
            // The same association again is no change.
            if elastic_ip.stands_for(interface.id, private_address) {
                return Ok(answer(held.id));
            }
            // AWS's reference says that reassociation is automatic unless it is refused; AWS itself is seen to refuse where
            // nothing is said. <https://github.com/ansible/ansible/issues/27385>
            if input.allow_reassociation != Some(true) {
                check_free(&elastic_ip)?;
            }
            check_permitted(edit, held)?;
        }
        // An address that the private one has already makes room.
        vacate(edit, interface.id, Some(private_address));
        Ok(answer(begin(edit, &elastic_ip, &interface, private_address)))
    })
}

/// Checks that an address stands for nothing.
///
/// # Errors
/// `Resource.AlreadyAssociated`.
pub(crate) fn check_free(elastic_ip: &ElasticIp) -> Result<(), ServiceError> {
    match &elastic_ip.association {
        Some(held) => Err(ServiceError::new(
            "Resource.AlreadyAssociated",
            format!("resource {} is already associated with associate-id {}", elastic_ip.id, held.id),
        )),
        None => Ok(()),
    }
}

/// Lets an address stand for a private address of an interface.
pub(crate) fn begin(
    edit: &mut Edit<'_>,
    elastic_ip: &ElasticIp,
    interface: &NetworkInterface,
    private_address: Ipv4Addr,
) -> AddressAssociationId {
    let id = edit.new_id();
    let association = AddressAssociation { id, interface: interface.id, vpc: interface.vpc, private_address };
    edit.put(ElasticIp { association: Some(association), ..elastic_ip.clone() });
    if let Some(before) = &elastic_ip.association {
        ended(edit, before);
    }
    settle(edit, interface.id);
    id
}

/// Gives or takes back an address of Amazon's pool. When the pool is empty, the interface goes without.
fn settle(edit: &mut Edit<'_>, interface: NetworkInterfaceId) {
    _ = public_address::settle(edit, interface);
}

/// An interface whose primary address has lost its elastic IP address gets one of Amazon's pool again, if it had one.
pub(super) fn ended(edit: &mut Edit<'_>, held: &AddressAssociation) {
    let interface = edit.find::<NetworkInterface>(held.interface);
    if interface.is_some_and(|interface| interface.primary_address() == held.private_address) {
        settle(edit, held.interface);
    }
}

/// Checks that an association is not one that a service made.
pub(super) fn check_permitted(edit: &Edit<'_>, held: &AddressAssociation) -> Result<(), ServiceError> {
    network_interface::check_requester(&edit.held::<NetworkInterface>(held.interface)?)
}

fn disassociate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DisassociateAddressRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let unknown =
            |message: String| Err::<Unit, _>(ServiceError::new("InvalidAssociationID.NotFound", message));
        let elastic_ip = match (&input.association_id, &input.public_ip) {
            (Some(_), Some(_)) => {
                return Err(error::combination(
                    "You may specify public IP or association id, but not both in the same call",
                ));
            }
            (Some(text), None) => {
                let id = text.parse::<AddressAssociationId>().ok();
                let is_it = |elastic_ip: &Arc<ElasticIp>| {
                    elastic_ip.association.as_ref().is_some_and(|held| Some(held.id) == id)
                };
                match edit.all::<ElasticIp>().find(is_it) {
                    Some(elastic_ip) => elastic_ip,
                    None => return unknown(format!("The association ID '{text}' does not exist")),
                }
            }
            (None, Some(text)) => by_address(edit, text)?,
            (None, None) => {
                return Err(ServiceError::new(
                    "MissingParameter",
                    "Either public IP or association id must be specified",
                ));
            }
        };
        let Some(held) = &elastic_ip.association else {
            return unknown(format!("The address '{}' is not associated", elastic_ip.address));
        };
        check_permitted(edit, held)?;
        edit.put(ElasticIp { association: None, ..ElasticIp::clone(&elastic_ip) });
        ended(edit, held);
        Ok(Unit)
    })
}

/// The addresses that stand for a private address of an interface, or for any of them.
fn standing_for(
    edit: &Edit<'_>,
    interface: NetworkInterfaceId,
    private: Option<Ipv4Addr>,
) -> Vec<Arc<ElasticIp>> {
    let is_meant = |held: &AddressAssociation| {
        held.interface == interface && private.is_none_or(|private| held.private_address == private)
    };
    edit.all::<ElasticIp>().filter(|held| held.association.as_ref().is_some_and(is_meant)).collect()
}

/// Ends the association of a private address that an interface has no more, or all associations of an interface that
/// is gone. The public addresses stay allocated.
pub(crate) fn end(edit: &mut Edit<'_>, interface: NetworkInterfaceId, private: Option<Ipv4Addr>) {
    for held in vacate(edit, interface, private) {
        ended(edit, &held);
    }
}

/// Ends associations, and returns what they were, for one to follow.
fn vacate(
    edit: &mut Edit<'_>,
    interface: NetworkInterfaceId,
    private: Option<Ipv4Addr>,
) -> Vec<AddressAssociation> {
    let mut before = Vec::new();
    for elastic_ip in standing_for(edit, interface, private) {
        let mut elastic_ip = Arc::unwrap_or_clone(elastic_ip);
        before.extend(elastic_ip.association.take());
        edit.put(elastic_ip);
    }
    before
}

/// Lets the public address of a private one go with it to another interface of the subnet.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssignPrivateIpAddresses.html>
pub(crate) fn follow(
    edit: &mut Edit<'_>,
    private: Ipv4Addr,
    from: NetworkInterfaceId,
    to: NetworkInterfaceId,
) {
    for elastic_ip in standing_for(edit, from, Some(private)) {
        let mut elastic_ip = Arc::unwrap_or_clone(elastic_ip);
        if let Some(held) = &mut elastic_ip.association {
            held.interface = to;
        }
        edit.put(elastic_ip);
    }
}
