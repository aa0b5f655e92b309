use crate::cloud::{Cloud, filters, input, op};

#[test]
fn images_are_found_by_owner_and_name() {
    let cloud = Cloud::new();
    let describe = |input| cloud.ok::<op::DescribeImages>(input).images.unwrap();
    let input = input!(DescribeImagesRequest {
        owners: ["amazon"],
        filters: filters(&[("name", &["al2023-ami-2023*"])])
    });
    let found = describe(input);
    assert!(!found.is_empty());
    for image in &found {
        assert!(image.name.as_ref().unwrap().starts_with("al2023-ami-2023"));
        assert_eq!((image.state.as_deref(), image.public), (Some("available"), Some(true)));
    }
    let one = describe(input!(DescribeImagesRequest { image_ids: [found[0].image_id.as_ref().unwrap()] }));
    assert_eq!(one, [found[0].clone()]);
    assert_eq!(describe(input!(DescribeImagesRequest { owners: ["self"] })), []);
    let unknown = input!(DescribeImagesRequest { image_ids: ["ami-0123456789abcdef0"] });
    let message = "The image id '[ami-0123456789abcdef0]' does not exist";
    cloud.refuses::<op::DescribeImages>(unknown, "InvalidAMIID.NotFound", message);
    let owner = input!(DescribeImagesRequest { owners: ["nobody"] });
    cloud.refuses::<op::DescribeImages>(owner, "InvalidUserID.Malformed", "…");
}
