//! What programs make of their standard input: data, or something that they run.
//!
//! Invariant: an interpreter or a client is taken to run its input unless its words prove that it was given something
//! else: a text in an option that is known, or a script in an ordinary file. It knows no shell syntax.

mod languages;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::domain::command::StandardInput;

use super::escape::{asks_redis, names};
use super::table::{CLIENTS, INTERPRETERS, PLACED, RUNNERS, SCRIPTED, listed};
use super::word::Word;
use languages::{LANGUAGES, Language};

/// Words by which the client of a container or another place runs something there.
const ENTERING: &str = "exec run attach shell debug start console ssh enter";
/// Programs that run nothing, and pass nothing on, of what comes on their input.
const SILENT: &str =
    "echo printf true false : cd pwd date hostname uname id whoami umask export set sleep mkdir";

/// Whether what a program prints can be what came on its input.
pub(super) fn passes_on(name: &str) -> bool {
    !listed(SILENT, name)
}

/// What a program that is no shell and no wrapper makes of its input.
pub(super) fn made_by(name: &str, words: &[Word]) -> StandardInput {
    let names = names(name);
    let held = |set: &HashSet<&str>| names.iter().any(|name| set.contains(name));
    let named = |list: &str| names.iter().any(|name| listed(list, name));
    let arguments = words.get(1..).unwrap_or_default();
    if held(&RUNNERS) || (named(PLACED) && enters(arguments)) {
        return StandardInput::Commands;
    }
    let reads_code = if name == "redis-cli" {
        !asks_redis(arguments)
    } else if held(&INTERPRETERS) || named(CLIENTS) {
        let language = LANGUAGES
            .iter()
            .find(|language| names.iter().any(|name| listed(language.names, name)));
        let proven = match language {
            Some(language) => given(language, arguments),
            None => named(SCRIPTED) && arguments.first().is_some_and(is_file),
        };
        !proven
    } else {
        reads_options(name, arguments)
    };
    if reads_code {
        StandardInput::Code
    } else {
        StandardInput::Data
    }
}

/// Whether a word is the name of a file that is not the input by another name, as far as its spelling tells.
pub(super) fn is_file(word: &Word) -> bool {
    word.fixed().is_some_and(is_ordinary)
}

/// [`is_file`] for the text of a word. `/dev/stdin`, `/proc/self/fd/0` and, from their folders, `stdin` and `0` are not.
pub(super) fn is_ordinary(path: &str) -> bool {
    let mut parts = path.split('/');
    let last = path.rsplit('/').next().unwrap_or_default();
    let number = last.chars().all(|c| c.is_ascii_digit());
    !path.starts_with('-')
        && !number
        && last != "stdin"
        && parts.all(|part| part != "dev" && part != "proc")
}

/// Whether something is run in a container or another place, or nothing says what is done.
fn enters(arguments: &[Word]) -> bool {
    arguments.is_empty()
        || arguments
            .iter()
            .any(|word| word.fixed().is_none_or(|text| listed(ENTERING, text)))
}

/// `awk -f -`, `make -f /dev/stdin`, `tar -T -` (whose list of files may hold options): programs that are harmless but
/// for an option that names the input.
fn reads_options(name: &str, arguments: &[Word]) -> bool {
    let (short, long): (char, &[&str]) = match name {
        "awk" | "gawk" | "mawk" | "nawk" | "original-awk" | "sed" | "gsed" => ('f', &["f"]),
        "make" | "gmake" => ('f', &["f", "makef"]),
        "tar" | "gtar" | "bsdtar" => ('T', &["files"]),
        _ => return false,
    };
    // The value of such an option, where it is attached to it.
    let attached = |at: usize, text: &str| -> Option<String> {
        if let Some(name) = text.strip_prefix("--") {
            let value = name.split_once('=').map_or("", |(_, value)| value);
            let named = long.iter().any(|long| name.starts_with(long));
            return named.then(|| value.to_owned());
        }
        let bundled = name.ends_with("tar") && at == 0;
        let letters = text.strip_prefix('-').or(bundled.then_some(text))?;
        let (_, value) = letters.split_once(short)?;
        Some(if bundled { "" } else { value }.to_owned())
    };
    let fixed = || {
        arguments
            .iter()
            .map(|word| word.fixed().unwrap_or_default())
    };
    let options = || {
        fixed()
            .enumerate()
            .filter_map(|(at, text)| attached(at, text))
    };
    let told = options().any(|value| !value.is_empty() && !is_ordinary(&value));
    let unsure = |word: &Word| match word.fixed() {
        Some("-") | None => true,
        Some(text) => !text.starts_with('-') && !is_ordinary(text),
    };
    told || (options().next().is_some() && arguments.iter().any(unsure))
}

/// Whether the words prove that a program whose options are known runs something else than its input.
fn given(language: &Language, arguments: &[Word]) -> bool {
    if let [only] = arguments
        && matches!(only.fixed(), Some("--version" | "--help"))
    {
        return true;
    }
    let (mut proven, mut operands) = (false, 0);
    let mut left = arguments.iter();
    while let Some(word) = left.next() {
        let Some(text) = word.fixed() else {
            return proven && language.script;
        };
        if text.len() < 2 || !text.starts_with('-') {
            if language.script {
                return proven || is_ordinary(text);
            }
            operands += 1;
            if language.queries.is_some_and(|most| operands > most) && !Role::Text.fits(text) {
                return false;
            }
            continue;
        }
        let (role, attached) = match language.option(text) {
            Some(found) => found,
            None => return false,
        };
        let fits = match (role, attached) {
            (Role::Flag, _) => true,
            (_, Some(value)) => role.fits(value),
            (Role::Text, None) => left.next().is_some_and(|word| role.fits(word.shown())),
            (Role::File | Role::Value, None) => left
                .next()
                .and_then(Word::fixed)
                .is_some_and(|value| role.fits(value)),
        };
        if !fits {
            return false;
        }
        proven |= matches!(role, Role::Text | Role::File);
        if role == Role::Text && language.ends {
            return true;
        }
    }
    proven || language.queries.is_some_and(|most| operands > most)
}

/// What an option is to a program that runs code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Flag,
    Value,
    /// It gives the text that is run.
    Text,
    /// It names the file that is run.
    File,
}

impl Role {
    fn fits(self, value: &str) -> bool {
        match self {
            Self::Flag => true,
            // A text may have the input read as more of it.
            Self::Text => !value.contains("/dev/") && !value.contains("/proc/"),
            Self::Value | Self::File => {
                is_ordinary(value) || value.starts_with(|c: char| c.is_ascii_digit())
            }
        }
    }
}

impl Language {
    /// What an option is, with its attached value; `None` for one that is not known.
    fn option<'a>(&self, text: &'a str) -> Option<(Role, Option<&'a str>)> {
        if let Some(long) = text.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            let role = [
                (Role::Text, self.long_texts),
                (Role::File, self.long_files),
                (Role::Value, self.long_values),
                (Role::Flag, self.long_flags),
            ];
            let (role, _) = role.into_iter().find(|(_, list)| listed(list, name))?;
            return Some((role, value));
        }
        for (at, letter) in text.char_indices().skip(1) {
            let behind = text.get(at + letter.len_utf8()..).filter(|b| !b.is_empty());
            if self.attached.contains(letter) {
                return Some((Role::Flag, None));
            }
            let role = [
                (Role::Text, self.texts),
                (Role::File, self.files),
                (Role::Value, self.values),
            ];
            if let Some((role, _)) = role.into_iter().find(|(_, list)| list.contains(letter)) {
                return Some((role, behind));
            }
            if !self.flags.contains(letter) {
                return None;
            }
        }
        Some((Role::Flag, None))
    }
}
