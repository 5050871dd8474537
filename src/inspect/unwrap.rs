//! Follows what a command runs: texts, wrapper chains, shells and elevation, into one [`Reading`].
//!
//! Invariant: whatever is not followed to its end leaves an [`Unknown`]. Depth and number of the texts it reads
//! are bounded, so input cannot drive the recursion.

use crate::domain::command::{Reading, SimpleCommand, StandardInput, Unknown};

use super::escape;
use super::glimpse;
use super::input;
use super::options::{self, Skipped};
use super::readers;
use super::shell::{self, RawCommand, Script};
use super::table::{
    Alone, ELEVATION, NAMING, SHELLS, SYSTEM_FOLDERS, Then, UNREADABLE, WRAPPERS, Wrapper, listed,
};
use super::transfer;
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

const COMPUTED_TEXT: &str = "text for a shell that is computed";
const FED: &str = "text read by a shell from its input";
const SHARED: &str = "a program that may read what is typed behind it";
const FED_CODE: &str = "code read by a program from its input";
const ELSEWHERE: &str = "words from the program's input";

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
    let mut reader = Reader {
        reading: Reading::default(),
        texts: TEXTS,
    };
    let fixed = words.iter().map(|word| Word::Fixed(word.clone()));
    reader.run(fixed.collect(), Context::default());
    reader.reading
}

fn read_in(text: &str, context: Context) -> Reading {
    let mut reader = Reader {
        reading: Reading::default(),
        texts: TEXTS,
    };
    reader.text(text, context);
    reader.reading
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
    depth: usize,
}

impl Context {
    fn within(&self, wrapper: &str) -> Self {
        let mut inner = self.clone();
        inner.wrappers.push(wrapper.to_owned());
        inner.depth += 1;
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

struct Reader {
    reading: Reading,
    texts: usize,
}

impl Reader {
    fn unknown(&mut self, reason: impl Into<String>) {
        let unknown = Unknown {
            reason: reason.into(),
            span: None,
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
        let script = match shell::parse(text) {
            Ok(script) => script,
            Err(why) => {
                self.runs(StandardInput::Commands, &context);
                return self.give_up(text, why);
            }
        };
        script.unknowns.iter().for_each(|why| self.unknown(*why));
        self.paths(&script, &context);
        let mut passed = Passed::of(&script);
        for command in &script.commands {
            let clients = context.clients && (!command.fed || passed.reaches(command));
            passed.behind(command);
            let context = Context {
                clients,
                ..context.clone()
            };
            self.command(command, &context);
        }
        for inner in &script.substitutions {
            let context = Context {
                drained: true,
                depth: context.depth + 1,
                ..context.clone()
            };
            self.text(inner, context);
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
            if !word.fixed().is_some_and(|path| listed(STREAMS, path)) {
                self.reading.paths.push(word.shown().to_owned());
            }
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
        }
    }

    fn command(&mut self, command: &RawCommand, context: &Context) {
        for (name, raw) in &command.assignments {
            if let Err(why) = options::sensitive(name) {
                self.unknown(why);
            }
            word::resolve(raw)
                .1
                .into_iter()
                .for_each(|why| self.unknown(why));
        }
        let mut words = Vec::with_capacity(command.words.len());
        for raw in &command.words {
            let (word, risk) = word::resolve(raw);
            risk.into_iter().for_each(|why| self.unknown(why));
            words.push(word);
        }
        let context = Context {
            fed: context.fed || command.fed,
            shared: context.shared && !command.fed,
            drained: context.drained || command.drained,
            ..context.clone()
        };
        self.run(words, context);
    }

    fn run(&mut self, mut words: Vec<Word>, mut context: Context) {
        while let Some(first) = words.first() {
            if context.wrappers.len() > WRAPPED || context.depth > DEPTH {
                self.runs(StandardInput::Commands, &context);
                return self.unknown("commands nested too deeply");
            }
            let path = match first {
                Word::Fixed(path) => path.clone(),
                Word::Computed { why, .. } => {
                    let why = *why;
                    self.record(&words, &context);
                    self.runs(StandardInput::Commands, &context);
                    return self.unknown(format!("a program name that is computed: {why}"));
                }
            };
            let name = path.rsplit('/').next().unwrap_or_default();
            let known = WRAPPERS.iter().chain(ELEVATION).find(|w| w.name == name);
            match known {
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

    /// Takes one wrapper off; gives the command in it where that is one of words.
    fn unwrap(
        &mut self,
        wrapper: &Wrapper,
        words: Vec<Word>,
        context: &mut Context,
    ) -> Option<Vec<Word>> {
        if wrapper.elevates {
            self.reading.elevation.insert(wrapper.name.to_owned());
            context.elevated = true;
        }
        let skipped = match (wrapper.then, options::skip(wrapper, &words)) {
            (Then::Unreadable(why), Err(_)) | (_, Err(why)) => {
                self.unknown(format!("{}: {why}", wrapper.name));
                self.record(&words, context);
                self.runs(StandardInput::Commands, context);
                return None;
            }
            (_, Ok(skipped)) => skipped,
        };
        let edits = wrapper.name == "sudoedit"
            || (wrapper.name == "sudo" && has_flag(&words, 'e', "--edit"));
        if edits || skipped.inert {
            if edits {
                self.reading.escapes.insert("sudoedit".to_owned());
            }
            self.record(&words, context);
            return None;
        }
        let rest = words.get(skipped.rest..).unwrap_or_default();
        if wrapper.counts || (rest.is_empty() && skipped.texts.is_empty()) {
            self.record(&words, context);
        }
        self.follow(wrapper, &skipped, rest, context)
    }

    fn follow(
        &mut self,
        wrapper: &Wrapper,
        skipped: &Skipped,
        rest: &[Word],
        context: &mut Context,
    ) -> Option<Vec<Word>> {
        let inner = context.within(wrapper.name);
        for text in &skipped.texts {
            self.text(text, inner.clone());
        }
        let Some(first) = rest.first() else {
            if skipped.texts.is_empty() && (skipped.shell || wrapper.alone == Alone::Shell) {
                self.reading.escapes.insert(wrapper.name.to_owned());
                if context.fed {
                    self.fed(context);
                }
            }
            if let (Then::Unreadable(why), false) = (wrapper.then, wrapper.operands > 0) {
                self.runs(StandardInput::Commands, context);
                self.unknown(why);
            }
            return None;
        };
        match wrapper.then {
            Then::Command => {}
            Then::Text => {
                self.joined(rest, inner);
                return None;
            }
            Then::CommandOrText => {
                if matches!(first.fixed(), Some("-c" | "--command")) {
                    self.joined(rest.get(1..).unwrap_or_default(), inner);
                    return None;
                }
            }
            Then::Appended => {
                context.wrappers.push(wrapper.name.to_owned());
                context.fed = true;
                return Some(appended(rest, skipped.placeholder.as_deref()));
            }
            Then::Nothing => {
                self.unknown(format!("{}: words that are not known", wrapper.name));
                return None;
            }
            Then::Unreadable(why) => {
                self.runs(StandardInput::Commands, context);
                self.unknown(why);
                return None;
            }
        }
        context.wrappers.push(wrapper.name.to_owned());
        Some(rest.to_vec())
    }

    /// Words that a shell reads as text, joined by spaces.
    fn joined(&mut self, words: &[Word], context: Context) {
        let fixed: Option<Vec<&str>> = words.iter().map(Word::fixed).collect();
        match fixed {
            Some(texts) => self.text(&texts.join(" "), context),
            None => self.computed(&context),
        }
    }

    fn shell(&mut self, name: &str, words: &[Word], context: &Context) {
        let (mut text_follows, mut reads_input) = (false, false);
        let mut at = 1;
        while let Some(word) = words.get(at) {
            let Some(text) = word.fixed() else { break };
            let plain = matches!(
                text,
                "--login"
                    | "--noprofile"
                    | "--norc"
                    | "--posix"
                    | "--restricted"
                    | "--verbose"
                    | "--noediting"
            );
            if text == "--" || text == "-" {
                at += 1;
                break;
            } else if plain {
            } else if text.starts_with("--") {
                self.runs(StandardInput::Commands, context);
                return self.unknown(format!("{name}: {}", options::OPTION));
            } else if text.len() > 1 && text.starts_with(['-', '+']) {
                text_follows |= text.starts_with('-') && text.contains('c');
                reads_input |= text.starts_with('-') && text.contains('s');
                at += text.matches(['o', 'O']).count();
            } else {
                break;
            }
            at += 1;
        }
        match (text_follows, words.get(at)) {
            (true, Some(Word::Fixed(text))) => self.text(text, context.within(name)),
            (true, Some(Word::Computed { .. }) | None) => {
                self.record(words, context);
                self.computed(context);
            }
            (false, script) => {
                self.reading.escapes.insert(name.to_owned());
                self.record(words, context);
                self.script(script.filter(|_| !reads_input), context);
            }
        }
    }

    /// A shell that reads a file or its input.
    fn script(&mut self, script: Option<&Word>, context: &Context) {
        match script {
            Some(Word::Fixed(path))
                if path.starts_with("/dev/")
                    || path.starts_with("/proc/")
                    || (context.clients && !input::is_ordinary(path)) =>
            {
                self.fed(context)
            }
            Some(Word::Fixed(_)) => {}
            Some(Word::Computed { .. }) => self.computed(context),
            None if context.fed => self.fed(context),
            None => {}
        }
    }

    /// A shell runs what comes on its input.
    fn fed(&mut self, context: &Context) {
        self.unknown(FED);
        self.runs(StandardInput::Commands, context);
    }

    /// A shell runs a text that is computed, maybe from its input.
    fn computed(&mut self, context: &Context) {
        self.unknown(COMPUTED_TEXT);
        self.runs(StandardInput::Commands, context);
    }

    /// What becomes of the client's input, where a command has it. What a shell may run counts most.
    fn runs(&mut self, input: StandardInput, context: &Context) {
        if context.clients && self.reading.input != StandardInput::Commands {
            self.reading.input = input;
        }
    }

    fn find(&mut self, words: &[Word], context: &Context) {
        self.record(words, context);
        let mut left = words.get(1..).unwrap_or_default();
        while let Some((word, rest)) = left.split_first() {
            left = rest;
            match word {
                Word::Computed {
                    splits: true, raw, ..
                } if raw.contains(['$', '`']) => {
                    self.unknown("find: a computed word that could be an action");
                }
                Word::Fixed(text)
                    if matches!(text.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir") =>
                {
                    let end = action_end(rest);
                    let (action, after) = rest.split_at(end);
                    let mut inner = context.within("find");
                    inner.fed = true;
                    self.run(appended(action, Some("{}")), inner);
                    left = after;
                }
                Word::Fixed(text)
                    if matches!(text.as_str(), "-fprint" | "-fprint0" | "-fprintf" | "-fls") =>
                {
                    self.reading
                        .paths
                        .extend(rest.first().map(|path| path.shown().to_owned()));
                }
                Word::Fixed(_) | Word::Computed { .. } => {}
            }
        }
    }

    fn program(&mut self, path: &str, name: &str, words: &[Word], context: &Context) {
        self.record(words, context);
        if name.is_empty() || path.starts_with('=') {
            return self.unknown("a program name that shells read differently");
        }
        if let Some((_, why)) = UNREADABLE.iter().find(|(builtin, _)| *builtin == path) {
            let reads = matches!(path, "." | "source");
            if !reads || !words.get(1).is_some_and(input::is_file) {
                self.runs(StandardInput::Commands, context);
            }
            return self.unknown(*why);
        }
        if listed(NAMING, path) {
            self.naming(path, words);
        }
        self.reading.paths.extend(transfer::paths(name, words));
        let situation = escape::Situation {
            elevated: context.elevated,
            drained: context.drained,
        };
        if escape::can_escape(name, words, situation) {
            self.reading.escapes.insert(name.to_owned());
        }
        if context.shared && readers::reads(name, words) {
            self.unknown(SHARED);
        }
        let made = input::made_by(name, words);
        if context.clients && !made.is_data() {
            self.unknown(match made {
                StandardInput::Commands => FED,
                StandardInput::Data | StandardInput::Code => FED_CODE,
            });
            self.runs(made, context);
        }
    }

    /// Builtins that take variable names: an index in a name is evaluated, and may run a command.
    fn naming(&mut self, name: &str, words: &[Word]) {
        let tests = matches!(name, "test" | "[");
        let named = (tests || name == "printf") && words.iter().any(|w| w.fixed() == Some("-v"));
        for word in words.iter().skip(1) {
            let reason = match word {
                Word::Fixed(text) if text.contains('[') && text.contains(['$', '`']) => {
                    Some("a name that is evaluated")
                }
                Word::Fixed(text) if !tests => {
                    let variable = text.split(['=', '+', '[']).next().unwrap_or_default();
                    options::sensitive(variable).err()
                }
                Word::Computed { raw, .. }
                    if !tests && let Some((variable, _)) = options::assignment(raw) =>
                {
                    options::sensitive(variable).err()
                }
                Word::Computed { raw, .. }
                    if named || (!tests && name != "printf" && raw.starts_with(['$', '"'])) =>
                {
                    Some("a name that is computed")
                }
                Word::Fixed(_) | Word::Computed { .. } => None,
            };
            reason.into_iter().for_each(|why| self.unknown(why));
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

/// A program of the system goes by its name; any other keeps its path, for `/tmp/ls` is not `ls`.
pub(super) fn program_name(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some((folder, name)) if listed(SYSTEM_FOLDERS, folder) => name,
        Some(_) | None => path,
    }
}

/// A command that gets more words from elsewhere, at its end or in place of a placeholder.
fn appended(words: &[Word], placeholder: Option<&str>) -> Vec<Word> {
    let replace = |word: &Word| match (placeholder, word) {
        (Some(mark), Word::Fixed(text)) if text.contains(mark) => {
            Word::from_elsewhere(text, ELSEWHERE)
        }
        (Some(_) | None, word) => word.clone(),
    };
    let mut all: Vec<Word> = words.iter().map(replace).collect();
    if !all.is_empty() && placeholder.is_none() {
        all.push(Word::from_elsewhere("…", ELSEWHERE));
    }
    all
}

/// Where the command after `find -exec` ends: before `;`, or at `{} +`.
fn action_end(words: &[Word]) -> usize {
    let mut before = "";
    for (at, word) in words.iter().enumerate() {
        let text = word.shown();
        if text == ";" || (text == "+" && before == "{}") {
            return at;
        }
        before = text;
    }
    words.len()
}

fn has_flag(words: &[Word], letter: char, long: &str) -> bool {
    words
        .iter()
        .skip(1)
        .map_while(Word::fixed)
        .take_while(|text| text.starts_with('-'))
        .any(|text| text == long || (!text.starts_with("--") && text.contains(letter)))
}
