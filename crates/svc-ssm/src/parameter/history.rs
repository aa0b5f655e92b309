//! `GetParameterHistory`.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameterHistory.html>

use aws_api::ssm::{GetParameterHistoryRequest, GetParameterHistoryResult, ParameterHistory};
use service_api::{RequestContext, ServiceError};
use store::Read as _;

use super::name::Reference;
use super::record::{Parameter, ParameterVersion, versions};
use crate::State;
use crate::page;

/// How many versions are answered by default, and at most.
const PAGE: usize = 50;

pub(crate) fn get_history(
    state: &State,
    context: &RequestContext,
    request: GetParameterHistoryRequest,
) -> Result<GetParameterHistoryResult, ServiceError> {
    let name = Reference::parse(context, &request.name)?.name;
    let snapshot = state.store.snapshot();
    let scope = context.scope();
    if !snapshot.contains::<Parameter>(&scope, &name) {
        return Err(ServiceError::new("ParameterNotFound", format!("Parameter {name} not found.")));
    }
    let with_decryption = request.with_decryption == Some(true);
    let items = versions(&snapshot, &scope, &name)
        .map(|version| (ParameterVersion::id("", version.version), show(&name, &version, with_decryption)));
    let page = page::take(items, request.next_token.as_deref(), page::size(request.max_results, PAGE))?;
    Ok(GetParameterHistoryResult { parameters: Some(page.items), next_token: page.next_token })
}

fn show(name: &str, version: &ParameterVersion, with_decryption: bool) -> ParameterHistory {
    ParameterHistory {
        name: Some(name.to_owned()),
        r#type: Some(version.kind.as_str().to_owned()),
        key_id: version.key_id.clone(),
        last_modified_date: Some(version.modified_at),
        last_modified_user: Some(version.modified_by.clone()),
        description: version.description.clone(),
        value: Some(version.shown(with_decryption).to_owned()),
        allowed_pattern: version.allowed_pattern.clone(),
        version: Some(version.version),
        labels: Some(version.labels.clone()),
        tier: Some(version.tier.as_str().to_owned()),
        policies: Some(Vec::new()),
        data_type: Some(version.data_type.clone()),
    }
}
