//! What records tell the engine, by the operations that write them.

use aws_api::Operation;
use aws_api::ec2::{self as api, operation as op};
use service_api::{RequestContext, Service as _};
use store::{MemoryBackend, Store};
use svc_ec2::{Config, Ec2};
use vpc_model::{DhcpOptions, Direction, NetbiosNodeType, Peer, Resolver};

use super::*;
use crate::testing::{Ids, NoHost, context};

mod account;
pub(crate) mod cloud;
mod endpoint;
mod gateway;
mod peering;
mod prefix_lists;
mod public_access;
mod random;
pub(crate) mod shared;
mod transit_gateway;

/// What a commit changed, at the time of the first request.
fn changed(snapshot: &Snapshot, commit: &Commit) -> Projection {
    Projector::default().changed(snapshot, commit, context().now)
}

/// Every object, at the time of the first request.
fn everything(snapshot: &Snapshot) -> Projection {
    Projector::default().everything(snapshot, context().now)
}

/// Carries out an operation, and gives its answer with what it tells the engine.
fn told<O: Operation>(store: &Store, ec2: &Ec2, input: O::Input) -> (O::Output, Vec<Delta>)
where
    O::Input: Into<aws_model::Value>,
    O::Output: TryFrom<aws_model::Value, Error: std::fmt::Debug>,
{
    told_by::<O>(&context(), store, ec2, input)
}

fn told_by<O: Operation>(
    context: &RequestContext,
    store: &Store,
    ec2: &Ec2,
    input: O::Input,
) -> (O::Output, Vec<Delta>)
where
    O::Input: Into<aws_model::Value>,
    O::Output: TryFrom<aws_model::Value, Error: std::fmt::Debug>,
{
    ec2.ensure_region(&context.scope(), context.now).unwrap();
    let mut tail = store.tail(store.snapshot().revision());
    let answer = ec2.call(context, O::NAME, input.into()).unwrap();
    let mut deltas = Vec::new();
    while let Some(commit) = tail.try_next().unwrap() {
        deltas.extend(changed(&store.snapshot(), &commit).deltas);
    }
    (O::Output::try_from(answer).unwrap(), deltas)
}

#[test]
fn the_prefixes_of_an_interface_reach_the_engine() {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let ec2 = Ec2::new(store.clone(), Ids::default(), NoHost, Config::default());
    let vpc_input = api::CreateVpcRequest {
        cidr_block: Some("10.0.0.0/16".to_owned()),
        amazon_provided_ipv6_cidr_block: Some(true),
        ..Default::default()
    };
    let (made, _) = told::<op::CreateVpc>(&store, &ec2, vpc_input);
    let subnet_input = api::CreateSubnetRequest {
        vpc_id: made.vpc.unwrap().vpc_id.unwrap(),
        cidr_block: Some("10.0.0.0/24".to_owned()),
        ipv6_cidr_block: Some("3fff::/64".to_owned()),
        ..Default::default()
    };
    let (made, _) = told::<op::CreateSubnet>(&store, &ec2, subnet_input);
    let interface_input = api::CreateNetworkInterfaceRequest {
        subnet_id: made.subnet.unwrap().subnet_id.unwrap(),
        ipv4_prefix_count: Some(1),
        ipv6_prefix_count: Some(1),
        ..Default::default()
    };
    let (made, deltas) = told::<op::CreateNetworkInterface>(&store, &ec2, interface_input);
    let [Delta::Put(Object::Interface(interface))] = &deltas[..] else { panic!("{deltas:?}") };
    assert_eq!(interface.ipv4_prefixes, ["10.0.0.224/28".parse().unwrap()]);
    assert_eq!(interface.ipv6_prefixes.len(), 1);
    let unassign = api::UnassignPrivateIpAddressesRequest {
        network_interface_id: made.network_interface.unwrap().network_interface_id.unwrap(),
        ipv4_prefixes: Some(vec!["10.0.0.224/28".to_owned()]),
        private_ip_addresses: None,
    };
    let (_, deltas) = told::<op::UnassignPrivateIpAddresses>(&store, &ec2, unassign);
    let [Delta::Put(Object::Interface(interface))] = &deltas[..] else { panic!("{deltas:?}") };
    assert_eq!((interface.ipv4_prefixes.len(), interface.ipv6_prefixes.len()), (0, 1));
}

#[test]
fn a_dhcp_option_set_reaches_the_engine_whole() {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let ec2 = Ec2::new(store.clone(), Ids::default(), NoHost, Config::default());
    let vpc_input =
        api::CreateVpcRequest { cidr_block: Some("10.0.0.0/16".to_owned()), ..Default::default() };
    let (made, _) = told::<op::CreateVpc>(&store, &ec2, vpc_input);
    let vpc_id = made.vpc.unwrap().vpc_id.unwrap();

    let options: [(&str, &[&str]); 6] = [
        ("domain-name", &["example.com"]),
        ("domain-name-servers", &["10.0.0.53", "AmazonProvidedDNS", "2001:db8::53"]),
        ("ntp-servers", &["10.0.0.123", "fd00:ec2::123"]),
        ("netbios-name-servers", &["10.0.0.137"]),
        ("netbios-node-type", &["2"]),
        ("ipv6-address-preferred-lease-time", &["300"]),
    ];
    let configurations = options.iter().map(|(key, values)| api::NewDhcpConfiguration {
        key: Some((*key).to_owned()),
        values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
    });
    let set_input =
        api::CreateDhcpOptionsRequest { dhcp_configurations: configurations.collect(), ..Default::default() };
    let (made, deltas) = told::<op::CreateDhcpOptions>(&store, &ec2, set_input);
    let set_id = made.dhcp_options.unwrap().dhcp_options_id.unwrap();
    let expected = DhcpOptions {
        id: set_id.parse().unwrap(),
        domain_name: Some("example.com".to_owned()),
        resolvers: vec![
            Resolver::Address("10.0.0.53".parse().unwrap()),
            Resolver::AmazonProvided,
            Resolver::Address("2001:db8::53".parse().unwrap()),
        ],
        ntp_servers: vec!["10.0.0.123".parse().unwrap(), "fd00:ec2::123".parse().unwrap()],
        netbios_name_servers: vec!["10.0.0.137".parse().unwrap()],
        netbios_node_type: Some(NetbiosNodeType::PointToPoint),
        mtu_bytes: 9001,
        ipv6_preferred_lease_secs: 300,
    };
    assert_eq!(deltas, [Delta::Put(expected.clone().into())]);

    let associate = |id: &str| api::AssociateDhcpOptionsRequest {
        dhcp_options_id: id.to_owned(),
        vpc_id: vpc_id.clone(),
        dry_run: None,
    };
    for (id, reference) in [(set_id.as_str(), Some(expected.id)), ("default", None)] {
        let (_, deltas) = told::<op::AssociateDhcpOptions>(&store, &ec2, associate(id));
        let [Delta::Put(Object::Vpc(vpc))] = &deltas[..] else { panic!("{deltas:?}") };
        assert_eq!((vpc.id.to_string(), vpc.dhcp_options), (vpc_id.clone(), reference));
    }
    let everything = everything(&store.snapshot()).deltas;
    assert!(everything.contains(&Delta::Put(expected.clone().into())), "{everything:?}");

    let delete = api::DeleteDhcpOptionsRequest { dhcp_options_id: set_id, dry_run: None };
    let (_, deltas) = told::<op::DeleteDhcpOptions>(&store, &ec2, delete);
    assert_eq!(deltas, [Delta::Remove(ObjectId::DhcpOptions(expected.id))]);
}
