use crate::cloud::{Cloud, api, filters, input, op, tagged};

fn states(cloud: &Cloud, vpc: &str) -> Vec<(String, String)> {
    let vpc =
        cloud.ok::<op::DescribeVpcs>(input!(DescribeVpcsRequest { vpc_ids: [vpc] })).vpcs.unwrap().remove(0);
    let blocks = vpc.cidr_block_association_set.unwrap();
    blocks
        .into_iter()
        .map(|block| (block.cidr_block.unwrap(), block.cidr_block_state.unwrap().state.unwrap()))
        .collect()
}

fn associate(cloud: &Cloud, vpc: &str, block: &str) -> String {
    let input = input!(AssociateVpcCidrBlockRequest { vpc_id: vpc, cidr_block: block });
    cloud.ok::<op::AssociateVpcCidrBlock>(input).cidr_block_association.unwrap().association_id.unwrap()
}

#[test]
fn a_new_vpc_has_what_belongs_to_it_and_takes_it_along() {
    let cloud = Cloud::new();
    let created = cloud.ok::<op::CreateVpc>(input!(CreateVpcRequest {
        cidr_block: "10.10.0.0/16",
        tag_specifications: tagged("vpc", &[("Name", "one")]),
    }));
    let vpc = created.vpc.unwrap();
    let id = vpc.vpc_id.clone().unwrap();
    assert_eq!(id.len(), "vpc-".len() + 17);
    assert_eq!(vpc.cidr_block.as_deref(), Some("10.10.0.0/16"));
    assert_eq!((vpc.is_default, vpc.state.as_deref()), (Some(false), Some("pending")));
    let next = cloud.ok::<op::DescribeVpcs>(input!(DescribeVpcsRequest { vpc_ids: [&id] })).vpcs.unwrap();
    assert_eq!(next[0].state.as_deref(), Some("available"));
    let subnet = cloud.subnet(&id, "10.10.255.0/24");
    cloud.ok::<op::DeleteSubnet>(input!(DeleteSubnetRequest { subnet_id: &subnet }));
    assert!(vpc.dhcp_options_id.unwrap().starts_with("dopt-"));
    assert_eq!(states(&cloud, &id), [("10.10.0.0/16".to_owned(), "associated".to_owned())]);

    let of_vpc = || filters(&[("vpc-id", &[&id])]);
    let tables =
        || cloud.ok::<op::DescribeRouteTables>(input!(DescribeRouteTablesRequest { filters: of_vpc() }));
    let groups = || {
        cloud.ok::<op::DescribeSecurityGroups>(input!(DescribeSecurityGroupsRequest { filters: of_vpc() }))
    };
    let acls =
        || cloud.ok::<op::DescribeNetworkAcls>(input!(DescribeNetworkAclsRequest { filters: of_vpc() }));

    let table = tables().route_tables.unwrap().remove(0);
    assert_eq!(table.associations.unwrap()[0].main, Some(true));
    let routes = table.routes.unwrap();
    assert_eq!(routes.len(), 1);
    assert_eq!(routes[0].destination_cidr_block.as_deref(), Some("10.10.0.0/16"));
    assert_eq!(routes[0].gateway_id.as_deref(), Some("local"));

    let group = groups().security_groups.unwrap().remove(0);
    assert_eq!(group.group_name.as_deref(), Some("default"));
    let ingress = group.ip_permissions.unwrap();
    assert_eq!(ingress.len(), 1);
    assert_eq!(ingress[0].ip_protocol.as_deref(), Some("-1"));
    assert_eq!(ingress[0].user_id_group_pairs.as_ref().unwrap()[0].group_id, group.group_id);
    let egress = group.ip_permissions_egress.unwrap();
    assert_eq!(egress[0].ip_ranges.as_ref().unwrap()[0].cidr_ip.as_deref(), Some("0.0.0.0/0"));

    let acl = acls().network_acls.unwrap().remove(0);
    let numbers: Vec<_> =
        acl.entries.unwrap().iter().map(|entry| (entry.egress, entry.rule_number)).collect();
    assert_eq!(
        numbers,
        [
            (Some(true), Some(100)),
            (Some(true), Some(32_767)),
            (Some(false), Some(100)),
            (Some(false), Some(32_767))
        ]
    );

    cloud.ok::<op::DeleteVpc>(input!(DeleteVpcRequest { vpc_id: &id }));
    assert_eq!(tables().route_tables.unwrap(), []);
    assert_eq!(groups().security_groups.unwrap(), []);
    assert_eq!(acls().network_acls.unwrap(), []);
    let message = format!("The vpc ID '{id}' does not exist");
    cloud.refuses::<op::DeleteVpc>(
        input!(DeleteVpcRequest { vpc_id: &id }),
        "InvalidVpcID.NotFound",
        &message,
    );
}

#[test]
fn blocks_that_a_vpc_cannot_have() {
    let cloud = Cloud::new();
    let check = |block: &str, code: &str, message: &str| {
        cloud.refuses::<op::CreateVpc>(input!(CreateVpcRequest { cidr_block: block }), code, message);
    };
    check("10.0.0.0/15", "InvalidVpc.Range", "The CIDR '10.0.0.0/15' is invalid.");
    check("10.0.0.0/29", "InvalidVpc.Range", "The CIDR '10.0.0.0/29' is invalid.");
    for block in ["0.0.0.0/16", "127.0.0.0/16", "169.254.0.0/16", "224.0.0.0/16", "240.1.0.0/16"] {
        check(block, "InvalidVpc.Range", &format!("The CIDR '{block}' is invalid."));
    }
    for block in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/16", "::/16", "10.0.0.0/-1", "x"] {
        let message =
            format!("Value ({block}) for parameter cidrBlock is invalid. This is not a valid CIDR block.");
        check(block, "InvalidParameterValue", &message);
    }
    cloud.refuses::<op::CreateVpc>(
        input!(CreateVpcRequest {}),
        "MissingParameter",
        "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.",
    );
    // Host bits are cleared, as the API reference says of 100.68.0.18/18.
    let vpc =
        cloud.ok::<op::CreateVpc>(input!(CreateVpcRequest { cidr_block: "100.68.0.18/18" })).vpc.unwrap();
    assert_eq!(vpc.cidr_block.as_deref(), Some("100.68.0.0/18"));
}

#[test]
fn further_blocks_associate_over_time() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.10.0.0/16");
    let association = associate(&cloud, &vpc, "10.11.0.0/16");
    let state = |expected: &str| {
        assert_eq!(states(&cloud, &vpc)[1], ("10.11.0.0/16".to_owned(), expected.to_owned()));
    };
    state("associating");
    cloud.wait(1000);
    state("associated");
    let subnet = cloud.subnet(&vpc, "10.11.1.0/24");
    let disassociate = || input!(DisassociateVpcCidrBlockRequest { association_id: &association });
    cloud.refuses::<op::DisassociateVpcCidrBlock>(
        disassociate(),
        "InvalidCidr.InUse",
        "The vpc currently has a subnet within CIDR block 10.11.0.0/16",
    );
    cloud.ok::<op::DeleteSubnet>(input!(DeleteSubnetRequest { subnet_id: &subnet }));
    cloud.ok::<op::DisassociateVpcCidrBlock>(disassociate());
    state("disassociating");
    let input = input!(CreateSubnetRequest { vpc_id: &vpc, cidr_block: "10.11.1.0/24" });
    cloud.refuses::<op::CreateSubnet>(input, "InvalidSubnet.Range", "The CIDR '10.11.1.0/24' is invalid.");
    cloud.wait(1000);
    state("disassociated");
    cloud.wait(60_000);
    assert_eq!(states(&cloud, &vpc).len(), 1);
}

#[test]
fn blocks_that_cannot_be_added() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.10.0.0/16");
    let check = |vpc: &str, block: &str, code: &str, message: &str| {
        let input = input!(AssociateVpcCidrBlockRequest { vpc_id: vpc, cidr_block: block });
        cloud.refuses::<op::AssociateVpcCidrBlock>(input, code, message);
    };
    check(
        &vpc,
        "10.10.128.0/17",
        "InvalidVpc.Conflict",
        "The CIDR '10.10.128.0/17' conflicts with another CIDR of the VPC",
    );
    check(&vpc, "10.12.0.0/15", "InvalidVpc.Range", "The CIDR '10.12.0.0/15' is invalid.");
    for block in 11..15 {
        associate(&cloud, &vpc, &format!("10.{block}.0.0/16"));
    }
    let message = format!("This network {vpc} has met its maximum number of allowed CIDRs: 5");
    check(&vpc, "10.15.0.0/16", "CidrLimitExceeded", &message);

    let described =
        cloud.ok::<op::DescribeVpcs>(input!(DescribeVpcsRequest { vpc_ids: [&vpc] })).vpcs.unwrap().remove(0);
    let primary = described.cidr_block_association_set.unwrap()[0].association_id.clone().unwrap();
    let message = format!(
        "The vpc CIDR block with association ID {primary} may not be disassociated. It is the primary IPv4 CIDR block of \
         the VPC"
    );
    let input = input!(DisassociateVpcCidrBlockRequest { association_id: &primary });
    cloud.refuses::<op::DisassociateVpcCidrBlock>(input, "OperationNotPermitted", &message);
}

/// Fact A5, row by row of the page on CIDR block association restrictions.
#[test]
fn restricted_combinations() {
    const RESTRICTED: &str = "InvalidVpc.Range";
    let check = |primary: &str, added: &str, is_allowed: bool| {
        let cloud = Cloud::new();
        let vpc = cloud.vpc(primary);
        let input = input!(AssociateVpcCidrBlockRequest { vpc_id: &vpc, cidr_block: added });
        if is_allowed {
            cloud.ok::<op::AssociateVpcCidrBlock>(input);
        } else {
            let message = format!(
                "The CIDR '{added}' is restricted. Use a CIDR from the same private address range as the current VPC CIDR, \
                 or use a publicly-routable CIDR. For additional restrictions, …"
            );
            cloud.refuses::<op::AssociateVpcCidrBlock>(input, RESTRICTED, &message);
        }
    };
    #[rustfmt::skip]
    let table = [
        ("10.10.0.0/16",    "10.11.0.0/16",    true),
        ("10.10.0.0/16",    "10.0.0.0/16",     true),
        ("10.0.0.0/17",     "10.0.128.0/17",   false),
        ("10.1.0.0/16",     "10.0.0.0/24",     false),
        ("10.10.0.0/16",    "172.16.0.0/16",   false),
        ("10.10.0.0/16",    "192.168.0.0/16",  false),
        ("10.10.0.0/16",    "198.19.0.0/16",   false),
        ("10.10.0.0/16",    "198.18.0.0/16",   true),
        ("10.10.0.0/16",    "100.64.0.0/16",   true),
        ("10.10.0.0/16",    "203.0.0.0/16",    true),
        ("172.16.0.0/16",   "172.17.0.0/16",   true),
        ("172.16.0.0/16",   "172.31.0.0/16",   false),
        ("172.16.0.0/16",   "10.0.0.0/16",     false),
        ("192.168.0.0/24",  "192.168.1.0/24",  true),
        ("192.168.0.0/24",  "10.0.0.0/24",     false),
        ("192.168.0.0/24",  "198.19.0.0/24",   false),
        ("198.19.0.0/17",   "198.19.128.0/17", true),
        ("198.19.0.0/17",   "10.0.0.0/16",     false),
        ("100.64.0.0/16",   "100.65.0.0/16",   true),
        ("100.64.0.0/16",   "192.168.0.0/16",  false),
        ("203.0.0.0/16",    "198.19.0.0/16",   false),
    ];
    for (primary, added, is_allowed) in table {
        check(primary, added, is_allowed);
    }
}

#[test]
fn ipv6_blocks_are_unique_and_open_the_default_acl() {
    let cloud = Cloud::new();
    let block = |vpc: api::Vpc| {
        let set = vpc.ipv6_cidr_block_association_set.unwrap();
        assert_eq!(set.len(), 1);
        set[0].ipv6_cidr_block.clone().unwrap()
    };
    let create = || {
        let input =
            input!(CreateVpcRequest { cidr_block: "10.0.0.0/16", amazon_provided_ipv6_cidr_block: true });
        block(cloud.ok::<op::CreateVpc>(input).vpc.unwrap())
    };
    let (one, other) = (create(), create());
    assert_ne!(one, other);
    assert!(one.ends_with("/56") && one.starts_with("3fff:"), "{one}");

    let vpc = cloud.vpc("10.1.0.0/16");
    let input =
        || input!(AssociateVpcCidrBlockRequest { vpc_id: &vpc, amazon_provided_ipv6_cidr_block: true });
    (0..5).for_each(|_| drop(cloud.ok::<op::AssociateVpcCidrBlock>(input())));
    let message = format!("This network {vpc} has met its maximum number of allowed CIDRs: 5");
    cloud.refuses::<op::AssociateVpcCidrBlock>(input(), "CidrLimitExceeded", &message);
    let acls = input!(DescribeNetworkAclsRequest { filters: filters(&[("vpc-id", &[&vpc])]) });
    let acl = cloud.ok::<op::DescribeNetworkAcls>(acls).network_acls.unwrap().remove(0);
    let ipv6: Vec<_> =
        acl.entries.unwrap().into_iter().filter(|entry| entry.ipv6_cidr_block.is_some()).collect();
    let numbers: Vec<_> = ipv6.iter().map(|entry| entry.rule_number.unwrap()).collect();
    assert_eq!(numbers, [101, 32_768, 101, 32_768]);
}

#[test]
fn attributes_change_one_at_a_time() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let hostnames = || {
        let input = input!(DescribeVpcAttributeRequest { vpc_id: &vpc, attribute: "enableDnsHostnames" });
        cloud.ok::<op::DescribeVpcAttribute>(input).enable_dns_hostnames.unwrap().value
    };
    assert_eq!(hostnames(), Some(false));
    let on = || api::AttributeBooleanValue { value: Some(true) };
    cloud.ok::<op::ModifyVpcAttribute>(input!(ModifyVpcAttributeRequest {
        vpc_id: &vpc,
        enable_dns_hostnames: on()
    }));
    assert_eq!(hostnames(), Some(true));
    cloud.refuses::<op::ModifyVpcAttribute>(
        input!(ModifyVpcAttributeRequest {
            vpc_id: &vpc,
            enable_dns_hostnames: on(),
            enable_dns_support: on()
        }),
        "InvalidParameterCombination",
        "Fields for multiple attribute types specified",
    );
}

#[test]
fn names_need_support() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let value = |value| api::AttributeBooleanValue { value: Some(value) };
    let support = |on| input!(ModifyVpcAttributeRequest { vpc_id: &vpc, enable_dns_support: value(on) });
    let names = |on| input!(ModifyVpcAttributeRequest { vpc_id: &vpc, enable_dns_hostnames: value(on) });
    cloud.ok::<op::ModifyVpcAttribute>(names(true));
    cloud.ok::<op::ModifyVpcAttribute>(support(false));
    cloud.ok::<op::ModifyVpcAttribute>(names(false));
    cloud.refuses::<op::ModifyVpcAttribute>(
        names(true),
        "InvalidParameterCombination",
        "DNS hostnames can be enabled only where DNS support is enabled.",
    );
    cloud.ok::<op::ModifyVpcAttribute>(support(true));
    cloud.ok::<op::ModifyVpcAttribute>(names(true));
}

#[test]
fn a_vpc_in_use_stays() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let check = || {
        let message = format!("The vpc '{vpc}' has dependencies and cannot be deleted.");
        cloud.refuses::<op::DeleteVpc>(
            input!(DeleteVpcRequest { vpc_id: &vpc }),
            "DependencyViolation",
            &message,
        );
    };
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    check();
    cloud.ok::<op::DeleteSubnet>(input!(DeleteSubnetRequest { subnet_id: &subnet }));
    let table = cloud
        .ok::<op::CreateRouteTable>(input!(CreateRouteTableRequest { vpc_id: &vpc }))
        .route_table
        .unwrap();
    check();
    cloud.ok::<op::DeleteRouteTable>(input!(DeleteRouteTableRequest {
        route_table_id: table.route_table_id.unwrap()
    }));
    let group = cloud.group(&vpc, "web");
    check();
    cloud.ok::<op::DeleteSecurityGroup>(input!(DeleteSecurityGroupRequest { group_id: &group }));
    let acl = cloud
        .ok::<op::CreateNetworkAcl>(input!(CreateNetworkAclRequest { vpc_id: &vpc }))
        .network_acl
        .unwrap();
    check();
    cloud.ok::<op::DeleteNetworkAcl>(input!(DeleteNetworkAclRequest {
        network_acl_id: acl.network_acl_id.unwrap()
    }));
    cloud.ok::<op::DeleteVpc>(input!(DeleteVpcRequest { vpc_id: &vpc }));
}

#[test]
fn what_is_not_built_is_refused() {
    let cloud = Cloud::new();
    for input in [
        input!(CreateVpcRequest { ipv4_ipam_pool_id: "ipam-pool-1", ipv4_netmask_length: 24 }),
        input!(CreateVpcRequest { cidr_block: "10.0.0.0/16", ipv6_ipam_pool_id: "ipam-pool-1" }),
        input!(CreateVpcRequest { cidr_block: "10.0.0.0/16", ipv6_netmask_length: 56 }),
    ] {
        cloud.refuses::<op::CreateVpc>(input, "UnsupportedOperation", "…");
    }
}

#[test]
fn an_ipv6_block_is_advertised_from_its_own_region() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let associate = |group: &str, ipv6: Option<bool>| api::AssociateVpcCidrBlockRequest {
        amazon_provided_ipv6_cidr_block: ipv6,
        ipv6_cidr_block_network_border_group: Some(group.to_owned()),
        vpc_id: vpc.clone(),
        ..Default::default()
    };
    let code = "InvalidParameterValue";
    cloud.refuses::<op::AssociateVpcCidrBlock>(associate("us-west-2-lax-1", Some(true)), code, "…");
    let code = "InvalidParameterCombination";
    cloud.refuses::<op::AssociateVpcCidrBlock>(associate("us-east-1", None), code, "…");
    cloud.ok::<op::AssociateVpcCidrBlock>(associate("us-east-1", Some(true)));
}

#[test]
fn a_dedicated_vpc_becomes_a_shared_one_and_stays_so() {
    let cloud = Cloud::new();
    let input = input!(CreateVpcRequest { cidr_block: "10.0.0.0/16", instance_tenancy: "dedicated" });
    let vpc = cloud.ok::<op::CreateVpc>(input).vpc.unwrap().vpc_id.unwrap();
    let tenancy = || {
        let input = input!(DescribeVpcsRequest { vpc_ids: [&vpc] });
        cloud.ok::<op::DescribeVpcs>(input).vpcs.unwrap().remove(0).instance_tenancy.unwrap()
    };
    let modify = |tenancy: &str| input!(ModifyVpcTenancyRequest { vpc_id: &vpc, instance_tenancy: tenancy });
    let message = "Value (dedicated) for parameter instanceTenancy is invalid. The tenancy of a VPC can be \
                   changed to default only.";
    cloud.refuses::<op::ModifyVpcTenancy>(modify("dedicated"), "InvalidParameterValue", message);
    let mut dry = modify("default");
    dry.dry_run = Some(true);
    let message = "Request would have succeeded, but DryRun flag is set.";
    cloud.refuses::<op::ModifyVpcTenancy>(dry, "DryRunOperation", message);
    assert_eq!(tenancy(), "dedicated");
    assert_eq!(cloud.ok::<op::ModifyVpcTenancy>(modify("default")).return_value, Some(true));
    assert_eq!(tenancy(), "default");
    let unknown =
        input!(ModifyVpcTenancyRequest { vpc_id: "vpc-0123456789abcdef0", instance_tenancy: "default" });
    let message = "The vpc ID 'vpc-0123456789abcdef0' does not exist";
    cloud.refuses::<op::ModifyVpcTenancy>(unknown, "InvalidVpcID.NotFound", message);
}
