use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};
use crate::vpc_endpoint::{LONG_MILLIS, create as create_endpoint, id, shown, state, unsuccessful};

const NETWORK: &str =
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/one/0123456789abcdef";
const OTHER_NETWORK: &str =
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/two/0123456789abcdef";
const GATEWAY: &str =
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/gwy/one/0123456789abcdef";
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:news";
const CONSUMER: &str = "210987654321";

pub(crate) fn request() -> api::CreateVpcEndpointServiceConfigurationRequest {
    input!(CreateVpcEndpointServiceConfigurationRequest { network_load_balancer_arns: [NETWORK] })
}

pub(crate) fn create(
    cloud: &Cloud,
    request: api::CreateVpcEndpointServiceConfigurationRequest,
) -> api::ServiceConfiguration {
    cloud.ok::<op::CreateVpcEndpointServiceConfiguration>(request).service_configuration.unwrap()
}

pub(crate) fn service_id(service: &api::ServiceConfiguration) -> String {
    service.service_id.clone().unwrap()
}

fn found(cloud: &Cloud, all: &[(&str, &[&str])]) -> Vec<api::ServiceConfiguration> {
    let input = input!(DescribeVpcEndpointServiceConfigurationsRequest { filters: filters(all) });
    cloud.ok::<op::DescribeVpcEndpointServiceConfigurations>(input).service_configurations.unwrap()
}

pub(crate) fn delete(cloud: &Cloud, id: &str) -> Vec<(String, String)> {
    let input = input!(DeleteVpcEndpointServiceConfigurationsRequest { service_ids: [id] });
    unsuccessful(cloud.ok::<op::DeleteVpcEndpointServiceConfigurations>(input).unsuccessful)
}

pub(crate) fn allow(cloud: &Cloud, id: &str, principal: &str) -> Vec<api::AddedPrincipal> {
    let input = input!(ModifyVpcEndpointServicePermissionsRequest {
        service_id: id,
        add_allowed_principals: [principal]
    });
    cloud.ok::<op::ModifyVpcEndpointServicePermissions>(input).added_principals.unwrap()
}

pub(crate) fn endpoint(
    vpc: &str,
    service: &api::ServiceConfiguration,
    kind: &str,
) -> api::CreateVpcEndpointRequest {
    input!(CreateVpcEndpointRequest {
        vpc_id: vpc,
        service_name: service.service_name.clone().unwrap(),
        vpc_endpoint_type: kind,
    })
}

fn accept(cloud: &Cloud, service: &str, endpoint: &str) -> Vec<(String, String)> {
    let input =
        input!(AcceptVpcEndpointConnectionsRequest { service_id: service, vpc_endpoint_ids: [endpoint] });
    unsuccessful(cloud.ok::<op::AcceptVpcEndpointConnections>(input).unsuccessful)
}

fn reject(cloud: &Cloud, service: &str, endpoint: &str) -> Vec<(String, String)> {
    let input =
        input!(RejectVpcEndpointConnectionsRequest { service_id: service, vpc_endpoint_ids: [endpoint] });
    unsuccessful(cloud.ok::<op::RejectVpcEndpointConnections>(input).unsuccessful)
}

fn connections(cloud: &Cloud, all: &[(&str, &[&str])]) -> Vec<api::VpcEndpointConnection> {
    let input = input!(DescribeVpcEndpointConnectionsRequest { filters: filters(all) });
    cloud.ok::<op::DescribeVpcEndpointConnections>(input).vpc_endpoint_connections.unwrap()
}

fn code(id: &str, code: &str) -> (String, String) {
    (id.to_owned(), code.to_owned())
}

#[test]
fn a_service_is_made_changed_and_deleted() {
    let cloud = Cloud::new();
    let request = api::CreateVpcEndpointServiceConfigurationRequest {
        tag_specifications: Some(tagged("vpc-endpoint-service", &[("Name", "one")])),
        client_token: Some("token".to_owned()),
        ..request()
    };
    let service = create(&cloud, request.clone());
    let id = service_id(&service);
    assert_eq!(service_id(&create(&cloud, request)), id);
    assert_eq!(service.service_name, Some(format!("com.amazonaws.vpce.us-east-1.{id}")));
    assert_eq!(service.acceptance_required, Some(true));
    assert_eq!(service.service_state.as_deref(), Some("Pending"));
    cloud.wait(LONG_MILLIS);
    let name = service.service_name.unwrap();
    for (filter, value) in [
        ("service-id", id.as_str()),
        ("service-name", &name),
        ("service-state", "Available"),
        ("supported-ip-address-types", "ipv4"),
        ("tag:Name", "one"),
    ] {
        assert_eq!(found(&cloud, &[(filter, &[value])]).len(), 1, "{filter}");
        assert_eq!(found(&cloud, &[(filter, &["none"])]).len(), 0, "{filter}");
    }
    let change = input!(ModifyVpcEndpointServiceConfigurationRequest {
        service_id: &id,
        acceptance_required: false,
        add_network_load_balancer_arns: [OTHER_NETWORK],
        remove_network_load_balancer_arns: [NETWORK],
        add_supported_ip_address_types: ["ipv6"],
        private_dns_name: "api.example.com",
    });
    cloud.ok::<op::ModifyVpcEndpointServiceConfiguration>(change);
    let now = found(&cloud, &[]).remove(0);
    assert_eq!(now.acceptance_required, Some(false));
    assert_eq!(now.network_load_balancer_arns, Some(vec![OTHER_NETWORK.to_owned()]));
    assert_eq!(now.supported_ip_address_types.unwrap(), ["ipv4", "ipv6"]);
    assert_eq!(now.private_dns_name.as_deref(), Some("api.example.com"));
    let last = input!(ModifyVpcEndpointServiceConfigurationRequest {
        service_id: &id,
        remove_network_load_balancer_arns: [OTHER_NETWORK]
    });
    cloud.refuses::<op::ModifyVpcEndpointServiceConfiguration>(
        last,
        "InvalidParameter",
        "A service must have at least one load balancer",
    );
    let other = input!(ModifyVpcEndpointServiceConfigurationRequest {
        service_id: &id,
        add_gateway_load_balancer_arns: [GATEWAY]
    });
    cloud.refuses::<op::ModifyVpcEndpointServiceConfiguration>(other, "InvalidParameter", "A service has …");

    // Nobody can prove whose a domain is, without public DNS.
    let dns_state = || found(&cloud, &[]).remove(0).private_dns_name_configuration.unwrap().state.unwrap();
    let verify = || input!(StartVpcEndpointServicePrivateDnsVerificationRequest { service_id: &id });
    assert_eq!(dns_state(), "pendingVerification");
    cloud.ok::<op::StartVpcEndpointServicePrivateDnsVerification>(verify());
    assert_eq!(dns_state(), "pendingVerification");
    cloud.wait(LONG_MILLIS);
    assert_eq!(dns_state(), "failed");
    let vpc = cloud.vpc("10.0.0.0/16");
    let private = api::CreateVpcEndpointRequest {
        private_dns_enabled: Some(true),
        ..endpoint(&vpc, &found(&cloud, &[])[0], "Interface")
    };
    cloud.refuses::<op::CreateVpcEndpoint>(
        private,
        "InvalidParameter",
        "Private DNS can't be enabled because …",
    );
    let without = input!(ModifyVpcEndpointServiceConfigurationRequest {
        service_id: &id,
        remove_private_dns_name: true
    });
    cloud.ok::<op::ModifyVpcEndpointServiceConfiguration>(without);
    cloud.refuses::<op::StartVpcEndpointServicePrivateDnsVerification>(
        verify(),
        "InvalidParameter",
        "Service …",
    );

    assert_eq!(delete(&cloud, &id), []);
    assert_eq!(found(&cloud, &[]).remove(0).service_state.as_deref(), Some("Deleting"));
    cloud.wait(LONG_MILLIS);
    assert_eq!(found(&cloud, &[]).len(), 0);
    assert_eq!(delete(&cloud, &id), [code(&id, "InvalidVpcEndpointServiceId.NotFound")]);
}

#[test]
fn what_is_refused() {
    let cloud = Cloud::new();
    let refused = |request: api::CreateVpcEndpointServiceConfigurationRequest, code: &str, message: &str| {
        cloud.refuses::<op::CreateVpcEndpointServiceConfiguration>(request, code, message);
    };
    let exactly =
        "exactly one of network_load_balancer_arn or gateway_load_balancer_arn is a required member";
    refused(input!(CreateVpcEndpointServiceConfigurationRequest {}), "InvalidParameter", exactly);
    refused(
        api::CreateVpcEndpointServiceConfigurationRequest {
            gateway_load_balancer_arns: Some(vec![GATEWAY.to_owned()]),
            ..request()
        },
        "InvalidParameter",
        exactly,
    );
    for bad in [
        "",
        "x",
        GATEWAY,
        &NETWORK.replace("123456789012", "210987654321"),
        &NETWORK.replace("us-east-1", "eu-west-1"),
        &NETWORK[..80],
    ] {
        let input =
            input!(CreateVpcEndpointServiceConfigurationRequest { network_load_balancer_arns: [bad] });
        refused(input, "InvalidParameter", "The load balancer ARN …");
    }
    refused(
        api::CreateVpcEndpointServiceConfigurationRequest {
            private_dns_name: Some("x".to_owned()),
            ..request()
        },
        "InvalidParameter",
        "The private DNS name …",
    );
    refused(
        api::CreateVpcEndpointServiceConfigurationRequest {
            supported_regions: Some(vec!["eu-west-1".to_owned()]),
            ..request()
        },
        "UnsupportedOperation",
        "…",
    );
    refused(
        api::CreateVpcEndpointServiceConfigurationRequest {
            supported_ip_address_types: Some(vec!["ipv5".to_owned()]),
            ..request()
        },
        "InvalidParameter",
        "The IP address type 'ipv5' …",
    );
    refused(
        api::CreateVpcEndpointServiceConfigurationRequest { dry_run: Some(true), ..request() },
        "DryRunOperation",
        "…",
    );
    let unknown = "vpce-svc-0123456789abcdef0";
    let message = format!("The VpcEndpointService Id '{unknown}' does not exist");
    let input = input!(DescribeVpcEndpointServiceConfigurationsRequest { service_ids: [unknown] });
    cloud.refuses::<op::DescribeVpcEndpointServiceConfigurations>(
        input,
        "InvalidVpcEndpointServiceId.NotFound",
        &message,
    );
    let input = input!(DescribeVpcEndpointServicePermissionsRequest { service_id: unknown });
    cloud.refuses::<op::DescribeVpcEndpointServicePermissions>(
        input,
        "InvalidVpcEndpointServiceId.NotFound",
        &message,
    );
}

#[test]
fn the_owner_of_a_service_pays_for_good() {
    let cloud = Cloud::new();
    let id = service_id(&create(&cloud, request()));
    let payers = || {
        let input = input!(DescribeVpcEndpointServiceConfigurationsRequest { service_ids: [&id] });
        let held = cloud.ok::<op::DescribeVpcEndpointServiceConfigurations>(input);
        let name = filters(&[("service-name", &[&format!("*{id}")])]);
        let input = input!(DescribeVpcEndpointServicesRequest { filters: name });
        let seen = cloud.ok::<op::DescribeVpcEndpointServices>(input);
        let held = held.service_configurations.unwrap().remove(0).payer_responsibility;
        (held, seen.service_details.unwrap().remove(0).payer_responsibility)
    };
    assert_eq!(payers(), (None, None));
    let payer = |id: &str, payer_responsibility: &str| {
        input!(ModifyVpcEndpointServicePayerResponsibilityRequest { service_id: id, payer_responsibility })
    };
    let check = |input, code: &str| {
        cloud.refuses::<op::ModifyVpcEndpointServicePayerResponsibility>(input, code, "…");
    };
    let dry_run = api::ModifyVpcEndpointServicePayerResponsibilityRequest {
        dry_run: Some(true),
        ..payer(&id, "ServiceOwner")
    };
    check(dry_run, "DryRunOperation");
    check(payer(&id, "EndpointOwner"), "InvalidParameterValue");
    check(payer("vpce-svc-0123456789abcdef0", "ServiceOwner"), "InvalidVpcEndpointServiceId.NotFound");
    check(payer("x", "ServiceOwner"), "InvalidVpcEndpointServiceId.Malformed");
    cloud.ok::<op::ModifyVpcEndpointServicePayerResponsibility>(payer(&id, "ServiceOwner"));
    let owner = || Some("ServiceOwner".to_owned());
    assert_eq!(payers(), (owner(), owner()));
    cloud.ok::<op::ModifyVpcEndpointServicePayerResponsibility>(payer(&id, "ServiceOwner"));
    assert_eq!(payers(), (owner(), owner()));
}

#[test]
fn principals_are_admitted() {
    let cloud = Cloud::new();
    let id = service_id(&create(&cloud, request()));
    let account = format!("arn:aws:iam::{CONSUMER}:root");
    let added = allow(&cloud, &id, &account);
    assert_eq!(added[0].principal_type.as_deref(), Some("Account"));
    assert!(added[0].service_permission_id.as_ref().unwrap().starts_with("vpce-svc-perm-"));
    assert_eq!(allow(&cloud, &id, &account), []);
    allow(&cloud, &id, "*");
    allow(&cloud, &id, "arn:aws:iam::210987654321:role/deep/in");
    let held = |all: &[(&str, &[&str])]| {
        let input =
            input!(DescribeVpcEndpointServicePermissionsRequest { service_id: &id, filters: filters(all) });
        cloud.ok::<op::DescribeVpcEndpointServicePermissions>(input).allowed_principals.unwrap().len()
    };
    assert_eq!(
        (held(&[]), held(&[("principal", &["*:root"])]), held(&[("principal-type", &["All", "Role"])])),
        (3, 1, 2)
    );
    let of_kind = |kind: &str| held(&[("permission-type", &[kind])]);
    assert_eq!((of_kind("vpc-endpoint"), of_kind("transit-gateway-attachment")), (3, 0));
    let bad = |principal: &str| {
        input!(ModifyVpcEndpointServicePermissionsRequest {
            service_id: &id,
            add_allowed_principals: [principal]
        })
    };
    for principal in [
        "",
        "x",
        "arn:aws:iam::1:root",
        "arn:aws:iam::210987654321:group/x",
        "arn:aws:iam::210987654321:role/",
        "arn:aws-cn:iam::210987654321:root",
    ] {
        let message = format!("Invalid Principal: '{principal}'");
        cloud.refuses::<op::ModifyVpcEndpointServicePermissions>(
            bad(principal),
            "InvalidPrincipal",
            &message,
        );
    }
    let none = input!(ModifyVpcEndpointServicePermissionsRequest { service_id: &id });
    cloud.refuses::<op::ModifyVpcEndpointServicePermissions>(none, "MissingParameter", "…");
    let remove = input!(ModifyVpcEndpointServicePermissionsRequest {
        service_id: &id,
        remove_allowed_principals: ["*"]
    });
    cloud.ok::<op::ModifyVpcEndpointServicePermissions>(remove);
    assert_eq!(held(&[]), 2);
}

#[test]
fn another_account_connects_when_it_may_and_is_accepted() {
    let cloud = Cloud::new();
    let consumer = cloud.seen_by(CONSUMER, "us-east-1");
    let service = create(&cloud, request());
    let (service_id, name) = (service_id(&service), service.service_name.clone().unwrap());
    let vpc = consumer.vpc("10.5.0.0/16");
    let listed = |cloud: &Cloud| {
        let all = cloud.ok::<op::DescribeVpcEndpointServices>(input!(DescribeVpcEndpointServicesRequest {}));
        all.service_names.unwrap().contains(&name)
    };
    let message = format!("The Vpc Endpoint Service '{name}' does not exist");
    consumer.refuses::<op::CreateVpcEndpoint>(
        endpoint(&vpc, &service, "Interface"),
        "InvalidServiceName",
        &message,
    );
    assert_eq!((listed(&cloud), listed(&consumer)), (true, false));
    allow(&cloud, &service_id, &format!("arn:aws:iam::{CONSUMER}:root"));
    assert!(listed(&consumer));
    assert!(!listed(&cloud.seen_by(CONSUMER, "us-west-2")));

    let subnet = consumer.subnet(&vpc, "10.5.0.0/24");
    let request = api::CreateVpcEndpointRequest {
        subnet_ids: Some(vec![subnet]),
        ..endpoint(&vpc, &service, "Interface")
    };
    let made = create_endpoint(&consumer, request);
    let made_id = id(&made);
    assert_eq!((made.state.as_deref(), made.private_dns_enabled), (Some("pendingAcceptance"), Some(false)));
    let held = connections(&cloud, &[]);
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].vpc_endpoint_owner.as_deref(), Some(CONSUMER));
    assert_eq!(held[0].network_load_balancer_arns, Some(vec![NETWORK.to_owned()]));
    assert_eq!(connections(&consumer, &[]).len(), 0);
    for (filter, value) in [
        ("ip-address-type", "ipv4"),
        ("service-id", service_id.as_str()),
        ("vpc-endpoint-id", &made_id),
        ("vpc-endpoint-owner", CONSUMER),
        ("vpc-endpoint-region", "us-east-1"),
        ("vpc-endpoint-state", "pendingAcceptance"),
    ] {
        assert_eq!(connections(&cloud, &[(filter, &[value])]).len(), 1, "{filter}");
        assert_eq!(connections(&cloud, &[(filter, &["none"])]).len(), 0, "{filter}");
    }
    let connection = held[0].vpc_endpoint_connection_id.clone().unwrap();
    cloud.ok::<op::CreateTags>(input!(CreateTagsRequest {
        resources: [&connection],
        tags: tags(&[("k", "v")])
    }));
    assert_eq!(connections(&cloud, &[])[0].tags, Some(tags(&[("k", "v")])));
    assert_eq!(delete(&cloud, &service_id), [code(&service_id, "ExistingVpcEndpointConnections")]);

    // An endpoint that waits can only be accepted, rejected or deleted.
    let modify = input!(ModifyVpcEndpointRequest { vpc_endpoint_id: &made_id, private_dns_enabled: false });
    consumer.refuses::<op::ModifyVpcEndpoint>(modify, "InvalidState", "…");
    assert_eq!(
        accept(&cloud, &service_id, "vpce-0123456789abcdef0"),
        [code("vpce-0123456789abcdef0", "InvalidVpcEndpointId.NotFound")]
    );
    assert_eq!(accept(&cloud, &service_id, &made_id), []);
    assert_eq!(state(&consumer, &made_id), "pending");
    cloud.wait(LONG_MILLIS);
    assert_eq!(state(&consumer, &made_id), "available");
    assert_eq!(connections(&cloud, &[])[0].vpc_endpoint_state.as_deref(), Some("available"));
    assert_eq!(accept(&cloud, &service_id, &made_id), [code(&made_id, "InvalidState")]);
    assert_eq!(reject(&cloud, &service_id, &made_id), []);
    assert_eq!(state(&consumer, &made_id), "rejected");
    assert_eq!(reject(&cloud, &service_id, &made_id), [code(&made_id, "InvalidState")]);
    let dry = input!(AcceptVpcEndpointConnectionsRequest {
        service_id: &service_id,
        vpc_endpoint_ids: [&made_id],
        dry_run: true
    });
    cloud.refuses::<op::AcceptVpcEndpointConnections>(dry, "DryRunOperation", "…");
    // The service goes, and the rejected endpoint stays to be deleted.
    assert_eq!(delete(&cloud, &service_id), []);
    assert_eq!(connections(&cloud, &[]).len(), 0);
    let input = input!(DeleteVpcEndpointsRequest { vpc_endpoint_ids: [&made_id] });
    assert_eq!(unsuccessful(consumer.ok::<op::DeleteVpcEndpoints>(input).unsuccessful), []);
}

#[test]
fn routes_lead_to_gateway_load_balancer_endpoints() {
    let cloud = Cloud::new();
    let service = create(
        &cloud,
        input!(CreateVpcEndpointServiceConfigurationRequest {
            gateway_load_balancer_arns: [GATEWAY],
            acceptance_required: false
        }),
    );
    assert_eq!(service.service_type.clone().unwrap()[0].service_type.as_deref(), Some("GatewayLoadBalancer"));
    let vpc = cloud.vpc("10.0.0.0/16");
    let (subnet, other) = (cloud.subnet(&vpc, "10.0.0.0/24"), cloud.subnet(&vpc, "10.0.1.0/24"));
    let kind = "GatewayLoadBalancer";
    let two = api::CreateVpcEndpointRequest {
        subnet_ids: Some(vec![subnet.clone(), other]),
        ..endpoint(&vpc, &service, kind)
    };
    cloud.refuses::<op::CreateVpcEndpoint>(two, "InvalidParameter", "Only one subnet can be …");
    let wrong = "Endpoint type (Interface) does not match available service types ([GatewayLoadBalancer]).";
    cloud.refuses::<op::CreateVpcEndpoint>(endpoint(&vpc, &service, "Interface"), "InvalidParameter", wrong);
    let made = create_endpoint(
        &cloud,
        api::CreateVpcEndpointRequest { subnet_ids: Some(vec![subnet]), ..endpoint(&vpc, &service, kind) },
    );
    let made_id = id(&made);
    assert_eq!((made.policy_document, made.dns_entries), (None, Some(Vec::new())));
    let held = cloud.describe_interface(&shown(&cloud, &made_id).network_interface_ids.unwrap()[0]);
    assert_eq!(held.interface_type.as_deref(), Some("gateway_load_balancer_endpoint"));

    let table = cloud
        .ok::<op::CreateRouteTable>(input!(CreateRouteTableRequest { vpc_id: &vpc }))
        .route_table
        .unwrap()
        .route_table_id
        .unwrap();
    let route = |endpoint: &str| {
        input!(CreateRouteRequest {
            route_table_id: &table,
            destination_cidr_block: "0.0.0.0/0",
            vpc_endpoint_id: endpoint
        })
    };
    cloud.ok::<op::CreateRoute>(route(&made_id));
    let shown_state = || {
        let input =
            input!(DescribeRouteTablesRequest { filters: filters(&[("route.gateway-id", &[&made_id])]) });
        let routes =
            cloud.ok::<op::DescribeRouteTables>(input).route_tables.unwrap().remove(0).routes.unwrap();
        routes.into_iter().find(|route| route.gateway_id.as_ref() == Some(&made_id)).unwrap().state.unwrap()
    };
    assert_eq!(shown_state(), "active");
    let id_of_service = service_id(&service);
    assert_eq!(reject(&cloud, &id_of_service, &made_id), []);
    assert_eq!(shown_state(), "blackhole");
    let delete_endpoint = || {
        let input = input!(DeleteVpcEndpointsRequest { vpc_endpoint_ids: [&made_id] });
        unsuccessful(cloud.ok::<op::DeleteVpcEndpoints>(input).unsuccessful)
    };
    assert_eq!(delete_endpoint(), [code(&made_id, "InvalidParameter")]);
    cloud.ok::<op::DeleteRoute>(input!(DeleteRouteRequest {
        route_table_id: &table,
        destination_cidr_block: "0.0.0.0/0"
    }));
    assert_eq!(delete_endpoint(), []);
    cloud.refuses::<op::CreateRoute>(route(&made_id), "InvalidVpcEndpointId.NotFound", "…");
    let gateway = create_endpoint(
        &cloud,
        input!(CreateVpcEndpointRequest { vpc_id: &vpc, service_name: crate::vpc_endpoint::S3 }),
    );
    cloud.refuses::<op::CreateRoute>(route(&id(&gateway)), "InvalidParameterValue", "VPC endpoint …");
}

#[test]
fn notifications_are_kept() {
    let cloud = Cloud::new();
    let service = service_id(&create(&cloud, request()));
    let request = || {
        input!(CreateVpcEndpointConnectionNotificationRequest {
            service_id: &service,
            connection_notification_arn: TOPIC,
            connection_events: ["Reject", "Accept"],
            client_token: "t",
        })
    };
    let create = |request| {
        cloud.ok::<op::CreateVpcEndpointConnectionNotification>(request).connection_notification.unwrap()
    };
    let made = create(request());
    let id = made.connection_notification_id.clone().unwrap();
    assert_eq!(made.connection_events.clone().unwrap(), ["Accept", "Reject"]);
    assert_eq!(create(request()), made);
    let found = |all: &[(&str, &[&str])]| {
        let input = input!(DescribeVpcEndpointConnectionNotificationsRequest { filters: filters(all) });
        cloud.ok::<op::DescribeVpcEndpointConnectionNotifications>(input).connection_notification_set.unwrap()
    };
    for (filter, value) in [
        ("connection-notification-arn", TOPIC),
        ("connection-notification-id", &id),
        ("connection-notification-state", "Enabled"),
        ("connection-notification-type", "Topic"),
        ("service-id", &service),
    ] {
        assert_eq!(found(&[(filter, &[value])]).len(), 1, "{filter}");
        assert_eq!(found(&[(filter, &["none"])]).len(), 0, "{filter}");
    }
    assert_eq!(found(&[("vpc-endpoint-id", &["*"])]).len(), 0);
    let other_topic = TOPIC.replace("news", "other");
    cloud.ok::<op::ModifyVpcEndpointConnectionNotification>(input!(
        ModifyVpcEndpointConnectionNotificationRequest {
            connection_notification_id: &id,
            connection_notification_arn: &other_topic,
            connection_events: ["Delete"],
        }
    ));
    let now = found(&[]).remove(0);
    assert_eq!(
        (now.connection_notification_arn, now.connection_events),
        (Some(other_topic), Some(vec!["Delete".to_owned()]))
    );

    let refused = |request, code: &str| {
        cloud.refuses::<op::CreateVpcEndpointConnectionNotification>(request, code, "…");
    };
    let plain = || api::CreateVpcEndpointConnectionNotificationRequest { client_token: None, ..request() };
    refused(
        api::CreateVpcEndpointConnectionNotificationRequest {
            connection_notification_arn: "x".to_owned(),
            ..plain()
        },
        "InvalidParameter",
    );
    refused(
        api::CreateVpcEndpointConnectionNotificationRequest {
            connection_events: vec!["Sleep".to_owned()],
            ..plain()
        },
        "InvalidParameter",
    );
    refused(
        api::CreateVpcEndpointConnectionNotificationRequest { connection_events: Vec::new(), ..plain() },
        "MissingParameter",
    );
    refused(
        api::CreateVpcEndpointConnectionNotificationRequest { service_id: None, ..plain() },
        "MissingParameter",
    );
    refused(
        api::CreateVpcEndpointConnectionNotificationRequest {
            vpc_endpoint_id: Some("vpce-1".to_owned()),
            ..plain()
        },
        "InvalidParameterCombination",
    );
    let delete = |id: &str| {
        let input =
            input!(DeleteVpcEndpointConnectionNotificationsRequest { connection_notification_ids: [id] });
        unsuccessful(cloud.ok::<op::DeleteVpcEndpointConnectionNotifications>(input).unsuccessful)
    };
    assert_eq!(delete(&id), []);
    assert_eq!(delete(&id), [code(&id, "InvalidConnectionNotification")]);
    // They go with what they are about.
    create(plain());
    assert_eq!(super::vpc_endpoint_service::delete(&cloud, &service), []);
    assert_eq!(found(&[]).len(), 0);
    let vpc = cloud.vpc("10.0.0.0/16");
    let made = create_endpoint(
        &cloud,
        input!(CreateVpcEndpointRequest { vpc_id: &vpc, service_name: crate::vpc_endpoint::S3 }),
    );
    let endpoint = super::vpc_endpoint::id(&made);
    create(api::CreateVpcEndpointConnectionNotificationRequest {
        service_id: None,
        vpc_endpoint_id: Some(endpoint.clone()),
        ..plain()
    });
    assert_eq!(found(&[("vpc-endpoint-id", &[&endpoint])]).len(), 1);
    cloud.ok::<op::DeleteVpcEndpoints>(input!(DeleteVpcEndpointsRequest { vpc_endpoint_ids: [&endpoint] }));
    assert_eq!(found(&[]).len(), 0);
}
