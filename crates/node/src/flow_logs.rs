//! Makes flow logs happen: tells the data plane whose flows to count, collects them, and writes records at the ends of
//! windows.
//!
//! Owns which interfaces each log has, and when what is written. Refuses to know what a record says (`flow-logs` does), the
//! files (`files` does), and the buckets (`buckets` does). Records go to the bucket of their log at the end of a window; those of
//! other destinations, which are not there, go to files. Logs of transit gateways are not collected yet, nor are interfaces that AWS manages, since the
//! engine does what they do.

mod buckets;
mod facts;
mod files;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_types::{FlowLogId, NetworkInterfaceId, Timestamp};
use data_plane::DataPlane;
use flow_logs::{Aggregator, Format, InterfaceFacts, LogSettings, Written};
use parking_lot::Mutex;
use store::{Commit, Read as _, Revision, Scope, Snapshot, Store, TailError};
use svc_ec2::Ec2;
use svc_ec2::record as ec2;
use vpc_model::Port;

use crate::deliveries::Deliveries;
use crate::now;
use files::LogFiles;

/// How often counts are taken from the data plane and windows are looked at.
const TICK: Duration = Duration::from_secs(1);

/// The flow logs of a cloud.
pub(crate) struct FlowLogs {
    store: Store,
    plane: Arc<DataPlane>,
    ec2: Arc<Ec2>,
    deliveries: Arc<Deliveries>,
    state: Mutex<State>,
}

struct State {
    files: LogFiles,
    aggregator: Aggregator,
    /// Of which the logs and their interfaces are known.
    revision: Option<Revision>,
    /// Whose each log is.
    scopes: HashMap<FlowLogId, Scope>,
    logged: BTreeMap<Port, NetworkInterfaceId>,
}

impl FlowLogs {
    /// Over these services; records that go to no bucket go into files below `directory`.
    pub(crate) fn new(
        store: Store,
        plane: Arc<DataPlane>,
        ec2: Arc<Ec2>,
        deliveries: Arc<Deliveries>,
        directory: PathBuf,
    ) -> Self {
        let state = State {
            files: LogFiles::new(directory),
            aggregator: Aggregator::new(now().unix_secs()),
            revision: None,
            scopes: HashMap::new(),
            logged: BTreeMap::new(),
        };
        Self { store, plane, ec2, deliveries, state: Mutex::new(state) }
    }

    /// Collects and writes until the store is closed.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut tail = self.store.tail(self.store.snapshot().revision());
        loop {
            let this = Arc::clone(&self);
            if tokio::task::spawn_blocking(move || this.pass()).await.is_err() {
                tracing::error!("a pass over the flow logs panicked");
            }
            let concerned = async {
                loop {
                    match tail.changed().await {
                        Ok(commit) if !concerns_logs(&commit) => {}
                        other => return other.map(drop),
                    }
                }
            };
            tokio::select! {
                concerned = concerned => match concerned {
                    Ok(()) => {}
                    Err(TailError::Behind) => tail = self.store.tail(self.store.snapshot().revision()),
                    Err(TailError::Closed) => return,
                },
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// Takes what was counted, sees which logs there are now, and writes what is due.
    fn pass(&self) {
        let mut state = self.state.lock();
        let State { aggregator, logged, .. } = &mut *state;
        let at = now();
        if !logged.is_empty() {
            aggregator.collect(self.plane.take_logged(), at.unix_secs());
        }
        let snapshot = self.store.snapshot();
        if state.revision != Some(snapshot.revision()) {
            state.revision = Some(snapshot.revision());
            self.look_at_logs(&mut state, &snapshot);
        }
        let written = state.aggregator.write_ended(at.unix_secs());
        self.write(&mut state, written);
    }

    /// Writes what was collected up to now, because nothing will be from now on.
    pub(crate) fn finish(&self) {
        let mut state = self.state.lock();
        if state.logged.is_empty() {
            return;
        }
        self.plane.catch_up();
        let at = now().unix_secs();
        state.aggregator.collect(self.plane.take_logged(), at);
        let written = state.aggregator.write_all(at);
        self.write(&mut state, written);
        self.plane.set_logged([]);
        state.logged.clear();
    }

    fn look_at_logs(&self, state: &mut State, snapshot: &Snapshot) {
        let logs = logs(snapshot);
        let logged: BTreeMap<Port, NetworkInterfaceId> = logs
            .iter()
            .flat_map(|log| log.interfaces.iter())
            .map(|(port, facts)| (*port, facts.interface))
            .collect();
        for log in logs.iter().filter(|log| !state.scopes.contains_key(&log.id)) {
            if let Some(record) = snapshot.get::<ec2::FlowLog>(&log.scope, &log.id.to_string()) {
                let whereabouts = record.whereabouts();
                let whereabouts = whereabouts.as_deref().unwrap_or("its records go to its bucket");
                tracing::info!(log = %log.id, "a flow log is collected: {whereabouts}");
            }
        }
        state.scopes = logs.iter().map(|log| (log.id, log.scope.clone())).collect();
        let of_log = logs.into_iter().map(|log| {
            let facts = log.interfaces.into_iter().map(|(_, facts)| facts).collect();
            (log.id, log.settings, facts)
        });
        state.aggregator.set_logs(of_log, now().unix_secs());
        if state.logged != logged {
            self.plane.set_logged(logged.iter().map(|(port, interface)| (*port, *interface)));
            state.logged = logged;
        }
    }

    /// Delivers, and tells EC2 how that went where it went otherwise than before.
    fn write(&self, state: &mut State, written: Vec<Written>) {
        let at = now();
        let mut failures: BTreeMap<FlowLogId, Option<ec2::DeliveryFailure>> = BTreeMap::new();
        let snapshot = self.store.snapshot();
        let mut to_buckets: BTreeMap<FlowLogId, (Scope, Arc<ec2::FlowLog>, Vec<String>)> = BTreeMap::new();
        for Written { log, interface, mut lines } in written {
            let Some(scope) = state.scopes.get(&log) else { continue };
            let record = snapshot.get::<ec2::FlowLog>(scope, &log.to_string());
            if let Some(record) = record.filter(|record| record.destination.bucket().is_some()) {
                let (.., of_log) =
                    to_buckets.entry(log).or_insert_with(|| (scope.clone(), record, Vec::new()));
                of_log.append(&mut lines);
                continue;
            }
            let failure = state.files.append(scope, log, interface, &lines, at).err().map(|error| {
                tracing::warn!(%log, %interface, %error, "records of a flow log are lost");
                error.failure()
            });
            let of_log = failures.entry(log).or_default();
            *of_log = of_log.or(failure);
        }
        for (log, (scope, record, lines)) in to_buckets {
            failures.insert(log, deliver_to_bucket(&self.deliveries, &scope, &record, &lines, at));
        }
        for (log, failure) in failures {
            let Some(scope) = state.scopes.get(&log) else { continue };
            let snapshot = self.store.snapshot();
            let known = snapshot.get::<ec2::FlowLog>(scope, &log.to_string());
            if known.is_none_or(|known| known.failure == failure) {
                continue;
            }
            if let Err(error) = self.ec2.flow_log_delivered(scope, log, failure, at) {
                tracing::warn!(%log, %error, "whether records are delivered cannot be told");
            }
        }
    }
}

/// Puts lines of a log into its bucket. Answers why they are not there.
pub(crate) fn deliver_to_bucket(
    deliveries: &Deliveries,
    scope: &Scope,
    log: &ec2::FlowLog,
    lines: &[String],
    at: Timestamp,
) -> Option<ec2::DeliveryFailure> {
    let error = buckets::deliver(deliveries, scope, log, lines, at).err()?;
    tracing::warn!(log = %log.id, %error, "records of a flow log are lost");
    Some(error.failure())
}

/// Whether a commit may change which interfaces are logged. Other facts are looked up at the next tick.
fn concerns_logs(commit: &Commit) -> bool {
    commit.changes.iter().any(|change| {
        (change.is::<ec2::FlowLog>() && change.before::<ec2::FlowLog>().is_none())
            || change.is::<ec2::NetworkInterface>()
    })
}

/// A log, and the interfaces that it has now.
struct LogNow {
    id: FlowLogId,
    scope: Scope,
    settings: LogSettings,
    interfaces: Vec<(Port, Arc<InterfaceFacts>)>,
}

/// Every log that is collected.
fn logs(snapshot: &Snapshot) -> Vec<LogNow> {
    let mut logs = Vec::new();
    let mut facts = facts::Facts::default();
    for (scope, _, record) in snapshot.scan_all::<ec2::FlowLog>() {
        if record.is_of_transit_gateway() {
            continue;
        }
        let format = match Format::parse(&record.format) {
            Ok(format) => format,
            // EC2 reads a format before it stores it, so that is a damaged state.
            Err(error) => {
                tracing::error!(log = %record.id, %error, "the format of a flow log means nothing");
                continue;
            }
        };
        let settings = LogSettings {
            format,
            interval_secs: i64::from(record.interval_secs.max(1)),
            has_accepted: record.traffic != ec2::TrafficType::Reject,
            has_rejected: record.traffic != ec2::TrafficType::Accept,
            created_at: record.created_at.unix_secs(),
        };
        let interfaces = facts.of_log(snapshot, scope, record.resource);
        logs.push(LogNow { id: record.id, scope: scope.clone(), settings, interfaces });
    }
    logs
}
