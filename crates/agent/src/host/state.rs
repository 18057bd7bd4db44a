//! The way to the agent, which comes and goes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use standpipe_service::scm::ScmOptions;
use tokio::sync::watch;

use super::link::{Link, Statuses};

/// What there is of an agent.
#[derive(Debug, Clone)]
pub(crate) enum AgentState {
    /// It is being started.
    Down(Arc<str>),
    /// It can be asked.
    Up(Arc<Link>),
    /// It is not started again.
    Over(Arc<str>),
}

/// What managers and connectors share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) agent: watch::Sender<AgentState>,
    pub(crate) statuses: Arc<Statuses>,
    /// How the services are managed.
    options: Mutex<BTreeMap<String, ScmOptions>>,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            agent: watch::Sender::new(AgentState::Down("it is being started".into())),
            statuses: Arc::default(),
            options: Mutex::default(),
        }
    }

    /// Adds a service, and how it is managed.
    pub(crate) fn add(&self, service: &str, options: ScmOptions) {
        self.options.lock().unwrap_or_else(PoisonError::into_inner).insert(service.to_owned(), options);
    }

    /// The services that somebody manages.
    pub(crate) fn services(&self) -> Vec<(String, ScmOptions)> {
        let options = self.options.lock().unwrap_or_else(PoisonError::into_inner);
        options.iter().map(|(service, options)| (service.clone(), *options)).collect()
    }

    /// The agent, if it can be asked now; otherwise why not.
    pub(crate) fn now(&self) -> Result<Arc<Link>, Arc<str>> {
        match &*self.agent.borrow() {
            AgentState::Up(link) => Ok(Arc::clone(link)),
            AgentState::Down(reason) | AgentState::Over(reason) => Err(Arc::clone(reason)),
        }
    }

    /// The agent, once it can be asked; or why it never will be.
    pub(crate) async fn link(&self) -> Result<Arc<Link>, Arc<str>> {
        let mut agent = self.agent.subscribe();
        let ready = agent.wait_for(|state| !matches!(state, AgentState::Down(_))).await;
        match ready.as_deref() {
            Ok(AgentState::Up(link)) => Ok(Arc::clone(link)),
            Ok(AgentState::Down(reason) | AgentState::Over(reason)) => Err(Arc::clone(reason)),
            Err(_) => Err("it has ended".into()),
        }
    }
}
