//! RunInstances.
//!
//! Owns what a launch asks for and the making of its instances. Their interfaces are in [`super::network`].
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>

use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{ReservationId, Tags};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use service_api::{Operations, RequestContext, ServiceError};

use super::describe::{self, Surroundings};
use super::lifecycle::InstanceState;
use super::network::{self, Networks};
use super::options::WantedMetadataOptions;
use super::placement::Places;
use super::{
    Instance, InstancePlacement, MetadataOptions, PrivateDnsNameOptions, ShutdownBehavior, profile,
    running_vcpus,
};
use crate::idempotency::Attempt;
use crate::instance_type::{Equipment, check_fits};
use crate::network_interface::public_address;
use crate::state::{Edit, State};
use crate::volume::mapping::LaunchVolumes;
use crate::{Ec2, error, image, instance_type, key_pair, launch_template, network_interface, quota, tag};

/// How long user data can be, decoded.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html>
const MAX_USER_DATA_BYTES: usize = 16 * 1024;

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::RunInstances>(run)
}

/// Refuses what a launch can ask for on AWS and would not get here.
fn refuse_unsupported(input: &api::RunInstancesRequest) -> Result<(), ServiceError> {
    fn some<T>(list: &Option<Vec<T>>) -> bool {
        list.as_ref().is_some_and(|list| !list.is_empty())
    }
    let reserves = input.capacity_reservation_specification.as_ref().is_some_and(|wanted| {
        wanted.capacity_reservation_target.is_some()
            || wanted.capacity_reservation_preference.as_deref() == Some("capacity-reservations-only")
    });
    let hibernates = input.hibernation_options.as_ref().is_some_and(|wanted| wanted.configured == Some(true));
    let encloses = input.enclave_options.as_ref().is_some_and(|wanted| wanted.enabled == Some(true));
    let watches = input.monitoring.as_ref().is_some_and(|wanted| some(&wanted.metric_category_ids));
    error::refuse_unsupported(&[
        (input.instance_market_options.is_some(), "Spot instances and capacity blocks"),
        (some(&input.elastic_gpu_specification), "Elastic GPUs"),
        (some(&input.elastic_inference_accelerators), "Elastic inference accelerators"),
        (some(&input.license_specifications), "License configurations"),
        (some(&input.secondary_interfaces), "Secondary interfaces"),
        (input.kernel_id.is_some() || input.ramdisk_id.is_some(), "Kernel and RAM disk images"),
        (input.cpu_options.is_some(), "CPU options"),
        (input.network_performance_options.is_some(), "Network performance options"),
        (input.operator.is_some(), "Service-managed instances"),
        (reserves, "Capacity reservations"),
        (watches, "Categories of metrics"),
        (hibernates, "Launches that hibernate"),
        (encloses, "Nitro enclaves"),
    ])
}

/// How many instances at least and at most.
fn counts(input: &api::RunInstancesRequest) -> Result<(usize, usize), ServiceError> {
    let count = |value: i32, parameter: &str| match usize::try_from(value) {
        Ok(count @ 1..) => Ok(count),
        Ok(0) | Err(_) => Err(error::invalid_value_for(value, parameter, "Value must be at least 1.")),
    };
    let (least, most) = (count(input.min_count, "minCount")?, count(input.max_count, "maxCount")?);
    if least > most {
        let why = "The minimum count must not be greater than the maximum count.";
        return Err(error::invalid_value_for(input.min_count, "minCount", why));
    }
    if most > quota::MOST_INSTANCES_PER_LAUNCH {
        return Err(quota::launch_exceeded(most));
    }
    Ok((least, most))
}

/// Decodes user data.
///
/// # Errors
/// `InvalidParameterValue` for what is not base64 or too long.
pub(crate) fn user_data(encoded: Option<&str>) -> Result<Option<Vec<u8>>, ServiceError> {
    let Some(encoded) = encoded.filter(|text| !text.is_empty()) else { return Ok(None) };
    let compact: String = encoded.split_ascii_whitespace().collect();
    let bytes = STANDARD
        .decode(compact)
        .map_err(|_| error::invalid_value("Invalid BASE64 encoding of user data."))?;
    check_user_data(&bytes)?;
    Ok(Some(bytes))
}

/// # Errors
/// `InvalidParameterValue` for user data that is too long.
pub(super) fn check_user_data(bytes: &[u8]) -> Result<(), ServiceError> {
    if bytes.len() > MAX_USER_DATA_BYTES {
        return Err(error::invalid_value(format!("User data is limited to {MAX_USER_DATA_BYTES} bytes")));
    }
    Ok(())
}

/// How a burstable type spends credits.
fn cpu_credits(
    wanted: Option<&api::CreditSpecificationRequest>,
    kind: &aws_catalog::InstanceType,
) -> Result<Option<String>, ServiceError> {
    match wanted.map(|wanted| wanted.cpu_credits.as_str()) {
        Some(credits @ ("standard" | "unlimited")) if kind.is_burstable => Ok(Some(credits.to_owned())),
        Some("standard" | "unlimited") => Err(error::combination(format!(
            "The CreditSpecification parameter is not supported with the {} instance type.",
            kind.name
        ))),
        Some(other) => Err(ServiceError::new(
            "InvalidCpuCredits.Malformed",
            format!("Invalid value '{other}' for CpuCredits. Valid values are standard and unlimited."),
        )),
        None if !kind.is_burstable => Ok(None),
        None if kind.name.starts_with("t2.") => Ok(Some("standard".to_owned())),
        None => Ok(Some("unlimited".to_owned())),
    }
}

/// Whether an instance is to run in no capacity reservation.
///
/// # Errors
/// `InvalidParameterValue`.
fn avoids_capacity_reservations(
    wanted: Option<&api::CapacityReservationSpecification>,
) -> Result<bool, ServiceError> {
    match wanted.and_then(|wanted| wanted.capacity_reservation_preference.as_deref()) {
        None | Some("open") => Ok(false),
        Some("none") => Ok(true),
        Some(other) => {
            Err(error::invalid_value_for(other, "CapacityReservationPreference", "It must be open or none."))
        }
    }
}

/// Whether an instance is not to be recovered.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn auto_recovery_disabled(wanted: &str, parameter: &str) -> Result<bool, ServiceError> {
    match wanted {
        "default" => Ok(false),
        "disabled" => Ok(true),
        other => Err(error::invalid_value_for(other, parameter, "It must be disabled or default.")),
    }
}

/// What all instances of a launch have in common. `id` and `launch_index` are of none of them.
fn prototype(
    edit: &Edit<'_>,
    input: &api::RunInstancesRequest,
    networks: &Networks,
    tags: Tags,
) -> Result<Instance, ServiceError> {
    let image = image::named(edit, input.image_id.as_deref().ok_or_else(|| error::missing("ImageId"))?)?;
    let kind = input.instance_type.as_deref().unwrap_or(aws_catalog::DEFAULT_INSTANCE_TYPE);
    let kind = instance_type::named(kind)?;
    let key = input.key_name.as_deref().map(|name| key_pair::by_name(edit, name)).transpose()?;
    let wanted = input.metadata_options.as_ref();
    let metadata_options = MetadataOptions::of_image(&image).with(&WantedMetadataOptions {
        tokens: wanted.and_then(|wanted| wanted.http_tokens.as_deref()),
        hop_limit: wanted.and_then(|wanted| wanted.http_put_response_hop_limit),
        endpoint: wanted.and_then(|wanted| wanted.http_endpoint.as_deref()),
        ipv6: wanted.and_then(|wanted| wanted.http_protocol_ipv6.as_deref()),
        tags: wanted.and_then(|wanted| wanted.instance_metadata_tags.as_deref()),
    })?;
    let shutdown = input.instance_initiated_shutdown_behavior.as_deref();
    let subnet = networks.primary_subnet();
    let now = edit.now();
    Ok(Instance {
        id: edit.new_id(),
        reservation: edit.new_id(),
        launch_index: 0,
        image: image.id,
        cpu_credits: cpu_credits(input.credit_specification.as_ref(), &kind)?,
        instance_type: kind.name,
        subnet: subnet.id,
        vpc: subnet.vpc,
        zone: subnet.zone.clone(),
        zone_id: subnet.zone_id.clone(),
        state: InstanceState::Pending,
        state_since: now,
        state_reason: None,
        state_transition_reason: String::new(),
        launched_at: now,
        boots: 1,
        reboots_requested: 0,
        reboots_done: 0,
        checked_at: now,
        interfaces: Vec::new(),
        volumes: Vec::new(),
        placement: InstancePlacement::default(),
        avoids_capacity_reservations: avoids_capacity_reservations(
            input.capacity_reservation_specification.as_ref(),
        )?,
        key_name: key.as_ref().map(|pair| pair.name.clone()),
        public_key: key.map(|pair| pair.public_key.clone()),
        user_data: user_data(input.user_data.as_deref())?,
        metadata_options,
        private_dns_name_options: PrivateDnsNameOptions::wanted(
            input.private_dns_name_options.as_ref(),
            subnet,
        )?,
        shutdown_behavior: shutdown.map(ShutdownBehavior::parse).transpose()?.unwrap_or_default(),
        skip_os_shutdown: false,
        auto_recovery_disabled: input
            .maintenance_options
            .as_ref()
            .and_then(|wanted| wanted.auto_recovery.as_deref())
            .map(|wanted| auto_recovery_disabled(wanted, "MaintenanceOptions.AutoRecovery"))
            .transpose()?
            .unwrap_or(false),
        disable_api_termination: input.disable_api_termination == Some(true),
        disable_api_stop: input.disable_api_stop == Some(true),
        monitoring: input.monitoring.as_ref().is_some_and(|wanted| wanted.enabled),
        ebs_optimized: input.ebs_optimized == Some(true),
        client_token: input.client_token.clone(),
        tags,
    })
}

fn run(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::RunInstancesRequest,
) -> Result<api::Reservation, ServiceError> {
    let (least, most) = counts(&input)?;
    let dry_run = input.dry_run.take();
    let attempt = Attempt::new("RunInstances", input.client_token.as_ref(), &input)?;
    ec2.edit(context, dry_run, |edit| {
        if let Some(attempt) = &attempt
            && let Some(made) = attempt.earlier(edit)?
        {
            return earlier(edit, &made);
        }
        let (input, template_tags) = launch_template::data::completed(edit, &input)?;
        refuse_unsupported(&input)?;
        let profile = profile::of_launch(edit, &input)?;
        let mut tags =
            tag::specified_among(input.tag_specifications.as_ref(), &launch_template::data::TAGGED)?;
        let (interface_tags, volume_tags) = (tags.take("network-interface"), tags.take("volume"));
        let mut tags = tags.take("instance");
        template_tags.into_iter().for_each(|tag| tags.set(tag));
        let mut networks = Networks::wanted(edit, &input, most, &interface_tags)?;
        let prototype = prototype(edit, &input, &networks, tags)?;
        let mut places = Places::wanted(edit, input.placement.as_ref(), &prototype)?;
        let image = image::named(edit, input.image_id.as_deref().unwrap_or_default())?;
        let mappings = input.block_device_mappings.as_ref();
        let volumes = LaunchVolumes::wanted(edit, &image, mappings, volume_tags)?;
        let equipment = Equipment {
            interfaces: networks.equipment(edit)?,
            volumes: volumes.count(),
            group: places.group().cloned(),
        };
        check_fits(&prototype.instance_type, &equipment)?;
        let room_for_volumes = volumes.check(edit, least)?;
        places.check(least)?;
        let vcpus = u64::from(instance_type::named(&prototype.instance_type)?.vcpus);
        let running = running_vcpus(edit);
        quota::check_vcpus(edit, running + vcpus * least as u64)?;
        // Fewer than the most, and at least the least, is what the request allows.
        let room = (quota::most_vcpus(edit) - running) / vcpus;
        let most = most.min(usize::try_from(room).unwrap_or(usize::MAX));
        let most = most.min(room_for_volumes).min(places.room());
        let mut made = Vec::new();
        for index in 0..most {
            let id = if index == 0 { prototype.id } else { edit.new_id() };
            let interfaces = match networks.make(edit, id) {
                Ok(interfaces) => interfaces,
                // Addresses, too, may be enough for fewer only.
                Err(error) if index >= least && network::is_shortage(&error) => break,
                Err(error) => return Err(error),
            };
            network_interface::check_quota(edit, interfaces.len())?;
            let mut instance = Instance {
                id,
                launch_index: u32::try_from(index).expect("a launch has fewer than 2^32 instances"),
                interfaces: interfaces.iter().map(|interface| interface.id).collect(),
                placement: places.next(),
                ..prototype.clone()
            };
            interfaces.into_iter().for_each(|interface| edit.put(interface));
            instance.volumes = volumes.make(edit, &instance);
            edit.put(instance.clone());
            // An interface that there was already may be waiting for a public address.
            public_address::settle(edit, instance.interfaces[0])?;
            if let Some(profile) = &profile {
                profile::launch(edit, id, profile);
            }
            made.push(Arc::new(instance));
        }
        if let Some(attempt) = &attempt {
            attempt.remember(edit, made.iter().map(|instance| instance.id.to_string()).collect());
        }
        Ok(reservation(edit, prototype.reservation, &made))
    })
}

fn reservation(edit: &Edit<'_>, id: ReservationId, instances: &[Arc<Instance>]) -> api::Reservation {
    let surroundings = Surroundings::of(edit);
    api::Reservation {
        groups: Some(Vec::new()),
        instances: Some(
            instances.iter().map(|instance| describe::shown(edit, &surroundings, instance)).collect(),
        ),
        owner_id: Some(edit.account().to_string()),
        reservation_id: Some(id.to_string()),
        requester_id: None,
    }
}

/// The answer to a launch that was made already.
fn earlier(edit: &Edit<'_>, made: &[String]) -> Result<api::Reservation, ServiceError> {
    let instances: Vec<_> = made.iter().filter_map(|id| edit.named::<Instance>(id).ok()).collect();
    match instances.first() {
        Some(first) => Ok(reservation(edit, first.reservation, &instances)),
        None => Err(ServiceError::new(
            "IdempotentInstanceTerminated",
            "The request to launch an instance uses a client token of a request whose instances have been terminated.",
        )),
    }
}
