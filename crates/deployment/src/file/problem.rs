//! What is wrong with a deployment file, shown with the line it is on.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// A place in the file's text, in bytes.
pub type Span = Range<usize>;

/// The text of a deployment file and where it came from. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Source {
    path: Arc<Path>,
    text: Arc<str>,
}

impl Source {
    /// A text, and the path that messages show for it.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { path: path.into().into(), text: text.into().into() }
    }

    /// The path as the user gave it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The folder that relative paths in the file start from.
    pub fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }
}

/// One thing wrong with a deployment file: what, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    message: String,
    span: Option<Span>,
    label: Option<String>,
    also: Option<Box<(Span, String)>>,
    hint: Option<String>,
    is_temporary: bool,
}

impl Problem {
    /// Something wrong at a place in the file.
    pub fn at(span: Span, message: impl Into<String>) -> Self {
        Self { span: Some(span), ..Self::of_file(message) }
    }

    /// Something wrong with the file as a whole.
    pub fn of_file(message: impl Into<String>) -> Self {
        Self { message: message.into(), span: None, label: None, also: None, hint: None, is_temporary: false }
    }

    /// A few words beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// A second place that belongs to the problem, with its own few words.
    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.also = Some(Box::new((span, label.into())));
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says that it is no mistake of the file and may pass by itself, if `so`.
    #[must_use]
    pub fn temporary(mut self, so: bool) -> Self {
        self.is_temporary = so;
        self
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What is wrong, and the few words beside the caret.
    pub fn explained(&self) -> String {
        match &self.label {
            Some(label) => format!("{}: {label}", self.message),
            None => self.message.clone(),
        }
    }

    /// What to do about it, where that can be said.
    pub fn remedy(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Where it is, unless it is about the file as a whole.
    pub fn span(&self) -> Option<Span> {
        self.span.clone()
    }
}

/// Everything wrong with one deployment file, in the order of its lines.
#[derive(Debug, Clone)]
pub struct Problems {
    source: Source,
    list: Vec<Problem>,
    /// Whether the only problem is that there is no such file.
    is_missing: bool,
}

impl Problems {
    /// One problem of a text.
    pub fn one(source: &Source, problem: Problem) -> Self {
        Self { source: source.clone(), list: vec![problem], is_missing: false }
    }

    /// `Err` when `list` holds anything.
    ///
    /// # Errors
    /// All of it.
    pub fn check(source: &Source, list: Vec<Problem>) -> Result<(), Self> {
        if list.is_empty() { Ok(()) } else { Err(Self::all(source, list)) }
    }

    /// Several problems of a text, at least one.
    pub fn all(source: &Source, mut list: Vec<Problem>) -> Self {
        list.sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
        list.dedup();
        Self { source: source.clone(), list, is_missing: false }
    }

    /// The single problem of a file whose text could not even be read.
    pub(crate) fn unreadable(path: &Path, problem: Problem) -> Self {
        Self::one(&Source::new(path, String::new()), problem)
    }

    /// There is no such file.
    pub(crate) fn missing(path: &Path) -> Self {
        let problem = Problem::of_file("there is no such deployment file");
        Self { is_missing: true, ..Self::unreadable(path, problem) }
    }

    /// Says what to do when there is no such file: how a program is given the right one.
    #[must_use]
    pub fn hint_if_missing(mut self, hint: &str) -> Self {
        if self.is_missing {
            self.list = self.list.into_iter().map(|problem| problem.hint(hint)).collect();
        }
        self
    }

    /// The problems, at least one.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// Whether all of them may pass by themselves, such as a port that is in use.
    pub fn are_temporary(&self) -> bool {
        self.list.iter().all(|problem| problem.is_temporary)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// The file that the problems are in.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// The line of a problem, from 1, unless it is about the file as a whole.
    pub fn line_of(&self, problem: &Problem) -> Option<usize> {
        let text = self.source.text();
        let start = text.floor_char_boundary(problem.span.as_ref()?.start);
        Some(text[..start].matches('\n').count() + 1)
    }

    /// The text for a person: each problem with `file:line:column`, the line itself and a caret. With
    /// `colour`, ANSI escapes are added for a terminal.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let blocks: Vec<String> =
            self.list.iter().map(|problem| self.render_one(problem, &renderer)).collect();
        blocks.join("\n\n")
    }

    fn render_one(&self, problem: &Problem, renderer: &Renderer) -> String {
        let path = self.source.path().display().to_string();
        let mut group = Group::with_title(Level::ERROR.primary_title(problem.message.as_str()));
        if let Some(span) = &problem.span {
            group = self.show(group, span, AnnotationKind::Primary, problem.label.as_deref());
            if let Some((also, label)) = problem.also.as_deref() {
                group = self.show(group, also, AnnotationKind::Context, Some(label));
            }
        } else {
            group = group.element(Origin::path(path));
        }
        if let Some(hint) = &problem.hint {
            group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
        }
        renderer.render(&[group])
    }

    /// Adds the lines of a place; only where it is when the lines may show a secret.
    fn show<'a>(
        &'a self,
        group: Group<'a>,
        span: &Span,
        kind: AnnotationKind,
        label: Option<&'a str>,
    ) -> Group<'a> {
        let path = self.source.path().display().to_string();
        let text = self.source.text();
        let start = text.floor_char_boundary(span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |end| end + 1);
        let end = text.floor_char_boundary(span.end.max(start));
        let line_end = text[end..].find('\n').map_or(text.len(), |length| end + length);
        if text[line_start..line_end].lines().any(may_hold_secret) {
            let line = text[..line_start].matches('\n').count() + 1;
            let column = text[line_start..start].chars().count() + 1;
            return group.element(Origin::path(path).line(line).char_column(column));
        }
        group.element(Snippet::source(text).path(path).annotation(kind.span(span.clone()).label(label)))
    }
}

/// Whether a line looks as if somebody wrote a password into it; such a line is not printed.
fn may_hold_secret(line: &str) -> bool {
    if line.trim_start().starts_with('<') {
        // XML, of which a deployment is made.
        let line = line.to_lowercase();
        return ["password", "passwd", "pwd=", "secret", "key="].iter().any(|word| line.contains(word));
    }
    let Some((key, _)) = line.split_once('=') else { return false };
    let key = key.trim().to_lowercase();
    let named = ["password-file", "password-env"].iter().any(|named| key.ends_with(named));
    !named && ["password", "passwd", "secret"].iter().any(|word| key.contains(word))
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}
