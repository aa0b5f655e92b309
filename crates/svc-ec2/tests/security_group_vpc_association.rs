use crate::cloud::{Cloud, api, filters, input, op};

const DRY_RUN: &str = "Request would have succeeded, but DryRun flag is set.";

fn associate(group: &str, vpc: &str) -> api::AssociateSecurityGroupVpcRequest {
    input!(AssociateSecurityGroupVpcRequest { group_id: group, vpc_id: vpc })
}

fn disassociate(group: &str, vpc: &str) -> api::DisassociateSecurityGroupVpcRequest {
    input!(DisassociateSecurityGroupVpcRequest { group_id: group, vpc_id: vpc })
}

fn states(cloud: &Cloud, all: &[(&str, &[&str])]) -> Vec<String> {
    let input = input!(DescribeSecurityGroupVpcAssociationsRequest { filters: filters(all) });
    let found = cloud.ok::<op::DescribeSecurityGroupVpcAssociations>(input).security_group_vpc_associations;
    found.unwrap().into_iter().map(|held| held.state.unwrap()).collect()
}

fn groups(cloud: &Cloud, vpc: &str, all: &[(&str, &[&str])]) -> Vec<String> {
    let input = input!(GetSecurityGroupsForVpcRequest { vpc_id: vpc, filters: filters(all) });
    let found = cloud.ok::<op::GetSecurityGroupsForVpc>(input).security_group_for_vpcs.unwrap();
    found.into_iter().map(|group| group.group_id.unwrap()).collect()
}

#[test]
fn interfaces_of_a_further_vpc_have_the_group() {
    let cloud = Cloud::new();
    let (vpc, further) = (cloud.vpc("10.0.0.0/16"), cloud.vpc("10.1.0.0/16"));
    let group = cloud.group(&vpc, "web");
    let subnet = cloud.subnet(&further, "10.1.0.0/24");
    let interface = || input!(CreateNetworkInterfaceRequest { subnet_id: &subnet, groups: [&group] });
    let message = "You have specified two resources that belong to different networks.";
    let refused = || {
        cloud.refuses::<op::CreateNetworkInterface>(interface(), "InvalidGroup.NotFound", message);
    };
    refused();
    let answer = cloud.ok::<op::AssociateSecurityGroupVpc>(associate(&group, &further));
    assert_eq!(answer.state.as_deref(), Some("associating"));
    refused();
    assert_eq!(states(&cloud, &[]), ["associating"]);
    assert_eq!(groups(&cloud, &further, &[]).len(), 1);
    cloud.wait(100);
    for (name, value) in [
        ("group-id", group.as_str()),
        ("group-owner-id", "123456789012"),
        ("state", "associated"),
        ("vpc-id", &further),
        ("vpc-owner-id", "123456789012"),
    ] {
        assert_eq!(states(&cloud, &[(name, &[value])]), ["associated"], "{name}");
        assert_eq!(states(&cloud, &[(name, &["x"])]).len(), 0, "{name}");
    }
    assert_eq!(groups(&cloud, &further, &[]).len(), 2);
    for (name, value) in
        [("description", "a group"), ("group-id", &group), ("group-name", "web"), ("primary-vpc-id", &vpc)]
    {
        assert_eq!(groups(&cloud, &further, &[(name, &[value])]), std::slice::from_ref(&group), "{name}");
    }
    assert_eq!(groups(&cloud, &further, &[("owner-id", &["123456789012"])]).len(), 2);

    let made = cloud.ok::<op::CreateNetworkInterface>(interface()).network_interface.unwrap();
    assert_eq!(made.groups.unwrap()[0].group_id.as_ref(), Some(&group));
    let message = format!("resource {group} has a dependent object");
    let used = disassociate(&group, &further);
    cloud.refuses::<op::DisassociateSecurityGroupVpc>(used, "DependencyViolation", &message);
    let delete =
        input!(DeleteNetworkInterfaceRequest { network_interface_id: made.network_interface_id.unwrap() });
    cloud.ok::<op::DeleteNetworkInterface>(delete);
    let answer = cloud.ok::<op::DisassociateSecurityGroupVpc>(disassociate(&group, &further));
    assert_eq!(answer.state.as_deref(), Some("disassociating"));
    refused();
    cloud.wait(100);
    assert_eq!(states(&cloud, &[]).len(), 0);
    assert_eq!(groups(&cloud, &further, &[]).len(), 1);
    // It can be associated again, and a group that is deleted takes its associations with it.
    cloud.ok::<op::AssociateSecurityGroupVpc>(associate(&group, &further));
    cloud.ok::<op::DeleteSecurityGroup>(input!(DeleteSecurityGroupRequest { group_id: &group }));
    assert_eq!(states(&cloud, &[]).len(), 0);
    let group = cloud.group(&vpc, "other");
    cloud.ok::<op::AssociateSecurityGroupVpc>(associate(&group, &further));
    cloud.ok::<op::DeleteSubnet>(input!(DeleteSubnetRequest { subnet_id: &subnet }));
    cloud.ok::<op::DeleteVpc>(input!(DeleteVpcRequest { vpc_id: &further }));
    assert_eq!(states(&cloud, &[]).len(), 0);
}

#[test]
fn what_is_refused() {
    let cloud = Cloud::new();
    let (vpc, further) = (cloud.vpc("10.0.0.0/16"), cloud.vpc("10.1.0.0/16"));
    let group = cloud.group(&vpc, "web");
    let refused = |input, code: &str, message: &str| {
        cloud.refuses::<op::AssociateSecurityGroupVpc>(input, code, message);
    };
    let default = cloud.default_group(&vpc);
    let message = format!("The default security group '{default}' cannot be associated.");
    refused(associate(&default, &further), "OperationNotPermitted", &message);
    let default = cloud.default_vpc();
    let message = format!("Security groups cannot be associated with the default VPC '{default}'.");
    refused(associate(&group, &default), "OperationNotPermitted", &message);
    let message = format!("The security group '{group}' is associated with the VPC '{vpc}' already.");
    refused(associate(&group, &vpc), "InvalidParameterValue", &message);
    let message = "The vpc ID 'vpc-0123456789abcdef0' does not exist";
    refused(associate(&group, "vpc-0123456789abcdef0"), "InvalidVpcID.NotFound", message);
    let message = "The security group 'sg-0123456789abcdef0' does not exist";
    refused(associate("sg-0123456789abcdef0", &further), "InvalidGroup.NotFound", message);
    let dry =
        |vpc: &str| api::AssociateSecurityGroupVpcRequest { dry_run: Some(true), ..associate(&group, vpc) };
    refused(dry(&further), "DryRunOperation", DRY_RUN);
    let message = format!("The security group '{group}' is not associated with the VPC '{further}'.");
    let none = disassociate(&group, &further);
    cloud.refuses::<op::DisassociateSecurityGroupVpc>(none, "InvalidParameterValue", &message);
    cloud.ok::<op::AssociateSecurityGroupVpc>(associate(&group, &further));
    let message = format!("The security group '{group}' is associated with the VPC '{further}' already.");
    refused(associate(&group, &further), "InvalidParameterValue", &message);
    let mut dry = disassociate(&group, &further);
    dry.dry_run = Some(true);
    cloud.refuses::<op::DisassociateSecurityGroupVpc>(dry, "DryRunOperation", DRY_RUN);
}
