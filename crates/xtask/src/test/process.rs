//! Runs one command of a step and says how it ended.
//!
//! Owns how children of the test command are started: no standard input, output shown as it comes and kept when the
//! caller wants to read it. Refuses to know what any command is for.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use anyhow::{Context as _, Result};

/// What a finished command left: its status and everything it printed.
#[derive(Debug)]
pub(crate) struct Finished {
    /// How the command ended.
    pub(crate) status: ExitStatus,
    /// Standard output and standard error, line by line, in the order of their arrival.
    pub(crate) output: String,
}

/// A command that runs in `directory` with no standard input.
pub(crate) fn command(program: impl AsRef<OsStr>, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).stdin(Stdio::null());
    command
}

/// Runs the command with its output going straight to the terminal; true when it succeeded.
///
/// # Errors
/// When the program cannot be started.
pub(crate) fn shown(command: &mut Command) -> Result<bool> {
    announce(command);
    let status = command.status().with_context(|| format!("cannot start {}", name(command)))?;
    Ok(status.success())
}

/// Runs the command silently; true when it could be started and succeeded.
pub(crate) fn quiet(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Runs the command with its standard error going to the terminal; its standard output when it succeeded.
///
/// # Errors
/// When the program cannot be started.
pub(crate) fn standard_output(command: &mut Command) -> Result<Option<String>> {
    announce(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", name(command)))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(Some(text))
    } else {
        println!("{text}");
        Ok(None)
    }
}

/// Runs the command, showing its output as it comes and keeping it.
///
/// # Errors
/// When the program cannot be started.
pub(crate) fn shown_and_kept(command: &mut Command) -> Result<Finished> {
    announce(command);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", name(command)))?;
    let (sender, lines) = std::sync::mpsc::channel();
    let readers = [
        child.stdout.take().map(|pipe| follow(pipe, sender.clone())),
        child.stderr.take().map(|pipe| follow(pipe, sender.clone())),
    ];
    drop(sender);
    let mut output = String::new();
    for line in lines {
        println!("{line}");
        output.push_str(&line);
        output.push('\n');
    }
    for reader in readers.into_iter().flatten() {
        reader.join().expect("a reader of a pipe does not panic");
    }
    let status = child.wait().with_context(|| format!("cannot wait for {}", name(command)))?;
    Ok(Finished { status, output })
}

/// Sends each line of a pipe on until it closes. Bytes that are not UTF-8 are replaced: this is for reading by people.
fn follow(
    pipe: impl Read + Send + 'static,
    lines: std::sync::mpsc::Sender<String>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            line.clear();
            if lines.send(text).is_err() {
                return;
            }
        }
    })
}

fn announce(command: &Command) {
    let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    println!("$ {} {}", name(command), arguments.join(" "));
    // A closed standard output would only lose the heading.
    let _ = std::io::stdout().flush();
}

fn name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned()
}
