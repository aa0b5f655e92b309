//! Instance types: DescribeInstanceTypes, DescribeInstanceTypeOfferings.
//!
//! Owns how types are shown. What instances of a type can have is in [`limits`]. Refuses to know which exist: the catalog
//! does.

mod ebs;
mod limits;

use aws_api::ec2::{self as api, operation as op};
use aws_catalog::{Hypervisor, InstanceType};
use service_api::{Operations, RequestContext, ServiceError};

pub(crate) use limits::{Equipment, InterfaceEquipment, check_fits, check_growth};

use crate::filter::{Filters, each, flag, number, text};
use crate::page::Page;
use crate::state::State;
use crate::{Ec2, error, zone};

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::DescribeInstanceTypes>(describe)
        .with::<op::DescribeInstanceTypeOfferings>(describe_offerings)
}

/// The type that a request names. Those of the other architecture are of no use, because all images have the host's.
///
/// # Errors
/// `InvalidParameterValue`.
pub(crate) fn named(name: &str) -> Result<InstanceType, ServiceError> {
    if let Some(kind) = aws_catalog::instance_type(name) {
        return Ok(kind);
    }
    let Some(foreign) = aws_catalog::foreign_instance_type(name) else {
        return Err(error::invalid_value(format!("Invalid value '{name}' for InstanceType.")));
    };
    let own = if foreign.architecture == "arm64" { "x86_64" } else { "arm64" };
    Err(error::invalid_value(format!(
        "The architecture '{}' of the specified instance type does not match the architecture '{own}' of the specified \
         AMI. Specify an instance type and an AMI that have matching architectures, and try again. You can use \
         'describe-instance-types' or 'describe-images' to discover the architecture of the instance type or AMI.",
        foreign.architecture
    )))
}

fn whole(number: u32) -> Option<i32> {
    i32::try_from(number).ok()
}

/// The types that are free of charge in a new account.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-free-tier-usage.html>
const FREE_TIER: [&str; 6] =
    ["t3.micro", "t3.small", "t4g.micro", "t4g.small", "c7i-flex.large", "m7i-flex.large"];

/// The modes in which instances of a type can boot; the first is the one of images that name none.
pub(crate) fn boot_modes(kind: &InstanceType) -> &'static [&'static str] {
    match (kind.architecture, kind.hypervisor) {
        ("arm64", _) => &["uefi"],
        (_, Hypervisor::Nitro) => &["legacy-bios", "uefi"],
        (_, Hypervisor::Xen) => &["legacy-bios"],
    }
}

fn strategies(kind: &InstanceType) -> Vec<String> {
    let all = [("cluster", kind.is_clustered), ("partition", true), ("spread", true)];
    all.iter().filter(|(_, is_supported)| *is_supported).map(|(name, _)| (*name).to_owned()).collect()
}

fn shown(kind: &InstanceType) -> api::InstanceTypeInfo {
    let texts = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
    let unsupported = || Some("unsupported".to_owned());
    let is_nitro = kind.hypervisor == Hypervisor::Nitro;
    api::InstanceTypeInfo {
        auto_recovery_supported: Some(false),
        bare_metal: Some(false),
        burstable_performance_supported: Some(kind.is_burstable),
        current_generation: Some(kind.is_current_generation),
        dedicated_hosts_supported: Some(false),
        ebs_info: Some(ebs::shown(kind)),
        free_tier_eligible: Some(FREE_TIER.contains(&kind.name.as_str())),
        hibernation_supported: Some(false),
        hypervisor: Some(kind.hypervisor.as_str().to_owned()),
        instance_storage_supported: Some(false),
        instance_type: Some(kind.name.clone()),
        memory_info: Some(api::MemoryInfo { size_in_mi_b: Some(kind.memory_mib.into()) }),
        network_info: Some(api::NetworkInfo {
            default_network_card_index: Some(0),
            efa_supported: Some(false),
            encryption_in_transit_supported: Some(false),
            flexible_ena_queues_support: unsupported(),
            ena_support: Some(if is_nitro { "required" } else { "unsupported" }.to_owned()),
            ipv4_addresses_per_interface: whole(kind.max_ipv4_per_interface),
            ipv6_addresses_per_interface: whole(kind.max_ipv6_per_interface),
            ipv6_supported: Some(kind.max_ipv6_per_interface > 0),
            maximum_network_cards: Some(1),
            maximum_network_interfaces: whole(kind.max_interfaces),
            network_cards: Some(vec![api::NetworkCardInfo {
                maximum_network_interfaces: whole(kind.max_interfaces),
                network_card_index: Some(0),
                network_performance: Some(kind.network_performance.to_owned()),
                ..Default::default()
            }]),
            network_performance: Some(kind.network_performance.to_owned()),
            ..Default::default()
        }),
        nitro_enclaves_support: unsupported(),
        nitro_tpm_support: unsupported(),
        phc_support: unsupported(),
        placement_group_info: Some(api::PlacementGroupInfo { supported_strategies: Some(strategies(kind)) }),
        processor_info: Some(api::ProcessorInfo {
            manufacturer: Some(kind.manufacturer.to_owned()),
            supported_architectures: texts(&[kind.architecture]),
            sustained_clock_speed_in_ghz: kind.clock_mhz.map(|mhz| f64::from(mhz) / 1000.0),
            ..Default::default()
        }),
        reboot_migration_support: unsupported(),
        supported_boot_modes: texts(boot_modes(kind)),
        supported_root_device_types: texts(&["ebs"]),
        supported_usage_classes: texts(&["on-demand"]),
        supported_virtualization_types: texts(&["hvm"]),
        v_cpu_info: Some(api::VCpuInfo {
            default_cores: whole(kind.vcpus / kind.threads_per_core),
            default_threads_per_core: whole(kind.threads_per_core),
            default_v_cpus: whole(kind.vcpus),
            // A launch cannot choose others.
            valid_cores: whole(kind.vcpus / kind.threads_per_core).map(|cores| vec![cores]),
            valid_threads_per_core: whole(kind.threads_per_core).map(|threads| vec![threads]),
        }),
        ..Default::default()
    }
}

static FILTERS: Filters<api::InstanceTypeInfo> = Filters {
    tags: None,
    named: &[
        ("auto-recovery-supported", |kind| flag(kind.auto_recovery_supported)),
        ("bare-metal", |kind| flag(kind.bare_metal)),
        ("burstable-performance-supported", |kind| flag(kind.burstable_performance_supported)),
        ("current-generation", |kind| flag(kind.current_generation)),
        ("dedicated-hosts-supported", |kind| flag(kind.dedicated_hosts_supported)),
        ("free-tier-eligible", |kind| flag(kind.free_tier_eligible)),
        ("hibernation-supported", |kind| flag(kind.hibernation_supported)),
        ("hypervisor", |kind| text(&kind.hypervisor)),
        ("instance-storage-supported", |kind| flag(kind.instance_storage_supported)),
        ("instance-type", |kind| text(&kind.instance_type)),
        ("memory-info.size-in-mib", |kind| {
            kind.memory_info
                .iter()
                .filter_map(|memory| memory.size_in_mi_b)
                .map(|size| size.to_string())
                .collect()
        }),
        ("network-info.network-performance", |kind| {
            kind.network_info.iter().filter_map(|network| network.network_performance.clone()).collect()
        }),
        ("network-info.efa-supported", |kind| {
            flag(kind.network_info.as_ref().and_then(|network| network.efa_supported))
        }),
        ("network-info.encryption-in-transit-supported", |kind| {
            flag(kind.network_info.as_ref().and_then(|network| network.encryption_in_transit_supported))
        }),
        ("network-info.flexible-ena-queues-support", |kind| {
            kind.network_info
                .iter()
                .filter_map(|network| network.flexible_ena_queues_support.clone())
                .collect()
        }),
        ("network-info.ena-support", |kind| {
            kind.network_info.iter().filter_map(|network| network.ena_support.clone()).collect()
        }),
        ("network-info.ipv4-addresses-per-interface", |kind| {
            number(kind.network_info.as_ref().and_then(|network| network.ipv4_addresses_per_interface))
        }),
        ("network-info.ipv6-addresses-per-interface", |kind| {
            number(kind.network_info.as_ref().and_then(|network| network.ipv6_addresses_per_interface))
        }),
        ("network-info.ipv6-supported", |kind| {
            flag(kind.network_info.as_ref().and_then(|network| network.ipv6_supported))
        }),
        ("network-info.maximum-network-cards", |kind| {
            number(kind.network_info.as_ref().and_then(|network| network.maximum_network_cards))
        }),
        ("network-info.maximum-network-interfaces", |kind| {
            number(kind.network_info.as_ref().and_then(|network| network.maximum_network_interfaces))
        }),
        ("processor-info.supported-architecture", |kind| {
            kind.processor_info
                .iter()
                .flat_map(|info| each(&info.supported_architectures, |name| Some(name.clone())))
                .collect()
        }),
        ("processor-info.sustained-clock-speed-in-ghz", |kind| {
            let clocks = kind.processor_info.iter().filter_map(|info| info.sustained_clock_speed_in_ghz);
            clocks.map(|clock| clock.to_string()).collect()
        }),
        ("nitro-enclaves-support", |kind| text(&kind.nitro_enclaves_support)),
        ("nitro-tpm-support", |kind| text(&kind.nitro_tpm_support)),
        ("reboot-migration-support", |kind| text(&kind.reboot_migration_support)),
        ("supported-boot-mode", |kind| each(&kind.supported_boot_modes, |name| Some(name.clone()))),
        ("supported-root-device-type", |kind| {
            each(&kind.supported_root_device_types, |name| Some(name.clone()))
        }),
        ("supported-usage-class", |kind| each(&kind.supported_usage_classes, |name| Some(name.clone()))),
        ("supported-virtualization-type", |kind| {
            each(&kind.supported_virtualization_types, |name| Some(name.clone()))
        }),
        ("vcpu-info.default-cores", |kind| {
            number(kind.v_cpu_info.as_ref().and_then(|info| info.default_cores))
        }),
        ("vcpu-info.default-threads-per-core", |kind| {
            number(kind.v_cpu_info.as_ref().and_then(|info| info.default_threads_per_core))
        }),
        ("vcpu-info.default-vcpus", |kind| {
            number(kind.v_cpu_info.as_ref().and_then(|info| info.default_v_cpus))
        }),
        ("vcpu-info.valid-cores", |kind| {
            kind.v_cpu_info
                .iter()
                .flat_map(|info| each(&info.valid_cores, |cores| Some(cores.to_string())))
                .collect()
        }),
        ("vcpu-info.valid-threads-per-core", |kind| {
            kind.v_cpu_info
                .iter()
                .flat_map(|info| each(&info.valid_threads_per_core, |threads| Some(threads.to_string())))
                .collect()
        }),
        ("ebs-info.attachment-limit-type", ebs::info!(attachment_limit_type)),
        ("ebs-info.ebs-optimized-support", ebs::info!(ebs_optimized_support)),
        ("ebs-info.encryption-support", ebs::info!(encryption_support)),
        ("ebs-info.maximum-ebs-attachments", ebs::info!(maximum_ebs_attachments)),
        ("ebs-info.nvme-support", ebs::info!(nvme_support)),
        (
            "ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps",
            ebs::optimized!(baseline_bandwidth_in_mbps),
        ),
        ("ebs-info.ebs-optimized-info.baseline-iops", ebs::optimized!(baseline_iops)),
        (
            "ebs-info.ebs-optimized-info.baseline-throughput-in-mbps",
            ebs::optimized!(baseline_throughput_in_m_bps),
        ),
        ("ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps", ebs::optimized!(maximum_bandwidth_in_mbps)),
        ("ebs-info.ebs-optimized-info.maximum-iops", ebs::optimized!(maximum_iops)),
        (
            "ebs-info.ebs-optimized-info.maximum-throughput-in-mbps",
            ebs::optimized!(maximum_throughput_in_m_bps),
        ),
    ],
    absent: &[
        "processor-info.supported-features",
        "instance-storage-info.disk.count",
        "instance-storage-info.disk.size-in-gb",
        "instance-storage-info.disk.type",
        "instance-storage-info.encryption-support",
        "instance-storage-info.nvme-support",
        "instance-storage-info.total-size-in-gb",
        "network-info.bandwidth-weightings",
        "network-info.efa-info.maximum-efa-interfaces",
        "nitro-tpm-info.supported-versions",
    ],
};

fn describe(
    ec2: &Ec2,
    _: &RequestContext,
    input: api::DescribeInstanceTypesRequest,
) -> Result<api::DescribeInstanceTypesResult, ServiceError> {
    let mut kinds: Vec<InstanceType> = match input.instance_types.filter(|names| !names.is_empty()) {
        None => aws_catalog::instance_types().collect(),
        Some(names) => {
            let unknown: Vec<&str> =
                names.iter().filter(|name| named(name).is_err()).map(String::as_str).collect();
            if !unknown.is_empty() {
                return Err(ServiceError::new(
                    "InvalidInstanceType",
                    format!("The following supplied instance types do not exist: [{}]", unknown.join(", ")),
                ));
            }
            names.iter().filter_map(|name| aws_catalog::instance_type(name)).collect()
        }
    };
    kinds.sort_by(|one, other| one.name.cmp(&other.name));
    kinds.dedup_by(|one, other| one.name == other.name);
    let mut kinds: Vec<_> = kinds.iter().map(shown).collect();
    FILTERS.apply(&mut kinds, input.filters.as_ref())?;
    let page = Page::within("DescribeInstanceTypes", input.max_results, input.next_token.as_ref(), (5, 100));
    let (kinds, next_token) = page.cut(kinds, |kind| kind.instance_type.as_deref().unwrap_or_default())?;
    ec2.answer(input.dry_run, api::DescribeInstanceTypesResult { instance_types: Some(kinds), next_token })
}

static OFFERING_FILTERS: Filters<api::InstanceTypeOffering> = Filters {
    tags: None,
    named: &[
        ("instance-type", |offering| text(&offering.instance_type)),
        ("location", |offering| text(&offering.location)),
    ],
    absent: &[],
};

fn describe_offerings(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeInstanceTypeOfferingsRequest,
) -> Result<api::DescribeInstanceTypeOfferingsResult, ServiceError> {
    let view = ec2.view(context);
    let zones = zone::zones(&view);
    let location_type = input.location_type.as_deref().unwrap_or("region");
    // Every type is offered in every zone.
    let locations: Vec<String> = match location_type {
        "region" => vec![view.region().to_string()],
        "availability-zone" => zones.iter().map(|zone| zone.name.to_string()).collect(),
        "availability-zone-id" => zones.iter().map(|zone| zone.zone_id.clone()).collect(),
        "outpost" => Vec::new(),
        other => return Err(error::invalid_value_for(other, "locationType", "")),
    };
    let mut offerings = Vec::new();
    for kind in aws_catalog::instance_types() {
        offerings.extend(locations.iter().map(|location| api::InstanceTypeOffering {
            instance_type: Some(kind.name.clone()),
            location: Some(location.clone()),
            location_type: Some(location_type.to_owned()),
        }));
    }
    OFFERING_FILTERS.apply(&mut offerings, input.filters.as_ref())?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut keyed: Vec<(String, _)> = offerings
        .into_iter()
        .map(|offering| (format!("{} {}", text(&offering.instance_type), text(&offering.location)), offering))
        .collect();
    keyed.sort_by(|one, other| one.0.cmp(&other.0));
    let page = Page::new("DescribeInstanceTypeOfferings", input.max_results, input.next_token.as_ref());
    let (offerings, next_token) = page.cut(keyed, |(key, _)| key)?;
    let offerings = offerings.into_iter().map(|(_, offering)| offering).collect();
    ec2.answer(
        input.dry_run,
        api::DescribeInstanceTypeOfferingsResult { instance_type_offerings: Some(offerings), next_token },
    )
}
