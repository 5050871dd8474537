use super::*;

const LIMITS: ConnectionLimits = ConnectionLimits {
    open: 4,
    unidentified: 3,
    unidentified_per_address: 2,
    early_drop_start: 3,
    early_drop_rate: 30,
};
const UNLUCKY: Lot = Lot(0);

fn address(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn taken(seats: &Seats, last: u8) -> Result<Place, Full> {
    taken_from(seats, address(last))
}

fn taken_from(seats: &Seats, source: IpAddr) -> Result<Place, Full> {
    let mut place = seats.take(LIMITS, UNLUCKY)?;
    place.comes_from(source, LIMITS)?;
    Ok(place)
}

#[test]
fn one_address_cannot_take_every_place() {
    let seats = Seats::default();
    let _first = taken(&seats, 1).unwrap();
    let second = taken(&seats, 1).unwrap();
    assert_eq!(taken(&seats, 1).unwrap_err(), Full::Address);
    let _other = taken(&seats, 2).unwrap();
    assert_eq!(taken(&seats, 3).unwrap_err(), Full::Unidentified);
    drop(second);
    assert!(taken(&seats, 1).is_ok());
}

#[test]
fn whoever_has_a_network_of_ipv6_has_one_address() {
    let seats = Seats::default();
    let from = |address: &str| taken_from(&seats, address.parse().unwrap());
    let _first = from("2001:db8:0:1::1").unwrap();
    let second = from("2001:db8:0:1:ffff::2").unwrap();
    assert_eq!(from("2001:db8:0:1::3").unwrap_err(), Full::Address);
    let next = from("2001:db8:0:2::1").unwrap();
    drop((second, next));
    let _again = from("2001:db8:0:1::3").unwrap();
}

#[test]
fn an_ipv4_address_is_the_same_on_a_socket_of_ipv6() {
    let seats = Seats::default();
    let from = |address: &str| taken_from(&seats, address.parse().unwrap());
    let _places = [from("10.0.0.1").unwrap(), from("::ffff:10.0.0.1").unwrap()];
    assert_eq!(from("10.0.0.1").unwrap_err(), Full::Address);
    assert!(from("::ffff:10.0.0.2").is_ok());
}

#[test]
fn an_identified_connection_counts_only_among_all() {
    let seats = Seats::default();
    let mut places = Vec::new();
    for _ in 0..4 {
        let mut place = taken(&seats, 1).unwrap();
        place.identified();
        place.identified();
        places.push(place);
    }
    assert_eq!(taken(&seats, 1).unwrap_err(), Full::Connections);
    places.clear();
    assert_eq!(seats.open(), 0);
    assert!(taken(&seats, 1).is_ok());
}

#[test]
fn a_connection_whose_source_is_not_known_yet_counts_for_no_address() {
    let seats = Seats::default();
    let mut behind_a_proxy: Vec<Place> = (0..3)
        .map(|_| seats.take(LIMITS, UNLUCKY).unwrap())
        .collect();
    assert_eq!(taken(&seats, 9).unwrap_err(), Full::Unidentified);
    for place in behind_a_proxy.iter_mut().take(2) {
        place.comes_from(address(1), LIMITS).unwrap();
    }
    let last = behind_a_proxy.last_mut().unwrap();
    assert_eq!(last.comes_from(address(1), LIMITS), Err(Full::Address));
    last.comes_from(address(2), LIMITS).unwrap();
    behind_a_proxy.clear();
    let mut again = taken(&seats, 1).unwrap();
    // Counted once, whatever is said later.
    again.comes_from(address(2), LIMITS).unwrap();
    let _second = taken(&seats, 2).unwrap();
    assert!(taken(&seats, 2).is_ok());
}

#[test]
fn connections_are_dropped_from_the_start_by_the_rate_and_all_at_the_limit() {
    let limits = ConnectionLimits {
        unidentified: 100,
        early_drop_start: 10,
        early_drop_rate: 30,
        ..LIMITS
    };
    let chance = |unidentified| {
        (0..100)
            .filter(|lot| drops(limits, unidentified, Lot(*lot)))
            .count()
    };
    let expected = [
        (0, 0),
        (9, 0),
        (10, 30),
        (55, 65),
        (99, 99),
        (100, 100),
        (500, 100),
    ];
    for (unidentified, percent) in expected {
        assert_eq!(chance(unidentified), percent, "at {unidentified}");
    }
}

#[test]
fn a_start_at_the_limit_drops_nothing_before_it() {
    assert!(!drops(LIMITS, 2, UNLUCKY));
    assert!(drops(LIMITS, 3, Lot(99)));
}

#[test]
fn one_person_cannot_have_the_share_of_another() {
    let shares = Shares::default();
    let first = shares.take(&"alice", 2).unwrap();
    let _second = shares.take(&"alice", 2).unwrap();
    assert!(shares.take(&"alice", 2).is_none());
    assert!(shares.take(&"bob", 2).is_some());
    drop(first);
    assert!(shares.take(&"alice", 2).is_some());
}

proptest::proptest! {
    #[test]
    fn the_chance_of_being_dropped_never_falls_as_seats_fill(
        full in 1usize..500, start in 1usize..500, rate in 0u8..=100, random: u64,
    ) {
        let limits = ConnectionLimits {
            unidentified: full,
            early_drop_start: start.min(full),
            early_drop_rate: rate,
            ..LIMITS
        };
        let lot = Lot::of(random);
        let dropped: Vec<bool> = (0..=full).map(|count| drops(limits, count, lot)).collect();
        proptest::prop_assert!(dropped.is_sorted());
        proptest::prop_assert!(dropped[full]);
    }
}
