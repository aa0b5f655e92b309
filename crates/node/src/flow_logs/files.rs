//! Where records go while there is no service that takes them: files in the cloud's data directory.
//!
//! Owns their names, their sizes and how long they are kept. Refuses to know what is in them.
//!
//! ```text
//!   flow-logs/ACCOUNT/REGION/fl-…/eni-….log              of today, in UTC
//!                                 eni-….2026-11-27.log   of that day
//! ```
//! Memory on disk is bounded: [`FILE_BYTES_MAX`] for each interface of each log a day, for [`DAYS_KEPT`] days.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_types::{FlowLogId, NetworkInterfaceId, Timestamp};
use store::Scope;
use svc_ec2::record::DeliveryFailure;

/// What one interface of one log may write in a day, in bytes. What comes on top is lost, and EC2 says so.
pub(super) const FILE_BYTES_MAX: u64 = 64 << 20;
/// How long files of earlier days are kept.
pub(super) const DAYS_KEPT: i64 = 7;
const DAY_SECS: i64 = 24 * 60 * 60;

/// The files of all logs.
pub(super) struct LogFiles {
    directory: PathBuf,
    file_bytes_max: u64,
    /// The day on which old files were last looked for.
    cleaned_on: Option<i64>,
}

/// Why records were not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeliveryError {
    #[error("{0} is full for today")]
    Full(PathBuf),
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

impl DeliveryError {
    fn io(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    /// In EC2's words.
    pub(super) fn failure(&self) -> DeliveryFailure {
        match self {
            Self::Full(_) => DeliveryFailure::RateLimited,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                DeliveryFailure::AccessError
            }
            Self::Io { .. } => DeliveryFailure::Unknown,
        }
    }
}

fn day(unix_secs: i64) -> i64 {
    unix_secs.div_euclid(DAY_SECS)
}

/// When a file was last written, in seconds since 1970.
fn written_at(path: &Path) -> io::Result<i64> {
    let modified = fs::metadata(path)?.modified()?;
    let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Ok(since.as_secs().cast_signed())
}

impl LogFiles {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, file_bytes_max: FILE_BYTES_MAX, cleaned_on: None }
    }

    /// Adds records of one interface to a log.
    ///
    /// # Errors
    /// When not all of them are written; those that are stay.
    pub(super) fn append(
        &mut self,
        scope: &Scope,
        log: FlowLogId,
        interface: NetworkInterfaceId,
        lines: &[String],
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        let today = day(now.unix_secs());
        if self.cleaned_on.replace(today) != Some(today)
            && let Err(error) = clean(&self.directory, today)
        {
            tracing::warn!(%error, "old records of flow logs are not removed");
        }
        let directory = self
            .directory
            .join(scope.account.to_string())
            .join(scope.region.to_string())
            .join(log.to_string());
        fs::create_dir_all(&directory).map_err(DeliveryError::io(&directory))?;
        let path = directory.join(format!("{interface}.log"));
        rotate(&path, today).map_err(DeliveryError::io(&path))?;
        let mut file =
            File::options().create(true).append(true).open(&path).map_err(DeliveryError::io(&path))?;
        let mut room = self.file_bytes_max;
        room = room.saturating_sub(file.metadata().map_err(DeliveryError::io(&path))?.len());
        let mut text = String::new();
        let mut is_full = false;
        for line in lines {
            if (text.len() + line.len() + 1) as u64 > room {
                is_full = true;
                break;
            }
            text.push_str(line);
            text.push('\n');
        }
        file.write_all(text.as_bytes()).map_err(DeliveryError::io(&path))?;
        if is_full { Err(DeliveryError::Full(path)) } else { Ok(()) }
    }
}

/// Gives a file of an earlier day that day's name.
fn rotate(path: &Path, today: i64) -> io::Result<()> {
    let written = match written_at(path) {
        Ok(written) => written,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if day(written) >= today {
        return Ok(());
    }
    let date = jiff::Timestamp::from_second(written).map_err(io::Error::other)?;
    let date = date.strftime("%Y-%m-%d").to_string();
    fs::rename(path, path.with_extension(format!("{date}.log")))
}

/// Removes files that were last written too long ago, and directories that have none.
fn clean(directory: &Path, today: i64) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            clean(&path, today)?;
            // Not empty, most likely.
            let _ = fs::remove_dir(&path);
        } else if today - day(written_at(&path)?) > DAYS_KEPT {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use aws_types::{Partition, ResourceId as _};

    use super::*;

    fn scope() -> Scope {
        Scope::new(Partition::Aws, "123456789012".parse().unwrap(), "us-east-1".parse().unwrap())
    }

    fn append(files: &mut LogFiles, lines: &[&str], day: i64) -> Result<(), DeliveryError> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let (log, interface) = (FlowLogId::from_bits(1), NetworkInterfaceId::from_bits(2));
        files.append(&scope(), log, interface, &lines, Timestamp::from_unix_secs(day * DAY_SECS + 9))
    }

    fn names(files: &LogFiles) -> Vec<String> {
        let directory =
            files.directory.join("123456789012/us-east-1").join(FlowLogId::from_bits(1).to_string());
        let entries = fs::read_dir(directory).into_iter().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_day_has_a_file_and_old_ones_go() {
        let directory = tempfile::tempdir().unwrap();
        let mut files = LogFiles::new(directory.path().join("flow-logs"));
        let today = day(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64);
        append(&mut files, &["one", "two"], today).unwrap();
        append(&mut files, &["three"], today).unwrap();
        let eni = NetworkInterfaceId::from_bits(2);
        assert_eq!(names(&files), [format!("{eni}.log")]);
        let path = files.directory.join("123456789012/us-east-1").join(FlowLogId::from_bits(1).to_string());
        assert_eq!(fs::read_to_string(path.join(format!("{eni}.log"))).unwrap(), "one\ntwo\nthree\n");
        append(&mut files, &["four"], today + 1).unwrap();
        let found = names(&files);
        assert_eq!(found.len(), 2, "{found:?}");
        let date = jiff::Timestamp::from_second(today * DAY_SECS).unwrap().strftime("%Y-%m-%d").to_string();
        assert_eq!(found[0], format!("{eni}.{date}.log"));
        assert_eq!(fs::read_to_string(path.join(format!("{eni}.log"))).unwrap(), "four\n");
        append(&mut files, &["five"], today + DAYS_KEPT + 1).unwrap();
        assert_eq!(names(&files), [format!("{eni}.log")]);
    }

    #[test]
    fn a_file_has_a_limit_and_what_is_lost_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let mut files = LogFiles { file_bytes_max: 9, ..LogFiles::new(directory.path().to_owned()) };
        append(&mut files, &["1234"], 0).unwrap();
        let error = append(&mut files, &["567", "8"], 0).unwrap_err();
        assert_eq!(error.failure(), DeliveryFailure::RateLimited);
        let path = directory.path().join("occupied");
        fs::write(&path, "no directory").unwrap();
        let error = append(&mut LogFiles::new(path), &["1"], 0).unwrap_err();
        assert_eq!(error.failure(), DeliveryFailure::Unknown);
    }
}
