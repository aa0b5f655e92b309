use ipnet::Ipv4Net;
use svc_ec2::{PublicPoolError, public_block, public_blocks, set_public_blocks};

use crate::cloud::{Cloud, api, input, op};

fn set(cloud: &Cloud, wanted: &[(&str, &str)]) -> Result<(), String> {
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(region, block)| (region.parse().unwrap(), block.parse::<Ipv4Net>().unwrap()))
        .collect();
    let done =
        cloud.store.transact(|transaction| set_public_blocks(transaction, &wanted).map_err(Failed::Refused));
    done.map_err(|failed| match failed {
        Failed::Refused(error) => error.to_string(),
        Failed::Store(error) => panic!("{error}"),
    })
}

#[derive(Debug)]
enum Failed {
    Refused(PublicPoolError),
    Store(store::StoreError),
}

impl From<store::StoreError> for Failed {
    fn from(error: store::StoreError) -> Self {
        Self::Store(error)
    }
}

fn block(cloud: &Cloud, region: &str) -> String {
    public_block(&cloud.store.snapshot(), &region.parse().unwrap()).unwrap().to_string()
}

fn allocate(cloud: &Cloud) -> (String, String) {
    let answer = cloud.ok::<op::AllocateAddress>(input!(AllocateAddressRequest {}));
    (answer.allocation_id.unwrap(), answer.public_ip.unwrap())
}

#[test]
fn addresses_are_of_the_range_that_a_region_was_given() {
    let cloud = Cloud::without_quotas();
    let by_default = block(&cloud, "us-east-1");
    set(&cloud, &[("us-east-1", "203.0.113.0/28"), ("eu-west-1", "198.51.100.16/28")]).unwrap();
    let (id, address) = allocate(&cloud);
    assert_eq!(address, "203.0.113.1");
    let ireland = cloud.seen_by("123456789012", "eu-west-1");
    assert_eq!(allocate(&ireland).1, "198.51.100.17");
    // Another region has what it had.
    let ohio = cloud.seen_by("123456789012", "us-east-2");
    let of_ohio: Ipv4Net = block(&cloud, "us-east-2").parse().unwrap();
    assert!(of_ohio.contains(&allocate(&ohio).1.parse::<std::net::Ipv4Addr>().unwrap()));
    // 14 addresses, and no more.
    for number in 2..=14 {
        let described = allocate(&cloud).1;
        assert_eq!(described, format!("203.0.113.{number}"));
    }
    cloud.refuses::<op::AllocateAddress>(
        input!(AllocateAddressRequest {}),
        "InsufficientAddressCapacity",
        "…",
    );
    // The same again changes nothing; another one has to wait until all are released.
    set(&cloud, &[("us-east-1", "203.0.113.0/28")]).unwrap();
    let refused = set(&cloud, &[("us-east-1", "203.0.113.128/25")]).unwrap_err();
    assert!(
        refused.contains("14 are, such as 203.0.113.1") && refused.contains("release them first"),
        "{refused}"
    );
    assert_eq!(block(&cloud, "us-east-1"), "203.0.113.0/28");
    let input = input!(DescribeAddressesRequest {});
    let held: Vec<api::Address> = cloud.ok::<op::DescribeAddresses>(input).addresses.unwrap();
    assert!(held.iter().any(|held| held.allocation_id.as_ref() == Some(&id)));
    for address in held {
        let id = address.allocation_id.unwrap();
        cloud.ok::<op::ReleaseAddress>(input!(ReleaseAddressRequest { allocation_id: &id }));
    }
    set(&cloud, &[("us-east-1", &by_default)]).unwrap();
    assert!(by_default.starts_with(&allocate(&cloud).1[..8]), "{by_default}");
}

#[test]
fn ranges_that_somebody_has_or_nobody_can_have_are_refused() {
    let cloud = Cloud::new();
    let of_ireland = block(&cloud, "eu-west-1");
    let before = public_blocks(&cloud.store.snapshot());
    for (wanted, expected) in [
        (&[("us-east-9", "203.0.113.0/24")][..], "there is no region us-east-9"),
        (&[("us-east-1", "203.0.113.0/24"), ("us-east-1", "198.51.100.0/24")], "has one range"),
        (&[("us-east-1", "203.0.113.1/24")], "beginning with its first address"),
        (&[("us-east-1", "203.0.113.0/29")], "/16 to /28"),
        (&[("us-east-1", "203.0.0.0/15")], "/16 to /28"),
        (&[("us-east-1", "10.1.0.0/16")], "10.0.0.0/8, which is private"),
        (&[("us-east-1", "172.31.0.0/16")], "172.16.0.0/12, which is private"),
        (&[("us-east-1", "192.168.0.0/24")], "192.168.0.0/16, which is private"),
        (&[("us-east-1", "100.64.0.0/24")], "shared by carriers"),
        (&[("us-east-1", "127.0.0.0/24")], "loopback"),
        (&[("us-east-1", "169.254.1.0/24")], "link-local"),
        (&[("us-east-1", "224.0.0.0/24")], "multicast"),
        (&[("us-east-1", "198.19.64.0/24")], "AWS's prefix list com.amazonaws."),
        (&[("us-east-1", &of_ireland)], "of eu-west-1; give each a range of its own"),
        (
            &[("us-east-1", "203.0.113.0/24"), ("eu-west-1", "203.0.113.128/25")],
            "give each a range of its own",
        ),
    ] {
        let refused = set(&cloud, wanted).unwrap_err();
        assert!(refused.contains(expected), "{wanted:?}: {refused}");
        assert_eq!(public_blocks(&cloud.store.snapshot()), before, "{wanted:?}");
    }
    // Two that exchange their ranges never have the same.
    let of_virginia = block(&cloud, "us-east-1");
    set(&cloud, &[("us-east-1", &of_ireland), ("eu-west-1", &of_virginia)]).unwrap();
    assert_eq!((block(&cloud, "us-east-1"), block(&cloud, "eu-west-1")), (of_ireland, of_virginia));
}
