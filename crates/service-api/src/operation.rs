//! Tables of operations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use aws_api::Operation;
use aws_model::Value;

use crate::page_token::{self, Sealer};
use crate::{
    ConditionKeys, NeededPermission, Payload, RequestContext, ResourceFacts, ServiceError, Streamed,
    StreamedValue, needed_by_table,
};

type Handler<S> = Box<dyn Fn(&S, &RequestContext, Value) -> Result<Value, ServiceError> + Send + Sync>;
type StreamingHandler<S> = Box<
    dyn Fn(&S, &RequestContext, Value, &mut dyn Payload) -> Result<StreamedValue, ServiceError> + Send + Sync,
>;

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

    /// Carries out one operation that has a streaming member in its input or output, on validated input without that member.
    /// It may take as long as the payload, and the request was authorized before any of that was read.
    ///
    /// # Errors
    /// As of [`Service::call`], and those of the payload.
    fn call_streaming(
        &self,
        context: &RequestContext,
        operation: &str,
        input: Value,
        payload: &mut dyn Payload,
    ) -> Result<StreamedValue, ServiceError> {
        let _ = payload;
        self.call(context, operation, input).map(Streamed::empty)
    }

    /// Whether an operation without a streaming member may take as long as one with a payload, because it moves as many bytes.
    /// The gateway counts it among those then, so that it takes no room of the short ones.
    fn takes_long(&self, operation: &str) -> bool {
        let _ = operation;
        false
    }

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
pub struct Operations<S> {
    whole: BTreeMap<&'static str, Handler<S>>,
    streaming: BTreeMap<&'static str, StreamingHandler<S>>,
}

impl<S> Default for Operations<S> {
    fn default() -> Self {
        Self { whole: BTreeMap::new(), streaming: BTreeMap::new() }
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
            let output = handler(service, context, typed::<O>(input)?)?.into();
            Ok(match &sealer {
                Some(sealer) => sealer.close(output),
                None => output,
            })
        });
        assert!(!self.contains(O::NAME), "{} is in the table twice", O::NAME);
        self.whole.insert(O::NAME, call);
        self
    }

    /// Adds one operation that has a streaming member, which its typed input or output leaves empty.
    #[must_use]
    pub fn with_streaming<O: Operation>(
        mut self,
        handler: impl Fn(
            &S,
            &RequestContext,
            O::Input,
            &mut dyn Payload,
        ) -> Result<Streamed<O::Output>, ServiceError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let call: StreamingHandler<S> = Box::new(move |service, context, input, payload| {
            Ok(handler(service, context, typed::<O>(input)?, payload)?.map(Into::into))
        });
        assert!(!self.contains(O::NAME), "{} is in the table twice", O::NAME);
        self.streaming.insert(O::NAME, call);
        self
    }

    /// Whether the operation is in the table.
    pub fn contains(&self, operation: &str) -> bool {
        self.whole.contains_key(operation) || self.streaming.contains_key(operation)
    }

    /// The names of all operations, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let names: BTreeSet<_> = self.whole.keys().chain(self.streaming.keys()).copied().collect();
        names.into_iter()
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
        let handler = self.whole.get(operation).ok_or_else(|| unknown(operation))?;
        handler(service, context, input)
    }

    /// Calls one operation that has a streaming member, or any other, which then reads nothing of the payload.
    ///
    /// # Errors
    /// As of [`Operations::call`].
    pub fn call_streaming(
        &self,
        service: &S,
        context: &RequestContext,
        operation: &str,
        input: Value,
        payload: &mut dyn Payload,
    ) -> Result<StreamedValue, ServiceError> {
        match self.streaming.get(operation) {
            Some(handler) => handler(service, context, input, payload),
            None => self.call(service, context, operation, input).map(Streamed::empty),
        }
    }
}

/// The typed form of an input.
fn typed<O: Operation>(input: Value) -> Result<O::Input, ServiceError> {
    O::Input::try_from(input).map_err(|error| {
        ServiceError::internal(format!("the codec and the typed view of {} disagree: {error}", O::NAME))
    })
}

fn unknown(operation: &str) -> ServiceError {
    ServiceError::new("InvalidAction", format!("The action {operation} is not valid for this web service."))
}
