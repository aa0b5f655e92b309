//! The daemon's log.
//!
//! Owns where it goes and how large it grows. Refuses to know what is logged.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::Mutex;

use nix::unistd::{dup2_stderr, dup2_stdout};
use node::DataDir;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// How large the log file grows before a new one is begun. One before it is kept, so logs take up twice as much.
const LIMIT_BYTES: u64 = 32 << 20;

/// Logs to standard error; `BRUME_LOG` filters as `RUST_LOG` would.
pub(crate) fn start(json: bool, data_dir: &DataDir) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("BRUME_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let writer = match LogFile::of_standard_error(data_dir) {
        Some(file) => BoxMakeWriter::new(Mutex::new(file)),
        None => BoxMakeWriter::new(io::stderr),
    };
    // A line that cannot be written, because the disk is full say, is lost; the cloud goes on.
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).log_internal_errors(false);
    if json {
        log.json().init();
    } else {
        let colour = std::env::var_os("NO_COLOR").is_none() && io::IsTerminal::is_terminal(&io::stderr());
        log.with_ansi(colour).init();
    }
}

/// The log file of a detached daemon, which is its standard output and error too.
struct LogFile {
    file: File,
    path: PathBuf,
    previous: PathBuf,
    limit_bytes: u64,
}

impl LogFile {
    /// The cloud's log file, if standard error is that.
    fn of_standard_error(data_dir: &DataDir) -> Option<Self> {
        let file = File::from(io::stderr().as_fd().try_clone_to_owned().ok()?);
        let log =
            Self { file, path: data_dir.log(), previous: data_dir.previous_log(), limit_bytes: LIMIT_BYTES };
        let named = File::open(&log.path).ok()?;
        log.is_also(named.as_fd()).then_some(log)
    }

    /// Whether that is the same file.
    fn is_also(&self, other: BorrowedFd<'_>) -> bool {
        let identity = |file: &File| file.metadata().ok().map(|found| (found.dev(), found.ino()));
        let other = other.try_clone_to_owned().map(File::from);
        other.is_ok_and(|other| identity(&other).is_some() && identity(&other) == identity(&self.file))
    }

    /// Begins a new file when so much more would be too much for this one.
    fn make_room(&mut self, more_bytes: usize) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        if length == 0 || length + more_bytes as u64 <= self.limit_bytes {
            return Ok(());
        }
        match fs::rename(&self.path, &self.previous) {
            // It was put away before, and then the new file could not be opened.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
        let new = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?;
        // What panics, and what other libraries print, goes on in the new file as well.
        if self.is_also(io::stdout().as_fd()) {
            dup2_stdout(&new)?;
        }
        if self.is_also(io::stderr().as_fd()) {
            dup2_stderr(&new)?;
        }
        self.file = new;
        Ok(())
    }
}

impl Write for LogFile {
    /// Called once for a line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A log that cannot be begun anew is better too large than missing.
        let _ = self.make_room(line.len());
        self.file.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of ten bytes in a directory of its own.
    struct Log {
        directory: tempfile::TempDir,
        file: LogFile,
    }

    impl Log {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let [path, previous] = ["log", "log.1"].map(|name| directory.path().join(name));
            let file = LogFile { file: File::create(&path).unwrap(), path, previous, limit_bytes: 10 };
            Self { directory, file }
        }

        fn write(&mut self, line: &str) {
            self.file.write_all(line.as_bytes()).unwrap();
        }

        /// What is in the file and in the previous one.
        fn found(&self) -> [String; 2] {
            ["log", "log.1"]
                .map(|name| fs::read_to_string(self.directory.path().join(name)).unwrap_or_default())
        }
    }

    #[test]
    fn one_file_of_the_limit_is_kept_beside_the_current_one() {
        let mut log = Log::new();
        let mut check = |line: &str, expect: [&str; 2]| {
            log.write(line);
            assert_eq!(log.found(), expect, "after {line:?}");
        };
        check("1234\n", ["1234\n", ""]);
        check("5678\n", ["1234\n5678\n", ""]);
        check("9\n", ["9\n", "1234\n5678\n"]);
        check("longer than all\n", ["longer than all\n", "9\n"]);
        check("a\n", ["a\n", "longer than all\n"]);
    }

    #[test]
    fn a_file_that_could_not_be_begun_is_begun_later() {
        let mut log = Log::new();
        log.write("12345678\n");
        // All that is done when there are no more file descriptors.
        fs::rename(&log.file.path, &log.file.previous).unwrap();
        log.write("9\n");
        log.write("10\n");
        assert_eq!(log.found(), ["9\n10\n", "12345678\n"]);
    }
}
