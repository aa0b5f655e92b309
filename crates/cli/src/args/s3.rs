//! The grammar of `brume s3`.

use clap::{Args, Subcommand};

use super::{DataDirOption, MeasureOptions};

pub(super) const EXAMPLES: &str = "\
Examples:
  brume s3 du                     what each bucket takes, and all of them on the disk
  brume s3 scrub                  read and verify everything now; the daemon does it once a week
  brume s3 fsck                   whether index, files and rows agree
  brume s3 fsck --repair          the same, and what can be repaired is

They ask the daemon, and do without where none runs. One of them works at a time, and ends with the
command that asked for it.

Exit codes: 0 nothing is wrong, 3 something is damaged (`scrub`) or not as it should be (`fsck`),
1 it cannot be told.";

#[derive(Debug, Args)]
pub(crate) struct S3Options {
    #[command(subcommand)]
    pub(crate) what: S3Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum S3Command {
    /// Show what buckets take: objects, versions, uploads in progress and bytes
    ///
    /// BYTES is what clients have stored, all versions and parts of uploads together. Equal contents are on the disk once, and sealed:
    /// what they take there is told for all buckets together.
    Du(S3DuOptions),
    /// Read and verify everything, and tell what is damaged by bucket and key
    ///
    /// Nothing is changed: an object that is damaged is removed, or put again, by whoever has it. Contents under a client's own key
    /// are compared with their check sums.
    Scrub(S3ScrubOptions),
    /// Compare index, files and rows with each other
    Fsck(S3FsckOptions),
}

#[derive(Debug, Args)]
pub(crate) struct S3DuOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// Only this bucket
    pub(crate) bucket: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct S3ScrubOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct S3FsckOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// Correct counts, and remove what nothing refers to: files, and parts of uploads that are not there
    #[arg(long)]
    pub(crate) repair: bool,
    /// Remove objects of buckets that are not there, too, as after records were taken from an older backup; there is no way back
    #[arg(long, requires = "repair")]
    pub(crate) remove_lost: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MeasureS3Options {
    #[command(flatten)]
    pub(crate) how: MeasureOptions,
    /// Measure less: an object of 64 MiB and 20,000 keys, which takes seconds and says less
    #[arg(long)]
    pub(crate) quick: bool,
}
