//! STS on a store of its own, with a user and roles.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use authorization::{Authorization, MessageSealer};
use aws_api::Operation;
use aws_api::sts::{AssumeRoleRequest, AssumeRoleResponse, Credentials, operation as op};
use aws_model::Value;
use aws_types::{AccountId, Arn, Partition, Tags, Timestamp};
use iam_policy::{Policy, PolicyKind};
use identities::{
    Account, AccountState, MfaAssignment, OpenIdConnectProvider, Role, User, VirtualMfaDevice, name_key,
};
use service_api::{
    IdSource, Principal, PrincipalKind, RequestContext, RequestId, Service, ServiceError, Session,
};
use session_tokens::Tokens;
use store::{MemoryBackend, Read as _, Record, Scope, Store, StoreError};
use svc_sts::{ProvedIdentities, Sts};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const OTHER: &str = "444455556666";
pub(crate) const NOW_SECS: i64 = 1_800_000_000;
pub(crate) const NOW: Timestamp = Timestamp::from_unix_secs(NOW_SECS);
pub(crate) const ALICE: &str = "arn:aws:iam::111122223333:user/Alice";
pub(crate) const DEVICE: &str = "arn:aws:iam::111122223333:mfa/phone";

/// Keeps no decision from anybody: none of them is looked at here.
struct Unsealed;

impl MessageSealer for Unsealed {
    fn seal(&self, _: AccountId, message: &str) -> String {
        message.to_owned()
    }
}

#[derive(Default)]
struct Ids(AtomicU64);

impl IdSource for Ids {
    fn bits(&self) -> u128 {
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        u128::from(count).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

pub(crate) fn account(text: &str) -> AccountId {
    text.parse().unwrap()
}

pub(crate) fn scope(of: &str) -> Scope {
    Scope::global(Partition::Aws, account(of))
}

fn arn(text: &str) -> Arn {
    text.parse().unwrap()
}

pub(crate) struct Cloud {
    pub(crate) store: Store,
    pub(crate) tokens: Tokens,
    pub(crate) authorization: Arc<Authorization>,
    pub(crate) sts: Sts,
    pub(crate) proved: Arc<ProvedIdentities>,
}

impl Cloud {
    pub(crate) fn new() -> Self {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let tokens = Tokens::with_key(&[7; 32]);
        let authorization = Arc::new(Authorization::new(store.clone(), Unsealed));
        let ids = Arc::new(Ids::default());
        let proved = Arc::new(ProvedIdentities::default());
        let sts = Sts::new(store.clone(), tokens.clone(), ids, Arc::clone(&authorization));
        let sts = sts.with_proved_identities(Arc::clone(&proved));
        let cloud = Self { store, tokens, authorization, sts, proved };
        cloud.account(ACCOUNT, AccountState::Active);
        cloud.account(OTHER, AccountState::Active);
        cloud.user(&[]);
        cloud
    }

    pub(crate) fn put<R: Record>(&self, of: &str, id: &str, record: R) {
        self.put_at(&scope(of), id, record);
    }

    pub(crate) fn put_at<R: Record>(&self, scope: &Scope, id: &str, record: R) {
        let mut record = Some(record);
        let put = self.store.transact(|transaction| {
            transaction.put(scope, id, record.take().unwrap());
            Ok::<_, StoreError>(())
        });
        put.unwrap();
    }

    pub(crate) fn account(&self, id: &str, state: AccountState) {
        let record = Account {
            id: account(id),
            created: NOW,
            name: None,
            is_further: true,
            email: None,
            state,
            contact: None,
        };
        self.put(id, id, record);
    }

    /// Alice, with these policies.
    pub(crate) fn user(&self, policies: &[&str]) {
        let named = policies
            .iter()
            .enumerate()
            .map(|(index, text)| (index.to_string(), Policy::parse(text, PolicyKind::Identity).unwrap()));
        let user = User {
            id: "AIDAALICE".to_owned(),
            name: "Alice".to_owned(),
            path: "/".to_owned(),
            arn: arn(ALICE),
            created: NOW,
            password_last_used: None,
            permissions_boundary: None,
            inline_policies: named.collect(),
            attached_policies: Default::default(),
            groups: Default::default(),
            tags: Tags::default(),
        };
        self.put(ACCOUNT, "alice", user);
    }

    pub(crate) fn tag_user(&self, key: &str, value: &str) {
        let mut user = (*self.store.snapshot().get::<User>(&scope(ACCOUNT), "alice").unwrap()).clone();
        user.tags.set(aws_types::Tag { key: key.to_owned(), value: value.to_owned() });
        self.put(ACCOUNT, "alice", user);
    }

    pub(crate) fn role(&self, of: &str, name: &str, trust: &str) -> Role {
        self.role_with(of, name, trust, |_| {})
    }

    pub(crate) fn role_with(
        &self,
        of: &str,
        name: &str,
        trust: &str,
        change: impl FnOnce(&mut Role),
    ) -> Role {
        let mut role = Role {
            id: format!("AROA{}", name.to_uppercase()),
            name: name.to_owned(),
            path: "/".to_owned(),
            arn: arn(&role_arn(of, name)),
            created: NOW,
            trust_policy: Policy::parse(trust, PolicyKind::Trust).unwrap(),
            description: None,
            max_session_secs: 3600,
            permissions_boundary: None,
            inline_policies: Default::default(),
            attached_policies: Default::default(),
            tags: Tags::default(),
            linked_service: None,
        };
        change(&mut role);
        self.put(of, &name_key(name), role.clone());
        role
    }

    /// Alice's device, enabled long ago, and the code that it shows now.
    pub(crate) fn device(&self) -> String {
        let device = VirtualMfaDevice {
            serial_number: arn(DEVICE),
            name: "phone".to_owned(),
            seed: b"12345678901234567890".to_vec(),
            created: NOW,
            assignment: Some(MfaAssignment {
                user_id: "AIDAALICE".to_owned(),
                enabled: NOW,
                ahead_steps: 0,
                last_step: 0,
            }),
            tags: Tags::default(),
            codes: Default::default(),
        };
        let code = device.code_at(NOW);
        self.put(ACCOUNT, &VirtualMfaDevice::key_of(DEVICE), device);
        code
    }

    pub(crate) fn provider(&self, url: &str, client_ids: &[&str]) {
        let provider = OpenIdConnectProvider {
            url: url.to_owned(),
            arn: arn(&format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{url}")),
            client_ids: client_ids.iter().map(|id| (*id).to_owned()).collect(),
            thumbprints: Vec::new(),
            created: NOW,
            tags: Tags::default(),
        };
        self.put(ACCOUNT, url, provider);
    }

    pub(crate) fn call<O: Operation>(
        &self,
        principal: &Principal,
        input: O::Input,
    ) -> Result<O::Output, ServiceError>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let output = self.sts.call(&context(principal), O::NAME, input.into())?;
        Ok(O::Output::try_from(output).ok().unwrap())
    }

    pub(crate) fn assume(
        &self,
        principal: &Principal,
        role_arn: &str,
        change: impl FnOnce(&mut AssumeRoleRequest),
    ) -> Result<AssumeRoleResponse, ServiceError> {
        let mut request = AssumeRoleRequest {
            role_arn: role_arn.to_owned(),
            role_session_name: "me".to_owned(),
            ..AssumeRoleRequest::default()
        };
        change(&mut request);
        self.call::<op::AssumeRole>(principal, request)
    }

    /// Who the credentials stand for.
    pub(crate) fn open(&self, credentials: &Option<Credentials>) -> Principal {
        let made = credentials.as_ref().unwrap();
        let (secret, principal) =
            self.tokens.open(&made.access_key_id, &made.session_token, NOW.plus_millis(1)).unwrap();
        assert_eq!(secret, made.secret_access_key);
        principal
    }
}

pub(crate) fn session_of(principal: &Principal) -> &Session {
    principal.session.as_deref().unwrap()
}

pub(crate) fn role_arn(of: &str, name: &str) -> String {
    format!("arn:aws:iam::{of}:role/{name}")
}

pub(crate) fn alice() -> Principal {
    Principal {
        account: account(ACCOUNT),
        kind: PrincipalKind::User { name: "Alice".to_owned() },
        arn: arn(ALICE),
        user_id: "AIDAALICE".to_owned(),
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        session: None,
    }
}

pub(crate) fn root() -> Principal {
    Principal::root(Partition::Aws, account(ACCOUNT), "AKIAIOSFODNN7EXAMPLE")
}

pub(crate) fn context(principal: &Principal) -> RequestContext {
    RequestContext {
        partition: Partition::Aws,
        region: "us-east-1".parse().unwrap(),
        principal: principal.clone(),
        request_id: RequestId::from_bits(0),
        now: NOW,
        source_ip: [203, 0, 113, 9].into(),
        user_agent: "test".to_owned(),
        secure_transport: true,
        way: service_api::Way::default(),
    }
}

/// A policy of one statement that allows.
pub(crate) fn allow(rest: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{rest}}}]}}"#)
}

/// A trust policy that lets a principal of AWS assume the role, and tag and name the session.
pub(crate) fn trust(principal: &str) -> String {
    allow(&format!(
        r#""Principal":{{"AWS":"{principal}"}},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#
    ))
}

#[track_caller]
pub(crate) fn expect<T: std::fmt::Debug>(result: Result<T, ServiceError>, code: &str, part: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.code, code, "{error}");
    assert!(error.message.contains(part), "{part:?} is not in {error}");
}

/// A value of a structure.
pub(crate) fn empty() -> Value {
    Value::Structure(aws_model::Fields::new())
}
