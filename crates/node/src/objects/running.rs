//! What an operator asked for, while it runs and until the next is asked for.
//!
//! Owns that there is one at a time, and that it ends when nobody asks about it any more: a scrub may take hours, and who
//! asked for it may have gone.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::Objects;
use super::tasks::{self, ObjectsTask, TaskOutcome, TaskProgress};
use crate::control::{self, Question};
use crate::paths::RunDir;

/// How long it goes on without being asked about.
const ASKED_WITHIN: Duration = Duration::from_secs(15);

/// How far something has come that was asked for, or what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskState {
    /// Its number.
    pub number: u64,
    /// How far it has come.
    pub progress: TaskProgress,
    /// What came of it, once it has ended.
    pub outcome: Option<Result<TaskOutcome, String>>,
}

impl TaskState {
    /// Asks the daemon of a run directory to begin something.
    ///
    /// # Errors
    /// It does something else at the moment, or does not answer in time.
    pub fn begin(run_dir: &RunDir, task: ObjectsTask) -> std::io::Result<Self> {
        control::ask(run_dir, &Question::BeginObjectsTask { task })
    }

    /// Asks it how far that has come. It is ended when nobody asks for some seconds.
    ///
    /// # Errors
    /// It was ended, or the daemon does not answer in time.
    pub fn ask(run_dir: &RunDir, number: u64) -> std::io::Result<Self> {
        control::ask(run_dir, &Question::ObjectsTask { number })
    }
}

/// Something that was asked for.
pub(super) struct Running(Arc<Mutex<Shared>>);

struct Shared {
    state: TaskState,
    last_asked: Instant,
}

impl Running {
    pub(super) fn has_ended(&self) -> bool {
        self.0.lock().state.outcome.is_some()
    }

    fn state(&self) -> TaskState {
        let mut shared = self.0.lock();
        shared.last_asked = Instant::now();
        shared.state.clone()
    }
}

impl Objects {
    /// Begins what an operator asks for, on a thread of its own.
    ///
    /// # Errors
    /// Something else is done at the moment.
    pub(crate) fn begin(self: &Arc<Self>, task: ObjectsTask) -> Result<TaskState, String> {
        let mut asked = self.asked.lock();
        if asked.as_ref().is_some_and(|running| !running.has_ended()) {
            return Err("another `brume s3` command works at the moment; wait for its end".to_owned());
        }
        if task == ObjectsTask::Scrub {
            self.background.lock().stop();
        }
        let number = asked.as_ref().map_or(0, |running| running.0.lock().state.number) + 1;
        let state = TaskState { number, progress: TaskProgress::default(), outcome: None };
        let shared = Arc::new(Mutex::new(Shared { state: state.clone(), last_asked: Instant::now() }));
        let (me, of_thread) = (Arc::clone(self), Arc::clone(&shared));
        std::thread::Builder::new()
            .name("objects-task".to_owned())
            .spawn(move || me.work(&task, &of_thread))
            .map_err(|error| format!("no thread for it: {error}"))?;
        *asked = Some(Running(shared));
        Ok(state)
    }

    /// How far it has come.
    ///
    /// # Errors
    /// It was followed by another, or the daemon was started anew.
    pub(crate) fn state_of(&self, number: u64) -> Result<TaskState, String> {
        let asked = self.asked.lock();
        let state = asked.as_ref().map(Running::state).filter(|state| state.number == number);
        state.ok_or_else(|| "what was asked for is not known any more; ask for it anew".to_owned())
    }

    fn work(&self, task: &ObjectsTask, shared: &Mutex<Shared>) {
        let mut watch = |progress| {
            let mut shared = shared.lock();
            shared.state.progress = progress;
            let is_left = shared.last_asked.elapsed() > ASKED_WITHIN;
            if is_left || self.end.check().is_err() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let perform = || tasks::perform(&self.s3, &self.dir, task, false, &mut watch);
        // Whatever happens, another thing can be asked for afterwards.
        let outcome = catch_unwind(AssertUnwindSafe(perform)).unwrap_or_else(|_| {
            Err("it failed for a defect of this program, which its log tells of".to_owned())
        });
        if let Ok(TaskOutcome::Scrub(told)) = &outcome {
            self.keep(told);
        }
        shared.lock().state.outcome = Some(outcome);
    }
}
