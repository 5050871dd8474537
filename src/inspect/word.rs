//! One word of shell text: what the program would get for it, where that is certain.
//!
//! Quoting is resolved here and nowhere else, without either parser's help. Invariant: a [`Word::Fixed`] is the
//! exact argument in bash and in a POSIX shell alike, but for a home folder, which stays `~`; whatever else depends on the
//! environment is [`Word::Computed`].
//! It does not look for commands inside a word: `shell` does.

use std::str::Chars;

use super::variables::{Kind, Variables};

/// A word after quote removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// Always this text.
    Fixed(String),
    /// Depends on variables, files or other programs.
    Computed {
        /// As it was written.
        raw: String,
        /// What makes it so, for people.
        why: &'static str,
        /// Whether it may become no word, or several.
        splits: bool,
        /// What it can be at most.
        kind: Kind,
        /// What the variables in it can be at most.
        values: Kind,
    },
}

impl Word {
    /// The text of a fixed word.
    pub(super) fn fixed(&self) -> Option<&str> {
        match self {
            Self::Fixed(text) => Some(text),
            Self::Computed { .. } => None,
        }
    }

    /// The text of a fixed word, or of a quoted one in which all that is computed is one plain word each, which it is for
    /// whichever shell expands it: as it is written, without its quotes.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Fixed(text) => Some(text),
            Self::Computed { raw, kind, .. } => {
                let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
                let values = inside.contains("$(") && !inside.replace("$(", "").contains('$');
                let plain = !inside.contains(['"', '`', '\\', '\'', '#']);
                (*kind <= Kind::Plain && values && plain).then_some(inside)
            }
        }
    }

    /// The text for people: as it would be passed, or as it was written.
    pub(super) fn shown(&self) -> &str {
        match self {
            Self::Fixed(text) => text,
            Self::Computed { raw, .. } => raw,
        }
    }

    /// Whether the text begins so, as it would be passed or as it was written.
    pub(super) fn begins(&self, with: &str) -> bool {
        self.shown().starts_with(with)
    }

    /// Whether it is one word for certain.
    pub(super) fn is_one_word(&self) -> bool {
        match self {
            Self::Fixed(_) => true,
            Self::Computed { splits, .. } => !splits,
        }
    }

    /// Whether it is fixed, or data.
    pub(super) fn is_trusted(&self) -> bool {
        match self {
            Self::Fixed(_) => true,
            Self::Computed { kind, .. } => *kind <= Kind::Data,
        }
    }

    /// What it can be at most, where it is computed.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Fixed(_) => Kind::Plain,
            Self::Computed { kind, .. } => *kind,
        }
    }

    /// What the variables in it can be at most, where it is computed.
    pub(super) fn values(&self) -> Kind {
        match self {
            Self::Fixed(_) => Kind::Plain,
            Self::Computed { values, .. } => *values,
        }
    }

    /// Whether quotes make it one word, whatever is in it.
    pub(super) fn is_quoted(&self) -> bool {
        match self {
            Self::Fixed(_) => true,
            Self::Computed { raw, .. } => is_one_word(raw),
        }
    }

    /// Whether it is computed and could turn out to be an option: one that begins with a dash is, unless the option's whole
    /// name is written.
    pub(super) fn may_be_option(&self) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Computed { raw, kind, why, .. } => {
                let begins = raw.replace('"', "");
                if begins.starts_with('-') {
                    // What are only digits begins no other option.
                    return !names_option(&begins) && !only_digits(&begins);
                }
                // In quotes only what is computed could begin one.
                if let Some(inside) = raw.strip_prefix('"').filter(|_| is_nested(raw)) {
                    let open = inside.starts_with(['$', '`']) || inside.starts_with("\\\n");
                    return *kind > Kind::Data && (open || inside.len() < 2);
                }
                let open = begins.starts_with(['$', '`', '{', '*', '?', '[', '\\', '\''])
                    || begins.is_empty()
                    || (*why == ELSEWHERE
                        && !begins
                            .starts_with(|c: char| c.is_ascii_alphanumeric() || "/.".contains(c)))
                    || raw.contains("{-")
                    || raw.contains(",-");
                // Where it is not quoted, a part of it may become a word of its own.
                *kind > Kind::Data && (open || !is_one_word(raw) && raw.contains('$'))
            }
        }
    }

    /// The word, with what is known of the variables in it.
    pub(super) fn knowing(self, variables: &Variables) -> Self {
        match self {
            Self::Computed {
                raw, why, splits, ..
            } if raw.contains('$') => {
                let kind = variables.kind_of(&raw);
                Self::Computed {
                    splits: splits && kind > Kind::Plain,
                    values: variables.values_of(&raw),
                    kind,
                    raw,
                    why,
                }
            }
            Self::Computed {
                raw, why, splits, ..
            } if raw.starts_with(['*', '?', '[']) => Self::Computed {
                kind: variables.matched(),
                values: variables.matched(),
                raw,
                why,
                splits,
            },
            known => known,
        }
    }

    /// A stand-in for words that come from elsewhere.
    pub(super) fn from_elsewhere(raw: &str, kind: Kind) -> Self {
        Self::Computed {
            raw: raw.to_owned(),
            why: ELSEWHERE,
            splits: true,
            kind,
            values: kind,
        }
    }
}

const ELSEWHERE: &str = "words from the program's input";

/// `--name=…`: an option of which only the value is computed.
fn names_option(text: &str) -> bool {
    let name = text
        .strip_prefix("--")
        .and_then(|rest| rest.split_once('='))
        .map_or("", |(name, _)| name);
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// `-j$(nproc)`, `-$#`: behind the letters comes a number.
fn only_digits(text: &str) -> bool {
    ["$(nproc)", "$#", "$?", "$$"].iter().any(|number| {
        text.split_once(number).is_some_and(|(before, after)| {
            after.is_empty()
                && before
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-')
        })
    })
}

/// What is uncertain in a word whatever it is used for, such as quoting that shells read differently.
pub(super) type Risk = Option<&'static str>;

/// Resolves the quoting of a raw word.
pub(super) fn resolve(raw: &str) -> (Word, Risk) {
    let mut scan = Scan {
        left: raw.chars(),
        text: String::with_capacity(raw.len()),
    };
    match scan.run() {
        Ok(()) => (Word::Fixed(scan.text), None),
        Err(why) => {
            let word = Word::Computed {
                raw: raw.to_owned(),
                why,
                splits: !is_one_word(raw),
                kind: Kind::Built,
                values: Kind::Built,
            };
            (word, risk(raw))
        }
    }
}

/// Risks are looked for in the whole word, also inside its quotes: too often rather than too seldom.
fn risk(raw: &str) -> Risk {
    if raw.contains("$'") && raw.contains("\\'") {
        Some("quoting that shells read differently")
    } else if raw.contains("$[") {
        Some("arithmetic in the old style")
    } else {
        None
    }
}

/// Whether a computed word stays one word: plain text and then one pair of double quotes around plain variables.
fn is_one_word(raw: &str) -> bool {
    if is_nested(raw) {
        return true;
    }
    let Some((before, quoted)) = raw.split_once('"') else {
        return false;
    };
    let Some(inside) = quoted.strip_suffix('"') else {
        return false;
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=./:,%".contains(c);
    before.chars().all(plain) && !inside.contains(['"', '`', '@', '[', '\\'])
}

/// `"$(basename "$x")"`: one pair of double quotes around all, with others in its substitutions only.
fn is_nested(raw: &str) -> bool {
    let Some(inside) = raw
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return false;
    };
    // Those that become several words.
    if ["$@", "${@", "[@", "${!"]
        .iter()
        .any(|list| inside.contains(list))
        || (inside.contains("${") && inside.contains('['))
    {
        return false;
    }
    // Whether it is in double quotes, here and around each substitution that is open.
    let (mut quoted, mut around) = (true, Vec::new());
    let mut before = ' ';
    let mut left = inside.chars();
    while let Some(c) = left.next() {
        match c {
            // An escaped sign is only a sign.
            '\\' if quoted => {
                left.next();
                before = ' ';
                continue;
            }
            '(' if before == '$' => {
                around.push(quoted);
                quoted = false;
            }
            // In quotes they are only signs.
            '(' | ')' | '\'' | '@' | '[' | '#' if quoted => {}
            // A text in single quotes is skipped, unless it has no end.
            '\'' if left.by_ref().any(|c| c == '\'') => {}
            '\'' | '(' | '`' | '\\' | '@' | '[' | '#' => return false,
            ')' => match around.pop() {
                Some(outer) => quoted = outer,
                None => return false,
            },
            '"' if around.is_empty() => return false,
            '"' => quoted = !quoted,
            _ => {}
        }
        before = c;
    }
    around.is_empty()
}

struct Scan<'a> {
    left: Chars<'a>,
    text: String,
}

impl Scan<'_> {
    fn run(&mut self) -> Result<(), &'static str> {
        if self.left.as_str() == "[" {
            self.text.push('[');
            return Ok(());
        }
        if let Some(rest) = self.left.as_str().strip_prefix('~') {
            self.home(rest)?;
        }
        while let Some(c) = self.left.next() {
            match c {
                '\\' => match self.left.next() {
                    Some('\n') => {}
                    Some(next) => self.text.push(next),
                    None => return Err("a lone backslash"),
                },
                '\'' => self.single()?,
                '"' => self.double()?,
                '$' => self.dollar()?,
                '`' => return Err("a command substitution"),
                '*' | '?' | '[' => return Err("a file name pattern"),
                '{' if self.braces() => return Err("a brace expansion"),
                '(' | ')' | '<' | '>' | '|' | '&' | ';' => return Err("shell syntax in a word"),
                plain => self.text.push(plain),
            }
        }
        Ok(())
    }

    /// A home folder stays as it is written: it is one word, no option, and the program in it has its own name.
    fn home(&mut self, rest: &str) -> Result<(), &'static str> {
        let name = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        let end = rest.find(|c| !name(c)).unwrap_or(rest.len());
        let user = rest.get(..end).unwrap_or_default();
        let after = rest.get(end..).unwrap_or_default();
        // `~-` and `~1` are folders of before.
        let is_user = user.is_empty() || user.starts_with(|c: char| c.is_ascii_alphabetic());
        if !is_user || !(after.is_empty() || after.starts_with('/')) {
            return Err("a home folder");
        }
        self.text.push('~');
        self.left.next();
        Ok(())
    }

    /// Whether the rest could close a brace expansion that was just opened.
    fn braces(&self) -> bool {
        let rest = self.left.as_str();
        rest.contains('}') && (rest.contains(',') || rest.contains(".."))
    }

    fn single(&mut self) -> Result<(), &'static str> {
        loop {
            match self.left.next() {
                Some('\'') => return Ok(()),
                Some(c) => self.text.push(c),
                None => return Err("a quote that is not closed"),
            }
        }
    }

    fn double(&mut self) -> Result<(), &'static str> {
        while let Some(c) = self.left.next() {
            match c {
                '"' => return Ok(()),
                '`' => return Err("a command substitution"),
                '$' if self.expands() => return Err("a variable"),
                '\\' => match self.left.next() {
                    Some('\n') => {}
                    Some(next @ ('$' | '`' | '"' | '\\')) => self.text.push(next),
                    Some(next) => self.text.extend(['\\', next]),
                    None => return Err("a quote that is not closed"),
                },
                plain => self.text.push(plain),
            }
        }
        Err("a quote that is not closed")
    }

    /// Whether what follows a dollar sign makes it an expansion.
    fn expands(&self) -> bool {
        self.left
            .as_str()
            .starts_with(|c: char| c.is_alphanumeric() || "_{([@*#?-$!\\".contains(c))
    }

    fn dollar(&mut self) -> Result<(), &'static str> {
        if self.left.as_str().starts_with('\'') {
            self.left.next();
            return self.ansi();
        }
        if self.left.as_str().starts_with('"') {
            return Err("a translated text");
        }
        if self.expands() {
            return Err("a variable or a command substitution");
        }
        self.text.push('$');
        Ok(())
    }

    /// The rest of a `$'…'`.
    fn ansi(&mut self) -> Result<(), &'static str> {
        while let Some(c) = self.left.next() {
            match c {
                '\'' => return Ok(()),
                '\\' => self.ansi_escape()?,
                plain => self.text.push(plain),
            }
        }
        Err("a quote that is not closed")
    }

    fn ansi_escape(&mut self) -> Result<(), &'static str> {
        let Some(c) = self.left.next() else {
            return Err("a quote that is not closed");
        };
        let decoded = match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'e' | 'E' => '\u{1b}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            '\\' | '"' | '?' => c,
            '\'' => return Err("quoting that shells read differently"),
            'x' => return self.number(16, 2, 0),
            'u' => return self.number(16, 4, 0),
            'U' => return self.number(16, 8, 0),
            '0'..='7' => return self.number(8, 2, c.to_digit(8).unwrap_or_default()),
            _ => return Err("an unusual escape in quotes"),
        };
        self.text.push(decoded);
        Ok(())
    }

    /// Up to `digits` digits; only ASCII is certain, for the rest depends on the locale.
    fn number(&mut self, radix: u32, digits: usize, start: u32) -> Result<(), &'static str> {
        let mut value = start;
        for _ in 0..digits {
            let Some(digit) = self
                .left
                .as_str()
                .chars()
                .next()
                .and_then(|c| c.to_digit(radix))
            else {
                break;
            };
            self.left.next();
            value = value.saturating_mul(radix).saturating_add(digit);
        }
        match char::from_u32(value) {
            Some(c) if c.is_ascii() && c != '\0' => {
                self.text.push(c);
                Ok(())
            }
            Some(_) | None => Err("an unusual escape in quotes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_disguise_of_a_fixed_word_is_seen_through() {
        for raw in [
            "sudo",
            "s\\udo",
            "'su'do",
            "\"sudo\"",
            "$'\\x73udo'",
            "$'\\163udo'",
            "s''udo",
            "su\\\ndo",
            "\"su\\\ndo\"",
            "$'\\u0073udo'",
            "\\s\\u\\d\\o",
            "''sudo\"\"",
        ] {
            assert_eq!(resolve(raw), (Word::Fixed("sudo".into()), None), "{raw}");
        }
    }

    #[test]
    fn what_the_environment_decides_is_computed() {
        for raw in [
            "$x",
            "${x}",
            "`x`",
            "$(x)",
            "s*",
            "su?o",
            "[s]udo",
            "~+/x",
            "~$x",
            "{a,b}",
            "\"$x\"",
            "$((1))",
            "$\"sudo\"",
            "$@",
            "s$'\\xff'",
        ] {
            assert!(resolve(raw).0.fixed().is_none(), "{raw}");
        }
    }

    #[test]
    fn a_quoted_variable_stays_one_word_and_nothing_else_does() {
        let splits = |raw| match resolve(raw).0 {
            Word::Computed { splits, .. } => splits,
            Word::Fixed(_) => panic!("{raw} is fixed"),
        };
        assert!(!splits("\"$x\"") && !splits("a=\"$x/y\""));
        for raw in ["$x", "\"$@\"", "\"${a[@]}\"", "a\"$x\"$y", "*", "{a,b}"] {
            assert!(splits(raw), "{raw}");
        }
    }

    #[test]
    fn quoting_that_differs_between_shells_is_a_risk() {
        assert!(resolve("$'\\'; sudo id; echo \\''").1.is_some());
        assert!(resolve("$[x]").1.is_some());
        assert_eq!(resolve("$'a'").1, None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_resolved_without_panic(raw: String) {
            let _ = resolve(&raw);
        }
    }
}
