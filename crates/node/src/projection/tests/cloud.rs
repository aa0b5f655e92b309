//! A cloud of nothing but EC2, with a clock that the test moves, and what the engine has been told of it.

use std::collections::BTreeMap;
use std::fmt::Debug;

use aws_api::Operation;
pub(crate) use aws_api::ec2::{self as api, operation as op};
use aws_model::Value;
use aws_types::{ResourceId, Timestamp};
use service_api::{RequestContext, Service as _, ServiceError};
use store::{MemoryBackend, Read as _, Scope, Store, Tail};
use svc_ec2::{Config, Ec2};
use vpc_model::{Delta, Object, ObjectId, RouteTable};

use crate::projection::{Projection, Projector};
use crate::testing::{Ids, NoHost, context};

pub(crate) const OWNER: &str = "123456789012";
pub(crate) const OTHER: &str = "210987654321";

pub(crate) struct Cloud {
    pub(crate) store: Store,
    pub(crate) now: Timestamp,
    /// Who makes requests, and where.
    pub(crate) account: &'static str,
    pub(crate) region: &'static str,
    /// What the last request told the engine, or the last step of the clock.
    pub(crate) last: Vec<Delta>,
    /// What the engine knows.
    told: BTreeMap<ObjectId, Object>,
    pub(crate) ec2: Ec2,
    tail: Tail,
    projector: Projector,
}

impl Cloud {
    /// A cloud whose states move at once, or almost.
    pub(crate) fn new() -> Self {
        Self::with(false)
    }

    /// A cloud whose states move at the pace of AWS.
    pub(crate) fn with_realistic_timing() -> Self {
        Self::with(true)
    }

    fn with(realistic_timing: bool) -> Self {
        let config = Config { realistic_timing, enforce_quotas: false, ..Config::default() };
        let store = Store::open(MemoryBackend::new()).unwrap();
        let tail = store.tail(store.snapshot().revision());
        let ec2 = Ec2::new(store.clone(), Ids::default(), NoHost, config);
        let mut cloud = Self {
            store,
            now: context().now,
            account: OWNER,
            region: "us-east-1",
            last: Vec::new(),
            told: BTreeMap::new(),
            ec2,
            tail,
            projector: Projector::default(),
        };
        let everything = cloud.projector.everything(&cloud.store.snapshot(), cloud.now);
        cloud.tell(everything);
        cloud
    }

    fn context(&self) -> RequestContext {
        let mut context = context();
        context.principal.account = self.account.parse().unwrap();
        context.region = self.region.parse().unwrap();
        context.now = self.now;
        context
    }

    pub(crate) fn scope(&self) -> Scope {
        self.context().scope()
    }

    fn tell(&mut self, projection: Projection) {
        for delta in &projection.deltas {
            match delta {
                Delta::Put(object) => _ = self.told.insert(object.id(), object.clone()),
                Delta::Remove(id) => _ = self.told.remove(id),
            }
        }
        self.last.extend(projection.deltas);
    }

    /// Calls an operation, and tells the engine what it does.
    pub(crate) fn call<O: Operation>(&mut self, input: O::Input) -> Result<O::Output, ServiceError>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value, Error: Debug>,
    {
        self.ec2.ensure_region(&self.scope(), self.now).unwrap();
        self.follow();
        self.last.clear();
        let answer = self.ec2.call(&self.context(), O::NAME, input.into());
        self.follow();
        Ok(O::Output::try_from(answer?).unwrap())
    }

    /// Calls an operation that succeeds.
    #[track_caller]
    pub(crate) fn ok<O: Operation>(&mut self, input: O::Input) -> O::Output
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value, Error: Debug>,
    {
        self.call::<O>(input).unwrap_or_else(|error| panic!("{}: {error}", O::NAME))
    }

    /// Tells the engine what was written since, each commit as it is told by a daemon that keeps up.
    pub(crate) fn follow(&mut self) {
        while let Some(commit) = self.tail.try_next().unwrap() {
            let changed = self.projector.changed(&self.store.snapshot(), &commit, self.now);
            self.tell(changed);
        }
    }

    /// Moves the clock, and tells the engine at each time what is another then.
    pub(crate) fn wait(&mut self, millis: i64) {
        self.last.clear();
        let until = self.now.plus_millis(millis);
        while let Some(due_at) = self.projector.due_at().filter(|due_at| *due_at <= until) {
            assert!(due_at > self.now, "what is due now has been told");
            self.now = due_at;
            let due = self.projector.due(&self.store.snapshot(), self.now);
            self.tell(due);
        }
        self.now = until;
    }

    /// Moves the clock to where everything that is under way is done.
    pub(crate) fn settle(&mut self) {
        self.wait(3_600_000);
    }

    /// Checks that the engine knows what a daemon would tell it that starts now.
    pub(crate) fn check(&self) {
        let fresh = Projector::default().everything(&self.store.snapshot(), self.now);
        let fresh: BTreeMap<ObjectId, Object> = fresh
            .deltas
            .into_iter()
            .map(|delta| match delta {
                Delta::Put(object) => (object.id(), object),
                Delta::Remove(id) => panic!("{id} is removed that nobody has heard of"),
            })
            .collect();
        for (id, object) in &fresh {
            assert_eq!(self.told.get(id), Some(object), "{id}: what was told, and what is");
        }
        let more: Vec<_> = self.told.keys().filter(|id| !fresh.contains_key(id)).collect();
        assert!(more.is_empty(), "these were told, and are not: {more:?}");
    }

    /// What the engine knows by that id.
    pub(crate) fn told<I: ResourceId + Into<ObjectId>>(&self, id: &str) -> Option<&Object> {
        self.told.get(&parsed::<I>(id).into())
    }

    /// What the engine knows by an id that others than one kind have.
    pub(crate) fn object(&self, id: ObjectId) -> Option<&Object> {
        self.told.get(&id)
    }

    /// All that the engine knows.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.told.values()
    }

    /// Of which objects the engine has heard last.
    pub(crate) fn last_ids(&self) -> Vec<ObjectId> {
        let id = |delta: &Delta| match delta {
            Delta::Put(object) => object.id(),
            Delta::Remove(id) => *id,
        };
        self.last.iter().map(id).collect()
    }

    pub(crate) fn vpc(&mut self, cidr: &str) -> String {
        let input = input!(CreateVpcRequest { cidr_block: cidr, amazon_provided_ipv6_cidr_block: true });
        self.ok::<op::CreateVpc>(input).vpc.unwrap().vpc_id.unwrap()
    }

    pub(crate) fn subnet(&mut self, vpc: &str, cidr: &str) -> String {
        self.subnet_in(vpc, cidr, "a")
    }

    pub(crate) fn subnet_in(&mut self, vpc: &str, cidr: &str, zone: &str) -> String {
        let zone = format!("{}{zone}", self.region);
        let input =
            input!(CreateSubnetRequest { vpc_id: vpc, cidr_block: cidr, availability_zone: zone.as_str() });
        self.ok::<op::CreateSubnet>(input).subnet.unwrap().subnet_id.unwrap()
    }

    pub(crate) fn table(&mut self, vpc: &str) -> String {
        let made = self.ok::<op::CreateRouteTable>(input!(CreateRouteTableRequest { vpc_id: vpc }));
        made.route_table.unwrap().route_table_id.unwrap()
    }

    /// The routes of a table as the engine knows them, such as `0.0.0.0/0 Static InternetGateway(igw-…)`.
    pub(crate) fn routes(&self, table: &str) -> Vec<String> {
        let Some(Object::RouteTable(RouteTable { routes, .. })) = self.told::<aws_types::RouteTableId>(table)
        else {
            panic!("{table}");
        };
        let shown = routes.iter().map(|route| {
            format!("{} {:?} {:?}", route.destination, route.origin, route.target).replace('"', "")
        });
        shown.collect()
    }

    pub(crate) fn interface(&mut self, subnet: &str) -> String {
        let input = input!(CreateNetworkInterfaceRequest { subnet_id: subnet });
        let made = self.ok::<op::CreateNetworkInterface>(input).network_interface.unwrap();
        made.network_interface_id.unwrap()
    }

    pub(crate) fn internet_gateway(&mut self, vpc: &str) -> String {
        let made = self.ok::<op::CreateInternetGateway>(input!(CreateInternetGatewayRequest {}));
        let id = made.internet_gateway.unwrap().internet_gateway_id.unwrap();
        let input = input!(AttachInternetGatewayRequest { internet_gateway_id: id.as_str(), vpc_id: vpc });
        self.ok::<op::AttachInternetGateway>(input);
        id
    }

    /// An Elastic IP address: its allocation and itself.
    pub(crate) fn elastic_ip(&mut self) -> (String, String) {
        let made = self.ok::<op::AllocateAddress>(input!(AllocateAddressRequest {}));
        (made.allocation_id.unwrap(), made.public_ip.unwrap())
    }

    /// Shares all subnets, transit gateways and prefix lists of the owner in a region with the other account.
    pub(crate) fn share_all(&mut self) {
        let scope = self.scope();
        let mut ids = Vec::new();
        let snapshot = self.store.snapshot();
        let subnets = snapshot.scan::<svc_ec2::record::Subnet>(&scope);
        ids.extend(subnets.map(|(id, _)| format!("subnet/{id}")));
        let gateways = snapshot.scan::<svc_ec2::record::TransitGateway>(&scope);
        ids.extend(gateways.map(|(id, _)| format!("transit-gateway/{id}")));
        let lists = snapshot.scan::<svc_ec2::record::PrefixList>(&scope);
        ids.extend(lists.map(|(id, _)| format!("prefix-list/{id}")));
        super::shared::share(&self.store, &ids);
        self.follow();
    }
}

/// A resource's id.
pub(crate) fn parsed<I: ResourceId>(id: &str) -> I {
    id.parse().unwrap_or_else(|_| panic!("{id}"))
}

/// A member of a request, from what a test writes for it.
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

impl<const N: usize> Member<Vec<String>> for [&str; N] {
    fn member(self) -> Vec<String> {
        self.map(str::to_owned).into()
    }
}

impl<const N: usize> Member<Option<Vec<String>>> for [&str; N] {
    fn member(self) -> Option<Vec<String>> {
        Some(self.map(str::to_owned).into())
    }
}

/// A request: the members given, and no others.
macro_rules! input {
    ($shape:ident { $($member:ident: $value:expr),* $(,)? }) => {{
        #[allow(unused_mut, reason = "some have no members")]
        let mut input = <crate::projection::tests::cloud::api::$shape>::default();
        $(input.$member = crate::projection::tests::cloud::Member::member($value);)*
        input
    }};
}
pub(crate) use input;
