use crate::cloud::{Cloud, api, filters, input, op, tagged};

fn request(address: &str) -> api::CreateCustomerGatewayRequest {
    input!(CreateCustomerGatewayRequest { r#type: "ipsec.1", ip_address: address, bgp_asn: 65010 })
}

fn create(cloud: &Cloud, input: api::CreateCustomerGatewayRequest) -> api::CustomerGateway {
    cloud.ok::<op::CreateCustomerGateway>(input).customer_gateway.unwrap()
}

fn delete(id: &str) -> api::DeleteCustomerGatewayRequest {
    input!(DeleteCustomerGatewayRequest { customer_gateway_id: id })
}

fn found(cloud: &Cloud, all: &[(&str, &[&str])]) -> Vec<api::CustomerGateway> {
    let input = input!(DescribeCustomerGatewaysRequest { filters: filters(all) });
    cloud.ok::<op::DescribeCustomerGateways>(input).customer_gateways.unwrap()
}

#[test]
fn a_gateway_lives() {
    let cloud = Cloud::new();
    let named = api::CreateCustomerGatewayRequest {
        device_name: Some("router".to_owned()),
        tag_specifications: Some(tagged("customer-gateway", &[("Name", "office")])),
        ..request("203.0.113.1")
    };
    let gateway = create(&cloud, named.clone());
    assert_eq!(create(&cloud, named), gateway, "the same request finds it");
    assert_eq!(gateway.bgp_asn.as_deref(), Some("65010"));
    let extended = api::CreateCustomerGatewayRequest {
        bgp_asn: None,
        bgp_asn_extended: Some(4_200_000_001),
        ..request("203.0.113.2")
    };
    let other = create(&cloud, extended);
    assert_eq!((other.bgp_asn.as_deref(), other.bgp_asn_extended.as_deref()), (None, Some("4200000001")));
    let certificate = "arn:aws:acm:us-east-1:123456789012:certificate/one";
    let third = create(
        &cloud,
        input!(CreateCustomerGatewayRequest { r#type: "ipsec.1", certificate_arn: certificate }),
    );
    assert_eq!((third.ip_address, third.bgp_asn.as_deref()), (None, Some("65000")));
    let id = gateway.customer_gateway_id.unwrap();
    for (name, value, count) in [
        ("bgp-asn", "65010", 1),
        ("bgp-asn", "4200000001", 1),
        ("customer-gateway-id", &*id, 1),
        ("ip-address", "203.0.113.1", 1),
        ("state", "available", 3),
        ("type", "ipsec.1", 3),
        ("tag:Name", "office", 1),
    ] {
        assert_eq!(found(&cloud, &[(name, &[value])]).len(), count, "{name}");
    }
    cloud.ok::<op::DeleteCustomerGateway>(delete(&id));
    assert_eq!(found(&cloud, &[("state", &["deleted"])]).len(), 1, "it is shown for a while");
    let message = format!("The customerGateway ID '{id}' does not exist");
    cloud.refuses::<op::DeleteCustomerGateway>(delete(&id), "InvalidCustomerGatewayID.NotFound", &message);
    assert_ne!(create(&cloud, request("203.0.113.1")).customer_gateway_id.unwrap(), id);
    cloud.wait(3_600_000);
    assert!(found(&cloud, &[("state", &["deleted"])]).is_empty());
}

#[test]
fn what_is_refused() {
    let cloud = Cloud::new();
    let refused =
        |input, code: &str, message: &str| cloud.refuses::<op::CreateCustomerGateway>(input, code, message);
    let base = || request("203.0.113.1");
    const VALUE: &str = "InvalidParameterValue";
    refused(api::CreateCustomerGatewayRequest { dry_run: Some(true), ..base() }, "DryRunOperation", "…");
    refused(api::CreateCustomerGatewayRequest { r#type: "x".to_owned(), ..base() }, VALUE, "…");
    for asn in [0, 65535, -1] {
        refused(api::CreateCustomerGatewayRequest { bgp_asn: Some(asn), ..base() }, VALUE, "…");
    }
    let both = api::CreateCustomerGatewayRequest { bgp_asn_extended: Some(4_200_000_001), ..base() };
    refused(both, "InvalidParameterCombination", "…");
    for asn in [65010, 4_294_967_295, 4_294_967_296] {
        let input =
            api::CreateCustomerGatewayRequest { bgp_asn: None, bgp_asn_extended: Some(asn), ..base() };
        refused(input, VALUE, "…");
    }
    for address in ["nonsense", "0.0.0.0", "127.0.0.1", "224.0.0.1"] {
        refused(request(address), VALUE, "…");
    }
    refused(request("2001:db8::1"), "UnsupportedOperation", "…");
    refused(api::CreateCustomerGatewayRequest { ip_address: None, ..base() }, "MissingParameter", "…");
    let both = api::CreateCustomerGatewayRequest { public_ip: Some("203.0.113.1".to_owned()), ..base() };
    refused(both, "InvalidParameterCombination", "…");
    let certificate = Some("arn:aws:iam::123456789012:role/x".to_owned());
    refused(api::CreateCustomerGatewayRequest { certificate_arn: certificate, ..base() }, VALUE, "…");
    let name = Some("x".repeat(256));
    refused(api::CreateCustomerGatewayRequest { device_name: name, ..base() }, VALUE, "…");
    for number in 1..=50 {
        create(&cloud, request(&format!("203.0.113.{number}")));
    }
    let message = "The maximum number of customer gateways has been reached.";
    refused(request("203.0.113.60"), "CustomerGatewayLimitExceeded", message);
    let id = found(&cloud, &[]).remove(0).customer_gateway_id.unwrap();
    let dry = api::DeleteCustomerGatewayRequest { dry_run: Some(true), ..delete(&id) };
    cloud.refuses::<op::DeleteCustomerGateway>(dry, "DryRunOperation", "…");
    cloud.ok::<op::DeleteCustomerGateway>(delete(&id));
    create(&cloud, request("203.0.113.60"));
}
