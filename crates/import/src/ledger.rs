//! Notes what became of each element and attribute while they are mapped, so that nothing is forgotten.

use std::collections::{HashMap, HashSet};

use crate::document::{Attribute, Document, Element, Id};
use crate::report::{Entry, Outcome, Report};

/// One note.
#[derive(Debug, Clone)]
struct Note {
    outcome: Outcome,
    to: Option<String>,
    text: Option<String>,
}

/// The notes so far.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    notes: HashMap<Id, Vec<Note>>,
}

impl Ledger {
    fn add(&mut self, id: Id, outcome: Outcome, to: Option<String>, text: Option<String>) {
        let notes = self.notes.entry(id).or_default();
        // Several keys may come of one attribute; that it was read says no more than they do.
        let says_nothing = |note: &Note| note.to.is_none() && note.text.is_none();
        let note = Note { outcome, to, text };
        if says_nothing(&note) && !notes.is_empty() {
            return;
        }
        notes.retain(|note| !says_nothing(note));
        notes.push(note);
    }

    /// It holds others together, or says nothing that the deployment file has to say.
    pub(crate) fn read(&mut self, id: Id) {
        self.add(id, Outcome::Mapped, None, None);
    }

    /// It became this key.
    pub(crate) fn mapped(&mut self, id: Id, to: impl Into<String>) {
        self.add(id, Outcome::Mapped, Some(to.into()), None);
    }

    /// It became this key, and there is something to know.
    pub(crate) fn mapped_with(&mut self, id: Id, to: impl Into<String>, text: impl Into<String>) {
        self.add(id, Outcome::Mapped, Some(to.into()), Some(text.into()));
    }

    /// It became this key, and a person has to look there.
    pub(crate) fn decide(&mut self, id: Id, to: impl Into<String>, text: impl Into<String>) {
        self.add(id, Outcome::Decide, Some(to.into()), Some(text.into()));
    }

    /// It is not in the deployment file.
    pub(crate) fn left_out(&mut self, id: Id, instead: impl Into<String>) {
        self.add(id, Outcome::LeftOut, None, Some(instead.into()));
    }

    /// The element is not in the deployment file, and nothing in it.
    pub(crate) fn left_out_whole(&mut self, element: &Element, instead: impl Into<String>) {
        self.left_out(element.id, instead);
        self.within(element, Outcome::LeftOut);
    }

    /// What is in the element has become what the element itself has.
    pub(crate) fn within(&mut self, element: &Element, outcome: Outcome) {
        let mut waiting = vec![element];
        while let Some(next) = waiting.pop() {
            let ids = next.attributes.iter().map(|attribute| attribute.id);
            let ids =
                ids.chain(next.text.map(|(id, _)| id)).chain(next.children.iter().map(|child| child.id));
            for id in ids.collect::<Vec<_>>() {
                if !self.has(id) {
                    self.add(id, outcome, None, None);
                }
            }
            waiting.extend(&next.children);
        }
    }

    /// Whether there is a note.
    pub(crate) fn has(&self, id: Id) -> bool {
        self.notes.contains_key(&id)
    }

    /// The report: all notes, and everything without a note as unknown.
    pub(crate) fn report<'d>(mut self, documents: impl Iterator<Item = &'d Document>) -> Report {
        let mut entries = Vec::new();
        for document in documents {
            let file = document.source.path().display().to_string();
            self.forget_within_unknown(&document.root);
            let mut waiting = vec![&document.root];
            let mut found: Vec<(Id, Entry)> = Vec::new();
            while let Some(element) = waiting.pop() {
                let mut note = |id: Id, line: usize, what: String| {
                    let empty = || vec![unknown(&what, element)];
                    for note in self.notes.remove(&id).unwrap_or_else(empty) {
                        let Note { outcome, to, text } = note;
                        let (file, what) = (file.clone(), what.clone());
                        found.push((id, Entry { file, line, what, outcome, to, note: text }));
                    }
                };
                note(element.id, element.line, element.path.clone());
                for Attribute { id, name, line, .. } in &element.attributes {
                    note(*id, *line, format!("{}/@{name}", element.path));
                }
                if let Some((id, line)) = element.text {
                    note(id, line, format!("{}/text()", element.path));
                }
                waiting.extend(&element.children);
            }
            found.sort_by_key(|(id, _)| *id);
            entries.extend(found.into_iter().map(|(_, entry)| entry));
        }
        Report { entries, problems: Vec::new() }
    }

    /// What is in an unknown element is unknown because of that, which is said once.
    fn forget_within_unknown(&mut self, root: &Element) {
        let mut waiting = vec![root];
        let mut done = HashSet::new();
        while let Some(element) = waiting.pop() {
            if !self.has(element.id) && done.insert(element.id) {
                self.within(element, Outcome::Unknown);
            }
            waiting.extend(&element.children);
        }
    }
}

fn unknown(what: &str, element: &Element) -> Note {
    let text = if what.ends_with("/text()") {
        format!("text in a {} has no meaning", element.name)
    } else if let Some((_, name)) = what.rsplit_once("/@") {
        format!("a {} has no attribute `{name}` here", element.name)
    } else {
        let namespace = element.namespace.as_deref().unwrap_or("no namespace");
        format!("{} ({namespace}) has no meaning here", element.name)
    };
    let text =
        format!("{text}, in any version of the schema; if it matters, say it in the deployment file by hand");
    Note { outcome: Outcome::Unknown, to: None, text: Some(text) }
}
