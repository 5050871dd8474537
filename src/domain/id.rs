//! Identifiers that travel between modules, logs, screens and the store.
//!
//! Every identifier is made from the time and random bytes that the caller hands in: the domain draws no
//! randomness of its own. Short ones (holds, login codes) use Crockford's base 32, which has no look-alikes.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What was wrong with a text that should have been an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not {expected}")]
pub struct IdError {
    given: String,
    expected: &'static str,
}

fn refuse<T>(given: &str, expected: &'static str) -> Result<T, IdError> {
    let given = given.chars().filter(|c| !c.is_control()).take(64).collect();
    Err(IdError { given, expected })
}

fn base32(mut value: u128, digits: u32) -> String {
    let mut text = Vec::new();
    for _ in 0..digits {
        let digit = CROCKFORD.get((value & 31) as usize).copied();
        text.push(char::from(digit.unwrap_or(b'0')));
        value >>= 5;
    }
    text.iter().rev().collect()
}

fn from_base32(text: &str) -> Option<u128> {
    text.bytes().try_fold(0u128, |value, byte| {
        let byte = byte.to_ascii_lowercase();
        let digit = CROCKFORD.iter().position(|c| *c == byte)?;
        value.checked_mul(32)?.checked_add(digit as u128)
    })
}

/// One session: one channel to one target, with one recording. Shown as `s-` and 26 base-32 digits, which sort by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId(Uuid);

impl SessionId {
    /// A new identifier (UUID version 7, RFC 9562) for a session that starts `now`.
    pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s-{}", base32(self.0.as_u128(), 26))
    }
}

impl FromStr for SessionId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = text.strip_prefix("s-").filter(|digits| digits.len() == 26);
        match digits.and_then(from_base32) {
            Some(value) => Ok(Self(Uuid::from_u128(value))),
            None => refuse(text, "a session id such as `s-01j8zq4v9m…` (26 digits)"),
        }
    }
}

/// One hold: one suspended action. Shown as `h-` and six base-32 digits, short enough to say over the phone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HoldId(String);

impl HoldId {
    /// An identifier from 30 of the 32 random bits; the store refuses one that is taken.
    pub fn new(random: u32) -> Self {
        Self(format!("h-{}", base32(u128::from(random), 6)))
    }
}

impl fmt::Display for HoldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HoldId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let text = text.to_ascii_lowercase();
        match text.strip_prefix("h-") {
            Some(digits) if digits.len() == 6 && from_base32(digits).is_some() => Ok(Self(text)),
            Some(_) | None => refuse(&text, "a request id such as `h-7f3k9q`"),
        }
    }
}

/// The code that ties a browser to a waiting terminal. Shown as `QX7K-29MD`; 40 bits, valid for minutes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LoginCode(String);

impl LoginCode {
    /// A code from 40 of the 64 random bits.
    pub fn new(random: u64) -> Self {
        let digits = base32(u128::from(random), 8).to_ascii_uppercase();
        let (left, right) = digits.split_at(4);
        Self(format!("{left}-{right}"))
    }
}

impl fmt::Display for LoginCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for LoginCode {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (left, right) = match text.split_once('-') {
            Some(halves) => halves,
            None => text.split_at_checked(4).unwrap_or((text, "")),
        };
        let whole = |half: &str| half.len() == 4 && from_base32(half).is_some();
        if whole(left) && whole(right) {
            return Ok(Self(format!("{left}-{right}").to_ascii_uppercase()));
        }
        refuse(text, "a sign-in code such as `QX7K-29MD`")
    }
}

macro_rules! serde_by_text {
    ($($name:ty),*) => {$(
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> { text.parse() }
        }
        impl From<$name> for String {
            fn from(id: $name) -> Self { id.to_string() }
        }
    )*};
}
serde_by_text!(SessionId, HoldId, LoginCode);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_read_back_as_they_were_shown() {
        let session = SessionId::new(Timestamp::UNIX_EPOCH, [7; 10]);
        assert_eq!(session.to_string().parse(), Ok(session));
        let hold = HoldId::new(0xdead_beef);
        assert_eq!(hold.to_string().to_uppercase().parse(), Ok(hold));
        let code = LoginCode::new(0x1234_5678_9abc);
        assert_eq!(
            code.to_string().replace('-', "").to_lowercase().parse(),
            Ok(code)
        );
    }

    #[test]
    fn texts_that_are_no_identifiers_are_refused() {
        for text in [
            "",
            "s-",
            "s-zz",
            "h-",
            "h-1234567",
            "h-ilou00",
            "../../etc",
            "s-\u{0}",
        ] {
            assert!(text.parse::<SessionId>().is_err(), "{text}");
            assert!(text.parse::<HoldId>().is_err(), "{text}");
            assert!(text.parse::<LoginCode>().is_err(), "{text}");
        }
    }

    #[test]
    fn sessions_sort_by_the_time_they_started() {
        let early = SessionId::new(Timestamp::from_millisecond(1_000).unwrap(), [255; 10]);
        let late = SessionId::new(Timestamp::from_millisecond(2_000).unwrap(), [0; 10]);
        assert!(early.to_string() < late.to_string());
    }
}
