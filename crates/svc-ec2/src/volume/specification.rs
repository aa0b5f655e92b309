//! What a volume is: its type, size, performance and encryption.
//!
//! Owns AWS's limits for them and what holds where a request says nothing. Refuses to know who asks: a launch,
//! CreateVolume and ModifyVolume say the same in other words.
//! <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html>

use aws_types::SnapshotId;
use serde::{Deserialize, Serialize};
use service_api::ServiceError;

use crate::error;
use crate::snapshot::Source;

/// What gp3 has without asking for more.
const GP3_IOPS: u32 = 3000;
const GP3_THROUGHPUT_MIBPS: u32 = 125;
const GP3_MOST_THROUGHPUT_MIBPS: u32 = 2000;
/// How many operations per second a gp3 volume has at least for each MiB/s.
const GP3_IOPS_PER_MIBPS: u32 = 4;
/// What a type with provisioned operations gets when another one is made into it.
const CHANGED_IOPS: i32 = 3000;

/// A type of volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VolumeType {
    /// Magnetic.
    Standard,
    /// General purpose, with operations by size.
    Gp2,
    /// General purpose.
    Gp3,
    /// Provisioned operations.
    Io1,
    /// Provisioned operations, more of them.
    Io2,
    /// Throughput.
    St1,
    /// Cold.
    Sc1,
}

impl VolumeType {
    const ALL: [Self; 7] = [Self::Standard, Self::Gp2, Self::Gp3, Self::Io1, Self::Io2, Self::St1, Self::Sc1];

    /// As answers print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Gp2 => "gp2",
            Self::Gp3 => "gp3",
            Self::Io1 => "io1",
            Self::Io2 => "io2",
            Self::St1 => "st1",
            Self::Sc1 => "sc1",
        }
    }

    /// # Errors
    /// `UnknownVolumeType`.
    pub(crate) fn parse(text: &str) -> Result<Self, ServiceError> {
        Self::ALL.into_iter().find(|known| known.as_str() == text).ok_or_else(|| {
            let message = format!("Unsupported volume type '{text}' for volume creation.");
            ServiceError::new("UnknownVolumeType", message)
        })
    }

    /// The smallest and the largest, in GiB.
    fn sizes_gib(self) -> (u32, u32) {
        match self {
            Self::Standard => (1, 1024),
            Self::Gp2 => (1, 16_384),
            Self::Gp3 => (1, 65_536),
            Self::Io1 => (4, 16_384),
            Self::Io2 => (4, 65_536),
            Self::St1 | Self::Sc1 => (125, 16_384),
        }
    }

    /// The fewest and the most operations per second that can be asked for, and the most for each GiB.
    fn iops(self) -> Option<(u32, u32, u32)> {
        match self {
            Self::Gp3 => Some((GP3_IOPS, 80_000, 500)),
            Self::Io1 => Some((100, 64_000, 50)),
            Self::Io2 => Some((100, 256_000, 1000)),
            Self::Standard | Self::Gp2 | Self::St1 | Self::Sc1 => None,
        }
    }
}

/// What a volume is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSpecification {
    /// Its type.
    pub volume_type: VolumeType,
    /// Its size in GiB.
    pub size_gib: u32,
    /// Operations per second, where the type has such.
    pub iops: Option<u32>,
    /// Throughput in MiB/s, where the type has such.
    pub throughput_mibps: Option<u32>,
    /// Whether it was to be encrypted.
    pub is_encrypted: bool,
    /// The snapshot that it was made from.
    pub snapshot: Option<SnapshotId>,
}

/// What a request says of a volume.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) volume_type: Option<&'a str>,
    pub(crate) size: Option<i32>,
    pub(crate) iops: Option<i32>,
    pub(crate) throughput: Option<i32>,
    pub(crate) encrypted: Option<bool>,
}

impl VolumeSpecification {
    /// What a request asks for; `size_gib` is what holds where it says no size.
    ///
    /// # Errors
    /// A type that there is not; a size or performance that the type does not have.
    pub(crate) fn made(
        wanted: Wanted<'_>,
        default_type: VolumeType,
        size_gib: u32,
        source: Option<&Source>,
    ) -> Result<Self, ServiceError> {
        let volume_type = wanted.volume_type.map(VolumeType::parse).transpose()?.unwrap_or(default_type);
        let size_gib = size(volume_type, wanted.size, size_gib)?;
        if wanted.iops.is_none() && matches!(volume_type, VolumeType::Io1 | VolumeType::Io2) {
            let message =
                format!("The parameter iops must be specified for {} volumes.", volume_type.as_str());
            return Err(ServiceError::new("MissingParameter", message));
        }
        Self {
            volume_type,
            size_gib,
            iops: None,
            throughput_mibps: None,
            is_encrypted: wanted.encrypted == Some(true) || source.is_some_and(|source| source.is_encrypted),
            snapshot: source.map(|source| source.id),
        }
        .with_performance(&wanted)
    }

    /// What a modification makes of it. A new type begins with the type's own performance.
    ///
    /// # Errors
    /// As for a new volume, and `InvalidParameterValue` for a smaller size.
    pub(crate) fn modified(&self, wanted: Wanted<'_>) -> Result<Self, ServiceError> {
        let volume_type = wanted.volume_type.map(VolumeType::parse).transpose()?.unwrap_or(self.volume_type);
        let size_gib = size(volume_type, wanted.size, self.size_gib)?;
        if size_gib < self.size_gib {
            return Err(error::invalid_value("New size cannot be smaller than existing size"));
        }
        let is_same = volume_type == self.volume_type;
        let held = |value: Option<u32>| value.filter(|_| is_same).and_then(|value| i32::try_from(value).ok());
        let begins = if is_same || volume_type.iops().is_none() { None } else { Some(CHANGED_IOPS) };
        let has_own_iops = volume_type.iops().is_some();
        let wanted = Wanted {
            iops: wanted.iops.or(held(self.iops).filter(|_| has_own_iops)).or(begins),
            throughput: wanted
                .throughput
                .or(held(self.throughput_mibps).filter(|_| volume_type == VolumeType::Gp3)),
            ..wanted
        };
        Self { volume_type, size_gib, ..self.clone() }.with_performance(&wanted)
    }

    fn with_performance(self, wanted: &Wanted<'_>) -> Result<Self, ServiceError> {
        let iops = self.wanted_iops(wanted.iops)?;
        let throughput_mibps = self.wanted_throughput(wanted.throughput, iops)?;
        Ok(Self { iops, throughput_mibps, ..self })
    }

    fn wanted_iops(&self, wanted: Option<i32>) -> Result<Option<u32>, ServiceError> {
        let Some((least, most, most_per_gib)) = self.volume_type.iops() else {
            if wanted.is_some() {
                return Err(not_supported("iops", self.volume_type));
            }
            // Three for each GiB, and at least 100.
            let by_size = self.size_gib.saturating_mul(3).clamp(100, 16_000);
            return Ok((self.volume_type == VolumeType::Gp2).then_some(by_size));
        };
        let Some(wanted) = wanted else { return Ok(Some(least)) };
        let iops = match u32::try_from(wanted) {
            Ok(iops) if iops > most => {
                let message = format!("Volume iops of {iops} is too high; maximum is {most}.");
                return Err(error::invalid_value(message));
            }
            Ok(iops) if iops >= least => iops,
            _ => {
                let message = format!("Volume iops of {wanted} is too low; minimum is {least}.");
                return Err(error::invalid_value(message));
            }
        };
        let is_basic = self.volume_type == VolumeType::Gp3 && iops == GP3_IOPS;
        if !is_basic && u64::from(iops) > u64::from(most_per_gib) * u64::from(self.size_gib) {
            return Err(error::invalid_value(format!(
                "Iops to volume size ratio of {:.6} is too high; maximum is {:.6}",
                f64::from(iops) / f64::from(self.size_gib),
                f64::from(most_per_gib)
            )));
        }
        Ok(Some(iops))
    }

    fn wanted_throughput(&self, wanted: Option<i32>, iops: Option<u32>) -> Result<Option<u32>, ServiceError> {
        if self.volume_type != VolumeType::Gp3 {
            return if wanted.is_some() {
                Err(not_supported("throughput", self.volume_type))
            } else {
                Ok(None)
            };
        }
        let Some(wanted) = wanted else { return Ok(Some(GP3_THROUGHPUT_MIBPS)) };
        let range = GP3_THROUGHPUT_MIBPS..=GP3_MOST_THROUGHPUT_MIBPS;
        let Some(throughput) = u32::try_from(wanted).ok().filter(|wanted| range.contains(wanted)) else {
            let why = format!(
                "Throughput must be between {GP3_THROUGHPUT_MIBPS} and {GP3_MOST_THROUGHPUT_MIBPS} MiB/s."
            );
            return Err(error::invalid_value_for(wanted, "throughput", &why));
        };
        let iops = iops.unwrap_or(GP3_IOPS);
        if throughput * GP3_IOPS_PER_MIBPS > iops {
            return Err(error::invalid_value(format!(
                "Throughput (MiBps) to iops ratio of {:.6} is too high; maximum is 0.250000 MiBps per iops",
                f64::from(throughput) / f64::from(iops)
            )));
        }
        Ok(Some(throughput))
    }
}

fn not_supported(parameter: &str, volume_type: VolumeType) -> ServiceError {
    error::combination(format!(
        "The parameter {parameter} is not supported for {} volumes.",
        volume_type.as_str()
    ))
}

fn size(volume_type: VolumeType, wanted: Option<i32>, default_gib: u32) -> Result<u32, ServiceError> {
    let (least, most) = volume_type.sizes_gib();
    let name = volume_type.as_str();
    match wanted.map_or(Ok(default_gib), u32::try_from) {
        Ok(size) if size > most => Err(error::invalid_value(format!(
            "Volume of {size}GiB is too large for volume type {name}; maximum is {most}GiB."
        ))),
        Ok(size) if size >= least => Ok(size),
        Ok(_) | Err(_) => Err(error::invalid_value(format!(
            "Volume of {}GiB is too small for volume type {name}; minimum is {least}GiB.",
            wanted.map_or(i64::from(default_gib), i64::from)
        ))),
    }
}
