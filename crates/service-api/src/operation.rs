//! Tables of operations.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use aws_api::Operation;
use aws_model::Value;

use crate::page_token::{self, Sealer};
use crate::{ConditionKeys, NeededPermission, RequestContext, ResourceFacts, ServiceError, needed_by_table};

type Handler<S> = Box<dyn Fn(&S, &RequestContext, Value) -> Result<Value, ServiceError> + Send + Sync>;

/// A service as the gateway sees it. Calls are synchronous: a handler reads a snapshot or commits one transaction and
/// never touches the host, so the gateway runs it on its blocking pool.
pub trait Service: Send + Sync + 'static {
    /// The name of the service's model, such as `ec2`.
    fn model(&self) -> &'static str;

    /// Whether the operation is built. The gateway answers for those that are not.
    fn implements(&self, operation: &str) -> bool;

    /// Carries out one operation on validated input.
    ///
    /// # Errors
    /// The modelled error that AWS would give; nothing was changed then.
    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError>;

    /// The actions that a request needs, each with the resources that it touches. Every one of them must be allowed on
    /// every resource. None at all: everybody may call it who signs. `None`: the operation is for the account's root alone.
    fn needed_permissions(
        &self,
        context: &RequestContext,
        operation: &str,
        input: &Value,
    ) -> Option<Vec<NeededPermission>> {
        needed_by_table(self, context, operation, input)
    }

    /// What is known of a resource that a request names by its id, a name, an ARN, or what leads to it such as an
    /// association. The type is one of the table's. `None` where nothing is known: its ARN is made of what the request says.
    fn resource(&self, context: &RequestContext, resource_type: &str, id: &str) -> Option<ResourceFacts> {
        let _ = (context, resource_type, id);
        None
    }

    /// The ids of resources of a type that a request means and does not name, such as those of defaults; there may be none.
    /// `None`: it makes one.
    fn implied(
        &self,
        context: &RequestContext,
        operation: &str,
        resource_type: &str,
        input: &Value,
    ) -> Option<Vec<String>> {
        let _ = (context, operation, resource_type, input);
        None
    }

    /// What a request says of each resource of a type that it touches, or of each that it makes. The type is empty where its
    /// action is needed on `*`.
    fn said_of(
        &self,
        context: &RequestContext,
        operation: &str,
        resource_type: &str,
        is_new: bool,
        input: &Value,
    ) -> ConditionKeys {
        let _ = (context, operation, resource_type, is_new, input);
        Vec::new()
    }
}

/// The operations of a service whose state is `S`, by name.
pub struct Operations<S>(BTreeMap<&'static str, Handler<S>>);

impl<S> Default for Operations<S> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<S: 'static> Operations<S> {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one operation, named by its generated marker type.
    #[must_use]
    pub fn with<O: Operation>(
        mut self,
        handler: impl Fn(&S, &RequestContext, O::Input) -> Result<O::Output, ServiceError> + Send + Sync + 'static,
    ) -> Self {
        let is_paged = OnceLock::new();
        let call: Handler<S> = Box::new(move |service, context, input| {
            let is_paged = *is_paged.get_or_init(|| page_token::is_paged(O::SERVICE, O::NAME));
            let sealer = is_paged.then(|| Sealer::new(context, O::SERVICE, O::NAME, &input));
            let input = match &sealer {
                Some(sealer) => sealer.open(input),
                None => input,
            };
            let input = O::Input::try_from(input).map_err(|error| {
                ServiceError::internal(format!(
                    "the codec and the typed view of {} disagree: {error}",
                    O::NAME
                ))
            })?;
            let output = handler(service, context, input)?.into();
            Ok(match &sealer {
                Some(sealer) => sealer.close(output),
                None => output,
            })
        });
        let previous = self.0.insert(O::NAME, call);
        assert!(previous.is_none(), "{} is in the table twice", O::NAME);
        self
    }

    /// Whether the operation is in the table.
    pub fn contains(&self, operation: &str) -> bool {
        self.0.contains_key(operation)
    }

    /// The names of all operations, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.keys().copied()
    }

    /// Calls one operation.
    ///
    /// # Errors
    /// Whatever the handler answers, or `InvalidAction` for a name that is not in the table.
    pub fn call(
        &self,
        service: &S,
        context: &RequestContext,
        operation: &str,
        input: Value,
    ) -> Result<Value, ServiceError> {
        let handler = self.0.get(operation).ok_or_else(|| {
            ServiceError::new(
                "InvalidAction",
                format!("The action {operation} is not valid for this web service."),
            )
        })?;
        handler(service, context, input)
    }
}
