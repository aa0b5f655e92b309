//! Errors on their way to the client: what each is called in the protocol of its request, and how it is encoded.
//!
//! Owns that causes of our own faults stay in the log. Refuses to know what went wrong where.

use std::any::Any;

use aws_model::Operation;
use aws_protocol::{Codec, ErrorReply, ProtocolError, Request, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use service_api::{RequestId, ServiceError};
use sigv4::{Flavour, Presented, SignatureError};

use crate::access::Access;
use crate::authenticate::flavour;
use crate::body::BodyError;
use crate::record::Outcome;
use crate::s3::S3;
use crate::target::TARGET_HEADER;
use crate::{Refused, denial, s3_answer, virtual_host};

/// What AWS says of its own faults.
pub(crate) const INTERNAL_MESSAGE: &str = "An internal error has occurred";

/// An error on its way to be encoded.
pub(crate) struct Failure {
    codec: Codec,
    operation: Option<&'static Operation>,
    /// In a box, for it is large and most requests have none.
    pub(crate) error: Box<ServiceError>,
}

/// How errors of this request are encoded, as far as that is known.
#[derive(Clone, Copy)]
pub(crate) struct Dialect {
    pub(crate) codec: Codec,
    pub(crate) operation: Option<&'static Operation>,
}

impl Dialect {
    pub(crate) fn new(codec: Codec) -> Self {
        Self { codec, operation: None }
    }

    /// For requests whose service is not known: by the looks of the request.
    pub(crate) fn of_unknown(headers: &HeaderMap) -> Self {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let looks_json = headers.contains_key(TARGET_HEADER) || content_type.contains("json");
        let name = if looks_json { "ssm" } else { "sts" };
        let model = aws_model::service(name).expect("its model is built in").model();
        Self::new(Codec::new(model, model.metadata.protocols[0]))
    }

    pub(crate) fn fail(self, error: ServiceError) -> Failure {
        Failure { codec: self.codec, operation: self.operation, error: Box::new(error) }
    }

    pub(crate) fn refuse(self, error: ProtocolError) -> Failure {
        let mut refused = ServiceError::new(error.code, error.message);
        refused.status = error.status;
        self.fail(refused)
    }

    pub(crate) fn flavour(self) -> Flavour {
        flavour(self.codec.model().metadata.signing_name, self.codec.protocol())
    }

    pub(crate) fn deny(self, refused: Refused) -> Failure {
        self.fail(denial::error(refused, self.flavour()))
    }

    pub(crate) fn signature(self, error: &SignatureError) -> Failure {
        let aws = error.to_aws(self.flavour());
        self.fail(ServiceError::new(aws.code, aws.message).with_status(aws.status))
    }
}

/// What a panic is answered with: a fault, whose text is for the log.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> ServiceError {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    ServiceError::internal(format!("the handler panicked: {text}"))
}

/// The answer to a request whose handling panicked otherwhere than in a call. The panic hook has told where.
pub(crate) fn broken(dialect: Dialect, request_id: &RequestId) -> Response {
    tracing::error!(%request_id, "answering a request panicked");
    let error = ServiceError::internal(INTERNAL_MESSAGE);
    let reply = ErrorReply {
        code: &error.code,
        message: &error.message,
        fields: &error.fields,
        status: error.status,
    };
    dialect.codec.encode_error(None, &reply, request_id.as_str())
}

/// What is recorded of an error: what the caller is told.
pub(crate) fn outcome_of(error: &ServiceError) -> Outcome {
    let is_hidden = error.is_fault && error.code == "InternalError";
    Outcome::Failed {
        code: error.code.to_string(),
        message: if is_hidden { INTERNAL_MESSAGE.to_owned() } else { error.message.clone() },
        is_fault: error.is_fault,
    }
}

/// What S3 calls what is at a path.
fn resource_type(resource: &str) -> &'static str {
    match resource.trim_start_matches('/').split_once('/') {
        Some((_, key)) if !key.is_empty() => "OBJECT",
        _ if resource == "/" => "SERVICE",
        _ => "BUCKET",
    }
}

/// What an error's answer has to know of its request.
pub(crate) struct Asked {
    method: String,
    path: String,
    host: Option<String>,
}

impl Asked {
    pub(crate) fn of(request: &Request, host: Option<&str>) -> Self {
        let (method, path) = (request.method.clone(), request.path.clone());
        Self { method, path, host: host.map(str::to_owned) }
    }

    /// Whether it asks for something that is there, and changes nothing.
    pub(crate) fn is_read(&self) -> bool {
        [Method::GET.as_str(), Method::HEAD.as_str()].contains(&self.method.as_str())
    }

    /// The bucket or the object, as S3 tells it.
    fn resource(&self) -> String {
        let bucket = self.host.as_deref().and_then(virtual_host::bucket);
        let before = bucket.map(|bucket| format!("/{bucket}")).unwrap_or_default();
        before + &percent_decode_str(&self.path).decode_utf8_lossy()
    }
}

/// Writes the cause of a fault of ours into the log, and takes it out of what the caller is told.
pub(crate) fn hide_cause(error: &mut ServiceError, access: &Access) {
    if !error.is_fault {
        return;
    }
    tracing::error!(
        service = access.service,
        operation = access.operation,
        request_id = %access.request_id,
        code = %error.code,
        cause = error.message,
        "a request failed by a fault of ours"
    );
    if error.code == "InternalError" {
        INTERNAL_MESSAGE.clone_into(&mut error.message);
    }
}

pub(crate) fn encode_failure(failure: Failure, asked: &Asked, access: &mut Access) -> Response {
    let Failure { codec, operation, error } = failure;
    let mut error = *error;
    if codec.model().metadata.signing_name == S3 {
        let resource = asked.resource();
        if error.code == "MethodNotAllowed" {
            error.fields.take("Method");
            error = error.with_field("Method", asked.method.as_str());
            if error.fields.get("ResourceType").is_none() {
                error = error.with_field("ResourceType", resource_type(&resource));
            }
        }
        error = s3_answer::with_headers(error).with_field("Resource", resource);
    }
    access.error_code = Some(error.code.to_string());
    hide_cause(&mut error, access);
    let reply = ErrorReply {
        code: &error.code,
        message: &error.message,
        fields: &error.fields,
        status: error.status,
    };
    let mut response = codec.encode_error(operation, &reply, access.request_id.as_str());
    if asked.method == Method::HEAD.as_str() {
        // Its answer has no body, and nothing may be said of the length of one.
        response.body = Bytes::new();
    }
    for (name, value) in &error.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            response.headers.insert(name, value);
        }
    }
    response
}

pub(crate) fn unknown_service(headers: &HeaderMap, presented: &Result<Presented, SignatureError>) -> Failure {
    let dialect = Dialect::of_unknown(headers);
    match presented {
        Err(error) => dialect.signature(error),
        Ok(presented) => {
            let message = format!("The service '{}' is not implemented.", presented.scope.service);
            dialect.fail(ServiceError::new("NotImplemented", message).with_status(501))
        }
    }
}

pub(crate) fn body_error(error: &BodyError) -> ServiceError {
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
