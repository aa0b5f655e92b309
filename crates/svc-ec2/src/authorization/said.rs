//! What a request says of the resources that it makes or changes.
//!
//! Owns the condition keys that are in requests and in no record. Refuses to know which actions have them: the table does.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-policy-structure.html#amazon-ec2-keys>

use aws_model::Value;
use aws_types::Arn;
use service_api::{ConditionKeys, NeededPermission, TargetResource, specified_tags};

use super::keys::{key, snapshot_arn};
use super::resource::implied;
use super::{launch, member, profile_arn, text_at, vpn};
use crate::image;
use crate::record::NetworkInterface;
use crate::sharing::Owned;
use crate::state::State;
use crate::subnet::Subnet;

/// Members of requests to change something that are no attributes.
const NO_ATTRIBUTES: [&str; 7] = [
    "Attribute",
    "BlockDeviceMappings",
    "ClientToken",
    "DryRun",
    "OperationType",
    "TagSpecifications",
    "Value",
];

/// What a request says of each resource of a type that is there, or of each that it makes.
pub(crate) fn said_of(
    state: &impl State,
    operation: &str,
    resource_type: &str,
    is_new: bool,
    input: &Value,
) -> ConditionKeys {
    if is_new {
        return of_new(state, operation, resource_type, input);
    }
    let texts = |pairs: &[(&str, &str)]| -> ConditionKeys {
        pairs.iter().filter_map(|(name, member)| Some(key(name, text_at(input, &[member])?))).collect()
    };
    match (operation, resource_type) {
        ("AssociateIamInstanceProfile" | "ReplaceIamInstanceProfileAssociation", "instance") => {
            profile(state, "ec2:NewInstanceProfile", input).into_iter().collect()
        }
        ("CreateNetworkInterfacePermission", "network-interface") => texts(&[
            ("ec2:AuthorizedService", "AwsService"),
            ("ec2:AuthorizedUser", "AwsAccountId"),
            ("ec2:Permission", "Permission"),
        ]),
        // They are made, under the names that requests give them.
        ("CreateKeyPair" | "ImportKeyPair", "key-pair") => {
            let mut keys = texts(&[("ec2:KeyPairName", "KeyName"), ("ec2:KeyPairType", "KeyType")]);
            keys.extend(specified_tags(input, resource_type));
            keys
        }
        ("CreatePlacementGroup", "placement-group") => {
            let named = [("ec2:PlacementGroupName", "GroupName"), ("ec2:PlacementGroupStrategy", "Strategy")];
            let mut keys = texts(&named);
            keys.extend(specified_tags(input, resource_type));
            keys
        }
        ("ModifyVpnTunnelOptions", "vpn-connection") => {
            let mut keys = attributes(input);
            let options = member(input, "TunnelOptions").cloned();
            keys.extend(vpn::of_tunnels(options.as_slice()));
            keys
        }
        _ if operation.starts_with("Modify") || operation.starts_with("Reset") => attributes(input),
        _ => Vec::new(),
    }
}

/// `ec2:Attribute`, and what each is to be.
fn attributes(input: &Value) -> ConditionKeys {
    let Value::Structure(fields) = input else { return Vec::new() };
    let mut names = Vec::new();
    let mut keys = Vec::new();
    // Requests name an attribute by a member of its own, or by its name and its value.
    if let Some(name) = text_at(input, &["Attribute"]) {
        names.push(name.to_owned());
        let value = text_at(input, &["Value"]);
        keys.extend(value.map(|value| key(&format!("ec2:Attribute/{name}"), value)));
    }
    for (name, value) in fields.iter() {
        if NO_ATTRIBUTES.contains(&name) || name.ends_with("Id") || name.ends_with("Ids") {
            continue;
        }
        names.push(name.to_owned());
        keys.extend(scalar(value).map(|value| key(&format!("ec2:Attribute/{name}"), value)));
    }
    if let Some(operation) = text_at(input, &["OperationType"]) {
        let stem = if operation == "add" { "ec2:Add" } else { "ec2:Remove" };
        for (member, end) in [("GroupNames", "group"), ("UserIds", "userId")] {
            let listed = texts(super::member(input, member));
            if !listed.is_empty() {
                keys.push((format!("{stem}/{end}"), listed));
            }
        }
    }
    if !names.is_empty() {
        keys.push(("ec2:Attribute".to_owned(), names));
    }
    keys
}

pub(super) fn texts(list: Option<&Value>) -> Vec<String> {
    match list {
        Some(Value::List(items)) => items.iter().filter_map(scalar).collect(),
        _ => Vec::new(),
    }
}

/// A value as text: itself, or what stands in its `Value`.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Structure(fields) => scalar(fields.get("Value")?),
        Value::Null
        | Value::Float(_)
        | Value::Blob(_)
        | Value::Timestamp(_)
        | Value::List(_)
        | Value::Map(_) => None,
    }
}

fn of_new(state: &impl State, operation: &str, resource_type: &str, input: &Value) -> ConditionKeys {
    let mut keys = match resource_type {
        "instance" => instance(state, input),
        "network-interface" => interface(state, subnet(state, operation, input), None),
        "volume" if operation == "CreateVolume" => volume(state, input, input),
        "snapshot" => {
            let owner = key("ec2:Owner", state.account());
            let volume = text_at(input, &["VolumeId"]);
            let volume = volume.map(|id| key("ec2:ParentVolume", state.arn(&format!("volume/{id}"))));
            let location = text_at(input, &["Location"]).map(|location| key("ec2:Location", location));
            std::iter::once(owner).chain(volume).chain(location).collect()
        }
        "vpc-peering-connection" => peering(state, input),
        "vpc-endpoint" => endpoint(state, input),
        "vpn-connection" => connection(input),
        _ => Vec::new(),
    };
    if resource_type != "instance" && resource_type != "network-interface" {
        let vpc = text_at(input, &["VpcId"]);
        keys.extend(vpc.map(|id| key("ec2:Vpc", state.arn(&format!("vpc/{id}")))));
        let zone = text_at(input, &["AvailabilityZone"]);
        keys.extend(zone.filter(|_| resource_type != "volume").map(|zone| key("ec2:AvailabilityZone", zone)));
    }
    keys
}

fn profile(state: &impl State, name: &str, input: &Value) -> Option<(String, Vec<String>)> {
    let profile = text_at(input, &["IamInstanceProfile", "Arn"])
        .or_else(|| text_at(input, &["IamInstanceProfile", "Name"]))?;
    Some(key(name, profile_arn(state, profile)))
}

/// The subnet that a launch or a new interface is in, and its owner.
fn subnet(state: &impl State, operation: &str, input: &Value) -> Option<Owned<Subnet>> {
    let there = launch::listed(input).iter().find_map(|held| text_at(held, &["NetworkInterfaceId"]));
    let id = match (text_at(input, &["SubnetId"]), there) {
        (Some(id), _) => id.parse().ok()?,
        // All interfaces of an instance are in one zone.
        (None, Some(id)) => state.seen::<NetworkInterface>(id.parse().ok()?)?.resource.subnet,
        (None, None) => implied(state, operation, "subnet", input)?.pop()?.parse().ok()?,
    };
    state.seen::<Subnet>(id)
}

fn instance(state: &impl State, input: &Value) -> ConditionKeys {
    let mut keys = vec![key("ec2:RootDeviceType", "ebs"), key("ec2:InstanceMarketType", "on-demand")];
    let mut say = |name: &str, path: &[&str], default: Option<&str>| {
        let found = path.iter().try_fold(input, |value, name| member(value, name)).and_then(scalar);
        keys.extend(found.or_else(|| default.map(str::to_owned)).map(|value| key(name, value)));
    };
    say("ec2:InstanceType", &["InstanceType"], Some("m1.small"));
    say("ec2:Tenancy", &["Placement", "Tenancy"], Some("default"));
    say("ec2:EbsOptimized", &["EbsOptimized"], Some("false"));
    say("ec2:InstanceAutoRecovery", &["MaintenanceOptions", "AutoRecovery"], None);
    say("ec2:MetadataHttpEndpoint", &["MetadataOptions", "HttpEndpoint"], None);
    say("ec2:MetadataHttpTokens", &["MetadataOptions", "HttpTokens"], None);
    say("ec2:MetadataHttpPutResponseHopLimit", &["MetadataOptions", "HttpPutResponseHopLimit"], None);
    say("ec2:InstanceMetadataTags", &["MetadataOptions", "InstanceMetadataTags"], None);
    let group = text_at(input, &["Placement", "GroupName"]);
    keys.extend(group.map(|name| key("ec2:PlacementGroup", state.arn(&format!("placement-group/{name}")))));
    keys.extend(profile(state, "ec2:InstanceProfile", input));
    if let Some(Owned { resource: subnet, .. }) = subnet(state, "RunInstances", input) {
        keys.push(key("ec2:AvailabilityZone", &subnet.zone));
        keys.push(key("ec2:AvailabilityZoneId", &subnet.zone_id));
    }
    keys
}

/// A new interface in a subnet, as an interface of a launch specifies it.
pub(super) fn interface(
    state: &impl State,
    subnet: Option<Owned<Subnet>>,
    specified: Option<&Value>,
) -> ConditionKeys {
    let mut keys = Vec::new();
    if let Some(Owned { owner, resource: subnet }) = subnet {
        let scope = state.scope();
        let arn = |resource: String| Arn::new(scope.partition, "ec2", &scope.region, owner, &resource);
        keys.push(key("ec2:AvailabilityZone", &subnet.zone));
        keys.push(key("ec2:Subnet", arn(format!("subnet/{}", subnet.id))));
        keys.push(key("ec2:Vpc", arn(format!("vpc/{}", subnet.vpc))));
    }
    let is_public = specified.and_then(|held| scalar(member(held, "AssociatePublicIpAddress")?));
    keys.extend(is_public.map(|flag| key("ec2:AssociatePublicIpAddress", flag)));
    keys
}

/// A new VPN connection, with its tunnels.
fn connection(input: &Value) -> ConditionKeys {
    let gateway = if text_at(input, &["VpnGatewayId"]).is_some() { "VGW" } else { "TGW" };
    let options = member(input, "Options");
    let is_static = options.and_then(|options| member(options, "StaticRoutesOnly"));
    let routing = if is_static == Some(&Value::Boolean(true)) { "static" } else { "dynamic" };
    let mut keys = vec![
        key("ec2:AuthenticationType", "Pre-shared keys"),
        key("ec2:GatewayType", gateway),
        key("ec2:RoutingType", routing),
    ];
    if let Some(Value::List(tunnels)) = options.and_then(|options| member(options, "TunnelOptions")) {
        keys.extend(vpn::of_tunnels(tunnels));
    }
    keys
}

/// A new volume: of CreateVolume, or of a block device of a launch. The zone is that of the request.
fn volume(state: &impl State, wanted: &Value, input: &Value) -> ConditionKeys {
    let mut keys = Vec::new();
    for (name, members, default) in [
        ("ec2:VolumeSize", ["Size", "VolumeSize"], None),
        ("ec2:VolumeType", ["VolumeType", "VolumeType"], Some("gp2")),
        ("ec2:VolumeIops", ["Iops", "Iops"], None),
        ("ec2:VolumeThroughput", ["Throughput", "Throughput"], None),
        ("ec2:Encrypted", ["Encrypted", "Encrypted"], Some("false")),
        ("ec2:VolumeInitializationRate", ["VolumeInitializationRate", "VolumeInitializationRate"], None),
    ] {
        let found = members.iter().find_map(|name| member(wanted, name)).and_then(scalar);
        keys.extend(found.or_else(|| default.map(str::to_owned)).map(|value| key(name, value)));
    }
    let snapshot = text_at(wanted, &["SnapshotId"]);
    keys.extend(snapshot.map(|id| key("ec2:ParentSnapshot", snapshot_arn(state, id))));
    for (name, member) in
        [("ec2:AvailabilityZone", "AvailabilityZone"), ("ec2:AvailabilityZoneId", "AvailabilityZoneId")]
    {
        keys.extend(text_at(input, &[member]).map(|zone| key(name, zone)));
    }
    keys
}

/// Puts each volume of a launch in the place of the one that stands for all: the image's root volume, changed by a mapping
/// of its device, and the volumes of other mappings.
pub(super) fn split_volumes(state: &impl State, needed: &mut [NeededPermission], input: &Value) {
    let Some(resources) = needed.first_mut().map(|permission| &mut permission.resources) else { return };
    let Some(place) = resources.iter().position(|held| held.arn.ends_with(":volume/*")) else { return };
    let one = resources.remove(place);
    let image = text_at(input, &["ImageId"]).and_then(|id| image::named(state, id).ok());
    let mappings = match member(input, "BlockDeviceMappings") {
        Some(Value::List(mappings)) => &mappings[..],
        _ => &[],
    };
    let zone = subnet(state, "RunInstances", input);
    let mut has_root = false;
    let mut found = Vec::new();
    for mapping in mappings {
        let Some(wanted) = member(mapping, "Ebs") else { continue };
        let mut keys = volume(state, wanted, &Value::Null);
        let device = text_at(mapping, &["DeviceName"]);
        let root = image.as_ref().filter(|image| device == Some(image.root_device_name));
        if let Some(root) = root {
            has_root = true;
            let is_said = |name: &str| keys.iter().any(|(held, _)| held == name);
            let size = (!is_said("ec2:VolumeSize")).then(|| key("ec2:VolumeSize", root.root_volume_gib));
            let parent = (!is_said("ec2:ParentSnapshot"))
                .then(|| key("ec2:ParentSnapshot", snapshot_arn(state, root.root_snapshot_id)));
            keys.extend(size.into_iter().chain(parent));
        }
        found.push(keys);
    }
    if let Some(image) = image.filter(|_| !has_root) {
        found.push(vec![
            key("ec2:VolumeSize", image.root_volume_gib),
            key("ec2:VolumeType", image.root_volume_type),
            key("ec2:Encrypted", false),
            key("ec2:ParentSnapshot", snapshot_arn(state, image.root_snapshot_id)),
        ]);
    }
    let zone: ConditionKeys =
        zone.map(|held| key("ec2:AvailabilityZone", &held.resource.zone)).into_iter().collect();
    if found.is_empty() {
        found.push(Vec::new());
    }
    resources.extend(found.into_iter().map(|keys| {
        let keys = keys.into_iter().chain(zone.clone()).chain(one.keys.clone()).collect();
        TargetResource { keys, ..one.clone() }
    }));
}

fn peering(state: &impl State, input: &Value) -> ConditionKeys {
    let mut keys = Vec::new();
    if let Some(vpc) = text_at(input, &["VpcId"]) {
        keys.push(key("ec2:RequesterVpc", state.arn(&format!("vpc/{vpc}"))));
    }
    let region =
        text_at(input, &["PeerRegion"]).map(str::parse).unwrap_or_else(|| Ok(state.region().clone()));
    let owner = text_at(input, &["PeerOwnerId"]).map(str::parse).unwrap_or_else(|| Ok(state.account()));
    if let (Some(vpc), Ok(region), Ok(owner)) = (text_at(input, &["PeerVpcId"]), region, owner) {
        let arn = Arn::new(state.scope().partition, "ec2", &region, owner, &format!("vpc/{vpc}"));
        keys.push(key("ec2:AccepterVpc", arn));
    }
    keys
}

fn endpoint(state: &impl State, input: &Value) -> ConditionKeys {
    let Some(name) = text_at(input, &["ServiceName"]) else { return Vec::new() };
    let region = text_at(input, &["ServiceRegion"]).unwrap_or(state.region().as_str());
    let mut keys = vec![key("ec2:VpceServiceName", name), key("ec2:VpceServiceRegion", region)];
    // Services of accounts have ids in their names; what AWS offers has none.
    if !name.contains(".vpce-svc-") && !name.contains(".vpce.") {
        keys.push(key("ec2:VpceServiceOwner", "amazon"));
    }
    keys
}
