//! Calls on one of the instances that are ready.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Answer, Balancer, BalancerError, Condition, Shared, Watched};
use crate::{Client, ClientError, Pipe};

impl Balancer {
    /// One request and its whole reply, from a random instance that is ready.
    ///
    /// Waits for the first answers of instances that were not asked yet, but not for instances to come back.
    pub async fn call(&self, request: &[u8]) -> Result<Answer, BalancerError> {
        self.call_within(request, &|_| true).await
    }

    /// The same, and asks `room` before it keeps so many bytes more of the reply
    /// ([`Pipe::exchange_within`]).
    pub async fn call_within(
        &self,
        request: &[u8],
        room: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Answer, BalancerError> {
        let Shared { pipe, options, changes, .. } = &*self.shared;
        let mut tried: Vec<(Arc<Watched>, Arc<ClientError>)> = Vec::new();
        while let Some((watched, client)) = self.choose(&tried).await {
            match client.open_when_free(pipe, options.call.wait_for_pipe).await {
                Ok(pipe) => return self.call_on(&watched, pipe, request, room).await,
                Err(error) if error.is_of_this_instance() => {
                    let error = Arc::new(error);
                    watched.failed(options.wariness(&error));
                    watched.set(Condition::Unready(Arc::clone(&error)), changes);
                    watched.check.notify_one();
                    tried.push((watched, error));
                }
                Err(source) => {
                    watched.lock().failed += 1;
                    return Err(BalancerError::Call { target: watched.target.clone(), source });
                }
            }
        }
        let error_of = |watched: &Arc<Watched>| {
            let tried = tried.iter().find(|(other, _)| Arc::ptr_eq(other, watched));
            let error = tried.map(|(_, error)| Arc::clone(error)).or_else(|| watched.error())?;
            Some((watched.target.clone(), error))
        };
        Err(BalancerError::NoneReady {
            instances: self.shared.watched().iter().filter_map(error_of).collect(),
        })
    }

    async fn call_on(
        &self,
        watched: &Watched,
        pipe: Pipe,
        request: &[u8],
        room: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Answer, BalancerError> {
        match pipe.exchange_within(request, &self.shared.options.call, room).await {
            Ok(reply) => {
                watched.answered();
                Ok(Answer { reply, target: watched.target.clone() })
            }
            Err(source) => {
                watched.failed(self.shared.options.wariness(&source));
                // Whether it is still there is seen now and not a second later.
                watched.check.notify_one();
                Err(BalancerError::Call { target: watched.target.clone(), source })
            }
        }
    }

    /// A random instance that is ready and was not tried; waits while there is none but some were never
    /// asked.
    async fn choose(&self, tried: &[(Arc<Watched>, Arc<ClientError>)]) -> Option<(Arc<Watched>, Client)> {
        let mut changes = self.shared.changes.subscribe();
        loop {
            changes.mark_unchanged();
            let all = self.shared.watched();
            let untried =
                || all.iter().filter(|watched| tried.iter().all(|(other, _)| !Arc::ptr_eq(other, watched)));
            let ready: Vec<_> =
                untried().filter_map(|watched| Some((Arc::clone(watched), watched.client()?))).collect();
            let now = Instant::now();
            let (mut trusted, mut wary): (Vec<_>, Vec<_>) =
                ready.into_iter().partition(|(watched, _)| !watched.is_wary(now));
            let choice = if trusted.is_empty() { &mut wary } else { &mut trusted };
            if !choice.is_empty() {
                let (watched, client) = choice.swap_remove(random_below(choice.len()));
                watched.begin_trial(now, self.shared.options.call.reply_timeout);
                return Some((watched, client));
            }
            if !untried().any(|watched| watched.is_unknown()) || changes.changed().await.is_err() {
                return None;
            }
        }
    }
}

/// A number below `bound`, which is not 0; each is equally likely, but for a difference nobody can measure.
fn random_below(bound: usize) -> usize {
    // Without randomness the first instance gets the call, which is better than no call.
    let random = getrandom::u32().unwrap_or_default() as usize;
    random % bound.max(1)
}
