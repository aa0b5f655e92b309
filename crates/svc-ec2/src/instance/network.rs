//! The network of a launch: which subnets, groups and addresses its instances get.
//!
//! Owns the choice between parameters of the instance and of its interfaces.

use std::collections::{BTreeMap, BTreeSet};

use aws_api::ec2 as api;
use aws_types::{InstanceId, NetworkInterfaceId, SecurityGroupId, SubnetId, Tags};
use service_api::ServiceError;

use crate::instance_type::InterfaceEquipment;
use crate::network_interface::{
    self, Attachment, NetworkInterface, NewInterface, WantedPrefixes, attachment_in_use, public_address,
    wanted_addresses, wanted_groups, wanted_ipv6, wanted_tracking,
};
use crate::security_group;
use crate::state::{Edit, State};
use crate::subnet::Subnet;
use crate::subnet::address::Addresses;
use crate::{default_vpc, error, zone};

/// Whether an error says that a subnet has no more addresses or prefixes, or the region no more public addresses.
pub(super) fn is_shortage(error: &ServiceError) -> bool {
    let shortages = ["InsufficientFreeAddressesInSubnet", "InsufficientCidrBlocks", error::ADDRESS_SHORTAGE];
    shortages.contains(&&*error.code)
}

/// One interface of each instance of a launch.
struct Network {
    device_index: u32,
    delete_on_termination: bool,
    subnet: Subnet,
    source: Source,
}

enum Source {
    /// An interface that there is.
    Existing(NetworkInterfaceId),
    /// A new one for each instance.
    New(Box<NewInterface>),
}

/// The interfaces of each instance of a launch, in the order of their device indexes.
pub(super) struct Networks {
    networks: Vec<Network>,
    addresses: BTreeMap<SubnetId, Addresses>,
}

/// The error for a group that is not of the subnet's VPC.
fn different_networks(group: SecurityGroupId, subnet: SubnetId) -> ServiceError {
    ServiceError::new(
        "InvalidParameter",
        format!("Security group {group} and subnet {subnet} belong to different networks."),
    )
}

/// Groups named by id, or the VPC's default group.
fn groups(edit: &Edit<'_>, subnet: &Subnet, ids: &[String]) -> Result<Vec<SecurityGroupId>, ServiceError> {
    let mut groups = wanted_groups(edit, subnet.vpc, ids, |group| different_networks(group, subnet.id))?;
    if groups.is_empty() {
        groups.push(security_group::default_of(edit, subnet.vpc)?.id);
    }
    Ok(groups)
}

/// The subnet that a launch names, or else the default subnet of its zone, or of any.
fn subnet(
    edit: &Edit<'_>,
    named: Option<&String>,
    placement: Option<&api::Placement>,
) -> Result<Subnet, ServiceError> {
    let name = placement
        .and_then(|placement| placement.availability_zone.as_deref())
        .filter(|name| !name.is_empty());
    let id = placement.and_then(|placement| placement.availability_zone_id.as_deref());
    let zone = zone::choose(edit, name, id).map_err(|_| {
        error::invalid_value(format!("Invalid availability zone: [{}]", name.or(id).unwrap_or_default()))
    })?;
    if let Some(named) = named {
        let subnet = edit.usable::<Subnet>(named)?.resource;
        if let Some(zone) = zone.filter(|zone| zone.name != subnet.zone) {
            return Err(error::combination(format!(
                "The availability zone {} is not that of the subnet '{}'.",
                zone.name, subnet.id
            )));
        }
        return Ok(std::sync::Arc::unwrap_or_clone(subnet));
    }
    let vpc = default_vpc::required(edit)?;
    let mut candidates: Vec<_> = edit.parts::<Subnet, _>(vpc.id).filter(|subnet| subnet.is_default).collect();
    candidates.sort_by(|one, other| one.zone.cmp(&other.zone));
    let found =
        candidates.into_iter().find(|subnet| zone.as_ref().is_none_or(|zone| zone.name == subnet.zone));
    found.map(std::sync::Arc::unwrap_or_clone).ok_or_else(|| {
        let message = match zone {
            Some(zone) => format!("No default subnet for availability zone: '{}'.", zone.name),
            None => format!("No subnets found for the default VPC '{}'. Please specify a subnet.", vpc.id),
        };
        ServiceError::new("MissingInput", message)
    })
}

impl Networks {
    /// What a launch of up to `most` instances asks for.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub(super) fn wanted(
        edit: &Edit<'_>,
        input: &api::RunInstancesRequest,
        most: usize,
        tags: &Tags,
    ) -> Result<Self, ServiceError> {
        let listed = input.network_interfaces.as_deref().unwrap_or_default();
        let mut networks = if listed.is_empty() {
            vec![of_instance(edit, input, most, tags)?]
        } else {
            refuse_instance_level(input)?;
            check_public_addresses(listed)?;
            listed
                .iter()
                .map(|wanted| of_interface(edit, wanted, input.placement.as_ref(), most, tags))
                .collect::<Result<Vec<_>, _>>()?
        };
        // By its subnet, too, an instance gets a public address where the primary interface is its only one.
        if networks.len() > 1 {
            for network in &mut networks {
                if let Source::New(wanted) = &mut network.source {
                    wanted.wants_public_address = false;
                }
            }
        }
        networks.sort_by_key(|network| network.device_index);
        if networks[0].device_index != 0 {
            return Err(error::invalid_value("A network interface with device index 0 is required."));
        }
        for pair in networks.windows(2) {
            if pair[0].device_index == pair[1].device_index {
                let message = format!("The device index '{}' is used more than once.", pair[0].device_index);
                return Err(error::invalid_value(message));
            }
            if pair[0].subnet.zone != pair[1].subnet.zone {
                return Err(error::combination(
                    "All network interfaces must be in the same availability zone.",
                ));
            }
        }
        let mut named = BTreeSet::new();
        for network in &networks {
            if let Source::Existing(id) = network.source
                && !named.insert(id)
            {
                let message = format!("The network interface '{id}' is named more than once.");
                return Err(error::invalid_value(message));
            }
        }
        let addresses = networks
            .iter()
            .map(|network| (network.subnet.id, Addresses::of(edit, &network.subnet)))
            .collect();
        Ok(Self { networks, addresses })
    }

    /// The subnet of the interface with device index 0.
    pub(super) fn primary_subnet(&self) -> &Subnet {
        &self.networks[0].subnet
    }

    /// What the interfaces of each instance have.
    ///
    /// # Errors
    /// An interface that there is no more.
    pub(super) fn equipment(&self, edit: &Edit<'_>) -> Result<Vec<InterfaceEquipment>, ServiceError> {
        let of = |network: &Network| match &network.source {
            Source::Existing(id) => Ok(InterfaceEquipment::of(&edit.held::<NetworkInterface>(*id)?)),
            Source::New(wanted) => Ok(InterfaceEquipment::of_new(wanted, &network.subnet)),
        };
        self.networks.iter().map(of).collect()
    }

    /// Makes or takes the interfaces of one instance; the caller writes them.
    ///
    /// # Errors
    /// Addresses that the subnets or the region do not give, an interface that is in use.
    pub(super) fn make(
        &mut self,
        edit: &mut Edit<'_>,
        instance: InstanceId,
    ) -> Result<Vec<NetworkInterface>, ServiceError> {
        let mut made = Vec::with_capacity(self.networks.len());
        for network in &self.networks {
            let mut interface = match &network.source {
                Source::Existing(id) => edit.held::<NetworkInterface>(*id)?,
                Source::New(wanted) => {
                    let addresses =
                        self.addresses.get_mut(&network.subnet.id).expect("every subnet is in the map");
                    let new = NewInterface::clone(wanted);
                    let interface = network_interface::make(edit, &network.subnet, addresses, new)
                        .and_then(|interface| with_public_address(edit, interface));
                    match interface {
                        Ok(interface) => interface,
                        Err(error) => {
                            // A launch may go on without this instance.
                            self.give_back(edit, &made);
                            return Err(error);
                        }
                    }
                }
            };
            interface.attachment = Some(Attachment {
                id: edit.new_id(),
                instance,
                device_index: network.device_index,
                delete_on_termination: network.delete_on_termination,
                attached_at: edit.now(),
                detached_at: None,
            });
            made.push(interface);
        }
        Ok(made)
    }

    /// Gives back what the first interfaces of an instance have that could not be made as a whole.
    fn give_back(&self, edit: &mut Edit<'_>, made: &[NetworkInterface]) {
        for (network, interface) in self.networks.iter().zip(made) {
            match network.source {
                Source::New(_) => network_interface::give_back(edit, interface),
                Source::Existing(_) => {}
            }
        }
    }
}

/// Gives a new interface the public address that it is to have, or gives back the interface.
fn with_public_address(
    edit: &mut Edit<'_>,
    mut interface: NetworkInterface,
) -> Result<NetworkInterface, ServiceError> {
    match public_address::take(edit, &mut interface) {
        Ok(()) => Ok(interface),
        Err(error) => {
            network_interface::give_back(edit, &interface);
            Err(error)
        }
    }
}

/// An address that is named can be only one instance's.
fn check_single(most: usize, is_named: bool) -> Result<(), ServiceError> {
    if most > 1 && is_named {
        return Err(error::combination(
            "Addresses and network interfaces cannot be specified when launching more than one instance.",
        ));
    }
    Ok(())
}

/// The one interface of a launch that says it all at the level of the instance.
fn of_instance(
    edit: &Edit<'_>,
    input: &api::RunInstancesRequest,
    most: usize,
    tags: &Tags,
) -> Result<Network, ServiceError> {
    let subnet = subnet(edit, input.subnet_id.as_ref(), input.placement.as_ref())?;
    let mut ids = input.security_group_ids.clone().unwrap_or_default();
    let names = input.security_groups.as_deref().unwrap_or_default();
    if !names.is_empty() && input.subnet_id.is_some() {
        return Err(error::combination("The parameter groupName cannot be used with the parameter subnet"));
    }
    for name in names {
        ids.push(security_group::by_name(edit, name)?.id.to_string());
    }
    let (ipv6, ipv6_count) = wanted_ipv6(input.ipv6_addresses.as_ref(), input.ipv6_address_count)?;
    check_single(most, input.private_ip_address.is_some() || !ipv6.is_empty())?;
    let wanted = NewInterface {
        groups: groups(edit, &subnet, &ids)?,
        primary: input.private_ip_address.clone(),
        ipv6,
        ipv6_count,
        has_primary_ipv6: input.enable_primary_ipv6 == Some(true),
        wants_public_address: subnet.map_public_ip_on_launch,
        tags: tags.clone(),
        ..NewInterface::default()
    };
    Ok(Network {
        device_index: 0,
        delete_on_termination: true,
        subnet,
        source: Source::New(Box::new(wanted)),
    })
}

/// A public address can be asked for where the primary interface is the only one.
fn check_public_addresses(listed: &[api::InstanceNetworkInterfaceSpecification]) -> Result<(), ServiceError> {
    let asks = |wanted: &&api::InstanceNetworkInterfaceSpecification| {
        wanted.associate_public_ip_address == Some(true)
    };
    match listed.iter().find(asks) {
        Some(_) if listed.len() > 1 => Err(error::combination(
            "The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces",
        )),
        Some(wanted) if wanted.device_index != Some(0) => Err(error::combination(
            "The associatePublicIPAddress parameter can only be specified for the network interface with DeviceIndex 0.",
        )),
        Some(_) | None => Ok(()),
    }
}

/// With a list of interfaces, nothing of them can be said at the level of the instance.
fn refuse_instance_level(input: &api::RunInstancesRequest) -> Result<(), ServiceError> {
    let some = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let refused = [
        (input.subnet_id.is_some(), "subnet ID"),
        (some(&input.security_group_ids) || some(&input.security_groups), "security groups"),
        (input.private_ip_address.is_some(), "private IP address"),
        (input.ipv6_address_count.is_some() || input.ipv6_addresses.is_some(), "IPv6 address"),
        (input.enable_primary_ipv6.is_some(), "primary IPv6 address"),
    ];
    match refused.iter().find(|(is_given, _)| *is_given) {
        Some((_, what)) => Err(error::combination(format!(
            "Network interfaces and an instance-level {what} may not be specified on the same request"
        ))),
        None => Ok(()),
    }
}

fn of_interface(
    edit: &Edit<'_>,
    wanted: &api::InstanceNetworkInterfaceSpecification,
    placement: Option<&api::Placement>,
    most: usize,
    tags: &Tags,
) -> Result<Network, ServiceError> {
    let device_index = wanted.device_index.and_then(|index| u32::try_from(index).ok());
    let device_index = device_index
        .ok_or_else(|| error::invalid_value("Each network interface requires a device index."))?;
    let prefixes = WantedPrefixes::of_new(
        wanted.ipv4_prefixes.as_ref(),
        wanted.ipv4_prefix_count,
        wanted.ipv6_prefixes.as_ref(),
        wanted.ipv6_prefix_count,
    )?;
    let kind = wanted.interface_type.as_deref().unwrap_or("interface");
    if kind != "interface"
        || wanted.network_card_index.unwrap_or(0) != 0
        || wanted.associate_carrier_ip_address == Some(true)
        || wanted.ena_srd_specification.is_some()
        || wanted.ena_queue_count.is_some()
    {
        return Err(error::unsupported(
            "Other types of network interfaces, further network cards, carrier addresses, ENA Express and a number of ENA \
             queues are not supported.",
        ));
    }
    if let Some(text) = &wanted.network_interface_id {
        if prefixes.counts() != (0, 0) {
            return Err(error::combination(
                "A network interface ID and a prefix may not be specified together.",
            ));
        }
        return existing(edit, wanted, text, placement, device_index, most);
    }
    let subnet = subnet(edit, wanted.subnet_id.as_ref(), placement)?;
    let addresses = wanted_addresses(
        wanted.private_ip_address.as_ref(),
        wanted.private_ip_addresses.as_ref(),
        wanted.secondary_private_ip_address_count,
    )?;
    let (ipv6, ipv6_count) = wanted_ipv6(wanted.ipv6_addresses.as_ref(), wanted.ipv6_address_count)?;
    let is_named = addresses.primary.is_some() || !addresses.secondaries.is_empty() || !ipv6.is_empty();
    check_single(most, is_named || prefixes.is_named())?;
    let new = NewInterface {
        description: wanted.description.clone().unwrap_or_default(),
        groups: groups(edit, &subnet, wanted.groups.as_deref().unwrap_or_default())?,
        ipv6,
        ipv6_count,
        prefixes,
        has_primary_ipv6: wanted.primary_ipv6 == Some(true),
        wants_public_address: wanted.associate_public_ip_address.unwrap_or(subnet.map_public_ip_on_launch),
        connection_tracking: wanted_tracking(wanted.connection_tracking_specification.as_ref())?,
        tags: tags.clone(),
        ..addresses
    };
    new.check_prefixes()?;
    let delete_on_termination = wanted.delete_on_termination.unwrap_or(true);
    Ok(Network { device_index, delete_on_termination, subnet, source: Source::New(Box::new(new)) })
}

/// An interface that there is, with all that it has.
fn existing(
    edit: &Edit<'_>,
    wanted: &api::InstanceNetworkInterfaceSpecification,
    text: &str,
    placement: Option<&api::Placement>,
    device_index: u32,
    most: usize,
) -> Result<Network, ServiceError> {
    let refused = [
        (wanted.subnet_id.is_some(), "subnet"),
        (wanted.groups.as_ref().is_some_and(|groups| !groups.is_empty()), "security groups"),
        (wanted.private_ip_address.is_some() || wanted.private_ip_addresses.is_some(), "private IP address"),
        (wanted.ipv6_addresses.is_some() || wanted.ipv6_address_count.is_some(), "IPv6 address"),
        (wanted.secondary_private_ip_address_count.is_some(), "secondary private IP address count"),
        (wanted.primary_ipv6.is_some(), "primary IPv6 address"),
        (wanted.connection_tracking_specification.is_some(), "connection tracking specification"),
        (wanted.description.is_some(), "description"),
        (wanted.associate_public_ip_address == Some(true), "public IP address"),
    ];
    if let Some((_, what)) = refused.iter().find(|(is_given, _)| *is_given) {
        return Err(error::combination(format!(
            "A network interface ID and a {what} may not be specified together."
        )));
    }
    check_single(most, true)?;
    let interface = edit.named::<NetworkInterface>(text)?;
    network_interface::check_requester(&interface)?;
    if interface.attachment.is_some() {
        return Err(attachment_in_use(&interface));
    }
    Ok(Network {
        device_index,
        delete_on_termination: wanted.delete_on_termination.unwrap_or(false),
        subnet: subnet(edit, Some(&interface.subnet.to_string()), placement)?,
        source: Source::Existing(interface.id),
    })
}
