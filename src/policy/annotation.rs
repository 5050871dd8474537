//! Annotations of a policy: its name, its sentence for people, and how much a request takes.
//!
//! Annotations give quantities only; who may do what is the policy's own text. Unknown ones are refused, so
//! that `@aprovals("2")` is told to its author instead of being ignored.

use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::time::Duration;

use crate::domain::action::{ReasonRule, Requirements, SignatureRule};
use crate::domain::verdict::Tell;

/// Approvals that a request takes when no matching policy says.
pub const DEFAULT_APPROVALS: NonZeroU8 = NonZeroU8::MIN;

/// How long a request waits when no matching policy says.
pub const DEFAULT_EXPIRY: Duration = Duration::from_secs(10 * 60);

/// Whether a request takes a reason when no matching policy says.
pub const DEFAULT_REASON: ReasonRule = ReasonRule::Optional;

/// Shortest time a request may wait.
pub const SHORTEST_EXPIRY: Duration = Duration::from_secs(10);

/// Longest time a request may wait.
pub const LONGEST_EXPIRY: Duration = Duration::from_secs(24 * 60 * 60);

/// Longest time for which a command may be let run again.
pub const LONGEST_AGAIN: Duration = Duration::from_secs(8 * 60 * 60);

/// Most approvals a request may take.
pub const MOST_APPROVALS: u8 = 9;

/// Longest sentence for people, in characters.
pub const TITLE_CHARS: usize = 200;

/// Longest name of a policy, in bytes.
pub const NAME_BYTES: usize = 64;

/// What a policy's annotations say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) name: Option<String>,
    pub(super) title: Option<String>,
    pub(super) approvals: Option<NonZeroU8>,
    pub(super) expires: Option<Duration>,
    pub(super) reason: Option<ReasonRule>,
    pub(super) tell: Option<Tell>,
    pub(super) again: Option<Duration>,
    pub(super) signed: Option<SignatureRule>,
}

/// What a policy is about, as far as its annotations can count for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// It permits requests and nothing else.
    Requests,
    /// It permits to watch and nothing else.
    Watching,
    /// It forbids, or permits something else too.
    Other,
}

impl Terms {
    /// Reads annotations, and says everything that is wrong with them: also those that would count for nothing.
    pub(super) fn read<'a>(
        annotations: impl Iterator<Item = (&'a str, &'a str)>,
        about: About,
    ) -> (Self, Vec<String>) {
        let mut terms = Self::default();
        let mut problems = Vec::new();
        for (key, value) in annotations {
            if key == "tell" && about != About::Watching {
                problems.push(
                    "`@tell` counts only on a permit of `action == Action::\"watch\"`".to_owned(),
                );
            } else if matches!(key, "approvals" | "expires" | "reason" | "again" | "signed")
                && about != About::Requests
            {
                problems.push(format!(
                    "`@{key}` counts only on a permit whose actions are all requests, such as `action == Action::\"request:exec\"`"
                ));
            } else if let Err(problem) = terms.take(key, value) {
                problems.push(problem);
            }
        }
        (terms, problems)
    }

    fn take(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "id" => self.name = Some(name(value)?),
            "title" => self.title = Some(title(value)?),
            "approvals" => self.approvals = Some(approvals(value)?),
            "expires" => self.expires = Some(expiry(value)?),
            "reason" => self.reason = Some(reason(value)?),
            "again" => self.again = Some(again(value)?),
            "signed" => self.signed = Some(signed(value)?),
            "tell" => self.tell = Some(tell(value)?),
            _ => {
                return Err(format!(
                    "unknown annotation `@{key}`: use `@id`, `@title`, `@approvals`, `@expires`, `@reason`, `@again`, `@signed` or `@tell`"
                ));
            }
        }
        Ok(())
    }
}

/// What it takes when all these policies let something be requested: of each quantity the strictest that is given.
/// The sentence is that of the strictest policy that has one.
pub(super) fn strictest(matched: &BTreeMap<&str, &Terms>) -> Requirements {
    let approvals = matched.values().filter_map(|t| t.approvals).max();
    let expires = matched.values().filter_map(|t| t.expires).min();
    let reason = matched.values().filter_map(|t| t.reason).max();
    let signed = matched.values().filter_map(|t| t.signed).max();
    // Whoever does not say so does not let it.
    let every = matched.values().all(|t| t.again.is_some());
    let again = matched.values().filter_map(|t| t.again).min();
    let mut titled: Vec<&Terms> = matched.values().copied().collect();
    titled.retain(|terms| terms.title.is_some());
    titled.sort_by_key(|terms| {
        (
            std::cmp::Reverse(terms.approvals.unwrap_or(DEFAULT_APPROVALS)),
            std::cmp::Reverse(terms.reason.unwrap_or(DEFAULT_REASON)),
            terms.expires.unwrap_or(DEFAULT_EXPIRY),
        )
    });
    Requirements {
        approvals: approvals.unwrap_or(DEFAULT_APPROVALS),
        expires_in: expires.unwrap_or(DEFAULT_EXPIRY),
        reason: reason.unwrap_or(DEFAULT_REASON),
        again_for: again.filter(|_| every),
        signed: signed.unwrap_or_default(),
        policies: matched.keys().map(|name| (*name).to_owned()).collect(),
        sentence: titled.first().and_then(|terms| terms.title.clone()),
    }
}

fn name(value: &str) -> Result<String, String> {
    let allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    if (1..=NAME_BYTES).contains(&value.len()) && value.chars().all(allowed) {
        Ok(value.to_owned())
    } else {
        Err(format!(
            "`@id` is `{value}`: use 1 to {NAME_BYTES} lower-case letters, digits, `-`, `_` and `.`"
        ))
    }
}

fn title(value: &str) -> Result<String, String> {
    let length = value.chars().count();
    if (1..=TITLE_CHARS).contains(&length) && !value.chars().any(char::is_control) {
        Ok(value.to_owned())
    } else {
        Err(format!(
            "`@title` must be one line of 1 to {TITLE_CHARS} characters"
        ))
    }
}

fn approvals(value: &str) -> Result<NonZeroU8, String> {
    let number = value.parse::<NonZeroU8>().ok();
    number
        .filter(|n| n.get() <= MOST_APPROVALS && value.len() == 1)
        .ok_or_else(|| {
            format!("`@approvals` is `{value}`: use a number from 1 to {MOST_APPROVALS}")
        })
}

fn expiry(value: &str) -> Result<Duration, String> {
    let within = |time: &Duration| (SHORTEST_EXPIRY..=LONGEST_EXPIRY).contains(time);
    time(value).filter(within).ok_or_else(|| {
        format!(
            "`@expires` is `{value}`: use a time from `10s` to `24h`, such as `90s`, `10m` or `1h`"
        )
    })
}

fn again(value: &str) -> Result<Duration, String> {
    let within = |time: &Duration| (SHORTEST_EXPIRY..=LONGEST_AGAIN).contains(time);
    time(value).filter(within).ok_or_else(|| {
        format!("`@again` is `{value}`: use a time from `10s` to `8h`, such as `15m`")
    })
}

/// A number with its unit: `90s`, `10m`, `1h`.
fn time(value: &str) -> Option<Duration> {
    value
        .char_indices()
        .last()
        .and_then(|(at, unit)| {
            let factor = match unit {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                _ => return None,
            };
            let digits = value.get(..at)?;
            let plain =
                (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse::<u64>().ok()?.checked_mul(factor))?
        })
        .map(Duration::from_secs)
}

fn reason(value: &str) -> Result<ReasonRule, String> {
    match value {
        "required" => Ok(ReasonRule::Required),
        "optional" => Ok(ReasonRule::Optional),
        _ => Err(format!(
            "`@reason` is `{value}`: use `required` or `optional`"
        )),
    }
}

fn signed(value: &str) -> Result<SignatureRule, String> {
    match value {
        "required" => Ok(SignatureRule::Required),
        "optional" => Ok(SignatureRule::Optional),
        _ => Err(format!(
            "`@signed` is `{value}`: use `required` or `optional`"
        )),
    }
}

fn tell(value: &str) -> Result<Tell, String> {
    match value {
        "owner" => Ok(Tell::Owner),
        "nobody" => Ok(Tell::Nobody),
        _ => Err(format!("`@tell` is `{value}`: use `owner` or `nobody`")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Terms, Vec<String>> {
        match Terms::read(pairs.iter().copied(), About::Requests) {
            (terms, problems) if problems.is_empty() => Ok(terms),
            (_, problems) => Err(problems),
        }
    }

    #[test]
    fn quantities_are_read() {
        let terms = read(&[
            ("approvals", "2"),
            ("expires", "90s"),
            ("reason", "required"),
        ]);
        let terms = terms.unwrap();
        assert_eq!(terms.approvals.map(NonZeroU8::get), Some(2));
        assert_eq!(terms.expires, Some(Duration::from_secs(90)));
        assert_eq!(terms.reason, Some(ReasonRule::Required));
    }

    #[test]
    fn values_out_of_bounds_and_unknown_annotations_are_refused() {
        for (key, value) in [
            ("approvals", "0"),
            ("approvals", "10"),
            ("approvals", "+2"),
            ("approvals", ""),
            ("expires", "9s"),
            ("expires", "25h"),
            ("expires", "10"),
            ("expires", "-10m"),
            ("expires", "10 m"),
            ("expires", "1ö"),
            ("expires", ""),
            ("reason", "Required"),
            ("signed", "yes"),
            ("again", "9h"),
            ("again", "5"),
            ("id", "Two Words"),
            ("id", ""),
            ("title", ""),
            ("title", "two\nlines"),
            ("aprovals", "2"),
        ] {
            assert!(read(&[(key, value)]).is_err(), "@{key}({value:?})");
        }
    }

    #[test]
    fn quantities_that_would_count_for_nothing_are_refused() {
        let pairs = [("approvals", "2"), ("title", "a sentence")];
        let (terms, problems) = Terms::read(pairs.into_iter(), About::Other);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(terms.title.as_deref(), Some("a sentence"));
    }

    #[test]
    fn only_a_permit_to_watch_says_who_is_told() {
        let tell = |value, about| Terms::read([("tell", value)].into_iter(), about);
        let (terms, problems) = tell("owner", About::Watching);
        assert_eq!((terms.tell, problems.len()), (Some(Tell::Owner), 0));
        for (value, about) in [
            ("Owner", About::Watching),
            ("owner", About::Requests),
            ("owner", About::Other),
        ] {
            assert_eq!(tell(value, about).1.len(), 1, "{value} {about:?}");
        }
    }

    #[test]
    fn of_each_quantity_the_strictest_counts() {
        let few = read(&[("approvals", "1"), ("expires", "30s"), ("title", "few")]).unwrap();
        let many = read(&[("approvals", "3"), ("expires", "2h"), ("title", "many")]).unwrap();
        let silent = read(&[("reason", "required")]).unwrap();
        let all = BTreeMap::from([("few", &few), ("many", &many), ("silent", &silent)]);
        let asked = strictest(&all);
        assert_eq!(asked.approvals.get(), 3);
        assert_eq!(asked.expires_in, Duration::from_secs(30));
        assert_eq!(asked.reason, ReasonRule::Required);
        assert_eq!(asked.sentence.as_deref(), Some("many"));
        assert_eq!(asked.policies.len(), 3);
    }

    #[test]
    fn a_signature_is_needed_where_one_matching_policy_says_so() {
        let rule = |value| read(&[("signed", value)]).unwrap();
        let (required, optional, silent) = (rule("required"), rule("optional"), Terms::default());
        let of = |one, two| strictest(&BTreeMap::from([("one", one), ("two", two)])).signed;
        assert_eq!(of(&silent, &required), SignatureRule::Required);
        assert_eq!(of(&optional, &required), SignatureRule::Required);
        assert_eq!(of(&optional, &silent), SignatureRule::Optional);
    }

    #[test]
    fn a_command_runs_again_only_where_every_matching_policy_says_so() {
        let again = |time| read(&[("again", time)]).unwrap();
        let (long, short) = (again("30m"), again("90s"));
        let silent = Terms::default();
        let of = |all: &[&Terms]| {
            let named = ["one", "two"].into_iter().zip(all.iter().copied());
            strictest(&named.collect()).again_for
        };
        assert_eq!(of(&[&long, &short]), Some(Duration::from_secs(90)));
        assert_eq!(of(&[&long, &silent]), None);
        assert_eq!(of(&[&silent]), None);
    }

    #[test]
    fn without_annotations_the_defaults_count() {
        let silent = Terms::default();
        let asked = strictest(&BTreeMap::from([("silent", &silent)]));
        assert_eq!(asked.approvals, DEFAULT_APPROVALS);
        assert_eq!(asked.expires_in, DEFAULT_EXPIRY);
        assert_eq!(asked.reason, DEFAULT_REASON);
        assert_eq!(asked.sentence, None);
    }

    proptest! {
        #[test]
        fn any_annotation_is_read_or_refused(key in "\\PC{0,12}", value in "\\PC{0,12}") {
            let _ = read(&[(&key, &value), ("expires", &value), ("approvals", &value)]);
        }
    }
}
