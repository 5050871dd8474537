//! The proof that something may be sent on, and the ways to come by one beside an approval.
//!
//! Invariant: a clearance is for exactly one command, and used up by sending it.

use crate::domain::action::Action;
use crate::domain::command::{Command, Layer};
use crate::domain::principal::Principal;
use crate::domain::verdict::{Permit, command_matter};

use super::SFTP_SERVERS;

/// Proof that exactly these bytes may be sent to exactly this place. It is used up by sending them.
#[derive(Debug, PartialEq, Eq)]
pub struct Clearance {
    command: Command,
    basis: Basis,
}

/// What a clearance rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Policy lets it run, or it does nothing.
    Policy,
    /// People approved it.
    Approval,
}

impl Clearance {
    /// What people approved. Only an approved hold gives it, for what it was opened for.
    pub(super) fn approved(command: Command) -> Self {
        Self {
            command,
            basis: Basis::Approval,
        }
    }

    /// The clearance that policy gives at once.
    ///
    /// # Errors
    /// The command is handed back when the permit is for another command, place, person or action.
    pub fn from_permit(
        command: Command,
        principal: &Principal,
        action: Action,
        permit: &Permit,
    ) -> Result<Self, Command> {
        let destination = &command.scope.destination;
        let matter = command_matter(&destination.login, &destination.target, &command.digest());
        if permit.covers(&principal.subject, action, &matter) {
            Ok(Self {
                command,
                basis: Basis::Policy,
            })
        } else {
            Err(command)
        }
    }

    /// The clearance of a line that holds nothing to run: Enter on an empty prompt.
    ///
    /// # Errors
    /// The command is handed back when it holds anything but white space.
    pub fn of_nothing(command: Command) -> Result<Self, Command> {
        if command.bytes.iter().all(u8::is_ascii_whitespace) {
            Ok(Self {
                command,
                basis: Basis::Policy,
            })
        } else {
            Err(command)
        }
    }

    /// The clearance to open SFTP, which does nothing: each operation of it is cleared by itself.
    ///
    /// # Errors
    /// The command is handed back when it is anything but the subsystem `sftp`, or OpenSSH's server by one of
    /// [`SFTP_SERVERS`] and nothing else.
    pub fn of_sftp(command: Command) -> Result<Self, Command> {
        let opens = match command.layer {
            Layer::Subsystem => command.bytes == b"sftp",
            Layer::Exec => SFTP_SERVERS
                .iter()
                .any(|server| server.as_bytes() == command.bytes),
            Layer::Connect
            | Layer::Line
            | Layer::Shell
            | Layer::Forward
            | Layer::Transfer
            | Layer::Sudo => false,
        };
        if opens {
            Ok(Self {
                command,
                basis: Basis::Policy,
            })
        } else {
            Err(command)
        }
    }

    /// What may be sent.
    pub fn command(&self) -> &Command {
        &self.command
    }

    /// What it rests on.
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// The bytes, to be sent now.
    pub fn into_bytes(self) -> Vec<u8> {
        self.command.bytes
    }
}

#[cfg(test)]
impl Clearance {
    /// A clearance for tests of what takes one.
    pub(crate) fn for_tests(command: Command) -> Self {
        Self {
            command,
            basis: Basis::Policy,
        }
    }
}
