//! Services without regions, which are all in one.
//!
//! Events of theirs have that region, and so has `aws:RequestedRegion`, whatever region a client signs for.
//!
//! <https://docs.aws.amazon.com/general/latest/gr/rande.html#global-endpoints>
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-requestedregion>

use aws_types::Region;

/// Where most of them are.
const HOME: &str = "us-east-1";
/// The global services, by the names of their models, and where each is.
const GLOBAL: [(&str, &str); 7] = [
    ("account", HOME),
    ("budgets", HOME),
    ("cloudfront", HOME),
    ("globalaccelerator", "us-west-2"),
    ("iam", HOME),
    ("organizations", HOME),
    ("route53", HOME),
];

/// The names of the global services.
pub fn global_services() -> impl Iterator<Item = &'static str> {
    GLOBAL.iter().map(|(name, _)| *name)
}

/// The region that a request to a service (by the name of its model) is in, whose client asked in another.
pub fn region_of_service(service: &str, asked: &Region) -> Region {
    match GLOBAL.iter().find(|(name, _)| *name == service) {
        Some((_, home)) => home.parse().expect("the names in the table have the form of region names"),
        None => asked.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn global_services_are_in_one_region() {
        let asked: Region = "eu-west-1".parse().unwrap();
        assert_eq!(region_of_service("iam", &asked).as_str(), "us-east-1");
        assert_eq!(region_of_service("globalaccelerator", &asked).as_str(), "us-west-2");
        // It has endpoints in every region.
        assert_eq!(region_of_service("sts", &asked).as_str(), "eu-west-1");
    }
}
