//! Follows what a command runs: texts, wrapper chains, shells and elevation, into one [`Reading`].
//!
//! Invariant: whatever is not followed to its end leaves an [`Unknown`]. Depth and number of the texts it reads
//! are bounded, so input cannot drive the recursion.

mod builtins;

mod files;

mod program;

mod shells;

mod wrapping;

use std::collections::BTreeSet;

use crate::domain::command::{Reading, SimpleCommand, StandardInput, Unknown};

use super::glimpse;
use super::input;
use super::options;
use super::readers;
use super::shell::{self, RawCommand, Script};
use super::table::{COUNTERS, SHELLS, SYSTEM_FOLDERS, listed, wrapper};
use super::variables::{Kind, Variables};
use super::word::{self, Word};

/// How deep text may stand in text: `sh -c "sh -c …"`.
const DEPTH: usize = 6;
/// Most texts in one command.
const TEXTS: usize = 64;
/// Most wrappers around one program.
const WRAPPED: usize = 12;
/// Most reasons that are kept; one alone makes a command opaque.
const REASONS: usize = 16;

/// Where output may go without any file being written.
const STREAMS: &str = "/dev/null /dev/stdout /dev/stderr";
/// Names that `bash` opens as connections, whichever way they are redirected.
const CONNECTIONS: &[&str] = &["/dev/tcp/", "/dev/udp/"];

/// Programs whose texts a plain POSIX shell reads, or may read.
const PLAIN: &str = "sh dash ash watch flock script su runuser";
const SHARED: &str = "a program that may read what is typed behind it";
const ARITHMETIC: &str = "arithmetic over variables, whose values are evaluated";

/// Reads a shell text.
pub(super) fn read(text: &str) -> Reading {
    read_in(text, Context::default())
}

/// Reads a shell text whose standard input is the client's.
pub(super) fn read_piped(text: &str) -> Reading {
    let context = Context {
        fed: true,
        clients: true,
        ..Context::default()
    };
    read_in(text, context)
}

/// Reads a line that was typed in a shell.
pub(super) fn read_typed(text: &str) -> Reading {
    let context = Context {
        shared: true,
        ..Context::default()
    };
    read_in(text, context)
}

/// Reads lines that a shell reads from the client.
pub(super) fn read_lines(text: &str) -> Reading {
    let context = Context {
        fed: true,
        clients: true,
        shared: true,
        ..Context::default()
    };
    read_in(text, context)
}

/// Reads words that no shell stands before: each is what it is.
pub(super) fn read_words(words: &[String]) -> Reading {
    let mut reader = Reader::of("");
    let fixed = words.iter().map(|word| Word::Fixed(word.clone()));
    reader.run(fixed.collect(), Context::default());
    reader.ended()
}

fn read_in(text: &str, context: Context) -> Reading {
    let mut reader = Reader::of(text);
    reader.variables.shared = context.shared;
    reader.exports = context.shared
        || text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| matches!(word, "export" | "declare" | "typeset" | "allexport" | "set"))
        || text.contains(['\\', '\'']) && text.contains("ex");
    reader.text(text, context);
    reader.ended()
}

/// Where a command stands.
#[derive(Debug, Clone, Default)]
struct Context {
    wrappers: Vec<String>,
    fed: bool,
    /// Whether its input is the client's own.
    clients: bool,
    /// Whether its input is that of the shell which reads the commands themselves.
    shared: bool,
    drained: bool,
    elevated: bool,
    /// The text that is all of its input, where that is certain.
    told: Option<String>,
    /// Whether a plain POSIX shell reads the text, which knows no `$'…'`.
    plain: bool,
    depth: usize,
}

impl Context {
    fn within(&self, wrapper: &str) -> Self {
        let mut inner = self.clone();
        inner.wrappers.push(wrapper.to_owned());
        inner.plain = listed(PLAIN, wrapper) || (inner.plain && !listed(SHELLS, wrapper));
        inner.depth += 1;
        inner.told = None;
        inner
    }
}

/// What of the client's input can come to commands that have another one.
struct Passed {
    /// Through what the text itself reads: a substitution in a here-string, `< /dev/stdin`, `<&3`.
    anyhow: bool,
    /// Through a pipe, from a command before.
    piped: bool,
}

impl Passed {
    fn of(script: &Script) -> Self {
        let other = |raw: &String| {
            let (word, _) = word::resolve(raw);
            !input::is_file(&word) && !word.fixed().is_some_and(|path| listed(STREAMS, path))
        };
        let mut redirected = script.inputs.iter().chain(&script.paths);
        Self {
            anyhow: script.mixed || !script.substitutions.is_empty() || redirected.any(other),
            piped: false,
        }
    }

    fn reaches(&self, command: &RawCommand) -> bool {
        self.anyhow || (command.piped && self.piped)
    }

    fn behind(&mut self, command: &RawCommand) {
        let name = command.words.first().map(String::as_str);
        self.piped |= name.is_some_and(input::passes_on);
    }
}

struct Reader<'a> {
    /// The outermost text.
    whole: &'a str,
    reading: Reading,
    texts: usize,
    variables: Variables,
    /// Variables that arithmetic evaluates.
    evaluated: BTreeSet<String>,
    /// Names that the text gives another meaning.
    aliases: BTreeSet<String>,
    /// Whether variables may be handed to programs without a word about each.
    exports: bool,
    /// Files that the text writes, raw.
    written: Vec<String>,
    /// What it runs that could be one of them, or reads one: all the words, and what that command itself writes.
    runs_files: Vec<(String, Vec<String>)>,
}

impl<'a> Reader<'a> {
    fn of(whole: &'a str) -> Self {
        Self {
            whole,
            reading: Reading::default(),
            texts: TEXTS,
            variables: Variables::of(whole),
            evaluated: BTreeSet::new(),
            aliases: BTreeSet::new(),
            exports: false,
            written: Vec::new(),
            runs_files: Vec::new(),
        }
    }

    /// What can only be said at the end, when every variable that the text writes is known.
    fn ended(mut self) -> Reading {
        self.made();
        let evaluated = std::mem::take(&mut self.evaluated);
        for name in &evaluated {
            if !matches!(name.as_str(), "COLUMNS" | "LINES")
                && !listed(COUNTERS, name)
                && let Err(why) = options::sensitive(name)
            {
                self.unknown(why);
            }
            if !self.variables.is_number(name) {
                self.unknown(ARITHMETIC);
            }
            // In brackets a plain POSIX shell runs it.
            if wrapper(name).is_some_and(|tool| tool.elevates) {
                self.reading.elevation.insert(name.clone());
                self.unknown(ARITHMETIC);
            }
        }
        self.reading
    }

    fn unknown(&mut self, reason: impl Into<String>) {
        self.unknown_at(reason, "");
    }

    /// Something unknown with the part of the text that makes it so, as it was written.
    fn unknown_at(&mut self, reason: impl Into<String>, part: &str) {
        let unknown = Unknown {
            reason: reason.into(),
            span: only_place(self.whole, part),
        };
        if self.reading.unknowns.len() < REASONS && !self.reading.unknowns.contains(&unknown) {
            self.reading.unknowns.push(unknown);
        }
    }

    fn text(&mut self, text: &str, context: Context) {
        if context.depth > DEPTH || self.texts == 0 {
            self.runs(StandardInput::Commands, &context);
            return self.give_up(text, "commands nested too deeply");
        }
        self.texts -= 1;
        if text.contains('\n')
            && text
                .split("[[")
                .skip(1)
                .any(|rest| rest.trim_start_matches([' ', '\t']).starts_with('\n'))
        {
            self.unknown_at("a test that shells read differently", "[[");
        }
        if context.plain && text.contains("$'") {
            self.unknown_at("quoting that shells read differently", "$'");
        }
        let script = match shell::parse(text) {
            Ok(script) => script,
            Err(why) => {
                self.runs(StandardInput::Commands, &context);
                return self.give_up(text, why);
            }
        };
        script.unknowns.iter().for_each(|why| self.unknown(*why));
        if context.plain && script.extended {
            self.unknown("syntax that a plain POSIX shell does not know");
        }
        self.variables.note(&script);
        for raw in &script.compared {
            if context.plain || self.variables.kind_of(raw) > Kind::Data {
                self.unknown_at("a test that shells read differently", raw);
            }
        }
        self.written.extend(script.paths.iter().cloned());
        self.parameters(&script);
        self.evaluated.extend(script.evaluated.iter().cloned());
        self.paths(&script, &context);
        let mut passed = Passed::of(&script);
        for (at, command) in script.commands.iter().enumerate() {
            let clients = context.clients && (!command.fed || passed.reaches(command));
            passed.behind(command);
            let context = Context {
                clients,
                told: told(&script, at).filter(|_| text.matches("<<").count() < 2),
                ..context.clone()
            };
            self.command(command, &context);
        }
        for inner in script.substitutions.iter().chain(&script.alone) {
            let context = Context {
                drained: true,
                depth: context.depth + 1,
                ..context.clone()
            };
            self.text(inner, context);
        }
    }

    /// What is given to the functions of a text.
    fn parameters(&mut self, script: &Script) {
        for command in &script.commands {
            let Some((name, rest)) = command.words.split_first() else {
                continue;
            };
            let called = word::resolve(name).0;
            let called = called.fixed().unwrap_or(name);
            if script.functions.iter().any(|known| known == called) || called == "set" {
                let words: Vec<Word> = rest
                    .iter()
                    .map(|raw| word::resolve(raw).0.knowing(&self.variables))
                    .collect();
                self.variables.given(&words);
            }
        }
    }

    /// A text that is not read: what it names still counts.
    fn give_up(&mut self, text: &str, why: &'static str) {
        self.reading.elevation.extend(glimpse::elevation(text));
        self.unknown(why);
    }

    fn paths(&mut self, script: &Script, context: &Context) {
        for path in &script.paths {
            let (word, risk) = word::resolve(path);
            risk.into_iter().for_each(|why| self.unknown(why));
            self.started(word.shown());
            if !word.fixed().is_some_and(|path| listed(STREAMS, path)) {
                self.reading.paths.push(word.shown().to_owned());
            }
            self.connects(&word);
        }
        for path in &script.inputs {
            let (word, risk) = word::resolve(path);
            risk.into_iter().for_each(|why| self.unknown(why));
            if context.shared && !word.fixed().is_some_and(readers::is_file) {
                self.unknown(SHARED);
            }
            let file = word
                .fixed()
                .is_some_and(|path| !CONNECTIONS.iter().any(|folder| path.starts_with(folder)));
            if !file {
                self.reading.paths.push(word.shown().to_owned());
            }
            self.connects(&word);
        }
    }

    /// `< /dev/tcp/host/port`
    fn connects(&mut self, word: &Word) {
        if CONNECTIONS.iter().any(|folder| word.begins(folder)) {
            self.unknown_at("a connection that the shell itself opens", word.shown());
        }
    }

    fn command(&mut self, command: &RawCommand, context: &Context) {
        let reads = command.words.first().is_some_and(|word| word == "read");
        for assignment in &command.assignments {
            // It only divides what is read.
            if !(reads && assignment.name == "IFS") {
                let kept = command.words.is_empty() && !self.exports;
                self.assigned(&assignment.name, &assignment.raw, kept);
                let shell = |raw: &String| listed(SHELLS, raw.rsplit('/').next().unwrap_or(raw));
                if assignment.name == "ENV" && command.words.iter().any(shell) {
                    self.unknown_at("a file that the shell reads", &assignment.raw);
                }
            }
        }
        let mut words = Vec::with_capacity(command.words.len());
        for raw in &command.words {
            let (word, risk) = word::resolve(raw);
            risk.into_iter().for_each(|why| self.unknown_at(why, raw));
            words.push(word.knowing(&self.variables));
        }
        self.files_of(command, &words);
        self.reopened(command, &words);
        let context = Context {
            fed: context.fed || command.fed,
            shared: context.shared && !command.fed,
            drained: context.drained || command.drained,
            ..context.clone()
        };
        self.run(words, context);
    }

    /// A variable gets a value, which is `NAME=value` as written; `kept` where no program is handed it unless it was before.
    fn assigned(&mut self, name: &str, raw: &str, kept: bool) {
        let value = raw.split_once('=').map_or("", |(_, value)| value);
        let (word, risk) = word::resolve(value);
        risk.into_iter().for_each(|why| self.unknown_at(why, raw));
        let unused = kept && !options::is_used(name);
        if !unused && let Err(why) = options::assigned(name, &word) {
            self.unknown_at(why, raw);
        }
        // To fish a list is a substitution.
        if let Some(list) = value.strip_prefix('(') {
            let first = list.split_whitespace().next().unwrap_or_default();
            if wrapper(first).is_some_and(|tool| tool.elevates) {
                self.reading.elevation.insert(first.to_owned());
                self.unknown_at("a value that names a tool of elevation", raw);
            }
        }
        if let Some(text) = word.fixed() {
            if text.contains('[') && (text.contains("$(") || text.contains('`')) {
                self.unknown_at("a value that arithmetic would run", raw);
            }
            let named = glimpse::elevation(text);
            if !named.is_empty() {
                self.reading.elevation.extend(named);
                self.unknown_at("a value that names a tool of elevation", raw);
            }
        }
    }

    fn run(&mut self, mut words: Vec<Word>, mut context: Context) {
        while let Some(first) = words.first() {
            if context.wrappers.len() > WRAPPED || context.depth > DEPTH {
                self.runs(StandardInput::Commands, &context);
                return self.unknown("commands nested too deeply");
            }
            let path = match first {
                Word::Fixed(path) => path.clone(),
                Word::Computed { why, raw, .. } => {
                    let (why, raw) = (*why, raw.clone());
                    self.record(&words, &context);
                    self.runs(StandardInput::Commands, &context);
                    return self
                        .unknown_at(format!("a program name that is computed: {why}"), &raw);
                }
            };
            if self.aliases.contains(&path) {
                self.unknown_at("a name that is given another meaning", &path);
            }
            // A script of the system has the name of what it starts and stops.
            let service = path.starts_with("/etc/init.d/") && !path.contains("..");
            let name = path
                .rsplit('/')
                .next()
                .filter(|_| !service)
                .unwrap_or(&path);
            match wrapper(name) {
                Some(wrapper) => match self.unwrap(wrapper, words, &mut context) {
                    Some(inner) => words = inner,
                    None => return,
                },
                None if listed(SHELLS, name) => return self.shell(name, &words, &context),
                None if name == "find" => return self.find(&words, &context),
                None => return self.program(&path, name, &words, &context),
            }
        }
    }

    fn record(&mut self, words: &[Word], context: &Context) {
        let Some(first) = words.first() else { return };
        self.reading.commands.push(SimpleCommand {
            program: program_name(first.shown()).to_owned(),
            words: words.iter().map(|w| w.shown().to_owned()).collect(),
            wrappers: context.wrappers.clone(),
        });
    }
}

/// The text that is all of a command's input: its own here-document, or what `echo` prints into its pipe.
fn told(script: &Script, at: usize) -> Option<String> {
    let command = script.commands.get(at)?;
    if command.reopens {
        return command.said.clone();
    }
    let certain =
        script.inputs.is_empty() && script.functions.is_empty() && !script.mixed && !script.feeds;
    if !(command.piped && certain) {
        return None;
    }
    let before = script.commands.get(at.checked_sub(1)?)?;
    // What stands before in a group would print into the same pipe.
    let grouped = at.checked_sub(2).and_then(|at| script.commands.get(at));
    let alone = before.drained
        && !before.piped
        && before.assignments.is_empty()
        && before.writes.is_empty()
        && grouped.is_none_or(|other| !other.drained);
    match before.words.as_slice() {
        [name, raw] if alone && name == "echo" => match word::resolve(raw).0 {
            Word::Fixed(text) if !text.contains('\\') && !text.starts_with('-') => Some(text),
            Word::Fixed(_) | Word::Computed { .. } => None,
        },
        _ => None,
    }
}

/// A program of the system goes by its name; any other keeps its path, for `/tmp/ls` is not `ls`.
pub(super) fn program_name(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some((folder, name)) if listed(SYSTEM_FOLDERS, folder) => name,
        Some(_) | None => path,
    }
}

/// Where a part of a text stands, if it does so exactly once.
fn only_place(text: &str, part: &str) -> Option<(usize, usize)> {
    if part.is_empty() {
        return None;
    }
    let (at, _) = text.match_indices(part).next()?;
    let end = at + part.len();
    let again = text.get(at + 1..).is_some_and(|rest| rest.contains(part));
    (!again).then_some((at, end))
}
