//! The services that trust policies can name.
//!
//! Owns the list: what AWS's managed policies and service-linked roles name, and what else IAM is known to take. Refuses to
//! know which of them this cloud has: a role for a service that is not here can be made, as templates do.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services>

use std::collections::BTreeSet;
use std::sync::LazyLock;

use aws_types::Region;

/// Their names without `.amazonaws.com`, one a line.
static NAMES: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| include_str!("service_principals.txt").lines().collect());

/// Whether a trust policy can name this service: by its name, or by its name in a region, `s3.ap-east-1.amazonaws.com`.
pub(crate) fn is_known(principal: &str) -> bool {
    let principal = principal.to_ascii_lowercase();
    let Some(name) = principal.strip_suffix(".amazonaws.com") else { return false };
    let in_region = name.rsplit_once('.').filter(|(_, region)| is_region(region));
    NAMES.contains(name) || in_region.is_some_and(|(name, _)| NAMES.contains(name))
}

fn is_region(text: &str) -> bool {
    text.ends_with(|last: char| last.is_ascii_digit()) && text.parse::<Region>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_known_by_their_names() {
        for known in [
            "ec2.amazonaws.com",
            "EC2.amazonaws.com",
            "ecs-tasks.amazonaws.com",
            "vpc-flow-logs.amazonaws.com",
            "edgelambda.amazonaws.com",
            "s3.ap-east-1.amazonaws.com",
            "states.eu-west-1.amazonaws.com",
            "streams.metrics.cloudwatch.amazonaws.com",
        ] {
            assert!(is_known(known), "{known}");
        }
        for unknown in [
            "foo.bar",
            "amazonaws.com",
            "ec2",
            "nope.amazonaws.com",
            "codepipeiine.amazonaws.com",
            "eu-west-1.amazonaws.com",
            "nope.eu-west-1.amazonaws.com",
            "ec2.nowhere.amazonaws.com",
            "eks.amazonaws.com.cn",
        ] {
            assert!(!is_known(unknown), "{unknown}");
        }
        for principal in identities::services_with_linked_roles() {
            assert!(is_known(principal), "{principal}");
        }
    }

    #[test]
    fn the_list_is_in_order() {
        let names: Vec<&str> = include_str!("service_principals.txt").lines().collect();
        assert!(names.is_sorted_by(|one, other| one < other));
    }
}
