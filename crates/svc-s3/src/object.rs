//! Objects: written and read.
//!
//! What is written is on the disk, with its content, when the answer goes out. A read is of one state, whatever is written
//! meanwhile.

use std::ops::Range;

use aws_api::s3::{
    GetObjectOutput, GetObjectRequest, HeadObjectOutput, HeadObjectRequest, PutObjectOutput, PutObjectRequest,
};
use bucket_rules::{ByteRange, Conditions, Current, ReadOutcome, WriteCondition, http_date};
use object_store::Snapshot;
use service_api::{Payload, RequestContext, Streamed};

use crate::attached::{Attached, brought, show_attached};
use crate::bucket::Bucket;
use crate::checksum::Kept;
use crate::encryption::{self, Customer, customer_members};
use crate::error::{self, Failure};
use crate::intake::Said;
use crate::part_list::PartList;
use crate::reading::Reading;
use crate::rows::Version;
use crate::versioning::Versioning;
use crate::versions::{self, Contents};
use crate::{State, acl, asked, bucket, bucket_encryption, checksum, intake, lifecycle};

/// What an object is where nobody said so.
const DEFAULT_TYPE: &str = "binary/octet-stream";

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>
pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    request: PutObjectRequest,
    payload: &mut dyn Payload,
) -> Result<Streamed<PutObjectOutput>, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    versions::check_key(&request.key)?;
    if request.write_offset_bytes.is_some() {
        return Err(error::not_implemented("appending to objects").into());
    }
    let condition = WriteCondition::of_put(request.if_match.as_deref(), request.if_none_match.as_deref())?;
    let headers = asked::checked(asked::headers!(request))?;
    let storage_class = asked::storage_class(request.storage_class.as_deref())?;
    let customer = Customer::of(customer_members!(request))?;
    let encryption = request.server_side_encryption.as_deref();
    encryption::check_asked(encryption, request.ssekms_key_id.as_deref(), customer.as_ref())?;
    let brought = brought!(request);
    // What the bucket says of a new object. It is asked again when all of the payload is there, which can take long.
    let of_bucket = |bucket: &Bucket| {
        let acl = acl::of_new_object(state, context, bucket, &request.key, &acl::for_object!(request))?;
        bucket_encryption::check_customer(bucket, customer.as_ref())?;
        let attached = Attached::of(bucket, &brought, context.now)?.with_default(bucket, context.now);
        Ok::<_, Failure>((acl, attached))
    };
    of_bucket(&bucket)?;
    let given = checksum::given(checksum::members!(request))?;
    let has_digest = request.content_md5.is_some() || given.is_some() || request.checksum_algorithm.is_some();
    let said = Said::of(request.content_md5.as_deref(), given, request.checksum_algorithm.as_deref())?;
    // What cannot be written because of a condition is not read.
    let newest = versions::newest(&state.objects.snapshot(), &bucket, &request.key)?;
    versions::check_condition(&condition, &request.key, newest.as_ref())?;

    let secret = encryption::secret(&state.objects, customer.as_ref());
    let taken = said.take(state, &secret, payload, None)?;
    if brought.has_lock() && !has_digest && !intake::has_trailing(payload)? {
        let message = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters";
        return Err(error::invalid_request(message).into());
    }
    let customer_key = customer.as_ref().map(|customer| customer.kept(state.ids.bits()));
    let e_tag = match &customer_key {
        Some(key) => key.tag(taken.md5.bytes()),
        None => hex::encode(taken.md5.bytes()),
    };
    let kept = checksum::Kept::whole(&taken.checksum);
    let mut version = Version {
        modified: context.now,
        size_bytes: taken.blob.length_bytes(),
        e_tag: e_tag.clone(),
        checksum: Some(kept.clone()),
        headers,
        storage_class,
        customer_key,
        ..Version::default()
    };
    let (scope, random) = (bucket::scope(context.partition), state.ids.bits());
    let (id, expiration) = state.objects.transact(|rows| {
        let bucket = bucket::current(state, &scope, &bucket)?;
        (version.acl, version.attached) = of_bucket(&bucket)?;
        let newest = versions::newest(rows, &bucket, &request.key)?;
        versions::check_condition(&condition, &request.key, newest.as_ref())?;
        let content = rows.adopt(&taken.blob);
        let contents = Contents::Whole(vec![content]);
        let expiration = lifecycle::expiration(&bucket, &request.key, &version);
        let made = (context.now, random);
        let id = versions::put(rows, &bucket, &request.key, (version, contents), made)?;
        Ok::<_, Failure>((id, expiration))
    })?;
    let (server_side_encryption, sse_customer_algorithm, sse_customer_key_md5) =
        encryption::said(customer.as_ref());
    let mut output = PutObjectOutput {
        e_tag: Some(quoted(&e_tag)),
        version_id: id,
        expiration,
        checksum_type: Some(kept.of.clone()),
        server_side_encryption,
        sse_customer_algorithm,
        sse_customer_key_md5,
        ..PutObjectOutput::default()
    };
    checksum::show!(output, &kept);
    Ok(Streamed::empty(output))
}

/// An entity tag as headers have it.
pub(crate) fn quoted(e_tag: &str) -> String {
    format!("\"{e_tag}\"")
}

/// What a read is answered with, as far as both kinds have it.
struct Seen {
    version: Version,
    /// Where somebody wants to know it.
    contents: Option<Contents>,
    snapshot: Snapshot,
    customer: Option<Customer>,
    range: Option<Range<u64>>,
    /// The id, where the bucket has versions.
    id: Option<String>,
    parts: Option<i32>,
    /// The checksum of what is answered, where it is known.
    checksum: Option<Kept>,
    /// When it expires, and by which rule.
    expiration: Option<String>,
}

/// Finds what a read is about and looks at its conditions.
macro_rules! see {
    ($state:expr, $context:expr, $request:expr, $reads:expr) => {
        see(
            $state,
            $context,
            Wanted {
                bucket: (&$request.bucket, $request.expected_bucket_owner.as_deref()),
                key: &$request.key,
                id: $request.version_id.as_deref(),
                customer: customer_members!($request),
                conditions: Conditions {
                    if_match: $request.if_match.as_deref(),
                    if_none_match: $request.if_none_match.as_deref(),
                    if_modified_since: $request.if_modified_since,
                    if_unmodified_since: $request.if_unmodified_since,
                },
                range: $request.range.as_deref(),
                part: $request.part_number,
                reads: $reads,
            },
        )
    };
}

struct Wanted<'a> {
    bucket: (&'a str, Option<&'a str>),
    key: &'a str,
    id: Option<&'a str>,
    customer: encryption::Members<'a>,
    conditions: Conditions<'a>,
    range: Option<&'a str>,
    part: Option<i32>,
    /// Whether the content is read.
    reads: bool,
}

fn see(state: &State, context: &RequestContext, wanted: Wanted<'_>) -> Result<Seen, Failure> {
    let bucket = bucket::find(state, context, wanted.bucket.0, wanted.bucket.1)?;
    if wanted.range.is_some() && wanted.part.is_some() {
        let message = "Cannot specify both Range header and partNumber query parameter";
        return Err(error::invalid_request(message).into());
    }
    let customer = Customer::of(wanted.customer)?;
    let snapshot = state.objects.snapshot();
    let found = versions::find(&snapshot, &bucket, wanted.key, wanted.id)?;
    encryption::check(found.version.customer_key.as_ref(), customer.as_ref())?;
    let current = Current { etag: &found.version.e_tag, last_modified: found.version.modified };
    if wanted.conditions.of_read(&current, context.now)? == ReadOutcome::NotModified {
        let error = error::error(304, "NotModified", "Not Modified");
        return Err(error.with_field("ETag", quoted(&found.version.e_tag)).into());
    }
    let is_current = match wanted.id {
        None => true,
        Some(_) => {
            let newest = versions::newest(&snapshot, &bucket, wanted.key)?;
            newest.is_some_and(|newest| newest.order() == found.order())
        }
    };
    let expiration = lifecycle::expiration(&bucket, wanted.key, &found.version).filter(|_| is_current);
    let (version, contents) = if wanted.reads || wanted.part.is_some() {
        let (version, contents) = found.contents(&snapshot)?;
        (version, Some(contents))
    } else {
        (found.version, None)
    };
    let list = contents.as_ref().and_then(Contents::parts);
    let length = version.size_bytes;
    let range = match (wanted.range, wanted.part) {
        (Some(text), _) => ByteRange::of_header(text, length)?.map(ByteRange::bounds),
        (None, Some(number)) => Some(range_of_part(number, length, list)?),
        (None, None) => None,
    };
    let id = match bucket.versioning {
        Versioning::Never => None,
        Versioning::Enabled | Versioning::Suspended => Some(version.public_id().to_owned()),
    };
    let parts = version.parts.filter(|_| wanted.part.is_some());
    let parts = parts.and_then(|parts| i32::try_from(parts).ok());
    let checksum = match (wanted.range, wanted.part, list) {
        // It is of all bytes, so that it is not told of some of them.
        (Some(_), _, _) => None,
        (None, Some(number), Some(list)) => {
            let part = list.find(number).and_then(|(_, part)| part.checksum);
            part.as_ref().map(Kept::whole)
        }
        (None, _, _) => version.checksum.clone(),
    };
    Ok(Seen { version, contents, snapshot, customer, range, id, parts, checksum, expiration })
}

/// Where the part of a number is in an object. What was uploaded whole is part 1.
///
/// # Errors
/// `InvalidPartNumber`.
fn range_of_part(number: i32, length: u64, parts: Option<&PartList>) -> Result<Range<u64>, Failure> {
    let missing = || {
        let error = error::error(416, "InvalidPartNumber", "The requested partnumber is not satisfiable");
        error.with_field("PartNumberRequested", number.to_string())
    };
    let Some(list) = parts else {
        return if number == 1 { Ok(0..length) } else { Err(missing().into()) };
    };
    list.find(number).map(|(range, _)| range).ok_or_else(|| missing().into())
}

/// The members that both answers have.
macro_rules! answer {
    ($output:ident, $request:expr, $seen:expr) => {{
        let (request, seen) = (&$request, &$seen);
        let headers = &seen.version.headers;
        let over = |given: &Option<String>, kept: &Option<String>| given.clone().or_else(|| kept.clone());
        let length = seen.range.as_ref().map_or(seen.version.size_bytes, |range| range.end - range.start);
        let (server_side_encryption, sse_customer_algorithm, sse_customer_key_md5) =
            encryption::said(seen.customer.as_ref());
        let content_type = over(&request.response_content_type, &headers.content_type);
        let mut output = $output {
            accept_ranges: Some("bytes".to_owned()),
            last_modified: Some(seen.version.modified),
            content_length: i64::try_from(length).ok(),
            e_tag: Some(quoted(&seen.version.e_tag)),
            version_id: seen.id.clone(),
            cache_control: over(&request.response_cache_control, &headers.cache_control),
            content_disposition: over(&request.response_content_disposition, &headers.content_disposition),
            content_encoding: over(&request.response_content_encoding, &headers.content_encoding),
            content_language: over(&request.response_content_language, &headers.content_language),
            content_range: seen
                .range
                .as_ref()
                .and_then(ByteRange::between)
                .map(|range| range.content_range(seen.version.size_bytes)),
            content_type: Some(content_type.unwrap_or_else(|| DEFAULT_TYPE.to_owned())),
            expires: over(&request.response_expires.map(http_date), &headers.expires),
            website_redirect_location: headers.website_redirect_location.clone(),
            metadata: Some(headers.metadata.clone()).filter(|metadata| !metadata.is_empty()),
            storage_class: seen.version.storage_class.clone(),
            parts_count: seen.parts,
            expiration: seen.expiration.clone(),
            server_side_encryption,
            sse_customer_algorithm,
            sse_customer_key_md5,
            ..$output::default()
        };
        show_attached!(output, &seen.version.attached);
        let is_asked =
            request.checksum_mode.as_deref().is_some_and(|mode| mode.eq_ignore_ascii_case("ENABLED"));
        if let Some(kept) = seen.checksum.as_ref().filter(|_| is_asked) {
            checksum::show!(output, kept);
            output.checksum_type = seen.version.checksum.as_ref().map(|whole| whole.of.clone());
        }
        output
    }};
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetObjectRequest,
    _: &mut dyn Payload,
) -> Result<Streamed<GetObjectOutput>, Failure> {
    let seen = see!(state, context, request, true)?;
    let output = answer!(GetObjectOutput, request, seen);
    let secret = encryption::secret(&state.objects, seen.customer.as_ref());
    let range = seen.range.unwrap_or(0..seen.version.size_bytes);
    let blobs = seen.contents.as_ref().map(Contents::blobs).unwrap_or_default();
    let reading = Reading::new(seen.snapshot, secret, blobs, range)?;
    Ok(Streamed::with(output, reading))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>
pub(crate) fn head(
    state: &State,
    context: &RequestContext,
    request: HeadObjectRequest,
) -> Result<HeadObjectOutput, Failure> {
    let seen = see!(state, context, request, false)?;
    Ok(answer!(HeadObjectOutput, request, seen))
}
