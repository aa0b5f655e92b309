//! Analyses of Network Access Scopes: StartNetworkInsightsAccessScopeAnalysis, DeleteNetworkInsightsAccessScopeAnalysis,
//! DescribeNetworkInsightsAccessScopeAnalyses, GetNetworkInsightsAccessScopeAnalysisFindings.
//!
//! Owns the record, and those of its findings, each by itself so that a page of them is read and no more. Refuses to know
//! how an analysis is carried out: the node finds those that run ([`running_network_insights_access_scope_analyses`]) and
//! tells what came of them ([`Ec2::complete_network_insights_access_scope_analysis`]).
//! <https://docs.aws.amazon.com/vpc/latest/network-access-analyzer/how-network-access-analyzer-works.html>

use std::ops::Bound;
use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{NetworkInsightsAccessScopeAnalysisId, NetworkInsightsAccessScopeId, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Record, RecordKind, Scope, Snapshot};

use crate::filter::Filters;
use crate::idempotency::Attempt;
use crate::network_insights_access_scope::{AccessScopePath, NetworkInsightsAccessScope};
use crate::network_insights_analysis::Analysis;
use crate::network_insights_path::LIMITS;
use crate::page::Page;
use crate::state::{Edit, Naming, State, resource};
use crate::{Ec2, quota, tag};

/// The smallest and largest `MaxResults` of findings; without it a page has as many as the largest.
const FINDINGS: (i32, i32) = (1, 1000);

/// What an analysis of a scope found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccessScopeAnswer {
    /// Every path that matches, by what it passes.
    pub findings: Vec<Vec<api::PathComponent>>,
    /// How many network interfaces were looked at.
    pub analyzed_enis: u32,
}

/// What came of an analysis of a scope.
#[derive(Clone, Debug, PartialEq)]
pub enum AccessScopeAnalysisOutcome {
    /// It could not be carried out.
    Failed {
        /// Why.
        message: String,
    },
    /// It was carried out.
    Succeeded {
        /// The revision of the configuration that it looked at.
        revision: u64,
        /// What it found.
        answer: AccessScopeAnswer,
    },
}

/// How much an analysis of a scope found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessScopeCounts {
    /// How many findings there are.
    pub findings: u64,
    /// How many network interfaces were looked at.
    pub analyzed_enis: u32,
}

/// An analysis of a scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkInsightsAccessScopeAnalysis {
    /// Its id.
    pub id: NetworkInsightsAccessScopeAnalysisId,
    /// The scope.
    pub scope: NetworkInsightsAccessScopeId,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// What came of it.
    pub analysis: Analysis<AccessScopeCounts>,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    NetworkInsightsAccessScopeAnalysis,
    NetworkInsightsAccessScopeAnalysisId,
    "ec2.network-insights-access-scope-analysis" in scope,
    Naming {
        resource_type: "network-insights-access-scope-analysis",
        noun: "networkInsightsAccessScopeAnalysis",
        not_found: "InvalidNetworkInsightsAccessScopeAnalysisId.NotFound",
        malformed: "InvalidNetworkInsightsAccessScopeAnalysisId.Malformed",
    }
);

/// A path that an analysis found. Stored by the [`key`] of its analysis and number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Finding {
    /// Counted from one.
    number: u64,
    /// What it passes.
    components: Vec<api::PathComponent>,
}

impl Record for Finding {
    const KIND: &'static str = "ec2.network-insights-access-scope-finding";
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<Finding>()];

/// The beginning of the keys of an analysis's findings.
fn prefix(analysis: NetworkInsightsAccessScopeAnalysisId) -> String {
    format!("{analysis}/")
}

/// Written so that the order of the texts is that of the numbers.
fn key(analysis: NetworkInsightsAccessScopeAnalysisId, number: u64) -> String {
    format!("{}{number:010}", prefix(analysis))
}

/// An analysis of a scope that is to be carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningAccessScopeAnalysis {
    /// The account and region that it was asked for in.
    pub scope: Scope,
    /// Its id.
    pub id: NetworkInsightsAccessScopeAnalysisId,
    /// Which paths are findings.
    pub match_paths: Vec<AccessScopePath>,
    /// Which of them are not.
    pub exclude_paths: Vec<AccessScopePath>,
}

/// The analyses of scopes that are to be carried out, of all accounts in all regions.
pub fn running_network_insights_access_scope_analyses(
    snapshot: &Snapshot,
) -> Vec<RunningAccessScopeAnalysis> {
    let all = snapshot.scan_all::<NetworkInsightsAccessScopeAnalysis>();
    let running = all.filter(|(_, _, held)| held.analysis.is_running()).filter_map(|(scope, _, held)| {
        let content = snapshot.get::<NetworkInsightsAccessScope>(scope, &held.scope.to_string())?;
        Some(RunningAccessScopeAnalysis {
            scope: scope.clone(),
            id: held.id,
            match_paths: content.match_paths.clone(),
            exclude_paths: content.exclude_paths.clone(),
        })
    });
    running.collect()
}

impl Ec2 {
    /// Tells what came of an analysis. One that is gone, or of which that is known, stays as it is.
    ///
    /// # Errors
    /// A failed commit.
    pub fn complete_network_insights_access_scope_analysis(
        &self,
        scope: &Scope,
        id: NetworkInsightsAccessScopeAnalysisId,
        outcome: AccessScopeAnalysisOutcome,
        at: Timestamp,
    ) -> Result<(), ServiceError> {
        self.transact(scope, at, |edit| {
            let Some(held) = edit.own::<NetworkInsightsAccessScopeAnalysis>(id) else { return Ok(()) };
            if held.analysis.is_running() {
                let analysis = match outcome {
                    AccessScopeAnalysisOutcome::Failed { message } => {
                        Analysis::Failed { message, ended_at: at }
                    }
                    AccessScopeAnalysisOutcome::Succeeded { revision, answer } => {
                        let counts = keep(edit, id, answer);
                        Analysis::Succeeded { revision, answer: counts, ended_at: at }
                    }
                };
                edit.put(NetworkInsightsAccessScopeAnalysis { analysis, ..Arc::unwrap_or_clone(held) });
            }
            Ok(())
        })
    }
}

/// Writes the findings, and counts them.
fn keep(
    edit: &mut Edit<'_>,
    id: NetworkInsightsAccessScopeAnalysisId,
    answer: AccessScopeAnswer,
) -> AccessScopeCounts {
    let mut findings = 0;
    for components in answer.findings {
        findings += 1;
        edit.put_record(&key(id, findings), Finding { number: findings, components });
    }
    AccessScopeCounts { findings, analyzed_enis: answer.analyzed_enis }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::DeleteNetworkInsightsAccessScopeAnalysis>(delete)
        .with::<op::DescribeNetworkInsightsAccessScopeAnalyses>(describe)
        .with::<op::GetNetworkInsightsAccessScopeAnalysisFindings>(get_findings)
        .with::<op::StartNetworkInsightsAccessScopeAnalysis>(start)
}

fn start(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::StartNetworkInsightsAccessScopeAnalysisRequest,
) -> Result<api::StartNetworkInsightsAccessScopeAnalysisResult, ServiceError> {
    let resource_type = "network-insights-access-scope-analysis";
    let tags = tag::specified(input.tag_specifications.as_ref(), resource_type)?;
    let dry_run = input.dry_run.take();
    let token = input.client_token.as_ref();
    let attempt = Attempt::new("StartNetworkInsightsAccessScopeAnalysis", token, &input)?;
    ec2.edit(context, dry_run, |edit| {
        let answer = |state: &_, held: &NetworkInsightsAccessScopeAnalysis| {
            let network_insights_access_scope_analysis = Some(shown(state, held));
            api::StartNetworkInsightsAccessScopeAnalysisResult { network_insights_access_scope_analysis }
        };
        if let Some(attempt) = &attempt
            && let Some(made) = attempt.made::<NetworkInsightsAccessScopeAnalysis>(edit)?
        {
            return Ok(answer(edit, &made));
        }
        let scope = edit.named::<NetworkInsightsAccessScope>(&input.network_insights_access_scope_id)?.id;
        let count = edit.count::<NetworkInsightsAccessScopeAnalysis>();
        quota::NETWORK_INSIGHTS_ACCESS_SCOPE_ANALYSES_PER_REGION.check(edit, count + 1)?;
        let all = edit.all::<NetworkInsightsAccessScopeAnalysis>();
        let running = all.filter(|held| held.analysis.is_running()).count();
        quota::RUNNING_NETWORK_INSIGHTS_ACCESS_SCOPE_ANALYSES.check(edit, running + 1)?;
        let analysis = NetworkInsightsAccessScopeAnalysis {
            id: edit.new_id(),
            scope,
            started_at: edit.now(),
            analysis: Analysis::Running,
            tags,
        };
        edit.put(analysis.clone());
        if let Some(attempt) = &attempt {
            attempt.remember(edit, vec![analysis.id.to_string()]);
        }
        Ok(answer(edit, &analysis))
    })
}

/// Its findings go with it.
fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteNetworkInsightsAccessScopeAnalysisRequest,
) -> Result<api::DeleteNetworkInsightsAccessScopeAnalysisResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let id = &input.network_insights_access_scope_analysis_id;
        let id = edit.named::<NetworkInsightsAccessScopeAnalysis>(id)?.id;
        let keys: Vec<String> = findings(edit, id, None).map(|(key, _)| key.to_owned()).collect();
        keys.iter().for_each(|key| edit.remove_record::<Finding>(key));
        edit.remove::<NetworkInsightsAccessScopeAnalysis>(id);
        let network_insights_access_scope_analysis_id = Some(id.to_string());
        Ok(api::DeleteNetworkInsightsAccessScopeAnalysisResult { network_insights_access_scope_analysis_id })
    })
}

/// The findings of an analysis with their keys, in their order, from after a key on.
fn findings<'a>(
    state: &'a impl State,
    analysis: NetworkInsightsAccessScopeAnalysisId,
    after: Option<&str>,
) -> impl Iterator<Item = (&'a str, Arc<Finding>)> {
    let prefix = prefix(analysis);
    let from = after.map_or(Bound::Included(prefix.as_str()), Bound::Excluded);
    let found = state.reader().scan_from::<Finding>(state.scope(), from);
    found.take_while(move |(key, _)| key.starts_with(&prefix))
}

fn shown(
    state: &impl State,
    held: &NetworkInsightsAccessScopeAnalysis,
) -> api::NetworkInsightsAccessScopeAnalysis {
    let id = held.id.to_string();
    let counts = held.analysis.answer();
    let message = held.analysis.message().map(|message| match counts {
        Some(counts) => format!("{message}: {} findings", counts.findings),
        None => message,
    });
    let found = counts.map_or("unknown", |counts| if counts.findings > 0 { "true" } else { "false" });
    let arn = state.arn(&format!("network-insights-access-scope-analysis/{id}"));
    api::NetworkInsightsAccessScopeAnalysis {
        network_insights_access_scope_analysis_id: Some(id),
        network_insights_access_scope_analysis_arn: Some(arn),
        network_insights_access_scope_id: Some(held.scope.to_string()),
        status: Some(held.analysis.status().to_owned()),
        status_message: message,
        warning_message: None,
        start_date: Some(held.started_at),
        end_date: held.analysis.ended_at(),
        findings_found: Some(found.to_owned()),
        analyzed_eni_count: counts.map(|counts| counts.analyzed_enis.try_into().unwrap_or(i32::MAX)),
        tags: Some(tag::shown_always(&held.tags)),
    }
}

static FILTERS: Filters<api::NetworkInsightsAccessScopeAnalysis> =
    Filters { tags: Some(|analysis| analysis.tags.as_deref().unwrap_or_default()), named: &[], absent: &[] };

/// Those of one scope, or those with these ids, or all; that began within the times.
fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeNetworkInsightsAccessScopeAnalysesRequest,
) -> Result<api::DescribeNetworkInsightsAccessScopeAnalysesResult, ServiceError> {
    let view = ec2.view(context);
    let operation = "DescribeNetworkInsightsAccessScopeAnalyses";
    let page = Page::within(operation, input.max_results, input.next_token.as_ref(), LIMITS);
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let scope = input.network_insights_access_scope_id.as_ref();
    let scope = scope.map(|scope| view.named::<NetworkInsightsAccessScope>(scope)).transpose()?;
    let scope = scope.map(|scope| scope.id);
    let ids = input.network_insights_access_scope_analysis_ids.as_ref().filter(|ids| !ids.is_empty());
    let mut found: Vec<Arc<NetworkInsightsAccessScopeAnalysis>> = match (scope, ids) {
        (Some(scope), None) => view.parts(scope).collect(),
        (_, ids) => view.selected(ids)?,
    };
    found.retain(|held| {
        scope.is_none_or(|scope| held.scope == scope)
            && input.analysis_start_time_begin.is_none_or(|from| held.started_at >= from)
            && input.analysis_start_time_end.is_none_or(|to| held.started_at <= to)
    });
    let (analyses, next_token) =
        page.of_these(found, wanted, |held: &NetworkInsightsAccessScopeAnalysis| shown(&view, held))?;
    let network_insights_access_scope_analyses = Some(analyses);
    ec2.answer(
        input.dry_run,
        api::DescribeNetworkInsightsAccessScopeAnalysesResult {
            network_insights_access_scope_analyses,
            next_token,
        },
    )
}

static OF_FINDINGS: Filters<api::AccessScopeAnalysisFinding> =
    Filters { tags: None, named: &[], absent: &[] };

fn get_findings(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::GetNetworkInsightsAccessScopeAnalysisFindingsRequest,
) -> Result<api::GetNetworkInsightsAccessScopeAnalysisFindingsResult, ServiceError> {
    let view = ec2.view(context);
    let id = &input.network_insights_access_scope_analysis_id;
    let held = view.named::<NetworkInsightsAccessScopeAnalysis>(id)?;
    let size = input.max_results.unwrap_or(FINDINGS.1);
    let operation = "GetNetworkInsightsAccessScopeAnalysisFindings";
    let page = Page::within(operation, Some(size), input.next_token.as_ref(), FINDINGS);
    let (found, next_token) = page.cut_while_shown(
        findings(&view, held.id, page.after()?),
        |(key, _)| (*key).to_owned(),
        |_| true,
        &OF_FINDINGS.wanted(None)?,
        |(_, finding)| api::AccessScopeAnalysisFinding {
            network_insights_access_scope_analysis_id: Some(held.id.to_string()),
            network_insights_access_scope_id: Some(held.scope.to_string()),
            finding_id: Some(format!("AnalysisFinding-{}", finding.number)),
            finding_components: Some(finding.components.clone()),
        },
    )?;
    ec2.answer(
        input.dry_run,
        api::GetNetworkInsightsAccessScopeAnalysisFindingsResult {
            network_insights_access_scope_analysis_id: Some(held.id.to_string()),
            analysis_status: Some(held.analysis.status().to_owned()),
            analysis_findings: Some(found),
            next_token,
        },
    )
}
