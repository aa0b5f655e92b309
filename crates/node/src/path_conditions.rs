//! Conditions of paths between zones and between regions, as somebody has set them: their records, and what the network is
//! told of them. Those of the internet's hosts are part of the hosts' records, and are set here too.
//!
//! Owns which paths there are and how they are named. Refuses to know which packets take them and what a condition does.

use std::io;

use aws_catalog::RegionFacts;
use aws_types::{AvailabilityZone, Region};
use internet::HostName;
use serde::{Deserialize, Serialize};
use store::{Change, Read, Record, RecordKind, Revision, Snapshot, Store, StoreError, Transaction};
use tokio::sync::watch;
use vpc_model::{Bandwidth, Condition, Delta, Latency, Loss, Path, PathEnds, PathId};

use crate::control::{self, Question};
use crate::internet_hosts::{self, HostRecord, scope};
use crate::paths::RunDir;
use crate::topology::wait_until_enforced;

/// A path with a condition, as its ends are called. The order of the ends makes no difference.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathName {
    /// Between two zones of a region, or within one.
    Zones(AvailabilityZone, AvailabilityZone),
    /// Between two regions.
    Regions(Region, Region),
    /// Between a declared host of the internet and all others.
    Internet(HostName),
}

/// What is to be changed of a condition; the rest stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConditionChange {
    /// How long packets take one way.
    pub latency: Option<Latency>,
    /// What is lost.
    pub loss: Option<Loss>,
    /// How much passes.
    pub bandwidth: Option<Bandwidth>,
}

impl ConditionChange {
    /// Takes away all that there is.
    pub fn clear() -> Self {
        let Condition { latency, loss, bandwidth } = Condition::default();
        Self { latency: Some(latency), loss: Some(loss), bandwidth: Some(bandwidth) }
    }

    fn apply(self, to: Condition) -> Condition {
        Condition {
            latency: self.latency.unwrap_or(to.latency),
            loss: self.loss.unwrap_or(to.loss),
            bandwidth: self.bandwidth.unwrap_or(to.bandwidth),
        }
    }
}

/// A path with its condition, as `brume net conditions` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathStatus {
    /// What reasons of drops call it.
    pub id: String,
    /// What it lies between: `zones`, `regions` or `internet`.
    pub kind: String,
    /// The names of its ends; of one that lies within a zone there is one.
    pub between: Vec<String>,
    /// How long packets take one way, in microseconds.
    pub latency_micros: u32,
    /// How many are lost, in millionths.
    pub loss_millionths: u32,
    /// How many bits pass in a second in each direction; all that come if there is no number.
    pub bandwidth_bits_per_sec: Option<u64>,
}

impl PathStatus {
    fn of(name: &PathName, condition: Condition) -> Self {
        let (kind, mut between) = match name {
            PathName::Zones(one, other) => ("zones", vec![one.to_string(), other.to_string()]),
            PathName::Regions(one, other) => ("regions", vec![one.to_string(), other.to_string()]),
            PathName::Internet(host) => ("internet", vec![host.to_string()]),
        };
        between.dedup();
        Self {
            id: name.id().to_string(),
            kind: kind.to_owned(),
            between,
            latency_micros: condition.latency.micros(),
            loss_millionths: condition.loss.millionths(),
            bandwidth_bits_per_sec: condition.bandwidth.bits_per_sec(),
        }
    }

    /// The condition.
    pub fn condition(&self) -> Condition {
        Condition {
            latency: self.latency_micros.try_into().unwrap_or_default(),
            loss: self.loss_millionths.try_into().unwrap_or_default(),
            bandwidth: self.bandwidth_bits_per_sec.unwrap_or_default().try_into().unwrap_or_default(),
        }
    }

    /// Asks the daemon of a run directory for every path with a condition.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub fn list(run_dir: &RunDir) -> io::Result<Vec<Self>> {
        control::ask(run_dir, &Question::ListPaths)
    }

    /// Asks the daemon of a run directory to change the condition of a path. Answers what it is then.
    ///
    /// # Errors
    /// When there is no such path, or it does not answer in time.
    pub fn set(run_dir: &RunDir, name: PathName, change: ConditionChange) -> io::Result<Self> {
        control::ask(run_dir, &Question::SetPath { name, change })
    }
}

/// Why a condition cannot be set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PathError {
    /// There is no such zone.
    #[error(
        "there is no zone {0}; `aws ec2 describe-availability-zones --region REGION` shows those of a region"
    )]
    NoSuchZone(AvailabilityZone),
    /// There is no such region.
    #[error("there is no region {0}; `aws ec2 describe-regions --all-regions` shows those that there are")]
    NoSuchRegion(Region),
    /// The zones are in two regions.
    #[error(
        "{0} and {1} are in two regions, whose zones have one condition; set it with `brume net set regions {2} {3}`"
    )]
    TwoRegions(AvailabilityZone, AvailabilityZone, Region, Region),
    /// Both are one region.
    #[error("{0} is one region; what is within it is set with `brume net set zones`")]
    OneRegion(Region),
    /// There is no such host.
    #[error("there is no host {0}; `brume internet list` shows those that there are")]
    NoSuchHost(HostName),
    /// The state.
    #[error("the condition could not be stored: {0}")]
    Store(#[from] StoreError),
}

/// A path between zones or regions that somebody has set a condition of. Stored for the whole cloud.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PathRecord {
    name: PathName,
    condition: Condition,
}

impl Record for PathRecord {
    const KIND: &'static str = "network.path";
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<PathRecord>()];

impl PathName {
    /// The same with its ends in order.
    fn sorted(self) -> Self {
        match self {
            Self::Zones(one, other) if one > other => Self::Zones(other, one),
            Self::Regions(one, other) if one > other => Self::Regions(other, one),
            sorted => sorted,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Zones(one, other) => format!("zones {one} {other}"),
            Self::Regions(one, other) => format!("regions {one} {other}"),
            Self::Internet(host) => format!("internet {host}"),
        }
    }

    pub(crate) fn id(&self) -> PathId {
        PathId::of_name(&self.text())
    }

    /// Whether there can be such a path.
    fn check(&self) -> Result<(), PathError> {
        match self {
            Self::Zones(one, other) => {
                let [in_one, in_other] = [one, other]
                    .map(|zone| region_of(zone).ok_or_else(|| PathError::NoSuchZone(zone.clone())));
                let (in_one, in_other) = (in_one?.region(), in_other?.region());
                match in_one == in_other {
                    true => Ok(()),
                    false => Err(PathError::TwoRegions(one.clone(), other.clone(), in_one, in_other)),
                }
            }
            Self::Regions(one, other) => {
                for region in [one, other] {
                    aws_catalog::region(region).ok_or_else(|| PathError::NoSuchRegion(region.clone()))?;
                }
                if one == other { Err(PathError::OneRegion(one.clone())) } else { Ok(()) }
            }
            // Whoever writes the record finds the host or does not.
            Self::Internet(_) => Ok(()),
        }
    }
}

/// The names of a region's zones, which are the same in every account.
fn zones(region: &Region) -> Vec<AvailabilityZone> {
    let zones = aws_catalog::zones(region, scope().account);
    zones.into_iter().map(|zone| zone.name).collect()
}

fn region_of(zone: &AvailabilityZone) -> Option<&'static RegionFacts> {
    aws_catalog::regions().iter().find(|facts| zones(&facts.region()).contains(zone))
}

/// Conditions of a running cloud.
pub(crate) struct Paths {
    store: Store,
    enforced: watch::Receiver<Revision>,
    runtime: tokio::runtime::Handle,
}

impl Paths {
    pub(crate) fn new(store: Store, enforced: watch::Receiver<Revision>) -> Self {
        Self { store, enforced, runtime: tokio::runtime::Handle::current() }
    }

    /// Changes a condition, and returns when packets meet it.
    ///
    /// # Errors
    /// When there is no such path, or the state cannot be written; nothing is changed then.
    pub(crate) fn set(&self, name: PathName, change: ConditionChange) -> Result<PathStatus, PathError> {
        name.check()?;
        let name = name.sorted();
        let condition = self.store.transact(|transaction| set(transaction, &name, change))?;
        wait_until_enforced(&self.store, &self.enforced, &self.runtime);
        Ok(PathStatus::of(&name, condition))
    }

    /// Every path that has a condition.
    pub(crate) fn list(&self) -> Vec<PathStatus> {
        let snapshot = self.store.snapshot();
        let between =
            snapshot.scan_all::<PathRecord>().map(|(_, _, record)| (record.name.clone(), record.condition));
        let hosts = internet_hosts::conditions(&snapshot);
        let hosts = hosts.map(|(name, condition)| (PathName::Internet(name), condition));
        let mut all: Vec<(PathName, Condition)> = between.chain(hosts).collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all.iter().map(|(name, condition)| PathStatus::of(name, *condition)).collect()
    }
}

fn set(
    transaction: &mut Transaction,
    name: &PathName,
    change: ConditionChange,
) -> Result<Condition, PathError> {
    let id = match name {
        PathName::Internet(host) => {
            let record = transaction.get::<HostRecord>(&scope(), host.as_str());
            let record = record.ok_or_else(|| PathError::NoSuchHost(host.clone()))?;
            let condition = change.apply(record.condition);
            if condition != record.condition {
                let mut record = HostRecord::clone(&record);
                record.condition = condition;
                transaction.put(&scope(), host.as_str(), record);
            }
            return Ok(condition);
        }
        PathName::Zones(one, other) => format!("{one}+{other}"),
        PathName::Regions(one, other) => format!("{one}+{other}"),
    };
    let before = transaction.get::<PathRecord>(&scope(), &id);
    let before = before.map(|record| record.condition).unwrap_or_default();
    let condition = change.apply(before);
    if condition.is_none() {
        transaction.delete::<PathRecord>(&scope(), &id);
    } else if condition != before {
        transaction.put(&scope(), &id, PathRecord { name: name.clone(), condition });
    }
    Ok(condition)
}

fn path(record: &PathRecord) -> Path {
    let (one, other) = match &record.name {
        PathName::Zones(one, other) => (vec![one.clone()], vec![other.clone()]),
        PathName::Regions(one, other) => (zones(one), zones(other)),
        PathName::Internet(_) => (Vec::new(), Vec::new()),
    };
    Path { id: record.name.id(), ends: PathEnds::Zones(one, other), condition: record.condition }
}

/// What all records mean to the network.
pub(crate) fn everything(snapshot: &Snapshot) -> Vec<Delta> {
    snapshot.scan_all::<PathRecord>().map(|(_, _, record)| path(&record).into()).collect()
}

/// What a change means to the network: nothing, unless it is one of a path.
pub(crate) fn changed(change: &Change) -> Option<Delta> {
    let (before, after) = (change.before::<PathRecord>(), change.after::<PathRecord>());
    match (before, after) {
        (_, Some(after)) => Some(path(&after).into()),
        (Some(before), None) => Some(Delta::Remove(before.name.id().into())),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use store::MemoryBackend;
    use vpc_model::{Object, ObjectId};

    use super::*;

    fn zones_named(one: &str, other: &str) -> PathName {
        PathName::Zones(one.parse().unwrap(), other.parse().unwrap())
    }

    fn regions_named(one: &str, other: &str) -> PathName {
        PathName::Regions(one.parse().unwrap(), other.parse().unwrap())
    }

    fn latency(text: &str) -> ConditionChange {
        ConditionChange { latency: Some(text.parse().unwrap()), ..ConditionChange::default() }
    }

    #[tokio::test]
    async fn paths_are_between_what_there_is_and_what_is_not_named_stays() {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let (_sender, enforced) = watch::channel(Revision::default());
        let paths = Paths::new(store, enforced);
        let set = |name: PathName, change: ConditionChange| {
            name.check()?;
            let name = name.sorted();
            paths.store.transact(|transaction| set(transaction, &name, change))
        };
        for (wrong, expected) in [
            (zones_named("us-east-1a", "us-east-1x"), "there is no zone us-east-1x"),
            (zones_named("us-east-1a", "eu-west-1a"), "`brume net set regions us-east-1 eu-west-1`"),
            (regions_named("us-east-1", "us-east-9"), "there is no region us-east-9"),
            (regions_named("us-east-1", "us-east-1"), "`brume net set zones`"),
            (PathName::Internet("example.org".parse().unwrap()), "there is no host example.org"),
        ] {
            let error = set(wrong, latency("2ms")).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(paths.list(), []);
        set(zones_named("us-east-1b", "us-east-1a"), latency("2ms")).unwrap();
        let loss = ConditionChange { loss: Some("0.5%".parse().unwrap()), ..ConditionChange::default() };
        set(zones_named("us-east-1a", "us-east-1b"), loss).unwrap();
        set(zones_named("us-east-1c", "us-east-1c"), latency("1ms")).unwrap();
        set(regions_named("us-east-1", "eu-west-1"), latency("40ms")).unwrap();
        let shown: Vec<_> = paths
            .list()
            .into_iter()
            .map(|status| (status.between.join(" "), status.latency_micros, status.loss_millionths))
            .collect();
        let expected = [
            ("us-east-1a us-east-1b".to_owned(), 2000, 5000),
            ("us-east-1c".to_owned(), 1000, 0),
            ("eu-west-1 us-east-1".to_owned(), 40_000, 0),
        ];
        assert_eq!(shown, expected);
        set(zones_named("us-east-1b", "us-east-1a"), ConditionChange::clear()).unwrap();
        assert_eq!(paths.list().len(), 2);
        set(zones_named("us-east-1c", "us-east-1c"), latency("0ms")).unwrap();
        assert_eq!(paths.list().len(), 1, "a path without a condition is none");
    }

    #[tokio::test]
    async fn the_engine_is_told_of_paths_that_come_change_and_go() {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let mut tail = store.tail(store.snapshot().revision());
        let mut set = async |name: PathName, change: ConditionChange| -> Vec<Delta> {
            store.transact(|transaction| set(transaction, &name, change)).unwrap();
            tail.changed().await.unwrap().changes.iter().filter_map(changed).collect()
        };
        let name = regions_named("eu-west-1", "us-west-1");
        let told = set(name.clone(), latency("70ms")).await;
        let [Delta::Put(Object::Path(path))] = &told[..] else { panic!("{told:?}") };
        let PathEnds::Zones(one, other) = &path.ends else { panic!("{path:?}") };
        assert_eq!((one.len(), other.len()), (3, 2), "all zones of both");
        assert_eq!((path.id, path.condition.latency.micros()), (name.id(), 70_000));
        assert_eq!(set(name.clone(), latency("80ms")).await.len(), 1);
        assert_eq!(everything(&store.snapshot()).len(), 1);
        let told = set(name.clone(), ConditionChange::clear()).await;
        assert_eq!(told, [Delta::Remove(ObjectId::Path(name.id()))]);
        assert_eq!(everything(&store.snapshot()), []);
    }
}
