use store::Read;
use svc_ec2::record::LaunchTemplate;

use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

fn data(instance_type: &str) -> api::RequestLaunchTemplateData {
    input!(RequestLaunchTemplateData { instance_type: instance_type })
}

fn request(name: &str, data: api::RequestLaunchTemplateData) -> api::CreateLaunchTemplateRequest {
    input!(CreateLaunchTemplateRequest { launch_template_name: name, launch_template_data: data })
}

fn create(cloud: &Cloud, name: &str, data: api::RequestLaunchTemplateData) -> String {
    let made = cloud.ok::<op::CreateLaunchTemplate>(request(name, data)).launch_template.unwrap();
    made.launch_template_id.unwrap()
}

fn add(cloud: &Cloud, template: &str, data: api::RequestLaunchTemplateData) -> api::LaunchTemplateVersion {
    let input = input!(CreateLaunchTemplateVersionRequest {
        launch_template_id: template,
        launch_template_data: data
    });
    cloud.ok::<op::CreateLaunchTemplateVersion>(input).launch_template_version.unwrap()
}

fn versions(cloud: &Cloud, input: api::DescribeLaunchTemplateVersionsRequest) -> Vec<i64> {
    let found = cloud.ok::<op::DescribeLaunchTemplateVersions>(input).launch_template_versions.unwrap();
    found.into_iter().map(|version| version.version_number.unwrap()).collect()
}

fn of(template: &str) -> api::DescribeLaunchTemplateVersionsRequest {
    input!(DescribeLaunchTemplateVersionsRequest { launch_template_id: template })
}

fn by_id(template: &str, version: Option<&str>) -> Option<api::LaunchTemplateSpecification> {
    Some(api::LaunchTemplateSpecification {
        launch_template_id: Some(template.to_owned()),
        version: version.map(str::to_owned),
        ..Default::default()
    })
}

#[test]
fn a_template_lives() {
    let cloud = Cloud::new();
    let whole = api::CreateLaunchTemplateRequest {
        tag_specifications: Some(tagged("launch-template", &[("Name", "web")])),
        client_token: Some("one".to_owned()),
        ..request("web(1)", data("t3.micro"))
    };
    let made = cloud.ok::<op::CreateLaunchTemplate>(whole.clone()).launch_template.unwrap();
    assert_eq!(cloud.ok::<op::CreateLaunchTemplate>(whole).launch_template.as_ref(), Some(&made));
    let id = made.launch_template_id.clone().unwrap();
    assert_eq!(made.launch_template_name.as_deref(), Some("web(1)"));
    assert_eq!(made.created_by.as_deref(), Some("arn:aws:iam::123456789012:root"));
    assert_eq!((made.default_version_number, made.latest_version_number), (Some(1), Some(1)));
    assert_eq!(made.tags, Some(tags(&[("Name", "web")])));
    let other = create(&cloud, "batch", data("t3.nano"));

    let ids = |input| -> Vec<String> {
        let found = cloud.ok::<op::DescribeLaunchTemplates>(input).launch_templates.unwrap();
        found.into_iter().map(|template| template.launch_template_id.unwrap()).collect()
    };
    assert_eq!(ids(input!(DescribeLaunchTemplatesRequest {})).len(), 2);
    assert_eq!(
        ids(input!(DescribeLaunchTemplatesRequest { launch_template_ids: [&id] })),
        std::slice::from_ref(&id)
    );
    let by_name = input!(DescribeLaunchTemplatesRequest { launch_template_names: ["batch"] });
    assert_eq!(ids(by_name), std::slice::from_ref(&other));
    let time = made.create_time.unwrap().to_string();
    for (name, value, count) in [
        ("launch-template-name", "web*", 1),
        ("tag:Name", "web", 1),
        ("tag-key", "Name", 1),
        ("create-time", &*time, 2),
        ("create-time", "1999", 0),
    ] {
        let filters = filters(&[(name, &[value])]);
        let found = ids(input!(DescribeLaunchTemplatesRequest { filters }));
        assert_eq!(found.len(), count, "{name}");
        assert!(count != 1 || found == [id.clone()], "{name}");
    }

    add(&cloud, &id, data("t3.small"));
    let default = |version: &str| {
        input!(ModifyLaunchTemplateRequest { launch_template_name: "web(1)", default_version: version })
    };
    let changed = cloud.ok::<op::ModifyLaunchTemplate>(default("2")).launch_template.unwrap();
    assert_eq!((changed.default_version_number, changed.latest_version_number), (Some(2), Some(2)));
    let message = format!("Could not find the specified version 3 for the launch template with ID {id}.");
    let code = "InvalidLaunchTemplateId.VersionNotFound";
    cloud.refuses::<op::ModifyLaunchTemplate>(default("3"), code, &message);

    let delete = input!(DeleteLaunchTemplateRequest { launch_template_name: "batch" });
    let gone = cloud.ok::<op::DeleteLaunchTemplate>(delete.clone()).launch_template.unwrap();
    assert_eq!(gone.launch_template_id, Some(other.clone()));
    let code = "InvalidLaunchTemplateName.NotFoundException";
    let message = "The specified launch template, with template name batch, does not exist.";
    cloud.refuses::<op::DeleteLaunchTemplate>(delete, code, message);
    let message = format!("The specified launch template, with template ID {other}, does not exist.");
    let code = "InvalidLaunchTemplateId.NotFound";
    cloud.refuses::<op::DescribeLaunchTemplateVersions>(of(&other), code, &message);
    assert_eq!(ids(input!(DescribeLaunchTemplatesRequest {})), [id]);
}

#[test]
fn versions_are_made_shown_and_deleted() {
    let cloud = Cloud::new();
    let first = api::RequestLaunchTemplateData {
        instance_type: Some("t3.micro".to_owned()),
        key_name: Some("k".to_owned()),
        user_data: Some("aGVsbG8=".to_owned()),
        ebs_optimized: Some(true),
        network_interfaces: Some(vec![input!(LaunchTemplateInstanceNetworkInterfaceSpecificationRequest {
            device_index: 0,
            groups: ["sg-0123456789abcdef0"]
        })]),
        metadata_options: Some(input!(LaunchTemplateInstanceMetadataOptionsRequest {
            http_tokens: "required"
        })),
        ..Default::default()
    };
    let id = create(&cloud, "web", first);
    let second = cloud.ok::<op::CreateLaunchTemplateVersion>(input!(CreateLaunchTemplateVersionRequest {
        launch_template_id: &id,
        source_version: "$Latest",
        version_description: "bigger",
        client_token: "t",
        launch_template_data: data("t3.large")
    }));
    let second = second.launch_template_version.unwrap();
    assert_eq!((second.version_number, second.version_description.as_deref()), (Some(2), Some("bigger")));
    assert_eq!(second.default_version, Some(false));
    let said = second.launch_template_data.unwrap();
    assert_eq!((said.instance_type.as_deref(), said.key_name.as_deref()), (Some("t3.large"), Some("k")));
    assert_eq!((said.user_data.as_deref(), said.ebs_optimized), (Some("aGVsbG8="), Some(true)));
    let interface = &said.network_interfaces.unwrap()[0];
    assert_eq!(interface.device_index, Some(0));
    assert_eq!(interface.groups, Some(vec!["sg-0123456789abcdef0".to_owned()]));
    let third = add(&cloud, &id, data("t3.nano")).launch_template_data.unwrap();
    assert_eq!((third.instance_type.as_deref(), third.key_name), (Some("t3.nano"), None));

    assert_eq!(versions(&cloud, of(&id)), [3, 2, 1]);
    let with = |change: &dyn Fn(&mut api::DescribeLaunchTemplateVersionsRequest)| {
        let mut input = of(&id);
        change(&mut input);
        versions(&cloud, input)
    };
    let list = |all: &[&str]| Some(all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    assert_eq!(with(&|input| input.versions = list(&["$Default", "$Latest", "3"])), [3, 1]);
    assert_eq!(with(&|input| input.min_version = Some("2".to_owned())), [3, 2]);
    assert_eq!(with(&|input| input.max_version = Some("2".to_owned())), [2, 1]);
    let everywhere = input!(DescribeLaunchTemplateVersionsRequest { versions: ["$Latest"] });
    create(&cloud, "other", data("t3.micro"));
    assert_eq!(versions(&cloud, everywhere).len(), 2);
    let page = api::DescribeLaunchTemplateVersionsRequest { max_results: Some(2), ..of(&id) };
    let answer = cloud.ok::<op::DescribeLaunchTemplateVersions>(page.clone());
    assert_eq!(
        versions(
            &cloud,
            api::DescribeLaunchTemplateVersionsRequest { next_token: answer.next_token, ..page }
        ),
        [1]
    );
    for (name, value, expected) in [
        ("instance-type", "t3.large", &[2][..]),
        ("ebs-optimized", "true", &[2, 1]),
        ("is-default-version", "true", &[1]),
        ("http-tokens", "required", &[2, 1]),
        ("http-endpoint", "enabled", &[]),
        ("image-id", "*", &[]),
        ("kernel-id", "*", &[]),
        ("ram-disk-id", "*", &[]),
        ("iam-instance-profile", "*", &[]),
        ("host-resource-group-arn", "*", &[]),
        ("license-configuration-arn", "*", &[]),
        ("network-card-index", "*", &[]),
        ("http-protocol-ipv4", "*", &[]),
        ("create-time", "2026*", &[3, 2, 1]),
    ] {
        assert_eq!(with(&|input| input.filters = Some(filters(&[(name, &[value])]))), expected, "{name}");
    }

    let delete =
        input!(DeleteLaunchTemplateVersionsRequest { launch_template_id: &id, versions: ["1", "3", "9"] });
    let answer = cloud.ok::<op::DeleteLaunchTemplateVersions>(delete);
    let done = answer.successfully_deleted_launch_template_versions.unwrap();
    assert_eq!(done.iter().map(|done| done.version_number).collect::<Vec<_>>(), [Some(3)]);
    let refused = answer.unsuccessfully_deleted_launch_template_versions.unwrap();
    let codes = refused.into_iter().map(|item| (item.version_number, item.response_error.unwrap().code));
    let code = |code: &str| Some(code.to_owned());
    assert_eq!(
        codes.collect::<Vec<_>>(),
        [(Some(1), code("unexpectedError")), (Some(9), code("launchTemplateVersionDoesNotExist")),]
    );
    assert_eq!(versions(&cloud, of(&id)), [2, 1]);
    assert_eq!(add(&cloud, &id, data("t3.nano")).version_number, Some(4), "numbers are not used again");
}

#[test]
fn a_launch_is_completed_by_its_template() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    cloud.ok::<op::CreateKeyPair>(input!(CreateKeyPairRequest { key_name: "k", key_type: "ed25519" }));
    let template_tags = |resource_type: &str, tags: Vec<api::Tag>| {
        input!(LaunchTemplateTagSpecificationRequest { resource_type: resource_type, tags: tags })
    };
    let said = api::RequestLaunchTemplateData {
        image_id: Some(cloud.image()),
        instance_type: Some("t3.micro".to_owned()),
        key_name: Some("k".to_owned()),
        monitoring: Some(api::LaunchTemplatesMonitoringRequest::default()),
        network_interfaces: Some(vec![input!(LaunchTemplateInstanceNetworkInterfaceSpecificationRequest {
            device_index: 0,
            subnet_id: &subnet,
            description: "of a template"
        })]),
        tag_specifications: Some(vec![
            template_tags("instance", tags(&[("Name", "template"), ("Team", "a")])),
            template_tags("network-interface", tags(&[("For", "web")])),
        ]),
        ..Default::default()
    };
    let id = create(&cloud, "web", said);
    let launch = |version: Option<&str>| api::RunInstancesRequest {
        min_count: 1,
        max_count: 1,
        launch_template: by_id(&id, version),
        ..Default::default()
    };
    let instance = cloud.run(launch(None)).remove(0);
    assert_eq!(instance.instance_type.as_deref(), Some("t3.micro"));
    assert_eq!((instance.key_name.as_deref(), instance.subnet_id.as_ref()), (Some("k"), Some(&subnet)));
    let expected = tags(&[
        ("Name", "template"),
        ("Team", "a"),
        ("aws:ec2launchtemplate:id", &id),
        ("aws:ec2launchtemplate:version", "1"),
    ]);
    assert_eq!(instance.tags, Some(expected));
    let interface = &instance.network_interfaces.unwrap()[0];
    assert_eq!(interface.description.as_deref(), Some("of a template"));
    let interface = cloud.describe_interface(interface.network_interface_id.as_ref().unwrap());
    assert_eq!(interface.tag_set, Some(tags(&[("For", "web")])));

    // The request's members count; its tags go over the template's.
    add(&cloud, &id, data("t3.large"));
    let over = api::RunInstancesRequest {
        instance_type: Some("t3.nano".to_owned()),
        tag_specifications: Some(tagged("instance", &[("Name", "request")])),
        ..launch(Some("1"))
    };
    let instance = cloud.run(over).remove(0);
    assert_eq!(instance.instance_type.as_deref(), Some("t3.nano"));
    let held = instance.tags.unwrap();
    assert!(tags(&[("Name", "request"), ("Team", "a")]).iter().all(|tag| held.contains(tag)));

    // AWS's own tags stay.
    let made = instance.instance_id.unwrap();
    cloud.ok::<op::DeleteTags>(input!(DeleteTagsRequest { resources: [&made] }));
    let keys = cloud.instance(&made).tags.unwrap().into_iter().map(|tag| tag.key.unwrap());
    assert_eq!(keys.collect::<Vec<_>>(), ["aws:ec2launchtemplate:id", "aws:ec2launchtemplate:version"]);

    // The latest version has no image.
    let message = "The request must contain the parameter ImageId";
    cloud.refuses::<op::RunInstances>(launch(Some("$Latest")), "MissingParameter", message);
    let latest = api::RunInstancesRequest { image_id: Some(cloud.image()), ..launch(Some("$Latest")) };
    assert_eq!(cloud.run(latest)[0].instance_type.as_deref(), Some("t3.large"));
    let message = format!("Could not find the specified version 7 for the launch template with ID {id}.");
    let code = "InvalidLaunchTemplateId.VersionNotFound";
    cloud.refuses::<op::RunInstances>(launch(Some("7")), code, &message);

    // What a launch refuses, it refuses of a template too.
    let spot = api::RequestLaunchTemplateData {
        instance_market_options: Some(input!(LaunchTemplateInstanceMarketOptionsRequest {
            market_type: "spot"
        })),
        ..data("t3.micro")
    };
    let spot = create(&cloud, "spot", spot);
    let refused = api::RunInstancesRequest { launch_template: by_id(&spot, None), ..cloud.launch() };
    let message = "Spot instances and capacity blocks are not supported.";
    cloud.refuses::<op::RunInstances>(refused, "UnsupportedOperation", message);
}

#[test]
fn the_data_of_an_instance_launches_another() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let launch = api::RunInstancesRequest {
        subnet_id: Some(subnet.clone()),
        user_data: Some("aGVsbG8=".to_owned()),
        tag_specifications: Some(tagged("instance", &[("Name", "one")])),
        ..cloud.launch()
    };
    let id = cloud.run(launch).remove(0).instance_id.unwrap();
    let input = input!(GetLaunchTemplateDataRequest { instance_id: &id });
    let said = cloud.ok::<op::GetLaunchTemplateData>(input).launch_template_data.unwrap();
    assert_eq!((said.image_id, said.instance_type.as_deref()), (Some(cloud.image()), Some("t3.micro")));
    assert_eq!(said.user_data.as_deref(), Some("aGVsbG8="));
    assert_eq!(said.tag_specifications.unwrap()[0].tags, Some(tags(&[("Name", "one")])));
    let interface = &said.network_interfaces.unwrap()[0];
    assert_eq!((interface.device_index, interface.subnet_id.as_ref()), (Some(0), Some(&subnet)));
    let disk = &said.block_device_mappings.unwrap()[0];
    assert_eq!(disk.device_name.as_deref(), Some("/dev/xvda"));
    assert_eq!(disk.ebs.as_ref().unwrap().volume_type.as_deref(), Some("gp3"));
    let message = "The instance ID 'i-0123456789abcdef0' does not exist";
    let unknown = input!(GetLaunchTemplateDataRequest { instance_id: "i-0123456789abcdef0" });
    cloud.refuses::<op::GetLaunchTemplateData>(unknown, "InvalidInstanceID.NotFound", message);
}

#[test]
fn what_is_refused() {
    let cloud = Cloud::new();
    let refuse = |input, code: &str, message: &str| {
        cloud.refuses::<op::CreateLaunchTemplate>(input, code, message);
    };
    for name in ["ab", "a b c", &"x".repeat(129)] {
        refuse(request(name, data("t3.micro")), "InvalidLaunchTemplateName.MalformedException", "…");
    }
    let id = create(&cloud, "web", data("t3.micro"));
    let message = "Launch template name already in use.";
    let code = "InvalidLaunchTemplateName.AlreadyExistsException";
    refuse(request("web", data("t3.micro")), code, message);
    let message = "The request must contain the parameter LaunchTemplateData";
    refuse(request("empty", api::RequestLaunchTemplateData::default()), "MissingParameter", message);
    let bad = input!(RequestLaunchTemplateData { user_data: "!" });
    refuse(request("bad", bad), "InvalidParameterValue", "Invalid BASE64 encoding of user data.");
    let dry = api::CreateLaunchTemplateRequest { dry_run: Some(true), ..request("dry", data("t3.micro")) };
    refuse(dry, "DryRunOperation", "…");

    let both = input!(DeleteLaunchTemplateRequest { launch_template_id: &id, launch_template_name: "web" });
    cloud.refuses::<op::DeleteLaunchTemplate>(both, "InvalidParameterCombination", "…");
    let neither = input!(DeleteLaunchTemplateRequest {});
    cloud.refuses::<op::DeleteLaunchTemplate>(neither, "MissingParameter", "…");
    let malformed = input!(DeleteLaunchTemplateRequest { launch_template_id: "lt-x" });
    let message = "Invalid id: \"lt-x\" (expecting \"lt-...\")";
    cloud.refuses::<op::DeleteLaunchTemplate>(malformed, "InvalidLaunchTemplateId.Malformed", message);
    let dry = input!(DeleteLaunchTemplateRequest { launch_template_id: &id, dry_run: true });
    cloud.refuses::<op::DeleteLaunchTemplate>(dry, "DryRunOperation", "…");
    let dry =
        input!(ModifyLaunchTemplateRequest { launch_template_id: &id, default_version: "1", dry_run: true });
    cloud.refuses::<op::ModifyLaunchTemplate>(dry, "DryRunOperation", "…");
    let nothing = input!(ModifyLaunchTemplateRequest { launch_template_id: &id });
    cloud.refuses::<op::ModifyLaunchTemplate>(nothing, "MissingParameter", "…");
    let message = "At least one of the launch templates specified in the request does not exist.";
    let unknown = input!(DescribeLaunchTemplatesRequest { launch_template_names: ["web", "none"] });
    let code = "InvalidLaunchTemplateName.NotFoundException";
    cloud.refuses::<op::DescribeLaunchTemplates>(unknown, code, message);

    let delete = |versions: &[&str]| api::DeleteLaunchTemplateVersionsRequest {
        launch_template_id: Some(id.clone()),
        versions: versions.iter().map(|text| (*text).to_owned()).collect(),
        ..Default::default()
    };
    cloud.refuses::<op::DeleteLaunchTemplateVersions>(delete(&["x"]), "InvalidParameterValue", "…");
    cloud.refuses::<op::DeleteLaunchTemplateVersions>(delete(&["2"; 201]), "InvalidParameterValue", "…");
    cloud.refuses::<op::DeleteLaunchTemplateVersions>(delete(&[]), "MissingParameter", "…");
    let range = api::DescribeLaunchTemplateVersionsRequest {
        versions: Some(vec!["1".to_owned()]),
        min_version: Some("1".to_owned()),
        ..of(&id)
    };
    cloud.refuses::<op::DescribeLaunchTemplateVersions>(range, "InvalidParameterCombination", "…");
    let all = input!(DescribeLaunchTemplateVersionsRequest { versions: ["1"] });
    cloud.refuses::<op::DescribeLaunchTemplateVersions>(all, "MissingParameter", "…");
    let alias = api::DescribeLaunchTemplateVersionsRequest { resolve_alias: Some(true), ..of(&id) };
    cloud.refuses::<op::DescribeLaunchTemplateVersions>(alias, "UnsupportedOperation", "…");
}

/// Builds before the codec dropped empty texts kept them in templates, where they never pass it again.
#[test]
fn empty_texts_of_a_stored_template_count_as_not_given() {
    let cloud = Cloud::new();
    let mapping = input!(LaunchTemplateBlockDeviceMappingRequest {
        device_name: "/dev/sdf",
        ebs: input!(LaunchTemplateEbsBlockDeviceRequest { snapshot_id: "", volume_size: 8 }),
    });
    let template = create(
        &cloud,
        "old",
        api::RequestLaunchTemplateData {
            image_id: Some(cloud.image()),
            instance_type: Some("t3.micro".to_owned()),
            kernel_id: Some(String::new()),
            block_device_mappings: Some(vec![mapping]),
            ..Default::default()
        },
    );
    let stored = cloud.store.snapshot().get::<LaunchTemplate>(&cloud.scope(), &template).unwrap();
    let stored = format!("{stored:?}");
    assert!(stored.contains(r#""SnapshotId": Text("")"#), "this is how they were kept: {stored}");
    let launched = cloud.run(api::RunInstancesRequest {
        image_id: None,
        instance_type: None,
        launch_template: by_id(&template, None),
        ..cloud.launch()
    });
    let mappings = cloud.instance(launched[0].instance_id.as_ref().unwrap()).block_device_mappings.unwrap();
    assert_eq!(mappings.len(), 2);
    let shown = cloud.ok::<op::DescribeLaunchTemplateVersions>(of(&template)).launch_template_versions;
    let shown = shown.unwrap().remove(0).launch_template_data.unwrap();
    assert_eq!(shown.kernel_id, None);
    assert_eq!(shown.block_device_mappings.unwrap()[0].ebs.as_ref().unwrap().snapshot_id, None);
}
