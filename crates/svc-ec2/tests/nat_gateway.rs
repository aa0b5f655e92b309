mod route;

use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

const HOUR_MILLIS: i64 = 3_600_000;

struct Network {
    cloud: Cloud,
    vpc: String,
    subnet: String,
    internet_gateway: String,
}

fn network_of(cloud: Cloud) -> Network {
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.1.0/24");
    let made = cloud.ok::<op::CreateInternetGateway>(input!(CreateInternetGatewayRequest {}));
    let internet_gateway = made.internet_gateway.unwrap().internet_gateway_id.unwrap();
    let network = Network { cloud, vpc, subnet, internet_gateway };
    let attach = input!(AttachInternetGatewayRequest {
        internet_gateway_id: &network.internet_gateway,
        vpc_id: &network.vpc
    });
    network.cloud.ok::<op::AttachInternetGateway>(attach);
    network
}

fn network() -> Network {
    network_of(Cloud::new())
}

impl Network {
    fn allocate(&self) -> String {
        self.cloud.ok::<op::AllocateAddress>(input!(AllocateAddressRequest {})).allocation_id.unwrap()
    }

    fn address(&self, id: &str) -> api::Address {
        let input = input!(DescribeAddressesRequest { allocation_ids: [id] });
        self.cloud.ok::<op::DescribeAddresses>(input).addresses.unwrap().remove(0)
    }

    fn public(&self, allocation: &str) -> api::CreateNatGatewayRequest {
        input!(CreateNatGatewayRequest { subnet_id: &self.subnet, allocation_id: allocation })
    }

    fn private(&self) -> api::CreateNatGatewayRequest {
        input!(CreateNatGatewayRequest { subnet_id: &self.subnet, connectivity_type: "private" })
    }

    fn create(&self, input: api::CreateNatGatewayRequest) -> api::NatGateway {
        self.cloud.ok::<op::CreateNatGateway>(input).nat_gateway.unwrap()
    }

    /// Makes a gateway and waits until it is available, or has failed.
    fn made(&self, input: api::CreateNatGatewayRequest) -> String {
        let id = self.create(input).nat_gateway_id.unwrap();
        self.cloud.wait(200);
        id
    }

    fn described(&self, input: api::DescribeNatGatewaysRequest) -> Vec<api::NatGateway> {
        self.cloud.ok::<op::DescribeNatGateways>(input).nat_gateways.unwrap()
    }

    fn gateway(&self, id: &str) -> api::NatGateway {
        self.described(input!(DescribeNatGatewaysRequest { nat_gateway_ids: [id] })).remove(0)
    }

    fn state(&self, id: &str) -> String {
        self.gateway(id).state.unwrap()
    }

    /// The private addresses of a gateway, with the state of each.
    fn addresses(&self, id: &str) -> Vec<(String, String)> {
        let addresses = self.gateway(id).nat_gateway_addresses.unwrap();
        addresses.into_iter().map(|held| (held.private_ip.unwrap(), held.status.unwrap())).collect()
    }

    /// The private addresses of a gateway's interface.
    fn interface_addresses(&self, id: &str) -> Vec<String> {
        let interface = self.primary(id).network_interface_id.unwrap();
        let addresses = self.cloud.describe_interface(&interface).private_ip_addresses.unwrap();
        addresses.into_iter().map(|held| held.private_ip_address.unwrap()).collect()
    }

    fn primary(&self, id: &str) -> api::NatGatewayAddress {
        self.gateway(id).nat_gateway_addresses.unwrap().remove(0)
    }

    fn delete(&self, id: &str) {
        let answer = self.cloud.ok::<op::DeleteNatGateway>(delete(id));
        assert_eq!(answer.nat_gateway_id.as_deref(), Some(id));
    }

    #[track_caller]
    fn refuses(&self, input: api::CreateNatGatewayRequest, code: &str, message: &str) {
        self.cloud.refuses::<op::CreateNatGateway>(input, code, message);
    }
}

fn delete(id: &str) -> api::DeleteNatGatewayRequest {
    input!(DeleteNatGatewayRequest { nat_gateway_id: id })
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn succeeded(addresses: &[&str]) -> Vec<(String, String)> {
    addresses.iter().map(|address| ((*address).to_owned(), "succeeded".to_owned())).collect()
}

#[test]
fn a_public_gateway_lives() {
    let network = network();
    let cloud = &network.cloud;
    let allocation = network.allocate();
    let request = api::CreateNatGatewayRequest {
        private_ip_address: some("10.0.1.77"),
        client_token: some("one"),
        tag_specifications: Some(tagged("natgateway", &[("Name", "out")])),
        ..network.public(&allocation)
    };
    let rehearsal = api::CreateNatGatewayRequest { dry_run: Some(true), ..request.clone() };
    network.refuses(rehearsal, "DryRunOperation", "…");
    let made = network.create(request.clone());
    let id = made.nat_gateway_id.clone().unwrap();
    assert!(id.starts_with("nat-"));
    assert_eq!(network.create(request.clone()), made, "the same token makes it once");
    let other = api::CreateNatGatewayRequest { private_ip_address: some("10.0.1.78"), ..request };
    network.refuses(other, "IdempotentParameterMismatch", "…");
    assert_eq!(made.state.as_deref(), Some("pending"));
    assert_eq!(made.create_time, Some(cloud.now()));
    assert_eq!((made.vpc_id.as_ref(), made.subnet_id.as_ref()), (Some(&network.vpc), Some(&network.subnet)));
    assert_eq!((made.connectivity_type, made.availability_mode), (some("public"), some("zonal")));
    assert_eq!(made.tags, Some(tags(&[("Name", "out")])));
    assert_eq!(network.addresses(&id), [("10.0.1.77".to_owned(), "associating".to_owned())]);

    cloud.wait(200);
    assert_eq!(network.state(&id), "available");
    let held = network.address(&allocation);
    let primary = network.primary(&id);
    assert_eq!(
        primary,
        api::NatGatewayAddress {
            allocation_id: Some(allocation.clone()),
            association_id: held.association_id.clone(),
            is_primary: Some(true),
            network_interface_id: held.network_interface_id.clone(),
            private_ip: some("10.0.1.77"),
            public_ip: held.public_ip.clone(),
            status: some("succeeded"),
            ..Default::default()
        }
    );
    assert!(held.association_id.is_some());
    let interface = cloud.describe_interface(&primary.network_interface_id.unwrap());
    assert_eq!(interface.description, Some(format!("Interface for NAT Gateway {id}")));
    assert_eq!((interface.interface_type, interface.status), (some("nat_gateway"), some("in-use")));
    assert_eq!((interface.source_dest_check, interface.groups), (Some(false), Some(vec![])));
    assert_eq!((interface.requester_managed, interface.private_ip_address), (Some(true), some("10.0.1.77")));
    assert_eq!(interface.association.unwrap().public_ip, held.public_ip);

    let rehearsal = api::DeleteNatGatewayRequest { dry_run: Some(true), ..delete(&id) };
    cloud.refuses::<op::DeleteNatGateway>(rehearsal, "DryRunOperation", "…");
    network.delete(&id);
    assert_eq!(network.state(&id), "deleting");
    assert!(network.gateway(&id).delete_time.is_some());
    network.delete(&id);
    assert!(
        network.address(&allocation).association_id.is_some(),
        "it is associated until the gateway is gone"
    );
    cloud.wait(200);
    assert_eq!(network.state(&id), "deleted");
    assert_eq!(network.address(&allocation).association_id, None);
    let gone = input!(DescribeNetworkInterfacesRequest {});
    assert_eq!(cloud.ok::<op::DescribeNetworkInterfaces>(gone).network_interfaces, Some(vec![]));
    let message = format!("NatGateway {id} was not found");
    cloud.refuses::<op::DeleteNatGateway>(delete(&id), "NatGatewayNotFound", &message);
    cloud.ok::<op::ReleaseAddress>(input!(ReleaseAddressRequest { allocation_id: &allocation }));
    cloud.wait(HOUR_MILLIS - 1000);
    assert_eq!(network.state(&id), "deleted");
    cloud.wait(1000);
    let by_id = input!(DescribeNatGatewaysRequest { nat_gateway_ids: [&id] });
    cloud.refuses::<op::DescribeNatGateways>(by_id, "NatGatewayNotFound", &message);
    assert_eq!(network.described(input!(DescribeNatGatewaysRequest {})), []);
}

#[test]
fn states_move_at_the_pace_of_aws_where_that_is_asked_for() {
    let config = svc_ec2::Config { realistic_timing: true, ..Default::default() };
    let network = network_of(Cloud::with(config));
    let id = network.create(network.private()).nat_gateway_id.unwrap();
    network.cloud.wait(60_000);
    assert_eq!(network.state(&id), "pending");
    network.cloud.wait(60_000);
    assert_eq!(network.state(&id), "available");
    network.delete(&id);
    network.cloud.wait(30_000);
    assert_eq!(network.state(&id), "deleting");
    network.cloud.wait(30_000);
    assert_eq!(network.state(&id), "deleted");
}

#[test]
fn nobody_else_touches_what_a_gateway_has() {
    let network = network();
    let cloud = &network.cloud;
    let allocation = network.allocate();
    let id = network.made(network.public(&allocation));
    let primary = network.primary(&id);
    let (interface, association) = (primary.network_interface_id.unwrap(), primary.association_id.unwrap());
    const NO: (&str, &str) = ("AuthFailure", "You do not have permission to access the specified resource.");
    let input = input!(DeleteNetworkInterfaceRequest { network_interface_id: &interface });
    cloud.refuses::<op::DeleteNetworkInterface>(input, NO.0, NO.1);
    let input = input!(AssignPrivateIpAddressesRequest {
        network_interface_id: &interface,
        secondary_private_ip_address_count: 1
    });
    cloud.refuses::<op::AssignPrivateIpAddresses>(input, NO.0, NO.1);
    let input = input!(ModifyNetworkInterfaceAttributeRequest {
        network_interface_id: &interface,
        description: api::AttributeValue { value: Some("mine".to_owned()) }
    });
    cloud.refuses::<op::ModifyNetworkInterfaceAttribute>(input, NO.0, NO.1);
    let instance = cloud.started(&network.subnet);
    let input = input!(AttachNetworkInterfaceRequest {
        network_interface_id: &interface,
        instance_id: &instance,
        device_index: 1
    });
    cloud.refuses::<op::AttachNetworkInterface>(input, NO.0, NO.1);
    let first = api::InstanceNetworkInterfaceSpecification {
        network_interface_id: Some(interface.clone()),
        device_index: Some(0),
        ..Default::default()
    };
    let launch = api::RunInstancesRequest { network_interfaces: Some(vec![first]), ..cloud.launch() };
    cloud.refuses::<op::RunInstances>(launch, NO.0, NO.1);
    let shown = input!(DescribeNetworkInterfacesRequest { network_interface_ids: [&interface] });
    let shown = cloud.ok::<op::DescribeNetworkInterfaces>(shown).network_interfaces.unwrap().remove(0);
    let input = input!(DetachNetworkInterfaceRequest {
        attachment_id: shown.attachment.unwrap().attachment_id.unwrap()
    });
    let message = "You are not allowed to manage 'ela-attach' attachments.";
    cloud.refuses::<op::DetachNetworkInterface>(input, "OperationNotPermitted", message);
    cloud.ok::<op::TerminateInstances>(input!(TerminateInstancesRequest { instance_ids: [&instance] }));
    assert!(cloud.ec2.instance_terminated(&cloud.scope(), instance.parse().unwrap(), cloud.now()).unwrap());
    let input = input!(DisassociateAddressRequest { association_id: &association });
    cloud.refuses::<op::DisassociateAddress>(input, NO.0, NO.1);
    let own = cloud.interface(&network.subnet);
    let input = input!(AssociateAddressRequest {
        allocation_id: &allocation,
        network_interface_id: &own,
        allow_reassociation: true
    });
    cloud.refuses::<op::AssociateAddress>(input, NO.0, NO.1);
    let input = input!(ReleaseAddressRequest { allocation_id: &allocation });
    cloud.refuses::<op::ReleaseAddress>(input, "InvalidIPAddress.InUse", "…");
    // What it depends on stays as long as it does.
    let detach = || {
        input!(DetachInternetGatewayRequest {
            internet_gateway_id: &network.internet_gateway,
            vpc_id: &network.vpc
        })
    };
    let message = format!("Network {} has some mapped public address(es).…", network.vpc);
    cloud.refuses::<op::DetachInternetGateway>(detach(), "DependencyViolation", &message);
    cloud.ok::<op::DeleteNetworkInterface>(input!(DeleteNetworkInterfaceRequest {
        network_interface_id: &own
    }));
    let subnet = || input!(DeleteSubnetRequest { subnet_id: &network.subnet });
    cloud.refuses::<op::DeleteSubnet>(subnet(), "DependencyViolation", "…");
    network.delete(&id);
    cloud.refuses::<op::DeleteSubnet>(subnet(), "DependencyViolation", "…");
    cloud.refuses::<op::DetachInternetGateway>(detach(), "DependencyViolation", &message);
    cloud.wait(200);
    cloud.ok::<op::DetachInternetGateway>(detach());
    cloud.ok::<op::DeleteSubnet>(subnet());
    cloud.ok::<op::DeleteVpc>(input!(DeleteVpcRequest { vpc_id: &network.vpc }));
    assert_eq!(network.state(&id), "deleted");
}

#[test]
fn gateways_that_fail() {
    let network = network();
    let cloud = &network.cloud;
    let check = |input: api::CreateNatGatewayRequest, code: &str, message: &str| {
        let made = network.create(input);
        let id = made.nat_gateway_id.unwrap();
        assert_eq!((made.state.as_deref(), made.failure_code), (Some("pending"), None));
        cloud.wait(200);
        let failed = network.gateway(&id);
        assert_eq!(failed.state.as_deref(), Some("failed"));
        assert_eq!(
            (failed.failure_code.as_deref(), failed.failure_message.as_deref()),
            (Some(code), Some(message))
        );
        assert!(failed.delete_time.is_some());
        let address = &failed.nat_gateway_addresses.unwrap()[0];
        assert_eq!((address.status.as_deref(), &address.association_id), (Some("failed"), &None));
        assert_eq!((address.failure_message.as_deref(), &address.public_ip), (Some(message), &None));
        id
    };
    let allocation = network.allocate();
    let taken = network.made(network.public(&allocation));
    let message = format!("Elastic IP address {allocation} is already associated");
    let failed = check(network.public(&allocation), "Resource.AlreadyAssociated", &message);
    let nat = [("interface-type", &["nat_gateway"][..])];
    let found = input!(DescribeNetworkInterfacesRequest { filters: filters(&nat) });
    let found = cloud.ok::<op::DescribeNetworkInterfaces>(found).network_interfaces.unwrap();
    assert_eq!(found.len(), 1, "the interface of the one that failed is gone");
    assert_eq!(found[0].network_interface_id, network.primary(&taken).network_interface_id);
    assert!(network.address(&allocation).association_id.is_some(), "the other's address is untouched");

    let vpc = cloud.vpc("10.1.0.0/16");
    let isolated = cloud.subnet(&vpc, "10.1.0.0/28");
    let free = network.allocate();
    let input = api::CreateNatGatewayRequest { subnet_id: Some(isolated.clone()), ..network.public(&free) };
    check(input, "Gateway.NotAttached", &format!("Network {vpc} has no Internet gateway attached"));
    assert_eq!(network.address(&free).association_id, None);
    // All the addresses that it has for interfaces.
    (0..11).for_each(|_| drop(cloud.interface(&isolated)));
    let message = "Subnet has insufficient free addresses to create this NAT gateway";
    let input = api::CreateNatGatewayRequest { subnet_id: Some(isolated), ..network.private() };
    check(input, "InsufficientFreeAddressesInSubnet", message);

    network.delete(&failed);
    cloud.wait(200);
    assert_eq!(network.state(&failed), "deleted");
    cloud.wait(HOUR_MILLIS);
    let left = network.described(input!(DescribeNatGatewaysRequest {}));
    assert_eq!(left.len(), 1, "those that failed are shown for an hour");
}

#[test]
fn gateways_that_cannot_be() {
    let network = network();
    let allocation = network.allocate();
    let public = || network.public(&allocation);
    let check = |input: api::CreateNatGatewayRequest, code: &str, message: &str| {
        network.refuses(input, code, message);
    };
    const VALUE: &str = "InvalidParameterValue";
    const COMBINATION: &str = "InvalidParameterCombination";
    let with = |change: fn(&mut api::CreateNatGatewayRequest)| {
        let mut input = public();
        change(&mut input);
        input
    };
    let private = |change: fn(&mut api::CreateNatGatewayRequest)| {
        let mut input = network.private();
        change(&mut input);
        input
    };
    let regional = with(|input| input.availability_mode = some("regional"));
    check(regional, "UnsupportedOperation", "Regional NAT gateways are not supported.");
    check(with(|input| input.availability_mode = some("global")), VALUE, "Value (global) for parameter …");
    check(with(|input| input.vpc_id = some("vpc-0123456789abcdef0")), COMBINATION, "…");
    check(with(|input| input.connectivity_type = some("secret")), VALUE, "Value (secret) for parameter …");
    check(
        api::CreateNatGatewayRequest::default(),
        "MissingParameter",
        "The request must contain the parameter SubnetId",
    );
    let message = "The request must contain the parameter AllocationId";
    check(with(|input| input.allocation_id = None), "MissingParameter", message);
    check(with(|input| input.subnet_id = some("subnet-0123456789abcdef0")), "InvalidSubnetID.NotFound", "…");
    let unknown = with(|input| input.allocation_id = some("eipalloc-0123456789abcdef0"));
    check(unknown, "InvalidAllocationID.NotFound", "…");
    let second =
        with(|input| input.secondary_allocation_ids = Some(vec!["eipalloc-0123456789abcdef0".to_owned()]));
    check(second, "InvalidAllocationID.NotFound", "…");
    check(with(|input| input.private_ip_address = some("10.0.2.4")), VALUE, "…");
    let first = network.cloud.interface(&network.subnet);
    let first = network.cloud.describe_interface(&first).private_ip_address;
    let taken = api::CreateNatGatewayRequest { private_ip_address: first, ..public() };
    check(taken, "InvalidIPAddress.InUse", "…");
    check(with(|input| input.secondary_private_ip_address_count = Some(1)), COMBINATION, "…");
    let unpaired = with(|input| input.secondary_private_ip_addresses = Some(vec!["10.0.1.9".to_owned()]));
    check(unpaired, VALUE, "There must be as many private IP addresses (1) as allocation IDs (0).");
    let twice =
        api::CreateNatGatewayRequest { secondary_allocation_ids: Some(vec![allocation.clone()]), ..public() };
    check(twice, VALUE, "…");
    let tagged = api::CreateNatGatewayRequest {
        tag_specifications: Some(tagged("nat-gateway", &[("a", "b")])),
        ..public()
    };
    check(tagged, VALUE, "'nat-gateway' is not a valid taggable resource type for this operation.");
    check(private(|input| input.allocation_id = some("eipalloc-0123456789abcdef0")), COMBINATION, "…");
    check(private(|input| input.secondary_private_ip_address_count = Some(-1)), VALUE, "…");
    let both = private(|input| {
        input.secondary_private_ip_address_count = Some(1);
        input.secondary_private_ip_addresses = Some(vec!["10.0.1.9".to_owned()]);
    });
    check(both, COMBINATION, "…");
    let message = "The maximum number of addresses of a NAT gateway has been reached.";
    let many = private(|input| input.secondary_private_ip_address_count = Some(8));
    check(many, "NatGatewayAddressLimitExceeded", message);
    let malformed = delete("nat-x");
    network.cloud.refuses::<op::DeleteNatGateway>(malformed, "NatGatewayMalformed", "…");
}

#[test]
fn five_gateways_in_a_zone() {
    let network = network();
    let ids: Vec<String> = (0..5).map(|_| network.made(network.private())).collect();
    let message = "The maximum number of NAT Gateways has been reached.";
    network.refuses(network.private(), "NatGatewayLimitExceeded", message);
    let elsewhere = input!(CreateSubnetRequest {
        vpc_id: &network.vpc,
        cidr_block: "10.0.2.0/24",
        availability_zone: "us-east-1b",
    });
    let elsewhere = network.cloud.ok::<op::CreateSubnet>(elsewhere).subnet.unwrap();
    let here = network
        .cloud
        .ok::<op::DescribeSubnets>(input!(DescribeSubnetsRequest { subnet_ids: [&network.subnet] }));
    assert_ne!(here.subnets.unwrap()[0].availability_zone, elsewhere.availability_zone);
    network.made(api::CreateNatGatewayRequest { subnet_id: elsewhere.subnet_id, ..network.private() });
    network.delete(&ids[0]);
    network.refuses(network.private(), "NatGatewayLimitExceeded", message);
    network.cloud.wait(200);
    network.made(network.private());
}

#[test]
fn elastic_ips_come_and_go() {
    let network = network_of(Cloud::without_quotas());
    let cloud = &network.cloud;
    let allocations: Vec<String> = (0..4).map(|_| network.allocate()).collect();
    let id = network.made(api::CreateNatGatewayRequest {
        private_ip_address: some("10.0.1.10"),
        secondary_allocation_ids: Some(vec![allocations[1].clone()]),
        secondary_private_ip_addresses: Some(vec!["10.0.1.11".to_owned()]),
        ..network.public(&allocations[0])
    });
    assert_eq!(network.addresses(&id), succeeded(&["10.0.1.10", "10.0.1.11"]));
    let associate = |all: &[&String], private: Option<&str>| api::AssociateNatGatewayAddressRequest {
        nat_gateway_id: id.clone(),
        allocation_ids: all.iter().map(|id| (*id).clone()).collect(),
        private_ip_addresses: private.map(|address| vec![address.to_owned()]),
        ..Default::default()
    };
    let rehearsal =
        api::AssociateNatGatewayAddressRequest { dry_run: Some(true), ..associate(&[&allocations[2]], None) };
    cloud.refuses::<op::AssociateNatGatewayAddress>(rehearsal, "DryRunOperation", "…");
    let answer = cloud.ok::<op::AssociateNatGatewayAddress>(associate(&[&allocations[2]], Some("10.0.1.12")));
    assert_eq!(answer.nat_gateway_id.as_ref(), Some(&id));
    let added = answer.nat_gateway_addresses.unwrap().remove(0);
    assert_eq!((added.status.as_deref(), added.is_primary), (Some("associating"), Some(false)));
    assert_eq!(added.association_id, network.address(&allocations[2]).association_id);
    assert_eq!(network.address(&allocations[2]).private_ip_address, some("10.0.1.12"));
    cloud.wait(200);
    assert_eq!(network.addresses(&id), succeeded(&["10.0.1.10", "10.0.1.11", "10.0.1.12"]));
    assert_eq!(network.interface_addresses(&id), ["10.0.1.10", "10.0.1.11", "10.0.1.12"]);

    let refuses = |input: api::AssociateNatGatewayAddressRequest, code: &str, message: &str| {
        cloud.refuses::<op::AssociateNatGatewayAddress>(input, code, message);
    };
    let used = format!("resource {} is already associated with associate-id …", allocations[1]);
    refuses(associate(&[&allocations[1]], None), "Resource.AlreadyAssociated", &used);
    refuses(associate(&[], None), "MissingParameter", "…");
    let twice = associate(&[&allocations[3], &allocations[3]], None);
    refuses(twice, "InvalidParameterValue", "…");
    let zone = api::AssociateNatGatewayAddressRequest {
        availability_zone: some("us-east-1a"),
        ..associate(&[&allocations[3]], None)
    };
    refuses(zone, "InvalidParameterCombination", "…");
    let unknown = "eipalloc-0123456789abcdef0".to_owned();
    refuses(associate(&[&unknown], None), "InvalidAllocationID.NotFound", "…");
    let private = network.made(network.private());
    let other = api::AssociateNatGatewayAddressRequest {
        nat_gateway_id: private,
        ..associate(&[&allocations[3]], None)
    };
    refuses(other, "InvalidParameterValue", "The NAT gateway …");

    let disassociate = |association: &Option<String>| api::DisassociateNatGatewayAddressRequest {
        nat_gateway_id: id.clone(),
        association_ids: association.iter().cloned().collect(),
        max_drain_duration_seconds: Some(30),
        ..Default::default()
    };
    let refuses = |input: api::DisassociateNatGatewayAddressRequest, code: &str| {
        cloud.refuses::<op::DisassociateNatGatewayAddress>(input, code, "…");
    };
    let second = network.address(&allocations[1]).association_id;
    refuses(disassociate(&network.primary(&id).association_id), "InvalidParameterValue");
    refuses(disassociate(&None), "MissingParameter");
    refuses(disassociate(&some("eipassoc-0123456789abcdef0")), "InvalidAssociationID.NotFound");
    refuses(disassociate(&some("nonsense")), "InvalidAssociationID.NotFound");
    let long = api::DisassociateNatGatewayAddressRequest {
        max_drain_duration_seconds: Some(4001),
        ..disassociate(&second)
    };
    refuses(long, "InvalidParameterValue");
    let rehearsal =
        api::DisassociateNatGatewayAddressRequest { dry_run: Some(true), ..disassociate(&second) };
    refuses(rehearsal, "DryRunOperation");
    let answer = cloud.ok::<op::DisassociateNatGatewayAddress>(disassociate(&second));
    assert_eq!(answer.nat_gateway_addresses.unwrap()[0].status.as_deref(), Some("disassociating"));
    assert!(network.address(&allocations[1]).association_id.is_some());
    refuses(disassociate(&network.address(&allocations[2]).association_id), "IncorrectState");
    cloud.wait(200);
    assert_eq!(network.address(&allocations[1]).association_id, None);
    assert_eq!(network.addresses(&id), succeeded(&["10.0.1.10", "10.0.1.12"]));
    assert_eq!(network.interface_addresses(&id), ["10.0.1.10", "10.0.1.12"]);
    network.delete(&id);
    refuses(disassociate(&network.address(&allocations[2]).association_id), "IncorrectState");
    cloud.wait(200);
    assert!(allocations.iter().all(|id| network.address(id).association_id.is_none()));
}

#[test]
fn two_elastic_ips_of_a_gateway() {
    let network = network();
    let allocations: Vec<String> = (0..3).map(|_| network.allocate()).collect();
    let all = api::CreateNatGatewayRequest {
        secondary_allocation_ids: Some(allocations[1..].to_vec()),
        ..network.public(&allocations[0])
    };
    let message = "The maximum number of Elastic IP addresses of a NAT gateway has been reached.";
    network.refuses(all, "NatGatewayAddressLimitExceeded", message);
    let id = network.made(api::CreateNatGatewayRequest {
        secondary_allocation_ids: Some(vec![allocations[1].clone()]),
        ..network.public(&allocations[0])
    });
    let third = input!(AssociateNatGatewayAddressRequest {
        nat_gateway_id: &id,
        allocation_ids: vec![allocations[2].clone()]
    });
    let code = "NatGatewayAddressLimitExceeded";
    network.cloud.refuses::<op::AssociateNatGatewayAddress>(third, code, message);
}

#[test]
fn private_addresses_come_and_go() {
    let network = network();
    let cloud = &network.cloud;
    let id = network.made(api::CreateNatGatewayRequest {
        private_ip_address: some("10.0.1.10"),
        secondary_private_ip_addresses: Some(vec!["10.0.1.20".to_owned()]),
        ..network.private()
    });
    let three =
        api::CreateNatGatewayRequest { secondary_private_ip_address_count: Some(2), ..network.private() };
    let three = network.made(three);
    assert_eq!(network.addresses(&three).len(), 3);
    let primary = network.primary(&id);
    assert_eq!((primary.public_ip, primary.allocation_id), (None, None));
    assert_eq!(network.gateway(&id).connectivity_type.as_deref(), Some("private"));

    let assign = |all: &[&str], count: Option<i32>| api::AssignPrivateNatGatewayAddressRequest {
        nat_gateway_id: id.clone(),
        private_ip_addresses: (!all.is_empty()).then(|| all.iter().map(|text| (*text).to_owned()).collect()),
        private_ip_address_count: count,
        dry_run: None,
    };
    let answer = cloud.ok::<op::AssignPrivateNatGatewayAddress>(assign(&["10.0.1.30"], None));
    let added = answer.nat_gateway_addresses.unwrap().remove(0);
    assert_eq!(
        (added.private_ip.as_deref(), added.status.as_deref()),
        (Some("10.0.1.30"), Some("assigning"))
    );
    cloud.wait(200);
    assert_eq!(network.addresses(&id), succeeded(&["10.0.1.10", "10.0.1.20", "10.0.1.30"]));
    assert_eq!(network.interface_addresses(&id), ["10.0.1.10", "10.0.1.20", "10.0.1.30"]);
    let refuses = |input: api::AssignPrivateNatGatewayAddressRequest, code: &str| {
        cloud.refuses::<op::AssignPrivateNatGatewayAddress>(input, code, "…");
    };
    refuses(assign(&[], None), "MissingParameter");
    refuses(assign(&["10.0.1.40"], Some(1)), "InvalidParameterCombination");
    refuses(assign(&["10.0.1.20"], None), "InvalidIPAddress.InUse");
    refuses(assign(&[], Some(-1)), "InvalidParameterValue");
    refuses(assign(&[], Some(6)), "NatGatewayAddressLimitExceeded");
    let rehearsal =
        api::AssignPrivateNatGatewayAddressRequest { dry_run: Some(true), ..assign(&[], Some(5)) };
    refuses(rehearsal, "DryRunOperation");
    let unknown = api::AssignPrivateNatGatewayAddressRequest {
        nat_gateway_id: "nat-0123456789abcdef0".to_owned(),
        ..assign(&[], Some(1))
    };
    refuses(unknown, "NatGatewayNotFound");
    let public = network.made(network.public(&network.allocate()));
    let public =
        api::AssignPrivateNatGatewayAddressRequest { nat_gateway_id: public, ..assign(&[], Some(1)) };
    refuses(public, "InvalidParameterValue");
    let pending = network.create(network.private()).nat_gateway_id.unwrap();
    let pending =
        api::AssignPrivateNatGatewayAddressRequest { nat_gateway_id: pending, ..assign(&[], Some(1)) };
    refuses(pending, "IncorrectState");

    let unassign = |all: &[&str]| api::UnassignPrivateNatGatewayAddressRequest {
        nat_gateway_id: id.clone(),
        private_ip_addresses: all.iter().map(|text| (*text).to_owned()).collect(),
        ..Default::default()
    };
    let refuses = |input: api::UnassignPrivateNatGatewayAddressRequest, code: &str| {
        cloud.refuses::<op::UnassignPrivateNatGatewayAddress>(input, code, "…");
    };
    refuses(unassign(&[]), "MissingParameter");
    refuses(unassign(&["10.0.1.10"]), "InvalidParameterValue");
    refuses(unassign(&["10.0.1.99"]), "InvalidParameterValue");
    let drained = api::UnassignPrivateNatGatewayAddressRequest {
        max_drain_duration_seconds: Some(0),
        ..unassign(&["10.0.1.20"])
    };
    refuses(drained, "InvalidParameterValue");
    let rehearsal =
        api::UnassignPrivateNatGatewayAddressRequest { dry_run: Some(true), ..unassign(&["10.0.1.20"]) };
    refuses(rehearsal, "DryRunOperation");
    let answer = cloud.ok::<op::UnassignPrivateNatGatewayAddress>(unassign(&["10.0.1.20"]));
    assert_eq!(answer.nat_gateway_addresses.unwrap()[0].status.as_deref(), Some("unassigning"));
    cloud.wait(200);
    assert_eq!(network.addresses(&id), succeeded(&["10.0.1.10", "10.0.1.30"]));
    assert_eq!(network.interface_addresses(&id), ["10.0.1.10", "10.0.1.30"]);
}

#[test]
fn gateways_are_filtered_paged_and_tagged() {
    let network = network();
    let cloud = &network.cloud;
    let other = cloud.subnet(&network.vpc, "10.0.2.0/24");
    let id = network.made(network.private());
    network.delete(&id);
    cloud.wait(200);
    let mut all = vec![id.clone()];
    for _ in 0..5 {
        let request = api::CreateNatGatewayRequest { subnet_id: Some(other.clone()), ..network.private() };
        all.push(network.create(request).nat_gateway_id.unwrap());
    }
    let add = input!(CreateTagsRequest { resources: [&id], tags: tags(&[("Name", "out")]) });
    cloud.ok::<op::CreateTags>(add);
    let of_kind = filters(&[("resource-type", &["natgateway"])]);
    let tags = cloud.ok::<op::DescribeTags>(input!(DescribeTagsRequest { filters: of_kind })).tags.unwrap();
    assert_eq!(tags[0].resource_id.as_ref(), Some(&id));
    let found = |name: &str, value: &str| {
        let filters = filters(&[(name, &[value])]);
        let found = network.described(input!(DescribeNatGatewaysRequest { filter: filters }));
        found.into_iter().map(|gateway| gateway.nat_gateway_id.unwrap()).collect::<Vec<_>>()
    };
    let one = [("nat-gateway-id", &*id), ("state", "deleted"), ("subnet-id", &network.subnet)];
    for (name, value) in one.into_iter().chain([("tag:Name", "out"), ("tag-key", "Name")]) {
        assert_eq!(found(name, value), std::slice::from_ref(&id), "{name}");
    }
    assert_eq!((found("vpc-id", &network.vpc).len(), found("state", "pending").len()), (6, 5));
    assert_eq!(found("vpc-id", "vpc-0123456789abcdef0").len(), 0);
    let input = input!(DescribeNatGatewaysRequest { filter: filters(&[("colour", &["red"])]) });
    cloud.refuses::<op::DescribeNatGateways>(
        input,
        "InvalidParameterValue",
        "The filter 'colour' is invalid",
    );
    let page = cloud.ok::<op::DescribeNatGateways>(input!(DescribeNatGatewaysRequest { max_results: 5 }));
    assert_eq!(page.nat_gateways.unwrap().len(), 5);
    let next = api::DescribeNatGatewaysRequest { next_token: page.next_token, ..Default::default() };
    assert_eq!(network.described(next).len(), 1);
    let unknown = ["nat-0123456789abcdef0", "nat-0123456789abcdef1"];
    let message = format!("NatGateways {} were not found", unknown.join(", "));
    let input = input!(DescribeNatGatewaysRequest { nat_gateway_ids: unknown });
    cloud.refuses::<op::DescribeNatGateways>(input, "NatGatewayNotFound", &message);
    let rehearsal = input!(DescribeNatGatewaysRequest { dry_run: true });
    cloud.refuses::<op::DescribeNatGateways>(rehearsal, "DryRunOperation", "…");
}
