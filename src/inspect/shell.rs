//! Shell text → the commands in it, as two parsers agree on them.
//!
//! `brush` gives the commands, `shuck` is asked for a second opinion on the words of each command: both must accept the text and find
//! the same ones, for each alone loses commands that bash runs. What is too plain to be misread is not parsed. Neither can be driven into deep recursion: a text
//! with too many openings is refused before it is parsed. Texts of command substitutions are handed back, not read.

mod arithmetic;

mod brush;

mod expansion;

mod plain;

mod printed;

mod shuck;

use std::panic::{UnwindSafe, catch_unwind};

use crate::domain::command::PARSED_BYTES;

const INCOMPLETE: &str = "text that is not complete shell syntax";
const TOO_LONG: &str = "a command that is too long to read";
/// Most brackets, backquotes and block words in a text, so also the deepest nesting. Both parsers recurse.
const OPENINGS: usize = 96;
/// Most operators between commands in one text: a parser's tree is as deep as its longest chain.
const OPERATORS: usize = 1000;

/// One simple command with raw words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RawCommand {
    /// Assignments before it, or on their own.
    pub(super) assignments: Vec<RawAssignment>,
    /// Its words, the program first.
    pub(super) words: Vec<String>,
    /// Whether its input is text made by the command itself: a pipe, a here-document, a file.
    pub(super) fed: bool,
    /// Whether it stands behind a pipe.
    pub(super) piped: bool,
    /// Whether its output goes to another program or a file.
    pub(super) drained: bool,
    /// Whether its own redirections give it another input.
    pub(super) reopens: bool,
    /// The text that its own redirection gives it for input, where that is certain.
    pub(super) said: Option<String>,
    /// What it writes to by its own redirections, raw.
    pub(super) writes: Vec<String>,
}

/// One assignment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RawAssignment {
    /// The variable.
    pub(super) name: String,
    /// The whole as written; nothing of a loop.
    pub(super) raw: String,
    /// The words that a loop goes through.
    pub(super) each: Option<Vec<String>>,
}

/// What a text holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Script {
    /// Simple commands in order, without those in `substitutions`.
    pub(super) commands: Vec<RawCommand>,
    /// Targets of redirections that write, raw.
    pub(super) paths: Vec<String>,
    /// Targets of redirections that only read, raw.
    pub(super) inputs: Vec<String>,
    /// Whether a command may have the text's own input on another way than through a pipe: by a process substitution, or a
    /// copy of a descriptor.
    pub(super) mixed: bool,
    /// Names of the functions that it defines.
    pub(super) functions: Vec<String>,
    /// Texts of command substitutions that only one parser tells: those within arithmetic, tests and here-documents.
    pub(super) alone: Vec<String>,
    /// Variables whose values are evaluated as arithmetic.
    pub(super) evaluated: Vec<String>,
    /// Variables that arithmetic gives a number.
    pub(super) assigned: Vec<String>,
    /// Variables behind the `||` of a test, which a plain POSIX shell would run.
    pub(super) compared: Vec<String>,
    /// Whether it has tests or arithmetic that a plain POSIX shell runs as programs.
    pub(super) extended: bool,
    /// Whether the text itself gives some command its input: a here-document, a here-string, a process substitution.
    pub(super) feeds: bool,
    /// Texts of command substitutions.
    pub(super) substitutions: Vec<String>,
    /// What could not be read.
    pub(super) unknowns: Vec<&'static str>,
}

/// Parses a text with both parsers, where it needs any; the error is a reason for people.
pub(super) fn parse(text: &str) -> Result<Script, &'static str> {
    if text.len() > PARSED_BYTES {
        return Err(TOO_LONG);
    }
    let Some((told, times)) = printed::unfolded(text) else {
        return parse_as_it_is(text);
    };
    let mut script = parse_as_it_is(&told)?;
    script.feeds = true;
    let printing = || RawCommand {
        words: vec!["cat".to_owned()],
        fed: true,
        drained: true,
        ..RawCommand::default()
    };
    script
        .commands
        .splice(0..0, std::iter::repeat_with(printing).take(times));
    Ok(script)
}

fn parse_as_it_is(text: &str) -> Result<Script, &'static str> {
    limits(text)?;
    plain::parse(text).map_or_else(|| parsed(text), Ok)
}

fn parsed(text: &str) -> Result<Script, &'static str> {
    let (script, first) = guarded(|| brush::parse(text))?;
    let second = guarded(|| shuck::parse(text))?;
    if first.sorted() != second.sorted() {
        return Err("text that two parsers read differently");
    }
    Ok(script)
}

/// The commands of a text so plain that it means one thing only.
pub(super) fn plain(text: &str) -> Option<Vec<RawCommand>> {
    plain::parse(text).map(|script| script.commands)
}

/// The variables that an arithmetic expression evaluates.
pub(super) fn evaluated(expression: &str) -> Result<Vec<String>, &'static str> {
    let mut script = Script::default();
    arithmetic::read(expression, &mut script);
    match script.unknowns.first() {
        Some(why) => Err(why),
        None if !script.alone.is_empty() => Err("arithmetic over what a command prints"),
        None => Ok(script.evaluated),
    }
}

/// Whether a shell would wait for more lines after these, as far as can be told.
pub(super) fn is_unfinished(text: &str) -> bool {
    text.ends_with('\\') || awaits_here_document(text) || matches!(parse(text), Err(INCOMPLETE))
}

/// Whether lines are a whole that both parsers accept, so that a shell has run it and waits for a new one.
pub(super) fn is_complete(text: &str) -> bool {
    !is_unfinished(text) && parse(text).is_ok()
}

/// Whether the tag of any here-document is not yet on a line of its own. Quotes do not count: too often rather than
/// too seldom.
fn awaits_here_document(text: &str) -> bool {
    let text = text.replace("<<<", "");
    let mut left = text.as_str();
    while let Some((_, rest)) = left.split_once("<<") {
        let tag: String = rest
            .trim_start_matches('-')
            .trim_start_matches([' ', '\t'])
            .chars()
            .take_while(|c| !c.is_whitespace() && !";|&<>()".contains(*c))
            .filter(|c| !"'\"\\".contains(*c))
            .collect();
        let ends = |line: &str| line.trim_start_matches('\t') == tag;
        if tag.is_empty() || !rest.lines().skip(1).any(ends) {
            return true;
        }
        left = rest;
    }
    false
}

/// A parser that panics has not understood; it must not take the session with it.
fn guarded<T>(
    parse: impl FnOnce() -> Result<T, &'static str> + UnwindSafe,
) -> Result<T, &'static str> {
    catch_unwind(parse).unwrap_or(Err("text that a parser failed on"))
}

fn limits(text: &str) -> Result<(), &'static str> {
    if text.len() > PARSED_BYTES {
        return Err(TOO_LONG);
    }
    if text
        .chars()
        .any(|c| c.is_control() && c != '\n' && c != '\t')
    {
        return Err("control characters");
    }
    if endless_here_document(text) {
        return Err("an unusual here-document");
    }
    // Each part takes a byte at least.
    if text.len() > OPENINGS && openings(text) > OPENINGS {
        return Err("a command with too many nested parts");
    }
    if text.len() > OPERATORS && text.matches(['|', '&', ';', '\n', ',', '?']).count() > OPERATORS {
        return Err("a command with too many parts");
    }
    Ok(())
}

fn openings(text: &str) -> usize {
    let brackets = text.matches(['(', '{', '[', '`']).count();
    let blocks = text
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '!')
        .filter(|word| BLOCKS.contains(word))
        .count();
    brackets + blocks
}

/// `brush` never ends on some here-documents: those with an empty tag, and unfinished ones within an expansion. So only
/// plain tags are let through that come again on a line of their own, and none behind or beside an expansion that may hold
/// them. Quotes do not count: too often refused.
fn endless_here_document(text: &str) -> bool {
    if text.matches('<').nth(1).is_none() {
        return false;
    }
    let joined = text.replace("\\\n", "");
    let expands = |part: &str| {
        ["$(", "$[", "${", "`"]
            .iter()
            .any(|opening| part.contains(opening))
    };
    let mut left = joined.as_str();
    let mut before = String::new();
    while let Some((skipped, rest)) = left.split_at_checked(left.find("<<").unwrap_or(left.len())) {
        if rest.is_empty() {
            return false;
        }
        before.push_str(skipped);
        let tag = rest.trim_start_matches('<');
        let signs = rest.len() - tag.len();
        let here_string = signs == 3 && !before.ends_with('\\');
        let line = tag.lines().next().unwrap_or_default();
        let here_document = signs == 2
            && has_plain_tag(tag)
            && !expands(&before)
            && !expands(line)
            && is_ended(tag);
        let unmoved = signs == 2 && has_plain_tag(tag) && !expands(&joined);
        if !(here_string || here_document || unmoved) {
            return true;
        }
        before.push('<');
        left = tag;
    }
    false
}

/// Whether the tag at the beginning of a text stands on a later line of it alone.
fn is_ended(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let tag: String = text
        .trim_start_matches([' ', '\t', '\'', '"', '\\'])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    text.lines()
        .skip(1)
        .any(|line| line.trim_start_matches('\t') == tag)
}

/// `-EOF`, `'EOF'`, `"EOF"`, `\EOF`: letters and digits, at least one.
fn has_plain_tag(text: &str) -> bool {
    let text = text
        .strip_prefix('-')
        .unwrap_or(text)
        .trim_start_matches([' ', '\t']);
    let text = text.strip_prefix(['\'', '"', '\\']).unwrap_or(text);
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

/// Words that open a block, or that may be repeated before a command.
const BLOCKS: &[&str] = &[
    "if", "elif", "then", "else", "for", "while", "until", "do", "case", "select", "function",
    "coproc", "time", "!",
];

/// What the parsers are compared by: every command's words, and every redirection's target.
#[derive(Debug, Default)]
struct Opinion(Vec<String>);

/// What parts the words of an opinion; no text that is parsed has it.
const PART: char = '\0';

impl Opinion {
    /// Notes one command or redirection. Line continuations are taken out: parsers differ on where.
    fn note<'a>(&mut self, kind: &str, words: impl IntoIterator<Item = &'a str>) {
        let mut noted = kind.to_owned();
        for word in words {
            noted.push(PART);
            // Nor on the blanks within the brackets of an array.
            let array = word.contains("=(");
            let parts = word.split("\\\n");
            match array {
                true => noted.extend(parts.map(|part| part.replace("( ", "(").replace(" )", ")"))),
                false => noted.extend(parts),
            }
        }
        if noted.len() > kind.len() {
            self.0.push(noted);
        }
    }

    fn sorted(mut self) -> Vec<String> {
        self.0.sort_unstable();
        self.0
    }
}
