//! Loads, fills and adopts the flow cache of `ebpf/flow_cache.c`.
//!
//! Owns the compiled program, its maps and the BPF file system that keeps both while no daemon runs. Refuses to know what a
//! flow means, which device is whose, and how a program gets onto a device: that is netlink, in `host-net`.
//!
//! Nothing here needs more than the kernel: the object is compiled beforehand and part of this crate
//! (`ebpf/build.sh` builds it, and a test proves that the committed one is what the source compiles to).

mod batch;
mod cache;
mod pins;

pub use cache::{FlowCache, FlowCacheError, PROGRAM_NAME};
