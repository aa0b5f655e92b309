//! AWS CloudTrail: the event history, and trails.
//!
//! Owns the operations of the `cloudtrail` model: which events of an account's history are told, the records of trails, which
//! events a trail selects, and the log files that are delivered. Refuses to know where events are kept ([`History`]), where
//! log files go ([`TrailDelivery`]) and who is in an organization ([`Organizations`]): whoever composes the cloud brings them.
//! Insights and CloudTrail Lake are not here; they answer that they are not implemented.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/Welcome.html>

mod admin;
mod authorization;
mod delivery;
mod error;
mod event;
mod selector;
mod selector_rules;
mod spool;
mod tag;
mod trail;
mod trail_name;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_api::cloudtrail::operation as op;
use aws_model::Value;
use aws_types::{AccountId, Timestamp};
use cloudtrail_events::{Event, Page, Query};
use parking_lot::Mutex;
use service_api::{NeededPermission, Operations, RequestContext, ResourceFacts, Service, ServiceError};
use store::{RecordKind, Store};

pub use delivery::{DeliveryError, Gathering, LogFile, LogPlace, NoBuckets, TrailDelivery};
pub use selector::{AdvancedSelector, DataResource, FieldSelector, ReadWrite, Selector, Selectors};
pub use trail::Trail;

/// Whoever keeps the events.
pub trait History: Send + Sync + 'static {
    /// Those of an account and region that a query is about, newest first.
    fn lookup(&self, query: &Query) -> Page;
}

/// An account's place in an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The organization: `o-…`.
    pub organization: String,
    /// Whose organization it is.
    pub management: AccountId,
    /// Whether it has all features.
    pub has_all_features: bool,
    /// Whether it trusts CloudTrail.
    pub trusts_cloudtrail: bool,
}

/// Whoever knows organizations.
pub trait Organizations: Send + Sync + 'static {
    /// The account's place in one, if it is in any.
    fn membership(&self, account: AccountId) -> Option<Membership>;

    /// Lets an account manage trails for the management account that asks, or no longer.
    ///
    /// # Errors
    /// What AWS answers when that cannot be.
    fn set_administrator(
        &self,
        context: &RequestContext,
        account: AccountId,
        is_administrator: bool,
    ) -> Result<(), ServiceError>;
}

/// A cloud without organizations.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOrganizations;

impl Organizations for NoOrganizations {
    fn membership(&self, _: AccountId) -> Option<Membership> {
        None
    }

    fn set_administrator(&self, _: &RequestContext, _: AccountId, _: bool) -> Result<(), ServiceError> {
        Err(error::no_organization())
    }
}

/// The service.
pub struct CloudTrail {
    state: State,
    operations: Operations<State>,
}

/// What the operations work on.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) history: Arc<dyn History>,
    pub(crate) delivery: Arc<dyn TrailDelivery>,
    pub(crate) organizations: Arc<dyn Organizations>,
    pub(crate) rates: Mutex<event::Rates>,
    pub(crate) spool: spool::Spool,
    pub(crate) period_millis: i64,
    /// Held by whoever delivers.
    pub(crate) flushing: Mutex<()>,
    /// Whether a trail that logs selects data events.
    pub(crate) wants_data: AtomicBool,
}

impl CloudTrail {
    /// A service on this store and history, which gathers files there.
    pub fn new(
        store: Store,
        gathering: Gathering,
        history: Arc<dyn History>,
        delivery: Arc<dyn TrailDelivery>,
        organizations: Arc<dyn Organizations>,
    ) -> Self {
        let operations = Operations::new()
            .with::<op::LookupEvents>(event::lookup)
            .with::<op::CreateTrail>(trail::create)
            .with::<op::UpdateTrail>(trail::update)
            .with::<op::DeleteTrail>(trail::delete)
            .with::<op::GetTrail>(trail::get)
            .with::<op::DescribeTrails>(trail::describe)
            .with::<op::ListTrails>(trail::list)
            .with::<op::GetTrailStatus>(trail::status)
            .with::<op::StartLogging>(trail::start)
            .with::<op::StopLogging>(trail::stop)
            .with::<op::PutEventSelectors>(selector::put)
            .with::<op::GetEventSelectors>(selector::get)
            .with::<op::AddTags>(tag::add)
            .with::<op::RemoveTags>(tag::remove)
            .with::<op::ListTags>(tag::list)
            .with::<op::RegisterOrganizationDelegatedAdmin>(admin::register)
            .with::<op::DeregisterOrganizationDelegatedAdmin>(admin::deregister);
        let state = State {
            store,
            history,
            delivery,
            organizations,
            rates: Mutex::default(),
            spool: spool::Spool::open(gathering.directory),
            period_millis: gathering.period_millis,
            flushing: Mutex::default(),
            wants_data: AtomicBool::new(false),
        };
        delivery::note_wanted(&state);
        Self { state, operations }
    }

    /// Every kind of record that the service writes.
    pub fn record_kinds() -> impl Iterator<Item = RecordKind> {
        [RecordKind::of::<Trail>()].into_iter()
    }

    /// Whether a trail selects data events, so that somebody wants them.
    pub fn wants_data_events(&self) -> bool {
        self.state.wants_data.load(Ordering::Relaxed)
    }

    /// Gives new events to the trails that select them. Files are delivered by [`CloudTrail::flush`].
    pub fn deliver(&self, events: &[Event], now: Timestamp) {
        delivery::take(&self.state, events, now);
    }

    /// Delivers the files whose time has come, or all of them.
    pub fn flush(&self, now: Timestamp, all: bool) {
        delivery::flush(&self.state, now, all);
    }
}

impl Service for CloudTrail {
    fn model(&self) -> &'static str {
        "cloudtrail"
    }

    fn implements(&self, operation: &str) -> bool {
        self.operations.contains(operation)
    }

    fn needed_permissions(
        &self,
        context: &RequestContext,
        operation: &str,
        input: &Value,
    ) -> Option<Vec<NeededPermission>> {
        authorization::needed(self, context, operation, input)
    }

    fn resource(&self, context: &RequestContext, resource_type: &str, id: &str) -> Option<ResourceFacts> {
        trail::facts(&self.state, context, id).filter(|_| resource_type == "trail")
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        let answer = self.operations.call(&self.state, context, operation, input);
        if answer.is_ok() && !cloudtrail_events::is_read_only("cloudtrail", operation) {
            delivery::note_wanted(&self.state);
        }
        answer
    }
}
