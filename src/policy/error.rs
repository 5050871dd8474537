//! What can be wrong with a policy folder. Everything here is the policy author's to mend, and told all at once.

use std::fmt;

use cedar_policy::ffi::DetailedError;

use crate::domain::command::visible;

/// Most problems that are told at once.
pub const MOST_PROBLEMS: usize = 100;

/// Longest message of a problem, in characters.
const MESSAGE_CHARS: usize = 500;

/// Why a policy folder was refused. The policies in force stay in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The folder cannot be read.
    #[error("cannot read policy folder `{folder}`: {reason}")]
    Unreadable {
        /// The folder.
        folder: String,
        /// Why.
        reason: String,
    },
    /// The folder has no policies, so that nobody could do anything.
    #[error("policy folder `{folder}` has no `*.cedar` file")]
    Empty {
        /// The folder.
        folder: String,
    },
    /// The folder holds more than is read.
    #[error("policy folder `{folder}` has more than {most} `*.cedar` files")]
    TooManyFiles {
        /// The folder.
        folder: String,
        /// How many are read.
        most: usize,
    },
    /// Files have problems.
    #[error("{}", lines(.0))]
    Refused(Vec<Problem>),
    /// Our own schema does not load; a defect of this build.
    #[error("the policy schema of this build is broken: {0}")]
    Schema(String),
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

/// One thing that is wrong, with its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file's name.
    pub file: String,
    /// Line and column, from 1, where it is known.
    pub place: Option<(usize, usize)>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => {
                write!(f, "{}:{line}:{column}: {}", self.file, self.message)
            }
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

impl Problem {
    /// A problem of a whole file.
    pub(super) fn of_file(file: &str, message: impl fmt::Display) -> Self {
        Self {
            file: file.to_owned(),
            place: None,
            message: printable(&message.to_string()),
        }
    }

    /// A problem at a byte of a file's text.
    pub(super) fn at(file: &str, text: &str, offset: usize, message: impl fmt::Display) -> Self {
        Self {
            place: place(text, offset),
            ..Self::of_file(file, message)
        }
    }

    /// A problem that Cedar found, at its first label or else at `offset`.
    pub(super) fn found(file: &str, text: &str, offset: usize, error: &DetailedError) -> Self {
        let offset = error
            .source_locations
            .first()
            .map_or(offset, |label| label.loc.start);
        let message = match &error.help {
            Some(help) => format!("{} ({help})", error.message),
            None => error.message.clone(),
        };
        Self::at(file, text, offset, message)
    }
}

/// Line and column, from 1, of a byte offset.
pub(super) fn place(text: &str, offset: usize) -> Option<(usize, usize)> {
    let before = text.get(..offset)?;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Some((line, column))
}

/// A message that quotes a file is cut and made safe to print.
fn printable(message: &str) -> String {
    let short: String = message.chars().take(MESSAGE_CHARS).collect();
    visible(short.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        assert_eq!(place("ab\nzö!", 0), Some((1, 1)));
        assert_eq!(place("ab\nzö!", 6), Some((2, 3)));
        assert_eq!(place("zö", 2), None);
        assert_eq!(place("ab", 99), None);
    }

    #[test]
    fn a_problem_cannot_write_to_the_terminal_of_who_reads_it() {
        let problem = Problem::of_file("a.cedar", "bad \u{1b}[2J text");
        assert_eq!(problem.to_string(), "a.cedar: bad ^[[2J text");
    }
}
