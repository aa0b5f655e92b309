//! The network as the reference knows it: lists of objects, and what is looked up in them by going through them.

use std::net::IpAddr;

use aws_types::{NetworkInterfaceId, RouteTableId, SubnetId, VpcId};
use ipnet::IpNet;
use vpc_model::{
    Delta, EgressOnlyInternetGateway, Interface, InternetGateway, InternetHost, NatGateway, NetworkAcl,
    Object, ObjectId, PublicAddresses, RouteOrigin, RouteTable, RouteTarget, SecurityGroup, ServiceAddresses,
    Subnet, TransitGateway, TransitGatewayAttachment, TransitGatewayPeering, TransitGatewayRouteTable, Vpc,
    VpcEndpoint, VpcPeeringConnection, VpnGateway,
};

use super::Reason;
use super::shape::has;

macro_rules! network {
    ($($list:ident: $object:ident,)*) => {
        /// Every object that the reference was told of.
        #[derive(Default)]
        pub(super) struct Network {
            $(pub(super) $list: Vec<$object>,)*
        }

        impl Network {
            /// Takes one change over.
            pub(super) fn apply(&mut self, delta: &Delta) {
                match delta {
                    $(
                        Delta::Put(Object::$object(new)) => {
                            self.$list.retain(|old| old.id != new.id);
                            self.$list.push(new.clone());
                        }
                        Delta::Remove(ObjectId::$object(id)) => self.$list.retain(|old| old.id != *id),
                    )*
                    Delta::Put(Object::DhcpOptions(_) | Object::Path(_))
                    | Delta::Remove(ObjectId::DhcpOptions(_) | ObjectId::Path(_)) => {}
                }
            }
        }
    };
}

network! {
    vpcs: Vpc,
    subnets: Subnet,
    tables: RouteTable,
    acls: NetworkAcl,
    groups: SecurityGroup,
    interfaces: Interface,
    internet_gateways: InternetGateway,
    egress_only_gateways: EgressOnlyInternetGateway,
    nat_gateways: NatGateway,
    vpn_gateways: VpnGateway,
    peerings: VpcPeeringConnection,
    transit_gateways: TransitGateway,
    attachments: TransitGatewayAttachment,
    transit_peerings: TransitGatewayPeering,
    transit_tables: TransitGatewayRouteTable,
    endpoints: VpcEndpoint,
    services: ServiceAddresses,
    hosts: InternetHost,
    public: PublicAddresses,
}

impl Network {
    pub(super) fn vpc(&self, id: VpcId) -> Option<&Vpc> {
        self.vpcs.iter().find(|vpc| vpc.id == id)
    }

    pub(super) fn subnet(&self, id: SubnetId) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.id == id)
    }

    /// The subnet of an interface, if both are of one VPC.
    pub(super) fn subnet_of(&self, interface: &Interface) -> Option<&Subnet> {
        self.subnet(interface.subnet).filter(|subnet| subnet.vpc == interface.vpc)
    }

    pub(super) fn interface(&self, id: NetworkInterfaceId) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.id == id)
    }

    /// Who has a private address in a VPC.
    pub(super) fn owner(&self, vpc: VpcId, address: IpAddr) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.vpc == vpc && has(interface, address))
    }

    /// Whether an address is in a block of a VPC.
    pub(super) fn is_in_vpc(&self, vpc: VpcId, address: IpAddr) -> bool {
        self.vpc(vpc).is_some_and(|vpc| match address {
            IpAddr::V4(address) => vpc.ipv4_cidrs.iter().any(|block| block.contains(&address)),
            IpAddr::V6(address) => vpc.ipv6_cidrs.iter().any(|block| block.contains(&address)),
        })
    }

    /// The target of the route that decides for an address (facts 1 to 6).
    pub(super) fn route(&self, table: RouteTableId, address: IpAddr) -> Result<RouteTarget, Reason> {
        let table = self.tables.iter().find(|listed| listed.id == table).ok_or("Missing")?;
        let vpc = self.vpc(table.vpc).ok_or("Missing")?;
        let mut best: Option<(IpNet, RouteOrigin, RouteTarget)> = None;
        for route in &table.routes {
            let wins = best.is_none_or(|(net, origin, _)| {
                (route.destination.prefix_len(), route.origin) >= (net.prefix_len(), origin)
            });
            if route.destination.contains(&address) && wins {
                best = Some((route.destination, route.origin, route.target));
            }
        }
        let ipv4 = vpc.ipv4_cidrs.iter().copied().map(IpNet::V4);
        for block in ipv4.chain(vpc.ipv6_cidrs.iter().copied().map(IpNet::V6)) {
            // A route that is listed for exactly this block replaces the implied one.
            let is_listed = table.routes.iter().any(|route| route.destination == block);
            let is_longer = best.is_none_or(|(net, ..)| block.prefix_len() > net.prefix_len());
            if block.contains(&address) && !is_listed && is_longer {
                best = Some((block, RouteOrigin::Static, RouteTarget::Local));
            }
        }
        best.map(|(_, _, target)| target).ok_or("NoRoute")
    }
}
