//! The three paths that are compared, each two namespaces and what lies between them. Owns their making and, when dropped,
//! their removal.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use aws_types::{
    MacAddress, NetworkAclId, NetworkInterfaceId, ResourceId, RouteTableId, SecurityGroupId,
    SecurityGroupRuleId, SubnetId, VpcId,
};
use host_net::{Netlink, NetworkNamespace, VethPeer, VethSpec};
use ipnet::{IpNet, Ipv4Net};
use vpc_model::{
    AclAction, AclRuleNumber, Delta, Direction, IdleTimeouts, Interface, InterfaceRole, InternetBlock,
    NetworkAcl, NetworkAclEntry, Peer, Port, RouteTable, SecurityGroup, SecurityGroupRule, Subnet, Traffic,
    Vpc,
};

use super::load::Ends;
use super::{BenchError, Measurement};
use crate::layout::VPC_MTU_BYTES;
use crate::{ADVERTISING, Config, DataPlane, DataPlaneError, Mode, ModeChoice, PortSpec};

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 10);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 10);
const CLIENT_ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 1);
const SERVER_ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 1);
const SERVER_PORT: u16 = 5001;
const VPC: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 16);
const ANYWHERE: IpNet = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0));

/// A router's rules: what is established passes, and new connections to one network.
const RULES: &str = "table inet filter {
    chain forward {
        type filter hook forward priority 0; policy drop;
        ct state established,related accept
        ct state new ip saddr 10.0.0.0/16 accept
    }
}
";

/// What lies between client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathKind {
    /// Nothing: one veth pair.
    Veth,
    /// This data plane.
    Brume,
    /// A namespace that forwards, with stateful nftables.
    Router,
}

/// One path, ready to carry load.
pub(super) struct BenchPath {
    kind: PathKind,
    client: NetworkNamespace,
    server: NetworkNamespace,
    // Kept for as long as the path is used.
    _router: Option<NetworkNamespace>,
    plane: Option<(DataPlane, RunDirectory)>,
}

/// A run directory that is taken away with all that is in it.
struct RunDirectory(PathBuf);

impl Drop for RunDirectory {
    fn drop(&mut self) {
        let destroyed = DataPlane::destroy(&self.0);
        let removed = std::fs::remove_dir(&self.0);
        if let Err(error) = destroyed.and(removed.map_err(DataPlaneError::file("remove", &self.0))) {
            tracing::warn!(%error, "the benchmark left something behind");
        }
    }
}

impl BenchPath {
    /// A bare veth pair between two namespaces.
    pub(super) fn veth() -> Result<Self, BenchError> {
        let (client, server) = (namespace()?, namespace()?);
        join(&client, 10, "eth0", &server, "eth0")?;
        for (namespace, own, other) in [(&client, CLIENT, SERVER), (&server, SERVER, CLIENT)] {
            let netlink = Netlink::open(namespace).map_err(DataPlaneError::from)?;
            let device = up(&netlink, "eth0", own)?;
            netlink.add_route(other.into(), 32, device, None).map_err(DataPlaneError::from)?;
        }
        Ok(Self { kind: PathKind::Veth, client, server, _router: None, plane: None })
    }

    /// A Linux router with stateful nftables; none on a host without `nft`.
    pub(super) fn router() -> Result<Option<Self>, BenchError> {
        let (client, server, router) = (namespace()?, namespace()?, namespace()?);
        if !load_rules(&router) {
            return Ok(None);
        }
        let netlink = Netlink::open(&router).map_err(DataPlaneError::from)?;
        for (guest, index, name, address, gateway) in
            [(&client, 10, "client", CLIENT, CLIENT_ROUTER), (&server, 11, "server", SERVER, SERVER_ROUTER)]
        {
            join(&router, index, name, guest, "eth0")?;
            up(&netlink, name, gateway)?;
            settle_guest(guest, address, gateway)?;
        }
        router.set_parameter("ipv4/ip_forward", "1").map_err(DataPlaneError::from)?;
        Ok(Some(Self { kind: PathKind::Router, client, server, _router: Some(router), plane: None }))
    }

    /// This data plane, with two interfaces in two subnets and rules that have it track the connections. Its files are
    /// in a directory of their own in this one.
    pub(super) fn brume(mode: ModeChoice, directory: &Path) -> Result<Self, BenchError> {
        let run_dir = directory.join(format!("brume-bench-{}", std::process::id()));
        let directory = RunDirectory(run_dir.clone());
        let plane = DataPlane::start(&Config { run_dir, mode, advertising: ADVERTISING, workstation: None })?;
        plane.apply(&intent());
        let (client, server) = (namespace()?, namespace()?);
        for (guest, number, address, gateway) in
            [(&client, 1, CLIENT, CLIENT_ROUTER), (&server, 2, SERVER, SERVER_ROUTER)]
        {
            plane.attach(&PortSpec {
                port: port(number),
                mac: MacAddress::local(number.into()),
                mtu_bytes: VPC_MTU_BYTES,
                namespace: guest,
                guest_name: "eth0".to_owned(),
            })?;
            settle_guest(guest, address, gateway)?;
        }
        let plane = Some((plane, directory));
        Ok(Self { kind: PathKind::Brume, client, server, _router: None, plane })
    }

    pub(super) fn kind(&self) -> PathKind {
        self.kind
    }

    /// What the data plane of this path works with, if it is one.
    pub(super) fn mode(&self) -> Option<Mode> {
        self.plane.as_ref().map(|(plane, _)| plane.mode())
    }

    /// Measures everything, for `duration` each.
    pub(super) fn measure(&self, duration: Duration) -> Result<Measurement, BenchError> {
        let path = match self.kind {
            PathKind::Veth => "veth",
            PathKind::Brume => "brume",
            PathKind::Router => "router",
        };
        let address = SocketAddr::new(SERVER.into(), SERVER_PORT);
        let ends = Ends { client: &self.client, server: &self.server, address };
        let failed = |action| move |source| BenchError::Load { action, path, source };
        Ok(Measurement {
            round_trip_p50_micros: ends.round_trip(duration).map_err(failed("measure round trips"))? * 1e6,
            connections_per_sec: ends.connections(duration).map_err(failed("measure connections"))?,
            tcp_gbit_per_sec: ends.throughput(duration).map_err(failed("measure throughput"))? * 8.0 / 1e9,
        })
    }
}

fn namespace() -> Result<NetworkNamespace, BenchError> {
    let namespace = NetworkNamespace::create_unpinned().map_err(DataPlaneError::from)?;
    // Short connections would otherwise run out of ports while earlier ones are in TIME-WAIT.
    namespace.set_parameter("ipv4/ip_local_port_range", "1024 65000").map_err(DataPlaneError::from)?;
    Ok(namespace)
}

/// A veth pair between two namespaces.
fn join(
    near: &NetworkNamespace,
    index: u32,
    name: &str,
    far: &NetworkNamespace,
    far_name: &str,
) -> Result<(), BenchError> {
    let mac = |end| MacAddress([0x0e, 0xee, 0, 0, end, index as u8]);
    let spec = VethSpec {
        index,
        name: name.to_owned(),
        mac: mac(1),
        group: 0,
        mtu_bytes: VPC_MTU_BYTES,
        peer: VethPeer { namespace: far, name: far_name.to_owned(), mac: mac(2) },
    };
    let netlink = Netlink::open(near).map_err(DataPlaneError::from)?;
    Ok(netlink.create_veth(&spec).map_err(DataPlaneError::from)?)
}

/// Sets a device up with an address in a /24, and answers its index.
fn up(netlink: &Netlink, name: &str, address: Ipv4Addr) -> Result<u32, BenchError> {
    let up = || {
        let device = netlink.link_named(name)?.map_or(0, |link| link.index);
        netlink.set_up(device, true)?;
        netlink.add_address(device, address.into(), 24)?;
        Ok::<u32, host_net::NetlinkError>(device)
    };
    Ok(up().map_err(DataPlaneError::from)?)
}

fn settle_guest(guest: &NetworkNamespace, address: Ipv4Addr, gateway: Ipv4Addr) -> Result<(), BenchError> {
    let netlink = Netlink::open(guest).map_err(DataPlaneError::from)?;
    let device = up(&netlink, "eth0", address)?;
    let anywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    Ok(netlink.add_route(anywhere, 0, device, Some(gateway.into())).map_err(DataPlaneError::from)?)
}

/// Whether there is an `nft` and it took the rules.
fn load_rules(router: &NetworkNamespace) -> bool {
    let load = || -> io::Result<bool> {
        let mut nft = Command::new("nft")
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut input) = nft.stdin.take() {
            input.write_all(RULES.as_bytes())?;
        }
        Ok(nft.wait()?.success())
    };
    router.run(load).is_ok_and(|loaded| loaded.unwrap_or(false))
}

fn port(number: u32) -> Port {
    Port::new(number).expect("a small number")
}

/// A VPC with two subnets, an interface in each, and rules under which both ends track the connections.
fn intent() -> Vec<Delta> {
    let vpc = VpcId::from_bits(1);
    let (route_table, network_acl) = (RouteTableId::from_bits(1), NetworkAclId::from_bits(1));
    let group = SecurityGroupId::from_bits(1);
    let acl_entry = |direction| NetworkAclEntry {
        number: AclRuleNumber::MAX,
        direction,
        traffic: Traffic::All,
        cidr: ANYWHERE,
        action: AclAction::Allow,
    };
    let rule = |id, direction| SecurityGroupRule {
        id: SecurityGroupRuleId::from_bits(id),
        direction,
        traffic: Traffic::All,
        peer: Peer::Cidr(VPC.into()),
    };
    let mut deltas: Vec<Delta> = vec![
        Vpc { id: vpc, ipv4_cidrs: vec![VPC], ipv6_cidrs: Vec::new(), dns_support: true, dhcp_options: None }
            .into(),
        RouteTable { id: route_table, vpc, routes: Vec::new() }.into(),
        NetworkAcl {
            id: network_acl,
            vpc,
            entries: vec![acl_entry(Direction::Ingress), acl_entry(Direction::Egress)],
        }
        .into(),
        SecurityGroup {
            id: group,
            vpc,
            rules: vec![rule(1, Direction::Ingress), rule(2, Direction::Egress)],
        }
        .into(),
    ];
    for (number, address) in [(1, CLIENT), (2, SERVER)] {
        let subnet = SubnetId::from_bits(number);
        let cidr = Ipv4Net::new_assert(address, 24).trunc();
        let zone = "us-east-1a".parse().expect("a zone's name");
        let internet_block = InternetBlock::Off;
        deltas.push(
            Subnet { id: subnet, vpc, cidr, ipv6_cidr: None, zone, route_table, network_acl, internet_block }
                .into(),
        );
        let interface = Interface {
            id: NetworkInterfaceId::from_bits(number),
            port: port(number as u32),
            vpc,
            subnet,
            mac: MacAddress::local(number as u64),
            ipv4: address,
            secondary_ipv4: Vec::new(),
            public_ipv4: Vec::new(),
            role: InterfaceRole::Workload,
            ipv6: Vec::new(),
            ipv4_prefixes: Vec::new(),
            ipv6_prefixes: Vec::new(),
            security_groups: vec![group],
            source_dest_check: true,
            idle_timeouts: IdleTimeouts::DEFAULT,
            tracking_limit: None,
            hostname: None,
        };
        deltas.push(interface.into());
    }
    deltas
}
