//! A line that is written in: why an approver answers, or what a list is filtered by.

use crate::domain::command::shows_as_itself;
use crate::domain::hold::REASON_CHARS;

/// A line of text with a cursor. It holds only characters that are what they look like, and at most [`REASON_CHARS`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineEdit {
    before: Vec<char>,
    /// What follows the cursor, the nearest character last.
    after: Vec<char>,
}

impl LineEdit {
    /// The whole line.
    pub fn text(&self) -> String {
        self.before.iter().chain(self.after.iter().rev()).collect()
    }

    /// The part before the cursor and the part after it.
    pub fn halves(&self) -> (String, String) {
        let after = self.after.iter().rev().collect();
        (self.before.iter().collect(), after)
    }

    /// Whether nothing but white space was written.
    pub fn is_blank(&self) -> bool {
        self.text().trim().is_empty()
    }

    /// Characters in it.
    pub fn length(&self) -> usize {
        self.before.len() + self.after.len()
    }

    /// Writes a character at the cursor, when it is one to see and there is room.
    pub fn insert(&mut self, c: char) {
        if self.length() < REASON_CHARS && shows_as_itself(c) {
            self.before.push(c);
        }
    }

    /// Writes a pasted text at the cursor; line ends and other white space become spaces.
    pub fn paste(&mut self, text: &str) {
        for c in text.trim_end().chars().take(REASON_CHARS) {
            self.insert(if c.is_whitespace() { ' ' } else { c });
        }
    }

    /// Moves the cursor left.
    pub fn left(&mut self) {
        self.after.extend(self.before.pop());
    }

    /// Moves the cursor right.
    pub fn right(&mut self) {
        self.before.extend(self.after.pop());
    }

    /// Moves the cursor to the start.
    pub fn start(&mut self) {
        self.after.extend(self.before.drain(..).rev());
    }

    /// Moves the cursor to the end.
    pub fn end(&mut self) {
        self.before.extend(self.after.drain(..).rev());
    }

    /// Erases the character before the cursor.
    pub fn erase_before(&mut self) {
        self.before.pop();
    }

    /// Erases the character at the cursor.
    pub fn erase_at(&mut self) {
        self.after.pop();
    }

    /// Erases the word before the cursor, with the spaces after it.
    pub fn erase_word(&mut self) {
        while self.before.pop_if(|c| c.is_whitespace()).is_some() {}
        while self.before.pop_if(|c| !c.is_whitespace()).is_some() {}
    }

    /// Erases everything before the cursor.
    pub fn erase_line(&mut self) {
        self.before.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> LineEdit {
        let mut line = LineEdit::default();
        line.paste(text);
        line
    }

    #[test]
    fn the_line_is_written_at_the_cursor() {
        let mut line = line("ok, CHG-142");
        for _ in 0..3 {
            line.left();
        }
        line.insert('é');
        line.erase_at();
        assert_eq!(line.text(), "ok, CHG-é42");
        assert_eq!(line.halves().1, "42");
        line.start();
        line.erase_before();
        line.insert('“');
        line.end();
        line.erase_before();
        assert_eq!(line.text(), "“ok, CHG-é4");
    }

    #[test]
    fn a_word_and_the_line_can_be_erased() {
        let mut line = line("one two  ");
        line.insert(' ');
        line.erase_word();
        assert_eq!(line.text(), "one ");
        line.erase_line();
        assert!(line.is_blank());
    }

    #[test]
    fn nothing_that_hides_or_moves_gets_in() {
        let line = line("a\u{1b}[2J\rb\u{202e}\nc\u{200b}\u{a0}d\u{e0041}");
        assert_eq!(line.text(), "a[2J b c d");
    }

    #[test]
    fn the_line_is_bounded() {
        let mut line = line(&"x".repeat(REASON_CHARS + 50));
        line.insert('y');
        assert_eq!(line.length(), REASON_CHARS);
        assert!(!line.text().contains('y'));
    }
}
