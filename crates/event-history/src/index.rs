//! The index in memory.
//!
//! Owns which events there are, by account and region, with what they are found by. Texts that many events have are kept
//! once. Refuses to know files: an event is a place in a segment.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use aws_types::{AccountId, Region, Timestamp};
use cloudtrail_events::{Attribute, Category, Facts, Query};

use crate::Recent;

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
    place: Place,
    event_id: Box<str>,
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
    /// Oldest first. The first has the number `first`, and each other one more than the one before.
    entries: VecDeque<Entry>,
    first: u64,
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
        let entry = Entry {
            location,
            time: facts.event_time,
            place: Arc::clone(&place),
            event_id: facts.event_id.as_str().into(),
            name: self.text(&facts.event_name),
            source: self.text(&facts.event_source),
            username: facts.username.as_deref().map(|name| self.text(name)),
            access_key_id: facts.access_key_id.as_deref().map(|key| self.text(key)),
            resources,
            read_only: facts.read_only,
            is_error: facts.is_error,
            is_management: facts.category == Category::Management,
        };
        let sequence = self.newest() + 1;
        self.by_place.entry(place).or_default().push_back(sequence);
        self.entries.push_back(entry);
    }

    /// The number of the newest event; 0 before there was one.
    fn newest(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    fn entry(&self, sequence: u64) -> Option<&Entry> {
        let place = sequence.checked_sub(self.first + 1)?;
        self.entries.get(usize::try_from(place).ok()?)
    }

    /// Forgets the events of a segment, which is the oldest.
    pub(crate) fn forget_segment(&mut self, segment: u64) {
        while self.entries.front().is_some_and(|entry| entry.location.segment <= segment) {
            let Some(entry) = self.entries.pop_front() else { break };
            self.first += 1;
            if let Some(of_place) = self.by_place.get_mut(&entry.place) {
                of_place.pop_front();
                if of_place.is_empty() {
                    self.by_place.remove(&entry.place);
                }
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
        for sequence in of_place.range(..end).rev() {
            let Some(entry) = self.entry(*sequence) else { continue };
            // Events tell whole seconds, and so do the bounds of those who ask.
            let second = entry.time.unix_secs();
            let is_in_time =
                second >= start.unix_secs() && query.end.is_none_or(|end| second <= end.unix_secs());
            let is_wanted = entry.is_management
                && is_in_time
                && query.attribute.as_ref().is_none_or(|one| entry.has(one));
            if !is_wanted {
                continue;
            }
            if found.len() == query.limit {
                let next = found.last().map(|(sequence, _)| *sequence);
                return (found, next);
            }
            found.push((*sequence, entry.location));
        }
        (found, None)
    }

    /// The newest events, oldest first, and the number of the newest one that there is.
    pub(crate) fn recent(&self, wanted: &Recent) -> (Vec<(u64, Location)>, u64) {
        let newest = self.newest();
        let after = wanted.after.unwrap_or(0).max(self.first);
        let mut found = Vec::new();
        for sequence in (after + 1..=newest).rev() {
            if found.len() == wanted.limit {
                break;
            }
            if let Some(entry) = self.entry(sequence).filter(|entry| entry.is_wanted(wanted)) {
                found.push((sequence, entry.location));
            }
        }
        found.reverse();
        (found, newest)
    }
}
