//! Attachments: AttachNetworkInterface, DetachNetworkInterface.
//!
//! Owns the tie between an interface and an instance, which both records hold. While an instance runs, whether its
//! interfaces can be changed depends on the node ([`crate::Config::hot_plug`]).

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::NetworkInterfaceAttachmentId;
use service_api::{Operations, RequestContext, ServiceError};

use super::managed::MANAGED_ATTACHMENT;
use super::{Attachment, NetworkInterface, check_requester};
use crate::instance::Instance;
use crate::instance::lifecycle::InstanceState;
use crate::instance_type::{Equipment, check_growth};
use crate::state::{Edit, State};
use crate::{Ec2, error, pace};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::AttachNetworkInterface>(attach).with::<op::DetachNetworkInterface>(detach_operation)
}

/// The error for an attachment that no interface has.
pub(super) fn unknown(id: &str) -> ServiceError {
    ServiceError::new("InvalidAttachmentID.NotFound", format!("The attachment ID '{id}' does not exist"))
}

/// Checks that an instance's interfaces can be changed now.
fn check_state(edit: &Edit<'_>, instance: &Instance) -> Result<(), ServiceError> {
    match instance.state {
        InstanceState::Stopped => Ok(()),
        InstanceState::Running if edit.config.hot_plug => Ok(()),
        InstanceState::Running => Err(error::unsupported(format!(
            "The network interfaces of '{}' can only be changed while it is stopped.",
            instance.id
        ))),
        InstanceState::Pending
        | InstanceState::Stopping
        | InstanceState::ShuttingDown
        | InstanceState::Terminated => Err(ServiceError::new(
            "IncorrectInstanceState",
            format!("The instance '{}' is not 'running' or 'stopped'.", instance.id),
        )),
    }
}

/// The error for an interface that hangs on an instance already.
pub(crate) fn in_use(interface: &NetworkInterface) -> ServiceError {
    ServiceError::new("InvalidNetworkInterface.InUse", format!("Interface: [{}] in use.", interface.id))
}

fn attach(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AttachNetworkInterfaceRequest,
) -> Result<api::AttachNetworkInterfaceResult, ServiceError> {
    if input.ena_srd_specification.is_some()
        || input.ena_queue_count.is_some()
        || input.network_card_index.unwrap_or(0) != 0
    {
        return Err(error::unsupported(
            "ENA Express, a number of ENA queues and further network cards are not supported.",
        ));
    }
    let device_index = u32::try_from(input.device_index)
        .map_err(|_| error::invalid_value_for(input.device_index, "deviceIndex", "It is negative."))?;
    ec2.edit(context, input.dry_run, |edit| {
        let mut interface = NetworkInterface::clone(&*edit.named::<NetworkInterface>(&input.network_interface_id)?);
        let mut instance = Instance::clone(&*edit.named::<Instance>(&input.instance_id)?);
        check_requester(&interface)?;
        if interface.attachment.is_some() {
            return Err(in_use(&interface));
        }
        check_state(edit, &instance)?;
        if interface.zone != instance.zone {
            return Err(error::combination(
                "You may not attach a network interface to an instance if they are not in the same availability zone",
            ));
        }
        let before = Equipment::of(edit, &instance);
        check_growth(&instance.instance_type, &before, &before.clone().with_interface(&interface))?;
        let mut others = Vec::with_capacity(instance.interfaces.len());
        for id in &instance.interfaces {
            let index = edit.held::<NetworkInterface>(*id)?.attachment.map_or(0, |held| held.device_index);
            if index == device_index {
                return Err(error::invalid_value(format!(
                    "Instance '{}' already has an interface attached at device index '{device_index}'.",
                    instance.id
                )));
            }
            others.push(index);
        }
        let attachment = Attachment {
            id: edit.new_id(),
            instance: instance.id,
            device_index,
            delete_on_termination: false,
            attached_at: edit.now(),
            detached_at: None,
        };
        let place = others.partition_point(|index| *index < device_index);
        instance.interfaces.insert(place, interface.id);
        let answer = api::AttachNetworkInterfaceResult {
            attachment_id: Some(attachment.id.to_string()),
            network_card_index: Some(0),
        };
        interface.attachment = Some(attachment);
        edit.put(interface);
        edit.put(instance);
        Ok(answer)
    })
}

/// Unties an interface from its instance's record and its own; the caller writes both.
pub(crate) fn detach(interface: &mut NetworkInterface, instance: &mut Instance) {
    interface.attachment = None;
    instance.interfaces.retain(|held| *held != interface.id);
}

/// Ends an attachment whose interface has been detached for long enough.
pub(crate) fn settle(edit: &mut Edit<'_>, id: &str) {
    let now = edit.now();
    let Some(interface) = edit.record::<NetworkInterface>(id) else { return };
    let Some(attachment) = interface.attachment.as_ref().filter(|_| interface.attached(now).is_none()) else {
        return;
    };
    let mut interface = NetworkInterface::clone(&interface);
    match edit.find::<Instance>(attachment.instance) {
        Some(instance) => {
            let mut instance = Instance::clone(&instance);
            detach(&mut interface, &mut instance);
            edit.put(instance);
        }
        None => interface.attachment = None,
    }
    edit.put(interface);
}

/// By force, the attachment is gone at once, even where the interface is detaching already.
fn detach_operation(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DetachNetworkInterfaceRequest,
) -> Result<Unit, ServiceError> {
    let text = &input.attachment_id;
    if text.starts_with(MANAGED_ATTACHMENT) {
        return Err(error::not_permitted("You are not allowed to manage 'ela-attach' attachments."));
    }
    let id: NetworkInterfaceAttachmentId = text.parse().map_err(|error: aws_types::ParseIdError| {
        ServiceError::new("InvalidNetworkInterfaceAttachmentId.Malformed", error.to_string())
    })?;
    ec2.edit(context, input.dry_run, |edit| {
        let holder = edit
            .all::<NetworkInterface>()
            .find(|interface| interface.attachment.as_ref().is_some_and(|held| held.id == id));
        let mut interface = NetworkInterface::clone(&*holder.ok_or_else(|| unknown(text))?);
        let mut attachment = interface.attachment.clone().ok_or_else(|| unknown(text))?;
        if attachment.device_index == 0 {
            return Err(error::not_permitted("The network interface at device index 0 cannot be detached."));
        }
        let mut instance = edit.held::<Instance>(attachment.instance)?;
        check_state(edit, &instance)?;
        if input.force == Some(true) {
            detach(&mut interface, &mut instance);
            edit.put(instance);
        } else if attachment.is_detaching() {
            let message = format!("The attachment '{text}' is in the 'detaching' state.");
            return Err(ServiceError::new("IncorrectState", message));
        } else {
            attachment.detached_at = Some(pace::NETWORK_INTERFACE_DETACHMENT.done_at(edit));
            interface.attachment = Some(attachment);
        }
        edit.put(interface);
        Ok(Unit)
    })
}
