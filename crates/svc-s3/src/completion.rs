//! Uploads become objects.
//!
//! The parts' contents are not read: the object's row refers to them. Tag and checksum follow from those of the parts.

use aws_api::s3::{CompleteMultipartUploadOutput, CompleteMultipartUploadRequest, CompletedPart};
use bucket_rules::WriteCondition;
use checksums::{Checksum, ChecksumAlgorithm, ChecksumType, Hasher};
use object_store::{BlobRef, Read, Transaction};
use service_api::{RequestContext, ServiceError};

use crate::bucket::{self, Bucket};
use crate::checksum::Kept;
use crate::encryption::{self, Customer, customer_members};
use crate::error::{self, Failure};
use crate::multipart::{self, Found, MOST_PARTS};
use crate::object::quoted;
use crate::rows::{self, ObjectPart, Part, PartList, Version};
use crate::versions::{self, Contents};
use crate::{State, checksum, lifecycle, place};

/// How long every part but the last has to be.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const LEAST_BYTES: u64 = 5 << 20;

/// A part, as a client names it.
struct Named<'a> {
    number: u32,
    e_tag: &'a str,
    checksum: Option<(ChecksumAlgorithm, &'a str)>,
}

/// The parts that a request names.
fn named(parts: &[CompletedPart]) -> Result<Vec<Named<'_>>, ServiceError> {
    if parts.is_empty() || parts.len() > MOST_PARTS as usize {
        return Err(error::malformed_xml());
    }
    let mut named: Vec<Named<'_>> = Vec::with_capacity(parts.len());
    for part in parts {
        let (Some(number), Some(e_tag)) = (part.part_number, part.e_tag.as_deref()) else {
            return Err(error::malformed_xml());
        };
        let number = u32::try_from(number).map_err(|_| invalid_part(number.into(), Some(e_tag)))?;
        if named.last().is_some_and(|last| last.number >= number) {
            let message = "The list of parts was not in ascending order. The parts list must be specified in order by part \
                           number.";
            return Err(error::error(400, "InvalidPartOrder", message));
        }
        let checksum = checksum::only(checksum::members!(part))?;
        named.push(Named { number, e_tag: e_tag.trim_matches('"'), checksum });
    }
    Ok(named)
}

fn invalid_part(number: i64, e_tag: Option<&str>) -> ServiceError {
    let message = "One or more of the specified parts could not be found.  The part may not have been uploaded, or the \
                   specified entity tag may not match the part's entity tag.";
    let error = error::error(400, "InvalidPart", message).with_field("PartNumber", number.to_string());
    error.with_field("ETag", e_tag.unwrap_or_default())
}

/// What the parts are together.
struct Joined {
    list: PartList,
    blobs: Vec<BlobRef>,
    size_bytes: u64,
    e_tag: String,
    checksum: Kept,
}

impl Joined {
    fn of(rows: &impl Read, bucket: &Bucket, found: &Found, parts: &[Named<'_>]) -> Result<Self, Failure> {
        let (algorithm, of) = found.checksum();
        let mut list = PartList::default();
        let (mut blobs, mut sums, mut size_bytes) = (Vec::new(), Vec::new(), 0);
        let mut tags = Hasher::new(ChecksumAlgorithm::Md5);
        for (index, named) in parts.iter().enumerate() {
            let invalid = || invalid_part(named.number.into(), Some(named.e_tag));
            let row = place::of_part(&bucket.incarnation, &found.stamp, named.number);
            let stored = rows.get(place::PARTS, &row)?.ok_or_else(invalid)?;
            let part: Part = rows::read(&stored.value)?;
            if part.e_tag != named.e_tag {
                return Err(invalid().into());
            }
            check_checksum(found, named, &part)?;
            if index + 1 < parts.len() && part.size_bytes < LEAST_BYTES {
                return Err(too_small(named, &part).into());
            }
            let tag = hex::decode(&part.e_tag).map_err(|error| Failure::Malformed(error.to_string()))?;
            tags.update(&tag);
            size_bytes += part.size_bytes;
            let sum = part.checksum.checksum();
            let sum = sum.ok_or_else(|| Failure::Malformed("a part without a checksum".to_owned()))?;
            sums.push((sum, part.size_bytes));
            blobs.extend(stored.blobs);
            let checksum = found.upload.checksum_algorithm.is_some().then_some(part.checksum);
            list.parts.push(ObjectPart { number: named.number, size_bytes: part.size_bytes, checksum });
        }
        let checksum = together(algorithm, of, &sums)
            .ok_or_else(|| Failure::Malformed("parts whose checksums do not go together".to_owned()))?;
        let e_tag = joined_tag(tags, parts.len());
        Ok(Self { list, blobs, size_bytes, e_tag, checksum })
    }
}

fn together(algorithm: ChecksumAlgorithm, of: ChecksumType, sums: &[(Checksum, u64)]) -> Option<Kept> {
    let value = match of {
        ChecksumType::Composite => {
            let whole = checksums::composite(algorithm, sums.iter().map(|(sum, _)| sum))?;
            format!("{}-{}", whole.to_base64(), sums.len())
        }
        ChecksumType::FullObject => {
            checksums::full_object(algorithm, sums.iter().map(|(sum, length)| (sum, *length)))?.to_base64()
        }
    };
    Some(Kept::of(algorithm, value, of))
}

/// Whether the checksum that a client says of a part is the part's.
fn check_checksum(found: &Found, named: &Named<'_>, part: &Part) -> Result<(), ServiceError> {
    let (algorithm, of) = found.checksum();
    match named.checksum {
        Some((said, value)) if said == algorithm => {
            if value == part.checksum.value {
                Ok(())
            } else {
                Err(invalid_part(named.number.into(), Some(named.e_tag)))
            }
        }
        // Of other algorithms nothing was kept; they were compared when the part came.
        Some(_) if found.upload.checksum_algorithm.is_none() => Ok(()),
        None if of == ChecksumType::FullObject || found.upload.checksum_algorithm.is_none() => Ok(()),
        _ => {
            let message = format!(
                "The upload was created using a {} checksum. The complete request must include the checksum for each part. It \
                 was missing for part {} in the request.",
                algorithm.name().to_ascii_lowercase(),
                named.number
            );
            Err(error::invalid_request(message))
        }
    }
}

fn too_small(named: &Named<'_>, part: &Part) -> ServiceError {
    let message = "Your proposed upload is smaller than the minimum allowed size";
    let error = error::error(400, "EntityTooSmall", message);
    error
        .with_field("ProposedSize", part.size_bytes.to_string())
        .with_field("MinSizeAllowed", LEAST_BYTES.to_string())
        .with_field("PartNumber", named.number.to_string())
        .with_field("ETag", named.e_tag)
}

/// Whether what a request says of the whole object holds.
fn check_said(request: &CompleteMultipartUploadRequest, joined: &Joined) -> Result<(), ServiceError> {
    if request.mpu_object_size.is_some_and(|said| u64::try_from(said) != Ok(joined.size_bytes)) {
        let message = "The provided 'x-amz-mp-object-size' header does not match what was computed.";
        return Err(error::invalid_request(message));
    }
    if request.checksum_type.as_deref().is_some_and(|said| said != joined.checksum.of) {
        let message =
            "The upload was created using another checksum type than the one of the complete request.";
        return Err(error::invalid_request(message));
    }
    let Some((algorithm, value)) = checksum::only(checksum::members!(request))? else { return Ok(()) };
    // Clients may leave the number of parts away.
    let kept = joined.checksum.value.as_str();
    let without_count = kept.split_once('-').map_or(kept, |(value, _)| value);
    if joined.checksum.algorithm() != Some(algorithm) || (value != kept && value != without_count) {
        let name = algorithm.name().to_ascii_lowercase();
        return Err(error::bad_digest(format!(
            "The {name} you specified did not match the calculated checksum."
        )));
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>
pub(crate) fn complete(
    state: &State,
    context: &RequestContext,
    request: CompleteMultipartUploadRequest,
) -> Result<CompleteMultipartUploadOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let condition = WriteCondition::of_put(request.if_match.as_deref(), request.if_none_match.as_deref())?;
    let customer = Customer::of(customer_members!(request))?;
    let parts = request.multipart_upload.as_ref().and_then(|upload| upload.parts.as_deref());
    let parts = named(parts.unwrap_or_default())?;
    let (scope, random) = (bucket::scope(context.partition), state.ids.bits());
    let (bucket, version, id) = state.objects.transact(|rows| {
        let bucket = bucket::current(state, &scope, &bucket)?;
        let found = match multipart::find(rows, &bucket, &request.key, &request.upload_id) {
            Err(Failure::Answer(gone)) if gone.code == "NoSuchUpload" => {
                let done = done_before(rows, &bucket, (&request.key, &request.upload_id), &parts)?;
                let (version, id) = done.ok_or(Failure::Answer(gone))?;
                return Ok((bucket, version, id));
            }
            found => found?,
        };
        found.check_initiator(context)?;
        // The key is not needed for this. Who brings one brings the right one.
        if customer.is_some() {
            encryption::check(found.upload.customer_key.as_ref(), customer.as_ref())?;
        }
        let newest = versions::newest(rows, &bucket, &request.key)?;
        versions::check_condition(&condition, &request.key, newest.as_ref())?;
        let joined = Joined::of(rows, &bucket, &found, &parts)?;
        check_said(&request, &joined)?;
        let (version, id) = write(rows, &bucket, &request.key, (found, joined), (context, random))?;
        Ok::<_, Failure>((bucket, version, id))
    })?;
    let endpoint = format!("https://{}.s3.{}.amazonaws.com", bucket.name, bucket.region);
    let expiration = lifecycle::expiration(&bucket, &request.key, &version);
    let is_customers = version.customer_key.is_some();
    let mut output = CompleteMultipartUploadOutput {
        location: Some(format!("{endpoint}/{}", encoded(&request.key))),
        bucket: Some(request.bucket),
        key: Some(request.key),
        e_tag: Some(quoted(&version.e_tag)),
        version_id: id,
        expiration,
        server_side_encryption: (!is_customers).then(|| encryption::AES256.to_owned()),
        ..CompleteMultipartUploadOutput::default()
    };
    if let Some(kept) = &version.checksum {
        checksum::show!(output, kept);
        output.checksum_type = Some(kept.of.clone());
    }
    Ok(output)
}

/// The object that a client is told of again whose first answer was lost: of this upload, and of the same parts.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>
fn done_before(
    rows: &impl Read,
    bucket: &Bucket,
    (key, upload): (&str, &str),
    parts: &[Named<'_>],
) -> Result<Option<(Version, Option<String>)>, Failure> {
    let Some(version) = versions::of_upload(rows, bucket, key, upload)? else { return Ok(None) };
    let mut tags = Hasher::new(ChecksumAlgorithm::Md5);
    for part in parts {
        let Ok(tag) = hex::decode(part.e_tag) else { return Ok(None) };
        tags.update(&tag);
    }
    let is_the_same = version.e_tag == joined_tag(tags, parts.len());
    let id = versions::shown_id(bucket, &version);
    Ok(is_the_same.then_some((version, id)))
}

/// The entity tag of what parts are together, of whose tags this is the hash.
fn joined_tag(tags: Hasher, parts: usize) -> String {
    format!("{}-{parts}", hex::encode(tags.finish().bytes()))
}

fn encoded(key: &str) -> String {
    percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Writes the object, and removes the upload with all of its parts, also those that are not in the object.
fn write(
    rows: &mut Transaction<'_>,
    bucket: &Bucket,
    key: &str,
    (found, joined): (Found, Joined),
    (context, random): (&RequestContext, u128),
) -> Result<(Version, Option<String>), Failure> {
    let upload = &found.upload;
    let version = Version {
        modified: context.now,
        size_bytes: joined.size_bytes,
        e_tag: joined.e_tag,
        checksum: Some(joined.checksum),
        headers: upload.headers.clone(),
        storage_class: upload.storage_class.clone(),
        customer_key: upload.customer_key.clone(),
        attached: upload.attached.clone().with_default(bucket, context.now),
        acl: upload.acl.clone(),
        upload: Some(found.id()),
        ..Version::default()
    };
    let contents = Contents::Parts(joined.list, joined.blobs);
    let id = versions::put(rows, bucket, key, (version.clone(), contents), (context.now, random))?;
    found.remove(rows, bucket)?;
    Ok((version, id))
}
