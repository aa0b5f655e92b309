//! Decisions about requests in accounts and organizations that are put together by hand.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use authorization::{Authorization, DENIALS_KEPT, MessageSealer, Refusal, RoleAsked, caller_of};
use aws_types::{AccountId, Arn, Partition, Tag, Tags, Timestamp};
use iam_policy::{Context, Policy, PolicyKind};
use identities::{Group, ManagedPolicy, PolicyVersion, Role, User, name_key};
use organization::{FeatureSet, JoinedMethod, Member, Organization, PolicyContent, PolicyRecord, PolicyType};
use service_api::{
    NeededPermission, Principal, PrincipalKind, RequestContext, RequestId, Session, TargetResource,
};
use store::{MemoryBackend, Record, Scope, Store, StoreError};

#[path = "authorization/denied.rs"]
mod denied;
#[path = "authorization/way.rs"]
mod way;

const P: Partition = Partition::Aws;
const MANAGEMENT: &str = "111111111111";
const MEMBER: &str = "222222222222";
const OTHER: &str = "333333333333";
const NOW: Timestamp = Timestamp::from_unix_secs(1_800_000_000);

/// Seals by telling whose it is.
struct Open;

impl MessageSealer for Open {
    fn seal(&self, account: AccountId, message: &str) -> String {
        format!("{account} {message}")
    }
}

struct World {
    store: Store,
    authorization: Authorization,
}

fn account(number: &str) -> AccountId {
    number.parse().unwrap()
}

fn policy(text: &str) -> Policy {
    Policy::parse(text, PolicyKind::Identity).unwrap()
}

/// `ALLOW ec2:*`, or with a resource and a condition.
fn statement(effect: &str, action: &str, more: &str) -> String {
    let resource = if more.contains("\"Resource\"") { "" } else { ",\"Resource\":\"*\"" };
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Action":"{action}"{resource}{more}}}]}}"#
    )
}

impl World {
    fn new() -> Self {
        let store = Store::open(MemoryBackend::new()).unwrap();
        Self { authorization: Authorization::new(store.clone(), Open), store }
    }

    fn put<R: Record>(&self, number: &str, id: &str, record: R) {
        let scope = Scope::global(P, account(number));
        let put = self.store.transact(|transaction| {
            transaction.put(&scope, id, record);
            Ok::<_, StoreError>(())
        });
        put.unwrap();
    }

    fn user(&self, number: &str, name: &str, inline: &[&str], change: impl FnOnce(&mut User)) -> Principal {
        let arn: Arn = format!("arn:aws:iam::{number}:user/{name}").parse().unwrap();
        let mut user = User {
            id: format!("AIDA{name}"),
            name: name.to_owned(),
            path: "/".to_owned(),
            arn: arn.clone(),
            created: NOW,
            password_last_used: None,
            permissions_boundary: None,
            inline_policies: numbered(inline),
            attached_policies: BTreeSet::new(),
            groups: BTreeSet::new(),
            tags: Tags::default(),
        };
        change(&mut user);
        self.put(number, &name_key(name), user);
        Principal {
            account: account(number),
            kind: PrincipalKind::User { name: name.to_owned() },
            arn,
            user_id: format!("AIDA{name}"),
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            session: None,
        }
    }

    fn role(&self, number: &str, name: &str, inline: &[&str], session: Session) -> Principal {
        let arn: Arn = format!("arn:aws:iam::{number}:role/path/{name}").parse().unwrap();
        let role = Role {
            id: format!("AROA{name}"),
            name: name.to_owned(),
            path: "/path/".to_owned(),
            arn: arn.clone(),
            created: NOW,
            trust_policy: policy(&statement("Allow", "sts:AssumeRole", "")),
            description: None,
            max_session_secs: 3600,
            permissions_boundary: None,
            inline_policies: numbered(inline),
            attached_policies: BTreeSet::new(),
            tags: Tags::from_iter([Tag { key: "Team".to_owned(), value: "of the role".to_owned() }]),
            linked_service: name.starts_with("AWSServiceRole").then(|| "ec2.amazonaws.com".to_owned()),
        };
        self.put(number, &name_key(name), role);
        Principal {
            account: account(number),
            kind: PrincipalKind::AssumedRole {
                role: name.to_owned(),
                role_id: format!("AROA{name}"),
                role_arn: arn,
                session_name: "s".to_owned(),
            },
            arn: format!("arn:aws:sts::{number}:assumed-role/{name}/s").parse().unwrap(),
            user_id: format!("AROA{name}:s"),
            access_key_id: "ASIAIOSFODNN7EXAMPLE".to_owned(),
            session: Some(Arc::new(session)),
        }
    }

    fn managed(&self, number: &str, name: &str, text: &str) -> String {
        let arn: Arn = format!("arn:aws:iam::{number}:policy/{name}").parse().unwrap();
        let version = PolicyVersion { policy: policy(text), created: NOW };
        let record = ManagedPolicy {
            id: format!("ANPA{name}"),
            name: name.to_owned(),
            path: "/".to_owned(),
            arn: arn.clone(),
            description: None,
            created: NOW,
            updated: NOW,
            default_version: 1,
            next_version: 2,
            versions: BTreeMap::from([(1, version)]),
            tags: Tags::default(),
        };
        self.put(number, &name_key(name), record);
        arn.to_string()
    }

    /// An organization of the management account and one member, and this policy on the root and on the member.
    fn organize(&self, policy_type: PolicyType, text: &str) {
        let id = "p-0123456789".parse().unwrap();
        let attached = BTreeMap::from([(policy_type, vec![policy_type.default_policy().unwrap(), id])]);
        let organization = Organization {
            id: "o-abcdefghij".parse().unwrap(),
            management: account(MANAGEMENT),
            feature_set: FeatureSet::All,
            created: NOW,
            root: "r-ab12".parse().unwrap(),
            policy_types: BTreeSet::from([policy_type]),
            root_policies: attached.clone(),
            root_tags: Tags::default(),
            trusted_services: BTreeMap::new(),
            resource_policy: None,
            closures: Vec::new(),
        };
        let record = PolicyRecord {
            id: "p-0123456789".parse().unwrap(),
            arn: organization.arn_of(P, "policy", "service_control_policy/p-0123456789"),
            name: "ours".to_owned(),
            description: String::new(),
            policy_type,
            content: PolicyContent::Permissions(Policy::parse_stored(text).unwrap()),
            is_aws_managed: false,
            updated: NOW,
            tags: Tags::default(),
        };
        let made = self.store.transact(|transaction| {
            transaction.put(&organization.scope(P), record.id.clone().as_str(), record);
            for number in [MANAGEMENT, MEMBER] {
                let member = Member {
                    account: account(number),
                    parent: "r-ab12".parse().unwrap(),
                    method: JoinedMethod::Created,
                    joined: NOW,
                    policies: attached.clone(),
                    tags: Tags::default(),
                    delegated_services: BTreeMap::new(),
                };
                organization::join(transaction, P, &organization, member);
            }
            organization.clone().put(transaction, P);
            Ok::<_, StoreError>(())
        });
        made.unwrap();
    }

    fn ask(&self, principal: &Principal, needed: &[NeededPermission]) -> Result<(), Refusal> {
        self.authorization.decide(&context(principal), "ec2", "Test", Some(needed))
    }

    fn may(&self, principal: &Principal, action: &str) -> bool {
        self.ask(principal, &[any(action)]).is_ok()
    }

    /// Whether a role of an account with this trust policy is assumed, with an external id.
    fn assumes(&self, principal: &Principal, number: &str, trust: &str) -> bool {
        let mut keys = Context::new();
        keys.set("sts:ExternalId", "secret");
        let role = RoleAsked {
            caller: &caller_of(principal),
            action: "sts:AssumeRole",
            arn: &format!("arn:aws:iam::{number}:role/r"),
            account: account(number),
            trust: &Policy::parse_stored(trust).unwrap(),
            keys: &keys,
        };
        self.authorization.decide_on_role(&context(principal), &role).is_allowed()
    }

    /// What the caller is told.
    fn told(&self, principal: &Principal, needed: NeededPermission) -> String {
        self.ask(principal, &[needed]).unwrap_err().message
    }
}

fn numbered(policies: &[&str]) -> BTreeMap<String, Policy> {
    policies.iter().enumerate().map(|(index, text)| (format!("inline-{index}"), policy(text))).collect()
}

fn context(principal: &Principal) -> RequestContext {
    RequestContext {
        partition: P,
        region: "eu-central-1".parse().unwrap(),
        principal: principal.clone(),
        request_id: RequestId::from_bits(7),
        now: NOW,
        source_ip: "192.0.2.1".parse().unwrap(),
        user_agent: "tester/1".to_owned(),
        secure_transport: true,
        way: service_api::Way::default(),
    }
}

fn any(action: &str) -> NeededPermission {
    NeededPermission {
        action: action.to_owned().into(),
        resources: vec![TargetResource::all()],
        keys: Vec::new(),
    }
}

fn on(action: &str, arn: &str, change: impl FnOnce(&mut TargetResource)) -> NeededPermission {
    let mut resource = TargetResource { arn: arn.to_owned(), ..TargetResource::default() };
    change(&mut resource);
    NeededPermission { resources: vec![resource], ..any(action) }
}

#[test]
fn users_may_what_their_policies_and_those_of_their_groups_allow() {
    let world = World::new();
    let group = Group {
        id: "AGPAX".to_owned(),
        name: "Readers".to_owned(),
        path: "/".to_owned(),
        arn: format!("arn:aws:iam::{MEMBER}:group/Readers").parse().unwrap(),
        created: NOW,
        inline_policies: numbered(&[&statement("Allow", "ssm:Get*", "")]),
        attached_policies: BTreeSet::new(),
    };
    world.put(MEMBER, "readers", group);
    let managed = world.managed(MEMBER, "network", &statement("Allow", "ec2:Describe*", ""));
    let ann = world.user(MEMBER, "ann", &[&statement("Allow", "ec2:CreateVpc", "")], |user| {
        user.attached_policies.insert(managed);
        user.attached_policies.insert("arn:aws:iam::aws:policy/IAMReadOnlyAccess".to_owned());
        user.groups.insert("readers".to_owned());
    });
    for action in ["ec2:CreateVpc", "ec2:DescribeVpcs", "ssm:GetParameter", "iam:ListUsers"] {
        assert!(world.may(&ann, action), "{action}");
    }
    for action in ["ec2:DeleteVpc", "ssm:PutParameter", "iam:CreateUser"] {
        assert!(!world.may(&ann, action), "{action}");
    }
    // A user who is gone since has nothing.
    let nobody = Principal { kind: PrincipalKind::User { name: "nobody".to_owned() }, ..ann };
    assert!(!world.may(&nobody, "ec2:CreateVpc"));
}

#[test]
fn a_denial_is_told_in_awss_words_and_remembered() {
    let world = World::new();
    let ann = world.user(MEMBER, "ann", &[], |_| {});
    let arn = format!("arn:aws:ec2:eu-central-1:{MEMBER}:vpc/vpc-1");
    let refusal = world.ask(&ann, &[on("ec2:DeleteVpc", &arn, |_| {})]).unwrap_err();
    assert_eq!(
        refusal.message,
        format!(
            "User: arn:aws:iam::{MEMBER}:user/ann is not authorized to perform: ec2:DeleteVpc on resource: {arn} because \
             no identity-based policy allows the ec2:DeleteVpc action"
        )
    );
    let decoded = refusal.encoded.strip_prefix(&format!("{MEMBER} ")).unwrap();
    let decoded: serde_json::Value = serde_json::from_str(decoded).unwrap();
    assert_eq!(decoded["allowed"], false);
    assert_eq!(decoded["explicitDeny"], false);
    assert_eq!(decoded["context"]["action"], "ec2:DeleteVpc");
    assert_eq!(decoded["context"]["resource"], arn);
    let conditions = decoded["context"]["conditions"]["items"].as_array().unwrap();
    let region = conditions.iter().find(|one| one["key"] == "aws:RequestedRegion").unwrap();
    assert_eq!(region["values"]["items"][0]["value"], "eu-central-1");

    let denial = world.authorization.denial_of(RequestId::from_bits(7).as_str()).unwrap();
    assert_eq!((denial.action.as_str(), denial.resource.as_str()), ("ec2:DeleteVpc", arn.as_str()));
    assert_eq!(denial.explanation.remedies.len(), 1);
    assert_eq!(world.authorization.last_denial(Some(account(OTHER))).map(|denial| denial.action), None);
    for _ in 0..DENIALS_KEPT {
        assert!(!world.may(&ann, "ec2:Another"));
    }
    assert_eq!(world.authorization.last_denial(Some(account(MEMBER))).unwrap().action, "ec2:Another");
    world.authorization.denial_of(RequestId::from_bits(7).as_str()).unwrap();
}

#[test]
fn every_resource_and_every_action_of_a_request_is_asked_for() {
    let world = World::new();
    let only = r#","Resource":["arn:aws:ec2:*:*:vpc/vpc-1","arn:aws:ec2:*:*:subnet/*"]"#;
    let ann = world.user(MEMBER, "ann", &[&statement("Allow", "ec2:CreateSubnet", only)], |_| {});
    let arn = |resource: &str| format!("arn:aws:ec2:eu-central-1:{MEMBER}:{resource}");
    let target = |resource: &str| TargetResource { arn: arn(resource), ..TargetResource::default() };
    let create = |resources: &[&str]| NeededPermission {
        resources: resources.iter().map(|one| target(one)).collect(),
        ..any("ec2:CreateSubnet")
    };
    assert!(world.ask(&ann, &[create(&["vpc/vpc-1", "subnet/*"])]).is_ok());
    let told = world.told(&ann, create(&["subnet/*", "vpc/vpc-2"]));
    assert!(told.contains(&arn("vpc/vpc-2")), "{told}");
    let refused = world.ask(&ann, &[create(&["vpc/vpc-1"]), any("ec2:CreateTags")]).unwrap_err();
    assert!(refused.message.contains("ec2:CreateTags"), "{}", refused.message);
}

#[test]
fn conditions_see_the_request_the_resource_and_the_principal() {
    let check = |condition: &str, expected: bool| {
        let world = World::new();
        let condition = format!(r#","Condition":{{{condition}}}"#);
        let ann = world.user(MEMBER, "ann", &[&statement("Allow", "ec2:*", &condition)], |user| {
            user.tags.set(Tag { key: "Team".to_owned(), value: "red".to_owned() });
        });
        let mut needed =
            on("ec2:DeleteVpc", &format!("arn:aws:ec2:eu-central-1:{MEMBER}:vpc/vpc-1"), |target| {
                target.keys = vec![("aws:ResourceTag/Team".to_owned(), vec!["red".to_owned()])];
            });
        needed.keys = vec![("aws:TagKeys".to_owned(), vec!["a".to_owned(), "b".to_owned()])];
        assert_eq!(world.ask(&ann, &[needed]).is_ok(), expected, "{condition}");
    };
    check(r#""StringEquals":{"aws:RequestedRegion":"eu-central-1"}"#, true);
    check(r#""StringEquals":{"aws:RequestedRegion":"us-east-1"}"#, false);
    check(r#""StringEquals":{"aws:ResourceTag/Team":"${aws:PrincipalTag/Team}"}"#, true);
    check(r#""IpAddress":{"aws:SourceIp":"192.0.2.0/24"}"#, true);
    check(r#""IpAddress":{"aws:SourceIp":"198.51.100.0/24"}"#, false);
    check(r#""Bool":{"aws:SecureTransport":"true"}"#, true);
    check(r#""StringLike":{"aws:UserAgent":"tester/*"}"#, true);
    check(r#""DateGreaterThan":{"aws:CurrentTime":"2027-01-15T07:59:59Z"}"#, true);
    check(r#""DateGreaterThan":{"aws:CurrentTime":"2027-01-15T08:00:00Z"}"#, false);
    check(r#""StringEquals":{"aws:username":"ann","aws:PrincipalType":"User"}"#, true);
    check(&format!(r#""ArnEquals":{{"aws:PrincipalArn":"arn:aws:iam::{MEMBER}:user/ann"}}"#), true);
    check(&format!(r#""StringEquals":{{"aws:ResourceAccount":"{MEMBER}"}}"#), true);
    check(r#""ForAllValues:StringEquals":{"aws:TagKeys":["a","b","c"]}"#, true);
    check(r#""ForAllValues:StringEquals":{"aws:TagKeys":["a"]}"#, false);
    check(r#""Bool":{"aws:ViaAWSService":"false"}"#, true);
    check(r#""Null":{"aws:MultiFactorAuthPresent":"true","aws:PrincipalOrgID":"true"}"#, true);
}

#[test]
fn a_boundary_and_a_sessions_policies_limit() {
    let world = World::new();
    let boundary = world.managed(MEMBER, "most", &statement("Allow", "ec2:Describe*", ""));
    let bounded = world.user(MEMBER, "ann", &[&statement("Allow", "ec2:*", "")], |user| {
        user.permissions_boundary = Some(boundary);
    });
    assert!(world.may(&bounded, "ec2:DescribeVpcs"));
    let told = world.told(&bounded, any("ec2:CreateVpc"));
    assert!(told.ends_with("because no permissions boundary allows the ec2:CreateVpc action"), "{told}");

    let session = Session {
        policies: vec![statement("Allow", "ec2:Describe*", "")],
        policy_arns: vec!["arn:aws:iam::aws:policy/IAMReadOnlyAccess".to_owned()],
        ..Session::default()
    };
    let limited = world.role(MEMBER, "maker", &[&statement("Allow", "*", "")], session);
    assert!(world.may(&limited, "ec2:DescribeVpcs") && world.may(&limited, "iam:ListUsers"));
    let told = world.told(&limited, any("ec2:CreateVpc"));
    assert!(told.ends_with("because no session policy allows the ec2:CreateVpc action"), "{told}");
    let whole = world.role(MEMBER, "maker", &[&statement("Allow", "*", "")], Session::default());
    assert!(world.may(&whole, "ec2:CreateVpc"));
}

#[test]
fn a_federated_user_has_what_its_maker_and_its_session_have_both() {
    let world = World::new();
    let ann = world.user(MEMBER, "ann", &[&statement("Allow", "ec2:*", "")], |_| {});
    let federated = |policies: &[String]| Principal {
        kind: PrincipalKind::FederatedUser {
            name: "bob".to_owned(),
            by: ann.arn.clone(),
            by_id: ann.user_id.clone(),
        },
        arn: format!("arn:aws:sts::{MEMBER}:federated-user/bob").parse().unwrap(),
        session: Some(Arc::new(Session { policies: policies.to_vec(), ..Session::default() })),
        ..ann.clone()
    };
    assert!(!world.may(&federated(&[]), "ec2:DescribeVpcs"), "without a policy it may do nothing");
    let bob = federated(&[statement("Allow", "*", "")]);
    assert!(world.may(&bob, "ec2:DescribeVpcs") && !world.may(&bob, "ssm:GetParameter"));
    // Another user of the name, and another role, lend nobody their policies.
    let maker = world.role(MEMBER, "maker", &[&statement("Allow", "*", "")], Session::default());
    assert!(world.may(&maker, "ec2:DescribeVpcs") && world.may(&ann, "ec2:DescribeVpcs"));
    world.user(MEMBER, "ann", &[&statement("Allow", "ec2:*", "")], |user| user.id = "AIDANEW".to_owned());
    let kind = match maker.kind.clone() {
        PrincipalKind::AssumedRole { role, role_arn, session_name, .. } => {
            PrincipalKind::AssumedRole { role, role_id: "AROAOLD".to_owned(), role_arn, session_name }
        }
        kind => kind,
    };
    for gone in [&bob, &ann, &Principal { kind, ..maker }] {
        assert!(!world.may(gone, "ec2:DescribeVpcs"), "{gone:?}");
    }
}

#[test]
fn a_session_is_revoked_by_the_time_of_its_token() {
    let world = World::new();
    let revoke = statement(
        "Deny",
        "*",
        r#","Condition":{"DateLessThan":{"aws:TokenIssueTime":"2027-01-15T07:30:00Z"}}"#,
    );
    let allow = statement("Allow", "*", "");
    let issued =
        |minutes_ago: i64| Session { issued: NOW.plus_millis(-minutes_ago * 60_000), ..Session::default() };
    let old = world.role(MEMBER, "maker", &[&allow, &revoke], issued(31));
    assert!(!world.may(&old, "ec2:DescribeVpcs"));
    let new = world.role(MEMBER, "maker", &[&allow, &revoke], issued(29));
    assert!(world.may(&new, "ec2:DescribeVpcs"));
}

#[test]
fn tags_of_a_session_come_before_those_of_its_role() {
    let world = World::new();
    let allow = statement(
        "Allow",
        "*",
        r#","Condition":{"StringEquals":{"aws:PrincipalTag/Team":"of the session"}}"#,
    );
    let mut session = Session::default();
    let plain = world.role(MEMBER, "maker", &[&allow], session.clone());
    assert!(!world.may(&plain, "ec2:DescribeVpcs"));
    session.tags.set(Tag { key: "Team".to_owned(), value: "of the session".to_owned() });
    let tagged = world.role(MEMBER, "maker", &[&allow], session);
    assert!(world.may(&tagged, "ec2:DescribeVpcs"));
}

#[test]
fn a_second_tag_in_another_case_evades_no_condition() {
    let world = World::new();
    let arn = format!("arn:aws:ec2:eu-central-1:{MEMBER}:vpc/vpc-1");
    let tags = |kind: &str, tags: &[(&str, &str)]| {
        let keys = tags.iter().map(|(key, value)| (format!("aws:{kind}/{key}"), vec![(*value).to_owned()]));
        keys.collect::<Vec<_>>()
    };
    let only_red = |kind: &str| {
        statement("Allow", "*", &format!(r#","Condition":{{"StringEquals":{{"aws:{kind}/team":"red"}}}}"#))
    };
    let never_blue = |kind: &str| {
        statement("Deny", "*", &format!(r#","Condition":{{"StringEquals":{{"aws:{kind}/team":"blue"}}}}"#))
    };
    let all = statement("Allow", "*", "");
    let given = [[("Team", "red"), ("team", "blue")], [("Team", "blue"), ("team", "red")]];
    for kind in ["RequestTag", "ResourceTag"] {
        for policies in [&[only_red(kind)][..], &[never_blue(kind), all.clone()]] {
            let policies: Vec<&str> = policies.iter().map(String::as_str).collect();
            let ann = world.user(MEMBER, "ann", &policies, |_| {});
            let may = |given: &[(&str, &str)]| {
                let mut needed = on("ec2:CreateTags", &arn, |_| {});
                match kind {
                    "RequestTag" => needed.keys = tags(kind, given),
                    _ => needed.resources[0].keys = tags(kind, given),
                }
                world.ask(&ann, &[needed]).is_ok()
            };
            assert!(may(&given[0][..1]) && !may(&given[1][..1]), "{policies:?}");
            assert!(!may(&given[0]) && !may(&given[1]), "{policies:?}");
        }
    }
    for given in given {
        let tags = given.map(|(key, value)| Tag { key: key.to_owned(), value: value.to_owned() });
        let ann = world.user(MEMBER, "ann", &[&only_red("PrincipalTag")], |user| {
            user.tags = tags.into_iter().collect();
        });
        assert!(!world.may(&ann, "ec2:DescribeVpcs"), "{given:?}");
    }
}

#[test]
fn service_control_policies_bind_members_with_their_root_users_and_not_the_management_account() {
    let world = World::new();
    let deny = statement("Deny", "ec2:AttachInternetGateway", "");
    let allow = statement("Allow", "*", "");
    world.organize(PolicyType::ServiceControl, &deny);
    let root = |number: &str| Principal::root(P, account(number), "AKIAIOSFODNN7EXAMPLE");
    let told = world.told(&root(MEMBER), any("ec2:AttachInternetGateway"));
    assert!(told.contains("with an explicit deny in a service control policy"), "{told}");
    assert!(world.may(&root(MEMBER), "ec2:CreateVpc"));
    for free in [root(MANAGEMENT), root(OTHER)] {
        assert!(world.may(&free, "ec2:AttachInternetGateway"), "{}", free.arn);
    }
    let admin = world.user(MEMBER, "admin", &[&allow], |_| {});
    assert!(!world.may(&admin, "ec2:AttachInternetGateway"));
    assert!(
        !world.may(&world.role(MEMBER, "maker", &[&allow], Session::default()), "ec2:AttachInternetGateway")
    );
    let linked = world.role(MEMBER, "AWSServiceRoleForEC2", &[&allow], Session::default());
    assert!(world.may(&linked, "ec2:AttachInternetGateway"), "a service-linked role is not bound");
}

#[test]
fn members_are_known_by_their_organization() {
    let world = World::new();
    world.organize(PolicyType::ServiceControl, &statement("Deny", "x:y", ""));
    let condition = r#","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-abcdefghij","aws:ResourceOrgID":"o-abcdefghij"},"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-abcdefghij/r-ab12/*"}}"#;
    let allow = statement("Allow", "*", condition);
    for (number, expected) in [(MEMBER, true), (OTHER, false)] {
        let ann = world.user(number, "ann", &[&allow], |_| {});
        let arn = format!("arn:aws:ec2:eu-central-1:{number}:vpc/vpc-1");
        assert_eq!(world.ask(&ann, &[on("ec2:DeleteVpc", &arn, |_| {})]).is_ok(), expected, "{number}");
    }
}

#[test]
fn resource_control_policies_bind_what_a_member_has_whoever_asks() {
    let world = World::new();
    let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}]}"#;
    world.organize(PolicyType::ResourceControl, deny);
    let ann = world.user(OTHER, "ann", &[&statement("Allow", "sts:*", "")], |_| {});
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}"#;
    assert!(world.assumes(&ann, MANAGEMENT, trust));
    assert!(!world.assumes(&ann, MEMBER, trust));
    let told = world.authorization.last_denial(None).unwrap().message;
    assert!(told.contains("with an explicit deny in a resource control policy"), "{told}");
}

#[test]
fn a_role_is_assumed_by_whom_it_trusts() {
    let world = World::new();
    let allowed = world.user(OTHER, "allowed", &[&statement("Allow", "sts:AssumeRole", "")], |_| {});
    let bare = world.user(OTHER, "bare", &[], |_| {});
    let own = world.user(MEMBER, "own", &[], |_| {});
    let assumes = |principal: &Principal, trusted: &str, condition: &str| {
        let trust = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{trusted}"}},"Action":"sts:AssumeRole"{condition}}}]}}"#
        );
        world.assumes(principal, MEMBER, &trust)
    };
    let other = format!("arn:aws:iam::{OTHER}:root");
    // From another account both sides have to say yes.
    assert!(assumes(&allowed, &other, ""));
    assert!(!assumes(&bare, &other, ""));
    assert!(!assumes(&allowed, &format!("arn:aws:iam::{MANAGEMENT}:root"), ""));
    let external = |id: &str| format!(r#","Condition":{{"StringEquals":{{"sts:ExternalId":"{id}"}}}}"#);
    assert!(assumes(&allowed, &other, &external("secret")));
    assert!(!assumes(&allowed, &other, &external("another")));
    // Within the account who is named needs nothing else; an account that is named needs a policy of the user's too.
    assert!(assumes(&own, own.arn.as_str(), ""));
    assert!(!assumes(&own, &format!("arn:aws:iam::{MEMBER}:root"), ""));
}

#[test]
fn a_resource_policy_that_cannot_be_read_allows_nobody() {
    let world = World::new();
    let root = Principal::root(P, account(MEMBER), "AKIAIOSFODNN7EXAMPLE");
    let broken = on("s3:GetObject", "arn:aws:s3:::b/k", |target| target.policy = Some("{".into()));
    assert!(world.ask(&root, &[broken]).is_err());
}

#[test]
fn what_nobody_knows_the_needs_of_is_for_root_users() {
    let world = World::new();
    let ask = |principal: &Principal| world.authorization.decide(&context(principal), "ec2", "Unknown", None);
    assert!(ask(&Principal::root(P, account(MEMBER), "AKIAIOSFODNN7EXAMPLE")).is_ok());
    let admin = world.user(MEMBER, "admin", &[&statement("Allow", "*", "")], |_| {});
    let refusal = ask(&admin).unwrap_err();
    assert!(refusal.message.contains("not authorized to perform: ec2:Unknown"), "{}", refusal.message);
    world.organize(PolicyType::ServiceControl, &statement("Deny", "ec2:Unknown", ""));
    assert!(ask(&Principal::root(P, account(MEMBER), "AKIAIOSFODNN7EXAMPLE")).is_err());
}

#[test]
fn the_password_policy_lets_users_change_their_own() {
    let world = World::new();
    let ann = world.user(MEMBER, "ann", &[], |_| {});
    let own = on("iam:ChangePassword", ann.arn.as_str(), |_| {});
    let anothers = on("iam:ChangePassword", &format!("arn:aws:iam::{MEMBER}:user/bob"), |_| {});
    assert!(world.ask(&ann, std::slice::from_ref(&own)).is_err());
    let policy = |allow_users_to_change| identities::PasswordPolicy {
        minimum_length: 8,
        require_symbols: false,
        require_numbers: false,
        require_uppercase: false,
        require_lowercase: false,
        allow_users_to_change,
        max_age_days: None,
        reuse_prevention: None,
        hard_expiry: false,
    };
    world.put(MEMBER, identities::PasswordPolicy::KEY, policy(false));
    assert!(world.ask(&ann, std::slice::from_ref(&own)).is_err());
    world.put(MEMBER, identities::PasswordPolicy::KEY, policy(true));
    assert!(world.ask(&ann, &[own]).is_ok());
    assert!(world.ask(&ann, &[anothers]).is_err());
    // A user's path is part of its ARN.
    let staff: Arn = format!("arn:aws:iam::{MEMBER}:user/staff/eu/ann").parse().unwrap();
    let ann = world.user(MEMBER, "ann", &[], |user| user.arn = staff.clone());
    assert!(world.ask(&ann, &[on("iam:ChangePassword", staff.as_str(), |_| {})]).is_ok());
    for other in ["user/staff/joann", "user/ann/bob"] {
        let other = format!("arn:aws:iam::{MEMBER}:{other}");
        assert!(world.ask(&ann, &[on("iam:ChangePassword", &other, |_| {})]).is_err(), "{other}");
    }
}

#[test]
fn a_sessions_tag_stands_for_its_roles_whatever_the_case() {
    let world = World::new();
    let allow = statement(
        "Allow",
        "*",
        r#","Condition":{"StringEquals":{"aws:PrincipalTag/team":"of the session"}}"#,
    );
    let mut session = Session::default();
    session.tags.set(Tag { key: "tEAM".to_owned(), value: "of the session".to_owned() });
    let tagged = world.role(MEMBER, "maker", &[&allow], session);
    assert!(world.may(&tagged, "ec2:DescribeVpcs"));
}

#[test]
fn what_is_denied_fills_no_memory() {
    let world = World::new();
    let ann = world.user(MEMBER, "ann", &[], |_| {});
    let long = format!("arn:aws:ec2:eu-central-1:{MEMBER}:vpc/{}", "ä".repeat(1 << 20));
    let refusal = world.ask(&ann, &[on("ec2:DeleteVpc", &long, |_| {})]).unwrap_err();
    assert!(refusal.message.len() < 4 << 10 && refusal.encoded.len() < 4 << 10);
    assert!(world.authorization.last_denial(None).is_none());
}

/// The context's region is eu-central-1; services without regions are in one all the same.
#[test]
fn requests_to_global_services_are_in_their_region() {
    let world = World::new();
    let condition = r#","Condition":{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}"#;
    let ann = world.user(MEMBER, "ann", &[&statement("Allow", "*", condition)], |_| ());
    let may = |service: &str, action: &'static str| {
        world.authorization.decide(&context(&ann), service, "Test", Some(&[any(action)])).is_ok()
    };
    assert!(may("iam", "iam:ListUsers"));
    assert!(may("organizations", "organizations:ListRoots"));
    assert!(may("account", "account:ListRegions"));
    assert!(!may("ec2", "ec2:DescribeVpcs"));
    assert!(!may("sts", "sts:GetFederationToken"), "it has endpoints in every region");
}
