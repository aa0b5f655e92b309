use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

const DRY_RUN: &str = "Request would have succeeded, but DryRun flag is set.";

fn options(cloud: &Cloud) -> api::VpcBlockPublicAccessOptions {
    let input = input!(DescribeVpcBlockPublicAccessOptionsRequest {});
    cloud.ok::<op::DescribeVpcBlockPublicAccessOptions>(input).vpc_block_public_access_options.unwrap()
}

fn modify(mode: &str) -> api::ModifyVpcBlockPublicAccessOptionsRequest {
    input!(ModifyVpcBlockPublicAccessOptionsRequest { internet_gateway_block_mode: mode })
}

fn of_vpc(vpc: &str, mode: &str) -> api::CreateVpcBlockPublicAccessExclusionRequest {
    input!(CreateVpcBlockPublicAccessExclusionRequest { vpc_id: vpc, internet_gateway_exclusion_mode: mode })
}

fn of_subnet(subnet: &str, mode: &str) -> api::CreateVpcBlockPublicAccessExclusionRequest {
    input!(CreateVpcBlockPublicAccessExclusionRequest {
        subnet_id: subnet,
        internet_gateway_exclusion_mode: mode
    })
}

fn create(cloud: &Cloud, input: api::CreateVpcBlockPublicAccessExclusionRequest) -> String {
    let made = cloud.ok::<op::CreateVpcBlockPublicAccessExclusion>(input);
    made.vpc_block_public_access_exclusion.unwrap().exclusion_id.unwrap()
}

fn change(id: &str, mode: &str) -> api::ModifyVpcBlockPublicAccessExclusionRequest {
    input!(ModifyVpcBlockPublicAccessExclusionRequest {
        exclusion_id: id,
        internet_gateway_exclusion_mode: mode
    })
}

fn delete(id: &str) -> api::DeleteVpcBlockPublicAccessExclusionRequest {
    input!(DeleteVpcBlockPublicAccessExclusionRequest { exclusion_id: id })
}

fn described(cloud: &Cloud, all: &[(&str, &[&str])]) -> Vec<api::VpcBlockPublicAccessExclusion> {
    let input = input!(DescribeVpcBlockPublicAccessExclusionsRequest { filters: filters(all) });
    cloud.ok::<op::DescribeVpcBlockPublicAccessExclusions>(input).vpc_block_public_access_exclusions.unwrap()
}

fn mode_of_vpc(cloud: &Cloud, vpc: &str) -> String {
    let input = input!(DescribeVpcsRequest { vpc_ids: [vpc] });
    let states = cloud.ok::<op::DescribeVpcs>(input).vpcs.unwrap().remove(0).block_public_access_states;
    states.unwrap().internet_gateway_block_mode.unwrap()
}

fn mode_of_subnet(cloud: &Cloud, subnet: &str) -> String {
    let input = input!(DescribeSubnetsRequest { subnet_ids: [subnet] });
    let states = cloud.ok::<op::DescribeSubnets>(input).subnets.unwrap().remove(0).block_public_access_states;
    states.unwrap().internet_gateway_block_mode.unwrap()
}

#[test]
fn options_change_for_an_account_in_a_region() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let before = options(&cloud);
    assert_eq!((before.state.as_deref(), before.last_update_timestamp), (Some("default-state"), None));
    assert_eq!(before.internet_gateway_block_mode.as_deref(), Some("off"));
    assert_eq!(before.aws_account_id.as_deref(), Some("123456789012"));
    assert_eq!(before.aws_region.as_deref(), Some("us-east-1"));

    for mode in ["block-ingress", "block-bidirectional", "off"] {
        let answer = cloud.ok::<op::ModifyVpcBlockPublicAccessOptions>(modify(mode));
        let answer = answer.vpc_block_public_access_options.unwrap();
        assert_eq!(answer.state.as_deref(), Some("update-in-progress"));
        assert_eq!(answer.last_update_timestamp, Some(cloud.now()));
        cloud.wait(100);
        assert_eq!(options(&cloud).state.as_deref(), Some("update-complete"));
        assert_eq!(options(&cloud).internet_gateway_block_mode.as_deref(), Some(mode));
        assert_eq!(mode_of_vpc(&cloud, &vpc), mode);
    }
    let other = cloud.seen_by("123456789012", "us-west-2");
    assert_eq!(options(&other).state.as_deref(), Some("default-state"));

    let message = "Value (on) for parameter internetGatewayBlockMode is invalid. It must be off…";
    cloud.refuses::<op::ModifyVpcBlockPublicAccessOptions>(modify("on"), "InvalidParameterValue", message);
    let mut dry = modify("block-ingress");
    dry.dry_run = Some(true);
    cloud.refuses::<op::ModifyVpcBlockPublicAccessOptions>(dry, "DryRunOperation", DRY_RUN);
}

#[test]
fn an_exclusion_lives() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let (one, other) = (cloud.subnet(&vpc, "10.0.0.0/24"), cloud.subnet(&vpc, "10.0.1.0/24"));
    cloud.ok::<op::ModifyVpcBlockPublicAccessOptions>(modify("block-bidirectional"));
    let modes = || [mode_of_vpc(&cloud, &vpc), mode_of_subnet(&cloud, &one), mode_of_subnet(&cloud, &other)];
    assert_eq!(modes(), ["block-bidirectional"; 3]);

    let specified = tagged("vpc-block-public-access-exclusion", &[("Name", "one")]);
    let id = create(
        &cloud,
        api::CreateVpcBlockPublicAccessExclusionRequest {
            tag_specifications: Some(specified),
            ..of_subnet(&one, "allow-bidirectional")
        },
    );
    assert!(id.starts_with("vpcbpa-exclude-"));
    assert_eq!(modes(), ["block-bidirectional", "off", "block-bidirectional"]);
    let state = |wanted: &str| {
        let found = described(&cloud, &[("tag:Name", &["one"])]).remove(0);
        assert_eq!(found.state.as_deref(), Some(wanted));
        assert_eq!(described(&cloud, &[("state", &[wanted]), ("tag-key", &["Name"])]).len(), 1);
        found
    };
    let found = state("create-in-progress");
    let arn = format!("arn:aws:ec2:us-east-1:123456789012:subnet/{one}");
    assert_eq!(found.resource_arn.as_ref(), Some(&arn));
    assert_eq!(found.tags, Some(tags(&[("Name", "one")])));
    assert_eq!(found.creation_timestamp, Some(cloud.now()));
    let message = format!("The exclusion '{id}' is in the state create-in-progress.");
    cloud.refuses::<op::DeleteVpcBlockPublicAccessExclusion>(delete(&id), "IncorrectState", &message);
    cloud.wait(100);
    state("create-complete");

    let whole = create(&cloud, of_vpc(&vpc, "allow-egress"));
    assert_eq!(modes(), ["block-ingress", "off", "block-ingress"]);
    assert_eq!(described(&cloud, &[("resource-arn", &[&arn])]).len(), 1);
    assert_eq!(described(&cloud, &[("internet-gateway-exclusion-mode", &["allow-egress"])]).len(), 1);

    cloud.ok::<op::ModifyVpcBlockPublicAccessExclusion>(change(&id, "allow-egress"));
    assert_eq!(modes(), ["block-ingress"; 3]);
    state("update-in-progress");
    cloud.wait(100);
    assert_eq!(state("update-complete").internet_gateway_exclusion_mode.as_deref(), Some("allow-egress"));

    cloud.ok::<op::DeleteVpcBlockPublicAccessExclusion>(delete(&id));
    cloud.ok::<op::DeleteVpcBlockPublicAccessExclusion>(delete(&whole));
    assert_eq!(modes(), ["block-bidirectional"; 3]);
    state("delete-in-progress");
    cloud.wait(100);
    assert!(state("delete-complete").deletion_timestamp.is_some());
    let message = format!("The exclusion '{id}' is in the state delete-complete.");
    cloud.refuses::<op::DeleteVpcBlockPublicAccessExclusion>(delete(&id), "IncorrectState", &message);
    cloud.wait(3_600_000);
    assert_eq!(described(&cloud, &[]).len(), 0);
    let message = format!("The VPC Block Public Access exclusion ID '{id}' does not exist");
    let code = "InvalidVpcBlockPublicAccessExclusionId.NotFound";
    cloud.refuses::<op::DeleteVpcBlockPublicAccessExclusion>(delete(&id), code, &message);
}

#[test]
fn what_is_refused() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let refused = |input, code: &str, message: &str| {
        cloud.refuses::<op::CreateVpcBlockPublicAccessExclusion>(input, code, message);
    };
    let bad = "Value (all) for parameter internetGatewayExclusionMode is invalid. It must be allow-…";
    refused(of_vpc(&vpc, "all"), "InvalidParameterValue", bad);
    let mut both = of_vpc(&vpc, "allow-egress");
    both.subnet_id = Some(subnet.clone());
    let message = "Only one of vpcId and subnetId can be specified.";
    refused(both.clone(), "InvalidParameterCombination", message);
    let neither = api::CreateVpcBlockPublicAccessExclusionRequest { subnet_id: None, vpc_id: None, ..both };
    refused(neither, "MissingParameter", "Either 'vpcId' or 'subnetId' should be provided.");
    let message = "The vpc ID 'vpc-0123456789abcdef0' does not exist";
    refused(of_vpc("vpc-0123456789abcdef0", "allow-egress"), "InvalidVpcID.NotFound", message);
    let mut dry = of_vpc(&vpc, "allow-egress");
    dry.dry_run = Some(true);
    refused(dry, "DryRunOperation", DRY_RUN);

    let id = create(&cloud, of_subnet(&subnet, "allow-egress"));
    let message = format!(
        "The resource 'arn:aws:ec2:us-east-1:123456789012:subnet/{subnet}' has the exclusion '{id}' already."
    );
    refused(of_subnet(&subnet, "allow-egress"), "InvalidParameterValue", &message);
    cloud.wait(100);
    let mut dry = change(&id, "allow-bidirectional");
    dry.dry_run = Some(true);
    cloud.refuses::<op::ModifyVpcBlockPublicAccessExclusion>(dry, "DryRunOperation", DRY_RUN);
    let mut dry = delete(&id);
    dry.dry_run = Some(true);
    cloud.refuses::<op::DeleteVpcBlockPublicAccessExclusion>(dry, "DryRunOperation", DRY_RUN);
    let message = "Invalid id: \"vpcbpa\" (expecting \"vpcbpa-exclude-...\")";
    let code = "InvalidVpcBlockPublicAccessExclusionId.Malformed";
    cloud.refuses::<op::DeleteVpcBlockPublicAccessExclusion>(delete("vpcbpa"), code, message);
    cloud.ok::<op::DeleteSubnet>(input!(DeleteSubnetRequest { subnet_id: &subnet }));
    assert_eq!(described(&cloud, &[]).len(), 0);

    // AWS lets an account have 50 of them in a region.
    let vpc = cloud.vpc("10.1.0.0/16");
    for number in 0..50 {
        create(&cloud, of_subnet(&cloud.subnet(&vpc, &format!("10.1.{number}.0/24")), "allow-egress"));
    }
    let message = "The maximum number of VPC Block Public Access exclusions has been reached.";
    refused(of_vpc(&vpc, "allow-egress"), "VpcBlockPublicAccessExclusionLimitExceeded", message);
}
