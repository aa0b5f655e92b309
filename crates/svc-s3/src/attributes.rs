//! Attributes of objects.

use aws_api::s3::{
    Checksum, GetObjectAttributesOutput, GetObjectAttributesParts, GetObjectAttributesRequest, ObjectPart,
};
use service_api::RequestContext;

use crate::asked::STANDARD;
use crate::encryption::{self, Customer, customer_members};
use crate::error::{self, Failure};
use crate::part_list::{self, PartList};
use crate::{State, bucket, checksum, versions};

/// How many parts are told at once.
const MOST_PARTS: i32 = 1000;
const ATTRIBUTES: [&str; 5] = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetObjectAttributesRequest,
) -> Result<GetObjectAttributesOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let names = request.object_attributes.iter().flat_map(|names| names.split(',')).map(str::trim);
    let names: Vec<&str> = names.collect();
    if let Some(unknown) = names.iter().find(|name| !ATTRIBUTES.contains(name)) {
        let message = "Invalid attribute name specified.";
        return Err(error::invalid_argument(message, "x-amz-object-attributes", unknown).into());
    }
    let is_wanted = |name: &str| names.contains(&name);
    let customer = Customer::of(customer_members!(request))?;
    let snapshot = state.objects.snapshot();
    let found = versions::find(&snapshot, &bucket, &request.key, request.version_id.as_deref())?;
    encryption::check(found.version.customer_key.as_ref(), customer.as_ref())?;
    let (version, contents) = found.contents(&snapshot)?;
    let mut output = GetObjectAttributesOutput {
        last_modified: Some(version.modified),
        version_id: versions::shown_id(&bucket, &version),
        ..GetObjectAttributesOutput::default()
    };
    if is_wanted("ETag") {
        output.e_tag = Some(version.e_tag.clone());
    }
    if is_wanted("StorageClass") {
        output.storage_class = Some(version.storage_class.clone().unwrap_or_else(|| STANDARD.to_owned()));
    }
    if is_wanted("ObjectSize") {
        output.object_size = i64::try_from(version.size_bytes).ok();
    }
    if let Some(kept) = version.checksum.as_ref().filter(|_| is_wanted("Checksum")) {
        let mut shown = Checksum { checksum_type: Some(kept.of.clone()), ..Checksum::default() };
        checksum::show!(shown, kept);
        output.checksum = Some(shown);
    }
    if let Some(list) = contents.parts().filter(|_| is_wanted("ObjectParts")) {
        output.object_parts = Some(parts(list, request.part_number_marker, request.max_parts));
    }
    Ok(output)
}

fn parts(list: &PartList, marker: Option<i32>, most: Option<i32>) -> GetObjectAttributesParts {
    let marker = marker.unwrap_or(0);
    let most = most.unwrap_or(MOST_PARTS).clamp(0, MOST_PARTS);
    let number = |part: &part_list::ObjectPart| i32::try_from(part.number).unwrap_or(i32::MAX);
    let mut rest = list.iter().filter(|part| number(part) > marker);
    let shown: Vec<ObjectPart> = rest
        .by_ref()
        .take(usize::try_from(most).unwrap_or_default())
        .map(|part| {
            let size = i64::try_from(part.size_bytes).ok();
            let mut shown = ObjectPart { part_number: Some(number(&part)), size, ..ObjectPart::default() };
            if let Some(sum) = &part.checksum {
                let kept = checksum::Kept::whole(sum);
                checksum::show!(shown, &kept);
            }
            shown
        })
        .collect();
    let is_truncated = rest.next().is_some();
    GetObjectAttributesParts {
        total_parts_count: i32::try_from(list.len()).ok(),
        part_number_marker: Some(marker),
        next_part_number_marker: shown.last().and_then(|part| part.part_number),
        max_parts: Some(most),
        is_truncated: Some(is_truncated),
        parts: Some(shown),
    }
}
