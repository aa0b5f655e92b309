//! Payloads of requests: streaming members that are read as they come.
//!
//! Owns their framing, that they are what the head says of them (length, digest, signatures of chunks), and how long a client
//! may be silent. What is in them is for the service.

use std::collections::VecDeque;
use std::time::Duration;

use aws_chunked::{ChunkError, Decoder, Mode, Trailer};
use aws_model::{Model, Operation, ShapeId, Structure};
use aws_protocol::Request;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use service_api::{Payload, ServiceError, Whole};
use sha2::{Digest as _, Sha256};
use sigv4::{ChunkSignatures, SignatureError};

use crate::authenticate::CONTENT_SHA256;

/// Longer payloads are read as they come; others together with the head.
pub(crate) const READ_AT_ONCE_BYTES: u64 = 256 << 10;

/// How long the payload is when its chunks are decoded.
pub(crate) const DECODED_LENGTH: &str = "x-amz-decoded-content-length";
/// The names of the fields behind it.
const TRAILER: &str = "x-amz-trailer";

/// A body that is still coming.
pub(crate) type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// Whether an operation's input has a streaming member.
pub(crate) fn takes_stream(model: &Model, operation: &Operation) -> bool {
    operation.input.as_ref().is_some_and(|input| is_streaming(model, input.shape))
}

/// Whether an operation has a streaming member at all.
pub(crate) fn streams(model: &Model, operation: &Operation) -> bool {
    let output = operation.output.as_ref();
    takes_stream(model, operation) || output.is_some_and(|output| is_streaming(model, output.shape))
}

fn is_streaming(model: &Model, shape: ShapeId) -> bool {
    let payload = model.structure(shape).and_then(Structure::payload_member);
    payload.is_some_and(|member| member.streaming)
}

/// How long the body is as it is sent, if the head says it.
pub(crate) fn announced(request: &Request) -> Option<u64> {
    request.header(CONTENT_LENGTH.as_str())?.trim().parse().ok()
}

/// What the head says of a payload.
struct Said {
    length: u64,
    digest: Option<String>,
    mode: Option<Mode>,
    declared: Vec<String>,
}

impl Said {
    fn of(request: &Request) -> Result<Self, ServiceError> {
        let digest = request.header(CONTENT_SHA256);
        let mode = digest.and_then(Mode::of_header);
        let length = match mode {
            Some(_) => request.header(DECODED_LENGTH).and_then(|length| length.trim().parse().ok()),
            None => announced(request),
        };
        let length = length.ok_or_else(|| {
            let message = "You must provide the Content-Length HTTP header.";
            ServiceError::new("MissingContentLength", message).with_status(411)
        })?;
        let declared = request.headers.get_all(TRAILER).iter().filter_map(|value| value.to_str().ok());
        let declared = declared.flat_map(|value| value.split(',')).map(|name| name.trim().to_owned());
        let digest = digest.filter(|digest| digest.len() == 64).map(str::to_ascii_lowercase);
        Ok(Self { length, digest, mode, declared: declared.filter(|name| !name.is_empty()).collect() })
    }

    /// What decodes it, where it is in chunks. Chunks cannot be signed where the request is not.
    fn decoder(&self, chunks: Option<ChunkSignatures>) -> Result<Option<Decoder>, ChunkError> {
        let Some(mode) = self.mode else { return Ok(None) };
        if mode.is_signed() != chunks.is_some() {
            return Err(ChunkError::Signature);
        }
        Ok(Some(Decoder::new(mode, self.length, self.declared.iter().cloned(), chunks)))
    }
}

/// The payload of a request whose body is all there, and was compared with its digest.
///
/// # Errors
/// It is not what the head says.
pub(crate) fn whole(
    request: &Request,
    chunks: Option<ChunkSignatures>,
    flavour: sigv4::Flavour,
) -> Result<Whole, ServiceError> {
    let (body, trailer) = unframed(request, chunks, flavour)?;
    Ok(Whole::new(body).with_trailing(trailer))
}

/// The same, as the bytes and what stands behind them.
///
/// # Errors
/// As of [`whole`].
pub(crate) fn unframed(
    request: &Request,
    chunks: Option<ChunkSignatures>,
    flavour: sigv4::Flavour,
) -> Result<(Bytes, Trailer), ServiceError> {
    let body = &request.body;
    if body.is_empty() && announced(request).is_none() {
        return Ok((Bytes::new(), Trailer::new()));
    }
    let decoder = Said::of(request)?.decoder(chunks).map_err(|error| chunk_error(&error, flavour))?;
    let Some(mut decoder) = decoder else { return Ok((body.clone(), Trailer::new())) };
    let mut decoded = Vec::with_capacity(body.len());
    let read = decoder.decode(body, |piece| decoded.extend_from_slice(piece));
    let trailer = read.and_then(|()| decoder.finish()).map_err(|error| chunk_error(&error, flavour))?;
    Ok((decoded.into(), trailer))
}

/// A payload that is read while it comes, on a thread that may block.
pub(crate) struct Incoming {
    body: Body,
    runtime: tokio::runtime::Handle,
    timeout: Duration,
    flavour: sigv4::Flavour,
    said: Said,
    decoder: Option<Decoder>,
    hash: Option<Sha256>,
    ready: VecDeque<Bytes>,
    given: u64,
    trailer: Vec<(String, String)>,
    is_over: bool,
}

impl Incoming {
    /// The payload of a request that was authenticated by its head. Made within the runtime.
    ///
    /// # Errors
    /// The head does not say how long it is.
    pub(crate) fn new(
        request: &Request,
        body: Body,
        chunks: Option<ChunkSignatures>,
        timeout: Duration,
        flavour: sigv4::Flavour,
    ) -> Result<Self, ServiceError> {
        let said = Said::of(request)?;
        Ok(Self {
            body,
            runtime: tokio::runtime::Handle::current(),
            timeout,
            flavour,
            decoder: said.decoder(chunks).map_err(|error| chunk_error(&error, flavour))?,
            hash: said.digest.is_some().then(Sha256::new),
            said,
            ready: VecDeque::new(),
            given: 0,
            trailer: Vec::new(),
            is_over: false,
        })
    }

    /// The next piece, for who may not block: as [`Payload::next`].
    pub(crate) async fn next_piece(&mut self) -> Result<Option<Bytes>, ServiceError> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                self.given += piece.len() as u64;
                return Ok(Some(piece));
            }
            if self.is_over {
                return Ok(None);
            }
            self.receive().await?;
        }
    }

    /// Takes what comes next; nothing may be in it.
    async fn receive(&mut self) -> Result<(), ServiceError> {
        let frame = match tokio::time::timeout(self.timeout, self.body.frame()).await {
            Err(_) => {
                let message = "Your socket connection to the server was not read from or written to within the timeout period.";
                return Err(ServiceError::new("RequestTimeout", message).with_status(400));
            }
            Ok(None) => return self.end(),
            Ok(Some(Err(_))) => return Err(incomplete()),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { return Ok(()) };
        if let Some(hash) = &mut self.hash {
            hash.update(&data);
        }
        let Some(decoder) = &mut self.decoder else {
            self.ready.extend(Some(data).filter(|data| !data.is_empty()));
            return Ok(());
        };
        let ready = &mut self.ready;
        let decoded = decoder.decode(&data, |piece| ready.push_back(data.slice_ref(piece)));
        decoded.map_err(|error| chunk_error(&error, self.flavour))
    }

    /// Compares what has come with what the head says.
    fn end(&mut self) -> Result<(), ServiceError> {
        self.is_over = true;
        if let Some(decoder) = self.decoder.take() {
            self.trailer = decoder.finish().map_err(|error| chunk_error(&error, self.flavour))?;
        }
        if let (Some(hash), Some(said)) = (self.hash.take(), &self.said.digest)
            && hex::encode(hash.finalize()) != *said
        {
            let aws = SignatureError::PayloadMismatch.to_aws(self.flavour);
            return Err(ServiceError::new(aws.code, aws.message).with_status(aws.status));
        }
        if self.given == self.said.length { Ok(()) } else { Err(incomplete()) }
    }
}

impl Payload for Incoming {
    fn length(&self) -> u64 {
        self.said.length
    }

    fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
        let runtime = self.runtime.clone();
        runtime.block_on(self.next_piece())
    }

    fn trailing(&self, name: &str) -> Option<&str> {
        self.trailer.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

fn incomplete() -> ServiceError {
    let message = "You did not provide the number of bytes specified by the Content-Length HTTP header";
    ServiceError::new("IncompleteBody", message).with_status(400)
}

fn chunk_error(error: &ChunkError, flavour: sigv4::Flavour) -> ServiceError {
    let (code, status) = match error {
        ChunkError::Incomplete => return incomplete(),
        ChunkError::Malformed(_) | ChunkError::TooLong => ("IncompleteBody", 400),
        ChunkError::TooShort { .. } => ("InvalidChunkSizeError", 403),
        ChunkError::Undeclared(_) | ChunkError::MissingTrailer(_) => ("MalformedTrailerError", 400),
        ChunkError::Signature => {
            let aws = flavour_mismatch(flavour);
            return ServiceError::new(aws.code, aws.message).with_status(aws.status);
        }
    };
    ServiceError::new(code, error.to_string()).with_status(status)
}

/// What a wrong signature is called.
fn flavour_mismatch(flavour: sigv4::Flavour) -> sigv4::AwsError {
    let (canonical_request, string_to_sign) = (String::new(), String::new());
    SignatureError::Mismatch { canonical_request, string_to_sign }.to_aws(flavour)
}
