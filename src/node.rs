//! A node put together, served, reloaded and drained.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::audit::{Audit, AuditError};
use crate::authority::{Authority, AuthorityError};
use crate::config::{self, Config};
use crate::domain::audit::AuditEvent;
use crate::identity::{Identity, IdentityError};
use crate::policy::{PolicyError, PolicyKeeper, Reloaded};
use crate::relay::lanes::Lanes;
use crate::relay::{self, Parts, Services, peers};
use crate::store::{Store, StoreError, StoreUrl, StoreUrlError};
use crate::web::{self, WebError, WebSettings};

/// How often the policy folder is looked at for changes.
const POLICY_CHECK: Duration = Duration::from_secs(5);
/// How long closing connections may take after their sessions were ended.
const CLOSING: Duration = Duration::from_secs(10);

/// Why a node cannot start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Keys.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The identity provider's settings.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The store's URL.
    #[error(transparent)]
    StoreUrl(#[from] StoreUrlError),
    /// Only the service has the store's URL.
    #[error(
        "the store's URL is in a systemd credential that only the service has: run this as it runs, with `systemd-run -p LoadCredential=…`, or set `CREDENTIALS_DIRECTORY`"
    )]
    StoreElsewhere,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The audit.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The web side.
    #[error(transparent)]
    Web(#[from] WebError),
    /// An address that cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// Which.
        address: String,
        /// Why.
        cause: std::io::Error,
    },
    /// The system.
    #[error(transparent)]
    System(#[from] std::io::Error),
}

/// What SIGHUP means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnHangup {
    /// A service reads its configuration and policies anew.
    Reload,
    /// Its terminal is gone: a program that was started by hand ends.
    Stop,
}

/// A node that serves.
pub struct Node {
    services: Arc<Services>,
    listening: Vec<JoinHandle<()>>,
    web: JoinHandle<std::io::Result<()>>,
    web_stop: CancellationToken,
    beating: JoinHandle<()>,
    beating_stop: CancellationToken,
    audit_writer: JoinHandle<()>,
}

impl Node {
    /// Opens everything, closes what an earlier run left open, and begins to listen.
    ///
    /// # Errors
    /// When any part cannot be used; nothing serves then.
    pub async fn start(config: Config, notice: Option<String>) -> Result<Self, NodeError> {
        let authority = Authority::load(&config.certificates, &config.ssh.host_key)?;
        let policy = PolicyKeeper::open(&config.policies)?;
        let identity = Identity::new(&config.identity, &config.web.public_url)?;
        let tls = web::tls(&config.web, &config.keys(), Timestamp::now())?;
        let store = Store::open(&store_url(&config)?).await?;
        let (audit, writer) = Audit::open(store.clone(), config.node.clone());
        let audit_writer = tokio::spawn(writer.run());
        let mut sockets = Vec::new();
        for address in &config.ssh.listen {
            sockets.push(listen(address).await?);
        }
        let web_socket = listen(&config.web.listen).await?;
        close_orphans(&store, &audit, &config).await?;
        // Before it serves, so that nobody takes it for one that has stopped.
        store.beat(&config.node).await?;
        let event = AuditEvent::NodeStarted {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            policy: policy.current().digest().to_owned(),
        };
        audit.append(event, Timestamp::now()).await?;
        let settings = WebSettings {
            public_url: config.web.public_url.clone(),
            ssh_host: config.ssh.public_host.clone(),
            ssh_port: config.ssh.public_port,
            notice,
        };
        let router = web::router(settings, identity.clone());
        let web_stop = CancellationToken::new();
        let web = tokio::spawn(web::serve(web_socket, tls, router, web_stop.clone()));
        let services = Services::new(Parts {
            config,
            store,
            audit,
            authority,
            policy,
            identity,
            lanes: Lanes::open()?,
        });
        let beating_stop = CancellationToken::new();
        let beating = tokio::spawn(live(&services, beating_stop.clone()));
        look_out(&services);
        let listening = sockets
            .into_iter()
            .map(|socket| tokio::spawn(relay::listener::listen(Arc::clone(&services), socket)))
            .collect();
        Ok(Self {
            services,
            listening,
            web,
            web_stop,
            beating,
            beating_stop,
            audit_writer,
        })
    }

    /// The node's services.
    pub fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// Serves until SIGTERM or SIGINT, reloading on SIGHUP and whenever the policy changes; then drains.
    ///
    /// # Errors
    /// When the system does not deliver signals or the web side fails for good.
    pub async fn run(mut self, on_hangup: OnHangup) -> Result<(), NodeError> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut check = tokio::time::interval(POLICY_CHECK);
        let mut watchdog = Watchdog::new();
        let mut last_problem = None;
        let failed = loop {
            tokio::select! {
                _ = terminate.recv() => break None,
                _ = interrupt.recv() => break None,
                _ = hangup.recv() => {
                    if on_hangup == OnHangup::Stop {
                        break None;
                    }
                    self.reload_config();
                    self.reload_policy(&mut last_problem).await;
                }
                _ = check.tick() => {
                    self.reload_policy(&mut last_problem).await;
                    self.services.sweep().await;
                }
                () = watchdog.due() => watchdog.alive(),
                served = &mut self.web => break Some(served),
            }
        };
        self.drain().await;
        match failed {
            None => Ok(()),
            Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(error.into()),
            Some(Err(error)) => Err(std::io::Error::other(error).into()),
        }
    }

    /// Puts a changed configuration in force when it is valid as a whole; otherwise everything stays as it is.
    fn reload_config(&self) {
        let current = self.services.config();
        match config::load(&current.file) {
            Ok(changed) if needs_restart(&current, &changed) => {
                tracing::error!(
                    "the configuration changes the node, its addresses, keys, identity provider or store: restart for that; nothing was changed"
                );
            }
            Ok(changed) => {
                self.services.reconfigure(changed);
                let audit = self.services.audit.clone();
                self.services.tasks.spawn(async move {
                    if let Err(error) = audit
                        .append(AuditEvent::ConfigChanged, Timestamp::now())
                        .await
                    {
                        tracing::error!(%error, "a reload could not be audited");
                    }
                });
                tracing::info!("configuration reloaded");
            }
            Err(error) => {
                tracing::error!(%error, "configuration not reloaded; the old one stays in force")
            }
        }
    }

    async fn reload_policy(&self, last_problem: &mut Option<PolicyError>) {
        let services = Arc::clone(&self.services);
        let reloading = tokio::task::spawn_blocking(move || services.policy.reload());
        match reloading.await {
            Ok(Ok(Reloaded::Unchanged)) => *last_problem = None,
            Ok(Ok(Reloaded::Changed)) => {
                *last_problem = None;
                let policy = self.services.policy.current().digest().to_owned();
                tracing::info!(%policy, "policy reloaded");
                let event = AuditEvent::PolicyChanged { policy };
                if let Err(error) = self.services.audit.append(event, Timestamp::now()).await {
                    tracing::error!(%error, "a policy change could not be audited");
                }
            }
            Ok(Err(error)) if last_problem.as_ref() == Some(&error) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "policy not reloaded; the old one stays in force");
                *last_problem = Some(error);
            }
            Err(error) => tracing::error!(%error, "policy not reloaded"),
        }
    }

    /// Takes nothing new, tells the sessions, gives them the configured time, then ends them.
    pub async fn drain(self) {
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        let services = self.services;
        services.draining.cancel();
        for task in self.listening {
            let _ = task.await;
        }
        let drain = services.config().drain;
        let running = services.registry.running();
        tracing::info!(running, seconds = drain.as_secs(), "draining");
        services.registry.tell_all(&format!(
            "the bastion is stopping: this session ends in {} s at the latest",
            drain.as_secs()
        ));
        let patience = tokio::time::Instant::now() + drain;
        while services.registry.running() > 0 && tokio::time::Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        services.registry.end_all("ended: the bastion is stopping");
        services.tasks.close();
        let _ = tokio::time::timeout(CLOSING, services.tasks.wait()).await;
        self.web_stop.cancel();
        // Its sessions have ended: it may be taken to have stopped.
        self.beating_stop.cancel();
        let _ = self.beating.await;
        if !self.web.is_finished() {
            let _ = tokio::time::timeout(CLOSING, self.web).await;
        }
        if let Err(error) = services
            .audit
            .append(AuditEvent::NodeStopped, Timestamp::now())
            .await
        {
            tracing::error!(%error, "the node's stop could not be audited");
        }
        let store = services.store.clone();
        // What a task that was not waited for opened on a lane must not lose its reactor before store and audit are done.
        let lanes = Arc::clone(&services.lanes);
        drop(services);
        let _ = tokio::time::timeout(CLOSING, self.audit_writer).await;
        store.close().await;
        drop(lanes);
    }
}

/// Lets other nodes know that this one lives, and watches them.
fn live(services: &Services, stop: CancellationToken) -> impl Future<Output = ()> + Send + 'static {
    let (store, node) = (services.store.clone(), services.node.clone());
    let (peers, registry) = (Arc::clone(&services.peers), services.registry.clone());
    async move { peers::live(&store, &node, &peers, &registry, &stop).await }
}

/// Where the store is.
///
/// # Errors
/// When the configured URL is none, or is not known here.
pub fn store_url(config: &Config) -> Result<StoreUrl, NodeError> {
    use secrecy::ExposeSecret;
    let url = config.store.as_ref().ok_or(NodeError::StoreElsewhere)?;
    Ok(url.expose_secret().parse()?)
}

async fn listen(address: &std::net::SocketAddr) -> Result<TcpListener, NodeError> {
    let failed = |cause| NodeError::Listen {
        address: address.to_string(),
        cause,
    };
    TcpListener::bind(address).await.map_err(failed)
}

/// Looks out for what other nodes decide: answers to what waits here, and ends of sessions that run here.
fn look_out(services: &Arc<Services>) {
    let following = Arc::clone(services);
    services.tasks.spawn(async move {
        tokio::select! {
            () = following.approvals.follow() => {}
            () = following.draining.cancelled() => {}
        }
    });
    let obeying = Arc::clone(services);
    let tasks = &services.tasks;
    tasks.spawn(async move { obeying.obey_end_orders().await });
}

/// Ends in store and audit what an earlier run of this node could not.
async fn close_orphans(store: &Store, audit: &Audit, config: &Config) -> Result<(), NodeError> {
    let now = Timestamp::now();
    for resolved in store.withdraw_orphans(&config.node, now).await? {
        let request = resolved.hold().request();
        let event = AuditEvent::HoldEnded {
            hold: request.hold.clone(),
            session: request.command.scope.session,
            resolution: resolved.resolution().clone(),
        };
        audit.append(event, now).await?;
    }
    for session in store.close_orphans(&config.node, now).await? {
        let how = session
            .ended
            .map_or_else(|| "interrupted".to_owned(), |end| end.how);
        let event = AuditEvent::SessionEnded {
            session: session.id,
            how,
            bytes_in: 0,
            bytes_out: 0,
            recording: None,
            looks: 0,
        };
        audit.append(event, now).await?;
    }
    Ok(())
}

/// What a running node cannot change.
fn needs_restart(current: &Config, changed: &Config) -> bool {
    use secrecy::ExposeSecret;
    let secret = |secret: &Option<secrecy::SecretString>| {
        secret
            .as_ref()
            .map(|secret| secret.expose_secret().to_owned())
    };
    current.node != changed.node
        || current.data != changed.data
        || current.ssh.listen != changed.ssh.listen
        || current.ssh.host_key != changed.ssh.host_key
        || current.web.listen != changed.web.listen
        || current.web.tls != changed.web.tls
        || current.web.public_url != changed.web.public_url
        || format!("{:?}", current.identity) != format!("{:?}", changed.identity)
        || secret(&current.identity.client_secret) != secret(&changed.identity.client_secret)
        || current.certificates.user_ca != changed.certificates.user_ca
        || current.certificates.host_ca != changed.certificates.host_ca
        || current.certificates.sudo_gate != changed.certificates.sudo_gate
        || current.policies != changed.policies
        || secret(&current.store) != secret(&changed.store)
}

/// Tells systemd that the node is alive, at half of the interval that it asks for.
struct Watchdog {
    interval: Option<tokio::time::Interval>,
}

impl Watchdog {
    fn new() -> Self {
        let interval = sd_notify::watchdog_enabled().map(|asked| tokio::time::interval(asked / 2));
        Self { interval }
    }

    async fn due(&mut self) {
        match &mut self.interval {
            Some(interval) => {
                interval.tick().await;
            }
            None => std::future::pending().await,
        }
    }

    fn alive(&self) {
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
    }
}

/// Makes what is missing of a node's keys: user authority, host authority, host key, sudo gate.
///
/// # Errors
/// When one cannot be written, or an existing one cannot be used.
pub fn create_keys(
    config: &Config,
) -> Result<Vec<(std::path::PathBuf, crate::authority::key_file::Created)>, AuthorityError> {
    let keys: [(&Path, &str); 4] = [
        (&config.certificates.user_ca, "countersign user CA"),
        (&config.certificates.host_ca, "countersign host CA"),
        (&config.ssh.host_key, "countersign host key"),
        (&config.certificates.sudo_gate, "countersign sudo gate"),
    ];
    let mut made = Vec::new();
    for (file, comment) in keys {
        let (_, created) = crate::authority::key_file::create(file, comment)?;
        made.push((file.to_owned(), created));
    }
    Ok(made)
}
