//! What a line may mean beyond what its parsers see: syntax that only interactive shells have, and quotes and words that
//! shells do not read alike.
//!
//! The parsers read bash. Invariant: a line that the shell which gets it could take for other words, or for other
//! commands, than bash does is told. A doubt too many is held; it proves nothing about a line without one.

use std::iter::Peekable;
use std::str::Chars;

/// Who reads a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::inspect) enum Dialect {
    /// Bash.
    Bash,
    /// Zsh.
    Zsh,
    /// Fish.
    Fish,
    /// Some shell: what any of them could take otherwise counts.
    #[default]
    Unknown,
}

impl Dialect {
    /// That of a shell by the name of its program.
    pub(in crate::inspect) fn of(shell: &str) -> Self {
        match shell {
            "bash" => Self::Bash,
            "zsh" => Self::Zsh,
            "fish" => Self::Fish,
            _ => Self::Unknown,
        }
    }

    fn may_be(self, other: Self) -> bool {
        self == other || self == Self::Unknown
    }
}

const HISTORY: &str = "a line from the history";
const COMMENT: &str = "a comment, which not every shell ignores";
const QUOTES: &str = "quotes that not every shell reads alike";
const WORDS: &str = "words that not every shell reads alike";

/// Why a line means something else in an interactive shell than in a script, if it may.
pub(in crate::inspect) fn interactive(text: &str) -> Option<&'static str> {
    if text.starts_with('^') {
        return Some(HISTORY);
    }
    // Shells track quotes for their history in a way of their own: what one of both ways leaves unquoted counts.
    expanded(text, false).or_else(|| expanded(text, true))
}

/// What stands where no quotes are: in the way of a parser (`exact`), or with single quotes alone.
fn expanded(text: &str, exact: bool) -> Option<&'static str> {
    let (mut single, mut double, mut escapes) = (false, false, false);
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if !single || escapes => {
                chars.next();
            }
            '\'' if !double => {
                single = !single;
                escapes = exact && single && before == '$';
            }
            '"' if exact && !single => double = !double,
            '!' if !single && !matches!(chars.peek(), None | Some(' ' | '\t' | '=')) => {
                return Some(HISTORY);
            }
            '#' if !single
                && !double
                && (before.is_whitespace() || ";&|()<>`".contains(before)) =>
            {
                return Some(COMMENT);
            }
            _ => {}
        }
        before = c;
    }
    None
}

/// Why the shell may read a line otherwise than its parsers do, if it may.
pub(in crate::inspect) fn read_otherwise(text: &str, dialect: Dialect) -> Option<&'static str> {
    let mut scan = Scan {
        dialect,
        quote: Quote::None,
        backquoted: false,
        dollar: false,
        bracket: false,
        braces: 0,
    };
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let found = match scan.quote {
            Quote::None => scan.plain(before, c, &mut chars),
            Quote::Single => scan.single(c, &chars),
            Quote::Escaped => scan.escaped(c, &mut chars),
            Quote::Double => scan.double(before, c, &mut chars),
        };
        if found.is_some() {
            return found;
        }
        before = c;
    }
    (dialect.may_be(Dialect::Fish) && tests_more(text)).then_some(WORDS)
}

/// Why the login shell of an account, whichever it is, may find other commands in a text than bash does, if it may: what is
/// quoted for one of them is not for another, or is the name of a program.
pub(in crate::inspect) fn hides(text: &str) -> Option<&'static str> {
    let (mut quote, mut before) = (Quote::None, ' ');
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Quote::None, '\\') if chars.next().is_some_and(|c| "xXuU".contains(c)) => {
                return Some(WORDS);
            }
            (Quote::Single, '\\') if chars.next() == Some('\'') => {
                quote = Quote::None;
                // Without one of these, nothing behind is a command.
                if chars.as_str().contains([';', '|', '&', '\n', '(']) {
                    return Some(QUOTES);
                }
            }
            (Quote::Escaped | Quote::Double, '\\') => {
                chars.next();
            }
            (Quote::None, '\'') if before == '$' => quote = Quote::Escaped,
            (Quote::None, '\'') => quote = Quote::Single,
            (Quote::None, '"') => quote = Quote::Double,
            (Quote::Single | Quote::Escaped, '\'') | (Quote::Double, '"') => quote = Quote::None,
            _ => {}
        }
        before = c;
    }
    None
}

/// Whether something may still run behind a line once the next prompt is drawn, and write: what is behind `&`, or reads
/// or writes for a substitution.
pub(in crate::inspect) fn leaves_running(text: &str) -> bool {
    let alone = text
        .replace("&&", "")
        .replace("&>", "")
        .replace(">&", "")
        .replace("<&", "")
        .replace("|&", "");
    alone.contains('&')
        || [">(", "<(", "coproc", "bg"]
            .iter()
            .any(|it| text.contains(it))
}

/// Words by which a shell is told to use its keys, its prompt or its start in another way.
const UNDOING: [&str; 12] = [
    "bind",
    "bindkey",
    "zle",
    "PROMPT_COMMAND",
    "precmd",
    "precmd_functions",
    "INPUTRC",
    "READLINE_LINE",
    "unfunction",
    "__countersign",
    "fish_prompt",
    "commandline",
];

/// Whether a line names something by which the Enter widget could be undone.
pub(in crate::inspect) fn undoes_widget(text: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .any(|word| UNDOING.contains(&word) || word.starts_with("__countersign"))
}

/// Whether there is a `[[ … ]]` that holds more than a simple test: elsewhere than in bash and zsh these are commands.
fn tests_more(text: &str) -> bool {
    text.split("[[ ").skip(1).any(|test| {
        test.split("]]")
            .next()
            .is_some_and(|it| it.contains(['|', '&', '(', '<', '>']))
    })
}

/// What bash takes a place in a line for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    /// `'…'`
    Single,
    /// `$'…'`
    Escaped,
    /// `"…"`
    Double,
}

struct Scan {
    dialect: Dialect,
    quote: Quote,
    backquoted: bool,
    /// Since double quotes began: whether there was a `$`, and a `[` behind it.
    dollar: bool,
    bracket: bool,
    /// How many `${` are open within double quotes.
    braces: usize,
}

impl Scan {
    fn plain(
        &mut self,
        before: char,
        c: char,
        chars: &mut Peekable<Chars<'_>>,
    ) -> Option<&'static str> {
        let fish = self.dialect.may_be(Dialect::Fish);
        match c {
            '\\' => {
                let next = chars.next();
                let escape = next.is_some_and(|c| {
                    "xXuU01234567".contains(c)
                        || (self.dialect == Dialect::Fish && "abcefnrtv".contains(c))
                });
                return (fish && escape).then_some(WORDS);
            }
            '\'' if before == '$' => self.quote = Quote::Escaped,
            '\'' => self.quote = Quote::Single,
            '"' => {
                self.quote = Quote::Double;
                (self.dollar, self.bracket, self.braces) = (false, false, 0);
            }
            '`' => {
                self.backquoted = !self.backquoted;
                return (self.dialect == Dialect::Fish).then_some(QUOTES);
            }
            '(' => {
                let substitution = before == '$' && chars.peek() != Some(&'(');
                let doubtful = match self.dialect {
                    Dialect::Fish => !substitution,
                    Dialect::Unknown => {
                        before == '=' || (before != '$' && chars.peek() == Some(&'('))
                    }
                    Dialect::Bash | Dialect::Zsh => false,
                };
                return doubtful.then_some(WORDS);
            }
            '=' if self.dialect.may_be(Dialect::Zsh)
                && (before.is_whitespace() || ";&|(".contains(before)) =>
            {
                return chars
                    .peek()
                    .is_some_and(|c| c.is_alphabetic())
                    .then_some(WORDS);
            }
            _ => {}
        }
        None
    }

    fn single(&mut self, c: char, chars: &Peekable<Chars<'_>>) -> Option<&'static str> {
        if c == '\'' {
            self.quote = Quote::None;
        }
        let escapes = c == '\\' && chars.clone().next() == Some('\'');
        (escapes && self.dialect.may_be(Dialect::Fish)).then_some(QUOTES)
    }

    fn escaped(&mut self, c: char, chars: &mut Peekable<Chars<'_>>) -> Option<&'static str> {
        match c {
            '\\' => {
                (chars.next() == Some('\'') && self.dialect == Dialect::Unknown).then_some(QUOTES)
            }
            '\'' => {
                self.quote = Quote::None;
                None
            }
            _ => None,
        }
    }

    fn double(
        &mut self,
        before: char,
        c: char,
        chars: &mut Peekable<Chars<'_>>,
    ) -> Option<&'static str> {
        let fish = self.dialect.may_be(Dialect::Fish);
        match c {
            '\\' => {
                chars.next();
            }
            '"' if self.dialect != Dialect::Bash && (self.backquoted || self.braces > 0) => {
                return Some(QUOTES);
            }
            '\'' if self.dialect != Dialect::Bash && self.braces > 0 => return Some(QUOTES),
            '"' => self.quote = Quote::None,
            '`' => {
                self.backquoted = !self.backquoted;
                return (self.dialect == Dialect::Fish).then_some(QUOTES);
            }
            '$' => self.dollar = true,
            '[' => self.bracket |= self.dollar,
            '{' if before == '$' => self.braces += 1,
            '}' => self.braces = self.braces.saturating_sub(1),
            '(' if before != '$' && self.bracket && fish => return Some(WORDS),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_expansion_and_comments_are_told() {
        for text in [
            "!!",
            "sudo !!",
            "ls !$",
            "!sudo",
            "^a^b",
            "echo \"!x\"",
            "ls # x",
            "# x",
            "echo \"'\" # ;sudo id",
            "echo \"'\" \"!!\"",
            "echo hi;#;sudo id",
            "echo $'a\\'b' !x",
        ] {
            assert!(interactive(text).is_some(), "{text}");
        }
        for text in [
            "ls",
            "echo '!x'",
            "[ ! -f x ]",
            "test a != b",
            "echo \\!x",
            "echo a#b",
            "echo '# x'",
            "echo \"# x\"",
            "echo ${#x}",
            "! ls",
        ] {
            assert_eq!(interactive(text), None, "{text}");
        }
    }

    #[test]
    fn commands_that_only_another_login_shell_finds_are_told() {
        for text in [
            r"echo 'a\' '; sudo id; echo \'",
            r"echo 'a\\\' '; sudo id; echo \'",
            r"\x73udo id",
            r"ls; \u0073udo id",
        ] {
            assert!(hides(text).is_some(), "{text}");
        }
        for text in [
            r"grep 'a\.b' f | sort",
            r"awk -F'\\' '{print $1}' f | sort",
            r"echo 'it'\''s'; ls",
            r"tr '\' / < f",
            r"find . -exec ls {} \;",
            r#"echo "a\"b"; ls"#,
            r"echo $'can\'t'; ls",
        ] {
            assert_eq!(hides(text), None, "{text}");
        }
    }

    #[test]
    fn what_some_shell_takes_for_other_words_than_bash_is_told() {
        use Dialect::{Bash, Fish, Unknown, Zsh};
        for (text, apart) in [
            (r"echo 'a\' '; sudo id; echo \'", &[Fish, Unknown][..]),
            (
                "echo \"`echo \"; sudo id; echo \"`\"",
                &[Fish, Unknown, Zsh],
            ),
            ("a=(sudo id) true", &[Fish, Unknown]),
            ("((reboot))", &[Fish, Unknown]),
            ("[[ x || reboot ]]", &[Fish, Unknown]),
            ("[[ ( reboot ) ]]", &[Fish, Unknown]),
            (r"\x73udo id", &[Fish, Unknown]),
            (r"echo a\nb", &[Fish]),
            ("echo \"$x[(sudo id)]\"", &[Fish, Unknown]),
            (r"echo $'a\'; sudo id; echo '\'", &[Unknown]),
            (
                "echo \"${x:-'}\"; sudo id; echo \"'}\"",
                &[Fish, Unknown, Zsh],
            ),
            ("=sudo id", &[Unknown, Zsh]),
            ("echo `date`", &[Fish]),
            ("(cd /; ls)", &[Fish]),
            ("echo $(date) \"$(date)\" (x)", &[Fish]),
        ] {
            for dialect in [Bash, Fish, Unknown, Zsh] {
                let told = read_otherwise(text, dialect).is_some();
                assert_eq!(told, apart.contains(&dialect), "{text} {dialect:?}");
            }
        }
        for text in [
            "ls -l 'a b' \"c d\" e\\ f",
            "grep -E 'a|(b)' x | sort",
            "echo \"$x (y)\" $((1 + 2))",
            "test a = b",
            "find . -name '*.rs' \\( -type f \\)",
            "A=b make \"x'y\"",
            "echo \"`date`\"",
        ] {
            assert_eq!(read_otherwise(text, Unknown), None, "{text}");
        }
    }

    #[test]
    fn what_a_line_leaves_running_is_told() {
        for text in ["sleep 1 &", "a & b", "tee >(cat)", "coproc cat", "bg"] {
            assert!(leaves_running(text), "{text}");
        }
        for text in ["a && b", "a >&2", "a &>b", "a 2>&1 | c", "a |& b"] {
            assert!(!leaves_running(text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_scanned(text: String) {
            for dialect in [Dialect::Bash, Dialect::Fish, Dialect::Unknown, Dialect::Zsh] {
                let _ = read_otherwise(&text, dialect);
            }
            let _ = interactive(&text);
        }
    }
}
