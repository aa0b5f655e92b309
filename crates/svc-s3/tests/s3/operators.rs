//! What operators see: what buckets take, whose a row is, and what is wrong with rows.

use std::ops::{Bound, ControlFlow};

use aws_api::Operation as _;
use aws_api::s3::{self as api, operation as op};
use object_store::{Direction, Read as _, Row, RowId, StoreError, Table};
use svc_s3::{BucketUsage, CheckReport, FaultKind, Repair, SurveyError, unwatched};

use crate::harness::*;

const OBJECTS: Table = Table::new("s3-object");
const OBJECT_PARTS: Table = Table::new("s3-object-parts");
const UPLOADS: Table = Table::new("s3-upload");
const PARTS: Table = Table::new("s3-part");
const BUCKETS: Table = Table::new("s3-bucket");

const REPAIR: Repair = Repair { repair: true, remove_lost: false, is_alone: false };

fn usage(cloud: &Cloud, bucket: &str) -> BucketUsage {
    cloud.s3().usage(Some(bucket), &mut unwatched).unwrap().remove(0)
}

fn check(cloud: &Cloud, repair: Repair) -> CheckReport {
    cloud.s3().check(repair, &mut unwatched).unwrap()
}

/// The kinds of what is wrong, and whether each is repaired.
fn faults(report: &CheckReport) -> Vec<(FaultKind, bool)> {
    report.told.iter().map(|fault| (fault.kind, fault.is_repaired)).collect()
}

fn begin(cloud: &Cloud, key: &str) -> String {
    let request = api::CreateMultipartUploadRequest {
        bucket: "bucket".to_owned(),
        key: key.to_owned(),
        ..api::CreateMultipartUploadRequest::default()
    };
    cloud.ok::<op::CreateMultipartUpload>(request).upload_id.unwrap()
}

fn send_part(cloud: &Cloud, key: &str, upload: &str, number: i32, bytes: usize) -> String {
    let request = api::UploadPartRequest {
        bucket: "bucket".to_owned(),
        key: key.to_owned(),
        upload_id: upload.to_owned(),
        part_number: number,
        ..api::UploadPartRequest::default()
    };
    let mut payload = Pieces::new(vec![number as u8; bytes]);
    let answer = cloud.stream(HOME, op::UploadPart::NAME, request.into(), &mut payload).unwrap();
    api::UploadPartOutput::try_from(answer.output).unwrap().e_tag.unwrap()
}

/// An object in one part.
fn put_in_parts(cloud: &Cloud, key: &str, bytes: usize) {
    let upload = begin(cloud, key);
    let e_tag = send_part(cloud, key, &upload, 1, bytes);
    let part = api::CompletedPart { part_number: Some(1), e_tag: Some(e_tag), ..Default::default() };
    cloud.ok::<op::CompleteMultipartUpload>(api::CompleteMultipartUploadRequest {
        bucket: "bucket".to_owned(),
        key: key.to_owned(),
        upload_id: upload,
        multipart_upload: Some(api::CompletedMultipartUpload { parts: Some(vec![part]) }),
        ..api::CompleteMultipartUploadRequest::default()
    });
}

/// The first row of a table, with its key.
fn first_row(cloud: &Cloud, table: Table) -> (Vec<u8>, Row) {
    let snapshot = cloud.s3().objects().snapshot();
    let mut scan = snapshot.scan(table, Bound::Unbounded, Bound::Unbounded, Direction::Forward);
    scan.next().unwrap().unwrap()
}

fn change(cloud: &Cloud, table: Table, key: &[u8], row: Option<Row>) {
    let changed = cloud.s3().objects().transact::<_, StoreError>(|rows| match row {
        Some(row) => rows.put(table, key, row),
        None => rows.delete(table, key).map(|_| ()),
    });
    changed.unwrap();
}

#[test]
fn buckets_are_counted_by_their_rows() {
    let cloud = Cloud::with("bucket");
    cloud.make("another");
    cloud.put("bucket", "one", vec![1; 100]);
    cloud.set_versioning("bucket", "Enabled");
    cloud.pass(1);
    cloud.put("bucket", "one", vec![2; 200]);
    cloud.put("bucket", "two", vec![3; 1000]);
    put_in_parts(&cloud, "three", 30);
    cloud.ok::<op::DeleteObject>(api::DeleteObjectRequest {
        bucket: "bucket".to_owned(),
        key: "two".to_owned(),
        ..api::DeleteObjectRequest::default()
    });
    let upload = begin(&cloud, "four");
    send_part(&cloud, "four", &upload, 1, 7);
    let found = usage(&cloud, "bucket");
    assert_eq!((found.objects, found.versions, found.delete_markers), (2, 4, 1));
    assert_eq!((found.bytes, found.uploads, found.upload_bytes), (1330, 1, 7));
    assert_eq!((found.owner.to_string(), found.region.as_str()), (ACCOUNT.to_owned(), HOME.0));
    let all = cloud.s3().usage(None, &mut unwatched).unwrap();
    assert_eq!(all.iter().map(|found| found.bucket.as_str()).collect::<Vec<_>>(), ["another", "bucket"]);
    let missing = cloud.s3().usage(Some("missing"), &mut unwatched).unwrap_err();
    assert!(matches!(missing, SurveyError::NoSuchBucket(_)), "{missing}");
    let ended = cloud.s3().usage(None, &mut |_| ControlFlow::Break(())).unwrap_err();
    assert!(matches!(ended, SurveyError::Ended), "{ended}");
    assert!(check(&cloud, Repair { is_alone: true, ..Repair::default() }).is_clean());
}

#[test]
fn more_rows_than_a_page_are_counted() {
    let cloud = Cloud::with("bucket");
    cloud.put("bucket", "0", vec![1; 3]);
    let (key, row) = first_row(&cloud, OBJECTS);
    let filled = cloud.s3().objects().transact::<_, StoreError>(|rows| {
        for number in 0..5000_u32 {
            // The key is one letter behind the incarnation.
            let mut key = key.clone();
            key.splice(16..17, format!("x{number}").into_bytes());
            rows.put(OBJECTS, &key, row.clone())?;
        }
        Ok(())
    });
    filled.unwrap();
    let found = usage(&cloud, "bucket");
    assert_eq!((found.objects, found.bytes), (5001, 15_003));
    let report = check(&cloud, Repair::default());
    assert!(report.is_clean() && report.rows >= 5001, "{report:?}");
}

#[test]
fn whose_rows_are_is_told() {
    let cloud = Cloud::with("bucket");
    cloud.put("bucket", "one", vec![1; 100]);
    let upload = begin(&cloud, "two");
    send_part(&cloud, "two", &upload, 5, 7);
    let row = |table: Table| RowId { table: table.name().to_owned(), key: first_row(&cloud, table).0 };
    let mut gone = row(OBJECTS);
    *gone.key.last_mut().unwrap() ^= 1;
    let holders = cloud.s3().holders(&[row(OBJECTS), row(PARTS), row(OBJECTS), row(BUCKETS), gone]);
    let [object, part] = &holders[..] else { panic!("{holders:?}") };
    assert_eq!((object.bucket.as_deref(), object.key.as_deref()), (Some("bucket"), Some("one")));
    assert_eq!((object.version.as_deref(), object.part), (Some("null"), None));
    assert_eq!((part.key.as_deref(), part.upload.as_deref()), (Some("two"), Some(upload.as_str())));
    assert_eq!(part.part, Some(5));
}

#[test]
fn versions_that_are_not_what_they_say_are_told_and_stay() {
    let cloud = Cloud::with("bucket");
    cloud.put("bucket", "one", vec![1; 100]);
    let (key, row) = first_row(&cloud, OBJECTS);
    change(&cloud, OBJECTS, &key, Some(Row { value: b"2\n{}".to_vec(), ..row.clone() }));
    let report = check(&cloud, REPAIR);
    assert_eq!(faults(&report), [(FaultKind::Unreadable, false)]);
    assert_eq!((report.told[0].bucket.as_str(), report.told[0].key.as_deref()), ("bucket", Some("one")));
    assert!(!report.is_clean());
    change(&cloud, OBJECTS, &key, Some(Row { blobs: Vec::new(), ..row }));
    assert_eq!(faults(&check(&cloud, REPAIR)), [(FaultKind::OtherContents, false)]);
    change(&cloud, OBJECTS, &key, None);
    put_in_parts(&cloud, "two", 10);
    let (key, row) = first_row(&cloud, OBJECT_PARTS);
    change(&cloud, OBJECT_PARTS, &key, None);
    assert_eq!(faults(&check(&cloud, REPAIR)), [(FaultKind::NoParts, false)]);
    let (key, version) = (key, row);
    change(&cloud, OBJECTS, &key, None);
    assert!(check(&cloud, REPAIR).is_clean());
    // A list of parts without its version goes.
    change(&cloud, OBJECT_PARTS, &key, Some(Row { blobs: Vec::new(), ..version }));
    assert_eq!(faults(&check(&cloud, Repair::default())), [(FaultKind::PartsLeft, false)]);
    assert_eq!(faults(&check(&cloud, REPAIR)), [(FaultKind::PartsLeft, true)]);
    assert_eq!(check(&cloud, REPAIR).faults, 0);
}

#[test]
fn parts_without_an_upload_go() {
    let cloud = Cloud::with("bucket");
    let kept = begin(&cloud, "kept");
    send_part(&cloud, "kept", &kept, 1, 7);
    let lost = begin(&cloud, "lost");
    for number in 1..=3 {
        send_part(&cloud, "lost", &lost, number, 8);
    }
    // The uploads are ordered by their keys.
    let (row, _) = {
        let snapshot = cloud.s3().objects().snapshot();
        let mut scan = snapshot.scan(UPLOADS, Bound::Unbounded, Bound::Unbounded, Direction::Backward);
        scan.next().unwrap().unwrap()
    };
    change(&cloud, UPLOADS, &row, None);
    let report = check(&cloud, Repair::default());
    assert_eq!(faults(&report), [(FaultKind::PartLeft, false)]);
    assert!(report.told[0].detail.contains("3 parts"), "{report:?}");
    assert_eq!(faults(&check(&cloud, REPAIR)), [(FaultKind::PartLeft, true)]);
    assert!(check(&cloud, REPAIR).faults == 0 && usage(&cloud, "bucket").upload_bytes == 7);
}

#[test]
fn rows_of_a_bucket_that_is_not_there_are_told_and_kept_until_asked() {
    let cloud = Cloud::with("bucket");
    cloud.put("bucket", "one", vec![1; 100]);
    let upload = begin(&cloud, "two");
    send_part(&cloud, "two", &upload, 1, 7);
    for table in [OBJECTS, UPLOADS, PARTS] {
        let (mut key, row) = first_row(&cloud, table);
        key[..16].fill(0xff);
        change(&cloud, table, &key, Some(row));
    }
    let report = check(&cloud, Repair::default());
    assert_eq!(faults(&report), [(FaultKind::LostBucket, false)]);
    assert!(report.told[0].detail.contains("1 versions, 1 uploads, 1 parts"), "{report:?}");
    assert_eq!(faults(&check(&cloud, REPAIR)), [(FaultKind::LostBucket, false)]);
    let report = check(&cloud, REPAIR);
    assert!(report.told[0].detail.contains("1 versions, 0 uploads, 0 parts"), "{report:?}");
    let all = Repair { remove_lost: true, ..REPAIR };
    assert_eq!(faults(&check(&cloud, all)), [(FaultKind::LostBucket, true)]);
    assert_eq!(check(&cloud, all).faults, 0);
    assert_eq!(cloud.get("bucket", "one"), vec![1; 100]);
}

#[test]
fn buckets_that_were_made_by_half_are_ended_by_who_is_alone() {
    let cloud = Cloud::with("bucket");
    cloud.make("half");
    let (key, _) = first_row(&cloud, BUCKETS);
    change(&cloud, BUCKETS, &key, None);
    change(&cloud, BUCKETS, &[7; 16], Some(Row::new("never")));
    assert!(check(&cloud, REPAIR).is_clean(), "it may be about to be done");
    let alone = Repair { is_alone: true, ..Repair::default() };
    assert_eq!(faults(&check(&cloud, alone)), [(FaultKind::HalfBucket, false); 2]);
    let alone = Repair { is_alone: true, ..REPAIR };
    assert_eq!(faults(&check(&cloud, alone)), [(FaultKind::HalfBucket, true); 2]);
    assert_eq!(check(&cloud, alone).faults, 0);
    assert_eq!(cloud.s3().usage(None, &mut unwatched).unwrap().len(), 1);
}
