//! `ping`: echo requests, with options, output and exit codes as iputils has them.

mod icmp;
mod socket;
mod statistics;

use std::ffi::OsString;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::options::{self, Flag, Options, flag, valued};
use icmp::Heard;
use socket::{EchoSocket, Wakeup};
use statistics::Statistics;

const HELP: &str = "usage: ping [options] destination

  -4, -6       use IPv4, or IPv6, only
  -c COUNT     stop after so many requests
  -I ADDRESS   send from this address or interface
  -i SECONDS   time between requests (1)
  -M do        forbid fragmentation
  -n           no name lookups for output
  -q           only the summary
  -s BYTES     size of the data (56)
  -t TTL       time to live
  -W SECONDS   time to wait for the last answer (10)
  -w SECONDS   stop after this time, however many answers came

Exit code: 0 when answers came, 1 when none or too few did, 2 for other errors.
";

const FLAGS: [Flag; 13] = [
    flag('4', ""),
    flag('6', ""),
    valued('c', ""),
    flag('h', "help"),
    valued('I', ""),
    valued('i', ""),
    valued('M', ""),
    flag('n', ""),
    flag('q', ""),
    valued('s', ""),
    valued('t', ""),
    valued('W', ""),
    valued('w', ""),
];

/// The most data that one request can carry over IPv4.
const MAX_DATA_BYTES: usize = 65_507;
/// How long the last answer may take, when none came before it.
const LINGER: Duration = Duration::from_secs(10);
/// More than root alone may send is for measuring, not for asking.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(2);

/// What was asked for.
#[derive(Clone, Debug)]
struct Plan {
    host: String,
    target: IpAddr,
    count: Option<u64>,
    interval: Duration,
    linger: Option<Duration>,
    deadline: Option<Duration>,
    data_bytes: usize,
    quiet: bool,
    source: Option<String>,
    forbid_fragments: bool,
    ttl: Option<u32>,
}

pub(crate) fn main(args: &[OsString]) -> ExitCode {
    match run(args) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("ping: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &[OsString]) -> Result<ExitCode, String> {
    let options = options::parse(args, &FLAGS)?;
    if options.has('h') {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let plan = plan(&options)?;
    let mut session = Session::open(plan)?;
    session.announce();
    session.run()
}

fn plan(options: &Options) -> Result<Plan, String> {
    let [host] = &options.rest[..] else {
        return Err("usage error: Destination address required".to_owned());
    };
    let data_bytes = options.parsed('s')?.unwrap_or(56);
    if data_bytes > MAX_DATA_BYTES {
        return Err(format!(
            "invalid -s value: '{data_bytes}': out of range: 0 <= value <= {MAX_DATA_BYTES}"
        ));
    }
    let count = options.parsed('c')?;
    if count == Some(0) {
        return Err("invalid argument: '0': out of range: 1 <= value".to_owned());
    }
    let forbid_fragments = match options.value('M') {
        None | Some("dont" | "want") => false,
        Some("do") => true,
        Some(other) => return Err(format!("invalid -M argument: {other}")),
    };
    Ok(Plan {
        host: host.clone(),
        target: resolve(host, options.has('4'), options.has('6'))?,
        count,
        interval: options.seconds('i')?.unwrap_or(Duration::from_secs(1)).max(SHORTEST_INTERVAL),
        linger: options.seconds('W')?,
        deadline: options.seconds('w')?,
        data_bytes,
        quiet: options.has('q'),
        source: options.value('I').map(str::to_owned),
        forbid_fragments,
        ttl: options.parsed('t')?,
    })
}

fn resolve(host: &str, only_v4: bool, only_v6: bool) -> Result<IpAddr, String> {
    let unknown = || format!("{host}: Name or service not known");
    let addresses = (host, 0).to_socket_addrs().map_err(|_| unknown())?;
    addresses
        .map(|address| address.ip())
        .find(|address| (!only_v4 || address.is_ipv4()) && (!only_v6 || address.is_ipv6()))
        .ok_or_else(unknown)
}

/// One run of the program.
struct Session {
    plan: Plan,
    socket: EchoSocket,
    signals: SignalFd,
    statistics: Statistics,
    began: Instant,
    /// When each request was sent, by sequence number; `None` once it was answered.
    sent_at: Vec<Option<Instant>>,
}

impl Session {
    fn open(plan: Plan) -> Result<Self, String> {
        let failed = |error: std::io::Error| match error.raw_os_error() {
            Some(number) => format!("connect: {}", nix::errno::Errno::from_raw(number).desc()),
            None => error.to_string(),
        };
        let socket = EchoSocket::open(&plan).map_err(failed)?;
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGINT);
        signals.add(Signal::SIGTERM);
        signals.thread_block().map_err(|error| error.to_string())?;
        let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            plan,
            socket,
            signals,
            statistics: Statistics::default(),
            began: Instant::now(),
            sent_at: Vec::new(),
        })
    }

    fn announce(&self) {
        let Plan { host, target, data_bytes, .. } = &self.plan;
        match target {
            IpAddr::V4(_) => {
                println!("PING {host} ({target}) {data_bytes}({}) bytes of data.", data_bytes + 28);
            }
            IpAddr::V6(_) => println!("PING {host}({target}) {data_bytes} data bytes"),
        }
    }

    /// Sends and listens until there is nothing more to wait for.
    fn run(&mut self) -> Result<ExitCode, String> {
        let deadline = self.plan.deadline.map(|deadline| self.began + deadline);
        let mut next_send = Some(self.began);
        let mut give_up: Option<Instant> = None;
        loop {
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) || give_up.is_some_and(|at| now >= at) {
                break;
            }
            if next_send.is_some_and(|at| now >= at) {
                self.send()?;
                let all_sent = self.plan.count.is_some_and(|count| self.statistics.sent >= count);
                // Measured from when it should have been sent, so that delays do not add up.
                next_send = if all_sent { None } else { next_send.map(|at| at + self.plan.interval) };
                if all_sent {
                    give_up = Some(now + self.linger());
                }
            }
            let wake_at = [next_send, deadline, give_up].into_iter().flatten().min();
            match self.socket.wait(&self.signals, wake_at).map_err(|error| error.to_string())? {
                Wakeup::Heard(packet) => self.hear(&packet),
                Wakeup::Time => {}
                Wakeup::Signal => break,
            }
            let heard_all = self.statistics.received + self.statistics.errors >= self.statistics.sent;
            if next_send.is_none() && heard_all {
                break;
            }
        }
        print!("{}", self.statistics.summary(&self.plan.host, self.began.elapsed()));
        let _ = std::io::stdout().flush();
        let too_few = self.plan.deadline.is_some()
            && self.plan.count.is_some_and(|count| self.statistics.received < count);
        Ok(if self.statistics.received == 0 || too_few { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// Twice the slowest answer is enough once there was one, unless a time was given.
    fn linger(&self) -> Duration {
        match (self.plan.linger, self.statistics.slowest()) {
            (Some(linger), _) => linger,
            (None, Some(slowest)) => (slowest * 2).max(self.plan.interval),
            (None, None) => LINGER,
        }
    }

    fn send(&mut self) -> Result<(), String> {
        let sequence = self.sent_at.len() as u16 + 1;
        if self.sent_at.len() == usize::from(u16::MAX) {
            self.sent_at.clear();
        }
        self.sent_at.push(Some(Instant::now()));
        self.statistics.sent += 1;
        if let Err(error) = self.socket.send(sequence, self.plan.data_bytes) {
            self.statistics.errors += 1;
            let why = error.raw_os_error().map(nix::errno::Errno::from_raw);
            match why {
                // The packet is too large for the way there, and may not be cut.
                Some(nix::errno::Errno::EMSGSIZE) => {
                    let known = self.socket.path_mtu_bytes();
                    let mtu = known.map(|mtu_bytes| format!(", mtu: {mtu_bytes}")).unwrap_or_default();
                    eprintln!("ping: local error: message too long{mtu}");
                }
                Some(errno) => eprintln!("ping: sendmsg: {}", errno.desc()),
                None => eprintln!("ping: {error}"),
            }
        }
        Ok(())
    }

    fn hear(&mut self, packet: &socket::Packet) {
        let now = Instant::now();
        match icmp::read(self.plan.target, self.socket.identifier(), packet) {
            Some(Heard::Reply { sequence, bytes }) => {
                let sent_at = self.sent_at.get_mut(usize::from(sequence).wrapping_sub(1));
                let round_trip = sent_at.and_then(Option::take).map(|sent| now - sent);
                let Some(round_trip) = round_trip else {
                    self.statistics.duplicates += 1;
                    return;
                };
                self.statistics.add(round_trip);
                if !self.plan.quiet {
                    let ttl = packet.ttl.map(|ttl| format!(" ttl={ttl}")).unwrap_or_default();
                    let time = statistics::milliseconds(round_trip);
                    println!("{bytes} bytes from {}: icmp_seq={sequence}{ttl} time={time} ms", packet.from);
                }
            }
            Some(Heard::Error { sequence, what }) => {
                self.statistics.errors += 1;
                if !self.plan.quiet {
                    println!("From {} icmp_seq={sequence} {what}", packet.from);
                }
            }
            None => {}
        }
        let _ = std::io::stdout().flush();
    }
}

/// The unspecified address of the family of another.
fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}
