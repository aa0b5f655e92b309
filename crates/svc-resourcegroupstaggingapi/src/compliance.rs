//! What a tag policy says of one resource, in the API's words.

use aws_api::resourcegroupstaggingapi::ComplianceDetails;
use management_policies::{NonCompliance, NonComplianceReason, TagRules};

use crate::TaggedResource;

/// What is wrong with the tags of a resource.
pub(crate) fn check(rules: &TagRules, resource: &TaggedResource) -> Vec<NonCompliance> {
    rules.check(&resource.resource_type, resource.tags.iter())
}

/// The same as an answer shows it.
pub(crate) fn details(found: &[NonCompliance]) -> ComplianceDetails {
    let keys = |reason| {
        let keys = found.iter().filter(|one| one.reason == reason).map(|one| one.key.clone());
        Some(keys.collect::<Vec<_>>()).filter(|keys| !keys.is_empty())
    };
    ComplianceDetails {
        noncompliant_keys: keys(NonComplianceReason::Key),
        keys_with_noncompliant_values: keys(NonComplianceReason::Value),
        missing_tag_keys: keys(NonComplianceReason::Missing),
        compliance_status: Some(found.is_empty()),
    }
}

/// Whether a filter such as `ec2` or `ec2:vpc` means a resource type.
pub(crate) fn is_of_type(filter: &str, resource_type: &str) -> bool {
    let service = resource_type.split_once(':').map_or(resource_type, |(service, _)| service);
    filter == resource_type || filter == service
}
