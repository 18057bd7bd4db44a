//! Walks the parsed TOML and collects everything that is wrong, instead of stopping at the first mistake.

use std::time::Duration;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::keys::{Holds, Keys, Words};
use super::ports::Ports;
use super::problem::{Problem, Span};
use super::text::{Environment, Text};

/// Keys of other programs, and what they are called here.
const MEANT: &[(&str, &str)] = &[
    ("cwd", "folder"),
    ("workdir", "folder"),
    ("working-dir", "folder"),
    ("working_dir", "folder"),
    ("working-directory", "folder"),
    ("working_directory", "folder"),
    ("directory", "folder"),
    ("cmd", "command"),
    ("exec", "command"),
    ("entrypoint", "command"),
    ("env", "environment"),
    ("replicas", "instances"),
];

/// The value of a key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Field<T> {
    /// The key is not there.
    #[default]
    Absent,
    /// The key is there, but its value is wrong; the problem is already noted.
    Bad,
    /// The value.
    Given(T),
}

impl<T> Field<T> {
    /// The value, when there is a good one.
    pub(crate) fn given(self) -> Option<T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Bad => None,
        }
    }

    /// The value by reference, when there is a good one.
    pub(crate) fn as_given(&self) -> Option<&T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Bad => None,
        }
    }

    /// Whether the key is not there at all.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<T> From<Option<T>> for Field<T> {
    /// `None` is a value that was found wrong.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Bad, Self::Given)
    }
}

/// What every step of the walk needs, and the problems found so far.
pub(super) struct Reader<'a> {
    pub(super) file: &'a str,
    pub(super) environment: &'a dyn Environment,
    pub(super) problems: Vec<Problem>,
}

impl Reader<'_> {
    pub(super) fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn wrong_type(&mut self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) {
        let found = describe(value.get_ref());
        self.report(
            Problem::at(value.span(), format!("`{key}` must be {expected}"))
                .label(format!("expected {expected}, found {found}")),
        );
    }

    fn text(&mut self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) -> Option<Text> {
        let Some(decoded) = value.get_ref().as_str() else {
            self.wrong_type(key, value, expected);
            return None;
        };
        Text::expand(self.file, value.span(), decoded, self.environment)
            .map_err(|problem| self.report(problem))
            .ok()
    }

    /// A whole number; also as a string, so that it can come from the environment.
    fn number(&mut self, key: &str, value: &Spanned<DeValue<'_>>, least: u32, most: u32) -> Option<u32> {
        let expected = format!("a whole number from {least} to {most}");
        let number = match value.get_ref() {
            DeValue::Integer(integer) => i128::from_str_radix(integer.as_str(), integer.radix()).ok(),
            DeValue::String(text) if text.contains("${") => {
                let text = self.text(key, value, &expected)?;
                let number = text.as_str().trim().parse::<i128>().ok();
                if number.is_none() {
                    self.report(
                        Problem::at(value.span(), format!("`{key}` must be {expected}"))
                            .label(format!("stands for `{}`", text.as_str())),
                    );
                    return None;
                }
                number
            }
            _ => {
                self.wrong_type(key, value, &expected);
                return None;
            }
        };
        let number = number.and_then(|number| u32::try_from(number).ok());
        if let Some(number) = number.filter(|number| (least..=most).contains(number)) {
            return Some(number);
        }
        self.report(Problem::at(value.span(), format!("`{key}` must be {expected}")).label("out of range"));
        None
    }

    /// A port as a number, or as a text.
    fn port(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Ports> {
        const EXPECTED: &str = "a number from 1 to 65535, a range such as \"20000-20010\", or \"dynamic\"";
        let ports = match value.get_ref() {
            DeValue::Integer(integer) => i128::from_str_radix(integer.as_str(), integer.radix())
                .ok()
                .and_then(|number| Ports::parse(&number.to_string())),
            DeValue::String(_) => Ports::parse(self.text(key, value, EXPECTED)?.as_str()),
            _ => {
                self.wrong_type(key, value, EXPECTED);
                return None;
            }
        };
        if ports.is_none() {
            self.report(Problem::at(value.span(), format!("`{key}` must be {EXPECTED}")).label("not a port"));
        }
        ports
    }

    /// A number of bytes, at least one.
    fn size(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<u64> {
        const EXPECTED: &str = "a number with its unit in quotes, such as \"100MiB\" or \"2GiB\"";
        let text = self.text(key, value, EXPECTED)?;
        let size = bytes_in(text.as_str());
        if size.is_none() {
            self.report(
                Problem::at(value.span(), format!("`{key}` must be {EXPECTED}"))
                    .label("not a size")
                    .hint("the units are B, KiB, MiB, GiB and TiB, and kB, MB, GB and TB for powers of 1000"),
            );
        }
        size
    }

    fn duration(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Duration> {
        const HINT: &str = "write a number with its unit in quotes, such as \"500ms\", \"10s\" or \"2m\"";
        let Some(decoded) = value.get_ref().as_str() else {
            let found = describe(value.get_ref());
            self.report(
                Problem::at(value.span(), format!("`{key}` must be a length of time"))
                    .label(format!("expected a length of time, found {found}"))
                    .hint(HINT),
            );
            return None;
        };
        let text = Text::expand(self.file, value.span(), decoded, self.environment)
            .map_err(|problem| self.report(problem))
            .ok()?;
        match humantime::parse_duration(text.as_str().trim()) {
            Ok(duration) if duration.is_zero() => {
                self.report(
                    Problem::at(value.span(), format!("`{key}` must be longer than zero"))
                        .label("zero")
                        .hint(HINT),
                );
                None
            }
            Ok(duration) => Some(duration),
            Err(error) => {
                self.report(
                    Problem::at(value.span(), format!("`{key}` must be a length of time"))
                        .label(error.to_string())
                        .hint(HINT),
                );
                None
            }
        }
    }
}

/// One key of a table with its value.
type Entry<'t, 'i> = (&'t Spanned<DeString<'i>>, &'t Spanned<DeValue<'i>>);

/// A table that is being read: keys are taken one by one, and what is left over at the end is unknown.
pub(super) struct Table<'t, 'i> {
    keys: &'static Keys,
    /// How messages call it: ``pipe `simple` ``.
    what: String,
    /// Where messages about the table itself point to: its name.
    pub(super) at: Span,
    entries: Vec<Entry<'t, 'i>>,
    /// The keys that the reader has asked for.
    asked: Vec<&'static str>,
}

impl<'t, 'i> Table<'t, 'i> {
    pub(super) fn of(keys: &'static Keys, table: &'t DeTable<'i>, at: Span, what: impl Into<String>) -> Self {
        Self { keys, what: what.into(), at, entries: in_file_order(table), asked: Vec::new() }
    }

    /// A value as a table with these keys; notes a wrong type.
    fn read(
        keys: &'static Keys,
        reader: &mut Reader<'_>,
        key: &str,
        value: &'t Spanned<DeValue<'i>>,
        at: Span,
        what: impl Into<String>,
    ) -> Option<Self> {
        as_table(reader, key, value).map(|table| Self::of(keys, table, at, what))
    }

    /// What the table of keys says that this one holds. A key that is not in it is our mistake, which any
    /// test finds.
    fn holds(&self, key: &str) -> Option<Holds> {
        let found = self.keys.get(key);
        debug_assert!(found.is_some(), "`{key}` is not in the table of the keys of a {}", self.keys.name);
        found.map(|key| key.holds)
    }

    fn take(&mut self, key: &'static str) -> Option<Entry<'t, 'i>> {
        self.asked.push(key);
        let index = self.entries.iter().position(|(name, _)| name.get_ref() == key)?;
        Some(self.entries.remove(index))
    }

    /// A table: `[roles.R.service]`.
    pub(super) fn one(&mut self, reader: &mut Reader<'_>, key: &'static str, what: String) -> Option<Self> {
        let Some(Holds::Table(keys)) = self.holds(key) else { return self.misread(key) };
        let (name, value) = self.take(key)?;
        Self::read(keys, reader, key, value, name.span(), what)
    }

    pub(super) fn text(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Field<Text> {
        let Some(Holds::Text) = self.holds(key) else { return self.misread(key) };
        self.take(key).map_or(Field::Absent, |(_, value)| reader.text(key, value, "a string").into())
    }

    pub(super) fn number(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Field<Spanned<u32>> {
        let Some(Holds::Number { least, most }) = self.holds(key) else { return self.misread(key) };
        self.take(key).map_or(Field::Absent, |(_, value)| {
            reader.number(key, value, least, most).map(|number| Spanned::new(value.span(), number)).into()
        })
    }

    pub(super) fn port(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Field<Spanned<Ports>> {
        let Some(Holds::Port) = self.holds(key) else { return self.misread(key) };
        self.take(key).map_or(Field::Absent, |(_, value)| {
            reader.port(key, value).map(|ports| Spanned::new(value.span(), ports)).into()
        })
    }

    pub(super) fn size(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Field<u64> {
        let Some(Holds::Size) = self.holds(key) else { return self.misread(key) };
        self.take(key).map_or(Field::Absent, |(_, value)| reader.size(key, value).into())
    }

    pub(super) fn flag(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Field<bool> {
        let Some(Holds::Flag) = self.holds(key) else { return self.misread(key) };
        self.take(key).map_or(Field::Absent, |(_, value)| {
            let flag = value.get_ref().as_bool();
            if flag.is_none() {
                reader.wrong_type(key, value, "true or false");
            }
            flag.into()
        })
    }

    pub(super) fn duration(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Field<Duration> {
        let Some(Holds::Duration) = self.holds(key) else { return self.misread(key) };
        self.take(key).map_or(Field::Absent, |(_, value)| reader.duration(key, value).into())
    }

    /// One of a few words.
    pub(super) fn choice<T: Words>(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Field<T> {
        let Some(Holds::Choice(names)) = self.holds(key) else { return self.misread(key) };
        let Some((_, value)) = self.take(key) else { return Field::Absent };
        let names = names();
        let expected = one_of(&names);
        let Some(text) = reader.text(key, value, &expected) else { return Field::Bad };
        if let Some((_, meaning)) = T::WORDS.iter().find(|(word, _)| *word == text.as_str()) {
            return Field::Given(*meaning);
        }
        let problem = Problem::at(text.span(), format!("`{key}` must be {expected}"));
        reader.report(match nearest(text.as_str(), &names) {
            Some(word) => problem.label(format!("did you mean `{word}`?")),
            None => problem.label("not one of them"),
        });
        Field::Bad
    }

    /// An array of strings.
    pub(super) fn texts(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Field<Vec<Text>> {
        let Some(Holds::Texts) = self.holds(key) else { return self.misread(key) };
        let Some((_, value)) = self.take(key) else { return Field::Absent };
        let Some(array) = value.get_ref().as_array() else {
            reader.wrong_type(key, value, "an array of strings");
            return Field::Bad;
        };
        let texts = array.iter().map(|text| reader.text(key, text, "an array of strings"));
        texts.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>().into()
    }

    /// A program and its arguments: an array of strings, not empty.
    pub(super) fn command(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Field<Vec<Text>> {
        const HINT: &str = "no shell takes part; write the program and each argument by itself: \
                            command = [\"program\", \"argument\"]";
        let Some(Holds::Command) = self.holds(key) else { return self.misread(key) };
        let Some((_, value)) = self.take(key) else { return Field::Absent };
        let Some(array) = value.get_ref().as_array() else {
            let found = describe(value.get_ref());
            reader.report(
                Problem::at(value.span(), format!("`{key}` must be an array of strings"))
                    .label(format!("expected an array of strings, found {found}"))
                    .hint(HINT),
            );
            return Field::Bad;
        };
        let words: Vec<Option<Text>> =
            array.iter().map(|word| reader.text(key, word, "an array of strings")).collect();
        let Some(words) = words.into_iter().collect::<Option<Vec<_>>>() else { return Field::Bad };
        match words.first() {
            Some(program) if !program.as_str().is_empty() => {}
            Some(program) => {
                reader.report(
                    Problem::at(program.span(), format!("`{key}` has an empty program name")).hint(HINT),
                );
                return Field::Bad;
            }
            None => {
                reader.report(Problem::at(value.span(), format!("`{key}` is empty")).hint(HINT));
                return Field::Bad;
            }
        }
        if let Some(word) = words.iter().find(|word| word.as_str().contains('\0')) {
            reader.report(Problem::at(
                word.span(),
                format!("`{key}` contains a NUL, which no program can be given"),
            ));
            return Field::Bad;
        }
        Field::Given(words)
    }

    /// A table of strings: environment variables.
    pub(super) fn variables(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
    ) -> Vec<(Spanned<String>, Text)> {
        let Some(Holds::Variables) = self.holds(key) else { return self.misread(key) };
        let Some((_, value)) = self.take(key) else { return Vec::new() };
        let Some(table) = as_table(reader, key, value) else { return Vec::new() };
        let mut variables = Vec::new();
        for (name, value) in in_file_order(table) {
            let Some(text) = reader.text(name.get_ref(), value, "a string") else { continue };
            let variable = name.get_ref().as_ref();
            if variable.is_empty() || variable.contains(['=', '\0']) || text.as_str().contains('\0') {
                reader.report(
                    Problem::at(name.span(), format!("`{variable}` cannot be an environment variable")).hint(
                        "a name is not empty and holds no `=`; neither the name nor the value holds a NUL",
                    ),
                );
                continue;
            }
            variables.push((Spanned::new(name.span(), variable.to_owned()), text));
        }
        variables
    }

    /// A table of named tables: `[roles.NAME]`, `[roles.R.pipes.NAME]`; in the order of the file.
    pub(super) fn named(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
        kind: &str,
    ) -> Vec<(Spanned<String>, Self)> {
        let Some(Holds::Named(keys)) = self.holds(key) else { return self.misread(key) };
        let Some((_, value)) = self.take(key) else { return Vec::new() };
        let Some(table) = as_table(reader, key, value) else { return Vec::new() };
        let mut named = Vec::new();
        for (name, value) in in_file_order(table) {
            let what = format!("{kind} `{}`", name.get_ref());
            if let Some(table) = Table::read(keys, reader, name.get_ref(), value, name.span(), what) {
                named.push((Spanned::new(name.span(), name.get_ref().clone().into_owned()), table));
            }
        }
        named
    }

    /// An array of tables: `[[roles.R.startup]]`.
    pub(super) fn list(&mut self, reader: &mut Reader<'_>, key: &'static str, kind: &str) -> Vec<Self> {
        let Some(Holds::List(keys)) = self.holds(key) else { return self.misread(key) };
        let Some((name, value)) = self.take(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            let found = describe(value.get_ref());
            reader.report(
                Problem::at(name.span(), format!("`{key}` must be an array of tables"))
                    .label(format!("found {found}"))
                    .hint(format!("write `[[…{key}]]`, with two brackets, once for each {kind}")),
            );
            return Vec::new();
        };
        array
            .iter()
            .enumerate()
            .filter_map(|(index, value)| {
                let at = if value.span().is_empty() { name.span() } else { value.span() };
                Table::read(keys, reader, key, value, at, format!("{kind} {}", index + 1))
            })
            .collect()
    }

    /// What a key gives whose reader takes it for something else than the table of keys does: our mistake,
    /// which any test finds.
    fn misread<T: Default>(&self, key: &str) -> T {
        debug_assert!(false, "`{key}` of a {} is read as something else", self.keys.name);
        T::default()
    }

    /// Says that secrets do not belong in the file, when `key` is there; then the answer is true.
    pub(super) fn refuse_secret(&mut self, reader: &mut Reader<'_>, key: &'static str) -> bool {
        let Some(index) = self.entries.iter().position(|(name, _)| name.get_ref() == key) else {
            return false;
        };
        let (name, _) = self.entries.remove(index);
        reader.report(Problem::at(name.span(), format!("`{key}` of {} is a secret in the file", self.what)).hint(
            "take it out and change it, then say where it is: password-file = \"secrets/…\" (mode 0600) or \
             password-env = \"NAME\"",
        ));
        true
    }

    /// Notes every key that was not taken.
    pub(super) fn finish(self, reader: &mut Reader<'_>) {
        let mut known = self.keys.names();
        debug_assert!(
            known.iter().all(|key| self.asked.contains(key)),
            "not every key of a {} is read",
            self.keys.name
        );
        for (name, _) in &self.entries {
            let key = name.get_ref().as_ref();
            let problem = Problem::at(name.span(), format!("unknown key `{key}` in {}", self.what));
            let meant = MEANT.iter().find(|(other, meant)| *other == key && known.contains(meant));
            let meant = meant.map(|(_, meant)| *meant);
            reader.report(if let Some(near) = meant.or_else(|| nearest(key, &known)) {
                problem.label(format!("did you mean `{near}`?"))
            } else {
                known.sort_unstable();
                problem.label("unknown key").hint(format!("the keys here are {}", list_of(&known, "and")))
            });
        }
    }
}

/// How many bytes a text such as `100MiB` means; at least one.
fn bytes_in(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim() {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
}

/// A value as a table; notes a wrong type.
fn as_table<'t, 'i>(
    reader: &mut Reader<'_>,
    key: &str,
    value: &'t Spanned<DeValue<'i>>,
) -> Option<&'t DeTable<'i>> {
    let table = value.get_ref().as_table();
    if table.is_none() {
        reader.wrong_type(key, value, "a table");
    }
    table
}

fn in_file_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<Entry<'t, 'i>> {
    let mut entries: Vec<Entry<'t, 'i>> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

fn describe(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// The known word that was probably meant.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let normal = |text: &str| text.to_lowercase().replace('_', "-");
    let word = normal(word);
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &normal(candidate)), *candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().max(3) / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `` `a`, `b` or `c` ``.
fn one_of(words: &[&str]) -> String {
    list_of(words, "or")
}

/// `` `a`, `b` and `c` ``.
pub(crate) fn list_of(words: &[&str], last: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{} {last} {end}", rest.join(", ")),
        Some((end, _)) => end.clone(),
        None => "none".to_owned(),
    }
}
