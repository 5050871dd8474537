//! The keys of a replay.

use crate::record::replay::PlayerCommand;

const CTRL_C: u8 = 0x03;
const ESCAPE: u8 = 0x1b;

/// The commands in the bytes that came from the viewer's terminal. Other keys mean nothing; Escape alone quits.
pub fn player_command(bytes: &[u8]) -> Vec<PlayerCommand> {
    let mut commands = Vec::new();
    let mut left = bytes;
    while let Some((command, rest)) = next(left) {
        commands.extend(command);
        left = rest;
    }
    commands
}

fn next(bytes: &[u8]) -> Option<(Option<PlayerCommand>, &[u8])> {
    let (key, rest) = bytes.split_first()?;
    let command = match key {
        b' ' => PlayerCommand::TogglePause,
        b'.' | b'+' | b'=' => PlayerCommand::Faster,
        b',' | b'-' => PlayerCommand::Slower,
        b'n' => PlayerCommand::NextMarker,
        b'p' => PlayerCommand::PreviousMarker,
        b'r' | b'0' => PlayerCommand::Restart,
        b'q' | b'Q' | &CTRL_C => PlayerCommand::Quit,
        &ESCAPE => return Some(escape(rest)),
        _ => return Some((None, rest)),
    };
    Some((Some(command), rest))
}

/// What follows an Escape: nothing, a control sequence (ECMA-48 5.4) or a key that was held with Alt.
fn escape(rest: &[u8]) -> (Option<PlayerCommand>, &[u8]) {
    let Some((introducer, body)) = rest.split_first() else {
        return (Some(PlayerCommand::Quit), rest);
    };
    match introducer {
        b'[' | b'O' => {
            let parameters = body
                .iter()
                .take_while(|byte| matches!(byte, 0x20..=0x3f))
                .count();
            let (_, body) = body.split_at(parameters);
            let Some((end, rest)) = body.split_first() else {
                return (None, body);
            };
            let command = match (end, parameters) {
                (b'C', 0) => Some(PlayerCommand::SeekForward),
                (b'D', 0) => Some(PlayerCommand::SeekBack),
                _ => None,
            };
            (command, rest)
        }
        &ESCAPE => (Some(PlayerCommand::Quit), rest),
        _ => (None, body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_status_line_is_understood() {
        use PlayerCommand::*;
        let keys: [(&[u8], PlayerCommand); 14] = [
            (b" ", TogglePause),
            (b".", Faster),
            (b"+", Faster),
            (b",", Slower),
            (b"-", Slower),
            (b"\x1b[C", SeekForward),
            (b"\x1bOD", SeekBack),
            (b"n", NextMarker),
            (b"p", PreviousMarker),
            (b"0", Restart),
            (b"r", Restart),
            (b"q", Quit),
            (b"\x03", Quit),
            (b"\x1b", Quit),
        ];
        for (bytes, command) in keys {
            assert_eq!(player_command(bytes), [command], "{bytes:?}");
        }
    }

    #[test]
    fn several_keys_in_one_packet_are_several_commands() {
        use PlayerCommand::*;
        let commands = player_command(b" n\x1b[C\x1b[Dx\x1b[1;5C\x1bnp");
        let expected = [
            TogglePause,
            NextMarker,
            SeekForward,
            SeekBack,
            PreviousMarker,
        ];
        assert_eq!(commands, expected);
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_are_read_to_their_end(bytes: Vec<u8>) {
            proptest::prop_assert!(player_command(&bytes).len() <= bytes.len());
        }
    }
}
