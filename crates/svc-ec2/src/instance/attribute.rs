//! DescribeInstanceAttribute, ModifyInstanceAttribute, ResetInstanceAttribute.

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use service_api::{Operations, RequestContext, ServiceError};

use super::lifecycle::InstanceState;
use super::{Instance, ShutdownBehavior, run};
use crate::instance_type::Equipment;
use crate::network_interface::{self, NetworkInterface, wanted_groups};
use crate::state::{Edit, State};
use crate::{Ec2, error, instance_type, security_group, volume};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::DescribeInstanceAttribute>(describe)
        .with::<op::ModifyInstanceAttribute>(modify)
        .with::<op::ResetInstanceAttribute>(reset)
}

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeInstanceAttributeRequest,
) -> Result<api::InstanceAttribute, ServiceError> {
    let view = ec2.view(context);
    let instance = view.named::<Instance>(&input.instance_id)?;
    let mut answer =
        api::InstanceAttribute { instance_id: Some(instance.id.to_string()), ..Default::default() };
    let flag = |value: bool| Some(api::AttributeBooleanValue { value: Some(value) });
    let text = |value: Option<&str>| Some(api::AttributeValue { value: value.map(ToOwned::to_owned) });
    match input.attribute.as_str() {
        "instanceType" => answer.instance_type = text(Some(&instance.instance_type)),
        "userData" => {
            let encoded = instance.user_data.as_ref().map(|bytes| STANDARD.encode(bytes));
            answer.user_data = Some(api::AttributeValue { value: encoded });
        }
        "disableApiTermination" => answer.disable_api_termination = flag(instance.disable_api_termination),
        "disableApiStop" => answer.disable_api_stop = flag(instance.disable_api_stop),
        "instanceInitiatedShutdownBehavior" => {
            answer.instance_initiated_shutdown_behavior = text(Some(instance.shutdown_behavior.as_str()));
        }
        "rootDeviceName" => {
            let image = aws_catalog::image(view.region(), instance.image);
            answer.root_device_name = text(image.as_ref().map(|image| image.root_device_name));
        }
        "blockDeviceMapping" => {
            answer.block_device_mappings = Some(volume::mappings(&view, &instance));
        }
        "productCodes" => answer.product_codes = Some(Vec::new()),
        "sourceDestCheck" => {
            answer.source_dest_check =
                flag(network_interface::only_one_of(&view, &instance)?.source_dest_check);
        }
        "groupSet" => {
            let primary = instance.interfaces.first().and_then(|id| view.find::<NetworkInterface>(*id));
            let groups = primary.map(|primary| security_group::identifiers(&view, &primary.groups));
            answer.groups = Some(groups.unwrap_or_default());
        }
        "ebsOptimized" => answer.ebs_optimized = flag(instance.ebs_optimized),
        "enaSupport" => answer.ena_support = flag(true),
        "enclaveOptions" => answer.enclave_options = Some(api::EnclaveOptions { enabled: Some(false) }),
        "kernel" => answer.kernel_id = text(None),
        "ramdisk" => answer.ramdisk_id = text(None),
        "sriovNetSupport" => answer.sriov_net_support = text(Some("simple")),
        other => return Err(error::invalid_value_for(other, "attribute", "Unknown instance attribute")),
    }
    ec2.answer(input.dry_run, answer)
}

/// One attribute that is to be changed, and to what.
enum Change {
    Groups(Vec<String>),
    SourceDestCheck(bool),
    InstanceType(String),
    UserData(Option<Vec<u8>>),
    ShutdownBehavior(ShutdownBehavior),
    DisableApiTermination(bool),
    DisableApiStop(bool),
    EbsOptimized(bool),
    Volumes(Vec<api::InstanceBlockDeviceMappingSpecification>),
}

fn boolean(text: &str) -> Result<bool, ServiceError> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(error::invalid_value_for(text, "value", "It must be true or false.")),
    }
}

impl Change {
    /// The attribute and value of a request that names the attribute.
    fn named(attribute: &str, value: &str) -> Result<Self, ServiceError> {
        match attribute {
            "instanceType" => Ok(Self::InstanceType(value.to_owned())),
            "userData" => Ok(Self::UserData(run::user_data(Some(value))?)),
            "disableApiTermination" => Ok(Self::DisableApiTermination(boolean(value)?)),
            "disableApiStop" => Ok(Self::DisableApiStop(boolean(value)?)),
            "instanceInitiatedShutdownBehavior" => {
                Ok(Self::ShutdownBehavior(ShutdownBehavior::parse(value)?))
            }
            "sourceDestCheck" => Ok(Self::SourceDestCheck(boolean(value)?)),
            "groupSet" => Ok(Self::Groups(vec![value.to_owned()])),
            "ebsOptimized" => Ok(Self::EbsOptimized(boolean(value)?)),
            other => Err(error::unsupported(format!("The attribute {other} cannot be modified."))),
        }
    }

    /// The one attribute that a request changes.
    fn requested(input: api::ModifyInstanceAttributeRequest) -> Result<Self, ServiceError> {
        let unsupported = input.kernel.is_some()
            || input.ramdisk.is_some()
            || input.sriov_net_support.is_some()
            || input.ena_support.is_some()
            || input.enclave_options.as_ref().is_some_and(|wanted| wanted.enabled == Some(true));
        if unsupported {
            return Err(error::unsupported(
                "Kernel, RAM disk, network drivers and enclaves of an instance cannot be modified.",
            ));
        }
        let mut changes = Vec::new();
        if let Some(attribute) = &input.attribute {
            let value = input.value.as_deref().ok_or_else(|| error::missing("value"))?;
            changes.push(Self::named(attribute, value)?);
        }
        let flag = |held: Option<api::AttributeBooleanValue>| held.and_then(|held| held.value);
        let text = |held: Option<api::AttributeValue>| held.and_then(|held| held.value);
        changes.extend(input.groups.filter(|groups| !groups.is_empty()).map(Self::Groups));
        changes.extend(flag(input.source_dest_check).map(Self::SourceDestCheck));
        changes.extend(text(input.instance_type).map(Self::InstanceType));
        if let Some(held) = input.user_data {
            let bytes = held.value.map(|bytes| bytes.to_vec()).filter(|bytes| !bytes.is_empty());
            run::check_user_data(bytes.as_deref().unwrap_or_default())?;
            changes.push(Self::UserData(bytes));
        }
        if let Some(behavior) = text(input.instance_initiated_shutdown_behavior) {
            changes.push(Self::ShutdownBehavior(ShutdownBehavior::parse(&behavior)?));
        }
        changes.extend(flag(input.disable_api_termination).map(Self::DisableApiTermination));
        changes.extend(flag(input.disable_api_stop).map(Self::DisableApiStop));
        changes.extend(flag(input.ebs_optimized).map(Self::EbsOptimized));
        let volumes = input.block_device_mappings.filter(|list| !list.is_empty());
        changes.extend(volumes.map(Self::Volumes));
        match changes.len() {
            0 => Err(ServiceError::new("InvalidParameterCombination", "No attributes specified.")),
            1 => Ok(changes.remove(0)),
            _ => Err(error::combination("Fields for multiple attribute types specified")),
        }
    }

    /// Whether it can only be made while the instance is stopped.
    fn needs_stopped(&self) -> bool {
        match self {
            Self::InstanceType(_) | Self::UserData(_) | Self::EbsOptimized(_) => true,
            Self::Groups(_)
            | Self::SourceDestCheck(_)
            | Self::ShutdownBehavior(_)
            | Self::DisableApiTermination(_)
            | Self::DisableApiStop(_)
            | Self::Volumes(_) => false,
        }
    }
}

fn change_type(edit: &Edit<'_>, instance: &mut Instance, name: &str) -> Result<(), ServiceError> {
    let kind = instance_type::named(name)?;
    if instance.instance_type != kind.name {
        instance_type::check_fits(name, &Equipment::of(edit, instance))?;
    }
    if !kind.is_burstable {
        instance.cpu_credits = None;
    } else if instance.cpu_credits.is_none() {
        instance.cpu_credits =
            Some(if name.starts_with("t2.") { "standard" } else { "unlimited" }.to_owned());
    }
    instance.instance_type = kind.name;
    Ok(())
}

/// Whether volumes go with the instance, which is all that can be changed of its mappings.
fn change_volumes(
    edit: &mut Edit<'_>,
    instance: &Instance,
    wanted: &[api::InstanceBlockDeviceMappingSpecification],
) -> Result<(), ServiceError> {
    for mapping in wanted {
        if mapping.no_device.is_some() || mapping.virtual_name.is_some() {
            return Err(error::unsupported(
                "Devices of an instance cannot be added or removed by a mapping.",
            ));
        }
        let device = mapping.device_name.as_deref().ok_or_else(|| error::missing("deviceName"))?;
        let ebs = mapping.ebs.as_ref().ok_or_else(|| error::missing("ebs"))?;
        let held = volume::at(edit, instance, device)
            .filter(|volume| ebs.volume_id.as_ref().is_none_or(|wanted| *wanted == volume.id.to_string()));
        let mut held = held.map(std::sync::Arc::unwrap_or_clone).ok_or_else(|| {
            let message = format!("No device is currently mapped at {device}");
            ServiceError::new("InvalidInstanceAttributeValue", message)
        })?;
        if let (Some(wanted), Some(attachment)) = (ebs.delete_on_termination, &mut held.attachment) {
            attachment.delete_on_termination = wanted;
        }
        edit.put(held);
    }
    Ok(())
}

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyInstanceAttributeRequest,
) -> Result<Unit, ServiceError> {
    let (id, dry_run) = (input.instance_id.clone(), input.dry_run);
    let change = Change::requested(input)?;
    ec2.edit(context, dry_run, |edit| {
        let mut instance = Instance::clone(&*edit.named::<Instance>(&id)?);
        if change.needs_stopped() && instance.state != InstanceState::Stopped {
            let message = format!("The instance '{}' is not in the 'stopped' state.", instance.id);
            return Err(ServiceError::new("IncorrectInstanceState", message));
        }
        match change {
            Change::Groups(ids) => {
                let mut interface = network_interface::only_one_of(edit, &instance)?;
                interface.groups = wanted_groups(edit, interface.vpc, &ids, |_| error::different_networks())?;
                edit.put(interface);
            }
            Change::SourceDestCheck(value) => {
                let mut interface = network_interface::only_one_of(edit, &instance)?;
                interface.source_dest_check = value;
                edit.put(interface);
            }
            Change::InstanceType(name) => change_type(edit, &mut instance, &name)?,
            Change::UserData(bytes) => instance.user_data = bytes,
            Change::ShutdownBehavior(behavior) => instance.shutdown_behavior = behavior,
            Change::DisableApiTermination(value) => instance.disable_api_termination = value,
            Change::DisableApiStop(value) => instance.disable_api_stop = value,
            Change::EbsOptimized(value) => instance.ebs_optimized = value,
            Change::Volumes(wanted) => change_volumes(edit, &instance, &wanted)?,
        }
        edit.put(instance);
        Ok(Unit)
    })
}

/// Turns the source/destination check on. There are no kernels and RAM disks apart from images that could be reset.
fn reset(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ResetInstanceAttributeRequest,
) -> Result<Unit, ServiceError> {
    match input.attribute.as_str() {
        "sourceDestCheck" => {}
        "kernel" | "ramdisk" => {
            return Err(error::unsupported("Kernel and RAM disk of an instance cannot be reset."));
        }
        other => {
            let why = "Only kernel, ramdisk and sourceDestCheck can be reset.";
            return Err(error::invalid_value_for(other, "attribute", why));
        }
    }
    ec2.edit(context, input.dry_run, |edit| {
        let instance = edit.named::<Instance>(&input.instance_id)?;
        let mut interface = network_interface::only_one_of(edit, &instance)?;
        interface.source_dest_check = true;
        edit.put(interface);
        Ok(Unit)
    })
}
