//! A cloud of nothing but EC2, with a clock and a host that the test moves.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub(crate) use aws_api::Operation;
pub(crate) use aws_api::ec2::{self as api, operation as op};
use aws_model::Value;
use aws_types::{InstanceId, Partition, Timestamp};
use identities::{InstanceProfile, name_key};
use resource_shares::{Acceptance, ResourceShare, SharePrincipal, SharedResource};
use service_api::{IdSource, Principal, RequestContext, RequestId, Service, ServiceError};
use store::{MemoryBackend, Scope, Store, StoreError};
use svc_ec2::{Config, Ec2, HostView};

/// Ids that are the same in every run, and that no two calls share.
struct CountedIds(Arc<AtomicU64>);

impl IdSource for CountedIds {
    fn bits(&self) -> u128 {
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        u128::from(count).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

/// What the host "sees".
#[derive(Clone, Default)]
pub(crate) struct Host(Arc<Mutex<HashMap<InstanceId, Vec<u8>>>>);

impl Host {
    pub(crate) fn writes(&self, instance: InstanceId, output: &[u8]) {
        self.0.lock().unwrap().insert(instance, output.to_vec());
    }
}

impl HostView for Host {
    fn console_output(&self, instance: InstanceId) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(&instance).cloned()
    }
}

pub(crate) struct Cloud {
    pub(crate) ec2: Ec2,
    pub(crate) store: Store,
    pub(crate) host: Host,
    config: Config,
    ids: Arc<AtomicU64>,
    account: &'static str,
    region: &'static str,
    now_millis: Arc<AtomicI64>,
}

/// 2026-11-22T14:28:00Z.
const START_MILLIS: i64 = 1_795_357_680_000;

impl Cloud {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with_log_buckets(self, buckets: impl svc_ec2::FlowLogBuckets) -> Self {
        Self { ec2: self.ec2.with_log_buckets(buckets), ..self }
    }

    pub(crate) fn without_quotas() -> Self {
        Self::with(Config { enforce_quotas: false, ..Config::default() })
    }

    pub(crate) fn with(config: Config) -> Self {
        Self::on(Store::open(MemoryBackend::new()).unwrap(), config)
    }

    pub(crate) fn on(store: Store, config: Config) -> Self {
        let host = Host::default();
        let ids = Arc::new(AtomicU64::new(0));
        let ec2 = Ec2::new(store.clone(), CountedIds(Arc::clone(&ids)), host.clone(), config.clone());
        Self {
            ec2,
            store,
            host,
            config,
            ids,
            account: "123456789012",
            region: "us-east-1",
            now_millis: Arc::new(AtomicI64::new(START_MILLIS)),
        }
    }

    /// The same cloud in another region.
    pub(crate) fn in_region(mut self, region: &'static str) -> Self {
        self.region = region;
        self
    }

    /// The same cloud, at the same clock, as another account or region sees it.
    pub(crate) fn seen_by(&self, account: &'static str, region: &'static str) -> Self {
        let ids = CountedIds(Arc::clone(&self.ids));
        let ec2 = Ec2::new(self.store.clone(), ids, self.host.clone(), self.config.clone());
        Self {
            ec2,
            store: self.store.clone(),
            host: self.host.clone(),
            config: self.config.clone(),
            ids: Arc::clone(&self.ids),
            account,
            region,
            now_millis: Arc::clone(&self.now_millis),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.now_millis.load(Ordering::Relaxed))
    }

    pub(crate) fn wait(&self, millis: i64) {
        self.now_millis.fetch_add(millis, Ordering::Relaxed);
    }

    pub(crate) fn context(&self) -> RequestContext {
        RequestContext {
            partition: Partition::Aws,
            region: self.region.parse().unwrap(),
            principal: Principal::root(Partition::Aws, self.account.parse().unwrap(), "AKIAIOSFODNN7EXAMPLE"),
            request_id: RequestId::from_bits(1),
            now: self.now(),
            source_ip: "127.0.0.1".parse().unwrap(),
            user_agent: String::new(),
            secure_transport: false,
            way: service_api::Way::default(),
        }
    }

    pub(crate) fn scope(&self) -> Scope {
        self.context().scope()
    }

    /// Calls an operation.
    pub(crate) fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, ServiceError>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value, Error: Debug>,
    {
        let answer = self.ec2.call(&self.context(), O::NAME, input.into())?;
        Ok(O::Output::try_from(answer).unwrap())
    }

    /// Calls an operation that succeeds.
    #[track_caller]
    pub(crate) fn ok<O: Operation>(&self, input: O::Input) -> O::Output
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value, Error: Debug>,
    {
        self.call::<O>(input).unwrap_or_else(|error| panic!("{}: {error}", O::NAME))
    }

    /// Calls an operation that gives this error and changes nothing. The message may be a beginning that ends in `…`.
    #[track_caller]
    pub(crate) fn refuses<O: Operation>(&self, input: O::Input, code: &str, message: &str)
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value, Error: Debug> + Debug,
    {
        self.ec2.ensure_region(&self.scope(), self.now()).unwrap();
        self.ec2.settle(&self.scope(), self.now()).unwrap();
        let before = self.store.snapshot().revision();
        let error = match self.call::<O>(input) {
            Ok(answer) => panic!("{} answered {answer:?} where {code} was expected", O::NAME),
            Err(error) => error,
        };
        assert_eq!(error.code, code, "{}: {error}", O::NAME);
        match message.strip_suffix('…') {
            Some(beginning) => assert!(error.message.starts_with(beginning), "{}: {error}", O::NAME),
            None => assert_eq!(error.message, message, "{}", O::NAME),
        }
        assert!(!error.is_fault, "{}: {error}", O::NAME);
        assert_eq!(self.store.snapshot().revision(), before, "{} changed something", O::NAME);
    }

    /// An instance profile of this account, with a role.
    pub(crate) fn instance_profile(&self, path: &str, name: &str) {
        self.instance_profile_with(path, name, Some("app"));
    }

    /// An instance profile of this account.
    pub(crate) fn instance_profile_with(&self, path: &str, name: &str, role: Option<&str>) {
        let arn = format!("arn:aws:iam::{}:instance-profile{path}{name}", self.account);
        let profile = InstanceProfile {
            id: format!("AIPA{}", name.to_uppercase()),
            name: name.to_owned(),
            path: path.to_owned(),
            arn: arn.parse().unwrap(),
            created: self.now(),
            role: role.map(str::to_owned),
            tags: aws_types::Tags::default(),
        };
        let scope = Scope::global(Partition::Aws, self.account.parse().unwrap());
        let done = self.store.transact(|transaction| {
            transaction.put(&scope, &name_key(name), profile.clone());
            Ok::<_, StoreError>(())
        });
        done.unwrap();
    }

    /// Shares resources of this account, such as `subnet/subnet-…`, with another one, which has accepted; in place of all
    /// that was shared with it before.
    pub(crate) fn share(&self, with: &Self, resources: &[&str]) {
        let id = format!("share-{}", with.account);
        let (scope, now) = (self.scope(), self.now());
        let arn = |one: &&str| format!("arn:aws:ec2:{}:{}:{one}", self.region, self.account);
        let principal =
            SharePrincipal { acceptance: Acceptance::Accepted, created: now, updated: now, external: true };
        let share = ResourceShare {
            id: id.clone(),
            arn: format!("arn:aws:ram:{}:{}:resource-share/{id}", self.region, self.account),
            name: "net".to_owned(),
            owner: scope.account,
            allow_external_principals: true,
            resources: resources.iter().map(|one| (arn(one), SharedResource { created: now })).collect(),
            principals: [(with.account.to_owned(), principal)].into(),
            permissions: Vec::new(),
            tags: aws_types::Tags::default(),
            client_token: None,
            asked: None,
            created: now,
            updated: now,
            deleted: None,
        };
        let done = self.store.transact(|transaction| {
            resource_shares::put_partners(transaction, &scope, with.scope().account);
            transaction.put(&scope, &id, share);
            Ok::<_, store::StoreError>(())
        });
        done.unwrap();
    }

    // Shortcuts for what many tests need.

    pub(crate) fn vpc(&self, cidr: &str) -> String {
        self.ok::<op::CreateVpc>(input!(CreateVpcRequest { cidr_block: cidr })).vpc.unwrap().vpc_id.unwrap()
    }

    pub(crate) fn subnet(&self, vpc: &str, cidr: &str) -> String {
        let input = input!(CreateSubnetRequest { vpc_id: vpc, cidr_block: cidr });
        self.ok::<op::CreateSubnet>(input).subnet.unwrap().subnet_id.unwrap()
    }

    pub(crate) fn group(&self, vpc: &str, name: &str) -> String {
        let input =
            input!(CreateSecurityGroupRequest { vpc_id: vpc, group_name: name, description: "a group" });
        self.ok::<op::CreateSecurityGroup>(input).group_id.unwrap()
    }

    pub(crate) fn default_vpc(&self) -> String {
        let input = input!(DescribeVpcsRequest { filters: filters(&[("is-default", &["true"])]) });
        self.ok::<op::DescribeVpcs>(input).vpcs.unwrap().remove(0).vpc_id.unwrap()
    }

    pub(crate) fn default_group(&self, vpc: &str) -> String {
        let input = input!(DescribeSecurityGroupsRequest {
            filters: filters(&[("vpc-id", &[vpc]), ("group-name", &["default"])]),
        });
        self.ok::<op::DescribeSecurityGroups>(input).security_groups.unwrap().remove(0).group_id.unwrap()
    }

    pub(crate) fn interface(&self, subnet: &str) -> String {
        let input = input!(CreateNetworkInterfaceRequest { subnet_id: subnet });
        self.ok::<op::CreateNetworkInterface>(input).network_interface.unwrap().network_interface_id.unwrap()
    }

    pub(crate) fn image(&self) -> String {
        let region = self.region.parse().unwrap();
        aws_catalog::images(&region)[0].id.to_string()
    }

    /// A launch of one small instance, to be completed.
    pub(crate) fn launch(&self) -> api::RunInstancesRequest {
        input!(RunInstancesRequest {
            image_id: self.image(),
            instance_type: "t3.micro",
            min_count: 1,
            max_count: 1
        })
    }

    pub(crate) fn run(&self, input: api::RunInstancesRequest) -> Vec<api::Instance> {
        self.ok::<op::RunInstances>(input).instances.unwrap()
    }

    /// Runs one instance in a subnet and lets it start.
    pub(crate) fn started(&self, subnet: &str) -> String {
        let instance =
            self.run(api::RunInstancesRequest { subnet_id: Some(subnet.to_owned()), ..self.launch() });
        let id = instance[0].instance_id.clone().unwrap();
        assert!(self.ec2.instance_started(&self.scope(), id.parse().unwrap(), self.now()).unwrap());
        id
    }

    pub(crate) fn instance(&self, id: &str) -> api::Instance {
        let input = input!(DescribeInstancesRequest { instance_ids: [id] });
        let mut reservations = self.ok::<op::DescribeInstances>(input).reservations.unwrap();
        reservations.remove(0).instances.unwrap().remove(0)
    }

    pub(crate) fn describe_interface(&self, id: &str) -> api::NetworkInterface {
        let input = input!(DescribeNetworkInterfacesRequest { network_interface_ids: [id] });
        self.ok::<op::DescribeNetworkInterfaces>(input).network_interfaces.unwrap().remove(0)
    }

    /// Stops or terminates an instance, and lets that happen.
    pub(crate) fn stop(&self, id: &str) {
        self.ok::<op::StopInstances>(input!(StopInstancesRequest { instance_ids: [id] }));
        assert!(self.ec2.instance_stopped(&self.scope(), id.parse().unwrap(), self.now()).unwrap());
    }

    /// Terminates an instance, and lets that happen.
    pub(crate) fn terminate(&self, id: &str) {
        self.ok::<op::TerminateInstances>(input!(TerminateInstancesRequest { instance_ids: [id] }));
        assert!(self.ec2.instance_terminated(&self.scope(), id.parse().unwrap(), self.now()).unwrap());
    }
}

pub(crate) fn filters(all: &[(&str, &[&str])]) -> Vec<api::Filter> {
    all.iter()
        .map(|(name, values)| api::Filter {
            name: Some((*name).to_owned()),
            values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
        })
        .collect()
}

pub(crate) fn tags(all: &[(&str, &str)]) -> Vec<api::Tag> {
    all.iter()
        .map(|(key, value)| api::Tag { key: Some((*key).to_owned()), value: Some((*value).to_owned()) })
        .collect()
}

pub(crate) fn tagged(resource_type: &str, all: &[(&str, &str)]) -> Vec<api::TagSpecification> {
    vec![api::TagSpecification { resource_type: Some(resource_type.to_owned()), tags: Some(tags(all)) }]
}

/// What a test writes for a member of a request: plain values for optional ones too.
pub(crate) trait Member<T> {
    fn member(self) -> T;
}

impl<T> Member<T> for T {
    fn member(self) -> T {
        self
    }
}

impl<T> Member<Option<T>> for T {
    fn member(self) -> Option<T> {
        Some(self)
    }
}

impl Member<String> for &str {
    fn member(self) -> String {
        self.to_owned()
    }
}

impl Member<Option<String>> for &str {
    fn member(self) -> Option<String> {
        Some(self.to_owned())
    }
}

impl Member<Option<String>> for &String {
    fn member(self) -> Option<String> {
        Some(self.clone())
    }
}

impl Member<String> for &String {
    fn member(self) -> String {
        self.clone()
    }
}

impl<S: AsRef<str>, const N: usize> Member<Vec<String>> for [S; N] {
    fn member(self) -> Vec<String> {
        self.iter().map(|text| text.as_ref().to_owned()).collect()
    }
}

impl<S: AsRef<str>, const N: usize> Member<Option<Vec<String>>> for [S; N] {
    fn member(self) -> Option<Vec<String>> {
        Some(self.member())
    }
}

/// A request: the members given, and no others.
macro_rules! input {
    ($shape:ident { $($member:ident $(: $value:expr)?),* $(,)? }) => {{
        #[allow(unused_mut)]
        let mut input = <crate::cloud::api::$shape>::default();
        $(input.$member = crate::cloud::Member::member(input!(@ $member $(, $value)?));)*
        input
    }};
    (@ $member:ident) => { $member };
    (@ $member:ident, $value:expr) => { $value };
}
pub(crate) use input;
