//! What instance types say of volumes: `EbsInfo`.
//!
//! Owns how that is shown and found. Refuses to know the numbers: the catalog does.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsInfo.html>

use aws_api::ec2 as api;
use aws_catalog::{EbsPerformance, Hypervisor, InstanceType, VolumeLimit};

use super::whole;

/// The types of the first generations, which share their network with their volumes unless they are asked not to.
fn is_optimized_by_default(kind: &InstanceType) -> bool {
    !kind.name.starts_with("m1.") && !kind.name.starts_with("m3.")
}

/// Bits to bytes.
fn megabytes(mbps: u32) -> Option<f64> {
    Some(f64::from(mbps) / 8.0)
}

fn performance(held: EbsPerformance) -> api::EbsOptimizedInfo {
    api::EbsOptimizedInfo {
        baseline_bandwidth_in_mbps: whole(held.baseline_mbps),
        baseline_iops: whole(held.baseline_iops),
        baseline_throughput_in_m_bps: megabytes(held.baseline_mbps),
        maximum_bandwidth_in_mbps: whole(held.maximum_mbps),
        maximum_iops: whole(held.maximum_iops),
        maximum_throughput_in_m_bps: megabytes(held.maximum_mbps),
    }
}

/// As answers have it.
pub(super) fn shown(kind: &InstanceType) -> api::EbsInfo {
    let support = match kind.ebs_performance {
        None => "unsupported",
        Some(_) if is_optimized_by_default(kind) => "default",
        Some(_) => "supported",
    };
    let is_nitro = kind.hypervisor == Hypervisor::Nitro;
    let has_encryption = !kind.name.starts_with("t1.") && !kind.name.starts_with("m1.");
    let (limit_type, most) = match kind.volume_limit {
        VolumeLimit::Shared(most) => ("shared", most),
        VolumeLimit::Dedicated(most) => ("dedicated", most),
    };
    api::EbsInfo {
        attachment_limit_type: Some(limit_type.to_owned()),
        ebs_optimized_info: kind.ebs_performance.map(performance),
        ebs_optimized_support: Some(support.to_owned()),
        encryption_support: Some(if has_encryption { "supported" } else { "unsupported" }.to_owned()),
        maximum_ebs_attachments: whole(most),
        maximum_ebs_cards: Some(1),
        nvme_support: Some(if is_nitro { "required" } else { "unsupported" }.to_owned()),
        ..Default::default()
    }
}

/// The value that a type has for a member of `EbsInfo`.
macro_rules! info {
    ($member:ident) => {
        |kind| {
            let info = kind.ebs_info.iter();
            info.filter_map(|info| info.$member.as_ref()).map(ToString::to_string).collect()
        }
    };
}
pub(super) use info;

/// The value that a type has for a member of `EbsOptimizedInfo`.
macro_rules! optimized {
    ($member:ident) => {
        |kind| {
            let info = kind.ebs_info.iter().filter_map(|info| info.ebs_optimized_info.as_ref());
            info.filter_map(|info| info.$member.as_ref()).map(ToString::to_string).collect()
        }
    };
}
pub(super) use optimized;
