//! What wrappers run: a command of words, a text, or what cannot be read.

use crate::domain::command::StandardInput;

use super::super::glimpse;
use super::super::options::{self, Skipped};
use super::super::table::{Alone, Then, Wrapper, listed};
use super::super::variables::Kind;
use super::super::word::Word;
use super::{Context, Reader};

/// Tests of find whose next word is only compared.
const VALUED: &str = "-name -iname -path -ipath -wholename -regex -iregex -newer -newermt -anewer -cnewer -mtime -mmin -atime \
    -amin -ctime -cmin -size -user -group -uid -gid -type -maxdepth -mindepth -perm -samefile -fstype -links -inum -lname";

/// Whether a wrapper would take a word for the one before the command, had that been none.
fn stands_in(wrapper: &str, text: &str) -> bool {
    match wrapper {
        "timeout" | "nice" | "ionice" => {
            text.starts_with(|c: char| c.is_ascii_digit() || "+-.$\"iInN".contains(c))
        }
        "taskset" | "chrt" => {
            text.starts_with(|c: char| c.is_ascii_hexdigit() || "$\"".contains(c))
        }
        // What follows the host is text for a shell.
        "ssh" | "script" => false,
        _ => true,
    }
}

impl Reader<'_> {
    /// Takes one wrapper off; gives the command in it where that is one of words.
    pub(super) fn unwrap(
        &mut self,
        wrapper: &Wrapper,
        words: Vec<Word>,
        context: &mut Context,
    ) -> Option<Vec<Word>> {
        if wrapper.elevates && !options::only_looks(wrapper, &words) {
            self.reading.elevation.insert(wrapper.name.to_owned());
            context.elevated = true;
        }
        let skipped = match (wrapper.then, options::skip(wrapper, &words)) {
            (Then::Unreadable(_), Err(_)) if options::only_looks(wrapper, &words) => {
                self.record(&words, context);
                return None;
            }
            (Then::Unreadable(why), Err(_)) | (_, Err(why)) => {
                self.unknown(format!("{}: {why}", wrapper.name));
                self.record(&words, context);
                self.runs(StandardInput::Commands, context);
                return None;
            }
            (_, Ok(skipped)) => skipped,
        };
        for word in words.get(1..skipped.rest).unwrap_or_default() {
            if let Some((name, _)) = options::assignment(word.shown()) {
                self.variables.set_anyhow(name);
            }
        }
        let written = skipped.files.iter().filter(|file| !file.starts_with('-'));
        self.reading.paths.extend(written.cloned());
        if skipped.doubtful {
            // A word before may have been none, or an option, and what follows another command than it seems.
            let rest = words.get(skipped.rest..).unwrap_or_default();
            let stands_in = rest
                .first()
                .is_some_and(|word| stands_in(wrapper.name, word.shown()));
            if let (true, Some(word)) = (stands_in, rest.get(1)) {
                self.unknown_at("a program name that is computed", word.shown());
            }
            let told = words.iter().skip(1).map(Word::shown);
            self.reading
                .elevation
                .extend(told.flat_map(glimpse::elevation));
        }
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
        self.follow(wrapper, &skipped, &words, context)
    }

    fn follow(
        &mut self,
        wrapper: &Wrapper,
        skipped: &Skipped,
        words: &[Word],
        context: &mut Context,
    ) -> Option<Vec<Word>> {
        let rest = words.get(skipped.rest..).unwrap_or_default();
        if wrapper.name == "ssh" && is_root_here(words) {
            self.reading.elevation.insert(wrapper.name.to_owned());
        }
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
                context.told = None;
                let kind = self.variables.taken();
                return Some(appended(rest, skipped.placeholder.as_deref(), kind));
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
        let fixed: Option<Vec<&str>> = words.iter().map(Word::text).collect();
        match fixed {
            Some(texts) => self.text(&texts.join(" "), context),
            None => self.computed(&context),
        }
    }

    pub(super) fn find(&mut self, words: &[Word], context: &Context) {
        self.record(words, context);
        let mut left = words.get(1..).unwrap_or_default();
        while let Some((word, rest)) = left.split_first() {
            left = rest;
            match word {
                Word::Computed { .. }
                    if word.begins("-")
                        || word.begins("\"-")
                        || word.may_be_option()
                        || !(word.is_one_word()
                            || word.kind() < Kind::Before
                            || (is_folder(word.shown()) && word.is_trusted())
                            || word.shown().starts_with(['*', '?', '[', '.', '/', '~'])
                            || word
                                .shown()
                                .starts_with(|c: char| c.is_ascii_alphanumeric())) =>
                {
                    self.unknown("find: a computed word that could be an action");
                }
                Word::Fixed(text) if listed(VALUED, text) => {
                    if let [value, after @ ..] = rest
                        && value.is_quoted()
                    {
                        left = after;
                    }
                }
                Word::Fixed(text)
                    if matches!(text.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir") =>
                {
                    let end = action_end(rest);
                    let (action, after) = rest.split_at(end);
                    // Where the action ends may be computed.
                    let computed = action.iter().any(|word| word.fixed().is_none());
                    let another = |word: &Word| {
                        let text = word.shown().trim_start_matches('"');
                        text.starts_with("-exec")
                            || text.starts_with("-ok")
                            || text.starts_with("-$")
                    };
                    if computed && action.iter().any(another) {
                        self.unknown("find: a computed word that could be an action");
                    }
                    let mut inner = context.within("find");
                    inner.fed = true;
                    self.run(appended(action, Some("{}"), Kind::Whole), inner);
                    left = after;
                }
                Word::Fixed(text)
                    if matches!(text.as_str(), "-fprint" | "-fprint0" | "-fprintf" | "-fls") =>
                {
                    if let Some(path) = rest.first().map(Word::shown) {
                        self.started(path);
                        self.reading.paths.push(path.to_owned());
                        self.written.push(path.to_owned());
                    }
                }
                Word::Fixed(_) | Word::Computed { .. } => {}
            }
        }
    }
}

/// The folder of now, or a home: one word for most, and no option.
fn is_folder(raw: &str) -> bool {
    let begins = ["$(pwd)", "$PWD", "$HOME"]
        .iter()
        .find_map(|folder| raw.strip_prefix(folder));
    begins.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `ssh root@localhost`: another user on the very host.
fn is_root_here(words: &[Word]) -> bool {
    let here = |host: &str| {
        let host = host.replace('"', "");
        [
            "localhost",
            "127.",
            "$(hostname",
            "${HOSTNAME",
            "$HOSTNAME",
            "ip6-l",
        ]
        .iter()
        .any(|begin| host.starts_with(begin))
            || matches!(host.as_str(), "::1" | "[::1]" | "0" | "0.0.0.0" | "::")
    };
    let shown = || words.iter().map(Word::shown);
    let address = |text: &str| {
        let text = text.trim_start_matches('"').trim_start_matches("ssh://");
        text.strip_prefix("root@").is_some_and(here)
    };
    let option = |text: &str| {
        let lower = text.to_ascii_lowercase().replace([' ', '='], "");
        matches!(lower.as_str(), "userroot" | "-ouserroot")
    };
    let named = shown()
        .zip(shown().skip(1))
        .any(|(option, user)| option == "-l" && user == "root");
    shown().any(address)
        || ((named || shown().any(|text| text == "-lroot" || option(text))) && shown().any(here))
}

/// A command that gets more words from elsewhere, at its end or in place of a placeholder.
fn appended(words: &[Word], placeholder: Option<&str>, kind: Kind) -> Vec<Word> {
    let replace = |word: &Word| match (placeholder, word) {
        (Some(mark), Word::Fixed(text)) if text.starts_with(mark) => {
            Word::from_elsewhere("…", kind)
        }
        (Some(mark), Word::Fixed(text)) if text.contains(mark) => Word::from_elsewhere(text, kind),
        (Some(_) | None, word) => word.clone(),
    };
    let mut all: Vec<Word> = words.iter().map(replace).collect();
    if !all.is_empty() && placeholder.is_none() {
        all.push(Word::from_elsewhere("…", kind));
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
