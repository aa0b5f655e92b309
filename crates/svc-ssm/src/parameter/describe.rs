//! `DescribeParameters`.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html>

use aws_api::ssm::{DescribeParametersRequest, DescribeParametersResult, ParameterMetadata};
use service_api::{RequestContext, ServiceError};
use store::Read as _;

use super::filter::{Asker, Filters};
use super::name;
use super::record::{Parameter, ParameterVersion};
use crate::State;
use crate::error::validation;
use crate::page;

/// How many parameters are answered by default, and at most.
const PAGE: usize = 50;

pub(crate) fn describe(
    state: &State,
    context: &RequestContext,
    request: DescribeParametersRequest,
) -> Result<DescribeParametersResult, ServiceError> {
    let filters = match (&request.filters, &request.parameter_filters) {
        (Some(old), Some(new)) if !old.is_empty() && !new.is_empty() => {
            return Err(validation("You can use either Filters or ParameterFilters in a single request."));
        }
        (Some(old), _) if !old.is_empty() => Filters::read_old(old)?,
        (_, new) => Filters::read(new.as_deref().unwrap_or_default(), Asker::DescribeParameters)?,
    };
    // Parameters cannot be shared with another account yet, so none is shared with this one.
    let is_about_shared = request.shared == Some(true);
    let snapshot = state.store.snapshot();
    let scope = context.scope();
    let items =
        snapshot.scan::<Parameter>(&scope).filter(|_| !is_about_shared).filter_map(|(name, parameter)| {
            let version = filters.pick(&snapshot, &scope, name, &parameter)?;
            Some((name.to_owned(), show(context, name, &version)))
        });
    let page = page::take(items, request.next_token.as_deref(), page::size(request.max_results, PAGE))?;
    Ok(DescribeParametersResult { parameters: Some(page.items), next_token: page.next_token })
}

fn show(context: &RequestContext, name: &str, version: &ParameterVersion) -> ParameterMetadata {
    ParameterMetadata {
        name: Some(name.to_owned()),
        arn: Some(name::arn(&context.region, context.account(), name)),
        r#type: Some(version.kind.as_str().to_owned()),
        key_id: version.key_id.clone(),
        last_modified_date: Some(version.modified_at),
        last_modified_user: Some(version.modified_by.clone()),
        description: version.description.clone(),
        allowed_pattern: version.allowed_pattern.clone(),
        version: Some(version.version),
        tier: Some(version.tier.as_str().to_owned()),
        policies: Some(Vec::new()),
        data_type: Some(version.data_type.clone()),
    }
}
