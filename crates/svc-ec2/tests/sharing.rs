//! What one account shares with another: subnets, transit gateways and prefix lists.

mod prefix_list;
mod subnet;
mod transit_gateway;

use crate::cloud::Cloud;

const OWNER: &str = "123456789012";
const OTHER: &str = "210987654321";
const NOT_AUTHORIZED: &str = "UnauthorizedOperation";

/// Two accounts of one cloud.
fn accounts() -> (Cloud, Cloud) {
    let owner = Cloud::new();
    let other = owner.seen_by(OTHER, "us-east-1");
    (owner, other)
}
