use crate::cloud::{Cloud, api, filters, input, op, tagged};

pub(crate) fn create(cloud: &Cloud) -> String {
    let input = input!(CreateVpnGatewayRequest { r#type: "ipsec.1" });
    cloud.ok::<op::CreateVpnGateway>(input).vpn_gateway.unwrap().vpn_gateway_id.unwrap()
}

fn attach(gateway: &str, vpc: &str) -> api::AttachVpnGatewayRequest {
    input!(AttachVpnGatewayRequest { vpn_gateway_id: gateway, vpc_id: vpc })
}

fn detach(gateway: &str, vpc: &str) -> api::DetachVpnGatewayRequest {
    input!(DetachVpnGatewayRequest { vpn_gateway_id: gateway, vpc_id: vpc })
}

fn delete(gateway: &str) -> api::DeleteVpnGatewayRequest {
    input!(DeleteVpnGatewayRequest { vpn_gateway_id: gateway })
}

fn found(cloud: &Cloud, all: &[(&str, &[&str])]) -> Vec<api::VpnGateway> {
    let input = input!(DescribeVpnGatewaysRequest { filters: filters(all) });
    cloud.ok::<op::DescribeVpnGateways>(input).vpn_gateways.unwrap()
}

fn attachment(cloud: &Cloud, gateway: &str) -> String {
    let mut gateway = found(cloud, &[("vpn-gateway-id", &[gateway])]).remove(0);
    gateway.vpc_attachments.as_mut().unwrap().remove(0).state.unwrap()
}

/// A gateway that is attached to a VPC, and a table of that VPC.
pub(crate) fn attached(cloud: &Cloud, vpc: &str) -> (String, String) {
    let gateway = create(cloud);
    cloud.ok::<op::AttachVpnGateway>(attach(&gateway, vpc));
    cloud.wait(100);
    let table = cloud.ok::<op::CreateRouteTable>(input!(CreateRouteTableRequest { vpc_id: vpc }));
    (gateway, table.route_table.unwrap().route_table_id.unwrap())
}

pub(crate) fn table(cloud: &Cloud, id: &str) -> api::RouteTable {
    let input = input!(DescribeRouteTablesRequest { route_table_ids: [id] });
    cloud.ok::<op::DescribeRouteTables>(input).route_tables.unwrap().remove(0)
}

#[test]
fn a_gateway_lives() {
    let cloud = Cloud::new();
    let (vpc, other_vpc) = (cloud.vpc("10.0.0.0/16"), cloud.vpc("10.1.0.0/16"));
    let gateway = input!(CreateVpnGatewayRequest {
        r#type: "ipsec.1",
        amazon_side_asn: 4_200_000_000,
        availability_zone: "us-east-1a",
        tag_specifications: tagged("vpn-gateway", &[("Name", "vgw")])
    });
    let id = cloud.ok::<op::CreateVpnGateway>(gateway).vpn_gateway.unwrap().vpn_gateway_id.unwrap();
    let other = create(&cloud);
    assert_eq!(found(&cloud, &[("amazon-side-asn", &["64512"])]).len(), 1);
    let answer = cloud.ok::<op::AttachVpnGateway>(attach(&id, &vpc)).vpc_attachment.unwrap();
    assert_eq!(answer.state.as_deref(), Some("attaching"));
    cloud.wait(100);
    assert_eq!(attachment(&cloud, &id), "attached");
    let answer = cloud.ok::<op::AttachVpnGateway>(attach(&id, &vpc)).vpc_attachment.unwrap();
    assert_eq!(answer.state.as_deref(), Some("attached"));
    for (name, value, count) in [
        ("amazon-side-asn", "4200000000", 1),
        ("attachment.state", "attached", 1),
        ("attachment.vpc-id", &*vpc, 1),
        ("availability-zone", "us-east-1a", 1),
        ("state", "available", 2),
        ("tag:Name", "vgw", 1),
        ("type", "ipsec.1", 2),
        ("vpn-gateway-id", &*id, 1),
    ] {
        assert_eq!(found(&cloud, &[(name, &[value])]).len(), count, "{name}");
    }
    let message = format!("Network {vpc} already has a virtual private gateway attached");
    cloud.refuses::<op::AttachVpnGateway>(attach(&other, &vpc), "InvalidParameterValue", &message);
    cloud.refuses::<op::AttachVpnGateway>(attach(&id, &other_vpc), "VpnGatewayAttachmentLimitExceeded", "…");
    cloud.refuses::<op::DeleteVpnGateway>(delete(&id), "IncorrectState", "The VPN gateway is in use.");
    let delete_vpc = input!(DeleteVpcRequest { vpc_id: &vpc });
    cloud.refuses::<op::DeleteVpc>(delete_vpc.clone(), "DependencyViolation", "…");
    let code = "InvalidVpnGatewayAttachment.NotFound";
    cloud.refuses::<op::DetachVpnGateway>(detach(&id, &other_vpc), code, "…");
    cloud.ok::<op::DetachVpnGateway>(detach(&id, &vpc));
    assert_eq!(attachment(&cloud, &id), "detaching");
    cloud.refuses::<op::DetachVpnGateway>(detach(&id, &vpc), code, "…");
    cloud.refuses::<op::AttachVpnGateway>(attach(&id, &vpc), "IncorrectState", "…");
    cloud.refuses::<op::DeleteVpc>(delete_vpc.clone(), "DependencyViolation", "…");
    cloud.wait(100);
    assert_eq!(attachment(&cloud, &id), "detached");
    cloud.ok::<op::DeleteVpc>(delete_vpc);
    cloud.ok::<op::DeleteVpnGateway>(delete(&id));
    assert_eq!(found(&cloud, &[("state", &["deleted"])]).len(), 1);
    let message = format!("The vpnGateway ID '{id}' does not exist");
    cloud.refuses::<op::DeleteVpnGateway>(delete(&id), "InvalidVpnGatewayID.NotFound", &message);
    cloud.wait(3_600_000);
    assert_eq!(found(&cloud, &[]).len(), 1);
}

#[test]
fn it_is_a_target_of_routes_and_leaves_a_blackhole() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let (gateway, id) = attached(&cloud, &vpc);
    let loose = create(&cloud);
    let route = |gateway: &str| {
        input!(CreateRouteRequest {
            route_table_id: &id,
            destination_cidr_block: "192.168.0.0/16",
            gateway_id: gateway
        })
    };
    let message = format!("route table {id} and network gateway {loose} belong to different networks");
    cloud.refuses::<op::CreateRoute>(route(&loose), "InvalidParameterValue", &message);
    let unknown = route("vgw-0123456789abcdef0");
    cloud.refuses::<op::CreateRoute>(unknown, "InvalidGatewayID.NotFound", "…");
    cloud.ok::<op::CreateRoute>(route(&gateway));
    let state = || {
        let routes = table(&cloud, &id).routes.unwrap();
        let route = routes.into_iter().find(|route| route.gateway_id.as_ref() == Some(&gateway)).unwrap();
        route.state.unwrap()
    };
    assert_eq!(state(), "active");
    cloud.ok::<op::DetachVpnGateway>(detach(&gateway, &vpc));
    assert_eq!(state(), "blackhole");
    for (name, carrier, local) in
        [("carrierGatewayId", Some("cagw-0123456789abcdef0"), None), ("localGatewayId", None, Some("lgw-1"))]
    {
        let input = api::CreateRouteRequest {
            gateway_id: None,
            carrier_gateway_id: carrier.map(str::to_owned),
            local_gateway_id: local.map(str::to_owned),
            ..route("")
        };
        let message = format!("Routes with {name} are not supported.");
        cloud.refuses::<op::CreateRoute>(input, "UnsupportedOperation", &message);
    }
}

#[test]
fn propagation_is_enabled_and_ends() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let (gateway, id) = attached(&cloud, &vpc);
    let loose = create(&cloud);
    let enable =
        |gateway: &str| input!(EnableVgwRoutePropagationRequest { route_table_id: &id, gateway_id: gateway });
    let message = format!("resource {loose} is not attached to network {vpc}");
    cloud.refuses::<op::EnableVgwRoutePropagation>(enable(&loose), "Gateway.NotAttached", &message);
    let dry = api::EnableVgwRoutePropagationRequest { dry_run: Some(true), ..enable(&gateway) };
    cloud.refuses::<op::EnableVgwRoutePropagation>(dry, "DryRunOperation", "…");
    let held = || {
        let listed = table(&cloud, &id).propagating_vgws.unwrap();
        listed.into_iter().map(|held| held.gateway_id.unwrap()).collect::<Vec<_>>()
    };
    assert!(held().is_empty());
    cloud.ok::<op::EnableVgwRoutePropagation>(enable(&gateway));
    cloud.ok::<op::EnableVgwRoutePropagation>(enable(&gateway));
    assert_eq!(held(), std::slice::from_ref(&gateway));
    let disable = input!(DisableVgwRoutePropagationRequest { route_table_id: &id, gateway_id: &gateway });
    let dry = api::DisableVgwRoutePropagationRequest { dry_run: Some(true), ..disable.clone() };
    cloud.refuses::<op::DisableVgwRoutePropagation>(dry, "DryRunOperation", "…");
    cloud.ok::<op::DisableVgwRoutePropagation>(disable);
    assert!(held().is_empty());
    cloud.ok::<op::EnableVgwRoutePropagation>(enable(&gateway));
    cloud.ok::<op::DetachVpnGateway>(detach(&gateway, &vpc));
    assert!(held().is_empty());
}

#[test]
fn what_is_refused() {
    let cloud = Cloud::new();
    let refused =
        |input, code: &str, message: &str| cloud.refuses::<op::CreateVpnGateway>(input, code, message);
    let base = || input!(CreateVpnGatewayRequest { r#type: "ipsec.1" });
    refused(api::CreateVpnGatewayRequest { dry_run: Some(true), ..base() }, "DryRunOperation", "…");
    let value = "InvalidParameterValue";
    refused(input!(CreateVpnGatewayRequest { r#type: "ipsec.2" }), value, "…");
    for asn in [1, 65535, 4_294_967_295] {
        refused(api::CreateVpnGatewayRequest { amazon_side_asn: Some(asn), ..base() }, value, "…");
    }
    let zone = Some("us-east-1z".to_owned());
    refused(api::CreateVpnGatewayRequest { availability_zone: zone, ..base() }, value, "…");
    let gateways: Vec<String> = (0..5).map(|_| create(&cloud)).collect();
    let message = "The maximum number of virtual private gateways has been reached.";
    refused(base(), "VpnGatewayLimitExceeded", message);
    let vpc = cloud.vpc("10.0.0.0/16");
    let dry = api::AttachVpnGatewayRequest { dry_run: Some(true), ..attach(&gateways[0], &vpc) };
    cloud.refuses::<op::AttachVpnGateway>(dry, "DryRunOperation", "…");
    let dry = api::DeleteVpnGatewayRequest { dry_run: Some(true), ..delete(&gateways[0]) };
    cloud.refuses::<op::DeleteVpnGateway>(dry, "DryRunOperation", "…");
    cloud.ok::<op::DeleteVpnGateway>(delete(&gateways[0]));
    create(&cloud);
}
