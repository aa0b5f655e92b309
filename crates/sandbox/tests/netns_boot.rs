//! Boots sandboxes and looks at them from inside and outside.

mod support;

use std::time::{Duration, Instant};

use sandbox::{Driver, Exit, Readiness};
use support::{Cloud, spec};

#[test]
fn boots_runs_commands_and_powers_off() {
    let Some(cloud) = Cloud::new() else { return };
    let began = Instant::now();
    let running = cloud.driver.start(&spec(1)).unwrap();
    let held = began.elapsed();
    cloud.driver.release(&running).unwrap();
    let readiness = cloud.driver.wait_ready(&running, Duration::from_secs(10)).unwrap();
    let ready = began.elapsed();
    assert_eq!(readiness, Readiness::Ready, "{}", cloud.console(1));
    let output = cloud.run(&running, "hostname; id -u; echo to-stderr >&2; exit 3");
    eprintln!(
        "namespaces after {held:?}, ready after {ready:?}, first command done after {:?}",
        began.elapsed()
    );
    assert_eq!(output.stdout, "instance-1\n0\n");
    assert_eq!(output.stderr, "to-stderr\n");
    assert_eq!(output.code, 3);
    let exit = cloud.driver.stop(&running, Duration::from_secs(5)).unwrap();
    assert_eq!(exit, Exit::PoweredOff, "{}", cloud.console(1));
}
