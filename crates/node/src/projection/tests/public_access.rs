//! VPC Block Public Access, as subnets have it.

use aws_types::SubnetId;
use vpc_model::{InternetBlock, Object, ObjectId};

use super::cloud::{Cloud, OTHER, input, op, parsed};

fn block(cloud: &Cloud, subnet: &str) -> InternetBlock {
    match cloud.told::<SubnetId>(subnet) {
        Some(Object::Subnet(told)) => told.internet_block,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_subnet_has_what_the_options_and_exclusions_say() {
    let mut cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let (one, two) = (cloud.subnet(&vpc, "10.0.1.0/24"), cloud.subnet(&vpc, "10.0.2.0/24"));
    let elsewhere = cloud.vpc("10.1.0.0/16");
    let three = cloud.subnet(&elsewhere, "10.1.1.0/24");
    cloud.account = OTHER;
    let theirs = cloud.vpc("10.2.0.0/16");
    let theirs = cloud.subnet(&theirs, "10.2.1.0/24");
    cloud.account = super::cloud::OWNER;
    let all = |cloud: &Cloud| [&one, &two, &three, &theirs].map(|subnet| block(cloud, subnet));
    let (off, ingress, both) = (InternetBlock::Off, InternetBlock::Ingress, InternetBlock::Bidirectional);
    assert_eq!(all(&cloud), [off; 4]);
    let mode =
        |mode: &str| input!(ModifyVpcBlockPublicAccessOptionsRequest { internet_gateway_block_mode: mode });
    cloud.ok::<op::ModifyVpcBlockPublicAccessOptions>(mode("block-bidirectional"));
    assert_eq!(all(&cloud), [both, both, both, off]);
    cloud.check();

    let exclude = |mode: &str, vpc: Option<&str>, subnet: Option<&str>| {
        let mut input =
            input!(CreateVpcBlockPublicAccessExclusionRequest { internet_gateway_exclusion_mode: mode });
        (input.vpc_id, input.subnet_id) = (vpc.map(str::to_owned), subnet.map(str::to_owned));
        input
    };
    let whole = exclude("allow-egress", Some(&vpc), None);
    let whole = cloud.ok::<op::CreateVpcBlockPublicAccessExclusion>(whole);
    assert_eq!(all(&cloud), [ingress, ingress, both, off]);
    let mut told: Vec<ObjectId> = [&one, &two].map(|id| parsed::<SubnetId>(id).into()).into();
    told.sort_unstable();
    assert_eq!(cloud.last_ids(), told);
    cloud.ok::<op::CreateVpcBlockPublicAccessExclusion>(exclude("allow-bidirectional", None, Some(&two)));
    assert_eq!(all(&cloud), [ingress, off, both, off]);
    assert_eq!(cloud.last_ids(), [parsed::<SubnetId>(&two).into()]);
    cloud.settle();
    let whole = whole.vpc_block_public_access_exclusion.unwrap().exclusion_id.unwrap();
    cloud.ok::<op::DeleteVpcBlockPublicAccessExclusion>(input!(DeleteVpcBlockPublicAccessExclusionRequest {
        exclusion_id: whole.as_str()
    }));
    assert_eq!(all(&cloud), [both, off, both, off]);
    cloud.ok::<op::ModifyVpcBlockPublicAccessOptions>(mode("block-ingress"));
    assert_eq!(all(&cloud), [ingress, off, ingress, off]);
    cloud.ok::<op::ModifyVpcBlockPublicAccessOptions>(mode("off"));
    assert_eq!(all(&cloud), [off; 4]);
    cloud.check();
}
