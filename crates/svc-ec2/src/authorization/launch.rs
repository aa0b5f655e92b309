//! The interfaces of a launch that lists them, as policies see them.
//!
//! Owns which subnet and groups an interface means that names none, and that each interface which is made is asked about by
//! itself. Refuses to know what makes them (`instance::network`).
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-policies-ec2-console.html>

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_model::Value;
use aws_types::VpcId;
use service_api::{NeededPermission, TargetResource, specified_tags};

use super::resource::default_subnet;
use super::{member, said, text_at};
use crate::security_group;
use crate::sharing::Owned;
use crate::state::State;
use crate::subnet::Subnet;

const INTERFACES: &str = "NetworkInterfaces";

/// The interfaces that a launch lists.
pub(super) fn listed(input: &Value) -> &[Value] {
    match member(input, INTERFACES) {
        Some(Value::List(interfaces)) => interfaces,
        _ => &[],
    }
}

/// Whether an interface of a launch is there already.
pub(super) fn is_there(interface: &Value) -> bool {
    text_at(interface, &["NetworkInterfaceId"]).is_some()
}

/// The subnet that an interface of a launch is made in: the one it names, or the default one.
fn subnet_of(state: &impl State, interface: &Value, input: &Value) -> Option<Owned<Subnet>> {
    let id = match text_at(interface, &["SubnetId"]) {
        Some(id) => id.parse().ok()?,
        None => default_subnet(state, input)?.id,
    };
    state.seen::<Subnet>(id)
}

/// A launch in which each interface names its subnet and its groups: those that it means without. The others stay as they
/// are, as do interfaces that are there already.
pub(super) fn spelled_out<'a>(state: &impl State, input: &'a Value) -> Cow<'a, Value> {
    let interfaces = listed(input);
    if interfaces.is_empty() {
        return Cow::Borrowed(input);
    }
    // Every group of the region is looked at for the default one of a VPC.
    let mut default_groups: BTreeMap<VpcId, Option<String>> = BTreeMap::new();
    let mut default_group = |vpc: VpcId| -> Option<String> {
        let find = || security_group::default_of(state, vpc).ok().map(|group| group.id.to_string());
        default_groups.entry(vpc).or_insert_with(find).clone()
    };
    let complete = |interface: &Value| {
        let mut interface = interface.clone();
        if is_there(&interface) {
            return interface;
        }
        let Some(subnet) = subnet_of(state, &interface, input) else { return interface };
        let names_groups =
            matches!(member(&interface, "Groups"), Some(Value::List(groups)) if !groups.is_empty());
        let group = if names_groups { None } else { default_group(subnet.resource.vpc) };
        if let Value::Structure(fields) = &mut interface {
            fields.take("SubnetId");
            fields.push("SubnetId", Value::String(subnet.resource.id.to_string()));
            if let Some(group) = group {
                fields.take("Groups");
                fields.push("Groups", Value::List(vec![Value::String(group)]));
            }
        }
        interface
    };
    let complete: Vec<Value> = interfaces.iter().map(complete).collect();
    let mut whole = input.clone();
    if let Value::Structure(fields) = &mut whole {
        fields.take(INTERFACES);
        fields.push(INTERFACES, Value::List(complete));
    }
    Cow::Owned(whole)
}

/// Puts each interface that a launch makes in the place of the one that stands for all. Each is where its subnet is.
pub(super) fn split_interfaces(state: &impl State, needed: &mut [NeededPermission], input: &Value) {
    let interfaces = listed(input);
    let Some(resources) = needed.first_mut().map(|permission| &mut permission.resources) else { return };
    if interfaces.is_empty() {
        return;
    }
    let arn = state.arn("network-interface/*");
    resources.retain(|held| held.arn != arn);
    for interface in interfaces.iter().filter(|interface| !is_there(interface)) {
        let mut keys = said::interface(state, subnet_of(state, interface, input), Some(interface));
        keys.extend(specified_tags(input, "network-interface"));
        let made = TargetResource { arn: arn.clone(), keys, ..TargetResource::default() };
        if !resources.contains(&made) {
            resources.push(made);
        }
    }
}
