mod found;
mod moving;
mod transfer;

use std::net::Ipv4Addr;

use aws_api::Unit;
use service_api::{RequestContext, Service, ServiceError};
use store::{Read, Transaction};
use svc_ec2::Config;
use svc_ec2::record::{ElasticIp, ManagedKind, NetworkInterface};

use crate::cloud::{Cloud, Member, Operation, api, filters, input, op, tagged, tags};

fn allocate(cloud: &Cloud) -> (String, String) {
    let answer = cloud.ok::<op::AllocateAddress>(input!(AllocateAddressRequest {}));
    (answer.allocation_id.unwrap(), answer.public_ip.unwrap())
}

fn release(cloud: &Cloud, id: &str) {
    cloud.ok::<op::ReleaseAddress>(input!(ReleaseAddressRequest { allocation_id: id }));
}

fn describe(cloud: &Cloud, id: &str) -> api::Address {
    let input = input!(DescribeAddressesRequest { allocation_ids: [id] });
    cloud.ok::<op::DescribeAddresses>(input).addresses.unwrap().remove(0)
}

/// A subnet of the default VPC, which has an internet gateway and public names.
fn public_subnet(cloud: &Cloud) -> String {
    let input = input!(DescribeSubnetsRequest { filters: filters(&[("vpc-id", &[&cloud.default_vpc()])]) });
    cloud.ok::<op::DescribeSubnets>(input).subnets.unwrap().remove(0).subnet_id.unwrap()
}

/// Another one, whose instances get no public addresses unasked.
fn plain_subnet(cloud: &Cloud) -> String {
    cloud.subnet(&cloud.default_vpc(), "172.31.240.0/24")
}

fn with_interface(id: &str, interface: &str) -> api::AssociateAddressRequest {
    input!(AssociateAddressRequest { allocation_id: id, network_interface_id: interface })
}

fn associate(cloud: &Cloud, input: api::AssociateAddressRequest) -> String {
    cloud.ok::<op::AssociateAddress>(input).association_id.unwrap()
}

/// The public addresses of an interface's private ones, in their order.
fn public_ips(cloud: &Cloud, interface: &str) -> Vec<Option<String>> {
    let addresses = cloud.describe_interface(interface).private_ip_addresses.unwrap();
    addresses.into_iter().map(|address| address.association.and_then(|held| held.public_ip)).collect()
}

/// Gives an interface so many further addresses, and returns all that it has.
fn assign(cloud: &Cloud, interface: &str, count: i32) -> Vec<String> {
    cloud.ok::<op::AssignPrivateIpAddresses>(input!(AssignPrivateIpAddressesRequest {
        network_interface_id: interface,
        secondary_private_ip_address_count: count,
    }));
    let addresses = cloud.describe_interface(interface).private_ip_addresses.unwrap();
    addresses.into_iter().map(|address| address.private_ip_address.unwrap()).collect()
}

#[test]
fn an_address_is_allocated_with_tags_and_released() {
    let cloud = Cloud::new();
    let answer = cloud.ok::<op::AllocateAddress>(input!(AllocateAddressRequest {
        domain: "vpc",
        public_ipv4_pool: "amazon",
        network_border_group: "us-east-1",
        tag_specifications: tagged("elastic-ip", &[("Name", "front")]),
    }));
    let some = |text: &str| Some(text.to_owned());
    let id = answer.allocation_id.clone().unwrap();
    assert!(id.starts_with("eipalloc-"));
    assert_eq!((answer.domain, answer.public_ipv4_pool), (some("vpc"), some("amazon")));
    assert_eq!(answer.network_border_group, some("us-east-1"));
    assert_eq!(
        describe(&cloud, &id),
        api::Address {
            allocation_id: Some(id.clone()),
            domain: some("vpc"),
            network_border_group: some("us-east-1"),
            public_ip: answer.public_ip,
            public_ipv4_pool: some("amazon"),
            tags: Some(tags(&[("Name", "front")])),
            ..Default::default()
        }
    );
    cloud
        .ok::<op::CreateTags>(input!(CreateTagsRequest { resources: [&id], tags: tags(&[("tier", "web")]) }));
    let input = input!(DescribeTagsRequest { filters: filters(&[("resource-type", &["elastic-ip"])]) });
    let described = cloud.ok::<op::DescribeTags>(input).tags.unwrap();
    assert_eq!(described.len(), 2);
    assert!(described.iter().all(|tag| tag.resource_id.as_ref() == Some(&id)));

    let release = || input!(ReleaseAddressRequest { allocation_id: &id });
    let elsewhere = api::ReleaseAddressRequest { network_border_group: some("us-east-1-wl1"), ..release() };
    cloud.refuses::<op::ReleaseAddress>(elsewhere, "InvalidAddress.NotFound", "Address '198.18.…");
    let rehearsal = api::ReleaseAddressRequest { dry_run: Some(true), ..release() };
    cloud.refuses::<op::ReleaseAddress>(rehearsal, "DryRunOperation", "…");
    let right = api::ReleaseAddressRequest { network_border_group: some("us-east-1"), ..release() };
    assert_eq!(cloud.ok::<op::ReleaseAddress>(right), Unit);
    let message = format!("The allocation ID '{id}' does not exist");
    cloud.refuses::<op::ReleaseAddress>(release(), "InvalidAllocationID.NotFound", &message);
    assert_eq!(
        cloud.ok::<op::DescribeAddresses>(input!(DescribeAddressesRequest {})).addresses,
        Some(vec![])
    );
}

#[test]
fn allocations_that_cannot_be() {
    let cloud = Cloud::new();
    let check = |input: api::AllocateAddressRequest, code: &str, message: &str| {
        cloud.refuses::<op::AllocateAddress>(input, code, message);
    };
    let standard = "Value (standard) for parameter domain is invalid. …";
    check(input!(AllocateAddressRequest { domain: "standard" }), "InvalidParameterValue", standard);
    let unknown = "The public IPv4 pool ID 'ipv4pool-ec2-1' does not exist";
    let pool = input!(AllocateAddressRequest { public_ipv4_pool: "ipv4pool-ec2-1" });
    check(pool, "InvalidPublicIpv4PoolID.NotFound", unknown);
    let group = "Value (us-west-2-lax-1) for parameter networkBorderGroup is invalid. …";
    let input = input!(AllocateAddressRequest { network_border_group: "us-west-2-lax-1" });
    check(input, "InvalidParameterValue", group);
    let unsupported = "Customer-owned address pools and IPAM pools are not supported.";
    let customer = input!(AllocateAddressRequest { customer_owned_ipv4_pool: "ipv4pool-coip-1" });
    check(customer, "UnsupportedOperation", unsupported);
    let ipam = input!(AllocateAddressRequest { ipam_pool_id: "ipam-pool-0123456789abcdef0" });
    check(ipam, "UnsupportedOperation", unsupported);
    let tags = input!(AllocateAddressRequest { tag_specifications: tagged("instance", &[("a", "b")]) });
    check(tags, "InvalidParameterValue", "'instance' is not a valid taggable resource type …");
    check(input!(AllocateAddressRequest { dry_run: true }), "DryRunOperation", "…");
    let malformed = "Address '198.18' is not valid.";
    check(input!(AllocateAddressRequest { address: "198.18" }), "InvalidAddress.Malformed", malformed);
    // The first and the last of the region's block, one of another region, and one of nobody's.
    let (_, first) = allocate(&cloud);
    let base = u32::from(first.parse::<Ipv4Addr>().unwrap()) - 1;
    let [network, broadcast] = [base, base + 2047].map(|bits| Ipv4Addr::from(bits).to_string());
    for address in [&network, &broadcast, "198.18.0.1", "192.0.2.1"] {
        let message = format!("Address '{address}' not found.");
        check(input!(AllocateAddressRequest { address }), "InvalidAddress.NotFound", &message);
    }
    // One that is given.
    let message = format!("Address '{first}' not found.");
    check(input!(AllocateAddressRequest { address: &first }), "InvalidAddress.NotFound", &message);

    for _ in 1..5 {
        allocate(&cloud);
    }
    let message = "The maximum number of addresses has been reached.";
    check(input!(AllocateAddressRequest {}), "AddressLimitExceeded", message);
}

/// A request of another account.
fn call_as<O: Operation>(cloud: &Cloud, account: &str, input: O::Input) -> Result<O::Output, ServiceError>
where
    O::Input: Into<aws_model::Value>,
    O::Output: TryFrom<aws_model::Value, Error: std::fmt::Debug>,
{
    let mut context: RequestContext = cloud.context();
    context.principal.account = account.parse().unwrap();
    let answer = cloud.ec2.call(&context, O::NAME, input.into())?;
    Ok(O::Output::try_from(answer).unwrap())
}

#[test]
fn the_lowest_address_that_has_rested_is_given_over_all_accounts() {
    let cloud = Cloud::without_quotas();
    let octet = |address: &str| address.rsplit('.').next().unwrap().parse::<u32>().unwrap();
    let next = || octet(&allocate(&cloud).1);
    let (first, address) = allocate(&cloud);
    assert_eq!((octet(&address), next()), (1, 2));
    let other =
        call_as::<op::AllocateAddress>(&cloud, "210987654321", input!(AllocateAddressRequest {})).unwrap();
    assert_eq!(octet(other.public_ip.as_ref().unwrap()), 3);
    // What one account holds is not another's.
    let input = input!(DescribeAddressesRequest { allocation_ids: [other.allocation_id.as_ref().unwrap()] });
    cloud.refuses::<op::DescribeAddresses>(input, "InvalidAllocationID.NotFound", "…");

    release(&cloud, &first);
    cloud.wait(10 * 60 * 1000 - 1);
    assert_eq!(next(), 4, "the first has not rested");
    cloud.wait(1);
    assert_eq!((next(), next()), (1, 5));
}

#[test]
fn a_released_address_can_be_recovered() {
    let cloud = Cloud::new();
    let (first, address) = allocate(&cloud);
    release(&cloud, &first);
    let recover = || input!(AllocateAddressRequest { address: &address });
    let answer = cloud.ok::<op::AllocateAddress>(recover());
    assert_eq!(answer.public_ip.as_ref(), Some(&address));
    assert_ne!(answer.allocation_id.as_ref(), Some(&first));
    cloud.refuses::<op::AllocateAddress>(recover(), "InvalidAddress.NotFound", "…");
    // What nobody has released, or another account has, is nobody's to recover.
    let never = input!(AllocateAddressRequest { address: "198.18.240.77" });
    cloud.refuses::<op::AllocateAddress>(
        never,
        "InvalidAddress.NotFound",
        "Address '198.18.240.77' not found.",
    );
    release(&cloud, &answer.allocation_id.unwrap());
    let stranger = call_as::<op::AllocateAddress>(&cloud, "210987654321", recover()).unwrap_err();
    assert_eq!(stranger.code, "InvalidAddress.NotFound");
    cloud.ok::<op::AllocateAddress>(recover());
    // It does not rest any more.
    cloud.wait(10 * 60 * 1000);
    assert_ne!(allocate(&cloud).1, address);
}

#[test]
fn when_none_has_rested_the_longest_free_one_is_given_and_then_none() {
    let cloud = Cloud::without_quotas();
    let all: Vec<_> = (0..2046).map(|_| allocate(&cloud)).collect();
    let exhausted = || {
        let message = "There are not enough free addresses to satisfy your request.";
        let input = input!(AllocateAddressRequest {});
        cloud.refuses::<op::AllocateAddress>(input, "InsufficientAddressCapacity", message);
    };
    exhausted();
    release(&cloud, &all[7].0);
    cloud.wait(1000);
    release(&cloud, &all[3].0);
    assert_eq!([allocate(&cloud).1, allocate(&cloud).1], [all[7].1.clone(), all[3].1.clone()]);
    exhausted();
    // Another region has its own.
    let cloud = cloud.in_region("eu-west-1");
    let (_, address) = allocate(&cloud);
    assert!(all.iter().all(|(_, other)| *other != address));
}

#[test]
fn an_interface_shows_its_association() {
    let cloud = Cloud::new();
    let (subnet, (id, address)) = (public_subnet(&cloud), allocate(&cloud));
    let interface = cloud.interface(&subnet);
    let association = associate(&cloud, with_interface(&id, &interface));
    assert!(association.starts_with("eipassoc-"));
    let expected = api::NetworkInterfaceAssociation {
        allocation_id: Some(id.clone()),
        association_id: Some(association.clone()),
        ip_owner_id: Some("123456789012".to_owned()),
        public_dns_name: Some(format!("ec2-{}.compute-1.amazonaws.com", address.replace('.', "-"))),
        public_ip: Some(address),
        ..Default::default()
    };
    let shown = cloud.describe_interface(&interface);
    assert_eq!(shown.association, Some(expected.clone()));
    assert_eq!(shown.private_ip_addresses.unwrap()[0].association, Some(expected));
    let described = describe(&cloud, &id);
    assert_eq!(described.association_id, Some(association.clone()));
    assert_eq!(described.network_interface_id, Some(interface.clone()));
    assert_eq!(described.network_interface_owner_id.as_deref(), Some("123456789012"));
    assert_eq!((described.instance_id, described.private_ip_address), (None, shown.private_ip_address));

    // The same again is no change.
    let revision = cloud.store.snapshot().revision();
    assert_eq!(associate(&cloud, with_interface(&id, &interface)), association);
    assert_eq!(cloud.store.snapshot().revision(), revision);

    cloud.ok::<op::DisassociateAddress>(input!(DisassociateAddressRequest { association_id: &association }));
    assert_eq!(cloud.describe_interface(&interface).association, None);
    assert_eq!(describe(&cloud, &id).network_interface_id, None);
    release(&cloud, &id);
}

#[test]
fn an_address_in_use_is_released_in_the_default_vpc_alone() {
    let cloud = Cloud::new();
    let (id, address) = allocate(&cloud);
    let interface = cloud.interface(&public_subnet(&cloud));
    associate(&cloud, with_interface(&id, &interface));
    release(&cloud, &id);
    assert_eq!(cloud.describe_interface(&interface).association, None);

    let vpc = cloud.vpc("10.0.0.0/16");
    let gateway = cloud.ok::<op::CreateInternetGateway>(input!(CreateInternetGatewayRequest {}));
    let gateway = gateway.internet_gateway.unwrap().internet_gateway_id.unwrap();
    cloud.ok::<op::AttachInternetGateway>(input!(AttachInternetGatewayRequest {
        internet_gateway_id: &gateway,
        vpc_id: &vpc
    }));
    let interface = cloud.interface(&cloud.subnet(&vpc, "10.0.0.0/24"));
    let recovered = cloud.ok::<op::AllocateAddress>(input!(AllocateAddressRequest { address: &address }));
    let id = recovered.allocation_id.unwrap();
    associate(&cloud, with_interface(&id, &interface));
    let message = format!("Address {address} is in use.");
    let input = input!(ReleaseAddressRequest { allocation_id: &id });
    cloud.refuses::<op::ReleaseAddress>(input, "InvalidIPAddress.InUse", &message);
}

/// An attribute of the default VPC.
fn modify_default_vpc(cloud: &Cloud, change: impl FnOnce(&mut api::ModifyVpcAttributeRequest)) {
    let mut input = input!(ModifyVpcAttributeRequest { vpc_id: cloud.default_vpc() });
    change(&mut input);
    cloud.ok::<op::ModifyVpcAttribute>(input);
}

#[test]
fn a_public_name_is_the_regions_and_needs_both_dns_attributes() {
    let cloud = Cloud::new().in_region("eu-west-1");
    let (subnet, (id, address)) = (public_subnet(&cloud), allocate(&cloud));
    let instance = cloud.started(&subnet);
    associate(&cloud, input!(AssociateAddressRequest { allocation_id: &id, instance_id: &instance }));
    let name = || cloud.instance(&instance).public_dns_name.unwrap();
    let expected = format!("ec2-{}.eu-west-1.compute.amazonaws.com", address.replace('.', "-"));
    assert_eq!(name(), expected);
    let attribute = |value| Some(api::AttributeBooleanValue { value: Some(value) });
    modify_default_vpc(&cloud, |input| input.enable_dns_support = attribute(false));
    assert_eq!(name(), "");
    modify_default_vpc(&cloud, |input| input.enable_dns_support = attribute(true));
    assert_eq!(name(), expected);
    modify_default_vpc(&cloud, |input| input.enable_dns_hostnames = attribute(false));
    assert_eq!(name(), "");
    assert_eq!(cloud.instance(&instance).public_ip_address, Some(address));
}

#[test]
fn an_instance_shows_the_public_address_of_its_primary_one() {
    let cloud = Cloud::new();
    let instance = cloud.started(&plain_subnet(&cloud));
    let before = cloud.instance(&instance);
    assert_eq!((before.public_ip_address, before.public_dns_name.as_deref()), (None, Some("")));
    let (id, address) = allocate(&cloud);
    associate(&cloud, input!(AssociateAddressRequest { public_ip: &address, instance_id: &instance }));
    assert_eq!(describe(&cloud, &id).instance_id.as_ref(), Some(&instance));
    let expected = api::InstanceNetworkInterfaceAssociation {
        ip_owner_id: Some("123456789012".to_owned()),
        public_dns_name: Some(format!("ec2-{}.compute-1.amazonaws.com", address.replace('.', "-"))),
        public_ip: Some(address.clone()),
        ..Default::default()
    };
    let shown = cloud.instance(&instance);
    assert_eq!(shown.public_ip_address.as_ref(), Some(&address));
    assert_eq!(shown.public_dns_name, expected.public_dns_name);
    let interface = shown.network_interfaces.unwrap().remove(0);
    assert_eq!(interface.association.as_ref(), Some(&expected));
    assert_eq!(interface.private_ip_addresses.unwrap()[0].association.as_ref(), Some(&expected));

    // A stop keeps it, and a further private address has its own.
    cloud.stop(&instance);
    let interface = interface.network_interface_id.unwrap();
    let addresses = assign(&cloud, &interface, 1);
    let (other, other_address) = allocate(&cloud);
    let input = with_interface(&other, &interface);
    let input = api::AssociateAddressRequest { private_ip_address: Some(addresses[1].clone()), ..input };
    associate(&cloud, input);
    assert_eq!(public_ips(&cloud, &interface), [Some(address.clone()), Some(other_address)]);
    assert_eq!(cloud.instance(&instance).public_ip_address, Some(address));

    // What is terminated has none, and the addresses stay allocated.
    cloud.terminate(&instance);
    assert_eq!(cloud.instance(&instance).public_ip_address, None);
    assert_eq!(cloud.instance(&instance).public_dns_name.as_deref(), Some(""));
    for id in [&id, &other] {
        assert_eq!(describe(&cloud, id).association_id, None);
        release(&cloud, id);
    }
}

#[test]
fn a_launch_with_an_interface_has_its_public_address_at_once() {
    let cloud = Cloud::new();
    let (subnet, (id, address)) = (public_subnet(&cloud), allocate(&cloud));
    let interface = cloud.interface(&subnet);
    associate(&cloud, with_interface(&id, &interface));
    let existing =
        input!(InstanceNetworkInterfaceSpecification { device_index: 0, network_interface_id: &interface });
    let launch = api::RunInstancesRequest { network_interfaces: Some(vec![existing]), ..cloud.launch() };
    let instance = cloud.run(launch).remove(0);
    assert_eq!(instance.public_ip_address.as_ref(), Some(&address));
    let instance = instance.instance_id.unwrap();
    assert_eq!(describe(&cloud, &id).instance_id.as_ref(), Some(&instance));
    // The interface outlives the instance, and keeps the address.
    cloud.terminate(&instance);
    assert_eq!(public_ips(&cloud, &interface), [Some(address)]);
    assert_eq!(describe(&cloud, &id).instance_id, None);
}

#[test]
fn an_address_moves_only_when_that_is_allowed_and_replaces_another() {
    let cloud = Cloud::new();
    let subnet = public_subnet(&cloud);
    let (one, other) = (cloud.interface(&subnet), cloud.interface(&subnet));
    let (id, address) = allocate(&cloud);
    let first = associate(&cloud, with_interface(&id, &one));
    let message = format!("resource {id} is already associated with associate-id {first}");
    for allow_reassociation in [None, Some(false)] {
        let input = api::AssociateAddressRequest { allow_reassociation, ..with_interface(&id, &other) };
        cloud.refuses::<op::AssociateAddress>(input, "Resource.AlreadyAssociated", &message);
    }
    let allowed =
        api::AssociateAddressRequest { allow_reassociation: Some(true), ..with_interface(&id, &other) };
    let rehearsal = api::AssociateAddressRequest { dry_run: Some(true), ..allowed.clone() };
    cloud.refuses::<op::AssociateAddress>(rehearsal, "DryRunOperation", "…");
    assert_ne!(associate(&cloud, allowed), first);
    assert_eq!((public_ips(&cloud, &one), public_ips(&cloud, &other)), (vec![None], vec![Some(address)]));

    let (newer, newer_address) = allocate(&cloud);
    associate(&cloud, with_interface(&newer, &other));
    assert_eq!(public_ips(&cloud, &other), [Some(newer_address)]);
    assert_eq!(describe(&cloud, &id).association_id, None);
}

#[test]
fn associations_that_cannot_be() {
    let cloud = Cloud::with(Config { hot_plug: true, ..Config::default() });
    let (subnet, (id, address)) = (plain_subnet(&cloud), allocate(&cloud));
    let interface = cloud.interface(&subnet);
    let check = |input: api::AssociateAddressRequest, code: &str, message: &str| {
        cloud.refuses::<op::AssociateAddress>(input, code, message);
    };
    let of_interface = || input!(AssociateAddressRequest { network_interface_id: &interface });
    let either = "Either public IP or allocation id must be specified";
    check(of_interface(), "MissingParameter", either);
    let both = "You may specify public IP or allocation id, but not both in the same call";
    let input = api::AssociateAddressRequest {
        allocation_id: Some(id.clone()),
        public_ip: Some(address.clone()),
        ..of_interface()
    };
    check(input, "InvalidParameterCombination", both);
    let unknown = with_interface("eipalloc-0123456789abcdef0", &interface);
    let message = "The allocation ID 'eipalloc-0123456789abcdef0' does not exist";
    check(unknown, "InvalidAllocationID.NotFound", message);
    let malformed = "Invalid id: \"eip-1\" (expecting \"eipalloc-...\")";
    check(with_interface("eip-1", &interface), "InvalidAllocationID.Malformed", malformed);
    let foreign = api::AssociateAddressRequest { public_ip: "198.18.0.9".member(), ..of_interface() };
    check(foreign, "AuthFailure", "The address '198.18.0.9' does not belong to you.");
    let malformed = api::AssociateAddressRequest { public_ip: "x".member(), ..of_interface() };
    check(malformed, "InvalidAddress.Malformed", "Address 'x' is not valid.");

    let of_nothing = || input!(AssociateAddressRequest { allocation_id: &id });
    let either = "Either instance ID or network interface id must be specified";
    check(of_nothing(), "MissingParameter", either);
    let unknown = with_interface(&id, "eni-0123456789abcdef0");
    check(unknown, "InvalidNetworkInterfaceID.NotFound", "…");
    let of_instance =
        |instance: &str| api::AssociateAddressRequest { instance_id: instance.member(), ..of_nothing() };
    check(of_instance("i-0123456789abcdef0"), "InvalidInstanceID.NotFound", "…");
    let both = api::AssociateAddressRequest {
        instance_id: "i-0123456789abcdef0".member(),
        ..with_interface(&id, &interface)
    };
    check(both, "InvalidParameterCombination", "You may specify instance ID or network interface id, …");
    let private = |text: &str| api::AssociateAddressRequest {
        private_ip_address: text.member(),
        ..with_interface(&id, &interface)
    };
    let malformed = "Value (10.0) for parameter privateIpAddress is invalid. Invalid IPv4 address.";
    check(private("10.0"), "InvalidParameterValue", malformed);
    let foreign = format!(
        "Value (10.0.0.9) for parameter privateIpAddress is invalid. It is not an address of interface {interface}."
    );
    check(private("10.0.0.9"), "InvalidParameterValue", &foreign);

    // Without an internet gateway.
    let vpc = cloud.vpc("10.0.0.0/16");
    let inside = cloud.interface(&cloud.subnet(&vpc, "10.0.0.0/24"));
    let message = format!("Network {vpc} is not attached to any internet gateway");
    check(with_interface(&id, &inside), "Gateway.NotAttached", &message);

    // An instance that is not there yet or is about to go.
    let launch = api::RunInstancesRequest { subnet_id: Some(subnet.clone()), ..cloud.launch() };
    let pending = cloud.run(launch).remove(0);
    let of_pending = pending.network_interfaces.unwrap()[0].network_interface_id.clone().unwrap();
    let pending = pending.instance_id.unwrap();
    let message = format!("The pending instance '{pending}' is not in a valid state for this operation.");
    check(of_instance(&pending), "InvalidInstanceID", &message);
    let message = format!(
        "The pending-instance-creation instance to which '{of_pending}' is attached is not in a valid state for this \
         operation"
    );
    check(with_interface(&id, &of_pending), "IncorrectInstanceState", &message);
    cloud.ok::<op::TerminateInstances>(input!(TerminateInstancesRequest { instance_ids: [&pending] }));
    check(of_instance(&pending), "InvalidInstanceID", "The shutting-down instance '…");
    let message = format!("The shutting-down instance to which '{of_pending}' is attached …");
    check(with_interface(&id, &of_pending), "IncorrectInstanceState", &message);

    // An instance with more than one interface.
    let instance = cloud.started(&subnet);
    cloud.ok::<op::AttachNetworkInterface>(input!(AttachNetworkInterfaceRequest {
        network_interface_id: &interface,
        instance_id: &instance,
        device_index: 1,
    }));
    let message = format!(
        "There are multiple interfaces attached to instance '{instance}'. Please specify an interface ID for the \
         operation instead."
    );
    check(of_instance(&instance), "InvalidInstanceID", &message);
    associate(&cloud, with_interface(&id, &interface));
    assert_eq!(cloud.instance(&instance).public_ip_address, None, "it is not the primary interface's");
    // A detachment leaves it with the interface.
    let attachment = cloud.describe_interface(&interface).attachment.unwrap().attachment_id.unwrap();
    cloud.ok::<op::DetachNetworkInterface>(input!(DetachNetworkInterfaceRequest {
        attachment_id: &attachment
    }));
    assert_eq!(public_ips(&cloud, &interface), [Some(address)]);
}

#[test]
fn what_a_service_manages_is_its_own() {
    let cloud = Cloud::new();
    let (subnet, (id, address)) = (public_subnet(&cloud), allocate(&cloud));
    let (own, managed) = (cloud.interface(&subnet), cloud.interface(&subnet));
    let association = associate(&cloud, with_interface(&id, &managed));
    let scope = cloud.scope();
    let manage = |transaction: &mut Transaction| {
        let mut record = NetworkInterface::clone(&transaction.get(&scope, &managed).unwrap());
        record.kind = Some(ManagedKind::NatGateway);
        transaction.put(&scope, &managed, record);
        Ok::<_, ServiceError>(())
    };
    cloud.store.transact(manage).unwrap();
    let message = "You do not have permission to access the specified resource.";
    let (other, _) = allocate(&cloud);
    cloud.refuses::<op::AssociateAddress>(with_interface(&other, &managed), "AuthFailure", message);
    let moved = api::AssociateAddressRequest { allow_reassociation: Some(true), ..with_interface(&id, &own) };
    cloud.refuses::<op::AssociateAddress>(moved, "AuthFailure", message);
    for input in [
        input!(DisassociateAddressRequest { association_id: &association }),
        input!(DisassociateAddressRequest { public_ip: &address }),
    ] {
        cloud.refuses::<op::DisassociateAddress>(input, "AuthFailure", message);
    }
}

#[test]
fn disassociations() {
    let cloud = Cloud::new();
    let (subnet, (id, address)) = (public_subnet(&cloud), allocate(&cloud));
    let interface = cloud.interface(&subnet);
    let association = associate(&cloud, with_interface(&id, &interface));
    let check = |input: api::DisassociateAddressRequest, code: &str, message: &str| {
        cloud.refuses::<op::DisassociateAddress>(input, code, message);
    };
    let by_id = |id: &str| input!(DisassociateAddressRequest { association_id: id });
    let by_address = |address: &str| input!(DisassociateAddressRequest { public_ip: address });
    let either = "Either public IP or association id must be specified";
    check(input!(DisassociateAddressRequest {}), "MissingParameter", either);
    let both = api::DisassociateAddressRequest { public_ip: Some(address.clone()), ..by_id(&association) };
    check(both, "InvalidParameterCombination", "You may specify public IP or association id, …");
    for unknown in ["eipassoc-0123456789abcdef0", "nonsense"] {
        let message = format!("The association ID '{unknown}' does not exist");
        check(by_id(unknown), "InvalidAssociationID.NotFound", &message);
    }
    check(by_address("192.0.2.1"), "AuthFailure", "The address '192.0.2.1' does not belong to you.");
    check(by_address("x"), "InvalidAddress.Malformed", "Address 'x' is not valid.");
    let rehearsal = api::DisassociateAddressRequest { dry_run: Some(true), ..by_id(&association) };
    check(rehearsal, "DryRunOperation", "…");

    cloud.ok::<op::DisassociateAddress>(by_address(&address));
    assert_eq!(public_ips(&cloud, &interface), [None]);
    let message = format!("The address '{address}' is not associated");
    check(by_address(&address), "InvalidAssociationID.NotFound", &message);
    check(by_id(&association), "InvalidAssociationID.NotFound", "…");

    let check = |input: api::ReleaseAddressRequest, code: &str, message: &str| {
        cloud.refuses::<op::ReleaseAddress>(input, code, message);
    };
    check(input!(ReleaseAddressRequest {}), "MissingParameter", "…");
    let both = input!(ReleaseAddressRequest { allocation_id: &id, public_ip: &address });
    check(both, "InvalidParameterCombination", "…");
    let message = "You must specify an allocation id when releasing a VPC elastic IP address";
    check(input!(ReleaseAddressRequest { public_ip: &address }), "InvalidParameterValue", message);
    check(input!(ReleaseAddressRequest { public_ip: "192.0.2.1" }), "AuthFailure", "…");
}

#[test]
fn an_association_goes_with_its_private_address() {
    let cloud = Cloud::new();
    let subnet = public_subnet(&cloud);
    let (one, other) = (cloud.interface(&subnet), cloud.interface(&subnet));
    let private = assign(&cloud, &one, 2);
    let (id, address) = allocate(&cloud);
    let input = api::AssociateAddressRequest {
        private_ip_address: private[1].as_str().member(),
        ..with_interface(&id, &one)
    };
    let association = associate(&cloud, input);
    assert_eq!(public_ips(&cloud, &one), [None, Some(address.clone()), None]);
    assert_eq!(cloud.describe_interface(&one).association, None, "it is not the primary address's");

    let take = |private: &str| {
        cloud.ok::<op::AssignPrivateIpAddresses>(input!(AssignPrivateIpAddressesRequest {
            network_interface_id: &other,
            private_ip_addresses: [private],
            allow_reassignment: true,
        }));
    };
    take(&private[2]);
    assert_eq!(describe(&cloud, &id).network_interface_id.as_ref(), Some(&one), "it is another address's");
    take(&private[1]);
    assert_eq!(public_ips(&cloud, &one), [None]);
    assert_eq!(public_ips(&cloud, &other), [None, None, Some(address.clone())]);
    assert_eq!(describe(&cloud, &id).association_id, Some(association));

    let unassign = |private: &str| {
        cloud.ok::<op::UnassignPrivateIpAddresses>(input!(UnassignPrivateIpAddressesRequest {
            network_interface_id: &other,
            private_ip_addresses: [private],
        }));
    };
    unassign(&private[2]);
    assert_eq!(public_ips(&cloud, &other), [None, Some(address)]);
    unassign(&private[1]);
    assert_eq!(describe(&cloud, &id).association_id, None);

    associate(&cloud, with_interface(&id, &one));
    cloud.ok::<op::DeleteNetworkInterface>(input!(DeleteNetworkInterfaceRequest {
        network_interface_id: &one
    }));
    assert_eq!(describe(&cloud, &id).association_id, None);
    let snapshot = cloud.store.snapshot();
    assert!(snapshot.scan::<ElasticIp>(&cloud.scope()).all(|(_, held)| held.association.is_none()));
}
