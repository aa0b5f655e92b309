//! What instances of a type can have: network interfaces, addresses on each, volumes, a place in a group.
//!
//! Owns the one check that every request passes which gives an instance something ([`check_growth`]), or makes an instance
//! or gives it another type ([`check_fits`]). Refuses to know who asks.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AvailableIpPerENI.html>

use std::sync::Arc;

use aws_catalog::{Hypervisor, InstanceType, VolumeLimit};
use service_api::ServiceError;

use super::named;
use crate::instance::Instance;
use crate::network_interface::{NetworkInterface, NewInterface};
use crate::placement_group::{PlacementGroup, PlacementStrategy};
use crate::state::State;
use crate::subnet::Subnet;
use crate::{error, volume};

/// What an interface of an instance has.
#[derive(Clone)]
pub(crate) struct InterfaceEquipment {
    /// How messages name it.
    name: String,
    /// How many IPv4 addresses and prefixes it has.
    v4: usize,
    /// How many IPv6 addresses and prefixes it has.
    v6: usize,
    /// How many of them are prefixes.
    prefixes: usize,
}

impl InterfaceEquipment {
    /// Of an interface that there is.
    pub(crate) fn of(interface: &NetworkInterface) -> Self {
        let (v4, v6) = interface.address_counts();
        let prefixes = interface.ipv4_prefixes.len() + interface.ipv6_prefixes.len();
        Self { name: interface.id.to_string(), v4, v6, prefixes }
    }

    /// Of one that is to be made in a subnet.
    pub(crate) fn of_new(wanted: &NewInterface, subnet: &Subnet) -> Self {
        let (v4, v6) = wanted.address_counts(subnet);
        let (v4_prefixes, v6_prefixes) = wanted.prefixes.counts();
        let prefixes = v4_prefixes + v6_prefixes;
        Self { name: "the network interface".to_owned(), v4, v6, prefixes }
    }
}

/// What an instance has, or is to have, of what its type limits.
#[derive(Clone, Default)]
pub(crate) struct Equipment {
    /// Its interfaces.
    pub(crate) interfaces: Vec<InterfaceEquipment>,
    /// How many volumes it has.
    pub(crate) volumes: usize,
    /// Its placement group.
    pub(crate) group: Option<Arc<PlacementGroup>>,
}

impl Equipment {
    /// Of an instance as its record and those of what it has tell.
    pub(crate) fn of(state: &impl State, instance: &Instance) -> Self {
        let interfaces = instance.interfaces.iter().filter_map(|id| state.find::<NetworkInterface>(*id));
        Self {
            interfaces: interfaces.map(|interface| InterfaceEquipment::of(&interface)).collect(),
            volumes: volume::count_of(state, instance),
            group: instance.placement.group.and_then(|id| state.find::<PlacementGroup>(id)),
        }
    }

    /// With an interface, in place of what it was before.
    pub(crate) fn with_interface(mut self, interface: &NetworkInterface) -> Self {
        let interface = InterfaceEquipment::of(interface);
        self.interfaces.retain(|other| other.name != interface.name);
        self.interfaces.push(interface);
        self
    }

    /// With one volume more.
    pub(crate) fn with_volume(mut self) -> Self {
        self.volumes += 1;
        self
    }
}

fn whole(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Checks that an instance of a type can have all this.
///
/// # Errors
/// As [`check_growth`].
pub(crate) fn check_fits(name: &str, held: &Equipment) -> Result<(), ServiceError> {
    check_growth(name, &Equipment::default(), held)
}

/// Checks that an instance of a type can have what it comes to have. What it had before is not asked about: an instance of
/// an older state, or one whose subnet gave it addresses, can have more than its type allows, and lives with it.
///
/// # Errors
/// `AttachmentLimitExceeded`, `PrivateIpAddressLimitExceeded`, `Ipv6AddressLimitExceeded`; `UnsupportedOperation` for
/// prefixes, `InvalidParameterCombination` for a placement group.
pub(crate) fn check_growth(name: &str, before: &Equipment, after: &Equipment) -> Result<(), ServiceError> {
    let kind = named(name)?;
    let (had, count) = (before.interfaces.len(), after.interfaces.len());
    if count > had.max(whole(kind.max_interfaces)) {
        let message = format!("Interface count {count} exceeds the limit for {name}");
        return Err(ServiceError::new("AttachmentLimitExceeded", message));
    }
    for interface in &after.interfaces {
        let before = before.interfaces.iter().find(|other| other.name == interface.name);
        check_interface(&kind, before, interface)?;
    }
    check_volumes(&kind, before, after)?;
    let id = |equipment: &Equipment| equipment.group.as_ref().map(|group| group.id);
    if id(before) == id(after) { Ok(()) } else { check_group(&kind, after.group.as_deref()) }
}

/// A prefix counts as one address.
fn check_interface(
    kind: &InstanceType,
    before: Option<&InterfaceEquipment>,
    after: &InterfaceEquipment,
) -> Result<(), ServiceError> {
    let (name, interface) = (&kind.name, &after.name);
    let (had_v4, had_v6, had_prefixes) = before.map_or((0, 0, 0), |held| (held.v4, held.v6, held.prefixes));
    if after.prefixes > had_prefixes && kind.hypervisor == Hypervisor::Xen {
        return Err(error::unsupported(format!(
            "Instances of the type {name} cannot have prefixes: they are not built on the Nitro System."
        )));
    }
    let (most, most_v6) = (kind.max_ipv4_per_interface, kind.max_ipv6_per_interface);
    if after.v4 > had_v4.max(whole(most)) {
        let count = after.v4;
        let message = format!(
            "Number of private addresses will exceed limit: {count} on {interface}, {name} allows {most}."
        );
        return Err(ServiceError::new("PrivateIpAddressLimitExceeded", message));
    }
    if after.v6 > had_v6.max(whole(most_v6)) {
        let count = after.v6;
        let message = format!(
            "Number of IPv6 addresses will exceed limit: {count} on {interface}, {name} allows {most_v6}."
        );
        return Err(ServiceError::new("Ipv6AddressLimitExceeded", message));
    }
    Ok(())
}

/// AWS publishes the code and not the message.
fn check_volumes(kind: &InstanceType, before: &Equipment, after: &Equipment) -> Result<(), ServiceError> {
    let all = |equipment: &Equipment| equipment.interfaces.len() + equipment.volumes;
    let (had, count, most, what) = match kind.volume_limit {
        VolumeLimit::Shared(most) => (all(before), all(after), most, "volumes and network interfaces"),
        VolumeLimit::Dedicated(most) => (before.volumes, after.volumes, most, "volumes"),
    };
    if count > had.max(whole(most)) {
        let name = &kind.name;
        let message = format!("The instance type {name} supports at most {most} attachments of {what}.");
        return Err(ServiceError::new("AttachmentLimitExceeded", message));
    }
    Ok(())
}

fn check_group(kind: &InstanceType, group: Option<&PlacementGroup>) -> Result<(), ServiceError> {
    match group.map(|group| group.strategy) {
        Some(PlacementStrategy::Cluster) if !kind.is_clustered => Err(error::combination(format!(
            "Placement groups may not be used with instances of type '{}'.",
            kind.name
        ))),
        Some(
            PlacementStrategy::Cluster | PlacementStrategy::Spread | PlacementStrategy::Partition { .. },
        )
        | None => Ok(()),
    }
}
