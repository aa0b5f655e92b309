//! The data plane of one cloud: frames in, verdicts from the engine, cached flows and frames out.
//!
//! Owns the fabric, services and internet namespaces, the link to the workstation, the interfaces' veth pairs, the threads that decide frames and the one that
//! keeps up with the cache, the contents of the flow cache, connection state and its journal, and the counters of what was
//! dropped. Refuses to know the API, the store and what runs behind an interface; all policy is `vpc-engine`'s.
//!
//! ```text
//!   guest namespace            fabric namespace                       guest namespace
//!  +--------------+   veth   +-------------------------------+  veth  +--------------+
//!  | eth0 --------|----------| port N     flow cache     port M|------|-------- eth0 |
//!  +--------------+          |     \   (hit: to the peer)  ^  |       +--------------+
//!                            |      \ miss                 |  |
//!                            |       v                     |  |
//!                            |   packet socket --> engine --> packet socket
//!                            +-------------------------------+
//! ```
//!
//! Architecture invariants: the fabric namespace has no address, no route and no forwarding, so nothing but a verdict moves a
//! frame; when [`DataPlane::apply`] returns, no frame is decided by what went before; everything that must outlive the
//! daemon is in the kernel or in the run directory, and a start adopts it.

mod admissions;
mod advertise;
pub mod bench;
mod budget;
mod cache;
mod clock;
mod decide;
mod drops;
mod entry;
mod error;
mod fabric;
mod follow;
mod installed;
mod internet;
mod journal;
mod layout;
mod logged;
mod packet_loop;
mod path_loop;
mod path_queue;
mod plane;
mod translations;
mod upkeep;
mod workstation;

pub use budget::{BURST_FRAMES, FRAMES_PER_SEC, SlowPathBudget};
pub use drops::DropCount;
pub use error::DataPlaneError;
pub use fabric::{AttachedPort, PortSpec};
pub use follow::{Fate, Followed, Following, TooManyFollowed};
pub use plane::{ADVERTISING, Config, Counters, DataPlane, Mode, ModeChoice, capture_point};
pub use workstation::{LeftOutRoute, Workstation, WorkstationLink};
