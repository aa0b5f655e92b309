//! Map operations that aya does not offer: many entries in one system call (`BPF_MAP_LOOKUP_BATCH` and its siblings, Linux
//! 5.6), and an entry taken out and read in one (`BPF_MAP_LOOKUP_AND_DELETE_ELEM`, for hash maps Linux 5.14).
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use vpc_abi::{FlowEntry, FlowKey};
use zerocopy::FromZeros;

/// `BPF_MAP_LOOKUP_BATCH` of linux/bpf.h.
const BPF_MAP_LOOKUP_BATCH: libc::c_long = 24;
/// `BPF_MAP_UPDATE_BATCH` of linux/bpf.h.
const BPF_MAP_UPDATE_BATCH: libc::c_long = 26;

/// `BPF_MAP_LOOKUP_AND_DELETE_ELEM` of linux/bpf.h.
const BPF_MAP_LOOKUP_AND_DELETE_ELEM: libc::c_long = 21;

/// The part of `union bpf_attr` that operations on one element read.
#[repr(C, align(8))]
struct ElementRequest {
    map_fd: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// Takes an entry out; none when there is none.
pub(crate) fn take(map: BorrowedFd<'_>, key: &FlowKey) -> io::Result<Option<FlowEntry>> {
    let mut entry = FlowEntry::new_zeroed();
    let mut request = ElementRequest {
        map_fd: map.as_raw_fd() as u32,
        padding: 0,
        key: std::ptr::from_ref(key) as u64,
        value: std::ptr::from_mut(&mut entry) as u64,
        flags: 0,
    };
    // SAFETY: the request has the kernel's layout and its size is given; key and value point to memory of the map's key
    // and value size that outlives the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_MAP_LOOKUP_AND_DELETE_ELEM,
            std::ptr::from_mut(&mut request),
            size_of::<ElementRequest>(),
        )
    };
    if result == 0 {
        return Ok(Some(entry));
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        error => Err(error),
    }
}

/// The part of `union bpf_attr` that batch operations read.
#[repr(C, align(8))]
struct BatchRequest {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

/// A place in a walk over the map.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor(Option<u32>);

/// Room for one batch of a map with such values.
pub(crate) struct Batch<V> {
    pub(crate) keys: Vec<FlowKey>,
    pub(crate) values: Vec<V>,
}

impl<V: FromZeros + Clone> Batch<V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { keys: vec![FlowKey::new_zeroed(); capacity], values: vec![V::new_zeroed(); capacity] }
    }
}

/// Reads the entries after `cursor` into `batch`. Answers how many, and whether the walk is at its end.
///
/// The walk goes bucket by bucket, so entries that come and go meanwhile are seen at most once, and those that stay
/// exactly once (a preallocated or not, the bucket array of a hash map never changes).
///
/// # Errors
/// `ENOSPC` when a single bucket holds more than the batch does; the caller makes the batch larger.
pub(crate) fn read<V: FromZeros>(
    map: BorrowedFd<'_>,
    cursor: &mut Cursor,
    batch: &mut Batch<V>,
) -> io::Result<(usize, bool)> {
    let start = cursor.0.unwrap_or_default();
    let mut next = 0_u32;
    let mut request = BatchRequest {
        in_batch: if cursor.0.is_some() { std::ptr::from_ref(&start) as u64 } else { 0 },
        out_batch: std::ptr::from_mut(&mut next) as u64,
        keys: batch.keys.as_mut_ptr() as u64,
        values: batch.values.as_mut_ptr() as u64,
        count: batch.keys.len().min(batch.values.len()) as u32,
        map_fd: map.as_raw_fd() as u32,
        elem_flags: 0,
        flags: 0,
    };
    // SAFETY: keys and values point to memory of the map's key size and value size times `count`, the cursors to four bytes
    // each, and all outlive the call.
    let result = unsafe { call(BPF_MAP_LOOKUP_BATCH, &mut request) };
    let is_end = match result {
        Ok(()) => false,
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => true,
        Err(error) => return Err(error),
    };
    *cursor = if is_end { Cursor::default() } else { Cursor(Some(next)) };
    Ok((request.count as usize, is_end))
}

/// Puts entries in, each in place of an earlier one, up to the first that the kernel refuses. Answers how many went in, and
/// why the next did not.
pub(crate) fn write(map: BorrowedFd<'_>, keys: &[FlowKey], entries: &[FlowEntry]) -> (usize, io::Result<()>) {
    let mut request = BatchRequest {
        in_batch: 0,
        out_batch: 0,
        keys: keys.as_ptr() as u64,
        values: entries.as_ptr() as u64,
        count: keys.len().min(entries.len()) as u32,
        map_fd: map.as_raw_fd() as u32,
        elem_flags: 0,
        flags: 0,
    };
    // SAFETY: keys and values point to memory of the map's key size and value size times `count` that outlives the call and
    // is only read.
    let result = unsafe { call(BPF_MAP_UPDATE_BATCH, &mut request) };
    (request.count as usize, result)
}

/// # Safety
/// What the request points to is as the command expects it.
unsafe fn call(command: libc::c_long, request: &mut BatchRequest) -> io::Result<()> {
    // SAFETY: the request has the kernel's layout and its size is given; the caller answers for what it points to.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(request), size_of::<BatchRequest>())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
