//! Addresses do not move from or to EC2-Classic, which there is none of.

use crate::cloud::{Cloud, filters, input, op};

#[test]
fn no_address_moves() {
    let cloud = Cloud::new();
    let made = cloud.ok::<op::AllocateAddress>(input!(AllocateAddressRequest {}));
    let address = made.public_ip.unwrap();
    let moving = |input| cloud.ok::<op::DescribeMovingAddresses>(input).moving_address_statuses.unwrap();
    assert_eq!(moving(input!(DescribeMovingAddressesRequest {})), []);
    assert_eq!(moving(input!(DescribeMovingAddressesRequest { public_ips: [&address] })), []);
    let by_status = filters(&[("moving-status", &["MovingToVpc"])]);
    assert_eq!(moving(input!(DescribeMovingAddressesRequest { filters: by_status })), []);
    let check = |input, code: &str| cloud.refuses::<op::DescribeMovingAddresses>(input, code, "…");
    let unknown = "198.51.100.7";
    check(input!(DescribeMovingAddressesRequest { public_ips: [unknown] }), "InvalidAddress.NotFound");
    check(input!(DescribeMovingAddressesRequest { public_ips: ["x"] }), "InvalidAddress.Malformed");
    check(input!(DescribeMovingAddressesRequest { max_results: 4 }), "InvalidParameterValue");
    check(input!(DescribeMovingAddressesRequest { dry_run: true }), "DryRunOperation");
    let by_name = filters(&[("name", &["x"])]);
    check(input!(DescribeMovingAddressesRequest { filters: by_name }), "InvalidParameterValue");

    let code = "UnsupportedOperation";
    let message = format!("The address {address} is for use in a VPC already: there is no EC2-Classic.");
    cloud.refuses::<op::MoveAddressToVpc>(
        input!(MoveAddressToVpcRequest { public_ip: &address }),
        code,
        &message,
    );
    let message = format!("The address {address} cannot be restored: there is no EC2-Classic.");
    cloud.refuses::<op::RestoreAddressToClassic>(
        input!(RestoreAddressToClassicRequest { public_ip: &address }),
        code,
        &message,
    );
    let other = input!(MoveAddressToVpcRequest { public_ip: unknown });
    cloud.refuses::<op::MoveAddressToVpc>(other, "InvalidAddress.NotFound", "…");
    let other = input!(RestoreAddressToClassicRequest { public_ip: unknown });
    cloud.refuses::<op::RestoreAddressToClassic>(other, "InvalidAddress.NotFound", "…");
}
