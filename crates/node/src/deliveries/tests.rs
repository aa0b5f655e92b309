//! Trails, flow logs and access logs that go into buckets, through the services that write and the one that keeps them.

use std::io::Read as _;

use aws_api::cloudtrail::{self as trails, operation as of_trails};
use aws_api::s3::{self as api, operation as of_s3};
use aws_api::{Operation, ec2, ec2::operation as of_ec2};
use bucket_rules::AccessLogEntry;
use flate2::read::GzDecoder;
use gateway::{Call, Outcome, Recorder as _};
use service_api::Service;
use session_tokens::Tokens;
use store::{MemoryBackend, StoreError};
use svc_ec2::record::FlowLog;
use tempfile::TempDir;

use super::*;
use crate::access_logs::AccessLogs;
use crate::authorizing::ByPolicies;
use crate::events::Events;
use crate::flow_logs::deliver_to_bucket;
use crate::service_use::ServiceUseLog;
use crate::services::{Behaviour, Services, Shared};
use crate::testing::{NoHost, context, s3};

const BUCKET: &str = "logs-of-everything";
const TRAIL_ARN: &str = "arn:aws:cloudtrail:us-east-1:123456789012:trail/main";
const KEY: &str = "AWSLogs/123456789012/CloudTrail/us-east-1/2026/11/28/x.json.gz";
const OTHER: &str = "210987654321";

/// All services on one store.
struct World {
    store: Store,
    s3: Arc<S3>,
    events: Arc<Events>,
    services: Services,
    _directory: TempDir,
}

impl World {
    fn new() -> Self {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::with_key(&[7; 32]);
        let authorizing = ByPolicies::new(store.clone(), tokens.clone());
        let events = Arc::new(Events::start(directory.path().join("events"), store.clone()).unwrap());
        let uses = Arc::new(ServiceUseLog::new(store.clone()));
        let s3 = s3(&store, directory.path());
        let shared = Shared {
            store: &store,
            tokens: &tokens,
            authorizing: &authorizing,
            events: &events,
            uses: &uses,
            s3: &s3,
        };
        let behaviour = Behaviour { enforce_quotas: false, realistic_timing: false };
        let services = Services::new(behaviour, NoHost, shared);
        services.ec2.ensure_region(&context().scope(), context().now).unwrap();
        let world = Self { store, s3, events, services, _directory: directory };
        world.make(BUCKET);
        world
    }

    fn make(&self, bucket: &str) {
        let input = api::CreateBucketRequest { bucket: bucket.to_owned(), ..Default::default() };
        self.ok::<of_s3::CreateBucket>("s3", input);
    }

    fn call<O: Operation>(&self, model: &str, input: O::Input) -> Result<O::Output, ServiceError>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let service = self.services.all.iter().find(|service| service.model() == model).unwrap();
        let at_newest = RequestContext { now: now(), ..context() };
        let answer = service.call_streaming(&at_newest, O::NAME, input.into(), &mut Whole::default())?;
        Ok(O::Output::try_from(answer.output).ok().unwrap())
    }

    #[track_caller]
    fn ok<O: Operation>(&self, model: &str, input: O::Input) -> O::Output
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        self.call::<O>(model, input).unwrap_or_else(|error| panic!("{}: {error}", O::NAME))
    }

    /// Sets the policy of the bucket: these statements, or none.
    fn set_policy(&self, statements: &str) {
        let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
        self.change(|bucket| bucket.access.policy = Some(policy.clone()).filter(|_| !statements.is_empty()));
    }

    fn policy(&self) -> Option<String> {
        self.services.deliveries.bucket(Partition::Aws, BUCKET).unwrap().access.policy.clone()
    }

    fn change(&self, change: impl Fn(&mut Bucket)) {
        let changed = self.store.transact(|transaction| {
            let scope = Scope::global(Partition::Aws, AccountId::CLOUD);
            let mut bucket = Bucket::clone(&transaction.get::<Bucket>(&scope, BUCKET).unwrap());
            change(&mut bucket);
            transaction.put(&scope, BUCKET, bucket);
            Ok::<_, StoreError>(())
        });
        changed.unwrap();
    }

    fn keys(&self) -> Vec<String> {
        self.keys_of(BUCKET)
    }

    fn keys_of(&self, bucket: &str) -> Vec<String> {
        let input = api::ListObjectsV2Request { bucket: bucket.to_owned(), ..Default::default() };
        let listed = self.ok::<of_s3::ListObjectsV2>("s3", input).contents.unwrap_or_default();
        listed.into_iter().map(|object| object.key.unwrap()).collect()
    }

    /// An object, and its content decompressed.
    fn object(&self, key: &str) -> (api::GetObjectOutput, String) {
        let input =
            api::GetObjectRequest { bucket: BUCKET.to_owned(), key: key.to_owned(), ..Default::default() };
        let operation = of_s3::GetObject::NAME;
        let answer = self.s3.call_streaming(&context(), operation, input.into(), &mut Whole::default());
        let answer = answer.unwrap();
        let (mut content, mut bytes) = (answer.content.unwrap(), Vec::new());
        while let Some(piece) = content.next().unwrap() {
            bytes.extend_from_slice(&piece);
        }
        let mut text = String::new();
        GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        (answer.output.try_into().unwrap(), text)
    }

    fn record<O: Operation>(&self, model: &str, members: &[(&'static str, &str)]) {
        let model = aws_model::service(model).unwrap().model();
        let members = members.iter().map(|(name, value)| (*name, Value::String((*value).to_owned())));
        self.events.record(Call {
            context: RequestContext { now: now(), ..context() },
            model,
            operation: model.operation(O::NAME).unwrap(),
            input: Some(Value::Structure(members.collect())),
            outcome: Outcome::Done(Value::Structure(Fields::new())),
            tls: None,
            host: None,
        });
    }
}

fn statement(service: &str, action: &str, resource: &str, condition: &str) -> String {
    let resource = format!("arn:aws:s3:::{BUCKET}{resource}");
    format!(
        r#"{{"Effect":"Allow","Principal":{{"Service":"{service}"}},"Action":"{action}","Resource":"{resource}",
            "Condition":{condition}}}"#
    )
}

/// The policy that AWS documents for trails.
fn for_trails(arn: &str) -> String {
    let from = format!(r#""aws:SourceArn":"{arn}""#);
    let looking = format!(r#"{{"StringEquals":{{{from}}}}}"#);
    let writing = format!(r#"{{"StringEquals":{{{from},"s3:x-amz-acl":"{ACL}"}}}}"#);
    let looking = statement(CLOUDTRAIL, "s3:GetBucketAcl", "", &looking);
    format!("{looking},{}", statement(CLOUDTRAIL, "s3:PutObject", "/AWSLogs/123456789012/*", &writing))
}

fn of_trail() -> Deliverer {
    Deliverer {
        service: CLOUDTRAIL,
        partition: Partition::Aws,
        account: context().account(),
        source_arn: TRAIL_ARN.to_owned(),
    }
}

fn delivered(key: &str) -> Delivered {
    Delivered { key: key.to_owned(), content_type: "application/json", body: b"body".to_vec() }
}

#[test]
fn the_policy_of_the_bucket_is_asked_and_nothing_goes_around_it() {
    let world = World::new();
    let deliveries = &world.services.deliveries;
    let ask = |bucket: &str, key: &str| {
        let checked = deliveries.check(&of_trail(), bucket, key, now());
        let put = deliveries.deliver(&of_trail(), bucket, delivered(key), now());
        [checked, put].map(|done| match done {
            Ok(()) => "",
            Err(DeliveryError::NoSuchBucket) => "none",
            Err(DeliveryError::AccessDenied(_)) => "denied",
            Err(DeliveryError::Refused(error)) => panic!("{error}"),
        })
    };
    assert_eq!(ask("nobodys", KEY), ["none", "none"]);
    assert_eq!(ask(BUCKET, KEY), ["denied", "denied"], "the service is nobody's root user");
    let good = for_trails(TRAIL_ARN);
    world.set_policy(&good);
    assert_eq!(ask(BUCKET, "elsewhere/AWSLogs/123456789012/x"), ["denied", "denied"]);
    for policy in [
        for_trails("arn:aws:cloudtrail:us-east-1:123456789012:trail/other"),
        good.replace(CLOUDTRAIL, LOG_DELIVERY),
        good.replace(ACL, "private"),
        format!(
            r#"{good},{{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::logs-of-everything/*",
                "Condition":{{"StringNotEquals":{{"aws:SourceAccount":"{OTHER}"}}}}}}"#
        ),
    ] {
        world.set_policy(&policy);
        assert_eq!(ask(BUCKET, KEY), ["denied", "denied"], "{policy}");
    }
    // Whoever writes looks at the bucket, too, when it is said where.
    world.set_policy(&good.replace("s3:GetBucketAcl", "s3:GetBucketLogging"));
    assert_eq!(ask(BUCKET, KEY), ["denied", ""]);
    let of_account = r#"{"StringEquals":{"aws:SourceAccount":"123456789012"}}"#;
    let looking = statement(CLOUDTRAIL, "s3:GetBucketAcl", "", of_account);
    let plain = format!("{looking},{}", statement(CLOUDTRAIL, "s3:PutObject", "/*", of_account));
    world.set_policy(&format!(
        r#"{plain},{{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::logs-of-everything/*",
            "Condition":{{"Bool":{{"aws:SecureTransport":"false"}}}}}}"#
    ));
    assert_eq!(ask(BUCKET, KEY), ["", ""]);
    assert_eq!(world.keys(), [KEY]);
    // A denial is remembered for whoever asks why.
    world.set_policy("");
    let Err(DeliveryError::AccessDenied(message)) = deliveries.check(&of_trail(), BUCKET, KEY, now()) else {
        panic!("a bucket with no statement lets a service in");
    };
    assert!(message.contains(CLOUDTRAIL) && message.contains("s3:PutObject"), "{message}");
}

#[test]
fn a_bucket_of_another_account_and_region_owns_what_it_is_given() {
    let world = World::new();
    world.set_policy(&for_trails(TRAIL_ARN));
    let owner: AccountId = OTHER.parse().unwrap();
    world.change(|bucket| {
        bucket.owner = owner;
        bucket.region = "eu-west-1".parse().unwrap();
    });
    let deliveries = &world.services.deliveries;
    deliveries.check(&of_trail(), BUCKET, KEY, now()).unwrap();
    deliveries.deliver(&of_trail(), BUCKET, delivered(KEY), now()).unwrap();
    world.change(|bucket| bucket.region = context().region);
    assert_eq!(world.keys(), [KEY]);
}

/// From a call to the file in the bucket, by the operations that clients use.
#[test]
fn a_trail_has_the_calls_that_it_selects_in_its_bucket() {
    let world = World::new();
    let make = || trails::CreateTrailRequest {
        name: "main".to_owned(),
        s3_bucket_name: BUCKET.to_owned(),
        ..Default::default()
    };
    let refused = world.call::<of_trails::CreateTrail>("cloudtrail", make()).unwrap_err();
    assert_eq!(refused.code, "InsufficientS3BucketPolicyException");
    let elsewhere = trails::CreateTrailRequest { s3_bucket_name: "nobodys".to_owned(), ..make() };
    let refused = world.call::<of_trails::CreateTrail>("cloudtrail", elsewhere).unwrap_err();
    assert_eq!(refused.code, "S3BucketDoesNotExistException");
    world.set_policy(&for_trails(TRAIL_ARN));
    world.ok::<of_trails::CreateTrail>("cloudtrail", make());
    world.record::<of_s3::GetObject>("s3", &[("Bucket", BUCKET), ("Key", "before")]);
    let named = "main".to_owned();
    world.ok::<of_trails::StartLogging>("cloudtrail", trails::StartLoggingRequest { name: named.clone() });
    let objects = trails::DataResource {
        r#type: Some("AWS::S3::Object".to_owned()),
        values: Some(vec![format!("arn:aws:s3:::{BUCKET}/")]),
    };
    let selector =
        trails::EventSelector { data_resources: Some(vec![objects]), ..trails::EventSelector::default() };
    let selectors = trails::PutEventSelectorsRequest {
        trail_name: named.clone(),
        event_selectors: Some(vec![selector]),
        ..Default::default()
    };
    world.ok::<of_trails::PutEventSelectors>("cloudtrail", selectors);
    world.record::<of_s3::GetObject>("s3", &[("Bucket", BUCKET), ("Key", "selected")]);
    world.record::<of_s3::GetObject>("s3", &[("Bucket", "another"), ("Key", "not-selected")]);
    world.record::<of_s3::PutBucketVersioning>("s3", &[("Bucket", BUCKET)]);
    // The history has what is about the bucket, and nothing that is about objects.
    let found = world.ok::<of_trails::LookupEvents>("cloudtrail", Default::default()).events.unwrap();
    let names: Vec<_> = found.iter().map(|event| event.event_name.as_deref().unwrap()).collect();
    assert_eq!(names, ["PutBucketVersioning"]);
    world.events.finish();
    let keys = world.keys();
    assert_eq!(keys.len(), 1, "{keys:?}");
    let begin = "AWSLogs/123456789012/CloudTrail/us-east-1/2";
    assert!(keys[0].starts_with(begin) && keys[0].ends_with(".json.gz"), "{keys:?}");
    let (object, text) = world.object(&keys[0]);
    assert_eq!(object.content_encoding.as_deref(), Some("gzip"));
    assert_eq!(object.content_type.as_deref(), Some("application/json"));
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut events: Vec<String> = told["Records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            format!("{} {}", event["eventName"].as_str().unwrap(), event["requestParameters"]["key"])
        })
        .collect();
    events.sort();
    assert_eq!(events, [r#"GetObject "selected""#, "PutBucketVersioning null"]);
    let status = trails::GetTrailStatusRequest { name: named };
    let status = world.ok::<of_trails::GetTrailStatus>("cloudtrail", status);
    assert!(status.latest_delivery_time.is_some() && status.latest_delivery_error.is_none());
}

/// The policy that AWS documents for flow logs.
fn for_flow_logs(root: &str) -> String {
    let from = r#""ArnLike":{"aws:SourceArn":"arn:aws:logs:us-east-1:123456789012:*"}"#;
    let account = r#""aws:SourceAccount":"123456789012""#;
    let looking = format!(r#"{{"StringEquals":{{{account}}},{from}}}"#);
    let writing = format!(r#"{{"StringEquals":{{{account},"s3:x-amz-acl":"{ACL}"}},{from}}}"#);
    let looking = statement(LOG_DELIVERY, "s3:GetBucketAcl", "", &looking);
    format!("{looking},{}", statement(LOG_DELIVERY, "s3:PutObject", &format!("/{root}/*"), &writing))
}

fn log_flows(world: &World) -> ec2::CreateFlowLogsResult {
    let input = ec2::CreateVpcRequest { cidr_block: Some("10.0.0.0/16".to_owned()), ..Default::default() };
    let vpc = world.ok::<of_ec2::CreateVpc>("ec2", input).vpc.unwrap().vpc_id.unwrap();
    let input = ec2::CreateFlowLogsRequest {
        resource_type: "VPC".to_owned(),
        resource_ids: vec![vpc],
        traffic_type: Some("ALL".to_owned()),
        log_destination_type: Some("s3".to_owned()),
        log_destination: Some(format!("arn:aws:s3:::{BUCKET}/flows/")),
        log_format: Some("${version} ${srcaddr} ${action}".to_owned()),
        destination_options: Some(ec2::DestinationOptionsRequest {
            hive_compatible_partitions: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    };
    world.ok::<of_ec2::CreateFlowLogs>("ec2", input)
}

#[test]
fn records_of_flows_are_in_the_bucket_or_it_is_said_why_not() {
    let world = World::new();
    world.set_policy(&for_flow_logs("flows/AWSLogs/aws-account-id=123456789012"));
    let made = log_flows(&world);
    assert_eq!(made.unsuccessful, Some(Vec::new()));
    let id = made.flow_log_ids.unwrap().remove(0);
    let scope = context().scope();
    let log = world.store.snapshot().get::<FlowLog>(&scope, &id).unwrap();
    let lines = ["2 10.0.0.4 ACCEPT".to_owned(), "2 - -".to_owned()];
    let deliver = || deliver_to_bucket(&world.services.deliveries, &scope, &log, &lines, context().now);
    assert_eq!(deliver(), None);
    assert_eq!(deliver(), None);
    let keys = world.keys();
    assert_eq!(keys.len(), 1, "the same file has the same name: {keys:?}");
    let begin = "flows/AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/year=2026/\
                 month=11/day=22/123456789012_vpcflowlogs_us-east-1_fl-";
    assert!(keys[0].starts_with(begin) && keys[0].ends_with(".log.gz"), "{keys:?}");
    let (_, text) = world.object(&keys[0]);
    assert_eq!(text, "version srcaddr action\n2 10.0.0.4 ACCEPT\n2 - -\n");
    world.set_policy("");
    assert_eq!(deliver(), Some(svc_ec2::record::DeliveryFailure::AccessError));
}

/// AWS adds to the policy of a caller's own bucket what is missing. Where S3 cannot be told a policy yet, it is refused.
#[test]
fn a_bucket_that_lets_no_logs_in_is_opened_by_its_owner_or_refused() {
    let world = World::new();
    let mine = r#"{"Sid":"mine","Effect":"Deny","Principal":"*","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::logs-of-everything/*"}"#;
    world.set_policy(mine);
    let refused = |made: ec2::CreateFlowLogsResult| {
        let error = made.unsuccessful.unwrap().remove(0).error.unwrap();
        let message =
            format!("Access Denied for LogDestination: {BUCKET}. Please check LogDestination permission");
        assert_eq!((error.code.as_deref(), error.message), (Some("400"), Some(message)));
    };
    if world.s3.implements("PutBucketPolicy") {
        assert_eq!(log_flows(&world).flow_log_ids.unwrap().len(), 1);
        let policy = world.policy().unwrap();
        assert!(policy.contains("\"mine\"") && policy.contains("AWSLogDeliveryWrite"), "{policy}");
    } else {
        refused(log_flows(&world));
    }
    world.set_policy("");
    world.change(|bucket| bucket.owner = OTHER.parse().unwrap());
    refused(log_flows(&world));
    assert_eq!(world.policy(), None);
}

/// Has the log of a bucket put into another one.
fn log_accesses(world: &World, bucket: &str, target: &str) {
    let logging_enabled = api::LoggingEnabled {
        target_bucket: target.to_owned(),
        target_prefix: "asked/".to_owned(),
        ..Default::default()
    };
    let input = api::PutBucketLoggingRequest {
        bucket: bucket.to_owned(),
        bucket_logging_status: api::BucketLoggingStatus { logging_enabled: Some(logging_enabled) },
        ..Default::default()
    };
    world.ok::<of_s3::PutBucketLogging>("s3", input);
}

/// How many more logs are in a bucket after another one was asked something.
fn logs_after_access(world: &World, bucket: &str, target: &str) -> usize {
    let logs = AccessLogs::new(Arc::clone(&world.s3), Arc::clone(&world.services.deliveries), false);
    let before = world.keys_of(target).len();
    let entry = AccessLogEntry { bucket: bucket.to_owned(), time: now(), ..AccessLogEntry::default() };
    world.s3.log_access(Partition::Aws, &entry);
    logs.deliver();
    assert!(!world.s3.has_access_logs(), "what is refused does not wait");
    let keys = world.keys_of(target);
    assert!(keys.iter().all(|key| key.starts_with("asked/20")), "{keys:?}");
    keys.len() - before
}

#[test]
fn access_logs_are_put_where_the_policy_of_the_target_lets_them_in() {
    let world = World::new();
    world.make("asked");
    log_accesses(&world, "asked", BUCKET);
    let after = || logs_after_access(&world, "asked", BUCKET);
    assert_eq!(after(), 0, "the service is nobody's root user");
    let from = |arn: &str, account: &str| {
        let condition = format!(
            r#"{{"ArnLike":{{"aws:SourceArn":"{arn}"}},"StringEquals":{{"aws:SourceAccount":"{account}"}}}}"#
        );
        statement(LOGGING_SERVICE, "s3:PutObject", "/asked/*", &condition)
    };
    let good = from("arn:aws:s3:::asked", "123456789012");
    let denies = |condition: &str| {
        format!(
            r#"{good},{{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::{BUCKET}/*",
                "Condition":{condition}}}"#
        )
    };
    for policy in [
        from("arn:aws:s3:::another", "123456789012"),
        from("arn:aws:s3:::asked", OTHER),
        good.replace(LOGGING_SERVICE, LOG_DELIVERY),
        good.replace("/asked/*", "/elsewhere/*"),
        denies(r#"{"StringEquals":{"aws:SourceAccount":"123456789012"}}"#),
    ] {
        world.set_policy(&policy);
        assert_eq!(after(), 0, "{policy}");
    }
    for policy in [good.clone(), denies(r#"{"Bool":{"aws:SecureTransport":"false"}}"#)] {
        world.set_policy(&policy);
        assert_eq!(after(), 1, "{policy}");
    }
}

#[test]
fn access_logs_are_put_where_the_list_of_the_target_lets_them_in() {
    const LISTED: &str = "with-a-list";
    let world = World::new();
    world.make("asked");
    let input = api::CreateBucketRequest {
        bucket: LISTED.to_owned(),
        object_ownership: Some("BucketOwnerPreferred".to_owned()),
        ..Default::default()
    };
    world.ok::<of_s3::CreateBucket>("s3", input);
    let set = |acl: &str| {
        let input = api::PutBucketAclRequest {
            bucket: LISTED.to_owned(),
            acl: Some(acl.to_owned()),
            ..Default::default()
        };
        world.ok::<of_s3::PutBucketAcl>("s3", input);
    };
    set("log-delivery-write");
    log_accesses(&world, "asked", LISTED);
    let after = || logs_after_access(&world, "asked", LISTED);
    assert_eq!(after(), 1);
    let denial = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Principal":{{"Service":"{LOGGING_SERVICE}"}},
            "Action":"s3:PutObject","Resource":"arn:aws:s3:::{LISTED}/*"}}}}"#
    );
    let input =
        api::PutBucketPolicyRequest { bucket: LISTED.to_owned(), policy: denial, ..Default::default() };
    world.ok::<of_s3::PutBucketPolicy>("s3", input);
    assert_eq!(after(), 0, "a denial is above the list");
    world.ok::<of_s3::DeleteBucketPolicy>(
        "s3",
        api::DeleteBucketPolicyRequest { bucket: LISTED.to_owned(), ..Default::default() },
    );
    set("private");
    assert_eq!(after(), 0);
}
