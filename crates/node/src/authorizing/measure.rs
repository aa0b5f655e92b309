//! What it costs that requests are authorized and recorded: the same requests, in turn, at a gateway that does both and at one
//! that does neither.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use aws_types::{Partition, Timestamp};
use gateway::{Gateway, Recorder};
use identities::cloud_scope;
use serde_json::json;
use sigv4::{Payload, Request, Signer, SigningTime};
use store::{MemoryBackend, Record, Scope, StoreError};

use super::*;
use crate::credentials::StoredCredentials;
use crate::events::Events;
use crate::service_use::ServiceUseLog;
use crate::services::{Behaviour, Services, Shared};
use crate::testing::{NoHost, s3};

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "a secret";
const NOW_SECS: i64 = 1_795_357_680;
/// How many requests each gateway gets, after as many as it needs to be warm.
const REQUESTS: usize = 5_000;
const WARMING: usize = 500;

/// Lets everybody do everything.
struct Everything;

impl Authorizer for Everything {
    fn authorize(&self, _: AccessRequest<'_>) -> Result<Allowed, Refused> {
        Ok(Allowed::ByPolicies)
    }

    fn admit(&self, _: AccessRequest<'_>) -> Result<(), ServiceError> {
        Ok(())
    }
}

fn put<R: Record>(store: &Store, scope: &Scope, id: &str, record: serde_json::Value) {
    let record: R = serde_json::from_value(record).unwrap();
    let put = store.transact(|transaction| {
        transaction.put(scope, id, record);
        Ok::<_, StoreError>(())
    });
    put.unwrap();
}

/// An account with a user who has ten policies, of which the last allows what is asked.
fn put_user(store: &Store) {
    let scope = Scope::global(Partition::Aws, "123456789012".parse().unwrap());
    let policies: serde_json::Map<_, _> = (0..10)
        .map(|number| {
            let action = if number == 9 { "ec2:DescribeVpcs" } else { "s3:GetObject" };
            let policy = json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": action, "Resource": "*",
                 "Condition": {"StringEquals": {"aws:RequestedRegion": ["us-east-1", "eu-west-1"]}}}]});
            (format!("p{number}"), policy.to_string().into())
        })
        .collect();
    let user = json!({
        "id": "AIDAALICE", "name": "Alice", "path": "/", "arn": "arn:aws:iam::123456789012:user/Alice", "created": 0,
        "password_last_used": null, "permissions_boundary": null, "inline_policies": policies,
        "attached_policies": [], "groups": [], "tags": {},
    });
    put::<identities::Account>(
        store,
        &scope,
        "123456789012",
        json!({"id": "123456789012", "created": 0, "state": "Active"}),
    );
    put::<identities::User>(store, &scope, "alice", user);
    let key = json!({
        "id": KEY, "secret": SECRET, "account": "123456789012", "owner": {"User": {"id": "AIDAALICE", "name": "Alice"}},
        "status": "Active", "created": 0,
    });
    put::<identities::AccessKey>(store, &cloud_scope(Partition::Aws), KEY, key);
}

/// A request for the VPCs, signed.
fn signed_request() -> Vec<u8> {
    let body = b"Action=DescribeVpcs&Version=2016-11-15";
    let headers: [(&str, &[u8]); 2] =
        [("host", b"localhost"), ("content-type", b"application/x-www-form-urlencoded")];
    let request = Request { method: "POST", path: "/", query: "", headers: &headers };
    let (region, service) = ("us-east-1", "ec2");
    let signer = Signer { access_key_id: KEY, secret: SECRET, session_token: None, region, service };
    let time = SigningTime::from_unix_secs(NOW_SECS).unwrap();
    let mut bytes = "POST / HTTP/1.1\r\nhost: localhost\r\n".to_owned();
    bytes +=
        &format!("content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in signer.sign(&request, &Payload::of(body), time) {
        bytes += &format!("{name}: {value}\r\n");
    }
    [bytes.as_bytes(), b"\r\n", body].concat()
}

/// A gateway's client.
struct Asker(TcpStream);

impl Asker {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    /// Asks once, and tells how long it took.
    fn ask(&mut self, request: &[u8]) -> Duration {
        let began = Instant::now();
        self.0.write_all(request).unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 16 << 10];
        loop {
            let length = self.0.read(&mut buffer).unwrap();
            assert!(length > 0, "the gateway has hung up");
            answer.extend_from_slice(&buffer[..length]);
            if answer.ends_with(b"</DescribeVpcsResponse>") {
                break;
            }
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        began.elapsed()
    }
}

/// One promise in `SPECIFICATION.md`: `--run-ignored all`, in a release build.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measures_requests_with_and_without_enforcement() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(MemoryBackend::new()).unwrap();
    put_user(&store);
    let tokens = Tokens::with_key(&[7; 32]);
    let events = Arc::new(Events::start(directory.path().join("events"), store.clone()).unwrap());
    let by_policies = ByPolicies::new(store.clone(), tokens.clone());
    let s3 = s3(&store, directory.path());
    let mut addresses = Vec::new();
    let mut stops = Vec::new();
    for enforces in [true, false] {
        let behaviour = Behaviour { enforce_quotas: false, realistic_timing: false };
        let uses = Arc::new(ServiceUseLog::new(store.clone()));
        let shared = Shared {
            store: &store,
            tokens: &tokens,
            authorizing: &by_policies,
            events: &events,
            uses: &uses,
            s3: &s3,
        };
        let services = Services::new(behaviour, NoHost, shared).all;
        let regions = vec!["us-east-1".parse().unwrap()];
        let tls = directory.path().join(format!("tls-{enforces}"));
        let config = gateway::Config::new("127.0.0.1:0".parse().unwrap(), tls, regions);
        let credentials = Arc::new(StoredCredentials::new(store.clone(), tokens.clone()));
        let (authorizer, recorder): (Arc<dyn Authorizer>, Arc<dyn Recorder>) = if enforces {
            (Arc::new(by_policies.clone()), events.clone())
        } else {
            (Arc::new(Everything), Arc::new(()))
        };
        let clock = Arc::new(|| Timestamp::from_unix_secs(NOW_SECS));
        let bound = Gateway::bind(config, services, credentials, authorizer, clock, recorder).await.unwrap();
        addresses.push(bound.address());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        tokio::spawn(bound.serve(async { drop(stopped.await) }));
        stops.push(stop);
    }
    let measured = tokio::task::spawn_blocking(move || {
        let request = signed_request();
        let mut askers: Vec<_> = addresses.into_iter().map(Asker::connect).collect();
        let mut took = [Vec::new(), Vec::new()];
        for number in 0..WARMING + REQUESTS {
            for (asker, took) in askers.iter_mut().zip(&mut took) {
                let elapsed = asker.ask(&request);
                if number >= WARMING {
                    took.push(elapsed);
                }
            }
        }
        took.map(|mut took| {
            took.sort_unstable();
            took[REQUESTS / 2]
        })
    });
    let [with, without] = measured.await.unwrap();
    let ratio = with.as_secs_f64() / without.as_secs_f64();
    println!("DescribeVpcs, p50: {with:?} with enforcement and recording, {without:?} without: {ratio:.3}");
}
