//! What requests to EC2 need to be allowed, as policies see it.
//!
//! Owns what the table of operations does not tell: which resources a launch template or a default brings in, that tags on
//! what is made need `ec2:CreateTags`, and that an instance profile passes a role. What is known of a resource is in
//! [`resource`] and [`keys`], what a request says of one in [`said`], the interfaces that a launch lists in [`launch`].
//! Refuses to know policies.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-policies-for-amazon-ec2.html>

mod keys;
mod launch;
mod resource;
mod said;
mod vpn;

use std::borrow::Cow;
use std::collections::BTreeSet;

use authorization_table::{arn, resource_type as resource_type_named, variables};
use aws_api::ec2 as api;
use aws_model::Value;
use service_api::{
    ConditionKeys, NeededPermission, RequestContext, TargetResource, dependent, needed_by_table,
    specified_tags, tag_specifications,
};

pub(crate) use resource::{facts, implied};
pub(crate) use said::said_of;

use crate::Ec2;
use crate::default_vpc;
use crate::launch_template::data::completed;
use crate::state::State;

/// What passes a role to instances, and to whom.
const PASS_ROLE: &str = "iam:PassRole";
const PASSED_TO: &str = "ec2.amazonaws.com";
/// To whom those of flow logs are passed.
const LOGS_PASSED_TO: &str = "vpc-flow-logs.amazonaws.com";
const CREATE_TAGS: &str = "ec2:CreateTags";

/// What a request needs; `None` when the table has no entry.
pub(crate) fn needed(
    ec2: &Ec2,
    context: &RequestContext,
    operation: &str,
    input: &Value,
) -> Option<Vec<NeededPermission>> {
    let launched = match operation {
        "CreateSecurityGroup" => in_default_vpc(ec2, context, input),
        _ => whole_launch(ec2, context, operation, input),
    };
    let whole = match operation {
        "RunInstances" => launch::spelled_out(&ec2.view(context), &launched),
        _ => Cow::Borrowed(&*launched),
    };
    let mut needed = needed_by_table(ec2, context, operation, &whole)?;
    if operation == "RunInstances" {
        let view = ec2.view(context);
        said::split_volumes(&view, &mut needed, &whole);
        launch::split_interfaces(&view, &mut needed, &whole);
    }
    if operation == "RunInstances"
        && let Cow::Owned(_) = launched
    {
        mark_template(&mut needed, ec2, context, operation, input);
    }
    needed.extend(tags_on_create(context, &needed, operation, &whole));
    needed.extend(passed_role(ec2, context, operation, &whole, &needed));
    needed.extend(log_roles(operation, input));
    for permission in &mut needed {
        permission.keys.push(("ec2:Region".to_owned(), vec![context.region.to_string()]));
    }
    Some(needed)
}

/// The member of that name at the top of a request.
fn member<'a>(input: &'a Value, name: &str) -> Option<&'a Value> {
    match input {
        Value::Structure(fields) => fields.get(name),
        _ => None,
    }
}

/// The text that stands in a member within members.
fn text_at<'a>(input: &'a Value, path: &[&str]) -> Option<&'a str> {
    let found = path.iter().try_fold(input, |value, name| member(value, name))?;
    match found {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// A launch with all that its launch template says. One whose template is not there is as it is: it fails later.
fn whole_launch<'a>(
    ec2: &Ec2,
    context: &RequestContext,
    operation: &str,
    input: &'a Value,
) -> Cow<'a, Value> {
    let template = member(input, "LaunchTemplate").filter(|_| operation == "RunInstances");
    let Some(template) = template else { return Cow::Borrowed(input) };
    let launch = api::RunInstancesRequest::try_from(input.clone());
    let launch = launch.ok().and_then(|launch| completed(&ec2.view(context), &launch).ok());
    let Some((launch, _)) = launch else { return Cow::Borrowed(input) };
    let mut whole = Value::from(launch);
    if let Value::Structure(fields) = &mut whole {
        fields.push("LaunchTemplate", template.clone());
    }
    Cow::Owned(whole)
}

/// A group that is for no VPC is for the default one.
fn in_default_vpc<'a>(ec2: &Ec2, context: &RequestContext, input: &'a Value) -> Cow<'a, Value> {
    let default = || default_vpc::find(&ec2.view(context)).filter(|_| text_at(input, &["VpcId"]).is_none());
    let (Value::Structure(fields), Some(vpc)) = (input, default()) else { return Cow::Borrowed(input) };
    let mut fields = fields.clone();
    fields.push("VpcId", Value::String(vpc.id.to_string()));
    Cow::Owned(Value::Structure(fields))
}

/// Says of each resource of a launch which template the launch is from, and whether the template named it.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/launch-template-permissions.html>
fn mark_template(
    needed: &mut [NeededPermission],
    ec2: &Ec2,
    context: &RequestContext,
    operation: &str,
    input: &Value,
) {
    let input = launch::spelled_out(&ec2.view(context), input);
    let own = needed_by_table(ec2, context, operation, &input).unwrap_or_default();
    let own: BTreeSet<&str> = own
        .iter()
        .flat_map(|permission| &permission.resources)
        .map(|resource| resource.arn.as_str())
        .collect();
    for permission in needed {
        let template =
            permission.resources.iter().find(|resource| resource.arn.contains(":launch-template/"));
        let template = template.map(|resource| resource.arn.clone());
        for resource in &mut permission.resources {
            let is_of_template = !own.contains(resource.arn.as_str());
            resource.keys.push(("ec2:IsLaunchTemplateResource".to_owned(), vec![is_of_template.to_string()]));
            resource.keys.extend(template.clone().map(|arn| ("ec2:LaunchTemplate".to_owned(), vec![arn])));
        }
    }
}

/// Tags on what a request makes need an action of their own, on what is made.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html>
fn tags_on_create(
    context: &RequestContext,
    needed: &[NeededPermission],
    operation: &str,
    input: &Value,
) -> Option<NeededPermission> {
    let types: BTreeSet<&str> = tag_specifications(input).map(|(resource_type, _)| resource_type).collect();
    let made = |resource_type: &str| {
        let Some(held) = resource_type_named("ec2", resource_type) else { return TargetResource::all() };
        // What has a name has it in its ARN even when it is made.
        let start = format!(":{resource_type}/");
        let named = needed.iter().flat_map(|permission| &permission.resources);
        let named = named.filter(|held| held.arn.contains(&start)).map(|held| held.arn.clone()).next();
        let account = context.account().to_string();
        let new = || arn(held.arn, context.partition, context.region.as_str(), &account, None, &[]);
        let is_named = variables(held.arn).last().is_some_and(|variable| variable.ends_with("Name"));
        let arn = named.filter(|_| is_named).unwrap_or_else(new);
        TargetResource { arn, keys: specified_tags(input, resource_type), ..TargetResource::default() }
    };
    let resources: Vec<TargetResource> = types.into_iter().map(made).collect();
    if resources.is_empty() {
        return None;
    }
    let keys = vec![("ec2:CreateAction".to_owned(), vec![operation.to_owned()])];
    Some(NeededPermission { action: Cow::Borrowed(CREATE_TAGS), resources, keys })
}

/// An instance profile passes its role to instances, which its user must be allowed to. A profile that has no role, or
/// that there is not, passes none.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>
fn passed_role(
    ec2: &Ec2,
    context: &RequestContext,
    operation: &str,
    input: &Value,
    needed: &[NeededPermission],
) -> Option<NeededPermission> {
    let passes = ["AssociateIamInstanceProfile", "ReplaceIamInstanceProfileAssociation", "RunInstances"];
    if !passes.contains(&operation) {
        return None;
    }
    let profile = text_at(input, &["IamInstanceProfile", "Arn"])
        .or_else(|| text_at(input, &["IamInstanceProfile", "Name"]))?;
    let role = ec2.roles.as_ref()?.role_of_profile(context, profile)?;
    let resources = needed.iter().flat_map(|permission| &permission.resources);
    let instances: Vec<String> = resources
        .filter(|resource| resource.arn.contains(":instance/"))
        .map(|resource| resource.arn.clone())
        .collect();
    let mut keys: ConditionKeys = vec![("iam:PassedToService".to_owned(), vec![PASSED_TO.to_owned()])];
    if !instances.is_empty() {
        keys.push(("iam:AssociatedResourceArn".to_owned(), instances));
    }
    let resources = vec![TargetResource { arn: role, ..TargetResource::default() }];
    Some(NeededPermission { action: Cow::Borrowed(PASS_ROLE), resources, keys })
}

/// Flow logs are delivered with the roles that their request passes.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html>
fn log_roles(operation: &str, input: &Value) -> Vec<NeededPermission> {
    if operation != "CreateFlowLogs" {
        return Vec::new();
    }
    let roles = ["DeliverLogsPermissionArn", "DeliverCrossAccountRole"];
    let roles = roles.iter().filter_map(|member| text_at(input, &[*member]));
    roles.map(|role| dependent::passed_role(role, LOGS_PASSED_TO)).collect()
}

/// The ARN of an instance profile that is named by its ARN or its name. One that there is not is where it would be without a
/// path.
fn profile_arn(state: &impl State, profile: &str) -> String {
    if profile.starts_with("arn:") {
        return profile.to_owned();
    }
    let found = crate::instance::profile::of_name(state, profile).map(|found| found.arn.to_string());
    found.unwrap_or_else(|| {
        format!("arn:{}:iam::{}:instance-profile/{profile}", state.scope().partition, state.account())
    })
}
