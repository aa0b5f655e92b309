//! What an instance can ask about itself, gathered from the records.

use std::sync::Arc;

use aws_types::{InstanceId, NetworkInterfaceId, Timestamp, VolumeId};
use bytes::Bytes;
use identities::{Role, name_key};
use store::{Read as _, Scope, Snapshot};
use svc_ec2::record as ec2;
use vpc_services::{
    AttachedInterface, BlockDevice, InstanceMetadata, InstanceProfile, MetadataOptions, PublicKey,
    TokenPolicy,
};

use crate::instance_credentials::InstanceCredentials;
use crate::instances::{hostname, interfaces_of};
use crate::shareable::anyones;

/// What metadata is gathered from.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) credentials: &'a InstanceCredentials,
    pub(crate) now: Timestamp,
}

/// The metadata of the instance that an interface is attached to, if it is and everything is on record.
pub(crate) fn of_interface(
    sources: Sources<'_>,
    scope: &Scope,
    interface: NetworkInterfaceId,
) -> Option<InstanceMetadata> {
    let Sources { snapshot, credentials, now } = sources;
    let asking = snapshot.get::<ec2::NetworkInterface>(scope, &interface.to_string())?;
    let instance = asking.attachment.as_ref()?.instance;
    let record = snapshot.get::<ec2::Instance>(scope, &instance.to_string())?;
    let interfaces = interfaces_of(snapshot, scope, &record);
    let primary = Arc::clone(interfaces.first()?);
    let kind = aws_catalog::instance_type(&record.instance_type)?;
    let options = &record.metadata_options;
    Some(InstanceMetadata {
        options: MetadataOptions {
            is_enabled: options.http_endpoint_enabled,
            is_ipv6_enabled: options.http_protocol_ipv6_enabled,
            tokens: if options.http_tokens_required { TokenPolicy::Required } else { TokenPolicy::Optional },
            hop_limit: options.http_put_response_hop_limit,
            has_tags: options.instance_metadata_tags,
        },
        partition: scope.partition,
        region: scope.region.clone(),
        availability_zone: primary.zone.clone(),
        availability_zone_id: primary.zone_id.clone(),
        placement_group: placement_group(snapshot, scope, &record),
        placement_partition: record.placement.partition,
        account: scope.account,
        instance,
        instance_type: record.instance_type.clone(),
        image: record.image,
        architecture: aws_catalog::image(&scope.region, record.image)?.architecture.to_owned(),
        hypervisor: kind.hypervisor.as_str().to_owned(),
        reservation: record.reservation,
        launch_index: record.launch_index,
        pending_at: record.launched_at,
        hostname: hostname(scope, &record, &primary),
        public_keys: public_key(&record).into_iter().collect(),
        is_monitored: record.monitoring,
        profile: profile(sources, scope, instance),
        identity_credentials: credentials.of_identity(scope, instance, now),
        user_data: record.user_data.clone().map(Bytes::from),
        tags: record.tags.clone(),
        interfaces: interfaces.iter().filter_map(|interface| attached(snapshot, scope, interface)).collect(),
        block_devices: block_devices(snapshot, scope, &record),
    })
}

fn placement_group(snapshot: &Snapshot, scope: &Scope, record: &ec2::Instance) -> Option<String> {
    let group = snapshot.get::<ec2::PlacementGroup>(scope, &record.placement.group?.to_string())?;
    Some(group.name.clone())
}

/// The profile of an instance whose association is not ending, with what the instance has of the role in it.
fn profile(sources: Sources<'_>, scope: &Scope, instance: InstanceId) -> Option<InstanceProfile> {
    let Sources { snapshot, credentials, now } = sources;
    let mut all = snapshot
        .parts::<ec2::IamInstanceProfileAssociation>(scope, &instance.to_string())
        .map(|(_, held)| held);
    let held = all.find(|held| !held.progress.is_ended())?;
    let account = Scope::global(scope.partition, scope.account);
    let name = held.profile_arn.rsplit('/').next().unwrap_or_default();
    // Another profile of the same name is not the one that the instance was given.
    let is_same = |found: &Arc<identities::InstanceProfile>| {
        found.arn.as_str() == held.profile_arn
            && held.instance_profile_id.as_ref().is_none_or(|id| *id == found.id)
    };
    let found = snapshot.get::<identities::InstanceProfile>(&account, &name_key(name)).filter(is_same);
    let role =
        found.as_ref().and_then(|profile| snapshot.get::<Role>(&account, &name_key(profile.role.as_ref()?)));
    Some(InstanceProfile {
        arn: held.profile_arn.clone(),
        id: held.profile_id(),
        updated_at: held.changed_at,
        is_found: found.is_some(),
        role: role.map(|role| credentials.of_role(scope, instance, &role, now)),
    })
}

/// The root volume, and the others that were attached when the instance was started last.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html>
fn block_devices(snapshot: &Snapshot, scope: &Scope, record: &ec2::Instance) -> Vec<BlockDevice> {
    let device_of = |id: &VolumeId| {
        let volume = snapshot.get::<ec2::Volume>(scope, &id.to_string())?;
        let held = volume.attachment.as_ref().filter(|held| held.instance == record.id)?;
        (held.detached_at.is_none() && held.attached_at <= record.launched_at).then(|| held.device.clone())
    };
    let root_name =
        aws_catalog::image(&scope.region, record.image).map(|image| image.root_device_name.to_owned());
    let (root, others): (Vec<_>, Vec<_>) =
        record.volumes.iter().filter_map(device_of).partition(|device| Some(device) == root_name.as_ref());
    let named = |virtual_name: String, device: String| BlockDevice { virtual_name, device };
    let root = root.into_iter().flat_map(|device| {
        ["ami", "root"].map(|virtual_name| named(virtual_name.to_owned(), device.clone()))
    });
    // The names of further devices are shown without their directory.
    let others = others
        .into_iter()
        .zip(1..)
        .map(|(device, number)| named(format!("ebs{number}"), device.trim_start_matches("/dev/").to_owned()));
    root.chain(others).collect()
}

fn public_key(record: &ec2::Instance) -> Option<PublicKey> {
    Some(PublicKey { name: record.key_name.clone()?, openssh: record.public_key.clone()? })
}

fn attached(
    snapshot: &Snapshot,
    scope: &Scope,
    interface: &ec2::NetworkInterface,
) -> Option<AttachedInterface> {
    let (_, subnet) = anyones::<ec2::Subnet>(snapshot, scope, &interface.subnet.to_string())?;
    let (_, vpc) = anyones::<ec2::Vpc>(snapshot, scope, &interface.vpc.to_string())?;
    let group = |id: &aws_types::SecurityGroupId| {
        snapshot.get::<ec2::SecurityGroup>(scope, &id.to_string()).map(|group| (*id, group.name.clone()))
    };
    let public_ipv4s = ec2::public_addresses(snapshot, scope, interface);
    Some(AttachedInterface {
        mac: interface.mac,
        id: interface.id,
        device_index: interface.attachment.as_ref()?.device_index,
        network_card_index: 0,
        owner: scope.account,
        local_hostname: interface.private_dns_name(scope),
        private_ipv4s: interface.private_addresses.clone(),
        ipv6s: interface.ipv6_addresses.clone(),
        ipv4_prefixes: interface.ipv4_prefixes.clone(),
        ipv6_prefixes: interface.ipv6_prefixes.clone(),
        public_hostname: public_ipv4s
            .iter()
            .find(|(_, private)| interface.private_addresses.first() == Some(private))
            .and_then(|(public, _)| vpc.public_dns_name(&scope.region, *public)),
        public_ipv4s,
        security_groups: interface.groups.iter().filter_map(group).collect(),
        subnet: subnet.id,
        subnet_ipv4_block: subnet.cidr,
        subnet_ipv6_blocks: subnet.ipv6_block().into_iter().collect(),
        vpc: vpc.id,
        vpc_ipv4_blocks: vpc.blocks().collect(),
        vpc_ipv6_blocks: vpc.ipv6_blocks().collect(),
    })
}

#[cfg(test)]
mod tests;
