//! Whether an awk program can run another: by `system`, a pipe, an indirect call or a file of awk text.
//!
//! Strings and patterns are skipped as awk reads them, so that a `|` in one is no pipe. What cannot be told apart, such as
//! a division from a pattern, is taken for the one that hides less.

use super::super::variables::Kind;
use super::super::word::Word;

/// Whether the program among these words runs nothing.
pub(super) fn is_harmless(arguments: &[Word]) -> bool {
    let mut left = arguments;
    loop {
        match left {
            [Word::Fixed(option), value, rest @ ..]
                if matches!(option.as_str(), "-F" | "-v") && value.is_one_word() =>
            {
                left = rest;
            }
            [Word::Fixed(option), rest @ ..]
                if matches!(
                    option.as_str(),
                    "--" | "--posix" | "--re-interval" | "--csv"
                ) =>
            {
                left = rest;
            }
            [word, rest @ ..]
                if word.begins("-F") || word.begins("-v") || word.begins("--field-separator=") =>
            {
                left = rest;
            }
            [Word::Fixed(program), ..] if !program.starts_with('-') => {
                return runs_nothing(program);
            }
            [word @ Word::Computed { raw, .. }, ..] => {
                let compared = match word.values() {
                    Kind::Number | Kind::Token => false,
                    // A number of before, if it stands where one is compared.
                    Kind::Before => true,
                    Kind::Plain | Kind::Count | Kind::Whole | Kind::Data | Kind::Built => {
                        return false;
                    }
                };
                return masked(raw, compared).is_some_and(|program| runs_nothing(&program));
            }
            _ => return false,
        }
    }
}

/// A program in double quotes with a number in place of each variable, where that can be no name nor a part of one; with
/// `compared`, nothing but the right side of a comparison.
fn masked(raw: &str, compared: bool) -> Option<String> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    let mut program = String::with_capacity(inside.len());
    let mut left = inside.chars().peekable();
    let named = |c: char| c.is_ascii_alphanumeric() || c == '_';
    while let Some(c) = left.next() {
        match c {
            '\\' => match left.next()? {
                escaped @ ('$' | '"' | '\\') => program.push(escaped),
                _ => return None,
            },
            '$' => {
                let braced = left.next_if_eq(&'{').is_some();
                let mut name = String::new();
                while let Some(c) = left.next_if(|c| named(*c)) {
                    name.push(c);
                }
                let closed = !braced || left.next_if_eq(&'}').is_some();
                let beside =
                    program.ends_with(named) || left.peek().is_some_and(|c| named(*c) || *c == '(');
                let at_comparison = program.trim_end().ends_with(['=', '<', '>']);
                if name.is_empty() || !closed || beside || (compared && !at_comparison) {
                    return None;
                }
                program.push('1');
            }
            '"' | '`' => return None,
            plain => program.push(plain),
        }
    }
    Some(program)
}

/// Names that run something or load something; what another program prints is read behind a pipe only.
const RUNNING: [&str; 2] = ["system", "extension"];

fn runs_nothing(program: &str) -> bool {
    let mut left = program.chars().peekable();
    let mut name = String::new();
    // Whether a value ended here, so that a slash divides.
    let mut value = false;
    while let Some(c) = left.next() {
        if c.is_ascii_alphanumeric() || c == '_' {
            name.push(c);
            value = true;
            continue;
        }
        if RUNNING.contains(&name.as_str()) {
            return false;
        }
        let after_word = matches!(name.as_str(), "print" | "printf" | "return" | "in" | "case");
        name.clear();
        match c {
            '@' | '\\' => return false,
            '"' => {
                if !skip(&mut left, '"') {
                    return false;
                }
                value = true;
            }
            // What stands before it decides, and a program that has `/` otherwise is rare.
            '/' if !value || after_word => {
                if !skip(&mut left, '/') {
                    return false;
                }
                value = true;
            }
            '|' if left.peek() == Some(&'|') => {
                left.next();
                value = false;
            }
            '|' => return false,
            '#' => {
                let _ = left.by_ref().find(|c| *c == '\n');
                value = false;
            }
            ' ' | '\t' => value &= !after_word,
            ')' | ']' | '$' => value = true,
            _ => value = false,
        }
    }
    !RUNNING.contains(&name.as_str())
}

/// Skips to the end of a string or pattern; whether it has one, without a pipe that another reading could see.
fn skip(left: &mut impl Iterator<Item = char>, end: char) -> bool {
    while let Some(c) = left.next() {
        match c {
            '\\' => {
                left.next();
            }
            '\n' => return false,
            c if c == end => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_only_prints_and_counts_runs_nothing() {
        for program in [
            "{print $1}",
            "NR==1 || /x/",
            "{print $1 \"|\" $2}",
            "$1 == \"a\" || $2 == \"b\"",
            "{gsub(/a|b/, \"x\"); print}",
            "{print $1 / $2}",
            "/a\\/b|c/ {n++} END {print n}",
            "{s += $5} END {print s / NR}",
            "length > 80 # | sh",
        ] {
            assert!(runs_nothing(program), "{program}");
        }
    }

    #[test]
    fn a_pipe_a_call_and_what_hides_one_are_seen() {
        for program in [
            "BEGIN{system(\"id\")}",
            "BEGIN { system (\"id\") }",
            "{print | \"sh\"}",
            "{\"date\" | getline d}",
            "BEGIN{c=\"id\"; c | getline}",
            "BEGIN{@f()}",
            "{print $1 / 2 | \"sh\" /}",
            "{print a/1 | \"sh\" \"/\"}",
            "{print \"unfinished",
            "{print \"a\" \\\n | \"sh\"}",
            "BEGIN{print \"x\" |& \"sh\"}",
            "{x = 1 / 1; print | \"sh\" # /",
        ] {
            assert!(!runs_nothing(program), "{program}");
        }
    }
}
