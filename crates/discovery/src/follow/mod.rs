//! Follows all sources of one target, and puts together what they say.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use standpipe_client::ServerAddress;
use standpipe_client::balancer::Target;
use standpipe_deployment::AddressSource;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::answers::{Answer, Known};
use crate::dns::{self, NameServers, Question};
use crate::files::{LOOK_INTERVAL, WatchedFile};
use crate::places::{Place, Wanted};

/// A target that is followed.
#[derive(Debug, Clone)]
pub struct Followed {
    /// The role.
    pub role: String,
    /// Its endpoint.
    pub endpoint: String,
    /// The endpoint's port, for sources that have none; such a source is left out where this is `None`.
    pub port: Option<u16>,
    /// Where its instances are.
    pub sources: Vec<AddressSource>,
}

/// The instances of a target, now and whenever that changes, in the order of the sources and each server
/// once.
///
/// Must be called on a tokio runtime. The tasks that ask end when no receiver is left.
pub fn follow(followed: Followed) -> watch::Receiver<Vec<Target>> {
    follow_with(followed, &NameServers::OfSystem)
}

pub(crate) fn follow_with(followed: Followed, servers: &NameServers) -> watch::Receiver<Vec<Target>> {
    let Followed { role, endpoint, port, sources } = followed;
    let wanted = Wanted { role, endpoint, port };
    let questions: Vec<Asked> = sources.into_iter().flat_map(|source| asked(source, port)).collect();
    let known = questions.iter().map(|_| Known::default()).collect();
    let union = Arc::new(Union { role: wanted.role.clone(), known: Mutex::new(known) });
    let (sender, receiver) = watch::channel(Vec::new());
    // What needs no question is there at once.
    for (place, question) in questions.iter().enumerate() {
        if let Asked::Nobody(server) = question {
            let place_of_it = vec![Place::of_server(server.clone())];
            union.take(place, Answer::Places(place_of_it, std::time::Duration::MAX), &sender);
        }
    }
    let mut tasks = JoinSet::new();
    for (place, question) in questions.into_iter().enumerate() {
        let (union, sender, wanted) = (Arc::clone(&union), sender.clone(), wanted.clone());
        match question {
            Asked::Nobody(_) => {}
            Asked::File(path) => {
                tasks.spawn(async move { watch_file(path, &wanted, place, &union, &sender).await });
            }
            Asked::Dns(question) => {
                let servers = servers.clone();
                tasks.spawn(async move { look_up(&servers, &question, place, &union, &sender).await });
            }
        }
    }
    tokio::spawn(async move {
        tokio::select! {
            () = sender.closed() => {}
            () = async { while tasks.join_next().await.is_some() {} } => sender.closed().await,
        }
        // The tasks go with the set that holds them.
    });
    receiver
}

/// One question that a source leads to, and who is asked.
#[derive(Debug, Clone)]
enum Asked {
    Nobody(ServerAddress),
    File(PathBuf),
    Dns(Question),
}

/// Both families of addresses are asked for by themselves, so that an answer to one does not take away what
/// is known of the other.
fn asked(source: AddressSource, port: Option<u16>) -> Vec<Asked> {
    match source {
        AddressSource::Host(host, own) => {
            let server = own.or(port).and_then(|port| ServerAddress::new(&host, port).ok());
            server.map(Asked::Nobody).into_iter().collect()
        }
        AddressSource::Dns(name, own) => match own.or(port) {
            Some(port) => {
                vec![Asked::Dns(Question::A(name.clone(), port)), Asked::Dns(Question::Aaaa(name, port))]
            }
            None => Vec::new(),
        },
        AddressSource::Srv(name) => vec![Asked::Dns(Question::Srv(name))],
        AddressSource::File(path) => vec![Asked::File(path)],
    }
}

/// What is known from each question.
#[derive(Debug)]
struct Union {
    role: String,
    known: Mutex<Vec<Known>>,
}

impl Union {
    /// Takes the answer to a question and publishes what it changes. Says when to ask again, and whether this
    /// is the first failure after an answer.
    fn take(
        &self,
        place: usize,
        answer: Answer,
        sender: &watch::Sender<Vec<Target>>,
    ) -> Option<(std::time::Duration, bool)> {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get_mut(place)?;
        let was_failing = known.fails();
        let next = known.take(Instant::now(), answer, getrandom::u64().unwrap_or(u64::MAX));
        let begins_to_fail = known.fails() && !was_failing;
        if next.changed {
            let targets = targets(&self.role, all.iter().flat_map(Known::places));
            tracing::info!(role = self.role, instances = targets.len(), "the set of instances has changed");
            sender.send_replace(targets);
        }
        Some((next.pause, begins_to_fail))
    }
}

/// The instances by the names that people see: those with a number as `Role/0`, the others with their
/// address.
fn targets<'p>(role: &str, places: impl Iterator<Item = &'p Place>) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for Place { number, server } in places {
        if targets.iter().any(|known| known.server == *server) {
            continue;
        }
        let instance = match number {
            Some(number) => format!("{role}/{number}"),
            None => format!("{role}/{server}"),
        };
        targets.push(Target { instance, server: server.clone() });
    }
    targets
}

async fn watch_file(
    path: PathBuf,
    wanted: &Wanted,
    place: usize,
    union: &Union,
    sender: &watch::Sender<Vec<Target>>,
) {
    let mut file = WatchedFile::new(path);
    loop {
        if let Some(answer) = file.look(wanted).await {
            union.take(place, answer, sender);
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

async fn look_up(
    servers: &NameServers,
    question: &Question,
    place: usize,
    union: &Union,
    sender: &watch::Sender<Vec<Target>>,
) {
    loop {
        let (answer, error) = dns::ask(servers, question).await;
        let Some((pause, begins_to_fail)) = union.take(place, answer, sender) else { return };
        if let Some(error) = error.filter(|_| begins_to_fail) {
            let (name, kind) = question.name_and_type();
            tracing::warn!(name, %kind, "a look-up failed, and what is known is kept: {error}");
        }
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests;
