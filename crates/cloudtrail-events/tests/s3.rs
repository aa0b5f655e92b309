//! Events of S3: their names, their parameters, and whose they are.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use aws_model::{Fields, Value};
use aws_types::{Partition, Timestamp};
use cloudtrail_events::{ApiCall, Caller, Category, Connection, Event, Facts, Outcome};
use serde_json::{Value as Json, json};
use service_api::{Principal, RequestContext, RequestId, SignatureFacts, SignaturePlace, Way};

const ACCOUNT: &str = "123456789012";
const OTHER: &str = "210987654321";

fn of<const N: usize>(members: [(&'static str, Value); N]) -> Value {
    Value::Structure(Fields::from_iter(members))
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

struct Call {
    principal: Principal,
    operation: &'static str,
    input: Value,
    output: Value,
}

impl Call {
    fn new(operation: &'static str, input: Value) -> Self {
        let principal = Principal::root(Partition::Aws, ACCOUNT.parse().unwrap(), "AKIAIOSFODNN7EXAMPLE");
        Self { principal, operation, input, output: of([]) }
    }

    /// Its events, in a bucket of this account.
    fn events(&self, owner: &str) -> Vec<Event> {
        let place = SignaturePlace::Query;
        let context = RequestContext {
            partition: Partition::Aws,
            region: "eu-west-1".parse().unwrap(),
            principal: self.principal.clone(),
            request_id: RequestId::from_bits(7),
            now: Timestamp::from_unix_secs(1_795_357_680),
            source_ip: [192, 0, 2, 7].into(),
            user_agent: String::new(),
            secure_transport: false,
            way: Way {
                signature: Some(SignatureFacts { place, signed: Timestamp::from_unix_secs(1_795_357_680) }),
                ..Way::default()
            },
        };
        let model = aws_model::service("s3").unwrap().model();
        let mut bits = 0;
        let call = ApiCall {
            context: &context,
            caller: Caller::Signer,
            model,
            operation: model.operation(self.operation).unwrap(),
            input: Some(&self.input),
            outcome: Outcome::Done(&self.output),
            connection: Connection { tls: None, host: Some("b.s3.eu-west-1.amazonaws.com") },
            bucket_owner: Some(owner.parse().unwrap()),
        };
        cloudtrail_events::events(&call, || {
            bits += 1;
            bits
        })
    }

    fn only(&self) -> Json {
        let mut events = self.events(ACCOUNT);
        assert_eq!(events.len(), 1);
        serde_json::to_value(events.remove(0)).unwrap()
    }
}

#[test]
fn an_object_is_a_data_event_in_the_words_of_the_protocol() {
    let input = of([
        ("Bucket", text("b")),
        ("Key", text("a/key")),
        ("ACL", text("bucket-owner-full-control")),
        ("SSECustomerKey", text("c2VjcmV0")),
        ("Metadata", Value::Map(vec![("colour".to_owned(), text("red"))])),
    ]);
    let output = of([("ETag", text("\"1\"")), ("ServerSideEncryption", text("AES256"))]);
    let event = Call { output, ..Call::new("PutObject", input) }.only();
    assert_eq!(
        (&event["eventName"], &event["eventSource"]),
        (&json!("PutObject"), &json!("s3.amazonaws.com"))
    );
    assert_eq!((&event["eventCategory"], &event["managementEvent"]), (&json!("Data"), &json!(false)));
    let told = &event["requestParameters"];
    assert_eq!((&told["bucketName"], &told["key"]), (&json!("b"), &json!("a/key")));
    assert_eq!(told["x-amz-acl"], json!("bucket-owner-full-control"));
    assert_eq!(told["Host"], json!("b.s3.eu-west-1.amazonaws.com"));
    let whole = event.to_string();
    assert!(!whole.contains("c2VjcmV0") && !whole.contains("colour"), "{whole}");
    assert_eq!(event["responseElements"], json!({ "x-amz-server-side-encryption": "AES256" }));
    assert_eq!(
        event["additionalEventData"],
        json!({ "SignatureVersion": "SigV4", "AuthenticationMethod": "QueryString" })
    );
    assert_eq!(
        event["resources"],
        json!([
            { "type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/a/key" },
            { "accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::b" },
        ])
    );
}

#[test]
fn of_several_objects_the_beginning_is_told() {
    let keys = of([("Objects", Value::List(vec![of([("Key", text("secret-name"))])]))]);
    for (operation, more, prefix) in [
        ("ListObjectsV2", ("Prefix", text("logs/")), "logs/"),
        ("HeadBucket", ("ExpectedBucketOwner", text(ACCOUNT)), ""),
        ("DeleteObjects", ("Delete", keys), ""),
    ] {
        let event = Call::new(operation, of([("Bucket", text("b")), more])).only();
        assert_eq!(event["eventCategory"], json!("Data"), "{operation}");
        let expect = json!({ "type": "AWS::S3::Object", "ARNPrefix": format!("arn:aws:s3:::b/{prefix}") });
        assert_eq!(event["resources"][0], expect, "{operation}");
        assert!(!event.to_string().contains("secret-name"));
    }
    let event = Call::new("ListObjectsV2", of([("Bucket", text("b"))])).only();
    assert_eq!(event["eventName"], json!("ListObjects"));
}

#[test]
fn a_bucket_is_found_in_the_history() {
    let configuration = of([("Status", text("Enabled"))]);
    let input = of([("Bucket", text("b")), ("VersioningConfiguration", configuration)]);
    let event = Call::new("PutBucketVersioning", input).events(ACCOUNT).remove(0);
    assert_eq!((event.event_category, event.management_event), (Category::Management, true));
    let told = event.request_parameters.clone().unwrap();
    assert_eq!(told["VersioningConfiguration"], json!({ "Status": "Enabled" }));
    let found = Facts::of(&event).resources;
    assert_eq!((found[0].kind.as_str(), found[0].name.as_str()), ("AWS::S3::Bucket", "b"));
    let listed = Call::new("ListBuckets", of([])).only();
    assert_eq!(listed["requestParameters"], json!({ "host": "b.s3.eu-west-1.amazonaws.com" }));
    assert_eq!(listed["resources"], Json::Null);
}

#[test]
fn the_owner_of_the_bucket_learns_of_it_too() {
    let input = || of([("Bucket", text("b")), ("Key", text("k"))]);
    let events = Call::new("GetObject", input()).events(OTHER);
    let recipients: Vec<String> = events.iter().map(|event| event.recipient_account_id.to_string()).collect();
    assert_eq!(recipients, [ACCOUNT, OTHER]);
    assert!(events[0].shared_event_id.is_some() && events[0].shared_event_id == events[1].shared_event_id);
    // Of what nobody signed it is the owner's event alone.
    let principal = Principal::anonymous(Partition::Aws);
    let events = Call { principal, ..Call::new("GetObject", input()) }.events(OTHER);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].recipient_account_id.to_string(), OTHER);
}
