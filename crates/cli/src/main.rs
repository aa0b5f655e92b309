//! The `brume` command.
fn main() {}
