//! Flow logs: what a record says, and how flows are collected into records.
//!
//! Owns the fields and their formats, what is not logged, and the windows over which flows are collected. Refuses to know
//! where flows are seen, where records go, and what time it is: flows come with their times, and whoever asks says the time.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html>
//!
//! ```text
//!   data plane: Collector ──every second──> Aggregator: a window for each log and interface ──at its end──> lines
//! ```
//! Memory is bounded: [`COLLECTED_FLOWS_MAX`], [`FLOWS_PER_WINDOW_MAX`] and [`FLOWS_MAX`]; what is above them is told as
//! `SKIPDATA`.

mod collector;
mod field;
mod file;
mod flow;
mod record;
mod unlogged;
mod window;

pub use collector::{COLLECTED_FLOWS_MAX, Collected, Collector};
pub use field::{DEFAULT_FORMAT, Field, Format, FormatError};
pub use file::{LogFolder, file_text};
pub use flow::{Action, Counts, Flow};
pub use record::{InterfaceFacts, Status, TrafficPath, line};
pub use unlogged::is_unlogged;
pub use window::{Aggregator, FLOWS_MAX, FLOWS_PER_WINDOW_MAX, GRACE_SECS, LogSettings, Written};
