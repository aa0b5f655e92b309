//! The answers to names, by the operations that bring them about.

use aws_api::Operation;
use aws_api::ec2::{self as api, operation as op};
use service_api::{RequestContext, Service as _};
use store::{MemoryBackend, Tail};
use svc_ec2::{Config, Ec2};
use vpc_engine::services::{link_ipv4, link_ipv6};

use super::*;
use crate::authorizing::ByPolicies;
use crate::projection::Projector;
use crate::testing::{Ids, NoHost, context};
use session_tokens::Tokens;

/// A cloud whose directory follows it.
struct Cloud {
    store: Store,
    ec2: Ec2,
    directory: Directory,
    tail: Tail,
}

const NO_ADDRESSES: [IpAddr; 0] = [];

fn text(text: impl ToString) -> Option<String> {
    Some(text.to_string())
}

fn in_region(region: &str) -> RequestContext {
    RequestContext { region: region.parse().unwrap(), ..context() }
}

/// A minute after everything else.
fn later() -> RequestContext {
    RequestContext { now: context().now.plus_millis(60_000), ..context() }
}

impl Cloud {
    fn new() -> Self {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let ec2 = Ec2::new(store.clone(), Ids::default(), NoHost, Config::default());
        let tokens = Tokens::with_key(&[7; 32]);
        let authorization = ByPolicies::new(store.clone(), tokens.clone()).authorization();
        let credentials = InstanceCredentials::new(tokens, authorization);
        let directory = Directory::new(store.clone(), || later().now, credentials);
        let tail = store.tail(store.snapshot().revision());
        Self { store, ec2, directory, tail }
    }

    fn by<O: Operation>(&mut self, context: &RequestContext, input: O::Input) -> O::Output
    where
        O::Input: Into<aws_model::Value>,
        O::Output: TryFrom<aws_model::Value, Error: std::fmt::Debug>,
    {
        self.ec2.ensure_region(&context.scope(), context.now).unwrap();
        let answer = O::Output::try_from(self.ec2.call(context, O::NAME, input.into()).unwrap()).unwrap();
        self.catch_up();
        answer
    }

    fn ok<O: Operation>(&mut self, input: O::Input) -> O::Output
    where
        O::Input: Into<aws_model::Value>,
        O::Output: TryFrom<aws_model::Value, Error: std::fmt::Debug>,
    {
        self.by::<O>(&context(), input)
    }

    /// As the daemon does; and what followed commit by commit is what a fresh start would read.
    fn catch_up(&mut self) {
        while let Some(commit) = self.tail.try_next().unwrap() {
            self.directory.follow(&commit);
            let now = context().now;
            let changed = Projector::default().changed(&self.store.snapshot(), &commit, now);
            self.directory.apply(&changed);
        }
        assert_eq!(*self.directory.public_addresses.read(), PublicAddresses::of(&self.store.snapshot()));
    }

    /// A VPC with or without DNS hostnames, and a subnet in it.
    fn vpc(&mut self, context: &RequestContext, block: &str, has_names: bool) -> (String, String) {
        let input = api::CreateVpcRequest {
            cidr_block: text(block),
            amazon_provided_ipv6_cidr_block: Some(true),
            ..Default::default()
        };
        let vpc = self.by::<op::CreateVpc>(context, input).vpc.unwrap();
        let id = vpc.vpc_id.unwrap();
        self.set_names(context, &id, has_names);
        let described = self.by::<op::DescribeVpcs>(
            context,
            api::DescribeVpcsRequest { vpc_ids: Some(vec![id.clone()]), ..Default::default() },
        );
        let six = described.vpcs.unwrap()[0].ipv6_cidr_block_association_set.as_ref().unwrap()[0]
            .ipv6_cidr_block
            .clone()
            .unwrap();
        let input = api::CreateSubnetRequest {
            vpc_id: id.clone(),
            cidr_block: text(block.replace("/16", "/24")),
            ipv6_cidr_block: text(six.replace("/56", "/64")),
            ..Default::default()
        };
        let subnet = self.by::<op::CreateSubnet>(context, input).subnet.unwrap().subnet_id.unwrap();
        (id, subnet)
    }

    fn set_names(&mut self, context: &RequestContext, vpc: &str, has_names: bool) {
        let input = api::ModifyVpcAttributeRequest {
            vpc_id: vpc.to_owned(),
            enable_dns_hostnames: Some(api::AttributeBooleanValue { value: Some(has_names) }),
            ..Default::default()
        };
        self.by::<op::ModifyVpcAttribute>(context, input);
    }

    fn interface(&mut self, context: &RequestContext, subnet: &str) -> Interface {
        let input = api::CreateNetworkInterfaceRequest {
            subnet_id: subnet.to_owned(),
            ipv6_address_count: Some(1),
            ..Default::default()
        };
        let made = self.by::<op::CreateNetworkInterface>(context, input).network_interface.unwrap();
        let id = made.network_interface_id.unwrap().parse().unwrap();
        self.directory.index.read().interfaces[&id].clone()
    }

    /// A public address for an interface.
    fn public(&mut self, context: &RequestContext, vpc: &str, interface: &Interface) -> (String, Ipv4Addr) {
        let gateway =
            self.by::<op::CreateInternetGateway>(context, api::CreateInternetGatewayRequest::default());
        let gateway = gateway.internet_gateway.unwrap().internet_gateway_id.unwrap();
        let attach = api::AttachInternetGatewayRequest {
            internet_gateway_id: gateway,
            vpc_id: vpc.to_owned(),
            ..Default::default()
        };
        self.by::<op::AttachInternetGateway>(context, attach);
        let made = self.by::<op::AllocateAddress>(context, api::AllocateAddressRequest::default());
        let associate = api::AssociateAddressRequest {
            allocation_id: made.allocation_id,
            network_interface_id: text(interface.id),
            ..Default::default()
        };
        let association = self.by::<op::AssociateAddress>(context, associate).association_id.unwrap();
        (association, made.public_ip.unwrap().parse().unwrap())
    }

    fn ask(&self, from: &Interface, name: &str) -> DnsAnswer {
        let reversed = name
            .strip_suffix(".in-addr.arpa")
            .map(|labels| labels.split('.').rev().collect::<Vec<_>>().join(".").parse().unwrap());
        let question = DnsQuestion {
            name: name.to_owned(),
            address: reversed.map(IpAddr::V4),
            kind: vpc_services::RecordType::A,
        };
        self.directory.other(link_ipv4(from.port).into(), &question)
    }

    /// The addresses of a name, or none.
    fn addresses(&self, from: &Interface, name: &str) -> Vec<IpAddr> {
        match self.ask(from, name) {
            DnsAnswer::Host { addresses, .. } => addresses,
            DnsAnswer::NoSuchName { .. } => Vec::new(),
            other => panic!("{name}: {other:?}"),
        }
    }
}

fn ec2_name(address: Ipv4Addr, domain: &str) -> String {
    format!("ec2-{}.{domain}", address.to_string().replace('.', "-"))
}

fn reversed(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("{d}.{c}.{b}.{a}.in-addr.arpa")
}

#[test]
fn private_names_need_both_attributes_and_are_known_in_the_region() {
    let mut cloud = Cloud::new();
    let here = context();
    let (vpc, subnet) = cloud.vpc(&here, "10.0.0.0/16", true);
    let (_, other) = cloud.vpc(&here, "10.1.0.0/16", true);
    let (_, carrier) = cloud.vpc(&here, "100.70.0.0/16", true);
    let (_, abroad) = cloud.vpc(&in_region("eu-west-1"), "10.2.0.0/16", true);
    let one = cloud.interface(&here, &subnet);
    let [other, carrier] = [other, carrier].map(|subnet| cloud.interface(&here, &subnet));
    let abroad = cloud.interface(&in_region("eu-west-1"), &abroad);
    let peer = link_ipv4(one.port).into();
    let knows = |address: Ipv4Addr| cloud.directory.has_private_address(peer, address);
    assert!(knows(one.ipv4) && knows(other.ipv4));
    assert!(!knows(carrier.ipv4), "of another VPC only addresses that are private by RFC 1918");
    assert!(!knows(abroad.ipv4) && !knows([10, 0, 0, 250].into()));
    assert!(cloud.directory.has_private_address(link_ipv4(carrier.port).into(), carrier.ipv4));

    let network = |cloud: &Cloud| cloud.directory.network(link_ipv6(one.port).into()).unwrap();
    let found = network(&cloud);
    assert!(found.is_supported && found.has_private_names);
    assert_eq!((&*found.private_domain, found.blocks.len()), ("ec2.internal", 2));
    assert_eq!(found.blocks[0], "10.0.0.0/16".parse().unwrap());
    assert!(!found.has_dns64);
    let input = api::ModifySubnetAttributeRequest {
        subnet_id: subnet.clone(),
        enable_dns64: Some(api::AttributeBooleanValue { value: Some(true) }),
        ..Default::default()
    };
    cloud.ok::<op::ModifySubnetAttribute>(input);
    assert!(network(&cloud).has_dns64);
    cloud.set_names(&here, &vpc, false);
    let found = network(&cloud);
    assert!(found.is_supported && !found.has_private_names);
}

/// By the options of the instance, which it has from its subnet, and changed while it is there.
#[test]
fn resource_names_have_the_records_that_their_instance_says() {
    let mut cloud = Cloud::new();
    let here = context();
    let (_, subnet) = cloud.vpc(&here, "10.0.0.0/16", true);
    let (_, apart) = cloud.vpc(&here, "10.1.0.0/16", true);
    let apart = cloud.interface(&here, &apart);
    let launch = api::RunInstancesRequest {
        image_id: text(aws_catalog::images(&here.region).first().unwrap().id),
        instance_type: text("t3.micro"),
        min_count: 1,
        max_count: 1,
        subnet_id: text(&subnet),
        ipv6_address_count: Some(1),
        private_dns_name_options: Some(api::PrivateDnsNameOptionsRequest {
            enable_resource_name_dns_a_record: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    };
    let made = cloud.ok::<op::RunInstances>(launch).instances.unwrap().remove(0);
    let instance: InstanceId = made.instance_id.unwrap().parse().unwrap();
    let own = made.network_interfaces.unwrap().remove(0).network_interface_id.unwrap();
    let own = cloud.directory.index.read().interfaces[&own.parse().unwrap()].clone();
    let (four, six) = (IpAddr::V4(own.ipv4), IpAddr::V6(own.ipv6[0]));
    let check = |cloud: &Cloud, expected: &[IpAddr], has_pointer: bool| {
        let peer = link_ipv4(own.port).into();
        assert_eq!(cloud.directory.resource_name(peer, instance), expected);
        assert_eq!(cloud.directory.instance_with(peer, own.ipv6[0]), has_pointer.then_some(instance));
        let peer = link_ipv4(apart.port).into();
        assert_eq!(cloud.directory.resource_name(peer, instance), NO_ADDRESSES, "from another VPC");
        assert_eq!(cloud.directory.instance_with(peer, own.ipv6[0]), None, "from another VPC");
    };
    check(&cloud, &[four], false);
    let mut set = |a: bool, aaaa: bool| {
        let input = api::ModifyPrivateDnsNameOptionsRequest {
            instance_id: instance.to_string(),
            enable_resource_name_dns_a_record: Some(a),
            enable_resource_name_dns_aaaa_record: Some(aaaa),
            ..Default::default()
        };
        cloud.ok::<op::ModifyPrivateDnsNameOptions>(input);
    };
    set(true, true);
    set(false, true);
    check(&cloud, &[six], true);
}

#[test]
fn fact_63_public_names_lead_to_private_addresses_inside_and_to_public_ones_outside() {
    let mut cloud = Cloud::new();
    let here = context();
    let (vpc, subnet) = cloud.vpc(&here, "10.0.0.0/16", true);
    let (other_vpc, other_subnet) = cloud.vpc(&here, "10.1.0.0/16", true);
    let [one, neighbour] = [(); 2].map(|()| cloud.interface(&here, &subnet));
    let other = cloud.interface(&here, &other_subnet);
    let (association, public) = cloud.public(&here, &vpc, &one);
    let name = ec2_name(public, "compute-1.amazonaws.com");
    let inside: Vec<IpAddr> = vec![one.ipv4.into()];
    let outside: Vec<IpAddr> = vec![public.into()];
    assert_eq!(cloud.addresses(&neighbour, &name), inside);
    assert_eq!(cloud.addresses(&other, &name), outside);
    let pointer = DnsAnswer::Pointer { name: name.clone(), ttl_secs: 60 };
    assert_eq!(cloud.ask(&other, &reversed(public)), pointer);
    let published = |cloud: &Cloud| PublicNames::addresses(&cloud.directory, &name);
    assert_eq!(published(&cloud).as_ref(), Some(&outside), "from the internet");
    assert_eq!(PublicNames::name(&cloud.directory, public.into()).as_ref(), Some(&name));
    assert_eq!(PublicNames::addresses(&cloud.directory, "www.example.org"), None);
    // The name of the address in another region's domain is no name.
    assert_eq!(cloud.addresses(&other, &ec2_name(public, "eu-west-1.compute.amazonaws.com")), NO_ADDRESSES);
    assert_eq!(cloud.addresses(&other, "ec2-198-18-255-1.compute-1.amazonaws.com"), NO_ADDRESSES);

    let input = api::CreateVpcPeeringConnectionRequest {
        vpc_id: other_vpc.clone(),
        peer_vpc_id: text(&vpc),
        ..Default::default()
    };
    let made = cloud.ok::<op::CreateVpcPeeringConnection>(input).vpc_peering_connection.unwrap();
    let peering = made.vpc_peering_connection_id.unwrap();
    let input = api::AcceptVpcPeeringConnectionRequest {
        vpc_peering_connection_id: peering.clone(),
        ..Default::default()
    };
    cloud.ok::<op::AcceptVpcPeeringConnection>(input);
    assert_eq!(cloud.addresses(&other, &name), outside, "DNS resolution is off at first");
    let options = |allows| {
        Some(api::PeeringConnectionOptionsRequest {
            allow_dns_resolution_from_remote_vpc: Some(allows),
            ..Default::default()
        })
    };
    let allow = |cloud: &mut Cloud, requester: Option<bool>, accepter: Option<bool>| {
        let input = api::ModifyVpcPeeringConnectionOptionsRequest {
            vpc_peering_connection_id: peering.clone(),
            requester_peering_connection_options: requester.and_then(options),
            accepter_peering_connection_options: accepter.and_then(options),
            ..Default::default()
        };
        cloud.by::<op::ModifyVpcPeeringConnectionOptions>(&later(), input);
    };
    allow(&mut cloud, Some(true), None);
    assert_eq!(cloud.addresses(&other, &name), outside, "the requester allows it for its own names");
    allow(&mut cloud, Some(false), Some(true));
    assert_eq!(cloud.addresses(&other, &name), inside);
    // It takes DNS hostnames in both VPCs.
    cloud.set_names(&here, &other_vpc, false);
    assert_eq!(cloud.addresses(&other, &name), outside);
    cloud.set_names(&here, &other_vpc, true);
    cloud.set_names(&here, &vpc, false);
    assert_eq!(cloud.addresses(&other, &name), NO_ADDRESSES);
    assert_eq!(cloud.ask(&other, &reversed(public)), DnsAnswer::Elsewhere);
    cloud.set_names(&here, &vpc, true);
    let input = api::DeleteVpcPeeringConnectionRequest {
        vpc_peering_connection_id: peering.clone(),
        ..Default::default()
    };
    cloud.by::<op::DeleteVpcPeeringConnection>(&later(), input);
    assert_eq!(cloud.addresses(&other, &name), outside);

    let input = api::DisassociateAddressRequest { association_id: Some(association), ..Default::default() };
    cloud.ok::<op::DisassociateAddress>(input);
    assert_eq!(cloud.addresses(&neighbour, &name), NO_ADDRESSES);
    assert_eq!(published(&cloud), None);
    assert_eq!(PublicNames::name(&cloud.directory, public.into()), None);
}

#[test]
fn endpoints_have_names_of_their_own_and_the_services_where_private_dns_is_on() {
    let mut cloud = Cloud::new();
    let here = context();
    let (vpc, subnet) = cloud.vpc(&here, "10.0.0.0/16", true);
    let (_, other_subnet) = cloud.vpc(&here, "10.1.0.0/16", true);
    let one = cloud.interface(&here, &subnet);
    let other = cloud.interface(&here, &other_subnet);
    let public = "ssm.us-east-1.amazonaws.com";
    assert_eq!(cloud.ask(&one, public), DnsAnswer::Elsewhere);

    let input = api::CreateVpcEndpointRequest {
        vpc_id: vpc.clone(),
        service_name: text("com.amazonaws.us-east-1.ssm"),
        vpc_endpoint_type: text("Interface"),
        subnet_ids: Some(vec![subnet.clone()]),
        ..Default::default()
    };
    let made = cloud.ok::<op::CreateVpcEndpoint>(input).vpc_endpoint.unwrap();
    let endpoint = made.vpc_endpoint_id.unwrap();
    let interface = made.network_interface_ids.unwrap()[0].parse().unwrap();
    let address = cloud.directory.index.read().interfaces[&interface].ipv4;
    let leads: Vec<IpAddr> = vec![address.into()];
    let names: Vec<String> =
        made.dns_entries.unwrap().into_iter().filter_map(|entry| entry.dns_name).collect();
    assert_eq!((names.len(), names[2].as_str()), (3, public));
    for name in &names[..2] {
        assert_eq!(cloud.addresses(&one, name), leads, "{name}");
        assert_eq!(cloud.addresses(&other, name), leads, "{name} is known everywhere");
        assert_eq!(cloud.addresses(&one, &name.replacen("vpce-", "vpce-f", 1)), NO_ADDRESSES);
        assert_eq!(cloud.addresses(&one, &name.replacen(".ssm.", "-x.ssm.", 1)), NO_ADDRESSES);
    }
    assert_eq!(cloud.addresses(&one, public), leads);
    assert_eq!(cloud.ask(&other, public), DnsAnswer::Elsewhere, "private DNS is for the VPC alone");

    let private = |on| api::ModifyVpcEndpointRequest {
        vpc_endpoint_id: endpoint.clone(),
        private_dns_enabled: Some(on),
        ..Default::default()
    };
    cloud.ok::<op::ModifyVpcEndpoint>(private(false));
    assert_eq!(cloud.ask(&one, public), DnsAnswer::Elsewhere);
    cloud.ok::<op::ModifyVpcEndpoint>(private(true));
    assert_eq!(cloud.addresses(&one, public), leads);
    // A VPC without DNS hostnames has no private hosted zones.
    cloud.set_names(&here, &vpc, false);
    assert_eq!(cloud.ask(&one, public), DnsAnswer::Elsewhere);
    cloud.set_names(&here, &vpc, true);

    let input =
        api::DeleteVpcEndpointsRequest { vpc_endpoint_ids: vec![endpoint.clone()], ..Default::default() };
    cloud.ok::<op::DeleteVpcEndpoints>(input);
    assert_eq!(cloud.ask(&one, public), DnsAnswer::Elsewhere);
    assert_eq!(cloud.addresses(&one, &names[0]), NO_ADDRESSES);
}

#[test]
fn buckets_are_in_the_prefix_list_unless_private_dns_leads_to_an_endpoint() {
    let mut cloud = Cloud::new();
    let here = context();
    let (vpc, subnet) = cloud.vpc(&here, "10.0.0.0/16", true);
    let one = cloud.interface(&here, &subnet);
    let name = "bucket.s3.us-east-1.amazonaws.com";
    let list = aws_catalog::prefix_lists(&here.region).into_iter().find(|list| list.name.ends_with(".s3"));
    let [IpAddr::V4(address)] = cloud.addresses(&one, name)[..] else { panic!("one IPv4 address") };
    assert!(list.unwrap().blocks.iter().any(|block| block.contains(&address)));

    let create = |only_inbound| api::CreateVpcEndpointRequest {
        vpc_id: vpc.clone(),
        service_name: text("com.amazonaws.us-east-1.s3"),
        vpc_endpoint_type: text("Interface"),
        subnet_ids: Some(vec![subnet.clone()]),
        private_dns_enabled: Some(true),
        dns_options: Some(api::DnsOptionsSpecification {
            private_dns_only_for_inbound_resolver_endpoint: Some(only_inbound),
            ..Default::default()
        }),
        ..Default::default()
    };
    let made = cloud.ok::<op::CreateVpcEndpoint>(create(false)).vpc_endpoint.unwrap();
    let interface = made.network_interface_ids.unwrap()[0].parse().unwrap();
    let leads: Vec<IpAddr> = vec![cloud.directory.index.read().interfaces[&interface].ipv4.into()];
    assert_eq!(cloud.addresses(&one, name), leads);
    let own = made.dns_entries.unwrap()[0].dns_name.clone().unwrap();
    assert_eq!(cloud.addresses(&one, &format!("bucket.{own}")), leads);
    // The names of other regions are not the endpoint's.
    assert_ne!(cloud.addresses(&one, "bucket.s3.eu-west-1.amazonaws.com"), leads);
}
