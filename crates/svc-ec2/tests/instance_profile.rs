use crate::cloud::{Cloud, api, filters, input, op};

fn profile(name: &str) -> api::IamInstanceProfileSpecification {
    input!(IamInstanceProfileSpecification { name: name })
}

fn described(cloud: &Cloud, all: &[(&str, &[&str])]) -> Vec<api::IamInstanceProfileAssociation> {
    let input = input!(DescribeIamInstanceProfileAssociationsRequest { filters: filters(all) });
    cloud.ok::<op::DescribeIamInstanceProfileAssociations>(input).iam_instance_profile_associations.unwrap()
}

fn state(cloud: &Cloud, instance: &str) -> Option<String> {
    described(cloud, &[("instance-id", &[instance])]).first().map(|held| held.state.clone().unwrap())
}

#[test]
fn an_association_lives() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let id = cloud.started(&subnet);
    cloud.instance_profile("/", "app");
    cloud.instance_profile("/", "b");
    cloud.instance_profile("/path/", "web");
    let associate = |profile| {
        input!(AssociateIamInstanceProfileRequest { instance_id: &id, iam_instance_profile: profile })
    };
    let made = cloud.ok::<op::AssociateIamInstanceProfile>(associate(profile("app")));
    let made = made.iam_instance_profile_association.unwrap();
    let association = made.association_id.unwrap();
    assert_eq!(made.state.as_deref(), Some("associating"));
    let arn = "arn:aws:iam::123456789012:instance-profile/app";
    assert_eq!(made.iam_instance_profile.unwrap().arn.as_deref(), Some(arn));
    cloud.wait(200);
    assert_eq!(state(&cloud, &id).as_deref(), Some("associated"));
    assert_eq!(described(&cloud, &[("state", &["associating"])]), []);
    assert_eq!(cloud.instance(&id).iam_instance_profile.unwrap().arn.as_deref(), Some(arn));
    let message = format!("There is an existing association for instance {id}");
    cloud.refuses::<op::AssociateIamInstanceProfile>(associate(profile("b")), "IncorrectState", &message);

    let replace = input!(ReplaceIamInstanceProfileAssociationRequest {
        association_id: &association,
        iam_instance_profile: input!(IamInstanceProfileSpecification {
            arn: "arn:aws:iam::123456789012:instance-profile/path/web"
        })
    });
    let new = cloud.ok::<op::ReplaceIamInstanceProfileAssociation>(replace.clone());
    let new = new.iam_instance_profile_association.unwrap().association_id.unwrap();
    let message = format!("The association ID '{association}' does not exist");
    cloud.refuses::<op::ReplaceIamInstanceProfileAssociation>(replace, "NoSuchAssociation", &message);
    let end = input!(DisassociateIamInstanceProfileRequest { association_id: &new });
    let ended = cloud.ok::<op::DisassociateIamInstanceProfile>(end.clone());
    assert_eq!(ended.iam_instance_profile_association.unwrap().state.as_deref(), Some("disassociating"));
    cloud.refuses::<op::DisassociateIamInstanceProfile>(end, "NoSuchAssociation", "…");
    assert_eq!(cloud.instance(&id).iam_instance_profile, None);
    cloud.wait(200);
    assert_eq!(state(&cloud, &id), None);
}

#[test]
fn a_launch_has_a_profile_until_its_instance_is_gone() {
    let cloud = Cloud::new();
    cloud.instance_profile("/", "app");
    let launch = |profile| api::RunInstancesRequest { iam_instance_profile: Some(profile), ..cloud.launch() };
    let instance = cloud.run(launch(profile("app"))).remove(0);
    assert_eq!(instance.iam_instance_profile.unwrap().id.as_deref(), Some("AIPAAPP"));
    let id = instance.instance_id.unwrap();
    assert_eq!(state(&cloud, &id).as_deref(), Some("associating"));
    cloud.terminate(&id);
    assert_eq!(state(&cloud, &id), None);
    let message =
        "Value (a b) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name";
    cloud.refuses::<op::RunInstances>(launch(profile("a b")), "InvalidParameterValue", message);
    let arn = input!(IamInstanceProfileSpecification { arn: "arn:aws:iam::123456789012:role/app" });
    cloud.refuses::<op::RunInstances>(launch(arn), "InvalidParameterValue", "…");
    let gone =
        input!(AssociateIamInstanceProfileRequest { instance_id: &id, iam_instance_profile: profile("app") });
    cloud.refuses::<op::AssociateIamInstanceProfile>(gone, "IncorrectInstanceState", "…");
}

#[test]
fn a_profile_has_to_be_there() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let id = cloud.started(&subnet);
    cloud.instance_profile("/path/", "App");
    let named = |arn: &str| input!(IamInstanceProfileSpecification { arn: arn });
    let associate = |profile: api::IamInstanceProfileSpecification| {
        input!(AssociateIamInstanceProfileRequest { instance_id: &id, iam_instance_profile: profile })
    };
    let name = |name: &str| {
        format!(
            "Value ({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
        )
    };
    let arn = |arn: &str| {
        format!(
            "Value ({arn}) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN"
        )
    };
    let code = "InvalidParameterValue";
    let missing = profile("missing");
    cloud.refuses::<op::AssociateIamInstanceProfile>(associate(missing.clone()), code, &name("missing"));
    let launch = api::RunInstancesRequest { iam_instance_profile: Some(missing), ..cloud.launch() };
    cloud.refuses::<op::RunInstances>(launch, code, &name("missing"));
    // Without its path, and of another account.
    for other in [
        "arn:aws:iam::123456789012:instance-profile/App",
        "arn:aws:iam::210987654321:instance-profile/path/App",
        "App",
    ] {
        cloud.refuses::<op::AssociateIamInstanceProfile>(associate(named(other)), code, &arn(other));
    }
    // Names have no case.
    let made = cloud.ok::<op::AssociateIamInstanceProfile>(associate(profile("app")));
    let made = made.iam_instance_profile_association.unwrap();
    let shown = made.iam_instance_profile.unwrap();
    assert_eq!(shown.arn.as_deref(), Some("arn:aws:iam::123456789012:instance-profile/path/App"));
    let replace = input!(ReplaceIamInstanceProfileAssociationRequest {
        association_id: made.association_id.unwrap(),
        iam_instance_profile: profile("missing")
    });
    cloud.refuses::<op::ReplaceIamInstanceProfileAssociation>(replace, code, &name("missing"));
}

#[test]
fn a_launch_needs_a_profile_with_a_role() {
    let cloud = Cloud::new();
    cloud.instance_profile_with("/path/", "empty", None);
    let launch = api::RunInstancesRequest { iam_instance_profile: Some(profile("empty")), ..cloud.launch() };
    let arn = "arn:aws:iam::123456789012:instance-profile/path/empty";
    let message = format!("IAM Instance Profile \"{arn}\" has no associated IAM Roles");
    cloud.refuses::<op::RunInstances>(launch.clone(), "InvalidParameterValue", &message);
    cloud.instance_profile_with("/path/", "empty", Some("app"));
    cloud.run(launch);
}
