//! Callers whose requests are decided before they are carried out, as in a whole cloud.

use std::collections::{BTreeMap, BTreeSet};

use authorization::{Authorization, MessageSealer};
use aws_api::Operation;
use aws_api::s3::{self as api, operation as op};
use aws_model::Value;
use aws_types::{AccountId, Arn, Partition, Tags};
use bucket_rules::CanonicalUserId;
use iam_policy::{Policy, PolicyKind};
use identities::{Account, AccountState, User, name_key};
use service_api::{
    Principal, PrincipalKind, RequestContext, Service as _, ServiceError, SignatureFacts, SignaturePlace,
};
use store::{Record, Scope, StoreError};

use crate::harness::*;

/// How old signatures are.
pub const SIGNED_BEFORE_MILLIS: i64 = 3000;

struct Open;

impl MessageSealer for Open {
    fn seal(&self, _: AccountId, message: &str) -> String {
        message.to_owned()
    }
}

/// A cloud with two accounts, and one bucket of the first.
pub struct Callers {
    pub cloud: Cloud,
    authorization: Authorization,
    /// The root users of both, and who does not sign.
    pub home: Principal,
    pub other: Principal,
    pub nobody: Principal,
}

impl Callers {
    /// With a bucket whose objects are as said, that nothing blocks.
    pub fn with(ownership: &str) -> Self {
        let cloud = Cloud::new();
        let root = |account: &str| Principal::root(Partition::Aws, account.parse().unwrap(), "AKIA");
        let callers = Self {
            authorization: Authorization::new(cloud.store.clone(), Open),
            cloud,
            home: root(ACCOUNT),
            other: root(OTHER),
            nobody: Principal::anonymous(Partition::Aws),
        };
        for number in [ACCOUNT, OTHER] {
            let account = Account {
                id: number.parse().unwrap(),
                created: callers.cloud.now(),
                name: None,
                is_further: false,
                email: None,
                state: AccountState::Active,
                contact: None,
            };
            callers.record(number, number, account);
        }
        callers.ok::<op::CreateBucket>(
            &callers.home,
            api::CreateBucketRequest {
                bucket: "bucket".to_owned(),
                object_ownership: some(ownership),
                ..api::CreateBucketRequest::default()
            },
        );
        callers.ok::<op::DeletePublicAccessBlock>(
            &callers.home,
            api::DeletePublicAccessBlockRequest {
                bucket: "bucket".to_owned(),
                ..api::DeletePublicAccessBlockRequest::default()
            },
        );
        callers
    }

    fn record<R: Record>(&self, account: &str, id: &str, record: R) {
        let scope = Scope::global(Partition::Aws, account.parse().unwrap());
        let put = self.cloud.store.transact(|transaction| {
            transaction.put(&scope, id, record);
            Ok::<_, StoreError>(())
        });
        put.unwrap();
    }

    /// A user who may do these things with everything.
    pub fn user(&self, account: &str, name: &str, actions: &[&str]) -> Principal {
        let arn: Arn = format!("arn:aws:iam::{account}:user/{name}").parse().unwrap();
        let mut user = User {
            id: format!("AIDA{name}"),
            name: name.to_owned(),
            path: "/".to_owned(),
            arn: arn.clone(),
            created: self.cloud.now(),
            password_last_used: None,
            permissions_boundary: None,
            inline_policies: BTreeMap::new(),
            attached_policies: BTreeSet::new(),
            groups: BTreeSet::new(),
            tags: Tags::default(),
        };
        if !actions.is_empty() {
            let actions = serde_json::to_string(actions).unwrap();
            let text = format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":{actions},"Resource":"*"}}}}"#
            );
            let policy = Policy::parse(&text, PolicyKind::Identity).unwrap();
            user.inline_policies.insert("may".to_owned(), policy);
        }
        self.record(account, &name_key(name), user);
        Principal {
            account: account.parse().unwrap(),
            kind: PrincipalKind::User { name: name.to_owned() },
            arn,
            user_id: format!("AIDA{name}"),
            access_key_id: "AKIA".to_owned(),
            session: None,
        }
    }

    fn context(&self, who: &Principal) -> RequestContext {
        let mut context = RequestContext { principal: who.clone(), ..self.cloud.context(HOME) };
        if !who.is_anonymous() {
            let signed = self.cloud.now().plus_millis(-SIGNED_BEFORE_MILLIS);
            context.way.signature = Some(SignatureFacts { place: SignaturePlace::Header, signed });
        }
        context
    }

    /// Decides about a request, and carries it out if it may be made.
    pub fn try_<O: Operation>(&self, who: &Principal, input: O::Input) -> Result<O::Output, ServiceError>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let (context, input) = (self.context(who), input.into());
        let needed = self.cloud.s3().needed_permissions(&context, O::NAME, &input);
        let decided = self.authorization.decide(&context, "s3", O::NAME, needed.as_deref());
        decided.map_err(|refused| ServiceError::new("Denied", refused.message))?;
        let mut payload = Pieces::new("content");
        let answer = self.cloud.s3().call_streaming(&context, O::NAME, input, &mut payload)?;
        Ok(O::Output::try_from(answer.output).ok().unwrap())
    }

    #[track_caller]
    pub fn ok<O: Operation>(&self, who: &Principal, input: O::Input) -> O::Output
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        self.try_::<O>(who, input).unwrap_or_else(|error| panic!("{}: {error}", O::NAME))
    }

    /// The code of the error of a request; `Denied`, where policies decided.
    #[track_caller]
    pub fn code<O: Operation>(&self, who: &Principal, input: O::Input) -> String
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let Err(error) = self.try_::<O>(who, input) else { panic!("{} did it", O::NAME) };
        error.code.into_owned()
    }

    /// Whether somebody reads an object of the bucket.
    pub fn reads(&self, who: &Principal, key: &str) -> bool {
        let read = self.try_::<op::GetObject>(who, get_request("bucket", key));
        is_allowed(read)
    }

    pub fn lists(&self, who: &Principal) -> bool {
        let request =
            api::ListObjectsV2Request { bucket: "bucket".to_owned(), ..api::ListObjectsV2Request::default() };
        is_allowed(self.try_::<op::ListObjectsV2>(who, request))
    }

    pub fn writes(&self, who: &Principal, key: &str) -> bool {
        is_allowed(self.try_::<op::PutObject>(who, put_request("bucket", key)))
    }

    pub fn deletes(&self, who: &Principal, key: &str) -> bool {
        is_allowed(self.try_::<op::DeleteObject>(who, delete_request("bucket", key)))
    }

    /// Writes the policy of the bucket.
    pub fn set_policy(&self, statements: &[String]) {
        self.ok::<op::PutBucketPolicy>(&self.home, policy_request(statements));
    }
}

fn is_allowed<T>(answer: Result<T, ServiceError>) -> bool {
    match answer {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.code, "Denied", "{error}");
            false
        }
    }
}

pub fn id(account: &str) -> String {
    CanonicalUserId::of(account.parse().unwrap()).to_string()
}

/// A statement about the bucket and all in it; the principal is JSON.
pub fn statement(effect: &str, principal: &str, action: &str) -> String {
    let resource = r#"["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]"#;
    format!(r#"{{"Effect":"{effect}","Principal":{principal},"Action":"{action}","Resource":{resource}}}"#)
}

pub fn policy_request(statements: &[String]) -> api::PutBucketPolicyRequest {
    let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    api::PutBucketPolicyRequest {
        bucket: "bucket".to_owned(),
        policy,
        ..api::PutBucketPolicyRequest::default()
    }
}
