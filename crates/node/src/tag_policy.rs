//! Requests whose tags an account's tag policy does not allow do not reach their service.
//!
//! Owns where the question is asked. Refuses to know what a policy says, and where requests have tags.

use std::sync::Arc;

use aws_model::Value;
use service_api::{RequestContext, Service, ServiceError};
use store::Store;
use svc_resourcegroupstaggingapi::{EffectiveTagPolicy, refusal};

/// A service behind the tag policies of its callers.
struct Guarded<P> {
    service: Arc<dyn Service>,
    store: Store,
    policy: P,
}

/// The same service, to which only tags come that its caller's tag policy allows.
pub(crate) fn guarded(
    service: Arc<dyn Service>,
    store: Store,
    policy: impl EffectiveTagPolicy,
) -> Arc<dyn Service> {
    Arc::new(Guarded { service, store, policy })
}

impl<P: EffectiveTagPolicy> Service for Guarded<P> {
    fn model(&self) -> &'static str {
        self.service.model()
    }

    fn implements(&self, operation: &str) -> bool {
        self.service.implements(operation)
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        let rules = || self.policy.rules(&self.store.snapshot(), context.partition, context.account());
        match refusal(rules, self.model(), operation, &input, svc_ec2::resource_type_of) {
            Some(error) => Err(error),
            None => self.service.call(context, operation, input),
        }
    }
}
