//! A target for the demo: an SSH host in this process, whose commands are real and run as whoever started it.
//!
//! Owns a folder (the home of every login, with stand-ins for `sudo` and `systemctl`) and the connections to it.
//! Invariant: only a user certificate of the given authority opens it, judged by every rule that stock sshd has
//! (see `admission`); a process does not outlive its channel. It forwards no ports, no agent and no X11, and
//! writes nothing outside its folder by itself; what the commands do is theirs.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{Certificate, PrivateKey, PublicKey};
use russh::server::Config;
use russh::{MethodKind, MethodSet, Preferred, cipher, kex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::demo::target::connection::Connection;
use crate::demo::target::flow::Flow;
use crate::demo::target::home::Home;
use crate::demo::target::paced::Paced;
use crate::domain::name::{LoginName, TargetName};

mod admission;

mod connection;

mod flow;

mod home;

mod inbox;

mod launch;

mod paced;

mod relay;

mod signal;

#[cfg(test)]
mod tests;

/// How many connections are served at a time; more wait.
const MOST_CONNECTIONS: usize = 128;
/// How long a client may take to prove itself.
const LOGIN_DEADLINE: Duration = Duration::from_secs(30);
/// How long a refused login is held back; there is nothing to guess here.
const REJECTION_TIME: Duration = Duration::from_millis(50);
/// How long connections may take to end once the end was asked for.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);
/// How long to wait after a failed accept, such as when there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// AES-GCM first: it is the quickest here. CTR is for clients without it.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::AES_256_CTR,
    cipher::AES_128_CTR,
];
const KEY_EXCHANGES: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::EXTENSION_SUPPORT_AS_SERVER,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
];

/// What a demo target is told at start.
#[derive(Debug)]
pub struct TargetSettings {
    /// What it calls itself in its prompt and its notices.
    pub name: TargetName,
    /// Its Ed25519 host key.
    pub host_key: PrivateKey,
    /// The host key's certificate, which clients that know the authority prefer.
    pub host_certificate: Option<Certificate>,
    /// The authority whose user certificates open it; nothing else does.
    pub user_ca: PublicKey,
    /// The accounts that it pretends to have.
    pub logins: BTreeSet<LoginName>,
    /// The home of every login. Made when it is missing.
    pub folder: PathBuf,
    /// The shell, see [`default_shell`].
    pub shell: PathBuf,
}

/// Why a demo target could not start.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Somebody else could reach it.
    #[error("a demo target listens on loopback only, not on `{0}`")]
    NotLoopback(SocketAddr),
    /// The listener failed.
    #[error("the demo target cannot listen: {0}")]
    Listen(#[from] io::Error),
    /// The folder cannot be a search path entry or is not a folder.
    #[error("`{0}` cannot be the home of a demo target: it must be UTF-8 without `:`")]
    Folder(PathBuf),
    /// The folder's files could not be written.
    #[error("the demo target cannot prepare `{folder}`: {source}")]
    Prepare {
        /// The folder.
        folder: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

/// `/bin/bash` where there is one, or else `/bin/sh`.
pub fn default_shell() -> PathBuf {
    let bash = Path::new("/bin/bash");
    if bash.exists() {
        bash.to_owned()
    } else {
        PathBuf::from("/bin/sh")
    }
}

/// A demo target, ready to serve.
pub struct DemoTarget {
    name: TargetName,
    user_ca: PublicKey,
    logins: BTreeSet<LoginName>,
    home: Home,
    shell: PathBuf,
    address: SocketAddr,
}

impl DemoTarget {
    /// Serves a demo target on `listener` until `shutdown`, then ends its connections and their processes.
    ///
    /// # Errors
    /// When the listener is not on loopback, or the folder cannot be prepared.
    pub async fn serve(
        listener: TcpListener,
        settings: TargetSettings,
        shutdown: CancellationToken,
    ) -> Result<(), TargetError> {
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            return Err(TargetError::NotLoopback(address));
        }
        let home = Home::prepare(&settings.folder, &settings.name)?;
        let config = Arc::new(config(settings.host_key, settings.host_certificate));
        let target = Arc::new(Self {
            name: settings.name,
            user_ca: settings.user_ca,
            logins: settings.logins,
            home,
            shell: settings.shell,
            address,
        });
        let tasks = TaskTracker::new();
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        while let Some((stream, peer)) = next_connection(&listener, &shutdown).await {
            let place = tokio::select! {
                place = places.clone().acquire_owned() => place,
                () = shutdown.cancelled() => break,
            };
            let connection = target.clone().welcome(
                stream,
                peer,
                config.clone(),
                tasks.clone(),
                shutdown.child_token(),
            );
            tasks.spawn(async move {
                connection.await;
                drop(place);
            });
        }
        tasks.close();
        // What does not end in time ends with the process: its children are killed on drop.
        let _ = tokio::time::timeout(SHUTDOWN_GRACE, tasks.wait()).await;
        Ok(())
    }

    /// Serves one connection. It ends with its stream, and the stream ends with `end`.
    async fn welcome(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        config: Arc<Config>,
        tasks: TaskTracker,
        end: CancellationToken,
    ) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no nodelay on a demo target's connection");
        }
        let flow = Arc::new(Flow::default());
        let (logged_in, login) = oneshot::channel();
        let stream = Paced::new(stream, flow.clone(), end.clone());
        let handler = Connection::new(self, peer, flow, tasks, logged_in, end.clone());
        let serving = async {
            match russh::server::run_stream(config, stream, handler).await {
                Ok(session) => session.await,
                Err(error) => Err(error),
            }
        };
        let overdue = async {
            let proved = tokio::time::timeout(LOGIN_DEADLINE, login).await;
            if proved.is_err() {
                end.cancel();
            }
        };
        let (ended, ()) = tokio::join!(serving, overdue);
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "a demo target's connection ended");
        }
    }
}

async fn next_connection(
    listener: &TcpListener,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => return None,
        };
        match accepted {
            Ok(connection) => return Some(connection),
            Err(error) => {
                tracing::warn!(%error, "a demo target cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn config(host_key: PrivateKey, host_certificate: Option<Certificate>) -> Config {
    Config {
        methods: MethodSet::from([MethodKind::PublicKey].as_slice()),
        auth_rejection_time: REJECTION_TIME,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![host_key],
        certificates: host_certificate.into_iter().collect(),
        preferred: Preferred {
            cipher: Cow::Borrowed(CIPHERS),
            kex: Cow::Borrowed(KEY_EXCHANGES),
            ..Preferred::DEFAULT
        },
        window_size: flow::LARGEST_GRANT,
        inactivity_timeout: None,
        nodelay: true,
        ..Config::default()
    }
}
