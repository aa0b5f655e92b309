//! Declared hosts of the simulated internet: their records, and their servers while the cloud runs.
//!
//! Owns who may have which name and address, and that servers, addresses, names and routes follow the records. Refuses to
//! know what a host serves (that is `internet`'s) and how packets reach it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ::internet::{
    CertifiedKey, CertifyHost, Content, DNS_ADDRESSES, Host, HostError, HostName, HostServer, HostSockets,
    InternetDirectory, MAX_HOSTS, PUBLIC_IPV4, PUBLIC_IPV6, PublicNames, RegionNames,
};
use aws_types::{AccountId, Partition, Region, Timestamp};
use data_plane::{DataPlane, WorkstationLink};
use gateway::CloudAuthority;
use host_net::NamespaceError;
use ipnet::{IpNet, Ipv4Net};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use store::{Change, Read, Record, RecordKind, Revision, Scope, Snapshot, Store, StoreError, Transaction};
use svc_ec2::PublicPoolError;
use tokio::sync::watch;
use tokio::task::JoinSet;
use vpc_model::{
    Condition, Delta, InternetHost, InternetPlace, Latency, ObjectId, Path, PathEnds, PublicAddresses,
};
use vpc_services::{DnsServer, LinkLocalBudget};

use crate::Directory;
use crate::control::{self, Question};
use crate::now;
use crate::path_conditions::PathName;
use crate::paths::RunDir;
use crate::topology::wait_until_enforced;

/// A host of the internet that somebody has declared. Stored under its name, for the whole cloud.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HostRecord {
    /// What was declared.
    host: Host,
    /// When.
    created: Timestamp,
    /// What the way to it is like.
    #[serde(default)]
    pub(crate) condition: Condition,
}

impl Record for HostRecord {
    const KIND: &'static str = "internet.host";
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<HostRecord>()];

/// No account: hosts, and conditions of paths, are of the whole cloud.
pub(crate) fn scope() -> Scope {
    Scope::global(Partition::Aws, AccountId::CLOUD)
}

/// Why the internet is not as somebody wants it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InternetError {
    /// What was declared cannot be a host.
    #[error(transparent)]
    Host(#[from] HostError),
    /// There is a host of that name.
    #[error("there is a host {0} already; `brume internet remove {0}` removes it")]
    NameTaken(HostName),
    /// Two would have the address.
    #[error("{one} and {other} cannot both have the address {address}")]
    AddressTaken { address: IpAddr, one: String, other: String },
    /// The address is one that the cloud gives.
    #[error("{address} of {by} is among the public addresses {block} of {region}")]
    Public { address: IpAddr, by: String, region: Region, block: Ipv4Net },
    /// A region cannot have such addresses.
    #[error("--public-addresses: {0}")]
    PublicAddresses(#[from] PublicPoolError),
    /// There are too many.
    #[error("there are {MAX_HOSTS} hosts, and no more are possible")]
    TooMany,
    /// There is none of that name.
    #[error("there is no host {0}; `brume internet list` shows those that there are")]
    NoSuchHost(HostName),
    /// What the host is to serve is not there.
    #[error("{0} is no directory")]
    NoDirectory(String),
    /// The state.
    #[error("the host could not be stored: {0}")]
    Store(#[from] StoreError),
    /// The sockets.
    #[error("{name} cannot serve: {source}")]
    Serve { name: HostName, source: io::Error },
}

/// A declared host, as `brume internet list` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InternetHostStatus {
    /// Its name.
    pub name: HostName,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// What its web server answers.
    pub content: Content,
    /// When it was declared.
    pub created: Timestamp,
    /// Whether its servers run.
    pub is_serving: bool,
}

impl InternetHostStatus {
    /// Asks the daemon of a run directory for all hosts, by name.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub fn list(run_dir: &RunDir) -> io::Result<Vec<Self>> {
        control::ask(run_dir, &Question::ListInternetHosts)
    }

    /// Asks the daemon of a run directory to add a host.
    ///
    /// # Errors
    /// When it cannot, or does not answer in time.
    pub fn add(run_dir: &RunDir, host: Host) -> io::Result<Self> {
        control::ask(run_dir, &Question::AddInternetHost { host })
    }

    /// Asks the daemon of a run directory to remove a host.
    ///
    /// # Errors
    /// When there is none of that name, or it does not answer in time.
    pub fn remove(run_dir: &RunDir, name: HostName) -> io::Result<()> {
        control::ask(run_dir, &Question::RemoveInternetHost { name })
    }
}

/// The internet of a running cloud.
pub(crate) struct Internet {
    store: Store,
    plane: Arc<DataPlane>,
    names: Arc<PublicNames>,
    /// What AWS publishes names of.
    directory: Arc<Directory>,
    certify: Arc<dyn CertifyHost>,
    /// The addresses of the machine that the cloud runs on, if it has any.
    workstation: Vec<IpAddr>,
    enforced: watch::Receiver<Revision>,
    runtime: tokio::runtime::Handle,
    /// Held while anything changes, so that servers follow the records.
    running: Mutex<BTreeMap<HostName, RunningHost>>,
}

struct RunningHost {
    host: Host,
    /// Ends its sockets and connections when it is dropped.
    servers: JoinSet<()>,
}

/// Writes what a file declares: hosts that are there already are replaced, others stay. Gives regions these ranges of public
/// addresses; others keep theirs. Also looks whether what is there can be with these addresses of the workstation's.
///
/// # Errors
/// The first conflict; nothing is written then.
pub(crate) fn declare(
    store: &Store,
    hosts: &[Host],
    public: &[(Region, Ipv4Net)],
    workstation: &[IpAddr],
) -> Result<(), InternetError> {
    for host in hosts {
        check(host)?;
    }
    store.transact(|transaction| {
        svc_ec2::set_public_blocks(transaction, public)?;
        for host in hosts {
            put(transaction, host);
        }
        check_all(transaction, workstation)
    })
}

fn check(host: &Host) -> Result<(), InternetError> {
    host.check()?;
    match &host.content {
        Content::Directory(path) if !path.is_dir() => {
            Err(InternetError::NoDirectory(path.display().to_string()))
        }
        _ => Ok(()),
    }
}

/// Writes a host, unless it is there as it is.
fn put(transaction: &mut Transaction, host: &Host) {
    let name = host.name.as_str();
    let there = transaction.get::<HostRecord>(&scope(), name);
    let mut condition = there.as_ref().map(|there| there.condition).unwrap_or_default();
    let latency = |declared: u32| Latency::from_millis(declared).unwrap_or(Latency::MAX);
    let before = there.as_ref().and_then(|there| there.host.latency_ms);
    match (host.latency_ms, before) {
        // What was set or cleared since it was declared stays.
        (Some(declared), Some(before)) if declared == before => {}
        (Some(declared), _) => condition.latency = latency(declared),
        (None, Some(before)) if condition.latency == latency(before) => {
            condition.latency = Latency::default();
        }
        (None, _) => {}
    }
    if there.is_some_and(|there| there.host == *host && there.condition == condition) {
        return;
    }
    let record = HostRecord { host: host.clone(), created: now(), condition };
    transaction.put(&scope(), name, record);
}

/// Whether all hosts can be there at once.
fn check_all(transaction: &Transaction, workstation: &[IpAddr]) -> Result<(), InternetError> {
    let mut taken: BTreeMap<IpAddr, String> =
        DNS_ADDRESSES.into_iter().map(|address| (address, "the internet's DNS server".to_owned())).collect();
    let mut take = |address: IpAddr, by: String| match taken.insert(address, by.clone()) {
        Some(one) => Err(InternetError::AddressTaken { address, one, other: by }),
        None => Ok(()),
    };
    for address in workstation {
        take(*address, "the workstation".to_owned())?;
    }
    let mut count = 0;
    for (_, _, record) in transaction.scan_all::<HostRecord>() {
        count += 1;
        for address in &record.host.addresses {
            take(*address, record.host.name.to_string())?;
        }
    }
    let blocks = svc_ec2::public_blocks(transaction);
    for (address, by) in taken {
        let IpAddr::V4(ipv4) = address else { continue };
        if let Some((region, block)) = blocks.iter().find(|(_, block)| block.contains(&ipv4)).cloned() {
            return Err(InternetError::Public { address, by, region, block });
        }
    }
    if count > MAX_HOSTS { Err(InternetError::TooMany) } else { Ok(()) }
}

/// The public names of every region's addresses.
pub(crate) fn public_names(snapshot: &Snapshot) -> PublicNames {
    let names = |facts: &aws_catalog::RegionFacts| {
        let block = svc_ec2::public_block(snapshot, &facts.region())?;
        Some(RegionNames { block, domain: facts.public_domain() })
    };
    PublicNames::new(aws_catalog::regions().iter().filter_map(names).collect())
}

impl Internet {
    /// The internet that the records describe; [`Self::start`] makes it.
    pub(crate) fn new(
        store: Store,
        plane: Arc<DataPlane>,
        names: Arc<PublicNames>,
        directory: Arc<Directory>,
        certify: Arc<dyn CertifyHost>,
        workstation: Vec<IpAddr>,
        enforced: watch::Receiver<Revision>,
    ) -> Self {
        let runtime = tokio::runtime::Handle::current();
        let running = Mutex::default();
        Self { store, plane, names, directory, certify, workstation, enforced, runtime, running }
    }

    /// Starts the hosts' servers and the DNS server, as far as they can be. Blocks.
    ///
    /// # Errors
    /// When the DNS server has no socket at all.
    pub(crate) fn start(&self, tasks: &mut JoinSet<()>) -> Result<(), NamespaceError> {
        for error in self.realize(&mut self.running.lock()) {
            tracing::error!(%error, "a host of the internet is not there");
        }
        let namespace = self.plane.internet_namespace();
        let (mut packets, mut listeners) = (Vec::new(), Vec::new());
        for address in DNS_ADDRESSES.map(|address| SocketAddr::new(address, 53)) {
            let bound = host_net::udp_socket(namespace, address)
                .and_then(|socket| Ok((socket, host_net::tcp_listener(namespace, address)?)));
            match bound {
                Ok((socket, listener)) => {
                    packets.push(socket);
                    listeners.push(listener);
                }
                // A kernel without IPv6 has no such address.
                Err(error) if address.is_ipv6() => tracing::warn!(%error, "the internet's DNS has no IPv6"),
                Err(error) => return Err(error),
            }
        }
        let names = Arc::new(AllNames { hosts: Arc::clone(&self.names), aws: Arc::clone(&self.directory) });
        let dns = DnsServer::new(Arc::new(InternetDirectory), Arc::new(LinkLocalBudget::new()));
        let dns = dns.with_public_names(names);
        tasks.spawn(async move {
            let Err(error) = dns.serve(packets, listeners).await;
            tracing::error!(%error, "the internet's DNS ended");
        });
        Ok(())
    }

    /// Adds a host, and returns when it serves and the network leads to it.
    ///
    /// # Errors
    /// When it cannot be there; then it is not.
    pub(crate) fn add(&self, host: &Host) -> Result<InternetHostStatus, InternetError> {
        check(host)?;
        let mut running = self.running.lock();
        self.store.transact(|transaction| {
            if transaction.contains::<HostRecord>(&scope(), host.name.as_str()) {
                return Err(InternetError::NameTaken(host.name.clone()));
            }
            put(transaction, host);
            check_all(transaction, &self.workstation)
        })?;
        let failed = self
            .realize(&mut running)
            .into_iter()
            .find(|error| matches!(error, InternetError::Serve { name, .. } if *name == host.name));
        if let Some(error) = failed {
            self.delete(&host.name)?;
            self.realize(&mut running);
            return Err(error);
        }
        drop(running);
        wait_until_enforced(&self.store, &self.enforced, &self.runtime);
        let added = self.list().into_iter().find(|status| status.name == host.name);
        added.ok_or_else(|| InternetError::NoSuchHost(host.name.clone()))
    }

    /// Removes a host with its connections.
    ///
    /// # Errors
    /// When there is none of that name, or the state cannot be written.
    pub(crate) fn remove(&self, name: &HostName) -> Result<(), InternetError> {
        let mut running = self.running.lock();
        if !self.delete(name)? {
            return Err(InternetError::NoSuchHost(name.clone()));
        }
        for error in self.realize(&mut running) {
            tracing::error!(%error, "a host of the internet is not there");
        }
        drop(running);
        wait_until_enforced(&self.store, &self.enforced, &self.runtime);
        Ok(())
    }

    fn delete(&self, name: &HostName) -> Result<bool, StoreError> {
        self.store.transact(|transaction| Ok(transaction.delete::<HostRecord>(&scope(), name.as_str())))
    }

    /// All hosts, by name.
    pub(crate) fn list(&self) -> Vec<InternetHostStatus> {
        let mut running = self.running.lock();
        let mut is_serving = |name: &HostName| {
            running
                .get_mut(name)
                .is_some_and(|host| host.servers.try_join_next().is_none() && !host.servers.is_empty())
        };
        let snapshot = self.store.snapshot();
        let status = |(_, _, record): (&Scope, &str, Arc<HostRecord>)| InternetHostStatus {
            name: record.host.name.clone(),
            addresses: record.host.addresses.clone(),
            content: record.host.content.clone(),
            created: record.created,
            is_serving: is_serving(&record.host.name),
        };
        snapshot.scan_all::<HostRecord>().map(status).collect()
    }

    /// How many hosts there are.
    pub(crate) fn host_count(&self) -> usize {
        self.store.snapshot().scan_all::<HostRecord>().count()
    }

    /// The workstation's addresses.
    pub(crate) fn workstation(&self) -> &[IpAddr] {
        &self.workstation
    }

    /// Has names, addresses, routes and servers be those of the records. Goes on after what fails, and answers that.
    fn realize(&self, running: &mut BTreeMap<HostName, RunningHost>) -> Vec<InternetError> {
        let snapshot = self.store.snapshot();
        let hosts: BTreeMap<HostName, Host> = snapshot
            .scan_all::<HostRecord>()
            .map(|(_, _, record)| (record.host.name.clone(), record.host.clone()))
            .collect();
        self.names.set_hosts(hosts.values());
        // Sockets that were let go are closed before others are bound to their addresses.
        let gone: Vec<HostName> = running
            .iter()
            .filter(|(name, there)| hosts.get(*name) != Some(&there.host))
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            if let Some(mut host) = running.remove(&name) {
                self.runtime.block_on(host.servers.shutdown());
            }
        }
        let declared = hosts.values().flat_map(|host| &host.addresses).copied();
        let addresses: Vec<IpAddr> = DNS_ADDRESSES.into_iter().chain(declared).collect();
        if let Err(error) = self.plane.set_internet_hosts(&addresses) {
            // Whoever has the address finds that it cannot listen.
            tracing::warn!(%error, "the internet lacks an address");
        }
        let mut failed = Vec::new();
        for (name, host) in hosts {
            let Entry::Vacant(place) = running.entry(name) else { continue };
            match self.serve(&host) {
                Ok(servers) => _ = place.insert(RunningHost { host, servers }),
                Err(error) => {
                    failed.push(InternetError::Serve { name: host.name, source: io::Error::other(error) });
                }
            }
        }
        failed
    }

    fn serve(&self, host: &Host) -> Result<JoinSet<()>, NamespaceError> {
        let namespace = self.plane.internet_namespace();
        let bind = |address: &IpAddr| {
            let at = |port| SocketAddr::new(*address, port);
            Ok(HostSockets {
                echo: host_net::tcp_listener(namespace, at(HostSockets::ECHO))?,
                echo_packets: host_net::udp_socket(namespace, at(HostSockets::ECHO))?,
                http: host_net::tcp_listener(namespace, at(HostSockets::HTTP))?,
                https: host_net::tcp_listener(namespace, at(HostSockets::HTTPS))?,
            })
        };
        let sockets = host.addresses.iter().map(bind).collect::<Result<Vec<_>, NamespaceError>>()?;
        let server = HostServer::new(host.clone(), Arc::clone(&self.certify));
        let name = host.name.clone();
        let mut servers = JoinSet::new();
        servers.spawn_on(
            async move {
                let Err(error) = server.serve(sockets).await;
                tracing::error!(%error, %name, "the servers of a host ended");
            },
            &self.runtime,
        );
        Ok(servers)
    }
}

/// The public addresses of the cloud: what its regions give, and what is kept for it.
pub(crate) fn public_addresses(snapshot: &Snapshot) -> Vec<IpNet> {
    let given = svc_ec2::public_blocks(snapshot).into_iter().map(|(_, block)| block);
    let others = given.filter(|block| !PUBLIC_IPV4.contains(block)).map(IpNet::V4);
    [PUBLIC_IPV4.into(), PUBLIC_IPV6.into()].into_iter().chain(others).collect()
}

/// What the engine is told at each start, and what does not change before the next: public addresses, and the hosts that no
/// record is about.
pub(crate) fn fixed(plane: &DataPlane, workstation: &[IpAddr], snapshot: &Snapshot) -> Vec<Delta> {
    let dns = DNS_ADDRESSES.into_iter().map(declared);
    let is_linked = matches!(plane.workstation(), WorkstationLink::Linked { .. });
    let workstation = workstation.iter().filter(|_| is_linked);
    let workstation =
        workstation.map(|address| InternetHost { id: *address, place: InternetPlace::Workstation }.into());
    let public = public_addresses(snapshot).into_iter().map(|id| PublicAddresses { id }.into());
    dns.chain(workstation).chain(public).collect()
}

fn declared(address: IpAddr) -> Delta {
    InternetHost { id: address, place: InternetPlace::Declared }.into()
}

/// What all records mean to the network.
pub(crate) fn everything(snapshot: &Snapshot) -> Vec<Delta> {
    let records = snapshot.scan_all::<HostRecord>().map(|(_, _, record)| record);
    let deltas = records.flat_map(|record| {
        let addresses = record.host.addresses.iter().copied().map(declared);
        addresses.chain(path(&record).map(Delta::from)).collect::<Vec<_>>()
    });
    deltas.collect()
}

/// The way to a host, if it has a condition.
fn path(record: &HostRecord) -> Option<Path> {
    let HostRecord { host, condition, .. } = record;
    let id = PathName::Internet(host.name.clone()).id();
    let ends = PathEnds::InternetHost(host.addresses.clone());
    (!condition.is_none()).then_some(Path { id, ends, condition: *condition })
}

/// The hosts that are reached by a way with a condition, by name.
pub(crate) fn conditions(snapshot: &Snapshot) -> impl Iterator<Item = (HostName, Condition)> {
    let records = snapshot.scan_all::<HostRecord>().map(|(_, _, record)| record);
    let with_condition = records.filter(|record| !record.condition.is_none());
    with_condition.map(|record| (record.host.name.clone(), record.condition))
}

/// What a change means to the network: nothing, unless it is one of a host.
pub(crate) fn changed(change: &Change) -> Vec<Delta> {
    let addresses = |record: Option<Arc<HostRecord>>| {
        record.map(|record| record.host.addresses.clone()).unwrap_or_default()
    };
    let path_of = |record: Option<Arc<HostRecord>>| record.and_then(|record| path(&record));
    let path = match (path_of(change.before()), path_of(change.after())) {
        (_, Some(after)) => Some(Delta::from(after)),
        (Some(before), None) => Some(Delta::Remove(before.id.into())),
        (None, None) => None,
    };
    let (before, after) = (addresses(change.before()), addresses(change.after()));
    let gone = before.into_iter().filter(|address| !after.contains(address));
    let gone = gone.map(|address| Delta::Remove(ObjectId::InternetHost(address)));
    gone.chain(after.iter().copied().map(declared)).chain(path).collect()
}

/// What has a name on the internet: hosts, and what AWS publishes.
struct AllNames {
    hosts: Arc<PublicNames>,
    aws: Arc<Directory>,
}

impl vpc_services::PublicNames for AllNames {
    fn addresses(&self, name: &str) -> Option<Vec<IpAddr>> {
        let own = self.hosts.addresses(name);
        own.or_else(|| vpc_services::PublicNames::addresses(&*self.aws, name))
    }

    fn name(&self, address: IpAddr) -> Option<String> {
        let own = self.hosts.name(address);
        own.or_else(|| vpc_services::PublicNames::name(&*self.aws, address))
    }
}

/// Certificates of the cloud's own authority.
pub(crate) struct FromAuthority(pub(crate) CloudAuthority);

impl CertifyHost for FromAuthority {
    fn certify(&self, host: &Host) -> Option<Arc<CertifiedKey>> {
        match self.0.certify(host.name.as_str(), &host.addresses) {
            Ok(certificate) => Some(Arc::new(certificate)),
            Err(error) => {
                tracing::error!(%error, name = %host.name, "a host has no certificate");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
