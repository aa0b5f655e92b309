use crate::cloud::{Cloud, api, input, op};

#[test]
fn the_default_vpc_is_one() {
    let cloud = Cloud::new();
    let input = input!(DescribeAccountAttributesRequest { attribute_names: ["default-vpc"] });
    let attributes = cloud.ok::<op::DescribeAccountAttributes>(input).account_attributes.unwrap();
    assert_eq!(attributes.len(), 1);
    let value = attributes[0].attribute_values.as_ref().unwrap()[0].attribute_value.clone();
    assert_eq!(value, Some(cloud.default_vpc()));
    let all = cloud.ok::<op::DescribeAccountAttributes>(input!(DescribeAccountAttributesRequest {}));
    let value = |attribute: api::AccountAttribute| {
        let value = attribute.attribute_values.unwrap().remove(0).attribute_value.unwrap();
        (attribute.attribute_name.unwrap(), value)
    };
    let mut all: Vec<_> = all.account_attributes.unwrap().into_iter().map(value).collect();
    all.sort();
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "default-vpc",
            "max-elastic-ips",
            "max-instances",
            "supported-platforms",
            "vpc-max-elastic-ips",
            "vpc-max-security-groups-per-interface"
        ]
    );
    assert_eq!((all[1].1.as_str(), all[4].1.as_str()), ("5", "5"));
}
