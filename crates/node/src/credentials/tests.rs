//! Each kind of principal signs requests at a gateway, and is told who it is for as long as it is there.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::json;
use service_api::{IdSource as _, OsRandom, Service, Session};
use session_tokens::{NewSession, Temporary};
use sigv4::{Payload, Request, Signer, SigningTime};
use store::MemoryBackend;
use svc_sts::Sts;

use super::*;
use crate::authorizing::ByPolicies;
use crate::testing::Ids;

const ACCOUNT: &str = "123456789012";
const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "a secret";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}"#;
const NOW_SECS: i64 = 1_795_357_680;
const NOW: Timestamp = Timestamp::from_unix_secs(NOW_SECS);

fn account() -> AccountId {
    ACCOUNT.parse().unwrap()
}

fn scope() -> Scope {
    Scope::global(Partition::Aws, account())
}

fn put<R: Record>(store: &Store, scope: &Scope, id: &str, record: serde_json::Value) {
    let record: R = serde_json::from_value(record).unwrap();
    let put = store.transact(|transaction| {
        transaction.put(scope, id, record);
        Ok::<_, StoreError>(())
    });
    put.unwrap();
}

fn put_account(store: &Store, state: serde_json::Value) {
    let record = json!({"id": ACCOUNT, "created": 0, "state": state});
    put::<Account>(store, &scope(), ACCOUNT, record);
}

fn put_user(store: &Store, id: &str) {
    let arn = "arn:aws:iam::123456789012:user/staff/Alice";
    let record = json!({
        "id": id, "name": "Alice", "path": "/staff/", "arn": arn, "created": 0, "password_last_used": null,
        "permissions_boundary": null, "inline_policies": {}, "attached_policies": [], "groups": [], "tags": {},
    });
    put::<User>(store, &scope(), "alice", record);
}

fn put_role(store: &Store, id: &str) {
    let record = json!({
        "id": id, "name": "App", "path": "/", "arn": "arn:aws:iam::123456789012:role/App", "created": 0,
        "trust_policy": TRUST, "description": null,
        "max_session_secs": 3600, "permissions_boundary": null, "inline_policies": {}, "attached_policies": [],
        "tags": {}, "linked_service": null,
    });
    put::<Role>(store, &scope(), "app", record);
}

fn put_key(store: &Store, owner: serde_json::Value, status: &str) {
    let record = json!({
        "id": KEY, "secret": SECRET, "account": ACCOUNT, "owner": owner, "status": status, "created": 0,
    });
    put::<AccessKey>(store, &cloud_scope(Partition::Aws), KEY, record);
}

struct Cloud {
    store: Store,
    tokens: Tokens,
    credentials: Arc<StoredCredentials>,
    ids: Ids,
}

impl Cloud {
    /// With Alice, who has an access key, and the role App.
    fn new() -> Self {
        let store = Store::open(MemoryBackend::new()).unwrap();
        put_account(&store, json!("Active"));
        put_user(&store, "AIDAALICE");
        put_role(&store, "AROAAPP");
        put_key(&store, json!({"User": {"id": "AIDAALICE", "name": "Alice"}}), "Active");
        let tokens = Tokens::with_key(&[7; 32]);
        let credentials = Arc::new(StoredCredentials::new(store.clone(), tokens.clone()));
        Self { store, tokens, credentials, ids: Ids::default() }
    }

    fn session(&self, kind: PrincipalKind, arn: &str, user_id: &str, session: Session) -> Temporary {
        let session = Session { issued: NOW, expires: NOW.plus_millis(900_000), ..session };
        let arn = arn.parse().unwrap();
        let new = NewSession { account: account(), kind, arn, user_id: user_id.to_owned(), session };
        self.tokens.seal(new, &mut || self.ids.bits()).unwrap()
    }

    fn of_role(&self) -> Temporary {
        let kind = PrincipalKind::AssumedRole {
            role: "App".to_owned(),
            role_id: "AROAAPP".to_owned(),
            role_arn: "arn:aws:iam::123456789012:role/App".parse().unwrap(),
            session_name: "me".to_owned(),
        };
        self.session(kind, "arn:aws:sts::123456789012:assumed-role/App/me", "AROAAPP:me", Session::default())
    }

    fn of_user(&self, mfa_authenticated: bool) -> Temporary {
        let kind = PrincipalKind::User { name: "Alice".to_owned() };
        let session = Session { mfa_authenticated: Some(mfa_authenticated), ..Session::default() };
        self.session(kind, "arn:aws:iam::123456789012:user/staff/Alice", "AIDAALICE", session)
    }

    fn federated(&self) -> Temporary {
        let by = "arn:aws:iam::123456789012:user/staff/Alice".parse().unwrap();
        let by_id = "AIDAALICE".to_owned();
        let kind = PrincipalKind::FederatedUser { name: "Bob".to_owned(), by, by_id };
        let arn = "arn:aws:sts::123456789012:federated-user/Bob";
        self.session(kind, arn, "123456789012:Bob", Session::default())
    }

    fn of_root(&self) -> Temporary {
        self.of_root_with(&[])
    }

    fn of_root_with(&self, policies: &[&str]) -> Temporary {
        let arn = "arn:aws:iam::123456789012:root";
        let policy_arns = policies.iter().map(|arn| (*arn).to_owned()).collect();
        self.session(PrincipalKind::Root, arn, ACCOUNT, Session { policy_arns, ..Session::default() })
    }

    fn at(&self, made: &Temporary, service: &str, now: Timestamp) -> Result<String, SignatureError> {
        let (access_key_id, session_token) = (made.access_key_id.as_str(), Some(made.token.as_str()));
        let claim = Claim { access_key_id, session_token, service, now };
        self.credentials.lookup(&claim).map(|credential| credential.principal.arn.to_string())
    }

    fn lasting(&self) -> Result<String, SignatureError> {
        let claim = Claim { access_key_id: KEY, session_token: None, service: "ec2", now: NOW };
        self.credentials.lookup(&claim).map(|credential| credential.principal.arn.to_string())
    }
}

/// A gateway with STS, and who it says asks.
fn who(address: SocketAddr, key: &str, secret: &str, token: Option<&str>) -> String {
    let body = b"Action=GetCallerIdentity&Version=2011-06-15";
    let headers: [(&str, &[u8]); 2] =
        [("host", b"localhost"), ("content-type", b"application/x-www-form-urlencoded")];
    let request = Request { method: "POST", path: "/", query: "", headers: &headers };
    let (region, service) = ("us-east-1", "sts");
    let signer = Signer { access_key_id: key, secret, session_token: token, region, service };
    let time = SigningTime::from_unix_secs(NOW_SECS).unwrap();
    let mut head = "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n".to_owned();
    head += &format!("content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in signer.sign(&request, &Payload::of(body), time) {
        head += &format!("{name}: {value}\r\n");
    }
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(b"\r\n").unwrap();
    connection.write_all(body).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

/// Lets everybody do everything: who asks is what is looked at.
struct Everything;

impl gateway::Authorizer for Everything {
    fn authorize(&self, _: gateway::AccessRequest<'_>) -> Result<gateway::Allowed, gateway::Refused> {
        Ok(gateway::Allowed::ByPolicies)
    }

    fn admit(&self, _: gateway::AccessRequest<'_>) -> Result<(), service_api::ServiceError> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_principal_is_told_who_it_is() {
    let cloud = Cloud::new();
    let directory = tempfile::tempdir().unwrap();
    let regions = vec!["us-east-1".parse().unwrap()];
    let config = gateway::Config::new("127.0.0.1:0".parse().unwrap(), directory.path().join("tls"), regions);
    let authorization = ByPolicies::new(cloud.store.clone(), cloud.tokens.clone()).authorization();
    let services: Vec<Arc<dyn Service>> = vec![Arc::new(Sts::new(
        cloud.store.clone(),
        cloud.tokens.clone(),
        Arc::new(OsRandom),
        authorization,
    ))];
    let credentials = Arc::clone(&cloud.credentials);
    let bound = gateway::Gateway::bind(
        config,
        services,
        credentials,
        Arc::new(Everything),
        Arc::new(|| NOW),
        Arc::new(()),
    )
    .await
    .unwrap();
    let address = bound.address();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(bound.serve(async { drop(stopped.await) }));
    let cloud = tokio::task::spawn_blocking(move || {
        let expect = |answer: String, parts: [&str; 2]| {
            for part in parts {
                assert!(answer.contains(part), "{part} is not in {answer}");
            }
        };
        let check = |made: &Temporary, parts| {
            expect(who(address, &made.access_key_id, &made.secret, Some(&made.token)), parts);
        };
        let alice = "<Arn>arn:aws:iam::123456789012:user/staff/Alice</Arn>";
        expect(who(address, KEY, SECRET, None), [alice, "<UserId>AIDAALICE</UserId>"]);
        check(&cloud.of_user(false), [alice, "<UserId>AIDAALICE</UserId>"]);
        let root = ["<Arn>arn:aws:iam::123456789012:root</Arn>", "<UserId>123456789012</UserId>"];
        check(&cloud.of_root(), root);
        let federated = "<Arn>arn:aws:sts::123456789012:federated-user/Bob</Arn>";
        check(&cloud.federated(), [federated, "<UserId>123456789012:Bob</UserId>"]);
        let app = "<Arn>arn:aws:sts::123456789012:assumed-role/App/me</Arn>";
        let made = cloud.of_role();
        check(&made, [app, "<UserId>AROAAPP:me</UserId>"]);
        let wrong = Temporary { secret: "other".to_owned(), ..made.clone() };
        check(&wrong, ["403 Forbidden", "SignatureDoesNotMatch"]);
        let foreign = Temporary { token: cloud.of_role().token, ..made };
        check(&foreign, ["403 Forbidden", "InvalidClientTokenId"]);
        cloud
    });
    let cloud = cloud.await.unwrap();
    drop(stop);
    server.await.unwrap();
    cloud.credentials.write_uses();
    let snapshot = cloud.store.snapshot();
    let used = snapshot.get::<AccessKeyUse>(&cloud_scope(Partition::Aws), KEY).unwrap();
    assert_eq!((used.at, used.region.as_str(), used.service.as_str()), (NOW, "us-east-1", "sts"));
    assert_eq!(snapshot.get::<RoleUse>(&scope(), "AROAAPP").unwrap().at, NOW);
    assert_eq!(snapshot.count::<AccessKeyUse>(&cloud_scope(Partition::Aws)), 1);
}

#[test]
fn a_lasting_key_is_for_its_user_while_it_is_active() {
    let cloud = Cloud::new();
    assert_eq!(cloud.lasting().unwrap(), "arn:aws:iam::123456789012:user/staff/Alice");
    put_key(&cloud.store, json!({"User": {"id": "AIDAALICE", "name": "Alice"}}), "Inactive");
    assert_eq!(cloud.lasting(), Err(SignatureError::UnknownKey));
    put_key(&cloud.store, json!("Root"), "Active");
    assert_eq!(cloud.lasting().unwrap(), "arn:aws:iam::123456789012:root");
    // Of a user who has gone, though there is another one of the name.
    put_key(&cloud.store, json!({"User": {"id": "AIDAOTHER", "name": "Alice"}}), "Active");
    assert_eq!(cloud.lasting(), Err(SignatureError::UnknownKey));
    // A key that lasts has no session token.
    put_key(&cloud.store, json!("Root"), "Active");
    let claim = Claim { access_key_id: KEY, session_token: Some("x"), service: "ec2", now: NOW };
    assert_eq!(cloud.credentials.lookup(&claim), Err(SignatureError::BadToken));
    let claim = Claim { access_key_id: "AKIAOTHER", session_token: None, service: "ec2", now: NOW };
    assert_eq!(cloud.credentials.lookup(&claim), Err(SignatureError::UnknownKey));
}

#[test]
fn a_session_ends_with_its_time_its_role_its_user_and_its_account() {
    let cloud = Cloud::new();
    let (role, user, federated) = (cloud.of_role(), cloud.of_user(true), cloud.federated());
    for made in [&role, &user, &federated] {
        assert!(cloud.at(made, "ec2", NOW.plus_millis(899_999)).is_ok());
        let at_end = cloud.at(made, "ec2", NOW.plus_millis(900_000));
        assert_eq!(at_end, Err(SignatureError::ExpiredToken));
        // The id alone does nothing.
        let claim =
            Claim { access_key_id: &made.access_key_id, session_token: None, service: "ec2", now: NOW };
        assert_eq!(cloud.credentials.lookup(&claim), Err(SignatureError::UnknownKey));
    }
    // Another role, and another user, of the same name.
    put_role(&cloud.store, "AROAOTHER");
    put_user(&cloud.store, "AIDAOTHER");
    assert_eq!(cloud.at(&role, "ec2", NOW), Err(SignatureError::BadToken));
    assert_eq!(cloud.at(&user, "ec2", NOW), Err(SignatureError::BadToken));
    assert_eq!(cloud.at(&federated, "ec2", NOW), Err(SignatureError::BadToken));
    put_user(&cloud.store, "AIDAALICE");
    assert!(cloud.at(&federated, "ec2", NOW).is_ok());
    put_role(&cloud.store, "AROAAPP");
    assert!(cloud.at(&role, "ec2", NOW).is_ok());
    let gone = cloud.store.transact(|transaction| {
        transaction.delete::<User>(&scope(), "alice");
        Ok::<_, StoreError>(())
    });
    gone.unwrap();
    assert_eq!(cloud.at(&federated, "ec2", NOW), Err(SignatureError::BadToken));
    put_account(&cloud.store, json!({"Suspended": {"closed": 5}}));
    assert_eq!(cloud.at(&role, "ec2", NOW), Err(SignatureError::AccountClosed));
    assert_eq!(cloud.lasting(), Err(SignatureError::AccountClosed));
}

#[test]
fn sessions_without_a_device_do_not_get_into_iam() {
    let cloud = Cloud::new();
    let check = |made: &Temporary, gets_in: bool| {
        assert!(cloud.at(made, "ec2", NOW).is_ok());
        assert_eq!(cloud.at(made, "iam", NOW).is_ok(), gets_in, "{made:?}");
    };
    check(&cloud.of_user(true), true);
    check(&cloud.of_user(false), false);
    check(&cloud.of_root(), false);
    check(&cloud.of_root_with(&["arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"]), true);
    check(&cloud.federated(), false);
    check(&cloud.of_role(), true);
}

#[test]
fn uses_are_of_what_is_still_there() {
    let cloud = Cloud::new();
    let region = "us-east-1".parse().unwrap();
    let principal = |key: &str| Principal::root(Partition::Aws, account(), key);
    cloud.credentials.used(&principal(KEY), &region, "ec2", NOW);
    cloud.credentials.used(&principal("AKIAGONE"), &region, "ec2", NOW);
    let revision = cloud.store.snapshot().revision();
    cloud.credentials.write_uses();
    let snapshot = cloud.store.snapshot();
    assert!(snapshot.contains::<AccessKeyUse>(&cloud_scope(Partition::Aws), KEY));
    assert!(!snapshot.contains::<AccessKeyUse>(&cloud_scope(Partition::Aws), "AKIAGONE"));
    // Of a role, the one of that id, and not another of its name.
    let session = |role_id: &str| {
        let mut principal = principal(KEY);
        principal.kind = PrincipalKind::AssumedRole {
            role: "App".to_owned(),
            role_id: role_id.to_owned(),
            role_arn: "arn:aws:iam::123456789012:role/App".parse().unwrap(),
            session_name: "me".to_owned(),
        };
        principal
    };
    for role_id in ["AROAAPP", "AROAOTHER"] {
        cloud.credentials.used(&session(role_id), &region, "ec2", NOW);
    }
    cloud.credentials.write_uses();
    let snapshot = cloud.store.snapshot();
    assert!(snapshot.contains::<RoleUse>(&scope(), "AROAAPP"));
    assert!(!snapshot.contains::<RoleUse>(&scope(), "AROAOTHER"));
    // With nothing new nothing is written.
    assert!(snapshot.revision() > revision);
    cloud.credentials.write_uses();
    assert_eq!(cloud.store.snapshot().revision(), snapshot.revision());
}
