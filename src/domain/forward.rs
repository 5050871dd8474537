//! Forwards: a port or socket beside the target that a client wants to reach, or one that the target shall listen on.
//!
//! A [`Forward`] is a command like any other: its text is the bytes that verdicts and approvals are bound to, and what
//! is asked of the target is read back from those bytes.

use std::fmt;
use std::str::FromStr;

use crate::domain::command::{Command, Layer, shows_as_itself};

/// Longest host name or socket path, in bytes (a socket address of Linux holds 108).
const NAME_BYTES: usize = 255;

/// Which way connections are made through the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The client opens connections that the target makes (`ssh -L`, `-D`, `-W`).
    Local,
    /// The target listens, and what connects there comes to the client (`ssh -R`).
    Remote,
}

impl Direction {
    /// The word that policy and the audit use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }
}

/// What is reached, or listened on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A TCP port of a host, as the target resolves its name. Listened on with an empty host: on all addresses.
    Port {
        /// Name or address, as the client wrote it.
        host: String,
        /// The port; 0 lets the target choose one to listen on.
        port: u16,
    },
    /// A Unix socket of the target.
    Socket(String),
}

/// One forward.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Forward {
    /// Which way.
    pub direction: Direction,
    /// What is reached, or listened on.
    pub endpoint: Endpoint,
}

/// Why something is no forward that can be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForwardError {
    /// Nothing that can be shown to people.
    #[error(
        "a host or socket name must be printable, without spaces, and of at most {NAME_BYTES} bytes"
    )]
    Name,
    /// RFC 4254 has 32 bits for it.
    #[error("there are no ports beyond 65535")]
    Port,
    /// A connection needs both.
    #[error("a host and a port, or a socket, is needed")]
    Missing,
    /// The text is none of ours.
    #[error(
        "a forward is written `local HOST:PORT`, `remote HOST:PORT`, `local socket PATH` or `remote socket PATH`"
    )]
    Text,
}

/// The text of a command that asks for the client's own agent on the target, in the layer of forwards.
pub const AGENT: &str = "agent";

impl Forward {
    /// The forward that a command asks for, where it is one.
    pub fn of(command: &Command) -> Option<Self> {
        match command.layer {
            Layer::Forward => std::str::from_utf8(&command.bytes).ok()?.parse().ok(),
            Layer::Connect
            | Layer::Exec
            | Layer::Line
            | Layer::Shell
            | Layer::Subsystem
            | Layer::Transfer
            | Layer::Sudo => None,
        }
    }

    /// A connection to a host and port (RFC 4254 section 7.2), or listening there (section 7.1).
    ///
    /// # Errors
    /// When the host cannot be shown as it is, or the port cannot be.
    pub fn port(direction: Direction, host: &str, port: u32) -> Result<Self, ForwardError> {
        let port = u16::try_from(port).map_err(|_| ForwardError::Port)?;
        if direction == Direction::Local && (host.is_empty() || port == 0) {
            return Err(ForwardError::Missing);
        }
        // Brackets belong to the text of a literal IPv6 address, not to the host.
        if host.contains(['[', ']']) {
            return Err(ForwardError::Name);
        }
        let host = named(host)?;
        let endpoint = Endpoint::Port { host, port };
        Ok(Self {
            direction,
            endpoint,
        })
    }

    /// A connection to a Unix socket, or listening on one (OpenSSH PROTOCOL section 2.4).
    ///
    /// # Errors
    /// When the path cannot be shown as it is.
    pub fn socket(direction: Direction, path: &str) -> Result<Self, ForwardError> {
        if path.is_empty() {
            return Err(ForwardError::Missing);
        }
        let endpoint = Endpoint::Socket(named(path)?);
        Ok(Self {
            direction,
            endpoint,
        })
    }
}

/// What stands in a command must be readable, and end where it ends.
fn named(name: &str) -> Result<String, ForwardError> {
    let readable = name.chars().all(|c| shows_as_itself(c) && c != ' ');
    if readable && name.len() <= NAME_BYTES {
        Ok(name.to_owned())
    } else {
        Err(ForwardError::Name)
    }
}

const SOCKET: &str = "socket ";

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Port { host, port } => write!(f, "{host}:{port}"),
            Self::Socket(path) => write!(f, "{SOCKET}{path}"),
        }
    }
}

impl fmt::Display for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.direction.as_str(), self.endpoint)
    }
}

impl FromStr for Forward {
    type Err = ForwardError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (direction, endpoint) = text.split_once(' ').ok_or(ForwardError::Text)?;
        let direction = match direction {
            "local" => Direction::Local,
            "remote" => Direction::Remote,
            _ => return Err(ForwardError::Text),
        };
        if let Some(path) = endpoint.strip_prefix(SOCKET) {
            return Self::socket(direction, path);
        }
        let (host, port) = endpoint.rsplit_once(':').ok_or(ForwardError::Text)?;
        let port: u16 = port.parse().map_err(|_| ForwardError::Text)?;
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let forward = Self::port(direction, bare.unwrap_or(host), port.into())?;
        // One forward has one text: what approvals are bound to must not be written in two ways.
        if forward.to_string() == text {
            Ok(forward)
        } else {
            Err(ForwardError::Text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_forward_is_read_back_from_its_text() {
        let port = |direction, host, port| Forward::port(direction, host, port).unwrap();
        for (forward, text) in [
            (
                port(Direction::Local, "localhost", 5432),
                "local localhost:5432",
            ),
            (port(Direction::Local, "::1", 80), "local [::1]:80"),
            (port(Direction::Remote, "", 0), "remote :0"),
            (
                Forward::socket(Direction::Local, "/run/a:1").unwrap(),
                "local socket /run/a:1",
            ),
        ] {
            assert_eq!(forward.to_string(), text);
            assert_eq!(text.parse(), Ok(forward));
        }
    }

    #[test]
    fn what_cannot_be_shown_or_reached_is_no_forward() {
        let local = |host: &str, port| Forward::port(Direction::Local, host, port).unwrap_err();
        assert_eq!(local("local\u{202e}host", 1), ForwardError::Name);
        assert_eq!(local("a b", 1), ForwardError::Name);
        assert_eq!(local("[::1]", 1), ForwardError::Name);
        assert_eq!(local(&"a".repeat(256), 1), ForwardError::Name);
        assert_eq!(local("localhost", 65_536), ForwardError::Port);
        assert_eq!(local("localhost", 0), ForwardError::Missing);
        assert_eq!(local("", 1), ForwardError::Missing);
        let socket = Forward::socket(Direction::Remote, "/run/\nx");
        assert_eq!(socket, Err(ForwardError::Name));
        assert_eq!(
            "local localhost:080".parse::<Forward>(),
            Err(ForwardError::Text)
        );
        assert_eq!("agent".parse::<Forward>(), Err(ForwardError::Text));
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_it_is_written_or_not_at_all(text in "(local |remote )?(socket )?.{0,40}(:[0-9]{1,6})?") {
            if let Ok(forward) = text.parse::<Forward>() {
                prop_assert_eq!(forward.to_string(), text);
            }
        }

        #[test]
        fn whatever_is_asked_for_is_read_back(host in ".{0,20}", port in 0u32..70_000) {
            for direction in [Direction::Local, Direction::Remote] {
                if let Ok(forward) = Forward::port(direction, &host, port) {
                    prop_assert_eq!(forward.to_string().parse(), Ok(forward));
                }
                if let Ok(forward) = Forward::socket(direction, &host) {
                    prop_assert_eq!(forward.to_string().parse(), Ok(forward));
                }
            }
        }
    }
}
