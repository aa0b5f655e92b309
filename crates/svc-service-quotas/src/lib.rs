//! AWS Service Quotas: what quotas there are, and asking for more.
//!
//! Owns the operations of the `service-quotas` model and the record of each request for more. Refuses to enforce a quota
//! and to know what it counts: the service that does reads the value that holds through `applied-quotas`.
//!
//! <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/Welcome.html>

mod change;
mod error;
mod page;
mod quota;

use std::sync::Arc;

use aws_api::service_quotas::operation as op;
use aws_model::Value;
use service_api::{ConditionKeys, IdSource, Operations, RequestContext, Service, ServiceError};
use store::{RecordKind, Store};

pub use change::QuotaChange;

/// The service.
pub struct ServiceQuotas {
    state: State,
    operations: Operations<State>,
}

/// What the operations work on.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) ids: Arc<dyn IdSource>,
}

impl ServiceQuotas {
    /// A service on this store.
    pub fn new(store: Store, ids: Arc<dyn IdSource>) -> Self {
        let operations = Operations::new()
            .with::<op::GetAWSDefaultServiceQuota>(quota::get_default)
            .with::<op::GetServiceQuota>(quota::get)
            .with::<op::ListAWSDefaultServiceQuotas>(quota::list_defaults)
            .with::<op::ListServiceQuotas>(quota::list)
            .with::<op::ListServices>(quota::list_services)
            .with::<op::RequestServiceQuotaIncrease>(change::request)
            .with::<op::GetRequestedServiceQuotaChange>(change::get)
            .with::<op::ListRequestedServiceQuotaChangeHistory>(change::list)
            .with::<op::ListRequestedServiceQuotaChangeHistoryByQuota>(change::list_by_quota);
        Self { state: State { store, ids }, operations }
    }

    /// Every kind of record that the service writes.
    pub fn record_kinds() -> impl Iterator<Item = RecordKind> {
        [RecordKind::of::<applied_quotas::AppliedQuota>(), RecordKind::of::<QuotaChange>()].into_iter()
    }
}

impl Service for ServiceQuotas {
    fn model(&self) -> &'static str {
        "service-quotas"
    }

    fn implements(&self, operation: &str) -> bool {
        self.operations.contains(operation)
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        self.operations.call(&self.state, context, operation, input)
    }

    fn said_of(
        &self,
        _context: &RequestContext,
        _operation: &str,
        _resource_type: &str,
        _is_new: bool,
        input: &Value,
    ) -> ConditionKeys {
        let Value::Structure(fields) = input else { return Vec::new() };
        let Some(Value::String(service)) = fields.get("ServiceCode") else { return Vec::new() };
        vec![("servicequotas:service".to_owned(), vec![service.clone()])]
    }
}
