use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

#[test]
fn the_default_set() {
    for (region, domain) in [("us-east-1", "ec2.internal"), ("eu-west-1", "eu-west-1.compute.internal")] {
        let cloud = Cloud::new().in_region(region);
        let sets =
            cloud.ok::<op::DescribeDhcpOptions>(input!(DescribeDhcpOptionsRequest {})).dhcp_options.unwrap();
        assert_eq!(sets.len(), 1);
        let values: Vec<_> = sets[0]
            .dhcp_configurations
            .iter()
            .flatten()
            .map(|option| {
                (option.key.as_deref().unwrap(), option.values.as_ref().unwrap()[0].value.as_deref().unwrap())
            })
            .collect();
        assert_eq!(values, [("domain-name", domain), ("domain-name-servers", "AmazonProvidedDNS")]);
        let vpcs = cloud.ok::<op::DescribeVpcs>(input!(DescribeVpcsRequest {})).vpcs.unwrap();
        assert_eq!(vpcs[0].dhcp_options_id, sets[0].dhcp_options_id);
        let input = input!(DescribeDhcpOptionsRequest { filters: filters(&[("value", &[domain])]) });
        assert_eq!(cloud.ok::<op::DescribeDhcpOptions>(input).dhcp_options.unwrap().len(), 1);
    }
}

#[test]
fn unknown_ids() {
    let cloud = Cloud::new();
    let by_id = |id: &str| input!(DescribeDhcpOptionsRequest { dhcp_options_ids: [id] });
    let message = "The dhcpOption ID 'dopt-0123456789abcdef0' does not exist";
    cloud.refuses::<op::DescribeDhcpOptions>(
        by_id("dopt-0123456789abcdef0"),
        "InvalidDhcpOptionID.NotFound",
        message,
    );
    cloud.refuses::<op::DescribeDhcpOptions>(by_id("x"), "InvalidDhcpOptionsId.Malformed", "…");
}

fn request(options: &[(&str, &[&str])]) -> api::CreateDhcpOptionsRequest {
    let configurations = options.iter().map(|(key, values)| api::NewDhcpConfiguration {
        key: Some((*key).to_owned()),
        values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
    });
    api::CreateDhcpOptionsRequest { dhcp_configurations: configurations.collect(), ..Default::default() }
}

fn create(cloud: &Cloud, options: &[(&str, &[&str])]) -> String {
    let made = cloud.ok::<op::CreateDhcpOptions>(request(options)).dhcp_options.unwrap();
    made.dhcp_options_id.unwrap()
}

fn associate(cloud: &Cloud, set: &str, vpc: &str) {
    cloud.ok::<op::AssociateDhcpOptions>(input!(AssociateDhcpOptionsRequest {
        dhcp_options_id: set,
        vpc_id: vpc
    }));
}

fn set_of(cloud: &Cloud, vpc: &str) -> String {
    let input = input!(DescribeVpcsRequest { vpc_ids: [vpc] });
    cloud.ok::<op::DescribeVpcs>(input).vpcs.unwrap().remove(0).dhcp_options_id.unwrap()
}

/// The options as answers show them.
fn options(set: &api::DhcpOptions) -> Vec<(String, Vec<String>)> {
    let values = |option: &api::DhcpConfiguration| {
        option.values.iter().flatten().map(|value| value.value.clone().unwrap()).collect()
    };
    let configurations = set.dhcp_configurations.iter().flatten();
    configurations.map(|option| (option.key.clone().unwrap(), values(option))).collect()
}

fn found(cloud: &Cloud, all: &[(&str, &[&str])]) -> Vec<String> {
    let input = input!(DescribeDhcpOptionsRequest { filters: filters(all) });
    let sets = cloud.ok::<op::DescribeDhcpOptions>(input).dhcp_options.unwrap();
    sets.into_iter().map(|set| set.dhcp_options_id.unwrap()).collect()
}

#[test]
fn a_set_is_made_as_it_was_asked_for() {
    let cloud = Cloud::new();
    let input = api::CreateDhcpOptionsRequest {
        tag_specifications: Some(tagged("dhcp-options", &[("team", "network")])),
        ..request(&[
            ("netbios-node-type", &["2"]),
            ("domain-name", &["example.com corp.example.com"]),
            ("domain-name-servers", &["10.2.5.1,10.2.5.2", "AmazonProvidedDNS", "2001:db8::53"]),
            ("ntp-servers", &["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "fd00:ec2::123"]),
            ("netbios-name-servers", &["10.2.5.3"]),
            ("ipv6-address-preferred-lease-time", &["140"]),
        ])
    };
    let rehearsal = api::CreateDhcpOptionsRequest { dry_run: Some(true), ..input.clone() };
    cloud.refuses::<op::CreateDhcpOptions>(rehearsal, "DryRunOperation", "…");
    let made = cloud.ok::<op::CreateDhcpOptions>(input).dhcp_options.unwrap();
    let expected: [(&str, &[&str]); 6] = [
        ("domain-name", &["example.com corp.example.com"]),
        ("domain-name-servers", &["10.2.5.1", "10.2.5.2", "AmazonProvidedDNS", "2001:db8::53"]),
        ("ipv6-address-preferred-lease-time", &["140"]),
        ("netbios-name-servers", &["10.2.5.3"]),
        ("netbios-node-type", &["2"]),
        ("ntp-servers", &["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "fd00:ec2::123"]),
    ];
    let expected = expected.map(|(key, values)| {
        (key.to_owned(), values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())
    });
    assert_eq!(options(&made), expected);
    assert_eq!(made.tags, Some(tags(&[("team", "network")])));
    assert_eq!(made.owner_id.as_deref(), Some("123456789012"));
    let id = made.dhcp_options_id.clone().unwrap();
    let input = input!(DescribeDhcpOptionsRequest { dhcp_options_ids: [&id] });
    assert_eq!(cloud.ok::<op::DescribeDhcpOptions>(input).dhcp_options, Some(vec![made]));
}

#[test]
fn sets_are_found_by_each_filter() {
    let cloud = Cloud::new();
    let set = create(&cloud, &[("ntp-servers", &["10.0.0.123"])]);
    let label = input!(CreateTagsRequest { resources: [&set], tags: tags(&[("team", "network")]) });
    cloud.ok::<op::CreateTags>(label);
    for (name, value) in [
        ("dhcp-options-id", set.as_str()),
        ("key", "ntp-servers"),
        ("value", "10.0.0.123"),
        ("tag:team", "network"),
        ("tag-key", "team"),
    ] {
        assert_eq!(found(&cloud, &[(name, &[value])]), [set.as_str()], "{name}");
        assert!(found(&cloud, &[(name, &["another"])]).is_empty(), "{name}");
    }
    assert_eq!(found(&cloud, &[("owner-id", &["123456789012"])]).len(), 2);
    assert!(found(&cloud, &[("owner-id", &["210987654321"])]).is_empty());
}

#[test]
fn options_that_cannot_be() {
    let cloud = Cloud::new();
    let check = |options: &[(&str, &[&str])], message: &str| {
        cloud.refuses::<op::CreateDhcpOptions>(request(options), "InvalidParameterValue", message);
    };
    check(&[("router", &["10.0.0.1"])], "Value (router) for parameter key is invalid. …");
    let twice: [(&str, &[&str]); 2] = [("domain-name", &["a.example"]), ("domain-name", &["b.example"])];
    check(&twice, "Value (domain-name) for parameter key is invalid. …");
    let long = format!("{}.example", "a".repeat(64));
    let longer = ["a.example"; 26].join(" ");
    for (key, values, shown) in [
        ("domain-name", &[][..], ""),
        ("domain-name", &["a.example", "b.example"], "a.example, b.example"),
        ("domain-name", &["  "], ""),
        ("domain-name", &["exa$mple.com"], "exa$mple.com"),
        ("domain-name", &["a..b"], "a..b"),
        ("domain-name", &["a.example\nb.example"], "a.example\nb.example"),
        ("domain-name", &[&long], &long),
        ("domain-name", &[&longer], &longer),
        ("domain-name-servers", &["AmazonProvidedNTP"], "AmazonProvidedNTP"),
        ("domain-name-servers", &["10.0.0.256"], "10.0.0.256"),
        ("domain-name-servers", &["10.0.0.1,,10.0.0.2"], ""),
        ("domain-name-servers", &["10.0.0.1", "10.0.0.1"], "10.0.0.1"),
        (
            "domain-name-servers",
            &["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "::5"],
            "10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, ::5",
        ),
        ("ntp-servers", &["AmazonProvidedDNS"], "AmazonProvidedDNS"),
        ("ntp-servers", &["::1", "::2", "::3", "::4", "::5"], "::1, ::2, ::3, ::4, ::5"),
        ("netbios-name-servers", &["::1"], "::1"),
        ("netbios-name-servers", &["1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4,5.5.5.5"], "1.1.1.1, 2.2.2.2, 3.3.3.3…"),
        ("netbios-node-type", &["3"], "3"),
        ("netbios-node-type", &["two"], "two"),
        ("netbios-node-type", &["1", "2"], "1, 2"),
        ("ipv6-address-preferred-lease-time", &["139"], "139"),
        ("ipv6-address-preferred-lease-time", &["2147483648"], "2147483648"),
    ] {
        let message = match shown.strip_suffix('…') {
            Some(beginning) => format!("Value ({beginning}…"),
            None => format!("Value ({shown}) for parameter {key} is invalid. …"),
        };
        check(&[(key, values)], &message);
    }
    let message = "The request must contain the parameter dhcpConfiguration";
    cloud.refuses::<op::CreateDhcpOptions>(request(&[]), "MissingParameter", message);
    let mut nameless = request(&[("domain-name", &["a.example"])]);
    nameless.dhcp_configurations[0].key = None;
    let message = "The request must contain the parameter key";
    cloud.refuses::<op::CreateDhcpOptions>(nameless, "MissingParameter", message);
    let tagged = api::CreateDhcpOptionsRequest {
        tag_specifications: Some(tagged("vpc", &[("a", "b")])),
        ..request(&[("domain-name", &["a.example"])])
    };
    let message = "'vpc' is not a valid taggable resource type for this operation.";
    cloud.refuses::<op::CreateDhcpOptions>(tagged, "InvalidParameterValue", message);
}

#[test]
fn a_vpc_takes_a_set_or_none() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let set = create(&cloud, &[("domain-name", &["example.com"])]);
    let input =
        |set: &str, vpc: &str| input!(AssociateDhcpOptionsRequest { dhcp_options_id: set, vpc_id: vpc });
    let rehearsal = api::AssociateDhcpOptionsRequest { dry_run: Some(true), ..input(&set, &vpc) };
    cloud.refuses::<op::AssociateDhcpOptions>(rehearsal, "DryRunOperation", "…");
    associate(&cloud, &set, &vpc);
    assert_eq!(set_of(&cloud, &vpc), set);
    associate(&cloud, "default", &vpc);
    assert_eq!(set_of(&cloud, &vpc), "default");

    let none = "dopt-0123456789abcdef0";
    let message = format!("The dhcpOption ID '{none}' does not exist");
    let check = |set: &str, vpc: &str, code: &str, message: &str| {
        cloud.refuses::<op::AssociateDhcpOptions>(input(set, vpc), code, message);
    };
    check(none, &vpc, "InvalidDhcpOptionID.NotFound", &message);
    check("Default", &vpc, "InvalidDhcpOptionsId.Malformed", "…");
    let message = "The vpc ID 'vpc-0123456789abcdef0' does not exist";
    check(&set, "vpc-0123456789abcdef0", "InvalidVpcID.NotFound", message);
    check(&set, "x", "InvalidVpcID.Malformed", "…");
}

#[test]
fn a_set_in_use_stays() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let set = create(&cloud, &[("domain-name", &["example.com"])]);
    let delete = |set: &str| input!(DeleteDhcpOptionsRequest { dhcp_options_id: set });
    associate(&cloud, &set, &vpc);
    let message = format!("The dhcpOptions '{set}' has dependencies and cannot be deleted.");
    cloud.refuses::<op::DeleteDhcpOptions>(delete(&set), "DependencyViolation", &message);
    associate(&cloud, "default", &vpc);
    let rehearsal = api::DeleteDhcpOptionsRequest { dry_run: Some(true), ..delete(&set) };
    cloud.refuses::<op::DeleteDhcpOptions>(rehearsal, "DryRunOperation", "…");
    cloud.ok::<op::DeleteDhcpOptions>(delete(&set));
    let message = format!("The dhcpOption ID '{set}' does not exist");
    cloud.refuses::<op::DeleteDhcpOptions>(delete(&set), "InvalidDhcpOptionID.NotFound", &message);
    cloud.refuses::<op::DeleteDhcpOptions>(delete("x"), "InvalidDhcpOptionsId.Malformed", "…");
}

#[test]
fn without_the_first_set_a_new_vpc_gets_none() {
    let cloud = Cloud::new();
    let vpc = cloud.default_vpc();
    let first = set_of(&cloud, &vpc);
    associate(&cloud, "default", &vpc);
    cloud.ok::<op::DeleteDhcpOptions>(input!(DeleteDhcpOptionsRequest { dhcp_options_id: &first }));
    let vpc = cloud.vpc("10.0.0.0/16");
    assert_eq!(set_of(&cloud, &vpc), "default");
}
