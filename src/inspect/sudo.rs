//! What a sudo would do, read from its own words: no shell stands between them and what runs.
//!
//! Invariant: what the words leave open is an [`Unknown`]. The module that reports them drops empty ones, so an option
//! whose value may have been empty, a program that starts another behind options with values, and a first word that
//! would be another program were an empty one before it, are in doubt.

use std::collections::BTreeSet;

use crate::domain::command::{Reading, Unknown};
use crate::domain::sudo::{RunAs, SudoFacts, SudoRequest};
use crate::domain::words::quoted;

use super::options;
use super::table::{SHELLS, Wrapper, listed, wrapper};
use super::unwrap::{self, program_name};

const NOT_TEXT: &str = "an argument that is not text";
const CUT: &str =
    "arguments that were cut off: the target reports 255 of them, and less than 255 bytes of each";
const ANOTHER_NAME: &str = "sudo called by another name";
const NO_FOLDER: &str = "the folder it was called in";
const EMPTY_PROMPT: &str =
    "`-p` with a word of its own: were its prompt empty, that word would be the program";
const SHELL_BETWEEN: &str = "words that go through a shell of that user";
const ELSEWHERE: &str = "an option that makes it start elsewhere";
const ENVIRONMENT: &str = "variables of the caller's own, which are not seen";
const BEHIND_OPTIONS: &str =
    "a program that starts another: an empty argument between them would not be seen";

/// The words of a sudo, and what comes with them.
#[derive(Debug, Clone, Copy)]
pub struct Called<'a> {
    /// Sudo's own words.
    pub arguments: &'a [Vec<u8>],
    /// The folder that it was called in; empty when that is not known.
    pub folder: &'a [u8],
    /// Whether all of the words are there as they are, but for empty ones.
    pub whole: bool,
}

/// Reads what a sudo would do. Who else is there, its caller knows.
pub fn read(request: &SudoRequest) -> Reading {
    read_words(Called {
        arguments: request.arguments(),
        folder: request.folder(),
        whole: request.is_whole(),
    })
}

/// Reads what a sudo of these words would do.
pub fn read_words(called_with: Called<'_>) -> Reading {
    let mut unknowns = BTreeSet::new();
    if !called_with.whole {
        unknowns.insert(CUT);
    }
    if called_with.folder.is_empty() {
        unknowns.insert(NO_FOLDER);
    }
    let mut words: Vec<String> = Vec::new();
    for argument in called_with.arguments {
        if std::str::from_utf8(argument).is_err() {
            unknowns.insert(NOT_TEXT);
        }
        words.push(String::from_utf8_lossy(argument).into_owned());
    }
    let name = called(words.first().map_or("", String::as_str));
    let tool = name.unwrap_or_else(|| {
        unknowns.insert(ANOTHER_NAME);
        "sudo"
    });
    if let Some(first) = words.first_mut() {
        tool.clone_into(first);
    }
    let own = Own::of(tool, &words);
    unknowns.extend(own.doubts());
    let mut reading = unwrap::read_words(&words);
    reading.elevation.insert("sudo".to_owned());
    let direct = reading.commands.iter().all(|command| {
        let inner = command.wrappers.get(1);
        inner.is_none_or(|wrapper| listed(SHELLS, wrapper))
    });
    if !direct {
        unknowns.insert(BEHIND_OPTIONS);
    }
    for reason in unknowns {
        reading.unknowns.push(Unknown {
            reason: reason.to_owned(),
            span: None,
        });
    }
    reading.sudo = Some(Box::new(own.facts(called_with, tool, &words)));
    reading
}

/// What is known of a sudo, in words for people: titles with their items.
pub(super) fn described(facts: &SudoFacts) -> [(&'static str, BTreeSet<String>); 2] {
    let company = facts.company.iter().map(|person| person.name.to_string());
    let run_as = match &facts.run_as {
        RunAs::Default => None,
        RunAs::Named(account) => Some(account.clone()),
        RunAs::Unknown => Some("somebody who could not be read".to_owned()),
    };
    [
        ("runs as", run_as.into_iter().collect()),
        ("could as well be a sudo of", company.collect()),
    ]
}

/// By which of its two names sudo was called. An empty first word is not reported, and the one behind it is then the
/// program: `./sudo` could be anybody's, one of the system's folders cannot, and one without a folder is found in these
/// alone where the target has a `secure_path`, as it must.
fn called(first: &str) -> Option<&'static str> {
    match Some(program_name(first)) {
        Some("sudo") => Some("sudo"),
        Some("sudoedit") => Some("sudoedit"),
        Some(_) | None => None,
    }
}

/// Sudo's own options.
#[derive(Debug, Default)]
struct Own {
    /// Where the command begins, where that can be told.
    rest: Option<usize>,
    options: Vec<OwnOption>,
}

/// An option with its value, and whether the value is a word of its own.
#[derive(Debug)]
struct OwnOption {
    name: String,
    value: Option<(String, bool)>,
}

impl Own {
    fn of(tool: &str, words: &[String]) -> Self {
        let mut own = Self::default();
        let Some(table) = wrapper(tool).filter(|known| known.elevates) else {
            return own;
        };
        let mut at = 1;
        while let Some(word) = words.get(at) {
            if word == "--" {
                at += 1;
                break;
            } else if let Some(long) = word.strip_prefix("--") {
                at += own.long(table, long, words.get(at + 1));
            } else if word.len() > 1 && word.starts_with('-') {
                at += own.short(table, word, words.get(at + 1));
            } else if table.assignments && options::assignment(word).is_some() {
                // It is in sight, and `unwrap` knows which of them matter.
            } else {
                break;
            }
            at += 1;
        }
        own.rest = Some(at);
        own
    }

    /// Reads a long option; tells whether it took the word behind it.
    fn long(&mut self, table: &Wrapper, text: &str, next: Option<&String>) -> usize {
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let takes = attached.is_none() && listed(table.long_values, name);
        let value = match (attached, takes, next) {
            (Some(value), _, _) => Some((value.to_owned(), false)),
            (None, true, Some(value)) => Some((value.clone(), true)),
            (None, _, _) => None,
        };
        self.options.push(OwnOption {
            name: name.to_owned(),
            value,
        });
        usize::from(takes)
    }

    /// Reads a word of short options; tells whether it took the word behind it.
    fn short(&mut self, table: &Wrapper, word: &str, next: Option<&String>) -> usize {
        for (place, letter) in word.char_indices().skip(1) {
            let after = word.get(place + letter.len_utf8()..).unwrap_or_default();
            let takes = table.values.contains(letter);
            let value = match (takes, after, next) {
                (true, "", Some(value)) => Some((value.clone(), true)),
                (true, after, _) if !after.is_empty() => Some((after.to_owned(), false)),
                (true | false, _, _) => None,
            };
            self.options.push(OwnOption {
                name: letter.to_string(),
                value,
            });
            if takes {
                return usize::from(after.is_empty());
            }
        }
        0
    }

    fn has(&self, names: &str) -> bool {
        self.options
            .iter()
            .any(|option| listed(names, &option.name))
    }

    /// What sudo's own options leave open.
    fn doubts(&self) -> Vec<&'static str> {
        let mut doubts = Vec::new();
        if self.empty_prompt() {
            doubts.push(EMPTY_PROMPT);
        }
        if self.has("i login s shell") {
            doubts.push(SHELL_BETWEEN);
        }
        if self.has("D chdir R chroot") {
            doubts.push(ELSEWHERE);
        }
        if self.has("E preserve-env") {
            doubts.push(ENVIRONMENT);
        }
        doubts
    }

    /// Whether the prompt could have been an empty word. One that no program in the usual folders can be called by is
    /// a prompt, such as Ansible's.
    fn empty_prompt(&self) -> bool {
        let prompts = self
            .options
            .iter()
            .filter(|option| listed("p prompt", &option.name));
        prompts
            .filter_map(|option| option.value.as_ref())
            .any(|(value, alone)| *alone && (value.contains('/') || !value.contains(' ')))
    }

    fn run_as(&self) -> RunAs {
        let mut users = self
            .options
            .iter()
            .filter(|option| listed("u user", &option.name));
        let groups = self.has("g group");
        match (users.next_back(), groups) {
            (None, false) => RunAs::Default,
            (
                Some(OwnOption {
                    value: Some((user, _)),
                    ..
                }),
                false,
            ) => RunAs::Named(user.clone()),
            (Some(_), _) | (None, true) => RunAs::Unknown,
        }
    }

    fn facts(&self, called_with: Called<'_>, tool: &str, words: &[String]) -> SudoFacts {
        let inert = tool == "sudoedit" || self.has("e edit l list v validate K remove-timestamp");
        let command = match self.rest {
            Some(rest) if !inert && !self.has("i login s shell") && !self.empty_prompt() => {
                called_with.arguments.get(rest..).unwrap_or_default()
            }
            Some(_) | None => &[],
        };
        let program = command.first().and_then(|_| words.get(self.rest?));
        SudoFacts {
            program: program.map(|program| program_name(program).to_owned()),
            words: String::from_utf8_lossy(&quoted(command)).into_owned(),
            folder: String::from_utf8_lossy(called_with.folder).into_owned(),
            run_as: self.run_as(),
            whole: called_with.whole,
            company: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
