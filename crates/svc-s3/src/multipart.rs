//! Uploads in parts: begun, parts sent and copied, aborted.
//!
//! How they become objects is in `completion.rs`, how they are listed in `upload_listing.rs`.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use std::ops::Bound;

use aws_api::s3::{
    AbortMultipartUploadOutput, AbortMultipartUploadRequest, CopyPartResult, CreateMultipartUploadOutput,
    CreateMultipartUploadRequest, UploadPartCopyOutput, UploadPartCopyRequest, UploadPartOutput,
    UploadPartRequest,
};
use aws_types::AccountId;
use bucket_rules::ByteRange;
use checksums::{ChecksumAlgorithm, ChecksumType};
use object_store::{BlobRef, Direction, Read, Row, Table, Transaction, after_prefix};
use service_api::{Payload, RequestContext, ServiceError, Streamed};

use crate::attached::{Attached, brought};
use crate::bucket::{self, Bucket};
use crate::copy::{Source, wanted};
use crate::encryption::{self, Customer, customer_members};
use crate::error::{self, Failure};
use crate::intake::{MOST_BYTES, Said, Taken};
use crate::object::quoted;
use crate::place::{self, Incarnation, Stamp};
use crate::reading::Reading;
use crate::rows::{self, Part, Upload};
use crate::{State, acl, asked, bucket_encryption, checksum, lifecycle, owner, versions};

/// The numbers that parts can have.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
pub(crate) const MOST_PARTS: u32 = 10_000;
/// How many rows are removed in one transaction.
const ROWS_AT_ONCE: usize = 1000;

/// An upload that is there.
pub(crate) struct Found {
    pub(crate) stamp: Stamp,
    row: Vec<u8>,
    pub(crate) upload: Upload,
}

impl Found {
    /// The algorithm of the object's checksum, and of what that is.
    pub(crate) fn checksum(&self) -> (ChecksumAlgorithm, ChecksumType) {
        let named = self.upload.checksum_algorithm.as_deref().and_then(ChecksumAlgorithm::named);
        let algorithm = named.unwrap_or(ChecksumAlgorithm::Crc64Nvme);
        let of = self.upload.checksum_type.as_deref().and_then(ChecksumType::named);
        (algorithm, of.unwrap_or_else(|| algorithm.default_type()))
    }

    /// Whether who asks is of the account that began it: no other sends parts of it, or ends it.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions>
    ///
    /// # Errors
    /// `AccessDenied`.
    pub(crate) fn check_initiator(&self, context: &RequestContext) -> Result<(), ServiceError> {
        check_account(self.upload.account, context)
    }

    /// Its id.
    pub(crate) fn id(&self) -> String {
        self.stamp.to_string()
    }

    /// Removes the upload with all of its parts.
    ///
    /// # Errors
    /// Rows cannot be written.
    pub(crate) fn remove(&self, rows: &mut Transaction<'_>, bucket: &Bucket) -> Result<(), Failure> {
        let first = place::of_parts(&bucket.incarnation, &self.stamp);
        for row in keys(rows, place::PARTS, &first, usize::MAX)? {
            rows.delete(place::PARTS, &row)?;
        }
        rows.delete(place::UPLOADS, &self.row)?;
        Ok(())
    }
}

/// Whether who asks is of the account that began an upload.
///
/// # Errors
/// `AccessDenied`.
pub(crate) fn check_account(
    initiator: Option<AccountId>,
    context: &RequestContext,
) -> Result<(), ServiceError> {
    match initiator {
        Some(account) if account != context.account() => Err(error::access_denied("Access Denied")),
        _ => Ok(()),
    }
}

/// The keys of rows that begin so.
pub(crate) fn keys(
    reader: &impl Read,
    table: Table,
    first: &[u8],
    most: usize,
) -> Result<Vec<Vec<u8>>, Failure> {
    let end = after_prefix(first);
    let end = end.as_ref().map(Vec::as_slice);
    let scan = reader.scan(table, Bound::Included(first), end, Direction::Forward);
    scan.take(most).map(|found| Ok(found?.0)).collect()
}

/// The key of the upload with this stamp, for which all uploads of the bucket are looked at.
pub(crate) fn key_of(reader: &impl Read, incarnation: &Incarnation, stamp: &Stamp) -> Option<String> {
    let first = incarnation.bytes();
    let end = after_prefix(first);
    let end = end.as_ref().map(Vec::as_slice);
    let mut scan = reader.scan(place::UPLOADS, Bound::Included(first), end, Direction::Forward);
    scan.find_map(|found| {
        let (row, _) = found.ok()?;
        let (key, behind) = place::split(&row)?;
        (behind == stamp.bytes()).then_some(key)
    })
}

/// Removes all uploads and parts of a bucket that takes no rows any more.
///
/// # Errors
/// Rows cannot be written.
pub(crate) fn forget_all(state: &State, incarnation: &Incarnation) -> Result<(), Failure> {
    for table in [place::UPLOADS, place::PARTS] {
        loop {
            let count = state.objects.transact(|rows| {
                let found = keys(rows, table, incarnation.bytes(), ROWS_AT_ONCE)?;
                for row in &found {
                    rows.delete(table, row)?;
                }
                Ok::<_, Failure>(found.len())
            })?;
            if count < ROWS_AT_ONCE {
                break;
            }
        }
    }
    Ok(())
}

/// The upload with an id.
///
/// # Errors
/// `NoSuchUpload`.
pub(crate) fn find(reader: &impl Read, bucket: &Bucket, key: &str, id: &str) -> Result<Found, Failure> {
    let stamp = Stamp::parse(id).ok_or_else(|| error::no_such_upload(id))?;
    let row = place::of_upload(&bucket.incarnation, key, &stamp);
    let stored = reader.get(place::UPLOADS, &row)?.ok_or_else(|| error::no_such_upload(id))?;
    Ok(Found { stamp, row, upload: rows::read(&stored.value)? })
}

/// The checksum that an upload is begun with.
fn checksum_asked(
    request: &CreateMultipartUploadRequest,
) -> Result<(Option<ChecksumAlgorithm>, Option<ChecksumType>), ServiceError> {
    let algorithm = request.checksum_algorithm.as_deref().map(checksum::algorithm).transpose()?;
    let Some(asked) = request.checksum_type.as_deref() else {
        return Ok((algorithm, algorithm.map(ChecksumAlgorithm::default_type)));
    };
    let Some(algorithm) = algorithm else {
        let message =
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.";
        return Err(error::invalid_request(message));
    };
    let of = ChecksumType::named(asked);
    let of = of.ok_or_else(|| error::invalid_request("Value for x-amz-checksum-type header is invalid."))?;
    if !algorithm.has_type(of) {
        let message = format!(
            "The {asked} checksum type cannot be used with the {} checksum algorithm.",
            algorithm.name().to_ascii_lowercase()
        );
        return Err(error::invalid_request(message));
    }
    Ok((Some(algorithm), Some(of)))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html>
pub(crate) fn create(
    state: &State,
    context: &RequestContext,
    request: CreateMultipartUploadRequest,
) -> Result<CreateMultipartUploadOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    versions::check_key(&request.key)?;
    if context.principal.is_anonymous() {
        let message = "Anonymous users cannot initiate multipart uploads.  Please authenticate.";
        return Err(error::access_denied(message).into());
    }
    let acl = acl::of_new_object(state, context, &bucket, &request.key, &acl::for_object!(request))?;
    let customer = Customer::of(customer_members!(request))?;
    let encryption = request.server_side_encryption.as_deref();
    encryption::check_asked(encryption, request.ssekms_key_id.as_deref(), customer.as_ref())?;
    bucket_encryption::check_customer(&bucket, customer.as_ref())?;
    let (algorithm, of) = checksum_asked(&request)?;
    let upload = Upload {
        initiated: context.now,
        initiator: owner::initiator(context),
        account: Some(context.account()),
        acl,
        headers: asked::checked(asked::headers!(request))?,
        storage_class: asked::storage_class(request.storage_class.as_deref())?,
        customer_key: customer.as_ref().map(|customer| customer.kept(state.ids.bits())),
        checksum_algorithm: algorithm.map(|algorithm| algorithm.name().to_owned()),
        checksum_type: of.map(|of| of.name().to_owned()),
        attached: Attached::of(&bucket, &brought!(request), context.now)?,
    };
    let (abort_date, abort_rule_id) = lifecycle::abort(&bucket, &request.key, upload.initiated);
    let stamp = Stamp::new(versions::order_after(context.now, None), state.ids.bits());
    let row = place::of_upload(&bucket.incarnation, &request.key, &stamp);
    state.objects.transact(|rows| {
        bucket::check_lives(rows, &bucket)?;
        Ok::<_, Failure>(rows.put(place::UPLOADS, &row, Row::new(rows::write(&upload)))?)
    })?;
    let (server_side_encryption, sse_customer_algorithm, sse_customer_key_md5) =
        encryption::said(customer.as_ref());
    Ok(CreateMultipartUploadOutput {
        abort_date,
        abort_rule_id,
        bucket: Some(request.bucket),
        key: Some(request.key),
        upload_id: Some(stamp.to_string()),
        checksum_algorithm: upload.checksum_algorithm,
        checksum_type: upload.checksum_type,
        server_side_encryption,
        sse_customer_algorithm,
        sse_customer_key_md5,
        ..CreateMultipartUploadOutput::default()
    })
}

/// The number of a part.
fn part_number(number: i32) -> Result<u32, ServiceError> {
    let read = u32::try_from(number).ok().filter(|number| (1..=MOST_PARTS).contains(number));
    read.ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        error::invalid_argument(message, "partNumber", &number.to_string())
    })
}

/// What a part is written as.
struct Target<'a> {
    bucket: &'a Bucket,
    key: &'a str,
    id: &'a str,
    number: u32,
}

impl Target<'_> {
    /// Writes it, in place of one with the number.
    fn write(
        &self,
        state: &State,
        context: &RequestContext,
        upload: &Upload,
        taken: &Taken,
    ) -> Result<Part, Failure> {
        let part = Part {
            modified: context.now,
            size_bytes: taken.blob.length_bytes(),
            e_tag: match &upload.customer_key {
                Some(key) => key.tag(taken.md5.bytes()),
                None => hex::encode(taken.md5.bytes()),
            },
            checksum: checksum::Kept::whole(&taken.checksum),
        };
        state.objects.transact(|rows| {
            bucket::check_lives(rows, self.bucket)?;
            let found = find(rows, self.bucket, self.key, self.id)?;
            let row = place::of_part(&self.bucket.incarnation, &found.stamp, self.number);
            let blobs: Vec<BlobRef> = vec![rows.adopt(&taken.blob)];
            Ok::<_, Failure>(rows.put(place::PARTS, &row, Row { value: rows::write(&part), blobs })?)
        })?;
        Ok(part)
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html>
pub(crate) fn upload_part(
    state: &State,
    context: &RequestContext,
    request: UploadPartRequest,
    payload: &mut dyn Payload,
) -> Result<Streamed<UploadPartOutput>, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let number = part_number(request.part_number)?;
    let found = find(&state.objects.snapshot(), &bucket, &request.key, &request.upload_id)?;
    found.check_initiator(context)?;
    let customer = Customer::of(customer_members!(request))?;
    encryption::check(found.upload.customer_key.as_ref(), customer.as_ref())?;
    let given = checksum::given(checksum::members!(request))?;
    let (keep, _) = found.checksum();
    if let (Some(given), Some(_)) = (&given, &found.upload.checksum_algorithm)
        && given.algorithm() != keep
    {
        let lower = |algorithm: ChecksumAlgorithm| algorithm.name().to_ascii_lowercase();
        let message = format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            lower(keep),
            lower(given.algorithm())
        );
        return Err(error::invalid_request(message).into());
    }
    let used = given.as_ref().map(checksums::Checksum::algorithm);
    let said = Said::of(request.content_md5.as_deref(), given, request.checksum_algorithm.as_deref())?;
    let secret = encryption::secret(&state.objects, customer.as_ref());
    let taken = said.take(state, &secret, payload, Some(keep))?;
    let target = Target { bucket: &bucket, key: &request.key, id: &request.upload_id, number };
    let part = target.write(state, context, &found.upload, &taken)?;
    let (server_side_encryption, sse_customer_algorithm, sse_customer_key_md5) =
        encryption::said(customer.as_ref());
    let mut output = UploadPartOutput {
        e_tag: Some(quoted(&part.e_tag)),
        server_side_encryption,
        sse_customer_algorithm,
        sse_customer_key_md5,
        ..UploadPartOutput::default()
    };
    if used.is_none_or(|used| used == keep) {
        checksum::show!(output, &part.checksum);
    }
    Ok(Streamed::empty(output))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html>
pub(crate) fn copy_part(
    state: &State,
    context: &RequestContext,
    request: UploadPartCopyRequest,
) -> Result<UploadPartCopyOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let number = part_number(request.part_number)?;
    let found = find(&state.objects.snapshot(), &bucket, &request.key, &request.upload_id)?;
    found.check_initiator(context)?;
    let customer = Customer::of(customer_members!(request))?;
    encryption::check(found.upload.customer_key.as_ref(), customer.as_ref())?;
    let source = Source::find(state, context, &wanted!(request))?;
    let length = source.version.size_bytes;
    let range = match request.copy_source_range.as_deref() {
        None => 0..length,
        Some(text) => ByteRange::of_copy_source(text, length)?.bounds(),
    };
    if range.end - range.start > MOST_BYTES {
        return Err(error::entity_too_large().into());
    }
    let from = encryption::secret(&state.objects, source.customer.as_ref());
    let mut reading = Reading::new(source.snapshot, from, source.contents.blobs(), range)?;
    let secret = encryption::secret(&state.objects, customer.as_ref());
    let taken = Said::default().take(state, &secret, &mut reading, Some(found.checksum().0))?;
    let target = Target { bucket: &bucket, key: &request.key, id: &request.upload_id, number };
    let part = target.write(state, context, &found.upload, &taken)?;
    let mut result = CopyPartResult {
        e_tag: Some(quoted(&part.e_tag)),
        last_modified: Some(part.modified),
        ..CopyPartResult::default()
    };
    checksum::show!(result, &part.checksum);
    let (server_side_encryption, sse_customer_algorithm, sse_customer_key_md5) =
        encryption::said(customer.as_ref());
    Ok(UploadPartCopyOutput {
        copy_source_version_id: source.id,
        copy_part_result: Some(result),
        server_side_encryption,
        sse_customer_algorithm,
        sse_customer_key_md5,
        ..UploadPartCopyOutput::default()
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html>
pub(crate) fn abort(
    state: &State,
    context: &RequestContext,
    request: AbortMultipartUploadRequest,
) -> Result<AbortMultipartUploadOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    if request.if_match_initiated_time.is_some() {
        return Err(error::not_implemented("conditions of directory buckets").into());
    }
    state
        .objects
        .transact(|rows| find(rows, &bucket, &request.key, &request.upload_id)?.remove(rows, &bucket))?;
    Ok(AbortMultipartUploadOutput::default())
}
