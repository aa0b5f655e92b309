//! The index in memory.
//!
//! Owns which events there are, by account and region, with what they are found by. Texts that many events have are kept
//! once. Refuses to know files: an event is a place in a segment.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use aws_types::{AccountId, Region, Timestamp};
use cloudtrail_events::{Attribute, Category, Facts, Query};

use crate::{Recent, segment};

/// Where an event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) length: u32,
}

/// An account and a region.
type Place = Arc<(AccountId, Region)>;

struct Entry {
    location: Location,
    time: Timestamp,
    /// The latest time of this event and of all that were written before it in its place: they are nearly in order.
    latest: Timestamp,
    place: Place,
    event_id: Arc<str>,
    name: Arc<str>,
    source: Arc<str>,
    username: Option<Arc<str>>,
    access_key_id: Option<Arc<str>>,
    /// Types and names.
    resources: Box<[(Arc<str>, Arc<str>)]>,
    read_only: bool,
    is_error: bool,
    is_management: bool,
}

impl Entry {
    fn has(&self, attribute: &Attribute) -> bool {
        match attribute {
            Attribute::EventId(id) => *self.event_id == **id,
            Attribute::EventName(name) => *self.name == **name,
            Attribute::ReadOnly(read_only) => self.read_only == *read_only,
            Attribute::Username(name) => self.username.as_deref() == Some(name),
            Attribute::ResourceType(kind) => self.resources.iter().any(|(held, _)| **held == **kind),
            Attribute::ResourceName(name) => self.resources.iter().any(|(_, held)| **held == **name),
            Attribute::EventSource(source) => *self.source == **source,
            Attribute::AccessKeyId(key) => self.access_key_id.as_deref() == Some(key),
        }
    }

    fn is_wanted(&self, wanted: &Recent) -> bool {
        let is_of_service = |service: &String| {
            *self.source == **service || self.source.split('.').next() == Some(service.as_str())
        };
        wanted.account.is_none_or(|account| self.place.0 == account)
            && wanted.service.as_ref().is_none_or(is_of_service)
            && (self.is_error || !wanted.errors_only)
    }
}

/// The events that there are.
#[derive(Default)]
pub(crate) struct Index {
    /// By their numbers, oldest first. Some in between may have been forgotten.
    entries: BTreeMap<u64, Entry>,
    /// The number of the newest there ever was.
    newest: u64,
    by_id: HashMap<Arc<str>, u64>,
    by_place: HashMap<Place, VecDeque<u64>>,
    texts: HashSet<Arc<str>>,
}

impl Index {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&text));
        text
    }

    /// Adds the newest event.
    pub(crate) fn add(&mut self, location: Location, facts: &Facts) {
        let place = (facts.account, facts.region.clone());
        let place = match self.by_place.get_key_value(&place) {
            Some((place, _)) => Arc::clone(place),
            None => Arc::new(place),
        };
        let resources =
            facts.resources.iter().map(|one| (self.text(&one.kind), self.text(&one.name))).collect();
        let of_place = self.by_place.get(&place).and_then(|of_place| of_place.back());
        let latest = of_place.and_then(|sequence| self.entries.get(sequence)).map(|entry| entry.latest);
        let event_id: Arc<str> = facts.event_id.as_str().into();
        let entry = Entry {
            location,
            time: facts.event_time,
            latest: latest.map_or(facts.event_time, |latest| latest.max(facts.event_time)),
            place: Arc::clone(&place),
            event_id: Arc::clone(&event_id),
            name: self.text(&facts.event_name),
            source: self.text(&facts.event_source),
            username: facts.username.as_deref().map(|name| self.text(name)),
            access_key_id: facts.access_key_id.as_deref().map(|key| self.text(key)),
            resources,
            read_only: facts.read_only,
            is_error: facts.is_error,
            is_management: facts.category == Category::Management,
        };
        self.newest += 1;
        self.by_place.entry(place).or_default().push_back(self.newest);
        self.by_id.insert(event_id, self.newest);
        self.entries.insert(self.newest, entry);
    }

    /// Whether there is an event of that id.
    pub(crate) fn has(&self, event_id: &str) -> bool {
        self.by_id.contains_key(event_id)
    }

    /// The events of these segments but those of some accounts, oldest first: numbers, places and times.
    pub(crate) fn of_segments(
        &self,
        segments: &[u64],
        without: &BTreeSet<AccountId>,
    ) -> Vec<(u64, Location, AccountId, Timestamp)> {
        let of_segments = self.entries.iter().filter(|(_, entry)| segments.contains(&entry.location.segment));
        let kept = of_segments.filter(|(_, entry)| !without.contains(&entry.place.0));
        kept.map(|(sequence, entry)| (*sequence, entry.location, entry.place.0, entry.time)).collect()
    }

    /// Forgets the events of these segments, but for those that are somewhere else now.
    pub(crate) fn replace_segments(&mut self, segments: &[u64], moved: &HashMap<u64, Location>) {
        let mut gone: HashMap<Place, HashSet<u64>> = HashMap::new();
        let by_id = &mut self.by_id;
        self.entries.retain(|sequence, entry| {
            if !segments.contains(&entry.location.segment) {
                return true;
            }
            if let Some(location) = moved.get(sequence) {
                entry.location = *location;
                return true;
            }
            if by_id.get(&entry.event_id) == Some(sequence) {
                by_id.remove(&entry.event_id);
            }
            gone.entry(Arc::clone(&entry.place)).or_default().insert(*sequence);
            false
        });
        for (place, gone) in gone {
            let Some(of_place) = self.by_place.get_mut(&place) else { continue };
            of_place.retain(|sequence| !gone.contains(sequence));
            if of_place.is_empty() {
                self.by_place.remove(&place);
            }
        }
        self.texts.retain(|text| Arc::strong_count(text) > 1);
    }

    /// The events that a query is about, newest first, and where the next page begins.
    pub(crate) fn lookup(
        &self,
        query: &Query,
        oldest_kept: Timestamp,
    ) -> (Vec<(u64, Location)>, Option<u64>) {
        let Some(of_place) = self.by_place.get(&(query.account, query.region.clone())) else {
            return Default::default();
        };
        let start = query.start.map_or(oldest_kept, |start| start.max(oldest_kept));
        let end = of_place.partition_point(|sequence| query.before.is_none_or(|before| *sequence < before));
        let mut found = Vec::new();
        let candidates = of_place.range(..end).rev().map_while(|sequence| {
            let entry = self.entries.get(sequence)?;
            // All that were written before it are too old, too.
            (entry.latest.unix_secs() >= start.unix_secs()).then_some((*sequence, entry))
        });
        let of_id = match &query.attribute {
            Some(Attribute::EventId(id)) => Some(self.of_id(id)),
            _ => None,
        };
        let is_before = |sequence: u64| query.before.is_none_or(|before| sequence < before);
        let candidates: Box<dyn Iterator<Item = (u64, &Entry)>> = match of_id {
            Some(of_id) => Box::new(of_id.into_iter().filter(|(sequence, _)| is_before(*sequence))),
            None => Box::new(candidates),
        };
        let is_of_place = |entry: &Entry| entry.place.0 == query.account && entry.place.1 == query.region;
        for (sequence, entry) in candidates {
            // Events tell whole seconds, and so do the bounds of those who ask.
            let second = entry.time.unix_secs();
            let is_in_time =
                second >= start.unix_secs() && query.end.is_none_or(|end| second <= end.unix_secs());
            let is_wanted = entry.is_management
                && is_in_time
                && is_of_place(entry)
                && query.attribute.as_ref().is_none_or(|one| entry.has(one));
            if !is_wanted {
                continue;
            }
            if found.len() == query.limit {
                let next = found.last().map(|(sequence, _)| *sequence);
                return (found, next);
            }
            found.push((sequence, entry.location));
        }
        (found, None)
    }

    fn of_id(&self, event_id: &str) -> Option<(u64, &Entry)> {
        let sequence = *self.by_id.get(event_id)?;
        Some((sequence, self.entries.get(&sequence)?))
    }

    /// Those of the events that are wanted, oldest first: the next after a number where there is one, and else the newest.
    /// Beside them the number up to which events have been looked at, and whether there are more.
    pub(crate) fn recent(&self, wanted: &Recent) -> (Vec<(u64, Location)>, u64, bool) {
        let (mut found, mut bytes) = (Vec::new(), 0);
        let mut take = |sequence: u64, entry: &Entry| {
            bytes += segment::line_bytes(entry.location.length);
            let has_room = found.len() < wanted.limit && (found.is_empty() || bytes <= wanted.bytes);
            if has_room {
                found.push((sequence, entry.location));
            }
            has_room
        };
        let Some(after) = wanted.after else {
            for (sequence, entry) in self.entries.iter().rev().filter(|(_, entry)| entry.is_wanted(wanted)) {
                if !take(*sequence, entry) {
                    break;
                }
            }
            found.reverse();
            return (found, self.newest, false);
        };
        let next = self.entries.range(after.saturating_add(1)..);
        for (sequence, entry) in next.filter(|(_, entry)| entry.is_wanted(wanted)) {
            if !take(*sequence, entry) {
                let last = found.last().map_or(after, |(sequence, _)| *sequence);
                return (found, last, true);
            }
        }
        (found, self.newest, false)
    }
}
