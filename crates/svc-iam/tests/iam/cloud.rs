//! A cloud with the service alone, and whoever asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_api::Operation;
use aws_api::iam::{self as api, operation as op};
use aws_model::Value;
use aws_types::{Arn, Partition, Timestamp};
use service_api::{
    IdSource, Principal, PrincipalKind, RequestContext, RequestId, Service as _, ServiceError, Session,
};
use store::{MemoryBackend, Store};
use svc_iam::Iam;

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

/// A cloud.
pub(crate) struct Cloud {
    pub(crate) store: Store,
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
        Self::on(Store::open(MemoryBackend::new()).unwrap())
    }

    pub(crate) fn on(store: Store) -> Self {
        let service = Iam::new(store.clone(), Arc::new(Counting(AtomicU64::new(1))), Arc::new(Seen));
        Self { store, service, now: Timestamp::from_unix_secs(1_800_000_000) }
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
}

/// Tags of a request.
pub(crate) fn tags(pairs: &[(&str, &str)]) -> Vec<api::Tag> {
    pairs.iter().map(|(key, value)| api::Tag { key: (*key).to_owned(), value: (*value).to_owned() }).collect()
}

/// Tags of an answer.
pub(crate) fn pairs(tags: &[api::Tag]) -> Vec<(&str, &str)> {
    tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).collect()
}
