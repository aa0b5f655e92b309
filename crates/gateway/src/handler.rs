//! One request from its head to its answer: read, find the service, authenticate, decode, authorize, call, encode.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use aws_model::{Location, Operation, Value};
use aws_protocol::{Codec, Request, Response};
use aws_types::Region;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_ENCODING, EXPECT, HOST, HeaderValue, REFERER, USER_AGENT};
use http::{Method, StatusCode, Version};
use http_body_util::BodyExt as _;
use service_api::{
    Content, IdSource, OsRandom, Payload, Principal, RequestContext, RequestId, Service, ServiceError,
    SignatureFacts, Streamed, Way,
};
use sigv4::{ChunkSignatures, Flavour, Presented, SignatureError};

use crate::access::Access;
use crate::authenticate::{CONTENT_SHA256, Identity, SignedBody};
use crate::body::{self, BodyError};
use crate::cors::CrossOrigin;
use crate::failure::{
    Asked, Dialect, Failure, body_error, broken, encode_failure, outcome_of, panicked, unknown_service,
};
use crate::incoming::{self, Incoming};
use crate::inside::{self, Pools};
use crate::outgoing::{self, Outgoing};
use crate::peer::Peer;
use crate::record::{Call, Noted, Outcome, Recorder, TlsDetails};
use crate::room::{Rooms, Share, Standing};
use crate::s3::{self, S3};
use crate::virtual_host::Addressed;
use crate::{
    AccessRequest, Allowed, Authorizer, Buckets, Clock, Config, Credentials, GatewayError, Refused, cors,
    digest, s3_answer,
};

pub(crate) mod bucket_log;
mod identity;
mod own;
mod page;
mod upload;

use bucket_log::BucketLog;

/// Answers requests.
pub(crate) struct Handler {
    config: Config,
    services: BTreeMap<&'static str, Arc<dyn Service>>,
    /// The names of those that have operations which take long.
    with_long: BTreeSet<&'static str>,
    credentials: Arc<dyn Credentials>,
    authorizer: Arc<dyn Authorizer>,
    buckets: Arc<dyn Buckets>,
    clock: Arc<dyn Clock>,
    recorder: Arc<dyn Recorder>,
    /// What clients of this machine may have, and those inside the network.
    pools: [Pools; 2],
    rooms: Rooms,
}

/// A request that was read, with what is known of it beside its HTTP message.
struct Received {
    request: Request,
    version: Version,
    host: Option<String>,
    /// What it presents to prove who signed it; nothing of it is verified.
    presented: Result<Presented, SignatureError>,
    /// Why there is no body, when there is none for a reason.
    refused: Option<BodyError>,
    /// The body, when it is read as it comes.
    coming: Option<incoming::Body>,
    /// What the head alone told.
    standing: Standing,
    /// What the body takes of its peer's share until the signature is verified.
    unproven: Option<Share>,
    peer: Peer,
    /// The form that its body is, read up to the file, or what is wrong with it.
    form: Option<Result<upload::Opened, ServiceError>>,
    /// The website that it is for, if it is for one.
    site: Option<page::Site>,
}

/// A response, and what comes behind its head.
struct Answer {
    response: Response,
    content: Option<Box<dyn Content>>,
    /// What the log of a bucket is told of it.
    log: Option<Box<BucketLog>>,
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        Self { response, content: None, log: None }
    }
}

/// The body of a request that was authenticated, beside what was read of it.
#[derive(Default)]
struct Body<'a> {
    /// The signatures of its chunks, where they have some.
    chunks: Option<ChunkSignatures>,
    /// What is read as it comes.
    coming: Option<incoming::Body>,
    /// What somebody else has begun to read, and gives when it is known that it is wanted.
    given: Option<Give<'a>>,
}

type Give<'a> = Box<dyn FnOnce() -> Result<Box<dyn Payload>, ServiceError> + 'a>;

/// A request that was authenticated and routed.
struct Order<'a> {
    dialect: Dialect,
    operation: &'static Operation,
    request: &'a Request,
    context: RequestContext,
    tls: Option<TlsDetails>,
    host: Option<String>,
}

/// Who asks, for which region, and how it was signed.
type Caller = (Principal, Region, Option<SignatureFacts>);

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
        let mut with_long = BTreeSet::new();
        for service in services {
            let name = service.model();
            let known = aws_model::service(name).ok_or(GatewayError::UnknownModel(name))?;
            if known.model().operations.iter().any(|operation| service.takes_long(operation.name)) {
                with_long.insert(name);
            }
            if by_model.insert(name, service).is_some() {
                return Err(GatewayError::DuplicateService(name));
            }
        }
        let pools = [Pools::outside(&config.limits), Pools::inside(&config.limits)];
        let rooms = Rooms::new(&config.limits);
        Ok(Self {
            config,
            services: by_model,
            with_long,
            credentials,
            authorizer,
            buckets: Arc::new(()),
            clock,
            recorder,
            pools,
            rooms,
        })
    }

    /// Has buckets looked up here.
    pub(crate) fn set_buckets(&mut self, buckets: Arc<dyn Buckets>) {
        self.buckets = buckets;
    }

    /// Answers one request; never fails, and never panics for what a service does.
    pub(crate) async fn handle<B>(
        self: &Arc<Self>,
        request: http::Request<B>,
        peer: Peer,
    ) -> http::Response<Outgoing>
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: std::error::Error + Send + Sync,
    {
        if peer.inside.is_none() && request.uri().path().starts_with(own::OWN_PATH) {
            return self.own(request.method(), request.uri().path());
        }
        let access = Access::begin(RequestId::from_bits(OsRandom.bits()), peer.ip);
        let version = request.version();
        let (parts, incoming) = request.into_parts();
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
        let host = host.or_else(|| parts.uri.authority().map(|authority| authority.as_str().to_owned()));
        let request = Request {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or("").to_owned(),
            headers: parts.headers,
            body: Bytes::new(),
        };
        let (presented, standing) = self.standing(&request, host.as_deref());
        let site = self.site(&request, host.as_deref(), presented.as_ref().err());
        let is_form = site.is_none() && self.is_form(&request, &presented, host.as_deref(), &peer);
        let (refused, coming, unproven, form) = (None, None, None, None);
        let mut received = Received {
            request,
            version,
            host,
            presented,
            refused,
            coming,
            standing,
            unproven,
            peer,
            form,
            site,
        };
        let (answer, was_read) = if is_form || self.is_long(&received) {
            let coming = incoming.map_err(Into::into).boxed_unsync();
            if is_form {
                let opened =
                    self.open(&received.request, received.host.as_deref(), coming, &received.peer).await;
                received.form = Some(opened);
            } else {
                received.coming = Some(coming);
            }
            // Whether all of it was read nobody knows; what is left would be taken for the next request.
            let answer = self.answer_on_a_thread(received, access).await;
            let was_read = answer.response.status.is_success();
            (answer, was_read)
        } else {
            let room = self.rooms.open(&received.standing, received.peer.share());
            let mut held = body::read(&received.request.headers, incoming, &self.config.limits, room).await;
            if let Ok(held) = &mut held {
                received.request.body = held.bytes.clone();
                received.unproven = held.room.take_peer_share();
            }
            received.refused = held.as_ref().err().cloned();
            // A body may say that the request is an operation's, as a head does.
            received.site = received.site.take().filter(|site| site.may_answer(&received.request));
            let answer = if self.takes_long(&received) {
                self.answer_on_a_thread(received, access).await
            } else {
                self.answer_in_place(received, access).await
            };
            (answer, held.is_ok())
        };
        let Answer { response, content, log } = answer;
        let body = content.map_or_else(|| Outgoing::whole(response.body), Outgoing::of);
        let mut answer = http::Response::new(body.logged(log));
        *answer.status_mut() = response.status;
        *answer.headers_mut() = response.headers;
        if !was_read && version < Version::HTTP_2 {
            // What is left of the body would be taken for the next request.
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    /// Whether a request's body is a payload that is read as it comes.
    fn is_long(&self, received: &Received) -> bool {
        let Received { request, host, presented, standing, peer, site, .. } = received;
        let host = host.as_deref();
        if site.is_some() {
            return false;
        }
        // Who waits to be told to go on is told so when it is known that the request is allowed, however short it is.
        let is_waiting = request.header(EXPECT.as_str()).is_some();
        let at_once_bytes = match standing {
            Standing::Proven => incoming::READ_AT_ONCE_BYTES,
            // There is less room for what nobody signed.
            Standing::Refused(SignatureError::Missing) => {
                incoming::READ_AT_ONCE_BYTES.min(self.config.limits.max_refused_body_bytes as u64)
            }
            Standing::Refused(_) if is_waiting => 0,
            Standing::Claimed | Standing::Refused(_) => return false,
        };
        if !is_waiting && incoming::announced(request).is_some_and(|length| length <= at_once_bytes) {
            return false;
        }
        let Some(service) = self.target(request, presented, host, peer) else { return false };
        routed(service, request, host)
            .is_some_and(|operation| incoming::takes_stream(service.model(), operation))
    }

    /// Whether what a request asks for takes long, though its body does not.
    fn takes_long(&self, received: &Received) -> bool {
        let Received { request, host, presented, peer, .. } = received;
        let service = match &received.site {
            Some(_) => None,
            None => self.target(request, presented, host.as_deref(), peer),
        };
        let Some(service) = service.filter(|service| self.with_long.contains(service.name)) else {
            return false;
        };
        let operation = routed(service, request, host.as_deref());
        let asked = self.services.get(service.name).zip(operation);
        asked.is_some_and(|(service, operation)| service.takes_long(operation.name))
    }

    /// Whether a request is an upload from a browser's form. Its signature, if it has one, is in its fields.
    fn is_form(
        &self,
        request: &Request,
        presented: &Result<Presented, SignatureError>,
        host: Option<&str>,
        peer: &Peer,
    ) -> bool {
        *presented == Err(SignatureError::Missing)
            && upload::is_form(request, host)
            && self.target(request, presented, host, peer).is_some_and(|service| service.name == S3)
    }

    fn pools_of(&self, peer: &Peer) -> &Pools {
        let [outside, inside] = &self.pools;
        if peer.inside.is_some() { inside } else { outside }
    }

    /// Room for a payload that is read as it comes: of a client inside the network in its own share, too.
    fn room_for_payload(&self, peer: &Peer) -> Option<impl Send + use<>> {
        let own = match &peer.inside {
            Some(inside) => Some(inside.payload()?),
            None => None,
        };
        let permit = Arc::clone(&self.pools_of(peer).payloads).try_acquire_owned().ok()?;
        Some((permit, own))
    }

    /// From here on nothing waits but the store. It is done here, on a thread that hands its other tasks on for so long: a
    /// thread of its own would have to be woken for each request, and this one again for its answer. A client that goes away
    /// does not stop it. Works in a runtime of several threads only.
    async fn answer_in_place(&self, received: Received, access: Access) -> Answer {
        let pools = self.pools_of(&received.peer);
        let permit = pools.calls.acquire().await.expect("the semaphore is never closed");
        let answer = tokio::task::block_in_place(|| self.answer_always(received, access));
        drop(permit);
        answer
    }

    /// Answers on a thread of its own, which waits for the payload, or for what takes as long.
    async fn answer_on_a_thread(self: &Arc<Self>, mut received: Received, access: Access) -> Answer {
        // The file of a form takes its room when it is known that it may be written.
        let is_form = received.form.is_some();
        let permit = if is_form { None } else { self.room_for_payload(&received.peer) };
        if permit.is_none() && !is_form {
            received.refused = Some(BodyError::Busy);
        }
        let handler = Arc::clone(self);
        let fallback = (Dialect::of_unknown(&received.request.headers), access.request_id.clone());
        let answered = tokio::task::spawn_blocking(move || {
            let answer = handler.answer_always(received, access);
            drop(permit);
            answer
        });
        answered.await.unwrap_or_else(|_| broken(fallback.0, &fallback.1).into())
    }

    /// Answers whatever happens.
    fn answer_always(&self, received: Received, mut access: Access) -> Answer {
        let fallback = (Dialect::of_unknown(&received.request.headers), access.request_id.clone());
        let asked = Asked::of(&received.request, received.host.as_deref());
        let mut addressed = Addressed::of(&received.request, received.host.as_deref());
        if let Some(site) = &received.site {
            addressed = Addressed { bucket: site.bucket.clone(), key: received.request.path.clone() };
        }
        let about_bucket = (addressed.key.is_empty() && !addressed.bucket.is_empty() && asked.is_read())
            .then(|| addressed.bucket.clone());
        access.log = self.follow(&received, &addressed, &access);
        let cross_origin = CrossOrigin::of(&received.request, addressed);
        let answered = catch_unwind(AssertUnwindSafe(|| {
            access.begin_answer();
            let mut answer = match received.site.clone() {
                Some(site) => self.visit(&site, &received, &mut access),
                None => self
                    .answer(received, &cross_origin, &mut access)
                    .unwrap_or_else(|failure| encode_failure(failure, &asked, &mut access).into()),
            };
            if access.service == S3 {
                self.finish_s3(&mut answer.response, &cross_origin, about_bucket.as_deref());
            }
            answer.log = access.end(&answer.response);
            answer
        }));
        answered.unwrap_or_else(|_| broken(fallback.0, &fallback.1).into())
    }

    /// Adds what answers of S3 have beside what the operation says.
    fn finish_s3(&self, response: &mut Response, cross_origin: &CrossOrigin, bucket: Option<&str>) {
        let partition = self.config.partition;
        // What a bucket has is shared, so that the region alone is copied.
        let found = bucket.and_then(|bucket| self.buckets.bucket(partition, bucket));
        s3_answer::finish(&mut response.headers, found.map(|found| found.region).as_ref());
        cross_origin.add_headers(&*self.buckets, partition, &mut response.headers);
    }

    fn answer(
        &self,
        received: Received,
        cross_origin: &CrossOrigin,
        access: &mut Access,
    ) -> Result<Answer, Failure> {
        let Received {
            mut request, host, presented, refused, coming, standing, unproven, peer, form, ..
        } = received;
        let Some(service) = self.target(&request, &presented, host.as_deref(), &peer) else {
            return Err(unknown_service(&request.headers, &presented));
        };
        access.service = service.name;
        let codec = Codec::for_request(service.model(), &request);
        let mut dialect = Dialect::new(codec);
        let is_s3 = dialect.flavour() == Flavour::S3;
        if let Some(service) = peer.only_service() {
            inside::check_service(service, &request, presented.as_ref().ok())
                .map_err(|error| dialect.fail(error))?;
        }
        if is_s3 && request.method == Method::OPTIONS.as_str() {
            let headers = cross_origin.preflight(&*self.buckets, self.config.partition);
            let headers = headers.map_err(|refused| dialect.fail(s3_answer::of_rule(&refused)))?;
            let mut response = s3_answer::empty(StatusCode::OK, access.request_id.as_str());
            cors::insert(&mut response.headers, headers);
            return Ok(response.into());
        }
        if let Some(form) = form {
            return self.upload(&request, host, form, (codec, peer), access);
        }
        if let Some(refused) = refused {
            return Err(match (standing, refused) {
                // The request would be refused with any body, so that it was not read is no reason.
                (Standing::Refused(error), BodyError::TooLarge { .. } | BodyError::Busy) => {
                    self.refuse_signature(dialect, &error, &request, host.as_deref())
                }
                (_, refused) => dialect.fail(body_error(&refused)),
            });
        }
        // What the request is for decides whether its body may be unsigned, but who asks comes before whether it exists.
        let modelled = s3::as_modelled(codec, &request, host.as_deref());
        let mut routed = codec.route(modelled.as_ref().unwrap_or(&request));
        dialect.operation = routed.as_ref().ok().copied();
        access.operation = dialect.operation.map_or("-", |operation| operation.name);
        let body = if coming.is_some() { SignedBody::Coming } else { SignedBody::Whole(&request.body) };
        let identity = self.authenticate(&request, presented, host.as_deref(), dialect, body);
        let Identity { principal, region, signature, mut chunks } =
            identity.map_err(|error| self.refuse_signature(dialect, &error, &request, host.as_deref()))?;
        drop(unproven);
        // What was signed has been looked at; from here on the request is what the model knows.
        request = modelled.unwrap_or(request);
        access.identify(&principal);
        if is_s3 {
            s3::forget_chunks(&mut request.headers);
        }
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
        if is_s3 && principal.is_anonymous() {
            s3::check_anonymous(&request).map_err(|error| dialect.fail(error))?;
        }
        if is_s3 && !incoming::takes_stream(codec.model(), operation) {
            let settled = digest::settle(codec.model(), operation, &mut request, chunks.take());
            settled.map_err(|error| dialect.fail(error))?;
        }
        let context = self.context(&request, (principal, region, signature), access, &peer);
        let order = Order { dialect, operation, request: &request, context, tls: peer.tls, host };
        self.carry_out(order, Body { chunks, coming, given: None })
    }

    /// What services are told of a request beside its input.
    fn context(
        &self,
        request: &Request,
        (principal, region, signature): Caller,
        access: &Access,
        peer: &Peer,
    ) -> RequestContext {
        RequestContext {
            partition: self.config.partition,
            region,
            principal,
            request_id: access.request_id.clone(),
            now: self.clock.now(),
            source_ip: peer.ip,
            user_agent: request.header(USER_AGENT.as_str()).unwrap_or("").to_owned(),
            secure_transport: peer.tls.is_some(),
            way: Way {
                endpoint: peer.endpoint.clone(),
                signature,
                content_sha256: request.header(CONTENT_SHA256).map(str::to_owned),
                tls_version: peer.tls.as_ref().and_then(|tls| tls_version(tls.version)),
                referer: request.header(REFERER.as_str()).map(str::to_owned),
            },
        }
    }

    /// Calls the service, and has that recorded.
    fn carry_out(&self, order: Order<'_>, body: Body<'_>) -> Result<Answer, Failure> {
        let Order { dialect, operation, request, context, tls, host } = order;
        let codec = dialect.codec;
        let mut noted = Noted::default();
        let call = || self.call(dialect, operation, request, body, &context, &mut noted);
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
        let model = codec.model();
        self.recorder.record(Call { context, model, operation, input, outcome, tls, host });
        answered
    }

    /// What is answered to whoever did not sign and may not. That there is no bucket of a name everybody may know, but the policy
    /// of a VPC endpoint comes before that.
    fn denied_to_nobody(&self, context: &RequestContext, input: &Value) -> ServiceError {
        let bucket = match input {
            Value::Structure(fields) => fields.get("Bucket"),
            _ => None,
        };
        match bucket {
            Some(Value::String(name))
                if context.way.endpoint.is_none() && !self.buckets.is_there(context.partition, name) =>
            {
                s3::no_such_bucket(name)
            }
            _ => s3::denied(),
        }
    }

    fn call(
        &self,
        dialect: Dialect,
        operation: &'static Operation,
        request: &Request,
        body: Body<'_>,
        context: &RequestContext,
        noted: &mut Noted,
    ) -> Result<Answer, Failure> {
        let codec = dialect.codec;
        let service = self.services.get(codec.model().metadata.name);
        let Some(service) = service.filter(|service| service.implements(operation.name)) else {
            return Err(dialect.refuse(codec.not_implemented(operation)));
        };
        let input = codec.decode(operation, request).map_err(|error| dialect.refuse(error))?;
        codec.validate(operation, &input).map_err(|error| dialect.refuse(error))?;
        noted.input = Some(input.clone());
        let asked = AccessRequest { context, service: &**service, operation: operation.name, input: &input };
        let is_nobody = context.principal.is_anonymous() && !operation.anonymous;
        let allowed = self.authorizer.authorize(asked).map_err(|refused| match refused {
            Refused::Denied(_) if is_nobody => dialect.fail(self.denied_to_nobody(context, &input)),
            refused => dialect.deny(refused),
        })?;
        if is_nobody && allowed == Allowed::WithoutPermission {
            return Err(dialect.fail(s3::denied()));
        }
        self.authorizer.admit(asked).map_err(|error| dialect.fail(error))?;
        let Streamed { output, content } = if incoming::streams(codec.model(), operation) {
            let payload = self.payload(request, body, dialect.flavour());
            let mut payload = payload.map_err(|error| dialect.fail(error))?;
            service.call_streaming(context, operation.name, input, &mut *payload)
        } else {
            service.call(context, operation.name, input).map(Streamed::empty)
        }
        .map_err(|error| dialect.fail(error))?;
        let mut response = codec.encode(operation, &output, context.request_id.as_str());
        if dialect.flavour() == Flavour::S3 {
            s3_answer::set_status(&mut response);
        }
        noted.output = Some(output);
        with_content(response, content).map_err(|error| dialect.fail(error))
    }

    /// What a service reads of a request's streaming member.
    fn payload(
        &self,
        request: &Request,
        body: Body<'_>,
        flavour: Flavour,
    ) -> Result<Box<dyn Payload>, ServiceError> {
        if let Some(give) = body.given {
            return give();
        }
        Ok(match body.coming {
            None => Box::new(incoming::whole(request, body.chunks, flavour)?),
            Some(coming) => {
                let timeout = self.config.limits.body_timeout;
                Box::new(Incoming::new(request, coming, body.chunks, timeout, flavour)?)
            }
        })
    }
}

/// A version of TLS as policies say it.
fn tls_version(version: &str) -> Option<&'static str> {
    match version {
        "TLSv1_2" => Some("1.2"),
        "TLSv1_3" => Some("1.3"),
        _ => None,
    }
}

/// The operation that a request's head and body name.
fn routed(service: &aws_model::Service, request: &Request, host: Option<&str>) -> Option<&'static Operation> {
    let codec = Codec::for_request(service.model(), request);
    let modelled = s3::as_modelled(codec, request, host);
    codec.route(modelled.as_ref().unwrap_or(request)).ok()
}

/// Whether the content encoding is a property of what is stored, as with S3 objects, and not of the transfer.
fn takes_encoding(codec: Codec, operation: &Operation) -> bool {
    let input = operation.input.as_ref().and_then(|input| codec.model().structure(input.shape));
    input.is_some_and(|input| {
        let mut in_headers = input.members.iter().filter(|member| member.location == Location::Header);
        in_headers.any(|member| member.wire_name().eq_ignore_ascii_case(CONTENT_ENCODING.as_str()))
    })
}

/// A response with its content: what is short is read now, so that an error can still be told.
fn with_content(mut response: Response, content: Option<Box<dyn Content>>) -> Result<Answer, ServiceError> {
    let Some(content) = content else { return Ok(response.into()) };
    if content.length() > outgoing::READ_AT_ONCE_BYTES {
        return Ok(Answer { response, content: Some(content), log: None });
    }
    response.body = outgoing::collect(content)?;
    Ok(response.into())
}
