//! The condition keys that policies ask for: GetContextKeysForCustomPolicy and GetContextKeysForPrincipalPolicy.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetContextKeysForCustomPolicy.html>

use std::collections::BTreeMap;

use aws_api::iam::{
    GetContextKeysForCustomPolicyRequest, GetContextKeysForPolicyResponse,
    GetContextKeysForPrincipalPolicyRequest, operation as op,
};
use iam_policy::Policy;
use serde_json::Value;
use service_api::{Operations, RequestContext, ServiceError};

use crate::entity::Entity;
use crate::{State, error};

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::GetContextKeysForCustomPolicy>(of_custom)
        .with::<op::GetContextKeysForPrincipalPolicy>(of_principal)
}

/// Keys as they are written first; case does not tell two apart.
#[derive(Debug, Default)]
struct Keys(BTreeMap<String, String>);

impl Keys {
    fn add(&mut self, key: &str) {
        self.0.entry(key.to_ascii_lowercase()).or_insert_with(|| key.to_owned());
    }

    fn add_policy(&mut self, text: &str) {
        let document: Value = serde_json::from_str(text).unwrap_or_default();
        let statements = match &document["Statement"] {
            Value::Array(list) => list.clone(),
            one => vec![one.clone()],
        };
        for statement in &statements {
            let operators = statement["Condition"].as_object().into_iter().flat_map(serde_json::Map::values);
            let keys = operators.filter_map(Value::as_object).flat_map(serde_json::Map::keys);
            keys.for_each(|key| self.add(key));
            if document["Version"] == "2012-10-17" {
                self.add_variables(statement);
            }
        }
    }

    fn add_variables(&mut self, value: &Value) {
        match value {
            Value::String(text) => variables(text).for_each(|key| self.add(key)),
            Value::Array(list) => list.iter().for_each(|one| self.add_variables(one)),
            Value::Object(members) => members.values().for_each(|one| self.add_variables(one)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn into_response(self) -> GetContextKeysForPolicyResponse {
        GetContextKeysForPolicyResponse { context_key_names: Some(self.0.into_values().collect()) }
    }
}

/// The keys of a text's variables. `${*}`, `${?}` and `${$}` stand for characters.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
pub(crate) fn variables(text: &str) -> impl Iterator<Item = &str> {
    let inner = text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    // A default stands behind a comma.
    let keys = inner.map(|inner| inner.split(',').next().unwrap_or(inner).trim());
    keys.filter(|key| !["*", "?", "$", ""].contains(key))
}

/// Policies as a request brings them, of whatever kind.
///
/// # Errors
/// `InvalidInput`.
pub(crate) fn read(texts: &[String]) -> Result<Vec<Policy>, ServiceError> {
    let read =
        |text: &String| Policy::parse_stored(text).map_err(|error| error::invalid_input(error.to_string()));
    texts.iter().map(read).collect()
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetContextKeysForCustomPolicy.html>
fn of_custom(
    _: &State,
    _: &RequestContext,
    request: GetContextKeysForCustomPolicyRequest,
) -> Result<GetContextKeysForPolicyResponse, ServiceError> {
    let mut keys = Keys::default();
    read(&request.policy_input_list)?.iter().for_each(|policy| keys.add_policy(policy.text()));
    Ok(keys.into_response())
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetContextKeysForPrincipalPolicy.html>
fn of_principal(
    state: &State,
    context: &RequestContext,
    request: GetContextKeysForPrincipalPolicyRequest,
) -> Result<GetContextKeysForPolicyResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let entity = Entity::find(&snapshot, context, &request.policy_source_arn)?;
    let mut keys = Keys::default();
    let held = entity.policies(&snapshot, context);
    let held = held.identity().into_iter().chain(held.boundary()).map(|one| one.policy.text().to_owned());
    held.collect::<Vec<_>>().iter().for_each(|text| keys.add_policy(text));
    let given = request.policy_input_list.unwrap_or_default();
    read(&given)?.iter().for_each(|policy| keys.add_policy(policy.text()));
    Ok(keys.into_response())
}
