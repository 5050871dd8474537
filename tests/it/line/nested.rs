//! Shells within the shell that is inspected: another account's, another host's, a multiplexer's. Their lines are read off
//! the screen, and passwords on the way there are told nobody.

use super::stage::{By, Stage};
use crate::harness::sshd::login;

/// Gives the account a password, lets it log in by that, and lets screen keep its sockets.
const SET_UP: &str = r#"
hash=$(python3 -W ignore -c 'import crypt; print(crypt.crypt("hunter6"))')
cp -p /etc/shadow /run/shadow
sed -i "s|^countersign-test:[^:]*:|countersign-test:$hash:|" /run/shadow
mount --bind /run/shadow /etc/shadow
sed -i 's/^PasswordAuthentication .*/PasswordAuthentication yes/; s/^AuthenticationMethods .*/AuthenticationMethods any/' /etc/ssh/sshd_config
sed -i '/AuthenticationMethods/d' /etc/ssh/sshd_config.d/*.conf
mkdir -m 1777 /run/screen
printf 'startup_message off\nshell -/bin/bash\n' >/run/screenrc
"#;

fn password(stage: &Stage, prompt: &str) {
    stage.terminal.wait_for(prompt);
    stage.terminal.type_text("hunter6");
    let id = stage.asks("(input that is not echoed)");
    stage.answer("approve", &id);
}

fn nested(stage: &Stage, what: &str) {
    let line = format!("echo in {what}");
    stage.runs(&line, &format!("in {what}"));
    stage.terminal.type_text(&format!("touch {what}"));
    stage.is_refused(&format!("touch {what}"));
    stage.terminal.enter("exit");
    stage.expect("exit");
    stage.prompt();
    stage.runs("echo back", "back");
}

fn play(by: By) {
    let stage = Stage::on_host("db1", by, SET_UP);
    let su = format!("su {}", login());
    stage.terminal.type_text(&su);
    let id = stage.asks(&su);
    stage.answer("approve", &id);
    password(&stage, "Password:");
    stage.terminal.wait_for(&format!("{}@db1:", login()));
    nested(&stage, "another account");

    let port = stage.world.sshd.port();
    let ssh = format!(
        "ssh -p {port} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null 127.0.0.1"
    );
    stage.terminal.type_text(&ssh);
    let id = stage.asks(&ssh);
    stage.answer("approve", &id);
    password(&stage, "'s password:");
    stage.prompt();
    nested(&stage, "another host");

    stage.terminal.enter("screen -c /run/screenrc");
    stage.expect("screen -c /run/screenrc");
    stage.prompt();
    stage.runs("echo first", "first");
    stage.terminal.type_text("read -s secret");
    let id = stage.asks("read -s secret");
    stage.answer("approve", &id);
    stage.terminal.type_text("hunter6");
    let id = stage.asks("(input that is not echoed)");
    stage.answer("refuse", &id);
    stage.terminal.press(&["C-c"]);
    nested(&stage, "screen");
    stage.never_told("hunter6");
    stage.check();
}

#[test]
fn lines_in_nested_shells_are_inspected_below_a_widget() {
    play(By::Widget);
}

#[test]
fn lines_in_nested_shells_are_inspected_by_the_screen() {
    play(By::Screen);
}
