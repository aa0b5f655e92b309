use aws_api::account::{self as api, operation as op};

use crate::harness::*;

fn status(cloud: &Cloud, region: &str) -> String {
    let input = api::GetRegionOptStatusRequest { region_name: region.to_owned(), account_id: None };
    cloud.ok::<op::GetRegionOptStatus>(MEMBER, input).region_opt_status.unwrap()
}

#[test]
fn every_region_is_enabled_and_stays_so() {
    let cloud = Cloud::organized();
    assert_eq!(status(&cloud, "us-east-1"), "ENABLED_BY_DEFAULT");
    assert_eq!(status(&cloud, "af-south-1"), "ENABLED");
    let all = cloud.ok::<op::ListRegions>(MEMBER, Default::default()).regions.unwrap();
    assert_eq!(all.len(), aws_catalog::regions().len());
    let some = api::ListRegionsRequest {
        region_opt_status_contains: Some(vec!["ENABLED".to_owned()]),
        max_results: Some(3),
        ..Default::default()
    };
    let page = cloud.ok::<op::ListRegions>(MEMBER, some);
    assert!(page.next_token.is_some());
    let regions = page.regions.unwrap();
    assert_eq!(regions.len(), 3);
    assert!(regions.iter().all(|one| one.region_opt_status.as_deref() == Some("ENABLED")));
    let invalid = "ValidationException";
    for region in ["us-east-1", "af-south-1", "moon-north-1"] {
        let enable = api::EnableRegionRequest { region_name: region.to_owned(), account_id: None };
        cloud.refuses::<op::EnableRegion>(MEMBER, enable, invalid);
        let disable = api::DisableRegionRequest { region_name: region.to_owned(), account_id: None };
        cloud.refuses::<op::DisableRegion>(MEMBER, disable, invalid);
    }
}
