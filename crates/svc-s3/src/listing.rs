//! Objects and their versions are listed.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ListingKeysUsingAPIs.html>

use std::ops::Bound;

use aws_api::s3::{
    CommonPrefix, DeleteMarkerEntry, ListObjectVersionsOutput, ListObjectVersionsRequest, ListObjectsOutput,
    ListObjectsRequest, ListObjectsV2Output, ListObjectsV2Request, Object, ObjectVersion,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use service_api::{RequestContext, ServiceError};

use crate::asked::STANDARD;
use crate::bucket::{self, Bucket};
use crate::error::{self, Failure};
use crate::object::quoted;
use crate::place::{self, Stamp};
use crate::rows::{self, NULL, Version};
use crate::versions;
use crate::walk::{self, Entry, Wanted};
use crate::{State, acl, owner};

/// How many entries a page has at most.
const MOST_KEYS: i32 = 1000;
/// Refuses an encoding that there is none. The one that there is the protocol's codec does.
///
/// # Errors
/// `InvalidArgument`.
pub(crate) fn check_encoding(asked: Option<&str>) -> Result<(), ServiceError> {
    match asked {
        None | Some("url") => Ok(()),
        Some(other) => {
            let message = "Invalid Encoding Method specified in Request";
            Err(error::invalid_argument(message, "encoding-type", other))
        }
    }
}

/// Prefixes as an answer has them.
pub(crate) fn shown_prefixes(prefixes: Vec<String>) -> Vec<CommonPrefix> {
    prefixes.into_iter().map(|prefix| CommonPrefix { prefix: Some(prefix) }).collect()
}

/// How many entries are wanted.
///
/// # Errors
/// `InvalidArgument`.
pub(crate) fn most(asked: Option<i32>, name: &str) -> Result<i32, ServiceError> {
    match asked {
        None => Ok(MOST_KEYS),
        Some(most) if most < 0 => {
            let message = "Argument maxKeys must be an integer between 0 and 2147483647";
            Err(error::invalid_argument(message, name, &most.to_string()))
        }
        Some(most) => Ok(most.min(MOST_KEYS)),
    }
}

/// A page of objects, before it is written in one of two ways.
struct Objects {
    contents: Vec<(String, Version)>,
    prefixes: Vec<String>,
    is_truncated: bool,
    /// The last entry of either kind.
    last: Option<String>,
}

fn objects(
    state: &State,
    bucket: &Bucket,
    (prefix, delimiter): (Option<&str>, Option<&str>),
    after: Option<&str>,
    most: i32,
) -> Result<Objects, Failure> {
    let incarnation = &bucket.incarnation;
    let wanted = Wanted {
        table: place::OBJECTS,
        incarnation,
        prefix: prefix.unwrap_or_default(),
        delimiter: delimiter.unwrap_or_default(),
        most: usize::try_from(most).unwrap_or_default(),
        one_per_key: true,
        after,
    };
    let from = after.map_or(Bound::Unbounded, |after| Bound::Included(place::after_key(incarnation, after)));
    let page = walk::page(&state.objects.snapshot(), &wanted, from, |key, _, row| {
        let version: Version = rows::read(&row.value)?;
        Ok((!version.is_marker).then(|| (key.to_owned(), version)))
    })?;
    let mut found =
        Objects { contents: Vec::new(), prefixes: Vec::new(), is_truncated: page.is_truncated, last: None };
    for entry in page.entries {
        match entry {
            Entry::Row((key, version)) => {
                found.last = Some(key.clone());
                found.contents.push((key, version));
            }
            Entry::Prefix(prefix) => {
                found.last = Some(prefix.clone());
                found.prefixes.push(prefix);
            }
        }
    }
    Ok(found)
}

fn shown(bucket: &Bucket, with_owner: bool, (key, version): &(String, Version)) -> Object {
    let kept = version.checksum.as_ref();
    Object {
        key: Some(key.clone()),
        last_modified: Some(version.modified),
        e_tag: Some(quoted(&version.e_tag)),
        checksum_algorithm: kept.map(|kept| vec![kept.algorithm.clone()]),
        checksum_type: kept.map(|kept| kept.of.clone()),
        size: i64::try_from(version.size_bytes).ok(),
        storage_class: Some(version.storage_class.clone().unwrap_or_else(|| STANDARD.to_owned())),
        owner: with_owner.then(|| owner::shown(acl::owner_of(bucket, version.acl.as_ref()))),
        restore_status: None,
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html>
pub(crate) fn first_kind(
    state: &State,
    context: &RequestContext,
    request: ListObjectsRequest,
) -> Result<ListObjectsOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    check_encoding(request.encoding_type.as_deref())?;
    let most = most(request.max_keys, "max-keys")?;
    let marker = request.marker.as_deref().filter(|marker| !marker.is_empty());
    let delimiter = request.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let found = objects(state, &bucket, (request.prefix.as_deref(), delimiter), marker, most)?;
    let next = found.last.as_deref().filter(|_| found.is_truncated && delimiter.is_some());
    Ok(ListObjectsOutput {
        is_truncated: Some(found.is_truncated),
        marker: Some(request.marker.clone().unwrap_or_default()),
        next_marker: next.map(str::to_owned),
        contents: Some(found.contents.iter().map(|one| shown(&bucket, true, one)).collect()),
        name: Some(bucket.name.to_string()),
        prefix: Some(request.prefix.clone().unwrap_or_default()),
        delimiter: delimiter.map(str::to_owned),
        max_keys: Some(most),
        common_prefixes: Some(shown_prefixes(found.prefixes)),
        encoding_type: request.encoding_type,
        request_charged: None,
    })
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
pub(crate) fn second_kind(
    state: &State,
    context: &RequestContext,
    request: ListObjectsV2Request,
) -> Result<ListObjectsV2Output, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    check_encoding(request.encoding_type.as_deref())?;
    let most = most(request.max_keys, "max-keys")?;
    let token = request.continuation_token.as_deref().map(|token| {
        let last = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        last.filter(|last| !last.is_empty()).ok_or_else(|| {
            let message = "The continuation token provided is incorrect";
            error::invalid_argument(message, "continuation-token", token)
        })
    });
    let token = token.transpose()?;
    let start = request.start_after.as_deref().filter(|start| !start.is_empty());
    let after = token.as_deref().or(start);
    let delimiter = request.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let found = objects(state, &bucket, (request.prefix.as_deref(), delimiter), after, most)?;
    let with_owner = request.fetch_owner == Some(true);
    let next = found.last.as_deref().filter(|_| found.is_truncated);
    Ok(ListObjectsV2Output {
        is_truncated: Some(found.is_truncated),
        name: Some(bucket.name.to_string()),
        prefix: Some(request.prefix.clone().unwrap_or_default()),
        delimiter: delimiter.map(str::to_owned),
        max_keys: Some(most),
        key_count: i32::try_from(found.contents.len() + found.prefixes.len()).ok(),
        next_continuation_token: next.map(|last| URL_SAFE_NO_PAD.encode(last)),
        contents: Some(found.contents.iter().map(|one| shown(&bucket, with_owner, one)).collect()),
        common_prefixes: Some(shown_prefixes(found.prefixes)),
        continuation_token: request.continuation_token,
        start_after: request.start_after,
        encoding_type: request.encoding_type,
        request_charged: None,
    })
}

/// A version on a page.
struct Listed {
    key: String,
    order: u64,
    version: Version,
}

/// Where a page of versions begins.
fn after_version(
    state: &State,
    bucket: &Bucket,
    key: Option<&str>,
    id: Option<&str>,
) -> Result<Bound<Vec<u8>>, Failure> {
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        if id.is_some() {
            let message = "A version-id marker cannot be specified without a key marker.";
            return Err(error::invalid_argument(message, "version-id-marker", id.unwrap_or_default()).into());
        }
        return Ok(Bound::Unbounded);
    };
    let after_key = Bound::Included(place::after_key(&bucket.incarnation, key));
    let Some(id) = id.filter(|id| !id.is_empty()) else { return Ok(after_key) };
    let order = if id == NULL {
        let found = versions::with_id(&state.objects.snapshot(), bucket, key, NULL)?;
        match found {
            Some(found) => found.order(),
            // It went meanwhile, and nobody knows where it was.
            None => return Ok(after_key),
        }
    } else {
        let invalid = || error::invalid_argument("Invalid version id specified", "version-id-marker", id);
        Stamp::parse(id).ok_or_else(invalid)?.order()
    };
    Ok(Bound::Excluded(place::of_version(&bucket.incarnation, key, order)))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html>
pub(crate) fn versions(
    state: &State,
    context: &RequestContext,
    request: ListObjectVersionsRequest,
) -> Result<ListObjectVersionsOutput, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    check_encoding(request.encoding_type.as_deref())?;
    let most = most(request.max_keys, "max-keys")?;
    let delimiter = request.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let key_marker = request.key_marker.as_deref();
    let from = after_version(state, &bucket, key_marker, request.version_id_marker.as_deref())?;
    let rows = state.objects.snapshot();
    let wanted = Wanted {
        table: place::OBJECTS,
        incarnation: &bucket.incarnation,
        prefix: request.prefix.as_deref().unwrap_or_default(),
        delimiter: delimiter.unwrap_or_default(),
        most: usize::try_from(most).unwrap_or_default(),
        one_per_key: false,
        after: key_marker,
    };
    let page = walk::page(&rows, &wanted, from, |key, row, stored| {
        let order = place::split(&row).and_then(|(_, behind)| place::order_of(behind));
        let order = order.ok_or_else(|| Failure::Malformed("a version in no place".to_owned()))?;
        Ok(Some(Listed { key: key.to_owned(), order, version: rows::read(&stored.value)? }))
    })?;
    let mut output = ListObjectVersionsOutput {
        is_truncated: Some(page.is_truncated),
        key_marker: Some(key_marker.unwrap_or_default().to_owned()),
        version_id_marker: Some(request.version_id_marker.clone().unwrap_or_default()),
        name: Some(bucket.name.to_string()),
        prefix: Some(request.prefix.clone().unwrap_or_default()),
        delimiter: delimiter.map(str::to_owned),
        max_keys: Some(most),
        encoding_type: request.encoding_type.clone(),
        ..ListObjectVersionsOutput::default()
    };
    let (mut shown, mut markers, mut prefixes) = (Vec::new(), Vec::new(), Vec::new());
    let mut newest: Option<(String, u64)> = None;
    for entry in page.entries {
        let listed = match entry {
            Entry::Prefix(prefix) => {
                (output.next_key_marker, output.next_version_id_marker) = (Some(prefix.clone()), None);
                prefixes.push(prefix);
                continue;
            }
            Entry::Row(listed) => listed,
        };
        if newest.as_ref().is_none_or(|(key, _)| *key != listed.key) {
            // A page may begin within a key.
            let is_first = newest.is_none() && Some(listed.key.as_str()) == key_marker;
            let order = if is_first {
                versions::newest(&rows, &bucket, &listed.key)?.map(|found| found.order())
            } else {
                None
            };
            newest = Some((listed.key.clone(), order.unwrap_or(listed.order)));
        }
        let is_latest = newest.as_ref().is_some_and(|(_, order)| *order == listed.order);
        output.next_key_marker = Some(listed.key.clone());
        output.next_version_id_marker = Some(listed.version.public_id().to_owned());
        if listed.version.is_marker {
            markers.push(marker(&bucket, &listed, is_latest));
        } else {
            shown.push(version(&bucket, &listed, is_latest));
        }
    }
    if !page.is_truncated {
        (output.next_key_marker, output.next_version_id_marker) = (None, None);
    }
    output.versions = Some(shown);
    output.delete_markers = Some(markers);
    output.common_prefixes = Some(shown_prefixes(prefixes));
    Ok(output)
}

fn version(bucket: &Bucket, listed: &Listed, is_latest: bool) -> ObjectVersion {
    let version = &listed.version;
    let kept = version.checksum.as_ref();
    ObjectVersion {
        e_tag: Some(quoted(&version.e_tag)),
        checksum_algorithm: kept.map(|kept| vec![kept.algorithm.clone()]),
        checksum_type: kept.map(|kept| kept.of.clone()),
        size: i64::try_from(version.size_bytes).ok(),
        storage_class: Some(version.storage_class.clone().unwrap_or_else(|| STANDARD.to_owned())),
        key: Some(listed.key.clone()),
        version_id: Some(version.public_id().to_owned()),
        is_latest: Some(is_latest),
        last_modified: Some(version.modified),
        owner: Some(owner::shown(acl::owner_of(bucket, version.acl.as_ref()))),
        restore_status: None,
    }
}

fn marker(bucket: &Bucket, listed: &Listed, is_latest: bool) -> DeleteMarkerEntry {
    DeleteMarkerEntry {
        owner: Some(owner::shown(bucket.owner_id())),
        key: Some(listed.key.clone()),
        version_id: Some(listed.version.public_id().to_owned()),
        is_latest: Some(is_latest),
        last_modified: Some(listed.version.modified),
    }
}
