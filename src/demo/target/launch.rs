//! What is started for a channel: the program, its arguments and its clean environment.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use crate::demo::target::DemoTarget;
use crate::demo::target::inbox::Size;
use crate::domain::hold::SFTP_SERVERS;
use crate::domain::name::LoginName;

/// What OpenSSH calls its built-in SFTP server where a `force-command` asks for it.
const INTERNAL_SFTP: &[u8] = b"internal-sftp";
/// How many environment variables a client may set, and how long their values may be.
const MOST_VARIABLES: usize = 32;
const LONGEST_VALUE: usize = 256;
/// The longest `TERM` that is passed on.
const LONGEST_TERM: usize = 64;

/// The terminal that a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terminal {
    pub(super) name: TermName,
    pub(super) size: Size,
}

/// A value for `TERM` that is safe to hand on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TermName(String);

impl TermName {
    /// The client's terminal, or `dumb` where its name is strange.
    pub(super) fn new(text: &str) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_+.".contains(c);
        let fits = (1..=LONGEST_TERM).contains(&text.len()) && text.chars().all(plain);
        Self(if fits {
            text.to_owned()
        } else {
            "dumb".to_owned()
        })
    }
}

/// Variables that clients may set: the locale, and nothing that changes what runs.
#[derive(Debug, Default)]
pub(super) struct Variables(Vec<(String, String)>);

impl Variables {
    /// Takes a variable; tells whether it was accepted.
    pub(super) fn offer(&mut self, name: &str, value: &str) -> bool {
        let locale = |rest: &str| rest.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        let known = name == "LANG" || name.strip_prefix("LC_").is_some_and(locale);
        let plain = value.len() <= LONGEST_VALUE && value.bytes().all(|b| b.is_ascii_graphic());
        if !known || !plain || value.contains('/') || self.0.len() >= MOST_VARIABLES {
            return false;
        }
        self.0.push((name.to_owned(), value.to_owned()));
        true
    }
}

/// What the client asked to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    Shell,
    Exec(Vec<u8>),
    Sftp,
}

/// What runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Program {
    Shell,
    Exec(Vec<u8>),
    Sftp(PathBuf),
}

/// There is no SFTP server on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoSftp;

impl Program {
    /// What runs for `asked` under a certificate that may force something else.
    pub(super) fn choose(asked: &Asked, forced: Option<&[u8]>) -> Result<Self, NoSftp> {
        match (forced, asked) {
            (Some(INTERNAL_SFTP), _) | (None, Asked::Sftp) => sftp_server().map(Self::Sftp),
            (Some(command), _) => Ok(Self::Exec(command.to_vec())),
            (None, Asked::Exec(command)) => Ok(Self::Exec(command.clone())),
            (None, Asked::Shell) => Ok(Self::Shell),
        }
    }
}

fn sftp_server() -> Result<PathBuf, NoSftp> {
    let mut known = SFTP_SERVERS.iter().map(PathBuf::from);
    known.find(|path| path.is_file()).ok_or(NoSftp)
}

/// Everything a start needs.
#[derive(Debug)]
pub(super) struct Launch {
    pub(super) program: Program,
    pub(super) asked: Asked,
    pub(super) login: LoginName,
    pub(super) terminal: Option<Terminal>,
    pub(super) variables: Variables,
    pub(super) peer: SocketAddr,
}

impl Launch {
    /// The line that a person sees first in a shell.
    pub(super) fn notice(&self, target: &DemoTarget) -> Option<String> {
        match (&self.program, &self.terminal) {
            (Program::Shell, Some(_)) => Some(format!(
                "demo target {}: commands run as YOU on this machine; sudo is a stand-in\r\n",
                target.name
            )),
            (Program::Shell | Program::Exec(_) | Program::Sftp(_), _) => None,
        }
    }

    /// The process to start; its streams are still to be given.
    pub(super) fn command(&self, target: &DemoTarget) -> Command {
        let mut command = self.program_and_arguments(target);
        let (peer, here) = (self.peer, target.address);
        let connection = format!(
            "{} {} {} {}",
            peer.ip(),
            peer.port(),
            here.ip(),
            here.port()
        );
        command
            .current_dir(target.home.folder())
            .kill_on_drop(true)
            .env("HOME", target.home.folder())
            .env("PATH", target.home.search_path())
            .env("SHELL", &target.shell)
            .env("USER", self.login.as_str())
            .env("LOGNAME", self.login.as_str())
            .env("LANG", "C.UTF-8")
            .env("DEMO_TARGET", target.name.as_str())
            .env("SSH_CONNECTION", connection)
            .envs(self.variables.0.iter().map(|(name, value)| (name, value)));
        if let Some(terminal) = &self.terminal {
            command.env("TERM", &terminal.name.0);
        }
        if let (Asked::Exec(original), Program::Exec(running)) = (&self.asked, &self.program)
            && original != running
        {
            command.env("SSH_ORIGINAL_COMMAND", OsString::from_vec(original.clone()));
        }
        command
    }

    /// The same with pipes for its streams and a process group of its own.
    pub(super) fn piped_command(&self, target: &DemoTarget) -> Command {
        let mut command = self.command(target);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        command
    }

    fn program_and_arguments(&self, target: &DemoTarget) -> Command {
        let bash = target.shell.file_name() == Some("bash".as_ref());
        let mut command = match &self.program {
            Program::Sftp(server) => Command::new(server),
            Program::Shell | Program::Exec(_) => Command::new(&target.shell),
        };
        command.env_clear();
        match (&self.program, &self.terminal) {
            (Program::Exec(line), _) => {
                if bash {
                    command.args(["--noprofile", "--norc"]);
                }
                command.arg("-c").arg(OsString::from_vec(line.clone()));
            }
            (Program::Shell, Some(_)) if bash => {
                command.args(["--noprofile", "--rcfile"]);
                command.arg(target.home.rc_file()).arg("-i");
            }
            (Program::Shell, Some(_)) => {
                command.env("ENV", target.home.rc_file()).arg("-i");
            }
            (Program::Shell, None) | (Program::Sftp(_), _) => {}
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_set_the_locale_and_nothing_else() {
        let mut variables = Variables::default();
        assert!(variables.offer("LANG", "de_DE.UTF-8") && variables.offer("LC_ALL", "C"));
        for (name, value) in [
            ("PATH", "x"),
            ("LD_PRELOAD", "x"),
            ("BASH_ENV", "x"),
            ("LC_ALL=x", "y"),
            ("LC_a", "x"),
            ("LANG", "../../x"),
            ("LANG", "a\nb"),
        ] {
            assert!(!variables.offer(name, value), "{name}");
        }
        for _ in 0..MOST_VARIABLES {
            variables.offer("LC_TIME", "C");
        }
        assert!(!variables.offer("LC_TIME", "C"));
    }

    #[test]
    fn a_forced_command_replaces_whatever_was_asked() {
        for asked in [Asked::Shell, Asked::Exec(b"id".to_vec()), Asked::Sftp] {
            let chosen = Program::choose(&asked, Some(b"uptime"));
            assert_eq!(chosen, Ok(Program::Exec(b"uptime".to_vec())), "{asked:?}");
        }
    }

    #[test]
    fn a_strange_terminal_is_dumb() {
        assert_eq!(TermName::new("xterm-256color").0, "xterm-256color");
        for strange in ["", "a b", "../x", "x\u{1b}", &"x".repeat(LONGEST_TERM + 1)] {
            assert_eq!(TermName::new(strange).0, "dumb");
        }
    }
}
