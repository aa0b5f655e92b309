//! What an account that is closed for good had together with others.

use svc_ec2::Erasure;

use crate::byoip::{pool_of, provision, request_of};
use crate::cloud::{Cloud, api, filters, input, op};
use crate::vpc_endpoint::{
    create as create_endpoint, id as endpoint_id, state as endpoint_state, unsuccessful,
};
use crate::vpc_endpoint_service::{
    allow, create as create_service, delete as delete_service, endpoint, request as service_request,
    service_id,
};

const OTHER: &str = "210987654321";
/// Longer than any change takes.
const DONE: i64 = 1000;

/// Erases the account's part of its region, which has to wait for nothing.
fn erase(cloud: &Cloud) {
    for _ in 0..100 {
        match cloud.ec2.erase(&cloud.scope(), cloud.now()).unwrap() {
            Erasure::Going => {}
            Erasure::Ready => return,
            Erasure::Waiting => panic!("it waits"),
        }
    }
    panic!("it does not end");
}

fn accounts() -> (Cloud, Cloud) {
    let cloud = Cloud::without_quotas();
    let other = cloud.seen_by(OTHER, "us-east-1");
    (cloud, other)
}

fn gateway(cloud: &Cloud) -> String {
    let made = cloud.ok::<op::CreateTransitGateway>(input!(CreateTransitGatewayRequest {}));
    cloud.wait(DONE);
    made.transit_gateway.unwrap().transit_gateway_id.unwrap()
}

#[test]
fn who_uses_its_services_is_rejected_and_its_names_are_nobodys() {
    let (cloud, other) = accounts();
    let service = create_service(&cloud, service_request());
    allow(&cloud, &service_id(&service), &format!("arn:aws:iam::{OTHER}:root"));
    let vpc = other.vpc("10.5.0.0/16");
    let subnet = other.subnet(&vpc, "10.5.0.0/24");
    let wanted = api::CreateVpcEndpointRequest {
        subnet_ids: Some(vec![subnet]),
        ..endpoint(&vpc, &service, "Interface")
    };
    let used = endpoint_id(&create_endpoint(&other, wanted.clone()));
    assert_eq!(endpoint_state(&other, &used), "pendingAcceptance");
    erase(&cloud);
    assert_eq!(endpoint_state(&other, &used), "rejected");
    other.refuses::<op::CreateVpcEndpoint>(wanted, "InvalidServiceName", "…");
    let delete = input!(DeleteVpcEndpointsRequest { vpc_endpoint_ids: [&used] });
    assert_eq!(unsuccessful(other.ok::<op::DeleteVpcEndpoints>(delete).unsuccessful), []);
}

#[test]
fn it_uses_nobodys_services_any_more() {
    let (cloud, other) = accounts();
    let service = create_service(&cloud, service_request());
    allow(&cloud, &service_id(&service), &format!("arn:aws:iam::{OTHER}:root"));
    let vpc = other.vpc("10.5.0.0/16");
    let subnet = other.subnet(&vpc, "10.5.0.0/24");
    let wanted = api::CreateVpcEndpointRequest {
        subnet_ids: Some(vec![subnet]),
        ..endpoint(&vpc, &service, "Interface")
    };
    create_endpoint(&other, wanted);
    let connections = || {
        let all =
            cloud.ok::<op::DescribeVpcEndpointConnections>(input!(DescribeVpcEndpointConnectionsRequest {}));
        all.vpc_endpoint_connections.unwrap().len()
    };
    assert_eq!(connections(), 1);
    erase(&other);
    assert_eq!(connections(), 0);
    assert_eq!(delete_service(&cloud, &service_id(&service)), []);
}

#[test]
fn what_was_attached_to_its_gateways_or_peered_with_them_is_so_no_more() {
    let (cloud, other) = accounts();
    let (ours, theirs) = (gateway(&cloud), gateway(&other));
    cloud.share(&other, &[&format!("transit-gateway/{ours}")]);
    let vpc = other.vpc("10.5.0.0/16");
    let subnet = other.subnet(&vpc, "10.5.1.0/24");
    other.ok::<op::CreateTransitGatewayVpcAttachment>(input!(CreateTransitGatewayVpcAttachmentRequest {
        transit_gateway_id: &ours,
        vpc_id: &vpc,
        subnet_ids: [&subnet],
    }));
    let far = cloud.seen_by(OTHER, "us-west-2");
    let far_gateway = gateway(&far);
    let peer = |gateway: &str, region: &str| {
        let made = cloud.ok::<op::CreateTransitGatewayPeeringAttachment>(input!(
            CreateTransitGatewayPeeringAttachmentRequest {
                transit_gateway_id: &ours,
                peer_transit_gateway_id: gateway,
                peer_account_id: OTHER,
                peer_region: region,
            }
        ));
        cloud.wait(DONE);
        made.transit_gateway_peering_attachment.unwrap().transit_gateway_attachment_id.unwrap()
    };
    let (near, accepted) = (peer(&theirs, "us-east-1"), peer(&far_gateway, "us-west-2"));
    far.ok::<op::AcceptTransitGatewayPeeringAttachment>(input!(
        AcceptTransitGatewayPeeringAttachmentRequest { transit_gateway_attachment_id: &accepted }
    ));
    cloud.wait(DONE);
    let interfaces = || {
        let of_subnet = filters(&[("subnet-id", &[subnet.as_str()])]);
        let input = input!(DescribeNetworkInterfacesRequest { filters: of_subnet });
        other.ok::<op::DescribeNetworkInterfaces>(input).network_interfaces.unwrap().len()
    };
    assert_eq!(interfaces(), 1);
    let peering = |cloud: &Cloud, id: &str| {
        let input =
            input!(DescribeTransitGatewayPeeringAttachmentsRequest { transit_gateway_attachment_ids: [id] });
        let found = cloud.ok::<op::DescribeTransitGatewayPeeringAttachments>(input);
        found.transit_gateway_peering_attachments.unwrap().remove(0).state.unwrap()
    };
    assert_eq!(
        (peering(&other, &near), peering(&far, &accepted)),
        ("pendingAcceptance".to_owned(), "available".to_owned())
    );
    erase(&cloud);
    assert_eq!(interfaces(), 0);
    assert_eq!(
        (peering(&other, &near), peering(&far, &accepted)),
        ("deleted".to_owned(), "deleted".to_owned())
    );
    // The subnet is free of everything that was not the other account's own.
    other.ok::<op::DeleteSubnet>(input!(DeleteSubnetRequest { subnet_id: &subnet }));
}

#[test]
fn its_ranges_can_be_brought_by_others_and_its_snapshots_are_found_by_nobody() {
    let (cloud, other) = accounts();
    let cidr = "2001:db8::/44";
    provision(&cloud, cidr);
    cloud.wait(DONE);
    other.refuses::<op::ProvisionByoipCidr>(request_of(OTHER, cidr), "InvalidParameterValue", "…");
    let input = input!(CreateVolumeRequest { availability_zone: "us-east-1a", size: 10 });
    let volume = cloud.ok::<op::CreateVolume>(input).volume_id.unwrap();
    cloud.wait(DONE);
    let create = input!(CreateSnapshotRequest { volume_id: &volume });
    let snapshot = cloud.ok::<op::CreateSnapshot>(create).snapshot_id.unwrap();
    cloud.wait(DONE);
    let mut all = input!(ModifySnapshotAttributeRequest { snapshot_id: &snapshot });
    all.operation_type = Some("add".to_owned());
    all.group_names = Some(vec!["all".to_owned()]);
    cloud.ok::<op::ModifySnapshotAttribute>(all);
    let described = input!(DescribeSnapshotsRequest { snapshot_ids: [&snapshot] });
    assert_eq!(other.ok::<op::DescribeSnapshots>(described.clone()).snapshots.unwrap().len(), 1);
    erase(&cloud);
    other.refuses::<op::DescribeSnapshots>(described, "InvalidSnapshot.NotFound", "…");
    assert!(pool_of(&other, OTHER, cidr).starts_with("ipv6pool-ec2-"));
}
