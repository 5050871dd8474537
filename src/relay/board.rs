//! The dashboard on a channel: keys in, screens out, and a snapshot whenever something changed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use russh::ChannelMsg;

use super::client::{Client, Ending, Side};
use super::operations::{ApproverAgent, Operations, Sign};
use super::reception::Visit;
use super::theatre;
use crate::dashboard::keymap::{Key, KeyDecoder};
use crate::dashboard::model::{Dashboard, Snapshot};
use crate::dashboard::terminal::{Screen, announcement};
use crate::dashboard::update::{Action, Message};
use crate::domain::command::CommandDigest;
use crate::domain::hold::Reply;
use crate::domain::id::{HoldId, SessionId};
use crate::flow::{Drain, Item};
use crate::record::TerminalSize;

/// How often the clock moves; also how late a change on another node is seen.
const TICK: Duration = Duration::from_secs(1);
/// How long an Escape may be the begin of a longer key.
const ESCAPE: Duration = Duration::from_millis(50);

enum Woken {
    Item(Option<Item>),
    Changed,
    Tick,
    Escape,
}

/// Shows the dashboard until the person leaves it.
pub async fn run(
    visit: &Arc<Visit>,
    client: &Client,
    agent: &ApproverAgent,
    size: TerminalSize,
    input: &mut Drain,
) -> Ending {
    match show(visit, client, agent, size, input).await {
        Ok(ending) => ending,
        Err(reason) => {
            client.say(Side::Terminal, &reason).await;
            Ending::Refused(reason)
        }
    }
}

struct Board<'a> {
    visit: &'a Arc<Visit>,
    operations: Operations<'a>,
    client: &'a Client,
    agent: &'a ApproverAgent,
    screen: Screen,
    dashboard: Dashboard,
    size: TerminalSize,
}

async fn show(
    visit: &Arc<Visit>,
    client: &Client,
    agent: &ApproverAgent,
    size: TerminalSize,
    input: &mut Drain,
) -> Result<Ending, String> {
    let operations = Operations::new(visit);
    let snapshot = operations.snapshot().await?;
    let dashboard = Dashboard::new(snapshot, size.cols(), size.rows());
    let screen = Screen::new(size.cols(), size.rows()).map_err(failed)?;
    let mut board = Board {
        visit,
        operations,
        client,
        agent,
        screen,
        dashboard,
        size,
    };
    board.enter().await?;
    let ending = board.relay(input).await;
    let leave = board.screen.leave().map_err(failed)?;
    let _ = client.data(Bytes::from(leave)).await;
    ending
}

fn failed(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Board<'_> {
    async fn enter(&mut self) -> Result<(), String> {
        let bytes = self.screen.enter().map_err(failed)?;
        self.send(bytes).await?;
        self.draw().await
    }

    async fn draw(&mut self) -> Result<(), String> {
        let bytes = self.screen.draw(&self.dashboard).map_err(failed)?;
        self.send(bytes).await
    }

    async fn send(&self, bytes: Vec<u8>) -> Result<(), String> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.client.data(Bytes::from(bytes)).await.map_err(failed)
    }

    async fn relay(&mut self, input: &mut Drain) -> Result<Ending, String> {
        let mut decoder = KeyDecoder::new();
        let mut changes = self.visit.services.approvals.list();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let woken = tokio::select! {
                item = input.next() => Woken::Item(item),
                changed = changes.changed() => match changed {
                    Ok(()) => Woken::Changed,
                    Err(_) => return Err("the bastion is stopping".to_owned()),
                },
                _ = tick.tick() => Woken::Tick,
                () = self.visit.services.draining.cancelled() => {
                    return Err("the bastion is stopping; connect again".to_owned());
                }
                () = tokio::time::sleep(ESCAPE), if decoder.is_waiting() => Woken::Escape,
            };
            let keys = match woken {
                Woken::Item(None) => return Ok(Ending::ClientGone),
                Woken::Item(Some(Item::Data(data))) => decoder.feed(data.bytes()),
                Woken::Item(Some(Item::Message(ChannelMsg::WindowChange {
                    col_width,
                    row_height,
                    ..
                }))) => {
                    self.resize(TerminalSize::near(col_width, row_height))?;
                    Vec::new()
                }
                Woken::Item(Some(Item::Message(_) | Item::Extended(..))) => continue,
                Woken::Changed => {
                    let sessions = self.dashboard.sessions().to_vec();
                    let snapshot = self.operations.snapshot_with(sessions).await?;
                    self.take(snapshot).await?;
                    Vec::new()
                }
                Woken::Tick => {
                    self.refresh().await?;
                    Vec::new()
                }
                Woken::Escape => decoder.flush().into_iter().collect(),
            };
            if self.keys(keys, input).await? == Next::Leave {
                return Ok(Ending::Status(0));
            }
            self.draw().await?;
        }
    }

    fn resize(&mut self, size: TerminalSize) -> Result<(), String> {
        self.size = size;
        self.screen
            .resize(size.cols(), size.rows())
            .map_err(failed)?;
        self.dashboard.update(Message::Resized {
            columns: size.cols(),
            rows: size.rows(),
        });
        Ok(())
    }

    async fn refresh(&mut self) -> Result<(), String> {
        let snapshot = self.operations.snapshot().await?;
        self.take(snapshot).await
    }

    async fn take(&mut self, snapshot: Snapshot) -> Result<(), String> {
        let mut actions = self.dashboard.update(Message::Snapshot(Box::new(snapshot)));
        actions.extend(self.dashboard.update(Message::Tick(Timestamp::now())));
        for action in actions {
            self.announce(action).await?;
        }
        Ok(())
    }

    /// Time and news ask for nothing but a bell.
    async fn announce(&self, action: Action) -> Result<(), String> {
        match action {
            Action::Bell(text) => self.send(announcement(&text).into_bytes()).await,
            Action::Answer { .. }
            | Action::Seen(_)
            | Action::Replay(_)
            | Action::Watch(_)
            | Action::End { .. }
            | Action::Quit => Ok(()),
        }
    }

    async fn keys(&mut self, keys: Vec<Key>, input: &mut Drain) -> Result<Next, String> {
        for key in keys {
            for action in self.dashboard.update(Message::Keys(key)) {
                match action {
                    Action::Quit => return Ok(Next::Leave),
                    Action::Bell(text) => self.send(announcement(&text).into_bytes()).await?,
                    Action::Seen(hold) => self.operations.seen(hold),
                    Action::Replay(session) => self.show(Film::Replay, session, input).await?,
                    Action::Watch(session) => self.show(Film::Live, session, input).await?,
                    Action::End { session, reason } => {
                        let ended = self.operations.end(session, &reason).await;
                        self.dashboard.update(Message::Answered(ended));
                        self.refresh().await?;
                    }
                    Action::Answer {
                        hold,
                        digest,
                        reply,
                    } => {
                        // Whoever has to touch their key is told so before it waits for them.
                        self.draw().await?;
                        let answered = self.answer(&hold, &digest, reply).await;
                        self.dashboard.update(Message::Answered(answered));
                        self.refresh().await?;
                    }
                }
            }
        }
        Ok(Next::Stay)
    }

    async fn answer(
        &self,
        hold: &HoldId,
        digest: &CommandDigest,
        reply: Reply,
    ) -> Result<String, String> {
        let (operations, shown) = (&self.operations, Some(digest));
        let reply = operations
            .signed(
                hold,
                shown,
                reply,
                self.agent,
                Sign::WhereRequired,
                async |_| {},
            )
            .await?;
        operations.answer(hold, shown, reply).await
    }

    /// Gives the terminal to a session's screen, until the viewer leaves that.
    async fn show(
        &mut self,
        film: Film,
        session: SessionId,
        input: &mut Drain,
    ) -> Result<(), String> {
        let leave = self.screen.leave().map_err(failed)?;
        self.send(leave).await?;
        let (operations, client, size) = (&self.operations, self.client, &mut self.size);
        let played = match film {
            Film::Replay => theatre::play(operations, client, size, input, session).await,
            Film::Live => theatre::watch(operations, client, size, input, session).await,
        };
        self.screen = Screen::new(self.size.cols(), self.size.rows()).map_err(failed)?;
        self.dashboard.update(Message::Resized {
            columns: self.size.cols(),
            rows: self.size.rows(),
        });
        if let Err(reason) = played {
            self.dashboard.update(Message::Answered(Err(reason)));
        }
        self.refresh().await?;
        self.enter().await
    }
}

/// What is shown of a session.
#[derive(Clone, Copy)]
enum Film {
    Replay,
    Live,
}

#[derive(PartialEq, Eq)]
enum Next {
    Stay,
    Leave,
}
