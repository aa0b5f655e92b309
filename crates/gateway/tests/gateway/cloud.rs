//! A gateway with two small services, on a port of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use aws_model::{Fields, Value};
use aws_types::{Partition, Region, Timestamp};
use bucket_rules::AccessLogEntry;
use gateway::{
    AccessRequest, Allowed, Authorizer, Buckets, Call, Claim, Clock, Config, Credential, Credentials, Denied,
    Gateway, Limits, Recorder, Refused, SystemClock, WebBucket,
};
use object_store::BlobSecret;
use service_api::{OsRandom, Principal, RequestContext, Service, ServiceError, TooMany, check_numbers};
use sigv4::SignatureError;
use store::{MemoryBackend, Store};
use svc_s3::S3;
use tokio::sync::oneshot;

use crate::inside::{self, Policies};
use crate::objects::Objects;

pub(crate) const KEY: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "a secret";
/// The name, or the page token, of which the authorizer lets nobody ask.
pub(crate) const FORBIDDEN: &str = "/forbidden";
/// The name that the authorizer takes for too many.
pub(crate) const LARGE: &str = "/large";
/// The name at which the authorizer panics, and the one that is not admitted.
pub(crate) const PANICS: &str = "/panics";
pub(crate) const NOT_ADMITTED: &str = "/not-admitted";
/// The bucket of which nobody may ask who does not sign.
pub(crate) const PRIVATE: &str = "private";
/// A bucket that is not there, where the service of the tests is asked. Nobody may, either.
pub(crate) const MISSING: &str = "missing";
pub(crate) const ACCOUNT: &str = "123456789012";

/// What the gateway's clock says: 20260101T120000Z.
pub(crate) const NOW_SECS: i64 = 1_767_268_800;

/// The access keys, and which were used where.
struct Keys(Arc<Mutex<Vec<String>>>);

impl Credentials for Keys {
    fn lookup(&self, claim: &Claim<'_>) -> Result<Credential, SignatureError> {
        match (claim.access_key_id, claim.session_token) {
            (KEY, None) | ("ASIATEMPORARY", Some("token")) => {}
            ("ASIATEMPORARY", Some("old")) => return Err(SignatureError::ExpiredToken),
            (KEY | "ASIATEMPORARY", Some(_)) => return Err(SignatureError::BadToken),
            ("AKIDCLOSED", _) => return Err(SignatureError::AccountClosed),
            _ => return Err(SignatureError::UnknownKey),
        }
        let account = ACCOUNT.parse().unwrap();
        let principal = Principal::root(Partition::Aws, account, claim.access_key_id);
        Ok(Credential { secret: SECRET.to_owned(), principal })
    }

    fn used(&self, principal: &Principal, region: &Region, service: &str, now: Timestamp) {
        assert!(now.unix_secs() >= NOW_SECS);
        self.0.lock().unwrap().push(format!("{} {region} {service}", principal.access_key_id));
    }
}

/// Whose denials name the operation, and are sealed by writing it backwards.
struct OneForbiddenName;

impl Authorizer for OneForbiddenName {
    fn authorize(&self, call: AccessRequest<'_>) -> Result<Allowed, Refused> {
        check_numbers(call.service.model(), call.operation, call.input).map_err(Refused::TooMany)?;
        let name = match call.input {
            Value::Structure(input) => input.get("Name").or_else(|| input.get("NextToken")),
            _ => None,
        };
        let is_private = matches!(call.input, Value::Structure(input)
            if [PRIVATE, MISSING].iter().any(|name| input.get("Bucket") == Some(&Value::String((*name).to_owned()))));
        if is_private && call.context.principal.is_anonymous() {
            return Err(Refused::Denied(Denied {
                encoded: String::new(),
                message: "told in full".to_owned(),
            }));
        }
        if name == Some(&Value::String(LARGE.to_owned())) {
            return Err(Refused::TooMany(TooMany::Resources));
        }
        assert_ne!(name, Some(&Value::String(PANICS.to_owned())));
        if name != Some(&Value::String(FORBIDDEN.to_owned())) {
            let needed = call.service.needed_permissions(call.context, call.operation, call.input);
            let needs_nothing = needed.is_some_and(|needed| needed.is_empty());
            return Ok(if needs_nothing { Allowed::WithoutPermission } else { Allowed::ByPolicies });
        }
        let message = format!("{} may not {}", call.context.principal.arn, call.operation);
        Err(Refused::Denied(Denied { encoded: message.chars().rev().collect(), message }))
    }

    fn admit(&self, call: AccessRequest<'_>) -> Result<(), ServiceError> {
        let name = match call.input {
            Value::Structure(input) => input.get("Name"),
            _ => None,
        };
        if name != Some(&Value::String(NOT_ADMITTED.to_owned())) {
            return Ok(());
        }
        Err(ServiceError::new("ThrottlingException", "not this name"))
    }
}

/// The calls that the recorder learned of.
#[derive(Default)]
pub(crate) struct Recorded(Mutex<Vec<Call>>);

impl Recorded {
    /// Those since it was last asked.
    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Recorder for Recorded {
    fn record(&self, call: Call) {
        self.0.lock().unwrap().push(call);
    }
}

/// Holds calls until they are let go, and counts them.
#[derive(Default)]
pub(crate) struct Gate {
    waiting: AtomicUsize,
    most: AtomicUsize,
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    pub(crate) fn pass(&self) {
        let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(waiting, Ordering::SeqCst);
        let is_open = self.is_open.lock().unwrap();
        drop(self.opened.wait_while(is_open, |is_open| !*is_open).unwrap());
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    /// Waits until so many calls are held.
    pub(crate) fn wait_for(&self, calls: usize) {
        for _ in 0..2000 {
            if self.waiting.load(Ordering::SeqCst) >= calls {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("{} of {calls} calls came", self.waiting.load(Ordering::SeqCst));
    }

    /// How many were held at one time, at most.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

fn structure(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Structure(Fields::from_iter(fields))
}

/// EC2 with operations that answer what they were asked, fail, panic, and wait.
struct Ec2(Arc<Gate>);

impl Service for Ec2 {
    fn model(&self) -> &'static str {
        "ec2"
    }

    fn implements(&self, operation: &str) -> bool {
        ["DescribeVpcs", "DescribeSubnets", "DescribeRegions", "CreateVpc"].contains(&operation)
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        match operation {
            "DescribeVpcs" => {
                let Value::Structure(input) = input else { panic!("the input is a structure") };
                let Some(Value::List(ids)) = input.get("VpcIds").cloned() else {
                    return Ok(structure([("NextToken", Value::String(format!("{context:?}")))]));
                };
                let vpcs = ids.into_iter().map(|id| structure([("VpcId", id)])).collect();
                Ok(structure([("Vpcs", Value::List(vpcs))]))
            }
            "DescribeSubnets" => {
                Err(ServiceError::new("InvalidSubnetID.NotFound", "The subnet ID 'subnet-1' does not exist"))
            }
            "CreateVpc" => {
                self.0.pass();
                Ok(structure([]))
            }
            _ => panic!("a bug in {operation}"),
        }
    }
}

/// Systems Manager, for the JSON protocol.
struct Ssm;

impl Service for Ssm {
    fn model(&self) -> &'static str {
        "ssm"
    }

    fn implements(&self, operation: &str) -> bool {
        operation == "GetParameter"
    }

    fn call(&self, _: &RequestContext, _: &str, input: Value) -> Result<Value, ServiceError> {
        let Value::Structure(mut input) = input else { panic!("the input is a structure") };
        match input.take("Name") {
            Some(Value::String(name)) if name == "/missing" => {
                Err(ServiceError::new("ParameterNotFound", ""))
            }
            Some(name) => Ok(structure([("Parameter", structure([("Name", name)]))])),
            None => Err(ServiceError::internal("the codec let an input without a name through")),
        }
    }
}

/// STS, with an operation that needs no signature and one that does. Both answer who asks, and for which region.
struct Sts;

impl Service for Sts {
    fn model(&self) -> &'static str {
        "sts"
    }

    fn implements(&self, operation: &str) -> bool {
        ["AssumeRoleWithWebIdentity", "GetAccessKeyInfo"].contains(&operation)
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        if let Value::Structure(input) = &input
            && matches!(input.get("RoleArn"), Some(Value::String(role)) if role.ends_with("/not-trusted"))
        {
            return Err(ServiceError::new("AccessDenied", "the role does not trust you").with_status(403));
        }
        let who = Value::String(format!("{} in {}", context.principal.user_id, context.region));
        let member = if operation == "GetAccessKeyInfo" { "Account" } else { "Provider" };
        Ok(structure([(member, who)]))
    }
}

/// What logs of buckets were told. Two have one.
#[derive(Default)]
pub(crate) struct Logged(Mutex<Vec<AccessLogEntry>>);

impl Logged {
    /// So many of them, once they are there.
    pub(crate) fn take(&self, count: usize) -> Vec<AccessLogEntry> {
        for _ in 0..2000 {
            let mut held = self.0.lock().unwrap();
            if held.len() >= count {
                return std::mem::take(&mut held);
            }
            drop(held);
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("{:?} are not {count} requests", self.0.lock().unwrap());
    }
}

/// The buckets of S3, as browsers and logs meet them.
struct OfS3(Option<Arc<S3>>, Arc<Logged>);

impl Buckets for OfS3 {
    fn is_there(&self, partition: Partition, name: &str) -> bool {
        self.0.as_ref().map_or(name != MISSING, |s3| s3.bucket(partition, name).is_some())
    }

    fn is_logged(&self, _: Partition, name: &str) -> bool {
        ["web", PRIVATE].contains(&name)
    }

    fn log_access(&self, _: Partition, entry: &AccessLogEntry) {
        self.1.0.lock().unwrap().push(entry.clone());
    }

    fn bucket(&self, partition: Partition, name: &str) -> Option<WebBucket> {
        let bucket = self.0.as_ref()?.bucket(partition, name)?;
        let (region, cors, website) = (bucket.region.clone(), bucket.cors.clone(), bucket.website.clone());
        Some(WebBucket { region, cors, website })
    }
}

/// A running gateway. Dropping it shuts it down and waits for that.
pub(crate) struct Cloud {
    pub(crate) address: SocketAddr,
    pub(crate) ca_path: PathBuf,
    /// Where S3 alone is, inside of the network.
    pub(crate) inside: SocketAddr,
    pub(crate) policies: Arc<Policies>,
    pub(crate) gate: Arc<Gate>,
    /// Which keys were used where.
    pub(crate) used: Arc<Mutex<Vec<String>>>,
    pub(crate) calls: Arc<Recorded>,
    pub(crate) logged: Arc<Logged>,
    stop: Option<oneshot::Sender<()>>,
    server: Option<std::thread::JoinHandle<()>>,
    _dir: Option<tempfile::TempDir>,
}

impl Cloud {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// A gateway with other limits.
    pub(crate) fn with(limits: impl FnOnce(&mut Limits)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut cloud = Self::in_dir(dir.path().join("tls"), limits);
        cloud._dir = Some(dir);
        cloud
    }

    /// A gateway for clients that sign by the real clock.
    pub(crate) fn in_real_time() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut cloud = Self::launch(dir.path().join("tls"), |_| {}, Arc::new(SystemClock), None);
        cloud._dir = Some(dir);
        cloud
    }

    pub(crate) fn in_dir(tls_dir: PathBuf, limits: impl FnOnce(&mut Limits)) -> Self {
        Self::launch(tls_dir, limits, Arc::new(|| Timestamp::from_unix_secs(NOW_SECS)), None)
    }

    /// A gateway with the S3 that Brume has, for clients that sign by the test's clock or by the real one.
    pub(crate) fn with_s3(clock: Option<Arc<dyn Clock>>) -> Self {
        Self::with_s3_within(clock, |_| {})
    }

    /// The same with other limits.
    pub(crate) fn with_s3_within(clock: Option<Arc<dyn Clock>>, limits: impl FnOnce(&mut Limits)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(MemoryBackend::new()).unwrap();
        let objects = dir.path().join("objects");
        let secret = BlobSecret::new([7; 32]);
        let s3 = Arc::new(S3::open(store, Arc::new(OsRandom), &objects, secret).unwrap());
        let clock = clock.unwrap_or_else(|| Arc::new(|| Timestamp::from_unix_secs(NOW_SECS)));
        let mut cloud = Self::launch(dir.path().join("tls"), limits, clock, Some(s3));
        cloud._dir = Some(dir);
        cloud
    }

    fn launch(
        tls_dir: PathBuf,
        limits: impl FnOnce(&mut Limits),
        clock: Arc<dyn Clock>,
        s3: Option<Arc<S3>>,
    ) -> Self {
        let regions = ["us-east-1", "eu-west-1"].map(|region| region.parse().unwrap()).to_vec();
        let mut config = Config::new("127.0.0.1:0".parse().unwrap(), tls_dir, regions);
        limits(&mut config.limits);
        let gate = Arc::new(Gate::default());
        let mut services: Vec<Arc<dyn Service>> =
            vec![Arc::new(Ec2(Arc::clone(&gate))), Arc::new(Ssm), Arc::new(Sts)];
        services.push(match &s3 {
            Some(s3) => Arc::clone(s3) as _,
            None => Arc::new(Objects::at(Arc::clone(&gate))),
        });
        let used = Arc::new(Mutex::default());
        let keys = Arc::new(Keys(Arc::clone(&used)));
        let calls = Arc::new(Recorded::default());
        let recorder = Arc::clone(&calls) as Arc<dyn Recorder>;
        let policies = Arc::new(Policies::default());
        let logged = Arc::new(Logged::default());
        let buckets = Arc::new(OfS3(s3, Arc::clone(&logged)));
        let (inside, endpoint) = inside::endpoint(&policies);
        let (stop, stopped) = oneshot::channel::<()>();
        let (started, bound) = std::sync::mpsc::channel();
        let server = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let bound =
                    Gateway::bind(config, services, keys, Arc::new(OneForbiddenName), clock, recorder)
                        .await
                        .unwrap();
                let mut bound = bound.with_buckets(buckets);
                bound.add_endpoint(endpoint).unwrap();
                started.send((bound.address(), bound.ca_path().to_owned())).unwrap();
                let stopped = async { drop(stopped.await) };
                bound.serve(stopped).await;
            });
        });
        let (address, ca_path) = bound.recv().unwrap();
        let (stop, server) = (Some(stop), Some(server));
        Self { address, ca_path, inside, policies, gate, used, calls, logged, stop, server, _dir: None }
    }

    /// Begins to shut down.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Whether it has shut down.
    pub(crate) fn has_ended(&self) -> bool {
        self.server.as_ref().is_none_or(std::thread::JoinHandle::is_finished)
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.stop();
        self.gate.open();
        if let Some(server) = self.server.take() {
            server.join().unwrap();
        }
    }
}
