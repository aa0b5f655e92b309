//! `brume s3`: what the operator has of the objects.
//!
//! Owns the tables and the exit codes. Refuses to know how anything is counted, verified or repaired: the daemon does it, or
//! `node` in this process where no daemon runs.

use std::io::{IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use node::{
    DaemonState, DataDir, FsckTold, Holder, ObjectsTask, ScrubTold, TaskOutcome, TaskProgress, TaskStage,
    TaskState, UsageTold,
};

use crate::args::{DataDirOption, S3Command, S3Options};
use crate::net::{Style, printable};
use crate::{mounts, root};

/// The exit code where something is damaged, or not as it should be.
const WRONG: u8 = 3;

/// How often the daemon is asked how far it has come.
const ASKING: Duration = Duration::from_millis(100);

/// Counts, verifies or checks.
pub(crate) fn run(options: &S3Options) -> anyhow::Result<ExitCode> {
    match &options.what {
        S3Command::Du(options) => {
            let task = ObjectsTask::Usage { bucket: options.bucket.clone() };
            let outcome = perform("`brume s3 du`", &options.data_dir, task)?;
            let TaskOutcome::Usage(told) = &outcome else { bail!("the daemon answers something else") };
            print_told(options.json, told, usage)?;
            Ok(ExitCode::SUCCESS)
        }
        S3Command::Scrub(options) => {
            let outcome = perform("`brume s3 scrub`", &options.data_dir, ObjectsTask::Scrub)?;
            let TaskOutcome::Scrub(told) = &outcome else { bail!("the daemon answers something else") };
            print_told(options.json, told, scrub)?;
            Ok(code(told.summary.damaged == 0))
        }
        S3Command::Fsck(options) => {
            let task = ObjectsTask::Fsck { repair: options.repair, remove_lost: options.remove_lost };
            let outcome = perform("`brume s3 fsck`", &options.data_dir, task)?;
            let TaskOutcome::Fsck(told) = &outcome else { bail!("the daemon answers something else") };
            print_told(options.json, told, fsck)?;
            Ok(code(told.is_clean))
        }
    }
}

fn code(is_well: bool) -> ExitCode {
    if is_well { ExitCode::SUCCESS } else { ExitCode::from(WRONG) }
}

/// Prints as JSON, or as people read it.
fn print_told<T: serde::Serialize>(json: bool, told: &T, text: fn(&T) -> String) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(told)?);
    } else {
        print!("{}", text(told));
    }
    Ok(())
}

/// Has the daemon do it, or does it here where none runs.
fn perform(what: &str, data_dir: &DataDirOption, task: ObjectsTask) -> anyhow::Result<TaskOutcome> {
    let path = data_dir.resolve();
    root::require_to_read(what, &path)?;
    mounts::enter_hosts(&path)?;
    let data_dir = DataDir::open(&path)
        .ok()
        .filter(DataDir::is_clouds)
        .with_context(|| format!("there is no cloud in {}", path.display()))?;
    let run_dir = data_dir.run_dir();
    let mut shown = Shown::default();
    if DaemonState::read_running(&run_dir).is_none() {
        let outcome = node::look_offline(&data_dir, &task, &mut |progress| {
            shown.show(progress);
            ControlFlow::Continue(())
        });
        shown.clear();
        return outcome.context("it cannot be told");
    }
    let mut state = TaskState::begin(&run_dir, task).context("the daemon does not begin it")?;
    loop {
        if let Some(outcome) = state.outcome {
            shown.clear();
            return outcome.map_err(anyhow::Error::msg).context("it cannot be told");
        }
        shown.show(state.progress);
        std::thread::sleep(ASKING);
        state = TaskState::ask(&run_dir, state.number).context("the daemon does not go on with it")?;
    }
}

/// The line that says how far it has come, where somebody looks at it.
#[derive(Default)]
struct Shown {
    last: Option<std::time::Instant>,
}

impl Shown {
    fn show(&mut self, progress: TaskProgress) {
        if self.last.is_some_and(|last| last.elapsed() < ASKING) || !std::io::stderr().is_terminal() {
            return;
        }
        self.last = Some(std::time::Instant::now());
        let of = progress.in_all.map(|all| format!(" of {all}")).unwrap_or_default();
        let done = progress.done;
        let text = match progress.stage {
            TaskStage::Waiting => return,
            TaskStage::Rows => format!("rows {done}{of}"),
            TaskStage::Contents => format!("contents {done}{of}, {}", bytes(progress.bytes)),
            TaskStage::Index => "counting references".to_owned(),
            TaskStage::Sweep => format!("removing what nothing refers to, part {done}{of}"),
        };
        eprint!("\r{text:<60}");
        let _ = std::io::stderr().flush();
    }

    fn clear(&self) {
        if self.last.is_some() {
            eprint!("\r{:60}\r", "");
        }
    }
}

/// A length as people read it.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

/// So many of something, in words.
fn counted(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

fn usage(told: &UsageTold) -> String {
    let mut text = Style::of_output().heading(&format!(
        "{:<40} {:<14} {:<16} {:>12} {:>12} {:>8} {:>8} {:>12} {:>12}",
        "BUCKET", "ACCOUNT", "REGION", "OBJECTS", "VERSIONS", "MARKERS", "UPLOADS", "BYTES", "IN UPLOADS"
    ));
    for bucket in &told.buckets {
        let row = format!(
            "{:<40} {:<14} {:<16} {:>12} {:>12} {:>8} {:>8} {:>12} {:>12}",
            bucket.bucket,
            bucket.owner.to_string(),
            bucket.region.to_string(),
            bucket.objects,
            bucket.versions,
            bucket.delete_markers,
            bucket.uploads,
            bytes(bucket.bytes),
            bytes(bucket.upload_bytes),
        );
        text.push_str(printable(&row).trim_end());
        text.push('\n');
    }
    text.push_str(&format!(
        "\nall buckets  {}, {}; stored {}, of which small ones are in the index of {}\n",
        counted(told.contents, "content"),
        bytes(told.content_bytes),
        bytes(told.stored_bytes),
        bytes(told.index_bytes)
    ));
    if let Some(shared) = told.shared_bytes.filter(|shared| *shared > 0) {
        text.push_str(&format!(
            "shared       {} less than buckets have, as equal contents are there once\n",
            bytes(shared)
        ));
    }
    text
}

/// Whose a content is, in a line.
fn holder(holder: &Holder) -> String {
    let bucket = holder.bucket.as_deref().unwrap_or("(a bucket that is not there)");
    let key = holder.key.as_deref().unwrap_or("(an upload that is not there)");
    let more = match (&holder.upload, &holder.version, holder.part) {
        (Some(upload), _, Some(part)) => format!("  part {part} of upload {upload}"),
        (_, Some(version), _) if version != "null" => format!("  version {version}"),
        _ => String::new(),
    };
    printable(&format!("s3://{bucket}/{key}{more}"))
}

fn scrub(told: &ScrubTold) -> String {
    let summary = &told.summary;
    let mut text = String::new();
    for damage in &told.damages {
        let whose: Vec<String> = damage.holders.iter().map(holder).collect();
        let whose = if whose.is_empty() { "(nobody's any more)".to_owned() } else { whose.join("\n") };
        text.push_str(&format!(
            "{whose}\n    {}: {} ({})\n",
            damage.problem,
            damage.content,
            bytes(damage.length_bytes)
        ));
    }
    let more = summary.damaged.saturating_sub(told.damages.len() as u64);
    if more > 0 {
        text.push_str(&format!("and {} more\n", counted(more, "content")));
    }
    let found = match summary.damaged {
        0 => "nothing is damaged".to_owned(),
        1 => "1 content is damaged".to_owned(),
        count => format!("{count} contents are damaged"),
    };
    let read = counted(summary.contents, "content");
    text.push_str(&format!("{read}, {}: {found}\n", bytes(summary.bytes)));
    if summary.without_secret > 0 {
        let count = summary.without_secret;
        text.push_str(&format!("{count} of them under a client's key: the check sums are right\n"));
    }
    text
}

fn fsck(told: &FsckTold) -> String {
    let mut text = String::new();
    for fault in &told.rows.told {
        let key = fault.key.as_ref().map(|key| format!("/{key}")).unwrap_or_default();
        let repaired = if fault.is_repaired { " (repaired)" } else { "" };
        text.push_str(&printable(&format!("{}{key}: {}{repaired}", fault.bucket, fault.detail)));
        text.push('\n');
    }
    let more = told.rows.faults.saturating_sub(told.rows.told.len() as u64);
    if more > 0 {
        text.push_str(&format!("and {more} more\n"));
    }
    for address in &told.missing {
        text.push_str(&format!(
            "{address}: the bytes of this content are not there; `brume s3 scrub` tells whose they are\n"
        ));
    }
    if told.miscounted > 0 {
        let corrected = if told.recounted > 0 { "; they are corrected" } else { "" };
        let count = counted(told.miscounted, "content");
        text.push_str(&format!("{count} with a wrong number of references{corrected}\n"));
    }
    if told.removed > 0 {
        let count = counted(told.removed, "file");
        text.push_str(&format!("{count} removed that nothing referred to\n"));
    } else if told.unreferenced > 0 {
        let count = counted(told.unreferenced, "file");
        let what = "that nothing refers to, or on the way in; the next start removes what is left";
        text.push_str(&format!("{count} {what}\n"));
    }
    let verdict = if told.is_clean { "all is well" } else { "something is not as it should be" };
    let (rows, contents) = (counted(told.rows.rows, "row"), counted(told.contents, "content"));
    text.push_str(&format!("{rows}, {contents}: {verdict}\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_by_people() {
        for (count, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1 << 20, "1.0 MiB"),
            (1_610_612_736, "1.5 GiB"),
            (u64::MAX, "16384.0 PiB"),
        ] {
            assert_eq!(bytes(count), expected);
        }
    }

    #[test]
    fn whose_a_content_is_says_nothing_to_the_terminal() {
        let bad = Holder {
            bucket: Some("papers".to_owned()),
            key: Some("a\u{1b}[31m\nb".to_owned()),
            version: Some("null".to_owned()),
            upload: None,
            part: None,
        };
        let told = holder(&bad);
        assert!(told.starts_with("s3://papers/a") && !told.contains(['\u{1b}', '\n']), "{told:?}");
        let part = Holder { version: None, upload: Some("u".to_owned()), part: Some(7), ..bad };
        assert!(holder(&part).ends_with("part 7 of upload u"));
    }
}
