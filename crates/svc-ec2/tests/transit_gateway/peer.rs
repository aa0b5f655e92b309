//! Gateways that are peered, and appliances that connect.

use super::{DONE, attached, create, default_table, detach, gateway, search};
use crate::cloud::{Cloud, api, filters, input, op, tagged};

#[test]
fn gateways_of_two_accounts_are_peered() {
    let cloud = Cloud::new();
    let other = cloud.seen_by("210987654321", "us-west-2");
    let (ours, theirs) = (gateway(&cloud), gateway(&other));
    let request = || {
        input!(CreateTransitGatewayPeeringAttachmentRequest {
            transit_gateway_id: &ours,
            peer_transit_gateway_id: &theirs,
            peer_account_id: "210987654321",
            peer_region: "us-west-2",
            tag_specifications: tagged("transit-gateway-attachment", &[("a", "b")])
        })
    };
    let found = |cloud: &Cloud, all: &[(&str, &[&str])]| {
        let input = input!(DescribeTransitGatewayPeeringAttachmentsRequest { filters: filters(all) });
        let found = cloud.ok::<op::DescribeTransitGatewayPeeringAttachments>(input);
        let found = found.transit_gateway_peering_attachments.unwrap();
        found.into_iter().map(|held| held.state.unwrap()).collect::<Vec<_>>()
    };
    let nowhere = api::CreateTransitGatewayPeeringAttachmentRequest {
        peer_region: "nowhere-1".to_owned(),
        ..request()
    };
    cloud.refuses::<op::CreateTransitGatewayPeeringAttachment>(nowhere, "InvalidParameterValue", "…");
    let here = api::CreateTransitGatewayPeeringAttachmentRequest {
        peer_account_id: "123456789012".to_owned(),
        peer_region: "us-east-1".to_owned(),
        ..request()
    };
    cloud.refuses::<op::CreateTransitGatewayPeeringAttachment>(here, "UnsupportedOperation", "…");
    let peer = |cloud: &Cloud| {
        let made = cloud.ok::<op::CreateTransitGatewayPeeringAttachment>(request());
        let made = made.transit_gateway_peering_attachment.unwrap();
        assert_eq!((made.state.as_deref(), made.options), (Some("initiatingRequest"), None));
        cloud.wait(DONE);
        made.transit_gateway_attachment_id.unwrap()
    };
    let id = peer(&cloud);
    assert_eq!(
        (found(&cloud, &[]), found(&other, &[])),
        (vec!["pendingAcceptance".to_owned()], vec!["pendingAcceptance".to_owned()])
    );
    let accept = input!(AcceptTransitGatewayPeeringAttachmentRequest { transit_gateway_attachment_id: &id });
    let reject = input!(RejectTransitGatewayPeeringAttachmentRequest { transit_gateway_attachment_id: &id });
    cloud.refuses::<op::AcceptTransitGatewayPeeringAttachment>(accept, "OperationNotPermitted", "…");
    other.ok::<op::RejectTransitGatewayPeeringAttachment>(reject);
    assert_eq!(found(&cloud, &[]), ["rejecting"]);
    cloud.wait(DONE);
    assert_eq!(found(&cloud, &[("state", &["rejected"])]).len(), 1);

    // Options are shown where some were given.
    let options = input!(CreateTransitGatewayPeeringAttachmentRequestOptions { dynamic_routing: "disable" });
    let given = api::CreateTransitGatewayPeeringAttachmentRequest { options: Some(options), ..request() };
    let made = cloud.ok::<op::CreateTransitGatewayPeeringAttachment>(given);
    let made = made.transit_gateway_peering_attachment.unwrap();
    assert_eq!(made.options.unwrap().dynamic_routing.as_deref(), Some("disable"));
    cloud.wait(DONE);
    let id = made.transit_gateway_attachment_id.unwrap();
    let reject = input!(RejectTransitGatewayPeeringAttachmentRequest { transit_gateway_attachment_id: &id });
    let rejected = other.ok::<op::RejectTransitGatewayPeeringAttachment>(reject);
    assert!(rejected.transit_gateway_peering_attachment.unwrap().options.is_some());
    cloud.wait(DONE);

    let id = peer(&cloud);
    let accept = input!(AcceptTransitGatewayPeeringAttachmentRequest { transit_gateway_attachment_id: &id });
    other.ok::<op::AcceptTransitGatewayPeeringAttachment>(accept.clone());
    cloud.wait(DONE);
    other.refuses::<op::AcceptTransitGatewayPeeringAttachment>(accept, "IncorrectState", "…");
    for (name, value) in [
        ("local-owner-id", "123456789012"),
        ("remote-owner-id", "210987654321"),
        ("transit-gateway-attachment-id", &id),
        ("transit-gateway-id", &ours),
        ("tag:a", "b"),
    ] {
        let all: [(&str, &[&str]); 2] = [(name, &[value]), ("state", &["available"])];
        assert_eq!(
            (found(&cloud, &all).len(), found(&other, &all).len()),
            (1, usize::from(value == id)),
            "{name}"
        );
    }
    let enable = input!(EnableTransitGatewayRouteTablePropagationRequest {
        transit_gateway_route_table_id: default_table(&cloud, &ours),
        transit_gateway_attachment_id: &id
    });
    cloud.refuses::<op::EnableTransitGatewayRouteTablePropagation>(enable, "UnsupportedOperation", "…");
    for (side, gateway) in [(&cloud, &ours), (&other, &theirs)] {
        let table = default_table(side, gateway);
        let route = input!(CreateTransitGatewayRouteRequest {
            destination_cidr_block: "10.0.0.0/8",
            transit_gateway_route_table_id: &table,
            transit_gateway_attachment_id: &id
        });
        side.ok::<op::CreateTransitGatewayRoute>(route);
        assert_eq!(search(side, &table, &[("state", &["active"])]).len(), 1);
        let delete = input!(DeleteTransitGatewayRequest { transit_gateway_id: gateway });
        side.refuses::<op::DeleteTransitGateway>(delete, "IncorrectState", "…");
    }
    let delete = input!(DeleteTransitGatewayPeeringAttachmentRequest { transit_gateway_attachment_id: &id });
    other.ok::<op::DeleteTransitGatewayPeeringAttachment>(delete);
    cloud.wait(DONE);
    assert_eq!(found(&cloud, &[("state", &["deleted"])]).len(), 1);
    assert_eq!(search(&cloud, &default_table(&cloud, &ours), &[("state", &["blackhole"])]).len(), 1);
}

#[test]
fn appliances_connect() {
    let cloud = Cloud::new();
    let options = input!(TransitGatewayRequestOptions { transit_gateway_cidr_blocks: ["10.99.0.0/24"] });
    let gateway = create(&cloud, input!(CreateTransitGatewayRequest { options }));
    let (_, _, transport) = attached(&cloud, &gateway, "10.1.0.0/16", "10.1.0.0/24");
    let request = |protocol: &str| {
        let options = input!(CreateTransitGatewayConnectRequestOptions { protocol });
        input!(CreateTransitGatewayConnectRequest {
            transport_transit_gateway_attachment_id: &transport,
            options
        })
    };
    cloud.refuses::<op::CreateTransitGatewayConnect>(request("esp"), "InvalidParameterValue", "…");
    let made = cloud.ok::<op::CreateTransitGatewayConnect>(request("gre")).transit_gateway_connect.unwrap();
    assert_eq!(made.state.as_deref(), Some("pending"));
    cloud.wait(DONE);
    let connect = made.transit_gateway_attachment_id.unwrap();
    for (name, value) in [
        ("options.protocol", "gre"),
        ("state", "available"),
        ("transit-gateway-attachment-id", &*connect),
        ("transit-gateway-id", &gateway),
        ("transport-transit-gateway-attachment-id", &transport),
    ] {
        for (value, count) in [(value, 1), ("other", 0)] {
            let filters = filters(&[(name, &[value])]);
            let input = input!(DescribeTransitGatewayConnectsRequest { filters });
            let found = cloud.ok::<op::DescribeTransitGatewayConnects>(input);
            assert_eq!(found.transit_gateway_connects.unwrap().len(), count, "{name}");
        }
    }
    cloud.refuses::<op::DeleteTransitGatewayVpcAttachment>(detach(&transport), "IncorrectState", "…");
    let peer = |inside: &[&str], address: Option<&str>| api::CreateTransitGatewayConnectPeerRequest {
        transit_gateway_attachment_id: connect.clone(),
        transit_gateway_address: address.map(str::to_owned),
        peer_address: "10.1.0.10".to_owned(),
        inside_cidr_blocks: inside.iter().map(|block| (*block).to_owned()).collect(),
        ..Default::default()
    };
    let inside = "169.254.6.0/29";
    for (inside, address) in [
        (&["10.0.0.0/29"][..], None),
        (&["169.254.6.0/28"], None),
        (&["169.254.1.0/29"], None),
        (&[inside, "2600::/125"], None),
        (&[inside], Some("10.98.0.1")),
    ] {
        let input = peer(inside, address);
        cloud.refuses::<op::CreateTransitGatewayConnectPeer>(input, "InvalidParameterValue", "…");
    }
    for asn in [0, 65535, 4_294_967_295] {
        let bgp_options = Some(api::TransitGatewayConnectRequestBgpOptions { peer_asn: Some(asn) });
        let input = api::CreateTransitGatewayConnectPeerRequest { bgp_options, ..peer(&[inside], None) };
        let message = format!("Value ({asn}) for parameter peerAsn is invalid. This is not a valid ASN.");
        cloud.refuses::<op::CreateTransitGatewayConnectPeer>(input, "InvalidParameterValue", &message);
    }
    cloud.refuses::<op::CreateTransitGatewayConnectPeer>(peer(&[], None), "MissingParameter", "…");
    let made = cloud.ok::<op::CreateTransitGatewayConnectPeer>(peer(&[inside, "fd00::/125"], None));
    let made = made.transit_gateway_connect_peer.unwrap();
    assert_eq!(made.state.as_deref(), Some("pending"));
    let id = made.transit_gateway_connect_peer_id.unwrap();
    let held = made.connect_peer_configuration.unwrap();
    assert_eq!(held.transit_gateway_address.as_deref(), Some("10.99.0.1"));
    let sessions = held.bgp_configurations.unwrap();
    let ends = |session: &api::TransitGatewayAttachmentBgpConfiguration| {
        (session.peer_address.clone().unwrap(), session.transit_gateway_address.clone().unwrap())
    };
    let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    assert_eq!(
        sessions.iter().map(ends).collect::<Vec<_>>(),
        [
            pair("169.254.6.1", "169.254.6.2"),
            pair("169.254.6.1", "169.254.6.3"),
            pair("fd00::1", "fd00::2"),
            pair("fd00::1", "fd00::3"),
        ]
    );
    cloud.refuses::<op::CreateTransitGatewayConnectPeer>(peer(&[inside], None), "InvalidParameterValue", "…");
    cloud.wait(DONE);
    for (name, value) in [
        ("state", "available"),
        ("transit-gateway-attachment-id", &*connect),
        ("transit-gateway-connect-peer-id", &id),
    ] {
        for (value, count) in [(value, 1), ("other", 0)] {
            let filters = filters(&[(name, &[value])]);
            let input = input!(DescribeTransitGatewayConnectPeersRequest { filters });
            let found = cloud.ok::<op::DescribeTransitGatewayConnectPeers>(input);
            assert_eq!(found.transit_gateway_connect_peers.unwrap().len(), count, "{name}");
        }
    }
    let change = input!(ModifyTransitGatewayOptions { remove_transit_gateway_cidr_blocks: ["10.99.0.0/24"] });
    let change = input!(ModifyTransitGatewayRequest { transit_gateway_id: &gateway, options: change });
    cloud.refuses::<op::ModifyTransitGateway>(change, "IncorrectState", "…");
    let delete = input!(DeleteTransitGatewayConnectRequest { transit_gateway_attachment_id: &connect });
    cloud.refuses::<op::DeleteTransitGatewayConnect>(delete.clone(), "IncorrectState", "…");
    let delete_peer = input!(DeleteTransitGatewayConnectPeerRequest { transit_gateway_connect_peer_id: &id });
    cloud.ok::<op::DeleteTransitGatewayConnectPeer>(delete_peer);
    cloud.ok::<op::DeleteTransitGatewayConnect>(delete);
    cloud.ok::<op::DeleteTransitGatewayVpcAttachment>(detach(&transport));
}
