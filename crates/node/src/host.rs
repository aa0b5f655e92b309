//! The cloud as the host sees it: what can be shown of it, and how all of it is removed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_types::InstanceId;
use data_plane::{DataPlane, Mode, WorkstationLink};
use sandbox::{Driver as _, Userland};
use store::{Read as _, Scope, Snapshot, Store};
use svc_ec2::HostView;
use svc_ec2::record as ec2;

use crate::NodeError;
use crate::control::{DropStatus, InstanceStatus, InternetStatus, LeftOutStatus, Status};
use crate::daemon_lock::DaemonLock;
use crate::daemon_state::DaemonState;
use crate::directory::Directory;
use crate::instances::Instances;
use crate::internet_hosts::Internet;
use crate::objects::Objects;
use crate::paths::DataDir;

/// How long guests may take to shut down when their cloud is taken down.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// The sandboxes of a cloud; `toolbox_binary` is the `brume` executable.
///
/// # Errors
/// When their directories cannot be used.
pub fn sandboxes(data_dir: &DataDir, toolbox_binary: PathBuf) -> Result<Userland, NodeError> {
    let config = sandbox::Config {
        run_dir: data_dir.run_dir().sandboxes(),
        state_dir: data_dir.instances(),
        toolbox_binary,
        // The gateway makes it before any guest starts.
        authority: Some(data_dir.ca_certificate()),
    };
    Ok(Userland::new(config)?)
}

/// Removes everything of a cloud from the host; its data stays. Waits until what a daemon left is gone that has ended.
///
/// # Errors
/// A daemon runs; or all that could not be removed, after everything that could.
pub fn remove_host_state(data_dir: &DataDir) -> Result<(), NodeError> {
    let run_dir = data_dir.run_dir();
    if !run_dir.path().exists() {
        return Ok(());
    }
    let lock = DaemonLock::take(&run_dir.daemon_lock(), || run_dir.create())?;
    remove_all(data_dir, &lock)
}

/// The same for who has the lock.
pub(crate) fn remove_all(data_dir: &DataDir, _: &DaemonLock) -> Result<(), NodeError> {
    let run_dir = data_dir.run_dir();
    let mut errors = Vec::new();
    match std::env::current_exe()
        .map_err(NodeError::file("/proc/self/exe"))
        .and_then(|exe| sandboxes(data_dir, exe))
    {
        Ok(sandboxes) => errors.extend(sandboxes.clear_host(SHUTDOWN_GRACE).err().map(NodeError::from)),
        Err(error) => errors.push(error),
    }
    errors.extend(DataPlane::destroy(&run_dir.data_plane()).err().map(NodeError::from));
    if errors.is_empty() {
        let removed = std::fs::remove_dir_all(run_dir.path());
        errors.extend(removed.err().map(NodeError::file(run_dir.path())));
        // The directory of all clouds goes with the last of them; others in it are no error.
        if let Some(parent) = run_dir.path().parent() {
            let _ = std::fs::remove_dir(parent);
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(NodeError::Several(errors)) }
}

/// What instances wrote to their consoles.
pub(crate) struct Consoles(pub(crate) Arc<Userland>);

impl HostView for Consoles {
    fn console_output(&self, instance: InstanceId) -> Option<Vec<u8>> {
        match self.0.console_output(instance) {
            Ok(output) => Some(output).filter(|output| !output.is_empty()),
            Err(error) => {
                tracing::warn!(%instance, %error, "the console cannot be read");
                None
            }
        }
    }
}

/// What `brume status` shows, looked up anew at each call.
pub(crate) fn status(
    daemon: DaemonState,
    store: Store,
    plane: Arc<DataPlane>,
    directory: Arc<Directory>,
    instances: Arc<Instances>,
    internet: Arc<Internet>,
    objects: Arc<Objects>,
) -> impl Fn() -> Status + Send + Sync {
    move || Status {
        daemon: daemon.clone(),
        data_plane: match plane.mode() {
            Mode::FlowCache => "eBPF flow cache".to_owned(),
            Mode::SlowOnly(reason) => format!("user space alone ({reason})"),
        },
        interfaces: directory.interface_count(),
        flows: plane.counters().connections_tracked,
        internet: internet_status(&plane, &internet),
        instances: instance_statuses(&store, &instances),
        drops: drop_statuses(&plane, &directory),
        objects: objects.status(),
    }
}

fn internet_status(plane: &DataPlane, internet: &Internet) -> InternetStatus {
    let (device, reason, left_out) = match plane.workstation() {
        WorkstationLink::Linked { device, left_out } => (Some(device), None, left_out),
        WorkstationLink::Absent(reason) => (None, Some(reason), Vec::new()),
    };
    let left_out = left_out
        .into_iter()
        .map(|route| LeftOutStatus { destination: route.destination, reason: route.reason })
        .collect();
    InternetStatus {
        hosts: internet.host_count(),
        workstation: internet.workstation().to_vec(),
        device,
        reason,
        left_out,
    }
}

fn instance_statuses(store: &Store, instances: &Instances) -> Vec<InstanceStatus> {
    let snapshot = store.snapshot();
    let living = |record: &ec2::Instance| record.state != ec2::InstanceState::Terminated;
    snapshot
        .scan_all::<ec2::Instance>()
        .filter(|(_, _, record)| living(record))
        .map(|(scope, id, record)| {
            let primary = record.interfaces.first();
            let primary =
                primary.and_then(|id| snapshot.get::<ec2::NetworkInterface>(scope, &id.to_string()));
            InstanceStatus {
                id: id.to_owned(),
                region: scope.region.to_string(),
                state: state(&snapshot, scope, &record).to_owned(),
                private_address: primary
                    .map_or_else(|| "-".to_owned(), |nic| nic.primary_address().to_string()),
                pid: instances.pid(record.id),
            }
        })
        .collect()
}

/// The state on record, but of one that does not run only because its account is closed.
fn state(snapshot: &Snapshot, scope: &Scope, record: &ec2::Instance) -> &'static str {
    let is_to_run = record.state.desired() == ec2::DesiredState::Running;
    if is_to_run && !identities::is_reachable(snapshot, scope.partition, scope.account) {
        return "suspended";
    }
    record.state.as_str()
}

fn drop_statuses(plane: &DataPlane, directory: &Directory) -> Vec<DropStatus> {
    plane
        .drops_by_reason()
        .iter()
        // What the network stacks of the cloud's own ports send unasked is dropped too, and nobody's concern.
        .filter(|count| !count.port.is_reserved())
        .map(|count| DropStatus {
            interface: directory
                .interface_on(count.port)
                .map_or_else(|| count.port.to_string(), |id| id.to_string()),
            reason: count.last.to_string(),
            packets: count.count,
        })
        .collect()
}
