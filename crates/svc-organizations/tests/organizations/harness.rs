//! A cloud of accounts, of which the first manages an organization where a test wants one.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_api::organizations::{self as api, operation as op};
use aws_api::{Operation, Unit};
use aws_model::Value;
use aws_types::{AccountId, Partition, Timestamp};
use identities::ContactInformation;
use service_api::{
    IdSource, Principal, RequestContext, RequestId, Service as _, ServiceError, TargetResource,
};
use store::{MemoryBackend, Scope, Store, StoreError};
use svc_organizations::{Config, Organizations};

pub(crate) const MANAGEMENT: &str = "111111111111";
pub(crate) const STRANGER: &str = "999999999999";
pub(crate) const SCP: &str = "SERVICE_CONTROL_POLICY";
pub(crate) const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

pub(crate) const DENY: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"ec2:*","Resource":"*"}}"#;

struct Counting(AtomicU64);

impl IdSource for Counting {
    /// Bits that differ everywhere, as ids take what they need from any of them.
    fn bits(&self) -> u128 {
        let next = u128::from(self.0.fetch_add(1, Ordering::Relaxed));
        next.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

pub(crate) struct Cloud {
    pub(crate) store: Store,
    service: Organizations,
    pub(crate) now: Cell<Timestamp>,
}

impl Cloud {
    /// Accounts without an organization.
    pub(crate) fn new() -> Self {
        Self::on(Store::open(MemoryBackend::new()).unwrap(), Config::default())
    }

    pub(crate) fn on(store: Store, config: Config) -> Self {
        let service = Organizations::new(store.clone(), Arc::new(Counting(AtomicU64::new(1))), config);
        let cloud = Self { store, service, now: Cell::new(Timestamp::from_unix_secs(1_800_000_000)) };
        cloud.add_account(MANAGEMENT, "management");
        cloud.add_account(STRANGER, "stranger");
        cloud
    }

    /// The first account manages an organization with all features.
    pub(crate) fn organized() -> Self {
        let cloud = Self::new();
        cloud.ok::<op::CreateOrganization>(MANAGEMENT, Default::default());
        cloud
    }

    /// An account that the operator made.
    pub(crate) fn add_account(&self, number: &str, name: &str) {
        let id: AccountId = number.parse().unwrap();
        let scope = Scope::global(Partition::Aws, id);
        let email = format!("{name}@example.com");
        let account = identities::Account {
            id,
            created: self.now.get(),
            name: Some(name.to_owned()),
            is_further: true,
            email: Some(email.clone()),
            state: identities::AccountState::Active,
            contact: None,
        };
        let added = self.store.transact(|transaction| {
            transaction.put(&scope, number, account.clone());
            let cloud = identities::cloud_scope(Partition::Aws);
            transaction.put(&cloud, &email, identities::Email { account: id });
            Ok::<_, StoreError>(())
        });
        added.unwrap();
    }

    pub(crate) fn pass(&self, millis: i64) {
        self.now.set(self.now.get().plus_millis(millis));
    }

    fn context(&self, account: &str) -> RequestContext {
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
        let answer = self.service.call(&self.context(account), O::NAME, input.into())?;
        Ok(O::Output::try_from(answer).ok().unwrap())
    }

    /// The resources that the first need of a request is about.
    pub(crate) fn touched<O: Operation>(&self, account: &str, input: O::Input) -> Vec<TargetResource>
    where
        O::Input: Into<Value>,
    {
        let needed = self.service.needed_permissions(&self.context(account), O::NAME, &input.into());
        needed.unwrap().remove(0).resources
    }

    #[track_caller]
    pub(crate) fn ok<O: Operation>(&self, account: &str, input: O::Input) -> O::Output
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        self.call::<O>(account, input).unwrap_or_else(|error| panic!("{}: {error}", O::NAME))
    }

    /// Refused with a code, or a code and a reason as `Code/REASON`; nothing was changed.
    #[track_caller]
    pub(crate) fn refuses<O: Operation>(&self, account: &str, input: O::Input, code: &str)
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let before = self.store.snapshot().revision();
        let Err(error) = self.call::<O>(account, input) else { panic!("{} did it", O::NAME) };
        let said = match error.fields.get("Reason") {
            Some(Value::String(reason)) => format!("{}/{reason}", error.code),
            _ => error.code.to_string(),
        };
        assert_eq!(said, code, "{error}");
        assert!(!error.is_fault, "{error}");
        assert_eq!(self.store.snapshot().revision(), before);
    }

    pub(crate) fn root(&self) -> String {
        let roots = self.ok::<op::ListRoots>(MANAGEMENT, Default::default()).roots.unwrap();
        roots[0].id.clone().unwrap()
    }

    /// A new account of the organization, once it is there.
    #[track_caller]
    pub(crate) fn new_member(&self, name: &str) -> String {
        let asked = self.ok::<op::CreateAccount>(MANAGEMENT, new_account(name));
        self.pass(1000);
        let input = api::DescribeCreateAccountStatusRequest {
            create_account_request_id: asked.create_account_status.unwrap().id.unwrap(),
        };
        let status = self.ok::<op::DescribeCreateAccountStatus>(MANAGEMENT, input);
        status.create_account_status.unwrap().account_id.unwrap()
    }

    #[track_caller]
    pub(crate) fn new_unit(&self, parent: &str, name: &str) -> String {
        let made = self.ok::<op::CreateOrganizationalUnit>(MANAGEMENT, new_unit(parent, name));
        made.organizational_unit.unwrap().id.unwrap()
    }

    #[track_caller]
    pub(crate) fn new_policy(&self, name: &str, policy_type: &str, content: &str) -> String {
        let made = self.ok::<op::CreatePolicy>(MANAGEMENT, new_policy(name, policy_type, content));
        made.policy.unwrap().policy_summary.unwrap().id.unwrap()
    }

    /// Gives an account what it needs to stand alone.
    pub(crate) fn complete(&self, number: &str) {
        let id: AccountId = number.parse().unwrap();
        let completed = self.store.transact(|transaction| {
            let account = identities::account(transaction, Partition::Aws, id).unwrap();
            let contact = Some(ContactInformation::default());
            let account = identities::Account { contact, ..(*account).clone() };
            transaction.put(&Scope::global(Partition::Aws, id), number, account);
            Ok::<_, StoreError>(())
        });
        completed.unwrap();
    }

    /// The numbers of all accounts.
    pub(crate) fn accounts(&self) -> Vec<String> {
        let found = self.ok::<op::ListAccounts>(MANAGEMENT, Default::default()).accounts.unwrap();
        found.into_iter().map(|account| account.id.unwrap()).collect()
    }

    /// The names of the service control policies that bear on an account, level by level; none where nothing does.
    pub(crate) fn levels(&self, number: &str) -> Option<Vec<Vec<String>>> {
        let levels = organization::levels(
            &self.store.snapshot(),
            Partition::Aws,
            number.parse().unwrap(),
            organization::PolicyType::ServiceControl,
        );
        let levels = levels.unwrap()?;
        let names =
            |level: organization::Level| level.policies.iter().map(|policy| policy.name.clone()).collect();
        Some(levels.into_iter().map(names).collect())
    }

    #[track_caller]
    pub(crate) fn attach(&self, policy: &str, target: &str) {
        self.ok::<op::AttachPolicy>(MANAGEMENT, attach(policy, target));
    }

    #[track_caller]
    pub(crate) fn enable_type(&self, policy_type: &str) {
        self.ok::<op::EnablePolicyType>(MANAGEMENT, self.enabling(policy_type));
    }

    pub(crate) fn enabling(&self, policy_type: &str) -> api::EnablePolicyTypeRequest {
        api::EnablePolicyTypeRequest { root_id: self.root(), policy_type: policy_type.to_owned() }
    }

    #[track_caller]
    pub(crate) fn leave(&self, account: &str) {
        self.ok::<op::LeaveOrganization>(account, Unit);
    }
}

pub(crate) fn new_account(name: &str) -> api::CreateAccountRequest {
    api::CreateAccountRequest {
        email: format!("{name}@example.com"),
        account_name: name.to_owned(),
        ..Default::default()
    }
}

pub(crate) fn new_unit(parent: &str, name: &str) -> api::CreateOrganizationalUnitRequest {
    api::CreateOrganizationalUnitRequest {
        parent_id: parent.to_owned(),
        name: name.to_owned(),
        ..Default::default()
    }
}

pub(crate) fn new_policy(name: &str, policy_type: &str, content: &str) -> api::CreatePolicyRequest {
    api::CreatePolicyRequest {
        content: content.to_owned(),
        description: format!("about {name}"),
        name: name.to_owned(),
        r#type: policy_type.to_owned(),
        ..Default::default()
    }
}

pub(crate) fn attach(policy: &str, target: &str) -> api::AttachPolicyRequest {
    api::AttachPolicyRequest { policy_id: policy.to_owned(), target_id: target.to_owned() }
}

pub(crate) fn detach(policy: &str, target: &str) -> api::DetachPolicyRequest {
    api::DetachPolicyRequest { policy_id: policy.to_owned(), target_id: target.to_owned() }
}

pub(crate) fn move_account(account: &str, from: &str, to: &str) -> api::MoveAccountRequest {
    api::MoveAccountRequest {
        account_id: account.to_owned(),
        source_parent_id: from.to_owned(),
        destination_parent_id: to.to_owned(),
    }
}

pub(crate) fn describe(account: &str) -> api::DescribeAccountRequest {
    api::DescribeAccountRequest { account_id: account.to_owned() }
}
