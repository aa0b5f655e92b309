//! Labels of versions: `LabelParameterVersion` and `UnlabelParameterVersion`.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-labels.html>

use std::sync::Arc;

use aws_api::ssm::{
    LabelParameterVersionRequest, LabelParameterVersionResult, UnlabelParameterVersionRequest,
    UnlabelParameterVersionResult,
};
use service_api::{RequestContext, ServiceError};
use store::{Read as _, Scope, Transaction};

use super::name::Reference;
use super::record::{Parameter, ParameterVersion, versions};
use crate::State;

/// How many labels a version can have.
const MAX_LABELS: usize = 10;
/// The longest label.
const MAX_LABEL_CHARS: usize = 100;

/// A label is on one version at a time: one that another version has moves.
///
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_LabelParameterVersion.html>
pub(crate) fn label(
    state: &State,
    context: &RequestContext,
    request: LabelParameterVersionRequest,
) -> Result<LabelParameterVersionResult, ServiceError> {
    let name = Reference::parse(context, &request.name)?.name;
    let (valid, invalid): (Vec<String>, Vec<String>) =
        request.labels.into_iter().partition(|label| is_valid(label));
    let scope = context.scope();
    state.store.transact(|transaction| {
        let target = find(transaction, &scope, &name, request.parameter_version)?;
        let number = target.version;
        let mut labelled = ParameterVersion::clone(&target);
        for label in &valid {
            if !labelled.labels.contains(label) {
                labelled.labels.push(label.clone());
            }
        }
        if labelled.labels.len() > MAX_LABELS {
            let message = format!(
                "A parameter version can have at most {MAX_LABELS} labels. Move one or more labels to another version and \
                 try again."
            );
            return Err(ServiceError::new("ParameterVersionLabelLimitExceeded", message));
        }
        let holders: Vec<Arc<ParameterVersion>> = versions(transaction, &scope, &name)
            .filter(|version| version.version != number && version.labels.iter().any(|label| valid.contains(label)))
            .collect();
        for holder in holders {
            let mut holder = ParameterVersion::clone(&holder);
            holder.labels.retain(|label| !valid.contains(label));
            transaction.put(&scope, &ParameterVersion::id(&name, holder.version), holder);
        }
        transaction.put(&scope, &ParameterVersion::id(&name, number), labelled);
        Ok(LabelParameterVersionResult { invalid_labels: Some(invalid), parameter_version: Some(number) })
    })
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_UnlabelParameterVersion.html>
pub(crate) fn unlabel(
    state: &State,
    context: &RequestContext,
    request: UnlabelParameterVersionRequest,
) -> Result<UnlabelParameterVersionResult, ServiceError> {
    let name = Reference::parse(context, &request.name)?.name;
    let scope = context.scope();
    state.store.transact(|transaction| {
        let target = find(transaction, &scope, &name, Some(request.parameter_version))?;
        let (removed, invalid): (Vec<String>, Vec<String>) =
            request.labels.into_iter().partition(|label| target.labels.contains(label));
        let mut version = ParameterVersion::clone(&target);
        version.labels.retain(|label| !removed.contains(label));
        transaction.put(&scope, &ParameterVersion::id(&name, version.version), version);
        Ok(UnlabelParameterVersionResult { removed_labels: Some(removed), invalid_labels: Some(invalid) })
    })
}

fn find(
    transaction: &Transaction,
    scope: &Scope,
    name: &str,
    version: Option<i64>,
) -> Result<Arc<ParameterVersion>, ServiceError> {
    let parameter = transaction
        .get::<Parameter>(scope, name)
        .ok_or_else(|| ServiceError::new("ParameterNotFound", format!("Parameter {name} not found.")))?;
    let version = version.unwrap_or(parameter.latest);
    transaction.get(scope, &ParameterVersion::id(name, version)).ok_or_else(|| {
        let message = format!(
            "Systems Manager could not find version {version} of {name}. Verify the version and try again."
        );
        ServiceError::new("ParameterVersionNotFound", message)
    })
}

/// Letters, digits, `.`, `-` and `_`; not beginning with a digit, `aws` or `ssm`.
fn is_valid(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    (1..=MAX_LABEL_CHARS).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        && !label.starts_with(|first: char| first.is_ascii_digit())
        && !lower.starts_with("aws")
        && !lower.starts_with("ssm")
}
