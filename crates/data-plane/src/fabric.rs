//! The host's side of the network: the fabric, services and internet namespaces and the veth pair of each port. Idempotent
//! throughout: what is there already is kept, what is half there is made anew.
//!
//! Knows devices and addresses; refuses to know frames and verdicts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::BorrowedFd;

use aws_types::MacAddress;
use host_ebpf::PROGRAM_NAME;
use host_net::{Netlink, NetworkNamespace, VethPeer, VethSpec};
use ipnet::IpNet;
use vpc_engine::services::{
    LINK_IPV4, LINK_IPV6, LINK_ROUTER_MAC, LinkService, SERVICES_MAC, managed_listener,
};
use vpc_model::{ManagedService, Port};

use crate::DataPlaneError;
use crate::layout::{
    PORT_GROUP, RunDir, SERVICES_DEVICE, VPC_MTU_BYTES, device_mac, device_name, device_of, port_of,
};

/// The loopback device, in every namespace.
pub(crate) const LOOPBACK: u32 = 1;
/// Next hops of the services, the internet's hosts and the workstation towards the interfaces; nothing has these
/// addresses, only the link address counts.
const LINK_ROUTER_IPV4: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 0, 1));
const LINK_ROUTER_IPV6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1));

/// An interface to be plugged in.
#[derive(Clone, Debug)]
pub struct PortSpec<'a> {
    /// Its place on the fabric.
    pub port: Port,
    /// Its MAC address, which the guest's device gets.
    pub mac: MacAddress,
    /// Its largest packet, bytes; 9001 in a VPC.
    pub mtu_bytes: u32,
    /// The guest's namespace.
    pub namespace: &'a NetworkNamespace,
    /// The guest's name for it, usually `eth0`. It starts down and without addresses.
    pub guest_name: String,
}

/// An interface that is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedPort {
    /// Its place on the fabric.
    pub port: Port,
    /// Whether the guest has set its device up.
    pub is_guest_up: bool,
    /// Its largest packet, bytes.
    pub mtu_bytes: u32,
}

/// The namespaces and the way into them.
pub(crate) struct Fabric {
    pub(crate) namespace: NetworkNamespace,
    pub(crate) services: NetworkNamespace,
    /// Where the hosts of the simulated internet are.
    pub(crate) internet: NetworkNamespace,
    netlink: Netlink,
}

impl Fabric {
    /// Makes or adopts the namespaces, and the ports of the services and the internet.
    pub(crate) fn open(run_dir: &RunDir) -> Result<Self, DataPlaneError> {
        let namespace = NetworkNamespace::create_pinned(&run_dir.fabric())?;
        quieten(&namespace);
        let services = NetworkNamespace::create_pinned(&run_dir.services())?;
        quieten(&services);
        let internet = NetworkNamespace::create_pinned(&run_dir.internet())?;
        quieten(&internet);
        let netlink = Netlink::open(&namespace)?;
        let fabric = Self { namespace, services, internet, netlink };
        fabric.open_services()?;
        fabric.open_internet()?;
        Ok(fabric)
    }

    /// Pins the namespaces again where somebody has taken their files away: what is in them goes on as long as this handle
    /// is there, but nobody else would find them, nor would the next start.
    pub(crate) fn pin_again(&self, run_dir: &RunDir) -> Result<(), DataPlaneError> {
        let pins = [
            (&self.namespace, run_dir.fabric()),
            (&self.services, run_dir.services()),
            (&self.internet, run_dir.internet()),
        ];
        for (namespace, path) in pins {
            let found = NetworkNamespace::open(&path).map(|found| found.id().ok());
            if found.is_ok_and(|found| found == namespace.id().ok()) {
                continue;
            }
            tracing::warn!(path = %path.display(), "a network namespace was taken away; pinning it again");
            NetworkNamespace::unpin(&path)?;
            namespace.pin(&path)?;
        }
        Ok(())
    }

    /// Makes the services' port anew if somebody has deleted it.
    pub(crate) fn mend_services(&self) -> Result<(), DataPlaneError> {
        if self.has(Port::SERVICES)? {
            return Ok(());
        }
        tracing::warn!("the services' device is gone; making it anew");
        self.open_services()
    }

    /// Makes the internet's port anew if somebody has deleted it. Answers whether it had to: its hosts' addresses went too.
    pub(crate) fn mend_internet(&self) -> Result<bool, DataPlaneError> {
        if self.has(Port::INTERNET)? {
            return Ok(false);
        }
        tracing::warn!("the internet's device is gone; making it anew");
        self.open_internet().map(|()| true)
    }

    fn has(&self, port: Port) -> Result<bool, DataPlaneError> {
        Ok(self.netlink.link(device_of(port))?.is_some())
    }

    fn open_services(&self) -> Result<(), DataPlaneError> {
        let services = Netlink::open(&self.services)?;
        self.plug(&PortSpec {
            port: Port::SERVICES,
            mac: SERVICES_MAC,
            mtu_bytes: VPC_MTU_BYTES,
            namespace: &self.services,
            guest_name: SERVICES_DEVICE.to_owned(),
        })?;
        let Some(device) = services.link_named(SERVICES_DEVICE)? else { return Ok(()) };
        services.set_up(LOOPBACK, true)?;
        services.set_up(device.index, true)?;
        for service in LinkService::ALL {
            services.add_address(device.index, service.ipv4().into(), 32)?;
        }
        for service in ManagedService::ALL {
            let listener = managed_listener(service, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            services.add_address(device.index, listener, 32)?;
        }
        route(&services, device.index, LINK_ROUTER_IPV4, LINK_IPV4.into())?;
        // A kernel without IPv6 has no such services; everything else works.
        let ipv6 = || -> Result<(), DataPlaneError> {
            for service in LinkService::ALL {
                services.add_address(device.index, service.ipv6().into(), 128)?;
            }
            for service in ManagedService::ALL {
                let listener = managed_listener(service, IpAddr::V6(Ipv6Addr::UNSPECIFIED));
                services.add_address(device.index, listener, 128)?;
            }
            route(&services, device.index, LINK_ROUTER_IPV6, LINK_IPV6.into())
        };
        if let Err(error) = ipv6() {
            tracing::warn!(%error, "services have no IPv6");
        }
        Ok(())
    }

    /// Plugs an interface in. Answers whether anything had to be made.
    pub(crate) fn plug(&self, spec: &PortSpec<'_>) -> Result<bool, DataPlaneError> {
        let index = device_of(spec.port);
        let guest = Netlink::open(spec.namespace)?;
        if let Some(link) = self.netlink.link(index)? {
            let theirs = guest.link_named(&spec.guest_name)?;
            if link.is_veth && theirs.is_some_and(|theirs| theirs.is_veth && theirs.mac == Some(spec.mac)) {
                if link.mtu_bytes != spec.mtu_bytes {
                    self.netlink.set_mtu(index, spec.mtu_bytes)?;
                }
                if !link.is_up {
                    self.netlink.set_up(index, true)?;
                }
                return Ok(false);
            }
            // Its far end is in a namespace that nobody asks for any more.
            self.netlink.delete_link(index)?;
        }
        self.netlink.create_veth(&VethSpec {
            index,
            name: device_name(spec.port),
            mac: device_mac(spec.port),
            group: PORT_GROUP,
            mtu_bytes: spec.mtu_bytes,
            peer: VethPeer { namespace: spec.namespace, name: spec.guest_name.clone(), mac: spec.mac },
        })?;
        Ok(true)
    }

    /// Unplugs an interface. Its absence is no error.
    pub(crate) fn unplug(&self, port: Port) -> Result<(), DataPlaneError> {
        Ok(self.netlink.delete_link(device_of(port))?)
    }

    /// What is plugged in, reserved ports included, by port.
    pub(crate) fn ports(&self) -> Result<Vec<AttachedPort>, DataPlaneError> {
        let mut ports: Vec<AttachedPort> = self
            .netlink
            .links()?
            .into_iter()
            .filter(|link| link.is_veth)
            .filter_map(|link| {
                let port = port_of(link.index)?;
                Some(AttachedPort { port, is_guest_up: link.is_running, mtu_bytes: link.mtu_bytes })
            })
            .collect();
        ports.sort_unstable_by_key(|port| port.port);
        Ok(ports)
    }

    /// Puts the flow cache's program on a port's host end, unless it is there.
    pub(crate) fn cover(
        &self,
        port: Port,
        program: BorrowedFd<'_>,
        program_id: u32,
    ) -> Result<(), DataPlaneError> {
        let index = device_of(port);
        let found = self.netlink.ingress_program(index)?;
        if found.is_some_and(|found| found.name == PROGRAM_NAME && found.id == program_id) {
            return Ok(());
        }
        Ok(self.netlink.set_ingress_program(index, PROGRAM_NAME, program)?)
    }

    /// Takes the flow cache's program off a port's host end. Its absence is no error.
    pub(crate) fn uncover(&self, port: Port) -> Result<(), DataPlaneError> {
        Ok(self.netlink.clear_ingress_program(device_of(port))?)
    }

    /// Removes all devices, what the workstation has of them included, and the namespaces, as far as possible.
    pub(crate) fn destroy(run_dir: &RunDir, errors: &mut Vec<DataPlaneError>) {
        if let Ok(namespace) = NetworkNamespace::open(&run_dir.fabric()) {
            // One step for all of them: one by one, each costs the kernel a grace period.
            let deleted = Netlink::open(&namespace).and_then(|netlink| netlink.delete_group(PORT_GROUP));
            errors.extend(deleted.err().map(DataPlaneError::from));
        }
        for pin in [run_dir.internet(), run_dir.services(), run_dir.fabric()] {
            errors.extend(NetworkNamespace::unpin(&pin).err().map(DataPlaneError::from));
        }
    }
}

/// Keeps the kernel's own network stack in a namespace from forwarding, answering ARP for others, and making IPv6
/// addresses that nobody asked for. A host whose parameters are read-only is left as it is: without routes nothing is
/// forwarded either way.
fn quieten(namespace: &NetworkNamespace) {
    let parameters = [
        ("ipv4/conf/all/forwarding", "0"),
        ("ipv4/conf/default/forwarding", "0"),
        ("ipv4/conf/all/arp_ignore", "2"),
        ("ipv4/conf/all/rp_filter", "0"),
        ("ipv4/conf/default/rp_filter", "0"),
        ("ipv6/conf/all/accept_ra", "0"),
        ("ipv6/conf/default/accept_ra", "0"),
        ("ipv6/conf/default/addr_gen_mode", "1"),
        ("ipv6/conf/all/forwarding", "0"),
    ];
    for (parameter, value) in parameters {
        if let Err(error) = namespace.set_parameter(parameter, value) {
            tracing::debug!(%error, "left a parameter as it is");
        }
    }
}

fn route(netlink: &Netlink, device: u32, router: IpAddr, prefix: IpNet) -> Result<(), DataPlaneError> {
    netlink.add_neighbour(device, router, LINK_ROUTER_MAC)?;
    netlink.add_route(prefix.addr(), prefix.prefix_len(), device, Some(router))?;
    Ok(())
}

/// Routes a prefix from a device to the fabric.
pub(crate) fn route_to_fabric(netlink: &Netlink, device: u32, prefix: IpNet) -> Result<(), DataPlaneError> {
    let router = match prefix {
        IpNet::V4(_) => LINK_ROUTER_IPV4,
        IpNet::V6(_) => LINK_ROUTER_IPV6,
    };
    route(netlink, device, router, prefix)
}
