//! The daemon's control socket: what the `brume` command asks of a running daemon.
//!
//! One JSON object per line in each direction, over a socket that only its owner can reach.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::internet::{Host, HostName};
use aws_types::AccountId;
use ipnet::IpNet;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::UnixListener;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::account::Accounts;
use crate::authorizing::ByPolicies;
use crate::daemon_state::DaemonState;
use crate::events::{Events, EventsRequest};
use crate::expectations::{self, AssertRequest, DiffRequest, Revisions, Stop};
use crate::internet_hosts::Internet;
use crate::network::NetworkView;
use crate::objects::{Objects, ObjectsStatus, ObjectsTask};
use crate::path_conditions::{ConditionChange, PathName, Paths};
use crate::paths::RunDir;
use crate::provider_keys::{IssuerUrl, Issuers};
use crate::traces::{self, TraceRequest};

/// How long the daemon may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The same where much is asked at once.
const LONG_ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// The longest question, in bytes: as many assertions as a file has, each with tags of the greatest length but a few.
const QUESTION_LIMIT_BYTES: u64 = 4 << 20;

/// How many commands are answered at one time; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 16;

/// How many questions are worked on at one time that keep all processors busy.
const MAX_LONG_ANSWERS: usize = 1;

/// How often it is looked whether who asked is still there.
const ASKER_CHECK_PERIOD: Duration = Duration::from_millis(200);

/// A pause after a failed accept, so that a lasting failure does not spin.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// What the command asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "ask")]
pub(crate) enum Question {
    Status,
    CreateAccount { name: Option<String>, email: Option<String> },
    ListAccounts,
    WhyDenied { request_id: Option<String>, account: Option<AccountId> },
    CloseAccount { account: AccountId },
    ReopenAccount { account: AccountId },
    AccountKey { account: AccountId },
    Drops,
    Flows { of: Option<String> },
    Capture { of: String },
    AddInternetHost { host: Host },
    ListInternetHosts,
    RemoveInternetHost { name: HostName },
    SetPath { name: PathName, change: ConditionChange },
    ListPaths,
    SetProviderKeys { issuer: IssuerUrl, key_set: String },
    ListProviderKeys,
    RemoveProviderKeys { issuer: IssuerUrl },
    Trace { request: TraceRequest },
    Assert { request: AssertRequest },
    Revisions,
    Diff { request: DiffRequest },
    Events { request: EventsRequest },
    BeginObjectsTask { task: ObjectsTask },
    ObjectsTask { number: u64 },
}

impl Question {
    /// How long the daemon may take to answer.
    fn timeout(&self) -> Duration {
        match self {
            Self::Assert { .. } | Self::Revisions | Self::Diff { .. } => LONG_ANSWER_TIMEOUT,
            _ => ANSWER_TIMEOUT,
        }
    }

    /// Whether it keeps all processors busy, for as long as it may.
    const fn is_hard(&self) -> bool {
        matches!(self, Self::Assert { .. } | Self::Diff { .. })
    }
}

/// What the daemon says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer<T> {
    Ok(T),
    /// The question was understood, and what it wants could not be done.
    Failed(String),
}

/// What answers are made from.
pub(crate) struct Answering {
    pub(crate) status: Box<dyn Fn() -> Status + Send + Sync>,
    pub(crate) accounts: Accounts,
    pub(crate) authorizing: ByPolicies,
    pub(crate) events: Arc<Events>,
    pub(crate) network: NetworkView,
    pub(crate) objects: Arc<Objects>,
    pub(crate) internet: Arc<Internet>,
    pub(crate) paths: Paths,
    pub(crate) issuers: Issuers,
    pub(crate) revisions: Revisions,
}

impl Answering {
    fn answer(&self, question: Question, stop: &Stop) -> io::Result<Vec<u8>> {
        match question {
            Question::Status => line(&Answer::Ok((self.status)())),
            Question::ListAccounts => line(&Answer::Ok(self.accounts.list())),
            Question::WhyDenied { request_id, account } => {
                line(&Answer::Ok(self.authorizing.denial(request_id.as_deref(), account)))
            }
            Question::Events { request } => line(&Answer::Ok(self.events.recent(request))),
            Question::BeginObjectsTask { task } => line(&answer_of(self.objects.begin(task))),
            Question::ObjectsTask { number } => line(&answer_of(self.objects.state_of(number))),
            Question::Drops => line(&Answer::Ok(self.network.drops())),
            Question::Flows { of } => line(&match self.network.flows(of.as_deref()) {
                Ok(flows) => Answer::Ok(flows),
                Err(reason) => Answer::Failed(reason),
            }),
            Question::Capture { of } => line(&match self.network.capture(&of) {
                Ok(point) => Answer::Ok(point),
                Err(reason) => Answer::Failed(reason),
            }),
            Question::CreateAccount { name, email } => line(&answer_of(self.accounts.create(name, email))),
            Question::CloseAccount { account } => line(&answer_of(self.accounts.close(account))),
            Question::ReopenAccount { account } => line(&answer_of(self.accounts.reopen(account))),
            Question::AccountKey { account } => line(&answer_of(self.accounts.root_key(account))),
            Question::AddInternetHost { host } => line(&answer_of(self.internet.add(&host))),
            Question::ListInternetHosts => line(&Answer::Ok(self.internet.list())),
            Question::RemoveInternetHost { name } => line(&answer_of(self.internet.remove(&name))),
            Question::SetPath { name, change } => line(&answer_of(self.paths.set(name, change))),
            Question::ListPaths => line(&Answer::Ok(self.paths.list())),
            Question::SetProviderKeys { issuer, key_set } => {
                line(&answer_of(self.issuers.set(issuer, key_set)))
            }
            Question::ListProviderKeys => line(&Answer::Ok(self.issuers.list())),
            Question::RemoveProviderKeys { issuer } => line(&answer_of(self.issuers.remove(&issuer))),
            Question::Trace { request } => {
                line(&answer_of(traces::trace(&self.network, &self.internet, &request)))
            }
            Question::Assert { request } => {
                line(&answer_of(expectations::check(&self.network, &self.internet, &request, stop)))
            }
            Question::Revisions => line(&Answer::Ok(self.revisions.history.list())),
            Question::Diff { request } => {
                line(&answer_of(expectations::diff(&self.revisions, &self.internet, &request, stop)))
            }
        }
    }
}

fn answer_of<T, E: ToString>(done: Result<T, E>) -> Answer<T> {
    done.map_or_else(|error| Answer::Failed(error.to_string()), Answer::Ok)
}

fn line(said: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(said)?;
    line.push(b'\n');
    Ok(line)
}

/// What runs in a cloud.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The daemon itself.
    pub daemon: DaemonState,
    /// How packets are carried: by the eBPF flow cache, or by user space alone and why.
    pub data_plane: String,
    /// How many interfaces are on the fabric.
    pub interfaces: usize,
    /// How many flows are tracked.
    pub flows: usize,
    /// The simulated internet.
    pub internet: InternetStatus,
    /// The instances that are not terminated.
    pub instances: Vec<InstanceStatus>,
    /// Packets dropped, by interface and reason.
    pub drops: Vec<DropStatus>,
    /// The objects of S3.
    #[serde(default)]
    pub objects: ObjectsStatus,
}

/// The simulated internet, as `brume status` shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InternetStatus {
    /// How many hosts are declared.
    pub hosts: usize,
    /// The addresses of the machine that the cloud runs on.
    pub workstation: Vec<IpAddr>,
    /// The device by which it is linked to the network.
    pub device: Option<String>,
    /// Why it is not linked.
    pub reason: Option<String>,
    /// What it has no route to, and why.
    pub left_out: Vec<LeftOutStatus>,
}

/// Addresses of the cloud that the machine does not reach.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LeftOutStatus {
    /// The addresses.
    pub destination: IpNet,
    /// Why not.
    pub reason: String,
}

/// One instance, as `brume status` shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InstanceStatus {
    /// The instance id.
    pub id: String,
    /// Its region.
    pub region: String,
    /// Its state, in EC2's words.
    pub state: String,
    /// Its primary private address.
    pub private_address: String,
    /// Its first process on the host.
    pub pid: Option<i32>,
}

/// Packets that one interface lost for one reason.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DropStatus {
    /// The network interface id, or the port's number where it is gone.
    pub interface: String,
    /// The reason's code.
    pub reason: String,
    /// How many packets.
    pub packets: u64,
}

impl Status {
    /// Asks the daemon of a run directory.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub fn ask(run_dir: &RunDir) -> io::Result<Self> {
        ask(run_dir, &Question::Status)
    }
}

/// Asks the daemon of a run directory.
///
/// # Errors
/// When it does not answer in time, or could not do what was asked.
pub(crate) fn ask<T: DeserializeOwned>(run_dir: &RunDir, question: &Question) -> io::Result<T> {
    let mut stream = UnixStream::connect(run_dir.control_socket())?;
    stream.set_read_timeout(Some(question.timeout()))?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    stream.write_all(&line(question)?)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    match serde_json::from_str(&answer)? {
        Answer::Ok(said) => Ok(said),
        Answer::Failed(reason) => Err(io::Error::other(reason)),
    }
}

/// Listens on the control socket; a socket left by a killed daemon is replaced.
///
/// # Errors
/// When the socket cannot be made.
pub(crate) fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(path)
}

/// Answers until the task is aborted. Answers block, so they are made on the blocking pool.
pub(crate) async fn serve(listener: UnixListener, answering: Arc<Answering>) {
    let mut open = JoinSet::new();
    let turns = Arc::new(Semaphore::new(MAX_LONG_ANSWERS));
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    let (answering, turns) = (Arc::clone(&answering), Arc::clone(&turns));
                    open.spawn(async move {
                        if let Err(error) = answer(stream, answering, turns).await {
                            tracing::debug!(%error, "a control connection failed");
                        }
                    });
                }
                // Out of file descriptors, most likely; that passes.
                Err(error) => {
                    tracing::warn!(%error, "a control connection could not be accepted");
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                }
            },
            Some(_) = open.join_next() => {}
        }
    }
}

async fn answer(
    stream: tokio::net::UnixStream,
    answering: Arc<Answering>,
    turns: Arc<Semaphore>,
) -> io::Result<()> {
    use tokio::io::AsyncReadExt as _;

    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let mut reader = tokio::io::BufReader::new(reader.take(QUESTION_LIMIT_BYTES));
    tokio::time::timeout(ANSWER_TIMEOUT, reader.read_line(&mut line)).await??;
    let question: Question = serde_json::from_str(&line)?;
    let timeout = question.timeout();
    let answered = async {
        let turn = if question.is_hard() {
            Some(tokio::select! {
                turn = turns.acquire_owned() => turn.map_err(io::Error::other)?,
                () = gone(&writer) => return Err(io::ErrorKind::BrokenPipe.into()),
            })
        } else {
            None
        };
        let work = Work::default();
        let stop = work.0.clone();
        // The turn ends with the work, and not when nobody waits for it any more.
        let answered = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            answering.answer(question, &stop)
        });
        let answered = tokio::select! {
            answered = answered => answered.map_err(io::Error::other)??,
            () = gone(&writer) => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        writer.write_all(&answered).await
    };
    tokio::time::timeout(timeout, answered).await?
}

/// Work on the blocking pool, which nothing else ends: it is told to stop when this is gone.
#[derive(Default)]
struct Work(Stop);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Waits until who asked has closed the connection. One who only says no more may well wait for the answer.
async fn gone(writer: &OwnedWriteHalf) {
    loop {
        tokio::time::sleep(ASKER_CHECK_PERIOD).await;
        if writer.ready(Interest::WRITABLE).await.is_ok_and(|ready| ready.is_write_closed()) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who has closed is gone; who has said all, or waits, is not.
    #[tokio::test]
    async fn who_has_closed_is_gone() {
        async fn is_gone(writer: &OwnedWriteHalf) -> bool {
            tokio::time::timeout(3 * ASKER_CHECK_PERIOD, gone(writer)).await.is_ok()
        }
        let (asker, answerer) = tokio::net::UnixStream::pair().unwrap();
        let (_reader, writer) = answerer.into_split();
        assert!(!is_gone(&writer).await);
        let mut asker = asker;
        asker.shutdown().await.unwrap();
        assert!(!is_gone(&writer).await);
        drop(asker);
        assert!(is_gone(&writer).await);
    }

    #[test]
    fn work_stops_when_nobody_waits() {
        let work = Work::default();
        let stop = work.0.clone();
        assert_eq!(stop.check(), Ok(()));
        drop(work);
        assert!(stop.check().is_err());
    }
}
