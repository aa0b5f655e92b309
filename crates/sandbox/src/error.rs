//! Why a sandbox operation failed.

use std::path::PathBuf;

use aws_types::InstanceId;

/// Why a sandbox operation failed.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A file or directory of the sandbox could not be used.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// What was tried, such as `create`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The sandbox could not be set up.
    #[error("{step}: {problem}")]
    Setup {
        /// The step that failed, such as `mount /proc`.
        step: String,
        /// What went wrong.
        problem: String,
    },
    /// The executable that guests are to run cannot be used.
    #[error("the guest executable {} cannot be used: {problem}", path.display())]
    Toolbox {
        /// The configured path.
        path: PathBuf,
        /// What is wrong with it.
        problem: ToolboxProblem,
    },
    /// A sandbox of this instance runs already.
    #[error("{0} is running already")]
    AlreadyRunning(InstanceId),
    /// The sandbox does not run (any more).
    #[error("{0} is not running")]
    NotRunning(InstanceId),
    /// All identity ranges of this host are taken.
    #[error("no free range of user ids is left for another instance")]
    NoFreeIds,
    /// A record on disk cannot be understood.
    #[error("the record {} is damaged: {source}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A process could not be handled.
    #[error("{action}: {source}")]
    Process {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A command for the guest is not one.
    #[error("the command is not usable: {0}")]
    Command(&'static str),
    /// Removal was not complete; each says what is left and why.
    #[error("not everything could be removed: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Remains(Vec<SandboxError>),
}

/// What is wrong with the executable that guests are to run.
#[derive(Debug, thiserror::Error)]
pub enum ToolboxProblem {
    /// It is not there, or out of reach.
    #[error(transparent)]
    Unreachable(std::io::Error),
    /// It is a directory or the like.
    #[error("it is not a file")]
    NotAFile,
    /// Its mode lets nobody execute it.
    #[error("it is not executable")]
    NotExecutable,
}

impl SandboxError {
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::File { action, path: path.into(), source }
    }

    pub(crate) fn setup(step: impl Into<String>, problem: impl std::fmt::Display) -> Self {
        Self::Setup { step: step.into(), problem: problem.to_string() }
    }
}
