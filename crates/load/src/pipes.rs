//! The load on a named pipe.

use std::net::IpAddr;

use super::{CallError, Caller, Expect, Message, Workload};
use standpipe_client::{Client, ClientError, ConnectOptions, Credentials, Pipe, PipeAddress};

/// What one call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// A request and its reply in one round trip, on a pipe that stays open.
    #[default]
    Transceive,
    /// Open the pipe, write the request, read the reply, close the pipe: four round trips.
    Call,
    /// Connect, log on, log off.
    LogOn,
}

/// Calls to one pipe over any number of connections.
#[derive(Debug, Clone)]
pub struct PipeLoad {
    /// The pipe.
    pub pipe: PipeAddress,
    /// Who calls.
    pub credentials: Credentials,
    /// How connections are made.
    pub connect: ConnectOptions,
    /// The addresses of this machine to connect from, in turn; empty for [`ConnectOptions::from`].
    pub from: Vec<IpAddr>,
    /// What one call is.
    pub kind: Kind,
    /// Callers on each connection, each with a pipe of its own. With [`Kind::LogOn`], connections at a time.
    pub callers: usize,
    /// How long a request is, in bytes.
    pub size: usize,
    /// What the reply must be.
    pub expect: Expect,
}

impl PipeLoad {
    async fn log_on(&self, connection: usize) -> Result<Client, ClientError> {
        let mut options = self.connect.clone();
        if !self.from.is_empty() {
            options.from = self.from.get(connection % self.from.len()).copied();
        }
        Client::connect(&self.pipe.server, &self.credentials, &options).await
    }
}

impl Workload for PipeLoad {
    type Caller = PipeCaller;
    type Error = ClientError;

    async fn connect(&self, connection: usize) -> Result<Vec<PipeCaller>, ClientError> {
        let client = match self.kind {
            Kind::LogOn => None,
            Kind::Transceive | Kind::Call => Some(self.log_on(connection).await?),
        };
        let mut callers = Vec::new();
        for number in 0..self.callers {
            let number = connection * self.callers + number;
            let mut caller = PipeCaller {
                load: self.clone(),
                connection,
                client: client.clone(),
                pipe: None,
                message: Message::new(self.size, self.expect, number),
            };
            if self.kind == Kind::Transceive {
                caller.open().await?;
            }
            callers.push(caller);
        }
        Ok(callers)
    }
}

/// One after another, calls to a pipe.
#[derive(Debug)]
pub struct PipeCaller {
    load: PipeLoad,
    connection: usize,
    client: Option<Client>,
    pipe: Option<Pipe>,
    message: Message,
}

impl PipeCaller {
    async fn client(&mut self) -> Result<Client, ClientError> {
        match &self.client {
            Some(client) if !client.is_closed() => Ok(client.clone()),
            _ => Ok(self.client.insert(self.load.log_on(self.connection).await?).clone()),
        }
    }

    async fn open(&mut self) -> Result<(), ClientError> {
        let pipe = self.client().await?.open(&self.load.pipe.pipe).await?;
        self.pipe = Some(pipe);
        Ok(())
    }

    async fn transceive(&mut self) -> Result<bool, ClientError> {
        if self.pipe.is_none() {
            self.open().await?;
        }
        // Back only when it worked: after a failure nobody knows what may still come out of it.
        let Some(pipe) = self.pipe.take() else { return Ok(false) };
        // One byte more than is right shows that there is more.
        let max = self.message.reply_length().unwrap_or(self.load.size).saturating_add(1);
        let Some(reply) = pipe.transceive(self.message.next_request(), max).await? else {
            return Err(ClientError::NoReply { pipe: self.load.pipe.clone() });
        };
        self.pipe = Some(pipe);
        Ok(self.message.is_answered_by(&reply))
    }

    async fn whole_call(&mut self) -> Result<bool, ClientError> {
        let pipe = self.client().await?.open(&self.load.pipe.pipe).await?;
        pipe.write(self.message.next_request()).await?;
        let length = self.message.reply_length();
        let mut reply = Vec::new();
        loop {
            let max = length.unwrap_or(self.load.size).saturating_sub(reply.len()).max(1);
            let Some(part) = pipe.read(max).await? else {
                return Err(ClientError::NoReply { pipe: self.load.pipe.clone() });
            };
            if reply.is_empty() {
                reply = part;
            } else {
                reply.extend_from_slice(&part);
            }
            if length.is_none_or(|length| reply.len() >= length) {
                break;
            }
        }
        pipe.close().await?;
        Ok(self.message.is_answered_by(&reply))
    }

    async fn log_on_and_off(&mut self) -> Result<bool, ClientError> {
        self.load.log_on(self.connection).await?.log_off().await;
        Ok(true)
    }
}

impl Caller for PipeCaller {
    async fn call(&mut self) -> Result<(), CallError> {
        let result = match self.load.kind {
            Kind::Transceive => self.transceive().await,
            Kind::Call => self.whole_call().await,
            Kind::LogOn => self.log_on_and_off().await,
        };
        match result {
            Ok(true) => Ok(()),
            Ok(false) => Err(CallError::WrongReply),
            Err(error) => Err(CallError::Failed(error.into())),
        }
    }
}
