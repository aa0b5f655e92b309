//! Built-in machine images.
//!
//! Each stands for the host's own userland under a name that Amazon Linux images have, so that templates and name filters
//! written for AWS find something to start.

use aws_types::{ImageId, Region, ResourceId, SnapshotId, Timestamp};

use crate::{region, stable_hash};

/// The account that owns Amazon Linux images in the partition `aws`.
pub const AMAZON_OWNER_ID: &str = "137112412989";
/// The alias of that account in `DescribeImages`.
pub const AMAZON_OWNER_ALIAS: &str = "amazon";

/// The host's architecture as EC2 names it.
pub(crate) const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };

/// A built-in image in one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The id: a pure function of region and name.
    pub id: ImageId,
    /// The name, such as `amzn2-ami-hvm-2.0.20250818.2-x86_64-gp2`.
    pub name: String,
    /// What `DescribeImages` prints as the description.
    pub description: String,
    /// `OWNER_ALIAS/NAME`.
    pub location: String,
    /// The account id of the owner.
    pub owner_id: &'static str,
    /// The alias of the owner.
    pub owner_alias: &'static str,
    /// `x86_64` or `arm64`: the host's.
    pub architecture: &'static str,
    /// When it was made.
    pub created_at: Timestamp,
    /// The device name of the root volume, `/dev/xvda`.
    pub root_device_name: &'static str,
    /// `ebs`.
    pub root_device_type: &'static str,
    /// The snapshot that the root volume would be made from.
    pub root_snapshot_id: SnapshotId,
    /// The size of the root volume in GiB.
    pub root_volume_gib: u32,
    /// `gp2`, `gp3` or `standard`.
    pub root_volume_type: &'static str,
    /// `hvm`.
    pub virtualization_type: &'static str,
    /// Whether instances of it must use IMDSv2 unless the launch says otherwise: `ImdsSupport` is `v2.0`, as of AL2023.
    pub imds_v2_required: bool,
    /// The short name by which public parameters find it, such as `al2023-ami-kernel-6.1`.
    pub(crate) family: &'static str,
}

struct Family {
    key: &'static str,
    /// `{arch}` stands for the architecture.
    name: &'static str,
    description: &'static str,
    volume_type: &'static str,
    volume_gib: u32,
    imds_v2_required: bool,
    x86_only: bool,
}

/// The version parts have the form that releases have, so that name patterns match.
#[rustfmt::skip]
const FAMILIES: &[Family] = &[
    Family { key: "al2023-ami-kernel-6.1", name: "al2023-ami-2023.8.20250818.0-kernel-6.1-{arch}",
        description: "Amazon Linux 2023 AMI 2023.8.20250818.0 {arch} HVM kernel-6.1",
        volume_type: "gp3", volume_gib: 8, imds_v2_required: true, x86_only: false },
    Family { key: "al2023-ami-kernel-6.12", name: "al2023-ami-2023.8.20250818.0-kernel-6.12-{arch}",
        description: "Amazon Linux 2023 AMI 2023.8.20250818.0 {arch} HVM kernel-6.12",
        volume_type: "gp3", volume_gib: 8, imds_v2_required: true, x86_only: false },
    Family { key: "al2023-ami-minimal-kernel-6.1", name: "al2023-ami-minimal-2023.8.20250818.0-kernel-6.1-{arch}",
        description: "Amazon Linux 2023 AMI 2023.8.20250818.0 {arch} Minimal HVM kernel-6.1",
        volume_type: "gp3", volume_gib: 2, imds_v2_required: true, x86_only: false },
    Family { key: "al2023-ami-minimal-kernel-6.12", name: "al2023-ami-minimal-2023.8.20250818.0-kernel-6.12-{arch}",
        description: "Amazon Linux 2023 AMI 2023.8.20250818.0 {arch} Minimal HVM kernel-6.12",
        volume_type: "gp3", volume_gib: 2, imds_v2_required: true, x86_only: false },
    Family { key: "amzn2-ami-hvm-gp2", name: "amzn2-ami-hvm-2.0.20250818.2-{arch}-gp2",
        description: "Amazon Linux 2 AMI 2.0.20250818.2 {arch} HVM gp2",
        volume_type: "gp2", volume_gib: 8, imds_v2_required: false, x86_only: false },
    Family { key: "amzn2-ami-hvm-ebs", name: "amzn2-ami-hvm-2.0.20250818.2-{arch}-ebs",
        description: "Amazon Linux 2 AMI 2.0.20250818.2 {arch} HVM ebs",
        volume_type: "standard", volume_gib: 8, imds_v2_required: false, x86_only: true },
    Family { key: "amzn2-ami-kernel-5.10-hvm-gp2", name: "amzn2-ami-kernel-5.10-hvm-2.0.20250818.2-{arch}-gp2",
        description: "Amazon Linux 2 LTS {arch} Kernel 5.10 AMI 2.0.20250818.2 {arch} HVM gp2",
        volume_type: "gp2", volume_gib: 8, imds_v2_required: false, x86_only: false },
    Family { key: "amzn2-ami-kernel-5.10-hvm-ebs", name: "amzn2-ami-kernel-5.10-hvm-2.0.20250818.2-{arch}-ebs",
        description: "Amazon Linux 2 LTS {arch} Kernel 5.10 AMI 2.0.20250818.2 {arch} HVM ebs",
        volume_type: "standard", volume_gib: 8, imds_v2_required: false, x86_only: true },
    Family { key: "amzn2-ami-minimal-hvm-ebs", name: "amzn2-ami-minimal-hvm-2.0.20250818.2-{arch}-ebs",
        description: "Amazon Linux 2 AMI 2.0.20250818.2 {arch} Minimal HVM ebs",
        volume_type: "standard", volume_gib: 2, imds_v2_required: false, x86_only: false },
    Family { key: "amzn-ami-hvm-gp2", name: "amzn-ami-hvm-2018.03.0.20231218.0-{arch}-gp2",
        description: "Amazon Linux AMI 2018.03.0.20231218.0 {arch} HVM gp2",
        volume_type: "gp2", volume_gib: 8, imds_v2_required: false, x86_only: true },
    Family { key: "amzn-ami-hvm-ebs", name: "amzn-ami-hvm-2018.03.0.20231218.0-{arch}-ebs",
        description: "Amazon Linux AMI 2018.03.0.20231218.0 {arch} HVM ebs",
        volume_type: "standard", volume_gib: 8, imds_v2_required: false, x86_only: true },
    Family { key: "amzn-ami-minimal-hvm-ebs", name: "amzn-ami-minimal-hvm-2018.03.0.20231218.0-{arch}-ebs",
        description: "Amazon Linux AMI 2018.03.0.20231218.0 {arch} Minimal HVM ebs",
        volume_type: "standard", volume_gib: 2, imds_v2_required: false, x86_only: true },
];

/// 2025-08-18T00:00:00Z and 2023-12-18T00:00:00Z: the dates in the names.
const CREATED_2025: Timestamp = Timestamp::from_unix_secs(1_755_475_200);
const CREATED_2023: Timestamp = Timestamp::from_unix_secs(1_702_857_600);

/// All built-in images of a region, in a fixed order; none for an unknown region.
pub fn images(region: &Region) -> Vec<Image> {
    if region::region(region).is_none() {
        return Vec::new();
    }
    let on_x86 = ARCHITECTURE == "x86_64";
    FAMILIES.iter().filter(|family| on_x86 || !family.x86_only).map(|family| build(region, family)).collect()
}

/// The built-in image with that id.
pub fn image(region: &Region, id: ImageId) -> Option<Image> {
    images(region).into_iter().find(|image| image.id == id)
}

fn build(region: &Region, family: &Family) -> Image {
    let name = family.name.replace("{arch}", ARCHITECTURE);
    // The ids hang on the family and not on the name, so that an instance's image survives a change of version.
    let key = [region.as_str(), family.key, ARCHITECTURE];
    Image {
        id: ImageId::from_bits(stable_hash::bits(&["image", key[0], key[1], key[2]])),
        location: format!("{AMAZON_OWNER_ALIAS}/{name}"),
        description: family.description.replace("{arch}", ARCHITECTURE),
        owner_id: AMAZON_OWNER_ID,
        owner_alias: AMAZON_OWNER_ALIAS,
        architecture: ARCHITECTURE,
        created_at: if name.contains("2018.03") { CREATED_2023 } else { CREATED_2025 },
        root_device_name: "/dev/xvda",
        root_device_type: "ebs",
        root_snapshot_id: SnapshotId::from_bits(stable_hash::bits(&["image-root", key[0], key[1], key[2]])),
        root_volume_gib: family.volume_gib,
        root_volume_type: family.volume_type,
        virtualization_type: "hvm",
        imds_v2_required: family.imds_v2_required,
        family: family.key,
        name,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::regions;

    #[test]
    fn ids_are_unique_over_all_regions_and_find_their_image() {
        let mut seen = HashSet::new();
        for facts in regions() {
            let region = facts.region();
            for built_in in images(&region) {
                assert!(seen.insert(built_in.id), "{} in {region}", built_in.name);
                assert_eq!(image(&region, built_in.id), Some(built_in.clone()));
                assert!(built_in.name.contains(ARCHITECTURE) && !built_in.description.contains('{'));
            }
        }
        assert_eq!(image(&"us-east-1".parse().unwrap(), ImageId::from_bits(1)), None);
        assert!(images(&"nowhere-1".parse().unwrap()).is_empty());
    }
}
