//! The programs that inspection knows, as data: what runs other programs and how their options are skipped.
//!
//! Invariant: an option that is not listed is not guessed at; it makes the command unreadable.
//! Behaviour lives in `unwrap` and `escape`; here are only tables.

mod builtins;

mod environment;

mod programs;

mod wrappers;

pub(super) use builtins::{NAMING, UNREADABLE};
pub(super) use environment::{
    COUNTERS, EXPORTED, EXPORTED_PREFIXES, FREE_SUFFIXES, HARMLESS, SENSITIVE, SENSITIVE_PARTS,
    SENSITIVE_PREFIXES,
};
pub(super) use programs::{
    CLIENTS, ESCAPES, INTERPRETERS, PAGING, PLACED, RUNNERS, SCRIPTED, SHELLS, SPAWNS, STRONG,
    SYSTEM_FOLDERS, Spawn, TELLING,
};
pub(super) use wrappers::wrapper;

/// Whether a name is in a list of names that are divided by spaces.
pub(super) fn listed(list: &str, name: &str) -> bool {
    let name = name.as_bytes();
    !name.is_empty()
        && list
            .as_bytes()
            .split(|byte| *byte == b' ')
            .any(|word| word == name)
}

/// How a program is found to run another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The words that follow are a command.
    Command,
    /// The words that follow, joined by spaces, are shell text.
    Text,
    /// The words that follow are a command, or `-c` and one shell text.
    CommandOrText,
    /// The words that follow are a command, to which words from the program's input are added.
    Appended,
    /// Nothing can follow; a shell text may stand in an option.
    Nothing,
    /// What follows cannot be read.
    Unreadable(&'static str),
}

/// What a program does when no command follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alone {
    /// It is an ordinary program then.
    Ordinary,
    /// It starts a shell.
    Shell,
}

/// A program that runs others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wrapper {
    /// Its name.
    pub(super) name: &'static str,
    /// Short options without a value.
    pub(super) flags: &'static str,
    /// Short options with a value.
    pub(super) values: &'static str,
    /// Long options without a value, or with one only after `=`.
    pub(super) long_flags: &'static str,
    /// Long options with a value.
    pub(super) long_values: &'static str,
    /// Options with which nothing is run.
    pub(super) inert: &'static str,
    /// Options that ask for a shell when no command follows.
    pub(super) shell: &'static str,
    /// Options whose value is shell text.
    pub(super) text: &'static str,
    /// Options whose value is a file that it writes, and `FILE` where the first operand is one.
    pub(super) files: &'static str,
    /// Words before the command.
    pub(super) operands: usize,
    /// Whether options may also stand behind the operands.
    pub(super) permutes: bool,
    /// Whether `NAME=value` may stand before the command.
    pub(super) assignments: bool,
    /// What follows.
    pub(super) then: Then,
    /// What it does alone.
    pub(super) alone: Alone,
    /// Whether it asks for other rights.
    pub(super) elevates: bool,
    /// Whether it is a command in its own right, besides what it runs.
    pub(super) counts: bool,
}
