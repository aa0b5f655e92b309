//! What the tests of this crate call EC2 with. Knows no test.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_api::Operation;
use aws_api::ec2::{self as api, operation as op};
use aws_model::Value;
use aws_types::{AccountId, InstanceId, Partition, Timestamp};
use identities::{Account, AccountState};
use service_api::{IdSource, Principal, RequestContext, RequestId, Service as _};
use store::{MemoryBackend, Read as _, Scope, Store, StoreError};
use svc_ec2::{Config, Ec2, HostView};
use svc_s3::S3;
use vpc_model::PublicAddresses;

use crate::projection::Projector;

/// Ids that nobody guesses, the same in every run.
#[derive(Default)]
pub(crate) struct Ids(AtomicU64);

impl IdSource for Ids {
    fn bits(&self) -> u128 {
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        u128::from(count).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

/// A host without instances.
pub(crate) struct NoHost;

impl HostView for NoHost {
    fn console_output(&self, _: InstanceId) -> Option<Vec<u8>> {
        None
    }
}

/// A request of the first account's root user.
pub(crate) fn context() -> RequestContext {
    RequestContext {
        partition: Partition::Aws,
        region: "us-east-1".parse().unwrap(),
        principal: Principal::root(Partition::Aws, "123456789012".parse().unwrap(), "AKIAIOSFODNN7EXAMPLE"),
        request_id: RequestId::from_bits(1),
        now: Timestamp::from_unix_millis(1_795_357_680_000),
        source_ip: "127.0.0.1".parse().unwrap(),
        user_agent: String::new(),
        secure_transport: false,
        way: service_api::Way::default(),
    }
}

/// Writes an account's record, open unless it is changed.
pub(crate) fn put_account(store: &Store, number: &str, change: impl FnOnce(&mut Account)) -> AccountId {
    let id = number.parse().unwrap();
    let mut account = Account {
        id,
        created: context().now,
        name: None,
        is_further: true,
        email: None,
        state: AccountState::Active,
        contact: None,
    };
    change(&mut account);
    let put = store.transact(|transaction| {
        transaction.put(&Scope::global(Partition::Aws, id), number, account);
        Ok::<_, StoreError>(())
    });
    put.unwrap();
    id
}

/// S3 with its objects in a directory.
pub(crate) fn s3(store: &Store, directory: &Path) -> Arc<S3> {
    let secret = svc_s3::secret_of_store(store, Partition::Aws, &mut || 7).unwrap();
    Arc::new(S3::open(store.clone(), Arc::new(Ids::default()), &directory.join("objects"), secret).unwrap())
}

/// EC2 on a store of its own, which a test makes networks with.
pub(crate) struct Ec2Cloud {
    pub(crate) store: Store,
    ec2: Ec2,
}

impl Ec2Cloud {
    pub(crate) fn new() -> Self {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let config = Config { enforce_quotas: false, ..Config::default() };
        let ec2 = Ec2::new(store.clone(), Ids::default(), NoHost, config);
        ec2.ensure_region(&context().scope(), context().now).unwrap();
        Self { store, ec2 }
    }

    /// Calls an operation, which succeeds.
    #[track_caller]
    pub(crate) fn ok<O: Operation>(&self, input: O::Input) -> O::Output
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value, Error: Debug>,
    {
        let answer = self.ec2.call(&context(), O::NAME, input.into());
        O::Output::try_from(answer.unwrap_or_else(|error| panic!("{}: {error}", O::NAME))).unwrap()
    }

    /// What is told to the engine of the state as it is, with these public addresses, compiled.
    pub(crate) fn network(&self, public: &[&str]) -> vpc_engine::Snapshot {
        let public = public.iter().map(|block| PublicAddresses { id: block.parse().unwrap() }.into());
        let mut deltas = Projector::default().everything(&self.store.snapshot(), context().now).deltas;
        deltas.extend(public);
        vpc_engine::Snapshot::new().apply(&deltas).snapshot
    }

    /// A VPC of 10.0.0.0/16, and a subnet that is all of it.
    pub(crate) fn vpc(&self) -> (String, String) {
        let input =
            api::CreateVpcRequest { cidr_block: Some("10.0.0.0/16".to_owned()), ..Default::default() };
        let vpc = self.ok::<op::CreateVpc>(input).vpc.unwrap().vpc_id.unwrap();
        let input = api::CreateSubnetRequest {
            vpc_id: vpc.clone(),
            cidr_block: Some("10.0.0.0/16".to_owned()),
            ..Default::default()
        };
        let subnet = self.ok::<op::CreateSubnet>(input).subnet.unwrap().subnet_id.unwrap();
        (vpc, subnet)
    }

    pub(crate) fn group(&self, vpc: &str, name: &str) -> String {
        let input = api::CreateSecurityGroupRequest {
            vpc_id: Some(vpc.to_owned()),
            group_name: name.to_owned(),
            description: name.to_owned(),
            ..Default::default()
        };
        self.ok::<op::CreateSecurityGroup>(input).group_id.unwrap()
    }

    /// Lets TCP ports into a group from a block.
    pub(crate) fn allow(&self, group: &str, (first, last): (i32, i32), block: &str) {
        let permission = api::IpPermission {
            ip_protocol: Some("tcp".to_owned()),
            from_port: Some(first),
            to_port: Some(last),
            ip_ranges: Some(vec![api::IpRange { cidr_ip: Some(block.to_owned()), description: None }]),
            ..Default::default()
        };
        self.ok::<op::AuthorizeSecurityGroupIngress>(api::AuthorizeSecurityGroupIngressRequest {
            group_id: Some(group.to_owned()),
            ip_permissions: Some(vec![permission]),
            ..Default::default()
        });
    }

    /// An interface of a group with that address and these tags.
    pub(crate) fn interface(
        &self,
        subnet: &str,
        group: &str,
        address: &str,
        tags: &[(&str, &str)],
    ) -> String {
        let input = api::CreateNetworkInterfaceRequest {
            subnet_id: subnet.to_owned(),
            groups: Some(vec![group.to_owned()]),
            private_ip_address: Some(address.to_owned()),
            ..Default::default()
        };
        let made = self.ok::<op::CreateNetworkInterface>(input).network_interface.unwrap();
        let id = made.network_interface_id.unwrap();
        if !tags.is_empty() {
            let tag = |&(key, value): &(&str, &str)| api::Tag {
                key: Some(key.to_owned()),
                value: Some(value.to_owned()),
            };
            self.ok::<op::CreateTags>(api::CreateTagsRequest {
                resources: vec![id.clone()],
                tags: tags.iter().map(tag).collect(),
                ..Default::default()
            });
        }
        id
    }

    /// Gives an interface a public address, and its VPC an internet gateway with a route to it. Answers the address.
    pub(crate) fn publish(&self, vpc: &str, interface: &str) -> String {
        let made = self.ok::<op::CreateInternetGateway>(Default::default()).internet_gateway.unwrap();
        let gateway = made.internet_gateway_id.unwrap();
        self.ok::<op::AttachInternetGateway>(api::AttachInternetGatewayRequest {
            internet_gateway_id: gateway.clone(),
            vpc_id: vpc.to_owned(),
            ..Default::default()
        });
        let tables = self.store.snapshot();
        let (table, _) = tables
            .scan::<svc_ec2::record::RouteTable>(&context().scope())
            .find(|(_, table)| table.vpc.to_string() == vpc)
            .unwrap();
        self.ok::<op::CreateRoute>(api::CreateRouteRequest {
            route_table_id: table.to_owned(),
            destination_cidr_block: Some("0.0.0.0/0".to_owned()),
            gateway_id: Some(gateway),
            ..Default::default()
        });
        let made = self.ok::<op::AllocateAddress>(Default::default());
        self.ok::<op::AssociateAddress>(api::AssociateAddressRequest {
            allocation_id: made.allocation_id,
            network_interface_id: Some(interface.to_owned()),
            ..Default::default()
        });
        made.public_ip.unwrap()
    }
}
