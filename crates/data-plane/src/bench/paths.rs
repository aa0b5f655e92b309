//! A path is two namespaces and what lies between them. Owns what the paths have in common, and those that this data plane is
//! compared with: a bare veth pair and a Linux router with stateful nftables, each in IPv4 and IPv6, and the router
//! translating addresses too.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

use aws_types::MacAddress;
use host_net::{Netlink, NetworkNamespace, VethPeer, VethSpec};

use super::load::Ends;
use super::ways::Way;
use super::{BenchError, Measurement};
use crate::DataPlaneError;
use crate::layout::VPC_MTU_BYTES;

const SERVER_PORT: u16 = 5001;

/// A router's rules: what is established passes, and new connections from one network.
const RULES: &str = "table inet filter {
    chain forward {
        type filter hook forward priority 0; policy drop;
        ct state established,related accept
        ct state new ip saddr 10.0.0.0/16 accept
        ct state new ip6 saddr 2600:1f00::/56 accept
    }
}
";
/// What makes it a NAT gateway.
const MASQUERADE: &str = "table ip nat {
    chain postrouting {
        type nat hook postrouting priority 100;
        ip saddr 10.0.1.0/24 masquerade
    }
}
";

/// What lies between client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathKind {
    /// Nothing: one veth pair.
    Veth { is_ipv6: bool },
    /// A namespace that forwards, with stateful nftables.
    Router { is_ipv6: bool, is_nat: bool },
    /// This data plane.
    Brume(Way),
}

/// The addresses of a path's two ends, and of the routers next to them.
#[derive(Clone, Copy)]
pub(super) struct Addresses {
    pub(super) client: IpAddr,
    pub(super) client_router: IpAddr,
    pub(super) server: IpAddr,
    pub(super) server_router: IpAddr,
}

impl Addresses {
    /// In two subnets of one network.
    pub(super) const fn new(is_ipv6: bool) -> Self {
        if is_ipv6 {
            Self {
                client: address_6(1, 0x10),
                client_router: address_6(1, 1),
                server: address_6(2, 0x10),
                server_router: address_6(2, 1),
            }
        } else {
            Self {
                client: IpAddr::V4(Ipv4Addr::new(10, 0, 1, 10)),
                client_router: IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1)),
                server: IpAddr::V4(Ipv4Addr::new(10, 0, 2, 10)),
                server_router: IpAddr::V4(Ipv4Addr::new(10, 0, 2, 1)),
            }
        }
    }
}

const fn address_6(subnet: u16, host: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2600, 0x1f00, 0, subnet, 0, 0, 0, host))
}

/// One path, ready to carry load.
pub(super) struct BenchPath {
    pub(super) kind: PathKind,
    client: NetworkNamespace,
    server: NetworkNamespace,
    address: SocketAddr,
    // Kept for as long as the path is used.
    _router: Option<NetworkNamespace>,
}

impl BenchPath {
    /// Over what lies between two namespaces already, to that address of the server's.
    pub(super) fn new(
        kind: PathKind,
        client: NetworkNamespace,
        server: NetworkNamespace,
        to: IpAddr,
    ) -> Self {
        Self { kind, client, server, address: SocketAddr::new(to, SERVER_PORT), _router: None }
    }

    /// A bare veth pair between two namespaces.
    pub(super) fn veth(is_ipv6: bool) -> Result<Self, BenchError> {
        let (client, server) = (namespace()?, namespace()?);
        let addresses = Addresses::new(is_ipv6);
        join(&client, 10, "eth0", &server, "eth0")?;
        let (near, far) = (addresses.client, addresses.server);
        for (namespace, own, other) in [(&client, near, far), (&server, far, near)] {
            let netlink = Netlink::open(namespace).map_err(DataPlaneError::from)?;
            let device = up(&netlink, "eth0", own)?;
            let length = if is_ipv6 { 128 } else { 32 };
            netlink.add_route(other, length, device, None).map_err(DataPlaneError::from)?;
        }
        Ok(Self::new(PathKind::Veth { is_ipv6 }, client, server, far))
    }

    /// A Linux router with stateful nftables; none on a host without `nft`.
    pub(super) fn router(is_ipv6: bool, is_nat: bool) -> Result<Option<Self>, BenchError> {
        let (client, server, router) = (namespace()?, namespace()?, namespace()?);
        if !load_rules(&router, is_nat) {
            return Ok(None);
        }
        let addresses = Addresses::new(is_ipv6);
        let netlink = Netlink::open(&router).map_err(DataPlaneError::from)?;
        for (guest, index, name, address, gateway) in [
            (&client, 10, "client", addresses.client, addresses.client_router),
            (&server, 11, "server", addresses.server, addresses.server_router),
        ] {
            join(&router, index, name, guest, "eth0")?;
            up(&netlink, name, gateway)?;
            settle_guest(guest, address, gateway)?;
        }
        let forwarding = if is_ipv6 { "ipv6/conf/all/forwarding" } else { "ipv4/ip_forward" };
        router.set_parameter(forwarding, "1").map_err(DataPlaneError::from)?;
        let path = Self::new(PathKind::Router { is_ipv6, is_nat }, client, server, addresses.server);
        Ok(Some(Self { _router: Some(router), ..path }))
    }

    /// Measures everything, for `duration` each.
    pub(super) fn measure(&self, duration: Duration) -> Result<Measurement, BenchError> {
        let path = self.kind.name();
        let ends = Ends { client: &self.client, server: &self.server, address: self.address };
        let failed = |action| move |source| BenchError::Load { action, path, source };
        Ok(Measurement {
            round_trip_p50_micros: ends.round_trip(duration).map_err(failed("measure round trips"))? * 1e6,
            connections_per_sec: ends.connections(duration).map_err(failed("measure connections"))?,
            tcp_gbit_per_sec: ends.throughput(duration).map_err(failed("measure throughput"))? * 8.0 / 1e9,
        })
    }
}

impl PathKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Veth { is_ipv6: false } => "veth",
            Self::Veth { is_ipv6: true } => "IPv6 veth",
            Self::Router { is_nat: true, .. } => "NAT router",
            Self::Router { is_ipv6: false, .. } => "router",
            Self::Router { is_ipv6: true, .. } => "IPv6 router",
            Self::Brume(way) => way.name(),
        }
    }
}

pub(super) fn namespace() -> Result<NetworkNamespace, BenchError> {
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

/// Sets a device up with an address in a /24 or /64, and answers its index.
fn up(netlink: &Netlink, name: &str, address: IpAddr) -> Result<u32, BenchError> {
    let length = if address.is_ipv6() { 64 } else { 24 };
    let up = || {
        let device = netlink.link_named(name)?.map_or(0, |link| link.index);
        netlink.set_up(device, true)?;
        netlink.add_address(device, address, length)?;
        Ok::<u32, host_net::NetlinkError>(device)
    };
    Ok(up().map_err(DataPlaneError::from)?)
}

/// Gives a guest's `eth0` its address and default route, and answers the device's index.
pub(super) fn settle_guest(
    guest: &NetworkNamespace,
    address: IpAddr,
    gateway: IpAddr,
) -> Result<u32, BenchError> {
    let netlink = Netlink::open(guest).map_err(DataPlaneError::from)?;
    let device = up(&netlink, "eth0", address)?;
    let anywhere = match address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    netlink.add_route(anywhere, 0, device, Some(gateway)).map_err(DataPlaneError::from)?;
    Ok(device)
}

/// Whether there is an `nft` and it took the rules.
fn load_rules(router: &NetworkNamespace, is_nat: bool) -> bool {
    let load = || -> io::Result<bool> {
        let mut nft = Command::new("nft")
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut input) = nft.stdin.take() {
            input.write_all(RULES.as_bytes())?;
            if is_nat {
                input.write_all(MASQUERADE.as_bytes())?;
            }
        }
        Ok(nft.wait()?.success())
    };
    router.run(load).is_ok_and(|loaded| loaded.unwrap_or(false))
}
