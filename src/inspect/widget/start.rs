//! The texts that a shell is started with, so that it reports to the bastion.
//!
//! The login shell of the account runs one line that says which shell it is, and reads the rest from its terminal. That
//! becomes the shell's start file, through a descriptor: the nonce is in no command line and in no environment. It is
//! the person's own login shell in every other way. Whatever is unusual gets a plain one. Invariant: of what comes from
//! the terminal only a text is run that begins with the token of this start, which no client is told, has the length that
//! it says, and comes in time.

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
/// What stands for the begin of the bastion's keys.
const KEY: &str = "@KEY@";
/// What stands for the token.
const TOKEN: &str = "@TOKEN@";
/// Least bytes of a text, so that its length always has four digits and none of them leads with a zero.
const SHORTEST: usize = 1000;

/// The command that begins it, which any login shell can run.
pub(super) fn command(nonce: &Nonce) -> Vec<u8> {
    let line = LINE.trim_end().replace(TOKEN, nonce.token());
    format!("exec /bin/sh -c '{line}'").into_bytes()
}

/// The rest, for the shell that said hello: the token, its length in four digits, then the text. Nothing where it waits
/// for none.
pub(super) fn installation(shell: &str, nonce: &Nonce) -> Vec<u8> {
    let text = match shell {
        NOT_WAITING => return Vec::new(),
        "bash" => BASH,
        "zsh" => ZSH,
        "fish" => FISH,
        _ => PLAIN,
    };
    wrapped(text, nonce)
}

/// What a shell that says hello too late is told: that it is a plain one.
pub(super) fn plain(nonce: &Nonce) -> Vec<u8> {
    wrapped(PLAIN, nonce)
}

fn wrapped(text: &str, nonce: &Nonce) -> Vec<u8> {
    let text = text
        .replace(NONCE, nonce.as_str())
        .replace(KEY, &format!("[7878;{}", nonce.digits()));
    // What is read of it by a shell loses the newlines at its end.
    let text = format!("{text}{:<width$}#", "#", width = SHORTEST);
    format!("{}{}{text}", nonce.token(), text.len()).into_bytes()
}
