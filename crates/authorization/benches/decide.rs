//! What a decision about a request costs, with everything that it gathers: the promise is 20 µs at p50 for ten attached
//! policies, a boundary and five levels of service control policies.
//!
//! `cargo bench -p authorization`
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use authorization::{Authorization, MessageSealer};
use aws_types::{AccountId, Arn, Partition, Tags, Timestamp};
use divan::{Bencher, black_box};
use iam_policy::{Policy, PolicyKind};
use identities::{ManagedPolicy, PolicyVersion, User};
use organization::{
    FeatureSet, JoinedMethod, Member, Organization, OrganizationalUnit, PolicyContent, PolicyRecord,
    PolicyType,
};
use service_api::{
    NeededPermission, Principal, PrincipalKind, RequestContext, RequestId, Session, TargetResource,
};
use store::{MemoryBackend, Scope, Store, StoreError};

const P: Partition = Partition::Aws;
const ACCOUNT: &str = "222222222222";
const MANAGEMENT: &str = "111111111111";
const NOW: Timestamp = Timestamp::from_unix_secs(1_800_000_000);
const SCP: PolicyType = PolicyType::ServiceControl;

fn main() {
    divan::main();
}

struct Nobody;

impl MessageSealer for Nobody {
    fn seal(&self, _: AccountId, _: &str) -> String {
        String::new()
    }
}

/// Root users of accounts outside organizations: what most requests of a fresh cloud are.
#[divan::bench]
fn root_user(bencher: Bencher<'_, '_>) {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let principal = Principal::root(P, ACCOUNT.parse().unwrap(), "AKIAIOSFODNN7EXAMPLE");
    decide(bencher, store, principal);
}

/// A user without an organization, with one policy.
#[divan::bench]
fn user_with_one_policy(bencher: Bencher<'_, '_>) {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let principal = user(&store, 1, false);
    decide(bencher, store, principal);
}

/// What the promise is about.
#[divan::bench]
fn user_with_ten_policies_a_boundary_and_five_levels(bencher: Bencher<'_, '_>) {
    let store = Store::open(MemoryBackend::new()).unwrap();
    organize(&store);
    let principal = user(&store, 10, true);
    decide(bencher, store, principal);
}

/// A session of a user whose policy is as long as it may be, which it brings with every request.
#[divan::bench]
fn session_with_a_policy_of_2048_characters(bencher: Bencher<'_, '_>) {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let policies = vec![session_policy()];
    let session = Some(Arc::new(Session { policies, ..Session::default() }));
    let principal = Principal { session, ..user(&store, 1, false) };
    decide(bencher, store, principal);
}

/// What reading that policy costs alone.
#[divan::bench]
fn reading_a_policy_of_2048_characters(bencher: Bencher<'_, '_>) {
    let text = session_policy();
    bencher.bench(|| Policy::parse_stored(black_box(&text)).unwrap());
}

fn session_policy() -> String {
    let statement = |index: usize| {
        format!(
            r#"{{"Sid":"S{index}","Effect":"Allow","Action":["ec2:Describe*","s3:Get{index}*"],"Resource":"*","Condition":{{"StringEquals":{{"aws:RequestedRegion":"eu-central-1"}}}}}}"#
        )
    };
    let statements: Vec<String> = (0..12).map(statement).collect();
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    assert!((1_700..=2_048).contains(&text.len()), "{}", text.len());
    text
}

/// A request about as many resources, with as many tags, as one can have.
#[divan::bench(sample_count = 10)]
fn a_thousand_resources_and_tags(bencher: Bencher<'_, '_>) {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let principal = user(&store, 1, false);
    let tag = |number: usize| (format!("aws:RequestTag/{number}"), vec!["x".to_owned()]);
    let resource = |number: usize| TargetResource {
        arn: format!("arn:aws:ec2:eu-central-1:{ACCOUNT}:vpc/vpc-{number}"),
        keys: vec![(format!("aws:ResourceTag/{number}"), vec!["y".to_owned()])],
        ..TargetResource::default()
    };
    let needed = [NeededPermission {
        action: "ec2:DescribeVpcs".into(),
        resources: (0..1_000).map(resource).collect(),
        keys: (0..1_000).map(tag).collect(),
    }];
    decide_needed(bencher, store, principal, &needed);
}

fn decide(bencher: Bencher<'_, '_>, store: Store, principal: Principal) {
    let needed = [NeededPermission {
        action: "ec2:DescribeVpcs".into(),
        resources: vec![TargetResource::all()],
        keys: Vec::new(),
    }];
    decide_needed(bencher, store, principal, &needed);
}

fn decide_needed(bencher: Bencher<'_, '_>, store: Store, principal: Principal, needed: &[NeededPermission]) {
    let authorization = Authorization::new(store, Nobody);
    let context = RequestContext {
        partition: P,
        region: "eu-central-1".parse().unwrap(),
        principal,
        request_id: RequestId::from_bits(1),
        now: NOW,
        source_ip: "127.0.0.1".parse().unwrap(),
        user_agent: "aws-cli/2.0".to_owned(),
        secure_transport: false,
        way: service_api::Way::default(),
    };
    bencher.bench(|| authorization.decide(black_box(&context), "ec2", "DescribeVpcs", Some(needed)).unwrap());
}

/// Ten statements, of which the last allows, if it is the last policy.
fn document(allows: bool) -> String {
    let statements: Vec<String> = (0..10)
        .map(|index| {
            let action = if allows && index == 9 { "ec2:Describe*" } else { "dynamodb:Get*" };
            format!(
                r#"{{"Sid":"S{index}","Effect":"Allow","Action":["{action}","s3:Get{index}*"],"Resource":"*",
                "Condition":{{"StringEquals":{{"aws:RequestedRegion":["us-east-1","eu-central-1"]}},"Bool":{{"aws:ViaAWSService":"false"}}}}}}"#
            )
        })
        .collect();
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

fn user(store: &Store, policies: usize, bounded: bool) -> Principal {
    let scope = Scope::global(P, ACCOUNT.parse().unwrap());
    let arn: Arn = format!("arn:aws:iam::{ACCOUNT}:user/ann").parse().unwrap();
    store
        .transact(|transaction| {
            let mut attached = BTreeSet::new();
            for index in 0..policies {
                let name = format!("p{index}");
                let policy = Policy::parse(&document(index + 1 == policies), PolicyKind::Identity).unwrap();
                let arn: Arn = format!("arn:aws:iam::{ACCOUNT}:policy/{name}").parse().unwrap();
                attached.insert(arn.to_string());
                let record = ManagedPolicy {
                    id: format!("ANPA{name}"),
                    name: name.clone(),
                    path: "/".to_owned(),
                    arn,
                    description: None,
                    created: NOW,
                    updated: NOW,
                    default_version: 1,
                    next_version: 2,
                    versions: BTreeMap::from([(1, PolicyVersion { policy, created: NOW })]),
                    tags: Tags::default(),
                };
                transaction.put(&scope, &name, record);
            }
            let user = User {
                id: "AIDAX".to_owned(),
                name: "ann".to_owned(),
                path: "/".to_owned(),
                arn: arn.clone(),
                created: NOW,
                password_last_used: None,
                permissions_boundary: bounded
                    .then(|| format!("arn:aws:iam::{ACCOUNT}:policy/p{}", policies - 1)),
                inline_policies: BTreeMap::new(),
                attached_policies: attached,
                groups: BTreeSet::new(),
                tags: Tags::default(),
            };
            transaction.put(&scope, "ann", user);
            Ok::<_, StoreError>(())
        })
        .unwrap();
    Principal {
        account: ACCOUNT.parse().unwrap(),
        kind: PrincipalKind::User { name: "ann".to_owned() },
        arn,
        user_id: "AIDAX".to_owned(),
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        session: None,
    }
}

/// The root, three units in one another and the account, each with FullAWSAccess and a policy that denies something else.
fn organize(store: &Store) {
    let attached = || {
        let ids = vec!["p-FullAWSAccess".parse().unwrap(), "p-0123456789".parse().unwrap()];
        BTreeMap::from([(SCP, ids)])
    };
    let organization = Organization {
        id: "o-abcdefghij".parse().unwrap(),
        management: MANAGEMENT.parse().unwrap(),
        feature_set: FeatureSet::All,
        created: NOW,
        root: "r-ab12".parse().unwrap(),
        policy_types: BTreeSet::from([SCP]),
        root_policies: attached(),
        root_tags: Tags::default(),
        trusted_services: BTreeMap::new(),
        resource_policy: None,
        closures: Vec::new(),
    };
    let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["ec2:AttachInternetGateway","globalaccelerator:Create*"],"Resource":"*"},{"Effect":"Deny","Action":"iam:DeleteRole","Resource":"arn:aws:iam::*:role/x","Condition":{"StringNotLike":{"aws:PrincipalARN":"arn:aws:iam::*:role/y"}}}]}"#;
    let policy = PolicyRecord {
        id: "p-0123456789".parse().unwrap(),
        arn: organization.arn_of(P, "policy", "service_control_policy/p-0123456789"),
        name: "deny".to_owned(),
        description: String::new(),
        policy_type: SCP,
        content: PolicyContent::Permissions(Policy::parse_stored(deny).unwrap()),
        is_aws_managed: false,
        updated: NOW,
        tags: Tags::default(),
    };
    store
        .transact(|transaction| {
            let scope = organization.scope(P);
            transaction.put(&scope, "p-0123456789", policy);
            let mut parent = "r-ab12".to_owned();
            for index in 1..=3 {
                let id = format!("ou-ab12-0000000{index}");
                let unit = OrganizationalUnit {
                    id: id.parse().unwrap(),
                    name: id.clone(),
                    parent: parent.parse().unwrap(),
                    created: NOW,
                    policies: attached(),
                    tags: Tags::default(),
                };
                transaction.put(&scope, &id, unit);
                parent = id;
            }
            let member = Member {
                account: ACCOUNT.parse().unwrap(),
                parent: parent.parse().unwrap(),
                method: JoinedMethod::Created,
                joined: NOW,
                policies: attached(),
                tags: Tags::default(),
                delegated_services: BTreeMap::new(),
            };
            organization::join(transaction, P, &organization, member);
            organization.clone().put(transaction, P);
            Ok::<_, StoreError>(())
        })
        .unwrap();
}
