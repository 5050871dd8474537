//! Everything of Countersign on one machine, in one command: an embedded identity provider, two targets, a bastion
//! with the default policies, and an ssh_config for each of four people. For demonstration, and it says so everywhere.
//!
//! All of it listens on loopback and writes into one folder. Nothing here is part of a real deployment: the bastion
//! that runs is the same [`Node`], from a configuration file that this module writes.

pub mod provider;

pub mod target;

mod folder;

use std::path::Path;

use openidconnect::{ClientId, ClientSecret, IssuerUrl, RedirectUrl};
use russh::keys::{PrivateKey, PublicKey};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::authority::AuthorityError;
use crate::authority::key_file;
use crate::config::{self, ConfigError};
use crate::domain::name::NameError;
use crate::node::{Node, NodeError, OnHangup, create_keys};

use folder::{Addresses, DemoHost, Folder, LOGIN, NOTICE, TARGETS};
use provider::{DemoPerson, ProviderError, ProviderSettings};
use target::{DemoTarget, TargetSettings};

/// Why the demo cannot start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Its folder or its sockets.
    #[error(transparent)]
    System(#[from] std::io::Error),
    /// Its keys.
    #[error(transparent)]
    Keys(#[from] AuthorityError),
    /// Its configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its bastion.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// Its identity provider.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Its targets.
    #[error(transparent)]
    Target(#[from] target::TargetError),
    /// A name of its own.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An address of its own.
    #[error(transparent)]
    Url(#[from] url::ParseError),
}

/// A demo that runs.
pub struct Demo {
    folder: Folder,
    addresses: Addresses,
    node: Node,
    parts: JoinSet<Result<(), DemoError>>,
    stop: CancellationToken,
}

impl Demo {
    /// Starts everything in `folder` (a temporary one when there is none), the bastion on `port` (0: a free one).
    ///
    /// # Errors
    /// When any part cannot start.
    pub async fn start(folder: Option<&Path>, port: u16) -> Result<Self, DemoError> {
        let folder = Folder::open(folder)?;
        let stop = CancellationToken::new();
        let mut parts = JoinSet::new();
        let provider = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addresses = Addresses {
            ssh: if port == 0 { free_port().await? } else { port },
            web: free_port().await?,
            provider: provider.local_addr()?.port(),
        };
        let mut sockets = Vec::new();
        let mut hosts = Vec::new();
        for (name, env) in TARGETS {
            let socket = TcpListener::bind(("127.0.0.1", 0)).await?;
            let (key, _) = key_file::create(
                &folder.path().join("targets").join(format!("{name}.key")),
                name,
            )?;
            let (port, host_key) = (socket.local_addr()?.port(), key.public_key().clone());
            hosts.push(DemoHost {
                name: name.parse()?,
                env,
                port,
                host_key,
            });
            sockets.push((socket, key));
        }
        let secret = secret()?;
        folder.write_config(&addresses, &secret, &hosts)?;
        let config = config::load(&folder.config())?;
        create_keys(&config)?;
        folder.write_known_hosts(
            key_file::load(&config.certificates.host_ca)
                .map_err(AuthorityError::from)?
                .public_key(),
        )?;
        let people = DemoPerson::cast()?;
        for person in &people {
            folder.write_person(&person.name, addresses.ssh)?;
        }
        let settings = provider_settings(&addresses, secret, people)?;
        let stopping = stop.clone();
        parts.spawn(async move { Ok(provider::serve(provider, settings, stopping).await?) });
        let user_ca = key_file::load(&config.certificates.user_ca).map_err(AuthorityError::from)?;
        for ((socket, key), host) in sockets.into_iter().zip(&hosts) {
            let settings = target_settings(&folder, host, key, user_ca.public_key())?;
            let stopping = stop.clone();
            parts.spawn(async move { Ok(DemoTarget::serve(socket, settings, stopping).await?) });
        }
        let node = Node::start(config, Some(NOTICE.to_owned())).await?;
        Ok(Self {
            folder,
            addresses,
            node,
            parts,
            stop,
        })
    }

    /// What to type, and where.
    pub fn instructions(&self) -> String {
        let folder = self.folder.path().display();
        let Addresses { ssh, web, .. } = self.addresses;
        format!(
            "{NOTICE}.\n\n\
             ready ssh=127.0.0.1:{ssh} web=http://127.0.0.1:{web} folder={folder}\n\n\
             Try this, in three terminals; each shows a link to sign in with:\n\n\
             \x20 ssh -F {folder}/alice db1.prod 'sudo id'          # a developer: held\n\
             \x20 ssh -F {folder}/carol -t bastion dashboard        # a lead: approve it\n\
             \x20 ssh -F {folder}/dave -t bastion replay            # an auditor: see what happened\n\n\
             Also: ssh -F {folder}/alice web1.staging · ssh -F {folder}/bob db1.prod · ssh -F {folder}/alice bastion\n\
             Ctrl-C ends the demo.\n"
        )
    }

    /// Runs until the bastion is told to stop, or a part fails.
    ///
    /// # Errors
    /// When a part fails.
    pub async fn run(mut self) -> Result<(), DemoError> {
        let ended = tokio::select! {
            ended = self.node.run(OnHangup::Stop) => ended.map_err(DemoError::from),
            part = self.parts.join_next() => match part {
                Some(Ok(ended)) => ended,
                Some(Err(error)) => Err(std::io::Error::other(error).into()),
                None => Ok(()),
            },
        };
        self.stop.cancel();
        while self.parts.join_next().await.is_some() {}
        drop(self.folder);
        ended
    }
}

/// A port that was free a moment ago; the configuration file needs it before anybody listens on it.
async fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))
        .await?
        .local_addr()?
        .port())
}

fn secret() -> Result<String, DemoError> {
    let mut bytes = [0; 24];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| AuthorityError::Random)?;
    Ok(hex::encode(bytes))
}

fn provider_settings(
    at: &Addresses,
    secret: String,
    people: Vec<DemoPerson>,
) -> Result<ProviderSettings, DemoError> {
    Ok(ProviderSettings {
        issuer: IssuerUrl::new(format!("http://127.0.0.1:{}", at.provider))?,
        client_id: ClientId::new("countersign".to_owned()),
        client_secret: ClientSecret::new(secret),
        redirect_urls: vec![RedirectUrl::new(format!(
            "http://127.0.0.1:{}/oidc/callback",
            at.web
        ))?],
        people,
    })
}

fn target_settings(
    folder: &Folder,
    host: &DemoHost,
    host_key: PrivateKey,
    user_ca: &PublicKey,
) -> Result<TargetSettings, DemoError> {
    Ok(TargetSettings {
        name: host.name.clone(),
        host_key,
        host_certificate: None,
        user_ca: user_ca.clone(),
        logins: [LOGIN.parse()?].into_iter().collect(),
        folder: folder.target(host.name.as_str()),
        shell: target::default_shell(),
    })
}
