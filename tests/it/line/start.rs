//! What the account's login shell runs before it is a shell that reports: it takes a text of the bastion's and no other.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::harness::Terminal;

const LINE: &str = include_str!("../../../src/inspect/widget/start.sh");
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// The line in a terminal, where all programs are busybox's; once it waits for its text.
fn waiting(folder: &Path) -> Terminal {
    let busybox = ["/usr/bin/busybox", "/bin/busybox"];
    let busybox = busybox
        .iter()
        .find(|path| Path::new(path).exists())
        .unwrap();
    for name in ["sh", "dd", "stty", "printf", "touch"] {
        symlink(busybox, folder.join(name)).unwrap();
    }
    let mut shell = Command::new(folder.join("sh"));
    shell.args([
        "-c",
        &format!(
            "printf started; {}",
            LINE.replace("@TOKEN@", TOKEN).trim_end()
        ),
    ]);
    shell
        .env("PATH", folder)
        .env("SHELL", folder.join("sh"))
        .env("HOME", folder);
    let terminal = Terminal::start(80, 24, shell.env("PS1", "plain$ "));
    terminal.wait_for("started");
    terminal
}

#[test]
fn a_start_text_is_taken_to_its_last_byte_and_no_further_in_a_foreign_userland() {
    let folder = tempfile::tempdir().unwrap();
    let terminal = waiting(folder.path());
    let text = format!("{:<999}#", "printf 'taken\\n'; exec \"$SHELL\" -l #");
    terminal.type_text(&format!("{TOKEN}1000{text}printf typed%s behind"));
    terminal.wait_for("taken");
    terminal.press(&["Enter"]);
    terminal.wait_for("typedbehind");
}

#[test]
fn what_a_client_types_to_a_shell_that_waits_for_its_start_text_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let terminal = waiting(folder.path());
    terminal.type_text("00000020touch run;: #### and more than is waited for");
    terminal.wait_for("an is waited for");
    assert!(!folder.path().join("run").exists());
}
