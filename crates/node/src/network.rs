//! The network as `brume net` shows it: what was dropped, and which connections there are.
//!
//! Owns what is told of each. Refuses to know how it is printed.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_types::Timestamp;
use data_plane::DataPlane;
use serde::{Deserialize, Serialize};
use store::{Read as _, Revision, Snapshot, Store};
use svc_ec2::record as ec2;
use tokio::sync::watch;
use vpc_engine::flows::FlowState;
use vpc_engine::{Endpoint, FlowRecord};
use vpc_model::{Delta, Port, Protocol};

use crate::captures::{CapturePoint, Captures};
use crate::control::{self, Question};
use crate::directory::Directory;
use crate::instances::Instances;
use crate::now;
use crate::paths::RunDir;
use crate::projection::Projector;

/// How many connections are told of at once: those with the newest packets.
pub const FLOWS_TOLD_MAX: usize = 10_000;

/// How long a look at one revision waits for the network to have followed it, and how often it looks.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);
const SETTLE_PAUSE: Duration = Duration::from_millis(1);

/// Packets that one interface lost for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// The network interface id, or the port's number where it is gone.
    pub interface: String,
    /// Its VPC.
    pub vpc: Option<String>,
    /// The reason's stable code.
    pub code: u16,
    /// The reason's name.
    pub name: String,
    /// The reason of the last of them, in a sentence.
    pub reason: String,
    /// How many packets.
    pub packets: u64,
    /// Since when, ISO 8601: the first of them.
    pub since: String,
    /// The last of them.
    pub last: String,
}

impl Dropped {
    /// Asks the daemon of a run directory.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub fn ask(run_dir: &RunDir) -> io::Result<Vec<Self>> {
        control::ask(run_dir, &Question::Drops)
    }
}

/// The connections of a cloud, or of one interface.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Connections {
    /// How many there are, counted at each interface that tracks them.
    pub total: usize,
    /// Those with the newest packets, [`FLOWS_TOLD_MAX`] at most.
    pub flows: Vec<Connection>,
}

/// A connection as one interface sees it. Between two interfaces that both track it there are two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The network interface id, or the port's number where it is gone.
    pub interface: String,
    /// The instance that it hangs on.
    pub instance: Option<String>,
    /// The protocol's name, or its number.
    pub protocol: String,
    /// The near end, with its port where the protocol has one.
    pub local: String,
    /// The far end.
    pub remote: String,
    /// Whether the interface itself began it.
    pub is_opened_by_local: bool,
    /// Its state.
    pub state: String,
    /// Packets that the interface sent.
    pub packets_sent: u64,
    /// Packets that it received.
    pub packets_received: u64,
    /// Bytes that it sent, IP headers included.
    pub bytes_sent: u64,
    /// Bytes that it received.
    pub bytes_received: u64,
    /// How long ago its first packet was, in seconds.
    pub age_secs: u64,
    /// How long ago its last packet was, in seconds.
    pub idle_secs: u64,
    /// In how many seconds it is forgotten, unless there are further packets.
    pub expires_in_secs: u64,
}

impl Connections {
    /// Asks the daemon of a run directory, for all or for those of one interface or instance.
    ///
    /// # Errors
    /// When it does not answer in time, or knows no such interface.
    pub fn ask(run_dir: &RunDir, of: Option<&str>) -> io::Result<Self> {
        control::ask(run_dir, &Question::Flows { of: of.map(str::to_owned) })
    }
}

/// What the daemon looks at.
pub(crate) struct NetworkView {
    pub(crate) store: Store,
    pub(crate) plane: Arc<DataPlane>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) captures: Arc<Captures>,
    /// The newest revision that packets are decided by.
    pub(crate) enforced: watch::Receiver<Revision>,
    pub(crate) instances: Arc<Instances>,
    /// The data plane's files.
    pub(crate) run_dir: PathBuf,
    /// Where it is written down when packets do not do what a trace says.
    pub(crate) disagreements: PathBuf,
    /// What the network is told that is in no record.
    pub(crate) fixed: Vec<Delta>,
}

impl NetworkView {
    /// The state, and the network compiled from it and from nothing newer. Blocks until the network has followed.
    ///
    /// # Errors
    /// What to say when there is always something newer.
    pub(crate) fn settled(&self) -> Result<(Revision, Snapshot, Arc<vpc_engine::Snapshot>), String> {
        let deadline = Instant::now() + SETTLE_TIMEOUT;
        loop {
            let records = self.store.snapshot();
            let revision = records.revision();
            let network = self.plane.snapshot();
            // A newer commit may be in the network already before it counts as enforced, and is in the state then.
            let is_followed = *self.enforced.borrow() == revision;
            if is_followed && self.store.snapshot().revision() == revision {
                // It was there when its revision was, and nothing has changed it since.
                let network_now = self.plane.snapshot();
                if Arc::ptr_eq(&network, &network_now) {
                    return Ok((revision, records, network));
                }
            }
            if Instant::now() > deadline {
                return Err(
                    "the network changes all the time, so that none of its revisions can be looked at"
                        .to_owned(),
                );
            }
            std::thread::sleep(SETTLE_PAUSE);
        }
    }

    /// Everything that the network is told by the newest records.
    pub(crate) fn deltas(&self) -> Vec<Delta> {
        let everything = Projector::default().everything(&self.store.snapshot(), now());
        [&everything.deltas[..], &self.fixed].concat()
    }

    /// What was dropped since the start, most first.
    pub(crate) fn drops(&self) -> Vec<Dropped> {
        let time = |unix_ms| Timestamp::from_unix_millis(unix_ms).to_string();
        let mut drops: Vec<Dropped> = self
            .plane
            .drops_by_reason()
            .iter()
            // What the services' own network stack sends unasked is dropped too, and nobody's concern.
            .filter(|count| count.port != Port::SERVICES)
            .map(|count| Dropped {
                interface: self.interface(count.port),
                vpc: self.plane.snapshot().interface(count.port).map(|interface| interface.vpc.to_string()),
                code: count.last.code(),
                name: count.last.name().to_owned(),
                reason: count.last.to_string(),
                packets: count.count,
                since: time(count.first_unix_ms),
                last: time(count.last_unix_ms),
            })
            .collect();
        drops.sort_by(|one, other| {
            other.packets.cmp(&one.packets).then_with(|| one.interface.cmp(&other.interface))
        });
        drops
    }

    /// The connections of all interfaces, or of those that are meant.
    ///
    /// # Errors
    /// What to say when no interface is meant.
    pub(crate) fn flows(&self, of: Option<&str>) -> Result<Connections, String> {
        let wanted = of.map(|of| self.ports(of)).transpose()?;
        let now_ms = self.plane.time().0;
        let mut records = self.plane.flows();
        records.retain(|record| {
            record.key.port != Port::SERVICES
                && wanted.as_ref().is_none_or(|wanted| wanted.contains(&record.key.port))
        });
        let total = records.len();
        records.sort_by_key(|record| (std::cmp::Reverse(record.last_seen.0), record.key));
        records.truncate(FLOWS_TOLD_MAX);
        let flows = records.iter().map(|record| self.connection(record, now_ms)).collect();
        Ok(Connections { total, flows })
    }

    fn connection(&self, record: &FlowRecord, now_ms: u64) -> Connection {
        let secs_since = |ms: u64| now_ms.saturating_sub(ms) / 1000;
        let has_ports = matches!(record.key.protocol, Protocol::TCP | Protocol::UDP);
        let end = |end: Endpoint| match end {
            Endpoint { address, port } if has_ports => std::net::SocketAddr::new(address, port).to_string(),
            Endpoint { address, .. } => address.to_string(),
        };
        Connection {
            interface: self.interface(record.key.port),
            instance: self.directory.instance_on(record.key.port).map(|id| id.to_string()),
            protocol: match record.key.protocol {
                Protocol::TCP => "tcp".to_owned(),
                Protocol::UDP => "udp".to_owned(),
                Protocol::ICMP => "icmp".to_owned(),
                Protocol::ICMPV6 => "icmp6".to_owned(),
                Protocol(number) => number.to_string(),
            },
            local: end(record.key.local),
            remote: end(record.key.remote),
            is_opened_by_local: record.opened_by_local,
            state: match record.state() {
                FlowState::Opening => "opening",
                FlowState::Established => "established",
                FlowState::HalfClosed => "half-closed",
                FlowState::Closing => "closing",
                FlowState::Exchange => "exchange",
                FlowState::Stream => "stream",
                FlowState::Icmp | FlowState::Other => "active",
            }
            .to_owned(),
            packets_sent: record.packets_sent,
            packets_received: record.packets_received,
            bytes_sent: record.bytes_sent,
            bytes_received: record.bytes_received,
            age_secs: secs_since(record.opened.0),
            idle_secs: secs_since(record.last_seen.0),
            expires_in_secs: record.deadline().0.saturating_sub(now_ms) / 1000,
        }
    }

    /// Has an interface's packets seen for some seconds, an instance's primary one's for its id.
    ///
    /// # Errors
    /// What to say when there is none, or it cannot be.
    pub(crate) fn capture(&self, of: &str) -> Result<CapturePoint, String> {
        let port = *self.ports(of)?.first().ok_or_else(|| format!("there is no interface of {of}"))?;
        let is_plugged = self.plane.ports().map_err(|error| error.to_string())?;
        if is_plugged.iter().all(|attached| attached.port != port) {
            return Err(format!("{} is plugged in nowhere", self.interface(port)));
        }
        self.captures.renew(port)?;
        let (namespace, device) = data_plane::capture_point(&self.run_dir, port);
        Ok(CapturePoint { interface: self.interface(port), namespace, device })
    }

    /// How users know what is behind a port: the id of an interface, or the end of the internet that it is.
    pub(crate) fn interface(&self, port: Port) -> String {
        match port {
            Port::INTERNET => "internet".to_owned(),
            Port::WORKSTATION => "workstation".to_owned(),
            port => self.directory.interface_on(port).map_or_else(|| port.to_string(), |id| id.to_string()),
        }
    }

    /// The ports of an interface, or of all interfaces of an instance.
    pub(crate) fn ports(&self, of: &str) -> Result<Vec<Port>, String> {
        let snapshot = self.store.snapshot();
        let is_meant = |record: &ec2::NetworkInterface| {
            record.id.to_string() == of
                || record.attachment.as_ref().is_some_and(|attachment| attachment.instance.to_string() == of)
        };
        let mut meant: Vec<Arc<ec2::NetworkInterface>> = snapshot
            .scan_all::<ec2::NetworkInterface>()
            .map(|(_, _, record)| record)
            .filter(|record| is_meant(record))
            .collect();
        meant.sort_by_key(|record| record.attachment.as_ref().map(|attachment| attachment.device_index));
        let ports: Vec<Port> = meant.iter().filter_map(|record| Port::new(record.port).ok()).collect();
        if ports.is_empty() { Err(format!("there is no interface and no instance {of}")) } else { Ok(ports) }
    }
}
