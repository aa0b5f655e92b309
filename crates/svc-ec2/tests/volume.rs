mod launch;

use store::{Read, StoreError};
use svc_ec2::record::Instance;

use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

const VALUE: &str = "InvalidParameterValue";
const COMBINATION: &str = "InvalidParameterCombination";
const MAPPING: &str = "InvalidBlockDeviceMapping";

fn request() -> api::CreateVolumeRequest {
    input!(CreateVolumeRequest { availability_zone: "us-east-1a", size: 10 })
}

fn create(cloud: &Cloud, input: api::CreateVolumeRequest) -> String {
    let id = cloud.ok::<op::CreateVolume>(input).volume_id.unwrap();
    cloud.wait(100);
    id
}

fn described(cloud: &Cloud, all: &[(&str, &[&str])]) -> Vec<api::Volume> {
    let input = input!(DescribeVolumesRequest { filters: filters(all) });
    cloud.ok::<op::DescribeVolumes>(input).volumes.unwrap()
}

fn volume(cloud: &Cloud, id: &str) -> api::Volume {
    cloud
        .ok::<op::DescribeVolumes>(input!(DescribeVolumesRequest { volume_ids: [id] }))
        .volumes
        .unwrap()
        .remove(0)
}

fn state(cloud: &Cloud, id: &str) -> String {
    volume(cloud, id).state.unwrap()
}

/// A running instance in us-east-1a.
fn started(cloud: &Cloud) -> String {
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    cloud.started(&subnet)
}

fn root_of(cloud: &Cloud, instance: &str) -> api::EbsInstanceBlockDevice {
    cloud.instance(instance).block_device_mappings.unwrap().remove(0).ebs.unwrap()
}

fn ebs(device: &str, ebs: api::EbsBlockDevice) -> api::BlockDeviceMapping {
    api::BlockDeviceMapping { device_name: Some(device.to_owned()), ebs: Some(ebs), ..Default::default() }
}

fn attach(volume: &str, instance: &str, device: &str) -> api::AttachVolumeRequest {
    input!(AttachVolumeRequest { volume_id: volume, instance_id: instance, device: device })
}

#[test]
fn an_instance_has_a_root_volume_that_goes_with_it() {
    let cloud = Cloud::new();
    let instance = started(&cloud);
    let root = root_of(&cloud, &instance);
    assert_eq!((root.status.as_deref(), root.delete_on_termination), (Some("attaching"), Some(true)));
    cloud.wait(100);
    assert_eq!(root_of(&cloud, &instance).status.as_deref(), Some("attached"));
    let id = root.volume_id.unwrap();

    let image = input!(DescribeImagesRequest { image_ids: [cloud.image()] });
    let image = cloud.ok::<op::DescribeImages>(image).images.unwrap().remove(0);
    let wanted = image.block_device_mappings.unwrap().remove(0);
    let (device, wanted) = (wanted.device_name.unwrap(), wanted.ebs.unwrap());
    let found = volume(&cloud, &id);
    assert_eq!((found.size, &found.volume_type), (wanted.volume_size, &wanted.volume_type));
    assert_eq!((&found.snapshot_id, found.encrypted), (&wanted.snapshot_id, Some(false)));
    assert_eq!(
        (found.state.as_deref(), found.availability_zone.as_deref()),
        (Some("in-use"), Some("us-east-1a"))
    );
    let held = found.attachments.unwrap().remove(0);
    assert_eq!((held.instance_id.as_ref(), held.device.as_ref()), (Some(&instance), Some(&device)));
    assert_eq!((held.state.as_deref(), held.volume_id.as_ref()), (Some("attached"), Some(&id)));
    assert_eq!(cloud.instance(&instance).root_device_name.as_ref(), Some(&device));

    let attribute = |name: &str| {
        let input = input!(DescribeInstanceAttributeRequest { instance_id: &instance, attribute: name });
        cloud.ok::<op::DescribeInstanceAttribute>(input)
    };
    let mapped = attribute("blockDeviceMapping").block_device_mappings.unwrap();
    assert_eq!(mapped[0].ebs.as_ref().unwrap().volume_id.as_ref(), Some(&id));
    assert_eq!(attribute("rootDeviceName").root_device_name.unwrap().value, Some(device));

    let message = format!("Volume {id} is currently attached to {instance}");
    let delete = input!(DeleteVolumeRequest { volume_id: &id });
    cloud.refuses::<op::DeleteVolume>(delete, "VolumeInUse", &message);
    let detach = input!(DetachVolumeRequest { volume_id: &id });
    let message = format!("Unable to detach root volume '{id}' from instance '{instance}'");
    cloud.refuses::<op::DetachVolume>(detach.clone(), "OperationNotPermitted", &message);
    cloud.stop(&instance);
    cloud.refuses::<op::DetachVolume>(detach, "UnsupportedOperation", "…");
    assert_eq!(state(&cloud, &id), "in-use", "a stopped instance keeps it");
    cloud.terminate(&instance);
    assert_eq!(described(&cloud, &[]), []);
    assert_eq!(cloud.instance(&instance).block_device_mappings, Some(Vec::new()));
}

#[test]
fn a_volume_lives() {
    let cloud = Cloud::new();
    let wanted = api::CreateVolumeRequest {
        tag_specifications: Some(tagged("volume", &[("Name", "data")])),
        client_token: Some("one".to_owned()),
        ..request()
    };
    let made = cloud.ok::<op::CreateVolume>(wanted.clone());
    assert_eq!(
        (made.state.as_deref(), made.volume_type.as_deref(), made.iops),
        (Some("creating"), Some("gp2"), Some(100))
    );
    let id = made.volume_id.unwrap();
    let instance = started(&cloud);
    let message = format!("{id} is not 'available'.");
    cloud.refuses::<op::AttachVolume>(attach(&id, &instance, "/dev/sdf"), "IncorrectState", &message);
    let deletion = input!(DeleteVolumeRequest { volume_id: &id });
    let message = format!("Volume '{id}' is in the 'creating' state.");
    cloud.refuses::<op::DeleteVolume>(deletion.clone(), "IncorrectState", &message);
    cloud.wait(100);
    assert_eq!(state(&cloud, &id), "available");
    assert_eq!(create(&cloud, wanted), id, "the same token makes it once");
    assert_eq!(volume(&cloud, &id).tags, Some(tags(&[("Name", "data")])));

    let dry = api::AttachVolumeRequest { dry_run: Some(true), ..attach(&id, &instance, "/dev/sdf") };
    cloud.refuses::<op::AttachVolume>(dry, "DryRunOperation", "…");
    let held = cloud.ok::<op::AttachVolume>(attach(&id, &instance, "/dev/sdf"));
    assert_eq!((held.state.as_deref(), held.delete_on_termination), (Some("attaching"), Some(false)));
    assert_eq!(state(&cloud, &id), "in-use");
    cloud.wait(100);
    let mapped = cloud.instance(&instance).block_device_mappings.unwrap();
    assert_eq!(mapped.len(), 2);
    assert_eq!(mapped[1].device_name.as_deref(), Some("/dev/sdf"));
    assert_eq!(mapped[1].ebs.as_ref().unwrap().status.as_deref(), Some("attached"));
    let message = format!("{id} is already attached to an instance");
    cloud.refuses::<op::AttachVolume>(attach(&id, &instance, "/dev/sdg"), "VolumeInUse", &message);

    let wrong = input!(DetachVolumeRequest { volume_id: &id, instance_id: &instance, device: "/dev/sdg" });
    let message = format!("The volume '{id}' is not attached to instance '{instance}' as device '/dev/sdg'");
    cloud.refuses::<op::DetachVolume>(wrong, "InvalidAttachment.NotFound", &message);
    let detach = input!(DetachVolumeRequest { volume_id: &id, instance_id: &instance });
    let held = cloud.ok::<op::DetachVolume>(detach.clone());
    assert_eq!(held.state.as_deref(), Some("detaching"));
    assert_eq!(state(&cloud, &id), "in-use");
    cloud.refuses::<op::DetachVolume>(detach.clone(), "IncorrectState", "…");
    cloud.wait(100);
    assert_eq!(
        (state(&cloud, &id).as_str(), volume(&cloud, &id).attachments),
        ("available", Some(Vec::new()))
    );
    assert_eq!(cloud.instance(&instance).block_device_mappings.unwrap().len(), 1);
    let message = format!("Volume '{id}' is in the 'available' state.");
    cloud.refuses::<op::DetachVolume>(detach, "IncorrectState", &message);

    // Attached again, it outlives the instance.
    cloud.ok::<op::AttachVolume>(attach(&id, &instance, "/dev/sdf"));
    assert_eq!(cloud.instance(&instance).block_device_mappings.unwrap().len(), 2);
    cloud.terminate(&instance);
    assert_eq!(state(&cloud, &id), "available");

    cloud.ok::<op::DeleteVolume>(deletion.clone());
    assert_eq!(state(&cloud, &id), "deleting");
    cloud.refuses::<op::DeleteVolume>(deletion.clone(), "IncorrectState", "…");
    cloud.wait(100);
    let message = format!("The volume '{id}' does not exist.");
    cloud.refuses::<op::DeleteVolume>(deletion, "InvalidVolume.NotFound", &message);
    assert_eq!(described(&cloud, &[]), []);
}

#[test]
fn volumes_are_found() {
    let cloud = Cloud::new();
    let one = api::CreateVolumeRequest {
        encrypted: Some(true),
        volume_type: Some("gp3".to_owned()),
        tag_specifications: Some(tagged("volume", &[("Name", "one")])),
        ..request()
    };
    let id = create(&cloud, one);
    let at = cloud.now();
    let other =
        create(&cloud, input!(CreateVolumeRequest { availability_zone_id: zone_id(&cloud), size: 11 }));
    let found = volume(&cloud, &id);
    let made = found.create_time.unwrap().to_string();
    assert!(found.create_time.unwrap() < at);
    for (name, value) in [
        ("availability-zone", "us-east-1a"),
        ("availability-zone-id", found.availability_zone_id.as_deref().unwrap()),
        ("create-time", &made),
        ("encrypted", "true"),
        ("size", "10"),
        ("volume-id", &id),
        ("volume-type", "gp3"),
        ("tag:Name", "one"),
        ("tag-key", "Name"),
    ] {
        let found = described(&cloud, &[(name, &[value])]);
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].volume_id.as_ref(), Some(&id), "{name}");
    }
    for (name, value, count) in [
        ("fast-restored", "false", 2),
        ("multi-attach-enabled", "false", 2),
        ("operator.managed", "false", 2),
        ("operator.principal", "*", 0),
        ("snapshot-id", "snap-*", 0),
        ("status", "available", 2),
        ("status", "in-use", 0),
        ("attachment.status", "*", 0),
        ("attachment.delete-on-termination", "*", 0),
        ("attachment.attach-time", "*", 0),
    ] {
        assert_eq!(described(&cloud, &[(name, &[value])]).len(), count, "{name}");
    }
    (0..5).for_each(|_| drop(create(&cloud, request())));
    let page = cloud.ok::<op::DescribeVolumes>(input!(DescribeVolumesRequest { max_results: 5 }));
    let next = input!(DescribeVolumesRequest { next_token: page.next_token.unwrap() });
    let rest = cloud.ok::<op::DescribeVolumes>(next).volumes.unwrap();
    assert_eq!((page.volumes.unwrap().len(), rest.len()), (5, 2));
    let elsewhere = cloud.seen_by("210987654321", "us-east-1");
    assert_eq!(described(&elsewhere, &[]), []);
    assert!(!other.is_empty());
}

/// The id of the zone us-east-1b.
fn zone_id(cloud: &Cloud) -> String {
    let input = input!(DescribeAvailabilityZonesRequest { zone_names: ["us-east-1b"] });
    cloud.ok::<op::DescribeAvailabilityZones>(input).availability_zones.unwrap().remove(0).zone_id.unwrap()
}

#[test]
fn volumes_that_cannot_be() {
    let cloud = Cloud::new();
    let check = |input: api::CreateVolumeRequest, code: &str, message: &str| {
        cloud.refuses::<op::CreateVolume>(input, code, message);
    };
    let typed = |kind: &str, size: i32, iops: Option<i32>| api::CreateVolumeRequest {
        volume_type: Some(kind.to_owned()),
        size: Some(size),
        iops,
        ..request()
    };
    check(input!(CreateVolumeRequest { size: 1 }), "MissingParameter", "…");
    let zone = input!(CreateVolumeRequest { size: 1, availability_zone: "eu-west-1a" });
    check(zone, "InvalidZone.NotFound", "The zone 'eu-west-1a' does not exist.");
    let both = api::CreateVolumeRequest { availability_zone_id: Some("use1-az1".to_owned()), ..request() };
    check(both, COMBINATION, "…");
    let message = "The request must contain the parameter size or snapshotId";
    check(api::CreateVolumeRequest { size: None, ..request() }, "MissingParameter", message);
    check(typed("gp4", 1, None), "UnknownVolumeType", "Unsupported volume type 'gp4' for volume creation.");
    check(typed("gp2", 0, None), VALUE, "Volume of 0GiB is too small for volume type gp2; minimum is 1GiB.");
    check(
        typed("gp2", -1, None),
        VALUE,
        "Volume of -1GiB is too small for volume type gp2; minimum is 1GiB.",
    );
    check(
        typed("standard", 1025, None),
        VALUE,
        "Volume of 1025GiB is too large for volume type standard; maximum is 1024GiB.",
    );
    check(typed("gp2", 10, Some(100)), COMBINATION, "The parameter iops is not supported for gp2 volumes.");
    check(
        typed("io1", 10, None),
        "MissingParameter",
        "The parameter iops must be specified for io1 volumes.",
    );
    check(typed("io1", 10, Some(99)), VALUE, "Volume iops of 99 is too low; minimum is 100.");
    check(typed("io1", 10, Some(64_001)), VALUE, "Volume iops of 64001 is too high; maximum is 64000.");
    check(
        typed("io1", 10, Some(501)),
        VALUE,
        "Iops to volume size ratio of 50.100000 is too high; maximum is 50.000000",
    );
    check(
        typed("gp3", 1, Some(3001)),
        VALUE,
        "Iops to volume size ratio of 3001.000000 is too high; maximum is 500.000000",
    );
    let throughput = |kind: &str, wanted: i32| api::CreateVolumeRequest {
        throughput: Some(wanted),
        ..typed(kind, 10, None)
    };
    check(throughput("gp2", 125), COMBINATION, "The parameter throughput is not supported for gp2 volumes.");
    check(throughput("gp3", 124), VALUE, "…");
    check(throughput("gp3", 2001), VALUE, "…");
    check(
        throughput("gp3", 751),
        VALUE,
        "Throughput (MiBps) to iops ratio of 0.250333 is too high; maximum is 0.250000 MiBps per iops",
    );
    check(
        api::CreateVolumeRequest { multi_attach_enabled: Some(true), ..request() },
        "UnsupportedOperation",
        "…",
    );
    check(
        api::CreateVolumeRequest { kms_key_id: Some("k".to_owned()), ..request() },
        "UnsupportedOperation",
        "…",
    );
    check(api::CreateVolumeRequest { dry_run: Some(true), ..request() }, "DryRunOperation", "…");
    let basic = cloud.ok::<op::CreateVolume>(typed("gp3", 1, None));
    assert_eq!((basic.iops, basic.throughput), (Some(3000), Some(125)));
    assert_eq!(cloud.ok::<op::CreateVolume>(typed("gp2", 1000, None)).iops, Some(3000));
    assert_eq!(cloud.ok::<op::CreateVolume>(typed("st1", 125, None)).iops, None);
}

#[test]
fn attachments_that_cannot_be() {
    let cloud = Cloud::new();
    let instance = started(&cloud);
    let id = create(&cloud, request());
    let check = |input: api::AttachVolumeRequest, code: &str, message: &str| {
        cloud.refuses::<op::AttachVolume>(input, code, message);
    };
    let message = "Invalid value '/dev/xvda' for unixDevice. Attachment point /dev/xvda is already in use";
    check(attach(&id, &instance, "/dev/xvda"), VALUE, message);
    let message =
        "Value (/dev/nvme1n1) for parameter device is invalid. /dev/nvme1n1 is not a valid EBS device name.";
    check(attach(&id, &instance, "/dev/nvme1n1"), VALUE, message);
    check(attach("vol-0123456789abcdef0", &instance, "/dev/sdf"), "InvalidVolume.NotFound", "…");
    check(attach("vol-1", &instance, "/dev/sdf"), "InvalidVolumeID.Malformed", "…");
    check(attach(&id, "i-0123456789abcdef0", "/dev/sdf"), "InvalidInstanceID.NotFound", "…");
    let away = create(&cloud, input!(CreateVolumeRequest { availability_zone: "us-east-1b", size: 1 }));
    check(attach(&away, &instance, "/dev/sdf"), "InvalidVolume.ZoneMismatch", "…");
    let launched = cloud.run(cloud.launch()).remove(0).instance_id.unwrap();
    let message = format!("Instance '{launched}' is not 'running'.");
    check(attach(&id, &launched, "/dev/sdf"), "IncorrectState", &message);
    // A stopped instance can have more: 28 with its interface and its root volume.
    cloud.stop(&instance);
    for letter in 'a'..='z' {
        let one = create(&cloud, request());
        cloud.ok::<op::AttachVolume>(attach(&one, &instance, &format!("/dev/sd{letter}")));
    }
    check(attach(&id, &instance, "/dev/xvdb"), "AttachmentLimitExceeded", "…");
}

#[test]
fn a_volume_is_modified() {
    let cloud = Cloud::new();
    let id = create(&cloud, request());
    let modify = |kind: Option<&str>, size: Option<i32>, iops: Option<i32>| api::ModifyVolumeRequest {
        volume_type: kind.map(ToOwned::to_owned),
        size,
        iops,
        ..input!(ModifyVolumeRequest { volume_id: &id })
    };
    let described = |all: &[(&str, &[&str])]| {
        let input = input!(DescribeVolumesModificationsRequest { filters: filters(all) });
        cloud.ok::<op::DescribeVolumesModifications>(input).volumes_modifications.unwrap()
    };
    cloud.refuses::<op::ModifyVolume>(modify(None, None, None), "MissingParameter", "…");
    let message = "New size cannot be smaller than existing size";
    cloud.refuses::<op::ModifyVolume>(modify(None, Some(9), None), VALUE, message);
    let message = format!("Modification for volume '{id}' does not exist.");
    let by_id = input!(DescribeVolumesModificationsRequest { volume_ids: [&id] });
    cloud.refuses::<op::DescribeVolumesModifications>(by_id, "InvalidVolumeModification.NotFound", &message);
    let dry = api::ModifyVolumeRequest { dry_run: Some(true), ..modify(None, Some(20), None) };
    cloud.refuses::<op::ModifyVolume>(dry, "DryRunOperation", "…");

    let began = cloud.now().to_string();
    let made =
        cloud.ok::<op::ModifyVolume>(modify(Some("gp3"), Some(20), Some(5000))).volume_modification.unwrap();
    assert_eq!((made.modification_state.as_deref(), made.progress), (Some("modifying"), Some(0)));
    assert_eq!(volume(&cloud, &id).size, Some(10), "not yet");
    let message = format!("Cannot modify volume {id}, currently in modification state MODIFYING");
    cloud.refuses::<op::ModifyVolume>(modify(None, Some(30), None), "IncorrectModificationState", &message);
    cloud.wait(100);
    let found = volume(&cloud, &id);
    assert_eq!((found.size, found.volume_type.as_deref(), found.iops), (Some(20), Some("gp3"), Some(5000)));
    assert_eq!(described(&[("modification-state", &["optimizing"])]).len(), 1);
    let message = format!("Cannot modify volume {id}, currently in modification state OPTIMIZING");
    cloud.refuses::<op::ModifyVolume>(modify(None, Some(30), None), "IncorrectModificationState", &message);
    cloud.wait(100);
    let done = described(&[]).remove(0);
    assert_eq!((done.modification_state.as_deref(), done.progress), (Some("completed"), Some(100)));
    assert_eq!(done.end_time, Some(cloud.now()));
    for (name, value) in [
        ("modification-state", "completed"),
        ("original-iops", "100"),
        ("original-size", "10"),
        ("original-volume-type", "gp2"),
        ("originalMultiAttachEnabled", "false"),
        ("start-time", &began),
        ("target-iops", "5000"),
        ("target-size", "20"),
        ("target-volume-type", "gp3"),
        ("targetMultiAttachEnabled", "false"),
        ("volume-id", &id),
    ] {
        assert_eq!(described(&[(name, &[value])]).len(), 1, "{name}");
        assert_eq!(described(&[(name, &["other"])]), [], "{name}");
    }
    // What is not said stays, and a new type begins anew.
    cloud.ok::<op::ModifyVolume>(modify(None, Some(100), None));
    cloud.wait(200);
    let found = volume(&cloud, &id);
    assert_eq!((found.iops, found.throughput), (Some(5000), Some(125)));
    cloud.ok::<op::ModifyVolume>(modify(Some("io1"), None, None));
    cloud.wait(200);
    let found = volume(&cloud, &id);
    assert_eq!((found.iops, found.throughput), (Some(3000), None));
    cloud.ok::<op::ModifyVolume>(modify(Some("gp2"), None, None));
    cloud.wait(200);
    assert_eq!(volume(&cloud, &id).iops, Some(300));
}

#[test]
fn its_status_and_attributes() {
    let cloud = Cloud::new();
    let io = api::CreateVolumeRequest { volume_type: Some("io2".to_owned()), iops: Some(100), ..request() };
    let id = cloud.ok::<op::CreateVolume>(io).volume_id.unwrap();
    let status = |all: &[(&str, &[&str])]| {
        let input = input!(DescribeVolumeStatusRequest { filters: filters(all) });
        cloud.ok::<op::DescribeVolumeStatus>(input).volume_statuses.unwrap()
    };
    let is = |item: &api::VolumeStatusItem| item.volume_status.as_ref().unwrap().status.clone().unwrap();
    assert_eq!(is(&status(&[])[0]), "insufficient-data");
    cloud.wait(100);
    assert_eq!(is(&status(&[])[0]), "ok");
    let instance = started(&cloud);
    cloud.ok::<op::AttachVolume>(attach(&id, &instance, "/dev/sdf"));
    let zone = volume(&cloud, &id).availability_zone_id.unwrap();
    for (name, value, count) in [
        ("availability-zone", "us-east-1a", 2),
        ("availability-zone-id", &zone, 2),
        ("operator.managed", "false", 2),
        ("volume-status.details-name", "io-performance", 2),
        ("volume-status.details-status", "normal", 1),
        ("volume-status.details-status", "not-applicable", 1),
        ("volume-status.status", "ok", 2),
        ("volume-status.status", "impaired", 0),
        ("event.event-id", "*", 0),
        ("action.code", "*", 0),
    ] {
        assert_eq!(status(&[(name, &[value])]).len(), count, "{name}");
    }
    let both = input!(DescribeVolumeStatusRequest { volume_ids: [&id], max_results: 5 });
    cloud.refuses::<op::DescribeVolumeStatus>(both, COMBINATION, "…");

    let attribute = |name: &str| input!(DescribeVolumeAttributeRequest { volume_id: &id, attribute: name });
    let enabled = || {
        let answer = cloud.ok::<op::DescribeVolumeAttribute>(attribute("autoEnableIO"));
        answer.auto_enable_io.unwrap().value.unwrap()
    };
    assert!(!enabled());
    let modify = |value: Option<bool>| api::ModifyVolumeAttributeRequest {
        auto_enable_io: value.map(|value| api::AttributeBooleanValue { value: Some(value) }),
        ..input!(ModifyVolumeAttributeRequest { volume_id: &id })
    };
    cloud.ok::<op::ModifyVolumeAttribute>(modify(Some(true)));
    assert!(enabled());
    cloud.refuses::<op::ModifyVolumeAttribute>(modify(None), "MissingParameter", "…");
    let codes = cloud.ok::<op::DescribeVolumeAttribute>(attribute("productCodes"));
    assert_eq!(codes.product_codes, Some(Vec::new()));
    cloud.refuses::<op::DescribeVolumeAttribute>(attribute("other"), VALUE, "…");
}

#[test]
fn storage_has_a_quota() {
    let cloud = Cloud::new();
    let large =
        input!(CreateVolumeRequest { availability_zone: "us-east-1a", size: 16_384, volume_type: "gp2" });
    (0..3).for_each(|_| drop(create(&cloud, large.clone())));
    let message = "You have exceeded your maximum gp2 storage limit of 50 TiB in this region. …";
    cloud.refuses::<op::CreateVolume>(large.clone(), "VolumeLimitExceeded", message);
    // Between the least and the most, a launch makes as many as there is room for: 2 TiB are left.
    let disk = ebs("/dev/sdf", api::EbsBlockDevice { volume_size: Some(1000), ..Default::default() });
    let launch = |least: i32, most: i32| api::RunInstancesRequest {
        min_count: least,
        max_count: most,
        block_device_mappings: Some(vec![disk.clone()]),
        ..cloud.launch()
    };
    cloud.refuses::<op::RunInstances>(launch(3, 3), "VolumeLimitExceeded", message);
    assert_eq!(cloud.run(launch(1, 3)).len(), 2);
    let free = Cloud::without_quotas();
    (0..4).for_each(|_| drop(create(&free, large.clone())));
}

#[test]
fn an_instance_of_before_there_were_volumes_has_none() {
    let cloud = Cloud::new();
    let id = started(&cloud);
    let record = cloud.store.snapshot().get::<Instance>(&cloud.scope(), &id).unwrap();
    let mut old = serde_json::to_value(&*record).unwrap();
    for member in ["volumes", "placement", "avoids_capacity_reservations", "checked_at"] {
        assert!(old.as_object_mut().unwrap().remove(member).is_some(), "{member}");
    }
    let old: Instance = serde_json::from_value(old).unwrap();
    let put = |transaction: &mut store::Transaction| {
        transaction.put(&cloud.scope(), &id, old);
        Ok::<_, StoreError>(())
    };
    cloud.store.transact(put).unwrap();
    let shown = cloud.instance(&id);
    assert_eq!(
        (shown.root_device_name.as_deref(), shown.block_device_mappings),
        (Some("/dev/xvda"), Some(Vec::new()))
    );
    assert_eq!(shown.placement.unwrap().tenancy.as_deref(), Some("default"));
    // Its root disk is there all the same.
    let further = create(&cloud, request());
    let message = "Invalid value '/dev/xvda' for unixDevice. Attachment point /dev/xvda is already in use";
    cloud.refuses::<op::AttachVolume>(attach(&further, &id, "/dev/xvda"), VALUE, message);
    cloud.ok::<op::AttachVolume>(attach(&further, &id, "/dev/sdf"));
    cloud.terminate(&id);
}

#[test]
fn statuses_and_modifications_come_in_pages() {
    let cloud = Cloud::new();
    let ids: Vec<String> = (0..7).map(|_| create(&cloud, request())).collect();
    for id in &ids[1..] {
        cloud.ok::<op::ModifyVolume>(input!(ModifyVolumeRequest { volume_id: id, size: 11 }));
    }
    let mut expected = ids.clone();
    expected.sort();
    let (mut statuses, mut next) = (Vec::new(), None);
    loop {
        let page = cloud.ok::<op::DescribeVolumeStatus>(api::DescribeVolumeStatusRequest {
            max_results: Some(5),
            next_token: next,
            ..Default::default()
        });
        statuses.extend(page.volume_statuses.unwrap().into_iter().map(|held| held.volume_id.unwrap()));
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(statuses, expected);
    let (mut modified, mut next) = (Vec::new(), None);
    loop {
        let page = cloud.ok::<op::DescribeVolumesModifications>(api::DescribeVolumesModificationsRequest {
            max_results: Some(5),
            next_token: next,
            ..Default::default()
        });
        modified.extend(page.volumes_modifications.unwrap().into_iter().map(|held| held.volume_id.unwrap()));
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    expected.retain(|id| *id != ids[0]);
    assert_eq!(modified, expected);
    let found =
        input!(DescribeVolumesModificationsRequest { filters: filters(&[("volume-id", &[&ids[3]])]) });
    assert_eq!(cloud.ok::<op::DescribeVolumesModifications>(found).volumes_modifications.unwrap().len(), 1);
}
