//! Where instances were to be put: the placement of a launch, ModifyInstancePlacement.
//!
//! Owns AWS's rules for members of placement groups. Refuses to know hosts: there is one, and all instances share it.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-strategies.html>

use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{InstanceId, PlacementGroupId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use super::Instance;
use super::lifecycle::{DesiredState, InstanceState};
use crate::instance_type::{Equipment, check_growth};
use crate::placement_group::{PlacementGroup, PlacementStrategy, by_name};
use crate::state::{Edit, State};
use crate::vpc::{Tenancy, Vpc};
use crate::{Ec2, error};

/// How many instances of a spread group can run in one zone.
const SPREAD_PER_ZONE: usize = 7;

/// Where an instance was to be put, beyond its zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstancePlacement {
    /// Its placement group.
    pub group: Option<PlacementGroupId>,
    /// Its partition, counted from 1, where the group has partitions.
    pub partition: Option<u8>,
    /// Its tenancy, where it is not its VPC's.
    pub tenancy: Option<Tenancy>,
}

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::ModifyInstancePlacement>(modify)
}

/// The instances of a placement group; terminated ones are not in it any more.
pub(crate) fn members(state: &impl State, group: PlacementGroupId) -> impl Iterator<Item = Arc<Instance>> {
    state.all::<Instance>().filter(move |instance| {
        instance.placement.group == Some(group) && instance.state != InstanceState::Terminated
    })
}

/// The tenancy of an instance: its VPC's, unless it asked for its own.
fn tenancy(state: &impl State, instance: &Instance) -> Tenancy {
    let of_vpc = state.find::<Vpc>(instance.vpc).map_or(Tenancy::Default, |vpc| vpc.tenancy);
    instance.placement.tenancy.unwrap_or(of_vpc)
}

/// As answers have it.
pub(crate) fn shown(state: &impl State, instance: &Instance) -> api::Placement {
    let group = instance.placement.group.and_then(|id| state.find::<PlacementGroup>(id));
    api::Placement {
        availability_zone: Some(instance.zone.to_string()),
        availability_zone_id: Some(instance.zone_id.clone()),
        group_id: group.as_ref().map(|group| group.id.to_string()),
        group_name: Some(group.map(|group| group.name.clone()).unwrap_or_default()),
        partition_number: instance.placement.partition.map(i32::from),
        tenancy: Some(tenancy(state, instance).as_str().to_owned()),
        ..Default::default()
    }
}

/// The group that a request names by name or id.
fn named_group(
    state: &impl State,
    name: Option<&str>,
    id: Option<&str>,
) -> Result<Option<Arc<PlacementGroup>>, ServiceError> {
    match (name.filter(|name| !name.is_empty()), id) {
        (None, None) => Ok(None),
        (Some(name), None) => by_name(state, name).map(Some),
        (None, Some(id)) => state.named::<PlacementGroup>(id).map(Some),
        (Some(_), Some(_)) => {
            Err(error::combination("The parameter groupName cannot be used with the parameter groupId"))
        }
    }
}

/// Checks that an instance can be in a group, and in its partition of that number.
fn check_member(
    state: &impl State,
    instance: &Instance,
    group: &PlacementGroup,
    partition: Option<i32>,
) -> Result<Option<u8>, ServiceError> {
    match group.strategy {
        // AWS says that a cluster group is in one zone, and not with which error.
        PlacementStrategy::Cluster
            if members(state, group.id)
                .any(|other| other.id != instance.id && other.zone_id != instance.zone_id) =>
        {
            return Err(error::combination(format!(
                "The placement group '{}' has instances in another Availability Zone.",
                group.name
            )));
        }
        PlacementStrategy::Spread if tenancy(state, instance) == Tenancy::Dedicated => {
            return Err(error::combination("Spread placement groups cannot be used with dedicated tenancy."));
        }
        PlacementStrategy::Cluster | PlacementStrategy::Spread | PlacementStrategy::Partition { .. } => {}
    }
    match (partition, group.strategy) {
        (None, _) => Ok(None),
        (Some(number), PlacementStrategy::Partition { count }) => {
            let number_in = u8::try_from(number).ok().filter(|number| (1..=count).contains(number));
            number_in.map(Some).ok_or_else(|| {
                let why = format!("The placement group '{}' has {count} partitions.", group.name);
                error::invalid_value_for(number, "partitionNumber", &why)
            })
        }
        (Some(_), PlacementStrategy::Cluster | PlacementStrategy::Spread) => Err(error::combination(
            "The parameter partitionNumber can only be used with partition placement groups.",
        )),
    }
}

/// How many instances are in each partition of a group, without one of them.
fn filled(
    state: &impl State,
    group: PlacementGroupId,
    partitions: u8,
    without: Option<InstanceId>,
) -> Vec<usize> {
    let mut filled = vec![0; usize::from(partitions)];
    for member in members(state, group).filter(|member| Some(member.id) != without) {
        let place = member.placement.partition.and_then(|number| usize::from(number).checked_sub(1));
        if let Some(count) = place.and_then(|place| filled.get_mut(place)) {
            *count += 1;
        }
    }
    filled
}

/// The partition with the fewest instances, the first of several; `None` without partitions.
fn emptiest(filled: &[usize]) -> Option<u8> {
    let (place, _) = filled.iter().enumerate().min_by_key(|(_, count)| **count)?;
    u8::try_from(place + 1).ok()
}

/// How many more instances of a spread group can run in a zone; AWS publishes the number and not the error.
fn spread_room(state: &impl State, group: PlacementGroupId, zone_id: &str) -> usize {
    let running = members(state, group)
        .filter(|member| member.zone_id == zone_id && member.desired() == DesiredState::Running);
    SPREAD_PER_ZONE.saturating_sub(running.count())
}

fn spread_exceeded(group: &str) -> ServiceError {
    ServiceError::new(
        "InsufficientInstanceCapacity",
        format!(
            "The placement group '{group}' can have {SPREAD_PER_ZONE} running instances in an Availability Zone."
        ),
    )
}

/// Checks that a stopped instance can run again.
///
/// # Errors
/// `InsufficientInstanceCapacity`.
pub(super) fn check_start(edit: &Edit<'_>, instance: &Instance) -> Result<(), ServiceError> {
    let group = instance.placement.group.and_then(|id| edit.find::<PlacementGroup>(id));
    match group.filter(|group| group.strategy == PlacementStrategy::Spread) {
        Some(group) if spread_room(edit, group.id, &instance.zone_id) == 0 => {
            Err(spread_exceeded(&group.name))
        }
        Some(_) | None => Ok(()),
    }
}

/// The places of a launch's instances.
pub(super) struct Places {
    group: Option<Arc<PlacementGroup>>,
    /// The partition that all are to be in, or else how many instances are in each.
    partition: Option<u8>,
    filled: Vec<usize>,
    tenancy: Option<Tenancy>,
    room: usize,
}

fn refuse_hosts(is_asked: bool) -> Result<(), ServiceError> {
    if is_asked {
        return Err(error::unsupported("Dedicated hosts are not supported."));
    }
    Ok(())
}

/// # Errors
/// `InvalidParameterValue`; `UnsupportedOperation` for hosts.
fn wanted_tenancy(text: Option<&str>) -> Result<Option<Tenancy>, ServiceError> {
    match text {
        // An instance in a dedicated VPC is dedicated, whatever its launch says.
        None | Some("default") => Ok(None),
        Some("dedicated") => Ok(Some(Tenancy::Dedicated)),
        Some("host") => Err(error::unsupported("Dedicated hosts are not supported.")),
        Some(other) => {
            Err(error::invalid_value_for(other, "tenancy", "It must be default, dedicated or host."))
        }
    }
}

impl Places {
    /// What a launch of instances like the prototype asks for.
    ///
    /// # Errors
    /// A group that is not there or cannot have such an instance; what is not supported.
    pub(super) fn wanted(
        edit: &Edit<'_>,
        wanted: Option<&api::Placement>,
        prototype: &Instance,
    ) -> Result<Self, ServiceError> {
        let none = api::Placement::default();
        let wanted = wanted.unwrap_or(&none);
        refuse_hosts(
            wanted.host_id.is_some() || wanted.host_resource_group_arn.is_some() || wanted.affinity.is_some(),
        )?;
        if wanted.spread_domain.is_some() {
            return Err(error::unsupported("Spread domains are not supported."));
        }
        let tenancy = wanted_tenancy(wanted.tenancy.as_deref())?;
        let group = named_group(edit, wanted.group_name.as_deref(), wanted.group_id.as_deref())?;
        let mut places = Self { group, partition: None, filled: Vec::new(), tenancy, room: usize::MAX };
        let Some(group) = places.group.clone() else {
            if wanted.partition_number.is_some() {
                return Err(error::combination(
                    "The parameter partitionNumber can only be used with partition placement groups.",
                ));
            }
            return Ok(places);
        };
        let placement = InstancePlacement { tenancy, ..InstancePlacement::default() };
        let prototype = Instance { placement, ..prototype.clone() };
        places.partition = check_member(edit, &prototype, &group, wanted.partition_number)?;
        match group.strategy {
            PlacementStrategy::Partition { count } => {
                places.filled = filled(edit, group.id, count, None);
            }
            PlacementStrategy::Spread => places.room = spread_room(edit, group.id, &prototype.zone_id),
            PlacementStrategy::Cluster => {}
        }
        Ok(places)
    }

    /// Checks that there is room for so many.
    ///
    /// # Errors
    /// `InsufficientInstanceCapacity`.
    pub(super) fn check(&self, least: usize) -> Result<(), ServiceError> {
        match &self.group {
            Some(group) if least > self.room => Err(spread_exceeded(&group.name)),
            Some(_) | None => Ok(()),
        }
    }

    /// The group that they are in.
    pub(super) fn group(&self) -> Option<&Arc<PlacementGroup>> {
        self.group.as_ref()
    }

    /// For how many there is room.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// The place of the next instance: in the partition with the fewest, where the launch names none.
    pub(super) fn next(&mut self) -> InstancePlacement {
        let partition = self.partition.or_else(|| emptiest(&self.filled));
        if let Some(count) = partition.and_then(|number| self.filled.get_mut(usize::from(number) - 1)) {
            *count += 1;
        }
        InstancePlacement {
            group: self.group.as_ref().map(|group| group.id),
            partition,
            tenancy: self.tenancy,
        }
    }
}

fn check_tenancy(edit: &Edit<'_>, instance: &Instance, text: Option<&str>) -> Result<(), ServiceError> {
    // The tenancies that an instance can go between are dedicated and host.
    match text {
        None => Ok(()),
        Some("dedicated") if tenancy(edit, instance) == Tenancy::Dedicated => Ok(()),
        Some("host") => Err(error::unsupported("Dedicated hosts are not supported.")),
        Some("dedicated" | "default") => Err(ServiceError::new(
            "InvalidTenancy",
            format!(
                "The tenancy of the instance '{}' can only change between dedicated and host.",
                instance.id
            ),
        )),
        Some(other) => Err(error::invalid_value_for(other, "tenancy", "It must be dedicated or host.")),
    }
}

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyInstancePlacementRequest,
) -> Result<api::ModifyInstancePlacementResult, ServiceError> {
    refuse_hosts(
        input.host_id.is_some() || input.host_resource_group_arn.is_some() || input.affinity.is_some(),
    )?;
    let says_nothing = input.group_name.is_none()
        && input.group_id.is_none()
        && input.partition_number.is_none()
        && input.tenancy.is_none();
    if says_nothing {
        return Err(error::missing("groupName, groupId, partitionNumber or tenancy"));
    }
    ec2.edit(context, None, |edit| {
        let mut instance = Instance::clone(&*edit.named::<Instance>(&input.instance_id)?);
        if instance.state != InstanceState::Stopped {
            let message = format!("The instance '{}' is not in the 'stopped' state.", instance.id);
            return Err(ServiceError::new("IncorrectInstanceState", message));
        }
        check_tenancy(edit, &instance, input.tenancy.as_deref())?;
        let wanted = named_group(edit, input.group_name.as_deref(), input.group_id.as_deref())?;
        // An empty name takes the instance out of its group.
        let leaves = wanted.is_none() && input.group_name.is_some();
        let current = instance.placement.group.filter(|_| !leaves);
        let group = wanted.or_else(|| current.and_then(|id| edit.find::<PlacementGroup>(id)));
        match group {
            None if input.partition_number.is_some() => {
                return Err(error::combination(
                    "The parameter partitionNumber can only be used with partition placement groups.",
                ));
            }
            None => (instance.placement.group, instance.placement.partition) = (None, None),
            Some(group) => {
                let is_same = instance.placement.group == Some(group.id);
                let partition = check_member(edit, &instance, &group, input.partition_number)?;
                let partition = partition.or(instance.placement.partition.filter(|_| is_same));
                instance.placement.partition = partition.or_else(|| match group.strategy {
                    PlacementStrategy::Partition { count } => {
                        emptiest(&filled(edit, group.id, count, Some(instance.id)))
                    }
                    PlacementStrategy::Cluster | PlacementStrategy::Spread => None,
                });
                let before = Equipment::of(edit, &instance);
                instance.placement.group = Some(group.id);
                check_growth(&instance.instance_type, &before, &Equipment::of(edit, &instance))?;
            }
        }
        edit.put(instance);
        Ok(api::ModifyInstancePlacementResult { r#return: Some(true) })
    })
}
