use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

#[test]
fn the_default_vpc_has_one() {
    let cloud = Cloud::new();
    let vpc = cloud.default_vpc();
    let input =
        input!(DescribeInternetGatewaysRequest { filters: filters(&[("attachment.vpc-id", &[&vpc])]) });
    let gateways = cloud.ok::<op::DescribeInternetGateways>(input).internet_gateways.unwrap();
    assert_eq!(gateways.len(), 1);
    let attachment = &gateways[0].attachments.as_ref().unwrap()[0];
    assert_eq!((attachment.state.as_deref(), attachment.vpc_id.as_ref()), (Some("available"), Some(&vpc)));
    // It keeps the VPC from being deleted.
    let message = format!("The vpc '{vpc}' has dependencies and cannot be deleted.");
    cloud.refuses::<op::DeleteVpc>(
        input!(DeleteVpcRequest { vpc_id: &vpc }),
        "DependencyViolation",
        &message,
    );
    let unknown = input!(DescribeInternetGatewaysRequest { internet_gateway_ids: ["igw-0123456789abcdef0"] });
    let message = "The internetGateway ID 'igw-0123456789abcdef0' does not exist";
    cloud.refuses::<op::DescribeInternetGateways>(unknown, "InvalidInternetGatewayID.NotFound", message);
}

fn create(cloud: &Cloud) -> String {
    let made = cloud.ok::<op::CreateInternetGateway>(input!(CreateInternetGatewayRequest {}));
    made.internet_gateway.unwrap().internet_gateway_id.unwrap()
}

fn attach(gateway: &str, vpc: &str) -> api::AttachInternetGatewayRequest {
    input!(AttachInternetGatewayRequest { internet_gateway_id: gateway, vpc_id: vpc })
}

fn detach(gateway: &str, vpc: &str) -> api::DetachInternetGatewayRequest {
    input!(DetachInternetGatewayRequest { internet_gateway_id: gateway, vpc_id: vpc })
}

fn delete(gateway: &str) -> api::DeleteInternetGatewayRequest {
    input!(DeleteInternetGatewayRequest { internet_gateway_id: gateway })
}

fn found(cloud: &Cloud, name: &str, value: &str) -> Vec<api::InternetGateway> {
    let input = input!(DescribeInternetGatewaysRequest { filters: filters(&[(name, &[value])]) });
    cloud.ok::<op::DescribeInternetGateways>(input).internet_gateways.unwrap()
}

#[test]
fn a_gateway_lives() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let specified = tagged("internet-gateway", &[("Name", "edge")]);
    let made = input!(CreateInternetGatewayRequest { tag_specifications: specified });
    let made = cloud.ok::<op::CreateInternetGateway>(made).internet_gateway.unwrap();
    assert_eq!(made.attachments, Some(Vec::new()));
    assert_eq!(made.tags, Some(tags(&[("Name", "edge")])));
    assert_eq!(made.owner_id.as_deref(), Some("123456789012"));
    let gateway = made.internet_gateway_id.unwrap();

    cloud.ok::<op::AttachInternetGateway>(attach(&gateway, &vpc));
    for (name, value) in [
        ("internet-gateway-id", gateway.as_str()),
        ("attachment.vpc-id", &vpc),
        ("tag:Name", "edge"),
        ("tag-key", "Name"),
    ] {
        let found = found(&cloud, name, value);
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].internet_gateway_id.as_ref(), Some(&gateway), "{name}");
    }
    // The default VPC's is another one.
    assert_eq!(found(&cloud, "attachment.state", "available").len(), 2);

    let message = format!("The internetGateway '{gateway}' has dependencies and cannot be deleted.");
    cloud.refuses::<op::DeleteInternetGateway>(delete(&gateway), "DependencyViolation", &message);
    let vpc_message = format!("The vpc '{vpc}' has dependencies and cannot be deleted.");
    let delete_vpc = input!(DeleteVpcRequest { vpc_id: &vpc });
    cloud.refuses::<op::DeleteVpc>(delete_vpc.clone(), "DependencyViolation", &vpc_message);
    cloud.ok::<op::DetachInternetGateway>(detach(&gateway, &vpc));
    cloud.ok::<op::DeleteInternetGateway>(delete(&gateway));
    cloud.ok::<op::DeleteVpc>(delete_vpc);
    let message = format!("The internetGateway ID '{gateway}' does not exist");
    cloud.refuses::<op::DeleteInternetGateway>(
        delete(&gateway),
        "InvalidInternetGatewayID.NotFound",
        &message,
    );
}

#[test]
fn a_gateway_and_a_vpc_have_one_of_each_other() {
    let cloud = Cloud::new();
    let (vpc, other) = (cloud.vpc("10.0.0.0/16"), cloud.vpc("10.1.0.0/16"));
    let (gateway, second) = (create(&cloud), create(&cloud));
    let message = format!("resource {gateway} is not attached to network {vpc}");
    cloud.refuses::<op::DetachInternetGateway>(detach(&gateway, &vpc), "Gateway.NotAttached", &message);
    cloud.ok::<op::AttachInternetGateway>(attach(&gateway, &vpc));
    let message = format!("resource {gateway} is already attached to network {vpc}");
    for vpc in [&vpc, &other] {
        let attach = attach(&gateway, vpc);
        cloud.refuses::<op::AttachInternetGateway>(attach, "Resource.AlreadyAssociated", &message);
    }
    let message = format!("Network {vpc} already has an internet gateway attached");
    cloud.refuses::<op::AttachInternetGateway>(attach(&second, &vpc), "InvalidParameterValue", &message);
    let message = format!("resource {gateway} is not attached to network {other}");
    cloud.refuses::<op::DetachInternetGateway>(detach(&gateway, &other), "Gateway.NotAttached", &message);

    let message = "The vpc ID 'vpc-0123456789abcdef0' does not exist";
    let unknown = attach(&second, "vpc-0123456789abcdef0");
    cloud.refuses::<op::AttachInternetGateway>(unknown, "InvalidVpcID.NotFound", message);
    let malformed = attach("gateway", &vpc);
    let message = "Invalid id: \"gateway\" (expecting \"igw-...\")";
    cloud.refuses::<op::AttachInternetGateway>(malformed, "InvalidInternetGatewayId.Malformed", message);
}

#[test]
fn dry_runs_and_the_quota() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let gateway = create(&cloud);
    let expected = ("DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
    let dry_run = Some(true);
    let create_dry = api::CreateInternetGatewayRequest { dry_run, ..Default::default() };
    cloud.refuses::<op::CreateInternetGateway>(create_dry, expected.0, expected.1);
    let dry = api::AttachInternetGatewayRequest { dry_run, ..attach(&gateway, &vpc) };
    cloud.refuses::<op::AttachInternetGateway>(dry, expected.0, expected.1);
    cloud.ok::<op::AttachInternetGateway>(attach(&gateway, &vpc));
    let dry = api::DetachInternetGatewayRequest { dry_run, ..detach(&gateway, &vpc) };
    cloud.refuses::<op::DetachInternetGateway>(dry, expected.0, expected.1);
    let spare = create(&cloud);
    let dry = api::DeleteInternetGatewayRequest { dry_run, ..delete(&spare) };
    cloud.refuses::<op::DeleteInternetGateway>(dry, expected.0, expected.1);

    // With the default VPC's there are three; five are allowed.
    create(&cloud);
    create(&cloud);
    let message = "The maximum number of internet gateways has been reached.";
    let create = input!(CreateInternetGatewayRequest {});
    cloud.refuses::<op::CreateInternetGateway>(create, "InternetGatewayLimitExceeded", message);
}

#[test]
fn mapped_public_addresses_keep_a_gateway_attached() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let interface = cloud.interface(&cloud.subnet(&vpc, "10.0.0.0/24"));
    let gateway = create(&cloud);
    let allocation =
        cloud.ok::<op::AllocateAddress>(input!(AllocateAddressRequest {})).allocation_id.unwrap();
    let associate =
        input!(AssociateAddressRequest { allocation_id: &allocation, network_interface_id: &interface });
    let message = format!("Network {vpc} is not attached to any internet gateway");
    cloud.refuses::<op::AssociateAddress>(associate.clone(), "Gateway.NotAttached", &message);
    cloud.ok::<op::AttachInternetGateway>(attach(&gateway, &vpc));
    let association = cloud.ok::<op::AssociateAddress>(associate).association_id.unwrap();
    let message = format!(
        "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the \
         gateway."
    );
    cloud.refuses::<op::DetachInternetGateway>(detach(&gateway, &vpc), "DependencyViolation", &message);
    cloud.ok::<op::DisassociateAddress>(input!(DisassociateAddressRequest { association_id: &association }));
    cloud.ok::<op::DetachInternetGateway>(detach(&gateway, &vpc));
}
