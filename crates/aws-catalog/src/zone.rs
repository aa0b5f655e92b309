//! Availability zones and how each account names them.

use aws_types::{AccountId, AvailabilityZone, Region};

use crate::stable_hash;

/// What kind of zone it is. Local and Wavelength zones are not in the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneType {
    /// An ordinary zone of a region.
    AvailabilityZone,
}

impl ZoneType {
    /// As `DescribeAvailabilityZones` prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AvailabilityZone => "availability-zone",
        }
    }
}

/// A zone as one account sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The name in this account, such as `us-east-1a`.
    pub name: AvailabilityZone,
    /// The id of the same place in every account, such as `use1-az4`.
    pub zone_id: String,
    /// The region.
    pub region: Region,
    /// The group that is enabled as a whole. For availability zones it is the region's name followed by `-zg-1`.
    pub group_name: String,
    /// The long name of the group, such as `US East (N. Virginia) 1`.
    pub group_long_name: String,
    /// From where addresses are advertised. For availability zones it is the region's name.
    pub network_border_group: String,
    /// What kind of zone.
    pub zone_type: ZoneType,
}

/// The zones of a region as an account sees them, in order of their names; none for an unknown region.
///
/// In the regions that opened by November 2012 every account has its own mapping of names to ids, here a shuffle that is
/// a pure function of account and region; elsewhere all accounts have the same.
/// <https://docs.aws.amazon.com/global-infrastructure/latest/regions/az-ids.html>
pub fn zones(region: &Region, account: AccountId) -> Vec<Zone> {
    let Some(facts) = crate::region::region(region) else { return Vec::new() };
    let mut numbers: Vec<u8> = facts.zones.iter().map(|(_, number)| *number).collect();
    if facts.zones_differ_by_account {
        shuffle(&mut numbers, stable_hash::bits(&["zones", facts.name, &account.to_string()]));
    }
    std::iter::zip(facts.zones, numbers)
        .map(|((letter, _), number)| Zone {
            name: format!("{region}{letter}")
                .parse()
                .expect("a region's name and a letter form a zone's name"),
            zone_id: format!("{}-az{number}", facts.zone_id_prefix),
            region: region.clone(),
            group_name: format!("{region}-zg-1"),
            group_long_name: format!("{} 1", facts.long_name),
            network_border_group: region.to_string(),
            zone_type: ZoneType::AvailabilityZone,
        })
        .collect()
}

/// Fisher and Yates, with the choices taken from the bits as a number in the factorial number system.
fn shuffle(numbers: &mut [u8], mut bits: u128) {
    for last in (1..numbers.len()).rev() {
        let choices = last as u128 + 1;
        numbers.swap(last, usize::try_from(bits % choices).expect("smaller than the slice"));
        bits /= choices;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::regions;

    fn names(region: &str, account: &str) -> Vec<(String, String)> {
        let zones = zones(&region.parse().unwrap(), account.parse().unwrap());
        zones.into_iter().map(|zone| (zone.name.to_string(), zone.zone_id)).collect()
    }

    #[test]
    fn old_regions_are_shuffled_by_account_and_new_ones_are_not() {
        let mut orders = BTreeSet::new();
        for account in 0..50 {
            let account = format!("{account:012}");
            let zones = names("us-east-1", &account);
            assert_eq!(zones, names("us-east-1", &account), "the same account always sees the same");
            let ids: BTreeSet<_> = zones.iter().map(|(_, id)| id.clone()).collect();
            assert_eq!(
                ids.into_iter().collect::<Vec<_>>(),
                ["use1-az1", "use1-az2", "use1-az3", "use1-az4", "use1-az5", "use1-az6"]
            );
            orders.insert(zones);
            assert_eq!(names("eu-central-1", &account), names("eu-central-1", "000000000000"));
        }
        assert!(orders.len() > 25, "only {} orders in 50 accounts", orders.len());
    }

    #[test]
    fn every_region_has_zones_with_ordered_names() {
        for facts in regions() {
            let zones = zones(&facts.region(), "123456789012".parse().unwrap());
            assert!((2..=6).contains(&zones.len()), "{}", facts.name);
            assert!(zones.is_sorted_by(|a, b| a.name < b.name));
            assert!(zones.iter().all(|zone| zone.network_border_group == facts.name));
        }
        assert!(zones(&"nowhere-1".parse().unwrap(), "123456789012".parse().unwrap()).is_empty());
    }
}
