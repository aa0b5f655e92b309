//! Images: DescribeImages.
//!
//! Owns how images are shown and named. Refuses to know which exist: the catalog does.

use aws_api::ec2::{self as api, operation as op};
use aws_catalog::Image;
use aws_types::ImageId;
use service_api::{Operations, RequestContext, ServiceError};

use crate::filter::{Filters, flag, text};
use crate::page::Page;
use crate::state::State;
use crate::{Ec2, error};

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::DescribeImages>(describe)
}

fn parse_id(text: &str) -> Result<ImageId, ServiceError> {
    text.parse().map_err(|error: aws_types::ParseIdError| {
        // Ids of before 2016 have eight digits; they are well formed, and name none of ours.
        let digits = text.strip_prefix("ami-").unwrap_or_default();
        if digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            unknown(text)
        } else {
            ServiceError::new("InvalidAMIID.Malformed", error.to_string())
        }
    })
}

fn unknown(id: &str) -> ServiceError {
    ServiceError::new("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist"))
}

/// The image that a request names.
///
/// # Errors
/// `InvalidAMIID.Malformed`, `InvalidAMIID.NotFound`.
pub(crate) fn named(state: &impl State, text: &str) -> Result<Image, ServiceError> {
    aws_catalog::image(state.region(), parse_id(text)?).ok_or_else(|| unknown(text))
}

fn shown(image: &Image) -> api::Image {
    let root = api::BlockDeviceMapping {
        device_name: Some(image.root_device_name.to_owned()),
        ebs: Some(api::EbsBlockDevice {
            delete_on_termination: Some(true),
            encrypted: Some(false),
            snapshot_id: Some(image.root_snapshot_id.to_string()),
            volume_size: i32::try_from(image.root_volume_gib).ok(),
            volume_type: Some(image.root_volume_type.to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    };
    api::Image {
        architecture: Some(image.architecture.to_owned()),
        block_device_mappings: Some(vec![root]),
        creation_date: Some(image.created_at.to_string()),
        description: Some(image.description.clone()),
        ena_support: Some(true),
        free_tier_eligible: Some(true),
        hypervisor: Some("xen".to_owned()),
        image_id: Some(image.id.to_string()),
        image_location: Some(image.location.clone()),
        image_owner_alias: Some(image.owner_alias.to_owned()),
        image_type: Some("machine".to_owned()),
        imds_support: image.imds_v2_required.then(|| "v2.0".to_owned()),
        name: Some(image.name.clone()),
        owner_id: Some(image.owner_id.to_owned()),
        platform_details: Some("Linux/UNIX".to_owned()),
        public: Some(true),
        root_device_name: Some(image.root_device_name.to_owned()),
        root_device_type: Some(image.root_device_type.to_owned()),
        sriov_net_support: Some("simple".to_owned()),
        state: Some("available".to_owned()),
        usage_operation: Some("RunInstances".to_owned()),
        virtualization_type: Some(image.virtualization_type.to_owned()),
        ..Default::default()
    }
}

/// A member of the root volume's mapping.
macro_rules! root {
    ($ebs:ident => $value:expr) => {
        |image| {
            let mappings = image.block_device_mappings.iter().flatten();
            mappings.filter_map(|mapping| mapping.ebs.as_ref()).filter_map(|$ebs| $value).collect()
        }
    };
}

static FILTERS: Filters<api::Image> = Filters {
    tags: Some(|image| image.tags.as_deref().unwrap_or_default()),
    named: &[
        ("architecture", |image| text(&image.architecture)),
        (
            "block-device-mapping.delete-on-termination",
            root!(ebs => ebs.delete_on_termination.map(|flag| flag.to_string())),
        ),
        ("block-device-mapping.device-name", |image| {
            image
                .block_device_mappings
                .iter()
                .flatten()
                .filter_map(|mapping| mapping.device_name.clone())
                .collect()
        }),
        ("block-device-mapping.snapshot-id", root!(ebs => ebs.snapshot_id.clone())),
        ("block-device-mapping.volume-size", root!(ebs => ebs.volume_size.map(|size| size.to_string()))),
        ("block-device-mapping.volume-type", root!(ebs => ebs.volume_type.clone())),
        ("block-device-mapping.encrypted", root!(ebs => ebs.encrypted.map(|flag| flag.to_string()))),
        ("creation-date", |image| text(&image.creation_date)),
        ("description", |image| text(&image.description)),
        ("ena-support", |image| flag(image.ena_support)),
        ("free-tier-eligible", |image| flag(image.free_tier_eligible)),
        ("hypervisor", |image| text(&image.hypervisor)),
        ("image-id", |image| text(&image.image_id)),
        ("image-type", |image| text(&image.image_type)),
        ("is-public", |image| flag(image.public)),
        ("manifest-location", |image| text(&image.image_location)),
        ("name", |image| text(&image.name)),
        ("owner-alias", |image| text(&image.image_owner_alias)),
        ("owner-id", |image| text(&image.owner_id)),
        ("root-device-name", |image| text(&image.root_device_name)),
        ("root-device-type", |image| text(&image.root_device_type)),
        ("sriov-net-support", |image| text(&image.sriov_net_support)),
        ("state", |image| text(&image.state)),
        ("virtualization-type", |image| text(&image.virtualization_type)),
    ],
    absent: &[
        "instance-type-specification.supported-instance-type",
        "instance-type-specification.unsupported-instance-type",
        "public-ssm-parameter-name",
        "scan-result.critical-fix-available-since",
        "scan-result.finding-scan-date",
        "scan-result.high-fix-available-since",
        "scan-result.highest-finding-severity-label",
        "scan-result.informational-fix-available-since",
        "scan-result.low-fix-available-since",
        "scan-result.medium-fix-available-since",
        "image-allowed",
        "kernel-id",
        "platform",
        "product-code",
        "product-code.type",
        "ramdisk-id",
        "source-image-id",
        "source-image-region",
        "source-instance-id",
        "state-reason-code",
        "state-reason-message",
    ],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeImagesRequest,
) -> Result<api::DescribeImagesResult, ServiceError> {
    let view = ec2.view(context);
    let mut images = match input.image_ids.filter(|ids| !ids.is_empty()) {
        None => aws_catalog::images(view.region()),
        Some(ids) => ids.iter().map(|id| named(&view, id)).collect::<Result<_, _>>()?,
    };
    images.sort_by_key(|image| image.id);
    images.dedup_by_key(|image| image.id);
    let own = view.account().to_string();
    if let Some(owners) = input.owners.filter(|owners| !owners.is_empty()) {
        let is_account = |owner: &str| owner.len() == 12 && owner.bytes().all(|byte| byte.is_ascii_digit());
        let is_valid =
            |owner: &str| ["self", "amazon", "aws-marketplace"].contains(&owner) || is_account(owner);
        if let Some(bad) = owners.iter().find(|owner| !is_valid(owner)) {
            return Err(ServiceError::new("InvalidUserID.Malformed", format!("Invalid user id: \"{bad}\"")));
        }
        images.retain(|image| {
            owners.iter().any(|owner| match owner.as_str() {
                "self" => image.owner_id == own,
                owner => owner == image.owner_alias || owner == image.owner_id,
            })
        });
    }
    if let Some(users) = input.executable_users.filter(|users| !users.is_empty()) {
        // Every image is public; none is shared with one account by name.
        if let Some(bad) =
            users.iter().find(|user| !["all", "self"].contains(&user.as_str()) && user.len() != 12)
        {
            return Err(error::invalid_value_for(bad, "executableBy", ""));
        }
        images.retain(|_| users.iter().any(|user| user == "all"));
    }
    let mut images: Vec<_> = images.iter().map(shown).collect();
    FILTERS.apply(&mut images, input.filters.as_ref())?;
    let page = Page::within("DescribeImages", input.max_results, input.next_token.as_ref(), (1, 1000));
    let (images, next_token) = page.cut(images, |image| image.image_id.as_deref().unwrap_or_default())?;
    ec2.answer(input.dry_run, api::DescribeImagesResult { images: Some(images), next_token })
}
