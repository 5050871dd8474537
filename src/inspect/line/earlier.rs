//! The lines that were submitted and that the shell has not run yet, because they are not complete.
//!
//! Invariant: it ends only when the joined lines are complete, when the prompt at which they began is there again, or
//! when its owner knows of an interrupt.

use crate::domain::command::PARSED_BYTES;

use super::super::shell;
use super::syntax;

/// What shells print before the further lines of a construct; so it tells nothing about a new one.
const CONTINUATION: &str = ">";

/// What a line goes on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Earlier {
    /// Nothing: the line stands for itself.
    None,
    /// An unfinished construct, and the prompt at which it began.
    Lines { text: String, prompt: String },
    /// Lines that are too long or were not seen for certain.
    Unseen { prompt: String },
}

impl Earlier {
    /// All that would run with this line, as far as it is known.
    pub(super) fn joined(&self, line: &str) -> String {
        match self {
            Self::Lines { text, .. } => format!("{text}\n{line}"),
            Self::None | Self::Unseen { .. } => line.to_owned(),
        }
    }

    /// After one more line, which is known for certain.
    pub(super) fn with(self, line: String, here: &str) -> Self {
        match self {
            Self::None if shell::is_unfinished(&line) => Self::Lines {
                text: line,
                prompt: here.to_owned(),
            },
            Self::None => Self::None,
            Self::Lines { text, prompt } if text.len() + line.len() < PARSED_BYTES => {
                let text = format!("{text}\n{line}");
                if syntax::interactive(&line).is_none() && shell::is_complete(&text) {
                    Self::None
                } else {
                    Self::Lines { text, prompt }
                }
            }
            Self::Lines { prompt, .. } | Self::Unseen { prompt } => Self::Unseen { prompt },
        }
    }

    /// After one more line, of which only this is shown.
    pub(super) fn with_uncertain(self, shown: &str, here: &str) -> Self {
        match self {
            Self::None if shell::is_unfinished(shown) => Self::Unseen {
                prompt: here.to_owned(),
            },
            Self::None | Self::Lines { .. } | Self::Unseen { .. } => self.with_unseen(),
        }
    }

    /// After one more line, of which nothing is known.
    pub(super) fn with_unseen(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Lines { prompt, .. } | Self::Unseen { prompt } => Self::Unseen { prompt },
        }
    }

    /// Whether this is the prompt at which it began: it has ended then, if only by an error. That is not believed after
    /// a backslash, for words go on behind it.
    pub(super) fn ends_at(&self, before: &str) -> bool {
        let began = match self {
            Self::None => return false,
            Self::Lines { text, .. } if text.ends_with('\\') => return false,
            Self::Lines { prompt, .. } | Self::Unseen { prompt } => prompt,
        };
        before == began && !["", CONTINUATION].contains(&before.trim())
    }
}
