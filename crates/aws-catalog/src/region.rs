//! The regions of the partition `aws`.
//!
//! Names and opt-in are from <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>, zone ids
//! from <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html>.

use aws_types::{Partition, Region};

/// Whether an account has to enable a region before it can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptIn {
    /// Enabled in every account.
    NotRequired,
    /// Disabled until an account enables it. Regions that opened after 20 March 2019 are so.
    Required,
}

/// What is public about a region.
#[derive(Debug, PartialEq, Eq)]
pub struct RegionFacts {
    /// The name, such as `us-east-1`.
    pub name: &'static str,
    /// The long name, such as `US East (N. Virginia)`.
    pub long_name: &'static str,
    /// Whether accounts have to enable it.
    pub opt_in: OptIn,
    /// The ISO 3166-1 code of the country that it stands in.
    pub country: &'static str,
    /// What its zone ids begin with, such as `use1`.
    pub zone_id_prefix: &'static str,
    /// The letters of its zones, and the number in each one's zone id.
    pub(crate) zones: &'static [(char, u8)],
    /// Whether each account has its own mapping of zone names to zone ids: so in the regions that opened by November 2012.
    pub(crate) zones_differ_by_account: bool,
}

/// The regions in the order in which they got their numbers: new ones come at the end, so that no number ever changes.
#[rustfmt::skip]
const NUMBERED: &[&str] = &[
    "af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
    "ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4",
    "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1",
    "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3",
    "il-central-1", "me-central-1", "me-south-1", "mx-central-1", "sa-east-1", "us-east-1", "us-east-2",
    "us-west-1", "us-west-2",
];

/// The number of a region among those of the catalog; what is made of it stays when later versions know more regions. The
/// public addresses of the cloud are divided among 40 regions, which bounds it.
pub fn number(region: &Region) -> Option<u32> {
    let place = NUMBERED.iter().position(|name| *name == region.as_str())?;
    u32::try_from(place).ok()
}

impl RegionFacts {
    /// The region's name as a checked value.
    pub fn region(&self) -> Region {
        self.name.parse().expect("the names in the table have the form of region names")
    }

    /// The host name of a service's endpoint, such as `ec2.us-east-1.amazonaws.com`.
    pub fn endpoint(&self, service: &str) -> String {
        format!("{service}.{}.amazonaws.com", self.name)
    }

    /// What `DescribeRegions` prints for an account that has or has not enabled the region.
    pub fn opt_in_status(&self, enabled: bool) -> &'static str {
        match (self.opt_in, enabled) {
            (OptIn::NotRequired, _) => "opt-in-not-required",
            (OptIn::Required, true) => "opted-in",
            (OptIn::Required, false) => "not-opted-in",
        }
    }

    /// The domain of private instance names: `ec2.internal` in us-east-1, else `REGION.compute.internal`.
    ///
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html>
    pub fn private_domain(&self) -> String {
        if self.name == "us-east-1" {
            "ec2.internal".to_owned()
        } else {
            format!("{}.compute.internal", self.name)
        }
    }

    /// The domain of public instance names: `compute-1.amazonaws.com` in us-east-1, else `REGION.compute.amazonaws.com`.
    ///
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html>
    pub fn public_domain(&self) -> String {
        if self.name == "us-east-1" {
            "compute-1.amazonaws.com".to_owned()
        } else {
            format!("{}.compute.amazonaws.com", self.name)
        }
    }

    /// The partition of the region.
    pub fn partition(&self) -> Partition {
        Partition::Aws
    }
}

/// All public regions, in order of their names.
pub fn regions() -> &'static [RegionFacts] {
    REGIONS
}

/// The facts of one region.
pub fn region(region: &Region) -> Option<&'static RegionFacts> {
    REGIONS.binary_search_by(|facts| facts.name.cmp(region.as_str())).ok().map(|index| &REGIONS[index])
}

const ABC: &[(char, u8)] = &[('a', 1), ('b', 2), ('c', 3)];
const ABCD: &[(char, u8)] = &[('a', 1), ('b', 2), ('c', 3), ('d', 4)];

macro_rules! regions {
    ($($name:literal $long_name:literal $opt_in:ident $country:literal $prefix:literal $zones:expr, $mapping:ident;)*) => {
        &[$(RegionFacts {
            name: $name,
            long_name: $long_name,
            opt_in: OptIn::$opt_in,
            country: $country,
            zone_id_prefix: $prefix,
            zones: $zones,
            zones_differ_by_account: regions!(@ $mapping),
        }),*]
    };
    (@ uniform) => { false };
    (@ per_account) => { true };
}

#[rustfmt::skip]
const REGIONS: &[RegionFacts] = regions! {
    "af-south-1"     "Africa (Cape Town)"         Required    "ZA" "afs1"  ABC, uniform;
    "ap-east-1"      "Asia Pacific (Hong Kong)"   Required    "HK" "ape1"  ABC, uniform;
    "ap-east-2"      "Asia Pacific (Taipei)"      Required    "TW" "ape2"  ABC, uniform;
    "ap-northeast-1" "Asia Pacific (Tokyo)"       NotRequired "JP" "apne1" &[('a', 4), ('c', 1), ('d', 2)], per_account;
    "ap-northeast-2" "Asia Pacific (Seoul)"       NotRequired "KR" "apne2" ABCD, uniform;
    "ap-northeast-3" "Asia Pacific (Osaka)"       NotRequired "JP" "apne3" &[('a', 3), ('b', 1), ('c', 2)], uniform;
    "ap-south-1"     "Asia Pacific (Mumbai)"      NotRequired "IN" "aps1"  &[('a', 1), ('b', 3), ('c', 2)], uniform;
    "ap-south-2"     "Asia Pacific (Hyderabad)"   Required    "IN" "aps2"  ABC, uniform;
    "ap-southeast-1" "Asia Pacific (Singapore)"   NotRequired "SG" "apse1" ABC, per_account;
    "ap-southeast-2" "Asia Pacific (Sydney)"      NotRequired "AU" "apse2" ABC, per_account;
    "ap-southeast-3" "Asia Pacific (Jakarta)"     Required    "ID" "apse3" ABC, uniform;
    "ap-southeast-4" "Asia Pacific (Melbourne)"   Required    "AU" "apse4" ABC, uniform;
    "ap-southeast-5" "Asia Pacific (Malaysia)"    Required    "MY" "apse5" ABC, uniform;
    "ap-southeast-6" "Asia Pacific (New Zealand)" Required    "NZ" "apse6" ABC, uniform;
    "ap-southeast-7" "Asia Pacific (Thailand)"    Required    "TH" "apse7" ABC, uniform;
    "ca-central-1"   "Canada (Central)"           NotRequired "CA" "cac1"  &[('a', 1), ('b', 2), ('d', 4)], uniform;
    "ca-west-1"      "Canada West (Calgary)"      Required    "CA" "caw1"  ABC, uniform;
    "eu-central-1"   "Europe (Frankfurt)"         NotRequired "DE" "euc1"  &[('a', 2), ('b', 3), ('c', 1)], uniform;
    "eu-central-2"   "Europe (Zurich)"            Required    "CH" "euc2"  ABC, uniform;
    "eu-north-1"     "Europe (Stockholm)"         NotRequired "SE" "eun1"  ABC, uniform;
    "eu-south-1"     "Europe (Milan)"             Required    "IT" "eus1"  ABC, uniform;
    "eu-south-2"     "Europe (Spain)"             Required    "ES" "eus2"  ABC, uniform;
    "eu-west-1"      "Europe (Ireland)"           NotRequired "IE" "euw1"  ABC, per_account;
    "eu-west-2"      "Europe (London)"            NotRequired "GB" "euw2"  &[('a', 2), ('b', 3), ('c', 1)], uniform;
    "eu-west-3"      "Europe (Paris)"             NotRequired "FR" "euw3"  ABC, uniform;
    "il-central-1"   "Israel (Tel Aviv)"          Required    "IL" "ilc1"  ABC, uniform;
    "me-central-1"   "Middle East (UAE)"          Required    "AE" "mec1"  ABC, uniform;
    "me-south-1"     "Middle East (Bahrain)"      Required    "BH" "mes1"  ABC, uniform;
    "mx-central-1"   "Mexico (Central)"           Required    "MX" "mxc1"  ABC, uniform;
    "sa-east-1"      "South America (Sao Paulo)"  NotRequired "BR" "sae1"  ABC, per_account;
    "us-east-1"      "US East (N. Virginia)"      NotRequired "US" "use1"
        &[('a', 1), ('b', 2), ('c', 3), ('d', 4), ('e', 5), ('f', 6)], per_account;
    "us-east-2"      "US East (Ohio)"             NotRequired "US" "use2"  ABC, uniform;
    "us-west-1"      "US West (N. California)"    NotRequired "US" "usw1"  &[('a', 1), ('b', 3)], per_account;
    "us-west-2"      "US West (Oregon)"           NotRequired "US" "usw2"  ABCD, per_account;
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_its_names_are_valid() {
        assert!(REGIONS.is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(REGIONS.len(), 34);
        for facts in REGIONS {
            assert_eq!(region(&facts.region()).map(|found| found.name), Some(facts.name));
        }
        assert_eq!(region(&"us-east-9".parse().unwrap()), None);
    }

    #[test]
    fn names_follow_the_region() {
        let us_east_1 = region(&"us-east-1".parse().unwrap()).unwrap();
        let milan = region(&"eu-south-1".parse().unwrap()).unwrap();
        assert_eq!(us_east_1.endpoint("ec2"), "ec2.us-east-1.amazonaws.com");
        assert_eq!(
            (us_east_1.private_domain(), us_east_1.public_domain()),
            ("ec2.internal".into(), "compute-1.amazonaws.com".into())
        );
        assert_eq!(milan.private_domain(), "eu-south-1.compute.internal");
        assert_eq!(milan.public_domain(), "eu-south-1.compute.amazonaws.com");
        assert_eq!(
            (us_east_1.opt_in_status(true), milan.opt_in_status(true)),
            ("opt-in-not-required", "opted-in")
        );
        assert_eq!(milan.opt_in_status(false), "not-opted-in");
    }
}
