//! Uploads and their parts are listed.

use std::ops::Bound;

use aws_api::s3::{
    ListMultipartUploadsOutput, ListMultipartUploadsRequest, ListPartsOutput, ListPartsRequest,
    MultipartUpload, Part as ShownPart,
};
use object_store::{Direction, Read as _, after_prefix};
use service_api::RequestContext;

use crate::asked::STANDARD;
use crate::bucket::{self, Bucket};
use crate::error::{self, Failure};
use crate::listing::{check_encoding, most, shown_prefixes};
use crate::object::quoted;
use crate::place::{self, Stamp};
use crate::rows::{self, Part, Upload};
use crate::walk::{self, Entry, Wanted};
use crate::{State, acl, checksum, lifecycle, multipart, owner};

/// An upload on a page.
struct Listed {
    key: String,
    id: String,
    upload: Upload,
}

/// Where a page of uploads begins.
fn after_upload(bucket: &Bucket, key: Option<&str>, id: Option<&str>) -> Result<Bound<Vec<u8>>, Failure> {
    // Without a key the id says nothing, and is ignored.
    let Some(key) = key.filter(|key| !key.is_empty()) else { return Ok(Bound::Unbounded) };
    let Some(id) = id.filter(|id| !id.is_empty()) else {
        return Ok(Bound::Included(place::after_key(&bucket.incarnation, key)));
    };
    let invalid = || error::invalid_argument("Invalid uploadId marker", "upload-id-marker", id);
    let stamp = Stamp::parse(id).ok_or_else(invalid)?;
    Ok(Bound::Excluded(place::of_upload(&bucket.incarnation, key, &stamp)))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html>
pub(crate) fn uploads(
    state: &State,
    context: &RequestContext,
    request: ListMultipartUploadsRequest,
) -> Result<ListMultipartUploadsOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    check_encoding(request.encoding_type.as_deref())?;
    let most = most(request.max_uploads, "max-uploads")?;
    let delimiter = request.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let key_marker = request.key_marker.as_deref();
    let from = after_upload(&bucket, key_marker, request.upload_id_marker.as_deref())?;
    let wanted = Wanted {
        table: place::UPLOADS,
        incarnation: &bucket.incarnation,
        prefix: request.prefix.as_deref().unwrap_or_default(),
        delimiter: delimiter.unwrap_or_default(),
        most: usize::try_from(most).unwrap_or_default(),
        one_per_key: false,
        after: key_marker,
    };
    let page = walk::page(&state.objects.snapshot(), &wanted, from, |key, row, stored| {
        let stamp = place::split(&row).and_then(|(_, behind)| Stamp::of_bytes(behind));
        let stamp = stamp.ok_or_else(|| Failure::Malformed("an upload in no place".to_owned()))?;
        let upload = rows::read(&stored.value)?;
        Ok(Some(Listed { key: key.to_owned(), id: stamp.to_string(), upload }))
    })?;
    let (mut shown, mut prefixes) = (Vec::new(), Vec::new());
    let (mut next_key, mut next_id) = (None, None);
    for entry in page.entries {
        match entry {
            Entry::Prefix(prefix) => {
                (next_key, next_id) = (Some(prefix.clone()), None);
                prefixes.push(prefix);
            }
            Entry::Row(listed) => {
                (next_key, next_id) = (Some(listed.key.clone()), Some(listed.id.clone()));
                shown.push(upload(&bucket, listed));
            }
        }
    }
    Ok(ListMultipartUploadsOutput {
        bucket: Some(bucket.name.to_string()),
        key_marker: Some(key_marker.unwrap_or_default().to_owned()),
        upload_id_marker: Some(request.upload_id_marker.unwrap_or_default()),
        next_key_marker: next_key.filter(|_| page.is_truncated),
        next_upload_id_marker: next_id.filter(|_| page.is_truncated),
        prefix: Some(request.prefix.clone().unwrap_or_default()),
        delimiter: delimiter.map(str::to_owned),
        max_uploads: Some(most),
        is_truncated: Some(page.is_truncated),
        uploads: Some(shown),
        common_prefixes: Some(shown_prefixes(prefixes)),
        encoding_type: request.encoding_type,
        request_charged: None,
    })
}

fn upload(bucket: &Bucket, listed: Listed) -> MultipartUpload {
    let upload = listed.upload;
    MultipartUpload {
        upload_id: Some(listed.id),
        key: Some(listed.key),
        initiated: Some(upload.initiated),
        storage_class: Some(upload.storage_class.unwrap_or_else(|| STANDARD.to_owned())),
        owner: Some(owner::shown(acl::owner_of(bucket, upload.acl.as_ref()))),
        initiator: Some(owner::shown_initiator(&upload.initiator)),
        checksum_algorithm: upload.checksum_algorithm,
        checksum_type: upload.checksum_type,
        version_id: None,
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html>
pub(crate) fn parts(
    state: &State,
    context: &RequestContext,
    request: ListPartsRequest,
) -> Result<ListPartsOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let most = most(request.max_parts, "max-parts")?;
    let marker = request.part_number_marker.unwrap_or(0);
    let after = u32::try_from(marker).map_err(|_| {
        let message = "Argument part-number-marker must be an integer between 0 and 2147483647";
        error::invalid_argument(message, "part-number-marker", &marker.to_string())
    })?;
    let rows = state.objects.snapshot();
    let found = multipart::find(&rows, &bucket, &request.key, &request.upload_id)?;
    let from = place::of_part(&bucket.incarnation, &found.stamp, after);
    let end = after_prefix(&place::of_parts(&bucket.incarnation, &found.stamp));
    let end = end.as_ref().map(Vec::as_slice);
    let mut rest = rows.scan(place::PARTS, Bound::Excluded(from.as_slice()), end, Direction::Forward);
    let with_checksum = found.upload.checksum_algorithm.is_some();
    let mut shown = Vec::new();
    for row in rest.by_ref().take(usize::try_from(most).unwrap_or_default()) {
        let (row, stored) = row?;
        let number = place::number_of(&row).and_then(|number| i32::try_from(number).ok());
        shown.push(part(number, rows::read(&stored.value)?, with_checksum));
    }
    let is_truncated = most > 0 && rest.next().transpose()?.is_some();
    let upload = found.upload;
    let (abort_date, abort_rule_id) = lifecycle::abort(&bucket, &request.key, upload.initiated);
    Ok(ListPartsOutput {
        abort_date,
        abort_rule_id,
        bucket: Some(bucket.name.to_string()),
        key: Some(request.key),
        upload_id: Some(request.upload_id),
        part_number_marker: Some(marker),
        next_part_number_marker: Some(
            shown.last().and_then(|part: &ShownPart| part.part_number).unwrap_or(0),
        ),
        max_parts: Some(most),
        is_truncated: Some(is_truncated),
        parts: Some(shown),
        initiator: Some(owner::shown_initiator(&upload.initiator)),
        owner: Some(owner::shown(acl::owner_of(&bucket, upload.acl.as_ref()))),
        storage_class: Some(upload.storage_class.unwrap_or_else(|| STANDARD.to_owned())),
        checksum_algorithm: upload.checksum_algorithm,
        checksum_type: upload.checksum_type,
        ..ListPartsOutput::default()
    })
}

fn part(number: Option<i32>, part: Part, with_checksum: bool) -> ShownPart {
    let mut shown = ShownPart {
        part_number: number,
        last_modified: Some(part.modified),
        e_tag: Some(quoted(&part.e_tag)),
        size: i64::try_from(part.size_bytes).ok(),
        ..ShownPart::default()
    };
    if with_checksum {
        checksum::show!(shown, &part.checksum);
    }
    shown
}
