//! Who signed a request.

use aws_chunked::Mode;
use aws_model::{Operation, WireProtocol};
use aws_protocol::Request;
use aws_types::{Region, Timestamp};
use service_api::{Principal, SignatureFacts, SignaturePlace};
use sigv4::{
    ChunkSignatures, Flavour, Payload, Place, Presented, SignatureError, SigningTime, UriRules, sha256_hex,
    verify, verify_policy,
};

use crate::room::Standing;
use crate::s3::{self, S3};
use crate::{Claim, Credential, Credentials};

/// The header that says how the body is covered.
pub(crate) const CONTENT_SHA256: &str = "x-amz-content-sha256";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
const STREAMING: &str = "STREAMING-";

/// The body of a request whose signature is checked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SignedBody<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It is still coming, and whoever reads it compares it with what the head says.
    Coming,
}

/// What a verified signature proves.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) principal: Principal,
    pub(crate) region: Region,
    /// How it was signed, if it was.
    pub(crate) signature: Option<SignatureFacts>,
    /// The signatures of the body's chunks, where they have some.
    pub(crate) chunks: Option<ChunkSignatures>,
}

/// How a family of services names signature errors.
pub(crate) fn flavour(signing_name: &str, protocol: WireProtocol) -> Flavour {
    match protocol {
        _ if signing_name == S3 => Flavour::S3,
        WireProtocol::Ec2Query => Flavour::Ec2,
        WireProtocol::AwsQuery | WireProtocol::RestXml => Flavour::Query,
        WireProtocol::AwsJson | WireProtocol::RpcV2Cbor => Flavour::Json,
        WireProtocol::RestJson => Flavour::RestJson,
    }
}

/// The headers as a signature covers them.
pub(crate) fn signed_headers<'a>(request: &'a Request, host: Option<&'a str>) -> Vec<(&'a str, &'a [u8])> {
    let mut headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    // HTTP/2 has the host in a pseudo-header.
    if !request.headers.contains_key(http::header::HOST)
        && let Some(host) = host
    {
        headers.push(("host", host.as_bytes()));
    }
    headers
}

/// The request as its signature covers it, with these headers.
pub(crate) fn signed_parts<'a>(
    request: &'a Request,
    headers: &'a [(&'a str, &'a [u8])],
) -> sigv4::Request<'a> {
    sigv4::Request { method: &request.method, path: &request.path, query: &request.query, headers }
}

/// What verification needs beside the request and what it presents.
pub(crate) struct Verifier<'a> {
    pub(crate) credentials: &'a dyn Credentials,
    pub(crate) regions: &'a [Region],
    pub(crate) now: Timestamp,
}

impl Verifier<'_> {
    /// Checks a presented signature.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn verify(
        &self,
        presented: &Presented,
        request: &sigv4::Request<'_>,
        body: SignedBody<'_>,
        operation: Option<&Operation>,
    ) -> Result<Identity, SignatureError> {
        let rules = rules(presented);
        if rules == UriRules::S3 {
            s3::check_one_signature(presented, request)?;
        }
        let credential = self.credential(presented)?;
        let payload = payload(presented, request, body, rules, operation)?;
        verify(presented, request, &payload, rules, &credential.secret, self.signing_time())?;
        let region = self.region(presented)?;
        self.credentials.used(&credential.principal, &region, &presented.scope.service, self.now);
        let mode = request.header(CONTENT_SHA256).and_then(Mode::of_header);
        let is_signed = mode.is_some_and(Mode::is_signed);
        let chunks = is_signed.then(|| ChunkSignatures::after(presented, &credential.secret));
        let place = match presented.place {
            Place::Header => SignaturePlace::Header,
            Place::Query { .. } => SignaturePlace::Query,
            Place::Form => SignaturePlace::Form,
        };
        let signed = Timestamp::from_unix_secs(presented.time.unix_secs());
        let signature = Some(SignatureFacts { place, signed });
        Ok(Identity { principal: credential.principal, region, signature, chunks })
    }

    /// Checks what a form presents, whose signature is of its policy.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn verify_form(
        &self,
        presented: &Presented,
        policy: &str,
    ) -> Result<Identity, SignatureError> {
        if presented.scope.service != S3 {
            let message = "Credential should be scoped to correct service: 's3'. ";
            return Err(SignatureError::Incomplete(message.to_owned()));
        }
        let credential = self.credential(presented)?;
        verify_policy(presented, policy, &credential.secret, self.signing_time())?;
        let region = self.region(presented)?;
        self.credentials.used(&credential.principal, &region, S3, self.now);
        let signed = Timestamp::from_unix_secs(presented.time.unix_secs());
        let signature = Some(SignatureFacts { place: SignaturePlace::Form, signed });
        Ok(Identity { principal: credential.principal, region, signature, chunks: None })
    }

    /// What the head of a request tells of who sent it.
    pub(crate) fn standing(
        &self,
        presented: &Result<Presented, SignatureError>,
        request: &sigv4::Request<'_>,
    ) -> Standing {
        let presented = match presented {
            Ok(presented) => presented,
            Err(error) => return Standing::Refused(error.clone()),
        };
        self.standing_of(presented, request).unwrap_or_else(Standing::Refused)
    }

    fn standing_of(
        &self,
        presented: &Presented,
        request: &sigv4::Request<'_>,
    ) -> Result<Standing, SignatureError> {
        let credential = self.credential(presented)?;
        self.region(presented)?;
        let rules = rules(presented);
        let told = told_payload(presented, request, rules)?;
        // Without a digest, any will do to have all but the signature looked at.
        let assumed = told.clone().unwrap_or_else(|| Payload::of(b""));
        let verified = verify(presented, request, &assumed, rules, &credential.secret, self.signing_time());
        match (verified, told) {
            (Ok(()), Some(_)) => Ok(Standing::Proven),
            (Ok(()) | Err(SignatureError::Mismatch { .. }), None) => Ok(Standing::Claimed),
            (Err(error), _) => Err(error),
        }
    }

    fn credential(&self, presented: &Presented) -> Result<Credential, SignatureError> {
        self.credentials.lookup(&Claim {
            access_key_id: &presented.access_key_id,
            session_token: presented.session_token.as_deref(),
            service: &presented.scope.service,
            now: self.now,
        })
    }

    fn region(&self, presented: &Presented) -> Result<Region, SignatureError> {
        let region = presented.scope.region.parse().ok();
        region
            .filter(|region| self.regions.contains(region))
            .ok_or_else(|| SignatureError::BadRegion(presented.scope.region.clone()))
    }

    fn signing_time(&self) -> SigningTime {
        SigningTime::from_unix_secs(self.now.unix_secs()).expect("the clock is before the year 9999")
    }
}

fn rules(presented: &Presented) -> UriRules {
    if presented.scope.service == S3 { UriRules::S3 } else { UriRules::Normalised }
}

/// How the signature covers the body, when the head tells.
fn told_payload(
    presented: &Presented,
    request: &sigv4::Request<'_>,
    rules: UriRules,
) -> Result<Option<Payload>, SignatureError> {
    match request.header(CONTENT_SHA256) {
        Some(UNSIGNED_PAYLOAD) if rules == UriRules::S3 => Ok(Some(Payload::Unsigned)),
        // Whether it may be unsigned depends on the operation, which may depend on the body.
        Some(UNSIGNED_PAYLOAD) => Ok(None),
        Some(value) if value.starts_with(STREAMING) => streaming(value, rules).map(Some),
        Some(digest) if rules == UriRules::S3 && !is_digest(digest) => {
            Err(SignatureError::BadPayloadHash(digest.to_owned()))
        }
        Some(digest) => Ok(Some(Payload::Sha256(digest.to_ascii_lowercase()))),
        None if is_presigned(presented, rules) => Ok(Some(Payload::Unsigned)),
        None if rules == UriRules::S3 => Err(SignatureError::NoPayloadHash),
        None => Ok(None),
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// How the signature covers a body that is sent in chunks, as S3 alone takes it.
fn streaming(value: &str, rules: UriRules) -> Result<Payload, SignatureError> {
    if rules == UriRules::S3 && Mode::of_header(value).is_some() {
        Ok(Payload::Streaming(value.to_owned()))
    } else {
        Err(SignatureError::UnsupportedPayload(value.to_owned()))
    }
}

/// A presigned S3 request says nothing of its body.
fn is_presigned(presented: &Presented, rules: UriRules) -> bool {
    rules == UriRules::S3 && matches!(presented.place, Place::Query { .. })
}

/// How the signature covers the body.
fn payload(
    presented: &Presented,
    request: &sigv4::Request<'_>,
    body: SignedBody<'_>,
    rules: UriRules,
    operation: Option<&Operation>,
) -> Result<Payload, SignatureError> {
    let header = request.header(CONTENT_SHA256);
    let SignedBody::Whole(body) = body else {
        let told = told_payload(presented, request, rules)?;
        return told.ok_or_else(|| SignatureError::UnsupportedPayload(header.unwrap_or("").to_owned()));
    };
    let may_be_unsigned =
        rules == UriRules::S3 || operation.is_some_and(|operation| operation.unsigned_payload);
    match header {
        Some(UNSIGNED_PAYLOAD) if may_be_unsigned => Ok(Payload::Unsigned),
        Some(value) if value.starts_with(STREAMING) => streaming(value, rules),
        Some(value) if rules == UriRules::S3 && value != UNSIGNED_PAYLOAD && !is_digest(value) => {
            Err(SignatureError::BadPayloadHash(value.to_owned()))
        }
        Some(value) if value != UNSIGNED_PAYLOAD => {
            let found = sha256_hex(body);
            if value.eq_ignore_ascii_case(&found) {
                Ok(Payload::Sha256(found))
            } else {
                Err(SignatureError::PayloadMismatch)
            }
        }
        None if is_presigned(presented, rules) => Ok(Payload::Unsigned),
        None if rules == UriRules::S3 => Err(SignatureError::NoPayloadHash),
        Some(_) | None => Ok(Payload::of(body)),
    }
}
