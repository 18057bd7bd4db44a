use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::atomic::AtomicUsize;

use super::*;

/// A service without a network: every third call of a caller goes wrong in some way.
#[derive(Clone)]
struct Pretended;

struct PretendedCaller {
    number: u64,
    last: Rc<Cell<u64>>,
}

impl Workload for Pretended {
    type Caller = PretendedCaller;
    type Error = Infallible;

    async fn connect(&self, _connection: usize) -> Result<Vec<PretendedCaller>, Infallible> {
        Ok(vec![PretendedCaller { number: 0, last: Rc::default() }])
    }
}

impl Caller for PretendedCaller {
    async fn call(&mut self) -> Result<(), CallError> {
        tokio::task::yield_now().await;
        self.number += 1;
        self.last.set(self.number);
        match self.number % 6 {
            2 => Err(CallError::WrongReply),
            5 => Err(CallError::Failed("no reply".into())),
            _ => Ok(()),
        }
    }
}

fn plan(connections: usize) -> Plan {
    let duration = Duration::from_millis(100);
    Plan { connections, threads: 2, warm_up: Duration::from_millis(10), duration, idle: false }
}

#[test]
fn failures_are_counted_apart() {
    let mut moments = Vec::new();
    let outcome = run(&Pretended, &plan(5), |moment| moments.push(moment)).unwrap();
    assert_eq!(moments, [Moment::Before, Moment::Start, Moment::End]);
    assert!(outcome.calls > 0 && outcome.wrong > 0 && outcome.errors > 0, "{outcome:?}");
    assert_eq!(outcome.calls, outcome.latencies.count());
    assert!(outcome.elapsed >= Duration::from_millis(100));
    let first = outcome.first_error.unwrap();
    assert!(first.contains("reply"), "{first}");
}

#[test]
fn idle_callers_call_once_at_the_end() {
    let outcome = run(&Pretended, &Plan { idle: true, ..plan(7) }, |_| ()).unwrap();
    assert_eq!((outcome.calls, outcome.wrong, outcome.errors), (7, 0, 0));
}

/// Nobody to connect to.
#[derive(Clone)]
struct Nowhere;

impl Workload for Nowhere {
    type Caller = PretendedCaller;
    type Error = std::io::Error;

    async fn connect(&self, connection: usize) -> Result<Vec<PretendedCaller>, std::io::Error> {
        if connection == 3 {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok(Vec::new())
    }
}

#[test]
fn a_connection_that_cannot_be_made_ends_it() {
    let error = run(&Nowhere, &plan(5), |_| ()).unwrap_err();
    assert_eq!(error.to_string(), "could not make connection 4 of 5");
}

/// Knows how many of its callers there are.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

struct CountedCaller(Arc<AtomicUsize>);

impl Drop for CountedCaller {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Workload for Counting {
    type Caller = CountedCaller;
    type Error = Infallible;

    async fn connect(&self, _connection: usize) -> Result<Vec<CountedCaller>, Infallible> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(vec![CountedCaller(Arc::clone(&self.0))])
    }
}

impl Caller for CountedCaller {
    async fn call(&mut self) -> Result<(), CallError> {
        tokio::task::yield_now().await;
        Ok(())
    }
}

#[test]
fn everything_is_still_there_when_the_end_is_told() {
    for idle in [false, true] {
        let (load, mut seen) = (Counting::default(), Vec::new());
        let there = Arc::clone(&load.0);
        run(&load, &Plan { idle, ..plan(6) }, |_| seen.push(there.load(Ordering::SeqCst))).unwrap();
        assert_eq!(seen, [0, 6, 6]);
        assert_eq!(there.load(Ordering::SeqCst), 0);
    }
}
