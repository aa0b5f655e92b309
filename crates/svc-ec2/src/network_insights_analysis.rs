//! Analyses of paths: StartNetworkInsightsAnalysis, DeleteNetworkInsightsAnalysis, DescribeNetworkInsightsAnalyses.
//!
//! Owns the record, and what is known of an analysis at a time. Refuses to know how one is carried out: the node finds
//! those that run ([`running_network_insights_analyses`]) and tells what came of them
//! ([`Ec2::complete_network_insights_analysis`]). One that runs while the node ends is still to be carried out when it
//! starts again.
//! <https://docs.aws.amazon.com/vpc/latest/reachability/how-reachability-analyzer-works.html>

use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, Arn, NetworkInsightsAnalysisId, NetworkInsightsPathId, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Scope, Snapshot};

use crate::filter::{Filters, flag, text};
use crate::idempotency::Attempt;
use crate::network_insights_path::{LIMITS, NetworkInsightsPath};
use crate::page::Page;
use crate::state::{Naming, State, resource};
use crate::{Ec2, error, quota, tag};

/// What an analysis of a path found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PathAnswer {
    /// Whether packets get there, and their answers back.
    pub found: bool,
    /// What they pass on their way.
    pub forward: Vec<api::PathComponent>,
    /// What the answers pass.
    pub return_: Vec<api::PathComponent>,
    /// What stops them.
    pub explanations: Vec<api::Explanation>,
    /// What another path could pass.
    pub alternate_path_hints: Vec<api::AlternatePathHint>,
    /// The accounts that a path could pass and that the analysis was not to look at.
    pub suggested_accounts: Vec<AccountId>,
    /// What else is to be known.
    pub warning: Option<String>,
}

/// What came of an analysis of a path.
#[derive(Clone, Debug, PartialEq)]
pub enum AnalysisOutcome {
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
        answer: PathAnswer,
    },
}

/// How far an analysis is, and what it found.
///
/// ```text
/// running ──> succeeded
///    └──────> failed
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Analysis<A> {
    /// It is to be carried out, or is being.
    Running,
    /// It could not be carried out.
    Failed {
        /// Why.
        message: String,
        /// When that was known.
        ended_at: Timestamp,
    },
    /// It was carried out.
    Succeeded {
        /// The revision of the configuration that it looked at.
        revision: u64,
        /// What it found.
        answer: A,
        /// When.
        ended_at: Timestamp,
    },
}

impl<A> Analysis<A> {
    /// Whether it is still to be carried out.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running)
    }

    /// As answers print it.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Failed { .. } => "failed",
            Self::Succeeded { .. } => "succeeded",
        }
    }

    /// When it was known what came of it.
    pub fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::Running => None,
            Self::Failed { ended_at, .. } | Self::Succeeded { ended_at, .. } => Some(*ended_at),
        }
    }

    /// What it found.
    pub fn answer(&self) -> Option<&A> {
        match self {
            Self::Running | Self::Failed { .. } => None,
            Self::Succeeded { answer, .. } => Some(answer),
        }
    }

    /// Why it failed, or else which revision it looked at.
    pub(crate) fn message(&self) -> Option<String> {
        match self {
            Self::Running => None,
            Self::Failed { message, .. } => Some(message.clone()),
            Self::Succeeded { revision, .. } => Some(format!("analyzed revision {revision}")),
        }
    }
}

/// An analysis of a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkInsightsAnalysis {
    /// Its id.
    pub id: NetworkInsightsAnalysisId,
    /// The path.
    pub path: NetworkInsightsPathId,
    /// The accounts beside its own whose resources the path can pass.
    pub additional_accounts: Vec<AccountId>,
    /// The resources that the path must pass.
    pub filter_in: Vec<Arn>,
    /// The resources that the path must not pass.
    pub filter_out: Vec<Arn>,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// What came of it.
    pub analysis: Analysis<PathAnswer>,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    NetworkInsightsAnalysis,
    NetworkInsightsAnalysisId,
    "ec2.network-insights-analysis" in path,
    Naming {
        resource_type: "network-insights-analysis",
        noun: "networkInsightsAnalysis",
        not_found: "InvalidNetworkInsightsAnalysisId.NotFound",
        malformed: "InvalidNetworkInsightsAnalysisId.Malformed",
    }
);

/// An analysis that is to be carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningAnalysis {
    /// The account and region that it was asked for in.
    pub scope: Scope,
    /// Its id.
    pub id: NetworkInsightsAnalysisId,
    /// The path.
    pub path: Arc<NetworkInsightsPath>,
    /// The accounts beside its own whose resources the path can pass.
    pub additional_accounts: Vec<AccountId>,
    /// The resources that the path must pass.
    pub filter_in: Vec<Arn>,
    /// The resources that the path must not pass.
    pub filter_out: Vec<Arn>,
}

/// The analyses of paths that are to be carried out, of all accounts in all regions.
pub fn running_network_insights_analyses(snapshot: &Snapshot) -> Vec<RunningAnalysis> {
    let all = snapshot.scan_all::<NetworkInsightsAnalysis>();
    let running = all.filter(|(_, _, held)| held.analysis.is_running()).filter_map(|(scope, _, held)| {
        Some(RunningAnalysis {
            scope: scope.clone(),
            id: held.id,
            path: snapshot.get(scope, &held.path.to_string())?,
            additional_accounts: held.additional_accounts.clone(),
            filter_in: held.filter_in.clone(),
            filter_out: held.filter_out.clone(),
        })
    });
    running.collect()
}

impl Ec2 {
    /// Tells what came of an analysis. One that is gone, or of which that is known, stays as it is.
    ///
    /// # Errors
    /// A failed commit.
    pub fn complete_network_insights_analysis(
        &self,
        scope: &Scope,
        id: NetworkInsightsAnalysisId,
        outcome: AnalysisOutcome,
        at: Timestamp,
    ) -> Result<(), ServiceError> {
        self.transact(scope, at, |edit| {
            let Some(held) = edit.own::<NetworkInsightsAnalysis>(id) else { return Ok(()) };
            if held.analysis.is_running() {
                let analysis = match outcome {
                    AnalysisOutcome::Failed { message } => Analysis::Failed { message, ended_at: at },
                    AnalysisOutcome::Succeeded { revision, answer } => {
                        Analysis::Succeeded { revision, answer, ended_at: at }
                    }
                };
                edit.put(NetworkInsightsAnalysis { analysis, ..Arc::unwrap_or_clone(held) });
            }
            Ok(())
        })
    }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::DeleteNetworkInsightsAnalysis>(delete)
        .with::<op::DescribeNetworkInsightsAnalyses>(describe)
        .with::<op::StartNetworkInsightsAnalysis>(start)
}

fn arns(texts: Option<&Vec<String>>, parameter: &str) -> Result<Vec<Arn>, ServiceError> {
    let read = |text: &String| {
        text.parse().map_err(|_| error::invalid_value_for(text, parameter, "It has to be an ARN."))
    };
    texts.into_iter().flatten().map(read).collect()
}

fn accounts(texts: Option<&Vec<String>>) -> Result<Vec<AccountId>, ServiceError> {
    let read = |text: &String| {
        let invalid = |_| error::invalid_value_for(text, "additionalAccount", "It has to be an account ID.");
        text.parse().map_err(invalid)
    };
    texts.into_iter().flatten().map(read).collect()
}

fn start(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::StartNetworkInsightsAnalysisRequest,
) -> Result<api::StartNetworkInsightsAnalysisResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "network-insights-analysis")?;
    let dry_run = input.dry_run.take();
    let attempt = Attempt::new("StartNetworkInsightsAnalysis", input.client_token.as_ref(), &input)?;
    let additional_accounts = accounts(input.additional_accounts.as_ref())?;
    let filter_in = arns(input.filter_in_arns.as_ref(), "filterInArn")?;
    let filter_out = arns(input.filter_out_arns.as_ref(), "filterOutArn")?;
    ec2.edit(context, dry_run, |edit| {
        let made = match &attempt {
            Some(attempt) => attempt.made::<NetworkInsightsAnalysis>(edit)?,
            None => None,
        };
        if let Some(made) = made {
            let network_insights_analysis = Some(shown(edit, &made));
            return Ok(api::StartNetworkInsightsAnalysisResult { network_insights_analysis });
        }
        let path = edit.named::<NetworkInsightsPath>(&input.network_insights_path_id)?.id;
        quota::NETWORK_INSIGHTS_ANALYSES_PER_REGION
            .check(edit, edit.count::<NetworkInsightsAnalysis>() + 1)?;
        let running = edit.all::<NetworkInsightsAnalysis>().filter(|held| held.analysis.is_running()).count();
        quota::RUNNING_NETWORK_INSIGHTS_ANALYSES.check(edit, running + 1)?;
        let analysis = NetworkInsightsAnalysis {
            id: edit.new_id(),
            path,
            additional_accounts,
            filter_in,
            filter_out,
            started_at: edit.now(),
            analysis: Analysis::Running,
            tags,
        };
        edit.put(analysis.clone());
        if let Some(attempt) = &attempt {
            attempt.remember(edit, vec![analysis.id.to_string()]);
        }
        let network_insights_analysis = Some(shown(edit, &analysis));
        Ok(api::StartNetworkInsightsAnalysisResult { network_insights_analysis })
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteNetworkInsightsAnalysisRequest,
) -> Result<api::DeleteNetworkInsightsAnalysisResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let analysis = edit.named::<NetworkInsightsAnalysis>(&input.network_insights_analysis_id)?.id;
        edit.remove::<NetworkInsightsAnalysis>(analysis);
        let network_insights_analysis_id = Some(analysis.to_string());
        Ok(api::DeleteNetworkInsightsAnalysisResult { network_insights_analysis_id })
    })
}

/// A list as answers have it: absent when there is nothing in it.
fn unless_empty<T: Clone, U>(list: &[T], show: impl Fn(T) -> U) -> Option<Vec<U>> {
    (!list.is_empty()).then(|| list.iter().cloned().map(show).collect())
}

fn shown(state: &impl State, held: &NetworkInsightsAnalysis) -> api::NetworkInsightsAnalysis {
    let id = held.id.to_string();
    let shown = api::NetworkInsightsAnalysis {
        network_insights_analysis_arn: Some(state.arn(&format!("network-insights-analysis/{id}"))),
        network_insights_analysis_id: Some(id),
        network_insights_path_id: Some(held.path.to_string()),
        additional_accounts: unless_empty(&held.additional_accounts, |account| account.to_string()),
        filter_in_arns: unless_empty(&held.filter_in, |arn| arn.to_string()),
        filter_out_arns: unless_empty(&held.filter_out, |arn| arn.to_string()),
        start_date: Some(held.started_at),
        status: Some(held.analysis.status().to_owned()),
        status_message: held.analysis.message(),
        tags: Some(tag::shown_always(&held.tags)),
        ..Default::default()
    };
    let Some(answer) = held.analysis.answer() else { return shown };
    api::NetworkInsightsAnalysis {
        network_path_found: Some(answer.found),
        warning_message: answer.warning.clone(),
        forward_path_components: unless_empty(&answer.forward, std::convert::identity),
        return_path_components: unless_empty(&answer.return_, std::convert::identity),
        explanations: unless_empty(&answer.explanations, std::convert::identity),
        alternate_path_hints: unless_empty(&answer.alternate_path_hints, std::convert::identity),
        suggested_accounts: unless_empty(&answer.suggested_accounts, |account| account.to_string()),
        ..shown
    }
}

static FILTERS: Filters<api::NetworkInsightsAnalysis> = Filters {
    tags: Some(|analysis| analysis.tags.as_deref().unwrap_or_default()),
    named: &[
        ("path-found", |analysis| flag(analysis.network_path_found)),
        ("status", |analysis| text(&analysis.status)),
    ],
    absent: &[],
};

/// Those of one path, or those with these ids, or all; that began and ended within the times.
fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeNetworkInsightsAnalysesRequest,
) -> Result<api::DescribeNetworkInsightsAnalysesResult, ServiceError> {
    let view = ec2.view(context);
    let next_token = input.next_token.as_ref();
    let page = Page::within("DescribeNetworkInsightsAnalyses", input.max_results, next_token, LIMITS);
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let path = input.network_insights_path_id.as_ref();
    let path = path.map(|path| view.named::<NetworkInsightsPath>(path)).transpose()?.map(|path| path.id);
    let ids = input.network_insights_analysis_ids.as_ref().filter(|ids| !ids.is_empty());
    let mut found: Vec<Arc<NetworkInsightsAnalysis>> = match (path, ids) {
        (Some(path), None) => view.parts(path).collect(),
        (_, ids) => view.selected(ids)?,
    };
    found.retain(|held| {
        let ended_at = held.analysis.ended_at();
        path.is_none_or(|path| held.path == path)
            && input.analysis_start_time.is_none_or(|from| held.started_at >= from)
            && input.analysis_end_time.is_none_or(|to| ended_at.is_some_and(|ended_at| ended_at <= to))
    });
    let (analyses, next_token) =
        page.of_these(found, wanted, |held: &NetworkInsightsAnalysis| shown(&view, held))?;
    ec2.answer(
        input.dry_run,
        api::DescribeNetworkInsightsAnalysesResult { network_insights_analyses: Some(analyses), next_token },
    )
}
