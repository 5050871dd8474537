//! The requests of a transfer: each that does something is a command of its own, decided about like any other, and
//! what it waits for everything behind it waits for.

use bytes::Bytes;
use jiff::Timestamp;

use super::{InputEnd, Running, broken, failed};
use crate::approval::News;
use crate::domain::command::{Command, Layer};
use crate::domain::gate::{Effect, Event, Gate, Watch};
use crate::domain::hold::Clearance;
use crate::relay::transfer::Transfer;
use crate::transfer::sftp::{Asked, Look, Step};

impl Running<'_, '_> {
    /// Clears the opening of SFTP, which does nothing by itself, where its operations are followed.
    pub(super) async fn opens_sftp(
        &mut self,
        command: &Command,
    ) -> Result<Option<Event>, InputEnd> {
        let side = self.side;
        if self.program.is_running() || !side.transfer.is_some_and(Transfer::is_sftp) {
            return Ok(None);
        }
        let Ok(clearance) = Clearance::of_sftp(command.clone()) else {
            return Ok(None);
        };
        let asker = side.asker();
        if asker.refuses_transfers().is_some() {
            // Asked in the usual way, it is refused and told in the usual way.
            return Ok(None);
        }
        let now = Timestamp::now();
        let marker = format!("opened: {}", command.shown());
        let (told, marked) = tokio::join!(
            side.visit.services.audit.append(asker.opened(command), now),
            side.recorder.marker(&marker, now)
        );
        told.map_err(failed)?;
        marked.map_err(broken)?;
        Ok(Some(Event::Cleared(clearance)))
    }

    /// Passes on what a client sends of a transfer.
    pub(super) async fn transfer(
        &mut self,
        transfer: &Transfer,
        mut left: Bytes,
    ) -> Result<(), InputEnd> {
        while !left.is_empty() {
            transfer.room().await;
            let (steps, ended) = transfer.from_client(&mut left).map_err(failed)?;
            transfer.told(ended).await.map_err(failed)?;
            for step in steps {
                match step {
                    Step::Pass(bytes) => self.forward(bytes).await?,
                    Step::Answer(answer) => transfer.answer(answer).await,
                    Step::Look(look) => self.look(transfer, look).await?,
                    Step::Ask(asked) => self.ask(transfer, asked).await?,
                }
            }
        }
        Ok(())
    }

    /// Passes on a request that only looks, unless policy refuses every transfer of what it looks at.
    async fn look(&mut self, transfer: &Transfer, look: Look) -> Result<(), InputEnd> {
        let side = self.side;
        let asker = side.asker();
        if let Some(denial) = asker.refuses_look(look.operation()) {
            let command = self.next_command(look.operation().text());
            let event = asker.looked(&command, look.operation(), &denial);
            let audit = &side.visit.services.audit;
            audit
                .append(event, Timestamp::now())
                .await
                .map_err(failed)?;
            let reason = format!("{} is refused: {denial}", command.shown());
            let _ = self.tell(&reason).await;
            transfer.answer(look.refused(&reason)).await;
            return Ok(());
        }
        match transfer.pass_look(look) {
            Some(bytes) => self.forward(bytes).await,
            None => Err(failed("a request came without its transfer")),
        }
    }

    /// Has a request decided about, through a gate of its own; sends it when it is cleared, and otherwise tells the
    /// client that permission is denied. The session goes on either way.
    async fn ask(&mut self, transfer: &Transfer, asked: Asked) -> Result<(), InputEnd> {
        let command = self.next_command(asked.operation().text());
        let gate = Gate::starting(command.clone(), Watch::Stream);
        let event = self.decide(command, asked.operation().reading()).await?;
        let (mut gate, mut effects) = gate.step(event);
        let _waiting = self.side.visit.pulse.waiting();
        while let Some(hold) = gate.held().cloned() {
            let mut waiting = self.side.visit.services.approvals.wait(&hold);
            let ended = loop {
                match waiting.next().await {
                    Ok(News::Ended(resolved)) => break Ok(*resolved),
                    Ok(heard) => {
                        if let Some(text) = heard.told() {
                            self.tell(&text).await?;
                        }
                    }
                    Err(error) => break Err(error),
                }
            };
            let event = self.resolved(&gate, ended).await?;
            (gate, effects) = gate.step(event);
        }
        let refusal = self.refusal.take();
        for effect in effects {
            if let Effect::Submit { clearance, .. } = effect {
                return match transfer.release(asked, &clearance) {
                    Some(bytes) => self.forward(bytes).await,
                    None => Err(failed("a clearance came for another operation")),
                };
            }
        }
        let reason = refusal.unwrap_or_else(|| "it was refused".to_owned());
        transfer.answer(asked.refused(&reason)).await;
        Ok(())
    }

    fn next_command(&mut self, text: Vec<u8>) -> Command {
        let command = self.side.command(Layer::Transfer, self.ordinal, text);
        self.ordinal += 1;
        command
    }
}
