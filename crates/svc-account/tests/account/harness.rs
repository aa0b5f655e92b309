//! A management account, a member, and an account of nobody.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use aws_api::Operation;
use aws_model::Value;
use aws_types::{AccountId, Partition, Tags, Timestamp};
use identities::{Account, AccountState, Email, cloud_scope};
use organization::{Attachments, FeatureSet, JoinedMethod, Member, Organization, join};
use service_api::{IdSource, Principal, RequestContext, RequestId, Service as _, ServiceError};
use store::{MemoryBackend, Scope, Store, StoreError, Transaction};
use svc_account::{AccountManagement, Mail};

pub(crate) const MANAGEMENT: &str = "111111111111";
pub(crate) const MEMBER: &str = "222222222222";
pub(crate) const STRANGER: &str = "999999999999";
pub(crate) const SERVICE: &str = "account.amazonaws.com";

struct Fixed;

impl IdSource for Fixed {
    fn bits(&self) -> u128 {
        0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10
    }
}

/// What was delivered: to whom, and what.
#[derive(Clone, Default)]
pub(crate) struct Letters(pub(crate) Arc<Mutex<Vec<(String, String)>>>);

impl Mail for Letters {
    fn send(&self, to: &str, _: &str, text: &str) {
        self.0.lock().unwrap().push((to.to_owned(), text.to_owned()));
    }
}

pub(crate) struct Cloud {
    pub(crate) store: Store,
    pub(crate) service: AccountManagement,
    pub(crate) letters: Letters,
    pub(crate) now: Cell<Timestamp>,
}

impl Cloud {
    pub(crate) fn new() -> Self {
        Self::on(Store::open(MemoryBackend::new()).unwrap())
    }

    pub(crate) fn on(store: Store) -> Self {
        let letters = Letters::default();
        let service = AccountManagement::new(store.clone(), Arc::new(Fixed), letters.clone());
        Self { store, service, letters, now: Cell::new(Timestamp::from_unix_secs(1_800_000_000)) }
    }

    /// Three accounts; two of them are an organization that trusts the service.
    pub(crate) fn organized() -> Self {
        let cloud = Self::new();
        cloud.fill();
        cloud
    }

    pub(crate) fn fill(&self) {
        self.change(|transaction| {
            let named = [(MANAGEMENT, "management"), (MEMBER, "member"), (STRANGER, "stranger")];
            named.into_iter().for_each(|(number, name)| put_account(transaction, number, name));
            let organization = organization();
            for number in [MANAGEMENT, MEMBER] {
                let member = Member {
                    account: number.parse().unwrap(),
                    parent: "r-ab12".parse().unwrap(),
                    method: JoinedMethod::Invited,
                    joined: Timestamp::default(),
                    policies: Attachments::new(),
                    tags: Tags::default(),
                    delegated_services: BTreeMap::new(),
                };
                join(transaction, Partition::Aws, &organization, member);
            }
            organization.put(transaction, Partition::Aws);
        });
    }

    pub(crate) fn change(&self, change: impl Fn(&mut Transaction)) {
        let done = self.store.transact(|transaction| {
            change(transaction);
            Ok::<_, StoreError>(())
        });
        done.unwrap();
    }

    /// A request of an account's root user.
    pub(crate) fn context(&self, account: &str) -> RequestContext {
        RequestContext {
            partition: Partition::Aws,
            region: "us-east-1".parse().unwrap(),
            principal: Principal::root(Partition::Aws, account.parse().unwrap(), "AKIAIOSFODNN7EXAMPLE"),
            request_id: RequestId::from_bits(0),
            now: self.now.get(),
            source_ip: [127, 0, 0, 1].into(),
            user_agent: String::new(),
            secure_transport: false,
            way: service_api::Way::default(),
        }
    }

    pub(crate) fn call<O: Operation>(&self, account: &str, input: O::Input) -> Result<O::Output, ServiceError>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let context = self.context(account);
        let answer = self.service.call(&context, O::NAME, input.into())?;
        Ok(O::Output::try_from(answer).ok().unwrap())
    }

    #[track_caller]
    pub(crate) fn ok<O: Operation>(&self, account: &str, input: O::Input) -> O::Output
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        self.call::<O>(account, input).unwrap_or_else(|error| panic!("{}: {error}", O::NAME))
    }

    #[track_caller]
    pub(crate) fn refuses<O: Operation>(&self, account: &str, input: O::Input, code: &str)
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let Err(error) = self.call::<O>(account, input) else { panic!("{} did it", O::NAME) };
        assert_eq!(error.code, code, "{error}");
        assert!(!error.is_fault, "{error}");
    }
}

pub(crate) fn organization() -> Organization {
    Organization {
        id: "o-abcdefghij".parse().unwrap(),
        management: MANAGEMENT.parse().unwrap(),
        feature_set: FeatureSet::All,
        created: Timestamp::default(),
        root: "r-ab12".parse().unwrap(),
        policy_types: BTreeSet::new(),
        root_policies: Attachments::new(),
        root_tags: Tags::default(),
        trusted_services: BTreeMap::from([(SERVICE.to_owned(), Timestamp::default())]),
        resource_policy: None,
        closures: Vec::new(),
    }
}

fn put_account(transaction: &mut Transaction, number: &str, name: &str) {
    let id: AccountId = number.parse().unwrap();
    let email = format!("{name}@example.com");
    let account = Account {
        id,
        created: Timestamp::from_unix_secs(1_700_000_000),
        name: Some(name.to_owned()),
        is_further: true,
        email: Some(email.clone()),
        state: AccountState::Active,
        contact: None,
    };
    transaction.put(&Scope::global(Partition::Aws, id), number, account);
    transaction.put(&cloud_scope(Partition::Aws), &email, Email { account: id });
}
