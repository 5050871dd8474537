//! Whether a sed script can run a program: by the command `e`, the flag `e` of `s`, or from a file.
//!
//! The script is read command by command as GNU sed does. What is not known ends the reading, and does not count as
//! harmless.

use std::iter::Peekable;
use std::str::Chars;

use super::super::variables::Kind;
use super::super::word::Word;

/// Options without a value that run nothing.
const FLAGS: &str = "nErsuzb";
const LONG_FLAGS: [&str; 8] = [
    "--quiet",
    "--silent",
    "--regexp-extended",
    "--null-data",
    "--in-place",
    "--separate",
    "--unbuffered",
    "--posix",
];

/// Whether the scripts among these words run nothing.
pub(super) fn is_harmless(arguments: &[Word]) -> bool {
    let (mut scripts, mut first) = (Vec::new(), None);
    let mut left = arguments.iter();
    let mut options = true;
    while let Some(word) = left.next() {
        let dash = word.shown().starts_with('-') && word.shown().len() > 1;
        match word.fixed() {
            Some("--") if options => options = false,
            Some(text) if options && dash => match option(text) {
                Part::Flag => {}
                Part::Script(attached) => match attached {
                    Some(script) => scripts.push(script.to_owned()),
                    None => match left.next().and_then(script_of) {
                        Some(script) => scripts.push(script),
                        None => return false,
                    },
                },
                Part::Unknown => return false,
            },
            // The first word that is no option is the script, where no option gave one.
            _ if first.is_none() => first = Some(word),
            _ => {}
        }
    }
    if scripts.is_empty() {
        match first.and_then(script_of) {
            Some(script) => scripts.push(script),
            None => return false,
        }
    }
    // Several scripts are joined as lines.
    runs_nothing(&scripts.join("\n"))
}

enum Part<'a> {
    Flag,
    Script(Option<&'a str>),
    Unknown,
}

fn option(text: &str) -> Part<'_> {
    if let Some(script) = text.strip_prefix("--expression=") {
        return Part::Script(Some(script));
    }
    if text.starts_with("--in-place=") || LONG_FLAGS.contains(&text) {
        return Part::Flag;
    }
    if text == "--expression" {
        return Part::Script(None);
    }
    let letters = text.get(1..).unwrap_or_default();
    for (at, letter) in letters.char_indices() {
        match letter {
            // It takes the rest for a suffix.
            'i' => return Part::Flag,
            'e' => {
                let attached = letters.get(at + 1..).filter(|rest| !rest.is_empty());
                return Part::Script(attached);
            }
            known if FLAGS.contains(known) => {}
            _ => return Part::Unknown,
        }
    }
    Part::Flag
}

/// A fixed script, or one in double quotes with plain variables, each of which is taken for text within a pattern or a
/// replacement; [`runs_nothing`] refuses them anywhere else.
fn script_of(word: &Word) -> Option<String> {
    match word {
        Word::Fixed(text) => Some(text.clone()),
        Word::Computed { raw, .. } => {
            let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
            let plain = !inside.contains(['"', '`', '\\']) && !inside.contains("$(");
            let value = match word.values() {
                // A line, a pattern or a text of before.
                Kind::Number | Kind::Before => '1',
                Kind::Token => TOKEN,
                Kind::Plain => VALUE,
                Kind::Count | Kind::Whole | Kind::Data | Kind::Built => return None,
            };
            plain.then(|| masked(inside, value)).flatten()
        }
    }
}

/// Stands for a variable's value.
const VALUE: char = '\u{0}';
/// Stands for one that has no sign by which a pattern is likely to end.
const TOKEN: char = '\u{1}';

fn masked(text: &str, value: char) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut left = text.chars().peekable();
    while let Some(c) = left.next() {
        if c != '$' {
            out.push(c);
            continue;
        }
        let name = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        match left.peek() {
            Some('{') => {
                left.next();
                while left.next_if(name).is_some() {}
                left.next_if_eq(&'}')?;
                out.push(value);
            }
            Some(c) if name(c) => {
                while left.next_if(name).is_some() {}
                out.push(value);
            }
            Some('!' | '@' | '*' | '#' | '?' | '-' | '$' | '[') => return None,
            Some(_) | None => out.push('$'),
        }
    }
    Some(out)
}

fn runs_nothing(script: &str) -> bool {
    let mut left = script.chars().peekable();
    loop {
        while left.next_if(|c| c.is_whitespace() || *c == ';').is_some() {}
        if left.peek().is_none() {
            return true;
        }
        if address(&mut left).is_none() || command(&mut left).is_none() {
            return false;
        }
    }
}

type Left<'a> = Peekable<Chars<'a>>;

/// Skips the addresses of a command, if it has any.
fn address(left: &mut Left<'_>) -> Option<()> {
    for _ in 0..2 {
        match left.peek() {
            Some('/') => {
                left.next();
                delimited(left, '/')?;
                while left.next_if(|c| "IM".contains(*c)).is_some() {}
            }
            Some('\\') => {
                left.next();
                let delimiter = left.next()?;
                delimited(left, delimiter)?;
                while left.next_if(|c| "IM".contains(*c)).is_some() {}
            }
            Some('$') => {
                left.next();
            }
            Some(c) if c.is_ascii_digit() || "+~".contains(*c) => {
                while left
                    .next_if(|c| c.is_ascii_digit() || "~+".contains(*c))
                    .is_some()
                {}
            }
            Some(_) | None => break,
        }
        spaces(left);
        if left.next_if_eq(&',').is_none() {
            break;
        }
        spaces(left);
    }
    while left.next_if(|c| *c == '!' || *c == ' ').is_some() {}
    Some(())
}

/// Skips one command; `None` for one that runs something or is not known.
fn command(left: &mut Left<'_>) -> Option<()> {
    match left.next()? {
        '{' => return Some(()),
        '}' | 'p' | 'd' | 'D' | 'P' | 'h' | 'H' | 'g' | 'G' | 'x' | 'n' | 'N' | '=' | 'z' | 'F' => {
        }
        'q' | 'Q' | 'l' | 'L' => {
            spaces(left);
            while left.next_if(char::is_ascii_digit).is_some() {}
        }
        ':' => {
            spaces(left);
            while left.next_if(|c| !c.is_whitespace() && *c != ';').is_some() {}
            // What follows is a command to some, and more of the label to others.
            return Some(());
        }
        '#' | 'r' | 'R' | 'w' | 'W' => {
            // A comment or a file name goes to the end of the line.
            return line(left);
        }
        'b' | 't' | 'T' => {
            spaces(left);
            while left
                .next_if(|c| !c.is_whitespace() && !matches!(c, ';' | '}'))
                .is_some()
            {}
        }
        'a' | 'i' | 'c' => return text(left),
        's' => {
            let delimiter = left
                .next()
                .filter(|c| !c.is_alphanumeric() && *c != VALUE && *c != TOKEN)?;
            delimited(left, delimiter)?;
            delimited(left, delimiter)?;
            while let Some(flag) = left.next_if(|c| c.is_ascii_alphanumeric()) {
                match flag {
                    'g' | 'p' | 'i' | 'I' | 'm' | 'M' | '0'..='9' => {}
                    'w' => return line(left),
                    _ => return None,
                }
            }
        }
        'y' => {
            let delimiter = left
                .next()
                .filter(|c| !c.is_alphanumeric() && *c != VALUE && *c != TOKEN)?;
            delimited(left, delimiter)?;
            delimited(left, delimiter)?;
        }
        _ => return None,
    }
    spaces(left);
    matches!(left.peek(), None | Some('\n' | ';' | '}' | '#')).then_some(())
}

/// Skips to a delimiter that is not escaped. One within brackets is a letter to some and ends the pattern for others:
/// that is not read. A value is taken for text without a delimiter.
fn delimited(left: &mut Left<'_>, delimiter: char) -> Option<()> {
    while let Some(c) = left.next() {
        match c {
            '\\' => {
                left.next()?;
            }
            VALUE if !"|#!~^".contains(delimiter) => return None,
            TOKEN if !"|#!~^/,:@+=%".contains(delimiter) => return None,
            '[' => brackets(left, delimiter)?,
            '\n' => return None,
            c if c == delimiter => return Some(()),
            _ => {}
        }
    }
    None
}

/// Skips the rest of a bracket expression, where it is closed before a delimiter.
fn brackets(left: &mut Left<'_>, delimiter: char) -> Option<()> {
    let mut ahead = left.clone();
    ahead.next_if_eq(&'^');
    ahead.next_if_eq(&']');
    let ended = ahead.find(|c| *c == ']' || *c == delimiter || *c == '\n');
    match ended {
        Some(']') => {
            *left = ahead;
            Some(())
        }
        // An opening alone, in a replacement.
        _ if !ahead.any(|c| c == ']') => Some(()),
        _ => None,
    }
}

/// The text of `a`, `i` and `c`: to the end of a line that does not end in a backslash.
fn text(left: &mut Left<'_>) -> Option<()> {
    while let Some(c) = left.next() {
        match c {
            '\\' => {
                left.next();
            }
            '\n' => return Some(()),
            VALUE | TOKEN => return None,
            _ => {}
        }
    }
    Some(())
}

fn line(left: &mut Left<'_>) -> Option<()> {
    match left
        .by_ref()
        .take_while(|c| *c != '\n')
        .any(|c| c == VALUE || c == TOKEN)
    {
        true => None,
        false => Some(()),
    }
}

fn spaces(left: &mut Left<'_>) {
    while left.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_that_edit_and_print_run_nothing() {
        for script in [
            "s/a/b/",
            "s|a|b|g; s/c/d/2p",
            "1,5p",
            "/a/,/b/p",
            "/start/,$p",
            "$a last line",
            "1i # header",
            "y/abc/xyz/",
            "s/\\(a\\)/\\1/",
            "/x/ s/a/b/",
            "/x/{s/a/b/;p}",
            "5q",
            "$!d",
            "0~3d",
            "\\|/srv|d",
            "$=",
            "",
        ] {
            assert!(runs_nothing(script), "{script}");
        }
    }

    #[test]
    fn the_command_and_the_flag_that_run_something_are_seen() {
        for script in [
            "e",
            "1e id",
            "s/.*/id/e",
            "s/a/b/ge",
            "s/a/b/;e id",
            "p\ne id",
            "/x/{e id\n}",
            "$!e id",
            "s,a,b,e",
            "s/a/b/w /tmp/x\ne",
            "s/a",
            "k",
            "y/a/b/e",
            "1,2e",
            "a text\ne id",
            "s/[/]/g;/e;#/p",
        ] {
            assert!(!runs_nothing(script), "{script}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_script_is_read_without_panic(script: String) {
            let _ = runs_nothing(&script);
        }

        #[test]
        fn the_command_e_on_a_line_of_its_own_is_never_missed(script in "[a-z0-9 /;,$!{}]{0,12}") {
            let whole = format!("{script}\ne id");
            // The text of `a`, `i` and `c` does not go on after a line without a backslash.
            proptest::prop_assert!(!runs_nothing(&whole));
        }
    }
}
