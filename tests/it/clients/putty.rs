//! PuTTY's `plink`, `psftp` and `pscp`: they know no host CA and have a key format of their own.

use std::fs;
use std::process::Command;

use super::{assert_holds, file_to_send, lists};
use crate::harness::sshd::{PROMPT, login};
use crate::harness::{Person, Running, Terminal, World, run};

/// PuTTY's programs as one person uses them.
pub(crate) struct Putty<'a> {
    person: &'a Person,
    port: String,
    host_key: String,
}

impl<'a> Putty<'a> {
    /// Converts the person's key.
    pub(crate) fn new(world: &World, person: &'a Person) -> Self {
        let mut puttygen = Command::new("puttygen");
        person.run(puttygen.args(["id_ed25519", "-O", "private", "-o", "id.ppk"]));
        Self {
            person,
            port: world.bastion.ssh_port().to_string(),
            host_key: world.bastion.host_fingerprint(),
        }
    }

    fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let key = self.person.home().join("id.ppk");
        command
            .args(["-batch", "-hostkey", &self.host_key, "-i"])
            .arg(key);
        self.person.environment(&mut command);
        command.current_dir(self.person.home());
        command
    }

    /// A program to the staging target, which the user name names; what follows the host is yet to be said.
    fn direct(&self, program: &str, options: &[&str]) -> Command {
        let mut command = self.program(program);
        command.args(["-P", &self.port, "-l", &format!("{}@web1", login())]);
        command.args(options).arg("127.0.0.1");
        command
    }

    /// The same through the bastion as a jump host.
    fn jumping(&self, program: &str, options: &[&str]) -> Command {
        let (port, key) = (&self.port, &self.host_key);
        let jump = format!(
            "plink -batch -i id.ppk -hostkey {key} -P {port} -nc %host:%port alice@127.0.0.1"
        );
        let mut command = self.program(program);
        command.args(["-P", "22", "-l", login(), "-proxycmd", &jump]);
        command.args(options).arg("web1");
        command
    }

    /// `plink` with a command for the staging target.
    pub(crate) fn plink(&self, command: &str) -> Command {
        let mut plink = self.direct("plink", &[]);
        plink.arg(command);
        plink
    }

    fn pscp(&self, options: &[&str]) -> Command {
        let mut pscp = self.program("pscp");
        pscp.args(["-P", &self.port, "-l", &format!("{}@web1", login())]);
        pscp.args(options);
        pscp
    }
}

#[test]
fn plink_runs_commands_both_ways() {
    let world = World::start();
    let alice = world.person("alice");
    let putty = Putty::new(&world, &alice);
    for mut plink in [putty.direct("plink", &[]), putty.jumping("plink", &[])] {
        let mut plink = Running::start(plink.arg("cat; echo err >&2; exit 7"));
        plink.write(b"a line\n");
        let output = plink.finish();
        assert_eq!(output.code(), 7, "{output}");
        assert_eq!(output.text(), "a line\n", "{output}");
        assert!(output.stderr.contains("err\n"), "{output}");
    }
}

#[test]
fn plink_has_a_terminal_that_follows_its_size() {
    let world = World::start();
    let alice = world.person("alice");
    let putty = Putty::new(&world, &alice);
    let terminal = Terminal::start(100, 30, &putty.direct("plink", &["-t"]));
    terminal.wait_for(PROMPT);
    terminal.enter("stty size");
    terminal.wait_for("30 100");
    terminal.resize(90, 25);
    terminal.enter("stty size");
    terminal.wait_for("25 90");
}

#[test]
fn psftp_puts_renames_lists_and_gets_both_ways() {
    let world = World::start();
    let alice = world.person("alice");
    let sent = file_to_send(&alice);
    let putty = Putty::new(&world, &alice);
    let options = ["-b", "batch"];
    let programs = [
        putty.direct("psftp", &options),
        putty.jumping("psftp", &options),
    ];
    for (number, mut psftp) in programs.into_iter().enumerate() {
        let there = world.sshd.home().join(number.to_string());
        let name = there.display();
        let folder = world.sshd.home();
        let batch = format!(
            "put sent {name}.a\nmv {name}.a {name}\nls {}\nget {name} back\n",
            folder.display()
        );
        fs::write(alice.home().join("batch"), batch).unwrap();
        let output = run(&mut psftp).expect_success();
        assert!(lists(&output.text(), &there), "{output}");
        assert_holds(&there, &sent);
        assert_holds(&alice.home().join("back"), &sent);
    }
}

#[test]
fn pscp_copies_both_ways_in_both_protocols() {
    let world = World::start();
    let alice = world.person("alice");
    let sent = file_to_send(&alice);
    let putty = Putty::new(&world, &alice);
    for protocol in ["-sftp", "-scp"] {
        let there = world.sshd.home().join(protocol);
        let remote = format!("127.0.0.1:{}", there.display());
        run(&mut putty.pscp(&[protocol, "sent", &remote])).expect_success();
        assert_holds(&there, &sent);
        run(&mut putty.pscp(&[protocol, &remote, "back"])).expect_success();
        assert_holds(&alice.home().join("back"), &sent);
    }
}
