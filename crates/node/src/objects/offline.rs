//! The same without a daemon: who has the locks is alone.

use std::ops::ControlFlow;
use std::sync::Arc;

use aws_types::Partition;
use service_api::{IdSource as _, OsRandom};
use store::{RedbBackend, Store, StoreError};
use svc_s3::S3;

use super::summary;
use super::tasks::{self, ObjectsTask, TaskOutcome, TaskProgress};
use crate::paths::DataDir;

/// Why objects could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// There are none.
    #[error("no cloud has kept objects in {0}")]
    NoObjects(std::path::PathBuf),
    /// Somebody has them.
    #[error("{0}; let that end, or if it is a daemon stop it with `brume down`")]
    InUse(String),
    /// The records could not be opened.
    #[error(transparent)]
    Records(StoreError),
    /// The objects could not be opened.
    #[error(transparent)]
    Objects(svc_s3::OpenError),
    /// Their secret could not be read.
    #[error(transparent)]
    Secret(#[from] svc_s3::SealError),
    /// It could not be done.
    #[error("{0}")]
    Task(String),
}

/// Looks at the objects of a cloud whose daemon does not run.
///
/// # Errors
/// [`OfflineError`].
pub fn look_offline(
    data_dir: &DataDir,
    task: &ObjectsTask,
    watch: &mut dyn FnMut(TaskProgress) -> ControlFlow<()>,
) -> Result<TaskOutcome, OfflineError> {
    if !data_dir.store().is_dir() || !data_dir.objects().is_dir() {
        return Err(OfflineError::NoObjects(data_dir.path().to_owned()));
    }
    let records = |error: StoreError| match error {
        StoreError::Locked { .. } => OfflineError::InUse(error.to_string()),
        other => OfflineError::Records(other),
    };
    let store = Store::open(RedbBackend::open(&data_dir.store()).map_err(records)?).map_err(records)?;
    S3::record_kinds().try_for_each(|kind| kind.check(&store)).map_err(records)?;
    let secret = svc_s3::secret_of_store(&store, Partition::Aws, &mut || OsRandom.bits())?;
    let opened = S3::open_as_it_is(store, Arc::new(OsRandom), &data_dir.objects(), secret);
    let s3 = opened.map_err(|error| match error {
        svc_s3::OpenError::Objects(object_store::StoreError::Locked { .. }) => {
            OfflineError::InUse(error.to_string())
        }
        other => OfflineError::Objects(other),
    })?;
    let outcome = tasks::perform(&s3, &data_dir.objects(), task, true, watch).map_err(OfflineError::Task)?;
    if let TaskOutcome::Scrub(told) = &outcome
        && let Err(error) = summary::write(&data_dir.scrub_summary(), &told.summary)
    {
        tracing::warn!(%error, "what the scrub found is not kept");
    }
    Ok(outcome)
}
