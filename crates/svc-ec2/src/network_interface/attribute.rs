//! Attributes of interfaces: DescribeNetworkInterfaceAttribute, ModifyNetworkInterfaceAttribute,
//! ResetNetworkInterfaceAttribute.

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::{
    AssignedAddress, NetworkInterface, check_requester, describe, public_address, wanted_groups,
    wanted_tracking,
};
use crate::elastic_ip::Associated;
use crate::state::State;
use crate::{Ec2, error};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::DescribeNetworkInterfaceAttribute>(describe_attribute)
        .with::<op::ModifyNetworkInterfaceAttribute>(modify_attribute)
        .with::<op::ResetNetworkInterfaceAttribute>(reset_attribute)
}

fn describe_attribute(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeNetworkInterfaceAttributeRequest,
) -> Result<api::DescribeNetworkInterfaceAttributeResult, ServiceError> {
    let attribute = input.attribute.as_deref().ok_or_else(|| error::missing("attribute"))?;
    let view = ec2.view(context);
    let interface = view.named::<NetworkInterface>(&input.network_interface_id)?;
    let shown = describe::shown(&view, &Associated::of(&view), &interface);
    let mut answer = api::DescribeNetworkInterfaceAttributeResult {
        network_interface_id: shown.network_interface_id,
        ..Default::default()
    };
    match attribute {
        "description" => answer.description = Some(api::AttributeValue { value: shown.description }),
        "groupSet" => answer.groups = shown.groups,
        "sourceDestCheck" => {
            answer.source_dest_check = Some(api::AttributeBooleanValue { value: shown.source_dest_check });
        }
        "attachment" => answer.attachment = shown.attachment,
        "associatePublicIpAddress" => {
            answer.associate_public_ip_address = Some(interface.assigned_address != AssignedAddress::Off);
        }
        other => {
            return Err(error::invalid_value_for(other, "attribute", "Unknown network interface attribute"));
        }
    }
    ec2.answer(input.dry_run, answer)
}

fn modify_attribute(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyNetworkInterfaceAttributeRequest,
) -> Result<Unit, ServiceError> {
    if input.ena_srd_specification.is_some() || input.associated_subnet_ids.is_some() {
        return Err(error::unsupported("ENA Express and associated subnets are not supported."));
    }
    let given = [
        input.description.is_some(),
        input.source_dest_check.is_some(),
        input.groups.as_ref().is_some_and(|groups| !groups.is_empty()),
        input.attachment.is_some(),
        input.connection_tracking_specification.is_some(),
        input.enable_primary_ipv6.is_some(),
        input.associate_public_ip_address.is_some(),
    ];
    match given.iter().filter(|given| **given).count() {
        0 => return Err(error::missing("attribute")),
        1 => {}
        _ => return Err(error::combination("Fields for multiple attribute types specified")),
    }
    ec2.edit(context, input.dry_run, |edit| {
        let mut interface =
            NetworkInterface::clone(&*edit.named::<NetworkInterface>(&input.network_interface_id)?);
        check_requester(&interface)?;
        if let Some(description) = input.description {
            interface.description = description.value.unwrap_or_default();
        }
        if let Some(check) = input.source_dest_check.and_then(|held| held.value) {
            interface.source_dest_check = check;
        }
        if let Some(groups) = input.groups.filter(|groups| !groups.is_empty()) {
            interface.groups = wanted_groups(edit, interface.vpc, &groups, |_| error::different_networks())?;
        }
        if let Some(changes) = input.attachment {
            let text = changes.attachment_id.ok_or_else(|| error::missing("attachment.attachmentId"))?;
            let attachment = interface.attachment.as_mut().filter(|held| held.id.to_string() == text);
            let attachment = attachment.ok_or_else(|| super::attachment::unknown(&text))?;
            if let Some(value) = changes.delete_on_termination {
                attachment.delete_on_termination = value;
            }
        }
        if let Some(tracking) = input.connection_tracking_specification {
            interface.connection_tracking = wanted_tracking(Some(&tracking))?;
        }
        if let Some(primary) = input.enable_primary_ipv6 {
            if !primary && interface.has_primary_ipv6 {
                return Err(error::invalid_value("A primary IPv6 address cannot be disabled."));
            }
            if primary && interface.ipv6_addresses.is_empty() {
                return Err(error::invalid_value(format!(
                    "The network interface '{}' has no IPv6 address.",
                    interface.id
                )));
            }
            interface.has_primary_ipv6 = primary;
        }
        match input.associate_public_ip_address {
            Some(true) if interface.assigned_address == AssignedAddress::Off => {
                interface.assigned_address = AssignedAddress::Wanted;
            }
            Some(false) => {
                public_address::give_back(edit, &mut interface);
                interface.assigned_address = AssignedAddress::Off;
            }
            Some(true) | None => {}
        }
        let id = interface.id;
        edit.put(interface);
        if input.associate_public_ip_address == Some(true) {
            public_address::settle(edit, id)?;
        }
        Ok(Unit)
    })
}

/// The one attribute that can be reset has to be named; whatever its value says, the check is on afterwards.
fn reset_attribute(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ResetNetworkInterfaceAttributeRequest,
) -> Result<Unit, ServiceError> {
    if input.source_dest_check.is_none() {
        return Err(error::missing("sourceDestCheck"));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let interface = edit.named::<NetworkInterface>(&input.network_interface_id)?;
        check_requester(&interface)?;
        edit.put(NetworkInterface { source_dest_check: true, ..NetworkInterface::clone(&interface) });
        Ok(Unit)
    })
}
