use super::*;
use bytes::Bytes;
use russh::ChannelMsg;

fn data(bytes: usize) -> ChannelMsg {
    ChannelMsg::Data {
        data: Bytes::from(vec![7; bytes]),
    }
}

#[tokio::test]
async fn a_channel_is_granted_less_the_more_waits_and_never_nothing() {
    let load = Arc::new(Load::default());
    let gauge = Gauge::new(Arc::clone(&load));
    let (filler, mut drain) = queue(Arc::clone(&gauge));
    assert_eq!(gauge.window() as usize, WINDOW_BYTES);
    for _ in 0..5 {
        filler.push(data(1024 * 1024));
    }
    assert_eq!(gauge.window(), TRICKLE);
    assert!(load.is_congested());
    while drain.ready().is_some() {}
    assert_eq!(gauge.window() as usize, WINDOW_BYTES);
    assert!(!load.is_congested());
    assert_eq!(load.queued(), 0);
}

#[tokio::test]
async fn tiny_packets_are_joined_and_stay_in_order() {
    let gauge = Gauge::new(Arc::default());
    let (filler, mut drain) = queue(Arc::clone(&gauge));
    for byte in 0..100u8 {
        filler.push(ChannelMsg::Data {
            data: Bytes::from(vec![byte]),
        });
    }
    filler.push(ChannelMsg::Eof);
    drop(filler);
    let mut bytes = Vec::new();
    let mut entries = 0;
    while let Some(item) = drain.next().await {
        entries += 1;
        if let Item::Data(data) = item {
            bytes.extend_from_slice(data.bytes());
        }
    }
    assert_eq!(bytes, (0..100).collect::<Vec<u8>>());
    assert_eq!(entries, 2);
    assert_eq!(gauge.window() as usize, WINDOW_BYTES);
}

#[tokio::test]
async fn the_end_is_noticed_while_nobody_takes_anything() {
    let (filler, drain) = queue(Gauge::new(Arc::default()));
    filler.push(data(10));
    let end = drain.end();
    drop(filler);
    end.wait().await;
}

#[tokio::test]
async fn a_target_is_not_read_while_too_much_waits_and_is_read_again_after() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let load = Arc::new(Load::default());
    let gauge = Gauge::new(Arc::clone(&load));
    let (filler, mut drain) = queue(gauge);
    let (ours, mut theirs) = tokio::io::duplex(64);
    let mut socket = TargetSocket::new(ours, Arc::clone(&load));
    theirs.write_all(b"x").await.unwrap();
    filler.push(data(5 * 1024 * 1024));
    let mut byte = [0];
    let paused = std::future::poll_fn(|context| {
        let mut buffer = tokio::io::ReadBuf::new(&mut byte);
        std::task::Poll::Ready(
            std::pin::Pin::new(&mut socket)
                .as_mut()
                .get_mut()
                .poll_once(context, &mut buffer)
                .is_pending(),
        )
    });
    assert!(paused.await);
    while drain.ready().is_some() {}
    assert_eq!(socket.read(&mut byte).await.unwrap(), 1);
}

impl<S: tokio::io::AsyncRead + Unpin> TargetSocket<S> {
    fn poll_once(
        &mut self,
        context: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        tokio::io::AsyncRead::poll_read(std::pin::Pin::new(self), context, buffer)
    }
}

#[tokio::test]
async fn requests_count_and_of_sizes_in_a_row_only_the_last_waits() {
    let gauge = Gauge::new(Arc::default());
    let (filler, mut drain) = queue(Arc::clone(&gauge));
    let size = |col_width| ChannelMsg::WindowChange {
        col_width,
        row_height: 1,
        pix_width: 0,
        pix_height: 0,
    };
    for columns in 0..1000 {
        filler.push(size(columns));
    }
    assert!(matches!(
        drain.ready(),
        Some(Item::Message(ChannelMsg::WindowChange {
            col_width: 999,
            ..
        }))
    ));
    assert!(drain.ready().is_none());
    for _ in 0..100_000 {
        filler.push(ChannelMsg::Signal {
            signal: russh::Sig::USR1,
        });
    }
    assert_eq!(gauge.window(), TRICKLE);
    while drain.ready().is_some() {}
    assert_eq!(gauge.window() as usize, WINDOW_BYTES);
}

#[tokio::test]
async fn a_write_into_a_channel_whose_peer_is_gone_fails_instead_of_waiting() {
    use tokio::io::AsyncWriteExt;
    let (filler, drain) = queue(Gauge::new(Arc::default()));
    let (full, _never_read) = tokio::io::duplex(1);
    let mut stream = ChannelStream::new(drain, full);
    let writing = tokio::spawn(async move { stream.write_all(&[0; 100]).await });
    drop(filler);
    assert!(writing.await.unwrap().is_err());
}

#[tokio::test]
async fn a_connection_in_a_channel_whose_client_sends_no_more_does_not_wait_for_it_to_read() {
    use tokio::io::AsyncWriteExt;
    let (filler, drain) = queue(Gauge::new(Arc::default()));
    let (full, _never_read) = tokio::io::duplex(1);
    let mut stream = ChannelStream::new(drain, full);
    let writing = tokio::spawn(async move { stream.write_all(&[0; 100]).await });
    filler.push(ChannelMsg::Eof);
    assert!(writing.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_input_is_not_the_end_of_a_session() {
    let (filler, drain) = queue(Gauge::new(Arc::default()));
    let end = drain.end();
    filler.push(ChannelMsg::Eof);
    let waited = std::time::Duration::from_secs(20);
    assert!(tokio::time::timeout(waited, end.wait()).await.is_err());
    drop(filler);
    end.wait().await;
}

#[tokio::test]
async fn a_connection_that_is_cut_does_not_wait_for_a_peer_that_never_reads() {
    use tokio::io::AsyncWriteExt;
    let (full, _never_read) = tokio::io::duplex(1);
    let cut = tokio_util::sync::CancellationToken::new();
    let mut socket = ClientSocket::new(full, Arc::default(), cut.clone());
    let writing = tokio::spawn(async move { socket.write_all(&[0; 100]).await });
    cut.cancel();
    assert!(writing.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn only_data_of_channels_keeps_a_connection_from_being_idle() {
    let patience = Some(std::time::Duration::from_secs(50));
    let pulse = Pulse::default();
    let load = Arc::new(Load::with(pulse.clone()));
    let (filler, _drain) = queue(Gauge::new(Arc::clone(&load)));
    let (transport, drain) = queue(Gauge::new(load));
    let _stream = ChannelStream::new(drain, tokio::io::sink());
    let beating = |data_too: bool| {
        let (filler, transport) = (&filler, &transport);
        async move {
            loop {
                transport.push(data(1));
                filler.push(ChannelMsg::Eof);
                if data_too {
                    filler.push(data(1));
                }
                tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            }
        }
    };
    let within = std::time::Duration::from_secs(300);
    let watch = |data_too| {
        let (pulse, beating) = (pulse.clone(), beating(data_too));
        async move {
            tokio::select! {
                _ = tokio::time::timeout(within, pulse.idle(patience)) => {}
                () = beating => {}
            }
        }
    };
    let start = tokio::time::Instant::now();
    watch(true).await;
    assert!(start.elapsed() >= within);
    let start = tokio::time::Instant::now();
    watch(false).await;
    assert!(start.elapsed() < within);
}
