//! Which instances a command is for.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_api::ssm::{SendCommandRequest, Target};
use aws_types::InstanceId;
use service_api::{RequestContext, ServiceError};
use store::Read;

use crate::ManagedInstance;
use crate::error::{invalid_instance_id, not_implemented, validation};

/// The instances that a request is for, in order of their ids.
///
/// # Errors
/// An instance that is named cannot be sent commands, or the request does not say which ones clearly.
pub(crate) fn select<S: Read>(
    state: &S,
    context: &RequestContext,
    request: &SendCommandRequest,
) -> Result<Vec<Arc<ManagedInstance>>, ServiceError> {
    let ids = request.instance_ids.as_deref().unwrap_or_default();
    let targets = request.targets.as_deref().unwrap_or_default();
    match (ids.is_empty(), targets.is_empty()) {
        (true, true) => Err(validation("Either InstanceIds or Targets has to be specified.")),
        (false, false) => Err(validation("InstanceIds and Targets can't be used together.")),
        (false, true) => named(state, context, ids),
        (true, false) => matching(state, context, targets),
    }
}

/// The instances with these ids, all of which have to be online.
fn named<S: Read>(
    state: &S,
    context: &RequestContext,
    ids: &[String],
) -> Result<Vec<Arc<ManagedInstance>>, ServiceError> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(ServiceError::new(
                "DuplicateInstanceId",
                format!("The instance ID {id} is given twice."),
            ));
        }
    }
    let scope = context.scope();
    let (mut found, mut invalid) = (Vec::new(), Vec::new());
    for id in seen {
        match state.get::<ManagedInstance>(&scope, id).filter(|instance| instance.is_online()) {
            Some(instance) => found.push(instance),
            None => invalid.push(id.as_str()),
        }
    }
    if invalid.is_empty() {
        return Ok(found);
    }
    let invalid = invalid.join(", ");
    let message = format!("Instances [[{invalid}]] not in a valid state for account {}", context.account());
    Err(invalid_instance_id(message))
}

/// The instances that match all targets. Those that are not online get the command when they are, if it is in time.
fn matching<S: Read>(
    state: &S,
    context: &RequestContext,
    targets: &[Target],
) -> Result<Vec<Arc<ManagedInstance>>, ServiceError> {
    let mut wanted: Option<Vec<Arc<ManagedInstance>>> = None;
    for target in targets {
        let key = target.key.as_deref().unwrap_or_default();
        let values = target.values.as_deref().unwrap_or_default();
        if values.is_empty() {
            return Err(invalid_target(format!("The target {key} has no values.")));
        }
        let of_target = if key.eq_ignore_ascii_case("InstanceIds") {
            named(state, context, values)?
        } else {
            let test = TagTest::read(key, values)?;
            state
                .scan::<ManagedInstance>(&context.scope())
                .map(|(_, instance)| instance)
                .filter(|instance| test.matches(instance))
                .collect()
        };
        let ids: BTreeSet<InstanceId> = of_target.iter().map(|instance| instance.instance_id).collect();
        wanted = Some(match wanted {
            None => of_target,
            Some(before) => {
                before.into_iter().filter(|instance| ids.contains(&instance.instance_id)).collect()
            }
        });
    }
    Ok(wanted.unwrap_or_default())
}

/// A condition on an instance's tags.
enum TagTest<'a> {
    /// The tag has one of the values.
    Value(&'a str, &'a [String]),
    /// There is a tag with one of the keys.
    Key(&'a [String]),
}

impl<'a> TagTest<'a> {
    fn read(key: &'a str, values: &'a [String]) -> Result<Self, ServiceError> {
        match key.strip_prefix("tag:") {
            Some(tag) => Ok(Self::Value(tag, values)),
            None if key == "tag-key" => Ok(Self::Key(values)),
            None if key.starts_with("resource-groups:") => {
                Err(not_implemented("A resource group as a target"))
            }
            None => Err(invalid_target(format!("The target key {key} is not valid."))),
        }
    }

    fn matches(&self, instance: &ManagedInstance) -> bool {
        match self {
            Self::Value(tag, values) => {
                instance.tags.get(tag).is_some_and(|found| values.iter().any(|value| value == found))
            }
            Self::Key(keys) => keys.iter().any(|key| instance.tags.get(key).is_some()),
        }
    }
}

fn invalid_target(message: String) -> ServiceError {
    ServiceError::new("InvalidTarget", message)
}
