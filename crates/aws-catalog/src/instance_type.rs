//! Instance types: sizes and network limits.
//!
//! vCPUs and memory are from <https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-types.html>, the interface
//! limits from <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AvailableIpPerENI.html>. Bare metal sizes, and types
//! whose point is an accelerator or a local disk, are not in the catalog.

mod performance;

pub use performance::EbsPerformance;

use crate::image::ARCHITECTURE;

/// What `RunInstances` takes when it is not told.
pub const DEFAULT_INSTANCE_TYPE: &str = "m1.small";

/// What runs below an instance on AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hypervisor {
    /// AWS Nitro.
    Nitro,
    /// Xen.
    Xen,
}

impl Hypervisor {
    /// As `DescribeInstanceTypes` prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nitro => "nitro",
            Self::Xen => "xen",
        }
    }
}

/// How many volumes an instance can have.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/volume_limits.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeLimit {
    /// So many volumes and network interfaces together.
    Shared(u32),
    /// So many volumes, whatever else it has.
    Dedicated(u32),
}

/// An instance type of the host's architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceType {
    /// The name, such as `t3.micro`.
    pub name: String,
    /// `x86_64` or `arm64`.
    pub architecture: &'static str,
    /// Who makes its processors.
    pub manufacturer: &'static str,
    /// The clock that all cores can keep, in MHz, where AWS names one.
    pub clock_mhz: Option<u32>,
    /// How many virtual CPUs it has by default.
    pub vcpus: u32,
    /// How many of them share a core.
    pub threads_per_core: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// How many network interfaces can be attached.
    pub max_interfaces: u32,
    /// How many private IPv4 addresses an interface can have.
    pub max_ipv4_per_interface: u32,
    /// How many IPv6 addresses an interface can have; 0 where IPv6 is not supported.
    pub max_ipv6_per_interface: u32,
    /// How fast its network is on AWS, in AWS's words.
    pub network_performance: &'static str,
    /// How fast it reaches its volumes on AWS, where it has a bandwidth of its own for that.
    pub ebs_performance: Option<EbsPerformance>,
    /// How many volumes can be attached.
    pub volume_limit: VolumeLimit,
    /// Whether its instances can be in cluster placement groups.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-strategies.html>
    pub is_clustered: bool,
    /// What it runs on.
    pub hypervisor: Hypervisor,
    /// Whether AWS counts it among the current generation.
    pub is_current_generation: bool,
    /// Whether it earns and spends CPU credits.
    pub is_burstable: bool,
}

/// One size: name, vCPUs, memory in MiB, interfaces, IPv4 addresses per interface.
type Size = (&'static str, u32, u32, u32, u32);

/// A rung of a ladder that many families share: name, vCPUs, interfaces, IPv4 addresses per interface. Memory follows from
/// the family's ratio.
type Rung = (&'static str, u32, u32, u32);

enum Sizes {
    Listed(&'static [Size]),
    /// MiB per vCPU, and the rungs.
    Ladder(u32, &'static [&'static [Rung]]),
}

struct Family {
    name: &'static str,
    hypervisor: Hypervisor,
    current: bool,
    threads_per_core: u32,
    ipv6: bool,
    sizes: Sizes,
}

const fn family(
    name: &'static str,
    hypervisor: Hypervisor,
    current: bool,
    threads_per_core: u32,
    sizes: Sizes,
) -> Family {
    Family { name, hypervisor, current, threads_per_core, ipv6: true, sizes }
}

const COMPUTE: u32 = 2 * 1024;
const GENERAL: u32 = 4 * 1024;
const MEMORY: u32 = 8 * 1024;

const SMALL: &[Rung] =
    &[("large", 2, 3, 10), ("xlarge", 4, 4, 15), ("2xlarge", 8, 4, 15), ("4xlarge", 16, 8, 30)];
const MIDDLE: &[Rung] = &[("8xlarge", 32, 8, 30), ("12xlarge", 48, 8, 30), ("16xlarge", 64, 15, 50)];
const X24: &[Rung] = &[("24xlarge", 96, 15, 50)];
const X32: &[Rung] = &[("32xlarge", 128, 15, 50)];
const X48: &[Rung] = &[("48xlarge", 192, 15, 50)];
const OF_C5: &[Rung] =
    &[("9xlarge", 36, 8, 30), ("12xlarge", 48, 8, 30), ("18xlarge", 72, 15, 50), ("24xlarge", 96, 15, 50)];
const MEDIUM: &[Rung] = &[("medium", 1, 2, 4)];
#[rustfmt::skip]
const OF_8TH: &[Rung] = &[
    ("large", 2, 3, 20), ("xlarge", 4, 4, 30), ("2xlarge", 8, 4, 30), ("4xlarge", 16, 8, 50), ("8xlarge", 32, 10, 50),
    ("12xlarge", 48, 12, 50), ("16xlarge", 64, 16, 64), ("24xlarge", 96, 16, 64), ("32xlarge", 128, 24, 64),
    ("48xlarge", 192, 24, 64), ("96xlarge", 384, 24, 64),
];

const UP_TO_24: &[&[Rung]] = &[SMALL, MIDDLE, X24];
const UP_TO_32: &[&[Rung]] = &[SMALL, MIDDLE, X24, X32];
const UP_TO_48: &[&[Rung]] = &[SMALL, MIDDLE, X24, X32, X48];

use Hypervisor::{Nitro, Xen};
use Sizes::{Ladder, Listed};

#[rustfmt::skip]
const X86_FAMILIES: &[Family] = &[
    Family { name: "t1", hypervisor: Xen, current: false, threads_per_core: 1, ipv6: false, sizes: Listed(&[("micro", 1, 627, 2, 2)]) },
    Family { name: "m1", hypervisor: Xen, current: false, threads_per_core: 1, ipv6: false, sizes: Listed(&[
        ("small", 1, 1740, 2, 4), ("medium", 1, 3788, 2, 6), ("large", 2, 7680, 3, 10), ("xlarge", 4, 15360, 4, 15)]) },
    Family { name: "m3", hypervisor: Xen, current: false, threads_per_core: 2, ipv6: false, sizes: Listed(&[
        ("medium", 1, 3840, 2, 6), ("large", 2, 7680, 3, 10), ("xlarge", 4, 15360, 4, 15), ("2xlarge", 8, 30720, 4, 30)]) },
    family("t2", Xen, true, 1, Listed(&[
        ("nano", 1, 512, 2, 2), ("micro", 1, 1024, 2, 2), ("small", 1, 2048, 3, 4), ("medium", 2, 4096, 3, 6),
        ("large", 2, 8192, 3, 12), ("xlarge", 4, 16384, 3, 15), ("2xlarge", 8, 32768, 3, 15)])),
    family("t3", Nitro, true, 2, Listed(&[
        ("nano", 2, 512, 2, 2), ("micro", 2, 1024, 2, 2), ("small", 2, 2048, 3, 4), ("medium", 2, 4096, 3, 6),
        ("large", 2, 8192, 3, 12), ("xlarge", 4, 16384, 4, 15), ("2xlarge", 8, 32768, 4, 15)])),
    family("t3a", Nitro, true, 2, Listed(&[
        ("nano", 2, 512, 2, 2), ("micro", 2, 1024, 2, 2), ("small", 2, 2048, 2, 4), ("medium", 2, 4096, 3, 6),
        ("large", 2, 8192, 3, 12), ("xlarge", 4, 16384, 4, 15), ("2xlarge", 8, 32768, 4, 15)])),
    family("m4", Xen, true, 2, Listed(&[
        ("large", 2, 8192, 2, 10), ("xlarge", 4, 16384, 4, 15), ("2xlarge", 8, 32768, 4, 15), ("4xlarge", 16, 65536, 8, 30),
        ("10xlarge", 40, 163_840, 8, 30), ("16xlarge", 64, 262_144, 8, 30)])),
    family("c4", Xen, true, 2, Listed(&[
        ("large", 2, 3840, 3, 10), ("xlarge", 4, 7680, 4, 15), ("2xlarge", 8, 15360, 4, 15), ("4xlarge", 16, 30720, 8, 30),
        ("8xlarge", 36, 61440, 8, 30)])),
    family("r4", Xen, true, 2, Listed(&[
        ("large", 2, 15616, 3, 10), ("xlarge", 4, 31232, 4, 15), ("2xlarge", 8, 62464, 4, 15), ("4xlarge", 16, 124_928, 8, 30),
        ("8xlarge", 32, 249_856, 8, 30), ("16xlarge", 64, 499_712, 15, 50)])),
    family("m5", Nitro, true, 2, Ladder(GENERAL, UP_TO_24)),
    family("m5a", Nitro, true, 2, Ladder(GENERAL, UP_TO_24)),
    family("m5n", Nitro, true, 2, Ladder(GENERAL, UP_TO_24)),
    family("m6a", Nitro, true, 2, Ladder(GENERAL, UP_TO_48)),
    family("m6i", Nitro, true, 2, Ladder(GENERAL, UP_TO_32)),
    family("m7a", Nitro, true, 1, Ladder(GENERAL, &[MEDIUM, SMALL, MIDDLE, X24, X32, X48])),
    family("m7i", Nitro, true, 2, Ladder(GENERAL, &[SMALL, MIDDLE, X24, X48])),
    family("m7i-flex", Nitro, true, 2, Ladder(GENERAL, &[SMALL, MIDDLE])),
    family("m8i", Nitro, true, 2, Ladder(GENERAL, &[OF_8TH])),
    family("c5", Nitro, true, 2, Ladder(COMPUTE, &[SMALL, OF_C5])),
    family("c5a", Nitro, true, 2, Ladder(COMPUTE, UP_TO_24)),
    family("c5n", Nitro, true, 2, Listed(&[
        ("large", 2, 5376, 3, 10), ("xlarge", 4, 10752, 4, 15), ("2xlarge", 8, 21504, 4, 15), ("4xlarge", 16, 43008, 8, 30),
        ("9xlarge", 36, 98304, 8, 30), ("18xlarge", 72, 196_608, 15, 50)])),
    family("c6a", Nitro, true, 2, Ladder(COMPUTE, UP_TO_48)),
    family("c6i", Nitro, true, 2, Ladder(COMPUTE, UP_TO_32)),
    family("c7a", Nitro, true, 1, Ladder(COMPUTE, &[MEDIUM, SMALL, MIDDLE, X24, X32, X48])),
    family("c7i", Nitro, true, 2, Ladder(COMPUTE, &[SMALL, MIDDLE, X24, X48])),
    family("c8i", Nitro, true, 2, Ladder(COMPUTE, &[OF_8TH])),
    family("r5", Nitro, true, 2, Ladder(MEMORY, UP_TO_24)),
    family("r5a", Nitro, true, 2, Ladder(MEMORY, UP_TO_24)),
    family("r6a", Nitro, true, 2, Ladder(MEMORY, UP_TO_48)),
    family("r6i", Nitro, true, 2, Ladder(MEMORY, UP_TO_32)),
    family("r7i", Nitro, true, 2, Ladder(MEMORY, &[SMALL, MIDDLE, X24, X48])),
    family("r8i", Nitro, true, 2, Ladder(MEMORY, &[OF_8TH])),
];

/// Graviton types, for hosts of that architecture. Their vCPUs are whole cores.
#[rustfmt::skip]
const ARM_FAMILIES: &[Family] = &[
    family("t4g", Nitro, true, 1, Listed(&[
        ("nano", 2, 512, 2, 2), ("micro", 2, 1024, 2, 2), ("small", 2, 2048, 3, 4), ("medium", 2, 4096, 3, 6),
        ("large", 2, 8192, 3, 12), ("xlarge", 4, 16384, 4, 15), ("2xlarge", 8, 32768, 4, 15)])),
    family("m6g", Nitro, true, 1, Ladder(GENERAL, &[MEDIUM, SMALL, MIDDLE])),
    family("m7g", Nitro, true, 1, Ladder(GENERAL, &[MEDIUM, SMALL, MIDDLE])),
    family("c6g", Nitro, true, 1, Ladder(COMPUTE, &[MEDIUM, SMALL, MIDDLE])),
    family("c7g", Nitro, true, 1, Ladder(COMPUTE, &[MEDIUM, SMALL, MIDDLE])),
    family("r6g", Nitro, true, 1, Ladder(MEMORY, &[MEDIUM, SMALL, MIDDLE])),
    family("r7g", Nitro, true, 1, Ladder(MEMORY, &[MEDIUM, SMALL, MIDDLE])),
];

/// How many volumes and interfaces an instance on the Nitro System can have together, and how many volumes one on Xen.
const MOST_ATTACHMENTS_ON_NITRO: u32 = 28;
const MOST_VOLUMES_ON_XEN: u32 = 40;

/// How many volumes the types of the families can have that do not share the number with interfaces.
fn dedicated_volumes(size: &str) -> u32 {
    match size {
        "16xlarge" => 48,
        "24xlarge" => 64,
        "32xlarge" => 88,
        "48xlarge" | "96xlarge" => 128,
        _ => 32,
    }
}

impl Family {
    fn volume_limit(&self, size: &str) -> VolumeLimit {
        match (self.hypervisor, self.name) {
            (Xen, _) => VolumeLimit::Dedicated(MOST_VOLUMES_ON_XEN),
            (Nitro, "m7a" | "m7i" | "m7i-flex" | "m8i" | "c7a" | "c7i" | "c8i" | "r7i" | "r8i") => {
                VolumeLimit::Dedicated(dedicated_volumes(size))
            }
            (Nitro, _) => VolumeLimit::Shared(MOST_ATTACHMENTS_ON_NITRO),
        }
    }

    fn sizes(&self) -> Vec<Size> {
        match &self.sizes {
            Listed(sizes) => sizes.to_vec(),
            Ladder(mib_per_vcpu, rungs) => rungs
                .iter()
                .copied()
                .flatten()
                .map(|(size, vcpus, interfaces, addresses)| {
                    (*size, *vcpus, vcpus * mib_per_vcpu, *interfaces, *addresses)
                })
                .collect(),
        }
    }

    fn build(
        &self,
        architecture: &'static str,
        (size, vcpus, memory_mib, max_interfaces, max_ipv4_per_interface): Size,
    ) -> InstanceType {
        InstanceType {
            name: format!("{}.{size}", self.name),
            architecture,
            manufacturer: performance::manufacturer(self.name, architecture),
            clock_mhz: performance::clock_mhz(self.name),
            vcpus,
            threads_per_core: if vcpus == 1 { 1 } else { self.threads_per_core },
            memory_mib,
            max_interfaces,
            max_ipv4_per_interface,
            max_ipv6_per_interface: if self.ipv6 { max_ipv4_per_interface } else { 0 },
            network_performance: performance::of_network(self.name, size),
            ebs_performance: performance::of_volumes(self.name, size),
            volume_limit: self.volume_limit(size),
            is_clustered: !self.is_burstable() && !matches!(self.name, "t1" | "m1" | "m3" | "m7i-flex"),
            hypervisor: self.hypervisor,
            is_current_generation: self.current,
            is_burstable: self.is_burstable(),
        }
    }

    fn is_burstable(&self) -> bool {
        matches!(self.name, "t2" | "t3" | "t3a" | "t4g")
    }
}

/// The families of an architecture.
fn families(architecture: &str) -> &'static [Family] {
    if architecture == "arm64" { ARM_FAMILIES } else { X86_FAMILIES }
}

fn find(name: &str, architecture: &'static str) -> Option<InstanceType> {
    let (family, size) = name.split_once('.')?;
    let family = families(architecture).iter().find(|candidate| candidate.name == family)?;
    let found = family.sizes().into_iter().find(|(name, ..)| *name == size);
    found.map(|size| family.build(architecture, size))
}

/// All instance types that the host's architecture can stand for, family by family, small to large.
pub fn instance_types() -> impl Iterator<Item = InstanceType> {
    let families = families(ARCHITECTURE).iter();
    families.flat_map(|family| family.sizes().into_iter().map(|size| family.build(ARCHITECTURE, size)))
}

/// The instance type of that name.
pub fn instance_type(name: &str) -> Option<InstanceType> {
    find(name, ARCHITECTURE)
}

/// The instance type of that name of the architecture that the host does not have: none that could run.
pub fn foreign_instance_type(name: &str) -> Option<InstanceType> {
    find(name, if ARCHITECTURE == "arm64" { "x86_64" } else { "arm64" })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn limits_are_those_of_the_table() {
        let check = |name: &str, expected: Option<(u32, u32, u32, u32)>| {
            let found = instance_type(name).map(|found| {
                (found.vcpus, found.memory_mib, found.max_interfaces, found.max_ipv4_per_interface)
            });
            assert_eq!(found, expected, "{name}");
        };
        check("t2.micro", Some((1, 1024, 2, 2)));
        check("t3.micro", Some((2, 1024, 2, 2)));
        check("m5.large", Some((2, 8192, 3, 10)));
        check("c5.18xlarge", Some((72, 147_456, 15, 50)));
        check("r6i.32xlarge", Some((128, 1_048_576, 15, 50)));
        check("m8i.large", Some((2, 8192, 3, 20)));
        check(DEFAULT_INSTANCE_TYPE, Some((1, 1740, 2, 4)));
        for unknown in ["", "t3", "t3.", ".micro", "t3.huge", "m5.32xlarge", "T3.micro", "t3.micro "] {
            check(unknown, None);
        }
    }

    #[test]
    fn every_size_has_its_bandwidth_to_volumes() {
        let own = |name: &str| {
            let of = |kind: InstanceType| (kind.ebs_performance, kind.network_performance);
            instance_type(name).or_else(|| foreign_instance_type(name)).map(of)
        };
        for name in instance_types().map(|kind| kind.name) {
            let small = ["t1.", "t2.", "m1.small", "m1.medium", "m3.medium", "m3.large"];
            let is_without = small.iter().any(|small| name.starts_with(small));
            assert_eq!(own(&name).unwrap().0.is_none(), is_without, "{name}");
        }
        let check = |name: &str, mbps: (u32, u32), iops: (u32, u32), network: &str| {
            let (ebs, found) = own(name).unwrap();
            let ebs = ebs.unwrap();
            assert_eq!((ebs.baseline_mbps, ebs.maximum_mbps), mbps, "{name}");
            assert_eq!((ebs.baseline_iops, ebs.maximum_iops), iops, "{name}");
            assert_eq!(found, network, "{name}");
        };
        check("t3.micro", (87, 2085), (500, 11800), "Up to 5 Gigabit");
        check("m5.large", (650, 4750), (3600, 18750), "Up to 10 Gigabit");
        check("m6i.32xlarge", (40000, 40000), (160_000, 160_000), "50 Gigabit");
        check("m7i-flex.8xlarge", (5000, 10000), (20000, 40000), "Up to 12.5 Gigabit");
        check("m6g.8xlarge", (9500, 9500), (40000, 40000), "12 Gigabit");
        check("c7g.medium", (315, 10000), (2500, 40000), "Up to 12.5 Gigabit");
    }

    #[test]
    fn names_are_unique_and_found() {
        let mut seen = HashSet::new();
        for listed in instance_types() {
            assert!(seen.insert(listed.name.clone()), "{}", listed.name);
            assert_eq!(instance_type(&listed.name).as_ref(), Some(&listed));
            assert_eq!(foreign_instance_type(&listed.name), None);
            assert_eq!(listed.vcpus % listed.threads_per_core, 0, "{}", listed.name);
        }
    }
}
