//! Which tokens the global endpoint of STS gives.

use super::cloud::Cloud;
use aws_api::iam::{self as api, operation as op};

#[test]
fn the_version_is_in_the_summary() {
    let cloud = Cloud::new();
    let version = || {
        let summary = cloud.ok::<op::GetAccountSummary>(aws_api::Unit).summary_map.unwrap();
        summary["GlobalEndpointTokenVersion"]
    };
    assert_eq!(version(), 1);
    for (text, expect) in [("v2Token", 2), ("v1Token", 1)] {
        let global_endpoint_token_version = text.to_owned();
        let input = api::SetSecurityTokenServicePreferencesRequest { global_endpoint_token_version };
        cloud.ok::<op::SetSecurityTokenServicePreferences>(input);
        assert_eq!(version(), expect);
    }
}
