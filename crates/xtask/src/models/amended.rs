//! Where a service takes more than its published model says.
//!
//! Owns the list of such shapes, each with who says so. Refuses to take anything away from a model.

use anyhow::Context;
use aws_model::{Model, ShapeKind, Text};

/// What differs in a shape that is a text.
enum Amendment {
    /// It can have these values too.
    Values(&'static [&'static str]),
    /// It can be any text: the service reads it.
    Open,
}

/// By service and shape.
const AMENDED: [(&str, &str, Amendment); 3] = [
    // Addresses of the Network Insights operations. AWS analyses IPv4 alone; here they are of either family.
    ("ec2", "IpAddress", Amendment::Open),
    // The protocol of the Network Insights operations: AWS's own examples send capitals.
    // https://docs.aws.amazon.com/vpc/latest/reachability/getting-started-cli.html
    ("ec2", "Protocol", Amendment::Values(&["TCP", "UDP"])),
    // The list that lets access logs in.
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
    ("s3", "BucketCannedACL", Amendment::Values(&["log-delivery-write"])),
];

/// Changes what differs in a service's model.
///
/// # Errors
/// A shape that the model does not have, or that is not a text.
pub(super) fn amend(service: &str, model: &mut Model) -> anyhow::Result<()> {
    for (_, name, amendment) in AMENDED.iter().filter(|(of, _, _)| *of == service) {
        let mut shapes = model.shapes.iter_mut();
        let shape = shapes.find(|shape| shape.name == *name);
        let Some(ShapeKind::String(text)) = shape.map(|shape| &mut shape.kind) else {
            return Err(anyhow::anyhow!("{name} is no text")).context(service.to_owned());
        };
        match amendment {
            Amendment::Values(more) => text.values = text.values.iter().chain(*more).copied().collect(),
            Amendment::Open => {
                *text = Text::default();
            }
        }
    }
    Ok(())
}
