use store::Read;
use svc_ec2::record::Snapshot;

use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

fn described(cloud: &Cloud, input: api::DescribeSnapshotsRequest) -> Vec<api::Snapshot> {
    cloud.ok::<op::DescribeSnapshots>(input).snapshots.unwrap()
}

fn volume(cloud: &Cloud) -> String {
    let input = input!(CreateVolumeRequest { availability_zone: "us-east-1a", size: 10, encrypted: true });
    let id = cloud.ok::<op::CreateVolume>(input).volume_id.unwrap();
    cloud.wait(100);
    id
}

#[test]
fn a_snapshot_lives() {
    let cloud = Cloud::new();
    let volume = volume(&cloud);
    let create = api::CreateSnapshotRequest {
        tag_specifications: Some(tagged("snapshot", &[("Name", "one")])),
        ..input!(CreateSnapshotRequest { volume_id: &volume, description: "first" })
    };
    let dry = api::CreateSnapshotRequest { dry_run: Some(true), ..create.clone() };
    cloud.refuses::<op::CreateSnapshot>(dry, "DryRunOperation", "…");
    let began = cloud.now().to_string();
    let made = cloud.ok::<op::CreateSnapshot>(create);
    assert_eq!((made.state.as_deref(), made.progress.as_deref()), (Some("pending"), Some("0%")));
    assert_eq!((made.volume_size, made.encrypted), (Some(10), Some(true)));
    let id = made.snapshot_id.unwrap();
    let from = input!(CreateVolumeRequest { availability_zone: "us-east-1b", snapshot_id: &id });
    let message = format!("Snapshot '{id}' is not 'completed'.");
    cloud.refuses::<op::CreateVolume>(from.clone(), "IncorrectState", &message);
    cloud.wait(100);
    let found = described(&cloud, input!(DescribeSnapshotsRequest { owner_ids: ["self"] })).remove(0);
    assert_eq!((found.state.as_deref(), found.completion_time), (Some("completed"), Some(cloud.now())));
    assert_eq!(found.tags, Some(tags(&[("Name", "one")])));
    for (name, value) in [
        ("description", "first"),
        ("encrypted", "true"),
        ("owner-id", "123456789012"),
        ("snapshot-id", &id),
        ("start-time", &began),
        ("tag:Name", "one"),
        ("tag-key", "Name"),
        ("volume-id", &volume),
        ("volume-size", "10"),
    ] {
        let filters = filters(&[(name, &[value])]);
        let found = described(&cloud, input!(DescribeSnapshotsRequest { filters }));
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].snapshot_id.as_ref(), Some(&id), "{name}");
    }

    // A volume of it is as large at least, and encrypted too.
    let small = api::CreateVolumeRequest { size: Some(9), ..from.clone() };
    let message = format!("Volume of size 9GB is smaller than snapshot '{id}', expect size >= 10GB");
    cloud.refuses::<op::CreateVolume>(small, "InvalidParameterValue", &message);
    let copy = cloud.ok::<op::CreateVolume>(from);
    assert_eq!((copy.size, copy.encrypted, copy.snapshot_id.as_ref()), (Some(10), Some(true), Some(&id)));
    cloud.wait(100);
    // It outlives its volume, and volumes outlive it.
    cloud.ok::<op::DeleteVolume>(input!(DeleteVolumeRequest { volume_id: &volume }));
    cloud.ok::<op::DeleteSnapshot>(input!(DeleteSnapshotRequest { snapshot_id: &id }));
    let message = format!("The snapshot '{id}' does not exist.");
    let again = input!(DeleteSnapshotRequest { snapshot_id: &id });
    cloud.refuses::<op::DeleteSnapshot>(again, "InvalidSnapshot.NotFound", &message);
    let by_id = input!(DescribeSnapshotsRequest { snapshot_ids: [&id] });
    cloud.refuses::<op::DescribeSnapshots>(by_id, "InvalidSnapshot.NotFound", &message);
    let copy = input!(DescribeVolumesRequest { filters: filters(&[("snapshot-id", &[&id])]) });
    assert_eq!(cloud.ok::<op::DescribeVolumes>(copy).volumes.unwrap().len(), 1);
}

#[test]
fn the_snapshots_of_images() {
    let cloud = Cloud::new();
    let image = input!(DescribeImagesRequest { image_ids: [cloud.image()] });
    let image = cloud.ok::<op::DescribeImages>(image).images.unwrap().remove(0);
    let root = image.block_device_mappings.unwrap().remove(0).ebs.unwrap();
    let id = root.snapshot_id.unwrap();
    let found = described(&cloud, input!(DescribeSnapshotsRequest { snapshot_ids: [&id] })).remove(0);
    assert_eq!((found.volume_size, found.owner_alias.as_deref()), (root.volume_size, Some("amazon")));
    let own = input!(CreateSnapshotRequest { volume_id: volume(&cloud) });
    cloud.ok::<op::CreateSnapshot>(own);
    let count = |input: api::DescribeSnapshotsRequest| described(&cloud, input).len();
    let all = count(input!(DescribeSnapshotsRequest {}));
    assert!(all > 2);
    assert_eq!(count(input!(DescribeSnapshotsRequest { owner_ids: ["amazon"] })), all - 1);
    assert_eq!(count(input!(DescribeSnapshotsRequest { owner_ids: ["self", "amazon"] })), all);
    assert_eq!(count(input!(DescribeSnapshotsRequest { owner_ids: ["210987654321"] })), 0);
    assert_eq!(count(input!(DescribeSnapshotsRequest { restorable_by_user_ids: ["all"] })), all - 1);
    assert_eq!(count(input!(DescribeSnapshotsRequest { restorable_by_user_ids: ["self"] })), 1);
    for (name, value, expected) in [
        ("owner-alias", "amazon", all - 1),
        ("progress", "0%", 1),
        ("status", "completed", all - 1),
        ("storage-tier", "standard", all),
        ("transfer-type", "*", 0),
    ] {
        let filters = filters(&[(name, &[value])]);
        assert_eq!(count(input!(DescribeSnapshotsRequest { filters })), expected, "{name}");
    }
    let page = cloud.ok::<op::DescribeSnapshots>(input!(DescribeSnapshotsRequest { max_results: 5 }));
    assert_eq!(page.snapshots.unwrap().len(), 5);
    let next = input!(DescribeSnapshotsRequest { next_token: page.next_token.unwrap() });
    assert_eq!(count(next), all - 5);
    let made = input!(CreateVolumeRequest { availability_zone: "us-east-1a", snapshot_id: &id });
    assert_eq!(cloud.ok::<op::CreateVolume>(made).size, root.volume_size);
}

#[test]
fn what_is_refused() {
    let cloud = Cloud::new();
    let image = input!(DescribeSnapshotsRequest { owner_ids: ["amazon"] });
    let id = described(&cloud, image).remove(0).snapshot_id.unwrap();
    let delete = input!(DeleteSnapshotRequest { snapshot_id: &id });
    cloud.refuses::<op::DeleteSnapshot>(delete, "OperationNotPermitted", "…");
    let owner = input!(DescribeSnapshotsRequest { owner_ids: ["nobody"] });
    cloud.refuses::<op::DescribeSnapshots>(owner, "InvalidUserID.Malformed", "Invalid user id: \"nobody\"");
    let both = input!(DescribeSnapshotsRequest { snapshot_ids: [&id], max_results: 5 });
    cloud.refuses::<op::DescribeSnapshots>(both, "InvalidParameterCombination", "…");
    let unknown = input!(CreateSnapshotRequest { volume_id: "vol-0123456789abcdef0" });
    let message = "The volume 'vol-0123456789abcdef0' does not exist.";
    cloud.refuses::<op::CreateSnapshot>(unknown, "InvalidVolume.NotFound", message);
    let volume = input!(CreateVolumeRequest { availability_zone: "us-east-1a", size: 1 });
    let volume = cloud.ok::<op::CreateVolume>(volume).volume_id.unwrap();
    let create = input!(CreateSnapshotRequest { volume_id: &volume });
    let message = format!("Volume '{volume}' is in the 'creating' state.");
    cloud.refuses::<op::CreateSnapshot>(create.clone(), "IncorrectState", &message);
    cloud.wait(100);
    let long = api::CreateSnapshotRequest { description: Some("x".repeat(256)), ..create.clone() };
    cloud.refuses::<op::CreateSnapshot>(long, "InvalidParameterValue", "…");
    let local = api::CreateSnapshotRequest { location: Some("local".to_owned()), ..create };
    cloud.refuses::<op::CreateSnapshot>(local, "UnsupportedOperation", "…");
}

/// A completed snapshot of a volume that is not encrypted.
fn plain_snapshot(cloud: &Cloud) -> String {
    let input = input!(CreateVolumeRequest { availability_zone: "us-east-1a", size: 10 });
    let volume = cloud.ok::<op::CreateVolume>(input).volume_id.unwrap();
    cloud.wait(100);
    let create = api::CreateSnapshotRequest {
        tag_specifications: Some(tagged("snapshot", &[("Name", "one")])),
        ..input!(CreateSnapshotRequest { volume_id: &volume })
    };
    let id = cloud.ok::<op::CreateSnapshot>(create).snapshot_id.unwrap();
    cloud.wait(100);
    id
}

fn users(users: &[&str]) -> Vec<api::CreateVolumePermission> {
    let permission = |user: &&str| match *user {
        "all" => api::CreateVolumePermission { group: Some("all".to_owned()), user_id: None },
        user => api::CreateVolumePermission { group: None, user_id: Some(user.to_owned()) },
    };
    users.iter().map(permission).collect()
}

fn modify(id: &str, add: &[&str], remove: &[&str]) -> api::ModifySnapshotAttributeRequest {
    let changes =
        api::CreateVolumePermissionModifications { add: Some(users(add)), remove: Some(users(remove)) };
    input!(ModifySnapshotAttributeRequest {
        snapshot_id: id,
        attribute: "createVolumePermission",
        create_volume_permission: changes
    })
}

fn permissions(cloud: &Cloud, id: &str) -> Vec<api::CreateVolumePermission> {
    let input =
        input!(DescribeSnapshotAttributeRequest { snapshot_id: id, attribute: "createVolumePermission" });
    cloud.ok::<op::DescribeSnapshotAttribute>(input).create_volume_permissions.unwrap()
}

#[test]
fn a_snapshot_is_shared_with_accounts_and_with_all() {
    let cloud = Cloud::new();
    let other = cloud.seen_by("210987654321", "us-east-1");
    let third = cloud.seen_by("320987654321", "us-east-1");
    let id = plain_snapshot(&cloud);
    let by_id = input!(DescribeSnapshotsRequest { snapshot_ids: [&id] });
    let from = input!(CreateVolumeRequest { availability_zone: "us-east-1b", snapshot_id: &id });
    let is_hidden = |cloud: &Cloud| {
        let message = format!("The snapshot '{id}' does not exist.");
        cloud.refuses::<op::DescribeSnapshots>(by_id.clone(), "InvalidSnapshot.NotFound", &message);
        cloud.refuses::<op::CreateVolume>(from.clone(), "InvalidSnapshot.NotFound", &message);
        let all = described(cloud, input!(DescribeSnapshotsRequest {}));
        assert!(all.iter().all(|held| held.snapshot_id.as_ref() != Some(&id)));
    };
    let found = |cloud: &Cloud, input: api::DescribeSnapshotsRequest| {
        let found = described(cloud, input);
        found.iter().filter(|held| held.snapshot_id.as_ref() == Some(&id)).count()
    };
    let count = |cloud: &Cloud, user: &str| {
        found(cloud, input!(DescribeSnapshotsRequest { restorable_by_user_ids: [user] }))
    };
    assert_eq!(permissions(&cloud, &id), []);
    is_hidden(&other);

    let dry = api::ModifySnapshotAttributeRequest { dry_run: Some(true), ..modify(&id, &["all"], &[]) };
    cloud.refuses::<op::ModifySnapshotAttribute>(dry, "DryRunOperation", "…");
    cloud.ok::<op::ModifySnapshotAttribute>(modify(&id, &["210987654321"], &[]));
    assert_eq!(permissions(&cloud, &id), users(&["210987654321"]));
    is_hidden(&third);
    let elsewhere = cloud.seen_by("210987654321", "us-west-2");
    elsewhere.refuses::<op::DescribeSnapshots>(by_id.clone(), "InvalidSnapshot.NotFound", "…");
    let seen = described(&other, by_id.clone()).remove(0);
    assert_eq!((seen.owner_id.as_deref(), seen.tags), (Some("123456789012"), None));
    assert_eq!(found(&other, input!(DescribeSnapshotsRequest {})), 1);
    assert_eq!(found(&other, input!(DescribeSnapshotsRequest { owner_ids: ["self"] })), 0);
    assert_eq!(found(&other, input!(DescribeSnapshotsRequest { owner_ids: ["123456789012"] })), 1);
    assert_eq!((count(&other, "self"), count(&other, "all")), (1, 0));
    assert_eq!((count(&cloud, "210987654321"), count(&cloud, "320987654321")), (1, 0));
    let made = other.ok::<op::CreateVolume>(from.clone());
    assert_eq!((made.size, made.snapshot_id.as_ref()), (Some(10), Some(&id)));
    // It is not theirs to change.
    let delete = input!(DeleteSnapshotRequest { snapshot_id: &id });
    other.refuses::<op::DeleteSnapshot>(delete.clone(), "InvalidSnapshot.NotFound", "…");
    other.refuses::<op::ModifySnapshotAttribute>(modify(&id, &["all"], &[]), "InvalidSnapshot.NotFound", "…");

    // With the older parameters, too.
    let older = api::ModifySnapshotAttributeRequest {
        operation_type: Some("add".to_owned()),
        group_names: Some(vec!["all".to_owned()]),
        user_ids: Some(vec!["320987654321".to_owned()]),
        ..input!(ModifySnapshotAttributeRequest { snapshot_id: &id })
    };
    cloud.ok::<op::ModifySnapshotAttribute>(older.clone());
    assert_eq!(permissions(&cloud, &id), users(&["all", "210987654321", "320987654321"]));
    assert_eq!((count(&third, "all"), count(&third, "self")), (1, 1));
    let nobody = cloud.seen_by("430987654321", "us-east-1");
    assert_eq!((count(&nobody, "all"), count(&nobody, "self")), (1, 0));
    let remove = api::ModifySnapshotAttributeRequest { operation_type: Some("remove".to_owned()), ..older };
    cloud.ok::<op::ModifySnapshotAttribute>(remove);
    assert_eq!(permissions(&cloud, &id), users(&["210987654321"]));
    is_hidden(&nobody);
    cloud.ok::<op::ModifySnapshotAttribute>(modify(&id, &[], &["210987654321"]));
    is_hidden(&other);

    cloud.ok::<op::ModifySnapshotAttribute>(modify(&id, &["all", "210987654321"], &[]));
    cloud.ok::<op::ResetSnapshotAttribute>(input!(ResetSnapshotAttributeRequest {
        snapshot_id: &id,
        attribute: "createVolumePermission"
    }));
    assert_eq!(permissions(&cloud, &id), []);
    is_hidden(&other);
    cloud.ok::<op::ModifySnapshotAttribute>(modify(&id, &["all"], &[]));
    cloud.ok::<op::DeleteSnapshot>(delete);
    is_hidden(&other);
}

#[test]
fn permissions_that_cannot_be() {
    let cloud = Cloud::new();
    let id = plain_snapshot(&cloud);
    let check = |input: api::ModifySnapshotAttributeRequest, code: &str, message: &str| {
        cloud.refuses::<op::ModifySnapshotAttribute>(input, code, message);
    };
    check(modify(&id, &[], &[]), "MissingParameter", "…");
    check(modify(&id, &["me"], &[]), "InvalidUserID.Malformed", "Invalid user id: \"me\"");
    let both = api::CreateVolumePermission {
        group: Some("all".to_owned()),
        user_id: Some("210987654321".to_owned()),
    };
    let mut wrong = modify(&id, &[], &[]);
    wrong.create_volume_permission.as_mut().unwrap().add = Some(vec![both]);
    check(wrong, "InvalidParameterCombination", "…");
    let older = |operation: &str, group: &str| api::ModifySnapshotAttributeRequest {
        operation_type: Some(operation.to_owned()),
        group_names: Some(vec![group.to_owned()]),
        ..input!(ModifySnapshotAttributeRequest { snapshot_id: &id })
    };
    check(older("give", "all"), "InvalidParameterValue", "…");
    check(older("add", "some"), "InvalidParameterValue", "…");
    let codes = api::ModifySnapshotAttributeRequest {
        attribute: Some("productCodes".to_owned()),
        ..modify(&id, &["all"], &[])
    };
    check(codes, "InvalidParameterValue", "…");
    // One request either adds or removes, and not too many.
    let adds_and_removes = modify(&id, &["210987654321"], &["320987654321"]);
    check(adds_and_removes, "InvalidParameterCombination", "…");
    let mixed = api::ModifySnapshotAttributeRequest {
        operation_type: Some("remove".to_owned()),
        group_names: Some(vec!["all".to_owned()]),
        ..modify(&id, &["210987654321"], &[])
    };
    check(mixed, "InvalidParameterCombination", "…");
    let without_operation = api::ModifySnapshotAttributeRequest {
        user_ids: Some(vec!["320987654321".to_owned()]),
        ..modify(&id, &["210987654321"], &[])
    };
    check(without_operation, "MissingParameter", "…");
    let accounts = |from: u64, count: u64| {
        let all: Vec<String> =
            (from..from + count).map(|number| (500_000_000_000 + number).to_string()).collect();
        modify(&id, &all.iter().map(String::as_str).collect::<Vec<_>>(), &[])
    };
    check(accounts(0, 501), "InvalidParameterValue", "…");
    assert_eq!(permissions(&cloud, &id), []);
    cloud.ok::<op::ModifySnapshotAttribute>(accounts(0, 500));
    cloud.ok::<op::ModifySnapshotAttribute>(accounts(500, 500));
    check(accounts(1000, 1), "ResourceLimitExceeded", "A snapshot can be shared with at most 1000 accounts.");
    cloud.ok::<op::ModifySnapshotAttribute>(accounts(999, 1));
    cloud.ok::<op::ModifySnapshotAttribute>(modify(&id, &[], &["500000000000"]));
    cloud.ok::<op::ModifySnapshotAttribute>(accounts(1000, 1));
    // Nobody else has the key.
    let encrypted = input!(CreateSnapshotRequest { volume_id: volume(&cloud) });
    let encrypted = cloud.ok::<op::CreateSnapshot>(encrypted).snapshot_id.unwrap();
    let message = "Encrypted snapshots with EBS default key cannot be shared";
    check(modify(&encrypted, &["210987654321"], &[]), "OperationNotPermitted", message);
    let amazons = described(&cloud, input!(DescribeSnapshotsRequest { owner_ids: ["amazon"] }));
    let amazons = amazons[0].snapshot_id.clone().unwrap();
    check(modify(&amazons, &["all"], &[]), "OperationNotPermitted", "…");
    let attribute =
        |name: &str| input!(DescribeSnapshotAttributeRequest { snapshot_id: &id, attribute: name });
    let codes = cloud.ok::<op::DescribeSnapshotAttribute>(attribute("productCodes"));
    assert_eq!((codes.product_codes, codes.create_volume_permissions), (Some(Vec::new()), None));
    cloud.refuses::<op::DescribeSnapshotAttribute>(attribute("other"), "InvalidParameterValue", "…");
    let reset = input!(ResetSnapshotAttributeRequest { snapshot_id: &id, attribute: "productCodes" });
    cloud.refuses::<op::ResetSnapshotAttribute>(reset, "InvalidParameterValue", "…");
}

#[test]
fn a_snapshot_is_copied() {
    let cloud = Cloud::new();
    let id = plain_snapshot(&cloud);
    let copy = |id: &str| input!(CopySnapshotRequest { source_region: "us-east-1", source_snapshot_id: id });
    let there = cloud.seen_by("123456789012", "us-west-2");
    let wanted = api::CopySnapshotRequest {
        description: Some("a copy".to_owned()),
        destination_region: Some("us-west-2".to_owned()),
        tag_specifications: Some(tagged("snapshot", &[("Name", "other")])),
        ..copy(&id)
    };
    let dry = api::CopySnapshotRequest { dry_run: Some(true), ..wanted.clone() };
    there.refuses::<op::CopySnapshot>(dry, "DryRunOperation", "…");
    let made = there.ok::<op::CopySnapshot>(wanted);
    assert_eq!(made.tags, Some(tags(&[("Name", "other")])));
    let made = made.snapshot_id.unwrap();
    let shown = || described(&there, input!(DescribeSnapshotsRequest { owner_ids: ["self"] })).remove(0);
    assert_eq!((shown().snapshot_id.as_ref(), shown().state.as_deref()), (Some(&made), Some("pending")));
    there.refuses::<op::CopySnapshot>(
        api::CopySnapshotRequest { source_region: "us-west-2".to_owned(), ..copy(&made) },
        "IncorrectState",
        "…",
    );
    there.wait(100);
    assert_eq!((shown().state.as_deref(), shown().volume_size), (Some("completed"), Some(10)));
    assert_eq!((shown().description.as_deref(), shown().encrypted), (Some("a copy"), Some(false)));
    assert_eq!(shown().volume_id.as_deref(), Some("vol-ffffffff"));
    assert_eq!(shown().tags, Some(tags(&[("Name", "other")])));

    // A copy can be encrypted, and one of what is encrypted always is. Others' snapshots can be copied when they are shared.
    let encrypted = api::CopySnapshotRequest { encrypted: Some(true), ..copy(&id) };
    let encrypted = cloud.ok::<op::CopySnapshot>(encrypted).snapshot_id.unwrap();
    cloud.wait(100);
    let again = api::CopySnapshotRequest { encrypted: Some(false), ..copy(&encrypted) };
    let again = cloud.ok::<op::CopySnapshot>(again).snapshot_id.unwrap();
    let found = described(&cloud, input!(DescribeSnapshotsRequest { snapshot_ids: [&again] })).remove(0);
    assert_eq!(found.encrypted, Some(true));
    let other = cloud.seen_by("210987654321", "us-west-2");
    other.refuses::<op::CopySnapshot>(copy(&id), "InvalidSnapshot.NotFound", "…");
    cloud.ok::<op::ModifySnapshotAttribute>(modify(&id, &["210987654321"], &[]));
    other.ok::<op::CopySnapshot>(copy(&id));

    let check =
        |input: api::CopySnapshotRequest, code: &str| cloud.refuses::<op::CopySnapshot>(input, code, "…");
    check(
        api::CopySnapshotRequest { source_region: "mars-1".to_owned(), ..copy(&id) },
        "InvalidParameterValue",
    );
    check(
        api::CopySnapshotRequest { destination_region: Some("us-west-2".to_owned()), ..copy(&id) },
        "InvalidParameterValue",
    );
    check(
        api::CopySnapshotRequest { description: Some("x".repeat(256)), ..copy(&id) },
        "InvalidParameterValue",
    );
    check(api::CopySnapshotRequest { kms_key_id: Some("k".to_owned()), ..copy(&id) }, "UnsupportedOperation");
    check(
        api::CopySnapshotRequest { completion_duration_minutes: Some(15), ..copy(&id) },
        "UnsupportedOperation",
    );
    check(copy("snap-0123456789abcdef0"), "InvalidSnapshot.NotFound");
}

#[test]
fn a_snapshot_of_before_any_was_shared_is_read() {
    let cloud = Cloud::new();
    let id = plain_snapshot(&cloud);
    let record = cloud.store.snapshot().get::<Snapshot>(&cloud.scope(), &id).unwrap();
    let mut old = serde_json::to_value(&*record).unwrap();
    assert!(old.as_object_mut().unwrap().remove("permissions").is_some());
    assert_eq!(serde_json::from_value::<Snapshot>(old).unwrap(), *record);
}
