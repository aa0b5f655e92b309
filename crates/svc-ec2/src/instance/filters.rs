//! The filters of DescribeInstances.
//!
//! Owns what each filter that AWS documents looks at. Refuses to know how filters match.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>

use std::sync::Arc;

use aws_api::ec2 as api;

use crate::elastic_ip::ElasticIp;
use crate::filter::{Filters, each, flag, number, text};
use crate::network_interface::NetworkInterface;

/// An instance with what the filters know of its reservation.
pub(super) struct Found {
    pub(super) reservation: String,
    pub(super) owner: String,
    pub(super) interfaces: Vec<Arc<NetworkInterface>>,
    /// Those that stand for addresses of the interfaces.
    pub(super) elastic_ips: Vec<Arc<ElasticIp>>,
    pub(super) instance: api::Instance,
}

impl Found {
    /// The public addresses that stand for the primary addresses of its interfaces.
    fn primary_elastic_ips(&self) -> impl Iterator<Item = &Arc<ElasticIp>> {
        self.elastic_ips.iter().filter(|elastic_ip| {
            let mut interfaces = self.interfaces.iter();
            interfaces.any(|interface| elastic_ip.stands_for(interface.id, interface.primary_address()))
        })
    }
}

fn association_id(elastic_ip: &Arc<ElasticIp>) -> Option<String> {
    elastic_ip.association.as_ref().map(|held| held.id.to_string())
}

/// A member of the associations of the interfaces' primary addresses.
macro_rules! association {
    ($member:ident) => {
        interfaces!(interface => interface.association.iter().flat_map(|held| text(&held.$member)))
    };
}

/// A member of the associations of all the interfaces' addresses.
macro_rules! associations {
    ($member:ident) => {
        interfaces!(interface => {
            let addresses = interface.private_ip_addresses.iter().flatten();
            addresses.flat_map(|address| address.association.iter().flat_map(|held| text(&held.$member)))
        })
    };
}

/// The values that interfaces have for a filter.
macro_rules! interfaces {
    ($interface:ident => $values:expr) => {
        |found| found.instance.network_interfaces.iter().flatten().flat_map(|$interface| $values).collect()
    };
}

/// The values that interfaces' attachments have for a filter.
macro_rules! attachments {
    ($attachment:ident => $value:expr) => {
        |found| {
            let interfaces = found.instance.network_interfaces.iter().flatten();
            interfaces
                .filter_map(|interface| interface.attachment.as_ref())
                .filter_map(|$attachment| $value)
                .collect()
        }
    };
}

/// A member of a structure that an instance may have.
macro_rules! within {
    ($member:ident, $held:ident => $value:expr) => {
        |found| found.instance.$member.iter().filter_map(|$held| $value).collect()
    };
}

/// A member of the volumes.
macro_rules! volumes {
    ($ebs:ident => $value:expr) => {
        |found| {
            let mappings = found.instance.block_device_mappings.iter().flatten();
            mappings.filter_map(|mapping| mapping.ebs.as_ref()).filter_map(|$ebs| $value).collect()
        }
    };
}

pub(super) static FILTERS: Filters<Found> = Filters {
    tags: Some(|found| found.instance.tags.as_deref().unwrap_or_default()),
    named: &[
        ("architecture", |found| text(&found.instance.architecture)),
        ("availability-zone", within!(placement, held => held.availability_zone.clone())),
        ("availability-zone-id", within!(placement, held => held.availability_zone_id.clone())),
        ("block-device-mapping.attach-time", volumes!(ebs => ebs.attach_time.map(|time| time.to_string()))),
        (
            "block-device-mapping.delete-on-termination",
            volumes!(ebs => ebs.delete_on_termination.map(|flag| flag.to_string())),
        ),
        ("block-device-mapping.device-name", |found| {
            each(&found.instance.block_device_mappings, |mapping| mapping.device_name.clone())
        }),
        ("block-device-mapping.status", volumes!(ebs => ebs.status.clone())),
        ("block-device-mapping.volume-id", volumes!(ebs => ebs.volume_id.clone())),
        ("client-token", |found| text(&found.instance.client_token)),
        ("dns-name", |found| text(&found.instance.public_dns_name)),
        ("ebs-optimized", |found| flag(found.instance.ebs_optimized)),
        ("ena-support", |found| flag(found.instance.ena_support)),
        ("hypervisor", |found| text(&found.instance.hypervisor)),
        ("iam-instance-profile.arn", within!(iam_instance_profile, held => held.arn.clone())),
        ("iam-instance-profile.id", within!(iam_instance_profile, held => held.id.clone())),
        ("image-id", |found| text(&found.instance.image_id)),
        ("instance-id", |found| text(&found.instance.instance_id)),
        ("instance-state-code", within!(state, held => held.code.map(|code| code.to_string()))),
        ("instance-state-name", within!(state, held => held.name.clone())),
        ("instance-type", |found| text(&found.instance.instance_type)),
        ("instance.group-id", |found| each(&found.instance.security_groups, |group| group.group_id.clone())),
        ("instance.group-name", |found| {
            each(&found.instance.security_groups, |group| group.group_name.clone())
        }),
        ("ip-address", |found| text(&found.instance.public_ip_address)),
        ("ipv6-address", |found| text(&found.instance.ipv6_address)),
        ("key-name", |found| text(&found.instance.key_name)),
        ("launch-index", |found| number(found.instance.ami_launch_index)),
        ("launch-time", |found| found.instance.launch_time.iter().map(ToString::to_string).collect()),
        ("metadata-options.http-endpoint", within!(metadata_options, held => held.http_endpoint.clone())),
        (
            "metadata-options.http-put-response-hop-limit",
            within!(metadata_options, held => held.http_put_response_hop_limit.map(|limit| limit.to_string())),
        ),
        ("metadata-options.http-tokens", within!(metadata_options, held => held.http_tokens.clone())),
        (
            "metadata-options.instance-metadata-tags",
            within!(metadata_options, held => held.instance_metadata_tags.clone()),
        ),
        ("monitoring-state", within!(monitoring, held => held.state.clone())),
        ("network-interface.addresses.association.allocation-id", |found| {
            found.elastic_ips.iter().map(|elastic_ip| elastic_ip.id.to_string()).collect()
        }),
        ("network-interface.addresses.association.association-id", |found| {
            found.elastic_ips.iter().filter_map(association_id).collect()
        }),
        ("network-interface.addresses.association.ip-owner-id", associations!(ip_owner_id)),
        ("network-interface.addresses.association.public-dns-name", associations!(public_dns_name)),
        ("network-interface.addresses.association.public-ip", associations!(public_ip)),
        (
            "network-interface.addresses.primary",
            interfaces!(interface => {
                interface.private_ip_addresses.iter().flatten().flat_map(|address| flag(address.primary)).collect::<Vec<_>>()
            }),
        ),
        (
            "network-interface.addresses.private-ip-address",
            interfaces!(interface =>
            each(&interface.private_ip_addresses, |address| address.private_ip_address.clone())),
        ),
        ("network-interface.association.allocation-id", |found| {
            found.primary_elastic_ips().map(|elastic_ip| elastic_ip.id.to_string()).collect()
        }),
        ("network-interface.association.association-id", |found| {
            found.primary_elastic_ips().filter_map(association_id).collect()
        }),
        ("network-interface.association.ip-owner-id", association!(ip_owner_id)),
        ("network-interface.association.public-dns-name", association!(public_dns_name)),
        ("network-interface.association.public-ip", association!(public_ip)),
        ("network-interface.attachment.attachment-id", attachments!(held => held.attachment_id.clone())),
        (
            "network-interface.attachment.delete-on-termination",
            attachments!(held => held.delete_on_termination.map(|flag| flag.to_string())),
        ),
        (
            "network-interface.attachment.device-index",
            attachments!(held => held.device_index.map(|index| index.to_string())),
        ),
        ("network-interface.attachment.status", attachments!(held => held.status.clone())),
        ("network-interface.availability-zone", within!(placement, held => held.availability_zone.clone())),
        ("network-interface.description", interfaces!(interface => text(&interface.description))),
        (
            "network-interface.group-id",
            interfaces!(interface => each(&interface.groups, |group| group.group_id.clone())),
        ),
        (
            "network-interface.group-name",
            interfaces!(interface => each(&interface.groups, |group| group.group_name.clone())),
        ),
        (
            "network-interface.ipv6-addresses.ipv6-address",
            interfaces!(interface => each(&interface.ipv6_addresses, |address| address.ipv6_address.clone())),
        ),
        ("network-interface.mac-address", interfaces!(interface => text(&interface.mac_address))),
        (
            "network-interface.network-interface-id",
            interfaces!(interface => text(&interface.network_interface_id)),
        ),
        ("network-interface.owner-id", interfaces!(interface => text(&interface.owner_id))),
        ("network-interface.private-dns-name", interfaces!(interface => text(&interface.private_dns_name))),
        (
            "network-interface.private-ip-address",
            interfaces!(interface => text(&interface.private_ip_address)),
        ),
        ("network-interface.source-dest-check", interfaces!(interface => flag(interface.source_dest_check))),
        ("network-interface.status", interfaces!(interface => text(&interface.status))),
        ("network-interface.subnet-id", interfaces!(interface => text(&interface.subnet_id))),
        ("network-interface.vpc-id", interfaces!(interface => text(&interface.vpc_id))),
        ("owner-id", |found| vec![found.owner.clone()]),
        // One that is in no group has an empty name, which is no value.
        (
            "placement-group-name",
            within!(placement, held => held.group_name.clone().filter(|name| !name.is_empty())),
        ),
        (
            "placement-partition-number",
            within!(placement, held => held.partition_number.map(|number| number.to_string())),
        ),
        ("platform-details", |found| text(&found.instance.platform_details)),
        ("private-dns-name", |found| text(&found.instance.private_dns_name)),
        ("private-ip-address", |found| text(&found.instance.private_ip_address)),
        ("reason", |found| text(&found.instance.state_transition_reason)),
        ("reservation-id", |found| vec![found.reservation.clone()]),
        ("root-device-name", |found| text(&found.instance.root_device_name)),
        ("root-device-type", |found| text(&found.instance.root_device_type)),
        ("source-dest-check", |found| flag(found.instance.source_dest_check)),
        ("state-reason-code", within!(state_reason, held => held.code.clone())),
        ("state-reason-message", within!(state_reason, held => held.message.clone())),
        ("subnet-id", |found| text(&found.instance.subnet_id)),
        ("tenancy", within!(placement, held => held.tenancy.clone())),
        ("usage-operation", |found| text(&found.instance.usage_operation)),
        ("virtualization-type", |found| text(&found.instance.virtualization_type)),
        ("vpc-id", |found| text(&found.instance.vpc_id)),
        (
            "capacity-reservation-specification.capacity-reservation-preference",
            within!(capacity_reservation_specification, held => held.capacity_reservation_preference.clone()),
        ),
        (
            "enclave-options.enabled",
            within!(enclave_options, held => held.enabled.map(|flag| flag.to_string())),
        ),
        (
            "hibernation-options.configured",
            within!(hibernation_options, held => held.configured.map(|flag| flag.to_string())),
        ),
        (
            "maintenance-options.auto-recovery",
            within!(maintenance_options, held => held.auto_recovery.clone()),
        ),
        // IPv4 has no switch of its own: it is the endpoint's.
        (
            "metadata-options.http-protocol-ipv4",
            within!(metadata_options, held => held.http_endpoint.clone()),
        ),
        (
            "metadata-options.http-protocol-ipv6",
            within!(metadata_options, held => held.http_protocol_ipv6.clone()),
        ),
        ("metadata-options.state", within!(metadata_options, held => held.state.clone())),
        (
            "network-interface.addresses.private-dns-name",
            interfaces!(interface =>
            each(&interface.private_ip_addresses, |address| address.private_dns_name.clone())),
        ),
        (
            "network-interface.attachment.attach-time",
            attachments!(held => held.attach_time.map(|time| time.to_string())),
        ),
        ("network-interface.attachment.instance-id", |found| {
            found.interfaces.iter().filter_map(|_| found.instance.instance_id.clone()).collect()
        }),
        ("network-interface.attachment.instance-owner-id", |found| {
            found.interfaces.iter().map(|_| found.owner.clone()).collect()
        }),
        (
            "network-interface.attachment.network-card-index",
            attachments!(held => held.network_card_index.map(|index| index.to_string())),
        ),
        ("network-interface.deny-all-igw-traffic", interfaces!(_interface => vec!["false".to_owned()])),
        (
            "network-interface.ipv6-address",
            interfaces!(interface => each(&interface.ipv6_addresses, |address| address.ipv6_address.clone())),
        ),
        (
            "network-interface.ipv6-addresses.is-primary-ipv6",
            interfaces!(interface => {
                interface.ipv6_addresses.iter().flatten().flat_map(|address| flag(address.is_primary_ipv6)).collect::<Vec<_>>()
            }),
        ),
        ("network-interface.ipv6-native", interfaces!(_interface => vec!["false".to_owned()])),
        ("network-interface.operator.managed", interfaces!(_interface => vec!["false".to_owned()])),
        ("network-interface.requester-id", |found| {
            let kinds = found.interfaces.iter().filter_map(|interface| interface.kind);
            kinds.map(|kind| kind.requester().to_owned()).collect()
        }),
        ("network-interface.requester-managed", |found| {
            found.interfaces.iter().map(|interface| interface.kind.is_some().to_string()).collect()
        }),
        ("network-interface.tag-key", |found| {
            found
                .interfaces
                .iter()
                .flat_map(|interface| interface.tags.iter())
                .map(|(key, _)| key.to_owned())
                .collect()
        }),
        ("network-interface.tag-value", |found| {
            found
                .interfaces
                .iter()
                .flat_map(|interface| interface.tags.iter())
                .map(|(_, value)| value.to_owned())
                .collect()
        }),
        (
            "network-interface.ipv4-prefixes.ipv4-prefix",
            interfaces!(interface => each(&interface.ipv4_prefixes, |held| held.ipv4_prefix.clone())),
        ),
        (
            "network-interface.ipv6-prefixes.ipv6-prefix",
            interfaces!(interface => each(&interface.ipv6_prefixes, |held| held.ipv6_prefix.clone())),
        ),
        ("current-instance-boot-mode", |found| text(&found.instance.current_instance_boot_mode)),
        ("operator.managed", |_| vec!["false".to_owned()]),
        (
            "private-dns-name-options.enable-resource-name-dns-a-record",
            within!(private_dns_name_options, held => held.enable_resource_name_dns_a_record.map(|flag| flag.to_string())),
        ),
        (
            "private-dns-name-options.enable-resource-name-dns-aaaa-record",
            within!(private_dns_name_options, held => held.enable_resource_name_dns_aaaa_record.map(|flag| flag.to_string())),
        ),
        (
            "private-dns-name-options.hostname-type",
            within!(private_dns_name_options, held => held.hostname_type.clone()),
        ),
        ("usage-operation-update-time", |found| {
            found.instance.usage_operation_update_time.iter().map(ToString::to_string).collect()
        }),
    ],
    absent: &[
        "affinity",
        "boot-mode",
        "capacity-reservation-id",
        "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id",
        "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn",
        "host-id",
        "iam-instance-profile.name",
        "instance-lifecycle",
        "kernel-id",
        "network-interface.addresses.association.carrier-ip",
        "network-interface.addresses.association.customer-owned-ip",
        "network-interface.association.carrier-ip",
        "network-interface.association.customer-owned-ip",
        "network-interface.operator.principal",
        "network-interface.outpost-arn",
        "network-interface.public-dns-name",
        "network-performance-options.bandwidth-weighting",
        "operator.principal",
        "outpost-arn",
        "platform",
        "product-code",
        "product-code.type",
        "ramdisk-id",
        "requester-id",
        "spot-instance-request-id",
        "tpm-support",
    ],
};
