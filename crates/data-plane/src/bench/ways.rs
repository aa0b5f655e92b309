//! The ways through this data plane that are measured, each a network of the benchmark's own with two guests. Owns the networks
//! and, when dropped, the removal of the data plane that carries them. Refuses to know what is measured.
//!
//! ```text
//!   same subnet         10.0.1.10 --------------------------------------- 10.0.1.20
//!   across subnets      10.0.1.10 -- ACL ------------------------- ACL -- 10.0.2.10
//!   over a peering      10.0.1.10 -- ACL -------- peering -------- ACL -- 10.1.2.10
//!   transit gateway     10.0.1.10 -- ACL -- attachment, attachment ACL -- 10.1.2.10
//!   NAT gateway         10.0.1.10 -- ACL -- 10.0.3.200 = NAT ----- ACL -- 10.0.2.10
//!   IPv6                ...:1::10 -- ACL ------------------------- ACL -- ...:2::10
//!   10 or 1,000 rules   10.0.1.10 -- that many rules at each end -------- 10.0.2.10
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use aws_types::{
    MacAddress, NatGatewayId, NetworkAclId, NetworkInterfaceId, ResourceId, RouteTableId, SecurityGroupId,
    SecurityGroupRuleId, SubnetId, TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId,
    VpcId, VpcPeeringConnectionId,
};
use host_net::{Netlink, NetworkNamespace};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use vpc_engine::router_mac;
use vpc_model::{
    AclAction, AclRuleNumber, AttachedNetwork, AttachedSubnet, AttachedVpc, Delta, Direction, IdleTimeouts,
    Interface, InterfaceRole, InternetBlock, NatGateway, NetworkAcl, NetworkAclEntry, Peer, Port, PortRange,
    Route, RouteTable, RouteTarget, SecurityGroup, SecurityGroupRule, Subnet, Traffic, TransitGateway,
    TransitGatewayAttachment, TransitGatewayRouteTable, Vpc, VpcPeeringConnection,
};

use super::BenchError;
use super::paths::{Addresses, BenchPath, PathKind, namespace, settle_guest};
use crate::layout::VPC_MTU_BYTES;
use crate::{ADVERTISING, Config, DataPlane, DataPlaneError, Mode, ModeChoice, PortSpec};

const ANYWHERE: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)),
];
const NAT: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 200);
/// Entries of each ACL that are about other traffic and stand before the one that allows everything.
const ACL_ENTRIES: u16 = 18;
/// Objects of one kind that one way has at most; the numbers of the next one's begin there.
const NUMBERS: u128 = 16;

/// A way from a client to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// In one subnet.
    SameSubnet,
    /// Across subnets of a VPC, each with a network ACL.
    AcrossSubnets,
    /// To a peer VPC.
    Peering,
    /// To another VPC by a transit gateway.
    TransitGateway,
    /// By a NAT gateway, to a subnet of the same VPC.
    NatGateway,
    /// Across subnets of a VPC by IPv6.
    Ipv6,
    /// Across subnets, with 10 rules at each interface.
    TenRules,
    /// Across subnets, with 1,000 rules at each interface.
    ThousandRules,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 8] = [
        Self::SameSubnet,
        Self::AcrossSubnets,
        Self::Peering,
        Self::TransitGateway,
        Self::NatGateway,
        Self::Ipv6,
        Self::TenRules,
        Self::ThousandRules,
    ];

    /// Its name, as people are told.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SameSubnet => "same subnet",
            Self::AcrossSubnets => "across subnets",
            Self::Peering => "over a peering",
            Self::TransitGateway => "by a transit gateway",
            Self::NatGateway => "by a NAT gateway",
            Self::Ipv6 => "IPv6",
            Self::TenRules => "10 rules",
            Self::ThousandRules => "1,000 rules",
        }
    }

    /// The bare veth pair that it is compared with.
    pub(super) fn veth(self) -> PathKind {
        PathKind::Veth { is_ipv6: self == Self::Ipv6 }
    }

    /// The Linux router that does the same job.
    pub(super) fn router(self) -> PathKind {
        PathKind::Router { is_ipv6: self == Self::Ipv6, is_nat: self == Self::NatGateway }
    }

    /// Rules at each interface.
    const fn rules(self) -> u16 {
        match self {
            Self::TenRules => 10,
            Self::ThousandRules => 1000,
            Self::SameSubnet
            | Self::AcrossSubnets
            | Self::Peering
            | Self::TransitGateway
            | Self::NatGateway
            | Self::Ipv6 => 4,
        }
    }
}

/// The data plane under test. Its files are in a directory of their own.
pub(super) struct Cloud {
    // Dropped first.
    pub(super) plane: DataPlane,
    _directory: RunDirectory,
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

impl Cloud {
    /// Starts in a directory of its own in this one, named after that.
    pub(super) fn start(mode: ModeChoice, directory: &Path, name: &str) -> Result<Self, BenchError> {
        let run_dir = directory.join(format!("brume-bench-{}-{name}", std::process::id()));
        let directory = RunDirectory(run_dir.clone());
        let plane = DataPlane::start(&Config { run_dir, mode, advertising: ADVERTISING, workstation: None })?;
        Ok(Self { plane, _directory: directory })
    }

    /// What it works with.
    pub(super) fn mode(&self) -> Mode {
        self.plane.mode()
    }

    /// Makes the network of a way, and its guests.
    pub(super) fn open(&self, way: Way) -> Result<BenchPath, BenchError> {
        let network = Network::new(way);
        self.plane.apply(&network.deltas);
        let client = self.guest(&network.client)?;
        let server = self.guest(&network.server)?;
        let to = address(&network.server);
        Ok(BenchPath::new(PathKind::Brume(way), client, server, to))
    }

    /// A guest plugged in at an interface.
    pub(super) fn guest(&self, interface: &Interface) -> Result<NetworkNamespace, BenchError> {
        let guest = namespace()?;
        self.plane.attach(&PortSpec {
            port: interface.port,
            mac: interface.mac,
            mtu_bytes: VPC_MTU_BYTES,
            namespace: &guest,
            guest_name: "eth0".to_owned(),
        })?;
        if let Some(ipv6) = interface.ipv6.first() {
            // Its router is told of in advertisements, which there is no time to wait for.
            let router = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1).into();
            let device = settle_guest(&guest, IpAddr::V6(*ipv6), router)?;
            let netlink = Netlink::open(&guest).map_err(DataPlaneError::from)?;
            let mac = router_mac(interface.subnet);
            netlink.add_neighbour(device, router, mac).map_err(DataPlaneError::from)?;
        } else {
            let subnet = Ipv4Net::new_assert(interface.ipv4, 24).network();
            settle_guest(&guest, interface.ipv4.into(), Ipv4Addr::from_bits(subnet.to_bits() + 1).into())?;
        }
        Ok(guest)
    }
}

/// The address that a guest is reached by.
fn address(interface: &Interface) -> IpAddr {
    interface.ipv6.first().map_or(interface.ipv4.into(), |ipv6| (*ipv6).into())
}

/// A way's network.
pub(super) struct Network {
    pub(super) deltas: Vec<Delta>,
    pub(super) client: Interface,
    pub(super) server: Interface,
    /// What the numbers of its objects begin with.
    base: u128,
}

impl Network {
    pub(super) fn new(way: Way) -> Self {
        let place = Way::ALL.iter().position(|other| *other == way).expect("one of all") as u128;
        let base = place * NUMBERS;
        let is_ipv6 = way == Way::Ipv6;
        let addresses = Addresses::new(is_ipv6);
        let far = |address: IpAddr, host| match address {
            IpAddr::V4(_) => IpAddr::V4(host),
            IpAddr::V6(_) => address,
        };
        let (server_vpc, server_subnet, server) = match way {
            Way::SameSubnet => (1, 1, far(addresses.server, Ipv4Addr::new(10, 0, 1, 20))),
            Way::Peering | Way::TransitGateway => (2, 2, far(addresses.server, Ipv4Addr::new(10, 1, 2, 10))),
            Way::AcrossSubnets | Way::NatGateway | Way::Ipv6 | Way::TenRules | Way::ThousandRules => {
                (1, 2, addresses.server)
            }
        };
        let client = interface(base, 1, 1, 1, addresses.client);
        let server = interface(base, 2, server_vpc, server_subnet, server);
        let mut network = Self { deltas: Vec::new(), client, server, base };
        network.add_vpc(1, is_ipv6, way.rules());
        if server_vpc == 2 {
            network.add_vpc(2, false, way.rules());
        }
        network.add_subnet(1, 1, Ipv4Addr::new(10, 0, 1, 0), is_ipv6);
        if server_subnet == 2 {
            network.add_subnet(2, server_vpc, network.server.ipv4, is_ipv6);
        }
        network.add_gateway(way);
        let ends = [network.client.clone(), network.server.clone()];
        network.deltas.extend(ends.map(Delta::from));
        network
    }

    /// A VPC with a group, an ACL and a main route table.
    fn add_vpc(&mut self, number: u128, is_ipv6: bool, rules: u16) {
        let id = self.base + number;
        let vpc = VpcId::from_bits(id);
        let ipv6 = Ipv6Net::new_assert(Ipv6Addr::new(0x2600, 0x1f00, 0, 0, 0, 0, 0, 0), 56);
        let ipv4_cidrs = vec![block(number)];
        let ipv6_cidrs = if is_ipv6 { vec![ipv6] } else { Vec::new() };
        let group = SecurityGroup { id: SecurityGroupId::from_bits(id), vpc, rules: group_rules(id, rules) };
        let acl = NetworkAcl { id: NetworkAclId::from_bits(id), vpc, entries: acl_entries() };
        self.deltas.extend([
            Vpc { id: vpc, ipv4_cidrs, ipv6_cidrs, dns_support: true, dhcp_options: None }.into(),
            acl.into(),
            group.into(),
        ]);
        self.route(number, number, &[]);
    }

    fn route(&mut self, number: u128, vpc: u128, routes: &[(Ipv4Net, RouteTarget)]) {
        let id = RouteTableId::from_bits(self.base + number);
        let routes = routes.iter().map(|(to, target)| Route::fixed((*to).into(), *target)).collect();
        self.deltas.push(RouteTable { id, vpc: VpcId::from_bits(self.base + vpc), routes }.into());
    }

    /// A /24 around an address. The third of a way has a route table of its own.
    fn add_subnet(&mut self, number: u128, vpc: u128, around: Ipv4Addr, is_ipv6: bool) {
        let table = if number == 3 { 3 } else { vpc };
        let ipv6 = Ipv6Addr::new(0x2600, 0x1f00, 0, number as u16, 0, 0, 0, 0);
        let subnet = Subnet {
            id: SubnetId::from_bits(self.base + number),
            vpc: VpcId::from_bits(self.base + vpc),
            cidr: Ipv4Net::new_assert(around, 24).trunc(),
            ipv6_cidr: is_ipv6.then(|| Ipv6Net::new_assert(ipv6, 64)),
            zone: "us-east-1a".parse().expect("a zone's name"),
            route_table: RouteTableId::from_bits(self.base + table),
            network_acl: NetworkAclId::from_bits(self.base + vpc),
            internet_block: InternetBlock::Off,
        };
        self.deltas.push(subnet.into());
    }

    fn add_gateway(&mut self, way: Way) {
        let base = self.base;
        match way {
            Way::Peering => {
                let id = VpcPeeringConnectionId::from_bits(base);
                let [requester, accepter] = [1, 2].map(|number| VpcId::from_bits(base + number));
                let peering = VpcPeeringConnection { id, requester, accepter, is_inter_region: false };
                self.deltas.push(peering.into());
                self.route(1, 1, &[(block(2), RouteTarget::VpcPeeringConnection(id))]);
                self.route(2, 2, &[(block(1), RouteTarget::VpcPeeringConnection(id))]);
            }
            Way::TransitGateway => self.add_transit_gateway(),
            Way::NatGateway => {
                let id = NatGatewayId::from_bits(base);
                let mut own = interface(base, 3, 1, 3, NAT.into());
                (own.role, own.security_groups) = (InterfaceRole::NatGateway, Vec::new());
                self.route(3, 1, &[]);
                self.add_subnet(3, 1, NAT, false);
                let (vpc, subnet, interface) = (own.vpc, own.subnet, own.id);
                self.deltas.push(own.into());
                self.deltas.push(NatGateway { id, vpc, subnet, interface, addresses: vec![NAT] }.into());
                // To the server's subnet, though it is in the same VPC: a table of the client's subnet alone.
                let to = Ipv4Net::new_assert(self.server.ipv4, 24).trunc();
                self.route(4, 1, &[(to, RouteTarget::NatGateway(id))]);
                let table = RouteTableId::from_bits(base + 4);
                for delta in &mut self.deltas {
                    if let Delta::Put(vpc_model::Object::Subnet(subnet)) = delta
                        && subnet.id == self.client.subnet
                    {
                        subnet.route_table = table;
                    }
                }
            }
            Way::SameSubnet | Way::AcrossSubnets | Way::Ipv6 | Way::TenRules | Way::ThousandRules => {}
        }
    }

    fn add_transit_gateway(&mut self) {
        let base = self.base;
        let gateway = TransitGatewayId::from_bits(base);
        let table = TransitGatewayRouteTableId::from_bits(base);
        self.deltas.push(TransitGateway { id: gateway, security_group_referencing: false }.into());
        let mut propagations = Vec::new();
        for (number, address) in [(1, Ipv4Addr::new(10, 0, 1, 5)), (2, Ipv4Addr::new(10, 1, 2, 5))] {
            let mut own = interface(base, 2 + number, number, number, address.into());
            (own.role, own.security_groups) = (InterfaceRole::TransitGateway, Vec::new());
            let id = TransitGatewayAttachmentId::from_bits(base + number);
            let target = AttachedNetwork::Vpc(AttachedVpc {
                vpc: own.vpc,
                subnets: vec![AttachedSubnet { subnet: own.subnet, interface: own.id }],
                ipv6: false,
                appliance_mode: false,
                security_group_referencing: false,
            });
            self.deltas.push(own.into());
            let attachment = TransitGatewayAttachment { id, gateway, target, association: Some(table) };
            self.deltas.push(attachment.into());
            propagations.push(id);
            self.route(number, number, &[(block(3 - number), RouteTarget::TransitGateway(gateway))]);
        }
        let table = TransitGatewayRouteTable { id: table, gateway, routes: Vec::new(), propagations };
        self.deltas.push(table.into());
    }
}

/// A subnet for thousands of interfaces in the first way's first VPC.
pub(super) fn crowd_subnet(vpc: VpcId) -> Subnet {
    Subnet {
        id: SubnetId::from_bits(NUMBERS - 1),
        vpc,
        cidr: Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 128, 0), 17),
        ipv6_cidr: None,
        zone: "us-east-1a".parse().expect("a zone's name"),
        route_table: RouteTableId::from_bits(1),
        network_acl: NetworkAclId::from_bits(1),
        internet_block: InternetBlock::Off,
    }
}

/// The block of a way's first or second VPC.
pub(super) fn block(vpc: u128) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(10, vpc as u8 - 1, 0, 0), 16)
}

/// An interface of a way, whose port is its number.
pub(super) fn interface(base: u128, number: u128, vpc: u128, subnet: u128, address: IpAddr) -> Interface {
    let port = (base + number) as u32;
    let (ipv4, ipv6) = match address {
        IpAddr::V4(ipv4) => (ipv4, Vec::new()),
        IpAddr::V6(ipv6) => (Ipv4Addr::new(10, 0, subnet as u8, 10), vec![ipv6]),
    };
    Interface {
        id: NetworkInterfaceId::from_bits(base + number),
        port: Port::new(port).expect("a small number"),
        vpc: VpcId::from_bits(base + vpc),
        subnet: SubnetId::from_bits(base + subnet),
        mac: MacAddress::local(port.into()),
        ipv4,
        secondary_ipv4: Vec::new(),
        public_ipv4: Vec::new(),
        role: InterfaceRole::Workload,
        ipv6,
        ipv4_prefixes: Vec::new(),
        ipv6_prefixes: Vec::new(),
        security_groups: vec![SecurityGroupId::from_bits(base + vpc)],
        source_dest_check: true,
        idle_timeouts: IdleTimeouts::DEFAULT,
        tracking_limit: None,
        hostname: None,
    }
}

/// That many rules, of which the last four let everything pass by the networks' addresses, so that both ends track the
/// connections. The others are about other addresses and ports, half of them each way.
fn group_rules(group: u128, count: u16) -> Vec<SecurityGroupRule> {
    let both = [Direction::Ingress, Direction::Egress];
    let others = (0..count - 4).map(|number| {
        let [high, low] = number.to_be_bytes();
        let peer = Ipv4Net::new_assert(Ipv4Addr::new(172, 16 + high, low, 0), 24);
        (both[usize::from(number % 2)], Traffic::Tcp(PortRange::one(10_000 + number)), peer.into())
    });
    let networks = [
        IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8)),
        IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0x2600, 0x1f00, 0, 0, 0, 0, 0, 0), 32)),
    ];
    let open = both.into_iter().flat_map(|direction| networks.map(|cidr| (direction, Traffic::All, cidr)));
    others
        .chain(open)
        .zip(1..)
        .map(|((direction, traffic, cidr), number)| SecurityGroupRule {
            id: SecurityGroupRuleId::from_bits(group << 16 | number),
            direction,
            traffic,
            peer: Peer::Cidr(cidr),
        })
        .collect()
}

/// Entries about other ports, which a packet passes by, and then one that allows everything, each way.
fn acl_entries() -> Vec<NetworkAclEntry> {
    let mut entries = Vec::new();
    for direction in [Direction::Ingress, Direction::Egress] {
        let mut add = |number, traffic, cidr, action| {
            let number = AclRuleNumber::new(number).expect("a number in range");
            entries.push(NetworkAclEntry { number, direction, traffic, cidr, action });
        };
        for number in 1..=ACL_ENTRIES {
            let traffic = Traffic::Udp(PortRange::one(20_000 + number));
            add(number, traffic, ANYWHERE[usize::from(number % 2)], AclAction::Deny);
        }
        for (cidr, number) in ANYWHERE.into_iter().zip(30_000..) {
            add(number, Traffic::All, cidr, AclAction::Allow);
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_as_many_rules_as_asked_for() {
        for way in Way::ALL {
            assert_eq!(group_rules(1, way.rules()).len(), usize::from(way.rules()), "{way:?}");
        }
    }
}
