//! A cloud with a history, a bucket and an organization that tests say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_api::Operation;
use aws_model::{Fields, Value};
use aws_types::{AccountId, Partition, Timestamp};
use cloudtrail_events::{
    ApiCall, Caller, Category, Connection, Event, Facts, Found, LookupResource, Outcome, Page, Query,
};
use service_api::{Principal, RequestContext, RequestId, Service as _, ServiceError};
use store::{MemoryBackend, Store};
use svc_cloudtrail::{
    CloudTrail, DeliveryError, Gathering, History, LogFile, LogPlace, Membership, Organizations,
    TrailDelivery,
};
use tempfile::TempDir;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const OTHER: &str = "210987654321";
pub(crate) const BUCKET: &str = "logs";

/// Answers what it is told to, and says what it was asked.
#[derive(Default)]
pub(crate) struct Told(Mutex<(Page, Option<Query>)>);

impl Told {
    pub(crate) fn answer(&self, events: Vec<Found>, next: Option<u64>) {
        self.0.lock().unwrap().0 = Page { events, next };
    }

    pub(crate) fn asked(&self) -> Query {
        self.0.lock().unwrap().1.take().unwrap()
    }
}

impl History for Told {
    fn lookup(&self, query: &Query) -> Page {
        let mut told = self.0.lock().unwrap();
        told.1 = Some(query.clone());
        told.0.clone()
    }
}

/// One bucket.
#[derive(Default)]
pub(crate) struct Bucket {
    pub(crate) files: Mutex<Vec<LogFile>>,
    pub(crate) refuses: Mutex<Option<DeliveryError>>,
    /// What was looked at last.
    pub(crate) checked: Mutex<Option<LogPlace>>,
}

impl TrailDelivery for Bucket {
    fn check(&self, place: &LogPlace, _: Timestamp) -> Result<(), DeliveryError> {
        *self.checked.lock().unwrap() = Some(place.clone());
        if place.bucket != BUCKET {
            return Err(DeliveryError::NoSuchBucket);
        }
        self.refuses.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn deliver(&self, file: LogFile, now: Timestamp) -> Result<(), DeliveryError> {
        self.check(&file.place, now)?;
        self.files.lock().unwrap().push(file);
        Ok(())
    }
}

/// Who is in an organization, of which the first account is the management account, and whether it administers trails. The
/// organization has all features and trusts CloudTrail, unless it is said that it does not.
#[derive(Default)]
pub(crate) struct Members(pub(crate) Mutex<BTreeMap<AccountId, bool>>, pub(crate) Mutex<Lacks>);

/// What an organization does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lacks {
    pub(crate) features: bool,
    pub(crate) trust: bool,
}

impl Organizations for Members {
    fn membership(&self, account: AccountId) -> Option<Membership> {
        let lacks = *self.1.lock().unwrap();
        self.0.lock().unwrap().get(&account)?;
        Some(Membership {
            organization: "o-abcdefghij".to_owned(),
            management: ACCOUNT.parse().unwrap(),
            has_all_features: !lacks.features,
            trusts_cloudtrail: !lacks.trust,
        })
    }

    fn set_administrator(
        &self,
        _: &RequestContext,
        account: AccountId,
        is: bool,
    ) -> Result<(), ServiceError> {
        self.0.lock().unwrap().insert(account, is);
        Ok(())
    }
}

pub(crate) struct Cloud {
    pub(crate) service: CloudTrail,
    pub(crate) history: Arc<Told>,
    pub(crate) bucket: Arc<Bucket>,
    pub(crate) members: Arc<Members>,
    pub(crate) region: &'static str,
    pub(crate) now: Timestamp,
    store: Store,
    directory: TempDir,
}

impl Cloud {
    pub(crate) fn new() -> Self {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let (history, bucket, members) = (Arc::default(), Arc::default(), Arc::default());
        let directory = TempDir::new().unwrap();
        let service = start(&store, &directory, &history, &bucket, &members);
        let now = Timestamp::from_unix_secs(1_795_357_680);
        Self { service, history, bucket, members, region: "us-east-1", now, store, directory }
    }

    /// Starts the service again, as after a crash.
    pub(crate) fn restart(&mut self) {
        self.service = start(&self.store, &self.directory, &self.history, &self.bucket, &self.members);
    }

    pub(crate) fn context(&self, account: &str) -> RequestContext {
        RequestContext {
            partition: Partition::Aws,
            region: self.region.parse().unwrap(),
            principal: Principal::root(Partition::Aws, account.parse().unwrap(), "AKIAIOSFODNN7EXAMPLE"),
            request_id: RequestId::from_bits(0),
            now: self.now,
            source_ip: [127, 0, 0, 1].into(),
            user_agent: String::new(),
            secure_transport: false,
            way: service_api::Way::default(),
        }
    }

    pub(crate) fn call<O: Operation>(&self, account: &str, input: O::Input) -> Result<O::Output, ServiceError>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let answer = self.service.call(&self.context(account), O::NAME, input.into())?;
        Ok(O::Output::try_from(answer).ok().unwrap())
    }

    #[track_caller]
    pub(crate) fn ok<O: Operation>(&self, account: &str, input: O::Input) -> O::Output
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        self.call::<O>(account, input).unwrap_or_else(|error| panic!("{}: {error}", O::NAME))
    }

    #[track_caller]
    pub(crate) fn refuses<O: Operation>(&self, account: &str, input: O::Input, code: &str)
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let before = self.store.snapshot().revision();
        let Err(error) = self.call::<O>(account, input) else { panic!("{} did it", O::NAME) };
        assert_eq!(error.code, code, "{error}");
        assert!(!error.is_fault, "{error}");
        assert_eq!(self.store.snapshot().revision(), before);
    }

    /// The event of a call of an account in the cloud's region.
    pub(crate) fn event(&self, account: &str, service: &str, operation: &str) -> Event {
        self.event_of(account, service, operation, None)
    }

    /// The same with an input.
    pub(crate) fn event_of(
        &self,
        account: &str,
        service: &str,
        operation: &str,
        input: Option<Value>,
    ) -> Event {
        let model = aws_model::service(service).unwrap().model();
        let context = self.context(account);
        let output = Value::Structure(Fields::new());
        let call = ApiCall {
            context: &context,
            caller: Caller::Signer,
            model,
            operation: model.operation(operation).unwrap(),
            input: input.as_ref(),
            outcome: Outcome::Done(&output),
            connection: Connection::default(),
            bucket_owner: None,
        };
        cloudtrail_events::events(&call, || 7).remove(0)
    }
}

fn start(
    store: &Store,
    directory: &TempDir,
    history: &Arc<Told>,
    bucket: &Arc<Bucket>,
    members: &Arc<Members>,
) -> CloudTrail {
    CloudTrail::new(
        store.clone(),
        Gathering { directory: directory.path().join("trails"), period_millis: Gathering::AWS_MILLIS },
        Arc::clone(history) as Arc<dyn History>,
        Arc::clone(bucket) as Arc<dyn TrailDelivery>,
        Arc::clone(members) as Arc<dyn Organizations>,
    )
}

/// An event of that number.
pub(crate) fn found(number: u64) -> Found {
    let facts = Facts {
        event_id: format!("event-{number}"),
        event_name: "CreateVpc".to_owned(),
        event_source: "ec2.amazonaws.com".to_owned(),
        event_time: Timestamp::from_unix_secs(1_795_357_680),
        account: ACCOUNT.parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
        read_only: false,
        username: Some("alice".to_owned()),
        access_key_id: None,
        resources: vec![LookupResource { kind: "AWS::EC2::VPC".to_owned(), name: "vpc-1".to_owned() }],
        is_error: false,
        category: Category::Management,
    };
    Found { sequence: number, facts, json: format!(r#"{{"n":{number}}}"#) }
}
