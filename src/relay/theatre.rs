//! Recordings on a channel: a list to choose from, the player, a session as it runs, and plain text for pipes.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use russh::ChannelMsg;
use tokio::time::Instant;

use super::client::{Client, Ending, Side};
use super::operations::{Operations, Running};
use super::reception::Visit;
use crate::domain::id::SessionId;
use crate::domain::recording::SessionSummary;
use crate::flow::{Drain, Item};
use crate::record::{
    AtEnd, IDLE, LEAVE, Player, PlayerCommand, Recording, ReplayOptions, TerminalSize, Then,
    dump as dump_text, player_command, summary,
};

/// How often the clock of a session that shows nothing new moves.
const TICK: Duration = Duration::from_secs(1);
/// How often it is asked whether somebody who watches still may.
const STILL_MAY: Duration = Duration::from_secs(10);
/// What a session that shows more than can be followed leaves to everybody else.
const BREATH: Duration = Duration::from_millis(5);
/// Shortest time between two drawings of a running session.
const FRAME: Duration = Duration::from_millis(20);

/// Replays the session that was named, or lets the person choose one.
pub async fn run(
    visit: &Arc<Visit>,
    client: &Client,
    size: TerminalSize,
    input: &mut Drain,
    session: Option<SessionId>,
) -> Ending {
    let operations = Operations::new(visit);
    let mut size = size;
    let played = async {
        let session = match session {
            Some(session) => session,
            None => match choose(&operations, client, size, input).await? {
                Some(session) => session,
                None => return Ok(()),
            },
        };
        play(&operations, client, &mut size, input, session).await
    };
    match played.await {
        Ok(()) => Ending::Status(0),
        Err(reason) => {
            client.say(Side::Terminal, &reason).await;
            Ending::Refused(reason)
        }
    }
}

/// Plays one recording until its viewer leaves it.
///
/// # Errors
/// When they may not replay it or it cannot be read.
pub async fn play(
    operations: &Operations<'_>,
    client: &Client,
    size: &mut TerminalSize,
    input: &mut Drain,
    session: SessionId,
) -> Result<(), String> {
    let recording = operations.recording(session).await?;
    let played = perform(operations, recording, client, size, input).await;
    if played.is_err() {
        let _ = client.data(Bytes::from_static(LEAVE)).await;
    }
    played
}

/// Shows a running session until its viewer leaves it. What was shown stays when the session has ended.
///
/// # Errors
/// When they may not watch it, it does not run here, or it cannot be read.
pub async fn watch(
    operations: &Operations<'_>,
    client: &Client,
    size: &mut TerminalSize,
    input: &mut Drain,
    session: SessionId,
) -> Result<(), String> {
    let running = operations.watch(session).await?;
    let watched = follow(operations, &running, client, size, input).await;
    let _ = client.data(Bytes::from_static(LEAVE)).await;
    operations.watched(session).await?;
    watched
}

async fn follow(
    operations: &Operations<'_>,
    running: &Running,
    client: &Client,
    size: &mut TerminalSize,
    input: &mut Drain,
) -> Result<(), String> {
    let mut grows = running.live.grows();
    let (sitting, view) = (running.live.clone(), *size);
    let seat = tokio::task::spawn_blocking(move || sitting.watch(view));
    let mut check = tokio::time::interval(STILL_MAY);
    let mut seat = seat.await.map_err(failed)?.map_err(failed)?;
    loop {
        grows.mark_unchanged();
        let (step, back) = blocking(seat, |seat| seat.advance(Timestamp::now())).await?;
        seat = back;
        if !step.bytes.is_empty() {
            client.data(Bytes::from(step.bytes)).await.map_err(failed)?;
        }
        let due = async {
            match step.then {
                Then::More => tokio::time::sleep(BREATH).await,
                Then::Wait => {
                    let _ = tokio::time::timeout(TICK, grows.changed()).await;
                    tokio::time::sleep(FRAME).await;
                }
                Then::Over => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            item = input.next() => match item {
                Some(Item::Data(data)) => {
                    if player_command(data.bytes()).contains(&PlayerCommand::Quit) {
                        return Ok(());
                    }
                }
                Some(Item::Message(ChannelMsg::WindowChange { col_width, row_height, .. })) => {
                    *size = TerminalSize::near(col_width, row_height);
                    seat.resize(*size);
                }
                Some(Item::Message(_) | Item::Extended(..)) => {}
                None => return Ok(()),
            },
            () = operations.draining() => return Err("the bastion is stopping; connect again".to_owned()),
            _ = check.tick() => {
                operations.may_watch(&running.session)?;
            }
            () = due => {}
        }
    }
}

/// The clock that a player runs on.
struct Clock(Instant);

impl Clock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

async fn perform(
    operations: &Operations<'_>,
    recording: Recording<File>,
    client: &Client,
    size: &mut TerminalSize,
    input: &mut Drain,
) -> Result<(), String> {
    let options = ReplayOptions {
        view: *size,
        idle: IDLE,
        at_end: AtEnd::Stay,
    };
    let clock = Clock(Instant::now());
    let preparing =
        tokio::task::spawn_blocking(move || Player::new(recording, options, Duration::ZERO));
    let mut player = preparing.await.map_err(failed)?.map_err(failed)?;
    loop {
        let now = clock.now();
        let (step, back) = blocking(player, move |player| player.advance(now)).await?;
        player = back;
        if !step.bytes.is_empty() {
            client.data(Bytes::from(step.bytes)).await.map_err(failed)?;
        }
        if step.done {
            return Ok(());
        }
        let wait = async {
            match step.next {
                Some(next) => tokio::time::sleep(next.saturating_sub(clock.now())).await,
                None => std::future::pending().await,
            }
        };
        let commands = tokio::select! {
            () = wait => continue,
            () = operations.draining() => return Err("the bastion is stopping; connect again".to_owned()),
            item = input.next() => match item {
                Some(Item::Data(data)) => player_command(data.bytes()),
                Some(Item::Message(ChannelMsg::WindowChange { col_width, row_height, .. })) => {
                    *size = TerminalSize::near(col_width, row_height);
                    player.resize(*size);
                    Vec::new()
                }
                Some(Item::Message(_) | Item::Extended(..)) => Vec::new(),
                None => return Ok(()),
            },
        };
        for command in commands {
            let now = clock.now();
            let ((), back) = blocking(player, move |player| player.command(command, now)).await?;
            player = back;
        }
    }
}

/// Runs a step of what reads a file where blocking is allowed.
async fn blocking<S, T, E>(
    mut reader: S,
    work: impl FnOnce(&mut S) -> Result<T, E> + Send + 'static,
) -> Result<(T, S), String>
where
    S: Send + 'static,
    T: Send + 'static,
    E: std::fmt::Display + Send + 'static,
{
    let done = tokio::task::spawn_blocking(move || work(&mut reader).map(|value| (value, reader)));
    done.await.map_err(failed)?.map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Shows the sessions that may be replayed, and waits for one to be chosen by its number.
async fn choose(
    operations: &Operations<'_>,
    client: &Client,
    size: TerminalSize,
    input: &mut Drain,
) -> Result<Option<SessionId>, String> {
    let sessions = operations.replayable().await?;
    if sessions.is_empty() {
        return Err("there is no session that you may replay".to_owned());
    }
    let shown = sessions
        .get(
            ..sessions
                .len()
                .min(usize::from(size.rows()).saturating_sub(4).max(1)),
        )
        .unwrap_or_default();
    client
        .data(Bytes::from(menu(shown)))
        .await
        .map_err(failed)?;
    let mut typed = String::new();
    loop {
        let item = tokio::select! {
            item = input.next() => item,
            () = operations.draining() => return Err("the bastion is stopping; connect again".to_owned()),
        };
        let Some(Item::Data(data)) = item else {
            match item {
                None => return Ok(None),
                Some(_) => continue,
            }
        };
        for byte in data.bytes() {
            match byte {
                b'0'..=b'9' if typed.len() < 4 => typed.push(char::from(*byte)),
                0x7f | 0x08 => {
                    typed.pop();
                }
                b'\r' | b'\n' => {
                    let number = if typed.is_empty() {
                        Some(1)
                    } else {
                        typed.parse::<usize>().ok()
                    };
                    let chosen = number.and_then(|number| shown.get(number.checked_sub(1)?));
                    match chosen {
                        Some(session) => return Ok(Some(session.id)),
                        None => typed.clear(),
                    }
                }
                b'q' | 0x03 | 0x04 | 0x1b => return Ok(None),
                _ => {}
            }
        }
        let prompt = format!("\r\x1b[K{PROMPT}{typed}");
        client.data(Bytes::from(prompt)).await.map_err(failed)?;
    }
}

const PROMPT: &str = "replay number (Enter for 1, q to leave): ";

fn menu(sessions: &[SessionSummary]) -> String {
    let mut out = String::from("Recorded sessions, the newest first\r\n");
    for (number, session) in sessions.iter().enumerate() {
        let asked: String = session.asked.chars().take(40).collect();
        let started = session.started.strftime("%m-%d %H:%M");
        out.push_str(&format!(
            "{:>3}  {started}  {}  {}  {asked}\r\n",
            number + 1,
            session.person,
            session.destination
        ));
    }
    out.push_str(PROMPT);
    out
}

/// A recording's text, or its summary as JSON, for pipes.
///
/// # Errors
/// When they may not replay it or it cannot be read.
pub async fn dump(
    operations: &Operations<'_>,
    session: SessionId,
    json: bool,
) -> Result<String, String> {
    let mut recording = operations.recording(session).await?;
    let reading = tokio::task::spawn_blocking(move || {
        if json {
            let summary = summary(&mut recording).map_err(failed)?;
            return serde_json::to_string_pretty(&summary)
                .map(|json| json + "\n")
                .map_err(failed);
        }
        let mut text = Vec::new();
        dump_text(&mut recording, &mut text).map_err(failed)?;
        String::from_utf8(text).map_err(failed)
    });
    reading.await.map_err(failed)?
}
