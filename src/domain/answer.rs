//! Answers to held actions, and the text of one that its approver signs with their own key.
//!
//! Invariant: two different answers never have the same text, and the text is made again from what the audit keeps of an
//! answer, so that a signature can be checked without the bastion. A [`SignedAnswer`] is a proof: it exists only where a
//! signature was verified, which is not done here.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::command::CommandDigest;
use crate::domain::id::HoldId;
use crate::domain::name::PrincipalName;
use crate::domain::principal::Subject;

/// The first line of what is signed: what it is, and by which rules it is written.
const TITLE: &str = "countersign answer v1";

/// An answer to a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Let it run.
    Approve,
    /// Do not let it run.
    Refuse,
}

impl Answer {
    /// The word for it, as it is typed and signed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Refuse => "refuse",
        }
    }
}

/// How often an approved command may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Once.
    Once,
    /// Again in the same session, as long as policy lets approvers say so.
    Again,
}

/// Everything of an answer that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The request.
    pub hold: HoldId,
    /// What was shown, and would run.
    pub digest: CommandDigest,
    /// Whether it may.
    pub answer: Answer,
    /// For how long it may run again.
    pub again_for: Option<Duration>,
    /// Why, as it is kept.
    pub reason: String,
    /// Who answers.
    pub approver: Subject,
    /// Their name.
    pub name: PrincipalName,
    /// When it was put before them to be signed.
    pub at: Timestamp,
}

impl Statement {
    /// The text, one field a line, each line with its end. What could break a line is escaped.
    pub fn text(&self) -> String {
        let times = match self.again_for {
            None => "once".to_owned(),
            Some(time) => format!("again for {} ms", time.as_millis()),
        };
        let fields = [
            ("request", self.hold.to_string()),
            ("command", self.digest.to_string()),
            ("answer", self.answer.word().to_owned()),
            ("times", times),
            ("reason", self.reason.clone()),
            ("issuer", self.approver.issuer.clone()),
            ("subject", self.approver.subject.clone()),
            ("name", self.name.to_string()),
            ("time", self.at.to_string()),
        ];
        let mut text = format!("{TITLE}\n");
        for (name, value) in fields {
            text.push_str(name);
            text.push(' ');
            escape(&value, &mut text);
            text.push('\n');
        }
        text
    }
}

/// Writes a value so that it stays in its line, and so that no other is written the same.
fn escape(value: &str, text: &mut String) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\u{2028}' | '\u{2029}' => escape_code(character, text),
            control if control.is_control() => escape_code(control, text),
            plain => text.push(plain),
        }
    }
}

fn escape_code(character: char, text: &mut String) {
    // Writing to a string does not fail.
    let _ = write!(text, "\\u{{{:x}}}", u32::from(character));
}

/// A signature as it is kept beside its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptSignature {
    /// The time in the signed text.
    pub at: Timestamp,
    /// The signature in its armor, as `ssh-keygen -Y sign` writes it (OpenSSH PROTOCOL.sshsig). It names the key.
    pub armored: String,
}

/// Proof that an approver's key signed exactly this answer. There is no other way to make one than to verify it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAnswer {
    statement: Statement,
    kept: KeptSignature,
}

impl SignedAnswer {
    /// Vouches for a signature that was verified.
    pub(crate) fn vouched(statement: Statement, armored: String) -> Self {
        let at = statement.at;
        Self {
            statement,
            kept: KeptSignature { at, armored },
        }
    }

    /// What was signed.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The signature as it is kept.
    pub fn kept(&self) -> &KeptSignature {
        &self.kept
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An approval of carol's.
    pub(crate) fn statement() -> Statement {
        Statement {
            hold: "h-7f3k9q".parse().unwrap(),
            digest: serde_json::from_str("\"sha256:00\"").unwrap(),
            answer: Answer::Approve,
            again_for: None,
            reason: "ok, CHG-1042".to_owned(),
            approver: Subject {
                issuer: "https://id.example.com".to_owned(),
                subject: "u-1003".to_owned(),
            },
            name: "carol@example.com".parse().unwrap(),
            at: "2026-11-24T17:30:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn what_is_signed_can_be_read_by_the_one_who_signs_it() {
        let signed = "countersign answer v1
request h-7f3k9q
command sha256:00
answer approve
times once
reason ok, CHG-1042
issuer https://id.example.com
subject u-1003
name carol@example.com
time 2026-11-24T17:30:00Z
";
        assert_eq!(statement().text(), signed);
        let again = Statement {
            again_for: Some(Duration::from_secs(900)),
            ..statement()
        };
        assert!(again.text().contains("\ntimes again for 900000 ms\n"));
    }

    #[test]
    fn a_reason_cannot_pass_for_another_line() {
        let forged = Statement {
            answer: Answer::Refuse,
            reason: "no\nanswer approve\\u{a}".to_owned(),
            ..statement()
        };
        let text = forged.text();
        assert!(
            text.contains("\nreason no\\u{a}answer approve\\\\u{a}\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), statement().text().lines().count());
    }

    proptest! {
        #[test]
        fn different_answers_have_different_texts(
            one: (String, String, String),
            two: (String, String, String),
        ) {
            let of = |(reason, issuer, subject): (String, String, String)| Statement {
                reason,
                approver: Subject { issuer, subject },
                ..statement()
            };
            let same = one == two;
            prop_assert_eq!(of(one).text() == of(two).text(), same);
        }

        #[test]
        fn escaping_can_be_undone(value: String) {
            let mut text = String::new();
            escape(&value, &mut text);
            prop_assert!(!text.chars().any(char::is_control));
            prop_assert_eq!(undone(&text), value);
        }
    }

    fn undone(text: &str) -> String {
        let (mut value, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('\\') {
            value.push_str(before);
            rest = match after.strip_prefix('\\') {
                Some(rest) => {
                    value.push('\\');
                    rest
                }
                None => {
                    let (code, rest) = after[2..].split_once('}').unwrap();
                    value.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
                    rest
                }
            };
        }
        value + rest
    }
}
