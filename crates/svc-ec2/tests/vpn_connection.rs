mod device;
mod transit;

use crate::cloud::{Cloud, api, filters, input, op, tagged};
use crate::vpn_gateway;

fn customer(cloud: &Cloud, address: &str) -> String {
    let input =
        input!(CreateCustomerGatewayRequest { r#type: "ipsec.1", ip_address: address, bgp_asn: 65010 });
    cloud.ok::<op::CreateCustomerGateway>(input).customer_gateway.unwrap().customer_gateway_id.unwrap()
}

fn request(customer: &str, gateway: &str, is_static: bool) -> api::CreateVpnConnectionRequest {
    let options =
        api::VpnConnectionOptionsSpecification { static_routes_only: Some(is_static), ..Default::default() };
    input!(CreateVpnConnectionRequest {
        r#type: "ipsec.1",
        customer_gateway_id: customer,
        vpn_gateway_id: gateway,
        options: options
    })
}

fn create(cloud: &Cloud, input: api::CreateVpnConnectionRequest) -> api::VpnConnection {
    cloud.ok::<op::CreateVpnConnection>(input).vpn_connection.unwrap()
}

/// A connection with static routes that is available, and the gateways at its ends.
pub(crate) fn made(cloud: &Cloud) -> (String, String, String) {
    let (customer, gateway) = (customer(cloud, "203.0.113.1"), vpn_gateway::create(cloud));
    let id = create(cloud, request(&customer, &gateway, true)).vpn_connection_id.unwrap();
    cloud.wait(100);
    (id, customer, gateway)
}

fn found(cloud: &Cloud, all: &[(&str, &[&str])]) -> Vec<api::VpnConnection> {
    let input = input!(DescribeVpnConnectionsRequest { filters: filters(all) });
    cloud.ok::<op::DescribeVpnConnections>(input).vpn_connections.unwrap()
}

fn described(cloud: &Cloud, id: &str) -> api::VpnConnection {
    found(cloud, &[("vpn-connection-id", &[id])]).remove(0)
}

fn tunnels(connection: &api::VpnConnection) -> Vec<api::TunnelOption> {
    connection.options.as_ref().unwrap().tunnel_options.clone().unwrap()
}

fn with_tunnel(
    mut request: api::CreateVpnConnectionRequest,
    tunnel: api::VpnTunnelOptionsSpecification,
) -> api::CreateVpnConnectionRequest {
    request.options.get_or_insert_default().tunnel_options = Some(vec![tunnel]);
    request
}

fn delete(id: &str) -> api::DeleteVpnConnectionRequest {
    input!(DeleteVpnConnectionRequest { vpn_connection_id: id })
}

fn route(id: &str, block: &str) -> api::CreateVpnConnectionRouteRequest {
    input!(CreateVpnConnectionRouteRequest { vpn_connection_id: id, destination_cidr_block: block })
}

fn delete_route(id: &str, block: &str) -> api::DeleteVpnConnectionRouteRequest {
    input!(DeleteVpnConnectionRouteRequest { vpn_connection_id: id, destination_cidr_block: block })
}

#[test]
fn a_connection_lives() {
    let cloud = Cloud::new();
    let (customer, gateway) = (customer(&cloud, "203.0.113.1"), vpn_gateway::create(&cloud));
    let tagged = api::CreateVpnConnectionRequest {
        tag_specifications: Some(tagged("vpn-connection", &[("Name", "office")])),
        ..request(&customer, &gateway, true)
    };
    let connection = create(&cloud, tagged.clone());
    assert_eq!(create(&cloud, tagged), connection, "there is one between two gateways");
    assert_eq!(connection.state.as_deref(), Some("pending"));
    let id = connection.vpn_connection_id.clone().unwrap();
    let telemetry = connection.vgw_telemetry.clone().unwrap();
    assert_eq!(telemetry.len(), 2);
    assert!(telemetry.iter().all(|held| held.status.as_deref() == Some("DOWN")));
    let both = tunnels(&connection);
    assert_ne!(both[0].outside_ip_address, both[1].outside_ip_address);
    assert_ne!(both[0].tunnel_inside_cidr, both[1].tunnel_inside_cidr);
    for tunnel in &both {
        assert!(tunnel.tunnel_inside_cidr.as_ref().unwrap().ends_with("/30"));
        assert_eq!(tunnel.pre_shared_key.as_ref().unwrap().len(), 32);
        assert!(tunnel.phase1_lifetime_seconds.is_none());
    }
    cloud.refuses::<op::CreateVpnConnectionRoute>(route(&id, "192.168.0.0/16"), "IncorrectState", "…");
    cloud.wait(100);
    assert_eq!(described(&cloud, &id).state.as_deref(), Some("available"));
    for (name, value, count) in [
        ("bgp-asn", "65010", 1),
        ("customer-gateway-configuration", "*<vpn_connection id=*", 1),
        ("customer-gateway-id", &*customer, 1),
        ("option.static-routes-only", "true", 1),
        ("route.destination-cidr-block", "192.168.0.0/16", 0),
        ("state", "available", 1),
        ("tag:Name", "office", 1),
        ("transit-gateway-id", "*", 0),
        ("type", "ipsec.1", 1),
        ("vpn-connection-id", &*id, 1),
        ("vpn-gateway-id", &*gateway, 1),
    ] {
        assert_eq!(found(&cloud, &[(name, &[value])]).len(), count, "{name}");
    }
    let in_use = input!(DeleteCustomerGatewayRequest { customer_gateway_id: &customer });
    let message = "The customer gateway is in use.";
    cloud.refuses::<op::DeleteCustomerGateway>(in_use.clone(), "IncorrectState", message);
    let gateway = input!(DeleteVpnGatewayRequest { vpn_gateway_id: &gateway });
    cloud.refuses::<op::DeleteVpnGateway>(gateway.clone(), "IncorrectState", "The VPN gateway is in use.");
    let dry = api::DeleteVpnConnectionRequest { dry_run: Some(true), ..delete(&id) };
    cloud.refuses::<op::DeleteVpnConnection>(dry, "DryRunOperation", "…");
    cloud.ok::<op::DeleteVpnConnection>(delete(&id));
    let ending = described(&cloud, &id);
    assert_eq!(ending.state.as_deref(), Some("deleting"));
    assert_eq!(ending.customer_gateway_configuration, None);
    cloud.refuses::<op::DeleteVpnGateway>(gateway.clone(), "IncorrectState", "The VPN gateway is in use.");
    cloud.wait(100);
    assert_eq!(described(&cloud, &id).state.as_deref(), Some("deleted"));
    let message = format!("The vpnConnection ID '{id}' does not exist");
    cloud.refuses::<op::DeleteVpnConnection>(delete(&id), "InvalidVpnConnectionID.NotFound", &message);
    cloud.ok::<op::DeleteCustomerGateway>(in_use);
    cloud.ok::<op::DeleteVpnGateway>(gateway);
    cloud.wait(3_600_000);
    assert!(found(&cloud, &[]).is_empty());
}

#[test]
fn the_configuration_tells_a_device_all_it_needs() {
    let cloud = Cloud::new();
    let (customer, gateway) = (customer(&cloud, "203.0.113.1"), vpn_gateway::create(&cloud));
    let list = |text: &str| Some(text.to_owned());
    let tunnel = api::VpnTunnelOptionsSpecification {
        tunnel_inside_cidr: list("169.254.10.4/30"),
        pre_shared_key: list("a_key.of_mine"),
        phase1_lifetime_seconds: Some(3600),
        phase2_lifetime_seconds: Some(1800),
        phase1_encryption_algorithms: Some(vec![api::Phase1EncryptionAlgorithmsRequestListValue {
            value: list("AES256"),
        }]),
        phase2_encryption_algorithms: Some(vec![api::Phase2EncryptionAlgorithmsRequestListValue {
            value: list("AES256-GCM-16"),
        }]),
        phase2_integrity_algorithms: Some(vec![api::Phase2IntegrityAlgorithmsRequestListValue {
            value: list("SHA2-256"),
        }]),
        phase1_dh_group_numbers: Some(vec![api::Phase1DHGroupNumbersRequestListValue { value: Some(14) }]),
        ike_versions: Some(vec![api::IKEVersionsRequestListValue { value: list("ikev2") }]),
        startup_action: list("start"),
        dpd_timeout_seconds: Some(40),
        ..Default::default()
    };
    let connection = create(&cloud, with_tunnel(request(&customer, &gateway, true), tunnel));
    let shown = tunnels(&connection).remove(0);
    assert_eq!(shown.tunnel_inside_cidr.as_deref(), Some("169.254.10.4/30"));
    assert_eq!(shown.phase1_dh_group_numbers.unwrap()[0].value, Some(14));
    assert_eq!(shown.ike_versions.unwrap()[0].value.as_deref(), Some("ikev2"));
    let document = connection.customer_gateway_configuration.clone().unwrap();
    let id = connection.vpn_connection_id.unwrap();
    let beginning = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<vpn_connection id=\"{id}\">\n");
    assert!(document.starts_with(&beginning), "{document}");
    assert!(document.ends_with("</vpn_connection>\n"));
    let (first, second) = document.split_once("</ipsec_tunnel>").unwrap();
    for part in [
        &format!("<customer_gateway_id>{customer}</customer_gateway_id>"),
        &format!("<vpn_gateway_id>{gateway}</vpn_gateway_id>"),
        "<vpn_connection_attributes>NoBGPVPNConnection</vpn_connection_attributes>",
        "<ip_address>203.0.113.1</ip_address>",
        "<ip_address>169.254.10.5</ip_address>",
        "<ip_address>169.254.10.6</ip_address>",
        "<network_mask>255.255.255.252</network_mask>",
        "<asn>65010</asn>",
        "<asn>64512</asn>",
        "<pre_shared_key>a_key.of_mine</pre_shared_key>",
        "<encryption_protocol>aes-256-cbc</encryption_protocol>",
        "<encryption_protocol>aes-256-gcm-16</encryption_protocol>",
        "<authentication_protocol>hmac-sha2-256-128</authentication_protocol>",
        "<lifetime>3600</lifetime>",
        "<lifetime>1800</lifetime>",
        "<perfect_forward_secrecy>group14</perfect_forward_secrecy>",
        "<retries>4</retries>",
    ] {
        assert!(first.contains(part), "{part} in {first}");
    }
    for part in ["<encryption_protocol>aes-128-cbc</encryption_protocol>", "<lifetime>28800</lifetime>"] {
        assert!(second.contains(part), "{part} in {second}");
    }
}

#[test]
fn static_routes_are_propagated() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let (gateway, table) = vpn_gateway::attached(&cloud, &vpc);
    let customer = customer(&cloud, "203.0.113.1");
    let id = create(&cloud, request(&customer, &gateway, true)).vpn_connection_id.unwrap();
    cloud.wait(100);
    cloud.ok::<op::CreateVpnConnectionRoute>(route(&id, "192.168.0.0/16"));
    cloud.ok::<op::CreateVpnConnectionRoute>(route(&id, "192.168.0.0/16"));
    let routes = || described(&cloud, &id).routes.unwrap();
    assert_eq!(routes().len(), 1);
    assert_eq!(routes()[0].state.as_deref(), Some("pending"));
    let enable = input!(EnableVgwRoutePropagationRequest { route_table_id: &table, gateway_id: &gateway });
    cloud.ok::<op::EnableVgwRoutePropagation>(enable);
    let propagated = || {
        let routes = vpn_gateway::table(&cloud, &table).routes.unwrap();
        let of_gateway = routes.into_iter().filter(|route| route.gateway_id.as_ref() == Some(&gateway));
        of_gateway
            .map(|route| (route.destination_cidr_block.unwrap(), route.origin.unwrap()))
            .collect::<Vec<_>>()
    };
    assert!(propagated().is_empty());
    cloud.wait(100);
    assert_eq!(routes()[0].state.as_deref(), Some("available"));
    assert_eq!(found(&cloud, &[("route.destination-cidr-block", &["192.168.0.0/16"])]).len(), 1);
    let expected = |origin: &str| vec![("192.168.0.0/16".to_owned(), origin.to_owned())];
    assert_eq!(propagated(), expected("EnableVgwRoutePropagation"));
    // A route of the table's own is preferred.
    let own = input!(CreateRouteRequest {
        route_table_id: &table,
        destination_cidr_block: "192.168.0.0/16",
        gateway_id: &gateway
    });
    cloud.ok::<op::CreateRoute>(own);
    assert_eq!(propagated(), expected("CreateRoute"));
    let own = input!(DeleteRouteRequest { route_table_id: &table, destination_cidr_block: "192.168.0.0/16" });
    cloud.ok::<op::DeleteRoute>(own.clone());
    cloud.refuses::<op::DeleteRoute>(own, "InvalidRoute.NotFound", "…");
    cloud.ok::<op::DeleteVpnConnectionRoute>(delete_route(&id, "192.168.0.0/16"));
    assert!(propagated().is_empty());
    assert_eq!(routes()[0].state.as_deref(), Some("deleting"));
    cloud.wait(100);
    assert!(routes().is_empty());
    let code = "InvalidRoute.NotFound";
    cloud.refuses::<op::DeleteVpnConnectionRoute>(delete_route(&id, "192.168.0.0/16"), code, "…");
    let code = "InvalidParameterValue";
    cloud.refuses::<op::CreateVpnConnectionRoute>(route(&id, "nonsense"), code, "…");
    // Routes go with the connection.
    cloud.ok::<op::CreateVpnConnectionRoute>(route(&id, "192.168.0.0/16"));
    cloud.wait(100);
    assert_eq!(propagated().len(), 1);
    cloud.ok::<op::DeleteVpnConnection>(delete(&id));
    assert!(propagated().is_empty());
}

#[test]
fn connections_are_changed() {
    let cloud = Cloud::new();
    let (id, customer_before, gateway) = made(&cloud);
    let (other_customer, other_gateway) = (customer(&cloud, "203.0.113.2"), vpn_gateway::create(&cloud));
    let modify = || input!(ModifyVpnConnectionRequest { vpn_connection_id: &id });
    let by_gateway =
        api::ModifyVpnConnectionRequest { vpn_gateway_id: Some(other_gateway.clone()), ..modify() };
    let dry = api::ModifyVpnConnectionRequest { dry_run: Some(true), ..by_gateway.clone() };
    cloud.refuses::<op::ModifyVpnConnection>(dry, "DryRunOperation", "…");
    cloud.refuses::<op::ModifyVpnConnection>(modify(), "MissingParameter", "…");
    let both = api::ModifyVpnConnectionRequest {
        customer_gateway_id: Some(other_customer.clone()),
        ..by_gateway.clone()
    };
    cloud.refuses::<op::ModifyVpnConnection>(both, "InvalidParameterCombination", "…");
    let transit =
        api::ModifyVpnConnectionRequest { transit_gateway_id: Some("tgw-1".to_owned()), ..modify() };
    cloud.refuses::<op::ModifyVpnConnection>(transit, "InvalidTransitGatewayID.Malformed", "…");
    let changed = cloud.ok::<op::ModifyVpnConnection>(by_gateway.clone()).vpn_connection.unwrap();
    assert_eq!((changed.state.as_deref(), changed.vpn_gateway_id), (Some("modifying"), Some(other_gateway)));
    cloud.refuses::<op::ModifyVpnConnection>(by_gateway, "IncorrectState", "…");
    cloud.wait(100);
    let by_customer =
        api::ModifyVpnConnectionRequest { customer_gateway_id: Some(other_customer.clone()), ..modify() };
    cloud.ok::<op::ModifyVpnConnection>(by_customer);
    cloud.wait(100);
    assert_eq!(described(&cloud, &id).customer_gateway_id, Some(other_customer));
    // Two gateways have one connection.
    create(&cloud, request(&customer_before, &gateway, false));

    let options = || input!(ModifyVpnConnectionOptionsRequest { vpn_connection_id: &id });
    cloud.refuses::<op::ModifyVpnConnectionOptions>(options(), "MissingParameter", "…");
    let local = |text: &str| api::ModifyVpnConnectionOptionsRequest {
        local_ipv4_network_cidr: Some(text.to_owned()),
        ..options()
    };
    cloud.refuses::<op::ModifyVpnConnectionOptions>(local("x"), "InvalidParameterValue", "…");
    let six = api::ModifyVpnConnectionOptionsRequest {
        local_ipv6_network_cidr: Some("::/0".to_owned()),
        ..options()
    };
    cloud.refuses::<op::ModifyVpnConnectionOptions>(six, "InvalidParameterCombination", "…");
    let dry = api::ModifyVpnConnectionOptionsRequest { dry_run: Some(true), ..local("10.0.0.0/8") };
    cloud.refuses::<op::ModifyVpnConnectionOptions>(dry, "DryRunOperation", "…");
    cloud.ok::<op::ModifyVpnConnectionOptions>(local("10.0.0.0/8"));
    cloud.wait(100);
    let held = described(&cloud, &id).options.unwrap();
    assert_eq!(held.local_ipv4_network_cidr.as_deref(), Some("10.0.0.0/8"));
    assert_eq!(held.remote_ipv4_network_cidr.as_deref(), Some("0.0.0.0/0"));
}

#[test]
fn tunnels_are_changed() {
    let cloud = Cloud::new();
    let (id, ..) = made(&cloud);
    let before = tunnels(&described(&cloud, &id));
    let modify = |outside: &str, tunnel_options| api::ModifyVpnTunnelOptionsRequest {
        vpn_connection_id: id.clone(),
        vpn_tunnel_outside_ip_address: outside.to_owned(),
        tunnel_options,
        ..Default::default()
    };
    let key = || api::ModifyVpnTunnelOptionsSpecification {
        pre_shared_key: Some("another_key".to_owned()),
        dpd_timeout_action: Some("restart".to_owned()),
        ..Default::default()
    };
    let outside = before[1].outside_ip_address.clone().unwrap();
    let refused = |input, code: &str| cloud.refuses::<op::ModifyVpnTunnelOptions>(input, code, "…");
    refused(modify("203.0.113.9", key()), "InvalidParameterValue");
    refused(modify(&outside, Default::default()), "MissingParameter");
    let dry = api::ModifyVpnTunnelOptionsRequest { dry_run: Some(true), ..modify(&outside, key()) };
    refused(dry, "DryRunOperation");
    let skip =
        api::ModifyVpnTunnelOptionsRequest { skip_tunnel_replacement: Some(true), ..modify(&outside, key()) };
    refused(skip, "UnsupportedOperation");
    let same = api::ModifyVpnTunnelOptionsSpecification {
        tunnel_inside_cidr: before[0].tunnel_inside_cidr.clone(),
        ..Default::default()
    };
    refused(modify(&outside, same), "InvalidParameterValue");
    let changed = cloud.ok::<op::ModifyVpnTunnelOptions>(modify(&outside, key())).vpn_connection.unwrap();
    assert_eq!(changed.state.as_deref(), Some("modifying"));
    let after = tunnels(&changed);
    assert_eq!(after[0], before[0]);
    assert_eq!(after[1].pre_shared_key.as_deref(), Some("another_key"));
    assert_eq!(after[1].dpd_timeout_action.as_deref(), Some("restart"));
    assert_eq!(after[1].tunnel_inside_cidr, before[1].tunnel_inside_cidr);
}

#[test]
fn a_chosen_key_needs_a_customer_gateway_with_an_address() {
    let cloud = Cloud::new();
    let certificate = "arn:aws:acm:us-east-1:123456789012:certificate/one";
    let without = input!(CreateCustomerGatewayRequest { r#type: "ipsec.1", certificate_arn: certificate });
    let without = cloud.ok::<op::CreateCustomerGateway>(without).customer_gateway.unwrap();
    let without = without.customer_gateway_id.unwrap();
    let with = customer(&cloud, "203.0.113.1");
    let gateway = vpn_gateway::create(&cloud);
    let (code, message) = (
        "InvalidParameterCombination",
        "A pre-shared key cannot be used with a customer gateway that has no IP address.",
    );
    let chosen = |customer: &str| {
        let key = Some("a_key.of_mine".to_owned());
        let tunnel = api::VpnTunnelOptionsSpecification { pre_shared_key: key, ..Default::default() };
        with_tunnel(request(customer, &gateway, true), tunnel)
    };
    cloud.refuses::<op::CreateVpnConnection>(chosen(&without), code, message);
    let id = create(&cloud, chosen(&with)).vpn_connection_id.unwrap();
    cloud.wait(100);
    let to = |id: &str, customer: &str| {
        input!(ModifyVpnConnectionRequest { vpn_connection_id: id, customer_gateway_id: customer })
    };
    cloud.refuses::<op::ModifyVpnConnection>(to(&id, &without), code, message);
    assert_eq!(described(&cloud, &id).customer_gateway_id, Some(with.clone()));
    // A generated key is no choice, and gives way to the certificate.
    cloud.ok::<op::DeleteVpnConnection>(delete(&id));
    let id = create(&cloud, request(&with, &gateway, true)).vpn_connection_id.unwrap();
    cloud.wait(100);
    cloud.ok::<op::ModifyVpnConnection>(to(&id, &without));
    cloud.wait(100);
    let tunnel_options = api::ModifyVpnTunnelOptionsSpecification {
        pre_shared_key: Some("another_key".to_owned()),
        ..Default::default()
    };
    let outside = tunnels(&described(&cloud, &id))[0].outside_ip_address.clone().unwrap();
    let choose = api::ModifyVpnTunnelOptionsRequest {
        vpn_connection_id: id,
        vpn_tunnel_outside_ip_address: outside,
        tunnel_options,
        ..Default::default()
    };
    cloud.refuses::<op::ModifyVpnTunnelOptions>(choose, code, message);
}

#[test]
fn two_gateways_have_one_connection_beside_those_that_end() {
    let cloud = Cloud::new();
    let (id, from, gateway) = made(&cloud);
    let to = customer(&cloud, "203.0.113.2");
    let other = create(&cloud, request(&to, &gateway, true)).vpn_connection_id.unwrap();
    cloud.wait(100);
    let modify = input!(ModifyVpnConnectionRequest { vpn_connection_id: &id, customer_gateway_id: &to });
    let message = format!("The VPN connection {other} is between these gateways already.");
    cloud.refuses::<op::ModifyVpnConnection>(modify.clone(), "InvalidParameterValue", &message);
    assert_eq!(described(&cloud, &id).customer_gateway_id, Some(from));
    // One that is being deleted is as if it were gone, to a change as to a new connection.
    cloud.ok::<op::DeleteVpnConnection>(delete(&other));
    cloud.ok::<op::ModifyVpnConnection>(modify);
    assert_eq!(create(&cloud, request(&to, &gateway, true)).vpn_connection_id, Some(id));
}

#[test]
fn changed_options_fit_those_that_stay() {
    let cloud = Cloud::new();
    let (customer, gateway) = (customer(&cloud, "203.0.113.1"), vpn_gateway::create(&cloud));
    let tunnel = api::VpnTunnelOptionsSpecification {
        phase1_lifetime_seconds: Some(1800),
        phase2_lifetime_seconds: Some(1200),
        rekey_margin_time_seconds: Some(500),
        ..Default::default()
    };
    let made = create(&cloud, with_tunnel(request(&customer, &gateway, true), tunnel));
    let id = made.vpn_connection_id.clone().unwrap();
    let [first, second] = [0, 1].map(|place| tunnels(&made)[place].outside_ip_address.clone().unwrap());
    let modify = |outside: &str, phase1, phase2, margin| api::ModifyVpnTunnelOptionsRequest {
        vpn_connection_id: id.clone(),
        vpn_tunnel_outside_ip_address: outside.to_owned(),
        tunnel_options: api::ModifyVpnTunnelOptionsSpecification {
            phase1_lifetime_seconds: phase1,
            phase2_lifetime_seconds: phase2,
            rekey_margin_time_seconds: margin,
            ..Default::default()
        },
        ..Default::default()
    };
    let refused = |input, message: &str| {
        cloud.wait(100);
        cloud.refuses::<op::ModifyVpnTunnelOptions>(input, "InvalidParameterValue", message);
    };
    let too_long = |secs: i32| {
        format!("Value ({secs}) for parameter phase2LifetimeSeconds is invalid. It has to be less than …")
    };
    refused(modify(&first, None, Some(1800), None), &too_long(1800));
    refused(modify(&first, Some(1200), None, None), &too_long(1200));
    let margin = |secs: i32, most: i32| {
        let value = format!("Value ({secs}) for parameter rekeyMarginTimeSeconds is invalid.");
        format!("{value} It has to be between 60 and {most}.")
    };
    refused(modify(&first, None, None, Some(601)), &margin(601, 600));
    refused(modify(&first, None, Some(900), None), &margin(500, 450));
    assert_eq!(tunnels(&described(&cloud, &id)), tunnels(&made));
    // The other tunnel has AWS's defaults.
    cloud.ok::<op::ModifyVpnTunnelOptions>(modify(&second, None, Some(1800), Some(601)));
    cloud.wait(100);
    let changed = cloud.ok::<op::ModifyVpnTunnelOptions>(modify(&first, Some(3600), Some(1800), Some(900)));
    let changed = tunnels(&changed.vpn_connection.unwrap()).remove(0);
    assert_eq!((changed.phase1_lifetime_seconds, changed.rekey_margin_time_seconds), (Some(3600), Some(900)));
}

#[test]
fn options_of_tunnels_are_checked() {
    let cloud = Cloud::new();
    let (customer, gateway) = (customer(&cloud, "203.0.113.1"), vpn_gateway::create(&cloud));
    let text = |text: &str| Some(text.to_owned());
    macro_rules! refused {
        ($code:literal, $($member:ident: $value:expr),*) => {{
            let tunnel = api::VpnTunnelOptionsSpecification { $($member: $value,)* ..Default::default() };
            let input = with_tunnel(request(&customer, &gateway, true), tunnel);
            cloud.refuses::<op::CreateVpnConnection>(input, $code, "…");
        }};
    }
    for block in [
        "nonsense",
        "169.254.10.0/29",
        "10.0.0.0/30",
        "169.254.10.1/30",
        "169.254.0.0/30",
        "169.254.5.0/30",
        "169.254.169.252/30",
    ] {
        refused!("InvalidParameterValue", tunnel_inside_cidr: text(block));
    }
    for key in ["short12", "0starts_with_zero", "has a space", &"x".repeat(65)] {
        refused!("InvalidParameterValue", pre_shared_key: text(key));
    }
    refused!("InvalidParameterValue", phase1_lifetime_seconds: Some(899));
    refused!("InvalidParameterValue", phase1_lifetime_seconds: Some(28_801));
    refused!("InvalidParameterValue", phase2_lifetime_seconds: Some(3601));
    refused!("InvalidParameterValue", phase1_lifetime_seconds: Some(900), phase2_lifetime_seconds: Some(900));
    refused!("InvalidParameterValue", rekey_margin_time_seconds: Some(59));
    refused!("InvalidParameterValue", rekey_margin_time_seconds: Some(1801));
    refused!("InvalidParameterValue", rekey_fuzz_percentage: Some(101));
    refused!("InvalidParameterValue", replay_window_size: Some(63));
    refused!("InvalidParameterValue", dpd_timeout_seconds: Some(29));
    refused!("InvalidParameterValue", dpd_timeout_action: text("explode"));
    refused!("InvalidParameterValue", startup_action: text("stop"));
    macro_rules! refused_in_list {
        ($($member:ident, $shape:ident, $value:expr;)*) => {
            $(refused!("InvalidParameterValue", $member: Some(vec![api::$shape { value: Some($value) }]));)*
        };
    }
    refused_in_list! {
        phase1_encryption_algorithms, Phase1EncryptionAlgorithmsRequestListValue, "DES".to_owned();
        phase2_encryption_algorithms, Phase2EncryptionAlgorithmsRequestListValue, "DES".to_owned();
        phase1_integrity_algorithms, Phase1IntegrityAlgorithmsRequestListValue, "MD5".to_owned();
        phase2_integrity_algorithms, Phase2IntegrityAlgorithmsRequestListValue, "MD5".to_owned();
        phase1_dh_group_numbers, Phase1DHGroupNumbersRequestListValue, 5;
        phase2_dh_group_numbers, Phase2DHGroupNumbersRequestListValue, 1;
        ike_versions, IKEVersionsRequestListValue, "ikev3".to_owned();
    }
    refused!("InvalidParameterCombination", tunnel_inside_ipv6_cidr: text("fd00::/126"));
    refused!("UnsupportedOperation", enable_tunnel_lifecycle_control: Some(true));
    let logs = api::CloudWatchLogOptionsSpecification { log_enabled: Some(true), ..Default::default() };
    let logs = api::VpnTunnelLogOptionsSpecification { cloud_watch_log_options: Some(logs) };
    refused!("UnsupportedOperation", log_options: Some(logs));
    // Blocks are a gateway's tunnels' own.
    let block = || api::VpnTunnelOptionsSpecification {
        tunnel_inside_cidr: text("169.254.10.0/30"),
        ..Default::default()
    };
    create(&cloud, with_tunnel(request(&customer, &gateway, true), block()));
    let other = self::customer(&cloud, "203.0.113.2");
    let again = with_tunnel(request(&other, &gateway, true), block());
    cloud.refuses::<op::CreateVpnConnection>(again, "InvalidParameterValue", "…");
}

#[test]
fn what_is_refused() {
    let cloud = Cloud::without_quotas();
    let (customer, gateway) = (customer(&cloud, "203.0.113.1"), vpn_gateway::create(&cloud));
    let base = || request(&customer, &gateway, false);
    let refused = |input, code: &str| cloud.refuses::<op::CreateVpnConnection>(input, code, "…");
    refused(api::CreateVpnConnectionRequest { dry_run: Some(true), ..base() }, "DryRunOperation");
    refused(api::CreateVpnConnectionRequest { r#type: "x".to_owned(), ..base() }, "InvalidParameterValue");
    let transit = Some("tgw-0123456789abcdef0".to_owned());
    let both = api::CreateVpnConnectionRequest { transit_gateway_id: transit.clone(), ..base() };
    refused(both, "InvalidParameterCombination");
    let only =
        api::CreateVpnConnectionRequest { transit_gateway_id: transit, vpn_gateway_id: None, ..base() };
    refused(only, "InvalidTransitGatewayID.NotFound");
    refused(api::CreateVpnConnectionRequest { vpn_gateway_id: None, ..base() }, "UnsupportedOperation");
    let storage = Some("SecretsManager".to_owned());
    refused(
        api::CreateVpnConnectionRequest { pre_shared_key_storage: storage, ..base() },
        "UnsupportedOperation",
    );
    refused(request("cgw-0123456789abcdef0", &gateway, true), "InvalidCustomerGatewayID.NotFound");
    refused(request(&customer, "vgw-0123456789abcdef0", true), "InvalidVpnGatewayID.NotFound");
    let options = |change: fn(&mut api::VpnConnectionOptionsSpecification)| {
        let mut request = base();
        change(request.options.as_mut().unwrap());
        request
    };
    let combination = "InvalidParameterCombination";
    refused(options(|held| held.enable_acceleration = Some(true)), combination);
    refused(options(|held| held.tunnel_inside_ip_version = Some("ipv6".to_owned())), combination);
    refused(options(|held| held.outside_ip_address_type = Some("PrivateIpv4".to_owned())), combination);
    let value = "InvalidParameterValue";
    refused(options(|held| held.local_ipv4_network_cidr = Some("x".to_owned())), value);
    refused(options(|held| held.tunnel_options = Some(vec![Default::default(); 3])), value);
    let id = create(&cloud, base()).vpn_connection_id.unwrap();
    refused(request(&customer, &gateway, true), value);
    cloud.wait(100);
    let message = format!("The VPN connection {id} learns its routes by BGP…");
    cloud.refuses::<op::CreateVpnConnectionRoute>(route(&id, "192.168.0.0/16"), value, &message);
    cloud.refuses::<op::CreateVpnConnectionRoute>(
        route("x", "192.168.0.0/16"),
        "InvalidVpnConnectionId.Malformed",
        "…",
    );
}

#[test]
fn quotas_hold() {
    let cloud = Cloud::new();
    let gateways: Vec<String> = (0..5).map(|_| vpn_gateway::create(&cloud)).collect();
    let customers: Vec<String> =
        (1..=11).map(|number| customer(&cloud, &format!("203.0.113.{number}"))).collect();
    let mut first = None;
    for gateway in &gateways {
        for customer in &customers[..10] {
            let id = create(&cloud, request(customer, gateway, true)).vpn_connection_id;
            first = first.or(id);
        }
    }
    let more = || request(&customers[10], &gateways[0], true);
    let code = "VpnConnectionLimitExceeded";
    cloud.refuses::<op::CreateVpnConnection>(
        more(),
        code,
        "The maximum number of VPN connections has been reached.",
    );
    cloud.ok::<op::DeleteVpnConnection>(delete(&first.unwrap()));
    cloud.wait(100);
    let message = "The maximum number of VPN connections of the virtual private gateway has been reached.";
    let full = request(&customers[10], &gateways[1], true);
    cloud.refuses::<op::CreateVpnConnection>(full, code, message);
    create(&cloud, more());
}
