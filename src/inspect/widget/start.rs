//! The texts that a shell is started with, so that it reports to the bastion and nothing of that is left on the target.
//!
//! The login shell of the account runs one line that says which shell it is, and reads the rest from its terminal. That
//! becomes the shell's start file, through a descriptor: no file is left, and the nonce is in no command line and in
//! no environment. It is the person's own login shell in every other way. Whatever is unusual gets a plain one.

use super::reports::Nonce;

const LINE: &str = include_str!("start.sh");
const BASH: &str = include_str!("bash.sh");
const ZSH: &str = include_str!("zsh.sh");
const FISH: &str = include_str!("fish.sh");
const PLAIN: &str = "exec \"$SHELL\" -l\n";
/// What stands for a shell where the target has no means to wait for a text.
const NOT_WAITING: &str = "-";
/// What stands for the nonce in the texts.
const NONCE: &str = "@NONCE@";

/// The command that begins it, which any login shell can run.
pub fn command() -> Vec<u8> {
    format!("exec /bin/sh -c '{}'", LINE.trim_end()).into_bytes()
}

/// The rest, for the shell that said hello: its length in eight digits, then the text. Nothing where it waits for none.
pub(super) fn installation(shell: &str, nonce: &Nonce) -> Vec<u8> {
    let text = match shell {
        NOT_WAITING => return Vec::new(),
        "bash" => BASH,
        "zsh" => ZSH,
        "fish" => FISH,
        _ => PLAIN,
    };
    let text = text.replace(NONCE, nonce.as_str());
    format!("{:08}{text}", text.len()).into_bytes()
}
