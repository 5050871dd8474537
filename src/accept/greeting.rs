//! The version lines (RFC 4253 section 4.2), before the library takes over: what a client calls itself decides which
//! ciphers it is offered, and whoever speaks something else is noticed at its first bytes.
//!
//! The library writes and reads these lines itself. [`Greeted`] therefore drops the line that was sent already from what
//! the library writes, and gives it what was read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::VERSION;

/// The longest version line, with its end.
const LINE_BYTES: usize = 255;
/// How version lines of clients begin.
const PREFIXES: [&[u8]; 2] = [b"SSH-2.0-", b"SSH-1.99-"];
/// The first OpenSSH that has AES-GCM: major, minor.
const FIRST_WITH_GCM: (u32, u32) = (6, 2);

/// How clients call themselves that may know no MAC which is computed after encryption.
const OLD_MACS: [&str; 2] = ["dropbear", "libssh2_"];

/// A client that does not speak SSH.
#[derive(Debug, thiserror::Error)]
pub enum GreetingError {
    /// The connection broke.
    #[error("no version line: {0}")]
    Closed(#[from] io::Error),
    /// It said something else, or more than a version line may be.
    #[error("not a version line of SSH")]
    NotSsh,
}

/// What a client calls itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientVersion(String);

impl ClientVersion {
    /// Whether it may know nothing but MACs that are computed before encryption.
    pub fn needs_old_macs(&self) -> bool {
        let software = self.0.split('-').nth(2).unwrap_or_default();
        OLD_MACS.iter().any(|old| software.starts_with(old))
    }

    /// Whether it has AES-GCM for sure. Such a client may still prefer another cipher that it is offered: OpenSSH before
    /// version 10 does.
    pub fn has_gcm(&self) -> bool {
        let Some((_, software)) = self.0.split_once("-OpenSSH_") else {
            return false;
        };
        let software = software.strip_prefix("for_Windows_").unwrap_or(software);
        let mut numbers = software.split(|c: char| !c.is_ascii_digit());
        let mut number = || numbers.next().and_then(|digits| digits.parse().ok());
        match (number(), number()) {
            (Some(major), Some(minor)) => (major, minor) >= FIRST_WITH_GCM,
            (Some(_) | None, Some(_) | None) => false,
        }
    }
}

/// A socket on which both version lines have passed.
#[derive(Debug)]
pub struct Greeted<S> {
    socket: S,
    unread: Bytes,
    /// Bytes of our line that the library is still to write.
    said: usize,
}

/// Sends our version line and reads the client's. Has no deadline of its own.
///
/// # Errors
/// When the client does not send one.
pub async fn greet<S>(mut socket: S) -> Result<(Greeted<S>, ClientVersion), GreetingError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let ours = format!("{VERSION}\r\n");
    socket.write_all(ours.as_bytes()).await?;
    socket.flush().await?;
    let mut read = BytesMut::with_capacity(2 * LINE_BYTES);
    let line = loop {
        if socket.read_buf(&mut read).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        if !PREFIXES.iter().any(|prefix| may_become(&read, prefix)) {
            return Err(GreetingError::NotSsh);
        }
        if let Some(line) = line(&read)? {
            break line;
        }
    };
    let greeted = Greeted {
        socket,
        unread: read.freeze(),
        said: ours.len(),
    };
    Ok((greeted, line))
}

/// Whether bytes begin with the prefix, as far as they go.
fn may_become(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.iter().zip(prefix).all(|(a, b)| a == b)
}

fn line(read: &[u8]) -> Result<Option<ClientVersion>, GreetingError> {
    match read.iter().position(|byte| *byte == b'\n') {
        Some(end) if end < LINE_BYTES => {
            let line = read.get(..end).unwrap_or_default();
            let line = String::from_utf8_lossy(line);
            Ok(Some(ClientVersion(line.trim_end().to_owned())))
        }
        None if read.len() < LINE_BYTES => Ok(None),
        Some(_) | None => Err(GreetingError::NotSsh),
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Greeted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.has_remaining() {
            let taken = self.unread.len().min(buffer.remaining());
            buffer.put_slice(&self.unread.split_to(taken));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.said > 0 {
            let dropped = self.said.min(bytes.len());
            self.said -= dropped;
            return Poll::Ready(Ok(dropped));
        }
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn greeted_by(bytes: &[u8]) -> Result<(Vec<u8>, ClientVersion), GreetingError> {
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        theirs.write_all(bytes).await.unwrap();
        theirs.shutdown().await.unwrap();
        let (mut greeted, version) = greet(ours).await?;
        let mut read = Vec::new();
        greeted.read_to_end(&mut read).await?;
        Ok((read, version))
    }

    #[tokio::test]
    async fn the_library_reads_and_writes_as_if_nothing_had_passed() {
        let sent = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\0\0\x04\x0crest of a packet";
        let (read, version) = greeted_by(sent).await.unwrap();
        assert_eq!(read, sent);
        assert_eq!(version.0, "SSH-2.0-OpenSSH_9.2p1 Debian-2");

        let (ours, mut theirs) = tokio::io::duplex(1024);
        theirs.write_all(sent).await.unwrap();
        let (mut greeted, _) = greet(ours).await.unwrap();
        let line = format!("{VERSION}\r\n");
        greeted.write_all(line.as_bytes()).await.unwrap();
        greeted.write_all(b"packet").await.unwrap();
        drop(greeted);
        let mut seen = Vec::new();
        theirs.read_to_end(&mut seen).await.unwrap();
        assert_eq!(seen, format!("{line}packet").into_bytes());
    }

    #[tokio::test]
    async fn what_is_not_ssh_is_noticed_at_its_first_bytes_and_a_line_has_an_end() {
        let endless = [b"SSH-2.0-".to_vec(), vec![b'x'; 10_000]].concat();
        let late = [b"SSH-2.0-".to_vec(), vec![b'x'; 250], b"\r\n".to_vec()].concat();
        for wrong in [&b"G"[..], b"SSH-1.5-old\n", b"\r\n\r\n", &endless, &late] {
            let greeted = greeted_by(wrong).await;
            assert!(matches!(greeted, Err(GreetingError::NotSsh)), "{greeted:?}");
        }
        let half = greeted_by(b"SSH-2.0-half").await;
        assert!(matches!(half, Err(GreetingError::Closed(_))), "{half:?}");
    }

    #[test]
    fn openssh_has_gcm_since_6_2_and_of_others_it_is_not_known() {
        let has = |version: &str| ClientVersion(format!("SSH-2.0-{version}")).has_gcm();
        for with in [
            "OpenSSH_9.2p1 Debian-2+deb12u10",
            "OpenSSH_6.2",
            "OpenSSH_10.0p2",
            "OpenSSH_for_Windows_8.1",
        ] {
            assert!(has(with), "{with}");
        }
        for without in [
            "OpenSSH_6.1p1",
            "OpenSSH_",
            "OpenSSH_x.y",
            "PuTTY_Release_0.74",
            "Go",
            "",
        ] {
            assert!(!has(without), "{without}");
        }
    }

    #[test]
    fn only_dropbear_and_libssh2_need_old_macs() {
        let needs = |version: &str| ClientVersion(format!("SSH-2.0-{version}")).needs_old_macs();
        assert!(needs("dropbear_2022.83") && needs("dropbear") && needs("libssh2_1.10.0"));
        assert!(!needs("OpenSSH_9.2") && !needs("libssh_0.10.6") && !needs(""));
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_client_says_nothing_panics_and_nothing_is_lost(
            ssh: bool, bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600),
        ) {
            let mut all = if ssh { b"SSH-2.0-OpenSSH_".to_vec() } else { Vec::new() };
            all.extend(bytes);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            if let Ok((read, version)) = runtime.block_on(greeted_by(&all)) {
                let _ = version.has_gcm();
                proptest::prop_assert_eq!(read, all);
            }
        }
    }
}
