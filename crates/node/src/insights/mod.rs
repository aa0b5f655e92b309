//! Carries out the analyses of Network Insights: of paths, and of access scopes.
//!
//! Owns when an analysis is carried out, and of which revision. Refuses to judge packets: the engine traces them, on a
//! network that is made of the records of one revision alone, whatever changes meanwhile.

mod access_scopes;
mod components;
mod ends;
mod explanations;
mod headers;
mod model;
mod records;
mod search;
#[cfg(test)]
mod tests;
mod wrong_ways;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_types::Timestamp;
use store::{Commit, Snapshot, Store, TailError};
use svc_ec2::record as ec2;
use svc_ec2::{AccessScopeAnalysisOutcome, AnalysisOutcome, Ec2, PathAnswer, RunningAnalysis};
use vpc_model::Delta;

use crate::now;
use crate::projection::Projector;
use access_scopes::ScopeSearch;
use model::Model;
use records::Records;
use search::Search;

/// The analyses of a cloud.
pub(crate) struct Insights {
    store: Store,
    ec2: Arc<Ec2>,
    /// What the network is told that is in no record.
    fixed: Vec<Delta>,
    /// What NAT gateways choose addresses and ports by.
    seed: u64,
}

impl Insights {
    /// Over these services.
    pub(crate) fn new(store: Store, ec2: Arc<Ec2>, fixed: Vec<Delta>, seed: u64) -> Self {
        Self { store, ec2, fixed, seed }
    }

    /// Carries out every analysis that is to be, those of before the start too, until the store is closed.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut tail = self.store.tail(self.store.snapshot().revision());
        loop {
            let this = Arc::clone(&self);
            if tokio::task::spawn_blocking(move || this.pass()).await.is_err() {
                tracing::error!("an analysis of Network Insights panicked");
            }
            loop {
                match tail.changed().await {
                    Ok(commit) if !concerns_analyses(&commit) => {}
                    Ok(_) => break,
                    Err(TailError::Behind) => {
                        tail = self.store.tail(self.store.snapshot().revision());
                        break;
                    }
                    Err(TailError::Closed) => return,
                }
            }
        }
    }

    fn pass(&self) {
        carry_out(&self.store, &self.ec2, (&self.fixed, self.seed), now());
    }
}

/// When an analysis is to be given up.
#[derive(Clone, Copy)]
struct Until(Instant);

impl Until {
    /// How long an analysis may take: others wait for it.
    const ANALYSIS_SECS: u64 = 60;

    fn from_now() -> Self {
        Self(Instant::now() + Duration::from_secs(Self::ANALYSIS_SECS))
    }

    fn is_over(self) -> bool {
        Instant::now() >= self.0
    }
}

/// What to say of an analysis that panicked. It is not tried again, so that others are not held up.
const PANICKED: &str = "The analysis failed by a defect of this cloud; its log says where.";

/// Carries out what is to be, all of it of one revision.
fn carry_out(store: &Store, ec2: &Ec2, (fixed, seed): (&[Delta], u64), at: Timestamp) {
    let snapshot = store.snapshot();
    let running = svc_ec2::running_network_insights_analyses(&snapshot);
    let of_scopes = svc_ec2::running_network_insights_access_scope_analyses(&snapshot);
    if running.is_empty() && of_scopes.is_empty() {
        return;
    }
    let model = model(&snapshot, fixed, seed, at);
    let revision = snapshot.revision().0;
    for analysis in running {
        let found = catch_unwind(AssertUnwindSafe(|| answer(&snapshot, &model, &analysis)));
        let outcome = match found {
            Ok(answer) => AnalysisOutcome::Succeeded { revision, answer },
            Err(_) => AnalysisOutcome::Failed { message: PANICKED.to_owned() },
        };
        let told = ec2.complete_network_insights_analysis(&analysis.scope, analysis.id, outcome, at);
        if let Err(error) = told {
            tracing::warn!(analysis = %analysis.id, %error, "what an analysis found cannot be told");
        }
    }
    for analysis in of_scopes {
        let search = ScopeSearch {
            records: Records { snapshot: &snapshot, scope: &analysis.scope },
            model: &model,
            match_paths: &analysis.match_paths,
            exclude_paths: &analysis.exclude_paths,
            until: Until::from_now(),
        };
        let outcome = match catch_unwind(AssertUnwindSafe(|| search.answer())) {
            Ok(Ok(answer)) => AccessScopeAnalysisOutcome::Succeeded { revision, answer },
            Ok(Err(error)) => AccessScopeAnalysisOutcome::Failed { message: error.to_string() },
            Err(_) => AccessScopeAnalysisOutcome::Failed { message: PANICKED.to_owned() },
        };
        let told =
            ec2.complete_network_insights_access_scope_analysis(&analysis.scope, analysis.id, outcome, at);
        if let Err(error) = told {
            tracing::warn!(analysis = %analysis.id, %error, "what an analysis found cannot be told");
        }
    }
}

/// The network as the records of a snapshot make it.
fn model(snapshot: &Snapshot, fixed: &[Delta], seed: u64, at: Timestamp) -> Model {
    let mut deltas = Projector::default().everything(snapshot, at).deltas;
    deltas.extend(fixed.iter().cloned());
    Model::new(&deltas, seed)
}

/// What an analysis of a path finds.
fn answer(snapshot: &Snapshot, model: &Model, analysis: &RunningAnalysis) -> PathAnswer {
    let search = Search {
        records: Records { snapshot, scope: &analysis.scope },
        model,
        path: &analysis.path,
        additional_accounts: &analysis.additional_accounts,
        filter_in: &analysis.filter_in,
        filter_out: &analysis.filter_out,
        until: Until::from_now(),
    };
    search.answer()
}

/// Whether a commit may have an analysis that is to be carried out.
fn concerns_analyses(commit: &Commit) -> bool {
    commit.changes.iter().any(|change| {
        change.after::<ec2::NetworkInsightsAnalysis>().is_some_and(|held| held.analysis.is_running())
            || change
                .after::<ec2::NetworkInsightsAccessScopeAnalysis>()
                .is_some_and(|held| held.analysis.is_running())
    })
}
