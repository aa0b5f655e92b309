//! The events of the cloud's calls.
//!
//! Owns how the gateway's calls come to the history and to trails, and what `brume events` is told. Refuses to know what
//! stands in an event and where it is kept.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use aws_model::Value;
use aws_types::{AccountId, Timestamp};
use cloudtrail_events::{
    ApiCall, Caller, Category, Connection, Event, Found, Page, Query, SamlSubject, WebIdentity,
};
use event_history::{EventHistory, Importance, Limits, Recent, Writer};
use gateway::{Call, Outcome, Recorder};
use serde::{Deserialize, Serialize};
use service_api::{IdSource as _, OsRandom, Principal, RequestContext, RequestId};
use store::{Read as _, Scope, Store};
use svc_cloudtrail::CloudTrail;
use svc_s3::Bucket;
use svc_sts::{ProvedIdentities, ProvedIdentity};

use crate::control::{self, Question};
use crate::now;
use crate::paths::RunDir;

/// How many events are told of at one time, at most.
pub const EVENTS_TOLD_MAX: usize = 1000;
/// How many bytes they have, at most, unless one alone has more.
const EVENTS_TOLD_BYTES_MAX: u64 = 4 << 20;
/// How often it is looked whether events are still written, and whether files of trails are due.
const WATCHING: Duration = Duration::from_secs(1);

/// Which events are told: the next after a number, or else the newest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsRequest {
    /// Only those after this number.
    pub after: Option<u64>,
    /// Only of this account.
    pub account: Option<AccountId>,
    /// Only of this service: `ec2`, or `ec2.amazonaws.com`.
    pub service: Option<String>,
    /// Only of calls that failed.
    pub errors_only: bool,
    /// How many; [`EVENTS_TOLD_MAX`] at most.
    pub limit: usize,
}

/// Whether events have this service: `ec2`, or `ec2.amazonaws.com`.
pub fn is_event_source(name: &str) -> bool {
    let mut sources =
        aws_model::services().iter().map(|service| cloudtrail_events::event_source(service.model()));
    sources.any(|source| source == name || source.strip_suffix(".amazonaws.com") == Some(name))
}

/// Events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsTold {
    /// Each as a line of JSON, oldest first.
    pub events: Vec<String>,
    /// The number after which the next question goes on. Lower than before after a new start.
    pub last: u64,
    /// Whether there are more already.
    pub has_more: bool,
}

impl EventsTold {
    /// Asks the daemon of a run directory.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub fn ask(run_dir: &RunDir, request: EventsRequest) -> io::Result<Self> {
        control::ask(run_dir, &Question::Events { request })
    }
}

/// A call, with what its context does not say of who made it.
struct Told {
    call: Call,
    proved: Option<ProvedIdentity>,
}

/// What a service of the cloud did for an account without a request of it.
#[derive(Clone, Debug)]
pub(crate) struct ServiceCall {
    /// Where, and for whom.
    pub(crate) scope: Scope,
    /// The service, such as `ec2.amazonaws.com`.
    pub(crate) service: &'static str,
    /// The model and the operation that it was.
    pub(crate) operation: (&'static str, &'static str),
    /// What it asked.
    pub(crate) input: Value,
    /// What it got.
    pub(crate) output: Value,
    /// When.
    pub(crate) now: Timestamp,
}

/// What becomes events.
enum Recorded {
    Call(Box<Told>),
    Service(Box<ServiceCall>),
}

/// The events of a cloud.
pub(crate) struct Events {
    directory: PathBuf,
    history: Arc<EventHistory>,
    writer: Writer<Recorded>,
    /// Who is behind calls that nobody signed.
    proved: Arc<ProvedIdentities>,
    /// The service, once it is there. It asks this for the history, so that neither can hold the other.
    trails: Arc<OnceLock<Weak<CloudTrail>>>,
}

impl Events {
    /// Starts to write events in a directory. The store tells whose buckets they are about.
    ///
    /// # Errors
    /// When there can be no thread for it.
    pub(crate) fn start(directory: PathBuf, store: Store) -> io::Result<Self> {
        let history = Arc::new(EventHistory::new(directory.clone(), Limits::default()));
        let trails: Arc<OnceLock<Weak<CloudTrail>>> = Arc::default();
        let tell = {
            let trails = Arc::clone(&trails);
            move |events: &[Event]| {
                if let Some(service) = trails.get().and_then(Weak::upgrade) {
                    service.deliver(events, now());
                }
            }
        };
        let make = move |recorded| events_of(&recorded, &store);
        let writer = Writer::start(Arc::clone(&history), now, make, tell)?;
        Ok(Self { directory, history, writer, proved: Arc::default(), trails })
    }

    /// Gives further events to the trails of a service.
    pub(crate) fn tell(&self, service: &Arc<CloudTrail>) {
        // There is one service, and it is told of once.
        let _ = self.trails.set(Arc::downgrade(service));
    }

    /// Where events are until the files of trails are delivered.
    pub(crate) fn trail_files(&self) -> PathBuf {
        self.directory.join("trails")
    }

    /// Whether nobody wants the events of an operation: those of data are for trails that select them, and in no history.
    fn is_unwanted(&self, service: &str, operation: &str) -> bool {
        let wants = |service: Arc<CloudTrail>| service.wants_data_events();
        cloudtrail_events::category(service, operation) == Category::Data
            && !self.trails.get().and_then(Weak::upgrade).is_some_and(wants)
    }

    /// Where STS notes who is behind calls that nobody signed.
    pub(crate) fn proved(&self) -> Arc<ProvedIdentities> {
        Arc::clone(&self.proved)
    }

    /// Ends when events are no longer written; delivers files that are due meanwhile.
    pub(crate) async fn watch(self: Arc<Self>) {
        while self.writer.is_working() {
            tokio::time::sleep(WATCHING).await;
            let this = Arc::clone(&self);
            let _ = tokio::task::spawn_blocking(move || this.flush(false)).await;
        }
        tracing::error!("the thread that writes events has ended");
    }

    fn flush(&self, all: bool) {
        if let Some(service) = self.trails.get().and_then(Weak::upgrade) {
            service.flush(now(), all);
        }
    }

    /// Writes what there is, and delivers it to trails. Nothing is recorded from now on.
    pub(crate) fn finish(&self) {
        self.writer.finish();
        self.flush(true);
    }

    /// Records what a service did.
    pub(crate) fn record_of_service(&self, done: ServiceCall) {
        let bytes = size_of::<ServiceCall>() + bytes_of(&done.input) + bytes_of(&done.output);
        self.writer.push(Recorded::Service(Box::new(done)), bytes, Importance::Kept);
    }

    /// Events of all accounts.
    pub(crate) fn recent(&self, request: EventsRequest) -> EventsTold {
        self.writer.settle();
        let page = self.history.recent(&Recent {
            after: request.after,
            account: request.account,
            service: request.service,
            errors_only: request.errors_only,
            limit: request.limit.min(EVENTS_TOLD_MAX),
            bytes: EVENTS_TOLD_BYTES_MAX,
        });
        let lines = page.events.into_iter().map(|found: Found| found.json);
        EventsTold { events: lines.collect(), last: page.last, has_more: page.has_more }
    }
}

/// Costs who answers a call a place in the queue.
impl Recorder for Events {
    fn record(&self, mut call: Call) {
        if self.is_unwanted(call.model.metadata.name, call.operation.name) {
            return;
        }
        let is_told = cloudtrail_events::tells_response(call.model.metadata.name, call.operation.name);
        if !is_told && let Outcome::Done(output) = &mut call.outcome {
            // It may be large, and many may wait in the queue.
            *output = Value::Null;
        }
        let bytes = bytes_of_call(&call);
        let importance = importance_of(&call, is_told);
        let proved = is_anonymous(&call).then(|| self.proved.take(&call.context.request_id)).flatten();
        self.writer.push(Recorded::Call(Box::new(Told { call, proved })), bytes, importance);
    }
}

/// What a call takes in memory, about.
fn bytes_of_call(call: &Call) -> usize {
    let outcome = match &call.outcome {
        Outcome::Done(output) => bytes_of(output),
        Outcome::Failed { code, message, .. } => code.len() + message.len(),
    };
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let texts = call.context.user_agent.len() + length(&call.context.way.referer) + length(&call.host);
    size_of::<Call>() + outcome + texts + call.input.as_ref().map_or(0, bytes_of)
}

fn bytes_of(value: &Value) -> usize {
    let inside: usize = match value {
        Value::String(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        Value::List(items) => items.iter().map(bytes_of).sum(),
        Value::Map(pairs) => {
            pairs.iter().map(|(key, value)| size_of::<String>() + key.len() + bytes_of(value)).sum()
        }
        Value::Structure(fields) => fields.iter().map(|(_, value)| size_of::<&str>() + bytes_of(value)).sum(),
        Value::Null | Value::Boolean(_) | Value::Integer(_) | Value::Float(_) | Value::Timestamp(_) => 0,
    };
    size_of::<Value>() + inside
}

/// Whether the event of a call may be left out where there is no room. Whoever is refused without a signature keeps nobody
/// waiting.
fn importance_of(call: &Call, changes: bool) -> Importance {
    let is_refused = matches!(call.outcome, Outcome::Failed { .. });
    let is_kept = changes && !(is_refused && call.context.principal.is_anonymous());
    if is_kept { Importance::Kept } else { Importance::MayBeDropped }
}

impl svc_cloudtrail::History for Events {
    fn lookup(&self, query: &Query) -> Page {
        // Whoever was answered finds the event of that call; on AWS it takes minutes.
        self.writer.settle();
        self.history.lookup(query)
    }
}

fn is_anonymous(call: &Call) -> bool {
    call.context.principal.is_anonymous()
}

/// Who made a call: whoever signed it, or brought a proof instead.
fn caller(told: &Told) -> Caller<'_> {
    let Told { call, proved } = told;
    match proved {
        Some(ProvedIdentity::WebIdentity { provider, audience, subject }) => {
            Caller::WebIdentity(Some(WebIdentity { provider, audience, subject }))
        }
        Some(ProvedIdentity::Saml { provider, qualifier, subject }) => {
            Caller::Saml(Some(SamlSubject { provider, qualifier, subject }))
        }
        None if !is_anonymous(call) => Caller::Signer,
        None => match call.operation.name {
            "AssumeRoleWithWebIdentity" => Caller::WebIdentity(None),
            "AssumeRoleWithSAML" => Caller::Saml(None),
            _ => Caller::Signer,
        },
    }
}

fn events_of(recorded: &Recorded, store: &Store) -> Vec<Event> {
    match recorded {
        Recorded::Call(call) => events_of_call(call, store),
        Recorded::Service(done) => events_of_service(done),
    }
}

fn events_of_service(done: &ServiceCall) -> Vec<Event> {
    let (service, operation) = done.operation;
    let model = aws_model::service(service).expect("the model is built in").model();
    let Scope { partition, account, region } = &done.scope;
    let context = RequestContext {
        partition: *partition,
        region: region.clone(),
        // Whose event it is; the event says that the service did it.
        principal: Principal::root(*partition, *account, ""),
        request_id: RequestId::from_bits(OsRandom.bits()),
        now: done.now,
        source_ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        user_agent: String::new(),
        secure_transport: true,
        way: service_api::Way::default(),
    };
    let told = ApiCall {
        context: &context,
        caller: Caller::Service(done.service),
        model,
        operation: model.operation(operation).expect("the operation is in the model"),
        input: Some(&done.input),
        outcome: cloudtrail_events::Outcome::Done(&done.output),
        connection: Connection::default(),
        bucket_owner: None,
    };
    cloudtrail_events::events(&told, || OsRandom.bits())
}

/// Whose the bucket is that a call to S3 names, if it is there.
fn bucket_owner(call: &Call, store: &Store) -> Option<AccountId> {
    let ("s3", Some(Value::Structure(fields))) = (call.model.metadata.name, &call.input) else { return None };
    let Some(Value::String(bucket)) = fields.get("Bucket") else { return None };
    let scope = Scope::global(call.context.partition, AccountId::CLOUD);
    store.snapshot().get::<Bucket>(&scope, bucket).map(|bucket| bucket.owner)
}

fn events_of_call(told: &Told, store: &Store) -> Vec<Event> {
    let call = &told.call;
    let outcome = match &call.outcome {
        Outcome::Done(output) => cloudtrail_events::Outcome::Done(output),
        Outcome::Failed { code, message, is_fault } => {
            cloudtrail_events::Outcome::Failed { code, message, is_fault: *is_fault }
        }
    };
    let api_call = ApiCall {
        context: &call.context,
        caller: caller(told),
        model: call.model,
        operation: call.operation,
        input: call.input.as_ref(),
        outcome,
        connection: Connection {
            tls: call.tls.map(|tls| (tls.version, tls.cipher_suite)),
            host: call.host.as_deref(),
        },
        bucket_owner: bucket_owner(call, store),
    };
    cloudtrail_events::events(&api_call, || OsRandom.bits())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws_model::Fields;
    use aws_types::Partition;
    use service_api::Principal;
    use store::MemoryBackend;
    use svc_cloudtrail::{Gathering, NoBuckets, NoOrganizations};

    use super::*;
    use crate::testing::context;

    fn call(operation: &str, outcome: Outcome) -> Call {
        let model = aws_model::service("ec2").unwrap().model();
        Call {
            context: context(),
            model,
            operation: model.operation(operation).unwrap(),
            input: Some(Value::Structure(Fields::new())),
            outcome,
            tls: None,
            host: None,
        }
    }

    #[test]
    fn a_call_takes_what_its_texts_do() {
        let done = call("CreateVpc", Outcome::Done(Value::Null));
        let small = bytes_of_call(&done);
        assert!((100..2_000).contains(&small), "{small}");
        let texts = Value::List(vec![Value::String("x".repeat(1_000)); 1_000]);
        let fields = |value| Some(Value::Structure(Fields::from_iter([("Names", value)])));
        let large = Call { input: fields(texts), ..done.clone() };
        assert!((1_000_000..1_200_000).contains(&bytes_of_call(&large)));
        // What is short takes its place, too: a million empty ones are not nothing.
        let empty = Call { input: fields(Value::List(vec![Value::Null; 1_000])), ..done };
        assert!(bytes_of_call(&empty) > small + 1_000 * size_of::<Value>());
        let failed = Outcome::Failed { code: "Bad".to_owned(), message: "x".repeat(500), is_fault: false };
        assert!(bytes_of_call(&call("CreateVpc", failed)) > small + 400);
    }

    #[test]
    fn who_is_refused_without_a_signature_keeps_nobody_waiting() {
        let failed = || Outcome::Failed { code: "No".to_owned(), message: String::new(), is_fault: false };
        let done = || Outcome::Done(Value::Null);
        let nobody = |outcome| {
            let mut told = call("CreateVpc", outcome);
            told.context.principal = Principal::anonymous(Partition::Aws);
            told
        };
        assert_eq!(importance_of(&call("CreateVpc", failed()), true), Importance::Kept);
        assert_eq!(importance_of(&nobody(done()), true), Importance::Kept);
        assert_eq!(importance_of(&nobody(failed()), true), Importance::MayBeDropped);
        assert_eq!(importance_of(&call("DescribeVpcs", done()), false), Importance::MayBeDropped);
    }

    /// What is recorded is found by the service, at once and after a new start.
    #[test]
    fn calls_are_found_by_lookups() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(MemoryBackend::new()).unwrap();
        let look = |events: &Arc<Events>| {
            let service = CloudTrail::new(
                store.clone(),
                Gathering { directory: events.trail_files(), period_millis: Gathering::AWS_MILLIS },
                Arc::clone(events) as _,
                Arc::new(NoBuckets),
                Arc::new(NoOrganizations),
            );
            let input = Value::Structure(Fields::new());
            let at_newest = service_api::RequestContext { now: now(), ..context() };
            let answer = service_api::Service::call(&service, &at_newest, "LookupEvents", input).unwrap();
            let answer = aws_api::cloudtrail::LookupEventsResponse::try_from(answer).unwrap();
            answer.events.unwrap().into_iter().map(|event| event.event_name.unwrap()).collect::<Vec<_>>()
        };
        let events = Arc::new(Events::start(directory.path().to_owned(), store.clone()).unwrap());
        let recent = |operation, outcome| Call {
            context: service_api::RequestContext { now: now(), ..context() },
            ..call(operation, outcome)
        };
        events.record(recent("CreateVpc", Outcome::Done(Value::Structure(Fields::new()))));
        let failed = Outcome::Failed { code: "Bad".to_owned(), message: "no".to_owned(), is_fault: false };
        events.record(recent("DescribeVpcs", failed));
        assert_eq!(look(&events), ["DescribeVpcs", "CreateVpc"]);
        let told = events.recent(EventsRequest { limit: 9, errors_only: true, ..Default::default() });
        let json: BTreeMap<String, serde_json::Value> = serde_json::from_str(&told.events[0]).unwrap();
        assert_eq!((told.last, &json["errorCode"]), (2, &"Client.Bad".into()));
        events.finish();
        let events = Arc::new(Events::start(directory.path().to_owned(), store.clone()).unwrap());
        assert_eq!(look(&events), ["DescribeVpcs", "CreateVpc"]);
    }
}
