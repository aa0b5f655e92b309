//! One request from its head to its answer: read, find the service, authenticate, decode, authorize, call, encode.

use std::any::Any;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use aws_model::{Location, Operation, Value};
use aws_protocol::{Codec, ErrorReply, ProtocolError, Request, Response};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, StatusCode, Version};
use http_body_util::Full;
use service_api::{IdSource, OsRandom, Principal, RequestContext, RequestId, Service, ServiceError};
use sigv4::{Flavour, Presented, SignatureError};
use tokio::sync::Semaphore;

use crate::access::Access;
use crate::authenticate::{Identity, Verifier, flavour, signed_headers, signed_parts};
use crate::body::{self, BodyError};
use crate::record::{Call, Noted, Outcome, Recorder, TlsDetails};
use crate::room::{Rooms, Share, Standing};
use crate::target::{self, TARGET_HEADER};
use crate::{AccessRequest, Authorizer, Clock, Config, Credentials, GatewayError, Refused, denial};

/// What AWS says of its own faults.
const INTERNAL_MESSAGE: &str = "An internal error has occurred";

/// Below this path the gateway answers for itself. No service has it: it is no bucket name, for the underscore.
const OWN_PATH: &str = "/_brume/";
const HEALTH_PATH: &str = "/_brume/health";

/// The region of endpoints that name none.
const GLOBAL_REGION: &str = "us-east-1";

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) ip: IpAddr,
    pub(crate) tls: Option<TlsDetails>,
}

/// Answers requests.
pub(crate) struct Handler {
    config: Config,
    services: BTreeMap<&'static str, Arc<dyn Service>>,
    credentials: Arc<dyn Credentials>,
    authorizer: Arc<dyn Authorizer>,
    clock: Arc<dyn Clock>,
    recorder: Arc<dyn Recorder>,
    calls: Arc<Semaphore>,
    rooms: Rooms,
}

/// A request that was read, with what is known of it beside its HTTP message.
struct Received {
    request: Request,
    host: Option<String>,
    /// Why there is no body, when there is none for a reason.
    refused: Option<BodyError>,
    /// What the head alone told.
    standing: Standing,
    /// What the body takes of its peer's share until the signature is verified.
    unproven: Option<Share>,
    peer: Peer,
}

/// An error on its way to be encoded.
struct Failure {
    codec: Codec,
    operation: Option<&'static Operation>,
    error: ServiceError,
}

/// How errors of this request are encoded, as far as that is known.
#[derive(Clone, Copy)]
struct Dialect {
    codec: Codec,
    operation: Option<&'static Operation>,
}

impl Dialect {
    fn new(codec: Codec) -> Self {
        Self { codec, operation: None }
    }

    /// For requests whose service is not known: by the looks of the request.
    fn of_unknown(headers: &HeaderMap) -> Self {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let looks_json = headers.contains_key(TARGET_HEADER) || content_type.contains("json");
        let name = if looks_json { "ssm" } else { "sts" };
        let model = aws_model::service(name).expect("its model is built in").model();
        Self::new(Codec::new(model, model.metadata.protocols[0]))
    }

    fn fail(self, error: ServiceError) -> Failure {
        Failure { codec: self.codec, operation: self.operation, error }
    }

    fn refuse(self, error: ProtocolError) -> Failure {
        let mut refused = ServiceError::new(error.code, error.message);
        refused.status = error.status;
        self.fail(refused)
    }

    fn flavour(self) -> Flavour {
        flavour(self.codec.model().metadata.signing_name, self.codec.protocol())
    }

    fn deny(self, refused: Refused) -> Failure {
        self.fail(denial::error(refused, self.flavour()))
    }

    fn signature(self, error: &SignatureError) -> Failure {
        let aws = error.to_aws(self.flavour());
        self.fail(ServiceError::new(aws.code, aws.message).with_status(aws.status))
    }
}

impl Handler {
    pub(crate) fn new(
        config: Config,
        services: Vec<Arc<dyn Service>>,
        credentials: Arc<dyn Credentials>,
        authorizer: Arc<dyn Authorizer>,
        clock: Arc<dyn Clock>,
        recorder: Arc<dyn Recorder>,
    ) -> Result<Self, GatewayError> {
        let mut by_model = BTreeMap::new();
        for service in services {
            let name = service.model();
            aws_model::service(name).ok_or(GatewayError::UnknownModel(name))?;
            if by_model.insert(name, service).is_some() {
                return Err(GatewayError::DuplicateService(name));
            }
        }
        let calls = Arc::new(Semaphore::new(config.limits.max_calls));
        let rooms = Rooms::new(&config.limits);
        Ok(Self { config, services: by_model, credentials, authorizer, clock, recorder, calls, rooms })
    }

    /// Answers one request; never fails, and never panics for what a service does.
    pub(crate) async fn handle<B>(
        self: &Arc<Self>,
        request: http::Request<B>,
        peer: Peer,
    ) -> http::Response<Full<Bytes>>
    where
        B: hyper::body::Body<Data = Bytes> + Unpin,
    {
        if request.uri().path().starts_with(OWN_PATH) {
            return self.own(request.method(), request.uri().path());
        }
        let access = Access::begin(RequestId::from_bits(OsRandom.bits()), peer.ip);
        let version = request.version();
        let (parts, incoming) = request.into_parts();
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
        let host = host.or_else(|| parts.uri.authority().map(|authority| authority.as_str().to_owned()));
        let mut request = Request {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or("").to_owned(),
            headers: parts.headers,
            body: Bytes::new(),
        };
        let standing = self.standing(&request, host.as_deref());
        let room = self.rooms.open(&standing, peer.ip);
        let mut held = body::read(&request.headers, incoming, &self.config.limits, room).await;
        let mut unproven = None;
        if let Ok(held) = &mut held {
            request.body = held.bytes.clone();
            unproven = held.room.take_peer_share();
        }
        let refused = held.as_ref().err().cloned();
        let received = Received { request, host, refused, standing, unproven, peer };
        let was_read = held.is_ok();
        let response = self.answer_in_place(received, access).await;
        drop(held);
        let mut answer = http::Response::new(Full::new(response.body));
        *answer.status_mut() = response.status;
        *answer.headers_mut() = response.headers;
        if !was_read && version < Version::HTTP_2 {
            // What is left of the body would be taken for the next request.
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    /// From here on nothing waits but the store. It is done here, on a thread that hands its other tasks on for so long: a
    /// thread of its own would have to be woken for each request, and this one again for its answer. A client that goes away
    /// does not stop it. Works in a runtime of several threads only.
    async fn answer_in_place(&self, received: Received, mut access: Access) -> Response {
        let permit = self.calls.acquire().await.expect("the semaphore is never closed");
        let fallback = (Dialect::of_unknown(&received.request.headers), access.request_id.clone());
        let answered = tokio::task::block_in_place(|| {
            catch_unwind(AssertUnwindSafe(|| {
                access.begin_answer();
                let response = self
                    .answer(received, &mut access)
                    .unwrap_or_else(|failure| encode_failure(failure, &mut access));
                access.end(response.status);
                response
            }))
        });
        drop(permit);
        answered.unwrap_or_else(|_| {
            // The panic hook has told where.
            tracing::error!(request_id = %fallback.1, "answering a request panicked");
            let error = ServiceError::internal(INTERNAL_MESSAGE);
            let reply = ErrorReply {
                code: &error.code,
                message: &error.message,
                fields: &error.fields,
                status: error.status,
            };
            fallback.0.codec.encode_error(None, &reply, fallback.1.as_str())
        })
    }

    fn answer(&self, received: Received, access: &mut Access) -> Result<Response, Failure> {
        let Received { mut request, host, refused, standing, unproven, peer } = received;
        let presented = Presented::of(&signed_parts(&request, &signed_headers(&request, host.as_deref())));
        let Some(service) = target::service(&request, presented.as_ref().ok(), host.as_deref()) else {
            return Err(unknown_service(&request.headers, &presented));
        };
        access.service = service.name;
        let codec = Codec::for_request(service.model(), &request);
        let mut dialect = Dialect::new(codec);
        if let Some(refused) = refused {
            return Err(match (standing, refused) {
                // The request would be refused with any body, so that it was not read is no reason.
                (Standing::Refused(error), BodyError::TooLarge { .. } | BodyError::Busy) => {
                    dialect.signature(&error)
                }
                (_, refused) => dialect.fail(body_error(&refused)),
            });
        }
        // What the request is for decides whether its body may be unsigned, but who asks comes before whether it exists.
        let mut routed = codec.route(&request);
        dialect.operation = routed.as_ref().ok().copied();
        access.operation = dialect.operation.map_or("-", |operation| operation.name);
        let identity = self.authenticate(&request, presented, host.as_deref(), dialect.operation);
        let identity = identity.map_err(|error| dialect.signature(&error))?;
        drop(unproven);
        access.account = (!identity.principal.is_anonymous()).then_some(identity.principal.account);
        if body::is_encoded(&request.headers)
            && !dialect.operation.is_some_and(|operation| takes_encoding(codec, operation))
        {
            let decoded = body::decode(&request.headers, &request.body, self.config.limits.max_body_bytes);
            request.body = decoded.map_err(|error| dialect.fail(body_error(&error)))?;
            // In the query protocols the body names the operation.
            routed = codec.route(&request);
            dialect.operation = routed.as_ref().ok().copied();
            access.operation = dialect.operation.map_or("-", |operation| operation.name);
        }
        let operation = routed.map_err(|error| dialect.refuse(error))?;
        let context = RequestContext {
            partition: self.config.partition,
            region: identity.region,
            principal: identity.principal,
            request_id: access.request_id.clone(),
            now: self.clock.now(),
            source_ip: peer.ip,
            user_agent: request.header(USER_AGENT.as_str()).unwrap_or("").to_owned(),
            secure_transport: peer.tls.is_some(),
        };
        let mut noted = Noted::default();
        let call = || self.call(dialect, operation, &request, &context, &mut noted);
        // Whoever panics, the call is recorded, and the process and the connection live.
        let answered =
            catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(dialect.fail(panicked(&*panic))));
        let outcome = match &answered {
            Ok(_) => Outcome::Done(noted.output.unwrap_or(Value::Null)),
            Err(failure) => outcome_of(&failure.error),
        };
        // What nobody signed for and nothing came of is told by its name alone, however large it was.
        let is_nobodys = context.principal.is_anonymous() && answered.is_err();
        let input = noted.input.filter(|_| !is_nobodys);
        let (model, tls) = (codec.model(), peer.tls);
        self.recorder.record(Call { context, model, operation, input, outcome, tls, host });
        answered
    }

    fn verifier(&self) -> Verifier<'_> {
        Verifier { credentials: &*self.credentials, regions: &self.config.regions, now: self.clock.now() }
    }

    /// What a request without its body tells of who sent it.
    fn standing(&self, request: &Request, host: Option<&str>) -> Standing {
        let headers = signed_headers(request, host);
        let signed = signed_parts(request, &headers);
        self.verifier().standing(&Presented::of(&signed), &signed)
    }

    fn authenticate(
        &self,
        request: &Request,
        presented: Result<Presented, SignatureError>,
        host: Option<&str>,
        operation: Option<&Operation>,
    ) -> Result<Identity, SignatureError> {
        if presented == Err(SignatureError::Missing) && operation.is_some_and(|operation| operation.anonymous)
        {
            return Ok(self.nobody(host));
        }
        let headers = signed_headers(request, host);
        self.verifier().verify(&presented?, &signed_parts(request, &headers), &request.body, operation)
    }

    /// Who calls an operation that needs no signature, in the region of the endpoint's name.
    fn nobody(&self, host: Option<&str>) -> Identity {
        let regions = &self.config.regions;
        let named = host.and_then(|host| target::region(host, regions));
        let default = || regions.iter().find(|region| region.as_str() == GLOBAL_REGION).or(regions.first());
        let region = named.or_else(default).expect("a gateway has regions").clone();
        Identity { principal: Principal::anonymous(self.config.partition), region }
    }

    fn call(
        &self,
        dialect: Dialect,
        operation: &'static Operation,
        request: &Request,
        context: &RequestContext,
        noted: &mut Noted,
    ) -> Result<Response, Failure> {
        let codec = dialect.codec;
        let service = self.services.get(codec.model().metadata.name);
        let Some(service) = service.filter(|service| service.implements(operation.name)) else {
            return Err(dialect.refuse(codec.not_implemented(operation)));
        };
        let input = codec.decode(operation, request).map_err(|error| dialect.refuse(error))?;
        codec.validate(operation, &input).map_err(|error| dialect.refuse(error))?;
        noted.input = Some(input.clone());
        let asked = AccessRequest { context, service: &**service, operation: operation.name, input: &input };
        self.authorizer.authorize(asked).map_err(|refused| dialect.deny(refused))?;
        self.authorizer.admit(asked).map_err(|error| dialect.fail(error))?;
        let output = service.call(context, operation.name, input).map_err(|error| dialect.fail(error))?;
        let response = codec.encode(operation, &output, context.request_id.as_str());
        noted.output = Some(output);
        Ok(response)
    }

    /// The gateway's own pages.
    fn own(&self, method: &Method, path: &str) -> http::Response<Full<Bytes>> {
        let (status, body) = match (method, path) {
            (&Method::GET | &Method::HEAD, HEALTH_PATH) => (
                StatusCode::OK,
                serde_json::json!({
                    "status": "running",
                    "version": env!("CARGO_PKG_VERSION"),
                    "services": self.services.keys().collect::<Vec<_>>(),
                }),
            ),
            (_, HEALTH_PATH) => (StatusCode::METHOD_NOT_ALLOWED, serde_json::json!({"message": "use GET"})),
            _ => (StatusCode::NOT_FOUND, serde_json::json!({"message": "there is no such page"})),
        };
        let mut response = http::Response::new(Full::new(Bytes::from(body.to_string())));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}

/// Whether the content encoding is a property of what is stored, as with S3 objects, and not of the transfer.
fn takes_encoding(codec: Codec, operation: &Operation) -> bool {
    let input = operation.input.as_ref().and_then(|input| codec.model().structure(input.shape));
    input.is_some_and(|input| {
        let mut in_headers = input.members.iter().filter(|member| member.location == Location::Header);
        in_headers.any(|member| member.wire_name().eq_ignore_ascii_case(CONTENT_ENCODING.as_str()))
    })
}

/// What a panic is answered with: a fault, whose text is for the log.
fn panicked(panic: &(dyn Any + Send)) -> ServiceError {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    ServiceError::internal(format!("the handler panicked: {text}"))
}

/// What is recorded of an error: what the caller is told.
fn outcome_of(error: &ServiceError) -> Outcome {
    let is_hidden = error.is_fault && error.code == "InternalError";
    Outcome::Failed {
        code: error.code.to_string(),
        message: if is_hidden { INTERNAL_MESSAGE.to_owned() } else { error.message.clone() },
        is_fault: error.is_fault,
    }
}

fn encode_failure(failure: Failure, access: &mut Access) -> Response {
    let Failure { codec, operation, mut error } = failure;
    access.error_code = Some(error.code.to_string());
    if error.is_fault {
        tracing::error!(
            service = access.service,
            operation = access.operation,
            request_id = %access.request_id,
            code = %error.code,
            cause = error.message,
            "a request failed by a fault of ours"
        );
        if error.code == "InternalError" {
            // The cause is for the log alone.
            error.message = INTERNAL_MESSAGE.to_owned();
        }
    }
    let reply = ErrorReply {
        code: &error.code,
        message: &error.message,
        fields: &error.fields,
        status: error.status,
    };
    codec.encode_error(operation, &reply, access.request_id.as_str())
}

fn unknown_service(headers: &HeaderMap, presented: &Result<Presented, SignatureError>) -> Failure {
    let dialect = Dialect::of_unknown(headers);
    match presented {
        Err(error) => dialect.signature(error),
        Ok(presented) => {
            let message = format!("The service '{}' is not implemented.", presented.scope.service);
            dialect.fail(ServiceError::new("NotImplemented", message).with_status(501))
        }
    }
}

fn body_error(error: &BodyError) -> ServiceError {
    let (code, status) = match error {
        BodyError::TooLarge { .. } => ("RequestEntityTooLarge", 413),
        BodyError::Incomplete => ("IncompleteBody", 400),
        BodyError::TimedOut => ("RequestTimeout", 400),
        BodyError::Busy => ("SlowDown", 503),
        BodyError::UnknownEncoding(_) => ("UnsupportedMediaType", 415),
        BodyError::BadEncoding(_) => ("SerializationException", 400),
    };
    ServiceError::new(code, error.to_string()).with_status(status)
}
