//! The data plane as its owner holds it. Owns the order of starting, changing and tearing down.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_types::NetworkInterfaceId;
use flow_logs::Collected;
use host_ebpf::{FlowCache, FlowCacheError};
use host_net::{NetworkNamespace, PacketSocket};
use ipnet::IpNet;
use nix::fcntl::{Flock, FlockArg};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use vpc_engine::{Endpoint, FlowOptions, FlowRecord, Flows, Millis, ServicePeer, Snapshot};
use vpc_model::{Delta, Port};

use crate::DataPlaneError;
use crate::advertise::{advertise, ports_to_tell};
use crate::budget::SlowPathBudget;
use crate::cache::Cache;
use crate::clock::{self, CacheTime};
use crate::decide::Decider;
use crate::drops::DropCount;
use crate::entry::key_sent;
use crate::fabric::{AttachedPort, Fabric, PortSpec};
use crate::follow::{Followed, Following, TooManyFollowed};
use crate::journal::{self, Found, Journal};
use crate::layout::{RunDir, device_of};
use crate::packet_loop::{PacketLoop, Shared};
use crate::workstation::{Linked, Workstation, WorkstationLink};

/// The most tracked connections, counted at each interface that tracks them.
const TRACKED_CONNECTIONS_MAX: u32 = 1 << 19;
/// Bytes that may wait to be sent as advertisements.
const ADVERTISER_BYTES: usize = 1 << 20;
/// Set to anything but 0 or nothing, it has [`ModeChoice::Auto`] do without the flow cache.
const NO_EBPF: &str = "BRUME_NO_EBPF";

/// Where a data plane works and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// The cloud's run directory; namespaces, maps and the journal are in it. Made if it is not there.
    pub run_dir: PathBuf,
    /// Whether the flow cache may be used.
    pub mode: ModeChoice,
    /// How often guests are told of their IPv6 router: [`ADVERTISING`] unless a test has no time for that.
    pub advertising: Duration,
    /// What the namespace that the daemon was started in gets of the network; `None` leaves it as it is.
    pub workstation: Option<Workstation>,
}

/// How often a router advertisement goes to every interface with IPv6: three times before the last one expires.
pub const ADVERTISING: Duration = Duration::from_secs(vpc_engine::frame::ROUTER_LIFETIME_SECS as u64 / 3);

/// What the owner asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModeChoice {
    /// The flow cache if the host allows it, unless the environment variable `BRUME_NO_EBPF` says otherwise.
    Auto,
    /// The slow path alone.
    SlowOnly,
}

/// What the data plane works with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The flow cache, and behind it the slow path.
    FlowCache,
    /// The slow path alone, for this reason.
    SlowOnly(String),
}

/// How much there is and was to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Frames that the slow path has decided since the start.
    pub frames_decided: u64,
    /// Connections that the flow cache has let in by itself since the start, being like one decided before.
    pub connections_admitted: u64,
    /// Entries of the flow cache, two for most connections; 0 without a cache.
    pub entries_cached: usize,
    /// Connections tracked, counted at each interface that tracks them.
    pub connections_tracked: usize,
    /// Bytes of memory that frames take which wait to be decided.
    pub queued_bytes: u64,
    /// Frames that were lost since the start because too many waited to be decided.
    pub frames_lost: u64,
}

/// Where the frames of a port can be captured, while [`DataPlane::set_observed`] has it among the ports: the file of the
/// network namespace, and the index of the device in it.
pub fn capture_point(run_dir: &std::path::Path, port: Port) -> (PathBuf, u32) {
    (RunDir::new(run_dir).fabric(), device_of(port))
}

/// The data plane of one cloud.
///
/// Dropping it stops its thread and leaves everything on the host as it is, for the next start to adopt;
/// [`Self::destroy`] removes it. Its methods block for as long as the kernel takes, up to some tens of milliseconds.
pub struct DataPlane {
    // Dropped first, so that nothing is decided while the rest goes.
    packet_loop: PacketLoop,
    shared: Arc<Shared>,
    snapshot: ArcSwap<Snapshot>,
    /// Held by whoever changes intent, so that changes are compiled one after the other without stopping packets.
    applying: Mutex<()>,
    run_dir: RunDir,
    fabric: Fabric,
    mode: Mutex<Mode>,
    adopted: Vec<AttachedPort>,
    /// Held while addresses and routes of the internet's hosts change.
    workstation: Mutex<Linked>,
    /// The addresses of the internet's hosts.
    internet_hosts: Mutex<Vec<IpAddr>>,
    /// The flow cache's program and its id, for new ports.
    program: Mutex<Option<(OwnedFd, u32)>>,
    /// The seed of connection tracking.
    seed: u64,
    /// Tells guests at once when their subnet gets IPv6.
    advertiser: PacketSocket,
    _lock: Flock<File>,
}

impl DataPlane {
    /// Makes what is missing on the host and adopts what is there. Until the first [`Self::apply`] frames wait; what is
    /// cached goes on flowing.
    ///
    /// # Errors
    /// When namespaces or sockets cannot be made, or another daemon works in the run directory. The flow cache not being
    /// allowed is no error: see [`Self::mode`].
    pub fn start(config: &Config) -> Result<Self, DataPlaneError> {
        Self::start_seeded(config, random_seed())
    }

    /// The same with a seed of the caller's, from which the ports of NAT gateways can be foretold. For tests: senders who
    /// know the seed can also make connection tracking slow.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_seeded(config: &Config, seed: u64) -> Result<Self, DataPlaneError> {
        let run_dir = RunDir::new(&config.run_dir);
        std::fs::create_dir_all(run_dir.path()).map_err(DataPlaneError::file("make", run_dir.path()))?;
        let lock = lock(&run_dir)?;
        let fabric = Fabric::open(&run_dir)?;
        let workstation = fabric.open_workstation(config.workstation.as_ref());
        let ports = fabric.ports()?;
        let (flow_cache, mode) = open_cache(&run_dir, config.mode);
        let program = match &flow_cache {
            Some(cache) => Some(cover_all(&fabric, &ports, cache)?),
            None => {
                ports.iter().try_for_each(|attached| unless_gone(fabric.uncover(attached.port)))?;
                None
            }
        };

        journal::hold_in_memory(&run_dir.memory())?;
        let (mut journal, found) = Journal::open(&run_dir.journal(), TRACKED_CONNECTIONS_MAX)?;
        let kept_flowing = flow_cache.as_ref().is_some_and(FlowCache::is_adopted);
        let mut flows = Flows::new(FlowOptions {
            seed,
            entries_max: TRACKED_CONNECTIONS_MAX as usize,
            record_events: true,
        });
        restore(&mut flows, &found, kept_flowing);
        let mut cache = flow_cache.map(Cache::new);
        if let Some(cache) = &mut cache {
            cache.adopt(&mut flows, CacheTime::now())?;
        }
        // What restoring and adopting changed is in the records; the events are of no use any more.
        flows.drain_events().for_each(drop);
        for record in flows.records() {
            journal.keep(&record, &key_sent(&record.key));
        }
        journal.beat(clock::now());
        journal.publish(&run_dir.journal())?;

        let shared = Arc::new(Shared::new(Decider::new(flows, cache, journal, seed)));
        let packet_loop = PacketLoop::start(&fabric.namespace, &shared, config.advertising)?;
        let advertiser = PacketSocket::sender(&fabric.namespace, ADVERTISER_BYTES)?;
        let snapshot = ArcSwap::from_pointee(Snapshot::new());
        let applying = Mutex::new(());
        Ok(Self {
            packet_loop,
            shared,
            snapshot,
            applying,
            run_dir,
            fabric,
            mode: Mutex::new(mode),
            adopted: ports,
            workstation: Mutex::new(workstation),
            internet_hosts: Mutex::default(),
            program: Mutex::new(program),
            seed,
            advertiser,
            _lock: lock,
        })
    }

    /// Whether every part of it works; one that failed cannot be mended but by a new start.
    pub fn is_working(&self) -> bool {
        self.packet_loop.is_working()
    }

    /// Changes intent. When this returns, the new rules are enforced: no frame that comes afterwards is decided by the old
    /// ones.
    pub fn apply(&self, deltas: &[Delta]) {
        let _applying = self.applying.lock();
        let applied = self.snapshot.load().apply(deltas);
        let (is_first, in_force) = {
            let mut decider = self.shared.decider.lock();
            (!decider.is_started, decider.put_in_force(&applied))
        };
        if let Err(error) = in_force {
            self.give_up_cache(&error);
        }
        if !applied.changed_paths.is_empty() {
            self.shared.late.notify_one();
        }
        self.shared.wait_for_frames_in_flight();
        let tell = ports_to_tell(&self.snapshot.load(), &applied.snapshot, deltas);
        advertise(&self.advertiser, &applied.snapshot, tell.into_iter());
        self.snapshot.store(Arc::new(applied.snapshot));
        if is_first {
            self.packet_loop.wake();
        }
    }

    /// Goes on with the slow path alone, because the cache would let pass what the rules no longer do.
    fn give_up_cache(&self, error: &FlowCacheError) {
        tracing::error!(%error, "the flow cache cannot be told of a change; going on without it");
        *self.program.lock() = None;
        self.shared.decider.lock().cache = None;
        let uncovered = self.fabric.ports().and_then(|ports| {
            ports
                .iter()
                .map(|attached| unless_gone(self.fabric.uncover(attached.port)))
                .fold(Ok(()), Result::and)
        });
        if let Err(error) = uncovered {
            tracing::error!(%error, "the flow cache cannot be taken off; restart the cloud");
        }
        *self.mode.lock() = Mode::SlowOnly(error.to_string());
    }

    /// The intent in force, compiled.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Plugs an interface in. One that is plugged in already stays; one whose namespace is gone is made anew.
    ///
    /// # Errors
    /// When the kernel refuses; nothing is left half made.
    pub fn attach(&self, spec: &PortSpec<'_>) -> Result<(), DataPlaneError> {
        if spec.port.is_reserved() {
            return Err(DataPlaneError::Reserved(spec.port));
        }
        self.fabric.plug(spec)?;
        let covered = self.cover(spec.port);
        if covered.is_err() {
            self.fabric.unplug(spec.port)?;
        }
        covered
    }

    /// Makes anew what somebody has taken away of what [`Self::start`] made: the files of the namespaces, the devices of the
    /// services and the internet's hosts, and the flow cache's program on every port. Where all is there it only looks.
    /// Interfaces are their owner's to plug in again: see [`Self::ports`].
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn mend(&self) -> Result<(), DataPlaneError> {
        self.fabric.pin_again(&self.run_dir)?;
        self.fabric.mend_services()?;
        // Nobody may change the addresses meanwhile.
        let workstation = self.workstation.lock();
        if self.fabric.mend_internet()? {
            self.fabric.set_internet_addresses(&self.internet_hosts.lock())?;
        }
        drop(workstation);
        for attached in self.fabric.ports()? {
            unless_gone(self.cover(attached.port))?;
        }
        Ok(())
    }

    fn cover(&self, port: Port) -> Result<(), DataPlaneError> {
        match &*self.program.lock() {
            Some((program, id)) => self.fabric.cover(port, program.as_fd(), *id),
            None => Ok(()),
        }
    }

    /// Unplugs an interface. Its absence is no error.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn detach(&self, port: Port) -> Result<(), DataPlaneError> {
        if port.is_reserved() {
            return Err(DataPlaneError::Reserved(port));
        }
        self.fabric.unplug(port)
    }

    /// What is plugged in, as the kernel shows it, without the services, the internet and the workstation.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn ports(&self) -> Result<Vec<AttachedPort>, DataPlaneError> {
        let mut ports = self.fabric.ports()?;
        ports.retain(|attached| !attached.port.is_reserved());
        Ok(ports)
    }

    /// Whether this start found interfaces of an earlier one.
    pub fn has_adopted(&self) -> bool {
        self.adopted.iter().any(|attached| !attached.port.is_reserved())
    }

    /// What was dropped since the start, by port and code of the reason.
    pub fn drops(&self) -> Vec<DropCount> {
        self.shared.decider.lock().drops.all()
    }

    /// The same by what each reason names, too, as far as there is room: see [`DropCount`].
    pub fn drops_by_reason(&self) -> Vec<DropCount> {
        self.shared.decider.lock().drops.by_reason()
    }

    /// The seed by which connections are tracked, and by which NAT gateways choose: for tracing on [`Self::snapshot`] what
    /// becomes of packets here. Not for anybody outside, who could foretell ports by it.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Follows a packet, so that what is decided about it is known apart from all others, as long as the answer lives.
    ///
    /// # Errors
    /// When as many are followed as can be.
    pub fn follow(&self, followed: Followed) -> Result<Following<'_>, TooManyFollowed> {
        Following::begin(&self.shared, followed)
    }

    /// Says at which ports flows are counted for flow logs from now on, and under which interfaces' names.
    pub fn set_logged(&self, interfaces: impl IntoIterator<Item = (Port, NetworkInterfaceId)>) {
        let interfaces: FxHashMap<Port, NetworkInterfaceId> = interfaces.into_iter().collect();
        let mut decider = self.shared.decider.lock();
        // What the cache has carried up to now belongs to who had logs up to now. An interface that has just come has
        // nothing in it, and going through all of it takes its time.
        let had_traffic =
            |port: &Port| decider.logged.interface(*port).is_none() && decider.flows.tracked(*port) > 0;
        if interfaces.keys().any(had_traffic) {
            decider.catch_up();
        }
        if let Some(cache) = &mut decider.cache {
            cache.logged.set_interfaces(interfaces.clone());
        }
        decider.logged.set_interfaces(interfaces);
    }

    /// What was counted there since the last call; of what the cache carries, up to some two seconds ago. Times are in
    /// milliseconds since 1970.
    pub fn take_logged(&self) -> Collected {
        let (mut collected, carried) = {
            let mut decider = self.shared.decider.lock();
            let carried = decider.cache.as_mut().map(|cache| cache.logged.take());
            (decider.logged.take(), carried)
        };
        collected.merge(carried.unwrap_or_default());
        let ahead_ms = clock::unix_ahead_ms();
        collected.flows.values_mut().for_each(|counts| *counts = counts.shifted(ahead_ms));
        collected
    }

    /// How much there is and was to do.
    pub fn counters(&self) -> Counters {
        let mut decider = self.shared.decider.lock();
        decider.hear(CacheTime::now());
        Counters {
            frames_decided: decider.frames_decided,
            connections_admitted: decider.connections_admitted,
            entries_cached: decider.cache.as_ref().map_or(0, Cache::len),
            connections_tracked: decider.flows.len(),
            queued_bytes: self.packet_loop.queued_bytes(),
            frames_lost: self.packet_loop.lost_frames(),
        }
    }

    /// Has all frames of these ports, and of no others, come by their host ends ([`capture_point`]), where a socket that
    /// captures sees them: the flow cache hands frames to a guest past its host end otherwise, and so does the slow path.
    /// Nothing of it is seen in the guest.
    ///
    /// # Errors
    /// When the kernel refuses; then they may not.
    pub fn set_observed(&self, ports: BTreeSet<Port>) -> Result<(), DataPlaneError> {
        self.packet_loop.set_visible(!ports.is_empty())?;
        let mut decider = self.shared.decider.lock();
        // What stale entries have carried is told before they are replaced.
        decider.catch_up();
        match &mut decider.cache {
            Some(cache) => Ok(cache.observe(ports)?),
            None => Ok(()),
        }
    }

    /// Gives every interface another budget of frames that are decided one by one, from now on.
    pub fn set_slow_path_budget(&self, budget: SlowPathBudget) {
        self.shared.decider.lock().budgets.set(budget);
    }

    /// The engine's time now, by which connections tell theirs.
    pub fn time(&self) -> Millis {
        clock::now()
    }

    /// Every tracked connection, with everything counted that has passed up to now.
    pub fn flows(&self) -> Vec<FlowRecord> {
        self.catch_up();
        self.shared.decider.lock().flows.records().collect()
    }

    /// Who is behind the address and port that a service of AWS sees on a connection it has accepted at one of
    /// [`vpc_engine::services::managed_listener`]; none where nobody is, or not any more.
    pub fn service_peer(&self, listener: SocketAddr, peer: SocketAddr) -> Option<ServicePeer> {
        let end = |address: SocketAddr| Endpoint { address: address.ip(), port: address.port() };
        let decider = self.shared.decider.lock();
        decider.flows.service_peer(&decider.snapshot, end(listener), end(peer), clock::now())
    }

    /// Waits for frames that are being decided, and brings connection state up to what the cache has let pass, which it
    /// otherwise follows by up to a tenth of a second (endings) or two seconds (counts).
    pub fn catch_up(&self) {
        self.shared.wait_for_frames_in_flight();
        self.shared.decider.lock().catch_up();
    }

    /// The namespace that the services of the link listen in, at the addresses of
    /// [`vpc_engine::services::LinkService`]. Peers have the addresses of [`vpc_engine::services::link_address`].
    pub fn services_namespace(&self) -> &NetworkNamespace {
        &self.fabric.services
    }

    /// The namespace that the hosts of the simulated internet listen in.
    pub fn internet_namespace(&self) -> &NetworkNamespace {
        &self.fabric.internet
    }

    /// Gives the hosts of the simulated internet these addresses and takes away all others, and has the workstation's
    /// routes lead to them and to nothing else that is not the cloud's own. Call it again after a start: addresses and
    /// routes outlive the daemon.
    ///
    /// # Errors
    /// When the kernel refuses an address. A route that cannot be made is no error: see [`Self::workstation`].
    pub fn set_internet_hosts(&self, addresses: &[IpAddr]) -> Result<(), DataPlaneError> {
        let mut workstation = self.workstation.lock();
        let done = self.fabric.set_internet_addresses(addresses);
        *self.internet_hosts.lock() = addresses.to_vec();
        workstation.lead_to(addresses);
        done
    }

    /// Says which addresses are the cloud's public ones: where the workstation's routes lead, beside the internet's hosts, from
    /// the next [`Self::set_internet_hosts`] on.
    pub fn set_public_addresses(&self, public: Vec<IpNet>) {
        self.workstation.lock().set_public(public);
    }

    /// How the workstation is linked to the network.
    pub fn workstation(&self) -> WorkstationLink {
        self.workstation.lock().state.clone()
    }

    /// What the data plane works with.
    pub fn mode(&self) -> Mode {
        self.mode.lock().clone()
    }

    /// Stops deciding frames and leaves the host as it is. What is cached goes on flowing.
    pub fn shutdown(self) {}

    /// Removes everything of a data plane from the host: devices, namespaces, maps, journal. What is not there is no error.
    ///
    /// # Errors
    /// [`DataPlaneError::InUse`] while a daemon works there; otherwise all that could not be removed, after everything
    /// that could.
    pub fn destroy(run_dir: &std::path::Path) -> Result<(), DataPlaneError> {
        let run_dir = RunDir::new(run_dir);
        if !run_dir.path().exists() {
            return Ok(());
        }
        let _lock = lock(&run_dir)?;
        let mut errors = Vec::new();
        Fabric::destroy(&run_dir, &mut errors);
        errors.extend(FlowCache::destroy(&run_dir.bpf()).err().map(DataPlaneError::from));
        errors.extend(journal::remove_memory(&run_dir.memory()).err());
        let lock_file = run_dir.lock();
        remove(&lock_file, std::fs::remove_file(&lock_file), &mut errors);
        let namespaces = run_dir.namespaces();
        remove(&namespaces, std::fs::remove_dir(&namespaces), &mut errors);
        if errors.is_empty() { Ok(()) } else { Err(DataPlaneError::Teardown(errors)) }
    }
}

fn remove(path: &std::path::Path, result: std::io::Result<()>, errors: &mut Vec<DataPlaneError>) {
    match result {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            errors.push(DataPlaneError::file("remove", path)(source));
        }
        _ => {}
    }
}

fn lock(run_dir: &RunDir) -> Result<Flock<File>, DataPlaneError> {
    let path = run_dir.lock();
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(DataPlaneError::file("open", &path))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock)
        .map_err(|_| DataPlaneError::InUse(run_dir.path().to_owned()))
}

fn open_cache(run_dir: &RunDir, choice: ModeChoice) -> (Option<FlowCache>, Mode) {
    let is_forbidden = std::env::var_os(NO_EBPF).is_some_and(|value| !value.is_empty() && value != "0");
    let reason = if choice == ModeChoice::SlowOnly {
        "asked for".to_owned()
    } else if is_forbidden {
        format!("{NO_EBPF} is set")
    } else {
        match FlowCache::open(&run_dir.bpf()) {
            Ok(cache) => return (Some(cache), Mode::FlowCache),
            Err(error) => error.to_string(),
        }
    };
    tracing::info!(reason, "working without the flow cache");
    (None, Mode::SlowOnly(reason))
}

/// Puts the program on every port that an earlier start left, and answers it for further ones.
fn cover_all(
    fabric: &Fabric,
    ports: &[AttachedPort],
    cache: &FlowCache,
) -> Result<(OwnedFd, u32), DataPlaneError> {
    let (program, id) = (cache.program()?, cache.program_id()?);
    for attached in ports {
        unless_gone(fabric.cover(attached.port, program, id))?;
    }
    cache.retire_other_versions()?;
    let program = program.try_clone_to_owned().map_err(DataPlaneError::Program)?;
    Ok((program, id))
}

/// Passes over a port that went while something was done to it: a guest can end at any time, and its device goes with it.
fn unless_gone(done: Result<(), DataPlaneError>) -> Result<(), DataPlaneError> {
    match done {
        Err(DataPlaneError::Netlink(error)) if error.is_about_no_device() => Ok(()),
        done => done,
    }
}

/// Puts back the connections of a predecessor. Its journal does not follow every packet, so each counts as seen at its
/// last sign of life, or, where the cache kept it flowing, now.
fn restore(flows: &mut Flows, found: &Found, kept_flowing: bool) {
    let now = clock::now();
    let seen = if kept_flowing { now } else { found.alive };
    for record in &found.records {
        let last_seen = Millis(record.last_seen.0.max(seen.0).min(now.0));
        let mut record = *record;
        record.last_seen = last_seen;
        flows.restore(&record, now);
    }
}

fn random_seed() -> u64 {
    let mut seed = [0; 8];
    // Without it, senders could guess hash buckets; that is a risk of the host's own making.
    if let Err(error) = getrandom::fill(&mut seed) {
        tracing::warn!(%error, "the kernel gives no random numbers");
    }
    u64::from_ne_bytes(seed)
}
