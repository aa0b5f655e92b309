//! Uploads of browsers: a form with a key, what was signed for it, and a file.
//!
//! Owns which fields mean what, and the answers that browsers get. Whoever sends a form has proved nothing before its fields have
//! been read, so that those have a share of their peer's and a deadline, and the file takes room among the payloads only when it is
//! known that it may be written. The object is written by the same operation as any other, with
//! the file as it comes; what a policy lets pass is in `bucket-rules`.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html>

use aws_model::Value;
use aws_protocol::{Codec, Request, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucket_rules::{PostPolicy, SizeRange};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, LOCATION, REFERER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use service_api::{Payload, ServiceError};
use sigv4::{Flavour, FormFields, Presented, SignatureError};

use super::{Answer, Body, Handler, Order, Peer};
use crate::access::Access;
use crate::authenticate::Identity;
use crate::body::BodyError;
use crate::failure::{Dialect, Failure, body_error};
use crate::incoming::{self, Incoming};
use crate::markup::escaped;
use crate::multipart::{Form, FormError, boundary};
use crate::room::{Room, Standing};
use crate::s3;
use crate::virtual_host::Addressed;

/// How long all that comes before the file can be, and what comes behind it.
const MAX_FIELDS_BYTES: usize = 20_000;
/// What stands for the name of the file in a key.
const FILE_NAME: &str = "${filename}";
/// What may stand as it is in the path of an object, and in a query.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Fields that are headers of the same upload without a form.
const HEADERS: [&str; 7] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
];
/// What the names of the others begin with, but for those that are about the signature.
const AMAZON: &str = "x-amz-";
const OF_SIGNATURE: [&str; 5] =
    ["x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-security-token", "x-amz-signature"];

/// The fields before the file, by their names in lower case, with the bucket among them.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str())
    }

    /// A field that has to be there.
    fn required(&self, name: &'static str) -> Result<&str, ServiceError> {
        self.get(name).ok_or_else(|| {
            let message = format!(
                "Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
            );
            invalid_argument(message, name, "")
        })
    }
}

/// A form that has been read up to its file.
pub(super) struct Opened {
    form: Form,
    fields: Fields,
    file_name: String,
    /// What was read takes it until it is known who signed.
    room: Room,
}

/// The file of a form, as the operation reads it.
struct File {
    form: Form,
    size: Option<SizeRange>,
    most_bytes: u64,
    given: u64,
    /// Its place among the payloads.
    _room: Box<dyn Send>,
}

impl Payload for File {
    fn length(&self) -> u64 {
        self.most_bytes
    }

    fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
        let SizeRange { min_bytes, max_bytes } =
            self.size.unwrap_or(SizeRange { min_bytes: 0, max_bytes: u64::MAX });
        if let Some(piece) = self.form.piece().map_err(form_error)? {
            self.given += piece.len() as u64;
            if self.given > max_bytes {
                let message = "Your proposed upload exceeds the maximum allowed size";
                let error = ServiceError::new("EntityTooLarge", message).with_status(400);
                let error = error.with_field("ProposedSize", self.given.to_string());
                return Err(error.with_field("MaxSizeAllowed", max_bytes.to_string()));
            }
            return Ok(Some(piece));
        }
        if self.given < min_bytes {
            let message = "Your proposed upload is smaller than the minimum allowed size";
            let error = ServiceError::new("EntityTooSmall", message).with_status(400);
            let error = error.with_field("ProposedSize", self.given.to_string());
            return Err(error.with_field("MinSizeAllowed", min_bytes.to_string()));
        }
        // What is behind the file means nothing, but has to be there before the upload counts.
        self.form.finish(MAX_FIELDS_BYTES).map_err(form_error)?;
        Ok(None)
    }

    fn trailing(&self, _: &str) -> Option<&str> {
        None
    }
}

fn invalid_argument(message: impl Into<String>, name: &str, value: &str) -> ServiceError {
    let error = ServiceError::new("InvalidArgument", message).with_status(400);
    error.with_field("ArgumentName", name).with_field("ArgumentValue", value)
}

fn form_error(error: FormError) -> ServiceError {
    let message = error.to_string();
    match error {
        FormError::Malformed => ServiceError::new("MalformedPOSTRequest", message).with_status(400),
        FormError::TooLong => {
            ServiceError::new("MaxPostPreDataLengthExceededError", message).with_status(400)
        }
        FormError::Waits => ServiceError::internal("a form was asked for what has not come"),
        FormError::Body(error) => error,
    }
}

/// Whether a request is an upload from a browser's form, which has its signature and its key in the body. Operations on objects
/// are told by their queries; their content type is that of an object.
pub(crate) fn is_form(request: &Request, host: Option<&str>) -> bool {
    let content_type = request.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    request.method == Method::POST.as_str()
        && content_type.to_ascii_lowercase().starts_with("multipart/form-data")
        && (request.query.is_empty() || Addressed::of(request, host).key.is_empty())
}

impl Handler {
    /// The answer to a form.
    pub(super) fn upload(
        &self,
        request: &Request,
        host: Option<String>,
        form: Result<Opened, ServiceError>,
        (codec, peer): (Codec, Peer),
        access: &mut Access,
    ) -> Result<Answer, Failure> {
        let mut dialect = Dialect::new(codec);
        dialect.operation = codec.model().operation("PutObject");
        access.operation = "PutObject";
        let fail = |error: ServiceError| dialect.fail(error);
        let operation =
            dialect.operation.ok_or_else(|| fail(ServiceError::internal("S3 has no PutObject")))?;
        let Opened { form, mut fields, file_name, room } = form.map_err(fail)?;
        let Addressed { bucket, .. } = Addressed::of(request, host.as_deref());
        fields.0.retain(|(name, _)| name != "bucket");
        fields.0.push(("bucket".to_owned(), bucket.clone()));
        let key = fields.required("key").map_err(fail)?.replace(FILE_NAME, &file_name);
        if key.is_empty() {
            return Err(fail(invalid_argument("User key must have a length greater than 0.", "key", "")));
        }
        if let Some((_, held)) = fields.0.iter_mut().find(|(name, _)| name == "key") {
            held.clone_from(&key);
        }
        if let Some(log) = &mut access.log {
            log.set_key(&key);
        }
        let (identity, size) = self.signer(&fields, request, host.as_deref()).map_err(fail)?;
        drop(room);
        access.identify(&identity.principal);
        if let Some(log) = access.log.as_mut().filter(|_| identity.signature.is_some()) {
            log.set_signed();
        }
        let put = put_request(codec, request, &bucket, &key, &fields).map_err(fail)?;
        let caller = (identity.principal, identity.region, identity.signature);
        let context = self.context(&put, caller, access, &peer);
        let of_file = peer.clone();
        let give = move || {
            let room = self.room_for_payload(&of_file).ok_or_else(|| body_error(&BodyError::Busy))?;
            let most_bytes = form.left_bytes();
            let file = File { form, size, most_bytes, given: 0, _room: Box::new(room) };
            Ok(Box::new(file) as Box<dyn Payload>)
        };
        let body = Body { given: Some(Box::new(give)), ..Body::default() };
        let order = Order { dialect, operation, request: &put, context, tls: peer.tls, host: host.clone() };
        let Answer { response, .. } = self.carry_out(order, body)?;
        let scheme = if peer.tls.is_some() { "https" } else { "http" };
        let place = format!(
            "{scheme}://{}{}",
            host.as_deref().unwrap_or_default(),
            if host.as_deref().and_then(crate::virtual_host::bucket).is_some() {
                format!("/{}", utf8_percent_encode(&key, IN_PATH))
            } else {
                format!("/{bucket}/{}", utf8_percent_encode(&key, IN_PATH))
            }
        );
        Ok(answered(response, &fields, (&bucket, &key), &place).into())
    }

    /// The form in a request's body, read up to its file.
    ///
    /// # Errors
    /// It is none, it did not come in time, or there is no room for what comes before the file.
    pub(super) async fn open(
        &self,
        request: &Request,
        host: Option<&str>,
        coming: incoming::Body,
        peer: &Peer,
    ) -> Result<Opened, ServiceError> {
        if !Addressed::of(request, host).key.is_empty() {
            let message = "The specified method is not allowed against this resource.";
            return Err(ServiceError::new("MethodNotAllowed", message).with_status(405));
        }
        let content_type = request.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let boundary = boundary(content_type).ok_or_else(|| form_error(FormError::Malformed))?;
        let limits = &self.config.limits;
        let source = Incoming::new(request, coming, None, limits.body_timeout, Flavour::S3)?;
        // It may turn out to be signed, as bodies do whose heads claim it.
        let room = self.rooms.open(&Standing::Claimed, peer.share());
        let opened = tokio::time::timeout(limits.body_deadline, read_fields(source, &boundary, room));
        opened.await.unwrap_or_else(|_| Err(body_error(&BodyError::TimedOut)))
    }

    /// Who signed the policy of a form, and how long it lets the file be. Without one, nobody did.
    fn signer(
        &self,
        fields: &Fields,
        request: &Request,
        host: Option<&str>,
    ) -> Result<(Identity, Option<SizeRange>), ServiceError> {
        let names = [
            "x-amz-signature",
            "x-amz-credential",
            "x-amz-algorithm",
            "policy",
            "signature",
            "awsaccesskeyid",
        ];
        if !names.iter().any(|name| fields.get(name).is_some()) {
            return Ok((self.nobody(host), None));
        }
        let endpoint = self.region_of(host);
        let mut told: Option<Presented> = None;
        let refused = |error: SignatureError, told: Option<&Presented>| match error {
            SignatureError::Incomplete(message) => {
                ServiceError::new("InvalidArgument", message).with_status(400)
            }
            error => s3::signature_error(&error, request, told, endpoint),
        };
        // The older way to sign, which AWS gave up for new buckets.
        if fields.get("awsaccesskeyid").is_some() || fields.get("signature").is_some() {
            return Err(refused(SignatureError::Mechanism("AWS".to_owned()), None));
        }
        let policy = fields.required("policy")?;
        let presented = Presented::of_form(&FormFields {
            algorithm: fields.required("x-amz-algorithm")?,
            credential: fields.required("x-amz-credential")?,
            date: fields.required("x-amz-date")?,
            signature: fields.required("x-amz-signature")?,
            session_token: fields.get("x-amz-security-token"),
        });
        let identity = presented.and_then(|presented| {
            let verified = self.verifier().verify_form(&presented, policy);
            told = Some(presented);
            verified
        });
        let identity = identity.map_err(|error| refused(error, told.as_ref()))?;
        let invalid = |error: bucket_rules::PostPolicyError| {
            ServiceError::new(error.code(), error.to_string()).with_status(error.status())
        };
        let document =
            STANDARD.decode(policy.split_ascii_whitespace().collect::<String>()).map_err(|_| {
                let message = "Invalid Policy: the policy is not base64.";
                ServiceError::new("InvalidPolicyDocument", message).with_status(400)
            })?;
        let policy = PostPolicy::parse(&document).map_err(invalid)?;
        policy.check(&fields.0, self.clock.now()).map_err(invalid)?;
        Ok((identity, policy.size()))
    }
}

/// Reads what comes before the file, with room for all that comes until then.
async fn read_fields(mut source: Incoming, boundary: &str, mut room: Room) -> Result<Opened, ServiceError> {
    let mut reader = FieldReader {
        form: Form::new(boundary),
        fields: Fields(Vec::new()),
        field: None,
        left_bytes: MAX_FIELDS_BYTES,
    };
    let mut read_bytes = 0;
    loop {
        if let Some(file_name) = reader.advance()? {
            let FieldReader { mut form, fields, .. } = reader;
            form.read_from(Box::new(source));
            return Ok(Opened { form, fields, file_name, room });
        }
        let piece = source.next_piece().await?.ok_or_else(|| form_error(FormError::Malformed))?;
        read_bytes += piece.len();
        room.grow_to(read_bytes).await.map_err(|error| body_error(&error))?;
        reader.form.feed(&piece);
    }
}

/// What comes before the file, as far as it has come.
struct FieldReader {
    form: Form,
    fields: Fields,
    /// The field whose value is being read.
    field: Option<(String, Vec<u8>)>,
    left_bytes: usize,
}

impl FieldReader {
    /// Reads what there is. Tells the file's name, without the directories that some browsers send with it, when that has come.
    fn advance(&mut self) -> Result<Option<String>, ServiceError> {
        loop {
            match self.next_field() {
                Ok(Some(file_name)) => return Ok(Some(file_name)),
                Ok(None) => {}
                Err(FormError::Waits) => return Ok(None),
                Err(error) => return Err(form_error(error)),
            }
        }
    }

    /// Reads the next field. Tells the name of the file, if it is that.
    fn next_field(&mut self) -> Result<Option<String>, FormError> {
        let Some((name, value)) = &mut self.field else {
            let Some(head) = self.form.next_part(&mut self.left_bytes)? else {
                let message = "POST requires exactly one file upload per request.";
                return Err(invalid_argument(message, "file", "0").into());
            };
            let name = head.name.to_ascii_lowercase();
            if name == "file" {
                let file_name = head.file_name.unwrap_or_default();
                return Ok(Some(file_name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned()));
            }
            self.field = Some((name, Vec::new()));
            return Ok(None);
        };
        self.form.read_value(value, &mut self.left_bytes)?;
        let (name, value) = (std::mem::take(name), std::mem::take(value));
        self.field = None;
        let value = String::from_utf8(value).map_err(|_| FormError::Malformed)?;
        if self.fields.get(&name).is_some() {
            // Which of them a policy speaks of would be anybody's guess.
            let message = "A field of a form can be given once only.";
            return Err(invalid_argument(message, &name, &value).into());
        }
        self.fields.0.push((name, value));
        Ok(None)
    }
}

/// The same upload as it is without a form.
fn put_request(
    codec: Codec,
    request: &Request,
    bucket: &str,
    key: &str,
    fields: &Fields,
) -> Result<Request, ServiceError> {
    let mut headers = HeaderMap::new();
    for name in [REFERER, USER_AGENT] {
        if let Some(value) = request.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    let mut set = |name: &str, value: &str| {
        let unfit = || invalid_argument("A field is not fit for a header.", name, value);
        let found = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit())?;
        // What is beyond ASCII is in headers as RFC 2047 has it.
        let text = if value.is_ascii() {
            value.to_owned()
        } else {
            format!("=?UTF-8?B?{}?=", STANDARD.encode(value))
        };
        headers.insert(found, HeaderValue::from_str(text.trim()).map_err(|_| unfit())?);
        Ok::<(), ServiceError>(())
    };
    for (name, value) in &fields.0 {
        match name.as_str() {
            "acl" => set("x-amz-acl", value)?,
            "tagging" => set("x-amz-tagging", &tags_in_header(codec, value)?)?,
            name if OF_SIGNATURE.contains(&name) => {}
            name if HEADERS.contains(&name) || name.starts_with(AMAZON) => set(name, value)?,
            _ => {}
        }
    }
    let path = format!("/{}/{}", utf8_percent_encode(bucket, IN_PATH), utf8_percent_encode(key, IN_PATH));
    Ok(Request { method: "PUT".to_owned(), path, query: String::new(), headers, body: Bytes::new() })
}

/// Tags, which a form has as a document, as the header has them.
fn tags_in_header(codec: Codec, document: &str) -> Result<String, ServiceError> {
    let malformed = || {
        let message =
            "The XML you provided was not well-formed or did not validate against our published schema";
        ServiceError::new("MalformedXML", message).with_status(400)
    };
    let operation = codec.model().operation("PutObjectTagging").ok_or_else(malformed)?;
    let request = Request {
        method: "PUT".to_owned(),
        path: "/b/k".to_owned(),
        query: "tagging".to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(document.as_bytes()),
    };
    let input = codec.decode(operation, &request).map_err(|_| malformed())?;
    let member = |value: &Value, name: &str| match value {
        Value::Structure(fields) => fields.get(name).cloned(),
        _ => None,
    };
    let set = member(&input, "Tagging").and_then(|tagging| member(&tagging, "TagSet"));
    let Some(Value::List(tags)) = set else { return Err(malformed()) };
    let text = |tag: &Value, name: &str| match member(tag, name) {
        Some(Value::String(text)) => Ok(utf8_percent_encode(&text, IN_QUERY).to_string()),
        _ => Err(malformed()),
    };
    let pairs = tags.iter().map(|tag| Ok(format!("{}={}", text(tag, "Key")?, text(tag, "Value")?)));
    Ok(pairs.collect::<Result<Vec<_>, ServiceError>>()?.join("&"))
}

/// What the browser gets that sent a form.
fn answered(put: Response, fields: &Fields, (bucket, key): (&str, &str), place: &str) -> Response {
    let tag = put.headers.get(ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default().to_owned();
    let mut response = put;
    response.body = Bytes::new();
    response.headers.remove(CONTENT_LENGTH);
    response.headers.remove(CONTENT_TYPE);
    let mut locate = |to: &str| {
        if let Ok(to) = HeaderValue::from_str(to) {
            response.headers.insert(LOCATION, to);
        }
    };
    let redirect = fields.get("success_action_redirect").or_else(|| fields.get("redirect"));
    if let Some(to) = redirect.and_then(|to| redirection(to, (bucket, key), &tag)) {
        locate(&to);
        response.status = StatusCode::SEE_OTHER;
        return response;
    }
    locate(place);
    match fields.get("success_action_status") {
        Some("200") => response.status = StatusCode::OK,
        Some("201") => {
            response.status = StatusCode::CREATED;
            response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
            let body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>{}</Location><Bucket>{}</Bucket>\
                 <Key>{}</Key><ETag>{}</ETag></PostResponse>",
                escaped(place),
                escaped(bucket),
                escaped(key),
                escaped(&tag)
            );
            response.body = body.into();
        }
        _ => response.status = StatusCode::NO_CONTENT,
    }
    response
}

/// Where a browser is sent, with what became of its upload. `None` for what is no address: then it is as if none were given.
fn redirection(to: &str, (bucket, key): (&str, &str), tag: &str) -> Option<String> {
    let uri: Uri = to.parse().ok()?;
    uri.scheme()?;
    uri.authority()?;
    let encoded = |text: &str| utf8_percent_encode(text, IN_QUERY).to_string();
    let (to, fragment) = to.split_once('#').map_or((to, None), |(to, fragment)| (to, Some(fragment)));
    let separator = if uri.query().is_some() { '&' } else { '?' };
    let (bucket, key, tag) = (encoded(bucket), encoded(key), encoded(tag));
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    Some(format!("{to}{separator}bucket={bucket}&key={key}&etag={tag}{fragment}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_sent_on_with_what_became_of_the_upload() {
        let check = |to: &str, expect: Option<&str>| {
            assert_eq!(redirection(to, ("b", "a/ä b"), "\"1\"").as_deref(), expect, "{to}");
        };
        const QUERY: &str = "bucket=b&key=a%2F%C3%A4%20b&etag=%221%22";
        check("http://localhost:8000/done", Some(&format!("http://localhost:8000/done?{QUERY}")));
        check("https://e.org/?a=b#c", Some(&format!("https://e.org/?a=b&{QUERY}#c")));
        for none in ["", "done", "/done", "a b"] {
            check(none, None);
        }
    }
}
