//! AttachVolume, DetachVolume, and what instances have attached.
//!
//! Owns which device names there are and which volume has one. Refuses to know devices: an instance sees none.
//! <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-attaching-volume.html>

use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::Timestamp;
use service_api::{Operations, RequestContext, ServiceError};

use super::{Volume, VolumeAttachment, VolumeState, wrong_state};
use crate::instance::Instance;
use crate::instance::lifecycle::InstanceState;
use crate::instance_type::{Equipment, check_growth};
use crate::state::{Edit, State};
use crate::{Ec2, error, pace};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::AttachVolume>(attach).with::<op::DetachVolume>(detach)
}

/// The volumes that an instance has.
pub(crate) fn of_instance(state: &impl State, instance: &Instance) -> Vec<Arc<Volume>> {
    let now = state.now();
    let volumes = instance.volumes.iter().filter_map(|id| state.find::<Volume>(*id));
    volumes.filter(|volume| volume.attached(now).is_some_and(|held| held.instance == instance.id)).collect()
}

/// The volume that an instance has under a device name.
pub(crate) fn at(state: &impl State, instance: &Instance, device: &str) -> Option<Arc<Volume>> {
    let is_there =
        |volume: &Arc<Volume>| volume.attached(state.now()).is_some_and(|held| held.device == device);
    of_instance(state, instance).into_iter().find(is_there)
}

/// How many volumes an instance has, with the root disk of one of before there were volumes.
pub(crate) fn count_of(state: &impl State, instance: &Instance) -> usize {
    let volumes = of_instance(state, instance);
    let image = aws_catalog::image(state.region(), instance.image);
    let has_root = image.is_none_or(|image| {
        let now = state.now();
        let is_root = |held: &VolumeAttachment| held.device == image.root_device_name;
        volumes.iter().any(|volume| volume.attached(now).is_some_and(is_root))
    });
    volumes.len() + usize::from(!has_root)
}

/// What an instance's volumes are shown as.
pub(crate) fn mappings(state: &impl State, instance: &Instance) -> Vec<api::InstanceBlockDeviceMapping> {
    let now = state.now();
    let shown = |volume: &Arc<Volume>| {
        let held = volume.attached(now)?;
        Some(api::InstanceBlockDeviceMapping {
            device_name: Some(held.device.clone()),
            ebs: Some(api::EbsInstanceBlockDevice {
                attach_time: Some(held.attached_at),
                delete_on_termination: Some(held.delete_on_termination),
                status: Some(held.state(now).to_owned()),
                volume_id: Some(volume.id.to_string()),
                ..Default::default()
            }),
        })
    };
    of_instance(state, instance).iter().filter_map(shown).collect()
}

/// Deletes the volumes that go with a terminated instance, and frees the others.
pub(crate) fn release(edit: &mut Edit<'_>, instance: &mut Instance) {
    for volume in of_instance(edit, instance) {
        let goes = volume.attachment.as_ref();
        if goes.is_some_and(|held| held.delete_on_termination && held.detached_at.is_none()) {
            edit.remove::<Volume>(volume.id);
        } else {
            edit.put(Volume { attachment: None, ..Volume::clone(&volume) });
        }
    }
    instance.volumes.clear();
}

/// Whether a text is a device name: `/dev/sdf`, `xvdba`, `/dev/sda1`.
pub(super) fn is_device_name(text: &str) -> bool {
    let name = text.strip_prefix("/dev/").unwrap_or(text);
    let Some(rest) = ["sd", "xvd", "hd"].iter().find_map(|disk| name.strip_prefix(disk)) else {
        return false;
    };
    let partition = rest.trim_start_matches(|letter: char| letter.is_ascii_lowercase());
    let letters = rest.len() - partition.len();
    let is_number = partition.len() <= 2 && partition.bytes().all(|byte| byte.is_ascii_digit());
    (1..=2).contains(&letters) && is_number && !partition.starts_with('0')
}

fn shown(volume: &Volume, held: &VolumeAttachment, now: Timestamp) -> api::VolumeAttachment {
    api::VolumeAttachment {
        attach_time: Some(held.attached_at),
        delete_on_termination: Some(held.delete_on_termination),
        device: Some(held.device.clone()),
        instance_id: Some(held.instance.to_string()),
        state: Some(held.state(now).to_owned()),
        volume_id: Some(volume.id.to_string()),
        ..Default::default()
    }
}

/// The attachments of a volume, as answers have them.
pub(super) fn shown_all(volume: &Volume, now: Timestamp) -> Vec<api::VolumeAttachment> {
    volume.attached(now).map(|held| shown(volume, held, now)).into_iter().collect()
}

fn check_attach(
    edit: &Edit<'_>,
    instance: &Instance,
    volume: &Volume,
    device: &str,
) -> Result<(), ServiceError> {
    match instance.state {
        InstanceState::Running | InstanceState::Stopped => {}
        InstanceState::Pending
        | InstanceState::Stopping
        | InstanceState::ShuttingDown
        | InstanceState::Terminated => {
            let message = format!("Instance '{}' is not 'running'.", instance.id);
            return Err(ServiceError::new("IncorrectState", message));
        }
    }
    match volume.state(edit.now()) {
        VolumeState::Available => {}
        VolumeState::InUse => {
            let message = format!("{} is already attached to an instance", volume.id);
            return Err(ServiceError::new("VolumeInUse", message));
        }
        VolumeState::Creating | VolumeState::Deleting => {
            let message = format!("{} is not 'available'.", volume.id);
            return Err(ServiceError::new("IncorrectState", message));
        }
    }
    if volume.zone_id != instance.zone_id {
        return Err(ServiceError::new(
            "InvalidVolume.ZoneMismatch",
            format!(
                "The volume '{}' is not in the same availability zone as instance '{}'",
                volume.id, instance.id
            ),
        ));
    }
    if !is_device_name(device) {
        let why = format!("{device} is not a valid EBS device name.");
        return Err(error::invalid_value_for(device, "device", &why));
    }
    // An instance of before there were volumes has a root disk that is none.
    if at(edit, instance, device).is_some() || is_root(edit, instance, device) {
        return Err(error::invalid_value(format!(
            "Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"
        )));
    }
    let before = Equipment::of(edit, instance);
    check_growth(&instance.instance_type, &before, &before.clone().with_volume())
}

fn attach(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AttachVolumeRequest,
) -> Result<api::VolumeAttachment, ServiceError> {
    if input.ebs_card_index.is_some_and(|index| index != 0) {
        return Err(error::unsupported("EBS cards other than the first are not supported."));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let mut volume = Volume::clone(&*edit.named::<Volume>(&input.volume_id)?);
        let mut instance = Instance::clone(&*edit.named::<Instance>(&input.instance_id)?);
        check_attach(edit, &instance, &volume, &input.device)?;
        let held = VolumeAttachment {
            instance: instance.id,
            device: input.device.clone(),
            delete_on_termination: false,
            attached_at: edit.now(),
            done_at: pace::VOLUME_ATTACHMENT.done_at(edit),
            detached_at: None,
        };
        let answer = shown(&volume, &held, edit.now());
        instance.volumes = of_instance(edit, &instance).iter().map(|volume| volume.id).collect();
        instance.volumes.push(volume.id);
        volume.attachment = Some(held);
        edit.put(volume);
        edit.put(instance);
        Ok(answer)
    })
}

/// Whether a device name is that of an instance's root disk.
pub(super) fn is_root(state: &impl State, instance: &Instance, device: &str) -> bool {
    let image = aws_catalog::image(state.region(), instance.image);
    image.is_some_and(|image| image.root_device_name == device)
}

/// The root disk stays with its instance, because it is no volume that another one could have.
fn check_detach(edit: &Edit<'_>, volume: &Volume, held: &VolumeAttachment) -> Result<(), ServiceError> {
    let Some(instance) = edit.find::<Instance>(held.instance) else { return Ok(()) };
    if !is_root(edit, &instance, &held.device) {
        return Ok(());
    }
    if instance.state == InstanceState::Stopped {
        return Err(error::unsupported("The root volume of an instance cannot be detached."));
    }
    Err(error::not_permitted(format!(
        "Unable to detach root volume '{}' from instance '{}'",
        volume.id, instance.id
    )))
}

fn detach(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DetachVolumeRequest,
) -> Result<api::VolumeAttachment, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let now = edit.now();
        let mut volume = Volume::clone(&*edit.named::<Volume>(&input.volume_id)?);
        let named = input.instance_id.as_deref().map(|id| edit.named::<Instance>(id)).transpose()?;
        let Some(mut held) = volume.attached(now).filter(|held| held.detached_at.is_none()).cloned() else {
            return Err(wrong_state(&volume, now));
        };
        let is_other = named.is_some_and(|instance| instance.id != held.instance)
            || input.device.as_ref().is_some_and(|device| *device != held.device);
        if is_other {
            let message = format!(
                "The volume '{}' is not attached to instance '{}' as device '{}'",
                volume.id,
                input.instance_id.as_deref().unwrap_or_default(),
                input.device.as_deref().unwrap_or_default()
            );
            return Err(ServiceError::new("InvalidAttachment.NotFound", message));
        }
        check_detach(edit, &volume, &held)?;
        held.detached_at = Some(pace::VOLUME_ATTACHMENT.done_at(edit));
        let answer = shown(&volume, &held, now);
        volume.attachment = Some(held);
        edit.put(volume);
        Ok(answer)
    })
}
