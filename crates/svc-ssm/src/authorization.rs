//! What requests to Systems Manager touch, as policies see it.
//!
//! Owns the names by which requests call parameters, documents and instances, and their condition keys. Refuses to know
//! policies.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html>

use std::borrow::Cow;

use aws_api::ssm::{SendCommandRequest, Target};
use aws_model::Value;
use service_api::{ConditionKeys, NeededPermission, RequestContext, ResourceFacts, needed_by_table};
use store::Read;

use crate::instance::ManagedInstance;
use crate::parameter::{Parameter, parameter_arn};
use crate::{Ssm, State, command};

/// What names of AWS's own documents begin with.
const AWS: [&str; 3] = ["AWS-", "Amazon", "AWSEC2-"];

/// What a request needs. Tags on a parameter that is made need an action of their own, on the parameter.
pub(crate) fn needed(
    ssm: &Ssm,
    context: &RequestContext,
    operation: &str,
    input: &Value,
) -> Option<Vec<NeededPermission>> {
    let mut needed = needed_by_table(ssm, context, operation, input)?;
    let has_tags =
        |permission: &NeededPermission| permission.keys.iter().any(|(key, _)| key == "aws:TagKeys");
    let put = needed.first().filter(|permission| operation == "PutParameter" && has_tags(permission));
    if let Some(mut tagging) = put.cloned() {
        tagging.action = Cow::Borrowed("ssm:AddTagsToResource");
        needed.push(tagging);
    }
    Some(needed)
}

/// What is known of a parameter, a document or an instance.
pub(crate) fn facts(
    state: &State,
    context: &RequestContext,
    resource_type: &str,
    text: &str,
) -> Option<ResourceFacts> {
    let snapshot = state.store.snapshot();
    match resource_type {
        "parameter" => {
            // An ARN is as good as a name, and a name can be followed by a version or a label.
            let (account, name) = match text.split_once(":parameter/") {
                Some((arn, name)) if arn.starts_with("arn:") => (
                    arn.split(':').nth(4).and_then(|account| account.parse().ok()),
                    Cow::Owned(format!("/{name}")),
                ),
                _ => (None, Cow::Borrowed(text)),
            };
            // Of what the request writes only the account and the name count, as they do for the operation.
            let anothers = account.filter(|account| *account != context.account());
            let name = name.split(':').next().unwrap_or_default();
            let held = snapshot.get::<Parameter>(&context.scope(), name);
            let held = held.or_else(|| snapshot.get(&context.scope(), name.strip_prefix('/')?));
            Some(ResourceFacts {
                arn: anothers.map(|account| parameter_arn(&context.region, account, name)),
                id: Some(name.to_owned()),
                tags: held.map(|held| held.tags.clone()).unwrap_or_default(),
                ..ResourceFacts::default()
            })
        }
        "document" if AWS.iter().any(|start| text.starts_with(start)) => Some(ResourceFacts {
            arn: Some(format!("arn:{}:ssm:{}::document/{text}", context.partition, context.region)),
            ..ResourceFacts::default()
        }),
        "instance" | "managed-instance" => {
            let held = snapshot.get::<ManagedInstance>(&context.scope(), text)?;
            Some(ResourceFacts { tags: held.tags.clone(), ..ResourceFacts::default() })
        }
        _ => None,
    }
}

/// The instances that the targets of a command select, by their ids or tags: each of them is asked for. Where they select
/// none, or cannot be read, all that there may be are meant.
pub(crate) fn implied(
    state: &State,
    context: &RequestContext,
    operation: &str,
    resource_type: &str,
    input: &Value,
) -> Option<Vec<String>> {
    if (operation, resource_type) != ("SendCommand", "instance") {
        return None;
    }
    let request = SendCommandRequest::try_from(input.clone()).ok()?;
    let targets = request.targets.as_deref().unwrap_or_default();
    // Those named by ids are asked for even where there are none such.
    let is_ids =
        |target: &&Target| target.key.as_deref().is_some_and(|key| key.eq_ignore_ascii_case("InstanceIds"));
    if let Some(target) = targets.iter().find(is_ids) {
        return target.values.clone();
    }
    let selected = command::select(&state.store.snapshot(), context, &request).ok()?;
    let ids = selected.iter().map(|instance| instance.instance_id.to_string());
    Some(ids.collect()).filter(|ids: &Vec<String>| !ids.is_empty())
}

/// How a parameter is to be written, and whether those below a path are meant.
pub(crate) fn said_of(operation: &str, input: &Value) -> ConditionKeys {
    let Value::Structure(fields) = input else { return Vec::new() };
    let flag = |member: &str| matches!(fields.get(member), Some(Value::Boolean(true)));
    let said = match operation {
        "PutParameter" => ("ssm:Overwrite", flag("Overwrite")),
        "GetParametersByPath" => ("ssm:Recursive", flag("Recursive")),
        _ => return Vec::new(),
    };
    vec![(said.0.to_owned(), vec![said.1.to_string()])]
}
