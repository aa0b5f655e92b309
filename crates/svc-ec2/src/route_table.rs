//! Route tables: CreateRouteTable, DeleteRouteTable, DescribeRouteTables; their routes and their associations.
//!
//! Owns the record of tables, routes and associations. The local routes are not in it: they follow from the VPC's
//! blocks. Refuses to know which route a packet takes.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html>

mod association;
pub(crate) mod propagation;
pub(crate) mod route;
mod target;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::{
    AccountId, EgressOnlyInternetGatewayId, InternetGatewayId, NatGatewayId, NetworkInterfaceId,
    PrefixListId, RouteTableAssociationId, RouteTableId, SubnetId, Tags, TransitGatewayId, VpcEndpointId,
    VpcId, VpcPeeringConnectionId, VpnGatewayId,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Scope};

use crate::filter::{Filters, each, flag, text};
use crate::idempotency::Attempt;
use crate::page::Page;
use crate::prefix_list::{AddressFamily, Listed, prefix_list_blocks};
use crate::sharing::{self, Sharing};
use crate::state::{Edit, Naming, State, resource};
use crate::vpc::Vpc;
use crate::{Ec2, dependency, quota, tag};

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RouteTarget {
    /// An internet gateway.
    InternetGateway(InternetGatewayId),
    /// An egress-only internet gateway.
    EgressOnlyInternetGateway(EgressOnlyInternetGatewayId),
    /// A NAT gateway.
    NatGateway(NatGatewayId),
    /// A network interface, that of an instance included: a middlebox.
    NetworkInterface(NetworkInterfaceId),
    /// A VPC peering connection.
    VpcPeeringConnection(VpcPeeringConnectionId),
    /// A virtual private gateway.
    VpnGateway(VpnGatewayId),
    /// A Gateway Load Balancer endpoint.
    VpcEndpoint(VpcEndpointId),
    /// A transit gateway, by an attachment of the table's VPC.
    TransitGateway(TransitGatewayId),
}

/// What a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Destination {
    /// The addresses of a block. Older builds knew no other destination, and wrote the block alone.
    Block(IpNet),
    /// What is in a prefix list.
    PrefixList(PrefixListId),
}

impl Destination {
    /// Whether it is for addresses of a block, in so many words.
    fn is_in(self, block: IpNet) -> bool {
        matches!(self, Self::Block(own) if block.contains(&own))
    }

    /// Which addresses it is for.
    fn family(self, state: &impl State) -> AddressFamily {
        match self {
            Self::Block(IpNet::V4(_)) => AddressFamily::Ipv4,
            Self::Block(IpNet::V6(_)) => AddressFamily::Ipv6,
            Self::PrefixList(id) => Listed::find(state, id).map_or(AddressFamily::Ipv4, |list| list.family()),
        }
    }

    /// The blocks that it is for now.
    fn blocks(self, state: &impl State) -> Vec<IpNet> {
        match self {
            Self::Block(block) => vec![block],
            Self::PrefixList(id) => prefix_list_blocks(state.reader(), state.scope(), id),
        }
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Block(block) => block.fmt(f),
            Self::PrefixList(id) => id.fmt(f),
        }
    }
}

/// A route beside the local ones, or in place of one if its destination is a block of the VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// What it is for.
    pub destination: Destination,
    /// Where it leads.
    pub target: RouteTarget,
}

/// What a table is associated with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AssociationTarget {
    /// Every subnet of the VPC that has no table of its own.
    Main,
    /// One subnet.
    Subnet(SubnetId),
    /// An internet gateway, for what comes in by it.
    InternetGateway(InternetGatewayId),
}

/// An association of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTableAssociation {
    /// Its id.
    pub id: RouteTableAssociationId,
    /// With what.
    pub target: AssociationTarget,
}

/// A route table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteTable {
    /// Its id.
    pub id: RouteTableId,
    /// The VPC that it is for.
    pub vpc: VpcId,
    /// What it is associated with.
    pub associations: Vec<RouteTableAssociation>,
    /// Its routes beside the local ones or in place of them.
    pub routes: Vec<Route>,
    /// The virtual private gateways whose routes it has too.
    #[serde(default)]
    pub propagating: Vec<VpnGatewayId>,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    RouteTable,
    RouteTableId,
    "ec2.route-table" in vpc,
    Naming {
        resource_type: "route-table",
        noun: "routeTable",
        not_found: "InvalidRouteTableID.NotFound",
        malformed: "InvalidRouteTableId.Malformed",
    },
    fn attribute(&self, filter: &str) -> Option<String> {
        match filter {
            "route-table-id" => Some(self.id.to_string()),
            "vpc-id" => Some(self.vpc.to_string()),
            _ => None,
        }
    },
    /// With the subnets that are routed by it.
    fn is_seen_by(&self, reader: &impl Read, owner: &Scope, account: AccountId) -> bool {
        let mut subnets = sharing::subnets(reader, owner, account, self.vpc);
        let has_own = |subnet| reader.scan::<Self>(owner).any(|(_, table)| table.has_subnet(subnet));
        subnets.any(|subnet| self.has_subnet(subnet.id) || (self.is_main() && !has_own(subnet.id)))
    },
    const SHARING: Sharing = Sharing::Vpc;
);

impl RouteTable {
    /// Whether it is the main table of its VPC.
    pub fn is_main(&self) -> bool {
        self.associations.iter().any(|association| association.target == AssociationTarget::Main)
    }

    /// Whether it is associated with that subnet in so many words.
    pub fn has_subnet(&self, subnet: SubnetId) -> bool {
        self.associations.iter().any(|association| association.target == AssociationTarget::Subnet(subnet))
    }

    /// Whether one of its routes is for a prefix list.
    pub fn has_prefix_list(&self, list: PrefixListId) -> bool {
        self.routes.iter().any(|route| route.destination == Destination::PrefixList(list))
    }

    /// Whether it is associated with that internet gateway.
    pub fn has_internet_gateway(&self, gateway: InternetGatewayId) -> bool {
        let target = AssociationTarget::InternetGateway(gateway);
        self.associations.iter().any(|association| association.target == target)
    }

    /// Whether it is the table of a gateway.
    pub(crate) fn has_gateway(&self) -> bool {
        let is_gateway = |target| matches!(target, AssociationTarget::InternetGateway(_));
        self.associations.iter().any(|association| is_gateway(association.target))
    }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table
        .with::<op::CreateRouteTable>(create)
        .with::<op::DeleteRouteTable>(delete)
        .with::<op::DescribeRouteTables>(describe);
    [association::operations, propagation::operations, route::operations]
        .into_iter()
        .fold(table, |table, add| add(table))
}

/// Makes the main table of a new VPC.
pub(crate) fn make_main(edit: &mut Edit<'_>, vpc: VpcId) {
    let main = RouteTableAssociation { id: edit.new_id(), target: AssociationTarget::Main };
    edit.put(RouteTable {
        id: edit.new_id(),
        vpc,
        associations: vec![main],
        routes: Vec::new(),
        propagating: Vec::new(),
        tags: Tags::default(),
    });
}

/// Leads everything that is not local from a VPC's main table to an internet gateway.
pub(crate) fn add_default_route(edit: &mut Edit<'_>, vpc: VpcId, gateway: InternetGatewayId) {
    let main = edit.all::<RouteTable>().find(|table| table.vpc == vpc && table.is_main());
    let mut main = RouteTable::clone(&*main.expect("a VPC has a main table for life"));
    main.routes.push(Route {
        destination: Destination::Block("0.0.0.0/0".parse().expect("the block is written correctly")),
        target: RouteTarget::InternetGateway(gateway),
    });
    edit.put(main);
}

/// Ends the association of a subnet that is deleted.
pub(crate) fn forget_subnet(edit: &mut Edit<'_>, subnet: SubnetId) {
    let table = edit.all::<RouteTable>().find(|table| table.has_subnet(subnet));
    if let Some(table) = table {
        let mut table = RouteTable::clone(&*table);
        table.associations.retain(|association| association.target != AssociationTarget::Subnet(subnet));
        edit.put(table);
    }
}

/// Ends the association of a gateway that is detached.
pub(crate) fn forget_gateway(edit: &mut Edit<'_>, gateway: InternetGatewayId) {
    let table = edit.all::<RouteTable>().find(|table| table.has_internet_gateway(gateway));
    if let Some(table) = table {
        let mut table = RouteTable::clone(&*table);
        let target = AssociationTarget::InternetGateway(gateway);
        table.associations.retain(|association| association.target != target);
        edit.put(table);
    }
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::CreateRouteTableRequest,
) -> Result<api::CreateRouteTableResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "route-table")?;
    let dry_run = input.dry_run.take();
    let attempt = Attempt::new("CreateRouteTable", input.client_token.as_ref(), &input)?;
    ec2.edit(context, dry_run, |edit| {
        let answer = |edit: &Edit<'_>, table: &RouteTable| api::CreateRouteTableResult {
            client_token: input.client_token.clone(),
            route_table: Some(shown(edit, table)),
        };
        if let Some(attempt) = &attempt
            && let Some(table) = attempt.made::<RouteTable>(edit)?
        {
            return Ok(answer(edit, &table));
        }
        let vpc = edit.named::<Vpc>(&input.vpc_id)?;
        let count = edit.all::<RouteTable>().filter(|table| table.vpc == vpc.id).count();
        quota::ROUTE_TABLES_PER_VPC.check(edit, count + 1)?;
        let table = RouteTable {
            id: edit.new_id(),
            vpc: vpc.id,
            associations: Vec::new(),
            routes: Vec::new(),
            propagating: Vec::new(),
            tags,
        };
        edit.put(table.clone());
        if let Some(attempt) = &attempt {
            attempt.remember(edit, vec![table.id.to_string()]);
        }
        Ok(answer(edit, &table))
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteRouteTableRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let table = edit.named::<RouteTable>(&input.route_table_id)?;
        dependency::check_route_table(edit, table.id)?;
        edit.remove::<RouteTable>(table.id);
        Ok(Unit)
    })
}

fn shown_association(table: &RouteTable, association: &RouteTableAssociation) -> api::RouteTableAssociation {
    let (subnet, gateway) = match association.target {
        AssociationTarget::Main => (None, None),
        AssociationTarget::Subnet(subnet) => (Some(subnet), None),
        AssociationTarget::InternetGateway(gateway) => (None, Some(gateway)),
    };
    api::RouteTableAssociation {
        association_state: Some(association::associated()),
        gateway_id: gateway.map(|gateway| gateway.to_string()),
        main: Some(association.target == AssociationTarget::Main),
        route_table_association_id: Some(association.id.to_string()),
        route_table_id: Some(table.id.to_string()),
        subnet_id: subnet.map(|subnet| subnet.to_string()),
        ..Default::default()
    }
}

/// A route table as answers have it.
fn shown(state: &impl State, table: &RouteTable) -> api::RouteTable {
    api::RouteTable {
        associations: Some(table.associations.iter().map(|held| shown_association(table, held)).collect()),
        owner_id: Some(state.account().to_string()),
        propagating_vgws: Some(
            table
                .propagating
                .iter()
                .map(|id| api::PropagatingVgw { gateway_id: Some(id.to_string()) })
                .collect(),
        ),
        route_table_id: Some(table.id.to_string()),
        routes: Some(route::shown(state, table)),
        tags: Some(tag::shown_always(&table.tags)),
        vpc_id: Some(table.vpc.to_string()),
    }
}

static FILTERS: Filters<api::RouteTable> = Filters {
    tags: Some(|table| table.tags.as_deref().unwrap_or_default()),
    named: &[
        ("association.gateway-id", |table| each(&table.associations, |held| held.gateway_id.clone())),
        ("association.main", |table| {
            table.associations.iter().flatten().flat_map(|held| flag(held.main)).collect()
        }),
        ("association.route-table-association-id", |table| {
            each(&table.associations, |held| held.route_table_association_id.clone())
        }),
        ("association.route-table-id", |table| each(&table.associations, |held| held.route_table_id.clone())),
        ("association.subnet-id", |table| each(&table.associations, |held| held.subnet_id.clone())),
        ("owner-id", |table| text(&table.owner_id)),
        ("route-table-id", |table| text(&table.route_table_id)),
        ("route.destination-cidr-block", |table| {
            each(&table.routes, |route| route.destination_cidr_block.clone())
        }),
        ("route.destination-ipv6-cidr-block", |table| {
            each(&table.routes, |route| route.destination_ipv6_cidr_block.clone())
        }),
        ("route.destination-prefix-list-id", |table| {
            each(&table.routes, |route| route.destination_prefix_list_id.clone())
        }),
        ("route.egress-only-internet-gateway-id", |table| {
            each(&table.routes, |route| route.egress_only_internet_gateway_id.clone())
        }),
        ("route.gateway-id", |table| each(&table.routes, |route| route.gateway_id.clone())),
        ("route.instance-id", |table| each(&table.routes, |route| route.instance_id.clone())),
        ("route.nat-gateway-id", |table| each(&table.routes, |route| route.nat_gateway_id.clone())),
        ("route.origin", |table| each(&table.routes, |route| route.origin.clone())),
        ("route.state", |table| each(&table.routes, |route| route.state.clone())),
        ("route.transit-gateway-id", |table| each(&table.routes, |route| route.transit_gateway_id.clone())),
        ("route.vpc-peering-connection-id", |table| {
            each(&table.routes, |route| route.vpc_peering_connection_id.clone())
        }),
        ("vpc-id", |table| text(&table.vpc_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeRouteTablesRequest,
) -> Result<api::DescribeRouteTablesResult, ServiceError> {
    let view = ec2.view(context);
    let page = Page::new("DescribeRouteTables", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (tables, next_token) =
        page.of_seen(&view, input.route_table_ids.as_ref(), wanted, |view, table: &RouteTable| {
            shown(view, table)
        })?;
    ec2.answer(input.dry_run, api::DescribeRouteTablesResult { next_token, route_tables: Some(tables) })
}

#[cfg(test)]
mod tests {
    use store::{MemoryBackend, Read, Record, Scope, Store, StoreError};

    use super::*;

    /// A route as older builds wrote it.
    #[derive(Serialize, Deserialize)]
    struct OldRoute {
        destination: IpNet,
        target: RouteTarget,
    }

    /// A table as older builds wrote it.
    #[derive(Serialize, Deserialize)]
    struct OldTable {
        id: RouteTableId,
        vpc: VpcId,
        associations: Vec<RouteTableAssociation>,
        routes: Vec<OldRoute>,
        tags: Tags,
    }

    impl Record for OldTable {
        const KIND: &'static str = RouteTable::KIND;
    }

    #[test]
    fn a_table_of_an_older_build_is_read() {
        let backend = MemoryBackend::new();
        let account = "123456789012".parse().unwrap();
        let scope = Scope::new(aws_types::Partition::Aws, account, "us-east-1".parse().unwrap());
        let blocks: [IpNet; 2] = ["192.0.2.0/24".parse().unwrap(), "::/0".parse().unwrap()];
        let target = RouteTarget::NatGateway("nat-00000000000000001".parse().unwrap());
        let old = OldTable {
            id: "rtb-00000000000000001".parse().unwrap(),
            vpc: "vpc-00000000000000001".parse().unwrap(),
            associations: Vec::new(),
            routes: blocks.map(|destination| OldRoute { destination, target: target.clone() }).into(),
            tags: Tags::default(),
        };
        let put = |transaction: &mut store::Transaction| {
            transaction.put(&scope, "rtb-00000000000000001", old);
            Ok::<_, StoreError>(())
        };
        Store::open(backend.clone()).unwrap().transact(put).unwrap();
        let store = Store::open(backend).unwrap();
        let table = store.snapshot().get::<RouteTable>(&scope, "rtb-00000000000000001").unwrap();
        let read: Vec<_> = table.routes.iter().map(|route| route.destination).collect();
        assert_eq!(read, blocks.map(Destination::Block));
    }
}
