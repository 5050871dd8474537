//! The configuration: a TOML file read into a checked [`Config`], with every problem told at once, by key and line.
//!
//! Unknown keys are refused, paths are made absolute against the file's folder, secrets come from files or systemd
//! credentials only and are read here, once. What passes here needs no later check. It opens no socket and changes no file.

mod check;

mod raw;

mod secret;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use russh::keys::ssh_key::PublicKey;
use secrecy::SecretString;
use url::Url;

use crate::domain::name::{LoginName, NodeName, TargetName};
use crate::domain::target::TargetInfo;

pub use check::{load, look};
pub use raw::{ConfigError, LeftOut, Problem};

/// The whole configuration of a node.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it was read from.
    pub file: PathBuf,
    /// The node's name, which its audit chain carries.
    pub node: NodeName,
    /// Where keys, recordings and the embedded database live unless told otherwise.
    pub data: PathBuf,
    /// How long running sessions may go on after SIGTERM.
    pub drain: Duration,
    /// The SSH side.
    pub ssh: SshConfig,
    /// The sign-in pages.
    pub web: WebConfig,
    /// The identity provider.
    pub identity: IdentityConfig,
    /// Certificate lifetimes and the authorities' key files.
    pub certificates: CertificateConfig,
    /// The store's URL; may hold a password. None only for who looked ([`look`]) and has not the service's credential.
    pub store: Option<SecretString>,
    /// Where recordings go and how much of them.
    pub recordings: RecordingConfig,
    /// The folder of Cedar policies.
    pub policies: PathBuf,
    /// The targets by name.
    pub targets: BTreeMap<TargetName, TargetConfig>,
}

/// The SSH side of a node.
#[derive(Debug, Clone)]
pub struct SshConfig {
    /// Where to listen.
    pub listen: Vec<SocketAddr>,
    /// The name that clients use, also in the host certificate.
    pub public_host: String,
    /// The port that clients use.
    pub public_port: u16,
    /// The node's own host key.
    pub host_key: PathBuf,
    /// Shown to clients before they sign in.
    pub banner: Option<String>,
    /// How long a client may take to be identified.
    pub login_deadline: Duration,
    /// How long a connection may carry no data before it is ended; `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// How many connections are taken.
    pub connections: ConnectionLimits,
    /// How much one person may have at once.
    pub person: PersonLimits,
    /// Offer AES-CTR also to clients that have AES-GCM.
    pub always_offer_ctr: bool,
    /// When both sides of the bastion exchange new keys.
    pub rekey: RekeyLimits,
    /// The proxies that begin each connection with a PROXY protocol header, which then names its source.
    pub proxy_protocol_from: Vec<IpNet>,
}

/// How many connections may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In all.
    pub open: usize,
    /// Before they are identified.
    pub unidentified: usize,
    /// Before they are identified, from one address.
    pub unidentified_per_address: usize,
    /// As many that are not identified make new ones be dropped at random.
    pub early_drop_start: usize,
    /// How many percent of new ones are dropped then; it rises to all of them at `unidentified`.
    pub early_drop_rate: u8,
}

/// How much one person may have at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PersonLimits {
    /// Connections that are spoken inside the channels of one connection (`ssh -J`).
    pub jumps_per_connection: usize,
    /// The same, over all of their connections.
    pub jumps: usize,
    /// Sessions on targets.
    pub sessions: usize,
}

/// When new keys are exchanged (RFC 4253 section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RekeyLimits {
    /// After so many bytes in one direction; never so many that a nonce of AES-GCM could repeat.
    pub after: usize,
    /// After so long.
    pub every: Duration,
}

/// The HTTPS side of a node: sign-in pages and the provider's callback.
#[derive(Debug, Clone)]
pub struct WebConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address that people's browsers use, without a path.
    pub public_url: Url,
    /// Where the certificate comes from.
    pub tls: WebTls,
}

/// Where the web side's certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebTls {
    /// The node makes its own, signed by itself, under the data folder.
    SelfSigned,
    /// PEM files.
    Files {
        /// The chain, the node's own certificate first.
        certificate: PathBuf,
        /// The private key.
        key: PathBuf,
    },
    /// Plain HTTP; only for a loopback address (a local reverse proxy, or the demo).
    Loopback,
}

/// How people sign in.
#[derive(Debug, Clone)]
pub struct IdentityConfig {
    /// The issuer, exactly as its discovery document says.
    pub issuer: String,
    /// Our client id there.
    pub client_id: String,
    /// Our client secret; a public client has none, nor has who looked ([`look`]) without the service's credential.
    pub client_secret: Option<SecretString>,
    /// How the sign-in is shown.
    pub method: LoginMethod,
    /// Scopes asked for besides `openid`.
    pub scopes: Vec<String>,
    /// The claim that names people.
    pub name_claim: String,
    /// The claim that lists groups.
    pub groups_claim: String,
    /// Taken off the front of each group's name, such as Keycloak's `/`.
    pub groups_prefix: String,
    /// Refuse people whose e-mail address the provider has not verified.
    pub require_verified_email: bool,
    /// How long a sign-in binds a key to a person.
    pub login_ttl: Duration,
    /// How long a person has to sign in.
    pub sign_in_ttl: Duration,
    /// PEM file of the authorities that sign the provider's TLS certificate, besides the system's.
    pub authorities: Option<PathBuf>,
}

/// How a sign-in is shown in the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginMethod {
    /// A link to our own page, then the provider's (authorization code with PKCE).
    Browser,
    /// The provider's page and code (RFC 8628).
    Device,
    /// `Browser`, which every provider has.
    Auto,
}

/// Certificate authorities and lifetimes.
#[derive(Debug, Clone)]
pub struct CertificateConfig {
    /// The private key that signs certificates of people and sessions.
    pub user_ca: PathBuf,
    /// The private key that signs host certificates.
    pub host_ca: PathBuf,
    /// The private key by which targets know that a sudo passed the gate.
    pub sudo_gate: PathBuf,
    /// How long a person's certificate lasts at the most.
    pub person_ttl: Duration,
    /// How long a certificate for a target may be used to log in.
    pub session_ttl: Duration,
}

/// Recordings.
#[derive(Debug, Clone)]
pub struct RecordingConfig {
    /// Their folder.
    pub folder: PathBuf,
    /// How many bytes of a session without a terminal are kept.
    pub stream_bytes: u64,
}

/// One target: what policy sees, and how it is dialled.
#[derive(Debug, Clone)]
pub struct TargetConfig {
    /// Name, aliases, logins, labels, layers.
    pub info: TargetInfo,
    /// Host name or address.
    pub address: String,
    /// Port.
    pub port: u16,
    /// How its host key is known.
    pub host: HostTrust,
    /// What the host calls itself (gethostname(2)), by which the sudo gate knows it.
    pub hostname: TargetName,
    /// Whether shells whose lines are inspected are started so that they report them.
    pub enter_widget: bool,
}

/// How a target proves that it is the one it should be.
#[derive(Debug, Clone)]
pub enum HostTrust {
    /// One of these keys.
    Pinned(Vec<PublicKey>),
    /// A host certificate for its name or address, signed by this authority.
    Authority(Box<PublicKey>),
}

impl Config {
    /// The target that people call so.
    pub fn target(&self, name: &TargetName) -> Option<&TargetConfig> {
        self.targets.get(name).or_else(|| {
            self.targets
                .values()
                .find(|target| target.info.answers_to(name))
        })
    }

    /// Whether that login may be asked for on that target.
    pub fn has_login(&self, target: &TargetConfig, login: &LoginName) -> bool {
        target.info.logins.contains(login)
    }

    /// The folder of the node's own key files.
    pub fn keys(&self) -> PathBuf {
        self.data.join("keys")
    }
}

/// Makes a path that the file names absolute, against the file's own folder.
fn beside(file: &Path, path: &str) -> PathBuf {
    let folder = file.parent().unwrap_or(Path::new("/"));
    folder.join(path)
}
