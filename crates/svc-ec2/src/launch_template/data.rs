//! What a version of a launch template says: kept as the request said it, shown again whole, and put under a launch.
//! GetLaunchTemplateData.
//!
//! Owns the form in which it is kept, and which of two sayings counts. Refuses to know what the members mean:
//! RunInstances judges them when it launches.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RequestLaunchTemplateData.html>

use std::collections::BTreeMap;

use aws_api::ec2::{self as api, operation as op};
use aws_model::{Fields, Model, ShapeId, ShapeKind, Value, is_absent_to_ec2};
use aws_types::Tag;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use super::named;
use crate::instance::{Instance, placement};
use crate::network_interface::NetworkInterface;
use crate::state::State;
use crate::volume::{Volume, VolumeType};
use crate::{Ec2, error, tag, volume};

/// The tags that instances of a launch template carry.
const ID_TAG: &str = "aws:ec2launchtemplate:id";
const VERSION_TAG: &str = "aws:ec2launchtemplate:version";

/// The version that a launch uses which names none.
const DEFAULT: &str = "$Default";

/// The types of resources that a template can specify tags for.
pub(crate) const TAGGED: [&str; 5] =
    ["instance", "network-interface", "volume", "spot-instances-request", "elastic-gpu"];

/// The shape of what is kept.
const SHAPE: &str = "RequestLaunchTemplateData";

/// What a version says: the members of the request's `LaunchTemplateData` that it had.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LaunchTemplateData(BTreeMap<String, Document>);

/// One value, by its kind: a reader need not know the shape to tell a time from a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Document {
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Time(i64),
    List(Vec<Document>),
    Structure(BTreeMap<String, Document>),
}

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::GetLaunchTemplateData>(of_instance)
}

/// Reads a request's value. No member of this request is a blob, a map or a null.
fn kept(value: &Value) -> Option<Document> {
    Some(match value {
        Value::Boolean(value) => Document::Boolean(*value),
        Value::Integer(value) => Document::Integer(*value),
        Value::Float(value) => Document::Float(*value),
        Value::String(text) => Document::Text(text.clone()),
        Value::Timestamp(millis) => Document::Time(*millis),
        Value::List(items) => Document::List(items.iter().filter_map(kept).collect()),
        Value::Structure(fields) => Document::Structure(kept_members(fields)),
        Value::Null | Value::Blob(_) | Value::Map(_) => return None,
    })
}

fn kept_members(fields: &Fields) -> BTreeMap<String, Document> {
    fields.iter().filter_map(|(name, value)| Some((name.to_owned(), kept(value)?))).collect()
}

/// Makes a value of a shape again. A member that the model does not have (any more) is left out, and an empty text that a
/// request would not have had: older builds kept such texts.
fn value(model: &'static Model, shape: ShapeId, document: &Document) -> Value {
    match (document, &model.shape(shape).kind) {
        (Document::Boolean(value), _) => Value::Boolean(*value),
        (Document::Integer(value), _) => Value::Integer(*value),
        (Document::Float(value), _) => Value::Float(*value),
        (Document::Text(text), _) => Value::String(text.clone()),
        (Document::Time(millis), _) => Value::Timestamp(*millis),
        (Document::List(items), ShapeKind::List(list)) => {
            Value::List(items.iter().map(|item| value(model, list.element, item)).collect())
        }
        (Document::Structure(members), _) => Value::Structure(fields(model, shape, members)),
        (Document::List(_), _) => Value::Null,
    }
}

fn fields(model: &'static Model, shape: ShapeId, members: &BTreeMap<String, Document>) -> Fields {
    let Some(structure) = model.structure(shape) else { return Fields::new() };
    let member = |(name, document): (&String, &Document)| {
        if matches!(document, Document::Text(text) if is_absent_to_ec2(name, text)) {
            return None;
        }
        let member = structure.member(name)?;
        Some((member.name, value(model, member.shape, document)))
    };
    members.iter().filter_map(member).collect()
}

fn invalid(error: impl std::fmt::Display) -> ServiceError {
    error::invalid_value(format!("The launch template data is not valid: {error}"))
}

impl LaunchTemplateData {
    /// What a request says.
    ///
    /// # Errors
    /// What no launch could use: tags that cannot be, user data that is not base64.
    pub(super) fn wanted(wanted: &api::RequestLaunchTemplateData) -> Result<Self, ServiceError> {
        if wanted.operator.is_some() {
            return Err(error::unsupported("Service-managed instances are not supported."));
        }
        let Value::Structure(fields) = Value::from(wanted.clone()) else { return Ok(Self::default()) };
        let data = Self(kept_members(&fields));
        let launch = data.launch(1, 1)?;
        tag::specified_among(launch.tag_specifications.as_ref(), &TAGGED)?;
        crate::instance::user_data(launch.user_data.as_deref())?;
        Ok(data)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This with what a newer version says, member by member.
    pub(super) fn with(mut self, newer: Self) -> Self {
        self.0.extend(newer.0);
        self
    }

    fn fields(&self) -> Fields {
        let model = aws_model::service("ec2").expect("the model of EC2 is built in").model();
        let shape = model.operation("CreateLaunchTemplate").and_then(|operation| operation.input.as_ref());
        let shape = shape.and_then(|input| model.structure(input.shape)?.member("LaunchTemplateData"));
        let shape = shape.expect("CreateLaunchTemplate has data").shape;
        debug_assert_eq!(model.shape(shape).name, SHAPE);
        fields(model, shape, &self.0)
    }

    /// As answers have it.
    pub(super) fn shown(&self) -> Result<api::ResponseLaunchTemplateData, ServiceError> {
        Value::Structure(self.fields()).try_into().map_err(invalid)
    }

    /// As a launch of so many instances.
    fn launch(&self, least: i32, most: i32) -> Result<api::RunInstancesRequest, ServiceError> {
        let mut launch: Fields = self
            .fields()
            .into_iter()
            .map(|(name, value)| match name {
                "RamDiskId" => ("RamdiskId", value),
                "ElasticGpuSpecifications" => ("ElasticGpuSpecification", value),
                "Monitoring" => (name, with_enabled(value)),
                _ => (name, value),
            })
            .collect();
        launch.push("MinCount", Value::Integer(least.into()));
        launch.push("MaxCount", Value::Integer(most.into()));
        Value::Structure(launch).try_into().map_err(invalid)
    }
}

/// Monitoring of a launch says whether it is enabled; a template's need not.
fn with_enabled(value: Value) -> Value {
    match value {
        Value::Structure(mut fields) if fields.get("Enabled").is_none() => {
            fields.push("Enabled", Value::Boolean(false));
            Value::Structure(fields)
        }
        other => other,
    }
}

/// The tag specifications of a launch: those of the request, and what the template has beside them. Of two tags with the
/// same key the request's counts.
fn merged(
    request: Option<Vec<api::TagSpecification>>,
    template: Option<Vec<api::TagSpecification>>,
) -> Option<Vec<api::TagSpecification>> {
    let mut all = request.unwrap_or_default();
    for specification in template.unwrap_or_default() {
        match all.iter_mut().find(|held| held.resource_type == specification.resource_type) {
            None => all.push(specification),
            Some(held) => {
                let held = held.tags.get_or_insert_default();
                for tag in specification.tags.unwrap_or_default() {
                    if !held.iter().any(|other| other.key == tag.key) {
                        held.push(tag);
                    }
                }
            }
        }
    }
    Some(all).filter(|all| !all.is_empty())
}

/// The block device mappings of a launch: those of the request, and what the template has for other devices.
/// <https://github.com/cdklabs/cdk-nag/issues/1346> tells that AWS attaches both.
fn merged_devices(
    request: Option<Vec<api::BlockDeviceMapping>>,
    template: Option<Vec<api::BlockDeviceMapping>>,
) -> Option<Vec<api::BlockDeviceMapping>> {
    let mut all = request.unwrap_or_default();
    let own = all.len();
    for mapping in template.unwrap_or_default() {
        if !all[..own].iter().any(|held| held.device_name == mapping.device_name) {
            all.push(mapping);
        }
    }
    Some(all).filter(|all| !all.is_empty())
}

/// A launch together with what its launch template says, and the tags that AWS gives to its instances.
///
/// # Errors
/// The template or its version is not there; it says what no launch can be made of.
pub(crate) fn completed(
    state: &impl State,
    input: &api::RunInstancesRequest,
) -> Result<(api::RunInstancesRequest, Vec<Tag>), ServiceError> {
    let Some(wanted) = &input.launch_template else { return Ok((input.clone(), Vec::new())) };
    let template = named(state, wanted.launch_template_id.as_ref(), wanted.launch_template_name.as_ref())?;
    let version = wanted.version.as_deref().unwrap_or(DEFAULT);
    let version = template.version(version)?;
    if version.data.0.contains_key("InstanceRequirements") {
        return Err(error::unsupported("Instance requirements of launch templates are not supported."));
    }
    let base = version.data.launch(input.min_count, input.max_count)?;
    let tags = merged(input.tag_specifications.clone(), base.tag_specifications.clone());
    let devices = merged_devices(input.block_device_mappings.clone(), base.block_device_mappings.clone());
    let (Value::Structure(mut fields), Value::Structure(request)) = (base.into(), input.clone().into())
    else {
        return Err(invalid("it is not a structure"));
    };
    for (name, value) in request {
        fields.take(name);
        fields.push(name, value);
    }
    let launch: api::RunInstancesRequest = Value::Structure(fields).try_into().map_err(invalid)?;
    let tag = |key: &str, value: String| Tag { key: key.to_owned(), value };
    Ok((
        api::RunInstancesRequest {
            block_device_mappings: devices,
            tag_specifications: tags,
            launch_template: None,
            ..launch
        },
        vec![tag(ID_TAG, template.id.to_string()), tag(VERSION_TAG, version.number.to_string())],
    ))
}

/// An interface as a template would ask for one like it.
fn shown_interface(interface: &NetworkInterface) -> api::LaunchTemplateInstanceNetworkInterfaceSpecification {
    let held = interface.attachment.as_ref();
    let private = interface.private_addresses.iter().enumerate().map(|(place, address)| {
        api::PrivateIpAddressSpecification {
            primary: Some(place == 0),
            private_ip_address: Some(address.to_string()),
        }
    });
    let ipv6 = interface.ipv6_addresses.iter().map(|address| api::InstanceIpv6Address {
        ipv6_address: Some(address.to_string()),
        ..Default::default()
    });
    api::LaunchTemplateInstanceNetworkInterfaceSpecification {
        delete_on_termination: held.map(|held| held.delete_on_termination),
        description: Some(interface.description.clone()),
        device_index: held.and_then(|held| i32::try_from(held.device_index).ok()),
        groups: Some(interface.groups.iter().map(ToString::to_string).collect()),
        ipv6_addresses: Some(ipv6.collect()),
        ipv4_prefixes: (!interface.ipv4_prefixes.is_empty()).then(|| {
            let shown = |prefix: &ipnet::Ipv4Net| api::Ipv4PrefixSpecificationResponse {
                ipv4_prefix: Some(prefix.to_string()),
            };
            interface.ipv4_prefixes.iter().map(shown).collect()
        }),
        ipv6_prefixes: (!interface.ipv6_prefixes.is_empty()).then(|| {
            let shown = |prefix: &ipnet::Ipv6Net| api::Ipv6PrefixSpecificationResponse {
                ipv6_prefix: Some(prefix.to_string()),
            };
            interface.ipv6_prefixes.iter().map(shown).collect()
        }),
        private_ip_addresses: Some(private.collect()),
        subnet_id: Some(interface.subnet.to_string()),
        ..Default::default()
    }
}

/// A volume as a template would ask for one like it.
fn shown_volume(volume: &Volume) -> Option<api::LaunchTemplateBlockDeviceMapping> {
    let held = volume.attachment.as_ref()?;
    let is = &volume.specification;
    let has_own_iops = matches!(is.volume_type, VolumeType::Gp3 | VolumeType::Io1 | VolumeType::Io2);
    let count = |value: u32| i32::try_from(value).ok();
    Some(api::LaunchTemplateBlockDeviceMapping {
        device_name: Some(held.device.clone()),
        ebs: Some(api::LaunchTemplateEbsBlockDevice {
            delete_on_termination: Some(held.delete_on_termination),
            encrypted: Some(is.is_encrypted),
            iops: is.iops.filter(|_| has_own_iops).and_then(count),
            snapshot_id: is.snapshot.map(|id| id.to_string()),
            throughput: is.throughput_mibps.and_then(count),
            volume_size: count(is.size_gib),
            volume_type: Some(is.volume_type.as_str().to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    })
}

/// What a template would say to launch an instance like this one.
fn of_instance(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::GetLaunchTemplateDataRequest,
) -> Result<api::GetLaunchTemplateDataResult, ServiceError> {
    let view = ec2.view(context);
    let instance = view.named::<Instance>(&input.instance_id)?;
    let interfaces = instance.interfaces.iter().filter_map(|id| view.find::<NetworkInterface>(*id));
    let options = instance.metadata_options.shown();
    let names = instance.private_dns_name_options.shown();
    let placement = placement::shown(&view, &instance);
    let volumes = volume::of_instance(&view, &instance);
    let own_tags = tag::shown(&instance.tags).map(|tags| {
        let own = |tag: &api::Tag| !tag.key.as_deref().is_some_and(|key| key.starts_with("aws:"));
        tags.into_iter().filter(own).collect::<Vec<_>>()
    });
    let tags = own_tags.filter(|tags| !tags.is_empty()).map(|tags| {
        vec![api::LaunchTemplateTagSpecification {
            resource_type: Some("instance".to_owned()),
            tags: Some(tags),
        }]
    });
    let data = api::ResponseLaunchTemplateData {
        block_device_mappings: Some(volumes.iter().filter_map(|volume| shown_volume(volume)).collect()),
        credit_specification: instance
            .cpu_credits
            .clone()
            .map(|credits| api::CreditSpecification { cpu_credits: Some(credits) }),
        disable_api_stop: Some(instance.disable_api_stop),
        disable_api_termination: Some(instance.disable_api_termination),
        ebs_optimized: Some(instance.ebs_optimized),
        image_id: Some(instance.image.to_string()),
        instance_initiated_shutdown_behavior: Some(instance.shutdown_behavior.as_str().to_owned()),
        instance_type: Some(instance.instance_type.clone()),
        key_name: instance.key_name.clone(),
        metadata_options: Some(api::LaunchTemplateInstanceMetadataOptions {
            http_endpoint: options.http_endpoint,
            http_protocol_ipv6: options.http_protocol_ipv6,
            http_put_response_hop_limit: options.http_put_response_hop_limit,
            http_tokens: options.http_tokens,
            instance_metadata_tags: options.instance_metadata_tags,
            ..Default::default()
        }),
        monitoring: Some(api::LaunchTemplatesMonitoring {
            enabled: Some(instance.monitoring),
            ..Default::default()
        }),
        network_interfaces: Some(interfaces.map(|interface| shown_interface(&interface)).collect()),
        placement: Some(api::LaunchTemplatePlacement {
            availability_zone: placement.availability_zone,
            group_name: placement.group_name.filter(|name| !name.is_empty()),
            partition_number: placement.partition_number,
            tenancy: placement.tenancy,
            ..Default::default()
        }),
        private_dns_name_options: Some(api::LaunchTemplatePrivateDnsNameOptions {
            enable_resource_name_dns_a_record: names.enable_resource_name_dns_a_record,
            enable_resource_name_dns_aaaa_record: names.enable_resource_name_dns_aaaa_record,
            hostname_type: names.hostname_type,
        }),
        tag_specifications: tags,
        user_data: instance.user_data.as_ref().map(|bytes| STANDARD.encode(bytes)),
        ..Default::default()
    };
    ec2.answer(input.dry_run, api::GetLaunchTemplateDataResult { launch_template_data: Some(data) })
}
