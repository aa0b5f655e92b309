//! A cloud with the service alone, and whoever asks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use aws_api::Operation;
use aws_api::iam::{self as api, operation as op};
use aws_model::Value;
use aws_types::{AccountId, Arn, Partition, Timestamp};
use identities::{Account, AccountState, RoleUse};
use service_api::{
    IdSource, Principal, PrincipalKind, RequestContext, RequestId, Service as _, ServiceError, Session,
};
use store::{MemoryBackend, Scope, Store, StoreError, Transaction};
use svc_iam::{Iam, KeyUse, Uses};

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const OTHER: &str = "210987654321";
pub(crate) const HOUR_MILLIS: i64 = 60 * 60 * 1000;

/// What a document says that allows anything.
pub(crate) const ALLOW_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
/// A trust policy of EC2's.
pub(crate) const TRUST_EC2: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

struct Counting(AtomicU64);

impl IdSource for Counting {
    fn bits(&self) -> u128 {
        let number = u128::from(self.0.fetch_add(1, Ordering::Relaxed));
        // Every byte of an id's letters differs, and none repeats.
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

/// Whoever sees requests, and what it saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) keys: Mutex<BTreeMap<String, KeyUse>>,
    pub(crate) roles: Mutex<BTreeMap<String, RoleUse>>,
}

impl Uses for Seen {
    fn key(&self, _: Partition, id: &str) -> Option<KeyUse> {
        self.keys.lock().unwrap().get(id).cloned()
    }

    fn role(&self, _: &Scope, id: &str) -> Option<RoleUse> {
        self.roles.lock().unwrap().get(id).cloned()
    }
}

/// A cloud.
pub(crate) struct Cloud {
    pub(crate) store: Store,
    pub(crate) seen: Arc<Seen>,
    pub(crate) service: Iam,
    pub(crate) now: Timestamp,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) enum By<'a> {
    /// The root user of [`ACCOUNT`].
    Root,
    /// The root user of [`OTHER`].
    OtherRoot,
    /// A user of [`ACCOUNT`].
    User(&'a str),
    /// A session of a role of [`ACCOUNT`].
    Role(&'a str),
}

impl By<'_> {
    fn principal(&self) -> Principal {
        let root =
            |account: &str| Principal::root(Partition::Aws, account.parse().unwrap(), "AKIAIOSFODNN7EXAMPLE");
        let of = |service: &str, resource: &str| {
            Arn::global(Partition::Aws, service, ACCOUNT.parse().unwrap(), resource)
        };
        match self {
            Self::Root => root(ACCOUNT),
            Self::OtherRoot => root(OTHER),
            Self::User(name) => Principal {
                kind: PrincipalKind::User { name: (*name).to_owned() },
                arn: of("iam", &format!("user/{name}")),
                user_id: "AIDAUSER".to_owned(),
                ..root(ACCOUNT)
            },
            Self::Role(name) => Principal {
                kind: PrincipalKind::AssumedRole {
                    role: (*name).to_owned(),
                    role_id: "AROAROLE".to_owned(),
                    role_arn: of("iam", &format!("role/{name}")),
                    session_name: "session".to_owned(),
                },
                arn: of("sts", &format!("assumed-role/{name}/session")),
                user_id: "AROAROLE:session".to_owned(),
                session: Some(Arc::new(Session::default())),
                ..root(ACCOUNT)
            },
        }
    }
}

impl Cloud {
    pub(crate) fn new() -> Self {
        let cloud = Self::on(Store::open(MemoryBackend::new()).unwrap());
        cloud.add_accounts();
        cloud
    }

    /// Both accounts, in a cloud that has none yet.
    pub(crate) fn add_accounts(&self) {
        [ACCOUNT, OTHER].iter().for_each(|number| self.add_account(number));
    }

    fn add_account(&self, number: &str) {
        let id: AccountId = number.parse().unwrap();
        let account = Account {
            id,
            created: self.now,
            name: None,
            is_further: false,
            email: None,
            state: AccountState::Active,
            contact: None,
        };
        let put = |transaction: &mut Transaction| {
            transaction.put(&Scope::global(Partition::Aws, id), number, account);
            Ok::<_, StoreError>(())
        };
        self.store.transact(put).unwrap();
    }

    pub(crate) fn on(store: Store) -> Self {
        let seen = Arc::new(Seen::default());
        let ids = Arc::new(Counting(AtomicU64::new(1)));
        let service = Iam::new(store.clone(), ids, seen.clone());
        Self { store, seen, service, now: Timestamp::from_unix_secs(1_800_000_000) }
    }

    pub(crate) fn context(&self, by: &By<'_>) -> RequestContext {
        RequestContext {
            partition: Partition::Aws,
            region: "us-east-1".parse().unwrap(),
            principal: by.principal(),
            request_id: RequestId::from_bits(0),
            now: self.now,
            source_ip: [127, 0, 0, 1].into(),
            user_agent: String::new(),
            secure_transport: false,
            way: service_api::Way::default(),
        }
    }

    pub(crate) fn call<O: Operation>(&self, by: &By<'_>, input: O::Input) -> Result<O::Output, ServiceError>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let answer = self.service.call(&self.context(by), O::NAME, input.into())?;
        Ok(O::Output::try_from(answer).ok().unwrap())
    }

    /// What the root user does.
    #[track_caller]
    pub(crate) fn ok<O: Operation>(&self, input: O::Input) -> O::Output
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        self.ok_by::<O>(&By::Root, input)
    }

    #[track_caller]
    pub(crate) fn ok_by<O: Operation>(&self, by: &By<'_>, input: O::Input) -> O::Output
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        self.call::<O>(by, input).unwrap_or_else(|error| panic!("{}: {error}", O::NAME))
    }

    /// What the root user is refused: `Code: message`, and nothing changes.
    #[track_caller]
    pub(crate) fn refuses<O: Operation>(&self, input: O::Input, expect: &str)
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        self.refuses_to::<O>(&By::Root, input, expect);
    }

    #[track_caller]
    pub(crate) fn refuses_to<O: Operation>(&self, by: &By<'_>, input: O::Input, expect: &str)
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let before = self.store.snapshot().revision();
        let Err(error) = self.call::<O>(by, input) else { panic!("{} did it", O::NAME) };
        assert_eq!(error.to_string(), expect);
        assert!(!error.is_fault, "{error}");
        assert_eq!(self.store.snapshot().revision(), before);
    }

    /// A user with this name.
    #[track_caller]
    pub(crate) fn user(&self, name: &str) -> api::User {
        let input = api::CreateUserRequest { user_name: name.to_owned(), ..Default::default() };
        self.ok::<op::CreateUser>(input).user.unwrap()
    }

    /// A group with this name.
    #[track_caller]
    pub(crate) fn group(&self, name: &str) -> api::Group {
        self.ok::<op::CreateGroup>(api::CreateGroupRequest { path: None, group_name: name.to_owned() }).group
    }

    /// A role with this name, for EC2.
    #[track_caller]
    pub(crate) fn role(&self, name: &str) -> api::Role {
        self.ok::<op::CreateRole>(role(name, TRUST_EC2)).role
    }

    /// A managed policy with this name; its ARN.
    #[track_caller]
    pub(crate) fn policy(&self, name: &str) -> String {
        self.ok::<op::CreatePolicy>(policy(name)).policy.unwrap().arn.unwrap()
    }
}

/// What makes a role.
pub(crate) fn role(name: &str, trust: &str) -> api::CreateRoleRequest {
    api::CreateRoleRequest {
        role_name: name.to_owned(),
        assume_role_policy_document: trust.to_owned(),
        ..Default::default()
    }
}

/// What makes a managed policy.
pub(crate) fn policy(name: &str) -> api::CreatePolicyRequest {
    api::CreatePolicyRequest {
        policy_name: name.to_owned(),
        policy_document: ALLOW_ALL.to_owned(),
        ..Default::default()
    }
}

/// What makes an instance profile.
pub(crate) fn profile(name: &str) -> api::CreateInstanceProfileRequest {
    api::CreateInstanceProfileRequest { instance_profile_name: name.to_owned(), ..Default::default() }
}

/// Puts a role into an instance profile.
pub(crate) fn join(profile: &str, role: &str) -> api::AddRoleToInstanceProfileRequest {
    api::AddRoleToInstanceProfileRequest {
        instance_profile_name: profile.to_owned(),
        role_name: role.to_owned(),
    }
}

/// Attaches a policy to a user.
pub(crate) fn attach_to_user(user: &str, arn: &str) -> api::AttachUserPolicyRequest {
    api::AttachUserPolicyRequest { user_name: user.to_owned(), policy_arn: arn.to_owned() }
}

/// Attaches a policy to a role.
pub(crate) fn attach_to_role(role: &str, arn: &str) -> api::AttachRolePolicyRequest {
    api::AttachRolePolicyRequest { role_name: role.to_owned(), policy_arn: arn.to_owned() }
}

/// What botocore does with a document.
pub(crate) fn decoded(document: &str) -> String {
    let mut bytes = document.bytes();
    let mut text = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            text.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            text.push(byte);
        }
    }
    String::from_utf8(text).unwrap()
}

/// Tags of a request.
pub(crate) fn tags(pairs: &[(&str, &str)]) -> Vec<api::Tag> {
    pairs.iter().map(|(key, value)| api::Tag { key: (*key).to_owned(), value: (*value).to_owned() }).collect()
}

/// Tags of an answer.
pub(crate) fn pairs(tags: &[api::Tag]) -> Vec<(&str, &str)> {
    tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).collect()
}
