//! The demo's folder: keys, configuration, policies and an ssh_config for each person. Nothing is written elsewhere.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use russh::keys::PublicKey;

use crate::authority::AuthorityError;
use crate::authority::key_file;
use crate::domain::name::{PrincipalName, TargetName};

/// The login that the demo's targets offer.
pub(super) const LOGIN: &str = "deploy";
/// The demo's targets, each with its `env` label.
pub(super) const TARGETS: [(&str, &str); 2] = [("db1.prod", "prod"), ("web1.staging", "staging")];
/// Shown wherever the demo is met.
pub(super) const NOTICE: &str = "Demonstration: this identity provider and these targets are for trying things out; anyone can sign in as anyone";

/// Its configuration: its first line says that the demo made the folder, and lets it be used again.
const CONFIG: &str = "countersign.toml";
const MARK: &str = "# Written by `countersign demo` at each start.\n";

const POLICIES: [(&str, &str); 6] = [
    (
        "10-developers.cedar",
        include_str!("../../config/policy/10-developers.cedar"),
    ),
    (
        "20-sre.cedar",
        include_str!("../../config/policy/20-sre.cedar"),
    ),
    (
        "30-approvers.cedar",
        include_str!("../../config/policy/30-approvers.cedar"),
    ),
    (
        "40-auditors.cedar",
        include_str!("../../config/policy/40-auditors.cedar"),
    ),
    (
        "50-administrators.cedar",
        include_str!("../../config/policy/50-administrators.cedar"),
    ),
    (
        "60-everybody.cedar",
        include_str!("../../config/policy/60-everybody.cedar"),
    ),
];

/// The demo's folder; a temporary one is removed with this.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

/// Where the demo's parts listen.
pub(super) struct Addresses {
    pub(super) ssh: u16,
    pub(super) web: u16,
    pub(super) provider: u16,
}

/// A demo target as the configuration names it.
pub(super) struct DemoHost {
    pub(super) name: TargetName,
    pub(super) env: &'static str,
    pub(super) port: u16,
    pub(super) host_key: PublicKey,
}

impl Folder {
    /// The folder that was named, or a temporary one. A folder that holds something else is refused.
    pub(super) fn open(named: Option<&Path>) -> io::Result<Self> {
        let Some(named) = named else {
            let temporary = tempfile::Builder::new()
                .prefix("countersign-demo-")
                .tempdir()?;
            fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o700))?;
            plain(temporary.path())?;
            return Ok(Self {
                path: temporary.path().to_owned(),
                _temporary: Some(temporary),
            });
        };
        plain(&std::path::absolute(named)?)?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(named)?;
        let path = named.canonicalize()?;
        plain(&path)?;
        if fs::read_dir(&path)?.next().is_some() && !made_by_the_demo(&path)? {
            let text = format!(
                "`{}` holds something else: name an empty or a new folder",
                path.display()
            );
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
        }
        Ok(Self {
            path,
            _temporary: None,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn config(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// The home of a target's login.
    pub(super) fn target(&self, name: &str) -> PathBuf {
        self.path.join("targets").join(name)
    }

    /// Writes policies, client secret and configuration.
    pub(super) fn write_config(
        &self,
        at: &Addresses,
        secret: &str,
        hosts: &[DemoHost],
    ) -> io::Result<()> {
        let policies = self.path.join("policy");
        fs::create_dir_all(&policies)?;
        for (name, text) in POLICIES {
            fs::write(policies.join(name), text)?;
        }
        let secret_file = self.path.join("client_secret");
        fs::write(&secret_file, secret)?;
        fs::set_permissions(&secret_file, fs::Permissions::from_mode(0o600))?;
        fs::write(self.config(), config_text(at, hosts)?)
    }

    /// Makes a person's key and the ssh_config that is named after them.
    pub(super) fn write_person(
        &self,
        name: &PrincipalName,
        port: u16,
    ) -> Result<(), AuthorityError> {
        let key = self.path.join("people").join(name.as_str());
        key_file::create(&key, name.as_str())?;
        let text = self.ssh_config(name, port, &key);
        let file = self.path.join(name.as_str());
        fs::write(&file, text)
            .map_err(|cause| key_file::KeyFileError::Unwritable { file, cause })?;
        Ok(())
    }

    /// Writes the known_hosts file that all of them share.
    pub(super) fn write_known_hosts(&self, host_ca: &PublicKey) -> Result<(), AuthorityError> {
        let line = format!("@cert-authority * {}\n", host_ca.to_openssh()?);
        let file = self.path.join("known_hosts");
        fs::write(&file, line)
            .map_err(|cause| key_file::KeyFileError::Unwritable { file, cause })?;
        Ok(())
    }

    fn ssh_config(&self, name: &PrincipalName, port: u16, key: &Path) -> String {
        let hosts = TARGETS.map(|(name, _)| name).join(" ");
        format!(
            "# The Countersign demo, as {name}: ssh -F {folder}/{name} bastion\n\
             Host bastion\n    HostName 127.0.0.1\n    Port {port}\n    HostKeyAlias bastion\n    User {name}\n\n\
             Host {hosts}\n    ProxyJump bastion\n    User {LOGIN}\n\n\
             Host *\n    IdentityFile \"{key}\"\n    IdentitiesOnly yes\n    IdentityAgent none\n    \
             UserKnownHostsFile \"{folder}/known_hosts\"\n    GlobalKnownHostsFile /dev/null\n    \
             StrictHostKeyChecking yes\n    ControlPath none\n",
            folder = self.path.display(),
            key = key.display(),
        )
    }
}

fn made_by_the_demo(folder: &Path) -> io::Result<bool> {
    match fs::read(folder.join(CONFIG)) {
        Ok(config) => Ok(config.starts_with(MARK.as_bytes())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The name stands unquoted in commands that are typed, and in those that `ssh` makes for a jump: it must mean
/// nothing else there.
fn plain(folder: &Path) -> io::Result<()> {
    let means_itself = |c: char| c.is_alphanumeric() || "/._-+=@,".contains(c);
    match folder.to_str() {
        Some(text) if text.chars().all(means_itself) => Ok(()),
        Some(_) | None => {
            let text = format!(
                "the folder's name `{}` holds a character that a shell does not take as it is",
                folder.display()
            );
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
    }
}

fn config_text(at: &Addresses, hosts: &[DemoHost]) -> io::Result<String> {
    let mut text = format!(
        "{MARK}\
         [node]\nname = \"demo\"\ndata = \"data\"\ndrain = \"1s\"\n\n\
         [ssh]\nlisten = [\"127.0.0.1:{ssh}\"]\npublic_host = \"bastion\"\npublic_port = {ssh}\nbanner = \"{NOTICE}\"\n\n\
         [web]\nlisten = \"127.0.0.1:{web}\"\npublic_url = \"http://127.0.0.1:{web}\"\ntls = \"loopback\"\n\n\
         [identity]\nissuer = \"http://127.0.0.1:{provider}\"\nclient_id = \"countersign\"\n\
         client_secret_file = \"client_secret\"\nname_claim = \"preferred_username\"\n\n\
         [policy]\nfolder = \"policy\"\n",
        ssh = at.ssh,
        web = at.web,
        provider = at.provider,
    );
    for host in hosts {
        let key = host.host_key.to_openssh().map_err(io::Error::other)?;
        let _ = write!(
            text,
            "\n[[targets]]\nname = \"{}\"\naddress = \"127.0.0.1\"\nport = {}\nlogins = [\"{LOGIN}\"]\n\
             labels = {{ env = \"{}\" }}\nlayers = [\"line\"]\nhost_keys = [\"{key}\"]\n",
            host.name, host.port, host.env
        );
    }
    Ok(text)
}
