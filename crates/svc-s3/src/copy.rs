//! Objects copied: the source of a copy, and CopyObject.
//!
//! A content that is the same afterwards is not copied: the new row refers to it. It is read and written again where it would be
//! another, under another key, or where its tag or checksum would be of parts that the copy does not have.

use aws_api::s3::{CopyObjectOutput, CopyObjectRequest, CopyObjectResult};
use bucket_rules::{Conditions, CopySource, Current, WriteCondition};
use checksums::ChecksumAlgorithm;
use object_store::Snapshot;
use service_api::{RequestContext, ServiceError};

use crate::attached::{Attached, brought};
use crate::bucket::Bucket;
use crate::encryption::{self, Customer, Members, customer_members};
use crate::error::{self, Failure};
use crate::intake::{MOST_BYTES, Said};
use crate::object::quoted;
use crate::reading::Reading;
use crate::rows::Version;
use crate::versioning::Versioning;
use crate::versions::{self, Contents};
use crate::{State, acl, asked, bucket, bucket_encryption, checksum, lifecycle};

/// The source of a copy.
pub(crate) struct Source {
    pub(crate) version: Version,
    pub(crate) contents: Contents,
    pub(crate) snapshot: Snapshot,
    pub(crate) customer: Option<Customer>,
    /// The id, where its bucket has versions.
    pub(crate) id: Option<String>,
}

/// What a request says of the source.
pub(crate) struct Wanted<'a> {
    pub(crate) source: &'a str,
    pub(crate) expected_owner: Option<&'a str>,
    pub(crate) customer: Members<'a>,
    pub(crate) conditions: Conditions<'a>,
}

/// The members of a request that say it.
macro_rules! wanted {
    ($from:expr) => {
        $crate::copy::Wanted {
            source: &$from.copy_source,
            expected_owner: $from.expected_source_bucket_owner.as_deref(),
            customer: (
                $from.copy_source_sse_customer_algorithm.as_deref(),
                $from.copy_source_sse_customer_key.as_deref(),
                $from.copy_source_sse_customer_key_md5.as_deref(),
            ),
            conditions: ::bucket_rules::Conditions {
                if_match: $from.copy_source_if_match.as_deref(),
                if_none_match: $from.copy_source_if_none_match.as_deref(),
                if_modified_since: $from.copy_source_if_modified_since,
                if_unmodified_since: $from.copy_source_if_unmodified_since,
            },
        }
    };
}

pub(crate) use wanted;

impl Source {
    /// Finds it. It may be in another region.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchKey`, `NoSuchVersion`, `PreconditionFailed`, and those of keys.
    pub(crate) fn find(
        state: &State,
        context: &RequestContext,
        wanted: &Wanted<'_>,
    ) -> Result<Self, Failure> {
        let name = CopySource::parse(wanted.source)?;
        let records = state.store.snapshot();
        let bucket = bucket::anywhere(&records, context, name.bucket.as_str(), wanted.expected_owner)?;
        let customer = Customer::of(wanted.customer)?;
        let snapshot = state.objects.snapshot();
        let found = versions::find(&snapshot, &bucket, name.key.as_str(), name.version_id.as_deref());
        let found = found.map_err(|failure| match failure {
            Failure::Answer(error) if error.code == "MethodNotAllowed" => {
                let message = "The source of a copy request may not specifically refer to a delete marker by version id.";
                error::invalid_request(message).into()
            }
            other => other,
        })?;
        encryption::check(found.version.customer_key.as_ref(), customer.as_ref())?;
        let current = Current { etag: &found.version.e_tag, last_modified: found.version.modified };
        wanted.conditions.of_copy_source(&current, context.now)?;
        let (version, contents) = found.contents(&snapshot)?;
        let id = match bucket.versioning {
            Versioning::Never => None,
            Versioning::Enabled | Versioning::Suspended => Some(version.public_id().to_owned()),
        };
        Ok(Self { version, contents, snapshot, customer, id })
    }
}

/// Whether a directive says that something is given anew.
fn replaces(directive: Option<&str>, name: &str) -> Result<bool, ServiceError> {
    match directive {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(other) => Err(error::invalid_argument("Unknown metadata directive.", name, other)),
    }
}

/// Whether a copy would change nothing at all.
fn check_changes(request: &CopyObjectRequest, is_replaced: bool) -> Result<(), Failure> {
    let source = CopySource::parse(&request.copy_source)?;
    let is_itself = source.bucket.as_str() == request.bucket
        && source.key.as_str() == request.key
        && source.version_id.is_none();
    let changes = is_replaced
        || request.storage_class.is_some()
        || request.website_redirect_location.is_some()
        || request.server_side_encryption.is_some()
        || request.sse_customer_key.is_some()
        || request.copy_source_sse_customer_key.is_some()
        || request.checksum_algorithm.is_some();
    if is_itself && !changes {
        let message = "This copy request is illegal because it is trying to copy an object to itself without changing the \
                       object's metadata, storage class, website redirect location or encryption attributes.";
        return Err(error::invalid_request(message).into());
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
pub(crate) fn copy(
    state: &State,
    context: &RequestContext,
    request: CopyObjectRequest,
) -> Result<CopyObjectOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    versions::check_key(&request.key)?;
    let condition = WriteCondition::of_put(request.if_match.as_deref(), request.if_none_match.as_deref())?;
    let is_replaced = replaces(request.metadata_directive.as_deref(), "x-amz-metadata-directive")?;
    let are_tags_replaced = replaces(request.tagging_directive.as_deref(), "x-amz-tagging-directive")?;
    check_changes(&request, is_replaced)?;
    let customer = Customer::of(customer_members!(request))?;
    let encryption = request.server_side_encryption.as_deref();
    encryption::check_asked(encryption, request.ssekms_key_id.as_deref(), customer.as_ref())?;
    // What the bucket says of a new object. It is asked again when the content was read, which can take long.
    let of_bucket = |bucket: &Bucket| {
        let acl = acl::of_new_object(state, context, bucket, &request.key, &acl::for_object!(request))?;
        bucket_encryption::check_customer(bucket, customer.as_ref())?;
        let attached = Attached::of(bucket, &brought!(request), context.now)?;
        Ok::<_, Failure>((acl, attached.with_default(bucket, context.now)))
    };
    of_bucket(&bucket)?;
    let algorithm = request.checksum_algorithm.as_deref().map(checksum::algorithm).transpose()?;
    let storage_class = asked::storage_class(request.storage_class.as_deref())?;
    let given = asked::checked(asked::headers!(request))?;
    let source = Source::find(state, context, &wanted!(request))?;
    if source.version.size_bytes > MOST_BYTES {
        let message = format!(
            "The specified copy source is larger than the maximum allowable size for a copy source: {MOST_BYTES}"
        );
        return Err(error::invalid_request(message).into());
    }
    let tags = (!are_tags_replaced).then(|| source.version.attached.tags.clone());
    let mut version = Version {
        modified: context.now,
        storage_class,
        // It was made of no upload.
        upload: None,
        ..source.version.clone()
    };
    version.headers = given.clone();
    if !is_replaced {
        version.headers = source.version.headers.clone();
        // This one goes with no object to another.
        version.headers.website_redirect_location = given.website_redirect_location;
    }
    let source_id = source.id.clone();
    let written = Copied::of(state, source, customer.as_ref(), algorithm, &mut version)?;
    let (scope, random) = (bucket::scope(context.partition), state.ids.bits());
    let shown = version.clone();
    let (id, expiration) = state.objects.transact(|rows| {
        let bucket = bucket::current(state, &scope, &bucket)?;
        // Retention and holds go with no object to another.
        (version.acl, version.attached) = of_bucket(&bucket)?;
        if let Some(tags) = tags {
            version.attached.tags = tags;
        }
        let newest = versions::newest(rows, &bucket, &request.key)?;
        versions::check_condition(&condition, &request.key, newest.as_ref())?;
        let blobs = match &written {
            Copied::Shared(blobs) => blobs.clone(),
            Copied::Written(blob) => vec![rows.adopt(blob)],
        };
        let expiration = lifecycle::expiration(&bucket, &request.key, &version);
        let (contents, made) = (Contents::Whole(blobs), (context.now, random));
        let id = versions::put(rows, &bucket, &request.key, (version, contents), made)?;
        Ok::<_, Failure>((id, expiration))
    })?;
    let mut result = CopyObjectResult {
        e_tag: Some(quoted(&shown.e_tag)),
        last_modified: Some(context.now),
        ..CopyObjectResult::default()
    };
    if let Some(kept) = &shown.checksum {
        checksum::show!(result, kept);
        result.checksum_type = Some(kept.of.clone());
    }
    let (server_side_encryption, sse_customer_algorithm, sse_customer_key_md5) =
        encryption::said(customer.as_ref());
    Ok(CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: source_id,
        version_id: id,
        expiration,
        server_side_encryption,
        sse_customer_algorithm,
        sse_customer_key_md5,
        ..CopyObjectOutput::default()
    })
}

/// The content of a copy.
enum Copied {
    /// The source's.
    Shared(Vec<object_store::BlobRef>),
    /// Its own.
    Written(object_store::Blob),
}

impl Copied {
    /// Shares or writes a content, and says of it what is so in the version.
    fn of(
        state: &State,
        source: Source,
        customer: Option<&Customer>,
        algorithm: Option<ChecksumAlgorithm>,
        version: &mut Version,
    ) -> Result<Self, Failure> {
        let kept = source.version.checksum.as_ref();
        let has_checksum = kept.is_some_and(|kept| {
            kept.is_whole() && algorithm.is_none_or(|wanted| kept.algorithm() == Some(wanted))
        });
        let is_whole = source.contents.parts().is_none();
        if is_whole && has_checksum && source.customer.is_none() && customer.is_none() {
            return Ok(Self::Shared(source.contents.blobs().to_vec()));
        }
        let wanted = algorithm.or_else(|| kept.and_then(checksum::Kept::algorithm));
        let from = encryption::secret(&state.objects, source.customer.as_ref());
        let length = source.version.size_bytes;
        let mut reading = Reading::new(source.snapshot, from, source.contents.blobs(), 0..length)?;
        let secret = encryption::secret(&state.objects, customer);
        let taken = Said::default().take(state, &secret, &mut reading, wanted)?;
        version.customer_key = customer.map(|customer| customer.kept(state.ids.bits()));
        version.e_tag = match &version.customer_key {
            Some(key) => key.tag(taken.md5.bytes()),
            None => hex::encode(taken.md5.bytes()),
        };
        version.checksum = Some(checksum::Kept::whole(&taken.checksum));
        version.parts = None;
        Ok(Self::Written(taken.blob))
    }
}
