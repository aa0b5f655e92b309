//! Uploads in parts.

use aws_api::Operation as _;
use aws_api::s3::{self as api, operation as op};
use checksums::{ChecksumAlgorithm, Hasher};

use crate::harness::*;

const LEAST: usize = 5 << 20;

fn create(cloud: &Cloud, key: &str, change: impl Fn(&mut api::CreateMultipartUploadRequest)) -> String {
    let mut request = api::CreateMultipartUploadRequest {
        bucket: "bucket".to_owned(),
        key: key.to_owned(),
        ..api::CreateMultipartUploadRequest::default()
    };
    change(&mut request);
    cloud.ok::<op::CreateMultipartUpload>(request).upload_id.unwrap()
}

fn part_request(id: &str, number: i32) -> api::UploadPartRequest {
    api::UploadPartRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        upload_id: id.to_owned(),
        part_number: number,
        ..api::UploadPartRequest::default()
    }
}

fn part(cloud: &Cloud, id: &str, number: i32, content: Vec<u8>) -> api::UploadPartOutput {
    let request = part_request(id, number);
    let answer = cloud.stream(HOME, op::UploadPart::NAME, request.into(), &mut Pieces::new(content)).unwrap();
    answer.output.try_into().unwrap()
}

fn completion(id: &str, parts: &[(i32, Option<String>)]) -> api::CompleteMultipartUploadRequest {
    let parts = parts.iter().map(|(number, e_tag)| api::CompletedPart {
        part_number: Some(*number),
        e_tag: e_tag.clone(),
        ..api::CompletedPart::default()
    });
    api::CompleteMultipartUploadRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        upload_id: id.to_owned(),
        multipart_upload: Some(api::CompletedMultipartUpload { parts: Some(parts.collect()) }),
        ..api::CompleteMultipartUploadRequest::default()
    }
}

fn list(id: &str) -> api::ListPartsRequest {
    api::ListPartsRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        upload_id: id.to_owned(),
        ..api::ListPartsRequest::default()
    }
}

#[test]
fn parts_become_an_object() {
    let cloud = Cloud::with("bucket");
    let id = create(&cloud, "key", |request| request.content_type = some("text/plain"));
    let content = [bytes(LEAST, 1), bytes(LEAST + 1, 2), bytes(10, 3)];
    let tags: Vec<_> = content
        .iter()
        .enumerate()
        .map(|(at, content)| {
            let number = i32::try_from(at).unwrap() + 1;
            (number, part(&cloud, &id, number, content.clone()).e_tag)
        })
        .collect();
    // One that is sent again counts, and one that is not named does not.
    part(&cloud, &id, 9, bytes(20_000, 4));
    let listed = cloud.ok::<op::ListParts>(api::ListPartsRequest { max_parts: Some(2), ..list(&id) });
    assert_eq!((listed.is_truncated, listed.next_part_number_marker), (Some(true), Some(2)));
    let listed =
        cloud.ok::<op::ListParts>(api::ListPartsRequest { part_number_marker: Some(2), ..list(&id) });
    let numbers: Vec<_> = listed.parts.unwrap().iter().filter_map(|part| part.part_number).collect();
    assert_eq!(numbers, [3, 9]);
    assert_eq!(cloud.get_code(get_request("bucket", "key")), "NoSuchKey");

    let done = cloud.ok::<op::CompleteMultipartUpload>(completion(&id, &tags));
    let whole = content.concat();
    let tag = done.e_tag.unwrap();
    assert!(tag.ends_with("-3\""), "{tag}");
    let crc = Hasher::of(ChecksumAlgorithm::Crc64Nvme, &whole).to_base64();
    assert_eq!((done.checksum_crc64_nvme, done.checksum_type), (Some(crc), some("FULL_OBJECT")));
    let (output, read) = cloud.try_get(get_request("bucket", "key")).unwrap();
    assert!(read == whole);
    assert_eq!((output.content_type, output.e_tag), (some("text/plain"), Some(tag)));
    let over = api::GetObjectRequest {
        range: Some(format!("bytes={}-{}", LEAST - 2, 2 * LEAST + 3)),
        ..get_request("bucket", "key")
    };
    assert!(cloud.try_get(over).unwrap().1 == whole[LEAST - 2..2 * LEAST + 4]);
    let third = api::GetObjectRequest { part_number: Some(3), ..get_request("bucket", "key") };
    let (output, read) = cloud.try_get(third).unwrap();
    assert_eq!((read, output.parts_count), (content[2].clone(), Some(3)));
    assert_eq!(cloud.code::<op::ListParts>(list(&id)), "NoSuchUpload");
    assert_eq!(cloud.s3().objects().usage().unwrap().blobs, 3, "the part that was not named is gone");
    cloud.ok::<op::DeleteObject>(delete_request("bucket", "key"));
    let usage = cloud.s3().objects().usage().unwrap();
    assert_eq!((usage.rows, usage.blobs), (1, 0));
}

/// Whoever did not get the first answer asks again.
#[test]
fn a_completion_is_answered_again_while_its_object_is_there() {
    let cloud = Cloud::with("bucket");
    let id = create(&cloud, "key", |_| {});
    let tags = [(1, part(&cloud, &id, 1, bytes(10, 1)).e_tag)];
    let done = cloud.ok::<op::CompleteMultipartUpload>(completion(&id, &tags));
    assert_eq!(cloud.ok::<op::CompleteMultipartUpload>(completion(&id, &tags)).e_tag, done.e_tag);
    let stranger = cloud.refused::<op::CompleteMultipartUpload>(("us-east-1", OTHER), completion(&id, &tags));
    assert_eq!(stranger.code, "AccessDenied", "it is told to who began the upload");
    let others = [(1, some("d41d8cd98f00b204e9800998ecf8427e"))];
    assert_eq!(cloud.code::<op::CompleteMultipartUpload>(completion(&id, &others)), "NoSuchUpload");
    cloud.put("bucket", "key", "another");
    assert_eq!(cloud.code::<op::CompleteMultipartUpload>(completion(&id, &tags)), "NoSuchUpload");
}

#[test]
fn a_part_that_is_read_has_its_own_checksum() {
    let cloud = Cloud::with("bucket");
    let id = create(&cloud, "key", |request| request.checksum_algorithm = some("SHA256"));
    let sha = |content: &[u8]| Hasher::of(ChecksumAlgorithm::Sha256, content).to_base64();
    let content = [bytes(LEAST, 1), bytes(10, 2)];
    let parts = [1, 2].map(|number| {
        let content = &content[usize::try_from(number).unwrap() - 1];
        api::CompletedPart {
            part_number: Some(number),
            e_tag: part(&cloud, &id, number, content.clone()).e_tag,
            checksum_sha256: Some(sha(content)),
            ..api::CompletedPart::default()
        }
    });
    let mut request = completion(&id, &[]);
    request.multipart_upload = Some(api::CompletedMultipartUpload { parts: Some(parts.to_vec()) });
    cloud.ok::<op::CompleteMultipartUpload>(request);
    let second = api::GetObjectRequest {
        part_number: Some(2),
        checksum_mode: some("ENABLED"),
        ..get_request("bucket", "key")
    };
    let (output, read) = cloud.try_get(second).unwrap();
    assert_eq!((output.checksum_sha256, output.checksum_type), (Some(sha(&read)), some("COMPOSITE")));
}

#[test]
fn a_completion_names_parts_as_they_are() {
    let cloud = Cloud::with("bucket");
    let id = create(&cloud, "key", |_| {});
    let one = part(&cloud, &id, 1, bytes(100, 1)).e_tag;
    let two = part(&cloud, &id, 2, bytes(100, 2)).e_tag;
    let refused =
        |parts: &[(i32, Option<String>)]| cloud.code::<op::CompleteMultipartUpload>(completion(&id, parts));
    assert_eq!(refused(&[]), "MalformedXML");
    assert_eq!(refused(&[(2, two.clone()), (1, one.clone())]), "InvalidPartOrder");
    assert_eq!(refused(&[(1, one.clone()), (1, one.clone())]), "InvalidPartOrder");
    assert_eq!(refused(&[(1, two.clone())]), "InvalidPart");
    assert_eq!(refused(&[(3, two.clone())]), "InvalidPart");
    assert_eq!(refused(&[(1, one.clone()), (2, two)]), "EntityTooSmall");
    let size = api::CompleteMultipartUploadRequest {
        mpu_object_size: Some(5),
        ..completion(&id, &[(1, one.clone())])
    };
    assert_eq!(cloud.code::<op::CompleteMultipartUpload>(size), "InvalidRequest");
    let sum = api::CompleteMultipartUploadRequest {
        checksum_crc64_nvme: some("AAAAAAAAAAA="),
        ..completion(&id, &[(1, one.clone())])
    };
    assert_eq!(cloud.code::<op::CompleteMultipartUpload>(sum), "BadDigest");
    let other = completion("AAAA", &[(1, one.clone())]);
    assert_eq!(cloud.code::<op::CompleteMultipartUpload>(other), "NoSuchUpload");
    for number in [0, 10_001] {
        let answer =
            cloud.stream(HOME, op::UploadPart::NAME, part_request(&id, number).into(), &mut Pieces::new("x"));
        assert_eq!(answer.map(|_| ()).unwrap_err().code, "InvalidArgument");
    }
    cloud.put("bucket", "key", "there");
    let unless = api::CompleteMultipartUploadRequest {
        if_none_match: some("*"),
        ..completion(&id, &[(1, one.clone())])
    };
    assert_eq!(cloud.code::<op::CompleteMultipartUpload>(unless), "PreconditionFailed");
    cloud.ok::<op::CompleteMultipartUpload>(completion(&id, &[(1, one)]));
    assert_eq!(cloud.get("bucket", "key"), bytes(100, 1));
}

#[test]
fn checksums_are_of_parts_or_of_the_whole() {
    let cloud = Cloud::with("bucket");
    let (algorithm, content) = (ChecksumAlgorithm::Sha256, bytes(100, 1));
    let id = create(&cloud, "key", |request| request.checksum_algorithm = some("SHA256"));
    let sent = part(&cloud, &id, 1, content.clone());
    let sum = Hasher::of(algorithm, &content);
    assert_eq!(sent.checksum_sha256, Some(sum.to_base64()));
    let missing = completion(&id, &[(1, sent.e_tag.clone())]);
    assert_eq!(cloud.code::<op::CompleteMultipartUpload>(missing.clone()), "InvalidRequest");
    let mut given = missing;
    given.multipart_upload.as_mut().unwrap().parts.as_mut().unwrap()[0].checksum_sha256 =
        sent.checksum_sha256;
    let done = cloud.ok::<op::CompleteMultipartUpload>(given);
    let expected = Hasher::of(algorithm, sum.bytes()).to_base64();
    assert_eq!(done.checksum_sha256, Some(format!("{expected}-1")));
    assert_eq!(done.checksum_type, some("COMPOSITE"));
    let attributes = cloud.ok::<op::GetObjectAttributes>(api::GetObjectAttributesRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        object_attributes: vec!["ObjectParts".to_owned(), "Checksum".to_owned()],
        ..api::GetObjectAttributesRequest::default()
    });
    let parts = attributes.object_parts.unwrap();
    assert_eq!(parts.total_parts_count, Some(1));
    assert_eq!(parts.parts.unwrap()[0].checksum_sha256, Some(sum.to_base64()));

    let id = create(&cloud, "key", |request| {
        request.checksum_algorithm = some("CRC32");
        request.checksum_type = some("FULL_OBJECT");
    });
    let mut request = part_request(&id, 1);
    request.checksum_sha1 = Some(Hasher::of(ChecksumAlgorithm::Sha1, b"x").to_base64());
    let mixed = cloud.stream(HOME, op::UploadPart::NAME, request.into(), &mut Pieces::new("x"));
    assert_eq!(mixed.map(|_| ()).unwrap_err().code, "InvalidRequest");
    let sent = part(&cloud, &id, 1, content.clone());
    let done = cloud.ok::<op::CompleteMultipartUpload>(completion(&id, &[(1, sent.e_tag)]));
    let expected = Hasher::of(ChecksumAlgorithm::Crc32, &content).to_base64();
    assert_eq!((done.checksum_crc32, done.checksum_type), (Some(expected), some("FULL_OBJECT")));
    let bad = api::CreateMultipartUploadRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        checksum_algorithm: some("SHA1"),
        checksum_type: some("FULL_OBJECT"),
        ..api::CreateMultipartUploadRequest::default()
    };
    assert_eq!(cloud.code::<op::CreateMultipartUpload>(bad), "InvalidRequest");
}

#[test]
fn parts_are_copied_and_uploads_aborted() {
    let cloud = Cloud::with("bucket");
    let content = bytes(100_000, 1);
    cloud.put("bucket", "source", content.clone());
    let id = create(&cloud, "key", |_| {});
    let copy = |range: &str| api::UploadPartCopyRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        upload_id: id.clone(),
        part_number: 1,
        copy_source: "bucket/source".to_owned(),
        copy_source_range: some(range),
        ..api::UploadPartCopyRequest::default()
    };
    assert_eq!(cloud.code::<op::UploadPartCopy>(copy("bytes=0-100000")), "InvalidArgument");
    let copied = cloud.ok::<op::UploadPartCopy>(copy("bytes=10-99"));
    let tag = copied.copy_part_result.unwrap().e_tag;
    cloud.ok::<op::CompleteMultipartUpload>(completion(&id, &[(1, tag)]));
    assert_eq!(cloud.get("bucket", "key"), content[10..100]);
    // A copy of an object of parts is in one piece, with the tag of one.
    cloud.ok::<op::CopyObject>(api::CopyObjectRequest {
        bucket: "bucket".to_owned(),
        key: "whole".to_owned(),
        copy_source: "bucket/key".to_owned(),
        ..api::CopyObjectRequest::default()
    });
    let (output, read) = cloud.try_get(get_request("bucket", "whole")).unwrap();
    assert_eq!(read, content[10..100]);
    assert_eq!(output.e_tag.unwrap().len(), 34);

    let id = create(&cloud, "key", |_| {});
    part(&cloud, &id, 1, bytes(50_000, 9));
    let abort = api::AbortMultipartUploadRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        upload_id: id.clone(),
        ..api::AbortMultipartUploadRequest::default()
    };
    let before = cloud.s3().objects().usage().unwrap().blobs;
    cloud.ok::<op::AbortMultipartUpload>(abort.clone());
    assert_eq!(cloud.s3().objects().usage().unwrap().blobs, before - 1);
    assert_eq!(cloud.code::<op::AbortMultipartUpload>(abort), "NoSuchUpload");
    let late = cloud.stream(HOME, op::UploadPart::NAME, part_request(&id, 2).into(), &mut Pieces::new("x"));
    assert_eq!(late.map(|_| ()).unwrap_err().code, "NoSuchUpload");
}

#[test]
fn uploads_are_listed_in_the_order_of_keys_and_times() {
    let cloud = Cloud::with("bucket");
    let mut ids = Vec::new();
    for key in ["a", "b/1", "b/2", "c", "a"] {
        cloud.pass(1000);
        ids.push(create(&cloud, key, |_| {}));
    }
    let (mut seen, mut markers) = (Vec::new(), (None, None));
    loop {
        let page = cloud.ok::<op::ListMultipartUploads>(api::ListMultipartUploadsRequest {
            bucket: "bucket".to_owned(),
            delimiter: some("/"),
            max_uploads: Some(1),
            key_marker: markers.0,
            upload_id_marker: markers.1,
            ..api::ListMultipartUploadsRequest::default()
        });
        seen.extend(page.uploads.unwrap().into_iter().filter_map(|one| one.upload_id));
        seen.extend(page.common_prefixes.unwrap().into_iter().filter_map(|one| one.prefix));
        markers = (page.next_key_marker, page.next_upload_id_marker);
        if page.is_truncated != Some(true) {
            break;
        }
    }
    assert_eq!(seen, [ids[0].as_str(), &ids[4], "b/", &ids[3]]);
}
