//! VPC endpoints that routes lead to, and the addresses of the services behind them.

use aws_types::{RouteTableId, VpcEndpointId};
use vpc_model::{ManagedService, Object, ObjectId, VpcEndpointKind};

use super::cloud::{Cloud, input, op, parsed};

fn kind(cloud: &Cloud, id: &str) -> Option<VpcEndpointKind> {
    match cloud.told::<VpcEndpointId>(id) {
        Some(Object::VpcEndpoint(told)) => Some(told.kind.clone()),
        None => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_gateway_endpoint_has_routes_in_its_tables() {
    let mut cloud = Cloud::with_realistic_timing();
    let vpc = cloud.vpc("10.0.0.0/16");
    let (one, other) = (cloud.table(&vpc), cloud.table(&vpc));
    let input = input!(CreateVpcEndpointRequest {
        vpc_id: vpc.as_str(),
        service_name: "com.amazonaws.us-east-1.s3",
        route_table_ids: [one.as_str()],
    });
    let id = cloud.ok::<op::CreateVpcEndpoint>(input).vpc_endpoint.unwrap().vpc_endpoint_id.unwrap();
    assert_eq!(kind(&cloud, &id), Some(VpcEndpointKind::Gateway(ManagedService::S3)));
    let routes: Vec<String> = ["198.19.184.0/23", "198.19.186.0/24"]
        .iter()
        .map(|block| format!("{block} PrefixList VpcEndpoint({id})"))
        .collect();
    assert_eq!(cloud.routes(&one), routes);
    assert!(cloud.routes(&other).is_empty());

    cloud.ok::<op::ModifyVpcEndpoint>(input!(ModifyVpcEndpointRequest {
        vpc_endpoint_id: id.as_str(),
        add_route_table_ids: [other.as_str()],
        remove_route_table_ids: [one.as_str()],
    }));
    assert!(cloud.routes(&one).is_empty());
    assert_eq!(cloud.routes(&other), routes);
    cloud.check();

    cloud.ok::<op::DeleteVpcEndpoints>(input!(DeleteVpcEndpointsRequest { vpc_endpoint_ids: [id.as_str()] }));
    assert_eq!(kind(&cloud, &id), None);
    assert!(cloud.routes(&other).is_empty());
    let expected: [ObjectId; 2] =
        [parsed::<RouteTableId>(&other).into(), parsed::<VpcEndpointId>(&id).into()];
    assert_eq!(cloud.last_ids(), expected);
    cloud.check();
}

#[test]
fn a_gateway_load_balancer_endpoint_is_there_from_when_it_is_available() {
    let mut cloud = Cloud::with_realistic_timing();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.1.0/24");
    let balancer =
        "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/gwy/one/0123456789abcdef";
    let input = input!(CreateVpcEndpointServiceConfigurationRequest {
        gateway_load_balancer_arns: [balancer],
        acceptance_required: true,
    });
    let service = cloud.ok::<op::CreateVpcEndpointServiceConfiguration>(input).service_configuration.unwrap();
    cloud.settle();
    let input = input!(CreateVpcEndpointRequest {
        vpc_id: vpc.as_str(),
        vpc_endpoint_type: "GatewayLoadBalancer",
        service_name: service.service_name.unwrap(),
        subnet_ids: [subnet.as_str()],
    });
    let id = cloud.ok::<op::CreateVpcEndpoint>(input).vpc_endpoint.unwrap().vpc_endpoint_id.unwrap();
    cloud.settle();
    assert_eq!(kind(&cloud, &id), None);
    let service = service.service_id.unwrap();
    cloud.ok::<op::AcceptVpcEndpointConnections>(input!(AcceptVpcEndpointConnectionsRequest {
        service_id: service.as_str(),
        vpc_endpoint_ids: [id.as_str()],
    }));
    cloud.wait(59_999);
    assert_eq!(kind(&cloud, &id), None);
    cloud.wait(1);
    assert_eq!(kind(&cloud, &id), Some(VpcEndpointKind::GatewayLoadBalancer));
    cloud.check();
    cloud.ok::<op::RejectVpcEndpointConnections>(input!(RejectVpcEndpointConnectionsRequest {
        service_id: service.as_str(),
        vpc_endpoint_ids: [id.as_str()],
    }));
    assert_eq!(kind(&cloud, &id), None);
    cloud.check();
}

#[test]
fn an_interface_endpoint_is_its_interfaces() {
    let mut cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.1.0/24");
    let input = input!(CreateVpcEndpointRequest {
        vpc_id: vpc.as_str(),
        vpc_endpoint_type: "Interface",
        service_name: "com.amazonaws.us-east-1.ec2",
        subnet_ids: [subnet.as_str()],
        private_dns_enabled: false,
    });
    let id = cloud.ok::<op::CreateVpcEndpoint>(input).vpc_endpoint.unwrap().vpc_endpoint_id.unwrap();
    cloud.settle();
    assert_eq!(kind(&cloud, &id), None);
    let interfaces = cloud.objects().filter_map(|object| match object {
        Object::Interface(interface) => Some(interface.role),
        _ => None,
    });
    assert_eq!(interfaces.collect::<Vec<_>>(), [vpc_model::InterfaceRole::InterfaceEndpoint]);
    cloud.check();
}

#[test]
fn the_engine_knows_the_addresses_of_the_services_of_every_region() {
    let cloud = Cloud::new();
    let mut told: Vec<(String, ManagedService)> = cloud
        .objects()
        .filter_map(|object| match object {
            Object::ServiceAddresses(told) => Some((told.id.to_string(), told.service)),
            _ => None,
        })
        .collect();
    assert_eq!(told.len(), 3 * aws_catalog::regions().len());
    told.retain(|(block, _)| block.starts_with("198.19.18"));
    for (block, service) in [
        ("198.19.184.0/23", ManagedService::S3),
        ("198.19.186.0/24", ManagedService::S3),
        ("198.19.187.0/24", ManagedService::DynamoDb),
    ] {
        assert!(told.contains(&(block.to_owned(), service)), "{block}: {told:?}");
    }
}
