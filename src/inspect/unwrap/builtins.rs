//! Builtins of the shell that run text, evaluate names or change what names mean.
//!
//! Each is read by what it does with these words; where it could do more, that is unknown.

use super::super::input;
use super::super::options;
use super::super::shell;
use super::super::sole;
use super::super::table::{NAMING, UNREADABLE, listed, wrapper};
use super::super::variables::Kind;
use super::super::word::Word;
use super::{Context, Reader};
use crate::domain::command::StandardInput;

const MEANING: &str = "a name that is given another meaning";
const HISTORY: &str = "a command from the history";
const EVALUATED: &str = "a name that is evaluated";

impl Reader<'_> {
    /// Reads a builtin; whether it is one whose words are no ordinary arguments.
    pub(super) fn builtin(&mut self, name: &str, words: &[Word], context: &Context) -> bool {
        let arguments = words.get(1..).unwrap_or_default();
        match name {
            "alias" => self.alias(arguments, context),
            "trap" => self.trap(arguments, context),
            "history" => {
                let looks = |text: &str| {
                    matches!(text, "-c" | "-w" | "-a") || text.chars().all(|c| c.is_ascii_digit())
                };
                self.allowing(words, looks, HISTORY);
            }
            "hash" => self.allowing(words, |text| matches!(text, "-r" | "-l"), MEANING),
            "enable" => self.allowing(words, |text| matches!(text, "-a" | "-p"), MEANING),
            "bind" => self.allowing(
                words,
                |text| matches!(text, "-l" | "-p" | "-P" | "-v" | "-V" | "-s" | "-S"),
                "text that runs later",
            ),
            "complete" => self.allowing(words, |text| text == "-p", "text that runs later"),
            "shopt" => self.allowing(
                words,
                |text| !text.contains("interactive_comments") && !text.contains("alias"),
                "an option that changes what words mean",
            ),
            "let" => self.let_(arguments),
            "set" => {
                let keywords = |word: &Word| match word.fixed() {
                    Some(text) => {
                        (text.starts_with('-') && text.contains('k') && !text.starts_with("--"))
                            || text == "keyword"
                    }
                    None => word.begins("-") || (!word.is_quoted() && word.may_be_option()),
                };
                let told = arguments
                    .iter()
                    .take_while(|word| !matches!(word.fixed(), Some("--" | "-")));
                if told.clone().any(keywords) {
                    self.unknown_at("an option that changes what words mean", "set");
                }
            }
            "mapfile" | "readarray" => {
                let plain = |text: &str| {
                    !text.contains('[') && !text.starts_with("-C") && !text.starts_with("-c")
                };
                self.allowing(words, plain, "text that a builtin may run");
            }
            _ => return self.unreadable(name, words, context),
        }
        true
    }

    fn unreadable(&mut self, name: &str, words: &[Word], context: &Context) -> bool {
        if let Some((_, why)) = UNREADABLE.iter().find(|(builtin, _)| *builtin == name) {
            let reads = matches!(name, "." | "source");
            if !reads || !words.get(1).is_some_and(input::is_file) {
                self.runs(StandardInput::Commands, context);
            }
            self.unknown_at(*why, words.first().map_or("", Word::shown));
            return true;
        }
        let waits = name == "wait" && !words.iter().any(|word| word.begins("-p"));
        if listed(NAMING, name) && !waits {
            self.naming(name, words);
        }
        false
    }

    /// A builtin that is harmless with some words only.
    fn allowing(&mut self, words: &[Word], harmless: impl Fn(&str) -> bool, why: &'static str) {
        let (name, arguments) = words
            .split_first()
            .map_or(("", words), |(name, rest)| (name.shown(), rest));
        if !arguments
            .iter()
            .all(|word| word.fixed().is_some_and(&harmless))
        {
            self.unknown_at(why, name);
        }
    }

    /// Another name for one ordinary program with some of its words. Where the text itself uses it, or it hides a program
    /// that has the name, it is unknown.
    fn alias(&mut self, arguments: &[Word], context: &Context) {
        for word in arguments {
            let Some(text) = word.fixed() else {
                self.unknown_at(MEANING, word.shown());
                continue;
            };
            let Some((name, value)) = text.split_once('=') else {
                if text != "-p" && text.starts_with('-') {
                    self.unknown_at(MEANING, text);
                }
                continue;
            };
            self.text(value, context.within("alias"));
            let command = sole::read(value);
            let plain = command.is_some_and(|command| {
                let wraps = wrapper(&command.program).is_some();
                let same = command.program == name;
                !value.ends_with(' ') && !wraps && (same || super::program::is_unknown(name))
            });
            if !plain {
                self.unknown(MEANING);
            }
            self.aliases.insert(name.to_owned());
        }
    }

    /// Text that runs when a signal comes, or the shell ends.
    fn trap(&mut self, arguments: &[Word], context: &Context) {
        let mut left = arguments;
        if let [Word::Fixed(first), rest @ ..] = left
            && first == "--"
        {
            left = rest;
        }
        match left {
            [] => {}
            [Word::Fixed(text), ..] if matches!(text.as_str(), "" | "-" | "-l" | "-p") => {}
            // A signal alone is reset.
            [Word::Fixed(text)] if text.chars().all(|c| c.is_ascii_alphanumeric()) => {
                self.unknown("text that runs later");
            }
            [Word::Fixed(text), ..] => self.text(text, context.within("trap")),
            [word, ..] => self.unknown_at("text that runs later", word.shown()),
        }
    }

    fn let_(&mut self, arguments: &[Word]) {
        for word in arguments {
            match word {
                Word::Fixed(text) => match shell::evaluated(text) {
                    Ok(names) => self.evaluated.extend(names),
                    Err(why) => self.unknown_at(why, text),
                },
                Word::Computed { raw, .. } => self.unknown_at(EVALUATED, raw),
            }
        }
    }

    /// Whether a test may ask for a variable by an operator that is computed.
    fn tests(&mut self, words: &[Word]) -> bool {
        let mut asks = false;
        let operands =
            words.len() - usize::from(words.last().is_some_and(|word| word.fixed() == Some("]")));
        for (at, word) in words.iter().enumerate().skip(1) {
            if word.fixed().is_some() {
                continue;
            }
            let unary = at + 2 == operands
                && (at == 1
                    || matches!(
                        words.get(at - 1).and_then(Word::fixed),
                        Some("!" | "(" | "-a" | "-o")
                    ));
            let open =
                word.kind() > Kind::Whole && (word.may_be_option() || word.kind() == Kind::Built);
            let shown = word.shown();
            let quoted = word.is_quoted()
                || shown
                    .strip_prefix('"')
                    .and_then(|rest| rest.strip_suffix('"'))
                    .is_some_and(|inside| !inside.contains(['"', '@']));
            asks |= shown.starts_with('-')
                || shown.starts_with("\"-")
                || (open && (unary || !quoted) && indexes(self.whole));
        }
        if asks {
            self.unknown(EVALUATED);
        }
        asks
    }

    /// Names with an index, which is evaluated, and options by which values are.
    fn indexed(&mut self, name: &str, words: &[Word]) {
        let declares = matches!(
            name,
            "declare" | "typeset" | "local" | "export" | "readonly"
        );
        let mut left = words.iter().skip(1);
        while let Some(word) = left.next() {
            let shown = word.shown();
            let is_option = shown.starts_with(['-', '+']);
            if declares && is_option && word.fixed().is_none() {
                self.unknown_at(EVALUATED, shown);
            } else if declares && is_option && shown.contains('i') {
                // Whatever is written to them is evaluated.
                let names = words.iter().skip(1).map(Word::shown);
                let names = names.filter(|text| !text.starts_with(['-', '+']));
                self.evaluated.extend(names.map(|text| {
                    text.split(['=', '+', '['])
                        .next()
                        .unwrap_or_default()
                        .to_owned()
                }));
            }
            if name == "read" && is_option && shown.ends_with(['p', 't', 'n', 'N', 'd', 'u', 'i']) {
                left.next();
                continue;
            }
            let target = shown.split('=').next().unwrap_or(shown);
            let index = target
                .split_once('[')
                .map(|(_, index)| index.trim_end_matches(']'));
            if index
                .is_some_and(|index| index.is_empty() || !index.chars().all(|c| c.is_ascii_digit()))
                || (declares && word.fixed().is_none() && options::assignment(shown).is_none())
            {
                self.unknown_at(EVALUATED, shown);
            }
        }
    }

    /// Builtins that take variable names: an index in a name is evaluated, and may run a command.
    fn naming(&mut self, name: &str, words: &[Word]) {
        let prints = |word: &Word| matches!(word.fixed(), Some("-p" | "-f" | "-F"));
        let writes = |word: &Word| word.fixed().is_none_or(|text| text.contains(['=', '[']));
        let declares = matches!(name, "declare" | "typeset" | "export" | "readonly");
        if declares && words.iter().any(prints) && !words.iter().any(writes) {
            return;
        }
        let tests = matches!(name, "test" | "[");
        let mut named = (tests || name == "printf") && asks_variable(words, tests);
        if name == "printf" {
            let first = words.get(1);
            let attached = first.is_some_and(|word| word.begins("-v") && word.shown().len() > 2);
            let open = first
                .is_some_and(|word| word.fixed().is_none() && (word.begins("-") || opens(word)));
            if attached || open {
                self.unknown_at(EVALUATED, first.map_or("", Word::shown));
            }
        }
        // To some shells the operand of `%d`, and of `-eq`, is arithmetic.
        let indexes =
            |text: &str| text.contains('[') && (text.contains("$(") || text.contains('`'));
        let operand = words
            .iter()
            .skip(1)
            .filter_map(Word::fixed)
            .find(|text| indexes(text));
        if let (Some(text), true) = (operand, tests || name == "printf") {
            self.unknown_at(EVALUATED, text);
        }
        if tests {
            named |= self.tests(words);
        } else if name != "printf" {
            self.indexed(name, words);
        }
        for word in words.iter().skip(1) {
            let text = word.shown().to_owned();
            let reason = match word {
                Word::Fixed(text)
                    if text.contains('[')
                        && text.len() > 1
                        && (named || text.contains(['$', '`']))
                        && (named || !matches!(name, "printf" | "test" | "[")) =>
                {
                    Some(EVALUATED)
                }
                Word::Fixed(text) if !tests && name != "printf" => {
                    match options::assignment(text) {
                        Some((variable, _)) => {
                            self.assigned(variable, text, false);
                            None
                        }
                        None if matches!(name, "export" | "unset") || text.starts_with('-') => {
                            (text.starts_with('-')
                                && matches!(name, "declare" | "typeset" | "local")
                                && text.contains('n'))
                            .then_some("a name for another variable")
                        }
                        None => {
                            let variable = text.split(['=', '+', '[']).next().unwrap_or_default();
                            options::sensitive(variable).err()
                        }
                    }
                }
                Word::Fixed(text) if name == "printf" && named => options::sensitive(text).err(),
                Word::Computed { raw, .. }
                    if !tests
                        && name != "printf"
                        && let Some((variable, _)) = options::assignment(raw) =>
                {
                    let variable = variable.to_owned();
                    self.assigned(&variable, raw, false);
                    None
                }
                Word::Computed { raw, .. }
                    if named || (!tests && name != "printf" && raw.starts_with(['$', '"'])) =>
                {
                    Some("a name that is computed")
                }
                Word::Fixed(_) | Word::Computed { .. } => None,
            };
            reason
                .into_iter()
                .for_each(|why| self.unknown_at(why, &text));
        }
    }
}

/// Whether a computed word may begin with a dash that the text wrote or read.
fn opens(word: &Word) -> bool {
    word.kind() > Kind::Data && word.may_be_option()
}

/// Whether a text may hold an index, other than the brackets of tests.
fn indexes(text: &str) -> bool {
    let text = text.replace("[[ ", "").replace("[ ", "");
    [
        "[", "$'", "\\x", "\\0", "\\1", "\\u", "base64", "<<<", "read", "cat ", "$(<",
    ]
    .iter()
    .any(|part| text.contains(part))
}

/// Whether `-v` stands where it is an operator, and no word that is compared.
fn asks_variable(words: &[Word], tests: bool) -> bool {
    words.windows(2).enumerate().any(|(at, pair)| match pair {
        [before, operator] => {
            let begins = at == 0 || matches!(before.shown(), "!" | "(" | "-a" | "-o");
            operator.fixed() == Some("-v") && (begins || !tests)
        }
        _ => false,
    })
}
