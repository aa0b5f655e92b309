//! DescribeInstances, and how instances are shown.

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use aws_api::ec2::{self as api, operation as op};
use aws_types::InstanceId;
use service_api::{Operations, RequestContext, ServiceError};

use super::filters::{FILTERS, Found};
use super::lifecycle::InstanceState;
use super::{Instance, profile};
use crate::elastic_ip::{self, Associated, PublicAssociation};
use crate::instance_type::boot_modes;
use crate::network_interface::{NetworkInterface, private_dns_name};
use crate::page::Page;
use crate::state::{Resource, State};
use crate::{Ec2, error, security_group, tag, volume};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::DescribeInstances>(describe)
}

/// What instances of an answer are shown with that is looked up once for all of them.
pub(super) struct Surroundings {
    /// The Elastic IP addresses.
    pub(super) associated: Associated,
    profiles: BTreeMap<InstanceId, api::IamInstanceProfile>,
    images: Vec<aws_catalog::Image>,
}

impl Surroundings {
    pub(super) fn of(state: &impl State) -> Self {
        Self {
            associated: Associated::of(state),
            profiles: profile::of_instances(state),
            images: aws_catalog::images(state.region()),
        }
    }
}

/// Nobody here has another service manage a resource.
fn operator() -> api::OperatorResponse {
    api::OperatorResponse { managed: Some(false), ..Default::default() }
}

/// What a public address stands for, as answers have it.
fn shown_association(
    state: &impl State,
    interface: &NetworkInterface,
    public: &PublicAssociation<'_>,
) -> api::InstanceNetworkInterfaceAssociation {
    api::InstanceNetworkInterfaceAssociation {
        ip_owner_id: Some(public.owner(state)),
        public_dns_name: Some(elastic_ip::public_dns_name(state, interface.vpc, public.address)),
        public_ip: Some(public.address.to_string()),
        ..Default::default()
    }
}

/// A list as answers have it, which leave out an empty one.
fn shown_list<T>(all: &[impl ToString], shown: impl Fn(String) -> T) -> Option<Vec<T>> {
    (!all.is_empty()).then(|| all.iter().map(|each| shown(each.to_string())).collect())
}

fn shown_interface(
    state: &impl State,
    associated: &Associated,
    instance: &Instance,
    interface: &NetworkInterface,
) -> api::InstanceNetworkInterface {
    let attachment = interface.attached(state.now()).map(|held| api::InstanceNetworkInterfaceAttachment {
        attach_time: Some(held.attached_at),
        attachment_id: Some(held.id.to_string()),
        delete_on_termination: Some(held.delete_on_termination),
        device_index: i32::try_from(held.device_index).ok(),
        network_card_index: Some(0),
        status: Some(held.status(instance.is_launching()).to_owned()),
        ..Default::default()
    });
    let association = |address: Ipv4Addr| {
        let public = associated.public_address(interface, address)?;
        Some(shown_association(state, interface, &public))
    };
    let addresses = interface.private_addresses.iter().enumerate();
    let addresses = addresses.map(|(place, address)| api::InstancePrivateIpAddress {
        association: association(*address),
        primary: Some(place == 0),
        private_dns_name: Some(private_dns_name(state.region(), *address)),
        private_ip_address: Some(address.to_string()),
    });
    let ipv6 = interface.ipv6_addresses.iter().enumerate().map(|(place, address)| api::InstanceIpv6Address {
        ipv6_address: Some(address.to_string()),
        is_primary_ipv6: Some(place == 0 && interface.has_primary_ipv6),
    });
    api::InstanceNetworkInterface {
        association: association(interface.primary_address()),
        attachment,
        description: Some(interface.description.clone()),
        groups: Some(security_group::identifiers(state, &interface.groups)),
        interface_type: Some("interface".to_owned()),
        ipv4_prefixes: shown_list(&interface.ipv4_prefixes, |prefix| api::InstanceIpv4Prefix {
            ipv4_prefix: Some(prefix),
        }),
        ipv6_addresses: Some(ipv6.collect()),
        ipv6_prefixes: shown_list(&interface.ipv6_prefixes, |prefix| api::InstanceIpv6Prefix {
            ipv6_prefix: Some(prefix),
        }),
        mac_address: Some(interface.mac.to_string()),
        network_interface_id: Some(interface.id.to_string()),
        operator: Some(operator()),
        owner_id: Some(state.account().to_string()),
        private_dns_name: Some(interface.private_dns_name(state.scope())),
        private_ip_address: Some(interface.primary_address().to_string()),
        private_ip_addresses: Some(addresses.collect()),
        source_dest_check: Some(interface.source_dest_check),
        status: Some("in-use".to_owned()),
        subnet_id: Some(interface.subnet.to_string()),
        vpc_id: Some(interface.vpc.to_string()),
        ..Default::default()
    }
}

/// What of an answer depends on the instance's interfaces; a terminated one has none.
fn with_network(
    state: &impl State,
    associated: &Associated,
    instance: &Instance,
    shown: api::Instance,
) -> api::Instance {
    let interfaces: Vec<_> =
        instance.interfaces.iter().filter_map(|id| state.find::<NetworkInterface>(*id)).collect();
    let all: Vec<_> =
        interfaces.iter().map(|interface| shown_interface(state, associated, instance, interface)).collect();
    let Some(primary) = interfaces.first() else {
        return api::Instance {
            network_interfaces: Some(Vec::new()),
            private_dns_name: Some(String::new()),
            security_groups: Some(Vec::new()),
            ..shown
        };
    };
    let public = all.first().and_then(|primary| primary.association.as_ref());
    let public_dns_name = public.and_then(|held| held.public_dns_name.clone());
    let public_ip_address = public.and_then(|held| held.public_ip.clone());
    api::Instance {
        ipv6_address: primary.ipv6_addresses.first().map(ToString::to_string),
        network_interfaces: Some(all),
        private_dns_name: Some(instance.private_dns_name(primary, state.scope())),
        private_ip_address: Some(primary.primary_address().to_string()),
        public_dns_name: public_dns_name.or(shown.public_dns_name),
        public_ip_address,
        security_groups: Some(security_group::identifiers(state, &primary.groups)),
        source_dest_check: Some(primary.source_dest_check),
        subnet_id: Some(instance.subnet.to_string()),
        vpc_id: Some(instance.vpc.to_string()),
        ..shown
    }
}

/// The reason of the state; a launch in progress is its own.
fn state_reason(instance: &Instance) -> Option<api::StateReason> {
    let own = |text: &str| api::StateReason { code: Some(text.to_owned()), message: Some(text.to_owned()) };
    match (&instance.state_reason, instance.state) {
        (Some(reason), _) => {
            Some(api::StateReason { code: Some(reason.code.clone()), message: Some(reason.message.clone()) })
        }
        (None, InstanceState::Pending) => Some(own("pending")),
        (None, _) => None,
    }
}

/// An instance as answers have it.
pub(super) fn shown(state: &impl State, surroundings: &Surroundings, instance: &Instance) -> api::Instance {
    let image = surroundings.images.iter().find(|image| image.id == instance.image);
    let kind = aws_catalog::instance_type(&instance.instance_type);
    let of_image = |value: fn(&aws_catalog::Image) -> &str| image.map(|image| value(image).to_owned());
    let boot_mode = kind.as_ref().and_then(|kind| boot_modes(kind).first());
    let auto_recovery = if instance.auto_recovery_disabled { "disabled" } else { "default" };
    let reservations = if instance.avoids_capacity_reservations { "none" } else { "open" };
    let shown = api::Instance {
        ami_launch_index: i32::try_from(instance.launch_index).ok(),
        architecture: of_image(|image| image.architecture),
        block_device_mappings: Some(volume::mappings(state, instance)),
        capacity_reservation_specification: Some(api::CapacityReservationSpecificationResponse {
            capacity_reservation_preference: Some(reservations.to_owned()),
            ..Default::default()
        }),
        client_token: Some(instance.client_token.clone().unwrap_or_default()),
        cpu_options: kind.map(|kind| api::CpuOptions {
            core_count: i32::try_from(kind.vcpus / kind.threads_per_core).ok(),
            threads_per_core: i32::try_from(kind.threads_per_core).ok(),
            ..Default::default()
        }),
        current_instance_boot_mode: boot_mode.map(|mode| (*mode).to_owned()),
        ebs_optimized: Some(instance.ebs_optimized),
        ena_support: Some(true),
        enclave_options: Some(api::EnclaveOptions { enabled: Some(false) }),
        hibernation_options: Some(api::HibernationOptions { configured: Some(false) }),
        hypervisor: Some("xen".to_owned()),
        iam_instance_profile: surroundings.profiles.get(&instance.id).cloned(),
        image_id: Some(instance.image.to_string()),
        instance_id: Some(instance.id.to_string()),
        instance_type: Some(instance.instance_type.clone()),
        key_name: instance.key_name.clone(),
        launch_time: Some(instance.launched_at),
        maintenance_options: Some(api::InstanceMaintenanceOptions {
            auto_recovery: Some(auto_recovery.to_owned()),
            ..Default::default()
        }),
        metadata_options: Some(instance.metadata_options.shown()),
        monitoring: Some(api::Monitoring {
            state: Some(if instance.monitoring { "enabled" } else { "disabled" }.to_owned()),
            ..Default::default()
        }),
        operator: Some(operator()),
        placement: Some(super::placement::shown(state, instance)),
        platform_details: Some("Linux/UNIX".to_owned()),
        private_dns_name_options: Some(instance.private_dns_name_options.shown()),
        product_codes: Some(Vec::new()),
        public_dns_name: Some(String::new()),
        root_device_name: of_image(|image| image.root_device_name),
        root_device_type: of_image(|image| image.root_device_type),
        state: Some(instance.state.shown()),
        state_reason: state_reason(instance),
        state_transition_reason: Some(instance.state_transition_reason.clone()),
        tags: tag::shown(&instance.tags),
        usage_operation: Some("RunInstances".to_owned()),
        usage_operation_update_time: Some(instance.launched_at),
        virtualization_type: of_image(|image| image.virtualization_type),
        ..Default::default()
    };
    with_network(state, &surroundings.associated, instance, shown)
}

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeInstancesRequest,
) -> Result<api::DescribeInstancesResult, ServiceError> {
    let has_ids = input.instance_ids.as_ref().is_some_and(|ids| !ids.is_empty());
    if has_ids && input.max_results.is_some() {
        return Err(error::combination(
            "The parameter instancesSet cannot be used with the parameter maxResults",
        ));
    }
    let view = ec2.view(context);
    let surroundings = LazyCell::new(|| Surroundings::of(&view));
    let mut instances = view.selected::<Instance>(input.instance_ids.as_ref())?;
    instances.sort_by_key(|instance| (instance.reservation, instance.launch_index));
    let wanted = FILTERS.wanted(input.filters.as_ref())?;
    let page = Page::new("DescribeInstances", input.max_results, input.next_token.as_ref());
    let (found, next_token) = page.cut_while_shown(
        instances,
        |instance| format!("{}/{:010}", instance.reservation, instance.launch_index),
        |instance| wanted.may_match(&instance.tags, |name| instance.attribute(name)),
        &wanted,
        |instance| Found {
            reservation: instance.reservation.to_string(),
            owner: view.account().to_string(),
            interfaces: instance.interfaces.iter().filter_map(|id| view.find(*id)).collect(),
            elastic_ips: instance
                .interfaces
                .iter()
                .flat_map(|id| surroundings.associated.with(*id))
                .cloned()
                .collect(),
            instance: shown(&view, &surroundings, instance),
        },
    )?;
    let mut reservations: Vec<api::Reservation> = Vec::new();
    for Found { reservation, owner, instance, .. } in found {
        match reservations.last_mut().filter(|last| last.reservation_id.as_ref() == Some(&reservation)) {
            Some(last) => last.instances.get_or_insert_default().push(instance),
            None => reservations.push(api::Reservation {
                groups: Some(Vec::new()),
                instances: Some(vec![instance]),
                owner_id: Some(owner),
                requester_id: None,
                reservation_id: Some(reservation),
            }),
        }
    }
    ec2.answer(input.dry_run, api::DescribeInstancesResult { next_token, reservations: Some(reservations) })
}
