//! Objects copied: the source of a copy, and CopyObject.
//!
//! A content that is the same afterwards is not copied: the new row refers to it. It is read and written again where it would be
//! another, under another key, or where its tag or checksum would be of parts that the copy does not have.

use aws_api::s3::{CopyObjectOutput, CopyObjectRequest, CopyObjectResult};
use checksums::ChecksumAlgorithm;
use object_store::Snapshot;
use percent_encoding::percent_decode_str;
use service_api::{RequestContext, ServiceError};

use crate::condition::{Conditions, WriteConditions};
use crate::encryption::{self, Customer, Members, customer_members};
use crate::error::{self, Failure};
use crate::intake::{MOST_BYTES, Said};
use crate::object::quoted;
use crate::reading::Reading;
use crate::rows::Version;
use crate::versioning::Versioning;
use crate::versions::{self, Contents};
use crate::{State, asked, bucket, checksum};

/// What a header names as a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceName {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version: Option<String>,
}

impl SourceName {
    /// Reads `bucket/key`, percent-encoded, with a slash before it and a version behind it or without.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (path, version) = match text.rsplit_once("?versionId=") {
            Some((path, version)) => (path, Some(version.to_owned())),
            None => (text, None),
        };
        let path = percent_decode_str(path).decode_utf8().ok()?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        let (bucket, key) = path.split_once('/')?;
        let named = !bucket.is_empty() && !key.is_empty() && version.as_deref() != Some("");
        named.then(|| Self { bucket: bucket.to_owned(), key: key.to_owned(), version })
    }
}

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
            conditions: $crate::condition::Conditions {
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
        let name = name(wanted.source)?;
        let records = state.store.snapshot();
        let bucket = bucket::anywhere(&records, context, &name.bucket, wanted.expected_owner)?;
        let customer = Customer::of(wanted.customer)?;
        let snapshot = state.objects.snapshot();
        let found = versions::find(&snapshot, &bucket, &name.key, name.version.as_deref());
        let found = found.map_err(|failure| match failure {
            Failure::Answer(error) if error.code == "MethodNotAllowed" => {
                let message = "The source of a copy request may not specifically refer to a delete marker by version id.";
                error::invalid_request(message).into()
            }
            other => other,
        })?;
        encryption::check(found.version.customer_key.as_ref(), customer.as_ref())?;
        wanted.conditions.check_source(&found.version.e_tag, found.version.modified)?;
        let (version, contents) = found.contents(&snapshot)?;
        let id = match bucket.versioning {
            Versioning::Never => None,
            Versioning::Enabled | Versioning::Suspended => Some(version.public_id().to_owned()),
        };
        Ok(Self { version, contents, snapshot, customer, id })
    }
}

/// What the header names.
///
/// # Errors
/// `InvalidArgument`.
pub(crate) fn name(source: &str) -> Result<SourceName, ServiceError> {
    let read = SourceName::parse(source);
    read.ok_or_else(|| {
        let message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";
        error::invalid_argument(message, "x-amz-copy-source", source)
    })
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
fn check_changes(request: &CopyObjectRequest, is_replaced: bool) -> Result<(), ServiceError> {
    let source = name(&request.copy_source)?;
    let is_itself = source.bucket == request.bucket && source.key == request.key && source.version.is_none();
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
        return Err(error::invalid_request(message));
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
    asked::refuse!(request)?;
    let conditions = WriteConditions::of(request.if_match.as_deref(), request.if_none_match.as_deref())?;
    let is_replaced = replaces(request.metadata_directive.as_deref(), "x-amz-metadata-directive")?;
    replaces(request.tagging_directive.as_deref(), "x-amz-tagging-directive")?;
    check_changes(&request, is_replaced)?;
    let customer = Customer::of(customer_members!(request))?;
    let encryption = request.server_side_encryption.as_deref();
    encryption::check_asked(encryption, request.ssekms_key_id.as_deref(), customer.as_ref())?;
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
    let mut version = Version { modified: context.now, storage_class, ..source.version.clone() };
    version.headers = given.clone();
    if !is_replaced {
        version.headers = source.version.headers.clone();
        // This one goes with no object to another.
        version.headers.website_redirect_location = given.website_redirect_location;
    }
    let source_id = source.id.clone();
    let written = Copied::of(state, source, customer.as_ref(), algorithm, &mut version)?;
    let random = state.ids.bits();
    let shown = version.clone();
    let id = state.objects.transact(|rows| {
        conditions.check(&request.key, versions::newest(rows, &bucket, &request.key)?.as_ref())?;
        let blobs = match &written {
            Copied::Shared(blobs) => blobs.clone(),
            Copied::Written(blob) => vec![rows.adopt(blob)],
        };
        versions::put(rows, &bucket, &request.key, (version, Contents::Whole(blobs)), (context.now, random))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_with_and_without_a_slash_and_a_version() {
        let check = |text: &str, expected: Option<(&str, &str, Option<&str>)>| {
            let expected = expected.map(|(bucket, key, version)| SourceName {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
                version: version.map(str::to_owned),
            });
            assert_eq!(SourceName::parse(text), expected, "{text}");
        };
        check("b/k", Some(("b", "k", None)));
        check("/b/k/l", Some(("b", "k/l", None)));
        check("b/a%20b%3FversionId=x", Some(("b", "a b?versionId=x", None)));
        check("%2Fb%2Fk?versionId=null", Some(("b", "k", Some("null"))));
        for text in ["", "b", "b/", "/b", "b/k?versionId=", "b/%FF"] {
            check(text, None);
        }
    }
}
