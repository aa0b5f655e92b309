//! `brume net`: what is dropped and why, and which connections there are. What the ways are like is in
//! [`crate::net_paths`].
//!
//! Owns how they are shown, once or every second. Refuses to know where they come from: the daemon tells.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use node::{Connection, Connections, Dropped, RunDir};
use serde::Serialize;

use crate::account::running;
use crate::args::{NetCommand, NetDropsOptions, NetFlowsOptions, NetOptions};
use crate::net_paths;

/// How often it is shown anew.
const REDRAWING: Duration = Duration::from_secs(1);
/// Moves to the first place of the screen and takes away what is on it.
const CLEAR: &str = "\x1b[H\x1b[2J";
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// Shows what is asked for.
pub(crate) fn run(options: &NetOptions) -> anyhow::Result<ExitCode> {
    match &options.what {
        NetCommand::Drops(options) => drops(options),
        NetCommand::Flows(options) => flows(options),
        NetCommand::Set(options) => net_paths::set(options),
        NetCommand::Conditions(options) => net_paths::conditions(options),
    }
}

fn drops(options: &NetDropsOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume net drops`", &options.data_dir)?;
    show(&run_dir, (options.watch, options.json), Dropped::ask, |drops: &Vec<Dropped>, style| {
        drops_text(drops, style)
    })
}

fn flows(options: &NetFlowsOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume net flows`", &options.data_dir)?;
    let ask = |run_dir: &RunDir| Connections::ask(run_dir, options.interface.as_deref());
    show(&run_dir, (options.watch, options.json), ask, flows_text)
}

/// How headings look.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub(crate) is_bold: bool,
}

impl Style {
    /// Plain where nobody looks at it, or whoever looks wants it so.
    /// <https://no-color.org/>
    pub(crate) fn of_output() -> Self {
        let wants_none = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { is_bold: io::stdout().is_terminal() && !wants_none }
    }

    pub(crate) fn heading(self, text: &str) -> String {
        if self.is_bold { format!("{BOLD}{text}{PLAIN}\n") } else { format!("{text}\n") }
    }
}

/// A text that somebody else chose, without what a terminal would take for something to do: control characters, and marks that
/// turn the direction in which it writes.
pub(crate) fn printable(text: &str) -> String {
    let turns = |letter: char| matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|letter| if letter.is_control() || turns(letter) { ' ' } else { letter }).collect()
}

/// Asks and prints, once or every second.
pub(crate) fn show<T: Serialize>(
    run_dir: &RunDir,
    (watch, json): (bool, bool),
    ask: impl Fn(&RunDir) -> io::Result<T>,
    text: impl Fn(&T, Style) -> String,
) -> anyhow::Result<ExitCode> {
    let style = Style::of_output();
    let redraws = watch && !json && io::stdout().is_terminal();
    loop {
        let told = ask(run_dir).context("the daemon does not tell")?;
        let mut page = match (json, watch) {
            (true, true) => serde_json::to_string(&told)?,
            (true, false) => serde_json::to_string_pretty(&told)?,
            (false, _) => text(&told, style),
        };
        page.truncate(page.trim_end().len());
        let clear = if redraws { CLEAR } else { "" };
        match writeln!(io::stdout(), "{clear}{page}").and_then(|()| io::stdout().flush()) {
            // Whoever read it has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
            other => other?,
        }
        if !watch {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(REDRAWING);
        if !redraws && !json {
            println!();
        }
    }
}

fn drops_text(drops: &[Dropped], style: Style) -> String {
    if drops.is_empty() {
        return "Nothing was dropped since the daemon was started.".to_owned();
    }
    let mut text = style
        .heading(&format!("{:<22} {:<22} {:>9}  {:<24}  REASON", "INTERFACE", "VPC", "PACKETS", "SINCE"));
    for drop in drops {
        let vpc = drop.vpc.as_deref().unwrap_or("-");
        let Dropped { interface, packets, since, reason, .. } = drop;
        let _ = writeln!(text, "{interface:<22} {vpc:<22} {packets:>9}  {since:<24}  {reason}");
    }
    text
}

/// A number of seconds as the largest two units that it has.
fn duration(secs: u64) -> String {
    match secs {
        0..60 => format!("{secs}s"),
        60..3600 => format!("{}m{:02}s", secs / 60, secs % 60),
        3600..86_400 => format!("{}h{:02}m", secs / 3600, secs / 60 % 60),
        _ => format!("{}d{:02}h", secs / 86_400, secs / 3600 % 24),
    }
}

/// A number of bytes with three digits or so.
fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut amount = count as f64;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < units.len() {
        amount /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{amount:.1} {}", units[unit]) }
}

fn flows_text(told: &Connections, style: Style) -> String {
    if told.flows.is_empty() {
        return "No connections.".to_owned();
    }
    let mut text = style.heading(&format!(
        "{:<22} {:<6} {:<22}    {:<22} {:<12} {:>17} {:>21} {:>7} {:>7}",
        "INTERFACE", "PROTO", "LOCAL", "REMOTE", "STATE", "PACKETS OUT/IN", "BYTES OUT/IN", "AGE", "IDLE"
    ));
    for flow in &told.flows {
        let Connection { interface, protocol, local, remote, state, .. } = flow;
        let arrow = if flow.is_opened_by_local { "->" } else { "<-" };
        let packets = format!("{}/{}", flow.packets_sent, flow.packets_received);
        let carried = format!("{}/{}", bytes(flow.bytes_sent), bytes(flow.bytes_received));
        let (age, idle) = (duration(flow.age_secs), duration(flow.idle_secs));
        let _ = writeln!(
            text,
            "{interface:<22} {protocol:<6} {local:<22} {arrow} {remote:<22} {state:<12} {packets:>17} {carried:>21} \
             {age:>7} {idle:>7}"
        );
    }
    if told.total > told.flows.len() {
        let _ = writeln!(text, "and {} more", told.total - told.flows.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        assert_eq!([0, 59, 61, 3_700, 90_000].map(duration), ["0s", "59s", "1m01s", "1h01m", "1d01h"]);
        assert_eq!([0, 1023, 1024, 5_000_000].map(bytes), ["0 B", "1023 B", "1.0 KiB", "4.8 MiB"]);
    }

    #[test]
    fn headings_are_bold_only_where_that_is_wanted() {
        let drop = Dropped {
            interface: "eni-0123456789abcdef0".to_owned(),
            vpc: None,
            code: 4,
            name: "Broadcast".to_owned(),
            reason: "a VPC carries no broadcast".to_owned(),
            packets: 3,
            since: "2026-11-27T16:00:00.000Z".to_owned(),
            last: "2026-11-27T16:00:00.000Z".to_owned(),
        };
        let text = drops_text(std::slice::from_ref(&drop), Style { is_bold: false });
        assert!(!text.contains('\x1b') && text.contains("a VPC carries no broadcast"), "{text}");
        let text = drops_text(&[drop], Style { is_bold: true });
        assert!(text.starts_with(BOLD) && text.contains(PLAIN), "{text}");
    }
}
