//! `brume tcpdump`: the packets of an interface, as a capture file.
//!
//! Owns the way from a socket to a file. Refuses to know how packets come to be visible there: the daemon sees to that.

mod filter;
mod pcap;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use host_net::{CaptureSocket, NetworkNamespace};
use nix::sys::signal::{SigSet, Signal};
use node::{CapturePoint, RunDir};

use crate::account::running;
use crate::args::TcpdumpOptions;
use crate::{mounts, root};
use filter::Filter;

/// How long the socket is waited for before anything else is looked at.
const WAIT: Duration = Duration::from_millis(200);

static IS_INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Captures until it is interrupted, or has as many packets as were asked for.
pub(crate) fn run(options: &TcpdumpOptions) -> anyhow::Result<ExitCode> {
    root::require("`brume tcpdump`")?;
    let filter = options.filter.join(" ");
    let filter = if filter.is_empty() { None } else { Some(Filter::parse(&filter)?) };
    if options.write.is_none() && io::stdout().is_terminal() {
        bail!(
            "a capture is no text: name a file by -w, or pipe it into a program that reads captures, such as \
             `tcpdump -n -r -` or `wireshark -k -i -`"
        );
    }
    // The path of the interface's namespace is one of the host's.
    mounts::enter_hosts(&options.data_dir.resolve())?;
    let run_dir = running("`brume tcpdump`", &options.data_dir)?;
    let point = CapturePoint::ask(&run_dir, &options.target).context("the interface cannot be captured")?;
    let namespace = NetworkNamespace::open(&point.namespace)?;
    let socket = CaptureSocket::open(&namespace, point.device)?;
    let output: Box<dyn Write> = match &options.write {
        Some(path) => {
            let file = File::options().create(true).truncate(true).write(true).mode(0o600).open(path);
            Box::new(file.with_context(|| format!("cannot write {}", path.display()))?)
        }
        None => Box::new(io::stdout()),
    };
    end_on(&[Signal::SIGINT, Signal::SIGTERM])?;
    eprintln!("capturing {} until it is interrupted", point.interface);
    let mut capture = Capture { socket, filter, output: BufWriter::new(output), seen: 0, written: 0 };
    let is_read = match capture.run(&run_dir, options) {
        Err(error) if is_broken_pipe(&error) => false,
        other => other.map(|()| true)?,
    };
    let lost = capture.socket.lost().unwrap_or_default();
    eprintln!("{} packets written, {} seen, {lost} lost", capture.written, capture.seen);
    if !is_read {
        // What is left in the buffer has nobody to go to.
        std::mem::forget(capture.output);
    }
    Ok(ExitCode::SUCCESS)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

struct Capture {
    socket: CaptureSocket,
    filter: Option<Filter>,
    output: BufWriter<Box<dyn Write>>,
    seen: u64,
    written: u64,
}

impl Capture {
    fn run(&mut self, run_dir: &RunDir, options: &TcpdumpOptions) -> anyhow::Result<()> {
        pcap::write_header(&mut self.output)?;
        self.output.flush()?;
        let mut frame = vec![0; pcap::FRAME_BYTES_MAX];
        let mut renewed = Instant::now();
        while !IS_INTERRUPTED.load(Ordering::Relaxed)
            && options.count.is_none_or(|count| self.written < count)
        {
            if renewed.elapsed() >= CapturePoint::RENEWAL {
                renewed = Instant::now();
                CapturePoint::ask(run_dir, &options.target).context("the interface is captured no longer")?;
            }
            let Some(passed) = self.socket.next(&mut frame, WAIT)? else {
                // Whoever reads along should not have to wait for a full buffer.
                self.output.flush()?;
                continue;
            };
            self.seen += 1;
            let bytes = &frame[..passed.length];
            if self.filter.as_ref().is_none_or(|filter| filter.wants(bytes)) {
                pcap::write_frame(&mut self.output, &passed, bytes)?;
                self.written += 1;
            }
        }
        Ok(self.output.flush()?)
    }
}

/// Has these signals end the capture in good order, from here on in this thread and those that it makes.
fn end_on(signals: &[Signal]) -> anyhow::Result<()> {
    let set: SigSet = signals.iter().copied().collect();
    set.thread_block()?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if set.wait().is_ok() {
            IS_INTERRUPTED.store(true, Ordering::Relaxed);
        }
    })?;
    Ok(())
}
