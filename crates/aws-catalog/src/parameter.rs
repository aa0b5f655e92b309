//! Public parameters: the part of Parameter Store below `/aws/service` that AWS itself fills.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters.html>

use std::collections::HashMap;

use aws_types::{ImageId, Region, Timestamp};

use crate::image::{self, ARCHITECTURE};
use crate::{region, regions};

const IMAGES: &str = "/aws/service/ami-amazon-linux-latest/";
const REGIONS: &str = "/aws/service/global-infrastructure/regions/";
const ZONES: &str = "/aws/service/global-infrastructure/availability-zones/";

/// A parameter that every account sees. Its ARN has an empty account part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicParameter {
    /// The whole name, beginning with `/aws/service/`.
    pub name: String,
    /// The value. All public parameters here have the type `String`.
    pub value: String,
    /// `text`, as AWS gives for these.
    pub data_type: &'static str,
    /// The version; a built-in parameter has one only.
    pub version: i64,
    /// When the version was made.
    pub modified_at: Timestamp,
}

impl PublicParameter {
    /// The ARN in a region.
    pub fn arn(&self, region: &Region) -> String {
        format!("arn:aws:ssm:{region}::parameter{}", self.name)
    }
}

/// Names below `ami-amazon-linux-latest` and the images that they stand for. `{arch}` stands for the architecture.
#[rustfmt::skip]
const IMAGE_PARAMETERS: &[(&str, &str)] = &[
    ("al2023-ami-kernel-6.1-{arch}", "al2023-ami-kernel-6.1"),
    ("al2023-ami-kernel-6.12-{arch}", "al2023-ami-kernel-6.12"),
    ("al2023-ami-kernel-default-{arch}", "al2023-ami-kernel-6.1"),
    ("al2023-ami-minimal-kernel-6.1-{arch}", "al2023-ami-minimal-kernel-6.1"),
    ("al2023-ami-minimal-kernel-6.12-{arch}", "al2023-ami-minimal-kernel-6.12"),
    ("al2023-ami-minimal-kernel-default-{arch}", "al2023-ami-minimal-kernel-6.1"),
    ("amzn-ami-hvm-{arch}-ebs", "amzn-ami-hvm-ebs"),
    ("amzn-ami-hvm-{arch}-gp2", "amzn-ami-hvm-gp2"),
    ("amzn-ami-minimal-hvm-{arch}-ebs", "amzn-ami-minimal-hvm-ebs"),
    ("amzn2-ami-hvm-{arch}-ebs", "amzn2-ami-hvm-ebs"),
    ("amzn2-ami-hvm-{arch}-gp2", "amzn2-ami-hvm-gp2"),
    ("amzn2-ami-kernel-5.10-hvm-{arch}-ebs", "amzn2-ami-kernel-5.10-hvm-ebs"),
    ("amzn2-ami-kernel-5.10-hvm-{arch}-gp2", "amzn2-ami-kernel-5.10-hvm-gp2"),
    ("amzn2-ami-minimal-hvm-{arch}-ebs", "amzn2-ami-minimal-hvm-ebs"),
];

/// The date on all that is not an image: 2020-04-03, when AWS published these trees.
const PUBLISHED: Timestamp = Timestamp::from_unix_secs(1_585_872_000);

/// The public parameter of that exact name, as seen in a region.
pub fn parameter(region: &Region, name: &str) -> Option<PublicParameter> {
    // Every name is below one of the trees, so that the others never cost a look at the table.
    let tree = [IMAGES, REGIONS, ZONES].into_iter().find(|tree| name.starts_with(tree))?;
    of_tree(region, tree).into_iter().find(|parameter| parameter.name == name)
}

/// All public parameters that a region shows, in order of their names; none in an unknown region.
pub fn parameters(region: &Region) -> Vec<PublicParameter> {
    let mut all: Vec<_> =
        [IMAGES, REGIONS, ZONES].into_iter().flat_map(|tree| of_tree(region, tree)).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The public parameters below a path, in order of their names: those directly below it, or all when `recursive`.
pub fn parameters_below(region: &Region, path: &str, recursive: bool) -> Vec<PublicParameter> {
    let prefix = format!("{}/", path.trim_end_matches('/'));
    let below = |parameter: &PublicParameter| {
        parameter
            .name
            .strip_prefix(&prefix)
            .is_some_and(|rest| !rest.is_empty() && (recursive || !rest.contains('/')))
    };
    parameters(region).into_iter().filter(below).collect()
}

fn of_tree(region: &Region, tree: &str) -> Vec<PublicParameter> {
    if region::region(region).is_none() {
        return Vec::new();
    }
    match tree {
        IMAGES => image_parameters(region),
        REGIONS => region_parameters(),
        _ => zone_parameters(),
    }
}

fn public(name: String, value: impl Into<String>, modified_at: Timestamp) -> PublicParameter {
    PublicParameter { name, value: value.into(), data_type: "text", version: 1, modified_at }
}

fn image_parameters(region: &Region) -> Vec<PublicParameter> {
    let images: HashMap<&str, (ImageId, Timestamp)> =
        image::images(region).iter().map(|image| (image.family, (image.id, image.created_at))).collect();
    let named = |(name, family): &(&str, &str)| {
        let (id, created_at) = images.get(family)?;
        Some(public(format!("{IMAGES}{}", name.replace("{arch}", ARCHITECTURE)), id.to_string(), *created_at))
    };
    IMAGE_PARAMETERS.iter().filter_map(named).collect()
}

fn region_parameters() -> Vec<PublicParameter> {
    let of_region = |facts: &'static region::RegionFacts| {
        let below = [
            ("", facts.name.to_owned()),
            ("/domain", "amazonaws.com".to_owned()),
            ("/geolocationCountry", facts.country.to_owned()),
            ("/longName", facts.long_name.to_owned()),
            ("/partition", facts.partition().to_string()),
        ];
        below.map(|(suffix, value)| public(format!("{REGIONS}{}{suffix}", facts.name), value, PUBLISHED))
    };
    regions().iter().flat_map(of_region).collect()
}

fn zone_parameters() -> Vec<PublicParameter> {
    let of_region = |facts: &'static region::RegionFacts| {
        facts.zones.iter().map(|(_, number)| {
            let id = format!("{}-az{number}", facts.zone_id_prefix);
            public(format!("{ZONES}{id}"), id, PUBLISHED)
        })
    };
    regions().iter().flat_map(of_region).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<String> {
        parameter(&"eu-west-1".parse().unwrap(), name).map(|parameter| parameter.value)
    }

    #[test]
    fn every_image_parameter_names_an_image_of_its_region() {
        let region = "eu-west-1".parse().unwrap();
        let below = parameters_below(&region, "/aws/service/ami-amazon-linux-latest", false);
        assert!(below.len() >= 8, "{below:?}");
        for parameter in below {
            assert!(image::image(&region, parameter.value.parse().unwrap()).is_some(), "{}", parameter.name);
            assert_eq!(parameter.arn(&region), format!("arn:aws:ssm:eu-west-1::parameter{}", parameter.name));
        }
    }

    #[test]
    fn aliases_name_the_same_image() {
        let name = |kernel: &str| format!("{IMAGES}al2023-ami-kernel-{kernel}-{ARCHITECTURE}");
        assert!(value(&name("default")).is_some());
        assert_eq!(value(&name("default")), value(&name("6.1")));
        assert_eq!(value(&name("4.4")), None);
    }

    #[test]
    fn global_infrastructure_lists_regions_and_zones() {
        assert_eq!(
            value("/aws/service/global-infrastructure/regions/us-east-1/longName").as_deref(),
            Some("US East (N. Virginia)")
        );
        assert_eq!(
            value("/aws/service/global-infrastructure/availability-zones/usw2-az4").as_deref(),
            Some("usw2-az4")
        );
        let region = "us-east-1".parse().unwrap();
        assert_eq!(
            parameters_below(&region, "/aws/service/global-infrastructure/regions/", false).len(),
            regions().len()
        );
        assert_eq!(
            parameters_below(&region, "/aws/service/global-infrastructure/regions", true).len(),
            5 * regions().len()
        );
        assert_eq!(
            parameters_below(&region, "/aws/service/global-infrastructure/regions/us-east-1", false).len(),
            4
        );
        assert!(parameters(&region).is_sorted_by(|a, b| a.name < b.name));
        assert!(parameters(&"nowhere-1".parse().unwrap()).is_empty());
    }
}
