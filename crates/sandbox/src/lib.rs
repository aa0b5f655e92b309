//! Instances as sandboxes on the host's own userland.
//!
//! Owns: what an instance is to the host (namespaces, root disk, cgroup, console, life and death), behind the
//! [`Driver`] trait; [`Userland`] is the driver that needs no download. Refuses to know what AWS calls any of it, how
//! interfaces get into the guest's network namespace (the caller moves them there), and who asked.
//!
//! A sandbox outlives the process that started it. Each has a *monitor*, a small process that waits for the guest's
//! init, keeps its console and writes down how it ended; a daemon that restarts adopts what it finds.
//!
//! Namespaces are entered only by fresh, single-threaded processes: the `brume` executable starts itself with a hidden
//! first argument, and [`main_internal`] takes over before any thread or runtime exists.

mod cgroup;
mod driver;
mod error;
mod exec;
mod idmap;
mod internal;
mod layout;
mod process;
mod record;
mod userland;

pub use driver::{CONSOLE_LIMIT_BYTES, Driver, Exec, Exit, GUEST_PATH, Readiness, Running, Spec, StdioMode};
pub use error::{SandboxError, ToolboxProblem};
pub use exec::{Canceller, CaptureLimits, Captured, ExecChild, ExecStatus};
pub use internal::main_internal;
pub use process::ProcessId;
pub use userland::{Config, Userland};
