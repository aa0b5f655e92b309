//! How soon a change of the rules is in force: from the change until the first packet that it lets pass has arrived, among few
//! interfaces and among many, in turn.
//!
//! Owns the two data planes' intent and the clock. The many interfaces are known to the engine alone; two in each network have
//! guests.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use aws_types::{ResourceId, SecurityGroupId, SecurityGroupRuleId, VpcId};
use host_net::NetworkNamespace;
use serde::{Deserialize, Serialize};
use vpc_model::{Delta, Direction, Interface, Peer, SecurityGroup, SecurityGroupRule, Traffic};

use super::ways::{Cloud, Network, Way, block, crowd_subnet, interface};
use super::{BenchError, Options, mode_of};
use crate::DataPlaneError;

/// How many interfaces there are where there are few.
const FEW: usize = 10;
/// Where there are many.
const MANY: usize = 10_000;
/// How many of either carry the group that changes, beside the server.
const CARRIERS: usize = 8;
/// Interfaces that share a group which does not change.
const GROUP_SIZE: usize = 100;
/// How long an allowed packet may take before the rule counts as not enforced.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where the server listens.
const PORT: u16 = 5002;
/// The first port that the client sends from.
const FIRST_PORT: u16 = 10_000;
/// How many changes there are ports for.
const CHANGES_MAX: usize = 50_000;
/// The number of the group that changes.
const CHANGING: u128 = 0xc000;
/// The number of the first group of those that do not.
const OTHERS: u128 = 0xd000;
/// The number, and port, of the first interface that nobody is behind.
const CROWD: u128 = 100;

/// What was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnforcementReport {
    /// Whether the flow cache was in use; otherwise why not.
    pub mode: String,
    /// Changes measured among either number of interfaces.
    pub changes: usize,
    /// Among 10 interfaces.
    pub few: Enforcement,
    /// Among 10,000.
    pub many: Enforcement,
    /// The median among many relative to that among few.
    pub growth_p50: f64,
}

/// How soon changes were in force.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Enforcement {
    /// How many interfaces the engine knew.
    pub interfaces: usize,
    /// From the change until a packet that it lets pass has arrived, median, in milliseconds.
    pub p50_millis: f64,
    /// The slowest of a hundred.
    pub p99_millis: f64,
}

/// Measures `changes` changes among few interfaces and as many among many, and takes everything away again.
///
/// # Errors
/// When namespaces cannot be made, a rule is not enforced within seconds, or it is interrupted.
pub fn enforcement(options: &Options, changes: usize) -> Result<EnforcementReport, BenchError> {
    let few = Bed::open(options, "few", FEW)?;
    let many = Bed::open(options, "many", MANY)?;
    let mut measured = [Vec::new(), Vec::new()];
    for change in 0..changes.clamp(1, CHANGES_MAX) {
        if (options.is_interrupted)() {
            return Err(BenchError::Interrupted);
        }
        // In turn, and each of them first.
        for step in 0..2 {
            let index = (change + step) % 2;
            measured[index].push([&few, &many][index].change()?.as_secs_f64() * 1e3);
        }
    }
    let [few_millis, many_millis] = measured;
    let changes = few_millis.len();
    let (of_few, of_many) = (Enforcement::of(FEW, few_millis), Enforcement::of(MANY, many_millis));
    let mode = mode_of(&few.cloud);
    Ok(EnforcementReport {
        mode,
        changes,
        few: of_few,
        many: of_many,
        growth_p50: of_many.p50_millis / of_few.p50_millis,
    })
}

impl Enforcement {
    fn of(interfaces: usize, mut millis: Vec<f64>) -> Self {
        millis.sort_by(f64::total_cmp);
        let slowest = millis[(millis.len() * 99 / 100).min(millis.len() - 1)];
        Self { interfaces, p50_millis: super::median(millis), p99_millis: slowest }
    }
}

/// A data plane whose rules change.
struct Bed {
    cloud: Cloud,
    client: NetworkNamespace,
    server: UdpSocket,
    to: IpAddr,
    /// The client's port for the next change.
    next_port: Cell<u16>,
}

impl Bed {
    fn open(options: &Options, name: &str, interfaces: usize) -> Result<Self, BenchError> {
        let cloud = Cloud::start(options.mode, &options.directory, name)?;
        let network = Network::new(Way::SameSubnet);
        let server = Interface { security_groups: vec![changing()], ..network.server.clone() };
        let mut deltas = network.deltas;
        deltas.push(group(&[]));
        deltas.push(server.clone().into());
        deltas.extend(others(&network.client, interfaces - 2));
        cloud.plane.apply(&deltas);
        let client = cloud.guest(&network.client)?;
        let namespace = cloud.guest(&server)?;
        let to = IpAddr::V4(server.ipv4);
        let server = namespace.run(|| UdpSocket::bind((to, PORT))).map_err(DataPlaneError::from)?;
        let server = server.map_err(failed("listen"))?;
        let bed = Self { cloud, client, server, to, next_port: Cell::new(FIRST_PORT) };
        // Addresses are looked up before the clock runs.
        bed.change()?;
        std::thread::sleep(Duration::from_millis(200));
        Ok(bed)
    }

    /// Lets packets to the server pass, waits for one, and forbids them again. Answers how long that took from the change
    /// until one had arrived.
    fn change(&self) -> Result<Duration, BenchError> {
        // Another port each time: what was let pass once is tracked, and goes on when the rule is gone.
        let port = self.next_port.replace(self.next_port.get() + 1);
        let client = self.client.run(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)));
        let client = client.map_err(DataPlaneError::from)?.map_err(failed("send"))?;
        client.connect((self.to, PORT)).map_err(failed("send"))?;
        self.server.set_nonblocking(true).map_err(failed("wait"))?;
        while self.server.recv(&mut [0; 16]).is_ok() {}
        self.server.set_nonblocking(false).map_err(failed("wait"))?;
        // Nothing gets through before: otherwise nothing would be measured.
        client.send(b"early").map_err(failed("send"))?;
        self.server.set_read_timeout(Some(Duration::from_millis(2))).map_err(failed("wait"))?;
        if self.server.recv(&mut [0; 16]).is_ok() {
            return Err(failed("forbid packets")(io::ErrorKind::AlreadyExists.into()));
        }
        self.server.set_read_timeout(Some(PATIENCE)).map_err(failed("wait"))?;
        let start = Instant::now();
        self.cloud.plane.apply(&[group(&[Direction::Ingress])]);
        client.send(b"on time").map_err(failed("send"))?;
        let mut received = [0; 16];
        // One that came too early may have waited for its turn.
        while !received.starts_with(b"on time") {
            self.server.recv(&mut received).map_err(failed("receive what a new rule lets pass"))?;
        }
        let taken = start.elapsed();
        self.cloud.plane.apply(&[group(&[])]);
        Ok(taken)
    }
}

fn changing() -> SecurityGroupId {
    SecurityGroupId::from_bits(CHANGING)
}

fn failed(action: &'static str) -> impl Fn(io::Error) -> BenchError {
    move |source| BenchError::Load { action, path: "enforcement", source }
}

/// The group that changes, with a rule for everything in these directions.
fn group(open: &[Direction]) -> Delta {
    let rules = open.iter().zip(1..).map(|(direction, number)| SecurityGroupRule {
        id: SecurityGroupRuleId::from_bits(CHANGING << 16 | number),
        direction: *direction,
        traffic: Traffic::All,
        peer: Peer::Cidr(block(1).into()),
    });
    SecurityGroup { id: changing(), vpc: VpcId::from_bits(1), rules: rules.collect() }.into()
}

/// Interfaces that nobody is behind: some carry the group that changes, the others groups of their own, a hundred each.
fn others(client: &Interface, count: usize) -> Vec<Delta> {
    let subnet = crowd_subnet(client.vpc);
    let (crowd, first) = (subnet.id, subnet.cidr.network().to_bits() + 16);
    let mut deltas: Vec<Delta> = vec![subnet.into()];
    for number in 0..count {
        let group = SecurityGroupId::from_bits(OTHERS + (number / GROUP_SIZE) as u128);
        if number % GROUP_SIZE == 0 {
            deltas.push(SecurityGroup { id: group, vpc: client.vpc, rules: Vec::new() }.into());
        }
        let address = Ipv4Addr::from_bits(first + number as u32);
        let mut other = interface(0, CROWD + number as u128, 1, 1, address.into());
        other.subnet = crowd;
        other.security_groups = vec![if number < CARRIERS { changing() } else { group }];
        deltas.push(other.into());
    }
    deltas
}
