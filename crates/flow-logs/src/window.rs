//! Windows: over how long flows are collected before they become records.
//!
//! Owns which log collects which interfaces, the windows that are open, and what is written at their ends. Refuses to know
//! where lines go and what time it is.
//!
//! Windows of a log begin at multiples of its interval since 1970. A window is written [`GRACE_SECS`] after its end, since
//! the data plane tells of what its cache has carried up to some seconds later.
//!
//! Architecture invariant: nothing is invented. Who began to look in the middle of a window that a log should have whole says
//! `SKIPDATA` for it, and `NODATA` is only said of time that was looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_types::{FlowLogId, NetworkInterfaceId};
use rustc_hash::FxHashMap;

use crate::collector::Collected;
use crate::field::Format;
use crate::flow::{Action, Counts, Flow};
use crate::record::{InterfaceFacts, Status, line};
use crate::unlogged::is_unlogged;

/// Flows of one window of one interface in one log.
pub const FLOWS_PER_WINDOW_MAX: usize = 1 << 14;
/// Flows of all open windows.
pub const FLOWS_MAX: usize = 1 << 18;
/// How long after its end a window is written, in seconds.
pub const GRACE_SECS: i64 = 5;
/// Windows that are caught up with, if nobody has looked for long: the machine has slept.
const WINDOWS_BEHIND_MAX: i64 = 2;

/// What a log collects, and how its records look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The fields.
    pub format: Format,
    /// The length of a window, in seconds.
    pub interval_secs: i64,
    /// Whether it has what is let through.
    pub has_accepted: bool,
    /// Whether it has what is not.
    pub has_rejected: bool,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
}

/// Lines of one log about one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The log.
    pub log: FlowLogId,
    /// The interface.
    pub interface: NetworkInterfaceId,
    /// The records, without ends of lines.
    pub lines: Vec<String>,
}

/// All logs and their open windows.
#[derive(Debug)]
pub struct Aggregator {
    started_at: i64,
    is_set: bool,
    logs: BTreeMap<FlowLogId, Log>,
    by_interface: FxHashMap<NetworkInterfaceId, Vec<FlowLogId>>,
    flows: usize,
    /// Of interfaces that are gone.
    parting: Vec<Written>,
}

#[derive(Debug)]
struct Log {
    settings: LogSettings,
    interfaces: BTreeMap<NetworkInterfaceId, Watched>,
}

#[derive(Debug)]
struct Watched {
    facts: Arc<InterfaceFacts>,
    /// The start of the oldest window that is not written yet.
    next: i64,
    /// From when on what there is has been looked at.
    since: i64,
    windows: BTreeMap<i64, Window>,
}

#[derive(Debug, Default)]
struct Window {
    flows: FxHashMap<Flow, Counts>,
    /// Whether there was anything, be it of no interest to the log.
    has_traffic: bool,
    has_skipped: bool,
}

impl LogSettings {
    fn window_of(&self, time: i64) -> i64 {
        time - time.rem_euclid(self.interval_secs)
    }

    fn wants(&self, action: Action) -> bool {
        match action {
            Action::Accept => self.has_accepted,
            Action::Reject | Action::RejectPublicAccess => self.has_rejected,
        }
    }
}

impl Watched {
    /// The window that a time is in; the oldest open one if its own is written.
    fn window_at(&mut self, settings: &LogSettings, time: i64) -> &mut Window {
        self.windows.entry(settings.window_of(time).max(self.next)).or_default()
    }

    /// The records of the oldest window that is not written yet, up to a time.
    fn write_next(&mut self, settings: &LogSettings, until: i64, flows: &mut usize) -> Vec<String> {
        let start = self.next;
        self.next += settings.interval_secs;
        let window = self.windows.remove(&start).unwrap_or_default();
        *flows -= window.flows.len();
        let write = |status, start, end| line(&settings.format, &self.facts, status, start, end);
        let mut of_flows: Vec<(&Flow, &Counts)> = window.flows.iter().collect();
        of_flows.sort_by_key(|(flow, counts)| {
            (counts.first_ms, flow.source, flow.destination, flow.source_port, flow.destination_port)
        });
        let secs = |ms: i64| ms.div_euclid(1000);
        let mut lines: Vec<String> = of_flows
            .into_iter()
            .map(|(flow, counts)| {
                write(Status::Ok(flow, counts), secs(counts.first_ms), secs(counts.last_ms))
            })
            .collect();
        let (start, end) = (start.max(self.since), self.next.min(until));
        if window.has_skipped {
            lines.push(write(Status::SkipData, start, end));
        } else if !window.has_traffic && start < end {
            lines.push(write(Status::NoData, start, end));
        }
        lines
    }
}

impl Aggregator {
    /// No logs yet; nobody has looked before `started_at`. Times are in seconds since 1970, here and below.
    pub fn new(started_at: i64) -> Self {
        Self {
            started_at,
            is_set: false,
            logs: BTreeMap::new(),
            by_interface: FxHashMap::default(),
            flows: 0,
            parting: Vec::new(),
        }
    }

    /// Says which logs there are, and which interfaces each has. What was collected of an interface that is gone is written
    /// with the next windows; what was collected for a log that is gone is not.
    pub fn set_logs(
        &mut self,
        logs: impl IntoIterator<Item = (FlowLogId, LogSettings, Vec<Arc<InterfaceFacts>>)>,
        now: i64,
    ) {
        let mut before = std::mem::take(&mut self.logs);
        let is_first = !std::mem::replace(&mut self.is_set, true);
        for (id, settings, facts) in logs {
            let mut known = before.remove(&id).map_or_else(BTreeMap::new, |log| log.interfaces);
            let was_logged_before = is_first && settings.created_at < self.started_at;
            let mut interfaces = BTreeMap::new();
            for facts in facts {
                let watched = match known.remove(&facts.interface) {
                    Some(watched) => Watched { facts, ..watched },
                    None => {
                        let mut watched = Watched {
                            facts,
                            next: settings.window_of(now),
                            since: now,
                            windows: BTreeMap::new(),
                        };
                        if was_logged_before {
                            watched.window_at(&settings, now).has_skipped = true;
                        }
                        watched
                    }
                };
                interfaces.insert(watched.facts.interface, watched);
            }
            for (interface, mut watched) in known {
                let mut lines = Vec::new();
                while watched.next <= now {
                    lines.extend(watched.write_next(&settings, now, &mut self.flows));
                }
                self.parting.push(Written { log: id, interface, lines });
            }
            self.logs.insert(id, Log { settings, interfaces });
        }
        let open = |log: &Log| -> usize {
            log.interfaces
                .values()
                .flat_map(|watched| watched.windows.values())
                .map(|window| window.flows.len())
                .sum()
        };
        self.flows -= before.values().map(open).sum::<usize>();
        self.by_interface.clear();
        for (id, log) in &self.logs {
            for interface in log.interfaces.keys() {
                self.by_interface.entry(*interface).or_default().push(*id);
            }
        }
    }

    /// Takes what was counted since the last time; its times are in milliseconds since 1970. What could not be told apart
    /// was up to `now`.
    pub fn collect(&mut self, collected: Collected, now: i64) {
        for (flow, counts) in collected.flows {
            for id in self.by_interface.get(&flow.interface).into_iter().flatten() {
                let Some(log) = self.logs.get_mut(id) else { continue };
                let Some(watched) = log.interfaces.get_mut(&flow.interface) else { continue };
                if is_unlogged(&flow, &watched.facts) {
                    continue;
                }
                let window = watched.window_at(&log.settings, counts.last_ms.div_euclid(1000));
                window.has_traffic = true;
                if !log.settings.wants(flow.action) {
                    continue;
                }
                if let Some(known) = window.flows.get_mut(&flow) {
                    known.add(&counts);
                } else if window.flows.len() < FLOWS_PER_WINDOW_MAX && self.flows < FLOWS_MAX {
                    window.flows.insert(flow, counts);
                    self.flows += 1;
                } else {
                    window.has_skipped = true;
                }
            }
        }
        for interface in collected.missed {
            for id in self.by_interface.get(&interface).into_iter().flatten() {
                let Some(log) = self.logs.get_mut(id) else { continue };
                let Some(watched) = log.interfaces.get_mut(&interface) else { continue };
                watched.window_at(&log.settings, now).has_skipped = true;
            }
        }
    }

    /// The records of every window whose end is long enough ago, and of interfaces that are gone.
    pub fn write_ended(&mut self, now: i64) -> Vec<Written> {
        let mut written = std::mem::take(&mut self.parting);
        for (id, Log { settings, interfaces }) in &mut self.logs {
            for (interface, watched) in interfaces {
                let newest = settings.window_of(now);
                let is_behind = newest - watched.next > WINDOWS_BEHIND_MAX * settings.interval_secs;
                let mut lines = Vec::new();
                while watched.next + settings.interval_secs + GRACE_SECS <= now {
                    if is_behind && watched.next < newest && watched.windows.is_empty() {
                        watched.next = newest;
                        watched.since = now;
                        watched.window_at(settings, now).has_skipped = true;
                        break;
                    }
                    lines.extend(watched.write_next(settings, i64::MAX, &mut self.flows));
                }
                written.push(Written { log: *id, interface: *interface, lines });
            }
        }
        written.retain(|written| !written.lines.is_empty());
        written
    }

    /// The records of all windows as far as they have come, for an end of looking. Of windows without flows nothing is said.
    pub fn write_all(&mut self, now: i64) -> Vec<Written> {
        let mut written = self.write_ended(now);
        for (id, Log { settings, interfaces }) in &mut self.logs {
            for (interface, watched) in interfaces {
                let mut lines = Vec::new();
                while let Some(&start) = watched.windows.keys().next() {
                    watched.next = start;
                    lines.extend(watched.write_next(settings, now, &mut self.flows));
                }
                written.push(Written { log: *id, interface: *interface, lines });
            }
        }
        written.retain(|written| !written.lines.is_empty());
        written
    }
}

#[cfg(test)]
mod tests;
