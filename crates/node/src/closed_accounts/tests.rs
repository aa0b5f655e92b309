//! What is left of a closed account after its 90 days, on a clock that the tests move.

use std::cell::Cell;
use std::fmt::Debug;

use aws_api::Operation;
use aws_api::ec2::{self as api, operation as op};
use aws_model::Value;
use aws_types::InstanceId;
use identities::{AccessKey, AccountState, CLOSED_FOR_MILLIS, close_account, cloud_scope, new_root_key};
use resource_shares::SharingPartner;
use service_api::{RequestContext, Service as _, Whole};
use store::MemoryBackend;
use svc_ec2::Config;
use svc_ec2::record::{
    self as ec2, InstanceState, PeeringDecision, TransitGatewayAttachment, VpcPeeringConnection,
};

use super::*;
use crate::projection::tests::shared::share;
use crate::testing::{Ids, NoHost, context, put_account, s3};

const OWNER: &str = "123456789012";
const OTHER: &str = "210987654321";

struct Cloud {
    store: Store,
    ec2: Arc<Ec2>,
    s3: Arc<S3>,
    now: Cell<Timestamp>,
    _directory: tempfile::TempDir,
}

impl Cloud {
    /// Of two accounts, each with a key of its own.
    fn new() -> Self {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let config = Config { enforce_quotas: false, ..Config::default() };
        let ec2 = Arc::new(Ec2::new(store.clone(), Ids::default(), NoHost, config));
        let mut next = 0;
        for number in [OWNER, OTHER] {
            let id = put_account(&store, number, |account| account.name = Some("A name".to_owned()));
            let made = store.transact(|transaction| {
                let mut bits = || {
                    next += 1;
                    next
                };
                new_root_key(transaction, Partition::Aws, id, &mut bits, context().now);
                Ok::<_, StoreError>(())
            });
            made.unwrap();
        }
        let directory = tempfile::tempdir().unwrap();
        let s3 = s3(&store, directory.path());
        Self { store, ec2, s3, now: Cell::new(context().now), _directory: directory }
    }

    /// Lets an hour pass, in which whatever is under way is done.
    fn wait(&self) {
        self.now.set(self.now.get().plus_millis(3_600_000));
    }

    fn context(&self, account: &str) -> RequestContext {
        let mut context = context();
        context.principal.account = account.parse().unwrap();
        context.now = self.now.get();
        context
    }

    #[track_caller]
    fn ok<O: Operation>(&self, account: &str, input: O::Input) -> O::Output
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value, Error: Debug>,
    {
        let answer = self.ec2.call(&self.context(account), O::NAME, input.into());
        O::Output::try_from(answer.unwrap_or_else(|error| panic!("{}: {error}", O::NAME))).unwrap()
    }

    fn vpc(&self, account: &str, block: &str) -> (String, String) {
        let input = api::CreateVpcRequest { cidr_block: Some(block.to_owned()), ..Default::default() };
        let vpc = self.ok::<op::CreateVpc>(account, input).vpc.unwrap().vpc_id.unwrap();
        let input = api::CreateSubnetRequest {
            vpc_id: vpc.clone(),
            cidr_block: Some(block.to_owned()),
            ..Default::default()
        };
        let subnet = self.ok::<op::CreateSubnet>(account, input).subnet.unwrap().subnet_id.unwrap();
        (vpc, subnet)
    }

    fn group(&self, account: &str, vpc: &str) -> String {
        let input = api::CreateSecurityGroupRequest {
            vpc_id: Some(vpc.to_owned()),
            group_name: "web".to_owned(),
            description: "a group".to_owned(),
            ..Default::default()
        };
        self.ok::<op::CreateSecurityGroup>(account, input).group_id.unwrap()
    }

    fn interface(&self, account: &str, subnet: &str, group: Option<&str>) -> String {
        let input = api::CreateNetworkInterfaceRequest {
            subnet_id: subnet.to_owned(),
            groups: group.map(|group| vec![group.to_owned()]),
            ..Default::default()
        };
        let made = self.ok::<op::CreateNetworkInterface>(account, input);
        made.network_interface.unwrap().network_interface_id.unwrap()
    }

    fn close(&self, account: &str) {
        let closed = self.store.transact(|transaction| {
            close_account(transaction, Partition::Aws, account.parse().unwrap(), self.now.get()).unwrap();
            Ok::<_, StoreError>(())
        });
        closed.unwrap();
    }

    /// What a daemon does that was just started, so many milliseconds after the 90 days that began now.
    fn sweep(&self, millis_too_late: i64) {
        let now = self.now.get().plus_millis(CLOSED_FOR_MILLIS + millis_too_late);
        ClosedAccounts::new(self.store.clone(), Arc::clone(&self.ec2), Arc::clone(&self.s3)).sweep(now);
    }

    /// The kinds of records that an account has.
    fn kinds(&self, account: &str) -> Vec<&'static str> {
        let snapshot = self.store.snapshot();
        let mut kinds: Vec<_> = snapshot
            .records()
            .filter(|(key, _)| key.scope.account.to_string() == account)
            .map(|(key, _)| key.kind)
            .collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// How many records of a kind the whole cloud has that no account has.
    fn of_cloud(&self, kind: &str) -> usize {
        let nobody = cloud_scope(Partition::Aws).account;
        let snapshot = self.store.snapshot();
        snapshot.records().filter(|(key, _)| key.scope.account == nobody && key.kind == kind).count()
    }

    fn state(&self, account: &str) -> AccountState {
        let snapshot = self.store.snapshot();
        identities::account(&snapshot, Partition::Aws, account.parse().unwrap()).unwrap().state
    }

    fn scope(&self, account: &str) -> Scope {
        self.context(account).scope()
    }
}

/// A connection between VPCs of the two accounts.
fn peer(cloud: &Cloud, ours: &str, theirs: &str) -> String {
    let input = api::CreateVpcPeeringConnectionRequest {
        vpc_id: ours.to_owned(),
        peer_vpc_id: Some(theirs.to_owned()),
        peer_owner_id: Some(OTHER.to_owned()),
        ..Default::default()
    };
    let made = cloud.ok::<op::CreateVpcPeeringConnection>(OWNER, input).vpc_peering_connection.unwrap();
    let id = made.vpc_peering_connection_id.unwrap();
    let accept = api::AcceptVpcPeeringConnectionRequest {
        vpc_peering_connection_id: id.clone(),
        ..Default::default()
    };
    cloud.ok::<op::AcceptVpcPeeringConnection>(OTHER, accept);
    id
}

/// A VPC of the other account at a gateway of ours, which we share.
fn attach(cloud: &Cloud, vpc: &str, subnet: &str) -> String {
    let made = cloud.ok::<op::CreateTransitGateway>(OWNER, Default::default()).transit_gateway.unwrap();
    let gateway = made.transit_gateway_id.unwrap();
    cloud.wait();
    share(&cloud.store, &[format!("transit-gateway/{gateway}")]);
    let input = api::CreateTransitGatewayVpcAttachmentRequest {
        transit_gateway_id: gateway,
        vpc_id: vpc.to_owned(),
        subnet_ids: vec![subnet.to_owned()],
        ..Default::default()
    };
    let made = cloud.ok::<op::CreateTransitGatewayVpcAttachment>(OTHER, input);
    made.transit_gateway_vpc_attachment.unwrap().transit_gateway_attachment_id.unwrap()
}

fn launch(cloud: &Cloud, subnet: &str) -> InstanceId {
    let context = cloud.context(OTHER);
    let input = api::RunInstancesRequest {
        image_id: Some(aws_catalog::images(&context.region).first().unwrap().id.to_string()),
        instance_type: Some("t3.micro".to_owned()),
        min_count: 1,
        max_count: 1,
        subnet_id: Some(subnet.to_owned()),
        disable_api_termination: Some(true),
        ..Default::default()
    };
    let made = cloud.ok::<op::RunInstances>(OTHER, input).instances.unwrap().remove(0);
    let id: InstanceId = made.instance_id.unwrap().parse().unwrap();
    cloud.ec2.instance_started(&context.scope(), id, context.now).unwrap();
    id
}

#[test]
fn after_ninety_days_nothing_is_left_but_the_number() {
    let cloud = Cloud::new();
    let (ours, _) = cloud.vpc(OWNER, "10.0.0.0/16");
    let (theirs, subnet) = cloud.vpc(OTHER, "10.1.0.0/16");
    let peering = peer(&cloud, &ours, &theirs);
    let attachment = attach(&cloud, &theirs, &subnet);
    let instance = launch(&cloud, &subnet);
    let interface = cloud.interface(OTHER, &subnet, None);
    let made = cloud.ok::<op::CreateInternetGateway>(OTHER, Default::default()).internet_gateway.unwrap();
    let attach = api::AttachInternetGatewayRequest {
        internet_gateway_id: made.internet_gateway_id.unwrap(),
        vpc_id: theirs,
        ..Default::default()
    };
    cloud.ok::<op::AttachInternetGateway>(OTHER, attach);
    let allocated = cloud.ok::<op::AllocateAddress>(OTHER, Default::default());
    let associate = api::AssociateAddressRequest {
        allocation_id: allocated.allocation_id,
        network_interface_id: Some(interface),
        ..Default::default()
    };
    cloud.ok::<op::AssociateAddress>(OTHER, associate);
    let (before, of_owner) = (cloud.kinds(OTHER), cloud.kinds(OWNER));
    assert!(before.len() > 10, "{before:?}");

    cloud.close(OTHER);
    let closed = cloud.store.snapshot().revision();
    cloud.sweep(0);
    assert_eq!(cloud.store.snapshot().revision(), closed, "it can still be opened again");

    // First the instance ends on the host, though it is protected from requests.
    cloud.sweep(1);
    let scope = cloud.scope(OTHER);
    let found = cloud.store.snapshot().get::<ec2::Instance>(&scope, &instance.to_string()).unwrap();
    assert_eq!(found.state, InstanceState::ShuttingDown);
    assert_eq!(cloud.state(OTHER), AccountState::Gone { closed: cloud.now.get() });
    let keys: Vec<_> =
        cloud.store.snapshot().scan_all::<AccessKey>().map(|(_, _, key)| key.account).collect();
    assert_eq!(keys.iter().map(ToString::to_string).collect::<Vec<_>>(), [OWNER]);
    let revision = cloud.store.snapshot().revision();
    cloud.sweep(2);
    assert_eq!(cloud.store.snapshot().revision(), revision, "it waits");
    cloud.ec2.instance_terminated(&scope, instance, cloud.now.get()).unwrap();

    cloud.sweep(3);
    assert_eq!(cloud.kinds(OTHER), ["account.account"]);
    let snapshot = cloud.store.snapshot();
    let other = identities::account(&snapshot, Partition::Aws, OTHER.parse().unwrap()).unwrap();
    assert_eq!(other.name, None);
    // What others had together with it has ended, and what it had of the cloud's is given back.
    let ours = cloud.scope(OWNER);
    let peering = snapshot.get::<VpcPeeringConnection>(&ours, &peering).unwrap();
    assert!(matches!(peering.decision, PeeringDecision::Deleted { by, .. } if by.to_string() == OTHER));
    let attachment = snapshot.get::<TransitGatewayAttachment>(&ours, &attachment).unwrap();
    assert!(attachment.progress.is_ended() && attachment.association.is_none());
    assert_eq!(snapshot.scan_all::<SharingPartner>().count(), 0);
    assert_eq!(cloud.of_cloud("ec2.free-port"), 3, "of the instance, the interface and the attachment");
    let address: std::net::Ipv4Addr = allocated.public_ip.unwrap().parse().unwrap();
    let again = api::AllocateAddressRequest { address: Some(address.to_string()), ..Default::default() };
    let refused = cloud.ec2.call(&cloud.context(OWNER), "AllocateAddress", again.into());
    assert!(refused.is_err(), "it rests, and was never the owner's");
    assert_eq!(cloud.kinds(OWNER).len(), of_owner.len() - 1, "but for the partner nothing of others is gone");

    let revision = cloud.store.snapshot().revision();
    cloud.sweep(3_600_000);
    assert_eq!(cloud.store.snapshot().revision(), revision, "there is nothing left to do");
}

#[test]
fn what_others_have_in_its_vpcs_is_theirs_to_remove() {
    let cloud = Cloud::new();
    let (vpc, subnet) = cloud.vpc(OWNER, "10.0.0.0/16");
    share(&cloud.store, &[format!("subnet/{subnet}")]);
    let group = cloud.group(OTHER, &vpc);
    let theirs = cloud.interface(OTHER, &subnet, Some(&group));
    let ours = cloud.interface(OWNER, &subnet, None);
    cloud.close(OWNER);
    for late in [1, 60_001] {
        cloud.sweep(late);
        let snapshot = cloud.store.snapshot();
        assert!(snapshot.contains::<ec2::Subnet>(&cloud.scope(OWNER), &subnet));
        assert!(snapshot.contains::<ec2::NetworkInterface>(&cloud.scope(OWNER), &ours));
        assert!(snapshot.contains::<ec2::NetworkInterface>(&cloud.scope(OTHER), &theirs));
        assert!(snapshot.scan_all::<AccessKey>().all(|(_, _, key)| key.account.to_string() == OTHER));
    }
    let delete = api::DeleteNetworkInterfaceRequest { network_interface_id: theirs, ..Default::default() };
    cloud.ok::<op::DeleteNetworkInterface>(OTHER, delete);
    cloud.sweep(120_001);
    assert!(cloud.store.snapshot().contains::<ec2::Subnet>(&cloud.scope(OWNER), &subnet), "their group");
    let delete = api::DeleteSecurityGroupRequest { group_id: Some(group), ..Default::default() };
    cloud.ok::<op::DeleteSecurityGroup>(OTHER, delete);
    cloud.sweep(180_001);
    assert_eq!(cloud.kinds(OWNER), ["account.account"]);
}

#[test]
fn an_account_is_taken_away_in_steps_that_are_not_too_large() {
    let cloud = Cloud::new();
    let (_, subnet) = cloud.vpc(OTHER, "10.1.0.0/16");
    for _ in 0..150 {
        cloud.interface(OTHER, &subnet, None);
    }
    cloud.close(OTHER);
    let mut tail = cloud.store.tail(cloud.store.snapshot().revision());
    cloud.sweep(1);
    assert_eq!(cloud.kinds(OTHER), ["account.account"]);
    let mut commits = 0;
    while let Some(commit) = tail.try_next().unwrap() {
        commits += 1;
        assert!(commit.changes.len() <= MOST_AT_ONCE + 1, "{} changes at once", commit.changes.len());
    }
    assert!(commits >= 4, "{commits}");
}

#[test]
fn buckets_are_out_of_reach_while_their_account_is_closed_and_go_with_it() {
    let cloud = Cloud::new();
    let text = |text: &str| Value::String(text.to_owned());
    let input = |members: &[(&'static str, &str)]| -> Value {
        Value::Structure(members.iter().map(|(name, value)| (*name, text(value))).collect())
    };
    for (account, bucket) in [(OWNER, "of-owner"), (OTHER, "of-other")] {
        let context = cloud.context(account);
        cloud.s3.call(&context, "CreateBucket", input(&[("Bucket", bucket)])).unwrap();
        let versions =
            [("Bucket", text(bucket)), ("VersioningConfiguration", input(&[("Status", "Enabled")]))];
        cloud
            .s3
            .call(&context, "PutBucketVersioning", Value::Structure(versions.into_iter().collect()))
            .unwrap();
        for content in ["one", "two"] {
            let put = input(&[("Bucket", bucket), ("Key", "key")]);
            let mut payload = Whole::new(content.into());
            cloud.s3.call_streaming(&context, "PutObject", put, &mut payload).unwrap();
        }
        cloud
            .s3
            .call(&context, "CreateMultipartUpload", input(&[("Bucket", bucket), ("Key", "begun")]))
            .unwrap();
    }
    let head = |account: &str, bucket: &str| {
        let asked = input(&[("Bucket", bucket), ("Key", "key")]);
        cloud.s3.call(&cloud.context(account), "HeadObject", asked).map(drop).map_err(|error| error.code)
    };
    assert_eq!(head(OTHER, "of-owner"), Ok(()));
    cloud.close(OWNER);
    assert_eq!(head(OTHER, "of-owner").unwrap_err(), "AllAccessDisabled");
    cloud.sweep(-1);
    assert_eq!(cloud.s3.usage(None, &mut |_| std::ops::ControlFlow::Continue(())).unwrap().len(), 2);
    cloud.sweep(1);
    let left = cloud.s3.usage(None, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
    assert_eq!(left.iter().map(|bucket| bucket.bucket.as_str()).collect::<Vec<_>>(), ["of-other"]);
    assert_eq!(head(OTHER, "of-other"), Ok(()));
    // The bucket, two versions and an upload.
    assert_eq!(cloud.s3.objects().usage().unwrap().rows, 4);
    assert_eq!(head(OTHER, "of-owner").unwrap_err(), "NoSuchBucket");
}
