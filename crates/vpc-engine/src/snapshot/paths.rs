//! Paths with conditions of their own, and which of them a step of a packet's way takes.
//!
//! Owns what was said about paths, compiled by zone and by host. Refuses to know what a condition does to a packet. Where no
//! path has a condition, nothing is here and nothing is looked up.

use std::net::IpAddr;
use std::sync::Arc;

use aws_types::AvailabilityZone;
use rustc_hash::{FxHashMap, FxHashSet};
use vpc_model::{Path, PathEnds, PathId};

use super::index::Map;
use crate::verdict::Leg;

/// What was said about paths, and what follows from it.
#[derive(Clone, Default)]
pub(crate) struct Paths {
    all: Map<PathId, Arc<Path>>,
    compiled: Option<Arc<Compiled>>,
}

/// The paths as packets need them.
#[derive(Default)]
struct Compiled {
    zones: FxHashMap<AvailabilityZone, FxHashMap<AvailabilityZone, Leg>>,
    hosts: FxHashMap<IpAddr, PathId>,
}

/// What a change of paths touches.
#[derive(Default)]
pub(super) struct TouchedPaths {
    /// The paths that are other than they were.
    pub(super) paths: Vec<PathId>,
    /// Zones between which ways may be other than they were.
    pub(super) zones: FxHashSet<AvailabilityZone>,
    /// Whether ways to and from hosts of the internet may be.
    pub(super) hosts: bool,
}

impl Paths {
    pub(super) fn set(&mut self, id: PathId, path: Option<&Path>, touched: &mut TouchedPaths) {
        if self.all.get(&id).map(Arc::as_ref) == path {
            return;
        }
        let old = match path {
            Some(path) => self.all.insert(id, Arc::new(path.clone())),
            None => self.all.remove(&id),
        };
        for path in old.as_deref().into_iter().chain(path) {
            match &path.ends {
                PathEnds::Zones(one, other) => touched.zones.extend(one.iter().chain(other).cloned()),
                PathEnds::InternetHost(_) => touched.hosts = true,
            }
        }
        touched.paths.push(id);
    }

    pub(super) fn compile(&mut self, touched: &TouchedPaths) {
        if touched.paths.is_empty() {
            return;
        }
        let mut compiled = Compiled::default();
        for path in self.all.values() {
            let id = path.id;
            match &path.ends {
                PathEnds::Zones(one, other) => {
                    for (from, to) in one.iter().flat_map(|from| other.iter().map(move |to| (from, to))) {
                        let mut put = |from: &AvailabilityZone, to: &AvailabilityZone, is_back| {
                            let from = compiled.zones.entry(from.clone()).or_default();
                            from.insert(to.clone(), Leg { path: id, is_back });
                        };
                        put(to, from, true);
                        // Within a zone there is no back.
                        put(from, to, false);
                    }
                }
                PathEnds::InternetHost(addresses) => {
                    compiled.hosts.extend(addresses.iter().map(|&address| (address, id)));
                }
            }
        }
        self.compiled = (!self.all.is_empty()).then(|| Arc::new(compiled));
    }

    /// Every path that has a condition.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Path> {
        self.all.values().map(Arc::as_ref)
    }

    /// The path from one zone to another.
    pub(crate) fn between(&self, from: &AvailabilityZone, to: &AvailabilityZone) -> Option<Leg> {
        self.compiled.as_ref()?.zones.get(from)?.get(to).copied()
    }

    /// The path between a host of the internet and all others.
    pub(crate) fn of_host(&self, address: IpAddr, is_back: bool) -> Option<Leg> {
        let path = *self.compiled.as_ref()?.hosts.get(&address)?;
        Some(Leg { path, is_back })
    }
}
