//! EBS volumes: CreateVolume, DeleteVolume, and in the modules below their attachments, modifications and descriptions,
//! and those that launches make.
//!
//! Owns the record. Refuses to know bytes: there are none behind a volume, and a root disk is the node's business.
//! <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volumes.html>

mod attachment;
mod attribute;
mod describe;
pub(crate) mod mapping;
mod modification;
pub(crate) mod specification;
mod status;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_catalog::Zone;
use aws_types::{AvailabilityZone, InstanceId, Tags, Timestamp, VolumeId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

pub(crate) use attachment::{at, count_of, mappings, of_instance, release};
pub use modification::VolumeModification;
pub use specification::{VolumeSpecification, VolumeType};

use crate::idempotency::Attempt;
use crate::state::{Naming, State, resource};
use crate::volume::specification::Wanted;
use crate::{Ec2, dependency, error, pace, quota, snapshot, tag, zone};

/// A volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    /// Its id.
    pub id: VolumeId,
    /// The zone that it is in.
    pub zone: AvailabilityZone,
    /// The id of that zone.
    pub zone_id: String,
    /// What it is, or is about to be by its last modification.
    pub specification: VolumeSpecification,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// From when on it can be attached.
    pub available_at: Timestamp,
    /// The instance that has it.
    pub attachment: Option<VolumeAttachment>,
    /// Its last modification.
    pub modification: Option<VolumeModification>,
    /// Whether input and output go on by themselves after a failure that could have damaged it.
    pub auto_enable_io: bool,
    /// From when on it is gone, once it is to be deleted.
    pub gone_at: Option<Timestamp>,
    /// Its tags.
    pub tags: Tags,
}

/// The attachment of a volume to an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeAttachment {
    /// The instance.
    pub instance: InstanceId,
    /// The device name, such as `/dev/sdf`.
    pub device: String,
    /// Whether the volume goes with the instance.
    pub delete_on_termination: bool,
    /// When it was asked for.
    pub attached_at: Timestamp,
    /// From when on it is attached.
    pub done_at: Timestamp,
    /// From when on it is not any more, once it is to be detached.
    pub detached_at: Option<Timestamp>,
}

/// What a volume is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeState {
    /// It is being made.
    Creating,
    /// It can be attached.
    Available,
    /// It is attached, or is being attached or detached.
    InUse,
    /// It is being deleted.
    Deleting,
}

impl VolumeState {
    /// As answers print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Available => "available",
            Self::InUse => "in-use",
            Self::Deleting => "deleting",
        }
    }
}

resource!(
    Volume,
    VolumeId,
    "ec2.volume",
    Naming {
        resource_type: "volume",
        noun: "volume",
        not_found: "InvalidVolume.NotFound",
        malformed: "InvalidVolumeID.Malformed",
    },
    fn not_found_message(id: &str) -> String {
        format!("The volume '{id}' does not exist.")
    },
    fn none_found_message(ids: &[String]) -> String {
        format!("The volumes '{}' do not exist.", ids.join(", "))
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.gone_at
    }
);

impl VolumeAttachment {
    /// As answers print it.
    pub fn state(&self, now: Timestamp) -> &'static str {
        match self.detached_at {
            Some(_) => "detaching",
            None if now < self.done_at => "attaching",
            None => "attached",
        }
    }
}

impl Volume {
    /// The attachment that it has at that time.
    pub fn attached(&self, now: Timestamp) -> Option<&VolumeAttachment> {
        let held = self.attachment.as_ref();
        held.filter(|held| held.detached_at.is_none_or(|detached_at| now < detached_at))
    }

    /// What it is at that time: a modification shows once it is carried out.
    pub fn specification(&self, now: Timestamp) -> &VolumeSpecification {
        let held = self.modification.as_ref().filter(|held| now < held.optimizing_at);
        held.map_or(&self.specification, |held| &held.original)
    }

    /// What it is doing at that time.
    pub fn state(&self, now: Timestamp) -> VolumeState {
        if self.gone_at.is_some() {
            VolumeState::Deleting
        } else if self.attached(now).is_some() {
            VolumeState::InUse
        } else if now < self.available_at {
            VolumeState::Creating
        } else {
            VolumeState::Available
        }
    }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table.with::<op::CreateVolume>(create).with::<op::DeleteVolume>(delete);
    [
        attachment::operations,
        attribute::operations,
        describe::operations,
        modification::operations,
        status::operations,
    ]
    .into_iter()
    .fold(table, |table, add| add(table))
}

/// The zone that a request names, which it has to.
fn chosen_zone(state: &impl State, name: Option<&str>, id: Option<&str>) -> Result<Zone, ServiceError> {
    let zones = zone::zones(state);
    let (wanted, found) = match (name, id) {
        (None, None) => return Err(error::missing_either("AvailabilityZone", "AvailabilityZoneId")),
        (Some(_), Some(_)) => {
            return Err(error::combination(
                "The parameter availabilityZone cannot be used with the parameter availabilityZoneId",
            ));
        }
        (Some(name), None) => (name, zones.iter().find(|zone| zone.name.as_str() == name)),
        (None, Some(id)) => (id, zones.iter().find(|zone| zone.zone_id == id)),
    };
    found.cloned().ok_or_else(|| {
        ServiceError::new("InvalidZone.NotFound", format!("The zone '{wanted}' does not exist."))
    })
}

/// How much volumes of a type hold together, in GiB.
fn held_gib(state: &impl State, volume_type: VolumeType) -> u64 {
    let volumes = state.all::<Volume>().filter(|volume| volume.specification.volume_type == volume_type);
    volumes.map(|volume| u64::from(volume.specification.size_gib)).sum()
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::CreateVolumeRequest,
) -> Result<api::Volume, ServiceError> {
    error::refuse_unsupported(&[
        (input.kms_key_id.is_some(), "Keys of one's own for volumes"),
        (input.outpost_arn.is_some(), "Outposts"),
        (input.multi_attach_enabled == Some(true), "Volumes for several instances"),
        (input.operator.is_some(), "Service-managed volumes"),
        (input.volume_initialization_rate.is_some(), "Volume initialization rates"),
    ])?;
    let tags = tag::specified(input.tag_specifications.as_ref(), "volume")?;
    let dry_run = input.dry_run.take();
    let attempt = Attempt::new("CreateVolume", input.client_token.as_ref(), &input)?;
    ec2.edit(context, dry_run, |edit| {
        if let Some(attempt) = &attempt
            && let Some(volume) = attempt.made::<Volume>(edit)?
        {
            return Ok(describe::shown(edit, &volume));
        }
        let zone =
            chosen_zone(edit, input.availability_zone.as_deref(), input.availability_zone_id.as_deref())?;
        let source = input.snapshot_id.as_deref().map(|id| snapshot::source(edit, id)).transpose()?;
        if source.is_none() && input.size.is_none() {
            return Err(error::missing("size or snapshotId"));
        }
        let wanted = Wanted {
            volume_type: input.volume_type.as_deref(),
            size: input.size,
            iops: input.iops,
            throughput: input.throughput,
            encrypted: input.encrypted,
        };
        let size_gib = source.as_ref().map_or(0, |source| source.size_gib);
        let specification = VolumeSpecification::made(wanted, VolumeType::Gp2, size_gib, source.as_ref())?;
        if let Some(source) = &source {
            source.check_size(specification.size_gib).map_err(error::invalid_value)?;
        }
        let held = held_gib(edit, specification.volume_type);
        quota::check_storage(edit, specification.volume_type, held + u64::from(specification.size_gib))?;
        let volume = Volume {
            id: edit.new_id(),
            zone: zone.name,
            zone_id: zone.zone_id,
            specification,
            created_at: edit.now(),
            available_at: pace::VOLUME_CREATION.done_at(edit),
            attachment: None,
            modification: None,
            auto_enable_io: false,
            gone_at: None,
            tags,
        };
        edit.put(volume.clone());
        if let Some(attempt) = &attempt {
            attempt.remember(edit, vec![volume.id.to_string()]);
        }
        Ok(describe::shown(edit, &volume))
    })
}

/// The error for a volume that is not in the state that a request needs.
fn wrong_state(volume: &Volume, now: Timestamp) -> ServiceError {
    let message = format!("Volume '{}' is in the '{}' state.", volume.id, volume.state(now).as_str());
    ServiceError::new("IncorrectState", message)
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteVolumeRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let mut volume = Volume::clone(&*edit.named::<Volume>(&input.volume_id)?);
        dependency::check_volume(edit, &volume)?;
        if volume.state(edit.now()) != VolumeState::Available {
            return Err(wrong_state(&volume, edit.now()));
        }
        volume.gone_at = Some(pace::VOLUME_DELETION.done_at(edit));
        edit.put(volume);
        Ok(Unit)
    })
}
