//! Network Access Scopes: CreateNetworkInsightsAccessScope, DeleteNetworkInsightsAccessScope,
//! DescribeNetworkInsightsAccessScopes, GetNetworkInsightsAccessScopeContent.
//!
//! Owns the record, whose content never changes. Refuses to know which paths match: that is found by an analysis
//! ([`crate::network_insights_access_scope_analysis`]).
//! <https://docs.aws.amazon.com/vpc/latest/network-access-analyzer/working-with-network-access-scopes.html>

mod condition;
mod packet_header;
mod resource;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{NetworkInsightsAccessScopeId, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use crate::filter::Filters;
use crate::idempotency::Attempt;
use crate::network_insights_access_scope_analysis::NetworkInsightsAccessScopeAnalysis;
use crate::network_insights_path::LIMITS;
use crate::page::Page;
use crate::state::{Naming, State, resource};
use crate::{Ec2, error, quota, tag};

use condition::Purpose;
pub use condition::{AccessScopePath, PathStatement};
pub use packet_header::{AccessScopeAddress, AddressStatement, NamedPrefixList, PacketHeaderStatement};
pub use resource::{AccessScopeResource, AccessScopeResourceType, NamedResource, ResourceStatement};

/// Which network paths are findings: those that match a condition of the first list, and none of the second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkInsightsAccessScope {
    /// Its id.
    pub id: NetworkInsightsAccessScopeId,
    /// Which paths are findings. There is at least one.
    pub match_paths: Vec<AccessScopePath>,
    /// Which of them are not.
    pub exclude_paths: Vec<AccessScopePath>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    NetworkInsightsAccessScope,
    NetworkInsightsAccessScopeId,
    "ec2.network-insights-access-scope",
    Naming {
        resource_type: "network-insights-access-scope",
        noun: "networkInsightsAccessScope",
        not_found: "InvalidNetworkInsightsAccessScopeId.NotFound",
        malformed: "InvalidNetworkInsightsAccessScopeId.Malformed",
    }
);

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateNetworkInsightsAccessScope>(create)
        .with::<op::DeleteNetworkInsightsAccessScope>(delete)
        .with::<op::DescribeNetworkInsightsAccessScopes>(describe)
        .with::<op::GetNetworkInsightsAccessScopeContent>(get_content)
}

fn conditions(
    state: &impl State,
    inputs: Option<&Vec<api::AccessScopePathRequest>>,
    purpose: Purpose,
) -> Result<Vec<AccessScopePath>, ServiceError> {
    inputs.into_iter().flatten().map(|input| AccessScopePath::read(state, input, purpose)).collect()
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::CreateNetworkInsightsAccessScopeRequest,
) -> Result<api::CreateNetworkInsightsAccessScopeResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "network-insights-access-scope")?;
    let dry_run = input.dry_run.take();
    let attempt = Attempt::new("CreateNetworkInsightsAccessScope", input.client_token.as_ref(), &input)?;
    ec2.edit(context, dry_run, |edit| {
        let made = match &attempt {
            Some(attempt) => attempt.made::<NetworkInsightsAccessScope>(edit)?,
            None => None,
        };
        let answer =
            |state: &_, scope: &NetworkInsightsAccessScope| api::CreateNetworkInsightsAccessScopeResult {
                network_insights_access_scope: Some(shown(state, scope)),
                network_insights_access_scope_content: Some(content(state, scope)),
            };
        if let Some(made) = made {
            return Ok(answer(edit, &made));
        }
        let match_paths = conditions(edit, input.match_paths.as_ref(), Purpose::Match)?;
        if match_paths.is_empty() {
            return Err(error::missing("matchPath"));
        }
        let exclude_paths = conditions(edit, input.exclude_paths.as_ref(), Purpose::Exclude)?;
        let count = edit.count::<NetworkInsightsAccessScope>();
        quota::NETWORK_INSIGHTS_ACCESS_SCOPES_PER_REGION.check(edit, count + 1)?;
        let scope = NetworkInsightsAccessScope {
            id: edit.new_id(),
            match_paths,
            exclude_paths,
            created_at: edit.now(),
            tags,
        };
        edit.put(scope.clone());
        if let Some(attempt) = &attempt {
            attempt.remember(edit, vec![scope.id.to_string()]);
        }
        Ok(answer(edit, &scope))
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteNetworkInsightsAccessScopeRequest,
) -> Result<api::DeleteNetworkInsightsAccessScopeResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let scope = edit.named::<NetworkInsightsAccessScope>(&input.network_insights_access_scope_id)?.id;
        if let Some(analysis) = edit.parts::<NetworkInsightsAccessScopeAnalysis, _>(scope).next() {
            let message = format!(
                "The scope '{scope}' has analyses, such as '{}', and cannot be deleted.",
                analysis.id
            );
            return Err(ServiceError::new("AnalysisExistsForNetworkInsightsAccessScope", message));
        }
        edit.remove::<NetworkInsightsAccessScope>(scope);
        let network_insights_access_scope_id = Some(scope.to_string());
        Ok(api::DeleteNetworkInsightsAccessScopeResult { network_insights_access_scope_id })
    })
}

fn shown(state: &impl State, scope: &NetworkInsightsAccessScope) -> api::NetworkInsightsAccessScope {
    let id = scope.id.to_string();
    api::NetworkInsightsAccessScope {
        network_insights_access_scope_arn: Some(state.arn(&format!("network-insights-access-scope/{id}"))),
        network_insights_access_scope_id: Some(id),
        created_date: Some(scope.created_at),
        updated_date: Some(scope.created_at),
        tags: Some(tag::shown_always(&scope.tags)),
    }
}

fn content(state: &impl State, scope: &NetworkInsightsAccessScope) -> api::NetworkInsightsAccessScopeContent {
    let shown = |paths: &[AccessScopePath]| paths.iter().map(|path| path.shown(state)).collect();
    api::NetworkInsightsAccessScopeContent {
        network_insights_access_scope_id: Some(scope.id.to_string()),
        match_paths: Some(shown(&scope.match_paths)),
        exclude_paths: (!scope.exclude_paths.is_empty()).then(|| shown(&scope.exclude_paths)),
    }
}

static FILTERS: Filters<api::NetworkInsightsAccessScope> =
    Filters { tags: Some(|scope| scope.tags.as_deref().unwrap_or_default()), named: &[], absent: &[] };

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeNetworkInsightsAccessScopesRequest,
) -> Result<api::DescribeNetworkInsightsAccessScopesResult, ServiceError> {
    let view = ec2.view(context);
    let next_token = input.next_token.as_ref();
    let page = Page::within("DescribeNetworkInsightsAccessScopes", input.max_results, next_token, LIMITS);
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let ids = input.network_insights_access_scope_ids.as_ref();
    let (scopes, next_token) =
        page.of(&view, ids, wanted, |scope: &NetworkInsightsAccessScope| shown(&view, scope))?;
    let network_insights_access_scopes = Some(scopes);
    ec2.answer(
        input.dry_run,
        api::DescribeNetworkInsightsAccessScopesResult { network_insights_access_scopes, next_token },
    )
}

fn get_content(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::GetNetworkInsightsAccessScopeContentRequest,
) -> Result<api::GetNetworkInsightsAccessScopeContentResult, ServiceError> {
    let view = ec2.view(context);
    let scope = view.named::<NetworkInsightsAccessScope>(&input.network_insights_access_scope_id)?;
    let network_insights_access_scope_content = Some(content(&view, &scope));
    ec2.answer(
        input.dry_run,
        api::GetNetworkInsightsAccessScopeContentResult { network_insights_access_scope_content },
    )
}
