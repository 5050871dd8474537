//! A question of the bastion's own at a client's terminal, answered in one line.
//!
//! The terminal echoes nothing itself, so the answer is drawn here. What was typed behind the answer stays in the queue.

use bytes::Bytes;
use russh::ChannelMsg;

use super::Applicant;
use crate::domain::hold::{REASON_CHARS, reason};
use crate::domain::keystroke::INTERRUPT;
use crate::flow::Item;
use crate::relay::client::Side;

/// Most bytes of an answer; what is typed beyond is not taken.
const ANSWER_BYTES: usize = 4 * REASON_CHARS;
const END_OF_FILE: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;
const KILL: u8 = 0x15;

/// Asks, and gives what was answered; `None` for an empty answer.
///
/// # Errors
/// When the client goes away, or its user gives up with Ctrl-C or Ctrl-D.
pub(super) async fn ask(
    question: &str,
    applicant: &mut Applicant<'_>,
) -> Result<Option<String>, String> {
    let mut answer = Answer::default();
    let client = applicant.client;
    let draw = async |answer: &Answer| {
        let line = format!("\r\x1b[Kcountersign: {question}{}", answer.text());
        client.show(Side::Terminal, Bytes::from(line)).await;
    };
    draw(&answer).await;
    loop {
        let Some(item) = applicant.input.next().await else {
            return Err("the client went away".to_owned());
        };
        let data = match item {
            Item::Data(data) => data,
            Item::Message(ChannelMsg::WindowChange {
                col_width,
                row_height,
                pix_width,
                pix_height,
            }) => {
                let start = &mut applicant.start;
                start.resize(col_width, row_height, pix_width, pix_height);
                continue;
            }
            Item::Message(ChannelMsg::Eof) => return Err("the input ended".to_owned()),
            Item::Message(_) | Item::Extended(..) => continue,
        };
        let (taken, end) = answer.take(data.bytes());
        draw(&answer).await;
        if end == End::Open {
            continue;
        }
        client
            .show(Side::Terminal, Bytes::from_static(b"\r\n"))
            .await;
        applicant.input.put_back(Item::Data(data.without(taken)));
        let reason = reason(&answer.text());
        return match end {
            End::Entered | End::Open => Ok(Some(reason).filter(|reason| !reason.is_empty())),
            End::GivenUp => Err("you gave up before anybody was asked".to_owned()),
        };
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Entered,
    GivenUp,
}

#[derive(Debug, Default)]
struct Answer(Vec<u8>);

impl Answer {
    /// Takes keys up to the one that ends the answer; tells how many.
    fn take(&mut self, keys: &[u8]) -> (usize, End) {
        for (at, key) in keys.iter().enumerate() {
            match *key {
                b'\r' | b'\n' => return (at + 1, End::Entered),
                INTERRUPT | END_OF_FILE => return (at + 1, End::GivenUp),
                BACKSPACE | DELETE => self.rub_out(),
                KILL => self.0.clear(),
                control if control < b' ' => {}
                text if self.0.len() < ANSWER_BYTES => self.0.push(text),
                _ => {}
            }
        }
        (keys.len(), End::Open)
    }

    /// Takes the last character away, all bytes of it.
    fn rub_out(&mut self) {
        while let Some(byte) = self.0.pop()
            && byte & 0xc0 == 0x80
        {}
    }

    /// What it is so far, safe to draw.
    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        text.chars()
            .filter(|c| crate::domain::command::shows_as_itself(*c))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_edited_and_ends_where_it_was_entered() {
        let mut answer = Answer::default();
        assert_eq!(answer.take("wrong\x15CHG-1é\x7f".as_bytes()).1, End::Open);
        assert_eq!(answer.take(b"042\rls\r"), (4, End::Entered));
        assert_eq!(answer.text(), "CHG-1042");
        assert_eq!(answer.take(b"x\x03y"), (2, End::GivenUp));
    }

    proptest::proptest! {
        #[test]
        fn any_keys_give_a_text_that_steers_no_terminal(keys: Vec<u8>) {
            let mut answer = Answer::default();
            let _ = answer.take(&keys);
            proptest::prop_assert!(answer.0.len() <= ANSWER_BYTES);
            proptest::prop_assert!(!answer.text().contains(char::is_control));
        }
    }
}
