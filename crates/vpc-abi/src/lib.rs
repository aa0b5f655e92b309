//! Memory layouts shared by the engine, the loader and the eBPF program. No logic.
#![no_std]
