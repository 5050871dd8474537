use proptest::prelude::*;

use super::*;

/// What the module of Debian 12 asked to be signed for `sudo -u root id a '' b` by `countersign-test` in `/tmp` on `db1`.
const OF_DEBIAN: &str = "000000b50000006500000038367e6b5e2eb90ae17e497f2ae65c7c795ee17e3f3ca21bf5ce0cad83079ae325cbfd4a2a00c2335e04eb0edf6da1d9a44a7f2756cb81836000000010636f756e7465727369676e2d7465737400000010636f756e7465727369676e2d74657374000000047375646f000000042f746d700000002a00000006000000047375646f000000022d7500000004726f6f740000000269640000000161000000016200000003646231000000006b059bc13600000010636f756e7465727369676e2d746573740000001270616d5f7373685f6167656e745f61757468000000097075626c69636b6579010000000b7373682d65643235353139000000330000000b7373682d65643235353139000000205cf17007ef7c88d797dba2fff706dd73d2a98102ad048e961c3add98080bf8fc";
const KEY: &str = "0000000b7373682d65643235353139000000205cf17007ef7c88d797dba2fff706dd73d2a98102ad048e961c3add98080bf8fc";

fn of_debian() -> (Vec<u8>, Vec<u8>) {
    (hex::decode(OF_DEBIAN).unwrap(), hex::decode(KEY).unwrap())
}

#[test]
fn what_the_module_of_debian_asks_is_read_to_its_last_byte() {
    let (signed, key) = of_debian();
    let request = SudoRequest::read(&signed, &key).unwrap();
    assert_eq!(request.signed(), signed);
    assert_eq!(request.login().as_str(), "countersign-test");
    assert_eq!(request.service(), SudoService::Sudo);
    assert!(request.is_from("DB1") && !request.is_from("db"));
    assert!(request.is_whole());
    assert_eq!(request.text(), b"sudo -u root id a b  # in /tmp");
    let made = Timestamp::from_second(0x6b05_9bc1).unwrap();
    assert!(request.is_recent(made));
    assert!(!request.is_recent(made + CLOCK_SKEW + SignedDuration::from_secs(1)));
    assert!(!request.is_recent(made - CLOCK_SKEW - SignedDuration::from_secs(1)));
}

#[test]
fn a_request_for_another_key_is_none() {
    let (signed, mut key) = of_debian();
    key[20] ^= 1;
    assert_eq!(SudoRequest::read(&signed, &key), Err(NotSudo::Key));
}

#[test]
fn every_byte_that_is_missing_or_too_much_makes_it_none() {
    let (signed, key) = of_debian();
    for length in 0..signed.len() {
        assert!(
            SudoRequest::read(&signed[..length], &key).is_err(),
            "{length}"
        );
    }
    let longer = [signed.as_slice(), b"\0"].concat();
    assert_eq!(SudoRequest::read(&longer, &key), Err(NotSudo::Malformed));
}

#[test]
fn a_login_to_an_ssh_server_is_no_sudo() {
    let (mut signed, key) = of_debian();
    let number = 4 + 0xb5;
    assert_eq!(signed[number], TRUST_REQUEST);
    // SSH_MSG_USERAUTH_REQUEST (RFC 4252 section 7).
    signed[number] = 50;
    assert_eq!(SudoRequest::read(&signed, &key), Err(NotSudo::Malformed));
}

#[test]
fn a_word_that_may_have_been_cut_is_not_whole() {
    let whole = |length| SudoRequest::for_tests(&["sudo", &"x".repeat(length)]).is_whole();
    assert!(whole(254));
    assert!(!whole(255));
    let many = vec!["x"; 255];
    let request = SudoRequest::for_tests(&many);
    assert!(!request.is_whole());
    assert!(request.text().ends_with(b"# in /srv, cut off"));
}

#[test]
fn no_word_can_be_taken_for_the_folder() {
    let request = SudoRequest::for_tests(&["sudo", "id", "#", "in", "/tmp", "a\nb"]);
    assert_eq!(request.text(), b"sudo id '#' in /tmp 'a\nb'  # in /srv");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, key: Vec<u8>) {
        prop_assert!(SudoRequest::read(&bytes, &key).is_err());
    }

    #[test]
    fn a_changed_byte_changes_what_is_read_or_is_refused(place in 0usize..320, flip in 1u8..) {
        let (signed, key) = of_debian();
        let mut changed = signed.clone();
        let place = place % changed.len();
        changed[place] ^= flip;
        let original = SudoRequest::read(&signed, &key).unwrap();
        if let Ok(read) = SudoRequest::read(&changed, &key) {
            prop_assert_ne!(&read, &original);
            prop_assert_eq!(read.signed(), changed.as_slice());
        }
    }

    #[test]
    fn different_words_have_different_texts(
        one in prop::collection::vec("[ -~\n]{1,6}", 1..4),
        other in prop::collection::vec("[ -~\n]{1,6}", 1..4),
    ) {
        let text = |words: &[String]| {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            SudoRequest::for_tests(&words).text()
        };
        prop_assert_eq!(one == other, text(&one) == text(&other));
    }
}
