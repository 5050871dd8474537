//! Attempts to get around the gate, all of which fail closed.

use std::fs;

use super::{FREE_ID, HELD_SUDO, answer, asked};
use crate::harness::person::wait_until_held;
use crate::harness::{Gated, Person};

/// An agent that answers with a signature that the real one gave for another sudo.
const REPLAYING: &str = r#"
import os, socket, struct, subprocess, sys, threading
real, mine, kept = os.environ["SSH_AUTH_SOCK"], os.path.expanduser("~/mine.sock"), []
server = socket.socket(socket.AF_UNIX); server.bind(mine); server.listen(4)
def whole(s):
    head = s.recv(4, socket.MSG_WAITALL)
    return head + s.recv(struct.unpack(">I", head)[0], socket.MSG_WAITALL) if len(head) == 4 else b""
def serve():
    while True:
        client, _ = server.accept()
        behind = socket.socket(socket.AF_UNIX); behind.connect(real)
        while message := whole(client):
            if message[4] == 13 and kept:
                client.sendall(kept[0]); continue
            behind.sendall(message); answer = whole(behind)
            if answer[4] == 14: kept.append(answer)
            client.sendall(answer)
threading.Thread(target=serve, daemon=True).start()
env = dict(os.environ, SSH_AUTH_SOCK=mine)
print("first", subprocess.run(["sudo", "id", "-u"], env=env).returncode, flush=True)
print("replayed", subprocess.run(["sudo", "touch", os.path.expanduser("~/mark")], env=env).returncode, flush=True)
"#;

/// A program that sends whatever it likes to the agent.
const NOISE: &str = r#"
import os, random, socket, struct
random.seed(7)
for turn in range(200):
    s = socket.socket(socket.AF_UNIX); s.connect(os.environ["SSH_AUTH_SOCK"]); s.settimeout(10)
    body = random.randbytes(random.randrange(0, 400))
    if turn % 2: body = struct.pack(">IB", len(body) + 1, random.choice([11, 13, 17, 25, 27])) + body
    try:
        s.sendall(body); s.shutdown(socket.SHUT_WR)
        while s.recv(4096): pass
    except (ConnectionError, BrokenPipeError): pass
    s.close()
print("sent")
"#;

/// Asks the gate's key for a signature of a login to another SSH server.
const LOGIN: &str = r#"
import os, socket, struct
def s(b): return struct.pack(">I", len(b)) + b
def ask(c, body):
    c.sendall(s(body)); n, = struct.unpack(">I", c.recv(4, socket.MSG_WAITALL)); return c.recv(n, socket.MSG_WAITALL)
c = socket.socket(socket.AF_UNIX); c.connect(os.environ["SSH_AUTH_SOCK"])
answer = ask(c, b"\x0b"); n, = struct.unpack(">I", answer[5:9]); key = answer[9:9 + n]
data = s(b"x" * 32) + b"\x32" + s(b"root") + s(b"ssh-connection") + s(b"publickey") + b"\x01" + s(b"ssh-ed25519") + s(key)
print("answer", ask(c, b"\x0d" + s(key) + s(data) + struct.pack(">I", 0))[0])
"#;

fn python(gated: &Gated, person: &Person, text: &str) -> crate::harness::Output {
    let file = gated.host().home().join("program.py");
    fs::write(&file, text).unwrap();
    person.ssh(&["db1", &format!("python3 {}", file.display())])
}

#[test]
fn without_the_gates_agent_no_sudo_runs() {
    let gated = Gated::with(FREE_ID, &["db1"]);
    let alice = gated.person("alice");
    let attempts = [
        "env -u SSH_AUTH_SOCK sudo id",
        "SSH_AUTH_SOCK=/nonexistent sudo id",
        "ssh-keygen -q -t ed25519 -N '' -f ~/own; ssh-agent sh -c 'ssh-add -q ~/own; sudo id'",
        "echo password | env -u SSH_AUTH_SOCK sudo -S id",
        "sudo id -u >/dev/null; env -u SSH_AUTH_SOCK sudo id",
        "sudo -v; env -u SSH_AUTH_SOCK sudo -n id",
    ];
    for attempt in attempts {
        let output = alice.ssh(&["db1", attempt]).expect_failure();
        assert!(!output.text().contains("uid=0"), "{output}");
    }
    assert_eq!(gated.bastion.events("sudo_signed").len(), 1);
}

#[test]
fn a_signature_is_of_no_use_for_another_sudo() {
    let gated = Gated::with(FREE_ID, &["db1"]);
    let alice = gated.person("alice");
    let output = python(&gated, &alice, REPLAYING);
    assert_eq!(output.text(), "0\nfirst 0\nreplayed 1\n", "{output}");
    assert!(!gated.host().home().join("mark").exists());
    assert_eq!(gated.bastion.events("sudo_signed").len(), 1);
}

#[test]
fn whatever_is_sent_to_the_agent_nothing_but_a_sudo_is_signed() {
    let gated = Gated::with(FREE_ID, &["db1"]);
    let alice = gated.person("alice");
    let output = python(&gated, &alice, NOISE).expect_success();
    assert_eq!(output.text(), "sent\n", "{output}");
    let output = python(&gated, &alice, LOGIN).expect_success();
    assert_eq!(output.text(), "answer 5\n", "{output}");
    assert!(
        output.stderr.contains("the sudo gate signs nothing here"),
        "{output}"
    );
    let refused = gated.bastion.wait_for_event("sudo_refused");
    assert_eq!(
        refused["reason"], "it is no request of pam_ssh_agent_auth",
        "{refused}"
    );
    assert!(gated.bastion.events("sudo_signed").is_empty());
    alice.ssh(&["db1", "sudo id"]).expect_success();
}

#[test]
fn a_sudo_on_one_host_is_not_signed_for_another() {
    let gated = Gated::with(FREE_ID, &["db1", "web1"]);
    let alice = gated.person("alice");
    let mut there = alice.spawn_ssh(&["db1", "echo $SSH_AUTH_SOCK; cat"]);
    let socket = there.wait_for_stdout("\n");
    let sudo = format!("SSH_AUTH_SOCK={} sudo id", socket.trim());
    let output = alice.ssh(&["web1", &sudo]).expect_failure();
    assert!(!output.text().contains("uid=0"), "{output}");
    let refused = gated.bastion.wait_for_event("sudo_refused");
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.contains("calls itself `web1`"), "{reason}");
    assert!(asked(&gated).is_empty());
    there.finish().expect_success();
}

#[test]
fn the_socket_of_a_session_that_ended_opens_nothing() {
    let gated = Gated::with(HELD_SUDO, &["db1"]);
    let (alice, carol) = (gated.person("alice"), gated.person("carol"));
    let left = gated.host().home().join("left");
    let script = format!(
        "setsid sh -c 'while [ ! -e ~/go ]; do sleep 0.1; done; sudo id; echo left $? >{}' >/dev/null 2>&1 </dev/null & echo started",
        left.display()
    );
    alice.ssh(&["db1", &script]).expect_success();
    fs::write(gated.host().home().join("go"), "").unwrap();
    gated.host().wait_for_file(&left, "left 1");
    assert!(asked(&gated).is_empty());
    // And an approval of a session is of no use when it has ended.
    let mut held = alice.spawn_ssh(&["db1", "sudo id"]);
    let id = wait_until_held(&mut held);
    held.signal("KILL");
    gated.bastion.wait_for_event("hold_ended");
    answer(&carol, "approve", &id, "ok").expect_failure();
}
