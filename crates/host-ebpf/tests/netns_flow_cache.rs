//! The flow cache against the running kernel: loaded, filled, adopted, taken away. What it does to packets is tested where
//! there are devices, in `data-plane`.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use host_ebpf::FlowCache;
use vpc_abi::{FlowEntry, FlowKey};
use zerocopy::FromZeros;

/// A cache in `folder`, or none on a host that does not let us have one.
fn open(folder: &Path) -> Option<FlowCache> {
    match FlowCache::open(folder) {
        Ok(cache) => Some(cache),
        Err(error) => {
            let _ = FlowCache::destroy(folder);
            assert!(std::env::var_os("BRUME_REQUIRE_ALL").is_none(), "{error}");
            eprintln!("SKIPPED: {error}");
            None
        }
    }
}

fn key(number: u32) -> FlowKey {
    FlowKey { port: number, protocol: 6, family: 4, ..FlowKey::new_zeroed() }
}

#[test]
fn a_second_daemon_adopts_what_the_first_left() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("bpf");
    let Some(mut first) = open(&folder) else { return };
    assert!(!first.is_adopted());
    assert_eq!(first.epoch(5).unwrap(), Some(0));
    first.set_epoch(5, 41).unwrap();
    assert_eq!(first.epoch(u32::MAX).unwrap(), None);
    let entry = FlowEntry { egress_port: 9, ..FlowEntry::new_zeroed() };
    assert_eq!(first.insert(&[key(1)], &[entry]).unwrap(), 1);
    let id = first.program_id().unwrap();
    drop(first);

    let mut second = FlowCache::open(&folder).unwrap();
    assert!(second.is_adopted());
    assert_eq!(second.program_id().unwrap(), id);
    assert_eq!(second.epoch(5).unwrap(), Some(41));
    assert_eq!(second.get(&key(1)).unwrap(), Some(entry));
    assert!(second.remove(&key(1)).unwrap());
    assert!(!second.remove(&key(1)).unwrap());
    assert_eq!(second.get(&key(1)).unwrap(), None);
    assert_eq!(second.insert(&[key(2), key(3), key(4)], &[entry; 3]).unwrap(), 3);
    assert_eq!(second.take(&key(2)).unwrap(), Some(entry));
    assert_eq!(second.take(&key(2)).unwrap(), None);
    drop(second);

    FlowCache::destroy(&folder).unwrap();
    FlowCache::destroy(&folder).unwrap();
    assert!(!folder.exists());
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(folder.to_str().unwrap()));
}

#[test]
fn a_walk_shows_every_entry_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("bpf");
    let Some(mut cache) = open(&folder) else { return };
    let keys: Vec<FlowKey> = (0..5000).map(key).collect();
    assert_eq!(cache.insert(&keys, &vec![FlowEntry::new_zeroed(); 5000]).unwrap(), 5000);
    for _ in 0..2 {
        let mut seen = Vec::new();
        while !cache.walk(|key, _| seen.push(key.port)).unwrap() {}
        seen.sort_unstable();
        assert_eq!(seen, (0..5000).collect::<Vec<_>>());
    }
    drop(cache);
    FlowCache::destroy(&folder).unwrap();
}

#[test]
fn the_committed_object_is_what_the_source_compiles_to() {
    if Command::new("clang-14").arg("--version").output().is_err() {
        assert!(std::env::var_os("BRUME_REQUIRE_ALL").is_none(), "clang-14 is not installed");
        eprintln!("SKIPPED: clang-14 is not installed");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ebpf/build.sh");
    let check = Command::new(script).arg("--check").output().unwrap();
    assert!(check.status.success(), "{check:?}");
}
