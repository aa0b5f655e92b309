//! A store of bytes in memory that fails and fills up.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::Address;
use crate::bytes::{ByteStore, StagedBytes, StoredBytes};
use crate::fault::FaultPlan;

/// Bytes in memory. Clones are the same. Operations that the plan counts are stagings, writes, publications and removals.
#[derive(Clone, Debug, Default)]
pub struct FaultyBytes(Arc<Mutex<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    published: BTreeMap<Address, Arc<Vec<u8>>>,
    /// How many bytes are on their way in.
    staged_bytes: u64,
    plan: FaultPlan,
    operations: u64,
}

impl FaultyBytes {
    /// Nothing, without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on, goes wrong like this. The count of operations starts again.
    pub fn set_plan(&self, plan: FaultPlan) {
        let mut shelf = self.0.lock();
        shelf.plan = plan;
        shelf.operations = 0;
    }

    /// How many operations there have been since the plan was set.
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Everything that is there.
    pub fn addresses(&self) -> Vec<Address> {
        self.0.lock().published.keys().copied().collect()
    }

    /// How many bytes are on their way in.
    pub fn staged_bytes(&self) -> u64 {
        self.0.lock().staged_bytes
    }

    /// Turns one bit over. Says whether there is such a bit.
    pub fn flip_bit(&self, address: Address, bit: u64) -> bool {
        let mut shelf = self.0.lock();
        let Some(bytes) = shelf.published.get_mut(&address) else { return false };
        let place = usize::try_from(bit / 8).ok();
        let Some(byte) = place.and_then(|place| Arc::make_mut(bytes).get_mut(place)) else { return false };
        *byte ^= 1 << (bit % 8);
        true
    }
}

impl Shelf {
    /// Counts an operation and says whether it goes wrong.
    fn step(&mut self) -> io::Result<()> {
        let operation = self.operations;
        self.operations += 1;
        let is_gone = self.plan.crash_at.is_some_and(|at| operation >= at);
        if is_gone || self.plan.fail_at == Some(operation) {
            return Err(io::Error::other("simulated I/O error"));
        }
        Ok(())
    }

    fn used_bytes(&self) -> u64 {
        self.staged_bytes + self.published.values().map(|bytes| bytes.len() as u64).sum::<u64>()
    }
}

impl ByteStore for FaultyBytes {
    fn stage(&self) -> io::Result<Box<dyn StagedBytes>> {
        self.0.lock().step()?;
        Ok(Box::new(Staged { shelf: self.clone(), bytes: Vec::new() }))
    }

    fn open(&self, address: &Address) -> io::Result<Box<dyn StoredBytes>> {
        let bytes = self.0.lock().published.get(address).cloned();
        Ok(Box::new(Stored(bytes.ok_or(io::ErrorKind::NotFound)?)))
    }

    fn find(&self, address: &Address) -> io::Result<Option<u64>> {
        Ok(self.0.lock().published.get(address).map(|bytes| bytes.len() as u64))
    }

    fn remove(&self, address: &Address) -> io::Result<()> {
        let mut shelf = self.0.lock();
        shelf.step()?;
        shelf.published.remove(address);
        Ok(())
    }

    fn list(&self, part: u8) -> io::Result<Vec<Address>> {
        Ok(self.addresses().into_iter().filter(|address| address.part() == part).collect())
    }

    fn discard_staged(&self) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        Ok(None)
    }
}

struct Staged {
    shelf: FaultyBytes,
    bytes: Vec<u8>,
}

impl StagedBytes for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut shelf = self.shelf.0.lock();
        shelf.step()?;
        let wanted = shelf.used_bytes() + bytes.len() as u64;
        if shelf.plan.capacity_bytes.is_some_and(|capacity| wanted > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        shelf.staged_bytes += bytes.len() as u64;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn publish(mut self: Box<Self>, address: &Address) -> io::Result<()> {
        let mut shelf = self.shelf.0.lock();
        shelf.step()?;
        shelf.staged_bytes -= self.bytes.len() as u64;
        let bytes = std::mem::take(&mut self.bytes);
        shelf.published.insert(*address, Arc::new(bytes));
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        self.shelf.0.lock().staged_bytes -= self.bytes.len() as u64;
    }
}

struct Stored(Arc<Vec<u8>>);

impl StoredBytes for Stored {
    fn length_bytes(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, out: &mut [u8], offset_bytes: u64) -> io::Result<()> {
        let start = usize::try_from(offset_bytes).map_err(io::Error::other)?;
        let bytes = self.0.get(start..).and_then(|bytes| bytes.get(..out.len()));
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
