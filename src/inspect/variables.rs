//! What a text does to variables: which it writes, and whether their values can only be data.
//!
//! Invariant: a variable counts as built unless every place that writes it is known to give a number, a plain word, or
//! what stands in a file. One that the text does not write has its value from before: whoever set it did so in a line that
//! was read too, or in a file, whose contents nobody claims to know.

mod writes;

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::produce;
use super::shell::{RawCommand, Script};
use super::table::listed;
use super::word::{self, Word};
use writes::{Write, writes_of};

/// What can be in a variable, the safest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A number.
    Number,
    /// One word of letters, digits, dots, dashes and underscores, that is no option.
    Token,
    /// One word that is no option and has nothing a shell would read.
    Plain,
    /// A number, or nothing.
    Count,
    /// Nothing, or what does not begin as an option, maybe with spaces.
    Whole,
    /// What a variable of before holds, in a text that is all there is.
    Before,
    /// What stands in a file, or was typed.
    Data,
    /// Anything that the text makes of it.
    Built,
}

/// The variables that texts have written so far.
#[derive(Debug, Default)]
pub(super) struct Variables {
    written: BTreeMap<String, Kind>,
    /// What the words of a variable are, where its values are lists of them.
    lists: BTreeMap<String, Kind>,
    /// What may be in the parameters `$1`, `$2`, …; nothing where none were given.
    parameters: Option<Kind>,
    /// Whether some text is run that was not read when its variables were used.
    evaluates: bool,
    /// Whether the text may make files, so that their names and what is in them are its own.
    makes: bool,
    /// Whether other texts came before in the same shell.
    pub(super) shared: bool,
    /// Whether a program so far says something of its own, beyond what stands in files and on the system.
    speaks: bool,
}

impl Variables {
    /// The variables of a text, by what it may do as a whole.
    pub(super) fn of(whole: &str) -> Self {
        let plain = match whole.contains(['\'', '"', '\\']) {
            true => Cow::Owned(whole.replace(['\'', '"', '\\'], "")),
            false => Cow::Borrowed(whole),
        };
        let (mut evaluates, mut makes) = (false, redirects(&plain) || whole.contains("$'"));
        for name in plain.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            evaluates |= matches!(name, "eval" | "trap");
            makes |= makes_files(name);
        }
        Self {
            evaluates,
            makes,
            ..Self::default()
        }
    }

    /// Notes a variable that gets a value nobody knows.
    pub(super) fn set_anyhow(&mut self, name: &str) {
        self.written.insert(name.to_owned(), Kind::Built);
    }

    /// What words are that a program takes from its input.
    pub(super) fn taken(&self) -> Kind {
        if self.makes || self.speaks {
            Kind::Built
        } else {
            Kind::Data
        }
    }

    /// What the names of files are that a pattern gives.
    pub(super) fn matched(&self) -> Kind {
        if self.makes { Kind::Built } else { Kind::Data }
    }

    /// Notes what the commands of a text write. Values that come from written variables count as built, and so does what is
    /// read where the text itself may have put it.
    pub(super) fn note(&mut self, script: &Script) {
        let mut writes = Vec::new();
        self.speaks |= script.feeds || !script.commands.iter().all(tells);
        // A function may be called in a text that is not read yet.
        let unseen = self.evaluates || !script.substitutions.is_empty() || !script.alone.is_empty();
        if !script.functions.is_empty() && unseen {
            self.parameters = Some(Kind::Built);
        }
        for name in &script.assigned {
            self.written.entry(name.clone()).or_insert(Kind::Number);
        }
        let piped = script.commands.iter().any(|command| command.piped);
        let mut sources = script.commands.iter().filter(|command| command.drained);
        let fed = self.makes
            || script.feeds
            || !script.paths.is_empty()
            || (piped && !sources.all(quotes_nothing));
        for command in &script.commands {
            writes_of(command, fed, &mut writes);
        }
        for (name, _) in &writes {
            self.written.entry(name.clone()).or_insert(Kind::Number);
        }
        self.note_lists(&writes);
        for (name, write) in writes {
            let kind = match write {
                Write::Value(raw) => self.kind(&raw),
                Write::Each(raws) => raws
                    .iter()
                    .map(|raw| self.kind_of_each(raw))
                    .max()
                    .unwrap_or(Kind::Data),
                Write::Told => Kind::Data,
                Write::Anything => Kind::Built,
            };
            let known = self.written.entry(name).or_insert(kind);
            *known = kind.max(*known);
        }
    }

    /// Notes words that become the parameters of a function or a text.
    pub(super) fn given(&mut self, words: &[Word]) {
        let kind = |word: &Word| match word {
            Word::Fixed(text) if is_plain(text) => plain_kind(text),
            Word::Computed { raw, kind, .. } if is_unparted(raw) => *kind,
            Word::Fixed(_) | Word::Computed { .. } => Kind::Built,
        };
        self.parameters = self.parameters.max(words.iter().map(kind).max());
    }

    /// Whether a variable's value is a number, as far as this text goes.
    pub(super) fn is_number(&self, name: &str) -> bool {
        match self.written.get(name) {
            Some(Kind::Number | Kind::Count) => !self.evaluates,
            Some(
                Kind::Token | Kind::Plain | Kind::Whole | Kind::Before | Kind::Data | Kind::Built,
            ) => false,
            // Names in capitals may be the shell's own, which any word can come into.
            None => {
                let small =
                    name.starts_with(|c: char| c.is_ascii_lowercase()) && !listed(ZSH, name);
                listed(COUNTING, name) || (small && !self.shared && !self.evaluates)
            }
        }
    }

    /// What all that is computed in a raw word can be at most.
    pub(super) fn kind_of(&self, raw: &str) -> Kind {
        if self.evaluates {
            return Kind::Built;
        }
        let quoted = raw
            .strip_prefix("\"$(")
            .and_then(|rest| rest.strip_suffix(")\""));
        if quoted.is_some_and(|inner| !self.makes && produce::is_path(inner)) {
            return Kind::Whole;
        }
        self.worst(raw, &|kind| kind).unwrap_or(Kind::Built)
    }

    /// What the variables in a raw word can be at most, whatever text is around them.
    pub(super) fn values_of(&self, raw: &str) -> Kind {
        if self.evaluates {
            return Kind::Built;
        }
        self.worst_value(raw, &|kind| kind).unwrap_or(Kind::Built)
    }

    fn kind(&self, raw: &str) -> Kind {
        let inner = raw
            .trim_matches('"')
            .strip_prefix("$(")
            .and_then(|rest| rest.strip_suffix(')'));
        if let Some(inner) = inner
            && !self.makes
            && produce::is_path(inner)
        {
            return Kind::Whole;
        }
        match word::resolve(raw).0 {
            Word::Fixed(text) if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) => {
                Kind::Number
            }
            Word::Fixed(text) if is_plain(&text) => plain_kind(&text),
            Word::Fixed(_) => Kind::Built,
            Word::Computed { .. } => {
                // A variable that is written here may change between.
                let bounded = |kind: Kind| match kind {
                    Kind::Number | Kind::Count => kind,
                    Kind::Token
                    | Kind::Plain
                    | Kind::Whole
                    | Kind::Before
                    | Kind::Data
                    | Kind::Built => Kind::Built,
                };
                match self.worst(raw, &bounded).unwrap_or(Kind::Built) {
                    _ if !is_unparted(raw) => Kind::Built,
                    Kind::Count if !is_bare(raw) => Kind::Whole,
                    kind => kind,
                }
            }
        }
    }

    /// The kind of the words that a loop goes through.
    fn kind_of_each(&self, raw: &str) -> Kind {
        if let Some(inner) = raw
            .strip_prefix("$(")
            .and_then(|rest| rest.strip_suffix(')'))
        {
            if produce::is_number(inner) {
                return Kind::Count;
            }
            return if produce::is_told(inner) && !self.makes {
                Kind::Data
            } else {
                Kind::Built
            };
        }
        let pattern = raw.contains(['*', '?']) && !raw.contains(['$', '`', '{', '"', '\'', '\\']);
        if pattern {
            return self.matched();
        }
        let braced =
            raw.contains('{') && raw.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
        if braced {
            let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@,{}-".contains(c);
            return if raw.chars().all(plain) {
                Kind::Plain
            } else {
                Kind::Built
            };
        }
        let inside = raw
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        if let Some(inside) = inside
            && inside.chars().all(|c| c.is_ascii_digit() || c == '.')
        {
            return Kind::Count;
        }
        let named = raw.strip_prefix('$').unwrap_or_default();
        if let Some(kind) = self.lists.get(named) {
            return *kind;
        }
        self.kind(raw)
    }

    /// Notes the variables that hold nothing but plain words, whichever of their values they have.
    fn note_lists(&mut self, writes: &[(String, Write)]) {
        for (name, write) in writes {
            let kind = match write {
                Write::Value(raw) => words_of(raw),
                Write::Each(_) | Write::Told | Write::Anything => None,
            };
            let kind = kind.unwrap_or(Kind::Built);
            let known = self.lists.entry(name.clone()).or_insert(kind);
            *known = kind.max(*known);
        }
    }

    /// The worst kind among all that is computed in a word; `None` where something is not known.
    fn worst_value(&self, raw: &str, written: &dyn Fn(Kind) -> Kind) -> Option<Kind> {
        let mut worst = Kind::Number;
        let mut left = raw;
        while let Some(at) = left.find(['$', '`', '\'', '\\', '{', '~']) {
            let (_, rest) = left.split_at_checked(at)?;
            let mut inside = rest.chars();
            match inside.next()? {
                '$' => {
                    let (kind, after) = self.expansion(inside.as_str(), written)?;
                    worst = worst.max(kind);
                    left = after;
                }
                '\\' => {
                    inside.next();
                    left = inside.as_str();
                }
                // Within double quotes it is a plain sign, and then nothing is lost.
                '\'' if raw.contains('"') => left = inside.as_str(),
                '\'' => left = inside.as_str().split_once('\'')?.1,
                '{' if raw.contains([',']) || raw.contains("..") => return None,
                '{' | '~' => left = inside.as_str(),
                _ => return None,
            }
        }
        Some(worst)
    }

    /// What a word can be at most, with the text around what is computed in it.
    fn worst(&self, raw: &str, written: &dyn Fn(Kind) -> Kind) -> Option<Kind> {
        let mut worst = self.worst_value(raw, written)?;
        let around = raw.trim_matches('"');
        if around.starts_with('-') {
            return Some(Kind::Built);
        }
        if !is_unparted(raw) {
            worst = worst.max(Kind::Whole);
        }
        // Text around a number makes a word of it.
        Some(
            worst.max(if is_bare(raw) {
                Kind::Number
            } else if raw
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_.-${}\"".contains(c))
            {
                Kind::Token
            } else {
                Kind::Plain
            }),
        )
    }

    /// The kind of an expansion, behind its dollar sign, and what follows it.
    fn expansion<'a>(
        &self,
        text: &'a str,
        written: &dyn Fn(Kind) -> Kind,
    ) -> Option<(Kind, &'a str)> {
        let named = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = |text: &str| text.find(|c| !named(c)).unwrap_or(text.len());
        if let Some(rest) = text.strip_prefix("((") {
            let (inside, after) = rest.split_once("))")?;
            return (!inside.contains(['(', '`'])).then_some((Kind::Number, after));
        }
        if let Some(rest) = text.strip_prefix('(') {
            let (inside, after) = rest.split_once(')')?;
            let kind = match inside {
                _ if produce::is_plain(inside) && produce::is_number(inside) => Kind::Number,
                _ if produce::is_plain(inside) => Kind::Plain,
                _ if produce::is_number(inside) => Kind::Count,
                // Folders, and what git keeps in its index or calls a commit.
                "pwd" | "git ls-files" | "git ls-files -m" if !self.makes => Kind::Data,
                _ if inside.starts_with("git merge-base ") && produce::is_told(inside) => {
                    Kind::Data
                }
                _ => return None,
            };
            return Some((kind, after));
        }
        if let Some(rest) = text.strip_prefix(['#', '?', '$']) {
            return Some((Kind::Number, rest));
        }
        if let Some(rest) = text.strip_prefix('!') {
            return Some((Kind::Count, rest));
        }
        if let Some(rest) = text.strip_prefix('{') {
            let (inside, after) = rest.split_once('}')?;
            if inside
                .strip_prefix('#')
                .is_some_and(|name| !name.is_empty() && name.chars().all(named))
            {
                return Some((Kind::Number, after));
            }
            let (name, operation) = inside.split_at_checked(end(inside))?;
            let tame = operation.is_empty()
                || (operation.starts_with(['%', '#', ',', '^'])
                    && !operation.contains(['$', '`', '"', '\'', '\\']));
            // What is cut off may leave nothing, and cut off at the beginning an option.
            let least = match operation.chars().next() {
                Some('#') => Kind::Built,
                Some('%') => Kind::Whole,
                Some(_) | None => Kind::Number,
            };
            return (tame && !name.is_empty()).then(|| {
                self.named(name, written)
                    .map(|kind| (kind.max(least), after))
            })?;
        }
        let (name, after) = text.split_at_checked(end(text))?;
        if name.is_empty() {
            // A dollar sign alone.
            return after
                .starts_with(['"', ' ', '/', '.', ':', ','])
                .then_some((Kind::Plain, after));
        }
        self.named(name, written).map(|kind| (kind, after))
    }

    fn named(&self, name: &str, written: &dyn Fn(Kind) -> Kind) -> Option<Kind> {
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            return Some(self.parameters.unwrap_or(Kind::Before));
        }
        match self.written.get(name) {
            Some(kind) => Some(written(*kind)),
            None if is_clients(name) => None,
            None if listed(COUNTING, name) => Some(Kind::Number),
            None if self.shared || name == "_" => Some(Kind::Data),
            None => Some(Kind::Before),
        }
    }
}

/// Whether a text without its quotes redirects an output to a file, as far as a glance tells.
fn redirects(plain: &str) -> bool {
    plain.match_indices('>').any(|(at, _)| {
        let (before, after) = plain.split_at_checked(at).unwrap_or_default();
        let discards = after.starts_with(">/dev/null") || after.starts_with("> /dev/null");
        !(discards || before.ends_with('-') || (before.ends_with('2') && after.starts_with(">&1")))
    })
}

/// Variables that come from the client with the session.
fn is_clients(name: &str) -> bool {
    name.starts_with("LC_") || matches!(name, "LANG" | "TZ" | "TERM" | "GIT_PROTOCOL")
}

/// Whether what is written of a word has nothing at which it could fall apart.
fn is_unparted(raw: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,=-${}\"#?!^()'\\".contains(c);
    is_bare(raw) || raw.contains("$(") || raw.chars().all(plain)
}

/// Whether a word is nothing but one expansion.
fn is_bare(raw: &str) -> bool {
    let inside = raw.trim_matches('"');
    if let Some(expression) = inside
        .strip_prefix("$((")
        .and_then(|rest| rest.strip_suffix("))"))
    {
        return !expression.contains("$(") && !expression.contains("))");
    }
    if let Some(command) = inside
        .strip_prefix("$(")
        .and_then(|rest| rest.strip_suffix(')'))
    {
        return !command.contains([')', '(']);
    }
    inside.starts_with('$')
        && !inside
            .get(1..)
            .unwrap_or_default()
            .contains(['$', '/', '.', '-'])
}

/// Names in small letters that are the shell's own in `zsh`.
const ZSH: &str = "path fpath argv status pipestatus match mbegin mend reply mailpath prompt psvar cdpath manpath history \
    dirstack commands aliases functions parameters options words signals";

/// Variables that the shell itself counts.
const COUNTING: &str =
    "SECONDS EPOCHSECONDS RANDOM SRANDOM LINENO UID EUID PPID BASHPID SHLVL COLUMNS LINES OPTIND";

/// Programs that make files whose names or contents the text gives.
#[rustfmt::skip]
fn makes_files(name: &str) -> bool {
    matches!(
        name,
        "touch" | "mkdir" | "cp" | "mv" | "ln" | "install" | "tee" | "dd" | "mktemp" | "mkfifo" | "mknod" | "patch"
            | "truncate" | "split" | "csplit" | "fprintf" | "fprint" | "fls" | "script" | "unzip"
    )
}

/// Programs that print only what stands in files and on the system.
const SILENT: &str = "find ls grep egrep fgrep zgrep rg git cat sort uniq head tail xargs cd cut wc docker kubectl pgrep ps ss lsof dpkg \
    rpm df du";

/// Whether a command says nothing of its own.
fn tells(command: &RawCommand) -> bool {
    command
        .words
        .first()
        .is_none_or(|name| listed(SILENT, name))
        && !command.words.iter().any(|word| {
            word.contains("printf") || word.contains("format") || word.contains("--output-d")
        })
}

/// Whether what a command prints stands in files and on the system, and nowhere in its words.
fn quotes_nothing(command: &RawCommand) -> bool {
    let parted = |word: &String| word.contains(['{', '%', '=', '\\', '$', '`', '"', '\'']);
    tells(command) && !command.words.iter().any(parted)
}

fn plain_kind(text: &str) -> Kind {
    let inside = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if text.chars().all(inside) {
        Kind::Token
    } else {
        Kind::Plain
    }
}

fn is_plain(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,=-".contains(c);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(inside)
}

/// The kind of the words that a fixed value holds.
fn words_of(raw: &str) -> Option<Kind> {
    let (word, _) = word::resolve(raw);
    let words = word.fixed()?.split_ascii_whitespace();
    words
        .map(|text| is_plain(text).then(|| plain_kind(text)))
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .max()
}
