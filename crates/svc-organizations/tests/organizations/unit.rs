use aws_api::organizations::{self as api, operation as op};

use crate::harness::*;

#[test]
fn units_nest_five_levels_deep() {
    let cloud = Cloud::organized();
    let root = cloud.root();
    let mut parent = root.clone();
    for level in 1..=5 {
        parent = cloud.new_unit(&parent, &format!("level {level}"));
        assert!(parent.starts_with(&format!("ou-{}-", &root[2..])), "{parent}");
    }
    cloud.refuses::<op::CreateOrganizationalUnit>(
        MANAGEMENT,
        new_unit(&parent, "level 6"),
        "ConstraintViolationException/OU_DEPTH_LIMIT_EXCEEDED",
    );
    let input = api::DescribeOrganizationalUnitRequest { organizational_unit_id: parent.clone() };
    let unit = cloud.ok::<op::DescribeOrganizationalUnit>(MANAGEMENT, input).organizational_unit.unwrap();
    assert_eq!(unit.name.as_deref(), Some("level 5"));
    let path = unit.path.unwrap();
    assert_eq!(path.matches("/ou-").count(), 5, "{path}");
    assert!(path.starts_with("o-") && path.ends_with(&format!("/{parent}/")), "{path}");
}

#[test]
fn names_are_unique_in_a_parent() {
    let cloud = Cloud::organized();
    let root = cloud.root();
    let core = cloud.new_unit(&root, "Core");
    let custom = cloud.new_unit(&root, "Custom");
    let taken = "DuplicateOrganizationalUnitException";
    cloud.refuses::<op::CreateOrganizationalUnit>(MANAGEMENT, new_unit(&root, "Core"), taken);
    cloud.new_unit(&core, "Core");
    let rename = |name: &str| api::UpdateOrganizationalUnitRequest {
        organizational_unit_id: custom.clone(),
        name: Some(name.to_owned()),
    };
    cloud.refuses::<op::UpdateOrganizationalUnit>(MANAGEMENT, rename("Core"), taken);
    let renamed = cloud.ok::<op::UpdateOrganizationalUnit>(MANAGEMENT, rename("Other"));
    assert_eq!(renamed.organizational_unit.unwrap().name.as_deref(), Some("Other"));
    cloud.refuses::<op::CreateOrganizationalUnit>(
        MANAGEMENT,
        new_unit("ou-none-12345678", "Core"),
        "ParentNotFoundException",
    );
    cloud.refuses::<op::CreateOrganizationalUnit>(
        MANAGEMENT,
        new_unit("core", "Core"),
        "InvalidInputException/INVALID_PATTERN",
    );
}

#[test]
fn a_unit_with_something_in_it_stays() {
    let cloud = Cloud::organized();
    let root = cloud.root();
    let core = cloud.new_unit(&root, "Core");
    let inner = cloud.new_unit(&core, "Inner");
    let member = cloud.new_member("member");
    cloud.ok::<op::MoveAccount>(MANAGEMENT, move_account(&member, &root, &inner));
    let delete = |id: &str| api::DeleteOrganizationalUnitRequest { organizational_unit_id: id.to_owned() };
    let not_empty = "OrganizationalUnitNotEmptyException";
    cloud.refuses::<op::DeleteOrganizationalUnit>(MANAGEMENT, delete(&core), not_empty);
    cloud.refuses::<op::DeleteOrganizationalUnit>(MANAGEMENT, delete(&inner), not_empty);
    cloud.ok::<op::MoveAccount>(MANAGEMENT, move_account(&member, &inner, &root));
    cloud.ok::<op::DeleteOrganizationalUnit>(MANAGEMENT, delete(&inner));
    cloud.ok::<op::DeleteOrganizationalUnit>(MANAGEMENT, delete(&core));
    cloud.refuses::<op::DeleteOrganizationalUnit>(
        MANAGEMENT,
        delete(&core),
        "OrganizationalUnitNotFoundException",
    );
}

#[test]
fn what_is_in_what_can_be_listed() {
    let cloud = Cloud::organized();
    let root = cloud.root();
    let core = cloud.new_unit(&root, "Core");
    let inner = cloud.new_unit(&core, "Inner");
    let member = cloud.new_member("member");
    cloud.ok::<op::MoveAccount>(MANAGEMENT, move_account(&member, &root, &core));
    let children = |parent: &str, child_type: &str| {
        let input = api::ListChildrenRequest {
            parent_id: parent.to_owned(),
            child_type: child_type.to_owned(),
            ..Default::default()
        };
        let found = cloud.ok::<op::ListChildren>(MANAGEMENT, input).children.unwrap();
        found.into_iter().map(|child| child.id.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(children(&root, "ACCOUNT"), [MANAGEMENT]);
    assert_eq!(children(&core, "ACCOUNT"), [member.as_str()]);
    assert_eq!(children(&root, "ORGANIZATIONAL_UNIT"), [core.as_str()]);
    assert_eq!(children(&core, "ORGANIZATIONAL_UNIT"), [inner.as_str()]);
    let parents = |child: &str| {
        let input = api::ListParentsRequest { child_id: child.to_owned(), ..Default::default() };
        let found = cloud.ok::<op::ListParents>(MANAGEMENT, input).parents.unwrap();
        (found[0].id.clone().unwrap(), found[0].r#type.clone().unwrap())
    };
    assert_eq!(parents(&member), (core.clone(), "ORGANIZATIONAL_UNIT".to_owned()));
    assert_eq!(parents(&inner), (core.clone(), "ORGANIZATIONAL_UNIT".to_owned()));
    assert_eq!(parents(&core), (root.clone(), "ROOT".to_owned()));
    let input = api::ListParentsRequest { child_id: STRANGER.to_owned(), ..Default::default() };
    cloud.refuses::<op::ListParents>(MANAGEMENT, input, "ChildNotFoundException");
    let input = api::ListOrganizationalUnitsForParentRequest { parent_id: root, ..Default::default() };
    let units = cloud.ok::<op::ListOrganizationalUnitsForParent>(MANAGEMENT, input).organizational_units;
    assert_eq!(units.unwrap().len(), 1);
}

#[test]
fn lists_come_in_pages() {
    let cloud = Cloud::organized();
    let root = cloud.root();
    let mut made: Vec<String> =
        (0..45).map(|number| cloud.new_unit(&root, &format!("unit {number}"))).collect();
    made.sort();
    let (mut seen, mut sizes, mut token) = (Vec::new(), Vec::new(), None);
    loop {
        let input = api::ListOrganizationalUnitsForParentRequest {
            parent_id: root.clone(),
            next_token: token,
            ..Default::default()
        };
        let page = cloud.ok::<op::ListOrganizationalUnitsForParent>(MANAGEMENT, input);
        let units = page.organizational_units.unwrap();
        sizes.push(units.len());
        seen.extend(units.into_iter().map(|unit| unit.id.unwrap()));
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!((seen, sizes), (made, vec![20, 20, 5]));
    let input = api::ListAccountsRequest { next_token: Some("x".to_owned()), ..Default::default() };
    cloud.refuses::<op::ListAccounts>(MANAGEMENT, input, "InvalidInputException/INVALID_NEXT_TOKEN");
}
