use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

const ACCOUNT: &str = "123456789012";

fn message(account: &str, cidr: &str) -> String {
    format!("1|aws|{account}|{cidr}|20261122|SHA256|RSAPSS")
}

fn signed(message: String) -> Option<api::CidrAuthorizationContext> {
    Some(api::CidrAuthorizationContext { message, signature: "c2lnbmF0dXJl-_~".to_owned() })
}

fn request(cidr: &str) -> api::ProvisionByoipCidrRequest {
    request_of(ACCOUNT, cidr)
}

pub(crate) fn request_of(account: &str, cidr: &str) -> api::ProvisionByoipCidrRequest {
    input!(ProvisionByoipCidrRequest {
        cidr: cidr,
        cidr_authorization_context: signed(message(account, cidr)).unwrap()
    })
}

/// Brings a range, which becomes a pool in a moment.
pub(crate) fn provision(cloud: &Cloud, cidr: &str) {
    provision_of(cloud, ACCOUNT, cidr);
}

fn provision_of(cloud: &Cloud, account: &str, cidr: &str) {
    let made = cloud.ok::<op::ProvisionByoipCidr>(request_of(account, cidr)).byoip_cidr.unwrap();
    assert_eq!((made.state.as_deref(), made.pool_id), (Some("pending-provision"), None));
}

/// Brings a range and lets it become a pool.
pub(crate) fn pool(cloud: &Cloud, cidr: &str) -> String {
    pool_of(cloud, ACCOUNT, cidr)
}

/// The same as another account.
pub(crate) fn pool_of(cloud: &Cloud, account: &str, cidr: &str) -> String {
    provision_of(cloud, account, cidr);
    cloud.wait(100);
    found(cloud).into_iter().find(|range| range.cidr.as_deref() == Some(cidr)).unwrap().pool_id.unwrap()
}

fn found(cloud: &Cloud) -> Vec<api::ByoipCidr> {
    let input = input!(DescribeByoipCidrsRequest { max_results: 100 });
    cloud.ok::<op::DescribeByoipCidrs>(input).byoip_cidrs.unwrap()
}

fn states(cloud: &Cloud) -> Vec<String> {
    found(cloud).into_iter().map(|range| range.state.unwrap()).collect()
}

fn advertise(cidr: &str) -> api::AdvertiseByoipCidrRequest {
    input!(AdvertiseByoipCidrRequest { cidr: cidr })
}

fn withdraw(cidr: &str) -> api::WithdrawByoipCidrRequest {
    input!(WithdrawByoipCidrRequest { cidr: cidr })
}

fn deprovision(cidr: &str) -> api::DeprovisionByoipCidrRequest {
    input!(DeprovisionByoipCidrRequest { cidr: cidr })
}

fn ipv6_pools(cloud: &Cloud, input: api::DescribeIpv6PoolsRequest) -> Vec<api::Ipv6Pool> {
    cloud.ok::<op::DescribeIpv6Pools>(input).ipv6_pools.unwrap()
}

fn create_vpc(pool: &str, block: Option<&str>) -> api::CreateVpcRequest {
    api::CreateVpcRequest {
        ipv6_cidr_block: block.map(str::to_owned),
        ..input!(CreateVpcRequest { cidr_block: "10.0.0.0/16", ipv6_pool: pool })
    }
}

fn associate(vpc: &str, pool: &str, block: Option<&str>) -> api::AssociateVpcCidrBlockRequest {
    api::AssociateVpcCidrBlockRequest {
        ipv6_cidr_block: block.map(str::to_owned),
        ..input!(AssociateVpcCidrBlockRequest { vpc_id: vpc, ipv6_pool: pool })
    }
}

fn block_of(vpc: &api::Vpc) -> api::VpcIpv6CidrBlockAssociation {
    vpc.ipv6_cidr_block_association_set.as_ref().unwrap()[0].clone()
}

const CIDR: &str = "2001:db8::/44";

#[test]
fn a_range_lives() {
    let cloud = Cloud::new();
    let request = api::ProvisionByoipCidrRequest {
        description: Some("ours".to_owned()),
        pool_tag_specifications: Some(tagged("ipv6pool-ec2", &[("Name", "six")])),
        ..request(CIDR)
    };
    let dry = api::ProvisionByoipCidrRequest { dry_run: Some(true), ..request.clone() };
    cloud.refuses::<op::ProvisionByoipCidr>(dry, "DryRunOperation", "…");
    let made = cloud.ok::<op::ProvisionByoipCidr>(request).byoip_cidr.unwrap();
    assert_eq!((made.state.as_deref(), &made.status_message), (Some("pending-provision"), &None));
    assert_eq!(found(&cloud), [made]);
    assert_eq!(ipv6_pools(&cloud, input!(DescribeIpv6PoolsRequest {})), []);
    cloud.refuses::<op::AdvertiseByoipCidr>(
        advertise(CIDR),
        "IncorrectState",
        "The address range 2001:db8::/44 is in the state pending-provision.",
    );
    cloud.wait(100);
    let range = found(&cloud).remove(0);
    let id = range.pool_id.clone().unwrap();
    assert!(id.starts_with("ipv6pool-ec2-"), "{id}");
    let expected = api::ByoipCidr {
        cidr: Some(CIDR.to_owned()),
        description: Some("ours".to_owned()),
        network_border_group: Some("us-east-1".to_owned()),
        pool_id: Some(id.clone()),
        state: Some("provisioned".to_owned()),
        status_message: Some(id.clone()),
        ..Default::default()
    };
    assert_eq!(range, expected);
    let pools = ipv6_pools(&cloud, input!(DescribeIpv6PoolsRequest { pool_ids: [&id] }));
    let expected = api::Ipv6Pool {
        pool_id: Some(id),
        description: Some("ours".to_owned()),
        pool_cidr_blocks: Some(vec![api::PoolCidrBlock { cidr: Some(CIDR.to_owned()) }]),
        tags: Some(tags(&[("Name", "six")])),
    };
    assert_eq!(pools, [expected]);

    let not_yet = withdraw(CIDR);
    cloud.refuses::<op::WithdrawByoipCidr>(not_yet, "IncorrectState", "…");
    cloud.refuses::<op::AdvertiseByoipCidr>(
        api::AdvertiseByoipCidrRequest { dry_run: Some(true), ..advertise(CIDR) },
        "DryRunOperation",
        "…",
    );
    let state = cloud.ok::<op::AdvertiseByoipCidr>(advertise(CIDR)).byoip_cidr.unwrap().state;
    assert_eq!(state.as_deref(), Some("pending-advertising"));
    cloud.wait(100);
    assert_eq!(states(&cloud), ["advertised"]);
    // A range that is advertised has to be withdrawn first.
    cloud.refuses::<op::DeprovisionByoipCidr>(deprovision(CIDR), "IncorrectState", "…");
    cloud.refuses::<op::AdvertiseByoipCidr>(advertise(CIDR), "IncorrectState", "…");
    cloud.refuses::<op::WithdrawByoipCidr>(
        api::WithdrawByoipCidrRequest { dry_run: Some(true), ..withdraw(CIDR) },
        "DryRunOperation",
        "…",
    );
    let state = cloud.ok::<op::WithdrawByoipCidr>(withdraw(CIDR)).byoip_cidr.unwrap().state;
    assert_eq!(state.as_deref(), Some("pending-withdrawal"));
    cloud.wait(100);
    assert_eq!(states(&cloud), ["provisioned"]);

    cloud.refuses::<op::DeprovisionByoipCidr>(
        api::DeprovisionByoipCidrRequest { dry_run: Some(true), ..deprovision(CIDR) },
        "DryRunOperation",
        "…",
    );
    let state = cloud.ok::<op::DeprovisionByoipCidr>(deprovision(CIDR)).byoip_cidr.unwrap().state;
    assert_eq!(state.as_deref(), Some("pending-deprovision"));
    // Nobody has it before it is gone.
    let overlapping = "It overlaps an address range that has been brought already.";
    let refused = format!("Value ({CIDR}) for parameter cidr is invalid. {overlapping}");
    cloud.refuses::<op::ProvisionByoipCidr>(self::request(CIDR), "InvalidParameterValue", &refused);
    cloud.wait(100);
    assert_eq!(states(&cloud), ["deprovisioned"]);
    assert_eq!(ipv6_pools(&cloud, input!(DescribeIpv6PoolsRequest {})), []);
    cloud.refuses::<op::DeprovisionByoipCidr>(
        deprovision(CIDR),
        "InvalidParameterValue",
        "Value (2001:db8::/44) for parameter cidr is invalid. There is no such address range.",
    );
    provision(&cloud, CIDR);
    assert_eq!(states(&cloud), ["pending-provision"], "the earlier one is forgotten");
    cloud.wait(100);
    cloud.ok::<op::DeprovisionByoipCidr>(deprovision(CIDR));
    cloud.wait(3_600_099);
    assert_eq!(states(&cloud), ["deprovisioned"]);
    cloud.wait(1);
    assert_eq!(states(&cloud), [""; 0]);
}

#[test]
fn vpcs_have_blocks_of_a_pool() {
    let cloud = Cloud::new();
    let pool = pool(&cloud, CIDR);
    let vpc = cloud.ok::<op::CreateVpc>(create_vpc(&pool, None)).vpc.unwrap();
    let held = block_of(&vpc);
    assert_eq!(held.ipv6_cidr_block.as_deref(), Some("2001:db8::/56"), "the lowest");
    assert_eq!(held.ipv6_pool.as_ref(), Some(&pool));
    assert_eq!(
        (held.ip_source.as_deref(), held.ipv6_address_attribute.as_deref()),
        (Some("byoip"), Some("public"))
    );
    let vpc = vpc.vpc_id.unwrap();
    let subnet = cloud.ok::<op::CreateSubnet>(input!(CreateSubnetRequest {
        vpc_id: &vpc,
        cidr_block: "10.0.0.0/24",
        ipv6_cidr_block: "2001:db8::/64"
    }));
    let subnet = subnet.subnet.unwrap();
    let part = subnet.ipv6_cidr_block_association_set.unwrap().remove(0);
    assert_eq!(part.ip_source.as_deref(), Some("byoip"));

    let named = cloud.ok::<op::AssociateVpcCidrBlock>(associate(&vpc, &pool, Some("2001:db8:0:100::/60")));
    let named = named.ipv6_cidr_block_association.unwrap();
    assert_eq!(named.ipv6_cidr_block.as_deref(), Some("2001:db8:0:100::/60"));
    let other = cloud.ok::<op::AssociateVpcCidrBlock>(associate(&vpc, &pool, None));
    let other = other.ipv6_cidr_block_association.unwrap();
    assert_eq!(other.ipv6_cidr_block.as_deref(), Some("2001:db8:0:200::/56"), "beside both");
    for (name, value, expect) in [
        ("ipv6-cidr-block-association.ipv6-pool", pool.as_str(), 1),
        ("ipv6-cidr-block-association.ipv6-pool", "Amazon", 0),
        ("ipv6-cidr-block-association.ipv6-cidr-block", "2001:db8::/56", 1),
        ("ipv6-cidr-block-association.association-id", named.association_id.as_deref().unwrap(), 1),
        ("ipv6-cidr-block-association.state", "associated", 0),
    ] {
        let input = input!(DescribeVpcsRequest { filters: filters(&[(name, &[value])]) });
        assert_eq!(cloud.ok::<op::DescribeVpcs>(input).vpcs.unwrap().len(), expect, "{name} {value}");
    }

    let of_pool = |next_token: Option<String>| {
        let input = input!(GetAssociatedIpv6PoolCidrsRequest { pool_id: &pool, max_results: 2, next_token });
        let answer = cloud.ok::<op::GetAssociatedIpv6PoolCidrs>(input);
        let blocks = answer.ipv6_cidr_associations.unwrap().into_iter().map(|held| {
            assert_eq!(held.associated_resource.as_ref(), Some(&vpc));
            held.ipv6_cidr.unwrap()
        });
        (blocks.collect::<Vec<_>>(), answer.next_token)
    };
    let (blocks, next) = of_pool(None);
    assert_eq!(blocks, ["2001:db8:0:100::/60", "2001:db8:0:200::/56"]);
    assert_eq!(of_pool(next), (vec!["2001:db8::/56".to_owned()], None));

    // A block that goes is the pool's again at once.
    let end = input!(DisassociateVpcCidrBlockRequest { association_id: named.association_id.unwrap() });
    let ended = cloud.ok::<op::DisassociateVpcCidrBlock>(end).ipv6_cidr_block_association.unwrap();
    assert_eq!(ended.ipv6_pool.as_ref(), Some(&pool));
    let again = cloud.ok::<op::CreateVpc>(create_vpc(&pool, None)).vpc.unwrap();
    assert_eq!(block_of(&again).ipv6_cidr_block.as_deref(), Some("2001:db8:0:100::/56"));
    cloud.ok::<op::DeleteVpc>(input!(DeleteVpcRequest { vpc_id: again.vpc_id.unwrap() }));
    assert_eq!(of_pool(None).0.len(), 2);

    // What VPCs have of a range keeps it, and nothing is lost.
    let state = cloud.ok::<op::DeprovisionByoipCidr>(deprovision(CIDR)).byoip_cidr.unwrap().state;
    assert_eq!(state.as_deref(), Some("pending-deprovision"));
    let message = "The address range 2001:db8::/44 is in the state pending-deprovision.";
    cloud.refuses::<op::CreateVpc>(create_vpc(&pool, None), "IncorrectState", message);
    cloud.wait(100);
    let range = found(&cloud).remove(0);
    assert_eq!(range.state.as_deref(), Some("failed-deprovision"));
    assert_eq!(range.status_message.as_deref(), Some("Addresses of the range are in use."));
    let other = input!(DisassociateVpcCidrBlockRequest { association_id: other.association_id.unwrap() });
    cloud.ok::<op::DisassociateVpcCidrBlock>(other);
    cloud.ok::<op::DeleteSubnet>(input!(DeleteSubnetRequest { subnet_id: subnet.subnet_id.unwrap() }));
    cloud.ok::<op::DeleteVpc>(input!(DeleteVpcRequest { vpc_id: &vpc }));
    cloud.ok::<op::DeprovisionByoipCidr>(deprovision(CIDR));
    cloud.wait(100);
    assert_eq!(states(&cloud), ["deprovisioned"]);
}

#[test]
fn blocks_that_cannot_be() {
    let cloud = Cloud::new();
    let pool = pool(&cloud, "2001:db8::/48");
    let vpc = cloud.vpc("10.1.0.0/16");
    let refused = |input: api::CreateVpcRequest, code: &str, message: &str| {
        cloud.refuses::<op::CreateVpc>(input.clone(), code, message);
        let added = api::AssociateVpcCidrBlockRequest {
            amazon_provided_ipv6_cidr_block: input.amazon_provided_ipv6_cidr_block,
            ipv6_cidr_block: input.ipv6_cidr_block,
            ipv6_cidr_block_network_border_group: input.ipv6_cidr_block_network_border_group,
            ipv6_ipam_pool_id: input.ipv6_ipam_pool_id,
            ipv6_pool: input.ipv6_pool,
            ..input!(AssociateVpcCidrBlockRequest { vpc_id: &vpc })
        };
        cloud.refuses::<op::AssociateVpcCidrBlock>(added, code, message);
    };
    let unknown = "ipv6pool-ec2-0123456789abcdef0";
    let message = format!("The IPv6 pool ID '{unknown}' does not exist");
    refused(create_vpc(unknown, None), "InvalidIpv6PoolID.NotFound", &message);
    refused(create_vpc("mine", None), "InvalidIpv6PoolID.Malformed", "Invalid id: \"mine\" …");
    let message = "The request must contain the parameter ipv6Pool";
    let alone = api::CreateVpcRequest { ipv6_pool: None, ..create_vpc("", Some("2001:db8::/56")) };
    refused(alone, "MissingParameter", message);
    let both =
        api::CreateVpcRequest { amazon_provided_ipv6_cidr_block: Some(true), ..create_vpc(&pool, None) };
    refused(both, "InvalidParameterCombination", "…");
    let group = Some("us-east-1".to_owned());
    let group =
        api::CreateVpcRequest { ipv6_cidr_block_network_border_group: group, ..create_vpc(&pool, None) };
    refused(group, "InvalidParameterCombination", "…");
    let ipam = api::CreateVpcRequest {
        ipv6_ipam_pool_id: Some("ipam-pool-1".to_owned()),
        ..create_vpc(&pool, None)
    };
    refused(ipam, "UnsupportedOperation", "IPAM pools are not supported.");
    const VALUE: &str = "InvalidParameterValue";
    for (block, why) in [
        ("nonsense", "This is not a valid CIDR block."),
        ("2001:db8::/57", "The block of a VPC is a /44 to a /60, in steps of 4."),
        ("2001:db8::/64", "The block of a VPC is a /44 to a /60, in steps of 4."),
        ("2001:db8:1::/56", &format!("It is not inside the pool {pool}.")),
        ("2001:db8::/44", &format!("It is not inside the pool {pool}.")),
    ] {
        let message = format!("Value ({block}) for parameter ipv6CidrBlock is invalid. {why}");
        refused(create_vpc(&pool, Some(block)), VALUE, &message);
    }
    cloud.ok::<op::CreateVpc>(create_vpc(&pool, Some("2001:db8::/52")));
    let message = "The CIDR '2001:db8:0:f00::/56' is in use by a VPC.";
    refused(create_vpc(&pool, Some("2001:db8:0:f00::/56")), "InvalidCidr.InUse", message);
    refused(create_vpc(&pool, Some("2001:db8::/48")), "InvalidCidr.InUse", "…");
    // Another account and another region do not know the pool.
    for (account, region) in [("210987654321", "us-east-1"), (ACCOUNT, "us-west-2")] {
        let elsewhere = cloud.seen_by(account, region);
        elsewhere.refuses::<op::CreateVpc>(create_vpc(&pool, None), "InvalidIpv6PoolID.NotFound", "…");
    }
    let message = "The parameter cidrBlock cannot be used with the parameter ipv6Pool";
    let input =
        input!(AssociateVpcCidrBlockRequest { vpc_id: &vpc, cidr_block: "10.2.0.0/16", ipv6_pool: &pool });
    cloud.refuses::<op::AssociateVpcCidrBlock>(input, "InvalidParameterCombination", message);
}

#[test]
fn a_pool_is_used_up_and_a_vpc_has_five_blocks() {
    let cloud = Cloud::new();
    let range =
        api::ProvisionByoipCidrRequest { publicly_advertisable: Some(false), ..request("2001:db8::/56") };
    cloud.ok::<op::ProvisionByoipCidr>(range);
    cloud.wait(100);
    let range = found(&cloud).remove(0);
    assert_eq!(range.state.as_deref(), Some("provisioned-not-publicly-advertisable"));
    cloud.refuses::<op::AdvertiseByoipCidr>(advertise("2001:db8::/56"), "IncorrectState", "…");
    let small = range.pool_id.unwrap();
    let vpc = cloud.ok::<op::CreateVpc>(create_vpc(&small, None)).vpc.unwrap();
    assert_eq!(block_of(&vpc).ipv6_address_attribute.as_deref(), Some("private"));
    let message = format!("There are no blocks left in the pool {small}.");
    cloud.refuses::<op::CreateVpc>(create_vpc(&small, None), "InsufficientCapacity", &message);
    let large = pool(&cloud, "2001:db8:1::/48");
    let vpc = vpc.vpc_id.unwrap();
    (0..4).for_each(|_| drop(cloud.ok::<op::AssociateVpcCidrBlock>(associate(&vpc, &large, None))));
    let message = format!("This network {vpc} has met its maximum number of allowed CIDRs: 5");
    cloud.refuses::<op::AssociateVpcCidrBlock>(associate(&vpc, &large, None), "CidrLimitExceeded", &message);
}

#[test]
fn ranges_that_cannot_be() {
    let cloud = Cloud::new();
    let refused = |input: api::ProvisionByoipCidrRequest, code: &str, message: &str| {
        cloud.refuses::<op::ProvisionByoipCidr>(input, code, message);
    };
    const VALUE: &str = "InvalidParameterValue";
    for (cidr, why) in [
        ("nonsense", "This is not a valid CIDR block."),
        ("203.0.113.1/24", "The address range has to begin with its first address."),
        ("203.0.113.0/25", "The most specific address range is a /24."),
        ("2001:db8::/49", "The most specific address range is a /48."),
        ("10.1.0.0/16", "The addresses are not publicly routable."),
        ("0.0.0.0/0", "The addresses are not publicly routable."),
        ("198.18.0.0/24", "The addresses are not publicly routable."),
        ("fd00::/48", "The addresses are not publicly routable."),
        ("3fff:1::/48", "The addresses are not publicly routable."),
    ] {
        refused(request(cidr), VALUE, &format!("Value ({cidr}) for parameter cidr is invalid. {why}"));
    }
    let hidden =
        |cidr: &str| api::ProvisionByoipCidrRequest { publicly_advertisable: Some(false), ..request(cidr) };
    refused(hidden("2001:db8::/57"), VALUE, "Value (2001:db8::/57) for parameter cidr is invalid. …");
    refused(hidden("203.0.113.0/24"), "InvalidParameterCombination", "…");
    let cidr = "203.0.113.0/24";
    let bare = api::ProvisionByoipCidrRequest { cidr_authorization_context: None, ..request(cidr) };
    let missing = "The request must contain the parameter cidrAuthorizationContext";
    refused(bare, "MissingParameter", missing);
    let form = "It has the form 1|aws|account|cidr|YYYYMMDD|SHA256|RSAPSS.";
    for (text, why) in [
        ("nonsense", form),
        ("2|aws|123456789012|203.0.113.0/24|20261122|SHA256|RSAPSS", form),
        ("1|aws|123456789012|203.0.113.0/24|2026-11-22|SHA256|RSAPSS", form),
        ("1|aws|210987654321|203.0.113.0/24|20261122|SHA256|RSAPSS", "It is for another account."),
        ("1|aws|123456789012|203.0.114.0/24|20261122|SHA256|RSAPSS", "It is for another address range."),
        ("1|aws|123456789012|203.0.113.0/24|20261121|SHA256|RSAPSS", "It has expired."),
    ] {
        let context = signed(text.to_owned());
        let input = api::ProvisionByoipCidrRequest { cidr_authorization_context: context, ..request(cidr) };
        let message =
            format!("Value ({text}) for parameter cidrAuthorizationContext.message is invalid. {why}");
        refused(input, VALUE, &message);
    }
    for signature in ["", "a+b="] {
        let signature = signature.to_owned();
        let context = Some(api::CidrAuthorizationContext { message: message(ACCOUNT, cidr), signature });
        let input = api::ProvisionByoipCidrRequest { cidr_authorization_context: context, ..request(cidr) };
        refused(input, VALUE, "…");
    }
    let several = api::ProvisionByoipCidrRequest { multi_region: Some(true), ..request(cidr) };
    refused(several, "UnsupportedOperation", "…");
    let group = Some("us-west-2-lax-1".to_owned());
    let local = api::ProvisionByoipCidrRequest { network_border_group: group.clone(), ..request(cidr) };
    refused(local, VALUE, "Value (us-west-2-lax-1) for parameter networkBorderGroup is invalid. …");
    let tags = Some(tagged("ipv6pool-ec2", &[("a", "b")]));
    refused(api::ProvisionByoipCidrRequest { pool_tag_specifications: tags, ..request(cidr) }, VALUE, "…");

    provision(&cloud, cidr);
    let asn = api::AdvertiseByoipCidrRequest { asn: Some("65000".to_owned()), ..advertise(cidr) };
    cloud.refuses::<op::AdvertiseByoipCidr>(asn, "UnsupportedOperation", "…");
    let local = api::AdvertiseByoipCidrRequest { network_border_group: group, ..advertise(cidr) };
    cloud.refuses::<op::AdvertiseByoipCidr>(local, VALUE, "…");
    cloud.refuses::<op::WithdrawByoipCidr>(withdraw("203.0.112.0/24"), VALUE, "…");
    // A range is in one place of the cloud only, and a part of it nowhere else either.
    for (account, region) in [("210987654321", "us-east-1"), (ACCOUNT, "us-west-2")] {
        let elsewhere = cloud.seen_by(account, region);
        for cidr in [cidr, "203.0.112.0/23"] {
            let context = signed(message(account, cidr));
            let input =
                api::ProvisionByoipCidrRequest { cidr_authorization_context: context, ..request(cidr) };
            elsewhere.refuses::<op::ProvisionByoipCidr>(input, VALUE, "…");
        }
        elsewhere.refuses::<op::DeprovisionByoipCidr>(deprovision(cidr), VALUE, "…");
    }
    for number in 0..4 {
        provision(&cloud, &format!("2001:db8:{number}::/48"));
    }
    let message = "The number of BYOIP CIDRs for this account has reached the maximum allowed limit.";
    refused(request("2001:db8:9::/48"), "ResourceLimitExceeded", message);
    cloud.wait(100);
    cloud.ok::<op::DeprovisionByoipCidr>(deprovision("2001:db8::/48"));
    refused(request("2001:db8:9::/48"), "ResourceLimitExceeded", message);
    cloud.wait(100);
    provision(&cloud, "2001:db8:9::/48");
}

#[test]
fn pools_are_found_by_tags_and_in_pages() {
    let cloud = Cloud::new();
    let ids = [pool(&cloud, "2001:db8::/48"), pool(&cloud, "2001:db8:1::/48")];
    cloud.ok::<op::CreateTags>(input!(CreateTagsRequest {
        resources: [&ids[1]],
        tags: tags(&[("Name", "b")])
    }));
    for (name, value) in [("tag:Name", "b"), ("tag-key", "Name")] {
        let input = input!(DescribeIpv6PoolsRequest { filters: filters(&[(name, &[value])]) });
        let found = ipv6_pools(&cloud, input);
        assert_eq!((found.len(), found[0].pool_id.as_ref()), (1, Some(&ids[1])), "{name}");
    }
    let first = cloud.ok::<op::DescribeIpv6Pools>(input!(DescribeIpv6PoolsRequest { max_results: 1 }));
    let next = input!(DescribeIpv6PoolsRequest { max_results: 1, next_token: first.next_token.unwrap() });
    let second = cloud.ok::<op::DescribeIpv6Pools>(next);
    let mut joined = first.ipv6_pools.unwrap();
    joined.extend(second.ipv6_pools.unwrap());
    assert_eq!(joined, ipv6_pools(&cloud, input!(DescribeIpv6PoolsRequest {})));
    let one = cloud.ok::<op::DescribeByoipCidrs>(input!(DescribeByoipCidrsRequest { max_results: 1 }));
    assert_eq!(one.byoip_cidrs.unwrap().len(), 1);
    let rest = input!(DescribeByoipCidrsRequest { max_results: 1, next_token: one.next_token.unwrap() });
    assert_eq!(cloud.ok::<op::DescribeByoipCidrs>(rest).byoip_cidrs, Some(vec![found(&cloud).remove(1)]));
    for size in [0, 101] {
        let input = input!(DescribeByoipCidrsRequest { max_results: size });
        cloud.refuses::<op::DescribeByoipCidrs>(input, "InvalidParameterValue", "…");
    }
    let unknown = "ipv6pool-ec2-0123456789abcdef0";
    let code = "InvalidIpv6PoolID.NotFound";
    cloud.refuses::<op::DescribeIpv6Pools>(
        input!(DescribeIpv6PoolsRequest { pool_ids: [unknown] }),
        code,
        "…",
    );
    let input = input!(GetAssociatedIpv6PoolCidrsRequest { pool_id: unknown });
    cloud.refuses::<op::GetAssociatedIpv6PoolCidrs>(input, code, "…");
    let code = "DryRunOperation";
    cloud.refuses::<op::DescribeIpv6Pools>(input!(DescribeIpv6PoolsRequest { dry_run: true }), code, "…");
    let input = input!(DescribeByoipCidrsRequest { max_results: 5, dry_run: true });
    cloud.refuses::<op::DescribeByoipCidrs>(input, code, "…");
    let input = input!(GetAssociatedIpv6PoolCidrsRequest { pool_id: &ids[0], dry_run: true });
    cloud.refuses::<op::GetAssociatedIpv6PoolCidrs>(input, code, "…");
}

#[test]
fn elastic_ip_addresses_come_from_a_pool() {
    let cloud = Cloud::new();
    let pool = pool(&cloud, "203.0.113.0/24");
    let allocate = |input| cloud.ok::<op::AllocateAddress>(input);
    let first = allocate(input!(AllocateAddressRequest { public_ipv4_pool: &pool }));
    assert_eq!(
        (first.public_ip.as_deref(), &first.public_ipv4_pool),
        (Some("203.0.113.0"), &Some(pool.clone()))
    );
    let named = allocate(input!(AllocateAddressRequest { address: "203.0.113.255" }));
    assert_eq!(named.public_ipv4_pool.as_ref(), Some(&pool));
    // The account's own addresses are beside the quota of five.
    (0..5).for_each(|_| drop(allocate(input!(AllocateAddressRequest {}))));
    cloud.refuses::<op::AllocateAddress>(input!(AllocateAddressRequest {}), "AddressLimitExceeded", "…");
    let third = allocate(input!(AllocateAddressRequest { public_ipv4_pool: &pool }));
    assert_eq!(third.public_ip.as_deref(), Some("203.0.113.1"));
    let shown =
        cloud.ok::<op::DescribeAddresses>(input!(DescribeAddressesRequest { public_ips: ["203.0.113.0"] }));
    assert_eq!(shown.addresses.unwrap()[0].public_ipv4_pool.as_ref(), Some(&pool));

    let described = |input| cloud.ok::<op::DescribePublicIpv4Pools>(input).public_ipv4_pools.unwrap();
    let found = described(input!(DescribePublicIpv4PoolsRequest { pool_ids: [&pool] })).remove(0);
    let range = api::PublicIpv4PoolRange {
        first_address: Some("203.0.113.0".to_owned()),
        last_address: Some("203.0.113.255".to_owned()),
        address_count: Some(256),
        available_address_count: Some(253),
    };
    let expected = api::PublicIpv4Pool {
        pool_id: Some(pool.clone()),
        description: None,
        pool_address_ranges: Some(vec![range]),
        total_address_count: Some(256),
        total_available_address_count: Some(253),
        network_border_group: Some("us-east-1".to_owned()),
        tags: None,
    };
    assert_eq!(found, expected);
    assert_eq!(
        described(input!(DescribePublicIpv4PoolsRequest { filters: filters(&[("tag-key", &["x"])]) })),
        []
    );
    let size = input!(DescribePublicIpv4PoolsRequest { max_results: 11 });
    cloud.refuses::<op::DescribePublicIpv4Pools>(size, "InvalidParameterValue", "…");
    let unknown = input!(DescribePublicIpv4PoolsRequest { pool_ids: ["ipv4pool-ec2-0123456789abcdef0"] });
    let message = "The public IPv4 pool ID 'ipv4pool-ec2-0123456789abcdef0' does not exist";
    cloud.refuses::<op::DescribePublicIpv4Pools>(unknown, "InvalidPublicIpv4PoolID.NotFound", message);

    let twice = input!(AllocateAddressRequest { address: "203.0.113.255" });
    let message = "Value (203.0.113.255) for parameter address is invalid. It is allocated already.";
    cloud.refuses::<op::AllocateAddress>(twice, "InvalidParameterValue", message);
    let outside = input!(AllocateAddressRequest { public_ipv4_pool: &pool, address: "203.0.112.1" });
    cloud.refuses::<op::AllocateAddress>(outside, "InvalidParameterValue", "…");

    cloud.ok::<op::DeprovisionByoipCidr>(deprovision("203.0.113.0/24"));
    let input = input!(AllocateAddressRequest { public_ipv4_pool: &pool });
    cloud.refuses::<op::AllocateAddress>(input, "IncorrectState", "…");
    cloud.wait(100);
    assert_eq!(states(&cloud), ["failed-deprovision"]);
    for held in [first, named, third] {
        cloud.ok::<op::ReleaseAddress>(input!(ReleaseAddressRequest {
            allocation_id: held.allocation_id.unwrap()
        }));
    }
    // An address that is released is the pool's again.
    let again = allocate(input!(AllocateAddressRequest { address: "203.0.113.0" }));
    cloud.ok::<op::ReleaseAddress>(input!(ReleaseAddressRequest {
        allocation_id: again.allocation_id.unwrap()
    }));
    cloud.ok::<op::DeprovisionByoipCidr>(deprovision("203.0.113.0/24"));
    cloud.wait(100);
    assert_eq!(states(&cloud), ["deprovisioned"]);
    let gone = input!(AllocateAddressRequest { public_ipv4_pool: &pool });
    cloud.refuses::<op::AllocateAddress>(gone, "InvalidPublicIpv4PoolID.NotFound", "…");
}

#[test]
fn blocks_of_amazon_say_so() {
    let cloud = Cloud::new();
    let input = input!(CreateVpcRequest { cidr_block: "10.0.0.0/16", amazon_provided_ipv6_cidr_block: true });
    let vpc = cloud.ok::<op::CreateVpc>(input).vpc.unwrap();
    let held = block_of(&vpc);
    assert_eq!((held.ipv6_pool.as_deref(), held.ip_source.as_deref()), (Some("Amazon"), Some("amazon")));
}
