//! Whether a packet would get there, along what, and what stops it, as `brume trace` shows it.
//!
//! Owns who is meant by a name, and what is told of a trace. Refuses to judge: the engine traces on the network as it is now,
//! which is what forwards packets. Sends nothing but by [`crate::live`], if that is asked for.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};
use service_api::{IdSource as _, OsRandom};
use store::Read as _;
use svc_ec2::record as ec2;
use vpc_engine::Endpoint;
use vpc_engine::reach::{self, Met, Step, Tracer, Way};
use vpc_engine::services;
use vpc_model::{ManagedService, Port, Protocol};

use crate::control::{self, Question};
use crate::internet_hosts::Internet;
use crate::live::{self, Ground, LiveReport};
use crate::network::NetworkView;
use crate::paths::RunDir;

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TracedProtocol {
    /// A TCP segment that opens a connection, to that port.
    Tcp(u16),
    /// A UDP datagram, likewise.
    Udp(u16),
    /// An echo request.
    Ping,
}

/// The packet that is asked about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TraceRequest {
    /// Where it begins: an instance, an interface, `workstation`, or a host of the internet by its address.
    pub from: String,
    /// Where it is to go: the same, or any address.
    pub to: String,
    /// What it carries.
    pub protocol: TracedProtocol,
    /// Its source port; of a ping the identifier. Unless given, 40,000, or of a packet that is sent one that is free.
    pub source_port: Option<u16>,
    /// Whether the real packet is sent, too.
    pub live: bool,
}

/// The source port unless one is given.
const SOURCE_PORT: u16 = 40_000;

/// Something on the way of a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceStep {
    /// What kind: `interface`, `security-group-rule`, `network-acl`, `subnet`, `route`, `transit-gateway-route`, `gateway`,
    /// `internet` or `refusal`.
    pub kind: String,
    /// What it is or does, in a sentence.
    pub text: String,
    /// The packet as it is there.
    pub packet: String,
    /// Of a refusal: the reason's name.
    pub reason: Option<String>,
}

/// What becomes of a packet and of its reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceReport {
    /// The packet.
    pub packet: String,
    /// The revision of the state that it was traced in.
    pub revision: u64,
    /// Whether it gets there and its reply comes back.
    pub reaches: bool,
    /// The way there.
    pub there: Vec<TraceStep>,
    /// Where it lands.
    pub lands_at: Option<String>,
    /// The way of the reply; none where there is none.
    pub back: Option<Vec<TraceStep>>,
    /// Everything that refuses the packet or its reply, in a sentence each.
    pub refusals: Vec<String>,
    /// Changes that would let it pass.
    pub fixes: Vec<String>,
    /// Whether these changes together are enough; no if something cannot be changed, or nobody is there.
    pub fixes_are_enough: bool,
    /// What became of the real packet, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveReport>,
}

impl TraceReport {
    /// Asks the daemon of a run directory.
    ///
    /// # Errors
    /// When it does not answer in time, or knows no such instance or interface.
    pub fn ask(run_dir: &RunDir, request: TraceRequest) -> io::Result<Self> {
        control::ask(run_dir, &Question::Trace { request })
    }
}

/// A place in the network.
struct Place {
    port: Option<Port>,
    ipv4: Option<IpAddr>,
    ipv6: Option<IpAddr>,
}

impl Place {
    fn address(&self, is_ipv6: bool) -> Option<IpAddr> {
        if is_ipv6 { self.ipv6 } else { self.ipv4 }
    }

    fn at(port: Option<Port>, address: IpAddr) -> Self {
        let only = Some(address);
        if address.is_ipv4() {
            Self { port, ipv4: only, ipv6: None }
        } else {
            Self { port, ipv4: None, ipv6: only }
        }
    }
}

/// Traces a packet.
///
/// # Errors
/// What to say when nobody is meant, or the two have no address of one family.
pub(crate) fn trace(
    network: &NetworkView,
    internet: &Internet,
    request: &TraceRequest,
) -> Result<TraceReport, String> {
    let from = place(network, internet, &request.from, None)?;
    let port = from.port.ok_or_else(|| {
        format!("{} is an address of nobody here: name an instance, an interface or a host", request.from)
    })?;
    let to = place(network, internet, &request.to, Some(port))?;
    let family = [false, true]
        .into_iter()
        .find(|&is_ipv6| from.address(is_ipv6).is_some() && to.address(is_ipv6).is_some());
    let is_ipv6 = family
        .ok_or_else(|| format!("{} and {} have no addresses of one family", request.from, request.to))?;
    let (protocol, destination_port) = match request.protocol {
        TracedProtocol::Tcp(port) => (Protocol::TCP, port),
        TracedProtocol::Udp(port) => (Protocol::UDP, port),
        TracedProtocol::Ping if is_ipv6 => (Protocol::ICMPV6, 0),
        TracedProtocol::Ping => (Protocol::ICMP, 0),
    };
    let end = |place: &Place, port| place.address(is_ipv6).map(|address| Endpoint { address, port });
    let wanted = request.source_port.unwrap_or(SOURCE_PORT);
    let (Some(mut source), Some(destination)) = (end(&from, wanted), end(&to, destination_port)) else {
        return Err("an address is missing".to_owned());
    };
    let begins =
        request.live.then(|| Begins::prepare(network, request, (port, source.address))).transpose()?;
    source.port = begins.as_ref().map_or(source.port, |begins| begins.source_port);
    // What the state says now is in the engine when its revision is.
    let revision = network.store.snapshot().revision();
    let snapshot = network.plane.snapshot();
    let seed = network.plane.seed();
    let question = reach::Question { from: port, source, destination, protocol };
    let missing = || format!("{} is not in the network yet", request.from);
    let trace = Tracer::seeded(&snapshot, seed).trace(question).ok_or_else(missing)?;
    let repair = reach::repair_seeded(&snapshot, question, seed).ok_or_else(missing)?;
    let live =
        begins.map(|begins| live::send(network, &snapshot, (&trace, &begins.namespace), OsRandom.bits()));
    let name = match request.protocol {
        TracedProtocol::Tcp(_) => "tcp",
        TracedProtocol::Udp(_) => "udp",
        TracedProtocol::Ping => "ping",
    };
    let packet = trace.there.steps.first().map(|step| step.ends.to_string()).unwrap_or_default();
    let mut refusals: Vec<String> = trace.refusals().map(|(reason, _)| reason.to_string()).collect();
    if refusals.is_empty() && !trace.reaches() {
        refusals.push("the reply does not come back to who sent the packet".to_owned());
    }
    let ends = [Some(port), trace.there.landed.map(|(port, _)| port)];
    let asleep: Vec<String> =
        ends.into_iter().flatten().filter_map(|port| not_running(network, port)).collect();
    let all_run = asleep.is_empty();
    refusals.extend(asleep);
    let lands_at = trace
        .there
        .landed
        .map(|(port, ends)| format!("{} as {ends}", whose(network, port, ends.destination)));
    Ok(TraceReport {
        packet: format!("{name} {packet}"),
        revision: revision.0,
        reaches: trace.reaches() && all_run,
        there: steps(&trace.there),
        lands_at,
        back: trace.back.as_ref().map(steps),
        refusals,
        fixes: repair.fixes.iter().map(ToString::to_string).collect(),
        fixes_are_enough: repair.is_whole() && all_run,
        live: live.transpose()?,
    })
}

/// What to say of an end whose instance does not run.
fn not_running(network: &NetworkView, port: Port) -> Option<String> {
    let id = network.directory.instance_on(port)?;
    let records = network.store.snapshot();
    let (_, _, instance) = records.scan_all::<ec2::Instance>().find(|(_, _, instance)| instance.id == id)?;
    let is_there = matches!(instance.state, ec2::InstanceState::Running | ec2::InstanceState::Pending);
    (!is_there).then(|| format!("{id} is {}", instance.state.as_str()))
}

/// Who has a port, and which service of the several that have one together.
fn whose(network: &NetworkView, port: Port, destination: IpAddr) -> String {
    let managed = services::managed_service_at(destination).filter(|_| port == Port::SERVICES);
    match (managed, port) {
        (Some(ManagedService::S3), _) => "Amazon S3".to_owned(),
        (Some(ManagedService::DynamoDb), _) => "Amazon DynamoDB".to_owned(),
        (None, Port::SERVICES) => "a service of every subnet".to_owned(),
        (None, port) => network.interface(port),
    }
}

/// Where a real packet is sent.
struct Begins<'n> {
    namespace: Ground<'n>,
    source_port: u16,
    /// Keeps everybody else from the port.
    _reserved: Option<OwnedFd>,
}

impl<'n> Begins<'n> {
    /// Takes a port there that nobody has.
    fn prepare(
        network: &'n NetworkView,
        request: &TraceRequest,
        (port, address): (Port, IpAddr),
    ) -> Result<Self, String> {
        let namespace = live::ground(network, port)?;
        let is_tcp = match request.protocol {
            TracedProtocol::Tcp(_) => true,
            TracedProtocol::Udp(_) => false,
            TracedProtocol::Ping => {
                let source_port = request.source_port.unwrap_or_else(|| OsRandom.bits() as u16);
                return Ok(Self { namespace, source_port, _reserved: None });
            }
        };
        let wanted = SocketAddr::new(address, request.source_port.unwrap_or(0));
        let (reserved, source_port) =
            host_net::reserve_port(&namespace, wanted, is_tcp).map_err(|error| error.to_string())?;
        Ok(Self { namespace, source_port, _reserved: Some(reserved) })
    }
}

/// Who is meant. `asked_by` is the port of who asks: inside of a VPC an instance is known by its private addresses, and by its
/// public ones outside.
fn place(
    network: &NetworkView,
    internet: &Internet,
    name: &str,
    asked_by: Option<Port>,
) -> Result<Place, String> {
    if name == "workstation" {
        let address = internet.workstation().first().copied();
        return match address {
            Some(address) => Ok(Place::at(Some(Port::WORKSTATION), address)),
            None => Err("this cloud has no workstation".to_owned()),
        };
    }
    if let Ok(address) = name.parse::<IpAddr>() {
        let is_host = internet.list().iter().any(|host| host.addresses.contains(&address));
        let is_workstation = internet.workstation().contains(&address);
        let port = is_host.then_some(Port::INTERNET).or(is_workstation.then_some(Port::WORKSTATION));
        return Ok(Place::at(port, address));
    }
    if let Some(host) = internet.list().into_iter().find(|host| host.name.to_string() == name) {
        let address = |is_ipv4| host.addresses.iter().copied().find(|address| address.is_ipv4() == is_ipv4);
        return Ok(Place { port: Some(Port::INTERNET), ipv4: address(true), ipv6: address(false) });
    }
    let port = *network.ports(name)?.first().ok_or_else(|| format!("there is no interface of {name}"))?;
    let snapshot = network.plane.snapshot();
    let interface = snapshot.interface(port).ok_or_else(|| format!("{name} is not in the network yet"))?;
    let is_outside = asked_by.is_some_and(Port::is_reserved);
    let public = interface.public_ipv4.first().map(|pair| IpAddr::V4(pair.public));
    let ipv4 = if is_outside { public } else { Some(IpAddr::V4(interface.ipv4)) };
    if is_outside && ipv4.is_none() && interface.ipv6.is_empty() {
        return Err(format!("{name} has no public address by which the internet would know it"));
    }
    Ok(Place { port: Some(port), ipv4, ipv6: interface.ipv6.first().copied().map(IpAddr::V6) })
}

pub(crate) fn steps(way: &Way) -> Vec<TraceStep> {
    way.steps
        .iter()
        .map(|Step { met, ends }| TraceStep {
            kind: kind(met).to_owned(),
            text: met.to_string(),
            packet: ends.to_string(),
            reason: match met {
                Met::Refused(reason) => Some(reason.name().to_owned()),
                _ => None,
            },
        })
        .collect()
}

fn kind(met: &Met) -> &'static str {
    match met {
        Met::Interface(_) => "interface",
        Met::Rules { .. } => "security-group-rule",
        Met::NetworkAcl { .. } => "network-acl",
        Met::OnLink { .. } => "subnet",
        Met::Route { .. } => "route",
        Met::TransitRoute { .. } => "transit-gateway-route",
        Met::Through(_) => "gateway",
        Met::Internet => "internet",
        Met::Refused(_) => "refusal",
    }
}
