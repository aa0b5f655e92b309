use service_api::ServiceError;
use store::Transaction;
use svc_ec2::record::NetworkInterface;

use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

pub(crate) const S3: &str = "com.amazonaws.us-east-1.s3";
const SSM: &str = "com.amazonaws.us-east-1.ssm";
const S3_LIST: &str = "pl-158d4b14e3457b950";
/// Longer than any change takes.
pub(crate) const LONG_MILLIS: i64 = 1000;

pub(crate) fn create(cloud: &Cloud, request: api::CreateVpcEndpointRequest) -> api::VpcEndpoint {
    cloud.ok::<op::CreateVpcEndpoint>(request).vpc_endpoint.unwrap()
}

pub(crate) fn id(endpoint: &api::VpcEndpoint) -> String {
    endpoint.vpc_endpoint_id.clone().unwrap()
}

pub(crate) fn shown(cloud: &Cloud, id: &str) -> api::VpcEndpoint {
    let input = input!(DescribeVpcEndpointsRequest { vpc_endpoint_ids: [id] });
    cloud.ok::<op::DescribeVpcEndpoints>(input).vpc_endpoints.unwrap().remove(0)
}

pub(crate) fn state(cloud: &Cloud, id: &str) -> String {
    shown(cloud, id).state.unwrap()
}

fn found(cloud: &Cloud, all: &[(&str, &[&str])]) -> Vec<String> {
    let input = input!(DescribeVpcEndpointsRequest { filters: filters(all) });
    cloud.ok::<op::DescribeVpcEndpoints>(input).vpc_endpoints.unwrap().iter().map(id).collect()
}

fn gateway(vpc: &str, tables: &[&str]) -> api::CreateVpcEndpointRequest {
    let tables: Vec<String> = tables.iter().map(|id| (*id).to_owned()).collect();
    input!(CreateVpcEndpointRequest { vpc_id: vpc, service_name: S3, route_table_ids: tables })
}

fn interface(vpc: &str, subnets: &[&str]) -> api::CreateVpcEndpointRequest {
    let subnets: Vec<String> = subnets.iter().map(|id| (*id).to_owned()).collect();
    input!(CreateVpcEndpointRequest {
        vpc_id: vpc,
        service_name: SSM,
        vpc_endpoint_type: "Interface",
        private_dns_enabled: false,
        subnet_ids: subnets,
    })
}

fn table(cloud: &Cloud, vpc: &str) -> String {
    let input = input!(CreateRouteTableRequest { vpc_id: vpc });
    cloud.ok::<op::CreateRouteTable>(input).route_table.unwrap().route_table_id.unwrap()
}

fn routes(cloud: &Cloud, table: &str) -> Vec<api::Route> {
    let input = input!(DescribeRouteTablesRequest { route_table_ids: [table] });
    cloud.ok::<op::DescribeRouteTables>(input).route_tables.unwrap().remove(0).routes.unwrap()
}

/// The endpoints that a table has routes to S3's list by.
fn listed(cloud: &Cloud, table: &str) -> Vec<String> {
    let routes = routes(cloud, table).into_iter();
    let routes = routes.filter(|route| route.destination_prefix_list_id.as_deref() == Some(S3_LIST));
    routes.map(|route| route.gateway_id.unwrap()).collect()
}

fn delete(cloud: &Cloud, ids: &[&str]) -> Vec<(String, String)> {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    let input = input!(DeleteVpcEndpointsRequest { vpc_endpoint_ids: ids });
    unsuccessful(cloud.ok::<op::DeleteVpcEndpoints>(input).unsuccessful)
}

/// The ids and codes of what was not done.
pub(crate) fn unsuccessful(items: Option<Vec<api::UnsuccessfulItem>>) -> Vec<(String, String)> {
    let items = items.unwrap_or_default().into_iter();
    items.map(|item| (item.resource_id.unwrap(), item.error.unwrap().code.unwrap())).collect()
}

fn hostnames(cloud: &Cloud, vpc: &str) {
    let flag = api::AttributeBooleanValue { value: Some(true) };
    cloud.ok::<op::ModifyVpcAttribute>(input!(ModifyVpcAttributeRequest {
        vpc_id: vpc,
        enable_dns_hostnames: flag
    }));
}

fn zoned(cloud: &Cloud, vpc: &str, cidr: &str, zone: &str) -> String {
    let input = input!(CreateSubnetRequest { vpc_id: vpc, cidr_block: cidr, availability_zone: zone });
    cloud.ok::<op::CreateSubnet>(input).subnet.unwrap().subnet_id.unwrap()
}

#[test]
fn a_gateway_endpoint_puts_routes_into_tables() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let (one, other) = (table(&cloud, &vpc), table(&cloud, &vpc));
    let endpoint = create(&cloud, gateway(&vpc, &[&one]));
    let endpoint_id = id(&endpoint);
    assert_eq!(endpoint.state.as_deref(), Some("available"));
    assert_eq!(endpoint.vpc_endpoint_type.as_deref(), Some("Gateway"));
    assert_eq!(
        endpoint.policy_document.as_deref(),
        Some(
            r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#
        )
    );
    assert_eq!(endpoint.route_table_ids, Some(vec![one.clone()]));
    let route = routes(&cloud, &one)
        .into_iter()
        .find(|route| route.gateway_id.as_ref() == Some(&endpoint_id))
        .unwrap();
    assert_eq!(route.destination_prefix_list_id.as_deref(), Some(S3_LIST));
    assert_eq!(route.state.as_deref(), Some("active"));
    let by_list = filters(&[("route.destination-prefix-list-id", &[S3_LIST])]);
    let tables = cloud.ok::<op::DescribeRouteTables>(input!(DescribeRouteTablesRequest { filters: by_list }));
    assert_eq!(tables.route_tables.unwrap().len(), 1);

    let delete_route =
        input!(DeleteRouteRequest { route_table_id: &one, destination_prefix_list_id: S3_LIST });
    let message = format!("cannot remove VPC endpoint route {S3_LIST} in route table {one}");
    cloud.refuses::<op::DeleteRoute>(delete_route.clone(), "InvalidParameterValue", &message);
    let interface = cloud.interface(&cloud.subnet(&vpc, "10.0.9.0/24"));
    let create_route = |table: &str| {
        input!(CreateRouteRequest {
            route_table_id: table,
            destination_prefix_list_id: S3_LIST,
            network_interface_id: &interface
        })
    };
    let taken = format!("The route identified by {S3_LIST} already exists.");
    cloud.refuses::<op::CreateRoute>(create_route(&one), "RouteAlreadyExists", &taken);
    let replace_route = input!(ReplaceRouteRequest {
        route_table_id: &one,
        destination_prefix_list_id: S3_LIST,
        network_interface_id: &interface
    });
    let replaced = message.replace("remove", "replace");
    cloud.refuses::<op::ReplaceRoute>(replace_route, "InvalidParameterValue", &replaced);
    // Another route to the list is in the way of the endpoint's.
    cloud.ok::<op::CreateRoute>(create_route(&other));
    let held = format!("route table {other} already has a route with destination-prefix-list-id {S3_LIST}");
    let add =
        input!(ModifyVpcEndpointRequest { vpc_endpoint_id: &endpoint_id, add_route_table_ids: [&other] });
    cloud.refuses::<op::ModifyVpcEndpoint>(add, "RouteAlreadyExists", &held);
    cloud.ok::<op::DeleteRoute>(api::DeleteRouteRequest { route_table_id: other.clone(), ..delete_route });
    let message = format!("route table {one} already has a route with destination-prefix-list-id {S3_LIST}");
    cloud.refuses::<op::CreateVpcEndpoint>(gateway(&vpc, &[&one]), "RouteAlreadyExists", &message);
    let message = format!("The routeTable '{one}' has dependencies and cannot be deleted.");
    let delete_table = || input!(DeleteRouteTableRequest { route_table_id: &one });
    cloud.refuses::<op::DeleteRouteTable>(delete_table(), "DependencyViolation", &message);

    cloud.ok::<op::ModifyVpcEndpoint>(input!(ModifyVpcEndpointRequest {
        vpc_endpoint_id: &endpoint_id,
        add_route_table_ids: [&other],
        remove_route_table_ids: [&one],
    }));
    assert_eq!((listed(&cloud, &one).len(), listed(&cloud, &other)), (0, vec![endpoint_id.clone()]));
    cloud.ok::<op::DeleteRouteTable>(delete_table());
    let again =
        input!(ModifyVpcEndpointRequest { vpc_endpoint_id: &endpoint_id, remove_subnet_ids: ["subnet-1"] });
    cloud.refuses::<op::ModifyVpcEndpoint>(again, "InvalidParameter", "Subnet IDs are only supported for …");

    assert_eq!(delete(&cloud, &[&endpoint_id]), []);
    assert_eq!(listed(&cloud, &other).len(), 0);
    assert_eq!(state(&cloud, &endpoint_id), "deleting");
    cloud.wait(LONG_MILLIS);
    assert_eq!(found(&cloud, &[]).len(), 0);
}

#[test]
fn a_table_is_for_a_gateway_or_has_endpoints() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let gateways = cloud.ok::<op::CreateInternetGateway>(input!(CreateInternetGatewayRequest {}));
    let internet = gateways.internet_gateway.unwrap().internet_gateway_id.unwrap();
    cloud.ok::<op::AttachInternetGateway>(input!(AttachInternetGatewayRequest {
        internet_gateway_id: &internet,
        vpc_id: &vpc,
    }));
    let table = table(&cloud, &vpc);
    let endpoint = id(&create(&cloud, gateway(&vpc, &[&table])));
    let associate = || input!(AssociateRouteTableRequest { route_table_id: &table, gateway_id: &internet });
    let code = "InvalidParameterValue";
    cloud.refuses::<op::AssociateRouteTable>(associate(), code, "Route table …");
    delete(&cloud, &[&endpoint]);
    cloud.ok::<op::AssociateRouteTable>(associate());
    cloud.refuses::<op::CreateVpcEndpoint>(gateway(&vpc, &[&table]), "InvalidParameter", "Route table …");
}

#[test]
fn an_endpoint_is_deleted_whole_though_an_interface_of_it_is_gone() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let one = zoned(&cloud, &vpc, "10.0.0.0/24", "us-east-1a");
    let other = zoned(&cloud, &vpc, "10.0.1.0/24", "us-east-1b");
    let endpoint = create(&cloud, interface(&vpc, &[&one, &other]));
    let endpoint_id = id(&endpoint);
    let interfaces = endpoint.network_interface_ids.unwrap();
    assert_eq!(interfaces.len(), 2);
    let scope = cloud.scope();
    let lose = |transaction: &mut Transaction| {
        transaction.delete::<NetworkInterface>(&scope, &interfaces[1]);
        Ok::<_, ServiceError>(())
    };
    cloud.store.transact(lose).unwrap();
    assert_eq!(delete(&cloud, &[&endpoint_id]), []);
    assert_eq!(state(&cloud, &endpoint_id), "deleting");
    let left = input!(DescribeNetworkInterfacesRequest { filters: filters(&[("vpc-id", &[&vpc])]) });
    assert_eq!(cloud.ok::<op::DescribeNetworkInterfaces>(left).network_interfaces, Some(vec![]));
}

#[test]
fn an_interface_endpoint_has_interfaces_of_its_own() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let one = zoned(&cloud, &vpc, "10.0.0.0/24", "us-east-1a");
    let same_zone = zoned(&cloud, &vpc, "10.0.1.0/24", "us-east-1a");
    let other = zoned(&cloud, &vpc, "10.0.2.0/24", "us-east-1b");
    let group = cloud.group(&vpc, "endpoints");
    let request = api::CreateVpcEndpointRequest {
        security_group_ids: Some(vec![group.clone()]),
        subnet_configurations: Some(vec![api::SubnetConfiguration {
            subnet_id: Some(one.clone()),
            ipv4: Some("10.0.0.77".to_owned()),
            ipv6: None,
        }]),
        ..interface(&vpc, &[&one])
    };
    let endpoint = create(&cloud, request);
    let endpoint_id = id(&endpoint);
    assert_eq!(endpoint.state.as_deref(), Some("pending"));
    let interfaces = endpoint.network_interface_ids.clone().unwrap();
    let held = cloud.describe_interface(&interfaces[0]);
    assert_eq!(held.interface_type.as_deref(), Some("vpc_endpoint"));
    assert_eq!(held.description, Some(format!("VPC Endpoint Interface {endpoint_id}")));
    assert_eq!(held.requester_managed, Some(true));
    assert_eq!(held.requester_id.as_deref(), Some("727180483921"));
    assert_eq!(held.private_ip_address.as_deref(), Some("10.0.0.77"));
    assert_eq!(held.groups.unwrap()[0].group_id.as_ref(), Some(&group));
    assert_eq!(endpoint.groups.unwrap()[0].group_name.as_deref(), Some("endpoints"));
    cloud.wait(LONG_MILLIS);
    assert_eq!(state(&cloud, &endpoint_id), "available");

    // Names: the endpoint's, and one for each zone.
    let names = |cloud: &Cloud| {
        let entries = shown(cloud, &endpoint_id).dns_entries.unwrap();
        entries.into_iter().map(|entry| entry.dns_name.unwrap()).collect::<Vec<_>>()
    };
    let all = names(&cloud);
    assert_eq!(all.len(), 2);
    assert!(
        all[0].starts_with(&format!("{endpoint_id}-"))
            && all[0].ends_with(".ssm.us-east-1.vpce.amazonaws.com")
    );
    assert!(all[1].contains("-us-east-1a."), "{all:?}");

    let message = format!("Found another VPC endpoint subnet in the availability zone of {same_zone}");
    let modify =
        |add: &str| input!(ModifyVpcEndpointRequest { vpc_endpoint_id: &endpoint_id, add_subnet_ids: [add] });
    cloud.refuses::<op::ModifyVpcEndpoint>(modify(&same_zone), "DuplicateSubnetsInSameZone", &message);
    cloud.ok::<op::ModifyVpcEndpoint>(modify(&other));
    assert_eq!(state(&cloud, &endpoint_id), "pending");
    cloud.wait(LONG_MILLIS);
    assert_eq!(names(&cloud).len(), 3);
    let default_group = cloud.default_group(&vpc);
    cloud.ok::<op::ModifyVpcEndpoint>(input!(ModifyVpcEndpointRequest {
        vpc_endpoint_id: &endpoint_id,
        add_security_group_ids: [&default_group],
        remove_security_group_ids: [&group],
        remove_subnet_ids: [&one],
    }));
    let now = shown(&cloud, &endpoint_id);
    assert_eq!(now.subnet_ids, Some(vec![other.clone()]));
    let held = cloud.describe_interface(&now.network_interface_ids.unwrap()[0]);
    assert_eq!(held.groups.unwrap()[0].group_id.as_ref(), Some(&default_group));
    let none = input!(ModifyVpcEndpointRequest {
        vpc_endpoint_id: &endpoint_id,
        remove_security_group_ids: [&default_group]
    });
    cloud.refuses::<op::ModifyVpcEndpoint>(
        none,
        "InvalidParameter",
        "A VPC endpoint must have at least one security group",
    );

    // What it is in stays as long as it does.
    let message = format!("The subnet '{other}' has dependencies and cannot be deleted.");
    let delete_subnet = |id: &str| input!(DeleteSubnetRequest { subnet_id: id });
    cloud.ok::<op::DeleteSubnet>(delete_subnet(&one));
    cloud.refuses::<op::DeleteSubnet>(delete_subnet(&other), "DependencyViolation", &message);
    let error = "You do not have permission to access the specified resource.";
    let interface = held.network_interface_id.unwrap();
    let delete_interface = input!(DeleteNetworkInterfaceRequest { network_interface_id: &interface });
    cloud.refuses::<op::DeleteNetworkInterface>(delete_interface, "AuthFailure", error);
    assert_eq!(delete(&cloud, &[&endpoint_id]), []);
    cloud.ok::<op::DeleteSubnet>(delete_subnet(&other));
    assert_eq!(state(&cloud, &endpoint_id), "deleting");
    cloud.wait(LONG_MILLIS);
    assert_eq!(state(&cloud, &endpoint_id), "deleted");
    cloud.wait(3_600_000);
    assert_eq!(found(&cloud, &[]).len(), 0);
}

#[test]
fn a_vpc_and_a_group_stay_while_endpoints_have_them() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let group = cloud.group(&vpc, "endpoints");
    let request = api::CreateVpcEndpointRequest {
        security_group_ids: Some(vec![group.clone()]),
        ..interface(&vpc, &[])
    };
    let endpoint = id(&create(&cloud, request));
    let message = format!("The vpc '{vpc}' has dependencies and cannot be deleted.");
    let delete_vpc = || input!(DeleteVpcRequest { vpc_id: &vpc });
    let delete_group = || input!(DeleteSecurityGroupRequest { group_id: &group });
    cloud.refuses::<op::DeleteVpc>(delete_vpc(), "DependencyViolation", &message);
    cloud.refuses::<op::DeleteSecurityGroup>(delete_group(), "DependencyViolation", "…");
    delete(&cloud, &[&endpoint]);
    cloud.ok::<op::DeleteSecurityGroup>(delete_group());
    cloud.ok::<op::DeleteVpc>(delete_vpc());
}

#[test]
fn private_dns_has_its_conditions() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    // It is on where a request does not say.
    let usual = || api::CreateVpcEndpointRequest { private_dns_enabled: None, ..interface(&vpc, &[]) };
    let message = format!(
        "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {vpc}"
    );
    cloud.refuses::<op::CreateVpcEndpoint>(usual(), "InvalidParameter", &message);
    let plain = create(&cloud, interface(&vpc, &[]));
    assert_eq!(plain.private_dns_enabled, Some(false));
    hostnames(&cloud, &vpc);
    let endpoint = create(&cloud, usual());
    assert_eq!(endpoint.private_dns_enabled, Some(true));
    let names: Vec<_> =
        endpoint.dns_entries.clone().unwrap().into_iter().map(|entry| entry.dns_name.unwrap()).collect();
    assert_eq!(names.last().unwrap(), "ssm.us-east-1.amazonaws.com");
    let message = format!(
        "private-dns-enabled cannot be set because there is already a conflicting DNS domain for \
         ssm.us-east-1.amazonaws.com in the VPC {vpc}"
    );
    let enable = |id: &str, flag: bool| {
        input!(ModifyVpcEndpointRequest { vpc_endpoint_id: id, private_dns_enabled: flag })
    };
    cloud.refuses::<op::ModifyVpcEndpoint>(enable(&id(&plain), true), "InvalidParameter", &message);
    cloud.ok::<op::ModifyVpcEndpoint>(enable(&id(&endpoint), false));
    cloud.ok::<op::ModifyVpcEndpoint>(enable(&id(&plain), true));
    assert_eq!(shown(&cloud, &id(&plain)).private_dns_enabled, Some(true));

    // For S3 it is for inbound resolver endpoints alone, beside a gateway endpoint, unless a request says otherwise.
    let s3 = |only: Option<bool>| api::CreateVpcEndpointRequest {
        service_name: Some(S3.to_owned()),
        private_dns_enabled: Some(true),
        dns_options: only.map(|only| api::DnsOptionsSpecification {
            private_dns_only_for_inbound_resolver_endpoint: Some(only),
            ..Default::default()
        }),
        ..interface(&vpc, &[])
    };
    let message = format!(
        "To set PrivateDnsOnlyForInboundResolverEndpoint to true, the VPC {vpc} must have a Gateway endpoint for the service."
    );
    cloud.refuses::<op::CreateVpcEndpoint>(s3(None), "InvalidParameter", &message);
    let without = create(&cloud, s3(Some(false)));
    delete(&cloud, &[&id(&without)]);
    create(&cloud, gateway(&vpc, &[]));
    create(&cloud, s3(Some(true)));
    let other = api::CreateVpcEndpointRequest { service_name: Some(SSM.to_owned()), ..s3(Some(true)) };
    cloud.refuses::<op::CreateVpcEndpoint>(
        other,
        "InvalidParameter",
        "PrivateDnsOnlyForInboundResolverEndpoint is …",
    );
}

#[test]
fn addresses_of_both_families() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let dualstack = api::CreateVpcEndpointRequest {
        ip_address_type: Some("dualstack".to_owned()),
        ..interface(&vpc, &[&subnet])
    };
    let message = format!("Subnet {subnet} does not have an IPv6 CIDR block, which dualstack needs");
    cloud.refuses::<op::CreateVpcEndpoint>(dualstack.clone(), "InvalidParameter", &message);
    let block = input!(AssociateVpcCidrBlockRequest { vpc_id: &vpc, amazon_provided_ipv6_cidr_block: true });
    let block = cloud
        .ok::<op::AssociateVpcCidrBlock>(block)
        .ipv6_cidr_block_association
        .unwrap()
        .ipv6_cidr_block
        .unwrap();
    let block = block.replace("/56", "/64");
    cloud.ok::<op::AssociateSubnetCidrBlock>(input!(AssociateSubnetCidrBlockRequest {
        subnet_id: &subnet,
        ipv6_cidr_block: &block
    }));
    let endpoint = create(&cloud, dualstack);
    let addresses = |cloud: &Cloud| {
        let held = shown(cloud, &id(&endpoint)).network_interface_ids.unwrap().remove(0);
        cloud.describe_interface(&held).ipv6_addresses.unwrap_or_default().len()
    };
    assert_eq!((endpoint.ip_address_type.as_deref(), addresses(&cloud)), (Some("dualstack"), 1));
    let change = |kind: &str| {
        input!(ModifyVpcEndpointRequest { vpc_endpoint_id: id(&endpoint), ip_address_type: kind })
    };
    cloud.ok::<op::ModifyVpcEndpoint>(change("ipv4"));
    assert_eq!(addresses(&cloud), 0);
    cloud.ok::<op::ModifyVpcEndpoint>(change("dualstack"));
    assert_eq!(addresses(&cloud), 1);
    assert_eq!(found(&cloud, &[("ip-address-type", &["dualstack"])]).len(), 1);
    cloud.refuses::<op::ModifyVpcEndpoint>(
        change("ipv5"),
        "InvalidParameter",
        "The IP address type 'ipv5' is not valid",
    );
    cloud.refuses::<op::ModifyVpcEndpoint>(change("ipv6"), "UnsupportedOperation", "…");
}

#[test]
fn policies_are_json() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let policy = r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}]}"#;
    let with = |text: &str| api::CreateVpcEndpointRequest {
        policy_document: Some(text.to_owned()),
        ..gateway(&vpc, &[])
    };
    let message = "The specified policy document is not a valid JSON policy document.";
    for bad in ["", "{", "{}", "[]", r#"{"Statement":[]}"#, r#"{"Statement":[{"Effect":"Maybe"}]}"#] {
        cloud.refuses::<op::CreateVpcEndpoint>(with(bad), "InvalidPolicyDocument", message);
    }
    let long = format!("{policy}{}", " ".repeat(20_480));
    cloud.refuses::<op::CreateVpcEndpoint>(with(&long), "InvalidPolicyDocument", message);
    let endpoint = id(&create(&cloud, with(policy)));
    assert_eq!(shown(&cloud, &endpoint).policy_document.as_deref(), Some(policy));
    cloud.ok::<op::ModifyVpcEndpoint>(input!(ModifyVpcEndpointRequest {
        vpc_endpoint_id: &endpoint,
        reset_policy: true
    }));
    assert!(shown(&cloud, &endpoint).policy_document.unwrap().contains("2008-10-17"));
    cloud.ok::<op::ModifyVpcEndpoint>(input!(ModifyVpcEndpointRequest {
        vpc_endpoint_id: &endpoint,
        policy_document: policy
    }));
    assert_eq!(shown(&cloud, &endpoint).policy_document.as_deref(), Some(policy));
    let both = input!(ModifyVpcEndpointRequest {
        vpc_endpoint_id: &endpoint,
        policy_document: policy,
        reset_policy: true
    });
    cloud.refuses::<op::ModifyVpcEndpoint>(both, "InvalidParameterCombination", "…");
}

#[test]
fn what_is_refused() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let refused = |request: api::CreateVpcEndpointRequest, code: &str, message: &str| {
        cloud.refuses::<op::CreateVpcEndpoint>(request, code, message);
    };
    let service = |name: &str| api::CreateVpcEndpointRequest {
        service_name: Some(name.to_owned()),
        ..gateway(&vpc, &[])
    };
    refused(
        service("com.amazonaws.us-east-1.nothing"),
        "InvalidServiceName",
        "The Vpc Endpoint Service 'com.amazonaws.us-east-1.nothing' does not exist",
    );
    refused(
        service(SSM),
        "InvalidParameter",
        "Endpoint type (Gateway) does not match available service types ([Interface]).",
    );
    let kind = |kind: &str| api::CreateVpcEndpointRequest {
        vpc_endpoint_type: Some(kind.to_owned()),
        ..gateway(&vpc, &[])
    };
    refused(kind("Door"), "InvalidVpcEndpointType", "The specified VPC endpoint type is not valid.");
    refused(kind("Resource"), "UnsupportedOperation", "…");
    refused(
        api::CreateVpcEndpointRequest { service_name: None, ..gateway(&vpc, &[]) },
        "MissingParameter",
        "…",
    );
    refused(gateway("vpc-0123456789abcdef0", &[]), "InvalidVpcID.NotFound", "…");
    let elsewhere = cloud.vpc("10.1.0.0/16");
    refused(gateway(&vpc, &[&table(&cloud, &elsewhere)]), "InvalidParameter", "Route table …");
    refused(interface(&vpc, &[&cloud.subnet(&elsewhere, "10.1.0.0/24")]), "InvalidParameter", "Subnet …");
    let groups = api::CreateVpcEndpointRequest {
        security_group_ids: Some(vec![cloud.default_group(&elsewhere)]),
        ..interface(&vpc, &[])
    };
    refused(groups.clone(), "InvalidParameter", "Security group …");
    refused(
        api::CreateVpcEndpointRequest {
            vpc_endpoint_type: None,
            service_name: Some(S3.to_owned()),
            ..groups
        },
        "InvalidParameter",
        "Security group IDs are …",
    );
    refused(
        api::CreateVpcEndpointRequest { service_region: Some("eu-west-1".to_owned()), ..gateway(&vpc, &[]) },
        "UnsupportedOperation",
        "…",
    );
    refused(
        api::CreateVpcEndpointRequest { private_dns_enabled: Some(true), ..gateway(&vpc, &[]) },
        "InvalidParameter",
        "Private DNS can only …",
    );
    let message = "Request would have succeeded, but DryRun flag is set.";
    refused(
        api::CreateVpcEndpointRequest { dry_run: Some(true), ..gateway(&vpc, &[]) },
        "DryRunOperation",
        message,
    );
    let endpoint = id(&create(&cloud, gateway(&vpc, &[])));
    let input = input!(DeleteVpcEndpointsRequest { vpc_endpoint_ids: [&endpoint], dry_run: true });
    cloud.refuses::<op::DeleteVpcEndpoints>(input, "DryRunOperation", message);
    let input =
        input!(ModifyVpcEndpointRequest { vpc_endpoint_id: &endpoint, reset_policy: true, dry_run: true });
    cloud.refuses::<op::ModifyVpcEndpoint>(input, "DryRunOperation", message);
    let unknown = "vpce-0123456789abcdef0";
    let input = input!(DescribeVpcEndpointsRequest { vpc_endpoint_ids: [unknown] });
    let message = format!("The Vpc Endpoint Id '{unknown}' does not exist");
    cloud.refuses::<op::DescribeVpcEndpoints>(input, "InvalidVpcEndpointId.NotFound", &message);
    // What can be deleted is, whatever else is asked.
    let code = |id: &str, code: &str| (id.to_owned(), code.to_owned());
    assert_eq!(
        delete(&cloud, &[unknown, "x", &endpoint]),
        [code(unknown, "InvalidVpcEndpointId.NotFound"), code("x", "InvalidVpcEndpointId.Malformed")]
    );
    assert_eq!(delete(&cloud, &[&endpoint]), [code(&endpoint, "InvalidVpcEndpointId.NotFound")]);
}

#[test]
fn filters_tags_and_tokens() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let request = api::CreateVpcEndpointRequest {
        tag_specifications: Some(tagged("vpc-endpoint", &[("Name", "one")])),
        client_token: Some("token".to_owned()),
        ..gateway(&vpc, &[])
    };
    let one = id(&create(&cloud, request.clone()));
    assert_eq!(id(&create(&cloud, request.clone())), one);
    let mismatch = api::CreateVpcEndpointRequest { private_dns_enabled: Some(false), ..request };
    cloud.refuses::<op::CreateVpcEndpoint>(mismatch, "IdempotentParameterMismatch", "…");
    let other = id(&create(&cloud, interface(&cloud.default_vpc(), &[])));
    assert_eq!(found(&cloud, &[]).len(), 2);
    let rows: [(&str, &str, &str); 7] = [
        ("ip-address-type", "ipv4", "dualstack"),
        ("service-name", S3, "none"),
        ("service-region", "us-east-1", "us-west-2"),
        ("vpc-endpoint-id", &one, "none"),
        ("vpc-endpoint-state", "available", "none"),
        ("vpc-endpoint-type", "Gateway", "none"),
        ("vpc-id", &vpc, "none"),
    ];
    for (name, value, no_value) in rows {
        let held = found(&cloud, &[(name, &[value])]);
        assert!(held.contains(&one), "{name}");
        let is_of_both = matches!(name, "ip-address-type" | "service-region");
        assert_eq!(held.contains(&other), is_of_both, "{name}");
        assert_eq!(found(&cloud, &[(name, &[no_value])]).len(), 0, "{name}");
    }
    assert_eq!(found(&cloud, &[("tag:Name", &["one"])]), std::slice::from_ref(&one));
    cloud.ok::<op::CreateTags>(input!(CreateTagsRequest { resources: [&other], tags: tags(&[("k", "v")]) }));
    assert_eq!(found(&cloud, &[("tag-key", &["k"])]), [other]);

    let none = input!(DescribeVpcEndpointAssociationsRequest { vpc_endpoint_ids: [&one] });
    assert_eq!(
        cloud.ok::<op::DescribeVpcEndpointAssociations>(none).vpc_endpoint_associations,
        Some(Vec::new())
    );
}

#[test]
fn quotas() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let message = "The maximum number of VPC endpoints has been reached.";
    let first = id(&create(&cloud, gateway(&vpc, &[])));
    (1..20).for_each(|_| drop(create(&cloud, gateway(&vpc, &[]))));
    cloud.refuses::<op::CreateVpcEndpoint>(gateway(&vpc, &[]), "VpcEndpointLimitExceeded", message);
    delete(&cloud, &[&first]);
    create(&cloud, gateway(&vpc, &[]));
    (0..50).for_each(|_| drop(create(&cloud, interface(&vpc, &[]))));
    cloud.refuses::<op::CreateVpcEndpoint>(interface(&vpc, &[]), "VpcEndpointLimitExceeded", message);
    create(&cloud, interface(&cloud.default_vpc(), &[]));
}

#[test]
fn services_of_aws() {
    let cloud = Cloud::new();
    let all = |request| cloud.ok::<op::DescribeVpcEndpointServices>(request);
    let names = all(input!(DescribeVpcEndpointServicesRequest {})).service_names.unwrap();
    for name in [
        "ssm",
        "ssmmessages",
        "ec2messages",
        "secretsmanager",
        "rds",
        "rds-data",
        "logs",
        "execute-api",
        "s3",
        "dynamodb",
    ] {
        assert!(names.contains(&format!("com.amazonaws.us-east-1.{name}")), "{name}");
    }
    // Every one that is listed can be created.
    let quiet = Cloud::without_quotas();
    let vpc = quiet.vpc("10.0.0.0/16");
    for name in &names {
        create(
            &quiet,
            api::CreateVpcEndpointRequest { service_name: Some(name.clone()), ..interface(&vpc, &[]) },
        );
    }
    let named = all(input!(DescribeVpcEndpointServicesRequest { service_names: [S3] }));
    let kinds: Vec<_> = named.service_details.unwrap();
    assert_eq!(kinds.len(), 2);
    assert_eq!(named.service_names, Some(vec![S3.to_owned()]));
    let found = |name: &str, value: &str| {
        let input = input!(DescribeVpcEndpointServicesRequest { filters: filters(&[(name, &[value])]) });
        cloud.ok::<op::DescribeVpcEndpointServices>(input).service_details.unwrap().len()
    };
    assert_eq!(found("service-type", "Gateway"), 2);
    assert_eq!(found("service-name", SSM), 1);
    assert_eq!(found("owner", "amazon"), found("service-region", "us-east-1"));
    assert_eq!(found("owner", "123456789012"), 0);
    assert_eq!(found("supported-ip-address-types", "ipv4") - found("supported-ip-address-types", "ipv6"), 2);
    assert_eq!(found("tag-key", "k"), 0);
    let unknown = input!(DescribeVpcEndpointServicesRequest { service_names: ["com.x"] });
    cloud.refuses::<op::DescribeVpcEndpointServices>(
        unknown,
        "InvalidServiceName",
        "The Vpc Endpoint Service 'com.x' does not exist",
    );
    let mut page = input!(DescribeVpcEndpointServicesRequest { max_results: 30 });
    let mut count = 0;
    loop {
        let answer = all(page.clone());
        count += answer.service_details.unwrap().len();
        page.next_token = answer.next_token;
        if page.next_token.is_none() {
            break;
        }
    }
    assert_eq!(count, found("owner", "amazon"));
}
