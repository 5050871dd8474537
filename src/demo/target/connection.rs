//! One connection: the SSH library's callbacks. They answer at once and never wait for a process.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use russh::keys::Certificate;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, Pty};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::demo::target::DemoTarget;
use crate::demo::target::admission::{self, Admission, AdmissionError, TerminalRight};
use crate::demo::target::flow::Flow;
use crate::demo::target::inbox::Inbox;
use crate::demo::target::launch::{Asked, Launch, NoSftp, Program, TermName, Terminal, Variables};
use crate::demo::target::relay::{self, Line};

/// How many channels a connection may have; OpenSSH lets 10 sessions be, tools with many get some more here.
const MOST_CHANNELS: usize = 32;

pub(super) struct Connection {
    target: Arc<DemoTarget>,
    peer: SocketAddr,
    flow: Arc<Flow>,
    tasks: TaskTracker,
    logged_in: Option<oneshot::Sender<()>>,
    end: CancellationToken,
    admission: Option<Admission>,
    channels: HashMap<ChannelId, Asking>,
}

/// A channel on its way to a process.
struct Asking {
    /// Taken when the process starts: a channel starts one.
    start: Option<oneshot::Sender<Launch>>,
    terminal: Option<Terminal>,
    variables: Variables,
}

impl Connection {
    pub(super) fn new(
        target: Arc<DemoTarget>,
        peer: SocketAddr,
        flow: Arc<Flow>,
        tasks: TaskTracker,
        logged_in: oneshot::Sender<()>,
        end: CancellationToken,
    ) -> Self {
        let logged_in = Some(logged_in);
        let channels = HashMap::new();
        Self {
            target,
            peer,
            flow,
            tasks,
            logged_in,
            end,
            admission: None,
            channels,
        }
    }

    fn judge(&self, user: &str, certificate: &Certificate) -> Result<Admission, AdmissionError> {
        // A clock before 1970 makes every certificate too new.
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs());
        let (ca, source) = (&self.target.user_ca, self.peer.ip());
        let admission = admission::admit(certificate, ca, user, source, now)?;
        if !self.target.logins.contains(&admission.login) {
            return Err(AdmissionError::Login);
        }
        Ok(admission)
    }

    /// Starts what was asked, or says on the channel why not.
    fn begin(
        &mut self,
        channel: ChannelId,
        asked: Asked,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let asking = self.channels.get_mut(&channel);
        let (Some(asking), Some(admission)) = (asking, &self.admission) else {
            return session.channel_failure(channel);
        };
        let program = match Program::choose(&asked, admission.forced.as_deref()) {
            Ok(program) => program,
            Err(NoSftp) => {
                let text =
                    "[demo] this machine has no sftp-server; install OpenSSH's server package\n";
                session.extended_data(channel, 1, text.as_bytes().to_vec())?;
                return session.channel_failure(channel);
            }
        };
        let Some(start) = asking.start.take() else {
            return session.channel_failure(channel);
        };
        session.channel_success(channel)?;
        // Where nobody waits for the start any more the channel is closing.
        let _ = start.send(Launch {
            program,
            asked,
            login: admission.login.clone(),
            terminal: asking.terminal.take(),
            variables: std::mem::take(&mut asking.variables),
            peer: self.peer,
        });
        Ok(())
    }

    fn open(&mut self, channel: Channel<Msg>, session: &Session) {
        let id = channel.id();
        let inbox = Arc::new(Inbox::default());
        let (start, started) = oneshot::channel();
        self.flow.add(id, inbox.clone());
        let asking = Asking {
            start: Some(start),
            terminal: None,
            variables: Variables::default(),
        };
        self.channels.insert(id, asking);
        let (read, write) = channel.split();
        let line = Line {
            write,
            handle: session.handle(),
            inbox,
        };
        let serving = relay::serve(self.target.clone(), read, line, started, self.end.clone());
        self.tasks.spawn(serving);
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_openssh_certificate(
        &mut self,
        user: &str,
        certificate: &Certificate,
    ) -> Result<Auth, russh::Error> {
        match self.judge(user, certificate) {
            Ok(admission) => {
                self.admission = Some(admission);
                Ok(Auth::Accept)
            }
            Err(reason) => {
                tracing::info!(peer = %self.peer, %reason, "a demo target refused a certificate");
                Ok(Auth::reject())
            }
        }
    }

    async fn auth_succeeded(&mut self, _session: &mut Session) -> Result<(), russh::Error> {
        if let Some(logged_in) = self.logged_in.take() {
            // Nobody waits when the deadline has passed.
            let _ = logged_in.send(());
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        if self.channels.len() >= MOST_CHANNELS {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        self.open(channel, session);
        reply.accept().await;
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.channels.remove(&channel);
        self.flow.remove(channel);
        Ok(())
    }

    fn adjust_window(&mut self, channel: ChannelId, _current: u32) -> u32 {
        self.flow.grant(channel)
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        term: &str,
        columns: u32,
        rows: u32,
        width: u32,
        height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let right = self.admission.as_ref().map(|admission| admission.terminal);
        match (self.channels.get_mut(&channel), right) {
            (Some(asking), Some(TerminalRight::Permitted)) if asking.start.is_some() => {
                let size = relay::size(columns, rows, width, height);
                asking.terminal = Some(Terminal {
                    name: TermName::new(term),
                    size,
                });
                session.channel_success(channel)
            }
            (Some(_) | None, _) => session.channel_failure(channel),
        }
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let asking = self.channels.get_mut(&channel);
        if asking.is_some_and(|asking| asking.variables.offer(name, value)) {
            session.channel_success(channel)
        } else {
            session.channel_failure(channel)
        }
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.begin(channel, Asked::Shell, session)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.begin(channel, Asked::Exec(command.to_vec()), session)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match name {
            "sftp" => self.begin(channel, Asked::Sftp, session),
            _ => session.channel_failure(channel),
        }
    }

    async fn window_change_request(
        &mut self,
        channel: ChannelId,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        // The relay hears of it by the channel itself.
        session.channel_success(channel)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _single_connection: bool,
        _protocol: &str,
        _cookie: &str,
        _screen: u32,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(channel)
    }
}
