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
