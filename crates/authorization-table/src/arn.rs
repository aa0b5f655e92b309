//! ARNs from their templates.
//!
//! Owns what the variables of a template stand for. Refuses to know whether there is such a resource.

use aws_types::Partition;

/// The variables of a template that are a resource's own, in order: all but its partition, region and account.
pub fn variables(template: &str) -> impl Iterator<Item = &str> {
    parts(template).filter_map(|part| match part {
        Part::Variable("Partition" | "Region" | "Account") | Part::Text(_) => None,
        Part::Variable(name) => Some(name),
    })
}

/// The ARN of a resource.
///
/// `id` is the value of the last variable, and may be the whole ARN; none stands for a resource that a request makes. The
/// variables before it are in `parents`, and are `*` when they are not. A variable whose name ends in `WithPath` takes the
/// path from the parent `Path`.
pub fn arn(
    template: &str,
    partition: Partition,
    region: &str,
    account: &str,
    id: Option<&str>,
    parents: &[(&str, &str)],
) -> String {
    if let Some(id) = id.filter(|id| id.starts_with("arn:")) {
        return id.to_owned();
    }
    let parent = |name: &str| parents.iter().find(|(held, _)| *held == name).map(|(_, value)| *value);
    let last = variables(template).last().unwrap_or_default();
    let mut text = String::with_capacity(template.len() + 16);
    for part in parts(template) {
        match part {
            Part::Text(fixed) => text.push_str(fixed),
            Part::Variable("Partition") => text.push_str(&partition.to_string()),
            Part::Variable("Region") => text.push_str(region),
            Part::Variable("Account") => text.push_str(account),
            Part::Variable(name) if name == last => push_id(&mut text, name, id, parent("Path")),
            Part::Variable(name) => text.push_str(parent(name).unwrap_or("*")),
        }
    }
    text
}

/// What the ARNs of a template look like: each variable is a star.
pub fn pattern(template: &str) -> String {
    parts(template).map(|part| if let Part::Text(text) = part { text } else { "*" }).collect()
}

/// Adds an id as its template wants it. A template may have the letters that ids begin with before the variable.
fn push_id(text: &mut String, variable: &str, id: Option<&str>, path: Option<&str>) {
    let Some(mut id) = id else {
        text.push('*');
        return;
    };
    if let Some(path) = path.filter(|_| variable.ends_with("WithPath")) {
        text.push_str(path.trim_start_matches('/'));
    }
    if variable.ends_with("WithoutLeadingSlash") {
        id = id.strip_prefix('/').unwrap_or(id);
    }
    let start = text.rfind(['/', ':']).map_or(0, |at| at + 1);
    if text.ends_with('-') {
        id = id.strip_prefix(&text[start..]).unwrap_or(id);
    }
    text.push_str(id);
}

enum Part<'a> {
    Text(&'a str),
    Variable(&'a str),
}

fn parts(template: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some((name, after)) = rest.strip_prefix("${").and_then(|rest| rest.split_once('}')) {
            rest = after;
            return Some(Part::Variable(name));
        }
        // A `${` that nothing closes is text.
        let end = rest[1..].find("${").map_or(rest.len(), |at| at + 1);
        let (text, after) = rest.split_at(end);
        rest = after;
        Some(Part::Text(text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_follow_their_templates() {
        let check = |template: &str, id: Option<&str>, parents: &[(&str, &str)], expected: &str| {
            assert_eq!(arn(template, Partition::Aws, "eu-west-1", "111122223333", id, parents), expected);
        };
        let vpc = "arn:${Partition}:ec2:${Region}:${Account}:vpc/${VpcId}";
        check(vpc, Some("vpc-1"), &[], "arn:aws:ec2:eu-west-1:111122223333:vpc/vpc-1");
        check(vpc, None, &[], "arn:aws:ec2:eu-west-1:111122223333:vpc/*");
        check(vpc, Some("arn:aws:ec2:x:y:vpc/vpc-2"), &[], "arn:aws:ec2:x:y:vpc/vpc-2");
        let user = "arn:${Partition}:iam::${Account}:user/${UserNameWithPath}";
        check(user, Some("Ann"), &[("Path", "/staff/")], "arn:aws:iam::111122223333:user/staff/Ann");
        check(user, Some("Ann"), &[], "arn:aws:iam::111122223333:user/Ann");
        let parameter =
            "arn:${Partition}:ssm:${Region}:${Account}:parameter/${ParameterNameWithoutLeadingSlash}";
        check(parameter, Some("/a/b"), &[], "arn:aws:ssm:eu-west-1:111122223333:parameter/a/b");
        let object = "arn:${Partition}:s3:::${BucketName}/${ObjectName}";
        check(object, Some("k"), &[("BucketName", "b")], "arn:aws:s3:::b/k");
        check(object, Some("k"), &[], "arn:aws:s3:::*/k");
        let unit =
            "arn:${Partition}:organizations::${Account}:ou/o-${OrganizationId}/ou-${OrganizationalUnitId}";
        check(
            unit,
            Some("ou-1"),
            &[("OrganizationId", "x")],
            "arn:aws:organizations::111122223333:ou/o-x/ou-1",
        );
        check("arn:${Partition}:sts::${Account}:self", None, &[], "arn:aws:sts::111122223333:self");
        assert_eq!(pattern(vpc), "arn:*:ec2:*:*:vpc/*");
    }
}
