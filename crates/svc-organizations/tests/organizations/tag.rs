use aws_api::organizations::{self as api, operation as op};

use crate::harness::*;

fn tags(pairs: &[(&str, &str)]) -> Vec<api::Tag> {
    pairs.iter().map(|(key, value)| api::Tag { key: (*key).to_owned(), value: (*value).to_owned() }).collect()
}

fn tag(id: &str, pairs: &[(&str, &str)]) -> api::TagResourceRequest {
    api::TagResourceRequest { resource_id: id.to_owned(), tags: tags(pairs) }
}

fn shown(cloud: &Cloud, id: &str) -> Vec<api::Tag> {
    let input = api::ListTagsForResourceRequest { resource_id: id.to_owned(), ..Default::default() };
    cloud.ok::<op::ListTagsForResource>(MANAGEMENT, input).tags.unwrap()
}

#[test]
fn everything_of_an_organization_has_tags() {
    let cloud = Cloud::organized();
    let (root, member) = (cloud.root(), cloud.new_member("member"));
    let unit = cloud.new_unit(&root, "Core");
    let policy = cloud.new_policy("deny", SCP, DENY);
    let delegation = DENY
        .replace("ec2:", "organizations:")
        .replace(r#""Effect""#, r#""Principal":{"AWS":"111111111111"},"Effect""#);
    let input = api::PutResourcePolicyRequest { content: delegation, ..Default::default() };
    let made = cloud.ok::<op::PutResourcePolicy>(MANAGEMENT, input).resource_policy.unwrap();
    let delegation = made.resource_policy_summary.unwrap().id.unwrap();
    for id in [&root, &member, &unit, &policy, &delegation] {
        cloud.ok::<op::TagResource>(MANAGEMENT, tag(id, &[("a", "1"), ("b", "2")]));
        cloud.ok::<op::TagResource>(MANAGEMENT, tag(id, &[("a", "3")]));
        assert_eq!(shown(&cloud, id), tags(&[("a", "3"), ("b", "2")]), "{id}");
        let untag = api::UntagResourceRequest { resource_id: id.clone(), tag_keys: vec!["a".to_owned()] };
        cloud.ok::<op::UntagResource>(MANAGEMENT, untag);
        assert_eq!(shown(&cloud, id), tags(&[("b", "2")]), "{id}");
    }
    let not_found = "TargetNotFoundException";
    cloud.refuses::<op::TagResource>(MANAGEMENT, tag(STRANGER, &[("a", "1")]), not_found);
    cloud.refuses::<op::TagResource>(&member, tag(&member, &[("a", "1")]), "AccessDeniedException");
}

#[test]
fn new_things_come_with_tags() {
    let cloud = Cloud::organized();
    let root = cloud.root();
    let some = || Some(tags(&[("a", "1")]));
    let input = api::CreateOrganizationalUnitRequest { tags: some(), ..new_unit(&root, "Core") };
    let unit = cloud.ok::<op::CreateOrganizationalUnit>(MANAGEMENT, input).organizational_unit.unwrap();
    assert_eq!(Some(shown(&cloud, &unit.id.unwrap())), some());
    let input = api::CreatePolicyRequest { tags: some(), ..new_policy("deny", SCP, DENY) };
    let policy = cloud.ok::<op::CreatePolicy>(MANAGEMENT, input).policy.unwrap().policy_summary.unwrap();
    assert_eq!(Some(shown(&cloud, &policy.id.unwrap())), some());
    let target = api::HandshakeParty { id: STRANGER.to_owned(), r#type: "ACCOUNT".to_owned() };
    let input = api::InviteAccountToOrganizationRequest { target, tags: some(), ..Default::default() };
    let sent = cloud.ok::<op::InviteAccountToOrganization>(MANAGEMENT, input).handshake.unwrap();
    let input = api::AcceptHandshakeRequest { handshake_id: sent.id.unwrap() };
    cloud.ok::<op::AcceptHandshake>(STRANGER, input);
    assert_eq!(Some(shown(&cloud, STRANGER)), some());
}

#[test]
fn tags_have_limits() {
    let cloud = Cloud::organized();
    let root = cloud.root();
    let refuses = |tags: Vec<api::Tag>, code: &str| {
        let input = api::TagResourceRequest { resource_id: root.clone(), tags };
        cloud.refuses::<op::TagResource>(MANAGEMENT, input, code);
    };
    refuses(tags(&[("aws:a", "1")]), "InvalidInputException/INVALID_SYSTEM_TAGS_PARAMETER");
    refuses(tags(&[("a", "1"), ("a", "2")]), "InvalidInputException/DUPLICATE_TAG_KEY");
    let many: Vec<api::Tag> =
        (0..51).map(|number| api::Tag { key: format!("k{number}"), value: String::new() }).collect();
    refuses(many, "ConstraintViolationException/MAX_TAG_LIMIT_EXCEEDED");
}

#[test]
fn more_tags_than_there_can_be_are_refused_before_they_are_read() {
    let cloud = Cloud::organized();
    let root = cloud.root();
    let keys: Vec<String> = (0..51).map(|number| number.to_string()).collect();
    let some = |most: usize| tags(&keys[..most].iter().map(|key| (key.as_str(), "x")).collect::<Vec<_>>());
    let many = api::TagResourceRequest { resource_id: root.clone(), tags: some(51) };
    let limit = "ConstraintViolationException/MAX_TAG_LIMIT_EXCEEDED";
    cloud.refuses::<op::TagResource>(MANAGEMENT, many, limit);
    // The same key 51 times is too many, and no more than that.
    let same = vec![("a", "x"); 51];
    cloud.refuses::<op::TagResource>(MANAGEMENT, tag(&root, &same), limit);
    let twice = "InvalidInputException/DUPLICATE_TAG_KEY";
    cloud.refuses::<op::TagResource>(MANAGEMENT, tag(&root, &same[..2]), twice);
    cloud.ok::<op::TagResource>(MANAGEMENT, api::TagResourceRequest { resource_id: root, tags: some(50) });
}

#[test]
fn policies_see_the_tags_of_everything_that_has_some() {
    let cloud = Cloud::organized();
    let (root, member) = (cloud.root(), cloud.new_member("member"));
    let unit = cloud.new_unit(&root, "Core");
    let policy = cloud.new_policy("deny", SCP, DENY);
    let delegation = DENY
        .replace("ec2:", "organizations:")
        .replace(r#""Effect""#, r#""Principal":{"AWS":"111111111111"},"Effect""#);
    let input = api::PutResourcePolicyRequest { content: delegation, ..Default::default() };
    let made = cloud.ok::<op::PutResourcePolicy>(MANAGEMENT, input).resource_policy.unwrap();
    let delegation = made.resource_policy_summary.unwrap();
    let rp = delegation.id.unwrap();
    for id in [&root, &member, &unit, &policy, &rp] {
        cloud.ok::<op::TagResource>(MANAGEMENT, tag(id, &[("Team", "red")]));
        let touched = cloud.touched::<op::TagResource>(MANAGEMENT, tag(id, &[("a", "1")]));
        let expected = [("aws:ResourceTag/Team".to_owned(), vec!["red".to_owned()])];
        let tags = touched[0].keys.iter().filter(|(key, _)| key.starts_with("aws:ResourceTag"));
        assert_eq!(tags.cloned().collect::<Vec<_>>(), expected, "{id}");
    }
    let touched = cloud.touched::<op::TagResource>(MANAGEMENT, tag(&rp, &[("a", "1")]));
    assert_eq!(Some(touched[0].arn.as_str()), delegation.arn.as_deref());
}
