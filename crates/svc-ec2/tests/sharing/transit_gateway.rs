//! Transit gateways that are another account's, and attachments to them.

use super::{NOT_AUTHORIZED, OTHER, OWNER, accounts};
use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

/// Longer than any change takes.
const DONE: i64 = 1000;

fn gateway(cloud: &Cloud, auto_accept: &str) -> String {
    let options = input!(TransitGatewayRequestOptions { auto_accept_shared_attachments: auto_accept });
    let made = cloud.ok::<op::CreateTransitGateway>(input!(CreateTransitGatewayRequest { options }));
    cloud.wait(DONE);
    made.transit_gateway.unwrap().transit_gateway_id.unwrap()
}

fn named(id: &str) -> api::DescribeTransitGatewaysRequest {
    input!(DescribeTransitGatewaysRequest { transit_gateway_ids: [id] })
}

fn attach(gateway: &str, vpc: &str, subnet: &str) -> api::CreateTransitGatewayVpcAttachmentRequest {
    input!(CreateTransitGatewayVpcAttachmentRequest {
        transit_gateway_id: gateway,
        vpc_id: vpc,
        subnet_ids: [subnet],
        tag_specifications: tagged("transit-gateway-attachment", &[("Name", "mine")])
    })
}

/// Attaches a new VPC.
fn attached(cloud: &Cloud, gateway: &str) -> (String, String, String) {
    let vpc = cloud.vpc("10.5.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.5.1.0/24");
    let made = cloud.ok::<op::CreateTransitGatewayVpcAttachment>(attach(gateway, &vpc, &subnet));
    let made = made.transit_gateway_vpc_attachment.unwrap();
    assert_eq!(made.tags, Some(tags(&[("Name", "mine")])));
    (vpc, subnet, made.transit_gateway_attachment_id.unwrap())
}

fn of_vpc(cloud: &Cloud, id: &str) -> api::TransitGatewayVpcAttachment {
    let request =
        input!(DescribeTransitGatewayVpcAttachmentsRequest { transit_gateway_attachment_ids: [id] });
    let found = cloud.ok::<op::DescribeTransitGatewayVpcAttachments>(request);
    found.transit_gateway_vpc_attachments.unwrap().remove(0)
}

fn of_any(cloud: &Cloud, all: &[(&str, &[&str])]) -> Vec<api::TransitGatewayAttachment> {
    let request = input!(DescribeTransitGatewayAttachmentsRequest { filters: filters(all) });
    cloud.ok::<op::DescribeTransitGatewayAttachments>(request).transit_gateway_attachments.unwrap()
}

fn state(cloud: &Cloud, id: &str) -> String {
    of_vpc(cloud, id).state.unwrap()
}

fn accept(id: &str) -> api::AcceptTransitGatewayVpcAttachmentRequest {
    input!(AcceptTransitGatewayVpcAttachmentRequest { transit_gateway_attachment_id: id })
}

fn reject(id: &str) -> api::RejectTransitGatewayVpcAttachmentRequest {
    input!(RejectTransitGatewayVpcAttachmentRequest { transit_gateway_attachment_id: id })
}

fn detach(id: &str) -> api::DeleteTransitGatewayVpcAttachmentRequest {
    input!(DeleteTransitGatewayVpcAttachmentRequest { transit_gateway_attachment_id: id })
}

fn interfaces(cloud: &Cloud, subnet: &str) -> usize {
    let request = input!(DescribeNetworkInterfacesRequest { filters: filters(&[("subnet-id", &[subnet])]) });
    cloud.ok::<op::DescribeNetworkInterfaces>(request).network_interfaces.unwrap().len()
}

fn routes(cloud: &Cloud, table: &str) -> Vec<String> {
    let request = input!(SearchTransitGatewayRoutesRequest {
        transit_gateway_route_table_id: table,
        filters: filters(&[("type", &["propagated"])])
    });
    let found = cloud.ok::<op::SearchTransitGatewayRoutes>(request).routes.unwrap();
    found.into_iter().map(|route| route.destination_cidr_block.unwrap()).collect()
}

fn table(cloud: &Cloud, gateway: &str) -> String {
    let found = cloud.ok::<op::DescribeTransitGateways>(named(gateway)).transit_gateways.unwrap().remove(0);
    found.options.unwrap().association_default_route_table_id.unwrap()
}

#[test]
fn a_shared_gateway_is_seen_and_not_changed() {
    let (owner, other) = accounts();
    let id = gateway(&owner, "disable");
    let unknown = "InvalidTransitGatewayID.NotFound";
    other.refuses::<op::DescribeTransitGateways>(named(&id), unknown, "…");
    let vpc = other.vpc("10.5.0.0/16");
    let subnet = other.subnet(&vpc, "10.5.1.0/24");
    other.refuses::<op::CreateTransitGatewayVpcAttachment>(attach(&id, &vpc, &subnet), unknown, "…");
    owner.share(&other, &[&format!("transit-gateway/{id}")]);
    let shown = other.ok::<op::DescribeTransitGateways>(named(&id)).transit_gateways.unwrap().remove(0);
    assert_eq!(shown.owner_id.as_deref(), Some(OWNER));
    assert_eq!(
        shown.transit_gateway_arn,
        Some(format!("arn:aws:ec2:us-east-1:{OWNER}:transit-gateway/{id}"))
    );
    let all = other.ok::<op::DescribeTransitGateways>(input!(DescribeTransitGatewaysRequest {}));
    assert_eq!(all.transit_gateways.unwrap(), [shown]);
    let modify = input!(ModifyTransitGatewayRequest { transit_gateway_id: &id, description: "mine" });
    let message = "You are not authorized to perform ModifyTransitGateway operation.";
    other.refuses::<op::ModifyTransitGateway>(modify, NOT_AUTHORIZED, message);
    let delete = input!(DeleteTransitGatewayRequest { transit_gateway_id: &id });
    other.refuses::<op::DeleteTransitGateway>(delete, NOT_AUTHORIZED, "…");
    let table = input!(CreateTransitGatewayRouteTableRequest { transit_gateway_id: &id });
    other.refuses::<op::CreateTransitGatewayRouteTable>(table, NOT_AUTHORIZED, "…");
}

#[test]
fn an_attachment_waits_for_the_owner_of_the_gateway() {
    let (owner, other) = accounts();
    let id = gateway(&owner, "disable");
    owner.share(&other, &[&format!("transit-gateway/{id}")]);
    let (vpc, subnet, attachment) = attached(&other, &id);
    assert_eq!(state(&other, &attachment), "pending");
    owner.wait(DONE);
    for cloud in [&owner, &other] {
        let shown = of_vpc(cloud, &attachment);
        assert_eq!(shown.state.as_deref(), Some("pendingAcceptance"));
        assert_eq!(shown.vpc_owner_id.as_deref(), Some(OTHER));
        let shown = of_any(cloud, &[("resource-owner-id", &[OTHER])]).remove(0);
        assert_eq!(shown.transit_gateway_owner_id.as_deref(), Some(OWNER));
        assert_eq!((shown.resource_id, shown.association), (Some(vpc.clone()), None));
    }
    // Each side has its own tags.
    assert_eq!(of_vpc(&other, &attachment).tags, Some(tags(&[("Name", "mine")])));
    assert_eq!(of_vpc(&owner, &attachment).tags, None);
    let again = attach(&id, &vpc, &subnet);
    other.refuses::<op::CreateTransitGatewayVpcAttachment>(again, "DuplicateTransitGatewayAttachment", "…");
    other.refuses::<op::AcceptTransitGatewayVpcAttachment>(accept(&attachment), NOT_AUTHORIZED, "…");
    other.refuses::<op::RejectTransitGatewayVpcAttachment>(reject(&attachment), NOT_AUTHORIZED, "…");
    let table = table(&owner, &id);
    assert!(routes(&owner, &table).is_empty());
    let dry = api::AcceptTransitGatewayVpcAttachmentRequest { dry_run: Some(true), ..accept(&attachment) };
    owner.refuses::<op::AcceptTransitGatewayVpcAttachment>(dry, "DryRunOperation", "…");

    let made = owner.ok::<op::AcceptTransitGatewayVpcAttachment>(accept(&attachment));
    assert_eq!(made.transit_gateway_vpc_attachment.unwrap().state.as_deref(), Some("pending"));
    owner.wait(DONE);
    assert_eq!(
        (state(&owner, &attachment), state(&other, &attachment)),
        ("available".into(), "available".into())
    );
    owner.refuses::<op::AcceptTransitGatewayVpcAttachment>(accept(&attachment), "IncorrectState", "…");
    owner.refuses::<op::RejectTransitGatewayVpcAttachment>(reject(&attachment), "IncorrectState", "…");
    assert_eq!(routes(&owner, &table), ["10.5.0.0/16"]);

    // The tables are the gateway's owner's.
    let associate = |table: &str| {
        input!(DisassociateTransitGatewayRouteTableRequest {
            transit_gateway_route_table_id: table,
            transit_gateway_attachment_id: &attachment
        })
    };
    let unknown = "InvalidRouteTableID.NotFound";
    other.refuses::<op::DisassociateTransitGatewayRouteTable>(associate(&table), unknown, "…");
    owner.ok::<op::DisassociateTransitGatewayRouteTable>(associate(&table));
    let disable = input!(DisableTransitGatewayRouteTablePropagationRequest {
        transit_gateway_route_table_id: &table,
        transit_gateway_attachment_id: &attachment
    });
    owner.ok::<op::DisableTransitGatewayRouteTablePropagation>(disable);
    assert!(routes(&owner, &table).is_empty());

    // Routes of the VPC lead to it; its subnets are changed by the VPC's owner alone.
    let main = input!(DescribeRouteTablesRequest { filters: filters(&[("vpc-id", &[&vpc])]) });
    let main =
        other.ok::<op::DescribeRouteTables>(main).route_tables.unwrap().remove(0).route_table_id.unwrap();
    other.ok::<op::CreateRoute>(input!(CreateRouteRequest {
        route_table_id: &main,
        destination_cidr_block: "10.0.0.0/8",
        transit_gateway_id: &id
    }));
    let options =
        input!(ModifyTransitGatewayVpcAttachmentRequestOptions { appliance_mode_support: "enable" });
    let modify = || {
        input!(ModifyTransitGatewayVpcAttachmentRequest {
            transit_gateway_attachment_id: &attachment,
            options: options.clone()
        })
    };
    let message = "You are not authorized to perform ModifyTransitGatewayVpcAttachment operation.";
    owner.refuses::<op::ModifyTransitGatewayVpcAttachment>(modify(), NOT_AUTHORIZED, message);
    let made = other.ok::<op::ModifyTransitGatewayVpcAttachment>(modify()).transit_gateway_vpc_attachment;
    assert_eq!(made.unwrap().tags, Some(tags(&[("Name", "mine")])));
    owner.wait(DONE);
    assert_eq!(
        of_vpc(&owner, &attachment).options.unwrap().appliance_mode_support.as_deref(),
        Some("enable")
    );

    // What is attached stays so when the gateway is shared no more; the VPC waits for it, and the gateway does.
    owner.share(&other, &[]);
    assert_eq!(state(&other, &attachment), "available");
    let delete = || input!(DeleteTransitGatewayRequest { transit_gateway_id: &id });
    owner.refuses::<op::DeleteTransitGateway>(delete(), "IncorrectState", "…");
    assert_eq!(interfaces(&other, &subnet), 1);
    other.ok::<op::DeleteTransitGatewayVpcAttachment>(detach(&attachment));
    assert_eq!((state(&owner, &attachment).as_str(), interfaces(&other, &subnet)), ("deleting", 0));
    owner.wait(DONE);
    other.ok::<op::DeleteSubnet>(input!(DeleteSubnetRequest { subnet_id: &subnet }));
    other.ok::<op::DeleteVpc>(input!(DeleteVpcRequest { vpc_id: &vpc }));
    owner.ok::<op::DeleteTransitGateway>(delete());
}

#[test]
fn an_attachment_is_rejected_taken_back_or_accepted_at_once() {
    let (owner, other) = accounts();
    let id = gateway(&owner, "disable");
    let open = gateway(&owner, "enable");
    owner.share(&other, &[&format!("transit-gateway/{id}"), &format!("transit-gateway/{open}")]);
    let (vpc, subnet, first) = attached(&other, &id);
    owner.wait(DONE);
    let vpc_of = input!(DeleteVpcRequest { vpc_id: &vpc });
    other.refuses::<op::DeleteVpc>(vpc_of, "DependencyViolation", "…");
    assert_eq!(interfaces(&other, &subnet), 1);
    owner.ok::<op::CreateFlowLogs>(input!(CreateFlowLogsRequest {
        resource_type: "TransitGatewayAttachment",
        resource_ids: [&first],
        log_destination_type: "s3",
        log_destination: "arn:aws:s3:::bucket",
        max_aggregation_interval: 60,
    }));
    let logs =
        || owner.ok::<op::DescribeFlowLogs>(input!(DescribeFlowLogsRequest {})).flow_logs.unwrap().len();
    assert_eq!(logs(), 1);
    let made = owner.ok::<op::RejectTransitGatewayVpcAttachment>(reject(&first));
    assert_eq!(logs(), 0, "they go with what they are of");
    assert_eq!(made.transit_gateway_vpc_attachment.unwrap().state.as_deref(), Some("rejecting"));
    owner.wait(DONE);
    assert_eq!((state(&other, &first).as_str(), interfaces(&other, &subnet)), ("rejected", 0));

    let made = other.ok::<op::CreateTransitGatewayVpcAttachment>(attach(&id, &vpc, &subnet));
    let second = made.transit_gateway_vpc_attachment.unwrap().transit_gateway_attachment_id.unwrap();
    other.refuses::<op::DeleteTransitGatewayVpcAttachment>(detach(&second), "IncorrectState", "…");
    owner.wait(DONE);
    other.ok::<op::DeleteTransitGatewayVpcAttachment>(detach(&second));
    owner.wait(DONE);
    assert_eq!(state(&owner, &second), "deleted");

    let made = other.ok::<op::CreateTransitGatewayVpcAttachment>(attach(&open, &vpc, &subnet));
    let made = made.transit_gateway_vpc_attachment.unwrap();
    assert_eq!(made.state.as_deref(), Some("pending"));
    owner.wait(DONE);
    let third = made.transit_gateway_attachment_id.unwrap();
    assert_eq!(state(&owner, &third), "available");
    assert_eq!(routes(&owner, &table(&owner, &open)), ["10.5.0.0/16"]);
    // The owner of the gateway can end it too.
    owner.ok::<op::DeleteTransitGatewayVpcAttachment>(detach(&third));
    assert_eq!((state(&other, &third).as_str(), interfaces(&other, &subnet)), ("deleting", 0));
    // Nobody else sees anything of it.
    let third_account = owner.seen_by("111122223333", "us-east-1");
    assert!(of_any(&third_account, &[]).is_empty());
}
