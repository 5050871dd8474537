//! The prompts at which lines began: what stands behind one of them was not typed, yet it would be submitted.

use std::collections::VecDeque;

/// How many prompts are remembered.
const PROMPTS: usize = 8;

/// A prompt and the column behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prompt {
    pub(super) text: String,
    pub(super) column: u16,
}

/// The last prompts that were seen.
#[derive(Debug, Default)]
pub(super) struct Prompts(VecDeque<Prompt>);

impl Prompts {
    /// A line began behind this.
    pub(super) fn remember(&mut self, text: &str, column: u16) {
        if !looks_like_prompt(text) || self.0.iter().any(|known| known.text == text) {
            return;
        }
        self.0.truncate(PROMPTS - 1);
        self.0.push_front(Prompt {
            text: text.to_owned(),
            column,
        });
    }

    /// The prompt that `before` goes on from with text of a line.
    pub(super) fn followed(&self, before: &str) -> Option<&Prompt> {
        if self.0.iter().any(|known| known.text == before) {
            return None;
        }
        self.0
            .iter()
            .filter(|known| {
                before
                    .strip_prefix(known.text.as_str())
                    .is_some_and(|rest| !rest.trim().is_empty())
            })
            .max_by_key(|known| known.text.len())
    }

    /// The text that a line already holds when this stands before the cursor.
    pub(super) fn behind<'a>(&self, before: &'a str) -> &'a str {
        if let Some(known) = self.followed(before) {
            return before.get(known.text.len()..).unwrap_or(before);
        }
        let known = self.0.iter().any(|known| known.text == before);
        if known || before.trim().is_empty() || looks_like_prompt(before) {
            ""
        } else {
            before
        }
    }
}

/// `$ `, `Password: `, `➜ `: not a word or shell syntax at its end.
fn looks_like_prompt(text: &str) -> bool {
    text.trim_end()
        .chars()
        .next_back()
        .is_some_and(|c| !c.is_alphanumeric() && !"'\"`;&|\\_-./*=".contains(c))
}
