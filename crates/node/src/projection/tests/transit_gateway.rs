//! Transit gateways: attachments of one's own and of others' VPCs, their tables, and peerings.

use aws_types::{TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId};
use vpc_model::{
    AttachedNetwork, InterfaceRole, Object, ObjectId, PeeringSide, TransitGatewayAttachment,
    TransitGatewayPeering, TransitGatewayRouteTable,
};

use super::cloud::{Cloud, OTHER, OWNER, api, input, op, parsed};

/// A transit gateway that is available, and its default table.
fn gateway(cloud: &mut Cloud) -> (String, String) {
    let made = cloud.ok::<op::CreateTransitGateway>(input!(CreateTransitGatewayRequest {}));
    let made = made.transit_gateway.unwrap();
    let table = made.options.unwrap().association_default_route_table_id.unwrap();
    let id = made.transit_gateway_id.unwrap();
    cloud.settle();
    (id, table)
}

fn attach(cloud: &mut Cloud, gateway: &str, vpc: &str, subnets: &[&str]) -> String {
    let mut input =
        input!(CreateTransitGatewayVpcAttachmentRequest { transit_gateway_id: gateway, vpc_id: vpc });
    input.subnet_ids = subnets.iter().map(|id| (*id).to_owned()).collect();
    input.options = Some(api::CreateTransitGatewayVpcAttachmentRequestOptions {
        appliance_mode_support: Some("enable".to_owned()),
        ..Default::default()
    });
    let made = cloud.ok::<op::CreateTransitGatewayVpcAttachment>(input).transit_gateway_vpc_attachment;
    made.unwrap().transit_gateway_attachment_id.unwrap()
}

fn attachment<'a>(cloud: &'a Cloud, id: &str) -> Option<&'a TransitGatewayAttachment> {
    match cloud.object(ObjectId::TransitGatewayAttachment(parsed(id))) {
        Some(Object::TransitGatewayAttachment(told)) => Some(told),
        None => None,
        other => panic!("{other:?}"),
    }
}

fn peering<'a>(cloud: &'a Cloud, id: &str) -> Option<&'a TransitGatewayPeering> {
    match cloud.object(ObjectId::TransitGatewayPeering(parsed(id))) {
        Some(Object::TransitGatewayPeering(told)) => Some(told),
        None => None,
        other => panic!("{other:?}"),
    }
}

fn table<'a>(cloud: &'a Cloud, id: &str) -> &'a TransitGatewayRouteTable {
    match cloud.told::<TransitGatewayRouteTableId>(id) {
        Some(Object::TransitGatewayRouteTable(told)) => told,
        other => panic!("{other:?}"),
    }
}

/// The routes of a table, such as `10.1.0.0/16 false tgw-attach-…`.
fn routes(cloud: &Cloud, id: &str) -> Vec<String> {
    let shown = table(cloud, id).routes.iter().map(|route| {
        let target = route.target.map_or_else(|| "nowhere".to_owned(), |target| target.to_string());
        format!("{} {} {target}", route.destination, route.is_of_prefix_list)
    });
    shown.collect()
}

fn association(cloud: &Cloud, id: &str) -> Option<String> {
    attachment(cloud, id).unwrap().association.map(|table| table.to_string())
}

/// The attachment that a table leads to for a block, as the API shows it.
fn shown(cloud: &mut Cloud, table: &str, block: &str) -> Vec<String> {
    let mut input = input!(SearchTransitGatewayRoutesRequest { transit_gateway_route_table_id: table });
    input.filters = vec![api::Filter {
        name: Some("route-search.exact-match".to_owned()),
        values: Some(vec![block.to_owned()]),
    }];
    let routes = cloud.ok::<op::SearchTransitGatewayRoutes>(input).routes.unwrap();
    let attachments = routes.into_iter().flat_map(|route| route.transit_gateway_attachments.unwrap());
    attachments.map(|attachment| attachment.transit_gateway_attachment_id.unwrap()).collect()
}

#[test]
fn of_vpcs_with_one_block_the_oldest_attachment_comes_first() {
    let mut cloud = Cloud::with_realistic_timing();
    let (gateway, default) = gateway(&mut cloud);
    let mut attach_one_more = || {
        let vpc = cloud.vpc("10.0.0.0/16");
        let subnet = cloud.subnet(&vpc, "10.0.1.0/24");
        let id = attach(&mut cloud, &gateway, &vpc, &[&subnet]);
        cloud.settle();
        id
    };
    let mut attachments: Vec<String> = (0..4).map(|_| attach_one_more()).collect();
    assert!(!attachments.is_sorted(), "their ids say nothing of their ages: {attachments:?}");
    while let Some(oldest) = attachments.first() {
        let told: Vec<String> =
            table(&cloud, &default).propagations.iter().map(ToString::to_string).collect();
        assert_eq!(told, attachments);
        assert_eq!(shown(&mut cloud, &default, "10.0.0.0/16"), std::slice::from_ref(oldest));
        cloud.ok::<op::DeleteTransitGatewayVpcAttachment>(input!(DeleteTransitGatewayVpcAttachmentRequest {
            transit_gateway_attachment_id: oldest.as_str()
        }));
        cloud.settle();
        attachments.remove(0);
    }
    cloud.check();
}

#[test]
fn a_gateway_is_there_from_when_it_is_available() {
    let mut cloud = Cloud::with_realistic_timing();
    let made = cloud.ok::<op::CreateTransitGateway>(input!(CreateTransitGatewayRequest {}));
    let made = made.transit_gateway.unwrap();
    let id = made.transit_gateway_id.unwrap();
    cloud.wait(119_999);
    assert_eq!(cloud.told::<TransitGatewayId>(&id), None);
    cloud.wait(1);
    let referencing = |cloud: &Cloud| match cloud.told::<TransitGatewayId>(&id) {
        Some(Object::TransitGateway(told)) => told.security_group_referencing,
        other => panic!("{other:?}"),
    };
    assert!(!referencing(&cloud));
    let mut input = input!(ModifyTransitGatewayRequest { transit_gateway_id: id.as_str() });
    input.options = Some(api::ModifyTransitGatewayOptions {
        security_group_referencing_support: Some("enable".to_owned()),
        ..Default::default()
    });
    cloud.ok::<op::ModifyTransitGateway>(input);
    assert!(referencing(&cloud));
    cloud.settle();
    cloud.ok::<op::DeleteTransitGateway>(input!(DeleteTransitGatewayRequest {
        transit_gateway_id: id.as_str()
    }));
    assert_eq!(cloud.told::<TransitGatewayId>(&id), None);
    cloud.check();
}

#[test]
fn a_vpc_is_attached_with_its_subnets_and_tables() {
    let mut cloud = Cloud::with_realistic_timing();
    let (gateway, default) = gateway(&mut cloud);
    let vpc = cloud.vpc("10.0.0.0/16");
    let one = cloud.subnet_in(&vpc, "10.0.1.0/24", "a");
    let two = cloud.subnet_in(&vpc, "10.0.2.0/24", "b");
    let id = attach(&mut cloud, &gateway, &vpc, &[&one, &two]);
    cloud.wait(59_999);
    assert_eq!(attachment(&cloud, &id), None);
    cloud.wait(1);
    let told = attachment(&cloud, &id).unwrap();
    let AttachedNetwork::Vpc(attached) = &told.target else { panic!("{told:?}") };
    assert_eq!((told.gateway.to_string(), attached.vpc.to_string()), (gateway.clone(), vpc.clone()));
    assert_eq!(
        (attached.ipv6, attached.appliance_mode, attached.security_group_referencing),
        (false, true, true)
    );
    let subnets: Vec<String> = attached.subnets.iter().map(|held| held.subnet.to_string()).collect();
    assert_eq!(subnets, [one.clone(), two.clone()]);
    for held in &attached.subnets {
        let Some(Object::Interface(interface)) = cloud.object(held.interface.into()) else { panic!() };
        assert_eq!((interface.subnet, interface.role), (held.subnet, InterfaceRole::TransitGateway));
    }
    assert_eq!(association(&cloud, &id), Some(default.clone()));
    assert_eq!(table(&cloud, &default).propagations, [parsed::<TransitGatewayAttachmentId>(&id)]);
    cloud.check();

    // It stays while it is modified, and without a subnet that goes.
    cloud.ok::<op::ModifyTransitGatewayVpcAttachment>(input!(ModifyTransitGatewayVpcAttachmentRequest {
        transit_gateway_attachment_id: id.as_str(),
        remove_subnet_ids: [one.as_str()],
    }));
    let AttachedNetwork::Vpc(attached) = &attachment(&cloud, &id).unwrap().target else { panic!() };
    assert_eq!(attached.subnets.len(), 1);
    cloud.settle();

    // The association ends, and another begins, at their times.
    let (default_table, attachment_id) = (default.as_str(), id.as_str());
    cloud.ok::<op::DisassociateTransitGatewayRouteTable>(input!(
        DisassociateTransitGatewayRouteTableRequest {
            transit_gateway_route_table_id: default_table,
            transit_gateway_attachment_id: attachment_id,
        }
    ));
    assert_eq!(association(&cloud, &id), Some(default.clone()));
    cloud.wait(60_000);
    assert_eq!(association(&cloud, &id), None);
    let made =
        cloud.ok::<op::CreateTransitGatewayRouteTable>(input!(CreateTransitGatewayRouteTableRequest {
            transit_gateway_id: gateway.as_str()
        }));
    let own = made.transit_gateway_route_table.unwrap().transit_gateway_route_table_id.unwrap();
    assert_eq!(cloud.told::<TransitGatewayRouteTableId>(&own), None);
    cloud.settle();
    cloud.ok::<op::AssociateTransitGatewayRouteTable>(input!(AssociateTransitGatewayRouteTableRequest {
        transit_gateway_route_table_id: own.as_str(),
        transit_gateway_attachment_id: attachment_id,
    }));
    assert_eq!(association(&cloud, &id), None);
    cloud.wait(60_000);
    assert_eq!(association(&cloud, &id), Some(own.clone()));
    cloud.ok::<op::EnableTransitGatewayRouteTablePropagation>(input!(
        EnableTransitGatewayRouteTablePropagationRequest {
            transit_gateway_route_table_id: own.as_str(),
            transit_gateway_attachment_id: attachment_id,
        }
    ));
    cloud.ok::<op::DisableTransitGatewayRouteTablePropagation>(input!(
        DisableTransitGatewayRouteTablePropagationRequest {
            transit_gateway_route_table_id: default_table,
            transit_gateway_attachment_id: attachment_id,
        }
    ));
    assert!(table(&cloud, &default).propagations.is_empty());
    assert_eq!(table(&cloud, &own).propagations, [parsed::<TransitGatewayAttachmentId>(&id)]);
    cloud.check();

    cloud.ok::<op::DeleteTransitGatewayVpcAttachment>(input!(DeleteTransitGatewayVpcAttachmentRequest {
        transit_gateway_attachment_id: attachment_id
    }));
    assert_eq!(attachment(&cloud, &id), None);
    assert!(table(&cloud, &own).propagations.is_empty());
    cloud.check();
    cloud.settle();
    cloud.check();
}

#[test]
fn a_table_has_static_routes_and_those_of_prefix_lists() {
    let mut cloud = Cloud::with_realistic_timing();
    let (gateway, default) = gateway(&mut cloud);
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.1.0/24");
    let id = attach(&mut cloud, &gateway, &vpc, &[&subnet]);
    cloud.settle();
    let entry = |cidr: &str| api::AddPrefixListEntry { cidr: cidr.to_owned(), description: None };
    let mut input = input!(CreateManagedPrefixListRequest {
        prefix_list_name: "l",
        address_family: "IPv4",
        max_entries: 5
    });
    input.entries = Some(vec![entry("10.8.0.0/16"), entry("10.9.0.0/16")]);
    let list = cloud.ok::<op::CreateManagedPrefixList>(input).prefix_list.unwrap().prefix_list_id.unwrap();
    cloud.settle();
    cloud.ok::<op::CreateTransitGatewayPrefixListReference>(input!(
        CreateTransitGatewayPrefixListReferenceRequest {
            transit_gateway_route_table_id: default.as_str(),
            prefix_list_id: list.as_str(),
            transit_gateway_attachment_id: id.as_str(),
        }
    ));
    let of_list = |block: &str| format!("{block} true {id}");
    assert_eq!(routes(&cloud, &default), [of_list("10.8.0.0/16"), of_list("10.9.0.0/16")]);
    for (block, attachment) in [("10.9.0.0/16", None), ("0.0.0.0/0", Some(id.as_str()))] {
        let mut input = input!(CreateTransitGatewayRouteRequest {
            transit_gateway_route_table_id: default.as_str(),
            destination_cidr_block: block,
        });
        input.blackhole = Some(attachment.is_none());
        input.transit_gateway_attachment_id = attachment.map(str::to_owned);
        cloud.ok::<op::CreateTransitGatewayRoute>(input);
    }
    let mut of_table = ["10.9.0.0/16 false nowhere".to_owned(), format!("0.0.0.0/0 false {id}")];
    of_table.sort();
    let sorted = |cloud: &Cloud| {
        let mut shown = routes(cloud, &default);
        shown.sort();
        shown
    };
    assert_eq!(sorted(&cloud), [of_table[0].clone(), of_list("10.8.0.0/16"), of_table[1].clone()]);

    let mut input = input!(ModifyManagedPrefixListRequest { prefix_list_id: list.as_str() });
    input.current_version = Some(1);
    input.add_entries = Some(vec![entry("10.7.0.0/16")]);
    cloud.ok::<op::ModifyManagedPrefixList>(input);
    let expected = [of_table[0].clone(), of_list("10.7.0.0/16"), of_list("10.8.0.0/16"), of_table[1].clone()];
    assert_eq!(sorted(&cloud), expected);
    assert_eq!(cloud.last_ids(), [parsed::<TransitGatewayRouteTableId>(&default).into()]);
    cloud.check();
}

#[test]
fn vpns_and_connect_attachments_are_attached_too() {
    let mut cloud = Cloud::with_realistic_timing();
    let (gateway, _) = gateway(&mut cloud);
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.1.0/24");
    let transport = attach(&mut cloud, &gateway, &vpc, &[&subnet]);
    cloud.settle();
    let mut input = input!(CreateTransitGatewayConnectRequest {
        transport_transit_gateway_attachment_id: transport.as_str()
    });
    input.options.protocol = "gre".to_owned();
    let made = cloud.ok::<op::CreateTransitGatewayConnect>(input).transit_gateway_connect.unwrap();
    let connect = made.transit_gateway_attachment_id.unwrap();
    let customer = input!(CreateCustomerGatewayRequest { r#type: "ipsec.1", ip_address: "203.0.113.1" });
    let made = cloud.ok::<op::CreateCustomerGateway>(customer).customer_gateway.unwrap();
    let customer = made.customer_gateway_id.unwrap();
    let input = input!(CreateVpnConnectionRequest {
        customer_gateway_id: customer.as_str(),
        transit_gateway_id: gateway.as_str(),
        r#type: "ipsec.1",
    });
    cloud.ok::<op::CreateVpnConnection>(input);
    let of_kind = |cloud: &Cloud, wanted: &AttachedNetwork| {
        let mut all = cloud.objects();
        all.any(|object| matches!(object, Object::TransitGatewayAttachment(told) if told.target == *wanted))
    };
    assert!(!of_kind(&cloud, &AttachedNetwork::Connect) && !of_kind(&cloud, &AttachedNetwork::Vpn));
    cloud.settle();
    assert!(of_kind(&cloud, &AttachedNetwork::Connect) && of_kind(&cloud, &AttachedNetwork::Vpn));
    assert_eq!(attachment(&cloud, &connect).unwrap().target, AttachedNetwork::Connect);
    cloud.check();
}

#[test]
fn another_accounts_vpc_is_attached_once_when_that_is_accepted() {
    let mut cloud = Cloud::with_realistic_timing();
    let (gateway, default) = gateway(&mut cloud);
    cloud.share_all();
    cloud.account = OTHER;
    let vpc = cloud.vpc("10.5.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.5.1.0/24");
    let id = attach(&mut cloud, &gateway, &vpc, &[&subnet]);
    cloud.settle();
    assert_eq!(attachment(&cloud, &id), None);
    cloud.account = OWNER;
    cloud.ok::<op::AcceptTransitGatewayVpcAttachment>(input!(AcceptTransitGatewayVpcAttachmentRequest {
        transit_gateway_attachment_id: id.as_str()
    }));
    cloud.settle();
    let told = attachment(&cloud, &id).unwrap();
    assert!(matches!(&told.target, AttachedNetwork::Vpc(attached) if attached.vpc.to_string() == vpc));
    assert_eq!(association(&cloud, &id), Some(default.clone()));
    assert_eq!(table(&cloud, &default).propagations, [parsed::<TransitGatewayAttachmentId>(&id)]);
    cloud.check();

    cloud.account = OTHER;
    let main = cloud.table(&vpc);
    cloud.ok::<op::CreateRoute>(input!(CreateRouteRequest {
        route_table_id: main.as_str(),
        destination_cidr_block: "10.0.0.0/8",
        transit_gateway_id: gateway.as_str(),
    }));
    assert_eq!(cloud.routes(&main), [format!("10.0.0.0/8 Static TransitGateway({gateway})")]);
    cloud.ok::<op::DeleteTransitGatewayVpcAttachment>(input!(DeleteTransitGatewayVpcAttachmentRequest {
        transit_gateway_attachment_id: id.as_str()
    }));
    assert_eq!(attachment(&cloud, &id), None);
    cloud.check();
}

#[test]
fn a_peering_is_one_of_both_sides() {
    for (account, region) in [(OTHER, "us-east-1"), (OWNER, "eu-west-1")] {
        let mut cloud = Cloud::with_realistic_timing();
        let (ours, our_table) = gateway(&mut cloud);
        (cloud.account, cloud.region) = (account, region);
        let (theirs, their_table) = gateway(&mut cloud);
        (cloud.account, cloud.region) = (OWNER, "us-east-1");
        let input = input!(CreateTransitGatewayPeeringAttachmentRequest {
            transit_gateway_id: ours.as_str(),
            peer_transit_gateway_id: theirs.as_str(),
            peer_account_id: account,
            peer_region: region,
        });
        let made = cloud.ok::<op::CreateTransitGatewayPeeringAttachment>(input);
        let id = made.transit_gateway_peering_attachment.unwrap().transit_gateway_attachment_id.unwrap();
        cloud.settle();
        assert_eq!(peering(&cloud, &id), None);
        (cloud.account, cloud.region) = (account, region);
        cloud.ok::<op::AcceptTransitGatewayPeeringAttachment>(input!(
            AcceptTransitGatewayPeeringAttachmentRequest { transit_gateway_attachment_id: id.as_str() }
        ));
        cloud.wait(59_999);
        assert_eq!(peering(&cloud, &id), None);
        cloud.wait(1);
        let side = |gateway: &str, table: Option<&str>| PeeringSide {
            gateway: parsed(gateway),
            association: table.map(parsed),
        };
        let both = [side(&ours, Some(&our_table)), side(&theirs, Some(&their_table))];
        assert_eq!(peering(&cloud, &id).unwrap().sides, both);
        assert_eq!(attachment(&cloud, &id), None);
        cloud.check();
        // Each side has its own table for what comes over it.
        cloud.ok::<op::DisassociateTransitGatewayRouteTable>(input!(
            DisassociateTransitGatewayRouteTableRequest {
                transit_gateway_route_table_id: their_table.as_str(),
                transit_gateway_attachment_id: id.as_str(),
            }
        ));
        cloud.settle();
        let both = [side(&ours, Some(&our_table)), side(&theirs, None)];
        assert_eq!(peering(&cloud, &id).unwrap().sides, both);
        cloud.ok::<op::DeleteTransitGatewayPeeringAttachment>(input!(
            DeleteTransitGatewayPeeringAttachmentRequest { transit_gateway_attachment_id: id.as_str() }
        ));
        assert_eq!(peering(&cloud, &id), None);
        cloud.check();
        cloud.settle();
        cloud.check();
    }
}
