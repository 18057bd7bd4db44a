//! The deployment file that comes out, before it is text: tables with keys, and comments for people.

/// A table of the deployment file.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// The parts of its name, such as `roles`, `Watcher`, `service`.
    pub(crate) path: Vec<String>,
    /// Whether it is one of several, as `[[…]]`.
    pub(crate) is_item: bool,
    /// What stands above it.
    pub(crate) comments: Vec<Comment>,
    /// Its keys in order.
    pub(crate) keys: Vec<Key>,
}

/// A key of a table.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) value: Value,
    /// What stands above it.
    pub(crate) comments: Vec<Comment>,
}

/// What a key holds.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(String),
    Number(u64),
    Flag(bool),
    Texts(Vec<String>),
    /// Names with texts.
    Variables(Vec<(String, String)>),
}

/// A comment for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Comment {
    /// Something to know.
    Note(String),
    /// Something that a person has to decide.
    Decide(String),
}

impl Table {
    /// A table without keys.
    pub(crate) fn new(path: &[&str]) -> Self {
        Self { path: path.iter().map(|part| (*part).to_owned()).collect(), ..Self::default() }
    }

    /// One of several tables with this path.
    pub(crate) fn item(path: &[&str]) -> Self {
        Self { is_item: true, ..Self::new(path) }
    }

    /// Adds a key.
    pub(crate) fn set(&mut self, name: &str, value: Value) -> &mut Key {
        self.keys.push(Key { name: name.to_owned(), value, comments: Vec::new() });
        let last = self.keys.len() - 1;
        &mut self.keys[last]
    }

    /// Adds a key with a text.
    pub(crate) fn text(&mut self, name: &str, value: impl Into<String>) -> &mut Key {
        self.set(name, Value::Text(value.into()))
    }

    /// Something to know about the table.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.comments.push(Comment::Note(text.into()));
    }

    /// Something to decide about the table.
    pub(crate) fn decide(&mut self, text: impl Into<String>) {
        self.comments.push(Comment::Decide(text.into()));
    }
}

impl Key {
    /// Something to know about the key.
    pub(crate) fn note(&mut self, text: impl Into<String>) -> &mut Self {
        self.comments.push(Comment::Note(text.into()));
        self
    }

    /// Something to decide about the key.
    pub(crate) fn decide(&mut self, text: impl Into<String>) -> &mut Self {
        self.comments.push(Comment::Decide(text.into()));
        self
    }
}
