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
use crate::part_list::{ObjectPart, PartList};
use crate::rows::{self, MadeOf, Part, Version};
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
        let keeps_sums = found.upload.checksum_algorithm.is_some();
        let mut list = PartList::new(keeps_sums.then_some(algorithm));
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
            blobs.extend(stored.blobs);
            let checksum = keeps_sums.then(|| sum.clone());
            list.push(&ObjectPart { number: named.number, size_bytes: part.size_bytes, checksum })?;
            sums.push((sum, part.size_bytes));
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
                let asked = (request.key.as_str(), request.upload_id.as_str());
                let done = done_before(rows, context, &bucket, asked, &parts)?;
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
    context: &RequestContext,
    bucket: &Bucket,
    (key, upload): (&str, &str),
    parts: &[Named<'_>],
) -> Result<Option<(Version, Option<String>)>, Failure> {
    let Some(version) = versions::of_upload(rows, bucket, key, upload)? else { return Ok(None) };
    let account = version.upload.as_ref().and_then(|of| of.account);
    multipart::check_account(account, context)?;
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
        upload: Some(MadeOf { id: found.id(), account: upload.account }),
        ..Version::default()
    };
    let contents = Contents::Parts(joined.list, joined.blobs);
    let id = versions::put(rows, bucket, key, (version.clone(), contents), (context.now, random))?;
    found.remove(rows, bucket)?;
    Ok((version, id))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aws_api::s3::{
        CompletedMultipartUpload, CreateBucketRequest, CreateMultipartUploadRequest,
        GetObjectAttributesRequest, GetObjectRequest,
    };
    use aws_types::{Partition, Timestamp};
    use object_store::{BlobSecret, Row};
    use service_api::{IdSource, Principal, RequestId, Whole};
    use store::{MemoryBackend, Store};

    use super::*;
    use crate::intake::Said;
    use crate::place::Stamp;
    use crate::{S3, attributes, object};

    struct Same;

    impl IdSource for Same {
        fn bits(&self) -> u128 {
            7
        }
    }

    fn context() -> RequestContext {
        let account = "123456789012".parse().unwrap();
        RequestContext {
            partition: Partition::Aws,
            region: "us-east-1".parse().unwrap(),
            principal: Principal::root(Partition::Aws, account, "AKIAIOSFODNN7EXAMPLE"),
            request_id: RequestId::from_bits(0),
            now: Timestamp::from_unix_secs(1_800_000_000),
            source_ip: [127, 0, 0, 1].into(),
            user_agent: String::new(),
            secure_transport: true,
            way: service_api::Way::default(),
        }
    }

    /// An upload with the longest checksums, and all of its parts, which have one content. Returns its id, and how the parts are
    /// named.
    fn whole_upload(state: &State, context: &RequestContext) -> (String, Vec<CompletedPart>) {
        let (name, key) = ("bucket".to_owned(), "key".to_owned());
        let create = CreateBucketRequest { bucket: name.clone(), ..CreateBucketRequest::default() };
        bucket::create(state, context, create).unwrap();
        let begin = CreateMultipartUploadRequest {
            bucket: name,
            key,
            checksum_algorithm: Some("SHA512".to_owned()),
            ..CreateMultipartUploadRequest::default()
        };
        let id = multipart::create(state, context, begin).unwrap().upload_id.unwrap();
        let mut content = Whole::new(vec![5_u8; usize::try_from(LEAST_BYTES).unwrap()].into());
        let algorithm = Some(ChecksumAlgorithm::Sha512);
        let taken = Said::default().take(state, state.objects.secret(), &mut content, algorithm).unwrap();
        let part = Part {
            modified: context.now,
            size_bytes: LEAST_BYTES,
            e_tag: hex::encode(taken.md5.bytes()),
            checksum: Kept::whole(&taken.checksum),
        };
        let (bucket, stamp) =
            (bucket::find(state, context, "bucket", None).unwrap(), Stamp::parse(&id).unwrap());
        state
            .objects
            .transact(|rows| {
                let blob = rows.adopt(&taken.blob);
                for number in 1..=MOST_PARTS {
                    let row = place::of_part(&bucket.incarnation, &stamp, number);
                    rows.put(place::PARTS, &row, Row { value: rows::write(&part), blobs: vec![blob] })?;
                }
                Ok::<_, Failure>(())
            })
            .unwrap();
        let named = (1..=MOST_PARTS).map(|number| CompletedPart {
            part_number: i32::try_from(number).ok(),
            e_tag: Some(part.e_tag.clone()),
            checksum_sha512: Some(part.checksum.value.clone()),
            ..CompletedPart::default()
        });
        (id, named.collect())
    }

    #[test]
    fn an_upload_of_all_parts_becomes_an_object() {
        let dir = tempfile::TempDir::new().unwrap();
        let (store, secret) = (Store::open(MemoryBackend::new()).unwrap(), BlobSecret::new([9; 32]));
        let s3 = S3::open(store, Arc::new(Same), dir.path(), secret).unwrap();
        let (state, context) = (&s3.state, context());
        let (name, key) = ("bucket".to_owned(), "key".to_owned());
        let (upload_id, parts) = whole_upload(state, &context);
        let sum = parts[0].checksum_sha512.clone();
        let request = CompleteMultipartUploadRequest {
            bucket: name.clone(),
            key: key.clone(),
            upload_id,
            multipart_upload: Some(CompletedMultipartUpload { parts: Some(parts) }),
            ..CompleteMultipartUploadRequest::default()
        };
        let done = complete(state, &context, request).unwrap();
        assert!(done.checksum_sha512.is_some_and(|sum| sum.ends_with("-10000")));
        let request = GetObjectAttributesRequest {
            bucket: name.clone(),
            key: key.clone(),
            part_number_marker: Some(9_999),
            object_attributes: vec!["ObjectParts".to_owned(), "ObjectSize".to_owned()],
            ..GetObjectAttributesRequest::default()
        };
        let shown = attributes::get(state, &context, request).unwrap();
        assert_eq!(shown.object_size, Some(10_000 * (5 << 20)));
        let shown = shown.object_parts.unwrap();
        assert_eq!(
            (shown.total_parts_count, shown.parts.unwrap()[0].checksum_sha512.clone()),
            (Some(10_000), sum)
        );
        let last =
            GetObjectRequest { bucket: name, key, part_number: Some(10_000), ..GetObjectRequest::default() };
        let read = object::get(state, &context, last, &mut Whole::default()).unwrap();
        assert_eq!(read.content.unwrap().length(), LEAST_BYTES);
    }
}
