//! The tree of paths below a version.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html#instancedata-data-categories>

use std::net::Ipv4Addr;

use bytes::Bytes;

use super::document;
use super::metadata::{AttachedInterface, InstanceMetadata, InstanceProfile, SecurityCredentials};

/// The versions of the tree; all show the same, as newer ones only add to it.
pub(super) const VERSIONS: &[&str] = &[
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
    "2011-01-01",
    "2011-05-01",
    "2012-01-12",
    "2014-02-25",
    "2014-11-05",
    "2015-10-20",
    "2016-04-19",
    "2016-06-30",
    "2016-09-02",
    "2018-03-28",
    "2018-08-17",
    "2018-09-24",
    "2019-10-01",
    "2020-10-27",
    "2021-01-03",
    "2021-03-23",
    "2021-07-15",
    "2022-09-24",
    "2024-04-11",
    "latest",
];

/// A place in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// Text.
    Leaf(String),
    /// Bytes that are not said to be text: the user data.
    Data(Bytes),
    /// A directory: its entries in the order of their names.
    Directory(Vec<Entry>),
}

/// A name in a directory and what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    name: String,
    /// What the listing shows where it is not the name, and a slash after it for a directory.
    listed_as: Option<String>,
    node: Node,
}

fn leaf(name: impl Into<String>, value: impl ToString) -> Entry {
    Entry { name: name.into(), listed_as: None, node: Node::Leaf(value.to_string()) }
}

fn lines<T: ToString>(name: impl Into<String>, values: impl IntoIterator<Item = T>) -> Entry {
    leaf(name, values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join("\n"))
}

fn directory(name: impl Into<String>, entries: impl IntoIterator<Item = Entry>) -> Entry {
    let mut entries: Vec<Entry> = entries.into_iter().collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Entry { name: name.into(), listed_as: None, node: Node::Directory(entries) }
}

/// What is at a path, given without the slashes at its ends. `None` for a path that is not there.
pub(super) fn find(metadata: &InstanceMetadata, path: &str) -> Option<Node> {
    if path.is_empty() {
        return Some(Node::Leaf(VERSIONS.join("\n")));
    }
    let mut segments = path.split('/');
    let version = segments.next()?;
    if !VERSIONS.contains(&version) {
        return None;
    }
    let mut node = root(metadata);
    for segment in segments {
        let Node::Directory(entries) = node else { return None };
        node = entries.into_iter().find(|entry| entry.name == segment)?.node;
    }
    Some(node)
}

impl Node {
    /// The listing of a directory: one name a line, those of directories with a slash at the end.
    pub(super) fn listing(entries: &[Entry]) -> String {
        let line = |entry: &Entry| match (&entry.listed_as, &entry.node) {
            (Some(listed), _) => listed.clone(),
            (None, Node::Directory(_)) => format!("{}/", entry.name),
            (None, Node::Leaf(_) | Node::Data(_)) => entry.name.clone(),
        };
        entries.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn root(metadata: &InstanceMetadata) -> Node {
    let identity = directory("instance-identity", [leaf("document", document::print(metadata))]);
    let monitoring = if metadata.is_monitored { "enabled" } else { "disabled" };
    let framework = directory("fws", [leaf("instance-monitoring", monitoring)]);
    let mut entries = vec![
        // The top is listed without slashes, unlike everything below it.
        Entry { listed_as: Some("dynamic".to_owned()), ..directory("dynamic", [framework, identity]) },
        Entry { listed_as: Some("meta-data".to_owned()), ..meta_data(metadata) },
    ];
    if let Some(user_data) = &metadata.user_data {
        entries.push(Entry {
            name: "user-data".to_owned(),
            listed_as: None,
            node: Node::Data(user_data.clone()),
        });
    }
    Node::Directory(entries)
}

fn meta_data(metadata: &InstanceMetadata) -> Entry {
    let mut entries = vec![
        leaf("ami-id", metadata.image),
        leaf("ami-launch-index", metadata.launch_index),
        leaf("ami-manifest-path", "(unknown)"),
        // No host is maintained, so that no event is scheduled or has been.
        directory("events", [directory("maintenance", [leaf("history", "[]"), leaf("scheduled", "[]")])]),
        directory("hibernation", [leaf("configured", false)]),
        leaf("hostname", &metadata.hostname),
        leaf("instance-action", "none"),
        leaf("instance-id", metadata.instance),
        leaf("instance-life-cycle", "on-demand"),
        leaf("instance-type", &metadata.instance_type),
        leaf("local-hostname", &metadata.hostname),
        placement(metadata),
        leaf("profile", "default-hvm"),
        leaf("reservation-id", metadata.reservation),
        directory("services", [leaf("domain", "amazonaws.com"), leaf("partition", metadata.partition)]),
        leaf("system", &metadata.hypervisor),
        network(metadata),
    ];
    if let Some(primary) = metadata.interfaces.first() {
        entries.push(leaf("mac", primary.mac));
        entries.extend(primary.private_ipv4s.first().map(|address| leaf("local-ipv4", address)));
        entries.extend(primary.ipv6s.first().map(|address| leaf("ipv6", address)));
        let of_primary = |pair: &&(Ipv4Addr, Ipv4Addr)| primary.private_ipv4s.first() == Some(&pair.1);
        let public = primary.public_ipv4s.iter().find(of_primary);
        entries.extend(public.map(|(public, _)| leaf("public-ipv4", public)));
        entries.extend(primary.public_hostname.as_ref().map(|name| leaf("public-hostname", name)));
        entries.push(lines("security-groups", primary.security_groups.iter().map(|(_, name)| name)));
    }
    entries.extend(metadata.profile.as_ref().map(iam));
    entries.extend(metadata.identity_credentials.as_ref().map(|held| identity_credentials(metadata, held)));
    if !metadata.block_devices.is_empty() {
        let devices = metadata.block_devices.iter().map(|device| leaf(&device.virtual_name, &device.device));
        entries.push(directory("block-device-mapping", devices));
    }
    if !metadata.public_keys.is_empty() {
        entries.push(directory("public-keys", metadata.public_keys.iter().enumerate().map(public_key)));
    }
    if metadata.options.has_tags {
        let tags = metadata.tags.iter().map(|(key, value)| leaf(key, value));
        entries.push(directory("tags", [directory("instance", tags)]));
    }
    directory("meta-data", entries)
}

/// The profile, and the credentials of the role in it.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html>
fn iam(profile: &InstanceProfile) -> Entry {
    let role = profile.role.as_ref().map(|role| {
        let text = match &role.credentials {
            Ok(held) => document::credentials(held),
            Err(since) => document::not_assumed(&role.name, *since),
        };
        directory("security-credentials", [leaf(&role.name, text)])
    });
    directory("iam", std::iter::once(leaf("info", document::profile(profile))).chain(role))
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html>
fn identity_credentials(metadata: &InstanceMetadata, held: &SecurityCredentials) -> Entry {
    let info = leaf("info", document::identity(metadata.account, held.issued));
    let instance = leaf("ec2-instance", document::credentials(held));
    let ec2 = directory("ec2", [info, directory("security-credentials", [instance])]);
    directory("identity-credentials", [ec2])
}

/// A key is found by its number, and listed with its name after it.
fn public_key((index, key): (usize, &super::metadata::PublicKey)) -> Entry {
    let listed_as = Some(format!("{index}={}", key.name));
    Entry { listed_as, ..directory(index.to_string(), [leaf("openssh-key", key.openssh.trim_end())]) }
}

fn placement(metadata: &InstanceMetadata) -> Entry {
    let mut entries = vec![
        leaf("availability-zone", &metadata.availability_zone),
        leaf("availability-zone-id", &metadata.availability_zone_id),
        leaf("region", &metadata.region),
    ];
    entries.extend(metadata.placement_group.as_ref().map(|name| leaf("group-name", name)));
    entries.extend(metadata.placement_partition.map(|number| leaf("partition-number", number)));
    directory("placement", entries)
}

fn network(metadata: &InstanceMetadata) -> Entry {
    let macs = directory("macs", metadata.interfaces.iter().map(interface));
    directory("network", [directory("interfaces", [macs])])
}

fn interface(interface: &AttachedInterface) -> Entry {
    let mut entries = vec![
        leaf("device-number", interface.device_index),
        leaf("interface-id", interface.id),
        leaf("local-hostname", &interface.local_hostname),
        lines("local-ipv4s", &interface.private_ipv4s),
        leaf("mac", interface.mac),
        leaf("network-card", interface.network_card_index),
        leaf("owner-id", interface.owner),
        lines("security-group-ids", interface.security_groups.iter().map(|(id, _)| id)),
        lines("security-groups", interface.security_groups.iter().map(|(_, name)| name)),
        leaf("subnet-id", interface.subnet),
        leaf("subnet-ipv4-cidr-block", interface.subnet_ipv4_block),
        leaf("vpc-id", interface.vpc),
        lines("vpc-ipv4-cidr-blocks", &interface.vpc_ipv4_blocks),
    ];
    entries.extend(interface.vpc_ipv4_blocks.first().map(|primary| leaf("vpc-ipv4-cidr-block", primary)));
    if !interface.ipv6s.is_empty() {
        entries.push(lines("ipv6s", &interface.ipv6s));
    }
    if !interface.ipv4_prefixes.is_empty() {
        entries.push(lines("ipv4-prefix", &interface.ipv4_prefixes));
    }
    if !interface.ipv6_prefixes.is_empty() {
        entries.push(lines("ipv6-prefix", &interface.ipv6_prefixes));
    }
    if !interface.subnet_ipv6_blocks.is_empty() {
        entries.push(lines("subnet-ipv6-cidr-blocks", &interface.subnet_ipv6_blocks));
    }
    if !interface.vpc_ipv6_blocks.is_empty() {
        entries.push(lines("vpc-ipv6-cidr-blocks", &interface.vpc_ipv6_blocks));
    }
    if !interface.public_ipv4s.is_empty() {
        entries.push(lines("public-ipv4s", interface.public_ipv4s.iter().map(|(public, _)| public)));
        let pairs = interface.public_ipv4s.iter().map(|(public, private)| leaf(public.to_string(), private));
        entries.push(directory("ipv4-associations", pairs));
    }
    entries.extend(interface.public_hostname.as_ref().map(|name| leaf("public-hostname", name)));
    directory(interface.mac.to_string(), entries)
}
