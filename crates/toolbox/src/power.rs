//! `poweroff`, `halt`, `reboot` and `shutdown`, by asking the guest's init. Options as systemd has them.
//!
//! Owns reading what is asked for, and a shutdown that is to come later. They stand before the host's own in a guest, which
//! look for a systemd that is not there. Anywhere but in a guest they refuse.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use rustix::fs::{FlockOperation, flock};

use crate::options::{self, Flag, Options, flag};

const HELP: &str = "usage: poweroff | halt | reboot [-dfnw] [--no-wall]
       shutdown [-hPHrk] [now | +MINUTES | HH:MM [MESSAGE...]]
       shutdown -c

Ends the instance, or starts it again: at once, or a minute from now if shutdown is told no time.

  -H, --halt, -P, -p, --poweroff, -h   power off
  -r, --reboot                         start again
  -c                                   take a shutdown back that is to come
  -k, -w, --wtmp-only                  do nothing
  -d, -f, -n, --no-wall                accepted for the sake of scripts
";

const FLAGS: [Flag; 13] = [
    flag('?', "help"),
    flag('H', "halt"),
    flag('P', "poweroff"),
    flag('p', ""),
    flag('h', ""),
    flag('r', "reboot"),
    flag('c', ""),
    flag('k', ""),
    flag('w', "wtmp-only"),
    flag('d', "no-wtmp"),
    flag('f', "force"),
    flag('n', "no-sync"),
    flag('W', "no-wall"),
];

/// Locked by the process that waits for the time of a shutdown, whose number it holds.
const SCHEDULED: &str = "/run/brume-shutdown";
/// Set in that process: how long it waits.
const WAIT_VARIABLE: &str = "BRUME_SHUTDOWN_WAIT_SECS";
/// What `shutdown` waits when it is told no time.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
enum PowerError {
    #[error("{0}")]
    Usage(String),
    #[error("'{0}' is not a time: now, +MINUTES or HH:MM")]
    Time(String),
    #[error("only root may do that")]
    NotRoot,
    #[error("process 1 is not the init of an instance")]
    NotInGuest,
    #[error("cannot ask init: {0}")]
    Init(#[from] nix::errno::Errno),
    #[error("{SCHEDULED}: {0}")]
    Schedule(io::Error),
}

/// What is to become of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    PowerOff,
    Reboot,
}

/// What a command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Help,
    Nothing,
    Cancel,
    Do { aim: Aim, after: Duration },
}

/// Runs the program of that name.
pub(crate) fn main(name: &str, args: &[OsString]) -> ExitCode {
    let time_of_day = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    match read(name, args, time_of_day).and_then(carry_out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Reads a command line. `now` is the time since any midnight.
fn read(name: &str, args: &[OsString], now: Duration) -> Result<Order, PowerError> {
    let options = options::parse(args, &FLAGS).map_err(PowerError::Usage)?;
    if options.has('?') {
        return Ok(Order::Help);
    }
    if options.has('k') || options.has('w') {
        return Ok(Order::Nothing);
    }
    let aim = aim(name, &options);
    if name != "shutdown" {
        return match options.rest.first() {
            Some(unexpected) => Err(PowerError::Usage(format!("unexpected argument '{unexpected}'"))),
            None => Ok(Order::Do { aim, after: Duration::ZERO }),
        };
    }
    if options.has('c') {
        return Ok(Order::Cancel);
    }
    let after = options.rest.first().map_or(Ok(DEFAULT_WAIT), |time| wait_until(time, now))?;
    Ok(Order::Do { aim, after })
}

/// What an option says, else what the name does. A halted machine that cannot be powered off has no use here.
fn aim(name: &str, options: &Options) -> Aim {
    if ['H', 'P', 'p', 'h'].iter().any(|option| options.has(*option)) {
        Aim::PowerOff
    } else if options.has('r') || name == "reboot" {
        Aim::Reboot
    } else {
        Aim::PowerOff
    }
}

fn wait_until(time: &str, now: Duration) -> Result<Duration, PowerError> {
    const DAY_SECS: u64 = 24 * 60 * 60;
    let wrong = || PowerError::Time(time.to_owned());
    let number = |digits: &str| digits.parse::<u32>().map(u64::from).map_err(|_| wrong());
    if time == "now" {
        return Ok(Duration::ZERO);
    }
    let Some((hours, minutes)) = time.split_once(':') else {
        return Ok(Duration::from_secs(number(time)? * 60));
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 23 || minutes > 59 {
        return Err(wrong());
    }
    // Guests keep UTC. A time that has passed today is tomorrow's.
    let at = (hours * 60 + minutes) * 60;
    let wait = (at + DAY_SECS - now.as_secs() % DAY_SECS) % DAY_SECS;
    Ok(Duration::from_secs(wait))
}

fn carry_out(order: Order) -> Result<(), PowerError> {
    let Order::Do { aim, after } = order else {
        match order {
            Order::Help => print!("{HELP}"),
            Order::Cancel => {
                check_place()?;
                cancel().map_err(PowerError::Schedule)?;
            }
            Order::Nothing | Order::Do { .. } => {}
        }
        return Ok(());
    };
    check_place()?;
    if let Some(wait) = std::env::var(WAIT_VARIABLE).ok().and_then(|secs| secs.parse().ok()) {
        std::thread::sleep(Duration::from_secs(wait));
        return ask_init(aim);
    }
    if after.is_zero() {
        return ask_init(aim);
    }
    cancel().and_then(|()| schedule(aim, after)).map_err(PowerError::Schedule)?;
    let what = if aim == Aim::Reboot { "reboot" } else { "poweroff" };
    eprintln!("The {what} comes in {} s; 'shutdown -c' takes it back.", after.as_secs());
    Ok(())
}

/// Whether process 1 is to be asked: a guest's init is this very executable. What is process 1 elsewhere would take the
/// signals for something else.
fn check_place() -> Result<(), PowerError> {
    if !geteuid().is_root() {
        return Err(PowerError::NotRoot);
    }
    let named_init = fs::read_to_string("/proc/1/comm").is_ok_and(|name| name.trim_end() == "init");
    let file = |process: &str| {
        let metadata = fs::metadata(format!("/proc/{process}/exe")).ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    let own = file("self");
    if named_init && own.is_some() && own == file("1") { Ok(()) } else { Err(PowerError::NotInGuest) }
}

/// See [`crate::init::HANDLED_SIGNALS`].
fn ask_init(aim: Aim) -> Result<(), PowerError> {
    let signal = match aim {
        Aim::PowerOff => Signal::SIGPWR,
        Aim::Reboot => Signal::SIGINT,
    };
    Ok(kill(Pid::from_raw(1), signal)?)
}

/// Leaves a process behind that asks init when it is time.
fn schedule(aim: Aim, after: Duration) -> io::Result<()> {
    let mut file = File::options().create(true).truncate(false).read(true).write(true).open(SCHEDULED)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    file.set_len(0)?;
    let waiting = Command::new("/proc/self/exe")
        .arg0("shutdown")
        .args(if aim == Aim::Reboot { ["-r", "now"] } else { ["-P", "now"] })
        .env(WAIT_VARIABLE, after.as_secs().to_string())
        // Not hung up on with the shell that it was started from.
        .process_group(0)
        // The open file holds the lock for as long as the process lives.
        .stdin(file.try_clone()?)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    write!(file, "{}", waiting.id())
}

/// Ends the process that waits, if there is one.
fn cancel() -> io::Result<()> {
    let mut file = match File::open(SCHEDULED) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
        return Ok(());
    }
    let mut pid = String::new();
    file.read_to_string(&mut pid)?;
    if let Ok(pid) = pid.parse() {
        kill(Pid::from_raw(pid), Signal::SIGKILL)?;
        // The lock comes free with the end of the process.
        flock(&file, FlockOperation::LockExclusive)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn check(line: &str, expect: Order) {
        let mut words = line.split(' ').map(OsString::from);
        let name = words.next().unwrap().into_string().unwrap();
        let args: Vec<OsString> = words.collect();
        // 12:30 of some day.
        let now = MINUTE * (60 * 12 + 30) + Duration::from_secs(7 * 86_400);
        assert_eq!(read(&name, &args, now).unwrap(), expect, "{line}");
    }

    #[test]
    fn orders_are_read_as_systemd_does() {
        let off = |after| Order::Do { aim: Aim::PowerOff, after };
        let again = |after| Order::Do { aim: Aim::Reboot, after };
        for line in ["poweroff", "poweroff -f", "halt", "halt -p", "reboot --poweroff", "shutdown -h now"] {
            check(line, off(Duration::ZERO));
        }
        for line in ["reboot", "reboot -f", "poweroff --reboot", "shutdown -r now"] {
            check(line, again(Duration::ZERO));
        }
        check("shutdown", off(MINUTE));
        check("shutdown +5 going down", off(5 * MINUTE));
        check("shutdown 5", off(5 * MINUTE));
        check("shutdown -r 12:45", again(15 * MINUTE));
        check("shutdown -P 12:29", off(MINUTE * (24 * 60 - 1)));
        check("shutdown -c", Order::Cancel);
        for line in ["shutdown -k now", "poweroff -w"] {
            check(line, Order::Nothing);
        }
        check("halt --help", Order::Help);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (name, arg) in
            [("shutdown", "tomorrow"), ("shutdown", "25:00"), ("shutdown", "-x"), ("poweroff", "now")]
        {
            assert!(read(name, &[arg.into()], Duration::ZERO).is_err(), "{name} {arg}");
        }
    }

    #[test]
    fn nothing_is_asked_of_a_process_1_that_is_no_guests_init() {
        assert!(check_place().is_err());
    }
}
