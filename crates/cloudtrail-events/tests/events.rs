//! Events of each kind of identity, and of each shape of request, as AWS documents them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use aws_model::{Fields, Value};
use aws_types::{AccountId, Arn, Partition, Timestamp};
use cloudtrail_events::{
    ApiCall, Caller, Connection, Event, Facts, Outcome, SamlSubject, WebIdentity, events,
};
use serde_json::{Value as Json, json};
use service_api::{Principal, PrincipalKind, RequestContext, RequestId, Session};

const ACCOUNT: &str = "123456789012";
const OTHER: &str = "210987654321";

fn account(text: &str) -> AccountId {
    text.parse().unwrap()
}

fn arn(text: &str) -> Arn {
    text.parse().unwrap()
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn of<const N: usize>(members: [(&'static str, Value); N]) -> Value {
    Value::Structure(Fields::from_iter(members))
}

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::List(items.into_iter().collect())
}

fn context(principal: Principal) -> RequestContext {
    RequestContext {
        partition: Partition::Aws,
        region: "eu-west-1".parse().unwrap(),
        principal,
        request_id: RequestId::from_bits(1),
        now: Timestamp::from_unix_millis(1_795_357_680_123),
        source_ip: [192, 0, 2, 7].into(),
        user_agent: "aws-cli/2.31".to_owned(),
        secure_transport: true,
        way: service_api::Way::default(),
    }
}

fn session(mfa: Option<bool>) -> Session {
    Session {
        issued: Timestamp::from_unix_secs(1_795_357_600),
        expires: Timestamp::from_unix_secs(1_795_361_200),
        mfa_authenticated: mfa,
        ..Session::default()
    }
}

fn root() -> Principal {
    Principal::root(Partition::Aws, account(ACCOUNT), "AKIAIOSFODNN7EXAMPLE")
}

fn alice() -> Principal {
    Principal {
        account: account(ACCOUNT),
        kind: PrincipalKind::User { name: "Alice".to_owned() },
        arn: arn("arn:aws:iam::123456789012:user/Alice"),
        user_id: "AIDAJ45Q7YFFAREXAMPLE".to_owned(),
        access_key_id: "AKIAI44QH8DHBEXAMPLE".to_owned(),
        session: None,
    }
}

fn in_role(session: Session) -> Principal {
    Principal {
        account: account(ACCOUNT),
        kind: PrincipalKind::AssumedRole {
            role: "Deployer".to_owned(),
            role_id: "AROAIDPPEZS35WEXAMPLE".to_owned(),
            role_arn: arn("arn:aws:iam::123456789012:role/ci/Deployer"),
            session_name: "build-7".to_owned(),
        },
        arn: arn("arn:aws:sts::123456789012:assumed-role/Deployer/build-7"),
        user_id: "AROAIDPPEZS35WEXAMPLE:build-7".to_owned(),
        access_key_id: "ASIAIOSFODNN7EXAMPLE".to_owned(),
        session: Some(Arc::new(session)),
    }
}

/// A call with what a test says of it.
struct Case {
    context: RequestContext,
    caller: Caller<'static>,
    service: &'static str,
    operation: &'static str,
    input: Value,
    outcome: Result<Value, (&'static str, &'static str, bool)>,
    tls: Option<(&'static str, &'static str)>,
}

impl Case {
    fn new(service: &'static str, operation: &'static str, input: Value) -> Self {
        Self {
            context: context(alice()),
            caller: Caller::Signer,
            service,
            operation,
            input,
            outcome: Ok(of([])),
            tls: None,
        }
    }

    fn by(mut self, principal: Principal) -> Self {
        self.context.principal = principal;
        self
    }

    fn answers(mut self, output: Value) -> Self {
        self.outcome = Ok(output);
        self
    }

    fn fails(mut self, code: &'static str, message: &'static str, is_fault: bool) -> Self {
        self.outcome = Err((code, message, is_fault));
        self
    }

    fn events(&self) -> Vec<Event> {
        let model = aws_model::service(self.service).unwrap().model();
        let mut bits = 0x1000;
        let outcome = match &self.outcome {
            Ok(output) => Outcome::Done(output),
            Err((code, message, is_fault)) => Outcome::Failed { code, message, is_fault: *is_fault },
        };
        let call = ApiCall {
            context: &self.context,
            caller: self.caller,
            model,
            operation: model.operation(self.operation).unwrap_or_else(|| panic!("{}", self.operation)),
            input: Some(&self.input),
            outcome,
            connection: Connection { tls: self.tls, host: Some("ec2.eu-west-1.amazonaws.com") },
            bucket_owner: None,
        };
        events(&call, || {
            bits += 1;
            bits
        })
    }

    fn only(&self) -> Event {
        let mut events = self.events();
        assert_eq!(events.len(), 1, "{events:#?}");
        events.remove(0)
    }

    fn json(&self) -> Json {
        let event = self.only();
        let json = serde_json::to_value(&event).unwrap();
        // What is written is read again.
        let read: Event = serde_json::from_str(&event.to_json()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), json);
        json
    }
}

fn identity(principal: Principal) -> Json {
    Case::new("sts", "GetCallerIdentity", of([])).by(principal).json()["userIdentity"].clone()
}

#[test]
fn an_event_has_the_fields_of_aws_in_their_order() {
    let mut case = Case::new("ec2", "CreateVpc", of([("CidrBlock", text("10.0.0.0/16"))]))
        .answers(of([("Vpc", of([("VpcId", text("vpc-0123456789abcdef0")), ("State", text("pending"))]))]));
    case.tls = Some(("TLSv1_3", "TLS13_AES_128_GCM_SHA256"));
    assert_eq!(
        case.json(),
        json!({
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "IAMUser",
                "principalId": "AIDAJ45Q7YFFAREXAMPLE",
                "arn": "arn:aws:iam::123456789012:user/Alice",
                "accountId": ACCOUNT,
                "accessKeyId": "AKIAI44QH8DHBEXAMPLE",
                "userName": "Alice",
            },
            "eventTime": "2026-11-22T14:28:00Z",
            "eventSource": "ec2.amazonaws.com",
            "eventName": "CreateVpc",
            "awsRegion": "eu-west-1",
            "sourceIPAddress": "192.0.2.7",
            "userAgent": "aws-cli/2.31",
            "requestParameters": { "cidrBlock": "10.0.0.0/16" },
            "responseElements": {
                "requestId": "00000000-0000-4000-8000-000000000001",
                "vpc": { "vpcId": "vpc-0123456789abcdef0", "state": "pending" },
            },
            "requestID": "00000000-0000-4000-8000-000000000001",
            "eventID": "00000000-0000-4000-8000-000000001001",
            "readOnly": false,
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": ACCOUNT,
            "eventCategory": "Management",
            "tlsDetails": {
                "tlsVersion": "TLSv1.3",
                "cipherSuite": "TLS_AES_128_GCM_SHA256",
                "clientProvidedHostHeader": "ec2.eu-west-1.amazonaws.com",
            },
        })
    );
    let line = case.only().to_json();
    let at = |name: &str| line.find(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name}: {line}"));
    assert!(line.starts_with("{\"eventVersion\":\"1.11\",\"userIdentity\":{\"type\":"), "{line}");
    assert!(at("eventTime") < at("eventSource") && at("requestParameters") < at("responseElements"));
    assert!(!line.contains('\n'));
}

#[test]
fn each_kind_of_identity_is_told_as_aws_does() {
    assert_eq!(
        identity(root()),
        json!({
            "type": "Root", "principalId": ACCOUNT, "arn": "arn:aws:iam::123456789012:root",
            "accountId": ACCOUNT, "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
        })
    );
    let with_mfa = Principal { session: Some(Arc::new(session(Some(true)))), ..alice() };
    assert_eq!(
        identity(with_mfa)["sessionContext"],
        json!({ "attributes": { "creationDate": "2026-11-22T14:26:40Z", "mfaAuthenticated": "true" } })
    );
    assert_eq!(
        identity(in_role(session(Some(false)))),
        json!({
            "type": "AssumedRole",
            "principalId": "AROAIDPPEZS35WEXAMPLE:build-7",
            "arn": "arn:aws:sts::123456789012:assumed-role/Deployer/build-7",
            "accountId": ACCOUNT,
            "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROAIDPPEZS35WEXAMPLE",
                    "arn": "arn:aws:iam::123456789012:role/ci/Deployer",
                    "accountId": ACCOUNT,
                    "userName": "Deployer",
                },
                "attributes": { "creationDate": "2026-11-22T14:26:40Z", "mfaAuthenticated": "false" },
            },
        })
    );
    let federated = Session {
        federated_provider: Some("accounts.google.com".to_owned()),
        source_identity: Some("carol".to_owned()),
        ..session(None)
    };
    let told = identity(in_role(federated))["sessionContext"].clone();
    assert_eq!(
        told["webIdFederationData"],
        json!({ "federatedProvider": "accounts.google.com", "attributes": {} })
    );
    assert_eq!(told["sourceIdentity"], "carol");
    let instance = "arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789abcdef0".to_owned();
    let told = identity(in_role(Session { source_instance_arn: Some(instance.clone()), ..session(None) }));
    assert_eq!(told["sessionContext"]["ec2RoleDelivery"], "2.0");
    assert_eq!(
        told["sessionContext"]["inScopeOf"],
        json!({ "issuerType": "AWS::EC2::Instance", "credentialsIssuedTo": instance })
    );
    let federated_user = |by: &str| Principal {
        account: account(ACCOUNT),
        kind: PrincipalKind::FederatedUser {
            name: "Bob".to_owned(),
            by: arn(by),
            by_id: if by.ends_with(":root") { ACCOUNT } else { "AIDAALICE" }.to_owned(),
        },
        arn: arn("arn:aws:sts::123456789012:federated-user/Bob"),
        user_id: "123456789012:Bob".to_owned(),
        access_key_id: "ASIAIOSFODNN7EXAMPLE".to_owned(),
        session: Some(Arc::new(session(Some(false)))),
    };
    let told = identity(federated_user("arn:aws:iam::123456789012:user/team/Alice"));
    assert_eq!((&told["type"], &told["principalId"]), (&json!("FederatedUser"), &json!("123456789012:Bob")));
    assert_eq!(
        told["sessionContext"]["sessionIssuer"],
        json!({
            "type": "IAMUser", "principalId": "AIDAALICE", "arn": "arn:aws:iam::123456789012:user/team/Alice",
            "accountId": ACCOUNT, "userName": "Alice",
        })
    );
    let told = identity(federated_user("arn:aws:iam::123456789012:root"));
    assert_eq!(told["sessionContext"]["sessionIssuer"]["type"], "Root");
}

#[test]
fn services_and_providers_are_callers_too() {
    let mut case = Case::new("ec2", "CreateNetworkInterface", of([]));
    case.caller = Caller::Service("elasticloadbalancing.amazonaws.com");
    case.tls = Some(("TLSv1_3", "TLS13_AES_128_GCM_SHA256"));
    let told = case.json();
    assert_eq!(
        told["userIdentity"],
        json!({ "type": "AWSService", "invokedBy": "elasticloadbalancing.amazonaws.com" })
    );
    assert_eq!(told["sourceIPAddress"], "elasticloadbalancing.amazonaws.com");
    assert_eq!(told["userAgent"], "elasticloadbalancing.amazonaws.com");
    assert_eq!(told.get("tlsDetails"), None);
}

/// Who has no signature is told where the proof was good, in the account of the role.
#[test]
fn who_comes_with_a_proof_is_told_in_the_account_of_the_role() {
    let input = of([("RoleArn", text("arn:aws:iam::210987654321:role/Auditor"))]);
    let mut case =
        Case::new("sts", "AssumeRoleWithWebIdentity", input).by(Principal::anonymous(Partition::Aws));
    let proved = WebIdentity { provider: "accounts.google.com", audience: "app", subject: "7" };
    case.caller = Caller::WebIdentity(Some(proved));
    let told = case.json();
    assert_eq!(
        told["userIdentity"],
        json!({
            "type": "WebIdentityUser", "principalId": "accounts.google.com:app:7", "userName": "7",
            "identityProvider": "accounts.google.com",
        })
    );
    assert_eq!(told["recipientAccountId"], "210987654321");
    case.caller = Caller::WebIdentity(None);
    assert_eq!(case.json()["userIdentity"], json!({ "type": "WebIdentityUser" }));
    let provider = "arn:aws:iam::123456789012:saml-provider/corp";
    let proved = SamlSubject { provider, qualifier: "SbdGOnUkh1i4+EXAMPLExL/jEvs=", subject: "dora" };
    case.caller = Caller::Saml(Some(proved));
    assert_eq!(
        case.json()["userIdentity"],
        json!({
            "type": "SAMLUser", "principalId": "SbdGOnUkh1i4+EXAMPLExL/jEvs=:dora", "userName": "dora",
            "identityProvider": provider,
        })
    );
    case.caller = Caller::Saml(None);
    let told = case.json();
    assert_eq!(told["userIdentity"], json!({ "type": "SAMLUser" }));
    assert_eq!(told["recipientAccountId"], "210987654321");
}

#[test]
fn a_session_for_a_root_task_says_so() {
    let with = |policy_arns: Vec<String>| {
        let session = Session { policy_arns, ..Session::default() };
        let root = Principal::root(Partition::Aws, ACCOUNT.parse().unwrap(), "ASIAEXAMPLE");
        identity(Principal { session: Some(std::sync::Arc::new(session)), ..root })
    };
    let task = "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials".to_owned();
    let told = with(vec![task]);
    assert_eq!((&told["type"], &told["sessionContext"]["assumedRoot"]), (&json!("Root"), &json!("true")));
    assert_eq!(with(Vec::new())["sessionContext"].get("assumedRoot"), None);
}

/// A role of another account: one event in each, with what each may know.
#[test]
fn a_role_of_another_account_is_an_event_in_both() {
    let input =
        of([("RoleArn", text("arn:aws:iam::210987654321:role/Auditor")), ("RoleSessionName", text("audit"))]);
    let credentials = of([
        ("AccessKeyId", text("ASIAEXAMPLE")),
        ("SecretAccessKey", text("the secret")),
        ("SessionToken", text("the token")),
        ("Expiration", Value::Timestamp(1_795_361_280_000)),
    ]);
    let case = Case::new("sts", "AssumeRole", input).answers(of([("Credentials", credentials)]));
    let events = case.events();
    let [own, theirs] = &events[..] else { panic!("{events:#?}") };
    assert_eq!((own.recipient_account_id, theirs.recipient_account_id), (account(ACCOUNT), account(OTHER)));
    assert!(own.shared_event_id.is_some() && own.shared_event_id == theirs.shared_event_id);
    assert!(own.event_id != theirs.event_id && own.request_id == theirs.request_id);
    assert_eq!(own.user_identity.kind, "IAMUser");
    assert_eq!(
        serde_json::to_value(&theirs.user_identity).unwrap(),
        json!({ "type": "AWSAccount", "principalId": "AIDAJ45Q7YFFAREXAMPLE", "accountId": ACCOUNT })
    );
    assert!(own.read_only, "AWS counts it as one that reads");
    assert_eq!(
        own.response_elements,
        Some(json!({ "credentials": {
            "accessKeyId": "ASIAEXAMPLE",
            "sessionToken": "HIDDEN_DUE_TO_SECURITY_REASONS",
            "expiration": "Nov 22, 2026 3:28:00 PM",
        } }))
    );
    assert_eq!(
        serde_json::to_value(&own.resources).unwrap(),
        json!([{ "accountId": OTHER, "type": "AWS::IAM::Role", "ARN": "arn:aws:iam::210987654321:role/Auditor" }])
    );

    // One that is refused is the caller's alone, and so is a role of its own.
    let refused = case.fails("AccessDenied", "no", false).only();
    assert_eq!((refused.error_code.as_deref(), refused.shared_event_id), (Some("AccessDenied"), None));
    let own_role =
        of([("RoleArn", text("arn:aws:iam::123456789012:role/R")), ("RoleSessionName", text("s"))]);
    assert_eq!(Case::new("sts", "AssumeRole", own_role).only().shared_event_id, None);
}

/// Who asks without a signature has no account: what it does is an event where it does it.
#[test]
fn what_nobody_signed_is_an_event_of_the_role_alone() {
    let input =
        of([("RoleArn", text("arn:aws:iam::210987654321:role/Web")), ("RoleSessionName", text("me"))]);
    let nobody = Principal::anonymous(Partition::Aws);
    let case = Case::new("sts", "AssumeRoleWithWebIdentity", input).by(nobody);
    let done = case.only();
    assert_eq!((done.recipient_account_id, done.shared_event_id), (account(OTHER), None));
    assert_eq!(case.fails("AccessDenied", "no", false).only().recipient_account_id, AccountId::NOBODY);
}

#[test]
fn errors_have_the_codes_of_events() {
    for (service, operation, code, is_fault, expect) in [
        ("ec2", "CreateVpc", "VpcLimitExceeded", false, "Client.VpcLimitExceeded"),
        ("ec2", "CreateVpc", "UnauthorizedOperation", false, "Client.UnauthorizedOperation"),
        ("ec2", "CreateVpc", "InternalError", true, "Server.InternalError"),
        ("iam", "CreateUser", "EntityAlreadyExists", false, "EntityAlreadyExistsException"),
        ("iam", "CreateUser", "AccessDenied", false, "AccessDenied"),
        ("ssm", "PutParameter", "AccessDeniedException", false, "AccessDenied"),
        ("ssm", "PutParameter", "ParameterAlreadyExists", false, "ParameterAlreadyExists"),
    ] {
        let event = Case::new(service, operation, of([])).fails(code, "Because.", is_fault).only();
        assert_eq!(event.error_code.as_deref(), Some(expect), "{service} {code}");
        assert_eq!(event.error_message.as_deref(), Some("Because."));
        assert_eq!(event.response_elements, None);
    }
    let event = Case::new("ssm", "GetParameter", of([])).fails("ParameterNotFound", "", false).json();
    assert_eq!(event.get("errorMessage"), None);
    assert_eq!((&event["requestParameters"], &event["responseElements"]), (&Json::Null, &Json::Null));
}

#[test]
fn lists_of_ec2_are_sets_of_items() {
    let tag = of([("Key", text("Name")), ("Value", text("web"))]);
    let input = of([
        ("ImageId", text("ami-0123456789abcdef0")),
        ("MinCount", Value::Integer(1)),
        ("MaxCount", Value::Integer(2)),
        ("InstanceType", text("t3.micro")),
        ("SecurityGroupIds", list([text("sg-0123456789abcdef0")])),
        ("TagSpecifications", list([of([("ResourceType", text("instance")), ("Tags", list([tag]))])])),
        ("UserData", text("IyEvYmluL3NoCnBhc3N3ZD1odW50ZXIy")),
        ("BlockDeviceMappings", list([])),
    ]);
    let instance = of([
        ("InstanceId", text("i-0123456789abcdef0")),
        ("LaunchTime", Value::Timestamp(1_795_357_680_000)),
        ("State", of([("Code", Value::Integer(0)), ("Name", text("pending"))])),
        ("SecurityGroups", list([])),
    ]);
    let case = Case::new("ec2", "RunInstances", input)
        .answers(of([("ReservationId", text("r-1")), ("Instances", list([instance]))]));
    let told = case.json();
    assert_eq!(
        told["requestParameters"],
        json!({
            "instancesSet": { "items": [{ "imageId": "ami-0123456789abcdef0", "minCount": 1, "maxCount": 2 }] },
            "instanceType": "t3.micro",
            "groupSet": { "items": [{ "groupId": "sg-0123456789abcdef0" }] },
            "tagSpecificationSet": { "items": [
                { "resourceType": "instance", "tags": [{ "key": "Name", "value": "web" }] },
            ] },
            "userData": "<sensitiveDataRemoved>",
            "blockDeviceMapping": {},
        })
    );
    assert_eq!(
        told["responseElements"]["instancesSet"]["items"][0],
        json!({
            "instanceId": "i-0123456789abcdef0",
            "launchTime": 1_795_357_680_000_i64,
            "instanceState": { "code": 0, "name": "pending" },
            "groupSet": {},
        })
    );
    let filter = of([("Name", text("vpc-id")), ("Values", list([text("vpc-1"), text("vpc-2")]))]);
    let input = of([("Filters", list([filter])), ("InstanceIds", list([text("i-0123456789abcdef0")]))]);
    let told = Case::new("ec2", "DescribeInstances", input).answers(of([("Reservations", list([]))])).json();
    assert_eq!(
        told["requestParameters"],
        json!({
            "filterSet": { "items": [
                { "name": "vpc-id", "valueSet": { "items": [{ "value": "vpc-1" }, { "value": "vpc-2" }] } },
            ] },
            "instancesSet": { "items": [{ "instanceId": "i-0123456789abcdef0" }] },
        })
    );
    assert_eq!((&told["responseElements"], &told["readOnly"]), (&Json::Null, &json!(true)));
    let input = of([
        ("Resources", list([text("vpc-0123456789abcdef0")])),
        ("Tags", list([of([("Key", text("a")), ("Value", text("b"))])])),
    ]);
    let told = Case::new("ec2", "CreateTags", input).json();
    assert_eq!(
        told["requestParameters"],
        json!({
            "resourcesSet": { "items": [{ "resourceId": "vpc-0123456789abcdef0" }] },
            "tagSet": { "items": [{ "key": "a", "value": "b" }] },
        })
    );
}

/// Whatever is secret stands nowhere in the event, in any service.
#[test]
fn secrets_are_not_told() {
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let secret = || text(SECRET);
    let key = of([
        ("AccessKeyId", text("AKIAEXAMPLE")),
        ("SecretAccessKey", secret()),
        ("UserName", text("Bob")),
        ("CreateDate", Value::Timestamp(1_795_357_680_000)),
        ("Status", text("Active")),
    ]);
    let cases = [
        Case::new("iam", "CreateAccessKey", of([("UserName", text("Bob"))]))
            .answers(of([("AccessKey", key)])),
        Case::new("iam", "CreateLoginProfile", of([("UserName", text("Bob")), ("Password", secret())])),
        Case::new("iam", "ChangePassword", of([("OldPassword", secret()), ("NewPassword", secret())])),
        Case::new(
            "ssm",
            "PutParameter",
            of([("Name", text("/p")), ("Value", secret()), ("Type", text("SecureString"))]),
        ),
        Case::new("secretsmanager", "CreateSecret", of([("Name", text("s")), ("SecretString", secret())])),
        Case::new(
            "rds",
            "CreateDBInstance",
            of([("DBInstanceIdentifier", text("d")), ("MasterUserPassword", secret())]),
        ),
        Case::new("ec2", "CreateKeyPair", of([("KeyName", text("k"))]))
            .answers(of([("KeyMaterial", secret())])),
        Case::new("ec2", "RunInstances", of([("UserData", secret())])),
        Case::new("ec2", "CreateLaunchTemplate", of([("LaunchTemplateData", of([("UserData", secret())]))])),
        Case::new(
            "sts",
            "AssumeRoleWithWebIdentity",
            of([("WebIdentityToken", secret()), ("RoleSessionName", text("s"))]),
        ),
        Case::new("sts", "GetSessionToken", of([("SerialNumber", text("m")), ("TokenCode", secret())])),
        Case::new(
            "sts",
            "GetSessionToken",
            of([("SerialNumber", text("m")), ("TokenCode", secret())]),
        )
        .fails("ValidationError", "1 validation error detected: Value 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' at 'tokenCode' failed to satisfy constraint: x", false),
        Case::new("iam", "EnableMFADevice", of([("UserName", text("Bob")), ("AuthenticationCode1", secret())])),
        Case::new("organizations", "CreateAccount", of([("Email", secret()), ("AccountName", secret())])),
        Case::new(
            "lambda",
            "CreateFunction",
            of([("Environment", of([("Variables", Value::Map(vec![("K".to_owned(), secret())]))]))]),
        ),
    ];
    for case in cases {
        let line = case.only().to_json();
        assert!(!line.contains(SECRET), "{line}");
    }
    let told = Case::new("ssm", "PutParameter", of([("Name", text("/p")), ("Value", secret())])).json();
    assert_eq!(told["requestParameters"], json!({ "name": "/p", "value": "HIDDEN_DUE_TO_SECURITY_REASONS" }));
}

#[test]
fn parameters_have_small_first_letters() {
    let tags = list([of([("Key", text("Team")), ("Value", text("x"))])]);
    let input = of([("UserName", text("Bob")), ("Path", text("/a/")), ("Tags", tags)]);
    let user = of([("UserName", text("Bob")), ("CreateDate", Value::Timestamp(1_795_357_680_000))]);
    let told = Case::new("iam", "CreateUser", input).answers(of([("User", user)])).json();
    assert_eq!(
        told["requestParameters"],
        json!({ "userName": "Bob", "path": "/a/", "tags": [{ "key": "Team", "value": "x" }] })
    );
    assert_eq!(
        told["responseElements"],
        json!({ "user": { "userName": "Bob", "createDate": "Nov 22, 2026 2:28:00 PM" } })
    );
    assert_eq!(told["awsRegion"], "us-east-1", "of a service without regions");
    assert_eq!(told.get("tlsDetails"), None);
}

#[test]
fn events_are_found_by_what_they_touch() {
    let facts = |case: &Case| Facts::of(&case.only());
    let names = |facts: &Facts| -> Vec<(String, String)> {
        facts.resources.iter().map(|one| (one.kind.clone(), one.name.clone())).collect()
    };
    let pair = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
    let case = Case::new("ec2", "CreateSubnet", of([("VpcId", text("vpc-0123456789abcdef0"))]))
        .answers(of([("Subnet", of([("SubnetId", text("subnet-0123456789abcdef0"))]))]));
    let told = facts(&case);
    assert_eq!(
        names(&told),
        [
            pair("AWS::EC2::Subnet", "subnet-0123456789abcdef0"),
            pair("AWS::EC2::VPC", "vpc-0123456789abcdef0")
        ]
    );
    assert_eq!((told.username.as_deref(), told.read_only, told.is_error), (Some("Alice"), false, false));
    assert_eq!(told.access_key_id.as_deref(), Some("AKIAI44QH8DHBEXAMPLE"));
    let told = facts(&Case::new("iam", "CreateUser", of([("UserName", text("Bob"))])).by(root()));
    assert_eq!(names(&told), [pair("AWS::IAM::User", "Bob")]);
    assert_eq!(told.username.as_deref(), Some("root"));
    let told = facts(&Case::new("iam", "ListUsers", of([])).by(in_role(session(None))));
    assert_eq!((told.username.as_deref(), told.read_only), (Some("build-7"), true));
}

#[test]
fn what_is_too_large_is_left_out() {
    let items = (0..6000).map(|number| text(&format!("i-{number:017x}")));
    let event = Case::new("ec2", "StopInstances", of([("InstanceIds", list(items))])).only();
    let told = event.request_parameters.unwrap();
    assert_eq!((&told["omitted"], &told["reason"]), (&json!(true), &json!("requestParameters too large")));
    let mut case = Case::new("ec2", "StopInstances", of([]));
    case.context.user_agent = "x".repeat(5000);
    assert_eq!(case.only().user_agent.len(), 1024);
}
