mod peer;

use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

const DRY: &str = "Request would have succeeded, but DryRun flag is set.";
/// Longer than any change takes.
const DONE: i64 = 1000;

pub(crate) fn create(cloud: &Cloud, input: api::CreateTransitGatewayRequest) -> String {
    let made = cloud.ok::<op::CreateTransitGateway>(input).transit_gateway.unwrap();
    assert_eq!(made.state.as_deref(), Some("pending"));
    cloud.wait(DONE);
    made.transit_gateway_id.unwrap()
}

pub(crate) fn gateway(cloud: &Cloud) -> String {
    create(cloud, input!(CreateTransitGatewayRequest { description: "hub" }))
}

fn described(cloud: &Cloud, id: &str) -> api::TransitGateway {
    let input = input!(DescribeTransitGatewaysRequest { transit_gateway_ids: [id] });
    cloud.ok::<op::DescribeTransitGateways>(input).transit_gateways.unwrap().remove(0)
}

fn attach_request(gateway: &str, vpc: &str, subnet: &str) -> api::CreateTransitGatewayVpcAttachmentRequest {
    input!(CreateTransitGatewayVpcAttachmentRequest {
        transit_gateway_id: gateway,
        vpc_id: vpc,
        subnet_ids: [subnet]
    })
}

/// A VPC with one subnet, attached.
pub(crate) fn attached(cloud: &Cloud, gateway: &str, cidr: &str, subnet: &str) -> (String, String, String) {
    let vpc = cloud.vpc(cidr);
    let subnet = cloud.subnet(&vpc, subnet);
    let made = cloud.ok::<op::CreateTransitGatewayVpcAttachment>(attach_request(gateway, &vpc, &subnet));
    let made = made.transit_gateway_vpc_attachment.unwrap();
    assert_eq!(made.state.as_deref(), Some("pending"));
    cloud.wait(DONE);
    (vpc, subnet, made.transit_gateway_attachment_id.unwrap())
}

pub(crate) fn default_table(cloud: &Cloud, gateway: &str) -> String {
    described(cloud, gateway).options.unwrap().association_default_route_table_id.unwrap()
}

pub(crate) fn new_table(cloud: &Cloud, gateway: &str) -> String {
    let input = input!(CreateTransitGatewayRouteTableRequest { transit_gateway_id: gateway });
    let made = cloud.ok::<op::CreateTransitGatewayRouteTable>(input).transit_gateway_route_table.unwrap();
    cloud.wait(DONE);
    made.transit_gateway_route_table_id.unwrap()
}

pub(crate) fn search(cloud: &Cloud, table: &str, all: &[(&str, &[&str])]) -> Vec<String> {
    let input = input!(SearchTransitGatewayRoutesRequest {
        transit_gateway_route_table_id: table,
        filters: filters(all)
    });
    let found = cloud.ok::<op::SearchTransitGatewayRoutes>(input);
    let shown = |route: api::TransitGatewayRoute| {
        let destination = route.destination_cidr_block.unwrap();
        format!("{destination} {} {}", route.r#type.unwrap(), route.state.unwrap())
    };
    found.routes.unwrap().into_iter().map(shown).collect()
}

pub(crate) fn detach(attachment: &str) -> api::DeleteTransitGatewayVpcAttachmentRequest {
    input!(DeleteTransitGatewayVpcAttachmentRequest { transit_gateway_attachment_id: attachment })
}

#[test]
fn a_gateway_lives() {
    let cloud = Cloud::new();
    let specified = tagged("transit-gateway", &[("Name", "hub")]);
    let options = input!(TransitGatewayRequestOptions {
        amazon_side_asn: 65_010,
        transit_gateway_cidr_blocks: ["10.99.0.0/24"]
    });
    let request =
        input!(CreateTransitGatewayRequest { description: "hub", options, tag_specifications: specified });
    let dry = api::CreateTransitGatewayRequest { dry_run: Some(true), ..request.clone() };
    cloud.refuses::<op::CreateTransitGateway>(dry, "DryRunOperation", DRY);
    let id = create(&cloud, request);
    let made = described(&cloud, &id);
    assert_eq!(made.state.as_deref(), Some("available"));
    assert_eq!(made.tags, Some(tags(&[("Name", "hub")])));
    let arn = format!("arn:aws:ec2:us-east-1:123456789012:transit-gateway/{id}");
    assert_eq!(made.transit_gateway_arn, Some(arn));
    let options = made.options.unwrap();
    let table = options.association_default_route_table_id.clone().unwrap();
    assert_eq!(options.propagation_default_route_table_id.as_ref(), Some(&table));
    assert_eq!(options.dns_support.as_deref(), Some("enable"));
    assert_eq!(options.multicast_support.as_deref(), Some("disable"));
    gateway(&cloud);
    for (name, value) in [
        ("options.amazon-side-asn", "65010"),
        ("options.association-default-route-table-id", &*table),
        ("options.propagation-default-route-table-id", &table),
        ("transit-gateway-id", &id),
        ("tag:Name", "hub"),
    ] {
        let filters = filters(&[(name, &[value])]);
        let found =
            cloud.ok::<op::DescribeTransitGateways>(input!(DescribeTransitGatewaysRequest { filters }));
        assert_eq!(found.transit_gateways.unwrap().len(), 1, "{name}");
    }
    for (name, value) in [
        ("options.auto-accept-shared-attachments", "disable"),
        ("options.default-route-table-association", "enable"),
        ("options.default-route-table-propagation", "enable"),
        ("options.dns-support", "enable"),
        ("options.vpn-ecmp-support", "enable"),
        ("owner-id", "123456789012"),
        ("state", "available"),
    ] {
        for (value, count) in [(value, 2), ("other", 0)] {
            let filters = filters(&[(name, &[value])]);
            let found =
                cloud.ok::<op::DescribeTransitGateways>(input!(DescribeTransitGatewaysRequest { filters }));
            assert_eq!(found.transit_gateways.unwrap().len(), count, "{name}");
        }
    }

    let change = input!(ModifyTransitGatewayOptions {
        dns_support: "disable",
        default_route_table_association: "disable",
        add_transit_gateway_cidr_blocks: ["10.98.0.0/24"],
        remove_transit_gateway_cidr_blocks: ["10.99.0.0/24"]
    });
    let change =
        input!(ModifyTransitGatewayRequest { transit_gateway_id: &id, description: "new", options: change });
    let changed = cloud.ok::<op::ModifyTransitGateway>(change.clone()).transit_gateway.unwrap();
    assert_eq!(changed.state.as_deref(), Some("modifying"));
    let message = format!("{id} is in invalid state");
    cloud.refuses::<op::ModifyTransitGateway>(change, "IncorrectState", &message);
    cloud.wait(DONE);
    let changed = described(&cloud, &id);
    assert_eq!((changed.state.as_deref(), changed.description.as_deref()), (Some("available"), Some("new")));
    let options = changed.options.unwrap();
    assert_eq!(options.association_default_route_table_id, None);
    assert_eq!(options.transit_gateway_cidr_blocks, Some(vec!["10.98.0.0/24".to_owned()]));

    let delete = input!(DeleteTransitGatewayRequest { transit_gateway_id: &id });
    let options = described(&cloud, &id).options;
    let deleted = cloud.ok::<op::DeleteTransitGateway>(delete.clone()).transit_gateway.unwrap();
    assert_eq!((deleted.state.as_deref(), deleted.options), (Some("deleting"), options));
    cloud.wait(DONE);
    assert_eq!(described(&cloud, &id).state.as_deref(), Some("deleted"));
    let message = format!("Transit Gateway {id} was deleted or does not exist.");
    cloud.refuses::<op::DeleteTransitGateway>(delete, "InvalidTransitGatewayID.NotFound", &message);
    cloud.wait(3_600_000);
    let describe = input!(DescribeTransitGatewaysRequest { transit_gateway_ids: [&id] });
    cloud.refuses::<op::DescribeTransitGateways>(describe, "InvalidTransitGatewayID.NotFound", &message);
}

#[test]
fn gateways_that_cannot_be() {
    let cloud = Cloud::new();
    let check = |options: api::TransitGatewayRequestOptions, code: &str| {
        let input = input!(CreateTransitGatewayRequest { options });
        cloud.refuses::<op::CreateTransitGateway>(input, code, "…");
    };
    check(input!(TransitGatewayRequestOptions { amazon_side_asn: 1 }), "InvalidParameterValue");
    check(input!(TransitGatewayRequestOptions { dns_support: "on" }), "InvalidParameterValue");
    check(input!(TransitGatewayRequestOptions { multicast_support: "enable" }), "UnsupportedOperation");
    for block in ["10.0.0.0/25", "169.254.0.0/20", "fd00::/96", "x"] {
        let options = input!(TransitGatewayRequestOptions { transit_gateway_cidr_blocks: [block] });
        check(options, "InvalidParameterValue");
    }
    for _ in 0..5 {
        gateway(&cloud);
    }
    let message = "The maximum number of transit gateways has been reached.";
    let sixth = input!(CreateTransitGatewayRequest {});
    cloud.refuses::<op::CreateTransitGateway>(sixth, "TransitGatewayLimitExceeded", message);
    let malformed = input!(DeleteTransitGatewayRequest { transit_gateway_id: "vpc-1" });
    cloud.refuses::<op::DeleteTransitGateway>(malformed, "InvalidTransitGatewayID.Malformed", "…");
}

#[test]
fn a_vpc_is_attached_by_interfaces() {
    let cloud = Cloud::new();
    let gateway = gateway(&cloud);
    let (vpc, subnet, attachment) = attached(&cloud, &gateway, "10.1.0.0/16", "10.1.0.0/24");
    let by_id = |id: &str| {
        let input =
            input!(DescribeTransitGatewayVpcAttachmentsRequest { transit_gateway_attachment_ids: [id] });
        let found = cloud.ok::<op::DescribeTransitGatewayVpcAttachments>(input);
        found.transit_gateway_vpc_attachments.unwrap().remove(0)
    };
    let found = by_id(&attachment);
    assert_eq!(found.state.as_deref(), Some("available"));
    assert_eq!(found.subnet_ids, Some(vec![subnet.clone()]));
    assert_eq!(found.options.unwrap().ipv6_support.as_deref(), Some("disable"));
    let interfaces = |subnet: &str| {
        let filters = filters(&[("subnet-id", &[subnet])]);
        let input = input!(DescribeNetworkInterfacesRequest { filters });
        cloud.ok::<op::DescribeNetworkInterfaces>(input).network_interfaces.unwrap()
    };
    let interface = interfaces(&subnet).remove(0);
    assert_eq!(interface.interface_type.as_deref(), Some("transit_gateway"));
    assert_eq!(interface.requester_managed, Some(true));
    assert_eq!(interface.requester_id.as_deref(), Some("amazon-aws"));
    assert_eq!(interface.groups, Some(vec![]));
    let delete_vpc = input!(DeleteVpcRequest { vpc_id: &vpc });
    cloud.refuses::<op::DeleteVpc>(delete_vpc, "DependencyViolation", "…");

    let message = format!("{gateway} has non-deleted Transit Gateway Attachments with same VPC ID.");
    let again = attach_request(&gateway, &vpc, &subnet);
    cloud.refuses::<op::CreateTransitGatewayVpcAttachment>(
        again,
        "DuplicateTransitGatewayAttachment",
        &message,
    );
    let same_zone = cloud.subnet(&vpc, "10.1.1.0/24");
    let modify = |add: &[&str], remove: &[&str]| api::ModifyTransitGatewayVpcAttachmentRequest {
        transit_gateway_attachment_id: attachment.clone(),
        add_subnet_ids: Some(add.iter().map(|id| (*id).to_owned()).collect()),
        remove_subnet_ids: Some(remove.iter().map(|id| (*id).to_owned()).collect()),
        ..Default::default()
    };
    cloud.refuses::<op::ModifyTransitGatewayVpcAttachment>(
        modify(&[&same_zone], &[]),
        "DuplicateSubnetsInSameZone",
        "Duplicate Subnets for same AZ",
    );
    let message = "A VPC attachment must have at least one subnet.";
    cloud.refuses::<op::ModifyTransitGatewayVpcAttachment>(
        modify(&[], &[&subnet]),
        "InvalidParameterValue",
        message,
    );
    let moved = cloud.ok::<op::ModifyTransitGatewayVpcAttachment>(modify(&[&same_zone], &[&subnet]));
    let moved = moved.transit_gateway_vpc_attachment.unwrap();
    assert_eq!(moved.state.as_deref(), Some("modifying"));
    assert_eq!(moved.subnet_ids, Some(vec![same_zone.clone()]));
    assert_eq!((interfaces(&subnet).len(), interfaces(&same_zone).len()), (0, 1));
    cloud.wait(DONE);

    for (name, value) in [
        ("state", "available"),
        ("transit-gateway-id", &gateway),
        ("vpc-id", &vpc),
        ("transit-gateway-attachment-id", &attachment),
    ] {
        for (value, count) in [(value, 1), ("other", 0)] {
            let filters = filters(&[(name, &[value])]);
            let input = input!(DescribeTransitGatewayVpcAttachmentsRequest { filters });
            let found = cloud.ok::<op::DescribeTransitGatewayVpcAttachments>(input);
            assert_eq!(found.transit_gateway_vpc_attachments.unwrap().len(), count, "{name}");
        }
    }
    let table = default_table(&cloud, &gateway);
    for (name, value) in [
        ("association.state", "associated"),
        ("association.transit-gateway-route-table-id", &*table),
        ("resource-id", &vpc),
        ("resource-owner-id", "123456789012"),
        ("resource-type", "vpc"),
        ("state", "available"),
        ("transit-gateway-attachment-id", &attachment),
        ("transit-gateway-id", &gateway),
        ("transit-gateway-owner-id", "123456789012"),
    ] {
        for (value, count) in [(value, 1), ("other", 0)] {
            let filters = filters(&[(name, &[value])]);
            let input = input!(DescribeTransitGatewayAttachmentsRequest { filters });
            let found = cloud.ok::<op::DescribeTransitGatewayAttachments>(input);
            assert_eq!(found.transit_gateway_attachments.unwrap().len(), count, "{name}");
        }
    }
    let accept =
        input!(AcceptTransitGatewayVpcAttachmentRequest { transit_gateway_attachment_id: &attachment });
    cloud.refuses::<op::AcceptTransitGatewayVpcAttachment>(accept, "IncorrectState", "…");
    let reject =
        input!(RejectTransitGatewayVpcAttachmentRequest { transit_gateway_attachment_id: &attachment });
    cloud.refuses::<op::RejectTransitGatewayVpcAttachment>(reject, "IncorrectState", "…");
    let message = format!("{gateway} has non-deleted VPC Attachments: {attachment}.");
    let delete = input!(DeleteTransitGatewayRequest { transit_gateway_id: &gateway });
    cloud.refuses::<op::DeleteTransitGateway>(delete.clone(), "IncorrectState", &message);
    let deleted = cloud.ok::<op::DeleteTransitGatewayVpcAttachment>(detach(&attachment));
    assert_eq!(deleted.transit_gateway_vpc_attachment.unwrap().state.as_deref(), Some("deleting"));
    assert_eq!(interfaces(&same_zone).len(), 0);
    cloud.wait(DONE);
    assert_eq!(by_id(&attachment).state.as_deref(), Some("deleted"));
    cloud.refuses::<op::DeleteTransitGatewayVpcAttachment>(
        detach(&attachment),
        "InvalidTransitGatewayAttachmentID.NotFound",
        &format!("Transit Gateway Attachment {attachment} was deleted or does not exist."),
    );
    cloud.ok::<op::DeleteTransitGateway>(delete);
    // A gateway of another account is not found.
    let other = cloud.seen_by("210987654321", "us-east-1");
    let foreign = input!(DescribeTransitGatewaysRequest { transit_gateway_ids: [&gateway] });
    other.refuses::<op::DescribeTransitGateways>(foreign, "InvalidTransitGatewayID.NotFound", "…");
}

#[test]
fn tables_are_associated_and_propagated_to() {
    let cloud = Cloud::new();
    let gateway = gateway(&cloud);
    let (_, _, attachment) = attached(&cloud, &gateway, "10.1.0.0/16", "10.1.0.0/24");
    let first = default_table(&cloud, &gateway);
    let second = new_table(&cloud, &gateway);
    let associate = |table: &str| {
        input!(AssociateTransitGatewayRouteTableRequest {
            transit_gateway_route_table_id: table,
            transit_gateway_attachment_id: &attachment
        })
    };
    let disassociate = |table: &str| {
        input!(DisassociateTransitGatewayRouteTableRequest {
            transit_gateway_route_table_id: table,
            transit_gateway_attachment_id: &attachment
        })
    };
    let associations = |table: &str| {
        let input = input!(GetTransitGatewayRouteTableAssociationsRequest {
            transit_gateway_route_table_id: table,
            filters: filters(&[("resource-type", &["vpc"])])
        });
        let found = cloud.ok::<op::GetTransitGatewayRouteTableAssociations>(input).associations.unwrap();
        found.into_iter().map(|held| held.state.unwrap()).collect::<Vec<_>>()
    };
    let message = format!("Transit Gateway Attachment {attachment} is already associated to a route table.");
    cloud.refuses::<op::AssociateTransitGatewayRouteTable>(
        associate(&second),
        "Resource.AlreadyAssociated",
        &message,
    );
    cloud.refuses::<op::DisassociateTransitGatewayRouteTable>(
        disassociate(&second),
        "InvalidAssociation.NotFound",
        "…",
    );
    cloud.ok::<op::DisassociateTransitGatewayRouteTable>(disassociate(&first));
    assert_eq!(associations(&first), ["disassociating"]);
    cloud.wait(DONE);
    assert!(associations(&first).is_empty());
    cloud.ok::<op::AssociateTransitGatewayRouteTable>(associate(&second));
    assert_eq!(associations(&second), ["associating"]);
    cloud.wait(DONE);
    assert_eq!(associations(&second), ["associated"]);
    let delete =
        |table: &str| input!(DeleteTransitGatewayRouteTableRequest { transit_gateway_route_table_id: table });
    cloud.refuses::<op::DeleteTransitGatewayRouteTable>(delete(&second), "IncorrectState", "…");
    cloud.refuses::<op::DeleteTransitGatewayRouteTable>(delete(&first), "IncorrectState", "…");

    let enable = |table: &str| {
        input!(EnableTransitGatewayRouteTablePropagationRequest {
            transit_gateway_route_table_id: table,
            transit_gateway_attachment_id: &attachment
        })
    };
    let disable = |table: &str| {
        input!(DisableTransitGatewayRouteTablePropagationRequest {
            transit_gateway_route_table_id: table,
            transit_gateway_attachment_id: &attachment
        })
    };
    let propagated: &[(&str, &[&str])] = &[("type", &["propagated"])];
    assert_eq!(search(&cloud, &first, propagated), ["10.1.0.0/16 propagated active"]);
    let message = format!("Propagation {attachment} already exists in Transit Gateway Route Table {first}.");
    cloud.refuses::<op::EnableTransitGatewayRouteTablePropagation>(
        enable(&first),
        "TransitGatewayRouteTablePropagation.Duplicate",
        &message,
    );
    cloud.refuses::<op::DisableTransitGatewayRouteTablePropagation>(
        disable(&second),
        "TransitGatewayRouteTablePropagation.NotFound",
        "…",
    );
    cloud.ok::<op::EnableTransitGatewayRouteTablePropagation>(enable(&second));
    assert_eq!(search(&cloud, &second, propagated).len(), 1);
    let of_attachment =
        input!(GetTransitGatewayAttachmentPropagationsRequest { transit_gateway_attachment_id: &attachment });
    let found = cloud.ok::<op::GetTransitGatewayAttachmentPropagations>(of_attachment.clone());
    assert_eq!(found.transit_gateway_attachment_propagations.unwrap().len(), 2);
    cloud.ok::<op::DisableTransitGatewayRouteTablePropagation>(disable(&first));
    assert!(search(&cloud, &first, propagated).is_empty());
    let found = cloud.ok::<op::GetTransitGatewayAttachmentPropagations>(of_attachment);
    assert_eq!(found.transit_gateway_attachment_propagations.unwrap().len(), 1);
    let get = |table: &str| {
        let input = input!(GetTransitGatewayRouteTablePropagationsRequest {
            transit_gateway_route_table_id: table,
            filters: filters(&[("transit-gateway-attachment-id", &[&attachment])])
        });
        let found = cloud.ok::<op::GetTransitGatewayRouteTablePropagations>(input);
        found.transit_gateway_route_table_propagations.unwrap().len()
    };
    assert_eq!((get(&first), get(&second)), (0, 1));

    cloud.ok::<op::DisassociateTransitGatewayRouteTable>(disassociate(&second));
    cloud.wait(DONE);
    let deleted = cloud.ok::<op::DeleteTransitGatewayRouteTable>(delete(&second));
    assert_eq!(deleted.transit_gateway_route_table.unwrap().state.as_deref(), Some("deleting"));
    for (name, value, count) in [
        ("default-association-route-table", "true", 1),
        ("default-propagation-route-table", "false", 1),
        ("state", "available", 1),
        ("transit-gateway-id", &*gateway, 2),
        ("transit-gateway-route-table-id", &second, 1),
    ] {
        let filters = filters(&[(name, &[value])]);
        let input = input!(DescribeTransitGatewayRouteTablesRequest { filters });
        let found = cloud.ok::<op::DescribeTransitGatewayRouteTables>(input);
        assert_eq!(found.transit_gateway_route_tables.unwrap().len(), count, "{name}");
    }
}

#[test]
fn routes_are_static_or_propagated() {
    let cloud = Cloud::new();
    let gateway = gateway(&cloud);
    let (_, _, one) = attached(&cloud, &gateway, "10.1.0.0/16", "10.1.0.0/24");
    let (vpc, _, two) = attached(&cloud, &gateway, "10.2.0.0/16", "10.2.0.0/24");
    let table = default_table(&cloud, &gateway);
    let route = |destination: &str, attachment: Option<&str>| api::CreateTransitGatewayRouteRequest {
        destination_cidr_block: destination.to_owned(),
        transit_gateway_route_table_id: table.clone(),
        transit_gateway_attachment_id: attachment.map(str::to_owned),
        blackhole: attachment.is_none().then_some(true),
        dry_run: None,
    };
    cloud.ok::<op::CreateTransitGatewayRoute>(route("0.0.0.0/0", Some(&one)));
    cloud.ok::<op::CreateTransitGatewayRoute>(route("10.3.0.0/16", None));
    cloud.ok::<op::CreateTransitGatewayRoute>(route("10.2.0.0/16", Some(&one)));
    cloud.refuses::<op::CreateTransitGatewayRoute>(route("0.0.0.0/0", None), "RouteAlreadyExists", "…");
    let bad = route("x", None);
    cloud.refuses::<op::CreateTransitGatewayRoute>(bad, "InvalidParameterValue", "…");
    let neither = api::CreateTransitGatewayRouteRequest { blackhole: None, ..route("10.4.0.0/16", None) };
    cloud.refuses::<op::CreateTransitGatewayRoute>(neither, "MissingParameter", "…");
    let both =
        api::CreateTransitGatewayRouteRequest { blackhole: Some(true), ..route("10.4.0.0/16", Some(&one)) };
    cloud.refuses::<op::CreateTransitGatewayRoute>(both, "InvalidParameterCombination", "…");

    let (all, one_route) = (["static", "propagated"], "10.1.0.0/16 propagated active");
    assert_eq!(
        search(&cloud, &table, &[("type", &all)]),
        ["0.0.0.0/0 static active", one_route, "10.2.0.0/16 static active", "10.3.0.0/16 static blackhole"]
    );
    assert_eq!(search(&cloud, &table, &[("state", &["blackhole"])]), ["10.3.0.0/16 static blackhole"]);
    assert_eq!(search(&cloud, &table, &[("attachment.transit-gateway-attachment-id", &[&one])]).len(), 3);
    assert_eq!(search(&cloud, &table, &[("attachment.resource-id", &[&vpc])]).len(), 0);
    assert_eq!(search(&cloud, &table, &[("attachment.resource-type", &["vpc"])]).len(), 3);
    let check = |name: &str, value: &str, expected: &[&str]| {
        let found = search(&cloud, &table, &[(&format!("route-search.{name}"), &[value])]);
        let found: Vec<_> = found.iter().map(|route| route.split(' ').next().unwrap()).collect();
        assert_eq!(found, expected, "{name} {value}");
    };
    check("exact-match", "10.1.0.0/16", &["10.1.0.0/16"]);
    check("exact-match", "10.1.0.0/24", &[]);
    check("longest-prefix-match", "10.1.2.3", &["10.1.0.0/16"]);
    check("longest-prefix-match", "8.8.8.8", &["0.0.0.0/0"]);
    check("subnet-of-match", "10.0.0.0/8", &["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]);
    check("supernet-of-match", "10.1.2.0/24", &["0.0.0.0/0", "10.1.0.0/16"]);
    for count in 0..4 {
        cloud.ok::<op::CreateTransitGatewayRoute>(route(&format!("172.16.{count}.0/24"), None));
    }
    let mut request = input!(SearchTransitGatewayRoutesRequest {
        transit_gateway_route_table_id: &table,
        filters: filters(&[("type", &all)]),
        max_results: 5
    });
    let page = cloud.ok::<op::SearchTransitGatewayRoutes>(request.clone());
    assert_eq!((page.routes.unwrap().len(), page.additional_routes_available), (5, Some(true)));
    request.next_token = page.next_token;
    let page = cloud.ok::<op::SearchTransitGatewayRoutes>(request.clone());
    assert_eq!((page.routes.unwrap().len(), page.additional_routes_available), (3, Some(false)));
    request.filters = Vec::new();
    cloud.refuses::<op::SearchTransitGatewayRoutes>(request, "MissingParameter", "…");

    let replace = |destination: &str| {
        input!(ReplaceTransitGatewayRouteRequest {
            destination_cidr_block: destination,
            transit_gateway_route_table_id: &table,
            transit_gateway_attachment_id: &two
        })
    };
    cloud.ok::<op::ReplaceTransitGatewayRoute>(replace("10.3.0.0/16"));
    assert_eq!(search(&cloud, &table, &[("attachment.resource-id", &[&vpc])]), ["10.3.0.0/16 static active"]);
    cloud.refuses::<op::ReplaceTransitGatewayRoute>(replace("10.9.0.0/16"), "InvalidRoute.NotFound", "…");
    let delete = input!(DeleteTransitGatewayRouteRequest {
        transit_gateway_route_table_id: &table,
        destination_cidr_block: "10.2.0.0/16"
    });
    cloud.ok::<op::DeleteTransitGatewayRoute>(delete.clone());
    cloud.refuses::<op::DeleteTransitGatewayRoute>(delete, "InvalidRoute.NotFound", "…");
    // What was static is propagated now; it ends with its attachment, and static routes to that drop packets.
    let exact: &[(&str, &[&str])] = &[("route-search.exact-match", &["10.2.0.0/16", "10.3.0.0/16"])];
    assert_eq!(search(&cloud, &table, exact), ["10.2.0.0/16 propagated active", "10.3.0.0/16 static active"]);
    cloud.ok::<op::DeleteTransitGatewayVpcAttachment>(detach(&two));
    assert_eq!(search(&cloud, &table, exact), ["10.3.0.0/16 static blackhole"]);
}

#[test]
fn routes_of_vpcs_lead_to_a_gateway() {
    let cloud = Cloud::new();
    let gateway = gateway(&cloud);
    let vpc = cloud.vpc("10.1.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.1.0.0/24");
    let table = cloud.ok::<op::CreateRouteTable>(input!(CreateRouteTableRequest { vpc_id: &vpc }));
    let table = table.route_table.unwrap().route_table_id.unwrap();
    let route = input!(CreateRouteRequest {
        route_table_id: &table,
        destination_cidr_block: "10.0.0.0/8",
        transit_gateway_id: &gateway
    });
    let message = format!("The transitGateway ID '{gateway}' does not exist");
    cloud.refuses::<op::CreateRoute>(route.clone(), "InvalidTransitGatewayID.NotFound", &message);
    let made = cloud.ok::<op::CreateTransitGatewayVpcAttachment>(attach_request(&gateway, &vpc, &subnet));
    let attachment = made.transit_gateway_vpc_attachment.unwrap().transit_gateway_attachment_id.unwrap();
    cloud.refuses::<op::CreateRoute>(route.clone(), "InvalidTransitGatewayID.NotFound", &message);
    cloud.wait(DONE);
    cloud.ok::<op::CreateRoute>(route);
    let count = |state: &str| {
        let filters = filters(&[("route.transit-gateway-id", &[&gateway]), ("route.state", &[state])]);
        let found = cloud.ok::<op::DescribeRouteTables>(input!(DescribeRouteTablesRequest { filters }));
        found.route_tables.unwrap().len()
    };
    assert_eq!((count("active"), count("blackhole")), (1, 0));
    cloud.ok::<op::DeleteTransitGatewayVpcAttachment>(detach(&attachment));
    assert_eq!(count("blackhole"), 1);
}

#[test]
fn tables_refer_to_prefix_lists() {
    let cloud = Cloud::new();
    let gateway = gateway(&cloud);
    let (vpc, _, attachment) = attached(&cloud, &gateway, "10.1.0.0/16", "10.1.0.0/24");
    let table = default_table(&cloud, &gateway);
    let entry = api::AddPrefixListEntry { cidr: "10.7.0.0/16".to_owned(), description: None };
    let list = input!(CreateManagedPrefixListRequest {
        prefix_list_name: "l",
        address_family: "IPv4",
        max_entries: 5,
        entries: vec![entry]
    });
    let list = cloud.ok::<op::CreateManagedPrefixList>(list).prefix_list.unwrap().prefix_list_id.unwrap();
    cloud.wait(2000);
    let create = input!(CreateTransitGatewayPrefixListReferenceRequest {
        transit_gateway_route_table_id: &table,
        prefix_list_id: &list,
        transit_gateway_attachment_id: &attachment
    });
    let made = cloud.ok::<op::CreateTransitGatewayPrefixListReference>(create.clone());
    let made = made.transit_gateway_prefix_list_reference.unwrap();
    assert_eq!((made.state.as_deref(), made.blackhole), (Some("pending"), Some(false)));
    cloud.refuses::<op::CreateTransitGatewayPrefixListReference>(create, "RouteAlreadyExists", "…");
    cloud.wait(DONE);
    assert_eq!(search(&cloud, &table, &[("prefix-list-id", &[&list])]), ["10.7.0.0/16 static active"]);
    for (name, value) in [
        ("attachment.resource-id", &*vpc),
        ("attachment.resource-type", "vpc"),
        ("attachment.transit-gateway-attachment-id", &attachment),
        ("is-blackhole", "false"),
        ("prefix-list-id", &list),
        ("prefix-list-owner-id", "123456789012"),
        ("state", "available"),
    ] {
        for (value, count) in [(value, 1), ("other", 0)] {
            let input = input!(GetTransitGatewayPrefixListReferencesRequest {
                transit_gateway_route_table_id: &table,
                filters: filters(&[(name, &[value])])
            });
            let found = cloud.ok::<op::GetTransitGatewayPrefixListReferences>(input);
            assert_eq!(found.transit_gateway_prefix_list_references.unwrap().len(), count, "{name}");
        }
    }
    let delete_list = input!(DeleteManagedPrefixListRequest { prefix_list_id: &list });
    cloud.refuses::<op::DeleteManagedPrefixList>(delete_list.clone(), "DependencyViolation", "…");
    let associations = input!(GetManagedPrefixListAssociationsRequest { prefix_list_id: &list });
    let associations = cloud.ok::<op::GetManagedPrefixListAssociations>(associations);
    assert_eq!(associations.prefix_list_associations.unwrap()[0].resource_id.as_ref(), Some(&table));
    let modify = input!(ModifyTransitGatewayPrefixListReferenceRequest {
        transit_gateway_route_table_id: &table,
        prefix_list_id: &list,
        blackhole: true
    });
    let changed = cloud.ok::<op::ModifyTransitGatewayPrefixListReference>(modify.clone());
    let changed = changed.transit_gateway_prefix_list_reference.unwrap();
    assert_eq!((changed.state.as_deref(), changed.blackhole), (Some("modifying"), Some(true)));
    assert_eq!(search(&cloud, &table, &[("prefix-list-id", &[&list])]), ["10.7.0.0/16 static blackhole"]);
    let delete = input!(DeleteTransitGatewayPrefixListReferenceRequest {
        transit_gateway_route_table_id: &table,
        prefix_list_id: &list
    });
    cloud.ok::<op::DeleteTransitGatewayPrefixListReference>(delete);
    let code = "InvalidPrefixListID.NotFound";
    cloud.refuses::<op::ModifyTransitGatewayPrefixListReference>(modify, code, "…");
    cloud.ok::<op::DeleteManagedPrefixList>(delete_list);
}

#[test]
fn tags_are_changed_and_tables_counted() {
    let cloud = Cloud::new();
    let gateway = gateway(&cloud);
    let (_, _, attachment) = attached(&cloud, &gateway, "10.1.0.0/16", "10.1.0.0/24");
    let table = default_table(&cloud, &gateway);
    for (kind, id) in [
        ("transit-gateway", &gateway),
        ("transit-gateway-attachment", &attachment),
        ("transit-gateway-route-table", &table),
    ] {
        cloud.ok::<op::CreateTags>(input!(CreateTagsRequest { resources: [id], tags: tags(&[("a", "b")]) }));
        let filters = filters(&[("resource-type", &[kind])]);
        let found = cloud.ok::<op::DescribeTags>(input!(DescribeTagsRequest { filters })).tags.unwrap();
        assert_eq!((found.len(), found[0].resource_id.as_ref()), (1, Some(id)));
    }
    for _ in 1..20 {
        new_table(&cloud, &gateway);
    }
    let input = input!(CreateTransitGatewayRouteTableRequest { transit_gateway_id: &gateway });
    let message = "The maximum number of transit gateway route tables has been reached.";
    cloud.refuses::<op::CreateTransitGatewayRouteTable>(
        input,
        "TransitGatewayRouteTableLimitExceeded",
        message,
    );
}
