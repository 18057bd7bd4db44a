use proptest::prelude::*;

use super::*;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

fn host(number: u32) -> IpAddr {
    IpAddr::V4((0x0A00_0000 + number).into())
}

fn fail(failures: &mut Failures, times: u32, address: IpAddr, user: &str) {
    (0..times).for_each(|_| failures.failed(Duration::ZERO, address, Some(user)));
}

/// One log-on, on a connection that ends at once.
fn visit(failures: &mut Failures, now: Duration, address: IpAddr, user: &str) {
    failures.succeeded(now, address, user);
    failures.ended(now, address, user);
}

#[test]
fn a_few_mistakes_cost_nothing() {
    let mut failures = Failures::new(GatePolicy::default());
    fail(&mut failures, 4, HERE, "user");
    assert!(failures.admits(Duration::ZERO, HERE, "USER"));
}

#[test]
fn guessing_gets_slower_and_slower() {
    let mut failures = Failures::new(GatePolicy::default());
    fail(&mut failures, 5, HERE, "user");
    assert!(!failures.admits(Duration::ZERO, HERE, "User"), "names have no case");
    assert!(!failures.admits(Duration::from_millis(999), HERE, "user"));
    assert!(failures.admits(seconds(1), HERE, "user"));
    fail(&mut failures, 3, HERE, "user");
    assert!(!failures.admits(seconds(7), HERE, "user"));
    assert!(failures.admits(seconds(8), HERE, "user"));
    fail(&mut failures, 100, HERE, "user");
    assert!(!failures.admits(seconds(299), HERE, "user"));
    assert!(failures.admits(seconds(300), HERE, "user"), "the longest wait");
}

#[test]
fn others_are_not_locked_out() {
    let mut failures = Failures::new(GatePolicy::default());
    visit(&mut failures, Duration::ZERO, HERE, "neighbour");
    fail(&mut failures, 49, HERE, "user");
    assert!(failures.admits(Duration::ZERO, THERE, "user"));
    assert!(failures.admits(Duration::ZERO, HERE, "another"));
    fail(&mut failures, 1, HERE, "third");
    assert!(!failures.admits(Duration::ZERO, HERE, "another"), "one address, many names");
    assert!(failures.admits(Duration::ZERO, HERE, "neighbour"), "it has logged on before");
}

#[test]
fn a_guesser_at_the_users_own_address_does_not_lock_the_user_out() {
    let mut failures = Failures::new(GatePolicy::default());
    visit(&mut failures, Duration::ZERO, HERE, "user");
    for attempt in 0..20 * 60 {
        let now = Duration::from_millis(attempt * 50);
        assert!(failures.admits(now, HERE, "USER"), "attempt {attempt}");
        failures.failed(now, HERE, Some("User"));
    }
    assert!(!failures.admits(seconds(60), HERE, "another"), "the guesser pays");
    assert!(failures.admits(seconds(60), THERE, "user"), "the user may come from elsewhere, too");
}

#[test]
fn many_addresses_on_one_name_lock_out_strangers_only() {
    let mut failures = Failures::new(GatePolicy::default());
    visit(&mut failures, Duration::ZERO, THERE, "user");
    (1..=100).for_each(|number| failures.failed(Duration::ZERO, host(number), Some("user")));
    assert!(!failures.admits(Duration::ZERO, HERE, "user"));
    assert!(failures.admits(Duration::ZERO, THERE, "user"), "it has logged on before");
}

#[test]
fn a_pair_is_known_for_days_and_while_it_is_connected() {
    let mut failures = Failures::new(GatePolicy::default());
    visit(&mut failures, Duration::ZERO, HERE, "user");
    failures.succeeded(Duration::ZERO, THERE, "user");
    let lock_out = |failures: &mut Failures, now| {
        (0..200).for_each(|_| failures.failed(now, host(1), Some("user")));
    };
    lock_out(&mut failures, days(29));
    assert!(failures.admits(days(29), HERE, "user"));
    lock_out(&mut failures, days(90));
    assert!(!failures.admits(days(90), HERE, "user"), "it is a stranger again");
    assert!(failures.admits(days(90), THERE, "user"), "it was there all the time");
    failures.ended(days(90), THERE, "user");
    assert!(failures.admits(days(90) + seconds(1), THERE, "user"), "its days begin with the end");
}

#[test]
fn success_and_time_forgive() {
    let mut failures = Failures::new(GatePolicy::default());
    fail(&mut failures, 10, HERE, "user");
    visit(&mut failures, seconds(40), HERE, "user");
    assert!(failures.admits(seconds(40), HERE, "user"));
    fail(&mut failures, 100, HERE, "other");
    assert!(!failures.admits(seconds(1), HERE, "other"));
    assert!(failures.admits(seconds(15 * 60), HERE, "other"));
}

#[test]
fn invented_names_do_not_flush_the_memory() {
    let mut failures = Failures::new(GatePolicy::default());
    visit(&mut failures, Duration::ZERO, THERE, "user");
    fail(&mut failures, 60, HERE, "user");
    // Each of 105 addresses has as many failures as cost nothing, in as many names.
    for number in 0..105 {
        (0..50).for_each(|_| failures.failed(Duration::ZERO, host(number), None));
    }
    assert!(!failures.admits(seconds(1), HERE, "user"));
    assert!(!failures.admits(seconds(1), HERE, "anybody"));
    assert!(failures.admits(seconds(1), THERE, "user"));
    assert_eq!((failures.addresses.len(), failures.accounts.len()), (106, 1));
}

#[test]
fn addresses_with_few_failures_do_not_flush_those_with_many() {
    let mut failures = Failures::new(GatePolicy { remembered: 50, ..GatePolicy::default() });
    fail(&mut failures, 60, HERE, "user");
    for number in 0..10_000 {
        failures.failed(Duration::from_millis(u64::from(number)), host(number), None);
    }
    assert_eq!((failures.addresses.len(), failures.weakest.len()), (50, 50));
    assert!(!failures.admits(seconds(10), HERE, "anybody"));
    failures.failed(days(1), THERE, None);
    assert_eq!((failures.addresses.len(), failures.accounts.len()), (1, 0), "what is over goes first");
}

#[test]
fn an_ipv6_network_is_one_address() {
    let address = |text: &str| network_of(text.parse().unwrap());
    assert_eq!(address("2001:db8:1:2::1"), address("2001:db8:1:2:ffff::9"));
    assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
    assert_eq!(address("::ffff:127.0.0.1"), HERE);
}

#[test]
fn an_account_that_comes_from_everywhere_displaces_its_own_pairs() {
    let mut failures = Failures::new(GatePolicy { known: 20, ..GatePolicy::default() });
    visit(&mut failures, Duration::ZERO, HERE, "user");
    failures.succeeded(Duration::ZERO, THERE, "connected");
    (0..1000).for_each(|number| visit(&mut failures, seconds(1), host(number), "traveller"));
    fail(&mut failures, 200, host(0), "user");
    fail(&mut failures, 200, host(0), "connected");
    assert_eq!(failures.known.len(), 20);
    assert!(failures.admits(seconds(2), HERE, "user") && failures.admits(seconds(2), THERE, "connected"));
}

proptest! {
    /// Whatever anybody fails in, a pair that logged on is admitted; and the memory has its bounds.
    #[test]
    fn whoever_logged_on_is_admitted_whatever_others_do(
        attempts in prop::collection::vec((0..40u32, 0..6usize, any::<bool>(), 0..100_000u64), 1..400),
    ) {
        let accounts = ["user", "other", "third", "fourth", "fifth", "sixth"];
        let policy = GatePolicy { remembered: 10, known: 300, ..GatePolicy::default() };
        let (mut failures, mut now) = (Failures::new(policy), Duration::ZERO);
        let mut known = BTreeSet::new();
        for (number, account, right, pause) in attempts {
            now += Duration::from_millis(pause);
            let (address, account) = (host(number), accounts[account]);
            let admitted = failures.admits(now, address, account);
            prop_assert!(admitted || !known.contains(&(address, account)));
            if admitted && right {
                visit(&mut failures, now, address, account);
                known.insert((address, account));
            } else if admitted {
                failures.failed(now, address, Some(account));
            }
            prop_assert!(failures.addresses.len() <= 10);
            prop_assert_eq!(failures.addresses.len(), failures.weakest.len());
        }
    }

    /// An address that has to wait waits as long as it would without all the others.
    #[test]
    fn nobody_shortens_the_wait_of_another_address(
        own in 50..70u32,
        others in prop::collection::vec((1..60u32, 1..50u32), 0..200),
        after in 0..300u64,
    ) {
        let policy = GatePolicy { remembered: 20, ..GatePolicy::default() };
        let (mut alone, mut crowded) = (Failures::new(policy.clone()), Failures::new(policy));
        fail(&mut alone, own, HERE, "user");
        fail(&mut crowded, own, HERE, "user");
        for (number, times) in others {
            (0..times).for_each(|_| crowded.failed(Duration::ZERO, host(number), None));
            // Who has more failures than the one that waits may displace it, as any bounded memory must.
            if crowded.addresses.values().filter(|of| of.all.failures >= own).count() >= 20 {
                return Ok(());
            }
        }
        prop_assert!(alone.admits(seconds(after), HERE, "user") || !crowded.admits(seconds(after), HERE, "user"));
    }
}
