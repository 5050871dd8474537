//! The protocol of SSH agents (draft-ietf-sshm-ssh-agent), as far as the bastion speaks it: as the agent of a target, and
//! with an approver's own.
//!
//! It owns how requests are cut out of a stream and read, and how answers are written. Invariant: whatever bytes come, a
//! request is read whole or not at all, and what waits is bounded. It holds no key and decides nothing: `relay` does.

use bytes::{Buf, BytesMut};
use russh::keys::PublicKey;
use russh::keys::ssh_key::Signature;
use ssh_encoding::{Decode, Encode, Reader};

/// The longest message that an agent takes, in bytes; the same as OpenSSH's.
pub const MESSAGE_BYTES: usize = 256 * 1024;
/// The length in front of each message.
const LENGTH_BYTES: usize = 4;

const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
/// What the keys that may log in take: flags choose the hash of RSA keys.
const NO_FLAGS: u32 = 0;

/// What others say is no agent's protocol, or an answer cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A message is empty or longer than any is.
    #[error("a message of {0} bytes, which no agent takes")]
    Length(usize),
    /// A message is none that can be read.
    #[error("a message that cannot be read")]
    Malformed,
    /// An answer cannot be written.
    #[error("an answer cannot be written: {0}")]
    Encoding(#[from] ssh_encoding::Error),
    /// A key cannot be written.
    #[error("a key cannot be written: {0}")]
    Key(#[from] russh::keys::ssh_key::Error),
}

/// Cuts messages out of a stream.
#[derive(Debug, Default)]
pub struct Messages {
    waiting: BytesMut,
}

impl Messages {
    /// Takes in more of the stream. Whoever takes every [`Messages::take`] before more never keeps above one message
    /// and what came with its end.
    pub fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The next whole message, without its length, when it is there.
    ///
    /// # Errors
    /// When it is none that an agent takes: the stream cannot be read on.
    pub fn take(&mut self) -> Result<Option<Vec<u8>>, AgentError> {
        let Some(length) = self.waiting.first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if !(1..=MESSAGE_BYTES).contains(&length) {
            return Err(AgentError::Length(length));
        }
        if self.waiting.len() < LENGTH_BYTES + length {
            return Ok(None);
        }
        self.waiting.advance(LENGTH_BYTES);
        Ok(Some(self.waiting.split_to(length).to_vec()))
    }
}

/// What an agent is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Which keys it has.
    Identities,
    /// To sign something.
    Sign {
        /// The key, as it is written in certificates and signatures.
        key: Vec<u8>,
        /// What to sign.
        data: Vec<u8>,
    },
    /// Anything else, which the bastion's own agent does not do.
    Other,
}

impl Request {
    /// Reads a message.
    ///
    /// # Errors
    /// When it is a request to sign that does not end where it should.
    pub fn read(message: &[u8]) -> Result<Self, AgentError> {
        match message.split_first() {
            Some((&REQUEST_IDENTITIES, [])) => Ok(Self::Identities),
            Some((&SIGN_REQUEST, mut rest)) => {
                let malformed = |_| AgentError::Malformed;
                let key = Vec::<u8>::decode(&mut rest).map_err(malformed)?;
                let data = Vec::<u8>::decode(&mut rest).map_err(malformed)?;
                let _flags = u32::decode(&mut rest).map_err(malformed)?;
                match rest.is_finished() {
                    true => Ok(Self::Sign { key, data }),
                    false => Err(AgentError::Malformed),
                }
            }
            Some(_) | None => Ok(Self::Other),
        }
    }
}

/// A message with its length, as it goes over a stream.
///
/// # Errors
/// When it is longer than any message is.
pub fn framed(message: &[u8]) -> Result<Vec<u8>, AgentError> {
    if message.len() > MESSAGE_BYTES {
        return Err(AgentError::Length(message.len()));
    }
    let mut framed = Vec::with_capacity(LENGTH_BYTES + message.len());
    message.encode(&mut framed)?;
    Ok(framed)
}

/// The request for an agent's keys.
pub fn identities_request() -> Vec<u8> {
    vec![REQUEST_IDENTITIES]
}

/// The request to sign something with a key.
///
/// # Errors
/// When it cannot be written.
pub fn sign_request(key: &PublicKey, data: &[u8]) -> Result<Vec<u8>, AgentError> {
    let mut request = vec![SIGN_REQUEST];
    wire(key)?.encode(&mut request)?;
    data.encode(&mut request)?;
    NO_FLAGS.encode(&mut request)?;
    Ok(request)
}

/// Whether an agent's answer names this key among its own.
///
/// # Errors
/// When it is no list of keys that can be read.
pub fn has(answer: &[u8], key: &PublicKey) -> Result<bool, AgentError> {
    let malformed = |_| AgentError::Malformed;
    let (count, mut rest) = listed(answer).ok_or(AgentError::Malformed)?;
    let key = wire(key)?;
    for _ in 0..count {
        let other = Vec::<u8>::decode(&mut rest).map_err(malformed)?;
        let _comment = Vec::<u8>::decode(&mut rest).map_err(malformed)?;
        if other == key {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The signature in an agent's answer; `None` when it did not sign. It is not verified.
///
/// # Errors
/// When it is neither a signature that can be read nor a refusal.
pub fn signature_in(answer: &[u8]) -> Result<Option<Signature>, AgentError> {
    match answer.split_first() {
        Some((&FAILURE, _)) => Ok(None),
        Some((&SIGN_RESPONSE, mut rest)) => {
            let inner = Vec::<u8>::decode(&mut rest).map_err(|_| AgentError::Malformed)?;
            let mut inner = inner.as_slice();
            let signature = Signature::decode(&mut inner).map_err(|_| AgentError::Malformed)?;
            match rest.is_finished() && inner.is_finished() {
                true => Ok(Some(signature)),
                false => Err(AgentError::Malformed),
            }
        }
        Some(_) | None => Err(AgentError::Malformed),
    }
}

/// The answer that it cannot be done.
pub fn failure() -> Vec<u8> {
    vec![FAILURE]
}

/// The answer that the agent has this key, and those of another agent's answer where there is one that can be read.
///
/// # Errors
/// When the key cannot be written.
pub fn identities(
    key: &PublicKey,
    comment: &str,
    others: Option<&[u8]>,
) -> Result<Vec<u8>, AgentError> {
    let (count, rest) = others.and_then(listed).unwrap_or_default();
    let mut answer = vec![IDENTITIES_ANSWER];
    count.saturating_add(1).encode(&mut answer)?;
    wire(key)?.encode(&mut answer)?;
    comment.encode(&mut answer)?;
    answer.extend_from_slice(rest);
    Ok(answer)
}

/// The keys of an answer, counted, when it holds exactly as many as it says.
fn listed(answer: &[u8]) -> Option<(u32, &[u8])> {
    let (&IDENTITIES_ANSWER, mut rest) = answer.split_first()? else {
        return None;
    };
    let count = u32::decode(&mut rest).ok()?;
    let keys = rest;
    for _ in 0..count {
        let _key = Vec::<u8>::decode(&mut rest).ok()?;
        let _comment = Vec::<u8>::decode(&mut rest).ok()?;
    }
    rest.is_finished().then_some((count, keys))
}

/// The answer that holds a signature.
///
/// # Errors
/// When it cannot be written.
pub fn signature(signature: &Signature) -> Result<Vec<u8>, AgentError> {
    let mut inner = Vec::new();
    signature.encode(&mut inner)?;
    let mut answer = vec![SIGN_RESPONSE];
    inner.encode(&mut answer)?;
    Ok(answer)
}

/// A public key as it is written in requests and signatures.
///
/// # Errors
/// When it cannot be written.
pub fn wire(key: &PublicKey) -> Result<Vec<u8>, AgentError> {
    Ok(key.to_bytes()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use russh::keys::ssh_key::Algorithm;

    use super::*;

    fn key() -> PublicKey {
        let text =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
        text.parse().unwrap()
    }

    #[test]
    fn messages_are_cut_out_of_a_stream_however_it_comes_in() {
        let stream = [framed(&[11]).unwrap(), framed(&[99, 1, 2]).unwrap()].concat();
        let mut messages = Messages::default();
        let mut found = Vec::new();
        for byte in stream {
            messages.push(&[byte]);
            found.extend(messages.take().unwrap());
        }
        assert_eq!(found, [vec![11], vec![99, 1, 2]]);
    }

    #[test]
    fn a_message_that_is_too_long_or_empty_ends_the_stream_before_it_came() {
        for length in [0, MESSAGE_BYTES as u32 + 1, u32::MAX] {
            let mut messages = Messages::default();
            messages.push(&length.to_be_bytes());
            assert!(messages.take().is_err(), "{length}");
        }
    }

    #[test]
    fn a_request_to_sign_is_read_whole_or_not_at_all() {
        let mut message = vec![SIGN_REQUEST];
        b"key".as_slice().encode(&mut message).unwrap();
        b"data".as_slice().encode(&mut message).unwrap();
        0u32.encode(&mut message).unwrap();
        let (key, data) = (b"key".to_vec(), b"data".to_vec());
        assert_eq!(
            Request::read(&message).unwrap(),
            Request::Sign { key, data }
        );
        for length in 1..message.len() {
            assert!(Request::read(&message[..length]).is_err(), "{length}");
        }
        message.push(0);
        assert!(Request::read(&message).is_err());
    }

    #[test]
    fn the_keys_of_another_agent_stand_behind_ours_when_they_can_be_read() {
        let theirs = identities(&key(), "theirs", None).unwrap();
        let both = identities(&key(), "ours", Some(&theirs)).unwrap();
        assert_eq!(listed(&both).unwrap().0, 2);
        let alone = identities(&key(), "ours", None).unwrap();
        let mut lying = theirs;
        lying[4] = 200;
        assert_eq!(identities(&key(), "ours", Some(&lying)).unwrap(), alone);
        assert_eq!(identities(&key(), "ours", Some(&failure())).unwrap(), alone);
    }

    #[test]
    fn an_agent_has_the_keys_that_it_names() {
        let answer = identities(&key(), "theirs", None).unwrap();
        assert!(has(&answer, &key()).unwrap());
        let other =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";
        assert!(!has(&answer, &other.parse().unwrap()).unwrap());
        assert!(has(&failure(), &key()).is_err());
    }

    #[test]
    fn what_an_agent_is_asked_to_sign_is_read_as_such() {
        let request = sign_request(&key(), b"data").unwrap();
        let asked = Request::Sign {
            key: wire(&key()).unwrap(),
            data: b"data".to_vec(),
        };
        assert_eq!(Request::read(&request).unwrap(), asked);
    }

    #[test]
    fn a_signature_is_read_whole_or_not_at_all() {
        let signed = Signature::new(Algorithm::Ed25519, vec![7; 64]).unwrap();
        let mut answer = signature(&signed).unwrap();
        assert_eq!(signature_in(&answer).unwrap(), Some(signed));
        assert_eq!(signature_in(&failure()).unwrap(), None);
        for length in 0..answer.len() {
            assert!(signature_in(&answer[..length]).is_err(), "{length}");
        }
        answer.push(0);
        assert!(signature_in(&answer).is_err());
    }

    proptest! {
        #[test]
        fn any_stream_is_cut_or_refused(pieces: Vec<Vec<u8>>) {
            let mut messages = Messages::default();
            for piece in pieces {
                messages.push(&piece);
                while let Ok(Some(message)) = messages.take() {
                    prop_assert!((1..=MESSAGE_BYTES).contains(&message.len()));
                    let _ = Request::read(&message);
                }
            }
        }

        #[test]
        fn any_message_is_read_or_refused(bytes: Vec<u8>, kind in 0u8..30) {
            let message = [&[kind], bytes.as_slice()].concat();
            let _ = Request::read(&message);
            let _ = signature_in(&message);
            let _ = has(&message, &key());
            let answer = identities(&key(), "ours", Some(&message)).unwrap();
            prop_assert!(listed(&answer).is_some());
        }
    }
}
