//! The library's callbacks of one connection, each turned into a question for its [`Reception`].
//!
//! Requests on a channel are answered at once and found again in the channel's queue; channels to somewhere are opened
//! at once or offered, as the reception says.

use std::borrow::Cow;
use std::sync::Arc;

use russh::keys::Certificate;
use russh::server::{self, Auth, Msg, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, MethodKind, MethodSet};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::connection::{ClientConnection, Gauges, OPENING, Offer};
use super::{Admission, Opened, Reception, Round, When, Wish};
use crate::domain::forward::{Direction, Endpoint, Forward};
use crate::flow::Load;

/// One connection's callbacks. What takes long is boxed: a connection keeps room for its greatest callback for life.
pub struct Callbacks<R> {
    reception: R,
    gauges: Gauges,
    opening: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl<R: Reception> Callbacks<R> {
    /// Callbacks that ask `reception`, pace by `load` and spawn on `tasks`.
    pub fn new(reception: R, load: Arc<Load>, tasks: TaskTracker) -> Self {
        Self {
            reception,
            gauges: Gauges::new(load),
            opening: Arc::new(Semaphore::new(OPENING)),
            tasks,
        }
    }

    fn connection(&self, session: &Session) -> ClientConnection {
        ClientConnection::new(
            session.handle(),
            self.gauges.clone(),
            Arc::clone(&self.opening),
            self.tasks.clone(),
        )
    }

    fn admits(&mut self, wish: Wish<'_>) -> Result<When, ChannelOpenFailure> {
        if self.gauges.full() {
            return Err(ChannelOpenFailure::ResourceShortage);
        }
        self.reception.admits(wish)
    }

    /// A channel to somewhere: a jump is opened at once, a forward when it was decided about.
    async fn direct(
        &mut self,
        channel: Channel<Msg>,
        wish: Wish<'_>,
        reply: server::ChannelOpenHandle,
        connection: ClientConnection,
    ) {
        let forward = match wish {
            Wish::Session => return reply.reject(ChannelOpenFailure::ConnectFailed).await,
            Wish::Port(host, port) => Forward::port(Direction::Local, host, port),
            Wish::Socket(path) => Forward::socket(Direction::Local, path),
        };
        let (when, forward) = match (self.admits(wish), forward) {
            (Ok(when), Ok(forward)) => (when, forward),
            (Err(reason), _) => return reply.reject(reason).await,
            (Ok(_), Err(_)) => return reply.reject(ChannelOpenFailure::ConnectFailed).await,
        };
        let channel = connection.adopt(channel);
        let opened = match (when, forward) {
            (
                When::Now,
                Forward {
                    endpoint: Endpoint::Port { host, .. },
                    ..
                },
            ) => {
                reply.accept().await;
                Opened::Jump { channel, host }
            }
            (When::Now | When::Decided, forward) => {
                Opened::Forward(Offer::new(forward, channel, reply))
            }
        };
        self.reception.opened(opened);
    }
}

fn answer(admission: Admission) -> Auth {
    match admission {
        Admission::Accept => Auth::Accept,
        Admission::Refuse => Auth::reject(),
        Admission::SignIn => Auth::Reject {
            proceed_with_methods: Some(MethodSet::from(
                &[MethodKind::PublicKey, MethodKind::KeyboardInteractive][..],
            )),
            partial_success: true,
        },
    }
}

impl<R: Reception> server::Handler for Callbacks<R> {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, Self::Error> {
        Ok(self.reception.banner())
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(answer(
            Box::pin(self.reception.key(user, key.public_key)).await,
        ))
    }

    async fn auth_openssh_certificate(
        &mut self,
        user: &str,
        certificate: &Certificate,
    ) -> Result<Auth, Self::Error> {
        Ok(answer(
            Box::pin(self.reception.certificate(user, certificate)).await,
        ))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _user: &str,
        _submethods: &str,
        _response: Option<server::Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let say = |instructions: Cow<'static, str>| Auth::Partial {
            name: Cow::Borrowed(""),
            instructions,
            prompts: Cow::Borrowed(&[]),
        };
        Ok(match Box::pin(self.reception.round()).await {
            Round::Say(text) => say(Cow::Owned(text)),
            Round::Wait => say(Cow::Borrowed("")),
            Round::Accept => Auth::Accept,
            Round::Refuse => Auth::reject(),
        })
    }

    async fn auth_succeeded(&mut self, _session: &mut Session) -> Result<(), Self::Error> {
        self.reception.entered();
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: server::ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        match self.admits(Wish::Session) {
            Ok(_) => {
                reply.accept().await;
                let channel = self.connection(session).adopt(channel);
                self.reception.opened(Opened::Session(channel));
            }
            Err(reason) => reply.reject(reason).await,
        }
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _originator_address: &str,
        _originator_port: u32,
        reply: server::ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let connection = self.connection(session);
        self.direct(channel, Wish::Port(host, port), reply, connection)
            .await;
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        path: &str,
        reply: server::ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let connection = self.connection(session);
        self.direct(channel, Wish::Socket(path), reply, connection)
            .await;
        Ok(())
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let Ok(forward) = Forward::port(Direction::Remote, address, *port) else {
            return Ok(false);
        };
        let connection = self.connection(session);
        let listening = Box::pin(self.reception.listen(forward, connection)).await;
        if let (Some(chosen), 0) = (listening, *port) {
            *port = chosen;
        }
        Ok(listening.is_some())
    }

    async fn cancel_tcpip_forward(
        &mut self,
        address: &str,
        port: u32,
        _session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let forward = Forward::port(Direction::Remote, address, port);
        Ok(forward.is_ok_and(|forward| self.reception.unlisten(&forward)))
    }

    async fn streamlocal_forward(
        &mut self,
        path: &str,
        session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let Ok(forward) = Forward::socket(Direction::Remote, path) else {
            return Ok(false);
        };
        let connection = self.connection(session);
        let listening = Box::pin(self.reception.listen(forward, connection)).await;
        Ok(listening.is_some())
    }

    async fn cancel_streamlocal_forward(
        &mut self,
        path: &str,
        _session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let forward = Forward::socket(Direction::Remote, path);
        Ok(forward.is_ok_and(|forward| self.reception.unlisten(&forward)))
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.gauges.remove(channel);
        Ok(())
    }

    fn adjust_window(&mut self, channel: ChannelId, current: u32) -> u32 {
        self.gauges.window(channel, current)
    }

    // Whether the agent is passed on is decided when the program starts; a client that may not is told there.
    async fn agent_request(
        &mut self,
        _channel: ChannelId,
        _session: &mut Session,
    ) -> Result<bool, Self::Error> {
        Ok(true)
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        _value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _single: bool,
        _protocol: &str,
        _cookie: &str,
        _screen: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }
}
