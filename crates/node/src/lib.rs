//! The composition root: services, reconcilers, data plane and sandboxes as one cloud.
//!
//! Owns which parts there are and how they find each other: services write intent into the store; the topology tells
//! the data plane; reconcilers make instances and commands happen on the host and write back what they saw. Refuses to
//! know wire formats, rules and packets.
//!
//! ```text
//!  gateway ──> services ──> store ──tail──> topology ──> data plane
//!                             ^  └──tail──> instances ──> sandboxes, data plane
//!                             │  ├──tail──> commands ───> sandboxes
//!                             │  ├──tail──> history ────> files
//!                             │  └──tail──> flow logs ──> buckets, files, from what the data plane counts
//!                             └────────── what they saw
//! ```

mod access_logs;
mod account;
mod authorizing;
mod captures;
mod closed_accounts;
mod commands;
mod control;
mod credentials;
mod daemon_lock;
mod daemon_state;
mod deliveries;
mod directory;
mod events;
mod expectations;
mod flow_logs;
mod history;
mod host;
mod identity;
mod insights;
mod instance_credentials;
mod instances;
mod internet_hosts;
mod link_services;
mod live;
mod mail;
mod metadata;
mod metrics;
mod network;
mod objects;
mod organization;
mod path_conditions;
mod paths;
mod projection;
mod provider_keys;
mod service_endpoints;
mod service_use;
mod services;
mod shareable;
#[cfg(test)]
#[path = "../../store/tests/state_file/mod.rs"]
mod state_file;
mod tag_policy;
mod tagged;
#[cfg(test)]
mod testing;
mod topology;
mod traces;
mod web_buckets;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::internet::{Host, PUBLIC_IPV4, PUBLIC_IPV6};
use aws_types::{AccountId, Partition, Region, Timestamp};
use data_plane::{ADVERTISING, DataPlane, Mode, ModeChoice, Workstation};
use gateway::{Clock as _, CloudAuthority, Gateway, GatewayError, SystemClock};
use ipnet::Ipv4Net;
use sandbox::Userland;
use service_api::{IdSource as _, OsRandom, Service};
use session_tokens::Tokens;
use store::{RecordKind, RedbBackend, Store, StoreError};
use svc_ec2::Ec2;
use svc_ram::Ram;
use svc_s3::S3;
use svc_ssm::Ssm;
use tokio::task::JoinSet;

pub use vpc_model::{Bandwidth, Condition, Latency, Loss};

pub use account::{Account, AccountKey, MAX_NAME_CHARS, NewAccount};
pub use authorization::{DENIALS_KEPT, Denial};
pub use authorizing::{ServiceRefusal, WhyDenied, why_denied};
pub use captures::CapturePoint;
pub use control::{DropStatus, InstanceStatus, InternetStatus, LeftOutStatus, Status};
pub use daemon_lock::DaemonLockError;
pub use daemon_state::DaemonState;
pub use events::{EVENTS_TOLD_MAX, EventsRequest, EventsTold, is_event_source};
pub use expectations::{
    ASSERTION_PAIRS_MAX, AssertReport, AssertRequest, AssertionCheck, CHANGES_TOLD_MAX, DiffReport,
    DiffRequest, EXPLAINED_PAIRS_MAX, PAIRS_MAX, PairFailure, REQUEST_PAIRS_MAX, ReachChange,
};
pub use history::{REVISIONS_TOLD_MAX, RevisionEntry, Revisions};
pub use host::{remove_host_state, sandboxes};
pub use identity::{ParseRootKeyError, RootKey, read_profile};
pub use internet_hosts::InternetHostStatus;
pub use live::{LiveReport, LiveVerdict, LiveWay};
pub use network::{Connection, Connections, Dropped, FLOWS_TOLD_MAX};
pub use objects::{
    BucketUsage, CheckReport, DAMAGES_TOLD_MAX, DamageTold, Fault, FaultKind, FsckTold, Holder,
    ObjectsStatus, ObjectsTask, OfflineError, ScrubCause, ScrubSummary, ScrubTold, TaskOutcome, TaskProgress,
    TaskStage, TaskState, UsageTold, look_offline,
};
pub use path_conditions::{ConditionChange, PathName, PathStatus};
pub use paths::{DataDir, RunDir, default_data_dir};
pub use provider_keys::{IssuerStatus, IssuerUrl, KEY_SET_BYTES_MAX, ParseIssuerUrlError};
pub use traces::{TraceReport, TraceRequest, TraceStep, TracedProtocol};

use crate::access_logs::AccessLogs;
use crate::authorizing::{ByPolicies, Noting};
use crate::captures::Captures;
use crate::closed_accounts::ClosedAccounts;
use crate::credentials::StoredCredentials;
use crate::daemon_lock::DaemonLock;
use crate::deliveries::Deliveries;
use crate::directory::Directory;
use crate::events::Events;
use crate::flow_logs::FlowLogs;
use crate::history::History;
use crate::identity::Identity;
use crate::insights::Insights;
use crate::instance_credentials::InstanceCredentials;
use crate::instances::Instances;
use crate::internet_hosts::{FromAuthority, Internet};
use crate::objects::Objects;
use crate::path_conditions::Paths;
use crate::provider_keys::Issuers;
use crate::service_use::{Recorders, ServiceUseLog};
use crate::services::{Behaviour, Services, Shared};
use crate::topology::Topology;

/// How a cloud is started.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Where it keeps its data; made if it is not there.
    pub data_dir: PathBuf,
    /// Where AWS clients connect.
    pub listen: SocketAddr,
    /// The first account's id, when the data directory is new; random if not given.
    pub account_id: Option<AccountId>,
    /// What the first account is called from now on; as it was if not given.
    pub account_name: Option<String>,
    /// The e-mail address of its root user from now on.
    pub account_email: Option<String>,
    /// An access key for the account's root user, beside the one made at first start.
    pub root_key: Option<RootKey>,
    /// Whether AWS's default quotas are left out.
    pub no_quotas: bool,
    /// Whether states move at the pace they have on AWS, rather than at once.
    pub realistic_timing: bool,
    /// Whether to do without the eBPF flow cache.
    pub no_ebpf: bool,
    /// The port of 127.0.0.1 at which Prometheus is told how the network does.
    pub metrics_port: Option<NonZeroU16>,
    /// Hosts of the simulated internet to declare, in place of those of the same names.
    pub internet: Vec<Host>,
    /// Ranges of public addresses that regions are given in the place of those that they have.
    pub public_addresses: Vec<(Region, Ipv4Net)>,
    /// The addresses of this machine on the simulated internet; with none it is not linked to the network.
    pub workstation: Vec<IpAddr>,
    /// The executable that runs inside guests: `brume` itself.
    pub toolbox_binary: PathBuf,
}

/// Why a cloud could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A directory or file of the cloud's own.
    #[error("cannot use {path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another daemon has the cloud.
    #[error(transparent)]
    Daemon(#[from] DaemonLockError),
    /// The state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key of session tokens.
    #[error(transparent)]
    TokenKey(#[from] session_tokens::KeyError),
    /// The secret that objects are sealed under.
    #[error(transparent)]
    SealSecret(#[from] svc_s3::SealError),
    /// The objects of S3.
    #[error(transparent)]
    Objects(#[from] svc_s3::OpenError),
    /// The port.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The network.
    #[error("the network cannot be set up: {0}")]
    DataPlane(#[from] data_plane::DataPlaneError),
    /// A namespace of the network.
    #[error("the network cannot be set up: {0}")]
    Namespace(#[from] host_net::NamespaceError),
    /// A host of the simulated internet.
    #[error("the simulated internet cannot be as declared: {0}")]
    Internet(String),
    /// The data directory is another account's.
    #[error(
        "the cloud in this data directory has the account {existing}, not {wanted}; leave --account-id out, or use \
         another directory"
    )]
    OtherAccount {
        /// The account that the operator named.
        wanted: AccountId,
        /// The account that is there.
        existing: AccountId,
    },
    /// The operator gives the first account an address that another one has.
    #[error("another account has the e-mail address {0}")]
    EmailTaken(String),
    /// The sandboxes.
    #[error("instances cannot be run: {0}")]
    Sandbox(#[from] sandbox::SandboxError),
    /// The port for metrics.
    #[error("metrics cannot be told: {0}")]
    Metrics(io::Error),
    /// A part of the cloud panicked or gave up; the log says which.
    #[error(
        "a part of the cloud ended; the log says why. Start it again with `brume up`: instances and data are kept"
    )]
    PartEnded,
    /// Several things at once, from a teardown that went on after the first.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Several(Vec<NodeError>),
}

impl NodeError {
    fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

/// A running cloud.
pub struct Node {
    state: DaemonState,
    run_dir: RunDir,
    gateway: gateway::Bound,
    at_end: AtEnd,
    events: Arc<Events>,
    tasks: JoinSet<()>,
}

/// What is written once more when the cloud ends.
struct AtEnd {
    access_logs: Arc<AccessLogs>,
    flow_logs: Arc<FlowLogs>,
    credentials: Arc<StoredCredentials>,
    service_uses: Arc<ServiceUseLog>,
}

impl AtEnd {
    fn write(&self) {
        self.flow_logs.finish();
        self.access_logs.deliver();
        self.credentials.write_uses();
        self.service_uses.write();
    }
}

impl Node {
    /// Starts a cloud, or takes over what an earlier daemon of it left on the host. When this returns, the API answers
    /// as soon as [`Node::run`] is called, and rules are enforced.
    ///
    /// # Errors
    /// [`NodeError`]. What this start made on the host is gone again; what an earlier one made stays.
    pub async fn start(config: NodeConfig) -> Result<Self, NodeError> {
        let data_dir = DataDir::create(&config.data_dir).map_err(NodeError::file(&config.data_dir))?;
        let run_dir = data_dir.run_dir();
        // Of several starts, the one that has the lock goes on; the others end here.
        let lock =
            tokio::task::block_in_place(|| DaemonLock::take(&run_dir.daemon_lock(), || run_dir.create()))?;
        let is_first = run_dir.is_empty().map_err(NodeError::file(run_dir.path()))?;
        let mut tasks = JoinSet::new();
        match Self::start_parts(&config, &data_dir, &run_dir, &mut tasks).await {
            Ok((state, gateway, at_end, events)) => {
                lock.keep();
                Ok(Self { state, run_dir, gateway, at_end, events, tasks })
            }
            Err(error) => {
                // The tasks hold parts of the network.
                tasks.shutdown().await;
                if is_first {
                    let removed =
                        tokio::task::spawn_blocking(move || host::remove_all(&data_dir, &lock)).await;
                    if let Ok(Err(remains)) = removed {
                        return Err(NodeError::Several(vec![error, remains]));
                    }
                }
                Err(error)
            }
        }
    }

    async fn start_parts(
        config: &NodeConfig,
        data_dir: &DataDir,
        run_dir: &RunDir,
        tasks: &mut JoinSet<()>,
    ) -> Result<(DaemonState, gateway::Bound, AtEnd, Arc<Events>), NodeError> {
        let backend = RedbBackend::open(&data_dir.store())?;
        let mode = if config.no_ebpf { ModeChoice::SlowOnly } else { ModeChoice::Auto };
        let plane_config = data_plane::Config {
            run_dir: run_dir.data_plane(),
            mode,
            advertising: ADVERTISING,
            workstation: workstation(config, run_dir),
        };
        // The kernel takes its time with namespaces; the state is opened meanwhile.
        let plane = tokio::task::spawn_blocking(move || DataPlane::start(&plane_config));

        let opened = open(config, data_dir, backend).await;
        // Also when that failed: the network must be whole before it can be let go.
        let plane = plane.await.map_err(|error| NodeError::file(run_dir.path())(io::Error::other(error)))?;
        let opened = opened?;
        let Opened { store, account, tokens, credentials, sandboxes, ec2, ssm, authorizing, .. } = opened;
        let Opened { events, service_uses, mut gateway, s3, deliveries, .. } = opened;
        tasks.spawn(Arc::clone(&credentials).follow());
        tasks.spawn(Arc::clone(&service_uses).follow());
        let plane = Arc::new(plane?);
        tell_mode(&plane.mode());
        let credentials_of_roles = InstanceCredentials::new(tokens, authorizing.authorization());
        let credentials_of_roles = credentials_of_roles.with_events(Arc::clone(&events));
        let directory = Arc::new(Directory::new(store.clone(), now, credentials_of_roles));
        let snapshot = store.snapshot();
        plane.set_public_addresses(internet_hosts::public_addresses(&snapshot));
        let fixed = internet_hosts::fixed(&plane, &config.workstation, &snapshot);
        let (topology, tail) =
            Topology::new(store.clone(), Arc::clone(&plane), Arc::clone(&directory), fixed.clone());
        let enforced = topology.enforced();
        let names = Arc::new(internet_hosts::public_names(&snapshot));
        let internet = Arc::new(Internet::new(
            store.clone(),
            Arc::clone(&plane),
            Arc::clone(&names),
            Arc::clone(&directory),
            Arc::new(FromAuthority(CloudAuthority::open(&data_dir.tls(), Arc::new(SystemClock))?)),
            config.workstation.clone(),
            enforced.clone(),
        ));
        tokio::task::block_in_place(|| internet.start(tasks))?;
        tasks.spawn(topology.follow(tail));
        let history =
            tokio::task::block_in_place(|| Arc::new(History::open(store.clone(), data_dir.history())));
        tasks.spawn(Arc::clone(&history).follow());
        tasks.spawn(watch(Arc::clone(&plane)));
        link_services::serve(tasks, &plane, &directory, names, link_services::token_key(run_dir)?)?;
        service_endpoints::serve_s3(&mut gateway, &plane, &directory, &store, now)?;
        let access_logs = AccessLogs::new(Arc::clone(&s3), Arc::clone(&deliveries), config.realistic_timing);
        let access_logs = Arc::new(access_logs);
        tasks.spawn(Arc::clone(&access_logs).follow());
        let flow_logs = Arc::new(FlowLogs::new(
            store.clone(),
            Arc::clone(&plane),
            Arc::clone(&ec2),
            deliveries,
            data_dir.flow_logs(),
        ));
        tasks.spawn(Arc::clone(&flow_logs).follow());
        tasks.spawn(Arc::clone(&events).watch());
        let objects = Objects::new(
            Arc::clone(&s3),
            data_dir.objects(),
            data_dir.scrub_summary(),
            config.realistic_timing,
        );
        let objects = Arc::new(objects);
        tasks.spawn(Arc::clone(&objects).follow());
        tasks.spawn(Arc::new(ClosedAccounts::new(store.clone(), Arc::clone(&ec2), s3)).follow());
        let insights = Insights::new(store.clone(), Arc::clone(&ec2), fixed.clone(), plane.seed());
        tasks.spawn(Arc::new(insights).follow());
        let instances = Arc::new(Instances::new(
            store.clone(),
            ec2,
            ssm.clone(),
            plane.clone(),
            sandboxes.clone(),
            enforced.clone(),
        ));
        let me = sandbox::ProcessId::current().map_err(NodeError::file("/proc/self/stat"))?;
        let state = DaemonState {
            pid: me.pid,
            start_ticks: me.start_time_ticks,
            since: now(),
            listen: gateway.address(),
            account,
            data_dir: data_dir.path().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let control =
            control::listen(&run_dir.control_socket()).map_err(NodeError::file(run_dir.control_socket()))?;
        let network = network::NetworkView {
            store: store.clone(),
            plane: Arc::clone(&plane),
            directory: Arc::clone(&directory),
            captures: Arc::new(Captures::new(Arc::clone(&plane))),
            enforced: enforced.clone(),
            instances: Arc::clone(&instances),
            run_dir: run_dir.data_plane(),
            disagreements: data_dir.disagreements(),
            fixed: fixed.clone(),
        };
        tasks.spawn(Arc::clone(&network.captures).expire());
        if let Some(port) = config.metrics_port {
            let listener = metrics::listen(port).await.map_err(NodeError::Metrics)?;
            let (plane, directory, objects) =
                (Arc::clone(&plane), Arc::clone(&directory), Arc::clone(&objects));
            tasks.spawn(metrics::serve(listener, metrics::Told { plane, directory, objects }));
        }
        let status = host::status(
            state.clone(),
            store.clone(),
            plane,
            directory,
            Arc::clone(&instances),
            Arc::clone(&internet),
            Arc::clone(&objects),
        );
        let seed = network.plane.seed();
        let answering = control::Answering {
            status: Box::new(status),
            accounts: account::Accounts(store.clone()),
            authorizing,
            events: Arc::clone(&events),
            network,
            objects,
            internet,
            paths: Paths::new(store.clone(), enforced),
            issuers: Issuers(store.clone()),
            revisions: expectations::Revisions { history, fixed, seed },
        };
        tasks.spawn(control::serve(control, Arc::new(answering)));
        tasks.spawn(commands::Commands::new(store, ssm, sandboxes).follow());
        tasks.spawn(instances.follow());
        Ok((state, gateway, AtEnd { access_logs, flow_logs, credentials, service_uses }, events))
    }

    /// Which process this is, where clients connect, and since when.
    pub fn state(&self) -> &DaemonState {
        &self.state
    }

    /// Announces the cloud and answers requests until `shutdown` is ready. Instances and established connections go on
    /// without the daemon.
    ///
    /// # Errors
    /// When the cloud cannot be announced, or a part of it ended by itself.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), NodeError> {
        self.state.write(&self.run_dir).map_err(NodeError::file(self.run_dir.daemon()))?;
        tracing::info!(listen = %self.state.listen, account = %self.state.account, "the cloud is up");
        // The parts run until they are told to end. One that ends by itself has failed, and without it the cloud would
        // say yes to what it does not do.
        let mut has_failed = false;
        let stop = async {
            tokio::select! {
                () = shutdown => {}
                _ = self.tasks.join_next() => has_failed = true,
            }
        };
        self.gateway.serve(stop).await;
        self.tasks.shutdown().await;
        let at_end = self.at_end;
        if tokio::task::spawn_blocking(move || at_end.write()).await.is_err() {
            tracing::error!(
                "the last records of the flow logs, of what buckets were asked, or of what was used could not be written"
            );
        }
        let events = self.events;
        if tokio::task::spawn_blocking(move || events.finish()).await.is_err() {
            tracing::error!("the last events could not be written");
        }
        if has_failed {
            return Err(NodeError::PartEnded);
        }
        tracing::info!("the daemon ends");
        Ok(())
    }
}

/// What the namespace that this process was started in gets of the network.
fn workstation(config: &NodeConfig, run_dir: &RunDir) -> Option<Workstation> {
    (!config.workstation.is_empty()).then(|| Workstation {
        device: run_dir.device(),
        addresses: config.workstation.clone(),
        public: vec![PUBLIC_IPV4.into(), PUBLIC_IPV6.into()],
    })
}

/// How often the data plane is looked at.
const WATCHING: Duration = Duration::from_secs(1);

/// Mends what was taken away on the host, and ends when the data plane no longer does all that it should.
async fn watch(plane: Arc<DataPlane>) {
    while plane.is_working() {
        tokio::time::sleep(WATCHING).await;
        let mended = Arc::clone(&plane);
        match tokio::task::spawn_blocking(move || mended.mend()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the network lacks something that cannot be made anew"),
            Err(error) => tracing::error!(%error, "mending the network panicked"),
        }
    }
    tracing::error!("the data plane has lost a thread, and frames with it");
}

/// The parts that do not need the network.
struct Opened {
    store: Store,
    account: AccountId,
    tokens: Tokens,
    credentials: Arc<StoredCredentials>,
    sandboxes: Arc<Userland>,
    ec2: Arc<Ec2>,
    ssm: Arc<Ssm>,
    s3: Arc<S3>,
    authorizing: ByPolicies,
    events: Arc<Events>,
    service_uses: Arc<ServiceUseLog>,
    deliveries: Arc<Deliveries>,
    gateway: gateway::Bound,
}

/// Opens the state, and listens.
async fn open(config: &NodeConfig, data_dir: &DataDir, backend: RedbBackend) -> Result<Opened, NodeError> {
    let store = Store::open(backend)?;
    check_records(&store)?;
    identity::upgrade_records(&store)?;
    Ec2::upgrade_records(&store)?;
    Ram::upgrade_records(&store)?;
    let sandboxes = Arc::new(sandboxes(data_dir, config.toolbox_binary.clone())?);
    let tokens = Tokens::of_store(&store, Partition::Aws, &mut || OsRandom.bits())?;
    let credentials = Arc::new(StoredCredentials::new(store.clone(), tokens.clone()));
    let authorizing = ByPolicies::new(store.clone(), tokens.clone());
    let secret = svc_s3::secret_of_store(&store, Partition::Aws, &mut || OsRandom.bits())?;
    let s3 = Arc::new(S3::open(store.clone(), Arc::new(OsRandom), &data_dir.objects(), secret)?);
    let events = Events::start(data_dir.events(), store.clone());
    let events = Arc::new(events.map_err(NodeError::file(data_dir.events()))?);
    let service_uses = Arc::new(ServiceUseLog::new(store.clone()));
    let behaviour =
        Behaviour { enforce_quotas: !config.no_quotas, realistic_timing: config.realistic_timing };
    let consoles = host::Consoles(Arc::clone(&sandboxes));
    let shared = Shared {
        store: &store,
        tokens: &tokens,
        authorizing: &authorizing,
        events: &events,
        uses: &service_uses,
        s3: &s3,
    };
    let Services { all, ec2, ssm, deliveries } = Services::new(behaviour, consoles, shared);
    let recorders = Recorders { events: Arc::clone(&events), uses: Arc::clone(&service_uses) };
    let front = (Arc::clone(&credentials), authorizing.clone(), recorders);
    let gateway = bind(config, data_dir, all, front).await?;
    let gateway = gateway.with_buckets(Arc::new(web_buckets::WebBuckets(Arc::clone(&s3))));
    // A cloud that could not listen has no account yet, so that the next start may choose it.
    let identity =
        Identity::load_or_create(&store, &OsRandom, config.account_id, config.root_key.as_ref(), now())?;
    if let Some(wanted) = config.account_id
        && wanted != identity.account
    {
        return Err(NodeError::OtherAccount { wanted, existing: identity.account });
    }
    let (name, email) = (config.account_name.as_deref(), config.account_email.as_deref());
    if !identity.name(&store, name, email)? {
        return Err(NodeError::EmailTaken(email.unwrap_or_default().to_owned()));
    }
    internet_hosts::declare(&store, &config.internet, &config.public_addresses, &config.workstation)
        .map_err(|error| NodeError::Internet(error.to_string()))?;
    identity.write_profile(data_dir, gateway.address()).map_err(NodeError::file(data_dir.credentials()))?;
    Ok(Opened {
        store,
        account: identity.account,
        tokens,
        credentials,
        sandboxes,
        ec2,
        ssm,
        s3,
        authorizing,
        events,
        service_uses,
        deliveries,
        gateway,
    })
}

/// Every kind of record that this build writes.
fn record_kinds() -> impl Iterator<Item = RecordKind> {
    identity::RECORDS
        .iter()
        .copied()
        .chain(internet_hosts::RECORDS.iter().copied())
        .chain(path_conditions::RECORDS.iter().copied())
        .chain(services::record_kinds())
}

/// Reads every record, so that state which this build cannot read is refused at start-up and not met later.
fn check_records(store: &Store) -> Result<(), StoreError> {
    record_kinds().try_for_each(|kind| kind.check(store))
}

async fn bind(
    config: &NodeConfig,
    data_dir: &DataDir,
    services: Vec<Arc<dyn Service>>,
    (credentials, authorizing, recorders): (Arc<StoredCredentials>, ByPolicies, Recorders),
) -> Result<gateway::Bound, NodeError> {
    let regions = aws_catalog::regions().iter().map(aws_catalog::RegionFacts::region).collect();
    let gateway_config = gateway::Config::new(config.listen, data_dir.tls(), regions);
    Ok(Gateway::bind(
        gateway_config,
        services,
        credentials,
        Arc::new(authorizing.clone()),
        Arc::new(SystemClock),
        Arc::new(Noting { authorizing, recorder: recorders }),
    )
    .await?)
}

fn tell_mode(mode: &Mode) {
    match mode {
        Mode::FlowCache => tracing::info!("the data plane uses its eBPF flow cache"),
        Mode::SlowOnly(reason) => {
            tracing::info!(reason, "the data plane carries every packet through user space");
        }
    }
}

/// The time now.
fn now() -> Timestamp {
    SystemClock.now()
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use store::{MemoryBackend, Record, Scope};

    use super::*;

    /// A record of somebody else's, under the name of one of ours.
    #[derive(Serialize, Deserialize)]
    struct Other<const KIND: usize> {
        anything: String,
    }

    const KINDS: [&str; 3] =
        [identities::Account::KIND, svc_ec2::record::Vpc::KIND, svc_ssm::Parameter::KIND];

    impl<const KIND: usize> Record for Other<KIND> {
        const KIND: &'static str = KINDS[KIND];
    }

    fn check<const KIND: usize>() {
        let store = Store::open(MemoryBackend::default()).unwrap();
        assert!(check_records(&store).is_ok());
        let scope = Scope::global(Partition::Aws, "123456789012".parse().unwrap());
        let put = store.transact(|transaction| {
            transaction.put(&scope, "x", Other::<KIND> { anything: String::new() });
            Ok::<_, StoreError>(())
        });
        put.unwrap();
        let error = check_records(&store).unwrap_err().to_string();
        assert!(error.contains(KINDS[KIND]), "{error}");
    }

    #[test]
    fn records_that_this_build_cannot_read_are_found_at_start() {
        check::<0>();
        check::<1>();
        check::<2>();
    }
}
