//! `GetParameter`, `GetParameters` and `GetParametersByPath`.

use std::ops::Bound;
use std::sync::Arc;

use aws_api::ssm::{
    GetParameterRequest, GetParameterResult, GetParametersByPathRequest, GetParametersByPathResult,
    GetParametersRequest, GetParametersResult, Parameter as Shown,
};
use aws_catalog::PublicParameter;
use service_api::{RequestContext, ServiceError};
use store::{Read, Snapshot};

use super::filter::{Asker, Filters};
use super::name::{self, Reference, Selector};
use super::record::{self, Parameter, ParameterKind, ParameterVersion};
use crate::State;
use crate::page;

/// How many parameters `GetParametersByPath` answers at most, and by default.
const PATH_PAGE: usize = 10;

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetParameterRequest,
) -> Result<GetParameterResult, ServiceError> {
    let reference = Reference::parse(context, &request.name)?;
    let parameter =
        find(&state.store.snapshot(), context, &reference, request.with_decryption == Some(true))?;
    Ok(GetParameterResult { parameter: Some(parameter) })
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>
pub(crate) fn get_many(
    state: &State,
    context: &RequestContext,
    request: GetParametersRequest,
) -> Result<GetParametersResult, ServiceError> {
    let snapshot = state.store.snapshot();
    let (mut parameters, mut invalid) = (Vec::new(), Vec::new());
    for (index, text) in request.names.iter().enumerate() {
        if request.names[..index].contains(text) {
            continue;
        }
        let found = Reference::parse(context, text).and_then(|reference| {
            find(&snapshot, context, &reference, request.with_decryption == Some(true))
        });
        match found {
            Ok(parameter) => parameters.push(parameter),
            Err(_) => invalid.push(text.clone()),
        }
    }
    Ok(GetParametersResult { parameters: Some(parameters), invalid_parameters: Some(invalid) })
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html>
pub(crate) fn get_by_path(
    state: &State,
    context: &RequestContext,
    request: GetParametersByPathRequest,
) -> Result<GetParametersByPathResult, ServiceError> {
    name::check_path(&request.path)?;
    let filters =
        Filters::read(request.parameter_filters.as_deref().unwrap_or_default(), Asker::GetParametersByPath)?;
    let recursive = request.recursive == Some(true);
    let with_decryption = request.with_decryption == Some(true);
    let snapshot = state.store.snapshot();
    let items: Vec<(String, Shown)> = if is_public_path(&request.path) {
        let below = aws_catalog::parameters_below(&context.region, &request.path, recursive);
        let wanted = below.into_iter().filter(|parameter| filters.match_public(parameter));
        wanted.map(|parameter| (parameter.name.clone(), show_public(context, &parameter, None))).collect()
    } else {
        below(&snapshot, context, &request.path, recursive)
            .filter_map(|(name, parameter)| {
                let version = filters.pick(&snapshot, &context.scope(), &name, &parameter)?;
                let shown = show(context, &name, &version, with_decryption, None);
                Some((name, shown))
            })
            .collect()
    };
    let page = page::take(items, request.next_token.as_deref(), page::size(request.max_results, PATH_PAGE))?;
    Ok(GetParametersByPathResult { parameters: Some(page.items), next_token: page.next_token })
}

fn is_public_path(path: &str) -> bool {
    path == "/aws/service" || name::is_public(path)
}

/// The account's parameters below a path, in order of their names.
fn below<'a>(
    snapshot: &'a Snapshot,
    context: &RequestContext,
    path: &'a str,
    recursive: bool,
) -> impl Iterator<Item = (String, Arc<Parameter>)> + use<'a> {
    let prefix = path.trim_end_matches('/');
    let from = if prefix.is_empty() { Bound::Unbounded } else { Bound::Included(prefix) };
    snapshot
        .scan_from::<Parameter>(&context.scope(), from)
        .take_while(move |(name, _)| name.starts_with(prefix))
        .filter(move |(name, _)| name::is_below(name, path, recursive))
        .map(|(name, parameter)| (name.to_owned(), parameter))
}

fn find(
    snapshot: &Snapshot,
    context: &RequestContext,
    reference: &Reference,
    with_decryption: bool,
) -> Result<Shown, ServiceError> {
    let not_found =
        || ServiceError::new("ParameterNotFound", format!("Parameter {} not found.", reference.name));
    if name::is_public(&reference.name) {
        let parameter = aws_catalog::parameter(&context.region, &reference.name).ok_or_else(not_found)?;
        return match &reference.selector {
            Selector::Latest => Ok(show_public(context, &parameter, None)),
            Selector::Version(version) if *version == parameter.version => {
                Ok(show_public(context, &parameter, reference.selector_text.clone()))
            }
            Selector::Version(_) | Selector::Label(_) => Err(version_not_found(reference)),
        };
    }
    let scope = context.scope();
    let (_, latest) = record::latest(snapshot, &scope, &reference.name).ok_or_else(not_found)?;
    let version = match &reference.selector {
        Selector::Latest => Some(latest),
        Selector::Version(version) => snapshot.get(&scope, &ParameterVersion::id(&reference.name, *version)),
        Selector::Label(label) => {
            record::versions(snapshot, &scope, &reference.name).find(|version| version.labels.contains(label))
        }
    };
    let version = version.ok_or_else(|| version_not_found(reference))?;
    Ok(show(context, &reference.name, &version, with_decryption, reference.selector_text.clone()))
}

fn version_not_found(reference: &Reference) -> ServiceError {
    let selector = reference.selector_text.as_deref().unwrap_or_default().trim_start_matches(':');
    let message = match &reference.selector {
        Selector::Label(_) => {
            format!(
                "Systems Manager could not find label {selector} of {}. Verify the label and try again.",
                reference.name
            )
        }
        Selector::Latest | Selector::Version(_) => format!(
            "Systems Manager could not find version {selector} of {}. Verify the version and try again.",
            reference.name
        ),
    };
    ServiceError::new("ParameterVersionNotFound", message)
}

fn show(
    context: &RequestContext,
    name: &str,
    version: &ParameterVersion,
    with_decryption: bool,
    selector: Option<String>,
) -> Shown {
    Shown {
        name: Some(name.to_owned()),
        r#type: Some(version.kind.as_str().to_owned()),
        value: Some(version.shown(with_decryption).to_owned()),
        version: Some(version.version),
        selector,
        source_result: None,
        last_modified_date: Some(version.modified_at),
        arn: Some(name::arn(&context.region, context.account(), name)),
        data_type: Some(version.data_type.clone()),
    }
}

fn show_public(context: &RequestContext, parameter: &PublicParameter, selector: Option<String>) -> Shown {
    Shown {
        name: Some(parameter.name.clone()),
        r#type: Some(ParameterKind::String.as_str().to_owned()),
        value: Some(parameter.value.clone()),
        version: Some(parameter.version),
        selector,
        source_result: None,
        last_modified_date: Some(parameter.modified_at),
        arn: Some(parameter.arn(&context.region)),
        data_type: Some(parameter.data_type.to_owned()),
    }
}
