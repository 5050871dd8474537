//! An agent on a person's own machine.

use std::path::PathBuf;
use std::process::Command;

use super::person::Person;
use super::process::{Running, run};
use super::{PATIENCE, eventually};

/// An agent with somebody's key.
pub(crate) struct Agent {
    socket: PathBuf,
    _program: Running,
}

impl Agent {
    /// One with this person's key.
    pub(crate) fn of(person: &Person) -> Self {
        let socket = person.home().join("agent.sock");
        let mut program = Command::new("ssh-agent");
        let program = Running::start(program.arg("-D").arg("-a").arg(&socket));
        eventually(PATIENCE, || socket.exists().then_some(())).expect("the agent starts");
        let mut add = Command::new("ssh-add");
        add.env("SSH_AUTH_SOCK", &socket);
        run(add.arg(person.home().join("id_ed25519"))).expect_success();
        Self {
            socket,
            _program: program,
        }
    }

    /// `ssh -A ARGUMENTS` of whoever has this agent.
    pub(crate) fn ssh(&self, person: &Person, arguments: &[&str]) -> Running {
        let agent = format!("IdentityAgent={}", self.socket.display());
        let arguments = [&["-A", "-o", &agent], arguments].concat();
        Running::start(&mut person.program("ssh", &arguments))
    }
}
