//! A service on a store in memory, a clock that stands still, and ids that count.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_api::Operation;
use aws_model::Value;
use aws_types::{InstanceId, Tag, Timestamp};
use service_api::{IdSource, Principal, RequestContext, RequestId, Service as _, ServiceError};
use store::{MemoryBackend, Scope, Store};
use svc_ssm::{ManagedInstance, Ssm};

pub const NOW: Timestamp = Timestamp::from_unix_secs(1_800_000_000);
pub const ACCOUNT: &str = "123456789012";

struct Counting(AtomicU64);

impl IdSource for Counting {
    fn bits(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)) << 64 | 1
    }
}

pub struct Harness {
    pub ssm: Ssm,
    pub context: RequestContext,
}

impl Harness {
    pub fn new() -> Self {
        Self::on(Store::open(MemoryBackend::new()).unwrap())
    }

    pub fn on(store: Store) -> Self {
        let account = ACCOUNT.parse().unwrap();
        let context = RequestContext {
            partition: aws_types::Partition::Aws,
            region: "us-east-1".parse().unwrap(),
            principal: Principal::root(aws_types::Partition::Aws, account, "AKIAIOSFODNN7EXAMPLE"),
            request_id: RequestId::from_bits(0),
            now: NOW,
            source_ip: [127, 0, 0, 1].into(),
            user_agent: String::new(),
            secure_transport: false,
            way: service_api::Way::default(),
        };
        Self { ssm: Ssm::new(store, Arc::new(Counting(AtomicU64::new(1)))), context }
    }

    pub fn scope(&self) -> Scope {
        self.context.scope()
    }

    pub fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, ServiceError>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let answer = self.ssm.call(&self.context, O::NAME, input.into())?;
        Ok(O::Output::try_from(answer).ok().unwrap())
    }

    /// The code and message of the error that a call has to answer.
    pub fn refused<O: Operation>(&self, input: O::Input) -> (String, String)
    where
        O::Input: Into<Value>,
    {
        let error = self.ssm.call(&self.context, O::NAME, input.into()).unwrap_err();
        assert!(!error.is_fault, "{error}");
        (error.code.into_owned(), error.message)
    }

    pub fn instance(&self, number: u8, tags: &[(&str, &str)]) -> InstanceId {
        let instance_id: InstanceId = format!("i-{number:017x}").parse().unwrap();
        let instance = ManagedInstance {
            instance_id,
            ip_address: [10, 0, 0, number].into(),
            computer_name: format!("ip-10-0-0-{number}.ec2.internal"),
            platform_name: "Amazon Linux".to_owned(),
            platform_version: "2023".to_owned(),
            agent_version: "3.3.0.0".to_owned(),
            tags: tags
                .iter()
                .map(|(key, value)| Tag { key: (*key).into(), value: (*value).into() })
                .collect(),
            registered_at: NOW,
            disconnected_at: None,
        };
        self.ssm.register_instance(&self.scope(), instance).unwrap();
        instance_id
    }
}

pub fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
