//! Requests whose tags an account's tag policy does not allow do not reach their service.
//!
//! Owns where the question is asked. Refuses to know what a policy says, and where requests have tags.

use std::sync::Arc;

use aws_model::Value;
use service_api::{ConditionKeys, NeededPermission, RequestContext, ResourceFacts, Service, ServiceError};
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

    fn needed_permissions(
        &self,
        context: &RequestContext,
        operation: &str,
        input: &Value,
    ) -> Option<Vec<NeededPermission>> {
        self.service.needed_permissions(context, operation, input)
    }

    fn resource(&self, context: &RequestContext, resource_type: &str, id: &str) -> Option<ResourceFacts> {
        self.service.resource(context, resource_type, id)
    }

    fn implied(
        &self,
        context: &RequestContext,
        operation: &str,
        resource_type: &str,
        input: &Value,
    ) -> Option<Vec<String>> {
        self.service.implied(context, operation, resource_type, input)
    }

    fn said_of(
        &self,
        context: &RequestContext,
        operation: &str,
        resource_type: &str,
        is_new: bool,
        input: &Value,
    ) -> ConditionKeys {
        self.service.said_of(context, operation, resource_type, is_new, input)
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        let rules = || self.policy.rules(&self.store.snapshot(), context.partition, context.account());
        match refusal(rules, self.model(), operation, &input, svc_ec2::resource_type_of) {
            Some(error) => Err(error),
            None => self.service.call(context, operation, input),
        }
    }
}
