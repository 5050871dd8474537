//! The PROXY protocol, version 2: what a load balancer says of a connection before its client's first byte.
//!
//! The header is believed only from peers that the configuration names, and there it must come. It is read to its last
//! byte and not one further, within a deadline and a size. Version 1 is not understood: a header of text could be made
//! by a client. Its optional extensions are skipped. <https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>

use std::net::IpAddr;
use std::time::Duration;

use ppp::v2::{Addresses, Command, Header, ParseError, Protocol};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How long a proxy may take to send its header.
const DEADLINE: Duration = Duration::from_secs(5);
/// Signature, version and command, family, and the length of the rest.
const FIXED_BYTES: usize = 16;
/// Addresses and extensions; those of large load balancers take some hundred bytes.
const REST_BYTES: usize = 2048;

/// Where a connection comes from, by its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The proxy forwards for a client at that address.
    Client(IpAddr),
    /// The proxy connects for itself, such as to see whether the bastion is alive.
    Proxy,
}

/// A connection from a proxy whose source cannot be known.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// There was none before the deadline.
    #[error("no PROXY header within {} s", DEADLINE.as_secs())]
    Late,
    /// The proxy closed the connection, or it broke.
    #[error("no PROXY header: {0}")]
    Closed(#[from] std::io::Error),
    /// What came is none.
    #[error("not a PROXY header of version 2: {0}")]
    Malformed(#[from] ParseError),
    /// It says that it is longer than any that is expected.
    #[error("a PROXY header of {0} bytes is too long")]
    TooLong(usize),
    /// It forwards something that did not come over TCP.
    #[error("the PROXY header names no TCP client")]
    NoClient,
}

/// Reads the header that must come first on a connection from a proxy.
///
/// # Errors
/// When it is late, too long, malformed or names no TCP client: the connection must be closed.
pub async fn read(socket: &mut (impl AsyncRead + Unpin)) -> Result<Source, ProxyError> {
    within(DEADLINE, socket).await
}

async fn within(
    deadline: Duration,
    socket: &mut (impl AsyncRead + Unpin),
) -> Result<Source, ProxyError> {
    match tokio::time::timeout(deadline, whole(socket)).await {
        Ok(header) => source(&header?),
        Err(_) => Err(ProxyError::Late),
    }
}

async fn whole(socket: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, ProxyError> {
    let mut fixed = [0; FIXED_BYTES];
    socket.read_exact(&mut fixed).await?;
    let rest = match Header::try_from(&fixed[..]) {
        Ok(_) => 0,
        Err(ParseError::Partial(_, rest)) => rest,
        Err(error) => return Err(error.into()),
    };
    if rest > REST_BYTES {
        return Err(ProxyError::TooLong(FIXED_BYTES + rest));
    }
    let mut header = fixed.to_vec();
    header.resize(FIXED_BYTES + rest, 0);
    socket
        .read_exact(header.get_mut(FIXED_BYTES..).unwrap_or_default())
        .await?;
    Ok(header)
}

fn source(header: &[u8]) -> Result<Source, ProxyError> {
    let header = Header::try_from(header)?;
    match (header.command, header.protocol, header.addresses) {
        (Command::Local, _, _) => Ok(Source::Proxy),
        (Command::Proxy, Protocol::Stream, Addresses::IPv4(addresses)) => {
            Ok(Source::Client(addresses.source_address.into()))
        }
        (Command::Proxy, Protocol::Stream, Addresses::IPv6(addresses)) => Ok(Source::Client(
            IpAddr::from(addresses.source_address).to_canonical(),
        )),
        (Command::Proxy, _, _) => Err(ProxyError::NoClient),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
        bytes.extend([command, family]);
        bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    const V4: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 0, 22];

    async fn read_all(mut bytes: &[u8]) -> (Result<Source, ProxyError>, &[u8]) {
        let source = read(&mut bytes).await;
        (source, bytes)
    }

    #[tokio::test]
    async fn the_source_is_the_clients_and_nothing_of_the_client_is_taken() {
        let mut bytes = header(0x21, 0x11, &V4);
        bytes.extend(b"SSH-2.0-x\r\n");
        let (source, rest) = read_all(&bytes).await;
        assert_eq!(source.unwrap(), Source::Client([192, 0, 2, 7].into()));
        assert_eq!(rest, b"SSH-2.0-x\r\n");
    }

    #[tokio::test]
    async fn an_ipv4_client_that_came_as_ipv6_is_an_ipv4_client() {
        let mut payload = [0; 36];
        payload[10..16].copy_from_slice(&[0xff, 0xff, 192, 0, 2, 7]);
        let bytes = header(0x21, 0x21, &payload);
        let (source, _) = read_all(&bytes).await;
        assert_eq!(source.unwrap(), Source::Client([192, 0, 2, 7].into()));
    }

    #[tokio::test]
    async fn extensions_are_skipped_up_to_a_size() {
        let extended = |length: usize| {
            let mut payload = V4.to_vec();
            payload.resize(length, 0x04);
            header(0x21, 0x11, &payload)
        };
        let (long, longer) = (extended(REST_BYTES), extended(REST_BYTES + 1));
        let (source, rest) = read_all(&long).await;
        assert!(source.is_ok() && rest.is_empty());
        assert!(matches!(
            read_all(&longer).await.0,
            Err(ProxyError::TooLong(_))
        ));
    }

    #[tokio::test]
    async fn a_proxy_that_connects_for_itself_is_the_source() {
        for payload in [&[][..], &V4] {
            let bytes = header(0x20, u8::from(!payload.is_empty()) * 0x11, payload);
            assert_eq!(read_all(&bytes).await.0.unwrap(), Source::Proxy);
        }
    }

    #[tokio::test]
    async fn what_names_no_tcp_client_is_no_source() {
        for (family, length) in [(0x00, 0), (0x12, 12), (0x22, 36), (0x31, 216)] {
            let bytes = header(0x21, family, &vec![0; length]);
            let (source, _) = read_all(&bytes).await;
            assert!(matches!(source, Err(ProxyError::NoClient)), "{source:?}");
        }
    }

    #[tokio::test]
    async fn version_1_a_client_and_half_a_header_are_refused() {
        let first = b"PROXY TCP4 192.0.2.7 10.0.0.1 4660 22\r\n".to_vec();
        let client = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".to_vec();
        let mut third = header(0x21, 0x11, &V4);
        third[12] = 0x31;
        for bytes in [first, client, third, header(0x21, 0x11, &V4[..11])] {
            let (source, _) = read_all(&bytes).await;
            assert!(
                matches!(source, Err(ProxyError::Malformed(_))),
                "{source:?}"
            );
        }
        let half = header(0x21, 0x11, &V4);
        let (source, _) = read_all(&half[..20]).await;
        assert!(matches!(source, Err(ProxyError::Closed(_))), "{source:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_proxy_that_says_nothing_is_not_waited_for() {
        let (mut socket, _proxy) = tokio::io::duplex(64);
        let read = within(Duration::from_millis(5), &mut socket).await;
        assert!(matches!(read, Err(ProxyError::Late)));
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_first_nothing_panics(
            mark: bool, bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
        ) {
            let mut all = if mark { b"\r\n\r\n\0\r\nQUIT\n".to_vec() } else { Vec::new() };
            all.extend(bytes);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let _ = runtime.block_on(read(&mut &all[..]));
        }
    }
}
