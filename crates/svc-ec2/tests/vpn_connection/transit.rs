//! VPN connections on transit gateways.

use super::{create, customer, delete, described, found, made, request, route, tunnels, with_tunnel};
use crate::cloud::{Cloud, api, filters, input, op};
use crate::transit_gateway::{default_table, gateway, new_table, search};
use crate::vpn_gateway;

fn on(customer: &str, gateway: &str) -> api::CreateVpnConnectionRequest {
    api::CreateVpnConnectionRequest {
        vpn_gateway_id: None,
        transit_gateway_id: Some(gateway.to_owned()),
        ..request(customer, "", true)
    }
}

/// The attachments of a connection, the newest gateway's and those that are shown for a while.
fn attachments(cloud: &Cloud, connection: &str) -> Vec<api::TransitGatewayAttachment> {
    let filters = filters(&[("resource-type", &["vpn"]), ("resource-id", &[connection])]);
    let input = input!(DescribeTransitGatewayAttachmentsRequest { filters });
    cloud.ok::<op::DescribeTransitGatewayAttachments>(input).transit_gateway_attachments.unwrap()
}

fn move_to(id: &str, gateway: &str) -> api::ModifyVpnConnectionRequest {
    input!(ModifyVpnConnectionRequest { vpn_connection_id: id, transit_gateway_id: gateway })
}

#[test]
fn a_connection_is_an_attachment() {
    let cloud = Cloud::new();
    let (customer, hub) = (customer(&cloud, "203.0.113.1"), gateway(&cloud));
    let dry = api::CreateVpnConnectionRequest { dry_run: Some(true), ..on(&customer, &hub) };
    cloud.refuses::<op::CreateVpnConnection>(dry, "DryRunOperation", "…");
    let connection = create(&cloud, on(&customer, &hub));
    let id = connection.vpn_connection_id.clone().unwrap();
    assert_eq!((connection.transit_gateway_id.as_ref(), connection.vpn_gateway_id), (Some(&hub), None));
    let document = connection.customer_gateway_configuration.unwrap();
    assert!(document.contains("<vpn_gateway_id></vpn_gateway_id>"), "{document}");
    assert!(document.contains("<asn>64512</asn>"), "{document}");
    let table = default_table(&cloud, &hub);
    let held = attachments(&cloud, &id).remove(0);
    let association = held.association.unwrap();
    assert_eq!((held.state.as_deref(), association.state.as_deref()), (Some("pending"), Some("associating")));
    assert_eq!(association.transit_gateway_route_table_id.as_ref(), Some(&table));
    assert_eq!(held.resource_owner_id.as_deref(), Some("123456789012"));
    let attachment = held.transit_gateway_attachment_id.unwrap();
    let early = input!(CreateTransitGatewayRouteRequest {
        transit_gateway_route_table_id: &table,
        transit_gateway_attachment_id: &attachment,
        destination_cidr_block: "192.168.0.0/16"
    });
    cloud.refuses::<op::CreateTransitGatewayRoute>(early.clone(), "IncorrectState", "…");
    cloud.wait(100);
    assert_eq!(described(&cloud, &id).state.as_deref(), Some("available"));
    assert_eq!(attachments(&cloud, &id)[0].state.as_deref(), Some("available"));
    for (name, value, count) in
        [("transit-gateway-id", &*hub, 1), ("transit-gateway-id", "tgw-x", 0), ("vpn-gateway-id", "*", 0)]
    {
        assert_eq!(found(&cloud, &[(name, &[value])]).len(), count, "{name}");
    }
    let propagations =
        input!(GetTransitGatewayRouteTablePropagationsRequest { transit_gateway_route_table_id: &table });
    let propagations = cloud.ok::<op::GetTransitGatewayRouteTablePropagations>(propagations);
    let propagations = propagations.transit_gateway_route_table_propagations.unwrap();
    assert_eq!(propagations[0].resource_id.as_ref(), Some(&id));
    assert_eq!(propagations[0].resource_type.as_deref(), Some("vpn"));

    // Static routes to it are those of the table.
    let by_kind = [("attachment.resource-type", &["vpn"][..])];
    assert!(search(&cloud, &table, &by_kind).is_empty());
    let made = cloud.ok::<op::CreateTransitGatewayRoute>(early).route.unwrap();
    let reached = made.transit_gateway_attachments.unwrap().remove(0);
    assert_eq!((reached.resource_id.as_ref(), reached.resource_type.as_deref()), (Some(&id), Some("vpn")));
    assert_eq!(search(&cloud, &table, &by_kind), ["192.168.0.0/16 static active"]);
    let message = format!("The VPN connection {id} is on {hub}: static routes…");
    let own = route(&id, "192.168.0.0/16");
    cloud.refuses::<op::CreateVpnConnectionRoute>(own, "InvalidParameterValue", &message);
    // The attachment is no VPC's, and goes with its connection alone.
    let other_kind =
        input!(DeleteTransitGatewayVpcAttachmentRequest { transit_gateway_attachment_id: &attachment });
    let code = "InvalidTransitGatewayAttachmentID.NotFound";
    cloud.refuses::<op::DeleteTransitGatewayVpcAttachment>(other_kind, code, "…");

    let delete_hub = || input!(DeleteTransitGatewayRequest { transit_gateway_id: &hub });
    let message = format!("{hub} has non-deleted VPN Attachments: {attachment}.");
    cloud.refuses::<op::DeleteTransitGateway>(delete_hub(), "IncorrectState", &message);
    let in_use = input!(DeleteCustomerGatewayRequest { customer_gateway_id: &customer });
    cloud.refuses::<op::DeleteCustomerGateway>(in_use, "IncorrectState", "…");
    cloud.ok::<op::DeleteVpnConnection>(delete(&id));
    assert_eq!(attachments(&cloud, &id)[0].state.as_deref(), Some("deleting"));
    let to_all = [("type", &["static"][..])];
    assert_eq!(search(&cloud, &table, &to_all), ["192.168.0.0/16 static blackhole"]);
    cloud.refuses::<op::DeleteTransitGateway>(delete_hub(), "IncorrectState", &message);
    cloud.wait(100);
    assert_eq!(attachments(&cloud, &id)[0].state.as_deref(), Some("deleted"));
    cloud.ok::<op::DeleteTransitGateway>(delete_hub());
    assert_eq!(described(&cloud, &id).transit_gateway_id.as_ref(), Some(&hub));
    cloud.wait(3_600_000);
    assert!(attachments(&cloud, &id).is_empty());
}

#[test]
fn an_attachment_is_associated_with_another_table() {
    let cloud = Cloud::new();
    let (customer, hub) = (customer(&cloud, "203.0.113.1"), gateway(&cloud));
    let id = create(&cloud, on(&customer, &hub)).vpn_connection_id.unwrap();
    cloud.wait(100);
    let attachment = attachments(&cloud, &id).remove(0).transit_gateway_attachment_id.unwrap();
    let (table, other) = (default_table(&cloud, &hub), new_table(&cloud, &hub));
    cloud.ok::<op::DisassociateTransitGatewayRouteTable>(input!(
        DisassociateTransitGatewayRouteTableRequest {
            transit_gateway_route_table_id: &table,
            transit_gateway_attachment_id: &attachment
        }
    ));
    cloud.wait(100);
    assert_eq!(attachments(&cloud, &id)[0].association, None);
    cloud.ok::<op::AssociateTransitGatewayRouteTable>(input!(AssociateTransitGatewayRouteTableRequest {
        transit_gateway_route_table_id: &other,
        transit_gateway_attachment_id: &attachment
    }));
    cloud.ok::<op::EnableTransitGatewayRouteTablePropagation>(input!(
        EnableTransitGatewayRouteTablePropagationRequest {
            transit_gateway_route_table_id: &other,
            transit_gateway_attachment_id: &attachment
        }
    ));
    let held = attachments(&cloud, &id).remove(0).association.unwrap();
    assert_eq!(held.transit_gateway_route_table_id, Some(other));
    let tags = crate::cloud::tags(&[("Name", "office")]);
    cloud.ok::<op::CreateTags>(input!(CreateTagsRequest { resources: [&attachment], tags }));
    assert_eq!(attachments(&cloud, &id)[0].tags.as_ref().unwrap().len(), 1);
}

#[test]
fn several_connections_share_the_load() {
    let cloud = Cloud::without_quotas();
    let (customer, hub) = (customer(&cloud, "203.0.113.1"), gateway(&cloud));
    let block = || api::VpnTunnelOptionsSpecification {
        tunnel_inside_cidr: Some("169.254.10.0/30".to_owned()),
        ..Default::default()
    };
    let first = create(&cloud, with_tunnel(on(&customer, &hub), block()));
    let second = create(&cloud, on(&customer, &hub));
    assert_ne!(first.vpn_connection_id, second.vpn_connection_id);
    // The blocks inside of tunnels are a gateway's own.
    let again = with_tunnel(on(&customer, &hub), block());
    cloud.refuses::<op::CreateVpnConnection>(again, "InvalidParameterValue", "…");
    let elsewhere = create(&cloud, with_tunnel(on(&customer, &gateway(&cloud)), block()));
    assert_eq!(tunnels(&elsewhere)[0].tunnel_inside_cidr.as_deref(), Some("169.254.10.0/30"));
    cloud.wait(100);
    let moved = move_to(elsewhere.vpn_connection_id.as_ref().unwrap(), &hub);
    let message = "The gateway has another VPN connection, with a tunnel of the same inside CIDR block.";
    cloud.refuses::<op::ModifyVpnConnection>(moved, "InvalidParameterValue", message);
}

#[test]
fn a_connection_moves_between_gateways() {
    let cloud = Cloud::new();
    let (id, customer, private) = made(&cloud);
    let (one, other) = (gateway(&cloud), gateway(&cloud));
    cloud.ok::<op::CreateVpnConnectionRoute>(route(&id, "192.168.0.0/16"));
    cloud.wait(100);
    let message = format!("The VPN connection {id} has static routes, which have to be deleted…");
    cloud.refuses::<op::ModifyVpnConnection>(move_to(&id, &one), "InvalidParameterValue", &message);
    cloud.ok::<op::DeleteVpnConnectionRoute>(super::delete_route(&id, "192.168.0.0/16"));
    cloud.wait(100);
    let dry = api::ModifyVpnConnectionRequest { dry_run: Some(true), ..move_to(&id, &one) };
    cloud.refuses::<op::ModifyVpnConnection>(dry, "DryRunOperation", "…");
    let both =
        api::ModifyVpnConnectionRequest { vpn_gateway_id: Some(private.clone()), ..move_to(&id, &one) };
    let message = "The parameter transitGatewayId cannot be used with the parameter vpnGatewayId";
    cloud.refuses::<op::ModifyVpnConnection>(both, "InvalidParameterCombination", message);
    let unknown = move_to(&id, "tgw-0123456789abcdef0");
    cloud.refuses::<op::ModifyVpnConnection>(unknown, "InvalidTransitGatewayID.NotFound", "…");
    assert!(attachments(&cloud, &id).is_empty());

    let states = || {
        let mut states: Vec<_> = attachments(&cloud, &id)
            .into_iter()
            .map(|held| (held.transit_gateway_id.unwrap(), held.state.unwrap()))
            .collect();
        states.sort();
        states
    };
    let expected = |mut states: Vec<(&String, &str)>| {
        states.sort();
        states.into_iter().map(|(id, state)| (id.clone(), state.to_owned())).collect::<Vec<_>>()
    };
    let changed = cloud.ok::<op::ModifyVpnConnection>(move_to(&id, &one)).vpn_connection.unwrap();
    assert_eq!((changed.transit_gateway_id.as_ref(), changed.vpn_gateway_id), (Some(&one), None));
    assert_eq!(changed.state.as_deref(), Some("modifying"));
    assert_eq!(states(), expected(vec![(&one, "pending")]));
    // The virtual private gateway is free.
    cloud.ok::<op::DeleteVpnGateway>(input!(DeleteVpnGatewayRequest { vpn_gateway_id: &private }));
    cloud.wait(100);
    cloud.ok::<op::ModifyVpnConnection>(move_to(&id, &one));
    assert_eq!(states(), expected(vec![(&one, "available")]), "it is there already");
    cloud.wait(100);
    cloud.ok::<op::ModifyVpnConnection>(move_to(&id, &other));
    assert_eq!(states(), expected(vec![(&one, "deleting"), (&other, "pending")]));
    cloud.wait(100);
    assert_eq!(states(), expected(vec![(&one, "deleted"), (&other, "available")]));
    cloud.ok::<op::DeleteTransitGateway>(input!(DeleteTransitGatewayRequest { transit_gateway_id: &one }));
    let private = vpn_gateway::create(&cloud);
    let back = input!(ModifyVpnConnectionRequest { vpn_connection_id: &id, vpn_gateway_id: &private });
    let changed = cloud.ok::<op::ModifyVpnConnection>(back).vpn_connection.unwrap();
    assert_eq!((changed.transit_gateway_id, changed.vpn_gateway_id.as_ref()), (None, Some(&private)));
    cloud.wait(100);
    assert_eq!(states(), expected(vec![(&one, "deleted"), (&other, "deleted")]));
    cloud.ok::<op::CreateVpnConnectionRoute>(route(&id, "192.168.0.0/16"));

    // Acceleration stays with transit gateways.
    let mut fast = on(&customer, &other);
    fast.options.as_mut().unwrap().enable_acceleration = Some(true);
    let fast = create(&cloud, fast);
    assert_eq!(fast.options.unwrap().enable_acceleration, Some(true));
    cloud.wait(100);
    let id = fast.vpn_connection_id.unwrap();
    let back = input!(ModifyVpnConnectionRequest { vpn_connection_id: &id, vpn_gateway_id: &private });
    let message = format!("The VPN connection {id} is accelerated and cannot be moved…");
    cloud.refuses::<op::ModifyVpnConnection>(back, "InvalidParameterValue", &message);
}

#[test]
fn what_is_refused() {
    let cloud = Cloud::new();
    let customer = customer(&cloud, "203.0.113.1");
    let pending = cloud.ok::<op::CreateTransitGateway>(input!(CreateTransitGatewayRequest {}));
    let hub = pending.transit_gateway.unwrap().transit_gateway_id.unwrap();
    let refused = |input, code: &str| cloud.refuses::<op::CreateVpnConnection>(input, code, "…");
    refused(on(&customer, &hub), "IncorrectState");
    refused(on(&customer, "tgw-0123456789abcdef0"), "InvalidTransitGatewayID.NotFound");
    refused(on(&customer, "tgw-1"), "InvalidTransitGatewayID.Malformed");
    cloud.wait(1000);
    let options = |change: fn(&mut api::VpnConnectionOptionsSpecification)| {
        let mut request = on(&customer, &hub);
        change(request.options.as_mut().unwrap());
        request
    };
    let unsupported = "UnsupportedOperation";
    refused(options(|held| held.tunnel_inside_ip_version = Some("ipv6".to_owned())), unsupported);
    refused(options(|held| held.outside_ip_address_type = Some("PrivateIpv4".to_owned())), unsupported);
    refused(options(|held| held.local_ipv6_network_cidr = Some("::/0".to_owned())), unsupported);
    refused(options(|held| held.tunnel_bandwidth = Some("large".to_owned())), unsupported);
    assert!(found(&cloud, &[]).is_empty());
}
