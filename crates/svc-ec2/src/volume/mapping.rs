//! The volumes of a launch: what its image, launch template and request say together.
//!
//! Owns how block device mappings are laid over each other. Refuses to know the rest of a launch.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/block-device-mapping-concepts.html>

use std::collections::BTreeSet;

use aws_api::ec2 as api;
use aws_catalog::Image;
use aws_types::{Tags, VolumeId};
use service_api::ServiceError;

use super::attachment::is_device_name;
use super::specification::Wanted;
use super::{Volume, VolumeAttachment, VolumeSpecification, VolumeType, held_gib};
use crate::instance::Instance;
use crate::snapshot::{self, Source};
use crate::state::{Edit, State};
use crate::{error, pace, quota};

/// A volume that each instance of a launch is to have.
struct Mapping {
    device: String,
    specification: VolumeSpecification,
    delete_on_termination: bool,
}

/// The volumes of a launch, the root volume first.
pub(crate) struct LaunchVolumes {
    mappings: Vec<Mapping>,
    tags: Tags,
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidBlockDeviceMapping", message)
}

/// Refuses what AWS's volumes can be and ours cannot.
fn refuse_unsupported(ebs: &api::EbsBlockDevice) -> Result<(), ServiceError> {
    error::refuse_unsupported(&[
        (ebs.kms_key_id.is_some(), "Keys of one's own for volumes"),
        (ebs.outpost_arn.is_some(), "Outposts"),
        (ebs.volume_initialization_rate.is_some(), "Volume initialization rates"),
        (ebs.ebs_card_index.is_some_and(|index| index != 0), "EBS cards other than the first"),
        (
            ebs.availability_zone.is_some() || ebs.availability_zone_id.is_some(),
            "Zones of the volumes of a launch",
        ),
    ])
}

/// Whether a virtual name is that of a disk of the instance's own. AWS ignores such a mapping where a type has none or
/// shows them by itself, which holds for all types that there are.
fn is_instance_store(name: &str) -> bool {
    let number = name.strip_prefix("ephemeral").and_then(|number| number.parse::<u8>().ok());
    number.is_some_and(|number| number < 24)
}

fn wanted(ebs: &api::EbsBlockDevice) -> Wanted<'_> {
    Wanted {
        volume_type: ebs.volume_type.as_deref(),
        size: ebs.volume_size,
        iops: ebs.iops,
        throughput: ebs.throughput,
        encrypted: ebs.encrypted,
    }
}

/// The root volume: as the image says where the launch does not.
fn root(image: &Image, ebs: &api::EbsBlockDevice) -> Result<Mapping, ServiceError> {
    refuse_unsupported(ebs)?;
    let own = image.root_snapshot_id;
    if ebs.snapshot_id.as_ref().is_some_and(|id| *id != own.to_string()) {
        return Err(invalid("snapshotId cannot be modified on root device"));
    }
    let source = Source { id: own, size_gib: image.root_volume_gib, is_encrypted: false };
    let default_type = VolumeType::parse(image.root_volume_type)?;
    let specification = VolumeSpecification::made(wanted(ebs), default_type, source.size_gib, Some(&source))?;
    source.check_size(specification.size_gib).map_err(invalid)?;
    Ok(Mapping {
        device: image.root_device_name.to_owned(),
        specification,
        delete_on_termination: ebs.delete_on_termination.unwrap_or(true),
    })
}

/// A volume beside the root volume.
fn further(state: &impl State, device: &str, ebs: &api::EbsBlockDevice) -> Result<Mapping, ServiceError> {
    refuse_unsupported(ebs)?;
    let source = ebs.snapshot_id.as_deref().map(|id| snapshot::source(state, id)).transpose()?;
    if source.is_none() && ebs.volume_size.is_none() {
        return Err(invalid(format!("Either snapshot ID or volume size must be provided for: {device}")));
    }
    let size_gib = source.as_ref().map_or(0, |source| source.size_gib);
    let specification = VolumeSpecification::made(wanted(ebs), VolumeType::Gp2, size_gib, source.as_ref())?;
    if let Some(source) = &source {
        source.check_size(specification.size_gib).map_err(invalid)?;
    }
    Ok(Mapping {
        device: device.to_owned(),
        specification,
        delete_on_termination: ebs.delete_on_termination.unwrap_or(false),
    })
}

impl LaunchVolumes {
    /// What a launch of an image asks for.
    ///
    /// # Errors
    /// `InvalidBlockDeviceMapping` and what volumes cannot be.
    pub(crate) fn wanted(
        state: &impl State,
        image: &Image,
        wanted: Option<&Vec<api::BlockDeviceMapping>>,
        tags: Tags,
    ) -> Result<Self, ServiceError> {
        let mut root_ebs = api::EbsBlockDevice::default();
        let mut mappings = Vec::new();
        let mut devices = BTreeSet::new();
        for mapping in wanted.into_iter().flatten() {
            let device = mapping.device_name.as_deref().ok_or_else(|| error::missing("deviceName"))?;
            if !is_device_name(device) {
                return Err(invalid(format!("{device} is not a valid EBS device name.")));
            }
            if !devices.insert(device) {
                return Err(invalid(format!(
                    "The device '{device}' is used in more than one block-device mapping"
                )));
            }
            let is_root = device == image.root_device_name;
            match (&mapping.ebs, &mapping.virtual_name, &mapping.no_device) {
                (Some(ebs), None, None) if is_root => root_ebs = ebs.clone(),
                (Some(ebs), None, None) => mappings.push(further(state, device, ebs)?),
                (None, None, Some(_)) if is_root => {
                    return Err(invalid(format!("The root device '{device}' cannot be suppressed")));
                }
                // The images have no other device that this could suppress.
                (None, None, Some(_)) => {}
                (None, Some(name), None) if !is_root && is_instance_store(name) => {}
                (None, Some(name), None) => {
                    return Err(invalid(format!(
                        "The virtual name '{name}' of device '{device}' is not valid"
                    )));
                }
                _ => {
                    return Err(invalid(format!(
                        "The mapping of device '{device}' must have one of ebs, virtualName and noDevice"
                    )));
                }
            }
        }
        mappings.insert(0, root(image, &root_ebs)?);
        Ok(Self { mappings, tags })
    }

    /// How many volumes each instance gets.
    pub(crate) fn count(&self) -> usize {
        self.mappings.len()
    }

    /// Checks that so many instances like this one can have their volumes, and tells how many more could.
    ///
    /// # Errors
    /// The quotas' own.
    pub(crate) fn check(&self, edit: &mut Edit<'_>, least: usize) -> Result<usize, ServiceError> {
        let mut checked = Vec::new();
        let mut room = u64::MAX;
        for volume_type in self.mappings.iter().map(|mapping| mapping.specification.volume_type) {
            if checked.contains(&volume_type) {
                continue;
            }
            checked.push(volume_type);
            let specifications = self.mappings.iter().map(|mapping| &mapping.specification);
            let own = specifications.filter(|own| own.volume_type == volume_type);
            let each: u64 = own.map(|own| u64::from(own.size_gib)).sum();
            let held = held_gib(edit, volume_type);
            quota::check_storage(edit, volume_type, held + each * least as u64)?;
            room = room.min((quota::most_storage_gib(edit, volume_type) - held) / each);
        }
        Ok(usize::try_from(room).unwrap_or(usize::MAX))
    }

    /// Makes the volumes of one instance.
    pub(crate) fn make(&self, edit: &mut Edit<'_>, instance: &Instance) -> Vec<VolumeId> {
        let (now, done_at) = (edit.now(), pace::VOLUME_ATTACHMENT.done_at(edit));
        let mut made = Vec::with_capacity(self.mappings.len());
        for mapping in &self.mappings {
            let id = edit.new_id();
            edit.put(Volume {
                id,
                zone: instance.zone.clone(),
                zone_id: instance.zone_id.clone(),
                specification: mapping.specification.clone(),
                created_at: now,
                available_at: now,
                attachment: Some(VolumeAttachment {
                    instance: instance.id,
                    device: mapping.device.clone(),
                    delete_on_termination: mapping.delete_on_termination,
                    attached_at: now,
                    done_at,
                    detached_at: None,
                }),
                modification: None,
                auto_enable_io: false,
                gone_at: None,
                tags: self.tags.clone(),
            });
            made.push(id);
        }
        made
    }
}
