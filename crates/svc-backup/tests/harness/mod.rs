//! A service on a store in memory, and an organization whose policy a test sets.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_api::Operation;
use aws_api::backup as api;
use aws_model::Value;
use aws_types::{AccountId, Partition, Timestamp};
use management_policies::{Attached, BackupPlans, Document, PolicyKind, effective};
use parking_lot::Mutex;
use service_api::{IdSource, Principal, RequestContext, RequestId, Service as _, ServiceError};
use store::{MemoryBackend, Snapshot, Store};
use svc_backup::{Backup, EffectiveBackupPolicy};

pub const ACCOUNT: &str = "123456789012";
pub const OTHER: &str = "210987654321";
pub const NOW: Timestamp = Timestamp::from_unix_secs(1_800_000_000);
pub const SINCE: Timestamp = Timestamp::from_unix_secs(1_700_000_000);

struct Counting(AtomicU64);

impl IdSource for Counting {
    fn bits(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)) << 80
    }
}

/// The policy that is attached to all accounts.
#[derive(Clone, Default)]
struct Organization(Arc<Mutex<Option<String>>>);

impl EffectiveBackupPolicy for Organization {
    fn plans(
        &self,
        _: &Snapshot,
        _: Partition,
        account: AccountId,
    ) -> Result<Option<(BackupPlans, Timestamp)>, ServiceError> {
        let Some(text) = self.0.lock().clone() else { return Ok(None) };
        let document = Document::parse(PolicyKind::Backup, &text).unwrap();
        let level = vec![Attached { policy_id: "p-12345678", document: &document }];
        let effective = effective(PolicyKind::Backup, &[level]).unwrap();
        Ok(Some((BackupPlans::of(&effective, &account.to_string()), SINCE)))
    }
}

pub struct Cloud {
    store: Store,
    service: Backup,
    organization: Organization,
    pub now: Timestamp,
}

impl Cloud {
    pub fn new() -> Self {
        Self::on(Store::open(MemoryBackend::new()).unwrap())
    }

    pub fn on(store: Store) -> Self {
        let organization = Organization::default();
        let service = Backup::new(store.clone(), Arc::new(Counting(AtomicU64::new(1))), organization.clone());
        Self { store, service, organization, now: NOW }
    }

    pub fn attach(&self, policy: &str) {
        *self.organization.0.lock() = Some(policy.to_owned());
    }

    pub fn call_in<O: Operation>(
        &self,
        (region, account): (&str, &str),
        input: O::Input,
    ) -> Result<O::Output, ServiceError>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let context = RequestContext {
            partition: Partition::Aws,
            region: region.parse().unwrap(),
            principal: Principal::root(
                aws_types::Partition::Aws,
                account.parse().unwrap(),
                "AKIAIOSFODNN7EXAMPLE",
            ),
            request_id: RequestId::from_bits(0),
            now: self.now,
            source_ip: [127, 0, 0, 1].into(),
            user_agent: String::new(),
            secure_transport: false,
            way: service_api::Way::default(),
        };
        let answer = self.service.call(&context, O::NAME, input.into())?;
        Ok(O::Output::try_from(answer).ok().unwrap())
    }

    #[track_caller]
    pub fn ok<O: Operation>(&self, input: O::Input) -> O::Output
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let answer = self.call_in::<O>(("us-east-1", ACCOUNT), input);
        answer.unwrap_or_else(|error| panic!("{}: {error}", O::NAME))
    }

    /// The error of a request, which changes nothing.
    #[track_caller]
    pub fn refused<O: Operation>(&self, input: O::Input) -> ServiceError
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let before = self.store.snapshot().revision();
        let Err(error) = self.call_in::<O>(("us-east-1", ACCOUNT), input) else {
            panic!("{} did it", O::NAME)
        };
        assert!(!error.is_fault, "{error}");
        assert_eq!(self.store.snapshot().revision(), before);
        error
    }

    #[track_caller]
    pub fn refuses<O: Operation>(&self, input: O::Input, code: &str, message: &str)
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let error = self.refused::<O>(input);
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(message), "{error}");
    }
}

pub fn rule(name: &str) -> api::BackupRuleInput {
    api::BackupRuleInput {
        rule_name: name.to_owned(),
        target_backup_vault_name: "production".to_owned(),
        ..api::BackupRuleInput::default()
    }
}

pub fn document(name: &str) -> api::BackupPlanInput {
    api::BackupPlanInput {
        backup_plan_name: name.to_owned(),
        rules: vec![rule("daily")],
        ..api::BackupPlanInput::default()
    }
}

pub fn tags(tags: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
