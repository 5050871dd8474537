//! Telling a client why it is not served, before any key exchange: our version line and a disconnect (RFC 4253
//! sections 4.2 and 11.1), which `ssh` shows to its user.
//!
//! It costs one small write and a short wait, and only so many clients at a time are told; the others are cut off.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;

use super::VERSION;

/// Clients that are being told at a time.
const AT_ONCE: usize = 32;
/// How long one of them may take to read it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of what it sent before that are read, so that the system does not reset the connection under our words.
const READ_BYTES: u64 = 16 * 1024;

const DISCONNECT: u8 = 1;
/// SSH_DISCONNECT_TOO_MANY_CONNECTIONS.
const TOO_MANY_CONNECTIONS: u32 = 12;
/// Unencrypted packets are multiples of this, with that much padding at the least (RFC 4253 section 6).
const BLOCK_BYTES: usize = 8;
const LEAST_PADDING: usize = 4;

static SEATS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(AT_ONCE));

/// Tells the client on `socket` that there are too many connections, in the words of `reason`, and closes it.
pub async fn too_many(socket: impl AsyncRead + AsyncWrite + Unpin, reason: &str) {
    within(PATIENCE, socket, reason).await;
}

async fn within(patience: Duration, mut socket: impl AsyncRead + AsyncWrite + Unpin, reason: &str) {
    let Ok(_seat) = SEATS.try_acquire() else {
        return;
    };
    let telling = async {
        socket.write_all(&words(reason)).await?;
        // The client ends the connection. Told that there will be no more, `ssh -W` would go before `ssh` has read it.
        socket.flush().await?;
        let mut rest = (&mut socket).take(READ_BYTES);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    // Whoever does not listen is not waited for.
    let _ = tokio::time::timeout(patience, telling).await;
}

fn words(reason: &str) -> Vec<u8> {
    let mut payload = vec![DISCONNECT];
    payload.extend(TOO_MANY_CONNECTIONS.to_be_bytes());
    for text in [reason, ""] {
        payload.extend(length(text.len()).to_be_bytes());
        payload.extend(text.as_bytes());
    }
    let before_padding = 5 + payload.len() + LEAST_PADDING;
    let padding = LEAST_PADDING + before_padding.next_multiple_of(BLOCK_BYTES) - before_padding;
    let mut words = format!("{VERSION}\r\n").into_bytes();
    words.extend(length(1 + payload.len() + padding).to_be_bytes());
    words.push(u8::try_from(padding).unwrap_or(u8::MAX));
    words.extend(payload);
    words.resize(words.len() + padding, 0);
    words
}

/// Our own words are short.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_a_version_line_and_one_whole_packet() {
        for length in 0..20 {
            let reason = "x".repeat(length);
            let words = words(&reason);
            let end = words.iter().position(|byte| *byte == b'\n').unwrap() + 1;
            assert!(words.starts_with(b"SSH-2.0-Countersign_"));
            let packet = &words[end..];
            let told = u32::from_be_bytes(packet[..4].try_into().unwrap()) as usize;
            assert_eq!(packet.len(), 4 + told);
            assert_eq!(packet.len() % BLOCK_BYTES, 0);
            let padding = usize::from(packet[4]);
            assert!((LEAST_PADDING..LEAST_PADDING + BLOCK_BYTES).contains(&padding));
            assert_eq!(told, 1 + 1 + 4 + 4 + length + 4 + padding);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_neither_reads_nor_leaves_is_not_waited_for() {
        let (socket, _client) = tokio::io::duplex(8);
        let telling = within(Duration::from_millis(5), socket, "enough");
        let told = tokio::time::timeout(PATIENCE, telling).await;
        assert!(told.is_ok());
    }
}
