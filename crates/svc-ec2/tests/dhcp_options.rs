use crate::cloud::{Cloud, filters, input, op};

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
