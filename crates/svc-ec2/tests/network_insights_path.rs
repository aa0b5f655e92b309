use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

/// A network with one of everything that a path can begin or end at, by the kind in its ARN.
pub(crate) struct Network {
    pub(crate) instance: String,
    pub(crate) interface: String,
    pub(crate) gateway: String,
    all: Vec<(&'static str, String)>,
}

impl Network {
    pub(crate) fn new(cloud: &Cloud) -> Self {
        let vpc = cloud.vpc("10.0.0.0/16");
        let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
        let instance = cloud.started(&subnet);
        let interface = cloud.interface(&subnet);
        let gateway = cloud.ok::<op::CreateInternetGateway>(input!(CreateInternetGatewayRequest {}));
        let gateway = gateway.internet_gateway.unwrap().internet_gateway_id.unwrap();
        let all = vec![
            ("instance", instance.clone()),
            ("network-interface", interface.clone()),
            ("internet-gateway", gateway.clone()),
        ];
        Self { instance, interface, gateway, all }
    }

    fn with_everything(cloud: &Cloud) -> Self {
        let mut network = Self::new(cloud);
        let (vpc, other) = (cloud.vpc("10.1.0.0/16"), cloud.vpc("10.2.0.0/16"));
        let subnet = cloud.subnet(&vpc, "10.1.0.0/24");
        let peering = input!(CreateVpcPeeringConnectionRequest { vpc_id: &vpc, peer_vpc_id: &other });
        let peering = cloud.ok::<op::CreateVpcPeeringConnection>(peering).vpc_peering_connection.unwrap();
        let vpn = cloud.ok::<op::CreateVpnGateway>(input!(CreateVpnGatewayRequest { r#type: "ipsec.1" }));
        let transit = cloud.ok::<op::CreateTransitGateway>(input!(CreateTransitGatewayRequest {}));
        let transit = transit.transit_gateway.unwrap().transit_gateway_id.unwrap();
        let endpoint =
            input!(CreateVpcEndpointRequest { vpc_id: &vpc, service_name: "com.amazonaws.us-east-1.s3" });
        let endpoint = cloud.ok::<op::CreateVpcEndpoint>(endpoint).vpc_endpoint.unwrap();
        let balancer =
            "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/n/0123456789abcdef";
        let service =
            input!(CreateVpcEndpointServiceConfigurationRequest { network_load_balancer_arns: [balancer] });
        let service = cloud.ok::<op::CreateVpcEndpointServiceConfiguration>(service);
        cloud.wait(1000);
        let attached = cloud.ok::<op::CreateTransitGatewayVpcAttachment>(input!(
            CreateTransitGatewayVpcAttachmentRequest {
                transit_gateway_id: &transit,
                vpc_id: &vpc,
                subnet_ids: [&subnet]
            }
        ));
        let attached = attached.transit_gateway_vpc_attachment.unwrap();
        network.all.extend([
            ("transit-gateway", transit),
            ("transit-gateway-attachment", attached.transit_gateway_attachment_id.unwrap()),
            ("vpc-endpoint", endpoint.vpc_endpoint_id.unwrap()),
            ("vpc-endpoint-service", service.service_configuration.unwrap().service_id.unwrap()),
            ("vpc-peering-connection", peering.vpc_peering_connection_id.unwrap()),
            ("vpn-gateway", vpn.vpn_gateway.unwrap().vpn_gateway_id.unwrap()),
        ]);
        network
    }
}

fn between(source: &str, destination: &str) -> api::CreateNetworkInsightsPathRequest {
    input!(CreateNetworkInsightsPathRequest { source, destination, protocol: "tcp" })
}

pub(crate) fn created(
    cloud: &Cloud,
    request: api::CreateNetworkInsightsPathRequest,
) -> api::NetworkInsightsPath {
    cloud.ok::<op::CreateNetworkInsightsPath>(request).network_insights_path.unwrap()
}

/// The id of a path from an internet gateway to an instance.
pub(crate) fn path(cloud: &Cloud) -> String {
    let network = Network::new(cloud);
    created(cloud, between(&network.gateway, &network.instance)).network_insights_path_id.unwrap()
}

fn found(cloud: &Cloud, all: &[(&str, &[&str])]) -> Vec<String> {
    let input = input!(DescribeNetworkInsightsPathsRequest { filters: filters(all) });
    let paths = cloud.ok::<op::DescribeNetworkInsightsPaths>(input).network_insights_paths.unwrap();
    paths.into_iter().map(|path| path.network_insights_path_id.unwrap()).collect()
}

fn delete(id: &str) -> api::DeleteNetworkInsightsPathRequest {
    input!(DeleteNetworkInsightsPathRequest { network_insights_path_id: id })
}

#[test]
fn paths_live() {
    let cloud = Cloud::new();
    let network = Network::new(&cloud);
    let request = api::CreateNetworkInsightsPathRequest {
        protocol: "TCP".to_owned(),
        destination_port: Some(22),
        source_ip: Some("192.0.2.1".to_owned()),
        tag_specifications: Some(tagged("network-insights-path", &[("Name", "ssh")])),
        client_token: Some("one".to_owned()),
        ..between(&network.gateway, &network.instance)
    };
    let path = created(&cloud, request.clone());
    assert_eq!(created(&cloud, request.clone()), path, "the same token makes it once");
    let id = path.network_insights_path_id.unwrap();
    assert!(id.starts_with("nip-"), "{id}");
    let arn = |resource: &str| format!("arn:aws:ec2:us-east-1:123456789012:{resource}");
    let expected = api::NetworkInsightsPath {
        network_insights_path_id: Some(id.clone()),
        network_insights_path_arn: Some(arn(&format!("network-insights-path/{id}"))),
        created_date: Some(cloud.now()),
        source: Some(network.gateway.clone()),
        source_arn: Some(arn(&format!("internet-gateway/{}", network.gateway))),
        destination: Some(network.instance.clone()),
        destination_arn: Some(arn(&format!("instance/{}", network.instance))),
        source_ip: Some("192.0.2.1".to_owned()),
        destination_ip: None,
        protocol: Some("tcp".to_owned()),
        destination_port: Some(22),
        tags: Some(tags(&[("Name", "ssh")])),
        filter_at_source: None,
        filter_at_destination: None,
    };
    let described = input!(DescribeNetworkInsightsPathsRequest { network_insights_path_ids: [&id] });
    let described = cloud.ok::<op::DescribeNetworkInsightsPaths>(described).network_insights_paths.unwrap();
    assert_eq!(described, [expected]);
    let other = api::CreateNetworkInsightsPathRequest { destination_port: Some(23), ..request };
    cloud.refuses::<op::CreateNetworkInsightsPath>(other, "IdempotentParameterMismatch", "…");
    // The path stays when its ends go.
    cloud.terminate(&network.instance);
    cloud.wait(4_000_000);
    assert_eq!(found(&cloud, &[]), std::slice::from_ref(&id));
    cloud.ok::<op::DeleteNetworkInsightsPath>(delete(&id));
    assert!(found(&cloud, &[]).is_empty());
    let message = format!("The networkInsightsPath ID '{id}' does not exist");
    cloud.refuses::<op::DeleteNetworkInsightsPath>(
        delete(&id),
        "InvalidNetworkInsightsPathId.NotFound",
        &message,
    );
    cloud.refuses::<op::DeleteNetworkInsightsPath>(
        delete("nonsense"),
        "InvalidNetworkInsightsPathId.Malformed",
        "…",
    );
}

#[test]
fn every_kind_of_end() {
    let cloud = Cloud::new();
    let network = Network::with_everything(&cloud);
    for (kind, id) in &network.all {
        let arn = format!("arn:aws:ec2:us-east-1:123456789012:{kind}/{id}");
        for (source, destination) in [(id, &network.interface), (&arn, id), (&network.interface, &arn)] {
            let path = created(&cloud, between(source, destination));
            let (id, arn) = if source == &network.interface {
                (path.destination, path.destination_arn)
            } else {
                (path.source, path.source_arn)
            };
            assert!(source.ends_with(id.as_ref().unwrap()) || destination.ends_with(id.as_ref().unwrap()));
            assert_eq!(arn, Some(format!("arn:aws:ec2:us-east-1:123456789012:{kind}/{}", id.unwrap())));
        }
        assert_eq!(
            found(&cloud, &[("source", &[id])]).len(),
            if *kind == "network-interface" { 4 } else { 2 }
        );
    }
    assert_eq!(network.all.len(), 9);
    // One that is there no more is no end any more, and neither is one of another kind than the ARN says.
    let gone = "eni-0123456789abcdef0";
    for text in [gone, &format!("arn:aws:ec2:us-east-1:123456789012:network-interface/{gone}")] {
        cloud.refuses::<op::CreateNetworkInsightsPath>(
            between(text, &network.instance),
            "NetworkInsightsSource.NotFound",
            &format!("The source '{text}' does not exist"),
        );
        cloud.refuses::<op::CreateNetworkInsightsPath>(
            between(&network.instance, text),
            "NetworkInsightsDestination.NotFound",
            &format!("The destination '{text}' does not exist"),
        );
    }
}

#[test]
fn ends_of_other_accounts_are_named_by_arn() {
    let cloud = Cloud::new();
    let other = cloud.seen_by("210987654321", "us-east-1");
    let (own, others) = (Network::new(&cloud), Network::new(&other));
    let arn = format!("arn:aws:ec2:us-east-1:210987654321:instance/{}", others.instance);
    let path = created(&cloud, between(&own.instance, &arn));
    assert_eq!((path.destination, path.destination_arn), (Some(others.instance.clone()), Some(arn)));
    let not_found = "NetworkInsightsDestination.NotFound";
    let by_id = between(&own.instance, &others.instance);
    cloud.refuses::<op::CreateNetworkInsightsPath>(by_id, not_found, "…");
    // An ARN says whose the resource is.
    let wrong = format!("arn:aws:ec2:us-east-1:210987654321:instance/{}", own.instance);
    cloud.refuses::<op::CreateNetworkInsightsPath>(between(&own.instance, &wrong), not_found, "…");
    // What is shared is seen, by its id too.
    let transit = other.ok::<op::CreateTransitGateway>(input!(CreateTransitGatewayRequest {}));
    let transit = transit.transit_gateway.unwrap().transit_gateway_id.unwrap();
    other.share(&cloud, &[&format!("transit-gateway/{transit}")]);
    let path = created(&cloud, between(&own.instance, &transit));
    assert_eq!(
        path.destination_arn,
        Some(format!("arn:aws:ec2:us-east-1:210987654321:transit-gateway/{transit}"))
    );
    // Nobody sees another's paths.
    assert!(found(&other, &[]).is_empty());
}

#[test]
fn filters_say_what_packets_look_like() {
    let cloud = Cloud::new();
    let network = Network::new(&cloud);
    let ports = |from: i32, to: i32| input!(RequestFilterPortRange { from_port: from, to_port: to });
    let request = api::CreateNetworkInsightsPathRequest {
        filter_at_source: Some(input!(PathRequestFilter {
            source_address: "10.0.0.4",
            source_port_range: ports(1024, 65535),
            destination_address: "192.0.2.1",
            destination_port_range: ports(443, 443),
        })),
        filter_at_destination: Some(input!(PathRequestFilter {
            source_address: "198.51.100.1",
            source_port_range: ports(0, 1023),
            destination_address: "192.0.2.2",
            destination_port_range: ports(8443, 8450),
        })),
        protocol: "udp".to_owned(),
        ..between(&network.instance, &network.gateway)
    };
    let path = created(&cloud, request);
    let filter = path.filter_at_source.unwrap();
    assert_eq!(filter.destination_port_range, Some(input!(FilterPortRange { from_port: 443, to_port: 443 })));
    let filter = path.filter_at_destination.unwrap();
    assert_eq!(filter.source_address.as_deref(), Some("198.51.100.1"));
    let id = path.network_insights_path_id.unwrap();
    created(&cloud, between(&network.interface, &network.instance));
    for (name, value) in [
        ("destination", network.gateway.as_str()),
        ("filter-at-destination.destination-address", "192.0.2.2"),
        ("filter-at-destination.destination-port-range", "8443-8450"),
        ("filter-at-destination.source-address", "198.51.100.1"),
        ("filter-at-destination.source-port-range", "0-1023"),
        ("filter-at-source.destination-address", "192.0.2.1"),
        ("filter-at-source.destination-port-range", "443"),
        ("filter-at-source.destination-port-range", "443-443"),
        ("filter-at-source.source-address", "10.0.0.4"),
        ("filter-at-source.source-port-range", "1024-65535"),
        ("protocol", "udp"),
        ("source", &network.instance),
    ] {
        assert_eq!(found(&cloud, &[(name, &[value])]), std::slice::from_ref(&id), "{name}");
    }
    assert!(found(&cloud, &[("filter-at-source.source-address", &["10.0.0.5"])]).is_empty());
    // An address alone is a destination, also one of IPv6.
    for address in ["192.0.2.1", "2001:db8::1"] {
        let request = input!(CreateNetworkInsightsPathRequest {
            source: &network.instance,
            destination_ip: address,
            protocol: "udp"
        });
        let path = created(&cloud, request);
        assert_eq!(
            (path.destination, path.destination_arn, path.destination_ip.as_deref()),
            (None, None, Some(address))
        );
        let filter = input!(PathRequestFilter { destination_address: address });
        let source = network.instance.clone();
        created(
            &cloud,
            input!(CreateNetworkInsightsPathRequest { source, filter_at_source: filter, protocol: "tcp" }),
        );
    }
}

#[test]
fn what_is_refused() {
    let cloud = Cloud::new();
    let network = Network::new(&cloud);
    let base = || between(&network.gateway, &network.instance);
    let refused = |input: api::CreateNetworkInsightsPathRequest, code: &str, message: &str| {
        cloud.refuses::<op::CreateNetworkInsightsPath>(input, code, message);
    };
    const VALUE: &str = "InvalidParameterValue";
    const BOTH: &str = "InvalidParameterCombination";
    macro_rules! with {
        ($($member:ident: $value:expr),*) => {{
            let mut input = base();
            $(input.$member = $value;)*
            input
        }};
    }
    let some = |text: &str| Some(text.to_owned());
    let filter = || Some(input!(PathRequestFilter { destination_address: "192.0.2.1" }));
    let ports = |from: Option<i32>, to: Option<i32>| {
        let range = api::RequestFilterPortRange { from_port: from, to_port: to };
        Some(input!(PathRequestFilter { destination_port_range: range }))
    };
    refused(with!(dry_run: Some(true)), "DryRunOperation", "…");
    refused(
        with!(protocol: "icmp".to_owned()),
        VALUE,
        "Value (icmp) for parameter protocol is invalid. It has to be tcp or udp.",
    );
    refused(
        with!(destination: None),
        "MissingParameter",
        "Either 'destination' or 'destinationIp' should be provided.",
    );
    refused(
        with!(filter_at_source: filter(), source_ip: some("192.0.2.9")),
        BOTH,
        "The parameter filterAtSource cannot be used with the parameter sourceIp",
    );
    refused(
        with!(filter_at_source: filter(), destination_port: Some(22)),
        BOTH,
        "The parameter filterAtSource cannot be used with the parameter destinationPort",
    );
    refused(
        with!(filter_at_destination: filter(), destination_ip: some("192.0.2.9")),
        BOTH,
        "The parameter filterAtDestination cannot be used with the parameter destinationIp",
    );
    refused(with!(destination_port: Some(65536)), VALUE, "…");
    refused(with!(source_ip: some("nonsense")), VALUE, "…");
    refused(with!(source_ip: some("")), VALUE, "…");
    refused(
        with!(source_ip: some("2001:db8::1"), destination_ip: some("192.0.2.1")),
        VALUE,
        "The addresses of a path have to be of one family.",
    );
    refused(
        with!(filter_at_source: ports(Some(22), None)),
        "MissingParameter",
        "The request must contain the parameter filterAtSource.destinationPortRange.toPort",
    );
    refused(with!(filter_at_source: ports(Some(23), Some(22))), VALUE, "…");
    refused(with!(filter_at_destination: ports(Some(-1), Some(22))), VALUE, "…");
    let wrong_tags = Some(tagged("vpc", &[("a", "b")]));
    refused(with!(tag_specifications: wrong_tags), VALUE, "…");
    let message = "It is not the ARN of a resource of EC2 in this Region.";
    for (source, why) in [
        ("nonsense", "It has to be the ID or ARN of an instance, …"),
        ("nat-0123456789abcdef0", "It has to be the ID or ARN of an instance, …"),
        ("subnet-0123456789abcdef0", "It has to be the ID or ARN of an instance, …"),
        ("arn:aws:ec2:us-west-2:123456789012:instance/i-0123456789abcdef0", message),
        ("arn:aws:s3:us-east-1:123456789012:instance/i-0123456789abcdef0", message),
        ("arn:aws-cn:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0", message),
        ("arn:aws:ec2:us-east-1:nobody:instance/i-0123456789abcdef0", message),
        ("arn:aws:ec2", message),
        (
            "arn:aws:ec2:us-east-1:123456789012:vpc-endpoint/i-0123456789abcdef0",
            "It has to be the ID or ARN of an instance, …",
        ),
    ] {
        let message =
            |parameter: &str| format!("Value ({source}) for parameter {parameter} is invalid. {why}");
        refused(with!(source: source.to_owned()), VALUE, &message("source"));
        refused(with!(destination: some(source)), VALUE, &message("destination"));
    }
    let described = input!(DescribeNetworkInsightsPathsRequest { filters: filters(&[("colour", &["red"])]) });
    cloud.refuses::<op::DescribeNetworkInsightsPaths>(described, VALUE, "The filter 'colour' is invalid");
    assert!(found(&cloud, &[]).is_empty());
}

#[test]
fn a_hundred_paths() {
    let cloud = Cloud::new();
    let network = Network::new(&cloud);
    let request = || between(&network.gateway, &network.instance);
    (0..100).for_each(|_| drop(created(&cloud, request())));
    cloud.refuses::<op::CreateNetworkInsightsPath>(
        request(),
        "NetworkInsightsPath.LimitExceeded",
        "The maximum number of network insights paths has been reached.",
    );
    let (mut all, mut next) = (Vec::new(), None);
    loop {
        let page = api::DescribeNetworkInsightsPathsRequest {
            max_results: Some(30),
            next_token: next,
            ..Default::default()
        };
        let page = cloud.ok::<op::DescribeNetworkInsightsPaths>(page);
        all.extend(
            page.network_insights_paths.unwrap().into_iter().map(|path| path.network_insights_path_id),
        );
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(all.len(), 100);
    assert!(all.is_sorted());
}
