//! One channel: its process, and what goes between the two until one of them ends.
//!
//! Invariant: output waits for the client's window and input for the process, neither for the other; when the
//! channel closes the process is told to hang up, and killed if it does not.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use russh::server::{Handle, Msg};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::Child;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::demo::target::inbox::{Control, Inbox, Overflow, Size};
use crate::demo::target::launch::{Launch, Terminal};
use crate::demo::target::{DemoTarget, signal};

/// How much is read from a process at a time.
const PIECE: usize = 32 * 1024;
/// How long a terminal whose shell has ended may stay silent before it is closed on what else has it open.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How long a process may take to hang up.
const HANGUP_GRACE: Duration = Duration::from_millis(500);
/// What the client hears when the process could not be started, as OpenSSH's clients use 255 themselves.
const NOT_STARTED: u32 = 254;
/// The extended data type of standard error (RFC 4254, section 5.2).
const STDERR: u32 = 1;

/// The client's side of a channel.
pub(super) struct Line {
    pub(super) write: ChannelWriteHalf<Msg>,
    pub(super) handle: Handle,
    pub(super) inbox: Arc<Inbox>,
}

/// How a process's time ended.
enum Ended {
    Exited(io::Result<ExitStatus>),
    /// The channel is gone, and the process is not wanted any more.
    Closed,
}

/// Serves a channel from its opening to its close. `end` is the connection's.
pub(super) async fn serve(
    target: Arc<DemoTarget>,
    read: ChannelReadHalf,
    line: Line,
    started: oneshot::Receiver<Launch>,
    end: CancellationToken,
) {
    let inbox = line.inbox.clone();
    let process = async {
        let launch = tokio::select! {
            launch = started => launch,
            () = closed(&line.inbox) => return,
        };
        if let Ok(launch) = launch {
            run(&target, &line, &launch).await;
        }
    };
    tokio::join!(fill(read, &inbox, end), process);
}

/// The size as terminals have it.
pub(super) fn size(columns: u32, rows: u32, width: u32, height: u32) -> Size {
    let fit = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    Size {
        columns: fit(columns),
        rows: fit(rows),
        width: fit(width),
        height: fit(height),
    }
}

/// Moves everything the client sends into the inbox, without ever waiting for room.
async fn fill(mut read: ChannelReadHalf, inbox: &Inbox, end: CancellationToken) {
    while let Some(message) = read.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                if let Err(Overflow) = inbox.push(&data) {
                    tracing::warn!("a client ignores the window of a demo target");
                    end.cancel();
                    break;
                }
            }
            ChannelMsg::Eof => inbox.finish(),
            ChannelMsg::WindowChange {
                col_width,
                row_height,
                pix_width,
                pix_height,
            } => {
                inbox.resize(size(col_width, row_height, pix_width, pix_height));
            }
            ChannelMsg::Signal { signal } => inbox.signal(signal),
            ChannelMsg::Close => break,
            // The callbacks have answered all the others.
            _ => {}
        }
    }
    inbox.close();
}

async fn closed(inbox: &Inbox) {
    while !matches!(inbox.next_control().await, Control::Closed) {}
}

/// Starts the process, relays until its end, and tells the client how it ended.
async fn run(target: &DemoTarget, line: &Line, launch: &Launch) {
    let ended = match &launch.terminal {
        Some(terminal) => in_terminal(target, line, launch, terminal).await,
        None => with_pipes(target, line, launch).await,
    };
    let ended = match ended {
        Ok(Ended::Exited(status)) => status,
        Ok(Ended::Closed) => return,
        Err(error) => Err(error),
    };
    // A client that is gone does not hear of the end.
    let _ = tell_end(line, ended).await;
}

async fn tell_end(line: &Line, ended: io::Result<ExitStatus>) -> Result<(), russh::Error> {
    let id = line.write.id();
    match ended {
        Ok(status) => {
            line.write.eof().await?;
            match (status.code(), status.signal()) {
                (Some(code), _) => line.write.exit_status(code.unsigned_abs()).await?,
                (None, number) => {
                    let name = signal::name_of(number.unwrap_or_default());
                    let (dumped, text) = (status.core_dumped(), String::new());
                    let told =
                        line.handle
                            .exit_signal_request(id, name, dumped, text.clone(), text);
                    told.await.map_err(|()| russh::Error::SendError)?;
                }
            }
        }
        Err(error) => {
            let text = format!("[demo] the command could not be started: {error}\r\n");
            line.write.extended_data_bytes(STDERR, text).await?;
            line.write.eof().await?;
            line.write.exit_status(NOT_STARTED).await?;
        }
    }
    line.write.close().await
}

async fn with_pipes(target: &DemoTarget, line: &Line, launch: &Launch) -> io::Result<Ended> {
    let mut child = launch.piped_command(target).spawn()?;
    let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = streams else {
        return Err(io::Error::other("it has no streams"));
    };
    let group = group_of(&child);
    let ended = tokio::select! {
        status = async {
            tokio::join!(forward(stdout, line, None), forward(stderr, line, Some(STDERR)));
            child.wait().await
        } => Ended::Exited(status),
        () = obey(&line.inbox, group, None) => Ended::Closed,
        never = feed(&line.inbox, stdin) => match never {},
    };
    if let Ended::Closed = ended {
        hang_up(&mut child).await;
    }
    Ok(ended)
}

async fn in_terminal(
    target: &DemoTarget,
    line: &Line,
    launch: &Launch,
    terminal: &Terminal,
) -> io::Result<Ended> {
    let (pty, pts) = pty_process::open().map_err(io::Error::other)?;
    let screen = pty.as_fd().try_clone_to_owned()?;
    set_size(&screen, terminal.size)?;
    let command = pty_process::Command::from(launch.command(target));
    let mut child = command.spawn(pts).map_err(io::Error::other)?;
    let group = group_of(&child);
    if let Some(notice) = launch.notice(target) {
        // A client that is gone is noticed by the relay.
        let _ = line.write.data_bytes(notice).await;
    }
    let (output, input) = pty.into_split();
    let ended = tokio::select! {
        status = forward_terminal(output, line, &mut child) => Ended::Exited(status),
        () = obey(&line.inbox, group, Some(&screen)) => Ended::Closed,
        never = feed(&line.inbox, input) => match never {},
    };
    drop(screen);
    if let Ended::Closed = ended {
        hang_up(&mut child).await;
    }
    Ok(ended)
}

/// Hands input to the process; after the last of it the stream is closed. It goes on as long as the relay.
async fn feed(inbox: &Inbox, mut process: impl AsyncWrite + Unpin) -> std::convert::Infallible {
    while let Some(piece) = inbox.next_input().await {
        if process.write_all(&piece).await.is_err() {
            inbox.discard();
            break;
        }
        inbox.settled(piece.len());
    }
    drop(process);
    std::future::pending().await
}

/// Sends output on until its end, or until the client is gone.
async fn forward(mut process: impl AsyncRead + Unpin, line: &Line, kind: Option<u32>) {
    let mut buffer = BytesMut::with_capacity(PIECE);
    while let Ok(Some(piece)) = read_piece(&mut process, &mut buffer).await {
        let sent = match kind {
            None => line.write.data_bytes(piece).await,
            Some(kind) => line.write.extended_data_bytes(kind, piece).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// The same for a terminal, which something in the background may keep open after its shell has ended.
async fn forward_terminal(
    mut output: impl AsyncRead + Unpin,
    line: &Line,
    child: &mut Child,
) -> io::Result<ExitStatus> {
    let mut buffer = BytesMut::with_capacity(PIECE);
    let mut ended = None;
    loop {
        let piece = tokio::select! {
            biased;
            piece = read_piece(&mut output, &mut buffer) => piece,
            status = child.wait(), if ended.is_none() => {
                ended = Some(status);
                continue;
            }
            () = tokio::time::sleep(LAST_WORDS), if ended.is_some() => break,
        };
        // When the last process has closed the terminal, Linux says EIO.
        let Ok(Some(piece)) = piece else { break };
        if line.write.data_bytes(piece).await.is_err() {
            break;
        }
    }
    match ended {
        Some(status) => status,
        None => child.wait().await,
    }
}

async fn read_piece(
    process: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
) -> io::Result<Option<Bytes>> {
    buffer.reserve(PIECE);
    let bytes = process.read_buf(buffer).await?;
    Ok((bytes > 0).then(|| buffer.split().freeze()))
}

/// Does what the client says besides input, until it closes the channel.
async fn obey(inbox: &Inbox, group: Option<Pid>, screen: Option<&OwnedFd>) {
    loop {
        match inbox.next_control().await {
            Control::Closed => return,
            Control::Resize(size) => {
                if let Some(Err(error)) = screen.map(|screen| set_size(screen, size)) {
                    tracing::debug!(%error, "a terminal could not be resized");
                }
            }
            Control::Signal(name) => {
                if let (Some(group), Some(signal)) = (group, signal::from_name(&name)) {
                    send(group, signal);
                }
            }
        }
    }
}

/// Ends a process that nobody listens to. One that was waited for already has no number any more.
async fn hang_up(child: &mut Child) {
    let Some(group) = group_of(child) else {
        return;
    };
    send(group, Signal::HUP);
    if tokio::time::timeout(HANGUP_GRACE, child.wait())
        .await
        .is_err()
    {
        send(group, Signal::KILL);
        if let Err(error) = child.wait().await {
            tracing::debug!(%error, "a process could not be waited for");
        }
    }
}

/// Every process leads a group of its own, so that its number is the group's.
fn group_of(child: &Child) -> Option<Pid> {
    let number = child.id().and_then(|id| i32::try_from(id).ok())?;
    Pid::from_raw(number)
}

fn send(group: Pid, signal: Signal) {
    if let Err(error) = kill_process_group(group, signal) {
        tracing::debug!(%error, "a process could not be signalled");
    }
}

fn set_size(screen: &OwnedFd, size: Size) -> io::Result<()> {
    let size = Winsize {
        ws_col: size.columns,
        ws_row: size.rows,
        ws_xpixel: size.width,
        ws_ypixel: size.height,
    };
    Ok(tcsetwinsize(screen, size)?)
}
