use svc_ec2::Config;

use crate::cloud::{Cloud, api, filters, input, op};

/// A VPC with two subnets, an attached internet gateway and a route table.
struct Network {
    cloud: Cloud,
    vpc: String,
    subnet: String,
    gateway: String,
    table: String,
}

fn network() -> Network {
    network_of(Cloud::new())
}

fn network_of(cloud: Cloud) -> Network {
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.1.0/24");
    cloud.subnet(&vpc, "10.0.2.0/24");
    let gateway = gateway(&cloud, &vpc);
    let table = input!(CreateRouteTableRequest { vpc_id: &vpc });
    let table = cloud.ok::<op::CreateRouteTable>(table).route_table.unwrap().route_table_id.unwrap();
    Network { cloud, vpc, subnet, gateway, table }
}

fn gateway(cloud: &Cloud, vpc: &str) -> String {
    let made = cloud.ok::<op::CreateInternetGateway>(input!(CreateInternetGatewayRequest {}));
    let gateway = made.internet_gateway.unwrap().internet_gateway_id.unwrap();
    let attach = input!(AttachInternetGatewayRequest { internet_gateway_id: &gateway, vpc_id: vpc });
    cloud.ok::<op::AttachInternetGateway>(attach);
    gateway
}

impl Network {
    fn route(&self, destination: &str) -> api::CreateRouteRequest {
        input!(CreateRouteRequest { route_table_id: &self.table, destination_cidr_block: destination })
    }

    fn to_gateway(&self, destination: &str) -> api::CreateRouteRequest {
        api::CreateRouteRequest { gateway_id: Some(self.gateway.clone()), ..self.route(destination) }
    }

    fn to_interface(&self, destination: &str, interface: &str) -> api::CreateRouteRequest {
        api::CreateRouteRequest {
            network_interface_id: Some(interface.to_owned()),
            ..self.route(destination)
        }
    }

    fn replace(&self, destination: &str) -> api::ReplaceRouteRequest {
        input!(ReplaceRouteRequest { route_table_id: &self.table, destination_cidr_block: destination })
    }

    fn delete(&self, destination: &str) -> api::DeleteRouteRequest {
        input!(DeleteRouteRequest { route_table_id: &self.table, destination_cidr_block: destination })
    }

    fn routes(&self) -> Vec<api::Route> {
        let input = input!(DescribeRouteTablesRequest { route_table_ids: [&self.table] });
        let mut tables = self.cloud.ok::<op::DescribeRouteTables>(input).route_tables.unwrap();
        tables.remove(0).routes.unwrap()
    }

    /// The route for a destination.
    fn held(&self, destination: &str) -> api::Route {
        let is_it = |route: &api::Route| {
            route.destination_cidr_block.as_deref() == Some(destination)
                || route.destination_ipv6_cidr_block.as_deref() == Some(destination)
        };
        let routes = self.routes();
        routes.iter().find(|route| is_it(route)).unwrap_or_else(|| panic!("{routes:?}")).clone()
    }

    fn tables_with(&self, name: &str, value: &str) -> usize {
        let filters = filters(&[(name, &[value]), ("route-table-id", &[&self.table])]);
        let input = input!(DescribeRouteTablesRequest { filters });
        self.cloud.ok::<op::DescribeRouteTables>(input).route_tables.unwrap().len()
    }

    #[track_caller]
    fn refuses(&self, route: api::CreateRouteRequest, code: &str, message: &str) {
        self.cloud.refuses::<op::CreateRoute>(route, code, message);
    }
}

#[test]
fn a_route_is_made_changed_and_removed() {
    let network = network();
    let Network { cloud, gateway, table, subnet, .. } = &network;
    // Host bits are cleared, and the same again is refused.
    assert_eq!(cloud.ok::<op::CreateRoute>(network.to_gateway("192.0.2.77/24")).r#return, Some(true));
    let message = "The route identified by 192.0.2.0/24 already exists.";
    network.refuses(network.to_gateway("192.0.2.0/24"), "RouteAlreadyExists", message);
    assert_eq!(network.routes().len(), 2);
    let held = network.held("192.0.2.0/24");
    assert_eq!(
        (held.gateway_id.as_ref(), held.state.as_deref(), held.origin.as_deref()),
        (Some(gateway), Some("active"), Some("CreateRoute"))
    );
    for (name, value) in [
        ("route.gateway-id", gateway.as_str()),
        ("route.destination-cidr-block", "192.0.2.0/24"),
        ("route.origin", "CreateRoute"),
        ("route.state", "active"),
    ] {
        assert_eq!(network.tables_with(name, value), 1, "{name}");
        assert_eq!(network.tables_with(name, "other"), 0, "{name}");
    }

    let interface = cloud.interface(subnet);
    network.refuses(network.to_interface("192.0.2.0/24", &interface), "RouteAlreadyExists", message);
    let replace = api::ReplaceRouteRequest {
        network_interface_id: Some(interface.clone()),
        ..network.replace("192.0.2.0/24")
    };
    cloud.ok::<op::ReplaceRoute>(replace.clone());
    let held = network.held("192.0.2.0/24");
    assert_eq!((held.network_interface_id.as_ref(), held.gateway_id), (Some(&interface), None));
    assert_eq!(held.state.as_deref(), Some("blackhole"), "the interface hangs on no instance");

    let message =
        "There is no route defined for '198.51.100.0/24' in the route table. Use CreateRoute instead.";
    let other = api::ReplaceRouteRequest {
        destination_cidr_block: Some("198.51.100.0/24".to_owned()),
        ..replace.clone()
    };
    cloud.refuses::<op::ReplaceRoute>(other, "InvalidParameterValue", message);
    let dry = api::ReplaceRouteRequest { dry_run: Some(true), ..replace };
    cloud.refuses::<op::ReplaceRoute>(dry, "DryRunOperation", "Request would have succeeded…");
    let dry = api::CreateRouteRequest { dry_run: Some(true), ..network.to_gateway("0.0.0.0/0") };
    network.refuses(dry, "DryRunOperation", "Request would have succeeded…");
    let dry = api::DeleteRouteRequest { dry_run: Some(true), ..network.delete("192.0.2.0/24") };
    cloud.refuses::<op::DeleteRoute>(dry, "DryRunOperation", "Request would have succeeded…");

    cloud.ok::<op::DeleteRoute>(network.delete("192.0.2.0/24"));
    assert_eq!(network.routes().len(), 1);
    let message = format!("no route with destination-cidr-block 192.0.2.0/24 in route table {table}");
    cloud.refuses::<op::DeleteRoute>(network.delete("192.0.2.0/24"), "InvalidRoute.NotFound", &message);
    let message = format!("cannot remove local route 10.0.0.0/16 in route table {table}");
    cloud.refuses::<op::DeleteRoute>(network.delete("10.0.0.0/16"), "InvalidParameterValue", &message);
}

#[test]
fn routes_through_an_instance_follow_its_state() {
    let network = network();
    let Network { cloud, subnet, .. } = &network;
    let instance = cloud.started(subnet);
    let interface = cloud.instance(&instance).network_interfaces.unwrap()[0].network_interface_id.clone();
    let route =
        api::CreateRouteRequest { instance_id: Some(instance.clone()), ..network.route("172.16.0.0/12") };
    cloud.ok::<op::CreateRoute>(route);
    let held = network.held("172.16.0.0/12");
    assert_eq!((held.instance_id.as_ref(), &held.network_interface_id), (Some(&instance), &interface));
    assert_eq!(
        (held.instance_owner_id.as_deref(), held.state.as_deref()),
        (Some("123456789012"), Some("active"))
    );
    assert_eq!(network.tables_with("route.instance-id", &instance), 1);

    cloud.stop(&instance);
    assert_eq!(network.held("172.16.0.0/12").state.as_deref(), Some("blackhole"));
    cloud.terminate(&instance);
    let held = network.held("172.16.0.0/12");
    assert_eq!((&held.network_interface_id, held.state.as_deref()), (&interface, Some("blackhole")));
    assert_eq!(network.tables_with("route.state", "blackhole"), 1);
}

#[test]
fn a_route_to_a_detaching_interface_is_a_blackhole_at_once() {
    let network = network_of(Cloud::with(Config { hot_plug: true, ..Config::default() }));
    let Network { cloud, subnet, .. } = &network;
    let instance = cloud.started(subnet);
    let second = cloud.interface(subnet);
    let attached = cloud.ok::<op::AttachNetworkInterface>(input!(AttachNetworkInterfaceRequest {
        instance_id: &instance,
        network_interface_id: &second,
        device_index: 1
    }));
    cloud.ok::<op::CreateRoute>(network.to_interface("172.16.0.0/12", &second));
    let held = network.held("172.16.0.0/12");
    assert_eq!((held.state.as_deref(), held.instance_id.as_ref()), (Some("active"), Some(&instance)));
    let detach = input!(DetachNetworkInterfaceRequest { attachment_id: attached.attachment_id.unwrap() });
    cloud.ok::<op::DetachNetworkInterface>(detach);
    let shown = cloud.describe_interface(&second).attachment.unwrap();
    assert_eq!(shown.status.as_deref(), Some("detaching"));
    assert_eq!(network.held("172.16.0.0/12").state.as_deref(), Some("blackhole"));
}

#[test]
fn an_instance_with_two_interfaces_is_no_target() {
    let network = network();
    let Network { cloud, subnet, .. } = &network;
    let instance = cloud.started(subnet);
    cloud.stop(&instance);
    let second = cloud.interface(subnet);
    cloud.ok::<op::AttachNetworkInterface>(input!(AttachNetworkInterfaceRequest {
        instance_id: &instance,
        network_interface_id: &second,
        device_index: 1
    }));
    let route =
        api::CreateRouteRequest { instance_id: Some(instance.clone()), ..network.route("172.16.0.0/12") };
    let message = format!(
        "There are multiple interfaces attached to instance '{instance}'. Please specify an interface ID for the \
         operation instead."
    );
    network.refuses(route, "InvalidInstanceID", &message);
    cloud.terminate(&instance);
    let route =
        api::CreateRouteRequest { instance_id: Some(instance.clone()), ..network.route("172.16.0.0/12") };
    let message = format!("The instance '{instance}' has no network interface.");
    network.refuses(route, "IncorrectInstanceState", &message);
}

#[test]
fn the_local_route_leads_elsewhere_and_back() {
    let network = network();
    let Network { cloud, subnet, gateway, table, .. } = &network;
    let interface = cloud.interface(subnet);
    let message = "The route identified by 10.0.0.0/16 already exists.";
    network.refuses(network.to_interface("10.0.0.0/16", &interface), "RouteAlreadyExists", message);
    let replace = api::ReplaceRouteRequest {
        network_interface_id: Some(interface.clone()),
        ..network.replace("10.0.0.0/16")
    };
    cloud.ok::<op::ReplaceRoute>(replace);
    assert_eq!(network.routes().len(), 1);
    assert_eq!(network.held("10.0.0.0/16").network_interface_id.as_ref(), Some(&interface));
    let message = format!("cannot remove local route 10.0.0.0/16 in route table {table}");
    cloud.refuses::<op::DeleteRoute>(network.delete("10.0.0.0/16"), "InvalidParameterValue", &message);

    let back = api::ReplaceRouteRequest { local_target: Some(true), ..network.replace("10.0.0.0/16") };
    cloud.ok::<op::ReplaceRoute>(back.clone());
    assert_eq!(network.held("10.0.0.0/16").gateway_id.as_deref(), Some("local"));
    let by_name =
        api::ReplaceRouteRequest { gateway_id: Some("local".to_owned()), ..network.replace("10.0.0.0/16") };
    cloud.ok::<op::ReplaceRoute>(by_name);

    let both = api::ReplaceRouteRequest { gateway_id: Some(gateway.clone()), ..back };
    cloud.refuses::<op::ReplaceRoute>(
        both,
        "InvalidParameterCombination",
        "localTarget cannot be used with another target.",
    );
    cloud.ok::<op::CreateRoute>(network.to_gateway("0.0.0.0/0"));
    let elsewhere = api::ReplaceRouteRequest { local_target: Some(true), ..network.replace("0.0.0.0/0") };
    cloud.refuses::<op::ReplaceRoute>(
        elsewhere,
        "InvalidParameterValue",
        "The destination CIDR block 0.0.0.0/0 is not one of this VPC's CIDR blocks…",
    );
}

#[test]
fn inside_the_vpc_a_route_is_for_a_whole_subnet_and_an_interface() {
    let network = network();
    let Network { cloud, subnet, .. } = &network;
    let interface = cloud.interface(subnet);
    for destination in ["10.0.0.0/16", "10.0.2.0/24"] {
        let message = format!(
            "The destination CIDR block {destination} is equal to or more specific than one of this VPC's CIDR \
             blocks. This route can target only an interface or an instance."
        );
        network.refuses(network.to_gateway(destination), "InvalidParameterValue", &message);
    }
    network.refuses(
        network.to_interface("10.0.2.0/25", &interface),
        "InvalidParameterValue",
        "The destination CIDR block 10.0.2.0/25 is more specific than one of this VPC's CIDR blocks and not…",
    );
    cloud.ok::<op::CreateRoute>(network.to_interface("10.0.2.0/24", &interface));
    assert_eq!(network.held("10.0.2.0/24").origin.as_deref(), Some("CreateRoute"));
}

#[test]
fn requests_that_cannot_be() {
    let network = network();
    let Network { cloud, table, gateway, .. } = &network;
    let target = api::CreateRouteRequest { gateway_id: Some(gateway.clone()), ..network.route("x") };
    let message = "Value (x) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.";
    network.refuses(target.clone(), "InvalidParameterValue", message);
    let six = api::CreateRouteRequest {
        destination_cidr_block: None,
        destination_ipv6_cidr_block: Some("10.0.0.0/8".to_owned()),
        ..target
    };
    let message = "Value (10.0.0.0/8) for parameter destinationIpv6CidrBlock is invalid. This is not a valid CIDR block.";
    network.refuses(six.clone(), "InvalidParameterValue", message);
    let both =
        api::CreateRouteRequest { destination_cidr_block: Some("0.0.0.0/0".to_owned()), ..six.clone() };
    network.refuses(both, "InvalidParameterCombination", "Only one of destinationCidrBlock…");
    let none = api::CreateRouteRequest { destination_ipv6_cidr_block: None, ..six.clone() };
    let message = "The request must contain the parameter destinationCidrBlock, destinationIpv6CidrBlock or destinationPrefixListId";
    network.refuses(none.clone(), "MissingParameter", message);
    let list = api::CreateRouteRequest {
        destination_prefix_list_id: Some("pl-0123456789abcdef0".to_owned()),
        ..none
    };
    let message = "The prefix list ID 'pl-0123456789abcdef0' does not exist";
    network.refuses(list, "InvalidPrefixListID.NotFound", message);
    for reserved in ["169.254.168.0/22", "169.254.170.2/32"] {
        network.refuses(
            network.to_gateway(reserved),
            "InvalidParameterValue",
            "The destination CIDR block …",
        );
    }
    cloud.ok::<op::CreateRoute>(network.to_gateway("169.254.0.0/16"));
    let reserved =
        api::CreateRouteRequest { destination_ipv6_cidr_block: Some("fd00:ec2::/48".to_owned()), ..six };
    network.refuses(
        reserved,
        "InvalidParameterValue",
        "The destination CIDR block fd00:ec2::/48 is reserved…",
    );

    network.refuses(
        network.route("0.0.0.0/0"),
        "MissingParameter",
        "The request must contain the parameter gatewayId, egressOnlyInternetGatewayId, instanceId, natGatewayId, networkInterfaceId, transitGatewayId, vpcEndpointId or vpcPeeringConnectionId",
    );
    let two = api::CreateRouteRequest {
        instance_id: Some("i-0123456789abcdef0".to_owned()),
        ..network.to_gateway("0.0.0.0/0")
    };
    let message = "The parameter gatewayId cannot be used with the parameter instanceId";
    network.refuses(two, "InvalidParameterCombination", message);
    let nat = api::CreateRouteRequest {
        nat_gateway_id: Some("nat-0123456789abcdef0".to_owned()),
        ..network.route("0.0.0.0/0")
    };
    let message = "The natGateway ID 'nat-0123456789abcdef0' does not exist";
    network.refuses(nat, "InvalidNatGatewayID.NotFound", message);
    let vpn = api::CreateRouteRequest {
        gateway_id: Some("vgw-0123456789abcdef0".to_owned()),
        ..network.route("0.0.0.0/0")
    };
    let message = "The gateway ID 'vgw-0123456789abcdef0' does not exist";
    network.refuses(vpn, "InvalidGatewayID.NotFound", message);
    let unknown = api::CreateRouteRequest {
        gateway_id: Some("igw-0123456789abcdef0".to_owned()),
        ..network.route("0.0.0.0/0")
    };
    let message = "The gateway ID 'igw-0123456789abcdef0' does not exist";
    network.refuses(unknown, "InvalidGatewayID.NotFound", message);
    let unknown = network.to_interface("0.0.0.0/0", "eni-0123456789abcdef0");
    let message = "The networkInterface ID 'eni-0123456789abcdef0' does not exist";
    network.refuses(unknown, "InvalidNetworkInterfaceID.NotFound", message);
    let unknown = api::CreateRouteRequest {
        route_table_id: "rtb-0123456789abcdef0".to_owned(),
        ..network.to_gateway("0.0.0.0/0")
    };
    let message = "The routeTable ID 'rtb-0123456789abcdef0' does not exist";
    network.refuses(unknown, "InvalidRouteTableID.NotFound", message);

    let other = cloud.vpc("10.1.0.0/16");
    let subnet = cloud.subnet(&other, "10.1.0.0/24");
    let interface = cloud.interface(&subnet);
    let message = format!("route table {table} and interface {interface} belong to different networks");
    network.refuses(network.to_interface("0.0.0.0/0", &interface), "InvalidParameterValue", &message);
    let elsewhere = self::gateway(cloud, &other);
    let message = format!("route table {table} and network gateway {elsewhere} belong to different networks");
    let route = api::CreateRouteRequest { gateway_id: Some(elsewhere), ..network.route("0.0.0.0/0") };
    network.refuses(route, "InvalidParameterValue", &message);
}

#[test]
fn fifty_routes() {
    let network = network();
    // One in place of the local route does not count.
    let interface = network.cloud.interface(&network.subnet);
    network.cloud.ok::<op::ReplaceRoute>(api::ReplaceRouteRequest {
        network_interface_id: Some(interface),
        ..network.replace("10.0.0.0/16")
    });
    for number in 0..50 {
        network.cloud.ok::<op::CreateRoute>(network.to_gateway(&format!("172.16.{number}.0/24")));
    }
    let message = "The maximum number of routes has been reached.";
    network.refuses(network.to_gateway("172.16.50.0/24"), "RouteLimitExceeded", message);
    // Those for IPv6 are counted apart.
    let six = api::CreateRouteRequest {
        destination_cidr_block: None,
        destination_ipv6_cidr_block: Some("::/0".to_owned()),
        ..network.to_gateway("")
    };
    network.cloud.ok::<op::CreateRoute>(six);
    let held = network.held("::/0");
    assert_eq!((held.destination_cidr_block, held.gateway_id), (None, Some(network.gateway.clone())));
    let delete =
        input!(DeleteRouteRequest { route_table_id: &network.table, destination_ipv6_cidr_block: "::/0" });
    network.cloud.ok::<op::DeleteRoute>(delete.clone());
    let message = format!("no route with destination-ipv6-cidr-block ::/0 in route table {}", network.table);
    network.cloud.refuses::<op::DeleteRoute>(delete, "InvalidRoute.NotFound", &message);
}

#[test]
fn a_detached_gateway_leaves_blackholes() {
    let network = network();
    let Network { cloud, vpc, gateway, .. } = &network;
    cloud.ok::<op::CreateRoute>(network.to_gateway("0.0.0.0/0"));
    let pair = input!(DetachInternetGatewayRequest { internet_gateway_id: gateway, vpc_id: vpc });
    cloud.ok::<op::DetachInternetGateway>(pair);
    assert_eq!(network.held("0.0.0.0/0").state.as_deref(), Some("blackhole"));
    cloud.ok::<op::DeleteInternetGateway>(input!(DeleteInternetGatewayRequest {
        internet_gateway_id: gateway
    }));
    let held = network.held("0.0.0.0/0");
    assert_eq!((held.gateway_id.as_ref(), held.state.as_deref()), (Some(gateway), Some("blackhole")));
}

#[test]
fn a_gateway_has_a_table_of_its_own() {
    let network = network();
    let Network { cloud, vpc, gateway, table, subnet } = &network;
    let associate = input!(AssociateRouteTableRequest { route_table_id: table, gateway_id: gateway });
    // Only routes inside the VPC are of use to what comes in by a gateway.
    cloud.ok::<op::CreateRoute>(network.to_gateway("0.0.0.0/0"));
    let message = format!(
        "Route table {table} is associated with a gateway, so the destination CIDR block 0.0.0.0/0 …"
    );
    cloud.refuses::<op::AssociateRouteTable>(associate.clone(), "InvalidParameterValue", &message);
    cloud.ok::<op::DeleteRoute>(network.delete("0.0.0.0/0"));
    let association = cloud.ok::<op::AssociateRouteTable>(associate.clone()).association_id.unwrap();
    assert_eq!(cloud.ok::<op::AssociateRouteTable>(associate.clone()).association_id.unwrap(), association);
    network.refuses(network.to_gateway("0.0.0.0/0"), "InvalidParameterValue", &message);
    let interface = cloud.interface(subnet);
    cloud.ok::<op::CreateRoute>(network.to_interface("10.0.2.0/24", &interface));

    assert_eq!(network.tables_with("association.gateway-id", gateway), 1);
    let input = input!(DescribeRouteTablesRequest { route_table_ids: [table] });
    let tables = cloud.ok::<op::DescribeRouteTables>(input).route_tables.unwrap();
    let held = &tables[0].associations.as_ref().unwrap()[0];
    assert_eq!((held.gateway_id.as_ref(), held.main, &held.subnet_id), (Some(gateway), Some(false), &None));

    let other = cloud.ok::<op::CreateRouteTable>(input!(CreateRouteTableRequest { vpc_id: vpc }));
    let other = other.route_table.unwrap().route_table_id.unwrap();
    let message =
        format!("the specified association for route table {other} conflicts with an existing association");
    let input = input!(AssociateRouteTableRequest { route_table_id: &other, gateway_id: gateway });
    cloud.refuses::<op::AssociateRouteTable>(input, "Resource.AlreadyAssociated", &message);
    let both = api::AssociateRouteTableRequest { subnet_id: Some(subnet.clone()), ..associate.clone() };
    let message = "The parameter subnetId cannot be used with the parameter gatewayId";
    cloud.refuses::<op::AssociateRouteTable>(both, "InvalidParameterCombination", message);
    let neither = api::AssociateRouteTableRequest { gateway_id: None, ..associate };
    let message = "Either 'subnetId' or 'gatewayId' should be provided.";
    cloud.refuses::<op::AssociateRouteTable>(neither, "MissingParameter", message);

    // Nor does another table become the gateway's that could not be, or the gateway's the main one.
    let replace = |association: &str, table: &str| {
        input!(ReplaceRouteTableAssociationRequest { association_id: association, route_table_id: table })
    };
    cloud.ok::<op::CreateRoute>(api::CreateRouteRequest {
        route_table_id: other.clone(),
        ..network.to_gateway("0.0.0.0/0")
    });
    let message = format!(
        "Route table {other} is associated with a gateway, so the destination CIDR block 0.0.0.0/0 …"
    );
    let moved = replace(&association, &other);
    cloud.refuses::<op::ReplaceRouteTableAssociation>(moved, "InvalidParameterValue", &message);
    let filters = filters(&[("vpc-id", &[vpc]), ("association.main", &["true"])]);
    let main = cloud.ok::<op::DescribeRouteTables>(input!(DescribeRouteTablesRequest { filters }));
    let main = main.route_tables.unwrap().remove(0);
    let main_association = main.associations.unwrap()[0].route_table_association_id.clone().unwrap();
    let main = main.route_table_id.unwrap();
    let message = format!("The main route table {main} cannot be associated with a gateway");
    let moved = replace(&association, &main);
    cloud.refuses::<op::ReplaceRouteTableAssociation>(moved, "InvalidParameterValue", &message);
    let message =
        format!("Route table {table} is associated with a gateway and cannot be the main route table");
    let moved = replace(&main_association, table);
    cloud.refuses::<op::ReplaceRouteTableAssociation>(moved, "InvalidParameterValue", &message);

    // The association goes with the attachment.
    let pair = input!(DetachInternetGatewayRequest { internet_gateway_id: gateway, vpc_id: vpc });
    cloud.ok::<op::DetachInternetGateway>(pair);
    assert_eq!(network.tables_with("association.gateway-id", gateway), 0);
    cloud.ok::<op::DeleteRouteTable>(input!(DeleteRouteTableRequest { route_table_id: table }));
}

#[test]
fn blocks_of_the_vpc_come_and_go_with_their_routes() {
    let network = network();
    let Network { cloud, vpc, subnet, .. } = &network;
    cloud.ok::<op::CreateRoute>(network.to_gateway("10.1.5.0/24"));
    let associate = |block: &str| input!(AssociateVpcCidrBlockRequest { vpc_id: vpc, cidr_block: block });
    cloud.refuses::<op::AssociateVpcCidrBlock>(
        associate("10.1.0.0/16"),
        "InvalidVpc.Conflict",
        "The CIDR '10.1.0.0/16' is the destination of a route…",
    );
    // A smaller one may lie inside of a route's.
    cloud.ok::<op::CreateRoute>(network.to_gateway("10.2.0.0/15"));
    let added =
        cloud.ok::<op::AssociateVpcCidrBlock>(associate("10.2.0.0/16")).cidr_block_association.unwrap();
    let interface = cloud.interface(subnet);
    cloud.ok::<op::ReplaceRoute>(api::ReplaceRouteRequest {
        network_interface_id: Some(interface),
        ..network.replace("10.2.0.0/16")
    });
    let association_id = added.association_id.unwrap();
    cloud.ok::<op::DisassociateVpcCidrBlock>(input!(DisassociateVpcCidrBlockRequest { association_id }));
    let destinations: Vec<_> =
        network.routes().into_iter().filter_map(|route| route.destination_cidr_block).collect();
    assert_eq!(destinations, ["10.0.0.0/16", "10.1.5.0/24", "10.2.0.0/15"]);
}

#[test]
fn routes_to_prefix_lists() {
    let network = network();
    let cloud = &network.cloud;
    let list = |family: &str, most: i32, blocks: &[&str]| {
        let entry = |block: &&str| api::AddPrefixListEntry { cidr: (*block).to_owned(), description: None };
        let made = cloud.ok::<op::CreateManagedPrefixList>(input!(CreateManagedPrefixListRequest {
            prefix_list_name: "a list",
            address_family: family,
            max_entries: most,
            entries: blocks.iter().map(entry).collect::<Vec<_>>(),
        }));
        cloud.wait(2000);
        made.prefix_list.unwrap().prefix_list_id.unwrap()
    };
    let offices = list("IPv4", 40, &["192.0.2.0/24", "198.51.100.0/24"]);
    let to_list = |list: &str| api::CreateRouteRequest {
        destination_cidr_block: None,
        destination_prefix_list_id: Some(list.to_owned()),
        ..network.to_gateway("")
    };
    cloud.ok::<op::CreateRoute>(to_list(&offices));
    let message = format!("The route identified by {offices} already exists.");
    network.refuses(to_list(&offices), "RouteAlreadyExists", &message);
    let held = || {
        let mut routes = network.routes();
        routes.retain(|route| route.destination_prefix_list_id.as_ref() == Some(&offices));
        routes
    };
    assert_eq!(held().len(), 1);
    assert_eq!(
        (&held()[0].gateway_id, &held()[0].destination_cidr_block),
        (&Some(network.gateway.clone()), &None)
    );
    assert_eq!(
        (held()[0].state.as_deref(), held()[0].origin.as_deref()),
        (Some("active"), Some("CreateRoute"))
    );
    let name = "route.destination-prefix-list-id";
    assert_eq!((network.tables_with(name, &offices), network.tables_with(name, "pl-x")), (1, 0));
    let associations = input!(GetManagedPrefixListAssociationsRequest { prefix_list_id: &offices });
    let found =
        cloud.ok::<op::GetManagedPrefixListAssociations>(associations).prefix_list_associations.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].resource_id.as_ref(), Some(&network.table));
    let delete_list = || input!(DeleteManagedPrefixListRequest { prefix_list_id: &offices });
    cloud.refuses::<op::DeleteManagedPrefixList>(delete_list(), "DependencyViolation", "…");

    // The list counts as its 40 entries.
    let message = "The maximum number of routes has been reached.";
    let big = list("IPv4", 11, &[]);
    network.refuses(to_list(&big), "RouteLimitExceeded", message);
    let resize = |most: i32| {
        let modified = cloud.ok::<op::ModifyManagedPrefixList>(input!(ModifyManagedPrefixListRequest {
            prefix_list_id: &offices,
            max_entries: most
        }));
        assert!(modified.prefix_list.is_some());
        cloud.wait(2000);
        let found = input!(DescribeManagedPrefixListsRequest { prefix_list_ids: [&offices] });
        let list = cloud.ok::<op::DescribeManagedPrefixLists>(found).prefix_lists.unwrap().remove(0);
        (list.state.unwrap(), list.state_message.unwrap_or_default())
    };
    let (state, message) = resize(51);
    assert_eq!(state, "modify-failed");
    assert!(message.ends_with(&network.table), "{message}");
    assert_eq!(resize(39).0, "modify-complete");
    cloud.ok::<op::CreateRoute>(to_list(&big));

    let six = list("IPv6", 5, &["2001:db8::/48"]);
    cloud.ok::<op::CreateRoute>(to_list(&six));
    let egress_only =
        cloud.ok::<op::CreateEgressOnlyInternetGateway>(input!(CreateEgressOnlyInternetGatewayRequest {
            vpc_id: &network.vpc
        }));
    let egress_only = egress_only.egress_only_internet_gateway.unwrap().egress_only_internet_gateway_id;
    let replace = |list: &str| api::ReplaceRouteRequest {
        destination_cidr_block: None,
        destination_prefix_list_id: Some(list.to_owned()),
        egress_only_internet_gateway_id: egress_only.clone(),
        ..network.replace("")
    };
    cloud.ok::<op::ReplaceRoute>(replace(&six));
    cloud.refuses::<op::ReplaceRoute>(
        replace(&offices),
        "InvalidParameterValue",
        "The destination CIDR block …",
    );
    let unused = list("IPv6", 5, &[]);
    cloud.refuses::<op::ReplaceRoute>(
        replace(&unused),
        "InvalidParameterValue",
        "There is no route defined …",
    );

    let delete = |list: &str| api::DeleteRouteRequest {
        destination_cidr_block: None,
        destination_prefix_list_id: Some(list.to_owned()),
        ..network.delete("")
    };
    // The table of a gateway has routes for blocks of the VPC only.
    let associate = || {
        input!(AssociateRouteTableRequest { route_table_id: &network.table, gateway_id: &network.gateway })
    };
    cloud.refuses::<op::AssociateRouteTable>(associate(), "InvalidParameterValue", "…");
    for list in [&offices, &big, &six] {
        cloud.ok::<op::DeleteRoute>(delete(list));
    }
    assert_eq!(held(), []);
    let message =
        format!("no route with destination-prefix-list-id {offices} in route table {}", network.table);
    cloud.refuses::<op::DeleteRoute>(delete(&offices), "InvalidRoute.NotFound", &message);
    cloud.ok::<op::AssociateRouteTable>(associate());
    network.refuses(to_list(&offices), "InvalidParameterValue", "…");
    cloud.ok::<op::DeleteManagedPrefixList>(delete_list());
    network.refuses(to_list(&offices), "InvalidPrefixListID.NotFound", "…");
}
