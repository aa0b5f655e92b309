use super::*;

#[test]
fn a_launch_says_what_its_volumes_are() {
    let cloud = Cloud::new();
    let root = api::EbsBlockDevice {
        volume_size: Some(20),
        volume_type: Some("gp3".to_owned()),
        iops: Some(4000),
        throughput: Some(250),
        encrypted: Some(true),
        delete_on_termination: Some(false),
        ..Default::default()
    };
    let data = api::EbsBlockDevice { volume_size: Some(30), ..Default::default() };
    let kept = api::EbsBlockDevice { delete_on_termination: Some(true), ..data.clone() };
    let ephemeral = api::BlockDeviceMapping {
        device_name: Some("/dev/sdz".to_owned()),
        virtual_name: Some("ephemeral0".to_owned()),
        ..Default::default()
    };
    let none = api::BlockDeviceMapping {
        device_name: Some("/dev/sdy".to_owned()),
        no_device: Some(String::new()),
        ..Default::default()
    };
    let specified = tagged("volume", &[("Name", "disk")]);
    let launched = cloud.run(api::RunInstancesRequest {
        block_device_mappings: Some(vec![
            ebs("/dev/sdf", data),
            ebs("/dev/xvda", root),
            ebs("/dev/sdg", kept),
            ephemeral,
            none,
        ]),
        tag_specifications: Some(specified),
        min_count: 2,
        max_count: 2,
        ..cloud.launch()
    });
    let id = launched[0].instance_id.clone().unwrap();
    cloud.wait(100);
    assert_eq!(described(&cloud, &[]).len(), 6, "three for each");
    let of = |device: &str| {
        described(&cloud, &[("attachment.instance-id", &[&id]), ("attachment.device", &[device])]).remove(0)
    };
    let root = of("/dev/xvda");
    assert_eq!(
        (root.size, root.iops, root.throughput, root.encrypted),
        (Some(20), Some(4000), Some(250), Some(true))
    );
    let data = of("/dev/sdf");
    assert_eq!((data.size, data.volume_type.as_deref(), data.iops), (Some(30), Some("gp2"), Some(100)));
    assert_eq!((data.snapshot_id.as_deref(), &data.tags), (Some(""), &Some(tags(&[("Name", "disk")]))));
    let by_instance = |all: &[(&str, &[&str])]| {
        let input = input!(DescribeInstancesRequest { filters: filters(all) });
        cloud
            .ok::<op::DescribeInstances>(input)
            .reservations
            .unwrap()
            .iter()
            .map(|held| held.instances.as_ref().unwrap().len())
            .sum::<usize>()
    };
    let time = root.attachments.as_ref().unwrap()[0].attach_time.unwrap().to_string();
    for (name, value, count) in [
        ("block-device-mapping.volume-id", root.volume_id.as_deref().unwrap(), 1),
        ("block-device-mapping.device-name", "/dev/sdg", 2),
        ("block-device-mapping.status", "attached", 2),
        ("block-device-mapping.status", "attaching", 0),
        ("block-device-mapping.delete-on-termination", "true", 2),
        ("block-device-mapping.attach-time", &time, 2),
    ] {
        assert_eq!(by_instance(&[(name, &[value])]), count, "{name}");
    }

    // What goes with an instance can be changed while it lives.
    let modify = |device: &str, goes: bool| {
        let wanted =
            api::EbsInstanceBlockDeviceSpecification { delete_on_termination: Some(goes), volume_id: None };
        let mapping = api::InstanceBlockDeviceMappingSpecification {
            device_name: Some(device.to_owned()),
            ebs: Some(wanted),
            ..Default::default()
        };
        api::ModifyInstanceAttributeRequest {
            block_device_mappings: Some(vec![mapping]),
            ..input!(ModifyInstanceAttributeRequest { instance_id: &id })
        }
    };
    cloud.ok::<op::ModifyInstanceAttribute>(modify("/dev/sdg", false));
    cloud.ok::<op::ModifyInstanceAttribute>(modify("/dev/sdf", true));
    let message = "No device is currently mapped at /dev/sdz";
    cloud.refuses::<op::ModifyInstanceAttribute>(
        modify("/dev/sdz", true),
        "InvalidInstanceAttributeValue",
        message,
    );
    let (kept_root, kept) = (root.volume_id.unwrap(), of("/dev/sdg").volume_id.unwrap());
    cloud.ec2.instance_started(&cloud.scope(), id.parse().unwrap(), cloud.now()).unwrap();
    cloud.terminate(&id);
    let mut left: Vec<_> = described(&cloud, &[("status", &["available"])])
        .into_iter()
        .map(|volume| volume.volume_id.unwrap())
        .collect();
    left.sort();
    let mut expected = vec![kept_root, kept];
    expected.sort();
    assert_eq!(left, expected);
    assert_eq!(described(&cloud, &[]).len(), 5);
}

#[test]
fn a_launch_template_says_what_its_volumes_are() {
    let cloud = Cloud::new();
    let mapping = api::LaunchTemplateBlockDeviceMappingRequest {
        device_name: Some("/dev/xvda".to_owned()),
        ebs: Some(api::LaunchTemplateEbsBlockDeviceRequest { volume_size: Some(25), ..Default::default() }),
        ..Default::default()
    };
    let data = api::RequestLaunchTemplateData {
        block_device_mappings: Some(vec![mapping]),
        image_id: Some(cloud.image()),
        ..Default::default()
    };
    let template = api::CreateLaunchTemplateRequest {
        launch_template_data: data,
        ..input!(CreateLaunchTemplateRequest { launch_template_name: "disks" })
    };
    cloud.ok::<op::CreateLaunchTemplate>(template);
    let launch = api::RunInstancesRequest {
        launch_template: Some(input!(LaunchTemplateSpecification { launch_template_name: "disks" })),
        ..input!(RunInstancesRequest { min_count: 1, max_count: 1 })
    };
    cloud.run(launch.clone());
    assert_eq!(described(&cloud, &[("size", &["25"])]).len(), 1);
    // Another device of the request stands beside the template's, and the same one replaces it.
    let data = ebs("/dev/sdf", api::EbsBlockDevice { volume_size: Some(26), ..Default::default() });
    cloud.run(api::RunInstancesRequest { block_device_mappings: Some(vec![data]), ..launch.clone() });
    let count = |size: &str| described(&cloud, &[("size", &[size])]).len();
    assert_eq!((count("25"), count("26")), (2, 1));
    let root = ebs("/dev/xvda", api::EbsBlockDevice { volume_size: Some(27), ..Default::default() });
    cloud.run(api::RunInstancesRequest { block_device_mappings: Some(vec![root]), ..launch });
    assert_eq!((count("25"), count("27")), (2, 1));
}

#[test]
fn launches_that_are_refused() {
    let cloud = Cloud::new();
    let check = |mapping: api::BlockDeviceMapping, code: &str, message: &str| {
        let launch =
            api::RunInstancesRequest { block_device_mappings: Some(vec![mapping]), ..cloud.launch() };
        cloud.refuses::<op::RunInstances>(launch, code, message);
    };
    let none = api::EbsBlockDevice::default;
    let sized = |size: i32| api::EbsBlockDevice { volume_size: Some(size), ..none() };
    let typed =
        |kind: &str, size: i32| api::EbsBlockDevice { volume_type: Some(kind.to_owned()), ..sized(size) };
    check(
        api::BlockDeviceMapping::default(),
        "MissingParameter",
        "The request must contain the parameter deviceName",
    );
    check(ebs("nonsense", sized(8)), MAPPING, "nonsense is not a valid EBS device name.");
    check(
        ebs("/dev/sdf", none()),
        MAPPING,
        "Either snapshot ID or volume size must be provided for: /dev/sdf",
    );
    let image = input!(DescribeImagesRequest { image_ids: [cloud.image()] });
    let image = cloud.ok::<op::DescribeImages>(image).images.unwrap().remove(0);
    let own = image.block_device_mappings.unwrap().remove(0).ebs.unwrap();
    let (own_size, own_snapshot) = (own.volume_size.unwrap(), own.snapshot_id.unwrap());
    let message =
        format!("Volume of size 1GB is smaller than snapshot '{own_snapshot}', expect size >= {own_size}GB");
    check(ebs("/dev/xvda", sized(1)), MAPPING, &message);
    let other = api::EbsBlockDevice { snapshot_id: Some("snap-0123456789abcdef0".to_owned()), ..none() };
    check(ebs("/dev/xvda", other.clone()), MAPPING, "snapshotId cannot be modified on root device");
    let message = "The snapshot 'snap-0123456789abcdef0' does not exist.";
    check(ebs("/dev/sdf", other), "InvalidSnapshot.NotFound", message);
    let device =
        |device: &str| api::BlockDeviceMapping { device_name: Some(device.to_owned()), ..Default::default() };
    let suppressed = api::BlockDeviceMapping { no_device: Some(String::new()), ..device("/dev/xvda") };
    check(suppressed, MAPPING, "The root device '/dev/xvda' cannot be suppressed");
    check(device("/dev/sdf"), MAPPING, "The mapping of device '/dev/sdf' must have one of …");
    let virtual_name =
        |name: &str, at: &str| api::BlockDeviceMapping { virtual_name: Some(name.to_owned()), ..device(at) };
    check(virtual_name("ephemeral24", "/dev/sdf"), MAPPING, "The virtual name 'ephemeral24' …");
    check(virtual_name("ephemeral0", "/dev/xvda"), MAPPING, "The virtual name 'ephemeral0' …");
    let key = api::EbsBlockDevice { kms_key_id: Some("alias/mine".to_owned()), ..sized(8) };
    check(ebs("/dev/sdf", key), "UnsupportedOperation", "Keys of one's own for volumes are not supported.");
    check(ebs("/dev/sdf", typed("gp9", 8)), "UnknownVolumeType", "…");
    check(
        ebs("/dev/sdf", typed("st1", 8)),
        VALUE,
        "Volume of 8GiB is too small for volume type st1; minimum is 125GiB.",
    );
    let twice = vec![ebs("/dev/sdf", sized(8)), ebs("/dev/sdf", sized(8))];
    let twice = api::RunInstancesRequest { block_device_mappings: Some(twice), ..cloud.launch() };
    let message = "The device '/dev/sdf' is used in more than one block-device mapping";
    cloud.refuses::<op::RunInstances>(twice, MAPPING, message);
    let letters = 'b'..='z';
    let many = letters.clone().chain(letters).enumerate().map(|(place, letter)| {
        let disk = if place < 25 { "sd" } else { "xvd" };
        ebs(&format!("/dev/{disk}{letter}"), sized(1))
    });
    let many = api::RunInstancesRequest { block_device_mappings: Some(many.collect()), ..cloud.launch() };
    cloud.refuses::<op::RunInstances>(many, "AttachmentLimitExceeded", "…");
    assert_eq!(described(&cloud, &[]), []);
}
