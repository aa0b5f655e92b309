use crate::cloud::{Cloud, input, op};

#[test]
fn the_default_vpc_is_one() {
    let cloud = Cloud::new();
    let input = input!(DescribeAccountAttributesRequest { attribute_names: ["default-vpc"] });
    let attributes = cloud.ok::<op::DescribeAccountAttributes>(input).account_attributes.unwrap();
    assert_eq!(attributes.len(), 1);
    let value = attributes[0].attribute_values.as_ref().unwrap()[0].attribute_value.clone();
    assert_eq!(value, Some(cloud.default_vpc()));
    let all = cloud.ok::<op::DescribeAccountAttributes>(input!(DescribeAccountAttributesRequest {}));
    assert_eq!(all.account_attributes.unwrap().len(), 3);
}
