//! A sudo as the target's PAM module describes it before it runs, and what is known of it.
//!
//! Owns the format that `pam_ssh_agent_auth` asks an agent to sign. Invariant: a [`SudoRequest`] exists only for bytes
//! that are such a request from their first to their last, for the gate's own key; it keeps exactly those bytes, so that
//! nothing else can be signed in its name. It does not read what the words mean: `inspect` does.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use ssh_encoding::{Decode, Reader};

use crate::domain::name::{LoginName, PrincipalName};
use crate::domain::principal::Subject;
use crate::domain::words::quoted;

/// From so many bytes an argument may have been cut by the module.
const CUT_BYTES: usize = 255;
/// So many arguments are the most that the module reports; there may have been more.
const MOST_ARGUMENTS: usize = 255;
/// How far a target's clock may be from ours.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(300);

/// What the signed bytes begin with: a request of the first version.
const REQUEST_V1: u32 = 101;
/// SSH_MSG_USERAUTH_TRUST_REQUEST, a number that no SSH transport takes for a login.
const TRUST_REQUEST: u8 = 54;
const MODULE: &[u8] = b"pam_ssh_agent_auth";
const METHOD: &[u8] = b"publickey";
const ALGORITHM: &[u8] = b"ssh-ed25519";
/// Lengths that a cookie has.
const COOKIE_BYTES: std::ops::RangeInclusive<usize> = 16..=255;

/// Why bytes are no request of a sudo. None of them is ever signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSudo {
    /// The bytes end too early, or go on behind the end.
    #[error("it is no request of pam_ssh_agent_auth")]
    Malformed,
    /// It is for another program that uses PAM.
    #[error("it is for another service than sudo")]
    Service,
    /// A name in it is none.
    #[error("it names an account or a host that is none")]
    Name,
    /// The module could not tell what runs.
    #[error("it does not say what would run")]
    Nothing,
    /// It is for another key.
    #[error("it is for another key")]
    Key,
    /// The accounts in it differ.
    #[error(
        "it names two accounts: sudo must ask for the rights of whoever calls it (no rootpw, targetpw or runaspw)"
    )]
    Accounts,
}

/// The random bytes by which the module knows a request of its own again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cookie(Vec<u8>);

/// The PAM service that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SudoService {
    /// `sudo`.
    Sudo,
    /// `sudo-i`: a login shell, on Debian.
    Login,
}

/// One request of a sudo on a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SudoRequest {
    signed: Vec<u8>,
    cookie: Cookie,
    login: LoginName,
    service: SudoService,
    folder: Vec<u8>,
    arguments: Vec<Vec<u8>>,
    host: String,
    at: i64,
}

impl SudoRequest {
    /// Reads the bytes that an agent is asked to sign with the key of these bytes (RFC 8709 section 4).
    ///
    /// # Errors
    /// When they are anything but the request of a sudo for that key.
    pub fn read(signed: &[u8], key: &[u8]) -> Result<Self, NotSudo> {
        let mut outer = signed;
        let session = string(&mut outer)?;
        let number = u8::decode(&mut outer).map_err(malformed)?;
        let (caller, module, method) = (
            string(&mut outer)?,
            string(&mut outer)?,
            string(&mut outer)?,
        );
        let has_signature = u8::decode(&mut outer).map_err(malformed)?;
        let (algorithm, named_key) = (string(&mut outer)?, string(&mut outer)?);
        let fixed = number == TRUST_REQUEST
            && module == MODULE
            && method == METHOD
            && has_signature == 1
            && algorithm == ALGORITHM
            && outer.is_finished();
        if !fixed {
            return Err(NotSudo::Malformed);
        }
        if named_key != key {
            return Err(NotSudo::Key);
        }
        Self::described(signed, &session, &caller)
    }

    fn described(signed: &[u8], mut session: &[u8], caller: &[u8]) -> Result<Self, NotSudo> {
        let reader = &mut session;
        if u32::decode(reader).map_err(malformed)? != REQUEST_V1 {
            return Err(NotSudo::Malformed);
        }
        let cookie = string(reader)?;
        let (user, ruser) = (string(reader)?, string(reader)?);
        let (service, folder, action) = (string(reader)?, string(reader)?, string(reader)?);
        let host = string(reader)?;
        let at = u64::decode(reader).map_err(malformed)?;
        if !reader.is_finished() || !COOKIE_BYTES.contains(&cookie.len()) {
            return Err(NotSudo::Malformed);
        }
        let service = match service.as_slice() {
            b"sudo" => SudoService::Sudo,
            b"sudo-i" => SudoService::Login,
            _ => return Err(NotSudo::Service),
        };
        if user != ruser || ruser != caller {
            return Err(NotSudo::Accounts);
        }
        let login = text(user)?.parse().map_err(|_| NotSudo::Name)?;
        let arguments = arguments(&action)?;
        if folder.contains(&0) {
            return Err(NotSudo::Malformed);
        }
        Ok(Self {
            signed: signed.to_vec(),
            cookie: Cookie(cookie),
            login,
            service,
            folder,
            arguments,
            host: text(host)?,
            at: i64::try_from(at).map_err(|_| NotSudo::Malformed)?,
        })
    }

    /// The bytes that would be signed.
    pub fn signed(&self) -> &[u8] {
        &self.signed
    }

    /// What makes it differ from every other request.
    pub fn cookie(&self) -> &Cookie {
        &self.cookie
    }

    /// Whose sudo it is.
    pub fn login(&self) -> &LoginName {
        &self.login
    }

    /// The service that asks.
    pub fn service(&self) -> SudoService {
        self.service
    }

    /// The folder that sudo was called in; empty when the module could not tell.
    pub fn folder(&self) -> &[u8] {
        &self.folder
    }

    /// The words of sudo itself, the first of which proves nothing. Empty ones are missing.
    pub fn arguments(&self) -> &[Vec<u8>] {
        &self.arguments
    }

    /// Whether all of the words are there as they are, but for empty ones.
    pub fn is_whole(&self) -> bool {
        self.arguments.len() < MOST_ARGUMENTS
            && self.arguments.iter().all(|word| word.len() < CUT_BYTES)
    }

    /// What the target's host calls itself, against what it should: names differ in no more than capitals.
    pub fn is_from(&self, host: &str) -> bool {
        self.host.eq_ignore_ascii_case(host)
    }

    /// What the target's host calls itself.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it was made about now, as far as clocks agree.
    pub fn is_recent(&self, now: Timestamp) -> bool {
        let age = now.as_second().saturating_sub(self.at);
        age.unsigned_abs() <= CLOCK_SKEW.unsigned_abs().as_secs()
    }

    /// What would run, in one form only: the words of sudo as a shell would have to be given them, and the folder. A
    /// word that holds a `#` is quoted, so that nothing in the words can be taken for the folder.
    pub fn text(&self) -> Vec<u8> {
        let mut text = quoted(&self.arguments);
        text.extend_from_slice(b"  # in ");
        match self.folder.as_slice() {
            [] => text.extend_from_slice(b"an unknown folder"),
            folder => text.extend_from_slice(&quoted(&[folder.to_vec()])),
        }
        if self.service == SudoService::Login {
            text.extend_from_slice(b", as a login");
        }
        if !self.is_whole() {
            text.extend_from_slice(b", cut off");
        }
        text
    }
}

/// What is known of a sudo beyond the programs it reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SudoFacts {
    /// The program that sudo itself starts, as [`SimpleCommand::program`](crate::domain::command::SimpleCommand::program)
    /// has it; `None` when it starts none, or which is in doubt.
    pub program: Option<String>,
    /// That program's own words as a shell would have to be given them; empty when there is none.
    pub words: String,
    /// The folder that sudo was called in.
    pub folder: String,
    /// As whom it would run.
    pub run_as: RunAs,
    /// Whether all of the words are there.
    pub whole: bool,
    /// Others who have a session as the same login on the same host: each of them could have called it.
    pub company: Vec<Companion>,
}

/// As whom a sudo would run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunAs {
    /// Nobody was named: root, unless the target's sudoers has another default.
    Default,
    /// The one that was named: an account, or `#` and its number.
    Named(String),
    /// It could not be read.
    Unknown,
}

impl fmt::Display for RunAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "root",
            Self::Named(account) => account,
            Self::Unknown => "",
        })
    }
}

/// Somebody else on the same login.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Companion {
    /// Who.
    pub subject: Subject,
    /// Their name.
    pub name: PrincipalName,
}

fn malformed(_: ssh_encoding::Error) -> NotSudo {
    NotSudo::Malformed
}

fn string(reader: &mut &[u8]) -> Result<Vec<u8>, NotSudo> {
    Vec::<u8>::decode(reader).map_err(malformed)
}

fn text(bytes: Vec<u8>) -> Result<String, NotSudo> {
    let text = String::from_utf8(bytes).map_err(|_| NotSudo::Name)?;
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    if plain { Ok(text) } else { Err(NotSudo::Name) }
}

fn arguments(mut action: &[u8]) -> Result<Vec<Vec<u8>>, NotSudo> {
    if action.is_empty() {
        return Err(NotSudo::Nothing);
    }
    let count = u32::decode(&mut action).map_err(malformed)?;
    let mut words = Vec::new();
    while !action.is_empty() {
        words.push(string(&mut action)?);
    }
    let counted = usize::try_from(count).is_ok_and(|count| count == words.len());
    let possible = words
        .iter()
        .all(|word| !word.is_empty() && !word.contains(&0));
    match (
        counted && possible && words.len() <= MOST_ARGUMENTS,
        words.is_empty(),
    ) {
        (true, false) => Ok(words),
        (true, true) => Err(NotSudo::Nothing),
        (false, _) => Err(NotSudo::Malformed),
    }
}

#[cfg(test)]
impl SudoRequest {
    /// The bytes that the module asks to be signed with `key`, at `at`, for tests.
    pub(crate) fn bytes_for_tests(key: &[u8], words: &[&str], at: i64) -> Vec<u8> {
        use ssh_encoding::Encode;
        let mut action = Vec::new();
        (words.len() as u32).encode(&mut action).unwrap();
        for word in words {
            word.as_bytes().encode(&mut action).unwrap();
        }
        let mut session = Vec::new();
        REQUEST_V1.encode(&mut session).unwrap();
        for field in [
            &[7; 16][..],
            b"deploy",
            b"deploy",
            b"sudo",
            b"/srv",
            &action,
            b"db1",
        ] {
            field.encode(&mut session).unwrap();
        }
        (at as u64).encode(&mut session).unwrap();
        let mut signed = Vec::new();
        session.encode(&mut signed).unwrap();
        TRUST_REQUEST.encode(&mut signed).unwrap();
        for field in [b"deploy", MODULE, METHOD] {
            field.encode(&mut signed).unwrap();
        }
        1u8.encode(&mut signed).unwrap();
        ALGORITHM.encode(&mut signed).unwrap();
        key.encode(&mut signed).unwrap();
        signed
    }

    /// A request with these words, for tests.
    pub(crate) fn for_tests(words: &[&str]) -> Self {
        Self::read(&Self::bytes_for_tests(b"key", words, 0), b"key").unwrap()
    }
}

#[cfg(test)]
mod tests;
