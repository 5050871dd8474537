//! Programs that can start a shell by some of their uses only: those by an option or a word (`Trigger`), and those that
//! are harmless by a few subcommands (`Tame`), as data.
//!
//! Invariant: a trigger counts wherever it stands, also shortened; a subcommand counts only where nothing before it is
//! unknown.

mod further;

mod tames;

mod triggers;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::super::table::listed;
use super::super::word::Word;
use further::FURTHER;
use tames::{CONTAINERS, TAMES, Tame, VALUES, VERSIONS};
use triggers::{TRIGGERS, Trigger};

/// Whether an otherwise harmless program is told to run another; `None` for one that is not known here.
pub(super) fn is_triggered(name: &str, arguments: &[Word]) -> Option<bool> {
    trigger(name).map(|trigger| trigger.pulled_by(arguments))
}

/// Whether it is known by which uses alone a program runs another.
pub(super) fn has_triggers(name: &str) -> bool {
    trigger(name).is_some_and(|known| !FURTHER.iter().any(|more| std::ptr::eq(more, known)))
}

fn trigger(name: &str) -> Option<&'static Trigger> {
    static ALL: LazyLock<HashMap<&str, &Trigger>> = LazyLock::new(|| {
        let mut all = HashMap::new();
        for trigger in TRIGGERS.iter().chain(FURTHER) {
            for name in trigger.names.split(' ') {
                all.entry(name).or_insert(trigger);
            }
        }
        all
    });
    ALL.get(name).copied()
}

/// Whether a program that can start a shell is harmless in this use.
pub(super) fn is_tame(names: &[&str], arguments: &[Word]) -> bool {
    let known = |list: &str| names.iter().any(|name| listed(list, name));
    if let [only] = arguments
        && let Some(text) = only.fixed()
        && VERSIONS
            .iter()
            .any(|(list, words)| known(list) && listed(words, text))
    {
        return true;
    }
    if known(CONTAINERS.names) && attaches(arguments) {
        return false;
    }
    if known("rpm") {
        return asks_packages(arguments);
    }
    TAMES
        .iter()
        .any(|tame| known(tame.names) && tame.by(arguments))
}

impl Trigger {
    fn pulled_by(&self, arguments: &[Word]) -> bool {
        let mut options = true;
        arguments.iter().enumerate().any(|(at, word)| match word {
            // A password behind its option, which takes a value.
            Word::Computed { raw, .. }
                if raw.starts_with("-p\"") && listed(self.names, "mysqladmin") =>
            {
                false
            }
            Word::Computed { .. } if self.takes(arguments, at) => false,
            Word::Computed { .. } if word.may_be_option() => options,
            Word::Computed { raw, .. } => {
                let begins = raw.replace('"', "");
                let lower = begins.to_ascii_lowercase();
                options
                    && ((begins.starts_with('-') && self.option(&begins, false))
                        || self.words.iter().any(|w| lower.contains(w)))
            }
            Word::Fixed(text) => {
                options &= text != "--";
                let lower = text.to_ascii_lowercase();
                let old_style = at == 0
                    && listed(
                        "tar gtar bsdtar",
                        self.names.split(' ').next().unwrap_or_default(),
                    );
                self.words.iter().any(|w| lower.contains(w))
                    || (options && self.option(text, old_style))
            }
        })
    }

    /// Whether a word is the value of the option before it, for certain: quotes make it one, and that option is no value
    /// itself.
    fn takes(&self, arguments: &[Word], at: usize) -> bool {
        let behind = |back: usize| at.checked_sub(back).and_then(|at| arguments.get(at));
        let quoted = arguments.get(at).is_some_and(Word::is_quoted);
        let Some(option) = behind(1).and_then(Word::fixed).filter(|_| quoted) else {
            return false;
        };
        let named = |name: &str| listed(self.names, name);
        let Some((_, values, flags)) = VALUES.iter().find(|(name, ..)| named(name)) else {
            return false;
        };
        let free = match behind(2) {
            None => true,
            Some(word) => word
                .fixed()
                .is_some_and(|text| !text.starts_with('-') || listed(flags, text)),
        };
        listed(values, option) && free
    }

    /// Long options may be shortened, so every beginning of a name counts.
    fn option(&self, text: &str, old_style: bool) -> bool {
        if let Some(long) = text.strip_prefix("--") {
            let name = long.split('=').next().unwrap_or(long);
            return !name.is_empty() && self.long.iter().any(|l| l.starts_with(name));
        }
        (old_style || text.starts_with('-')) && text.contains(self.short)
    }
}

impl Tame {
    fn by(&self, arguments: &[Word]) -> bool {
        let never = arguments.iter().map(Word::shown).any(|text| {
            let name = text.split('=').next().unwrap_or(text);
            listed(self.never, name)
        });
        if never {
            return false;
        }
        let mut left = arguments;
        loop {
            let [first, rest @ ..] = left else {
                return false;
            };
            let Some(text) = first.fixed() else {
                return false;
            };
            if listed(self.ordinary, text) {
                return true;
            }
            if listed(self.groups, text) {
                return self.group(rest);
            }
            let valued = text
                .split_once('=')
                .is_some_and(|(name, _)| listed(self.values, name));
            if valued || listed(self.flags, text) {
                left = rest;
            } else if listed(self.values, text) {
                let [value, after @ ..] = rest else {
                    return false;
                };
                if !value.is_one_word() {
                    return false;
                }
                left = after;
            } else {
                return false;
            }
        }
    }

    /// The subcommand of a subcommand, behind options that have their value in the same word or name a file.
    fn group(&self, arguments: &[Word]) -> bool {
        let mut left = arguments;
        loop {
            match left {
                [Word::Fixed(option), value, rest @ ..]
                    if matches!(
                        option.as_str(),
                        "-f" | "--file" | "-p" | "--project-name" | "--env-file" | "--profile"
                    ) && value.is_one_word() =>
                {
                    left = rest;
                }
                [Word::Fixed(text), ..] => return listed(self.within, text),
                _ => return false,
            }
        }
    }
}

/// `docker start -ai`: a container whose shell may be talked to. `docker container create`: one that runs what is named.
fn attaches(arguments: &[Word]) -> bool {
    let has = |wanted: &str| arguments.iter().any(|word| listed(wanted, word.shown()));
    if has("create") && has("container service") {
        return true;
    }
    let asks = |word: &Word| {
        ["-i", "-a", "--i", "--a"]
            .iter()
            .any(|begin| word.begins(begin))
    };
    has("start") && arguments.iter().any(asks)
}

/// `rpm -qa`, `rpm -V`: questions, without an option by which something is run.
fn asks_packages(arguments: &[Word]) -> bool {
    let asks = arguments.first().and_then(Word::fixed).is_some_and(|text| {
        let short = text.starts_with("-q") || text.starts_with("-V") || text.starts_with("-K");
        short || matches!(text, "--query" | "--verify" | "--checksig" | "--version")
    });
    let runs = |word: &Word| {
        let text = word.shown();
        let plain = [
            "--pipe",
            "--eval",
            "--macros",
            "--rcfile",
            "--define",
            "--load",
            "--predefine",
            "-E",
            "-D",
        ];
        word.may_be_option() || plain.iter().any(|option| text.starts_with(option))
    };
    asks && !arguments.iter().any(runs)
}
