//! The parts of the tests themselves: what the other tests rest on.

use std::process::Command;

use serde_json::json;

use crate::harness::http::Http;
use crate::harness::sshd::{PROMPT, login, make_key};
use crate::harness::terminal::Paste;
use crate::harness::{Idp, Running, Sshd, Terminal, run};

const CALLBACK: &str = "http://127.0.0.1:1/oidc/callback";

/// An authorization request with PKCE (the challenge is that of `"x".repeat(43)`, never redeemed).
fn authorization(idp: &Idp) -> String {
    let challenge = "x".repeat(43);
    format!(
        "{}/auth?client_id=countersign&response_type=code&scope=openid&state=st&nonce=n\
         &redirect_uri={CALLBACK}&code_challenge={challenge}&code_challenge_method=S256",
        idp.issuer()
    )
}

#[test]
fn the_identity_provider_sends_people_back_with_a_code() {
    let idp = Idp::start(CALLBACK);
    let visit = idp.visit("alice", &authorization(&idp), &[]);
    assert_eq!(visit["outcome"], "redirect", "{visit}");
    assert_eq!(visit["state"], "st");
    assert!(visit["location"].as_str().unwrap().starts_with(CALLBACK));
    assert!(idp.log().iter().any(|request| request["path"] == "/auth"));
}

#[test]
fn the_identity_provider_fails_as_it_is_told() {
    let idp = Idp::start(CALLBACK);
    let discovery = format!("{}/.well-known/openid-configuration", idp.issuer());
    let fault = json!({"path": "/.well-known/openid-configuration", "status": 503});
    idp.fault(&json!({ "http": [fault] }));
    let http = Http::new();
    assert_eq!(http.send("GET", &discovery, &[], "").status, 503);
    assert_eq!(http.send("GET", &discovery, &[], "").status, 200);
    idp.user("alice", &json!({"disabled": true}));
    let visit = idp.visit("alice", &authorization(&idp), &[]);
    assert_eq!(visit["outcome"], "error", "{visit}");
}

#[test]
fn a_terminal_types_shows_pastes_and_changes_its_size() {
    let mut shell = Command::new("bash");
    shell.args(["--norc", "--noprofile"]).env("PS1", "ready: ");
    let terminal = Terminal::start(80, 24, &shell);
    terminal.wait_for("ready: ");
    terminal.enter("stty size");
    terminal.wait_for("24 80");
    terminal.resize(120, 40);
    terminal.enter("stty size");
    terminal.wait_for("40 120");
    terminal.paste("echo $((20 + 3))\necho $((30 + 4))\n", Paste::AsTyped);
    terminal.wait_for("\n34");
    terminal.paste("echo $((40 + 5))\necho $((50 + 6))", Paste::Bracketed);
    terminal.wait_for("(50 + 6))");
    assert!(!terminal.screen().contains("\n45"));
    terminal.press(&["Enter"]);
    terminal.wait_for("\n45\n56");
}

#[test]
fn a_target_gives_a_shell_with_the_expected_prompt_and_the_stand_ins() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    make_key(&at("ca"));
    make_key(&at("key"));
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-I", "test", "-n", login(), "-s"]);
    run(keygen.arg(at("ca")).arg(at("key.pub"))).expect_success();
    let sshd = Sshd::start(&std::fs::read_to_string(at("ca.pub")).unwrap());
    sshd.stand_in("systemctl", "#!/bin/sh\necho \"systemctl $*\"\n");

    let key = at("key");
    let port = sshd.port().to_string();
    let mut ssh = Command::new("ssh");
    ssh.args(["-F", "none", "-tt", "-o", "StrictHostKeyChecking=no"]);
    ssh.args([
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "IdentityAgent=none",
    ]);
    ssh.arg("-i")
        .arg(key)
        .args(["-l", login(), "-p", &port, "127.0.0.1"]);
    let mut one = Command::new(ssh.get_program());
    one.args(ssh.get_args()).arg("systemctl restart nothing");
    let mut one = Running::start(&mut one);
    one.wait_for_stdout("systemctl restart nothing");
    assert_eq!(one.finish().code(), 0);

    let terminal = Terminal::start(80, 24, &ssh);
    terminal.wait_for(PROMPT);
    terminal.enter("echo $HOME");
    terminal.wait_for(&sshd.home().display().to_string());
}
