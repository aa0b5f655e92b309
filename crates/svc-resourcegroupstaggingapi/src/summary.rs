//! GetComplianceSummary: how many resources of an organization do not comply.
//!
//! <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetComplianceSummary.html>

use std::collections::BTreeMap;

use aws_api::resourcegroupstaggingapi::{GetComplianceSummaryInput, GetComplianceSummaryOutput, Summary};
use management_policies::TagRules;
use service_api::{RequestContext, ServiceError, page_size};
use store::Scope;

use crate::compliance::{check, is_of_type};
use crate::{Member, State, TaggedResource, error, page};

/// How many summaries a page has when the request names no number.
const DEFAULT_RESULTS: usize = 1000;

/// What resources are counted together by: an account, a region, a type, where that is asked for.
type Group = (Option<String>, Option<String>, Option<String>);

pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetComplianceSummaryInput,
) -> Result<GetComplianceSummaryOutput, ServiceError> {
    let snapshot = state.store.snapshot();
    let members =
        state.policy.members(&snapshot, context.partition, context.account()).map_err(error::no_members)?;
    let group_by = request.group_by.clone().unwrap_or_default();
    let by = |attribute: &str| group_by.iter().any(|held| held == attribute);
    let mut counts: BTreeMap<Group, i64> = BTreeMap::new();
    if group_by.is_empty() {
        counts.insert(Group::default(), 0);
    }
    for member in members.iter().filter(|member| is_target(&request, member)) {
        let rules = state.policy.rules(&snapshot, context.partition, member.account)?;
        for region in state.resources.regions() {
            if !is_listed(request.region_filters.as_ref(), |held| held == region.as_str()) {
                continue;
            }
            let scope = Scope::new(context.partition, member.account, region.clone());
            let resources = state.resources.list(&snapshot, &scope, context.now);
            for resource in resources.iter().filter(|resource| is_counted(&request, &rules, resource)) {
                let group = (
                    by("TARGET_ID").then(|| member.account.to_string()),
                    by("REGION").then(|| region.to_string()),
                    by("RESOURCE_TYPE").then(|| resource.resource_type.clone()),
                );
                *counts.entry(group).or_default() += 1;
            }
        }
    }
    let now = context.now.to_string();
    let summaries = counts.into_iter().map(|((account, region, resource_type), count)| {
        let place =
            [&account, &region, &resource_type].map(|part| part.as_deref().unwrap_or_default()).join(" ");
        let summary = Summary {
            last_updated: Some(now.clone()),
            target_id_type: account.as_ref().map(|_| "ACCOUNT".to_owned()),
            target_id: account,
            region,
            resource_type,
            non_compliant_resources: Some(count),
        };
        (place, summary)
    });
    let size = page_size(request.max_results, DEFAULT_RESULTS);
    let page = page::take(summaries, request.pagination_token.as_ref(), size)?;
    Ok(GetComplianceSummaryOutput {
        summary_list: Some(page.items),
        pagination_token: Some(page.next_token.unwrap_or_default()),
    })
}

/// Whether a list is absent, or has one that is meant.
fn is_listed(list: Option<&Vec<String>>, is_meant: impl Fn(&String) -> bool) -> bool {
    list.is_none_or(|list| list.is_empty() || list.iter().any(is_meant))
}

/// A target is an account, an organizational unit or the root.
fn is_target(request: &GetComplianceSummaryInput, member: &Member) -> bool {
    let account = member.account.to_string();
    is_listed(request.target_id_filters.as_ref(), |id| *id == account || member.ancestors.contains(id))
}

fn is_counted(request: &GetComplianceSummaryInput, rules: &TagRules, resource: &TaggedResource) -> bool {
    is_listed(request.resource_type_filters.as_ref(), |held| is_of_type(held, &resource.resource_type))
        && check(rules, resource)
            .iter()
            .any(|found| is_listed(request.tag_key_filters.as_ref(), |key| *key == found.key))
}
