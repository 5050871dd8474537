//! A program that is no wrapper and no shell: whether it can start one, and what it is told to run.
//!
//! Invariant: a program of which nothing is known is not handed the name of a tool of elevation or of a shell unnoticed: it
//! may be one that runs its words.

use std::borrow::Cow;

use super::super::escape;
use super::super::glimpse;
use super::super::input;
use super::super::readers;
use super::super::table::{SHELLS, SPAWNS, STRONG, Spawn, TELLING, listed};
use super::super::transfer;
use super::super::word::Word;
use super::shells::FED;
use super::{Context, Reader, SHARED, program_name};
use crate::domain::command::StandardInput;

const MANUALS: &str = "man info pinfo less more most pg pager";
const FED_CODE: &str = "code read by a program from its input";

impl Reader<'_> {
    pub(super) fn program(&mut self, path: &str, name: &str, words: &[Word], context: &Context) {
        self.record(words, context);
        // A number stands where a word before it was none.
        let number = path.trim_end_matches(['s', 'm', 'h', 'd', '.']);
        let number = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.');
        if path.starts_with("/proc/") || path.starts_with("/dev/") {
            self.unknown_at("a program by another name", path);
        }
        if name.is_empty() || number || path.starts_with(['=', '-', '!']) {
            return self.unknown_at("a program name that shells read differently", path);
        }
        if self.builtin(path, words, context) {
            return;
        }
        self.reading.paths.extend(transfer::paths(name, words));
        let left = self.spawned(name, words, context);
        let words = &*left;
        let situation = escape::Situation {
            elevated: context.elevated,
            drained: context.drained,
            fed: context.fed,
        };
        let asks = !context.clients
            && context
                .told
                .as_deref()
                .is_some_and(|text| escape::only_asks(name, words, text));
        if !asks && escape::can_escape(name, words, situation) {
            self.reading.escapes.insert(name.to_owned());
            // Its code may name a tool; a manual only tells of one.
            if !listed(MANUALS, name) {
                let tools = words
                    .iter()
                    .skip(1)
                    .map(Word::shown)
                    .flat_map(glimpse::elevation);
                let strong = tools.filter(|tool| listed(STRONG, tool));
                self.reading.elevation.extend(strong);
            }
        }
        if is_unknown(name) {
            self.suspected(name, words);
        }
        if context.shared && readers::reads(name, words) {
            self.unknown(SHARED);
        }
        if !asks {
            self.reads_input(name, words, context);
        }
    }

    /// What a program makes of its input.
    fn reads_input(&mut self, name: &str, words: &[Word], context: &Context) {
        let made = input::made_by(name, words);
        if context.clients && !made.is_data() {
            self.unknown(match made {
                StandardInput::Commands => FED,
                StandardInput::Data | StandardInput::Code => FED_CODE,
            });
            self.runs(made, context);
        } else if made == StandardInput::Code && (context.fed || listed(TOLD, name)) {
            self.unknown_at(FED_CODE, words.first().map_or("", Word::shown));
        }
    }

    /// Reads the texts in options by which a program starts another, and gives the words without them.
    fn spawned<'w>(&mut self, name: &str, words: &'w [Word], context: &Context) -> Cow<'w, [Word]> {
        let Some(spawn) = SPAWNS.iter().find(|spawn| listed(spawn.names, name)) else {
            return Cow::Borrowed(words);
        };
        let before = self.reading.commands.len();
        let mut kept = Vec::with_capacity(words.len());
        let mut left = words.iter();
        while let Some(word) = left.next() {
            match spawn.text(word, left.clone().next()) {
                Spawned::Nothing => kept.push(word.clone()),
                Spawned::Here(text) => self.text(&spawn.whole(text), context.within(name)),
                Spawned::Next(text) => {
                    left.next();
                    self.text(&spawn.whole(text), context.within(name));
                }
            }
        }
        let mut started = self.reading.commands.iter().skip(before);
        if !started.all(|command| listed(SPAWNED, &command.program)) {
            self.reading.escapes.insert(name.to_owned());
        }
        Cow::Owned(kept)
    }

    /// Looks for what an unknown program could be told to run.
    fn suspected(&mut self, name: &str, words: &[Word]) {
        let judged = escape::is_judged(name);
        let mut before = name;
        let mut operands = 0;
        let mut left = words.get(1..).unwrap_or_default().iter();
        while let Some(word) = left.next() {
            let text = word.shown();
            operands += usize::from(!text.starts_with('-'));
            // Where the command of a wrapper would begin.
            let begins = before == "--" || (operands == 1 && !name.contains('/'));
            before = text;
            let runs =
                !judged && !name.contains('/') && names_command(word, left.as_slice().first());
            if runs {
                self.reading.escapes.insert(name.to_owned());
            }
            let tools = glimpse::elevation(text)
                .into_iter()
                .filter(|tool| listed(STRONG, tool));
            self.reading.elevation.extend(tools);
            if names_shell(text) || (begins && !judged && names_escape(word)) {
                self.reading.escapes.insert(name.to_owned());
            }
        }
    }
}

/// What a program is ordinarily told to start: something that packs, or the way to another host.
const SPAWNED: &str = "gzip gunzip pigz unpigz bzip2 bunzip2 pbzip2 lbzip2 xz unxz pixz zstd unzstd zstdmt lz4 lzop lzma lzip cat \
    ssh rsync";

/// Harmless programs that read code where a word tells them to.
const TOLD: &str = "make gmake awk gawk mawk nawk sed gsed";

/// Whether nothing is known of a program, so that it may run its words.
pub(super) fn is_unknown(name: &str) -> bool {
    !TELLING.contains(name)
}

/// `sh`, `/bin/sh -c …`, `exec /bin/bash;`: a shell where a program would stand, or one by its path.
fn names_shell(text: &str) -> bool {
    let value = text
        .split_once('=')
        .filter(|_| text.starts_with('-'))
        .map_or(text, |(_, value)| value);
    let first = value
        .split(|c: char| c.is_whitespace() || ";|&".contains(c))
        .next()
        .unwrap_or_default();
    let is_shell = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        listed(SHELLS, name) || listed("fish csh tcsh", name)
    };
    let parted = text.split(|c: char| !(c.is_ascii_alphanumeric() || "/._-".contains(c)));
    is_shell(first) || parted.filter(|part| part.contains("bin/")).any(is_shell)
}

/// Programs that can start a shell, and whose names are as well those of subcommands.
const COMMON: &str = "info man view more most less edit pick es rc ne le op ion thin cap guard stack bolt rush task daemon \
    sandbox crash links bat mix nim gp go java node php docker inspect select pg sc ex ed mail links personality";

/// `vim`, `/usr/bin/python3`: a word that is nothing but a program that can start a shell.
fn names_escape(word: &Word) -> bool {
    word.fixed().is_some_and(|text| {
        let program = program_name(text);
        let stem = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        let versioned = listed("python pypy perl ruby lua php", stem);
        !listed(COMMON, program) && (escape::is_listed(&[program]) || versioned)
    })
}

/// Parts of the names of options by which programs are told what else to run.
const TELLING_PARTS: &str = "exec execute command cmd hook editor pager launcher program wrapper plugin script preload shell";

/// `--editor=x`, `--pre-hook x`: an option by whose name its value is run.
fn names_command(word: &Word, next: Option<&Word>) -> bool {
    let shown = word.shown();
    let Some(long) = shown.strip_prefix("--") else {
        return false;
    };
    let (name, value) = match long.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (long, next.map(Word::shown)),
    };
    let given = value.is_some_and(|value| !value.is_empty() && !value.starts_with('-'));
    given && !name.starts_with("no-") && name.split('-').any(|part| listed(TELLING_PARTS, part))
}

enum Spawned<'a> {
    Nothing,
    /// The text is in this word.
    Here(&'a str),
    /// The text is the next word.
    Next(&'a str),
}

impl Spawn {
    fn text<'a>(&self, word: &'a Word, next: Option<&'a Word>) -> Spawned<'a> {
        let following = || {
            next.and_then(Word::fixed)
                .map_or(Spawned::Nothing, Spawned::Next)
        };
        let Some(text) = word.fixed() else {
            return Spawned::Nothing;
        };
        if let Some(long) = text.strip_prefix("--") {
            return match long.split_once('=') {
                Some((name, value)) if listed(self.long, name) => Spawned::Here(value),
                None if listed(self.long, long) => following(),
                Some(_) | None => Spawned::Nothing,
            };
        }
        let Some(letters) = text.strip_prefix('-') else {
            return Spawned::Nothing;
        };
        match self.short.and_then(|short| letters.split_once(short)) {
            // Letters before it that are no flags may take the rest.
            Some((before, _)) if before.contains(|c| !self.flags.contains(c)) => Spawned::Nothing,
            Some(("", "")) => following(),
            Some(("", value)) => Spawned::Here(value),
            Some(_) | None => Spawned::Nothing,
        }
    }

    fn whole(&self, text: &str) -> String {
        format!("{text}{}", self.behind)
    }
}
