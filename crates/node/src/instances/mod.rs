//! Makes instances happen: observes records and sandboxes, plans, applies, and writes back what it saw.
//!
//! Owns which step an instance is in. Level-triggered: every pass looks at all instances, so nothing depends on having
//! seen a change, and any step may be cut off and run again.

mod apply;
mod exit;
mod plan;
mod restarts;
mod turn;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_types::{AccountId, InstanceId};
use data_plane::DataPlane;
use identities::Account;
use parking_lot::Mutex;
use sandbox::{Driver as _, Exit, Running, Userland};
use store::{Read as _, Revision, Scope, Store, TailError};
use svc_ec2::Ec2;
use svc_ec2::record as ec2;
use svc_ssm::Ssm;
use tokio::sync::{Notify, watch};

pub(crate) use self::apply::{hostname, interfaces_of};
use self::plan::{Action, Observed, Wanted, plan};
use self::restarts::{Restarts, Verdict};
use self::turn::Turns;

/// How often everything is looked at even if nothing seems to have changed.
const TICK: Duration = Duration::from_secs(2);

/// How long an instance that could not be helped is left alone.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The reconciler of instances.
pub(crate) struct Instances {
    store: Store,
    ec2: Arc<Ec2>,
    ssm: Arc<Ssm>,
    plane: Arc<DataPlane>,
    sandboxes: Arc<Userland>,
    enforced: watch::Receiver<Revision>,
    running: Mutex<HashMap<InstanceId, Running>>,
    /// Instances of which the host was seen to have no sandbox. Only a start changes that.
    down: Mutex<HashSet<InstanceId>>,
    busy: Mutex<HashSet<InstanceId>>,
    restarts: Mutex<Restarts>,
    /// The tags that Systems Manager was last told.
    managed: Mutex<HashMap<InstanceId, Managed>>,
    /// Instances that are gone for good, but of which the host may still have something.
    leftovers: Mutex<HashSet<InstanceId>>,
    turns: Turns,
    changed: Notify,
}

/// What was last carried over to an instance that runs, so that nothing is done for one that has not changed.
#[derive(Clone, PartialEq)]
struct Managed {
    tags: aws_types::Tags,
    interfaces: Vec<PluggedIn>,
}

/// An interface and its port, which is needed to unplug it when its record is gone.
#[derive(Clone, Copy, PartialEq)]
struct PluggedIn {
    interface: aws_types::NetworkInterfaceId,
    port: u32,
}

impl Instances {
    /// Over these services, and the sandboxes and interfaces that an earlier daemon may have left.
    pub(crate) fn new(
        store: Store,
        ec2: Arc<Ec2>,
        ssm: Arc<Ssm>,
        plane: Arc<DataPlane>,
        sandboxes: Arc<Userland>,
        enforced: watch::Receiver<Revision>,
    ) -> Self {
        Self {
            store,
            ec2,
            ssm,
            plane,
            sandboxes,
            enforced,
            running: Mutex::default(),
            down: Mutex::default(),
            busy: Mutex::default(),
            restarts: Mutex::default(),
            managed: Mutex::default(),
            leftovers: Mutex::default(),
            turns: Turns::default(),
            changed: Notify::new(),
        }
    }

    /// The process on the host that an instance's first process is.
    pub(crate) fn pid(&self, instance: InstanceId) -> Option<i32> {
        self.running.lock().get(&instance).map(|running| running.init.pid)
    }

    /// Where its network namespace can be opened, while it runs.
    pub(crate) fn network_namespace(&self, instance: InstanceId) -> Option<std::path::PathBuf> {
        self.running.lock().get(&instance).map(sandbox::Running::network_namespace)
    }

    /// Reconciles until the store is closed.
    pub(crate) async fn follow(self: Arc<Self>) {
        let this = Arc::clone(&self);
        if tokio::task::spawn_blocking(move || this.adopt()).await.is_err() {
            tracing::error!("taking over the running instances panicked");
        }
        for running in self.running.lock().values() {
            self.watch(*running);
        }
        let mut tail = self.store.tail(self.store.snapshot().revision());
        loop {
            let pass = Arc::clone(&self);
            if tokio::task::spawn_blocking(move || pass.reconcile()).await.is_err() {
                tracing::error!("a pass over the instances panicked");
            }
            let has_work = async {
                loop {
                    match tail.changed().await {
                        Ok(commit) if !commit.changes.iter().any(is_about_instances) => {}
                        other => return other.map(drop),
                    }
                }
            };
            tokio::select! {
                work = has_work => match work {
                    Ok(()) => {}
                    Err(TailError::Behind) => tail = self.store.tail(self.store.snapshot().revision()),
                    Err(TailError::Closed) => return,
                },
                () = self.changed.notified() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// Takes over the sandboxes that run already.
    fn adopt(&self) {
        let found = match self.sandboxes.list() {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, "the sandboxes cannot be listed");
                return;
            }
        };
        let snapshot = self.store.snapshot();
        let wanted: HashSet<InstanceId> = snapshot
            .scan_all::<ec2::Instance>()
            .filter(|(_, _, record)| record.state != ec2::InstanceState::Terminated)
            .map(|(_, _, record)| record.id)
            .collect();
        self.leftovers.lock().extend(found.iter().filter(|instance| !wanted.contains(instance)));
        for instance in found {
            match self.sandboxes.adopt(instance) {
                Ok(Some(running)) => {
                    self.running.lock().insert(instance, running);
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%instance, %error, "a sandbox cannot be looked up"),
            }
        }
        self.unplug_strays();
    }

    /// Unplugs what is plugged in but attached to nothing that runs: a daemon may have ended between a detachment and
    /// its effect.
    fn unplug_strays(&self) {
        let snapshot = self.store.snapshot();
        let running = self.running.lock();
        let wanted: HashSet<u32> = snapshot
            .scan_all::<ec2::NetworkInterface>()
            .filter(|(_, _, record)| {
                let attachment = record.attachment.as_ref().filter(|attached| !attached.is_detaching());
                attachment.is_some_and(|attached| running.contains_key(&attached.instance))
            })
            .map(|(_, _, record)| record.port)
            .collect();
        drop(running);
        let ports = self.plane.ports().unwrap_or_else(|error| {
            tracing::error!(%error, "what is plugged in cannot be listed");
            Vec::new()
        });
        for stray in ports.iter().filter(|attached| !wanted.contains(&attached.port.number())) {
            if let Err(error) = self.plane.detach(stray.port) {
                tracing::error!(port = %stray.port, %error, "an interface that is not attached stays plugged in");
            }
        }
    }

    /// One pass: a step for every instance that needs one and has none under way. It may ask the host, so it blocks.
    fn reconcile(self: &Arc<Self>) {
        let snapshot = self.store.snapshot();
        let states: HashMap<InstanceId, ec2::InstanceState> =
            snapshot.scan_all::<ec2::Instance>().map(|(_, _, record)| (record.id, record.state)).collect();
        let closed = closed_accounts(&snapshot);
        let suspended: HashSet<InstanceId> = snapshot
            .scan_all::<ec2::Instance>()
            .filter(|(scope, _, _)| closed.contains(&scope.account))
            .map(|(_, _, record)| record.id)
            .collect();
        self.down.lock().retain(|instance| states.contains_key(instance));
        self.restarts.lock().retain(|instance| {
            states.get(instance) == Some(&ec2::InstanceState::Running) && !suspended.contains(instance)
        });
        self.notice_unplugged();
        for (scope, _, record) in snapshot.scan_all::<ec2::Instance>() {
            if self.busy.lock().contains(&record.id) {
                continue;
            }
            let is_running = self.is_running(&record);
            let exit = if is_running { None } else { self.last_exit(&record) };
            let observed = match &exit {
                _ if is_running => Observed::Running,
                Some(exit) => Observed::Ended(exit),
                None => Observed::Nothing,
            };
            let wanted = Wanted {
                state: record.state,
                needs_reboot: record.wants_reboot(),
                is_suspended: closed.contains(&scope.account),
            };
            if let Some(action) = plan(wanted, observed)
                && let Some(action) = self.count_start(&record, action, exit.as_ref())
                && self.is_due(&record, &action, &snapshot, scope)
            {
                self.spawn(scope.clone(), Arc::clone(&record), action);
            }
        }
        self.remove_strays(&states);
    }

    /// Forgets what was carried over to instances whose interfaces somebody has deleted, so that they are plugged in again.
    fn notice_unplugged(&self) {
        let Ok(attached) = self.plane.ports() else { return };
        let plugged: HashSet<u32> = attached.iter().map(|attached| attached.port.number()).collect();
        self.managed.lock().retain(|instance, managed| {
            let is_whole = managed.interfaces.iter().all(|interface| plugged.contains(&interface.port));
            if !is_whole {
                tracing::warn!(%instance, "an interface was deleted on the host; plugging it in again");
            }
            is_whole
        });
    }

    /// Whether an instance has a living sandbox. The index is only a note; the host is asked where it says no.
    fn is_running(self: &Arc<Self>, record: &ec2::Instance) -> bool {
        if self.running.lock().contains_key(&record.id) {
            return true;
        }
        if record.state == ec2::InstanceState::Terminated || self.down.lock().contains(&record.id) {
            return false;
        }
        match self.sandboxes.adopt(record.id) {
            Ok(Some(running)) => {
                self.running.lock().insert(record.id, running);
                self.watch(running);
                true
            }
            Ok(None) => {
                self.down.lock().insert(record.id);
                false
            }
            Err(error) => {
                tracing::warn!(instance = %record.id, %error, "a sandbox cannot be looked up");
                false
            }
        }
    }

    fn last_exit(&self, record: &ec2::Instance) -> Option<Exit> {
        // Only a running instance can surprise by having ended.
        if record.state != ec2::InstanceState::Running {
            return None;
        }
        self.sandboxes.last_exit(record.id).unwrap_or_else(|error| {
            tracing::warn!(instance = %record.id, %error, "how a sandbox ended cannot be read");
            None
        })
    }

    /// The step, where it is not the start of an instance that should run already: such starts come with pauses, and
    /// not for ever.
    fn count_start(&self, record: &ec2::Instance, action: Action, exit: Option<&Exit>) -> Option<Action> {
        if action != Action::Start || record.state != ec2::InstanceState::Running {
            return Some(action);
        }
        match self.restarts.lock().after(record.id, exit, Instant::now()) {
            Verdict::Start => Some(action),
            Verdict::Wait => None,
            Verdict::GiveUp(reason) => Some(Action::GiveUp(reason)),
        }
    }

    /// Whether a step would change anything, as far as is known without asking the host.
    fn is_due(
        &self,
        record: &ec2::Instance,
        action: &Action,
        snapshot: &store::Snapshot,
        scope: &Scope,
    ) -> bool {
        match action {
            Action::Plug => self.managed.lock().get(&record.id) != Some(&managed(record, snapshot, scope)),
            // A terminated instance stays on record for an hour; its traces are removed once.
            Action::Remove => {
                self.running.lock().contains_key(&record.id)
                    || self.managed.lock().contains_key(&record.id)
                    || self.leftovers.lock().contains(&record.id)
            }
            Action::Start
            | Action::GiveUp(_)
            | Action::Reboot
            | Action::Stop
            | Action::Suspend
            | Action::RecordStop
            | Action::RecordShutdown
            | Action::Terminate => true,
        }
    }

    /// Removes what the host has of instances that no record speaks of, as a cloud whose state was lost or cut off may
    /// leave.
    fn remove_strays(self: &Arc<Self>, known: &HashMap<InstanceId, ec2::InstanceState>) {
        let mut strays: HashSet<InstanceId> = self.running.lock().keys().copied().collect();
        strays.extend(self.leftovers.lock().iter());
        strays.retain(|instance| !known.contains_key(instance));
        for instance in strays {
            if self.busy.lock().insert(instance) {
                let this = Arc::clone(self);
                tokio::spawn(async move {
                    let turn = this.turns.take(false).await;
                    let removal = tokio::task::spawn_blocking(move || {
                        this.remove_stray(instance);
                        drop(turn);
                    });
                    if removal.await.is_err() {
                        tracing::error!(%instance, "removing a sandbox panicked");
                    }
                });
            }
        }
    }

    fn remove_stray(&self, instance: InstanceId) {
        tracing::warn!(%instance, "removing a sandbox that no record speaks of");
        match self.sandboxes.destroy(instance) {
            Ok(()) => {
                self.leftovers.lock().remove(&instance);
            }
            Err(error) => {
                tracing::error!(%instance, %error, "a sandbox cannot be removed");
                self.leftovers.lock().insert(instance);
            }
        }
        self.running.lock().remove(&instance);
        self.busy.lock().remove(&instance);
    }

    /// Carries out a step on the blocking pool, and looks again afterwards.
    fn spawn(self: &Arc<Self>, scope: Scope, record: Arc<ec2::Instance>, action: Action) {
        if !self.busy.lock().insert(record.id) {
            return;
        }
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let mut turn = this.turns.take(action == Action::Start).await;
            let worker = Arc::clone(&this);
            let (instance, step) = (record.id, action.clone());
            let done =
                tokio::task::spawn_blocking(move || worker.apply(&scope, &record, step, &mut turn)).await;
            match done {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(%instance, ?action, %error, "a step failed; it is tried again");
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
                Err(error) => {
                    tracing::error!(%instance, ?action, %error, "a step panicked; it is tried again");
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
            this.busy.lock().remove(&instance);
            this.changed.notify_one();
        });
    }

    /// Looks again when a sandbox ends.
    fn watch(self: &Arc<Self>, running: Running) {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            match this.sandboxes.exit_fd(&running) {
                Ok(descriptor) => {
                    if let Err(error) = exit::readable(descriptor).await {
                        tracing::error!(instance = %running.instance_id, %error, "a sandbox cannot be watched");
                    }
                }
                Err(error) => {
                    tracing::debug!(instance = %running.instance_id, %error, "the sandbox has ended already");
                }
            }
            let mut known = this.running.lock();
            if known.get(&running.instance_id) == Some(&running) {
                known.remove(&running.instance_id);
            }
            drop(known);
            this.changed.notify_one();
        });
    }
}

/// What an instance that runs should have.
fn managed(record: &ec2::Instance, snapshot: &store::Snapshot, scope: &Scope) -> Managed {
    let plugged_in =
        |interface: &Arc<ec2::NetworkInterface>| PluggedIn { interface: interface.id, port: interface.port };
    let interfaces = interfaces_of(snapshot, scope, record).iter().map(plugged_in).collect();
    Managed { tags: record.tags.clone(), interfaces }
}

/// The accounts that are closed, of which nothing runs.
fn closed_accounts(snapshot: &store::Snapshot) -> HashSet<AccountId> {
    let accounts = snapshot.scan_all::<Account>();
    accounts.filter(|(_, _, account)| !account.is_active()).map(|(_, _, account)| account.id).collect()
}

fn is_about_instances(change: &store::Change) -> bool {
    change.is::<ec2::Instance>() || change.is::<ec2::NetworkInterface>() || change.is::<Account>()
}
