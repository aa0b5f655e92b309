//! The steps themselves. Each may be run again from the start: what is there already is kept or replaced.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_types::NetworkInterfaceId;
use data_plane::PortSpec;
use host_net::NetworkNamespace;
use sandbox::{Driver as _, Exit, Readiness, Running, SandboxError, Spec};
use store::{Read as _, Scope, Snapshot};
use svc_ec2::record as ec2;
use svc_ssm::ManagedInstance;
use vpc_model::{DhcpOptions, Port};

use super::plan::Action;
use super::restarts::MAX_STARTS;
use super::turn::Turn;
use super::{Instances, managed};
use crate::now;

/// How long a guest may take until its network is up and its user data has begun.
const READY_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a guest may take to shut down by itself.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// How long one that is terminated may.
const TERMINATE_GRACE: Duration = Duration::from_secs(2);

/// How long the network may take to learn of an instance's interfaces.
const ENFORCE_TIMEOUT: Duration = Duration::from_secs(10);

/// The version that Systems Manager is told: the agent is the daemon itself.
const AGENT_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error("the sandbox: {0}")]
    Sandbox(#[from] sandbox::SandboxError),
    #[error("the network: {0}")]
    DataPlane(#[from] data_plane::DataPlaneError),
    #[error("the network: {0}")]
    Namespace(#[from] host_net::NamespaceError),
    #[error("the state: {0}")]
    Store(#[from] store::StoreError),
    #[error("the state: {0}")]
    Service(#[from] service_api::ServiceError),
    #[error("the guest ended while it booted: {0:?}")]
    Ended(Exit),
    #[error("the guest was not ready after {} s", READY_TIMEOUT.as_secs())]
    NotReady,
    #[error("the network did not learn of the interfaces")]
    NotEnforced,
    #[error("{interface}: {source}")]
    Port { interface: NetworkInterfaceId, source: vpc_model::PortError },
    #[error("there is no instance type {0}")]
    NoSuchType(String),
}

/// The interfaces that are attached to an instance, in the order of their device indexes. One that is detaching is gone
/// from the instance already.
pub(crate) fn interfaces_of(
    snapshot: &Snapshot,
    scope: &Scope,
    record: &ec2::Instance,
) -> Vec<Arc<ec2::NetworkInterface>> {
    let mut interfaces: Vec<_> = record
        .interfaces
        .iter()
        .filter_map(|id| snapshot.get::<ec2::NetworkInterface>(scope, &id.to_string()))
        .filter(|interface| {
            let attachment = interface.attachment.as_ref().filter(|attached| !attached.is_detaching());
            attachment.is_some_and(|attached| attached.instance == record.id)
        })
        .collect();
    interfaces.sort_by_key(|interface| device_index(interface));
    interfaces
}

fn device_index(interface: &ec2::NetworkInterface) -> u32 {
    interface.attachment.as_ref().map_or(0, |attachment| attachment.device_index)
}

/// How long an instance has to shut down in order, which `SkipOsShutdown` does not ask for.
fn grace(record: &ec2::Instance) -> Duration {
    if record.skip_os_shutdown {
        return Duration::ZERO;
    }
    match record.state {
        ec2::InstanceState::ShuttingDown | ec2::InstanceState::Terminated => TERMINATE_GRACE,
        ec2::InstanceState::Pending
        | ec2::InstanceState::Running
        | ec2::InstanceState::Stopping
        | ec2::InstanceState::Stopped => STOP_GRACE,
    }
}

impl Instances {
    pub(super) fn apply(
        self: &Arc<Self>,
        scope: &Scope,
        record: &ec2::Instance,
        action: Action,
        turn: &mut Turn,
    ) -> Result<(), StepError> {
        match action {
            Action::Start => self.start(scope, record, turn),
            Action::GiveUp(reason) => self.give_up(scope, record, &reason),
            Action::Reboot => self.reboot(scope, record),
            Action::Plug => self.plug_all(scope, record, turn),
            Action::Stop => {
                turn.pause();
                self.halt(scope, record)?;
                self.disconnect(scope, record)?;
                self.ec2.instance_stopped(scope, record.id, now())?;
                Ok(())
            }
            Action::Suspend => {
                // Not in order: of one that had switched itself off in the end, the record would have to say so.
                if let Some(running) = self.known(record) {
                    self.sandboxes.kill(&running)?;
                    self.forget(record);
                }
                self.disconnect(scope, record)
            }
            Action::RecordStop => {
                self.disconnect(scope, record)?;
                self.ec2.instance_stopped(scope, record.id, now())?;
                Ok(())
            }
            Action::RecordShutdown => {
                self.disconnect(scope, record)?;
                self.ec2.instance_shut_down(scope, record.id, now())?;
                Ok(())
            }
            Action::Terminate => {
                turn.pause();
                self.halt(scope, record)?;
                turn.resume();
                self.unplug(scope, record)?;
                self.remove(scope, record)?;
                self.ec2.instance_terminated(scope, record.id, now())?;
                Ok(())
            }
            Action::Remove => self.remove(scope, record),
        }
    }

    fn start(
        self: &Arc<Self>,
        scope: &Scope,
        record: &ec2::Instance,
        turn: &mut Turn,
    ) -> Result<(), StepError> {
        self.down.lock().remove(&record.id);
        // A sandbox that a daemon left half-way is not worth finishing: nothing has run in it that anybody waited for.
        if let Some(leftover) = self.known(record) {
            self.sandboxes.kill(&leftover)?;
            self.forget(record);
        }
        match self.boot(scope, record, turn) {
            Ok(running) => {
                self.restarts.lock().ready(record.id, Instant::now());
                self.watch(running);
                Ok(())
            }
            Err(error) => {
                turn.resume();
                tracing::warn!(instance = %record.id, %error, "an instance could not be started");
                let removed = self
                    .unplug(scope, record)
                    .and_then(|()| if record.is_launching() { self.remove(scope, record) } else { Ok(()) });
                // Whoever waits for the instance is told why it failed, whatever else fails.
                if let Err(remains) = removed {
                    tracing::error!(instance = %record.id, %remains, "it left something, which is removed later");
                    self.leftovers.lock().insert(record.id);
                }
                if record.state == ec2::InstanceState::Running {
                    // It is tried again, until it is given up.
                    self.restarts.lock().failed(record.id, error.to_string());
                    return Ok(());
                }
                let reason = ec2::StateReason::internal_error(&error.to_string());
                self.ec2.instance_failed(scope, record.id, now(), reason)?;
                Ok(())
            }
        }
    }

    /// Says that an instance is stopped which could not be kept running. Each of its starts has left nothing.
    fn give_up(&self, scope: &Scope, record: &ec2::Instance, reason: &str) -> Result<(), StepError> {
        tracing::error!(instance = %record.id, reason, "an instance is given up after {MAX_STARTS} starts");
        self.disconnect(scope, record)?;
        let reason = format!("The instance ended and {MAX_STARTS} starts came to nothing: {reason}");
        let reason = ec2::StateReason::internal_error(&reason);
        self.ec2.instance_failed(scope, record.id, now(), reason)?;
        Ok(())
    }

    /// Makes the sandbox, plugs its interfaces in, and waits until the guest says that it is ready.
    fn boot(
        self: &Arc<Self>,
        scope: &Scope,
        record: &ec2::Instance,
        turn: &mut Turn,
    ) -> Result<Running, StepError> {
        let snapshot = self.store.snapshot();
        self.wait_enforced(snapshot.revision(), turn)?;
        let interfaces = interfaces_of(&snapshot, scope, record);
        let running = self.make_sandbox(&spec(scope, record, &interfaces)?)?;
        let booted = self.finish_boot(scope, record, &interfaces, &running, turn);
        if booted.is_err() {
            self.forget(record);
            if let Err(error) = self.sandboxes.kill(&running) {
                tracing::error!(instance = %record.id, %error, "a guest that did not boot cannot be killed");
            }
        }
        booted.map(|()| running)
    }

    /// Makes the sandbox anew, also where a daemon that was killed had begun one that came up without it.
    fn make_sandbox(&self, spec: &Spec) -> Result<Running, StepError> {
        match self.sandboxes.start(spec) {
            Err(SandboxError::AlreadyRunning(instance)) => {
                if let Some(leftover) = self.sandboxes.adopt(instance)? {
                    self.sandboxes.kill(&leftover)?;
                }
                Ok(self.sandboxes.start(spec)?)
            }
            started => Ok(started?),
        }
    }

    fn finish_boot(
        &self,
        scope: &Scope,
        record: &ec2::Instance,
        interfaces: &[Arc<ec2::NetworkInterface>],
        running: &Running,
        turn: &mut Turn,
    ) -> Result<(), StepError> {
        for interface in interfaces {
            // The far end of a port that is left from an earlier boot went with its namespace.
            self.plane.detach(port(interface)?)?;
            self.plug(interface, running)?;
        }
        self.sandboxes.release(running)?;
        turn.pause();
        match self.sandboxes.wait_ready(running, READY_TIMEOUT)? {
            Readiness::Ready => {}
            Readiness::Exited(exit) => return Err(StepError::Ended(exit)),
            Readiness::TimedOut => return Err(StepError::NotReady),
        }
        self.register(scope, record, interfaces)?;
        // Before anybody can see that it runs and ask for its process.
        self.running.lock().insert(record.id, *running);
        self.ec2.instance_started(scope, record.id, now())?;
        self.managed.lock().insert(record.id, managed(record, &self.store.snapshot(), scope));
        Ok(())
    }

    /// Waits until packets are decided by what the instance's interfaces say.
    fn wait_enforced(&self, revision: store::Revision, turn: &mut Turn) -> Result<(), StepError> {
        let mut enforced = self.enforced.clone();
        if *enforced.borrow() >= revision {
            return Ok(());
        }
        turn.pause();
        let is_enforced = tokio::runtime::Handle::current().block_on(async {
            let reached = enforced.wait_for(|enforced| *enforced >= revision);
            // The sender is gone when the topology is: then nothing more will be enforced. What `wait_for` answers keeps
            // the topology from going on, so it must not be kept while this waits for its turn.
            tokio::time::timeout(ENFORCE_TIMEOUT, reached).await.is_ok_and(|reached| reached.is_ok())
        });
        if !is_enforced {
            return Err(StepError::NotEnforced);
        }
        turn.resume();
        Ok(())
    }

    fn plug(&self, interface: &ec2::NetworkInterface, running: &Running) -> Result<(), StepError> {
        let namespace = NetworkNamespace::open(&running.network_namespace())?;
        self.plane.attach(&PortSpec {
            port: port(interface)?,
            mac: interface.mac,
            mtu_bytes: DhcpOptions::VPC_MTU_BYTES.into(),
            namespace: &namespace,
            guest_name: format!("eth{}", device_index(interface)),
        })?;
        Ok(())
    }

    /// Brings a running instance's interfaces and tags to what is on record.
    fn plug_all(&self, scope: &Scope, record: &ec2::Instance, turn: &mut Turn) -> Result<(), StepError> {
        let snapshot = self.store.snapshot();
        let Some(running) = self.running.lock().get(&record.id).copied() else { return Ok(()) };
        self.wait_enforced(snapshot.revision(), turn)?;
        let wanted = interfaces_of(&snapshot, scope, record);
        let before = self.managed.lock().get(&record.id).cloned();
        for gone in before.iter().flat_map(|before| &before.interfaces) {
            if wanted.iter().any(|interface| interface.id == gone.interface) {
                continue;
            }
            let holder = snapshot
                .get::<ec2::NetworkInterface>(scope, &gone.interface.to_string())
                .and_then(|interface| interface.attachment.clone())
                .filter(|attached| !attached.is_detaching())
                .map(|attached| attached.instance);
            // Plugging it in at another instance moves its port there.
            if holder.is_none_or(|holder| !self.running.lock().contains_key(&holder)) {
                self.plane.detach(checked_port(gone.interface, gone.port)?)?;
            }
        }
        for interface in &wanted {
            self.plug(interface, &running)?;
        }
        if before.is_none_or(|before| before.tags != record.tags) {
            self.ssm.set_instance_tags(scope, record.id, &record.tags)?;
        }
        self.managed.lock().insert(record.id, managed(record, &snapshot, scope));
        Ok(())
    }

    fn reboot(&self, scope: &Scope, record: &ec2::Instance) -> Result<(), StepError> {
        let Some(running) = self.running.lock().get(&record.id).copied() else { return Ok(()) };
        // Whatever the guest has done to its interfaces, it starts over with those that it has on record.
        for interface in interfaces_of(&self.store.snapshot(), scope, record) {
            self.plug(&interface, &running)?;
        }
        self.sandboxes.reboot(&running)?;
        self.ec2.instance_rebooted(scope, record.id, now(), record.reboots_requested)?;
        Ok(())
    }

    /// Ends an instance's sandbox, if it has one. A request that comes meanwhile may leave it less time.
    fn halt(&self, scope: &Scope, record: &ec2::Instance) -> Result<(), StepError> {
        if let Some(running) = self.known(record) {
            let grace = || {
                let now = self.store.snapshot().get::<ec2::Instance>(scope, &record.id.to_string());
                grace(now.as_deref().unwrap_or(record))
            };
            self.sandboxes.stop_within(&running, &grace)?;
            self.forget(record);
        }
        Ok(())
    }

    /// Notes that an instance is out of reach, and unplugs its interfaces.
    fn disconnect(&self, scope: &Scope, record: &ec2::Instance) -> Result<(), StepError> {
        self.unplug(scope, record)?;
        self.managed.lock().remove(&record.id);
        self.ssm.disconnect_instance(scope, record.id, now())?;
        Ok(())
    }

    fn unplug(&self, scope: &Scope, record: &ec2::Instance) -> Result<(), StepError> {
        for interface in interfaces_of(&self.store.snapshot(), scope, record) {
            self.plane.detach(port(&interface)?)?;
        }
        Ok(())
    }

    /// Removes everything that the host has of an instance.
    fn remove(&self, scope: &Scope, record: &ec2::Instance) -> Result<(), StepError> {
        self.managed.lock().remove(&record.id);
        self.sandboxes.destroy(record.id)?;
        self.forget(record);
        self.leftovers.lock().remove(&record.id);
        self.ssm.deregister_instance(scope, record.id, now())?;
        Ok(())
    }

    fn known(&self, record: &ec2::Instance) -> Option<Running> {
        self.running.lock().get(&record.id).copied()
    }

    /// Takes a sandbox out of the index, once it has ended.
    fn forget(&self, record: &ec2::Instance) {
        self.running.lock().remove(&record.id);
    }

    fn register(
        &self,
        scope: &Scope,
        record: &ec2::Instance,
        interfaces: &[Arc<ec2::NetworkInterface>],
    ) -> Result<(), StepError> {
        let Some(primary) = interfaces.first() else { return Ok(()) };
        let instance = ManagedInstance {
            instance_id: record.id,
            ip_address: primary.primary_address().into(),
            computer_name: hostname(scope, record, primary),
            platform_name: "Amazon Linux".to_owned(),
            platform_version: "2".to_owned(),
            agent_version: AGENT_VERSION.to_owned(),
            tags: record.tags.clone(),
            registered_at: now(),
            disconnected_at: None,
        };
        Ok(self.ssm.register_instance(scope, instance)?)
    }
}

fn port(interface: &ec2::NetworkInterface) -> Result<Port, StepError> {
    checked_port(interface.id, interface.port)
}

fn checked_port(interface: NetworkInterfaceId, number: u32) -> Result<Port, StepError> {
    Port::new(number).map_err(|source| StepError::Port { interface, source })
}

/// The private DNS name of an instance, which is what the guest calls itself.
pub(crate) fn hostname(scope: &Scope, record: &ec2::Instance, primary: &ec2::NetworkInterface) -> String {
    record.private_dns_name(primary, scope)
}

/// What the sandbox is to be.
fn spec(
    scope: &Scope,
    record: &ec2::Instance,
    interfaces: &[Arc<ec2::NetworkInterface>],
) -> Result<Spec, StepError> {
    let kind = aws_catalog::instance_type(&record.instance_type)
        .ok_or_else(|| StepError::NoSuchType(record.instance_type.clone()))?;
    Ok(Spec {
        instance_id: record.id,
        hostname: interfaces
            .first()
            .map_or_else(|| record.id.to_string(), |primary| hostname(scope, record, primary)),
        machine_id: None,
        user_data: record.user_data.clone(),
        vcpus: kind.vcpus,
        memory_bytes: u64::from(kind.memory_mib) << 20,
        interfaces: interfaces.iter().map(|interface| format!("eth{}", device_index(interface))).collect(),
        environment: std::collections::BTreeMap::new(),
    })
}
